//! Timeout fingerprints: durations that pile up at a round value, and which `*_timeout` that is.
//!
//! A timer of nginx ends an attempt at its value and a little later, when the worker comes round to it (`ngx_event_timer.c:
//! ngx_event_expire_timers`), never before; what an application does takes any time. So a timeout shows as a spike just above a value,
//! with little on either side. A spike that no directive explains is somebody else's: the backend's own limit, or a balancer's in
//! between. Durations come from access logs; error logs know none. What the timers are for is in `ngx_http_upstream.c`: connect and TLS
//! handshake share `*_connect_timeout`, and the others run between two reads or writes.

use crate::event::Phase;
use std::{collections::BTreeMap, sync::Arc};

/// How long the failed attempts at one upstream took in one phase.
#[derive(Clone, Debug)]
pub struct Durations {
    pub upstream: Option<Arc<[u8]>>,
    /// [`Phase::None`] where the log does not tell: then any directive may explain it.
    pub phase: Phase,
    /// Attempts by their duration in milliseconds.
    pub counts: BTreeMap<u64, u64>,
}

/// A timeout that a configuration sets, or the default that holds where none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownTimeout<'a> {
    pub directive: &'a str,
    /// What nginx is doing while it runs.
    pub phases: &'a [Phase],
    pub ms: u64,
    pub is_default: bool,
}

/// Attempts that one timer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint<'a> {
    pub upstream: Option<Arc<[u8]>>,
    pub phase: Phase,
    pub timeout_ms: u64,
    /// Attempts that took as long, and at most [`JITTER_MS`] longer.
    pub n_attempts: u64,
    /// Of so many with a known duration.
    pub n_all: u64,
    pub longest_ms: u64,
    /// The timeouts that may be it; none: it is not the gateway's.
    pub explained_by: Vec<KnownTimeout<'a>>,
}

/// How much later than its value a timer may end an attempt: one round of a busy worker. A real nginx on loopback needed 0 to 2 ms, under
/// load 12.
pub const JITTER_MS: u64 = 50;

/// Fewer attempts are no pile.
const PILE_MIN: u64 = 5;

/// A pile is so many times what its neighbourhood lets expect.
const TIMES_EXPECTED: u64 = 8;

/// Milliseconds on either side of a pile to compare it with.
const AROUND_MS: u64 = 1_000;

/// What holds where a configuration says nothing; `*` stands for `proxy`, `fastcgi`, `uwsgi`, `scgi` and `grpc`.
pub const DEFAULT_TIMEOUTS: [KnownTimeout<'static>; 3] = [
    KnownTimeout {
        directive: "*_connect_timeout",
        phases: &[Phase::Connect, Phase::Tls],
        ms: 60_000,
        is_default: true,
    },
    KnownTimeout {
        directive: "*_send_timeout",
        phases: &[Phase::Send],
        ms: 60_000,
        is_default: true,
    },
    KnownTimeout {
        directive: "*_read_timeout",
        phases: &[Phase::Header, Phase::Body, Phase::Tunnel],
        ms: 60_000,
        is_default: true,
    },
];

/// The piles in each of `series`, in their order, shortest first; looked for at every whole second and at each of `known`.
pub fn fingerprints<'a>(series: &[Durations], known: &[KnownTimeout<'a>]) -> Vec<Fingerprint<'a>> {
    series
        .iter()
        .flat_map(|durations| of_one(durations, known))
        .collect()
}

