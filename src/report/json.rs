//! A report as JSON: the model itself, under a version.

use serde::Serialize;
use std::io::{self, Write};

pub fn write(report: &impl Serialize, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, report)?;
    out.write_all(b"\n")
}
