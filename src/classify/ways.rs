//! The [`memo`](super::memo) for records in a window: the same messages, laid out so that one is recognized by comparing blocks.
//!
//! What may be recalled is decided by `memo`, and so is why; a way that does not fit into this layout is not kept here.

use super::{classifier::Meaning, matcher::Matcher};
use crate::{
    event::Level,
    lines::{
        Cpu, Window,
        marks::BLOCK_LEN,
        near::{find_near, find_text_near},
    },
    parse::forged::OWN_QUOTED,
};
use memchr::memchr;

/// Ways of messages, found by their first words.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// The first is none.
    ways: Vec<Way>,
    /// First way of each slot, 0 for none: of those that begin with [`LONG_LEN`] known bytes, and of the others.
    long: Box<[u16; N_LONG]>,
    short: [u16; N_SHORT],
    /// First of the ways that begin with less than [`SHORT_LEN`] bytes.
    brief: u16,
    /// Ways that were found behind others of their slot.
    n_later: u32,
}

/// Slots, powers of two. What begins with fewer known bytes has some of its own in the place of the others, and most often
/// comes to a slot of `long` that none has.
const N_LONG: usize = 1 << 12;
const N_SHORT: usize = 1 << 8;

/// One in so many ways that were found behind others is put before them, so that those met often come first and those that
/// alternate are left alone.
const LATER_PER_MOVE: u32 = 16;

/// Ways kept, many more than a log usually has; past it all are forgotten, and learned again.
const N_WAYS_MAX: usize = 1 << 9;

/// Bytes a slot is chosen by: messages that begin alike go apart in `upstream timed out (110: …) while reading response header
/// from upstream` and its like behind `while rea`.
const LONG_LEN: usize = 64;
const SHORT_LEN: usize = 8;

/// What has a say in what a message means, but for its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    pub level: Level,
    pub has_connection: bool,
}

impl Context {
    #[inline(always)]
    fn number(self) -> u64 {
        self.level as u64 | u64::from(self.has_connection) << 8
    }
}

/// How a message is known.
#[derive(Debug, Clone)]
pub(super) struct Way {
    context: Context,
    /// Whether the record ends with the message; else `, client: ` follows, and is part of the text below.
    pub ends_record: bool,
    pub meaning: Meaning,
    foreign: Foreign,
    start: Start,
    variables: Option<Variables>,
    /// The next way of the slot, or 0.
    next: u16,
}

/// What the message begins with.
#[derive(Debug, Clone, PartialEq)]
struct Start {
    blocks: [[u8; BLOCK_LEN]; N_BLOCKS],
    masks: [u64; N_BLOCKS],
    len: usize,
}

const N_BLOCKS: usize = 3;

/// What follows the start, if not the tail.
#[derive(Debug, Clone, PartialEq)]
struct Variables {
    /// Node of the trie where the start ends, if words of other patterns begin with it.
    node: Option<u16>,
    /// The literals behind all variables but the last.
    between: Box<[Box<[u8]>]>,
    /// The literal behind the last, if there is one, and all that follows it up to the tail, and with it.
    closing: [[u8; BLOCK_LEN]; N_CLOSING_BLOCKS],
    masks: [u64; N_CLOSING_BLOCKS],
    len: usize,
    /// At most a block.
    literal_len: usize,
    /// See [`Words`].
    names_peer: bool,
    is_only: bool,
}

const N_CLOSING_BLOCKS: usize = 2;

/// A message that was recalled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recalled {
    pub meaning: Meaning,
    /// Where the message ends and the tail begins.
    pub message_end: usize,
    /// Where the client's address begins; `None`: the record ends with the message.
    pub client: Option<usize>,
    /// The message itself names an address, which counts where the tail has none.
    pub names_peer: bool,
    pub foreign: Foreign,
}

/// Whether a client or an application may have written a part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// What is not nginx's own words is a number, an address, or a name that the configuration gives.
    Never,
    /// If there is a quote in it, which its words have not.
    IfQuoted,
    /// Its words have a quote, or it is an application's.
    Always,
}

/// What [`Ways::add`] is told about a message.
pub(super) struct Known<'a> {
    pub context: Context,
    pub ends_record: bool,
    pub meaning: Meaning,
    pub words: Words<'a>,
}

