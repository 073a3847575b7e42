//! What a comparison says, whatever its form: [`build`] decides it, once; [`terminal`](super::terminal::compare), [`markdown`] and
//! [`json`](super::json) say it.

mod lines;
pub mod markdown;
mod notes;
mod say;

pub use lines::{
    MessageLine, RateLine, RateSide, RouteLine, RowLine, SideLine, StatusLine, TimesLine,
};

use crate::{
    diagnose::{
        Account,
        compare::{Comparison, Side, Verdict, Which, Why},
    },
    event::{Basis, Timestamp},
    export::{Names, time::rfc3339},
    redact::Redactor,
    words::milliseconds,
};
use serde::Serialize;

/// What is told of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub comparison: &'a Comparison,
    pub before: &'a Side,
    pub after: &'a Side,
    /// Where one set of logs was cut.
    pub cut: Option<&'a Cut>,
    /// Each scan with the names of its sources: of both sides, or of the one that was cut.
    pub accounts: &'a [(Which, &'a Account, &'a Names<'a>)],
    /// What the second reading missed, in plain words.
    pub missed: &'a [String],
    /// What of the logs may be shown.
    pub redactor: &'a Redactor,
    /// Rows of the longest lists.
    pub n_top: usize,
}

/// Where and why one set of logs was cut.
#[derive(Clone, Debug, Serialize)]
pub struct Cut {
    #[serde(serialize_with = "as_time")]
    pub at: Timestamp,
    /// In plain words.
    pub why: String,
    /// Buckets are so wide that what lies within this many seconds behind the cut may count as before; 1: nothing does.
    pub coarse_seconds: i64,
}

fn as_time<S: serde::Serializer>(time: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&rfc3339(time.0))
}

/// Version of the JSON form; grows when a field changes its meaning or goes.
pub const FORMAT_VERSION: u32 = 1;

/// A comparison in words. All texts are free of control characters; times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize)]
pub struct ComparisonReport {
    pub format_version: u32,
    pub coroner_version: &'static str,
    /// fixed, better, same, worse or cannot tell.
    pub verdict: &'static str,
    /// The verdict in a sentence, without its first word.
    pub answer: String,
    /// What else the answer needs.
    pub but: Vec<String>,
    pub before: SideLine,
    pub after: SideLine,
    pub cut: Option<Cut>,
    /// Kind of log that the failures are of; empty: the sides have none in common.
    pub basis: &'static str,
    /// All failures together.
    pub total: RateLine,
    /// Upstream × category, what needs a look first.
    pub rows: Vec<RowLine>,
    pub n_more_rows: usize,
    /// Messages of failures and warnings that only one side has.
    pub messages: Vec<MessageLine>,
    pub n_more_messages: usize,
    /// Answers 499, 500, 502, 503 and 504.
    pub statuses: Vec<StatusLine>,
    /// Routes with the most change in failed requests (5xx, 499).
    pub routes: Vec<RouteLine>,
    pub n_more_routes: usize,
    /// Times of answers, by upstream.
    pub times: Vec<TimesLine>,
    pub n_more_times: usize,
    /// What makes the comparison unfair, in plain words.
    pub doubts: Vec<String>,
    /// Sources that are not whole.
    pub problems: Vec<String>,
    /// How verdicts are made, with the thresholds.
    pub rules: Vec<String>,
}

/// Makes the report of a comparison.
pub fn build(told: &Told<'_>) -> ComparisonReport {
    let Told {
        comparison,
        before,
        after,
        n_top,
        redactor,
        ..
    } = *told;
    let n_more = |len: usize| len.saturating_sub(n_top);
    ComparisonReport {
        format_version: FORMAT_VERSION,
        coroner_version: env!("CARGO_PKG_VERSION"),
        verdict: comparison.verdict.name(),
        answer: answer(comparison),
        but: but(comparison, redactor),
        before: lines::side(before, comparison.basis),
        after: lines::side(after, comparison.basis),
        cut: told.cut.cloned(),
        basis: comparison.basis.map_or("", Basis::name),
        total: lines::rate(&comparison.total),
        rows: comparison
            .rows
            .iter()
            .take(n_top)
            .map(|row| lines::row(row, redactor))
            .collect(),
        n_more_rows: n_more(comparison.rows.len()),
        messages: comparison
            .messages
            .iter()
            .take(n_top)
            .map(lines::message)
            .collect(),
        n_more_messages: n_more(comparison.messages.len()),
        statuses: comparison.statuses.iter().map(lines::status).collect(),
        routes: comparison
            .routes
            .iter()
            .take(n_top)
            .map(|route| lines::route(route, redactor))
            .collect(),
        n_more_routes: n_more(comparison.routes.len()),
        times: comparison
            .times
            .iter()
            .take(n_top)
            .map(|times| lines::times(times, redactor))
            .collect(),
        n_more_times: n_more(comparison.times.len()),
        doubts: notes::doubts(told),
        problems: problems(told),
        rules: notes::rules(comparison),
    }
}

