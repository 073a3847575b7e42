//! Headers of syslog daemons, and of `journalctl` in its short forms, which look like them.
//!
//! ```text
//! rfc3164 = [ <PRI> ] Nov 20 11:24:48 [ HOST ] TAG[PID]: TEXT          nginx core/ngx_syslog.c, rsyslog, syslog-ng
//! rfc5424 = [ <PRI> ] 1 TIME HOST APP PROCID MSGID SD TEXT             RFC 5424, 6; `-` is nothing
//! iso     = 2026-11-20T11:24:48+00:00 HOST TAG[PID]: TEXT              rsyslog's default, syslog-ng, short-iso
//! full    = Fri 2026-11-20 11:24:48 UTC HOST TAG[PID]: TEXT            journalctl -o short-full, with-unit
//! unix    = 1795173888.123456 HOST TAG[PID]: TEXT                      journalctl -o short-unix
//! mono    = [    1.000000] HOST TAG[PID]: TEXT                         journalctl -o short-monotonic, short-delta
//! ```
//!
//! The colon may be missing behind a `[PID]` (rsyslog, from RFC 5424 to 3164), and the tag before another header or a
//! payload (syslog-ng). rsyslog writes control characters as `#` and three octal digits: `#012` is a newline. It leaves a `#`
//! alone, so a client can write the same; such a newline stays inside one text and can start no record.

use super::{
    Outer, OuterTime, Peeled, Pool, shape,
    stamp::{self, Stamp, ZoneStyle},
};
use crate::event::{Level, LocalTime};
use memchr::{memchr, memchr_iter};

/// [`Wrapper::Syslog3164`](super::Wrapper::Syslog3164), or [`Wrapper::JournalShort`](super::Wrapper::JournalShort) without a
/// `pool`.
pub(super) fn rfc3164<'a>(text: &'a [u8], pool: Option<&mut Pool<'a>>) -> Option<Peeled<'a>> {
    let (level, rest) = priority(text);
    let stamp = stamp::yearless(rest)?;
    let named = names(rest[stamp.len..].strip_prefix(b" ")?, true)?;
    Some(match pool {
        Some(pool) => finish(named, stamp.time, level, pool),
        None => plain(named, stamp.time, level),
    })
}

/// [`Wrapper::SyslogIso`](super::Wrapper::SyslogIso) and [`Wrapper::JournalIso`](super::Wrapper::JournalIso), told apart by
/// the colon in the zone.
pub(super) fn iso<'a>(text: &'a [u8], has_colon: bool, pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    let (level, rest) = priority(text);
    let stamp = stamp::iso(rest, b'T')?;
    if (stamp.zone == ZoneStyle::NoColon) == has_colon {
        return None;
    }
    let named = names(rest[stamp.len..].strip_prefix(b" ")?, false)?;
    Some(if has_colon {
        finish(named, stamp.time, level, pool)
    } else {
        plain(named, stamp.time, level)
    })
}

pub(super) fn rfc5424<'a>(text: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    let (level, rest) = priority(text);
    let rest = rest.strip_prefix(b"1 ")?;
    let (time, rest) = match rest.strip_prefix(b"- ") {
        Some(rest) => (None, rest),
        None => {
            let stamp = stamp::iso(rest, b'T')?;
            (stamp.time, rest[stamp.len..].strip_prefix(b" ")?)
        }
    };
    let (host, rest) = token(rest)?;
    let (app, rest) = token(rest)?;
    let (process, rest) = token(rest)?;
    let (_message_id, rest) = token(rest)?;
    let rest = structured_data(rest)?;
    let named = Named {
        host: some(host),
        tag: some(app),
        pid: number(process),
        // rsyslog keeps the blank of RFC 3164 behind its own.
        text: rest.strip_prefix(b" ").unwrap_or(rest),
    };
    Some(finish(named, time, level, pool))
}

pub(super) fn journal_full(text: &[u8]) -> Option<Peeled<'_>> {
    let (time, rest) = full_time(text)?;
    let named = names(rest, false)?;
    Some(plain(named, time, None))
}

pub(super) fn journal_unix(text: &[u8]) -> Option<Peeled<'_>> {
    let stamp = stamp::unix(text).filter(|stamp| matches!(text.get(stamp.len - 7), Some(b'.')))?;
    let named = names(text[stamp.len..].strip_prefix(b" ")?, false)?;
    Some(plain(named, stamp.time, None))
}

