//! Where there is no log: "no 502" means nothing there.

use crate::{
    aggregate::Activity,
    engine::{Scanned, rotation_set},
    event::{LocalTime, Timestamp},
    zone::Zone,
};
use std::collections::BTreeMap;

/// A stretch of time, or a part of a rotated set, of which nothing is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Files between others of a rotated set that are not there: the name of the set and their numbers or dates.
    Missing { set: String, numbers: Vec<u64> },
    /// No record of any kind from one instant to the other, though the log's own pace promised some. `set` names the rotated set
    /// if there are several.
    Silence {
        set: Option<String>,
        from: Timestamp,
        to: Timestamp,
    },
}

/// A shorter silence is not worth a word.
const SILENCE_S: i64 = 3_600;

/// Silences told of one set.
const SILENCES_MAX: usize = 3;

/// More silences at least half as long than this are a habit: nights, weekends.
const HABIT_MAX: usize = 2;

/// Stretches with records below which a source has no pace.
const ACTIVE_MIN: u64 = 4;

/// More missing files than this are no hole but another numbering.
const MISSING_MAX: i64 = 400;

/// A number behind a name that is greater counts no files.
const NUMBER_MAX: u64 = 99_999;

/// The sources of one rotated log.
#[derive(Default)]
struct Set {
    numbers: Vec<u64>,
    /// In UTC.
    activity: Activity,
}

