//! The quick way through a chunk: window by window, record by record, as long as they are usual. What is not goes the careful
//! way, [`Scanner::read_line`], which takes all of them and gives the same answers.

use super::{Event, Run, Scanner, Sink};
use crate::{
    aggregate::{Ledger, LineClass},
    classify::{Classified, Context},
    event::{LocalTime, Machine, Trust},
    lines::{Cpu, Window, window::WINDOW_LEN},
    parse::{Head, forged, head::is_head, record, usual},
};

/// Where a line of a window ends.
enum Ending {
    /// At this newline.
    At(usize),
    /// Behind the window, or too near its end to see what follows.
    Beyond,
    /// The line may hold a second head.
    Torn,
}

/// How far a record goes.
#[derive(Clone, Copy)]
struct Extent {
    /// Of the newline of its last line.
    end: usize,
    /// The number of that stop.
    n_stops: usize,
    /// Lines that continue the first.
    n_further: u32,
}

/// A usual record.
struct Usually<'a> {
    head: Head,
    known: Classified<'a>,
    extent: Extent,
    /// Not all of its text is nginx's own.
    is_foreign: bool,
}

/// What the ledger is to be told of usual records.
#[derive(Default)]
struct Usual {
    n_records: u64,
    /// Of their first lines.
    len_bytes: u64,
    /// Of the last of them.
    time: Option<LocalTime>,
}

