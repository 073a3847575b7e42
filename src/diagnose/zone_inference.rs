//! The zone of an error log, by the failures that an access log tells of too.
//!
//! An access line carries its offset, a record none. Under the right zone the records of failed requests stand where they are
//! expected (`diagnose::join`); under any other hardly one does. So every plausible zone is tried: all quarter hours from
//! -12:00 to +14:00, and where offsets change within the span the zones of the database, grouped by how they behave in it. The
//! one under which most failures meet wins, if it clearly beats the next.
//!
//! Not clear are failures at every quarter of an hour, such as those of health checks, which meet under many offsets; then what the
//! access log is written in decides, if it is among the best. Else nothing is inferred.

use super::join::{self, SLACK_S};
use crate::{
    aggregate::traces::{AttemptTrace, ErrorTrace, RequestKey, TextHash},
    event::{self, LocalTime, Timestamp},
    zone::Zone,
};
use std::collections::BTreeMap;

/// How many failures meet under a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matches {
    pub n_matched: u64,
    /// Failed attempts that were looked at: a sample, where there are very many.
    pub n_tried: u64,
    /// Under the next best zone, not counting those that it places at the same instant.
    pub n_next: u64,
}

impl Matches {
    /// It is no chance: enough, and far more than the next.
    ///
    /// The score of a wrong offset is a sum of coincidences; four standard deviations of such a sum are beyond the largest of a
    /// hundred and fifty of them.
    fn is_clear(self) -> bool {
        let Matches {
            n_matched, n_next, ..
        } = self;
        let lead = n_matched.saturating_sub(n_next);
        n_matched >= MATCHES_MIN && n_matched >= 2 * n_next && lead * lead >= 16 * (n_next + 1)
    }
}

/// Fewer tell nothing.
const MATCHES_MIN: u64 = 5;

/// Failed attempts that are tried: whole clients and request lines, up to here.
const TRIED_MAX: usize = 50_000;

/// The zone in which the clock of `errors` shows them where `attempts` failed; `written_s` are the offsets, in seconds east of UTC,
/// that access lines are written with. `None`: none is clear.
pub fn infer_zone(
    errors: &[ErrorTrace],
    attempts: &[AttemptTrace],
    written_s: &[i32],
) -> Option<(Zone, Matches)> {
    let sample = Sample::of(errors, attempts);
    let (first, last) = sample.span()?;
    let clocks = clocks(first, last);
    let scores: Vec<u64> = clocks.iter().map(|clock| sample.score(clock)).collect();
    let best = scores.iter().copied().max()?;
    let winner = |min: u64| {
        let contenders = clocks
            .iter()
            .zip(&scores)
            .filter(|(_, score)| **score >= min);
        let winner = contenders.max_by_key(|(clock, score)| {
            let is_fixed = clock.steps.is_empty();
            let is_written = clock.is_written(written_s, first, last);
            (is_written, **score, is_fixed, std::cmp::Reverse(clock.rank))
        });
        winner.map(|(clock, score)| (clock, sample.matches(clock, *score, &clocks)))
    };
    let (clock, matches) = winner(best)?;
    if matches.is_clear() {
        return Some((clock.zone(), matches));
    }
    let (clock, matches) = winner(best - best / 10)?;
    let is_known = clock.is_written(written_s, first, last) && matches.n_matched >= MATCHES_MIN;
    is_known.then(|| (clock.zone(), matches))
}

/// How well `zone` does; `None` where there is nothing to tell by.
pub fn matches_under(
    zone: &Zone,
    errors: &[ErrorTrace],
    attempts: &[AttemptTrace],
) -> Option<Matches> {
    let sample = Sample::of(errors, attempts);
    let (first, last) = sample.span()?;
    let clock = Clock::of(zone, first, last, 0);
    Some(sample.matches(&clock, sample.score(&clock), &clocks(first, last)))
}

/// How a clock runs within a span.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Clock {
    /// Seconds east of UTC at its begin.
    first_s: i32,
    /// When it is changed, by itself before the change, and to what.
    steps: Vec<(i64, i32)>,
    name: String,
    /// Of zones that behave alike, the one with the smallest is named.
    rank: usize,
}

impl Clock {
    fn of(zone: &Zone, first: i64, last: i64, rank: usize) -> Clock {
        let event::Clock { first_s, steps } = zone.clock(Timestamp(first), Timestamp(last));
        let steps = steps.into_iter().map(|(LocalTime(at), s)| (at, s));
        Clock {
            first_s,
            steps: steps.collect(),
            name: zone.name().to_owned(),
            rank,
        }
    }

    fn zone(&self) -> Zone {
        Zone::parse(&self.name).unwrap_or_else(|_| Zone::fixed(self.first_s))
    }

    /// The instant at which it first showed `local`.
    fn instant(&self, local: i64) -> i64 {
        let steps = self.steps.iter().rev();
        let offset_s = steps
            .clone()
            .find(|(by_itself, _)| *by_itself <= local)
            .map_or(self.first_s, |&(_, after_s)| after_s);
        local - i64::from(offset_s)
    }

    /// It shows just the offsets that are written.
    fn is_written(&self, written_s: &[i32], first: i64, last: i64) -> bool {
        let is_within = |by_itself: i64| (first..=last).contains(&by_itself);
        let later = self.steps.iter().filter(|(at, _)| is_within(*at));
        let mut shown: Vec<i32> = later.map(|&(_, after_s)| after_s).collect();
        shown.push(self.first_s);
        let all_shown = written_s.iter().all(|offset_s| shown.contains(offset_s));
        !written_s.is_empty() && all_shown && shown.iter().all(|s| written_s.contains(s))
    }
}

