//! What went to one upstream over time, as SVG: quantiles of times above, attempts below, on scales that all charts share.
//!
//! Times are drawn by their logarithm: an answer of 5 ms and a timeout of 60 s are both seen. A quantile holds for its whole
//! column, so lines are stairs, and where no time is told there is none.

use super::{
    place::{Bars, XTick, YTick, rectangle},
    ticks,
};
use crate::{
    export::time::rfc3339,
    report::{
        model::{Pace, Plot},
        words::{grouped, milliseconds},
    },
};
use askama::Template;
use std::fmt::Write;

const WIDTH: f64 = 330.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 8.0;
/// Height of the part with times, of the part with attempts, and of what lies between.
const TIMES: f64 = 78.0;
const ATTEMPTS: f64 = 40.0;
const BETWEEN: f64 = 20.0;

/// Scales that all charts of a page share.
#[derive(Clone, Debug)]
pub(super) struct Scales {
    /// Powers of ten of milliseconds, from the first to the last of the axis; `None` where no times are told.
    decades: Option<(u32, u32)>,
    /// Labels of the attempts, from 0.
    attempts: Vec<u64>,
}

impl Scales {
    pub(super) fn of<'a>(paces: impl Iterator<Item = &'a Pace> + Clone) -> Scales {
        let times = || {
            let all = paces.clone();
            all.flat_map(|pace| pace.ms_p50.iter().chain(&pace.ms_p99))
                .flatten()
                .copied()
        };
        let lowest = times().min().map(|ms| ms.max(1).ilog10());
        let highest = times()
            .max()
            .map(|ms| ms.max(2).saturating_sub(1).ilog10() + 1);
        let most = paces.clone().flat_map(|pace| &pace.n).max();
        Scales {
            decades: lowest
                .zip(highest)
                .map(|(low, high)| (low, high.max(low + 1))),
            attempts: ticks::numbers(most.copied().unwrap_or(0), 2),
        }
    }

    /// Where the part with attempts begins.
    fn attempts_top(&self) -> f64 {
        match self.decades {
            Some(_) => TOP + TIMES + BETWEEN,
            None => TOP,
        }
    }

    fn y_of_attempts(&self, n: u64) -> f64 {
        let top = self.attempts.last().copied().unwrap_or(1).max(1);
        self.attempts_top() + ATTEMPTS * (1.0 - n as f64 / top as f64)
    }

    /// What lies below the axis stands on it.
    fn y_of_time(&self, ms: u32) -> f64 {
        let (low, high) = self.decades.unwrap_or((0, 1));
        let log = f64::from(ms.max(1)).log10() - f64::from(low);
        TOP + TIMES * (1.0 - log.max(0.0) / f64::from(high - low))
    }

    fn y_ticks(&self) -> Vec<YTick> {
        let times = self.decades.into_iter().flat_map(|(low, high)| low..=high);
        let times = times.filter_map(|decade| 10u32.checked_pow(decade));
        let of_times = times.map(|ms| YTick {
            y: self.y_of_time(ms),
            label: milliseconds(Some(ms)),
        });
        let of_attempts = self.attempts.iter().map(|&n| YTick {
            y: self.y_of_attempts(n),
            label: grouped(n),
        });
        of_times.chain(of_attempts).collect()
    }
}

#[derive(Template)]
#[template(path = "pace.html")]
pub(super) struct Chart<'a> {
    id: &'a str,
    title: &'a str,
    description: String,
    height: f64,
    left: f64,
    right: f64,
    base: f64,
    /// How long a column is.
    step_s: i64,
    y_ticks: Vec<YTick>,
    x_ticks: Vec<XTick>,
    /// From the median to the 99th percentile.
    band: String,
    /// p50, p90 and p99, by their classes.
    lines: [(&'static str, String); 3],
    good: String,
    failed: String,
    hits: Vec<Hit<'a>>,
}

/// A column with its numbers.
struct Hit<'a> {
    x: f64,
    width: f64,
    from_s: i64,
    pace: &'a Pace,
    column: usize,
}

impl Hit<'_> {
    fn n(&self) -> u64 {
        self.pace.n[self.column]
    }

    fn n_failed(&self) -> u64 {
        self.pace.n_failed[self.column]
    }

    /// p50, p90 and p99, where they are told.
    fn quantiles(&self) -> Option<[u32; 3]> {
        let Pace {
            ms_p50,
            ms_p90,
            ms_p99,
            ..
        } = self.pace;
        let [Some(p50), Some(p90), Some(p99)] =
            [ms_p50, ms_p90, ms_p99].map(|all| all[self.column])
        else {
            return None;
        };
        Some([p50, p90, p99])
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}: {} tried, {} failed",
            rfc3339(self.from_s),
            grouped(self.n()),
            grouped(self.n_failed())
        );
        if let Some(quantiles) = self.quantiles() {
            let [p50, p90, p99] = quantiles.map(|ms| milliseconds(Some(ms)));
            write!(text, "; p50 {p50}, p90 {p90}, p99 {p99}").expect("a String takes everything");
        }
        text
    }
}

