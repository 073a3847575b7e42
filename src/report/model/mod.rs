//! What a report says, whatever its form: one file per noun, each with its lines and how they are made.
//!
//! A new section is a file here, a field of [`Report`] and a variant of [`Section`]; each form then fails to compile until it
//! shows it.

mod advice;
mod answer;
mod axis;
mod categories;
mod messages;
mod notes;
mod read;
mod rows;
mod section;
mod sources;
mod upstreams;
mod worst;

pub use advice::AdviceLine;
pub use answer::{Answer, Onset};
pub use axis::{Plot, Span};
pub use categories::{CategoryLine, SeverityLine};
pub use messages::{MessageLine, ShapeLine};
pub use read::Completeness;
pub use section::Section;
pub use sources::SourceLine;
pub use upstreams::{CategoryCount, UpstreamLine};
pub use worst::WorstBucket;

use crate::{
    diagnose::{Account, Failure, KnownZone, Placed, ZoneBasis},
    engine::Scanned,
    event::Severity,
    export::Names,
};
use axis::Axis;
use serde::Serialize;

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    pub scanned: &'a Scanned,
    pub account: &'a Account,
    pub placed: &'a Placed,
    pub names: &'a Names<'a>,
    pub zone: &'a KnownZone,
    /// Rows of the longest lists.
    pub n_top: usize,
}

/// Version of the JSON form; grows when a field changes its meaning or goes.
pub const FORMAT_VERSION: u32 = 1;

/// A report. All texts are free of control characters; times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub format_version: u32,
    pub coroner_version: &'static str,
    pub zone: String,
    /// Nothing tells the zone, so UTC is assumed.
    pub zone_assumed: bool,
    /// First and last event.
    pub span: Option<Span>,
    pub bucket: &'static str,
    pub completeness: Completeness,
    pub n_events: u64,
    pub answer: Answer,
    /// Events by severity, most severe first.
    pub severities: Vec<SeverityLine>,
    /// Categories with failures, most first.
    pub failures: Vec<CategoryLine>,
    /// Upstreams with failures, most first.
    pub upstreams: Vec<UpstreamLine>,
    /// Upstreams left out of the list.
    pub n_more_upstreams: usize,
    /// Buckets with the most failures.
    pub worst: Vec<WorstBucket>,
    /// What the categories with the most failures mean, and what to do.
    pub advice: Vec<AdviceLine>,
    /// Categories without failures, most first.
    pub others: Vec<CategoryLine>,
    /// Most frequent messages of failures, as nginx words them.
    pub messages: Vec<MessageLine>,
    /// Most frequent shapes of messages that no row of the taxonomy describes.
    pub unknown: Vec<ShapeLine>,
    /// What limits these numbers, in plain words.
    pub notes: Vec<String>,
    pub plot: Plot,
    pub sources: Vec<SourceLine>,
}

/// Makes the report of `findings`.
pub fn build(findings: &Findings<'_>) -> Report {
    let Findings {
        scanned,
        placed,
        n_top,
        ..
    } = *findings;
    let axis = Axis::new(placed);
    let is_failure = |row: &&Failure| row.kind.severity == Severity::Failure;
    let failing: Vec<&Failure> = placed.rows.iter().filter(is_failure).collect();
    let rest: Vec<&Failure> = placed.rows.iter().filter(|row| !is_failure(row)).collect();
    // Messages and shapes are counted without their times.
    let is_part = placed.since.is_some() || placed.until.is_some();
    let mut upstreams = upstreams::upstreams(&failing, &axis, findings.names);
    let n_more_upstreams = upstreams.len().saturating_sub(n_top);
    upstreams.truncate(n_top);
    let failures = categories::categories(&failing, &axis, findings.names);
    Report {
        format_version: FORMAT_VERSION,
        coroner_version: env!("CARGO_PKG_VERSION"),
        zone: findings.zone.zone.name().to_owned(),
        zone_assumed: findings.zone.basis == ZoneBasis::Assumed,
        span: axis::span(&placed.rows),
        bucket: placed.width.name(),
        completeness: read::completeness(findings),
        n_events: placed.rows.iter().map(|row| row.n_events).sum(),
        answer: answer::answer(&failing, &failures),
        severities: categories::severities(&placed.rows),
        advice: advice::advice(&failures),
        failures,
        upstreams,
        n_more_upstreams,
        worst: worst::worst(&failing, n_top.min(5), findings.names),
        others: categories::categories(&rest, &axis, findings.names),
        messages: if is_part {
            Vec::new()
        } else {
            messages::messages(scanned, n_top)
        },
        unknown: if is_part {
            Vec::new()
        } else {
            messages::unknown(scanned, findings.names, n_top)
        },
        notes: notes::notes(findings),
        plot: axis.plot(),
        sources: sources::sources(findings),
    }
}

impl Report {
    /// Sources with problems.
    pub fn troubled(&self) -> impl Iterator<Item = &SourceLine> {
        let sources = self.sources.iter();
        sources.filter(|source| !source.problems.is_empty())
    }
}
