//! One pass of the join: records are points in time, attempts are intervals.
//!
//! ```text
//! sort points and intervals by key, latest first
//! for each point of a key:
//!     open the intervals that end at it or later
//!     of the open ones that begin at it or before, and agree with it, take the one that begins last
//! ```
//!
//! Taking the one that begins last is what leaves the others the most choice among the points still to come, so as many are
//! matched as can be; going back in time gives a request the last of several records, which is the one that ended it. Open
//! intervals stand in lanes, one for each set of traits, so that ten thousand equal requests in one second are one heap.

use super::{By, Confidence, Join, Key, Need, Pass, Reach, Tier, expect::Expect};
use crate::{
    aggregate::traces::{AttemptTrace, ErrorTrace, TextHash},
    event::Category,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

/// Sets of traits of the intervals open at a time within one key, where one to five are usual. What comes past it is left to the
/// next pass.
const LANES_MAX: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    key: Key,
    at: Reverse<i64>,
    /// Later records first: in one second, too, they stand in their order.
    error: Reverse<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Interval {
    key: Key,
    to: Reverse<i64>,
    from: i64,
    attempt: u32,
}

/// What a record is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Traits {
    expect: Expect,
    request: TextHash,
    head: TextHash,
    upstream: TextHash,
    host: TextHash,
    pid: u32,
}

struct Lane {
    traits: Traits,
    /// Open intervals by their begin.
    open: BinaryHeap<(i64, u32)>,
}

/// What else there is of one key, to tell whether a choice was one.
#[derive(Default)]
struct Around {
    /// Upstreams of records, each with the places of those that name it; made when first asked for.
    upstreams: Vec<(TextHash, u32)>,
    rivals: HashMap<Sought, Rivals>,
}

/// What an attempt could be explained by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Sought {
    expect: Expect,
    upstream: TextHash,
    /// Only by records that no other attempt expects.
    is_own: bool,
}

/// Records that can all be of the same attempt, latest first.
struct Rivals {
    ats: Vec<i64>,
    /// For each, where the run of those ends that say the same as it.
    run_ends: Vec<usize>,
}

