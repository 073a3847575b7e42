//! How many distinct clients an outage hurt: exact while few, then a HyperLogLog estimate.
//!
//! Both forms depend on the set of clients alone, not on its order or on how it was cut, so they merge exactly. The
//! sketch is Apache DataSketches' (its hash is the one Java and Spark use), read by its composite estimator, since the other
//! depends on the order of updates.

use super::limits::CLIENTS_EXACT_MAX;
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};

/// Base-2 logarithm of the sketch's registers: 2,048 bytes, 2.3 % standard error.
const LG_K: u8 = 11;

#[derive(Clone, Debug)]
pub enum Clients {
    /// Their hashes, in no order.
    Few(Vec<Coupon>),
    Many(Box<HllSketch>),
}

impl Default for Clients {
    fn default() -> Clients {
        Clients::Few(Vec::new())
    }
}

/// The hash of a client's address: Apache DataSketches', which Java and Spark share.
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

#[inline(never)]
fn hash_anew(address: &[u8]) -> Coupon {
    hash(address)
}

impl Clients {
    /// Counts the client whose address is `address`.
    #[inline(always)]
    pub fn collect(&mut self, address: &[u8], hashes: &mut Hashes) {
        self.insert(hashes.of(address));
    }

    #[inline]
    fn insert(&mut self, coupon: Coupon) {
        match self {
            // Without an early end, so that many are compared at once.
            Clients::Few(coupons)
                if coupons
                    .iter()
                    .fold(false, |is_known, known| is_known | (*known == coupon)) => {}
            Clients::Few(coupons) if coupons.len() < coupons.capacity() => coupons.push(coupon),
            _ => self.insert_and_grow(coupon),
        }
    }

    #[inline(never)]
    fn insert_and_grow(&mut self, coupon: Coupon) {
        match self {
            Clients::Few(coupons) if coupons.len() < CLIENTS_EXACT_MAX => {
                coupons.reserve_exact(coupons.len().max(8));
                coupons.push(coupon);
            }
            Clients::Few(coupons) => {
                let mut sketch = new_sketch();
                coupons
                    .iter()
                    .chain([&coupon])
                    .for_each(|&coupon| sketch.update_with_coupon(coupon));
                *self = Clients::Many(Box::new(sketch));
            }
            Clients::Many(sketch) => sketch.update_with_coupon(coupon),
        }
    }

    pub fn merge(&mut self, other: &Clients) {
        match (&mut *self, other) {
            (_, Clients::Few(coupons)) => coupons.iter().for_each(|&coupon| self.insert(coupon)),
            (Clients::Few(coupons), Clients::Many(sketch)) => {
                let mut sketch = sketch.clone();
                coupons
                    .iter()
                    .for_each(|&coupon| sketch.update_with_coupon(coupon));
                *self = Clients::Many(sketch);
            }
            (Clients::Many(mine), Clients::Many(theirs)) => {
                let mut union = HllUnion::new(LG_K).expect("a constant in range");
                union.update(mine);
                union.update(theirs);
                **mine = union.to_sketch(HllType::Hll8);
            }
        }
    }

    /// The number of distinct clients: exact up to [`CLIENTS_EXACT_MAX`], else an estimate.
    pub fn finish(&self) -> u64 {
        match self {
            Clients::Few(coupons) => coupons.len() as u64,
            Clients::Many(sketch) => sketch.composite_estimate().round() as u64,
        }
    }
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
