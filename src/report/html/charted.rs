//! The sections that show how something went over time: charts with their legends, and the same numbers as tables.

use super::{
    chart::{self, Chart, Happened, Series, Spark, Stretch, spark, stacked},
    heat::{self, Heat},
    pace, say,
    sections::{Categories, INCIDENTS_MAX, first, made, shown},
};
use crate::{
    export::time::rfc3339,
    report::{
        model::{CategoryLine, HeatRow, IncidentLine, Plot, Report, TrafficLine, UpstreamLine},
        words::{duration, grouped, milliseconds, plural},
    },
};
use askama::Template;

/// Categories by colour in one chart; the rest is one more.
const SERIES_MAX: usize = 8;

/// When what failed, and what happened then: before all details, and no section of other forms.
#[derive(Template)]
#[template(path = "over_time.html")]
struct OverTime<'a> {
    timeline: Timeline<'a>,
    incidents: &'a [IncidentLine],
    n_more: usize,
}

/// Nothing where nothing failed.
pub(super) fn over_time(report: &Report) -> Option<String> {
    if report.failures.is_empty() {
        return None;
    }
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
    let stretches: Vec<Stretch> = report.incidents.iter().map(stretch_of).collect();
    let happened = Happened {
        incidents: &stretches,
        states: &marks,
    };
    let numbers = format!("Failures per {}, by category", cell(report));
    let description = description(report);
    let (incidents, n_more) = first(&report.incidents, INCIDENTS_MAX, report.n_more_incidents);
    Some(made(&OverTime {
        timeline: timeline(
            ("when", "Failures by category", &description),
            &numbers,
            series,
            happened,
            &report.plot,
        ),
        incidents,
        n_more,
    }))
}

pub(super) fn failures(report: &Report) -> String {
    made(&Categories {
        lines: &report.failures,
        caption: "Failures by category, most first",
    })
}

fn stretch_of(incident: &IncidentLine) -> Stretch {
    Stretch {
        from_s: incident.start_s,
        until_s: incident.start_s + incident.seconds,
    }
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
    /// What the table of numbers shows: of the plot's cells, which the drawings may sum.
    numbers: &'a str,
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
    numbers: &'a str,
    series: Vec<Series<'a>>,
    happened: Happened<'a>,
    plot: &'a Plot,
) -> Timeline<'a> {
    Timeline {
        numbers,
        plot,
        wide: stacked(text, &series, happened, plot, chart::WIDE),
        narrow: stacked(text, &series, happened, plot, chart::NARROW),
        series,
    }
}

impl Timeline<'_> {
    /// How long the bars of the wide drawing and of the narrow one are.
    fn steps(&self) -> [(&'static str, String); 2] {
        [("wide", &self.wide), ("narrow", &self.narrow)]
            .map(|(class, chart)| (class, duration(chart.step_s)))
    }

    /// Names, colours and totals.
    fn legend(&self) -> Vec<(&str, &str, u64)> {
        let total = |series: &Series<'_>| series.counts.iter().sum();
        let all = self.series.iter();
        all.map(|one| (one.name, one.class, total(one))).collect()
    }

    /// Cells in which something is counted.
    fn rows(&self) -> Vec<Numbers> {
        let row = |cell: usize| {
            let counts: Vec<u64> = self.series.iter().map(|s| s.counts[cell]).collect();
            Numbers {
                time: time_of(self.plot, cell),
                total: counts.iter().sum(),
                counts,
            }
        };
        let rows = (0..self.plot.n_cells).map(row);
        rows.filter(|row| row.total > 0).collect()
    }
}

#[derive(Template)]
#[template(path = "heat_map.html")]
struct HeatMap<'a> {
    lines: &'a [HeatRow],
    plot: &'a Plot,
    title: String,
    /// What the table of numbers shows.
    numbers: String,
    wide: Heat,
    narrow: Heat,
}

