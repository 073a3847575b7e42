//! Message in, meaning out.

use super::{
    errno,
    matcher::{Found, Matcher, Rest, Scratch, Shape, message_end, parse_rest},
    memo::{Memo, Recalled},
    rule::{self, Circumstances},
    taxonomy::{ROWS, Row},
};
use crate::{
    event::{Category, Level, Phase, Severity, Signature},
    parse::{Head, Tail, tail, upstream},
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
    #[inline(always)]
    pub fn classify<'a>(&self, searcher: &mut Searcher, head: &Head, text: &'a [u8]) -> Classified<'a> {
        match searcher.memo.recall(&self.matcher, head, text) {
            Some(known) => describe_recalled(&known, text),
            None => self.search(searcher, head, text),
        }
    }

    /// Classifies without looking at what was met before.
    pub fn search<'a>(&self, searcher: &mut Searcher, head: &Head, text: &'a [u8]) -> Classified<'a> {
        let accepts = |row: u16, shape: &Shape| holds(&ROWS[usize::from(row)], head, &shape.rest);
        match self.matcher.find(&mut searcher.scratch, text, accepts) {
            Some(Found { row, shape, pattern }) => {
                let known = describe(row, shape, head, text);
                if let Some(pattern) = pattern {
                    searcher.memo.remember(&self.matcher, head, text, pattern, &shape, &known);
                }
                known
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
        let Found { row, shape, .. } = self.matcher.find(&mut searcher.scratch, &lower, accepts)?;
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
        && (row.side.is_none() || Some(rest.side(head)) == row.side)
        && (!row.bare || (head.connection.is_none() && rest.action.is_none()))
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
    let upstream = upstream_of(&tail, named);
    let side = rest.side(head);
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
    describe(0, Shape { rest, pattern_end: rest.tail_at, peer: None }, head, text)
}

/// What was remembered of a message, with what its tail says.
#[inline(always)]
fn describe_recalled<'a>(recalled: &Recalled, text: &'a [u8]) -> Classified<'a> {
    let Recalled { meaning, tail_at, peer } = *recalled;
    let tail = tail::parse_tail(&text[tail_at..]);
    Classified {
        signature: meaning.signature,
        category: meaning.category,
        phase: meaning.phase,
        severity: meaning.severity,
        errno: meaning.errno,
        upstream: upstream_of(&tail, peer.map(|(start, end)| &text[start..end])),
        message: &text[..tail_at],
        tail,
    }
}

/// The address the tail names; where it has none, the one the message itself named.
#[inline]
fn upstream_of<'a>(tail: &Tail<'a>, named: Option<&'a [u8]>) -> Option<&'a [u8]> {
    match tail.upstream {
        Some(value) => upstream::address(value, tail.request, tail.upstream_open),
        None => named,
    }
}