impl Join<'_> {
    /// Matches what is left of records of `tier` and attempts.
    pub(super) fn sweep(&mut self, pass: &Pass, tier: Tier) {
        let mut points = self.points(pass, tier);
        let mut intervals = self.intervals(pass);
        points.sort_unstable();
        intervals.sort_unstable();
        let mut intervals = intervals.as_slice();
        for points in points.chunk_by(|a, b| a.key == b.key) {
            let key = points[0].key;
            intervals = &intervals[intervals.partition_point(|interval| interval.key < key)..];
            let n = intervals.partition_point(|interval| interval.key == key);
            let (same, rest) = intervals.split_at(n);
            if !same.is_empty() {
                self.sweep_key(pass, points, same);
            }
            intervals = rest;
        }
    }

    fn points(&self, pass: &Pass, tier: Tier) -> Vec<Point> {
        let mut points = Vec::new();
        for (index, (error, record)) in self.errors.iter().zip(&self.records).enumerate() {
            if self.by_error[index].is_some() || record.tier != tier {
                continue;
            }
            if pass.upstream == Need::Both && !error.upstream.is_some() {
                continue;
            }
            if let Some(key) = pass.by.key(&error.key) {
                let point = |at: i64| Point {
                    key,
                    at: Reverse(at),
                    error: Reverse(index as u32),
                };
                points.push(point(record.instants.0));
                points.extend(record.instants.1.map(point));
            }
        }
        points
    }

    fn intervals(&self, pass: &Pass) -> Vec<Interval> {
        let mut intervals = Vec::new();
        for (index, (attempt, life)) in self.attempts.iter().zip(&self.lives).enumerate() {
            if self.by_attempt[index].is_some() || life.expect.is_none() {
                continue;
            }
            if pass.upstream == Need::Both && !attempt.upstream.is_some() {
                continue;
            }
            if self.are_numbered && attempt.key.connection != 0 && !pass.by.is_by_number() {
                continue; // the record of it is lost
            }
            if let Some(key) = pass.by.key(&attempt.key) {
                let (from, to) = match pass.reach {
                    Reach::Near => life.near,
                    Reach::Whole => life.whole,
                };
                intervals.push(Interval {
                    key,
                    to: Reverse(to),
                    from,
                    attempt: index as u32,
                });
            }
        }
        intervals
    }

    fn sweep_key(&mut self, pass: &Pass, points: &[Point], intervals: &[Interval]) {
        let mut around = Around::default();
        let mut lanes: Vec<Lane> = Vec::new();
        let mut next = intervals.iter().peekable();
        for point in points {
            let (at, index) = (point.at.0, point.error.0 as usize);
            while let Some(interval) = next.next_if(|interval| interval.to.0 >= at) {
                self.open(pass, interval, &mut lanes);
            }
            if self.by_error[index].is_some() {
                continue; // at the other of its two instants
            }
            for lane in &mut lanes {
                while lane.open.peek().is_some_and(|&(from, _)| from > at) {
                    lane.open.pop();
                }
            }
            let error = &self.errors[index];
            let Some(best) = best(pass, error, &lanes) else {
                continue;
            };
            let confidence = self.confidence(pass, error, best, &lanes, points, &mut around);
            if let Some((_, attempt)) = lanes[best].open.pop() {
                self.by_error[index] = Some(attempt);
                self.by_attempt[attempt as usize] = Some((index as u32, confidence));
                self.are_numbered |= pass.by.is_by_number();
            }
        }
    }

    fn open(&self, pass: &Pass, interval: &Interval, lanes: &mut Vec<Lane>) {
        let index = interval.attempt as usize;
        let Some(expect) = self.lives[index].expect else {
            return;
        };
        let traits = Traits::of(pass, expect, &self.attempts[index]);
        let entry = (interval.from, interval.attempt);
        let place = lanes.iter().position(|lane| lane.traits == traits);
        let place = place.or_else(|| lanes.iter().position(|lane| lane.open.is_empty()));
        match place {
            Some(place) => {
                lanes[place].traits = traits;
                lanes[place].open.push(entry);
            }
            None if lanes.len() < LANES_MAX => lanes.push(Lane {
                traits,
                open: BinaryHeap::from([entry]),
            }),
            None => {}
        }
    }

    /// How sure the match of `error` and the interval on top of a lane is.
    fn confidence(
        &self,
        pass: &Pass,
        error: &ErrorTrace,
        lane: usize,
        lanes: &[Lane],
        points: &[Point],
        around: &mut Around,
    ) -> Confidence {
        let Some(&(_, attempt)) = lanes[lane].open.peek() else {
            return Confidence::Weak;
        };
        let (life, attempt) = (
            &self.lives[attempt as usize],
            &self.attempts[attempt as usize],
        );
        let is_told = error.upstream.is_some() && attempt.upstream.is_some();
        let confidence = match pass.by {
            By::Stream | By::Connection if life.is_known => Confidence::Exact,
            By::Stream | By::Connection if pass.reach == Reach::Near => Confidence::Strong,
            By::Request if life.is_known && (is_told || !error.is_cut) => Confidence::Strong,
            _ => return Confidence::Weak,
        };
        let upstream = attempt.upstream;
        let is_only = error.upstream.is_some()
            || lanes
                .iter()
                .filter(|lane| !lane.open.is_empty() && fit(pass, error, lane).is_some())
                .all(|lane| lane.traits.upstream == upstream);
        let span = match pass.reach {
            Reach::Near if is_told => life.near,
            _ => life.whole,
        };
        let are_uniform = |expect: Expect| {
            let sought = Sought {
                expect,
                upstream,
                is_own: expect.is_of_its_own(error.kind),
            };
            self.rivals(sought, points, around).are_uniform(span)
        };
        let is_sure = points.len() == 1 || life.expect.is_none_or(are_uniform);
        if is_only && is_sure {
            confidence
        } else {
            Confidence::Weak
        }
    }

    /// Those of `points` that can be of such an attempt.
    fn rivals<'r>(&self, sought: Sought, points: &[Point], around: &'r mut Around) -> &'r Rivals {
        let error = |index: &usize| &self.errors[points[*index].error.0 as usize];
        let Around {
            upstreams, rivals, ..
        } = around;
        rivals.entry(sought).or_insert_with(|| {
            if upstreams.is_empty() {
                let upstream = |index| (error(&index).upstream, index as u32);
                upstreams.extend((0..points.len()).map(upstream));
                upstreams.sort_unstable();
            }
            let mut indices = sought.of_upstream(upstreams);
            indices.retain(|index| sought.accepts(error(index)));
            Rivals {
                ats: indices.iter().map(|&index| points[index].at.0).collect(),
                run_ends: run_ends(&indices, |index| sought.says(error(index))),
            }
        })
    }
}

