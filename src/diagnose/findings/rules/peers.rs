//! Upstreams of the logs, held against those that the configuration lists.

use super::{Certainty, Draft, Facts, Symptom, Told, by_upstream, capital, name, record};
use crate::{
    config::{Address, Group, GroupId, Groups, Likeness, Peer, Target, lint::Advice},
    diagnose::Mark,
    event::{Category, Moment, Severity, Timestamp},
    words::{grouped, plural},
};
use std::collections::BTreeMap;

/// Attempts at a group before one of its peers is said to get none.
const ATTEMPTS_MIN: u64 = 100;

/// Failures by the upstream they name.
fn failing<'a>(facts: &Facts<'a>) -> BTreeMap<&'a [u8], Vec<&'a Symptom>> {
    let failures = facts
        .symptoms()
        .filter(|symptom| symptom.severity == Severity::Failure);
    by_upstream(failures)
        .into_iter()
        .filter_map(|(upstream, symptoms)| Some((upstream?, symptoms)))
        .collect()
}

/// The groups, if all that nginx can connect to is known: nothing is missing, no variable holds a target, no Lua chooses one.
fn all_known<'f, 'a>(facts: &'f Facts<'a>) -> Option<&'f Groups<'a>> {
    let config = facts.material.config.filter(|config| config.is_whole())?;
    let groups = facts.groups.as_ref()?;
    let is_open = groups
        .passes
        .iter()
        .any(|pass| pass.target == Target::Variable)
        || config.directives.iter().any(|directive| {
            directive.name().starts_with(b"balancer_by_lua")
                || directive.is("server")
                    && directive
                        .args()
                        .iter()
                        .any(|word| word.starts_with(b"service="))
        });
    (!groups.passes.is_empty() && !is_open).then_some(groups)
}

/// `group api`, or `the proxy_pass` that makes one.
fn group_name(group: &Group<'_>) -> String {
    match group.scope {
        Some(_) => format!("upstream {}", name(&group.name)),
        None => format!("the pass to {}", name(&group.name)),
    }
}

fn is_listed(groups: &Groups<'_>, upstream: &[u8]) -> bool {
    !groups.of_peer(upstream).is_empty() || !groups.named(upstream).is_empty()
}

/// Peers at the host of `upstream`, with other ports.
fn at_other_ports<'g, 'a>(
    groups: &'g Groups<'a>,
    upstream: &Address,
) -> Vec<(&'g Group<'a>, &'g Peer<'a>)> {
    let Address::Ip { ip: wanted, .. } = upstream else {
        return Vec::new();
    };
    let peers = groups
        .groups
        .iter()
        .flat_map(|group| group.peers.iter().map(move |peer| (group, peer)));
    let is_there = |(_, peer): &(&Group<'_>, &Peer<'_>)| matches!(&peer.address, Some(Address::Ip { ip, .. }) if ip == wanted);
    peers.filter(is_there).collect()
}

/// Fails, and is not listed, but its host is, with another port.
pub(super) fn other_port(facts: &Facts<'_>, told: &mut Told) {
    not_listed(facts, told, true);
}

/// Fails, and nothing like it is listed.
pub(super) fn unknown_peer(facts: &Facts<'_>, told: &mut Told) {
    not_listed(facts, told, false);
}

