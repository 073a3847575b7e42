//! lz4 frames, among them skippable ones, as `lz4` writes them. lz4_flex decodes; the walk over its blocks is here, since its
//! reader takes an end between blocks for the end of the frame, and must never be given less than a block.

use super::{
    Trouble,
    container::{self, LZ4},
    units::{Codec, Format, Look, Progress, State},
};
use lz4_flex::frame::{Error, FrameDecoder};
use std::io::{self, BufRead, Cursor};

pub(super) struct Lz4 {
    decoder: FrameDecoder<Cursor<Vec<u8>>>,
    /// What is being gathered for it.
    part: Part,
    /// Bytes of the part that are gathered, and that are needed.
    n_got: usize,
    n_needed: usize,
    /// Decoded bytes that wait in the decoder.
    n_pending: usize,
    /// The four bytes of a block's length.
    length: [u8; 4],
    flags: u8,
    block_len_max: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    BlockLength,
    Block,
    /// The end mark was read; the checksum of the content may follow.
    End,
    /// Everything was decoded.
    Done,
}

static FORMAT: Format = Format {
    unit: "frame",
    magic: LZ4,
    head_len: 8,
    confirm_len: 19,
    // One block, and what belongs to it.
    lookback: (4 << 20) + 64,
    padding: 0,
};

pub(super) const FLAG_BLOCK_CHECKSUM: u8 = 0x10;
pub(super) const FLAG_CONTENT_SIZE: u8 = 0x08;
pub(super) const FLAG_CONTENT_CHECKSUM: u8 = 0x04;
const FLAG_DICTIONARY: u8 = 0x01;

/// Bytes of the largest block there is.
pub(super) const BLOCK_LEN_MAX: usize = 4 << 20;

/// Bytes of a frame header with these flags, its fifth byte.
pub(super) fn header_len(flags: u8) -> usize {
    let size_len = if flags & FLAG_CONTENT_SIZE != 0 { 8 } else { 0 };
    let dictionary_len = if flags & FLAG_DICTIONARY != 0 { 4 } else { 0 };
    7 + size_len + dictionary_len
}

impl Lz4 {
    pub(super) fn new() -> Lz4 {
        Lz4 {
            decoder: FrameDecoder::new(Cursor::default()),
            part: Part::Header,
            n_got: 0,
            n_needed: 6,
            n_pending: 0,
            length: [0; 4],
            flags: 0,
            block_len_max: 0,
        }
    }

    fn expect(&mut self, part: Part, n_needed: usize) {
        (self.part, self.n_got, self.n_needed) = (part, 0, n_needed);
    }

    /// Takes what is needed of `input`; how much that was.
    fn gather(&mut self, input: &[u8]) -> usize {
        let n = input.len().min(self.n_needed - self.n_got);
        let piece = &input[..n];
        if self.part == Part::BlockLength {
            self.length[self.n_got..self.n_got + n].copy_from_slice(piece);
        }
        let gathered = self.decoder.get_mut();
        // All of the last part was read by now, or the frame is new.
        if gathered.position() == gathered.get_ref().len() as u64 {
            gathered.get_mut().clear();
            gathered.set_position(0);
        }
        gathered.get_mut().extend_from_slice(piece);
        self.n_got += n;
        n
    }

    /// A part is complete: decodes it, or says what comes next.
    fn complete(&mut self) -> Result<(), State> {
        match self.part {
            Part::Header => {
                let header = self.decoder.get_ref().get_ref();
                self.flags = header[4];
                let len = header_len(self.flags);
                self.block_len_max = match header[5] >> 4 & 7 {
                    4 => 64 << 10,
                    5 => 256 << 10,
                    6 => 1 << 20,
                    _ => BLOCK_LEN_MAX,
                };
                if self.n_needed < len {
                    self.n_needed = len;
                } else {
                    self.expect(Part::BlockLength, 4);
                }
            }
            Part::BlockLength => {
                let length = u32::from_le_bytes(self.length);
                let len = (length & 0x7fff_ffff) as usize;
                let checksum_len = |flag| if self.flags & flag != 0 { 4 } else { 0 };
                if length == 0 {
                    self.expect(Part::End, checksum_len(FLAG_CONTENT_CHECKSUM));
                } else if len > self.block_len_max {
                    let words = format!("a block of {len} bytes");
                    return Err(State::Failed(Trouble::Corrupt(words)));
                } else {
                    self.expect(Part::Block, len + checksum_len(FLAG_BLOCK_CHECKSUM));
                }
            }
            Part::Block => {
                self.n_pending = self.fill()?;
                self.expect(Part::BlockLength, 4);
            }
            Part::End => {
                self.fill()?;
                self.expect(Part::Done, 0);
            }
            Part::Done => return Err(State::Done),
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<usize, State> {
        self.decoder
            .fill_buf()
            .map(<[u8]>::len)
            .map_err(|error| match lz4_error(&error) {
                Some(Error::ContentChecksumError) if self.flags & FLAG_CONTENT_SIZE != 0 => {
                    State::DoneWrong(Trouble::Checksum)
                }
                Some(Error::ContentChecksumError | Error::BlockChecksumError) => {
                    State::Failed(Trouble::Checksum)
                }
                _ => State::Failed(Trouble::Corrupt(error.to_string())),
            })
    }
}

fn lz4_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

impl Codec for Lz4 {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn look(&self, head: &[u8]) -> Look {
        if let Some(len) = container::skippable_len(head) {
            return Look::Skip(len);
        }
        if head.starts_with(LZ4) || (head.len() >= 2 && LZ4.starts_with(head)) {
            Look::Unit
        } else {
            Look::Other
        }
    }

    fn confirm(&self, head: &[u8]) -> bool {
        // The header has a checksum; that the rest is not here is no fault.
        match FrameDecoder::new(head).fill_buf() {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        }
    }

    fn begin(&mut self, _: &[u8]) -> Result<(), Trouble> {
        *self = Lz4::new();
        Ok(())
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let (mut n_in, mut n_out) = (0, 0);
        loop {
            if self.n_pending > 0 {
                let mut n = self.n_pending.min(output.len() - n_out);
                match self.decoder.fill_buf() {
                    Ok(bytes) => output[n_out..n_out + n].copy_from_slice(&bytes[..n]),
                    // Bytes wait, so nothing is read and nothing fails.
                    Err(_) => (n, self.n_pending) = (0, 0),
                }
                self.decoder.consume(n);
                (self.n_pending, n_out) = (self.n_pending - n, n_out + n);
                if n_out == output.len() {
                    let state = State::More;
                    return Progress { n_in, n_out, state };
                }
            }
            n_in += self.gather(&input[n_in..]);
            let state = if self.n_got < self.n_needed {
                State::More
            } else {
                match self.complete() {
                    Ok(()) => continue,
                    Err(state) => state,
                }
            };
            return Progress { n_in, n_out, state };
        }
    }
}
