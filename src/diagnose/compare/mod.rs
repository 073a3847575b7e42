//! Is it fixed? Two [`Side`]s to a [`Comparison`]: rates before and after with exact intervals, and a verdict on each and on all.
//!
//! A function of counts: no file, no clock. Failures are counted by the error logs if both sides have them, else by the access logs;
//! never by both. Each row is set against the attempts at its upstream where access logs tell them on both sides, else (or where that upstream
//! is hardly asked any more) against all requests, else against the time that the logs cover.
//!
//! All this takes failures for independent of each other, and they are not: they come in bursts, so intervals are narrower than the truth. One
//! rule answers to that: failures are not called fixed unless the time without them is longer than any before ([`Why::Quiet`]).
//!
//! The verdict on all is that on the sum of all failures, with one exception: one row that is worse, or a message that is new, makes the whole
//! worse, unless at most half of the failures are left. Of many rows or messages some seem worse by chance; Holm's method pays for that.

mod doubt;
pub mod exact;
mod side;
mod verdict;

pub use doubt::{Doubt, Which};
pub use side::{Counted, Failed, Failing, Key, Side, Span, Tally, Window, span_of};
pub use verdict::{Pair, Rate, Unit, Verdict, Why};

use crate::{
    aggregate::{TrafficRow, limits::POOLED_UPSTREAM, requests::RouteCount},
    event::{Basis, Category, Severity},
};
use exact::holm;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use verdict::judge;

/// What became of failures between two sides.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Kind of log the failures are of; `None`: the sides have no kind in common.
    pub basis: Option<Basis>,
    pub verdict: Verdict,
    /// All failures together.
    pub total: Judged,
    /// Upstream × category, what needs a look first.
    pub rows: Vec<Row>,
    /// Failures and warnings by message, if new or vanished: what needs a look first.
    pub messages: Vec<Message>,
    /// Answers 499, 500, 502, 503 and 504, where both sides have access logs.
    pub statuses: Vec<Status>,
    /// Routes on which other shares of the requests fail than before, the largest change first; then those where chance explains it.
    pub routes: Vec<Route>,
    /// By upstream, most attempts first; only those that both sides tell times of.
    pub times: Vec<Times>,
    /// What makes the comparison unfair.
    pub doubts: Vec<Doubt>,
}

/// A rate on both sides, and what may be said of it.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    pub pair: Pair,
    /// How likely so different counts are by chance; of rows, adjusted for their number.
    pub p: f64,
    pub verdict: Verdict,
    pub why: Why,
}

#[derive(Clone, Debug)]
pub struct Row {
    /// `None`: the records name none.
    pub upstream: Option<Arc<[u8]>>,
    pub category: Category,
    pub judged: Judged,
    pub before: Option<Failed>,
    pub after: Option<Failed>,
}

/// A message that only one side knows.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Its index in the taxonomy.
    pub signature: u16,
    pub severity: Severity,
    pub is_new: bool,
    pub n: u64,
    /// Chance explains it: it may be there on the other side, too.
    pub is_noise: bool,
}

/// Answers with one status; gone is only better here, since it is not known how long they paused before.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub status: u16,
    pub judged: Judged,
}

/// Failed requests (5xx, 499) of one route; gone is only better here, as with [`Status`].
#[derive(Clone, Debug)]
pub struct Route {
    pub route: Arc<[u8]>,
    pub judged: Judged,
    pub before: RouteCount,
    pub after: RouteCount,
}

/// Times of answers in milliseconds.
#[derive(Clone, Debug)]
pub struct Times {
    pub upstream: Arc<[u8]>,
    pub before: TrafficRow,
    pub after: TrafficRow,
}

/// Statuses that are compared.
const STATUSES: [u16; 5] = [499, 500, 502, 503, 504];

/// Attempts below which a 99th percentile is just the slowest.
const ATTEMPTS_MIN: u64 = 20;

