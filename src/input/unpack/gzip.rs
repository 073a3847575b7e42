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
use std::io::{self, Read};

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
        let len = if n_held == 0 {
            header_len(input)
        } else {
            self.held.extend_from_slice(input);
            header_len(&self.held)
        };
        match len {
            Ok(Some(len)) => {
                self.held.clear();
                self.part = Part::Text;
                more(len - n_held)
            }
            Ok(None) => {
                if n_held == 0 {
                    self.held.extend_from_slice(input);
                }
                more(input.len())
            }
            Err(error) => Progress {
                state: State::Failed(Trouble::Corrupt(error.to_string())),
                ..more(0)
            },
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

/// Length of the header that `bytes` begins with; `None` if it goes on behind them.
fn header_len(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut decoder = GzDecoder::new(bytes);
    if decoder.header().is_some() {
        return Ok(Some(bytes.len() - decoder.get_ref().len()));
    }
    // Only reading tells what was wrong with it.
    match decoder.read(&mut [0]) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(None),
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder};
    use std::io::Write;

    const TEXT: &[u8] = b"2026/11/20 11:23:46 [error] 7#7: *1 connect() failed\n";

    /// A member with all that a header can have.
    fn member() -> Vec<u8> {
        let header = GzBuilder::new().filename("error.log").comment("c");
        let mut encoder = header
            .extra([7; 300])
            .write(Vec::new(), Compression::default());
        encoder.write_all(TEXT).expect("memory");
        let mut member = encoder.finish().expect("memory");
        let n_header = header_len(&member).expect("a header").expect("all of it");
        member[3] |= 1 << 1; // its own checksum follows
        let checksum = crc32fast::hash(&member[..n_header]) as u16;
        member.splice(n_header..n_header, checksum.to_le_bytes());
        member
    }

    /// What comes out of `member` if it comes in pieces of `len` bytes, and how it ends.
    fn decoded(member: &[u8], len: usize) -> (Vec<u8>, usize, State) {
        let mut codec = Gzip::new();
        codec.begin(&member[..4]).expect("always begins");
        let (mut text, mut at, mut out) = (Vec::new(), 0, [0; 16]);
        loop {
            let input = &member[at..member.len().min(at + len)];
            let Progress { n_in, n_out, state } = codec.decode(input, &mut out);
            text.extend_from_slice(&out[..n_out]);
            at += n_in;
            if !matches!(state, State::More) || n_in + n_out == 0 {
                return (text, at, state);
            }
        }
    }

    #[test]
    fn headers_and_trailers_may_come_in_pieces() {
        let member = member();
        let followed = [&member[..], b"more"].concat();
        for len in 1..=followed.len() {
            let (text, n_in, state) = decoded(&followed, len);
            assert_eq!((&text[..], n_in), (TEXT, member.len()), "{len}");
            assert!(matches!(state, State::Done), "{len}");
        }
        for end in 4..member.len() {
            let (_, n_in, state) = decoded(&member[..end], 100);
            assert!(matches!(state, State::More) && n_in == end, "{end}");
        }
    }

    #[test]
    fn checksums_and_length_are_compared() {
        let member = member();
        let end = member.len();
        let flipped = |at: usize| {
            let mut member = member.clone();
            member[at] ^= 1;
            decoded(&member, end)
        };
        // A name of which the header's checksum knows nothing.
        let name = member.windows(5).position(|bytes| bytes == b"error");
        assert!(matches!(
            flipped(name.expect("there is one")).2,
            State::Failed(Trouble::Corrupt(_))
        ));
        let (text, n_in, state) = flipped(end - 8);
        assert_eq!((&text[..], n_in), (TEXT, end));
        assert!(matches!(state, State::DoneWrong));
        assert!(matches!(
            flipped(end - 4).2,
            State::Failed(Trouble::Checksum)
        ));
    }
}
