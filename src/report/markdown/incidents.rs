//! What hangs together in time: incidents, peers that were out, durations that pile up.

use super::{code, time};
use crate::report::{
    model::{IncidentLine, IntervalLine, MemberLine, OutageLine, Report, TimeoutLine},
    words::{duration, grouped},
};
use std::fmt::{Result, Write};

pub(super) fn incidents(report: &Report, out: &mut String) -> Result {
    for line in &report.incidents {
        incident(line, out)?;
    }
    if report.n_more_incidents > 0 {
        writeln!(out, "and {} more\n", report.n_more_incidents)?;
    }
    writeln!(out, "By this rule: {}.", report.incident_rule)
}

fn incident(line: &IncidentLine, out: &mut String) -> Result {
    writeln!(
        out,
        "### {} to {} ({}){}\n",
        line.start,
        line.end,
        duration(line.seconds),
        line.ends()
    )?;
    writeln!(
        out,
        "- id {}: {}, {} upstreams; first event {}",
        code(&line.id),
        line.hurt(),
        line.n_upstreams,
        code(&line.evidence)
    )?;
    writeln!(
        out,
        "- peak: {} a minute at {}",
        grouped(line.peak_per_minute),
        line.peak
    )?;
    for mark in &line.marks {
        writeln!(
            out,
            "- {}: {}, {} to {}, {}",
            mark.what,
            grouped(mark.n_events),
            mark.first,
            mark.last,
            code(&mark.evidence)
        )?;
    }
    for outage in &line.health {
        writeln!(
            out,
            "- {}: {}, {} records: {}",
            code(&outage.upstream),
            outage.what(),
            grouped(outage.n_events),
            intervals(outage)
        )?;
    }
    if line.n_more_health > 0 {
        writeln!(out, "- and {} more peers", line.n_more_health)?;
    }
    writeln!(
        out,
        "\n| onset | upstream | category | phase | failures | clients | last | evidence |"
    )?;
    writeln!(out, "|---|---|---|---|---:|---:|---|---|")?;
    for member in &line.members {
        member_row(
            member,
            if line.is_first(member) {
                " (first mover)"
            } else {
                ""
            },
            out,
        )?;
    }
    match line.n_more_members {
        0 => writeln!(out),
        n => writeln!(out, "\nand {n} more\n"),
    }
}

fn member_row(member: &MemberLine, mark: &str, out: &mut String) -> Result {
    writeln!(
        out,
        "| {}{mark} | {} | {} | {} | {} | {} | {} | {} |",
        member.onset,
        code(&member.upstream),
        member.category,
        member.phase,
        grouped(member.n_failures),
        grouped(member.n_clients),
        member.last,
        code(&member.evidence)
    )
}

pub(super) fn health(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | known by | times | together | records | first | last | one by one |"
    )?;
    writeln!(out, "|---|---|---:|---:|---:|---|---|---|")?;
    for line in &report.health {
        let assumed = match (line.fail_timeout_seconds, line.fail_timeout_assumed) {
            (Some(seconds), true) => format!(" (fail_timeout {seconds} s assumed)"),
            (Some(seconds), false) => format!(" (fail_timeout {seconds} s)"),
            (None, _) => String::new(),
        };
        writeln!(
            out,
            "| {} | {}{assumed} | {} | {} | {} | {} | {} | {} |",
            code(&line.upstream),
            line.told,
            line.n_times,
            duration(line.seconds),
            grouped(line.n_events),
            time(&line.first),
            line.last.as_deref().unwrap_or("still out"),
            intervals(line)
        )?;
    }
    match report.n_more_health {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

/// `2026-11-20T14:39:20Z to 2026-11-20T14:39:30Z (3, `error.log:7@900`)`, and so on.
fn intervals(line: &OutageLine) -> String {
    let text = |interval: &IntervalLine| {
        format!(
            "{} to {} ({}, {})",
            interval.from,
            interval.until.as_deref().unwrap_or("the end"),
            grouped(interval.n_events),
            code(&interval.evidence)
        )
    };
    line.intervals
        .iter()
        .map(text)
        .collect::<Vec<_>>()
        .join("; ")
}

pub(super) fn fingerprints(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | phase | attempts | what | took | which timer | timeouts |\n|---|---|---:|---|---:|---|---|"
    )?;
    for line in &report.fingerprints {
        let at = match line.n_upstreams {
            0 | 1 => code(&line.upstream),
            n => format!("{n} upstreams"),
        };
        writeln!(
            out,
            "| {at} | {} | {} | {} | {} | {} | {} |",
            line.phase,
            line.share(),
            line.what(),
            line.took(),
            code(&line.why),
            timeouts(&line.timeouts)
        )?;
    }
    match report.n_more_fingerprints {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

/// `proxy_read_timeout` of 60,000 ms at `nginx.conf:12`, in `server shop.example`
fn timeouts(timeouts: &[TimeoutLine]) -> String {
    let text = |line: &TimeoutLine| {
        let mut text = format!("{} of {} ms", code(&line.directive), grouped(line.ms));
        if let Some(place) = &line.place {
            text.push_str(&format!(" at {}", code(place)));
        }
        for context in &line.contexts {
            text.push_str(&format!(", in {}", code(context)));
        }
        text
    };
    timeouts.iter().map(text).collect::<Vec<_>>().join("; ")
}
