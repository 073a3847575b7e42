//! tar: entries one after another, in the forms of Unix v7, POSIX `ustar` and `pax`, and GNU. Nothing is ever unpacked to
//! disk: the data of regular files is handed on as it comes, everything else is named.
//!
//! The walk over the blocks is here and not the `tar` crate's, whose entries borrow their archive and so cannot be pulled
//! step by step without a thread, which stops at the first broken header, and which writes out the holes of sparse files. The
//! crate reads the fields of the headers.

pub(super) mod header;
mod sparse;

use self::{
    header::{BLOCK_LEN, Extension},
    sparse::{MapReader, Segment},
};
use super::{
    Trouble, UnitRange,
    feed::{Below, Edge, Feed, Step},
};
use memchr::memmem;
use tar::Header;

/// An archive, and the entry that is open.
#[derive(Default)]
pub(super) struct Tar {
    /// What is left of the open member, the next part last.
    segments: Vec<Segment>,
    /// Bytes of the archive that belong to the open entry and are not yet read, and the padding behind them.
    n_left: u64,
    n_padding: u64,
    /// Zeros written for holes of the open member.
    n_zeros: u64,
    entry: Option<UnitRange>,
    ended: bool,
    /// Bytes were missing: the next header may be anywhere.
    is_adrift: bool,
}

/// What comes next in an archive.
pub(super) enum Entry {
    /// A regular file, whose bytes [`Tar::pull`] yields.
    File(Vec<u8>),
    End,
}

/// Zeros that an archive without entries is made of, as GNU tar writes it.
const EMPTY_LEN_MAX: u64 = 20 * BLOCK_LEN as u64;

impl Tar {
    /// An archive whose first bytes may be missing.
    pub(super) fn new(is_adrift: bool) -> Tar {
        Tar {
            is_adrift,
            ..Tar::default()
        }
    }

    /// Bytes of the open member.
    pub(super) fn pull(&mut self, feed: &mut Feed, below: &mut Below<'_>, out: &mut [u8]) -> Step {
        loop {
            match self.segments.last().copied() {
                None => return Step::End,
                Some(Segment::Data(len)) => {
                    let room = usize::try_from(len).unwrap_or(usize::MAX).min(out.len());
                    let step = feed.read(below, &mut out[..room]);
                    if let Step::Bytes(n) = step {
                        self.n_left -= n as u64;
                        self.shorten(n as u64);
                        return step;
                    }
                    self.cut(feed, below, step == Step::Seam);
                }
                Some(Segment::Hole(len)) => {
                    if let Some(step) = self.hole(feed, below, len, out) {
                        return step;
                    }
                }
            }
        }
    }

    /// Takes `n` bytes off the current segment.
    fn shorten(&mut self, n: u64) {
        if let Some(Segment::Data(len) | Segment::Hole(len)) = self.segments.last_mut() {
            *len -= n;
            if *len == 0 {
                self.segments.pop();
            }
        }
    }

    /// Zeros for a hole, or a seam if they would be too many.
    fn hole(
        &mut self,
        feed: &Feed,
        below: &mut Below<'_>,
        len: u64,
        out: &mut [u8],
    ) -> Option<Step> {
        let shared = &mut *below.shared;
        let left = shared.limits.hole_bytes_max.saturating_sub(self.n_zeros);
        let left = left.min(shared.decodable());
        if len > left {
            self.segments.pop();
            self.report(feed, below, Trouble::Hole { n_bytes: len });
            return Some(Step::Seam);
        }
        let n = usize::try_from(len).unwrap_or(usize::MAX).min(out.len());
        out[..n].fill(0);
        self.n_zeros += n as u64;
        shared.decoded_bytes += n as u64;
        self.shorten(n as u64);
        Some(Step::Bytes(n))
    }

    /// The archive ends, or misses bytes, within the open member.
    fn cut(&mut self, feed: &Feed, below: &mut Below<'_>, at_seam: bool) {
        let trouble = if at_seam {
            Trouble::Interrupted
        } else {
            Trouble::Truncated {
                n_missing: Some(self.n_left),
            }
        };
        self.report(feed, below, trouble);
        self.segments.clear();
        (self.n_left, self.n_padding) = (0, 0);
        (self.ended, self.is_adrift) = (!at_seam, at_seam);
    }

    fn report(&self, feed: &Feed, below: &mut Below<'_>, trouble: Trouble) {
        feed.report(below, trouble, feed.offset, self.entry, None);
    }

