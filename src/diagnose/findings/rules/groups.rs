//! Groups and passive checks: no peer left, and peers that were taken out without a word why.

use super::{
    Certainty, Draft, Facts, Told, by_upstream, capital, n_events, name, record, upstream_name,
};
use crate::{
    aggregate::traces::{ErrorTrace, TextHash},
    config::{GroupId, Position, lint::Advice},
    diagnose::{
        Outage,
        findings::{facts::exhibit, observed::Symptom},
        health::Told as Known,
    },
    event::{Category, LocalTime, Severity, Timestamp},
    words::{grouped, plural},
};
use std::collections::{BTreeMap, BTreeSet};

/// A peer of a group that ran out of peers, with what it failed with.
struct Lost<'a> {
    peer: Vec<u8>,
    /// Most frequent first.
    symptoms: Vec<&'a Symptom>,
}

/// A failure this many seconds before may have taken a peer out.
const BEFORE_S: i64 = 70;

/// The address that ingress-nginx writes into the block that all of its requests pass to: Lua chooses the peer, and where the service
/// has none, nginx connects to this and fails (`22: Invalid argument`).
const PLACEHOLDER: &[u8] = b"0.0.0.1:80";

/// What Lua says of the same request.
const NO_ENDPOINT: &str = "ingress-no-peer";

/// A service of Kubernetes without a ready pod.
pub(super) fn no_endpoint(facts: &Facts<'_>, told: &mut Told) {
    let is_it = |symptom: &&Symptom| {
        symptom.signature == NO_ENDPOINT || symptom.upstream.as_deref() == Some(PLACEHOLDER)
    };
    let (lua, connects): (Vec<&Symptom>, Vec<&Symptom>) = facts
        .symptoms()
        .filter(|symptom| symptom.severity == Severity::Failure)
        .filter(is_it)
        .partition(|symptom| symptom.signature == NO_ENDPOINT);
    // Both are of one request.
    let (told_by, others) = match connects.is_empty() {
        true => (lua, Vec::new()),
        false => (connects, lua),
    };
    if told_by.is_empty() {
        return;
    }
    let mut draft = facts.draft("endpoints", &told_by);
    let n = n_events(&told_by);
    draft
        .evidence
        .extend(others.iter().map(|symptom| exhibit(symptom)));
    draft
        .explains
        .extend(others.iter().map(|symptom| symptom.evidence));
    told.push(Draft {
        certainty: Certainty::Certain,
        title: "a service of Kubernetes had no endpoint".to_owned(),
        claim: format!(
            "{} {} found no pod to go to {} and got a 502: ingress-nginx chooses the peer in Lua, and had none for that service; 0.0.0.1 is the placeholder it connects to then, and no address of anything. The pods were not ready or not there: a deploy that replaced all at once, failing readiness probes, or a selector that matches none. {}.",
            grouped(n),
            plural(n, "request"),
            facts.during(draft.first, draft.last),
            capital(&facts.toll(&draft))
        ),
        advice: vec![
            "See why no pod was ready in that time: events of the deployment, readiness probes, evictions, the labels that the service selects by.".to_owned(),
            "Keep some ready through deploys: maxUnavailable: 0, a readiness probe that tells the truth, and a preStop sleep so that a pod leaves the endpoints before it ends.".to_owned(),
        ],
        commands: vec![
            "kubectl get endpointslices -l kubernetes.io/service-name=SERVICE -o wide".to_owned(),
            "kubectl get events --sort-by=.lastTimestamp | grep -iE 'unhealthy|killing|evict|backoff'".to_owned(),
        ],
        ..draft
    });
}

