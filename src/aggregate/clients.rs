//! How many distinct clients an outage hurt: exact while few, then a HyperLogLog estimate.
//!
//! Both forms depend on the set of clients alone, not on its order or on how it was cut, so they merge exactly. The
//! sketch is Apache DataSketches' (its hash is the one Java and Spark use), read by its composite estimator, since the other
//! depends on the order of updates.

use super::limits::CLIENTS_EXACT_MAX;
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};

/// Base-2 logarithm of the sketch's registers: 2,048 bytes, 2.3 % standard error.
const LG_K: u8 = 11;

/// Hashes of clients: most rows have few, which take no memory of their own.
#[derive(Clone, Debug, Default)]
pub enum Clients {
    #[default]
    None,
    /// The first so many of the hashes, in no order; those behind them repeat one, so that all can be compared.
    Few(u8, [Coupon; N_FEW]),
    /// Likewise.
    Some(u8, Box<[Coupon; CLIENTS_EXACT_MAX]>),
    Many(Box<HllSketch>),
}

const N_FEW: usize = 6;

/// The hash of a client's address: Apache DataSketches', which Java and Spark share.
#[inline(always)]
fn hash(address: &[u8]) -> Coupon {
    Coupon::from_value(datasketches::hash::value::raw_bytes::from_slice(address))
}

/// The hashes of the clients met last, which are quicker to look up than to compute.
#[derive(Clone, Debug)]
pub struct Hashes {
    /// First and last eight bytes and length of an address, and its hash.
    met: Box<[(u64, u64, usize, Coupon)]>,
}

/// Clients remembered, a power of two.
const N_MET: usize = 4096;

impl Default for Hashes {
    fn default() -> Hashes {
        Hashes {
            met: vec![(0, 0, 0, hash(b"")); N_MET].into(),
        }
    }
}

impl Hashes {
    #[inline(always)] // asked once per record
    fn of(&mut self, address: &[u8]) -> Coupon {
        // So an address of 8 to 16 bytes is known by its ends.
        let (Some(first), Some(last), true) = (
            address.first_chunk(),
            address.last_chunk(),
            address.len() <= 16,
        ) else {
            return hash(address);
        };
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        let mixed = (first ^ last.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = &mut self.met[(mixed >> 52) as usize % N_MET];
        if (slot.0, slot.1, slot.2) != (first, last, address.len()) {
            *slot = (first, last, address.len(), hash_anew(address));
        }
        slot.3
    }
}

/// Like [`hash`], compiled for each length that an address usually has, so that it need not be read byte by byte.
#[inline(never)]
fn hash_anew(address: &[u8]) -> Coupon {
    match address.len() {
        9 => hash_of_len::<9>(address),
        10 => hash_of_len::<10>(address),
        11 => hash_of_len::<11>(address),
        12 => hash_of_len::<12>(address),
        13 => hash_of_len::<13>(address),
        14 => hash_of_len::<14>(address),
        15 => hash_of_len::<15>(address),
        _ => hash(address),
    }
}

#[inline(always)]
fn hash_of_len<const N: usize>(address: &[u8]) -> Coupon {
    match address.first_chunk::<N>() {
        Some(address) => hash(address),
        None => hash(address),
    }
}

impl Clients {
    /// Counts the client whose address is `address`.
    #[inline(always)]
    pub fn collect(&mut self, address: &[u8], hashes: &mut Hashes) {
        self.insert(hashes.of(address));
    }

    #[inline(always)]
    fn insert(&mut self, coupon: Coupon) {
        match self {
            Clients::Few(_, known) if is_among(coupon, known) => {}
            Clients::Few(n, known) if usize::from(*n) < N_FEW => {
                known[usize::from(*n)] = coupon;
                *n += 1;
            }
            Clients::Some(_, known) if is_among(coupon, known) => {}
            Clients::Some(n, known) if usize::from(*n) < CLIENTS_EXACT_MAX => {
                known[usize::from(*n)] = coupon;
                *n += 1;
            }
            _ => self.insert_and_grow(coupon),
        }
    }

