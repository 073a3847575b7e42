//! When it was worst.

use super::rows::{evidence, sum};
use crate::{
    diagnose::Failure,
    event::{Category, Timestamp},
    export::{Names, time::rfc3339},
};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

#[derive(Clone, Debug, Serialize)]
pub struct WorstBucket {
    pub bucket: String,
    pub n_failures: u64,
    pub category: &'static str,
    pub upstream: String,
    /// Failures of that category at that upstream.
    pub n_of_these: u64,
    /// The first of these.
    pub evidence: String,
}

/// The buckets with the most failures, and what most of these are.
pub(super) fn worst(rows: &[&Failure], n_top: usize, names: &Names<'_>) -> Vec<WorstBucket> {
    let mut buckets: BTreeMap<Timestamp, Vec<&Failure>> = BTreeMap::new();
    for row in rows {
        if let Some(bucket) = row.bucket {
            buckets.entry(bucket).or_default().push(row);
        }
    }
    let mut buckets: Vec<(Timestamp, Vec<&Failure>)> = buckets.into_iter().collect();
    buckets.sort_by_key(|(start, rows)| (Reverse(sum(rows)), *start));
    buckets.truncate(n_top);
    buckets
        .into_iter()
        .filter_map(|(start, rows)| {
            let mut kinds: BTreeMap<(Category, &[u8]), Vec<&Failure>> = BTreeMap::new();
            for row in &rows {
                let upstream = row.upstream.as_deref().unwrap_or_default();
                kinds
                    .entry((row.kind.category, upstream))
                    .or_default()
                    .push(row);
            }
            let (&(category, upstream), these) = kinds
                .iter()
                .max_by_key(|(kind, rows)| (sum(rows), Reverse(**kind)))?;
            Some(WorstBucket {
                bucket: rfc3339(start.0),
                n_failures: sum(&rows),
                category: category.name(),
                upstream: names.redactor().upstream(upstream).for_terminal(),
                n_of_these: sum(these),
                evidence: evidence(these, names),
            })
        })
        .collect()
}
