//! When a record was written, whatever the variable: an instant to the millisecond.
//!
//! ```text
//! local = DD/Mon/YYYY:HH:MM:SS +HHMM                                  `$time_local`: core/ngx_times.c, ngx_time_update
//! iso   = YYYY-MM-DDTHH:MM:SS [ .digits ] ( Z | +HH:MM | +HHMM | +HH )   `$time_iso8601`, and JSON of other programs
//! epoch = digits [ .digits ]      `$msec`: ngx_http_log_msec; seconds, or milli-, micro- or nanoseconds, told by their number
//! ```
//!
//! The three are told apart by their looks. A time without an offset is none: it would have to be guessed. What does not exist
//! (Feb 30, 24:00, second 60), lies outside 2001 to 2099 or has a sign is refused, never bent into something that does.

use crate::{
    event::Timestamp,
    lines::near::equal,
    parse::{
        head::{fits, value},
        wrapper::{
            OuterTime,
            stamp::{self, clock, date, fraction, month},
        },
    },
};

/// An instant, to the millisecond below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    pub second: Timestamp,
    /// 0 to 999; 0 where the log has whole seconds.
    pub ms: u16,
}

impl Instant {
    /// The instant `ns` nanoseconds after 1970.
    pub fn from_ns(ns: i64) -> Instant {
        Instant {
            second: Timestamp(ns.div_euclid(1_000_000_000)),
            ms: (ns.rem_euclid(1_000_000_000) / 1_000_000) as u16,
        }
    }
}

/// A time as a line tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub instant: Instant,
    /// Seconds east of UTC, where an offset is written; `None` for epochs.
    pub zone_s: Option<i32>,
}

/// Reads times; remembers the last minute and offset, since neighbours share them. One per worker; it never changes an answer.
#[derive(Debug, Default)]
pub struct TimeReader {
    /// What was read last, its first so many bytes, and the time it names.
    last: Option<(Text, usize, Written)>,
    /// `20/Nov/2026:11:29`, and the second on the clock face at which it begins.
    local: Option<([u8; 17], i64)>,
    /// `2026-11-20T11:29`, likewise.
    iso: Option<([u8; 16], i64)>,
    /// ` +0000` or `+00:00`, in seconds.
    zone: Option<([u8; 6], i32)>,
}

/// As long as times are that nginx writes for the lines of a second, or longer.
type Text = [u8; 32];

/// 2001-01-01 to 2100-01-01, UTC: nginx is of 2004, and a stray year must not stretch an axis over centuries.
const SECONDS: std::ops::Range<i64> = 978_307_200..4_102_444_800;

impl TimeReader {
    /// The instant that `text`, and all of it, names.
    #[inline]
    pub fn read(&mut self, text: &[u8]) -> Option<Written> {
        if let Some((known, len, written)) = &self.last
            && equal(&known[..*len], text)
        {
            return Some(*written);
        }
        self.read_new(text)
    }

    #[inline(never)]
    fn read_new(&mut self, text: &[u8]) -> Option<Written> {
        let written = self.read_any(text)?;
        let mut known = Text::default();
        if let Some(start) = known.get_mut(..text.len()) {
            start.copy_from_slice(text);
            self.last = Some((known, text.len(), written));
        }
        Some(written)
    }

    fn read_any(&mut self, text: &[u8]) -> Option<Written> {
        let (second, ms, zone_s) = match text {
            [_, _, b'/', ..] => self.local(text)?,
            [_, _, _, _, b'-', ..] => self.iso(text)?,
            _ => epoch(text)?,
        };
        SECONDS.contains(&second).then_some(Written {
            instant: Instant {
                second: Timestamp(second),
                ms,
            },
            zone_s,
        })
    }

