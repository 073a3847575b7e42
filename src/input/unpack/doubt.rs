//! What is decoded of a unit behind a place where another seems to begin. If the unit was cut there, and the next appended, as a
//! crashed writer leaves them, its decoder takes the bytes of the next for its own, and makes lines of them that nobody wrote:
//! hundreds, where they repeat those before. It notices some KiB later. So its text from there on is kept back until it went on for as
//! long as a decoder may err, or is whole: a unit can hold another one as it is stored.

use super::{
    feed::{Below, Feed},
    units::{Codec, begins},
};
use memchr::memmem::Finder;

pub(super) struct Doubt {
    finder: Finder<'static>,
    /// Offset up to which the unit was searched for another.
    n_searched: u64,
    /// Where another begins.
    start: Option<u64>,
    /// Decoded from there on.
    text: Vec<u8>,
    /// Places looked at.
    n_tried: u32,
}

/// Bytes kept back. What grows to more was not made of some KiB by mistake, or is hostile.
const TEXT_LEN_MAX: usize = 4 << 20;

/// More places where no unit begins after all are hostile, and cost more than they tell.
const TRIED_MAX: u32 = 100_000;

impl Doubt {
    pub(super) fn of(magic: &'static [u8]) -> Doubt {
        Doubt {
            finder: Finder::new(magic),
            n_searched: 0,
            start: None,
            text: Vec::new(),
            n_tried: 0,
        }
    }

    /// A unit begins at `unit_start`.
    pub(super) fn begin(&mut self, unit_start: u64) {
        self.n_searched = unit_start + 1;
        self.start = None;
        self.text.clear();
    }

    /// How many of the next `wanted` bytes stand before the beginning of another unit, or after it.
    pub(super) fn reach(
        &mut self,
        codec: &dyn Codec,
        feed: &mut Feed,
        below: &mut Below<'_>,
        wanted: usize,
    ) -> usize {
        let offset = feed.offset;
        while self.start.is_none() && self.n_tried < TRIED_MAX {
            let chunk = feed.peek(below, wanted);
            let chunk = &chunk[..chunk.len().min(wanted)];
            let from = self.n_searched.saturating_sub(offset) as usize;
            let Some(at) = self.find(chunk, from) else {
                self.n_searched = self.n_searched.max(offset + chunk.len() as u64);
                break;
            };
            self.n_searched = offset + at as u64 + 1;
            self.n_tried += 1;
            let confirm_len = codec.format().confirm_len;
            let head = &feed.peek(below, at + confirm_len)[at..];
            if begins(codec, head) {
                self.start = Some(offset + at as u64);
            }
        }
        let before = self.start.and_then(|start| start.checked_sub(offset));
        match before {
            Some(n) if n > 0 => wanted.min(usize::try_from(n).unwrap_or(usize::MAX)),
            _ => wanted,
        }
    }

    /// The first place at or behind `from` where the magic number stands, or begins at the end of `chunk`.
    fn find(&self, chunk: &[u8], from: usize) -> Option<usize> {
        let rest = chunk.get(from..)?;
        let magic = self.finder.needle();
        let in_part = || {
            (1..magic.len())
                .rev()
                .find(|&n| rest.ends_with(&magic[..n]))
        };
        let at = self.finder.find(rest);
        at.or_else(|| Some(rest.len() - in_part()?))
            .map(|at| from + at)
    }

    /// Whether what is decoded of the bytes at `offset` is to be kept back.
    pub(super) fn is_raised(&self, offset: u64) -> bool {
        self.start.is_some_and(|start| start <= offset)
    }

    pub(super) fn keep(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Whether the unit went on long enough, up to `offset`, for one whose decoder errs for at most `lookback` bytes.
    pub(super) fn is_over(&self, offset: u64, lookback: usize) -> bool {
        let is_far = |start: u64| offset.saturating_sub(start) >= lookback as u64;
        self.start.is_some_and(is_far) || self.text.len() > TEXT_LEN_MAX
    }

    /// The text that was kept back, and is the unit's.
    pub(super) fn dispel(&mut self) -> Vec<u8> {
        self.start = None;
        std::mem::take(&mut self.text)
    }

    /// The unit ended where another begins that was found at `found`: what was kept back is none of its text. How much that was.
    pub(super) fn confirm(&mut self, found: u64) -> u64 {
        let is_meant = self.start.is_some_and(|start| found <= start);
        let n_bytes = if is_meant { self.text.len() } else { 0 };
        if is_meant {
            self.text.clear();
        }
        n_bytes as u64
    }
}
