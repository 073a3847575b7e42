//! The join, summed up: why requests failed, by the status that clients got; what a retry hid; and records of which no failed
//! request is known.
//!
//! A request counts once, by its last attempt, which made its status. What has no record may still be told by the access line
//! alone: that the upstream itself answered so, a timeout, a client who left. The rest is unexplained, and says why that may be.

use super::{
    join::{Confidence, Explained, Fate, Joined, Leftover, Unexplained, is_served},
    placed::{Placed, is_between},
};
use crate::{
    aggregate::{
        Evidence,
        traces::{AttemptTrace, ErrorTrace, TextHash},
    },
    event::{Category, Severity, Timestamp},
    zone::Zone,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Why requests failed.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    /// By status, most requests first.
    pub statuses: Vec<StatusCauses>,
    /// Failed attempts that another attempt, the cache or an error page made good.
    pub masked: Vec<Cause>,
    /// Records of failures that explain no attempt.
    pub left: Vec<(Leftover, u64)>,
}

/// Why requests were answered with one status.
#[derive(Clone, Debug)]
pub struct StatusCauses {
    /// 499, or 500 and above.
    pub status: u16,
    pub n_requests: u64,
    /// Most frequent first.
    pub causes: Vec<Cause>,
    pub unexplained: Vec<(Unexplained, u64)>,
}

/// One cause, at one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub category: Category,
    /// `None` where none is named.
    pub upstream: Option<Arc<[u8]>>,
    /// Requests, or attempts.
    pub n: u64,
    /// Of these, the ones with a record, by [`Confidence`].
    pub n_by_record: [u64; Confidence::ALL.len()],
}

/// What is to be summed up; slices as for [`join`](super::join::join).
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub errors: &'a [ErrorTrace],
    pub attempts: &'a [AttemptTrace],
    pub joined: &'a Joined,
    pub zone: &'a Zone,
}

impl Causes {
    /// Sums up what of `case` lies in the time that was asked for; the names of upstreams are taken from `placed`.
    pub fn of(case: &Case<'_>, placed: &Placed) -> Causes {
        let names = Names::of(placed);
        let is_asked_for = |time: Timestamp| is_between(Some(time), placed.since, placed.until);
        let mut statuses: BTreeMap<u16, Sums> = BTreeMap::new();
        let mut masked = Sums::default();
        for (attempt, explained) in case.attempts.iter().zip(&case.joined.attempts) {
            if !is_asked_for(attempt.end) {
                continue;
            }
            let is_last = attempt.index + 1 >= attempt.n_attempts;
            let told = case.told(attempt, *explained);
            match attempt.kind {
                _ if !is_served(attempt.status) && is_last => {
                    statuses.entry(attempt.status).or_default().add(told);
                }
                Some(kind) if is_served(attempt.status) && kind.severity == Severity::Failure => {
                    masked.add(told);
                }
                _ => {}
            }
        }
        let mut statuses: Vec<StatusCauses> = statuses
            .into_iter()
            .map(|(status, sums)| sums.of_status(status, &names))
            .collect();
        statuses.sort_by_key(|line| Reverse(line.n_requests)); // stable: ties by status
        Causes {
            statuses,
            masked: masked.causes(&names, true),
            left: case.left(is_asked_for),
        }
    }
}

/// What is told of an attempt: by a record, by the access line alone, or nothing.
enum Told {
    Cause(Category, TextHash, Option<Confidence>),
    Unexplained(Unexplained),
}