    /// Leaves the open member and finds the next.
    pub(super) fn next_entry(&mut self, feed: &mut Feed, below: &mut Below<'_>) -> Entry {
        let mut extension = Extension::default();
        self.segments.clear();
        self.skip_rest(feed, below);
        while !self.ended {
            if self.is_adrift {
                let start = feed.offset;
                self.find_header(feed, below);
                extension = Extension::default();
                // Within an archive it was told what the bytes are missing in.
                if start == 0 && feed.offset > 0 {
                    let n_bytes = feed.offset;
                    feed.report(below, Trouble::Garbage { n_bytes }, start, None, None);
                }
                continue;
            }
            let block = feed.peek(below, BLOCK_LEN);
            let block: Option<[u8; BLOCK_LEN]> =
                block.get(..BLOCK_LEN).and_then(|b| b.try_into().ok());
            let Some(block) = block else {
                self.no_block(feed, below);
                continue;
            };
            if block.iter().all(|&b| b == 0) {
                self.end_mark(feed, below);
                continue;
            }
            self.entry = Some(UnitRange {
                name: "entry",
                start: feed.offset,
                decoded_bytes: 0,
            });
            if !header::is_header(&block) {
                self.bad_header(feed, below);
                extension = Extension::default();
                continue;
            }
            feed.consume(below, BLOCK_LEN);
            let header = Header::from_byte_slice(&block);
            if let Some(name) = self.open(feed, below, header, &mut extension) {
                return Entry::File(name);
            }
        }
        Entry::End
    }

    /// Skips what the open entry still has in the archive.
    fn skip_rest(&mut self, feed: &mut Feed, below: &mut Below<'_>) {
        let n_skipped = feed.skip(below, self.n_left);
        self.n_left -= n_skipped;
        if self.n_left > 0 {
            let at_seam = feed.edge() == Edge::Seam;
            return self.cut(feed, below, at_seam);
        }
        // Padding that is missing is no loss; what follows notices the edge.
        feed.skip(below, self.n_padding);
        self.n_padding = 0;
    }

    /// Less than a block is left before an edge.
    fn no_block(&mut self, feed: &mut Feed, below: &mut Below<'_>) {
        let n_left = feed.peek(below, BLOCK_LEN).len();
        feed.consume(below, n_left);
        if feed.edge() == Edge::Seam {
            self.is_adrift = true;
            return;
        }
        self.ended = true;
        let trouble = if n_left == 0 {
            Trouble::NoEndMark
        } else {
            Trouble::Truncated { n_missing: None }
        };
        self.entry = None;
        self.report(feed, below, trouble);
    }

    /// At a block of zeros, which ends an archive. Another may follow (`cat a.tar b.tar`), or something else, or the zeros are
    /// what is left of lost blocks; nothing tells, so it is noted.
    fn end_mark(&mut self, feed: &mut Feed, below: &mut Below<'_>) {
        self.entry = None;
        let zeros = feed.offset;
        loop {
            let chunk = feed.chunk(below);
            let (len, n) = (chunk.len(), chunk.iter().take_while(|&&b| b == 0).count());
            feed.consume(below, n);
            if len == 0 {
                match feed.edge() {
                    Edge::End => self.ended = true,
                    Edge::Seam => self.is_adrift = true,
                }
                let n_bytes = feed.offset;
                if zeros == 0 && n_bytes > EMPTY_LEN_MAX {
                    feed.report(below, Trouble::Garbage { n_bytes }, zeros, None, None);
                }
                return;
            }
            if n < len {
                break;
            }
        }
        let head = feed.peek(below, BLOCK_LEN);
        let is_header = head.get(..BLOCK_LEN).is_some_and(header::is_header);
        if is_header && zeros > 0 {
            let n_bytes = feed.offset - zeros;
            let resumed = Some(feed.offset);
            return feed.report(below, Trouble::Padding { n_bytes }, zeros, None, resumed);
        }
        // Zeros that an archive begins with stand in place of a header.
        let start = if zeros > 0 { feed.offset } else { zeros };
        if !is_header {
            self.find_header(feed, below);
        }
        let n_bytes = feed.offset - start;
        feed.report(below, Trouble::Garbage { n_bytes }, start, None, None);
    }

    /// At a block that should be a header and is none: goes on at the next that is.
    fn bad_header(&mut self, feed: &mut Feed, below: &mut Below<'_>) {
        let start = feed.offset;
        feed.consume(below, 1);
        self.find_header(feed, below);
        let resumed = (!self.ended).then_some(feed.offset);
        let trouble = Trouble::Corrupt("wrong header checksum".into());
        feed.report(below, trouble, start, self.entry, resumed);
    }