impl Sought {
    /// In their order, those that name its upstream or none; of no upstream, all.
    fn of_upstream(self, upstreams: &[(TextHash, u32)]) -> Vec<usize> {
        let of = |upstream: TextHash| {
            let first = upstreams.partition_point(|(other, _)| *other < upstream);
            let n = upstreams[first..].partition_point(|(other, _)| *other == upstream);
            upstreams[first..first + n].iter()
        };
        let index = |&(_, index): &(TextHash, u32)| index as usize;
        let mut indices: Vec<usize> = if self.upstream.is_some() {
            of(self.upstream)
                .chain(of(TextHash::NONE))
                .map(index)
                .collect()
        } else {
            upstreams.iter().map(index).collect()
        };
        indices.sort_unstable();
        indices
    }

    fn accepts(self, error: &ErrorTrace) -> bool {
        let is_own = || self.expect.is_of_its_own(error.kind);
        self.expect.accepts(error.kind) && (!self.is_own || is_own())
    }

    /// What such a record would tell of the attempt.
    fn says(self, error: &ErrorTrace) -> (TextHash, Category) {
        let upstream = if self.upstream.is_some() {
            self.upstream
        } else {
            error.upstream
        };
        (upstream, error.kind.category)
    }
}

/// For each, where the run of those ends that say the same as it.
fn run_ends<T: PartialEq>(indices: &[usize], says: impl Fn(&usize) -> T) -> Vec<usize> {
    let mut run_ends = vec![indices.len(); indices.len()];
    for at in (1..indices.len()).rev() {
        let is_same = says(&indices[at - 1]) == says(&indices[at]);
        run_ends[at - 1] = if is_same { run_ends[at] } else { at };
    }
    run_ends
}

impl Rivals {
    /// All within a span name the same upstream and category.
    fn are_uniform(&self, (from, to): (i64, i64)) -> bool {
        let first = self.ats.partition_point(|&at| at > to);
        let end = self.ats.partition_point(|&at| at >= from);
        self.run_ends.get(first).is_some_and(|&run| run >= end)
    }
}

impl Traits {
    fn of(pass: &Pass, expect: Expect, attempt: &AttemptTrace) -> Traits {
        let key = &attempt.key;
        Traits {
            expect,
            request: match pass.by {
                // Here it only matters whether there is one.
                By::Head | By::Client if key.request.is_some() => TextHash::of(b""),
                By::Stream | By::Request => TextHash::NONE, // equal already
                _ => key.request,
            },
            head: match pass.by {
                By::Stream | By::Request | By::Head => TextHash::NONE, // equal already
                By::Connection | By::Client => key.head,
            },
            upstream: attempt.upstream,
            host: match pass.by {
                By::Stream | By::Connection => TextHash::NONE,
                _ => key.host,
            },
            pid: key.pid,
        }
    }
}

/// The lane whose top fits `error` best: agrees in most, expects nothing else, begins last.
fn best(pass: &Pass, error: &ErrorTrace, lanes: &[Lane]) -> Option<usize> {
    let rank = |(index, lane): (usize, &Lane)| {
        let &(from, attempt) = lane.open.peek()?;
        let fit = fit(pass, error, lane)?;
        Some(((fit, from, attempt), index))
    };
    let ranks = lanes.iter().enumerate().filter_map(rank);
    ranks.max_by_key(|&(rank, _)| rank).map(|(_, index)| index)
}

/// How well a record and the attempts of a lane agree; `None` if they contradict each other.
fn fit(pass: &Pass, error: &ErrorTrace, lane: &Lane) -> Option<(u32, bool)> {
    let Traits {
        expect,
        request,
        head,
        upstream,
        host,
        pid,
    } = lane.traits;
    if !expect.accepts(error.kind) || pid != 0 && error.key.pid != 0 && pid != error.key.pid {
        return None;
    }
    let n_requests = match pass.by {
        By::Stream | By::Request => 1,
        By::Connection => agree(request, error.key.request)?,
        By::Head | By::Client if request.is_some() && error.key.request.is_some() => return None,
        By::Head | By::Client => 0,
    };
    let n = n_requests
        + agree(head, error.key.head)?
        + agree(upstream, error.upstream)?
        + agree(host, error.key.host)?;
    Some((n, expect.is_of_its_own(error.kind)))
}

/// 1 if both are told and the same, 0 if one is not told, `None` if they differ.
fn agree(one: TextHash, other: TextHash) -> Option<u32> {
    match one == other {
        _ if !one.is_some() || !other.is_some() => Some(0),
        true => Some(1),
        false => None,
    }
}
