//! gzip (RFC 1952): members one after another, as `gzip`, pigz, bgzip and nginx's own `gzip=` write them.
//!
//! What lies between header and trailer is inflated alone, and its checksum taken beside: zlib-rs takes it in the width that the
//! program was compiled for, and a seventh of its time; crc32fast in the width that the processor has.

use super::{
    Trouble,
    container::GZIP,
    units::{Codec, Format, Look, Progress, State},
};
use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status, bufread::GzDecoder};
use std::io::{ErrorKind, Read};

pub(super) struct Gzip {
    part: Part,
    inflate: Decompress,
    checksum: Hasher,
    /// What came of a header or trailer that is not whole yet.
    held: Vec<u8>,
}

enum Part {
    Header,
    Text,
    Trailer,
}

static FORMAT: Format = Format {
    unit: "member",
    magic: GZIP,
    head_len: 4,
    confirm_len: TRIAL_LEN,
    // A cut member reads the next as symbols until one of them happens to end the block and the next block is impossible:
    // some KiB. This is a good deal more.
    lookback: 256 << 10,
    padding: 0,
};

/// Bytes decoded on trial, since three bytes of magic are met by chance.
const TRIAL_LEN: usize = 4 << 10;

/// All windows gzip can have.
const WINDOW_BITS: u8 = 15;

/// Checksum and length of the text, 4 bytes each.
const TRAILER_LEN: usize = 8;

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip {
            part: Part::Header,
            inflate: Decompress::new(false),
            checksum: Hasher::new(),
            held: Vec::new(),
        }
    }

    fn header(&mut self, input: &[u8]) -> Progress {
        let n_held = self.held.len();
        self.held.extend_from_slice(input);
        let mut header = GzDecoder::new(&self.held[..]);
        if header.header().is_some() {
            let len = self.held.len() - header.get_ref().len();
            self.held.clear();
            self.part = Part::Text;
            return more(len - n_held);
        }
        // Only reading tells what was wrong with it.
        match header.read(&mut [0]) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
                let state = State::Failed(Trouble::Corrupt(error.to_string()));
                Progress { state, ..more(0) }
            }
            _ => more(input.len()),
        }
    }

    fn text(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let result = self
            .inflate
            .decompress(input, output, FlushDecompress::None);
        let n_in = (self.inflate.total_in() - before_in) as usize;
        let n_out = (self.inflate.total_out() - before_out) as usize;
        self.checksum.update(&output[..n_out]);
        let state = match result {
            Ok(Status::StreamEnd) => {
                self.part = Part::Trailer;
                State::More
            }
            Ok(Status::Ok | Status::BufError) => State::More,
            Err(error) => State::Failed(Trouble::Corrupt(match error.message() {
                // What zlib-rs says when its fast loop meets an impossible code.
                None | Some("repeated call with bad state") => "invalid compressed data".into(),
                Some(words) => words.into(),
            })),
        };
        Progress { n_in, n_out, state }
    }

    fn trailer(&mut self, input: &[u8]) -> Progress {
        let n_in = input.len().min(TRAILER_LEN - self.held.len());
        self.held.extend_from_slice(&input[..n_in]);
        let Ok(trailer) = <[u8; TRAILER_LEN]>::try_from(&self.held[..]) else {
            return more(n_in);
        };
        let checksum = self.checksum.clone().finalize().to_le_bytes();
        let length = (self.inflate.total_out() as u32).to_le_bytes(); // as gzip counts
        let state = match (trailer[..4] == checksum, trailer[4..] == length) {
            (true, true) => State::Done,
            // Nothing is missing, and only some text is wrong.
            (false, true) => State::DoneWrong,
            (_, false) => State::Failed(Trouble::Checksum),
        };
        Progress {
            state,
            ..more(n_in)
        }
    }
}

/// So many bytes taken, and nothing made of them yet.
fn more(n_in: usize) -> Progress {
    Progress {
        n_in,
        n_out: 0,
        state: State::More,
    }
}

impl Codec for Gzip {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn look(&self, head: &[u8]) -> Look {
        // The upper flags are reserved, and what has them is no gzip.
        match head {
            [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Look::Unit,
            [0x1f, 0x8b] | [0x1f, 0x8b, 8] => Look::Unit,
            _ => Look::Other,
        }
    }

    fn confirm(&self, head: &[u8]) -> bool {
        let mut scratch = [0; TRIAL_LEN];
        Decompress::new_gzip(WINDOW_BITS)
            .decompress(head, &mut scratch, FlushDecompress::None)
            .is_ok()
    }

    fn begin(&mut self, _: &[u8]) -> Result<(), Trouble> {
        self.part = Part::Header;
        self.inflate.reset(false);
        self.checksum.reset();
        self.held.clear();
        Ok(())
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        match self.part {
            Part::Header => self.header(input),
            Part::Text => self.text(input, output),
            Part::Trailer => self.trailer(input),
        }
    }
}
