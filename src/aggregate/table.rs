//! Counts by bucket, name and kind, that merge exactly in bounded memory: what the tables `failures` and `traffic` have in common.

use super::{
    bucket::{Grain, Width},
    cells::{Cells, Key},
    intern::{Interner, NameId},
    limits::UPSTREAMS_MAX,
};
use crate::event::LocalTime;
use std::{ops::Range, sync::Arc};

/// What is counted under one key. [`Default`] counts nothing.
pub trait Count: Clone + Default {
    /// Rows kept while scanning, see [`limits`](super::limits).
    const ROWS_MAX: usize;

    /// What is counted a little later than the rest, because it waits for memory; `()` if nothing does.
    type Late: Copy + Default + std::fmt::Debug;

    fn collect_late(&mut self, late: Self::Late);

    fn merge(&mut self, other: &Self);
}

/// A count and what it is about.
#[derive(Clone, Debug)]
pub struct Row<C> {
    /// Start of the bucket; `None` for records without time.
    pub bucket: Option<LocalTime>,
    /// `None` where the records name none. Shared by all rows of this name.
    pub name: Option<Arc<[u8]>>,
    /// What the caller made of it.
    pub kind: u32,
    pub count: C,
}

/// Counts that merge exactly, in bounded memory: see [`limits`](super::limits).
#[derive(Clone, Debug)]
pub struct Table<C: Count> {
    cells: Cells<C>,
    names: Interner,
    grain: Grain,
    width: Width,
    /// The least width that the limit on rows leaves.
    narrowest: Width,
    first_second: u32,
    last_second: u32,
    /// Names whose hash is not below this are pooled.
    threshold: u64,
    /// Seconds of the bucket an event fell into last: neighbours share it.
    bucket: Range<u32>,
}

impl<C: Count> Table<C> {
    pub fn new(grain: Grain) -> Table<C> {
        Table {
            cells: Cells::default(),
            names: Interner::new(),
            grain,
            width: grain.width(0, Width::Second),
            narrowest: Width::Second,
            first_second: u32::MAX,
            last_second: 0,
            threshold: u64::MAX,
            bucket: 0..0,
        }
    }

    /// Lets `count` count one event under its bucket, name and kind, and say what is to be counted late. `time` lies between 2001
    /// and 2099.
    #[inline(always)] // so that what is counted stays in registers
    pub fn collect(
        &mut self,
        time: Option<LocalTime>,
        name: Option<&[u8]>,
        kind: u32,
        count: impl FnOnce(&mut C, u32) -> Option<C::Late>,
    ) {
        let second = time.map_or(0, |LocalTime(second)| second as u32);
        let name = match name {
            None => Interner::NONE,
            Some(name) if self.threshold == u64::MAX => self.names.intern(name),
            Some(name) => self.names.intern_below(name, self.threshold),
        };
        if second != 0 && (second < self.first_second || second > self.last_second) {
            self.widen_span(second);
        }
        if !self.bucket.contains(&second) {
            self.bucket = self.bucket_of(second);
        }
        let key = Key {
            second: self.bucket.start,
            name,
            kind,
        };
        if self.cells.collect(key, |cell| count(cell, second)) {
            self.limit();
        }
    }

    pub fn merge(&mut self, other: Table<C>) {
        self.narrowest = self.narrowest.max(other.narrowest);
        self.threshold = self.threshold.min(other.threshold);
        for second in [other.first_second, other.last_second] {
            if second != 0 && second != u32::MAX {
                self.widen_span(second);
            }
        }
        self.set_width(self.grain.width(self.span_s(), self.narrowest));
        let ids: Vec<NameId> = (0..other.names.len() as NameId)
            .map(|id| match id {
                Interner::NONE | Interner::POOLED => id,
                _ => self
                    .names
                    .intern_below(other.names.name(id), self.threshold),
            })
            .collect();
        let width = self.width;
        let rekey = |key: Key| Key {
            second: width.floor(i64::from(key.second)) as u32,
            name: ids[key.name as usize],
            ..key
        };
        if other.width == width && self.threshold == u64::MAX {
            let ranks = self.ranks();
            self.cells.absorb_in_order(other.cells, rekey, &ranks);
        } else {
            self.cells.absorb(other.cells, rekey);
        }
        self.pool();
        self.limit();
    }

