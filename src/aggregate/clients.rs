//! How many distinct clients an outage hurt: exact while few, then a HyperLogLog estimate.
//!
//! Both forms depend on the set of clients alone, not on its order or on how it was cut, so they merge exactly. Hash, registers and
//! estimate are Apache DataSketches' (Java and Spark share them), read by its composite estimator, since the other depends on the
//! order of updates. Coupons and registers are kept here, not in its sketch, which does sums at every update that are asked for
//! once; the tests hold the two to each other.

use super::limits::CLIENTS_EXACT_MAX;
use datasketches::hll::{Coupon, HllSketch};
use std::hash::{Hash, Hasher};

/// Base-2 logarithm of the number of registers: 2,048 bytes, 2.3 % standard error.
const LG_K: u8 = 11;

/// What is kept of clients: most rows have few, which take no memory of their own.
#[derive(Clone, Debug, Default)]
pub enum Clients {
    #[default]
    None,
    /// The first so many of the coupons, in no order; those behind them repeat one, so that all can be compared.
    Few(u8, [u32; N_FEW]),
    Some(Set),
    /// The greatest value of each register.
    Many(Box<Registers>),
}

const N_FEW: usize = 6;

type Registers = [u8; 1 << LG_K];

/// Coupons in an open-addressed table, of which a quarter stays empty.
#[derive(Clone, Debug)]
pub struct Set {
    n: u32,
    /// A power of two of them; 0 is empty, and no coupon.
    slots: Box<[u32]>,
}

/// Slots of the smallest set and of the largest, which leaves a quarter of them empty when it is full.
const SLOTS_MIN: usize = 16;
const SLOTS_MAX: usize = CLIENTS_EXACT_MAX / 3 * 4;

/// The hash of a client's address, as the sketch takes it: register in the lower bits, the value for it in the upper six; never 0.
#[inline(always)]
pub(super) fn coupon(address: &[u8]) -> u32 {
    match short_hash(address) {
        Some([low, high]) => {
            let value = high.leading_zeros().min(62) + 1;
            value << VALUE_AT | (low as u32 & ((1 << VALUE_AT) - 1))
        }
        None => long_coupon(address),
    }
}

/// The lowest bit of a coupon's value.
const VALUE_AT: u32 = 26;

/// As `datasketches` computes it, which reads byte by byte.
#[inline(never)]
fn long_coupon(address: &[u8]) -> u32 {
    let mut number = Number(0);
    Coupon::from_value(datasketches::hash::value::raw_bytes::from_slice(address)).hash(&mut number);
    number.0
}

/// MurmurHash3 x64 128 (A. Appleby), with the seed of DataSketches, of 8 to 31 bytes, as nearly all addresses have: one block at
/// most and a rest, both read at once.
#[inline(always)]
fn short_hash(text: &[u8]) -> Option<[u64; 2]> {
    const SEED: u64 = 9001;
    let len = text.len() as u64;
    let mut state = [SEED; 2];
    let rest = if len < 16 {
        let (first, last) = text.first_chunk().zip(text.last_chunk())?;
        // The last eight bytes overlap the first.
        let last = u64::from_le_bytes(*last).checked_shr(128 - 8 * len as u32);
        [u64::from_le_bytes(*first), last.unwrap_or(0)]
    } else if len < 32 {
        let (first, last) = text.first_chunk().zip(text.last_chunk())?;
        let block = halves(u128::from_le_bytes(*first));
        let [a, b] = [
            state[0] ^ mixed_low(block[0]),
            state[1] ^ mixed_high(block[1]),
        ];
        let a = a.rotate_left(27).wrapping_add(state[1]);
        state[0] = a.wrapping_mul(5).wrapping_add(0x52dc_e729);
        let b = b.rotate_left(31).wrapping_add(state[0]);
        state[1] = b.wrapping_mul(5).wrapping_add(0x3849_5ab5);
        let last = u128::from_le_bytes(*last).checked_shr(256 - 8 * len as u32);
        halves(last.unwrap_or(0))
    } else {
        return None;
    };
    let [a, b] = [
        state[0] ^ mixed_low(rest[0]) ^ len,
        state[1] ^ mixed_high(rest[1]) ^ len,
    ];
    let a = a.wrapping_add(b);
    let b = b.wrapping_add(a);
    let [a, b] = [finished(a), finished(b)];
    let a = a.wrapping_add(b);
    Some([a, b.wrapping_add(a)])
}

const FACTORS: [u64; 2] = [0x87c3_7b91_1142_53d5, 0x4cf5_ad43_2745_937f];

