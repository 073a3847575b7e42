//! Whether a second reading found what the first did.

use super::{FileState, Scanned, SourceState};
use crate::{error::Error, input::Change};
use std::io;

/// What to say if the stored stream number `stored` gave other bytes this time, in `again`, than when it was counted.
pub(super) fn missed(scanned: &Scanned, stored: u32, again: Vec<SourceState>) -> Option<Error> {
    let before = of_stored(scanned, stored);
    let is_same = |(before, now): (&SourceState, &SourceState)| {
        // What was appended to a mapped file since is left alone.
        let is_grown = now.is_mapped && now.decoded_bytes > before.decoded_bytes;
        let has_all = is_grown || now.decoded_bytes == before.decoded_bytes;
        let is_kept = |change: Change| change.keeps_old() || !change.is_damage();
        let is_kept = now.changed.is_none_or(is_kept);
        let identity = |file: FileState| (file.device, file.inode);
        let is_old = match is_grown {
            true => now.file.map(identity) == before.file.map(identity),
            false => now.file == before.file,
        };
        let has_read = now.problems.len() <= before.problems.len();
        let is_read_alike = now.kind == before.kind && now.is_mapped == before.is_mapped;
        has_all && has_read && is_kept && is_old && is_read_alike
    };
    if before.len() == again.len() && before.iter().zip(&again).all(is_same) {
        return None;
    }
    let n_read = again.iter().map(|state| state.decoded_bytes).sum();
    let why = again.into_iter().flat_map(|state| state.problems).next();
    let first = before.first()?;
    Some(why.unwrap_or_else(|| Error::Read {
        path: first.place.path().to_owned(),
        offset_bytes: n_read,
        source: io::Error::other(
            "it is not what it was when it was counted; events may be missing",
        ),
    }))
}

/// What the first reading found in the stored stream number `stored`.
pub(super) fn of_stored(scanned: &Scanned, stored: u32) -> &[SourceState] {
    let start_of = |stored: usize| {
        let is_before = |state: &SourceState| state.key.stored() < stored;
        scanned.sources.partition_point(is_before)
    };
    let stored = stored as usize;
    &scanned.sources[start_of(stored)..start_of(stored + 1)]
}
