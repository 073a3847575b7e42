//! Words that are nobody's secret: those of nginx itself, of systems, and names that look like a host's.

use crate::classify::{errno, taxonomy::ROWS};
use foldhash::{HashSet, HashSetExt};
use std::sync::OnceLock;

/// Whether nginx, or a system, uses `word`.
pub(super) fn is_own(word: &[u8]) -> bool {
    static WORDS: OnceLock<HashSet<&'static [u8]>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let rows = ROWS.iter().flat_map(|row| [row.template, row.doing]);
        let texts = rows.chain(errno::texts()).chain([MORE]);
        let mut words = HashSet::new();
        for text in texts {
            words.extend(text.as_bytes().split(|byte| !is_inside(*byte)));
        }
        words.remove(&b""[..]);
        words
    });
    words.contains(word)
}

/// Words of messages that no template spells out: of OpenSSL, of libc, of PHP-FPM, of actions.
const MORE: &str = "SSL error routines unexpected eof while reading certificate verify failed unknown ca wrong version number no \
    shared cipher protocol is shutdown tlsv1 sslv3 alert handshake failure internal decrypt bad record mac unsupported http request \
    expired self signed local issuer get unable to Is a directory Not a directory File name too long File exists Text file busy Bad \
    file descriptor Socket is not connected Transport endpoint is not connected Operation in progress Too many levels of symbolic \
    links Input output error Read-only system Primary script unknown connecting sending reading response header body from upstream \
    client requests proxying upgraded connection resolving keepalive waiting for request accepting processing HTTP TCP UDP";

/// Bytes of a word. Escapes belong to it: what is escaped is no word of ours.
pub(super) fn is_inside(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%' | b'\\') || byte >= 0x80
}

/// Methods of HTTP and WebDAV.
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "PURGE",
    "MKCALENDAR",
    "ACL",
    "QUERY",
    "PRI",
];

pub(super) fn write_method(method: &[u8], out: &mut Vec<u8>) {
    let is_known = METHODS.iter().any(|known| known.as_bytes() == method);
    out.extend_from_slice(if is_known || method.is_empty() {
        method
    } else {
        b"*"
    });
}

/// Writes the name of something of the gateway's own: letters, digits and these `marks`; else it is none.
pub(super) fn write_own(name: &[u8], marks: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || marks.contains(byte);
    // `user@host` is a person.
    let is_own = name.iter().all(is_plain) && (name.starts_with(b"unix:") || !name.contains(&b'@'));
    out.extend_from_slice(if is_own { name } else { b"*" });
}

/// Writes numbers, times and lists of them, and short words in capitals.
pub(super) fn write_value(value: &[u8], out: &mut Vec<u8>) {
    let is_number = |byte: &u8| byte.is_ascii_digit() || b".,:;/+- T".contains(byte);
    let is_month = |text: &[u8]| text.len() > 6 && text[2] == b'/' && text[6] == b'/';
    let is_time = is_month(value)
        && value
            .iter()
            .enumerate()
            .all(|(at, byte)| is_number(byte) || (3..6).contains(&at));
    let is_word = value.len() <= 12 && value.iter().all(u8::is_ascii_uppercase);
    let is_scheme = matches!(value, b"http" | b"https");
    let is_shown = value.iter().all(is_number) || is_time || is_word || is_scheme;
    out.extend_from_slice(if is_shown { value } else { b"*" });
}
