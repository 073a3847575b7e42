//! A line as the cutter looks at it: byte by byte and word by word, by place.
//!
//! A slice checks each place. A line in a [`Window`] needs no check, because more bytes follow it; what is looked at there is the line's
//! end, `\n` or `\r`, which no value and no literal holds, and then whatever comes next. So the same code reads both, as long as it
//! stops at what it does not know, and asks [`len`](Text::len) where it passes over what it does not look at.

use crate::lines::Window;

/// The bytes of one line, from place 0.
pub(super) trait Text<'a>: Copy {
    /// Of the line, without what may follow it.
    fn len(self) -> usize;

    /// The line from `from` to `end`; nothing if that is no range in it.
    fn slice(self, from: usize, end: usize) -> &'a [u8];

    /// `None`, or the byte that ends the line or follows it, where the line is over.
    fn byte(self, at: usize) -> Option<u8>;

    /// The `N` bytes at `at`, at most 64, likewise.
    fn chunk<const N: usize>(self, at: usize) -> Option<&'a [u8; N]>;

    /// The line from `from` on.
    #[inline(always)]
    fn rest(self, from: usize) -> &'a [u8] {
        self.slice(from, self.len())
    }

    /// The eight bytes at `at`, the first lowest.
    #[inline(always)]
    fn word(self, at: usize) -> Option<u64> {
        self.chunk::<8>(at).map(|bytes| u64::from_le_bytes(*bytes))
    }
}

impl<'a> Text<'a> for &'a [u8] {
    #[inline(always)]
    fn len(self) -> usize {
        <[u8]>::len(self)
    }

    #[inline(always)]
    fn slice(self, from: usize, end: usize) -> &'a [u8] {
        self.get(from..end).unwrap_or_default()
    }

    #[inline(always)]
    fn byte(self, at: usize) -> Option<u8> {
        self.get(at).copied()
    }

    #[inline(always)]
    fn chunk<const N: usize>(self, at: usize) -> Option<&'a [u8; N]> {
        self.get(at..)?.first_chunk()
    }
}

/// The line of this length that a window begins with; a line end follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windowed<'a>(pub(super) Window<'a>, pub(super) usize);

impl<'a> Text<'a> for Windowed<'a> {
    #[inline(always)]
    fn len(self) -> usize {
        self.1
    }

    #[inline(always)]
    fn slice(self, from: usize, end: usize) -> &'a [u8] {
        self.0.slice(from, end)
    }

    #[inline(always)]
    fn byte(self, at: usize) -> Option<u8> {
        Some(self.0.byte(at))
    }

    #[inline(always)]
    fn chunk<const N: usize>(self, at: usize) -> Option<&'a [u8; N]> {
        Some(self.0.bytes(at))
    }
}
