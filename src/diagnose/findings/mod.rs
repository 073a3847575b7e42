//! Findings: claims about causes, each with what it rests on, how sure it is, what would refute it, and what to do.
//!
//! [`observed`] is what the logs told of each upstream, in UTC; [`Facts`] puts it beside incidents, outages, marks, gaps, causes and the
//! configuration, and answers the questions that [`rules`] ask. A rule is one row of [`rules::RULES`]: a pure function of the facts that pushes
//! [`Draft`]s. Here drafts become [`Finding`]s: numbered, completed from [`knowledge`](crate::explain::knowledge), ranked.
//!
//! Names of logs and configurations stand in texts as [`text::for_terminal`](for_terminal) leaves them, and marked as quotations
//! ([`text::quoted`](quoted)): who shows a text takes the marks out, and what they hold too if it may not leave.

mod checklist;
mod denials;
pub mod episode;
mod exact;
pub mod facts;
mod in_force;
pub mod observed;
pub mod rules;

pub use checklist::{Check, Verdict, checklist};
pub use facts::{Facts, Material};
pub use observed::Observed;

use crate::{
    aggregate::Evidence,
    config::{Position, lint},
    event::{Category, Timestamp},
    explain::knowledge::topic,
    input::digest::sha256,
    text::{for_terminal, quoted, unmarked},
};
use rules::{RULES, Rule};
use std::{cmp::Reverse, collections::HashSet, sync::Arc};

/// What a finding is about; the order is that of the ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Requests failed.
    Failure,
    /// Requests were hurt without failing, or will be.
    Warning,
    /// It limits what the logs can tell.
    Note,
}

/// How sure a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The evidence says so itself.
    Certain,
    /// Something else would have to coincide for the evidence to look like this.
    Likely,
    /// The evidence fits, and fits other causes too.
    Possible,
}

/// Where evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cite {
    /// A record or a request.
    Record(Evidence),
    /// A line of the configuration.
    Config(Position),
    /// A source as a whole, by its index.
    Source(usize),
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    pub cite: Cite,
    /// What it shows, in a few words.
    pub what: String,
    /// What stands there, as bytes of the log; empty where it was not kept.
    pub quote: Vec<u8>,
}

/// A ranked claim about a cause.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `F-`, its rule, and digits of what it is about: the same for the same logs.
    pub id: String,
    pub rule: &'static Rule,
    /// The class of failure that it is about.
    pub category: Category,
    pub certainty: Certainty,
    /// One line, without final period.
    pub title: String,
    /// What happened and why, with numbers; sentences.
    pub claim: String,
    pub refuted_by: String,
    /// What to do, first things first.
    pub advice: Vec<String>,
    /// What to write in the configuration, where.
    pub changes: Vec<lint::Advice>,
    /// How to check on the live host.
    pub commands: Vec<String>,
    /// The incident it explains, if it is of one.
    pub incident: Option<String>,
    /// Never empty.
    pub evidence: Vec<Exhibit>,
    /// Requests that failed because of it, or records of it where no access log tells.
    pub n_requests: u64,
    /// Failed tries of which clients saw nothing.
    pub n_masked: u64,
    /// Records of clients that were not let in, or had to wait at the door: no access log has their requests.
    pub n_shut_out: u64,
    /// Records it rests on.
    pub n_events: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
}

/// What a rule says; what it leaves out is filled in.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is about, unique among the findings of its rule.
    pub subject: String,
    /// The upstream it is about, if it is about one.
    pub upstream: Option<Arc<[u8]>>,
    /// The category whose topic says more; `None`: the rule's.
    pub topic: Option<Category>,
    pub certainty: Certainty,
    pub title: String,
    pub claim: String,
    /// Empty: what the category's topic says.
    pub advice: Vec<String>,
    pub changes: Vec<lint::Advice>,
    /// Empty: what the category's topic says.
    pub commands: Vec<String>,
    pub incident: Option<String>,
    pub evidence: Vec<Exhibit>,
    /// The first record of each symptom that it explains, shown or not.
    pub explains: Vec<Evidence>,
    pub n_requests: u64,
    pub n_masked: u64,
    pub n_shut_out: u64,
    pub n_events: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
}

impl Default for Draft {
    fn default() -> Draft {
        Draft {
            subject: String::new(),
            upstream: None,
            topic: None,
            certainty: Certainty::Likely,
            title: String::new(),
            claim: String::new(),
            advice: Vec::new(),
            changes: Vec::new(),
            commands: Vec::new(),
            incident: None,
            evidence: Vec::new(),
            explains: Vec::new(),
            n_requests: 0,
            n_masked: 0,
            n_shut_out: 0,
            n_events: 0,
            first: None,
            last: None,
        }
    }
}

/// What one rule found.
#[derive(Debug)]
pub struct Told {
    drafts: Vec<Draft>,
    /// Places that findings of the rules before cite or explain.
    cited: HashSet<Evidence>,
}

impl Told {
    /// A finding without evidence is none.
    pub fn push(&mut self, draft: Draft) {
        if !draft.evidence.is_empty() {
            self.drafts.push(draft);
        }
    }

    /// Whether a finding of a rule before cites or explains what stands at this place.
    pub fn is_cited(&self, evidence: &Evidence) -> bool {
        self.cited.contains(evidence)
    }
}

