//! Bytes of an error-log record to borrowed fields. No judgement, no allocation, no clock.
//!
//! The grammar is that of `ngx_log_error_core` (`core/ngx_log.c`) and of the handlers that append the tail
//! (`ngx_http_log_error`, `ngx_stream_log_error`, `ngx_mail_log_error`, `ngx_resolver_log_error`):
//!
//! ```text
//! YYYY/MM/DD HH:MM:SS [LEVEL] PID#TID: *CONNECTION MESSAGE (ERRNO: TEXT) while ACTION, client: …, server: …, request: "…",
//!     subrequest: "…", upstream: "…", host: "…", referrer: "…"
//! ```
//!
//! [`head`] reads up to the message, [`action`] the ` while …` words, [`tail`] what follows; where the message ends is
//! known only to who knows the messages: `classify`. What other programs put around a line is taken off by [`wrapper`]. nginx escapes nothing here, so a field counts only where nginx
//! itself writes it: keys in their fixed order, values to the quote that such a key or the end of the record follows.

pub mod access;
pub mod action;
pub mod companion;
pub mod denial;
pub mod forged;
pub mod head;
mod json;
pub mod record;
pub mod tail;
pub mod upstream;
pub mod usual;
pub mod wrapper;

pub use action::{Action, Side};
pub use head::{Head, HeadParser};
pub use tail::Tail;
