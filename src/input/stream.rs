//! Bytes that come piece by piece, as blocks that end where a record begins, in bounded memory.

use crate::lines::nuls::{HOLE_LEN, find_nuls, leading_nuls, trailing_nuls};
use memchr::{memchr, memrchr};
use std::{collections::VecDeque, ops::Range};

/// About the length of a block: few enough bytes to stay in the cache from decoder to scan.
pub const BLOCK_LEN: usize = 1 << 20;

/// Room for the first bytes of a stream.
const ROOM_LEN_MIN: usize = 64 << 10;

/// A block is cut at any line, though a record or an entry may go on there, before it grows longer: what is made of pieces
/// without end, or claims a length that never comes, must not fill the memory.
pub const BLOCK_LEN_MAX: usize = 16 << 20;

/// What a source of bytes did with the room it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// So many bytes were put at its start; at least one.
    Bytes(usize),
    /// Bytes are missing here: what follows does not continue what came before.
    Seam,
    /// Nothing will come any more.
    End,
}

/// One block of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StreamBlock {
    /// Offset of `bytes[0]` in the stream.
    pub offset: u64,
    pub bytes: Vec<u8>,
    /// NULs left out before `bytes`: more than a line may have.
    pub n_hole: u64,
    /// Bytes left out behind `bytes`: the rest of an overlong last line, its newline included.
    pub n_omitted: u64,
}

/// Cuts a stream into blocks.
#[derive(Debug)]
pub struct Blocks {
    /// How much of one line is ever kept.
    line_len_max: usize,
    /// Bytes at hand, and room behind them.
    buffer: Vec<u8>,
    len: usize,
    /// Offset of `buffer[0]` in the stream.
    offset: u64,
    /// NULs left out before `buffer[0]`; those that follow are left out too.
    n_hole: u64,
    /// Where in the buffer bytes are missing, of the part that was looked at before the first block was taken.
    seams: VecDeque<usize>,
    /// What came last was no bytes.
    pause: Option<Filled>,
}

impl Blocks {
    pub fn new(line_len_max: usize) -> Blocks {
        Blocks {
            line_len_max,
            buffer: Vec::new(),
            len: 0,
            offset: 0,
            n_hole: 0,
            seams: VecDeque::new(),
            pause: None,
        }
    }

    /// The pieces that the stream begins with behind NULs, before the first block is taken: up to a block of it, with a seam between
    /// two; at least one, which may be empty.
    pub fn peek(&mut self, mut fill: impl FnMut(&mut [u8]) -> Filled) -> Vec<&[u8]> {
        self.fill_to(BLOCK_LEN, &mut fill);
        self.skip_hole(&mut fill);
        let n_nuls = leading_nuls(&self.buffer[..self.len]);
        let wanted = n_nuls + BLOCK_LEN;
        self.fill_to(wanted, &mut fill);
        while self.pause == Some(Filled::Seam) && self.len < wanted {
            self.pause = None;
            self.seams.push_back(self.len);
            self.fill_to(wanted, &mut fill);
        }
        let starts = std::iter::once(0).chain(self.seams.iter().copied());
        let ends = self.seams.iter().copied().chain([self.len]);
        let pieces = starts
            .zip(ends)
            .map(|(start, end)| &self.buffer[start..end]);
        let mut pieces: Vec<&[u8]> = pieces.collect();
        pieces[0] = match &pieces[0][n_nuls..] {
            // Nothing but NULs is not the same as nothing.
            [] if self.n_hole > 0 => &[0],
            [] => pieces[0],
            text => text,
        };
        pieces
    }

