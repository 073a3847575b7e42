//! Durations that pile up, held against the timeouts that are configured: whose limit it is, where it is set, and what changing it does.

use super::{Certainty, Draft, Facts, Symptom, Told, capital, name, record};
use crate::{
    aggregate::Ending,
    config::{Position, ScopeId, lint::Advice},
    diagnose::{Fingerprint, KnownTimeout, KnownTimeouts},
    event::{Category, Severity},
    words::grouped,
};

/// A timeout of the gateway ended attempts, and the configuration has none so long.
pub(super) fn not_in_force(facts: &Facts<'_>, told: &mut Told) {
    let Some(config) = facts.material.config else {
        return;
    };
    for pile in piles(facts, &[Ending::TimedOut]) {
        if !pile.explained_by.is_empty() {
            continue;
        }
        let symptoms = symptoms(facts, pile, &[Category::Timeout]);
        let draft = facts.draft(&subject(pile), &symptoms);
        let known = KnownTimeouts::of(Some(config)).at(pile.upstream.as_deref());
        let fits = known
            .iter()
            .filter(|known| known.phases.contains(&pile.phase));
        let values: Vec<String> = fits
            .take(3)
            .map(|known| format!("{} {}", known.directive, self::value(known.ms)))
            .collect();
        let values = match values.is_empty() {
            true => "other values".to_owned(),
            false => values.join(", "),
        };
        let mut evidence = draft.evidence.clone();
        let set = known
            .iter()
            .filter(|known| known.phases.contains(&pile.phase));
        evidence.extend(
            set.filter_map(|known| known.position)
                .take(2)
                .map(|position| facts.config_exhibit(position, "what the configuration says")),
        );
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!(
                "a timeout of {} was in force at {}, which the configuration does not have",
                self::value(pile.timeout_ms),
                at(pile)
            ),
            claim: format!(
                "{} failed attempts at {} were ended by nginx after {}, but the configuration says {values}. It is younger than these records, its last reload was refused, or these requests took a location that is not in it.",
                share(pile),
                at(pile),
                seconds(pile.timeout_ms)
            ),
            advice: vec!["nginx -t, then nginx -s reload; an `[emerg]` line behind `reconfiguring` means that the old configuration runs on.".to_owned()],
            commands: vec!["On the gateway: nginx -T 2>/dev/null | grep -n timeout".to_owned()],
            evidence,
            ..draft
        });
    }
}

/// Attempts that end at one age, not by a timeout of the gateway.
pub(super) fn of_upstream(facts: &Facts<'_>, told: &mut Told) {
    for pile in piles(facts, &[Ending::Failed, Ending::Answered]) {
        // What nginx ended before it had an upstream is no limit of one.
        if pile.upstream.is_none() && pile.n_upstreams <= 1 || !pile.explained_by.is_empty() {
            continue;
        }
        let is_answered = pile.ending == Ending::Answered;
        let categories: &[Category] = match is_answered {
            true => &[Category::Upstream5xx],
            false => &[
                Category::PrematureClose,
                Category::Reset,
                Category::Unreachable,
                Category::Timeout,
                Category::Other,
            ],
        };
        let symptoms = symptoms(facts, pile, categories);
        let draft = facts.draft(&subject(pile), &symptoms);
        let how = match is_answered {
            true => "answers 5xx itself",
            false => "closes, or a box between does,",
        };
        let longer = gateway_waits(facts, pile);
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("{} {how} after {}", at(pile), value(pile.timeout_ms)),
            claim: format!(
                "{} failed attempts at {} ended within {} ms of {}, and not by a timeout of nginx, which answers 504{longer}. {} {}.",
                share(pile),
                at(pile),
                pile.longest_ms - pile.timeout_ms,
                seconds(pile.timeout_ms),
                whose(pile),
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                "Look for that value in the configuration of the upstream and of all that lies between; a larger timeout of nginx changes nothing.".to_owned(),
            ],
            commands: vec![format!(
                "On the backend: grep -rnE '(timeout|harakiri|max_execution_time)' its configuration, and look for {}",
                pile.timeout_ms / 1_000
            )],
            ..draft
        });
    }
}

/// Limits that are well known by their defaults, in seconds.
const WELL_KNOWN: &[(u64, &str)] = &[
    (15, "Envoy's route timeout"),
    (
        30,
        "gunicorn --timeout, PHP max_execution_time, the router of Heroku, Google's balancers",
    ),
    (
        60,
        "the idle timeout of AWS balancers, uwsgi harakiri and php-fpm request_terminate_timeout as often set",
    ),
    (100, "Cloudflare"),
    (120, "Node's requestTimeout of old versions, IIS"),
    (230, "Azure App Service"),
    (240, "Azure's balancers"),
    (
        300,
        "Node's requestTimeout, Apache's Timeout of old versions",
    ),
    (350, "AWS network balancers"),
];

/// Whose limit it may be: one upstream's own, or that of what stands before several.
fn whose(pile: &Fingerprint) -> String {
    let at = match pile.n_upstreams {
        0 | 1 => "A limit of the upstream's own, or of a balancer in front of it, is set to that",
        _ => {
            "Several upstreams share it, so it is the same setting in each, or a box that all of them are behind"
        }
    };
    let known = WELL_KNOWN
        .iter()
        .find(|(seconds, _)| seconds * 1_000 == pile.timeout_ms);
    match known {
        Some((seconds, who)) => format!("{at}; known for {seconds} s: {who}."),
        None => format!(
            "{at} (gunicorn --timeout, uwsgi harakiri, php-fpm request_terminate_timeout, a balancer's idle timeout)."
        ),
    }
}

