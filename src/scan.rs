//! The loop: one chunk of a source to records, events and its share of the ledger.
//!
//! No I/O, no clock, no error that could stop a run: every line ends in exactly one class of the ledger.

mod torn;
mod wrapped;

use self::wrapped::Unwrapper;
use crate::{
    aggregate::{Evidence, Ledger, LineClass, SourceKey, ledger::Reason, limits::LINE_LEN_MAX},
    classify::{Classified, Classifier, Searcher, loose},
    event::{LocalTime, Trust},
    lines::{Cpu, Line, LineEnd, Marked, Marks, Work, with_best_cpu},
    parse::{
        Head, HeadParser,
        head::{Unparsed, is_head},
        record,
    },
};
use std::ops::Range;

/// An event as the loop sees it: slices of the source.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub head: Head,
    pub known: Classified<'a>,
    pub trust: Trust,
    /// A client could have written all of it: it is shown, but not counted among the failures.
    pub is_doubtful: bool,
    pub evidence: Evidence,
    /// The host, pod or container that the envelope of the line names.
    pub machine: Option<&'a [u8]>,
}

impl Event<'_> {
    pub fn time(&self) -> Option<LocalTime> {
        self.head.time
    }
}

/// Takes the events of a chunk, in order.
pub trait Sink {
    fn collect(&mut self, event: &Event<'_>);
}

/// Bytes of a source that lie together: all of a mapped file, or one block of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    pub source: SourceKey,
    /// Offset of `bytes[0]` in the decoded stream.
    pub offset: u64,
    pub bytes: &'a [u8],
    /// Bytes of its last line that were left out (`input::stream`).
    pub n_omitted: u64,
}

/// What a worker needs for itself.
#[derive(Debug)]
pub struct Scanner<'c> {
    classifier: &'c Classifier,
    searcher: Searcher,
    heads: HeadParser,
    marks: Marks,
    unwrapper: Unwrapper,
}

/// Where a record stands, for the ledger and as evidence.
#[derive(Clone, Copy, Debug)]
struct Place {
    evidence: Evidence,
    /// Bytes of its first line, terminator included.
    len_bytes: u64,
    /// Its text stands there as it is, not within an envelope.
    is_exact: bool,
}

