//! The whole lines that findings rest on, read once more, for reports that are handed around without their logs.

use super::read::Read;
use crate::{
    aggregate::Evidence,
    classify::Classifier,
    diagnose::{Finding, findings::Cite},
    engine::{self, EngineConfig},
    error::Error,
    evidence::{Context, Finder, PlaceId, Wanted},
    export::Names,
    redact::Shown,
};
use std::collections::{BTreeMap, BTreeSet};

/// What stands at the evidence of the first `n` of `findings`, by place, and what could not be read this time. What is not there any
/// more, or changed since, is left out.
pub(super) fn whole_lines(
    read: &Read,
    findings: &[Finding],
    n: usize,
) -> (BTreeMap<Evidence, Vec<Shown<'static>>>, Vec<Error>) {
    let cited = findings
        .iter()
        .take(n)
        .flat_map(|finding| &finding.evidence);
    let records = cited.filter_map(|exhibit| match &exhibit.cite {
        Cite::Record(at) => Some(*at),
        Cite::Config(_) | Cite::Source(_) => None,
    });
    let places: BTreeSet<Evidence> = records.collect();
    let places: Vec<Evidence> = places.into_iter().collect();
    let names = Names::new(&read.scanned, &read.plan.redactor);
    let classifier = Classifier::default();
    let config = EngineConfig {
        smuggled: read.scanned.smuggled.clone(),
        ..read.plan.engine.clone()
    };
    let (mut lines, mut missed) = (BTreeMap::new(), Vec::new());
    for (stored, found) in read.scanned.found.iter().enumerate() {
        let in_it = (0..).zip(&places);
        let wanted: Vec<Wanted> = in_it
            .filter(|(_, at)| at.source.stored() == stored)
            .map(|(order, at)| Wanted {
                place: place(at, &names),
                order,
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let mut finder = Finder::new(&classifier, &read.plan.redactor, wanted, Context::default());
        let states = engine::walk(found, &config, |state, block| finder.look(state, block));
        let mut known = read.scanned.sources.iter();
        if known.all(|state| state.key.stored() != stored || state.problems.is_empty()) {
            missed.extend(states.into_iter().flat_map(|state| state.problems));
        }
        let (_, exhibits) = finder.finish();
        for exhibit in exhibits
            .into_iter()
            .filter(|exhibit| exhibit.doubt.is_none())
        {
            lines.insert(places[exhibit.order], exhibit.record);
        }
    }
    (lines, missed)
}

/// A place as it is written.
pub(super) fn place(at: &Evidence, names: &Names<'_>) -> PlaceId {
    PlaceId {
        source: names.source(at).to_owned(),
        line: Some(names.line(at)),
        offset: Some(at.offset),
    }
}
