//! JSON lines of collectors that have no file of their own here.
//!
//! ```text
//! {"@timestamp":"…", "host":"web1", "severity":"err", "tag":"nginx:", "message":" 2026\/11\/20 …"}     rsyslog template
//! {"message":"…","nodeName":"…","namespace":"…","podName":"…","containerName":"…"}                     stern -o json
//! {"container_id":"…","container_name":"…","source":"stderr","log":"…"}                                docker, fluentd
//! {"version":"1.1","host":"…","short_message":"…","timestamp":1795173888.123,"_container_name":"…"}   docker, gelf
//! {"labels":{…},"line":"…","timestamp":"…"}                                                            logcli -o jsonl
//! {"@timestamp":"…","message":"…","log":{"file":{"path":"…"}},"host":{"name":"…"}}                     Filebeat
//! ```
//!
//! The text is the first of [`TEXT_KEYS`] that is a string, whatever the order of the members. A line in which none is whole
//! but one is cut is damaged.

use super::{Outer, OuterTime, Part, Peeled, Pool, Stream, stamp};
use crate::{
    event::Level,
    parse::json::{Members, Value},
};

/// Members that hold the text, best first.
const TEXT_KEYS: &[&[u8]] = &[
    b"log",
    b"message",
    b"MESSAGE",
    b"msg",
    b"line",
    b"textPayload",
    b"short_message",
    b"event.original",
    b"@message",
    b"_raw",
];

/// Members that hold the time, best first.
const TIME_KEYS: &[&[u8]] = &[b"time", b"timestamp", b"@timestamp", b"ts"];

/// A text found so far, and how good its key is.
struct Found<T> {
    rank: usize,
    value: T,
}

pub(super) fn peel<'a>(text: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    let mut members = Members::new(text)?;
    let mut outer = Outer::default();
    let (mut payload, mut time) = (None, None);
    let (mut is_partial, mut is_last) = (false, false);
    for (key, value) in &mut members {
        if let Some(raw) = value.raw_text() {
            keep_best(&mut payload, TEXT_KEYS, key, || Some(raw));
        }
        keep_best(&mut time, TIME_KEYS, key, || parse_time(value));
        match key {
            b"partial_message" => is_partial = is_true(value),
            b"partial_last" => is_last = is_true(value),
            _ => read_fact(key, value, &mut outer, pool),
        }
    }
    let raw = payload?.value;
    outer.time = time.map(|time| time.value);
    let decoded = pool.text(raw);
    let is_decoded = decoded.as_ptr() != raw.as_ptr();
    let text = decoded.strip_suffix(b"\n").unwrap_or(decoded);
    // rsyslog keeps the blank behind the tag; several are the text's own.
    let unpadded = text.strip_prefix(b" ");
    let unpadded = unpadded.filter(|rest| outer.tag.is_some() || !rest.starts_with(b" "));
    Some(Peeled {
        text: unpadded.unwrap_or(text),
        outer,
        part: if is_partial && !is_last {
            Part::More
        } else {
            Part::Whole
        },
        is_damaged: !members.is_whole,
        is_decoded,
        has_return: false,
    })
}

fn keep_best<T>(
    best: &mut Option<Found<T>>,
    keys: &[&[u8]],
    key: &[u8],
    value: impl FnOnce() -> Option<T>,
) {
    let Some(rank) = keys.iter().position(|known| *known == key) else {
        return;
    };
    if best.as_ref().is_none_or(|best| rank < best.rank)
        && let Some(value) = value()
    {
        *best = Some(Found { rank, value });
    }
}

fn is_true(value: Value<'_>) -> bool {
    matches!(value, Value::Text(b"true") | Value::Other(b"true"))
}

/// A time as text or as a number of seconds, or of smaller units, from 1970.
fn parse_time(value: Value<'_>) -> Option<OuterTime> {
    match value {
        Value::Text(raw) => {
            let iso = stamp::iso(raw, b'T').or_else(|| stamp::iso(raw, b' '));
            iso.map_or_else(|| stamp::epoch(raw), |stamp| stamp.time)
        }
        Value::Other(number) => stamp::epoch(number),
        Value::CutText(_) => None,
    }
}

/// What a member says about where the line comes from.
fn read_fact<'a>(key: &[u8], value: Value<'a>, outer: &mut Outer<'a>, pool: &mut Pool<'a>) {
    let raw = match value {
        Value::Text(raw) if !raw.is_empty() => raw,
        Value::Other(nested) if nested.first() == Some(&b'{') => {
            return read_nested(key, nested, outer, pool);
        }
        _ => return,
    };
    let slot = match key {
        b"host" | b"hostname" | b"nodeName" | b"node_name" => &mut outer.host,
        b"namespace" | b"namespace_name" => &mut outer.namespace,
        b"pod" | b"podName" | b"pod_name" => &mut outer.pod,
        b"container" | b"containerName" | b"container_name" | b"_container_name" => {
            &mut outer.container
        }
        b"tag" | b"program" | b"programname" | b"appname" => &mut outer.tag,
        b"stream" | b"source" => {
            outer.stream = Stream::parse(raw).or(outer.stream);
            return;
        }
        b"severity" | b"level" => {
            outer.level = parse_level(raw).or(outer.level);
            return;
        }
        _ => return,
    };
    let text = pool.text(raw);
    // The colon of syslog's tags, the slash of docker's names.
    let text = text.strip_suffix(b":").unwrap_or(text);
    *slot = Some(text.strip_prefix(b"/").unwrap_or(text));
}

/// Facts that some collectors put into an object of their own, or two deep.
fn read_nested<'a>(key: &[u8], nested: &'a [u8], outer: &mut Outer<'a>, pool: &mut Pool<'a>) {
    let members = Members::new(nested).into_iter().flatten();
    for (inner, value) in members {
        match (key, inner, value) {
            (b"kubernetes" | b"labels", ..) if value.raw_text().is_some() => {
                read_fact(inner, value, outer, pool);
            }
            (b"host" | b"agent", b"name" | b"hostname", Value::Text(raw)) => {
                outer.host = Some(pool.text(raw));
            }
            (b"log", b"file", Value::Other(file)) => {
                let path = Members::new(file).and_then(|mut m| m.find(|(key, _)| *key == b"path"));
                if let Some((_, Value::Text(raw))) = path {
                    outer.file = Some(pool.text(raw));
                }
            }
            _ => {}
        }
    }
}

/// Syslog's words for the levels, and their short forms.
fn parse_level(text: &[u8]) -> Option<Level> {
    let name = std::str::from_utf8(text).ok()?;
    match name {
        "err" => Some(Level::Error),
        "warning" => Some(Level::Warn),
        "critical" => Some(Level::Crit),
        "panic" | "emergency" => Some(Level::Emerg),
        _ => Level::from_name(name),
    }
}
