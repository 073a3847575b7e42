//! Where lines end and a second head could stand, and the processor's way to find bytes.
//!
//! Looking for the next newline costs a call and a start-up each time; marking those of a window in one loop costs less than one
//! such call. They are marked window by window: few enough to stay in the nearest cache, many enough that the loop keeps what it
//! compares with in registers. The few other bytes that structure a record are found from where it is read: most within a block.
//!
//! Three instruction sets make the same bits: [`Plain`] words of eight bytes, anywhere; AVX2; AVX-512. The choice is made at
//! run time by `pulp`, which also compiles the whole loop for the instruction set chosen.

use super::window::{WINDOW_LEN, Window};

/// One way to compare many bytes at once; bits are of 64 bytes, the first byte lowest. Values are proofs that this processor can.
pub trait Cpu: Copy {
    /// A bit for each byte of the block that is `byte`.
    fn equal(self, block: &[u8; BLOCK_LEN], byte: u8) -> u64;

    /// A bit for each byte in which the two differ.
    fn differs(self, a: &[u8; BLOCK_LEN], b: &[u8; BLOCK_LEN]) -> u64;

    /// A bit for each byte that is no digit.
    fn non_digits(self, bytes: &[u8; 32]) -> u32;

    /// Begins to fetch what will be read later, if the processor can be told so.
    fn fetch(self, bytes: &[u8; FETCHED_LEN]);
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

/// Bytes fetched at a time: most lines are shorter.
pub const FETCHED_LEN: usize = 8 * BLOCK_LEN;

/// Any processor: eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Cpu for Plain {
    #[inline(always)]
    fn equal(self, block: &[u8; BLOCK_LEN], byte: u8) -> u64 {
        let (words, _) = block.as_chunks::<8>();
        words.iter().enumerate().fold(0, |bits, (at, word)| {
            bits | equal_bytes(u64::from_le_bytes(*word), byte) << (8 * at)
        })
    }

    #[inline(always)]
    fn differs(self, a: &[u8; BLOCK_LEN], b: &[u8; BLOCK_LEN]) -> u64 {
        let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
        words.enumerate().fold(0, |bits, (at, (a, b))| {
            let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
            bits | (equal_bytes(differs, 0) ^ 0xff) << (8 * at)
        })
    }

    #[inline(always)]
    fn fetch(self, _: &[u8; FETCHED_LEN]) {}

    #[inline(always)]
    fn non_digits(self, bytes: &[u8; 32]) -> u32 {
        (0..32).fold(0, |bits, at| {
            bits | u32::from(!bytes[at].is_ascii_digit()) << at
        })
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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK_LEN, Cpu, FETCHED_LEN, Work};
    use pulp::x86::{V3, V4};
    use std::arch::x86_64::__m256i;

    /// Work with the instruction set it is compiled for.
    pub(super) struct WorkOn<W, C>(pub(super) W, pub(super) C);

    impl<W: Work, C: Cpu> pulp::NullaryFnOnce for WorkOn<W, C> {
        type Output = W::Output;

        #[inline(always)]
        fn call(self) -> W::Output {
            self.0.run(self.1)
        }
    }

    /// A bit for each byte that is the same in both. Without closures: what is called many times may stay a call, which knows nothing
    /// of the instruction set.
    #[inline(always)]
    fn same_bytes(cpu: V3, a: &[u8; BLOCK_LEN], [low, high]: [__m256i; 2]) -> u64 {
        let [a_low, a_high]: [pulp::u8x32; 2] = pulp::cast(*a);
        let low = cpu.avx2._mm256_cmpeq_epi8(pulp::cast(a_low), low);
        let high = cpu.avx2._mm256_cmpeq_epi8(pulp::cast(a_high), high);
        let low = cpu.avx2._mm256_movemask_epi8(low).cast_unsigned();
        let high = cpu.avx2._mm256_movemask_epi8(high).cast_unsigned();
        u64::from(low) | u64::from(high) << 32
    }

    impl Cpu for V3 {
        #[inline(always)]
        fn equal(self, block: &[u8; BLOCK_LEN], byte: u8) -> u64 {
            let wanted = self.avx._mm256_set1_epi8(byte.cast_signed());
            same_bytes(self, block, [wanted, wanted])
        }

