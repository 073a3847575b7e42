//! What values of a variable can look like: this alone tells apart variables that no quotes hold.
//!
//! Forms come from `ngx_http_log_module.c` (`%03ui` for the status, `%T.%03M` for seconds) and from the `$upstream_…` handlers of
//! `ngx_http_upstream.c`, which all walk the same attempts:
//!
//! ```text
//! list   = group { " : " group }         a group per pass: an internal redirect begins a new one
//! group  = "" | element { ", " element } an element per attempt; no element where a pass never reached a peer
//! number = "-" | "" | digits [ "." digits ]
//! ```
//!
//! What a number means is no matter here: values are read by whoever uses them.

use super::super::head::fits;

/// What the values of a variable are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Addresses of attempts: a [`list`](self) of words without comma.
    Addresses,
    /// Numbers of attempts: a [`list`](self) of numbers.
    Numbers,
    /// A number, perhaps with decimals, or `-`, or nothing.
    Number,
    /// `20/Nov/2026:11:29:47 +0000`
    LocalTime,
    /// `2026-11-20T11:29:47+00:00`
    IsoTime,
    /// `1795174187.538`
    EpochTime,
    /// Three digits.
    Status,
    /// A number with two decimals, or `-`, or nothing: `$gzip_ratio`, which is no `$request_time`.
    Ratio,
    /// A number with three decimals, or `-`: what nginx writes for seconds. Told from [`Class::Number`] only where the next
    /// variable touches it.
    Seconds,
    /// The same for each attempt.
    SecondsOfAttempts,
    /// No blanks: what nginx or its configuration names.
    Word,
    /// Anything: what clients send.
    Text,
}

impl Class {
    /// What it is made of, for people.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Class::Addresses => "addresses",
            Class::Numbers => "numbers or `-`",
            Class::Number => "a number or `-`",
            Class::LocalTime => "a time such as `20/Nov/2026:11:29:47 +0000`",
            Class::IsoTime => "a time such as `2026-11-20T11:29:47+00:00`",
            Class::EpochTime => "a time such as `1795174187.538`",
            Class::Seconds => "a number with three decimals or `-`",
            Class::SecondsOfAttempts => "numbers with three decimals or `-`",
            Class::Ratio => "a number with two decimals or `-`",
            Class::Status => "a status of three digits",
            Class::Word => "a word without blanks",
            Class::Text => "a text",
        }
    }

    /// How long each value is, in bytes, where all are of one length.
    pub(super) fn fixed_len(self) -> Option<usize> {
        match self {
            Class::LocalTime => Some(26),
            Class::IsoTime => Some(25),
            Class::Status => Some(3),
            _ => None,
        }
    }

    /// Whether it is a list over attempts.
    pub(super) fn is_list(self) -> bool {
        matches!(
            self,
            Class::Addresses | Class::Numbers | Class::SecondsOfAttempts
        )
    }

    /// Whether values have a form of their own, by which their end can be told.
    pub(super) fn has_form(self) -> bool {
        !matches!(self, Class::Word | Class::Text)
    }

    /// Whether an element of a value that could end may go on with `byte`.
    pub(super) fn goes_on_with(self, byte: u8) -> bool {
        match self {
            Class::LocalTime | Class::IsoTime | Class::Status | Class::EpochTime => false,
            Class::Seconds | Class::SecondsOfAttempts => false,
            Class::Number | Class::Ratio => matches!(byte, b'0'..=b'9' | b'.' | b'-'),
            Class::Numbers => matches!(byte, b'0'..=b'9' | b'.' | b'-'),
            Class::Addresses => !matches!(byte, b',' | b'"') && byte > b' ',
            Class::Word | Class::Text => true,
        }
    }

    /// Where the longest value that begins at `from` ends; `None`: none begins there, or the class has no form of its own.
    #[inline(always)]
    pub(super) fn end(self, line: &[u8], from: usize) -> Option<usize> {
        match self {
            Class::Number => Some(number_end(line, from)),
            Class::Ratio => ratio_end(line, from),
            Class::Seconds | Class::SecondsOfAttempts => self.touched_end(line, from),
            Class::Numbers => Some(list_end(line, from, Element::Number)),
            Class::Addresses => Some(list_end(line, from, Element::Address)),
            Class::LocalTime => is_local_time(line, from).then_some(from + 26),
            Class::IsoTime => is_iso_time(line, from).then_some(from + 25),
            Class::EpochTime => epoch_end(line, from),
            Class::Status => is_status(line, from).then_some(from + 3),
            Class::Word | Class::Text => None,
        }
    }
}

