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

/// A time axis: cells of equal width, one after the other.
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

/// Most columns: as many as are told apart in a chart on a phone, and read as a table.
const COLUMNS_MAX: i64 = 60;

/// Widths of columns in seconds; then come 1, 2 and 5 times powers of ten of days.
const ROUND_S: [i64; 17] = [
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
];

/// Cells of equal width over the span of all rows.
pub(super) struct Axis {
    start: Option<Timestamp>,
    cell_s: i64,
    n_cells: usize,
}

impl Axis {
    /// Cells of so many buckets each, from the first.
    pub(super) fn cells(placed: &Placed) -> Axis {
        let width_s = placed.width.seconds();
        let Some((start, end)) = ends(placed) else {
            return Axis::empty(width_s);
        };
        let n_buckets = (end.0 - start.0) / width_s + 1;
        let buckets_per_cell = (n_buckets + CELLS_MAX - 1) / CELLS_MAX;
        let n_cells = (n_buckets + buckets_per_cell - 1) / buckets_per_cell;
        Axis {
            start: Some(start),
            cell_s: buckets_per_cell * width_s,
            n_cells: n_cells as usize,
        }
    }

    /// Fewer cells, of whole buckets and of a round width, which begin at round times.
    pub(super) fn columns(placed: &Placed) -> Axis {
        let width_s = placed.width.seconds();
        let Some((start, end)) = ends(placed) else {
            return Axis::empty(width_s);
        };
        let n = |cell_s: i64| end.0.div_euclid(cell_s) - start.0.div_euclid(cell_s) + 1;
        let days = (0..10).flat_map(|power| [1, 2, 5].map(|n| n * 86_400 * 10i64.pow(power)));
        let cell_s = ROUND_S
            .into_iter()
            .chain(days)
            .find(|cell_s| cell_s % width_s == 0 && n(*cell_s) <= COLUMNS_MAX)
            .unwrap_or(i64::MAX);
        Axis {
            start: Some(Timestamp(start.0.div_euclid(cell_s) * cell_s)),
            cell_s,
            n_cells: n(cell_s) as usize,
        }
    }

    fn empty(cell_s: i64) -> Axis {
        Axis {
            start: None,
            cell_s,
            n_cells: 0,
        }
    }

    pub(super) fn n_cells(&self) -> usize {
        self.n_cells
    }

    /// The cell in which `bucket` lies; `None` for what has no time.
    pub(super) fn cell(&self, bucket: Option<Timestamp>) -> Option<usize> {
        Some(((bucket?.0 - self.start?.0) / self.cell_s) as usize)
    }

    pub(super) fn series<'a>(&self, rows: impl IntoIterator<Item = &'a Failure>) -> Vec<u64> {
        self.sums(rows.into_iter().map(|row| (row.bucket, row.n_events)))
    }

    /// Counts of buckets, per cell.
    pub(super) fn sums(&self, rows: impl Iterator<Item = (Option<Timestamp>, u64)>) -> Vec<u64> {
        let mut series = vec![0; self.n_cells];
        for (bucket, n) in rows {
            if let Some(cell) = self.cell(bucket) {
                series[cell] += n;
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

/// The first and the last bucket in which anything is counted.
fn ends(placed: &Placed) -> Option<(Timestamp, Timestamp)> {
    let buckets = || {
        let of_rows = placed.rows.iter().filter_map(|row| row.bucket);
        of_rows.chain(placed.traffic.iter().filter_map(|row| row.bucket))
    };
    Some((buckets().min()?, buckets().max()?))
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
