//! What a stream is packed in, told by its content. Its name is asked only where the content says nothing and is no text: then its
//! beginning is damaged, and what comes later may be whole. Source of the magic numbers: RFC 1952 (gzip),
//! RFC 8878 (zstd), the format descriptions of xz and lz4, bzip2's `compress.c`, POSIX `pax` (tar), APPNOTE (zip), and
//! the `magic` of file(1) for the rest.
//!
//! A log must not be taken for a container. Every magic number holds a byte that nginx does not write into a log, except
//! bzip2's, of which ten bytes are compared, and that of v7 tar, which is a checksum over 512 bytes.

use super::{tar::header, utf16};
use crate::lines::is_text;

/// Bytes that [`recognise`] and [`tell`] want to see, and no more; fewer only if the stream has no more. A block of a disk.
pub const HEAD_LEN: usize = 4096;

/// A compression, an archive or an encoding of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    Bzip2,
    Gzip,
    Lz4,
    Tar,
    /// Text whose characters have two bytes, the greater first.
    Utf16Be,
    /// The same, the lesser first.
    Utf16Le,
    Xz,
    Zstd,
    /// Known but not read: its name.
    Unread(&'static str),
}

impl Container {
    /// The word for it in `decode` chains.
    pub const fn name(self) -> &'static str {
        match self {
            Container::Bzip2 => "bzip2",
            Container::Gzip => "gzip",
            Container::Lz4 => "lz4",
            Container::Tar => "tar",
            Container::Utf16Be => "utf-16be",
            Container::Utf16Le => "utf-16le",
            Container::Xz => "xz",
            Container::Zstd => "zstd",
            Container::Unread(name) => name,
        }
    }
}

pub(super) const GZIP: &[u8] = b"\x1f\x8b\x08";
pub(super) const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
pub(super) const XZ: &[u8] = b"\xfd7zXZ\0";
pub(super) const LZ4: &[u8] = b"\x04\x22\x4d\x18";
pub(super) const BZIP2: &[u8] = b"BZh";
/// What follows the level digit: the first block, or the end of a stream without any.
const BZIP2_NEXT: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];

const MAGICS: &[(&[u8], Container)] = &[
    (GZIP, Container::Gzip),
    (ZSTD, Container::Zstd),
    (XZ, Container::Xz),
    (LZ4, Container::Lz4),
    (b"PK\x03\x04", Container::Unread("zip")),
    (b"PK\x05\x06", Container::Unread("zip")),
    (b"7z\xbc\xaf\x27\x1c", Container::Unread("7z")),
    (b"Rar!\x1a\x07", Container::Unread("rar")),
    (b"\x02\x21\x4c\x18", Container::Unread("lz4-legacy")),
    (b"\x1f\x9d", Container::Unread("compress")),
    (b"\x89LZO\0\r\n\x1a\n", Container::Unread("lzop")),
    (b"\xff\x06\0\0sNaPpY", Container::Unread("snappy")),
    (b"LZIP\0", Container::Unread("lzip")),
    (b"LZIP\x01", Container::Unread("lzip")),
];

/// Tells the container of a stream from its first bytes (`HEAD_LEN` of them, or all there are). A stream that was cut
/// within its magic number is still told if two bytes of it are left, the first being no text.
pub fn recognise(head: &[u8]) -> Option<Container> {
    let head = &head[..head.len().min(HEAD_LEN)];
    let cut = |magic: &[u8]| {
        head.len() >= 2 && head.len() < magic.len() && magic.starts_with(head) && is_no_text(head)
    };
    if let Some((_, container)) = MAGICS
        .iter()
        .find(|(magic, _)| head.starts_with(magic) || cut(magic))
    {
        return Some(*container);
    }
    // What follows may be readable.
    if is_legacy_zstd(head) {
        return Some(Container::Zstd);
    }
    if is_lzma(head) {
        return Some(Container::Unread("lzma"));
    }
    if is_bzip2(head) {
        return Some(Container::Bzip2);
    }
    if skippable_len(head).is_some() {
        return Some(behind_skippable(head).unwrap_or(Container::Zstd));
    }
    if let Some(text) = utf16::recognise(head) {
        return Some(text);
    }
    header::begins_archive(head).then_some(Container::Tar)
}

