//! Weaknesses of a configuration that make no 502, and what access logs show of them.

use super::{Exhibit, Facts, Symptom, name, record};
use crate::{
    aggregate::traces::TextHash,
    config::{Directive, GroupId, LocationKind, Position, Target, lint::Finding, location_of},
    diagnose::findings::facts::exhibit,
    event::Severity,
    words::{grouped, plural},
};
use std::collections::{BTreeSet, HashSet};

/// What access logs show of a weakness that makes no 502.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// Answers 404 without an upstream below the prefix of the location.
    Unfound,
    /// Most answers of the upstreams there are 400, 404, 421 or 426.
    Unfit,
    /// Attempts there failed, and their clients got another status.
    Hidden,
    /// Upgraded connections there end at the timeout.
    Idle,
}

/// What access logs show of a finding.
pub(super) struct Seen {
    pub n_requests: u64,
    /// Without final period.
    pub words: String,
    pub evidence: Vec<Exhibit>,
}

/// What of `effect` the logs show where `finding` holds.
pub(super) fn seen(facts: &Facts<'_>, effect: Effect, finding: &Finding) -> Option<Seen> {
    match effect {
        Effect::Unfound => unfound(facts, finding),
        Effect::Unfit => unfit(facts, finding),
        Effect::Hidden => hidden(facts, finding),
        Effect::Idle => idle(facts, finding),
    }
}

/// Fewer answers show nothing.
const ANSWERS_MIN: u64 = 5;

fn unfound(facts: &Facts<'_>, finding: &Finding) -> Option<Seen> {
    if !facts.material.is_whole {
        return None; // routes are counted without their times
    }
    let opener = directive_at(facts, *finding.positions.first()?)?;
    let (kind, pattern) = location_of(opener);
    let is_below = |route: &[u8]| match kind {
        LocationKind::Exact => route == pattern,
        LocationKind::Prefix | LocationKind::FinalPrefix => route.starts_with(pattern),
        _ => false,
    };
    let routes = facts.material.scanned.aggregate.requests.routes.rows();
    let unfound = routes.filter(|row| row.count.n_unfound > 0);
    let (mut n, mut first) = (0, None);
    for row in unfound.filter(|row| row.name.as_deref().is_some_and(is_below)) {
        n += row.count.n_unfound;
        first = first.into_iter().chain(row.count.first_unfound()).min();
    }
    (n >= ANSWERS_MIN).then(|| Seen {
        n_requests: n,
        words: format!(
            "{} requests below {} were answered 404 without an upstream",
            grouped(n),
            name(pattern)
        ),
        evidence: first
            .map(|first| record(first, "404 without an upstream", b""))
            .into_iter()
            .collect(),
    })
}

fn unfit(facts: &Facts<'_>, finding: &Finding) -> Option<Seen> {
    let groups = facts.groups.as_ref()?;
    let ids = groups_of(facts, finding);
    let is_there = |upstream: &[u8]| {
        groups
            .of_peer(upstream)
            .iter()
            .any(|(id, ..)| ids.contains(id))
    };
    let (mut n, mut n_ok, mut first) = (0, 0, None);
    let services = facts.material.observed.services.iter();
    for (_, service) in services.filter(|(upstream, _)| is_there(upstream)) {
        n += service.n_unfit;
        n_ok += service.n_ok;
        first = first.into_iter().chain(service.evidence_unfit).min();
    }
    (n >= ANSWERS_MIN && n * 2 >= n_ok).then(|| Seen {
        n_requests: n,
        words: format!(
            "{} of {} answers of the upstreams there are 400, 404, 421 or 426, their own, as of a backend that is asked by another name or misses a header",
            grouped(n),
            grouped(n_ok)
        ),
        evidence: first
            .map(|first| record(first, "first of them", b""))
            .into_iter()
            .collect(),
    })
}

fn hidden(facts: &Facts<'_>, finding: &Finding) -> Option<Seen> {
    if !facts.material.is_whole {
        return None;
    }
    let groups = facts.groups.as_ref()?;
    let ids = groups_of(facts, finding);
    let failing = facts
        .symptoms()
        .filter(|symptom| symptom.severity == Severity::Failure);
    let named = failing.filter_map(|symptom| symptom.upstream.as_deref());
    let there: HashSet<TextHash> = named
        .filter(|upstream| {
            let of_peer = groups.of_peer(upstream).into_iter().map(|(id, ..)| id);
            of_peer
                .chain(groups.named(upstream))
                .any(|id| ids.contains(&id))
        })
        .map(TextHash::of)
        .collect();
    let attempts = facts.material.scanned.attempts.as_slice().iter();
    let hidden: Vec<_> = attempts
        .filter(|attempt| {
            attempt.index + 1 == attempt.n_attempts
                && (200..499).contains(&attempt.status)
                && attempt
                    .kind
                    .is_some_and(|kind| kind.severity == Severity::Failure)
                && there.contains(&attempt.upstream)
        })
        .collect();
    let first = hidden.first()?;
    let n = hidden.len() as u64;
    Some(Seen {
        n_requests: n,
        words: format!(
            "{} {} there failed at the upstream and got another status, the first of them {}: no count of 5xx has them",
            grouped(n),
            plural(n, "request"),
            first.status
        ),
        evidence: vec![record(first.evidence, "failed, and does not look so", b"")],
    })
}

fn idle(facts: &Facts<'_>, finding: &Finding) -> Option<Seen> {
    let groups = facts.groups.as_ref()?;
    let ids = groups_of(facts, finding);
    let tunnels = facts.records(&TUNNEL_CLOSED).filter(|symptom| {
        symptom.upstream.as_deref().is_some_and(|upstream| {
            groups
                .of_peer(upstream)
                .iter()
                .any(|(id, ..)| ids.contains(id))
        })
    });
    let tunnels: Vec<&Symptom> = tunnels.collect();
    let n = super::n_events(&tunnels);
    (n > 0).then(|| Seen {
        n_requests: n,
        words: format!(
            "{} upgraded {} there {} closed so",
            grouped(n),
            plural(n, "connection"),
            if n == 1 { "was" } else { "were" }
        ),
        evidence: tunnels.iter().map(|symptom| exhibit(symptom)).collect(),
    })
}

/// What nginx says when a tunnel was silent for too long.
const TUNNEL_CLOSED: [&str; 1] = ["x-timeout-upgraded"];

fn directive_at<'a>(facts: &Facts<'a>, position: Position) -> Option<&'a Directive> {
    let mut directives = facts.material.config?.directives.iter();
    directives.find(|directive| directive.position == position)
}

/// The groups that requests pass to where `finding` holds.
fn groups_of(facts: &Facts<'_>, finding: &Finding) -> BTreeSet<GroupId> {
    let (Some(groups), Some(&position)) = (&facts.groups, finding.positions.first()) else {
        return BTreeSet::new();
    };
    let Some(directive) = directive_at(facts, position) else {
        return BTreeSet::new();
    };
    let config = groups.config();
    let passes = groups.passes.iter().filter(|pass| {
        config
            .around(pass.scope)
            .any(|scope| scope == directive.scope)
    });
    passes
        .filter_map(|pass| match pass.target {
            Target::Group(id) => Some(id),
            _ => None,
        })
        .collect()
}
