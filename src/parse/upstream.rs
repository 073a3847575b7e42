//! The address inside an upstream value: `http://10.0.0.1:80/uri` to `10.0.0.1:80`.
//!
//! The value is scheme, peer name and, for proxy modules, the URI sent (`ngx_http_log_error_handler`). A unix peer is
//! `unix:/path` and a colon stands before the URI, except in "upstream timed out" and whatever else is logged after the
//! peer was released (since 1.3.15): there path and URI run together, and only knowledge of the URI tells them apart.

use crate::lines::near::find_near;
use memchr::memmem;

/// The peer, or the group where none was chosen; `None` if the value is empty or cut before its address ended.
#[inline(always)]
pub fn address<'a>(value: &'a [u8], request: Option<&[u8]>, open: bool) -> Option<&'a [u8]> {
    let peer = after_scheme(value);
    if peer.starts_with(b"unix:") {
        // Only the proxy module appends a URI.
        return unix_address(peer, request.filter(|_| value.starts_with(b"http")));
    }
    // What stands between the brackets of an IPv6 address belongs to it.
    let bracket = if peer.first() == Some(&b'[') {
        find_near(b']', peer).unwrap_or(0)
    } else {
        0
    };
    let end = match find_near(b'/', &peer[bracket..]) {
        Some(end) => bracket + end,
        None if open => return None,
        None => peer.len(),
    };
    (end > 0).then(|| &peer[..end])
}

/// What follows `scheme://`; all of it where there is no scheme (stream).
#[inline]
fn after_scheme(value: &[u8]) -> &[u8] {
    if let [b'h', b't', b't', b'p', b':', b'/', b'/', rest @ ..] = value {
        return rest; // by far the most frequent
    }
    let known = value
        .strip_prefix(b"fastcgi://")
        .or_else(|| value.strip_prefix(b"https://"))
        .or_else(|| value.strip_prefix(b"grpc://"));
    known.unwrap_or_else(|| behind_name(value))
}

/// Likewise, for any scheme.
#[cold]
fn behind_name(value: &[u8]) -> &[u8] {
    let name = value
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    match value.get(name..) {
        Some([b':', b'/', b'/', rest @ ..]) if name > 0 => rest,
        _ => value,
    }
}

/// The socket of a unix peer, to which a URI may be joined with or without a colon: without the request's own URI if that
/// stands at the end, else up to a colon, else up to `.sock` or `.socket`, else all of it.
#[inline(never)]
fn unix_address<'a>(peer: &'a [u8], request: Option<&[u8]>) -> Option<&'a [u8]> {
    let path = &peer[5..];
    let uri = request.and_then(second_word).unwrap_or_default();
    let joined = uri.starts_with(b"/") && path.len() > uri.len() && path.ends_with(uri);
    let path = if joined {
        &path[..path.len() - uri.len()]
    } else {
        path
    };
    let end = match find_near(b':', path) {
        Some(colon) => colon,
        None if joined => path.len(),
        None => suffix_end(path).unwrap_or(path.len()),
    };
    (end > 0).then(|| &peer[..5 + end])
}

/// What stands between the first blank and the next, or behind the only one.
#[inline(always)]
fn second_word(line: &[u8]) -> Option<&[u8]> {
    let rest = &line[find_near(b' ', line)? + 1..];
    Some(&rest[..find_near(b' ', rest).unwrap_or(rest.len())])
}

/// End of a `.sock` or `.socket` that a slash follows.
fn suffix_end(path: &[u8]) -> Option<usize> {
    [&b".socket/"[..], b".sock/"]
        .iter()
        .find_map(|suffix| Some(memmem::find(path, suffix)? + suffix.len() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_form() {
        for (value, want) in [
            ("http://127.0.0.1:9990/refused?q=1", "127.0.0.1:9990"),
            ("https://[2001:db8::1]:443/v6", "[2001:db8::1]:443"),
            ("fastcgi://127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://unix:/run/a.sock:/path", "unix:/run/a.sock"),
            ("fastcgi://unix:/run/a.sock:", "unix:/run/a.sock"),
            ("fastcgi://unix:/run/php.sock", "unix:/run/php.sock"),
            ("http://unix:/tmp/slow.sock/abc?q=1", "unix:/tmp/slow.sock"),
            ("http://unix:/tmp/slow/x?q=1", "unix:/tmp/slow"),
            ("fastcgi://unix:/run/x?q=1", "unix:/run/x?q=1"),
            ("uwsgi://unix:///var/run/a.sock:", "unix:///var/run/a.sock"),
            ("http://backend/uri", "backend"),
            ("php", "php"),
            ("10.0.0.7:5432", "10.0.0.7:5432"),
        ] {
            let got = address(value.as_bytes(), Some(b"GET /x?q=1 HTTP/1.1"), false);
            assert_eq!(got, Some(want.as_bytes()), "{value}");
        }
        assert_eq!(address(b"", None, false), None);
        assert_eq!(address(b"http://", None, false), None);
        assert_eq!(address(b"http://10.0.0", None, true), None);
    }
}