/// Compares two sides.
pub fn compare(before: &Side, after: &Side) -> Comparison {
    let sides = Sides { before, after };
    let basis = sides.basis();
    let (total, rows) = match basis {
        Some(basis) => (sides.total(basis), sides.rows(basis)),
        None => (sides.nothing(), Vec::new()),
    };
    let messages = match basis {
        Some(Basis::ErrorLog) => sides.messages(),
        _ => Vec::new(),
    };
    Comparison {
        basis,
        verdict: overall(&total, &rows, &messages),
        total,
        rows,
        messages,
        statuses: sides.statuses(),
        routes: sides.routes(),
        times: sides.times(),
        doubts: doubt::doubts(before, after, basis),
    }
}

fn overall(total: &Judged, rows: &[Row], messages: &[Message]) -> Verdict {
    let is_new = |message: &Message| {
        message.is_new && !message.is_noise && message.severity == Severity::Failure
    };
    let is_row_worse = rows.iter().any(|row| row.judged.verdict == Verdict::Worse);
    let is_part_worse = is_row_worse || messages.iter().any(is_new);
    match total.verdict {
        Verdict::Better if 2.0 * total.pair.after.n as f64 <= total.pair.expected() => {
            Verdict::Better
        }
        Verdict::Better | Verdict::Same | Verdict::CannotTell if is_part_worse => Verdict::Worse,
        verdict => verdict,
    }
}

#[derive(Clone, Copy)]
struct Sides<'a> {
    before: &'a Side,
    after: &'a Side,
}

