//! Where the units of a compression end, told without decoding them: by the lengths of their blocks. Knows zstd frames (RFC 8878),
//! lz4 frames (the frame format's description) and gzip members as bgzip writes them (the SAM specification, section 4.1).
//! Other gzip members, bzip2 and xz streams do not say how long they are, or only behind themselves.
//!
//! What it says is a guess from few bytes: whoever decodes is right. It holds no bytes but those of one header, so a unit may
//! be longer than any memory.

use super::{
    container::{self, Container, GZIP, LZ4, ZSTD},
    lz4, zstd,
};

/// Walks over one stream, whatever pieces it comes in.
pub(super) struct Walk {
    form: Form,
    part: Part,
    /// Bytes of the header that is being gathered, and how many it has.
    head: Vec<u8>,
    n_needed: usize,
    /// Bytes before the next header, or before the end of the unit.
    n_to_skip: u64,
    /// What ends behind those bytes.
    ending: Option<Ending>,
    /// Bytes behind the last block of the unit.
    checksum_len: u64,
    /// Of each block.
    block_checksum_len: u64,
    extent: Extent,
}

/// What a unit asks of its decoder, as far as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes decoded; more than there are, perhaps.
    pub(super) decoded_len: Option<u64>,
    /// Bytes the decoder keeps at hand.
    pub(super) window: u64,
}

#[derive(Clone, Copy)]
enum Form {
    Bgzf,
    Lz4,
    Zstd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The first bytes of a unit, or of what may stand before one.
    Start,
    /// Its whole header, and that of its first block.
    Header,
    Block,
}

/// What ends at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Unit(Extent),
    /// Something without content.
    Skipped,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// All bytes were taken; more are needed.
    More,
    /// Something ends with the first so many of them.
    End(usize, Ending),
    /// This is not what it walks over: nothing further can be said of the stream.
    Lost,
}

/// Bytes that begin every unit, and tell a skippable frame's length.
const START_LEN: usize = 8;
/// A gzip header with the length of its member in it.
const BGZF_HEADER_LEN: usize = 18;
/// Bytes that a member of bgzip holds at most.
const BGZF_DECODED_MAX: u64 = 64 << 10;

impl Walk {
    /// `None`: units of `container` do not say where they end.
    pub(super) fn over(container: Container) -> Option<Walk> {
        let form = match container {
            Container::Gzip => Form::Bgzf,
            Container::Lz4 => Form::Lz4,
            Container::Zstd => Form::Zstd,
            _ => return None,
        };
        Some(Walk {
            form,
            part: Part::Start,
            head: Vec::with_capacity(32),
            n_needed: START_LEN,
            n_to_skip: 0,
            ending: None,
            checksum_len: 0,
            block_checksum_len: 0,
            extent: Extent::default(),
        })
    }

