//! The sections, each as lines.

use super::page::{DIM, Page, shades, sparkline};
use crate::{
    report::{
        model::{CategoryCount, CategoryLine, Report, RouteLine, UpstreamLine},
        words::{duration, grouped, milliseconds, plural},
    },
    text::{truncated, wrapped},
};

/// Sources with problems that are shown.
const PROBLEMS_MAX: usize = 12;

/// Causes of one status that are shown.
const CAUSES_MAX: usize = 6;

impl Page {
    pub(super) fn causes(&mut self, report: &Report) {
        let Some(causes) = &report.causes else {
            return;
        };
        for line in &causes.statuses {
            self.item(&line.text(CAUSES_MAX));
            for why in &line.unexplained {
                self.item(&format!("  {} unexplained: {}", grouped(why.n), why.why));
            }
        }
        if let Some(account) = causes.account() {
            self.item(&account);
        }
        if causes.statuses.is_empty() {
            self.item("no request was answered 5xx, or abandoned");
        }
        if causes.n_masked > 0 {
            let names: Vec<String> = causes
                .masked
                .iter()
                .take(CAUSES_MAX)
                .map(|cause| format!("{} {}", grouped(cause.n), cause.name()))
                .collect();
            let n = grouped(causes.n_masked);
            let tries = match causes.n_masked {
                1 => "try",
                _ => "tries",
            };
            self.item(&format!(
                "masked: {n} failed {tries} of which clients saw nothing: {}",
                names.join(", ")
            ));
        }
        for left in &causes.left {
            let records = plural(left.n, "record");
            self.item(&format!(
                "{} {records} without a failed request: {}",
                grouped(left.n),
                left.why
            ));
        }
    }

    pub(super) fn categories(&mut self, lines: &[CategoryLine], report: &Report) {
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

    /// A row per upstream, the darker the more failed in a stretch of time; all rows have one scale.
    pub(super) fn heat_map(&mut self, report: &Report) {
        let longest = report
            .heat_map
            .iter()
            .map(|line| line.name().chars().count());
        let name_width = longest.max().unwrap_or(0).min(self.width / 2 - 14);
        let room = self.width.saturating_sub(name_width + 14);
        let rows = report.heat_map.iter().map(|line| &line.counts[..]);
        let shades = shades(rows, room);
        for (line, shades) in report.heat_map.iter().zip(&shades.rows) {
            let name = truncated(&line.name(), name_width);
            let n = grouped(line.n_failures);
            self.line(&format!("  {name:name_width$} {n:>9} {shades}"));
        }
        let column = duration(report.columns.cell_seconds * shades.group as i64);
        let text = format!(
            "from {}, {column} a column: {}",
            clock(&report.columns.start, report),
            shades.legend
        );
        for line in wrapped(&text, self.width - 4) {
            let line = self.styled(DIM, &line);
            self.line(&format!("  {line}"));
        }
    }

    pub(super) fn upstreams(&mut self, report: &Report) {
        let name_width = self.width.saturating_sub(40).clamp(30, 70);
        let mut table = self.table();
        table.set_header(vec!["", "events", "clients", &axis(report)]);
        for line in &report.upstreams {
            let name = line.name();
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

    pub(super) fn fingerprints(&mut self, report: &Report) {
        for line in &report.fingerprints {
            self.item(&format!("{}: {}", line.text(), line.why));
        }
        if report.n_more_fingerprints > 0 {
            self.line(&format!(
                "  and {} more; --top shows them",
                report.n_more_fingerprints
            ));
        }
    }

    pub(super) fn worst(&mut self, report: &Report) {
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

    pub(super) fn traffic(&mut self, report: &Report) {
        let name_width = self.width.saturating_sub(54).clamp(22, 60);
        let mut table = self.table();
        table.set_header(vec![
            "",
            "requests",
            "failed tries",
            "masked",
            "p50",
            "p99",
            &axis(report),
        ]);
        for line in &report.traffic {
            table.add_row(vec![
                truncated(line.name(), name_width),
                grouped(line.n_requests),
                grouped(line.n_failed_attempts),
                grouped(line.n_masked),
                milliseconds(line.response_ms_p50),
                milliseconds(line.response_ms_p99),
                sparkline(
                    &line.series,
                    self.width.saturating_sub(name_width + 48).clamp(8, 40),
                ),
            ]);
        }
        self.show(table, &[1, 2, 3, 4, 5]);
        if report.n_more_traffic > 0 {
            self.line(&format!(
                "  and {} more; --top shows them",
                report.n_more_traffic
            ));
        }
    }

    pub(super) fn routes(&mut self, lines: &[RouteLine]) {
        let mut table = self.table();
        table.set_header(vec!["", "requests", "failed", "p50", "p99"]);
        for line in lines {
            table.add_row(vec![
                truncated(&line.route, self.width.saturating_sub(42).clamp(30, 100)),
                grouped(line.n_requests),
                grouped(line.n_failed),
                milliseconds(line.request_ms_p50),
                milliseconds(line.request_ms_p99),
            ]);
        }
        self.show(table, &[1, 2, 3, 4]);
    }

    pub(super) fn clients(&mut self, report: &Report) {
        for line in &report.clients {
            let client = truncated(&line.client, self.width.saturating_sub(12));
            self.line(&format!("  {:>9} {client}", grouped(line.n_failed)));
        }
    }

    pub(super) fn messages(&mut self, report: &Report) {
        for line in &report.messages {
            let template = truncated(&line.message, self.width.saturating_sub(12));
            self.line(&format!("  {:>9} {template}", grouped(line.n_events)));
        }
    }

    pub(super) fn unknown(&mut self, report: &Report) {
        for line in &report.unknown {
            let shape = truncated(&line.shape, self.width.saturating_sub(12));
            self.line(&format!("  {:>9} {shape}", grouped(line.n_events)));
            // A shape that nothing varies in is its own sample.
            if line.sample != line.shape {
                let sample = truncated(&line.sample, self.width.saturating_sub(18));
                self.line(&format!("  {:9} such as {sample}", ""));
            }
            let evidence = self.styled(DIM, &line.evidence);
            self.line(&format!("  {:9} {evidence}", ""));
        }
        if report.n_more_unknown > 0 {
            self.line(&format!(
                "  and {} more shapes; --top shows them",
                grouped(report.n_more_unknown as u64)
            ));
        }
    }

    pub(super) fn sources(&mut self, report: &Report) {
        let troubled: Vec<_> = report.troubled().collect();
        for source in troubled.iter().take(PROBLEMS_MAX) {
            for problem in &source.problems {
                self.item(&format!("{}: {problem}", source.source));
            }
        }
        if troubled.len() > PROBLEMS_MAX {
            self.line(&format!(
                "  and {} more; `coroner export --table sources` lists all",
                troubled.len() - PROBLEMS_MAX
            ));
        }
    }

    pub(super) fn notes(&mut self, report: &Report) {
        for note in &report.notes {
            self.item(note);
        }
    }
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

/// The heading of a plot: what its first and last column stand for is said in `span`.
fn axis(report: &Report) -> String {
    let hour = |time: &str| time.get(11..16).unwrap_or_default().to_owned();
    report.span.as_ref().map_or_else(String::new, |span| {
        format!("{}-{}", hour(&span.first), hour(&span.last))
    })
}

/// The clock time, with the date where the report spans more than a day.
pub(super) fn clock(time: &Option<String>, report: &Report) -> String {
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
