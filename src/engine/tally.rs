//! What one worker counts.

use super::EngineConfig;
use crate::{
    aggregate::{Aggregate, Evidence, Ledger, SourceKey, failures::Kind},
    classify::{Classifier, residue, taxonomy::ROWS},
    event::{Basis, Category},
    filter::Filter,
    parse::wrapper::Chain,
    scan::{Block, Event, Scanner, Sink},
};
use std::{collections::BTreeMap, ops::Range};

/// Counts and ledgers of a worker, and what it scans with.
pub(super) struct Tally<'a> {
    scanner: Scanner<'a>,
    pub(super) ledgers: BTreeMap<SourceKey, Ledger>,
    counts: Counts<'a>,
}

struct Counts<'a> {
    aggregate: Aggregate,
    /// `None`: everything is kept.
    filter: Option<&'a Filter>,
    shape: Vec<u8>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(classifier: &'a Classifier, config: &'a EngineConfig) -> Tally<'a> {
        Tally {
            scanner: Scanner::new(classifier),
            ledgers: BTreeMap::new(),
            counts: Counts {
                aggregate: Aggregate::new(ROWS.len(), config.grain),
                filter: Some(&config.filter).filter(|filter| !filter.is_open()),
                shape: Vec::new(),
            },
        }
    }

    /// Counts bytes that another source holds too.
    pub(super) fn skip(&mut self, block: Block<'_>) {
        let ledger = self.ledgers.entry(block.source).or_default();
        ledger.collect_duplicate(block.offset, block.bytes);
    }

    /// Scans one chunk of a source wrapped in `chain`, on the machine `machine` if its lines do not tell.
    pub(super) fn scan(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        chain: &Chain,
        machine: Option<&str>,
    ) {
        let ledger = self.ledgers.entry(block.source).or_default();
        let mut sink = OnMachine {
            counts: &mut self.counts,
            machine: machine.map(str::as_bytes),
        };
        scan(&mut self.scanner, block, range, chain, ledger, &mut sink);
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
        let is_kept = |filter: &Filter| filter.keeps(event, self.machine);
        if self.counts.filter.is_none_or(is_kept) {
            self.counts.collect(event);
        }
    }
}

impl Counts<'_> {
    #[inline(always)]
    fn collect(&mut self, event: &Event<'_>) {
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

impl Tally<'_> {
    /// Prepares what was counted for [`merged`]; each thread may do its own.
    pub(super) fn settle(&mut self) {
        self.counts.aggregate.failures.sort();
    }
}

/// All that was counted, as one.
pub(super) fn merged(tallies: Vec<Tally<'_>>) -> (Aggregate, BTreeMap<SourceKey, Ledger>) {
    let mut tallies = tallies.into_iter();
    let first = tallies.next().expect("a crew has at least one state");
    tallies.fold(
        (first.counts.aggregate, first.ledgers),
        |(mut aggregate, mut ledgers), tally| {
            aggregate.merge(tally.counts.aggregate);
            for (source, ledger) in tally.ledgers {
                ledgers.entry(source).or_default().merge(ledger);
            }
            (aggregate, ledgers)
        },
    )
}
