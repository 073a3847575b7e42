//! Timers of the gateway that ran out, by what it was doing, and who left before.

use super::{Certainty, Draft, Facts, Told, by_upstream, capital, n_events, upstream_name};
use crate::{
    aggregate::Ending,
    config::lint::Advice,
    diagnose::{
        Fingerprint, KnownTimeouts,
        findings::{facts::Setting, observed::Symptom},
    },
    event::{Category, Phase, Severity},
    words::{grouped, milliseconds, plural},
};
use std::collections::BTreeMap;

pub(super) fn connect(facts: &Facts<'_>, told: &mut Told) {
    timeouts(
        facts,
        told,
        &[Phase::Connect],
        &Words {
            suffix: "connect_timeout",
            title: "did not answer connections in time",
            why: "The first packet of each was not answered: a firewall or security group that drops, a host that is down, a wrong address, or a full accept queue. Nothing of the request was sent.",
            advice: &[
                "Find where the packets are lost: from the gateway to that port, then the firewall between, then the accept queue of the backend (Recv-Q up to Send-Q).",
                "A short connect timeout finds a dead peer in seconds and leaves time for a retry at another; a longer one only makes clients wait.",
            ],
            set: Some("3s"),
        },
    );
}

pub(super) fn tls(facts: &Facts<'_>, told: &mut Told) {
    timeouts(
        facts,
        told,
        &[Phase::Tls],
        &Words {
            suffix: "connect_timeout",
            title: "did not shake hands in time",
            why: "TCP was there, and TLS was not answered: most often a plain-text port behind https://, which waits for a request that never comes in clear; else a TLS peer too busy to answer.",
            advice: &[
                "If the port speaks plain HTTP, write http:// in `proxy_pass`; else look at the load of the TLS peer.",
            ],
            set: None,
        },
    );
}

pub(super) fn send(facts: &Facts<'_>, told: &mut Told) {
    timeouts(
        facts,
        told,
        &[Phase::Send],
        &Words {
            suffix: "send_timeout",
            title: "stopped reading requests",
            why: "It took the connection and a part of the request, and then read no more: large uploads, and an application that is stuck or does not want the body.",
            advice: &[
                "Look at what the application did with uploads in that time: a full disk, a blocked worker, a limit on bodies that it enforces by silence.",
            ],
            set: None,
        },
    );
}

pub(super) fn header(facts: &Facts<'_>, told: &mut Told) {
    timeouts(
        facts,
        told,
        &[Phase::Header, Phase::None],
        &Words {
            suffix: "read_timeout",
            title: "was too slow",
            why: "The connection was good and the request was sent; the application did not begin to answer in time. That is a 504, not a 502, and the backend is alive.",
            advice: &[
                "Find what the application waited for in that time: its own log, locks and slow queries of its database, a thread dump; the gateway sees only the silence.",
                "Where an answer may take long by design, let only that location wait: proxy_read_timeout in it, and no more than the clients and balancers in front wait. Raised for all it hides the fault and ties up workers. 60s, the value most often recommended, is the default.",
            ],
            set: None,
        },
    );
}

pub(super) fn body(facts: &Facts<'_>, told: &mut Told) {
    timeouts(
        facts,
        told,
        &[Phase::Body],
        &Words {
            suffix: "read_timeout",
            title: "stopped in the middle of answers",
            why: "The header had come, so clients got its status, most often 200, and an answer that is cut: no count of 5xx shows these.",
            advice: &[
                "Find what stalls the application while it writes: a cursor of the database, a file that is not there in time, a lock. Clients should check the length of what they got.",
            ],
            set: None,
        },
    );
}

/// An idle session of the stream module (`ngx_stream_proxy_module.c: ngx_stream_proxy_process_connection`).
const STREAM_IDLE: &str = "stream-connection-timed-out";

pub(super) fn tunnel(facts: &Facts<'_>, told: &mut Told) {
    let of = |symptom: &Symptom| symptom.signature != STREAM_IDLE;
    timeouts_of(
        facts,
        told,
        of,
        &[Phase::Tunnel],
        &Words {
            suffix: "read_timeout",
            title: "had idle upgraded connections that nginx closed",
            why: "A WebSocket on which nothing is said for that long is closed. Normal, unless the application counts on it.",
            advice: &[
                "Let the application send a ping more often than the timeout, or raise proxy_read_timeout in the location of the WebSocket alone.",
            ],
            set: None,
        },
    );
}

