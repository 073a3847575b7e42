//! What a report says, whatever its form.

use crate::{
    aggregate::{Clients, LineClass, shapes::Shape},
    classify::taxonomy::ROWS,
    config::{Config, ScopeKind},
    diagnose::{Account, Failure, Gap, KnownZone, Placed, ZoneBasis, gaps},
    engine::{Scanned, SourceState},
    event::{Category, Severity, Timestamp},
    export::{Names, time::rfc3339},
    input::Kind,
    text,
};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    pub scanned: &'a Scanned,
    pub account: &'a Account,
    pub placed: &'a Placed,
    pub names: &'a Names<'a>,
    pub zone: &'a KnownZone,
    /// Of the gateway, if there is one.
    pub config: Option<&'a Config>,
    /// Rows of the longest lists.
    pub n_top: usize,
}

/// Version of the JSON form; grows when a field changes its meaning or goes.
pub const FORMAT_VERSION: u32 = 1;

/// A report. All texts are free of control characters; times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub format_version: u32,
    pub coroner_version: &'static str,
    pub zone: String,
    /// Nothing tells the zone, so UTC is assumed.
    pub zone_assumed: bool,
    /// First and last event.
    pub span: Option<Span>,
    pub bucket: &'static str,
    pub completeness: Completeness,
    /// The nginx configuration that was read.
    pub config: Option<ConfigLine>,
    pub n_events: u64,
    /// Events by severity, most severe first.
    pub severities: Vec<SeverityLine>,
    /// Categories with failures, most first.
    pub failures: Vec<CategoryLine>,
    /// Upstreams with failures, most first.
    pub upstreams: Vec<UpstreamLine>,
    /// Upstreams left out of the list.
    pub n_more_upstreams: usize,
    /// Buckets with the most failures.
    pub worst: Vec<WorstBucket>,
    /// Categories without failures, most first.
    pub others: Vec<CategoryLine>,
    /// Most frequent messages of failures, as nginx words them.
    pub messages: Vec<MessageLine>,
    /// Most frequent shapes of messages that no row of the taxonomy describes.
    pub unknown: Vec<ShapeLine>,
    /// What limits these numbers, in plain words.
    pub notes: Vec<String>,
    pub plot: Plot,
    pub sources: Vec<SourceLine>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Span {
    pub first: String,
    pub last: String,
    pub seconds: i64,
}

/// How much of what was named could be read and understood.
#[derive(Clone, Debug, Serialize)]
pub struct Completeness {
    pub n_sources: usize,
    pub n_sources_read: usize,
    pub n_sources_with_problems: usize,
    pub size_bytes: u64,
    /// Bytes of sources that were scanned.
    pub bytes_read: u64,
    pub n_lines: u64,
    /// Lines that are neither records nor parts of records nor blank.
    pub n_lines_unparsed: u64,
    /// Share of the bytes of all sources that ended in a record, in per cent, rounded down to a hundredth.
    pub percent_understood: f64,
}

