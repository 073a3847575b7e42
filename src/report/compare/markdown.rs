//! A comparison as Markdown. Log text stands in code spans only, so that nothing in it is markup.

use super::{ComparisonReport, RateLine, SideLine};
use crate::{
    report::markdown::code,
    words::{capital, duration, grouped, milliseconds},
};
use std::fmt::{Result, Write};

/// The whole comparison.
pub fn render(report: &ComparisonReport) -> String {
    let mut out = String::new();
    write_report(report, &mut out).expect("a String takes everything");
    out
}

fn write_report(report: &ComparisonReport, out: &mut String) -> Result {
    writeln!(out, "# Is it fixed? {}\n", capital(report.verdict))?;
    writeln!(out, "{}.\n", capital(&report.answer))?;
    for but in &report.but {
        writeln!(out, "- {}", code(but))?;
    }
    side("before", &report.before, out)?;
    side("after", &report.after, out)?;
    if let Some(cut) = &report.cut {
        let at = crate::export::time::rfc3339(cut.at.0);
        writeln!(out, "- cut at {at}: {}", code(&cut.why))?;
    }
    rows(report, out)?;
    messages(report, out)?;
    statuses(report, out)?;
    routes(report, out)?;
    times(report, out)?;
    for (title, lines) in [
        ("Not read, or not whole", &report.problems),
        ("Where the comparison may be unfair", &report.doubts),
    ] {
        if !lines.is_empty() {
            writeln!(out, "\n## {title}\n")?;
            lines
                .iter()
                .try_for_each(|line| writeln!(out, "- {}", code(line)))?;
        }
    }
    writeln!(out, "\n## How this is judged\n")?;
    report
        .rules
        .iter()
        .try_for_each(|line| writeln!(out, "- {line}"))
}

fn side(name: &str, side: &SideLine, out: &mut String) -> Result {
    let (Some(first), Some(last)) = (&side.first, &side.last) else {
        return writeln!(out, "- {name}: nothing with a time");
    };
    let covered = duration(side.covered_seconds as i64);
    let requests = side
        .n_requests
        .map_or_else(String::new, |n| format!(", {} requests", grouped(n)));
    let failures = grouped(side.n_failures);
    writeln!(
        out,
        "- {name}: {first} to {last} ({covered}){requests}, {failures} failures"
    )
}

fn rows(report: &ComparisonReport, out: &mut String) -> Result {
    if report.rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Failures by upstream and category\n")?;
    head(&["upstream", "category"], out)?;
    cells(&["all".to_owned(), String::new()], &report.total, out)?;
    for line in &report.rows {
        cells(
            &[code(&line.upstream), line.category.to_owned()],
            &line.rate,
            out,
        )?;
    }
    more(report.n_more_rows, out)
}

fn head(names: &[&str], out: &mut String) -> Result {
    writeln!(
        out,
        "| {} | verdict | before | rate (95 %) | after | rate (95 %) | p |",
        names.join(" | ")
    )?;
    writeln!(
        out,
        "|{}---|---:|---|---:|---|---:|",
        "---|".repeat(names.len())
    )
}

fn cells(names: &[String], rate: &RateLine, out: &mut String) -> Result {
    row(names, rate, &[], out)
}

/// `names`, what is told of `rate`, and what stands behind that.
fn row(names: &[String], rate: &RateLine, rest: &[String], out: &mut String) -> Result {
    let count = |n: u64, of: u64| match rate.unit {
        "seconds" => format!("{} in {}", grouped(n), duration(of as i64)),
        unit => format!("{} of {} {unit}", grouped(n), grouped(of)),
    };
    write!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} |",
        names.join(" | "),
        rate.verdict,
        count(rate.before.n, rate.before.of),
        rate.words(&rate.before),
        count(rate.after.n, rate.after.of),
        rate.words(&rate.after),
        rate.chance()
            .trim_start_matches("p = ")
            .trim_start_matches("p ")
    )?;
    rest.iter().try_for_each(|cell| write!(out, " {cell} |"))?;
    writeln!(out)
}

fn messages(report: &ComparisonReport, out: &mut String) -> Result {
    if report.messages.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Messages that one side only has\n")?;
    writeln!(
        out,
        "| change | events | severity | message | signature |\n|---|---:|---|---|---|"
    )?;
    for line in &report.messages {
        let chance = if line.may_be_chance {
            " (may be chance)"
        } else {
            ""
        };
        writeln!(
            out,
            "| {}{chance} | {} | {} | {} | {} |",
            line.change,
            grouped(line.n_events),
            line.severity,
            code(&line.message),
            line.signature
        )?;
    }
    more(report.n_more_messages, out)
}

fn statuses(report: &ComparisonReport, out: &mut String) -> Result {
    if report.statuses.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Answers to clients\n")?;
    head(&["status"], out)?;
    let mut lines = report.statuses.iter();
    lines.try_for_each(|line| cells(&[line.status.to_string()], &line.rate, out))
}

fn routes(report: &ComparisonReport, out: &mut String) -> Result {
    if report.routes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Routes with the most change in failed requests\n")?;
    writeln!(out, "Failed are those answered 5xx or abandoned (499).\n")?;
    writeln!(
        out,
        "| route | verdict | failed before | rate (95 %) | failed after | rate (95 %) | p | p99 before | after |"
    )?;
    writeln!(out, "|---|---|---:|---|---:|---|---:|---:|---:|")?;
    for line in &report.routes {
        let p99 = [line.request_ms_p99_before, line.request_ms_p99_after];
        let [before, after] = p99.map(milliseconds);
        row(&[code(&line.route)], &line.rate, &[before, after], out)?;
    }
    more(report.n_more_routes, out)
}

fn times(report: &ComparisonReport, out: &mut String) -> Result {
    if report.times.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Times of answers\n")?;
    writeln!(
        out,
        "| upstream | attempts before | after | p50 before | after | p99 before | after |"
    )?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|")?;
    for line in &report.times {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code(&line.upstream),
            grouped(line.n_attempts_before),
            grouped(line.n_attempts_after),
            milliseconds(line.response_ms_p50_before),
            milliseconds(line.response_ms_p50_after),
            milliseconds(line.response_ms_p99_before),
            milliseconds(line.response_ms_p99_after),
        )?;
    }
    more(report.n_more_times, out)
}

fn more(n: usize, out: &mut String) -> Result {
    match n {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}
