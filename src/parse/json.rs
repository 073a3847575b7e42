//! JSON objects on one line, whole or damaged: members as slices, strings with their escapes.
//!
//! ```text
//! object = { [ member { , member } ] }     member = string : value     RFC 8259
//! ```
//!
//! Not a validator: it finds members as long as it can, and says whether it came to the end of the object, since of a damaged
//! envelope the text is wanted all the same. `serde_json` is the reference it is tested against
//! (`tests/integration/wrapper_twins.rs`).

use memchr::{memchr, memchr2, memchr3};

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// What stands between the quotes, escapes and all.
    Text(&'a [u8]),
    /// A string whose closing quote is gone.
    CutText(&'a [u8]),
    /// Numbers, literals, arrays and objects.
    Other(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The string as it is written, whole or cut.
    pub(super) fn raw_text(self) -> Option<&'a [u8]> {
        match self {
            Value::Text(raw) | Value::CutText(raw) => Some(raw),
            Value::Other(_) => None,
        }
    }
}

/// The members of the object that a text begins with. `is_whole` after the last one says whether its brace was found.
pub(super) struct Members<'a> {
    text: &'a [u8],
    at: usize,
    pub(super) is_whole: bool,
}

impl<'a> Members<'a> {
    /// `None` if `text` does not begin with a brace.
    pub(super) fn new(text: &'a [u8]) -> Option<Members<'a>> {
        (text.first() == Some(&b'{')).then_some(Members {
            text,
            at: 1,
            is_whole: false,
        })
    }

    /// Goes on at `at`, an offset in an object behind a whole member.
    pub(super) fn resume(text: &'a [u8], at: usize) -> Members<'a> {
        Members {
            text,
            at,
            is_whole: false,
        }
    }

    /// The string whose opening quote is at `at`.
    pub(super) fn string_at(text: &'a [u8], at: usize) -> Option<Value<'a>> {
        let mut members = Members::resume(text, at);
        (text.get(at) == Some(&b'"')).then(|| members.string())
    }

    /// Offset behind the brace of the object that `text` begins with; `None` if it is not whole.
    pub(super) fn object_end(text: &[u8]) -> Option<usize> {
        let mut members = Members::new(text)?;
        (&mut members).for_each(drop);
        members.is_whole.then_some(members.at)
    }

    fn skip_blanks(&mut self) {
        let is_blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.text[self.at..].iter().take_while(is_blank).count();
    }

    /// What stands between the quote at the present offset and the next one, which is passed.
    fn string(&mut self) -> Value<'a> {
        let start = self.at + 1;
        match string_end(self.text, start) {
            Some(end) => {
                self.at = end + 1;
                Value::Text(&self.text[start..end])
            }
            None => {
                self.at = self.text.len();
                Value::CutText(&self.text[start..])
            }
        }
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        match self.text.get(start)? {
            b'"' => return Some(self.string()),
            b'{' | b'[' => self.skip_nested(),
            _ => {
                let is_inside =
                    |b: &&u8| !matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                self.at += self.text[start..].iter().take_while(is_inside).count();
            }
        }
        (self.at > start).then(|| Value::Other(&self.text[start..self.at]))
    }

    /// Passes an array or object, of any depth, without recursion.
    fn skip_nested(&mut self) {
        let mut depth = 0usize;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks();
        while self.text.get(self.at) == Some(&b',') {
            self.at += 1;
            self.skip_blanks();
        }
        match self.text.get(self.at)? {
            b'"' => {}
            b'}' => {
                self.is_whole = true;
                self.at += 1;
                return None;
            }
            _ => return None,
        }
        let Value::Text(key) = self.string() else {
            return None;
        };
        self.skip_blanks();
        if self.text.get(self.at) != Some(&b':') {
            return None;
        }
        self.at += 1;
        self.skip_blanks();
        Some((key, self.value()?))
    }
}

/// Offset of the quote that ends the string whose first byte is at `from`.
#[inline]
pub(super) fn string_end(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Undoes the escapes of a string, as they stand between its quotes.
pub(super) fn unescape(raw: &[u8], out: &mut impl for<'b> Extend<&'b u8>) {
    let mut from = 0;
    while let Some(found) = memchr(b'\\', &raw[from..]) {
        out.extend(&raw[from..from + found]);
        from += found;
        from += unescape_one(&raw[from..], out);
    }
    out.extend(&raw[from..]);
}

/// Decodes the string whose first byte `text` begins with, up to its quote, whose offset is returned; without one, up to
/// the end. One pass: most strings of logs hold escapes every few words.
#[inline]
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let mut from = 0;
    loop {
        let Some(found) = memchr2(b'"', b'\\', &text[from..]) else {
            out.extend_from_slice(&text[from..]);
            return None;
        };
        out.extend_from_slice(&text[from..from + found]);
        from += found;
        if text[from] == b'"' {
            return Some(from);
        }
        match text.get(from + 1) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => {
                out.push(byte);
                from += 2;
            }
            _ => from += unescape_one(&text[from..], out),
        }
    }
}

/// The escape that `text` begins with, to `out`; its length. What is none is kept as it stands; one that the end of the
/// text cuts is dropped.
fn unescape_one(text: &[u8], out: &mut impl for<'b> Extend<&'b u8>) -> usize {
    let plain = match text.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
        Some(b'u') => return unescape_unicode(text, out),
        Some(_) => {
            out.extend(b"\\");
            return 1;
        }
        None => return 1,
    };
    out.extend(&[plain]);
    2
}

/// `\uXXXX`, or two of them for a character past U+FFFF; half of such a pair becomes U+FFFD.
#[cold]
fn unescape_unicode(text: &[u8], out: &mut impl for<'b> Extend<&'b u8>) -> usize {
    let Some(first) = unit(text) else {
        let is_cut = text.len() < 6 && text[2..].iter().all(u8::is_ascii_hexdigit);
        if is_cut {
            return text.len();
        }
        out.extend(b"\\");
        return 1;
    };
    let second = text.get(6..).and_then(unit);
    let (code, len) = match (first, second) {
        (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
            (0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00), 12)
        }
        _ => (first, 6),
    };
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
    len
}

/// The number of `\uXXXX`.
fn unit(text: &[u8]) -> Option<u32> {
    let hex = text.strip_prefix(b"\\u")?.get(..4)?;
    let digit = |value: u32, b: &u8| Some(value << 4 | (*b as char).to_digit(16)?);
    hex.iter().try_fold(0, digit)
}

/// The bytes of `[27,91,51]`, as journald writes texts that are no UTF-8; numbers past 255 are left out. `None` if it is no
/// array of numbers. A missing bracket is no matter.
pub(super) fn byte_array(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let inside = value.strip_prefix(b"[")?;
    let is_number =
        |b: &u8| b.is_ascii_digit() || b.is_ascii_whitespace() || matches!(b, b',' | b']');
    if !inside.iter().all(is_number) {
        return None;
    }
    let numbers = inside
        .split(|b| !b.is_ascii_digit())
        .filter(|digits| !digits.is_empty());
    out.extend(numbers.filter_map(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok()));
    Some(())
}

/// The first string of an array, as it is written.
pub(super) fn first_text(value: &[u8]) -> Option<&[u8]> {
    let start = memchr3(b'"', b'[', b']', value.strip_prefix(b"[")?)? + 2;
    let end = string_end(value, start)?;
    (value[start - 1] == b'"').then(|| &value[start..end])
}