impl Class {
    /// [`end`](Self::end) of seconds that the next variable touches: rare, and no part of the code that all lines go through.
    #[cold]
    #[inline(never)]
    fn touched_end(self, line: &[u8], from: usize) -> Option<usize> {
        let end = match self.is_list() {
            true => list_end(line, from, Element::Seconds),
            false => seconds_end(line, from),
        };
        (end > from).then_some(end)
    }

    /// The last position where any value that begins at `from` ends; shorter ones may be values, too.
    pub(super) fn reach(self, line: &[u8], from: usize) -> Option<usize> {
        match self {
            Class::Ratio => Some(number_end(line, from)),
            _ => self.end(line, from),
        }
    }
}

/// What a list is made of.
#[derive(Clone, Copy)]
enum Element {
    Address,
    Number,
    Seconds,
}

impl Element {
    #[inline(always)]
    fn end(self, line: &[u8], from: usize) -> usize {
        match self {
            Element::Address => address_end(line, from),
            Element::Number => number_end(line, from),
            Element::Seconds => seconds_end(line, from),
        }
    }
}

/// Where the list that begins at `from` ends.
#[inline(always)]
fn list_end(line: &[u8], from: usize, element: Element) -> usize {
    let end = element.end(line, from);
    match line.get(end) {
        Some(b',' | b' ') => rest_of_list(line, from, end, element),
        _ => end,
    }
}

/// Where the list of numbers that begins at `from` ends; its first is `from..end`.
pub(super) fn rest_of_numbers(line: &[u8], from: usize, end: usize) -> usize {
    rest_of_list(line, from, end, Element::Number)
}

/// The same from behind its first element, which is `from..end`.
#[inline(never)]
fn rest_of_list(line: &[u8], from: usize, mut end: usize, element: Element) -> usize {
    let mut is_element = end > from;
    loop {
        let rest = &line[end..];
        let next = if is_element && rest.starts_with(b", ") {
            let next = element.end(line, end + 2);
            if next == end + 2 {
                return end;
            }
            next
        } else if rest.starts_with(b" : ") {
            let next = element.end(line, end + 3);
            is_element = next > end + 3;
            next
        } else {
            return end;
        };
        end = next;
    }
}

/// The number of separators in a list: of all `$upstream_…` variables of one line the same.
pub(super) fn n_separators(list: &[u8]) -> usize {
    let blanks = memchr::memchr_iter(b' ', list);
    blanks
        .filter(|&at| at > 0 && matches!(list[at - 1], b',' | b':'))
        .count()
}

#[inline(always)]
fn number_end(line: &[u8], from: usize) -> usize {
    // By far the most frequent: seconds below ten, in milliseconds.
    if let Some(word) = word_at(line, from)
        && is_short_seconds(word)
    {
        return from + 5;
    }
    let end = digits_end(line, from);
    match line.get(end) {
        Some(b'.') if end > from => {
            let decimals = digits_end(line, end + 1);
            if decimals > end + 1 { decimals } else { end }
        }
        Some(b'-') if end == from => from + 1,
        _ => end,
    }
}

/// Whether a word begins with `0.000` and another byte that is no digit.
#[inline(always)]
fn is_short_seconds(word: u64) -> bool {
    const FIVE_BYTES: u64 = 0xff_ffff_ffff;
    let is_digit = ((word >> 40) as u8).wrapping_sub(b'0') <= 9;
    fits(word & FIVE_BYTES, b"0.000\0\0\0") && !is_digit
}

/// `%T.%03M`, as `ngx_http_log_module.c` and `ngx_http_upstream.c` print seconds.
fn seconds_end(line: &[u8], from: usize) -> usize {
    match epoch_end(line, from) {
        Some(end) => end,
        None if line.get(from) == Some(&b'-') => from + 1,
        None => from,
    }
}

/// `%ui.%02ui`, as `ngx_http_gzip_ratio_variable` prints it.
fn ratio_end(line: &[u8], from: usize) -> Option<usize> {
    let end = number_end(line, from);
    let value = &line[from..end];
    let is_ratio = matches!(value, b"" | b"-") || matches!(value, [.., b'.', _, _]);
    is_ratio.then_some(end)
}

