//! The counts of a [`table`](super::table), each under its key: found quickly while a log is read, merged exactly after it.

use super::{intern::NameId, table::Count};
use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};
use std::hash::BuildHasher;

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
pub(super) struct Cells<C: Count> {
    pub(super) cells: Vec<Cell<C>>,
    /// Positions in `cells` of the first so many: the others are put into it when it is asked, which mostly it never is.
    index: HashTable<u32>,
    n_indexed: usize,
    /// Indices of the newest buckets, in which nearly all events fall: small enough to stay near the processor.
    recent: [Recent; 2],
    /// The newest bucket.
    last_second: u32,
    /// Position of the cell last asked for with a name and a kind. It saves a search and never decides.
    lately: Box<[u32; N_LATELY]>,
    /// What is to be counted late, each with the position of its cell, and how many of them there are: counting one waits for memory,
    /// and many at once wait no longer.
    waiting: [(u32, C::Late); N_WAITING],
    n_waiting: usize,
}

const N_WAITING: usize = 64;

/// Positions of all cells of one bucket.
#[derive(Clone, Debug)]
struct Recent {
    second: u32,
    index: HashTable<u32>,
}

impl Default for Recent {
    /// Of no bucket.
    fn default() -> Recent {
        Recent {
            second: u32::MAX,
            index: HashTable::new(),
        }
    }
}

/// Room in a table that is cleared for the next bucket; a larger one is made anew, since to clear it takes long.
const N_CLEARED_MAX: usize = 1 << 12;

impl Recent {
    fn begin(&mut self, second: u32) {
        self.second = second;
        if self.index.capacity() > N_CLEARED_MAX {
            self.index = HashTable::new();
        }
        self.index.clear();
    }
}

impl<C: Count> Default for Cells<C> {
    fn default() -> Cells<C> {
        Cells {
            cells: Vec::new(),
            index: HashTable::new(),
            n_indexed: 0,
            recent: Default::default(),
            last_second: 0,
            lately: Box::new([0; N_LATELY]),
            waiting: [(0, C::Late::default()); N_WAITING],
            n_waiting: 0,
        }
    }
}

/// Slots for the cells asked for lately; a power of two.
const N_LATELY: usize = 1 << 12;

impl<C: Count> Cells<C> {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Lets `count` count at `key`; whether a cell was made for it.
    #[inline(always)] // so that what is counted stays in registers
    pub(super) fn collect(
        &mut self,
        key: Key,
        count: impl FnOnce(&mut C) -> Option<C::Late>,
    ) -> bool {
        let slot = key.slot();
        let mut at = self.lately[slot];
        let n_cells = self.cells.len();
        if self
            .cells
            .get(at as usize)
            .is_none_or(|cell| cell.key != key)
        {
            at = self.find_or_insert(key);
            self.lately[slot] = at;
        }
        if let Some(late) = count(&mut self.cells[at as usize].count) {
            self.wait(at, late);
        }
        self.cells.len() > n_cells
    }

    #[inline(always)]
    fn wait(&mut self, cell: u32, late: C::Late) {
        self.waiting[self.n_waiting % N_WAITING] = (cell, late);
        self.n_waiting += 1;
        if self.n_waiting >= N_WAITING {
            self.flush();
        }
    }

    /// Counts what waits: before cells are moved or read.
    #[inline(never)]
    pub(super) fn flush(&mut self) {
        for &(cell, late) in &self.waiting[..self.n_waiting] {
            self.cells[cell as usize].count.collect_late(late);
        }
        self.n_waiting = 0;
    }

    /// Position of the cell of `key`; where there is none, of a new one without events.
    #[inline(never)]
    fn find_or_insert(&mut self, key: Key) -> u32 {
        if key.second > self.last_second {
            self.last_second = key.second;
            self.recent.swap(0, 1);
            self.recent[0].begin(key.second);
        }
        let is_recent = |recent: &Recent| recent.second == key.second;
        let index = match self.recent.iter().position(is_recent) {
            Some(at) => &mut self.recent[at].index,
            None => {
                self.complete_index();
                self.n_indexed += 1; // or it is found, and then no cell is new
                &mut self.index
            }
        };
        let cells = &mut self.cells;
        let end = cells.len() as u32; // limits keep it far below 2^32
        let is_it = |&at: &u32| cells[at as usize].key == key;
        match index.entry(key.hash(), is_it, |&at| cells[at as usize].key.hash()) {
            Entry::Occupied(entry) => {
                let at = *entry.get();
                self.n_indexed = self.n_indexed.min(cells.len());
                return at;
            }
            Entry::Vacant(entry) => entry.insert(end),
        };
        cells.push(Cell {
            key,
            count: C::default(),
        });
        end
    }

