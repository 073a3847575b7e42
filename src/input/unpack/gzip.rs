//! gzip (RFC 1952): members one after another, as `gzip`, pigz, bgzip and nginx's own `gzip=` write them. zlib reads header
//! and trailer too, so header checksums, names and comments cost nothing here.

use super::{
    Trouble,
    container::GZIP,
    units::{Codec, Format, Look, Progress, State},
};
use flate2::{Decompress, FlushDecompress, Status};

pub(super) struct Gzip {
    inflate: Decompress,
    /// After a wrong checksum: bytes read of the length that follows it.
    length: Option<(usize, [u8; 4])>,
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

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip {
            inflate: Decompress::new_gzip(WINDOW_BITS),
            length: None,
        }
    }

    /// Reads the length behind a wrong checksum: if it is right, nothing is missing, and only some text is wrong.
    fn compare_length(&mut self, input: &[u8], mut n_in: usize, n_out: usize) -> Progress {
        let total_out = self.inflate.total_out();
        let (mut n, mut bytes) = self.length.take().unwrap_or_default();
        while n < 4 && n_in < input.len() {
            bytes[n] = input[n_in];
            (n, n_in) = (n + 1, n_in + 1);
        }
        let state = if n < 4 {
            self.length = Some((n, bytes));
            State::More
        } else if u64::from(u32::from_le_bytes(bytes)) == total_out & 0xffff_ffff {
            State::DoneWrong
        } else {
            State::Failed(Trouble::Checksum)
        };
        Progress { n_in, n_out, state }
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
        *self = Gzip::new();
        Ok(())
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        if self.length.is_some() {
            return self.compare_length(input, 0, 0);
        }
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let result = self
            .inflate
            .decompress(input, output, FlushDecompress::None);
        let n_in = (self.inflate.total_in() - before_in) as usize;
        let n_out = (self.inflate.total_out() - before_out) as usize;
        let state = match result {
            Ok(Status::StreamEnd) => State::Done,
            Ok(Status::Ok | Status::BufError) => State::More,
            Err(error) => match error.message().unwrap_or("invalid data") {
                "incorrect data check" => {
                    self.length = Some((0, [0; 4]));
                    return self.compare_length(input, n_in, n_out);
                }
                "incorrect length check" => State::Failed(Trouble::Checksum),
                // What zlib-rs says when its fast loop meets an impossible code.
                "repeated call with bad state" => {
                    State::Failed(Trouble::Corrupt("invalid compressed data".into()))
                }
                words => State::Failed(Trouble::Corrupt(words.into())),
            },
        };
        Progress { n_in, n_out, state }
    }
}