pub(super) fn heat_map(report: &Report) -> String {
    let (lines, plot) = (&report.heat_map[..], &report.columns);
    let title = "Failures by upstream: the stronger the colour, the more".to_owned();
    let told = |line: &HeatRow| format!("{} at {}", grouped(line.n_failures), line.name());
    let told: Vec<String> = lines.iter().take(3).map(told).collect();
    let description = format!(
        "A row per upstream, a cell per stretch of time. {}{}. The numbers follow as a table.",
        say::note(&told.join(", ")),
        if lines.len() > 3 { " and so on" } else { "" }
    );
    let text = || (title.clone(), description.clone());
    made(&HeatMap {
        lines,
        plot,
        wide: heat::map(text(), lines, plot, heat::WIDE),
        narrow: heat::map(text(), lines, plot, heat::NARROW),
        numbers: format!("Failures per {}, by upstream", duration(plot.cell_seconds)),
        title: title.clone(),
    })
}

impl HeatMap<'_> {
    /// The legends of both drawings, whose cells are not equally long.
    fn legends(&self) -> [(&'static str, String, heat::Legend); 2] {
        let sizes = [
            ("wide", heat::WIDE, &self.wide),
            ("narrow", heat::NARROW, &self.narrow),
        ];
        sizes.map(|(class, size, map)| {
            let steps = heat::steps_of(self.lines, self.plot, size);
            (class, duration(map.step_s), heat::legend(steps))
        })
    }

    /// A name as the head of a column.
    fn short(&self, line: &HeatRow) -> String {
        short(&line.name())
    }

    fn n_without_time(&self) -> u64 {
        self.lines.iter().map(|line| line.n_without_time).sum()
    }

    /// Columns in which anything failed, as rows: when it began, and the failures of each upstream.
    fn rows(&self) -> Vec<(String, Vec<u64>)> {
        let row = |cell: usize| {
            let counts = self.lines.iter().map(|line| line.counts[cell]).collect();
            (time_of(self.plot, cell), counts)
        };
        let rows = (0..self.plot.n_cells).map(row);
        rows.filter(|(_, counts): &(_, Vec<u64>)| counts.iter().any(|n| *n > 0))
            .collect()
    }
}

/// When a cell of `plot` begins.
fn time_of(plot: &Plot, cell: usize) -> String {
    say::time(rfc3339(plot.start_s + plot.cell_seconds * cell as i64))
}

/// A name that may be told hundreds of times.
fn short(name: &str) -> String {
    heat::shortened(&say::text(name), 48)
}

/// Upstreams that get a chart; the table has more.
const CHARTS_MAX: usize = 9;

#[derive(Template)]
#[template(path = "upstreams.html")]
struct Upstreams<'a> {
    lines: &'a [UpstreamLine],
    n_more: usize,
    charts: Vec<(String, u64, Chart<'a>)>,
}

pub(super) fn upstreams(report: &Report) -> String {
    let lines = shown(&report.upstreams);
    let charted = &lines[..lines.len().min(CHARTS_MAX)];
    let ids: Vec<String> = (0..charted.len())
        .map(|n| format!("upstream-{n}"))
        .collect();
    let names: Vec<String> = charted.iter().map(|line| say::text(line.name())).collect();
    let descriptions: Vec<String> = charted.iter().map(kinds).collect();
    let series: Vec<Vec<Series<'_>>> = charted.iter().map(series_of_upstream).collect();
    let heights = series
        .iter()
        .map(|series| chart::highest(series, &report.plot, chart::SMALL));
    let most = heights.max().unwrap_or(0);
    let charts = charted
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let text = (&ids[index][..], &names[index][..], &descriptions[index][..]);
            let series = &series[index];
            let chart = chart::stacked_up_to(
                most,
                text,
                series,
                Happened::default(),
                &report.plot,
                chart::SMALL,
            );
            (names[index].clone(), line.n_failures, chart)
        })
        .collect();
    made(&Upstreams {
        lines,
        n_more: report.n_more_upstreams + report.upstreams.len() - lines.len(),
        charts,
    })
}

fn series_of_upstream(line: &UpstreamLine) -> Vec<Series<'_>> {
    let of_category = line.categories.iter().map(|count| Series {
        name: count.category,
        class: count.category,
        counts: &count.series,
    });
    of_category.collect()
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
#[template(path = "traffic.html")]
struct Traffic<'a> {
    timeline: Option<Timeline<'a>>,
    paces: String,
    lines: &'a [TrafficLine],
    n_more: usize,
}

impl Traffic<'_> {
    fn spark<'a>(&self, line: &'a TrafficLine) -> Spark<'a> {
        spark("failed", &line.series)
    }
}