/// The chart of one `pace` over the cells of `plot`.
pub(super) fn chart<'a>(
    (id, title, description): (&'a str, &'a str, String),
    pace: &'a Pace,
    plot: &Plot,
    scales: &Scales,
) -> Chart<'a> {
    let bars = Bars::new(plot, plot.n_cells, LEFT, WIDTH);
    let base = scales.attempts_top() + ATTEMPTS;
    let (good, failed) = attempts(pace, &bars, scales);
    let line = |class, all: &[Option<u32>]| (class, stairs(all, &bars, scales));
    Chart {
        id,
        title,
        description,
        height: base + 34.0,
        left: LEFT,
        right: bars.x(bars.n),
        base,
        step_s: bars.bar_s,
        y_ticks: scales.y_ticks(),
        x_ticks: bars.x_ticks(3, WIDTH),
        band: band(pace, &bars, scales),
        lines: [
            line("p99", &pace.ms_p99),
            line("p90", &pace.ms_p90),
            line("p50", &pace.ms_p50),
        ],
        good,
        failed,
        hits: (0..bars.n)
            .filter(|&column| pace.n[column] > 0)
            .map(|column| Hit {
                x: bars.x(column),
                width: bars.step,
                from_s: bars.begins_s(column),
                pace,
                column,
            })
            .collect(),
    }
}

/// Bars of what was good, on bars of what failed.
fn attempts(pace: &Pace, bars: &Bars, scales: &Scales) -> (String, String) {
    let (mut good, mut failed) = (String::new(), String::new());
    let base = scales.y_of_attempts(0);
    for (column, (&n, &n_failed)) in pace.n.iter().zip(&pace.n_failed).enumerate() {
        let (x, width) = (bars.x(column), bars.width());
        // What is there is seen, however small beside the rest.
        let seen = |n: u64, bottom: f64| match n {
            0 => 0.0,
            n => (base - scales.y_of_attempts(n)).max(1.0).min(bottom - TOP),
        };
        let of_failed = seen(n_failed, base);
        if n_failed > 0 {
            rectangle(&mut failed, x, base - of_failed, width, of_failed);
        }
        let of_all = seen(n, base);
        if of_all > of_failed {
            rectangle(&mut good, x, base - of_all, width, of_all - of_failed);
        }
    }
    (good, failed)
}

fn band(pace: &Pace, bars: &Bars, scales: &Scales) -> String {
    let mut path = String::new();
    for (column, pair) in pace.ms_p50.iter().zip(&pace.ms_p99).enumerate() {
        if let (Some(p50), Some(p99)) = pair {
            let (top, bottom) = (scales.y_of_time(*p99), scales.y_of_time(*p50));
            rectangle(&mut path, bars.x(column), top, bars.step, bottom - top);
        }
    }
    path
}

/// A level stretch per column that tells one, joined where columns are neighbours.
fn stairs(all: &[Option<u32>], bars: &Bars, scales: &Scales) -> String {
    let mut path = String::new();
    let mut is_open = false;
    for (column, ms) in all.iter().enumerate() {
        if let Some(ms) = ms {
            let (x, y) = (bars.x(column), scales.y_of_time(*ms));
            match is_open {
                true => write!(path, "V{y:.1}h{:.1}", bars.step),
                false => write!(path, "M{x:.1} {y:.1}h{:.1}", bars.step),
            }
            .expect("a String takes everything");
        }
        is_open = ms.is_some();
    }
    path
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

    fn pace(n: &[u64], n_failed: &[u64], quantiles: &[Option<[u32; 3]>]) -> Pace {
        let quantile = |which: usize| {
            let all = quantiles.iter();
            all.map(|all| Some((*all)?[which]))
                .collect::<Vec<Option<u32>>>()
        };
        Pace {
            n: n.to_vec(),
            n_failed: n_failed.to_vec(),
            ms_p50: quantile(0),
            ms_p90: quantile(1),
            ms_p99: quantile(2),
        }
    }

    #[test]
    fn scales_hold_all_that_is_shown() {
        let fast = pace(&[10, 0], &[0, 0], &[Some([2, 5, 9]), None]);
        let slow = pace(
            &[3, 9],
            &[0, 9],
            &[Some([40, 900, 60_001]), Some([0, 1, 1])],
        );
        let scales = Scales::of([&fast, &slow].into_iter());
        assert_eq!(
            (scales.decades, &scales.attempts[..]),
            (Some((0, 5)), &[0, 5, 10][..])
        );
        for ms in [0, 1, 60_001, 100_000] {
            let y = scales.y_of_time(ms);
            assert!((TOP..=TOP + TIMES).contains(&y), "{ms}: {y}");
        }
        let silent = pace(&[1], &[1], &[None]);
        assert_eq!(Scales::of([&silent].into_iter()).decades, None);
        assert_eq!(Scales::of([].into_iter()).attempts, [0, 1]);
        // A power of ten alone is an axis of one decade.
        let even = pace(&[1], &[0], &[Some([1_000; 3])]);
        assert_eq!(Scales::of([&even].into_iter()).decades, Some((3, 4)));
    }

    #[test]
    fn lines_break_where_nothing_is_told() {
        let all = pace(
            &[5, 5, 1, 5],
            &[0, 5, 1, 0],
            &[Some([1, 1, 10]), Some([10, 10, 10]), None, Some([1, 1, 1])],
        );
        let scales = Scales::of([&all].into_iter());
        let chart = chart(("id", "title", String::new()), &all, &plot(4), &scales);
        assert_eq!(chart.lines[2].1, "M48.0 86.0h65.0V8.0h65.0M243.0 86.0h65.0");
        assert_eq!(chart.lines[0].1.matches('M').count(), 2);
        let texts: Vec<String> = chart.hits.iter().map(Hit::text).collect();
        assert_eq!(texts[2], "2026-11-20T00:02:00Z: 1 tried, 1 failed");
        assert_eq!(
            texts[0],
            "2026-11-20T00:00:00Z: 5 tried, 0 failed; p50 1 ms, p90 1 ms, p99 10 ms"
        );
    }
}
