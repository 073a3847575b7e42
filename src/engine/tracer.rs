//! Failures to be kept one by one, for the join of error logs with access logs: what of events and requests is compared.
//!
//! Each worker has a small buffer of its own, which goes into what all share whenever it is full, so that memory does not grow
//! with threads. What stays there past its limit does not depend on the order it comes in (`aggregate::traces`).

use super::tally::kind;
use crate::{
    aggregate::{
        failures::Kind,
        traces::{AttemptTrace, ErrorTrace, RequestKey, TextHash, Traces},
    },
    classify::{Classified, Outcome, Verdict, access::Origin, classify_request},
    event::{Basis, Category, Level, Severity, Trust},
    parse::access::{Field, parse_request_line, unescape, value},
    scan::{Event, Request},
};
use std::sync::{Mutex, PoisonError};

/// What all workers found.
pub(super) type Shared = Mutex<(Traces<ErrorTrace>, Traces<AttemptTrace>)>;

/// How many traces came, and those of which both kinds are there.
pub(super) fn aligned(traces: Shared) -> (u64, Traces<ErrorTrace>, Traces<AttemptTrace>) {
    let traces = traces.into_inner();
    let (mut errors, mut attempts) = traces.unwrap_or_else(PoisonError::into_inner);
    let n_traced = errors.n_all() + attempts.n_all();
    if errors.n_all() == 0 || attempts.n_all() == 0 {
        errors.clear();
        attempts.clear();
    }
    errors.align(&mut attempts);
    (n_traced, errors, attempts)
}

/// Traces a worker keeps for itself.
const BUFFER_LEN: usize = 1 << 10;

/// What one worker finds.
pub(super) struct Tracer<'a> {
    shared: &'a Shared,
    errors: Vec<ErrorTrace>,
    attempts: Vec<AttemptTrace>,
    /// Attempts of the request at hand: upstream, time of the answer, and what went wrong.
    tries: Vec<(TextHash, u32, Option<Verdict>)>,
    host: Vec<u8>,
}

