//! Lines of container runtimes.
//!
//! ```text
//! {"log":"TEXT\n","stream":"stderr","attrs":{…},"time":"2026-11-20T11:24:48.123456789Z"}   moby daemon/logger/jsonfilelog
//! 2026-11-20T11:24:48.123456789+00:00 stderr F TEXT                                        containerd internal/cri/io/logger.go
//! ```
//!
//! A line over 16 KiB is split: docker leaves out the `\n` of every piece but the last, CRI says `P` (partial) instead of
//! `F` (full, or the last piece).

use super::{Outer, Part, Peeled, Pool, Stream, stamp};
use crate::parse::json::{self, Members, Value};
use memchr::{memchr, memchr2};

/// A line of docker's `json-file` driver.
#[inline]
pub(super) fn docker_json<'a>(text: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    const START: &[u8] = b"{\"log\":\"";
    let Some(rest) = text.strip_prefix(START) else {
        return docker_json_any(text, pool);
    };
    // Up to the first quote or escape the text is as it stands; often that is all of it.
    let plain_len = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let (log, end, is_decoded) = match &rest[plain_len..] {
        [b'"', ..] => (&rest[..plain_len], Some(plain_len), false),
        [b'\\', b'n', b'"', ..] => {
            let outer = docker_facts(text, START.len() + plain_len + 2)?;
            let (text, has_return) = without_return(&rest[..plain_len]);
            return Some(Peeled {
                is_damaged: outer.1,
                has_return,
                ..Peeled::plain(text, outer.0)
            });
        }
        _ => {
            let buffer = pool.take()?;
            let end = json::decode(rest, buffer);
            (&buffer[..], end, true)
        }
    };
    // Cut inside the string: what is there is kept.
    let (outer, is_damaged) = match end {
        Some(end) => docker_facts(text, START.len() + end)?,
        None => (Outer::default(), true),
    };
    Some(finish_docker(log, outer, is_damaged, is_decoded))
}

/// Takes the newline off a text, or tells that more follows.
#[inline]
fn finish_docker<'a>(
    log: &'a [u8],
    outer: Outer<'a>,
    is_damaged: bool,
    is_decoded: bool,
) -> Peeled<'a> {
    let ((text, has_return), part) = match log.strip_suffix(b"\n") {
        Some(text) => (without_return(text), Part::Whole),
        None if is_damaged => ((log, false), Part::Whole),
        None => ((log, false), Part::More),
    };
    Peeled {
        text,
        outer,
        part,
        is_damaged,
        is_decoded,
        has_return,
    }
}

/// Terminals end lines with `\r\n`: the text before it, and whether it was so.
fn without_return(text: &[u8]) -> (&[u8], bool) {
    match text.strip_suffix(b"\r") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

/// The members behind the text, whose closing quote is at `quote`, and whether they are damaged. `None` if neither a stream
/// nor a time is among them and the object is whole: that is not docker's.
#[inline]
fn docker_facts(text: &[u8], quote: usize) -> Option<(Outer<'_>, bool)> {
    let rest = &text[quote + 1..];
    if let Some(outer) = usual_docker_facts(rest) {
        return Some((outer, false));
    }
    let mut members = Members::resume(text, quote + 1);
    let mut outer = Outer::default();
    for (key, value) in &mut members {
        read_docker_fact(key, value, &mut outer);
    }
    let is_docker = outer.stream.is_some() || outer.time.is_some();
    (is_docker || !members.is_whole).then_some((outer, !members.is_whole))
}

/// `,"stream":"stderr","time":"2026-11-20T11:24:48.123456789Z"}`, as most lines have it.
#[inline]
fn usual_docker_facts(rest: &[u8]) -> Option<Outer<'_>> {
    let rest = rest.strip_prefix(b",\"stream\":\"std")?;
    let (name, rest) = rest.split_at_checked(3)?;
    let stream = match name {
        b"out" => Stream::Stdout,
        b"err" => Stream::Stderr,
        _ => return None,
    };
    let rest = rest.strip_prefix(b"\",\"time\":\"")?;
    let time = stamp::iso(rest, b'T')?;
    (&rest[time.len..] == b"\"}").then_some(Outer {
        stream: Some(stream),
        time: time.time,
        ..Outer::default()
    })
}

fn read_docker_fact(key: &[u8], value: Value<'_>, outer: &mut Outer<'_>) {
    match (key, value) {
        (b"stream", Value::Text(name)) => outer.stream = Stream::parse(name).or(outer.stream),
        (b"time", Value::Text(raw)) => {
            outer.time = stamp::iso(raw, b'T').and_then(|stamp| stamp.time);
        }
        _ => {}
    }
}

/// The members in another order, or with blanks: written again by another program.
#[cold]
fn docker_json_any<'a>(text: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    let mut members = Members::new(text)?;
    let (mut log, mut outer, mut has_stream) = (None, Outer::default(), false);
    for (key, value) in &mut members {
        if key == b"log" {
            log = value.raw_text();
        }
        has_stream |= key == b"stream";
        read_docker_fact(key, value, &mut outer);
    }
    let (raw, is_whole) = (log?, members.is_whole);
    // Other collectors have these names too; their lines carry more.
    if !has_stream || outer.time.is_none() {
        return None;
    }
    let decoded = pool.text(raw);
    let is_decoded = decoded.as_ptr() != raw.as_ptr();
    Some(finish_docker(decoded, outer, !is_whole, is_decoded))
}

/// A line of a CRI runtime: `TIME STREAM TAG[:TAG…] TEXT`.
#[inline]
pub(super) fn cri(text: &[u8]) -> Option<Peeled<'_>> {
    let stamp = stamp::iso(text, b'T')?;
    let rest = text[stamp.len..].strip_prefix(b" std")?;
    let (name, rest) = rest.split_at_checked(4)?;
    let stream = match name {
        b"out " => Stream::Stdout,
        b"err " => Stream::Stderr,
        _ => return None,
    };
    let (part, rest) = match rest {
        [b'F', b' ', rest @ ..] => (Part::Whole, rest),
        [b'P', b' ', rest @ ..] => (Part::More, rest),
        [b'F' | b'P'] => (Part::Whole, &rest[1..]),
        [tag @ (b'F' | b'P'), b':', rest @ ..] => {
            let part = if *tag == b'P' {
                Part::More
            } else {
                Part::Whole
            };
            (part, &rest[memchr(b' ', rest)? + 1..])
        }
        _ => return None,
    };
    let outer = Outer {
        stream: Some(stream),
        time: stamp.time,
        ..Outer::default()
    };
    Some(Peeled {
        part,
        ..Peeled::plain(rest, outer)
    })
}
