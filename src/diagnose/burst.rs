//! Bursts in one series of counts: a cumulative sum (CUSUM) with hysteresis.
//!
//! E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954), in the form for counts of J. M. Lucas, "Counted data CUSUM's",
//! Technometrics 27 (1985). Every failure adds one, every minute takes the reference value away, and the sum never falls below
//! zero. A burst opens when the sum reaches a height that chance does not, and began when the sum last left zero: so a
//! sharp outage opens at once, and a slow burn of hours opens in the end. What differs from the textbook is how it ends,
//! since a sum that an outage drove to thousands would take days to fall: it is held at that height while the burst is open,
//! and what a minute takes away then follows from the burst's own pace.
//!
//! ```text
//! sum = 0
//! for each bucket of w minutes with n failures:
//!     closed: sum = max(0, sum + n - w * reference);   0 < sum: it may have begun here; opening <= sum: open
//!     open:   sum = min(opening, sum + n - w * pace);  sum <= 0: closed;   else if opening / 2 <= sum and w * pace <= n: it lasts to here
//! reference = 3 * usual + 1/4 per minute
//! opening   = 10 + 3 * usual per minute
//! pace      = half of the mean so far, but at least the reference, and at most 1 per minute if that is more
//! ```
//!
//! All numbers are integers (millionths of a failure), so that no answer depends on rounding or order.
//!
//! **The usual rate** is the lower quartile of the counts of whole blocks of an hour (of 5 minutes in logs of less than six
//! hours): an outage may fill up to three quarters of a log and is still unusual. Logs of less than an hour tell no usual
//! rate; it counts as none. What it is not: a model of the day. A background of failures that follows the traffic
//! and varies by more than three between night and noon is found as a burst at noon.

use crate::event::Timestamp;

/// Failures in one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// Start of the bucket.
    pub bucket: Timestamp,
    pub n_events: u64,
}

/// From the first to the last bucket of a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    pub first: Timestamp,
    pub last: Timestamp,
    /// The logs end before it is known to be over.
    pub is_open: bool,
}

/// The buckets a series may have counts in: all that the logs cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Start of the first bucket.
    pub first: Timestamp,
    /// Start of the last.
    pub last: Timestamp,
    /// Width of a bucket: a minute, or a multiple of one.
    pub width_s: i64,
}

/// A rate that counts as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    /// Failures per hour, in thousandths.
    pub per_1000_hours: u64,
}

/// The rate, over the usual one, beyond which failures add up to a burst.
pub const TIMES_USUAL: u64 = 3;

/// Failures per hour that add up to no burst, whatever is usual: one in four minutes.
pub const ALLOWED_PER_HOUR: u64 = 15;

/// Failures, beyond what adds up to nothing, that make a burst.
pub const OPENS_AT: u64 = 10;

/// Minutes without failures that end any burst; slower ones take longer.
pub const QUIET_MIN: i64 = OPENS_AT as i64;

const MILLION: i64 = 1_000_000;
const HOUR_S: i64 = 3_600;

/// Most failures of one bucket that are told apart: more are as good as this, and no sum overflows.
const COUNT_MAX: u64 = 1 << 32;

impl Span {
    fn n_buckets(self) -> i64 {
        (self.last.0 - self.first.0) / self.width_s + 1
    }

    /// Seconds covered.
    pub fn len_s(self) -> i64 {
        self.n_buckets() * self.width_s
    }
}

impl Usual {
    /// The usual rate of `counts`, which are in order of time and within `span`; `None` if that is too short to tell.
    pub fn of(counts: &[Count], span: Span) -> Option<Usual> {
        let block_s = if span.len_s() < 6 * HOUR_S {
            HOUR_S / 12
        } else {
            HOUR_S
        };
        let n_blocks = span.len_s() / block_s; // what is left over behind the last is not looked at
        if span.len_s() < HOUR_S || span.width_s > block_s {
            return None;
        }
        let block_of = |count: &Count| (count.bucket.0 - span.first.0) / block_s;
        let mut sums: Vec<u64> = counts
            .chunk_by(|a, b| block_of(a) == block_of(b))
            .filter(|block| block_of(&block[0]) < n_blocks)
            .map(|block| {
                block
                    .iter()
                    .map(|count| count.n_events.min(COUNT_MAX))
                    .sum()
            })
            .collect();
        sums.sort_unstable();
        let n_empty = n_blocks as usize - sums.len();
        let quartile = (n_blocks as usize - 1) / 4;
        let n_events = quartile.checked_sub(n_empty).map_or(0, |index| sums[index]);
        Some(Usual {
            per_1000_hours: n_events * 1_000 * (HOUR_S / block_s) as u64,
        })
    }

