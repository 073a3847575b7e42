//! The times of wrappers.
//!
//! ```text
//! iso      = YYYY-MM-DD ( T | _ | blank ) HH:MM:SS [ ( . | , ) digits ] [ Z | +HH:MM | +HHMM | +HH ]     RFC 3339, ISO 8601
//! yearless = Mon DD HH:MM:SS [ . digits ]                                                             RFC 3164, 4.1.2
//! tai64n   = @ 16 hex digits of seconds [ 8 of nanoseconds ]                           D. J. Bernstein, libtai
//! ```

use crate::{
    event::LocalTime,
    parse::head::{days_from_civil, days_in_month, fits},
};

/// When a wrapper says a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OuterTime {
    /// An instant.
    Instant {
        /// Nanoseconds from 1970-01-01 00:00:00 UTC.
        ns: i64,
        /// Seconds east of UTC, as written beside it; 0 where the wrapper always writes UTC.
        zone_s: i32,
    },
    /// A time on the writer's own clock face.
    Local {
        time: LocalTime,
        /// Nanoseconds behind it, below one second.
        ns: u32,
    },
    /// A time on the writer's own clock face, and no year.
    Yearless(Yearless),
}

impl OuterTime {
    /// How much it tells: where layers disagree, the higher is right.
    pub(super) fn rank(self) -> u8 {
        match self {
            OuterTime::Instant { .. } => 2,
            OuterTime::Local { .. } => 1,
            OuterTime::Yearless(_) => 0,
        }
    }
}

/// `Nov 20 11:24:48.123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yearless {
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// Seconds from midnight, 0 to 86,400: a leap second counts as the next.
    pub second: u32,
    /// Nanoseconds behind it, below one second.
    pub ns: u32,
}

impl Yearless {
    /// The time in the year in which it lies nearest to `near`, a time of a neighbouring line on the same clock face: a
    /// line of Dec 31 next to one of January is of the year before. `None` if no year near has such a day.
    pub fn resolve_near(self, near: LocalTime) -> Option<LocalTime> {
        self.candidates(near)
            .min_by_key(|time| time.0.abs_diff(near.0))
    }

    /// The time in the newest year in which it is not later than `newest`. `None` if no year near has such a day.
    pub fn resolve_before(self, newest: LocalTime) -> Option<LocalTime> {
        self.candidates(newest).filter(|time| *time <= newest).max()
    }

    /// Its times in the years around `near`; Feb 29 is seldom, but at most 8 years away.
    fn candidates(self, near: LocalTime) -> impl Iterator<Item = LocalTime> {
        let year = 1970 + near.0.div_euclid(31_556_952); // a mean year: wrong by one at most
        let years = (year - 9).max(1970)..=(year + 9).min(2099);
        years.filter_map(move |year| {
            let (month, day) = (i64::from(self.month), i64::from(self.day));
            (day <= days_in_month(year, month)).then(|| {
                LocalTime(days_from_civil(year, month, day) * 86_400 + i64::from(self.second))
            })
        })
    }
}

/// How far the clock face of a record is east of UTC, in seconds, if the wrapper wrote `outer_ns` (nanoseconds from 1970 UTC)
/// when the record said `inner`. Zones are multiples of 15 minutes between -12:00 and +14:00; wrapper and record may
/// lie two minutes apart, further is a delay and tells nothing: `None`.
pub fn learn_offset(outer_ns: i64, inner: LocalTime) -> Option<i32> {
    let apart = inner.0.checked_sub(outer_ns.div_euclid(1_000_000_000))?;
    let offset = apart.checked_add(450)?.div_euclid(900) * 900;
    let is_plausible = (apart - offset).abs() <= 120 && (-12 * 3600..=14 * 3600).contains(&offset);
    is_plausible.then_some(offset as i32)
}

/// How a zone was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::parse) enum ZoneStyle {
    None,
    /// `Z` or `+HH:MM`.
    Rfc3339,
    /// `+HHMM`.
    NoColon,
}

/// A time at the start of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// `None` if it has the shape of a time, but no such time exists.
    pub(super) time: Option<OuterTime>,
    pub(super) len: usize,
    pub(super) zone: ZoneStyle,
}

