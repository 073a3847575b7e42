//! A comparison as one page, with the promises of the report's: one file, no requests, nothing of a log is markup.

use super::{lock, say};
use crate::{
    export::time::rfc3339,
    report::compare::{ComparisonReport, Cut, RateLine, RateSide, RowLine, SideLine},
    words::{duration, grouped, milliseconds, plural},
};
use askama::Template;

/// The whole page. The same comparison gives the same bytes.
pub fn render(report: &ComparisonReport) -> String {
    let page = Page {
        report,
        headline: headline(report.verdict),
        mood: mood(report.verdict),
        policy: lock::policy(),
        style: lock::STYLE,
        script: lock::SCRIPT,
    };
    page.render().expect("a String takes everything")
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Page<'a> {
    report: &'a ComparisonReport,
    headline: &'static str,
    mood: &'static str,
    policy: String,
    style: &'static str,
    script: &'static str,
}

/// What stands over the page.
fn headline(verdict: &str) -> &'static str {
    match verdict {
        "fixed" => "Fixed",
        "better" => "Better, but not fixed",
        "same" => "Not fixed: as before",
        "worse" => "Worse than before",
        _ => "It cannot be told yet",
    }
}

/// The colour of a verdict.
fn mood(verdict: &str) -> &'static str {
    match verdict {
        "fixed" | "better" => "good",
        "worse" | "same" => "bad",
        _ => "unsure",
    }
}

impl Page<'_> {
    /// Anchors and titles of the sections that are there.
    fn contents(&self) -> Vec<(&'static str, &'static str)> {
        let report = self.report;
        let tables = [
            ("failures", "Failures", report.rows.is_empty()),
            ("messages", "Messages", report.messages.is_empty()),
            ("statuses", "Answers to clients", report.statuses.is_empty()),
            ("routes", "Routes", report.routes.is_empty()),
            ("times", "Times of answers", report.times.is_empty()),
        ];
        let tables = tables.into_iter().filter(|(.., is_empty)| !is_empty);
        let lists = self.lists().into_iter();
        tables
            .map(|(name, title, _)| (name, title))
            .chain(lists.map(|(name, title, _)| (name, title)))
            .collect()
    }

    fn lists(&self) -> Vec<(&'static str, &'static str, &[String])> {
        let report = self.report;
        let lists = [
            ("problems", "Not read, or not whole", &report.problems[..]),
            (
                "doubts",
                "Where the comparison may be unfair",
                &report.doubts,
            ),
            ("rules", "How this is judged", &report.rules),
        ];
        lists
            .into_iter()
            .filter(|(.., lines)| !lines.is_empty())
            .collect()
    }

    fn mood(&self, verdict: &str) -> &'static str {
        mood(verdict)
    }

    /// `180 (5 %, 4.3 to 5.8 %)`
    fn failures(&self, side: &RateSide) -> String {
        let rate = self.report.total.words(side);
        format!(
            "{} in {}: {rate}",
            grouped(side.n),
            self.of(&self.report.total, side)
        )
    }

    /// `3,600 requests`, `2 h 5 m`
    fn of(&self, rate: &RateLine, side: &RateSide) -> String {
        match rate.unit {
            "seconds" => duration(i64::try_from(side.of).unwrap_or(i64::MAX)),
            unit => format!(
                "{} {}",
                grouped(side.of),
                plural(side.of, unit.trim_end_matches('s'))
            ),
        }
    }

    fn side(&self, side: &SideLine) -> String {
        let sources = say::count(side.n_sources) + " " + &say::plural(side.n_sources, "source");
        let (Some(first), Some(last)) = (&side.first, &side.last) else {
            return format!("{sources}, nothing with a time");
        };
        let requests = side.n_requests.map_or_else(String::new, |n| {
            format!(", {} {}", grouped(n), plural(n, "request"))
        });
        format!(
            "{} to {} ({}), {sources}{requests}, {} {}",
            say::time(first),
            say::time_after(last, first),
            duration(i64::try_from(side.covered_seconds).unwrap_or(i64::MAX)),
            grouped(side.n_failures),
            plural(side.n_failures, "failure")
        )
    }

    fn cut_time(&self, cut: &Cut) -> String {
        say::time(rfc3339(cut.at.0))
    }

    /// When they were seen last, or came up.
    fn when(&self, line: &RowLine) -> String {
        match (&line.last_before, &line.first_after, &line.last_after) {
            (Some(last), None, _) => format!("last {}", say::time(last)),
            (None, Some(first), _) => format!("first {}", say::time(first)),
            (_, _, Some(last)) => format!("last {}", say::time(last)),
            _ => "-".to_owned(),
        }
    }

    /// As many as a table may show, whatever `--top` says.
    fn shown<'l, T>(&self, lines: &'l [T]) -> &'l [T] {
        &lines[..lines.len().min(say::ROWS_MAX)]
    }

    /// What `--top`, and the limit of a table, left out.
    fn more(&self, n_more: &usize, n_lines: usize) -> String {
        match n_more + n_lines.saturating_sub(say::ROWS_MAX) {
            0 => String::new(),
            n => format!(
                "<p>and {} more; <code>--top</code> shows up to {}, <code>-o x.json</code> as many as asked for.</p>",
                grouped(n as u64),
                say::ROWS_MAX
            ),
        }
    }

    /// Both rates with their intervals, on a scale of their own.
    fn bars(&self, rate: &RateLine) -> String {
        let sides = [("before", 7.0, &rate.before), ("after", 19.0, &rate.after)];
        let highest = sides
            .iter()
            .filter_map(|(.., side)| side.high)
            .fold(0.0, f64::max);
        let x = |value: f64| 5.0 + 150.0 * value / highest;
        let sides = sides.into_iter().filter_map(|(class, y, side)| {
            let (rate, low, high) = (side.rate?, side.low?, side.high?);
            (highest > 0.0).then(|| Interval {
                class,
                y,
                rate: x(rate),
                low: x(low),
                high: x(high),
            })
        });
        let intervals = Intervals {
            sides: sides.collect(),
        };
        intervals.render().expect("a String takes everything")
    }
}

/// A rate and the bounds of its interval, in units of the picture.
struct Interval {
    class: &'static str,
    y: f64,
    rate: f64,
    low: f64,
    high: f64,
}

#[derive(Template)]
#[template(path = "interval.html")]
struct Intervals {
    sides: Vec<Interval>,
}