fn address_end(line: &[u8], from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    let is_end = |&byte: &u8| matches!(byte, b',' | b'"') || byte <= b' ';
    from + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// Where the run of digits from `from` ends. Numbers are short, and their lengths cannot be foreseen: eight bytes at a time.
#[inline(always)]
fn digits_end(line: &[u8], from: usize) -> usize {
    let mut end = from;
    while let Some(word) = word_at(line, end) {
        // A digit has the high half 3, and keeps it when 6 is added; what lies above could carry into the next byte, but then
        // is no digit itself and stands before it.
        let others = ((word & HIGH_HALVES) ^ THREES)
            | ((word.wrapping_add(0x0606_0606_0606_0606) & HIGH_HALVES) ^ THREES);
        if others != 0 {
            return end + others.trailing_zeros() as usize / 8;
        }
        end += 8;
    }
    let rest = line.get(end..).unwrap_or_default();
    end + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
const THREES: u64 = 0x3030_3030_3030_3030;

#[inline(always)]
fn is_status(line: &[u8], from: usize) -> bool {
    match chunk::<3>(line, from) {
        Some(digits) => digits.iter().all(u8::is_ascii_digit),
        None => false,
    }
}

/// `20/Nov/2026:11:29:47 +0000`, by its form alone.
#[inline(always)]
fn is_local_time(line: &[u8], from: usize) -> bool {
    let Some(time) = chunk::<26>(line, from) else {
        return false;
    };
    fits(word(time, 6), b"/0000:00")
        && fits(word(time, 13), b"0:00:00 ")
        && time[2] == b'/'
        && time[3..6].iter().all(u8::is_ascii_alphabetic)
        && matches!(time[21], b'+' | b'-')
        && are_digits([time[0], time[1], time[22], time[23], time[24], time[25]])
}

/// `2026-11-20T11:29:47+00:00`, by its form alone.
#[inline(always)]
fn is_iso_time(line: &[u8], from: usize) -> bool {
    let Some(time) = chunk::<25>(line, from) else {
        return false;
    };
    fits(word(time, 0), b"0000-00-")
        && fits(word(time, 8), b"00T00:00")
        && fits(word(time, 11), b"00:00:00")
        && matches!(time[19], b'+' | b'-')
        && time[22] == b':'
        && are_digits([time[20], time[21], time[23], time[24]])
}

/// Where `1795174187.538` ends.
#[inline(always)]
fn epoch_end(line: &[u8], from: usize) -> Option<usize> {
    let point = digits_end(line, from);
    let decimals = chunk::<4>(line, point)?;
    let is_epoch =
        point > from && decimals[0] == b'.' && are_digits([decimals[1], decimals[2], decimals[3]]);
    is_epoch.then_some(point + 4)
}

#[inline(always)]
fn chunk<const N: usize>(line: &[u8], at: usize) -> Option<&[u8; N]> {
    line.get(at..)?.first_chunk()
}

/// The eight bytes at `at`, the first lowest.
#[inline(always)]
fn word_at(line: &[u8], at: usize) -> Option<u64> {
    chunk(line, at).map(|bytes| u64::from_le_bytes(*bytes))
}

#[inline(always)]
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[inline(always)]
fn are_digits<const N: usize>(bytes: [u8; N]) -> bool {
    let is_digit = |all, &byte: &u8| all & (byte.wrapping_sub(b'0') <= 9);
    bytes.iter().fold(true, is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_by_their_form() {
        for (class, line, value) in [
            (Class::Ratio, "2.10 1", "2.10"),
            (Class::Ratio, "-", "-"),
            (Class::Number, "0.001 0.002", "0.001"),
            (
                Class::Number,
                "12345678901234567890.5.6",
                "12345678901234567890.5",
            ),
            (Class::Number, "12.", "12"),
            (Class::Number, "--", "-"),
            (Class::Number, "-1", "-"),
            (Class::Number, " 1", ""),
            (Class::Number, "", ""),
            (Class::Numbers, "0, 0 5.000", "0, 0"),
            (Class::Numbers, "0,1", "0"),
            (Class::Numbers, "502, 502 : 200 x", "502, 502 : 200"),
            (Class::Numbers, "-, - : 0.000\"", "-, - : 0.000"),
            (Class::Numbers, "502 : \"", "502 : "),
            (Class::Numbers, "502 :  0.000 : ", "502 : "), // an empty last group, then the next variable
            (Class::Numbers, "502, \"a\"", "502"),
            (Class::Numbers, " : 200 ", " : 200"), // an empty first group
            (Class::Numbers, " :  : 200 ", " :  : 200"),
            (Class::Numbers, " : , 200", " : "),
            (Class::Numbers, "", ""),
            (
                Class::Addresses,
                "[::1]:80, unix:/a.sock 0, 0",
                "[::1]:80, unix:/a.sock",
            ),
            (Class::Addresses, "a:80 : b:80 200", "a:80 : b:80"),
            (Class::Addresses, "a:80 :  502 : ", "a:80 : "),
            (Class::Addresses, " - -", ""),
            (Class::Status, "200 1", "200"),
            (Class::Status, "009", "009"),
            (
                Class::LocalTime,
                "20/Nov/2026:11:29:47 +0000]",
                "20/Nov/2026:11:29:47 +0000",
            ),
            (
                Class::LocalTime,
                "20/nov/2026:11:29:47 -0930",
                "20/nov/2026:11:29:47 -0930",
            ),
            (
                Class::IsoTime,
                "2026-11-20T11:29:47-09:30\"",
                "2026-11-20T11:29:47-09:30",
            ),
            (Class::Seconds, "0.00110.0.0.1:80", "0.001"),
            (Class::Seconds, "-200", "-"),
            (Class::SecondsOfAttempts, "0.001, -0.002, -", "0.001, -"),
            (
                Class::SecondsOfAttempts,
                "0.001 : 0.0020.003",
                "0.001 : 0.002",
            ),
            (Class::EpochTime, "1795174187.538\"", "1795174187.538"),
            (Class::EpochTime, "1.0001", "1.000"),
        ] {
            let end = class.end(line.as_bytes(), 0);
            assert_eq!(end, Some(value.len()), "{class:?} {line}");
        }
    }

    #[test]
    fn near_misses_are_no_values() {
        let local = "20/Nov/2026:11:29:47 +0000";
        let iso = "2026-11-20T11:29:47+00:00";
        for (class, value) in [(Class::LocalTime, local), (Class::IsoTime, iso)] {
            for at in 0..value.len() {
                let mut line = value.as_bytes().to_vec();
                assert_eq!(class.end(&line[..at], 0), None);
                line[at] = b'~';
                assert_eq!(class.end(&line[..], 0), None, "{value} at {at}");
            }
        }
        for (class, line) in [
            (Class::Ratio, "0.324"),
            (Class::Ratio, "5"),
            (Class::Seconds, "0.01"),
            (Class::Status, "20"),
            (Class::Status, "2x0"),
            (Class::Status, "-"),
            (Class::EpochTime, "1795174187"),
            (Class::EpochTime, ".538"),
            (Class::EpochTime, "1795174187.53"),
        ] {
            assert_eq!(class.end(line.as_bytes(), 0), None, "{line}");
        }
    }

    #[test]
    fn eight_bytes_at_a_time_find_the_same_end() {
        for len in 0..20 {
            for byte in 0..=255 {
                let mut line = [b'7'; 20];
                line[len] = byte;
                let want = line.iter().position(|b| !b.is_ascii_digit()).unwrap_or(20);
                assert_eq!(digits_end(&line[..], 0), want);
            }
        }
    }

    #[test]
    fn short_seconds_are_numbers_like_others() {
        for at in 0..8 {
            for byte in 0..=255 {
                let mut line = *b"1.234 56";
                line[at] = byte;
                let longer = [&line[..], b"x"].concat(); // read word by word, the other byte by byte
                let slow = |line: &[u8]| {
                    let end = line.iter().take_while(|b| b.is_ascii_digit()).count();
                    match line.get(end) {
                        Some(b'.') if end > 0 => {
                            let decimals = line[end + 1..].iter();
                            let n = decimals.take_while(|b| b.is_ascii_digit()).count();
                            if n > 0 { end + 1 + n } else { end }
                        }
                        Some(b'-') if end == 0 => 1,
                        _ => end,
                    }
                };
                assert_eq!(number_end(&longer[..], 0), slow(&longer));
                assert_eq!(number_end(&line[..7], 0), slow(&line[..7]));
            }
        }
    }

    #[test]
    fn separators_are_counted() {
        for (list, n) in [
            ("", 0),
            ("a, b", 1),
            ("a : b", 1),
            ("a, b : ", 2),
            (" : ", 1),
            ("a b", 0),
        ] {
            assert_eq!(n_separators(list.as_bytes()), n, "{list}");
        }
    }
}
