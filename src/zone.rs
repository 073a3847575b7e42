//! Local times to instants: the only room that knows time zones.

use crate::event::{Clock, LocalTime, Timestamp};
use jiff::tz::{self, AmbiguousOffset, TimeZone};

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
    /// The clock passed it twice, at the end of daylight saving: the earlier instant was taken.
    Twice,
    /// The clock never showed it, as daylight saving began: the earlier of the instants that can be meant is taken.
    Skipped,
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

    /// The instant a clock of this zone showed `local`, and whether there is just one.
    pub fn instant(&self, local: LocalTime) -> (Timestamp, Sureness) {
        if let Some(offset) = self.fixed {
            return (Timestamp(local.0 - offset), Sureness::One);
        }
        let Ok(civil) = jiff::Timestamp::from_second(local.0) else {
            return (Timestamp(local.0), Sureness::Skipped);
        };
        let ambiguous = self
            .zone
            .to_ambiguous_timestamp(TimeZone::UTC.to_datetime(civil));
        let sureness = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => Sureness::One,
            AmbiguousOffset::Fold { .. } => Sureness::Twice,
            AmbiguousOffset::Gap { .. } => Sureness::Skipped,
        };
        match ambiguous.earlier() {
            Ok(instant) => (Timestamp(instant.as_second()), sureness),
            Err(_) => (Timestamp(local.0), Sureness::Skipped),
        }
    }

    /// The instants a clock of this zone showed `local`: a second and later one only where it passed it twice.
    pub fn instants(&self, local: LocalTime) -> (Timestamp, Option<Timestamp>) {
        let (first, sureness) = self.instant(local);
        if sureness != Sureness::Twice {
            return (first, None);
        }
        let second = jiff::Timestamp::from_second(local.0)
            .ok()
            .and_then(|civil| {
                let civil = TimeZone::UTC.to_datetime(civil);
                let later = self.zone.to_ambiguous_timestamp(civil).later().ok()?;
                Some(Timestamp(later.as_second()))
            });
        (first, second)
    }

    /// Seconds east of UTC at `instant`.
    pub fn offset_s(&self, instant: Timestamp) -> i32 {
        let instant = jiff::Timestamp::from_second(instant.0).unwrap_or_default();
        self.zone.to_offset(instant).seconds()
    }

    /// When within `first..=last` the offset changes, and to how many seconds east of UTC; empty if never.
    pub fn changes(&self, first: Timestamp, last: Timestamp) -> Vec<(Timestamp, i32)> {
        let Ok(start) = jiff::Timestamp::from_second(first.0) else {
            return Vec::new();
        };
        let mut offset_s = self.offset_s(first);
        self.zone
            .following(start)
            .map(|change| {
                let second = Timestamp(change.timestamp().as_second());
                (second, change.offset().seconds())
            })
            .take_while(|(second, _)| *second <= last)
            .filter(|&(_, after_s)| std::mem::replace(&mut offset_s, after_s) != after_s)
            .collect()
    }

    /// How its clock runs within `first..=last`.
    pub fn clock(&self, first: Timestamp, last: Timestamp) -> Clock {
        let first_s = self.offset_s(first);
        let mut before_s = first_s;
        let step = |(at, after_s): (Timestamp, i32)| {
            let by_itself = LocalTime(at.0 + i64::from(before_s));
            before_s = after_s;
            (by_itself, after_s)
        };
        let steps = self.changes(first, last).into_iter().map(step).collect();
        Clock { first_s, steps }
    }

    /// The names of all zones of the time zone database.
    pub fn names() -> Vec<String> {
        tz::db().available().map(|name| name.to_string()).collect()
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
            (Timestamp(1_792_895_400 - 7_200), Sureness::Twice)
        );
        let (first, second) = berlin.instants(fold);
        assert_eq!(second, Some(Timestamp(first.0 + 3_600)));
        let gap = LocalTime(1_774_751_400); // 2026-03-29 02:30:00
        assert_eq!(berlin.instant(gap).1, Sureness::Skipped);
        assert_eq!(berlin.instants(gap).1, None);
        assert_eq!(berlin.instants(LocalTime(gap.0 - 86_400)).1, None);
        // To the second: 2026-11-01 01:00:00 comes twice, 02:00:00 does not; 2026-03-08 02:00:00 never, 03:00:00 does.
        let new_york = Zone::parse("America/New_York").expect("a zone");
        let sureness = |time: i64| new_york.instant(LocalTime(time)).1;
        let (fold, gap) = (1_793_494_800, 1_772_935_200);
        let around = |start: i64| [-1, 0, 3_599, 3_600].map(|s| sureness(start + s));
        let (one, twice, skipped) = (Sureness::One, Sureness::Twice, Sureness::Skipped);
        assert_eq!(around(fold), [one, twice, twice, one]);
        assert_eq!(around(gap), [one, skipped, skipped, one]);
    }

    #[test]
    fn changes_of_the_offset_within_a_span() {
        let (spring, winter) = (Timestamp(1_767_225_600), Timestamp(1_798_761_599)); // 2026, UTC
        let changes = |name: &str| {
            let zone = Zone::parse(name).expect("a zone");
            zone.changes(spring, winter)
        };
        assert_eq!(
            changes("Europe/Berlin"),
            [
                (Timestamp(1_774_746_000), 7_200),
                (Timestamp(1_792_890_000), 3_600)
            ]
        );
        assert_eq!(changes("Asia/Kathmandu"), []);
        assert_eq!(changes("+02:00"), []);
        assert!(Zone::names().iter().any(|name| name == "Europe/Berlin"));
    }
}
