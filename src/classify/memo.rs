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
use crate::{event::Level, parse::Head};

/// The messages one worker met last.
#[derive(Debug, Clone)]
pub(super) struct Memo {
    buckets: Box<[Vec<Remembered>; N_BUCKETS]>,
}

/// One per level and low five bits of the first byte.
const N_BUCKETS: usize = 256;

/// Messages remembered per bucket.
const N_WAYS: usize = 16;

impl Default for Memo {
    fn default() -> Memo {
        Memo {
            buckets: Box::new([const { Vec::new() }; N_BUCKETS]),
        }
    }
}

#[derive(Debug, Clone)]
struct Remembered {
    level: Option<Level>,
    has_connection: bool,
    glance: Glance,
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
    /// The end of the record.
    Record,
}

impl End {
    fn at(text: &[u8]) -> Option<End> {
        match text {
            [] => Some(End::Record),
            _ if text.starts_with(End::Client.text()) => Some(End::Client),
            _ => None,
        }
    }

    const fn text(self) -> &'static [u8] {
        match self {
            End::Client => b", client: ",
            End::Record => b"",
        }
    }
}

impl Memo {
    /// What `text` means, if its way is known. Ways met often move to the front of their bucket.
    #[inline(always)] // the result is large: it should be made where it is used
    pub(super) fn recall(
        &mut self,
        matcher: &Matcher,
        head: &Head,
        text: &[u8],
    ) -> Option<Understood> {
        let words = words(text);
        let ways = &mut self.buckets[bucket(head, words[0])];
        for at in 0..ways.len() {
            let way = &ways[at];
            if way.glance.fits(words)
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
        let is_settled = rule::is_settled(
            row.rule,
            rule::linux_errno(meaning.errno, b""),
            shape.rest.side(head),
        );
        let Some(end) = End::at(&text[shape.rest.tail_at..]) else {
            return;
        };
        // At level debug nothing is a tail. A way may be known already to a search that did not ask.
        if !is_settled
            || head.level == Some(Level::Debug)
            || self.recall(matcher, head, text).is_some()
        {
            return;
        }
        let end_at = shape.rest.tail_at + end.text().len();
        let (start, variable) = if matcher.is_literal(pattern) {
            if !matcher.is_first_choice(text, pattern) {
                return;
            }
            (&text[..end_at], None)
        } else {
            let Some(node) = matcher.only_choice_at(text, pattern) else {
                return;
            };
            let rest = text[shape.pattern_end..end_at].into();
            (
                matcher.opening(pattern),
                Some(Variable {
                    pattern,
                    node,
                    rest,
                }),
            )
        };
        let words = words(text);
        let ways = &mut self.buckets[bucket(head, words[0])];
        ways.truncate(N_WAYS - 1);
        ways.push(Remembered {
            level: head.level,
            has_connection: head.connection.is_some(),
            glance: Glance::new(words, start.len()),
            start: start.into(),
            variable,
            end,
            meaning,
        });
    }
}

#[inline]
fn bucket(head: &Head, first_word: u64) -> usize {
    (first_word as usize & 31) << 3 | head.level.map_or(0, |level| level as usize & 7)
}

impl Remembered {
    /// What `text` means, if it goes our way.
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
        let Some(Variable {
            pattern,
            node,
            rest,
        }) = &self.variable
        else {
            return understood(self.start.len(), None);
        };
        if matcher.goes_on(*node, behind) {
            return None;
        }
        let (pattern_end, peer) = matcher.find_end(*pattern, text, rest)?;
        understood(pattern_end + rest.len(), peer)
    }
}

/// Two words of a message, at its start and at [`FAR`]: most of what is different differs in one of them, and they are
/// quicker to compare than texts.
#[derive(Debug, Clone, Copy)]
struct Glance {
    words: [u64; 2],
    /// Bits that count.
    mask: [u64; 2],
}

/// Where messages that begin alike go apart: in `upstream timed out (110: …) while reading response header …` and its
/// like behind `while rea`.
const FAR: usize = 56;

impl Glance {
    /// Of the first `len` bytes of `text`, of which the words are `words`.
    fn new(words: [u64; 2], len: usize) -> Glance {
        let mask = [0, FAR].map(|at| match len.saturating_sub(at) {
            n @ 0..8 => (1 << (8 * n)) - 1,
            _ => u64::MAX,
        });
        Glance {
            words: [words[0] & mask[0], words[1] & mask[1]],
            mask,
        }
    }

    #[inline]
    fn fits(&self, [near, far]: [u64; 2]) -> bool {
        near & self.mask[0] == self.words[0] && far & self.mask[1] == self.words[1]
    }
}

/// The words of `text` that a [`Glance`] compares; 0 for one that it is too short for.
#[inline(always)]
fn words(text: &[u8]) -> [u64; 2] {
    [0, FAR].map(|at| {
        let word = text.get(at..).and_then(|rest| rest.first_chunk());
        word.map_or(0, |word| u64::from_le_bytes(*word))
    })
}