pub(super) fn no_peer(facts: &Facts<'_>, told: &mut Told) {
    let is_group = |symptom: &&Symptom| {
        symptom.signature != NO_ENDPOINT && symptom.upstream.as_deref() != Some(PLACEHOLDER)
    };
    let symptoms = facts.failures(Category::NoLiveUpstreams).filter(is_group);
    for (group, symptoms) in by_upstream(symptoms) {
        let shown = upstream_name(group);
        let draft = facts.draft(&shown, &symptoms);
        let (Some(first), Some(last)) = (draft.first, draft.last) else {
            continue;
        };
        let lost = group.map_or_else(Vec::new, |group| lost(facts, group, first, last));
        if lost.is_empty() && !busy_peers(facts, group).is_empty() {
            continue; // they are busy
        }
        let n = n_events(&symptoms);
        let all_down = group.and_then(|group| all_down(facts, group));
        let stories: Vec<String> = lost.iter().take(4).map(|lost| story(facts, lost)).collect();
        let short: Vec<String> = lost
            .iter()
            .take(3)
            .map(|lost| format!("{} {}", name(&lost.peer), lost.symptoms[0].category))
            .collect();
        let why = match stories.is_empty() {
            false => format!(
                "That is a consequence: {}. nginx took each out after that, and with the last of them no peer was left.",
                stories.join("; ")
            ),
            true if all_down.is_some() => "nginx asked none of its servers.".to_owned(),
            true => "No peer of it failed before, as far as these logs tell: then all of its servers are `down`, or as many requests as `max_conns` allows are under way at each.".to_owned(),
        };
        let trap = group.and_then(|group| trap(facts, group));
        let trap_words = trap.as_ref().map_or("", |_| " One server of that group is marked `down`: that makes it a group of several, in which one failure takes the only working server out.");
        let mut evidence: Vec<_> = symptoms.iter().map(|symptom| exhibit(symptom)).collect();
        evidence.extend(
            lost.iter()
                .take(4)
                .filter_map(|lost| facts.draft("", &lost.symptoms).evidence.into_iter().next()),
        );
        evidence.extend(trap.map(|position| facts.config_exhibit(position, "the group")));
        evidence.extend(
            all_down.map(|position| facts.config_exhibit(position, "each is marked `down` here")),
        );
        told.push(Draft {
            certainty: match lost.is_empty() && all_down.is_none() {
                true => Certainty::Likely,
                false => Certainty::Certain,
            },
            title: match short.is_empty() {
                true if all_down.is_some() => format!("all servers of {shown} are marked `down`"),
                true => format!("{shown} had no peer to ask"),
                false => format!("{shown} had no peer left: {}", short.join(", ")),
            },
            claim: format!(
                "{} {} found no peer of {shown} {} and got a 502 at once. {why}{trap_words} {}.",
                grouped(n),
                plural(n, "request"),
                facts.during(Some(first), Some(last)),
                capital(&facts.toll(&draft))
            ),
            advice: match lost.first() {
                None if all_down.is_some() => vec![format!(
                    "Take `down` off the servers of {shown} that work, or pass the requests elsewhere."
                )],
                first => vec![
                    match first {
                        Some(lost) => format!("Mend the peers first, {} before the others: the findings about them say how.", name(&lost.peer)),
                        None => "Look at `down` and `max_conns` of the servers of this group.".to_owned(),
                    },
                    "Let one failure not take out a peer: max_fails=1 fail_timeout=10s is the default, and a group of two then has none left after two slow requests. Take no server out by `down` in a group of two.".to_owned(),
                ],
            },
            changes: vec![Advice {
                directive: "server".to_owned(),
                context: format!("upstream {shown}"),
                value: "ADDRESS max_fails=3 fail_timeout=10s".to_owned(),
            }],
            commands: vec![format!("nginx -T 2>/dev/null | grep -nA12 'upstream {shown}'")],
            evidence,
            ..draft
        });
    }
}

/// The peers of `group` that take a bounded number of connections, with where they are listed; none unless all in service do.
fn busy_peers(facts: &Facts<'_>, group: Option<&[u8]>) -> Vec<(String, u64, Position)> {
    let (Some(groups), Some(group)) = (&facts.groups, group) else {
        return Vec::new();
    };
    let Some(&id) = groups.named(group).first() else {
        return Vec::new();
    };
    let up = groups.group(id).peers.iter().filter(|peer| !peer.is_down);
    if up.clone().any(|peer| peer.max_conns == 0) {
        return Vec::new();
    }
    up.map(|peer| (name(peer.written), peer.max_conns, peer.position))
        .collect()
}

