//! The loop for access logs: a line is a record, cut by the formats of its source.
//!
//! What fits none of them may be something else that was written into the same stream: an error record, a blank line, junk. It goes
//! the careful way.

use super::{Block, Enveloped, Place, Scanner, Sink, line_behind_hole, refuse};
use crate::{
    aggregate::{Evidence, Ledger, LineClass, ledger::Reason, limits::LINE_LEN_MAX},
    event::{Machine, Timestamp},
    lines::{Cpu, Line, Quotes, Window, Work, window::WINDOW_LEN, with_best_cpu},
    parse::{
        access::{
            AccessLine, Escape, Field, Formats, Instant, Misfit, Written, parse_request_line, value,
        },
        head::is_head,
    },
};
use std::ops::Range;

/// A request as the loop sees it: slices of the source.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub line: &'a AccessLine<'a>,
    /// How its values are read back.
    pub escape: Escape,
    /// When it ended; `None` where neither line nor envelope tells.
    pub end: Option<Instant>,
    /// `None` where the line does not tell.
    pub status: Option<u16>,
    pub evidence: Evidence,
    /// What the envelope of the line names.
    pub machine: Machine<'a>,
    /// What else it says.
    pub enveloped: Option<&'a Enveloped>,
}

impl<'a> Request<'a> {
    /// What the client asked for, escapes and all.
    pub fn method_and_uri(&self) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
        let told = |field| self.line.value(field);
        let line = told(Field::Request).map(parse_request_line);
        let line = line.unwrap_or_default();
        (
            line.method.or(told(Field::Method)),
            line.uri.or(told(Field::Uri)),
        )
    }
}

impl Scanner<'_> {
    /// Reads `block.bytes[range]`, lines of an access log in one of `formats`.
    pub(super) fn scan_requests(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        formats: &Formats,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        with_best_cpu(RequestChunk {
            scanner: self,
            block,
            range,
            formats,
            ledger,
            sink,
        });
    }

    #[inline(always)] // compiled for each instruction set
    fn scan_requests_on(
        &mut self,
        cpu: impl Cpu,
        block: Block<'_>,
        range: Range<usize>,
        formats: &Formats,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let mut run = super::Run {
            block,
            end: range.end,
            at: range.start,
            n_lines: 0,
            lookout: super::Lookout::new(None),
        };
        let bytes = &block.bytes[..range.end];
        let mut fields = AccessLine::default();
        let mut quotes = Quotes::default();
        let mut same = SameTime::of(None);
        while run.at < run.end {
            let window = Window::at(block.bytes, run.at);
            // Read in a window's time: memory then has time to answer.
            let later = block.bytes.get(run.at + WINDOW_LEN..);
            if let Some(later) = later.and_then(|later| later.first_chunk()) {
                cpu.fetch(later);
            }
            let listed = window.and_then(|window| Some((window, quotes.list(cpu, window)?)));
            let (line, cut) = match listed {
                Some((window, len)) => {
                    let line = Line::ending(bytes, run.at, run.at + len);
                    let len = line.end - line.start;
                    (line, formats.cut_in(window, len, &quotes, &mut fields))
                }
                None => {
                    let (n_hole, line) = line_behind_hole(bytes, run.at);
                    ledger.n_hole_bytes += n_hole as u64;
                    run.at = line.start;
                    let end = line.end.min(line.start + LINE_LEN_MAX);
                    (line, formats.cut(&bytes[line.start..end], &mut fields))
                }
            };
            let text = &bytes[line.start..line.end.min(line.start + LINE_LEN_MAX)];
            let place = run.place(line);
            let read = cut.and_then(|escape| {
                let (written, status) = self.read_values(&fields)?;
                Ok((escape, written, status))
            });
            match read {
                Ok((escape, written, status)) => {
                    if written != same.written {
                        std::mem::replace(&mut same, SameTime::of(written)).tell(ledger);
                    }
                    same.n += 1;
                    same.len_bytes += place.len_bytes;
                    sink.request(&Request {
                        line: &fields,
                        escape,
                        end: written.map(|written| written.instant),
                        status,
                        evidence: place.evidence,
                        machine: Machine::default(),
                        enveloped: None,
                    });
                    run.n_lines += 1;
                    run.at = line.next;
                }
                Err(_) if is_head(text) => self.read_line(&mut run, ledger, sink),
                Err(misfit) => {
                    self.read_misfit(text, misfit, place, ledger, sink);
                    run.n_lines += 1;
                    run.at = line.next;
                }
            }
        }
        same.tell(ledger);
        ledger
            .line_starts
            .collect(block.offset + range.start as u64, u64::from(run.n_lines));
    }

    /// A line that is one of a request, or why it is not. `end` is when the envelope says it was written; `fields` may hold what the
    /// same formats cut from another line.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn read_request<'a>(
        &mut self,
        text: &'a [u8],
        fields: &mut AccessLine<'a>,
        place: Place,
        formats: &Formats,
        end: Option<Instant>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) -> Result<(), Misfit> {
        let escape = formats.cut(text, fields)?;
        let (written, status) = self.read_values(fields)?;
        let end = written.map(|written| written.instant).or(end);
        let lines = SameTime {
            written,
            end: end.map(|end| end.second),
            n: 1,
            len_bytes: place.len_bytes,
        };
        place.count(LineClass::Record, ledger);
        lines.tell_times(ledger);
        sink.request(&Request {
            line: fields,
            escape,
            end,
            status,
            evidence: place.evidence,
            machine: Machine::default(),
            enveloped: None,
        });
        Ok(())
    }

    /// What such a line tells once it is cut: when it was written, and the status.
    #[inline(always)]
    fn read_values(
        &mut self,
        fields: &AccessLine<'_>,
    ) -> Result<(Option<Written>, Option<u16>), Misfit> {
        let written = match fields.value(Field::Time) {
            Some(time) => Some(self.times.read(time).ok_or(Misfit::Value(Field::Time))?),
            None => None,
        };
        let status = match fields.value(Field::Status) {
            Some(status) => Some(value::status(status).ok_or(Misfit::Value(Field::Status))?),
            None => None,
        };
        Ok((written, status))
    }

    /// A line of an access log that is none of a request.
    #[cold]
    fn read_misfit(
        &mut self,
        text: &[u8],
        misfit: Misfit,
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        match misfit {
            Misfit::Value(Field::Time) => refuse(Reason::BadTime, place, ledger),
            Misfit::Value(_) => refuse(Reason::BadValue, place, ledger),
            _ => self.read_other(text, place, ledger, sink),
        }
    }
}

