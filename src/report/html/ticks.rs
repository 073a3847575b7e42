//! Where an axis is labelled: round numbers, and round times in UTC.

use crate::export::time::rfc3339;

/// Round numbers from 0 to the first that is not below `max`: steps of 1, 2 or 5 times a power of ten, at most `n_max` of them
/// without the zero.
pub(super) fn numbers(max: u64, n_max: u64) -> Vec<u64> {
    let max = max.max(1);
    let decades = (0..19).map(|power| 10u64.pow(power));
    let step = decades
        .flat_map(|decade| [1, 2, 5].map(|factor| decade.saturating_mul(factor)))
        .find(|step| max.div_ceil(*step) <= n_max)
        .unwrap_or(u64::MAX);
    (0..=max.div_ceil(step))
        .map(|n| n.saturating_mul(step))
        .collect()
}

/// A labelled instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeTick {
    /// Seconds from 1970-01-01 00:00:00 UTC.
    pub at_s: i64,
    /// The time of day, or the date where ticks are days apart.
    pub label: String,
    /// The date, where it is another than that of the tick before.
    pub date: Option<String>,
}

/// Steps between ticks: divisors of a day, then days.
const STEPS_S: [i64; 23] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400, 172_800, 604_800, 2_419_200, 7_257_600, 31_536_000,
];

/// Round instants in `[start_s, end_s]`, at most `n_max`.
pub(super) fn times(start_s: i64, end_s: i64, n_max: i64) -> Vec<TimeTick> {
    let count = |step: i64| end_s.div_euclid(step) - (start_s - 1).div_euclid(step);
    let step = STEPS_S
        .into_iter()
        .find(|&step| count(step) <= n_max)
        .unwrap_or(i64::MAX);
    let mut ticks: Vec<TimeTick> = Vec::new();
    let mut date_before = String::new();
    let mut at_s = (start_s - 1).div_euclid(step).saturating_add(1) * step;
    while at_s <= end_s {
        let text = rfc3339(at_s);
        let (date, time) = (text[..10].to_owned(), &text[11..]);
        let label = match step {
            _ if step >= 86_400 => date.clone(),
            _ if step >= 60 => time[..5].to_owned(),
            _ => time[..8].to_owned(),
        };
        let is_new = step < 86_400 && date != date_before;
        date_before.clone_from(&date);
        ticks.push(TimeTick {
            at_s,
            label,
            date: is_new.then_some(date),
        });
        at_s += step;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_round_and_reach_the_maximum() {
        assert_eq!(numbers(0, 4), [0, 1]);
        assert_eq!(numbers(9, 4), [0, 5, 10]);
        assert_eq!(numbers(10, 5), [0, 2, 4, 6, 8, 10]);
        assert_eq!(numbers(1_234, 4), [0, 500, 1_000, 1_500]);
        for max in [1, 3, 7, 99, 100, 101, 5_000_000, u64::MAX] {
            let ticks = numbers(max, 4);
            assert!(
                ticks.len() <= 5 && ticks.last().is_some_and(|last| *last >= max),
                "{max}: {ticks:?}"
            );
        }
    }

    #[test]
    fn times_are_round_and_dates_are_told_once() {
        let labels = |start, end, n| -> Vec<String> {
            times(start, end, n)
                .into_iter()
                .map(|tick| {
                    format!(
                        "{}{}",
                        tick.date.map_or_else(String::new, |date| date + " "),
                        tick.label
                    )
                })
                .collect()
        };
        let day = 1_795_132_800; // 2026-11-20T00:00:00Z
        assert_eq!(
            labels(day + 7, day + 32, 6),
            [
                "2026-11-20 00:00:10",
                "00:00:15",
                "00:00:20",
                "00:00:25",
                "00:00:30"
            ]
        );
        assert_eq!(
            labels(day - 3_600, day + 3_600, 3),
            ["2026-11-19 23:00", "2026-11-20 00:00", "01:00"]
        );
        assert_eq!(
            labels(day, day + 5 * 86_400, 3),
            ["2026-11-21", "2026-11-23", "2026-11-25"]
        );
        assert_eq!(times(day, day, 5).len(), 1);
    }
}