/// `no live upstreams`, and none failed before: every peer has `max_conns` connections (`ngx_http_upstream_get_peer`).
pub(super) fn max_conns(facts: &Facts<'_>, told: &mut Told) {
    for (group, symptoms) in by_upstream(facts.failures(Category::NoLiveUpstreams)) {
        let busy = busy_peers(facts, group);
        let draft = facts.draft(&upstream_name(group), &symptoms);
        let (Some(group), Some(first), Some(last)) = (group, draft.first, draft.last) else {
            continue;
        };
        if busy.is_empty() || !lost(facts, group, first, last).is_empty() {
            continue;
        }
        let shown = name(group);
        let n = n_events(&symptoms);
        let limits: Vec<String> = busy
            .iter()
            .take(4)
            .map(|(peer, max_conns, _)| format!("{peer} takes {max_conns}"))
            .collect();
        let all: u64 = busy.iter().map(|(_, max_conns, _)| max_conns).sum();
        let has_zone = facts.groups.as_ref().is_some_and(|groups| {
            let id = groups.named(group).first().copied();
            id.is_some_and(|id| groups.zone(id).is_some())
        });
        let whose = match has_zone {
            true => "",
            false => " Without a `zone` each worker counts its own.",
        };
        let mut evidence: Vec<_> = symptoms.iter().map(|symptom| exhibit(symptom)).collect();
        evidence.extend(
            busy.iter()
                .take(4)
                .map(|(_, _, at)| facts.config_exhibit(*at, "max_conns here")),
        );
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("all peers of {shown} had as many connections as max_conns allows"),
            claim: format!(
                "{} {} found no peer of {shown} {} and got a 502 at once, though none of them had failed: {}. nginx has the same words for peers that are dead and peers that are busy.{whose} {}.",
                grouped(n),
                plural(n, "request"),
                facts.during(Some(first), Some(last)),
                limits.join(", "),
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                "Raise max_conns to what a peer can serve at once, add peers, or make the slow requests quicker: connections under way are requests a second times seconds each.".to_owned(),
                "Open source nginx has no queue for such requests: what does not fit fails. limit_req in front lets it fail as 429, and sooner.".to_owned(),
            ],
            changes: busy
                .iter()
                .take(4)
                .map(|(peer, max_conns, _)| Advice {
                    directive: "server".to_owned(),
                    context: format!("upstream {shown}"),
                    value: format!("{peer} max_conns={}", max_conns.saturating_mul(2)),
                })
                .collect(),
            commands: vec![
                format!("On the gateway: ss -tn state established dst PEER | wc -l (up to {all} together)"),
                format!("nginx -T 2>/dev/null | grep -nA12 'upstream {shown}'"),
            ],
            evidence,
            ..draft
        });
    }
}

