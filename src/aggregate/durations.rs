//! How long attempts took that came to a bad end, to the millisecond: timers leave their mark in it.
//!
//! A histogram of ratios, as the latencies have it, would blur a pile at 60.000 s with all that took a second longer.

use super::{
    intern::{Interner, NameId},
    limits::{DURATION_MS_MAX, DURATIONS_MAX},
};
use crate::event::Phase;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::{collections::BTreeMap, sync::Arc};

/// How an attempt, or a connection, came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// The gateway would not wait longer: 504.
    TimedOut,
    /// The gateway ended it for another reason: 502.
    Failed,
    /// The upstream answered, with a 5xx of its own.
    Answered,
    /// The client went away: 499. Of the whole request, whatever its upstreams.
    Abandoned,
    /// A connection that was upgraded (101) was closed.
    Upgraded,
}

/// Counts by upstream, ending, phase and duration that merge exactly. Past [`DURATIONS_MAX`] rows durations are kept less finely, then
/// upstreams are pooled, then little is told: each step depends on all that was counted alone, never on its order.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    names: Interner,
    counts: HashMap<Key, u64, FixedState>,
    step: Step,
    /// Attempts that took longer than [`DURATION_MS_MAX`], which are in no row.
    pub n_longer: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    name: NameId,
    ending: Ending,
    phase: Phase,
    ms: u32,
}

/// The durations of one upstream, ending and phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// `None` where the log names none.
    pub upstream: Option<Arc<[u8]>>,
    pub ending: Ending,
    /// [`Phase::None`] where the log does not tell.
    pub phase: Phase,
    /// Attempts by their duration in milliseconds.
    pub counts: BTreeMap<u64, u64>,
}