    /// Puts into the index what was left out.
    fn complete_index(&mut self) {
        let Cells { cells, index, .. } = self;
        let hash = |&at: &u32| cells[at as usize].key.hash();
        index.reserve(cells.len() - self.n_indexed, hash);
        for (at, cell) in cells.iter().enumerate().skip(self.n_indexed) {
            index.insert_unique(cell.key.hash(), at as u32, hash);
        }
        self.n_indexed = cells.len();
    }

    /// Leaves all cells out of the index, for when they are moved or come from elsewhere.
    fn forget_index(&mut self) {
        self.index.clear();
        self.n_indexed = 0;
        self.recent = Default::default();
    }

    /// Adds the cells of `other`, each under what `rekey` makes of its key: never the same of two, and with the same second. Both are
    /// put in the order that `of` makes of keys, if they are not yet, and so is the whole.
    pub(super) fn absorb_in_order<K: Ord>(
        &mut self,
        mut other: Cells<C>,
        rekey: impl Fn(Key) -> Key,
        of: impl Fn(&Key) -> K,
    ) {
        self.sort_by_key(&of);
        other.flush();
        other
            .cells
            .iter_mut()
            .for_each(|cell| cell.key = rekey(cell.key));
        other.sort_by_key(&of);
        let cells = &mut self.cells;
        let (n_mine, mut at) = (cells.len(), 0);
        for cell in other.cells {
            let key = of(&cell.key);
            let before = cells[at..n_mine]
                .iter()
                .take_while(|mine| of(&mine.key) < key);
            at += before.count();
            match cells[..n_mine].get_mut(at) {
                Some(same) if same.key == cell.key => same.count.merge(&cell.count),
                _ => cells.push(cell),
            }
        }
        self.last_second = self.last_second.max(other.last_second);
        self.forget_index();
        self.join_runs(of);
    }

    /// Puts the cells in the order that `of` makes of their keys, which goes by time first.
    ///
    /// They come in the order of their first event, so buckets lie together already, unless clocks were set back.
    pub(super) fn sort_by_key<K: Ord>(&mut self, of: impl Fn(&Key) -> K) {
        self.flush();
        if self.cells.is_sorted_by_key(|cell| of(&cell.key)) {
            return;
        }
        self.forget_index();
        let buckets = self.cells.chunk_by_mut(|a, b| a.key.second == b.key.second);
        // Cells are large: they are moved once they are known to have a place.
        buckets.for_each(|bucket| bucket.sort_by_cached_key(|cell| of(&cell.key)));
        self.join_runs(of);
    }

    /// The same for cells that come in few runs, which the sort finds.
    fn join_runs<K: Ord>(&mut self, of: impl Fn(&Key) -> K) {
        if !self.cells.is_sorted_by_key(|cell| of(&cell.key)) {
            self.cells.sort_by_key(|cell| of(&cell.key));
        }
    }

    /// Adds the cells of `other`, each under what `rekey` makes of its key.
    pub(super) fn absorb(&mut self, mut other: Cells<C>, rekey: impl Fn(Key) -> Key) {
        self.flush();
        other.flush();
        self.complete_index();
        let Cells {
            cells,
            index,
            last_second,
            ..
        } = self;
        cells.reserve(other.cells.len());
        index.reserve(other.cells.len(), |&at| cells[at as usize].key.hash());
        for cell in other.cells {
            let cell = Cell {
                key: rekey(cell.key),
                ..cell
            };
            *last_second = (*last_second).max(cell.key.second);
            let is_it = |&at: &u32| cells[at as usize].key == cell.key;
            match index.entry(cell.key.hash(), is_it, |&at| cells[at as usize].key.hash()) {
                Entry::Occupied(entry) => cells[*entry.get() as usize].count.merge(&cell.count),
                Entry::Vacant(entry) => {
                    entry.insert(cells.len() as u32);
                    cells.push(cell);
                }
            }
        }
        self.n_indexed = self.cells.len();
        self.recent = Default::default();
    }

    /// Files every cell under what `rekey` makes of its key.
    pub(super) fn rekey(&mut self, rekey: impl Fn(Key) -> Key) {
        let old = std::mem::take(self);
        self.absorb(old, rekey);
    }
}

impl Key {
    /// Its place among others, by time, then name, then kind, where `ranks` has that of each name. One integer: comparing two takes no
    /// branch.
    #[inline(always)]
    pub(super) fn rank(&self, ranks: &[u32]) -> u128 {
        let parts = [self.second, ranks[self.name as usize], self.kind];
        let append = |number: u128, part| number << 32 | u128::from(part);
        parts.into_iter().fold(0, append)
    }

    /// The same for all of a bucket's rows of one name and kind, whatever the bucket.
    #[inline]
    fn slot(self) -> usize {
        let mixed =
            (u64::from(self.name) << 32 | u64::from(self.kind)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 52) as usize % N_LATELY
    }

    #[inline]
    fn hash(self) -> u64 {
        FixedState::default().hash_one(self)
    }
}