/// While one worker has no peer left, others still ask them: without a `zone` each counts failures alone.
pub(super) fn apart(facts: &Facts<'_>, told: &mut Told) {
    let Some(groups) = &facts.groups else {
        return;
    };
    let errors = facts.material.scanned.errors.as_slice();
    for (group, symptoms) in by_upstream(facts.failures(Category::NoLiveUpstreams)) {
        let ids = group.map_or_else(Vec::new, |group| groups.named(group));
        let (Some(group), Some(&id)) = (group, ids.first()) else {
            continue;
        };
        if groups.zone(id).is_some() {
            continue;
        }
        let peers: Vec<TextHash> = facts
            .symptoms()
            .filter_map(|symptom| symptom.upstream.as_deref())
            .filter(|upstream| {
                groups
                    .of_peer(upstream)
                    .iter()
                    .any(|(known, ..)| *known == id)
            })
            .map(TextHash::of)
            .collect();
        let hash = TextHash::of(group);
        let is_without = |error: &&ErrorTrace| {
            error.kind.category == Category::NoLiveUpstreams && error.upstream == hash
        };
        // Seconds in which a worker had none, and those in which another asked one.
        let mut without: BTreeMap<LocalTime, BTreeSet<u32>> = BTreeMap::new();
        for error in errors
            .iter()
            .filter(is_without)
            .filter(|error| error.key.pid > 0)
        {
            without.entry(error.time).or_default().insert(error.key.pid);
        }
        let asked = errors.iter().filter(|error| {
            peers.contains(&error.upstream)
                && without
                    .get(&error.time)
                    .is_some_and(|pids| error.key.pid > 0 && !pids.contains(&error.key.pid))
        });
        let asked: Vec<&ErrorTrace> = asked.collect();
        let Some(first) = asked.first() else {
            continue;
        };
        let shown = name(group);
        let draft = facts.draft(&shown, &symptoms);
        let workers: BTreeSet<u32> = without.values().flatten().copied().collect();
        let mut evidence = draft.evidence.clone();
        evidence.push(record(
            first.evidence,
            "another worker asked a peer in that second",
            b"",
        ));
        evidence.push(facts.config_exhibit(groups.group(id).position, "no `zone` here"));
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("workers disagree about the peers of {shown}: there is no `zone`"),
            claim: format!(
                "{} of nginx's workers had no peer of {shown} left in seconds in which another worker asked one, {} times: without a `zone` each worker counts failures alone, and one that has met more of them is without peers first. Which requests fail then depends on the worker that took them.",
                grouped(workers.len() as u64),
                grouped(asked.len() as u64)
            ),
            advice: vec!["Let the workers share what they know of the peers; with it max_fails counts the failures of all of them, so raise it at the same time.".to_owned()],
            changes: vec![Advice {
                directive: "zone".to_owned(),
                context: format!("upstream {shown}"),
                value: format!("{shown} 64k"),
            }],
            commands: vec![format!("nginx -T 2>/dev/null | grep -nA12 'upstream {shown}'")],
            n_requests: 0,
            n_masked: 0,
            evidence,
            ..draft
        });
    }
}

/// A `backup` was asked: for so long none of the other peers of its group was in service.
pub(super) fn backup_served(facts: &Facts<'_>, told: &mut Told) {
    let Some(groups) = &facts.groups else {
        return;
    };
    for group in groups.groups.iter().filter(|group| group.scope.is_some()) {
        let services = group.peers.iter().filter_map(|peer| {
            let address = peer.address.as_ref()?.to_string();
            Some((peer, facts.service(Some(address.as_bytes()))?))
        });
        let services: Vec<_> = services.collect();
        let n_all: u64 = services.iter().map(|(_, service)| service.n_attempts).sum();
        for (peer, service) in services.iter().filter(|(peer, _)| peer.is_backup) {
            let (Some(first), Some(last)) = (service.ok.first(), service.ok.last()) else {
                continue;
            };
            let (shown, block) = (name(peer.written), name(&group.name));
            let n = service.n_attempts;
            let per_cent = 100 * n / n_all.max(1);
            told.push(Draft {
                subject: format!("{block} {shown}"),
                certainty: Certainty::Certain,
                title: format!("the backup {shown} served {} of {block}", plural_of(n, "attempt")),
                claim: format!(
                    "{} of {} attempts at upstream {block} ({per_cent} %) went to its backup {shown}, {}: nginx asks it only while none of the other peers is in service.",
                    grouped(n),
                    grouped(n_all),
                    facts.during(Some(first.first), Some(last.last))
                ),
                advice: vec!["Mend the other peers: the findings about them say how. See whether the backup can carry the load for as long.".to_owned()],
                commands: vec![format!("nginx -T 2>/dev/null | grep -nA12 'upstream {block}'")],
                evidence: vec![
                    record(first.evidence, "answered by the backup", b""),
                    facts.config_exhibit(peer.position, "marked `backup` here"),
                ],
                n_masked: service.n_ok,
                n_events: n,
                first: Some(first.first),
                last: Some(last.last),
                ..Draft::default()
            });
        }
    }
}

