//! How much of what was named could be read and understood.

use super::Findings;
use crate::{aggregate::LineClass, engine::SourceState};
use serde::Serialize;

/// How much of what was named could be read and understood.
#[derive(Clone, Debug, Serialize)]
pub struct Completeness {
    pub n_sources: usize,
    pub n_sources_read: usize,
    pub n_sources_with_problems: usize,
    pub size_bytes: u64,
    /// Bytes of sources that were scanned.
    pub bytes_read: u64,
    pub n_lines: u64,
    /// Lines that are neither records nor parts of records nor blank.
    pub n_lines_unparsed: u64,
    /// Share of the bytes of all sources that ended in a record, in per cent, rounded down to a hundredth.
    pub percent_understood: f64,
}

pub(super) fn completeness(findings: &Findings<'_>) -> Completeness {
    let Findings {
        scanned, account, ..
    } = *findings;
    let sources = || {
        scanned
            .sources
            .iter()
            .zip(&scanned.ledgers)
            .zip(&account.sources)
    };
    let is_log = |state: &&SourceState| state.kind.is_log();
    let size_bytes: u64 = scanned
        .sources
        .iter()
        .filter(is_log)
        .map(|state| state.decoded_bytes)
        .sum();
    let understood: u64 = scanned
        .ledgers
        .iter()
        .map(|ledger| ledger.n_bytes() - ledger.bytes[LineClass::Unparsed as usize])
        .sum();
    Completeness {
        n_sources: scanned.sources.iter().filter(is_log).count(),
        n_sources_read: account
            .sources
            .iter()
            .filter(|source| source.is_read)
            .count(),
        n_sources_with_problems: account
            .sources
            .iter()
            .filter(|source| !source.problems.is_empty())
            .count(),
        size_bytes,
        bytes_read: sources()
            .filter(|(_, account)| account.is_read)
            .map(|((state, _), _)| state.decoded_bytes)
            .sum(),
        n_lines: scanned.ledgers.iter().map(|ledger| ledger.n_lines()).sum(),
        n_lines_unparsed: scanned
            .ledgers
            .iter()
            .map(|ledger| ledger.n_of(LineClass::Unparsed))
            .sum(),
        percent_understood: match size_bytes {
            0 => 100.0,
            // Rounded down: 100 means all.
            size => (understood as u128 * 10_000 / u128::from(size)) as f64 / 100.0,
        },
    }
}
