//! How whole the account is: for each source what was read, what was not and why. Decides whether a run may call itself
//! complete.

use crate::{
    aggregate::{Ledger, LineClass, SourceKey, ledger::Reason},
    engine::{Scanned, SourceState},
    error::Error,
    input::{Change, Kind},
};

/// What is said about one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAccount {
    /// Things that make its numbers incomplete or doubtful, in plain words; nothing of the log's own bytes.
    pub problems: Vec<String>,
    /// What is noteworthy, but makes nothing doubtful.
    pub notes: Vec<String>,
    /// It was scanned.
    pub is_read: bool,
}

/// What is said about all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// By source.
    pub sources: Vec<SourceAccount>,
}

impl Account {
    /// Nothing was damaged, unreadable, cut off or changed.
    pub fn is_complete(&self) -> bool {
        self.sources.iter().all(|source| source.problems.is_empty())
    }

    /// Not one source could be read.
    pub fn is_empty(&self) -> bool {
        !self.sources.iter().any(|source| source.is_read)
    }
}

/// Gives account of what was scanned.
pub fn account(scanned: &Scanned) -> Account {
    let source = |(state, ledger): (&SourceState, &Ledger)| SourceAccount {
        problems: problems(state, ledger),
        notes: notes(state, ledger, scanned),
        // What was refused has no bytes either.
        is_read: state.is_scanned() || (state.kind == Kind::Empty && unreadable(state).is_empty()),
    };
    Account {
        sources: scanned
            .sources
            .iter()
            .zip(&scanned.ledgers)
            .map(source)
            .collect(),
    }
}

/// What went wrong with the bytes of a source, whatever its lines say.
pub fn damage(state: &SourceState) -> Vec<String> {
    let mut problems = unreadable(state);
    problems.extend(changes(state));
    problems
}

fn unreadable(state: &SourceState) -> Vec<String> {
    let mut problems: Vec<String> = state.problems.iter().map(chain).collect();
    let damage = state.troubles.iter().filter(|trouble| trouble.is_damage());
    problems.extend(damage.map(ToString::to_string));
    problems
}

fn problems(state: &SourceState, ledger: &Ledger) -> Vec<String> {
    let mut problems = unreadable(state);
    match state.kind {
        Kind::NginxAccess if state.reading.formats.is_none() => {
            let why = state
                .refusal
                .as_deref()
                .unwrap_or("its format is not known");
            problems.push(format!("an access log that is not analysed: {why}"));
        }
        Kind::NoLog | Kind::NginxError if state.refusal.is_some() && ledger.n_events == 0 => {
            let why = state.refusal.as_deref().unwrap_or_default();
            problems.push(format!("not analysed: {why}"));
        }
        Kind::NginxError | Kind::NginxAccess => problems.extend(content_problems(state, ledger)),
        Kind::Unread(what) if problems.is_empty() => {
            problems.push(format!("{what} data: not analysed"));
        }
        // What stands between denials in a system's log is no damage.
        Kind::Audit | Kind::Unread(_) | Kind::NginxConfig | Kind::NoLog | Kind::Empty => {}
    }
    problems.extend(changes(state));
    problems
}

/// What happened to the file while it was read.
fn changes(state: &SourceState) -> Vec<String> {
    let changed = state.changed.filter(|change| change.is_damage());
    let mut problems: Vec<String> = changed.iter().map(ToString::to_string).collect();
    if let Some(first) = state.lost.first() {
        let n: u64 = state.lost.iter().map(|range| range.end - range.start).sum();
        let bound = if state.is_mapped { "up to " } else { "" };
        problems.push(format!(
            "{bound}{n} bytes of it were gone before they were read, from byte {} on",
            first.start
        ));
    } else if let (Some(Change::Shrank(_)), true) = (changed, state.is_scanned()) {
        problems.push("all of it had been read by then".to_owned());
    }
    problems
}