pub(super) fn session(facts: &Facts<'_>, told: &mut Told) {
    timeouts_of(
        facts,
        told,
        |symptom| symptom.signature == STREAM_IDLE,
        &[Phase::Tunnel],
        &Words {
            suffix: "timeout",
            title: "had idle sessions of the stream module that nginx closed",
            why: "Nothing went through them in either direction for that long: connections that a client or a pool keeps for later, or a peer that is gone without a word. Normal, unless somebody counts on them.",
            advice: &[
                "Let the pool of the application close, or test, what has been idle for less than that; or turn on TCP keepalive on both sides (proxy_socket_keepalive on), which does not count as traffic but finds dead peers.",
            ],
            set: Some("1h"),
        },
    );
}

struct Words {
    /// Of the directive, behind the family's prefix.
    suffix: &'static str,
    title: &'static str,
    why: &'static str,
    advice: &'static [&'static str],
    /// A better value of the directive.
    set: Option<&'static str>,
}

fn timeouts(facts: &Facts<'_>, told: &mut Told, phases: &[Phase], words: &Words) {
    timeouts_of(facts, told, |_| true, phases, words);
}

fn timeouts_of(
    facts: &Facts<'_>,
    told: &mut Told,
    of: impl Fn(&Symptom) -> bool,
    phases: &[Phase],
    words: &Words,
) {
    // Elsewhere an idle tunnel is no failure.
    let is_it = |symptom: &&Symptom| {
        symptom.category == Category::Timeout
            && of(symptom)
            && phases.contains(&symptom.phase)
            && (symptom.severity == Severity::Failure || symptom.phase == Phase::Tunnel)
    };
    let groups = by_upstream(facts.symptoms().filter(is_it));
    let has_named = groups.keys().any(Option::is_some);
    for (upstream, symptoms) in groups {
        // Records that are cut name no upstream: they are most likely of those that do.
        if upstream.is_some() || !has_named {
            told.push(draft(facts, upstream, &symptoms, words));
        }
    }
}

fn draft(
    facts: &Facts<'_>,
    upstream: Option<&[u8]>,
    symptoms: &[&Symptom],
    words: &Words,
) -> Draft {
    let shown = upstream_name(upstream);
    let phase = symptoms[0].phase;
    let draft = facts.draft(&format!("{phase} {shown}"), symptoms);
    let n = n_events(symptoms);
    let settings =
        upstream.map_or_else(Vec::new, |upstream| facts.settings(upstream, words.suffix));
    let mut claim = format!(
        "{} {} at {shown} ran out of time {}. {}",
        grouped(n),
        plural(n, "attempt"),
        facts.during(draft.first, draft.last),
        words.why
    );
    claim.push_str(&limit(facts, upstream, phase, words.suffix, &settings));
    let n_left = match is_most(facts, upstream, symptoms) {
        true => n_left(facts, upstream, &draft),
        false => 0, // told of another phase
    };
    if n_left > 0 {
        let clients = plural(n_left, "client");
        claim.push_str(&format!(
            " Before that, {} {clients} gave up on it (499).",
            grouped(n_left)
        ));
    }
    let by_kernel = symptoms
        .iter()
        .any(|symptom| symptom.signature == "x-kernel-connect-timeout");
    if by_kernel {
        claim.push_str(" Some were given up by the kernel before nginx's own timer ran out: these are answered 502.");
    }
    claim.push_str(&format!(" {}.", capital(&facts.toll(&draft))));
    let mut evidence = draft.evidence.clone();
    evidence.extend(
        settings.iter().filter_map(|setting| {
            Some(facts.config_exhibit(setting.position?, &setting.directive))
        }),
    );
    let directive = settings.first().map_or_else(
        || format!("proxy_{}", words.suffix),
        |setting| setting.directive.clone(),
    );
    Draft {
        certainty: match phase {
            Phase::None => Certainty::Possible,
            _ => Certainty::Certain,
        },
        title: format!(
            "{shown} {}: {} {} gave up",
            words.title,
            grouped(n),
            plural(n, "attempt")
        ),
        claim,
        advice: words.advice.iter().map(|&text| text.to_owned()).collect(),
        changes: words
            .set
            .map(|value| Advice {
                directive,
                context: match words.suffix {
                    "timeout" => "stream".to_owned(),
                    _ => "location".to_owned(),
                },
                value: value.to_owned(),
            })
            .into_iter()
            .collect(),
        commands: commands(upstream, phase, words.suffix),
        evidence,
        ..draft
    }
}

