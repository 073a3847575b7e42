//! Lists of which each line is a row.

use super::{code, time};
use crate::report::{
    model::{CategoryCount, CategoryLine, Report, RouteLine},
    words::{grouped, milliseconds},
};
use std::fmt::{Result, Write};

pub(super) fn categories(lines: &[CategoryLine], out: &mut String) -> Result {
    writeln!(
        out,
        "| category | severity | events | clients | first | last | evidence |"
    )?;
    writeln!(out, "|---|---|---:|---:|---|---|---|")?;
    for line in lines {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            line.category,
            line.severity,
            grouped(line.n_events),
            grouped(line.n_clients),
            time(&line.first),
            time(&line.last),
            code(&line.evidence)
        )?;
    }
    Ok(())
}

pub(super) fn upstreams(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | failures | clients | categories | first | last | evidence |"
    )?;
    writeln!(out, "|---|---:|---:|---|---|---|---|")?;
    let kind = |count: &CategoryCount| format!("{} {}", grouped(count.n_events), count.category);
    for line in &report.upstreams {
        let kinds: Vec<String> = line.categories.iter().map(kind).collect();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code(&line.upstream),
            grouped(line.n_failures),
            grouped(line.n_clients),
            kinds.join(", "),
            time(&line.first),
            time(&line.last),
            code(&line.evidence)
        )?;
    }
    match report.n_more_upstreams {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

pub(super) fn worst(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| bucket | failures | mostly | evidence |\n|---|---:|---|---|"
    )?;
    for line in &report.worst {
        writeln!(
            out,
            "| {} | {} | {} {} {} | {} |",
            line.bucket,
            grouped(line.n_failures),
            grouped(line.n_of_these),
            line.category,
            code(&line.upstream),
            code(&line.evidence)
        )?;
    }
    Ok(())
}

pub(super) fn traffic(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | requests | attempts | failed attempts | masked | 5xx | p50 | p99 |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    )?;
    for line in &report.traffic {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            code(line.name()),
            grouped(line.n_requests),
            grouped(line.n_attempts),
            grouped(line.n_failed_attempts),
            grouped(line.n_masked),
            grouped(line.n_5xx),
            milliseconds(line.response_ms_p50),
            milliseconds(line.response_ms_p99),
        )?;
    }
    match report.n_more_traffic {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

pub(super) fn routes(lines: &[RouteLine], out: &mut String) -> Result {
    writeln!(
        out,
        "| route | requests | failed | p50 | p99 | first that failed |\n|---|---:|---:|---:|---:|---|"
    )?;
    for line in lines {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            code(&line.route),
            grouped(line.n_requests),
            grouped(line.n_failed),
            milliseconds(line.request_ms_p50),
            milliseconds(line.request_ms_p99),
            code(&line.evidence)
        )?;
    }
    Ok(())
}

pub(super) fn clients(report: &Report, out: &mut String) -> Result {
    writeln!(out, "| client | failed requests |\n|---|---:|")?;
    for line in &report.clients {
        writeln!(
            out,
            "| {} | {} |",
            code(&line.client),
            grouped(line.n_failed)
        )?;
    }
    Ok(())
}

pub(super) fn messages(report: &Report, out: &mut String) -> Result {
    writeln!(out, "| events | message | signature |\n|---:|---|---|")?;
    for line in &report.messages {
        writeln!(
            out,
            "| {} | {} | {} |",
            grouped(line.n_events),
            code(&line.message),
            line.signature
        )?;
    }
    Ok(())
}

pub(super) fn unknown(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| events | shape | sample | first |\n|---:|---|---|---|"
    )?;
    for line in &report.unknown {
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            grouped(line.n_events),
            code(&line.shape),
            code(&line.sample),
            code(&line.evidence)
        )?;
    }
    match report.n_more_unknown {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}
