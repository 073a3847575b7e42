//! What upstreams did over time, as tables: a row per stretch of time, a column per upstream.

use super::code;
use crate::{
    export::time::rfc3339,
    report::{
        model::{Pace, Plot, Report, TrafficLine},
        words::{duration, grouped, milliseconds},
    },
};
use std::fmt::{Result, Write};

/// Failures by upstream and time; times without any are left out, and nothing stands for none.
pub(super) fn heat_map(report: &Report, out: &mut String) -> Result {
    let lines = &report.heat_map;
    let name = |name: String, is_others: bool| match is_others {
        true => name,
        false => code(&name),
    };
    let names = lines.iter().map(|line| name(line.name(), line.is_others()));
    head("failures", names, &report.columns, out)?;
    rows(&report.columns, out, |cell| {
        let counts = lines.iter().map(|line| match line.counts[cell] {
            0 => String::new(),
            n => grouped(n),
        });
        counts.collect()
    })?;
    let counts = |of: fn(&crate::report::model::HeatRow) -> u64| {
        let counts: Vec<String> = lines.iter().map(|line| grouped(of(line))).collect();
        counts.join(" | ")
    };
    if lines.iter().any(|line| line.n_without_time > 0) {
        writeln!(
            out,
            "| without a time | {} |",
            counts(|line| line.n_without_time)
        )?;
    }
    writeln!(out, "| all | {} |", counts(|line| line.n_failures))
}

/// What went to each upstream over time, with its times.
pub(super) fn paces(report: &Report, out: &mut String) -> Result {
    let lines: Vec<&TrafficLine> = report.traffic.iter().take(UPSTREAMS_MAX).collect();
    writeln!(
        out,
        "\nAttempts over time (failed ones in brackets), with p50 / p90 / p99 of their times; of what met no upstream, requests and those answered 5xx:\n"
    )?;
    head(
        "attempts",
        lines.iter().map(|line| code(line.name())),
        &report.columns,
        out,
    )?;
    rows(&report.columns, out, |cell| {
        lines.iter().map(|line| pace(&line.pace, cell)).collect()
    })
}

/// Columns of that table, whatever `--top` says.
const UPSTREAMS_MAX: usize = 12;

/// `1,200 (57): 5 ms / 90 ms / 1.2 s`; nothing for nothing.
fn pace(pace: &Pace, cell: usize) -> String {
    let mut text = match (pace.n[cell], pace.n_failed[cell]) {
        (0, _) => return String::new(),
        (n, 0) => grouped(n),
        (n, n_failed) => format!("{} ({})", grouped(n), grouped(n_failed)),
    };
    if let (Some(p50), Some(p90), Some(p99)) =
        (pace.ms_p50[cell], pace.ms_p90[cell], pace.ms_p99[cell])
    {
        let [p50, p90, p99] = [p50, p90, p99].map(|ms| milliseconds(Some(ms)));
        text.push_str(&format!(": {p50} / {p90} / {p99}"));
    }
    text
}

/// The head of a table with a row per cell of `plot`.
fn head(
    what: &str,
    names: impl ExactSizeIterator<Item = String>,
    plot: &Plot,
    out: &mut String,
) -> Result {
    let rulers = "---:|".repeat(names.len());
    let names: Vec<String> = names.collect();
    writeln!(
        out,
        "| {what} per {} from | {} |\n|---|{rulers}",
        duration(plot.cell_seconds),
        names.join(" | ")
    )
}

/// A row per cell of `plot` of which anything is told.
fn rows(plot: &Plot, out: &mut String, told: impl Fn(usize) -> Vec<String>) -> Result {
    for cell in 0..plot.n_cells {
        let texts = told(cell);
        if texts.iter().any(|text| !text.is_empty()) {
            let from = rfc3339(plot.start_s + plot.cell_seconds * cell as i64);
            writeln!(out, "| {from} | {} |", texts.join(" | "))?;
        }
    }
    Ok(())
}