fn not_listed(facts: &Facts<'_>, told: &mut Told, has_neighbours: bool) {
    let Some(groups) = all_known(facts) else {
        return;
    };
    for (upstream, symptoms) in failing(facts) {
        let Some(address) = Address::parse(upstream, None) else {
            continue;
        };
        let neighbours = at_other_ports(groups, &address);
        let is_address = !matches!(address, Address::Name { .. });
        if !is_address || is_listed(groups, upstream) || neighbours.is_empty() == has_neighbours {
            continue;
        }
        let shown = name(upstream);
        let mut draft = facts.draft(&shown, &symptoms);
        let n = grouped(draft.n_events);
        let failures = plural(draft.n_events, "failure");
        let mut changes = Vec::new();
        let listed = match neighbours.first() {
            Some((group, peer)) => {
                let place = match facts.material.config {
                    Some(config) => name(config.cite(peer.position).as_bytes()),
                    None => String::new(),
                };
                draft.evidence.insert(
                    1.min(draft.evidence.len()),
                    facts.config_exhibit(peer.position, "the same host, another port"),
                );
                if let Some(port) = address.port()
                    && group.scope.is_some()
                {
                    changes.push(Advice {
                        directive: "server".to_owned(),
                        context: group_name(group),
                        value: format!(
                            "{} if port {port} is right, else leave it and reload",
                            name(upstream)
                        ),
                    });
                }
                format!(
                    "{} lists {} ({place})",
                    group_name(group),
                    name(peer.written)
                )
            }
            None => {
                let position = groups.groups.first().map(|group| group.position);
                let exhibit =
                    position.map(|position| facts.config_exhibit(position, "what it lists"));
                draft.evidence.extend(exhibit);
                "nothing at that host is listed".to_owned()
            }
        };
        let refusal = refused_before(facts, &draft);
        if let Some(mark) = refusal {
            draft.evidence.insert(
                1.min(draft.evidence.len()),
                record(mark.evidence, "the configuration was refused", b""),
            );
        }
        let why = match refusal {
            Some(mark) => format!(
                "The reload at {} was refused, so nginx went on with the configuration it had, which names {shown}{}",
                facts.clock(mark.first),
                taken_after(facts, mark)
            ),
            None => "So nginx ran with another configuration then: it was corrected since, or never reloaded, or this is that of another gateway".to_owned(),
        };
        let toll = capital(&facts.toll(&draft));
        told.push(Draft {
            certainty: match refusal {
                Some(_) => Certainty::Certain,
                None => Certainty::Likely,
            },
            title: match neighbours.first() {
                Some((group, peer)) => format!(
                    "{shown} fails, but {} lists {}",
                    group_name(group),
                    name(peer.written)
                ),
                None => format!("{shown} fails, and the configuration does not list it"),
            },
            claim: format!(
                "{n} {failures} {} name {shown}, which no `server` and no `*_pass` of the configuration names; {listed}. {why}. {toll}.",
                facts.during(draft.first, draft.last),
            ),
            advice: vec![match refusal {
                Some(_) => "Mend what nginx refused the configuration for, then nginx -t && nginx -s reload: `-t` first, since a reload that is refused is told in the error log alone.".to_owned(),
                None => "Compare `nginx -T` on the gateway with this configuration; where they agree, reload (nginx -t && nginx -s reload), since what runs may be older than the files.".to_owned(),
            }],
            changes: match refusal {
                Some(_) => Vec::new(),
                None => changes,
            },
            commands: vec![
                format!("On the gateway: nginx -T 2>/dev/null | grep -nF '{shown}'"),
                format!("On the gateway: ss -tnp dst {shown}"),
            ],
            ..draft
        });
    }
}

/// The last reload that was refused before the last of these failures.
fn refused_before<'a>(facts: &Facts<'a>, draft: &Draft) -> Option<&'a Mark> {
    let until = draft.last?;
    facts
        .marks(Moment::ReloadFailed, Timestamp(i64::MIN), until)
        .last()
}

/// `; the one at 00:58:37 was taken`, if there is one behind a refusal.
fn taken_after(facts: &Facts<'_>, refusal: &Mark) -> String {
    let taken = facts
        .marks(Moment::Reload, refusal.last, Timestamp(i64::MAX))
        .next();
    taken.map_or_else(String::new, |mark| {
        format!("; the one at {} was taken", facts.clock(mark.first))
    })
}

/// Whether `upstream` fails for want of a reload: the configuration lists its host with another port, and a reload was refused.
pub(super) fn is_left_behind(facts: &Facts<'_>, upstream: &[u8], draft: &Draft) -> bool {
    let neighbours = all_known(facts)
        .filter(|groups| !is_listed(groups, upstream))
        .zip(Address::parse(upstream, None))
        .is_some_and(|(groups, address)| !at_other_ports(groups, &address).is_empty());
    neighbours && refused_before(facts, draft).is_some()
}