/// What unpacking met that costs nothing.
fn notes(state: &SourceState, ledger: &Ledger, scanned: &Scanned) -> Vec<String> {
    let notes = state.troubles.iter().filter(|trouble| !trouble.is_damage());
    let changed = state.changed.filter(|change| !change.is_damage());
    let also = &scanned.found[state.key.stored()].also;
    let also = also
        .iter()
        .map(|name| format!("{} is the same file", name.to_string_lossy()));
    let name = |elder: SourceKey| {
        let index = scanned
            .sources
            .binary_search_by_key(&elder, |state| state.key);
        // An archive that changed meanwhile may have no such member any more.
        match index {
            Ok(index) => String::from_utf8_lossy(&scanned.sources[index].name),
            Err(_) => scanned.found[elder.stored()].name.to_string_lossy(),
        }
    };
    let same = state.same_as.map(|elder| {
        let elder = name(elder);
        let (n, of) = (ledger.n_of(LineClass::Duplicate), ledger.n_lines());
        let mut note =
            format!("{n} of its {of} lines are the same as those of {elder} and counted there");
        if state.is_apart && n < of {
            note.push_str("; what follows is not compared and may count twice");
        }
        note
    });
    let completes = state.completes.map(|elder| {
        let elder = name(elder);
        format!("{elder} ends inside of a record that is whole here, and may count twice")
    });
    let alike = state.begins_like.map(|(elder, n)| {
        let elder = name(elder);
        format!("its first {n} lines are the same as those of {elder} and counted twice: then they differ")
    });
    let uncompared = state
        .uncompared
        .map(|why| format!("what others hold of it too may count twice: {why}"));
    notes
        .map(ToString::to_string)
        .chain(also)
        .chain(same)
        .chain(completes)
        .chain(alike)
        .chain(uncompared)
        .chain(changed.map(|change| change.to_string()))
        .collect()
}

/// What is wrong with the content of a log.
fn content_problems(state: &SourceState, ledger: &Ledger) -> Vec<String> {
    let mut problems = Vec::new();
    let (n_lines, n_unparsed) = (ledger.n_lines(), ledger.n_of(LineClass::Unparsed));
    let is_much = n_unparsed > UNPARSED_FEW && n_unparsed * UNPARSED_SHARE_MAX > n_lines;
    let is_all = n_unparsed > 0 && ledger.n_events + ledger.n_requests == 0;
    let has = |reason: Reason| ledger.reasons[reason as usize] > 0;
    // A line that is not read to its end may hide any number of records, and so may something packed.
    let may_hide = [
        Reason::Binary,
        Reason::BadTime,
        Reason::Overlong,
        Reason::LeftOut,
        Reason::Internal,
    ];
    if is_much || is_all || may_hide.into_iter().any(has) {
        problems.push(unparsed(ledger, n_lines));
    }
    let chain = &state.reading.chain;
    if chain.goes_on() {
        let n = chain.layers().count();
        problems.push(format!(
            "its lines lie in more than {n} envelopes: those further in are taken for text"
        ));
    }
    if ledger.n_of(LineClass::Torn) > 0 {
        let n = ledger.n_of(LineClass::Torn);
        problems.push(format!(
            "lines that hold two records, by a torn write or an imitation: {n}"
        ));
    }
    if ledger.n_overlong > 0 {
        problems.push(format!(
            "records longer than 1 MiB, whose rest is not looked at: {}",
            ledger.n_overlong
        ));
    }
    if ledger.n_hole_bytes > 0 && state.lost.is_empty() {
        problems.push(format!(
            "{} NUL bytes (a hole left by a rotation) skipped",
            ledger.n_hole_bytes
        ));
    }
    if ledger.n_bytes() != state.decoded_bytes {
        // The identity that everything rests on: a mistake of this program, never of the log.
        let (n_bytes, size) = (ledger.n_bytes(), state.decoded_bytes);
        problems.push(format!(
            "internal error: {n_bytes} of {size} bytes are accounted for; please report this"
        ));
    }
    problems
}

/// One unparsed line in so many is no problem: people write into logs.
const UNPARSED_SHARE_MAX: u64 = 100;

/// So few are none in any file.
const UNPARSED_FEW: u64 = 3;

/// `12 of 40 lines are no records: 10 access-log lines (first at byte 400), …`
fn unparsed(ledger: &Ledger, n_lines: u64) -> String {
    let reasons: Vec<String> = Reason::ALL
        .into_iter()
        .filter(|&reason| ledger.reasons[reason as usize] > 0)
        .map(|reason| {
            let first = ledger.first_unparsed[reason as usize].unwrap_or_default();
            format!(
                "{} {} (first at byte {first})",
                ledger.reasons[reason as usize],
                reason.text()
            )
        })
        .collect();
    let what = match ledger.n_of(LineClass::Unparsed) {
        0 => "entries behind others on their lines".to_owned(),
        n_unparsed => format!("{n_unparsed} of {n_lines} lines"),
    };
    format!("{what} could not be parsed: {}", reasons.join(", "))
}

/// An error and its causes in one line.
pub fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
