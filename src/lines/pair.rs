//! Two bytes beside each other, found over long stretches that hold many of the first: a search for that alone stops at each.

use super::marks::{BLOCK_LEN, Cpu, Work, with_best_cpu};

/// Offset of the first `a` in `bytes`, at or behind `from`, that `b` follows.
pub fn find_pair(bytes: &[u8], from: usize, (a, b): (u8, u8)) -> Option<usize> {
    with_best_cpu(Find { bytes, from, a, b })
}

struct Find<'a> {
    bytes: &'a [u8],
    from: usize,
    a: u8,
    b: u8,
}

impl Work for Find<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> Option<usize> {
        let Find { bytes, from, a, b } = self;
        let mut at = from;
        // The block of the second bytes ends one byte later.
        while let Some((block, behind)) = blocks(bytes, at) {
            let pairs = cpu.equal(block, a) & cpu.equal(behind, b);
            if pairs != 0 {
                return Some(at + pairs.trailing_zeros() as usize);
            }
            at += BLOCK_LEN;
        }
        let rest = bytes.get(at..)?;
        Some(at + rest.windows(2).position(|pair| *pair == [a, b])?)
    }
}

#[inline(always)]
fn blocks(bytes: &[u8], at: usize) -> Option<(&[u8; BLOCK_LEN], &[u8; BLOCK_LEN])> {
    let both = bytes.get(at..at + BLOCK_LEN + 1)?;
    both.first_chunk().zip(both.last_chunk())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_the_slow_way() {
        let text: Vec<u8> = (0..400u32)
            .map(|n| b"%0%x0"[(n * n * 7 % 31 % 5) as usize])
            .collect();
        let bytes = [&[b'x'; 130][..], &text[..]].concat();
        for end in (0..bytes.len()).step_by(3) {
            for from in (0..end + 2).step_by(7) {
                for pair in [(b'%', b'0'), (b'0', b'%'), (b'x', b'x'), (b'q', b'x')] {
                    let rest = bytes[..end].get(from..).unwrap_or_default();
                    let slow = rest.windows(2).position(|two| *two == [pair.0, pair.1]);
                    let got = find_pair(&bytes[..end], from, pair);
                    assert_eq!(got, slow.map(|at| from + at), "{from}..{end} {pair:?}");
                }
            }
        }
    }
}
