//! Values for the columns of [`schema`](super::schema), in their order.

use super::Sheet;
use crate::{
    aggregate::{Evidence, Ledger, LineClass},
    classify::taxonomy::ROWS,
    diagnose::{Account, Confidence, Failure, Incident, Traffic},
    engine::{Scanned, SourceState},
    event::{Basis, Category, LocalTime, Timestamp},
    parse::access::{Attempt, Field, attempts, unescape, value},
    scan::{Event, Request},
    text,
    zone::Zone,
};

/// What turns evidence into words: the names of sources and where their lines begin.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    names: Vec<String>,
    scanned: &'a Scanned,
}

impl<'a> Names<'a> {
    pub fn new(scanned: &'a Scanned) -> Names<'a> {
        let name = |state: &SourceState| text::for_table(&state.name).into_owned();
        Names {
            names: scanned.sources.iter().map(name).collect(),
            scanned,
        }
    }

    /// The name of a source by its index.
    pub fn of(&self, source: usize) -> &str {
        &self.names[source]
    }

    pub fn source(&self, evidence: &Evidence) -> &str {
        self.of(self.scanned.index_of(evidence.source))
    }

    pub fn line(&self, evidence: &Evidence) -> u64 {
        self.scanned.ledgers[self.scanned.index_of(evidence.source)]
            .line_starts
            .line_number(evidence)
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
    bytes(row.upstream.as_deref(), sheet);
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
pub fn traffic(row: &Traffic, sheet: &mut Sheet) {
    instant(row.bucket, sheet);
    bytes(row.upstream.as_deref(), sheet);
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
    let written = |text: Option<&[u8]>, sheet: &mut Sheet| match text {
        Some(text) => sheet.bytes(&unescape(request.escape, text)),
        None => sheet.null(),
    };
    let (method, uri) = request.method_and_uri();
    instant(request.end.map(|end| end.second), sheet);
    match request.status {
        Some(status) => sheet.integer(i64::from(status)),
        None => sheet.null(),
    }
    written(method, sheet);
    written(uri, sheet);
    written(raw(Field::Host).or(raw(Field::Server)), sheet);
    written(raw(Field::Client), sheet);
    milliseconds(raw(Field::RequestTime).and_then(value::duration_ms), sheet);
    let attempts = || attempts(line);
    count(attempts().count() as u64, sheet);
    list(attempts().map(|attempt| attempt.addr), sheet);
    let status = |attempt: Attempt<'_>| attempt.status.map(|status| format!("{status:03}"));
    let statuses: Vec<Option<String>> = attempts().map(status).collect();
    list(
        statuses
            .iter()
            .map(|status| status.as_deref().map(str::as_bytes)),
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
    sheet.end_row();
}

/// Texts with a comma between; `-` for what is not known. Of no texts: nothing.
fn list<'a>(texts: impl Iterator<Item = Option<&'a [u8]>>, sheet: &mut Sheet) {
    let texts: Vec<&[u8]> = texts.map(|text| text.unwrap_or(b"-")).collect();
    if texts.is_empty() {
        sheet.null();
    } else {
        sheet.bytes(&texts.join(&b", "[..]));
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
    upstream: Option<(&[u8], Basis)>,
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
    local(head.time, zone, sheet);
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
    bytes(upstream.map(|(name, _)| name), sheet);
    bytes(known.tail.server, sheet);
    bytes(known.tail.host(), sheet);
    bytes(known.tail.client, sheet);
    bytes(method, sheet);
    bytes(uri, sheet);
    match head.connection {
        Some(connection) => count(connection, sheet),
        None => sheet.null(),
    }
    bytes(Some(known.message), sheet);
    sheet.word(event.trust.name());
    sheet.text(names.source(&event.evidence));
    count(event.evidence.offset, sheet);
    count(names.line(&event.evidence), sheet);
    match upstream {
        Some((_, basis)) => sheet.word(basis.name()),
        None => sheet.null(),
    }
    sheet.end_row();
}

/// Writes a row of `incidents`.
pub fn incident(incident: &Incident, names: &Names<'_>, sheet: &mut Sheet) {
    let first = incident.first();
    sheet.text(&incident.id);
    instant(Some(incident.start), sheet);
    instant(Some(incident.end), sheet);
    instant(Some(incident.peak), sheet);
    bytes(first.upstream.as_deref(), sheet);
    sheet.word(first.category.name());
    let upstreams = incident.upstreams();
    let mut shown: Vec<_> = upstreams
        .iter()
        .take(UPSTREAMS_SHOWN_MAX)
        .map(|name| text::for_table(name))
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
    sheet.null();
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
    sheet.end_row();
}

/// Upstreams named in one cell.
const UPSTREAMS_SHOWN_MAX: usize = 20;

/// Writes the rows of `sources`.
pub fn sources(
    scanned: &Scanned,
    account: &Account,
    names: &Names<'_>,
    zone: &Zone,
    sheet: &mut Sheet,
) {
    for (index, state) in scanned.sources.iter().enumerate() {
        let ledger = &scanned.ledgers[index];
        sheet.text(names.of(index));
        sheet.word(state.kind.name());
        let formats = state.reading.formats.as_ref();
        text(formats.map(|formats| formats.name()).as_deref(), sheet);
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
        sheet.text(&zones(ledger, zone));
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
        let by_clock = |time: Option<LocalTime>| time.map(|time| zone.instant(time).0);
        let first = by_clock(ledger.first_time);
        instant(first.into_iter().chain(ledger.first_request).min(), sheet);
        instant(by_clock(ledger.last_time).max(ledger.last_request), sheet);
        let problems = account.sources[index].problems.join("; ");
        text((!problems.is_empty()).then_some(&problems), sheet);
        count(ledger.n_of(LineClass::Blank), sheet);
        text(machines(state, ledger).as_deref(), sheet);
        text(units(state).as_deref(), sheet);
        let notes = account.sources[index].notes.join("; ");
        text((!notes.is_empty()).then_some(&notes), sheet);
        count(ledger.n_of(LineClass::Duplicate), sheet);
        let identity = state
            .file
            .map(|file| format!("{}:{}", file.device, file.inode));
        text(identity.as_deref(), sheet);
        instant(state.file.and_then(|file| file.modified), sheet);
        sheet.end_row();
    }
}

/// The zone that the clock of the error records was taken for, and the offsets that requests are written with.
fn zones(ledger: &Ledger, zone: &Zone) -> String {
    let mut zones: Vec<String> = Vec::new();
    if ledger.n_requests == 0 || ledger.first_time.is_some() {
        zones.push(zone.name().to_owned());
    }
    let written = ledger.written_offsets.keys();
    zones.extend(written.map(|&offset_s| Zone::fixed(offset_s).name().to_owned()));
    zones.dedup();
    zones.join(", ")
}

/// The machines that the lines of a source name, else the one that its path names.
fn machines(state: &SourceState, ledger: &Ledger) -> Option<String> {
    let mut names: Vec<String> = ledger
        .machines
        .keys()
        .map(|name| text::for_table(name).into_owned())
        .collect();
    if ledger.n_other_machines > 0 {
        names.push("…".to_owned());
    }
    names.extend(
        state
            .machine
            .as_deref()
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

fn bytes(bytes: Option<&[u8]>, sheet: &mut Sheet) {
    match bytes {
        Some(bytes) => sheet.bytes(bytes),
        None => sheet.null(),
    }
}

fn count(n: u64, sheet: &mut Sheet) {
    sheet.integer(i64::try_from(n).unwrap_or(i64::MAX));
}

fn instant(time: Option<Timestamp>, sheet: &mut Sheet) {
    match time {
        Some(Timestamp(second)) => sheet.time(second),
        None => sheet.null(),
    }
}

fn local(time: Option<LocalTime>, zone: &Zone, sheet: &mut Sheet) {
    instant(time.map(|time| zone.instant(time).0), sheet);
}