/// `3 attempts`
fn plural_of(n: u64, noun: &str) -> String {
    format!("{} {}", grouped(n), plural(n, noun))
}

/// The peers that had failed when the group had none left, by their first failure.
fn lost<'a>(facts: &Facts<'a>, group: &[u8], first: Timestamp, last: Timestamp) -> Vec<Lost<'a>> {
    let from = Timestamp(first.0 - BEFORE_S);
    let mut lost: Vec<Lost<'a>> = peers(facts, group, from, last)
        .into_iter()
        .map(|peer| {
            let mut symptoms: Vec<&Symptom> = facts
                .symptoms()
                .filter(|symptom| {
                    symptom.severity == Severity::Failure
                        && symptom.category != Category::NoLiveUpstreams
                })
                .filter(|symptom| symptom.upstream.as_deref() == Some(&peer[..]))
                .filter(|symptom| {
                    // An error status takes a peer out only where proxy_next_upstream names it.
                    symptom.category != Category::Upstream5xx || is_known_out(facts, &peer)
                })
                .filter(|symptom| {
                    symptom
                        .spells
                        .iter()
                        .any(|spell| spell.last >= from && spell.first <= last)
                })
                .collect();
            symptoms.sort_by_key(|symptom| (std::cmp::Reverse(symptom.n_events), symptom.evidence));
            Lost { peer, symptoms }
        })
        .filter(|lost| !lost.symptoms.is_empty())
        .collect();
    lost.sort_by_key(|lost| {
        (
            lost.symptoms
                .iter()
                .filter_map(|symptom| symptom.first)
                .min(),
            lost.peer.clone(),
        )
    });
    lost
}

/// What nginx says when it takes a peer out (`ngx_http_upstream_free_round_robin_peer`).
const TAKEN_OUT: [&str; 2] = [
    "http-upstream-server-temporarily-disabled",
    "stream-upstream-server-temporarily-disabled",
];

fn is_known_out(facts: &Facts<'_>, peer: &[u8]) -> bool {
    let mut records = facts.records(&TAKEN_OUT);
    records.any(|symptom| symptom.upstream.as_deref() == Some(peer))
}

/// Where the configuration has a group of which all servers are `down`.
fn all_down(facts: &Facts<'_>, group: &[u8]) -> Option<Position> {
    let groups = facts.groups.as_ref()?;
    let group = groups.group(*groups.named(group).first()?);
    (group.n_up() == 0 && !group.peers.is_empty()).then_some(group.position)
}

/// The peers of `group`: as the configuration lists them, but for those that are `down`; else those that were taken out at that time.
fn peers(facts: &Facts<'_>, group: &[u8], from: Timestamp, to: Timestamp) -> BTreeSet<Vec<u8>> {
    let mut peers = BTreeSet::new();
    if let Some(groups) = &facts.groups {
        let ids = groups.named(group);
        let seen = facts
            .material
            .observed
            .symptoms
            .iter()
            .filter_map(|symptom| symptom.upstream.as_deref());
        for upstream in seen {
            let is_in_service = |&(id, index, _): &(GroupId, usize, _)| {
                ids.contains(&id) && !groups.group(id).peers[index].is_down
            };
            if groups.of_peer(upstream).iter().any(is_in_service) {
                peers.insert(upstream.to_vec());
            }
        }
    }
    if peers.is_empty() && all_down(facts, group).is_none() {
        let is_then = |outage: &&Outage| {
            !matches!(outage.told, Known::NoLive)
                && outage.from <= to
                && outage.until.is_none_or(|until| until >= from)
        };
        let out = facts.material.outages.iter().filter(is_then);
        peers.extend(out.map(|outage| outage.upstream.to_vec()));
    }
    peers
}

