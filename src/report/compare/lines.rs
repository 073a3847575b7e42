//! The parts of a comparison, each as a line of every form.

use super::say;
use crate::{
    aggregate::requests::RouteCount,
    classify::taxonomy::ROWS,
    diagnose::compare::{Judged, Message, Rate, Route, Row, Side, Status, Times, Unit},
    event::Basis,
    export::time::rfc3339,
    redact::Redactor,
    text,
};
use serde::Serialize;

/// What was read of one side.
#[derive(Clone, Debug, Serialize)]
pub struct SideLine {
    pub n_sources: usize,
    /// First and last record or request; `None` where nothing with a time was read.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Seconds from the first to the last, without silences.
    pub covered_seconds: u64,
    /// Of access logs; `None` where there are none.
    pub n_requests: Option<u64>,
    pub n_failures: u64,
    pub zone: String,
}

/// A rate on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct RateLine {
    /// attempts, requests or seconds.
    pub unit: &'static str,
    pub before: RateSide,
    pub after: RateSide,
    /// How likely so different counts are by chance, adjusted for the number of rows.
    pub p: f64,
    pub verdict: &'static str,
    /// What the verdict rests on.
    pub why: String,
}

/// One side of it.
#[derive(Clone, Debug, Serialize)]
pub struct RateSide {
    pub n: u64,
    /// Attempts, requests or seconds.
    pub of: u64,
    /// Per attempt, request or second, with the bounds of its 95 % interval; `None` where there is nothing to divide by.
    pub rate: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RowLine {
    /// Empty where the records name none.
    pub upstream: String,
    pub category: &'static str,
    pub rate: RateLine,
    pub last_before: Option<String>,
    pub first_after: Option<String>,
    pub last_after: Option<String>,
}

impl RowLine {
    /// `refused at 10.0.0.5:80`
    pub fn name(&self) -> String {
        match self.upstream.as_str() {
            "" => format!("{}, no upstream named", self.category),
            upstream => format!("{} at {}", self.category, text::truncated(upstream, 60)),
        }
    }
}

/// A message that only one side has.
#[derive(Clone, Debug, Serialize)]
pub struct MessageLine {
    /// new or vanished.
    pub change: &'static str,
    pub signature: &'static str,
    /// Its words; `{name}` stands for what varies.
    pub message: String,
    pub severity: &'static str,
    pub n_events: u64,
    /// Chance explains that the other side lacks it.
    pub may_be_chance: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct StatusLine {
    pub status: u16,
    pub rate: RateLine,
}

/// Failed requests of one route (5xx, 499), and their times in milliseconds, at most 1 % off.
#[derive(Clone, Debug, Serialize)]
pub struct RouteLine {
    pub route: String,
    pub rate: RateLine,
    pub request_ms_p50_before: Option<u32>,
    pub request_ms_p50_after: Option<u32>,
    pub request_ms_p99_before: Option<u32>,
    pub request_ms_p99_after: Option<u32>,
}

/// Times of answers of one upstream, in milliseconds, at most 1 % off.
#[derive(Clone, Debug, Serialize)]
pub struct TimesLine {
    pub upstream: String,
    pub n_attempts_before: u64,
    pub n_attempts_after: u64,
    pub response_ms_p50_before: Option<u32>,
    pub response_ms_p50_after: Option<u32>,
    pub response_ms_p99_before: Option<u32>,
    pub response_ms_p99_after: Option<u32>,
}

pub(super) fn side(side: &Side, basis: Option<Basis>) -> SideLine {
    let failing = basis.and_then(|basis| side.failing(basis).total);
    SideLine {
        n_sources: side.n_sources,
        first: side.span.map(|span| rfc3339(span.first.0)),
        last: side.span.map(|span| rfc3339(span.last.0)),
        covered_seconds: side.covered_s,
        n_requests: side.has_requests.then_some(side.requests.n_requests),
        n_failures: failing.map_or(0, |failed| failed.n),
        zone: side.zone.clone(),
    }
}

pub(super) fn rate(judged: &Judged) -> RateLine {
    let pair = &judged.pair;
    let side = |rate: Rate| {
        let bounds = pair.interval(rate);
        RateSide {
            n: rate.n,
            of: rate.of,
            rate: bounds.map(|_| rounded(rate.n as f64 / rate.of as f64)),
            low: bounds.map(|(low, _)| rounded(low)),
            high: bounds.map(|(_, high)| rounded(high)),
        }
    };
    RateLine {
        unit: unit(pair.unit),
        before: side(pair.before),
        after: side(pair.after),
        p: rounded(judged.p),
        verdict: judged.verdict.name(),
        why: say::why(pair, judged.why),
    }
}

pub(super) const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Attempts => "attempts",
        Unit::Requests => "requests",
        Unit::Seconds => "seconds",
    }
}

/// Five digits: all that the sums behind it are good for on every machine.
fn rounded(x: f64) -> f64 {
    if x.abs() < 1e-30 {
        return 0.0;
    }
    format!("{x:.4e}").parse().unwrap_or(x)
}

pub(super) fn row(row: &Row, redactor: &Redactor) -> RowLine {
    let time = |time: Option<crate::event::Timestamp>| time.map(|time| rfc3339(time.0));
    RowLine {
        upstream: redactor
            .upstream(row.upstream.as_deref().unwrap_or_default())
            .for_terminal(),
        category: row.category.name(),
        rate: rate(&row.judged),
        last_before: time(row.before.map(|failed| failed.last)),
        first_after: time(row.after.map(|failed| failed.first)),
        last_after: time(row.after.map(|failed| failed.last)),
    }
}

pub(super) fn message(message: &Message) -> MessageLine {
    let row = &ROWS[usize::from(message.signature)];
    MessageLine {
        change: if message.is_new { "new" } else { "vanished" },
        signature: row.id,
        message: row.words(),
        severity: message.severity.name(),
        n_events: message.n,
        may_be_chance: message.is_noise,
    }
}

pub(super) fn status(status: &Status) -> StatusLine {
    StatusLine {
        status: status.status,
        rate: rate(&status.judged),
    }
}

pub(super) fn route(route: &Route, redactor: &Redactor) -> RouteLine {
    let quantile = |count: &RouteCount, permille| count.request.quantile(permille);
    RouteLine {
        route: redactor.uri(&route.route).for_terminal(),
        rate: rate(&route.judged),
        request_ms_p50_before: quantile(&route.before, 500),
        request_ms_p50_after: quantile(&route.after, 500),
        request_ms_p99_before: quantile(&route.before, 990),
        request_ms_p99_after: quantile(&route.after, 990),
    }
}

pub(super) fn times(times: &Times, redactor: &Redactor) -> TimesLine {
    TimesLine {
        upstream: redactor.upstream(&times.upstream).for_terminal(),
        n_attempts_before: times.before.n_attempts,
        n_attempts_after: times.after.n_attempts,
        response_ms_p50_before: times.before.response_ms_p50,
        response_ms_p50_after: times.after.response_ms_p50,
        response_ms_p99_before: times.before.response_ms_p99,
        response_ms_p99_after: times.after.response_ms_p99,
    }
}