/// All gaps between `since` and `until`: missing files first, then silences, each set by set.
pub fn gaps(
    scanned: &Scanned,
    zone: &Zone,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Vec<Gap> {
    let mut sets: BTreeMap<String, Set> = BTreeMap::new();
    let sources = scanned.sources.iter().zip(&scanned.ledgers);
    for (state, ledger) in sources.filter(|(state, _)| state.kind.is_log()) {
        let (name, number) = rotation_set(&String::from_utf8_lossy(&state.name));
        let set = sets.entry(name).or_default();
        set.numbers.extend(number);
        // Requests are written with their offset from UTC.
        let activity = match ledger.first_request {
            Some(_) => ledger.activity.clone(),
            None => ledger
                .activity
                .by(|second| zone.instant(LocalTime(second)).0.0),
        };
        set.activity.merge(&activity);
    }
    let missing = sets.iter().filter_map(|(set, Set { numbers, .. })| {
        let (set, numbers) = (set.clone(), missing_numbers(numbers.clone()));
        (!numbers.is_empty()).then_some(Gap::Missing { set, numbers })
    });
    let mut gaps: Vec<Gap> = missing.collect();
    sets.retain(|_, set| !set.activity.finish().0.is_empty());
    gaps.extend(silences(&sets, Window { since, until }));
    gaps
}

/// The numbers, and the days and hours of dates such as 20261120 and 2026112014, that are missing between those at hand.
fn missing_numbers(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers.dedup();
    let plain = numbers.iter().filter(|&&number| number <= NUMBER_MAX);
    let plain: Vec<i64> = plain.map(|&number| number as i64).collect();
    let mut missing: Vec<u64> = between(&plain, 1).map(|number| number as u64).collect();
    for unit in [Unit::Day, Unit::Hour] {
        let places = numbers.iter().filter_map(|&number| unit.place(number));
        let places: Vec<i64> = places.collect();
        let steps = places.windows(2).map(|pair| pair[1] - pair[0]);
        if let Some(step) = steps.min().and_then(|nearest| unit.step(nearest)) {
            missing.extend(between(&places, step).filter_map(|place| unit.date(place)));
        }
    }
    missing
}

/// What should stand between `places`, every `step`.
fn between(places: &[i64], step: i64) -> impl Iterator<Item = i64> {
    let pairs = places.windows(2).map(|pair| (pair[0], pair[1]));
    pairs
        .filter(move |(from, to)| to - from <= MISSING_MAX * step)
        .flat_map(move |(from, to)| (from + step..to).step_by(step as usize))
}

/// What dates in names count.
#[derive(Clone, Copy)]
enum Unit {
    Day,
    Hour,
}

impl Unit {
    /// Which one a date is, since 1970.
    fn place(self, date: u64) -> Option<i64> {
        let (day, hour) = match self {
            Unit::Day => (date, 0),
            Unit::Hour => (date / 100, date % 100),
        };
        let is_recent = (19_900_101..=22_001_231).contains(&day);
        let date = is_recent.then_some(day)?.to_string();
        let date = chrono::NaiveDate::parse_from_str(&date, "%Y%m%d").ok()?;
        let time = date.and_hms_opt(hour as u32, 0, 0)?;
        Some(time.and_utc().timestamp() / self.seconds())
    }

    fn date(self, place: i64) -> Option<u64> {
        let time = chrono::DateTime::from_timestamp(place * self.seconds(), 0)?;
        let format = match self {
            Unit::Day => "%Y%m%d",
            Unit::Hour => "%Y%m%d%H",
        };
        time.format(format).to_string().parse().ok()
    }

    const fn seconds(self) -> i64 {
        match self {
            Unit::Day => 86_400,
            Unit::Hour => 3_600,
        }
    }

    /// How often there is a file, where the nearest two are so far apart: daily, weekly, every so many hours. Months have no one length.
    const fn step(self, nearest: i64) -> Option<i64> {
        match self {
            Unit::Day if nearest < 7 => Some(1),
            Unit::Day if nearest < 28 => Some(7),
            Unit::Day => None,
            Unit::Hour => Some(nearest),
        }
    }
}

/// The silences of each set of sources that its own pace makes improbable, longest first, the first few of each.
///
/// The pace is the share of stretches of time that hold a record. Of a stretch that lies empty by chance, at that pace, `n` in a row
/// lie empty with the `n`th power of it; a silence is remarkable below one in a million. Records come in clumps and by day and
/// night, so one more thing is asked: a log that is silent for half as long three times or more has the habit.
fn silences(sets: &BTreeMap<String, Set>, window: Window) -> Vec<Gap> {
    let stretches = || sets.values().flat_map(|set| set.activity.finish().0);
    let first = stretches().map(|stretch| stretch.first).min();
    let last = stretches().map(|stretch| stretch.last).max();
    let Some(bounds) = first.zip(last) else {
        return Vec::new();
    };
    let mut gaps = Vec::new();
    for (name, set) in sets {
        let mut found = remarkable(&set.activity, bounds);
        found.retain(|&(from, to)| window.holds(Timestamp(from), Timestamp(to)));
        found.sort_by_key(|(from, to)| (from - to, *from));
        found.truncate(SILENCES_MAX);
        gaps.extend(found.into_iter().map(|(from, to)| Gap::Silence {
            set: (sets.len() > 1).then(|| name.clone()),
            from: Timestamp(from),
            to: Timestamp(to),
        }));
    }
    gaps
}

/// Times without a record, between the first and the last record of all sources, that are long and improbable.
fn remarkable(activity: &Activity, bounds: (i64, i64)) -> Vec<(i64, i64)> {
    let (stretches, width) = activity.finish();
    let (Some(first), Some(last)) = (stretches.first(), stretches.last()) else {
        return Vec::new();
    };
    let before = (bounds.0, first.first);
    let between = stretches
        .windows(2)
        .map(|pair| (pair[0].last, pair[1].first));
    let silences: Vec<(i64, i64)> = std::iter::once(before)
        .chain(between)
        .chain([(last.last, bounds.1)])
        .collect();
    let n_all = (last.start - first.start) / width.seconds() + 1;
    let pace = Pace {
        n_active: stretches.len() as u64,
        n_all: n_all as u64,
    };
    let is_habit = |length_s: i64| {
        let as_long = silences
            .iter()
            .filter(|(from, to)| 2 * (to - from) >= length_s);
        as_long.count() > HABIT_MAX
    };
    let is_remarkable = |&(from, to): &(i64, i64)| {
        let length_s = to - from;
        let n_empty = (length_s / width.seconds()).max(1) as u64 - 1; // whole ones, wherever it begins
        length_s >= SILENCE_S && pace.rules_out(n_empty) && !is_habit(length_s)
    };
    silences.iter().copied().filter(is_remarkable).collect()
}

/// How often a source is written to.
#[derive(Clone, Copy)]
struct Pace {
    /// Stretches with records,
    n_active: u64,
    /// of so many.
    n_all: u64,
}

impl Pace {
    /// Whether `n` empty stretches in a row, which may be among those counted, are improbable: below one in a million.
    fn rules_out(self, n: u64) -> bool {
        let n_others = self.n_all.saturating_sub(n).max(self.n_active);
        let n_empty = n_others - self.n_active;
        // (1 - active / others)^n < e^-14, because 1 - p <= e^-p; and better where few are empty, by powers of two.
        let by_rate = u128::from(self.n_active) * u128::from(n) >= 14 * u128::from(n_others);
        let by_halves = u64::from(((n_others + 1) / (n_empty + 1)).ilog2()) * n >= 20;
        self.n_active >= ACTIVE_MIN && (by_rate || by_halves)
    }
}

/// The time asked for.
#[derive(Clone, Copy)]
struct Window {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Window {
    /// Whether any of it lies between `from` and `to`.
    fn holds(self, from: Timestamp, to: Timestamp) -> bool {
        self.since.is_none_or(|since| since < to) && self.until.is_none_or(|until| from < until)
    }
}

#[cfg(test)]
#[allow(
    clippy::single_range_in_vec_init,
    reason = "hours in which there are records: one stretch of them, or several"
)]
mod tests {
    use super::*;

