//! The sections of the page: each a template over the report, and the charts in it.

use super::{
    chart::{self, Chart, Series, Spark, spark, stacked},
    say,
};
use crate::{
    export::time::rfc3339,
    report::{
        model::{
            CategoryLine, CauseLine, Causes, CheckLine, ClientLine, EvidenceLine, FindingLine,
            IncidentLine, MarkLine, MessageLine, OutageLine, PileLine, Plot, Report, RouteLine,
            Section, ShapeLine, SourceLine, StatusLine, TrafficLine, UpstreamLine, WorstBucket,
        },
        words::{duration, grouped, milliseconds},
    },
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
            let n_shown = report.findings.len().min(FINDINGS_MAX);
            made(&FindingsList {
                lines: &report.findings[..n_shown],
                n_more: report.findings.len() - n_shown + report.n_more_findings,
                n_left: Cell::new(RECORDS_MAX),
            })
        }
        Section::Checklist => made(&Checklist {
            lines: &report.checklist,
        }),
        Section::Incidents => made(&Incidents {
            report,
            lines: &report.incidents[..report.incidents.len().min(INCIDENTS_MAX)],
        }),
        Section::Failures => failures(report),
        Section::Upstreams => upstreams(report),
        Section::Health => made(&Health {
            report,
            lines: shown(&report.health),
        }),
        Section::Fingerprints => made(&Fingerprints {
            report,
            lines: &report.fingerprints[..report.fingerprints.len().min(PILES_MAX)],
        }),
        Section::Worst => made(&Worst {
            bucket: report.bucket,
            lines: shown(&report.worst),
        }),
        Section::Traffic => traffic(report),
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

fn made(template: &impl Template) -> String {
    template.render().expect("a String takes everything")
}

/// As many as a table may show.
fn shown<T>(lines: &[T]) -> &[T] {
    &lines[..lines.len().min(say::ROWS_MAX)]
}

#[derive(Template)]
#[template(path = "answer.html")]
struct Answer<'a> {
    report: &'a Report,
}

/// Findings told one by one: each has some kilobytes of text.
const FINDINGS_MAX: usize = 30;

/// Incidents told one by one: each has tables of its own.
const INCIDENTS_MAX: usize = 10;

#[derive(Template)]
#[template(path = "incidents.html")]
struct Incidents<'a> {
    report: &'a Report,
    lines: &'a [IncidentLine],
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
    report: &'a Report,
    lines: &'a [OutageLine],
}

/// Piles that are told: there are seldom more than three.
const PILES_MAX: usize = 8;

#[derive(Template)]
#[template(path = "fingerprints.html")]
struct Fingerprints<'a> {
    report: &'a Report,
    lines: &'a [PileLine],
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
struct Categories<'a> {
    lines: &'a [CategoryLine],
    caption: &'static str,
}

impl<'a> Categories<'a> {
    fn spark(&self, line: &'a CategoryLine) -> Spark<'a> {
        spark(line.category, &line.series)
    }
}

/// Categories by colour in one chart; the rest is one more.
const SERIES_MAX: usize = 8;

#[derive(Template)]
#[template(path = "failures.html")]
struct Failures<'a> {
    timeline: Timeline<'a>,
    table: Categories<'a>,
}

fn failures(report: &Report) -> String {
    let rest = rest(report);
    let mut series: Vec<Series<'_>> = report
        .failures
        .iter()
        .take(SERIES_MAX)
        .map(series_of)
        .collect();
    if report.failures.len() > SERIES_MAX {
        series.push(Series {
            name: "others",
            class: "rest",
            counts: &rest,
        });
    }
    let is_state = |line: &&CategoryLine| line.severity == "state";
    let states = report.others.iter().filter(is_state);
    let marks: Vec<Series<'_>> = states.map(series_of).collect();
    let title = format!("Failures per {}, by category", cell(report));
    let description = description(report);
    made(&Failures {
        timeline: timeline(("time", &title, &description), series, &marks, &report.plot),
        table: Categories {
            lines: &report.failures,
            caption: "Failures by category, most first",
        },
    })
}

fn series_of(line: &CategoryLine) -> Series<'_> {
    Series {
        name: line.category,
        class: line.category,
        counts: &line.series,
    }
}

/// Categories past those with a colour of their own, together.
fn rest(report: &Report) -> Vec<u64> {
    let mut rest = vec![0; report.plot.n_cells];
    for line in report.failures.iter().skip(SERIES_MAX) {
        for (sum, n) in rest.iter_mut().zip(&line.series) {
            *sum += n;
        }
    }
    rest
}

/// How long a cell of the series is.
fn cell(report: &Report) -> String {
    duration(report.plot.cell_seconds)
}

/// What the chart shows, for those who cannot see it.
fn description(report: &Report) -> String {
    let answer = &report.answer;
    let worst = report.worst.first().map_or_else(String::new, |worst| {
        format!(
            " The worst bucket of {} starts at {} with {}.",
            report.bucket,
            worst.bucket,
            grouped(worst.n_failures)
        )
    });
    format!(
        "{} failures from {} to {}.{worst} The numbers follow as a table.",
        grouped(answer.n_failures),
        answer.first.as_deref().unwrap_or("an unknown time"),
        answer.last.as_deref().unwrap_or("an unknown time"),
    )
}

