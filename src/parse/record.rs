//! Physical lines to records.
//!
//! A record begins at a line with a head and may span lines: FastCGI stderr, decoded file names and Lua tracebacks hold raw
//! newlines. A line without head belongs to the record before it while that record is open: it has a connection number
//! (so a tail must come) and no `, client: ` yet, its quote was never closed, or the line is indented like a traceback.
//! No record is longer than [`RECORD_LEN_MAX`], so a chunk can start at any line that is a head, or that no head precedes
//! within that length.

use super::head::is_head;
use memchr::memmem;

/// OpenResty's and ingress-nginx's `NGX_MAX_ERROR_STR`; nginx's own is [`NGINX_RECORD_LEN`]. In bytes, with the newline.
pub const RECORD_LEN_MAX: usize = 4096;

/// `NGX_MAX_ERROR_STR` of nginx, Tengine and Angie (`core/ngx_log.h`), in bytes, with the newline.
pub const NGINX_RECORD_LEN: usize = 2048;

/// A record being read: where it began and whether more of it may come.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Offset of its head.
    pub start: usize,
    /// Its last line did not end it.
    pub unfinished: bool,
}

/// Whether `line`, at offset `at`, continues the record `open`.
#[inline]
pub fn continues(open: Open, line: &[u8], at: usize) -> bool {
    at - open.start < RECORD_LEN_MAX
        && !is_head(line)
        && (open.unfinished || is_traceback(line))
        && !is_access_line(line)
}

/// Whether the record `text`, all its lines so far, may go on in the next line. `has_connection`: its head has a `*N`.
#[inline]
pub fn is_unfinished(text: &[u8], has_connection: bool) -> bool {
    if !has_connection || is_cut(text.len()) {
        return false;
    }
    // The usual record ends with its host or referrer, so look at the end first.
    if text.last() == Some(&b'"') && text.len() > 400 {
        return memmem::find(text, b", client: ").is_none();
    }
    memmem::find(text, b", client: ").is_none()
}

/// Whether a record of `len` bytes, without newline, has exactly the length at which nginx, or OpenResty, cuts.
#[inline]
pub fn is_cut(len: usize) -> bool {
    len == NGINX_RECORD_LEN - 1 || len == RECORD_LEN_MAX - 1
}

/// Lines of Lua, PHP and Python tracebacks behind a record.
fn is_traceback(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) || line.starts_with(b"stack traceback:")
}

/// Whether `line` looks like an access-log line: ` [dd/Mon/yyyy:HH:MM:SS `, as mixed container logs hold them.
pub fn is_access_line(line: &[u8]) -> bool {
    let head = &line[..line.len().min(512)];
    memchr::memchr_iter(b'[', head).any(|at| {
        head.get(at + 1..at + 22).is_some_and(|t| {
            t[2] == b'/'
                && t[6] == b'/'
                && t[11] == b':'
                && t[14] == b':'
                && t[17] == b':'
                && t[0].is_ascii_digit()
                && t[3].is_ascii_alphabetic()
                && t[7].is_ascii_digit()
        })
    })
}
