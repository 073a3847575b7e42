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
    lines::without_return,
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
    if let Some(Value::Other(b"null")) = message {
        fields.part = Part::LeftOut;
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
    // Of an entry that was cut, what tells the journal may be gone.
    (fields.is_journal || message.is_some()).then(|| Peeled {
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

/// The field at `at`; `None` at the end. A line without `=` that no length fits is a field without value; a value that goes on
/// behind the end is what is there of it. No value that is written as text holds a carriage return: one before the newline came
/// with a copy.
fn next_field(bytes: &[u8], at: usize) -> Option<Field<'_>> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let end = memchr(b'\n', rest).unwrap_or(rest.len());
    let line = without_return(&rest[..end]);
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
        // Eight bytes of text are a greater number.
        && let Ok(len) = u32::try_from(u64::from_le_bytes(*len))
        && let value = &bytes[next + 8..]
        && let len = value.len().min(len as usize)
        && matches!(value.get(len), Some(b'\n') | None)
    {
        return Some(Field {
            key: line,
            value: &value[..len],
            next: (next + 8 + len + 1).min(bytes.len()),
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
    let time = match syslog::full_time(entry) {
        Some((time, rest)) if rest.starts_with(b"[") => time,
        // Its head was lost.
        _ => {
            verbose_field(entry)?;
            None
        }
    };
    let mut fields = Fields::default();
    let mut message: Option<&[u8]> = None;
    let mut buffer: Option<&'a mut Vec<u8>> = None; // for a message of several lines
    let mut is_message = false;
    for line in entry.split(|b| *b == b'\n').map(without_return) {
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
/// An entry that was cut, or lost its end, does not take the next one in: that begins where a field stands that no entry has twice.
///
/// Entries of an export can only be found from the start of the source on: a value may hold anything, also what looks like
/// the start of an entry.
pub fn block_len(wrapper: Wrapper, bytes: &[u8]) -> usize {
    match wrapper {
        Wrapper::JournalExport => export_len(bytes),
        Wrapper::JournalPretty => pretty_len(bytes),
        Wrapper::JournalVerbose => verbose_len(bytes),
        _ => line_len(bytes),
    }
}

/// An export's entry ends with an empty line; those before it belong to it.
fn export_len(bytes: &[u8]) -> usize {
    let (mut at, mut n_fields) = (0, 0);
    let mut seen = [false; 2];
    while let Some(field) = next_field(bytes, at) {
        let is_another = match field.key {
            b"" if field.value.is_empty() && n_fields > 0 => return field.next,
            b"__CURSOR" => n_fields > 0,
            b"__REALTIME_TIMESTAMP" => std::mem::replace(&mut seen[0], true),
            b"MESSAGE" => std::mem::replace(&mut seen[1], true),
            _ => false,
        };
        if is_another {
            return at;
        }
        n_fields += usize::from(!field.key.is_empty());
        at = field.next;
    }
    bytes.len()
}

/// An entry of `json-pretty` ends with its brace, or before the next one's, which may stand behind a line that was cut.
fn pretty_len(bytes: &[u8]) -> usize {
    let mut at = line_len(bytes);
    let first = bytes[..at].trim_ascii_end();
    if !first.starts_with(b"{") || (first.len() > 1 && first.ends_with(b"}")) {
        return at;
    }
    while at < bytes.len() {
        let next = at + line_len(&bytes[at..]);
        let line = bytes[at..next].trim_ascii_end();
        if line == b"}" {
            return next;
        }
        // No member ends so.
        if line.ends_with(b"{") {
            return at + line.len() - 1;
        }
        at = next;
    }
    at
}

/// An entry of `verbose` is a line and all below it that are indented. Where the first field stands once more, or a message, the
/// line was lost.
fn verbose_len(bytes: &[u8]) -> usize {
    let mut at = line_len(bytes);
    let key_of = |at: usize, len: usize| verbose_field(&bytes[at..at + len]).map(|(key, _)| key);
    let mut first = key_of(0, at);
    let mut has_message = first == Some(b"MESSAGE");
    while bytes[at..].starts_with(b" ") {
        let len = line_len(&bytes[at..]);
        let key = key_of(at, len);
        let is_message = key == Some(b"MESSAGE");
        if key.is_some() && (key == first || (is_message && has_message)) {
            break;
        }
        first = first.or(key);
        has_message |= is_message;
        at += len;
    }
    at
}

fn line_len(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1)
}

/// Whether `journalctl` shows instead of a message only how long it is, `[16B blob data]`, since it has bytes that are not printable
/// (systemd `shared/logs-show.c`, `output_short`).
pub(super) fn is_blob(text: &[u8]) -> bool {
    let len = text
        .strip_prefix(b"[")
        .and_then(|text| text.strip_suffix(b" blob data]"));
    len.is_some_and(|len| len.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.'))
}
