//! The loop: one chunk of a source to records, events and its share of the ledger.
//!
//! No I/O, no clock, no error that could stop a run: every line ends in exactly one class of the ledger.

mod audit;
mod foreign;
mod quick;
mod requests;
mod texts;
mod torn;
mod wrapped;

pub use requests::Request;
pub use texts::TEXTS_MAX;

use self::wrapped::Unwrapper;
use crate::{
    aggregate::{
        Evidence, Ledger, LineClass, SourceKey, forged::Connection, ledger::Reason,
        limits::LINE_LEN_MAX,
    },
    classify::{Classified, Classifier, Searcher, loose},
    event::{Clock, LocalTime, Machine, Trust},
    lines::{
        self, Cpu, Line, Marks, Window, Work,
        nuls::{HOLE_LEN, find_nuls, leading_nuls},
        with_best_cpu,
    },
    parse::{
        Head, HeadParser,
        access::{AccessLine, Formats, TimeReader},
        denial::AuditLine,
        forged::{self, Lookout, Smuggled},
        head::{Unparsed, is_head},
        record, usual,
        wrapper::{self, Chain, Outer, OuterTime, Stream},
    },
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// An event as the loop sees it: slices of the source.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub head: Head,
    pub known: Classified<'a>,
    pub trust: Trust,
    /// A client could have written all of it: it is shown, but not counted among the failures.
    pub is_doubtful: bool,
    /// Who sent it, if it is injected and the record that holds it tells.
    pub sender: Option<Sender<'a>>,
    pub evidence: Evidence,
    /// What the envelope of the line names.
    pub machine: Machine<'a>,
    /// What else it says.
    pub enveloped: Option<&'a Enveloped>,
}

/// What an envelope says of its line besides who wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enveloped {
    pub written: Option<OuterTime>,
    pub stream: Option<Stream>,
}

impl Enveloped {
    fn of(outer: &Outer<'_>) -> Enveloped {
        Enveloped {
            written: outer.time,
            stream: outer.stream,
        }
    }
}

/// Who sent a line that is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender<'a> {
    Client(&'a [u8]),
    /// Whoever had this connection: records of level debug tell no more.
    Of(Connection),
}

impl Event<'_> {
    /// The connection that it is of.
    pub fn connection(&self) -> Option<Connection> {
        connection_of(self.evidence.source, &self.head)
    }

    pub fn time(&self) -> Option<LocalTime> {
        self.head.time
    }
}

fn connection_of(source: SourceKey, head: &Head) -> Option<Connection> {
    let number = head.connection?;
    Some(Connection {
        source,
        pid: head.pid.unwrap_or(0),
        number,
    })
}

/// Takes the events and requests of a chunk, in order.
pub trait Sink {
    fn collect(&mut self, event: &Event<'_>);

    fn request(&mut self, request: &Request<'_>);

    /// Takes a record of an audit log; nothing becomes of it unless somebody asks.
    fn audit(&mut self, _record: &AuditLine<'_>, _evidence: Evidence) {}
}

/// How the lines of a source are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What is wrapped around them.
    pub chain: Chain,
    /// The formats of its access lines, if it has such lines.
    pub formats: Option<Arc<Formats>>,
    /// It is an access log; else access lines are the exception among error records.
    pub is_access: bool,
    /// It is an audit log, whatever its envelopes are.
    pub is_audit: bool,
    /// Where machines run in several zones.
    pub clocks: Option<Arc<Clocks>>,
    /// That of the source, if there are such.
    pub clock: Option<Arc<Clock>>,
    /// Lines that clients tried to smuggle into it, where records of level debug have to be told from them.
    pub smuggled: Option<Arc<Smuggled>>,
}

/// The clocks of machines that run in several zones: their records are read as if all showed UTC.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    /// By the name that envelopes give the machine.
    pub by_machine: BTreeMap<Box<[u8]>, Arc<Clock>>,
    /// By the name of the source.
    pub by_source: BTreeMap<Vec<u8>, Arc<Clock>>,
    /// That of all others.
    pub other: Arc<Clock>,
}

impl Clocks {
    pub fn of_source(&self, name: &[u8]) -> &Arc<Clock> {
        self.by_source.get(name).unwrap_or(&self.other)
    }
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
    layout: usual::Layout,
    unwrapper: Unwrapper,
    times: TimeReader,
    /// Of the source that is read.
    formats: Option<Arc<Formats>>,
    clocks: Option<Arc<Clocks>>,
    clock: Option<Arc<Clock>>,
    smuggled: Option<Arc<Smuggled>>,
}

/// How far a chunk has been read.
struct Run<'a> {
    block: Block<'a>,
    /// Offset in the block at which the chunk ends.
    end: usize,
    /// Offset of the next line.
    at: usize,
    /// Lines before it.
    n_lines: u32,
    lookout: Lookout<'a>,
}

