//! Groups: `max_fails`, `fail_timeout`, `down`, `max_conns`, a missing `zone`, connections that are kept.
//!
//! `ngx_http_upstream_round_robin.c`: `ngx_http_upstream_free_round_robin_peer` counts a failure unless the group is single, and
//! `ngx_http_upstream_get_peer` leaves out peers with `max_fails` failures for `fail_timeout`.

use super::{Exact, To, advice, name, origin};
use crate::{
    aggregate::traces::TextHash,
    config::{Config, Group, Peer, lint::Advice, value::parse_number},
    diagnose::replay::{self, Policy},
    event::{Category, Severity},
    words::plural,
};
use std::collections::BTreeMap;

pub(super) fn no_peer(to: &To<'_, '_>) -> Option<Exact> {
    let block = to.block()?;
    let group = to.groups.group(to.id);
    let up: Vec<&Peer<'_>> = group.peers.iter().filter(|peer| !peer.is_down).collect();
    let workers = n_workers(to.config);
    let is_apart = to.groups.zone(to.id).is_none() && workers != Some(1) && up.len() > 1;
    let (mut claim, mut changes) = match up[..] {
        [] => (
            format!("Every server of {block} is marked `down`."),
            group
                .peers
                .first()
                .map(|peer| server(&block, peer, "without `down`"))
                .into_iter()
                .collect(),
        ),
        [one] if group.peers.len() > 1 => (
            format!(
                "Of {block} only {} takes requests, and the servers beside it make the group plural: after max_fails={} {} it is out for {}s. Alone in the block it would never be.",
                name(one.written),
                one.max_fails,
                plural(one.max_fails, "failure"),
                one.fail_timeout_s
            ),
            vec![server(&block, one, "max_fails=0")],
        ),
        _ => (rule(&block, &up), remedies(&block, &up)),
    };
    claim.push_str(&replayed(to, &up).unwrap_or_default());
    if let Some(peer) = up.iter().find(|peer| peer.max_conns > 0) {
        claim.push_str(&format!(
            " {} takes at most max_conns={} connections; one more request finds it busy, which reads the same in the log.",
            name(peer.written),
            peer.max_conns
        ));
    }
    if is_apart {
        let workers = workers.map_or_else(|| "auto".to_owned(), |n| n.to_string());
        claim.push_str(&format!(
            " There is no `zone` and worker_processes is {workers}, so each worker counts failures alone: one may have no peer left while others still serve."
        ));
        changes.push(advice("zone", &block, format!("{} 64k", name(&group.name))));
    }
    Some(Exact {
        claim,
        changes,
        evidence: group
            .peers
            .iter()
            .take(3)
            .map(|peer| to.exhibit(peer.position, "a server of the group"))
            .collect(),
    })
}

