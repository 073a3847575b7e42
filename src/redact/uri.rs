//! URIs: the route, folded further than for counting, and the names of the parameters.
//!
//! `/users/jane.doe@example.com/orders/4711?token=abc&page=2` is `/users/*/orders/*?token=*&page=*`.

use super::{address, words};
use crate::parse::access::route::write_route;
use hmac::Hmac;
use sha2::Sha256;

/// Parameters whose names are shown.
const PARAMETERS_MAX: usize = 20;

/// Writes what may be known of `uri`.
pub(super) fn write_uri(uri: &[u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    let end = memchr::memchr2(b'?', b'#', uri).unwrap_or(uri.len());
    let (path, rest) = uri.split_at(end);
    let path = write_authority(path, key, out);
    if path.starts_with(b"/") {
        let mut route = Vec::new();
        write_route(path, &mut route);
        write_segments(&route, out);
    } else if matches!(path, b"" | b"*" | b"-" | super::POOLED) {
        out.extend_from_slice(path);
    } else {
        out.push(b'*'); // the host of a CONNECT, or no URI
    }
    if let Some(query) = rest.strip_prefix(b"?") {
        let query = query.split(|&byte| byte == b'#').next().unwrap_or_default();
        write_query(query, out);
    }
}

/// Writes scheme and host, if `uri` begins with them; the rest of it.
fn write_authority<'a>(uri: &'a [u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) -> &'a [u8] {
    let n_scheme = uri
        .iter()
        .take_while(|byte| byte.is_ascii_lowercase())
        .count();
    let Some(rest) = uri[n_scheme..]
        .strip_prefix(b"://")
        .filter(|_| n_scheme > 0)
    else {
        return uri;
    };
    let scheme = &uri[..n_scheme];
    if !matches!(
        scheme,
        b"http"
            | b"https"
            | b"fastcgi"
            | b"uwsgi"
            | b"scgi"
            | b"grpc"
            | b"grpcs"
            | b"memcached"
            | b"tcp"
    ) {
        out.push(b'*');
        return b"";
    }
    // `unix:` sockets end with a colon: `http://unix:/run/app.sock:/path`.
    let host_end = match rest.strip_prefix(b"unix:") {
        Some(socket) => {
            let colon = memchr::memchr(b':', socket);
            colon.map_or(rest.len(), |colon| "unix:".len() + colon + 1)
        }
        None => memchr::memchr(b'/', rest).unwrap_or(rest.len()),
    };
    let host = &rest[..host_end];
    // What stands before an @ is a user.
    let host = memchr::memrchr(b'@', host).map_or(host, |at| &host[at + 1..]);
    out.extend_from_slice(scheme);
    out.extend_from_slice(b"://");
    match address::len(host) {
        _ if host.starts_with(b"unix:") => words::write_own(host, b"._:-/", out),
        _ if matches!(scheme, b"http" | b"https") => words::write_own(host, b"._:-[]", out),
        Some(len) if len < host.len() => address::write_pseudonym(host, key, out),
        _ => words::write_own(host, b"._:-[]", out),
    }
    &rest[host_end..]
}

/// Writes the segments of a route that look like names of things that many requests share.
fn write_segments(route: &[u8], out: &mut Vec<u8>) {
    for (index, segment) in route.split(|&byte| byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        match segment {
            b"\xe2\x80\xa6" => out.extend_from_slice(segment), // …
            _ if is_common(segment) => out.extend_from_slice(segment),
            _ => out.push(b'*'),
        }
    }
}

/// Letters, digits and the marks of file names; no word in it is long or has digits in its middle. Beside what was folded before may
/// stand an extension, but no word: `jane-4711` is `*`.
fn is_common(segment: &[u8]) -> bool {
    let segment = match segment {
        b"*" => return true,
        [b'*', b'.', extension @ ..] if extension.len() <= 5 => extension,
        _ => segment,
    };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let mut parts = segment.split(|byte| !byte.is_ascii_alphanumeric());
    segment.iter().all(is_plain) && parts.all(|part| !is_odd(part))
}

/// `s3cr3tpath99`, `12345`, a word of more than 24 letters.
fn is_odd(word: &[u8]) -> bool {
    let n_digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let n_last = word
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    word.len() > 24 || n_last > 3 || (n_digits > n_last && word.len() > 3)
}

/// Writes `?a=*&b=*`.
fn write_query(query: &[u8], out: &mut Vec<u8>) {
    if query.is_empty() {
        return;
    }
    for (index, pair) in query.split(|&byte| matches!(byte, b'&' | b';')).enumerate() {
        out.push(if index == 0 { b'?' } else { b'&' });
        if index == PARAMETERS_MAX {
            out.extend_from_slice("…".as_bytes());
            return;
        }
        let name = memchr::memchr(b'=', pair).map(|end| &pair[..end]);
        match name.filter(|name| is_name(name)) {
            Some(name) => {
                out.extend_from_slice(name);
                out.extend_from_slice(b"=*");
            }
            None => out.push(b'*'),
        }
    }
}

/// The name of a parameter, as programmers choose them.
fn is_name(name: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.[]".contains(byte);
    let starts = name.first().is_some_and(u8::is_ascii_alphabetic);
    let mut parts = name.split(|byte| !byte.is_ascii_alphanumeric());
    starts && name.len() <= 32 && name.iter().all(is_plain) && parts.all(|part| !is_odd(part))
}

/// Writes method, URI and protocol. A line that is cut has less.
pub(super) fn write_request_line(line: &[u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    let mut words = line.splitn(2, |&byte| byte == b' ');
    words::write_method(words.next().unwrap_or_default(), out);
    let Some(rest) = words.next() else {
        return;
    };
    out.push(b' ');
    let blank = memchr::memrchr(b' ', rest);
    let protocol = blank
        .map(|blank| &rest[blank + 1..])
        .filter(|text| is_protocol(text));
    match (protocol, blank) {
        (Some(protocol), Some(blank)) => {
            write_uri(&rest[..blank], key, out);
            out.push(b' ');
            out.extend_from_slice(protocol);
        }
        _ => write_uri(rest, key, out),
    }
}

fn is_protocol(text: &[u8]) -> bool {
    let version = text.strip_prefix(b"HTTP/").unwrap_or_default();
    matches!(version.len(), 1..=3)
        && version
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
}
