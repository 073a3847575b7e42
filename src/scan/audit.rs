//! The lines of an audit log, of which denials are told.

use super::{Block, Run, Scanner, Sink, line_behind_hole, refuse};
use crate::{
    aggregate::{Ledger, LineClass, ledger::Reason, limits::LINE_LEN_MAX},
    parse::{denial::parse_audit_line, forged::Lookout},
};
use std::ops::Range;

impl Scanner<'_> {
    /// Reads the lines of an audit log, each a record.
    pub(super) fn scan_audit(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let mut run = Run {
            block,
            end: range.end,
            at: range.start,
            n_lines: 0,
            lookout: Lookout::new(None),
        };
        while run.at < run.end {
            let (n_hole, line) = line_behind_hole(&block.bytes[..run.end], run.at);
            ledger.n_hole_bytes += n_hole as u64;
            let place = run.place(line);
            let end = line.end.min(line.start + LINE_LEN_MAX);
            let text = &block.bytes[line.start..end];
            match parse_audit_line(text) {
                _ if text.trim_ascii().is_empty() => {
                    ledger.collect_line(LineClass::Blank, place.len_bytes);
                }
                Some(record) => {
                    ledger.collect_line(LineClass::Record, place.len_bytes);
                    ledger.collect_audit_time(record.time());
                    sink.audit(&record, place.evidence);
                }
                None => refuse(Reason::NoRecord, place, ledger),
            }
            run.n_lines += 1;
            run.at = line.next;
        }
        ledger
            .line_starts
            .collect(block.offset + range.start as u64, u64::from(run.n_lines));
    }
}