    /// Rows of [`width`](Self::width), in order: by time, then name, then kind.
    pub fn rows(&self) -> impl Iterator<Item = Row<C>> {
        self.clone().into_rows()
    }

    /// Like [`rows`](Self::rows), for when the counts are no longer needed: copies none.
    pub fn into_rows(mut self) -> impl Iterator<Item = Row<C>> {
        self.sort();
        let names = self.names();
        let cells = self.cells.cells.into_iter();
        cells.map(move |cell| row(&cell.key, &names, cell.count))
    }

    /// Puts what was counted in the order of rows, which changes no answer. Parts in order merge quickly, and to a whole in order.
    pub fn sort(&mut self) {
        let ranks = self.ranks();
        self.cells.sort(&ranks);
    }

    /// The latest time counted.
    pub fn last(&self) -> Option<LocalTime> {
        (self.last_second != 0).then_some(LocalTime(i64::from(self.last_second)))
    }

    /// How fine the rows are.
    pub fn width(&self) -> Width {
        self.width
    }

    /// The width was raised by the limit on rows.
    pub fn is_coarsened(&self) -> bool {
        self.width > self.grain.width(self.span_s(), Width::Second)
    }

    /// Names are pooled.
    pub fn is_pooling(&self) -> bool {
        self.threshold != u64::MAX
    }

    /// The place of each name in their order, by its id: so that integers are compared, not bytes.
    fn ranks(&self) -> Vec<u32> {
        let name = |id: NameId| (id != Interner::NONE).then(|| self.names.name(id));
        let mut ids: Vec<NameId> = (0..self.names.len() as NameId).collect();
        ids.sort_unstable_by_key(|&id| name(id));
        let mut ranks = vec![0u32; ids.len()];
        for pair in ids.windows(2) {
            ranks[pair[1] as usize] =
                ranks[pair[0] as usize] + u32::from(name(pair[0]) != name(pair[1]));
        }
        ranks
    }

    /// Each name, by its id.
    fn names(&self) -> Vec<Option<Arc<[u8]>>> {
        let name = |id| (id != Interner::NONE).then(|| Arc::from(self.names.name(id)));
        (0..self.names.len() as NameId).map(name).collect()
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

    /// Widens buckets, then pools names, until the limits hold. Whether a row or a name stays depends on all that
    /// was counted, never on its order: part of a log is never kept more coarsely than the whole.
    #[cold]
    fn limit(&mut self) {
        while self.names.len() > UPSTREAMS_MAX + 2 {
            self.threshold /= 2;
            self.pool();
        }
        while self.cells.len() > C::ROWS_MAX {
            match Grain::wider(self.width) {
                Some(width) => {
                    self.narrowest = width;
                    self.set_width(width);
                }
                None if self.threshold > 1 => {
                    self.threshold /= 2;
                    self.pool();
                }
                None => break, // all names are pooled: what is left is bounded by time alone
            }
        }
    }

    /// Moves the rows of names that are past the threshold to the pool, and forgets those.
    fn pool(&mut self) {
        if self.threshold == u64::MAX {
            return;
        }
        let old = std::mem::take(&mut self.names);
        let ids: Vec<NameId> = (0..old.len() as NameId)
            .map(|id| match id {
                Interner::NONE | Interner::POOLED => id,
                _ if old.hash(id) >= self.threshold => Interner::POOLED,
                _ => self.names.intern(old.name(id)),
            })
            .collect();
        self.cells.rekey(|key| Key {
            name: ids[key.name as usize],
            ..key
        });
    }
}

fn row<C>(key: &Key, names: &[Option<Arc<[u8]>>], count: C) -> Row<C> {
    Row {
        bucket: (key.second != 0).then_some(LocalTime(i64::from(key.second))),
        name: names[key.name as usize].clone(),
        kind: key.kind,
        count,
    }
}
