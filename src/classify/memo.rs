//! The ways of messages met last: bursts repeat the same words, and a message that is known to go the way another went need
//! not be searched for.
//!
//! What a search finds follows from the level, from whether there is a connection, and from three pieces of text: the words
//! before the first variable of the pattern, the literals behind each variable, and what stands between the last of them
//! and the tail (errno and ` while …`). A message that agrees in all of them is described alike, so recalling never
//! changes an answer; where anything is in doubt, nothing is remembered and the search decides.

use super::{
    classifier::{Meaning, Understood},
    matcher::{By, Matcher, Shape, message_end, parse_rest},
    rule,
    taxonomy::ROWS,
    ways::{CLIENT, Context, Known, Ways, Words},
};
use crate::{event::Level, lines::near::begins, parse::Head};

/// The messages one worker met last.
#[derive(Debug, Clone)]
pub(super) struct Memo {
    /// By their first eight bytes and level.
    buckets: Box<[Vec<Remembered>; N_BUCKETS]>,
    /// Those of which fewer bytes are sure to be there.
    brief: Vec<Remembered>,
    /// The same messages, for records in a window.
    pub(super) ways: Ways,
}

const N_BUCKETS: usize = 256;

/// Messages remembered per bucket.
const N_WAYS: usize = 16;

impl Default for Memo {
    fn default() -> Memo {
        Memo {
            buckets: Box::new([const { Vec::new() }; N_BUCKETS]),
            brief: Vec::new(),
            ways: Ways::default(),
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
    n_met: u32,
}

#[derive(Debug, Clone)]
struct Variable {
    pattern: u16,
    /// Node of the trie where `start` ends, if others begin with it.
    node: Option<u16>,
    /// The text from the end of the pattern to the tail, and `end`.
    rest: Box<[u8]>,
    /// For a pattern of one variable that a quote ends: the text from that quote to the end of `rest`, and how much of it is
    /// the pattern's.
    closing: Option<(Box<[u8]>, usize)>,
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
            End::Client => CLIENT,
            End::Record => b"",
        }
    }
}

impl Memo {
    /// What the text means, if its way is known. Ways met often come first in their bucket.
    #[inline(always)] // the result is large: it should be made where it is used
    pub(super) fn recall(
        &mut self,
        matcher: &Matcher,
        head: &Head,
        text: &[u8],
    ) -> Option<Understood> {
        let words = words(text);
        let ways = &mut self.buckets[bucket(head, words[0])];
        match recall(ways, words, matcher, head, text) {
            Some(understood) => Some(understood),
            None => recall(&mut self.brief, words, matcher, head, text),
        }
    }

    /// Remembers the way of `text`, which the search understood as it says, if the same words always mean the same.
    #[cold]
    pub(super) fn remember(
        &mut self,
        matcher: &Matcher,
        head: &Head,
        text: &[u8],
        by: By,
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
        // At level debug nothing is a tail.
        if !is_settled || head.level == Some(Level::Debug) {
            return;
        }
        if self.ways.is_full() {
            *self = Memo::default();
        }
        let end_at = shape.rest.tail_at + end.text().len();
        // Only records of connections have a tail in a window.
        if let Some(level) = head.level
            && (head.connection.is_some() || end == End::Record)
            && let Some(words) = words_of(matcher, text, by, shape, end_at)
        {
            let context = Context {
                level,
                has_connection: head.connection.is_some(),
            };
            let ends_record = end == End::Record;
            self.ways.add(&Known {
                context,
                ends_record,
                meaning,
                words,
            });
        }
        // A way may be known already to a search that did not ask.
        if self.recall(matcher, head, text).is_some() {
            return;
        }
        let Some(way) = Remembered::new(matcher, head, text, by, shape, (end, end_at), meaning)
        else {
            return;
        };
        let ways = if way.start.len() < 8 {
            &mut self.brief
        } else {
            &mut self.buckets[bucket(head, words(text)[0])]
        };
        ways.truncate(N_WAYS - 1);
        ways.push(way);
    }
}

/// The words by which a message like `text[..end_at]` is sure to be found as this one was; `None` if no words are.
fn words_of<'t>(
    matcher: &'t Matcher,
    text: &'t [u8],
    by: By,
    shape: &Shape,
    end_at: usize,
) -> Option<Words<'t>> {
    let whole = Words {
        start: &text[..end_at],
        ..Words::default()
    };
    let pattern = match by {
        By::Anchored(pattern) if !matcher.is_literal(pattern) => pattern,
        _ => return is_sure(matcher, text, by, shape).then_some(whole),
    };
    let closings = matcher.closings(pattern);
    let (node, is_only) = match matcher.only_choice_at(text, pattern) {
        Some(node) => (node, true),
        None => {
            let closing_at = shape.pattern_end - closings.last()?.len();
            (matcher.choice_by_quotes(text, pattern, closing_at)?, false)
        }
    };
    Some(Words {
        start: matcher.opening(pattern),
        node: matcher.has_children(node).then_some(node),
        closings,
        names_peer: matcher.names_peer(pattern),
        rest: &text[shape.pattern_end..end_at],
        is_only,
    })
}

/// Whether what begins with all of this message and what ends it is sure to be found as it was.
fn is_sure(matcher: &Matcher, text: &[u8], by: By, shape: &Shape) -> bool {
    match by {
        By::Cut => false,
        // What begins like no pattern is looked at only up to its action or tail: all of that is known, or nothing.
        By::Floating => shape.pattern_end == message_end(text) && matcher.begins_none(text),
        By::Anchored(pattern) => {
            matcher.is_literal(pattern) && matcher.is_first_choice(text, pattern)
        }
    }
}

