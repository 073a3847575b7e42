//! Who wrote the lines around a place, each known by a number: many pods write into one source.

use super::{Outer, Writer};
use foldhash::fast::FixedState;
use std::{hash::BuildHasher, sync::Arc};

/// Writers in the order in which they were met.
#[derive(Debug, Default)]
pub struct Writers {
    hashes: Vec<u64>,
    writers: Vec<Arc<Writer>>,
    /// Where the last one found stands: most often it is the next one, too.
    lately: usize,
}

impl Writers {
    /// The number of who wrote a line with such an envelope: that of one more than before, if it was not met yet.
    pub fn number(&mut self, outer: &Outer<'_>) -> usize {
        if let Some(writer) = self.writers.get(self.lately)
            && writer.wrote(outer)
        {
            return self.lately;
        }
        let hash = FixedState::default().hash_one((outer.stream, outer.names()));
        let is_own = |(at, known): (usize, &u64)| {
            (*known == hash && self.writers[at].wrote(outer)).then_some(at)
        };
        self.lately = match self.hashes.iter().enumerate().find_map(is_own) {
            Some(at) => at,
            None => {
                self.hashes.push(hash);
                self.writers.push(Arc::new(Writer::of(outer)));
                self.writers.len() - 1
            }
        };
        self.lately
    }

    /// Who wrote a line with such an envelope. Forgets all of them where they are more than `n_max`.
    pub fn writer(&mut self, outer: &Outer<'_>, n_max: usize) -> &Arc<Writer> {
        let mut number = self.number(outer);
        if number >= n_max {
            *self = Writers::default();
            number = self.number(outer);
        }
        &self.writers[number]
    }

    /// The writer of such a number.
    pub fn get(&self, number: usize) -> &Writer {
        &self.writers[number]
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        self.writers.len()
    }
}