pub(super) fn traffic(report: &Report) -> String {
    let lines = shown(&report.traffic);
    let requests = report.requests.as_ref();
    let answered: Vec<u64> = requests.map_or_else(Vec::new, |all| {
        let cells = all.series.iter().zip(&all.series_5xx);
        cells.map(|(n, n_5xx)| n - n_5xx).collect()
    });
    let stretches: Vec<Stretch> = report.incidents.iter().map(stretch_of).collect();
    let numbers = format!("Requests per {}", cell(report));
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
            ("requests", "Requests", &description),
            &numbers,
            series,
            Happened {
                incidents: &stretches,
                states: &[],
            },
            &report.plot,
        )
    });
    made(&Traffic {
        timeline,
        paces: paces(report),
        lines,
        n_more: report.n_more_traffic + report.traffic.len() - lines.len(),
    })
}

/// Upstreams over time, in charts that compare.
#[derive(Template)]
#[template(path = "paces.html")]
struct Paces<'a> {
    plot: &'a Plot,
    column: String,
    charts: Vec<(String, &'a TrafficLine, pace::Chart<'a>)>,
    has_times: bool,
    /// One of the charts is of what met no upstream.
    has_none: bool,
    n_more: usize,
}

/// A column of one chart as a row of numbers.
struct PaceNumbers {
    time: String,
    n: u64,
    n_failed: u64,
    quantiles: [Option<u32>; 3],
}

fn paces(report: &Report) -> String {
    let plot = &report.columns;
    let lines = &report.traffic[..report.traffic.len().min(CHARTS_MAX)];
    let scales = pace::Scales::of(lines.iter().map(|line| &line.pace));
    let ids: Vec<String> = (0..lines.len()).map(|n| format!("pace-{n}")).collect();
    let names: Vec<String> = lines.iter().map(|line| say::text(line.name())).collect();
    let charts = lines.iter().enumerate().map(|(index, line)| {
        let text = (&ids[index][..], &names[index][..], pace_told(line));
        let chart = pace::chart(text, &line.pace, plot, &scales);
        (names[index].clone(), line, chart)
    });
    made(&Paces {
        plot,
        column: duration(plot.cell_seconds),
        charts: charts.collect(),
        has_times: lines.iter().any(|line| line.pace.has_times()),
        has_none: lines.iter().any(|line| line.upstream.is_empty()),
        n_more: report.traffic.len() - lines.len() + report.n_more_traffic,
    })
}

/// `1,200 attempts, 57 failed`, of what met no upstream `1,200 requests, 3 answered 5xx`; with its quantiles.
fn pace_told(line: &TrafficLine) -> String {
    let counted = |n: u64, word: &str| format!("{} {}", grouped(n), plural(n, word));
    let mut text = match line.upstream.is_empty() {
        true => format!(
            "{}, {} answered 5xx",
            counted(line.n_requests, "request"),
            grouped(line.n_5xx)
        ),
        false => format!(
            "{}, {} failed",
            counted(line.n_attempts, "attempt"),
            grouped(line.n_failed_attempts)
        ),
    };
    // The chart of requests that met none has their whole times.
    let quantiles = match line.upstream.is_empty() {
        true => (None, None),
        false => (line.response_ms_p50, line.response_ms_p99),
    };
    if let (Some(p50), Some(p99)) = quantiles {
        let (p50, p99) = (milliseconds(Some(p50)), milliseconds(Some(p99)));
        text.push_str(&format!("; p50 {p50}, p99 {p99}"));
    }
    text
}

impl Paces<'_> {
    fn told(&self, line: &TrafficLine) -> String {
        pace_told(line)
    }

    /// Columns in which anything was tried.
    fn numbers(&self, line: &TrafficLine) -> Vec<PaceNumbers> {
        let pace = &line.pace;
        let row = |cell: usize| PaceNumbers {
            time: time_of(self.plot, cell),
            n: pace.n[cell],
            n_failed: pace.n_failed[cell],
            quantiles: [&pace.ms_p50, &pace.ms_p90, &pace.ms_p99].map(|all| all[cell]),
        };
        let rows = (0..self.plot.n_cells).map(row);
        rows.filter(|row| row.n > 0).collect()
    }
}
