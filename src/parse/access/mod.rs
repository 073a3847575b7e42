//! Bytes of an access-log record to borrowed fields. No judgement, no allocation, no clock.
//!
//! What stands in a line is known only from the `log_format` it was written with (`ngx_http_log_module.c`): literal text and
//! variables. A reader, whatever it reads (text in a format, JSON), fills an [`AccessLine`]: one slot per *meaning*, since
//! several variables tell the same (`$time_local`, `$msec`). Slots hold the bytes as they stand in the log, escapes and all.
//! [`json`] reads lines in JSON.

pub mod field;
pub mod json;

pub use field::{AccessLine, Escape, Field, FieldSet, Misfit};
