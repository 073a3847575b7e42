//! Text in UTF-16 with a byte-order mark, as PowerShell's `Get-Content error.log > copy.log` writes it, as UTF-8 without one.
//! encoding_rs decodes. What is no character becomes U+FFFD, and the first of those is told.

use super::{
    Trouble,
    container::Container,
    feed::{Below, Edge, Feed, Step},
};
use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};

pub(super) struct Utf16 {
    encoding: &'static Encoding,
    decoder: Decoder,
    /// Decoded bytes that wait are `room[start..end]`.
    room: Vec<u8>,
    start: usize,
    end: usize,
    /// Nothing was read yet, or bytes are missing before what follows: which of two bytes is the first is not certain.
    is_adrift: bool,
    is_told: bool,
    /// The decoder was told that nothing follows.
    has_ended: bool,
}

pub(super) const MARK_LE: &[u8] = b"\xff\xfe";
pub(super) const MARK_BE: &[u8] = b"\xfe\xff";

/// Bytes decoded at once.
const ROOM_LEN: usize = 64 << 10;

/// Bytes looked at to see which of two is the first.
const SAMPLE_LEN: usize = 512;

/// Whether `head` is the start of a text in UTF-16 and most of it ASCII, as logs are; a mark alone is an empty text.
pub(super) fn recognise(head: &[u8]) -> Option<Container> {
    let (zero_at, container) = if head.starts_with(MARK_LE) {
        (1, Container::Utf16Le)
    } else if head.starts_with(MARK_BE) {
        (0, Container::Utf16Be)
    } else {
        return None;
    };
    let (pairs, _) = head[2..].as_chunks::<2>();
    let is_ascii = |pair: &&[u8; 2]| pair[zero_at] == 0 && pair[1 - zero_at] != 0;
    let n_ascii = pairs.iter().filter(is_ascii).count();
    (n_ascii * 4 >= pairs.len() * 3).then_some(container)
}

impl Utf16 {
    /// `None`: that is no text.
    pub(super) fn new(container: Container) -> Option<Utf16> {
        let encoding = match container {
            Container::Utf16Be => UTF_16BE,
            Container::Utf16Le => UTF_16LE,
            _ => return None,
        };
        Some(Utf16 {
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            room: Vec::new(),
            start: 0,
            end: 0,
            is_adrift: false,
            is_told: false,
            has_ended: false,
        })
    }

    pub(super) fn pull(&mut self, feed: &mut Feed, below: &mut Below<'_>, out: &mut [u8]) -> Step {
        while self.start == self.end {
            if self.is_adrift {
                self.align(feed, below);
            }
            let is_end = feed.chunk(below).is_empty();
            if is_end && self.has_ended {
                if feed.edge() == Edge::End {
                    return Step::End;
                }
                feed.pass_seam();
                self.decoder = self.encoding.new_decoder_without_bom_handling();
                (self.has_ended, self.is_adrift) = (false, true);
                return Step::Seam;
            }
            self.decode(feed, below, is_end);
        }
        let n = out.len().min(self.end - self.start);
        out[..n].copy_from_slice(&self.room[self.start..self.start + n]);
        self.start += n;
        Step::Bytes(n)
    }

    /// Decodes the next bytes, or what is left at an edge.
    fn decode(&mut self, feed: &mut Feed, below: &mut Below<'_>, is_end: bool) {
        self.room.resize(ROOM_LEN, 0);
        let chunk = feed.chunk(below);
        let (result, n_in, n_out, is_bad) =
            self.decoder.decode_to_utf8(chunk, &mut self.room, is_end);
        let at = feed.offset;
        feed.consume(below, n_in);
        (self.start, self.end) = (0, n_out);
        self.has_ended = is_end && result == encoding_rs::CoderResult::InputEmpty;
        if is_bad && !self.is_told {
            self.is_told = true;
            let trouble = if is_end {
                Trouble::Truncated { n_missing: None }
            } else {
                Trouble::Corrupt("not all of it is UTF-16".into())
            };
            feed.report(below, trouble, at, None, None);
        }
    }

    /// Bytes are missing, perhaps an odd number: the zeros of ASCII tell which of two is the first.
    fn align(&mut self, feed: &mut Feed, below: &mut Below<'_>) {
        self.is_adrift = false;
        let sample = feed.peek(below, SAMPLE_LEN);
        let (pairs, _) = sample[..sample.len().min(SAMPLE_LEN)].as_chunks::<2>();
        let n_zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
        let is_even = match self.encoding == UTF_16LE {
            true => n_zeros(1) >= n_zeros(0),
            false => n_zeros(0) >= n_zeros(1),
        };
        if !is_even {
            feed.skip(below, 1);
        }
    }
}