impl Case<'_> {
    fn told(&self, attempt: &AttemptTrace, explained: Explained) -> Told {
        let either = |one: TextHash, other: TextHash| if one.is_some() { one } else { other };
        match (explained, attempt.kind) {
            (Explained::By(error, confidence), _) => {
                let error = &self.errors[error];
                let upstream = either(error.upstream, attempt.upstream);
                Told::Cause(error.kind.category, upstream, Some(confidence))
            }
            (Explained::Not(_), Some(kind)) if kind.category != Category::Other => {
                Told::Cause(kind.category, attempt.upstream, None)
            }
            (Explained::Not(why), _) => Told::Unexplained(why),
        }
    }

    /// The upstream of a record that names none, as the attempt tells that it explains.
    pub fn repaired(&self, record: &Evidence) -> Option<TextHash> {
        let index = self
            .errors
            .partition_point(|error| error.evidence.is_before(record));
        let error = self.errors.get(index)?;
        let is_it = !record.is_before(&error.evidence) && !error.upstream.is_some();
        match self.joined.errors.get(index) {
            Some(&Fate::Explains(attempt)) if is_it => {
                let upstream = self.attempts[attempt].upstream;
                upstream.is_some().then_some(upstream)
            }
            _ => None,
        }
    }

    fn left(&self, is_asked_for: impl Fn(Timestamp) -> bool) -> Vec<(Leftover, u64)> {
        let mut left: BTreeMap<Leftover, u64> = BTreeMap::new();
        for (error, fate) in self.errors.iter().zip(&self.joined.errors) {
            if let Fate::Left(why) = fate
                && error.kind.severity == Severity::Failure
                && is_asked_for(self.zone.instant(error.time).0)
            {
                *left.entry(*why).or_default() += 1;
            }
        }
        left.into_iter().collect()
    }
}

#[derive(Default)]
struct Sums {
    n: u64,
    causes: BTreeMap<(Category, TextHash), (u64, [u64; Confidence::ALL.len()])>,
    unexplained: BTreeMap<Unexplained, u64>,
}

impl Sums {
    fn add(&mut self, told: Told) {
        self.n += 1;
        match told {
            Told::Cause(category, upstream, confidence) => {
                let (n, n_by_record) = self.causes.entry((category, upstream)).or_default();
                *n += 1;
                if let Some(confidence) = confidence {
                    n_by_record[confidence as usize] += 1;
                }
            }
            Told::Unexplained(why) => *self.unexplained.entry(why).or_default() += 1,
        }
    }

    fn of_status(self, status: u16, names: &Names) -> StatusCauses {
        StatusCauses {
            status,
            n_requests: self.n,
            unexplained: self.unexplained.clone().into_iter().collect(),
            causes: self.causes(names, false),
        }
    }

    /// With what is unexplained as a cause of category `other`, if that is wanted.
    fn causes(self, names: &Names, with_others: bool) -> Vec<Cause> {
        let n_others: u64 = self.unexplained.values().sum();
        let others = Cause {
            category: Category::Other,
            upstream: None,
            n: n_others,
            n_by_record: [0; 3],
        };
        let cause = |((category, upstream), (n, n_by_record))| Cause {
            category,
            upstream: names.of_hash(upstream),
            n,
            n_by_record,
        };
        let others = Some(others).filter(|others| with_others && others.n > 0);
        let mut causes: Vec<Cause> = self.causes.into_iter().map(cause).chain(others).collect();
        causes.sort_by(|a, b| {
            let order = |cause: &Cause| (Reverse(cause.n), cause.category);
            (order(a), &a.upstream).cmp(&(order(b), &b.upstream))
        });
        causes
    }
}

/// Names of upstreams by their hashes.
#[derive(Debug)]
pub struct Names(HashMap<TextHash, Arc<[u8]>>);

impl Names {
    /// Those of all that was counted.
    pub fn of(placed: &Placed) -> Names {
        let failures = placed.rows.iter().filter_map(|row| row.upstream.as_ref());
        let traffic = placed
            .traffic
            .iter()
            .filter_map(|row| row.upstream.as_ref());
        let mut last: Option<&Arc<[u8]>> = None;
        let mut names = HashMap::new();
        for name in failures.chain(traffic) {
            // Rows of one upstream often follow each other.
            if last
                .replace(name)
                .is_none_or(|last| !Arc::ptr_eq(last, name))
            {
                names
                    .entry(TextHash::of(name))
                    .or_insert_with(|| Arc::clone(name));
            }
        }
        Names(names)
    }

    pub fn of_hash(&self, hash: TextHash) -> Option<Arc<[u8]>> {
        self.0.get(&hash).cloned()
    }
}