    /// Millionths of a failure that one minute may have and add up to nothing.
    fn reference(self) -> i64 {
        self.threefold() + ALLOWED_PER_HOUR as i64 * MILLION / 60
    }

    /// Millionths of a failure at which a burst opens.
    fn opening(self) -> i64 {
        OPENS_AT as i64 * MILLION + self.threefold()
    }

    /// Three times what is usual in a minute, in millionths.
    fn threefold(self) -> i64 {
        (TIMES_USUAL * self.per_1000_hours * 1_000 / 60) as i64
    }

    /// Whether `n_events` in `minutes` are more than three times the usual.
    pub fn is_tripled(self, n_events: u64, minutes: i64) -> bool {
        in_millionths(n_events) > self.threefold().saturating_mul(minutes)
    }

    /// Whether `n_events` in `minutes` are more than what adds up to nothing.
    pub fn is_exceeded(self, n_events: u64, minutes: i64) -> bool {
        in_millionths(n_events) > self.reference().saturating_mul(minutes)
    }
}

/// The bursts of `counts`, which are in order of time, one per bucket, and within `span`.
pub fn bursts(counts: &[Count], span: Span, usual: Usual) -> Vec<Burst> {
    let mut chart = Chart {
        reference: usual.reference(),
        opening: usual.opening(),
        width_min: span.width_s / 60,
        sum: 0,
        run: None,
        bursts: Vec::new(),
    };
    let mut next = span.first;
    for &count in counts {
        let n_empty = (count.bucket.0 - next.0) / span.width_s;
        chart.pass_empty(n_empty);
        chart.add(count);
        next = Timestamp(count.bucket.0 + span.width_s);
    }
    chart.pass_empty((span.last.0 - next.0) / span.width_s + 1);
    if let Some(run) = chart.run.take_if(|run| run.is_open) {
        chart.end(run, true);
    }
    chart.bursts
}

/// A sum on its way, and what it has found so far.
struct Chart {
    reference: i64,
    opening: i64,
    width_min: i64,
    /// Millionths of a failure.
    sum: i64,
    /// There is one whenever the sum is above zero.
    run: Option<Run>,
    bursts: Vec<Burst>,
}

/// What the sum has seen since it left zero.
#[derive(Clone, Copy)]
struct Run {
    first: Timestamp,
    last: Timestamp,
    n_events: u64,
    minutes: i64,
    is_open: bool,
}

impl Chart {
    /// Passes `n` buckets without a failure.
    fn pass_empty(&mut self, n: i64) {
        let Some(mut run) = self.run else { return };
        let minutes = n.max(0) * self.width_min;
        let falls_by = self.falls_by(&run).saturating_mul(minutes);
        run.minutes += minutes;
        self.sum -= falls_by;
        self.run = Some(run);
        self.end_if_down();
    }

    fn add(&mut self, count: Count) {
        let mut run = self.run.unwrap_or(Run {
            first: count.bucket,
            last: count.bucket,
            n_events: 0,
            minutes: 0,
            is_open: false,
        });
        run.n_events += count.n_events.min(COUNT_MAX);
        run.minutes += self.width_min;
        let (n, falls_by) = (
            in_millionths(count.n_events),
            self.falls_by(&run).saturating_mul(self.width_min),
        );
        self.sum = (self.sum + n - falls_by).min(self.opening);
        run.is_open |= self.sum == self.opening;
        if run.is_open && n >= falls_by && self.sum >= self.opening / 2 {
            run.last = count.bucket;
        }
        self.run = Some(run);
        self.end_if_down();
    }