        #[inline(always)]
        fn differs(self, a: &[u8; BLOCK_LEN], b: &[u8; BLOCK_LEN]) -> u64 {
            let [low, high]: [pulp::u8x32; 2] = pulp::cast(*b);
            !same_bytes(self, a, [pulp::cast(low), pulp::cast(high)])
        }

        #[inline(always)]
        fn non_digits(self, bytes: &[u8; 32]) -> u32 {
            let bytes: pulp::u8x32 = pulp::cast(*bytes);
            // Digits become -128 to -119 of signed bytes, the least there are.
            let zero = self.avx._mm256_set1_epi8((b'0' ^ 0x80).cast_signed());
            let last = self.avx._mm256_set1_epi8(-119);
            let moved = self.avx2._mm256_sub_epi8(pulp::cast(bytes), zero);
            let above = self.avx2._mm256_cmpgt_epi8(moved, last);
            self.avx2._mm256_movemask_epi8(above).cast_unsigned()
        }

        #[inline(always)]
        fn fetch(self, bytes: &[u8; FETCHED_LEN]) {
            // To all levels of the cache; one byte stands for its block.
            let (blocks, _) = bytes.as_chunks::<BLOCK_LEN>();
            for block in blocks {
                self.sse._mm_prefetch::<3>(block.as_ptr().cast());
            }
        }
    }

    impl Cpu for V4 {
        #[inline(always)]
        fn equal(self, block: &[u8; BLOCK_LEN], byte: u8) -> u64 {
            let bytes: pulp::u8x64 = pulp::cast(*block);
            let wanted = self.avx512f._mm512_set1_epi8(byte.cast_signed());
            self.avx512bw
                ._mm512_cmpeq_epi8_mask(pulp::cast(bytes), wanted)
        }

        #[inline(always)]
        fn differs(self, a: &[u8; BLOCK_LEN], b: &[u8; BLOCK_LEN]) -> u64 {
            let (a, b): (pulp::u8x64, pulp::u8x64) = (pulp::cast(*a), pulp::cast(*b));
            self.avx512bw
                ._mm512_cmpneq_epi8_mask(pulp::cast(a), pulp::cast(b))
        }

        #[inline(always)]
        fn non_digits(self, bytes: &[u8; 32]) -> u32 {
            (*self).non_digits(bytes)
        }

        #[inline(always)]
        fn fetch(self, bytes: &[u8; FETCHED_LEN]) {
            (*self).fetch(bytes);
        }
    }
}

/// Where in a line the bracket of its head stands.
const HEAD_BRACKET_AT: u32 = 20;

/// The marks of a window: where newlines stand, and brackets but those expected in the head of each line.
#[derive(Debug, Clone)]
pub struct Marks {
    stops: Box<[u16; 2 * WINDOW_LEN]>,
    n_stops: usize,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks {
            stops: Box::new([0; 2 * WINDOW_LEN]),
            n_stops: 0,
        }
    }
}

impl Marks {
    /// Makes the marks of the body of `window`, and forgets all others.
    #[inline(always)]
    pub fn mark(&mut self, cpu: impl Cpu, window: Window<'_>) {
        let (blocks, _) = window.body().as_chunks::<BLOCK_LEN>();
        let (mut n_stops, mut at) = (0, 0);
        // Bits of the blocks to come where the bracket of a head is expected.
        let mut heads = 1 << HEAD_BRACKET_AT;
        for block in blocks {
            let (newlines, brackets) = (cpu.equal(block, b'\n'), cpu.equal(block, b'['));
            heads |= newlines << (HEAD_BRACKET_AT + 1);
            let stops = newlines | (brackets & !heads);
            heads = newlines >> (63 - HEAD_BRACKET_AT);
            n_stops = put_stops(&mut self.stops, n_stops, at, stops);
            at += BLOCK_LEN;
        }
        self.n_stops = n_stops;
    }

    /// Place of the stop with this number, from 0; `None` behind the last.
    #[inline(always)]
    pub fn stop(&self, number: usize) -> Option<usize> {
        (number < self.n_stops).then(|| usize::from(self.stops[number % (2 * WINDOW_LEN)]))
    }
}

