//! Values for the columns of [`schema`](super::schema), in their order.

use super::Sheet;
use crate::{
    aggregate::{Evidence, Ledger, LineClass},
    classify::taxonomy::ROWS,
    config::Config,
    diagnose::{
        Account, Confidence, Failure, Finding, Incident, KnownZone, Traffic,
        findings::{Cite, change_text},
    },
    engine::{Scanned, SourceState},
    event::{Basis, Category, LocalTime, Timestamp},
    parse::{
        access::{Attempt, Escape, Field, attempts, unescape, value},
        wrapper::OuterTime,
    },
    redact::{Redactor, Saying, Shown},
    scan::{Enveloped, Event, Request},
    zone::{Sureness, Zone},
};
use chrono::{DateTime, SecondsFormat};
use std::borrow::Cow;

/// What turns evidence and log text into words: the names of sources, where their lines begin, and what may be shown.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    names: Vec<String>,
    scanned: &'a Scanned,
    redactor: &'a Redactor,
}

impl<'a> Names<'a> {
    pub fn new(scanned: &'a Scanned, redactor: &'a Redactor) -> Names<'a> {
        let name = |state: &SourceState| redactor.source(&state.name).for_table().into_owned();
        Names {
            names: scanned.sources.iter().map(name).collect(),
            scanned,
            redactor,
        }
    }

    /// What text of logs goes through before it is shown.
    pub fn redactor(&self) -> &'a Redactor {
        self.redactor
    }

    /// The name of a source by its index.
    pub fn of(&self, source: usize) -> &str {
        &self.names[source]
    }

    pub fn source(&self, evidence: &Evidence) -> &str {
        self.of(self.scanned.index_of(evidence.source))
    }

    /// What the path of the source names.
    fn machine(&self, evidence: &Evidence) -> Option<&[u8]> {
        let state = &self.scanned.sources[self.scanned.index_of(evidence.source)];
        state.machine.name().map(str::as_bytes)
    }

    pub fn line(&self, evidence: &Evidence) -> u64 {
        self.scanned.ledgers[self.scanned.index_of(evidence.source)]
            .line_starts
            .line_number(evidence)
    }

    /// Where evidence of a finding is: `source:line@offset`, `file:line` of the configuration, or a source.
    pub fn cite(&self, cite: &Cite, config: Option<&Config>) -> String {
        match (cite, config) {
            (Cite::Record(evidence), _) => self.evidence(evidence),
            (Cite::Config(position), Some(config)) => config.cite(*position),
            (Cite::Config(_), None) => String::new(),
            (Cite::Source(source), _) => self.of(*source).to_owned(),
        }
    }

    /// `source:line@offset`.
    pub fn evidence(&self, evidence: &Evidence) -> String {
        let Evidence { offset, .. } = evidence;
        format!("{}:{}@{offset}", self.source(evidence), self.line(evidence))
    }
}

/// Writes a row of `failures`.
pub fn failure(row: &Failure, names: &Names<'_>, sheet: &mut Sheet) {
    instant(row.bucket, sheet);
    upstream(row.upstream.as_deref(), names, sheet);
    sheet.word(row.kind.category.name());
    sheet.word(row.kind.phase.name());
    sheet.word(row.kind.severity.name());
    sheet.word(row.kind.basis.name());
    count(row.n_events, sheet);
    count(row.clients.finish(), sheet);
    instant(row.first_seen, sheet);
    instant(row.last_seen, sheet);
    let at = &row.evidence;
    sheet.place(names.source(at), names.line(at), at.offset);
    sheet.end_row();
}

/// Writes a row of `traffic`.
pub fn traffic(row: &Traffic, names: &Names<'_>, sheet: &mut Sheet) {
    instant(row.bucket, sheet);
    upstream(row.upstream.as_deref(), names, sheet);
    let row = row.count.finish();
    for n in [
        row.n_requests,
        row.n_attempts,
        row.n_failed_attempts,
        row.n_1xx,
        row.n_2xx,
        row.n_3xx,
        row.n_4xx,
        row.n_5xx,
        row.n_499,
        row.n_502,
        row.n_503,
        row.n_504,
        row.bytes_sent,
    ] {
        count(n, sheet);
    }
    for ms in [
        row.response_ms_p50,
        row.response_ms_p90,
        row.response_ms_p99,
        row.response_ms_max,
        row.connect_ms_p50,
        row.connect_ms_p99,
        row.connect_ms_max,
        row.header_ms_p50,
        row.header_ms_p99,
        row.header_ms_max,
        row.request_ms_p50,
        row.request_ms_p90,
        row.request_ms_p99,
        row.request_ms_max,
    ] {
        milliseconds(ms, sheet);
    }
    count(row.n_masked, sheet);
    sheet.end_row();
}

