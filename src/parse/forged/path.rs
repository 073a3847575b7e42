//! The path that nginx makes of the URI of a request: what it prints in messages about files.
//!
//! `ngx_http_parse_complex_uri` (`http/ngx_http_parse.c`): percent signs are decoded once, `/./` and `/../` resolved, and slashes
//! merged where `merge_slashes` is on, whether they came encoded or not. What follows `?` or `#` is no part of the path.

use crate::lines::pair::find_pair;

/// Whether a newline stands encoded in `text`.
pub fn holds_newline(text: &[u8]) -> bool {
    find_newline(text, 0).is_some()
}

/// Whether at least `n` newlines stand encoded in `text`, and one at least.
pub(super) fn holds_newlines(text: &[u8], n: usize) -> bool {
    let mut from = 0;
    (0..n.max(1)).all(|_| match find_newline(text, from) {
        Some(at) => {
            from = at + 3;
            true
        }
        None => false,
    })
}

/// Offset of the first encoded newline at or behind `from`.
pub(super) fn find_newline(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = find_pair(text, at, (b'%', b'0'))?;
        if matches!(text.get(at + 2), Some(b'A' | b'a')) {
            return Some(at);
        }
        at += 2;
    }
}

/// Writes `text` with its percent signs decoded, where two digits follow.
pub(super) fn plain(text: &[u8], path: &mut Vec<u8>) {
    path.clear();
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        path.extend_from_slice(&rest[..at]);
        let digits = rest.get(at + 1..at + 3);
        let byte = digits.and_then(|digits| Some(hex(digits[0])? << 4 | hex(digits[1])?));
        path.push(byte.unwrap_or(b'%'));
        rest = &rest[at + if byte.is_some() { 3 } else { 1 }..];
    }
    path.extend_from_slice(rest);
}

/// Writes the path of `uri`, as it stands in a request line; `None` if nginx refuses it.
pub(super) fn write_path(uri: &[u8], merge_slashes: bool, path: &mut Vec<u8>) -> Option<()> {
    path.clear();
    let uri = without_host(uri);
    let mut at = 0;
    while at < uri.len() {
        let byte = match uri[at] {
            b'?' | b'#' => break,
            b'%' => {
                let &[high, low] = uri.get(at + 1..)?.first_chunk()?;
                at += 2;
                hex(high)? << 4 | hex(low)?
            }
            byte => byte,
        };
        at += 1;
        if byte == b'/' {
            end_segment(path, merge_slashes)?;
        } else {
            path.push(byte);
        }
    }
    // A dot segment at the end leaves the slash before it.
    if path.ends_with(b"/.") || path.ends_with(b"/..") {
        end_segment(path, merge_slashes)?;
    }
    Some(())
}

/// U+FFFD.
pub(super) const REPLACED: &[u8] = b"\xef\xbf\xbd";

/// Writes U+FFFD for each byte of `text` that is no UTF-8, as Go's `encoding/json` does; whether there was one.
pub(super) fn replace_invalid(text: &mut Vec<u8>) -> bool {
    if std::str::from_utf8(text).is_ok() {
        return false;
    }
    let invalid = std::mem::take(text);
    let mut rest = &invalid[..];
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, behind) = rest.split_at(error.valid_up_to());
        text.extend_from_slice(valid);
        text.extend_from_slice(REPLACED);
        rest = &behind[1..];
    }
    text.extend_from_slice(rest);
    true
}

/// Appends a slash; the segment before it may be none, or lead back.
fn end_segment(path: &mut Vec<u8>, merge_slashes: bool) -> Option<()> {
    if path.ends_with(b"/..") {
        path.truncate(path.len() - 3);
        let slash = path.iter().rposition(|&byte| byte == b'/')?;
        path.truncate(slash + 1);
    } else if path.ends_with(b"/.") {
        path.pop();
    } else if !(merge_slashes && path.ends_with(b"/")) {
        path.push(b'/');
    }
    Some(())
}

/// A URI in absolute form from its path on.
fn without_host(uri: &[u8]) -> &[u8] {
    if uri.starts_with(b"/") {
        return uri;
    }
    let host = memchr::memmem::find(uri, b"://").map(|scheme| &uri[scheme + 3..]);
    match host.and_then(|host| memchr::memchr(b'/', host).map(|slash| &host[slash..])) {
        Some(path) => path,
        None => uri,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(uri: &str, merge_slashes: bool) -> Option<String> {
        let mut path = Vec::new();
        write_path(uri.as_bytes(), merge_slashes, &mut path)?;
        Some(String::from_utf8(path).expect("a test's own text"))
    }

    #[test]
    fn paths_are_made_as_nginx_makes_them() {
        for (uri, merged, apart) in [
            ("/a%0Ab", "/a\nb", "/a\nb"),
            ("/a%0d%0ab?c%0Ad", "/a\r\nb", "/a\r\nb"),
            ("/a//b%2f%2Fc", "/a/b/c", "/a//b//c"),
            ("/a/./b/../c/.", "/a/c/", "/a/c/"),
            ("/a/x%0Ay/%2e%2E/b", "/a/b", "/a/b"),
            ("/a//../b", "/b", "/a/b"),
            ("/a/..", "/", "/"),
            ("/a%2541#x", "/a%41", "/a%41"),
            ("http://h:80/a%0Ab", "/a\nb", "/a\nb"),
            ("/...%0A/.a", "/...\n/.a", "/...\n/.a"),
        ] {
            assert_eq!(path(uri, true).as_deref(), Some(merged), "{uri}");
            assert_eq!(path(uri, false).as_deref(), Some(apart), "{uri}");
        }
        for refused in ["/../a", "/a%", "/a%0", "/a%zz"] {
            assert_eq!(path(refused, true), None, "{refused}");
        }
    }

    #[test]
    fn encoded_newlines_are_found() {
        assert!(holds_newline(b"GET /a%0Ab") && holds_newline(b"%%0a"));
        assert!(holds_newlines(b"%0A%0a", 2) && !holds_newlines(b"%0A%0a", 3));
        assert!(holds_newlines(b"%0A", 0) && !holds_newlines(b"%00", 0));
        for none in ["", "%", "%0", "%0D", "0A", "%00A"] {
            assert!(!holds_newline(none.as_bytes()), "{none}");
        }
    }
}