/// Findings of one rule that are kept: a fleet of thousands of peers repeats itself.
pub const FINDINGS_MAX: usize = 50;

/// Evidence that one finding shows.
pub const EVIDENCE_MAX: usize = 6;

/// Everything the rules find in `facts`, ranked: what failed requests first, then by requests hurt times certainty.
pub fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let mut all: Vec<(usize, Finding)> = Vec::new();
    let mut told = Told {
        drafts: Vec::new(),
        cited: HashSet::new(),
    };
    for (order, rule) in RULES.iter().enumerate() {
        rule.check(facts, &mut told);
        let exhibits = told.drafts.iter().flat_map(|draft| &draft.evidence);
        let cited: Vec<Evidence> = exhibits
            .filter_map(|exhibit| match exhibit.cite {
                Cite::Record(evidence) => Some(evidence),
                _ => None,
            })
            .collect();
        told.cited.extend(cited);
        let explained = told.drafts.iter().flat_map(|draft| &draft.explains);
        told.cited.extend(explained.copied());
        let mut found: Vec<Finding> = told
            .drafts
            .drain(..)
            .map(|mut draft| {
                exact::sharpen(facts, rule, &mut draft);
                Finding::of(rule, draft)
            })
            .collect();
        found.sort_by_key(Finding::order);
        found.truncate(FINDINGS_MAX);
        all.extend(found.into_iter().map(|finding| (order, finding)));
    }
    all.sort_by(|(a_rule, a), (b_rule, b)| (a.order(), a_rule).cmp(&(b.order(), b_rule)));
    let mut findings: Vec<Finding> = all.into_iter().map(|(_, finding)| finding).collect();
    number(&mut findings);
    findings
}

impl Finding {
    fn of(rule: &'static Rule, draft: Draft) -> Finding {
        let category = draft.topic.unwrap_or(rule.topic);
        let topic = topic(category);
        let first_of = |texts: &[&str]| texts.iter().take(2).map(|&text| text.to_owned()).collect();
        let mut evidence = draft.evidence;
        evidence.truncate(EVIDENCE_MAX);
        Finding {
            id: format!("F-{}-{}", rule.id, unmarked(&draft.subject)),
            rule,
            category,
            certainty: draft.certainty,
            title: draft.title,
            claim: draft.claim,
            refuted_by: rule.refuted_by.to_owned(),
            advice: match draft.advice.is_empty() {
                true => first_of(topic.fix),
                false => draft.advice,
            },
            changes: match (draft.changes.is_empty(), rule.set) {
                (true, Some([directive, context, value])) => vec![lint::Advice {
                    directive: directive.to_owned(),
                    context: context.to_owned(),
                    value: value.to_owned(),
                }],
                _ => draft.changes,
            },
            commands: match draft.commands.is_empty() {
                true => first_of(topic.check),
                false => draft.commands,
            },
            incident: draft.incident,
            evidence,
            n_requests: draft.n_requests,
            n_masked: draft.n_masked,
            n_shut_out: draft.n_shut_out,
            n_events: draft.n_events,
            first: draft.first,
            last: draft.last,
        }
    }

    /// By weight, then requests hurt in proportion to how sure it is, each client that was shut out as one; what clients did not see and
    /// what was only written counts little.
    fn order(&self) -> impl Ord + use<> {
        let per_cent = match self.certainty {
            Certainty::Certain => 100,
            Certainty::Likely => 90,
            Certainty::Possible => 50,
        };
        let n_failed = u128::from(self.n_requests) + u128::from(self.n_shut_out);
        let hurt = n_failed * 10 + u128::from(self.n_masked);
        let score = hurt * per_cent;
        (
            self.rule.weight,
            Reverse(score),
            self.certainty,
            Reverse(self.n_events),
            self.first.is_none(),
            self.first,
            self.id.clone(),
        )
    }
}

/// Gives each its id: digits of its subject, as many as make it unique.
fn number(findings: &mut [Finding]) {
    let mut known = HashSet::new();
    for finding in findings {
        let digits = sha256(finding.id.as_bytes());
        let mut n_digits = 4;
        let mut id = format!("F-{}-{}", finding.rule.id, &digits[..n_digits]);
        while !known.insert(id.clone()) && n_digits < digits.len() {
            n_digits += 1;
            id = format!("F-{}-{}", finding.rule.id, &digits[..n_digits]);
        }
        finding.id = id;
    }
}

impl Weight {
    pub const fn name(self) -> &'static str {
        match self {
            Weight::Failure => "failure",
            Weight::Warning => "warning",
            Weight::Note => "note",
        }
    }
}

impl Certainty {
    pub const fn name(self) -> &'static str {
        match self {
            Certainty::Certain => "certain",
            Certainty::Likely => "likely",
            Certainty::Possible => "possible",
        }
    }
}

/// `proxy_buffer_size 16k (location)`: what to write where; what is not of this program is quoted.
pub fn change_text(change: &lint::Advice) -> String {
    let lint::Advice {
        directive,
        context,
        value,
    } = change;
    let harmless = |text: &str| for_terminal(unmarked(text).as_bytes());
    let written = match value.as_str() {
        "" => format!("take out {}", harmless(directive)),
        value => format!("{} {}", harmless(directive), quoted(&harmless(value))),
    };
    format!("{written} ({})", quoted(&harmless(context)))
}
