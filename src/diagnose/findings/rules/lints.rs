//! What is wrong with the configuration by itself, as findings: below what hurt requests, unless the logs show the harm it does.
//!
//! What is wrong, where and how to mend it is [`lint`]'s; here is what harm each of its rows does, as far as a log can show it.

use super::{
    Certainty, Draft, Facts, Symptom, Told, by_upstream,
    effects::{self, Effect, Seen},
    gateway, name,
    states::CONFLICTING,
};
use crate::{
    config::{
        Position,
        lint::{self, Finding},
    },
    event::{Category, Moment},
};
use std::collections::BTreeSet;

/// What a row of [`lint::LINTS`] does to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// nginx would not start or reload with it.
    Refused,
    /// Requests fail, or fail sooner than they need to.
    Risk,
    /// Failures are harder to see.
    Blind,
}

/// What a log shows where that harm was done.
#[derive(Clone, Copy)]
enum Shown {
    /// Nothing that is of this alone.
    Never,
    /// nginx said so at a start or a reload.
    Emergency,
    /// Failures of a category at a peer or under the name of the group that the finding is about; of an errno, if that is not 0.
    AtPeers(Category, u8),
    /// The same, of messages that have one of these words.
    Saying(Category, &'static [&'static str]),
    /// Records of a category, wherever.
    Anywhere(Category),
    /// A rule of its own tells it, if there are records of this message.
    ElsewhereBy(&'static str),
    /// It failed nobody as a gateway does, and access logs show it.
    Effect(Effect),
}

struct Row {
    lint: &'static str,
    kind: Kind,
    shown: Shown,
}

const fn row(lint: &'static str, kind: Kind, shown: Shown) -> Row {
    Row { lint, kind, shown }
}

/// `EADDRNOTAVAIL`: no port is left to connect from.
const NO_PORT: u8 = 99;

/// `EMFILE`.
const NO_FILE: u8 = 24;

/// One row for each of [`lint::LINTS`], in their order.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("syntax", Kind::Refused, Shown::Emergency),
    row("invalid-value", Kind::Refused, Shown::Emergency),
    row("plus-only", Kind::Refused, Shown::Emergency),
    row("group-cannot-load", Kind::Refused, Shown::Emergency),
    row("pass-cannot-load", Kind::Refused, Shown::Emergency),
    row("buffers-cannot-load", Kind::Refused, Shown::Emergency),
    row("unknown-log-format", Kind::Refused, Shown::Emergency),
    row("all-peers-down", Kind::Risk, Shown::AtPeers(Category::NoLiveUpstreams, 0)),
    row("variable-without-resolver", Kind::Risk, Shown::Anywhere(Category::Dns)),
    row("single-peer-made-plural", Kind::Risk, Shown::AtPeers(Category::NoLiveUpstreams, 0)),
    row("localhost-two-addresses", Kind::Risk, Shown::Never), // rules::peers tells it
    row("single-peer-parameters", Kind::Risk, Shown::Never),
    row("no-shared-zone", Kind::Risk, Shown::Never), // rules::groups tells it
    row("keepalive-ineffective", Kind::Risk, Shown::AtPeers(Category::ResourceExhausted, NO_PORT)),
    row("keepalive-order", Kind::Risk, Shown::AtPeers(Category::ResourceExhausted, NO_PORT)),
    row("scheme-and-port", Kind::Risk, Shown::Saying(Category::Tls, &["wrong version number"])),
    row("sni-off", Kind::Risk, Shown::Saying(Category::Tls, &["alert number 112", "unrecognized name", "handshake failure"])),
    row("tls-name-of-group", Kind::Risk, Shown::Saying(Category::Tls, &["does not match"])),
    row("nested-location-without-pass", Kind::Risk, Shown::Effect(Effect::Unfound)),
    row("lost-host-header", Kind::Risk, Shown::Effect(Effect::Unfit)),
    row("websocket-headers", Kind::Risk, Shown::Effect(Effect::Unfit)),
    row("websocket-idle", Kind::Risk, Shown::Effect(Effect::Idle)),
    row("connection-always-upgrade", Kind::Risk, Shown::AtPeers(Category::ResourceExhausted, NO_PORT)),
    row("constant-scheme", Kind::Risk, Shown::Never),
    row("buffering-off", Kind::Risk, Shown::Never),
    row("buffers-large", Kind::Risk, Shown::Never),
    row("retry-without-limit", Kind::Risk, Shown::Never), // rules::load tells it
    row("conflicting-server-name", Kind::Risk, Shown::ElsewhereBy(CONFLICTING)),
    row("connections-exceed-files", Kind::Risk, Shown::Anywhere(Category::ResourceExhausted)),
    row("limit-status", Kind::Risk, Shown::Anywhere(Category::RateLimited)),
    row("error-log-debug", Kind::Risk, Shown::Never),
    row("error-page-hides-status", Kind::Blind, Shown::Effect(Effect::Hidden)),
    row("error-log-level", Kind::Blind, Shown::Never),
    row("error-log-off", Kind::Blind, Shown::Never),
    row("access-log-off", Kind::Blind, Shown::Never),
    row("access-log-condition", Kind::Blind, Shown::Never),
    row("format-without-upstream", Kind::Blind, Shown::Never),
];

