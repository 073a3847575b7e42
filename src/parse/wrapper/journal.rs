//! Entries of the journal, as `journalctl` gives them whole (systemd `shared/logs-show.c`, systemd.journal-fields(7)).
//!
//! ```text
//! json    = {"MESSAGE":"…","_HOSTNAME":"web1","__REALTIME_TIMESTAMP":"1795173888123456",…}   any order; `RS` or `data: ` before it
//! pretty  = the same, a member per line
//! export  = { KEY=VALUE LF | KEY LF LEN8 BYTES LF } LF                LEN8: little-endian, for values with control characters
//! verbose = Fri 2026-11-20 11:24:48.123456 UTC [s=…] LF { 4 blanks KEY=VALUE LF }
//! ```
//!
//! In JSON a value that is no UTF-8 is an array of its bytes, one over 4,096 bytes is `null`, and a field given twice is an
//! array of values, of which the first is taken. The short forms are in `syslog`.

use super::{Outer, Part, Peeled, Pool, Wrapper, stamp, syslog};
use crate::{
    event::Level,
    parse::json::{self, Members, Value},
};
use memchr::{memchr, memmem};

/// An entry on one line, or spread by `json-pretty`.
pub(super) fn json<'a>(text: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    let text = text.strip_prefix(b"\x1e").unwrap_or(text);
    let text = text.strip_prefix(b"data: ").unwrap_or(text).trim_ascii();
    let mut members = Members::new(text)?;
    let mut fields = Fields::default();
    let mut message = None;
    for (key, value) in &mut members {
        let raw = match value {
            Value::Other(array) if array.first() == Some(&b'[') => json::first_text(array),
            value => value.raw_text(),
        };
        match (key, raw) {
            (b"MESSAGE", None) => message = Some(value),
            (b"MESSAGE", Some(raw)) => message = Some(Value::Text(raw)),
            (_, Some(raw)) if fields.is_wanted(key) => fields.collect(key, pool.text(raw)),
            _ => {}
        }
    }
    let is_damaged = !members.is_whole;
    // Something stands between the members: the message is looked for behind it.
    let message = message.or_else(|| is_damaged.then(|| find_message(text))?);
    if !(fields.is_journal || (is_damaged && message.is_some())) {
        return None;
    }
    let (text, is_decoded) = match message {
        Some(Value::Text(raw) | Value::CutText(raw)) => {
            let decoded = pool.text(raw);
            (decoded, decoded.as_ptr() != raw.as_ptr())
        }
        Some(Value::Other(array)) => {
            let buffer = pool.take()?;
            // `null` leaves an empty text.
            let _ = json::byte_array(array, buffer);
            (&buffer[..], true)
        }
        None => (&text[text.len()..], false),
    };
    Some(Peeled {
        is_damaged,
        is_decoded,
        part: fields.part,
        ..Peeled::plain(text, fields.outer)
    })
}

/// The message of an entry whose members cannot be read one by one. Its key stands between bare quotes, which no value holds.
#[cold]
fn find_message(text: &[u8]) -> Option<Value<'_>> {
    let key = b"\"MESSAGE\":\"";
    let at = memmem::find(text, key)? + key.len() - 1;
    Members::string_at(text, at)
}

/// What the fields say, apart from the message.
#[derive(Default)]
struct Fields<'a> {
    outer: Outer<'a>,
    part: Part,
    /// A field was seen that only the journal writes.
    is_journal: bool,
}

impl<'a> Fields<'a> {
    fn is_wanted(&self, key: &[u8]) -> bool {
        key.starts_with(b"_")
            || [&b"SYSLOG_IDENTIFIER"[..], b"PRIORITY", b"UNIT"].contains(&key)
            || key.starts_with(b"CONTAINER_")
    }

    fn collect(&mut self, key: &[u8], value: &'a [u8]) {
        let outer = &mut self.outer;
        match key {
            b"__REALTIME_TIMESTAMP" => {
                outer.time = stamp::micros(value);
                self.is_journal = true;
            }
            b"__CURSOR" | b"__MONOTONIC_TIMESTAMP" | b"_BOOT_ID" => self.is_journal = true,
            b"_HOSTNAME" => outer.host = Some(value),
            b"SYSLOG_IDENTIFIER" => outer.tag = Some(value),
            b"_COMM" => outer.tag = outer.tag.or(Some(value)),
            b"_PID" => outer.pid = stamp::number(value).and_then(|pid| u64::try_from(pid).ok()),
            b"_SYSTEMD_UNIT" => outer.unit = outer.unit.or(Some(value)),
            // What the first process says about a unit.
            b"UNIT" => outer.unit = Some(value),
            b"PRIORITY" => {
                let number = stamp::number(value).and_then(|n| usize::try_from(n).ok());
                outer.level = number.and_then(|n| Level::ALL.get(n)).copied();
            }
            b"CONTAINER_NAME" => outer.container = Some(value),
            b"CONTAINER_PARTIAL_MESSAGE" if value == b"true" => self.part = Part::More,
            // `nul`, `eof` and `pid-change` end a line like a newline does.
            b"_LINE_BREAK" if value == b"line-max" => self.part = Part::More,
            _ => {}
        }
    }
}

