//! Where things stand in a drawing: times along its width, and the shapes that stand there.
//!
//! Every coordinate is in CSS pixels of a drawing that is shown about as large as it is made, so texts keep their size.

use super::ticks::{self, TimeTick};
use crate::report::model::Plot;
use std::fmt::Write;

/// Half a label of the time axis may stand right of it.
pub(super) const RIGHT: f64 = 22.0;

/// Bars of equal width, one after the other, each of some cells of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bars {
    /// Cells that are summed into one bar.
    pub group: usize,
    pub n: usize,
    /// In seconds from 1970-01-01 00:00:00 UTC.
    pub start_s: i64,
    /// How long a bar is.
    pub bar_s: i64,
    /// Where the first begins, and pixels per bar.
    pub left: f64,
    pub step: f64,
}

impl Bars {
    /// At most `n_max` over the cells of `plot`, from `left` to the end of a drawing `width` wide.
    pub(super) fn new(plot: &Plot, n_max: usize, left: f64, width: f64) -> Bars {
        let group = plot.n_cells.div_ceil(n_max).max(1);
        let n = plot.n_cells.div_ceil(group);
        Bars {
            group,
            n,
            start_s: plot.start_s,
            bar_s: plot.cell_seconds * group as i64,
            left,
            step: (width - left - RIGHT) / n.max(1) as f64,
        }
    }

    pub(super) fn x(&self, bar: usize) -> f64 {
        self.left + self.step * bar as f64
    }

    /// When bar `bar` begins; that of the one behind the last is the end of all.
    pub(super) fn begins_s(&self, bar: usize) -> i64 {
        self.start_s + self.bar_s * bar as i64
    }

    /// A pixel narrower than its step where there is room, so that bars are told apart.
    pub(super) fn width(&self) -> f64 {
        if self.step > 3.0 {
            self.step - 1.0
        } else {
            self.step
        }
    }

    /// Of `counts`, one per cell, those of bar `bar`.
    pub(super) fn sum(&self, counts: &[u64], bar: usize) -> u64 {
        let cells = counts.iter().skip(bar * self.group);
        cells.take(self.group).sum()
    }

    /// Labels below, at most `n_max`, of which none leaves a drawing `width` wide.
    pub(super) fn x_ticks(&self, n_max: i64, width: f64) -> Vec<XTick> {
        let pixels_per_s = self.step / self.bar_s as f64;
        // Half of a text of so many characters, rather too much than too little.
        let inside = |x: f64, n_chars: usize| {
            let half = 3.5 * n_chars as f64;
            x.max(half).min(width - half)
        };
        ticks::times(self.start_s, self.begins_s(self.n), n_max)
            .into_iter()
            .map(|tick| {
                let x = self.left + (tick.at_s - self.start_s) as f64 * pixels_per_s;
                XTick {
                    x,
                    label_x: inside(x, tick.label.len()),
                    date_x: inside(x, "2026-11-20".len()),
                    tick,
                }
            })
            .collect()
    }
}

/// A label of the time axis.
pub(super) struct XTick {
    pub x: f64,
    pub tick: TimeTick,
    /// Where the middles of the label and of the date stand, so that they end within the drawing.
    pub label_x: f64,
    pub date_x: f64,
}

/// A label of the vertical axis.
pub(super) struct YTick {
    pub y: f64,
    pub label: String,
}

/// Adds a rectangle to the data of a path.
pub(super) fn rectangle(path: &mut String, x: f64, y: f64, width: f64, height: f64) {
    write!(path, "M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z")
        .expect("a String takes everything");
}