/// Its seconds are counted from boot: no time is taken from them.
pub(super) fn journal_monotonic(text: &[u8]) -> Option<Peeled<'_>> {
    let rest = text.strip_prefix(b"[")?;
    let end = memchr(b']', &rest[..rest.len().min(48)])?;
    let is_clock = |b: &u8| b.is_ascii_digit() || b" .<>+".contains(b);
    let inside = &rest[..end];
    let is_number = inside.iter().all(is_clock) && memchr(b'.', inside).is_some();
    let rest = rest[end..].strip_prefix(b"] ").filter(|_| is_number)?;
    Some(plain(names(rest, false)?, None, None))
}

/// `Fri 2026-11-20 11:24:48.123456 UTC `, and the rest; other zones than UTC are abbreviated, so their offset is unknown.
pub(super) fn full_time(text: &[u8]) -> Option<(Option<OuterTime>, &[u8])> {
    const DAYS: &[u8; 21] = b"MonTueWedThuFriSatSun";
    let is_day = DAYS.chunks_exact(3).any(|day| text.starts_with(day));
    let rest = text.get(3..)?.strip_prefix(b" ").filter(|_| is_day)?;
    let Stamp { time, len, .. } = stamp::iso(rest, b' ')?;
    let (zone, rest) = token(rest[len..].strip_prefix(b" ")?)?;
    let is_zone = zone.len() <= 6
        && zone
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"+-".contains(b));
    let time = match time {
        Some(OuterTime::Local {
            time: LocalTime(second),
            ns,
        }) if zone == b"UTC" => Some(OuterTime::Instant {
            ns: second * 1_000_000_000 + i64::from(ns),
            zone_s: 0,
        }),
        time => time,
    };
    is_zone.then_some((time, rest))
}

/// `<187>`: facility 23, severity 3; the levels of nginx are those of syslog, in its order.
fn priority(text: &[u8]) -> (Option<Level>, &[u8]) {
    let parsed = text.strip_prefix(b"<").and_then(|rest| {
        let end = memchr(b'>', &rest[..rest.len().min(4)])?;
        let number = stamp::number(&rest[..end]).filter(|number| *number <= 191)?;
        Some((
            Level::ALL.get(number as usize & 7).copied(),
            &rest[end + 1..],
        ))
    });
    parsed.unwrap_or((None, text))
}

/// What stands between the time and the text.
struct Named<'a> {
    host: Option<&'a [u8]>,
    tag: Option<&'a [u8]>,
    pid: Option<u64>,
    text: &'a [u8],
}

/// `HOST TAG[PID]: `. In the old form, `is_old`, the host may be missing, and a record may follow the host.
fn names(text: &[u8], is_old: bool) -> Option<Named<'_>> {
    let (first, rest) = token(text)?;
    if let Some((tag, pid)) = tag(first, true) {
        return is_old.then_some(Named {
            host: None,
            tag: Some(tag),
            pid,
            text: rest,
        });
    }
    let host = some(host(first)?);
    let named = token(rest).and_then(|(second, text)| {
        let (tag, pid) = tag(second, false)?;
        Some(Named {
            host,
            tag: Some(tag),
            pid,
            text,
        })
    });
    // A header in a header: syslog-ng takes the first word for a host and leaves the rest to the text.
    named.or_else(|| {
        let is_next = (is_old && shape::is_record(rest)) || is_header_start(rest);
        is_next.then_some(Named {
            host,
            tag: None,
            pid: None,
            text: rest,
        })
    })
}

/// Whether a time of syslog stands at the start of `text`, behind `1 ` or `<PRI>`, maybe.
fn is_header_start(text: &[u8]) -> bool {
    let (_, rest) = priority(text);
    match rest.strip_prefix(b"1 ") {
        Some(rest) => stamp::iso(rest, b'T').is_some(),
        None => stamp::yearless(rest).is_some(),
    }
}

/// `TAG:`, `TAG[PID]:`, and without the colon `TAG[PID]` unless `needs_colon`.
fn tag(token: &[u8], needs_colon: bool) -> Option<(&[u8], Option<u64>)> {
    let (body, has_colon) = match token.strip_suffix(b":") {
        Some(body) => (body, true),
        None => (token, false),
    };
    let (name, pid) = match memchr(b'[', body) {
        Some(open) => {
            let inside = body[open + 1..].strip_suffix(b"]")?;
            if !inside
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b".-".contains(b))
            {
                return None;
            }
            (&body[..open], number(inside))
        }
        None => (body, None),
    };
    let is_tag = !name.is_empty() && memchr(b':', name).is_none() && memchr(b'"', name).is_none();
    let is_marked = has_colon || (!needs_colon && pid.is_some());
    (is_tag && is_marked).then_some((name, pid))
}

