//! All integration tests, as one binary, so that polars is linked once.

#![allow(clippy::print_stderr, reason = "skipped tests say so")]

mod agreement;
mod bad_input;
mod catalogue;
mod corpus;
mod every_path;
mod generate;
mod layers;
mod memo;
mod quick;
mod readback;
mod readme;
mod real_nginx;
mod reference;
mod samples;
mod support;