/// `; nginx would have waited 60s (proxy_read_timeout)`, where that is longer.
fn gateway_waits(facts: &Facts<'_>, pile: &Fingerprint) -> String {
    let known = KnownTimeouts::of(facts.material.config).at(pile.upstream.as_deref());
    let reads = known
        .iter()
        .filter(|known| known.directive.ends_with("read_timeout"));
    let longest = reads
        .max_by_key(|known| known.ms)
        .filter(|known| known.ms > pile.timeout_ms);
    longest.map_or_else(String::new, |known| {
        format!(
            "; nginx would have waited up to {} ({})",
            value(known.ms),
            plain(&known.directive)
        )
    })
}

/// WebSockets and the like that the gateway closes.
pub(super) fn upgraded(facts: &Facts<'_>, told: &mut Told) {
    for pile in piles(facts, &[Ending::Upgraded]) {
        let Some(known) = pile.explained_by.first() else {
            continue;
        };
        let symptoms = symptoms(facts, pile, &[Category::Timeout]);
        let mut draft = facts.draft(&subject(pile), &[]);
        let tunnel = symptoms
            .iter()
            .filter(|symptom| symptom.phase == crate::event::Phase::Tunnel);
        draft.evidence.extend(tunnel.map(|symptom| {
            record(
                symptom.evidence,
                "an idle connection was closed",
                &symptom.sample,
            )
        }));
        draft.evidence.extend(exhibits(facts, pile));
        let directive = plain(&known.directive);
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("upgraded connections to {} end after {}", at(pile), value(pile.timeout_ms)),
            claim: format!(
                "{} connections that were upgraded (101) lasted {}: {}. nginx closes a tunnel in which the upstream is silent so long.",
                share(pile),
                seconds(pile.timeout_ms),
                set_where(facts, known)
            ),
            advice: vec!["Let the application send a ping more often than that, or raise the timeout in that location.".to_owned()],
            changes: vec![Advice {
                directive,
                context: known.scopes.first().map_or_else(
                    || "the location of the WebSocket".to_owned(),
                    |&scope| context(facts, scope),
                ),
                value: "3600s".to_owned(),
            }],
            n_events: pile.n_attempts,
            ..draft
        });
    }
}

// --- What the rules share -----------------------------------------------------------------------

fn piles<'a>(
    facts: &Facts<'a>,
    endings: &'static [Ending],
) -> impl Iterator<Item = &'a Fingerprint> {
    let piles = facts.material.fingerprints.iter();
    piles.filter(move |pile| endings.contains(&pile.ending))
}

/// What failed there in one of `categories`; everywhere if the pile is of several upstreams.
fn symptoms<'a>(
    facts: &Facts<'a>,
    pile: &Fingerprint,
    categories: &[Category],
) -> Vec<&'a Symptom> {
    let is_there = |symptom: &&Symptom| {
        categories.contains(&symptom.category)
            && symptom.severity == Severity::Failure
            && (pile.n_upstreams > 1 || symptom.upstream == pile.upstream)
    };
    facts.symptoms().filter(is_there).collect()
}

fn subject(pile: &Fingerprint) -> String {
    format!(
        "{} {:?} {} {}",
        at(pile),
        pile.ending,
        pile.phase.name(),
        pile.timeout_ms
    )
}

fn at(pile: &Fingerprint) -> String {
    match (&pile.upstream, pile.n_upstreams) {
        (Some(upstream), _) => name(upstream),
        (None, 0 | 1) => "the upstream".to_owned(),
        (None, n) => format!("{n} upstreams"),
    }
}

fn share(pile: &Fingerprint) -> String {
    match pile.n_all {
        n if n == pile.n_attempts => format!("All {}", grouped(n)),
        n => format!("{} of {}", grouped(pile.n_attempts), grouped(n)),
    }
}

/// Lines of the configuration that set what explains the pile.
fn exhibits<'f>(
    facts: &'f Facts<'_>,
    pile: &'f Fingerprint,
) -> impl Iterator<Item = super::Exhibit> + 'f {
    let positions = pile.explained_by.iter().filter_map(|known: &KnownTimeout| {
        let pass = || -> Option<Position> {
            let groups = facts.groups.as_ref()?;
            Some(groups.pass_in(*known.scopes.first()?)?.directive.position)
        };
        known.position.or_else(pass)
    });
    positions
        .take(2)
        .map(|position| facts.config_exhibit(position, "the timeout holds here"))
}

/// `proxy_read_timeout 30s, set in nginx.conf:12, which holds in server a, location /`.
fn set_where(facts: &Facts<'_>, known: &KnownTimeout) -> String {
    let directive = match known.directive.strip_prefix('*') {
        Some(rest) => format!("proxy{rest} (or that of fastcgi, uwsgi, scgi, grpc)"),
        None => known.directive.clone(),
    };
    let value = value(known.ms);
    let set = match (known.position, facts.material.config) {
        (Some(position), Some(config)) => {
            format!(
                "{directive} {value}, set in {}",
                name(config.cite(position).as_bytes())
            )
        }
        _ => format!("{directive} {value}, its default"),
    };
    match known.scopes.first() {
        Some(&scope) => format!("{set}, holds in {}", context(facts, scope)),
        None => set,
    }
}

fn context(facts: &Facts<'_>, scope: ScopeId) -> String {
    let config = facts.material.config;
    config.map_or_else(String::new, |config| name(config.name_of(scope).as_bytes()))
}

/// `proxy` for the `*` that stands for a family.
fn plain(directive: &str) -> String {
    directive.replace('*', "proxy")
}

/// As nginx takes it: `60s`, `1500ms`.
fn value(ms: u64) -> String {
    match ms % 1_000 {
        0 => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
}
