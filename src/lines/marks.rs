//! Where the bytes stand that structure a log: newlines, quotes, commas and brackets, as one bit per byte.
//!
//! Looking for the next quote of a record costs a call and a start-up each time; making the bits of 64 bytes costs less than
//! one such call, and then every question about them is a shift and a count. They are made line by line just before the line
//! is read, so that the processor fetches the next line from memory while it works on this one.
//!
//! Three instruction sets make the same bits: [`Plain`] words of eight bytes, anywhere; AVX2; AVX-512. The choice is made at
//! run time by `pulp`, which also compiles the whole loop for the instruction set chosen.

/// Bits of 64 bytes, the first byte lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    pub newlines: u64,
    pub quotes: u64,
    pub commas: u64,
    pub brackets: u64,
}

/// One way to make [`Bits`]. Values are proofs that this processor can.
pub trait Cpu: Copy {
    fn bits(self, block: &[u8; BLOCK_LEN]) -> Bits;
}

/// Work that is compiled once for each instruction set.
pub trait Work {
    type Output;

    /// To be `#[inline(always)]`, like all that it calls and that should know the instruction set.
    fn run<C: Cpu>(self, cpu: C) -> Self::Output;
}

/// Does `work` with the best instruction set of this processor.
#[inline]
pub fn with_best_cpu<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(cpu) = pulp::x86::V4::try_new() {
            return cpu.vectorize(x86::WorkOn(work, cpu));
        }
        if let Some(cpu) = pulp::x86::V3::try_new() {
            return cpu.vectorize(x86::WorkOn(work, cpu));
        }
    }
    work.run(Plain)
}

/// Bytes of one block.
pub const BLOCK_LEN: usize = 64;

/// Any processor: eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Cpu for Plain {
    #[inline(always)]
    fn bits(self, block: &[u8; BLOCK_LEN]) -> Bits {
        let of = |byte: u8| {
            let (words, _) = block.as_chunks::<8>();
            words.iter().enumerate().fold(0, |bits, (at, word)| {
                bits | equal_bytes(u64::from_le_bytes(*word), byte) << (8 * at)
            })
        };
        Bits::of(of)
    }
}

/// One bit for each byte of `word` that is `byte`, the lowest byte first.
#[inline(always)]
fn equal_bytes(word: u64, byte: u8) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differs = word ^ (0x0101_0101_0101_0101 * u64::from(byte));
    // The high bit of each byte that is zero: no carry leaves a byte, so this is exact.
    let equal = !(((differs & LOW_BITS) + LOW_BITS) | differs | LOW_BITS);
    // The high bits, gathered in the top byte by a multiplication.
    ((equal >> 7).wrapping_mul(0x0102_0408_1020_4080)) >> 56
}

