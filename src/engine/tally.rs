//! What one worker counts.

use super::{
    EngineConfig, panic,
    tracer::{Shared, Tracer, is_cause},
};
use crate::{
    aggregate::{
        Aggregate, AttemptCount, Durations, Ending, Evidence, Failures, Ledger, LineClass, Served,
        Sign, SourceKey, TrafficCount,
        denials::{Denied, Switched},
        failures::Kind,
        ledger::n_lines,
        requests::{RouteRequest, is_failed_status},
        served::Answer,
    },
    classify::{
        Classifier, Origin, Outcome, Verdict, aspect, classify_request, moment::moment, residue,
        taxonomy::ROWS,
    },
    event::{Basis, Category, Level, LocalTime, Machine, Moment, Phase, Severity, Trust},
    filter::Filter,
    parse::{
        access::{Attempt, Field, FieldSet, value, write_route},
        denial::AuditLine,
        forged::{Smuggled, accepted_client},
    },
    scan::{Block, Event, Reading, Request, Scanner, Sender, Sink},
};
use std::{collections::BTreeMap, ops::Range};

/// What is to be counted beside failures and traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What is cut out of the lines of requests.
    pub fields: FieldSet,
    /// Routes, and the clients of failed requests.
    pub routes: bool,
    /// Failures one by one, where there may be both error records and requests.
    pub traces: bool,
    /// What exactly was said of each upstream: for findings.
    pub signs: bool,
    /// Reloads, crashes, peers taken out: for the time line and findings.
    pub moments: bool,
}

impl Wanted {
    /// Everything that can be counted.
    pub const ALL: Wanted = Wanted {
        fields: FieldSet::ALL,
        routes: true,
        traces: true,
        signs: true,
        moments: true,
    };

    /// What the tables `failures` and `traffic` are made of.
    pub const COUNTS: Wanted = Wanted {
        fields: FieldSet::NONE
            .with(Field::Time)
            .with(Field::Client)
            .with(Field::Status)
            .with(Field::BytesSent)
            .with(Field::RequestTime)
            .with(Field::UpstreamAddr)
            .with(Field::UpstreamStatus)
            .with(Field::UpstreamResponseTime)
            .with(Field::UpstreamConnectTime)
            .with(Field::UpstreamHeaderTime)
            .with(Field::UpstreamResponseLength)
            .with(Field::UpstreamBytesReceived)
            .with(Field::CacheStatus)
            .with(Field::Completion)
            .with(Field::StreamProtocol),
        routes: false,
        traces: false,
        signs: false,
        moments: false,
    };

    /// The same, with what a filter looks at.
    pub const FILTERED_COUNTS: Wanted = Wanted {
        fields: Wanted::COUNTS
            .fields
            .with(Field::Host)
            .with(Field::Server)
            .with(Field::Machine),
        ..Wanted::COUNTS
    };

    /// The same, with failures one by one.
    pub const fn traced(self) -> Wanted {
        Wanted {
            fields: self
                .fields
                .with(Field::Request)
                .with(Field::Method)
                .with(Field::Uri)
                .with(Field::Host)
                .with(Field::Connection)
                .with(Field::Pid),
            traces: true,
            ..self
        }
    }
}

/// Counts and ledgers of a worker, and what it scans with.
pub(super) struct Tally<'a> {
    classifier: &'a Classifier,
    scanner: Scanner<'a>,
    /// Chunks in which this program failed.
    pub(super) lost: Vec<Lost>,
    pub(super) ledgers: BTreeMap<SourceKey, Ledger>,
    counts: Counts<'a>,
    tracer: Tracer<'a>,
}

/// Bytes of a source on which this program panicked, and its words.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) source: SourceKey,
    pub(super) range: Range<u64>,
    pub(super) what: String,
}

