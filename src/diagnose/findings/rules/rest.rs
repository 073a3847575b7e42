//! What no other rule explains is told all the same, with what is known about its category.

use super::{Certainty, Draft, Facts, Told, by_upstream, n_events, upstream_name};
use crate::{
    config::lint::Advice,
    diagnose::findings::observed::Symptom,
    event::{Basis, Category, Phase, Severity},
    explain::knowledge::topic,
    words::{grouped, plural},
};
use std::collections::BTreeMap;

/// Failed tries that an access log tells of, by how far each came: it shows when and where, and no error log says why.
pub(super) fn not_logged(facts: &Facts<'_>, told: &mut Told) {
    let only_requests = facts
        .failures(Category::Other)
        .filter(|symptom| symptom.basis == Basis::AccessLog)
        .filter(|symptom| !super::inside::is_told(facts, symptom));
    for (upstream, symptoms) in by_upstream(only_requests) {
        let mut phases: BTreeMap<Phase, Vec<&Symptom>> = BTreeMap::new();
        for symptom in symptoms {
            phases.entry(symptom.phase).or_default().push(symptom);
        }
        for (phase, of_phase) in phases {
            let shown = upstream_name(upstream);
            let draft = facts.draft(&format!("{phase} {shown}"), &of_phase);
            let n = n_events(&of_phase);
            let (what, cause) = match phase {
                Phase::Connect => (
                    "no connection",
                    "No connection came about: refused, unreachable, reset, or a socket that is not there.",
                ),
                Phase::Header => (
                    "connections that ended before an answer",
                    "The connection was there, and no usable header came: closed early, reset, or an answer nginx could not take.",
                ),
                Phase::Body => (
                    "answers that broke off",
                    "A header had come, and the answer did not come to its end.",
                ),
                _ => (
                    "failures without a cause",
                    "How far these came is not told: their log_format has no times of the upstream, or they never reached one (a `return` in the configuration, an error inside nginx).",
                ),
            };
            told.push(Draft {
                certainty: Certainty::Possible,
                title: format!("{what} at {shown}, {} {}: only the error log tells why", grouped(n), plural(n, "time")),
                claim: format!(
                    "{} {} failed at {shown} {}. {cause} An access log cannot tell more; no error log that was read tells of these failures.",
                    grouped(n),
                    if upstream.is_some() { plural(n, "attempt") } else { plural(n, "request") },
                    facts.during(draft.first, draft.last),
                ),
                advice: vec![
                    "Read the error log of the same time together with this one; level error or lower: error_log /var/log/nginx/error.log warn;".to_owned(),
                    "Log how far each try comes: $upstream_addr, $upstream_status, $upstream_connect_time, $upstream_header_time and $upstream_response_time in the log_format.".to_owned(),
                ],
                changes: vec![Advice {
                    directive: "error_log".to_owned(),
                    context: "main, http, server, location".to_owned(),
                    value: "/var/log/nginx/error.log warn".to_owned(),
                }],
                commands: vec![
                    "nginx -T 2>/dev/null | grep -nE 'error_log|access_log|log_format'".to_owned(),
                    "coroner ACCESS-LOG ERROR-LOG (both, of the same time)".to_owned(),
                ],
                ..draft
            });
        }
    }
}

/// The last rule: it looks at what the others cite.
pub(super) fn unexplained(facts: &Facts<'_>, told: &mut Told) {
    for &category in Category::ALL {
        let left: Vec<&Symptom> = facts
            .symptoms()
            .filter(|symptom| symptom.category == category && symptom.severity == Severity::Failure)
            .filter(|symptom| !told.is_cited(&symptom.evidence))
            .filter(|symptom| !super::inside::is_told(facts, symptom))
            .collect();
        // Records that are cut name no upstream: they are most likely of those that do.
        let mut others = facts.failures(category);
        let has_named =
            others.any(|symptom| symptom.upstream.is_some() && told.is_cited(&symptom.evidence));
        let left = left
            .into_iter()
            .filter(|symptom| symptom.upstream.is_some() || !has_named);
        let left: Vec<&Symptom> = left.collect();
        for (upstream, symptoms) in by_upstream(left.into_iter()) {
            let shown = upstream_name(upstream);
            let draft = facts.draft(&format!("{category} {shown}"), &symptoms);
            let topic = topic(category);
            let n = n_events(&symptoms);
            told.push(Draft {
                topic: Some(category),
                certainty: Certainty::Possible,
                title: format!("{}: {shown}", topic.title),
                claim: format!(
                    "{} {category} {} {} at {shown}. {}",
                    grouped(n),
                    plural(n, "failure"),
                    facts.during(draft.first, draft.last),
                    topic.causes.first().copied().unwrap_or(topic.meaning),
                ),
                ..draft
            });
        }
    }
}
