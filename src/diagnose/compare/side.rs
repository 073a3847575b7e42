//! One side of a comparison: what was counted before, or after.
//!
//! Logs of one run, or the part of them that lies before or behind a cut. Signatures, levels and statuses come from a second reading, since
//! the first counts them without their times.

use crate::{
    aggregate::{Table, TrafficCount, TrafficRow, Width, bucket::Grain, requests::RouteCount},
    diagnose::{Failure, Gap, KnownZone, Traffic, ZoneBasis, account::Account, gaps},
    engine::{Scanned, rotation_set},
    event::{Basis, Category, LocalTime, Severity, Timestamp},
    input::Kind,
    zone::Zone,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a row of a comparison is about. Without an upstream: records and requests that name none.
pub type Key = (Option<Arc<[u8]>>, Category);

/// What was counted on one side.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// There were error logs, be they empty.
    pub has_records: bool,
    pub has_requests: bool,
    /// Of severity failure, as error logs tell.
    pub of_records: Failing,
    /// The same as access logs tell.
    pub of_requests: Failing,
    pub traffic: BTreeMap<Option<Arc<[u8]>>, TrafficRow>,
    /// All upstreams together.
    pub requests: TrafficRow,
    pub tally: Tally,
    /// From the first to the last record or request.
    pub span: Option<Span>,
    /// The same of requests alone, and of error records.
    pub span_of_requests: Option<Span>,
    pub span_of_records: Option<Span>,
    /// Seconds of the span, without silences of access logs that their pace rules out.
    pub covered_s: u64,
    /// Hours of the day, UTC, with records or requests; and whether any lie on working days, or on Saturdays and Sundays.
    pub hours: BTreeSet<i64>,
    pub on_working_days: bool,
    pub on_weekends: bool,
    pub gaps: Vec<Gap>,
    /// Hosts, pods or containers.
    pub machines: BTreeSet<Vec<u8>>,
    pub zone: String,
    /// Nothing told the zone of its error records.
    pub zone_is_assumed: bool,
    /// Sources that are damaged, unreadable or changed while they were read.
    pub n_troubled: usize,
    pub n_sources: usize,
}

/// Failures of one kind of log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    pub rows: BTreeMap<Key, Failed>,
    /// All together.
    pub total: Option<Failed>,
}

/// Failures of one kind: how many, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    pub n: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// The longest time without one, from the first to the end of the side.
    pub quiet_s: i64,
}

/// What a second reading counts.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Records of severity failure or warning by signature, by its index in the taxonomy.
    pub n_by_signature: BTreeMap<u16, (Severity, u64)>,
    /// Error records by level.
    pub n_by_level: [u64; 8],
    pub n_by_status: BTreeMap<u16, u64>,
    /// Requests by route.
    pub routes: Table<RouteCount>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            n_by_signature: BTreeMap::new(),
            n_by_level: [0; 8],
            n_by_status: BTreeMap::new(),
            // No time is told to it, so that any width will do.
            routes: Table::new(Grain::Fixed(Width::Minute)),
        }
    }
}

impl Tally {
    pub fn merge(&mut self, other: Tally) {
        for (signature, (severity, n)) in &other.n_by_signature {
            let mine = self.n_by_signature.entry(*signature);
            mine.or_insert((*severity, 0)).1 += n;
        }
        for (mine, theirs) in self.n_by_level.iter_mut().zip(other.n_by_level) {
            *mine += theirs;
        }
        for (status, n) in &other.n_by_status {
            *self.n_by_status.entry(*status).or_default() += n;
        }
        self.routes.merge(other.routes);
    }
}

/// From the first second to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Span {
    pub fn seconds(&self) -> i64 {
        self.last.0 - self.first.0 + 1
    }

    /// What of it lies in `window`.
    fn within(self, window: Window) -> Option<Span> {
        let first = window
            .since
            .map_or(self.first, |since| since.max(self.first));
        let until = window.until.map_or(i64::MAX, |until| until.0);
        let last = Timestamp(self.last.0.min(until - 1));
        (first <= last).then_some(Span { first, last })
    }

    fn hull(a: Option<Span>, b: Option<Span>) -> Option<Span> {
        let (Some(x), Some(y)) = (a, b) else {
            return a.or(b);
        };
        Some(Span {
            first: x.first.min(y.first),
            last: x.last.max(y.last),
        })
    }
}

