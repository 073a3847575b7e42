//! The answer in a few figures: how much failed, whom it hit, when, and what came first.

use super::{
    CategoryLine,
    rows::{first, last, n_clients, sum},
};
use crate::{diagnose::Failure, event::Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    pub n_failures: u64,
    /// Distinct client addresses among the failures: exact up to 192, then an estimate.
    pub n_clients: u64,
    /// Upstreams that failures name.
    pub n_upstreams: usize,
    /// First and last failure.
    pub first: Option<String>,
    pub last: Option<String>,
    /// From the one to the other.
    pub seconds: i64,
    /// Categories by their first failure: what broke first, and what followed.
    pub onset: Vec<Onset>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Onset {
    pub category: &'static str,
    pub first: String,
}

/// The answer that `failing` rows give; `lines` are their categories.
pub(super) fn answer(failing: &[&Failure], lines: &[CategoryLine]) -> Answer {
    let upstreams: BTreeSet<&[u8]> = failing
        .iter()
        .filter_map(|row| row.upstream.as_deref())
        .collect();
    let seconds = |time: Option<Timestamp>| time.map_or(0, |time| time.0);
    let begin = seconds(failing.iter().filter_map(|row| row.first_seen).min());
    let end = seconds(failing.iter().filter_map(|row| row.last_seen).max());
    let mut onset: Vec<Onset> = lines
        .iter()
        .filter_map(|line| {
            Some(Onset {
                category: line.category,
                first: line.first.clone()?,
            })
        })
        .collect();
    onset.sort_by(|a, b| a.first.cmp(&b.first)); // stable: ties stay by number of events
    Answer {
        n_failures: sum(failing),
        n_clients: n_clients(failing),
        n_upstreams: upstreams.len(),
        first: first(failing),
        last: last(failing),
        seconds: end - begin,
        onset,
    }
}