    /// Behind missing or strange bytes: goes on at the next header, wherever it stands. Old ones have no magic, and stand where blocks
    /// begin, if it is known where that is.
    fn find_header(&mut self, feed: &mut Feed, below: &mut Below<'_>) {
        const MAGIC_AT: usize = 257;
        let finder = memmem::Finder::new("ustar");
        loop {
            let first_block = feed.offset.wrapping_neg() as usize % BLOCK_LEN;
            let chunk = feed.peek(below, 2 * BLOCK_LEN);
            let len = chunk.len();
            if len < BLOCK_LEN {
                feed.consume(below, len);
                match feed.edge() {
                    Edge::End => self.ended = true,
                    Edge::Seam => {
                        feed.pass_seam();
                        self.is_adrift = true;
                    }
                }
                if self.ended {
                    return;
                }
                continue;
            }
            let last = len - BLOCK_LEN;
            let begins_here =
                |&at: &usize| at <= last && header::is_header(&chunk[at..at + BLOCK_LEN]);
            let mut magics = finder
                .find_iter(chunk)
                .filter_map(|at| at.checked_sub(MAGIC_AT));
            let mut blocks = (first_block..=last)
                .step_by(BLOCK_LEN)
                .filter(|_| !self.is_adrift);
            let found = magics
                .find(begins_here)
                .into_iter()
                .chain(blocks.find(begins_here));
            if let Some(at) = found.min() {
                feed.consume(below, at);
                self.is_adrift = false;
                return;
            }
            feed.consume(below, last + 1);
        }
    }

    /// Takes a header; the name, if it opens a regular file.
    fn open(
        &mut self,
        feed: &mut Feed,
        below: &mut Below<'_>,
        header: &Header,
        extension: &mut Extension,
    ) -> Option<Vec<u8>> {
        let kind = header.entry_type().as_byte();
        let is_extension = matches!(kind, b'L' | b'K' | b'x' | b'g');
        let (size, disagreement) = if is_extension {
            (header.entry_size().ok(), None)
        } else {
            extension.size(header)
        };
        // What has no data need not say so: GNU's label of a volume does not.
        let size = size.or_else(|| matches!(kind, b'1'..=b'6' | b'V').then_some(0));
        let Some(size) = size else {
            self.report(feed, below, Trouble::Corrupt("no size".into()));
            *extension = Extension::default();
            return None;
        };
        // A hard link has a size at times, and never data.
        self.n_left = if kind == b'1' { 0 } else { size };
        self.n_padding = self.n_left.wrapping_neg() % BLOCK_LEN as u64;
        self.n_zeros = 0;
        if is_extension {
            self.extend(feed, below, kind, extension);
            return None;
        }
        let extension = std::mem::take(extension);
        let sparse_name = extension.sparse_name.as_ref();
        let name = sparse_name.or(extension.name.as_ref()).cloned();
        let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
        if let Some((header, extended)) = disagreement {
            below.shared.names.push(name.clone());
            self.report(feed, below, Trouble::Sizes { header, extended });
            below.shared.names.pop();
        }
        // POSIX: what is of no known type is read as a regular file.
        if !matches!(kind, b'1'..=b'6' | b'D' | b'M' | b'V') && !name.ends_with(b"/") {
            self.lay_out(feed, below, header, &extension);
            return Some(name);
        }
        let what = match kind {
            b'1' => "hard link",
            b'2' => "symbolic link",
            b'3' | b'4' => "device",
            b'6' => "named pipe",
            // A directory, or the name of the volume: nothing is lost.
            _ => "",
        };
        if kind == b'M' {
            let trouble = Trouble::Unsupported {
                what: "the rest of a file that begins in another volume",
                advice: "extract the volumes together",
            };
            below.shared.names.push(name.clone());
            self.report(feed, below, trouble);
            below.shared.names.pop();
        }
        if !what.is_empty() {
            let link = extension.link.as_deref().map(Into::into);
            let link = link.or_else(|| header.link_name_bytes());
            let target = link.unwrap_or_default().into_owned();
            let trouble = Trouble::NotFollowed { what, target };
            below.shared.names.push(name);
            self.report(feed, below, trouble);
            below.shared.names.pop();
        }
        self.skip_rest(feed, below);
        None
    }

    /// Reads a long name or PAX records.
    fn extend(
        &mut self,
        feed: &mut Feed,
        below: &mut Below<'_>,
        kind: u8,
        extension: &mut Extension,
    ) {
        let limit = below.shared.limits.header_bytes_max;
        let len = usize::try_from(self.n_left).unwrap_or(usize::MAX);
        if len > limit {
            let trouble = Trouble::Limit {
                name: "header_bytes_max",
                limit: limit as u64,
                needed: Some(self.n_left),
            };
            self.report(feed, below, trouble);
        } else {
            let bytes = feed.peek(below, len);
            let bytes = bytes[..len.min(bytes.len())].to_vec();
            self.read_extension(feed, below, kind, &bytes, extension);
        }
        self.skip_rest(feed, below);
    }

