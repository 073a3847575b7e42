//! Message in, meaning out.

use super::{
    errno,
    matcher::{Matcher, Rest, Scratch, Shape, message_end, parse_rest},
    rule::{self, Circumstances},
    taxonomy::{ROWS, Row, Rule},
};
use crate::{
    event::{Category, Level, Phase, Severity, Signature},
    parse::{Head, Side, Tail, action, tail, upstream},
};

/// A record that is understood. Slices are of the record's text.
#[derive(Clone, Copy, Debug)]
pub struct Classified<'a> {
    pub signature: Signature,
    pub category: Category,
    pub phase: Phase,
    pub severity: Severity,
    /// As written; 0: none.
    pub errno: u32,
    /// The peer, or the group where none was chosen.
    pub upstream: Option<&'a [u8]>,
    /// Message, errno and ` while …`: the text before the tail.
    pub message: &'a [u8],
    pub tail: Tail<'a>,
}

/// The compiled taxonomy; shared by all workers, each of which brings a [`Searcher`].
#[derive(Debug)]
pub struct Classifier {
    matcher: Matcher,
}

/// What one worker needs of its own: room to search, and the messages it met last.
#[derive(Debug, Clone)]
pub struct Searcher {
    scratch: Scratch,
    memo: Memo,
}

impl Default for Classifier {
    fn default() -> Classifier {
        Classifier {
            matcher: Matcher::new(),
        }
    }
}

impl Classifier {
    pub fn searcher(&self) -> Searcher {
        Searcher {
            scratch: self.matcher.scratch(),
            memo: Memo::default(),
        }
    }

    /// Classifies the text behind `head`: message and tail of one record, which may span lines.
    #[inline]
    pub fn classify<'a>(&self, searcher: &mut Searcher, head: &Head, text: &'a [u8]) -> Classified<'a> {
        match searcher.memo.recall(head, text) {
            Some(known) => known.describe(text),
            None => self.search(searcher, head, text),
        }
    }

    /// Classifies without looking at what was met before.
    pub fn search<'a>(&self, searcher: &mut Searcher, head: &Head, text: &'a [u8]) -> Classified<'a> {
        let accepts = |row: u16, shape: &Shape| holds(&ROWS[usize::from(row)], head, &shape.rest);
        match self.matcher.find(&mut searcher.scratch, text, accepts) {
            Some((row, shape)) => {
                let classified = describe(row, shape, head, text);
                searcher.memo.remember(head, text, &shape.rest, &classified);
                classified
            }
            None => self
                .classify_marked(searcher, head, text)
                .unwrap_or_else(|| describe_unknown(head, text)),
        }
    }

    /// Messages copied by people: a capital first letter, or marks such as `**` before it.
    #[cold]
    fn classify_marked<'a>(
        &self,
        searcher: &mut Searcher,
        head: &Head,
        text: &'a [u8],
    ) -> Option<Classified<'a>> {
        let marks = text.iter().take_while(|b| b"*_`'>".contains(b)).count();
        if marks > 0 {
            return self.recognize(searcher, head, &text[marks..]);
        }
        if !text.first()?.is_ascii_uppercase() || !text.get(1)?.is_ascii_lowercase() {
            return None;
        }
        let mut lower = text.to_vec();
        lower[0].make_ascii_lowercase();
        let accepts = |row: u16, shape: &Shape| holds(&ROWS[usize::from(row)], head, &shape.rest);
        let (row, shape) = self.matcher.find(&mut searcher.scratch, &lower, accepts)?;
        Some(describe(row, shape, head, text))
    }

    /// Like [`classify`](Self::classify), but `None` where no row describes the text.
    pub fn recognize<'a>(
        &self,
        searcher: &mut Searcher,
        head: &Head,
        text: &'a [u8],
    ) -> Option<Classified<'a>> {
        let classified = self.classify(searcher, head, text);
        (classified.signature != Signature(0)).then_some(classified)
    }
}

/// Whether the conditions of a row hold.
#[inline]
fn holds(row: &Row, head: &Head, rest: &Rest) -> bool {
    (row.errno == 0 || errno::to_linux(rest.errno) == errno::to_linux(row.errno))
        && (row.doing.is_empty() || rest.action.is_some_and(|action| action.words == row.doing))
        && (row.level.is_none() || head.level == row.level)
        && (row.side.is_none() || Some(side_of(head, rest)) == row.side)
        && (!row.bare || (head.connection.is_none() && rest.action.is_none()))
}

#[inline]
fn side_of(head: &Head, rest: &Rest) -> Side {
    rest.action.map_or_else(
        || action::side_of_level(head.level),
        |action| action.side_at(head.level),
    )
}

