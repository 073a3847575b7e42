//! A stretch of a log of fixed length: a place in it needs no check before it is read, since a remainder keeps it inside.

use super::marks::{BLOCK_LEN, Cpu};

/// Bytes in which lines are looked for at a time: a power of two, and room for the longest record of any nginx.
pub const WINDOW_LEN: usize = 4096;

/// Bytes behind them that may be looked at, too.
pub const SPARE_LEN: usize = 256;

/// [`WINDOW_LEN`] bytes and the [`SPARE_LEN`] behind them. Places are below `WINDOW_LEN`; the caller sees to that, and where he
/// does not, he reads elsewhere in the window.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a>(pub &'a [u8; WINDOW_LEN + SPARE_LEN]);

impl<'a> Window<'a> {
    /// The window that begins at `start`, if so many bytes are left.
    #[inline(always)]
    pub fn at(bytes: &'a [u8], start: usize) -> Option<Window<'a>> {
        bytes.get(start..)?.first_chunk().map(Window)
    }

    /// The bytes in which lines are looked for.
    #[inline(always)]
    pub fn body(self) -> &'a [u8; WINDOW_LEN] {
        self.bytes(0)
    }

    #[inline(always)]
    pub fn byte(self, at: usize) -> u8 {
        self.0[at % WINDOW_LEN]
    }

    /// The eight bytes at `at`, the first lowest.
    #[inline(always)]
    pub fn word(self, at: usize) -> u64 {
        u64::from_le_bytes(*self.bytes(at))
    }

    /// The sixteen bytes at `at`, the first lowest.
    #[inline(always)]
    pub fn wide(self, at: usize) -> u128 {
        u128::from_le_bytes(*self.bytes(at))
    }

    /// The block that begins `n_blocks` blocks behind `at`: at most two, or it would leave the window.
    #[inline(always)]
    pub fn block(self, at: usize, n_blocks: usize) -> &'a [u8; BLOCK_LEN] {
        let from = at % WINDOW_LEN + n_blocks.min(2) * BLOCK_LEN;
        self.0[from..]
            .first_chunk()
            .expect("the spare bytes are more")
    }

    /// The `N` bytes at `at`, at most as many as are spare.
    #[inline(always)]
    pub fn bytes<const N: usize>(self, at: usize) -> &'a [u8; N] {
        let rest = &self.0[at % WINDOW_LEN..];
        rest.first_chunk()
            .expect("the spare bytes are as many, or it is the body")
    }

    /// The first `byte` at or behind `from`, before `end`; else `end`.
    #[inline(always)]
    pub fn find(self, cpu: impl Cpu, byte: u8, from: usize, end: usize) -> usize {
        let near = cpu.equal(self.block(from, 0), byte);
        if near != 0 {
            // Most fields are shorter than a block, and then no branch depends on their length.
            return (from + near.trailing_zeros() as usize).min(end);
        }
        self.find_far(cpu, byte, from + BLOCK_LEN, end)
    }

    /// Like [`find`](Self::find), for fields that often are longer than a block.
    #[inline(always)]
    pub fn find_long(self, cpu: impl Cpu, byte: u8, from: usize, end: usize) -> usize {
        let near = cpu.equal(self.block(from, 0), byte);
        let next = cpu.equal(self.block(from, 1), byte);
        let near = u128::from(near) | u128::from(next) << BLOCK_LEN;
        if near != 0 {
            return (from + near.trailing_zeros() as usize).min(end);
        }
        self.find_far(cpu, byte, from + 2 * BLOCK_LEN, end)
    }

    #[inline(always)]
    fn find_far(self, cpu: impl Cpu, byte: u8, mut from: usize, end: usize) -> usize {
        while from < end {
            let bits = cpu.equal(self.block(from, 0), byte);
            if bits != 0 {
                return (from + bits.trailing_zeros() as usize).min(end);
            }
            from += BLOCK_LEN;
        }
        end
    }

    /// The bytes from `start` to `end`; none if that is no range.
    #[inline(always)]
    pub fn slice(self, start: usize, end: usize) -> &'a [u8] {
        self.0.get(start..end).unwrap_or_default()
    }
}

/// The first bytes of `word` that `text` has a place for, as a number to compare with.
pub const fn wide(text: &[u8]) -> (u128, u128) {
    let (mut value, mut mask, mut at) = (0, 0, 0);
    while at < text.len() {
        value |= (text[at] as u128) << (8 * at);
        mask |= 0xff << (8 * at);
        at += 1;
    }
    (value, mask)
}
