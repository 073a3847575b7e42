//! What a report says, whatever its form: one file per noun, each with its lines and how they are made.
//!
//! A new section is a file here, a field of [`Report`] and a variant of [`Section`]; each form then fails to compile until it
//! shows it.

mod answer;
mod axis;
mod categories;
mod causes;
mod config;
mod findings;
mod fingerprints;
mod health;
mod heat;
mod incidents;
mod messages;
mod notes;
mod pace;
mod read;
mod requests;
mod rows;
mod section;
mod sources;
mod upstreams;
mod verdict;
mod worst;

pub use answer::{Answer, Onset};
pub use axis::{Plot, Span};
pub use categories::{CategoryLine, SeverityLine};
pub use causes::{CauseLine, Causes, StatusLine, WhyLine};
pub use config::ConfigLine;
pub use findings::{CheckLine, EvidenceLine, FindingLine};
pub use fingerprints::{PileLine, TimeoutLine};
pub use health::{IntervalLine, OutageLine};
pub use heat::HeatRow;
pub use incidents::{IncidentLine, MarkLine, MemberLine};
pub(super) use notes::gap;

pub use messages::{MessageLine, ShapeLine};
pub use pace::Pace;
pub use read::Completeness;
pub use requests::{ClientLine, RequestsLine, RouteLine, StatusCount, TrafficLine};
pub use section::Section;
pub use sources::SourceLine;
pub use upstreams::{CategoryCount, UpstreamLine};
pub use verdict::Verdict;
pub use worst::WorstBucket;

use crate::{
    aggregate::Evidence,
    config::Config,
    diagnose::{
        self, Account, Failure, Finding, Fingerprint, Incidents, KnownZone, Mark, Outage, Placed,
        ZoneBasis, findings::Check,
    },
    engine::Scanned,
    event::{Basis, Severity},
    export::Names,
    redact::Shown,
};
use axis::Axis;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    pub scanned: &'a Scanned,
    pub account: &'a Account,
    pub placed: &'a Placed,
    pub incidents: &'a Incidents,
    pub marks: &'a [Mark],
    pub outages: &'a [Outage],
    pub fingerprints: &'a [Fingerprint],
    pub names: &'a Names<'a>,
    pub zone: &'a KnownZone,
    /// Of the gateway, if there is one.
    pub config: Option<&'a Config>,
    /// Why requests failed; `None` unless records and requests are there, and all of them are asked for.
    pub causes: Option<&'a diagnose::Causes>,
    /// By rank.
    pub findings: &'a [Finding],
    pub checks: &'a [Check],
    /// The lines of the records that findings rest on, where they were read again.
    pub lines: &'a BTreeMap<Evidence, Vec<Shown<'static>>>,
    /// Rows of the longest lists.
    pub n_top: usize,
}

