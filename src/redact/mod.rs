//! What of a log may leave: the one place that decides, for every output.
//!
//! Log text gets out as a [`Shown`] only, and only a [`Redactor`] makes one, by what the text is: a client, a URI, a message. So an
//! output has to say what it shows before it can, and what `--redact` asks for is done to all alike.
//!
//! | what | with `--redact` |
//! |---|---|
//! | clients, and addresses in text | `client-` and twelve digits of the HMAC-SHA-256 of the address under a key |
//! | URIs, referrers | the route ([`write_route`]), folded further; of the query only the names of its parameters |
//! | messages | words that nginx itself uses, numbers it counts with, and the upstream of the record; all else is `*` |
//! | what findings quote of a log or a configuration | routes; names of groups, servers and upstreams, and their addresses; of directives numbers, variables and nginx's own words; all else is `*` |
//! | hosts, servers, machines, upstreams, sources | as they are: they are the gateway's own; `*` if they do not look like any |
//! | everything else a client writes (users, cookies, agents, bodies, stderr of applications) | not shown |
//!
//! Nothing that is counted changes: this is about text alone. Without `--redact` text is shown as it is.
//!
//! [`write_route`]: crate::parse::access::route::write_route

mod address;
mod message;
mod sentence;
mod uri;
mod words;

use crate::{event::Category, text};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use std::{borrow::Cow, fmt};

/// Decides what may leave. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The state of a keyed digest; `None`: all may.
    key: Option<Hmac<Sha256>>,
}

/// Log text that may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<'a>(Cow<'a, [u8]>);

impl Shown<'_> {
    /// A word of this program.
    pub fn word(word: &'static str) -> Shown<'static> {
        Shown(word.as_bytes().into())
    }

    /// Several, one behind the other.
    pub fn joined(parts: &[Shown<'_>]) -> Shown<'static> {
        let parts: Vec<&[u8]> = parts.iter().map(Shown::bytes).collect();
        Shown(parts.concat().into())
    }

    /// For a report, where it may have lines.
    pub fn for_page(&self) -> String {
        text::for_lines(&self.0)
    }

    /// Without the end of its line.
    pub fn without_end(&self) -> Shown<'_> {
        let line = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        Shown(line.strip_suffix(b"\r").unwrap_or(line).into())
    }

    pub fn into_owned(self) -> Shown<'static> {
        Shown(self.0.into_owned().into())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// For a table cell.
    pub fn for_table(&self) -> Cow<'_, str> {
        text::for_table(&self.0)
    }

    /// For a terminal or a line of a report.
    pub fn for_terminal(&self) -> String {
        text::for_terminal(&self.0)
    }
}

/// What a message is of: what in it is the gateway's own.
#[derive(Clone, Copy, Debug)]
pub struct Saying<'a> {
    pub category: Category,
    /// A row of the taxonomy describes it; else all in it may be a client's.
    pub is_known: bool,
    /// The upstream of the record.
    pub upstream: Option<&'a [u8]>,
}

/// What is counted together past a limit is called so (`aggregate::limits`).
const POOLED: &[u8] = b"(other)";

/// Bytes that a key must have.
pub const KEY_LEN_MIN: usize = 16;

impl Redactor {
    /// Shows everything.
    pub fn open() -> Redactor {
        Redactor::default()
    }

    /// Hides what may be a client's; equal keys give equal pseudonyms.
    pub fn keyed(key: &[u8]) -> Redactor {
        let state = Hmac::new_from_slice(key).expect("a key of any length will do");
        Redactor { key: Some(state) }
    }

    /// Whether everything is shown.
    pub fn is_open(&self) -> bool {
        self.key.is_none()
    }

