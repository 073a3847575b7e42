//! Flags as typed, the plan they resolve to, and what is said on stderr.

pub mod args;
pub mod commands;
mod compare;
mod evidence;
mod formats;
#[cfg(unix)]
pub mod interrupt;
pub mod limits;
pub mod message;
pub mod nginx_config;
pub mod plan;
pub mod progress;
mod read;
mod spool;
mod tables;
mod whole_lines;

pub use args::Args;
pub use commands::run;
pub use message::Status;
