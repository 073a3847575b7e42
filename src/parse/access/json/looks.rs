//! What values look like: whether a value can be what its key says, and whether it surely is.
//!
//! A value is judged as it stands in the line. What it means is read elsewhere.

use crate::parse::access::{Field, TimeReader, value::is_cache_status};

/// How well a value goes with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It cannot be one.
    Bad,
    /// It can be one, as can much else; also what nginx writes where it has no value.
    Open,
    /// It has the form that such values have and few others.
    Good,
}

/// How well `value` goes with `field`.
pub(super) fn look(field: Field, value: &[u8]) -> Look {
    if matches!(value, b"" | b"-") {
        return Look::Open;
    }
    let is_good = match field {
        Field::Time => TimeReader::default().read(value).is_some(),
        Field::Client => is_address(value),
        Field::Request => is_request(value),
        Field::Method => is_method(value),
        Field::Uri => matches!(value, [b'/', ..] | b"*") || value.starts_with(b"http"),
        Field::Status => is_status(value),
        Field::RequestTime => is_seconds(value),
        Field::UpstreamAddr => return look_list(value, look_peer),
        Field::UpstreamStatus => return look_list(value, |part| Look::from(is_status(part))),
        Field::UpstreamResponseTime | Field::UpstreamConnectTime | Field::UpstreamHeaderTime => {
            return look_list(value, |part| Look::from(is_seconds(part)));
        }
        Field::UpstreamResponseLength | Field::UpstreamBytesReceived => {
            return look_list(value, |part| Look::from(is_number(part)));
        }
        Field::BytesSent | Field::Connection | Field::Pid => is_number(value),
        Field::CacheStatus => is_cache_status(value),
        Field::Completion => value == b"OK",
        Field::Scheme => matches!(value, b"http" | b"https"),
        Field::StreamProtocol => matches!(value, b"TCP" | b"UDP"),
        Field::RequestId | Field::Group | Field::Host | Field::Server | Field::Machine => {
            !value.contains(&b' ')
        }
    };
    Look::from(is_good)
}

impl From<bool> for Look {
    fn from(is_good: bool) -> Look {
        if is_good { Look::Good } else { Look::Bad }
    }
}

/// Whether `value` begins like a time of any form that [`TimeReader`] knows: enough to tell a line of another kind.
pub(super) fn is_time(value: &[u8]) -> bool {
    has_shape(value, b"00/aaa/0000:00:00:00")
        || has_shape(value, b"0000-00-00T00:00:00")
        || has_shape(value, b"0000-00-00 00:00:00")
        || is_epoch(value)
}

/// Whether `value` begins like `shape`, in which `0` stands for a digit and `a` for a letter.
fn has_shape(value: &[u8], shape: &[u8]) -> bool {
    let fits = |(byte, like): (&u8, &u8)| match like {
        b'0' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_alphabetic(),
        _ => byte == like,
    };
    value.len() >= shape.len() && value.iter().zip(shape).all(fits)
}

fn is_epoch(value: &[u8]) -> bool {
    let n_digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = &value[n_digits..];
    let is_fraction = matches!(rest, [b'.', digits @ ..] if is_number(digits));
    value.first().is_some_and(|b| *b != b'0')
        && ((n_digits == 10 && (rest.is_empty() || is_fraction))
            || (matches!(n_digits, 13 | 16 | 19) && rest.is_empty()))
}

/// One to three digits: nginx fills them up to three, who writes JSON numbers does not.
pub(super) fn is_status(value: &[u8]) -> bool {
    value.len() <= 3 && is_number(value)
}

fn is_number(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

/// `1.002`, `12`
fn is_seconds(value: &[u8]) -> bool {
    match memchr::memchr(b'.', value) {
        Some(dot) => is_number(&value[..dot]) && is_number(&value[dot + 1..]),
        None => is_number(value),
    }
}

/// Whether `value` is of the form in which nginx writes durations: up to three decimals (programs that write numbers again
/// drop zeros at their end).
pub(super) fn is_exact_seconds(value: &[u8]) -> bool {
    let dot = memchr::memchr(b'.', value);
    is_seconds(value) && dot.is_some_and(|dot| value.len() - dot <= 4)
}

/// An address, maybe with a mask of `x` or `*` over its digits; `unix:`.
fn is_address(value: &[u8]) -> bool {
    let is_inside = |b: &u8| b.is_ascii_hexdigit() || b".:x*%[]".contains(b);
    value == b"unix:"
        || (value.iter().all(is_inside) && value.iter().any(|b| matches!(b, b'.' | b':')))
}

/// `GET /path …`
fn is_request(value: &[u8]) -> bool {
    memchr::memchr(b' ', value).is_some_and(|blank| is_method(&value[..blank]))
}

fn is_method(value: &[u8]) -> bool {
    value.len() <= 24
        && value.first().is_some_and(u8::is_ascii_uppercase)
        && value
            .iter()
            .all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'))
}

/// What an attempt was made at: with a port or `unix:` surely; a name can be that of a group.
fn look_peer(peer: &[u8]) -> Look {
    if peer.starts_with(b"unix:") {
        return Look::Good;
    }
    let port = memchr::memrchr(b':', peer).map(|colon| &peer[colon + 1..]);
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:[]*".contains(b);
    match port {
        _ if !peer.iter().all(is_name) => Look::Bad,
        Some(port) => Look::from(port.len() <= 5 && is_number(port)),
        None => Look::Open,
    }
}

/// A list over attempts: each of its parts must look right, and one of them surely.
fn look_list(list: &[u8], look: impl Fn(&[u8]) -> Look) -> Look {
    let mut best = Look::Open;
    for part in parts(list) {
        match look(part) {
            Look::Bad => return Look::Bad,
            Look::Good => best = Look::Good,
            Look::Open => {}
        }
    }
    best
}

/// Whether `value` is told of attempts: there is a comma in it, or more than one pass.
pub(super) fn is_list(value: &[u8]) -> bool {
    value.contains(&b',') || value.windows(3).any(|window| window == b" : ")
}

/// The parts of `a, b : c`, or of `"a","b"`, that say something.
fn parts(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = list.split(|b| matches!(b, b',' | b' ' | b'"'));
    parts.filter(|part| !matches!(*part, b"" | b"-" | b":" | b"null"))
}
