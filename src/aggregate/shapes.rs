//! The most frequent shapes of `other` messages, each with a sample.

use super::{
    evidence::Evidence,
    limits::{SAMPLE_LEN_MAX, SHAPES_MAX},
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::hash::BuildHasher;

/// Messages that have the same shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub n_events: u64,
    /// The first of them, cut to a few hundred bytes.
    pub sample: Vec<u8>,
    pub evidence: Evidence,
}

/// Counts by shape. Past [`SHAPES_MAX`] shapes, those with the highest hash values are only counted together: the rule
/// depends on the shapes alone, so any cut and order of a log keeps the same ones.
#[derive(Clone, Debug)]
pub struct Shapes {
    hasher: FixedState,
    shapes: HashMap<Vec<u8>, Shape, FixedState>,
    /// Shapes whose hash is not below this are pooled.
    threshold: u64,
    /// Events of pooled shapes.
    pub n_pooled: u64,
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes {
            hasher: FixedState::default(),
            shapes: HashMap::default(),
            threshold: u64::MAX,
            n_pooled: 0,
        }
    }
}

impl Shapes {
    pub fn collect(&mut self, shape: &[u8], message: &[u8], evidence: Evidence) {
        if self.hasher.hash_one(shape) >= self.threshold {
            self.n_pooled += 1;
            return;
        }
        let known = self.shapes.entry_ref(shape).or_insert_with(|| Shape {
            n_events: 0,
            sample: Vec::new(),
            evidence,
        });
        known.n_events += 1;
        if known.n_events == 1 || evidence < known.evidence {
            known.evidence = evidence;
            known.sample = message[..message.len().min(SAMPLE_LEN_MAX)].to_vec();
        }
        self.limit();
    }

    pub fn merge(&mut self, other: Shapes) {
        self.n_pooled += other.n_pooled;
        self.threshold = self.threshold.min(other.threshold);
        for (text, theirs) in other.shapes {
            match self.shapes.entry(text) {
                hashbrown::hash_map::Entry::Vacant(entry) => {
                    entry.insert(theirs);
                }
                hashbrown::hash_map::Entry::Occupied(mut entry) => {
                    let mine = entry.get_mut();
                    mine.n_events += theirs.n_events;
                    if theirs.evidence < mine.evidence {
                        mine.evidence = theirs.evidence;
                        mine.sample = theirs.sample;
                    }
                }
            }
        }
        self.pool();
        self.limit();
    }

    /// Halves the threshold until few enough shapes are left.
    fn limit(&mut self) {
        while self.shapes.len() > SHAPES_MAX {
            self.threshold /= 2;
            self.pool();
        }
    }

    fn pool(&mut self) {
        let Shapes {
            hasher,
            shapes,
            threshold,
            n_pooled,
        } = self;
        shapes.retain(|text, shape| {
            let keep = hasher.hash_one(&text[..]) < *threshold;
            *n_pooled += if keep { 0 } else { shape.n_events };
            keep
        });
    }

    /// Shape and what is known of it, most frequent first.
    pub fn finish(&self) -> Vec<(&[u8], &Shape)> {
        let mut rows: Vec<_> = self
            .shapes
            .iter()
            .map(|(text, shape)| (&text[..], shape))
            .collect();
        rows.sort_by(|a, b| b.1.n_events.cmp(&a.1.n_events).then_with(|| a.0.cmp(b.0)));
        rows
    }
}
