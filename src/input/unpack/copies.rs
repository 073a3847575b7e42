//! What stands in the decoded bytes of a unit as it stands in its stored ones. Deflate, zstd, lz4 and xz store what they cannot
//! make shorter, and a container within a container is such a thing: its beginnings can be read in both.
//!
//! Who looks back after damage must not begin at one of them: what was decoded of it was handed on, and is read there. Noted
//! is the surrounding of each magic number that was decoded; a place in the stored bytes with the same surrounding is a copy. A
//! unit that was appended to a cut one is none, since a decoder that takes its bytes for codes makes others of them. One
//! that takes them for stored bytes does copy them: so copies count only where something packed was opened in what was handed on
//! ([`Units::holds_packed`](super::units::Units)). A log is read by nobody twice.

use memchr::memmem::Finder;
use std::collections::VecDeque;

/// Bytes compared on one side of a place. The first 24 of all xz streams are alike, and 10 of members without name and time.
pub(super) const SIDE_LEN: usize = 48;

/// Places that are kept, the last ones: more than there are units in the bytes that are looked back upon, if each holds some lines.
const PLACES_MAX: usize = 4096;

pub(super) struct Copies {
    finder: Finder<'static>,
    /// The last decoded bytes, and how many of them were searched for beginnings.
    tail: Vec<u8>,
    n_searched: usize,
    places: VecDeque<Place>,
}

/// The surrounding of a magic number.
struct Place {
    before: Vec<u8>,
    /// With the magic number.
    after: Vec<u8>,
}

impl Copies {
    pub(super) fn of(magic: &'static [u8]) -> Copies {
        Copies {
            finder: Finder::new(magic),
            tail: Vec::new(),
            n_searched: 0,
            places: VecDeque::new(),
        }
    }

    /// Another unit begins.
    pub(super) fn clear(&mut self) {
        self.tail.clear();
        self.n_searched = 0;
        self.places.clear();
    }

    /// Takes the next decoded bytes of the unit.
    pub(super) fn take(&mut self, decoded: &[u8]) {
        let (border, rest) = decoded.split_at(decoded.len().min(4 * SIDE_LEN));
        let mut tail = std::mem::take(&mut self.tail);
        tail.extend_from_slice(border);
        let mut n_searched = self.search(&tail, self.n_searched, SIDE_LEN);
        if !rest.is_empty() {
            // The border is searched again, where it lies.
            tail.clear();
            n_searched = self.search(decoded, 3 * SIDE_LEN, SIDE_LEN);
            tail.extend_from_slice(&decoded[decoded.len() - 2 * SIDE_LEN..]);
            n_searched -= decoded.len() - 2 * SIDE_LEN;
        } else if tail.len() > 2 * SIDE_LEN {
            let n_old = tail.len() - 2 * SIDE_LEN;
            tail.drain(..n_old);
            n_searched -= n_old;
        }
        (self.tail, self.n_searched) = (tail, n_searched);
    }

    /// Nothing more is decoded of the unit.
    pub(super) fn end(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.search(&tail, self.n_searched, 0);
        self.n_searched = 0;
    }

    /// Notes what begins in `decoded` from `start` on and has `n_behind` bytes; up to where that is.
    fn search(&mut self, decoded: &[u8], start: usize, n_behind: usize) -> usize {
        let end = decoded.len().saturating_sub(n_behind);
        if end <= start {
            return start;
        }
        let n_magic = self.finder.needle().len();
        let last = decoded.len().min(end + n_magic - 1);
        for at in self.finder.find_iter(&decoded[start..last]) {
            let at = start + at;
            if self.places.len() == PLACES_MAX {
                self.places.pop_front();
            }
            self.places.push_back(Place {
                before: decoded[at.saturating_sub(SIDE_LEN)..at].to_vec(),
                after: decoded[at..decoded.len().min(at + SIDE_LEN)].to_vec(),
            });
        }
        end
    }

    /// Whether the magic number that stands behind `before`, and with which `after` begins, was handed on. Between blocks stand
    /// bytes that belong to none, so one side is enough, with the magic number.
    pub(super) fn has(&self, before: &[u8], after: &[u8]) -> bool {
        self.places.iter().any(|place| {
            let n_after = place.after.len().min(after.len());
            let n_before = place.before.len();
            place.after[..n_after] == after[..n_after]
                || (n_before == SIDE_LEN && before.ends_with(&place.before))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: &[u8] = b"\x1f\x8b\x08";

    /// Bytes as compression leaves them.
    fn noise(seed: u32, len: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn what_was_handed_on_is_known_whatever_pieces_it_came_in() {
        let (before, after) = (noise(1, 300), [MAGIC, &noise(2, 300)].concat());
        let stored = [&before[..], &after].concat();
        for piece_len in (1..=stored.len()).step_by(7) {
            let mut copies = Copies::of(MAGIC);
            stored
                .chunks(piece_len)
                .for_each(|piece| copies.take(piece));
            copies.end();
            assert_eq!(copies.places.len(), 1, "{piece_len}");
            assert!(copies.has(&before, &after), "{piece_len}");
            assert!(copies.has(b"", &after) && copies.has(&before, MAGIC));
            let other = [MAGIC, &noise(3, 300)].concat();
            assert!(!copies.has(&noise(4, 300), &other), "{piece_len}");
            copies.clear();
            assert!(!copies.has(&before, &after));
        }
    }
}
