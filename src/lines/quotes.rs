//! The quotes of one line, marked in the pass that finds its end.
//!
//! Most values of an access line stand in quotes, so where these are is asked a dozen times a line. Marking them with the newline
//! costs no more than looking for that alone.

use super::{
    marks::{BLOCK_LEN, Cpu},
    window::Window,
};

/// Lines up to this length are marked; longer ones are rare.
const MARKED_MAX: usize = 1024;

/// Places are put down so many at a time, wanted or not: how many quotes a block has cannot be foreseen, that it has no more can.
const AT_A_TIME: usize = 8;

/// Room for all of them: a power of two, so that a remainder keeps a place inside.
const PLACES_LEN: usize = 2 * MARKED_MAX;

/// Places of the quotes of one line, from its start.
#[derive(Clone, Debug)]
pub struct Quotes {
    /// Behind the last one comes [`Quotes::END`].
    places: [u16; PLACES_LEN],
}

impl Default for Quotes {
    fn default() -> Quotes {
        Quotes {
            places: [Quotes::END; PLACES_LEN],
        }
    }
}

impl Quotes {
    const END: u16 = u16::MAX;

    /// Marks the line that `window` begins with and forgets all others; its length. `None`: it is too long to be marked.
    #[inline(always)]
    pub fn mark(&mut self, cpu: impl Cpu, window: Window<'_>) -> Option<usize> {
        let (mut at, mut n) = (0, 0);
        while at < MARKED_MAX {
            let block = window.block(at, 0);
            let newlines = cpu.equal(block, b'\n');
            let quotes = cpu.equal(block, b'"');
            let before = newlines ^ newlines.wrapping_sub(1); // all, if there is no newline
            n = self.put(n, at, quotes & before);
            if newlines != 0 {
                self.places[n % PLACES_LEN] = Quotes::END;
                return Some(at + newlines.trailing_zeros() as usize);
            }
            at += BLOCK_LEN;
        }
        None
    }

    /// Puts down the places of `bits` behind the first `n`.
    #[inline(always)]
    fn put(&mut self, n: usize, from: usize, mut bits: u64) -> usize {
        let n_bits = bits.count_ones() as usize;
        let mut at = n;
        loop {
            for nth in 0..AT_A_TIME {
                self.places[(at + nth) % PLACES_LEN] =
                    (from + bits.trailing_zeros() as usize) as u16;
                bits &= bits.wrapping_sub(1);
            }
            if bits == 0 {
                return n + n_bits;
            }
            at += AT_A_TIME;
        }
    }

    /// The place of the first quote that is not before `from`. `passed` is how many quotes were passed so far, 0 at first, and grows:
    /// what is asked next must not lie before `from`.
    #[inline(always)]
    pub fn next(&self, passed: &mut usize, from: usize) -> Option<usize> {
        let mut place = self.places[*passed % PLACES_LEN];
        while usize::from(place) < from {
            *passed += 1;
            place = self.places[*passed % PLACES_LEN];
        }
        (place != Quotes::END).then_some(usize::from(place))
    }
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
                let marked = quotes.mark(cpu, window);
                assert_eq!(marked, newline.filter(|end| *end < MARKED_MAX));
                let Some(len) = marked else {
                    continue;
                };
                let line = window.slice(0, len);
                let mut passed = 0;
                for from in 0..=line.len() {
                    let want = memchr::memchr(b'"', &line[from..]).map(|at| from + at);
                    assert_eq!(quotes.next(&mut passed, from), want);
                }
            }
        }
    }

    #[test]
    fn quotes_of_any_line_are_marked() {
        let mut bytes = Vec::new();
        for len in [0, 1, 63, 64, 65, 127, 128, 200, 1023, 1024, 1025, 1500] {
            for every in [1, 2, 7, 60, 4000] {
                bytes.extend((0..len).map(|at| if at % every == every / 2 { b'"' } else { b'a' }));
                bytes.push(b'\n');
            }
        }
        bytes.extend([b'\n'; 5000]);
        Check(&bytes).run(Plain);
        with_best_cpu(Check(&bytes));
    }
}
