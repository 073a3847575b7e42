//! The answer in a few figures: how much failed, whom it hit, when, and what came first.

use super::{
    CategoryLine,
    rows::{first, last, n_clients, sum},
};
use crate::{
    aggregate::limits::CLIENTS_EXACT_MAX,
    diagnose::Failure,
    event::Timestamp,
    words::{grouped, plural},
};
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

impl Answer {
    /// Whether `n_clients` is an estimate.
    pub fn is_estimate(&self) -> bool {
        self.n_clients > CLIENTS_EXACT_MAX as u64
    }

    /// `about 5,735 clients, at 18 upstreams`
    pub fn whom(&self) -> String {
        let counted = |n: u64, word: &str| format!("{} {}", grouped(n), plural(n, word));
        let about = if self.is_estimate() { "about " } else { "" };
        let clients = match self.n_clients {
            0 => "no client is named".to_owned(),
            n => format!("{about}{}", counted(n, "client")),
        };
        match self.n_upstreams as u64 {
            0 => format!("{clients}; no upstream is named"),
            n => format!("{clients}, at {}", counted(n, "upstream")),
        }
    }
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
