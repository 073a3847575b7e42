//! The join, summed up: why requests failed, by the status that clients got; what a retry hid; and records of which no failed
//! request is known.
//!
//! Of a filter, what is kept is what the table `requests` keeps: a request whose server and machine are asked for, which tried one of
//! the upstreams, and whose cause is of one of the categories.
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
    fmt,
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
    /// Of which causes were looked for.
    pub n_requests: u64,
    /// If these are a sample: of how many, where that is known.
    pub n_all: Option<u64>,
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
    /// Traces are those of some clients only.
    pub is_sample: bool,
    /// `None`: all is asked for, but for what traces say of themselves.
    pub asked_for: Option<AskedFor<'a>>,
}

/// What of a request is asked for.
#[derive(Clone, Copy)]
pub struct AskedFor<'a> {
    pub upstream: &'a dyn Fn(&[u8]) -> bool,
    pub category: &'a dyn Fn(Option<Category>) -> bool,
}

impl fmt::Debug for AskedFor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskedFor")
    }
}

impl Causes {
    /// Sums up what of `case` is asked for, and lies in the time that is; the names of upstreams are taken from `placed`.
    pub fn of(case: &Case<'_>, placed: &Placed) -> Causes {
        let names = Names::of(placed);
        let is_in_time = |time: Timestamp| is_between(Some(time), placed.since, placed.until);
        let mut statuses: BTreeMap<u16, Sums> = BTreeMap::new();
        let mut masked = Sums::default();
        let mut explained = case.joined.attempts.as_slice();
        for request in case.attempts.chunk_by(|a, b| a.evidence == b.evidence) {
            let (of_request, rest) = explained.split_at(request.len());
            explained = rest;
            if !request[0].is_kept
                || !is_in_time(request[0].end)
                || !case.keeps_any(request, &names)
            {
                continue;
            }
            for (attempt, explained) in request.iter().zip(of_request) {
                let is_last = attempt.index + 1 >= attempt.n_attempts;
                let told = case.told(attempt, *explained);
                if !case.keeps(&told, attempt) {
                    continue;
                }
                match attempt.kind {
                    _ if !is_served(attempt.status) && is_last => {
                        statuses.entry(attempt.status).or_default().add(told);
                    }
                    Some(kind)
                        if is_served(attempt.status) && kind.severity == Severity::Failure =>
                    {
                        masked.add(told);
                    }
                    _ => {}
                }
            }
        }
        let n_all = |status| case.n_all(status, placed);
        let mut statuses: Vec<StatusCauses> = statuses
            .into_iter()
            .map(|(status, sums)| sums.of_status(status, n_all(status), &names))
            .collect();
        statuses.sort_by_key(|line| Reverse(line.n_all.unwrap_or(line.n_requests))); // stable: ties by status
        Causes {
            statuses,
            masked: masked.causes(&names, true),
            left: case.left(is_in_time),
        }
    }
}

/// What is told of an attempt: by a record, by the access line alone, or nothing.
pub(super) enum Told {
    Cause(Category, TextHash, Option<Confidence>),
    Unexplained(Unexplained),
}

impl Case<'_> {
    pub(super) fn told(&self, attempt: &AttemptTrace, explained: Explained) -> Told {
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

    /// Whether one of the upstreams that a request tried is asked for.
    fn keeps_any(&self, request: &[AttemptTrace], names: &Names) -> bool {
        self.asked_for.is_none_or(|asked_for| {
            request.iter().any(|attempt| {
                // What a filter left out has no name here.
                let name = names.of_hash(attempt.upstream);
                let is_named = name.is_some() || !attempt.upstream.is_some();
                is_named && (asked_for.upstream)(name.as_deref().unwrap_or_default())
            })
        })
    }

    /// Whether what is told of an attempt is of a category that is asked for.
    fn keeps(&self, told: &Told, attempt: &AttemptTrace) -> bool {
        let category = match told {
            Told::Cause(category, ..) => Some(*category),
            Told::Unexplained(_) => attempt.kind.map(|kind| kind.category),
        };
        let is_asked_for = |asked_for: AskedFor<'_>| (asked_for.category)(category);
        self.asked_for.is_none_or(is_asked_for)
    }

    /// Requests of a status in the time asked for, of which traces are a sample.
    pub(super) fn n_all(&self, status: u16, placed: &Placed) -> Option<u64> {
        if !self.is_sample || self.asked_for.is_some() {
            return None;
        }
        let counts = placed.traffic.iter().map(|row| row.count.n_of(status));
        counts.sum()
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
                && error.is_kept
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

    fn of_status(self, status: u16, n_all: Option<u64>, names: &Names) -> StatusCauses {
        StatusCauses {
            status,
            n_requests: self.n,
            n_all,
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
