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

    /// Of the first [`HEAD_LEN`] bytes of a URI, and its method; [`TextHash::NONE`] if there are fewer.
    pub fn of_head(method: &[u8], uri: &[u8]) -> TextHash {
        let head = uri.get(..HEAD_LEN);
        head.map_or(TextHash::NONE, |head| TextHash::of_request(method, head))
    }

    pub fn is_some(self) -> bool {
        self != TextHash::NONE
    }
}

/// By so many bytes a request line that is cut is known: nginx cuts what is far longer.
pub const HEAD_LEN: usize = 256;

/// What both kinds of log tell of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    pub client: TextHash,
    /// Method and URI.
    pub request: TextHash,
    /// Of these, what [`TextHash::of_head`] makes of them, for a request line that is cut behind it; NONE where they are shorter.
    pub head: TextHash,
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
    /// It is asked for.
    pub is_kept: bool,
    /// The name that its envelope gives its machine.
    pub machine: TextHash,
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
    /// Its server and machine are asked for; of upstreams and categories nothing is said.
    pub is_kept: bool,
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

/// Traces, at most [`TRACES_MAX`] of them: past it, of the clients with the smallest hashes, and of the last of these the first in
/// the order of places. Which that is depends on all traces, never on the order in which they come.
#[derive(Clone, Debug)]
pub struct Traces<T> {
    traces: Vec<T>,
    /// Clients above it are left out.
    last: TextHash,
    /// All that came, kept or not.
    n_all: u64,
}

impl<T> Default for Traces<T> {
    fn default() -> Traces<T> {
        Traces {
            traces: Vec::new(),
            last: TextHash(u64::MAX),
            n_all: 0,
        }
    }
}

impl<T: Trace> Traces<T> {
    pub fn extend(&mut self, traces: impl IntoIterator<Item = T>) {
        self.extend_up_to(TRACES_MAX, traces);
    }

    fn extend_up_to(&mut self, max: usize, traces: impl IntoIterator<Item = T>) {
        for trace in traces {
            self.n_all += 1;
            if trace.client() <= self.last {
                self.traces.push(trace);
                if self.traces.len() >= 2 * max {
                    self.limit(max);
                }
            }
        }
    }

    /// Leaves the `max` traces that are to be kept.
    fn limit(&mut self, max: usize) {
        if self.traces.len() > max {
            let (_, last, _) = self
                .traces
                .select_nth_unstable_by_key(max - 1, |trace| (trace.client(), *trace));
            self.last = last.client();
            self.traces.truncate(max);
        }
    }

    /// Leaves of both kinds the same clients, and sorts them by their place.
    pub fn align<U: Trace>(&mut self, others: &mut Traces<U>) {
        self.align_up_to(TRACES_MAX, others);
    }

    fn align_up_to<U: Trace>(&mut self, max: usize, others: &mut Traces<U>) {
        self.limit(max);
        others.limit(max);
        let last = self.last.min(others.last);
        self.leave_up_to(last);
        others.leave_up_to(last);
        self.traces.sort_unstable();
        others.traces.sort_unstable();
    }

    fn leave_up_to(&mut self, last: TextHash) {
        self.last = last;
        self.traces.retain(|trace| trace.client() <= last);
    }

    /// Leaves none, as where there is nothing to lay them beside.
    pub fn clear(&mut self) {
        self.traces = Vec::new();
    }

    pub fn as_slice(&self) -> &[T] {
        &self.traces
    }

    /// All that came, kept or not.
    pub fn n_all(&self) -> u64 {
        self.n_all
    }

    /// Some are left out.
    pub fn is_sample(&self) -> bool {
        self.last.0 != u64::MAX
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
                head: TextHash::NONE,
                host: TextHash::NONE,
                connection: n,
                pid: 0,
            },
            is_cut: false,
            is_kept: true,
            machine: TextHash::NONE,
        }
    }

    #[test]
    fn past_the_limit_whole_clients_are_left_out_whatever_the_order() {
        let mut forth = Traces::default();
        let mut back = Traces::default();
        forth.extend_up_to(700, (0..5_000).map(trace));
        back.extend_up_to(700, (0..5_000).rev().map(trace));
        forth.align_up_to(700, &mut back);
        assert_eq!(forth.as_slice(), back.as_slice());
        assert_eq!(forth.as_slice().len(), 700);
        assert!(forth.is_sample());
        assert_eq!(forth.n_all(), 5_000);
        // Of each client that is left, but for the last, all five are.
        let last = forth.last;
        let mut clients: Vec<TextHash> = forth.as_slice().iter().map(Trace::client).collect();
        clients.sort_unstable();
        for client in clients.chunk_by(|a, b| a == b) {
            assert!(client.len() == 5 || client[0] == last);
        }
    }

    #[test]
    fn of_a_client_who_has_more_than_all_may_the_first_are_kept() {
        let of_one = |n: u64| ErrorTrace {
            key: RequestKey {
                client: TextHash::of(b"192.0.2.1"),
                ..trace(n).key
            },
            ..trace(n)
        };
        let (mut many, mut few) = (Traces::default(), Traces::default());
        many.extend_up_to(100, (0..1_000).rev().map(of_one));
        few.extend_up_to(100, (0..50).map(of_one));
        many.align_up_to(100, &mut few);
        let offsets: Vec<u64> = many.as_slice().iter().map(|t| t.evidence.offset).collect();
        assert_eq!(offsets, (0..100).collect::<Vec<_>>());
        assert_eq!(few.as_slice().len(), 50);
    }
}
