//! What is kept of the requests in access logs. Their times carry an offset, so all of it is in UTC.

use super::{
    bucket::Grain,
    durations::Durations,
    evidence::Evidence,
    failures::Failures,
    histogram::Histogram,
    limits::{FAILING_CLIENTS_MAX, POOLED_UPSTREAM, ROUTES_MAX, TRAFFIC_ROWS_MAX},
    served::{Served, served},
    table::{Count, Row, Table},
    traffic::TrafficCount,
};
use std::cmp::Reverse;

/// Counts of requests that merge exactly.
#[derive(Clone, Debug)]
pub struct Requests {
    /// Requests by status; a status that is none counts as 0.
    pub by_status: Vec<u64>,
    /// What the lines tell of failures: rows of basis `access-log`.
    pub failures: Failures,
    /// By upstream, the empty name for requests that met none.
    pub traffic: Table<TrafficCount>,
    /// When each upstream answered; empty unless it was asked for.
    pub served: Served,
    /// By route, over all times.
    pub routes: Table<RouteCount>,
    /// By the client's address, over all times: those whose requests failed.
    pub clients: Table<ClientCount>,
    /// Of attempts that came to a bad end, over all times.
    pub durations: Durations,
}

impl Count for TrafficCount {
    const ROWS_MAX: usize = TRAFFIC_ROWS_MAX;

    type Late = ();

    fn collect_late(&mut self, (): ()) {}

    fn merge(&mut self, other: &TrafficCount) {
        TrafficCount::merge(self, other);
    }
}

/// Requests for one route.
#[derive(Clone, Debug)]
pub struct RouteCount {
    pub n_requests: u64,
    /// Answered 5xx or abandoned (499).
    pub n_failed: u64,
    pub n_5xx: u64,
    /// Answered 404 without an upstream: looked for among files.
    pub n_unfound: u64,
    pub request: Histogram,
    /// The first that failed; without any, behind every place.
    evidence: Evidence,
    /// The first that was not found.
    evidence_unfound: Evidence,
}

/// What is counted of a request for its route.
#[derive(Clone, Copy, Debug)]
pub struct RouteRequest {
    /// 0: it is not known.
    pub status: u16,
    /// It met an upstream.
    pub has_upstream: bool,
    pub request_ms: Option<u32>,
}

impl Default for RouteCount {
    fn default() -> RouteCount {
        RouteCount {
            n_requests: 0,
            n_failed: 0,
            n_5xx: 0,
            n_unfound: 0,
            request: Histogram::default(),
            evidence: Evidence::LAST,
            evidence_unfound: Evidence::LAST,
        }
    }
}

impl RouteCount {
    /// The first request that failed.
    pub fn first_failed(&self) -> Option<Evidence> {
        (self.n_failed > 0).then_some(self.evidence)
    }

    /// The first request that was not found among files.
    pub fn first_unfound(&self) -> Option<Evidence> {
        (self.n_unfound > 0).then_some(self.evidence_unfound)
    }

    pub fn collect(&mut self, request: RouteRequest, evidence: Evidence) {
        let RouteRequest {
            status,
            has_upstream,
            request_ms,
        } = request;
        let (is_failed, is_5xx) = (is_failed_status(status), status >= 500);
        let is_unfound = status == 404 && !has_upstream;
        self.n_requests += 1;
        self.n_failed += u64::from(is_failed);
        self.n_5xx += u64::from(is_5xx);
        self.n_unfound += u64::from(is_unfound);
        if let Some(ms) = request_ms {
            self.request.collect(ms);
        }
        if is_failed && evidence.is_before(&self.evidence) {
            self.evidence = evidence;
        }
        if is_unfound && evidence.is_before(&self.evidence_unfound) {
            self.evidence_unfound = evidence;
        }
    }
}

/// Whether a request answered with `status` hurt its client: 5xx, abandoned (499), or what another protocol said, passed on as HTTP/0.9
/// (009).
pub fn is_failed_status(status: u16) -> bool {
    status >= 500 || matches!(status, 9 | 499)
}

impl Count for RouteCount {
    const ROWS_MAX: usize = ROUTES_MAX;

    type Late = ();

    fn collect_late(&mut self, (): ()) {}

    fn merge(&mut self, other: &RouteCount) {
        self.n_requests += other.n_requests;
        self.n_failed += other.n_failed;
        self.n_5xx += other.n_5xx;
        self.n_unfound += other.n_unfound;
        self.request.merge(&other.request);
        self.evidence = self.evidence.min(other.evidence);
        self.evidence_unfound = self.evidence_unfound.min(other.evidence_unfound);
    }
}

/// Failed requests of one client.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientCount {
    pub n_failed: u64,
}

impl Count for ClientCount {
    const ROWS_MAX: usize = FAILING_CLIENTS_MAX;

    type Late = ();

    fn collect_late(&mut self, (): ()) {}

    fn merge(&mut self, other: &ClientCount) {
        self.n_failed += other.n_failed;
    }
}

impl Requests {
    pub fn new(grain: Grain) -> Requests {
        Requests {
            by_status: vec![0; 1_000],
            failures: Failures::new(grain.analysed()),
            traffic: Table::new(grain),
            served: served(grain),
            routes: Table::new(grain),
            clients: Table::new(grain),
            durations: Durations::default(),
        }
    }

    /// See [`Aggregate::sort`](super::Aggregate::sort).
    pub fn sort(&mut self) {
        self.failures.sort();
        self.traffic.sort();
        self.served.sort();
        self.routes.sort();
        self.clients.sort();
    }

    pub fn merge(&mut self, other: Requests) {
        for (mine, theirs) in self.by_status.iter_mut().zip(other.by_status) {
            *mine += theirs;
        }
        self.failures.merge(other.failures);
        self.traffic.merge(other.traffic);
        self.served.merge(other.served);
        self.routes.merge(other.routes);
        self.clients.merge(other.clients);
        self.durations.merge(other.durations);
    }

    /// The `n` rows of `table` for which `weight` is largest, largest first; ties in the order of names. What is pooled comes last: it
    /// is none of them.
    pub fn top<C: Count>(table: &Table<C>, n: usize, weight: impl Fn(&C) -> u64) -> Vec<Row<C>> {
        let mut rows: Vec<Row<C>> = table.rows().filter(|row| weight(&row.count) > 0).collect();
        let is_pool = |row: &Row<C>| row.name.as_deref() == Some(POOLED_UPSTREAM.as_bytes());
        rows.sort_by_key(|row| (is_pool(row), Reverse(weight(&row.count))));
        rows.truncate(n);
        rows
    }
}