    #[inline]
    fn local(&mut self, text: &[u8]) -> Option<(i64, u16, Option<i32>)> {
        let text: &[u8; 26] = text.try_into().ok()?;
        let (minute, zone) = (text.first_chunk()?, text.last_chunk()?);
        let minute_s = match &self.local {
            Some((known, minute_s)) if known == minute => *minute_s,
            _ => *new(&mut self.local, minute, local_minute(minute)?),
        };
        let zone_s = match &self.zone {
            Some((known, zone_s)) if known == zone => *zone_s,
            _ => *new(&mut self.zone, zone, offset(zone.strip_prefix(b" ")?)?),
        };
        let second = minute_s + second(text, 17)? - i64::from(zone_s);
        Some((second, 0, Some(zone_s)))
    }

    #[inline]
    fn iso(&mut self, text: &[u8]) -> Option<(i64, u16, Option<i32>)> {
        let minute = text.first_chunk()?;
        let minute_s = match &self.iso {
            Some((known, minute_s)) if known == minute => *minute_s,
            _ => *new(&mut self.iso, minute, iso_minute(minute)?),
        };
        let second = minute_s + second(text, 16)?;
        let (ns, end) = fraction(text, 19);
        let zone = text.get(end..)?;
        let zone_s = match (&self.zone, zone.first_chunk()) {
            (Some((known, zone_s)), Some(chunk)) if known == chunk && zone.len() == 6 => *zone_s,
            (_, Some(chunk)) if zone.len() == 6 => *new(&mut self.zone, chunk, offset(zone)?),
            _ => offset(zone)?,
        };
        let ms = (ns / 1_000_000) as u16;
        Some((second - i64::from(zone_s), ms, Some(zone_s)))
    }
}

/// Remembers the value of a text.
#[cold]
fn new<'a, const N: usize, T>(
    memory: &'a mut Option<([u8; N], T)>,
    text: &[u8; N],
    value: T,
) -> &'a T {
    &memory.insert((*text, value)).1
}

/// `20/Nov/2026:11:29` in seconds from 1970 on the clock face.
fn local_minute(text: &[u8; 17]) -> Option<i64> {
    let is_shape = fits(u64::from_le_bytes(*text[7..].first_chunk()?), b"0000:00:")
        && (text[2], text[6]) == (b'/', b'/');
    let (year, month) = (two(text, 7)? * 100 + two(text, 9)?, month(&text[3..6])?);
    let day_s = date(year, month, two(text, 0)?)?;
    is_shape.then_some(day_s + clock(two(text, 12)?, two(text, 15)?, 0)?)
}

/// `2026-11-20T11:29`, likewise.
fn iso_minute(text: &[u8; 16]) -> Option<i64> {
    let is_shape = (text[4], text[7], text[13]) == (b'-', b'-', b':')
        && matches!(text[10], b'T' | b't' | b' ');
    let year = two(text, 0)? * 100 + two(text, 2)?;
    let day_s = date(year, two(text, 5)?, two(text, 8)?)?;
    is_shape.then_some(day_s + clock(two(text, 11)?, two(text, 14)?, 0)?)
}

/// `:47` at `at`. nginx never writes a second 60: a leap second is the 59th twice.
#[inline]
fn second(text: &[u8], at: usize) -> Option<i64> {
    let is_there = text.get(at) == Some(&b':');
    two(text, at + 1).filter(|second| is_there && *second <= 59)
}

#[inline]
fn two(text: &[u8], at: usize) -> Option<i64> {
    let digit = |at: usize| {
        let digit = text.get(at)?.wrapping_sub(b'0');
        (digit <= 9).then_some(i64::from(digit))
    };
    Some(digit(at)? * 10 + digit(at + 1)?)
}

/// `Z`, `+0000`, `+00:00` or `+00` in seconds east of UTC.
fn offset(text: &[u8]) -> Option<i32> {
    let (zone_s, _, end) = stamp::zone(text, 0);
    // Hours are at most 18, so that the last two digits are below 60 if they are hours, too.
    let exists = text.len() == 1 || matches!(text.iter().nth_back(1), Some(b'0'..=b'5'));
    zone_s.filter(|_| exists && end == text.len())
}

#[inline]
fn epoch(text: &[u8]) -> Option<(i64, u16, Option<i32>)> {
    msec(text).or_else(|| any_epoch(text))
}