/// Lines of requests that were written at one time: neighbours share it.
#[derive(Clone, Copy, Debug)]
struct SameTime {
    written: Option<Written>,
    /// When they ended.
    end: Option<Timestamp>,
    n: u64,
    len_bytes: u64,
}

impl SameTime {
    /// No lines yet.
    fn of(written: Option<Written>) -> SameTime {
        SameTime {
            written,
            end: written.map(|written| written.instant.second),
            n: 0,
            len_bytes: 0,
        }
    }

    /// Tells the ledger of them.
    #[inline(never)]
    fn tell(self, ledger: &mut Ledger) {
        if self.n == 0 {
            return;
        }
        ledger.collect_lines(LineClass::Record, self.n, self.len_bytes);
        self.tell_times(ledger);
    }

    fn tell_times(&self, ledger: &mut Ledger) {
        if let Some(zone_s) = self.written.and_then(|written| written.zone_s) {
            ledger.collect_written_offset(zone_s, self.n);
        }
        ledger.collect_requests(self.end, self.n);
    }
}

/// What [`Scanner::scan_requests`] was asked for, so that it can be compiled for each instruction set.
struct RequestChunk<'a, 'c, S> {
    scanner: &'a mut Scanner<'c>,
    block: Block<'a>,
    range: Range<usize>,
    formats: &'a Formats,
    ledger: &'a mut Ledger,
    sink: &'a mut S,
}

impl<S: Sink> Work for RequestChunk<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let RequestChunk {
            scanner,
            block,
            range,
            formats,
            ledger,
            sink,
        } = self;
        scanner.scan_requests_on(cpu, block, range, formats, ledger, sink);
    }
}