    /// What a minute takes away.
    fn falls_by(&self, run: &Run) -> i64 {
        if !run.is_open {
            return self.reference;
        }
        let half_of_mean = in_millionths(run.n_events) / (2 * run.minutes.max(1));
        half_of_mean.clamp(self.reference, self.reference.max(MILLION))
    }

    fn end_if_down(&mut self) {
        if self.sum > 0 {
            return;
        }
        self.sum = 0;
        if let Some(run) = self.run.take().filter(|run| run.is_open) {
            self.end(run, false);
        }
    }

    fn end(&mut self, run: Run, is_open: bool) {
        self.bursts.push(Burst {
            first: run.first,
            last: run.last,
            is_open,
        });
    }
}

fn in_millionths(n_events: u64) -> i64 {
    n_events.min(COUNT_MAX) as i64 * MILLION
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_132_800; // 2026-11-20 00:00:00

    /// A log of so many minutes, and the counts of those that have any.
    struct Log {
        minutes: i64,
        counts: Vec<u64>,
    }

    impl Log {
        fn of(minutes: i64) -> Log {
            Log {
                minutes,
                counts: vec![0; minutes as usize],
            }
        }

        /// `n` failures in each of `minutes`.
        fn with(mut self, minutes: std::ops::Range<usize>, n: u64) -> Log {
            self.counts[minutes]
                .iter_mut()
                .for_each(|count| *count += n);
            self
        }

        /// So many failures per 1,000 minutes, by chance, in each of `minutes`.
        fn noisy(mut self, minutes: std::ops::Range<usize>, per_mille: u64, seed: u64) -> Log {
            let mut state = seed;
            for count in &mut self.counts[minutes] {
                // 64 trials of a thousandth each, scaled: a binomial that is close to Poisson.
                for _ in 0..64 {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    *count += u64::from((state >> 33) % 64_000 < per_mille);
                }
            }
            self
        }

        fn span(&self) -> Span {
            Span {
                first: Timestamp(START),
                last: Timestamp(START + (self.minutes - 1) * 60),
                width_s: 60,
            }
        }

        fn counts(&self) -> Vec<Count> {
            let count = |(minute, &n_events): (usize, &u64)| Count {
                bucket: Timestamp(START + minute as i64 * 60),
                n_events,
            };
            let counts = self.counts.iter().enumerate().map(count);
            counts.filter(|count| count.n_events > 0).collect()
        }

        fn usual(&self) -> Usual {
            Usual::of(&self.counts(), self.span()).unwrap_or_default()
        }

        fn usual_per_hour(&self) -> u64 {
            self.usual().per_1000_hours / 1_000
        }

        /// First and last minute of each burst, and whether it is open.
        fn bursts(&self) -> Vec<(i64, i64, bool)> {
            let (counts, span) = (self.counts(), self.span());
            let minute = |time: Timestamp| (time.0 - START) / 60;
            bursts(&counts, span, self.usual())
                .iter()
                .map(|burst| (minute(burst.first), minute(burst.last), burst.is_open))
                .collect()
        }
    }

    const DAY: i64 = 1_440;

    #[test]
    fn quiet_logs_have_none() {
        assert_eq!(Log::of(DAY).bursts(), []);
        // One every ten minutes, like clockwork.
        let mut log = Log::of(DAY);
        (0..DAY as usize)
            .step_by(10)
            .for_each(|minute| log.counts[minute] = 1);
        assert_eq!(log.bursts(), []);
        // A handful at once is not ten.
        assert_eq!(Log::of(DAY).with(700..701, 8).bursts(), []);
        // Chance alone, at many a rate, for a week each.
        for per_mille in [10, 50, 100, 150, 300, 1_000, 5_000] {
            for seed in 0..10 {
                let log = Log::of(7 * DAY).noisy(0..7 * DAY as usize, per_mille, seed);
                assert_eq!(
                    log.bursts(),
                    [],
                    "{per_mille} a thousand minutes, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn an_outage_is_found_wherever_it_lies() {
        for first in [0, 1, 700, 1_430] {
            let log = Log::of(DAY).with(first..first + 7, 12);
            let is_open = first == 1_430;
            assert_eq!(log.bursts(), [(first as i64, first as i64 + 6, is_open)]);
        }
        // One minute of a week.
        assert_eq!(
            Log::of(7 * DAY).with(5_000..5_001, 11).bursts(),
            [(5_000, 5_000, false)]
        );
    }

    #[test]
    fn a_slow_burn_is_found() {
        // Once a minute for four hours of a day, and one every two minutes for ten.
        assert_eq!(Log::of(DAY).with(300..540, 1).bursts(), [(300, 539, false)]);
        let mut log = Log::of(DAY);
        (300..900)
            .step_by(2)
            .for_each(|minute| log.counts[minute] = 1);
        assert_eq!(log.bursts(), [(300, 898, false)]);
        // By chance, at the same rates: one burst each, and not in pieces.
        for (per_mille, seed) in [(1_000, 1), (1_000, 2), (500, 3), (500, 4), (2_000, 5)] {
            let log = Log::of(DAY).noisy(300..900, per_mille, seed);
            let bursts = log.bursts();
            assert_eq!(bursts.len(), 1, "{per_mille} seed {seed}: {bursts:?}");
            let (first, last, _) = bursts[0];
            assert!(
                (290..330).contains(&first) && (870..901).contains(&last),
                "{bursts:?}"
            );
        }
    }

    #[test]
    fn quiet_parts_two() {
        let two = |second: usize| Log::of(DAY).with(100..105, 50).with(second..second + 5, 50);
        assert_eq!(two(115).bursts(), [(100, 104, false), (115, 119, false)]);
        assert_eq!(two(112).bursts(), [(100, 116, false)]);
        // A stray failure behind it is no part of it; one just behind it is.
        assert_eq!(
            Log::of(DAY).with(100..105, 50).with(111..112, 1).bursts(),
            [(100, 104, false)]
        );
        assert_eq!(
            Log::of(DAY).with(100..105, 50).with(107..108, 1).bursts(),
            [(100, 107, false)]
        );
    }

    #[test]
    fn what_is_usual_is_no_burst_and_what_rises_above_it_is() {
        let usual = || Log::of(DAY).with(0..DAY as usize, 20);
        assert_eq!(usual().usual_per_hour(), 1_200);
        assert_eq!(usual().bursts(), []);
        assert_eq!(usual().with(600..660, 20).bursts(), [], "twice as many");
        assert_eq!(usual().with(600..603, 200).bursts(), [(600, 602, false)]);
        // An outage may fill three quarters of a log.
        let long = Log::of(DAY).with(0..DAY as usize, 1).with(200..1_200, 50);
        assert_eq!(long.bursts(), [(200, 1_199, false)]);
    }

    #[test]
    fn short_logs_have_nothing_usual() {
        assert_eq!(Log::of(2).with(0..2, 15).bursts(), [(0, 1, true)]);
        assert_eq!(Log::of(59).with(0..59, 12).usual_per_hour(), 0);
        assert_eq!(Log::of(59).with(0..59, 12).bursts(), [(0, 58, true)]);
        // Forty minutes of an hour: the quiet blocks tell. Fifty would be usual.
        assert_eq!(Log::of(60).with(20..60, 30).bursts(), [(20, 59, true)]);
        assert_eq!(Log::of(60).with(10..60, 30).bursts(), []);
    }

    #[test]
    fn wide_buckets_find_what_they_can() {
        let span = Span {
            first: Timestamp(START),
            last: Timestamp(START + 6 * 86_400),
            width_s: 900,
        };
        let counts = [Count {
            bucket: Timestamp(START + 900 * 100),
            n_events: 40,
        }];
        let bucket = counts[0].bucket;
        let found = bursts(&counts, span, Usual::of(&counts, span).unwrap_or_default());
        assert_eq!(
            found,
            [Burst {
                first: bucket,
                last: bucket,
                is_open: false
            }]
        );
    }

    #[test]
    fn more_failures_never_hide_a_burst() {
        for factor in [1, 2, 10, 1_000, 1 << 30, u64::MAX / 24] {
            let log = Log::of(DAY).with(700..707, 12 * factor);
            assert_eq!(log.bursts(), [(700, 706, false)], "{factor}");
            let usual = Log::of(DAY).with(0..DAY as usize, 12 * factor);
            assert_eq!(usual.bursts(), [], "{factor}");
        }
    }
}
