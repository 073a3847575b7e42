//! Lines of which the newline between two JSON objects was lost.
//!
//! ```text
//! {"log":"…","stream":"stderr","time":"…"}{"log":"…",…}     a copy that lost a byte, a collector that writes none
//! {"log":"2026/11/20 11:24:4{"log":"…",…}                   a write that was cut, and the next one
//! ```
//!
//! No string holds a bare quote, so text of a client cannot look like the second object.

use super::{Chain, Wrapper};
use crate::parse::json::Members;
use memchr::{memchr, memmem};

/// Objects of one line that were cut before the next: more are no accident, and each has the rest of the line read once more.
pub const CUT_OBJECTS_MAX: usize = 16;

/// Where a second object begins in a line of a source whose outermost layer is JSON, and whether the first is whole; each is a line
/// of its own.
#[inline]
pub fn glued(chain: &Chain, line: &[u8]) -> Option<(usize, bool)> {
    let is_json = matches!(
        chain.layers[0],
        Some(Wrapper::DockerJson | Wrapper::JournalJson | Wrapper::GenericJson)
    );
    if !is_json || line.is_empty() {
        return None;
    }
    memmem::find(&line[1..], b"{\"").and_then(|at| second_object(line, at + 1))
}

/// The second object, if it begins at `from` or behind: what a member holds is none.
#[cold]
fn second_object(line: &[u8], from: usize) -> Option<(usize, bool)> {
    let mut starts = memmem::find_iter(&line[from..], b"{\"").map(|at| from + at);
    if let Some(end) = Members::object_end(line) {
        return starts.find(|at| *at >= end).map(|at| (at, true));
    }
    // Of an object that was cut, the next one begins with the same key.
    let start = &line[..=memchr(b':', line)?];
    let second = starts.find(|at| start.starts_with(b"{\"") && line[*at..].starts_with(start));
    second.map(|at| (at, false))
}