/// One entry of an export, as [`block_len`] cuts it.
pub(super) fn export<'a>(entry: &'a [u8]) -> Option<Peeled<'a>> {
    let mut fields = Fields::default();
    let (mut at, mut message) = (0, None);
    while let Some(field) = next_field(entry, at) {
        at = field.next;
        match field.key {
            b"MESSAGE" => message = message.or(Some(field.value)),
            key => fields.collect(key, field.value),
        }
    }
    fields.is_journal.then(|| Peeled {
        part: fields.part,
        ..Peeled::plain(message.unwrap_or(&entry[entry.len()..]), fields.outer)
    })
}

/// A field of an export; an empty line has an empty key.
struct Field<'a> {
    key: &'a [u8],
    value: &'a [u8],
    next: usize,
}

/// The field at `at`; `None` at the end. A line without `=` that no length fits is a field without value.
fn next_field(bytes: &[u8], at: usize) -> Option<Field<'_>> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let end = memchr(b'\n', rest).unwrap_or(rest.len());
    let line = &rest[..end];
    let next = (at + end + 1).min(bytes.len());
    if let Some(equals) = memchr(b'=', line) {
        return Some(Field {
            key: &line[..equals],
            value: &line[equals + 1..],
            next,
        });
    }
    if !line.is_empty()
        && let Some(len) = bytes[next..].first_chunk::<8>()
        && let Ok(len) = usize::try_from(u64::from_le_bytes(*len))
        && let Some(value) = next
            .checked_add(8 + len.min(bytes.len()))
            .and_then(|end| bytes.get(next + 8..end))
        && value.len() == len
        && matches!(bytes.get(next + 8 + len), Some(b'\n') | None)
    {
        let next = (next + 8 + len + 1).min(bytes.len());
        return Some(Field {
            key: line,
            value,
            next,
        });
    }
    Some(Field {
        key: line,
        value: &[],
        next,
    })
}

/// One entry of `-o verbose`: a time, then fields, each indented by four blanks; further lines of a value stand further in.
pub(super) fn verbose<'a>(entry: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    let (time, rest) = syslog::full_time(entry)?;
    rest.strip_prefix(b"[")?;
    let mut fields = Fields::default();
    let mut message: Option<&[u8]> = None;
    let mut buffer: Option<&'a mut Vec<u8>> = None; // for a message of several lines
    let mut is_message = false;
    for line in rest.split(|b| *b == b'\n').skip(1) {
        match (verbose_field(line), message) {
            (Some((b"MESSAGE", value)), None) => {
                message = Some(value);
                is_message = true;
                continue;
            }
            (Some((key, value)), _) => {
                fields.collect(key, value);
                is_message = false;
            }
            (None, Some(first)) if is_message && !line.is_empty() => {
                if buffer.is_none() {
                    buffer = pool.take();
                    buffer
                        .iter_mut()
                        .for_each(|out| out.extend_from_slice(first));
                }
                if let Some(out) = &mut buffer {
                    out.push(b'\n');
                    out.extend_from_slice(super::continuation(line, 12).unwrap_or(line));
                }
            }
            _ => {}
        }
    }
    fields.outer.time = fields.outer.time.or(time);
    let is_decoded = buffer.is_some();
    let text = buffer.map_or(message?, |out| out);
    Some(Peeled {
        part: fields.part,
        is_decoded,
        ..Peeled::plain(text, fields.outer)
    })
}

/// `    KEY=VALUE`, indented by exactly four blanks.
fn verbose_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let field = line.strip_prefix(b"    ")?;
    let equals = memchr(b'=', field)?;
    let is_inside = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
    let key = &field[..equals];
    (!key.is_empty() && key.iter().all(is_inside)).then(|| (key, &field[equals + 1..]))
}

/// How many bytes at the start of `bytes` belong to one entry of a source whose outermost layer is `wrapper`, terminators
/// included; 0 only for no bytes. [`strip`](super::strip) takes such an entry as its line. Of wrappers that are no
/// [blocks](Wrapper::is_block) an entry is a line.
///
/// Entries of an export can only be found from the start of the source on: a value may hold anything, also what looks like
/// the start of an entry.
pub fn block_len(wrapper: Wrapper, bytes: &[u8]) -> usize {
    match wrapper {
        Wrapper::JournalExport => export_len(bytes),
        Wrapper::JournalPretty => lines_len(bytes, |n, line| match n {
            0 if line.starts_with(b"{") => line.len() > 1 && line.ends_with(b"}"),
            0 => true,
            _ => line == b"}",
        }),
        Wrapper::JournalVerbose => {
            let first = line_len(bytes);
            let mut len = first;
            while bytes[len..].starts_with(b" ") {
                len += line_len(&bytes[len..]);
            }
            len
        }
        _ => line_len(bytes),
    }
}

/// An export's entry ends with an empty line; those before it belong to it.
fn export_len(bytes: &[u8]) -> usize {
    let (mut at, mut n_fields) = (0, 0);
    while let Some(field) = next_field(bytes, at) {
        at = field.next;
        match field.key {
            b"" if field.value.is_empty() && n_fields > 0 => return at,
            b"" => {}
            _ => n_fields += 1,
        }
    }
    bytes.len()
}

/// Bytes up to and with the line for which `is_last` holds.
fn lines_len(bytes: &[u8], is_last: impl Fn(usize, &[u8]) -> bool) -> usize {
    let mut at = 0;
    for n in 0.. {
        let len = line_len(&bytes[at..]);
        if len == 0 {
            break;
        }
        let line = bytes[at..at + len].trim_ascii_end();
        at += len;
        if is_last(n, line) {
            break;
        }
    }
    at
}

fn line_len(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1)
}
