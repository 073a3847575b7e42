//! The sections of the page: each a template over the report. Those with charts are made in [`charted`].

use super::{
    chart::{Spark, spark},
    charted, say,
};
use crate::report::{
    model::{
        CategoryLine, CauseLine, Causes, CheckLine, ClientLine, EvidenceLine, FindingLine,
        IncidentLine, MarkLine, MessageLine, OutageLine, PileLine, Report, RouteLine, Section,
        ShapeLine, SourceLine, StatusLine, Verdict, WorstBucket,
    },
    words::{duration, grouped, milliseconds},
};
use askama::Template;
use std::cell::Cell;

/// The markup of `section`.
pub(super) fn body(section: Section, report: &Report) -> String {
    match section {
        Section::Causes => report
            .causes
            .as_ref()
            .map_or_else(String::new, |causes| made(&CausesTable { causes })),
        Section::Findings => {
            let (lines, n_more) = first(&report.findings, FINDINGS_MAX, report.n_more_findings);
            made(&FindingsList {
                lines,
                n_more,
                n_left: Cell::new(RECORDS_MAX),
            })
        }
        Section::Checklist => made(&Checklist {
            lines: &report.checklist,
        }),
        Section::Incidents => {
            let (lines, n_more) = first(&report.incidents, INCIDENTS_MAX, report.n_more_incidents);
            made(&Incidents {
                report,
                lines,
                n_more,
            })
        }
        Section::Failures => charted::failures(report),
        Section::HeatMap => charted::heat_map(report),
        Section::Upstreams => charted::upstreams(report),
        Section::Health => {
            let (lines, n_more) = first(&report.health, say::ROWS_MAX, report.n_more_health);
            made(&Health { lines, n_more })
        }
        Section::Fingerprints => {
            let (lines, n_more) =
                first(&report.fingerprints, PILES_MAX, report.n_more_fingerprints);
            made(&Fingerprints { lines, n_more })
        }
        Section::Worst => made(&Worst {
            bucket: report.bucket,
            lines: shown(&report.worst),
        }),
        Section::Traffic => charted::traffic(report),
        Section::Routes => made(&Routes {
            lines: shown(&report.routes),
            caption: "Routes with most failed requests",
        }),
        Section::Slowest => made(&Routes {
            lines: shown(&report.slowest),
            caption: "Routes whose requests take longest, by the 99th percentile",
        }),
        Section::Clients => made(&Clients {
            lines: shown(&report.clients),
        }),
        Section::Others => made(&Categories {
            lines: &report.others,
            caption: "Events that are no gateway failures",
        }),
        Section::Messages => made(&Messages {
            lines: shown(&report.messages),
        }),
        Section::Unknown => made(&Unknown {
            lines: shown(&report.unknown),
        }),
        Section::Sources => made(&Sources {
            report,
            lines: shown(&report.sources),
            n_more: report.sources.len().saturating_sub(say::ROWS_MAX),
            has_digests: report.sources.iter().any(|line| line.sha256.is_some()),
        }),
        Section::Notes => made(&Notes {
            lines: &report.notes[..report.notes.len().min(NOTES_MAX)],
        }),
    }
}

/// The answer, before all sections.
pub(super) fn answer(report: &Report) -> String {
    made(&Answer { report })
}

pub(super) fn made(template: &impl Template) -> String {
    template.render().expect("a String takes everything")
}

/// The first `n_max`, and how many more there are, with the `n_more` that the model left out.
pub(super) fn first<T>(lines: &[T], n_max: usize, n_more: usize) -> (&[T], usize) {
    let shown = &lines[..lines.len().min(n_max)];
    (shown, lines.len() - shown.len() + n_more)
}

/// As many as a table may show.
pub(super) fn shown<T>(lines: &[T]) -> &[T] {
    &lines[..lines.len().min(say::ROWS_MAX)]
}

#[derive(Template)]
#[template(path = "answer.html")]
struct Answer<'a> {
    report: &'a Report,
}

impl Answer<'_> {
    /// Findings past those that the answer tells.
    fn n_unsaid(&self) -> usize {
        (self.report.findings.len() + self.report.n_more_findings).saturating_sub(4)
    }
}

/// Findings told one by one: each has some kilobytes of text.
const FINDINGS_MAX: usize = 16;

/// Incidents told one by one: each has tables of its own.
pub(super) const INCIDENTS_MAX: usize = 10;