/// Appends the places of `bits` to the first `n` of `stops`. Most blocks have one or none: it is written without asking, and
/// stays if it is there.
#[inline(always)]
fn put_stops(stops: &mut [u16; 2 * WINDOW_LEN], n: usize, from: usize, bits: u64) -> usize {
    stops[n % (2 * WINDOW_LEN)] = (from + bits.trailing_zeros() as usize) as u16;
    let mut n = n + usize::from(bits != 0);
    let mut bits = bits & bits.wrapping_sub(1);
    while bits != 0 {
        stops[n % (2 * WINDOW_LEN)] = (from + bits.trailing_zeros() as usize) as u16;
        n += 1;
        bits &= bits - 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::window::SPARE_LEN;

    /// Bytes near the marks in value, in an order without period.
    fn text(len: usize) -> Vec<u8> {
        let near = b"\n\x0b\x09\"#!,-+[\\Z\x8a\xa2\xac\xdb\0\xff a/0123456789:";
        (0..len)
            .map(|n| near[(n.wrapping_mul(0x9e37_79b9) >> 7) % near.len()])
            .collect()
    }

    fn slow_equal(block: &[u8; BLOCK_LEN], byte: u8) -> u64 {
        (0..BLOCK_LEN).fold(0, |bits, at| bits | u64::from(block[at] == byte) << at)
    }

    struct Check<'a>(&'a [u8]);

    impl Work for Check<'_> {
        type Output = ();

        fn run<C: Cpu>(self, cpu: C) {
            for window in self.0.windows(BLOCK_LEN) {
                let block: &[u8; BLOCK_LEN] = window.try_into().expect("of this length");
                for byte in [b'\n', b'[', b'"', b',', b'/', 0, 0xff] {
                    assert_eq!(cpu.equal(block, byte), slow_equal(block, byte));
                }
                let half: &[u8; 32] = block.first_chunk().expect("shorter");
                let slow = (0..32).fold(0, |bits, at| {
                    bits | u32::from(!half[at].is_ascii_digit()) << at
                });
                assert_eq!(cpu.non_digits(half), slow);
                let mut other = *block;
                other.iter_mut().step_by(3).for_each(|byte| *byte ^= b'a');
                let differs = (0..BLOCK_LEN).step_by(3).fold(0, |bits, at| bits | 1 << at);
                assert_eq!(cpu.differs(block, &other), differs);
                assert_eq!(cpu.differs(block, block), 0);
            }
            let Some(window) = Window::at(self.0, 0) else {
                return;
            };
            let mut marks = Marks::default();
            marks.mark(cpu, window);
            let stops: Vec<usize> = (0..).map_while(|n| marks.stop(n)).collect();
            let is_stop = |at: usize| {
                let is_expected = || at == 20 || at > 20 && self.0[at - 21] == b'\n';
                self.0[at] == b'\n' || self.0[at] == b'[' && !is_expected()
            };
            let slow: Vec<usize> = (0..WINDOW_LEN).filter(|&at| is_stop(at)).collect();
            assert_eq!(stops, slow);
            for end in [1, 200, WINDOW_LEN - 1] {
                for from in 0..end {
                    for byte in [b'"', b'0'] {
                        let slow = (from..end).find(|&at| self.0[at] == byte).unwrap_or(end);
                        assert_eq!(window.find(cpu, byte, from, end), slow);
                        assert_eq!(window.find_long(cpu, byte, from, end), slow);
                    }
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_makes_the_same_bits() {
        let mut sparse = vec![b'x'; WINDOW_LEN + SPARE_LEN];
        sparse[2000..2006].copy_from_slice(b"a\"b,[\n");
        let same = vec![b'\n'; WINDOW_LEN + SPARE_LEN];
        for bytes in [text(WINDOW_LEN + SPARE_LEN), text(64), sparse, same] {
            Check(&bytes).run(Plain);
            with_best_cpu(Check(&bytes));
            #[cfg(target_arch = "x86_64")]
            if let Some(cpu) = pulp::x86::V3::try_new() {
                cpu.vectorize(x86::WorkOn(Check(&bytes), cpu));
            }
        }
    }
}
