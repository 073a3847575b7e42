//! Which upstream failed when: upstreams by columns of time.

use super::{
    axis::Axis,
    rows::{by_upstream, sum},
};
use crate::{diagnose::Failure, export::Names};
use serde::Serialize;

/// The failures of one upstream over time, or of several that have no row of their own.
#[derive(Clone, Debug, Serialize)]
pub struct HeatRow {
    /// Empty where the records name none, and for several together.
    pub upstream: String,
    /// More than one: all that have no row of their own, together.
    pub n_upstreams: usize,
    pub n_failures: u64,
    /// Failures that carry no time, which are in no column.
    pub n_without_time: u64,
    /// Failures per cell of `columns`.
    pub counts: Vec<u64>,
}

impl HeatRow {
    /// Its address or group, that there is none, or how many others they are.
    pub fn name(&self) -> String {
        match (self.n_upstreams, self.upstream.as_str()) {
            (2.., _) => format!("{} others", self.n_upstreams),
            (_, "") => "(none named)".to_owned(),
            (_, name) => name.to_owned(),
        }
    }

    pub fn is_others(&self) -> bool {
        self.n_upstreams > 1
    }
}

/// Rows, whatever `--top` says: more are read as a table.
const ROWS_MAX: usize = 12;

/// Upstreams by their failures, most first, the `n_top` first in rows of their own.
pub(super) fn heat_map(
    failing: &[&Failure],
    columns: &Axis,
    n_top: usize,
    names: &Names<'_>,
) -> Vec<HeatRow> {
    let row = |upstream: String, n_upstreams: usize, rows: &[&Failure]| {
        let counts = columns.series(rows.iter().copied());
        let n_failures = sum(rows);
        HeatRow {
            upstream,
            n_upstreams,
            n_failures,
            n_without_time: n_failures - counts.iter().sum::<u64>(),
            counts,
        }
    };
    let groups = by_upstream(failing);
    let n_top = n_top.clamp(1, ROWS_MAX);
    // One that would be all of the others is told by its name.
    let n_own = match groups.len() > n_top + 1 {
        true => n_top,
        false => groups.len(),
    };
    let (own, others) = groups.split_at(n_own);
    let mut lines: Vec<HeatRow> = own
        .iter()
        .map(|(name, rows)| row(names.redactor().upstream(name).for_terminal(), 1, rows))
        .collect();
    if !others.is_empty() {
        let rows: Vec<&Failure> = others.iter().flat_map(|(_, rows)| rows).copied().collect();
        lines.push(row(String::new(), others.len(), &rows));
    }
    lines
}
