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

/// Room for their blocks and two empty ones behind: a power of two, so that a remainder keeps a place inside.
const BLOCKS_LEN: usize = 2 * MARKED_MAX / BLOCK_LEN;

/// The quotes of one line: bit by bit, from its start.
#[derive(Clone, Debug, Default)]
pub struct Quotes {
    /// Those of the line and an empty one; what is behind that are older lines'.
    blocks: [u64; BLOCKS_LEN],
    n_blocks: usize,
}

impl Quotes {
    /// Marks the line that `window` begins with and forgets all others; its length. `None`: it is too long to be marked.
    #[inline(always)]
    pub fn mark(&mut self, cpu: impl Cpu, window: Window<'_>) -> Option<usize> {
        for nth in 0..MARKED_MAX / BLOCK_LEN {
            let at = nth * BLOCK_LEN;
            let block = window.block(at, 0);
            let newlines = cpu.equal(block, b'\n');
            let before = newlines ^ newlines.wrapping_sub(1); // all, if there is no newline
            self.blocks[nth] = cpu.equal(block, b'"') & before;
            if newlines != 0 {
                self.n_blocks = nth + 1;
                self.blocks[nth + 1] = 0;
                return Some(at + newlines.trailing_zeros() as usize);
            }
        }
        None
    }

    /// The place of the first quote that is not before `from`, which is in the line or at its end.
    #[inline(always)]
    pub fn next(&self, from: usize) -> Option<usize> {
        let (nth, shift) = (from / BLOCK_LEN, from % BLOCK_LEN);
        // Most values are shorter than a block, and then no branch depends on where blocks begin.
        let near = self.block(nth) >> shift | self.block(nth + 1) << 1 << (BLOCK_LEN - 1 - shift);
        if near != 0 {
            return Some(from + near.trailing_zeros() as usize);
        }
        let nth = (nth + 1..self.n_blocks).find(|nth| self.block(*nth) != 0)?;
        Some(nth * BLOCK_LEN + self.block(nth).trailing_zeros() as usize)
    }

    #[inline(always)]
    fn block(&self, nth: usize) -> u64 {
        self.blocks[nth % BLOCKS_LEN]
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
                for from in 0..=line.len() {
                    let want = memchr::memchr(b'"', &line[from..]).map(|at| from + at);
                    assert_eq!(quotes.next(from), want);
                }
            }
        }
    }

    #[test]
    fn quotes_of_any_line_are_marked() {
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
