//! A mistake of this program, met on some bytes, costs those and not the run: whoever calls what may panic goes on behind it, and
//! says so. What the panic left half done is not used again, or only added to. The standard library has said by then where it
//! happened.

use crate::error::Error;
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// Does `work`; a panic is an error with its words.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| words(panic.as_ref()))
}

/// What to say of the bytes from `start` to `end` of the decoded stream; `None`: up to its end.
pub(super) fn error(path: &Path, start: u64, end: Option<u64>, what: String) -> Error {
    Error::Internal {
        path: path.to_owned(),
        start,
        end,
        what,
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

/// What a test writes into a log to make the program panic where it is scanned, or drawn from a stream.
#[cfg(test)]
pub(super) const WHILE_SCANNING: &[u8] = b"panic while scanning";
#[cfg(test)]
pub(super) const WHILE_DRAWING: &[u8] = b"panic while drawing";

#[cfg(test)]
pub(super) fn trip(word: &'static [u8], bytes: &[u8]) {
    let is_there = memchr::memmem::find(bytes, word).is_some();
    assert!(!is_there, "{}", word.escape_ascii());
}

#[cfg(test)]
mod tests;