/// What nginx refuses, and no reload in the logs says so.
pub(super) fn refused(facts: &Facts<'_>, told: &mut Told) {
    of_kind(facts, Kind::Refused, told);
}

/// What the logs show no harm of.
pub(super) fn risks(facts: &Facts<'_>, told: &mut Told) {
    of_kind(facts, Kind::Risk, told);
}

pub(super) fn blind_spots(facts: &Facts<'_>, told: &mut Told) {
    of_kind(facts, Kind::Blind, told);
}

fn of_kind(facts: &Facts<'_>, kind: Kind, told: &mut Told) {
    for (row, finding) in of_rows(facts) {
        let is_elsewhere = match row.shown {
            Shown::ElsewhereBy(signature) => facts.records(&[signature]).next().is_some(),
            _ => false,
        };
        let is_shown = is_elsewhere
            || !harmed(facts, row, finding).is_empty()
            || effect(facts, row, finding).is_some();
        if row.kind == kind && !is_shown {
            told.push(draft(facts, finding, Draft::default()));
        }
    }
}

/// What the logs show the effect of, though no request failed by the gateway.
pub(super) fn shown(facts: &Facts<'_>, told: &mut Told) {
    for (row, finding) in of_rows(facts) {
        let Some(seen) = effect(facts, row, finding) else {
            continue;
        };
        let mut draft = draft(facts, finding, Draft::default());
        draft.claim = format!("{} The logs show it: {}.", draft.claim, seen.words);
        draft.certainty = draft.certainty.max(Certainty::Likely);
        draft.evidence.extend(seen.evidence);
        draft.n_requests = seen.n_requests;
        draft.n_events = seen.n_requests;
        told.push(draft);
    }
}

/// What failed requests, as the logs show.
pub(super) fn harmful(facts: &Facts<'_>, told: &mut Told) {
    for (row, finding) in of_rows(facts) {
        let symptoms = harmed(facts, row, finding);
        if symptoms.is_empty() {
            continue;
        }
        let of_requests = match row.shown {
            Shown::Anywhere(Category::ResourceExhausted) => {
                gateway::of_requests(facts, "", &symptoms)
            }
            _ => facts.draft("", &symptoms),
        };
        let mut draft = draft(facts, finding, of_requests);
        draft.claim = format!(
            "{} The logs show what comes of it {}. {}.",
            draft.claim,
            facts.during(draft.first, draft.last),
            super::capital(&facts.toll(&draft))
        );
        // The same failures have other explanations too.
        draft.certainty = draft.certainty.max(Certainty::Likely);
        told.push(draft);
    }
}

fn of_rows<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = (&'static Row, &'f Finding)> {
    let row_of = |finding: &Finding| ROWS.iter().find(|row| row.lint == finding.id);
    let findings = facts.lints.iter();
    findings.filter_map(move |finding| Some((row_of(finding)?, finding)))
}

fn effect(facts: &Facts<'_>, row: &Row, finding: &Finding) -> Option<Seen> {
    match row.shown {
        Shown::Effect(effect) => effects::seen(facts, effect, finding),
        _ => None,
    }
}

/// Adds what `finding` says to `draft`, and where it was written to its evidence.
fn draft(facts: &Facts<'_>, finding: &Finding, draft: Draft) -> Draft {
    let mut evidence: Vec<_> = finding
        .positions
        .iter()
        .take(3)
        .map(|&position| facts.config_exhibit(position, finding.title))
        .collect();
    if evidence.is_empty()
        && let Some(position) = main_file(facts)
    {
        evidence.push(facts.config_exhibit(position, "missing in this configuration"));
    }
    evidence.extend(draft.evidence);
    let place: Vec<String> = finding
        .positions
        .first()
        .zip(facts.material.config)
        .map(|(&position, config)| config.cite(position))
        .into_iter()
        .collect();
    let written = match place.first() {
        Some(place) => format!(" ({})", name(place.as_bytes())),
        None => String::new(),
    };
    Draft {
        subject: format!("{} {}", finding.id, finding.claim),
        certainty: match finding.certainty {
            lint::Certainty::Certain => Certainty::Certain,
            lint::Certainty::Likely => Certainty::Likely,
        },
        title: finding.title.to_owned(),
        claim: format!(
            "{}{written}.",
            super::capital(&crate::text::for_terminal(finding.claim.as_bytes()))
        ),
        advice: vec![
            "Change the configuration as below, then nginx -t and nginx -s reload.".to_owned(),
        ],
        changes: finding.advice.clone(),
        commands: vec!["nginx -t && nginx -T".to_owned()],
        evidence,
        ..draft
    }
}

