//! All integration tests, as one binary, so that polars is linked once.

#![allow(clippy::print_stderr, reason = "skipped tests say so")]

mod agreement;
mod bad_input;
mod catalogue;
#[cfg(unix)]
mod changing_files;
mod containers;
mod corpus;
mod enveloped;
mod envelopes;
mod every_path;
mod fault_rows;
mod generate;
#[cfg(unix)]
mod holes;
mod hostile_archives;
mod injected_faults;
mod interrupt;
mod layers;
mod memo;
mod packed;
mod quick;
mod readback;
mod readme;
mod real_nginx;
mod reference;
mod same_content;
mod samples;
mod starved;
mod support;
mod unpack;
mod unpack_ahead;
mod unpack_tar;
mod utf16;
mod wrapper_twins;
mod wrappers;
