//! Charts as SVG that needs no script: counts by time, stacked by category, and what happened then: incidents and marks.
//!
//! Here are only numbers and places; the templates `chart.html` and `spark.html` write them. Deterministic: no measuring, no
//! chance.

use super::{
    place::{self, RIGHT, XTick, YTick, rectangle},
    ticks,
};
use crate::{
    export::time::rfc3339,
    report::{model::Plot, words::grouped},
};
use askama::Template;
use std::fmt::Write;

/// Counts per cell of the axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series<'a> {
    /// What is counted, in the program's own words.
    pub name: &'a str,
    /// Its colour, as the style sheet knows it: a category, or `rest`, `failed`, `answered`.
    pub class: &'a str,
    pub counts: &'a [u64],
}

/// How large a chart is drawn and how much it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// A class that the style sheet shows or hides by the room there is.
    pub class: &'static str,
    pub width: usize,
    /// Of the bars, without what stands below them.
    pub height: usize,
    /// Room for the labels of the vertical axis, and where there is more, for those of lanes.
    pub left: f64,
    /// Height of a lane. Where its label finds no room before it, it stands above.
    pub lane: f64,
    /// Neighbouring cells are summed so that there are no more.
    pub cells_max: usize,
    pub x_ticks_max: i64,
    pub y_ticks_max: u64,
}

/// For a page as wide as a screen.
pub(super) const WIDE: Size = Size {
    class: "wide",
    width: 1040,
    height: 220,
    left: 136.0,
    lane: 20.0,
    cells_max: 240,
    x_ticks_max: 10,
    y_ticks_max: 5,
};

/// For a phone.
pub(super) const NARROW: Size = Size {
    class: "narrow",
    width: 358,
    height: 180,
    left: 48.0,
    lane: 32.0,
    cells_max: 60,
    x_ticks_max: 4,
    y_ticks_max: 4,
};

/// One of many.
pub(super) const SMALL: Size = Size {
    class: "small",
    width: 330,
    height: 72,
    left: 48.0,
    lane: 32.0,
    cells_max: 60,
    x_ticks_max: 3,
    y_ticks_max: 2,
};

const TOP: f64 = 8.0;
/// Between the bars and the first lane.
const BELOW: f64 = 6.0;

/// What happened in the time of a chart: it stands on lanes below the bars.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Happened<'a> {
    /// Incidents, whose times are shaded behind the bars too.
    pub incidents: &'a [Stretch],
    /// Changes of state, a lane each.
    pub states: &'a [Series<'a>],
}

/// From a second to a second, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub from_s: i64,
    pub until_s: i64,
}

/// A chart of counts per cell, ready to be written.
#[derive(Template)]
#[template(path = "chart.html")]
pub(super) struct Chart<'a> {
    pub id: &'a str,
    /// What is shown, in a sentence.
    pub title: &'a str,
    /// What can be seen in it, for those who cannot.
    pub description: &'a str,
    class: &'static str,
    width: usize,
    height: f64,
    left: f64,
    right: f64,
    base: f64,
    /// How long a bar is.
    pub step_s: i64,
    y_ticks: Vec<YTick>,
    x_ticks: Vec<XTick>,
    /// Stacked from below, one path per series.
    bars: Vec<Bars<'a>>,
    /// The times of incidents, as high as the bars may be.
    shade: String,
    lanes: Vec<Lane<'a>>,
    /// Those of incidents, from 1.
    numbers: Vec<Number>,
    hits: Vec<Hit>,
}

struct Bars<'a> {
    class: &'a str,
    path: String,
}

/// Marks on a line of their own below the bars.
struct Lane<'a> {
    label: String,
    label_x: f64,
    label_y: f64,
    anchor: &'static str,
    class: &'a str,
    y: f64,
    path: String,
}

/// The number of an incident beside it.
struct Number {
    x: f64,
    y: f64,
    n: usize,
}

/// An area that tells its numbers to a pointer.
struct Hit {
    x: f64,
    width: f64,
    from_s: i64,
    text: String,
}

/// Stacks `series` over the time of `plot`, with lanes of what `happened`.
pub(super) fn stacked<'a>(
    (id, title, description): (&'a str, &'a str, &'a str),
    series: &[Series<'a>],
    happened: Happened<'a>,
    plot: &Plot,
    size: Size,
) -> Chart<'a> {
    let most = highest(series, plot, size);
    stacked_up_to(most, (id, title, description), series, happened, plot, size)
}