impl Run<'_> {
    /// A record whose first line is the next, and begins at `at`.
    #[inline(always)]
    fn evidence(&self, at: usize) -> Evidence {
        Evidence {
            source: self.block.source,
            offset: self.block.offset + at as u64,
            line_in_chunk: self.n_lines,
        }
    }

    /// Where `line`, which is the next, stands.
    fn place(&self, line: Line) -> Place {
        let is_last = line.next == self.block.bytes.len();
        let omitted = if is_last { self.block.n_omitted } else { 0 };
        Place {
            evidence: self.evidence(line.start),
            len_bytes: (line.next - line.start) as u64 + omitted,
            is_exact: true,
            is_message: false,
            is_further: false,
        }
    }
}

/// Where a record stands, for the ledger and as evidence.
#[derive(Clone, Copy, Debug)]
struct Place {
    evidence: Evidence,
    /// Bytes of its first line, terminator included.
    len_bytes: u64,
    /// Its text stands there as it is, not within an envelope.
    is_exact: bool,
    /// It came to a log daemon as one message, so that it is one record at most.
    is_message: bool,
    /// Another entry stands before it on its line, which counts as that one's.
    is_further: bool,
}

impl Place {
    /// Tells the ledger what became of it.
    #[inline]
    fn count(&self, class: LineClass, ledger: &mut Ledger) {
        ledger.collect_lines(class, u64::from(!self.is_further), self.len_bytes);
    }

    /// Its text ends where the source does, or is damaged, and not with a newline, which nginx writes with each record at once.
    fn is_unterminated(&self, text: &[u8]) -> bool {
        self.is_exact && self.len_bytes == text.len() as u64 && !text.ends_with(b"\n")
    }

    /// More of the line follows, which is not looked at; in an envelope, the text is shorter than that.
    fn is_overlong(&self) -> bool {
        self.len_bytes > LINE_LEN_MAX as u64
    }
}

