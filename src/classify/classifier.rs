//! Message in, meaning out.

use super::{
    errno,
    matcher::{Found, Matcher, Peer, Rest, Scratch, Shape, message_end, parse_rest},
    memo::Memo,
    rule::{self, Circumstances},
    taxonomy::{ROWS, Row},
    ways::{Context, Foreign},
};
use crate::{
    event::{Category, Level, Phase, Severity, Signature},
    lines::{Cpu, Window},
    parse::{Head, Tail, tail, upstream, usual},
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

/// What follows from a message and its head alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning {
    pub signature: Signature,
    pub category: Category,
    pub phase: Phase,
    pub severity: Severity,
    pub errno: u32,
}

impl Meaning {
    /// Of no message.
    pub(super) const fn none() -> Meaning {
        Meaning {
            signature: Signature(0),
            category: Category::Other,
            phase: Phase::None,
            severity: Severity::Other,
            errno: 0,
        }
    }
}

/// A message that is understood, before its tail is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Understood {
    pub meaning: Meaning,
    /// Offset of the message: marks may stand before it.
    pub start: usize,
    /// Offset of the tail.
    pub tail_at: usize,
    /// The address the message itself names.
    pub peer: Option<Peer>,
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
    pub fn classify<'a>(
        &self,
        searcher: &mut Searcher,
        head: &Head,
        text: &'a [u8],
    ) -> Classified<'a> {
        let understood = match searcher.memo.recall(&self.matcher, head, text) {
            Some(understood) => understood,
            None => self.understand(searcher, head, text),
        };
        understood.with_tail(head, text)
    }

    /// Like [`classify`](Self::classify), for a record in a window that ends before the newline at `end`, whose message begins
    /// at `at`: `None` if the message is unlike those met before, or the tail is unusual. Also whether what a client or an
    /// application wrote may stand in the message, or in the tail decoded.
    #[inline(always)] // the result is large: it should be made where it is used
    pub fn recall<'a>(
        &self,
        cpu: impl Cpu,
        searcher: &mut Searcher,
        window: Window<'a>,
        context: Context,
        (at, end): (usize, usize),
    ) -> Option<(Classified<'a>, bool)> {
        let ways = &mut searcher.memo.ways;
        let recalled = ways.recall(cpu, &self.matcher, window, context, (at, end))?;
        let message_end = recalled.message_end;
        let mut is_foreign = match recalled.foreign {
            Foreign::Never => false,
            Foreign::IfQuoted => window.find(cpu, b'"', at, message_end) < message_end,
            Foreign::Always => true,
        };
        let (tail, upstream) = match recalled.client {
            Some(client) => usual::parse_tail(cpu, window, client, end, &mut is_foreign)?,
            None => (Tail::default(), None),
        };
        if recalled.names_peer && tail.upstream.is_none() {
            return None;
        }
        let meaning = recalled.meaning;
        let known = Classified {
            signature: meaning.signature,
            category: meaning.category,
            phase: meaning.phase,
            severity: meaning.severity,
            errno: meaning.errno,
            upstream,
            message: window.slice(at, recalled.message_end),
            tail,
        };
        Some((known, is_foreign))
    }

    /// Classifies without looking at what was met before.
    pub fn search<'a>(
        &self,
        searcher: &mut Searcher,
        head: &Head,
        text: &'a [u8],
    ) -> Classified<'a> {
        self.understand(searcher, head, text).with_tail(head, text)
    }

    #[inline(never)]
    fn understand(&self, searcher: &mut Searcher, head: &Head, text: &[u8]) -> Understood {
        let accepts = |row: u16, shape: &Shape| holds(&ROWS[usize::from(row)], head, &shape.rest);
        match self.matcher.find(&mut searcher.scratch, text, accepts) {
            Some(Found { row, shape, by }) => {
                let understood = describe(row, shape, head, text);
                searcher
                    .memo
                    .remember(&self.matcher, head, text, by, &shape, understood.meaning);
                understood
            }
            None => self
                .understand_marked(searcher, head, text)
                .unwrap_or_else(|| describe_unknown(head, text)),
        }
    }

    /// Messages copied by people: a capital first letter, or marks such as `**` before it.
    #[cold]
    fn understand_marked(
        &self,
        searcher: &mut Searcher,
        head: &Head,
        text: &[u8],
    ) -> Option<Understood> {
        let marks = text.iter().take_while(|b| b"*_`'>".contains(b)).count();
        if marks > 0 {
            let understood = self.understand(searcher, head, &text[marks..]);
            return (understood.meaning.signature != Signature(0))
                .then(|| understood.behind(marks));
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

fn describe(index: u16, shape: Shape, head: &Head, text: &[u8]) -> Understood {
    let row = &ROWS[usize::from(index)];
    let rest = shape.rest;
    let message = &text[..rest.tail_at];
    let named = shape.peer.map(|(start, end)| &text[start..end]);
    // Few rules ask for the address, but what describes a message is rarely done.
    let upstream = upstream_of(&tail_of(head, &text[rest.tail_at..]), named);
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
    Understood {
        meaning: Meaning {
            signature: Signature(index),
            category,
            phase: rest.action.map_or(Phase::None, |action| action.phase),
            severity: rule::severity(category, side, row.warning),
            errno: rest.errno,
        },
        start: 0,
        tail_at: rest.tail_at,
        peer: shape.peer,
    }
}

/// A message that no row describes: `other`, with whatever its surroundings tell.
#[cold]
fn describe_unknown(head: &Head, text: &[u8]) -> Understood {
    let rest = parse_rest(text, message_end(text)).unwrap_or_else(|| Rest {
        tail_at: tail::find_tail(text),
        ..Rest::default()
    });
    describe(
        0,
        Shape {
            rest,
            pattern_end: rest.tail_at,
            peer: None,
        },
        head,
        text,
    )
}

impl Understood {
    /// The message with what its tail says.
    fn with_tail<'a>(&self, head: &Head, text: &'a [u8]) -> Classified<'a> {
        let Understood {
            meaning,
            start,
            tail_at,
            peer,
        } = *self;
        let tail = tail_of(head, &text[tail_at..]);
        Classified {
            signature: meaning.signature,
            category: meaning.category,
            phase: meaning.phase,
            severity: meaning.severity,
            errno: meaning.errno,
            upstream: upstream_of(&tail, peer.map(|(start, end)| &text[start..end])),
            message: &text[start..tail_at],
            tail,
        }
    }

    /// The same message, with `n` bytes before it.
    fn behind(self, n: usize) -> Understood {
        let peer = self.peer.map(|(start, end)| (start + n, end + n));
        Understood {
            start: self.start + n,
            tail_at: self.tail_at + n,
            peer,
            ..self
        }
    }
}

/// `ngx_log_error_core` calls no handler at level debug: whatever looks like a tail there is part of the message.
fn tail_of<'a>(head: &Head, text: &'a [u8]) -> Tail<'a> {
    match head.level {
        Some(Level::Debug) => Tail::default(),
        _ => tail::parse_tail(text),
    }
}

/// The address the tail names; where it has none, the one the message itself named.
#[inline(always)]
fn upstream_of<'a>(tail: &Tail<'a>, named: Option<&'a [u8]>) -> Option<&'a [u8]> {
    match tail.upstream {
        Some(value) => upstream::address(value, tail.request, tail.upstream_open),
        None => named,
    }
}
