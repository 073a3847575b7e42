//! gzip (RFC 1952): members one after another, as `gzip`, pigz, bgzip and nginx's own `gzip=` write them.
//!
//! What lies between header and trailer is inflated alone, and its checksum taken beside: zlib-rs takes it in the width that the
//! program was compiled for, and a seventh of its time; crc32fast in the width that the processor has.

use super::{
    Limits, Trouble,
    container::GZIP,
    units::{Codec, Format, Look, Progress, State},
};
use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Gzip {
    part: Part,
    inflate: Inflate,
    checksum: Hasher,
    /// What came of a header or trailer that is not whole yet.
    held: Vec<u8>,
    /// The header's own checksum does not match.
    is_header_wrong: bool,
    header_bytes_max: usize,
}

enum Part {
    Header,
    Text,
    Trailer,
}

/// A decoder that is used again by another, once it is dropped. Its memory is aligned, and such memory glibc before 2.38 seldom finds
/// again: an archive of a million packed members, each with a decoder of its own, would take 50 GB.
struct Inflate(Option<Decompress>);

static SPARES: Mutex<Vec<Decompress>> = Mutex::new(Vec::new());
/// More than are in use at a time, as a rule.
const SPARES_MAX: usize = 64;

fn spares() -> MutexGuard<'static, Vec<Decompress>> {
    SPARES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inflate {
    fn new() -> Inflate {
        let mut inflate = Inflate(spares().pop());
        inflate.get().reset(false);
        inflate
    }

    fn get(&mut self) -> &mut Decompress {
        self.0.get_or_insert_with(|| Decompress::new(false))
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        let mut spares = spares();
        if spares.len() < SPARES_MAX {
            spares.extend(self.0.take());
        }
    }
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

/// Checksum and length of the text, 4 bytes each.
const TRAILER_LEN: usize = 8;

impl Gzip {
    pub(super) fn new(limits: &Limits) -> Gzip {
        Gzip {
            part: Part::Header,
            inflate: Inflate::new(),
            checksum: Hasher::new(),
            held: Vec::new(),
            is_header_wrong: false,
            header_bytes_max: limits.header_bytes_max,
        }
    }

    fn header(&mut self, input: &[u8]) -> Progress {
        let n_held = self.held.len();
        let header = if n_held == 0 {
            Header::parse(input)
        } else {
            self.held.extend_from_slice(input);
            Header::parse(&self.held)
        };
        if let Some(Header { len, is_wrong }) = header {
            self.held.clear();
            self.is_header_wrong = is_wrong;
            self.part = Part::Text;
            return more(len - n_held);
        }
        if n_held == 0 {
            self.held.extend_from_slice(input);
        }
        if self.held.len() <= self.header_bytes_max {
            return more(input.len());
        }
        Progress {
            state: State::Failed(Trouble::Limit {
                name: "header_bytes_max",
                limit: self.header_bytes_max as u64,
                needed: None,
            }),
            ..more(input.len())
        }
    }

    fn text(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let inflate = self.inflate.get();
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let result = inflate.decompress(input, output, FlushDecompress::None);
        let n_in = (inflate.total_in() - before_in) as usize;
        let n_out = (inflate.total_out() - before_out) as usize;
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
        let length = (self.inflate.get().total_out() as u32).to_le_bytes(); // as gzip counts
        let state = match (trailer[..4] == checksum, trailer[4..] == length) {
            (true, true) if self.is_header_wrong => {
                let words = "the checksum of its header is wrong, that of its text is right";
                State::DoneWrong(Trouble::Corrupt(words.into()))
            }
            (true, true) => State::Done,
            // Nothing is missing, and only some text is wrong.
            (false, true) => State::DoneWrong(Trouble::Checksum),
            (_, false) => State::Failed(Trouble::Checksum),
        };
        Progress {
            state,
            ..more(n_in)
        }
    }
}

/// What stands before the text (section 2.3): 10 bytes, the fourth of them flags, then what these say is there, in this order:
/// an extra field with its length in two bytes, a name and a comment that end with NUL, two bytes of checksum. Read here and not
/// by flate2, which allows a name 65,535 bytes, and does not say how long a header is whose checksum is wrong.
struct Header {
    len: usize,
    /// It has a checksum, and another one.
    is_wrong: bool,
}

const FIXED_LEN: usize = 10;
const FLAG_CHECKSUM: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;

impl Header {
    /// The header that `bytes` begins with; `None` if it goes on behind them.
    fn parse(bytes: &[u8]) -> Option<Header> {
        let flags = *bytes.get(3)?;
        let has = |flag| flags & flag != 0;
        let mut len = FIXED_LEN;
        if has(FLAG_EXTRA) {
            let extra_len = bytes.get(len..len + 2)?.try_into().ok()?;
            len += 2 + usize::from(u16::from_le_bytes(extra_len));
        }
        for _ in [FLAG_NAME, FLAG_COMMENT]
            .into_iter()
            .filter(|&flag| has(flag))
        {
            len += memchr::memchr(0, bytes.get(len..)?)? + 1;
        }
        let mut is_wrong = false;
        if has(FLAG_CHECKSUM) {
            let checksum = crc32fast::hash(bytes.get(..len)?) as u16; // as gzip takes it
            is_wrong = bytes.get(len..len + 2)? != checksum.to_le_bytes();
            len += 2;
        }
        (len <= bytes.len()).then_some(Header { len, is_wrong })
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
        // The text alone: a wrong checksum behind it is told when it is read, and loses none.
        let Some(header) = Header::parse(head) else {
            return true;
        };
        let mut scratch = [0; TRIAL_LEN];
        let mut inflate = Inflate::new();
        inflate
            .get()
            .decompress(&head[header.len..], &mut scratch, FlushDecompress::None)
            .is_ok()
    }

    fn begin(&mut self, _: &[u8]) -> Result<(), Trouble> {
        self.part = Part::Header;
        self.inflate.get().reset(false);
        self.checksum.reset();
        self.held.clear();
        self.is_header_wrong = false;
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
        let n_header = Header::parse(&member).expect("a header").len;
        member[3] |= 1 << 1; // its own checksum follows
        let checksum = crc32fast::hash(&member[..n_header]) as u16;
        member.splice(n_header..n_header, checksum.to_le_bytes());
        member
    }

    /// What comes out of `member` if it comes in pieces of `len` bytes, and how it ends.
    fn decoded(member: &[u8], len: usize) -> (Vec<u8>, usize, State) {
        let mut codec = Gzip::new(&Limits::default());
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
        // A name of which the header's checksum knows nothing, and text that is as it was.
        let name = member.windows(5).position(|bytes| bytes == b"error");
        let (text, n_in, state) = flipped(name.expect("there is one"));
        assert_eq!((&text[..], n_in), (TEXT, end));
        assert!(matches!(state, State::DoneWrong(Trouble::Corrupt(_))));
        let (text, n_in, state) = flipped(end - 8);
        assert_eq!((&text[..], n_in), (TEXT, end));
        assert!(matches!(state, State::DoneWrong(Trouble::Checksum)));
        assert!(matches!(
            flipped(end - 4).2,
            State::Failed(Trouble::Checksum)
        ));
    }

    #[test]
    fn names_may_be_longer_than_any_and_not_endless() {
        let named = |len: usize| {
            let mut encoder = GzBuilder::new()
                .filename(vec![b'n'; len])
                .write(Vec::new(), Compression::default());
            encoder.write_all(TEXT).expect("memory");
            encoder.finish().expect("memory")
        };
        let (text, _, state) = decoded(&named(100_000), 4096);
        assert_eq!(text, TEXT);
        assert!(matches!(state, State::Done));
        let (_, _, state) = decoded(&named(2 << 20), 256 << 10);
        let State::Failed(Trouble::Limit { name, .. }) = state else {
            panic!("no limit");
        };
        assert_eq!(name, "header_bytes_max");
    }
}