impl<'c> Scanner<'c> {
    pub fn new(classifier: &'c Classifier) -> Scanner<'c> {
        Scanner {
            classifier,
            searcher: classifier.searcher(),
            heads: HeadParser::default(),
            marks: Marks::default(),
            layout: usual::Layout::default(),
            unwrapper: Unwrapper::default(),
            times: TimeReader::default(),
            formats: None,
            clocks: None,
            clock: None,
            smuggled: None,
        }
    }

    /// Reads `block.bytes[range]`, which begins where a chunk of such a source can (`parse::record::blocked`,
    /// `parse::wrapper::blocked`).
    pub fn scan(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        reading: &Reading,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        self.formats.clone_from(&reading.formats);
        self.clocks.clone_from(&reading.clocks);
        self.clock.clone_from(&reading.clock);
        self.smuggled.clone_from(&reading.smuggled);
        self.heads.set_clock(self.clock.as_ref());
        match &reading.formats {
            _ if reading.is_audit => self.scan_audit(block, range, ledger, sink),
            _ if !reading.chain.is_bare() => {
                self.scan_wrapped(block, range, &reading.chain, ledger, sink)
            }
            Some(formats) if reading.is_access => {
                self.scan_requests(block, range, formats, ledger, sink)
            }
            _ => self.scan_records(block, range, ledger, sink),
        }
    }

    /// Reads the lines of a bare error log.
    fn scan_records(
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
        let smuggled = self.smuggled.clone();
        let mut run = Run {
            block,
            end: range.end,
            at: range.start,
            n_lines: 0,
            lookout: Lookout::new(smuggled.as_deref()),
        };
        while run.at < run.end {
            match Window::at(block.bytes, run.at) {
                Some(window) => self.scan_window(cpu, window, &mut run, ledger, sink),
                None => self.read_line(&mut run, ledger, sink),
            }
        }
        ledger
            .line_starts
            .collect(block.offset + range.start as u64, u64::from(run.n_lines));
    }

    /// Reads the line at `run.at`, and those that continue its record: the careful way, for any line.
    #[inline(never)]
    fn read_line(&mut self, run: &mut Run<'_>, ledger: &mut Ledger, sink: &mut impl Sink) {
        let Run { block, .. } = *run;
        let bytes = &block.bytes[..run.end];
        let (n_hole, first) = line_behind_hole(bytes, run.at);
        ledger.n_hole_bytes += n_hole as u64;
        let at = first.start;
        let place = run.place(first);
        if self.heads.is_head(&bytes[at..])
            && let Some(group) = forged::find_group(block.bytes, at, &mut run.lookout)
            && group.next <= run.end
        {
            let further = lines::lines(block.bytes, first.next..group.next);
            run.n_lines += 1;
            let further = further.map(|line| {
                let place = run.place(line);
                run.n_lines += 1;
                run.at = line.next;
                (line, Some(place))
            });
            return self.read_group(&group, (block.bytes, at), place, further, ledger, sink);
        }
        run.n_lines += 1;
        run.at = first.next;
        if !self.heads.is_head(&bytes[at..]) {
            let line = &bytes[first.start..first.end.min(first.start + LINE_LEN_MAX)];
            return self.read_other(line, place, ledger, sink);
        }
        let end = if run.at == bytes.len() || self.heads.is_head(&bytes[run.at..]) {
            first.end
        } else {
            self.extend(first, run, ledger)
        };
        let text = &bytes[first.start..end.min(first.start + LINE_LEN_MAX)];
        self.read_record(text, place, ledger, sink);
    }

    /// Adds the lines that continue the record that begins with `first`; returns where the record ends.
    fn extend(&mut self, first: Line, run: &mut Run<'_>, ledger: &mut Ledger) -> usize {
        let bytes = &run.block.bytes[..run.end];
        let Ok(head) = self.heads.parse(&bytes[first.start..first.end]) else {
            return first.end;
        };
        let mut end = first.end;
        let mut is_open =
            head.connection.is_some() && !record::has_tail(&bytes[first.start + head.len..end]);
        while run.at < bytes.len() {
            let (n_hole, line) = line_behind_hole(bytes, run.at);
            let next = &bytes[line.start..line.end];
            if n_hole > 0
                || is_head(next)
                || !record::continues(is_open, next, line.start - first.start)
            {
                break;
            }
            is_open = is_open && !record::has_tail(next);
            run.place(line).count(LineClass::Continuation, ledger);
            run.n_lines += 1;
            end = line.end;
            run.at = line.next;
        }
        end
    }

    /// A record that begins with a head, and may hold a second one.
    fn read_record(
        &mut self,
        text: &[u8],
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        match record::find_second_head(text) {
            None => self.read_single(text, place, ledger, sink),
            Some(second) => self.read_torn(text, second, place, ledger, sink),
        }
    }

    /// A record that holds no second head.
    fn read_single(
        &mut self,
        text: &[u8],
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let plain;
        let (head, text) = match self.heads.parse(text) {
            Ok(head) => (head, text),
            Err(unparsed) => {
                plain = wrapper::without_colours(text).unwrap_or_default();
                match self.heads.parse(&plain) {
                    Ok(head) => (head, &plain[..]),
                    Err(_) => return refuse_head(unparsed, place, ledger),
                }
            }
        };
        let known = self
            .classifier
            .classify(&mut self.searcher, &head, &text[head.len..]);
        if let Some(own) = self.own_reading(&head, text, &known) {
            let known = self.classifier.classify(&mut self.searcher, &head, &own);
            return emit_record(head, known, text.len(), place, ledger, sink);
        }
        if place.is_unterminated(text) && known.tail.request.is_none() {
            // Of values without quotes nothing tells whether they are whole.
            return emit_whole_or_cut(false, head, known, place, ledger, sink);
        }
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
        if place.is_overlong() && is_blank(text) {
            // More follows that is not looked at.
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
            return place.count(LineClass::Blank, ledger);
        }
        if is_head(line) {
            return self.read_record(line, place, ledger, sink);
        }
        let plain = wrapper::without_colours(line);
        let line = plain.as_deref().unwrap_or(line);
        if is_head(line) {
            return self.read_record(line, place, ledger, sink);
        }
        if let Some(formats) = self.formats.clone()
            && self
                .read_request(
                    line,
                    &mut AccessLine::default(),
                    place,
                    &formats,
                    None,
                    ledger,
                    sink,
                )
                .is_ok()
        {
            return;
        }
        if record::is_access_line(line) {
            return refuse(Reason::AccessLine, place, ledger);
        }
        if place.is_exact && self.read_enveloped(line, place, ledger, sink) {
            return;
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
                emit_whole_or_cut(is_whole, found.head, known, place, ledger, sink);
            }
            None if place.is_overlong() => refuse(Reason::Overlong, place, ledger),
            None if line.len() < BINARY_LEN_MIN || lines::is_text(line) => {
                refuse(Reason::NoRecord, place, ledger);
            }
            None => refuse(Reason::Binary, place, ledger),
        }
    }
}

