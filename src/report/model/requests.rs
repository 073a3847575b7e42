//! What the access logs tell: how many requests failed, at which upstream, on which route, for whom.

use super::{
    Findings,
    axis::Axis,
    pace::{Pace, pace},
};
use crate::{
    aggregate::{Histogram, Requests, TrafficCount, TrafficRow},
    diagnose::Traffic,
    words::{grouped, milliseconds},
};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

/// All requests together.
#[derive(Clone, Debug, Serialize)]
pub struct RequestsLine {
    pub n_requests: u64,
    /// Answered 5xx.
    pub n_5xx: u64,
    /// Abandoned by the client before an answer.
    pub n_499: u64,
    /// 5xx in requests, in per cent, rounded to a hundredth.
    pub percent_5xx: f64,
    /// Requests by status: the 5xx and 499 that occur, most first.
    pub statuses: Vec<StatusCount>,
    /// Failed attempts that another attempt made good.
    pub n_masked: u64,
    pub request_ms_p50: Option<u32>,
    pub request_ms_p99: Option<u32>,
    /// Requests, and 5xx, per cell of the plot.
    pub series: Vec<u64>,
    pub series_5xx: Vec<u64>,
}

impl RequestsLine {
    /// `120,034; 1.54 % answered 5xx: 1,200 × 502, 643 × 504; 212 × 499; 57 failed tries masked by a retry`
    pub fn text(&self) -> String {
        let of = |keep: fn(u16) -> bool| {
            let kept = self.statuses.iter().filter(move |count| keep(count.status));
            let word =
                |count: &StatusCount| format!("{} × {}", grouped(count.n_requests), count.status);
            kept.map(word).collect::<Vec<_>>().join(", ")
        };
        let mut text = grouped(self.n_requests);
        match self.n_5xx {
            0 => text.push_str("; none answered 5xx"),
            _ => text.push_str(&format!(
                "; {} % answered 5xx: {}",
                self.percent_5xx,
                of(|s| s >= 500)
            )),
        }
        if self.n_499 > 0 {
            text.push_str(&format!("; {}", of(|s| s == 499)));
        }
        if self.n_masked > 0 {
            text.push_str(&format!(
                "; {} failed tries masked by a retry",
                grouped(self.n_masked)
            ));
        }
        if let (Some(p50), Some(p99)) = (self.request_ms_p50, self.request_ms_p99) {
            let (p50, p99) = (milliseconds(Some(p50)), milliseconds(Some(p99)));
            text.push_str(&format!("; half took at most {p50}, 99 % at most {p99}"));
        }
        text
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct StatusCount {
    pub status: u16,
    pub n_requests: u64,
}

/// Traffic of one upstream.
#[derive(Clone, Debug, Serialize)]
pub struct TrafficLine {
    /// Empty for requests that met none.
    pub upstream: String,
    /// Requests whose last attempt was there.
    pub n_requests: u64,
    pub n_attempts: u64,
    pub n_failed_attempts: u64,
    /// Of those, the ones that a later attempt made good.
    pub n_masked: u64,
    pub n_5xx: u64,
    /// Times of its answers.
    pub response_ms_p50: Option<u32>,
    pub response_ms_p99: Option<u32>,
    /// Failed attempts per cell of the plot.
    pub series: Vec<u64>,
    pub pace: Pace,
}

impl TrafficLine {
    /// Its address or group, or that there is none.
    pub fn name(&self) -> &str {
        match self.upstream.as_str() {
            "" => "(no upstream)",
            name => name,
        }
    }
}

/// Requests for one route.
#[derive(Clone, Debug, Serialize)]
pub struct RouteLine {
    pub route: String,
    pub n_requests: u64,
    /// Answered 5xx or abandoned.
    pub n_failed: u64,
    pub request_ms_p50: Option<u32>,
    pub request_ms_p99: Option<u32>,
    /// The first that failed; empty if none did.
    pub evidence: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ClientLine {
    pub client: String,
    pub n_failed: u64,
}

pub(super) fn requests(findings: &Findings<'_>, axis: &Axis) -> Option<RequestsLine> {
    let traffic = &findings.placed.traffic;
    let mut sum = TrafficCount::default();
    traffic.iter().for_each(|row| sum.merge(&row.count));
    let sum = sum.finish();
    (sum.n_requests > 0).then(|| RequestsLine {
        n_requests: sum.n_requests,
        n_5xx: sum.n_5xx,
        n_499: sum.n_499,
        percent_5xx: percent(sum.n_5xx, sum.n_requests),
        statuses: statuses(findings, &sum),
        n_masked: sum.n_masked,
        request_ms_p50: sum.request_ms_p50,
        request_ms_p99: sum.request_ms_p99,
        series: series(axis, traffic, |row| row.n_requests),
        series_5xx: series(axis, traffic, |row| row.n_5xx),
    })
}

/// `n` of `all` in per cent, rounded to a hundredth.
fn percent(n: u64, all: u64) -> f64 {
    (n as f64 * 10_000.0 / all.max(1) as f64).round() / 100.0
}

/// All that occur; for a part of the time only those that `traffic` counts.
fn statuses(findings: &Findings<'_>, sum: &TrafficRow) -> Vec<StatusCount> {
    let by_status = &findings.scanned.aggregate.requests.by_status;
    let of_part = [
        (499, sum.n_499),
        (502, sum.n_502),
        (503, sum.n_503),
        (504, sum.n_504),
    ];
    let counts: Vec<(usize, u64)> = if findings.is_part() {
        of_part.to_vec()
    } else {
        let all = by_status.iter().copied().enumerate();
        all.filter(|(status, _)| *status == 499 || *status >= 500)
            .collect()
    };
    let mut statuses: Vec<StatusCount> = counts
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(status, n_requests)| StatusCount {
            status: status as u16,
            n_requests,
        })
        .collect();
    statuses.sort_by_key(|count| std::cmp::Reverse(count.n_requests));
    statuses
}

/// What `of` tells of each row, per cell of the plot.
fn series<'a>(
    axis: &Axis,
    rows: impl IntoIterator<Item = &'a Traffic>,
    of: impl Fn(&TrafficRow) -> u64,
) -> Vec<u64> {
    let rows = rows.into_iter();
    axis.sums(rows.map(|row| (row.bucket, of(&row.count.finish()))))
}

/// The `n_top` first by failed attempts, then by requests, and how many more there are.
pub(super) fn traffic(
    findings: &Findings<'_>,
    axis: &Axis,
    columns: &Axis,
) -> (Vec<TrafficLine>, usize) {
    let mut groups: BTreeMap<&[u8], Vec<&Traffic>> = BTreeMap::new();
    for row in &findings.placed.traffic {
        let name = row.upstream.as_deref().unwrap_or_default();
        groups.entry(name).or_default().push(row);
    }
    let mut sums: Vec<(&[u8], Vec<&Traffic>, TrafficRow)> = groups
        .into_iter()
        .map(|(name, rows)| {
            let mut sum = TrafficCount::default();
            rows.iter().for_each(|row| sum.merge(&row.count));
            (name, rows, sum.finish())
        })
        .collect();
    sums.sort_by_key(|(.., sum)| Reverse((sum.n_failed_attempts, sum.n_requests)));
    let n_more = sums.len().saturating_sub(findings.n_top);
    sums.truncate(findings.n_top);
    let line = |(name, rows, sum): (&[u8], Vec<&Traffic>, TrafficRow)| TrafficLine {
        upstream: findings.names.redactor().upstream(name).for_terminal(),
        n_requests: sum.n_requests,
        n_attempts: sum.n_attempts,
        n_failed_attempts: sum.n_failed_attempts,
        n_masked: sum.n_masked,
        n_5xx: sum.n_5xx,
        response_ms_p50: sum.response_ms_p50,
        response_ms_p99: sum.response_ms_p99,
        pace: pace(name, &rows, columns),
        series: series(axis, rows, |row| row.n_failed_attempts),
    };
    (sums.into_iter().map(line).collect(), n_more)
}

/// The routes with most failed requests.
pub(super) fn failing_routes(findings: &Findings<'_>) -> Vec<RouteLine> {
    routes(findings, |n_failed, _| n_failed)
}

/// The routes whose requests take longest, of those that are asked for often enough to tell.
pub(super) fn slowest_routes(findings: &Findings<'_>) -> Vec<RouteLine> {
    routes(findings, |_, request| match request.n() {
        0..REQUESTS_MIN => 0,
        _ => request.quantile(990).unwrap_or(0).into(),
    })
}

/// A 99th percentile of fewer is just the slowest.
const REQUESTS_MIN: u64 = 20;

fn routes(findings: &Findings<'_>, weight: impl Fn(u64, &Histogram) -> u64) -> Vec<RouteLine> {
    if findings.is_part() {
        return Vec::new(); // counted without their times
    }
    let routes = &findings.scanned.aggregate.requests.routes;
    let redactor = findings.names.redactor();
    let weight =
        |count: &crate::aggregate::requests::RouteCount| weight(count.n_failed, &count.request);
    Requests::top(routes, findings.n_top, weight)
        .into_iter()
        .map(|row| RouteLine {
            route: redactor.uri(&row.name.unwrap_or_default()).for_terminal(),
            n_requests: row.count.n_requests,
            n_failed: row.count.n_failed,
            request_ms_p50: row.count.request.quantile(500),
            request_ms_p99: row.count.request.quantile(990),
            evidence: row
                .count
                .first_failed()
                .map_or_else(String::new, |at| findings.names.evidence(&at)),
        })
        .collect()
}

/// The clients with most failed requests.
pub(super) fn clients(findings: &Findings<'_>) -> Vec<ClientLine> {
    if findings.is_part() {
        return Vec::new();
    }
    let clients = &findings.scanned.aggregate.requests.clients;
    let redactor = findings.names.redactor();
    Requests::top(clients, findings.n_top, |count| count.n_failed)
        .into_iter()
        .map(|row| ClientLine {
            client: redactor
                .client(&row.name.unwrap_or_default())
                .for_terminal(),
            n_failed: row.count.n_failed,
        })
        .collect()
}
