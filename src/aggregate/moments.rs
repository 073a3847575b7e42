//! Moments in the making: when the gateway reloaded, crashed, gave up a peer; by second, peer and kind.

use super::{
    bucket::{Grain, Width},
    evidence::Evidence,
    limits::MOMENT_ROWS_MAX,
    table::{Count, Row, Table},
};
use crate::event::{LocalTime, Moment};
use std::sync::Arc;

/// The same moment of the same peer within one second; in wider buckets once there are very many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MomentRow {
    pub moment: Moment,
    /// The peer or the group it is about, if it is about one; of a start the version, as nginx writes it.
    pub upstream: Option<Arc<[u8]>>,
    pub n_events: u64,
    pub first_seen: LocalTime,
    pub last_seen: LocalTime,
    pub evidence: Evidence,
}

/// Moments that merge exactly, in bounded memory: see [`limits`](super::limits).
#[derive(Clone, Debug)]
pub struct Moments {
    table: Table<MomentCount>,
}

#[derive(Clone, Debug)]
struct MomentCount {
    n_events: u64,
    first_second: u32,
    last_second: u32,
    evidence: Evidence,
}

impl Default for MomentCount {
    fn default() -> MomentCount {
        MomentCount {
            n_events: 0,
            first_second: u32::MAX,
            last_second: 0,
            evidence: Evidence::LAST,
        }
    }
}

impl Count for MomentCount {
    const ROWS_MAX: usize = MOMENT_ROWS_MAX;

    type Late = ();

    fn collect_late(&mut self, (): ()) {}

    fn merge(&mut self, other: &MomentCount) {
        self.n_events += other.n_events;
        self.first_second = self.first_second.min(other.first_second);
        self.last_second = self.last_second.max(other.last_second);
        self.evidence = self.evidence.min(other.evidence);
    }
}

impl Default for Moments {
    fn default() -> Moments {
        Moments {
            table: Table::new(Grain::Fixed(Width::Second)),
        }
    }
}

impl Moments {
    /// Counts one. `time` lies between 2001 and 2099.
    #[inline(never)] // few records are moments
    pub fn collect(
        &mut self,
        moment: Moment,
        time: LocalTime,
        upstream: Option<&[u8]>,
        evidence: Evidence,
    ) {
        let count = |count: &mut MomentCount, second: u32| {
            count.n_events += 1;
            count.first_second = count.first_second.min(second);
            count.last_second = count.last_second.max(second);
            count.evidence = count.evidence.min(evidence);
            None
        };
        self.table
            .collect(Some(time), upstream, moment as u32, count);
    }

    /// See [`Aggregate::sort`](super::Aggregate::sort).
    pub fn sort(&mut self) {
        self.table.sort();
    }

    pub fn merge(&mut self, other: Moments) {
        self.table.merge(other.table);
    }

    /// All of them, by time, upstream and kind.
    pub fn finish(self) -> Vec<MomentRow> {
        self.table.into_rows().map(MomentRow::of).collect()
    }

    /// How fine their times are: rows of the same bucket are one.
    pub fn width(&self) -> Width {
        self.table.width()
    }
}

impl MomentRow {
    fn of(row: Row<MomentCount>) -> MomentRow {
        let Row {
            name, kind, count, ..
        } = row;
        MomentRow {
            moment: Moment::ALL[kind as usize],
            upstream: name,
            n_events: count.n_events,
            first_seen: LocalTime(i64::from(count.first_second)),
            last_seen: LocalTime(i64::from(count.last_second)),
            evidence: count.evidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::SourceKey;

    fn of(range: std::ops::Range<u32>) -> Moments {
        let mut moments = Moments::default();
        for n in range {
            let peer = format!("10.0.0.{}:80", n % 3);
            let evidence = Evidence {
                source: SourceKey::new(0, 0),
                offset: u64::from(n) * 100,
                line_in_chunk: n,
            };
            let time = LocalTime(1_795_176_000 + i64::from(n * 7 % 50));
            let moment = Moment::ALL[n as usize % Moment::ALL.len()];
            moments.collect(
                moment,
                time,
                (n % 2 == 0).then_some(peer.as_bytes()),
                evidence,
            );
        }
        moments
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let whole = of(0..500).finish();
        assert_eq!(whole.iter().map(|row| row.n_events).sum::<u64>(), 500);
        for cut in [0, 1, 250, 499, 500] {
            for (a, b) in [(0..cut, cut..500), (cut..500, 0..cut)] {
                let mut merged = of(a);
                merged.merge(of(b));
                assert_eq!(merged.finish(), whole, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_storm_is_bounded_and_leaves_a_rare_moment_its_second() {
        let mut moments = Moments::default();
        let evidence = Evidence {
            source: SourceKey::new(0, 0),
            offset: 7,
            line_in_chunk: 0,
        };
        let start = 1_795_176_000;
        for second in 0..100_000 {
            moments.collect(
                Moment::NoLive,
                LocalTime(start + second),
                Some(b"app"),
                evidence,
            );
        }
        moments.collect(Moment::Reload, LocalTime(start + 12_345), None, evidence);
        assert_eq!(moments.width(), Width::TenSeconds);
        let rows = moments.finish();
        assert!(rows.len() <= MOMENT_ROWS_MAX);
        let reload = rows.iter().find(|row| row.moment == Moment::Reload);
        assert_eq!(
            reload.map(|row| (row.first_seen, row.last_seen)),
            Some((LocalTime(start + 12_345), LocalTime(start + 12_345)))
        );
    }
}
