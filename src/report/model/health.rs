//! Which peers were out of their groups, and for how long.

use super::axis::time;
use crate::{
    diagnose::{Outage, health::Told},
    event::Timestamp,
    export::{Names, time::rfc3339},
};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

/// The outages of one peer or group that are known in one way.
#[derive(Clone, Debug, Serialize)]
pub struct OutageLine {
    /// A peer; a group where it had none left.
    pub upstream: String,
    /// How it is known: `disabled` (passive checks), `checked` (a check module), `no-live` (a group without peers).
    pub told: &'static str,
    pub n_times: usize,
    /// All of them together.
    pub seconds: i64,
    pub first: Option<String>,
    /// The end of the last; none if it was out when the logs ended.
    pub last: Option<String>,
    /// Records that tell so.
    pub n_events: u64,
    /// `fail_timeout`, by which the end of a passive check's outage is reckoned, in seconds.
    pub fail_timeout_seconds: Option<i64>,
    /// No configuration told it: the default is assumed.
    pub fail_timeout_assumed: bool,
    /// The first of them one by one, by time.
    pub intervals: Vec<IntervalLine>,
}

/// One outage.
#[derive(Clone, Debug, Serialize)]
pub struct IntervalLine {
    pub from: String,
    /// The first second it is no more known to be out; none if it was out when the logs ended.
    pub until: Option<String>,
    pub n_events: u64,
    /// The first record that tells so.
    pub evidence: String,
}

/// Outages of one peer that are told one by one.
const INTERVALS_MAX: usize = 20;

impl OutageLine {
    /// How it is known, in words.
    pub fn told(&self) -> &'static str {
        match self.told {
            "disabled" => "taken out after failures",
            "checked" => "found down by checks",
            _ => "a group without a peer",
        }
    }

    /// `out 3 times`.
    pub fn what(&self) -> String {
        let what = match self.told {
            "no-live" => "without a peer",
            _ => "out",
        };
        match self.n_times {
            1 => what.to_owned(),
            n => format!("{what} {n} times"),
        }
    }
}

/// A line per upstream, the longest out first.
pub(super) fn lines<'a>(
    outages: impl Iterator<Item = &'a Outage>,
    names: &Names<'_>,
) -> Vec<OutageLine> {
    let mut groups: BTreeMap<(&[u8], Told), Vec<&Outage>> = BTreeMap::new();
    for outage in outages {
        groups
            .entry((&outage.upstream, outage.told))
            .or_default()
            .push(outage);
    }
    let mut lines: Vec<OutageLine> = groups
        .into_iter()
        .map(|((upstream, told), outages)| line(upstream, told, &outages, names))
        .collect();
    lines.sort_by_key(|line| Reverse((line.last.is_none(), line.seconds))); // stable: then by name
    lines
}

fn line(upstream: &[u8], told: Told, outages: &[&Outage], names: &Names<'_>) -> OutageLine {
    let until: Option<Vec<Timestamp>> = outages.iter().map(|outage| outage.until).collect();
    let seconds = |outage: &&Outage| outage.until.map_or(0, |until| until.0 - outage.from.0);
    let fail_timeout = match told {
        Told::Disabled {
            fail_timeout_s,
            is_assumed,
        } => Some((fail_timeout_s, is_assumed)),
        Told::Checked | Told::NoLive => None,
    };
    OutageLine {
        upstream: names.redactor().upstream(upstream).for_terminal(),
        told: match told {
            Told::Disabled { .. } => "disabled",
            Told::Checked => "checked",
            Told::NoLive => "no-live",
        },
        n_times: outages.len(),
        seconds: outages.iter().map(seconds).sum(),
        first: time(outages.iter().map(|outage| outage.from).min()),
        last: time(until.and_then(|until| until.into_iter().max())),
        n_events: outages.iter().map(|outage| outage.n_events).sum(),
        fail_timeout_seconds: fail_timeout.map(|(seconds, _)| seconds),
        fail_timeout_assumed: fail_timeout.is_some_and(|(_, is_assumed)| is_assumed),
        intervals: outages
            .iter()
            .take(INTERVALS_MAX)
            .map(|outage| interval(outage, names))
            .collect(),
    }
}

fn interval(outage: &Outage, names: &Names<'_>) -> IntervalLine {
    IntervalLine {
        from: rfc3339(outage.from.0),
        until: time(outage.until),
        n_events: outage.n_events,
        evidence: names
            .redactor()
            .source(names.evidence(&outage.evidence).as_bytes())
            .for_terminal(),
    }
}