#[derive(Template)]
#[template(path = "incidents.html")]
struct Incidents<'a> {
    report: &'a Report,
    lines: &'a [IncidentLine],
    n_more: usize,
}

/// `2 worker-crash, 17:20:31 to 17:20:40`: what happened to the gateway then.
fn state(mark: &MarkLine) -> String {
    match mark.n_events {
        1 => format!("{} at {}", mark.what, mark.first),
        n => format!(
            "{} {}, {} to {}",
            grouped(n),
            mark.what,
            mark.first,
            mark.last
        ),
    }
}

#[derive(Template)]
#[template(path = "health.html")]
struct Health<'a> {
    lines: &'a [OutageLine],
    n_more: usize,
}

/// Piles that are told: there are seldom more than three.
const PILES_MAX: usize = 8;

#[derive(Template)]
#[template(path = "fingerprints.html")]
struct Fingerprints<'a> {
    lines: &'a [PileLine],
    n_more: usize,
}

#[derive(Template)]
#[template(path = "causes.html")]
struct CausesTable<'a> {
    causes: &'a Causes,
}

impl CausesTable<'_> {
    /// Causes by the status they made, those of masked failures last.
    fn rows(&self) -> impl Iterator<Item = (String, &CauseLine)> {
        let of_status = |status: &'_ StatusLine| format!("{:03}", status.status);
        let seen = self.causes.statuses.iter().flat_map(move |status| {
            let causes = status.causes.iter().take(say::ROWS_MAX);
            causes.map(move |cause| (of_status(status), cause))
        });
        let masked = self.causes.masked.iter().take(say::ROWS_MAX);
        seen.chain(masked.map(|cause| ("masked".to_owned(), cause)))
    }
}

#[derive(Template)]
#[template(path = "categories.html")]
pub(super) struct Categories<'a> {
    pub(super) lines: &'a [CategoryLine],
    pub(super) caption: &'static str,
}

impl<'a> Categories<'a> {
    fn spark(&self, line: &'a CategoryLine) -> Spark<'a> {
        spark(line.category, &line.series)
    }
}

#[derive(Template)]
#[template(path = "worst.html")]
struct Worst<'a> {
    bucket: &'static str,
    lines: &'a [WorstBucket],
}

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsList<'a> {
    lines: &'a [FindingLine],
    n_more: usize,
    /// Bytes that whole records may still take.
    n_left: Cell<usize>,
}

/// Bytes of the page that whole records may take, and one line of them: nginx cuts its own at 4,096.
const RECORDS_MAX: usize = 128 << 10;
const RECORD_LINE_MAX: usize = 16 << 10;

impl FindingsList<'_> {
    /// What stands at `exhibit`: the whole record while there is room, else the beginning of its message.
    fn quote(&self, exhibit: &EvidenceLine) -> String {
        let lines = exhibit.lines.iter();
        let lines: Vec<String> = lines
            .map(|line| say::clean(line, RECORD_LINE_MAX))
            .collect();
        let whole = lines.join("\n");
        // As escaping will write them, at most.
        let n_bytes = whole
            .bytes()
            .map(|byte| if b"&<>\"'".contains(&byte) { 5 } else { 1 })
            .sum();
        match self.n_left.get().checked_sub(n_bytes) {
            Some(n_left) if !whole.is_empty() => {
                self.n_left.set(n_left);
                whole
            }
            _ => say::text(&exhibit.quote),
        }
    }
}

#[derive(Template)]
#[template(path = "checklist.html")]
struct Checklist<'a> {
    lines: &'a [CheckLine],
}

#[derive(Template)]
#[template(path = "routes.html")]
struct Routes<'a> {
    lines: &'a [RouteLine],
    caption: &'static str,
}

#[derive(Template)]
#[template(path = "clients.html")]
struct Clients<'a> {
    lines: &'a [ClientLine],
}

#[derive(Template)]
#[template(path = "messages.html")]
struct Messages<'a> {
    lines: &'a [MessageLine],
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct Unknown<'a> {
    lines: &'a [ShapeLine],
}

#[derive(Template)]
#[template(path = "sources.html")]
struct Sources<'a> {
    report: &'a Report,
    lines: &'a [SourceLine],
    n_more: usize,
    has_digests: bool,
}

/// Problems of one source that are shown.
const PROBLEMS_MAX: usize = 3;

/// More than the model makes.
const NOTES_MAX: usize = 40;

#[derive(Template)]
#[template(path = "notes.html")]
struct Notes<'a> {
    lines: &'a [String],
}