/// `127.0.0.1:8097 failed with 15 timeout from 14:39:00 on`.
fn story(facts: &Facts<'_>, lost: &Lost<'_>) -> String {
    let mut sums: Vec<(Category, u64)> = Vec::new();
    for symptom in &lost.symptoms {
        match sums
            .iter_mut()
            .find(|(known, _)| *known == symptom.category)
        {
            Some((_, n)) => *n += symptom.n_events,
            None => sums.push((symptom.category, symptom.n_events)),
        }
    }
    let told: Vec<String> = sums
        .iter()
        .take(2)
        .map(|(category, n)| format!("{} × {category}", grouped(*n)))
        .collect();
    let since = lost
        .symptoms
        .iter()
        .filter_map(|symptom| symptom.first)
        .min();
    let since = since.map_or_else(String::new, |since| {
        format!(" from {} on", facts.clock(since))
    });
    format!(
        "{} failed with {}{since}",
        name(&lost.peer),
        told.join(" and ")
    )
}

/// Where a group with one working server and others that are `down` stands.
fn trap(facts: &Facts<'_>, group: &[u8]) -> Option<Position> {
    let groups = facts.groups.as_ref()?;
    let group = groups.group(*groups.named(group).first()?);
    (group.n_up() == 1 && group.peers.len() > 1).then_some(group.position)
}

/// What a check module says when a peer failed its checks (`ngx_http_upstream_check_module.c`).
const CHECKED: [&str; 2] = ["tengine-check-disable-peer", "tengine-check-timeout"];

/// Peers that active checks took out. Their name stands in the message, not behind it.
pub(super) fn checked_down(facts: &Facts<'_>, told: &mut Told) {
    let mut peers: BTreeMap<Vec<u8>, Vec<&Symptom>> = BTreeMap::new();
    for symptom in facts.records(&CHECKED) {
        let mut peer = symptom
            .sample
            .split(|&b| b == b' ')
            .filter(|word| !word.is_empty());
        peers
            .entry(peer.next_back().unwrap_or_default().to_vec())
            .or_default()
            .push(symptom);
    }
    for (peer, symptoms) in peers {
        let shown = name(&peer);
        let n = n_events(&symptoms);
        let (first, last) = super::bounds(&symptoms);
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("active checks took {shown} out"),
            claim: format!(
                "The check module said so {} {} {}: {shown} did not answer its checks as it should, and gets no request until it does. Requests fail only when no other peer is left.",
                grouped(n),
                plural(n, "time"),
                facts.during(first, last)
            ),
            advice: vec![
                "See what the check asks for (check_http_send, check_http_expect_alive) and how long it waits (check timeout=), and ask the peer the same by hand: it is down, slow, or the check asks for what it does not have.".to_owned(),
            ],
            commands: vec![
                "nginx -T 2>/dev/null | grep -nE 'check |check_http'".to_owned(),
                format!("On the gateway: curl -sv --max-time 5 -o /dev/null http://{shown}/"),
            ],
            evidence: symptoms.iter().map(|symptom| exhibit(symptom)).collect(),
            subject: shown,
            n_events: n,
            first,
            last,
            ..Draft::default()
        });
    }
}

/// Peers that were taken out, of which no failure is known.
pub(super) fn taken_out(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms) in by_upstream(facts.records(&TAKEN_OUT)) {
        let has_failed = facts.symptoms().any(|symptom| {
            symptom.severity == Severity::Failure && symptom.upstream.as_deref() == upstream
        });
        if has_failed {
            continue;
        }
        let shown = upstream_name(upstream);
        let n = n_events(&symptoms);
        let (first, last) = super::bounds(&symptoms);
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("{shown} was taken out of its group, and no record says why"),
            claim: format!(
                "nginx took {shown} out {} {} {}, without a record of what failed. So it is what nginx does not write: an answer that proxy_next_upstream counts as a failure (http_500, http_503 and the like), or records below the level of the error log.",
                grouped(n),
                plural(n, "time"),
                facts.during(first, last)
            ),
            evidence: symptoms.iter().map(|symptom| exhibit(symptom)).collect(),
            subject: shown,
            n_events: n,
            first,
            last,
            commands: vec!["nginx -T 2>/dev/null | grep -nE 'next_upstream|error_log'".to_owned()],
            ..Draft::default()
        });
    }
}
