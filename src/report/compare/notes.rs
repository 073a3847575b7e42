//! What makes a comparison unfair, and how its verdicts are made.

use super::Told;
use crate::{
    diagnose::compare::{Comparison, Doubt, Unit, Which, exact::ALPHA},
    event::Basis,
    export::time::rfc3339,
    redact::Redactor,
    report::model,
    words::{duration, grouped, plural},
};

/// Hosts that are named.
const HOSTS_MAX: usize = 5;

pub(super) fn doubts(told: &Told<'_>) -> Vec<String> {
    let coarse = told.cut.filter(|cut| cut.coarse_seconds > 1).map(|cut| {
        let wide = duration(cut.coarse_seconds);
        format!("the limit on rows was reached, so that counts are kept in buckets of {wide}: what lies up to {wide} behind the cut may count as before")
    });
    let doubts = told.comparison.doubts.iter();
    let said = doubts.map(|doubt| said(doubt, told.cut.is_some(), told.redactor));
    let mut all: Vec<String> = Vec::new();
    for said in coarse.into_iter().chain(said) {
        if !all.contains(&said) {
            all.push(said); // of logs that were cut, both sides tell the same
        }
    }
    all
}

fn said(doubt: &Doubt, is_cut: bool, redactor: &Redactor) -> String {
    match doubt {
        Doubt::Nothing(which) => {
            let what = if is_cut { "in the logs lies" } else { "with a time was read of" };
            let where_ = match (is_cut, which) {
                (true, Which::Before) => "before the cut",
                (true, Which::After) => "behind the cut",
                (false, which) => which.name(),
            };
            format!("nothing {what} {where_}: whether nothing failed or nothing was logged, it does not tell")
        }
        Doubt::NoCommonKind => {
            "one side has error logs only, the other access logs only: they tell of different things, and are not compared".to_owned()
        }
        Doubt::Swapped => "the logs after are all older than those before: are they the wrong way round?".to_owned(),
        Doubt::Overlap { from, to } => format!(
            "both sides have the time from {} to {}: the same failures may stand on both",
            rfc3339(from.0),
            rfc3339(to.0)
        ),
        Doubt::NoRequests => {
            "without access logs on both sides failures are counted by the hour: fewer may only mean fewer requests".to_owned()
        }
        Doubt::PartOfRequests { which, seconds, of } => format!(
            "the access logs of {} cover {} only, its error logs {}: its failures per request are too high",
            which.name(),
            duration(*seconds),
            duration(*of)
        ),
        Doubt::Hours { before, after } => format!(
            "different hours of the day: before is of {} o'clock UTC, after of {}; traffic and its failures may differ by that alone",
            hours(before),
            hours(after)
        ),
        Doubt::Weekend(which) => {
            let which = which.name();
            format!("{which} is of a weekend, the other side of working days: traffic may differ by that alone")
        }
        Doubt::Hosts { which, names } => {
            let shown = names.iter().take(HOSTS_MAX).map(|name| redactor.host(name).for_terminal());
            let shown: Vec<String> = shown.collect();
            let more = if names.len() > HOSTS_MAX { ", …" } else { "" };
            format!("only {} has logs of {}{more}: --host compares the same hosts", which.name(), shown.join(", "))
        }
        Doubt::Level { which, n } => {
            let (which, n) = (which.name(), format!("{} {}", grouped(*n), plural(*n, "record")));
            format!("{which} has no record of level notice or less severe, the other side {n}: error_log may have another level there")
        }
        Doubt::ZonesDiffer { before, after } => {
            format!("error logs before are read in zone {before}, those after in {after}: --tz gives both the same")
        }
        Doubt::ZoneAssumed(_) if is_cut => {
            "error logs carry no zone and are read as UTC: if the server's is another, they are cut at another time than access logs; --tz names it".to_owned()
        }
        Doubt::ZoneAssumed(which) => {
            format!("error logs {} carry no zone and are read as UTC; --tz names the server's", which.name())
        }
        Doubt::Gap(_, gap) if is_cut => model::gap(gap, redactor),
        Doubt::Gap(which, gap) => format!("{}: {}", which.name(), model::gap(gap, redactor)),
        Doubt::Troubled { n, .. } if is_cut => format!("not whole: {n} {}, listed above", plural(*n as u64, "source")),
        Doubt::Troubled { which, n } => {
            format!("{} is not whole: {n} {}, listed above", which.name(), plural(*n as u64, "source"))
        }
    }
}

/// `2, 3 and 4`, or `8 to 19` of a run.
fn hours(hours: &[i64]) -> String {
    match (hours.first(), hours.last()) {
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) if last - first + 1 == hours.len() as i64 => {
            format!("{first} to {last}")
        }
        _ => hours
            .iter()
            .map(i64::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

pub(super) fn rules(comparison: &Comparison) -> Vec<String> {
    let percent = (ALPHA * 100.0).round();
    let by = match comparison.basis {
        Some(Basis::AccessLog) => "access logs",
        Some(Basis::ErrorLog | Basis::HaproxyLog) | None => "error logs",
    };
    let units = match comparison.total.pair.unit {
        Unit::Seconds => format!("failures are those of {by}, by the time that the logs cover"),
        Unit::Attempts | Unit::Requests => format!(
            "failures are those of {by}, by the attempts at their upstream where access logs tell them on both sides and it is asked as before, else by all requests"
        ),
    };
    vec![
        units,
        format!("intervals are exact and hold {} % of the time: Clopper and Pearson for shares, Garwood for rates; none in n means below 3 / n", 100.0 - percent),
        format!("a difference counts if chance makes one as large at most {percent} % of the time (p ≤ {ALPHA}: Fisher's exact test for shares, the conditional binomial test for rates); of several rows Holm's method raises p"),
        "fixed: none after, and at the old rate they would have shown, and the time without them is longer than any before".to_owned(),
        "better: fewer, but not gone; worse: more, or new; same: no difference, though half or twice the old rate would have shown; else it cannot be told".to_owned(),
        "the whole is judged by all failures together; one row or message that is worse or new makes it worse, unless at most half of the failures are left".to_owned(),
        "failures come in bursts, which these tests take for chance: distrust a verdict that rests on one burst".to_owned(),
    ]
}
