//! Why each failed request failed: attempts of access logs laid beside records of error logs.
//!
//! A record names client, request line and upstream, and stands at the moment an attempt fails; the access line is written when
//! the request ends and tells how long it took. So each attempt has a life, and a moment near its end at which its record is
//! expected: the end of the request, less what later attempts took. An attempt and a record belong together if what both tell
//! agrees, the record lies within the life, and the one can have come of the other ([`expect`]).
//!
//! Passes go from sure to unsure: connection numbers, then request line and upstream, then request line alone, then for what is cut
//! its head, or the client alone; each looks near the expected moment first, then anywhere in the life. Within a pass records and lives
//! that share a key are matched by a sweep ([`sweep`]); a record explains at most one attempt, and an attempt has at most one
//! record. Where numbers of connections have met, a request that has one is looked for by nothing else: by its request line it
//! could only be given what another failed of. What is left over is told apart by why ([`left`]).
//!
//! Not here: zones (see [`zone_inference`](super::zone_inference)) and names; all of this is hashes, numbers and times. The facts
//! it rests on are `ngx_http_log_error_handler` (what a record names), `ngx_http_upstream_next` (a record per failed attempt) and
//! `ngx_http_log_handler` (the line at the end).

mod expect;
mod left;
mod sweep;

use crate::{
    aggregate::{
        Evidence, Ledger,
        requests::is_failed_status,
        traces::{AttemptTrace, ErrorTrace, RequestKey, TextHash},
    },
    event::{Category, LocalTime, Severity, Timestamp},
    zone::Zone,
};

/// How sure it is that a record tells why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The number of the connection is the same within the life of the request, and all that fits there says the same.
    Exact,
    /// Client, request line, host and upstream agree within the life of the request, as far as both sides tell them; and all that
    /// fits there says the same.
    Strong,
    /// Something of it is unknown: the record is cut, the access log tells no durations, or what fits names different upstreams or
    /// categories, as of equal requests that failed at once, or of one that was tried again where the access log names no upstreams.
    Weak,
}

impl Confidence {
    pub const ALL: [Confidence; 3] = [Confidence::Exact, Confidence::Strong, Confidence::Weak];

    /// As tables spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Confidence::Exact => "exact",
            Confidence::Strong => "strong",
            Confidence::Weak => "weak",
        }
    }
}

/// Why an attempt has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unexplained {
    /// It did not fail.
    Served,
    /// The upstream itself answered so, of which the gateway writes no record.
    PassedOn,
    /// It ended before the first or after the last record that was read.
    OutsideRecords,
    /// Such records are of level `info`, and error logs are seldom that verbose.
    LoggedAtInfo,
    /// The gateway answered without an upstream: `return`, an error page, or a limit that is logged below the level.
    NoUpstream,
    /// None fits: the error log is of another server, its level is above `error`, or part of it is missing.
    NoRecord,
}

/// Why a record explains no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leftover {
    /// Another record tells why the same request failed.
    SameRequest,
    /// The answer had begun: the client had got its status.
    AnswerBegun,
    /// It was written before the first or after the last request that was read.
    OutsideRequests,
    /// No failed request fits: a retry made it good where the format does not log `$upstream_addr`, it was of a subrequest, or its
    /// access log is not among those read.
    NoFailedRequest,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explained {
    /// By a record, given as its index.
    By(usize, Confidence),
    Not(Unexplained),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It explains an attempt, given as its index.
    Explains(usize),
    Left(Leftover),
}

/// What was found, by the index of attempts and records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    pub attempts: Vec<Explained>,
    pub errors: Vec<Fate>,
}

impl Joined {
    /// Attempts with a record.
    pub fn n_matched(&self) -> usize {
        let is_matched = |explained: &&Explained| matches!(explained, Explained::By(..));
        self.attempts.iter().filter(is_matched).count()
    }

    /// The record that tells why a request became a row of `requests`, given the place of its line: that of the last attempt if it
    /// failed, else that of the first attempt that did.
    pub fn of_request(
        &self,
        line: &Evidence,
        attempts: &[AttemptTrace],
    ) -> Option<(usize, Confidence)> {
        let first = attempts.partition_point(|attempt| attempt.evidence.is_before(line));
        let is_of_line = |attempt: &&AttemptTrace| !line.is_before(&attempt.evidence);
        let n = attempts[first..].iter().take_while(is_of_line).count();
        let (of_line, explained) = (
            &attempts[first..first + n],
            &self.attempts[first..first + n],
        );
        let is_served = is_served(of_line.first()?.status);
        let has_failed = |attempt: &AttemptTrace| {
            let severity = attempt.kind.map(|kind| kind.severity);
            severity == Some(Severity::Failure)
        };
        let first_failed = of_line.iter().position(has_failed).filter(|_| is_served);
        match explained[first_failed.unwrap_or(n - 1)] {
            Explained::By(error, confidence) => Some((error, confidence)),
            Explained::Not(_) => None,
        }
    }
}

