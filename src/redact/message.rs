//! Messages of the error log, word by word: what is nginx's own stays.

use super::{Saying, address, uri, words};
use crate::event::Category;
use hmac::Hmac;
use sha2::Sha256;

/// Digits of a number with which nginx counts: bytes, lines, errnos.
const NUMBER_LEN_MAX: usize = 7;

/// What stands before that of an application (`ngx_http_fastcgi_module.c`).
const STDERR: &[u8] = b"FastCGI sent in stderr";

/// Writes `message`: words of nginx, numbers outside quotes, the upstream, and quoted paths as routes; `*` for all else.
pub(super) fn write_message(
    message: &[u8],
    saying: Saying<'_>,
    key: &Hmac<Sha256>,
    out: &mut Vec<u8>,
) {
    let is_stderr = saying.category == Category::AppStderr || message.starts_with(STDERR);
    if is_stderr && memchr::memchr(b'"', message).is_some() {
        return write_stderr(message, saying, key, out);
    }
    let mut writer = Writer {
        saying,
        key,
        has_numbers: saying.is_known && !message.starts_with(b"["),
        out,
    };
    let mut rest = message;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        writer.words(&rest[..quote]);
        let inner = &rest[quote + 1..];
        let len = memchr::memchr(b'"', inner).unwrap_or(inner.len());
        writer.quoted(&inner[..len]);
        rest = inner.get(len + 1..).unwrap_or_default();
    }
    writer.words(rest);
}

/// What an application writes may hold anything: all between the first quote and the last is left out.
fn write_stderr(message: &[u8], saying: Saying<'_>, key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    let saying = Saying {
        category: Category::Other,
        ..saying
    };
    let first = memchr::memchr(b'"', message).unwrap_or(message.len());
    write_message(&message[..first], saying, key, out);
    out.extend_from_slice("\"…\"".as_bytes());
    let last = memchr::memrchr(b'"', message).filter(|&last| last > first);
    let behind = last.map_or(&b""[..], |last| &message[last + 1..]);
    write_message(behind, saying, key, out);
}

struct Writer<'a, 'o> {
    saying: Saying<'a>,
    key: &'a Hmac<Sha256>,
    /// Numbers in it are nginx's own.
    has_numbers: bool,
    out: &'o mut Vec<u8>,
}

impl Writer<'_, '_> {
    /// What stood in quotes.
    fn quoted(&mut self, text: &[u8]) {
        self.out.push(b'"');
        let is_uri = text.starts_with(b"/") || memchr::memmem::find(text, b"://").is_some();
        if Some(text) == self.saying.upstream {
            self.out.extend_from_slice(text);
        } else if is_uri && self.saying.is_known {
            uri::write_uri(text, self.key, self.out);
        } else {
            let has_numbers = std::mem::replace(&mut self.has_numbers, false);
            self.words(text);
            self.has_numbers = has_numbers;
        }
        self.out.push(b'"');
    }

    fn words(&mut self, text: &[u8]) {
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let starts = at == 0 || !words::is_inside(text[at - 1]);
            at += if starts {
                self.token(rest)
            } else {
                self.mark(rest)
            };
        }
    }

    /// Writes what `rest` begins with; its length.
    fn token(&mut self, rest: &[u8]) -> usize {
        let upstream = self.saying.upstream.filter(|name| name.len() > 2);
        if let Some(name) = upstream.filter(|name| rest.starts_with(name))
            && !rest
                .get(name.len())
                .is_some_and(|&byte| words::is_inside(byte))
        {
            self.out.extend_from_slice(name);
            return name.len();
        }
        if let Some(len) = address::len(rest) {
            // The upstream without its port: a name that was looked up.
            let is_upstream = |name: &[u8]| {
                name.strip_prefix(&rest[..len])
                    .is_some_and(|port| port.starts_with(b":"))
            };
            if upstream.is_some_and(is_upstream) {
                self.out.extend_from_slice(&rest[..len]);
                return len;
            }
            address::write_pseudonym(&rest[..len], self.key, self.out);
            return len;
        }
        let len = rest
            .iter()
            .take_while(|&&byte| words::is_inside(byte))
            .count();
        let word = &rest[..len];
        if len == 0 {
            return self.mark(rest);
        }
        let is_number = len <= NUMBER_LEN_MAX && word.iter().all(u8::is_ascii_digit);
        if words::is_own(word) && (self.has_numbers || !word[0].is_ascii_digit())
            || is_number && self.has_numbers
        {
            self.out.extend_from_slice(word);
        } else {
            self.star();
        }
        len
    }

    /// Writes one byte that is part of no word.
    fn mark(&mut self, rest: &[u8]) -> usize {
        match rest[0] {
            byte if words::is_inside(byte) => self.star(),
            byte if byte.is_ascii_control() => self.out.push(b' '),
            byte => self.out.push(byte),
        }
        1
    }

    /// Stands for a word, and for several with a mark between them: `jane.doe@example.com` is one.
    fn star(&mut self) {
        let is_joint = |byte: u8| !matches!(byte, b' ' | b'"' | b'(' | b')' | b'[' | b']' | b',');
        match self.out[..] {
            [.., b'*'] => {}
            [.., b'*', mark] if is_joint(mark) => {
                self.out.pop();
            }
            _ => self.out.push(b'*'),
        }
    }
}
