//! Records inside lines that do not begin like one: wrapped by another program, quoted in a ticket, or with their head cut.
//!
//! This is the path of lines that failed the strict one, so it may be slow, but it must not be gullible: a line whose head
//! is gone counts only if a row of the taxonomy describes it.

use super::{
    Classified, Classifier, Searcher,
    pattern::{expand, literal_len},
    taxonomy::ROWS,
};
use crate::{
    event::Level,
    parse::{
        Head, HeadParser,
        head::{is_head, parse_level, parse_process},
    },
};
use memchr::{memchr_iter, memmem};

/// Bytes of a line in which the start of a record is looked for: wrappers are short.
const PREFIX_LEN_MAX: usize = 320;

/// Where a record stands in a line, and how whole its head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its `len` is the offset of the message in the line.
    pub head: Head,
    /// The line begins with something else, but the head is whole.
    pub wrapped: bool,
}

/// Finds a whole head behind a prefix: `web-1  | 2026/11/20 …`, syslog, journald, quotation marks.
pub fn find_wrapped(line: &[u8], heads: &mut HeadParser) -> Option<Found> {
    let window = &line[..line.len().min(PREFIX_LEN_MAX)];
    for bracket in memchr_iter(b'[', window) {
        let Some(start) = bracket.checked_sub(20) else {
            continue;
        };
        if is_head(&line[start..])
            && let Ok(head) = heads.parse(&line[start..])
        {
            return Some(Found {
                head: Head {
                    len: start + head.len,
                    ..head
                },
                wrapped: true,
            });
        }
    }
    find_stderr(line)
}

/// `nginx: [emerg] …`: what nginx prints before its log is open (`ngx_log_stderr`); it never carries a time.
fn find_stderr(line: &[u8]) -> Option<Found> {
    let window = &line[..line.len().min(PREFIX_LEN_MAX)];
    let at = memmem::find(window, b"nginx: [")?;
    if at > 0 && !matches!(line[at - 1], b' ' | b':' | b'"') {
        return None;
    }
    let (level, len) = parse_level(line, at + 7)?;
    let head = Head {
        time: None,
        level: Some(level),
        pid: None,
        tid: None,
        connection: None,
        len,
    };
    Some(Found {
        head,
        wrapped: true,
    })
}

/// Finds a record whose head is cut: the level, the process or the connection first, or just the message. Only what the
/// taxonomy knows counts.
pub fn find_headless(
    line: &[u8],
    classifier: &Classifier,
    searcher: &mut Searcher,
) -> Option<Found> {
    let window = &line[..line.len().min(PREFIX_LEN_MAX)];
    let indent = line.iter().take_while(|b| b" >*.'\"`".contains(b)).count();
    if let Some((level, after)) = parse_level(line, indent) {
        let head = Head {
            level: Some(level),
            ..parse_process(line, after)
        };
        if head.pid.is_some() {
            return Some(Found {
                head,
                wrapped: false,
            });
        }
    }
    if let Some(found) = find_cut_level(line) {
        return Some(found);
    }
    let bare = |len: usize| Head {
        time: None,
        level: None,
        pid: None,
        tid: None,
        connection: None,
        len,
    };
    // A cut head is better evidence than a phrase, so it goes first.
    let levels = memchr_iter(b'[', window).filter_map(|at| parse_level(line, at));
    let leveled = levels.map(|(level, after)| Head {
        level: Some(level),
        ..parse_process(line, after)
    });
    let tagged = memmem::find(window, b"]: ").map(|at| at + 3);
    let starts = [Some(0), Some(indent), tagged].into_iter().flatten();
    let heads = starts.flat_map(|at| [parse_process(line, at), bare(at)]);
    leveled.chain(heads).find_map(|head| {
        let text = line.get(head.len..).filter(|text| text.len() >= 8)?;
        let known = classifier.recognize(searcher, &head, text)?;
        is_telling(&known, &head).then_some(Found {
            head,
            wrapped: false,
        })
    })
}

/// `error] 12483#0: *253 …`: the cut went through the level.
fn find_cut_level(line: &[u8]) -> Option<Found> {
    let level = Level::ALL.iter().find(|level| {
        line.strip_prefix(level.name().as_bytes())
            .is_some_and(|rest| rest.starts_with(b"] "))
    })?;
    let head = Head {
        level: Some(*level),
        ..parse_process(line, level.name().len() + 2)
    };
    head.pid.is_some().then_some(Found {
        head,
        wrapped: false,
    })
}

/// Without any head, short and general texts (`exit`, `… in FILE:LINE`) say nothing.
fn is_telling(known: &Classified<'_>, head: &Head) -> bool {
    let row = &ROWS[usize::from(known.signature.0)];
    let n_literal = expand(row.template)
        .first()
        .map_or(0, |pieces| literal_len(pieces));
    let has_head = head.level.is_some() || head.pid.is_some() || head.connection.is_some();
    n_literal >= 10 && (has_head || !row.bare)
}

/// Undoes the `\"` of a line copied out of JSON, so that its fields can be read; `None` where there is nothing to undo.
pub fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    memmem::find(text, b": \\\"")?;
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(&next @ (b'"' | b'\\' | b'/'))) => {
                out.push(next);
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    Some(out)
}