impl<'a> Tracer<'a> {
    pub(super) fn new(shared: &'a Shared) -> Tracer<'a> {
        Tracer {
            shared,
            errors: Vec::new(),
            attempts: Vec::new(),
            tries: Vec::new(),
            host: Vec::new(),
        }
    }

    /// Keeps an event by which a request may have failed; `is_kept` if it is asked for.
    #[inline(never)]
    pub(super) fn record(&mut self, event: Event<'_>, is_kept: bool) {
        let Event { head, known, .. } = event;
        let (Some(time), Some(client)) = (head.time, known.tail.client) else {
            return;
        };
        let is_cut = event.trust == Trust::Cut;
        let line = known.tail.request.map(parse_request_line);
        let whole = line.filter(|line| !is_cut || line.protocol.is_some());
        let request = whole.and_then(|line| Some(TextHash::of_request(line.method?, line.uri?)));
        let uri_head = line.and_then(|line| Some(TextHash::of_head(line.method?, line.uri?)));
        let host = self.host(known.tail.host());
        let number = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        self.errors.push(ErrorTrace {
            evidence: event.evidence,
            time,
            kind: Kind {
                category: known.category,
                phase: known.phase,
                severity: known.severity,
                basis: Basis::ErrorLog,
            },
            upstream: known.upstream.map_or(TextHash::NONE, TextHash::of),
            key: RequestKey {
                client: TextHash::of(client),
                request: request.unwrap_or(TextHash::NONE),
                head: uri_head.unwrap_or(TextHash::NONE),
                host,
                connection: head.connection.unwrap_or(0),
                pid: number(head.pid),
            },
            is_cut,
            is_kept,
            machine: event.machine.name().map_or(TextHash::NONE, TextHash::of),
        });
        if self.errors.len() >= BUFFER_LEN {
            self.flush();
        }
    }

    /// Keeps the attempts of a request that is a row of `requests`; `is_kept` if its line is asked for.
    #[inline(never)]
    pub(super) fn request(&mut self, request: &Request<'_>, outcome: &Outcome, is_kept: bool) {
        let Some(end) = request.end else {
            return;
        };
        let line = request.line;
        self.tries.clear();
        classify_request(line, request.escape, |attempt, verdict| {
            let addr = attempt.addr.map(|addr| unescape(request.escape, addr));
            let upstream = addr.map_or(TextHash::NONE, |addr| TextHash::of(&addr));
            self.tries
                .push((upstream, attempt.response_ms.unwrap_or(0), verdict));
        });
        let request_ms = line.value(Field::RequestTime).and_then(value::duration_ms);
        let is_told = outcome.origin != Origin::Unknown;
        let all_ms: u32 = self.tries.iter().fold(0, |ms, t| ms.saturating_add(t.1));
        let mut trace = AttemptTrace {
            evidence: request.evidence,
            index: 0,
            // Where it is not told whether there was one, there may have been.
            n_attempts: u16::from(!is_told),
            end: end.second,
            end_ms: end.ms,
            request_ms: request_ms.unwrap_or(u32::MAX),
            later_ms: 0,
            status: request.status.unwrap_or(0),
            kind: outcome.verdict.map(kind),
            is_passed_on: outcome.verdict.is_some_and(is_passed_on),
            upstream: TextHash::NONE,
            key: self.key(request),
            is_kept,
        };
        if self.tries.is_empty() {
            self.attempts.push(trace);
        }
        trace.n_attempts = u16::try_from(self.tries.len()).unwrap_or(u16::MAX);
        let mut before_ms = 0_u32;
        for (index, &(upstream, response_ms, verdict)) in self.tries.iter().enumerate() {
            let is_last = index + 1 == self.tries.len();
            let verdict = verdict.or(outcome.verdict.filter(|_| is_last));
            before_ms = before_ms.saturating_add(response_ms);
            // Old versions write nonsense for the times of attempts that were left.
            let later_ms = (all_ms - before_ms).min(request_ms.unwrap_or(u32::MAX));
            self.attempts.push(AttemptTrace {
                index: index.min(usize::from(u16::MAX)) as u16,
                later_ms,
                kind: verdict.map(kind),
                is_passed_on: verdict.is_none_or(is_passed_on),
                upstream,
                ..trace
            });
        }
        if self.attempts.len() >= BUFFER_LEN {
            self.flush();
        }
    }

    fn key(&mut self, request: &Request<'_>) -> RequestKey {
        let told = |field| request.line.value(field);
        let read = |text| unescape(request.escape, text);
        let line = told(Field::Request).map(read);
        let line = line.as_deref().map(parse_request_line).unwrap_or_default();
        let (method, uri) = (told(Field::Method).map(read), told(Field::Uri).map(read));
        let method = line.method.or(method.as_deref());
        let uri = line.uri.or(uri.as_deref());
        let request_line = method.zip(uri);
        let number = |field| told(field).and_then(value::count).unwrap_or(0);
        RequestKey {
            client: told(Field::Client).map_or(TextHash::NONE, TextHash::of),
            request: request_line.map_or(TextHash::NONE, |(method, uri)| {
                TextHash::of_request(method, uri)
            }),
            head: request_line.map_or(TextHash::NONE, |(method, uri)| {
                TextHash::of_head(method, uri)
            }),
            host: self.host(told(Field::Host)),
            connection: number(Field::Connection),
            pid: u32::try_from(number(Field::Pid)).unwrap_or(0),
        }
    }

    /// A host without its port, in lower case: `$host` is written so, the header as it came.
    fn host(&mut self, host: Option<&[u8]>) -> TextHash {
        let Some(host) = host else {
            return TextHash::NONE;
        };
        let n_digits = host.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let name = match host[..host.len() - n_digits] {
            [ref name @ .., b':'] => name,
            _ => host,
        };
        self.host.clear();
        self.host.extend(name.iter().map(u8::to_ascii_lowercase));
        TextHash::of(&self.host)
    }

    /// Gives what is left to all.
    pub(super) fn flush(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (errors, attempts) = &mut *shared;
        errors.extend(self.errors.drain(..));
        attempts.extend(self.attempts.drain(..));
    }
}

/// An event that may tell why a request failed.
#[inline]
pub(super) fn is_cause(known: &Classified<'_>, level: Option<Level>) -> bool {
    match known.category {
        _ if known.severity == Severity::Failure => true,
        Category::RateLimited | Category::ClientAbort => known.tail.request.is_some(),
        Category::Config | Category::AccessDenied | Category::Other => {
            known.tail.request.is_some() && level.is_some_and(|level| level <= Level::Error)
        }
        _ => false,
    }
}

fn is_passed_on(verdict: Verdict) -> bool {
    verdict.category == Category::Upstream5xx
}
