//! Timeout fingerprints: durations that pile up at a round value, and which `*_timeout` that is.
//!
//! A timer of nginx ends an attempt at its value and a little later, when the worker comes round to it (`ngx_event_timer.c:
//! ngx_event_expire_timers`), never before; what an application does takes any time. So a timeout shows as a spike just above a value,
//! with little on either side. Only what the gateway answers 504 was ended by a timer of its own; another spike is somebody else's: the
//! upstream's own limit, a balancer's in front or in between, the kernel's. Durations come from access logs; error logs know none. What
//! the timers are for is in `ngx_http_upstream.c`: connect and TLS handshake share `*_connect_timeout`, and the others run between two
//! reads or writes.

use crate::{
    aggregate::{Ending, Series},
    config::{Config, Groups, Pass, Position, ScopeId, Valued},
    event::Phase,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A timeout that a configuration sets, or the default that holds where none does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTimeout {
    /// Where no configuration tells the family, `*` stands for `proxy`, `fastcgi`, `uwsgi`, `scgi` and `grpc`.
    pub directive: String,
    /// What nginx is doing while it runs.
    pub phases: &'static [Phase],
    pub ms: u64,
    /// Where it was written; `None`: it is the default.
    pub position: Option<Position>,
    /// The blocks that pass requests on under it, in order.
    pub scopes: Vec<ScopeId>,
}

/// Attempts that one timer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `None` where the log names none, and of several.
    pub upstream: Option<Arc<[u8]>>,
    /// At how many, of those that have too few each to show a pile.
    pub n_upstreams: usize,
    pub ending: Ending,
    /// [`Phase::None`] where the log does not tell: then any directive may explain it.
    pub phase: Phase,
    pub timeout_ms: u64,
    /// Attempts that took as long, and at most [`JITTER_MS`] longer.
    pub n_attempts: u64,
    /// Of so many with a known duration: all that failed there, all that clients abandoned, or all that were upgraded.
    pub n_all: u64,
    pub longest_ms: u64,
    /// The timeouts that may be it; none: it is not the gateway's, or not of this configuration.
    pub explained_by: Vec<KnownTimeout>,
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

/// Access logs do not part TLS from connecting.
const WHILE_CONNECTING: &[Phase] = &[Phase::Connect, Phase::Tls];

/// Access logs do not part sending from waiting for the header.
const WHILE_SENDING: &[Phase] = &[Phase::Send, Phase::Header];

const WHILE_READING: &[Phase] = &[Phase::Header, Phase::Body, Phase::Tunnel];

/// What ends a request whose upstream's name gets no answer.
const WHILE_RESOLVING: &[Phase] = &[Phase::Resolve];

/// nginx's default of `resolver_timeout` (`ngx_http_core_merge_loc_conf`).
const RESOLVER_MS: u64 = 30_000;

/// nginx's default of all three (`ngx_http_proxy_merge_loc_conf` and its kin).
const DEFAULT_MS: u64 = 60_000;

/// The timeouts that may hold for an upstream, as far as they are known.
pub struct KnownTimeouts<'a> {
    groups: Option<Groups<'a>>,
}

