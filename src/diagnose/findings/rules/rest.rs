//! What no other rule explains is told all the same, with what is known about its category.

use super::{Certainty, Draft, Facts, Told, by_upstream, n_events, upstream_name};
use crate::{
    diagnose::findings::observed::Symptom,
    event::{Category, Severity},
    explain::knowledge::topic,
    words::{grouped, plural},
};

/// The last rule: it looks at what the others cite.
pub(super) fn unexplained(facts: &Facts<'_>, told: &mut Told) {
    for &category in Category::ALL {
        let left: Vec<&Symptom> = facts
            .symptoms()
            .filter(|symptom| symptom.category == category && symptom.severity == Severity::Failure)
            .filter(|symptom| !told.is_cited(&symptom.evidence))
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
