//! Values for the columns of [`schema`](super::schema), in their order.

use super::Sheet;
use crate::{
    aggregate::{Evidence, Ledger, LineClass},
    classify::taxonomy::ROWS,
    diagnose::{Account, Failure},
    engine::Scanned,
    event::{LocalTime, Timestamp},
    scan::Event,
    text,
    zone::Zone,
};
use std::path::PathBuf;

/// What turns evidence into words: the names of sources and where their lines begin.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    names: Vec<String>,
    ledgers: &'a [Ledger],
}

impl<'a> Names<'a> {
    /// `shown` are the names of the sources of `scanned`, in their order.
    pub fn new(scanned: &'a Scanned, shown: &[PathBuf]) -> Names<'a> {
        let name =
            |path: &PathBuf| text::for_table(path.as_os_str().as_encoded_bytes()).into_owned();
        Names {
            names: shown.iter().map(name).collect(),
            ledgers: &scanned.ledgers,
        }
    }

    /// The name of a source by its index.
    pub fn of(&self, source: usize) -> &str {
        &self.names[source]
    }

    pub fn source(&self, evidence: &Evidence) -> &str {
        self.of(evidence.source as usize)
    }

    pub fn line(&self, evidence: &Evidence) -> u64 {
        self.ledgers[evidence.source as usize]
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

/// Writes a row of `events`.
pub fn event(event: &Event<'_>, zone: &Zone, names: &Names<'_>, sheet: &mut Sheet) {
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
    bytes(known.upstream, sheet);
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
    sheet.end_row();
}

/// Writes the rows of `sources`.
pub fn sources(
    scanned: &Scanned,
    account: &Account,
    names: &Names<'_>,
    digests: &[Option<String>],
    zone: &Zone,
    sheet: &mut Sheet,
) {
    for (index, state) in scanned.sources.iter().enumerate() {
        let ledger = &scanned.ledgers[index];
        sheet.text(names.of(index));
        sheet.word(state.kind.name());
        sheet.null();
        sheet.null();
        sheet.word("plain");
        sheet.text(zone.name());
        count(state.size_bytes, sheet);
        count(ledger.n_bytes(), sheet);
        text(digests[index].as_deref(), sheet);
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
        local(ledger.first_time, zone, sheet);
        local(ledger.last_time, zone, sheet);
        let problems = account.sources[index].problems.join("; ");
        text((!problems.is_empty()).then_some(&problems), sheet);
        count(ledger.n_of(LineClass::Blank), sheet);
        sheet.end_row();
    }
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
