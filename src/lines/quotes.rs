//! The quotes of one line, listed in the pass that finds its end.
//!
//! Most values of an access line stand in quotes. Listing these with the newline costs little more than looking for that alone, and what
//! is told by the number of a quote need not wait for all that stands before it.

use super::{
    marks::{BLOCK_LEN, Cpu},
    window::Window,
};
use std::sync::atomic::{AtomicU16, Ordering};

/// Quotes of lines up to this length are listed; longer ones are rare.
const LISTED_MAX: usize = 1024;

/// Quotes of a block that are written without asking how many there are.
const AT_ONCE: usize = 8;

/// As many as such a line can have, which is a power of two, so that a remainder keeps a place inside.
const PLACES_LEN: usize = LISTED_MAX;

/// Where the quotes of one line stand.
#[derive(Debug)]
pub struct Quotes {
    /// Written a few at a time, some of them behind the last. Atomic for one reason: what is, the compiler leaves alone, where it would
    /// gather eight places into a vector first, which takes twice as long.
    places: Box<[AtomicU16; PLACES_LEN + AT_ONCE]>,
    n: usize,
}

impl Default for Quotes {
    fn default() -> Quotes {
        Quotes {
            places: Box::new([const { AtomicU16::new(0) }; PLACES_LEN + AT_ONCE]),
            n: 0,
        }
    }
}

impl Quotes {
    /// Lists those of the line that `window` begins with and forgets all others; its length. `None`: it is too long for this.
    #[inline(always)]
    pub fn list(&mut self, cpu: impl Cpu, window: Window<'_>) -> Option<usize> {
        self.n = 0;
        for at in (0..LISTED_MAX).step_by(BLOCK_LEN) {
            let block = window.block(at, 0);
            let newlines = cpu.equal(block, b'\n');
            let before = newlines ^ newlines.wrapping_sub(1); // all, if there is no newline
            self.put(at, cpu.equal(block, b'"') & before);
            if newlines != 0 {
                return Some(at + newlines.trailing_zeros() as usize);
            }
        }
        None
    }

    /// Adds the places of `bits` behind `from`. Most blocks have a few: so many are written without asking, and stay if they are there.
    #[inline(always)]
    fn put(&mut self, from: usize, mut bits: u64) {
        let n = self.n;
        self.n += bits.count_ones() as usize;
        let free = self.places[n % PLACES_LEN..].first_chunk::<AT_ONCE>();
        for place in free.expect("so many are behind the last") {
            place.store(first(from, bits), Ordering::Relaxed);
            bits &= bits.wrapping_sub(1);
        }
        let mut nth = n + AT_ONCE;
        while bits != 0 {
            self.places[nth % PLACES_LEN].store(first(from, bits), Ordering::Relaxed);
            bits &= bits - 1;
            nth += 1;
        }
    }

    /// Where the quote with this number stands, from 0; `None` behind the last.
    #[inline(always)]
    pub fn nth(&self, number: usize) -> Option<usize> {
        (number < self.n)
            .then(|| usize::from(self.places[number % PLACES_LEN].load(Ordering::Relaxed)))
    }
}

/// The place of the first of `bits`, which are those from `from` on.
#[inline(always)]
fn first(from: usize, bits: u64) -> u16 {
    (from + bits.trailing_zeros() as usize) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Work, marks::Plain, with_best_cpu};

    struct Check<'a>(&'a [u8]);

    impl Work for Check<'_> {
        type Output = ();

        fn run<C: Cpu>(self, cpu: C) {
            let mut quotes = Quotes::default();
            for start in 0.. {
                let Some(window) = Window::at(self.0, start) else {
                    return;
                };
                let newline = memchr::memchr(b'\n', window.body());
                let listed = quotes.list(cpu, window);
                assert_eq!(listed, newline.filter(|end| *end < LISTED_MAX));
                let Some(len) = listed else {
                    continue;
                };
                let slow = memchr::memchr_iter(b'"', window.slice(0, len));
                assert!(slow.eq((0..).map_while(|number| quotes.nth(number))));
            }
        }
    }

    #[test]
    fn quotes_of_any_line_are_listed() {
        let mut bytes = Vec::new();
        for len in [0, 1, 63, 64, 65, 127, 128, 200, 1023, 1024, 1025, 1500] {
            for every in [1, 2, 7, 60, 100, 150, 300, 4000] {
                bytes.extend((0..len).map(|at| if at % every == every / 2 { b'"' } else { b'a' }));
                bytes.push(b'\n');
            }
        }
        bytes.extend([b'\n'; 5000]);
        Check(&bytes).run(Plain);
        with_best_cpu(Check(&bytes));
    }
}