    fn read_extension(
        &mut self,
        feed: &Feed,
        below: &mut Below<'_>,
        kind: u8,
        bytes: &[u8],
        extension: &mut Extension,
    ) {
        let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        match kind {
            b'L' => extension.name = Some(bytes[..end].to_vec()),
            b'K' => extension.link = Some(bytes[..end].to_vec()),
            b'x' => {
                if bytes.len() as u64 == self.n_left && !extension.read_pax(bytes) {
                    let trouble = Trouble::Corrupt("malformed PAX record".into());
                    self.report(feed, below, trouble);
                }
            }
            // Global records hold comments and owners. Names and sizes for all entries would be an attack.
            _ => {
                let mut global = Extension::default();
                global.read_pax(bytes);
                if global.name.is_some() || global.size.is_some() || !global.map.is_empty() {
                    let trouble = Trouble::Unsupported {
                        what: "a global PAX name or size",
                        advice: "entries keep their own",
                    };
                    self.report(feed, below, trouble);
                }
            }
        }
    }

    /// Finds the segments of a regular or sparse file.
    fn lay_out(
        &mut self,
        feed: &mut Feed,
        below: &mut Below<'_>,
        header: &Header,
        extension: &Extension,
    ) {
        let stored = self.n_left;
        let plain = vec![Segment::Data(stored)];
        let map = if header.entry_type().is_gnu_sparse() {
            self.read_gnu_map(feed, below, header)
                .map(|(map, size)| (map, size, stored))
        } else if extension.sparse_major == Some(1) {
            self.read_leading_map(feed, below)
                .map(|map| (map, extension.real_size.unwrap_or_default(), self.n_left))
        } else if let (Some(size), false) = (extension.real_size, extension.map.is_empty()) {
            Some((extension.map.clone(), size, stored))
        } else {
            self.segments = plain;
            return self.segments.retain(|s| *s != Segment::Data(0));
        };
        let segments = map.and_then(|(map, size, stored)| sparse::segments(&map, size, stored));
        self.segments = segments.unwrap_or_else(|| {
            let trouble = Trouble::Corrupt("malformed map of holes".into());
            self.report(feed, below, trouble);
            vec![Segment::Data(self.n_left)]
        });
        self.segments.retain(|s| *s != Segment::Data(0));
    }

    /// The map of a GNU sparse header and of the blocks that continue it, and the size with holes.
    fn read_gnu_map(
        &mut self,
        feed: &mut Feed,
        below: &mut Below<'_>,
        header: &Header,
    ) -> Option<(Vec<(u64, u64)>, u64)> {
        let gnu = header.as_gnu()?;
        let pair =
            |sparse: &tar::GnuSparseHeader| Some((sparse.offset().ok()?, sparse.length().ok()?));
        let mut map = Vec::new();
        for sparse in gnu.sparse.iter().filter(|sparse| !sparse.is_empty()) {
            map.push(pair(sparse)?);
        }
        let mut continues = gnu.is_extended();
        while continues {
            let block = feed.peek(below, BLOCK_LEN).get(..BLOCK_LEN)?;
            let mut more = tar::GnuExtSparseHeader::new();
            more.as_mut_bytes().copy_from_slice(block);
            for sparse in more.sparse().iter().filter(|sparse| !sparse.is_empty()) {
                map.push(pair(sparse)?);
            }
            if map.len() > below.shared.limits.header_bytes_max / 24 {
                return None;
            }
            feed.consume(below, BLOCK_LEN);
            continues = more.is_extended();
        }
        Some((map, gnu.real_size().ok()?))
    }

    /// The map that stands before the data in blocks of its own.
    fn read_leading_map(
        &mut self,
        feed: &mut Feed,
        below: &mut Below<'_>,
    ) -> Option<Vec<(u64, u64)>> {
        let numbers_max = below.shared.limits.header_bytes_max / 8;
        let mut reader = MapReader::default();
        while self.n_left > 0 {
            let want = self.n_left.min(BLOCK_LEN as u64) as usize;
            let block = feed.peek(below, want);
            let block = block[..want.min(block.len())].to_vec();
            let mut complete = None;
            for &byte in &block {
                complete = reader.push(byte, numbers_max);
                if complete.is_some() {
                    break;
                }
            }
            if complete == Some(false) || block.len() < want {
                return None;
            }
            feed.consume(below, want);
            self.n_left -= want as u64;
            if complete == Some(true) {
                return Some(reader.map());
            }
        }
        None
    }
}
