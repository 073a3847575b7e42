//! How nginx words it: known messages by signature, unknown ones by shape.

use crate::{aggregate::shapes::Shape, classify::taxonomy::ROWS, engine::Scanned, export::Names};
use serde::Serialize;
use std::cmp::Reverse;

#[derive(Clone, Debug, Serialize)]
pub struct MessageLine {
    pub signature: &'static str,
    /// Its words; `{name}` stands for what varies.
    pub message: String,
    pub n_events: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShapeLine {
    pub shape: String,
    pub n_events: u64,
    pub sample: String,
    pub evidence: String,
}

pub(super) fn messages(scanned: &Scanned, n_top: usize) -> Vec<MessageLine> {
    let counts = scanned.aggregate.n_by_signature.iter().enumerate().skip(1);
    let mut lines: Vec<MessageLine> = counts
        .filter(|(_, n)| **n > 0)
        .map(|(row, &n_events)| MessageLine {
            signature: ROWS[row].id,
            message: ROWS[row].words(),
            n_events,
        })
        .collect();
    lines.sort_by_key(|line| Reverse(line.n_events));
    lines.truncate(n_top);
    lines
}

/// Shapes that are known.
pub(super) fn n_unknown(scanned: &Scanned) -> usize {
    scanned.aggregate.shapes.finish().len()
}

pub(super) fn unknown(scanned: &Scanned, names: &Names<'_>, n_top: usize) -> Vec<ShapeLine> {
    let redactor = names.redactor();
    let line = |(shape, known): (&[u8], &Shape)| ShapeLine {
        shape: redactor.shape(shape).for_terminal(),
        n_events: known.n_events,
        sample: redactor.shape(&known.sample).for_terminal(),
        evidence: redactor
            .source(names.evidence(&known.evidence).as_bytes())
            .for_terminal(),
    };
    scanned
        .aggregate
        .shapes
        .finish()
        .into_iter()
        .take(n_top)
        .map(line)
        .collect()
}