/// What an nginx configuration holds.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigLine {
    /// Its main file.
    pub path: String,
    pub n_files: usize,
    /// Its `upstream` blocks.
    pub n_groups: usize,
    /// Those it defines.
    pub n_log_formats: usize,
    /// What nginx would refuse in it, and what of it is missing.
    pub n_problems: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct SeverityLine {
    pub severity: &'static str,
    pub n_events: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct CategoryLine {
    pub category: &'static str,
    pub severity: &'static str,
    pub n_events: u64,
    pub n_clients: u64,
    pub first: Option<String>,
    pub last: Option<String>,
    pub evidence: String,
    /// Events per cell of the plot.
    pub series: Vec<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct UpstreamLine {
    /// Empty where the records name none.
    pub upstream: String,
    pub n_failures: u64,
    pub n_clients: u64,
    pub categories: Vec<CategoryCount>,
    pub first: Option<String>,
    pub last: Option<String>,
    pub series: Vec<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CategoryCount {
    pub category: &'static str,
    pub n_events: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct WorstBucket {
    pub bucket: String,
    pub n_failures: u64,
    pub category: &'static str,
    pub upstream: String,
    /// Failures of that category at that upstream.
    pub n_of_these: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct MessageLine {
    pub signature: &'static str,
    /// Its words; `{name}` stands for what varies.
    pub message: String,
    pub n_events: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShapeLine {
    pub shape: String,
    pub n_events: u64,
    pub sample: String,
    pub evidence: String,
}

/// The time axis of all series.
#[derive(Clone, Debug, Serialize)]
pub struct Plot {
    pub start: Option<String>,
    pub cell_seconds: i64,
    pub n_cells: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct SourceLine {
    pub source: String,
    pub kind: &'static str,
    pub size_bytes: u64,
    pub n_lines: u64,
    pub n_records: u64,
    pub n_events: u64,
    pub n_continuation: u64,
    pub n_cut: u64,
    pub n_torn: u64,
    pub n_injected: u64,
    pub n_unparsed: u64,
    pub n_blank: u64,
    pub problems: Vec<String>,
}

/// Most cells a plot has: it must fit beside its label into 80 columns.
const CELLS_MAX: i64 = 40;

/// Makes the report of `findings`.
pub fn build(findings: &Findings<'_>) -> Report {
    let Findings {
        scanned,
        placed,
        n_top,
        ..
    } = *findings;
    let axis = Axis::new(placed);
    let is_failure = |row: &&Failure| row.kind.severity == Severity::Failure;
    let failing: Vec<&Failure> = placed.rows.iter().filter(is_failure).collect();
    let rest: Vec<&Failure> = placed.rows.iter().filter(|row| !is_failure(row)).collect();
    // Messages and shapes are counted without their times.
    let is_part = placed.since.is_some() || placed.until.is_some();
    let mut upstreams = upstreams(&failing, &axis);
    let n_more_upstreams = upstreams.len().saturating_sub(n_top);
    upstreams.truncate(n_top);
    Report {
        format_version: FORMAT_VERSION,
        coroner_version: env!("CARGO_PKG_VERSION"),
        zone: findings.zone.zone.name().to_owned(),
        zone_assumed: findings.zone.basis == ZoneBasis::Assumed,
        span: span(&placed.rows),
        bucket: placed.width.name(),
        completeness: completeness(findings),
        config: findings.config.map(config),
        n_events: placed.rows.iter().map(|row| row.n_events).sum(),
        severities: severities(&placed.rows),
        failures: categories(&failing, &axis, findings.names),
        upstreams,
        n_more_upstreams,
        worst: worst(&failing, n_top.min(5)),
        others: categories(&rest, &axis, findings.names),
        messages: if is_part {
            Vec::new()
        } else {
            messages(scanned, n_top)
        },
        unknown: if is_part {
            Vec::new()
        } else {
            unknown(scanned, findings.names, n_top)
        },
        notes: notes(findings),
        plot: axis.plot(),
        sources: sources(findings),
    }
}

/// Cells of equal width over the span of all rows.
struct Axis {
    start: Option<Timestamp>,
    cell_s: i64,
    n_cells: usize,
}

impl Axis {
    fn new(placed: &Placed) -> Axis {
        let starts = || placed.rows.iter().filter_map(|row| row.bucket);
        let (Some(start), Some(end)) = (starts().min(), starts().max()) else {
            return Axis {
                start: None,
                cell_s: placed.width.seconds(),
                n_cells: 0,
            };
        };
        let n_buckets = (end.0 - start.0) / placed.width.seconds() + 1;
        let buckets_per_cell = (n_buckets + CELLS_MAX - 1) / CELLS_MAX;
        let n_cells = (n_buckets + buckets_per_cell - 1) / buckets_per_cell;
        Axis {
            start: Some(start),
            cell_s: buckets_per_cell * placed.width.seconds(),
            n_cells: n_cells as usize,
        }
    }

    fn series<'a>(&self, rows: impl IntoIterator<Item = &'a Failure>) -> Vec<u64> {
        let mut series = vec![0; self.n_cells];
        for row in rows {
            if let (Some(bucket), Some(start)) = (row.bucket, self.start) {
                series[((bucket.0 - start.0) / self.cell_s) as usize] += row.n_events;
            }
        }
        series
    }

    fn plot(&self) -> Plot {
        Plot {
            start: time(self.start),
            cell_seconds: self.cell_s,
            n_cells: self.n_cells,
        }
    }
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| rfc3339(time.0))
}

fn span(rows: &[Failure]) -> Option<Span> {
    let first = rows.iter().filter_map(|row| row.first_seen).min()?;
    let last = rows.iter().filter_map(|row| row.last_seen).max()?;
    Some(Span {
        first: rfc3339(first.0),
        last: rfc3339(last.0),
        seconds: last.0 - first.0,
    })
}

fn severities(rows: &[Failure]) -> Vec<SeverityLine> {
    let count = |severity: Severity| {
        rows.iter()
            .filter(|row| row.kind.severity == severity)
            .map(|row| row.n_events)
            .sum()
    };
    Severity::ALL
        .iter()
        .map(|&severity| SeverityLine {
            severity: severity.name(),
            n_events: count(severity),
        })
        .filter(|line| line.n_events > 0)
        .collect()
}

fn n_clients(rows: &[&Failure]) -> u64 {
    let mut clients = Clients::default();
    rows.iter().for_each(|row| clients.merge(&row.clients));
    clients.finish()
}

fn sum(rows: &[&Failure]) -> u64 {
    rows.iter().map(|row| row.n_events).sum()
}

fn first(rows: &[&Failure]) -> Option<String> {
    time(rows.iter().filter_map(|row| row.first_seen).min())
}

fn last(rows: &[&Failure]) -> Option<String> {
    time(rows.iter().filter_map(|row| row.last_seen).max())
}

fn categories(rows: &[&Failure], axis: &Axis, names: &Names<'_>) -> Vec<CategoryLine> {
    let mut groups: BTreeMap<(Category, Severity), Vec<&Failure>> = BTreeMap::new();
    for row in rows {
        groups
            .entry((row.kind.category, row.kind.severity))
            .or_default()
            .push(row);
    }
    let mut lines: Vec<CategoryLine> = groups
        .into_iter()
        .map(|((category, severity), rows)| CategoryLine {
            category: category.name(),
            severity: severity.name(),
            n_events: sum(&rows),
            n_clients: n_clients(&rows),
            first: first(&rows),
            last: last(&rows),
            evidence: rows
                .iter()
                .map(|row| row.evidence)
                .min()
                .map_or_else(String::new, |at| names.evidence(&at)),
            series: axis.series(rows.iter().copied()),
        })
        .collect();
    lines.sort_by_key(|line| Reverse(line.n_events)); // stable: ties stay in the order of categories
    lines
}

fn upstreams(rows: &[&Failure], axis: &Axis) -> Vec<UpstreamLine> {
    let mut groups: BTreeMap<&[u8], Vec<&Failure>> = BTreeMap::new();
    for row in rows {
        groups
            .entry(row.upstream.as_deref().unwrap_or_default())
            .or_default()
            .push(row);
    }
    let mut lines: Vec<UpstreamLine> = groups
        .into_iter()
        .map(|(upstream, rows)| UpstreamLine {
            upstream: text::for_terminal(upstream),
            n_failures: sum(&rows),
            n_clients: n_clients(&rows),
            categories: counts(&rows),
            first: first(&rows),
            last: last(&rows),
            series: axis.series(rows.iter().copied()),
        })
        .collect();
    lines.sort_by_key(|line| Reverse(line.n_failures));
    lines
}

/// Events per category, most first.
fn counts(rows: &[&Failure]) -> Vec<CategoryCount> {
    let mut counts: BTreeMap<Category, u64> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.kind.category).or_default() += row.n_events;
    }
    let mut counts: Vec<CategoryCount> = counts
        .into_iter()
        .map(|(category, n_events)| CategoryCount {
            category: category.name(),
            n_events,
        })
        .collect();
    counts.sort_by_key(|count| Reverse(count.n_events));
    counts
}

/// The buckets with the most failures, and what most of these are.
fn worst(rows: &[&Failure], n_top: usize) -> Vec<WorstBucket> {
    let mut buckets: BTreeMap<Timestamp, Vec<&Failure>> = BTreeMap::new();
    for row in rows {
        if let Some(bucket) = row.bucket {
            buckets.entry(bucket).or_default().push(row);
        }
    }
    let mut buckets: Vec<(Timestamp, Vec<&Failure>)> = buckets.into_iter().collect();
    buckets.sort_by_key(|(start, rows)| (Reverse(sum(rows)), *start));
    buckets.truncate(n_top);
    buckets
        .into_iter()
        .filter_map(|(start, rows)| {
            let mut kinds: BTreeMap<(Category, &[u8]), u64> = BTreeMap::new();
            for row in &rows {
                let upstream = row.upstream.as_deref().unwrap_or_default();
                *kinds.entry((row.kind.category, upstream)).or_default() += row.n_events;
            }
            let (&(category, upstream), &n_of_these) =
                kinds.iter().max_by_key(|(key, n)| (**n, Reverse(**key)))?;
            Some(WorstBucket {
                bucket: rfc3339(start.0),
                n_failures: sum(&rows),
                category: category.name(),
                upstream: text::for_terminal(upstream),
                n_of_these,
            })
        })
        .collect()
}

fn messages(scanned: &Scanned, n_top: usize) -> Vec<MessageLine> {
    let counts = scanned.aggregate.n_by_signature.iter().enumerate().skip(1);
    let mut lines: Vec<MessageLine> = counts
        .filter(|(_, n)| **n > 0)
        .map(|(row, &n_events)| MessageLine {
            signature: ROWS[row].id,
            message: ROWS[row].words(),
            n_events,
        })
        .collect();
    lines.sort_by_key(|line| Reverse(line.n_events));
    lines.truncate(n_top);
    lines
}

fn unknown(scanned: &Scanned, names: &Names<'_>, n_top: usize) -> Vec<ShapeLine> {
    let line = |(shape, known): (&[u8], &Shape)| ShapeLine {
        shape: text::for_terminal(shape),
        n_events: known.n_events,
        sample: text::for_terminal(&known.sample),
        evidence: names.evidence(&known.evidence),
    };
    scanned
        .aggregate
        .shapes
        .finish()
        .into_iter()
        .take(n_top)
        .map(line)
        .collect()
}

fn completeness(findings: &Findings<'_>) -> Completeness {
    let Findings {
        scanned, account, ..
    } = *findings;
    let sources = || {
        scanned
            .sources
            .iter()
            .zip(&scanned.ledgers)
            .zip(&account.sources)
    };
    let is_log = |state: &&SourceState| state.kind.is_log();
    let size_bytes: u64 = scanned
        .sources
        .iter()
        .filter(is_log)
        .map(|state| state.decoded_bytes)
        .sum();
    let understood: u64 = scanned
        .ledgers
        .iter()
        .map(|ledger| ledger.n_bytes() - ledger.bytes[LineClass::Unparsed as usize])
        .sum();
    Completeness {
        n_sources: scanned.sources.iter().filter(is_log).count(),
        n_sources_read: account
            .sources
            .iter()
            .filter(|source| source.is_read)
            .count(),
        n_sources_with_problems: account
            .sources
            .iter()
            .filter(|source| !source.problems.is_empty())
            .count(),
        size_bytes,
        bytes_read: sources()
            .filter(|(_, account)| account.is_read)
            .map(|((state, _), _)| state.decoded_bytes)
            .sum(),
        n_lines: scanned.ledgers.iter().map(|ledger| ledger.n_lines()).sum(),
        n_lines_unparsed: scanned
            .ledgers
            .iter()
            .map(|ledger| ledger.n_of(LineClass::Unparsed))
            .sum(),
        percent_understood: match size_bytes {
            0 => 100.0,
            // Rounded down: 100 means all.
            size => (understood as u128 * 10_000 / u128::from(size)) as f64 / 100.0,
        },
    }
}

fn config(config: &Config) -> ConfigLine {
    let groups = [ScopeKind::HttpUpstream, ScopeKind::StreamUpstream];
    let path = config.files.first().map(|file| &file.path[..]);
    ConfigLine {
        path: text::for_terminal(path.unwrap_or_default()),
        n_files: config.files.len(),
        n_groups: groups
            .iter()
            .map(|&kind| config.scopes_of(kind).count())
            .sum(),
        n_log_formats: config
            .log_formats()
            .iter()
            .filter(|format| format.position.is_some())
            .count(),
        n_problems: config.problems.len(),
    }
}

fn notes(findings: &Findings<'_>) -> Vec<String> {
    let Findings {
        scanned,
        placed,
        zone,
        ..
    } = *findings;
    let mut notes = Vec::new();
    match zone.basis {
        ZoneBasis::Given => {}
        ZoneBasis::Assumed => notes.push(
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
            notes.push(format!(
                "times are of zone {}, as the envelopes of {n_records} records tell{others}; --tz overrides it",
                zone.zone.name()
            ));
        }
    }
    let strangers: Vec<&str> = (0..scanned.sources.len())
        .filter(|&index| scanned.sources[index].kind == Kind::NoLog)
        .map(|index| findings.names.of(index))
        .collect();
    if !strangers.is_empty() {
        let more = if strangers.len() > 3 { ", …" } else { "" };
        let shown = strangers[..strangers.len().min(3)].join(", ");
        notes.push(format!(
            "not read, because they are no logs: {} ({shown}{more})",
            strangers.len()
        ));
    }
    if placed.since.is_some() || placed.until.is_some() {
        let bound = |time: Option<Timestamp>, open: &str| {
            time.map_or_else(|| open.to_owned(), |time| rfc3339(time.0))
        };
        let (since, until) = (
            bound(placed.since, "the beginning"),
            bound(placed.until, "the end"),
        );
        notes.push(format!("only from {since} to {until}; messages and shapes are not listed for a part of the time"));
    }
    if placed.n_ambiguous > 0 {
        let n = placed.n_ambiguous;
        notes.push(format!(
            "{n} events lie in an hour that the clock of {} passed twice or skipped",
            zone.zone.name()
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
    if scanned.aggregate.shapes.n_pooled > 0 {
        notes.push(format!(
            "{} messages have shapes past the limit of shapes kept",
            scanned.aggregate.shapes.n_pooled
        ));
    }
    notes.extend(gaps(scanned, placed).iter().map(gap));
    notes.extend(source_notes(findings));
    let n_cut: u64 = scanned
        .ledgers
        .iter()
        .map(|ledger| ledger.n_of(LineClass::Cut))
        .sum();
    if n_cut > 0 {
        notes.push(format!("{n_cut} records are cut, most often at 2,048 bytes by nginx: what they lack, such as an upstream, is unknown"));
    }
    notes
}

fn gap(gap: &Gap) -> String {
    match gap {
        Gap::Missing { set, numbers } => {
            let shown: Vec<String> = numbers.iter().take(3).map(u64::to_string).collect();
            let more = if numbers.len() > 3 { ", …" } else { "" };
            format!(
                "files of the rotation of {} are missing: {}{more}",
                text::for_terminal(set.as_bytes()),
                shown.join(", ")
            )
        }
        Gap::Silence { from, to } => format!(
            "the longest silence is from {} to {}: whether nothing failed or nothing was logged, the logs do not tell",
            rfc3339(from.0),
            rfc3339(to.0)
        ),
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
        .map(|note| text::for_terminal(note.as_bytes()))
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

fn sources(findings: &Findings<'_>) -> Vec<SourceLine> {
    let Findings {
        scanned, account, ..
    } = *findings;
    scanned
        .sources
        .iter()
        .zip(&scanned.ledgers)
        .zip(&account.sources)
        .enumerate()
        .map(|(index, ((state, ledger), account))| SourceLine {
            source: text::for_terminal(findings.names.of(index).as_bytes()),
            kind: state.kind.name(),
            size_bytes: state.size_bytes,
            n_lines: ledger.n_lines(),
            n_records: ledger.n_of(LineClass::Record),
            n_events: ledger.n_events,
            n_continuation: ledger.n_of(LineClass::Continuation),
            n_cut: ledger.n_of(LineClass::Cut),
            n_torn: ledger.n_of(LineClass::Torn),
            n_injected: ledger.n_of(LineClass::Injected),
            n_unparsed: ledger.n_of(LineClass::Unparsed),
            n_blank: ledger.n_of(LineClass::Blank),
            problems: account.problems.clone(),
        })
        .collect()
}
