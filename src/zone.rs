//! Local times to instants: the only room that knows time zones.

use crate::event::{LocalTime, Timestamp};
use jiff::tz::{self, TimeZone};

/// The zone of a log whose times carry none.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    name: String,
    /// Seconds east of UTC, where that never changes.
    fixed: Option<i64>,
}

/// Whether a local time names one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sureness {
    One,
    /// The clock passed it twice (end of daylight saving) or skipped it: the earlier instant was taken.
    Ambiguous,
}

impl Zone {
    pub fn utc() -> Zone {
        Zone {
            zone: TimeZone::UTC,
            name: "UTC".to_owned(),
            fixed: Some(0),
        }
    }

    /// A zone that is always so many seconds east of UTC, at most 18 hours either way.
    pub fn fixed(offset_s: i32) -> Zone {
        let (sign, minutes) = (if offset_s < 0 { '-' } else { '+' }, offset_s.abs() / 60);
        let text = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        match offset_s {
            0 => Zone::utc(),
            _ => Zone::parse(&text).unwrap_or_else(|_| Zone::utc()),
        }
    }

    /// `Europe/Berlin`, `UTC`, `Z`, or an offset such as `+02:00`, `-0330`, `+2`.
    pub fn parse(text: &str) -> Result<Zone, String> {
        if text.eq_ignore_ascii_case("utc") || text == "Z" {
            return Ok(Zone::utc());
        }
        if let Some(seconds) = parse_offset(text) {
            let offset = tz::Offset::from_seconds(seconds).map_err(|error| error.to_string())?;
            return Ok(Zone {
                zone: TimeZone::fixed(offset),
                name: text.to_owned(),
                fixed: Some(i64::from(seconds)),
            });
        }
        TimeZone::get(text)
            .map(|zone| Zone { zone, name: text.to_owned(), fixed: None })
            .map_err(|_| format!("`{text}` is no time zone: use a name such as Europe/Berlin, or an offset such as +02:00"))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the offset from UTC never changes, so that local times and instants have the same order.
    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// The instant a clock of this zone showed `local`, and whether there is just one.
    pub fn instant(&self, local: LocalTime) -> (Timestamp, Sureness) {
        if let Some(offset) = self.fixed {
            return (Timestamp(local.0 - offset), Sureness::One);
        }
        let Ok(civil) = jiff::Timestamp::from_second(local.0) else {
            return (Timestamp(local.0), Sureness::Ambiguous);
        };
        let ambiguous = self
            .zone
            .to_ambiguous_timestamp(TimeZone::UTC.to_datetime(civil));
        let sureness = if ambiguous.is_ambiguous() {
            Sureness::Ambiguous
        } else {
            Sureness::One
        };
        match ambiguous.earlier() {
            Ok(instant) => (Timestamp(instant.as_second()), sureness),
            Err(_) => (Timestamp(local.0), Sureness::Ambiguous),
        }
    }
}

/// `+02:00`, `+0200` or `+2` in seconds.
fn parse_offset(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i32>().ok()?, 0),
        4 => (
            digits[..2].parse::<i32>().ok()?,
            digits[2..].parse::<i32>().ok()?,
        ),
        _ => return None,
    };
    (hours <= 18 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_offsets() {
        let noon = LocalTime(1_795_176_000); // 2026-11-20 12:00:00
        assert_eq!(
            Zone::utc().instant(noon),
            (Timestamp(1_795_176_000), Sureness::One)
        );
        let at = |zone: &str| Zone::parse(zone).expect("a zone").instant(noon).0.0 - noon.0;
        assert_eq!(
            (at("+05:30"), at("-0330"), at("+2")),
            (-19_800, 12_600, -7_200)
        );
        assert_eq!(at("Europe/Berlin"), -3_600);
        assert!(Zone::parse("Mars/Olympus").is_err());
        assert!(Zone::parse("+99").is_err());
    }

    #[test]
    fn folds_and_gaps_are_told() {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        let fold = LocalTime(1_792_895_400); // 2026-10-25 02:30:00
        assert_eq!(
            berlin.instant(fold),
            (Timestamp(1_792_895_400 - 7_200), Sureness::Ambiguous)
        );
        let gap = LocalTime(1_774_751_400); // 2026-03-29 02:30:00
        assert_eq!(berlin.instant(gap).1, Sureness::Ambiguous);
    }
}