/// The first of `ways` that the text goes.
#[inline(always)]
fn recall(
    ways: &mut [Remembered],
    words: [u64; 3],
    matcher: &Matcher,
    head: &Head,
    text: &[u8],
) -> Option<Understood> {
    for at in 0..ways.len() {
        let way = &mut ways[at];
        if way.glance.fits(words)
            && way.level == head.level
            && way.has_connection == head.connection.is_some()
            && let Some(understood) = way.read(matcher, text)
        {
            way.n_met += 1;
            if at > 0 && ways[at].n_met > ways[at - 1].n_met {
                ways.swap(at, at - 1);
            }
            return Some(understood);
        }
    }
    None
}

#[inline]
fn bucket(head: &Head, first_word: u64) -> usize {
    let level = head.level.map_or(0, |level| level as u64 + 1);
    ((first_word ^ level).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

impl Remembered {
    /// The way of `text`, whose message ends at `end`; `None` if its words may mean something else.
    fn new(
        matcher: &Matcher,
        head: &Head,
        text: &[u8],
        by: By,
        shape: &Shape,
        (end, end_at): (End, usize),
        meaning: Meaning,
    ) -> Option<Remembered> {
        let (start, variable) = match by {
            By::Anchored(pattern) if !matcher.is_literal(pattern) => {
                let node = matcher.only_choice_at(text, pattern)?;
                let rest: Box<[u8]> = text[shape.pattern_end..end_at].into();
                let variable = Variable {
                    pattern,
                    node: matcher.has_children(node).then_some(node),
                    closing: matcher
                        .closing_quote(pattern)
                        .map(|literal| ([literal, &rest].concat().into(), literal.len())),
                    rest,
                };
                (matcher.opening(pattern), Some(variable))
            }
            _ if is_sure(matcher, text, by, shape) => (&text[..end_at], None),
            _ => return None,
        };
        Some(Remembered {
            level: head.level,
            has_connection: head.connection.is_some(),
            glance: Glance::new(words(text), start.len()),
            start: start.into(),
            variable,
            end,
            meaning,
            n_met: 0,
        })
    }

    /// What the text means, if it goes our way.
    #[inline(always)]
    fn read(&self, matcher: &Matcher, text: &[u8]) -> Option<Understood> {
        if !begins(text, &self.start) {
            return None;
        }
        let from = self.start.len();
        let (end_at, peer) = match &self.variable {
            None => (from, None),
            Some(variable) if variable.goes_on(matcher, &text[from..]) => return None,
            Some(Variable {
                closing: Some((closing, len)),
                ..
            }) => (find_closing(text, from, closing, *len)?, None),
            Some(Variable { pattern, rest, .. }) => {
                let (pattern_end, peer) = matcher.find_end(*pattern, text, rest)?;
                (pattern_end + rest.len(), peer)
            }
        };
        (self.end == End::Client || end_at == text.len()).then(|| Understood {
            meaning: self.meaning,
            start: 0,
            tail_at: end_at - self.end.text().len(),
            peer,
        })
    }
}

impl Variable {
    #[inline(always)]
    fn goes_on(&self, matcher: &Matcher, behind: &[u8]) -> bool {
        self.node.is_some_and(|node| matcher.goes_on(node, behind))
    }
}

/// Where `closing`, which begins with a quote, ends behind `from`, if it stands at the place that a search would choose:
/// at the first where the literal of its first `len` bytes does, and something that may follow it.
#[inline(always)]
fn find_closing(text: &[u8], from: usize, closing: &[u8], len: usize) -> Option<usize> {
    let first = quote(text, from);
    if begins(&text[first..], closing) {
        return Some(first + closing.len());
    }
    find_later_closing(text, first, closing, len)
}

/// Like [`find_closing`], behind the quotes of the variable itself.
#[inline(never)]
fn find_later_closing(text: &[u8], mut at: usize, closing: &[u8], len: usize) -> Option<usize> {
    while at < text.len() {
        if begins(&text[at..], closing) {
            return Some(at + closing.len());
        }
        if text[at..].starts_with(&closing[..len]) && parse_rest(text, at + len).is_some() {
            return None;
        }
        at = quote(text, at + 1);
    }
    None
}

/// The first quote at or behind `from`; the length of the text if there is none.
fn quote(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    memchr::memchr(b'"', rest).map_or(text.len(), |found| from + found)
}

/// Three words of a message, at its start and further on: most of what is different differs in one of them, and they are
/// quicker to compare than texts.
#[derive(Debug, Clone, Copy)]
struct Glance {
    words: [u64; 3],
    /// Bits that count.
    mask: [u64; 3],
}

/// Where the words stand: messages that begin alike go apart in `upstream timed out (110: …) while reading response header …`
/// and its like behind `while rea`.
const PLACES: [usize; 3] = [0, 8, 56];

impl Glance {
    /// Of the first `len` bytes of a text with these `words`.
    fn new(words: [u64; 3], len: usize) -> Glance {
        let mask = PLACES.map(|at| match len.saturating_sub(at) {
            n @ 0..8 => (1 << (8 * n)) - 1,
            _ => u64::MAX,
        });
        let mut words = words;
        for (word, mask) in words.iter_mut().zip(mask) {
            *word &= mask;
        }
        Glance { words, mask }
    }

    #[inline(always)]
    fn fits(&self, words: [u64; 3]) -> bool {
        let differs = |at: usize| (words[at] ^ self.words[at]) & self.mask[at];
        differs(0) | differs(1) | differs(2) == 0
    }
}

/// The words of `text` that a [`Glance`] compares; 0 for one that it is too short for.
#[inline(always)]
fn words(text: &[u8]) -> [u64; 3] {
    PLACES.map(|at| {
        let word = text.get(at..).and_then(|rest| rest.first_chunk());
        word.map_or(0, |word| u64::from_le_bytes(*word))
    })
}