/// Which limit it was: as the durations tell, and as the configuration says.
fn limit(
    facts: &Facts<'_>,
    upstream: Option<&[u8]>,
    phase: Phase,
    suffix: &str,
    settings: &[Setting],
) -> String {
    let mut words = String::new();
    // Access logs do not part TLS from connecting, nor sending from waiting for the header.
    let seen = match phase {
        Phase::Tls => Phase::Connect,
        Phase::Send => Phase::Header,
        phase => phase,
    };
    let piles = facts.piles(upstream, Ending::TimedOut);
    for pile in piles
        .filter(|pile| [seen, Phase::None].contains(&pile.phase))
        .take(2)
    {
        words.push_str(&format!(
            " {} of {} took {} and hardly longer",
            grouped(pile.n_attempts),
            grouped(pile.n_all),
            milliseconds(u32::try_from(pile.timeout_ms).ok())
        ));
        words.push_str(&match pile.explained_by.first() {
            Some(known) if known.position.is_none() => {
                format!(": that is {}, at its default.", known.directive)
            }
            Some(known) => format!(": that is {}.", known.directive),
            None => ": no timeout of this gateway that is known has that value.".to_owned(),
        });
    }
    match settings {
        [] if suffix == "timeout" => {
            words.push_str(" The limit is proxy_timeout, 10m where nothing else is written.");
        }
        [] => words.push_str(&format!(
            " The limit is *_{suffix}, 60s where nothing else is written."
        )),
        settings => {
            let told: Vec<String> = settings
                .iter()
                .map(|setting| format!("`{} {}`", setting.directive, setting.value))
                .collect();
            words.push_str(&format!(
                " The limit that holds there: {}.",
                told.join(", or ")
            ));
        }
    }
    words
}

/// Whether no other phase has more of the timeouts of this upstream: the clients who left are told once.
fn is_most(facts: &Facts<'_>, upstream: Option<&[u8]>, symptoms: &[&Symptom]) -> bool {
    let mut by_phase: BTreeMap<Phase, u64> = BTreeMap::new();
    let all = facts.failures(Category::Timeout);
    for symptom in all.filter(|symptom| symptom.upstream.as_deref() == upstream) {
        *by_phase.entry(symptom.phase).or_default() += symptom.n_events;
    }
    let most = by_phase.iter().max_by_key(|(_, n)| **n);
    most.is_none_or(|(phase, _)| symptoms.iter().any(|symptom| symptom.phase == *phase))
}

/// Clients that left while this upstream was asked.
fn n_left(facts: &Facts<'_>, upstream: Option<&[u8]>, draft: &Draft) -> u64 {
    let (Some(first), Some(last)) = (draft.first, draft.last) else {
        return 0;
    };
    // A client may leave a minute before the first timer runs out.
    let is_then = |symptom: &&Symptom| {
        symptom.category == Category::ClientAbort
            && symptom.upstream.as_deref() == upstream
            && upstream.is_some()
    };
    facts
        .symptoms()
        .filter(is_then)
        .flat_map(|symptom| &symptom.spells)
        .filter(|spell| spell.last.0 >= first.0 - 60 && spell.first <= last)
        .map(|spell| spell.n_events)
        .sum()
}