/// The words of a message.
#[derive(Default)]
pub(super) struct Words<'a> {
    /// Those before the first variable, or all of the message.
    pub start: &'a [u8],
    pub node: Option<u16>,
    /// The literal behind each variable; an empty one behind a variable at the end.
    pub closings: Vec<&'a [u8]>,
    /// One of the variables is an address.
    pub names_peer: bool,
    /// What follows the last of the closings.
    pub rest: &'a [u8],
    /// No other pattern begins like this one; else the others go on with a quote and a blank.
    pub is_only: bool,
}

impl Words<'_> {
    fn foreign(&self) -> Foreign {
        let mut texts = [self.start]
            .into_iter()
            .chain(self.closings.iter().copied());
        let first_quoted = texts.find_map(|text| Some(&text[..memchr(b'"', text)?]));
        match first_quoted {
            _ if self.start.starts_with(b"[lua]") => Foreign::Always,
            Some(before) if before.ends_with(OWN_QUOTED) => Foreign::Never,
            Some(_) => Foreign::Always,
            None if self.closings.is_empty() => Foreign::Never,
            None => Foreign::IfQuoted,
        }
    }
}

/// Text that follows a message that has no tail.
pub(super) const CLIENT: &[u8] = b", client: ";

impl Default for Ways {
    fn default() -> Ways {
        Ways {
            ways: vec![Way::none()],
            long: Box::new([0; N_LONG]),
            short: [0; N_SHORT],
            brief: 0,
            n_later: 0,
        }
    }
}

impl Ways {
    pub(super) fn is_full(&self) -> bool {
        self.ways.len() >= N_WAYS_MAX
    }

    /// The way of the message at `at`, in a record that ends before the newline at `end`.
    #[inline(always)]
    pub(super) fn recall(
        &mut self,
        cpu: impl Cpu,
        matcher: &Matcher,
        window: Window<'_>,
        context: Context,
        (at, end): (usize, usize),
    ) -> Option<Recalled> {
        let words = [0, 8, 56].map(|behind| window.word(at + behind));
        let firsts = [
            self.long[long_slot(context, words)],
            self.short[short_slot(context, words[0])],
            self.brief,
        ];
        // Most often the first way there is is the way, and no branch depends on which it is.
        let [long, short, brief] = firsts;
        let likely = if short != 0 { short } else { brief };
        let likely = if long != 0 { long } else { likely };
        let (mut number, mut later) = (likely, firsts.into_iter());
        loop {
            let way = self.ways.get(usize::from(number))?;
            if let Some(recalled) = way.read(cpu, matcher, window, context, (at, end)) {
                if number != likely {
                    self.n_later = self.n_later.wrapping_add(1);
                    if self.n_later.is_multiple_of(LATER_PER_MOVE) {
                        self.put_first(number, context, words);
                    }
                }
                return Some(recalled);
            }
            number = way.next;
            while number == 0 {
                number = later.next()?;
            }
        }
    }

    /// Puts a way before the others of its slot.
    #[cold]
    fn put_first(&mut self, number: u16, context: Context, words: [u64; 3]) {
        let Ways {
            ways,
            long,
            short,
            brief,
            ..
        } = self;
        let slots = [
            &mut long[long_slot(context, words)],
            &mut short[short_slot(context, words[0])],
            brief,
        ];
        for first in slots {
            let mut before = *first;
            while before != 0 && before != number {
                let next = ways[usize::from(before)].next;
                if next == number {
                    ways[usize::from(before)].next = ways[usize::from(number)].next;
                    ways[usize::from(number)].next = std::mem::replace(first, number);
                    return;
                }
                before = next;
            }
        }
    }

    /// Adds a way that is not yet known, if it fits.
    #[cold]
    pub(super) fn add(&mut self, known: &Known<'_>) {
        let Some(mut way) = Way::new(known) else {
            return;
        };
        if self.ways.iter().any(|known| known.is_same(&way)) {
            return;
        }
        let words = way.start.words();
        let first = if known.words.start.len() >= LONG_LEN {
            &mut self.long[long_slot(known.context, words)]
        } else if known.words.start.len() < SHORT_LEN {
            &mut self.brief
        } else {
            &mut self.short[short_slot(known.context, words[0])]
        };
        way.next = std::mem::replace(first, self.ways.len() as u16);
        self.ways.push(way);
    }
}