fn of_one<'a>(durations: &Durations, known: &[KnownTimeout<'a>]) -> Vec<Fingerprint<'a>> {
    let counts = &durations.counts;
    let n_all = sum(counts, 0, u64::MAX);
    let fits = |known: &&KnownTimeout<'_>| {
        durations.phase == Phase::None || known.phases.contains(&durations.phase)
    };
    let known: Vec<KnownTimeout<'a>> = known.iter().filter(fits).copied().collect();
    let is_known = |ms: u64| known.iter().any(|known| known.ms == ms);
    // Between two that overlap the known one is meant.
    let is_overlapped = |ms: u64| {
        let near = |known: &KnownTimeout<'_>| known.ms.abs_diff(ms) <= JITTER_MS;
        !is_known(ms) && known.iter().any(near)
    };
    let mut candidates: Vec<u64> = counts
        .keys()
        .filter(|&&ms| ms >= 1_000 && ms % 1_000 <= JITTER_MS)
        .map(|ms| ms - ms % 1_000)
        .filter(|&ms| !is_overlapped(ms))
        .chain(known.iter().map(|known| known.ms))
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    candidates
        .into_iter()
        .filter(|&ms| ms > 0 && is_pile(counts, ms))
        .map(|timeout_ms| Fingerprint {
            upstream: durations.upstream.clone(),
            phase: durations.phase,
            timeout_ms,
            n_attempts: sum(counts, timeout_ms, timeout_ms + JITTER_MS),
            n_all,
            longest_ms: counts
                .range(timeout_ms..=timeout_ms + JITTER_MS)
                .next_back()
                .map_or(timeout_ms, |(ms, _)| *ms),
            explained_by: known
                .iter()
                .filter(|known| known.ms == timeout_ms)
                .copied()
                .collect(),
        })
        .collect()
}

/// Whether far more attempts end at `ms`, or a moment later, than just before and just after.
fn is_pile(counts: &BTreeMap<u64, u64>, ms: u64) -> bool {
    let end = ms + JITTER_MS;
    let around_ms = AROUND_MS.min(ms);
    let n = sum(counts, ms, end);
    let n_around = sum(counts, ms - around_ms, ms - 1) + sum(counts, end + 1, end + around_ms);
    // Expected are n_around * (JITTER_MS + 1) / (2 * around_ms).
    let expected = u128::from(n_around) * u128::from(JITTER_MS + 1) * u128::from(TIMES_EXPECTED);
    n >= PILE_MIN && u128::from(n - PILE_MIN) * u128::from(2 * around_ms) >= expected
}

