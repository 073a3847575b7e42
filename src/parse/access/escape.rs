//! What stands in a line, back to what the client sent: the inverse of `ngx_http_log_escape` and `ngx_escape_json`.
//!
//! Escaping is one to one (a backslash is escaped, too), so unescaping what nginx wrote gives the very bytes; what nginx never
//! writes stays as it is.

use super::Escape;
use crate::parse::json;
use std::borrow::Cow;

/// `raw` without escapes; borrowed if it has none.
///
/// `Escape::Json` understands all of JSON, since such lines are often rewritten by other programs.
#[inline]
pub fn unescape(escape: Escape, raw: &[u8]) -> Cow<'_, [u8]> {
    if escape == Escape::None || memchr::memchr(b'\\', raw).is_none() {
        return raw.into();
    }
    match escape {
        Escape::Json => from_json(raw),
        _ => from_hex(raw),
    }
    .into()
}

/// `\xHH`, in upper case and only of bytes that nginx escapes: `ngx_http_log_escape`.
#[cold]
fn from_hex(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let (byte, len) = match escaped(rest) {
            Some(byte) => (byte, 4),
            None => (b'\\', 1),
        };
        out.push(byte);
        rest = &rest[len..];
    }
    out.extend_from_slice(rest);
    out
}

/// The byte whose `\xHH` `text` begins with.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'\\', b'x', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let byte = digit(*high)? << 4 | digit(*low)?;
    matches!(byte, 0..0x20 | b'"' | b'\\' | 0x7f..).then_some(byte)
}

#[cold]
fn from_json(raw: &[u8]) -> Vec<u8> {
    let (whole, cut) = raw.split_at(raw.len() - cut_len(raw));
    let mut out = Vec::with_capacity(raw.len());
    json::unescape(whole, &mut out);
    out.extend_from_slice(cut);
    out
}

/// Length of the escape that the end of `raw` cuts: `\`, or `\u` with less than four digits.
fn cut_len(raw: &[u8]) -> usize {
    let Some(at) = memchr::memrchr(b'\\', raw) else {
        return 0;
    };
    let n_backslashes = raw[..=at].iter().rev().take_while(|b| **b == b'\\').count();
    let is_cut = match raw[at + 1..] {
        [] => true,
        [b'u', ref digits @ ..] => digits.len() < 4 && digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    };
    if n_backslashes % 2 == 1 && is_cut {
        raw.len() - at
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// `ngx_http_log_escape`.
    fn escape_default(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut out, &byte| {
            match byte {
                0..0x20 | b'"' | b'\\' | 0x7f.. => write!(out, "\\x{byte:02X}").expect("written"),
                _ => out.push(byte.into()),
            }
            out
        })
    }

    /// `ngx_escape_json`.
    fn escape_json(bytes: &[u8]) -> Vec<u8> {
        bytes.iter().fold(Vec::new(), |mut out, &byte| {
            match byte {
                b'"' | b'\\' => out.extend([b'\\', byte]),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b'\t' => out.extend(b"\\t"),
                8 => out.extend(b"\\b"),
                12 => out.extend(b"\\f"),
                0..0x20 => out.extend(format!("\\u00{byte:02X}").bytes()),
                _ => out.push(byte),
            }
            out
        })
    }

    /// Texts of bytes that matter, all of three and many longer ones.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        const BYTES: &[u8] = b"\\x5C\"u0ud8a1Ff\n\t\0\x1f\x7f\x80\xff ";
        let n = BYTES.len();
        let short = (0..n.pow(3)).map(move |k| vec![k % n, k / n % n, k / n / n]);
        let long = (0..20_000_usize).map(move |k| {
            let mut state = k as u64;
            let mut next = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize
            };
            (0..next() % 24).map(|_| next() % n).collect()
        });
        short
            .chain(long)
            .map(|text| text.into_iter().map(|at| BYTES[at]).collect())
    }

    #[test]
    fn what_nginx_escapes_comes_back() {
        for text in texts().chain([(0..=255).collect()]) {
            let raw = escape_default(&text);
            assert_eq!(
                *unescape(Escape::Default, raw.as_bytes()),
                text[..],
                "{raw}"
            );
            let raw = escape_json(&text);
            assert_eq!(*unescape(Escape::Json, &raw), text[..], "{raw:?}");
            assert_eq!(*unescape(Escape::None, &text), text[..]);
        }
    }

    /// As nginx 1.22.1 wrote it.
    #[test]
    fn observed_values() {
        let sent = b"a\"b\\c\x7f\xff\td";
        let got = unescape(Escape::Default, br"a\x22b\x5Cc\x7F\xFF\x09d");
        assert_eq!(*got, sent[..]);
        let got = unescape(Escape::Json, b"a\\\"b\\\\c\x7f\xff\\td");
        assert_eq!(*got, sent[..]);
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            "", "-", "abc", "\\", "a\\", "\\x", "\\x2", "\\x2g", "\\x2f", "\\x41", "\\xff", "\\n",
            "\\u0041",
        ] {
            assert_eq!(
                *unescape(Escape::Default, text.as_bytes()),
                *text.as_bytes(),
                "{text}"
            );
        }
        for text in [
            "", "abc", "\\", "a\\", "\\x22", "\\u", "\\u00", "\\u004", "\\u00g1", "\\q",
        ] {
            assert_eq!(
                *unescape(Escape::Json, text.as_bytes()),
                *text.as_bytes(),
                "{text}"
            );
        }
        assert_eq!(*unescape(Escape::Json, br"a\\"), *br"a\");
        assert!(matches!(
            unescape(Escape::Default, b"a b"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn all_of_json_is_understood() {
        for text in [r"\u00e9\/\ud83d\ude00", r"\u003c \\u003c", r"\\\\\n"] {
            let want: String = serde_json::from_str(&format!("\"{text}\"")).expect(text);
            assert_eq!(*unescape(Escape::Json, text.as_bytes()), *want.as_bytes());
        }
    }
}