#[inline(always)]
fn short_slot(context: Context, first: u64) -> usize {
    mixed(first ^ context.number()) % N_SHORT
}

#[inline(always)]
fn long_slot(context: Context, [first, second, far]: [u64; 3]) -> usize {
    let words = first ^ second.rotate_left(21) ^ far.rotate_left(42);
    mixed(words ^ context.number()) % N_LONG
}

#[inline(always)]
fn mixed(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

impl Way {
    fn none() -> Way {
        let meaning = Meaning::none();
        Way {
            context: Context {
                level: Level::Debug,
                has_connection: false,
            },
            ends_record: false,
            meaning,
            foreign: Foreign::Never,
            start: Start {
                blocks: [[0; BLOCK_LEN]; N_BLOCKS],
                masks: [0; N_BLOCKS],
                len: 0,
            },
            variables: None,
            next: 0,
        }
    }

    fn new(known: &Known<'_>) -> Option<Way> {
        let Words {
            start,
            closings,
            rest,
            ..
        } = &known.words;
        let len = start.len();
        let is_flat = !start.contains(&b'\n') && !rest.contains(&b'\n');
        if !(1..=N_BLOCKS * BLOCK_LEN).contains(&len) || !is_flat {
            return None;
        }
        let mut blocks = [[0; BLOCK_LEN]; N_BLOCKS];
        blocks.as_flattened_mut()[..len].copy_from_slice(start);
        let masks = masks(len);
        let variables = match closings.split_last() {
            None => None,
            Some((last, between)) => Some(Variables::new(&known.words, last, between)?),
        };
        Some(Way {
            context: known.context,
            ends_record: known.ends_record,
            meaning: known.meaning,
            foreign: known.words.foreign(),
            start: Start { blocks, masks, len },
            variables,
            next: 0,
        })
    }

    /// Whether both are known by the same text.
    fn is_same(&self, other: &Way) -> bool {
        self.context == other.context
            && self.ends_record == other.ends_record
            && self.start == other.start
            && self.variables == other.variables
    }

    /// What the message at `at` means, if it goes this way.
    #[inline(always)]
    fn read(
        &self,
        cpu: impl Cpu,
        matcher: &Matcher,
        window: Window<'_>,
        context: Context,
        (at, end): (usize, usize),
    ) -> Option<Recalled> {
        if self.context != context || !self.start.is_at(cpu, window, at) {
            return None;
        }
        let text_end = self.text_end(cpu, matcher, window, (at, end))?;
        (!self.ends_record || text_end == end).then(|| self.recalled(text_end))
    }

    /// Where the known text ends, if the message goes this way behind its start.
    #[inline(always)]
    fn text_end(
        &self,
        cpu: impl Cpu,
        matcher: &Matcher,
        window: Window<'_>,
        (at, end): (usize, usize),
    ) -> Option<usize> {
        let mut from = at + self.start.len;
        let Some(variables) = &self.variables else {
            return Some(from);
        };
        if variables
            .node
            .is_some_and(|node| matcher.goes_on(node, window.slice(from, end)))
        {
            return None;
        }
        for literal in &variables.between {
            from += find_text_near(literal, window.slice(from, end))? + literal.len();
        }
        if variables.literal_len == 0 {
            return variables.trailing_end(cpu, window, (from, end));
        }
        loop {
            let closing = window.find(cpu, variables.closing[0][0], from, end);
            if closing == end {
                return None;
            }
            let [differs, later] = variables.differs(cpu, window, closing);
            if differs | later == 0 {
                let is_it = variables.is_only
                    || are_plain(cpu, window, (at + self.start.len, end), closing);
                return is_it.then_some(closing + variables.len);
            }
            // A search would stop here if what follows the literal could end a message.
            let behind = closing + variables.literal_len;
            if differs.trailing_zeros() as usize >= variables.literal_len
                && may_end_message(cpu, window, behind, end)
            {
                return None;
            }
            from = closing + 1;
        }
    }

    #[inline(always)]
    fn recalled(&self, text_end: usize) -> Recalled {
        let (message_end, client) = if self.ends_record {
            (text_end, None)
        } else {
            (text_end - CLIENT.len(), Some(text_end))
        };
        Recalled {
            meaning: self.meaning,
            message_end,
            client,
            names_peer: self.variables.as_ref().is_some_and(|it| it.names_peer),
            foreign: self.foreign,
        }
    }
}

/// Whether a message that ends at `at` can go on with errno, ` while …`, a tail or nothing: `false` only where
/// [`parse_rest`](super::matcher::parse_rest) finds none of them.
#[inline(always)]
fn may_end_message(cpu: impl Cpu, window: Window<'_>, at: usize, end: usize) -> bool {
    match [window.byte(at), window.byte(at + 1)] {
        // ` in FILE:LINE` holds no quote.
        [b' ', b'i'] => window.find(cpu, b'"', at, end) == end,
        [b' ', next] => matches!(next, b'(' | b'w' | b'\n'),
        [byte, _] => matches!(byte, b',' | b'.' | b'\r' | b'\n'),
    }
}

/// Whether no quote between `from` and `end` but that at `known` has a blank behind it.
fn are_plain(cpu: impl Cpu, window: Window<'_>, (from, end): (usize, usize), known: usize) -> bool {
    let mut quote = window.find(cpu, b'"', from, end);
    while quote < end && (quote == known || window.byte(quote + 1) != b' ') {
        quote = window.find(cpu, b'"', quote + 1, end);
    }
    quote == end
}

impl Start {
    #[inline(always)]
    fn is_at(&self, cpu: impl Cpu, window: Window<'_>, at: usize) -> bool {
        let differs = [
            cpu.differs(window.block(at, 0), &self.blocks[0]) & self.masks[0],
            cpu.differs(window.block(at, 1), &self.blocks[1]) & self.masks[1],
            cpu.differs(window.block(at, 2), &self.blocks[2]) & self.masks[2],
        ];
        differs[0] | differs[1] | differs[2] == 0
    }

    /// The words a slot is chosen by; of a short start only the first counts.
    fn words(&self) -> [u64; 3] {
        let (words, _) = self.blocks[0].as_chunks();
        [0, 1, 7].map(|at| u64::from_le_bytes(words[at]))
    }
}

impl Variables {
    fn new(words: &Words<'_>, last: &[u8], between: &[&[u8]]) -> Option<Variables> {
        if last.is_empty() && !words.is_only {
            return None; // a pattern with a quote could be found behind it
        }
        if last.len() > BLOCK_LEN {
            return None;
        }
        let text = [last, words.rest].concat();
        let mut closing = [[0; BLOCK_LEN]; N_CLOSING_BLOCKS];
        let room = closing.as_flattened_mut().get_mut(..text.len());
        room?.copy_from_slice(&text);
        Some(Variables {
            node: words.node,
            between: between.iter().map(|&literal| literal.into()).collect(),
            closing,
            masks: masks(text.len()),
            len: text.len(),
            literal_len: last.len(),
            names_peer: words.names_peer,
            is_only: words.is_only,
        })
    }

    #[inline(always)]
    fn differs(&self, cpu: impl Cpu, window: Window<'_>, at: usize) -> [u64; N_CLOSING_BLOCKS] {
        [
            cpu.differs(window.block(at, 0), &self.closing[0]) & self.masks[0],
            cpu.differs(window.block(at, 1), &self.closing[1]) & self.masks[1],
        ]
    }

    /// Where the known text ends behind a variable that nothing of the pattern's own follows: it goes on to ` while …` and the
    /// tail, or to the tail, in which case a blank in it could begin a ` while …`.
    #[inline(always)]
    fn trailing_end(
        &self,
        cpu: impl Cpu,
        window: Window<'_>,
        (from, end): (usize, usize),
    ) -> Option<usize> {
        let tail = window.find(cpu, b',', from, end);
        let action_len = self.len.checked_sub(CLIENT.len())?;
        let action = tail
            .checked_sub(action_len)
            .filter(|&action| action >= from)?;
        let is_it = self.differs(cpu, window, action) == [0, 0]
            && (action_len > 0 || find_near(b' ', window.slice(from, tail)).is_none());
        is_it.then_some(tail + CLIENT.len())
    }
}

/// A bit for each of the first `len` bytes of so many blocks.
fn masks<const N: usize>(len: usize) -> [u64; N] {
    std::array::from_fn(|block| match len.saturating_sub(block * BLOCK_LEN) {
        len @ 0..BLOCK_LEN => (1 << len) - 1,
        _ => u64::MAX,
    })
}
