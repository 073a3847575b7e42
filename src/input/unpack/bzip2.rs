//! bzip2: streams one after another, as `bzip2` and pbzip2 write them. Each block has a checksum, and so has the stream; a
//! block that is damaged costs the rest of its stream.

use super::{
    Trouble,
    container::{self, BZIP2},
    units::{Codec, Format, Look, Progress, State},
};
use bzip2::{Decompress, Status};

pub(super) struct Bzip2 {
    decoder: Decompress,
}

static FORMAT: Format = Format {
    unit: "stream",
    magic: BZIP2,
    head_len: HEAD_LEN,
    confirm_len: HEAD_LEN,
    // A block has at most 900 KB before compression, and hardly more after.
    lookback: 1 << 20,
    padding: 0,
};

const HEAD_LEN: usize = 10;

impl Bzip2 {
    pub(super) fn new() -> Bzip2 {
        Bzip2 {
            decoder: Decompress::new(false),
        }
    }
}

impl Codec for Bzip2 {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn look(&self, head: &[u8]) -> Look {
        if container::is_bzip2(head) {
            Look::Unit
        } else {
            Look::Other
        }
    }

    fn confirm(&self, _: &[u8]) -> bool {
        true // 80 bits were compared
    }

    fn begin(&mut self, _: &[u8]) -> Result<(), Trouble> {
        *self = Bzip2::new();
        Ok(())
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let (before_in, before_out) = (self.decoder.total_in(), self.decoder.total_out());
        let result = self.decoder.decompress(input, output);
        let state = match result {
            Ok(Status::StreamEnd) => State::Done,
            Ok(Status::MemNeeded) => {
                State::Failed(Trouble::Corrupt("no memory for the decoder".into()))
            }
            Ok(_) => State::More,
            Err(error) => State::Failed(Trouble::Corrupt(error.to_string())),
        };
        Progress {
            n_in: (self.decoder.total_in() - before_in) as usize,
            n_out: (self.decoder.total_out() - before_out) as usize,
            state,
        }
    }
}
