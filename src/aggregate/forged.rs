//! Lines that somebody forged: how many, by whom, and where the first stand.

use super::evidence::Evidence;
use std::collections::{BTreeMap, BTreeSet};

/// Forged lines that look like records, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forged {
    pub n_lines: u64,
    /// Lines by the client of the record that holds them, where it tells; past [`SENDERS_MAX`] addresses are only counted.
    pub senders: BTreeMap<Box<[u8]>, u64>,
    /// Lines of others, and of records that do not tell.
    pub n_by_others: u64,
    /// The first places, at most [`PLACES_MAX`].
    pub places: BTreeSet<Evidence>,
}

/// Clients kept by address: who forges lines is one, or a botnet of which a part is enough.
pub const SENDERS_MAX: usize = 64;

/// Places kept: a person looks at the first few.
pub const PLACES_MAX: usize = 16;

impl Forged {
    pub fn collect(&mut self, sender: Option<&[u8]>, place: Evidence) {
        self.n_lines += 1;
        match sender {
            Some(sender) => self.add_sender(sender, 1),
            None => self.n_by_others += 1,
        }
        self.add_place(place);
    }

    fn add_sender(&mut self, sender: &[u8], n: u64) {
        match self.senders.get_mut(sender) {
            Some(known) => *known += n,
            None => {
                self.senders.insert(sender.into(), n);
            }
        }
        // The greatest go, so that which stay depends on no order.
        while self.senders.len() > SENDERS_MAX {
            self.n_by_others += self.senders.pop_last().map_or(0, |(_, n)| n);
        }
    }

    fn add_place(&mut self, place: Evidence) {
        self.places.insert(place);
        if self.places.len() > PLACES_MAX {
            self.places.pop_last();
        }
    }

    pub fn merge(&mut self, other: Forged) {
        self.n_lines += other.n_lines;
        self.n_by_others += other.n_by_others;
        for (sender, n) in other.senders {
            self.add_sender(&sender, n);
        }
        for place in other.places {
            self.add_place(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::SourceKey;

    fn forged(numbers: impl Iterator<Item = u64>) -> Forged {
        let mut forged = Forged::default();
        for number in numbers {
            let place = Evidence {
                source: SourceKey::new(0, 0),
                offset: number,
                line_in_chunk: 0,
            };
            let sender = format!("10.0.0.{}", number % 90);
            forged.collect((number % 7 > 0).then_some(sender.as_bytes()), place);
        }
        forged
    }

    #[test]
    fn limits_depend_on_no_order() {
        let all = forged(0..500);
        let mut parts = forged(250..500);
        parts.merge(forged((0..250).rev()));
        assert_eq!(parts, all);
        assert_eq!(all.senders.len(), SENDERS_MAX);
        assert_eq!(all.places.len(), PLACES_MAX);
        let n_told: u64 = all.senders.values().sum();
        assert_eq!((all.n_lines, n_told + all.n_by_others), (500, 500));
    }
}
