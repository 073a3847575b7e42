//! What limits the numbers, in plain words.

use super::Findings;
use crate::{
    aggregate::LineClass,
    diagnose::{Gap, KnownZone, Matches, ZoneBasis, gaps, known_zone::MachineZone},
    event::Timestamp,
    export::time::rfc3339,
    input::Kind,
    redact::Redactor,
    words::grouped,
};
use std::cmp::Reverse;

/// All of them, those that touch every number first.
pub(super) fn notes(findings: &Findings<'_>) -> Vec<String> {
    let Findings {
        scanned, placed, ..
    } = *findings;
    let mut notes = Vec::new();
    if !findings.names.redactor().is_open() {
        notes.push("redacted: clients are pseudonyms, of URIs the routes and the names of parameters are shown, of messages the words that nginx uses".to_owned());
    }
    notes.extend(zone(findings));
    notes.extend(sample(findings));
    notes.extend(strangers(findings));
    notes.extend(forged(findings));
    if scanned.is_debug_believed {
        notes.push("records of level debug are believed as they stand: lines that clients forged into them are told only in files, which can be read twice, and in up to 32 MB of such lines".to_owned());
    }
    notes.extend(part(findings));
    notes.extend(limits(findings));
    let gaps = gaps(scanned, &findings.zone.zone, placed.since, placed.until);
    notes.extend(
        gaps.iter()
            .map(|found| gap(found, findings.names.redactor())),
    );
    notes.extend(source_notes(findings));
    let n_cut: u64 = scanned
        .ledgers
        .iter()
        .map(|ledger| ledger.n_of(LineClass::Cut))
        .sum();
    if n_cut > 0 {
        notes.push(format!("{n_cut} records are cut, most often at 2,048 bytes by nginx: what they lack, such as an upstream, is unknown, unless an access log tells it"));
    }
    notes
}

/// The name of a source or of a rotated set.
fn source(name: &[u8], findings: &Findings<'_>) -> String {
    findings.names.redactor().source(name).for_terminal()
}

/// Where the zone comes from, unless it was given.
fn zone(findings: &Findings<'_>) -> Option<String> {
    match findings.zone.basis {
        _ if !findings.has_records() => None,
        _ if !findings.zone.machines.is_empty() => Some(machines(findings)),
        ZoneBasis::Given => None,
        ZoneBasis::Assumed => Some(
            "times are taken as UTC: error logs carry no zone; --tz names the server's".to_owned(),
        ),
        ZoneBasis::Learned {
            n_records,
            n_others,
        } => {
            let others = match n_others {
                0 => String::new(),
                n => format!(", though those of {n} tell another"),
            };
            Some(format!(
                "times are of zone {}, as the envelopes of {n_records} records tell{others}; --tz overrides it",
                findings.zone.zone.name()
            ))
        }
        ZoneBasis::Matched => findings.zone.matches.map(|matches| {
            let Matches {
                n_matched,
                n_tried,
                n_next,
            } = matches;
            format!(
                "times of error logs are of zone {}: there the records of {} of {} failed tries stand where access logs expect them, of the next best zone {}; --tz overrides it",
                findings.zone.zone.name(),
                grouped(n_matched),
                grouped(n_tried),
                grouped(n_next)
            )
        }),
    }
}

