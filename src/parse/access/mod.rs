//! Bytes of an access-log record to borrowed fields. No judgement, no allocation, no clock.
//!
//! What stands in a line is known only from the `log_format` it was written with (`ngx_http_log_module.c`): literal text and
//! variables. A reader, whatever it reads (text in a format, JSON), fills an [`AccessLine`]: one slot per *meaning*, since
//! several variables tell the same (`$time_local`, `$msec`). Slots hold the bytes as they stand in the log, escapes and all.
//!
//! [`format`](mod@format) compiles a format, [`cut`] reads its lines, [`json`] those in JSON; [`builtin`] holds the formats known by name, and
//! [`infer`](mod@infer) tells the format from lines. What the bytes of a slot say is read from them only where it is asked for:
//! [`time`], [`value`], [`escape`], [`request_line`], [`attempt`], [`route`].

pub mod field;
pub mod json;

pub mod builtin;
mod class;
pub mod cut;
mod directive;
pub mod format;
mod formats;
pub mod infer;
mod quick;
mod recognise;
mod search;
mod step;
mod variable;

pub mod attempt;
pub mod escape;
pub mod request_line;
pub mod route;
pub mod time;
pub mod value;

pub use attempt::{Attempt, Attempts, attempts, only_attempt};
pub use cut::Cutter;
pub use escape::unescape;
pub use field::{AccessLine, Escape, Field, FieldSet, Misfit};
pub use format::{FormatError, LogFormat};
pub use formats::{Formats, How, Reader};
pub use infer::{Inference, Refusal, infer};
pub use recognise::{Known, recognise, tells_request};
pub use request_line::{RequestLine, parse_request_line};
pub use route::write_route;
pub use time::{Instant, TimeReader, Written};
