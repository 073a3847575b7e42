//! The account of every byte and line of a source: each is in exactly one class.

use super::{activity::Activity, evidence::LineStarts};
use crate::event::{LocalTime, Timestamp};
use std::collections::BTreeMap;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LineClass {
    /// The first line of a whole record.
    Record,
    /// A further line of the record before it.
    Continuation,
    /// The first line of a record that was cut, or whose head is gone.
    Cut,
    /// Holds two heads: both records are counted, and neither is trusted to the full.
    Torn,
    /// Text a client smuggled in.
    Injected,
    /// No record: see [`Ledger::reasons`].
    Unparsed,
    Blank,
    /// Part of what another source holds too, where it is counted.
    Duplicate,
}

impl LineClass {
    pub const ALL: [LineClass; 8] = [
        LineClass::Record,
        LineClass::Continuation,
        LineClass::Cut,
        LineClass::Torn,
        LineClass::Injected,
        LineClass::Unparsed,
        LineClass::Blank,
        LineClass::Duplicate,
    ];
}

/// Why a line was not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// It does not begin like a record, and nothing in it is known.
    NoRecord,
    /// Most likely a piece of something packed: it holds many control characters.
    Binary,
    /// Its date does not exist or lies outside 2001 to 2099.
    BadTime,
    /// An access-log line, in no format that is known for its source.
    AccessLine,
    /// An access-log line with a value that cannot be one.
    BadValue,
    /// It is longer than the limit; only its beginning was looked at.
    Overlong,
    /// An entry of the journal without its message, which `journalctl` prints with `--all` only: over 4,096 bytes in JSON, or with bytes
    /// that are not printable.
    LeftOut,
    /// This program failed in its chunk.
    Internal,
}

impl Reason {
    pub const ALL: [Reason; 8] = [
        Reason::NoRecord,
        Reason::Binary,
        Reason::BadTime,
        Reason::AccessLine,
        Reason::BadValue,
        Reason::Overlong,
        Reason::LeftOut,
        Reason::Internal,
    ];

    pub const fn text(self) -> &'static str {
        match self {
            Reason::NoRecord => "neither error records nor requests",
            Reason::Binary => "binary data in the text, of which nothing is read",
            Reason::BadTime => "with a date that does not exist or lies outside 2001-2099",
            Reason::AccessLine => "access-log lines of no known format",
            Reason::BadValue => "with a value that cannot be one",
            Reason::Overlong => "longer than 1 MiB",
            Reason::LeftOut => {
                "whose message journalctl left out (over 4,096 bytes in JSON, or unprintable; `journalctl --all` prints it)"
            }
            Reason::Internal => "lost by an internal error",
        }
    }
}

/// Lines and bytes of one source by class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub lines: [u64; LineClass::ALL.len()],
    /// Bytes of those lines, terminators included.
    pub bytes: [u64; LineClass::ALL.len()],
    /// NUL bytes before a record or alone: the hole that `copytruncate` leaves under a writer that does not append.
    pub n_hole_bytes: u64,
    /// Records of more bytes than are looked at.
    pub n_overlong: u64,
    /// Unparsed lines by reason, and the offset of the first of each.
    pub reasons: [u64; Reason::ALL.len()],
    pub first_unparsed: [Option<u64>; Reason::ALL.len()],
    pub n_events: u64,
    /// Of error records.
    pub first_time: Option<LocalTime>,
    pub last_time: Option<LocalTime>,
    /// When there are records or requests, by the clock of whichever they are.
    pub activity: Activity,
    /// Of requests.
    pub first_request: Option<Timestamp>,
    pub last_request: Option<Timestamp>,
    pub n_requests: u64,
    /// Of records of an audit log, which are no events and tell of no activity of a gateway.
    pub first_audit: Option<Timestamp>,
    pub last_audit: Option<Timestamp>,
    pub line_starts: LineStarts,
    /// Records by the host, pod or container that their envelope names; past [`MACHINES_MAX`] names are only counted.
    pub machines: BTreeMap<Box<[u8]>, u64>,
    pub n_other_machines: u64,
    /// Records by how far, in seconds, their clock face is east of UTC, where the envelope tells.
    pub zone_offsets: BTreeMap<i32, u64>,
    /// The same by machine, of those that are kept by name.
    pub offsets_of_machines: BTreeMap<Box<[u8]>, BTreeMap<i32, u64>>,
    /// Requests by the offset their times are written with, likewise.
    pub written_offsets: BTreeMap<i32, u64>,
}

/// Machines of one source kept by name: a rack, or the pods of a service.
pub const MACHINES_MAX: usize = 64;

impl Ledger {
    #[inline]
    pub fn collect_line(&mut self, class: LineClass, len_bytes: u64) {
        self.collect_lines(class, 1, len_bytes);
    }

    /// The bytes from `offset` on are another source's too.
    pub fn collect_duplicate(&mut self, offset: u64, bytes: &[u8]) {
        let n_lines = n_lines(bytes);
        self.lines[LineClass::Duplicate as usize] += n_lines;
        self.bytes[LineClass::Duplicate as usize] += bytes.len() as u64;
        self.line_starts.collect(offset, n_lines);
    }

    pub fn collect_machine(&mut self, name: &[u8]) {
        self.add_machine(name, 1);
    }

    fn add_machine(&mut self, name: &[u8], n: u64) {
        match self.machines.get_mut(name) {
            Some(known) => *known += n,
            None => {
                self.machines.insert(name.into(), n);
            }
        }
        // The greatest names go, so that which stay depends on no order.
        while self.machines.len() > MACHINES_MAX {
            self.n_other_machines += self.machines.pop_last().map_or(0, |(_, n)| n);
        }
    }

