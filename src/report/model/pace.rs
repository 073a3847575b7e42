//! What went to an upstream over time: how much of it, how much of that failed, and how long it took.

use super::axis::Axis;
use crate::{
    aggregate::{TrafficCount, TrafficRow},
    diagnose::Traffic,
};
use serde::Serialize;

/// Attempts at an upstream over time, per cell of `columns`; of what met no upstream, requests. Quantiles are those of all the
/// durations in a cell, in milliseconds, as in the table `traffic`; null where none is told.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Pace {
    /// Attempts, or requests that met no upstream.
    pub n: Vec<u64>,
    /// Failed attempts, or such requests answered 5xx.
    pub n_failed: Vec<u64>,
    /// Response times of attempts, or times of such requests.
    pub ms_p50: Vec<Option<u32>>,
    pub ms_p90: Vec<Option<u32>>,
    pub ms_p99: Vec<Option<u32>>,
}

impl Pace {
    pub fn n_columns(&self) -> usize {
        self.n.len()
    }

    /// Whether any duration is told.
    pub fn has_times(&self) -> bool {
        self.ms_p50.iter().any(Option::is_some)
    }
}

/// The pace of one upstream, of all whose rows they are; `upstream` is empty for requests that met none. The counts of a cell
/// are merged before quantiles are taken: quantiles of quantiles would be of nothing.
pub(super) fn pace(upstream: &[u8], rows: &[&Traffic], columns: &Axis) -> Pace {
    let mut cells = vec![TrafficCount::default(); columns.n_cells()];
    for row in rows {
        if let Some(cell) = columns.cell(row.bucket) {
            cells[cell].merge(&row.count);
        }
    }
    let mut pace = Pace::default();
    for cell in &cells {
        let (n, n_failed, [p50, p90, p99]) = told(upstream, &cell.finish());
        pace.n.push(n);
        pace.n_failed.push(n_failed);
        pace.ms_p50.push(p50);
        pace.ms_p90.push(p90);
        pace.ms_p99.push(p99);
    }
    pace
}

/// What stands for the pace in a row of `traffic`.
fn told(upstream: &[u8], row: &TrafficRow) -> (u64, u64, [Option<u32>; 3]) {
    match upstream {
        b"" => (
            row.n_requests,
            row.n_5xx,
            [row.request_ms_p50, row.request_ms_p90, row.request_ms_p99],
        ),
        _ => (
            row.n_attempts,
            row.n_failed_attempts,
            [
                row.response_ms_p50,
                row.response_ms_p90,
                row.response_ms_p99,
            ],
        ),
    }
}
