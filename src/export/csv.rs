//! CSV by RFC 4180, safe to open in a spreadsheet: a text that would be taken for a formula gets an apostrophe before it.

use super::{
    RowWriter,
    schema::{Table, Value},
};
use std::io::{self, Write};

/// Writes rows with a header line, `\r\n` between lines, empty cells for absent values.
pub struct CsvRows<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> CsvRows<W> {
    pub fn new(table: &Table, sink: W) -> io::Result<CsvRows<W>> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(sink);
        writer
            .write_record(table.columns.iter().map(|column| column.name))
            .map_err(cause)?;
        Ok(CsvRows { writer })
    }
}

impl<W: Write> RowWriter for CsvRows<W> {
    fn write(&mut self, rows: &[Vec<Value>]) -> io::Result<()> {
        self.write_all(rows).map_err(cause)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The I/O error behind an error of the CSV writer, with its kind.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

impl<W: Write> CsvRows<W> {
    fn write_all(&mut self, rows: &[Vec<Value>]) -> csv::Result<()> {
        for row in rows {
            for value in row {
                match value {
                    Value::Null => self.writer.write_field("")?,
                    Value::Text(text) => self.writer.write_field(&*harmless(text))?,
                    Value::Word(text) => self.writer.write_field(text)?,
                    Value::Integer(number) => self.writer.write_field(number.to_string())?,
                    Value::Time(second) => self.writer.write_field(rfc3339(*second))?,
                }
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }
}

/// `text` with an apostrophe before it if a spreadsheet would run it (OWASP, "CSV injection").
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if runs {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

/// `2026-11-20T11:23:46Z`. By hand, because tables hold millions of them and chrono's formatter reads its pattern each time.
pub fn rfc3339(second: i64) -> String {
    use chrono::{Datelike, Timelike};
    let Some(time) = chrono::DateTime::from_timestamp(second, 0) else {
        return String::new();
    };
    let mut text = String::with_capacity(20);
    let parts = [
        (time.year().unsigned_abs() / 100, ""),
        (time.year().unsigned_abs() % 100, "-"),
        (time.month(), "-"),
        (time.day(), "T"),
        (time.hour(), ":"),
        (time.minute(), ":"),
        (time.second(), "Z"),
    ];
    for (number, behind) in parts {
        text.extend([number / 10, number % 10].map(|digit| char::from(b'0' + digit as u8)));
        text.push_str(behind);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_chrono_writes_them() {
        for second in [0, 951_782_400, 1_795_173_826, 4_102_444_799] {
            let time = chrono::DateTime::from_timestamp(second, 0).expect("in range");
            assert_eq!(
                rfc3339(second),
                time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
            );
        }
    }

    #[test]
    fn quotes_and_formulas() {
        let mut out = Vec::new();
        let mut writer =
            Box::new(CsvRows::new(&super::super::schema::FAILURES, &mut out).expect("memory"));
        let mut row = vec![
            Value::Time(1_795_173_826),
            Value::Text("=1+1".into()),
            Value::Text("a\"b,c\nd".into()),
            Value::Null,
            Value::Integer(-7),
        ];
        row.resize(11, Value::Null);
        writer.write(&[row]).expect("memory");
        writer.finish().expect("memory");
        let text = String::from_utf8(out).expect("UTF-8");
        let (_, line) = text.split_once("\r\n").expect("a header");
        assert_eq!(
            line,
            "2026-11-20T11:23:46Z,'=1+1,\"a\"\"b,c\nd\",,-7,,,,,,\r\n"
        );
    }
}
