//! Time: what the report spans, and the axis that all its series share.

use crate::{
    diagnose::{Failure, Placed},
    event::Timestamp,
    export::time::rfc3339,
};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Span {
    pub first: String,
    pub last: String,
    pub seconds: i64,
}

/// The time axis of all series.
#[derive(Clone, Debug, Serialize)]
pub struct Plot {
    pub start: Option<String>,
    /// The same in seconds from 1970-01-01 00:00:00 UTC; 0 without events.
    #[serde(skip)]
    pub start_s: i64,
    pub cell_seconds: i64,
    pub n_cells: usize,
}

/// Most cells a series has: as many as buckets chosen by span, so that there a cell is a bucket. Forms with less room sum
/// neighbours.
const CELLS_MAX: i64 = 240;

/// Cells of equal width over the span of all rows.
pub(super) struct Axis {
    start: Option<Timestamp>,
    cell_s: i64,
    n_cells: usize,
}

impl Axis {
    pub(super) fn new(placed: &Placed) -> Axis {
        let of_traffic = || placed.traffic.iter().filter_map(|row| row.bucket);
        let starts = || {
            let of_rows = placed.rows.iter().filter_map(|row| row.bucket);
            of_rows.chain(of_traffic())
        };
        let (Some(start), Some(end)) = (starts().min(), starts().max()) else {
            return Axis {
                start: None,
                cell_s: placed.width.seconds(),
                n_cells: 0,
            };
        };
        let n_buckets = (end.0 - start.0) / placed.width.seconds() + 1;
        let buckets_per_cell = (n_buckets + CELLS_MAX - 1) / CELLS_MAX;
        let n_cells = (n_buckets + buckets_per_cell - 1) / buckets_per_cell;
        Axis {
            start: Some(start),
            cell_s: buckets_per_cell * placed.width.seconds(),
            n_cells: n_cells as usize,
        }
    }

    pub(super) fn series<'a>(&self, rows: impl IntoIterator<Item = &'a Failure>) -> Vec<u64> {
        self.sums(rows.into_iter().map(|row| (row.bucket, row.n_events)))
    }

    /// Counts of buckets, per cell.
    pub(super) fn sums(&self, rows: impl Iterator<Item = (Option<Timestamp>, u64)>) -> Vec<u64> {
        let mut series = vec![0; self.n_cells];
        for (bucket, n) in rows {
            if let (Some(bucket), Some(start)) = (bucket, self.start) {
                series[((bucket.0 - start.0) / self.cell_s) as usize] += n;
            }
        }
        series
    }

    pub(super) fn plot(&self) -> Plot {
        Plot {
            start: time(self.start),
            start_s: self.start.map_or(0, |start| start.0),
            cell_seconds: self.cell_s,
            n_cells: self.n_cells,
        }
    }
}

/// From the first to the last event; of requests that did not fail, the buckets are known.
pub(super) fn span(placed: &Placed) -> Option<Span> {
    let rows = &placed.rows;
    let starts = || placed.traffic.iter().filter_map(|row| row.bucket);
    let first = rows.iter().filter_map(|row| row.first_seen).chain(starts());
    let last = rows.iter().filter_map(|row| row.last_seen).chain(starts());
    let (first, last) = (first.min()?, last.max()?);
    Some(Span {
        first: rfc3339(first.0),
        last: rfc3339(last.0),
        seconds: last.0 - first.0,
    })
}

pub(super) fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| rfc3339(time.0))
}
