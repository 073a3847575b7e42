//! One line taken apart: which bytes are values, and what stands around them.
//!
//! ```text
//! line  = { text | value }
//! value = time | "…" | request | list | word       after: nothing, `label=`, `label:`, words that are a label
//! ```
//!
//! Lines of fields between tabs, pipes or semicolons are split there first. What is a value here may be text in the format: a
//! variable that always says the same reads the same lines. Whether a template is right is seen by whether other lines fit.

use super::{
    label::{Label, label},
    shape::{are_peers, is_method, is_request, is_status},
};
use crate::parse::access::{class::Class, field::Field, step::is_escaped};
use std::ops::Range;

/// A line taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) columns: Vec<Column>,
    /// The text behind the last value.
    pub(super) tail: Vec<u8>,
}

/// A value, and the text before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) before: Vec<u8>,
    pub(super) value: Range<usize>,
    pub(super) kind: Kind,
    pub(super) label: Option<Label>,
}

/// How the value was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Addresses,
    Numbers,
    /// Between quotes.
    Quoted,
    /// A request line that no quotes hold.
    Request,
    LocalTime,
    IsoTime,
    EpochTime,
    /// Whoever is logged in, before the time of `combined`.
    User,
    /// The address before that.
    Client,
    /// A field between separators.
    Field,
    Word,
}

/// Columns of one line: more are no log.
const COLUMNS_MAX: usize = 100;

/// Takes `line` apart. `None`: there is no time in it, or it is no text of this kind (JSON).
pub(super) fn template(line: &[u8]) -> Option<Template> {
    if line.first() == Some(&b'{') || line.contains(&b'$') && !line.contains(&b'"') {
        return None;
    }
    let mut scan = Scan {
        line,
        at: 0,
        text: Vec::new(),
        label: None,
        columns: Vec::new(),
    };
    match separator(line) {
        Some(separator) => scan.fields(separator),
        None => scan.words(),
    }
    let is_time = |column: &Column| {
        matches!(
            column.kind,
            Kind::LocalTime | Kind::IsoTime | Kind::EpochTime
        )
    };
    let has_dollar = |column: &Column| column.before.contains(&b'$');
    let is_usable = scan.columns.len() <= COLUMNS_MAX
        && scan.columns.iter().any(is_time)
        && !scan.columns.iter().any(has_dollar)
        && !scan.text.contains(&b'$');
    is_usable.then_some(Template {
        columns: scan.columns,
        tail: scan.text,
    })
}

/// What separates the fields of `line`, if it is made of at least four and one of them is a time.
fn separator(line: &[u8]) -> Option<&'static [u8]> {
    const SEPARATORS: &[&[u8]] = &[b"\t", b" | ", b"|", b"\x01", b" ; ", b";"];
    let is_table = |separator: &&&[u8]| {
        let fields = split(line, separator);
        let is_time = |field: &Range<usize>| {
            let mut field = &line[field.clone()];
            if let Some(at) = labelled(field).filter(|_| **separator == b"\t") {
                field = &field[at..];
            }
            let bare = |field| strip(strip(field, b"[", b"]"), b"\"", b"\"");
            time(bare(field), 0).is_some_and(|(end, _)| end == bare(field).len())
        };
        fields.len() >= 4 && fields.iter().any(is_time)
    };
    SEPARATORS.iter().find(is_table).copied()
}

fn strip<'a>(text: &'a [u8], open: &[u8], close: &[u8]) -> &'a [u8] {
    let inside = text
        .strip_prefix(open)
        .and_then(|text| text.strip_suffix(close));
    inside.unwrap_or(text)
}

fn split(line: &[u8], separator: &[u8]) -> Vec<Range<usize>> {
    let mut fields = Vec::new();
    let mut from = 0;
    for at in memchr::memmem::find_iter(line, separator) {
        fields.push(from..at);
        from = at + separator.len();
    }
    fields.push(from..line.len());
    fields
}

/// Length of `label:` before a field of a labelled table.
fn labelled(field: &[u8]) -> Option<usize> {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let n = field.iter().take_while(is_name).count();
    let is_label =
        n > 0 && field[0].is_ascii_alphabetic() && matches!(field.get(n), Some(b':' | b'='));
    is_label.then_some(n + 1)
}

/// The end of the time that begins at `at`, and its form.
fn time(line: &[u8], at: usize) -> Option<(usize, Kind)> {
    let forms = [
        (Class::LocalTime, Kind::LocalTime),
        (Class::IsoTime, Kind::IsoTime),
        (Class::EpochTime, Kind::EpochTime),
    ];
    let (end, kind) = forms
        .into_iter()
        .find_map(|(class, kind)| Some((class.end(line, at)?, kind)))?;
    // Seconds since 1970 have ten digits, from 2001 to 2286.
    let is_other = kind == Kind::EpochTime && end - at != 14;
    let goes_on = line.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (!is_other && !goes_on).then_some((end, kind))
}

