//! Whose fault it was: failures by upstream.

use super::{
    axis::Axis,
    rows::{by_upstream, evidence, first, last, n_clients, sum},
};
use crate::{diagnose::Failure, event::Category, export::Names};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

#[derive(Clone, Debug, Serialize)]
pub struct UpstreamLine {
    /// Empty where the records name none.
    pub upstream: String,
    pub n_failures: u64,
    pub n_clients: u64,
    pub categories: Vec<CategoryCount>,
    pub first: Option<String>,
    pub last: Option<String>,
    pub evidence: String,
    pub series: Vec<u64>,
}

impl UpstreamLine {
    /// Its address or group, or that there is none.
    pub fn name(&self) -> &str {
        match self.upstream.as_str() {
            "" => "(none named)",
            name => name,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct CategoryCount {
    pub category: &'static str,
    pub n_events: u64,
    pub series: Vec<u64>,
}

pub(super) fn upstreams(rows: &[&Failure], axis: &Axis, names: &Names<'_>) -> Vec<UpstreamLine> {
    by_upstream(rows)
        .into_iter()
        .map(|(upstream, rows)| UpstreamLine {
            upstream: names.redactor().upstream(upstream).for_terminal(),
            n_failures: sum(&rows),
            n_clients: n_clients(&rows),
            categories: counts(&rows, axis),
            first: first(&rows),
            last: last(&rows),
            evidence: evidence(&rows, names),
            series: axis.series(rows.iter().copied()),
        })
        .collect()
}

/// Events per category, most first.
fn counts(rows: &[&Failure], axis: &Axis) -> Vec<CategoryCount> {
    let mut groups: BTreeMap<Category, Vec<&Failure>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.kind.category).or_default().push(row);
    }
    let mut counts: Vec<CategoryCount> = groups
        .into_iter()
        .map(|(category, rows)| CategoryCount {
            category: category.name(),
            n_events: sum(&rows),
            series: axis.series(rows),
        })
        .collect();
    counts.sort_by_key(|count| Reverse(count.n_events));
    counts
}