impl Series {
    pub fn n_attempts(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// How coarsely rows are kept: one step after the other until they are few enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Step(u32);

impl Step {
    const LAST: Step = Step(67);

    /// Durations are rounded down to a multiple of this.
    fn grain_ms(self) -> u32 {
        match self.0 {
            0 => 1,
            1 => 10,
            2..67 => 50,
            _ => 10_000,
        }
    }

    /// Upstreams whose hash is not below it are pooled.
    fn threshold(self) -> u64 {
        let n_halvings = self.0.saturating_sub(2);
        u64::MAX.checked_shr(n_halvings).unwrap_or(0)
    }
}

impl Durations {
    /// Counts an attempt at `upstream` that ended so in `phase` after `ms` milliseconds.
    pub fn collect(&mut self, upstream: Option<&[u8]>, ending: Ending, phase: Phase, ms: u32) {
        self.collect_up_to(DURATIONS_MAX, upstream, ending, phase, ms);
    }

    fn collect_up_to(
        &mut self,
        n_max: usize,
        upstream: Option<&[u8]>,
        ending: Ending,
        phase: Phase,
        ms: u32,
    ) {
        if ms > DURATION_MS_MAX {
            self.n_longer += 1;
            return;
        }
        let key = Key {
            name: match upstream {
                Some(upstream) => self.names.intern_below(upstream, self.step.threshold()),
                None => Interner::NONE,
            },
            ending,
            phase,
            ms: ms - ms % self.step.grain_ms(),
        };
        *self.counts.entry(key).or_default() += 1;
        self.limit(n_max);
    }

    pub fn merge(&mut self, other: Durations) {
        self.merge_up_to(DURATIONS_MAX, other);
    }

    fn merge_up_to(&mut self, n_max: usize, other: Durations) {
        self.n_longer += other.n_longer;
        if other.step > self.step {
            self.coarsen(other.step);
        }
        self.absorb(&other.names, other.counts);
        self.limit(n_max);
    }

    fn limit(&mut self, n_max: usize) {
        while self.counts.len() > n_max && self.step < Step::LAST {
            self.coarsen(Step(self.step.0 + 1));
        }
    }

    #[cold]
    fn coarsen(&mut self, step: Step) {
        self.step = step;
        let old = std::mem::take(&mut self.names);
        let counts = std::mem::take(&mut self.counts);
        self.absorb(&old, counts);
    }

    /// Adds `counts` of upstreams called as in `names`.
    fn absorb(&mut self, names: &Interner, counts: HashMap<Key, u64, FixedState>) {
        let (grain_ms, threshold) = (self.step.grain_ms(), self.step.threshold());
        for (key, n) in counts {
            let name = match key.name {
                Interner::NONE | Interner::POOLED => key.name,
                id => self.names.intern_below(names.name(id), threshold),
            };
            let ms = key.ms - key.ms % grain_ms;
            *self.counts.entry(Key { name, ms, ..key }).or_default() += n;
        }
    }

    /// How finely durations are known, in milliseconds.
    pub fn grain_ms(&self) -> u32 {
        self.step.grain_ms()
    }

    /// All series, by upstream, ending and phase.
    pub fn finish(&self) -> Vec<Series> {
        let mut series: BTreeMap<(&[u8], Ending, Phase), BTreeMap<u64, u64>> = BTreeMap::new();
        for (key, n) in &self.counts {
            let of = (self.names.name(key.name), key.ending, key.phase);
            series.entry(of).or_default().insert(u64::from(key.ms), *n);
        }
        let one = |((name, ending, phase), counts): ((&[u8], Ending, Phase), _)| Series {
            upstream: (!name.is_empty()).then(|| Arc::from(name)),
            ending,
            phase,
            counts,
        };
        series.into_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Attempt = (&'static [u8], Ending, Phase, u32);

    const ATTEMPTS: [Attempt; 6] = [
        (b"10.0.0.1:80", Ending::TimedOut, Phase::Header, 60_001),
        (b"10.0.0.1:80", Ending::TimedOut, Phase::Header, 60_001),
        (b"10.0.0.1:80", Ending::Failed, Phase::Connect, 0),
        (b"10.0.0.2:80", Ending::TimedOut, Phase::Header, 60_007),
        (b"", Ending::Abandoned, Phase::None, 5_003),
        (b"10.0.0.3:80", Ending::TimedOut, Phase::Connect, 7_200_001),
    ];

    fn of<'a>(n_max: usize, attempts: impl IntoIterator<Item = &'a Attempt>) -> Durations {
        let mut durations = Durations::default();
        for &(upstream, ending, phase, ms) in attempts {
            durations.collect_up_to(n_max, Some(upstream), ending, phase, ms);
        }
        durations
    }

    #[test]
    fn series_are_exact_and_in_order() {
        let durations = of(100, &ATTEMPTS);
        let told: Vec<(String, Ending, Phase, Vec<(u64, u64)>)> = durations
            .finish()
            .into_iter()
            .map(|series| {
                let name = series.upstream.as_deref().unwrap_or_default();
                (
                    String::from_utf8_lossy(name).into_owned(),
                    series.ending,
                    series.phase,
                    series.counts.into_iter().collect(),
                )
            })
            .collect();
        let expected = [
            ("", Ending::Abandoned, Phase::None, vec![(5_003, 1)]),
            (
                "10.0.0.1:80",
                Ending::TimedOut,
                Phase::Header,
                vec![(60_001, 2)],
            ),
            ("10.0.0.1:80", Ending::Failed, Phase::Connect, vec![(0, 1)]),
            (
                "10.0.0.2:80",
                Ending::TimedOut,
                Phase::Header,
                vec![(60_007, 1)],
            ),
        ];
        let expected =
            expected.map(|(name, ending, phase, counts)| (name.to_owned(), ending, phase, counts));
        assert_eq!(told, expected);
        assert_eq!((durations.n_longer, durations.grain_ms()), (1, 1));
    }

    /// Whatever the cut and the order, also where the limit is met on the way.
    #[test]
    fn parts_merge_to_the_whole() {
        let names: Vec<Vec<u8>> = (0..40)
            .map(|n| format!("10.0.0.{n}:80").into_bytes())
            .collect();
        let attempt = |n: usize| {
            (
                &names[n % 40][..],
                Ending::TimedOut,
                Phase::Header,
                (n * 7_919 % 100_000) as u32,
            )
        };
        for n_max in [1_000, 300, 40, 3] {
            let collect = |numbers: &mut dyn Iterator<Item = usize>| {
                let mut durations = Durations::default();
                for (upstream, ending, phase, ms) in numbers.map(attempt) {
                    durations.collect_up_to(n_max, Some(upstream), ending, phase, ms);
                }
                durations
            };
            let whole = collect(&mut (0..500));
            let back = collect(&mut (0..500).rev());
            let mut parts = collect(&mut (300..500));
            parts.merge_up_to(n_max, Durations::default());
            parts.merge_up_to(n_max, collect(&mut (0..20)));
            parts.merge_up_to(n_max, collect(&mut (20..300)));
            for other in [back, parts] {
                assert_eq!(whole.finish(), other.finish(), "{n_max}");
                assert_eq!(whole.grain_ms(), other.grain_ms());
            }
            let n: u64 = whole.finish().iter().map(Series::n_attempts).sum();
            assert_eq!(n, 500, "none is lost");
            assert!(whole.counts.len() <= n_max.max(11), "{n_max}");
        }
    }
}
