//! Physical lines to records.
//!
//! A record begins at a line with a head and may span lines: FastCGI stderr, decoded file names and Lua tracebacks hold raw
//! newlines. A line without head belongs to the record before it while that record is unfinished (it has a connection
//! number, so a tail must come, and no `, client: ` yet), or if it is indented like a traceback. No record is longer
//! than [`RECORD_LEN_MAX`], so a chunk may start at any line that is a head, or that no head precedes within that length;
//! unless the head is [`super::forged`], and the line one of a record before it.

use super::{
    forged::{self, Smuggled},
    head::is_head,
};
use memchr::{memchr_iter, memrchr_iter};
use std::ops::Range;

/// OpenResty's and ingress-nginx's `NGX_MAX_ERROR_STR`; nginx's own is [`NGINX_RECORD_LEN`]. In bytes, with the newline.
pub const RECORD_LEN_MAX: usize = 4096;

/// `NGX_MAX_ERROR_STR` of nginx, Tengine and Angie (`core/ngx_log.h`), in bytes, with the newline.
pub const NGINX_RECORD_LEN: usize = 2048;

/// Whether `line`, which is no head and begins `behind` bytes after the head of a record, continues it. `is_open`: the
/// record has a `*N`, so a tail must come, and none of its lines so far [`has_tail`].
pub fn continues(is_open: bool, line: &[u8], behind: usize) -> bool {
    may_continue(is_open, line, behind) && !is_access_line(line)
}

/// Like [`continues`], for a line that is no access-log line.
pub fn may_continue(is_open: bool, line: &[u8], behind: usize) -> bool {
    behind < RECORD_LEN_MAX && !is_cut(behind - 1) && (is_open || is_traceback(line))
}

/// What the usual tail begins with.
pub const TAIL: &[u8] = b", client: ";

/// Whether the usual tail begins in `line`.
pub fn has_tail(line: &[u8]) -> bool {
    // Commas are few: a searcher for the whole key takes longer to make.
    memchr_iter(b',', line).any(|comma| line[comma..].starts_with(TAIL))
}

/// Whether a record of `len` bytes, without newline, has exactly the length at which nginx, or OpenResty, cuts.
#[inline]
pub fn is_cut(len: usize) -> bool {
    len == NGINX_RECORD_LEN - 1 || len == RECORD_LEN_MAX - 1
}

/// Bytes that [`blocked`] looks at behind a line: a record that begins before it may end there, at a head.
pub const START_KNOWN_LEN: usize = RECORD_LEN_MAX + 64;

/// The line that starts at `at`, if no chunk may begin there; `None` if nothing before it can reach it. Looks [`RECORD_LEN_MAX`]
/// bytes back and [`START_KNOWN_LEN`] ahead, which must be there unless the source begins or ends. `smuggled` is what clients
/// smuggled into the source, if that is known.
pub fn blocked(bytes: &[u8], at: usize, smuggled: Option<&Smuggled>) -> Option<Range<usize>> {
    let is_blocked = if is_head(&bytes[at..]) {
        forged::is_inside(bytes, at, smuggled)
    } else {
        let from = at.saturating_sub(RECORD_LEN_MAX);
        let is_head_start = |start: usize| is_head(&bytes[start..at]);
        (from == 0 && is_head_start(0))
            || memrchr_iter(b'\n', &bytes[from..at.saturating_sub(1)])
                .any(|newline| is_head_start(from + newline + 1))
    };
    is_blocked.then_some(at..at + 1)
}

/// Lines of Lua, PHP and Python tracebacks behind a record.
fn is_traceback(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) || line.starts_with(b"stack traceback:")
}

/// Whether `line` looks like an access-log line: it holds ` [dd/Mon/yyyy:HH:MM:SS `. Mixed container logs have both kinds.
pub fn is_access_line(line: &[u8]) -> bool {
    let window = &line[..line.len().min(512)];
    memchr_iter(b'[', window).any(|at| is_access_time(&window[at + 1..]))
}

/// Whether `dd/Mon/yyyy:HH:MM:SS` stands near the start of `text`, whatever is before it.
pub fn holds_access_time(text: &[u8]) -> bool {
    let window = &text[..text.len().min(1024)];
    memchr_iter(b'/', window).any(|at| at >= 2 && is_access_time(&window[at - 2..]))
}

/// Whether `text` begins with such a time, as far as its shape goes.
fn is_access_time(text: &[u8]) -> bool {
    text.get(..20).is_some_and(|t| {
        t[2] == b'/'
            && t[6] == b'/'
            && t[11] == b':'
            && t[14] == b':'
            && t[17] == b':'
            && t[0].is_ascii_digit()
            && t[3].is_ascii_alphabetic()
            && t[7].is_ascii_digit()
    })
}

/// Offset of a second head in `line`, which begins with one: a torn write glued two records together, or a client
/// imitates one.
#[inline]
pub fn find_second_head(line: &[u8]) -> Option<usize> {
    let from = 21;
    memchr_iter(b'[', line.get(from..)?)
        .map(|at| from + at)
        .find_map(|bracket| {
            let start = bracket.checked_sub(20)?;
            (start > 0 && is_head(&line[start..])).then_some(start)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "2026/11/20 11:23:46 [error] 1#1: *7 ";

    #[test]
    fn stderr_goes_on_until_its_tail() {
        assert!(continues(true, b"#0 {main}", 100));
        assert!(!continues(false, b"#0 {main}", 100));
        assert!(continues(false, b"\t[C]: in function", 100));
        assert!(!continues(true, b"x", RECORD_LEN_MAX));
        assert!(!continues(true, b"x", NGINX_RECORD_LEN));
        let access = b"10.0.0.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157";
        assert!(!continues(true, access, 100));
        assert!(
            has_tail(b"connect() failed, client: ::1")
                && !has_tail(b"FastCGI sent in stderr: \"PHP message: x")
        );
    }

    #[test]
    fn chunks_start_at_heads_or_far_from_them() {
        let text = format!("{HEAD}a\nb\n{}\nc\n", "x".repeat(RECORD_LEN_MAX));
        let at = |needle: &str| text.find(needle).expect("there");
        assert_eq!(blocked(text.as_bytes(), 0, None), None);
        assert!(blocked(text.as_bytes(), at("\nb\n") + 1, None).is_some());
        assert!(blocked(text.as_bytes(), at("xx"), None).is_some());
        assert_eq!(blocked(text.as_bytes(), at("\nc\n") + 1, None), None);
    }

    #[test]
    fn second_heads_are_found() {
        let glued = format!("{HEAD}connect{HEAD}b");
        assert_eq!(find_second_head(glued.as_bytes()), Some(HEAD.len() + 7));
        assert_eq!(
            find_second_head(format!("{HEAD}a [b] [::1]").as_bytes()),
            None
        );
    }
}
