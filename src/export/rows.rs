//! Values for the columns of [`schema`](super::schema), in their order.

use super::schema::Value;
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
        let name = |path: &PathBuf| text::for_table(path.as_os_str().as_encoded_bytes());
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
        format!(
            "{}:{}@{}",
            self.source(evidence),
            self.line(evidence),
            evidence.offset
        )
    }
}

/// A row of `failures`.
pub fn failure(row: &Failure, names: &Names<'_>) -> Vec<Value> {
    vec![
        instant(row.bucket),
        bytes(row.upstream.as_deref()),
        word(row.kind.category.name()),
        word(row.kind.phase.name()),
        word(row.kind.severity.name()),
        word(row.kind.basis.name()),
        count(row.n_events),
        count(row.clients.finish()),
        instant(row.first_seen),
        instant(row.last_seen),
        Value::Text(names.evidence(&row.evidence)),
    ]
}

/// A row of `events`.
pub fn event(event: &Event<'_>, zone: &Zone, names: &Names<'_>) -> Vec<Value> {
    let Event { head, known, .. } = event;
    let mut request = known
        .tail
        .request
        .unwrap_or_default()
        .splitn(3, |&b| b == b' ');
    let (method, uri) = (
        request.next().filter(|method| !method.is_empty()),
        request.next(),
    );
    vec![
        local(head.time, zone),
        word(known.category.name()),
        word(known.phase.name()),
        word(known.severity.name()),
        word(ROWS[usize::from(known.signature.0)].id),
        head.level.map_or(Value::Null, |level| word(level.name())),
        if known.errno == 0 {
            Value::Null
        } else {
            Value::Integer(i64::from(known.errno))
        },
        bytes(known.upstream),
        bytes(known.tail.server),
        bytes(known.tail.host()),
        bytes(known.tail.client),
        bytes(method),
        bytes(uri),
        head.connection.map_or(Value::Null, count),
        bytes(Some(known.message)),
        word(event.trust.name()),
        Value::Text(names.source(&event.evidence).to_owned()),
        count(event.evidence.offset),
        count(names.line(&event.evidence)),
    ]
}

/// The rows of `sources`.
pub fn sources(
    scanned: &Scanned,
    account: &Account,
    names: &Names<'_>,
    digests: &[Option<String>],
    zone: &Zone,
) -> Vec<Vec<Value>> {
    (0..scanned.sources.len())
        .map(|index| {
            let (state, ledger) = (&scanned.sources[index], &scanned.ledgers[index]);
            let lines = |class| count(ledger.n_of(class));
            let problems = account.sources[index].problems.join("; ");
            vec![
                Value::Text(names.of(index).to_owned()),
                word(state.kind.name()),
                Value::Null,
                Value::Null,
                word("plain"),
                Value::Text(zone.name().to_owned()),
                count(state.size_bytes),
                count(ledger.n_bytes()),
                digests[index].clone().map_or(Value::Null, Value::Text),
                count(ledger.n_lines()),
                lines(LineClass::Record),
                count(ledger.n_events),
                lines(LineClass::Continuation),
                lines(LineClass::Cut),
                lines(LineClass::Torn),
                lines(LineClass::Injected),
                lines(LineClass::Unparsed),
                local(ledger.first_time, zone),
                local(ledger.last_time, zone),
                if problems.is_empty() {
                    Value::Null
                } else {
                    Value::Text(problems)
                },
                lines(LineClass::Blank),
            ]
        })
        .collect()
}

fn word(text: &'static str) -> Value {
    Value::Word(text)
}

fn bytes(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| Value::Text(text::for_table(bytes)))
}

fn count(n: u64) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

fn instant(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |Timestamp(second)| Value::Time(second))
}

fn local(time: Option<LocalTime>, zone: &Zone) -> Value {
    instant(time.map(|time| zone.instant(time).0))
}