struct Counts<'a> {
    aggregate: Aggregate,
    /// `None`: everything is kept.
    filter: Option<&'a Filter>,
    wanted: Wanted,
    /// What clients smuggled in, if that is known.
    smuggled: Option<&'a Smuggled>,
    shape: Vec<u8>,
    route: Vec<u8>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        classifier: &'a Classifier,
        config: &'a EngineConfig,
        traces: &'a Shared,
    ) -> Tally<'a> {
        Tally {
            classifier,
            lost: Vec::new(),
            scanner: Scanner::new(classifier),
            ledgers: BTreeMap::new(),
            counts: Counts {
                aggregate: Aggregate::new(ROWS.len(), config.grain),
                filter: Some(&config.filter).filter(|filter| !filter.is_open()),
                wanted: config.wanted,
                smuggled: config.smuggled.as_deref(),
                shape: Vec::new(),
                route: Vec::new(),
            },
            tracer: Tracer::new(traces),
        }
    }

    /// Counts bytes that another source holds too.
    pub(super) fn skip(&mut self, block: Block<'_>) {
        let ledger = self.ledgers.entry(block.source).or_default();
        ledger.collect_duplicate(block.offset, block.bytes);
    }

    /// Counts `n_bytes` NULs from `offset` on, which nobody read; `is_last`: with them the source ends.
    pub(super) fn hole(&mut self, source: SourceKey, offset: u64, n_bytes: u64, is_last: bool) {
        let ledger = self.ledgers.entry(source).or_default();
        ledger.n_hole_bytes += n_bytes;
        if is_last {
            // Where a line begins there is one, though all of it is hole.
            ledger.collect_line(LineClass::Blank, 0);
            ledger.line_starts.collect(offset + n_bytes, 1);
        }
    }

    /// Scans one chunk of a source, of which the `path` names what its lines do not; keeps its failures one by one if it
    /// `is_traced`. A panic costs what is left of the chunk.
    pub(super) fn scan(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        reading: &Reading,
        path: Machine<'_>,
        is_traced: bool,
    ) {
        let ledger = self.ledgers.entry(block.source).or_default();
        let before = (ledger.n_lines(), ledger.n_bytes());
        let mut sink = OfSource {
            counts: &mut self.counts,
            path,
            tracer: is_traced.then_some(&mut self.tracer),
        };
        let scanner = &mut self.scanner;
        let done = panic::catch(|| {
            scanner.scan(block, range.clone(), reading, ledger, &mut sink);
        });
        if let Err(what) = done {
            self.lose(block, range, before, what);
        }
    }

    /// Counts what is left of a chunk as lost; `before` it, the ledger had so many lines and bytes.
    #[cold]
    fn lose(&mut self, block: Block<'_>, range: Range<usize>, before: (u64, u64), what: String) {
        self.scanner = Scanner::new(self.classifier); // whatever state the old one is in
        let ledger = self.ledgers.entry(block.source).or_default();
        let is_last = range.end == block.bytes.len();
        let omitted = if is_last { block.n_omitted } else { 0 };
        let (chunk_lines, chunk_len) = (
            n_lines(&block.bytes[range.clone()]),
            range.len() as u64 + omitted,
        );
        let (lines_read, bytes_read) = (ledger.n_lines() - before.0, ledger.n_bytes() - before.1);
        let start = block.offset + range.start as u64;
        ledger.collect_lost(
            start,
            chunk_lines,
            chunk_lines.saturating_sub(lines_read),
            chunk_len.saturating_sub(bytes_read),
        );
        self.lost.push(Lost {
            source: block.source,
            range: start..start + chunk_len,
            what,
        });
    }
}

/// Counts the events of one source.
struct OfSource<'s, 'a> {
    counts: &'s mut Counts<'a>,
    path: Machine<'s>,
    tracer: Option<&'s mut Tracer<'a>>,
}

impl Sink for OfSource<'_, '_> {
    #[inline(always)] // the event is large: this way most of it is never written
    fn collect(&mut self, event: &Event<'_>) {
        self.counts.aggregate.has_debug |= event.head.level == Some(Level::Debug);
        let is_kept = |filter: &Filter| filter.keeps(event, self.path);
        let is_kept = self.counts.filter.is_none_or(is_kept);
        if is_kept {
            self.counts.collect(event);
        }
        if let Some(tracer) = &mut self.tracer
            && !event.is_doubtful
            && is_cause(&event.known, event.head.level)
        {
            tracer.record(*event, is_kept);
        }
    }

    fn audit(&mut self, record: &AuditLine<'_>, evidence: Evidence) {
        self.counts.collect_audit(record, evidence);
    }

    fn request(&mut self, request: &Request<'_>) {
        let is_kept = |filter: &Filter| filter.keeps_line(request, self.path);
        let is_kept = self.counts.filter.is_none_or(is_kept);
        let outcome = match is_kept {
            true => self.counts.collect_request(request),
            // What is filtered out may be what a zone is told by.
            false if self.tracer.is_some() => {
                classify_request(request.line, request.escape, |_, _| {})
            }
            false => return,
        };
        if let Some(tracer) = &mut self.tracer
            && outcome.is_row()
        {
            tracer.request(request, &outcome, is_kept);
        }
    }
}

