//! JSON lines: one object per row, every column in every object, absent values as `null`.

use super::{schema::Table, time};
use serde::Serialize;
use std::io::{self, Write};

/// Lines being written.
#[derive(Debug)]
pub struct Lines {
    table: &'static Table,
    bytes: Vec<u8>,
    /// Cells of the row so far.
    n_cells: usize,
    dates: time::Dates,
}

impl Lines {
    pub fn new(table: &'static Table) -> Lines {
        Lines {
            table,
            bytes: Vec::new(),
            n_cells: 0,
            dates: time::Dates::default(),
        }
    }

    pub fn null(&mut self) {
        self.value(&());
    }

    pub fn text(&mut self, text: &str) {
        self.value(text);
    }

    pub fn integer(&mut self, number: i64) {
        self.value(&number);
    }

    /// A second since 1970, UTC.
    pub fn time(&mut self, second: i64) {
        let text = self.dates.rfc3339(second);
        self.value(&*String::from_utf8_lossy(&text));
    }

    pub fn end_row(&mut self) {
        self.bytes.extend_from_slice(b"}\n");
        self.n_cells = 0;
    }

    /// Writes the rows to `sink` and is empty again, with room for as many.
    pub fn drain_to(&mut self, sink: &mut impl Write) -> io::Result<()> {
        sink.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let before = if self.n_cells == 0 { b'{' } else { b',' };
        self.bytes.push(before);
        self.json(self.table.columns[self.n_cells].name);
        self.bytes.push(b':');
        self.json(value);
        self.n_cells += 1;
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.bytes, value)
            .expect("texts and numbers are JSON, and memory takes all of it");
    }
}