/// Why the whole is judged so.
fn answer(comparison: &Comparison) -> String {
    let total = &comparison.total;
    if comparison.basis.is_none() {
        return "the two sides have no kind of log in common that could be read".to_owned();
    }
    match (comparison.verdict, total.verdict) {
        // The sum does not say so, but a part does.
        (Verdict::Worse, Verdict::Better | Verdict::Same | Verdict::CannotTell) => {
            format!(
                "in all, {}; but parts are worse or new",
                say::why(&total.pair, total.why)
            )
        }
        _ => say::why(&total.pair, total.why),
    }
}

/// Parts named in one sentence.
const NAMED_MAX: usize = 3;

/// Rows and messages that are worse, and what is still there of what was to be fixed.
fn but(comparison: &Comparison, redactor: &Redactor) -> Vec<String> {
    let mut but = Vec::new();
    let mut name_rows = |verdict: Verdict, words: &str| {
        let rows = comparison
            .rows
            .iter()
            .filter(|row| row.judged.verdict == verdict);
        let names: Vec<String> = rows.map(|row| lines::row(row, redactor).name()).collect();
        if !names.is_empty() {
            but.push(format!("{words}: {}", listed(&names)));
        }
    };
    name_rows(Verdict::Worse, "worse or new");
    if comparison.verdict != Verdict::Fixed {
        name_rows(Verdict::Fixed, "gone");
    }
    let is_news =
        |message: &&crate::diagnose::compare::Message| message.is_new && !message.is_noise;
    let news = comparison.messages.iter().filter(is_news);
    let names: Vec<String> = news
        .map(|message| lines::message(message).signature.to_owned())
        .collect();
    if !names.is_empty() {
        but.push(format!(
            "messages that were not there before: {}",
            listed(&names)
        ));
    }
    but.extend(pace(comparison, redactor));
    if let Why::Gone { .. } = comparison.total.why {
        let quiet = comparison
            .rows
            .iter()
            .filter(|row| row.judged.verdict == Verdict::CannotTell);
        let n = quiet.count();
        if n > 0 {
            but.push(format!(
                "{n} of the {} kinds of failure cannot be told one by one: see below",
                comparison.rows.len()
            ));
        }
    }
    but
}

/// Times of answers are changed if half of them take twice as long, or half as long,
const TIMES_CHANGED: u32 = 2;

/// and people could notice: milliseconds between the two.
const NOTICED_MS: u32 = 50;

/// Upstreams whose answers are much slower or quicker than before, which no count of failures shows.
fn pace(comparison: &Comparison, redactor: &Redactor) -> Vec<String> {
    let medians = |times: &crate::diagnose::compare::Times| {
        let (before, after) = (times.before.response_ms_p50, times.after.response_ms_p50);
        before.zip(after)
    };
    let is_much =
        |low: u32, high: u32| high >= low.saturating_mul(TIMES_CHANGED) && high - low >= NOTICED_MS;
    let mut said = Vec::new();
    for (words, is_slower) in [("slower", true), ("quicker", false)] {
        let changed = comparison.times.iter().filter_map(|times| {
            let (before, after) = medians(times)?;
            let (low, high) = if is_slower {
                (before, after)
            } else {
                (after, before)
            };
            is_much(low, high).then(|| {
                format!(
                    "{} (half of its answers took at most {} before, {} after)",
                    redactor.upstream(&times.upstream).for_terminal(),
                    milliseconds(Some(before)),
                    milliseconds(Some(after))
                )
            })
        });
        let names: Vec<String> = changed.collect();
        if !names.is_empty() {
            said.push(format!("{words}: {}", listed(&names)));
        }
    }
    said
}

fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMED_MAX)].join("; ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        n => format!("{shown}; and {n} more"),
    }
}

fn problems(told: &Told<'_>) -> Vec<String> {
    let of_account = |(_, account, names): &(Which, &Account, &Names<'_>)| -> Vec<String> {
        let sources = account.sources.iter().enumerate();
        sources
            .flat_map(|(index, source)| {
                let name = names.of(index).to_owned();
                let problems = source.problems.iter();
                problems.map(move |problem| {
                    names
                        .redactor()
                        .said(&format!("{name}: {problem}"))
                        .for_page()
                })
            })
            .collect()
    };
    let missed = told
        .missed
        .iter()
        .map(|missed| told.redactor.said(missed).for_terminal());
    told.accounts
        .iter()
        .flat_map(of_account)
        .chain(missed)
        .collect()
}