/// `2026-11-20T11:24:48.123456789+00:00`, the date and time parted by `separator`.
#[inline]
pub(super) fn iso(text: &[u8], separator: u8) -> Option<Stamp> {
    let bytes = text.first_chunk::<19>()?;
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let is_shape = fits(word(0), b"0000-00-")
        && fits(word(11), b"00:00:00")
        && bytes[8].is_ascii_digit()
        && bytes[9].is_ascii_digit()
        && bytes[10] == separator;
    if !is_shape {
        return None;
    }
    let (ns, at) = fraction(text, 19);
    let (zone_s, zone, len) = zone(text, at);
    let year = two(bytes, 0) * 100 + two(bytes, 2);
    let clock = clock(two(bytes, 11), two(bytes, 14), two(bytes, 17));
    let local = date(year, two(bytes, 5), two(bytes, 8)).zip(clock);
    let time = local.map(|(day_s, second)| match zone_s {
        Some(zone_s) => OuterTime::Instant {
            ns: (day_s + second - i64::from(zone_s)) * 1_000_000_000 + i64::from(ns),
            zone_s,
        },
        None => OuterTime::Local {
            time: LocalTime(day_s + second),
            ns,
        },
    });
    Some(Stamp { time, len, zone })
}

/// `Nov 20 11:24:48.123`, the day filled with a blank or a zero.
pub(super) fn yearless(text: &[u8]) -> Option<Stamp> {
    let bytes = text.first_chunk::<15>()?;
    let month = month(&bytes[..3])?;
    let word = u64::from_le_bytes(bytes[7..15].try_into().expect("eight bytes"));
    let is_shape = bytes[3] == b' '
        && matches!(bytes[4], b' ' | b'0'..=b'3')
        && bytes[5].is_ascii_digit()
        && bytes[6] == b' '
        && fits(word, b"00:00:00");
    if !is_shape {
        return None;
    }
    let tens = if bytes[4] == b' ' { 0 } else { bytes[4] - b'0' };
    let day = tens * 10 + (bytes[5] - b'0');
    let (ns, len) = fraction(text, 15);
    // A leap year: Feb 29 may be meant.
    let exists = date(2024, month, i64::from(day)).is_some();
    let time = clock(two(bytes, 7), two(bytes, 10), two(bytes, 13))
        .filter(|_| exists)
        .map(|second| {
            OuterTime::Yearless(Yearless {
                month: month as u8,
                day,
                second: second as u32,
                ns,
            })
        });
    Some(Stamp {
        time,
        len,
        zone: ZoneStyle::None,
    })
}

/// `01-02 15:04:05`: stern's short times.
pub(super) fn short(text: &[u8]) -> Option<Stamp> {
    let bytes = text.first_chunk::<14>()?;
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    if !(fits(word(0), b"00-00 00") && fits(word(6), b"00:00:00")) {
        return None;
    }
    let (month, day) = (two(bytes, 0), two(bytes, 3));
    let clock = clock(two(bytes, 6), two(bytes, 9), two(bytes, 12));
    let time = date(2024, month, day).and(clock).map(|second| {
        OuterTime::Yearless(Yearless {
            month: month as u8,
            day: day as u8,
            second: second as u32,
            ns: 0,
        })
    });
    Some(Stamp {
        time,
        len: 14,
        zone: ZoneStyle::None,
    })
}

/// `@400000005cd420612d10facc`. The seconds count from 2^62 in TAI; runit and daemontools take TAI to be 10 s ahead of UTC,
/// s6 as far as it is (37 s in 2026): the instant is true to half a minute.
pub(super) fn tai64n(text: &[u8]) -> Option<Stamp> {
    const EPOCH: u64 = (1 << 62) + 10;
    let hex = text.strip_prefix(b"@")?;
    let n_digits = hex
        .iter()
        .take(25)
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    if !(n_digits == 16 || n_digits == 24) || !hex.starts_with(b"40000000") {
        return None;
    }
    let number = |digits: &[u8]| {
        let digit =
            |value: u64, b: &u8| value << 4 | u64::from((*b as char).to_digit(16).unwrap_or(0));
        digits.iter().fold(0, digit)
    };
    let (second, ns) = (number(&hex[..16]), number(&hex[16..n_digits]));
    let time = i64::try_from(second.checked_sub(EPOCH)?)
        .ok()
        .filter(|_| ns < 1_000_000_000)
        .map(|second| instant_utc(second, ns as u32));
    Some(Stamp {
        time,
        len: 1 + n_digits,
        zone: ZoneStyle::None,
    })
}

