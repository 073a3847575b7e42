//! Groups and passive checks: no peer left, and peers that were taken out without a word why.

use super::{
    Certainty, Draft, Facts, Told, by_upstream, connect::capital, n_events, name, upstream_name,
};
use crate::{
    config::lint::Advice,
    diagnose::{
        Outage,
        findings::{facts::exhibit, observed::Symptom},
        health::Told as Known,
    },
    event::{Category, Severity, Timestamp},
    words::{grouped, plural},
};
use std::collections::BTreeSet;

/// A peer of a group that ran out of peers, with what it failed with.
struct Lost<'a> {
    peer: Vec<u8>,
    /// Most frequent first.
    symptoms: Vec<&'a Symptom>,
}

/// A failure this many seconds before may have taken a peer out.
const BEFORE_S: i64 = 70;

pub(super) fn no_peer(facts: &Facts<'_>, told: &mut Told) {
    for (group, symptoms) in by_upstream(facts.failures(Category::NoLiveUpstreams)) {
        let shown = upstream_name(group);
        let draft = facts.draft(&shown, &symptoms);
        let (Some(first), Some(last)) = (draft.first, draft.last) else {
            continue;
        };
        let lost = group.map_or_else(Vec::new, |group| lost(facts, group, first, last));
        let n = n_events(&symptoms);
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
            true => "No peer of it failed before, as far as these logs tell: then all of its servers are `down`, or as many requests as `max_conns` allows are under way at each.".to_owned(),
        };
        let trap = group.and_then(|group| trap(facts, group));
        let trap_words = trap.as_ref().map_or("", |_| " One server of that group is marked `down`: that makes it a group of several, in which one failure takes the only working server out.");
        let mut evidence: Vec<_> = symptoms.iter().map(|symptom| exhibit(symptom)).collect();
        evidence.extend(
            lost.iter()
                .flat_map(|lost| &lost.symptoms)
                .take(4)
                .map(|symptom| exhibit(symptom)),
        );
        evidence.extend(trap.map(|position| facts.config_exhibit(position, "the group")));
        told.push(Draft {
            certainty: match lost.is_empty() {
                true => Certainty::Likely,
                false => Certainty::Certain,
            },
            title: match short.is_empty() {
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
            advice: vec![
                match lost.first() {
                    Some(lost) => format!("Mend the peers first, {} before the others: the findings about them say how.", name(&lost.peer)),
                    None => "Look at `down` and `max_conns` of the servers of this group.".to_owned(),
                },
                "Let one failure not take out a peer: max_fails=1 fail_timeout=10s is the default, and a group of two then has none left after two slow requests. Take no server out by `down` in a group of two.".to_owned(),
            ],
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

/// The peers of `group`: as the configuration lists them, else those that were taken out at that time.
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
            if groups
                .of_peer(upstream)
                .iter()
                .any(|(id, ..)| ids.contains(id))
            {
                peers.insert(upstream.to_vec());
            }
        }
    }
    if peers.is_empty() {
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
    let told: Vec<String> = lost
        .symptoms
        .iter()
        .take(2)
        .map(|symptom| format!("{} × {}", grouped(symptom.n_events), symptom.category))
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
fn trap(facts: &Facts<'_>, group: &[u8]) -> Option<crate::config::Position> {
    let groups = facts.groups.as_ref()?;
    let group = groups.group(*groups.named(group).first()?);
    (group.n_up() == 1 && group.peers.len() > 1).then_some(group.position)
}

/// Peers that were taken out, of which no failure is known.
pub(super) fn taken_out(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms) in by_upstream(facts.records(&[
        "http-upstream-server-temporarily-disabled",
        "stream-upstream-server-temporarily-disabled",
    ])) {
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
