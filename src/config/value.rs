//! Times, sizes and numbers as nginx reads them (`src/core/ngx_parse.c`).

/// A time of a directive that counts milliseconds, such as all `*_read_timeout`; without a unit it is seconds. `None` where
/// nginx says "invalid value": `1.5s`, `5min`, `1s1m`.
pub fn parse_milliseconds(text: &[u8]) -> Option<u64> {
    parse_time(text, Resolution::Milliseconds)
}

/// A time of a directive that counts seconds, such as `fail_timeout`; `ms` is none, `y` and `M` are.
pub fn parse_seconds(text: &[u8]) -> Option<u64> {
    parse_time(text, Resolution::Seconds)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Resolution {
    Milliseconds,
    Seconds,
}

/// Units from the largest to the smallest, with their milliseconds; each may be given once and in this order.
const UNITS: [(u8, u64); 7] = [
    (b'y', 365 * 86_400_000),
    (b'M', 30 * 86_400_000),
    (b'w', 7 * 86_400_000),
    (b'd', 86_400_000),
    (b'h', 3_600_000),
    (b'm', 60_000),
    (b's', 1_000),
];

/// Behind `y` and `M`, which no time in milliseconds may have.
const FIRST_OF_MILLISECONDS: usize = 2;

/// Index of `s`, and what counts as the index of `ms`.
const S: usize = 6;
const MS: usize = 7;

/// The order of `ngx_parse_time`, oddities included: a number without unit at the end is seconds, whatever came before.
fn parse_time(text: &[u8], resolution: Resolution) -> Option<u64> {
    let is_seconds = resolution == Resolution::Seconds;
    // The index of the largest unit that may still come.
    let mut first = if is_seconds { 0 } else { FIRST_OF_MILLISECONDS };
    let (mut total_ms, mut value, mut has_digits) = (0u64, 0u64, false);
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte.is_ascii_digit() {
            value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            has_digits = true;
            continue;
        }
        let (unit, scale) = match byte {
            b'm' if rest.starts_with(b"s") && is_seconds => return None,
            b'm' if rest.starts_with(b"s") => {
                rest = &rest[1..];
                (MS, 1)
            }
            b' ' => (S, 1_000),
            _ => {
                let unit = UNITS.iter().position(|(unit, _)| *unit == byte)?;
                (unit, UNITS[unit].1)
            }
        };
        if unit < first {
            return None;
        }
        first = if byte == b' ' { MS + 1 } else { unit + 1 };
        total_ms = total_ms.checked_add(value.checked_mul(scale)?)?;
        value = 0;
        let n_blanks = rest.iter().take_while(|&&b| b == b' ').count();
        rest = &rest[n_blanks..];
    }
    let total_ms = total_ms.checked_add(value.checked_mul(1_000)?)?;
    has_digits.then_some(if is_seconds {
        total_ms / 1_000
    } else {
        total_ms
    })
}

/// A size in bytes: `8192`, `8k`, `1M`; of most directives.
pub fn parse_size(text: &[u8]) -> Option<u64> {
    parse_with_units(text, &[(b'k', 10), (b'm', 20)])
}

/// A size in bytes that may have `g`: of `client_max_body_size`, `max_size` and what else counts offsets.
pub fn parse_offset(text: &[u8]) -> Option<u64> {
    parse_with_units(text, &[(b'k', 10), (b'm', 20), (b'g', 30)])
}

fn parse_with_units(text: &[u8], units: &[(u8, u32)]) -> Option<u64> {
    let last = text.last()?.to_ascii_lowercase();
    match units.iter().find(|(unit, _)| *unit == last) {
        Some((_, shift)) => parse_number(&text[..text.len() - 1])?.checked_mul(1 << shift),
        None => parse_number(text),
    }
}

/// Digits, and nothing else.
pub fn parse_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `on` or `off`, in any case.
pub fn parse_flag(text: &[u8]) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case(b"on") => Some(true),
        _ if text.eq_ignore_ascii_case(b"off") => Some(false),
        _ => None,
    }
}

/// The requests per minute of `10r/s` or `30r/m`.
pub fn parse_rate_per_minute(text: &[u8]) -> Option<u64> {
    match text.strip_suffix(b"r/s") {
        Some(number) => parse_number(number)?.checked_mul(60),
        None => parse_number(text.strip_suffix(b"r/m")?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_from_the_largest_down() {
        for (text, ms) in [
            ("60", 60_000),
            ("60s", 60_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1m 30s", 90_000),
            ("1m 30", 90_000),
            ("1w2d", 777_600_000),
            ("1s500ms", 1_500),
            ("0", 0),
            ("1 1", 2_000),
        ] {
            assert_eq!(parse_milliseconds(text.as_bytes()), Some(ms), "{text}");
        }
        for text in [
            "",
            "1.5s",
            "5min",
            "1s1m",
            "1m1m",
            "1y",
            "1M",
            "s",
            "ms",
            "-1",
            "1 1s",
            "10sec",
            "99999999999999999999",
        ] {
            assert_eq!(parse_milliseconds(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_seconds(b"1M"), Some(2_592_000));
        assert_eq!(parse_seconds(b"1y1d"), Some(31_622_400));
        assert_eq!(parse_seconds(b"10"), Some(10));
        assert_eq!(parse_seconds(b"500ms"), None);
    }

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(parse_size(b"8k"), Some(8_192));
        assert_eq!(parse_size(b"1M"), Some(1 << 20));
        assert_eq!(parse_size(b"4096"), Some(4_096));
        assert_eq!(parse_size(b"1g"), None);
        assert_eq!(parse_offset(b"1G"), Some(1 << 30));
        assert_eq!(parse_size(b"k"), None);
        assert_eq!(parse_size(b"1kb"), None);
        assert_eq!(parse_rate_per_minute(b"10r/s"), Some(600));
        assert_eq!(parse_rate_per_minute(b"30r/m"), Some(30));
        assert_eq!(parse_rate_per_minute(b"30"), None);
        assert_eq!(parse_flag(b"ON"), Some(true));
        assert_eq!(parse_flag(b"yes"), None);
    }
}