impl Counts<'_> {
    /// Events go to where they are rarely asked for as copies: where an event was lent it would have to be written to memory, each of
    /// them.
    #[inline(always)]
    fn collect(&mut self, event: &Event<'_>) {
        #[cfg(test)]
        panic::trip(panic::WHILE_SCANNING, event.known.message);
        if event.is_doubtful {
            return self.collect_doubtful(*event);
        }
        if let Some(smuggled) = self.smuggled {
            self.collect_client(smuggled, *event);
        }
        let known = &event.known;
        self.aggregate.n_by_signature[usize::from(known.signature.0)] += 1;
        let kind = Kind {
            category: known.category,
            phase: known.phase,
            severity: known.severity,
            basis: Basis::ErrorLog,
        };
        self.aggregate.failures.collect(
            event.time(),
            known.upstream,
            kind,
            known.tail.client,
            event.evidence,
        );
        if self.wanted.moments
            && let (Some(moment), Some(time)) = (moment(known, event.head.level), event.time())
        {
            self.collect_moment(moment, time, *event);
        }
        // Of the others, what the kernel refused may be a log that is not written.
        if self.wanted.signs && (known.category != Category::Other || known.errno != 0) {
            self.collect_sign(*event);
        }
        if known.category == Category::Other {
            self.collect_shape(known.message, event.evidence);
        }
    }

    #[cold]
    fn collect_doubtful(&mut self, event: Event<'_>) {
        match event.trust {
            Trust::Injected => self.collect_forged(&event),
            _ => self.aggregate.n_doubtful += 1,
        }
    }

    #[cold]
    fn collect_forged(&mut self, event: &Event<'_>) {
        let forged = &mut self.aggregate.forged;
        match event.sender {
            Some(Sender::Client(client)) => forged.collect(Some(client), event.evidence),
            Some(Sender::Of(connection)) => forged.collect_of(connection, event.evidence),
            None => forged.collect(None, event.evidence),
        }
    }

    /// Whose a connection is on which something may have been smuggled in: as the tail of a record tells, or the first of all at level
    /// debug.
    #[inline(never)]
    fn collect_client(&mut self, smuggled: &Smuggled, event: Event<'_>) {
        if let Some(connection) = event.connection()
            && smuggled.is_of(connection.number)
            && let Some(client) = event
                .known
                .tail
                .client
                .or_else(|| accepted_client(event.known.message))
        {
            self.aggregate.forged.collect_client(connection, client);
        }
    }

    /// Of an audit log denials are kept whatever is asked for: they explain, and are counted nowhere.
    #[cold]
    fn collect_audit(&mut self, record: &AuditLine<'_>, evidence: Evidence) {
        let denials = &mut self.aggregate.denials;
        denials.n_records += 1;
        match record {
            AuditLine::Denial(denial) if denial.is_of_connection() => denials.collect(Denied {
                time: denial.time,
                evidence,
                lsm: denial.lsm,
                is_enforced: denial.is_enforced,
                pid: denial.pid,
                comm: denial.comm.into(),
                permission: denial.permission.into(),
                port: denial.port,
                path: denial.path.into(),
                domain: denial.domain.into(),
                target: denial.target.into(),
                class: denial.class.into(),
            }),
            AuditLine::Denial(_) => denials.n_others += 1,
            AuditLine::Switch(switch) => {
                if let Some(time) = switch.time {
                    denials.collect_switch(Switched {
                        time,
                        evidence,
                        boolean: switch.boolean.map(Into::into),
                        is_on: switch.is_on,
                    });
                }
            }
            AuditLine::Other { .. } => {}
        }
    }

    #[inline(never)]
    fn collect_sign(&mut self, event: Event<'_>) {
        let known = &event.known;
        let sign = Sign {
            signature: known.signature,
            aspect: aspect(known),
            category: known.category,
            phase: known.phase,
            severity: known.severity,
        };
        let (time, upstream) = (event.time(), known.upstream);
        let signs = &mut self.aggregate.signs;
        signs.collect(time, upstream, sign, known.message, event.evidence);
    }

    #[inline(never)]
    fn collect_moment(&mut self, moment: Moment, time: LocalTime, event: Event<'_>) {
        let about = match moment {
            Moment::Start => Some(event.known.message),
            _ => event.known.upstream.filter(|_| moment.is_of_upstream()),
        };
        let moments = &mut self.aggregate.moments;
        moments.collect(moment, time, about, event.evidence);
    }

    fn collect_request(&mut self, request: &Request<'_>) -> Outcome {
        let Request { line, escape, .. } = *request;
        let filter = self.filter;
        let requests = &mut self.aggregate.requests;
        let time = request.end.map(|end| LocalTime(end.second.0));
        let client = line.value(Field::Client);
        let is_asked_for =
            |upstream: Option<&[u8]>| filter.is_none_or(|filter| filter.keeps_upstream(upstream));
        let fail = |failures: &mut Failures, upstream: Option<&[u8]>, verdict: Verdict| {
            let is_kept = filter.is_none_or(|filter| filter.keeps_category(verdict.category));
            if is_kept && is_asked_for(upstream) {
                failures.collect(time, upstream, kind(verdict), client, request.evidence);
            }
        };
        let is_served = request
            .status
            .is_some_and(|status| !is_failed_status(status));
        // The last is counted together with the request, most often in one cell.
        let mut last: Option<Last<'_>> = None;
        let wants_served = self.wanted.signs;
        let served = |served: &mut Served,
                      attempt: &Attempt<'_>,
                      verdict: Option<Verdict>,
                      is_retry: bool| {
            if wants_served && is_asked_for(attempt.addr) {
                // A format may tell the status of the request alone.
                let status = attempt.status.or(request.status);
                let answer = Answer {
                    is_retry,
                    ..answer(attempt, status, verdict)
                };
                served.collect(time, attempt.addr, 0, |cell, second| {
                    cell.collect(answer, second, request.evidence);
                    None
                });
            }
        };
        let outcome = classify_request(line, escape, |attempt, verdict| {
            served(&mut requests.served, attempt, verdict, last.is_some());
            if let Some(before) = last.replace(Last::new(attempt, verdict))
                && is_asked_for(before.addr)
            {
                let counted = AttemptCount {
                    is_masked: before.counted.is_failed && is_served,
                    ..before.counted
                };
                let count = |cell: &mut TrafficCount, _| {
                    cell.collect_attempt(counted);
                    None
                };
                requests.traffic.collect(time, before.addr, 0, count);
            }
            if let Some(verdict) = verdict {
                fail(&mut requests.failures, attempt.addr, verdict);
                if let (Some(ms), Some(ending)) = (attempt.response_ms, ending(verdict))
                    && is_asked_for(attempt.addr)
                {
                    let durations = &mut requests.durations;
                    durations.collect(attempt.addr, ending, verdict.phase, ms);
                }
            }
        });
        let upstream = last.and_then(|last| last.addr);
        if let Some(verdict) = outcome.verdict
            && !last.is_some_and(|last| last.has_verdict)
        {
            fail(&mut requests.failures, upstream, verdict);
        }
        if !is_asked_for(upstream) {
            return outcome;
        }
        let bytes_sent = line.value(Field::BytesSent).and_then(value::count);
        let request_ms = line.value(Field::RequestTime).and_then(value::duration_ms);
        requests.traffic.collect(time, upstream, 0, |cell, _| {
            if let Some(last) = last {
                cell.collect_attempt(last.counted);
            }
            cell.collect_request(outcome.status, bytes_sent.unwrap_or(0), request_ms);
            None
        });
        if let Some(ms) = request_ms {
            let is_told = last.is_some_and(|last| last.counted.response_ms.is_some());
            collect_duration(&mut requests.durations, &outcome, upstream, is_told, ms);
        }
        let status = usize::from(outcome.status.unwrap_or(0));
        requests.by_status[status] += 1;
        if self.wanted.routes {
            let counted = RouteRequest {
                status: outcome.status.unwrap_or(0),
                has_upstream: upstream.is_some(),
                request_ms,
            };
            self.collect_route(request, counted);
        }
        outcome
    }

    /// Counts the route of a request, and its client if it failed.
    fn collect_route(&mut self, request: &Request<'_>, counted: RouteRequest) {
        let requests = &mut self.aggregate.requests;
        if let (_, Some(uri)) = request.method_and_uri() {
            self.route.clear();
            write_route(uri, &mut self.route);
            requests
                .routes
                .collect(None, Some(&self.route), 0, |cell, _| {
                    cell.collect(counted, request.evidence);
                    None
                });
        }
        if let Some(client) = request.line.value(Field::Client)
            && is_failed_status(counted.status)
        {
            requests.clients.collect(None, Some(client), 0, |cell, _| {
                cell.n_failed += 1;
                None
            });
        }
    }

    #[cold]
    fn collect_shape(&mut self, message: &[u8], evidence: Evidence) {
        residue::write_shape(message, &mut self.shape);
        self.aggregate
            .shapes
            .collect(&self.shape, message, evidence);
    }
}

