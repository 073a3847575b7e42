//! xz: streams one after another, with the padding of zeros in fours that the format allows, as `xz`, pixz and
//! `xz --threads` write them. A header may ask for 4 GiB of memory; the decoder gets
//! [`Limits::xz_memory_max`](super::Limits::xz_memory_max).

use super::{
    Limits, Trouble,
    container::XZ,
    units::{Codec, Format, Look, Progress, State},
};
use flate2::Crc;
use liblzma::stream::{Action, Error, Status, Stream};

pub(super) struct Xz {
    /// Absent between streams, or if it could not be made.
    stream: Option<Stream>,
    memory_max: u64,
}

static FORMAT: Format = Format {
    unit: "stream",
    magic: XZ,
    head_len: HEADER_LEN,
    confirm_len: HEADER_LEN,
    // A chunk of LZMA2 has at most 64 KiB.
    lookback: 128 << 10,
    padding: 4,
};

/// Magic number, flags and their CRC-32.
const HEADER_LEN: usize = 12;

impl Xz {
    pub(super) fn new(limits: &Limits) -> Xz {
        Xz {
            stream: None,
            memory_max: limits.xz_memory_max,
        }
    }

    /// What the stream asks for, in bytes, rounded up to MiB: the decoder refuses every lower limit, and allocates only when it goes on.
    fn memory_needed(stream: &mut Stream) -> Option<u64> {
        const MIB: u64 = 1 << 20;
        let (mut low, mut high) = (0, 64 << 10);
        stream.set_memlimit(high * MIB).ok()?;
        while low + 1 < high {
            let middle = (low + high) / 2;
            match stream.set_memlimit(middle * MIB) {
                Ok(()) => high = middle,
                Err(_) => low = middle,
            }
        }
        Some(high * MIB)
    }
}

impl Codec for Xz {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn look(&self, head: &[u8]) -> Look {
        if head.starts_with(XZ) || (head.len() >= 2 && XZ.starts_with(head)) {
            Look::Unit
        } else {
            Look::Other
        }
    }

    fn confirm(&self, head: &[u8]) -> bool {
        let Some(header) = head.get(..HEADER_LEN) else {
            return false;
        };
        let mut crc = Crc::new();
        crc.update(&header[6..8]);
        header[8..] == crc.sum().to_le_bytes()
    }

    fn begin(&mut self, _: &[u8]) -> Result<(), Trouble> {
        match Stream::new_stream_decoder(self.memory_max, 0) {
            Ok(stream) => self.stream = Some(stream),
            Err(error) => return Err(Trouble::Corrupt(error.to_string())),
        }
        Ok(())
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let Some(stream) = &mut self.stream else {
            return Progress {
                n_in: 0,
                n_out: 0,
                state: State::Failed(Trouble::Corrupt("no decoder".into())),
            };
        };
        let (before_in, before_out) = (stream.total_in(), stream.total_out());
        let state = match stream.process(input, output, Action::Run) {
            Ok(Status::StreamEnd) => State::Done,
            Ok(_) => State::More,
            Err(Error::MemLimit) => State::Failed(Trouble::Limit {
                name: "xz_memory_max",
                limit: self.memory_max,
                needed: Xz::memory_needed(stream),
            }),
            Err(error) => State::Failed(Trouble::Corrupt(error.to_string())),
        };
        Progress {
            n_in: (stream.total_in() - before_in) as usize,
            n_out: (stream.total_out() - before_out) as usize,
            state,
        }
    }
}