/// Fails, though the configuration takes it out of service.
pub(super) fn marked_down(facts: &Facts<'_>, told: &mut Told) {
    each_listed(facts, |upstream, symptoms, _, group, peer| {
        if !peer.is_down {
            return;
        }
        let shown = name(upstream);
        let mut draft = facts.draft(&shown, symptoms);
        draft
            .evidence
            .push(facts.config_exhibit(peer.position, "marked `down` here"));
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("{shown} was asked, though {} marks it `down`", group_name(group)),
            claim: format!(
                "nginx never asks a peer that is marked `down`, yet {} failures name {shown} {}: the configuration is younger than these records, or was not loaded. {}.",
                grouped(draft.n_events),
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                "If the mark was the remedy, the records behind the next reload tell whether it helped; a group with one peer left beside it is no more single, so with max_fails=1 one failure takes that peer out for fail_timeout.".to_owned(),
            ],
            commands: vec!["On the gateway: nginx -T 2>/dev/null | grep -nw down".to_owned()],
            ..draft
        });
    });
}

/// A backup peer fails: its group had no other.
pub(super) fn backup_failed(facts: &Facts<'_>, told: &mut Told) {
    each_listed(facts, |upstream, symptoms, _, group, peer| {
        if !peer.is_backup || peer.is_down {
            return;
        }
        let shown = name(upstream);
        let mut draft = facts.draft(&shown, symptoms);
        draft
            .evidence
            .push(facts.config_exhibit(peer.position, "marked `backup` here"));
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("the backup {shown} failed as well"),
            claim: format!(
                "nginx asks {shown}, a `backup` of {}, only while none of the other peers is in service: they were out {}, and the backup failed {} times. {}.",
                group_name(group),
                facts.during(draft.first, draft.last),
                grouped(draft.n_events),
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                "See that the backup runs and can carry the load: a page of maintenance that is served from the gateway itself cannot fail with its upstreams.".to_owned(),
            ],
            ..draft
        });
    });
}

/// For each failing upstream that the configuration lists by its address: the first group that does.
fn each_listed(
    facts: &Facts<'_>,
    mut tell: impl FnMut(&[u8], &[&Symptom], GroupId, &Group<'_>, &Peer<'_>),
) {
    let Some(groups) = &facts.groups else {
        return;
    };
    for (upstream, symptoms) in failing(facts) {
        let found = groups.of_peer(upstream);
        // Where one group lists it plainly, the marks of another say nothing.
        let plain = |(id, index, _): &&(GroupId, usize, Likeness)| {
            let peer = &groups.group(*id).peers[*index];
            !peer.is_down && !peer.is_backup
        };
        let chosen = found.iter().find(plain).or(found.first());
        if let Some(&(id, index, Likeness::Same)) = chosen {
            let group = groups.group(id);
            tell(upstream, &symptoms, id, group, &group.peers[index]);
        }
    }
}