impl<'c> Scanner<'c> {
    pub fn new(classifier: &'c Classifier) -> Scanner<'c> {
        Scanner {
            classifier,
            searcher: classifier.searcher(),
            heads: HeadParser::default(),
            marks: Marks::default(),
            unwrapper: Unwrapper::default(),
        }
    }

    /// Reads `block.bytes[range]`, which begins where `parse::record::may_start` says a chunk can.
    pub fn scan(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        with_best_cpu(Chunk {
            scanner: self,
            block,
            range,
            ledger,
            sink,
        });
    }

    #[inline(always)] // compiled for each instruction set
    fn scan_on(
        &mut self,
        cpu: impl Cpu,
        block: Block<'_>,
        range: Range<usize>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let bytes = &block.bytes[..range.end];
        let (mut at, mut n_lines) = (range.start, 0u32);
        let mut at_head = self.heads.is_head(&bytes[at..]);
        self.marks.start(at);
        while at < bytes.len() {
            self.marks.make_room(at);
            let LineEnd { end, has_bracket } = self.marks.line_end(cpu, bytes, at);
            let first = Line::ending(bytes, at, end);
            let omitted = if first.next == block.bytes.len() {
                block.n_omitted
            } else {
                0
            };
            let place = Place {
                evidence: Evidence {
                    source: block.source,
                    offset: block.offset + at as u64,
                    line_in_chunk: n_lines,
                },
                len_bytes: (first.next - first.start) as u64 + omitted,
                is_exact: true,
            };
            n_lines += 1;
            at = first.next;
            let was_head = std::mem::replace(&mut at_head, self.heads.is_head(&bytes[at..]));
            if !was_head {
                let line = &bytes[first.start..first.end.min(first.start + LINE_LEN_MAX)];
                self.read_other(line, place, ledger, sink);
                continue;
            }
            let (mut end, mut is_bare) = (first.end, !has_bracket);
            if !at_head && at < bytes.len() {
                end = self.extend(cpu, bytes, first, &mut at, &mut n_lines, ledger);
                at_head = self.heads.is_head(&bytes[at..]);
                is_bare = is_bare && end == first.end;
            }
            let text = &bytes[first.start..end.min(first.start + LINE_LEN_MAX)];
            // A second head has a bracket.
            if (is_bare || record::find_second_head(text).is_none()) && self.marks.has(first.start)
            {
                self.read_record(bytes, first.start..end, place, ledger, sink);
            } else {
                self.read_unmarked(text, place, ledger, sink);
            }
        }
        ledger
            .line_starts
            .collect(block.offset + range.start as u64, u64::from(n_lines));
    }

    /// Adds the lines that continue the record that begins with `first`; returns where the record ends.
    #[inline(always)] // for its part of the marks
    fn extend(
        &mut self,
        cpu: impl Cpu,
        bytes: &[u8],
        first: Line,
        at: &mut usize,
        n_lines: &mut u32,
        ledger: &mut Ledger,
    ) -> usize {
        let Ok(head) = self.heads.parse(&bytes[first.start..first.end]) else {
            return first.end;
        };
        let mut end = first.end;
        let mut is_open =
            head.connection.is_some() && !self.has_tail(bytes, first.start + head.len..end);
        while *at < bytes.len() {
            // Asked for again if the record ends before it.
            let line = Line::ending(bytes, *at, self.marks.line_end(cpu, bytes, *at).end);
            let next = &bytes[line.start..line.end];
            if is_head(next) || !record::continues(is_open, next, line.start - first.start) {
                break;
            }
            is_open = is_open && !self.has_tail(bytes, line.start..line.end);
            ledger.collect_line(LineClass::Continuation, (line.next - line.start) as u64);
            *n_lines += 1;
            end = line.end;
            *at = line.next;
        }
        end
    }

    /// Whether the usual tail begins in a line whose end was asked for last.
    #[inline(always)]
    fn has_tail(&self, bytes: &[u8], line: Range<usize>) -> bool {
        if !self.marks.has(line.start) {
            return record::has_tail(&bytes[line]);
        }
        let mut comma = self.marks.next_comma(line.start, line.end);
        while comma < line.end && !bytes[comma..line.end].starts_with(record::TAIL) {
            comma = self.marks.next_comma(comma + 1, line.end);
        }
        comma < line.end
    }

    /// A record that begins with a head, may hold a second one, and has no marks.
    #[inline(never)]
    fn read_unmarked(
        &mut self,
        text: &[u8],
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        match record::find_second_head(text) {
            None => self.read_unfamiliar(text, place, ledger, sink),
            Some(second) => self.read_torn(text, second, place, ledger, sink),
        }
    }

    /// A record `bytes[range]` that begins with a head, holds no second one, and has its marks.
    #[inline(always)]
    fn read_record(
        &mut self,
        bytes: &[u8],
        range: Range<usize>,
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let head = match self.heads.parse_checked(&bytes[range.clone()]) {
            Ok(head) => head,
            Err(unparsed) => return refuse_head(unparsed, place, ledger),
        };
        let text = Marked::new(&self.marks, bytes, range.start + head.len, range.end);
        match self.classifier.recall(&mut self.searcher, &head, text) {
            Some(known) => emit_record(head, known, range.len(), place, ledger, sink),
            None => self.read_unfamiliar(&bytes[range], place, ledger, sink),
        }
    }

    /// Like [`read_record`](Self::read_record), without marks, for messages unlike those met before. It begins anew and ends
    /// the record itself, so that nothing of the usual way need be in memory for it.
    #[inline(never)]
    fn read_unfamiliar(
        &mut self,
        text: &[u8],
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let head = match self.heads.parse(text) {
            Ok(head) => head,
            Err(unparsed) => return refuse_head(unparsed, place, ledger),
        };
        let known = self
            .classifier
            .classify(&mut self.searcher, &head, &text[head.len..]);
        emit_record(head, known, text.len(), place, ledger, sink);
    }

    /// A line that does not begin like a record.
    #[cold]
    fn read_other(&mut self, line: &[u8], place: Place, ledger: &mut Ledger, sink: &mut impl Sink) {
        let n_nul = line.iter().take_while(|&&b| b == 0).count();
        let n_mark = if line.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        let text = &line[n_nul.max(n_mark)..];
        if line.len() >= LINE_LEN_MAX && is_blank(text) {
            // More follows that is not looked at: it may be a record behind a large hole.
            return refuse(Reason::Overlong, place, ledger);
        }
        // A hole is one of the file; what stands in an envelope was written.
        if n_nul > 0 && place.is_exact {
            ledger.n_hole_bytes += n_nul as u64;
            let rest = Place {
                evidence: Evidence {
                    offset: place.evidence.offset + n_nul as u64,
                    ..place.evidence
                },
                len_bytes: place.len_bytes - n_nul as u64,
                ..place
            };
            return self.read_stripped(text, rest, ledger, sink);
        }
        self.read_stripped(text, place, ledger, sink);
    }

    /// Such a line without NULs and byte-order mark before it.
    fn read_stripped(
        &mut self,
        line: &[u8],
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        if is_blank(line) {
            return ledger.collect_line(LineClass::Blank, place.len_bytes);
        }
        if is_head(line) {
            return self.read_unmarked(line, place, ledger, sink);
        }
        if record::is_access_line(line) {
            return refuse(Reason::AccessLine, place, ledger);
        }
        let unescaped = loose::unescape(line);
        let line = unescaped.as_deref().unwrap_or(line);
        let found = loose::find_wrapped(line, &mut self.heads)
            .or_else(|| loose::find_headless(line, self.classifier, &mut self.searcher));
        match found {
            Some(found) => {
                let known = self.classifier.classify(
                    &mut self.searcher,
                    &found.head,
                    &line[found.head.len..],
                );
                let is_whole = found.wrapped && !known.tail.open;
                let class = if is_whole {
                    LineClass::Record
                } else {
                    LineClass::Cut
                };
                let trust = if is_whole {
                    Trust::Confirmed
                } else {
                    Trust::Cut
                };
                ledger.collect_line(class, place.len_bytes);
                emit(
                    Event {
                        head: found.head,
                        known,
                        trust,
                        is_doubtful: false,
                        evidence: place.evidence,
                        machine: None,
                    },
                    ledger,
                    sink,
                );
            }
            None if line.len() >= LINE_LEN_MAX => refuse(Reason::Overlong, place, ledger),
            None => refuse(Reason::NoRecord, place, ledger),
        }
    }
}

/// What [`Scanner::scan`] was asked for, so that it can be compiled for each instruction set.
struct Chunk<'a, 'c, S> {
    scanner: &'a mut Scanner<'c>,
    block: Block<'a>,
    range: Range<usize>,
    ledger: &'a mut Ledger,
    sink: &'a mut S,
}

impl<S: Sink> Work for Chunk<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        self.scanner
            .scan_on(cpu, self.block, self.range, self.ledger, self.sink);
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

#[cold]
fn refuse_head(unparsed: Unparsed, place: Place, ledger: &mut Ledger) {
    let reason = match unparsed {
        Unparsed::NoHead => Reason::NoRecord,
        Unparsed::BadTime => Reason::BadTime,
    };
    refuse(reason, place, ledger);
}

#[cold]
fn refuse(reason: Reason, place: Place, ledger: &mut Ledger) {
    ledger.collect_line(LineClass::Unparsed, place.len_bytes);
    ledger.collect_unparsed(reason, place.evidence.offset);
}

/// A record of `len` bytes that holds no other.
#[inline(always)]
fn emit_record(
    head: Head,
    known: Classified<'_>,
    len: usize,
    place: Place,
    ledger: &mut Ledger,
    sink: &mut impl Sink,
) {
    let (class, trust) = if known.tail.open || record::is_cut(len) {
        (LineClass::Cut, Trust::Cut)
    } else {
        (LineClass::Record, Trust::Confirmed)
    };
    ledger.collect_line(class, place.len_bytes);
    emit(
        Event {
            head,
            known,
            trust,
            is_doubtful: false,
            evidence: place.evidence,
            machine: None,
        },
        ledger,
        sink,
    );
}

#[inline(always)]
fn emit(event: Event<'_>, ledger: &mut Ledger, sink: &mut impl Sink) {
    ledger.collect_event(event.time());
    sink.collect(&event);
}
