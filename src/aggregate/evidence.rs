//! Where an event stands: traceable to a byte.

/// A source: the place of its stored stream among those named, and its own among the members of that. Ordered like both, and
/// known before either is read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey(u64);

impl SourceKey {
    /// Member number `member` of stored stream number `stored`; 0 for a stream that is no archive.
    pub const fn new(stored: u32, member: u32) -> SourceKey {
        SourceKey((stored as u64) << 32 | member as u64)
    }

    /// Number of the stored stream.
    pub const fn stored(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// Number in that stream.
    pub const fn member(self) -> u32 {
        self.0 as u32
    }
}

/// A place in a source. Ordered by source and offset, so the smallest of several is the same however they were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence {
    pub source: SourceKey,
    /// Offset of the record's first byte in the decoded stream.
    pub offset: u64,
    /// Lines before it in its chunk; [`LineStarts`] makes a line number of it.
    pub line_in_chunk: u32,
}

impl Evidence {
    /// Behind every place there is.
    pub(super) const LAST: Evidence = Evidence {
        source: SourceKey(u64::MAX),
        offset: u64::MAX,
        line_in_chunk: u32::MAX,
    };

    /// The same as `self < other`: line and offset go together, so two numbers tell.
    #[inline(always)]
    pub fn is_before(&self, other: &Evidence) -> bool {
        let place =
            |evidence: &Evidence| u128::from(evidence.source.0) << 64 | u128::from(evidence.offset);
        place(self) < place(other)
    }
}

/// How many lines the chunks of one source have: what turns a line within a chunk into a line number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineStarts {
    /// Offset and number of lines of each chunk, in any order until [`finish`](Self::finish).
    chunks: Vec<(u64, u64)>,
}

impl LineStarts {
    pub fn collect(&mut self, chunk_offset: u64, n_lines: u64) {
        self.chunks.push((chunk_offset, n_lines));
    }

    pub fn merge(&mut self, other: LineStarts) {
        self.chunks.extend(other.chunks);
    }

    /// Sorts the chunks and replaces their number of lines by the number of lines before them.
    pub fn finish(&mut self) {
        self.chunks.sort_unstable();
        let mut before = 0;
        for (_, n_lines) in &mut self.chunks {
            before += std::mem::replace(n_lines, before);
        }
    }

    /// The line number of `evidence`, from 1. Only after [`finish`](Self::finish).
    pub fn line_number(&self, evidence: &Evidence) -> u64 {
        let chunk = self
            .chunks
            .partition_point(|&(offset, _)| offset <= evidence.offset);
        let before = chunk.checked_sub(1).map_or(0, |chunk| self.chunks[chunk].1);
        before + u64::from(evidence.line_in_chunk) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_across_chunks() {
        let mut starts = LineStarts::default();
        starts.collect(500, 7);
        starts.collect(0, 10);
        starts.collect(200, 3);
        starts.finish();
        let line = |offset, line_in_chunk| {
            starts.line_number(&Evidence {
                source: SourceKey::new(0, 0),
                offset,
                line_in_chunk,
            })
        };
        assert_eq!(
            (line(0, 0), line(30, 4), line(200, 0), line(510, 1)),
            (1, 5, 11, 15)
        );
    }
}