    /// The clock face of a record of `machine`, if its envelope names one, is so many seconds east of UTC.
    pub fn collect_zone_offset(&mut self, machine: Option<&[u8]>, offset_s: i32) {
        *self.zone_offsets.entry(offset_s).or_default() += 1;
        if let Some(machine) = machine {
            self.add_offset_of(machine, offset_s, 1);
        }
    }

    fn add_offset_of(&mut self, machine: &[u8], offset_s: i32, n: u64) {
        let of_machines = &mut self.offsets_of_machines;
        if !of_machines.contains_key(machine) {
            of_machines.insert(machine.into(), BTreeMap::new());
        }
        if let Some(offsets) = of_machines.get_mut(machine) {
            *offsets.entry(offset_s).or_default() += n;
        }
        while of_machines.len() > MACHINES_MAX {
            of_machines.pop_last();
        }
    }

    pub fn collect_unparsed(&mut self, reason: Reason, offset: u64) {
        self.reasons[reason as usize] += 1;
        let first = &mut self.first_unparsed[reason as usize];
        *first = Some(first.map_or(offset, |first| first.min(offset)));
    }

    /// Counts what is left of a chunk, which begins at `offset` and has `chunk_lines`, when scanning it failed: `n` lines.
    pub fn collect_lost(&mut self, offset: u64, chunk_lines: u64, n: u64, len_bytes: u64) {
        self.collect_lines(LineClass::Unparsed, n, len_bytes);
        if n > 0 {
            self.collect_unparsed(Reason::Internal, offset);
            self.reasons[Reason::Internal as usize] += n - 1;
        }
        self.line_starts.collect(offset, chunk_lines);
    }

    pub fn collect_lines(&mut self, class: LineClass, n: u64, len_bytes: u64) {
        self.lines[class as usize] += n;
        self.bytes[class as usize] += len_bytes;
    }

    /// Counts `n` whole records of one line and one event each, `len_bytes` long together; not their times.
    pub fn collect_records(&mut self, n: u64, len_bytes: u64) {
        self.collect_lines(LineClass::Record, n, len_bytes);
        self.n_events += n;
    }

    #[inline]
    pub fn collect_event(&mut self, time: Option<LocalTime>) {
        self.n_events += 1;
        self.collect_time(time);
    }

    pub fn collect_time(&mut self, time: Option<LocalTime>) {
        if let Some(second) = time {
            self.first_time = min_some(self.first_time, time);
            self.last_time = self.last_time.max(time);
            self.activity.collect(second.0);
        }
    }

    /// Counts `n` requests that ended at `end`.
    pub fn collect_requests(&mut self, end: Option<Timestamp>, n: u64) {
        self.n_requests += n;
        if let Some(second) = end {
            self.first_request = min_some(self.first_request, end);
            self.last_request = self.last_request.max(end);
            self.activity.collect(second.0);
        }
    }

    pub fn collect_audit_time(&mut self, time: Option<Timestamp>) {
        self.first_audit = min_some(self.first_audit, time);
        self.last_audit = self.last_audit.max(time);
    }

    /// The time of `n` requests is written with an offset of `offset_s`.
    pub fn collect_written_offset(&mut self, offset_s: i32, n: u64) {
        *self.written_offsets.entry(offset_s).or_default() += n;
    }

    pub fn merge(&mut self, other: Ledger) {
        for class in 0..LineClass::ALL.len() {
            self.lines[class] += other.lines[class];
            self.bytes[class] += other.bytes[class];
        }
        self.n_hole_bytes += other.n_hole_bytes;
        self.n_overlong += other.n_overlong;
        for reason in 0..Reason::ALL.len() {
            self.reasons[reason] += other.reasons[reason];
            self.first_unparsed[reason] =
                min_some(self.first_unparsed[reason], other.first_unparsed[reason]);
        }
        self.n_events += other.n_events;
        self.first_time = min_some(self.first_time, other.first_time);
        self.last_time = self.last_time.max(other.last_time);
        self.activity.merge(&other.activity);
        self.first_request = min_some(self.first_request, other.first_request);
        self.last_request = self.last_request.max(other.last_request);
        self.n_requests += other.n_requests;
        self.first_audit = min_some(self.first_audit, other.first_audit);
        self.last_audit = self.last_audit.max(other.last_audit);
        self.line_starts.merge(other.line_starts);
        self.n_other_machines += other.n_other_machines;
        for (name, n) in other.machines {
            self.add_machine(&name, n);
        }
        for (offset_s, n) in other.zone_offsets {
            *self.zone_offsets.entry(offset_s).or_default() += n;
        }
        for (machine, offsets) in other.offsets_of_machines {
            for (offset_s, n) in offsets {
                self.add_offset_of(&machine, offset_s, n);
            }
        }
        for (offset_s, n) in other.written_offsets {
            self.collect_written_offset(offset_s, n);
        }
    }

    pub fn n_lines(&self) -> u64 {
        self.lines.iter().sum()
    }

    /// Bytes accounted for: those of all lines, and holes.
    pub fn n_bytes(&self) -> u64 {
        self.bytes.iter().sum::<u64>() + self.n_hole_bytes
    }

    pub fn n_of(&self, class: LineClass) -> u64 {
        self.lines[class as usize]
    }
}

/// Lines in `bytes`, the last of which may lack its newline.
pub fn n_lines(bytes: &[u8]) -> u64 {
    let n_newlines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    n_newlines + u64::from(!bytes.is_empty() && !bytes.ends_with(b"\n"))
}

fn min_some<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