/// All clocks that are worth a try.
fn clocks(first: i64, last: i64) -> Vec<Clock> {
    const QUARTER_S: i32 = 900;
    let quarters = -12 * 4..=14 * 4;
    // The rank decides only between those that score the same: whole hours, then close to UTC.
    let fixed = quarters.map(|quarter: i32| {
        let rank = usize::from(quarter % 4 != 0) * 1_000 + quarter.unsigned_abs() as usize;
        Clock {
            first_s: quarter * QUARTER_S,
            steps: Vec::new(),
            name: Zone::fixed(quarter * QUARTER_S).name().to_owned(),
            rank,
        }
    });
    let mut changing: BTreeMap<(i32, Vec<(i64, i32)>), Clock> = BTreeMap::new();
    for (index, name) in names().into_iter().enumerate() {
        let Ok(zone) = Zone::parse(&name) else {
            continue;
        };
        let clock = Clock::of(&zone, first, last, index);
        if !clock.steps.is_empty() {
            let behaviour = (clock.first_s, clock.steps.clone());
            changing.entry(behaviour).or_insert(clock);
        }
    }
    fixed.chain(changing.into_values()).collect()
}

/// The zones whose names people know best, of those that behave alike.
const WELL_KNOWN: [&str; 24] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Helsinki",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Halifax",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Asuncion",
    "America/Havana",
    "Asia/Jerusalem",
    "Asia/Beirut",
    "Asia/Tehran",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
];

/// Names of all zones, best known first, old names last.
fn names() -> Vec<String> {
    const PLACES: [&str; 10] = [
        "Africa/",
        "America/",
        "Antarctica/",
        "Arctic/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    ];
    let mut names = Zone::names();
    names.sort_by_cached_key(|name| {
        let known = WELL_KNOWN.iter().position(|known| known == name);
        let is_place = PLACES.iter().any(|place| name.starts_with(place));
        (known.unwrap_or(usize::MAX), !is_place, name.clone())
    });
    names
}

/// Failures to try zones on.
struct Sample {
    series: Vec<Series>,
    n_tried: u64,
}

/// Those of one client and request line, or connection.
#[derive(Default)]
struct Series {
    /// When records were written, by their clock; ascending.
    records: Vec<i64>,
    /// When records are expected, by UTC; ascending.
    moments: Vec<i64>,
}

type Key = (TextHash, TextHash, u64);

impl Sample {
    fn of(errors: &[ErrorTrace], attempts: &[AttemptTrace]) -> Sample {
        let has_numbers = attempts.iter().all(|attempt| attempt.key.connection != 0);
        let key = |key: &RequestKey| -> Option<Key> {
            let number = if has_numbers { key.connection } else { 0 };
            let is_told = key.request.is_some() && key.client.is_some();
            is_told.then_some((key.request, key.client, number))
        };
        let mut moments: Vec<(Key, i64)> = attempts
            .iter()
            .filter_map(|attempt| Some((key(&attempt.key)?, join::expected_at(attempt)?)))
            .collect();
        let mut records: Vec<(Key, i64)> = errors
            .iter()
            .filter_map(|error| Some((key(&error.key)?, error.time.0)))
            .collect();
        moments.sort_unstable();
        records.sort_unstable();
        let mut sample = Sample {
            series: Vec::new(),
            n_tried: 0,
        };
        let mut rest = records.as_slice();
        for moments in moments.chunk_by(|a, b| a.0 == b.0) {
            if sample.n_tried as usize >= TRIED_MAX {
                break;
            }
            let key = moments[0].0;
            rest = &rest[rest.partition_point(|(other, _)| *other < key)..];
            let n = rest.partition_point(|(other, _)| *other == key);
            sample.n_tried += moments.len() as u64;
            sample.series.push(Series {
                records: rest[..n].iter().map(|&(_, local)| local).collect(),
                moments: moments.iter().map(|&(_, moment)| moment).collect(),
            });
        }
        sample
    }

    /// In which all of it lies, whatever the zone; `None` where nothing can meet.
    fn span(&self) -> Option<(i64, i64)> {
        const DAY_S: i64 = 86_400;
        let both = || {
            let series = self
                .series
                .iter()
                .filter(|series| !series.records.is_empty());
            series.flat_map(|series| series.moments.iter().chain(&series.records))
        };
        let (first, last) = (both().min()?, both().max()?);
        Some((first - DAY_S, last + DAY_S))
    }

    fn score(&self, clock: &Clock) -> u64 {
        let each = |series: &Series| series.meetings(clock, |_| true);
        self.series.iter().map(each).sum()
    }

    /// What `clock`, under which `n_matched` meet, has over the others.
    fn matches(&self, clock: &Clock, n_matched: u64, all: &[Clock]) -> Matches {
        let apart = |other: &Clock| -> u64 {
            let differs = |local: i64| other.instant(local) != clock.instant(local);
            let each = |series: &Series| series.meetings(other, differs);
            self.series.iter().map(each).sum()
        };
        Matches {
            n_matched,
            n_tried: self.n_tried,
            n_next: all.iter().map(apart).max().unwrap_or(0),
        }
    }
}

impl Series {
    /// Records that stand where one is expected, each counted for one expectation at most, and only those that count.
    fn meetings(&self, clock: &Clock, counts: impl Fn(i64) -> bool) -> u64 {
        let (mut n, mut at) = (0, 0);
        for &local in &self.records {
            let instant = clock.instant(local);
            let is_early = |moment: &&i64| **moment < instant - SLACK_S;
            at += self.moments[at..].iter().take_while(is_early).count();
            if self
                .moments
                .get(at)
                .is_some_and(|&m| m <= instant + SLACK_S)
            {
                at += 1;
                n += u64::from(counts(local));
            }
        }
        n
    }
}

#[cfg(test)]
mod tests;
