//! A comparison as text.

use super::{
    Style,
    page::{BAD, DIM, GOOD, Page},
};
use crate::{
    export::time::rfc3339,
    report::compare::{ComparisonReport, RateLine, RateSide, RowLine, SideLine},
    text::truncated,
    words::{duration, grouped, milliseconds, plural},
};

/// The whole comparison, `width` columns wide.
pub fn render(report: &ComparisonReport, style: Style, width: usize) -> String {
    let mut page = Page {
        out: String::new(),
        style,
        width,
    };
    page.answer(report);
    page.failures(report);
    page.one_sided(report);
    page.statuses(report);
    page.changed_routes(report);
    page.times(report);
    page.items("Not read, or not whole", &report.problems);
    page.items("Where the comparison may be unfair", &report.doubts);
    page.items("How this is judged", &report.rules);
    page.out
}

impl Page {
    fn verdict(&self, verdict: &str, padded: usize) -> String {
        let text = format!("{verdict:<padded$}");
        match verdict {
            "fixed" | "better" => self.styled(GOOD, &text),
            "worse" => self.styled(BAD, &text),
            _ => self.styled(DIM, &text),
        }
    }

    fn answer(&mut self, report: &ComparisonReport) {
        let text = format!("{}: {}", report.verdict, report.answer);
        for (index, line) in crate::text::wrapped(&text, self.width).iter().enumerate() {
            let rest = line.strip_prefix(report.verdict).filter(|_| index == 0);
            let line = match rest {
                Some(rest) => format!("{}{rest}", self.verdict(report.verdict, 0)),
                None => line.clone(),
            };
            self.line(&line);
        }
        for but in &report.but {
            self.item(but);
        }
        self.line("");
        self.fact("before", &side(&report.before));
        self.fact("after", &side(&report.after));
        if let Some(cut) = &report.cut {
            self.fact("cut", &format!("{}, {}", rfc3339(cut.at.0), cut.why));
        }
    }

    fn failures(&mut self, report: &ComparisonReport) {
        if report.rows.is_empty() {
            return;
        }
        self.title("Failures by upstream and category");
        if report.rows.len() > 1 {
            self.rate(&report.total, "all failures");
        }
        for line in &report.rows {
            self.rate(&line.rate, &line.name());
            if let Some(when) = when(line) {
                self.indented(&when);
            }
        }
        self.more(report.n_more_rows);
    }

    /// The verdict on a rate, and both sides of it.
    fn rate(&mut self, rate: &RateLine, name: &str) {
        let verdict = self.verdict(rate.verdict, 12);
        let name = truncated(name, self.width.saturating_sub(14));
        self.line(&format!("  {verdict}{name}"));
        let side = |name: &str, side: &RateSide| {
            let of = match rate.unit {
                "seconds" => duration(side.of as i64),
                unit => format!(
                    "{} {}",
                    grouped(side.of),
                    plural(side.of, unit.trim_end_matches('s'))
                ),
            };
            let n = grouped(side.n);
            format!("{name} {n} in {of}: {}", rate.words(side))
        };
        let (before, after) = (side("before", &rate.before), side("after ", &rate.after));
        self.indented(&before);
        self.indented(&format!("{after}; {}", rate.chance()));
        if rate.verdict == "cannot tell" {
            self.indented(&rate.why);
        }
    }

    fn indented(&mut self, text: &str) {
        for line in crate::text::wrapped(text, self.width.saturating_sub(14)) {
            self.line(&format!("{:14}{line}", ""));
        }
    }

    fn one_sided(&mut self, report: &ComparisonReport) {
        if report.messages.is_empty() {
            return;
        }
        self.title("Messages that one side only has");
        for line in &report.messages {
            let chance = if line.may_be_chance {
                ", may be chance"
            } else {
                ""
            };
            let n = grouped(line.n_events);
            self.item(&format!(
                "{:<9} {n} × {} ({}, {}{chance})",
                line.change, line.message, line.signature, line.severity
            ));
        }
        self.more(report.n_more_messages);
    }

    fn statuses(&mut self, report: &ComparisonReport) {
        if report.statuses.is_empty() {
            return;
        }
        self.title("Answers to clients");
        let mut table = self.table();
        table.set_header(["status", "before", "after", "chance", "verdict"]);
        for line in &report.statuses {
            let rate = &line.rate;
            table.add_row([
                line.status.to_string(),
                format!("{} {}", grouped(rate.before.n), rate.words(&rate.before)),
                format!("{} {}", grouped(rate.after.n), rate.words(&rate.after)),
                rate.chance(),
                rate.verdict.to_owned(),
            ]);
        }
        self.show(table, &[]);
    }

    fn changed_routes(&mut self, report: &ComparisonReport) {
        if report.routes.is_empty() {
            return;
        }
        self.title("Routes with the most change in failed requests (5xx, 499)");
        for line in &report.routes {
            self.rate(&line.rate, &line.route);
            if let (Some(before), Some(after)) =
                (line.request_ms_p99_before, line.request_ms_p99_after)
            {
                let [before, after] = [before, after].map(|ms| milliseconds(Some(ms)));
                self.indented(&format!("99 % took at most {before} before, {after} after"));
            }
        }
        self.more(report.n_more_routes);
    }

    fn times(&mut self, report: &ComparisonReport) {
        if report.times.is_empty() {
            return;
        }
        self.title("Times of answers");
        let mut table = self.table();
        table.set_header(["upstream", "p50 before", "after", "p99 before", "after"]);
        for line in &report.times {
            table.add_row([
                truncated(&line.upstream, self.width.saturating_sub(48).max(20)),
                milliseconds(line.response_ms_p50_before),
                milliseconds(line.response_ms_p50_after),
                milliseconds(line.response_ms_p99_before),
                milliseconds(line.response_ms_p99_after),
            ]);
        }
        self.show(table, &[1, 2, 3, 4]);
        self.more(report.n_more_times);
    }

    fn more(&mut self, n: usize) {
        if n > 0 {
            self.line(&format!("  and {n} more (--top)"));
        }
    }

    fn items(&mut self, title: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.title(title);
        lines.iter().for_each(|line| self.item(line));
    }
}

fn side(side: &SideLine) -> String {
    let sources = format!(
        "{} {}",
        side.n_sources,
        plural(side.n_sources as u64, "source")
    );
    let (Some(first), Some(last)) = (&side.first, &side.last) else {
        return format!("{sources}, nothing with a time");
    };
    let covered = duration(side.covered_seconds as i64);
    let requests = side.n_requests.map_or_else(String::new, |n| {
        format!(", {} {}", grouped(n), plural(n, "request"))
    });
    let failures = format!(
        "{} {}",
        grouped(side.n_failures),
        plural(side.n_failures, "failure")
    );
    format!("{first} to {last} ({covered}), {sources}{requests}, {failures}")
}

/// When they were seen last, and where they go on.
fn when(line: &RowLine) -> Option<String> {
    match (&line.last_before, &line.first_after, &line.last_after) {
        (Some(last), None, _) => Some(format!("last seen {last}")),
        (None, Some(first), _) => Some(format!("first seen {first}")),
        (Some(_), Some(_), Some(last)) => Some(format!("last seen {last}")),
        _ => None,
    }
}
