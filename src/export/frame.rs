//! Parquet and Arrow IPC, through polars: its only door.

use super::{
    Format, ROWS_PER_GROUP, Sheet, TableWriter,
    schema::{ColumnType, Table, Value},
};
use polars::prelude::{
    Column, CompatLevel, DataFrame, DataType, Int64Chunked, IntoColumn, NewChunkedArray,
    PolarsError, PolarsResult, Schema, StringChunked, TimeUnit, TimeZone,
};
use polars_io::{
    SerWriter,
    prelude::{IpcCompression, IpcWriter, ParquetCompression, ParquetWriter},
};
use std::io::{self, Write};

/// Collects rows and writes them in groups of [`ROWS_PER_GROUP`].
pub struct FrameRows<W: Write> {
    table: &'static Table,
    waiting: Vec<Vec<Value>>,
    writer: Batches<W>,
}

enum Batches<W: Write> {
    Parquet(Box<polars_io::parquet::write::BatchedWriter<W>>),
    Arrow(Box<polars_io::ipc::BatchedWriter<W>>),
}

impl<W: Write> FrameRows<W> {
    pub fn new(table: &'static Table, format: Format, sink: W) -> io::Result<FrameRows<W>> {
        let writer = open(&schema(table), format, sink).map_err(other)?;
        Ok(FrameRows {
            table,
            waiting: Vec::new(),
            writer,
        })
    }

    fn write_group(&mut self, len: usize) -> io::Result<()> {
        let rows: Vec<Vec<Value>> = self.waiting.drain(..len).collect();
        let frame = frame(self.table, &rows).map_err(other)?;
        match &mut self.writer {
            Batches::Parquet(writer) => writer.write_batch(&frame),
            Batches::Arrow(writer) => writer.write_batch(&frame),
        }
        .map_err(other)
    }
}

impl<W: Write> TableWriter for FrameRows<W> {
    fn write(&mut self, sheet: &mut Sheet) -> io::Result<()> {
        match sheet {
            Sheet::Rows(rows, _) => self.waiting.append(rows),
            Sheet::Csv(_) | Sheet::Jsonl(_) => {
                return Err(io::Error::other("rows were made ready for another format"));
            }
        }
        while self.waiting.len() >= ROWS_PER_GROUP {
            self.write_group(ROWS_PER_GROUP)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group(self.waiting.len())?;
        match self.writer {
            Batches::Parquet(writer) => writer.finish().map(|_| ()),
            Batches::Arrow(mut writer) => writer.finish(),
        }
        .map_err(other)
    }
}

fn open<W: Write>(schema: &Schema, format: Format, sink: W) -> PolarsResult<Batches<W>> {
    Ok(match format {
        // One thread: the order of bytes must not depend on scheduling.
        Format::Parquet => Batches::Parquet(Box::new(
            ParquetWriter::new(sink)
                .with_compression(ParquetCompression::Zstd(None))
                .set_parallel(false)
                .batched(schema)?,
        )),
        _ => Batches::Arrow(Box::new(
            IpcWriter::new(sink)
                .with_compression(Some(IpcCompression::LZ4))
                // Plain UTF-8 columns, which every Arrow reader knows.
                .with_compat_level(CompatLevel::oldest())
                .with_parallel(false)
                // No column is nested or a dictionary: the defaults describe them all.
                .batched(schema, vec![Default::default(); schema.len()])?,
        )),
    })
}

fn schema(table: &Table) -> Schema {
    table
        .columns
        .iter()
        .map(|column| (column.name.into(), data_type(column.kind)))
        .collect()
}

fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::String,
        ColumnType::Integer => DataType::Int64,
        // Microseconds, because Spark takes no other unit.
        ColumnType::Time => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
    }
}

fn frame(table: &Table, rows: &[Vec<Value>]) -> PolarsResult<DataFrame> {
    let columns = table.columns.iter().enumerate().map(|(index, column)| {
        let values = rows.iter().map(|row| &row[index]);
        match column.kind {
            ColumnType::Text => texts(column.name, values),
            ColumnType::Integer => integers(column.name, values, 1).into_column(),
            ColumnType::Time => integers(column.name, values, 1_000_000)
                .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
                .into_column(),
        }
    });
    DataFrame::new(rows.len(), columns.collect())
}

fn texts<'a>(name: &str, values: impl Iterator<Item = &'a Value>) -> Column {
    let text = |value: &'a Value| match value {
        Value::Text(text) => Some(text.as_str()),
        Value::Word(text) => Some(*text),
        Value::Null | Value::Integer(_) | Value::Time(_) => None,
    };
    StringChunked::from_iter_options(name.into(), values.map(text)).into_column()
}

fn integers<'a>(name: &str, values: impl Iterator<Item = &'a Value>, factor: i64) -> Int64Chunked {
    let number = |value: &Value| match value {
        Value::Integer(number) | Value::Time(number) => Some(number * factor),
        Value::Null | Value::Text(_) | Value::Word(_) => None,
    };
    Int64Chunked::from_iter_options(name.into(), values.map(number))
}

fn other(error: PolarsError) -> io::Error {
    match error {
        PolarsError::IO { error, .. } => io::Error::new(error.kind(), error.to_string()),
        error => io::Error::other(error.to_string()),
    }
}