    /// Takes the next `bytes` of the stream, up to the next end in them.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Walked {
        let mut at = 0;
        loop {
            let n_left = bytes.len() - at;
            let n = usize::try_from(self.n_to_skip).map_or(n_left, |n| n.min(n_left));
            (at, self.n_to_skip) = (at + n, self.n_to_skip - n as u64);
            if self.n_to_skip > 0 {
                return Walked::More;
            }
            if let Some(ending) = self.ending.take() {
                self.expect(Part::Start, START_LEN);
                return Walked::End(at, ending);
            }
            let n = (self.n_needed - self.head.len()).min(bytes.len() - at);
            self.head.extend_from_slice(&bytes[at..at + n]);
            at += n;
            if self.head.len() < self.n_needed {
                return Walked::More;
            }
            if self.read().is_none() {
                return Walked::Lost;
            }
        }
    }

    fn expect(&mut self, part: Part, n_needed: usize) {
        self.head.clear();
        (self.part, self.n_needed) = (part, n_needed);
    }

    /// More of the same header is needed.
    fn extend(&mut self, n_needed: usize) {
        (self.part, self.n_needed) = (Part::Header, n_needed);
    }

    fn end_behind(&mut self, n_bytes: u64, ending: Ending) {
        (self.n_to_skip, self.ending) = (n_bytes, Some(ending));
    }

    /// Reads the header that is at hand; `None` if it is none.
    fn read(&mut self) -> Option<()> {
        if self.part == Part::Start
            && let Some(len) = container::skippable_len(&self.head)
            && !matches!(self.form, Form::Bgzf)
        {
            self.end_behind(len - START_LEN as u64, Ending::Skipped);
            return Some(());
        }
        match self.form {
            Form::Bgzf => self.read_bgzf(),
            Form::Lz4 => self.read_lz4(),
            Form::Zstd => self.read_zstd(),
        }
    }

    fn read_bgzf(&mut self) -> Option<()> {
        if self.part == Part::Start {
            const HAS_EXTRA: u8 = 4;
            let is_one = self.head.starts_with(GZIP) && self.head[3] == HAS_EXTRA;
            is_one.then(|| self.extend(BGZF_HEADER_LEN))
        } else {
            let field = self.head[12..16] == *b"BC\x02\0";
            let len = u64::from(u16::from_le_bytes([self.head[16], self.head[17]])) + 1;
            let behind = len.checked_sub(BGZF_HEADER_LEN as u64).filter(|_| field)?;
            let extent = Extent {
                decoded_len: Some(BGZF_DECODED_MAX),
                window: 32 << 10,
            };
            self.end_behind(behind, Ending::Unit(extent));
            Some(())
        }
    }

    fn read_lz4(&mut self) -> Option<()> {
        match self.part {
            Part::Start => {
                let is_one = self.head.starts_with(LZ4);
                is_one.then(|| self.extend(lz4::header_len(self.head[4]) + 4))
            }
            Part::Header => {
                let flags = self.head[4];
                let checksum_len = |flag| if flags & flag != 0 { 4 } else { 0 };
                self.checksum_len = checksum_len(lz4::FLAG_CONTENT_CHECKSUM);
                self.block_checksum_len = checksum_len(lz4::FLAG_BLOCK_CHECKSUM);
                let is_sized = flags & lz4::FLAG_CONTENT_SIZE != 0;
                let size = self.head[6..].first_chunk().filter(|_| is_sized);
                self.extent = Extent {
                    decoded_len: size.map(|&size| u64::from_le_bytes(size)),
                    window: lz4::BLOCK_LEN_MAX as u64,
                };
                self.read_lz4_block()
            }
            Part::Block => self.read_lz4_block(),
        }
    }

    /// The length of a block is the last that was gathered.
    fn read_lz4_block(&mut self) -> Option<()> {
        let length = u32::from_le_bytes(*self.head.last_chunk()?);
        if length == 0 {
            self.end_behind(self.checksum_len, Ending::Unit(self.extent));
            return Some(());
        }
        let len = u64::from(length & 0x7fff_ffff);
        self.expect(Part::Block, 4);
        self.n_to_skip = len + self.block_checksum_len;
        (len <= lz4::BLOCK_LEN_MAX as u64).then_some(())
    }

    fn read_zstd(&mut self) -> Option<()> {
        match self.part {
            Part::Start => {
                let is_one = self.head.starts_with(ZSTD);
                is_one.then(|| self.extend(zstd::header_len(self.head[4]) + 3))
            }
            Part::Header => {
                const HAS_CHECKSUM: u8 = 4;
                let header = zstd::parse_header(&self.head)?;
                self.extent = Extent {
                    decoded_len: header.content_len,
                    window: header.window.min(header.content_len.unwrap_or(u64::MAX)),
                };
                self.checksum_len = if self.head[4] & HAS_CHECKSUM != 0 {
                    4
                } else {
                    0
                };
                self.read_zstd_block()
            }
            Part::Block => self.read_zstd_block(),
        }
    }

    /// The header of a block is the last that was gathered.
    fn read_zstd_block(&mut self) -> Option<()> {
        let &[low, middle, high] = self.head.last_chunk()?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let len = match header >> 1 & 3 {
            1 => 1, // one byte that is repeated
            3 => return None,
            _ => u64::from(header >> 3),
        };
        if header & 1 == 1 {
            self.end_behind(len + self.checksum_len, Ending::Unit(self.extent));
        } else {
            self.expect(Part::Block, 3);
            self.n_to_skip = len;
        }
        Some(())
    }
}
