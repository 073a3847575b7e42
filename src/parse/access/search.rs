//! Lines whose format leaves open where a value ends: every reading is followed, and what all readings share is taken.
//!
//! ```text
//! ends[k] = every position where variable k can end, given the ends of those before it    left to right
//! ends[k] = those of them from which the rest of the line fits                            right to left
//! ```
//!
//! A variable is cut where one start and one end are left. Where several are, and it tells something, a client's text imitates
//! the format, and the line is refused: a wrong status is worse than none. Positions are few, since each must be followed by
//! the literal and by something that can be the next value; past a limit the line is refused as well, so that time stays
//! linear in its length.

use super::{
    class::Class,
    cut::{Failure, Shape, ambiguous, no_literal, no_value},
    field::AccessLine,
    format::VARIABLES_MAX,
    step::{Step, Stop, Way, is_escaped},
};
use std::ops::Range;

/// Positions kept of one line: nobody's text imitates a format so often by chance.
const ENDS_MAX: usize = 512;

/// Positions kept of one variable.
const ENDS_OF_ONE_MAX: usize = 48;

/// Cuts `line` from `from`, where the value of `steps[first]` begins.
#[inline(never)]
pub(super) fn search<'a>(
    steps: &[Step],
    first: usize,
    line: &'a [u8],
    from: usize,
    mut shape: Shape,
    out: &mut AccessLine<'a>,
) -> Result<(), Failure> {
    let ends = &all_ends(steps, first, line, from)?;
    let mut start = Some(from);
    for (of, step) in steps.iter().enumerate().skip(first) {
        let end = ends.only(of);
        match (start, end, step.tells) {
            (Some(start), Some(end), Some(field)) => {
                if step.is_open_list && !shape.agrees(&line[start..end]) {
                    return Err(ambiguous(of, start));
                }
                if step.is_wanted {
                    out.set(field, Some(&line[start..end]));
                }
            }
            (_, _, Some(_)) => return Err(ambiguous(of, start.unwrap_or(from))),
            (_, _, None) => {}
        }
        start = end.map(|end| end + step.literal.len());
    }
    Ok(())
}

/// What each variable of a line says, told or not; `None` where several readings differ, or of all if the line does not fit.
pub(super) fn values<'a>(
    steps: &[Step],
    line: &'a [u8],
    from: usize,
) -> Option<Vec<Option<&'a [u8]>>> {
    let ends = all_ends(steps, 0, line, from).ok()?;
    let mut start = Some(from);
    let value = |(of, step): (usize, &Step)| {
        let end = ends.only(of);
        let value = start.zip(end).map(|(start, end)| &line[start..end]);
        start = end.map(|end| end + step.literal.len());
        value
    };
    Some(steps.iter().enumerate().map(value).collect())
}

/// Every position where a variable from `first` on can end, in any reading of the whole line.
fn all_ends(steps: &[Step], first: usize, line: &[u8], from: usize) -> Result<Ends, Failure> {
    let mut ends = Ends::new();
    for of in first..steps.len() {
        collect(steps, first, of, line, from, &mut ends)?;
    }
    for of in (first + 1..steps.len()).rev() {
        drop_dead_ends(steps, of, line, &mut ends);
    }
    Ok(ends)
}

/// Positions by variable, ascending.
struct Ends {
    at: [u32; ENDS_MAX],
    /// Where those of each variable begin in `at`, and how many there are.
    of: [(u16, u16); VARIABLES_MAX],
}

impl Ends {
    fn new() -> Ends {
        Ends {
            at: [0; ENDS_MAX],
            of: [(0, 0); VARIABLES_MAX],
        }
    }

    fn range(&self, of: usize) -> Range<usize> {
        let (first, n) = self.of[of];
        usize::from(first)..usize::from(first + n)
    }

    fn get(&self, index: usize) -> usize {
        self.at[index] as usize
    }

    fn only(&self, of: usize) -> Option<usize> {
        let range = self.range(of);
        (range.len() == 1).then(|| self.get(range.start))
    }

    /// Makes variable `of` the last one that has ends.
    fn begin(&mut self, of: usize) {
        let first = if of == 0 { 0 } else { self.range(of - 1).end };
        self.of[of] = (first as u16, 0); // at most `ENDS_MAX`
    }

    /// Adds an end of the last variable, which is `of`. False: there is no room.
    fn insert(&mut self, of: usize, end: usize) -> bool {
        let range = self.range(of);
        let Ok(end) = u32::try_from(end) else {
            return false;
        };
        let Err(place) = self.at[range.clone()].binary_search(&end) else {
            return true;
        };
        if range.end == ENDS_MAX || range.len() == ENDS_OF_ONE_MAX {
            return false;
        }
        let place = range.start + place;
        self.at.copy_within(place..range.end, place + 1);
        self.at[place] = end;
        self.of[of].1 += 1;
        true
    }
}

