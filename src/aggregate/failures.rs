//! The table `failures` in the making: counts by bucket, upstream, category, phase and severity.

use super::{
    bucket::{Grain, Width},
    clients::{self, Clients},
    evidence::Evidence,
    limits::FAILURE_ROWS_MAX,
    table::{Count, Row, Table},
};
use crate::event::{Basis, Category, LocalTime, Phase, Severity};
use std::sync::Arc;

/// What one row is about, but for time and upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    pub category: Category,
    pub phase: Phase,
    pub severity: Severity,
    pub basis: Basis,
}

/// One row, local times still.
#[derive(Clone, Debug)]
pub struct FailureRow {
    /// Start of the bucket; `None` for records without time.
    pub bucket: Option<LocalTime>,
    /// `None` where the records name none. Shared by all rows of this upstream.
    pub upstream: Option<Arc<[u8]>>,
    pub kind: Kind,
    pub n_events: u64,
    pub clients: Clients,
    pub first_seen: Option<LocalTime>,
    pub last_seen: Option<LocalTime>,
    pub evidence: Evidence,
}

impl FailureRow {
    /// The upstream's name, if the records name one.
    pub fn upstream(&self) -> Option<&[u8]> {
        self.upstream.as_deref()
    }
}

/// Counts that merge exactly, in bounded memory: see [`limits`](super::limits).
#[derive(Clone, Debug)]
pub struct Failures {
    table: Table<FailureCount>,
}

/// The events of one row.
#[derive(Clone, Debug)]
struct FailureCount {
    n_events: u64,
    first_second: u32,
    last_second: u32,
    evidence: Evidence,
    clients: Clients,
}

impl Default for FailureCount {
    fn default() -> FailureCount {
        FailureCount {
            n_events: 0,
            first_second: u32::MAX,
            last_second: 0,
            evidence: Evidence::LAST,
            clients: Clients::default(),
        }
    }
}

impl Count for FailureCount {
    const ROWS_MAX: usize = FAILURE_ROWS_MAX;

    /// A client's coupon.
    type Late = u32;

    fn collect_late(&mut self, coupon: u32) {
        self.clients.insert(coupon);
    }

    fn merge(&mut self, other: &FailureCount) {
        self.n_events += other.n_events;
        self.first_second = self.first_second.min(other.first_second);
        self.last_second = self.last_second.max(other.last_second);
        self.evidence = self.evidence.min(other.evidence);
        self.clients.merge(&other.clients);
    }
}

impl Failures {
    pub fn new(grain: Grain) -> Failures {
        Failures {
            table: Table::new(grain),
        }
    }

    /// Counts one event. `time` lies between 2001 and 2099.
    #[inline(always)] // so that what is counted stays in registers
    pub fn collect(
        &mut self,
        time: Option<LocalTime>,
        upstream: Option<&[u8]>,
        kind: Kind,
        client: Option<&[u8]>,
        evidence: Evidence,
    ) {
        let count = |count: &mut FailureCount, second: u32| {
            count.n_events += 1;
            count.first_second = count.first_second.min(second);
            count.last_second = count.last_second.max(second);
            if evidence.is_before(&count.evidence) {
                count.evidence = evidence;
            }
            client.map(clients::coupon)
        };
        self.table.collect(time, upstream, kind.pack(), count);
    }

    pub fn merge(&mut self, other: Failures) {
        self.table.merge(other.table);
    }

    /// Rows of [`width`](Self::width), in order: by time, then upstream, then kind.
    pub fn rows(&self) -> Vec<FailureRow> {
        self.table.rows().map(FailureRow::of).collect()
    }

    /// Like [`rows`](Self::rows), for when the counts are no longer needed: copies no clients.
    pub fn into_rows(self) -> impl Iterator<Item = FailureRow> {
        self.table.into_rows().map(FailureRow::of)
    }

    /// When the last event was; `None` without one that has a time.
    pub fn last_seen(&self) -> Option<LocalTime> {
        self.table.last()
    }

    /// See [`Aggregate::sort`](super::Aggregate::sort).
    pub fn sort(&mut self) {
        self.table.sort();
    }

    /// How fine the rows are.
    pub fn width(&self) -> Width {
        self.table.width()
    }

    /// The width was raised by the limit on rows.
    pub fn is_coarsened(&self) -> bool {
        self.table.is_coarsened()
    }

    /// Upstreams are pooled.
    pub fn is_pooling(&self) -> bool {
        self.table.is_pooling()
    }
}

impl FailureRow {
    fn of(row: Row<FailureCount>) -> FailureRow {
        let Row {
            bucket,
            name,
            kind,
            count,
        } = row;
        let time = |second: u32| (second != 0).then_some(LocalTime(i64::from(second)));
        FailureRow {
            bucket,
            upstream: name,
            kind: Kind::unpack(kind),
            n_events: count.n_events,
            clients: count.clients,
            first_seen: time(count.first_second),
            last_seen: time(count.last_second),
            evidence: count.evidence,
        }
    }
}

