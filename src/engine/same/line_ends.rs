//! Copies whose lines end otherwise: an elder is read as if its lines ended like those of the stream that it is held beside.

use super::{
    HEAD_LEN,
    content::{Source, fill},
};
use std::{
    io::{self, Read},
    mem,
};

/// How the lines of a stream end, as its first does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LineEnds {
    #[default]
    Feed,
    /// As in copies that were made on Windows.
    ReturnAndFeed,
}

impl LineEnds {
    /// By the first bytes.
    pub(super) fn of(bytes: &[u8]) -> LineEnds {
        match memchr::memchr(b'\n', bytes) {
            Some(end) if bytes[..end].ends_with(b"\r") => LineEnds::ReturnAndFeed,
            _ => LineEnds::Feed,
        }
    }
}

/// Turns the ends of lines into others as it goes.
#[derive(Debug)]
pub(super) struct Rewriter {
    to: LineEnds,
    /// A return that may come before a feed.
    has_return: bool,
}

impl Rewriter {
    pub(super) fn new(to: LineEnds) -> Rewriter {
        Rewriter {
            to,
            has_return: false,
        }
    }

    pub(super) fn rewrite(&mut self, bytes: &[u8], rewritten: &mut Vec<u8>) {
        for &byte in bytes {
            let has_return = mem::take(&mut self.has_return);
            if byte == b'\n' {
                rewritten.extend((self.to == LineEnds::ReturnAndFeed).then_some(b'\r'));
            } else {
                rewritten.extend(has_return.then_some(b'\r'));
            }
            self.has_return = byte == b'\r';
            rewritten.extend((!self.has_return).then_some(byte));
        }
    }

    /// Nothing follows.
    fn finish(&mut self, rewritten: &mut Vec<u8>) {
        rewritten.extend(mem::take(&mut self.has_return).then_some(b'\r'));
    }
}

/// A source with other ends of lines.
pub(super) struct Rewritten {
    pub(super) source: Source,
    rewriter: Rewriter,
    room: Vec<u8>,
    /// What was read, and how much of it was given on.
    held: Vec<u8>,
    n_given: usize,
}

impl Rewritten {
    pub(super) fn new(source: Source, to: LineEnds) -> Rewritten {
        Rewritten {
            source,
            rewriter: Rewriter::new(to),
            room: vec![0; HEAD_LEN],
            held: Vec::new(),
            n_given: 0,
        }
    }
}

impl Read for Rewritten {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.n_given == self.held.len() {
            self.held.clear();
            self.n_given = 0;
            let len = fill(&mut self.source, &mut self.room);
            self.rewriter.rewrite(&self.room[..len], &mut self.held);
            if len == 0 {
                self.rewriter.finish(&mut self.held);
                if self.held.is_empty() {
                    return Ok(0);
                }
            }
        }
        let n = (&self.held[self.n_given..]).read(room)?;
        self.n_given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::content::Watched, *};

    /// However the bytes come.
    #[test]
    fn line_ends_are_rewritten() {
        for (text, feeds, returns) in [
            ("a\nb\n", "a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb\r\n", "a\nb\n", "a\r\nb\r\n"),
            ("\r\r\n\n\rx\r", "\r\n\n\rx\r", "\r\r\n\r\n\rx\r"),
        ] {
            for (to, want) in [(LineEnds::Feed, feeds), (LineEnds::ReturnAndFeed, returns)] {
                for n in 1..=text.len() {
                    let (mut rewriter, mut got) = (Rewriter::new(to), Vec::new());
                    for part in text.as_bytes().chunks(n) {
                        rewriter.rewrite(part, &mut got);
                    }
                    rewriter.finish(&mut got);
                    assert_eq!(String::from_utf8_lossy(&got), want, "{text:?} {n}");
                }
                let nothing = Watched::new(Box::new(io::empty()));
                let source = Source::Plain(io::Cursor::new(text.into()).chain(nothing));
                let mut got = String::new();
                let read = Rewritten::new(source, to).read_to_string(&mut got);
                assert_eq!((read.ok(), got.as_str()), (Some(want.len()), want));
            }
        }
    }
}
