//! What makes a comparison unfair: the two sides differ in more than the fix.

use super::side::{Side, Span};
use crate::{
    diagnose::Gap,
    event::{Basis, Level, Timestamp},
};

/// The side that something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Before,
    After,
}

impl Which {
    pub const fn name(self) -> &'static str {
        match self {
            Which::Before => "before",
            Which::After => "after",
        }
    }
}

/// One such thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Nothing with a time was read.
    Nothing(Which),
    /// One side has error logs only, the other access logs only.
    NoCommonKind,
    /// The logs after are all older than those before.
    Swapped,
    /// Both sides have this time: failures in it count twice, or on the wrong side.
    Overlap {
        from: Timestamp,
        to: Timestamp,
    },
    /// Without access logs on both sides failures are counted by time, not by request.
    NoRequests,
    /// The access logs of a side cover so many seconds only of those that its error logs cover.
    PartOfRequests {
        which: Which,
        seconds: i64,
        of: i64,
    },
    /// Hours of the day (UTC) that hardly overlap.
    Hours {
        before: Vec<i64>,
        after: Vec<i64>,
    },
    /// One side is of working days only, the other of Saturdays and Sundays only.
    Weekend(Which),
    /// Hosts that only one side has.
    Hosts {
        which: Which,
        names: Vec<Vec<u8>>,
    },
    /// That side may log less: it has no record of level notice or less severe, and the other has `n`.
    Level {
        which: Which,
        n: u64,
    },
    ZonesDiffer {
        before: String,
        after: String,
    },
    ZoneAssumed(Which),
    Gap(Which, Gap),
    /// So many sources of that side are not whole.
    Troubled {
        which: Which,
        n: usize,
    },
}

/// All of them, those that touch every number first.
pub(super) fn doubts(before: &Side, after: &Side, basis: Option<Basis>) -> Vec<Doubt> {
    let sides = [(Which::Before, before), (Which::After, after)];
    let mut doubts = Vec::new();
    doubts.extend(nothing(sides));
    if basis.is_none() && doubts.is_empty() {
        doubts.push(Doubt::NoCommonKind);
    }
    doubts.extend(spans(before.span, after.span));
    if basis == Some(Basis::ErrorLog) && !(before.has_requests && after.has_requests) {
        doubts.push(Doubt::NoRequests);
    } else if basis == Some(Basis::ErrorLog) {
        doubts.extend(sides.into_iter().filter_map(part_of_requests));
    }
    doubts.extend(hours(before, after));
    doubts.extend(weekend(before, after));
    doubts.extend(hosts(before, after));
    if basis == Some(Basis::ErrorLog) {
        doubts.extend(level(before, after));
    }
    doubts.extend(zones(before, after));
    for (which, side) in sides {
        if side.n_troubled > 0 {
            let n = side.n_troubled;
            doubts.push(Doubt::Troubled { which, n });
        }
    }
    for (which, side) in sides {
        doubts.extend(side.gaps.iter().map(|gap| Doubt::Gap(which, gap.clone())));
    }
    doubts
}

fn nothing(sides: [(Which, &Side); 2]) -> impl Iterator<Item = Doubt> {
    let empty = sides.into_iter().filter(|(_, side)| side.span.is_none());
    empty.map(|(which, _)| Doubt::Nothing(which))
}

/// A second is shared where a log was cut.
const SHARED_S: i64 = 2;

fn spans(before: Option<Span>, after: Option<Span>) -> Option<Doubt> {
    let (before, after) = before.zip(after)?;
    if after.last < before.first {
        return Some(Doubt::Swapped);
    }
    let (from, to) = (before.first.max(after.first), before.last.min(after.last));
    (to.0 - from.0 >= SHARED_S).then_some(Doubt::Overlap { from, to })
}

/// Access logs that cover less than this share of the time of the error logs are no measure of it.
const PART_MIN: (i64, i64) = (2, 3);

fn part_of_requests((which, side): (Which, &Side)) -> Option<Doubt> {
    let (requests, records) = (side.span_of_requests?, side.span_of_records?);
    let (seconds, of) = (requests.seconds(), records.seconds());
    (seconds * PART_MIN.1 < of * PART_MIN.0).then_some(Doubt::PartOfRequests { which, seconds, of })
}

fn hours(before: &Side, after: &Side) -> Option<Doubt> {
    let n_shared = before.hours.intersection(&after.hours).count();
    let n_fewer = before.hours.len().min(after.hours.len());
    // The hour of the fix is in neither whole: neighbours are near enough.
    let is_beside = |a: &i64, b: &i64| matches!((a - b).rem_euclid(24), 0 | 1 | 23);
    let is_near = |hour: &i64| after.hours.iter().any(|other| is_beside(hour, other));
    let is_unlike = 2 * n_shared < n_fewer && !before.hours.iter().any(is_near);
    is_unlike.then(|| Doubt::Hours {
        before: before.hours.iter().copied().collect(),
        after: after.hours.iter().copied().collect(),
    })
}

fn weekend(before: &Side, after: &Side) -> Option<Doubt> {
    let only = |side: &Side, other: &Side| {
        let is_weekend = side.on_weekends && !side.on_working_days;
        is_weekend && other.on_working_days && !other.on_weekends
    };
    if only(before, after) {
        Some(Doubt::Weekend(Which::Before))
    } else {
        only(after, before).then_some(Doubt::Weekend(Which::After))
    }
}

fn hosts(before: &Side, after: &Side) -> Vec<Doubt> {
    let only = |which, mine: &Side, other: &Side| {
        let alone = mine.machines.difference(&other.machines);
        let names: Vec<Vec<u8>> = alone.cloned().collect();
        let is_told = !names.is_empty() && !other.machines.is_empty();
        is_told.then_some(Doubt::Hosts { which, names })
    };
    let all = [
        only(Which::Before, before, after),
        only(Which::After, after, before),
    ];
    all.into_iter().flatten().collect()
}

/// So few records of a level may be missing by chance.
const LEVEL_MIN: f64 = 5.0;

/// One side has records that tell of no trouble, and the other does not though its time promised some.
fn level(before: &Side, after: &Side) -> Option<Doubt> {
    let n_harmless = |side: &Side| -> u64 {
        let by_level = &side.tally.n_by_level[Level::Notice as usize..];
        by_level.iter().sum()
    };
    let quiet = |which, quiet: &Side, other: &Side| {
        let n = n_harmless(other);
        let expected = n as f64 * quiet.covered_s as f64 / other.covered_s.max(1) as f64;
        let is_quiet = n_harmless(quiet) == 0 && quiet.span_of_records.is_some();
        (is_quiet && expected >= LEVEL_MIN).then_some(Doubt::Level { which, n })
    };
    quiet(Which::After, after, before).or_else(|| quiet(Which::Before, before, after))
}

fn zones(before: &Side, after: &Side) -> Vec<Doubt> {
    let have_records = before.span_of_records.is_some() && after.span_of_records.is_some();
    if have_records && before.zone != after.zone {
        return vec![Doubt::ZonesDiffer {
            before: before.zone.clone(),
            after: after.zone.clone(),
        }];
    }
    // Where all is by the error logs' own clock, its zone shifts both sides alike.
    let by_requests = before.has_requests || after.has_requests;
    let sides = [(Which::Before, before), (Which::After, after)];
    let assumed = sides
        .into_iter()
        .filter(|(_, side)| by_requests && side.zone_is_assumed);
    assumed
        .map(|(which, _)| Doubt::ZoneAssumed(which))
        .collect()
}
