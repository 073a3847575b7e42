//! Numbers of access lines, without floats: durations, statuses, counts.
//!
//! What nginx writes where there is no value (`-`, or nothing) is `None`, and so is what is no number: negative, `nan`, `1e3`,
//! absurdly long. Nothing is bent into range but counts, which saturate. Source: `ngx_http_log_module.c` and the `$upstream_…`
//! handlers of `ngx_http_upstream.c`, which print milliseconds as `%T.%03M` and statuses as `%03ui`.

use crate::parse::head::{ZEROS, fits, value as number};

/// Whole seconds from which a duration is none: three years. `$upstream_response_time` held UNIX timestamps before nginx 1.15.7.
const DURATION_S_END: u64 = 100_000_000;

/// Seconds with decimals in milliseconds: `0.001` is 1, `12` is 12,000; what lies below a millisecond is cut off. Past 49 days it
/// is `u32::MAX`.
#[inline]
pub fn duration_ms(text: &[u8]) -> Option<u32> {
    if let [whole, b'.', tenths, hundredths, thousandths] = text {
        let digit = |byte: &u8| u32::from(byte.wrapping_sub(b'0')); // by far the most frequent: below ten seconds
        let digits = [whole, tenths, hundredths, thousandths].map(digit);
        let is_number = digits.iter().fold(true, |all, digit| all & (*digit <= 9));
        let ms = digits.iter().fold(0, |ms, digit| ms * 10 + digit);
        return is_number.then_some(ms);
    }
    any_duration_ms(text)
}

fn any_duration_ms(text: &[u8]) -> Option<u32> {
    let n_whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fraction = match text.get(n_whole) {
        Some(b'.') => &text[n_whole + 1..],
        Some(_) => return None,
        None => b"0",
    };
    let is_number = n_whole > 0 && !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit);
    let second = count(&text[..n_whole]).filter(|second| is_number && *second < DURATION_S_END)?;
    let padded = fraction.iter().chain(b"000").take(3);
    let ms = padded.fold(0, |ms, byte| ms * 10 + u64::from(byte - b'0'));
    Some(u32::try_from(second * 1_000 + ms).unwrap_or(u32::MAX))
}

/// A status, always of three digits: 0 (`000`: no answer was begun) to 999; 9 is an answer in HTTP/0.9.
#[inline]
pub fn status(text: &[u8]) -> Option<u16> {
    let text: &[u8; 3] = text.try_into().ok()?;
    let digits = text.map(|byte| u16::from(byte.wrapping_sub(b'0')));
    let is_number = digits.iter().fold(true, |all, digit| all & (*digit <= 9));
    is_number.then_some(digits[0] * 100 + digits[1] * 10 + digits[2])
}

/// Bytes, connections, process ids: digits only, saturating at 2^64 - 1.
#[inline]
pub fn count(text: &[u8]) -> Option<u64> {
    let len = text.len();
    let part = |at: usize, part: u64| part << (8 * at);
    // Parts that overlap, since no branch should depend on how many digits there are: that is chance.
    let word = match text {
        [] | [_, _, _, _, _, _, _, _, _, ..] => return long_count(text),
        [a, b, c, d, ..] => {
            let [.., e, f, g, h] = text else { return None };
            let [first, last] = [[*a, *b, *c, *d], [*e, *f, *g, *h]];
            let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(four)));
            first | part(len - 4, last)
        }
        [first, ..] => {
            let rest = [len / 2, len - 1].map(|at| part(at, text[at].into()));
            u64::from(*first) | rest[0] | rest[1]
        }
    };
    let padded = word << (64 - 8 * len) | ZEROS.checked_shr(8 * len as u32).unwrap_or(0);
    fits(padded, b"00000000").then(|| number(padded, 8))
}

fn long_count(text: &[u8]) -> Option<u64> {
    let digit = |value: u64, byte: &u8| {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        (digit <= 9).then_some(value.saturating_mul(10).saturating_add(digit))
    };
    (!text.is_empty()).then(|| text.iter().try_fold(0, digit))?
}

/// Whether `text` is a value of `$upstream_cache_status` (`ngx_http_cache_status`, `http/ngx_http_file_cache.c`).
pub fn is_cache_status(text: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"MISS",
        b"BYPASS",
        b"EXPIRED",
        b"STALE",
        b"UPDATING",
        b"REVALIDATED",
        b"HIT",
        b"SCARCE",
    ];
    NAMES.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_milliseconds() {
        for (text, want) in [
            ("0.000", Some(0)),
            ("0.001", Some(1)),
            ("9.999", Some(9_999)),
            ("60.002", Some(60_002)),
            ("12", Some(12_000)),
            ("1.0", Some(1_000)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.0019", Some(1)),
            ("1.2345678901234567890123456789", Some(1_234)),
            ("00012.5", Some(12_500)),
            ("4294967.294", Some(u32::MAX - 1)),
            ("4294967.296", Some(u32::MAX)),
            ("99999999.999", Some(u32::MAX)),
            ("100000000.000", None),
            ("1454401763.592", None), // a UNIX timestamp
            ("1795174187179517418717951741871795174187", None),
            ("", None),
            ("-", None),
            ("-0.001", None),
            ("+1.000", None),
            ("1.", None),
            (".5", None),
            ("1..00", None),
            ("1.00x", None),
            ("x.001", None),
            ("1.0.0", None),
            ("1e3", None),
            ("nan", None),
            ("0.001, 0.002", None),
            (" 0.001", None),
        ] {
            assert_eq!(duration_ms(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn the_usual_duration_is_as_any_other() {
        for ms in 0..10_000 {
            let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
            assert_eq!(duration_ms(text.as_bytes()), Some(ms));
            assert_eq!(any_duration_ms(text.as_bytes()), Some(ms));
        }
        for byte in 0..=255_u8 {
            for at in [0, 2, 3, 4] {
                let mut text = *b"1.234";
                text[at] = byte;
                assert_eq!(duration_ms(&text), any_duration_ms(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn statuses_have_three_digits() {
        for (text, want) in [
            ("200", Some(200)),
            ("000", Some(0)),
            ("009", Some(9)),
            ("999", Some(999)),
            ("-", None),
            ("", None),
            ("9", None),
            ("0200", None),
            ("20x", None),
            ("-20", None),
            ("502, 200", None),
        ] {
            assert_eq!(status(text.as_bytes()), want, "{text}");
        }
        for n in 0..1000 {
            assert_eq!(status(format!("{n:03}").as_bytes()), Some(n));
        }
    }

    #[test]
    fn counts_saturate() {
        for (text, want) in [
            ("0", Some(0)),
            ("157", Some(157)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", Some(u64::MAX)),
            ("1795174187179517418717951741871795174187", Some(u64::MAX)),
            ("-", None),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("1 ", None),
        ] {
            assert_eq!(count(text.as_bytes()), want, "{text}");
        }
    }
}