/// The beginning of the main file.
fn main_file(facts: &Facts<'_>) -> Option<Position> {
    let config = facts.material.config?;
    (!config.files.is_empty()).then_some(Position { file: 0, line: 1 })
}

/// Failures that show the harm of `finding`.
fn harmed<'a>(facts: &Facts<'a>, row: &Row, finding: &Finding) -> Vec<&'a Symptom> {
    match row.shown {
        Shown::Never | Shown::ElsewhereBy(_) | Shown::Effect(_) => Vec::new(),
        Shown::Emergency => {
            let span = facts.span();
            let is_refused = [Moment::Emergency, Moment::ReloadFailed]
                .iter()
                .any(|&moment| facts.marks(moment, span.0, span.1).next().is_some());
            let records = facts.symptoms().filter(|symptom| {
                is_refused && symptom.category == Category::Config && is_said(finding, symptom)
            });
            records.collect()
        }
        Shown::Anywhere(category) => {
            let wanted = |symptom: &&Symptom| {
                symptom.category == category
                    && match row.lint {
                        "variable-without-resolver" => symptom.signature.contains("no-resolver"),
                        "connections-exceed-files" => symptom.aspect == NO_FILE,
                        _ => true,
                    }
            };
            facts.symptoms().filter(wanted).collect()
        }
        Shown::AtPeers(..) | Shown::Saying(..) => {
            let (category, errno, words): (_, _, &[&str]) = match row.shown {
                Shown::AtPeers(category, errno) => (category, errno, &[]),
                Shown::Saying(category, words) => (category, 0, words),
                _ => return Vec::new(),
            };
            let says = |symptom: &Symptom| {
                let said = String::from_utf8_lossy(&symptom.sample);
                words.is_empty() || words.iter().any(|words| said.contains(words))
            };
            let names = names_of(facts, finding);
            by_upstream(facts.failures(category))
                .into_iter()
                .filter(|(upstream, _)| {
                    upstream.is_some_and(|upstream| names.contains(&upstream.to_ascii_lowercase()))
                })
                .flat_map(|(_, symptoms)| symptoms)
                .filter(|symptom| (errno == 0 || symptom.aspect == errno) && says(symptom))
                .collect()
        }
    }
}

/// Whether the words that nginx refuses it with are those that the finding quotes.
fn is_said(finding: &Finding, symptom: &Symptom) -> bool {
    let said = String::from_utf8_lossy(&symptom.sample);
    let quoted = finding
        .claim
        .split('"')
        .nth(1)
        .filter(|words| words.len() > 3);
    let directive = finding
        .advice
        .first()
        .map(|advice| advice.directive.as_str());
    quoted
        .into_iter()
        .chain(directive)
        .any(|words| !words.is_empty() && said.contains(words))
}

/// The names by which logs call what `finding` is about, in small letters: of groups, and of their peers.
fn names_of(facts: &Facts<'_>, finding: &Finding) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    let Some(groups) = &facts.groups else {
        return names;
    };
    for id in groups.ids() {
        let group = groups.group(id);
        let is_at = |position: &Position| finding.positions.contains(position);
        let is_meant = is_at(&group.position)
            || group.peers.iter().any(|peer| is_at(&peer.position))
            || groups
                .passes_to(id)
                .any(|pass| is_at(&pass.directive.position))
            || groups
                .keepalive(id)
                .position
                .is_some_and(|position| is_at(&position));
        if is_meant {
            names.insert(group.name.to_ascii_lowercase());
            let peers = group.peers.iter().filter_map(|peer| peer.address.as_ref());
            names
                .extend(peers.map(|address| address.to_string().to_ascii_lowercase().into_bytes()));
        }
    }
    // A peer that is listed by name is met by its address.
    let failing = facts
        .symptoms()
        .filter_map(|symptom| symptom.upstream.as_deref());
    for upstream in failing.collect::<BTreeSet<_>>() {
        let is_meant = groups.of_peer(upstream).into_iter().any(|(id, index, _)| {
            let peer = groups.group(id).peers.get(index);
            peer.is_some_and(|peer| finding.positions.contains(&peer.position))
                || groups
                    .passes_to(id)
                    .any(|pass| finding.positions.contains(&pass.directive.position))
        });
        if is_meant {
            names.insert(upstream.to_ascii_lowercase());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lint_has_its_row() {
        let rows: Vec<&str> = ROWS.iter().map(|row| row.lint).collect();
        let lints: Vec<&str> = lint::LINTS.iter().map(|lint| lint.id).collect();
        assert_eq!(rows, lints);
    }
}
