//! Values as the page writes them. Every text that may hold bytes of a log goes through [`text`], and then through the escaping
//! of the templates.

use crate::{report::words, text};

/// Bytes of one text that are shown, so that no log makes the page large.
pub(super) const TEXT_MAX: usize = 280;

/// Rows of one table that are shown, whatever `--top` says.
pub(super) const ROWS_MAX: usize = 50;

/// A text that may come from a log: without characters that control, hide or reorder, and not longer than [`TEXT_MAX`].
pub(super) fn text(text: &str) -> String {
    clean(text, TEXT_MAX)
}

/// A sentence of the program's own in which names may stand: twice as long.
pub(super) fn note(note: &str) -> String {
    clean(note, 2 * TEXT_MAX)
}

/// Several such sentences, as a finding's claim is: five times as long.
pub(super) fn sentence(sentence: &str) -> String {
    clean(sentence, 5 * TEXT_MAX)
}

/// At most `n_bytes` of it, as escaping will write them: a text of `&` alone would else be five times as long.
pub(super) fn clean(text: &str, n_bytes: usize) -> String {
    // What is cut off need not be cleaned first; cleaning makes nothing shorter.
    let near = text.char_indices().nth(n_bytes + 1);
    let text = text::for_terminal(near.map_or(text, |(end, _)| &text[..end]).as_bytes());
    let mut n = 0;
    let end = text.char_indices().find(|(_, c)| {
        n += match c {
            '&' | '<' | '>' | '"' | '\'' => "&#38;".len(),
            c => c.len_utf8(),
        };
        n > n_bytes
    });
    match end {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A time in RFC 3339 as `2026-11-20 14:39:20Z`: the blank lets narrow columns break.
pub(super) fn time(time: impl AsRef<str>) -> String {
    time.as_ref().replace('T', " ")
}

/// [`time`], without its date where that is the date of `before`.
pub(super) fn time_after(instant: impl AsRef<str>, before: impl AsRef<str>) -> String {
    match (instant.as_ref().split_once('T'), before.as_ref().get(..10)) {
        (Some((date, clock)), Some(date_before)) if date == date_before => clock.to_owned(),
        _ => time(instant),
    }
}

/// [`time`], or a dash for none.
pub(super) fn time_or_dash(instant: &Option<String>) -> String {
    instant.as_ref().map_or_else(|| "-".to_owned(), time)
}

/// A count, which templates hand over by value or through any number of references.
pub(super) trait Count {
    fn get(&self) -> u64;
}

impl Count for u64 {
    fn get(&self) -> u64 {
        *self
    }
}

impl Count for usize {
    fn get(&self) -> u64 {
        *self as u64
    }
}

impl<N: Count> Count for &N {
    fn get(&self) -> u64 {
        N::get(self)
    }
}

/// `1,234,567`.
pub(super) fn count(n: impl Count) -> String {
    words::grouped(n.get())
}

/// Nothing for 0.
pub(super) fn count_or_nothing(n: impl Count) -> String {
    match n.get() {
        0 => String::new(),
        n => words::grouped(n),
    }
}

pub(super) fn plural(n: impl Count, word: &str) -> String {
    words::plural(n.get(), word)
}

pub(super) fn bytes(n: impl Count) -> String {
    words::bytes(n.get())
}

pub(super) fn duration(seconds: &i64) -> String {
    words::duration(*seconds)
}

/// Whole per cent of `n` in `all`, with what is less than one told as such.
pub(super) fn percent(n: impl Count, all: impl Count) -> String {
    let (n, all) = (n.get(), all.get());
    match u128::from(n) * 100 / u128::from(all.max(1)) {
        0 if n > 0 => "< 1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_harmless() {
        assert_eq!(text("a\u{202e}b\0"), "a\\u{202e}b\\x00");
        for (long, n_shown) in [("x", 280), ("\0", 70), ("&", 56), ("ü", 140)] {
            let all = text(&long.repeat(1_000));
            let shown = all.strip_suffix('…').expect("it says that it is cut");
            assert_eq!(
                shown.replace("\\x00", "\0").chars().count(),
                n_shown,
                "{long}"
            );
        }
        assert_eq!(percent(1_u64, 1_000_u64), "< 1 %");
        assert_eq!(
            (percent(0_u64, 0_u64), percent(159_u64, 159_u64)),
            ("0 %".into(), "100 %".into())
        );
        assert_eq!(time("2026-11-20T14:39:20Z"), "2026-11-20 14:39:20Z");
        let after = |instant| time_after(instant, "2026-11-20T14:39:20Z");
        assert_eq!(after("2026-11-20T15:00:00Z"), "15:00:00Z");
        assert_eq!(after("2026-11-21T15:00:00Z"), "2026-11-21 15:00:00Z");
    }
}
