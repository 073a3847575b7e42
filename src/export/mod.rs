//! The tables, in formats for other programs.
//!
//! [`schema`] names every column once; [`rows`] fills them; [`csv`], [`jsonl`] and `frame` (Parquet and Arrow, through
//! polars) write the same values; [`output`] makes a file appear whole or not at all.

pub mod csv;
#[cfg(feature = "polars")]
pub mod frame;
pub mod jsonl;
pub mod output;
pub mod rows;
pub mod schema;
pub mod temporary;
pub mod time;

pub use output::{Output, Target};
pub use rows::Names;
pub use schema::{Column, ColumnType, Table, Value};
pub use temporary::{NewDirectories, Temporary};

use crate::{error::Error, redact::Shown};
use std::{io, io::Write, path::Path};

/// A format of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Arrow,
    Csv,
    Jsonl,
    Parquet,
}

impl Format {
    pub const ALL: [Format; 4] = [Format::Arrow, Format::Csv, Format::Jsonl, Format::Parquet];

    /// The file name extension, which is also the name of the format.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Arrow => "arrow",
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
            Format::Parquet => "parquet",
        }
    }

    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(name))
    }

    /// The format a file name asks for.
    pub fn of_path(path: &Path) -> Option<Format> {
        Format::from_name(path.extension()?.to_str()?)
    }
}

/// Rows of a table, made ready for a format value by value; any thread may do this. Each row has a value per column, in the
/// order of the table, and an end.
#[derive(Debug)]
pub enum Sheet {
    Csv(csv::Lines),
    Jsonl(jsonl::Lines),
    /// For formats of columns, whose rows are grouped first: whole rows, and the one begun.
    Rows(Vec<Vec<Value>>, Vec<Value>),
}

impl Sheet {
    pub fn new(table: &'static Table, format: Format) -> Sheet {
        match format {
            Format::Csv => Sheet::Csv(csv::Lines::default()),
            Format::Jsonl => Sheet::Jsonl(jsonl::Lines::new(table)),
            Format::Parquet | Format::Arrow => Sheet::Rows(Vec::new(), Vec::new()),
        }
    }

    pub fn null(&mut self) {
        match self {
            Sheet::Csv(lines) => lines.null(),
            Sheet::Jsonl(lines) => lines.null(),
            Sheet::Rows(_, row) => row.push(Value::Null),
        }
    }

    /// A text of the program's own. What comes from a log is [`shown`](Sheet::shown).
    pub fn text(&mut self, text: &str) {
        match self {
            Sheet::Csv(lines) => lines.text(text),
            Sheet::Jsonl(lines) => lines.text(text),
            Sheet::Rows(_, row) => row.push(Value::Text(text.to_owned())),
        }
    }

    /// Text of a log, as a [`Redactor`](crate::redact::Redactor) lets it out.
    pub fn shown(&mut self, shown: &Shown<'_>) {
        match self {
            Sheet::Csv(lines) if csv::is_plain(shown.bytes()) => lines.plain(shown.bytes()),
            _ => self.text(&shown.for_table()),
        }
    }

    /// A place in a source, as `SOURCE:LINE@OFFSET`.
    pub fn place(&mut self, source: &str, line: u64, offset: u64) {
        match self {
            Sheet::Csv(lines) if csv::is_plain(source.as_bytes()) => {
                lines.place(source, line, offset)
            }
            _ => self.text(&format!("{source}:{line}@{offset}")),
        }
    }

    /// A text of the program's own, such as the name of a category.
    pub fn word(&mut self, text: &'static str) {
        match self {
            Sheet::Csv(lines) => lines.word(text),
            Sheet::Jsonl(lines) => lines.text(text),
            Sheet::Rows(_, row) => row.push(Value::Word(text)),
        }
    }

    pub fn integer(&mut self, number: i64) {
        match self {
            Sheet::Csv(lines) => lines.integer(number),
            Sheet::Jsonl(lines) => lines.integer(number),
            Sheet::Rows(_, row) => row.push(Value::Integer(number)),
        }
    }

    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub fn time(&mut self, second: i64) {
        match self {
            Sheet::Csv(lines) => lines.time(second),
            Sheet::Jsonl(lines) => lines.time(second),
            Sheet::Rows(_, row) => row.push(Value::Time(second)),
        }
    }

    pub fn end_row(&mut self) {
        match self {
            Sheet::Csv(lines) => lines.end_row(),
            Sheet::Jsonl(lines) => lines.end_row(),
            Sheet::Rows(rows, row) => rows.push(std::mem::take(row)),
        }
    }
}

/// Writes one table.
pub trait TableWriter {
    /// The next rows, made ready for the same table and format; takes them out of the sheet.
    fn write(&mut self, sheet: &mut Sheet) -> io::Result<()>;

    /// Writes what is left; the output is whole only after this.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Writes lines as they come.
struct Lines<W>(W);

impl<W: Write> TableWriter for Lines<W> {
    fn write(&mut self, sheet: &mut Sheet) -> io::Result<()> {
        match sheet {
            Sheet::Csv(lines) => lines.drain_to(&mut self.0),
            Sheet::Jsonl(lines) => lines.drain_to(&mut self.0),
            Sheet::Rows(..) => Err(io::Error::other("rows were made ready for another format")),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}

/// Rows a columnar format keeps together. Constant, so that a file does not depend on how its rows came.
pub const ROWS_PER_GROUP: usize = 1 << 16;

/// A writer of `table` in `format` to `sink`.
pub fn writer<'a>(
    table: &'static Table,
    format: Format,
    mut sink: Box<dyn Write + Send + 'a>,
    path: &Path,
) -> Result<Box<dyn TableWriter + 'a>, Error> {
    match format {
        Format::Csv => {
            sink.write_all(&csv::header(table))
                .map_err(|source| failed(path, source))?;
            Ok(Box::new(Lines(sink)))
        }
        Format::Jsonl => Ok(Box::new(Lines(sink))),
        #[cfg(feature = "polars")]
        Format::Parquet | Format::Arrow => Ok(Box::new(
            frame::FrameRows::new(table, format, sink).map_err(|source| failed(path, source))?,
        )),
        #[cfg(not(feature = "polars"))]
        Format::Parquet | Format::Arrow => {
            let reason = format!(
                "this build of coroner cannot write {}; it was made without polars",
                format.name()
            );
            Err(Error::Format {
                path: path.to_owned(),
                reason,
            })
        }
    }
}

/// What a failed write of `path` is: a closed pipe ends the run quietly.
pub fn failed(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::BrokenPipe => Error::ClosedPipe,
        _ => Error::Write {
            path: path.to_owned(),
            source,
        },
    }
}