impl<'a> KnownTimeouts<'a> {
    /// Of `config`; without one the defaults.
    pub fn of(config: Option<&'a Config>) -> KnownTimeouts<'a> {
        let groups = config.map(Config::groups);
        KnownTimeouts {
            groups: groups.filter(|groups| !groups.passes.is_empty()),
        }
    }

    /// Where requests are passed to `upstream`, an address or a group's name; everywhere if the configuration does not know it.
    pub fn at(&self, upstream: Option<&[u8]>) -> Vec<KnownTimeout> {
        let Some(groups) = &self.groups else {
            return defaults();
        };
        let mut ids: BTreeSet<_> = BTreeSet::new();
        if let Some(upstream) = upstream {
            ids.extend(groups.of_peer(upstream).into_iter().map(|(id, ..)| id));
            ids.extend(groups.named(upstream));
        }
        let mut known = Vec::new();
        let to_it = ids.iter().flat_map(|&id| groups.passes_to(id));
        to_it.for_each(|pass| add(groups.config(), pass, &mut known));
        if known.is_empty() {
            let all = groups.passes.iter();
            all.for_each(|pass| add(groups.config(), pass, &mut known));
        }
        known
    }

    /// Where names are resolved when a request comes.
    fn of_names(&self) -> Vec<KnownTimeout> {
        let mut known = Vec::new();
        let Some(groups) = &self.groups else {
            add_one(
                &mut known,
                "resolver_timeout",
                WHILE_RESOLVING,
                RESOLVER_MS,
                None,
                None,
            );
            return known;
        };
        let config = groups.config();
        for pass in groups.passes.iter().filter(|pass| pass.is_at_run_time) {
            if let Some(Valued { value, origin }) =
                config.milliseconds(pass.scope, "resolver_timeout")
            {
                add_one(
                    &mut known,
                    "resolver_timeout",
                    WHILE_RESOLVING,
                    value,
                    origin.position(),
                    Some(pass.scope),
                );
            }
        }
        known
    }
}

fn defaults() -> Vec<KnownTimeout> {
    let default = |(directive, phases): (&str, _)| KnownTimeout {
        directive: directive.to_owned(),
        phases,
        ms: DEFAULT_MS,
        position: None,
        scopes: Vec::new(),
    };
    [
        ("*_connect_timeout", WHILE_CONNECTING),
        ("*_send_timeout", WHILE_SENDING),
        ("*_read_timeout", WHILE_READING),
    ]
    .map(default)
    .into()
}

/// Adds the timeouts that hold for `pass`.
fn add(config: &Config, pass: &Pass<'_>, known: &mut Vec<KnownTimeout>) {
    let timeouts = config.timeouts(pass.scope, pass.family);
    let (send, read) = match pass.family {
        crate::config::Family::Stream => ("timeout", "timeout"),
        _ => ("send_timeout", "read_timeout"),
    };
    let mut one = |suffix, phases, valued: Option<Valued<u64>>| {
        let Some(Valued { value: ms, origin }) = valued else {
            return;
        };
        let directive = pass.family.directive(suffix);
        let position = origin.position();
        add_one(known, &directive, phases, ms, position, Some(pass.scope));
    };
    one("connect_timeout", WHILE_CONNECTING, timeouts.connect);
    one(send, WHILE_SENDING, timeouts.send);
    one(read, WHILE_READING, timeouts.read);
}

/// Adds a timeout, or a scope to one that is there.
fn add_one(
    known: &mut Vec<KnownTimeout>,
    directive: &str,
    phases: &'static [Phase],
    ms: u64,
    position: Option<Position>,
    scope: Option<ScopeId>,
) {
    let same = known.iter_mut().find(|known| {
        (&known.directive[..], known.phases, known.ms, known.position)
            == (directive, phases, ms, position)
    });
    match same {
        Some(same) => same.scopes.extend(scope),
        None => known.push(KnownTimeout {
            directive: directive.to_owned(),
            phases,
            ms,
            position,
            scopes: scope.into_iter().collect(),
        }),
    }
}

/// The piles in `series`, looked for at every whole second and, where a timer of the gateway ended attempts, at each timeout that is
/// known; most attempts first.
pub fn fingerprints(series: &[Series], timeouts: &KnownTimeouts<'_>) -> Vec<Fingerprint> {
    let mut found = Vec::new();
    // By ending and phase: series without a pile of their own, added up.
    let mut rest: BTreeMap<(Ending, Phase), (usize, Series)> = BTreeMap::new();
    for one in series {
        let piles = of_one(one, timeouts);
        if piles.is_empty() && one.ending != Ending::Abandoned {
            let (n, sum) = rest.entry((one.ending, one.phase)).or_insert_with(|| {
                let none = Series {
                    upstream: None,
                    counts: BTreeMap::new(),
                    ..*one
                };
                (0, none)
            });
            *n += 1;
            for (&ms, n) in &one.counts {
                *sum.counts.entry(ms).or_default() += n;
            }
        }
        found.extend(piles);
    }
    for (n_upstreams, sum) in rest.into_values().filter(|(n, _)| *n > 1) {
        let piles = of_one(&sum, timeouts).into_iter();
        found.extend(piles.map(|pile| Fingerprint {
            n_upstreams,
            ..pile
        }));
    }
    for pile in &mut found {
        let is_among = |other: &&Series| {
            kin(other.ending) == kin(pile.ending)
                && (pile.n_upstreams > 1 || other.upstream == pile.upstream)
        };
        let others = series.iter().filter(is_among);
        pile.n_all = others.map(Series::n_attempts).sum();
    }
    found.sort_by_key(|pile| std::cmp::Reverse(pile.n_attempts)); // stable: then by upstream
    found
}

/// The same for endings that are told of together.
fn kin(ending: Ending) -> Ending {
    match ending {
        Ending::TimedOut | Ending::Answered => Ending::Failed,
        other => other,
    }
}

fn of_one(series: &Series, timeouts: &KnownTimeouts<'_>) -> Vec<Fingerprint> {
    let counts = &series.counts;
    if series.n_attempts() < PILE_MIN {
        return Vec::new();
    }
    let mut known = match (series.ending, &series.upstream) {
        (Ending::TimedOut | Ending::Upgraded, upstream) => timeouts.at(upstream.as_deref()),
        (Ending::Failed, None) => timeouts.of_names(),
        _ => Vec::new(),
    };
    known.retain(|known| series.phase == Phase::None || known.phases.contains(&series.phase));
    let is_known = |ms: u64| known.iter().any(|known| known.ms == ms);
    // Between two that overlap the known one is meant.
    let is_overlapped = |ms: u64| {
        let near = |known: &KnownTimeout| known.ms.abs_diff(ms) <= JITTER_MS;
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
            upstream: series.upstream.clone(),
            n_upstreams: 1,
            ending: series.ending,
            phase: series.phase,
            timeout_ms,
            n_attempts: sum(counts, timeout_ms, timeout_ms + JITTER_MS),
            n_all: 0,
            longest_ms: counts
                .range(timeout_ms..=timeout_ms + JITTER_MS)
                .next_back()
                .map_or(timeout_ms, |(ms, _)| *ms),
            explained_by: explaining(&known, timeout_ms, series.phase),
        })
        .collect()
}

