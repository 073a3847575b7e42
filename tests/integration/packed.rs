//! What tests of unpacking share: logs, packers, and all that comes out of a stream.

use coroner::input::unpack::{Item, Limits, Problem, Unpacker};
use std::io::{Cursor, Write};

/// Everything that came out of one stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unpacked {
    pub(crate) members: Vec<Content>,
    pub(crate) problems: Vec<Problem>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) path: String,
    pub(crate) decode: String,
    pub(crate) stored_offset: u64,
    /// Decoded bytes, split at seams, without empty pieces.
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) n_units: u64,
}

impl Content {
    pub(crate) fn text(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

impl Unpacked {
    /// The text of the only member.
    pub(crate) fn text(&self) -> Vec<u8> {
        assert_eq!(self.members.len(), 1, "{:?}", self.problems);
        self.members[0].text()
    }

    pub(crate) fn n_damages(&self) -> usize {
        self.problems.iter().filter(|p| p.is_damage()).count()
    }
}

pub(crate) fn unpack(stored: &[u8]) -> Unpacked {
    unpack_with(stored, Limits::default())
}

pub(crate) fn unpack_with(stored: &[u8], limits: Limits) -> Unpacked {
    collect(
        Unpacker::new(Box::new(Cursor::new(stored.to_vec())), limits),
        1 << 16,
    )
}

/// Drives `unpacker` to its end and checks the order of items.
pub(crate) fn collect(unpacker: Unpacker, buffer_len: usize) -> Unpacked {
    collect_with(unpacker, buffer_len, || {})
}

/// Does something before each step.
pub(crate) fn collect_with(
    mut unpacker: Unpacker,
    buffer_len: usize,
    mut before_each: impl FnMut(),
) -> Unpacked {
    let mut buffer = vec![0; buffer_len];
    let mut got = Unpacked::default();
    let (mut is_open, mut n_bytes, mut at_seam) = (false, 0, true);
    loop {
        before_each();
        match unpacker.next(&mut buffer) {
            Item::Member(member) => {
                assert!(!is_open);
                (is_open, n_bytes, at_seam) = (true, 0, true);
                let names: Vec<_> = member
                    .path
                    .iter()
                    .map(|name| name.escape_ascii().to_string())
                    .collect();
                got.members.push(Content {
                    path: names.join("!"),
                    decode: member.decode,
                    stored_offset: member.stored_offset,
                    ..Content::default()
                });
            }
            Item::Bytes(n) => {
                assert!(is_open && n > 0);
                n_bytes += n as u64;
                let pieces = &mut got.members.last_mut().expect("one is open").pieces;
                if at_seam {
                    pieces.push(Vec::new());
                }
                at_seam = false;
                pieces.last_mut().expect("pushed").extend(&buffer[..n]);
            }
            Item::Seam => {
                assert!(is_open);
                at_seam = true;
            }
            Item::Problem(problem) => {
                assert!(!problem.to_string().is_empty());
                got.problems.push(problem);
            }
            Item::EndOfMember(end) => {
                assert!(is_open);
                is_open = false;
                assert_eq!(end.decoded_bytes, n_bytes);
                let n_units = end.units.iter().map(|(_, n)| n).sum();
                got.members.last_mut().expect("it was open").n_units = n_units;
            }
            Item::End => {
                assert!(!is_open);
                assert_eq!(unpacker.next(&mut buffer), Item::End);
                return got;
            }
        }
    }
}

/// Lines that compress as logs do.
pub(crate) fn log(seed: u32, len: usize) -> Vec<u8> {
    let (mut state, mut text) = (seed, Vec::new());
    while text.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writeln!(
            text,
            "2026/03/01 10:00:{:02} [error] 7#7: *{state} connect() failed (111: Connection refused)",
            state >> 9 & 31
        )
        .expect("memory");
    }
    text.truncate(len);
    text
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .filename("a.log")
        .comment("c")
        .extra(b"xy".to_vec())
        .write(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.include_checksum(true).expect("known");
    encoder
        .set_pledged_src_size(Some(text.len() as u64))
        .expect("new");
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn xz(text: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn lz4(text: &[u8]) -> Vec<u8> {
    lz4_with(text, lz4_flex::frame::BlockMode::Linked)
}

pub(crate) fn lz4_with(text: &[u8], mode: lz4_flex::frame::BlockMode) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_mode(mode)
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .content_checksum(true)
        .content_size(Some(text.len() as u64))
        .block_checksums(mode == lz4_flex::frame::BlockMode::Independent);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

/// As bgzip writes it, in members of at most `member_len` bytes that say how long they are.
pub(crate) fn bgzf(text: &[u8], member_len: usize) -> Vec<u8> {
    let mut stored = Vec::new();
    for part in text.chunks(member_len).chain([&b""[..]]) {
        let mut deflate =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        deflate.write_all(part).expect("memory");
        let deflated = deflate.finish().expect("memory");
        let len_less_one = u16::try_from(deflated.len() + 25).expect("a short member");
        stored.extend(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0");
        stored.extend(len_less_one.to_le_bytes());
        stored.extend(deflated);
        let mut crc = flate2::Crc::new();
        crc.update(part);
        stored.extend(crc.sum().to_le_bytes());
        stored.extend((part.len() as u32).to_le_bytes());
    }
    stored
}

pub(crate) type Packer = fn(&[u8]) -> Vec<u8>;

pub(crate) const PACKERS: [(&str, Packer); 5] = [
    ("bzip2", bzip2),
    ("gzip", gzip),
    ("lz4", lz4),
    ("xz", xz),
    ("zstd", zstd),
];