    /// The next block; `None` at the end. `find_cut` gives the last place in the bytes at hand where a block can end.
    /// A used buffer in `spare` is used again.
    pub fn next_block(
        &mut self,
        mut fill: impl FnMut(&mut [u8]) -> Filled,
        mut find_cut: impl FnMut(&[u8]) -> Option<usize>,
        spare: Vec<u8>,
    ) -> Option<StreamBlock> {
        let mut wanted = BLOCK_LEN;
        while let Some(seam) = self.seams.pop_front() {
            if seam > 0 || self.n_hole > 0 {
                self.seams.iter_mut().for_each(|next| *next -= seam);
                return Some(self.take(seam, spare));
            }
        }
        loop {
            self.fill_to(wanted, &mut fill);
            self.skip_hole(&mut fill);
            if self.pause == Some(Filled::Seam) {
                self.pause = None;
                if self.len > 0 || self.n_hole > 0 {
                    return Some(self.take(self.len, spare));
                }
                continue;
            }
            if self.pause == Some(Filled::End) {
                let is_left = self.len > 0 || self.n_hole > 0;
                return is_left.then(|| self.take(self.len, spare));
            }
            if let Some(cut) = find_cut(&self.buffer[..self.len]) {
                return Some(self.take(cut, spare));
            }
            if self.last_line_len() > self.line_len_max.max(BLOCK_LEN) {
                let line = &self.buffer[self.len - self.last_line_len()..self.len];
                let n_leading = leading_nuls(line);
                if let Some(end) = self.end_at_nuls(n_leading, self.line_len_max) {
                    return Some(self.take(end, spare));
                }
                // As long as NULs come there may be enough of them.
                let len = line.len() - n_leading - trailing_nuls(&line[n_leading..]);
                if len > self.line_len_max.max(BLOCK_LEN) {
                    return Some(match self.end_at_nuls(n_leading, HOLE_LEN) {
                        Some(end) => self.take(end, spare),
                        None => self.skip_line(n_leading, &mut fill, spare),
                    });
                }
            }
            if self.len >= BLOCK_LEN_MAX {
                let end = memrchr(b'\n', &self.buffer[..self.len]).map_or(self.len, |at| at + 1);
                return Some(self.take(end, spare));
            }
            wanted = self.len + BLOCK_LEN;
        }
    }

    /// Drops NULs at the start of the buffer that are more than a line may have.
    fn skip_hole(&mut self, fill: &mut impl FnMut(&mut [u8]) -> Filled) {
        if self.n_hole == 0 {
            if self.len == 0 || self.buffer[0] != 0 {
                return;
            }
            self.fill_to(self.line_len_max + 1, fill);
            if leading_nuls(&self.buffer[..self.len]) <= self.line_len_max {
                return;
            }
        }
        loop {
            let n = leading_nuls(&self.buffer[..self.len]);
            self.drop_first(n);
            self.n_hole += n as u64;
            self.offset += n as u64;
            if self.len > 0 || self.pause.is_some() {
                return self.fill_to(BLOCK_LEN, fill);
            }
            self.fill_to(BLOCK_LEN, fill);
        }
    }

    fn drop_first(&mut self, n: usize) {
        self.buffer.copy_within(n..self.len, 0);
        self.len -= n;
    }

    /// Reads until `wanted` bytes are at hand, or none come. Room is made as it is used: most members of an archive are short.
    fn fill_to(&mut self, wanted: usize, fill: &mut impl FnMut(&mut [u8]) -> Filled) {
        while self.len < wanted && self.pause.is_none() {
            if self.len == self.buffer.len() {
                let room = (2 * self.len).max(ROOM_LEN_MIN).min(wanted);
                self.buffer.resize(room, 0);
            }
            match fill(&mut self.buffer[self.len..]) {
                Filled::Bytes(n) => self.len += n,
                pause => self.pause = Some(pause),
            }
        }
    }

    /// Where the line at the end of the buffer, which begins with `n_leading` NULs, has more than `len` of them.
    fn end_at_nuls(&self, n_leading: usize, len: usize) -> Option<usize> {
        let start = self.len - self.last_line_len();
        // Before lines at hand they may be as many as they want.
        let from = if start == 0 { n_leading } else { 0 };
        let nuls = find_nuls(&self.buffer[start + from..self.len], len)?;
        Some(start + from + nuls.start)
    }

    fn last_line_len(&self) -> usize {
        let bytes = &self.buffer[..self.len];
        self.len - memrchr(b'\n', bytes).map_or(0, |newline| newline + 1)
    }

