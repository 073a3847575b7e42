//! The heat map as SVG: a row per upstream, a cell per stretch of time, the darker the more failed there.
//!
//! Shades are the [`Steps`] of one scale for all rows. They differ in lightness, so that no hue need be told from another, and each cell has its
//! number. Names of upstreams stand in text nodes only.

use super::{
    place::{Bars, XTick},
    say,
};
use crate::{
    export::time::rfc3339,
    report::{
        model::{HeatRow, Plot},
        steps::Steps,
        words::grouped,
    },
};
use askama::Template;

/// Steps of the scale, without that of none.
const STEPS: u32 = 5;

/// Classes of the style sheet by their step.
const CLASSES: [&str; STEPS as usize + 1] = ["s0", "s1", "s2", "s3", "s4", "s5"];

/// The class and the counts of each step that is needed.
pub(super) type Legend = Vec<(&'static str, String)>;

/// The legend of these steps.
pub(super) fn legend(steps: Steps) -> Legend {
    let text = |(first, last): (u64, u64)| match last == first {
        true => grouped(first),
        false => format!("{} to {}", grouped(first), grouped(last)),
    };
    let bounds = steps.bounds().into_iter();
    bounds
        .map(|(step, first, last)| (CLASSES[step], text((first, last))))
        .collect()
}

/// How large a map is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    class: &'static str,
    width: usize,
    cells_max: usize,
    x_ticks_max: i64,
    /// Characters of a name that there is room for.
    name_max: usize,
    /// Whether names stand before the cells, or above.
    names: Names,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Above,
    Before,
}

pub(super) const WIDE: Size = Size {
    class: "wide",
    width: 1040,
    cells_max: 60,
    x_ticks_max: 8,
    name_max: 30,
    names: Names::Before,
};

pub(super) const NARROW: Size = Size {
    class: "narrow",
    width: 358,
    cells_max: 30,
    x_ticks_max: 4,
    name_max: 54,
    names: Names::Above,
};

/// Height of a row of cells, and what lies between two.
const CELL: f64 = 22.0;
const GAP: f64 = 4.0;
/// Height of a name that stands above its cells.
const NAME: f64 = 16.0;

#[derive(Template)]
#[template(path = "heat.html")]
pub(super) struct Heat {
    id: &'static str,
    title: String,
    description: String,
    class: &'static str,
    width: usize,
    height: f64,
    left: f64,
    right: f64,
    base: f64,
    /// How long a cell is.
    pub step_s: i64,
    anchor: &'static str,
    name_x: f64,
    rows: Vec<Row>,
    x_ticks: Vec<XTick>,
}

struct Row {
    name: String,
    /// As much of it as there is room for.
    short: String,
    is_others: bool,
    name_y: f64,
    y: f64,
    cells: Vec<Cell>,
}

struct Cell {
    class: &'static str,
    x: f64,
    width: f64,
    /// The number, where there is room for those of all cells.
    label: Option<String>,
    from_s: i64,
    text: String,
}

/// The map of `lines` over the cells of `plot`.
pub(super) fn map(
    (title, description): (String, String),
    lines: &[HeatRow],
    plot: &Plot,
    size: Size,
) -> Heat {
    let (left, row_height) = match size.names {
        Names::Above => (2.0, NAME + CELL + GAP),
        Names::Before => (204.0, CELL + GAP), // whatever the names: no place depends on a text of a log
    };
    let bars = Bars::new(plot, size.cells_max, left, size.width as f64);
    let steps = steps(lines, &bars);
    // Digits are about seven pixels wide.
    let is_labelled = grouped(steps.most()).len() as f64 * 7.0 + 12.0 <= bars.step;
    let row = |(index, line): (usize, &HeatRow)| {
        let top = 2.0 + row_height * index as f64;
        let (name_y, y) = match size.names {
            Names::Above => (top + 12.0, top + NAME),
            Names::Before => (top + 15.0, top),
        };
        let name = say::text(&line.name());
        Row {
            short: shortened(&name, size.name_max),
            name,
            is_others: line.is_others(),
            name_y,
            y,
            cells: cells(line, &bars, steps, is_labelled),
        }
    };
    let base = 2.0 + row_height * lines.len() as f64;
    Heat {
        id: "heat",
        title,
        description,
        class: size.class,
        width: size.width,
        height: base + 34.0,
        left,
        right: bars.x(bars.n),
        base,
        step_s: bars.bar_s,
        anchor: match size.names {
            Names::Above => "start",
            Names::Before => "end",
        },
        name_x: match size.names {
            Names::Above => left,
            Names::Before => left - 8.0,
        },
        rows: lines.iter().enumerate().map(row).collect(),
        x_ticks: bars.x_ticks(size.x_ticks_max, size.width as f64),
    }
}

