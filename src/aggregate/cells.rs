//! The counts of a [`table`](super::table), each under its key: found quickly while a log is read, merged exactly after it.

use super::{intern::NameId, table::Count};
use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};
use std::{hash::BuildHasher, ops::RangeInclusive};

/// Second of the bucket's start (0: no time on record), name, and kind, packed for a quick hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) second: u32,
    pub(super) name: NameId,
    pub(super) kind: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Cell<C> {
    pub(super) key: Key,
    pub(super) count: C,
}

/// Cells in the order of their first event, with an index by key. Lying together, they are cheap to append when parts of a
/// log are merged, and to sort; a table of whole cells would leave as much room empty as it uses.
#[derive(Clone, Debug)]
pub(super) struct Cells<C> {
    pub(super) cells: Vec<Cell<C>>,
    /// Positions in `cells`; of none if [`absorb_apart`](Self::absorb_apart) left it behind.
    index: HashTable<u32>,
    /// Position of the cell last asked for with a name and a kind. It saves a search and never decides.
    lately: [u32; N_LATELY],
}

impl<C> Default for Cells<C> {
    fn default() -> Cells<C> {
        Cells {
            cells: Vec::new(),
            index: HashTable::new(),
            lately: [0; N_LATELY],
        }
    }
}

/// Slots for the cells asked for lately; a power of two.
const N_LATELY: usize = 1024;

impl<C: Count> Cells<C> {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The count at `key`: one of nothing if there was none.
    #[inline(always)] // so that what is counted stays in registers
    pub(super) fn at(&mut self, key: Key) -> &mut C {
        let slot = key.slot();
        let mut at = self.lately[slot];
        if self
            .cells
            .get(at as usize)
            .is_none_or(|cell| cell.key != key)
        {
            at = self.find_or_insert(key);
            self.lately[slot] = at;
        }
        &mut self.cells[at as usize].count
    }

    /// Position of the cell of `key`; where there is none, of a new one without events.
    #[inline(never)]
    fn find_or_insert(&mut self, key: Key) -> u32 {
        self.complete_index();
        let Cells { cells, index, .. } = self;
        let end = cells.len() as u32; // limits keep it far below 2^32
        let is_it = |&at: &u32| cells[at as usize].key == key;
        match index.entry(key.hash(), is_it, |&at| cells[at as usize].key.hash()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                entry.insert(end);
                cells.push(Cell {
                    key,
                    count: C::default(),
                });
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
    pub(super) fn absorb_apart(&mut self, other: Cells<C>, rekey: impl Fn(Key) -> Key) {
        let (Some(mine), Some(theirs)) = (self.seconds(), other.seconds()) else {
            return self.absorb(other, rekey);
        };
        let both = *mine.start().max(theirs.start())..=*mine.end().min(theirs.end());
        let is_shared = |cell: &Cell<C>| both.contains(&cell.key.second);
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
                Some(at) => cells[at as usize].count.merge(&cell.count),
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
    pub(super) fn absorb(&mut self, other: Cells<C>, rekey: impl Fn(Key) -> Key) {
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
                Entry::Occupied(entry) => cells[*entry.get() as usize].count.merge(&cell.count),
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
fn index_of<C>(cells: &[Cell<C>], is_asked_for: impl Fn(&Cell<C>) -> bool) -> HashTable<u32> {
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
    /// The same for all of a bucket's rows of one name and kind, whatever the bucket.
    #[inline]
    fn slot(self) -> usize {
        let mixed =
            (u64::from(self.name) << 32 | u64::from(self.kind)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 54) as usize
    }

    #[inline]
    fn hash(self) -> u64 {
        FixedState::default().hash_one(self)
    }
}