    /// The first `len` bytes, as a block; the rest moves to the buffer `spare`.
    fn take(&mut self, len: usize, mut spare: Vec<u8>) -> StreamBlock {
        let rest = &self.buffer[len..self.len];
        // Behind the end no room is needed.
        if !rest.is_empty() || self.pause != Some(Filled::End) {
            spare.resize(rest.len().max(BLOCK_LEN), 0);
        }
        spare[..rest.len()].copy_from_slice(rest);
        self.len = rest.len();
        let mut bytes = std::mem::replace(&mut self.buffer, spare);
        bytes.truncate(len);
        let offset = self.offset;
        self.offset += len as u64;
        StreamBlock {
            offset,
            bytes,
            n_hole: std::mem::take(&mut self.n_hole),
            n_omitted: 0,
        }
    }

    /// Drops all but the beginning of the overlong line at the end of the buffer, behind `n_leading` NULs, up to and with its newline,
    /// or up to NULs that begin another.
    fn skip_line(
        &mut self,
        n_leading: usize,
        fill: &mut impl FnMut(&mut [u8]) -> Filled,
        spare: Vec<u8>,
    ) -> StreamBlock {
        let kept = self.len - self.last_line_len() + n_leading + self.line_len_max;
        let mut n_omitted = (self.len - kept) as u64;
        let mut n_nuls = trailing_nuls(&self.buffer[kept..self.len]);
        self.len = kept;
        let mut block = self.take(kept, spare);
        let mut n_hole = 0;
        while self.pause.is_none() {
            self.fill_to(BLOCK_LEN, fill);
            let newline = memchr(b'\n', &self.buffer[..self.len]);
            let end = newline.map_or(self.len, |newline| newline + 1);
            let bytes = &self.buffer[..end];
            // They may go on from what was dropped before.
            if n_nuls + leading_nuls(bytes) > HOLE_LEN {
                n_omitted -= n_nuls as u64;
                n_hole = n_nuls as u64;
                break;
            }
            if let Some(nuls) = find_nuls(bytes, HOLE_LEN) {
                n_omitted += nuls.start as u64;
                self.drop_first(nuls.start);
                break;
            }
            let n_trailing = trailing_nuls(bytes);
            n_nuls = n_trailing + if n_trailing == end { n_nuls } else { 0 };
            n_omitted += end as u64;
            self.drop_first(end);
            if newline.is_some() {
                break;
            }
        }
        self.offset += n_omitted + n_hole;
        self.n_hole = n_hole;
        block.n_omitted = n_omitted;
        block
    }
}

/// The last place in `bytes` where a line starts of which `blocked` does not say that no record can begin around it; few lines are
/// tried, since a record has not many.
pub fn last_start(
    bytes: &[u8],
    mut blocked: impl FnMut(&[u8], usize) -> Option<Range<usize>>,
) -> Option<usize> {
    let mut end = bytes.len();
    for _ in 0..CUT_TRIES {
        let newline = memrchr(b'\n', &bytes[..end])?;
        end = newline;
        if newline + 1 < bytes.len() {
            match blocked(bytes, newline + 1) {
                None => return Some(newline + 1),
                Some(range) => end = end.min(range.start.saturating_sub(1)),
            }
        }
    }
    None
}