impl Scanner<'_> {
    /// Reads the lines of `window`, which begins at `run.at`, as far as they end in it; at least one.
    #[inline(always)] // compiled for each instruction set
    pub(super) fn scan_window(
        &mut self,
        cpu: impl Cpu,
        window: Window<'_>,
        run: &mut Run<'_>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        self.marks.mark(cpu, window);
        let (base, limit) = (run.at, (run.end - run.at).min(WINDOW_LEN));
        let (mut at, mut n_stops) = (0, 0);
        let mut usual = Usual::default();
        while at < limit {
            // Read in a window's time: memory then has time to answer.
            if let Some(later) = run
                .block
                .bytes
                .get(base + at + WINDOW_LEN..)
                .and_then(|rest| rest.first_chunk())
            {
                cpu.fetch(later);
            }
            let ending = self.line_end(window, at, &mut n_stops);
            if let Ending::At(end) = ending
                && let Some(Usually {
                    head,
                    known,
                    extent,
                    is_foreign,
                }) = self.read_usual(cpu, window, (at, end), n_stops, limit)
                && !(is_foreign
                    && (known.tail.is_doubled()
                        || run.holds_lines(base + at, known.tail.client.is_some())))
            {
                if head.time != usual.time {
                    usual.time = head.time;
                    ledger.collect_time(head.time);
                }
                usual.n_records += 1;
                usual.len_bytes += (end + 1 - at) as u64;
                sink.collect(&Event {
                    head,
                    known,
                    trust: Trust::Confirmed,
                    is_doubtful: false,
                    sender: None,
                    evidence: run.evidence(base + at),
                    machine: Machine::default(),
                    enveloped: None,
                });
                if extent.n_further > 0 {
                    let (n, len_bytes) = (extent.n_further, extent.end - end);
                    ledger.collect_lines(LineClass::Continuation, n.into(), len_bytes as u64);
                }
                run.n_lines += 1 + extent.n_further;
                n_stops = extent.n_stops + 1;
                at = extent.end + 1;
                continue;
            }
            if matches!(ending, Ending::Beyond) && at > 0 {
                break;
            }
            run.at = base + at;
            self.read_line(run, ledger, sink);
            at = run.at - base;
            while self.marks.stop(n_stops).is_some_and(|stop| stop < at) {
                n_stops += 1;
            }
        }
        run.at = base + at;
        ledger.collect_records(usual.n_records, usual.len_bytes);
    }

    /// Where the line at `at` ends; `n_stops` is the number of stops before it, and then of those before its end.
    #[inline(always)]
    fn line_end(&self, window: Window<'_>, at: usize, n_stops: &mut usize) -> Ending {
        loop {
            match self.marks.stop(*n_stops) {
                Some(stop) if window.byte(stop) == b'\n' && stop + 1 < WINDOW_LEN => {
                    return Ending::At(stop);
                }
                // A bracket behind the head, or before it is over.
                Some(stop) if window.byte(stop) == b'[' => {
                    if stop > at + 20 && is_head(window.bytes::<21>(stop - 20)) {
                        return Ending::Torn;
                    }
                    *n_stops += 1;
                }
                _ => return Ending::Beyond,
            }
        }
    }

    /// The record whose first line goes from `at` to the newline at `end`, the stop `n_stops`, if all about it is usual and
    /// a head follows, or nothing of the chunk, which ends at `limit` or behind it.
    #[inline(always)]
    fn read_usual<'a>(
        &mut self,
        cpu: impl Cpu,
        window: Window<'a>,
        (at, end): (usize, usize),
        n_stops: usize,
        limit: usize,
    ) -> Option<Usually<'a>> {
        let time = self.heads.time_of(window.bytes(at))?;
        let head = usual::parse_head(cpu, window, at, time, &mut self.layout)?;
        let message = at + head.len;
        let mut extent = Extent {
            end,
            n_stops,
            n_further: 0,
        };
        if end + 1 < limit && !self.heads.is_head(window.bytes::<21>(end + 1)) {
            let is_open = head.connection.is_some() && !has_tail(cpu, window, message, end);
            extent = self.extend_usual(cpu, window, (at, is_open), extent, limit)?;
        }
        let end = extent.end;
        if window.byte(end - 1) == b'\r' || record::is_cut(end - at) {
            return None;
        }
        let context = Context {
            level: head.level?,
            has_connection: head.connection.is_some(),
        };
        let (known, is_foreign) =
            self.classifier
                .recall(cpu, &mut self.searcher, window, context, (message, end))?;
        Some(Usually {
            head,
            known,
            extent,
            is_foreign,
        })
    }

    /// Like [`extend`](Scanner::extend), for the record in a window that begins at `at` and is still to get a tail if it `is_open`;
    /// `None` if any line is unusual.
    #[inline(always)]
    fn extend_usual(
        &self,
        cpu: impl Cpu,
        window: Window<'_>,
        (at, mut is_open): (usize, bool),
        mut extent: Extent,
        limit: usize,
    ) -> Option<Extent> {
        loop {
            let start = extent.end + 1;
            if start >= limit || is_head(window.bytes::<21>(start)) {
                return Some(extent);
            }
            let mut n_stops = extent.n_stops + 1;
            let Ending::At(end) = self.line_end(window, start, &mut n_stops) else {
                return None;
            };
            // An access-log line has a bracket; one where that of a head stands is no stop.
            let has_bracket =
                n_stops > extent.n_stops + 1 || start + 20 < end && window.byte(start + 20) == b'[';
            if has_bracket || window.byte(end - 1) == b'\r' {
                return None;
            }
            if !record::may_continue(is_open, window.slice(start, end), start - at) {
                return Some(extent);
            }
            is_open = is_open && !has_tail(cpu, window, start, end);
            extent = Extent {
                end,
                n_stops,
                n_further: extent.n_further + 1,
            };
        }
    }
}

impl Run<'_> {
    /// Whether the record at `at` is to be read with those behind it: lines that look like records may be text of its own.
    #[inline(never)]
    fn holds_lines(&mut self, at: usize, has_client: bool) -> bool {
        let bytes = self.block.bytes;
        let is_asked = !has_client || forged::may_begin(bytes, at, &mut self.lookout);
        is_asked && forged::find_group(bytes, at, &mut self.lookout).is_some()
    }
}

/// Whether the usual tail begins between `from` and `end`.
#[inline(always)]
fn has_tail(cpu: impl Cpu, window: Window<'_>, from: usize, end: usize) -> bool {
    let mut comma = window.find(cpu, b',', from, end);
    while comma < end && !window.slice(comma, end).starts_with(record::TAIL) {
        comma = window.find(cpu, b',', comma + 1, end);
    }
    comma < end
}