/// What other values would have done with the failures that were recorded.
fn replayed(to: &To<'_, '_>, up: &[&Peer<'_>]) -> Option<String> {
    const ALLOWED: u64 = 3;
    let configured: Vec<Policy> = up
        .iter()
        .map(|peer| Policy {
            max_fails: peer.max_fails,
            fail_timeout_s: i64::try_from(peer.fail_timeout_s).unwrap_or(i64::MAX / 4),
        })
        .collect();
    if up.len() < 2 || configured.iter().all(|policy| policy.max_fails >= ALLOWED) {
        return None;
    }
    let failures = failures_of(to, up);
    let without = |allowed: Option<u64>| {
        let workers = failures.values().map(|peers| {
            let peers: Vec<_> = peers
                .iter()
                .zip(&configured)
                .map(|(seconds, policy)| {
                    let max_fails = allowed.map_or(policy.max_fails, |n| n.max(policy.max_fails));
                    replay::out(
                        seconds,
                        Policy {
                            max_fails,
                            ..*policy
                        },
                    )
                })
                .collect();
            replay::all_out(&peers)
        });
        replay::seconds(workers.flatten().collect())
    };
    let (now, then) = (without(None), without(Some(ALLOWED)));
    (now > 0).then(|| {
        format!(
            " Replayed over these records, these values leave no peer for {} s in all; with max_fails={ALLOWED} it would have been {} s{}, and more requests would have tried the peers that fail.",
            now,
            then,
            match then * 2 > now {
                true => ", so that the peers failed in earnest and no setting mends it",
                false => "",
            }
        )
    })
}

/// Seconds of the failures that count, of each peer, by worker; all as one where they share a `zone`.
fn failures_of(to: &To<'_, '_>, up: &[&Peer<'_>]) -> BTreeMap<u32, Vec<Vec<i64>>> {
    let facts = to.facts;
    let mut index: BTreeMap<TextHash, usize> = BTreeMap::new();
    let names = facts
        .symptoms()
        .filter_map(|symptom| symptom.upstream.as_deref());
    for upstream in names {
        for (id, peer, _) in to.groups.of_peer(upstream) {
            let peer = &to
                .groups
                .group(to.id)
                .peers
                .get(peer)
                .filter(|_| id == to.id);
            let place = peer.and_then(|peer| up.iter().position(|up| std::ptr::eq(*up, peer)));
            if let Some(place) = place {
                index.insert(TextHash::of(upstream), place);
            }
        }
    }
    let has_zone = to.groups.zone(to.id).is_some();
    let mut failures: BTreeMap<u32, Vec<Vec<i64>>> = BTreeMap::new();
    for error in facts.material.scanned.errors.as_slice() {
        let counts = error.kind.severity == Severity::Failure
            && !matches!(
                error.kind.category,
                Category::NoLiveUpstreams | Category::Upstream5xx
            );
        let Some(&place) = index.get(&error.upstream).filter(|_| counts) else {
            continue;
        };
        let worker = if has_zone { 0 } else { error.key.pid };
        let peers = failures
            .entry(worker)
            .or_insert_with(|| vec![Vec::new(); up.len()]);
        peers[place].push(error.time.0);
    }
    for seconds in failures.values_mut().flatten() {
        seconds.sort_unstable();
    }
    failures
}

/// How soon nginx takes a peer out, by the strictest of them.
fn rule(block: &str, up: &[&Peer<'_>]) -> String {
    let counting = up.iter().filter(|peer| peer.max_fails > 0);
    let strictest =
        counting.min_by_key(|peer| (peer.max_fails, std::cmp::Reverse(peer.fail_timeout_s)));
    strictest.map_or_else(
        || format!("No server of {block} counts failures (max_fails=0)."),
        |peer| {
            let is_set = peer.parameters.iter().any(|word| word.starts_with(b"max_fails="));
            let times = match peer.max_fails {
                1 => "once".to_owned(),
                n => format!("{n} times"),
            };
            format!(
                "{block} has {} servers; with max_fails={}{} fail_timeout={}s one that fails {times} within {}s gets no request for {}s.",
                up.len(),
                peer.max_fails,
                if is_set { "" } else { " (the default)" },
                peer.fail_timeout_s,
                peer.fail_timeout_s,
                peer.fail_timeout_s
            )
        },
    )
}

/// Three failures at each server that allows fewer.
fn remedies(block: &str, up: &[&Peer<'_>]) -> Vec<Advice> {
    let weak = up.iter().filter(|peer| (1..3).contains(&peer.max_fails));
    weak.take(4)
        .map(|peer| {
            server(
                block,
                peer,
                &format!("max_fails=3 fail_timeout={}s", peer.fail_timeout_s),
            )
        })
        .collect()
}

/// A `server` line with `parameters`.
fn server(block: &str, peer: &Peer<'_>, parameters: &str) -> Advice {
    advice(
        "server",
        block,
        format!("{} {parameters}", name(peer.written)),
    )
}

/// `None`: as many as there are processors.
fn n_workers(config: &Config) -> Option<u64> {
    let words = config.words(config.main(), "worker_processes");
    match words.as_ref().and_then(|words| words.value.first()) {
        Some(&b"auto") => None,
        Some(word) => parse_number(word),
        None => Some(1),
    }
}

/// How long idle connections are kept, which must be shorter than the backend keeps them.
pub(super) fn kept(to: &To<'_, '_>) -> Option<Exact> {
    let block = to.block()?;
    let group: &Group<'_> = to.groups.group(to.id);
    let keepalive = to.groups.keepalive(to.id);
    let idle = to.config.milliseconds(group.scope?, "keepalive_timeout");
    let idle_s = idle.map_or(60, |idle| idle.value / 1_000);
    let position = idle.and_then(|idle| idle.origin.position());
    let kept = match (keepalive.position, keepalive.n_connections) {
        (Some(position), n) => format!("keepalive {n} ({})", origin(to.config, Some(position))),
        (None, 0) => {
            "no `keepalive` (before 1.29.7 that keeps none; since then 32 per worker)".to_owned()
        }
        (None, n) => format!("keepalive {n}, the default since 1.29.7"),
    };
    Some(Exact {
        claim: format!(
            "{block} has {kept} and keepalive_timeout {idle_s}s ({}). Backends often close sooner: Node and uvicorn after 5 s, gunicorn 2, Apache 5, Tomcat 20.",
            origin(to.config, position)
        ),
        changes: vec![advice("keepalive_timeout", block, "4s")],
        evidence: keepalive
            .position
            .into_iter()
            .chain(position)
            .map(|at| to.exhibit(at, "connections are kept"))
            .collect(),
    })
}