/// Attempts that took from `first` to `last` milliseconds.
fn sum(counts: &BTreeMap<u64, u64>, first: u64, last: u64) -> u64 {
    counts.range(first..=last).map(|(_, n)| n).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` durations that `next` makes of numbers that look random.
    fn many(n: u64, next: impl Fn(u64) -> u64) -> Vec<u64> {
        let mut state = 7u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state >> 33
        };
        (0..n).map(|_| next(random())).collect()
    }

    /// The sum of twelve equal chances: close to a normal curve around `mean`, `spread` wide.
    fn bell(mean: u64, spread: u64) -> impl Fn(u64) -> u64 {
        move |seed| {
            let chance =
                |n: u64| seed.wrapping_mul(2_654_435_761).rotate_left(n as u32 * 5) % (spread + 1);
            (mean + (0..12).map(chance).sum::<u64>()).saturating_sub(6 * spread)
        }
    }

    fn durations(phase: Phase, ms: impl IntoIterator<Item = u64>) -> Durations {
        let mut counts = BTreeMap::new();
        for ms in ms {
            *counts.entry(ms).or_default() += 1;
        }
        Durations {
            upstream: Some(Arc::from(&b"10.0.0.1:80"[..])),
            phase,
            counts,
        }
    }

    const READ_30: KnownTimeout<'static> = KnownTimeout {
        directive: "proxy_read_timeout",
        phases: &[Phase::Header, Phase::Body],
        ms: 30_000,
        is_default: false,
    };

    /// Timeouts found, attempts, and what explains them.
    fn told(
        durations: Durations,
        known: &[KnownTimeout<'static>],
    ) -> Vec<(u64, u64, Vec<&'static str>)> {
        let told = |found: Fingerprint<'static>| {
            let directives = found.explained_by.iter().map(|known| known.directive);
            (found.timeout_ms, found.n_attempts, directives.collect())
        };
        fingerprints(&[durations], known)
            .into_iter()
            .map(told)
            .collect()
    }

    #[test]
    fn a_timer_leaves_its_mark() {
        // As in a real log: 76 at 60.000 to 60.002, the rest spread below.
        let piled = many(76, |n| 60_000 + n % 3);
        let slow = many(71, |n| 1_396 + n % 57_000);
        let both = durations(Phase::Header, piled.iter().chain(&slow).copied());
        assert_eq!(
            told(both.clone(), &DEFAULT_TIMEOUTS),
            [(60_000, 76, vec!["*_read_timeout"])]
        );
        let found = &fingerprints(&[both], &DEFAULT_TIMEOUTS)[0];
        assert_eq!((found.n_all, found.longest_ms), (147, 60_002));
        assert!(found.explained_by[0].is_default);
        // A busy gateway: 30.000 to 30.012, set by the configuration.
        let busy = durations(Phase::Header, many(47, |n| 30_000 + n % 13));
        assert_eq!(
            told(busy, &[READ_30]),
            [(30_000, 47, vec!["proxy_read_timeout"])]
        );
    }

    #[test]
    fn the_phase_decides_between_equal_timeouts() {
        let piled = || many(9, |n| 60_000 + n % 2);
        for (phase, directive) in [
            (Phase::Connect, "*_connect_timeout"),
            (Phase::Tls, "*_connect_timeout"),
            (Phase::Send, "*_send_timeout"),
            (Phase::Body, "*_read_timeout"),
        ] {
            let found = told(durations(phase, piled()), &DEFAULT_TIMEOUTS);
            assert_eq!(found, [(60_000, 9, vec![directive])]);
        }
        let found = told(durations(Phase::None, piled()), &DEFAULT_TIMEOUTS);
        assert_eq!(found[0].2.len(), 3, "any may be it");
    }

    #[test]
    fn what_nobody_configured_is_somebody_elses() {
        let piled = durations(Phase::Header, many(40, |n| 45_003 + n % 20));
        assert_eq!(told(piled, &DEFAULT_TIMEOUTS), [(45_000, 40, vec![])]);
        // A value that is no whole second is found where it is known.
        let short = || durations(Phase::Connect, many(20, |n| 1_500 + n % 4));
        assert_eq!(told(short(), &DEFAULT_TIMEOUTS), []);
        let known = KnownTimeout {
            directive: "proxy_connect_timeout",
            phases: &[Phase::Connect],
            ms: 1_500,
            is_default: false,
        };
        assert_eq!(
            told(short(), &[known]),
            [(1_500, 20, vec!["proxy_connect_timeout"])]
        );
    }

    #[test]
    fn two_timers_are_two() {
        let ten = many(25, |n| 10_000 + n % 5);
        let sixty = many(8, |n| 60_000 + n % 3);
        let both = durations(Phase::Header, ten.into_iter().chain(sixty));
        assert_eq!(
            told(both, &DEFAULT_TIMEOUTS),
            [(10_000, 25, vec![]), (60_000, 8, vec!["*_read_timeout"])]
        );
    }

    #[test]
    fn near_misses_are_none() {
        let none = |what: &str, ms: Vec<u64>| {
            assert_eq!(
                told(durations(Phase::Header, ms), &DEFAULT_TIMEOUTS),
                [],
                "{what}"
            );
        };
        none("nothing", vec![]);
        none("too few", vec![60_000, 60_000, 60_001, 60_001]);
        none("uniform", many(100_000, |n| n % 90_000));
        none("few and uniform", many(300, |n| n % 90_000));
        none("before the timer", many(50, |n| 59_900 + n % 90));
        none("behind the timer", many(50, |n| 60_060 + n % 100));
        none("a hump over sixty seconds", many(20_000, bell(60_000, 600)));
        let two = many(10_000, bell(5_000, 300))
            .into_iter()
            .chain(many(10_000, bell(61_000, 900)));
        none("two humps", two.collect());
        none("fast", many(10_000, |n| n % 40));
    }

    #[test]
    fn a_pile_stands_out_of_a_hump() {
        let hump = many(20_000, bell(50_000, 2_000));
        let piled = many(2_000, |n| 60_000 + n % 3);
        let both = durations(Phase::Header, hump.into_iter().chain(piled));
        let found = told(both, &DEFAULT_TIMEOUTS);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0, &found[0].2), (60_000, &vec!["*_read_timeout"]));
    }
}
