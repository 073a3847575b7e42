//! How the end of each value is found: the plan behind a format, made once.
//!
//! A value ends where its text can no longer be the variable's. Often one look tells:
//!
//! - its form ends (`$status`, `$request_time`, lists over attempts), or
//! - a byte comes that it cannot hold (`"` in what nginx escapes, a blank in an address), and the text behind it, up to that
//!   byte, is of a known length: `$remote_user [$time_local] "` ends 30 bytes before the first quote.
//!
//! Where neither tells, all ends are tried that let the rest of the line fit: [`search`](super::search).
//!
//! A list over attempts is taken as long as it can be, unless the text behind it looks like a list itself. A line whose lists
//! are then not of one length is refused.

use super::{
    class::Class,
    field::{Escape, Field},
    format::{LogFormat, Part},
};
use crate::lines::{
    Window,
    near::{begins, equal},
};

/// One variable, and the text behind it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) class: Class,
    pub(super) way: Way,
    pub(super) literal: Literal,
    /// What the variable tells, whether it is wanted or not.
    pub(super) tells: Option<Field>,
    /// Whether it is wanted.
    pub(super) is_wanted: bool,
    /// Whether it tells of attempts, and no quotes hold it.
    pub(super) is_open_list: bool,
}

/// How the end of a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By its form.
    Form,
    /// It goes on to the end of the line, but for the literal behind it, and does not hold what [`Stop`] says.
    Last(Stop),
    /// By trial.
    Search(Stop),
    /// `back` bytes before the first byte it cannot hold.
    Stop { stop: Stop, back: usize },
}

/// The bytes that a value cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Any of the two.
    Either(u8, u8),
    /// Just this one.
    Byte(u8),
    /// It may hold any.
    Never,
    /// The `/` of a path that touches a word; a blank before it is an end, but not this one.
    Path,
    /// A `"` that no backslash escapes: nginx never writes such a pair in a value of `escape=default`, others do.
    Quote,
}

impl Stop {
    /// The first position from `from` that no value holds.
    #[inline]
    pub(super) fn find(self, line: &[u8], from: usize) -> Option<usize> {
        let rest = line.get(from..)?;
        match self {
            Stop::Either(a, b) => memchr::memchr2(a, b, rest).map(|at| from + at),
            Stop::Byte(byte) => memchr::memchr(byte, rest).map(|at| from + at),
            Stop::Never => None,
            Stop::Path => {
                let found = memchr::memchr2(b' ', b'/', rest).map(|at| from + at);
                found.filter(|&at| line[at] == b'/')
            }
            Stop::Quote => {
                let quote = from + memchr::memchr(b'"', rest)?;
                if quote > from && line[quote - 1] == b'\\' {
                    return bare_quote(line, from, quote);
                }
                Some(quote)
            }
        }
    }
}

/// The first quote from `quote` on that no backslash of the value escapes, which begins at `from`.
#[cold]
fn bare_quote(line: &[u8], from: usize, quote: usize) -> Option<usize> {
    let mut quotes = memchr::memchr_iter(b'"', &line[quote..]).map(|at| quote + at);
    quotes.find(|&at| !is_escaped(line, from, at))
}

/// Whether an odd number of backslashes stands before `at`, counted back to `from`.
pub(super) fn is_escaped(line: &[u8], from: usize, at: usize) -> bool {
    let before = line[from..at].iter().rev();
    before.take_while(|byte| **byte == b'\\').count() % 2 == 1
}

impl Step {
    /// Where the value that begins at `from` ends, if one can be there and its way is no search. What follows is not looked at.
    #[inline]
    pub(super) fn end(&self, line: &[u8], from: usize) -> Option<usize> {
        match self.way {
            Way::Form => self.class.end(line, from),
            Way::Stop { stop, back } => {
                let end = stop.find(line, from)?.checked_sub(back)?;
                (end >= from).then_some(end)
            }
            Way::Last(stop) => {
                let end = line.len().checked_sub(self.literal.len())?;
                let found = stop.find(line, from);
                let is_whole = end >= from && found.is_none_or(|found| found >= end);
                is_whole.then_some(end)
            }
            Way::Search(_) => None,
        }
    }
}

/// The text between two variables.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    /// Its first eight bytes, and which of them count.
    word: u64,
    mask: u64,
    bytes: Box<[u8]>,
}