/// Events of the highest bar.
pub(super) fn highest(series: &[Series<'_>], plot: &Plot, size: Size) -> u64 {
    let bars = size.bars(plot);
    let total = |bar: usize| -> u64 { series.iter().map(|s| bars.sum(s.counts, bar)).sum() };
    (0..bars.n).map(total).max().unwrap_or(0)
}

/// [`stacked`], on a scale that reaches `most`, so that charts compare.
pub(super) fn stacked_up_to<'a>(
    most: u64,
    (id, title, description): (&'a str, &'a str, &'a str),
    series: &[Series<'a>],
    happened: Happened<'a>,
    plot: &Plot,
    size: Size,
) -> Chart<'a> {
    let grid = Grid {
        bars: size.bars(plot),
        height: size.height as f64,
        y_ticks: ticks::numbers(most, size.y_ticks_max),
        size,
    };
    let (lanes, numbers) = lanes(happened, &grid);
    let base = TOP + size.height as f64;
    let marks_end = match lanes.len() {
        0 => base,
        n => base + BELOW + n as f64 * size.lane,
    };
    Chart {
        id,
        title,
        description,
        class: size.class,
        width: size.width,
        height: marks_end + 34.0,
        left: size.left,
        right: size.width as f64 - RIGHT,
        base: marks_end,
        step_s: grid.bars.bar_s,
        y_ticks: grid
            .y_ticks
            .iter()
            .map(|&n| YTick {
                y: grid.y(n),
                label: grouped(n),
            })
            .collect(),
        x_ticks: grid.bars.x_ticks(size.x_ticks_max, size.width as f64),
        bars: bars(series, &grid),
        shade: stretches(happened.incidents, &grid, TOP, size.height as f64),
        lanes,
        numbers,
        hits: hits(series, happened.states, &grid),
    }
}

impl Size {
    fn bars(&self, plot: &Plot) -> place::Bars {
        place::Bars::new(plot, self.cells_max, self.left, self.width as f64)
    }
}

/// From cells and counts to places.
struct Grid {
    bars: place::Bars,
    height: f64,
    y_ticks: Vec<u64>,
    size: Size,
}

impl Grid {
    fn y(&self, n: u64) -> f64 {
        let top = self.y_ticks.last().copied().unwrap_or(1);
        TOP + self.height * (1.0 - n as f64 / top as f64)
    }
}

/// One path per series, so that a chart of 240 bars stays small.
fn bars<'a>(series: &[Series<'a>], grid: &Grid) -> Vec<Bars<'a>> {
    let mut below = vec![0; grid.bars.n];
    let mut all = Vec::new();
    for one in series {
        let mut path = String::new();
        for (bar, below) in below.iter_mut().enumerate() {
            let n = grid.bars.sum(one.counts, bar);
            if n == 0 {
                continue;
            }
            let (top, bottom) = (grid.y(*below + n), grid.y(*below));
            let (x, width) = (grid.bars.x(bar), grid.bars.width());
            // What is there is seen, however small beside the rest.
            let top = top.min(bottom - 1.0);
            rectangle(&mut path, x, top, width, bottom - top);
            *below += n;
        }
        all.push(Bars {
            class: one.class,
            path,
        });
    }
    all
}

/// Incidents first, then a lane per state; and the numbers of incidents.
fn lanes<'a>(happened: Happened<'a>, grid: &Grid) -> (Vec<Lane<'a>>, Vec<Number>) {
    let mut lanes = Vec::new();
    let mut numbers = Vec::new();
    if !happened.incidents.is_empty() {
        let label = format!("incidents ({})", happened.incidents.len());
        let mut lane = Lane::new(label, "incident", 0, grid);
        lane.path = stretches(happened.incidents, grid, lane.y - 4.0, 8.0);
        numbers = numbered(happened.incidents, lane.y, grid);
        lanes.push(lane);
    }
    for one in happened.states {
        let label = format!("{} ({})", one.name, grouped(one.counts.iter().sum()));
        let mut lane = Lane::new(label, one.class, lanes.len(), grid);
        lane.path = diamonds(one, lane.y, grid);
        lanes.push(lane);
    }
    (lanes, numbers)
}

