//! Comparing and finding over short distances, where a call to a searcher would cost more than the search.

/// Whether `text` begins with `start`: like `starts_with`, sixteen bytes at a time and without a call.
#[inline(always)]
pub fn begins(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && equal(&text[..start.len()], start)
}

/// Whether the two are the same: like `==`, without a call.
#[inline(always)]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(a_end), Some(b_end)) = (a.last_chunk::<16>(), b.last_chunk::<16>()) {
        let (a, b) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
        let differs =
            |a: &[u8; 16], b: &[u8; 16]| u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b);
        let pairs = a.iter().zip(b);
        return pairs.fold(differs(a_end, b_end), |all, (a, b)| all | differs(a, b)) == 0;
    }
    if let (Some([a, a_end]), Some([b, b_end])) = (ends(a), ends(b)) {
        return a == b && a_end == b_end;
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

/// The first and the last eight bytes, which overlap in a text shorter than sixteen.
#[inline(always)]
pub fn ends(text: &[u8]) -> Option<[u64; 2]> {
    let (first, last) = text.first_chunk().zip(text.last_chunk())?;
    Some([u64::from_le_bytes(*first), u64::from_le_bytes(*last)])
}

/// The first `byte` of `text`, eight at a time: for where it is expected within a few words.
#[inline(always)]
pub fn find_near(byte: u8, text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let equal = first_equal(word, byte);
        if equal != 0 {
            return Some(8 * at + equal.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|&b| b == byte)?;
    Some(8 * words.len() + found)
}

/// Bits of which the lowest belongs to the first `byte` of `word`, as its highest; 0: there is none.
#[inline(always)]
fn first_equal(word: &[u8; 8], byte: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let differs = u64::from_le_bytes(*word) ^ (ONES * u64::from(byte));
    // A borrow out of a byte that is zero can only touch bytes behind it.
    differs.wrapping_sub(ONES) & !differs & (ONES << 7)
}

/// Which of `bytes` stand in `text`: for short texts, and all of them asked at once.
#[inline(always)]
pub fn holds<const N: usize>(text: &[u8], bytes: [u8; N]) -> [bool; N] {
    let Some(last) = text.last_chunk::<8>() else {
        return bytes.map(|byte| text.contains(&byte));
    };
    let words = text.as_chunks::<8>().0.iter().chain([last]);
    let mut found = [0; N];
    for word in words {
        for (found, byte) in found.iter_mut().zip(bytes) {
            *found |= first_equal(word, byte);
        }
    }
    found.map(|found| found != 0)
}

/// The first place of `needle` in `text`: for where its first byte is rare before it.
#[inline(always)]
pub fn find_text_near(needle: &[u8], text: &[u8]) -> Option<usize> {
    let (&first, _) = needle.split_first()?;
    let mut at = 0;
    loop {
        at += find_near(first, &text[at..])?;
        if begins(&text[at..], needle) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_the_usual_ones() {
        let text: Vec<u8> = (0..90u32).map(|n| (n * n % 7) as u8 + b'a').collect();
        for from in 0..text.len() {
            for end in from..text.len() {
                let part = &text[from..end];
                assert!(begins(&text[from..], part) && equal(part, part));
                let mut other = part.to_vec();
                for at in 0..other.len() {
                    other[at] ^= 0x80;
                    assert!(!equal(part, &other) && !begins(part, &other));
                    other[at] ^= 0x80;
                }
                let wanted = &part[part.len() / 2..];
                let slow = part
                    .windows(wanted.len().max(1))
                    .position(|window| window == wanted);
                assert_eq!(
                    find_text_near(wanted, part),
                    slow.filter(|_| !wanted.is_empty())
                );
                let bytes = [b'a', b'c', b'z', 0, 0xff];
                assert_eq!(holds(part, bytes), bytes.map(|byte| part.contains(&byte)));
                for byte in bytes {
                    assert_eq!(find_near(byte, part), part.iter().position(|&b| b == byte));
                }
            }
        }
        assert_eq!(holds(b"\"\x20\"!\"!!\"\x20", [b'#', b'!']), [false, true]);
        assert_eq!(find_near(b'!', b"\"!!\x20!"), Some(1));
        assert_eq!(find_near(1, &[2, 3, 0, 2, 1, 1, 9, 9]), Some(4));
    }
}
