//! What one worker counts.

use super::{EngineConfig, panic};
use crate::{
    aggregate::{
        Aggregate, Evidence, Ledger, LineClass, SourceKey, failures::Kind, ledger::n_lines,
    },
    classify::{Classifier, residue, taxonomy::ROWS},
    event::{Basis, Category},
    filter::Filter,
    parse::wrapper::Chain,
    scan::{Block, Event, Scanner, Sink},
};
use std::{collections::BTreeMap, ops::Range};

/// Counts and ledgers of a worker, and what it scans with.
pub(super) struct Tally<'a> {
    classifier: &'a Classifier,
    scanner: Scanner<'a>,
    /// Chunks in which this program failed.
    pub(super) lost: Vec<Lost>,
    pub(super) ledgers: BTreeMap<SourceKey, Ledger>,
    counts: Counts<'a>,
}

/// Bytes of a source on which this program panicked, and its words.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) source: SourceKey,
    pub(super) range: Range<u64>,
    pub(super) what: String,
}

struct Counts<'a> {
    aggregate: Aggregate,
    filter: &'a Filter,
    shape: Vec<u8>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(classifier: &'a Classifier, config: &'a EngineConfig) -> Tally<'a> {
        Tally {
            classifier,
            lost: Vec::new(),
            scanner: Scanner::new(classifier),
            ledgers: BTreeMap::new(),
            counts: Counts {
                aggregate: Aggregate::new(ROWS.len(), config.grain),
                filter: &config.filter,
                shape: Vec::new(),
            },
        }
    }

    /// Counts bytes that another source holds too.
    pub(super) fn skip(&mut self, block: Block<'_>) {
        let ledger = self.ledgers.entry(block.source).or_default();
        ledger.collect_duplicate(block.offset, block.bytes);
    }

    /// Counts `n_bytes` NULs from `offset` on, which nobody read; `is_last`: with them the source ends.
    pub(super) fn hole(&mut self, source: SourceKey, offset: u64, n_bytes: u64, is_last: bool) {
        let ledger = self.ledgers.entry(source).or_default();
        ledger.n_hole_bytes += n_bytes;
        if is_last {
            // Where a line begins there is one, though all of it is hole.
            ledger.collect_line(LineClass::Blank, 0);
            ledger.line_starts.collect(offset + n_bytes, 1);
        }
    }

    /// Scans one chunk of a source wrapped in `chain`, on the machine `machine` if its lines do not tell. A panic costs what
    /// is left of the chunk.
    pub(super) fn scan(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        chain: &Chain,
        machine: Option<&str>,
    ) {
        let ledger = self.ledgers.entry(block.source).or_default();
        let before = (ledger.n_lines(), ledger.n_bytes());
        let mut sink = OnMachine {
            counts: &mut self.counts,
            machine: machine.map(str::as_bytes),
        };
        let scanner = &mut self.scanner;
        let done = panic::catch(|| {
            scan(scanner, block, range.clone(), chain, ledger, &mut sink);
        });
        if let Err(what) = done {
            self.lose(block, range, before, what);
        }
    }

    /// Counts what is left of a chunk as lost; `before` it, the ledger had so many lines and bytes.
    #[cold]
    fn lose(&mut self, block: Block<'_>, range: Range<usize>, before: (u64, u64), what: String) {
        self.scanner = Scanner::new(self.classifier); // whatever state the old one is in
        let ledger = self.ledgers.entry(block.source).or_default();
        let is_last = range.end == block.bytes.len();
        let omitted = if is_last { block.n_omitted } else { 0 };
        let (chunk_lines, chunk_len) = (
            n_lines(&block.bytes[range.clone()]),
            range.len() as u64 + omitted,
        );
        let (lines_read, bytes_read) = (ledger.n_lines() - before.0, ledger.n_bytes() - before.1);
        let start = block.offset + range.start as u64;
        ledger.collect_lost(
            start,
            chunk_lines,
            chunk_lines.saturating_sub(lines_read),
            chunk_len.saturating_sub(bytes_read),
        );
        self.lost.push(Lost {
            source: block.source,
            range: start..start + chunk_len,
            what,
        });
    }
}

/// Scans one chunk with whatever its envelope needs.
pub(super) fn scan(
    scanner: &mut Scanner<'_>,
    block: Block<'_>,
    range: Range<usize>,
    chain: &Chain,
    ledger: &mut Ledger,
    sink: &mut impl Sink,
) {
    if chain.is_bare() {
        scanner.scan(block, range, ledger, sink);
    } else {
        scanner.scan_wrapped(block, range, chain, ledger, sink);
    }
}

/// Counts the events of a source that lies on one machine.
struct OnMachine<'s, 'a> {
    counts: &'s mut Counts<'a>,
    machine: Option<&'s [u8]>,
}

impl Sink for OnMachine<'_, '_> {
    #[inline(always)] // the event is large: this way most of it is never written
    fn collect(&mut self, event: &Event<'_>) {
        if self.counts.filter.keeps(event, self.machine) {
            self.counts.collect(event);
        }
    }
}

impl Counts<'_> {
    #[inline(always)]
    fn collect(&mut self, event: &Event<'_>) {
        #[cfg(test)]
        panic::trip(panic::WHILE_SCANNING, event.known.message);
        if event.is_doubtful {
            self.aggregate.n_doubtful += 1;
            return;
        }
        let known = &event.known;
        self.aggregate.n_by_signature[usize::from(known.signature.0)] += 1;
        let kind = Kind {
            category: known.category,
            phase: known.phase,
            severity: known.severity,
            basis: Basis::ErrorLog,
        };
        self.aggregate.failures.collect(
            event.time(),
            known.upstream,
            kind,
            known.tail.client,
            event.evidence,
        );
        if known.category == Category::Other {
            self.collect_shape(known.message, event.evidence);
        }
    }

    #[cold]
    fn collect_shape(&mut self, message: &[u8], evidence: Evidence) {
        residue::write_shape(message, &mut self.shape);
        self.aggregate
            .shapes
            .collect(&self.shape, message, evidence);
    }
}

/// All that was counted, as one.
pub(super) fn merged(
    tallies: Vec<Tally<'_>>,
) -> (Aggregate, BTreeMap<SourceKey, Ledger>, Vec<Lost>) {
    let mut tallies = tallies.into_iter();
    let first = tallies.next().expect("a crew has at least one state");
    tallies.fold(
        (first.counts.aggregate, first.ledgers, first.lost),
        |(mut aggregate, mut ledgers, mut lost), tally| {
            aggregate.merge(tally.counts.aggregate);
            for (source, ledger) in tally.ledgers {
                ledgers.entry(source).or_default().merge(ledger);
            }
            lost.extend(tally.lost);
            (aggregate, ledgers, lost)
        },
    )
}
