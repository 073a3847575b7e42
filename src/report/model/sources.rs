//! The account of each source.

use super::Findings;
use crate::aggregate::LineClass;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct SourceLine {
    pub source: String,
    pub kind: &'static str,
    /// How it was packed, from outside in; empty for plain bytes.
    pub decode: String,
    /// Bytes of the file it is stored in.
    pub size_bytes: u64,
    /// Of the file it is stored in, or of the stream; `None` unless digests were asked for.
    pub sha256: Option<String>,
    pub n_lines: u64,
    pub n_records: u64,
    pub n_events: u64,
    pub n_continuation: u64,
    pub n_cut: u64,
    pub n_torn: u64,
    pub n_injected: u64,
    pub n_unparsed: u64,
    pub n_blank: u64,
    pub problems: Vec<String>,
}

pub(super) fn sources(findings: &Findings<'_>) -> Vec<SourceLine> {
    let Findings {
        scanned, account, ..
    } = *findings;
    let redactor = findings.names.redactor();
    scanned
        .sources
        .iter()
        .zip(&scanned.ledgers)
        .zip(&account.sources)
        .enumerate()
        .map(|(index, ((state, ledger), account))| SourceLine {
            source: redactor
                .source(findings.names.of(index).as_bytes())
                .for_terminal(),
            kind: state.kind.name(),
            decode: state.decode.clone(),
            size_bytes: state.size_bytes,
            sha256: state.sha256.clone(),
            n_lines: ledger.n_lines(),
            n_records: ledger.n_of(LineClass::Record),
            n_events: ledger.n_events,
            n_continuation: ledger.n_of(LineClass::Continuation),
            n_cut: ledger.n_of(LineClass::Cut),
            n_torn: ledger.n_of(LineClass::Torn),
            n_injected: ledger.n_of(LineClass::Injected),
            n_unparsed: ledger.n_of(LineClass::Unparsed),
            n_blank: ledger.n_of(LineClass::Blank),
            problems: account
                .problems
                .iter()
                .map(|problem| redactor.said(problem).for_page())
                .collect(),
        })
        .collect()
}
