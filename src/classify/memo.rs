//! The ways of messages met last: bursts repeat the same words, and a message that is known to go the way another went need
//! not be searched for.
//!
//! What a search finds follows from the level, from whether there is a connection, and from three pieces of text: the words
//! before the first variable of the pattern, the literals behind each variable, and what stands between the last of them
//! and the tail (errno and ` while …`). A message that agrees in all of them is described alike, so recalling never
//! changes an answer; where anything is in doubt, nothing is remembered and the search decides.

use super::{
    classifier::{Meaning, Understood},
    matcher::{Matcher, Shape},
    rule,
    taxonomy::ROWS,
};
use crate::{
    event::Level,
    parse::Head,
};

/// The messages one worker met last.
#[derive(Debug, Clone)]
pub(super) struct Memo {
    buckets: Box<[Vec<Remembered>; N_BUCKETS]>,
}

/// One per level and low five bits of the first byte.
const N_BUCKETS: usize = 256;

/// Messages remembered per bucket.
const N_WAYS: usize = 16;

#[derive(Debug, Clone)]
struct Remembered {
    level: Option<Level>,
    has_connection: bool,
    opening: Opening,
    /// What the message begins with: the words before its first variable, or all up to and with `end`.
    start: Box<[u8]>,
    /// What follows `start`, if not the tail.
    variable: Option<Variable>,
    end: End,
    meaning: Meaning,
}

#[derive(Debug, Clone)]
struct Variable {
    pattern: u16,
    /// Node of the trie where `start` ends.
    node: u16,
    /// The text from the end of the pattern to the tail, and `end`.
    rest: Box<[u8]>,
}

/// What a message must be followed by, so that what is behind it has no say in where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The first key of the usual tail.
    Client,
    /// The ` in ` of configuration errors, or of a quote inside a quote.
    In,
    /// The end of the record.
    Record,
}

impl End {
    fn at(text: &[u8]) -> Option<End> {
        match text {
            [] => Some(End::Record),
            _ if text.starts_with(End::Client.text()) => Some(End::Client),
            _ if text.starts_with(End::In.text()) => Some(End::In),
            _ => None,
        }
    }

    const fn text(self) -> &'static [u8] {
        match self {
            End::Client => b", client: ",
            End::In => b" in ",
            End::Record => b"",
        }
    }
}

impl Default for Memo {
    fn default() -> Memo {
        Memo { buckets: Box::new([const { Vec::new() }; N_BUCKETS]) }
    }
}

impl Memo {
    /// What `text` means, if its way is known. Ways met often move to the front of their bucket.
    #[inline(always)] // the result is large: it should be made where it is used
    pub(super) fn recall(&mut self, matcher: &Matcher, head: &Head, text: &[u8]) -> Option<Understood> {
        let first = text.first_chunk()?;
        let ways = &mut self.buckets[bucket(head, first[0])];
        for at in 0..ways.len() {
            let way = &ways[at];
            if way.opening.fits(first)
                && way.level == head.level
                && way.has_connection == head.connection.is_some()
                && let Some(understood) = way.read(matcher, text)
            {
                if at > 0 {
                    ways.swap(at, at - 1);
                }
                return Some(understood);
            }
        }
        None
    }

    /// Remembers the way of `text`, which the search found to fit `pattern`, if the same words always mean the same.
    #[cold]
    pub(super) fn remember(
        &mut self,
        matcher: &Matcher,
        head: &Head,
        text: &[u8],
        pattern: u16,
        shape: &Shape,
        meaning: Meaning,
    ) {
        let row = &ROWS[usize::from(meaning.signature.0)];
        let is_settled = rule::is_settled(row.rule, rule::linux_errno(meaning.errno, b""), shape.rest.side(head));
        let (Some(end), Some(first)) = (End::at(&text[shape.rest.tail_at..]), text.first_chunk()) else { return };
        // At level debug nothing is a tail.
        if !is_settled || head.level == Some(Level::Debug) {
            return;
        }
        let end_at = shape.rest.tail_at + end.text().len();
        let (start, variable) = if matcher.is_literal(pattern) {
            if end == End::In || !matcher.is_first_choice(text, pattern) {
                return;
            }
            (&text[..end_at], None)
        } else {
            let Some(node) = matcher.only_choice_at(text, pattern) else { return };
            let rest = text[shape.pattern_end..end_at].into();
            (matcher.opening(pattern), Some(Variable { pattern, node, rest }))
        };
        let ways = &mut self.buckets[bucket(head, first[0])];
        ways.truncate(N_WAYS - 1);
        ways.push(Remembered {
            level: head.level,
            has_connection: head.connection.is_some(),
            opening: Opening::new(first, start.len()),
            start: start.into(),
            variable,
            end,
            meaning,
        });
    }
}

#[inline]
fn bucket(head: &Head, first: u8) -> usize {
    usize::from(first & 31) << 3 | head.level.map_or(0, |level| level as usize & 7)
}

impl Remembered {
    /// Offset of the tail of `text`, which has our opening, if it goes our way.
    #[inline(always)]
    fn read(&self, matcher: &Matcher, text: &[u8]) -> Option<Understood> {
        let behind = text.strip_prefix(&*self.start)?;
        let understood = |end_at: usize, peer| {
            (self.end != End::Record || end_at == text.len()).then(|| Understood {
                meaning: self.meaning,
                start: 0,
                tail_at: end_at - self.end.text().len(),
                peer,
            })
        };
        let Some(Variable { pattern, node, rest }) = &self.variable else {
            return understood(self.start.len(), None);
        };
        if matcher.goes_on(*node, behind) {
            return None;
        }
        let (pattern_end, peer) = matcher.find_end(*pattern, text, rest)?;
        understood(pattern_end + rest.len(), peer)
    }
}

/// The first bytes of a message, as two words: most of what is different differs here.
#[derive(Debug, Clone, Copy)]
struct Opening {
    words: [u64; 2],
    /// Bits that count.
    mask: [u64; 2],
}

impl Opening {
    /// The first `len` of `bytes`.
    fn new(bytes: &[u8; 16], len: usize) -> Opening {
        let mut kept = [0; 16];
        kept[..len.min(16)].fill(0xff);
        let (words, mask) = (words(bytes), words(&kept));
        Opening { words: [words[0] & mask[0], words[1] & mask[1]], mask }
    }

    #[inline]
    fn fits(&self, bytes: &[u8; 16]) -> bool {
        let [a, b] = words(bytes);
        a & self.mask[0] == self.words[0] && b & self.mask[1] == self.words[1]
    }
}

#[inline]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}
