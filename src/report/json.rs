//! The report as JSON: the model itself, under a version.

use super::Report;
use std::io::{self, Write};

pub fn write(report: &Report, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, report)?;
    out.write_all(b"\n")
}
