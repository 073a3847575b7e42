//! All integration tests, as one binary, so that polars is linked once.

#![allow(clippy::print_stderr, reason = "skipped tests say so")]

mod access_cases;
mod access_infer;
mod access_records;
mod access_twin;
mod agreement;
mod bad_input;
mod browser;
mod catalogue;
mod causes;
#[cfg(unix)]
mod changing_files;
mod clocks;
mod compare;
mod config;
mod config_hostile;
mod config_lint;
mod config_model;
#[cfg(target_os = "linux")]
mod config_nginx;
mod containers;
mod corpus;
#[cfg(target_os = "linux")]
mod cut;
mod damaged_beginnings;
mod denials;
mod enveloped;
mod envelopes;
mod every_path;
mod evidence;
mod fault_rows;
mod findings;
mod findings_config;
mod findings_effects;
mod findings_held;
mod findings_real;
mod fingerprints;
#[cfg(target_os = "linux")]
mod forged;
mod forms;
mod generate;
#[cfg(unix)]
mod holes;
mod hostile_archives;
mod incidents;
mod injected_faults;
mod interrupt;
mod json_access;
mod json_access_twin;
mod layers;
mod memo;
mod overlaps;
mod packed;
mod page;
mod page_numbers;
mod quick;
mod readback;
mod readme;
mod real_nginx;
mod redact;
mod reference;
mod requests;
mod same_content;
mod samples;
#[cfg(target_os = "linux")]
mod scenarios;
mod starved;
mod support;
mod unpack;
mod unpack_ahead;
mod unpack_tar;
mod utf16;
mod wrapper_twins;
mod wrappers;