/// `localhost` is two addresses, and at one of them nobody listens.
pub(super) fn localhost(facts: &Facts<'_>, told: &mut Told) {
    let Some(groups) = &facts.groups else {
        return;
    };
    for (upstream, symptoms) in by_upstream(facts.failures(Category::Refused)) {
        let Some(upstream) = upstream.filter(|upstream| upstream.starts_with(b"[::1]:")) else {
            continue;
        };
        let Some(&(id, index, Likeness::ByName)) = groups.of_peer(upstream).first() else {
            continue;
        };
        let (group, peer) = (groups.group(id), &groups.group(id).peers[index]);
        let port = &upstream[b"[::1]:".len()..];
        let other = [&b"127.0.0.1:"[..], port].concat();
        let ok = facts
            .service(Some(&other))
            .filter(|service| service.n_ok > 0);
        let (shown, port, other) = (name(upstream), name(port), name(&other));
        let mut draft = facts.draft(&shown, &symptoms);
        draft
            .evidence
            .push(facts.config_exhibit(peer.position, "the name is written here"));
        if let Some(spell) = ok.and_then(|service| service.ok.first()) {
            draft
                .evidence
                .push(record(spell.evidence, "the other address answers", b""));
        }
        let answers = match ok {
            Some(service) => format!("{other} answered {} times", grouped(service.n_ok)),
            None => {
                format!("whether {other} answered, only an access log with $upstream_addr tells")
            }
        };
        told.push(Draft {
            certainty: match ok {
                Some(_) => Certainty::Certain,
                None => Certainty::Likely,
            },
            title: format!("`{}` is two addresses, and {shown} refuses", name(peer.written)),
            claim: format!(
                "`{}` in {} stands for 127.0.0.1 and ::1, two peers to nginx. The backend does not listen at the second: {} connections to {shown} were refused {}; {answers}. {}.",
                name(peer.written),
                group_name(group),
                grouped(draft.n_events),
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            advice: vec!["Write the address instead of the name, or let the backend listen at both.".to_owned()],
            changes: vec![Advice {
                directive: match group.scope {
                    Some(_) => "server".to_owned(),
                    None => "proxy_pass".to_owned(),
                },
                context: match (group.scope, groups.passes_to(id).next()) {
                    (None, Some(pass)) => name(groups.config().name_of(pass.scope).as_bytes()),
                    _ => group_name(group),
                },
                value: match group.scope {
                    Some(_) => other,
                    None => format!("http://{other}"),
                },
            }],
            commands: vec![format!("On the gateway: ss -lnt 'sport = :{port}'")],
            ..draft
        });
    }
}

/// A peer that is listed by a name which nginx resolves at its start only.
pub(super) fn resolved_at_start(facts: &Facts<'_>, told: &mut Told) {
    let Some(groups) = &facts.groups else {
        return;
    };
    const UNREACHED: [Category; 3] = [Category::Refused, Category::Timeout, Category::Unreachable];
    for (upstream, symptoms) in failing(facts) {
        let symptoms: Vec<&Symptom> = symptoms
            .into_iter()
            .filter(|symptom| UNREACHED.contains(&symptom.category))
            .filter(|symptom| {
                symptom.phase != crate::event::Phase::Header
                    && symptom.phase != crate::event::Phase::Body
            })
            .collect();
        let Some(&(id, index, Likeness::ByName)) = groups.of_peer(upstream).first() else {
            continue;
        };
        let (group, peer) = (groups.group(id), &groups.group(id).peers[index]);
        let Some(Address::Name { host, .. }) = &peer.address else {
            continue;
        };
        let mut draft = facts.draft(&name(upstream), &symptoms);
        let answers_later = draft
            .last
            .zip(facts.service(Some(upstream)))
            .is_some_and(|(last, service)| service.first_ok_after(last).is_some());
        if symptoms.is_empty() || peer.is_resolved || host == b"localhost" || answers_later {
            continue;
        }
        draft
            .evidence
            .push(facts.config_exhibit(peer.position, "the name is written here"));
        let (shown, host) = (name(upstream), name(host));
        let context = group_name(group);
        told.push(Draft {
            certainty: Certainty::Possible,
            title: format!("{shown} may be an old address of {host}"),
            claim: format!(
                "{context} names {host}, which nginx resolves when it starts or reloads, and never again. If the name has moved since, nginx goes on asking {shown}: {} failures before a connection {}. {}.",
                grouped(draft.n_events),
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                "A reload resolves it anew; if that ends the failures, it was this.".to_owned(),
                "From 1.27.3 on, `resolve` with a `zone` and a `resolver` follows the name; before, a variable in proxy_pass with a `resolver` does.".to_owned(),
            ],
            changes: match group.scope {
                Some(_) => vec![
                    advice("server", &context, format!("{} resolve", name(peer.written))),
                    advice("zone", &context, format!("{} 64k", name(&group.name))),
                ],
                None => Vec::new(),
            },
            commands: vec![format!("On the gateway: getent ahosts {host}")],
            ..draft
        });
    }
}

fn advice(directive: &str, context: &str, value: String) -> Advice {
    Advice {
        directive: directive.to_owned(),
        context: context.to_owned(),
        value,
    }
}

/// A peer that no attempt was made at, though its group was busy.
pub(super) fn never_asked(facts: &Facts<'_>, told: &mut Told) {
    let Some(groups) = facts.groups.as_ref().filter(|_| facts.knows_answers()) else {
        return;
    };
    let n_attempts = |peer: &Peer<'_>| {
        let address = peer
            .address
            .as_ref()
            .filter(|address| !matches!(address, Address::Name { .. }))?;
        let service = facts.service(Some(address.to_string().as_bytes()));
        Some(service.map_or(0, |service| service.n_attempts))
    };
    let failing = failing(facts);
    for group in groups.groups.iter().filter(|group| group.scope.is_some()) {
        let counts: Vec<Option<u64>> = group.peers.iter().map(n_attempts).collect();
        let n_all: u64 = counts.iter().flatten().sum();
        for (peer, count) in group.peers.iter().zip(&counts) {
            let written = peer
                .address
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let is_idle = *count == Some(0) && !failing.contains_key(written.as_bytes());
            if !is_idle || n_all < ATTEMPTS_MIN || peer.is_down || peer.is_backup {
                continue;
            }
            let shown = name(written.as_bytes());
            told.push(Draft {
                subject: shown.clone(),
                certainty: Certainty::Likely,
                title: format!("{shown} got none of the requests of {}", group_name(group)),
                claim: format!(
                    "{} attempts were made at the other peers of {}, and none at {shown}: it was added after these requests, it is out of service without a record, or `hash`, `ip_hash` or a low weight keeps it idle.",
                    grouped(n_all),
                    group_name(group)
                ),
                advice: vec!["See whether the configuration is that of the time of the logs, and whether the peer answers.".to_owned()],
                commands: vec![format!("On the gateway: curl -sv --max-time 5 -o /dev/null http://{shown}/")],
                evidence: vec![facts.config_exhibit(peer.position, "listed here")],
                ..Draft::default()
            });
        }
    }
}