/// Writes a row of `requests`; `record` tells why it failed, if one is known.
pub fn request(
    request: &Request<'_>,
    category: Option<Category>,
    record: Option<(&Evidence, Confidence)>,
    names: &Names<'_>,
    sheet: &mut Sheet,
) {
    let line = request.line;
    let raw = |field| line.value(field);
    let redactor = names.redactor();
    let (method, uri) = request.method_and_uri();
    instant(request.end.map(|end| end.second), sheet);
    match request.status {
        Some(status) => sheet.integer(i64::from(status)),
        None => sheet.null(),
    }
    let escape = request.escape;
    let (method, uri) = (read(method, escape), read(uri, escape));
    let (host, client) = (
        read(raw(Field::Host).or(raw(Field::Server)), escape),
        read(raw(Field::Client), escape),
    );
    shown(method.as_deref().map(|text| redactor.method(text)), sheet);
    shown(uri.as_deref().map(|text| redactor.uri(text)), sheet);
    shown(host.as_deref().map(|text| redactor.host(text)), sheet);
    shown(client.as_deref().map(|text| redactor.client(text)), sheet);
    milliseconds(raw(Field::RequestTime).and_then(value::duration_ms), sheet);
    let attempts = || attempts(line);
    count(attempts().count() as u64, sheet);
    list(attempts().map(|attempt| attempt.addr), names, sheet);
    let status = |attempt: Attempt<'_>| attempt.status.map(|status| format!("{status:03}"));
    let statuses: Vec<Option<String>> = attempts().map(status).collect();
    list(
        statuses
            .iter()
            .map(|status| status.as_deref().map(str::as_bytes)),
        names,
        sheet,
    );
    let response_ms = attempts().filter_map(|attempt| attempt.response_ms);
    match response_ms.map(u64::from).reduce(|a, b| a + b) {
        Some(ms) => count(ms, sheet),
        None => sheet.null(),
    }
    match category {
        Some(category) => sheet.word(category.name()),
        None => sheet.null(),
    }
    match record {
        Some((at, confidence)) => {
            sheet.place(names.source(at), names.line(at), at.offset);
            sheet.word(confidence.name());
        }
        None => {
            sheet.null();
            sheet.null();
        }
    }
    sheet.text(names.source(&request.evidence));
    count(request.evidence.offset, sheet);
    count(names.line(&request.evidence), sheet);
    let named = request.machine.name().or(raw(Field::Machine));
    machine(named, &request.evidence, names, sheet);
    let end = request.end.map(|end| LocalTime(end.second.0));
    enveloped(request.enveloped, end, sheet);
    sheet.end_row();
}

fn read(text: Option<&[u8]>, escape: Escape) -> Option<Cow<'_, [u8]>> {
    text.map(|text| unescape(escape, text))
}

/// Texts with a comma between; `-` for what is not known. Of no texts: nothing.
fn list<'a>(texts: impl Iterator<Item = Option<&'a [u8]>>, names: &Names<'_>, sheet: &mut Sheet) {
    let texts: Vec<&[u8]> = texts.map(|text| text.unwrap_or(b"-")).collect();
    if texts.is_empty() {
        sheet.null();
    } else {
        sheet.shown(&names.redactor().upstream(&texts.join(&b", "[..])));
    }
}

fn milliseconds(ms: Option<u32>, sheet: &mut Sheet) {
    match ms {
        Some(ms) => sheet.integer(i64::from(ms)),
        None => sheet.null(),
    }
}

