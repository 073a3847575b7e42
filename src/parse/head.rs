//! The head of a record: time, level, process, connection.

use crate::event::{Clock, Level, LocalTime};
use std::sync::Arc;

/// What stands before the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// `None` for records that never carry one (`nginx: [emerg] …`) or lost it.
    pub time: Option<LocalTime>,
    pub level: Option<Level>,
    pub pid: Option<u64>,
    pub tid: Option<u64>,
    /// The `*N` of the record: a connection, not a request.
    pub connection: Option<u64>,
    /// Offset of the first byte after the head.
    pub len: usize,
}

/// Why a line that begins with a time is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unparsed {
    /// It does not begin like a record.
    NoHead,
    /// Its date does not exist, or lies outside 2001 to 2099.
    BadTime,
}

/// Length of `2026/11/20 11:23:46`.
pub const TIME_LEN: usize = 19;

/// Whether `line` begins with `YYYY/MM/DD HH:MM:SS [`: the start of a record, as a cheap test of shape.
///
/// Three words of eight bytes: separators must be equal, and where a digit must stand, the high half of the byte is 3 and
/// stays so when 6 is added.
#[inline]
pub fn is_head(line: &[u8]) -> bool {
    let Some(bytes) = line.first_chunk::<21>() else {
        return false;
    };
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    fits(word(0), b"0000/00/") && fits(word(8), b"00 00:00") && fits(word(13), b":00:00 [")
}

/// Whether `word` has a digit where `shape` has a `0`, and the same byte elsewhere.
#[inline(always)]
pub(super) fn fits(word: u64, shape: &[u8; 8]) -> bool {
    let (mut mask, mut six) = (0, 0); // folded by the compiler: `shape` is a constant
    for (at, &byte) in shape.iter().enumerate() {
        mask |= (if byte == b'0' { 0xf0 } else { 0xff_u64 }) << (8 * at);
        six |= (if byte == b'0' { 6 } else { 0 }) << (8 * at);
    }
    let want = u64::from_le_bytes(*shape);
    word & mask == want && word.wrapping_add(six) & mask == want
}

/// Reads heads; remembers the last second seen, since neighbours share it.
#[derive(Debug, Default)]
pub struct HeadParser {
    /// The 19 bytes `YYYY/MM/DD HH:MM:SS` read last (its first sixteen and its last eight), and the second they name.
    last: Option<([u8; 16], [u8; 8], LocalTime)>,
    clock: Option<Arc<Clock>>,
}

impl HeadParser {
    /// From now on times are those of a clock that shows UTC, where the log's is `clock`; `None`: as they stand there.
    pub fn set_clock(&mut self, clock: Option<&Arc<Clock>>) {
        if self.clock.as_ref().map(Arc::as_ptr) != clock.map(Arc::as_ptr) {
            self.clock = clock.cloned();
            self.last = None;
        }
    }

    /// Reads the head of a record that begins at `line[0]`.
    #[inline]
    pub fn parse(&mut self, line: &[u8]) -> Result<Head, Unparsed> {
        if is_head(line) {
            self.parse_checked(line)
        } else {
            Err(Unparsed::NoHead)
        }
    }

    /// The time of the head that begins with `start`, if it is one and its time exists.
    #[inline(always)]
    pub fn time_of(&mut self, start: &[u8; TIME_LEN + 2]) -> Option<LocalTime> {
        match self.known(start) {
            Some(time) => (start[TIME_LEN..] == *b" [").then_some(time),
            None => self.new_time(start),
        }
    }

    #[cold]
    fn new_time(&mut self, start: &[u8; TIME_LEN + 2]) -> Option<LocalTime> {
        if is_head(start) {
            self.time(start)
        } else {
            None
        }
    }

    /// Like [`is_head`]; most heads are of the second read last, and then it is a comparison.
    #[inline(always)]
    pub fn is_head(&self, line: &[u8]) -> bool {
        match line.first_chunk::<{ TIME_LEN + 2 }>() {
            Some(start) => {
                (self.known(start).is_some() && start[TIME_LEN..] == *b" [") || is_head(start)
            }
            None => false,
        }
    }

    /// Like [`parse`](Self::parse), for a line that [`is_head`].
    #[inline(always)]
    pub fn parse_checked(&mut self, line: &[u8]) -> Result<Head, Unparsed> {
        let start = line.first_chunk().ok_or(Unparsed::NoHead)?;
        let time = match self.known(start) {
            Some(time) => time,
            None => self.time(start).ok_or(Unparsed::BadTime)?,
        };
        let (level, at) = parse_level(line, TIME_LEN + 1).ok_or(Unparsed::NoHead)?;
        let head = parse_process(line, at);
        Ok(Head {
            time: Some(time),
            level: Some(level),
            ..head
        })
    }

    /// The time that `start` begins with, if it is the one read last.
    #[inline(always)]
    fn known(&self, start: &[u8; TIME_LEN + 2]) -> Option<LocalTime> {
        let (first, last, time) = self.last.as_ref()?;
        let is_same = start.first_chunk() == Some(first) && start[TIME_LEN - 8..TIME_LEN] == *last;
        is_same.then_some(*time)
    }