/// Those of `known` that are `ms` long. An attempt without a header may have been sent all the time, but that seldom takes long: sending
/// explains it only where its timeout was written, and waiting for the header has another.
fn explaining(known: &[KnownTimeout], ms: u64, phase: Phase) -> Vec<KnownTimeout> {
    let fits = |known: &&KnownTimeout| known.ms == ms;
    let mut fitting: Vec<KnownTimeout> = known.iter().filter(fits).cloned().collect();
    let is_read = |known: &KnownTimeout| known.phases == WHILE_READING;
    if phase == Phase::Header {
        let has_read = fitting.iter().any(is_read);
        let is_kept = |known: &KnownTimeout| match has_read {
            true => is_read(known),
            false => known.position.is_some(),
        };
        fitting.retain(is_kept);
    }
    fitting
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
    use crate::config::read_dump;

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

    fn durations(phase: Phase, ms: impl IntoIterator<Item = u64>) -> Series {
        let mut counts = BTreeMap::new();
        for ms in ms {
            *counts.entry(ms).or_default() += 1;
        }
        Series {
            upstream: Some(Arc::from(&b"10.0.0.1:80"[..])),
            ending: Ending::TimedOut,
            phase,
            counts,
        }
    }

    /// What passes everything to that upstream, with `lines` in its location.
    fn config(lines: &str) -> Config {
        let text = format!(
            "# configuration file /etc/nginx/nginx.conf:\nhttp {{ server {{ location / {{ {lines} proxy_pass http://10.0.0.1:80; }} }} }}\n"
        );
        read_dump(text.as_bytes()).expect("a dump")
    }

    /// What a pile is said to be.
    type Told = (u64, u64, Vec<String>);

    /// Timeouts found, attempts, and what explains them, the shortest first.
    fn told_with(series: &[Series], config: Option<&Config>) -> Vec<Told> {
        let told = |found: Fingerprint| {
            let directives = found.explained_by.into_iter().map(|known| known.directive);
            (found.timeout_ms, found.n_attempts, directives.collect())
        };
        let found = fingerprints(series, &KnownTimeouts::of(config));
        let mut told: Vec<Told> = found.into_iter().map(told).collect();
        told.sort();
        told
    }

    fn told(series: Series) -> Vec<Told> {
        told_with(&[series], None)
    }

    fn read() -> Vec<String> {
        vec!["*_read_timeout".to_owned()]
    }

    #[test]
    fn a_timer_leaves_its_mark() {
        // As in a real log: 76 at 60.000 to 60.002, the rest spread below.
        let piled = many(76, |n| 60_000 + n % 3);
        let slow = many(71, |n| 1_396 + n % 57_000);
        let both = durations(Phase::Header, piled.iter().chain(&slow).copied());
        assert_eq!(told(both.clone()), [(60_000, 76, read())]);
        let found = &fingerprints(&[both], &KnownTimeouts::of(None))[0];
        assert_eq!((found.n_all, found.longest_ms), (147, 60_002));
        assert_eq!(found.explained_by[0].position, None);
        // A busy gateway: 30.000 to 30.012, set by the configuration.
        let busy = durations(Phase::Header, many(47, |n| 30_000 + n % 13));
        let config = config("proxy_read_timeout 30s;");
        let found = &fingerprints(&[busy], &KnownTimeouts::of(Some(&config)))[0];
        let [known] = &found.explained_by[..] else {
            panic!("{found:?}");
        };
        assert_eq!(known.directive, "proxy_read_timeout");
        let position = known.position.expect("written");
        assert_eq!(config.cite(position), "/etc/nginx/nginx.conf:1");
        assert_eq!(known.scopes.len(), 1);
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
            let found = told(durations(phase, piled()));
            assert_eq!(found, [(60_000, 9, vec![directive.to_owned()])]);
        }
        let found = told(durations(Phase::None, piled()));
        assert_eq!(found[0].2.len(), 3, "any may be it");
    }

    #[test]
    fn what_nobody_configured_is_somebody_elses() {
        let piled = durations(Phase::Header, many(40, |n| 45_003 + n % 20));
        assert_eq!(told(piled), [(45_000, 40, vec![])]);
        // A value that is no whole second is found where it is known.
        let short = durations(Phase::Connect, many(20, |n| 1_500 + n % 4));
        assert_eq!(told(short.clone()), []);
        let config = config("proxy_connect_timeout 1500ms;");
        assert_eq!(
            told_with(&[short], Some(&config)),
            [(1_500, 20, vec!["proxy_connect_timeout".to_owned()])]
        );
    }

    #[test]
    fn only_what_the_gateway_ended_is_a_timeout_of_its_own() {
        for (ending, is_explained) in [
            (Ending::TimedOut, true),
            (Ending::Failed, false),
            (Ending::Answered, false),
            (Ending::Abandoned, false),
        ] {
            let series = Series {
                ending,
                ..durations(Phase::Header, many(9, |n| 60_000 + n % 2))
            };
            let found = told(series);
            assert_eq!(found.len(), 1);
            assert_eq!(!found[0].2.is_empty(), is_explained, "{ending:?}");
        }
    }

    #[test]
    fn a_name_that_gets_no_answer_is_waited_for_by_the_resolver() {
        let unnamed = |ms| Series {
            upstream: None,
            ending: Ending::Failed,
            ..durations(Phase::None, many(7, |n| ms + n % 4))
        };
        let resolver = || vec!["resolver_timeout".to_owned()];
        assert_eq!(told(unnamed(30_000)), [(30_000, 7, resolver())]);
        let config = config(
            "resolver 10.0.0.2; resolver_timeout 5s; set $b a; if ($x) { proxy_pass http://$b; }",
        );
        assert_eq!(
            told_with(&[unnamed(5_000)], Some(&config)),
            [(5_000, 7, resolver())]
        );
    }

    #[test]
    fn upstreams_with_few_each_show_a_pile_together() {
        let at = |name: &str, n| Series {
            upstream: Some(Arc::from(name.as_bytes())),
            ..durations(Phase::Header, many(n, |n| 60_000 + n % 2))
        };
        let few = [
            at("10.0.0.1:80", 3),
            at("10.0.0.2:80", 4),
            at("10.0.0.3:80", 9),
        ];
        let found = fingerprints(&few, &KnownTimeouts::of(None));
        let told: Vec<_> = found
            .iter()
            .map(|found| (found.n_upstreams, found.n_attempts, found.n_all))
            .collect();
        assert_eq!(told, [(1, 9, 9), (2, 7, 16)]);
        assert_eq!(told_with(&few[..1], None), [], "one with few has none");
    }

    #[test]
    fn two_timers_are_two() {
        let ten = many(25, |n| 10_000 + n % 5);
        let sixty = many(8, |n| 60_000 + n % 3);
        let both = durations(Phase::Header, ten.into_iter().chain(sixty));
        assert_eq!(told(both), [(10_000, 25, vec![]), (60_000, 8, read())]);
    }

    #[test]
    fn near_misses_are_none() {
        let none = |what: &str, ms: Vec<u64>| {
            assert_eq!(told(durations(Phase::Header, ms)), [], "{what}");
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
        let found = told(both);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0, &found[0].2), (60_000, &read()));
    }
}
