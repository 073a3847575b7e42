//! Splits bytes into chunks that end where a record begins, and chunks into lines.
//!
//! The only separator is `\n` (as for nginx, whatever the system it runs on); one `\r` before it is dropped with it.

use memchr::memchr;
use std::ops::Range;

/// Splits `bytes` into ranges of about `chunk_len` bytes. Each begins at a line that is not `blocked`, which is given all bytes and
/// the offset: it says where around that no record can begin. Ranges are non-empty, ascending and cover every byte once. There are
/// at most `n_max` of them: a chunk length that would make more is raised. Panics if `chunk_len` or `n_max` is 0.
pub fn chunks(
    bytes: &[u8],
    chunk_len: usize,
    n_max: usize,
    blocked: impl Fn(&[u8], usize) -> Option<Range<usize>>,
) -> Vec<Range<usize>> {
    assert!(chunk_len > 0 && n_max > 0, "a chunk has at least one byte");
    let chunk_len = chunk_len.max(bytes.len() / n_max);
    let mut ranges = Vec::with_capacity(bytes.len() / chunk_len + 1);
    let mut start = 0;
    while start < bytes.len() {
        let end = next_start(bytes, start.saturating_add(chunk_len), &blocked);
        ranges.push(start..end);
        start = end;
    }
    ranges
}

/// The first line start at or behind `from` that is not `blocked`; the end of `bytes` if there is none.
fn next_start(
    bytes: &[u8],
    from: usize,
    blocked: impl Fn(&[u8], usize) -> Option<Range<usize>>,
) -> usize {
    let mut at = from.saturating_sub(1);
    while at < bytes.len() {
        match memchr(b'\n', &bytes[at..]) {
            None => break,
            Some(newline) => at += newline + 1,
        }
        if at < bytes.len() {
            match blocked(bytes, at) {
                None => return at,
                Some(range) => at = at.max(range.end - 1),
            }
        }
    }
    bytes.len()
}

/// One line: `start..end` without terminator, `next` behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub start: usize,
    pub end: usize,
    pub next: usize,
}

impl Line {
    /// The line that begins at `start`, which lies before `limit`, in `bytes[..limit]`.
    #[inline]
    pub fn at(bytes: &[u8], start: usize, limit: usize) -> Line {
        let end = memchr(b'\n', &bytes[start..limit]).map_or(limit, |newline| start + newline);
        Line::ending(&bytes[..limit], start, end)
    }

    /// The line from `start` to the newline at `end`, or to the end of `bytes`.
    #[inline]
    pub fn ending(bytes: &[u8], start: usize, end: usize) -> Line {
        let next = (end + 1).min(bytes.len());
        let end = if end > start && next > end && bytes[end - 1] == b'\r' {
            end - 1
        } else {
            end
        };
        Line { start, end, next }
    }
}

/// A line without the carriage return at its end, which a copy on Windows leaves.
pub fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of `bytes[range]`.
pub fn lines(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Line> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        (at < range.end).then(|| {
            let line = Line::at(bytes, at, range.end);
            at = line.next;
            line
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_partition_at_line_starts() {
        let text = b"ab\nc\r\n\nlong line\nend";
        for chunk_len in 1..=text.len() + 1 {
            let ranges = chunks(text, chunk_len, usize::MAX, |_, _| None);
            assert_eq!(
                ranges
                    .iter()
                    .flat_map(|range| text[range.clone()].to_vec())
                    .collect::<Vec<_>>(),
                text
            );
            assert!(
                ranges
                    .iter()
                    .all(|range| range.start == 0 || text[range.start - 1] == b'\n')
            );
        }
        assert_eq!(chunks(b"ab\nc", 1, usize::MAX, |_, _| None), [0..3, 3..4]);
        assert_eq!(chunks(b"a\nb\nc\nd\n", 1, 2, |_, _| None), [0..4, 4..8]);
        assert_eq!(
            chunks(b"ab\nc", 1, usize::MAX, |_, at| Some(at..at + 1)),
            vec![0..4]
        );
        let blocked = |_: &[u8], at: usize| (2..6).contains(&at).then_some(2..6);
        assert_eq!(chunks(b"a\nb\nc\nd\n", 1, 9, blocked), [0..6, 6..8]);
    }

    #[test]
    fn one_carriage_return_goes_with_the_newline() {
        let text = b"a\r\nb\r\r\n\r\nc\r";
        let got: Vec<&[u8]> = lines(text, 0..text.len())
            .map(|line| &text[line.start..line.end])
            .collect();
        assert_eq!(got, [&b"a"[..], b"b\r", b"", b"c\r"]);
    }
}
