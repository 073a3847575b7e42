//! JSON lines: one object per row, every column in every object, absent values as `null`.

use super::{
    RowWriter,
    csv::rfc3339,
    schema::{Table, Value},
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::{self, Write};

pub struct JsonRows<W> {
    table: &'static Table,
    sink: W,
}

impl<W: Write> JsonRows<W> {
    pub fn new(table: &'static Table, sink: W) -> JsonRows<W> {
        JsonRows { table, sink }
    }
}

impl<W: Write> RowWriter for JsonRows<W> {
    fn write(&mut self, rows: &[Vec<Value>]) -> io::Result<()> {
        for row in rows {
            serde_json::to_writer(
                &mut self.sink,
                &Object {
                    table: self.table,
                    row,
                },
            )?;
            self.sink.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.sink.flush()
    }
}

struct Object<'a> {
    table: &'static Table,
    row: &'a [Value],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.row.len()))?;
        for (column, value) in self.table.columns.iter().zip(self.row) {
            match value {
                Value::Null => map.serialize_entry(column.name, &None::<()>)?,
                Value::Text(text) => map.serialize_entry(column.name, text)?,
                Value::Word(text) => map.serialize_entry(column.name, text)?,
                Value::Integer(number) => map.serialize_entry(column.name, number)?,
                Value::Time(second) => map.serialize_entry(column.name, &rfc3339(*second))?,
            }
        }
        map.end()
    }
}
