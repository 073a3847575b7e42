//! The report as Markdown, to paste into a ticket. Log text stands in code spans only, so that nothing in it is markup.

use super::{
    model::Report,
    terminal::{config_text, duration, grouped},
};
use std::fmt::Write;

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    write_report(report, &mut out).expect("a String takes everything");
    out
}

fn write_report(report: &Report, out: &mut String) -> std::fmt::Result {
    let n_failures: u64 = report.failures.iter().map(|line| line.n_events).sum();
    writeln!(
        out,
        "# Post-mortem: {} gateway failures\n",
        grouped(n_failures)
    )?;
    if let Some(span) = &report.span {
        let long = duration(span.seconds);
        writeln!(
            out,
            "- span: {} to {} ({long}), buckets of {}",
            span.first, span.last, report.bucket
        )?;
    }
    let assumed = if report.zone_assumed {
        " (assumed)"
    } else {
        ""
    };
    writeln!(out, "- zone: {}{assumed}", report.zone)?;
    let read = &report.completeness;
    writeln!(
        out,
        "- sources read: {} of {}, {} bytes, {} lines, {} % of the bytes understood",
        read.n_sources_read,
        read.n_sources,
        grouped(read.size_bytes),
        grouped(read.n_lines),
        read.percent_understood
    )?;
    if let Some(config) = &report.config {
        writeln!(out, "- config: {}", code(&config_text(config)))?;
    }
    for line in &report.severities {
        writeln!(out, "- {}: {}", line.severity, grouped(line.n_events))?;
    }
    for (title, lines) in [
        ("Failures by category", &report.failures),
        ("Other events", &report.others),
    ] {
        if lines.is_empty() {
            continue;
        }
        writeln!(
            out,
            "\n## {title}\n\n| category | severity | events | clients | first | last | evidence |"
        )?;
        writeln!(out, "|---|---|---:|---:|---|---|---|")?;
        for line in lines {
            let (first, last) = (
                line.first.as_deref().unwrap_or("-"),
                line.last.as_deref().unwrap_or("-"),
            );
            writeln!(
                out,
                "| {} | {} | {} | {} | {first} | {last} | {} |",
                line.category,
                line.severity,
                grouped(line.n_events),
                grouped(line.n_clients),
                code(&line.evidence)
            )?;
        }
    }
    if !report.upstreams.is_empty() {
        writeln!(
            out,
            "\n## Failures by upstream\n\n| upstream | failures | clients | categories | first | last |"
        )?;
        writeln!(out, "|---|---:|---:|---|---|---|")?;
        for line in &report.upstreams {
            let categories: Vec<String> = line
                .categories
                .iter()
                .map(|count| format!("{} {}", grouped(count.n_events), count.category))
                .collect();
            let (first, last) = (
                line.first.as_deref().unwrap_or("-"),
                line.last.as_deref().unwrap_or("-"),
            );
            writeln!(
                out,
                "| {} | {} | {} | {} | {first} | {last} |",
                code(&line.upstream),
                grouped(line.n_failures),
                grouped(line.n_clients),
                categories.join(", ")
            )?;
        }
        if report.n_more_upstreams > 0 {
            writeln!(out, "\nand {} more", report.n_more_upstreams)?;
        }
    }
    if !report.worst.is_empty() {
        writeln!(
            out,
            "\n## Worst buckets of {}\n\n| bucket | failures | mostly |\n|---|---:|---|",
            report.bucket
        )?;
        for line in &report.worst {
            writeln!(
                out,
                "| {} | {} | {} {} {} |",
                line.bucket,
                grouped(line.n_failures),
                grouped(line.n_of_these),
                line.category,
                code(&line.upstream)
            )?;
        }
    }
    if !report.messages.is_empty() {
        writeln!(
            out,
            "\n## Most frequent messages\n\n| events | message | signature |\n|---:|---|---|"
        )?;
        for line in &report.messages {
            writeln!(
                out,
                "| {} | {} | {} |",
                grouped(line.n_events),
                code(&line.message),
                line.signature
            )?;
        }
    }
    if !report.unknown.is_empty() {
        writeln!(
            out,
            "\n## Messages counted as other, by shape\n\n| events | shape | first |\n|---:|---|---|"
        )?;
        for line in &report.unknown {
            writeln!(
                out,
                "| {} | {} | {} |",
                grouped(line.n_events),
                code(&line.shape),
                code(&line.evidence)
            )?;
        }
    }
    let troubled = report
        .sources
        .iter()
        .filter(|source| !source.problems.is_empty());
    let problems: Vec<String> = troubled
        .flat_map(|source| {
            source
                .problems
                .iter()
                .map(|problem| format!("- {}: {problem}", code(&source.source)))
        })
        .collect();
    if !problems.is_empty() {
        writeln!(
            out,
            "\n## Not read, or not whole\n\n{}",
            problems.join("\n")
        )?;
    }
    writeln!(out, "\n## Notes\n")?;
    for note in &report.notes {
        writeln!(out, "- {note}")?;
    }
    Ok(())
}

/// `text` as a code span that no backtick or bar in it can leave; nothing for nothing.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!(
        "`{}`",
        text.replace('`', "'")
            .replace('|', "\\|")
            .replace('\n', " ")
    )
}
