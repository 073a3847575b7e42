//! When a source was written to: what shows its silences.
//!
//! The stretches of time that hold a record, each with its first and last second. They are as fine as a limit on their number
//! leaves; how fine depends on all that was counted, never on its order, so that parts merge to the whole.

use super::{bucket::Width, limits::STRETCHES_MAX};

/// Stretches of time with records.
#[derive(Clone, Debug)]
pub struct Activity {
    width: Width,
    /// In order of time, each of another bucket.
    stretches: Vec<Stretch>,
    /// The one met last: the next record most often falls into it.
    at: usize,
}

/// The records within one bucket; seconds of the clock that wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// Of the bucket.
    pub start: i64,
    pub first: i64,
    pub last: i64,
}

/// The narrowest buckets: a shorter silence is none.
const NARROWEST: Width = Width::FiveMinutes;

impl Default for Activity {
    fn default() -> Activity {
        Activity {
            width: NARROWEST,
            stretches: Vec::new(),
            at: 0,
        }
    }
}

impl PartialEq for Activity {
    fn eq(&self, other: &Activity) -> bool {
        (self.width, &self.stretches) == (other.width, &other.stretches)
    }
}

impl Eq for Activity {}

impl Activity {
    #[inline]
    pub fn collect(&mut self, second: i64) {
        let stretch = self.stretches.get_mut(self.at);
        match stretch.filter(|stretch| stretch.first <= second && second <= stretch.last) {
            Some(_) => {}
            None => self.extend(second),
        }
    }

    #[inline(never)]
    fn extend(&mut self, second: i64) {
        self.add(Stretch {
            start: self.width.floor(second),
            first: second,
            last: second,
        });
        self.limit();
    }

    pub fn merge(&mut self, other: &Activity) {
        self.widen(other.width);
        for stretch in &other.stretches {
            self.add(Stretch {
                start: self.width.floor(stretch.start),
                ..*stretch
            });
        }
        self.limit();
    }

    /// The same by another clock: what a second of this one is there.
    pub fn by(&self, clock: impl Fn(i64) -> i64) -> Activity {
        let mut moved = Activity {
            width: self.width,
            ..Activity::default()
        };
        for stretch in &self.stretches {
            moved.extend(clock(stretch.first));
            moved.extend(clock(stretch.last));
        }
        moved
    }

    /// Stretches in order of time, and the width of their buckets.
    pub fn finish(&self) -> (&[Stretch], Width) {
        (&self.stretches, self.width)
    }

    fn add(&mut self, new: Stretch) {
        let is_it = |stretch: &Stretch| stretch.start == new.start;
        if !self.stretches.get(self.at).is_some_and(is_it) {
            self.at = self
                .stretches
                .partition_point(|stretch| stretch.start < new.start);
        }
        match self
            .stretches
            .get_mut(self.at)
            .filter(|stretch| stretch.start == new.start)
        {
            Some(known) => {
                known.first = known.first.min(new.first);
                known.last = known.last.max(new.last);
            }
            None => self.stretches.insert(self.at, new),
        }
    }

    /// Widens buckets until few enough are left; buckets of a day are bounded by the years that records may have.
    fn limit(&mut self) {
        while self.stretches.len() > STRETCHES_MAX && self.width < Width::Day {
            self.widen(self.width.next());
        }
    }

    fn widen(&mut self, width: Width) {
        if width <= self.width {
            return;
        }
        self.width = width;
        self.at = 0;
        for stretch in std::mem::take(&mut self.stretches) {
            self.add(Stretch {
                start: width.floor(stretch.start),
                ..stretch
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_132_800;

    fn of(seconds: impl IntoIterator<Item = i64>) -> Activity {
        let mut activity = Activity::default();
        seconds
            .into_iter()
            .for_each(|second| activity.collect(START + second));
        activity
    }

    #[test]
    fn parts_in_any_order_make_the_whole() {
        for n in [1_000, 100_000] {
            let whole = of((0..n).map(|at| at * 211));
            assert_eq!(of((0..n).rev().map(|at| at * 211)), whole);
            for cut in [0, 1, n / 2, n] {
                let (a, b) = (
                    of((0..cut).map(|at| at * 211)),
                    of((cut..n).map(|at| at * 211)),
                );
                for (a, b) in [(&a, &b), (&b, &a)] {
                    let mut merged = a.clone();
                    merged.merge(b);
                    assert_eq!(merged, whole, "{n} cut at {cut}");
                }
            }
            let (stretches, width) = whole.finish();
            assert!(stretches.len() <= STRETCHES_MAX);
            assert_eq!(width > NARROWEST, n > 1_000);
        }
    }

    #[test]
    fn the_bounds_of_a_silence_are_exact() {
        let activity = of([10, 20, 299, 4_001, 4_000]);
        let (stretches, _) = activity.finish();
        let bounds = |stretch: &Stretch| (stretch.first - START, stretch.last - START);
        assert_eq!(
            stretches.iter().map(bounds).collect::<Vec<_>>(),
            [(10, 299), (4_000, 4_001)]
        );
    }
}
