//! Whom incidents hurt: requests that failed, what they asked for and of which hosts.
//!
//! With access logs a request counts that its client saw fail, if what explains it is of a member of the incident: by the join, so that a
//! failure that a retry made good counts nothing, nor does the second record of the same request. A record of an answer that had begun
//! counts, too (its status tells nothing), and one that lies where no access log reaches. Without access logs, or where no request fits
//! any record of a member, each of its records counts. Of a sample of clients numbers are raised to all, and what is distinct is not told.

use super::{Incident, Incidents};
use crate::{
    aggregate::traces::TextHash,
    diagnose::{
        causes::{Case, Told},
        join::{Fate, Leftover, is_served},
        placed::{Placed, Traffic},
    },
    event::{Category, Severity, Timestamp},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Of one incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hurt {
    pub n_requests: u64,
    /// Distinct methods with their URIs, and distinct hosts; `None`: not known.
    pub n_uris: Option<u64>,
    pub n_hosts: Option<u64>,
}

impl Hurt {
    /// What counts alone tell: the failures of an incident with these `members`, which began and ended in the buckets `first` and `last`;
    /// where there are access logs only, whose failures are attempts, not more than the `answers` 5xx that these upstreams made.
    pub(super) fn of_counts(
        members: &[super::Member],
        (first, last): (Timestamp, Timestamp),
        answers: Option<&[Traffic]>,
    ) -> Hurt {
        let n_events = members.iter().map(|member| member.n_events).sum();
        let upstreams: BTreeSet<_> = members.iter().map(|member| &member.upstream).collect();
        let is_of = |row: &&Traffic| {
            let is_then = |bucket| first <= bucket && bucket <= last;
            row.bucket.is_some_and(is_then) && upstreams.contains(&row.upstream)
        };
        let n_bad =
            answers.map(|rows| rows.iter().filter(is_of).map(|row| row.count.n_5xx()).sum());
        Hurt {
            n_requests: n_bad.map_or(n_events, |n_bad: u64| n_bad.min(n_events)),
            n_uris: None,
            n_hosts: None,
        }
    }
}

/// A request ends so many seconds later than what was the last to fail of it, at most; incidents lie further apart.
const LATE_S: i64 = 120;

/// What was found of one member.
#[derive(Default)]
struct Seen {
    /// Requests by status, with what they asked for.
    requests: BTreeMap<u16, Vec<Asked>>,
    /// There are attempts of it, be they masked.
    is_joined: bool,
    /// Records that count whatever requests there are, and those that do only if none fits.
    records: Vec<Asked>,
    unmatched: Vec<Asked>,
    n_records: u64,
}

type Asked = (TextHash, TextHash);

type Member = (Category, TextHash);

/// Counts whom each of `incidents` hurt, where failures of both kinds of log were kept one by one.
pub fn tell_hurt(incidents: &mut Incidents, case: &Case<'_>, placed: &Placed) {
    if case.errors.is_empty() && case.attempts.is_empty() {
        return; // failures of one kind of log alone are not kept one by one
    }
    let mut seen: Vec<HashMap<Member, Seen>> = incidents
        .list
        .iter()
        .map(|incident| {
            members(incident)
                .map(|key| (key, Seen::default()))
                .collect()
        })
        .collect();
    look_at_requests(&incidents.list, case, &mut seen);
    look_at_records(&incidents.list, case, &mut seen);
    let mut n_looked_at: BTreeMap<u16, u64> = BTreeMap::new();
    for request in case.attempts.chunk_by(|a, b| a.evidence == b.evidence) {
        *n_looked_at.entry(request[0].status).or_default() += 1;
    }
    let raised = |status: u16, n: u64| match case.n_all(status, placed) {
        Some(n_all) => share(n, n_all, n_looked_at.get(&status).copied().unwrap_or(n)),
        None => n,
    };
    for (incident, seen) in incidents.list.iter_mut().zip(&seen) {
        let hurt = hurt(incident, seen, case.is_sample, raised);
        incident.hurt = hurt;
    }
}

fn members(incident: &Incident) -> impl Iterator<Item = Member> {
    incident.members.iter().map(|member| {
        let upstream = member.upstream.as_deref();
        (
            member.category,
            upstream.map_or(TextHash::NONE, TextHash::of),
        )
    })
}

/// The incident that lasts at `time`, or ended less than `late_s` seconds before.
fn at(incidents: &[Incident], time: Timestamp, late_s: i64) -> Option<usize> {
    let next = incidents.partition_point(|incident| incident.start <= time);
    let index = next.checked_sub(1)?;
    (time.0 <= incidents[index].end.0 + late_s).then_some(index)
}

fn look_at_requests(incidents: &[Incident], case: &Case<'_>, seen: &mut [HashMap<Member, Seen>]) {
    let mut explained = case.joined.attempts.as_slice();
    for request in case.attempts.chunk_by(|a, b| a.evidence == b.evidence) {
        let (of_request, rest) = explained.split_at(request.len().min(explained.len()));
        explained = rest;
        let Some(index) = at(incidents, request[0].end, LATE_S) else {
            continue;
        };
        for (attempt, explained) in request.iter().zip(of_request) {
            let Told::Cause(category, upstream, _) = case.told(attempt, *explained) else {
                continue;
            };
            // A record that was cut names no upstream, and its attempt does.
            let keys = [(category, upstream), (category, TextHash::NONE)];
            let found = keys.iter().find(|key| seen[index].contains_key(key));
            let Some(seen) = found.and_then(|key| seen[index].get_mut(key)) else {
                continue;
            };
            seen.is_joined = true;
            let is_last = attempt.index + 1 >= attempt.n_attempts;
            if is_last && !is_served(attempt.status) && attempt.is_kept {
                let asked = (attempt.key.request, attempt.key.host);
                seen.requests.entry(attempt.status).or_default().push(asked);
            }
        }
    }
}

fn look_at_records(incidents: &[Incident], case: &Case<'_>, seen: &mut [HashMap<Member, Seen>]) {
    let has_requests = !case.attempts.is_empty();
    for (index, error) in case.errors.iter().enumerate() {
        if error.kind.severity != Severity::Failure || !error.is_kept {
            continue;
        }
        let time = case.zone.instant(error.time).0;
        let key = (error.kind.category, error.upstream);
        let seen = at(incidents, time, 0).and_then(|incident| seen[incident].get_mut(&key));
        let Some(seen) = seen else {
            continue;
        };
        seen.n_records += 1;
        let asked = (error.key.request, error.key.host);
        match case.joined.errors.get(index) {
            Some(Fate::Explains(_) | Fate::Left(Leftover::SameRequest)) if has_requests => {}
            Some(Fate::Left(Leftover::NoFailedRequest)) if has_requests => {
                seen.unmatched.push(asked);
            }
            _ => seen.records.push(asked),
        }
    }
}

/// `n` of `of` as a share of `all`.
fn share(n: u64, all: u64, of: u64) -> u64 {
    (u128::from(n) * u128::from(all) / u128::from(of.max(1))) as u64
}

fn hurt(
    incident: &Incident,
    seen: &HashMap<Member, Seen>,
    is_sample: bool,
    raised: impl Fn(u16, u64) -> u64,
) -> Hurt {
    let mut n_requests = 0;
    let (mut uris, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    let mut is_known = !is_sample;
    for (key, member) in members(incident).zip(&incident.members) {
        let Some(seen) = seen.get(&key) else { continue };
        let of_requests =
            |(status, asked): (&u16, &Vec<Asked>)| raised(*status, asked.len() as u64);
        n_requests += seen.requests.iter().map(of_requests).sum::<u64>();
        let rest = if seen.is_joined {
            &[][..]
        } else {
            &seen.unmatched
        };
        let n_records = (seen.records.len() + rest.len()) as u64;
        n_requests += match (seen.is_joined, seen.n_records) {
            // Nothing was kept of it one by one.
            (false, 0) => member.n_events,
            _ if is_sample => share(n_records, member.n_events, seen.n_records),
            _ => n_records,
        };
        // What names no client is no request, such as a reload that fails.
        is_known &= seen.is_joined || seen.n_records > 0 || member.n_clients == 0;
        let all = seen.requests.values().flatten();
        for (request, host) in all.chain(&seen.records).chain(rest) {
            uris.insert(*request);
            hosts.insert(*host);
        }
    }
    let told = |all: &BTreeSet<TextHash>| {
        let is_told = is_known && !all.is_empty() && !all.contains(&TextHash::NONE);
        is_told.then_some(all.len() as u64)
    };
    Hurt {
        n_requests,
        n_uris: told(&uris),
        n_hosts: told(&hosts),
    }
}
