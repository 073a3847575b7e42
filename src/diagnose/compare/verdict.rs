//! Two counts to a verdict: what may be said of them, and what not.

use super::{
    exact::{ALPHA, mean_interval, proportion_interval, proportions_differ, rates_differ},
    side::Failed,
};

/// What became of failures. In the order of rows: what needs a look first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// More than before, or new.
    Worse,
    /// As before: half of it or twice as much would have shown.
    Same,
    /// Too little to say.
    CannotTell,
    /// Fewer than before, but not gone.
    Better,
    /// Gone, and at the old rate they would have shown.
    Fixed,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Worse => "worse",
            Verdict::Same => "same",
            Verdict::CannotTell => "cannot tell",
            Verdict::Better => "better",
            Verdict::Fixed => "fixed",
        }
    }
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    /// None after; so many would have been expected at the old rate.
    Gone {
        expected: f64,
    },
    /// None after, but it took `needed` of the unit without a failure to tell; `None`: more than can be.
    TooLittle {
        needed: Option<u64>,
    },
    /// None after, but before there was a time as long without one, too.
    Quiet {
        before_s: i64,
        after_s: i64,
    },
    /// Fewer, but not none.
    Lower,
    Higher,
    /// None before, and too many after for chance.
    New,
    /// None before and some after, which may be chance.
    NewFew,
    /// No difference; half or twice the old rate would have shown.
    NoDifference,
    /// No difference, but half or twice the old rate could look like this.
    Unclear,
    /// Neither before nor after.
    NeverSeen,
    /// There is nothing of the unit on one side.
    NothingBefore,
    NothingAfter,
}

/// What failures are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Attempts at the upstream.
    Attempts,
    /// All requests.
    Requests,
    /// Seconds that the logs cover.
    Seconds,
}

/// How many, in how much: attempts, requests or seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub n: u64,
    pub of: u64,
}

/// The same rate on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    pub unit: Unit,
    pub before: Rate,
    pub after: Rate,
}

impl Pair {
    /// Each of the unit fails or not; else there may be several events of each.
    fn are_shares(&self) -> bool {
        let is_share = |rate: Rate| rate.n <= rate.of;
        self.unit != Unit::Seconds && is_share(self.before) && is_share(self.after)
    }

    /// How likely so different counts are where the rates are the same.
    pub fn p(&self) -> f64 {
        let (a, b) = (self.before, self.after);
        if a.of == 0 || b.of == 0 {
            return 1.0;
        }
        if self.are_shares() {
            proportions_differ(a.n, a.of, b.n, b.of)
        } else {
            rates_differ(a.n, a.of, b.n, b.of)
        }
    }

    /// Bounds of `rate`, which is one of the two, per one of the unit; `None` without any of the unit.
    pub fn interval(&self, rate: Rate) -> Option<(f64, f64)> {
        let bounds = match self.are_shares() {
            _ if rate.of == 0 => return None,
            true => proportion_interval(rate.n, rate.of),
            false => {
                let (low, high) = mean_interval(rate.n);
                (low / rate.of as f64, high / rate.of as f64)
            }
        };
        Some(bounds)
    }

    /// How many the rate before lets expect after.
    pub fn expected(&self) -> f64 {
        match self.before.of {
            0 => 0.0,
            of => self.before.n as f64 / of as f64 * self.after.of as f64,
        }
    }

    /// How many more or fewer there are after than the rate before lets expect; where nothing is known of before or after, all of the other.
    pub fn n_changed(&self) -> u64 {
        match (self.before.of, self.after.of) {
            (0, _) => self.after.n,
            (_, 0) => self.before.n,
            _ => (self.after.n as f64 - self.expected()).abs().round() as u64,
        }
    }

    /// The same before, with `n` of `of` after.
    fn with_after(&self, n: u64, of: u64) -> Pair {
        Pair {
            after: Rate { n, of },
            ..*self
        }
    }

    /// How much of the unit without a failure would tell, by doubling and halving; `None` past 2⁵⁰.
    fn needed(&self) -> Option<u64> {
        let tells = |of: u64| self.with_after(0, of).p() <= ALPHA;
        let enough = (0..50).map(|power| 1_u64 << power).find(|of| tells(*of))?;
        let (mut too_few, mut enough) = (enough / 2, enough);
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            if tells(middle) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        Some(enough)
    }

    /// Half and twice the old rate would have shown.
    fn would_show_change(&self) -> bool {
        let expected = self.expected();
        [expected / 2.0, expected * 2.0].iter().all(|n| {
            let n = (n.round() as u64).min(match self.unit {
                Unit::Seconds => u64::MAX,
                Unit::Attempts | Unit::Requests => self.after.of.max(1),
            });
            self.with_after(n, self.after.of).p() <= ALPHA
        })
    }
}

