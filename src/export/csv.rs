//! CSV by RFC 4180, safe to open in a spreadsheet: a text that would be taken for a formula gets an apostrophe before it.
//!
//! Written by hand, because tables hold millions of cells and a general writer takes as long for them as the scan for the log;
//! the tests hold it to the `csv` crate.

use super::{schema::Table, time};
use std::io::{self, Write};

/// The header line of `table`.
pub fn header(table: &Table) -> Vec<u8> {
    let mut lines = Lines::default();
    for column in table.columns {
        lines.text(column.name);
    }
    lines.end_row();
    lines.bytes
}

/// Lines being written.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// The row has a cell already.
    is_begun: bool,
    dates: time::Dates,
}

impl Lines {
    pub fn null(&mut self) {
        self.next_cell();
    }

    pub fn text(&mut self, text: &str) {
        self.next_cell();
        let formula = if runs(text) { "'" } else { "" };
        // Without an early end, so that many bytes are looked at at once.
        let is_special = |byte| (byte == b'"') | (byte == b',') | (byte == b'\r') | (byte == b'\n');
        if !text.bytes().fold(false, |any, byte| any | is_special(byte)) {
            self.bytes.extend_from_slice(formula.as_bytes());
            self.bytes.extend_from_slice(text.as_bytes());
            return;
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(formula.as_bytes());
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                self.bytes.extend_from_slice(b"\"\"");
            }
            self.bytes.extend_from_slice(part.as_bytes());
        }
        self.bytes.push(b'"');
    }

    /// A text that needs no quotes and is no formula.
    pub fn word(&mut self, text: &str) {
        self.plain(text.as_bytes());
    }

    /// Like [`word`](Self::word), for bytes that [are plain](is_plain).
    pub fn plain(&mut self, text: &[u8]) {
        self.next_cell();
        self.bytes.extend_from_slice(text);
    }

    /// `SOURCE:LINE@OFFSET`, for a source whose name is plain.
    pub fn place(&mut self, source: &str, line: u64, offset: u64) {
        self.plain(source.as_bytes());
        let mut digits = itoa::Buffer::new();
        for (before, number) in [(b':', line), (b'@', offset)] {
            self.bytes.push(before);
            self.bytes
                .extend_from_slice(digits.format(number).as_bytes());
        }
    }

    pub fn integer(&mut self, number: i64) {
        self.next_cell();
        let mut digits = itoa::Buffer::new();
        self.bytes
            .extend_from_slice(digits.format(number).as_bytes());
    }

    /// A second since 1970, UTC.
    pub fn time(&mut self, second: i64) {
        self.next_cell();
        self.bytes.extend_from_slice(&self.dates.rfc3339(second));
    }

    pub fn end_row(&mut self) {
        self.bytes.extend_from_slice(b"\r\n");
        self.is_begun = false;
    }

    /// Writes the rows to `sink` and is empty again, with room for as many.
    pub fn drain_to(&mut self, sink: &mut impl Write) -> io::Result<()> {
        sink.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    #[inline]
    fn next_cell(&mut self) {
        if self.is_begun {
            self.bytes.push(b',');
        }
        self.is_begun = true;
    }
}

/// Whether `text` is of printable ASCII alone and written as it is: without quotes, without an apostrophe before it.
pub fn is_plain(text: &[u8]) -> bool {
    const LEN: usize = 16;
    let is_special =
        |byte: u8| (byte.wrapping_sub(b' ') > b'~' - b' ') | (byte == b'"') | (byte == b',');
    // Without an early end, so that a block is looked at at once; the last may overlap the one before.
    let has_special = |block: &[u8; LEN]| {
        block
            .iter()
            .fold(false, |any, &byte| any | is_special(byte))
    };
    let end = match text.last_chunk() {
        Some(end) => *end,
        None => {
            let mut end = [b'a'; LEN];
            end[..text.len()].copy_from_slice(text);
            end
        }
    };
    let (blocks, _) = text.as_chunks::<LEN>();
    !matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@'))
        && !blocks.iter().chain([&end]).any(has_special)
}

/// Whether a spreadsheet would run `text` (OWASP, "CSV injection").
fn runs(text: &str) -> bool {
    match text.as_bytes() {
        [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n', ..] => true,
        [0xef, ..] => text.starts_with(['＝', '＋', '－', '＠']),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_formulas() {
        let mut lines = Lines::default();
        lines.time(1_795_173_826);
        lines.text("=1+1");
        lines.text("a\"b,c\nd");
        lines.null();
        lines.integer(-7);
        lines.end_row();
        lines.text("－1");
        lines.text("-1,\"");
        lines.end_row();
        let text = String::from_utf8(lines.bytes).expect("UTF-8");
        assert_eq!(
            text,
            "2026-11-20T11:23:46Z,'=1+1,\"a\"\"b,c\nd\",,-7\r\n'－1,\"'-1,\"\"\"\r\n"
        );
    }

    #[test]
    fn plain_texts_are_written_as_they_are() {
        for len in 0..40 {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut text = vec![b'x'; len];
                    text[at] = byte;
                    let shown = crate::text::for_table(&text);
                    let mut lines = Lines::default();
                    lines.text(&shown);
                    let is_same = lines.bytes == text;
                    // Beyond ASCII, and with a tab, a text may be written as it is but is not plain.
                    let is_plain = is_same && byte.is_ascii() && byte != b'\t';
                    assert_eq!(super::is_plain(&text), is_plain, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn as_the_csv_crate_writes_it() {
        let texts = [
            "", "a", "a b", "\"", "\"\"x", "a,b", "a\rb", "a\nb", "é,ü", "a\tb", ",", "x\"",
        ];
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        let mut lines = Lines::default();
        for a in texts {
            for b in texts {
                writer.write_record([a, "7", b]).expect("memory");
                lines.text(a);
                lines.integer(7);
                lines.text(b);
                lines.end_row();
            }
        }
        assert_eq!(lines.bytes, writer.into_inner().expect("memory"));
    }
}