/// A name or an address; also `-`, where there is none. syslog-ng chains names: `SOURCE@HOST`, `HOST/RELAY`. An address of IPv6 may
/// stand in brackets, which are taken off.
fn host(text: &[u8]) -> Option<&[u8]> {
    let in_brackets = || {
        let address = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
        let is_inside = |b: &u8| b.is_ascii_hexdigit() || b":.".contains(b);
        (memchr(b':', address).is_some() && address.iter().all(is_inside)).then_some(address)
    };
    let is_inside = |b: &u8| b.is_ascii_alphanumeric() || b"-._:%@/#".contains(b) || *b >= 0x80;
    let is_date = || {
        text.get(..5)
            .is_some_and(|year| year[4] == b'/' && year[..4].iter().all(u8::is_ascii_digit))
    };
    let is_name =
        text.len() <= 255 && text.iter().all(is_inside) && !text.ends_with(b":") && !is_date();
    if is_name { Some(text) } else { in_brackets() }
}

/// The word before the next blank, and what follows the blank.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b' ', &text[..text.len().min(512)]).filter(|end| *end > 0);
    match end {
        Some(end) => Some((&text[..end], &text[end + 1..])),
        // The last word of the line, and an empty text.
        None if !text.is_empty() && text.len() < 512 && text[0] != b' ' => {
            Some((text, &text[text.len()..]))
        }
        None => None,
    }
}

fn some(text: &[u8]) -> Option<&[u8]> {
    (text != b"-").then_some(text)
}

fn number(text: &[u8]) -> Option<u64> {
    stamp::number(text).and_then(|number| u64::try_from(number).ok())
}

/// What follows `-` or `[id key="value" …][…]` and a blank. `\"`, `\]` and `\\` are escaped in values (RFC 5424, 6.3.3).
fn structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = match text.strip_prefix(b"-") {
        Some(rest) => rest,
        None => {
            let mut rest = text;
            while rest.first() == Some(&b'[') {
                rest = &rest[element_len(rest)?..];
            }
            rest
        }
    };
    if rest.len() == text.len() {
        return None;
    }
    rest = match rest {
        [b' ', rest @ ..] => rest,
        [] => rest,
        _ => return None,
    };
    Some(rest)
}

/// Length of the element that `text` begins with, brackets included.
fn element_len(text: &[u8]) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = text.iter().position(|b| {
        match b {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b']' => return !is_quoted,
            _ => {}
        }
        false
    })?;
    Some(end + 1)
}

/// A header before a text that stands as it was written; a byte-order mark is taken off.
#[inline]
fn plain<'a>(named: Named<'a>, time: Option<OuterTime>, level: Option<Level>) -> Peeled<'a> {
    let text = named.text.strip_prefix(b"\xef\xbb\xbf");
    let outer = Outer {
        host: named.host,
        tag: named.tag,
        pid: named.pid,
        level,
        time,
        ..Outer::default()
    };
    Peeled::plain(text.unwrap_or(named.text), outer)
}

/// A header before a text in which rsyslog may have escaped something.
fn finish<'a>(
    named: Named<'a>,
    time: Option<OuterTime>,
    level: Option<Level>,
    pool: &mut Pool<'a>,
) -> Peeled<'a> {
    let peeled = plain(named, time, level);
    let text = peeled.text;
    if !memchr_iter(b'#', text).any(|at| control(&text[at..]).is_some()) {
        return peeled;
    }
    let Some(out) = pool.take() else {
        return peeled;
    };
    unescape(text, out);
    Peeled {
        is_decoded: true,
        text: out,
        ..peeled
    }
}

/// Undoes `#012` and its kind.
fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for at in memchr_iter(b'#', text) {
        if let Some(byte) = control(&text[at..]) {
            out.extend_from_slice(&text[from..at]);
            out.push(byte);
            from = at + 4;
        }
    }
    out.extend_from_slice(&text[from..]);
}

/// The control character that `#ooo` at the start of `text` stands for. rsyslog escapes U+007F too, but `#177` is left: it also
/// begins the thread of a record, `1776#1776`, whereas no number of nginx begins with a zero.
fn control(text: &[u8]) -> Option<u8> {
    let digits = text.get(1..4)?;
    let is_octal = digits.iter().all(|b| matches!(b, b'0'..=b'7'));
    let value = digits
        .iter()
        .fold(0u32, |value, b| value * 8 + u32::from(b.wrapping_sub(b'0')));
    (is_octal && (value < 0x20)).then_some(value as u8)
}
