//! The counts of a [`table`](super::table), each under its key: found quickly while a log is read, merged exactly after it.

use super::{intern::NameId, table::Count};
use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};
use std::hash::BuildHasher;

/// Second of the bucket's start (0: no time on record), name, and kind, packed for a quick hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) second: u32,
    pub(super) name: NameId,
    pub(super) kind: u32,
}

#[derive(Clone, Debug, Default)]
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
    /// They were sorted, and none came since.
    is_sorted: bool,
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
            is_sorted: true,
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
        self.is_sorted = false;
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

    /// Adds the cells of `other`, each under what `rekey` makes of its key: never the same of two, and with the same second and a name
    /// of the same rank among its own. Both are sorted, if they are not yet, and so is the whole.
    pub(super) fn absorb_in_order(
        &mut self,
        mut other: Cells<C>,
        rekey: impl Fn(Key) -> Key,
        ranks: &[u32],
    ) {
        self.sort(ranks);
        other.flush();
        for cell in &mut other.cells {
            cell.key = rekey(cell.key);
        }
        other.sort(ranks);
        let (cells, mut at) = (&mut self.cells, 0);
        other.cells.retain(|cell| {
            let rank = cell.key.rank(ranks);
            let before = cells[at..].iter();
            at += before
                .take_while(|mine| mine.key.rank(ranks) < rank)
                .count();
            match cells.get_mut(at) {
                Some(same) if same.key == cell.key => {
                    same.count.merge(&cell.count);
                    false
                }
                _ => true,
            }
        });
        self.last_second = self.last_second.max(other.last_second);
        self.forget_index();
        self.insert_in_order(other.cells, ranks);
    }

    /// Puts sorted cells, none of which is known, in their places among the others: from the end, so that each is moved once.
    fn insert_in_order(&mut self, further: Vec<Cell<C>>, ranks: &[u32]) {
        let cells = &mut self.cells;
        let mut n_left = cells.len();
        let mut place = n_left + further.len();
        cells.resize_with(place, Cell::default);
        for cell in further.into_iter().rev() {
            let rank = cell.key.rank(ranks);
            while n_left > 0 && cells[n_left - 1].key.rank(ranks) > rank {
                (n_left, place) = (n_left - 1, place - 1);
                cells.swap(n_left, place);
            }
            place -= 1;
            cells[place] = cell;
        }
    }

    /// Sorts the cells by time, then name, then kind; `ranks` has the place of each name among all.
    ///
    /// They come in the order of their first event, so buckets lie together already, unless clocks were set back.
    pub(super) fn sort(&mut self, ranks: &[u32]) {
        self.flush();
        if self.is_sorted {
            return;
        }
        self.forget_index();
        let buckets = self.cells.chunk_by_mut(|a, b| a.key.second == b.key.second);
        // Cells are large: they are moved once they are known to have a place.
        buckets.for_each(|bucket| bucket.sort_by_cached_key(|cell| cell.key.rank_in_bucket(ranks)));
        if !self.cells.is_sorted_by_key(|cell| cell.key.rank(ranks)) {
            self.cells.sort_by_key(|cell| cell.key.rank(ranks));
        }
        self.is_sorted = true;
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
        self.is_sorted = false;
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
    fn rank(&self, ranks: &[u32]) -> u128 {
        u128::from(self.second) << 64 | u128::from(self.rank_in_bucket(ranks))
    }

    /// Its place among those of the same second.
    #[inline(always)]
    fn rank_in_bucket(&self, ranks: &[u32]) -> u64 {
        u64::from(ranks[self.name as usize]) << 32 | u64::from(self.kind)
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