    const START: i64 = 1_795_132_800;
    const HOUR: i64 = 3_600;

    /// Silences in hours, of a log with a record every `step_s` seconds in each of `hours`, among sources that reach from hour 0 to
    /// hour `until`.
    fn check(hours: &[std::ops::Range<i64>], step_s: usize, until: i64, expected: &[(i64, i64)]) {
        let mut activity = Activity::default();
        for hours in hours {
            for second in (hours.start * HOUR..=hours.end * HOUR).step_by(step_s) {
                activity.collect(START + second);
            }
        }
        let bounds = (START, START + until * HOUR);
        let found: Vec<(i64, i64)> = remarkable(&activity, bounds)
            .iter()
            .map(|(from, to)| ((from - START) / HOUR, (to - START) / HOUR))
            .collect();
        assert_eq!(found, expected, "{hours:?} every {step_s} s until {until}");
    }

    #[test]
    fn a_silence_is_remarkable_if_the_pace_rules_it_out() {
        // A busy log that says nothing for two hours.
        check(&[0..10, 12..24], 60, 24, &[(10, 12)]);
        // One with a record an hour: two hours are nothing, a day is.
        check(&[0..100], 3_600, 100, &[]);
        check(&[0..50, 52..100], 3_600, 100, &[]);
        check(&[0..50, 74..150], 3_600, 150, &[(50, 74)]);
        // Two records have no pace.
        check(&[0..0, 90..90], 60, 90, &[]);
    }

    #[test]
    fn nights_are_a_habit_and_a_lost_day_is_not() {
        let days = |days: &[i64]| -> Vec<std::ops::Range<i64>> {
            days.iter().map(|day| day * 24 + 8..day * 24 + 20).collect()
        };
        check(&days(&[0, 1, 2, 3, 4, 5, 6]), 60, 6 * 24 + 20, &[]);
        check(
            &days(&[0, 1, 2, 3, 4, 6]),
            60,
            6 * 24 + 20,
            &[(4 * 24 + 20, 6 * 24 + 8)],
        );
    }

    #[test]
    fn a_set_that_begins_late_or_ends_early() {
        check(&[0..24], 60, 30, &[(24, 30)]);
        check(&[5..30], 60, 30, &[(0, 5)]);
    }

    #[test]
    fn numbers_and_days_between_others() {
        assert_eq!(missing_numbers(vec![4, 1, 2]), [3]);
        assert!(missing_numbers(vec![1, 2, 3]).is_empty());
        assert!(missing_numbers(vec![]).is_empty());
        assert_eq!(
            missing_numbers(vec![20_261_129, 20_261_202]),
            [20_261_130, 20_261_201]
        );
        assert!(missing_numbers(vec![1, 1_795_175_182]).is_empty());
        assert!(missing_numbers(vec![1_795_175_182, 1_795_175_190]).is_empty());
        // By the week, with a hole and without, and by the month.
        assert!(missing_numbers(vec![20_261_101, 20_261_108, 20_261_115]).is_empty());
        assert_eq!(
            missing_numbers(vec![20_261_101, 20_261_108, 20_261_122]),
            [20_261_115]
        );
        assert!(missing_numbers(vec![20_261_001, 20_261_101, 20_261_201]).is_empty());
        // By the hour: over midnight, with a hole, and every six of them.
        assert!(missing_numbers(vec![2_026_111_823, 2_026_111_900]).is_empty());
        assert_eq!(
            missing_numbers(vec![2_026_111_822, 2_026_111_823, 2_026_111_901]),
            [2_026_111_900]
        );
        assert_eq!(missing_numbers(vec![1, 3, 20_261_120]), [2]);
        assert!(missing_numbers(vec![2_026_111_818, 2_026_111_900, 2_026_111_906]).is_empty());
    }
}