/// `1795173888.123456`, at least nine digits before the point.
pub(super) fn unix(text: &[u8]) -> Option<Stamp> {
    let n_digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(9..=10).contains(&n_digits) {
        return None;
    }
    let (ns, len) = fraction(text, n_digits);
    let second = number(&text[..n_digits])?;
    Some(Stamp {
        time: Some(instant_utc(second, ns)),
        len,
        zone: ZoneStyle::None,
    })
}

/// A number of a JSON log: seconds, or milli-, micro- or nanoseconds from 1970 UTC, told by its size.
pub(in crate::parse) fn epoch(text: &[u8]) -> Option<OuterTime> {
    let n_digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = number(&text[..n_digits])?;
    let (ns_fraction, _) = fraction(text, n_digits);
    let factor = match n_digits {
        9..=10 => 1_000_000_000,
        12..=13 => 1_000_000,
        15..=16 => 1_000,
        18..=19 => 1,
        _ => return None,
    };
    let ns = whole.checked_mul(factor)? + i64::from(ns_fraction) / (1_000_000_000 / factor);
    Some(OuterTime::Instant { ns, zone_s: 0 })
}

/// Microseconds from 1970 UTC, as journald counts.
pub(super) fn micros(text: &[u8]) -> Option<OuterTime> {
    let ns = number(text)?.checked_mul(1_000)?;
    Some(OuterTime::Instant { ns, zone_s: 0 })
}

/// The decimal number that `text` is.
pub(super) fn number(text: &[u8]) -> Option<i64> {
    let digit = |value: i64, b: &u8| {
        let digit = b.is_ascii_digit().then(|| i64::from(b - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    };
    (!text.is_empty()).then(|| text.iter().try_fold(0, digit))?
}

fn instant_utc(second: i64, ns: u32) -> OuterTime {
    OuterTime::Instant {
        ns: second
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(ns)),
        zone_s: 0,
    }
}

/// `.123` at `at` in nanoseconds, and the offset after it; digits past the ninth are dropped.
#[inline]
pub(in crate::parse) fn fraction(text: &[u8], at: usize) -> (u32, usize) {
    let is_point = matches!(text.get(at), Some(b'.' | b','));
    if !is_point || !text.get(at + 1).is_some_and(u8::is_ascii_digit) {
        return (0, at);
    }
    let (mut ns, mut end, mut scale) = (0, at + 1, 100_000_000);
    while let Some(b) = text.get(end).filter(|b| b.is_ascii_digit()) {
        ns += u32::from(b - b'0') * scale;
        scale /= 10;
        end += 1;
    }
    (ns, end)
}

/// The zone at `at` in seconds east of UTC, how it is written, and the offset after it.
#[inline]
pub(in crate::parse) fn zone(text: &[u8], at: usize) -> (Option<i32>, ZoneStyle, usize) {
    let sign = match text.get(at) {
        Some(b'Z') => return (Some(0), ZoneStyle::Rfc3339, at + 1),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (None, ZoneStyle::None, at),
    };
    let pair = |at: usize| {
        let digits = text.get(at..at + 2)?;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| i32::from(digits[0] - b'0') * 10 + i32::from(digits[1] - b'0'))
    };
    let Some(hours) = pair(at + 1).filter(|hours| *hours <= 18) else {
        return (None, ZoneStyle::None, at);
    };
    let (minutes, style, len) = match (text.get(at + 3), pair(at + 3), pair(at + 4)) {
        (Some(b':'), _, Some(minutes)) => (minutes, ZoneStyle::Rfc3339, 6),
        (_, Some(minutes), _) => (minutes, ZoneStyle::NoColon, 5),
        _ => (0, ZoneStyle::NoColon, 3),
    };
    (Some(sign * (hours * 3_600 + minutes * 60)), style, at + len)
}

#[inline]
fn two(bytes: &[u8], at: usize) -> i64 {
    i64::from(bytes[at] - b'0') * 10 + i64::from(bytes[at + 1] - b'0')
}

/// 1 to 12: the months as nginx and syslog write them, whatever the locale.
pub(in crate::parse) fn month(name: &[u8]) -> Option<i64> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = MONTHS.chunks_exact(3).position(|month| month == name)?;
    Some(at as i64 + 1)
}

/// Midnight of a day in seconds from 1970; `None` if there is no such day or it lies outside 1970 to 2099.
#[inline]
pub(in crate::parse) fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let exists = (1970..=2099).contains(&year)
        && (1..=12).contains(&month)
        && day >= 1
        && day <= days_in_month(year, month);
    exists.then(|| days_from_civil(year, month, day) * 86_400)
}