/// Tells the container of a stream from its first bytes, or, where they are no text or might be of two, from its `name`.
pub fn tell(name: &[u8], head: &[u8]) -> Option<Container> {
    tell_by(promised(name).next(), head, false)
}

/// The same by what its name promises. Within something `is_torn`, whose first bytes are missing, it may be text, too.
pub(super) fn tell_by(promise: Option<Container>, head: &[u8], is_torn: bool) -> Option<Container> {
    let head = &head[..head.len().min(HEAD_LEN)];
    let promise = promise.filter(|it| !matches!(it, Container::Unread(_)));
    match recognise(head) {
        None => promise.filter(|_| is_torn || !is_text(head)),
        Some(Container::Zstd)
            if promise == Some(Container::Lz4) && skippable_len(head).is_some() =>
        {
            behind_skippable(head).or(promise)
        }
        known => known,
    }
}

/// Ends of names, without the dot, and what they promise.
const ENDS: &[(&str, &[Container])] = &[
    ("gz", &[Container::Gzip]),
    ("tgz", &[Container::Gzip, Container::Tar]),
    ("bgz", &[Container::Gzip]),
    ("zst", &[Container::Zstd]),
    ("tzst", &[Container::Zstd, Container::Tar]),
    ("xz", &[Container::Xz]),
    ("txz", &[Container::Xz, Container::Tar]),
    ("bz2", &[Container::Bzip2]),
    ("tbz", &[Container::Bzip2, Container::Tar]),
    ("tbz2", &[Container::Bzip2, Container::Tar]),
    ("lz4", &[Container::Lz4]),
    ("tar", &[Container::Tar]),
    ("zip", &[Container::Unread("zip")]),
    ("7z", &[Container::Unread("7z")]),
    ("rar", &[Container::Unread("rar")]),
    ("z", &[Container::Unread("compress")]),
    ("lz", &[Container::Unread("lzip")]),
    ("lzma", &[Container::Unread("lzma")]),
];

/// What a stream is packed in if its name is right, from outside in: gzip and tar for `a.tar.gz` and `a.tgz`.
pub fn promised(mut name: &[u8]) -> impl Iterator<Item = Container> {
    std::iter::from_fn(move || {
        let dot = name.iter().rposition(|&b| b == b'.')?;
        let end = &name[dot + 1..];
        let known = ENDS
            .iter()
            .find(|(known, _)| end.eq_ignore_ascii_case(known.as_bytes()));
        name = &name[..dot];
        known.map(|(_, containers)| containers.iter().copied())
    })
    .flatten()
}

fn is_no_text(head: &[u8]) -> bool {
    head.iter().any(|&b| !(b'\t'..0x80).contains(&b))
}

/// Frames that zstd 0.1 to 0.7 wrote.
pub(super) fn is_legacy_zstd(head: &[u8]) -> bool {
    matches!(head, [0x1e | 0x22..=0x27, 0xb5, 0x2f, 0xfd, ..])
}

/// A header of xz's predecessor, which has no magic number: the usual properties, a dictionary of 2^n or 2^n + 2^(n-1) bytes, a length
/// that is unknown or below 256 GiB, and the zero that its coder begins with.
fn is_lzma(head: &[u8]) -> bool {
    let Some((&[0x5d, d0, d1, d2, d3, ref len @ .., 0], _)) = head.split_first_chunk::<14>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let top = dictionary & (dictionary >> 1) ^ dictionary;
    let is_size = top.is_power_of_two() && (dictionary == top || dictionary == top + top / 2);
    let len = u64::from_le_bytes(*len);
    (is_size || dictionary == u32::MAX) && (len == u64::MAX || len < 1 << 38)
}

/// A header of zlib (RFC 1950), which has no magic number either, before a block that is packed. Many files that are no logs begin so: those
/// in a `.git`.
pub fn is_zlib(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD_LEN)];
    let is_packed = |third: u8| matches!(third >> 1 & 3, 1 | 2);
    matches!(head, [0x78, 0x01 | 0x5e | 0x9c | 0xda, third, ..] if is_packed(*third))
        && !is_text(head)
}