#[inline(always)]
fn mixed_low(word: u64) -> u64 {
    let word = word.wrapping_mul(FACTORS[0]).rotate_left(31);
    word.wrapping_mul(FACTORS[1])
}

#[inline(always)]
fn mixed_high(word: u64) -> u64 {
    let word = word.wrapping_mul(FACTORS[1]).rotate_left(33);
    word.wrapping_mul(FACTORS[0])
}

#[inline(always)]
fn finished(word: u64) -> u64 {
    let word = (word ^ word >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let word = (word ^ word >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ word >> 33
}

#[inline(always)]
fn halves(wide: u128) -> [u64; 2] {
    [wide as u64, (wide >> 64) as u64]
}

/// A coupon's number, which it tells to a hasher only.
struct Number(u32);

impl Hasher for Number {
    fn write(&mut self, _: &[u8]) {}

    #[inline(always)]
    fn write_u32(&mut self, number: u32) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0.into()
    }
}

impl Clients {
    /// Counts the client whose address is `address`.
    pub fn collect(&mut self, address: &[u8]) {
        self.insert(coupon(address));
    }

    /// Counts the client whose coupon is `coupon`.
    #[inline(always)]
    pub(super) fn insert(&mut self, coupon: u32) {
        let is_done = match self {
            Clients::None => false,
            Clients::Many(registers) => {
                raise(registers, coupon);
                true
            }
            Clients::Some(set) => set.insert(coupon),
            Clients::Few(n, known) => {
                let is_known = is_among(coupon, known);
                if let (false, Some(free)) = (is_known, known.get_mut(usize::from(*n))) {
                    *free = coupon;
                    *n += 1;
                    return;
                }
                is_known
            }
        };
        if !is_done {
            self.insert_and_grow(coupon);
        }
    }

    #[inline(never)]
    fn insert_and_grow(&mut self, coupon: u32) {
        match self {
            Clients::None => *self = Clients::Few(1, [coupon; N_FEW]),
            Clients::Few(_, few) => {
                let mut set = Set::new(SLOTS_MIN);
                few.iter().chain([&coupon]).for_each(|&known| {
                    set.insert(known);
                });
                *self = Clients::Some(set);
            }
            Clients::Some(set) if set.slots.len() < SLOTS_MAX => {
                let mut larger = Set::new(set.slots.len() * 4);
                set.coupons().chain([coupon]).for_each(|known| {
                    larger.insert(known);
                });
                *set = larger;
            }
            Clients::Some(set) => {
                let mut registers = Box::new([0; 1 << LG_K]);
                set.coupons()
                    .chain([coupon])
                    .for_each(|known| raise(&mut registers, known));
                *self = Clients::Many(registers);
            }
            Clients::Many(registers) => raise(registers, coupon),
        }
    }

    pub fn merge(&mut self, other: &Clients) {
        match other {
            Clients::None => {}
            Clients::Few(n, few) => {
                let few = few.iter().take(usize::from(*n));
                few.for_each(|&coupon| self.insert(coupon));
            }
            Clients::Some(set) => set.coupons().for_each(|coupon| self.insert(coupon)),
            Clients::Many(theirs) => match self {
                Clients::Many(mine) => {
                    let pairs = mine.iter_mut().zip(theirs.iter());
                    pairs.for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
                }
                _ => {
                    let few = std::mem::replace(self, other.clone());
                    self.merge(&few);
                }
            },
        }
    }

    /// The number of distinct clients: exact up to [`CLIENTS_EXACT_MAX`], else an estimate.
    pub fn finish(&self) -> u64 {
        match self {
            Clients::None => 0,
            Clients::Few(n, _) => u64::from(*n),
            Clients::Some(set) => u64::from(set.n),
            Clients::Many(registers) => estimate(registers),
        }
    }
}

/// Without an early end, so that many are compared at once.
#[inline(always)]
fn is_among<const N: usize>(coupon: u32, known: &[u32; N]) -> bool {
    known
        .iter()
        .fold(false, |is_known, known| is_known | (*known == coupon))
}

impl Set {
    fn new(n_slots: usize) -> Set {
        Set {
            n: 0,
            slots: vec![0; n_slots].into(),
        }
    }

    /// Adds a coupon; `false` if it is new and there is no room for it.
    #[inline(always)]
    fn insert(&mut self, coupon: u32) -> bool {
        let n_slots = self.slots.len();
        let mut at = coupon as usize;
        while let Some(slot) = self.slots.get_mut(at & n_slots.wrapping_sub(1)) {
            // Whether it is known already depends on chance: no branch asks.
            let is_new = *slot == 0;
            if is_new | (*slot == coupon) {
                let is_full = self.n as usize >= n_slots / 4 * 3;
                if is_new & is_full {
                    return false;
                }
                *slot = coupon;
                self.n += u32::from(is_new);
                return true;
            }
            at += 1;
        }
        false
    }

    fn coupons(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().copied().filter(|&coupon| coupon != 0)
    }
}

#[inline(always)]
fn raise(registers: &mut Registers, coupon: u32) {
    let register = &mut registers[coupon as usize % (1 << LG_K)];
    *register = (*register).max((coupon >> VALUE_AT) as u8);
}

/// The sketch's composite estimate, by way of its image in bytes (`HllArray.java`, `PreambleUtil.java`).
fn estimate(registers: &Registers) -> u64 {
    const PREAMBLE_WORDS: u8 = 10;
    const SERIAL_VERSION: u8 = 1;
    const FAMILY_HLL: u8 = 7;
    const MODE_HLL_8_BITS: u8 = 2 << 2 | 2;
    // How many registers have each value; by turns, since neighbours often have the same.
    let mut numbers = [[0u32; 64]; 4];
    for four in registers.as_chunks::<4>().0 {
        for (numbers, &value) in numbers.iter_mut().zip(four) {
            numbers[usize::from(value) % 64] += 1;
        }
    }
    let n_of = |value: usize| numbers.iter().map(|numbers| numbers[value]).sum::<u32>();
    // The sum of 2^-value, in two parts that are exact.
    let sum = |range: std::ops::Range<usize>| {
        let last = range.end - 1;
        let sum: u64 = range
            .map(|value| u64::from(n_of(value)) << (last - value))
            .sum();
        sum as f64 / (1u64 << last) as f64
    };
    let n_zero = n_of(0);
    let mut image = Vec::with_capacity(4 * usize::from(PREAMBLE_WORDS) + registers.len());
    image.extend_from_slice(&[PREAMBLE_WORDS, SERIAL_VERSION, FAMILY_HLL, LG_K]);
    image.extend_from_slice(&[0, 0, 0, MODE_HLL_8_BITS]);
    for part in [0.0, sum(0..32), sum(32..64)] {
        image.extend_from_slice(&f64::to_le_bytes(part));
    }
    image.extend_from_slice(&n_zero.to_le_bytes());
    image.extend_from_slice(&[0; 4]);
    image.extend_from_slice(registers);
    let sketch = HllSketch::deserialize(&image).expect("an image as the sketch itself makes it");
    sketch.composite_estimate().round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasketches::{hash::value::raw_bytes, hll::HllType};

    fn of(range: std::ops::Range<u32>) -> Clients {
        let mut clients = Clients::default();
        range.for_each(|n| clients.collect(n.to_string().as_bytes()));
        clients
    }

    #[test]
    fn exact_while_few_and_close_when_many() {
        assert_eq!(of(0..7).finish(), 7);
        assert_eq!(of(0..192).finish(), 192);
        let many = of(0..50_000).finish();
        assert!((47_000..53_000).contains(&many), "{many}");
    }

    #[test]
    fn as_the_sketch_estimates() {
        let mut sketch = HllSketch::new(LG_K, HllType::Hll8).expect("a constant in range");
        let mut clients = Clients::default();
        for n in 0..40_000u32 {
            let address = n.to_string();
            clients.collect(address.as_bytes());
            sketch.update(raw_bytes::from_slice(address.as_bytes()));
            if n < 1_000 || n.is_multiple_of(97) {
                let estimate = sketch.composite_estimate().round() as u64;
                assert_eq!(clients.finish(), estimate, "{n}");
            }
        }
    }

    #[test]
    fn coupons_are_those_of_the_library() {
        let text: Vec<u8> = (0..60_u8).map(|n| n.wrapping_mul(73) ^ 0x5a).collect();
        for len in 0..text.len() {
            for at in 0..text.len() - len {
                let address = &text[at..at + len];
                assert_eq!(coupon(address), long_coupon(address), "{address:?}");
            }
        }
    }

    #[test]
    fn merging_is_exact_however_it_is_cut() {
        for (n, cut) in [
            (20, 5),
            (60, 20),
            (60, 59),
            (192, 100),
            (193, 100),
            (250, 192),
            (250, 6),
            (5_000, 10),
            (5_000, 2_500),
            (5_000, 4_990),
        ] {
            let whole = of(0..n);
            for (a, b) in [(0..cut, cut..n), (cut..n, 0..cut), (0..n, cut..n)] {
                let mut merged = of(a);
                merged.merge(&of(b));
                assert_eq!(merged.finish(), whole.finish(), "{n} cut at {cut}");
            }
        }
    }
}
