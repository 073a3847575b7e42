//! The report as Markdown, to paste into a ticket. Log text stands in code spans only, so that nothing in it is markup.

mod findings;
mod incidents;
mod over_time;
mod tables;

use super::{
    model::{Report, Section},
    words::{duration, grouped},
};
use findings::{causes, checklist, findings};
use incidents::{fingerprints, health, incidents};
use over_time::{heat_map, paces};
use std::fmt::{Result, Write};
use tables::{categories, clients, messages, routes, traffic, unknown, upstreams, worst};

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    write_report(report, &mut out).expect("a String takes everything");
    out
}

fn write_report(report: &Report, out: &mut String) -> Result {
    head(report, out)?;
    for section in Section::ALL
        .into_iter()
        .filter(|&section| report.has(section))
    {
        writeln!(out, "\n## {}\n", report.title(section))?;
        match section {
            Section::Causes => causes(report, out)?,
            Section::Findings => findings(report, out)?,
            Section::Checklist => checklist(report, out)?,
            Section::Incidents => incidents(report, out)?,
            Section::Failures => categories(&report.failures, out)?,
            Section::HeatMap => heat_map(report, out)?,
            Section::Upstreams => upstreams(report, out)?,
            Section::Health => health(report, out)?,
            Section::Fingerprints => fingerprints(report, out)?,
            Section::Worst => worst(report, out)?,
            Section::Traffic => {
                traffic(report, out)?;
                paces(report, out)?;
            }
            Section::Routes => routes(&report.routes, out)?,
            Section::Slowest => routes(&report.slowest, out)?,
            Section::Clients => clients(report, out)?,
            Section::Others => categories(&report.others, out)?,
            Section::Messages => messages(report, out)?,
            Section::Unknown => unknown(report, out)?,
            Section::Sources => sources(report, out)?,
            Section::Notes => notes(report, out)?,
        }
    }
    what_was_read(report, out)
}

fn head(report: &Report, out: &mut String) -> Result {
    writeln!(out, "# Post-mortem: {}\n", report.verdict())?;
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
        "- sources read: {} of {}, {} of {} bytes, {} lines, {} % of the bytes understood; {} lines could not be parsed, {} sources have problems",
        read.n_sources_read,
        read.n_sources,
        grouped(read.bytes_read),
        grouped(read.size_bytes),
        grouped(read.n_lines),
        read.percent_understood,
        grouped(read.n_lines_unparsed),
        read.n_sources_with_problems
    )?;
    if let Some(config) = &report.config {
        writeln!(out, "- config: {}", code(&config.text()))?;
    }
    if let Some(requests) = &report.requests {
        writeln!(
            out,
            "- requests: {} (5xx: {}, 499: {})",
            requests.text(),
            grouped(requests.n_5xx),
            grouped(requests.n_499)
        )?;
    }
    writeln!(out, "- events: {}", grouped(report.n_events))?;
    for line in &report.severities {
        writeln!(out, "- {}: {}", line.severity, grouped(line.n_events))?;
    }
    answer(report, out)
}

fn answer(report: &Report, out: &mut String) -> Result {
    let answer = &report.answer;
    if let Some(finding) = report.findings.first() {
        let title = plain(&finding.title);
        writeln!(out, "- what happened: {title} ({})", finding.confidence)?;
        for (word, text) in finding.next() {
            writeln!(out, "- next: {word}: {}", code(text))?;
        }
    }
    if answer.n_failures == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "- failures: {} to {} ({}), {} clients, {} upstreams",
        time(&answer.first),
        time(&answer.last),
        duration(answer.seconds),
        grouped(answer.n_clients),
        answer.n_upstreams
    )?;
    let onset: Vec<String> = answer
        .onset
        .iter()
        .map(|onset| format!("{} at {}", onset.category, onset.first))
        .collect();
    writeln!(out, "- first: {}", onset.join(", then "))
}

fn sources(report: &Report, out: &mut String) -> Result {
    for source in report.troubled() {
        for problem in &source.problems {
            writeln!(out, "- {}: {problem}", code(&source.source))?;
        }
    }
    Ok(())
}

fn notes(report: &Report, out: &mut String) -> Result {
    for note in &report.notes {
        writeln!(out, "- {note}")?;
    }
    if report.incidents.is_empty() {
        writeln!(out, "- no incidents: {}", report.incident_rule)?;
    }
    Ok(())
}

/// The account of every source.
fn what_was_read(report: &Report, out: &mut String) -> Result {
    writeln!(out, "\n## What was read\n")?;
    writeln!(
        out,
        "| source | kind | bytes | lines | records | events | continuation | cut | torn | injected | unparsed | blank | sha256 |"
    )?;
    writeln!(
        out,
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    )?;
    for line in &report.sources {
        let packed = match line.decode.as_str() {
            "" => String::new(),
            decode => format!(" in {decode}"),
        };
        let numbers = [
            line.size_bytes,
            line.n_lines,
            line.n_records,
            line.n_events,
            line.n_continuation,
            line.n_cut,
            line.n_torn,
            line.n_injected,
            line.n_unparsed,
            line.n_blank,
        ];
        writeln!(
            out,
            "| {} | {}{packed} | {} | {} |",
            code(&line.source),
            line.kind,
            numbers.map(grouped).join(" | "),
            code(line.sha256.as_deref().unwrap_or_default())
        )?;
    }
    writeln!(out, "\ncoroner {}", report.coroner_version)
}

fn time(time: &Option<String>) -> &str {
    time.as_deref().unwrap_or("-")
}

/// `text` as a code span that no backtick or bar in it can leave; nothing for nothing.
pub(super) fn code(text: &str) -> String {
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

/// `text`, in which names out of logs stand among words, so that nothing in it is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' {
            out.push(' ');
            continue;
        }
        if c.is_ascii_punctuation()
            && !matches!(
                c,
                '.' | ',' | ':' | ';' | '-' | '/' | '(' | ')' | '\'' | '"' | '=' | '%' | '?'
            )
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
