//! The table `failures` in the making: counts by bucket, upstream, category, phase and severity.

use super::{
    bucket::{Grain, Width},
    cells::{Cell, Cells, Key},
    clients::Clients,
    evidence::Evidence,
    intern::{Interner, NameId},
    limits::{FAILURE_ROWS_MAX, UPSTREAMS_MAX},
};
use crate::event::{Basis, Category, LocalTime, Phase, Severity};
use std::{ops::Range, sync::Arc};

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
    cells: Cells,
    upstreams: Interner,
    grain: Grain,
    width: Width,
    /// The least width that the limit on rows leaves.
    narrowest: Width,
    first_second: u32,
    last_second: u32,
    /// Upstreams whose hash is not below this are pooled.
    threshold: u64,
    /// Seconds of the bucket an event fell into last: neighbours share it.
    bucket: Range<u32>,
}

impl Failures {
    pub fn new(grain: Grain) -> Failures {
        Failures {
            cells: Cells::default(),
            upstreams: Interner::new(),
            grain,
            width: grain.width(0, Width::Second),
            narrowest: Width::Second,
            first_second: u32::MAX,
            last_second: 0,
            threshold: u64::MAX,
            bucket: 0..0,
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
        let second = time.map_or(0, |LocalTime(second)| second as u32);
        let upstream = match upstream {
            None => Interner::NONE,
            Some(name) if self.threshold == u64::MAX => self.upstreams.intern(name),
            Some(name) => self.upstreams.intern_below(name, self.threshold),
        };
        if second != 0 && (second < self.first_second || second > self.last_second) {
            self.widen_span(second);
        }
        if !self.bucket.contains(&second) {
            self.bucket = self.bucket_of(second);
        }
        let key = Key {
            second: self.bucket.start,
            upstream,
            kind: kind.pack(),
        };
        if self.cells.collect(key, second, client, evidence) {
            self.limit();
        }
    }

    pub fn merge(&mut self, other: Failures) {
        self.narrowest = self.narrowest.max(other.narrowest);
        self.threshold = self.threshold.min(other.threshold);
        for second in [other.first_second, other.last_second] {
            if second != 0 && second != u32::MAX {
                self.widen_span(second);
            }
        }
        self.set_width(self.grain.width(self.span_s(), self.narrowest));
        let ids: Vec<NameId> = (0..other.upstreams.len() as NameId)
            .map(|id| match id {
                Interner::NONE | Interner::POOLED => id,
                _ => self
                    .upstreams
                    .intern_below(other.upstreams.name(id), self.threshold),
            })
            .collect();
        let width = self.width;
        let rekey = |key: Key| Key {
            second: width.floor(i64::from(key.second)) as u32,
            upstream: ids[key.upstream as usize],
            ..key
        };
        if other.width == width && self.threshold == u64::MAX {
            self.cells.absorb_apart(other.cells, rekey);
        } else {
            self.cells.absorb(other.cells, rekey);
        }
        self.pool();
        self.limit();
    }

    /// Rows of [`width`](Self::width), in order: by time, then upstream, then kind.
    pub fn rows(&self) -> Vec<FailureRow> {
        self.clone().into_rows()
    }

    /// Like [`rows`](Self::rows), for when the counts are no longer needed: copies no clients.
    pub fn into_rows(mut self) -> Vec<FailureRow> {
        self.sort();
        let names = self.names();
        let row = |mut cell: Cell| {
            let clients = std::mem::take(&mut cell.clients);
            cell.row(&names, clients)
        };
        self.cells.cells.into_iter().map(row).collect()
    }

    /// Puts what was counted in the order of rows. It changes no answer, but parts that are in order, each put so by a thread of its
    /// own, merge to a whole that nearly is.
    pub fn sort(&mut self) {
        let ranks = self.ranks();
        // One integer: comparing two takes no branch.
        self.cells.sort_by_key(|key| {
            let parts = [key.second, ranks[key.upstream as usize], key.kind];
            let append = |number: u128, part| number << 32 | u128::from(part);
            parts.into_iter().fold(0, append)
        });
    }

    /// How fine the rows are.
    pub fn width(&self) -> Width {
        self.width
    }

    /// The width was raised by the limit on rows.
    pub fn is_coarsened(&self) -> bool {
        self.width > self.grain.width(self.span_s(), Width::Second)
    }

    /// Upstreams are pooled.
    pub fn is_pooling(&self) -> bool {
        self.threshold != u64::MAX
    }

    /// The place of each upstream in the order of names, by its id: so that integers are compared, not bytes.
    fn ranks(&self) -> Vec<u32> {
        let name = |id: NameId| (id != Interner::NONE).then(|| self.upstreams.name(id));
        let mut ids: Vec<NameId> = (0..self.upstreams.len() as NameId).collect();
        ids.sort_unstable_by_key(|&id| name(id));
        let mut ranks = vec![0u32; ids.len()];
        for pair in ids.windows(2) {
            ranks[pair[1] as usize] =
                ranks[pair[0] as usize] + u32::from(name(pair[0]) != name(pair[1]));
        }
        ranks
    }

    /// Name of each upstream, by its id.
    fn names(&self) -> Vec<Option<Arc<[u8]>>> {
        let name = |id| (id != Interner::NONE).then(|| Arc::from(self.upstreams.name(id)));
        (0..self.upstreams.len() as NameId).map(name).collect()
    }

    /// The seconds that share a bucket with `second`.
    #[cold]
    fn bucket_of(&self, second: u32) -> Range<u32> {
        let start = self.width.floor(i64::from(second)) as u32;
        start..start + self.width.seconds() as u32
    }

    fn span_s(&self) -> i64 {
        i64::from(self.last_second) - i64::from(self.first_second.min(self.last_second))
    }

    #[cold]
    fn widen_span(&mut self, second: u32) {
        self.first_second = self.first_second.min(second);
        self.last_second = self.last_second.max(second);
        let width = self.grain.width(self.span_s(), self.narrowest);
        if width > self.width {
            self.set_width(width);
        }
    }

    fn set_width(&mut self, width: Width) {
        if width <= self.width {
            return;
        }
        self.width = width;
        self.bucket = 0..0;
        self.cells.rekey(|key| Key {
            second: width.floor(i64::from(key.second)) as u32,
            ..key
        });
    }

    /// Widens buckets, then pools upstreams, until the limits hold. Whether a row or an upstream stays depends on all that
    /// was counted, never on its order: part of a log is never kept more coarsely than the whole.
    #[cold]
    fn limit(&mut self) {
        while self.upstreams.len() > UPSTREAMS_MAX + 2 {
            self.threshold /= 2;
            self.pool();
        }
        while self.cells.len() > FAILURE_ROWS_MAX {
            match Grain::wider(self.width) {
                Some(width) => {
                    self.narrowest = width;
                    self.set_width(width);
                }
                None if self.threshold > 1 => {
                    self.threshold /= 2;
                    self.pool();
                }
                None => break, // all upstreams are pooled: what is left is bounded by time alone
            }
        }
    }

    /// Moves the rows of upstreams that are past the threshold to the pool, and forgets their names.
    fn pool(&mut self) {
        if self.threshold == u64::MAX {
            return;
        }
        let old = std::mem::take(&mut self.upstreams);
        let ids: Vec<NameId> = (0..old.len() as NameId)
            .map(|id| match id {
                Interner::NONE | Interner::POOLED => id,
                _ if old.hash(id) >= self.threshold => Interner::POOLED,
                _ => self.upstreams.intern(old.name(id)),
            })
            .collect();
        self.cells.rekey(|key| Key {
            upstream: ids[key.upstream as usize],
            ..key
        });
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

impl Cell {
    /// The row of this cell, given the name of each upstream by its id.
    fn row(&self, names: &[Option<Arc<[u8]>>], clients: Clients) -> FailureRow {
        let time = |second: u32| (second != 0).then_some(LocalTime(i64::from(second)));
        FailureRow {
            bucket: time(self.key.second),
            upstream: names[self.key.upstream as usize].clone(),
            kind: Kind::unpack(self.key.kind),
            n_events: self.n_events,
            clients,
            first_seen: time(self.first_second),
            last_seen: time(self.last_second),
            evidence: self.evidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::SourceKey;

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
                        told(&merged.into_rows()),
                        told(&rows),
                        "{grain:?} cut at {cut}"
                    );
                }
            }
        }
    }
}