pub(super) fn kind(verdict: Verdict) -> Kind {
    Kind {
        category: verdict.category,
        phase: verdict.phase,
        severity: verdict.severity,
        basis: Basis::AccessLog,
    }
}

/// How an attempt of this verdict ended; `None` unless it failed.
fn ending(verdict: Verdict) -> Option<Ending> {
    if verdict.severity != Severity::Failure {
        return None;
    }
    Some(match (verdict.category, verdict.origin) {
        (Category::Timeout, _) => Ending::TimedOut,
        (_, Origin::Upstream) => Ending::Answered,
        _ => Ending::Failed,
    })
}

/// Counts how long a whole request took where that tells something: of one that the client abandoned its patience, of an upgraded
/// connection its life, and of the only attempt its duration, unless that is `is_told` already.
#[inline]
fn collect_duration(
    durations: &mut Durations,
    outcome: &Outcome,
    upstream: Option<&[u8]>,
    is_told: bool,
    ms: u32,
) {
    match (outcome.status, outcome.verdict) {
        (Some(499), _) => durations.collect(None, Ending::Abandoned, Phase::None, ms),
        (Some(101), None) => durations.collect(upstream, Ending::Upgraded, Phase::Tunnel, ms),
        (_, Some(verdict)) if outcome.n_attempts <= 1 && !is_told => {
            if let Some(ending) = ending(verdict) {
                durations.collect(upstream, ending, verdict.phase, ms);
            }
        }
        _ => {}
    }
}