    /// The hashes, as long as all are kept.
    #[inline(always)]
    fn exact(&self) -> &[Coupon] {
        match self {
            Clients::None | Clients::Many(_) => &[],
            Clients::Few(n, coupons) => &coupons[..usize::from(*n).min(N_FEW)],
            Clients::Some(n, coupons) => &coupons[..usize::from(*n).min(CLIENTS_EXACT_MAX)],
        }
    }

    #[inline(never)]
    fn insert_and_grow(&mut self, coupon: Coupon) {
        match self {
            Clients::Many(sketch) => sketch.update_with_coupon(coupon),
            Clients::None => *self = Clients::Few(1, [coupon; N_FEW]),
            Clients::Few(_, few) => {
                let mut coupons = Box::new([coupon; CLIENTS_EXACT_MAX]);
                coupons[..N_FEW].copy_from_slice(few);
                *self = Clients::Some(N_FEW as u8 + 1, coupons);
            }
            Clients::Some(..) => {
                let mut sketch = new_sketch();
                let coupons = self.exact().iter().chain([&coupon]);
                coupons.for_each(|&coupon| sketch.update_with_coupon(coupon));
                *self = Clients::Many(Box::new(sketch));
            }
        }
    }

    pub fn merge(&mut self, other: &Clients) {
        match (&mut *self, other) {
            (Clients::Many(mine), Clients::Many(theirs)) => {
                let mut union = HllUnion::new(LG_K).expect("a constant in range");
                union.update(mine);
                union.update(theirs);
                **mine = union.to_sketch(HllType::Hll8);
            }
            (_, Clients::Many(sketch)) => {
                let mut sketch = sketch.clone();
                let coupons = self.exact().iter();
                coupons.for_each(|&coupon| sketch.update_with_coupon(coupon));
                *self = Clients::Many(sketch);
            }
            (_, few) => few.exact().iter().for_each(|&coupon| self.insert(coupon)),
        }
    }

    /// The number of distinct clients: exact up to [`CLIENTS_EXACT_MAX`], else an estimate.
    pub fn finish(&self) -> u64 {
        match self {
            Clients::Many(sketch) => sketch.composite_estimate().round() as u64,
            few => few.exact().len() as u64,
        }
    }
}

/// Without an early end, so that many are compared at once.
#[inline(always)]
fn is_among<const N: usize>(coupon: Coupon, known: &[Coupon; N]) -> bool {
    known
        .iter()
        .fold(false, |is_known, known| is_known | (*known == coupon))
}

fn new_sketch() -> HllSketch {
    HllSketch::new(LG_K, HllType::Hll8).expect("a constant in range")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: std::ops::Range<u32>) -> Clients {
        let mut clients = Clients::default();
        let mut hashes = Hashes::default();
        range.for_each(|n| clients.collect(n.to_string().as_bytes(), &mut hashes));
        clients
    }

    #[test]
    fn exact_while_few_and_close_when_many() {
        assert_eq!(of(0..7).finish(), 7);
        assert_eq!(of(0..32).finish(), 32);
        let many = of(0..50_000).finish();
        assert!((47_000..53_000).contains(&many), "{many}");
    }

    #[test]
    fn hashes_met_are_the_same() {
        let mut hashes = Hashes::default();
        for _ in 0..2 {
            for n in 0..20_000 {
                for address in [format!("10.0.{}.{}", n / 256, n % 256), "a".repeat(n % 40)] {
                    assert_eq!(hashes.of(address.as_bytes()), hash(address.as_bytes()));
                }
            }
        }
    }

    #[test]
    fn merging_is_exact_however_it_is_cut() {
        for (n, cut) in [
            (20, 5),
            (60, 20),
            (60, 59),
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
