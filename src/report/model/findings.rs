//! Findings and the checklist: what happened, how sure that is, and what to do.

use super::{Findings, axis::time};
use crate::{
    diagnose::{
        self,
        findings::{self, Cite, Exhibit, change_text},
    },
    event::Category,
    explain::knowledge::topic,
    redact::Saying,
};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct FindingLine {
    pub id: String,
    /// From 1.
    pub rank: u64,
    pub severity: &'static str,
    pub confidence: &'static str,
    /// The class of failure it is about, which `coroner explain` tells more of.
    pub category: &'static str,
    /// One line, without final period.
    pub title: String,
    pub claim: String,
    pub refuted_by: String,
    pub advice: Vec<String>,
    /// What to write in the configuration, where.
    pub directives: Vec<String>,
    pub commands: Vec<String>,
    /// Empty if it is of none.
    pub incident: String,
    pub evidence: Vec<EvidenceLine>,
    /// Requests that failed because of it; without an access log, its records.
    pub n_requests: u64,
    pub n_masked: u64,
    pub n_events: u64,
    pub first: Option<String>,
    pub last: Option<String>,
    /// Common advice about such failures that is wrong, and the right one; told once per category.
    pub corrections: &'static [&'static str],
}

impl FindingLine {
    /// The first thing to check, to set and to do, as far as there is one.
    pub fn next(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let lists = [
            ("check", &self.commands),
            ("set", &self.directives),
            ("do", &self.advice),
        ];
        lists
            .into_iter()
            .filter_map(|(word, list)| Some((word, list.first()?.as_str())))
    }
}

/// One piece of evidence.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceLine {
    /// `source:line@offset`, `file:line` of the configuration, or a source.
    pub at: String,
    /// What it shows.
    pub what: String,
    /// The message that stands there; empty where it is not kept.
    pub quote: String,
    /// The whole record as it stands in the log (after `--redact`, written anew), by lines, the first [`LINES_MAX`] of them; empty where
    /// it was not read again.
    pub lines: Vec<String>,
}

/// Lines of one record that a report keeps: a stack trace may have hundreds.
const LINES_MAX: usize = 40;

/// One row of the checklist.
#[derive(Clone, Debug, Serialize)]
pub struct CheckLine {
    pub check: &'static str,
    /// `PASS`, `FAIL` or `UNKNOWN`.
    pub verdict: &'static str,
    pub because: String,
    pub evidence: Vec<EvidenceLine>,
}

/// The first findings, by rank.
pub(super) fn findings(made_of: &Findings<'_>) -> Vec<FindingLine> {
    let mut known = std::collections::HashSet::new();
    (1..)
        .zip(made_of.findings)
        .take(made_of.n_top)
        .map(|(rank, finding)| FindingLine {
            corrections: match known.insert(finding.category) {
                true => topic(finding.category).corrections,
                false => &[],
            },
            ..line(rank, finding, made_of)
        })
        .collect()
}

fn line(rank: u64, finding: &diagnose::Finding, made_of: &Findings<'_>) -> FindingLine {
    let redactor = made_of.names.redactor();
    let shown = |text: &String| redactor.advice(text).for_terminal();
    FindingLine {
        id: shown(&finding.id),
        rank,
        severity: finding.rule.weight.name(),
        confidence: finding.certainty.name(),
        category: finding.category.name(),
        title: redactor.sentence(&finding.title).for_terminal(),
        claim: redactor.sentence(&finding.claim).for_terminal(),
        refuted_by: shown(&finding.refuted_by),
        advice: finding.advice.iter().map(shown).collect(),
        directives: finding
            .changes
            .iter()
            .map(|change| redactor.change(&change_text(change)).for_terminal())
            .collect(),
        commands: finding.commands.iter().map(shown).collect(),
        incident: finding.incident.clone().unwrap_or_default(),
        evidence: evidence(&finding.evidence, finding.category, made_of),
        n_requests: finding.n_requests,
        n_masked: finding.n_masked,
        n_events: finding.n_events,
        first: time(finding.first),
        last: time(finding.last),
        corrections: &[],
    }
}

/// What finding of a `category` rests on.
fn evidence(exhibits: &[Exhibit], category: Category, made_of: &Findings<'_>) -> Vec<EvidenceLine> {
    let redactor = made_of.names.redactor();
    let saying = Saying {
        category,
        is_known: category != Category::Other,
        upstream: None,
    };
    let line = |exhibit: &Exhibit| {
        let at = made_of.names.cite(&exhibit.cite, made_of.config);
        EvidenceLine {
            at: redactor.source(at.as_bytes()).for_terminal(),
            what: redactor.sentence(&exhibit.what).for_terminal(),
            quote: redactor.message(&exhibit.quote, saying).for_terminal(),
            lines: lines(&exhibit.cite, made_of),
        }
    };
    exhibits.iter().map(line).collect()
}

fn lines(cite: &Cite, made_of: &Findings<'_>) -> Vec<String> {
    let found = match cite {
        Cite::Record(at) => made_of.lines.get(at),
        Cite::Config(_) | Cite::Source(_) => None,
    };
    let lines = found.into_iter().flatten().take(LINES_MAX);
    lines
        .map(|line| line.without_end().for_terminal())
        .collect()
}

/// The checklist.
pub(super) fn checks(made_of: &Findings<'_>) -> Vec<CheckLine> {
    let redactor = made_of.names.redactor();
    let line = |check: &findings::Check| CheckLine {
        check: check.name,
        verdict: check.verdict.name(),
        because: redactor.sentence(&check.because).for_terminal(),
        // Of several categories: nothing in a quote is taken for nginx's own count.
        evidence: evidence(&check.evidence, Category::Other, made_of),
    };
    made_of.checks.iter().map(line).collect()
}