/// The client got an answer that is no failure of the gateway.
pub(super) fn is_served(status: u16) -> bool {
    !is_failed_status(status)
}

/// First and last of what was read, whether it failed or not; `None` where there is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spans {
    /// By the ends of the requests.
    pub requests: Option<(Timestamp, Timestamp)>,
    pub records: Option<(LocalTime, LocalTime)>,
}

impl Spans {
    pub fn of(ledgers: &[Ledger]) -> Spans {
        let first_request = ledgers.iter().filter_map(|ledger| ledger.first_request);
        let last_request = ledgers.iter().filter_map(|ledger| ledger.last_request);
        let first_record = ledgers.iter().filter_map(|ledger| ledger.first_time);
        let last_record = ledgers.iter().filter_map(|ledger| ledger.last_time);
        Spans {
            requests: first_request.min().zip(last_request.max()),
            records: first_record.min().zip(last_record.max()),
        }
    }
}

/// Joins `errors`, whose clock is that of `zone`, and `attempts`; both in the order of their places, as `Traces::align` leaves them.
/// Takes O(n log n) and about a hundred bytes for each.
pub fn join(
    errors: &[ErrorTrace],
    attempts: &[AttemptTrace],
    zone: &Zone,
    spans: &Spans,
) -> Joined {
    let instants = |error: &ErrorTrace| zone.instants(error.time);
    join_at(errors, attempts, instants, zone, spans)
}

/// Like [`join`], where `instants` says when each error happened: a second instant if the clock that it was written by showed its time
/// twice. `zone` is that of the `spans`.
pub fn join_at(
    errors: &[ErrorTrace],
    attempts: &[AttemptTrace],
    instants: impl Fn(&ErrorTrace) -> (Timestamp, Option<Timestamp>),
    zone: &Zone,
    spans: &Spans,
) -> Joined {
    let record = |error| Record::of(error, instants(error));
    let mut join = Join {
        records: errors.iter().map(record).collect(),
        lives: attempts.iter().map(Life::of).collect(),
        errors,
        attempts,
        by_error: vec![None; errors.len()],
        by_attempt: vec![None; attempts.len()],
        are_numbered: false,
    };
    for tier in [Tier::Cause, Tier::Remark] {
        for pass in &PASSES {
            join.sweep(pass, tier);
        }
    }
    Joined {
        attempts: join.explained(zone, spans),
        errors: join.fates(spans),
    }
}

/// The second at which a record of `attempt` is expected, by UTC; `None` where error logs of the usual level have none.
pub(super) fn expected_at(attempt: &AttemptTrace) -> Option<i64> {
    let life = Life::of(attempt);
    match life.expect? {
        expect::Expect::Abort | expect::Expect::Body => None,
        _ => Some(life.failed),
    }
}

/// The state of a join.
struct Join<'a> {
    errors: &'a [ErrorTrace],
    attempts: &'a [AttemptTrace],
    records: Vec<Record>,
    lives: Vec<Life>,
    by_error: Vec<Option<u32>>,
    by_attempt: Vec<Option<(u32, Confidence)>>,
    /// What the access log has for numbers of connections are those of the records: some have met.
    are_numbered: bool,
}

/// What is worked out of an error trace beforehand.
struct Record {
    /// Seconds; the second one where the clock passed its time twice.
    instants: (i64, Option<i64>),
    tier: Tier,
}

/// Records of the first are matched before any of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    /// It tells of a failure, or of a rule that applied.
    Cause,
    /// It may be said besides.
    Remark,
}

impl Record {
    fn of(error: &ErrorTrace, (first, second): (Timestamp, Option<Timestamp>)) -> Record {
        let is_cause = error.kind.severity == Severity::Failure
            || matches!(
                error.kind.category,
                Category::RateLimited | Category::ClientAbort
            );
        Record {
            instants: (first.0, second.map(|second| second.0)),
            tier: if is_cause { Tier::Cause } else { Tier::Remark },
        }
    }