struct Scan<'a> {
    line: &'a [u8],
    at: usize,
    /// Since the last value.
    text: Vec<u8>,
    /// Of the value to come.
    label: Option<Label>,
    columns: Vec<Column>,
}

impl Scan<'_> {
    fn text_to(&mut self, end: usize) {
        self.text.extend_from_slice(&self.line[self.at..end]);
        self.at = end;
    }

    fn value_to(&mut self, end: usize, kind: Kind) {
        self.columns.push(Column {
            before: std::mem::take(&mut self.text),
            value: self.at..end,
            kind,
            label: self.label.take(),
        });
        self.at = end;
    }

    /// A line of fields with `separator` between them, with labels or without.
    fn fields(&mut self, separator: &[u8]) {
        for field in split(self.line, separator) {
            self.text_to(field.start);
            let (mut start, mut end) = (field.start, field.end);
            if separator == b"\t"
                && let Some(len) = labelled(&self.line[field.clone()])
            {
                self.label = label(&self.line[start..start + len - 1]);
                start += len;
            }
            for (open, close) in [(b'[', b']'), (b'"', b'"')] {
                let is_held =
                    end - start >= 2 && self.line[start] == open && self.line[end - 1] == close;
                if is_held {
                    (start, end) = (start + 1, end - 1);
                }
            }
            self.text_to(start);
            let whole = |class: Class| class.end(&self.line[..end], start) == Some(end);
            let kind = match time(&self.line[..end], start) {
                Some((found, kind)) if found == end => kind,
                _ if is_request(&self.line[start..end]) => Kind::Request,
                _ if start < end && whole(Class::Numbers) && self.line[start] != b'-' => {
                    Kind::Numbers
                }
                _ if are_peers(&self.line[start..end]) => Kind::Addresses,
                _ => Kind::Field,
            };
            self.value_to(end, kind);
        }
    }

    /// A line of words.
    fn words(&mut self) {
        self.head_of_combined();
        while let Some(&byte) = self.line.get(self.at) {
            let is_new = self.at == 0 || !self.line[self.at - 1].is_ascii_alphanumeric();
            match byte {
                _ if is_new && let Some((end, kind)) = time(self.line, self.at) => {
                    self.value_to(end, kind);
                }
                b'"' => self.quoted(),
                b'[' if self.line.get(self.at + 1) == Some(&b']') => {
                    self.text_to(self.at + 1);
                    self.value_to(self.at, Kind::Word);
                }
                b' ' | b'\t' | b'[' | b']' | b'(' | b')' | b'|' | b';' | b',' => {
                    self.text_to(self.at + 1);
                }
                _ => self.word(),
            }
        }
    }

    /// `CLIENT - USER [TIME]`, with other words before it or other parts between dashes.
    fn head_of_combined(&mut self) {
        let brackets = memchr::memchr_iter(b'[', self.line);
        let is_time = |at: &usize| matches!(time(self.line, at + 1), Some((_, Kind::LocalTime)));
        let Some(bracket) = { brackets }.find(is_time) else {
            return;
        };
        let Some(prefix) = self.line[..bracket].strip_suffix(b" ") else {
            return;
        };
        let Some(dash) = memchr::memmem::find(prefix, b" - ") else {
            return;
        };
        if prefix[..dash].contains(&b'"') {
            return;
        }
        let client = memchr::memrchr(b' ', &prefix[..dash]).map_or(0, |blank| blank + 1);
        while self.at < client {
            let end = self.at
                + self.line[self.at..]
                    .iter()
                    .take_while(|byte| **byte != b' ')
                    .count();
            self.value_to(end, Kind::Word);
            self.text_to(end + 1);
        }
        self.value_to(dash, Kind::Client);
        self.text_to(dash + 3);
        // `[ADDRESS] - ` of old controllers, or other words without blanks.
        while let Some(next) = memchr::memmem::find(&prefix[self.at..], b" - ") {
            let end = self.at + next;
            if self.line[self.at..end].contains(&b' ') {
                break;
            }
            self.value_to(end, Kind::Word);
            self.text_to(end + 3);
        }
        self.value_to(prefix.len(), Kind::User);
    }

    fn quoted(&mut self) {
        self.text_to(self.at + 1);
        let from = self.at;
        let quotes = memchr::memchr_iter(b'"', &self.line[from..]).map(|at| from + at);
        let close = { quotes }.find(|&at| !is_escaped(self.line, from, at));
        let end = close.unwrap_or(self.line.len());
        let kind = match time(self.line, from) {
            Some((found, kind)) if found == end => kind,
            _ => Kind::Quoted,
        };
        self.value_to(end, kind);
        if close.is_some() {
            self.text_to(end + 1);
        }
    }

    fn word(&mut self) {
        if let Some(len) = self.label_len() {
            self.text_to(self.at + len);
            // A label at the end of the line, or before a blank it does not belong to, has an empty value.
            if !matches!(self.line.get(self.at), Some(byte) if !b" ]\t".contains(byte)) {
                self.value_to(self.at, Kind::Word);
            }
            return;
        }
        let rest = &self.line[self.at..];
        if let Some(len) = request_len(rest) {
            self.value_to(self.at + len, Kind::Request);
            return;
        }
        let is_end = |byte: &u8| b" \t\"|]".contains(byte);
        let bracketed = rest
            .starts_with(b"[")
            .then(|| rest.iter().position(|byte| *byte == b']'));
        let skipped = bracketed.flatten().map_or(0, |at| at + 1);
        let len = rest[skipped..]
            .iter()
            .position(is_end)
            .map_or(rest.len(), |at| skipped + at);
        let list = |class: Class| {
            class
                .end(self.line, self.at)
                .filter(|end| *end >= self.at + len)
        };
        let value = rest[..len].strip_suffix(b",").unwrap_or(&rest[..len]);
        if Class::Numbers.end(value, 0) == Some(value.len())
            && value != b"-"
            && let Some(end) = list(Class::Numbers)
        {
            self.value_to(end, Kind::Numbers);
        } else if are_peers(value)
            && let Some(end) = list(Class::Addresses)
        {
            self.value_to(end, Kind::Addresses);
        } else if let Some(peer) = value.strip_suffix(b":").filter(|peer| are_peers(peer)) {
            self.value_to(self.at + peer.len(), Kind::Addresses);
            self.text_to(self.at + 1);
        } else {
            let end = self.at + value.len().max(1);
            self.value_to(end, Kind::Word);
        }
    }

    /// Bytes of the label that begins here, with the sign behind it, and notes what it says.
    fn label_len(&mut self) -> Option<usize> {
        let rest = &self.line[self.at..];
        // `label=value`, whatever the label says.
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let n = rest.iter().take_while(is_name).count();
        if n > 0 && rest[0].is_ascii_alphabetic() && rest.get(n) == Some(&b'=') {
            self.label = label(&rest[..n]);
            return Some(n + 1);
        }
        // Up to four words that are a label together, and a sign or a blank before the value.
        let mut found = None;
        let mut end = 0;
        for _ in 0..4 {
            let n = rest[end..].iter().take_while(is_name).count();
            if n == 0 || !rest[end].is_ascii_alphabetic() {
                break;
            }
            end += n;
            let sign = match rest.get(end..) {
                Some([b'=', ..]) => 1,
                Some([b':', b' ', ..]) => 2,
                Some([b':', b'"', ..]) => 1,
                Some([b' ', ..]) => 1,
                _ => break,
            };
            let is_sure = sign == 2 || rest[end] != b' ' || has_several_words(&rest[..end]);
            let is_believed = |label: &Label| {
                let is_before_status = || is_status_word(&rest[end + sign..]);
                let is_of_status = label.field == Field::Status && is_before_status();
                is_sure || self.is_in_bracket() || is_of_status
            };
            if let Some(label) = label(&rest[..end]).filter(is_believed) {
                found = Some((end + sign, label));
            }
            if rest[end] != b' ' {
                break;
            }
            end += 1;
        }
        let (len, label) = found?;
        self.label = Some(label);
        Some(len)
    }

    /// Whether the last text ends with an opening bracket.
    fn is_in_bracket(&self) -> bool {
        self.text.last() == Some(&b'[')
    }
}

/// Whether the first word of `text` is a status.
fn is_status_word(text: &[u8]) -> bool {
    let mut words = text.split(|byte| *byte == b' ');
    words.next().is_some_and(is_status)
}

/// Whether a label consists of more than one word, by blanks or by `_`: such a one is hardly a value.
fn has_several_words(label: &[u8]) -> bool {
    label.iter().any(|byte| matches!(byte, b' ' | b'_')) || label == b"msec"
}

/// Bytes of the request line that `text` begins with.
fn request_len(text: &[u8]) -> Option<usize> {
    let blank = memchr::memchr(b' ', text)?;
    if !is_method(&text[..blank]) {
        return None;
    }
    let protocol = memchr::memmem::find(text, b" HTTP/")?;
    let is_end = |byte: &u8| !byte.is_ascii_digit() && *byte != b'.';
    let version = &text[protocol + 6..];
    let len = version.iter().position(is_end).unwrap_or(version.len());
    (len > 0 && !text[..protocol].contains(&b'"')).then_some(protocol + 6 + len)
}