/// A chart over the whole time, for screens and for phones, with its legend and its numbers.
#[derive(Template)]
#[template(path = "timeline.html")]
struct Timeline<'a> {
    plot: &'a Plot,
    series: Vec<Series<'a>>,
    wide: Chart<'a>,
    narrow: Chart<'a>,
}

/// A bar of the chart as a row of numbers: when, in all, by series.
struct Numbers {
    time: String,
    total: u64,
    counts: Vec<u64>,
}

fn timeline<'a>(
    text: (&'a str, &'a str, &'a str),
    series: Vec<Series<'a>>,
    marks: &[Series<'a>],
    plot: &'a Plot,
) -> Timeline<'a> {
    Timeline {
        plot,
        wide: stacked(text, &series, marks, plot, chart::WIDE),
        narrow: stacked(text, &series, marks, plot, chart::NARROW),
        series,
    }
}

impl Timeline<'_> {
    /// Names, colours and totals.
    fn legend(&self) -> Vec<(&str, &str, u64)> {
        let total = |series: &Series<'_>| series.counts.iter().sum();
        let all = self.series.iter();
        all.map(|one| (one.name, one.class, total(one))).collect()
    }

    /// Cells in which something is counted.
    fn numbers(&self) -> Vec<Numbers> {
        let row = |cell: usize| {
            let at = self.plot.start_s + self.plot.cell_seconds * cell as i64;
            let counts: Vec<u64> = self.series.iter().map(|s| s.counts[cell]).collect();
            Numbers {
                time: say::time(rfc3339(at)),
                total: counts.iter().sum(),
                counts,
            }
        };
        let rows = (0..self.plot.n_cells).map(row);
        rows.filter(|row| row.total > 0).collect()
    }
}

/// Upstreams that get a chart; the table has more.
const CHARTS_MAX: usize = 12;

#[derive(Template)]
#[template(path = "upstreams.html")]
struct Upstreams<'a> {
    lines: &'a [UpstreamLine],
    n_more: usize,
    charts: Vec<(String, u64, Chart<'a>)>,
}

fn upstreams(report: &Report) -> String {
    let lines = shown(&report.upstreams);
    let charted = &lines[..lines.len().min(CHARTS_MAX)];
    let ids: Vec<String> = (0..charted.len())
        .map(|n| format!("upstream-{n}"))
        .collect();
    let names: Vec<String> = charted.iter().map(|line| say::text(line.name())).collect();
    let descriptions: Vec<String> = charted.iter().map(kinds).collect();
    let charts = charted
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let series: Vec<Series<'_>> = line
                .categories
                .iter()
                .map(|count| Series {
                    name: count.category,
                    class: count.category,
                    counts: &count.series,
                })
                .collect();
            let text = (
                ids[index].as_str(),
                names[index].as_str(),
                descriptions[index].as_str(),
            );
            let chart = stacked(text, &series, &[], &report.plot, chart::SMALL);
            (names[index].clone(), line.n_failures, chart)
        })
        .collect();
    made(&Upstreams {
        lines,
        n_more: report.n_more_upstreams + report.upstreams.len() - lines.len(),
        charts,
    })
}

/// `67 socket-missing, 64 refused`.
fn kinds(line: &UpstreamLine) -> String {
    let kinds = line.categories.iter();
    let kinds: Vec<String> = kinds
        .map(|count| format!("{} {}", grouped(count.n_events), count.category))
        .collect();
    kinds.join(", ")
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
const RECORDS_MAX: usize = 160 << 10;
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
#[template(path = "traffic.html")]
struct Traffic<'a> {
    timeline: Option<Timeline<'a>>,
    lines: &'a [TrafficLine],
    n_more: usize,
}

impl Traffic<'_> {
    fn spark<'a>(&self, line: &'a TrafficLine) -> Spark<'a> {
        spark("failed", &line.series)
    }
}

fn traffic(report: &Report) -> String {
    let lines = shown(&report.traffic);
    let requests = report.requests.as_ref();
    let answered: Vec<u64> = requests.map_or_else(Vec::new, |all| {
        let cells = all.series.iter().zip(&all.series_5xx);
        cells.map(|(n, n_5xx)| n - n_5xx).collect()
    });
    let title = format!("Requests per {}", cell(report));
    let description = requests.map_or_else(String::new, |all| all.text());
    let timeline = requests.map(|all| {
        let series = vec![
            Series {
                name: "5xx",
                class: "failed",
                counts: &all.series_5xx,
            },
            Series {
                name: "other answers",
                class: "answered",
                counts: &answered,
            },
        ];
        timeline(
            ("requests", &title, &description),
            series,
            &[],
            &report.plot,
        )
    });
    made(&Traffic {
        timeline,
        lines,
        n_more: report.n_more_traffic + report.traffic.len() - lines.len(),
    })
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
