//! Times as RFC 3339, UTC.

use chrono::{DateTime, Datelike};

/// Length of `2026-11-20T11:23:46Z`.
pub const LEN: usize = 20;

const MINUTE_S: i64 = 60;
const HOUR_MINUTES: i64 = 60;
const DAY_MINUTES: i64 = 24 * HOUR_MINUTES;

/// Writes times; remembers the last minute, since neighbours share it and chrono's formatter reads its pattern each time.
#[derive(Clone, Debug)]
pub struct Dates {
    minute: i64,
    day: i64,
    /// With zero seconds.
    text: [u8; LEN],
}

impl Default for Dates {
    fn default() -> Dates {
        Dates {
            minute: 0,
            day: 0,
            text: *b"1970-01-01T00:00:00Z",
        }
    }
}

impl Dates {
    /// `second` since 1970-01-01 00:00:00 UTC, between the years 0 and 9999: others are written as the nearest of those.
    pub fn rfc3339(&mut self, second: i64) -> [u8; LEN] {
        let minute = second.div_euclid(MINUTE_S);
        if minute != self.minute {
            self.set_minute(minute);
        }
        let mut text = self.text;
        put_two(&mut text, 17, second.rem_euclid(MINUTE_S) as u32);
        text
    }

    #[inline(never)]
    fn set_minute(&mut self, minute: i64) {
        let (day, of_day) = (
            minute.div_euclid(DAY_MINUTES),
            minute.rem_euclid(DAY_MINUTES),
        );
        if day != self.day {
            self.set_day(day);
        }
        put_two(&mut self.text, 11, (of_day / HOUR_MINUTES) as u32);
        put_two(&mut self.text, 14, (of_day % HOUR_MINUTES) as u32);
        self.minute = minute;
    }

    #[cold]
    fn set_day(&mut self, day: i64) {
        let date = DateTime::from_timestamp(day.saturating_mul(DAY_MINUTES * MINUTE_S), 0)
            .unwrap_or_default();
        let year = date.year().clamp(0, 9999) as u32;
        let parts = [
            (0, year / 100),
            (2, year % 100),
            (5, date.month()),
            (8, date.day()),
        ];
        for (at, number) in parts {
            put_two(&mut self.text, at, number);
        }
        self.day = day;
    }
}

/// `2026-11-20T11:23:46Z`.
pub fn rfc3339(second: i64) -> String {
    String::from_utf8_lossy(&Dates::default().rfc3339(second)).into_owned()
}

fn put_two(text: &mut [u8; LEN], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_chrono_writes_them() {
        let mut dates = Dates::default();
        for second in [
            0,
            -1,
            951_782_400,
            951_868_799,
            1_795_173_826,
            1_795_173_827,
            4_102_444_799,
        ] {
            let time = DateTime::from_timestamp(second, 0).expect("in range");
            let slow = time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
            assert_eq!(rfc3339(second), slow);
            assert_eq!(dates.rfc3339(second), slow.as_bytes());
        }
    }
}