#[inline]
fn describe<'a>(index: u16, shape: Shape, head: &Head, text: &'a [u8]) -> Classified<'a> {
    let row = &ROWS[usize::from(index)];
    let rest = shape.rest;
    // `ngx_log_error_core` calls no handler at level debug: whatever looks like a tail there is part of the message.
    let tail = match head.level {
        Some(Level::Debug) => Tail::default(),
        _ => tail::parse_tail(&text[rest.tail_at..]),
    };
    let message = &text[..rest.tail_at];
    let named = shape.peer.map(|(start, end)| &text[start..end]);
    let upstream = match tail.upstream {
        Some(value) => upstream::address(value, tail.request, tail.upstream_open),
        None => named,
    };
    let side = side_of(head, &rest);
    let at = Circumstances {
        errno: if rest.errno == 0 {
            0
        } else {
            rule::linux_errno(rest.errno, b"")
        },
        side,
        level: head.level,
        peer: named.or(upstream).unwrap_or_default(),
        text: message,
        bare: head.connection.is_none() && rest.action.is_none(),
        is_ocsp: rest
            .action
            .is_some_and(|action| action.words == "requesting certificate status"),
    };
    let category = if index == 0 {
        rule::unknown(at)
    } else {
        rule::category(row.rule, at)
    };
    Classified {
        signature: Signature(index),
        category,
        phase: rest.action.map_or(Phase::None, |action| action.phase),
        severity: rule::severity(category, side, row.warning),
        errno: rest.errno,
        upstream,
        message,
        tail,
    }
}

/// A message that no row describes: `other`, with whatever its surroundings tell.
#[cold]
fn describe_unknown<'a>(head: &Head, text: &'a [u8]) -> Classified<'a> {
    let rest = parse_rest(text, message_end(text)).unwrap_or_else(|| Rest {
        tail_at: tail::find_tail(text),
        ..Rest::default()
    });
    describe(0, Shape { rest, peer: None }, head, text)
}

/// The messages met last. Bursts repeat the same words, and everything but the tail follows from them, from the level and
/// from whether there is a connection; a message that ends where a remembered one ended need not be searched again.
#[derive(Debug, Clone, Default)]
struct Memo {
    buckets: [Vec<Remembered>; N_BUCKETS],
}

const N_BUCKETS: usize = 32;

/// Messages remembered per bucket.
const N_WAYS: usize = 6;

#[derive(Debug, Clone)]
struct Remembered {
    level: Option<Level>,
    has_connection: bool,
    /// Message, errno and ` while …`.
    message: Box<[u8]>,
    signature: Signature,
    category: Category,
    phase: Phase,
    severity: Severity,
    errno: u32,
}

impl Memo {
    #[inline]
    fn recall(&self, head: &Head, text: &[u8]) -> Option<&Remembered> {
        let is_it = |known: &&Remembered| {
            known.level == head.level
                && known.has_connection == head.connection.is_some()
                && text.starts_with(&known.message)
                && text[known.message.len()..].starts_with(b", client: ")
        };
        self.buckets[bucket(text)?].iter().find(is_it)
    }

    /// Remembers a message whose meaning depends on nothing behind it and that holds no variable text.
    fn remember(&mut self, head: &Head, text: &[u8], rest: &Rest, classified: &Classified<'_>) {
        let row = &ROWS[usize::from(classified.signature.0)];
        let is_fixed = matches!(row.rule, Rule::Is(_) | Rule::Socket) && !row.template.contains(['{', '[']);
        if !is_fixed || head.level == Some(Level::Debug) || !text[rest.tail_at..].starts_with(b", client: ") {
            return;
        }
        let Some(bucket) = bucket(text) else { return };
        let ways = &mut self.buckets[bucket];
        if ways.len() == N_WAYS {
            ways.remove(0);
        }
        ways.push(Remembered {
            level: head.level,
            has_connection: head.connection.is_some(),
            message: text[..rest.tail_at].into(),
            signature: classified.signature,
            category: classified.category,
            phase: classified.phase,
            severity: classified.severity,
            errno: classified.errno,
        });
    }
}

/// Bucket of a message: by its first eight and its tenth to eighteenth byte.
#[inline]
fn bucket(text: &[u8]) -> Option<usize> {
    let bytes = text.first_chunk::<18>()?;
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let mixed = (word(0) ^ word(10).rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Some((mixed >> 59) as usize)
}

impl Remembered {
    #[inline]
    fn describe<'a>(&self, text: &'a [u8]) -> Classified<'a> {
        let tail = tail::parse_tail(&text[self.message.len()..]);
        let address = |value| upstream::address(value, tail.request, tail.upstream_open);
        Classified {
            signature: self.signature,
            category: self.category,
            phase: self.phase,
            severity: self.severity,
            errno: self.errno,
            upstream: tail.upstream.and_then(address),
            message: &text[..self.message.len()],
            tail,
        }
    }
}