impl<'a> Lane<'a> {
    /// The lane `index` from above, empty.
    fn new(label: String, class: &'a str, index: usize, grid: &Grid) -> Lane<'a> {
        let size = grid.size;
        let end = TOP + grid.height + BELOW + size.lane * (index + 1) as f64;
        let y = end - 10.0;
        // Labels have a hundred pixels.
        let is_before = size.left > 100.0;
        Lane {
            label,
            label_x: size.left - if is_before { 8.0 } else { 0.0 },
            label_y: y + if is_before { 4.0 } else { -9.0 },
            anchor: if is_before { "end" } else { "start" },
            class,
            y,
            path: String::new(),
        }
    }
}

/// A diamond for each bar in which something happened.
fn diamonds(one: &Series<'_>, y: f64, grid: &Grid) -> String {
    let mut path = String::new();
    for bar in (0..grid.bars.n).filter(|&bar| grid.bars.sum(one.counts, bar) > 0) {
        let x = grid.bars.x(bar) + grid.bars.step / 2.0;
        write!(path, "M{x:.1} {:.1}l5 5l-5 5l-5 -5z", y - 5.0).expect("a String takes everything");
    }
    path
}

/// Where `stretch` begins and how wide it is: whole bars, as its failures are counted in such.
fn place_of(stretch: &Stretch, bars: &place::Bars) -> (f64, f64) {
    let bar = |at_s: i64| {
        let bar = (at_s - bars.start_s).div_euclid(bars.bar_s.max(1));
        bar.clamp(0, bars.n.max(1) as i64 - 1) as usize
    };
    let (first, last) = (bar(stretch.from_s), bar(stretch.until_s));
    let x = bars.x(first);
    (x, bars.x(last.max(first)) + bars.width() - x)
}

fn stretches(stretches: &[Stretch], grid: &Grid, y: f64, height: f64) -> String {
    let mut path = String::new();
    for stretch in stretches {
        let (x, width) = place_of(stretch, &grid.bars);
        rectangle(&mut path, x, y, width.max(2.0), height);
    }
    path
}

/// The numbers that find room behind their incidents, before the next.
fn numbered(stretches: &[Stretch], y: f64, grid: &Grid) -> Vec<Number> {
    const DIGIT: f64 = 7.0;
    let end = grid.size.width as f64;
    let places: Vec<(f64, f64)> = stretches
        .iter()
        .map(|stretch| place_of(stretch, &grid.bars))
        .collect();
    let number = |(index, &(x, width)): (usize, &(f64, f64))| {
        let number = Number {
            x: x + width + 3.0,
            y: y + 4.0,
            n: index + 1,
        };
        let next = places.get(index + 1).map_or(end, |place| place.0);
        let n_digits = number.n.ilog10() + 1;
        (number.x + DIGIT * f64::from(n_digits) <= next).then_some(number)
    };
    places.iter().enumerate().filter_map(number).collect()
}

/// Numbers of each bar that has some.
fn hits(series: &[Series<'_>], marks: &[Series<'_>], grid: &Grid) -> Vec<Hit> {
    (0..grid.bars.n)
        .filter_map(|bar| {
            let parts: Vec<String> = series
                .iter()
                .chain(marks)
                .map(|one| (one.name, grid.bars.sum(one.counts, bar)))
                .filter(|(_, n)| *n > 0)
                .map(|(name, n)| format!("{} {name}", grouped(n)))
                .collect();
            if parts.is_empty() {
                return None;
            }
            let from_s = grid.bars.begins_s(bar);
            Some(Hit {
                x: grid.bars.x(bar),
                width: grid.bars.step,
                from_s,
                text: format!("{}: {}", rfc3339(from_s), parts.join(", ")),
            })
        })
        .collect()
}

/// A chart without axes that stands beside the numbers it shows.
#[derive(Template)]
#[template(path = "spark.html")]
pub(super) struct Spark<'a> {
    class: &'a str,
    path: String,
}