/// That the clocks of machines are of several zones, and which.
fn machines(findings: &Findings<'_>) -> String {
    const SHOWN_MAX: usize = 8;
    let KnownZone {
        machines,
        apart_from,
        zone,
        ..
    } = findings.zone;
    let others = apart_from.as_ref().unwrap_or(zone).name();
    let of = |own: &MachineZone| {
        let machine = findings.names.redactor().host(&own.machine).for_terminal();
        let told = match own.matches {
            _ if own.n_told > 0 => format!("the envelopes of {} records tell", grouped(own.n_told)),
            Some(matches) => format!(
                "{} failed tries stand where access logs expect them, in the next best zone {}",
                grouped(matches.n_matched),
                grouped(matches.n_next)
            ),
            None => "too few failed tries to tell its own".to_owned(),
        };
        format!("{machine} {} ({told})", own.zone.name())
    };
    let shown: Vec<String> = machines.iter().take(SHOWN_MAX).map(of).collect();
    let more = match machines.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        n => format!(", and {n} more"),
    };
    let what = match apart_from {
        Some(_) => format!("their records are read so, those of others as {others}"),
        None => format!("a stream cannot be read twice, so all are read as {others}: name files"),
    };
    format!(
        "the clocks of machines are of several zones: {}{more}; {what}; --tz overrides it",
        shown.join("; ")
    )
}

/// Why requests failed is told of some clients only.
fn sample(findings: &Findings<'_>) -> Option<String> {
    let (errors, attempts) = (&findings.scanned.errors, &findings.scanned.attempts);
    let is_sample = errors.is_sample() || attempts.is_sample();
    let n = |kept: usize, all: u64| format!("{} of {}", grouped(kept as u64), grouped(all));
    is_sample.then(|| {
        format!(
            "why requests failed is told of a sample, whole clients: {} failed tries and {} records",
            n(attempts.as_slice().len(), attempts.n_all()),
            n(errors.as_slice().len(), errors.n_all())
        )
    })
}

/// Lines that somebody wrote into the log to be taken for records.
fn forged(findings: &Findings<'_>) -> Option<String> {
    let forged = &findings.scanned.aggregate.forged;
    let redactor = findings.names.redactor();
    let first = forged.places.first()?;
    let mut senders: Vec<(&[u8], u64)> = forged.senders.iter().map(|(s, &n)| (&**s, n)).collect();
    senders.sort_by_key(|&(_, n)| Reverse(n)); // stable: ties by address
    let shown = senders.iter().take(SENDERS_SHOWN);
    let mut shown: Vec<String> = shown
        .map(|&(sender, n)| {
            format!(
                "{} ({})",
                redactor.client(sender).for_terminal(),
                grouped(n)
            )
        })
        .collect();
    if senders.len() > SENDERS_SHOWN || forged.n_by_others > 0 {
        shown.push("others".to_owned());
    }
    let place = findings.names.evidence(first);
    Some(format!(
        "{} forged lines look like records of nginx but came from outside, most often through %0A in a URI: sent by {}; they are in `events` as injected, and counted nowhere else; the first is {}",
        grouped(forged.n_lines),
        shown.join(", "),
        redactor.source(place.as_bytes()).for_terminal()
    ))
}

/// Clients shown that forged lines.
const SENDERS_SHOWN: usize = 3;

/// Files that are no logs.
fn strangers(findings: &Findings<'_>) -> Option<String> {
    let sources = findings.scanned.sources.iter().enumerate();
    let strangers: Vec<&str> = sources
        .filter(|(_, source)| source.kind == Kind::NoLog && source.refusal.is_none())
        .map(|(index, _)| findings.names.of(index))
        .collect();
    if strangers.is_empty() {
        return None;
    }
    let more = if strangers.len() > 3 { ", …" } else { "" };
    let shown = strangers[..strangers.len().min(3)].join(", ");
    let shown = source(shown.as_bytes(), findings);
    Some(format!(
        "not read, because they are no logs: {} ({shown}{more})",
        strangers.len()
    ))
}

/// That only a part of the time was asked for.
fn part(findings: &Findings<'_>) -> Option<String> {
    let (since, until) = (findings.placed.since, findings.placed.until);
    if since.is_none() && until.is_none() {
        return None;
    }
    let bound = |time: Option<Timestamp>, open: &str| {
        time.map_or_else(|| open.to_owned(), |time| rfc3339(time.0))
    };
    let (since, until) = (bound(since, "the beginning"), bound(until, "the end"));
    Some(format!(
        "only from {since} to {until}; messages, shapes and durations are not listed for a part of the time"
    ))
}

