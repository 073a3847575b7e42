//! What the configuration has in force where requests are passed on, in a few words: what `grep` over `nginx -T` cannot tell, since it
//! knows neither defaults nor inheritance.
//!
//! Passes whose upstreams failed come first, those with the same values are told together, and of many the first are told.

use super::{
    Facts,
    facts::{name, value_text},
};
use crate::{
    config::{Config, Family, Groups, Pass, Target},
    event::Severity,
};
use std::collections::{BTreeSet, HashMap};

/// Sets of values, or ways of requests, that are told.
const TOLD_MAX: usize = 3;

/// Timeouts toward upstreams, with their defaults.
pub(super) fn timeouts(facts: &Facts<'_>) -> Option<String> {
    told(facts, |config, pass| match pass.family {
        Family::Stream => values(config, pass, &["connect_timeout", "timeout"]),
        _ => values(
            config,
            pass,
            &["connect_timeout", "send_timeout", "read_timeout"],
        ),
    })
}

/// Buffers for what upstreams answer.
pub(super) fn buffers(facts: &Facts<'_>) -> Option<String> {
    told(facts, |config, pass| {
        values(
            config,
            pass,
            &["buffer_size", "buffers", "busy_buffers_size"],
        )
    })
}

/// Headers by which a backend knows the client and the host that was asked for.
const FORWARDED: [&str; 4] = ["Host", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto"];

/// Which of these are sent.
pub(super) fn headers(facts: &Facts<'_>) -> Option<String> {
    told(facts, |config, pass| {
        if pass.family != Family::Proxy {
            return None;
        }
        let is_sent = |header: &&str| {
            let header = config.header(pass.scope, "proxy_set_header", header);
            header.is_some_and(|header| !header.value.is_empty())
        };
        let (sent, unsent): (Vec<&str>, Vec<&str>) = FORWARDED.into_iter().partition(is_sent);
        Some(match (sent.is_empty(), unsent.is_empty()) {
            (true, _) => format!("none of {}", unsent.join(", ")),
            (_, true) => sent.join(", "),
            _ => format!("{}, and no {}", sent.join(", "), unsent.join(", ")),
        })
    })
}

/// The ways of requests: where nginx listens, which location, which upstream, which peers.
pub(super) fn ways(facts: &Facts<'_>) -> Option<String> {
    let groups = facts.groups.as_ref()?;
    let passes = passes(facts, groups);
    let all: Vec<String> = passes
        .iter()
        .take(TOLD_MAX)
        .map(|pass| way(groups, pass))
        .collect();
    let more = more(passes.len().saturating_sub(TOLD_MAX));
    (!all.is_empty()).then(|| format!("{}{more}", all.join("; ")))
}

fn way(groups: &Groups<'_>, pass: &Pass<'_>) -> String {
    let config = groups.config();
    let around = config.server_around(pass.scope);
    let servers = config.servers();
    let server = servers.iter().find(|server| Some(server.scope) == around);
    let listens: Vec<String> = server
        .into_iter()
        .flat_map(|server| &server.listens)
        .take(TOLD_MAX)
        .map(|listen| name(&listen.address))
        .collect();
    let to = match pass.target {
        Target::Group(id) => {
            let group = groups.group(id);
            let peers: Vec<String> = group
                .peers
                .iter()
                .take(2 * TOLD_MAX)
                .map(|peer| match (peer.is_down, peer.is_backup) {
                    (true, _) => format!("{} down", name(peer.written)),
                    (_, true) => format!("{} backup", name(peer.written)),
                    _ => name(peer.written),
                })
                .collect();
            let more = more(group.peers.len().saturating_sub(2 * TOLD_MAX));
            match group.scope {
                Some(_) => format!(
                    "upstream {} ({}{more})",
                    name(&group.name),
                    peers.join(", ")
                ),
                None => peers.join(", "),
            }
        }
        _ => format!("{}, resolved when a request comes", name(pass.host)),
    };
    let place = name(config.name_of(pass.scope).as_bytes());
    match listens.is_empty() {
        true => format!("{place} to {to}"),
        false => format!("{}, {place} to {to}", listens.join(" and ")),
    }
}

/// Passes, those to upstreams that failed first.
fn passes<'g, 'a>(facts: &Facts<'_>, groups: &'g Groups<'a>) -> Vec<&'g Pass<'a>> {
    let failed = facts.symptoms();
    let failed = failed.filter(|symptom| symptom.severity == Severity::Failure);
    let failed: BTreeSet<&[u8]> = failed
        .filter_map(|symptom| symptom.upstream.as_deref())
        .collect();
    let ids: BTreeSet<_> = failed
        .iter()
        .flat_map(|upstream| facts.group_ids(upstream))
        .collect();
    let mut passes: Vec<&Pass<'_>> = groups.passes.iter().collect();
    passes.sort_by_key(|pass| !matches!(pass.target, Target::Group(id) if ids.contains(&id)));
    passes
}

/// What `values_of` says of each pass, equal texts once: `server shop, location /: … (and 2 more)`.
fn told(
    facts: &Facts<'_>,
    values_of: impl Fn(&Config, &Pass<'_>) -> Option<String>,
) -> Option<String> {
    let groups = facts.groups.as_ref()?;
    let config = groups.config();
    let mut sets: Vec<(String, String, usize)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for pass in passes(facts, groups) {
        let Some(values) = values_of(config, pass) else {
            continue;
        };
        match known.get(&values) {
            Some(&index) => sets[index].2 += 1,
            None => {
                known.insert(values.clone(), sets.len());
                let place = name(config.name_of(pass.scope).as_bytes());
                sets.push((place, values, 0));
            }
        }
    }
    let all: Vec<String> = sets
        .iter()
        .take(TOLD_MAX)
        .map(|(place, values, n_more)| format!("{place}{}: {values}", more(*n_more)))
        .collect();
    let more = more(sets.len().saturating_sub(TOLD_MAX));
    (!all.is_empty()).then(|| format!("{}{more}", all.join("; ")))
}

/// ` (and 2 more)`
fn more(n: usize) -> String {
    match n {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    }
}

/// Directives with their values, each in backticks, and whether that is the default.
fn values(config: &Config, pass: &Pass<'_>, suffixes: &[&str]) -> Option<String> {
    let values: Vec<String> = suffixes
        .iter()
        .filter_map(|suffix| {
            let directive = pass.family.directive(suffix);
            let value = value_text(&config.value_text(pass.scope, &directive)?);
            Some(match config.set(pass.scope, &directive).is_empty() {
                true => format!("`{directive} {value}` by default"),
                false => format!("`{directive} {value}`"),
            })
        })
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}
