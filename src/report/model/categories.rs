//! What went wrong: events by severity and by category.

use super::{
    axis::Axis,
    rows::{evidence, first, last, n_clients, sum},
};
use crate::{
    diagnose::Failure,
    event::{Category, Severity},
    export::Names,
};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

#[derive(Clone, Debug, Serialize)]
pub struct SeverityLine {
    pub severity: &'static str,
    pub n_events: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct CategoryLine {
    pub category: &'static str,
    pub severity: &'static str,
    pub n_events: u64,
    pub n_clients: u64,
    pub first: Option<String>,
    pub last: Option<String>,
    pub evidence: String,
    /// Events per cell of the plot.
    pub series: Vec<u64>,
}

pub(super) fn severities(rows: &[&Failure]) -> Vec<SeverityLine> {
    let count = |severity: Severity| {
        rows.iter()
            .filter(|row| row.kind.severity == severity)
            .map(|row| row.n_events)
            .sum()
    };
    Severity::ALL
        .iter()
        .map(|&severity| SeverityLine {
            severity: severity.name(),
            n_events: count(severity),
        })
        .filter(|line| line.n_events > 0)
        .collect()
}

pub(super) fn categories(rows: &[&Failure], axis: &Axis, names: &Names<'_>) -> Vec<CategoryLine> {
    let mut groups: BTreeMap<(Category, Severity), Vec<&Failure>> = BTreeMap::new();
    for row in rows {
        groups
            .entry((row.kind.category, row.kind.severity))
            .or_default()
            .push(row);
    }
    let mut lines: Vec<CategoryLine> = groups
        .into_iter()
        .map(|((category, severity), rows)| CategoryLine {
            category: category.name(),
            severity: severity.name(),
            n_events: sum(&rows),
            n_clients: n_clients(&rows),
            first: first(&rows),
            last: last(&rows),
            evidence: evidence(&rows, names),
            series: axis.series(rows.iter().copied()),
        })
        .collect();
    lines.sort_by_key(|line| Reverse(line.n_events)); // stable: ties stay in the order of categories
    lines
}