/// A stream header of bzip2, or as much of one as the stream has.
pub(super) fn is_bzip2(head: &[u8]) -> bool {
    head.len() >= 4
        && head.starts_with(BZIP2)
        && (b'1'..=b'9').contains(&head[3])
        && BZIP2_NEXT.iter().any(|next| {
            let n = next.len().min(head.len() - 4);
            head[4..4 + n] == next[..n]
        })
}

/// The length of the skippable frame at the start of `head`, which zstd and lz4 share; of a cut one, the length of its
/// header.
pub(super) fn skippable_len(head: &[u8]) -> Option<u64> {
    let magic = head.get(..4)?;
    if magic[0] & 0xf0 != 0x50 || magic[1..] != *b"\x2a\x4d\x18" {
        return None;
    }
    let len = head.get(4..8).and_then(|len| len.try_into().ok());
    Some(8 + u64::from(u32::from_le_bytes(len.unwrap_or_default())))
}

/// Whose frames follow skippable ones, if that is in sight; if not it is zstd's, as a rule, since pzstd begins with one.
fn behind_skippable(mut head: &[u8]) -> Option<Container> {
    while let Some(len) = skippable_len(head) {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        head = head.get(len..).unwrap_or_default();
    }
    let magics = [(LZ4, Container::Lz4), (ZSTD, Container::Zstd)];
    let found = magics.iter().find(|(magic, _)| head.starts_with(magic));
    found.map(|(_, container)| *container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_no_containers() {
        for text in [
            &b""[..],
            b"2026/03/01 10:00:00 [error] 7#7: *42 connect() failed",
            b"BZh",
            b"BZh9 was here",
            b"PK",
            b"PK of the table",
            b"LZIP is no log",
            b"]: 10.0.0.1 GET /",
            b"\x1f",
            b"{\"time\":1}",
            &[b'7'; 600],
            &[0; 1024],
        ] {
            assert_eq!(recognise(text), None, "{:?}", text.escape_ascii());
        }
        let junk = [&b"\xff\xfe"[..], &[0x37; 510]].concat();
        assert_eq!(recognise(&junk), None);
        // An attacker can place a word in a log, but no NUL behind it.
        let mut log = vec![b'x'; 600];
        log[257..262].copy_from_slice(b"ustar");
        assert_eq!(recognise(&log), None);
    }

    #[test]
    fn containers_are_told_even_when_cut() {
        assert_eq!(recognise(b"\x1f\x8b"), Some(Container::Gzip));
        assert_eq!(recognise(b"\x28\xb5"), Some(Container::Zstd));
        assert_eq!(recognise(b"\xfd7"), Some(Container::Xz));
        assert_eq!(recognise(b"BZh9"), Some(Container::Bzip2));
        assert_eq!(recognise(b"BZh91AY&SY..."), Some(Container::Bzip2));
        assert_eq!(recognise(b"PK\x03\x04"), Some(Container::Unread("zip")));
        assert_eq!(recognise(b"LZIP\x01\x0c"), Some(Container::Unread("lzip")));
        let lzma = |dictionary: u32, len: u64| {
            let sizes = [&dictionary.to_le_bytes()[..], &len.to_le_bytes()].concat();
            recognise(&[b"\x5d", &sizes[..], b"\0\x19"].concat())
        };
        for dictionary in [1 << 16, 1 << 23, 3 << 22, u32::MAX] {
            assert_eq!(lzma(dictionary, u64::MAX), Some(Container::Unread("lzma")));
        }
        for (dictionary, len) in [(5 << 20, 9), (7 << 20, 9), (0, 9), (1 << 20, 1 << 40)] {
            assert_eq!(lzma(dictionary, len), None);
        }
        assert_eq!(recognise(b"\xff\xfe2\0"), Some(Container::Utf16Le));
        assert_eq!(recognise(b"\xfe\xff\x002"), Some(Container::Utf16Be));
        let skippable = b"\x50\x2a\x4d\x18\x01\0\0\0x";
        assert_eq!(recognise(skippable), Some(Container::Zstd));
        let lz4 = [&skippable[..], LZ4].concat();
        assert_eq!(recognise(&lz4), Some(Container::Lz4));
    }
}