/// Writes a row of `events`.
pub fn event(
    event: &Event<'_>,
    named: Option<(&[u8], Basis)>,
    zone: &Zone,
    names: &Names<'_>,
    sheet: &mut Sheet,
) {
    let Event { head, known, .. } = event;
    let request = known.tail.request.unwrap_or_default();
    let mut words = request.splitn(3, |&b| b == b' ');
    let (method, uri) = (
        words.next().filter(|method| !method.is_empty()),
        words.next(),
    );
    let time = head.time.map(|time| zone.instant(time));
    instant(time.map(|(time, _)| time), sheet);
    sheet.word(known.category.name());
    sheet.word(known.phase.name());
    sheet.word(known.severity.name());
    sheet.word(ROWS[usize::from(known.signature.0)].id);
    match head.level {
        Some(level) => sheet.word(level.name()),
        None => sheet.null(),
    }
    match known.errno {
        0 => sheet.null(),
        errno => sheet.integer(i64::from(errno)),
    }
    let redactor = names.redactor();
    upstream(named.map(|(name, _)| name), names, sheet);
    shown(known.tail.server.map(|name| redactor.host(name)), sheet);
    shown(known.tail.host().map(|name| redactor.host(name)), sheet);
    shown(known.tail.client.map(|text| redactor.client(text)), sheet);
    shown(method.map(|text| redactor.method(text)), sheet);
    shown(uri.map(|text| redactor.uri(text)), sheet);
    match head.connection {
        Some(connection) => count(connection, sheet),
        None => sheet.null(),
    }
    sheet.shown(&redactor.message(known.message, saying(event)));
    sheet.word(event.trust.name());
    sheet.text(names.source(&event.evidence));
    count(event.evidence.offset, sheet);
    count(names.line(&event.evidence), sheet);
    match named {
        Some((_, basis)) => sheet.word(basis.name()),
        None => sheet.null(),
    }
    match time.map(|(_, sureness)| sureness) {
        None | Some(Sureness::One) => sheet.null(),
        Some(Sureness::Twice) => sheet.word("twice"),
        Some(Sureness::Skipped) => sheet.word("skipped"),
    }
    machine(event.machine.name(), &event.evidence, names, sheet);
    enveloped(event.enveloped, head.time, sheet);
    sheet.end_row();
}

/// The machine that a line names, else the one that the path of its source does.
fn machine(named: Option<&[u8]>, evidence: &Evidence, names: &Names<'_>, sheet: &mut Sheet) {
    let machine = named.or_else(|| names.machine(evidence));
    shown(machine.map(|name| names.redactor().host(name)), sheet);
}

/// When an envelope says that a line of about `near` was written, and to where.
fn enveloped(enveloped: Option<&Enveloped>, near: Option<LocalTime>, sheet: &mut Sheet) {
    let Enveloped { written, stream } = enveloped.copied().unwrap_or_default();
    match written.and_then(|written| written_text(written, near)) {
        Some(text) => sheet.text(&text),
        None => sheet.null(),
    }
    match stream {
        Some(stream) => sheet.word(stream.name()),
        None => sheet.null(),
    }
}

/// As precise as it was written, in steps of three digits.
fn written_text(written: OuterTime, near: Option<LocalTime>) -> Option<String> {
    let local = |time: LocalTime, ns| DateTime::from_timestamp(time.0, ns);
    let time = match written {
        OuterTime::Instant { ns, .. } => Some(DateTime::from_timestamp_nanos(ns)),
        OuterTime::Local { time, ns } => local(time, ns),
        OuterTime::Yearless(time) => local(time.resolve_near(near?)?, time.ns),
    };
    let text = time?.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    Some(match written {
        OuterTime::Instant { .. } => text,
        _ => text.trim_end_matches('Z').to_owned(),
    })
}

