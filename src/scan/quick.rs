//! The quick way through a chunk: window by window, record by record, as long as they are usual. What is not goes the careful
//! way, [`Scanner::read_line`], which takes all of them and gives the same answers.

use super::{Event, Run, Scanner, Sink};
use crate::{
    aggregate::Ledger,
    event::{LocalTime, Trust},
    lines::{Cpu, Window, window::WINDOW_LEN},
    parse::{Head, head::is_head, record, usual},
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

/// What the ledger is to be told of usual records.
#[derive(Default)]
struct Usual {
    n_records: u64,
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
                && let Some((head, known)) = self.read_usual(cpu, window, (at, end), limit)
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
                    evidence: run.evidence(base + at),
                });
                run.n_lines += 1;
                n_stops += 1;
                at = end + 1;
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

    /// The record in the line from `at` to the newline at `end`, if all about it is usual and a head follows, or nothing of
    /// the chunk, which ends at `limit` or behind it.
    #[inline(always)]
    fn read_usual<'a>(
        &mut self,
        cpu: impl Cpu,
        window: Window<'a>,
        (at, end): (usize, usize),
        limit: usize,
    ) -> Option<(Head, crate::classify::Classified<'a>)> {
        let time = self.heads.time_of(window.bytes(at))?;
        let is_alone = end + 1 >= limit || self.heads.is_head(window.bytes::<21>(end + 1));
        if !is_alone || window.byte(end - 1) == b'\r' || record::is_cut(end - at) {
            return None;
        }
        let head = usual::parse_head(cpu, window, at, time)?;
        let text = (at + head.len, end);
        let known = self.classifier.recall(
            cpu,
            &mut self.searcher,
            (window, &self.marks),
            head.level?,
            text,
        )?;
        Some((head, known))
    }
}
