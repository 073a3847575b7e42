//! CSV by RFC 4180, safe to open in a spreadsheet: a text that would be taken for a formula gets an apostrophe before it.

use super::schema::{Table, Value};
use std::{fmt::Write as _, io};

/// The header line of `table`.
pub fn header(table: &Table) -> io::Result<Vec<u8>> {
    written(|writer| writer.write_record(table.columns.iter().map(|column| column.name)))
}

/// The lines of `rows`, with `\r\n` between them and empty cells for absent values.
pub fn lines(rows: &[Vec<Value>]) -> io::Result<Vec<u8>> {
    let mut cell = String::new();
    written(|writer| {
        for row in rows {
            for value in row {
                cell.clear();
                match value {
                    Value::Null => writer.write_field("")?,
                    Value::Text(text) => writer.write_field(&*harmless(text))?,
                    Value::Word(text) => writer.write_field(text)?,
                    Value::Integer(number) => {
                        let _ = write!(cell, "{number}"); // a String takes it
                        writer.write_field(&cell)?;
                    }
                    Value::Time(second) => {
                        push_rfc3339(*second, &mut cell);
                        writer.write_field(&cell)?;
                    }
                }
            }
            writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    })
}

fn written(
    write: impl FnOnce(&mut csv::Writer<&mut Vec<u8>>) -> csv::Result<()>,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(&mut bytes);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    Ok(bytes)
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

/// `2026-11-20T11:23:46Z`.
pub fn rfc3339(second: i64) -> String {
    let mut text = String::with_capacity(20);
    push_rfc3339(second, &mut text);
    text
}

/// By hand, because tables hold millions of times and chrono's formatter reads its pattern each time.
fn push_rfc3339(second: i64, text: &mut String) {
    use chrono::{Datelike, Timelike};
    let Some(time) = chrono::DateTime::from_timestamp(second, 0) else {
        return;
    };
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
        let mut row = vec![
            Value::Time(1_795_173_826),
            Value::Text("=1+1".into()),
            Value::Text("a\"b,c\nd".into()),
            Value::Null,
            Value::Integer(-7),
        ];
        row.resize(11, Value::Null);
        let line = String::from_utf8(lines(&[row]).expect("memory")).expect("UTF-8");
        assert_eq!(
            line,
            "2026-11-20T11:23:46Z,'=1+1,\"a\"\"b,c\nd\",,-7,,,,,,\r\n"
        );
    }
}