/// All ends of variable `of`, from those of the one before it.
fn collect(
    steps: &[Step],
    first: usize,
    of: usize,
    line: &[u8],
    from: usize,
    ends: &mut Ends,
) -> Result<(), Failure> {
    ends.begin(of);
    // Where the value of `of` can begin, by the index of the end before it.
    let starts = if of == first {
        0..1
    } else {
        ends.range(of - 1)
    };
    let mut last_start = from;
    let mut covered = 0;
    for index in starts {
        let start = match of == first {
            true => from,
            false => ends.get(index) + steps[of - 1].literal.len(),
        };
        last_start = start;
        let limit = limit(&steps[of], line, start);
        let is_searched = matches!(steps[of].way, Way::Search(_));
        if is_searched && steps[of].class == Class::Text && start < covered {
            continue; // an earlier start reaches all that this one does
        }
        covered = limit;
        if !each_end(steps, of, line, start, limit, |end| ends.insert(of, end)) {
            return Err(ambiguous(of, start));
        }
    }
    if ends.range(of).is_empty() {
        let class = steps[of].class;
        let is_none = class.has_form() && class.end(line, last_start).is_none();
        return Err(match is_none {
            true => no_value(&steps[of], of, last_start),
            false => no_literal(&steps[of], of, last_start, last_start),
        });
    }
    Ok(())
}

/// The last position where a value from `start` can end, if its end is searched for.
fn limit(step: &Step, line: &[u8], start: usize) -> usize {
    match step.way {
        Way::Search(_) if step.class.has_form() => step.class.reach(line, start).unwrap_or(start),
        Way::Search(stop) => stop.find(line, start).unwrap_or(line.len()),
        _ => line.len(),
    }
}

/// Calls `insert` with every end of the value of `steps[of]` from `start` that something fitting follows, until it says false.
fn each_end(
    steps: &[Step],
    of: usize,
    line: &[u8],
    start: usize,
    limit: usize,
    mut insert: impl FnMut(usize) -> bool,
) -> bool {
    let step = &steps[of];
    let fits = |end: usize| {
        let next = end + step.literal.len();
        step.literal.is_at(line, end)
            && match steps.get(of + 1) {
                Some(step) => can_begin(step, line, next),
                None => next == line.len(),
            }
    };
    if !matches!(step.way, Way::Search(_)) {
        return match step.end(line, start) {
            Some(end) if fits(end) => insert(end),
            _ => true,
        };
    }
    let Some(reach) = line.get(start..line.len().min(limit + 1)) else {
        return true;
    };
    let mut try_end = |end: usize| {
        let is_end = end <= limit && fits(end) && accepts(step, line, start, end, limit);
        !is_end || insert(end)
    };
    match step.literal.first() {
        Some(byte) => memchr::memchr_iter(byte, reach).all(|at| try_end(start + at)),
        None => (start..=limit).all(try_end),
    }
}

/// Whether a value of `step` can be at `from`, as far as one look tells.
fn can_begin(step: &Step, line: &[u8], from: usize) -> bool {
    match step.way {
        Way::Search(_) if step.class.has_form() => step.class.reach(line, from).is_some(),
        Way::Search(_) => true,
        _ => {
            let end = step.end(line, from);
            end.is_some_and(|end| step.literal.is_at(line, end))
        }
    }
}

/// Whether `start..end` can be the value of `step`, where no value from `start` reaches past `limit`.
fn accepts(step: &Step, line: &[u8], start: usize, end: usize, limit: usize) -> bool {
    match step.way {
        Way::Search(_) if end < start || end > limit => false,
        Way::Search(_) if step.class.has_form() => step.class.end(&line[..end], start) == Some(end),
        Way::Search(Stop::Quote) => line.get(end) != Some(&b'"') || !is_escaped(line, start, end),
        Way::Search(_) => true,
        _ => step.end(line, start) == Some(end),
    }
}

/// Drops the ends of the variable before `of` from which no end of `of` is reached.
fn drop_dead_ends(steps: &[Step], of: usize, line: &[u8], ends: &mut Ends) {
    let before = ends.range(of - 1);
    let reached = ends.range(of);
    let mut n_kept = 0_u16;
    for index in before.clone() {
        let start = ends.get(index) + steps[of - 1].literal.len();
        let limit = limit(&steps[of], line, start);
        let mut ends_of = reached.clone().map(|index| ends.get(index));
        if ends_of.any(|end| accepts(&steps[of], line, start, end, limit)) {
            ends.at[before.start + usize::from(n_kept)] = ends.at[index];
            n_kept += 1;
        }
    }
    ends.of[of - 1].1 = n_kept;
}
