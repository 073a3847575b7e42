//! Zstandard (RFC 8878): frames, among them skippable ones, as `zstd`, pzstd and `zstd --long` write them.
//!
//! The C library forgets, when it fails, what it decoded in the same call. So it is never given more than one block, though it
//! asks for the header behind it as well, and what waits for room is taken out before more is given. So everything before the
//! damaged block is kept.

use super::{
    Limits, Trouble,
    container::{self, ZSTD},
    units::{Codec, Format, Look, Progress, State},
};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

pub(super) struct Zstd {
    /// Absent if it could not be made.
    decoder: Option<Decoder<'static>>,
    /// Bytes that the decoder wants next.
    n_wanted: usize,
    /// The last output was filled: more may wait in the decoder. It goes out in a call of its own.
    is_full: bool,
    /// The frame says how long its content is, and the decoder compares.
    is_sized: bool,
    window_log_max: u32,
}

static FORMAT: Format = Format {
    unit: "frame",
    magic: ZSTD,
    head_len: HEADER_LEN_MAX,
    confirm_len: HEADER_LEN_MAX + BLOCK_HEADER_LEN,
    // A block has at most 128 KiB, and a header or two.
    lookback: 130 << 10,
    padding: 0,
};

const HEADER_LEN_MAX: usize = 18;
/// What the decoder wants first: the magic number and one byte.
const FIRST_WANTED: usize = 5;
const BLOCK_HEADER_LEN: usize = 3;

impl Zstd {
    pub(super) fn new(limits: &Limits) -> Zstd {
        // The library knows no other values.
        let window_log_max = limits.zstd_window_log_max.clamp(10, 31);
        let decoder = Decoder::new().and_then(|mut decoder| {
            decoder.set_parameter(DParameter::WindowLogMax(window_log_max))?;
            Ok(decoder)
        });
        Zstd {
            decoder: decoder.ok(),
            n_wanted: FIRST_WANTED,
            is_full: false,
            is_sized: false,
            window_log_max,
        }
    }
}

/// What a frame header asks for.
pub(super) struct Header {
    pub(super) window: u64,
    dictionary: bool,
    /// Decoded bytes, if it says.
    pub(super) content_len: Option<u64>,
    len: usize,
}

/// The lengths of the last two fields of a frame header with this descriptor, and where they begin.
fn fields(descriptor: u8) -> (usize, usize, usize) {
    let is_single = descriptor & 0x20 != 0;
    let dictionary_len = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_len = match descriptor >> 6 {
        0 => usize::from(is_single),
        n => 1 << n,
    };
    (5 + usize::from(!is_single), dictionary_len, size_len)
}

/// Bytes of a frame header with this descriptor, its fifth byte.
pub(super) fn header_len(descriptor: u8) -> usize {
    let (dictionary_at, dictionary_len, size_len) = fields(descriptor);
    dictionary_at + dictionary_len + size_len
}

/// Reads as much as matters here (RFC 8878, section 3.1.1.1); `None` if it is cut or no header.
pub(super) fn parse_header(head: &[u8]) -> Option<Header> {
    let descriptor = *head.get(4)?;
    if descriptor & 0x08 != 0 {
        return None; // reserved
    }
    let (dictionary_at, dictionary_len, size_len) = fields(descriptor);
    let size_at = dictionary_at + dictionary_len;
    let dictionary = head.get(dictionary_at..size_at)?;
    let size = head.get(size_at..size_at + size_len)?;
    let content_len = (size_len > 0).then(|| {
        let mut bytes = [0; 8];
        bytes[..size_len].copy_from_slice(size);
        let len = u64::from_le_bytes(bytes);
        len.saturating_add(if size_len == 2 { 256 } else { 0 })
    });
    let is_single = descriptor & 0x20 != 0;
    let window = content_len.filter(|_| is_single).unwrap_or_else(|| {
        let base = 1u64 << (10 + (head[5] >> 3));
        base + base / 8 * u64::from(head[5] & 7)
    });
    Some(Header {
        window,
        dictionary: dictionary.iter().any(|&b| b != 0),
        content_len,
        len: size_at + size_len,
    })
}

