//! A pipe as blocks that end where a record begins, in bounded memory.

use memchr::{memchr, memrchr};
use std::io::{self, Read};

/// Bytes that one read asks for, and about the length of a block.
pub const BLOCK_LEN: usize = 16 << 20;

/// Cuts what `reader` yields into blocks. `may_start` says whether a record can begin at a line start of the bytes at
/// hand; `line_len_max` is how much of one line is ever kept.
pub struct Blocks<R, F> {
    reader: R,
    may_start: F,
    line_len_max: usize,
    buffer: Vec<u8>,
    /// Offset of `buffer[0]` in the stream.
    offset: u64,
    ended: bool,
    /// An error that waits for the block before it to be taken.
    failure: Option<(u64, io::Error)>,
}

/// One block of a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct StreamBlock {
    /// Offset of `bytes[0]` in the stream.
    pub offset: u64,
    pub bytes: Vec<u8>,
    /// Bytes left out behind `bytes`: the rest of an overlong last line, its newline included.
    pub n_omitted: u64,
}

impl<R: Read, F: Fn(&[u8], usize) -> bool> Blocks<R, F> {
    pub fn new(reader: R, line_len_max: usize, may_start: F) -> Blocks<R, F> {
        Blocks {
            reader,
            may_start,
            line_len_max,
            buffer: Vec::new(),
            offset: 0,
            ended: false,
            failure: None,
        }
    }

    /// The next block; `None` at the end. An error comes once; what was read before it comes all the same, before or after.
    pub fn next_block(&mut self) -> Option<Result<StreamBlock, (u64, io::Error)>> {
        loop {
            if let Some(failure) = self.failure.take() {
                return Some(Err(failure));
            }
            if self.ended {
                return (!self.buffer.is_empty()).then(|| Ok(self.take(self.buffer.len())));
            }
            if let Err(error) = self.fill() {
                self.ended = true;
                return Some(Err((self.offset + self.buffer.len() as u64, error)));
            }
            if let Some(cut) = self.find_cut() {
                return Some(Ok(self.take(cut)));
            }
            if !self.ended && self.last_line_len() > self.line_len_max.max(BLOCK_LEN) {
                return Some(Ok(self.skip_line()));
            }
        }
    }

    /// Reads up to [`BLOCK_LEN`] more bytes.
    fn fill(&mut self) -> io::Result<()> {
        let before = self.buffer.len();
        let n_read = (&mut self.reader)
            .take(BLOCK_LEN as u64)
            .read_to_end(&mut self.buffer)?;
        debug_assert_eq!(before + n_read, self.buffer.len());
        self.ended = n_read < BLOCK_LEN;
        Ok(())
    }

    /// The last place in the buffer where a record can begin.
    fn find_cut(&self) -> Option<usize> {
        let mut end = self.buffer.len();
        for _ in 0..CUT_TRIES {
            let newline = memrchr(b'\n', &self.buffer[..end])?;
            if newline + 1 < self.buffer.len() && (self.may_start)(&self.buffer, newline + 1) {
                return Some(newline + 1);
            }
            end = newline;
        }
        None
    }

    fn last_line_len(&self) -> usize {
        self.buffer.len() - memrchr(b'\n', &self.buffer).map_or(0, |newline| newline + 1)
    }

    fn take(&mut self, len: usize) -> StreamBlock {
        let rest = self.buffer.split_off(len);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let offset = self.offset;
        self.offset += len as u64;
        StreamBlock {
            offset,
            bytes,
            n_omitted: 0,
        }
    }

    /// Drops all but the beginning of the overlong line at the end of the buffer, up to and with its newline.
    fn skip_line(&mut self) -> StreamBlock {
        let start = self.buffer.len() - self.last_line_len();
        let kept = start + self.line_len_max;
        let mut n_omitted = (self.buffer.len() - kept) as u64;
        self.buffer.truncate(kept);
        let mut block = self.take(kept);
        loop {
            let mut more = Vec::new();
            let result = (&mut self.reader)
                .take(BLOCK_LEN as u64)
                .read_to_end(&mut more);
            if let Err(error) = result {
                let at = self.offset + n_omitted + more.len() as u64;
                self.failure = Some((at, error));
            }
            self.ended = more.len() < BLOCK_LEN || self.failure.is_some();
            let newline = memchr(b'\n', &more);
            let end = newline.map_or(more.len(), |newline| newline + 1);
            n_omitted += end as u64;
            if newline.is_some() || self.ended {
                self.buffer = more.split_off(end);
                break;
            }
        }
        self.offset += n_omitted;
        block.n_omitted = n_omitted;
        block
    }
}

/// Lines tried, from the end of the buffer, for a place to cut: more than one record can have.
const CUT_TRIES: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &[u8], line_len_max: usize) -> Vec<StreamBlock> {
        let mut blocks = Blocks::new(text, line_len_max, |_, _| true);
        std::iter::from_fn(|| blocks.next_block())
            .map(|block| block.expect("no error in memory"))
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

    /// Yields `n` times `x`, then fails, then is at its end.
    struct Bad {
        n: usize,
        failures: std::vec::IntoIter<io::Error>,
    }

    impl Read for Bad {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.n == 0 {
                return self.failures.next().map_or(Ok(0), Err);
            }
            let n = buffer.len().min(self.n);
            buffer[..n].fill(b'x');
            self.n -= n;
            Ok(n)
        }
    }

    #[test]
    fn what_was_read_before_an_error_is_not_lost() {
        for n in [0, 5, BLOCK_LEN, BLOCK_LEN + 5, 3 * BLOCK_LEN + 5] {
            let failures = vec![io::Error::other("a bad disk")].into_iter();
            let mut blocks = Blocks::new(Bad { n, failures }, 100, |_, _| true);
            let (mut n_bytes, mut errors) = (0, Vec::new());
            while let Some(block) = blocks.next_block() {
                match block {
                    Ok(block) => n_bytes += block.bytes.len() as u64 + block.n_omitted,
                    Err((offset, _)) => errors.push(offset),
                }
            }
            assert_eq!((n_bytes, errors), (n as u64, vec![n as u64]));
        }
    }
}