/// Version of the JSON form; grows when a field changes its meaning or goes.
pub const FORMAT_VERSION: u32 = 2;

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
    /// The nginx configuration that was read.
    pub config: Option<ConfigLine>,
    /// What access logs tell; `None` where there are none.
    pub requests: Option<RequestsLine>,
    /// Upstreams by their failed attempts.
    pub traffic: Vec<TrafficLine>,
    /// Upstreams left out of that list.
    pub n_more_traffic: usize,
    /// Routes with most failed requests.
    pub routes: Vec<RouteLine>,
    /// Routes whose requests take longest.
    pub slowest: Vec<RouteLine>,
    /// Clients with most failed requests.
    pub clients: Vec<ClientLine>,
    /// Kind of log that the failures below are of: what error logs and access logs tell of the same failure is never added up.
    pub basis: &'static str,
    pub n_events: u64,
    pub answer: Answer,
    /// Why requests failed, where there are both kinds of log.
    pub causes: Option<Causes>,
    /// What happened and why, the most important first.
    pub findings: Vec<FindingLine>,
    /// Findings left out of the list.
    pub n_more_findings: usize,
    /// What a person would check first, answered as far as the logs tell.
    pub checklist: Vec<CheckLine>,
    /// Events by severity, most severe first.
    pub severities: Vec<SeverityLine>,
    /// The incidents with most failures, by time.
    pub incidents: Vec<IncidentLine>,
    /// Incidents left out of the list.
    pub n_more_incidents: usize,
    /// By what incidents are found, in plain words, with the thresholds.
    pub incident_rule: String,
    /// Peers that were out of their groups, and groups without peers, the longest out first.
    pub health: Vec<OutageLine>,
    /// Peers left out of the list.
    pub n_more_health: usize,
    /// Durations at which attempts pile up, most attempts first.
    pub fingerprints: Vec<PileLine>,
    /// Piles left out of the list.
    pub n_more_fingerprints: usize,
    /// Categories with failures, most first.
    pub failures: Vec<CategoryLine>,
    /// Upstreams with failures, most first.
    pub upstreams: Vec<UpstreamLine>,
    /// Upstreams left out of the list.
    pub n_more_upstreams: usize,
    /// Failures by upstream and time: upstreams with failures, most first, those left out together last.
    pub heat_map: Vec<HeatRow>,
    /// Buckets with the most failures.
    pub worst: Vec<WorstBucket>,
    /// Categories without failures, most first.
    pub others: Vec<CategoryLine>,
    /// Most frequent messages of failures, as nginx words them.
    pub messages: Vec<MessageLine>,
    /// Most frequent shapes of messages that no row of the taxonomy describes.
    pub unknown: Vec<ShapeLine>,
    /// Shapes left out of the list.
    pub n_more_unknown: usize,
    /// What limits these numbers, in plain words.
    pub notes: Vec<String>,
    /// The axis of all `series`.
    pub plot: Plot,
    /// The axis of `heat_map` and of what went to upstreams over time: whole buckets, at round times, at most 60.
    pub columns: Plot,
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
    let axis = Axis::cells(placed);
    let columns = Axis::columns(placed);
    let basis = basis(placed);
    let rows: Vec<&Failure> = placed
        .rows
        .iter()
        .filter(|row| row.kind.basis == basis)
        .collect();
    let is_failure = |row: &&Failure| row.kind.severity == Severity::Failure;
    let (failing, rest): (Vec<&Failure>, Vec<&Failure>) =
        rows.iter().partition(|row| is_failure(row));
    let is_part = findings.is_part();
    let mut upstreams = upstreams::upstreams(&failing, &axis, findings.names);
    let n_more_upstreams = upstreams.len().saturating_sub(n_top);
    upstreams.truncate(n_top);
    let mut health = health::lines(findings.outages.iter(), findings.names);
    let n_more_health = health.len().saturating_sub(n_top);
    health.truncate(n_top);
    let mut fingerprints = match is_part {
        true => Vec::new(),
        false => fingerprints::lines(findings),
    };
    let n_more_fingerprints = fingerprints.len().saturating_sub(n_top);
    fingerprints.truncate(n_top);
    let failures = categories::categories(&failing, &axis, findings.names);
    let (traffic, n_more_traffic) = requests::traffic(findings, &axis, &columns);
    Report {
        format_version: FORMAT_VERSION,
        coroner_version: env!("CARGO_PKG_VERSION"),
        zone: findings.zone.shown(),
        zone_assumed: findings.zone.basis == ZoneBasis::Assumed && findings.has_records(),
        span: axis::span(placed),
        bucket: placed.width.name(),
        completeness: read::completeness(findings),
        config: findings
            .config
            .map(|config| config::config(config, findings.names.redactor())),
        incidents: incidents::incidents(findings),
        n_more_incidents: findings.incidents.list.len().saturating_sub(n_top),
        incident_rule: incidents::rule(findings.incidents),
        health,
        n_more_health,
        fingerprints,
        n_more_fingerprints,
        requests: requests::requests(findings, &axis),
        traffic,
        n_more_traffic,
        routes: requests::failing_routes(findings),
        slowest: requests::slowest_routes(findings),
        clients: requests::clients(findings),
        basis: basis.name(),
        n_events: rows.iter().map(|row| row.n_events).sum(),
        answer: answer::answer(&failing, &failures),
        causes: causes::causes(findings),
        n_more_findings: findings.findings.len().saturating_sub(n_top),
        findings: findings::findings(findings),
        checklist: findings::checks(findings),
        severities: categories::severities(&rows),
        failures,
        upstreams,
        n_more_upstreams,
        heat_map: heat::heat_map(&failing, &columns, n_top, findings.names),
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
        n_more_unknown: match is_part {
            true => 0,
            false => messages::n_unknown(scanned).saturating_sub(n_top),
        },
        notes: notes::notes(findings),
        plot: axis.plot(),
        columns: columns.plot(),
        sources: sources::sources(findings),
    }
}

impl Findings<'_> {
    /// There are error records, whose clock has a zone to be known.
    fn has_records(&self) -> bool {
        let ledgers = &self.scanned.ledgers;
        ledgers.iter().any(|ledger| ledger.first_time.is_some())
    }

    /// Only a part of the time is asked for: what is counted without times is not known of it.
    fn is_part(&self) -> bool {
        self.placed.since.is_some() || self.placed.until.is_some()
    }
}

/// The kind of log to tell failures by: the error log, which tells why, unless only an access log has any.
fn basis(placed: &Placed) -> Basis {
    let has = |basis: Basis, severity: Option<Severity>| {
        let is_it = |row: &Failure| {
            row.kind.basis == basis && severity.is_none_or(|s| s == row.kind.severity)
        };
        placed.rows.iter().any(is_it)
    };
    let failure = Some(Severity::Failure);
    if has(Basis::ErrorLog, failure)
        || !has(Basis::AccessLog, failure) && has(Basis::ErrorLog, None)
    {
        Basis::ErrorLog
    } else if has(Basis::AccessLog, None) {
        Basis::AccessLog
    } else {
        Basis::ErrorLog
    }
}

impl Report {
    /// Sources with problems.
    pub fn troubled(&self) -> impl Iterator<Item = &SourceLine> {
        let sources = self.sources.iter();
        sources.filter(|source| !source.problems.is_empty())
    }
}
