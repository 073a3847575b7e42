//! Incidents: when, what rose first, how it spread, whom it hit, and what else happened then.

use super::{
    Findings,
    axis::time,
    health::{self, OutageLine},
};
use crate::{
    diagnose::{
        Incident, Incidents, Mark, Outage,
        burst::{ALLOWED_PER_HOUR, OPENS_AT, QUIET_MIN, TIMES_USUAL},
        incident::Member,
    },
    event::{Moment, Timestamp},
    export::time::rfc3339,
    words::{grouped, plural},
};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

#[derive(Clone, Debug, Serialize)]
pub struct IncidentLine {
    pub id: String,
    /// First and last failure.
    pub start: String,
    pub end: String,
    /// `start` in seconds from 1970-01-01 00:00:00 UTC.
    #[serde(skip)]
    pub start_s: i64,
    pub seconds: i64,
    /// The logs begin with it: what came before is unknown.
    pub begins_with_logs: bool,
    /// The logs end before it is known to be over.
    pub lasts_to_end: bool,
    pub n_failures: u64,
    /// Requests that failed because of it; without an access log, its records.
    pub n_requests: u64,
    /// Distinct methods with URIs, and hosts, of these; `None`: not known.
    pub n_uris: Option<u64>,
    pub n_hosts: Option<u64>,
    pub n_clients: u64,
    /// Start of the bucket with most failures, and failures per minute in it.
    pub peak: String,
    pub peak_per_minute: u64,
    /// What rose first; also among `members`.
    pub first: MemberLine,
    /// By onset, the first few.
    pub members: Vec<MemberLine>,
    pub n_more_members: usize,
    /// Upstreams named by its failures.
    pub n_upstreams: usize,
    /// Changes of state during it, in the ten minutes before and in the minute after, by time.
    pub marks: Vec<MarkLine>,
    /// Peers that were out then, the longest out first, the first few.
    pub health: Vec<OutageLine>,
    pub n_more_health: usize,
    pub evidence: String,
}

impl IncidentLine {
    /// What the logs do not show of its ends, to be put behind them.
    pub fn ends(&self) -> &'static str {
        match (self.begins_with_logs, self.lasts_to_end) {
            (true, true) => ", from the first record on and not known to be over",
            (true, false) => ", from the first record on",
            (false, true) => ", not known to be over",
            (false, false) => "",
        }
    }

    /// `163 failures hurt 160 requests of 20 clients, for 4 URIs of 1 host`
    pub fn hurt(&self) -> String {
        let counted = |n: u64, word: &str| format!("{} {}", grouped(n), plural(n, word));
        let mut text = counted(self.n_failures, "failure");
        let clients = counted(self.n_clients, "client");
        if self.n_uris.is_none() && self.n_requests == self.n_failures {
            // Most likely records were all there was to count.
            return format!("{text}, {clients}");
        }
        let requests = counted(self.n_requests, "request");
        text.push_str(&format!(" hurt {requests} of {clients}"));
        if let Some(n) = self.n_uris {
            text.push_str(&format!(", for {}", counted(n, "URI")));
        }
        if let Some(n) = self.n_hosts {
            text.push_str(&format!(" of {}", counted(n, "host")));
        }
        text
    }

    /// Whether `member` is the first mover.
    pub fn is_first(&self, member: &MemberLine) -> bool {
        (member.category, &member.upstream) == (self.first.category, &self.first.upstream)
    }
}

/// One upstream that failed in one way.
#[derive(Clone, Debug, Serialize)]
pub struct MemberLine {
    /// Empty where the records name none.
    pub upstream: String,
    pub category: &'static str,
    pub phase: &'static str,
    pub onset: String,
    pub last: String,
    pub n_failures: u64,
    pub n_clients: u64,
    /// It burst out by itself, not only together with others.
    pub rose: bool,
    pub evidence: String,
}

/// A change of state of the gateway; several of one kind are one line.
#[derive(Clone, Debug, Serialize)]
pub struct MarkLine {
    pub what: &'static str,
    pub n_events: u64,
    pub first: String,
    pub last: String,
    pub evidence: String,
}

/// What happened within so many seconds before an incident may be its cause,
const BEFORE_S: i64 = 600;

/// and within so many after it a part of its end.
const AFTER_S: i64 = 60;

/// The incidents with most failures, by time.
pub(super) fn incidents(findings: &Findings<'_>) -> Vec<IncidentLine> {
    let mut largest: Vec<&Incident> = findings.incidents.list.iter().collect();
    largest.sort_by_key(|incident| (Reverse(incident.n_events), incident.start));
    largest.truncate(findings.n_top);
    largest.sort_by_key(|incident| incident.start);
    largest
        .into_iter()
        .map(|incident| line(incident, findings))
        .collect()
}

