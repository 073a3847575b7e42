//! What there is to do with a mapped file: its chunks, its holes, and what another file holds too.

use super::{EngineConfig, SourceState, feed, source::PathNames};
use crate::{
    aggregate::limits,
    lines::{self, nuls},
    parse::wrapper::Scratch,
    scan::{Block, Reading},
};
use std::{cell::RefCell, ops::Range};

/// One chunk to scan.
pub(super) struct Job<'a> {
    pub(super) block: Block<'a>,
    pub(super) range: Range<usize>,
    pub(super) reading: Reading,
    pub(super) path: PathNames,
    pub(super) part: Part,
}

/// What there is to do with a chunk of a mapped file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// NULs that are not looked at.
    Hole {
        is_last: bool,
    },
    New,
    /// Another source holds it too.
    Same,
}

impl Job<'_> {
    /// Where its bytes stand in the file.
    pub(super) fn range_in_file(&self) -> Range<usize> {
        let from = self.block.offset as usize; // it is in memory
        from + self.range.start..from + self.range.end
    }
}

/// Chunks of a file, if nobody asks for others: enough for the threads of a large machine to be done at about the same time. To find
/// where a chunk can begin, and to give its memory back, takes some microseconds; what is given back late is held until then.
const N_CHUNKS: usize = 256;
const CHUNK_LEN_MIN: usize = 1 << 20;
const CHUNK_LEN_MAX: usize = 8 << 20;

/// The chunks of a mapped file, whose first `same_len` bytes another holds too, and which has these `holes`.
pub(super) fn jobs<'a>(
    state: &SourceState,
    bytes: &'a [u8],
    same_len: usize,
    holes: &[Range<usize>],
    config: &EngineConfig,
) -> Vec<Job<'a>> {
    if !state.is_scanned() {
        return vec![];
    }
    let scratch = RefCell::new(Scratch::default());
    let blocked = |bytes: &[u8], at: usize| {
        feed::blocked(&state.reading, bytes, at, &mut scratch.borrow_mut())
    };
    let block_of = |range: Range<usize>| Block {
        source: state.key,
        offset: range.start as u64,
        bytes: &bytes[range],
        n_omitted: 0,
    };
    let job = |block: Block<'a>, range, part| Job {
        block,
        range,
        reading: state.reading.clone(),
        path: state.machine.clone(),
        part,
    };
    let mut jobs = Vec::new();
    if same_len > 0 {
        jobs.push(job(block_of(0..same_len), 0..same_len, Part::Same));
    }
    let chunk_len = chunk_len(config.chunk_len, bytes.len());
    let mut at = same_len;
    let holes = nuls::runs_around(bytes, holes, limits::LINE_LEN_MAX);
    let end = bytes.len()..bytes.len();
    for hole in holes
        .into_iter()
        .filter(|hole| hole.start >= same_len)
        .chain([end])
    {
        let block = block_of(at..hole.start);
        let ranges = lines::chunks(block.bytes, chunk_len, limits::CHUNKS_MAX, blocked);
        jobs.extend(ranges.into_iter().map(|range| job(block, range, Part::New)));
        at = hole.end;
        if !hole.is_empty() {
            let is_last = at == bytes.len();
            jobs.push(job(
                block_of(hole.clone()),
                0..hole.len(),
                Part::Hole { is_last },
            ));
        }
    }
    jobs
}

/// Length of the chunks of a file of `len` bytes, where the configuration asks for `asked`.
fn chunk_len(asked: usize, len: usize) -> usize {
    match asked {
        0 => (len / N_CHUNKS).clamp(CHUNK_LEN_MIN, CHUNK_LEN_MAX),
        _ => asked,
    }
}

/// What comes behind the NULs that `bytes` begin with; those in `holes` need not be looked at.
pub(super) fn behind_nuls<'a>(bytes: &'a [u8], holes: &[Range<usize>]) -> &'a [u8] {
    let mut at = 0;
    let first = holes.first().filter(|hole| hole.start == 0);
    if let Some(first) = first {
        at = first.end;
    }
    let n = nuls::leading_nuls(&bytes[at..]);
    if at + n < bytes.len() {
        &bytes[at + n..]
    } else {
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_as_long_as_suits_the_file_unless_asked_for() {
        for (asked, len, want) in [
            (0, 0, 1 << 20),
            (0, 200 << 20, 1 << 20),
            (0, 1 << 30, 4 << 20),
            (0, 1 << 40, 8 << 20),
            (1, 1 << 30, 1),
            (1 << 30, 7, 1 << 30),
        ] {
            assert_eq!(chunk_len(asked, len), want, "{asked} of {len}");
        }
    }
}