/// `1795174187.538`: what `$msec` looks like from 2001 to 2286.
#[inline]
fn msec(text: &[u8]) -> Option<(i64, u16, Option<i32>)> {
    let text: &[u8; 14] = text.try_into().ok()?;
    let (high, low) = (
        u64::from_le_bytes(*text.first_chunk()?),
        u64::from_le_bytes(*text.last_chunk()?),
    );
    if !(fits(high, b"00000000") && fits(low, b"0000.000")) {
        return None;
    }
    let second = value(high, 8) * 100 + value(low >> 16, 2);
    Some((second as i64, value(low >> 40, 3) as u16, None))
}

/// Seconds, milli-, micro- or nanoseconds.
#[cold]
fn any_epoch(text: &[u8]) -> Option<(i64, u16, Option<i32>)> {
    let point = memchr::memchr(b'.', text).unwrap_or(text.len());
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_whole = is_number(&text[..point]) && text.get(point + 1..).is_none_or(is_number);
    match stamp::epoch(text).filter(|_| is_whole)? {
        OuterTime::Instant { ns, .. } => {
            let (second, ns) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
            Some((second, (ns / 1_000_000) as u16, None))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_174_187; // 2026-11-20 11:29:47 UTC

    fn read(text: &str) -> Option<(i64, u16, Option<i32>)> {
        let written = TimeReader::default().read(text.as_bytes())?;
        let Instant { second, ms } = written.instant;
        Some((second.0, ms, written.zone_s))
    }

    #[test]
    fn every_form_of_an_instant() {
        for (text, ms, zone_s) in [
            ("20/Nov/2026:11:29:47 +0000", 0, Some(0)),
            ("20/Nov/2026:16:59:47 +0530", 0, Some(19_800)),
            ("20/Nov/2026:07:59:47 -0330", 0, Some(-12_600)),
            ("21/Nov/2026:01:29:47 +1400", 0, Some(50_400)),
            ("2026-11-20T11:29:47+00:00", 0, Some(0)),
            ("2026-11-20T12:29:47+01:00", 0, Some(3_600)),
            ("2026-11-20T13:29:47+0200", 0, Some(7_200)),
            ("2026-11-20T13:29:47+02", 0, Some(7_200)),
            ("2026-11-20t11:29:47Z", 0, Some(0)),
            ("2026-11-20 11:29:47.5Z", 500, Some(0)),
            ("2026-11-20T11:29:47.538+00:00", 538, Some(0)),
            ("2026-11-20T11:29:47.538999999999-00:00", 538, Some(0)),
            ("1795174187.538", 538, None),
            ("1795174187", 0, None),
            ("1795174187.5", 500, None),
            ("1795174187.538999", 538, None),
            ("1795174187538", 538, None),
            ("1795174187538.9", 538, None),
            ("1795174187538999", 538, None),
            ("1795174187538999999", 538, None),
        ] {
            assert_eq!(read(text), Some((AT, ms, zone_s)), "{text}");
        }
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        for text in [
            "",
            "-",
            "x",
            "30/Feb/2026:00:00:00 +0000",
            "29/Feb/2027:00:00:00 +0000",
            "00/Jan/2026:00:00:00 +0000",
            "31/Apr/2026:00:00:00 +0000",
            "20/Nov/2026:24:00:00 +0000",
            "20/Nov/2026:11:60:00 +0000",
            "20/Nov/2026:11:29:60 +0000",
            "20/nov/2026:11:29:47 +0000",
            "20/Foo/2026:11:29:47 +0000",
            "20/ov/N2026:11:29:47 +0000",
            "20/Nov/2000:11:29:47 +0000",
            "20/Nov/2100:11:29:47 +0000",
            "20/Nov/2026:11:29:47 +0060",
            "20/Nov/2026:11:29:47 +9900",
            "20/Nov/2026:11:29:47 00000",
            "20/Nov/2026:11:29:47 ",
            "20/Nov/2026:11:29:47",
            "20/Nov/2026:11:29:47 +00000",
            "20/Nov/2026:1a:29:47 +0000",
            "20/Nov/20a6:11:29:47 +0000",
            "2a/Nov/2026:11:29:47 +0000",
            "20.Nov.2026:11:29:47 +0000",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T11:29:60Z",
            "2026-11-20T11:29:47", // whose clock?
            "2026-11-20T11:29:47.Z",
            "2026-11-20T11:29:47Zx",
            "2026-11-20T11:29:47+01:60",
            "2026-11-20T11:29:47 +0100",
            "2026-11-20X11:29:47Z",
            "2026-11-20T11-29:47Z",
            "2000-12-31T23:59:59Z",
            "2100-01-01T00:00:00Z",
            "0000-00-00T00:00:00Z",
            "-1795174187.538",
            "+1795174187.538",
            "1795174187.",
            ".538",
            "1795174187.5.3",
            "1795174187,538",
            "1795174187.53x",
            "1.795174187e9",
            "978307199.999",
            "4102444800",
            "17951741870",
            "179517418",
            "9223372036854775808",
            "1795174187179517418717951741871795174187",
            "00000000001795174187",
            "nan",
            "1e308",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("978307200"), Some((978_307_200, 0, None)));
        assert_eq!(read("4102444799999"), Some((4_102_444_799, 999, None)));
    }

    #[test]
    fn what_is_remembered_changes_nothing() {
        let mut reader = TimeReader::default();
        let mut texts = Vec::new();
        for (day, hour, minute) in [(20, 11, 29), (20, 11, 30), (21, 11, 29), (30, 0, 0)] {
            for second in [0, 47, 59, 60] {
                for zone in ["+00:00", "+0530", "-03:30", "Z", "", "+0x00"] {
                    let local = zone.replace(':', "");
                    texts.push(format!(
                        "{day}/Nov/2026:{hour:02}:{minute}:{second:02} {local}"
                    ));
                    texts.push(format!(
                        "{day}/Feb/2026:{hour:02}:{minute}:{second:02} {local}"
                    ));
                    texts.push(format!(
                        "2026-11-{day}T{hour:02}:{minute}:{second:02}{zone}"
                    ));
                    texts.push(format!(
                        "2026-11-{day}T{hour:02}:{minute}:{second:02}.25{zone}"
                    ));
                }
            }
        }
        for step in [1, 7, 31, 101] {
            for n in 0..texts.len() {
                let text = &texts[n * step % texts.len()];
                let anew = TimeReader::default().read(text.as_bytes());
                assert_eq!(reader.read(text.as_bytes()), anew, "{text}");
            }
        }
    }

    /// chrono is the slow twin.
    #[test]
    fn times_are_as_chrono_reads_them() {
        let mut reader = TimeReader::default();
        for n in 0..20_000_i64 {
            let second = 978_400_000 + n * 156_190 + n % 61;
            let zone_s = (n as i32 % 105 - 48) * 900;
            let zone = chrono::FixedOffset::east_opt(zone_s).expect("in range");
            let time = chrono::DateTime::from_timestamp(second, 0).expect("in range");
            let time = time.with_timezone(&zone);
            for format in ["%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%:z", "%s"] {
                let text = time.format(format).to_string();
                let read = reader.read(text.as_bytes()).map(|w| w.instant.second.0);
                assert_eq!(read, Some(second), "{text}");
            }
        }
    }

    #[test]
    fn msec_is_quick_and_right() {
        for n in 0..10_000_u64 {
            let (second, ms) = (1_000_000_000 + n * 310_001, n * 7 % 1000);
            let text = format!("{second}.{ms:03}");
            assert_eq!(msec(text.as_bytes()), any_epoch(text.as_bytes()), "{text}");
            assert!(msec(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn no_change_of_a_byte_panics() {
        for text in [
            "20/Nov/2026:11:29:47 +0000",
            "2026-11-20T11:29:47.538+00:00",
            "1795174187.538",
        ] {
            for at in 0..text.len() {
                for byte in 0..=255 {
                    let mut changed = text.as_bytes().to_vec();
                    changed[at] = byte;
                    TimeReader::default().read(&changed);
                    TimeReader::default().read(&changed[..at]);
                    TimeReader::default().read(&changed[at..]);
                }
            }
        }
    }
}