impl Literal {
    pub(super) fn new(bytes: &[u8]) -> Literal {
        let (mut word, mut mask) = (0, 0);
        for (at, &byte) in bytes.iter().take(8).enumerate() {
            word |= u64::from(byte) << (8 * at);
            mask |= 0xff << (8 * at);
        }
        Literal {
            word,
            mask,
            bytes: bytes.into(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn n_quotes(&self) -> usize {
        memchr::memchr_iter(b'"', &self.bytes).count()
    }

    fn is(&self, bytes: &[u8]) -> bool {
        *self.bytes == *bytes
    }

    pub(super) fn first(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    #[inline]
    pub(super) fn is_at(&self, line: &[u8], at: usize) -> bool {
        line.get(at..).is_some_and(|rest| begins(rest, &self.bytes))
    }

    /// Whether it stands at `at`, and in the line that goes on there, if it holds no line end.
    #[inline(always)]
    pub(super) fn is_in(&self, window: Window<'_>, at: usize) -> bool {
        let len = self.bytes.len();
        window.word(at) & self.mask == self.word
            && (len <= 8 || equal(window.slice(at, at + len), &self.bytes))
    }

    /// Whether it could match the end of a line.
    pub(super) fn has_line_end(&self) -> bool {
        self.bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
    }
}

/// Whether variables that a configuration sets are taken to be single words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Custom {
    /// They may hold blanks.
    Text,
    /// They hold none, where only this tells them from what follows.
    Word,
}

/// The plan for `format`; which fields are wanted is not in it yet.
pub(super) fn steps(format: &LogFormat, custom: Custom) -> Vec<Step> {
    let step = |at: usize| {
        let part = &format.parts[at];
        let rest = &format.parts[at..];
        let (class, way) = match way(touching(part, rest, format.escape()), rest, format.escape()) {
            (_, Way::Search(_)) if custom == Custom::Word && is_taken_for_word(format, at) => {
                way(Class::Word, rest, format.escape())
            }
            found => found,
        };
        Step {
            class,
            way,
            literal: Literal::new(&part.literal),
            tells: part.tells,
            is_wanted: false,
            is_open_list: part.tells.is_some()
                && class.is_list()
                && part.literal.first().is_none_or(|byte| *byte == b' '),
        }
    };
    let mut steps: Vec<Step> = (0..format.parts.len()).map(step).collect();
    doubt_lists(&mut steps);
    steps
}

/// Whether the variable at `at` is taken for a word where nothing else tells it from what follows: one of the configuration, and the
/// URI of a request, in which nginx refuses blanks since 1.21.1, if no text of it can then pass for what another variable tells.
fn is_taken_for_word(format: &LogFormat, at: usize) -> bool {
    let (part, behind) = (&format.parts[at], &format.parts[at + 1..]);
    let is_uri = part.tells == Some(Field::Uri) && part.variable == "request_uri";
    let is_last_told = || behind.iter().all(|part| part.tells.is_none());
    let is_begin_sure = || (0..at).all(|before| is_end_sure(&format.parts[before..], format));
    part.is_custom || is_uri && is_last_told() && is_begin_sure()
}

/// Whether one look tells where the first of `parts` ends, told by little: not each of those is found.
fn is_end_sure(parts: &[Part], format: &LogFormat) -> bool {
    let literal = &parts[0].literal;
    match parts[0].class {
        Class::Text => text_stop(parts, format.escape()).is_some(),
        class if class.fixed_len().is_some() => true,
        _ => literal.starts_with(b" ") && !literal.starts_with(b" :"),
    }
}

/// What `part`, the first of `rest`, is made of, and more exactly where the next variable touches it: nginx writes three decimals of
/// seconds, and by `escape=default` never nothing.
fn touching(part: &Part, rest: &[Part], escape: Escape) -> Class {
    let is_touched = rest.len() > 1 && part.literal.is_empty() && escape == Escape::Default;
    match part.tells {
        Some(Field::RequestTime) if is_touched && part.class == Class::Number => Class::Seconds,
        Some(
            Field::UpstreamResponseTime | Field::UpstreamConnectTime | Field::UpstreamHeaderTime,
        ) if is_touched && part.class == Class::Numbers => Class::SecondsOfAttempts,
        _ => part.class,
    }
}

/// Where nothing but its own length tells where a list ends, it is searched for: a client's text behind a blank may begin with
/// `: ` and look like one more pass. Another list that no such text follows tells how long all are.
fn doubt_lists(steps: &mut [Step]) {
    let is_open = |step: &Step| step.is_open_list && step.way == Way::Form;
    let is_doubtful = |at: &usize| {
        let is_before_text = steps
            .get(at + 1)
            .is_some_and(|next| next.class == Class::Text);
        steps[*at].literal.is(b" ") && is_before_text
    };
    let open = (0..steps.len()).filter(|at| is_open(&steps[*at]));
    let (doubtful, sure): (Vec<usize>, Vec<usize>) = open.partition(is_doubtful);
    if sure.is_empty() {
        doubtful
            .into_iter()
            .for_each(|at| steps[at].way = Way::Search(Stop::Quote));
    }
}

/// How the end of a value of `class` is found before `parts`, the first of which it is; and the class it is read as.
fn way(class: Class, parts: &[Part], escape: Escape) -> (Class, Way) {
    let is_last = parts.len() == 1;
    let or_search = |found: Option<Way>, stop: Stop| match found {
        Some(found) => found,
        None if is_last => Way::Last(stop),
        None => Way::Search(stop),
    };
    match class {
        // What quotes hold may be anything, even the path of a socket with blanks.
        Class::Addresses if text_stop(parts, escape).is_some() => way(Class::Text, parts, escape),
        Class::Text => {
            let stop = match escape {
                Escape::Default | Escape::Json => Stop::Quote,
                Escape::None => Stop::Never,
            };
            (class, or_search(text_stop(parts, escape), stop))
        }
        Class::Word => {
            let stop = Stop::Either(b' ', b'"');
            (class, or_search(word_stop(parts), stop))
        }
        _ if class.fixed_len().is_some() || form_tells(class, parts) => (class, Way::Form),
        _ => (class, Way::Search(Stop::Quote)),
    }
}

/// Whether the longest value of `class`, which is the first of `parts`, is the only one that can be meant.
fn form_tells(class: Class, parts: &[Part]) -> bool {
    match &parts[0].literal[..] {
        [] => {
            let is_exact = matches!(class, Class::EpochTime | Class::Seconds);
            parts.len() == 1 || is_exact
        }
        // Behind the comma of a list stands a blank; values of headers do not begin with one.
        [b','] if class.is_list() => parts.get(1).is_none_or(|next| next.class == Class::Text),
        [first, ..] if class.goes_on_with(*first) => false,
        [b' ', b':', ..] | [b',', b' '] => !class.is_list(),
        [b',', b' ', third, ..] => !class.is_list() || !class.goes_on_with(*third),
        _ => true,
    }
}

/// A quote or a control byte at a known distance behind a text that nginx escapes.
fn text_stop(parts: &[Part], escape: Escape) -> Option<Way> {
    if escape == Escape::None {
        return None;
    }
    let mut back = 0;
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            back += part.class.fixed_len()?;
        }
        let is_stop = |byte: &u8| *byte == b'"' || *byte < b' ';
        let Some(found) = part.literal.iter().position(is_stop) else {
            back += part.literal.len();
            continue;
        };
        let stop = match part.literal[found] {
            b'"' if found > 0 && part.literal[found - 1] == b'\\' => return None,
            b'"' => Stop::Quote,
            byte => Stop::Byte(byte),
        };
        return Some(Way::Stop {
            stop,
            back: back + found,
        });
    }
    None
}

/// A blank, a quote or another separator behind a word.
fn word_stop(parts: &[Part]) -> Option<Way> {
    let literal = &parts[0].literal[..];
    let stop_at = |other: u8, back: usize| Way::Stop {
        stop: Stop::Either(b' ', other),
        back,
    };
    match literal {
        // `$host$request_uri`
        [] => {
            let is_uri = parts.get(1)?.tells == Some(Field::Uri);
            is_uri.then_some(Way::Stop {
                stop: Stop::Path,
                back: 0,
            })
        }
        // The address of a client is no part of a list: where one is not meant, a header that holds one does not pass for it.
        [b' ', ..] if parts[0].tells == Some(Field::Client) => Some(stop_at(b',', 0)),
        [first, ..] if *first < b' ' || b"|;,'<>(){}".contains(first) => Some(stop_at(*first, 0)),
        _ => {
            let is_stop = |byte: &u8| matches!(byte, b' ' | b'"');
            let back = literal.iter().position(is_stop)?;
            Some(stop_at(b'"', back))
        }
    }
}
