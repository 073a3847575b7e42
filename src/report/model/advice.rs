//! What the failures mean and what to do about them: [`explain`](crate::explain), for the categories that are there.

use super::CategoryLine;
use crate::{event::Category, explain::knowledge::topic};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct AdviceLine {
    pub category: &'static str,
    pub n_events: u64,
    /// One line, lower case, without final period.
    pub title: &'static str,
    pub meaning: &'static str,
    /// Most likely first, as far as the category alone tells.
    pub causes: &'static [&'static str],
    pub check: &'static [&'static str],
    pub fix: &'static [&'static str],
    /// Common advice that is wrong, and the right one.
    pub corrections: &'static [&'static str],
}

/// Categories that get advice.
const ADVICE_MAX: usize = 6;

/// Advice on the first of `failures`.
pub(super) fn advice(failures: &[CategoryLine]) -> Vec<AdviceLine> {
    failures
        .iter()
        .take(ADVICE_MAX)
        .filter_map(|line| {
            let topic = topic(Category::from_name(line.category)?);
            Some(AdviceLine {
                category: line.category,
                n_events: line.n_events,
                title: topic.title,
                meaning: topic.meaning,
                causes: topic.causes,
                check: topic.check,
                fix: topic.fix,
                corrections: topic.corrections,
            })
        })
        .collect()
}
