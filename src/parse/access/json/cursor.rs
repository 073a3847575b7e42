//! JSON objects, member by member: the form is checked to the last brace, values are slices as they stand.
//!
//! ```text
//! line   = object                                                  blanks may stand between all of these
//! object = { [ string : value { , string : value } [ , ] ] }
//! array  = [ [ value { , value } [ , ] ] ]
//! value  = string | object | array | bare
//! string = " { any byte but " and \ | \ and any byte } "
//! bare   = { any byte but " { } , and in arrays [ ] }
//! ```
//!
//! That is RFC 8259 and what nginx makes of a `log_format` that looks like it but is not written with `escape=json`: `\xHH` in
//! strings, raw bytes of any kind, and places without quotes that hold nothing, `-`, or a list over attempts. Inside an
//! object a bare value goes on behind a comma unless a member or the end follows (`"t":0.1, 0.2 : 0.3,"s":200`).
//! What `serde_json` takes is taken and read alike, down to [`DEPTH_MAX`].

use crate::parse::json::string_end;

/// Objects and arrays within each other, the outermost counted: a log line has three, an attack as many as it likes.
pub const DEPTH_MAX: usize = 64;

/// A value as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// `null`, or nothing at all.
    Null,
    /// What stands between the quotes, escapes and all.
    Text(&'a [u8]),
    /// What stands without quotes: a number, a word, a list. Not empty, without blanks around it.
    Bare(&'a [u8]),
    /// What stands between the brackets.
    Array(&'a [u8]),
    Object,
}

impl<'a> Value<'a> {
    /// The value of a field: of an array with one element that element, of a longer one what stands between its brackets.
    #[inline]
    pub(super) fn plain(self) -> Option<&'a [u8]> {
        match self {
            Value::Text(raw) | Value::Bare(raw) => Some(raw),
            Value::Array(inside) => plain_array(inside),
            Value::Null | Value::Object => None,
        }
    }
}

#[cold]
fn plain_array(inside: &[u8]) -> Option<&[u8]> {
    let mut parts = elements(inside);
    let first = parts.next()?;
    let inside = inside.trim_ascii();
    match (parts.next(), inside.first()) {
        (Some(_), _) => Some(inside),
        (None, Some(b'[' | b'{')) => None,
        (None, _) => first,
    }
}

/// What stands where a member may begin.
pub(super) enum Next<'a> {
    /// A member: its key, escapes and all. The cursor is at its value.
    Member(&'a [u8]),
    /// The brace that ends the object; it is passed.
    End,
}

/// A place in a line. `None` from any step: the line is no JSON.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    /// What is open, the innermost lowest: 1 for an object.
    open: u64,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// Behind the brace that `line` begins with.
    #[inline]
    pub(super) fn new(line: &'a [u8]) -> Option<Cursor<'a>> {
        let mut cursor = Cursor {
            text: line,
            at: 0,
            open: 0,
            depth: 0,
        };
        cursor.skip_blanks();
        cursor.is_at(b'{').then_some(())?;
        cursor.enter()?;
        Some(cursor)
    }

    /// Offset in the line.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn is_at(&self, byte: u8) -> bool {
        self.text.get(self.at) == Some(&byte)
    }

    /// Passes `literal`, if the line goes on with it.
    #[inline]
    pub(super) fn pass(&mut self, literal: &[u8]) -> bool {
        let is_there = self.text[self.at..].starts_with(literal);
        if is_there {
            self.at += literal.len();
        }
        is_there
    }

    /// Passes the brace or bracket the cursor is at.
    #[inline]
    pub(super) fn enter(&mut self) -> Option<()> {
        let is_object = self.is_at(b'{');
        self.at += 1;
        self.open = self.open << 1 | u64::from(is_object);
        self.depth += 1;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    #[inline]
    fn leave(&mut self) {
        self.at += 1;
        self.open >>= 1;
        self.depth -= 1;
    }

    /// Goes to the value of the next member of the innermost object, from behind its brace or a comma.
    #[inline]
    pub(super) fn member(&mut self) -> Option<Next<'a>> {
        self.skip_blanks();
        match self.text.get(self.at)? {
            b'}' => {
                self.leave();
                Some(Next::End)
            }
            b'"' => {
                let key = self.string()?;
                self.skip_blanks();
                self.is_at(b':').then_some(())?;
                self.at += 1;
                self.skip_blanks();
                Some(Next::Member(key))
            }
            _ => None,
        }
    }

    /// Passes the value the cursor is at or before.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        self.skip_blanks();
        match self.text.get(self.at)? {
            b'"' => self.string().map(Value::Text),
            b'{' => {
                self.skip_nested()?;
                Some(Value::Object)
            }
            b'[' => {
                let start = self.at + 1;
                self.skip_nested()?;
                Some(Value::Array(&self.text[start..self.at - 1]))
            }
            _ => self.bare(),
        }
    }

    /// Passes what stands behind a value: a comma, or nothing before the end of the object or array.
    #[inline]
    pub(super) fn end_value(&mut self) -> Option<()> {
        self.skip_blanks();
        match self.text.get(self.at)? {
            b',' => self.at += 1,
            b'}' | b']' => {}
            _ => return None,
        }
        Some(())
    }

    /// Whether nothing follows the outermost object, which must have ended.
    #[inline]
    pub(super) fn is_finished(&mut self) -> bool {
        self.skip_blanks();
        self.at == self.text.len()
    }

    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// What stands between the quote the cursor is at and the next one, which is passed.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        let end = string_end(self.text, start)?;
        self.at = end + 1;
        Some(&self.text[start..end])
    }

    #[inline]
    fn bare(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        loop {
            match self.text.get(self.at)? {
                b',' if !self.is_in_object() || self.ends_at_comma() => break,
                b'}' if self.is_in_object() => break,
                b']' if !self.is_in_object() => break,
                b'"' | b'{' | b'}' => return None,
                b'[' if !self.is_in_object() => return None,
                _ => self.at += 1,
            }
        }
        match self.text[start..self.at].trim_ascii_end() {
            b"" | b"null" => Some(Value::Null),
            bare => Some(Value::Bare(bare)),
        }
    }

    #[inline]
    fn is_in_object(&self) -> bool {
        self.open & 1 == 1
    }

    /// Whether a member, or the end of the object, follows the comma the cursor is at.
    #[inline]
    fn ends_at_comma(&self) -> bool {
        let behind = self.text[self.at + 1..].trim_ascii_start();
        matches!(behind.first(), Some(b'"' | b'}'))
    }

    /// Passes the object or array the cursor is at, without recursion.
    #[inline(never)]
    fn skip_nested(&mut self) -> Option<()> {
        let depth = self.depth;
        self.enter()?;
        while self.depth > depth {
            if self.is_in_object() {
                if let Next::End = self.member()? {
                    self.end_inner(depth)?;
                    continue;
                }
            } else {
                self.skip_blanks();
                if self.is_at(b']') {
                    self.leave();
                    self.end_inner(depth)?;
                    continue;
                }
            }
            match self.text.get(self.at)? {
                b'{' | b'[' => self.enter()?,
                b'"' => {
                    self.string()?;
                    self.end_value()?;
                }
                _ => {
                    self.bare()?;
                    self.end_value()?;
                }
            }
        }
        Some(())
    }

    /// Passes what follows an object or array that is a value of one that is to be passed, too.
    fn end_inner(&mut self, depth: usize) -> Option<()> {
        if self.depth > depth {
            self.end_value()?;
        }
        Some(())
    }
}