/// A peer that fails and is never taken out.
pub(super) fn never_taken_out(facts: &Facts<'_>, told: &mut Told) {
    let Some(groups) = &facts.groups else {
        return;
    };
    const FAILURES_MIN: u64 = 10;
    for id in groups.ids() {
        let group = groups.group(id);
        if group.scope.is_none() || group.n_up() < 2 {
            continue;
        }
        for (peer, n) in failed_peers(facts, groups, id) {
            if peer.max_fails > 0 || n < FAILURES_MIN {
                continue;
            }
            let (shown, context) = (name(peer.written), name(&group.name));
            told.push(Draft {
                subject: format!("{context} {shown}"),
                certainty: Certainty::Certain,
                title: format!("{shown} is asked again and again: max_fails=0"),
                claim: format!(
                    "{shown} of upstream {context} failed {} times. With max_fails=0 nginx never takes it out of service, though the group has other peers: each of its requests fails or costs a retry.",
                    grouped(n)
                ),
                advice: vec!["Let nginx take it out for a while after some failures.".to_owned()],
                changes: vec![advice("server", &format!("upstream {context}"), format!("{shown} max_fails=3 fail_timeout=10s"))],
                commands: vec![format!("On the gateway: grep -c '{shown}' error.log")],
                evidence: vec![facts.config_exhibit(peer.position, "max_fails=0 here")],
                n_events: n,
                ..Draft::default()
            });
        }
    }
}

/// Peers of the group of which the logs tell failures that count, each once, with how many.
fn failed_peers<'g, 'a>(
    facts: &Facts<'_>,
    groups: &'g Groups<'a>,
    id: GroupId,
) -> Vec<(&'g Peer<'a>, u64)> {
    // What counts is an error, a timeout or an invalid header; an answer of the upstream's own only if it is asked for.
    let counts = |symptom: &&Symptom| {
        symptom.severity == Severity::Failure
            && !matches!(
                symptom.category,
                Category::NoLiveUpstreams | Category::Upstream5xx
            )
    };
    let mut failed: Vec<(&Peer<'_>, u64)> = Vec::new();
    for (upstream, symptoms) in by_upstream(facts.symptoms().filter(counts)) {
        let Some(upstream) = upstream else { continue };
        for (group, index, _) in groups.of_peer(upstream) {
            if group == id {
                let peer = &groups.group(id).peers[index];
                failed.push((peer, super::n_events(&symptoms)));
            }
        }
    }
    failed
}