fn line(incident: &Incident, findings: &Findings<'_>) -> IncidentLine {
    let member = |member: &Member| member_line(member, findings);
    let is_then = |outage: &&Outage| {
        outage.from <= incident.end
            && outage
                .until
                .is_none_or(|until| until.0 >= incident.start.0 - BEFORE_S)
    };
    let mut health = health::lines(findings.outages.iter().filter(is_then), findings.names);
    let n_more_health = health.len().saturating_sub(SHOWN_MAX);
    health.truncate(SHOWN_MAX);
    IncidentLine {
        id: incident.id.clone(),
        start: rfc3339(incident.start.0),
        end: rfc3339(incident.end.0),
        start_s: incident.start.0,
        seconds: incident.end.0 - incident.start.0,
        begins_with_logs: incident.begins_with_logs,
        lasts_to_end: incident.lasts_to_end,
        n_failures: incident.n_events,
        n_requests: incident.hurt.n_requests,
        n_uris: incident.hurt.n_uris,
        n_hosts: incident.hurt.n_hosts,
        n_clients: incident.n_clients,
        peak: rfc3339(incident.peak.0),
        peak_per_minute: incident.peak_per_minute,
        first: member(incident.first()),
        members: incident
            .members
            .iter()
            .take(SHOWN_MAX)
            .map(member)
            .collect(),
        n_more_members: incident.members.len().saturating_sub(SHOWN_MAX),
        n_upstreams: incident.upstreams().len(),
        marks: marks(incident, findings),
        health,
        n_more_health,
        evidence: findings.names.evidence(&incident.evidence),
    }
}

/// Members, and peers out, of one incident that are told one by one.
const SHOWN_MAX: usize = 8;

fn member_line(member: &Member, findings: &Findings<'_>) -> MemberLine {
    MemberLine {
        upstream: findings
            .names
            .redactor()
            .upstream(member.upstream.as_deref().unwrap_or_default())
            .for_terminal(),
        category: member.category.name(),
        phase: member.phase.name(),
        onset: rfc3339(member.onset.0),
        last: rfc3339(member.last.0),
        n_failures: member.n_events,
        n_clients: member.n_clients,
        rose: member.rose,
        evidence: findings.names.evidence(&member.evidence),
    }
}

/// What happened to the gateway itself; peers are told as outages.
fn marks(incident: &Incident, findings: &Findings<'_>) -> Vec<MarkLine> {
    let from = Timestamp(incident.start.0 - BEFORE_S);
    let first = findings.marks.partition_point(|mark| mark.first < from);
    let marks = findings.marks[first..]
        .iter()
        .take_while(|mark| mark.first.0 <= incident.end.0 + AFTER_S)
        .filter(|mark| !mark.moment.is_of_upstream());
    let mut kinds: BTreeMap<Moment, Vec<&Mark>> = BTreeMap::new();
    marks.for_each(|mark| kinds.entry(mark.moment).or_default().push(mark));
    let mut lines: Vec<(Timestamp, MarkLine)> = kinds
        .into_iter()
        .map(|(moment, marks)| (marks[0].first, mark_line(moment, &marks, findings)))
        .collect();
    lines.sort_by_key(|(first, _)| *first);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// `marks` are of one kind, by time, and at least one.
fn mark_line(moment: Moment, marks: &[&Mark], findings: &Findings<'_>) -> MarkLine {
    let last = marks.iter().map(|mark| mark.last).max();
    MarkLine {
        what: moment.name(),
        n_events: marks.iter().map(|mark| mark.n_events).sum(),
        first: rfc3339(marks[0].first.0),
        last: time(last).unwrap_or_default(),
        evidence: findings.names.evidence(&marks[0].evidence),
    }
}

/// By what incidents are found.
pub(super) fn rule(incidents: &Incidents) -> String {
    let usual = match incidents.usual_per_hour {
        Some(n) => format!("here {n} an hour"),
        None => "unknown: the logs are too short, or bad from end to end".to_owned(),
    };
    format!(
        "one opens when {OPENS_AT} failures add up beyond {ALLOWED_PER_HOUR} an hour and {TIMES_USUAL} times the usual rate ({usual}), and ends with {QUIET_MIN} minutes without, later if it is slow (CUSUM, in buckets of {})",
        incidents.width
    )
}