/// The elements of a list, as they stand between the brackets of an array: strings without their quotes, escapes kept; what
/// stands bare without the blanks around it; objects and arrays whole. `None` for `null` and for nothing. Any bytes will do.
///
/// A value in which a quote stands is such a list, since within a string every quote is escaped:
/// `"10.0.0.1:80","10.0.0.2:80"` tells two addresses. Of numbers, `0.1,0.2`, the commas tell.
pub fn elements(inside: &[u8]) -> Elements<'_> {
    Elements { rest: inside }
}

/// See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start();
        let first = rest.first()?;
        let (start, end, behind) = match first {
            b'"' => {
                let end = string_end(rest, 1).unwrap_or(rest.len());
                (1, end, rest.len().min(end + 1))
            }
            b'[' | b'{' => {
                let mut cursor = Cursor {
                    text: rest,
                    at: 0,
                    open: 0,
                    depth: 0,
                };
                let end = cursor.skip_nested().map_or(rest.len(), |()| cursor.at);
                (0, end, end)
            }
            _ => {
                let end = comma(rest);
                (0, end, end)
            }
        };
        let behind = &rest[behind..];
        self.rest = behind.get(comma(behind) + 1..).unwrap_or_default();
        match (first, &rest[start..end]) {
            (b'"', text) => Some(Some(text)),
            (_, bare) => match bare.trim_ascii_end() {
                b"" | b"null" => Some(None),
                bare => Some(Some(bare)),
            },
        }
    }
}

/// Offset of the first comma, or the length.
fn comma(text: &[u8]) -> usize {
    memchr::memchr(b',', text).unwrap_or(text.len())
}