/// Writes a row of `incidents`.
pub fn incident(incident: &Incident, names: &Names<'_>, sheet: &mut Sheet) {
    let first = incident.first();
    sheet.text(&incident.id);
    instant(Some(incident.start), sheet);
    instant(Some(incident.end), sheet);
    instant(Some(incident.peak), sheet);
    upstream(first.upstream.as_deref(), names, sheet);
    sheet.word(first.category.name());
    let upstreams = incident.upstreams();
    let mut shown: Vec<_> = upstreams
        .iter()
        .take(UPSTREAMS_SHOWN_MAX)
        .map(|name| names.redactor().upstream(name).for_table().into_owned())
        .collect();
    if upstreams.len() > UPSTREAMS_SHOWN_MAX {
        shown.push("…".into());
    }
    text(
        (!shown.is_empty()).then(|| shown.join(", ")).as_deref(),
        sheet,
    );
    let categories: Vec<&str> = incident
        .categories()
        .iter()
        .map(|category| category.name())
        .collect();
    sheet.text(&categories.join(", "));
    count(incident.n_events, sheet);
    let hurt = incident.hurt;
    count(hurt.n_requests, sheet);
    count(incident.n_clients, sheet);
    count(incident.usual_per_hour / 60, sheet);
    count(incident.peak_per_minute, sheet);
    sheet.word(first.phase.name());
    instant(Some(first.onset), sheet);
    match (incident.begins_with_logs, incident.lasts_to_end) {
        (true, true) => sheet.word("both"),
        (true, false) => sheet.word("start"),
        (false, true) => sheet.word("end"),
        (false, false) => sheet.null(),
    }
    count(incident.usual_per_hour, sheet);
    let at = &incident.evidence;
    sheet.place(names.source(at), names.line(at), at.offset);
    known(hurt.n_uris, sheet);
    known(hurt.n_hosts, sheet);
    sheet.end_row();
}

/// Writes a row of `findings`; `config` is what its evidence cites.
pub fn finding(
    rank: u64,
    finding: &Finding,
    names: &Names<'_>,
    config: Option<&Config>,
    sheet: &mut Sheet,
) {
    let redactor = names.redactor();
    let own = |text: &str, sheet: &mut Sheet| {
        shown((!text.is_empty()).then(|| redactor.advice(text)), sheet)
    };
    own(&finding.id, sheet);
    count(rank, sheet);
    sheet.word(finding.rule.weight.name());
    sheet.word(finding.certainty.name());
    sheet.shown(&redactor.sentence(&finding.title));
    sheet.shown(&redactor.sentence(&finding.claim));
    own(&finding.refuted_by, sheet);
    own(&finding.advice.join(" "), sheet);
    let mut changes: Vec<Shown<'_>> = Vec::new();
    for change in &finding.changes {
        if !changes.is_empty() {
            changes.push(Shown::word("; "));
        }
        changes.push(redactor.change(&change_text(change)).into_owned());
    }
    shown(
        (!changes.is_empty()).then(|| Shown::joined(&changes)),
        sheet,
    );
    own(&finding.commands.join("; "), sheet);
    text(finding.incident.as_deref(), sheet);
    let evidence = finding.evidence.iter();
    let evidence: Vec<String> = evidence
        .map(|exhibit| names.cite(&exhibit.cite, config))
        .collect();
    own(&evidence.join(", "), sheet);
    count(finding.n_requests, sheet);
    count(finding.n_masked, sheet);
    count(finding.n_events, sheet);
    instant(finding.first, sheet);
    instant(finding.last, sheet);
    sheet.end_row();
}

/// Upstreams named in one cell.
const UPSTREAMS_SHOWN_MAX: usize = 20;

/// Writes the rows of `sources`.
pub fn sources(
    scanned: &Scanned,
    account: &Account,
    names: &Names<'_>,
    known: &KnownZone,
    sheet: &mut Sheet,
) {
    let redactor = names.redactor();
    for (index, state) in scanned.sources.iter().enumerate() {
        let ledger = &scanned.ledgers[index];
        sheet.text(names.of(index));
        sheet.word(state.kind.name());
        let formats = state.reading.formats.as_ref();
        let format = formats.map(|formats| formats.name());
        shown(format.as_deref().map(|name| redactor.format(name)), sheet);
        text(
            (!state.reading.chain.is_bare())
                .then(|| state.reading.chain.to_string())
                .as_deref(),
            sheet,
        );
        match state.decode.is_empty() {
            true => sheet.word("plain"),
            false => sheet.text(&state.decode),
        }
        sheet.text(&zones(state, ledger, known));
        count(state.size_bytes, sheet);
        count(ledger.n_bytes(), sheet);
        text(state.sha256.as_deref(), sheet);
        count(ledger.n_lines(), sheet);
        count(ledger.n_of(LineClass::Record), sheet);
        count(ledger.n_events, sheet);
        for class in [
            LineClass::Continuation,
            LineClass::Cut,
            LineClass::Torn,
            LineClass::Injected,
            LineClass::Unparsed,
        ] {
            count(ledger.n_of(class), sheet);
        }
        let by_clock = |time: Option<LocalTime>| time.map(|time| known.zone.instant(time).0);
        let first = by_clock(ledger.first_time);
        let others = [ledger.first_request, ledger.first_audit];
        let first = first.into_iter().chain(others.into_iter().flatten());
        instant(first.min(), sheet);
        let last = by_clock(ledger.last_time).max(ledger.last_request);
        instant(last.max(ledger.last_audit), sheet);
        let problems = said(&account.sources[index].problems, redactor);
        text((!problems.is_empty()).then_some(&problems), sheet);
        count(ledger.n_of(LineClass::Blank), sheet);
        text(machines(state, ledger, redactor).as_deref(), sheet);
        text(units(state).as_deref(), sheet);
        let notes = said(&account.sources[index].notes, redactor);
        text((!notes.is_empty()).then_some(&notes), sheet);
        count(ledger.n_of(LineClass::Duplicate), sheet);
        let identity = state
            .file
            .map(|file| format!("{}:{}", file.device, file.inode));
        text(identity.as_deref(), sheet);
        instant(state.file.and_then(|file| file.modified), sheet);
        let has_records = ledger.first_time.is_some();
        let basis = has_records.then(|| known.basis_of(state, ledger));
        text(basis.as_deref(), sheet);
        sheet.end_row();
    }
}

