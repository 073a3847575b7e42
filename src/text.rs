//! Log bytes as text that cannot hurt: the one place where they become UTF-8.
//!
//! Log bytes are written by clients. What reaches a table is valid UTF-8 without control characters but tab and newline; what
//! reaches a terminal holds no character that moves the cursor, changes colours, hides or reorders text.

use std::{borrow::Cow, fmt::Write};

/// Bytes for a table cell: invalid UTF-8 and control characters but `\t` and `\n` as `\xHH`.
pub fn for_table(bytes: &[u8]) -> Cow<'_, str> {
    // All but a few texts are of printable ASCII, which needs no look at each character.
    match std::str::from_utf8(bytes) {
        Ok(text)
            if bytes
                .iter()
                .fold(true, |all, byte| all & matches!(byte, b' '..=b'~')) =>
        {
            text.into()
        }
        _ => escape(bytes, |c| c.is_control() && c != '\n' && c != '\t').into(),
    }
}

/// Bytes for a terminal or a line of a report: all control characters as `\xHH`, and characters that reorder or hide text
/// as `\u{H}`.
pub fn for_terminal(bytes: &[u8]) -> String {
    escape(bytes, |c| c.is_control() || is_deceptive(c))
}

/// Marks around what a sentence of this program quotes of a log or of a configuration, so that what shows it can tell both apart. No
/// text has them: these characters stand for nothing (Unicode, "noncharacters"), and [`for_terminal`] spells them out.
const QUOTE: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// `text`, which [`for_terminal`] made harmless, as a quotation within a sentence.
pub fn quoted(text: &str) -> String {
    format!("{}{text}{}", QUOTE[0], QUOTE[1])
}

/// Cuts a sentence at the marks of its quotations: parts, and whether each is quoted.
pub fn parts(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut is_quoted = false;
    text.split_inclusive(QUOTE).map(move |part| {
        let was_quoted = is_quoted;
        is_quoted = part.ends_with(QUOTE[0]);
        (was_quoted, part.trim_end_matches(QUOTE))
    })
}

/// A sentence without the marks of its quotations.
pub fn unmarked(text: &str) -> Cow<'_, str> {
    match text.contains(QUOTE) {
        true => parts(text).map(|(_, part)| part).collect(),
        false => text.into(),
    }
}

/// [`for_terminal`] of each line of `bytes`, which stay lines.
pub fn for_lines(bytes: &[u8]) -> String {
    let lines = bytes.split(|&byte| byte == b'\n');
    lines.map(for_terminal).collect::<Vec<_>>().join("\n")
}

/// [`for_terminal`] of what a path shows.
pub fn path_for_terminal(path: &std::path::Path) -> String {
    for_terminal(path.as_os_str().as_encoded_bytes())
}

/// The first `width` characters of `text`, with `…` for the rest.
pub fn truncated(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars()
        .take(width.saturating_sub(1))
        .chain(['…'])
        .collect()
}

/// `text` in lines of at most `width` characters, broken at blanks; its own lines stay apart and keep their indent.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    text.split('\n')
        .flat_map(|line| wrapped_line(line, width))
        .collect()
}

fn wrapped_line(text: &str, width: usize) -> Vec<String> {
    let words = text.trim_start_matches(' ');
    let indent = &text[..text.len() - words.len()];
    let mut lines = vec![indent.to_owned()];
    for word in words.split(' ') {
        let line = lines.last_mut().expect("never empty");
        let is_begun = line.len() > indent.len();
        if is_begun && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{indent}{word}"));
        } else {
            if is_begun {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn escape(bytes: &[u8], is_harmful: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match u32::from(c) {
                _ if !is_harmful(c) => text.push(c),
                code @ 0..=0xff => push(&mut text, format_args!("\\x{code:02x}")),
                code => push(&mut text, format_args!("\\u{{{code:x}}}")),
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| push(&mut text, format_args!("\\x{byte:02x}")));
    }
    text
}

fn push(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a String takes everything");
}

/// Bidirectional controls, zero-width characters, line separators, the byte-order mark, tags, and what stands for no character.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_harmful_gets_through() {
        assert_eq!(for_terminal(b"\x1b]52;c;x\x07"), "\\x1b]52;c;x\\x07");
        assert_eq!(
            for_terminal("a\u{202e}b\u{9b}".as_bytes()),
            "a\\u{202e}b\\x9b"
        );
        assert_eq!(for_terminal(b"a\nb\xff"), "a\\x0ab\\xff");
        assert_eq!(for_table(b"a\n\tb\0\xfe"), "a\n\tb\\x00\\xfe");
        assert_eq!(for_table("grün".as_bytes()), "grün");
        assert_eq!(truncated("abcdef", 4), "abc…");
    }

    #[test]
    fn quotations_are_told_from_the_sentence_around_them() {
        // Nobody else can write the marks.
        let name = quoted(&for_terminal("a\u{fdd1}b".as_bytes()));
        let sentence = format!("{name} and {} failed", quoted("c"));
        let told: Vec<(bool, &str)> = parts(&sentence).collect();
        assert_eq!(
            told,
            [
                (false, ""),
                (true, "a\\u{fdd1}b"),
                (false, " and "),
                (true, "c"),
                (false, " failed")
            ]
        );
        assert_eq!(unmarked(&sentence), "a\\u{fdd1}b and c failed");
    }
}