fn counted(n_events: u64) -> String {
    match n_events {
        1 => "1 event".to_owned(),
        n => format!("{} events", grouped(n)),
    }
}

/// What a limit, a clock or a doubt did to the counts.
fn limits(findings: &Findings<'_>) -> Vec<String> {
    let Findings {
        scanned, placed, ..
    } = *findings;
    let mut notes = Vec::new();
    let zone = findings.zone.zone.name();
    if placed.n_twice > 0 {
        notes.push(format!(
            "{} with times in the hour that the clock of {zone} passed twice: the earlier is taken, and `clock` in `events` says which they are; \
             failed requests are looked for in both",
            counted(placed.n_twice)
        ));
    }
    if placed.n_skipped > 0 {
        notes.push(format!(
            "{} with times that the clock of {zone} skipped, so that it may not be theirs; `clock` in `events` says which they are",
            counted(placed.n_skipped)
        ));
    }
    if let Some(wanted) = placed.narrower_wanted {
        notes.push(format!(
            "buckets are {} wide instead of {wanted}: the limit on rows was reached",
            placed.width
        ));
    }
    if placed.is_pooled {
        notes.push(
            "there are more upstreams than the limit: some are counted together as `(other)`"
                .to_owned(),
        );
    }
    if scanned.aggregate.n_doubtful > 0 {
        let n = scanned.aggregate.n_doubtful;
        notes.push(format!("{n} records stand inside text a client may have written; they are in `events` as torn, and counted nowhere else"));
    }
    let durations = &scanned.aggregate.requests.durations;
    if durations.grain_ms() > 1 {
        notes.push(format!(
            "durations of failed attempts are looked at to {} ms only: the limit on them was reached",
            durations.grain_ms()
        ));
    }
    if durations.n_longer > 0 {
        notes.push(format!(
            "{} failed attempts took longer than two hours: no pile is looked for there",
            grouped(durations.n_longer)
        ));
    }
    if scanned.aggregate.shapes.n_pooled > 0 {
        notes.push(format!(
            "{} messages have shapes past the limit of shapes kept",
            scanned.aggregate.shapes.n_pooled
        ));
    }
    notes
}

pub(in crate::report) fn gap(gap: &Gap, redactor: &Redactor) -> String {
    match gap {
        Gap::Missing { set, numbers } => {
            let shown: Vec<String> = numbers.iter().take(3).map(u64::to_string).collect();
            let more = if numbers.len() > 3 { ", …" } else { "" };
            format!(
                "files of the rotation of {} are missing: {}{more}",
                redactor.source(set.as_bytes()).for_terminal(),
                shown.join(", ")
            )
        }
        Gap::Silence { set, from, to } => {
            let set = set.as_deref().map_or_else(String::new, |set| {
                format!(" in {}", redactor.source(set.as_bytes()).for_terminal())
            });
            format!(
                "no record{set} from {} to {}, though the pace of the log promised some: whether nothing failed or nothing was logged, it does not tell",
                rfc3339(from.0),
                rfc3339(to.0)
            )
        }
    }
}

/// What is noteworthy of single sources: the first few.
fn source_notes(findings: &Findings<'_>) -> Vec<String> {
    let sources = findings.account.sources.iter().enumerate();
    let all: Vec<String> = sources
        .flat_map(|(index, account)| {
            let name = findings.names.of(index);
            account
                .notes
                .iter()
                .map(move |note| format!("{name}: {note}"))
        })
        .map(|note| findings.names.redactor().said(&note).for_terminal())
        .collect();
    let more = (all.len() > SOURCE_NOTES_MAX).then(|| {
        format!(
            "{} more notes on sources: `coroner export --table sources` lists all",
            all.len() - SOURCE_NOTES_MAX
        )
    });
    all.into_iter().take(SOURCE_NOTES_MAX).chain(more).collect()
}

/// Notes on single sources that are shown.
const SOURCE_NOTES_MAX: usize = 5;