    fn is_within(&self, (from, to): (i64, i64)) -> bool {
        let is_within = |at: i64| (from..=to).contains(&at);
        is_within(self.instants.0) || self.instants.1.is_some_and(is_within)
    }
}

/// What is worked out of an attempt trace beforehand; spans are seconds, both ends inclusive.
struct Life {
    expect: Option<expect::Expect>,
    /// The second at which it is taken to have failed.
    failed: i64,
    /// About when its record is expected.
    near: (i64, i64),
    /// All of the time in which it can have failed.
    whole: (i64, i64),
    /// The line tells how long the request took.
    is_known: bool,
}

/// Clocks are read once per turn of the event loop, and one of the two logs has whole seconds.
pub(super) const SLACK_S: i64 = 1;

/// What the life of a request is taken for if its line does not tell: the default of the `*_timeout` directives.
const UNKNOWN_LIFE_S: i64 = 60;

impl Life {
    fn of(attempt: &AttemptTrace) -> Life {
        let end_ms = attempt.end.0 * 1_000 + i64::from(attempt.end_ms);
        let failed = (end_ms - i64::from(attempt.later_ms)).div_euclid(1_000);
        let is_known = attempt.request_ms != u32::MAX;
        let start = if is_known {
            (end_ms - i64::from(attempt.request_ms)).div_euclid(1_000)
        } else {
            failed - UNKNOWN_LIFE_S
        };
        // Both logs have their time of one clock, and the line comes last; but how long later attempts took is less exact.
        let later_s = if attempt.later_ms > 0 { SLACK_S } else { 0 };
        let from = failed - SLACK_S;
        Life {
            expect: expect::Expect::of(attempt),
            failed,
            near: (from, failed + later_s),
            whole: (from.min(start - SLACK_S), failed + SLACK_S),
            is_known,
        }
    }
}

/// One way to match.
struct Pass {
    by: By,
    upstream: Need,
    reach: Reach,
}

/// What must be told on both sides, and be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Connection, client and request line: a connection of HTTP/2 carries many at once.
    Stream,
    /// Connection and client, where the request line is told on one side at most.
    Connection,
    /// Client and request line.
    Request,
    /// Client and the head of the request line, where the rest is told on one side at most.
    Head,
    /// Client, where the request line is told on one side at most.
    Client,
}

/// Whether the upstream must be told on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Both,
    Any,
}

/// Where in a life to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Near,
    Whole,
}

const fn pass(by: By, upstream: Need, reach: Reach) -> Pass {
    Pass {
        by,
        upstream,
        reach,
    }
}

/// From sure to unsure.
const PASSES: [Pass; 11] = [
    pass(By::Stream, Need::Any, Reach::Near),
    pass(By::Stream, Need::Any, Reach::Whole),
    pass(By::Connection, Need::Any, Reach::Near),
    pass(By::Connection, Need::Any, Reach::Whole),
    pass(By::Request, Need::Both, Reach::Near),
    pass(By::Request, Need::Both, Reach::Whole),
    pass(By::Request, Need::Any, Reach::Near),
    pass(By::Request, Need::Any, Reach::Whole),
    pass(By::Head, Need::Any, Reach::Near),
    pass(By::Head, Need::Any, Reach::Whole),
    pass(By::Client, Need::Any, Reach::Near),
];

/// What records and attempts of one sweep have in common.
type Key = (TextHash, TextHash, u64);

impl By {
    /// The number of the connection is compared.
    fn is_by_number(self) -> bool {
        matches!(self, By::Stream | By::Connection)
    }

    /// `None`: not told.
    fn key(self, of: &RequestKey) -> Option<Key> {
        match self {
            By::Stream => (of.client.is_some() && of.request.is_some() && of.connection != 0)
                .then_some((of.client, of.request, of.connection)),
            By::Connection => {
                (of.connection != 0).then_some((of.client, TextHash::NONE, of.connection))
            }
            By::Request => {
                (of.client.is_some() && of.request.is_some()).then_some((of.client, of.request, 0))
            }
            By::Head => {
                (of.client.is_some() && of.head.is_some()).then_some((of.client, of.head, 0))
            }
            By::Client => of
                .client
                .is_some()
                .then_some((of.client, TextHash::NONE, 0)),
        }
    }
}

#[cfg(test)]
mod tests;
