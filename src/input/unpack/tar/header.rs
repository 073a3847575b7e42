//! One block of 512 bytes that begins an entry, and the records that extend it (POSIX `pax`, GNU `tar.h`). The fields are
//! read by the `tar` crate; its checksum, and records whose values hold newlines, are read here.

use tar::Header;

/// A block, the unit of tar.
pub(in super::super) const BLOCK_LEN: usize = 512;

/// True if `head` begins a tar archive: its first header has a valid checksum, or at least the magic of POSIX or GNU with
/// the NUL that no log contains.
pub(in super::super) fn begins_archive(head: &[u8]) -> bool {
    if let Some(block) = head.get(..BLOCK_LEN).filter(|block| is_header(block)) {
        // Old tar has no magic: the name must look like one too.
        return has_magic(head) || block[0] > b' ';
    }
    has_magic(head)
}

pub(super) fn has_magic(head: &[u8]) -> bool {
    head.get(257..263) == Some(b"ustar\0") || head.get(257..265) == Some(b"ustar  \0")
}

/// True if the checksum of `block` is right, summed as unsigned bytes or, as old programs did, as signed ones.
pub(super) fn is_header(block: &[u8]) -> bool {
    if block.len() != BLOCK_LEN || block.iter().all(|&b| b == 0) {
        return false;
    }
    let Some(stored) = octal(&block[148..156]) else {
        return false;
    };
    let rest = || block[..148].iter().chain(&block[156..]);
    let unsigned: u64 = rest().map(|&b| u64::from(b)).sum::<u64>() + 8 * u64::from(b' ');
    let n_high = rest().filter(|&&b| b >= 0x80).count() as u64;
    stored == unsigned || stored + 256 * n_high == unsigned
}

/// A field of octal digits, with blanks before and blanks or NULs behind.
fn octal(field: &[u8]) -> Option<u64> {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    let digits = field[..end].trim_ascii();
    if digits.is_empty() || !digits.iter().all(|b| (b'0'..=b'7').contains(b)) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |sum, b| sum << 3 | u64::from(b - b'0')),
    )
}

/// What extension headers said about the entry that follows them.
#[derive(Debug, Default)]
pub(super) struct Extension {
    pub(super) name: Option<Vec<u8>>,
    /// The name of a sparse file, before all others.
    pub(super) sparse_name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// Sparse files: version of the map, the length with holes, and the map if it is in the header.
    pub(super) sparse_major: Option<u64>,
    pub(super) real_size: Option<u64>,
    pub(super) map: Vec<(u64, u64)>,
}

impl Extension {
    /// Reads PAX records, `LEN KEY=VALUE\n`; false if one is malformed, and then the rest is not read, or if a size is no
    /// number, which is then as if it were not there.
    pub(super) fn read_pax(&mut self, mut records: &[u8]) -> bool {
        let mut has_size = true;
        while !records.is_empty() {
            let Some((key, value, rest)) = split_record(records) else {
                return false;
            };
            has_size &= self.read_record(key, value);
            records = rest;
        }
        has_size
    }

    fn read_record(&mut self, key: &[u8], value: &[u8]) -> bool {
        let number = || decimal(value);
        match key {
            b"path" => self.name = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => {
                self.size = number();
                // One of no digits takes back what was said.
                return value.is_empty() || self.size.is_some();
            }
            b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
            b"GNU.sparse.major" => self.sparse_major = number(),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.real_size = number(),
            // Version 0.0: pairs of records. Version 0.1: one list.
            b"GNU.sparse.offset" => self.map.push((number().unwrap_or(u64::MAX), 0)),
            b"GNU.sparse.numbytes" => {
                if let Some(last) = self.map.last_mut() {
                    last.1 = number().unwrap_or(u64::MAX);
                }
            }
            b"GNU.sparse.map" => {
                let mut numbers = value
                    .split(|&b| b == b',')
                    .map(|n| decimal(n).unwrap_or(u64::MAX));
                self.map.clear();
                while let (Some(offset), Some(len)) = (numbers.next(), numbers.next()) {
                    self.map.push((offset, len));
                }
            }
            _ => {}
        }
        true
    }

    /// The size of the entry's data in the archive, and the two sizes if header and extension disagree. Sizes of 8 GiB and
    /// more do not fit the header, which then holds 0 or anything.
    pub(super) fn size(&self, header: &Header) -> (Option<u64>, Option<(u64, u64)>) {
        let in_header = header.entry_size().ok();
        match (self.size, in_header) {
            (Some(size), Some(other)) if size != other && size < 8 << 30 => {
                (Some(size), Some((other, size)))
            }
            (Some(size), _) => (Some(size), None),
            (None, size) => (size, None),
        }
    }
}

/// The first of `records` as key and value, and the rest.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = records.iter().position(|&b| b == b' ')?;
    let len = usize::try_from(decimal(&records[..blank])?).ok()?;
    let record = records.get(blank + 1..len)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&b| b == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &records[len..]))
}

/// A number of decimal digits and nothing else.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_values_may_hold_newlines() {
        let mut extension = Extension::default();
        assert!(extension.read_pax(b"12 path=a\nb\n10 size=7\n16 linkpath=a=b\n"));
        assert_eq!(extension.name.as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(extension.size, Some(7));
        assert_eq!(extension.link.as_deref(), Some(&b"a=b"[..]));
    }

    #[test]
    fn a_pax_size_that_is_none_is_told_and_the_rest_is_read() {
        for (records, is_told) in [
            (&b"11 size=7x\n10 path=a\n"[..], true),
            (b"30 size=99999999999999999999\n\n10 path=a\n", true),
            (b"9 size=-\n10 path=a\n", true),
            (b"8 size=\n10 path=a\n", false),
        ] {
            let mut extension = Extension::default();
            assert_eq!(
                extension.read_pax(records),
                !is_told,
                "{}",
                records.escape_ascii()
            );
            assert_eq!(
                (extension.size, extension.name.as_deref()),
                (None, Some(&b"a"[..]))
            );
        }
    }

    #[test]
    fn malformed_pax_records_are_told() {
        for records in [
            &b"99 path=a\n"[..],
            b"path=a\n",
            b"0 path=a\n",
            b"3 path=a\n",
            b"10 path=ab",
            b"99999999999999999999 a=b\n",
        ] {
            assert!(!Extension::default().read_pax(records));
        }
    }

    #[test]
    fn a_checksum_makes_a_header() {
        let mut header = Header::new_old();
        header.set_path("a.log").expect("short");
        header.set_size(3);
        header.set_cksum();
        let mut block = header.as_bytes().to_vec();
        assert!(begins_archive(&block));
        block[0] ^= 1;
        assert!(!begins_archive(&block));
        assert!(!is_header(&[0; BLOCK_LEN]));
    }
}