impl Bits {
    #[inline(always)]
    fn of(of: impl Fn(u8) -> u64) -> Bits {
        Bits {
            newlines: of(b'\n'),
            quotes: of(b'"'),
            commas: of(b','),
            brackets: of(b'['),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK_LEN, Bits, Cpu, Work};
    use pulp::x86::{V3, V4};

    /// Work with the instruction set it is compiled for.
    pub(super) struct WorkOn<W, C>(pub(super) W, pub(super) C);

    impl<W: Work, C: Cpu> pulp::NullaryFnOnce for WorkOn<W, C> {
        type Output = W::Output;

        #[inline(always)]
        fn call(self) -> W::Output {
            self.0.run(self.1)
        }
    }

    impl Cpu for V3 {
        #[inline(always)]
        fn bits(self, block: &[u8; BLOCK_LEN]) -> Bits {
            let [low, high]: [pulp::u8x32; 2] = pulp::cast(*block);
            let (low, high) = (pulp::cast(low), pulp::cast(high));
            Bits::of(|byte| {
                let wanted = self.avx._mm256_set1_epi8(byte.cast_signed());
                let half = |bytes| {
                    let equal = self.avx2._mm256_cmpeq_epi8(bytes, wanted);
                    u64::from(self.avx2._mm256_movemask_epi8(equal).cast_unsigned())
                };
                half(low) | half(high) << 32
            })
        }
    }

    impl Cpu for V4 {
        #[inline(always)]
        fn bits(self, block: &[u8; BLOCK_LEN]) -> Bits {
            let bytes: pulp::u8x64 = pulp::cast(*block);
            let bytes = pulp::cast(bytes);
            Bits::of(|byte| {
                let wanted = self.avx512f._mm512_set1_epi8(byte.cast_signed());
                self.avx512bw._mm512_cmpeq_epi8_mask(bytes, wanted)
            })
        }
    }
}

/// Blocks whose bits are kept: some of the longest records.
const N_BLOCKS: usize = 256;

/// Room is made when so many bytes are marked: as many are left for one record, twice the longest.
const USED_MAX: usize = N_BLOCKS / 2 * BLOCK_LEN;

/// Bits of one kind, eight to a byte: a word of them can be read from any byte on.
type Row = [u8; 8 * N_BLOCKS + 8];

/// The marks of the last lines of one chunk.
#[derive(Debug, Clone)]
pub struct Marks {
    /// Offset of block 0.
    from: usize,
    quotes: Box<Row>,
    commas: Box<Row>,
}

impl Default for Marks {
    fn default() -> Marks {
        let row = || Box::new([0; 8 * N_BLOCKS + 8]);
        Marks {
            from: 0,
            quotes: row(),
            commas: row(),
        }
    }
}

/// The end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineEnd {
    /// Offset of its newline; the length of all bytes if there is none.
    pub end: usize,
    /// A bracket stands in the line behind its first [`BRACKETS_FROM`] bytes.
    pub has_bracket: bool,
}

/// The first bytes of a line, in which brackets are usual.
pub const BRACKETS_FROM: usize = 21;

impl Marks {
    /// Forgets all; the next line begins at `start` or behind it.
    #[inline]
    pub fn start(&mut self, start: usize) {
        self.from = start;
    }

    /// Forgets what lies before the record that begins at `start`, if its marks would find no room. Also begins anew where
    /// a line without room was looked at that lies behind `start`.
    #[inline(always)]
    pub fn make_room(&mut self, start: usize) {
        if start.wrapping_sub(self.from) > USED_MAX {
            self.from = start;
        }
    }

    /// Whether the marks are there from `start` to the end of the line asked for last.
    #[inline(always)]
    pub fn has(&self, start: usize) -> bool {
        self.from <= start
    }

    /// The end of the line that begins at `start`. Lines must be asked for in order, but the last may be asked for again. The
    /// marks of a line without room are not kept.
    #[inline(always)]
    pub fn line_end(&mut self, cpu: impl Cpu, bytes: &[u8], start: usize) -> LineEnd {
        let (mut block, shift) = (
            (start - self.from) / BLOCK_LEN,
            (start - self.from) % BLOCK_LEN,
        );
        // Of two blocks, the bits of this line, and those where a bracket counts.
        let of_line = !0 << shift;
        let behind_head = u128::MAX << (shift + BRACKETS_FROM);
        let mut bits = self.make(cpu, bytes, block);
        let mut newlines = bits.newlines & of_line;
        let mut brackets = bits.brackets & behind_head as u64;
        let mut later = (behind_head >> BLOCK_LEN) as u64;
        let mut before = 0;
        while newlines == 0 {
            before |= brackets;
            block += 1;
            if self.from + block * BLOCK_LEN >= bytes.len() {
                return LineEnd {
                    end: bytes.len(),
                    has_bracket: before != 0,
                };
            }
            if block == N_BLOCKS {
                return self.long_line_end(bytes, start);
            }
            bits = self.make(cpu, bytes, block);
            newlines = bits.newlines;
            brackets = bits.brackets & later;
            later = !0;
        }
        // Brackets behind the newline are the next line's.
        let below = newlines ^ newlines.wrapping_sub(1);
        LineEnd {
            end: self.from + block * BLOCK_LEN + newlines.trailing_zeros() as usize,
            has_bracket: before | brackets & below != 0,
        }
    }