/// The zone that the clock of the error records was taken for, and the offsets that requests are written with.
fn zones(state: &SourceState, ledger: &Ledger, known: &KnownZone) -> String {
    let mut zones: Vec<String> = Vec::new();
    if ledger.n_requests == 0 || ledger.first_time.is_some() {
        let of_source = known.of_source(state, ledger).into_iter();
        zones.extend(of_source.map(|zone| zone.name().to_owned()));
        zones.sort_unstable();
    }
    let written = ledger.written_offsets.keys();
    zones.extend(written.map(|&offset_s| Zone::fixed(offset_s).name().to_owned()));
    zones.dedup();
    zones.join(", ")
}

/// The machines that the lines of a source name, else the one that its path names.
fn machines(state: &SourceState, ledger: &Ledger, redactor: &Redactor) -> Option<String> {
    let mut names: Vec<String> = ledger
        .machines
        .keys()
        .map(|name| redactor.host(name).for_table().into_owned())
        .collect();
    if ledger.n_other_machines > 0 {
        names.push("…".to_owned());
    }
    names.extend(
        state
            .machine
            .name()
            .filter(|_| names.is_empty())
            .map(str::to_owned),
    );
    (!names.is_empty()).then(|| names.join(", "))
}

/// `gzip 3`: compressed members, frames or streams of each layer.
fn units(state: &SourceState) -> Option<String> {
    let units: Vec<String> = state
        .units
        .iter()
        .map(|(layer, n)| format!("{layer} {n}"))
        .collect();
    (!units.is_empty()).then(|| units.join(", "))
}

fn text(text: Option<&str>, sheet: &mut Sheet) {
    match text {
        Some(text) => sheet.text(text),
        None => sheet.null(),
    }
}

fn shown(text: Option<Shown<'_>>, sheet: &mut Sheet) {
    match text {
        Some(text) => sheet.shown(&text),
        None => sheet.null(),
    }
}

fn upstream(name: Option<&[u8]>, names: &Names<'_>, sheet: &mut Sheet) {
    shown(name.map(|name| names.redactor().upstream(name)), sheet);
}

/// Sentences about a source.
fn said(sentences: &[String], redactor: &Redactor) -> String {
    let sentences = sentences.iter().map(|text| redactor.said(text));
    let texts: Vec<String> = sentences
        .map(|text| text.for_table().into_owned())
        .collect();
    texts.join("; ")
}

/// What the message of an event is to be redacted by.
pub fn saying<'a>(event: &Event<'a>) -> Saying<'a> {
    Saying {
        category: event.known.category,
        is_known: event.known.signature.0 > 0,
        upstream: event.known.upstream,
    }
}

fn count(n: u64, sheet: &mut Sheet) {
    sheet.integer(i64::try_from(n).unwrap_or(i64::MAX));
}

fn known(n: Option<u64>, sheet: &mut Sheet) {
    match n {
        Some(n) => count(n, sheet),
        None => sheet.null(),
    }
}

fn instant(time: Option<Timestamp>, sheet: &mut Sheet) {
    match time {
        Some(Timestamp(second)) => sheet.time(second),
        None => sheet.null(),
    }
}