/// A shorter line is no piece of something packed: of its newlines one stands in every 256 bytes.
const BINARY_LEN_MIN: usize = 64;

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

/// The line at `at`; NULs before it with which it would be longer than a line may be, and how many there are. NULs within a line that
/// are too many end it, and begin the next ([`lines::nuls`]).
#[inline(always)]
fn line_behind_hole(bytes: &[u8], at: usize) -> (usize, Line) {
    let line = Line::at(bytes, at, bytes.len());
    if line.next - line.start <= LINE_LEN_MAX {
        return (0, line);
    }
    part_at_holes(bytes, line)
}

#[cold]
fn part_at_holes(bytes: &[u8], mut line: Line) -> (usize, Line) {
    let mut n_hole = 0;
    while let Some(nuls) = find_nuls(&bytes[line.start..line.end], LINE_LEN_MAX) {
        if nuls.start > 0 {
            line.end = line.start + nuls.start;
            line.next = line.end;
            break;
        }
        n_hole += nuls.len();
        line.start += nuls.len();
    }
    if line.end - line.start > LINE_LEN_MAX {
        let n_nuls = leading_nuls(&bytes[line.start..line.end]);
        n_hole += n_nuls;
        line.start += n_nuls;
    }
    if line.end - line.start > LINE_LEN_MAX
        && let Some(nuls) = find_nuls(&bytes[line.start..line.end], HOLE_LEN)
    {
        line.end = line.start + nuls.start;
        line.next = line.end;
    }
    (n_hole, line)
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
    place.count(LineClass::Unparsed, ledger);
    ledger.collect_unparsed(reason, place.evidence.offset);
}

/// A record that holds no other, and of which `len` bytes were looked at.
fn emit_record(
    head: Head,
    known: Classified<'_>,
    len: usize,
    place: Place,
    ledger: &mut Ledger,
    sink: &mut impl Sink,
) {
    let is_overlong = len >= LINE_LEN_MAX;
    ledger.n_overlong += u64::from(is_overlong);
    let is_whole = !known.tail.open && !record::is_cut(len) && !is_overlong;
    emit_whole_or_cut(is_whole, head, known, place, ledger, sink);
}

/// A record of which all is there, or not.
#[inline(always)]
fn emit_whole_or_cut(
    is_whole: bool,
    head: Head,
    known: Classified<'_>,
    place: Place,
    ledger: &mut Ledger,
    sink: &mut impl Sink,
) {
    let (class, trust) = if is_whole {
        (LineClass::Record, Trust::Confirmed)
    } else {
        (LineClass::Cut, Trust::Cut)
    };
    place.count(class, ledger);
    emit(
        Event {
            head,
            known,
            trust,
            is_doubtful: false,
            sender: None,
            evidence: place.evidence,
            machine: Machine::default(),
            enveloped: None,
        },
        ledger,
        sink,
    );
}

#[inline(always)]
fn emit(event: Event<'_>, ledger: &mut Ledger, sink: &mut impl Sink) {
    // The time of what somebody may have forged is his, too.
    ledger.collect_event(event.time().filter(|_| !event.is_doubtful));
    sink.collect(&event);
}