/// What may be said of `pair`, where chance would part the two so far with probability `p`. `failed` tells when they were seen before, and
/// the side after is `after_s` seconds long.
pub(super) fn judge(pair: &Pair, p: f64, failed: Option<&Failed>, after_s: i64) -> (Verdict, Why) {
    let (before, after) = (pair.before, pair.after);
    let is_told = p <= ALPHA;
    let quiet_s = failed.map_or(0, |failed| failed.quiet_s);
    let why = match (before.n, after.n) {
        (0, 0) => Why::NeverSeen,
        _ if after.of == 0 => Why::NothingAfter,
        _ if before.of == 0 => Why::NothingBefore,
        (0, _) if is_told => Why::New,
        (0, _) => Why::NewFew,
        (_, 0) if !is_told => Why::TooLittle {
            needed: pair.needed(),
        },
        (_, 0) if quiet_s >= after_s => Why::Quiet {
            before_s: quiet_s,
            after_s,
        },
        (_, 0) => Why::Gone {
            expected: pair.expected(),
        },
        _ if is_told && (after.n as f64) < pair.expected() => Why::Lower,
        _ if is_told => Why::Higher,
        _ if pair.would_show_change() => Why::NoDifference,
        _ => Why::Unclear,
    };
    (why.verdict(), why)
}

impl Why {
    pub const fn verdict(self) -> Verdict {
        match self {
            Why::Gone { .. } => Verdict::Fixed,
            Why::Lower => Verdict::Better,
            Why::NoDifference => Verdict::Same,
            Why::Higher | Why::New => Verdict::Worse,
            Why::TooLittle { .. }
            | Why::Quiet { .. }
            | Why::NewFew
            | Why::Unclear
            | Why::NeverSeen
            | Why::NothingBefore
            | Why::NothingAfter => Verdict::CannotTell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;

    fn pair(before: (u64, u64), after: (u64, u64), unit: Unit) -> Pair {
        let rate = |(n, of)| Rate { n, of };
        Pair {
            unit,
            before: rate(before),
            after: rate(after),
        }
    }

    /// The verdict on failures per request, seen before at intervals of at most `quiet_s`; after is an hour.
    fn check(before: (u64, u64), after: (u64, u64), quiet_s: i64, want: Verdict) -> Why {
        let pair = pair(before, after, Unit::Requests);
        let failed = (before.0 > 0).then_some(Failed {
            n: before.0,
            first: Timestamp(0),
            last: Timestamp(0),
            quiet_s,
        });
        let (verdict, why) = judge(&pair, pair.p(), failed.as_ref(), 3_600);
        assert_eq!(verdict, want, "{before:?} {after:?}: {why:?}");
        why
    }

    #[test]
    fn the_table_of_cases() {
        use Verdict::*;
        // Gone, with traffic enough, too little, and none.
        check((100, 1_000), (0, 1_000), 5, Fixed);
        check((1, 1_000), (0, 1_000), 5, CannotTell);
        check((100, 1_000), (0, 10), 5, CannotTell);
        let why = check((100, 1_000), (0, 0), 5, CannotTell);
        assert_eq!(why, Why::NothingAfter);
        // Gone, but it was so for as long before.
        let why = check((100, 1_000), (0, 1_000), 3_600, CannotTell);
        assert!(matches!(
            why,
            Why::Quiet {
                before_s: 3_600,
                ..
            }
        ));
        // Fewer; as many; more.
        check((100, 1_000), (20, 1_000), 5, Better);
        check((100, 1_000), (104, 1_000), 5, Same);
        check((100, 1_000), (180, 1_000), 5, Worse);
        // As many of so few that nothing would have shown.
        assert_eq!(check((2, 100), (1, 100), 5, CannotTell), Why::Unclear);
        // New: many, or one.
        assert_eq!(check((0, 1_000), (30, 1_000), 5, Worse), Why::New);
        assert_eq!(check((0, 1_000), (1, 1_000), 5, CannotTell), Why::NewFew);
        check((0, 1_000), (0, 1_000), 5, CannotTell);
        assert_eq!(check((0, 0), (3, 1_000), 5, CannotTell), Why::NothingBefore);
        // More events than requests: each may bring several.
        check((3_000, 1_000), (1_000, 1_000), 5, Better);
    }

    #[test]
    fn what_is_needed_is_enough_and_less_is_not() {
        for (before, unit) in [
            ((1, 1_000), Unit::Requests),
            ((7, 50_000), Unit::Attempts),
            ((3, 86_400), Unit::Seconds),
            ((900, 1_000), Unit::Requests),
        ] {
            let pair = pair(before, (0, 1), unit);
            let needed = pair.needed().expect("some");
            assert!(pair.with_after(0, needed).p() <= ALPHA);
            assert!(pair.with_after(0, needed - 1).p() > ALPHA, "{before:?}");
        }
    }

    /// Chance parts equal rates so far in no more than one of twenty runs; the runs are of a small generator.
    #[test]
    fn equal_rates_are_seldom_told_apart() {
        let mut state = 7_u64;
        let mut fails = |permille: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 1_000 < permille
        };
        for permille in [5, 50, 300] {
            let mut n_claims = 0;
            for _ in 0..1_000 {
                let mut count = |of: u64| (0..of).filter(|_| fails(permille)).count() as u64;
                let pair = pair((count(200), 200), (count(300), 300), Unit::Requests);
                n_claims += u64::from(pair.p() <= ALPHA);
            }
            assert!(n_claims <= 60, "{n_claims} at {permille}");
        }
    }
}
