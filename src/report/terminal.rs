//! The report as text, for 80 columns and more, with or without colour.

use super::model::{CategoryCount, CategoryLine, Completeness, ConfigLine, Report, UpstreamLine};
use crate::text::{truncated, wrapped};
use anstyle::{AnsiColor, Style as Ansi};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use std::fmt::Write;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Colour,
    Plain,
}

/// The whole report, `width` columns wide.
pub fn render(report: &Report, style: Style, width: usize) -> String {
    let mut page = Page {
        out: String::new(),
        style,
        width,
    };
    page.head(report);
    page.failures(report);
    page.upstreams(report);
    page.worst(report);
    page.others(report);
    page.messages(report);
    page.unknown(report);
    page.sources(report);
    page.notes(report);
    page.out
}

struct Page {
    out: String,
    style: Style,
    width: usize,
}

/// Sources with problems that are shown.
const PROBLEMS_MAX: usize = 12;

const TITLE: Ansi = Ansi::new().bold();
const BAD: Ansi = AnsiColor::Red.on_default().bold();
const GOOD: Ansi = AnsiColor::Green.on_default();
const DIM: Ansi = Ansi::new().dimmed();

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn styled(&self, ansi: Ansi, text: &str) -> String {
        match self.style {
            Style::Colour => format!("{ansi}{text}{ansi:#}"),
            Style::Plain => text.to_owned(),
        }
    }

    fn title(&mut self, text: &str) {
        let title = self.styled(TITLE, text);
        self.line("");
        self.line(&title);
    }

    /// A labelled line at the top.
    fn fact(&mut self, label: &str, text: &str) {
        let label = self.styled(DIM, &format!("{label:<9}"));
        let width = self.width.saturating_sub(9);
        let mut lines = wrapped(text, width).into_iter();
        let first = lines.next().unwrap_or_default();
        self.line(&format!("{label}{first}"));
        for line in lines {
            self.line(&format!("{:9}{line}", ""));
        }
    }

    fn head(&mut self, report: &Report) {
        let n_failures = report
            .failures
            .iter()
            .map(|line| line.n_events)
            .sum::<u64>();
        let verdict = match n_failures {
            0 => self.styled(GOOD, "no gateway failure"),
            n => self.styled(
                BAD,
                &format!("{} gateway {}", grouped(n), plural(n, "failure")),
            ),
        };
        let headline = headline(report);
        self.line(&format!("{verdict}{headline}"));
        self.line("");
        self.fact("read", &read(&report.completeness));
        if let Some(config) = &report.config {
            self.fact("config", &config_text(config));
        }
        if let Some(span) = &report.span {
            let text = format!(
                "{} to {} ({}), buckets of {}",
                span.first,
                span.last,
                duration(span.seconds),
                report.bucket
            );
            self.fact("span", &text);
        }
        let zone = if report.zone_assumed {
            format!("{}, assumed", report.zone)
        } else {
            report.zone.clone()
        };
        self.fact("zone", &zone);
        let events: Vec<String> = report
            .severities
            .iter()
            .map(|line| format!("{} {}", grouped(line.n_events), line.severity))
            .collect();
        let events = if events.is_empty() {
            "none".to_owned()
        } else {
            events.join(", ")
        };
        self.fact("events", &events);
    }

    fn failures(&mut self, report: &Report) {
        if report.failures.is_empty() {
            return;
        }
        self.title("Failures by category");
        self.categories(&report.failures, report);
    }

    fn categories(&mut self, lines: &[CategoryLine], report: &Report) {
        let mut table = self.table();
        table.set_header(vec![
            "",
            "events",
            "clients",
            "first",
            "last",
            &axis(report),
        ]);
        for line in lines {
            let (first, last) = (clock(&line.first, report), clock(&line.last, report));
            let plot = sparkline(&line.series, self.plot_width());
            table.add_row(vec![
                line.category.to_owned(),
                grouped(line.n_events),
                grouped(line.n_clients),
                first,
                last,
                plot,
            ]);
        }
        self.show(table, &[1, 2]);
    }

    fn upstreams(&mut self, report: &Report) {
        if report.upstreams.is_empty() {
            return;
        }
        self.title("Failures by upstream");
        let name_width = self.width.saturating_sub(40).clamp(30, 70);
        let mut table = self.table();
        table.set_header(vec!["", "events", "clients", &axis(report)]);
        for line in &report.upstreams {
            let name = if line.upstream.is_empty() {
                "(none named)"
            } else {
                &line.upstream
            };
            let plot = sparkline(&line.series, self.plot_width());
            let name = truncated(name, name_width);
            let cell = format!("{name}\n  {}", truncated(&kinds(line), name_width - 2));
            table.add_row(vec![
                cell,
                grouped(line.n_failures),
                grouped(line.n_clients),
                plot,
            ]);
        }
        self.show(table, &[1, 2]);
        if report.n_more_upstreams > 0 {
            self.line(&format!(
                "  and {} more; --top shows them",
                report.n_more_upstreams
            ));
        }
    }

    fn worst(&mut self, report: &Report) {
        if report.worst.is_empty() {
            return;
        }
        self.title(&format!("Worst {}", bucket_word(report.bucket)));
        let mut table = self.table();
        for line in &report.worst {
            let upstream = if line.upstream.is_empty() {
                String::new()
            } else {
                format!(" at {}", line.upstream)
            };
            let text = format!("{} {}{upstream}", grouped(line.n_of_these), line.category);
            table.add_row(vec![
                line.bucket.clone(),
                grouped(line.n_failures),
                truncated(&text, self.width.saturating_sub(36)),
            ]);
        }
        self.show(table, &[1]);
    }

    fn others(&mut self, report: &Report) {
        if report.others.is_empty() {
            return;
        }
        self.title("Other events (no gateway failures)");
        self.categories(&report.others, report);
    }

    fn messages(&mut self, report: &Report) {
        if report.messages.is_empty() {
            return;
        }
        self.title("Most frequent messages");
        for line in &report.messages {
            let template = truncated(&line.message, self.width.saturating_sub(12));
            self.line(&format!("  {:>9} {template}", grouped(line.n_events)));
        }
    }

    fn unknown(&mut self, report: &Report) {
        if report.unknown.is_empty() {
            return;
        }
        self.title("Messages counted as `other`, by shape");
        for line in &report.unknown {
            let shape = truncated(&line.shape, self.width.saturating_sub(12));
            self.line(&format!("  {:>9} {shape}", grouped(line.n_events)));
            let evidence = self.styled(DIM, &line.evidence);
            self.line(&format!("  {:9} {evidence}", ""));
        }
    }

    fn sources(&mut self, report: &Report) {
        let troubled: Vec<_> = report
            .sources
            .iter()
            .filter(|source| !source.problems.is_empty())
            .collect();
        if troubled.is_empty() {
            return;
        }
        self.title("Not read, or not whole");
        for source in troubled.iter().take(PROBLEMS_MAX) {
            for problem in &source.problems {
                for (index, line) in
                    wrapped(&format!("{}: {problem}", source.source), self.width - 4)
                        .iter()
                        .enumerate()
                {
                    self.line(&format!("{}{line}", if index == 0 { "  " } else { "    " }));
                }
            }
        }
        if troubled.len() > PROBLEMS_MAX {
            self.line(&format!(
                "  and {} more; `coroner export --table sources` lists all",
                troubled.len() - PROBLEMS_MAX
            ));
        }
    }

    fn notes(&mut self, report: &Report) {
        self.title("Notes");
        for note in &report.notes {
            for (index, line) in wrapped(note, self.width - 4).iter().enumerate() {
                self.line(&format!("{}{line}", if index == 0 { "  " } else { "    " }));
            }
        }
        if let Some(line) = report.failures.first() {
            self.line(&format!(
                "  `coroner explain {}` says what it means and how to fix it",
                line.category
            ));
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table
    }

    /// Appends `table` with the columns `right` aligned right.
    fn show(&mut self, mut table: Table, right: &[usize]) {
        for &index in right {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.to_string().lines() {
            self.line(&format!(" {line}"));
        }
    }

    /// Columns a plot beside five others may take.
    fn plot_width(&self) -> usize {
        self.width.saturating_sub(64).clamp(14, 40)
    }
}

/// What stands behind the verdict: the biggest cause and where.
fn headline(report: &Report) -> String {
    let Some(worst) = report.failures.first() else {
        return String::new();
    };
    let upstream = report
        .upstreams
        .first()
        .filter(|line| !line.upstream.is_empty());
    let at = upstream.map_or_else(String::new, |line| {
        format!(", most at {}", truncated(&line.upstream, 40))
    });
    format!(": {} {}{at}", grouped(worst.n_events), worst.category)
}

/// `nginx.conf: 3 files, 2 upstream groups, 1 log format`
pub(super) fn config_text(config: &ConfigLine) -> String {
    let count = |n: usize, what: &str| format!("{} {}", grouped(n as u64), plural(n as u64, what));
    let mut text = format!(
        "{}: {}, {}, {}",
        config.path,
        count(config.n_files, "file"),
        count(config.n_groups, "upstream group"),
        count(config.n_log_formats, "log format"),
    );
    if config.n_problems > 0 {
        text.push_str(&format!(", {}", count(config.n_problems, "problem")));
    }
    text
}

fn read(completeness: &Completeness) -> String {
    let Completeness {
        n_sources,
        n_sources_read,
        size_bytes,
        n_lines,
        percent_understood,
        ..
    } = completeness;
    let sources = if n_sources == n_sources_read {
        format!("{n_sources} {}", plural(*n_sources as u64, "source"))
    } else {
        format!("{n_sources_read} of {n_sources} sources")
    };
    let percent = format!("{percent_understood:.2}")
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned();
    format!(
        "{sources}, {}, {} {}, {percent} % of the bytes understood",
        bytes(*size_bytes),
        grouped(*n_lines),
        plural(*n_lines, "line")
    )
}

/// `67 socket-missing, 64 refused`: the failures of an upstream.
fn kinds(line: &UpstreamLine) -> String {
    let kind = |count: &CategoryCount| format!("{} {}", grouped(count.n_events), count.category);
    line.categories
        .iter()
        .map(kind)
        .collect::<Vec<_>>()
        .join(", ")
}

fn bucket_word(bucket: &str) -> String {
    match bucket {
        "1s" => "seconds".to_owned(),
        "1m" => "minutes".to_owned(),
        "1h" => "hours".to_owned(),
        "1d" => "days".to_owned(),
        other => format!("buckets of {other}"),
    }
}

/// The heading of a plot: what its first and last column stand for is said in `span`.
fn axis(report: &Report) -> String {
    let hour = |time: &str| time.get(11..16).unwrap_or_default().to_owned();
    report.span.as_ref().map_or_else(String::new, |span| {
        format!("{}-{}", hour(&span.first), hour(&span.last))
    })
}

/// The clock time, with the date where the report spans more than a day.
fn clock(time: &Option<String>, report: &Report) -> String {
    let Some(time) = time else {
        return String::new();
    };
    let is_long = report
        .span
        .as_ref()
        .is_some_and(|span| span.first.get(..10) != span.last.get(..10));
    if is_long {
        format!("{} {}", &time[5..10], &time[11..16])
    } else {
        time[11..19].to_owned()
    }
}

/// Bars from `▁` to `█` by the largest value; a blank is zero. At most `width` characters: neighbours are summed.
fn sparkline(series: &[u64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let group = series.len().div_ceil(width.max(1)).max(1);
    let sums: Vec<u64> = series
        .chunks(group)
        .map(|cells| cells.iter().sum())
        .collect();
    let max = sums.iter().copied().max().unwrap_or(0).max(1);
    let bar = |&n: &u64| match n {
        0 => ' ',
        n => BARS[((n as u128 * 8).div_ceil(u128::from(max)) as usize).clamp(1, 8) - 1],
    };
    sums.iter().map(bar).collect()
}

/// `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn plural(n: u64, word: &str) -> String {
    if n == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

/// `1.5 kB`: powers of 1000, one decimal.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// `2 h 5 m`, the two largest units.
pub fn duration(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut out = String::new();
    let (mut rest, mut n_units) = (seconds, 0);
    for (size, name) in units {
        if rest >= size && n_units < 2 {
            let separator = if n_units > 0 { " " } else { "" };
            let _ = write!(out, "{separator}{} {name}", rest / size);
            rest %= size;
            n_units += 1;
        } else if n_units > 0 {
            break;
        }
    }
    if out.is_empty() {
        "0 s".to_owned()
    } else {
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_for_people() {
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!(
            (bytes(7), bytes(1_500), bytes(1_000_000_000)),
            ("7 B".into(), "1.5 kB".into(), "1.0 GB".into())
        );
        assert_eq!(
            (duration(0), duration(3_725), duration(86_400)),
            ("0 s".into(), "1 h 2 m".into(), "1 d".into())
        );
        assert_eq!(duration(3_605), "1 h");
        assert_eq!(sparkline(&[0, 1, 4, 8], 4), " ▁▄█");
        assert_eq!(sparkline(&[1, 1, 2, 2], 2), "▄█");
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
    }
}
