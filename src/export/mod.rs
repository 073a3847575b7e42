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

pub use output::{Output, Target};
pub use rows::Names;
pub use schema::{Column, ColumnType, Table, Value};

use crate::error::Error;
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

/// Rows ready to be written; each has a value per column of the table.
pub enum Part {
    /// The bytes of a format of lines.
    Lines(Vec<u8>),
    /// Rows of a format of columns, which are grouped first.
    Rows(Vec<Vec<Value>>),
}

/// Makes rows of `table` ready for the writer of `format`. Any thread may do this.
pub fn encode(table: &'static Table, format: Format, rows: Vec<Vec<Value>>) -> io::Result<Part> {
    match format {
        Format::Csv => csv::lines(&rows).map(Part::Lines),
        Format::Jsonl => jsonl::lines(table, &rows).map(Part::Lines),
        Format::Parquet | Format::Arrow => Ok(Part::Rows(rows)),
    }
}

/// Writes one table.
pub trait TableWriter {
    /// The next rows, made ready by [`encode`] for the same table and format.
    fn write(&mut self, part: Part) -> io::Result<()>;

    /// Writes what is left; the output is whole only after this.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Writes lines as they come.
struct Lines<W>(W);

impl<W: Write> TableWriter for Lines<W> {
    fn write(&mut self, part: Part) -> io::Result<()> {
        match part {
            Part::Lines(bytes) => self.0.write_all(&bytes),
            Part::Rows(_) => Err(io::Error::other("rows were made ready for another format")),
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
            csv::header(table)
                .and_then(|header| sink.write_all(&header))
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