fn is_failed(verdict: Option<Verdict>) -> bool {
    verdict.is_some_and(|verdict| verdict.severity == Severity::Failure)
}

fn answer(attempt: &Attempt<'_>, status: Option<u16>, verdict: Option<Verdict>) -> Answer {
    Answer {
        status,
        is_failed: is_failed(verdict),
        connect_ms: attempt.connect_ms,
        header_ms: attempt.header_ms,
        response_ms: attempt.response_ms,
        is_retry: false,
    }
}

/// What is kept of an attempt until it is known whether another follows.
#[derive(Clone, Copy)]
struct Last<'a> {
    addr: Option<&'a [u8]>,
    counted: AttemptCount,
    has_verdict: bool,
}

impl<'a> Last<'a> {
    #[inline(always)]
    fn new(attempt: &Attempt<'a>, verdict: Option<Verdict>) -> Last<'a> {
        let counted = AttemptCount {
            is_failed: is_failed(verdict),
            is_masked: false,
            response_ms: attempt.response_ms,
            connect_ms: attempt.connect_ms,
            header_ms: attempt.header_ms,
        };
        Last {
            addr: attempt.addr,
            counted,
            has_verdict: verdict.is_some(),
        }
    }
}

impl Tally<'_> {
    /// Prepares what was counted for [`merged`]; each thread may do its own.
    pub(super) fn settle(&mut self) {
        self.counts.aggregate.sort();
        self.tracer.flush();
    }
}

/// All that was counted, as one.
pub(super) fn merged(
    tallies: Vec<Tally<'_>>,
) -> (Aggregate, BTreeMap<SourceKey, Ledger>, Vec<Lost>) {
    let mut tallies = tallies.into_iter();
    let first = tallies.next().expect("a crew has at least one state");
    tallies.fold(
        (first.counts.aggregate, first.ledgers, first.lost),
        |(mut aggregate, mut ledgers, mut lost), tally| {
            aggregate.merge(tally.counts.aggregate);
            for (source, ledger) in tally.ledgers {
                ledgers.entry(source).or_default().merge(ledger);
            }
            lost.extend(tally.lost);
            (aggregate, ledgers, lost)
        },
    )
}