    /// The civil time that `start` begins with, whose shape [`is_head`] has checked.
    #[cold]
    fn time(&mut self, start: &[u8; TIME_LEN + 2]) -> Option<LocalTime> {
        let (minute, last) = (start.first_chunk()?, start[..TIME_LEN].last_chunk()?);
        let second = two(start, 17);
        if second > 59 {
            return None;
        }
        let mut time = LocalTime(parse_minute(minute)? + second);
        if let Some(clock) = &self.clock {
            time = LocalTime(clock.instant(time).0);
        }
        self.last = Some((*minute, *last, time));
        Some(time)
    }
}

/// `[level] ` at `at`; the offset after the blank.
#[inline(always)]
pub fn parse_level(line: &[u8], at: usize) -> Option<(Level, usize)> {
    let rest = line.get(at..)?;
    if rest.starts_with(b"[error] ") {
        return Some((Level::Error, at + 8)); // by far the most frequent
    }
    let (level, len) = match rest.get(1)? {
        b'e' if rest.starts_with(b"[error]") => (Level::Error, 7),
        b'w' if rest.starts_with(b"[warn]") => (Level::Warn, 6),
        b'i' if rest.starts_with(b"[info]") => (Level::Info, 6),
        b'c' if rest.starts_with(b"[crit]") => (Level::Crit, 6),
        b'n' if rest.starts_with(b"[notice]") => (Level::Notice, 8),
        b'a' if rest.starts_with(b"[alert]") => (Level::Alert, 7),
        b'e' if rest.starts_with(b"[emerg]") => (Level::Emerg, 7),
        b'd' if rest.starts_with(b"[debug]") => (Level::Debug, 7),
        _ => return None,
    };
    let blank = usize::from(rest.get(len) == Some(&b' '));
    Some((level, at + len + blank))
}

/// `PID#TID: *CONNECTION ` at `at`, each part optional; `time` and `level` are left to the caller.
#[inline(always)]
pub fn parse_process(line: &[u8], at: usize) -> Head {
    let mut head = Head {
        time: None,
        level: None,
        pid: None,
        tid: None,
        connection: None,
        len: at,
    };
    let (pid, after_pid) = digits(line, at);
    if after_pid > at && line.get(after_pid) == Some(&b'#') {
        let (tid, after_tid) = digits(line, after_pid + 1);
        if after_tid > after_pid + 1 && line.get(after_tid) == Some(&b':') {
            head.pid = Some(pid);
            head.tid = Some(tid);
            head.len = after_tid + 1 + usize::from(line.get(after_tid + 1) == Some(&b' '));
        }
    }
    if line.get(head.len) == Some(&b'*') {
        let (connection, end) = digits(line, head.len + 1);
        if end > head.len + 1 && matches!(line.get(end), Some(b' ') | None) {
            head.connection = Some(connection);
            head.len = (end + 1).min(line.len());
        }
    }
    head
}

/// The decimal number at `at`, of at most 19 digits, and the offset after it; `(0, at)` where there is none.
#[inline(always)]
fn digits(line: &[u8], at: usize) -> (u64, usize) {
    let word = |at: usize| {
        let bytes = line.get(at..)?.first_chunk()?;
        Some(leading_digits(u64::from_le_bytes(*bytes)))
    };
    match word(at) {
        Some((value, n_digits @ 0..8)) => (value, at + n_digits),
        Some((high, _)) => match word(at + 8) {
            Some((low, n_digits @ 0..8)) => {
                (high * 10u64.pow(n_digits as u32) + low, at + 8 + n_digits)
            }
            _ => many_digits(line, at),
        },
        None => many_digits(line, at),
    }
}

pub(super) const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The number that the bytes of `word`, lowest first, begin with, and how many digits it has.
///
/// A byte that is no digit keeps a bit of its high half when that half should be 3, before or after adding 6. The digits
/// are moved to the high end, with zeros before them, and added up in pairs, fours and eights (D. Lemire, "Quickly
/// parsing eight digits").
#[inline(always)]
fn leading_digits(word: u64) -> (u64, usize) {
    const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let plain = word ^ ZEROS;
    // Only the first other byte is of interest: a carry out of it does no harm.
    let others = (plain | plain.wrapping_add(0x0606_0606_0606_0606)) & HIGH_HALVES;
    let n_digits = others.trailing_zeros() as usize / 8;
    if n_digits == 0 {
        return (0, 0);
    }
    (value(word, n_digits), n_digits)
}

