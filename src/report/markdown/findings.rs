//! Why requests failed, what happened and what to do.

use super::{code, plain, time};
use crate::report::{
    model::{CauseLine, EvidenceLine, FindingLine, Report},
    words::grouped,
};
use std::fmt::{Result, Write};

pub(super) fn causes(report: &Report, out: &mut String) -> Result {
    let Some(causes) = &report.causes else {
        return Ok(());
    };
    writeln!(
        out,
        "| status | requests | % | cause | upstream | exact | strong | weak | access log alone |"
    )?;
    writeln!(out, "|---:|---:|---:|---|---|---:|---:|---:|---:|")?;
    let mut cause = |status: &str, line: &CauseLine| {
        writeln!(
            out,
            "| {status} | {} | {} | {} | {} | {} | {} | {} | {} |",
            grouped(line.n),
            line.percent,
            line.category,
            code(&line.upstream),
            grouped(line.n_exact),
            grouped(line.n_strong),
            grouped(line.n_weak),
            grouped(line.n_by_access_log)
        )
    };
    for status in &causes.statuses {
        let name = format!("{:03}", status.status);
        status
            .causes
            .iter()
            .try_for_each(|line| cause(&name, line))?;
    }
    causes
        .masked
        .iter()
        .try_for_each(|line| cause("masked", line))?;
    writeln!(out)?;
    for status in &causes.statuses {
        let (n, of) = (grouped(status.n_explained), grouped(status.n_requests));
        writeln!(out, "- {n} of {of} × {:03} explained", status.status)?;
        for line in &status.unexplained {
            let (n, of) = (grouped(line.n), grouped(status.n_requests));
            writeln!(
                out,
                "- {n} of {of} × {:03} unexplained: {}",
                status.status, line.why
            )?;
        }
    }
    if causes.n_masked > 0 {
        let n = grouped(causes.n_masked);
        writeln!(out, "- {n} failed attempts masked by another that was good")?;
    }
    if causes.n_left > 0 {
        let n = grouped(causes.n_left);
        writeln!(out, "- {n} records of failures explain no failed request")?;
    }
    for line in &causes.left {
        let n = grouped(line.n);
        writeln!(out, "- {n} records without a failed request: {}", line.why)?;
    }
    Ok(())
}

pub(super) fn findings(report: &Report, out: &mut String) -> Result {
    for line in &report.findings {
        finding(line, out)?;
    }
    match report.n_more_findings {
        0 => Ok(()),
        n => writeln!(out, "and {n} more"),
    }
}

fn finding(line: &FindingLine, out: &mut String) -> Result {
    writeln!(out, "### {}. {}\n", line.rank, plain(&line.title))?;
    writeln!(out, "{}\n", plain(&line.claim))?;
    writeln!(
        out,
        "- {}, {}, {}: {}",
        line.category,
        line.severity,
        line.confidence,
        code(&line.id)
    )?;
    writeln!(
        out,
        "- {} requests, {} masked failures, {} records, {} to {}",
        grouped(line.n_requests),
        grouped(line.n_masked),
        grouped(line.n_events),
        time(&line.first),
        time(&line.last)
    )?;
    if !line.incident.is_empty() {
        writeln!(out, "- of incident {}", code(&line.incident))?;
    }
    for text in &line.advice {
        writeln!(out, "- do: {}", plain(text))?;
    }
    let of_config = line.directives.iter().map(|text| ("set", text));
    for (label, text) in of_config.chain(line.commands.iter().map(|text| ("check", text))) {
        writeln!(out, "- {label}: {}", code(text))?;
    }
    writeln!(out, "- unless: {}", plain(&line.refuted_by))?;
    for exhibit in &line.evidence {
        write!(
            out,
            "- evidence: {} {}",
            code(&exhibit.at),
            plain(&exhibit.what)
        )?;
        match exhibit.quote.is_empty() {
            true => writeln!(out)?,
            false => writeln!(out, ": {}", code(&exhibit.quote))?,
        }
        let mut lines = exhibit.lines.iter();
        lines.try_for_each(|line| writeln!(out, "  - {}", code(line)))?;
    }
    for text in line.corrections {
        writeln!(out, "- often said, and wrong: {}", plain(text))?;
    }
    writeln!(out)
}

pub(super) fn checklist(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| check | verdict | because | evidence |\n|---|---|---|---|"
    )?;
    for line in &report.checklist {
        let exhibit = |exhibit: &EvidenceLine| {
            let (at, quote) = (code(&exhibit.at), code(&exhibit.quote));
            format!("{at} {} {quote}", plain(&exhibit.what))
        };
        let evidence: Vec<String> = line.evidence.iter().map(exhibit).collect();
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            line.check,
            line.verdict,
            plain(&line.because),
            evidence.join("; ")
        )?;
    }
    Ok(())
}
