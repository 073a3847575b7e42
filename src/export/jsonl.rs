//! JSON lines: one object per row, every column in every object, absent values as `null`.

use super::{
    csv::rfc3339,
    schema::{Table, Value},
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io;

/// The lines of `rows` of `table`.
pub fn lines(table: &'static Table, rows: &[Vec<Value>]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, &Object { table, row })?;
        lines.push(b'\n');
    }
    Ok(lines)
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
