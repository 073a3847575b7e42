//! The counts of [`failures`](super::failures), each under its key: found quickly while a log is read, merged exactly after it.

use super::{
    clients::{Clients, Hashes},
    evidence::Evidence,
    intern::NameId,
};
use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};
use std::{hash::BuildHasher, ops::RangeInclusive};

/// Second of the bucket's start (0: no time on record), upstream, and kind, packed for a quick hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) second: u32,
    pub(super) upstream: NameId,
    pub(super) kind: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) key: Key,
    pub(super) n_events: u64,
    pub(super) first_second: u32,
    pub(super) last_second: u32,
    pub(super) evidence: Evidence,
    pub(super) clients: Clients,
}

/// Cells in the order of their first event, with an index by key. Lying together, they are cheap to append when parts of a
/// log are merged, and to sort; a table of whole cells would leave as much room empty as it uses.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    pub(super) cells: Vec<Cell>,
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

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Counts one event at `key`; whether a cell was made for it.
    #[inline(always)] // so that what is counted stays in registers
    pub(super) fn collect(
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
    pub(super) fn absorb_apart(&mut self, other: Cells, rekey: impl Fn(Key) -> Key) {
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
    pub(super) fn absorb(&mut self, other: Cells, rekey: impl Fn(Key) -> Key) {
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
    pub(super) fn rekey(&mut self, rekey: impl Fn(Key) -> Key) {
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
}