impl Codec for Zstd {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn look(&self, head: &[u8]) -> Look {
        if let Some(len) = container::skippable_len(head) {
            return Look::Skip(len);
        }
        if container::is_legacy_zstd(head) {
            return Look::Refused(Trouble::Unsupported {
                what: "a frame of zstd before 0.8",
                advice: "decompress it first",
            });
        }
        let is_cut = head.len() >= 2 && ZSTD.starts_with(head);
        if head.starts_with(ZSTD) || is_cut {
            Look::Unit
        } else {
            Look::Other
        }
    }

    fn confirm(&self, head: &[u8]) -> bool {
        let Some(header) = parse_header(head) else {
            return false;
        };
        // The first block: its type must not be the reserved one, and its size is limited.
        head.get(header.len..header.len + BLOCK_HEADER_LEN)
            .is_some_and(|block| {
                let block = u32::from_le_bytes([block[0], block[1], block[2], 0]);
                block >> 1 & 3 != 3 && (block >> 1 & 3 == 1 || block >> 3 <= 128 << 10)
            })
    }

    fn begin(&mut self, head: &[u8]) -> Result<(), Trouble> {
        (self.n_wanted, self.is_full) = (FIRST_WANTED, false);
        let header = parse_header(head);
        self.is_sized = header
            .as_ref()
            .is_some_and(|header| header.content_len.is_some());
        if header.as_ref().is_some_and(|header| header.dictionary) {
            return Err(Trouble::Unsupported {
                what: "a frame with a dictionary",
                advice: "decompress it first",
            });
        }
        let limit = 1 << self.window_log_max;
        if let Some(needed) = header.map(|header| header.window).filter(|&w| w > limit) {
            return Err(Trouble::Limit {
                name: "zstd window",
                limit,
                needed: Some(needed),
            });
        }
        let failed = |error: std::io::Error| Trouble::Corrupt(error.to_string());
        match &mut self.decoder {
            Some(decoder) => decoder.reinit().map_err(failed),
            None => Err(Trouble::Corrupt("no memory for the decoder".into())),
        }
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let (mut n_in, mut n_out) = (0, 0);
        let Some(decoder) = &mut self.decoder else {
            let state = State::Failed(Trouble::Corrupt("no memory for the decoder".into()));
            return Progress { n_in, n_out, state };
        };
        let state = loop {
            let n_given = match self.n_wanted {
                _ if self.is_full => 0,
                n if n > BLOCK_HEADER_LEN => n - BLOCK_HEADER_LEN,
                n => n,
            };
            let piece = &input[n_in..(n_in + n_given).min(input.len())];
            let was_full = self.is_full;
            let mut from = InBuffer::around(piece);
            let mut to = OutBuffer::around(&mut output[n_out..]);
            let result = decoder.run(&mut from, &mut to);
            let (read, written) = (from.pos(), to.pos());
            match result {
                Ok(wanted) => {
                    (n_in, n_out) = (n_in + read, n_out + written);
                    self.n_wanted = wanted.max(1);
                    self.is_full = n_out == output.len();
                    if wanted == 0 {
                        break State::Done;
                    }
                    let is_stuck = read + written == 0 && !was_full;
                    let is_empty = n_in == input.len() && written == 0;
                    if is_stuck || is_empty || self.is_full {
                        break State::More;
                    }
                }
                Err(error) => {
                    n_in += piece.len();
                    let words = error.to_string();
                    break if words.contains("checksum") {
                        if self.is_sized {
                            State::DoneWrong(Trouble::Checksum)
                        } else {
                            State::Failed(Trouble::Checksum)
                        }
                    } else {
                        State::Failed(Trouble::Corrupt(words))
                    };
                }
            }
        };
        Progress { n_in, n_out, state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn windows_are_read_from_headers() {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.window_log(20).expect("known");
        encoder.write_all(b"text").expect("memory");
        let frame = encoder.finish().expect("memory");
        let header = parse_header(&frame).expect("a header");
        assert_eq!((header.window, header.content_len), (1 << 20, None));
        let frame = ::zstd::bulk::compress(&[b'x'; 300], 1).expect("memory");
        let header = parse_header(&frame).expect("a header");
        assert_eq!((header.window, header.content_len), (300, Some(300)));
        assert!(parse_header(&frame[..5]).is_none());
    }
}
