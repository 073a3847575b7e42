//! The table `failures` in the making: counts by bucket, upstream, category, phase and severity.

use super::{
    bucket::{Grain, Width},
    clients::{Clients, Hashes},
    evidence::Evidence,
    intern::{Interner, NameId},
    limits::{FAILURE_ROWS_MAX, UPSTREAMS_MAX},
};
use crate::event::{Basis, Category, LocalTime, Phase, Severity};
use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};
use std::{
    hash::BuildHasher,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

/// What one row is about, but for time and upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    pub category: Category,
    pub phase: Phase,
    pub severity: Severity,
    pub basis: Basis,
}

/// Second of the bucket's start (0: no time on record), upstream, and kind, packed for a quick hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    second: u32,
    upstream: NameId,
    kind: u32,
}

#[derive(Clone, Debug)]
struct Cell {
    key: Key,
    n_events: u64,
    first_second: u32,
    last_second: u32,
    evidence: Evidence,
    clients: Clients,
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

/// Cells in the order of their first event, with an index by key. Lying together, they are cheap to append when parts of a
/// log are merged, and to sort; a table of whole cells would leave as much room empty as it uses.
#[derive(Clone, Debug)]
struct Cells {
    cells: Vec<Cell>,
    /// Positions in `cells`; of none if [`absorb_apart`](Self::absorb_apart) left it behind.
    index: HashTable<u32>,
    /// Position of the cell last asked for with an upstream and a kind. It saves a search and never decides.
    lately: [u32; N_LATELY],
    hashes: Hashes,
}

impl Default for Cells {
    fn default() -> Cells {
        Cells {
            cells: Vec::new(),
            index: HashTable::new(),
            lately: [0; N_LATELY],
            hashes: Hashes::default(),
        }
    }
}

/// Slots for the cells asked for lately; a power of two.
const N_LATELY: usize = 1024;

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
        let names = self.names();
        let row = |at: usize| {
            let cell = &self.cells.cells[at];
            cell.row(&names, cell.clients.clone())
        };
        self.order().into_iter().map(row).collect()
    }

    /// Like [`rows`](Self::rows), for when the counts are no longer needed: copies no clients.
    pub fn into_rows(mut self) -> Vec<FailureRow> {
        let (names, order) = (self.names(), self.order());
        let row = |at: usize| {
            let clients = std::mem::take(&mut self.cells.cells[at].clients);
            self.cells.cells[at].row(&names, clients)
        };
        order.into_iter().map(row).collect()
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

    /// Positions of the cells in the order of rows. Names are ranked first, so that integers are compared, not bytes.
    fn order(&self) -> Vec<usize> {
        let name = |id: NameId| (id != Interner::NONE).then(|| self.upstreams.name(id));
        let mut ids: Vec<NameId> = (0..self.upstreams.len() as NameId).collect();
        ids.sort_unstable_by_key(|&id| name(id));
        let mut ranks = vec![0u32; ids.len()];
        for pair in ids.windows(2) {
            ranks[pair[1] as usize] =
                ranks[pair[0] as usize] + u32::from(name(pair[0]) != name(pair[1]));
        }
        // One integer per row, with its position in the last place: comparing two takes no branch.
        let sort_key = |(at, cell): (usize, &Cell)| {
            let Key {
                second,
                upstream,
                kind,
            } = cell.key;
            [second, ranks[upstream as usize], kind, at as u32]
                .into_iter()
                .fold(0, |key, part| key << 32 | u128::from(part))
        };
        let mut order: Vec<u128> = self.cells.cells.iter().enumerate().map(sort_key).collect();
        // Cells come in the order of their first event, so buckets lie together already, unless clocks were set back.
        order
            .chunk_by_mut(|a, b| a >> 96 == b >> 96)
            .for_each(<[u128]>::sort_unstable);
        if !order.is_sorted() {
            order.sort_unstable();
        }
        order.into_iter().map(|key| key as u32 as usize).collect()
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

impl Cells {
    fn len(&self) -> usize {
        self.cells.len()
    }

    /// Counts one event at `key`; whether a cell was made for it.
    #[inline(always)] // so that what is counted stays in registers
    fn collect(
        &mut self,
        key: Key,
        second: u32,
        client: Option<&[u8]>,
        evidence: Evidence,
    ) -> bool {
        let slot = key.slot();
        let mut at = self.lately[slot];
        let n_cells = self.cells.len();
        if self
            .cells
            .get(at as usize)
            .is_none_or(|cell| cell.key != key)
        {
            at = self.find_or_insert(key, evidence);
            self.lately[slot] = at;
        }
        let cell = &mut self.cells[at as usize];
        cell.n_events += 1;
        cell.first_second = cell.first_second.min(second);
        cell.last_second = cell.last_second.max(second);
        if evidence.is_before(&cell.evidence) {
            cell.evidence = evidence;
        }
        if let Some(client) = client {
            cell.clients.collect(client, &mut self.hashes);
        }
        self.cells.len() > n_cells
    }

    /// Position of the cell of `key`; where there is none, of a new one without events.
    #[inline(never)]
    fn find_or_insert(&mut self, key: Key, evidence: Evidence) -> u32 {
        self.complete_index();
        let Cells { cells, index, .. } = self;
        let end = cells.len() as u32; // limits keep it far below 2^32
        let is_it = |&at: &u32| cells[at as usize].key == key;
        match index.entry(key.hash(), is_it, |&at| cells[at as usize].key.hash()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                entry.insert(end);
                cells.push(Cell::new(key, evidence));
                end
            }
        }
    }

    /// Makes the index if it was left behind.
    fn complete_index(&mut self) {
        let Cells { cells, index, .. } = self;
        if index.len() < cells.len() {
            *index = index_of(cells, |_| true);
        }
    }

    /// Adds the cells of `other`, each under what `rekey` makes of its key; never the same of two.
    ///
    /// Parts of one log lie apart in time but for the buckets in which it was cut: only cells of those are looked up, and the
    /// index of all is left behind, since most often nothing is asked of it any more.
    fn absorb_apart(&mut self, other: Cells, rekey: impl Fn(Key) -> Key) {
        let (Some(mine), Some(theirs)) = (self.seconds(), other.seconds()) else {
            return self.absorb(other, rekey);
        };
        let both = *mine.start().max(theirs.start())..=*mine.end().min(theirs.end());
        let is_shared = |cell: &Cell| both.contains(&cell.key.second);
        if self.cells.iter().filter(|cell| is_shared(cell)).count() > self.cells.len() / 8 {
            return self.absorb(other, rekey);
        }
        let shared = index_of(&self.cells, is_shared);
        let cells = &mut self.cells;
        cells.reserve(other.cells.len());
        for mut cell in other.cells {
            cell.key = rekey(cell.key);
            let is_it = |&at: &u32| cells[at as usize].key == cell.key;
            let found = if is_shared(&cell) {
                shared.find(cell.key.hash(), is_it).copied()
            } else {
                None
            };
            match found {
                Some(at) => cells[at as usize].merge(&cell),
                None => cells.push(cell),
            }
        }
        self.index.clear();
    }

    /// The first and the last bucket.
    fn seconds(&self) -> Option<RangeInclusive<u32>> {
        let seconds = || self.cells.iter().map(|cell| cell.key.second);
        Some(seconds().min()?..=seconds().max()?)
    }

    /// Adds the cells of `other`, each under what `rekey` makes of its key.
    fn absorb(&mut self, other: Cells, rekey: impl Fn(Key) -> Key) {
        self.complete_index();
        let Cells { cells, index, .. } = self;
        cells.reserve(other.cells.len());
        index.reserve(other.cells.len(), |&at| cells[at as usize].key.hash());
        for cell in other.cells {
            let cell = Cell {
                key: rekey(cell.key),
                ..cell
            };
            let is_it = |&at: &u32| cells[at as usize].key == cell.key;
            match index.entry(cell.key.hash(), is_it, |&at| cells[at as usize].key.hash()) {
                Entry::Occupied(entry) => cells[*entry.get() as usize].merge(&cell),
                Entry::Vacant(entry) => {
                    entry.insert(cells.len() as u32);
                    cells.push(cell);
                }
            }
        }
    }

    /// Files every cell under what `rekey` makes of its key.
    fn rekey(&mut self, rekey: impl Fn(Key) -> Key) {
        let old = std::mem::take(self);
        self.absorb(old, rekey);
    }
}

/// Positions of those of `cells` that `is_asked_for` takes.
fn index_of(cells: &[Cell], is_asked_for: impl Fn(&Cell) -> bool) -> HashTable<u32> {
    let mut index = HashTable::new();
    let hash = |&at: &u32| cells[at as usize].key.hash();
    for (at, cell) in (0..).zip(cells) {
        if is_asked_for(cell) {
            index.insert_unique(cell.key.hash(), at, hash);
        }
    }
    index
}

impl Key {
    /// The same for all of a bucket's rows of one upstream and kind, whatever the bucket.
    #[inline]
    fn slot(self) -> usize {
        let mixed = (u64::from(self.upstream) << 32 | u64::from(self.kind))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 54) as usize
    }

    #[inline]
    fn hash(self) -> u64 {
        FixedState::default().hash_one(self)
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
    fn new(key: Key, evidence: Evidence) -> Cell {
        Cell {
            key,
            n_events: 0,
            first_second: u32::MAX,
            last_second: 0,
            evidence,
            clients: Clients::default(),
        }
    }

    fn merge(&mut self, other: &Cell) {
        self.n_events += other.n_events;
        self.first_second = self.first_second.min(other.first_second);
        self.last_second = self.last_second.max(other.last_second);
        self.evidence = self.evidence.min(other.evidence);
        self.clients.merge(&other.clients);
    }

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
        for n in range {
            let time = (n % 11 != 0).then_some(LocalTime(START + (n * 7 % 900) as i64));
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
        failures
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
