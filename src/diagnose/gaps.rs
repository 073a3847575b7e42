//! Where there is no log: "no 502" means nothing there.

use super::Placed;
use crate::{
    engine::{Scanned, rotation_set},
    event::Timestamp,
};
use std::collections::BTreeMap;

/// A stretch of time, or a part of a rotated set, of which nothing is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Files between others of a rotated set that are not there: the name of the set and their numbers or dates.
    Missing { set: String, numbers: Vec<u64> },
    /// No record of any kind from one instant to the other; the longest such silence.
    Silence { from: Timestamp, to: Timestamp },
}

/// A silence that is worth a word.
const SILENCE_S: i64 = 3_600;

/// More missing files than this are no hole but another numbering.
const MISSING_MAX: u64 = 400;

/// All gaps, sets by name first.
pub fn gaps(scanned: &Scanned, placed: &Placed) -> Vec<Gap> {
    let mut sets: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for state in scanned.sources.iter().filter(|state| state.kind.is_log()) {
        let name = String::from_utf8_lossy(&state.name);
        if let (set, Some(number)) = rotation_set(&name) {
            sets.entry(set).or_default().push(number);
        }
    }
    let missing = sets.into_iter().filter_map(|(set, numbers)| {
        let numbers = missing_numbers(numbers);
        (!numbers.is_empty()).then_some(Gap::Missing { set, numbers })
    });
    missing.chain(silence(placed)).collect()
}

/// The numbers, or the days of dates such as 20261120, that are missing between those at hand.
fn missing_numbers(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers.dedup();
    let days: Option<Vec<i64>> = numbers.iter().map(|&number| day_of(number)).collect();
    let missing: Vec<u64> = match days {
        Some(days) => days
            .windows(2)
            .filter(|pair| pair[1] - pair[0] <= MISSING_MAX as i64)
            .flat_map(|pair| pair[0] + 1..pair[1])
            .filter_map(date_of)
            .collect(),
        None => numbers
            .windows(2)
            .filter(|pair| pair[1] - pair[0] <= MISSING_MAX)
            .flat_map(|pair| pair[0] + 1..pair[1])
            .collect(),
    };
    missing
}

fn day_of(number: u64) -> Option<i64> {
    let text = number.to_string();
    let date = chrono::NaiveDate::parse_from_str(&text, "%Y%m%d").ok()?;
    (text.len() == 8).then(|| date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() / 86_400)
}

fn date_of(day: i64) -> Option<u64> {
    let date = chrono::DateTime::from_timestamp(day * 86_400, 0)?;
    date.format("%Y%m%d").to_string().parse().ok()
}

/// The longest time without any record between two rows, if it is long.
fn silence(placed: &Placed) -> Option<Gap> {
    let mut seen: Vec<(Timestamp, Timestamp)> = placed
        .rows
        .iter()
        .filter_map(|row| row.first_seen.zip(row.last_seen))
        .collect();
    seen.sort_unstable();
    let mut until = seen.first()?.1;
    let mut longest: Option<(i64, Timestamp, Timestamp)> = None;
    for (first, last) in seen {
        let silent_s = first.0 - until.0;
        if silent_s >= SILENCE_S && longest.is_none_or(|(length, ..)| silent_s > length) {
            longest = Some((silent_s, until, first));
        }
        until = until.max(last);
    }
    longest.map(|(_, from, to)| Gap::Silence { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