fn commands(upstream: Option<&[u8]>, phase: Phase, suffix: &str) -> Vec<String> {
    if suffix == "timeout" {
        let peer = upstream.map_or_else(|| "ADDRESS".to_owned(), super::name);
        return vec![
            "nginx -T 2>/dev/null | grep -nE 'proxy_timeout|proxy_socket_keepalive' (no line means 10m)".to_owned(),
            format!("On the gateway: ss -tno state established dst {peer}"),
        ];
    }
    let mut commands = vec![
        "nginx -T 2>/dev/null | grep -nE '_(connect|send|read)_timeout' (a value in a location wins; no line means 60s)".to_owned(),
    ];
    let Some(upstream) = upstream.filter(|name| !name.starts_with(b"unix:")) else {
        return commands;
    };
    let shown = super::name(upstream);
    commands.push(match phase {
        Phase::Connect => format!("On the gateway: nc -vz -w 5 {}", shown.replace(':', " ")),
        _ => format!("On the gateway: curl -so /dev/null -w '%{{time_connect}} %{{time_starttransfer}} %{{time_total}}\\n' http://{shown}/ (the path that was slow)"),
    });
    commands
}

/// Fewer clients who left are no finding.
const ABORTS_MIN: u64 = 5;

/// Clients who left, and after how long.
pub(super) fn clients_leave(facts: &Facts<'_>, told: &mut Told) {
    let aborts = facts
        .symptoms()
        .filter(|symptom| symptom.category == Category::ClientAbort);
    let by_name = by_upstream(aborts);
    let named = by_name
        .iter()
        .filter_map(|(upstream, symptoms)| Some(((*upstream)?, n_events(symptoms))));
    let most = named.max_by_key(|(upstream, n)| (*n, std::cmp::Reverse(*upstream)));
    let most = most.map(|(upstream, _)| upstream);
    // Clients leave requests, whatever upstreams these tried.
    let mut piles: Vec<&Fingerprint> = facts.piles(None, Ending::Abandoned).collect();
    piles.sort_by_key(|pile| (std::cmp::Reverse(pile.n_attempts), pile.timeout_ms));
    for (upstream, symptoms) in by_name {
        let n = n_events(&symptoms);
        let Some(upstream) = upstream.filter(|_| n >= ABORTS_MIN) else {
            continue;
        };
        let shown = super::name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let after = match most == Some(upstream) {
            true => after(facts, &piles, upstream),
            false => String::new(), // the same requests are told once
        };
        let is_slow = facts
            .failures(Category::Timeout)
            .any(|symptom| symptom.upstream.as_deref() == Some(upstream));
        let hidden = match is_slow {
            true => {
                " That upstream ran into timeouts too: these are the same waits, cut short by less patient clients."
            }
            false => "",
        };
        told.push(Draft {
            certainty: match piles.is_empty() && !is_slow {
                true => Certainty::Possible,
                false => Certainty::Likely,
            },
            title: format!("{} clients left while {shown} was asked", grouped(n)),
            claim: format!(
                "{} {} left before {shown} had answered (499) {}.{after}{hidden} Without such a pile, or at once, it is people who leave a page.",
                grouped(n),
                plural(n, "client"),
                facts.during(draft.first, draft.last)
            ),
            advice: vec![
                "Take them for timeouts of the clients: make the slow routes quicker, and let the timeouts grow from inside out (application, then nginx, then balancer, then client), so that the one who knows why gives up first.".to_owned(),
            ],
            n_requests: n,
            ..draft
        });
    }
}

/// After how long clients left, and whether nginx would have waited longer: then the order of the timeouts is inverted.
fn after(facts: &Facts<'_>, piles: &[&Fingerprint], upstream: &[u8]) -> String {
    let shown = |ms: u64| milliseconds(u32::try_from(ms).ok());
    let told: Vec<String> = piles
        .iter()
        .take(4)
        .map(|pile| format!("{} ({})", shown(pile.timeout_ms), grouped(pile.n_attempts)))
        .collect();
    let Some(first) = piles.first() else {
        return String::new();
    };
    let known = KnownTimeouts::of(facts.material.config).at(Some(upstream));
    let reads = known
        .iter()
        .filter(|known| known.directive.ends_with("read_timeout"));
    let waits = reads
        .map(|known| known.ms)
        .max()
        .filter(|ms| *ms > first.timeout_ms);
    let inverted = waits.map_or_else(String::new, |ms| {
        format!(
            " nginx would have waited {}: so the order of the timeouts is inverted, and the one behind never gets to say what was slow.",
            shown(ms)
        )
    });
    format!(
        " Over all upstreams, clients left most often after {}: they, or balancers in front, wait no longer.{inverted}",
        told.join(", ")
    )
}