/// Seconds from midnight; 60 is a leap second.
#[inline]
pub(in crate::parse) fn clock(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour <= 23 && minute <= 59 && second <= 60).then(|| hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_173_888; // 2026-11-20 11:24:48 UTC

    #[test]
    fn every_spelling_of_an_instant() {
        for (text, ns, zone_s, len) in [
            ("2026-11-20T11:24:48Z x", 0, 0, 20),
            ("2026-11-20T11:24:48.2Z", 200_000_000, 0, 22),
            ("2026-11-20T11:24:48.123456789+00:00 ", 123_456_789, 0, 35),
            ("2026-11-20T13:24:48,123+0200", 123_000_000, 7_200, 28),
            (
                "2026-11-20T07:54:48.1234567899-03:30",
                123_456_789,
                -12_600,
                36,
            ),
            ("2026-11-20T13:24:48+02 x", 0, 7_200, 22),
        ] {
            let stamp = iso(text.as_bytes(), b'T').expect(text);
            let want = OuterTime::Instant {
                ns: NOON * 1_000_000_000 + ns,
                zone_s,
            };
            assert_eq!((stamp.time, stamp.len), (Some(want), len), "{text}");
        }
        let local = iso(b"2026-11-20 11:24:48 ", b' ').expect("a time");
        let want = OuterTime::Local {
            time: LocalTime(NOON),
            ns: 0,
        };
        assert_eq!((local.time, local.len), (Some(want), 19));
        assert_eq!(
            epoch(b"1795173888123"),
            Some(OuterTime::Instant {
                ns: NOON * 1_000_000_000 + 123_000_000,
                zone_s: 0
            })
        );
        assert_eq!(
            epoch(b"1795173888.5"),
            Some(OuterTime::Instant {
                ns: NOON * 1_000_000_000 + 500_000_000,
                zone_s: 0
            })
        );
        assert_eq!(epoch(b"17"), None);
    }

    #[test]
    fn times_that_do_not_exist_keep_their_shape() {
        for text in [
            "0001-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
        ] {
            let stamp = iso(text.as_bytes(), b'T').expect(text);
            assert_eq!((stamp.time, stamp.len), (None, 20), "{text}");
        }
        assert_eq!(yearless(b"Feb 30 10:00:00 x").expect("a shape").time, None);
        assert!(
            yearless(b"Foo 20 10:00:00 x").is_none() && yearless(b"Nov 20 1:00:00 xx").is_none()
        );
    }

    #[test]
    fn a_year_is_taken_from_the_neighbour() {
        let time = |text: &str| match yearless(text.as_bytes()).and_then(|stamp| stamp.time) {
            Some(OuterTime::Yearless(time)) => time,
            other => panic!("{other:?}"),
        };
        let new_year = LocalTime(1_798_761_600); // 2027-01-01 00:00:00
        let (late, early) = (time("Dec 31 23:59:59"), time("Jan  1 00:00:01"));
        assert_eq!(late.resolve_near(new_year), Some(LocalTime(new_year.0 - 1)));
        assert_eq!(
            early.resolve_near(new_year),
            Some(LocalTime(new_year.0 + 1))
        );
        assert_eq!(
            early.resolve_before(new_year),
            Some(LocalTime(new_year.0 + 1 - 365 * 86_400))
        );
        assert_eq!(
            late.resolve_before(new_year),
            Some(LocalTime(new_year.0 - 1))
        );
        assert_eq!(
            early.resolve_near(LocalTime(new_year.0 - 1)),
            Some(LocalTime(new_year.0 + 1))
        );
        let leap = LocalTime(1_709_164_800); // 2024-02-29
        assert_eq!(
            time("Feb 29 00:00:00")
                .resolve_near(new_year)
                .map(|t| t.0 % 86_400),
            Some(0)
        );
        assert_eq!(time("Feb 29 00:00:00").resolve_before(new_year), Some(leap));
    }

    #[test]
    fn offsets_are_learned_where_the_clocks_agree() {
        let outer = NOON * 1_000_000_000 + 999_999_999;
        for (inner, want) in [
            (NOON, Some(0)),
            (NOON - 3, Some(0)),
            (NOON + 7_199, Some(7_200)),
            (NOON - 12_600, Some(-12_600)),
            (NOON + 20_700, Some(20_700)),
            (NOON - 400, None),
            (NOON + 15 * 3_600, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(learn_offset(outer, LocalTime(inner)), want, "{inner}");
        }
    }
}