/// The steps of all cells, as they are drawn.
fn steps(lines: &[HeatRow], bars: &Bars) -> Steps {
    let of_row = |line: &HeatRow| (0..bars.n).map(|bar| bars.sum(&line.counts, bar)).max();
    Steps::up_to(lines.iter().filter_map(of_row).max().unwrap_or(0), STEPS)
}

/// The steps of `lines` as drawn in `size`.
pub(super) fn steps_of(lines: &[HeatRow], plot: &Plot, size: Size) -> Steps {
    steps(
        lines,
        &Bars::new(plot, size.cells_max, 0.0, size.width as f64),
    )
}

/// Cells in which something failed.
fn cells(line: &HeatRow, bars: &Bars, steps: Steps, is_labelled: bool) -> Vec<Cell> {
    (0..bars.n)
        .map(|bar| (bar, bars.sum(&line.counts, bar)))
        .filter(|(_, n)| *n > 0)
        .map(|(bar, n)| {
            let (from_s, number) = (bars.begins_s(bar), grouped(n));
            Cell {
                class: CLASSES[steps.step(n)],
                x: bars.x(bar),
                width: bars.width(),
                from_s,
                text: format!("{}: {number} failed", rfc3339(from_s)),
                label: is_labelled.then_some(number),
            }
        })
        .collect()
}

/// `name` in at most `n_max` characters: its middle goes first, for beginning and end tell addresses apart.
pub(super) fn shortened(name: &str, n_max: usize) -> String {
    let n = name.chars().count();
    if n <= n_max {
        return name.to_owned();
    }
    let n_last = (n_max - 1) / 2;
    let first = name.chars().take(n_max - 1 - n_last);
    let last = name.chars().skip(n - n_last);
    first.chain(['…']).chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number that the text of a cell tells.
    fn told(cell: &Cell) -> u64 {
        let n = cell.text.split(' ').nth(1).unwrap_or_default();
        n.parse().expect("a count")
    }

    /// However narrow the drawing, every failure is in one cell, and no cell leaves it.
    #[test]
    fn cells_keep_the_sums_and_stay_inside() {
        for n_cells in [0, 1, 29, 30, 31, 60] {
            let plot = Plot {
                start: None,
                start_s: 1_795_132_800,
                cell_seconds: 60,
                n_cells,
            };
            let counts: Vec<u64> = (0..n_cells as u64).map(|n| n * n % 7).collect();
            let lines = [HeatRow {
                upstream: "10.0.0.5:8080".into(),
                n_upstreams: 1,
                n_failures: counts.iter().sum(),
                n_without_time: 0,
                counts,
            }];
            for size in [WIDE, NARROW] {
                let map = map((String::new(), String::new()), &lines, &plot, size);
                let cells = &map.rows[0].cells;
                assert_eq!(cells.iter().map(told).sum::<u64>(), lines[0].n_failures);
                assert!(
                    cells
                        .iter()
                        .all(|cell| cell.x + cell.width <= map.right + 0.01)
                );
                assert!(map.right <= map.width as f64);
            }
        }
    }

    #[test]
    fn names_lose_their_middle() {
        assert_eq!(
            shortened("unix:/run/php/php8.2-fpm.sock", 15),
            "unix:/r…pm.sock"
        );
        assert_eq!(shortened("10.0.0.5:80", 15), "10.0.0.5:80");
    }
}