impl Sides<'_> {
    /// The kind of log both have; error logs, which tell why, unless only access logs know of failures.
    fn basis(self) -> Option<Basis> {
        let both = |has: fn(&Side) -> bool| has(self.before) && has(self.after);
        let any = |has: fn(&Side) -> bool| has(self.before) || has(self.after);
        let have_records =
            both(|side| side.has_records) && any(|side| side.span_of_records.is_some());
        let have_requests = both(|side| side.has_requests);
        match (have_records, have_requests) {
            (true, true) if any(|side| side.of_records.total.is_some()) => Some(Basis::ErrorLog),
            (true, true) if any(|side| side.of_requests.total.is_some()) => Some(Basis::AccessLog),
            (true, _) => Some(Basis::ErrorLog),
            (false, true) => Some(Basis::AccessLog),
            (false, false) => None,
        }
    }

    fn nothing(self) -> Judged {
        let pair = self.pair(None, None, None);
        let (verdict, why) = judge(&pair, 1.0, None, 0);
        Judged {
            pair,
            p: 1.0,
            verdict,
            why,
        }
    }

    fn total(self, basis: Basis) -> Judged {
        let (before, after) = (
            self.before.failing(basis).total,
            self.after.failing(basis).total,
        );
        let pair = self.pair(None, before, after);
        let p = pair.p();
        self.judged(pair, p, before.as_ref())
    }

    fn judged(self, pair: Pair, p: f64, before: Option<&Failed>) -> Judged {
        let after_s = self.after.span.map_or(0, |span| span.seconds());
        let (verdict, why) = judge(&pair, p, before, after_s);
        Judged {
            pair,
            p,
            verdict,
            why,
        }
    }

    fn rows(self, basis: Basis) -> Vec<Row> {
        let (before, after) = (
            &self.before.failing(basis).rows,
            &self.after.failing(basis).rows,
        );
        let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
        let sides = |key: &Key| (before.get(key).copied(), after.get(key).copied());
        let pair = |key: &Key| {
            let (before, after) = sides(key);
            self.pair(Some(key), before, after)
        };
        let pairs: Vec<Pair> = keys.iter().map(|key| pair(key)).collect();
        let adjusted = holm(&pairs.iter().map(Pair::p).collect::<Vec<f64>>());
        let row = |((key, pair), p): ((&Key, Pair), f64)| {
            let (before, after) = sides(key);
            Row {
                upstream: key.0.clone(),
                category: key.1,
                judged: self.judged(pair, p, before.as_ref()),
                before,
                after,
            }
        };
        let mut rows: Vec<Row> = keys.into_iter().zip(pairs).zip(adjusted).map(row).collect();
        rows.sort_by_key(|row| {
            let pair = &row.judged.pair;
            (row.judged.verdict, Reverse(pair.before.n.max(pair.after.n)))
        });
        rows
    }

    /// Counts of `key`, or of all failures, in the most telling unit that both sides have. Where an upstream was asked less, so that more of the
    /// attempts there fail and yet fewer of all requests, requests are that.
    fn pair(self, key: Option<&Key>, before: Option<Failed>, after: Option<Failed>) -> Pair {
        let n = |failed: Option<Failed>| failed.map_or(0, |failed| failed.n);
        let pair = |(unit, of): (Unit, (u64, u64))| Pair {
            unit,
            before: Rate {
                n: n(before),
                of: of.0,
            },
            after: Rate {
                n: n(after),
                of: of.1,
            },
        };
        let by_all = pair(self.unit());
        let is_lower = |pair: &Pair| (pair.after.n as f64) < pair.expected();
        match key.and_then(|key| self.attempts(key)).map(pair) {
            Some(by_attempts) if is_lower(&by_attempts) || !is_lower(&by_all) => by_attempts,
            _ => by_all,
        }
    }

    /// Attempts at the upstream of `key`, if both sides tell of some.
    fn attempts(self, key: &Key) -> Option<(Unit, (u64, u64))> {
        let (upstream, category) = key;
        // Where no peer could be chosen, each attempt at the group is a failure: they are no measure.
        let is_asked = *category != Category::NoLiveUpstreams && upstream.is_some();
        let attempts = |side: &Side| {
            let traffic = is_asked.then(|| side.traffic.get(upstream))??;
            (traffic.n_attempts > 0).then_some(traffic.n_attempts)
        };
        Some((
            Unit::Attempts,
            (attempts(self.before)?, attempts(self.after)?),
        ))
    }

    /// What all failures are counted by.
    fn unit(self) -> (Unit, (u64, u64)) {
        let of = |value: fn(&Side) -> u64| (value(self.before), value(self.after));
        if self.before.has_requests && self.after.has_requests {
            return (Unit::Requests, of(|side| side.requests.n_requests));
        }
        (Unit::Seconds, of(|side| side.covered_s))
    }

    /// Messages of failures and warnings that only one side has.
    fn messages(self) -> Vec<Message> {
        let (before, after) = (
            &self.before.tally.n_by_signature,
            &self.after.tally.n_by_signature,
        );
        let (unit, of) = self.unit();
        let one_sided = |mine: &BTreeMap<u16, (Severity, u64)>,
                         other: &BTreeMap<u16, (Severity, u64)>,
                         is_new: bool| {
            let alone = mine
                .iter()
                .filter(|(signature, _)| !other.contains_key(signature));
            let message = |(signature, (severity, n)): (&u16, &(Severity, u64))| Message {
                signature: *signature,
                severity: *severity,
                is_new,
                n: *n,
                is_noise: false,
            };
            alone.map(message).collect::<Vec<_>>()
        };
        let mut messages = one_sided(after, before, true);
        messages.extend(one_sided(before, after, false));
        let p = |message: &Message| {
            let (before, after) = if message.is_new {
                (0, message.n)
            } else {
                (message.n, 0)
            };
            Pair {
                unit,
                before: Rate {
                    n: before,
                    of: of.0,
                },
                after: Rate { n: after, of: of.1 },
            }
            .p()
        };
        let adjusted = holm(&messages.iter().map(p).collect::<Vec<f64>>());
        for (message, p) in messages.iter_mut().zip(adjusted) {
            message.is_noise = p > exact::ALPHA;
        }
        messages.sort_by_key(|message| {
            (
                !message.is_new,
                message.severity,
                Reverse(message.n),
                message.signature,
            )
        });
        messages
    }

    fn statuses(self) -> Vec<Status> {
        if !self.before.has_requests || !self.after.has_requests {
            return Vec::new();
        }
        let of = |side: &Side, status: u16| Rate {
            n: side.tally.n_by_status.get(&status).copied().unwrap_or(0),
            of: side.requests.n_requests,
        };
        let pair = |status: u16| Pair {
            unit: Unit::Requests,
            before: of(self.before, status),
            after: of(self.after, status),
        };
        // What neither side has is no question that chance could answer wrongly.
        let pairs: Vec<(u16, Pair)> = STATUSES
            .into_iter()
            .map(|status| (status, pair(status)))
            .filter(|(_, pair)| pair.before.n + pair.after.n > 0)
            .collect();
        let adjusted = holm(&pairs.iter().map(|(_, pair)| pair.p()).collect::<Vec<f64>>());
        let status = |((status, pair), p)| Status {
            status,
            judged: self.judged_alone(pair, p),
        };
        pairs.into_iter().zip(adjusted).map(status).collect()
    }

    /// What is not known to have paused before is never fixed.
    fn judged_alone(self, pair: Pair, p: f64) -> Judged {
        let judged = self.judged(pair, p, None);
        match judged.verdict {
            Verdict::Fixed => Judged {
                verdict: Verdict::Better,
                ..judged
            },
            _ => judged,
        }
    }

    /// Routes that failed on either side.
    fn routes(self) -> Vec<Route> {
        if !self.before.has_requests || !self.after.has_requests {
            return Vec::new();
        }
        let (before, after) = (counts_by_route(self.before), counts_by_route(self.after));
        let is_pooling = |side: &Side| side.tally.routes.is_pooling();
        // What one side counts by its name may be in the pool of the other.
        let are_whole = !is_pooling(self.before) && !is_pooling(self.after);
        let names: BTreeSet<&Arc<[u8]>> = before.keys().chain(after.keys()).collect();
        let pair = |name: &Arc<[u8]>| {
            let (before, after) = (before.get(name), after.get(name));
            let is_told = are_whole || before.is_some() && after.is_some();
            let rate = |count: Option<&RouteCount>| {
                count.map_or_else(Rate::default, |count| Rate {
                    n: count.n_failed,
                    of: count.n_requests,
                })
            };
            let pair = Pair {
                unit: Unit::Requests,
                before: rate(before),
                after: rate(after),
            };
            (is_told && pair.before.n + pair.after.n > 0).then(|| (Arc::clone(name), pair))
        };
        let pairs: Vec<(Arc<[u8]>, Pair)> = names.into_iter().filter_map(pair).collect();
        let adjusted = holm(&pairs.iter().map(|(_, pair)| pair.p()).collect::<Vec<f64>>());
        let count = |counts: &BTreeMap<Arc<[u8]>, RouteCount>, name: &Arc<[u8]>| {
            counts.get(name).cloned().unwrap_or_default()
        };
        let mut routes: Vec<Route> = pairs
            .into_iter()
            .zip(adjusted)
            .map(|((route, pair), p)| Route {
                judged: self.judged_alone(pair, p),
                before: count(&before, &route),
                after: count(&after, &route),
                route,
            })
            .collect();
        routes.sort_by_key(|route| {
            let pair = &route.judged.pair;
            let is_chance = route.judged.p > exact::ALPHA;
            (is_chance, Reverse(pair.n_changed()))
        });
        routes
    }

    fn times(self) -> Vec<Times> {
        let has_times =
            |row: &TrafficRow| row.n_attempts >= ATTEMPTS_MIN && row.response_ms_p50.is_some();
        let pair = |(upstream, before): (&Option<Arc<[u8]>>, &TrafficRow)| {
            let after = self.after.traffic.get(upstream)?;
            (has_times(before) && has_times(after)).then_some(())?;
            Some(Times {
                upstream: upstream.clone()?,
                before: before.clone(),
                after: after.clone(),
            })
        };
        let mut times: Vec<Times> = self.before.traffic.iter().filter_map(pair).collect();
        times.sort_by_key(|times| Reverse(times.before.n_attempts + times.after.n_attempts));
        times
    }
}

fn counts_by_route(side: &Side) -> BTreeMap<Arc<[u8]>, RouteCount> {
    let rows = side.tally.routes.rows();
    let named = rows.filter_map(|row| Some((row.name?, row.count)));
    named
        .filter(|(name, _)| &name[..] != POOLED_UPSTREAM.as_bytes())
        .collect()
}

#[cfg(test)]
mod tests;
