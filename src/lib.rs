//! coroner: offline post-mortems of gateway failures.
//!
//! Bytes of logs go in at the top, tables and pages come out at the bottom:
//!
//! | room | what lives there |
//! |---|---|
//! | [`event`] | the shared nouns: category, phase, severity, level, times |
//! | [`error`] | what can go wrong with files, once per operation |
//! | [`text`] | log bytes as text that cannot hurt |
//! | [`words`] | numbers as people read them |
//! | [`glob`], [`zone`] | the doors to globs and to time zones |
//! | [`input`] | paths to bytes: what the user named, maps, streams, kinds by content, what is packed |
//! | [`lines`] | where lines end and chunks may begin |
//! | [`parse`] | records to borrowed fields: head, action, tail, upstream; and out of what other programs wrapped them in |
//! | [`config`] | the nginx configuration as a model: includes, inheritance, effective values, log formats |
//! | [`classify`] | which of the known messages a record is, and what that means |
//! | [`aggregate`] | integers that merge exactly: failures, shapes, ledgers |
//! | [`scan`] | the loop: one chunk to records, events and its share of the ledger |
//! | [`progress`] | how far a run is, as counters |
//! | [`filter`] | which events a question is about |
//! | [`engine`] | sources x chunks, on all cores |
//! | [`redact`] | what of a log may leave: the one place that decides |
//! | [`diagnose`] | counts to statements: placed in UTC, what happened and why, and how whole the account is |
//! | [`explain`] | what a line or a class of failure means |
//! | [`evidence`] | from the name of a place to the lines that stand there |
//! | [`export`] | the tables for programs |
//! | [`report`] | the tables for people |
//! | [`cli`] | flags, plan, commands, messages, exit status |
//!
//! Which room may name which is a test (`tests/integration/layers.rs`).
//!
//! **Deliberately absent.** Between [`lines`] and [`aggregate`] there is no I/O, no clock, no locale and no error that can
//! stop a run: bytes in, values out, every line ends as part of a record or as a counted reason. Nothing above [`input`] knows
//! whether bytes came from a map or a pipe. Nothing below [`cli`] knows a flag. No answer depends on chunk size, threads
//! or the order of files. Nothing here opens a socket or starts a process.

pub mod event;

pub mod error;
pub mod glob;
pub mod text;
pub mod words;
pub mod zone;

pub mod input;
pub mod lines;

pub mod parse;

pub mod config;

pub mod classify;

pub mod aggregate;
pub mod filter;
pub mod progress;
pub mod scan;

pub mod engine;

pub mod redact;

pub mod diagnose;
pub mod evidence;
pub mod explain;
pub mod export;
pub mod report;

pub mod cli;