    /// Makes and keeps the bits of `block`.
    #[inline(always)]
    fn make(&mut self, cpu: impl Cpu, bytes: &[u8], block: usize) -> Bits {
        let at = self.from + block * BLOCK_LEN;
        let bits = match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(whole) => cpu.bits(whole),
            None => cpu.bits(&padded(bytes, at)),
        };
        put(&mut self.quotes, block, bits.quotes);
        put(&mut self.commas, block, bits.commas);
        bits
    }

    /// A line without room: the marks begin anew at its end.
    #[cold]
    fn long_line_end(&mut self, bytes: &[u8], start: usize) -> LineEnd {
        let rest = &bytes[start..];
        let end = memchr::memchr(b'\n', rest).map_or(bytes.len(), |newline| start + newline);
        self.start(end);
        LineEnd {
            end,
            has_bracket: true,
        }
    }

    /// The first quote at or behind `from`, before `end`; else `end`. Both in the line asked for last or near before it.
    #[inline(always)]
    pub fn next_quote(&self, from: usize, end: usize) -> usize {
        next(&self.quotes, self.from, from, end)
    }

    /// Like [`next_quote`](Self::next_quote), for commas.
    #[inline(always)]
    pub fn next_comma(&self, from: usize, end: usize) -> usize {
        next(&self.commas, self.from, from, end)
    }
}

#[inline(always)]
fn put(row: &mut Row, block: usize, bits: u64) {
    let (words, _) = row.as_chunks_mut::<8>();
    words[block % N_BLOCKS] = bits.to_le_bytes();
}

/// The first bit of `row`, which begins with that of the byte at `base`, at or behind `from`.
#[inline(always)]
fn next(row: &Row, base: usize, from: usize, end: usize) -> usize {
    let at = from - base;
    // At least 57 bits from here on: most fields are shorter, and then no branch depends on their length.
    let near = word(row, at / 8) >> (at % 8);
    // What older marks stand behind the last block made lies behind `end`.
    if near != 0 {
        return (from + near.trailing_zeros() as usize).min(end);
    }
    next_far(row, base, from, end)
}

#[inline(always)]
fn next_far(row: &Row, base: usize, from: usize, end: usize) -> usize {
    let mut byte = (from - base) / 8 + 8;
    while base + 8 * byte < end {
        let bits = word(row, byte);
        if bits != 0 {
            return (base + 8 * byte + bits.trailing_zeros() as usize).min(end);
        }
        byte += 8;
    }
    end
}

#[inline(always)]
fn word(row: &Row, byte: usize) -> u64 {
    // The remainder is there for the compiler, which then need not check.
    let bytes = row[byte % (8 * N_BLOCKS)..].first_chunk();
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// A text that can be asked where its quotes and commas stand: offsets in the text, its length where there are no more.
pub trait Seek<'a>: Copy {
    fn text(self) -> &'a [u8];

    /// The first quote at or behind `from`.
    fn quote(self, from: usize) -> usize;

    /// The first comma at or behind `from`.
    fn comma(self, from: usize) -> usize;

    /// The text behind its first `len` bytes.
    fn behind(self, len: usize) -> Self;
}

/// A text without marks: each question is a search.
impl<'a> Seek<'a> for &'a [u8] {
    #[inline(always)]
    fn text(self) -> &'a [u8] {
        self
    }

    #[inline]
    fn quote(self, from: usize) -> usize {
        search(b'"', self, from)
    }

    #[inline]
    fn comma(self, from: usize) -> usize {
        search(b',', self, from)
    }

    #[inline(always)]
    fn behind(self, len: usize) -> Self {
        &self[len..]
    }
}

fn search(byte: u8, text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    memchr::memchr(byte, rest).map_or(text.len(), |found| from + found)
}