/// The time of a side: `[since, until)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Window {
    pub fn holds(self, time: Option<Timestamp>) -> bool {
        super::super::placed::is_between(time, self.since, self.until)
    }
}

/// What a side is made of.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    pub scanned: &'a Scanned,
    pub account: &'a Account,
    pub zone: &'a KnownZone,
    /// In order of time.
    pub failures: &'a [Failure],
    pub traffic: &'a [Traffic],
}

impl Side {
    /// What of `counted` lies in `window`, with what a second reading of it counted.
    pub fn of(counted: &Counted<'_>, window: Window, tally: Tally) -> Side {
        let Counted {
            scanned,
            account,
            zone: known,
            ..
        } = *counted;
        let mut side = Side {
            tally,
            zone: known.zone.name().to_owned(),
            n_sources: account
                .sources
                .iter()
                .filter(|source| source.is_read)
                .count(),
            n_troubled: account
                .sources
                .iter()
                .filter(|source| !source.problems.is_empty())
                .count(),
            gaps: gaps(scanned, &known.zone, window.since, window.until),
            ..Side::default()
        };
        side.look_at_sources(scanned, &known.zone, window);
        side.forget_good_silences(scanned);
        side.zone_is_assumed = known.basis == ZoneBasis::Assumed && side.span_of_records.is_some();
        side.span = Span::hull(side.span_of_records, side.span_of_requests);
        side.covered_s = side.covered_s();
        let failures = counted
            .failures
            .iter()
            .filter(|row| window.holds(row.bucket));
        for row in failures.filter(|row| row.kind.severity == Severity::Failure) {
            match row.kind.basis {
                Basis::AccessLog => side.of_requests.collect(row),
                Basis::ErrorLog | Basis::HaproxyLog => side.of_records.collect(row),
            }
        }
        if let Some(span) = side.span {
            side.of_records.end(span.last);
            side.of_requests.end(span.last);
        }
        let traffic = counted
            .traffic
            .iter()
            .filter(|row| window.holds(row.bucket));
        side.collect_traffic(traffic);
        side
    }

    fn look_at_sources(&mut self, scanned: &Scanned, zone: &Zone, window: Window) {
        for (state, ledger) in scanned.sources.iter().zip(&scanned.ledgers) {
            self.has_records |= matches!(state.kind, Kind::NginxError | Kind::Empty);
            let names = ledger.machines.keys().map(|name| name.to_vec());
            self.machines.extend(names);
            let name = state
                .machine
                .name()
                .into_iter()
                .map(|name| name.as_bytes().to_vec());
            self.machines.extend(name);
        }
        for (is_of_requests, stretch) in stretches(scanned, zone) {
            if let Some(span) = stretch.within(window) {
                self.note_hours(span);
            }
            let of_kind = match is_of_requests {
                true => &mut self.span_of_requests,
                false => &mut self.span_of_records,
            };
            *of_kind = Span::hull(*of_kind, Some(stretch));
        }
        // A log that reaches over a cut covers the time on both sides up to it.
        for span in [&mut self.span_of_requests, &mut self.span_of_records] {
            *span = span.and_then(|span| span.within(window));
        }
    }

    /// An error log that is silent while the access log goes on tells that nothing failed, and is no gap.
    fn forget_good_silences(&mut self, scanned: &Scanned) {
        if self.span_of_requests.is_none() {
            return;
        }
        let sources = scanned.sources.iter().zip(&scanned.ledgers);
        let of_requests = sources.filter(|(_, ledger)| ledger.first_request.is_some());
        let name = |name: &[u8]| rotation_set(&String::from_utf8_lossy(name)).0;
        let of_requests: BTreeSet<String> =
            of_requests.map(|(state, _)| name(&state.name)).collect();
        self.gaps.retain(|gap| match gap {
            Gap::Silence { set: Some(set), .. } => of_requests.contains(set),
            Gap::Silence { set: None, .. } | Gap::Missing { .. } => true,
        });
    }