/// The number that the first `n_digits` bytes of `word` are, which must be digits, and at least one.
#[inline(always)]
pub(super) fn value(word: u64, n_digits: usize) -> u64 {
    let digits = (word ^ ZEROS) << (64 - 8 * n_digits);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

/// Like [`digits`], for long numbers and the end of a line.
#[cold]
fn many_digits(line: &[u8], at: usize) -> (u64, usize) {
    let rest = line.get(at..).unwrap_or_default();
    let n_digits = rest
        .iter()
        .take(20) // 2^64 - 1 has as many: thread ids of macOS do
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let digit = |value: u64, byte: &u8| value.checked_mul(10)?.checked_add(u64::from(byte - b'0'));
    match rest[..n_digits].iter().try_fold(0, digit) {
        Some(value) => (value, at + n_digits),
        None => (0, at),
    }
}

#[inline(always)]
fn two(line: &[u8], at: usize) -> i64 {
    // A file that is cut under its map may read differently the second time: then it is no date, and no panic.
    let digit = |at: usize| i64::from(line[at].wrapping_sub(b'0'));
    digit(at) * 10 + digit(at + 1)
}

/// `YYYY/MM/DD HH:MM`, digits and separators already checked, as seconds since 1970; `None` if no such minute exists
/// or the year lies outside 2001 to 2099 (nginx is of 2004; a stray year must not stretch an axis over centuries).
fn parse_minute(text: &[u8; 16]) -> Option<i64> {
    let year = two(text, 0) * 100 + two(text, 2);
    let (month, day) = (two(text, 5), two(text, 8));
    let (hour, minute) = (two(text, 11), two(text, 14));
    let valid = (2001..=2099).contains(&year)
        && (1..=12).contains(&month)
        && day >= 1
        && day <= days_in_month(year, month)
        && hour <= 23
        && minute <= 59;
    valid.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60)
}

pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 => 29, // exact between 1901 and 2099
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Head, Unparsed> {
        HeadParser::default().parse(line.as_bytes())
    }

    #[test]
    fn reads_every_part() {
        let line = "2026/11/20 11:23:46 [error] 16993#16994: *17 connect() failed";
        let head = parse(line).expect("a record");
        assert_eq!(head.time, Some(LocalTime(1_795_173_826)));
        assert_eq!(head.level, Some(Level::Error));
        assert_eq!(
            (head.pid, head.tid, head.connection),
            (Some(16993), Some(16994), Some(17))
        );
        assert_eq!(&line[head.len..], "connect() failed");
    }

    #[test]
    fn parts_may_be_missing() {
        let head = parse("2026/11/20 11:23:46 [notice] 1#1: start").expect("a record");
        assert_eq!(head.connection, None);
        let line = "2021/12/24 01:23:45 [info] 1776#1776:*71220252 epoll";
        let head = parse(line).expect("no blank before the star");
        assert_eq!(head.connection, Some(71_220_252));
        let line = "2026/11/20 11:23:46 [warn] text";
        assert_eq!(&line[parse(line).expect("no process").len..], "text");
    }

    #[test]
    fn numbers_of_any_length_are_read() {
        for (text, want) in [
            ("", (0, 0)),
            ("x2345678", (0, 0)),
            ("1x345678", (1, 1)),
            ("12#45678", (12, 2)),
            ("99:99999", (99, 2)),
            ("1234567*", (1_234_567, 7)),
            ("0000007 ", (7, 7)),
            ("12345678", (12_345_678, 8)),
            ("12345678 2345678", (12_345_678, 8)),
            ("1234567890123: 34567", (1_234_567_890_123, 13)),
            ("123456789012345: 67", (123_456_789_012_345, 15)),
            ("1234567890123456: 34567", (1_234_567_890_123_456, 16)),
            ("18446744073709551615:", (u64::MAX, 20)),
            ("99999999999999999999:", (0, 0)),
            ("42", (42, 2)),
        ] {
            assert_eq!(digits(text.as_bytes(), 0), want, "{text}");
        }
    }

    #[test]
    fn times_that_do_not_exist_are_refused() {
        for bad in [
            "2026/02/30 00:00:00",
            "2026/13/01 00:00:00",
            "2026/01/01 24:00:00",
            "2026/01/01 00:60:00",
        ] {
            assert_eq!(
                parse(&format!("{bad} [error] 1#1: x")),
                Err(Unparsed::BadTime),
                "{bad}"
            );
        }
        for bad in [
            "1970/01/01 00:00:00",
            "9999/01/01 00:00:00",
            "2023/02/29 00:00:00",
            "2026/01/01 00:00:60",
        ] {
            assert_eq!(
                parse(&format!("{bad} [error] 1#1: x")),
                Err(Unparsed::BadTime),
                "{bad}"
            );
        }
        assert!(parse("2024/02/29 23:59:59 [error] 1#1: x").is_ok());
        assert_eq!(
            parse("2026/11/20 11:23:46 [fatal] 1#1: x"),
            Err(Unparsed::NoHead)
        );
        assert_eq!(parse("2026/11/20"), Err(Unparsed::NoHead));
    }

    #[test]
    fn a_remembered_minute_changes_nothing() {
        let mut parser = HeadParser::default();
        for second in [0, 59, 7] {
            for minute in [10, 11, 10] {
                let line = format!("2026/11/20 11:{minute}:{second:02} [error] 1#1: x");
                assert_eq!(
                    parser.parse(line.as_bytes()),
                    HeadParser::default().parse(line.as_bytes())
                );
            }
        }
    }
}