/// A text whose marks are there.
#[derive(Clone, Copy, Debug)]
pub struct Marked<'a, 'm> {
    marks: &'m Marks,
    bytes: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a, 'm> Marked<'a, 'm> {
    /// The text `bytes[start..end]`, of which `marks` has the marks.
    #[inline(always)]
    pub fn new(marks: &'m Marks, bytes: &'a [u8], start: usize, end: usize) -> Marked<'a, 'm> {
        Marked {
            marks,
            bytes,
            start,
            end,
        }
    }
}

impl<'a> Seek<'a> for Marked<'a, '_> {
    #[inline(always)]
    fn text(self) -> &'a [u8] {
        &self.bytes[self.start..self.end]
    }

    #[inline(always)]
    fn quote(self, from: usize) -> usize {
        self.marks.next_quote(self.start + from, self.end) - self.start
    }

    #[inline(always)]
    fn comma(self, from: usize) -> usize {
        self.marks.next_comma(self.start + from, self.end) - self.start
    }

    #[inline(always)]
    fn behind(self, len: usize) -> Self {
        Marked {
            start: self.start + len,
            ..self
        }
    }
}

/// The last bytes, with zeros behind them.
#[cold]
fn padded(bytes: &[u8], at: usize) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    let rest = bytes.get(at..).unwrap_or_default();
    block[..rest.len()].copy_from_slice(rest);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes near the marks in value, in an order without period.
    fn text(len: usize) -> Vec<u8> {
        let near = b"\n\x0b\x09\"#!,-+[\\Z\x8a\xa2\xac\xdb\0\xff a";
        (0..len)
            .map(|n| near[(n.wrapping_mul(0x9e37_79b9) >> 7) % near.len()])
            .collect()
    }

    fn slow_bits(block: &[u8; BLOCK_LEN]) -> Bits {
        Bits::of(|byte| {
            (0..BLOCK_LEN).fold(0, |bits, at| bits | u64::from(block[at] == byte) << at)
        })
    }

    struct Check<'a>(&'a [u8]);

    impl Work for Check<'_> {
        type Output = ();

        fn run<C: Cpu>(self, cpu: C) {
            for window in self.0.windows(BLOCK_LEN) {
                let block = window.try_into().expect("of this length");
                assert_eq!(cpu.bits(block), slow_bits(block));
            }
            let mut marks = Marks::default();
            let (mut at, bytes) = (3, self.0);
            marks.start(at);
            while at < bytes.len() {
                marks.make_room(at);
                let LineEnd { end, has_bracket } = marks.line_end(cpu, bytes, at);
                let find = |byte| {
                    bytes[at..end]
                        .iter()
                        .position(|&b| b == byte)
                        .map_or(end, |n| at + n)
                };
                assert!(end == bytes.len() || bytes[end] == b'\n');
                assert_eq!(find(b'\n'), end);
                let (_, behind) = bytes[at..end].split_at((end - at).min(BRACKETS_FROM));
                assert!(has_bracket == behind.contains(&b'[') || !marks.has(at));
                assert!(marks.has(at) || end - at > USED_MAX);
                if marks.has(at) {
                    assert_eq!(marks.next_quote(at, end), find(b'"'));
                    assert_eq!(marks.next_comma(at, end), find(b','));
                }
                at = end + 1;
            }
        }
    }

    #[test]
    fn every_instruction_set_makes_the_same_bits() {
        let mut long = vec![b'x'; 20_000];
        long[19_000] = b'\n';
        long.extend_from_slice(b"a\"b,[\n");
        for bytes in [text(3_000), text(64), text(65), text(5), long] {
            Check(&bytes).run(Plain);
            with_best_cpu(Check(&bytes));
            #[cfg(target_arch = "x86_64")]
            if let Some(cpu) = pulp::x86::V3::try_new() {
                cpu.vectorize(x86::WorkOn(Check(&bytes), cpu));
            }
        }
    }
}