    fn show<'a>(
        &self,
        bytes: &'a [u8],
        hide: impl FnOnce(&[u8], &Hmac<Sha256>, &mut Vec<u8>),
    ) -> Shown<'a> {
        let Some(key) = &self.key else {
            return Shown(bytes.into());
        };
        let mut hidden = Vec::new();
        hide(bytes, key, &mut hidden);
        Shown(hidden.into())
    }

    /// Addresses of clients, one or a list of them.
    pub fn client<'a>(&self, client: &'a [u8]) -> Shown<'a> {
        self.show(client, |client, key, out| {
            if client == POOLED {
                return out.extend_from_slice(client);
            }
            for (index, one) in client.split(|&byte| byte == b',').enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                match one.trim_ascii() {
                    local @ b"unix:" => out.extend_from_slice(local),
                    one => address::write_pseudonym(one, key, out),
                }
            }
        })
    }

    /// Addresses or groups of upstreams, one or those of all attempts.
    pub fn upstream<'a>(&self, upstream: &'a [u8]) -> Shown<'a> {
        self.show(upstream, |upstream, _, out| {
            words::write_own(upstream, b"._:-[]/@(), ", out)
        })
    }

    /// The name of a host, server or machine.
    pub fn host<'a>(&self, host: &'a [u8]) -> Shown<'a> {
        self.show(host, |host, _, out| words::write_own(host, b"._:-[]*", out))
    }

    /// The name of a source, with or without a place in it. It stays, so that places can be looked up.
    pub fn source<'a>(&self, name: &'a [u8]) -> Shown<'a> {
        Shown(name.into())
    }

    pub fn method<'a>(&self, method: &'a [u8]) -> Shown<'a> {
        self.show(method, |method, _, out| words::write_method(method, out))
    }

    /// What a request asks for, a referrer, or the URL of an upstream.
    pub fn uri<'a>(&self, uri: &'a [u8]) -> Shown<'a> {
        self.show(uri, uri::write_uri)
    }

    /// `GET /a?b=c HTTP/1.1`
    pub fn request_line<'a>(&self, line: &'a [u8]) -> Shown<'a> {
        self.show(line, |line, key, out| {
            uri::write_request_line(line, key, out)
        })
    }

    /// What nginx says, with errno and action, without the fields behind it.
    pub fn message<'a>(&self, message: &'a [u8], saying: Saying<'_>) -> Shown<'a> {
        self.show(message, |message, key, out| {
            message::write_message(message, saying, key, out)
        })
    }

    /// The shape of messages that nothing describes (`classify::residue`).
    pub fn shape<'a>(&self, shape: &'a [u8]) -> Shown<'a> {
        let saying = Saying {
            category: Category::Other,
            is_known: false,
            upstream: None,
        };
        self.message(shape, saying)
    }

    /// A line of a log as it stands there; else what is `written_anew` of it from what may be shown.
    pub fn line<'a>(
        &self,
        line: &'a [u8],
        written_anew: impl FnOnce() -> Shown<'static>,
    ) -> Shown<'a> {
        match self.is_open() {
            true => Shown(line.into()),
            false => written_anew(),
        }
    }

    /// A number, a time or a word of nginx's own, as an access log writes it; nothing else is taken for one.
    pub fn value<'a>(&self, value: &'a [u8]) -> Shown<'a> {
        self.show(value, |value, _, out| words::write_value(value, out))
    }

    /// A sentence of this program about a source. Lines that it quotes stand below its first line.
    pub fn said<'a>(&self, text: &'a str) -> Shown<'a> {
        self.show(text.as_bytes(), |text, _, out| {
            let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
            out.extend_from_slice(&text[..end]);
            if end < text.len() {
                out.extend_from_slice("; its lines are not shown".as_bytes());
            }
        })
    }

    /// A sentence of this program about what happened: paths and URLs in it may be routes, and what it quotes of a log or of a
    /// configuration may hold anything.
    pub fn sentence<'a>(&self, text: &'a str) -> Shown<'a> {
        self.show_marked(text, sentence::write_sentence)
    }

    /// A sentence or a command of this program that is the same for everybody, but for what it quotes.
    pub fn advice<'a>(&self, text: &'a str) -> Shown<'a> {
        self.show_marked(text, |text, _, out| out.extend_from_slice(text.as_bytes()))
    }

    /// What to write in a configuration, and where: `directive value (context)`.
    pub fn change<'a>(&self, text: &'a str) -> Shown<'a> {
        let Some(key) = &self.key else {
            return self.advice(text);
        };
        let mut hidden = Vec::new();
        let mut parts = text::parts(text);
        let (_, directive) = parts.next().unwrap_or_default();
        hidden.extend_from_slice(directive.as_bytes());
        let name = directive.trim_end();
        for (is_quoted, part) in parts {
            // What stands behind the directive's value is its context.
            match is_quoted && !hidden.ends_with(b"(") {
                true => sentence::write_values(name.as_bytes(), part.as_bytes(), key, &mut hidden),
                false if is_quoted => sentence::write_quotation(part, key, &mut hidden),
                false => hidden.extend_from_slice(part.as_bytes()),
            }
        }
        Shown(hidden.into())
    }

    /// Shows `text` without the marks of its quotations; where not all may leave, `hide` writes what stands between these.
    fn show_marked<'a>(
        &self,
        text: &'a str,
        hide: impl Fn(&str, &Hmac<Sha256>, &mut Vec<u8>),
    ) -> Shown<'a> {
        let Some(key) = &self.key else {
            return match text::unmarked(text) {
                Cow::Borrowed(text) => Shown(text.as_bytes().into()),
                Cow::Owned(text) => Shown(text.into_bytes().into()),
            };
        };
        let mut hidden = Vec::new();
        for (is_quoted, part) in text::parts(text) {
            match is_quoted {
                true => sentence::write_quotation(part, key, &mut hidden),
                false => hide(part, key, &mut hidden),
            }
        }
        Shown(hidden.into())
    }

    /// What a format of access logs is called; one that the lines themselves showed is spelled like them.
    pub fn format<'a>(&self, name: &'a str) -> Shown<'a> {
        self.show(name.as_bytes(), |name, _, out| {
            let end = memchr::memmem::find(name, b": ").unwrap_or(name.len());
            out.extend_from_slice(&name[..end]);
        })
    }
}

impl fmt::Debug for Redactor {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_open() { "open" } else { "keyed" })
    }
}

#[cfg(test)]
mod tests;