/// Lines tried, from the end of the bytes, for a place to cut: more than one record can have.
const CUT_TRIES: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn blocks(mut text: &[u8], line_len_max: usize) -> Vec<StreamBlock> {
        let mut blocks = Blocks::new(line_len_max);
        let mut fill = |room: &mut [u8]| match text.read(room).expect("memory") {
            0 => Filled::End,
            n => Filled::Bytes(n),
        };
        std::iter::from_fn(|| {
            blocks.next_block(
                &mut fill,
                |bytes| last_start(bytes, |_, _| None),
                vec![7; 9],
            )
        })
        .collect()
    }

    #[test]
    fn blocks_give_the_stream_back() {
        let line = b"0123456789abcdef\n";
        let text = line.repeat(3 * BLOCK_LEN / line.len());
        let got = blocks(&text, 1 << 20);
        assert!(got.len() >= 3);
        assert!(got.iter().all(|block| block.bytes.ends_with(b"\n")));
        assert_eq!(
            got.iter()
                .flat_map(|block| block.bytes.clone())
                .collect::<Vec<_>>(),
            text
        );
        assert_eq!(got[1].offset, got[0].bytes.len() as u64);
        assert_eq!(blocks(b"", 1), []);
    }

    #[test]
    fn an_endless_line_is_cut_and_counted() {
        let mut text = b"first\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 3 * BLOCK_LEN));
        text.extend(b"\nlast\n");
        let got = blocks(&text, 100);
        let n_bytes: u64 = got
            .iter()
            .map(|block| block.bytes.len() as u64 + block.n_omitted)
            .sum();
        assert_eq!(n_bytes, text.len() as u64);
        assert_eq!(got.last().expect("some").bytes, b"last\n");
        assert!(got.iter().all(|block| block.bytes.len() <= 2 * BLOCK_LEN));
    }

    #[test]
    fn lines_that_belong_together_without_end_are_cut() {
        let text = b"piece\n".repeat(2 * BLOCK_LEN_MAX / 6);
        let mut rest = &text[..];
        let mut fill = |room: &mut [u8]| match rest.read(room).expect("memory") {
            0 => Filled::End,
            n => Filled::Bytes(n),
        };
        let mut blocks = Blocks::new(100);
        let got: Vec<StreamBlock> =
            std::iter::from_fn(|| blocks.next_block(&mut fill, |_| None, Vec::new())).collect();
        assert!(got.iter().all(|block| block.bytes.len() <= BLOCK_LEN_MAX));
        assert!(got.iter().all(|block| block.bytes.ends_with(b"piece\n")));
        assert_eq!(
            got.iter().map(|block| block.bytes.len()).sum::<usize>(),
            text.len()
        );
    }

    /// Whatever stands before NULs that are more than a line may have, they are left out, and what follows is read.
    #[test]
    fn long_holes_are_left_out() {
        for before in [&b""[..], b"first\n", b"cut off", &[b'x'; 3 * BLOCK_LEN]] {
            for n in [1 << 20, (1 << 20) + 1, 3 << 20, (40 << 20) + 5] {
                for behind in [&b""[..], b"\n", b"last", b"last\nline\n"] {
                    let text = [before, &vec![0; n], behind].concat();
                    let got = blocks(&text, 1 << 20);
                    let (mut offset, mut n_hole) = (0, 0);
                    for block in &got {
                        offset += block.n_hole;
                        assert_eq!(block.offset, offset);
                        let bytes = &text[offset as usize..][..block.bytes.len()];
                        assert!(block.bytes == bytes);
                        offset += block.bytes.len() as u64 + block.n_omitted;
                        n_hole += block.n_hole;
                        // Where the stream ends before a block is full, whoever scans it finds them.
                        let kept = find_nuls(&block.bytes, 1 << 20);
                        n_hole += kept.map_or(0, |nuls| nuls.len() as u64);
                    }
                    assert_eq!(offset, text.len() as u64);
                    let is_long = n > 1 << 20;
                    assert_eq!(
                        n_hole,
                        if is_long { n as u64 } else { 0 },
                        "{}",
                        before.len()
                    );
                    let last = got.last().expect("some");
                    assert!(!is_long || last.bytes.ends_with(behind) && last.n_omitted == 0);
                }
            }
        }
    }

    #[test]
    fn a_seam_ends_a_block() {
        let mut steps = [&b"a\nb"[..], b"", b"", b"c\n", b"d"].into_iter();
        let mut fill = |room: &mut [u8]| match steps.next() {
            None => Filled::End,
            Some([]) => Filled::Seam,
            Some(bytes) => {
                room[..bytes.len()].copy_from_slice(bytes);
                Filled::Bytes(bytes.len())
            }
        };
        let mut blocks = Blocks::new(100);
        assert_eq!(blocks.peek(&mut fill), [&b"a\nb"[..], b"", b"c\nd"]);
        let got: Vec<(u64, Vec<u8>)> = std::iter::from_fn(|| {
            let block = blocks.next_block(&mut fill, |_| None, Vec::new())?;
            Some((block.offset, block.bytes))
        })
        .collect();
        assert_eq!(got, [(0, b"a\nb".to_vec()), (3, b"c\nd".to_vec())]);
    }
}
