//! Maps of sparse members: where their data belongs, and the holes between. A map can promise an exabyte in 2 KiB, so holes
//! are never more than numbers here.

use super::header::decimal;

/// One part of a member, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// So many bytes of the archive.
    Data(u64),
    /// So many bytes that are not there.
    Hole(u64),
}

/// The segments of a member of `real_size` bytes, last first, from pairs of offset and length. `None` if the pairs do not
/// ascend, go beyond the size, or do not add up to the `stored` bytes.
pub(super) fn segments(map: &[(u64, u64)], real_size: u64, stored: u64) -> Option<Vec<Segment>> {
    let (mut segments, mut at, mut n_data) = (Vec::new(), 0u64, 0u64);
    for &(offset, len) in map {
        let hole = offset.checked_sub(at)?;
        at = offset.checked_add(len)?;
        n_data = n_data.checked_add(len)?;
        if hole > 0 {
            segments.push(Segment::Hole(hole));
        }
        if len > 0 {
            segments.push(Segment::Data(len));
        }
    }
    let rest = real_size.checked_sub(at)?;
    if rest > 0 {
        segments.push(Segment::Hole(rest));
    }
    segments.reverse();
    (n_data == stored).then_some(segments)
}

/// A map in front of the data (PAX sparse 1.0): lines of decimal numbers, first their count, padded to a block.
#[derive(Debug, Default)]
pub(super) struct MapReader {
    digits: Vec<u8>,
    numbers: Vec<u64>,
}

impl MapReader {
    /// Takes one byte. `Some(true)` if the map is complete, `Some(false)` if it is none.
    pub(super) fn push(&mut self, byte: u8, numbers_max: usize) -> Option<bool> {
        if byte != b'\n' {
            self.digits.push(byte);
            return (self.digits.len() > 20).then_some(false);
        }
        let Some(number) = decimal(&self.digits) else {
            return Some(false);
        };
        self.digits.clear();
        self.numbers.push(number);
        if self.numbers.len() > numbers_max {
            return Some(false);
        }
        let n_pairs = (self.numbers.len() as u64 - 1) / 2;
        (self.numbers.len() % 2 == 1 && n_pairs == self.numbers[0]).then_some(true)
    }

    pub(super) fn map(&self) -> Vec<(u64, u64)> {
        self.numbers[1..]
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_become_segments() {
        use Segment::{Data, Hole};
        let got = segments(&[(5, 2), (7, 3), (20, 0)], 30, 5);
        let want = vec![Hole(10), Hole(10), Data(3), Data(2), Hole(5)];
        assert_eq!(got, Some(want));
        assert_eq!(segments(&[(5, 2), (6, 3)], 30, 5), None);
        assert_eq!(segments(&[(u64::MAX, 2)], u64::MAX, 2), None);
        assert_eq!(segments(&[(0, 4)], 3, 4), None);
        assert_eq!(segments(&[(0, 4)], 4, 5), None);
    }

    #[test]
    fn a_map_is_read_from_lines() {
        let mut reader = MapReader::default();
        let text = b"2\n0\n5\n10\n3\n";
        let results: Vec<_> = text.iter().map(|&b| reader.push(b, 100)).collect();
        assert_eq!(results.iter().flatten().collect::<Vec<_>>(), [&true]);
        assert_eq!(reader.map(), [(0, 5), (10, 3)]);
        assert_eq!(MapReader::default().push(b'\n', 100), Some(false));
    }
}
