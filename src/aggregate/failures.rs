//! The table `failures` in the making: counts by bucket, upstream, category, phase and severity.

use super::{
    bucket::{Grain, Width},
    clients::Clients,
    evidence::Evidence,
    intern::{Interner, NameId},
    limits::{FAILURE_ROWS_MAX, UPSTREAMS_MAX},
};
use crate::event::{Basis, Category, LocalTime, Phase, Severity};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

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
    /// `None` where the records name none.
    pub upstream: Option<Vec<u8>>,
    pub kind: Kind,
    pub n_events: u64,
    pub clients: Clients,
    pub first_seen: Option<LocalTime>,
    pub last_seen: Option<LocalTime>,
    pub evidence: Evidence,
}

/// Counts that merge exactly, in bounded memory: see [`limits`](super::limits).
#[derive(Clone, Debug)]
pub struct Failures {
    cells: HashMap<Key, Cell, FixedState>,
    upstreams: Interner,
    grain: Grain,
    width: Width,
    /// The least width that the limit on rows leaves.
    narrowest: Width,
    first_second: u32,
    last_second: u32,
    /// Upstreams whose hash is not below this are pooled.
    threshold: u64,
    /// (Row, client) pairs seen lately, by hash: most need not be counted again.
    recent: Recent,
}

/// Slots of the filter of recent clients; a power of two.
const N_RECENT: usize = 4096;

#[derive(Clone)]
struct Recent(Box<[u64; N_RECENT]>);

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent")
    }
}

impl Failures {
    pub fn new(grain: Grain) -> Failures {
        Failures {
            cells: HashMap::default(),
            upstreams: Interner::new(),
            grain,
            width: grain.width(0, Width::Second),
            narrowest: Width::Second,
            first_second: u32::MAX,
            last_second: 0,
            threshold: u64::MAX,
            recent: Recent(Box::new([0; N_RECENT])),
        }
    }

    /// Counts one event. `time` lies between 2001 and 2099.
    #[inline]
    pub fn collect(
        &mut self,
        time: Option<LocalTime>,
        upstream: Option<&[u8]>,
        kind: Kind,
        client: Option<&[u8]>,
        evidence: Evidence,
    ) {
        let second = time.map_or(0, |LocalTime(second)| second as u32);
        let mut upstream = upstream.map_or(Interner::NONE, |name| self.upstreams.intern(name));
        if self.is_pooled(upstream) {
            upstream = Interner::POOLED;
        }
        if second != 0 && (second < self.first_second || second > self.last_second) {
            self.widen_span(second);
        }
        let bucket = self.width.floor(i64::from(second)) as u32;
        let key = Key { second: bucket, upstream, kind: kind.pack() };
        let cell = self.cells.entry(key).or_insert_with(|| Cell::new(evidence));
        cell.n_events += 1;
        cell.first_second = cell.first_second.min(second);
        cell.last_second = cell.last_second.max(second);
        cell.evidence = cell.evidence.min(evidence);
        if let Some(client) = client
            && self.recent.is_new(key, client)
        {
            cell.clients.collect(client);
        }
        if self.cells.len() > FAILURE_ROWS_MAX || self.upstreams.len() > UPSTREAMS_MAX + 2 {
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
                _ => self.upstreams.intern(other.upstreams.name(id)),
            })
            .collect();
        for (key, cell) in other.cells {
            let second = self.width.floor(i64::from(key.second)) as u32;
            self.absorb(Key { second, upstream: ids[key.upstream as usize], ..key }, cell);
        }
        self.pool();
        self.limit();
    }

    /// Rows at `width` or wider, in order: by time, then upstream, then kind. `place` puts a local time where the rows are
    /// to be bucketed; the identity keeps them local.
    pub fn rows(&self) -> Vec<FailureRow> {
        let mut rows: Vec<FailureRow> = self.cells.iter().map(|(key, cell)| self.row(key, cell)).collect();
        rows.sort_by(|a, b| (a.bucket, &a.upstream, a.kind).cmp(&(b.bucket, &b.upstream, b.kind)));
        rows
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

    fn row(&self, key: &Key, cell: &Cell) -> FailureRow {
        let time = |second: u32| (second != 0).then_some(LocalTime(i64::from(second)));
        FailureRow {
            bucket: time(key.second),
            upstream: (key.upstream != Interner::NONE).then(|| self.upstreams.name(key.upstream).to_vec()),
            kind: Kind::unpack(key.kind),
            n_events: cell.n_events,
            clients: cell.clients.clone(),
            first_seen: time(cell.first_second),
            last_seen: time(cell.last_second),
            evidence: cell.evidence,
        }
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
        let cells = std::mem::take(&mut self.cells);
        for (key, cell) in cells {
            self.absorb(Key { second: width.floor(i64::from(key.second)) as u32, ..key }, cell);
        }
    }

    fn absorb(&mut self, key: Key, cell: Cell) {
        match self.cells.entry(key) {
            hashbrown::hash_map::Entry::Vacant(entry) => {
                entry.insert(cell);
            }
            hashbrown::hash_map::Entry::Occupied(mut entry) => entry.get_mut().merge(&cell),
        }
    }

    /// Widens buckets, then pools upstreams, until the limits hold. Whether a row or an upstream stays depends on all that
    /// was counted, never on its order: part of a log is never kept more coarsely than the whole.
    #[cold]
    fn limit(&mut self) {
        while self.upstreams.len() > UPSTREAMS_MAX + 2 && self.n_named() > UPSTREAMS_MAX {
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

    fn n_named(&self) -> usize {
        (2..self.upstreams.len() as NameId).filter(|&id| !self.is_pooled(id)).count()
    }

    #[inline]
    fn is_pooled(&self, id: NameId) -> bool {
        self.threshold != u64::MAX && id > Interner::POOLED && self.upstreams.hash(id) >= self.threshold
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
        let cells = std::mem::take(&mut self.cells);
        for (key, cell) in cells {
            self.absorb(Key { upstream: ids[key.upstream as usize], ..key }, cell);
        }
        self.recent = Recent(Box::new([0; N_RECENT])); // ids have changed
    }
}

impl Kind {
    fn pack(self) -> u32 {
        u32::from_be_bytes([self.category as u8, self.phase as u8, self.severity as u8, self.basis as u8])
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
    fn new(evidence: Evidence) -> Cell {
        Cell { n_events: 0, first_second: u32::MAX, last_second: 0, evidence, clients: Clients::default() }
    }

    fn merge(&mut self, other: &Cell) {
        self.n_events += other.n_events;
        self.first_second = self.first_second.min(other.first_second);
        self.last_second = self.last_second.max(other.last_second);
        self.evidence = self.evidence.min(other.evidence);
        self.clients.merge(&other.clients);
    }
}

impl Recent {
    /// Whether this client was not seen at this row lately. Forgets, never invents: two pairs of one hash count as one
    /// with a chance of 2^-52 a pair.
    #[inline]
    fn is_new(&mut self, key: Key, client: &[u8]) -> bool {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(client);
        hasher.write_u32(key.second);
        hasher.write_u32(key.upstream);
        hasher.write_u32(key.kind);
        let hash = hasher.finish() | 1;
        let slot = &mut self.0[(hash >> 52) as usize];
        std::mem::replace(slot, hash) != hash
    }
}
