//! Failures kept one by one, so that what two kinds of log say of the same failure can be laid side by side.
//!
//! Only hashes of what is compared are kept. Past a limit whole clients are left out, by the hash of their address and so of both
//! kinds alike: what is left is a sample in which everything still finds its counterpart.

use super::{evidence::Evidence, failures::Kind, limits::TRACES_MAX};
use crate::event::{LocalTime, Timestamp};
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Hash of a client's address, a request line, a host or an upstream's name; equal texts have equal hashes in all runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextHash(u64);

impl TextHash {
    /// Nothing is known.
    pub const NONE: TextHash = TextHash(0);

    pub fn of(text: &[u8]) -> TextHash {
        TextHash(FixedState::default().hash_one(text).max(1))
    }

    /// Of a method and a URI, which is how both kinds of log can tell a request line.
    pub fn of_request(method: &[u8], uri: &[u8]) -> TextHash {
        TextHash(FixedState::default().hash_one((method, uri)).max(1))
    }

    pub fn is_some(self) -> bool {
        self != TextHash::NONE
    }
}

/// What both kinds of log tell of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    pub client: TextHash,
    /// Method and URI.
    pub request: TextHash,
    pub host: TextHash,
    /// Number of the client's connection; 0: not logged.
    pub connection: u64,
    /// Process that wrote the line; 0: not logged.
    pub pid: u32,
}

/// An error record by which a request may have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorTrace {
    pub evidence: Evidence,
    pub time: LocalTime,
    pub kind: Kind,
    pub upstream: TextHash,
    pub key: RequestKey,
    /// What it lacks is unknown, not absent.
    pub is_cut: bool,
}

/// An attempt of a request that an access log shows as failed or retried, or such a request that met no upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptTrace {
    /// Of the request's line.
    pub evidence: Evidence,
    /// From 0.
    pub index: u16,
    /// 0: it met no upstream.
    pub n_attempts: u16,
    /// When the request ended, and the milliseconds of that second.
    pub end: Timestamp,
    pub end_ms: u16,
    /// From the first byte of the request to its end; `u32::MAX` where the line does not tell.
    pub request_ms: u32,
    /// Of the attempts behind this one, so that it ended so long before the end at least.
    pub later_ms: u32,
    /// What the client was answered.
    pub status: u16,
    /// What the access log alone makes of the attempt, or of a request without any; `None`: it did not fail.
    pub kind: Option<Kind>,
    /// The upstream itself gave this answer, so no error record is to be expected.
    pub is_passed_on: bool,
    pub upstream: TextHash,
    pub key: RequestKey,
}

/// What is kept of either kind.
pub trait Trace: Copy + Ord {
    fn client(&self) -> TextHash;
}

impl Trace for ErrorTrace {
    fn client(&self) -> TextHash {
        self.key.client
    }
}

impl Trace for AttemptTrace {
    fn client(&self) -> TextHash {
        self.key.client
    }
}

/// Traces of all clients whose hash is below a threshold; which that is depends on all traces, never on their order.
#[derive(Clone, Debug)]
pub struct Traces<T> {
    traces: Vec<T>,
    threshold: u64,
    /// All that came, kept or not.
    n_all: u64,
}

impl<T> Default for Traces<T> {
    fn default() -> Traces<T> {
        Traces {
            traces: Vec::new(),
            threshold: u64::MAX,
            n_all: 0,
        }
    }
}

impl<T: Trace> Traces<T> {
    pub fn extend(&mut self, traces: impl IntoIterator<Item = T>) {
        for trace in traces {
            self.n_all += 1;
            if trace.client().0 <= self.threshold {
                self.traces.push(trace);
                self.limit(TRACES_MAX);
            }
        }
    }

    fn limit(&mut self, max: usize) {
        while self.traces.len() > max {
            self.lower(self.threshold / 2);
        }
    }

    fn lower(&mut self, threshold: u64) {
        self.threshold = threshold;
        self.traces.retain(|trace| trace.client().0 <= threshold);
    }

    /// Leaves of both kinds the same clients, and sorts them by their place.
    pub fn align<U: Trace>(&mut self, others: &mut Traces<U>) {
        let threshold = self.threshold.min(others.threshold);
        self.lower(threshold);
        others.lower(threshold);
        self.traces.sort_unstable();
        others.traces.sort_unstable();
    }

    pub fn as_slice(&self) -> &[T] {
        &self.traces
    }

    /// All that came, kept or not.
    pub fn n_all(&self) -> u64 {
        self.n_all
    }

    /// Clients are left out.
    pub fn is_sample(&self) -> bool {
        self.threshold != u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::SourceKey,
        event::{Basis, Category, Phase, Severity},
    };

    fn trace(n: u64) -> ErrorTrace {
        ErrorTrace {
            evidence: Evidence {
                source: SourceKey::new(0, 0),
                offset: n,
                line_in_chunk: 0,
            },
            time: LocalTime(1_795_173_840),
            kind: Kind {
                category: Category::Refused,
                phase: Phase::Connect,
                severity: Severity::Failure,
                basis: Basis::ErrorLog,
            },
            upstream: TextHash::NONE,
            key: RequestKey {
                client: TextHash::of(&(n % 1_000).to_le_bytes()),
                request: TextHash::NONE,
                host: TextHash::NONE,
                connection: n,
                pid: 0,
            },
            is_cut: false,
        }
    }

    #[test]
    fn past_the_limit_whole_clients_are_left_out_whatever_the_order() {
        let mut forth = Traces::default();
        let mut back = Traces::default();
        for (n, m) in (0..5_000).zip((0..5_000).rev()) {
            forth.extend([trace(n)]);
            forth.limit(700);
            back.extend([trace(m)]);
            back.limit(700);
        }
        forth.align(&mut back);
        assert_eq!(forth.as_slice(), back.as_slice());
        let n = forth.as_slice().len();
        assert!(forth.is_sample() && (200..=700).contains(&n), "{n}");
        assert_eq!(forth.n_all(), 5_000);
        // Of each client that is left, all five are.
        let client = forth.as_slice()[0].client();
        let same = |trace: &&ErrorTrace| trace.client() == client;
        assert_eq!(forth.as_slice().iter().filter(same).count(), 5);
    }
}