    /// Seconds of the span, without silences of access logs: one of error logs alone may be what was hoped for.
    fn covered_s(&self) -> u64 {
        let Some(span) = self.span else {
            return 0;
        };
        let silent = self.gaps.iter().map(|gap| match gap {
            Gap::Silence {
                set: None,
                from,
                to,
            } if self.span_of_requests.is_some() => {
                (to.0.min(span.last.0) - from.0.max(span.first.0)).max(0)
            }
            Gap::Silence { .. } | Gap::Missing { .. } => 0,
        });
        (span.seconds() - silent.sum::<i64>()).max(1) as u64
    }

    fn note_hours(&mut self, span: Span) {
        let (first, last) = (
            span.first.0.div_euclid(3_600),
            span.last.0.div_euclid(3_600),
        );
        for hour in first..=last.min(first + 24 * 7) {
            self.hours.insert(hour.rem_euclid(24));
            // 1970-01-01 was a Thursday.
            match (hour.div_euclid(24) + 3).rem_euclid(7) {
                0..=4 => self.on_working_days = true,
                _ => self.on_weekends = true,
            }
        }
    }

    fn collect_traffic<'a>(&mut self, rows: impl Iterator<Item = &'a Traffic>) {
        let mut sums: BTreeMap<Option<Arc<[u8]>>, TrafficCount> = BTreeMap::new();
        let mut all = TrafficCount::default();
        for row in rows {
            all.merge(&row.count);
            sums.entry(row.upstream.clone())
                .or_default()
                .merge(&row.count);
        }
        self.requests = all.finish();
        self.has_requests = self.requests.n_requests > 0;
        self.traffic = sums
            .into_iter()
            .map(|(name, count)| (name, count.finish()))
            .collect();
    }

    /// The failures of one kind of log.
    pub fn failing(&self, basis: Basis) -> &Failing {
        match basis {
            Basis::AccessLog => &self.of_requests,
            Basis::ErrorLog | Basis::HaproxyLog => &self.of_records,
        }
    }
}

/// Stretches of time with requests, or with records, of all sources, in UTC.
fn stretches<'a>(scanned: &'a Scanned, zone: &'a Zone) -> impl Iterator<Item = (bool, Span)> + 'a {
    let sources = scanned.sources.iter().zip(&scanned.ledgers);
    let logs = sources.filter(|(state, _)| state.kind.is_log());
    logs.flat_map(move |(_, ledger)| {
        // Requests are written with their offset from UTC.
        let is_of_requests = ledger.first_request.is_some();
        let instant = move |second: i64| match is_of_requests {
            true => Timestamp(second),
            false => zone.instant(LocalTime(second)).0,
        };
        let stretches = ledger.activity.finish().0.iter();
        stretches.map(move |stretch| {
            let (first, last) = (instant(stretch.first), instant(stretch.last));
            (is_of_requests, Span { first, last })
        })
    })
}

/// From the first record or request of all sources to the last.
pub fn span_of(scanned: &Scanned, zone: &Zone) -> Option<Span> {
    stretches(scanned, zone).fold(None, |all, (_, span)| Span::hull(all, Some(span)))
}

impl Failing {
    fn collect(&mut self, row: &Failure) {
        let (Some(first), Some(last)) = (row.first_seen, row.last_seen) else {
            return;
        };
        let seen = Failed {
            n: row.n_events,
            first,
            last,
            quiet_s: 0,
        };
        let key = (row.upstream.clone(), row.kind.category);
        match self.rows.get_mut(&key) {
            Some(known) => known.add(&seen),
            None => {
                self.rows.insert(key, seen);
            }
        }
        match &mut self.total {
            Some(known) => known.add(&seen),
            None => self.total = Some(seen),
        }
    }

    /// The side ends at `end`.
    fn end(&mut self, end: Timestamp) {
        for failed in self.rows.values_mut().chain(self.total.iter_mut()) {
            failed.quiet_s = failed.quiet_s.max(end.0 - failed.last.0);
        }
    }
}

impl Failed {
    /// Adds what was seen then or later.
    fn add(&mut self, later: &Failed) {
        self.n += later.n;
        self.quiet_s = self.quiet_s.max(later.first.0 - self.last.0);
        self.first = self.first.min(later.first);
        self.last = self.last.max(later.last);
    }
}
