//! Numbers and times in words, for people.

use std::fmt::Write;

/// `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub fn plural(n: u64, word: &str) -> String {
    if n == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

/// `1.5 kB`: powers of 1000, one decimal.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// `2 h 5 m`, the two largest units.
pub fn duration(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut out = String::new();
    let (mut rest, mut n_units) = (seconds, 0);
    for (size, name) in units {
        if rest >= size && n_units < 2 {
            let separator = if n_units > 0 { " " } else { "" };
            let _ = write!(out, "{separator}{} {name}", rest / size);
            rest %= size;
            n_units += 1;
        } else if n_units > 0 {
            break;
        }
    }
    if out.is_empty() {
        "0 s".to_owned()
    } else {
        out
    }
}

/// `7 ms`, `1.25 s`, `60 s`; nothing for what is not known.
pub fn milliseconds(ms: Option<u32>) -> String {
    let Some(ms) = ms else {
        return String::new();
    };
    let (digits, unit) = match ms {
        0..1_000 => return format!("{ms} ms"),
        1_000..10_000 => (format!("{:.2}", f64::from(ms) / 1e3), "s"),
        _ => (format!("{:.1}", f64::from(ms) / 1e3), "s"),
    };
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits} {unit}")
}

/// Buckets of a width such as `1m`, in the plural.
pub fn bucket_word(bucket: &str) -> String {
    match bucket {
        "1s" => "seconds".to_owned(),
        "1m" => "minutes".to_owned(),
        "1h" => "hours".to_owned(),
        "1d" => "days".to_owned(),
        other => format!("buckets of {other}"),
    }
}

/// `text` with its first letter as a sentence begins.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_for_people() {
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!(
            (bytes(7), bytes(1_500), bytes(1_000_000_000)),
            ("7 B".into(), "1.5 kB".into(), "1.0 GB".into())
        );
        assert_eq!(
            (duration(0), duration(3_725), duration(86_400)),
            ("0 s".into(), "1 h 2 m".into(), "1 d".into())
        );
        assert_eq!(duration(3_605), "1 h");
        assert_eq!(
            (
                milliseconds(Some(7)),
                milliseconds(Some(1_250)),
                milliseconds(Some(60_000))
            ),
            ("7 ms".into(), "1.25 s".into(), "60 s".into())
        );
        assert_eq!(
            (plural(1, "line"), plural(2, "line")),
            ("line".into(), "lines".into())
        );
    }
}