/// Bars of `counts` in the colour of `class`, the highest as high as there is room.
pub(super) fn spark<'a>(class: &'a str, counts: &[u64]) -> Spark<'a> {
    const WIDTH: f64 = 160.0;
    const HEIGHT: f64 = 26.0;
    const BARS_MAX: usize = 80;
    let group = counts.len().div_ceil(BARS_MAX).max(1);
    let sums: Vec<u64> = counts
        .chunks(group)
        .map(|cells| cells.iter().sum())
        .collect();
    let max = sums.iter().copied().max().unwrap_or(0).max(1);
    let step = WIDTH / sums.len().max(1) as f64;
    // The outline of all bars: a path of a bar each would be thrice as long, a hundred times in a page.
    let mut path = format!("M0 {HEIGHT}");
    for n in sums {
        let height = match n {
            0 => 0.0,
            n => (HEIGHT * n as f64 / max as f64).max(1.0),
        };
        write!(path, "V{:.1}h{step:.1}", HEIGHT - height).expect("a String takes everything");
    }
    write!(path, "V{HEIGHT}z").expect("a String takes everything");
    Spark { class, path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(n_cells: usize) -> Plot {
        Plot {
            start: None,
            start_s: 1_795_132_800, // 2026-11-20T00:00:00Z
            cell_seconds: 60,
            n_cells,
        }
    }

    fn series<'a>(name: &'a str, counts: &'a [u64]) -> Series<'a> {
        Series {
            name,
            class: name,
            counts,
        }
    }

    const TEXT: (&str, &str, &str) = ("id", "title", "description");

    /// However few the bars, they tell every event once, and none leaves the drawing.
    #[test]
    fn bars_keep_the_sums_and_stay_inside() {
        for n_cells in [0, 1, 59, 60, 61, 240, 1_000] {
            let refused: Vec<u64> = (0..n_cells as u64).map(|n| n % 7).collect();
            let timeout: Vec<u64> = (0..n_cells as u64).map(|n| n * n % 11).collect();
            let all = [series("refused", &refused), series("timeout", &timeout)];
            for size in [WIDE, NARROW, SMALL] {
                let chart = stacked(TEXT, &all, Happened::default(), &plot(n_cells), size);
                assert!(chart.hits.len() <= size.cells_max);
                let told: u64 = chart
                    .hits
                    .iter()
                    .flat_map(|hit| hit.text[22..].split(", "))
                    .map(|part| {
                        let n = part.split(' ').next().unwrap_or_default();
                        n.replace(',', "").parse::<u64>().expect("a count")
                    })
                    .sum();
                let sum: u64 = refused.iter().chain(&timeout).sum();
                assert_eq!(told, sum, "{n_cells} cells, {}", size.class);
                let is_inside = |hit: &Hit| {
                    hit.x >= size.left - 0.01
                        && hit.x + hit.width <= size.width as f64 - RIGHT + 0.01
                };
                assert!(chart.hits.iter().all(is_inside));
                let ticks = chart.x_ticks.iter();
                assert!(ticks.map(|tick| tick.x).all(|x| x <= size.width as f64));
            }
        }
    }

    /// Each series stands on the one before it.
    #[test]
    fn series_are_stacked() {
        let (refused, timeout) = ([5, 0], [5, 10]);
        let all = [series("refused", &refused), series("timeout", &timeout)];
        let size = Size {
            width: 170,
            height: 100,
            ..SMALL
        };
        let chart = stacked(TEXT, &all, Happened::default(), &plot(2), size);
        let paths: Vec<&str> = chart.bars.iter().map(|bars| &bars.path[..]).collect();
        assert_eq!(
            paths,
            [
                "M48.0 58.0h49.0v50.0h-49.0z",
                "M48.0 8.0h49.0v50.0h-49.0zM98.0 8.0h49.0v100.0h-49.0z"
            ]
        );
    }

    #[test]
    fn marks_have_a_lane_each() {
        let (reloads, crashes) = ([0, 1, 0], [0, 0, 2]);
        let marks = [
            series("lifecycle", &reloads),
            series("worker-crash", &crashes),
        ];
        let happened = Happened {
            states: &marks,
            ..Happened::default()
        };
        let chart = stacked(TEXT, &[], happened, &plot(3), WIDE);
        let labels: Vec<&str> = chart.lanes.iter().map(|lane| &lane.label[..]).collect();
        assert_eq!(labels, ["lifecycle (1)", "worker-crash (2)"]);
        assert!(chart.lanes[0].y < chart.lanes[1].y && chart.lanes[1].y < chart.base);
        let texts: Vec<&str> = chart.hits.iter().map(|hit| &hit.text[..]).collect();
        assert_eq!(
            texts,
            [
                "2026-11-20T00:01:00Z: 1 lifecycle",
                "2026-11-20T00:02:00Z: 2 worker-crash"
            ]
        );
    }

    /// Incidents lie where their failures are drawn, and have numbers where there is room.
    #[test]
    fn incidents_are_stretches_of_bars() {
        let start_s = plot(1).start_s;
        let of = |from_s, until_s| Stretch {
            from_s: start_s + from_s,
            until_s: start_s + until_s,
        };
        let incidents = [of(0, 59), of(65, 190), of(190, 190), of(700, 9_999)];
        let happened = Happened {
            incidents: &incidents,
            ..Happened::default()
        };
        for size in [WIDE, NARROW] {
            let plot = plot(12);
            let chart = stacked(TEXT, &[], happened, &plot, size);
            assert_eq!(chart.lanes[0].label, "incidents (4)");
            let bars = size.bars(&plot);
            let places = incidents.map(|one| place_of(&one, &bars));
            let ends =
                |(x, width): (f64, f64)| ((x - size.left) / bars.step, (x + width) / bars.step);
            let first_bars = places.map(|place| ends(place).0.round());
            assert_eq!(first_bars, [0.0, 1.0, 3.0, 11.0]);
            assert!(
                places
                    .iter()
                    .all(|(x, width)| x + width <= chart.right + 0.01)
            );
            let numbers: Vec<usize> = chart.numbers.iter().map(|number| number.n).collect();
            // The next begins where the second ends, and a bar is too narrow for a number.
            assert_eq!(numbers, [3, 4]);
        }
        assert!(stacked(TEXT, &[], happened, &plot(0), WIDE).right > 0.0);
    }
}