impl Kind {
    fn pack(self) -> u32 {
        u32::from_be_bytes([
            self.category as u8,
            self.phase as u8,
            self.severity as u8,
            self.basis as u8,
        ])
    }

    fn unpack(packed: u32) -> Kind {
        let [category, phase, severity, basis] = packed.to_be_bytes().map(usize::from);
        Kind {
            category: Category::ALL[category],
            phase: Phase::ALL[phase],
            severity: Severity::ALL[severity],
            basis: Basis::ALL[basis],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::SourceKey;
    use std::ops::Range;

    const START: i64 = 1_795_173_840;

    fn kind(n: usize) -> Kind {
        Kind {
            category: Category::ALL[n % Category::ALL.len()],
            phase: Phase::ALL[n % Phase::ALL.len()],
            severity: Severity::ALL[0],
            basis: Basis::ErrorLog,
        }
    }

    /// Events `range` of a log in which times go back and forth.
    fn of(range: Range<usize>, grain: Grain) -> Failures {
        let mut failures = Failures::new(grain);
        let time =
            |n: usize| (!n.is_multiple_of(11)).then_some(LocalTime(START + (n * 7 % 900) as i64));
        collect(&mut failures, range, time);
        failures
    }

    fn collect(
        failures: &mut Failures,
        range: Range<usize>,
        time: impl Fn(usize) -> Option<LocalTime>,
    ) {
        for n in range {
            let time = time(n);
            let upstream = (n % 5 != 0).then(|| format!("10.0.0.{}:8080", n * 13 % 29));
            let client = (n % 3 != 0).then(|| (n % 400).to_string());
            let evidence = Evidence {
                source: SourceKey::new(0, 0),
                offset: n as u64,
                line_in_chunk: 0,
            };
            let (upstream, client) = (
                upstream.as_deref().map(str::as_bytes),
                client.as_deref().map(str::as_bytes),
            );
            failures.collect(time, upstream, kind(n * n % 41), client, evidence);
        }
    }

    fn told(rows: &[FailureRow]) -> Vec<String> {
        let told = |row: &FailureRow| {
            let FailureRow {
                bucket,
                kind,
                n_events,
                first_seen,
                last_seen,
                evidence,
                ..
            } = row;
            let (upstream, n_clients) = (row.upstream(), row.clients.finish());
            format!(
                "{bucket:?} {upstream:?} {kind:?} {n_events} {n_clients} {first_seen:?} {last_seen:?} {evidence:?}"
            )
        };
        rows.iter().map(told).collect()
    }

    #[test]
    fn parts_that_lie_apart_merge_to_the_whole() {
        let time = |n: usize| Some(LocalTime(START + (n / 5) as i64));
        let of = |part: &Range<usize>| {
            let mut failures = Failures::new(Grain::Fixed(Width::Second));
            collect(&mut failures, part.clone(), time);
            failures
        };
        let whole = told(&of(&(0..5_000)).rows());
        for (a, b) in [(1_000, 3_003), (7, 4_998), (2_000, 2_001)] {
            let parts = [0..a, a..b, b..5_000];
            for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
                let [first, second, third] = order.map(|part| parts[part].clone());
                let mut merged = of(&first);
                merged.merge(of(&second));
                merged.merge(of(&third));
                assert_eq!(told(&merged.rows()), whole);
                // What is counted after a merge finds its cells, too.
                let mut merged = of(&first);
                merged.merge(of(&second));
                collect(&mut merged, third, time);
                assert_eq!(told(&merged.rows()), whole);
            }
        }
    }

    #[test]
    fn parts_merge_to_the_whole_in_order() {
        for grain in [Grain::OfSpan, Grain::Fixed(Width::Minute)] {
            let whole = of(0..5_000, grain);
            let rows = whole.rows();
            let sort_key = |row: &FailureRow| (row.bucket, row.upstream.clone(), row.kind);
            assert!(rows.is_sorted_by_key(sort_key));
            assert_eq!(rows.iter().map(|row| row.n_events).sum::<u64>(), 5_000);
            for cut in [0, 1, 700, 2_500, 5_000] {
                for (a, b) in [(0..cut, cut..5_000), (cut..5_000, 0..cut)] {
                    let mut merged = of(a, grain);
                    merged.merge(of(b, grain));
                    assert_eq!(told(&merged.rows()), told(&rows), "{grain:?} cut at {cut}");
                    assert_eq!(
                        told(&merged.into_rows().collect::<Vec<_>>()),
                        told(&rows),
                        "{grain:?} cut at {cut}"
                    );
                }
            }
        }
    }
}
