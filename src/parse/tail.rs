//! The tail: what `log->handler` appends after the message.
//!
//! ```text
//! http    , client: IP, server: NAME, request: "LINE", subrequest: "URI", upstream: "URL", host: "H", referrer: "R"
//! stream  , [udp ]client: IP, server: ADDR, upstream: "PEER", bytes from/to client:R/S, bytes from/to upstream:R/S
//! mail    , client: IP[ using starttls], server: ADDR, login: "L", upstream: NAME
//! own     , resolver: ADDR · , responder: H, peer: A, certificate: "F" · , context: ngx.timer[, client: …]
//! Angie   values quoted, `request_line` for `request`
//! ```
//!
//! Order and spelling are fixed, every part may be missing, nothing is escaped. A quoted value therefore ends at the first
//! quote that the end of the record, or a key that may still come, follows; the request, which a client writes, at one
//! that ` HTTP/x.y` precedes, if there is such a one. What a client imitates inside its own fields changes nothing.

use super::head::fits;
use memchr::{memchr, memchr_iter, memrchr};

/// The fields of a tail, as slices of the record; `None` means not written or cut off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tail<'a> {
    pub client: Option<&'a [u8]>,
    pub server: Option<&'a [u8]>,
    pub request: Option<&'a [u8]>,
    pub subrequest: Option<&'a [u8]>,
    /// The whole value: scheme, address and URI.
    pub upstream: Option<&'a [u8]>,
    /// The upstream value has no closing quote.
    pub upstream_open: bool,
    /// What follows the upstream: host and referrer, read when asked for.
    pub(super) rest: &'a [u8],
    /// A quoted value has no closing quote, or a key is incomplete: the record was cut.
    pub open: bool,
}

impl<'a> Tail<'a> {
    /// The Host header, or the authority of HTTP/2.
    pub fn host(&self) -> Option<&'a [u8]> {
        self.later().0
    }

    /// The Referer header.
    pub fn referrer(&self) -> Option<&'a [u8]> {
        self.later().1
    }

    /// Whether another tail begins behind the upstream: then one of the two is somebody else's. If the first is, the request in the
    /// other holds all of it.
    #[inline]
    pub fn is_doubled(self) -> bool {
        let len = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
        let first = len(self.client) + len(self.server) + len(self.request) + len(self.upstream);
        self.rest.len() > first + WORDS_LEN && super::record::has_tail(self.rest)
    }

    fn later(&self) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
        let rest = self.rest;
        let (mut host, mut at) = (None, 0);
        if let Some((HOST, value_at)) = next_key(rest, 0, HOST) {
            let value = &rest[value_at..];
            let end = value_close(value, 0, HOST).map_or(value.len(), |close| close.quote);
            host = Some(&value[..end]);
            at = value_at + end + 1;
        }
        let referrer = match next_key(rest, at, REFERRER) {
            Some((REFERRER, value_at)) => {
                let value = &rest[value_at..];
                Some(&value[..referrer_end(value).unwrap_or(value.len())])
            }
            _ => None,
        };
        (host, referrer)
    }
}

/// Bytes, at least, that a tail and the end of a message before it have besides the values: `" failed (2: …), client: `, and so on.
const WORDS_LEN: usize = 48;

/// The quoted keys in the order of `ngx_http_log_error_handler`, each with the text that opens its value.
const KEYS: [&[u8]; 8] = [
    b", request: \"",
    b", request_line: \"",
    b", login: \"",
    b", subrequest: \"",
    b", upstream: \"",
    b", host: \"",
    b", referrer: \"",
    b", request_id: \"",
];
const REQUEST: usize = 0;
const REQUEST_LINE: usize = 1;
const LOGIN: usize = 2;
const SUBREQUEST: usize = 3;
const UPSTREAM: usize = 4;
const HOST: usize = 5;
const REFERRER: usize = 6;
const REQUEST_ID: usize = 7;

/// Reads the tail that begins at `text[0]`, which is a comma or the end. A record may stop anywhere inside.
pub fn parse_tail(text: &[u8]) -> Tail<'_> {
    let mut tail = Tail::default();
    let mut at = 0;
    let client = match behind_key(text, at, b", client: ") {
        None => find_client(text),
        usual => usual,
    };
    if let Some(value_at) = client {
        at = client_end(text, value_at);
        tail.client = Some(unquoted(&text[value_at..at]));
    }
    if let Some(value_at) = behind_key(text, at, b", server: ") {
        at = server_end(text, value_at);
        tail.server = Some(unquoted(&text[value_at..at]));
        if text[at..].starts_with(PROTOCOL) {
            at += protocol_len(&text[at..]);
        }
    }
    parse_quoted(text, at, &mut tail);
    tail
}

/// The offset behind `key`, if it stands at `at`.
#[inline(always)]
fn behind_key(text: &[u8], at: usize, key: &[u8; 10]) -> Option<usize> {
    text.get(at..)?.starts_with(key).then_some(at + key.len())
}

/// Angie writes this into the tail of a stream, behind the server.
const PROTOCOL: &[u8] = b", protocol: \"";

/// Length of Angie's protocol key and its value, `tcp` or `udp`.
#[cold]
fn protocol_len(text: &[u8]) -> usize {
    let value = &text[PROTOCOL.len()..];
    memchr(b'"', value).map_or(text.len(), |quote| PROTOCOL.len() + quote + 1)
}

/// Reads the quoted keys from `at` on, in their order, up to the host.
fn parse_quoted<'a>(text: &'a [u8], mut at: usize, tail: &mut Tail<'a>) {
    let mut from = 0;
    let mut next = next_key(text, at, from);
    while let Some((key, value_at)) = next
        && key < HOST
    {
        let close = match key {
            REQUEST | REQUEST_LINE => request_close(text, value_at, key),
            _ => value_close(text, value_at, key),
        };
        tail.take(
            key,
            &text[value_at..],
            close.map(|close| close.before(value_at)),
        );
        let Some(close) = close else {
            tail.open = true;
            return;
        };
        at = close.quote + 1;
        from = after(key);
        next = close.next.map(|key| (key, at + KEYS[key].len()));
    }
    tail.rest = text.get(at..).unwrap_or_default();
    // A whole tail ends with the quote that closes its last value, or with the counters of a stream.
    tail.open = match tail.rest {
        [] => false,
        [.., b':', b' ', b'"'] => true,
        [.., b'"'] => false,
        rest => is_cut_key(rest, from) || next_key(rest, 0, HOST).is_some(),
    };
}

impl<'a> Tail<'a> {
    /// Takes in the value of `key`, which begins at `rest[0]`; `close` is its end, if it has one.
    #[inline]
    fn take(&mut self, key: usize, rest: &'a [u8], close: Option<Close>) {
        let value = &rest[..close.map_or(rest.len(), |close| close.quote)];
        match key {
            REQUEST | REQUEST_LINE => self.request = Some(value),
            SUBREQUEST => self.subrequest = Some(value),
            UPSTREAM => {
                self.upstream = Some(value);
                self.upstream_open = close.is_none();
                // By value, so that the tail can stay in registers.
                if close.is_none_or(|close| close.has_quotes)
                    && let Some(true_value) = imitated_upstream(value)
                {
                    self.request = None; // its true text is not one slice any more: better unknown than forged
                    self.upstream = Some(true_value);
                }
            }
            _ => {}
        }
    }
}

/// The first key that may follow `key`: of the three that begin the list a tail has one.
#[inline(always)]
fn after(key: usize) -> usize {
    (key + 1).max(SUBREQUEST)
}

/// The quote that ends a value.
#[derive(Clone, Copy)]
struct Close {
    quote: usize,
    /// The key behind it, if one is there in full.
    next: Option<usize>,
    /// The value holds quotes of its own.
    has_quotes: bool,
}

impl Close {
    /// The same, as an offset in the value that begins at `value_at`.
    #[inline(always)]
    fn before(self, value_at: usize) -> Close {
        Close {
            quote: self.quote - value_at,
            ..self
        }
    }
}

/// The true upstream in a `value` that begins inside a request whose end and upstream a client imitated.
#[cold]
fn imitated_upstream(value: &[u8]) -> Option<&[u8]> {
    let quote = imitated_request_end(value)?;
    Some(&value[quote + KEYS[UPSTREAM].len() + 1..])
}

/// The key at `at`, not before `from` in the order, and the offset of its value.
#[inline(always)]
fn next_key(text: &[u8], at: usize, from: usize) -> Option<(usize, usize)> {
    let key = key_of(text.get(at..)?)?;
    (key >= from).then(|| (key, at + KEYS[key].len()))
}

/// The key `rest` begins with.
#[inline(always)]
fn key_of(rest: &[u8]) -> Option<usize> {
    const fn word(bytes: &[u8; 4]) -> u32 {
        u32::from_le_bytes(*bytes)
    }
    const REQU: u32 = word(b"requ");
    const UPST: u32 = word(b"upst");
    const HOST_: u32 = word(b"host");
    // Most quotes and commas are followed by one of three keys: four bytes tell them apart.
    let &[b',', b' ', a, b, c, d] = rest.first_chunk()? else {
        return None;
    };
    match word(&[a, b, c, d]) {
        REQU if rest.starts_with(b", request: \"") => Some(REQUEST),
        UPST if rest.starts_with(b", upstream: \"") => Some(UPSTREAM),
        HOST_ if rest.starts_with(b", host: \"") => Some(HOST),
        _ => rare_key_of(rest),
    }
}

#[cold]
fn rare_key_of(rest: &[u8]) -> Option<usize> {
    [REFERRER, SUBREQUEST, REQUEST_LINE, LOGIN, REQUEST_ID]
        .into_iter()
        .find(|&key| rest.starts_with(KEYS[key]))
}

/// Whether a quote before `rest` may close the value of `key`: the record ends there, or a later key follows, be it cut.
#[inline]
fn closes(rest: &[u8], key: usize) -> bool {
    next_key(rest, 0, after(key)).is_some() || closes_last(rest, key)
}

/// Like [`closes`], where no later key follows in full.
#[cold]
fn closes_last(rest: &[u8], key: usize) -> bool {
    rest.is_empty()
        || (key == UPSTREAM && rest.starts_with(b", bytes from/to "))
        || (key == UPSTREAM && rest.starts_with(b", bytes_from_client: "))
        || is_cut_key(rest, after(key))
}

/// The quote at `quote` in `text` as the end of the value of `key`, if it may be that.
#[inline(always)]
fn close_at(text: &[u8], quote: usize, key: usize) -> Option<Close> {
    let behind = &text[quote + 1..];
    let next = next_key(behind, 0, after(key)).map(|(next, _)| next);
    (next.is_some() || closes_last(behind, key)).then_some(Close {
        quote,
        next,
        has_quotes: false,
    })
}

/// Whether `rest`, the end of the record, is the beginning of a key not before `from`: the cut went through it.
#[inline]
fn is_cut_key(rest: &[u8], from: usize) -> bool {
    rest.len() < 16
        && KEYS
            .get(from..)
            .is_some_and(|keys| keys.iter().any(|key| key.starts_with(rest)))
}

/// The quote that closes the value of `key`, which begins at `at`.
fn value_close(text: &[u8], at: usize, key: usize) -> Option<Close> {
    let first = at + memchr(b'"', text.get(at..)?)?;
    close_at(text, first, key).or_else(|| later_close(text, first + 1, key))
}

/// Like [`value_close`], from `from` on, behind a quote that does not close.
#[cold]
fn later_close(text: &[u8], from: usize, key: usize) -> Option<Close> {
    let close =
        memchr_iter(b'"', &text[from..]).find_map(|quote| close_at(text, from + quote, key))?;
    Some(Close {
        has_quotes: true,
        ..close
    })
}

/// The quote that closes a request line, which begins at `at`: the first that ` HTTP/x.y` precedes, else the first that may.
fn request_close(text: &[u8], at: usize, key: usize) -> Option<Close> {
    let first = at + memchr(b'"', text.get(at..)?)?;
    if has_version(&text[at..first])
        && let Some(close) = close_at(text, first, key)
    {
        return Some(close);
    }
    later_request_close(text, at, first + 1, key)
}

/// Like [`request_close`], behind a quote at `from` that does not close.
#[cold]
fn later_request_close(text: &[u8], at: usize, from: usize, key: usize) -> Option<Close> {
    let strict =
        |quote: usize| close_at(text, quote, key).filter(|_| has_version(&text[at..quote]));
    memchr_iter(b'"', &text[from..])
        .find_map(|quote| strict(from + quote))
        .or_else(|| value_close(text, at, key))
}

/// Over HTTP/2 before 1.21.1 a path could hold blanks, and so imitate the end of its request and an upstream. Then the
/// value read as upstream holds the true end of the request: its offset in `value`, if so.
#[cold]
fn imitated_request_end(value: &[u8]) -> Option<usize> {
    let quote = memchr::memmem::rfind(value, b"\", upstream: \"")?;
    has_version(&value[..quote]).then_some(quote)
}

/// Whether a request line ends with ` HTTP/1.1` or, of later protocols in some versions, ` HTTP/3`.
#[inline(always)]
pub(super) fn has_version(line: &[u8]) -> bool {
    if let Some([b' ', version @ ..]) = line.last_chunk::<9>()
        && fits(u64::from_le_bytes(*version), b"HTTP/0.0")
    {
        return true;
    }
    matches!(line, [.., b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9'])
}

/// The referrer is the last field and the client's own: it ends at the last quote of the record (Kong may append one key).
#[inline]
fn referrer_end(rest: &[u8]) -> Option<usize> {
    let last = memrchr(b'"', rest)?;
    if !closes(&rest[last + 1..], REQUEST_ID) {
        return None;
    }
    let id = memchr::memmem::rfind(&rest[..last], KEYS[REQUEST_ID]);
    match id {
        Some(at)
            if at > 0
                && rest[at - 1] == b'"'
                && memchr(b'"', &rest[at + KEYS[REQUEST_ID].len()..last]).is_none() =>
        {
            Some(at - 1)
        }
        _ => Some(last),
    }
}

/// End of the client's address that begins at `at`.
fn client_end(text: &[u8], at: usize) -> usize {
    end_before(text, at, b", server: ", |rest| {
        b", server: ".starts_with(rest)
            || next_key(rest, 0, REQUEST).is_some()
            || is_cut_key(rest, REQUEST)
    })
}

/// End of the server name that begins at `at`: the configuration writes it, so it may be empty, a regex, or hold commas.
fn server_end(text: &[u8], at: usize) -> usize {
    end_before(text, at, b", request: \"", |rest| {
        next_key(rest, 0, REQUEST).is_some()
            || rest.starts_with(b", upstream: ")
            || rest.starts_with(b", bytes from/to")
            || rest.starts_with(b", protocol: ")
            || rest.starts_with(b", bytes_from_client: ")
            || is_cut_key(rest, REQUEST)
    })
}

/// The first comma, not before `at`, where the text goes on with `usual`, or with something that `ends` takes; its length
/// if there is none.
fn end_before(text: &[u8], at: usize, usual: &[u8], ends: impl Fn(&[u8]) -> bool) -> usize {
    let is_end = |rest: &[u8]| rest.starts_with(usual) || ends(rest);
    let comma = memchr_iter(b',', &text[at..])
        .map(|comma| at + comma)
        .find(|&comma| is_end(&text[comma..]));
    comma.unwrap_or(text.len())
}

/// Offset of the client where its key is not the usual one, or stands behind another (`, udp client: `, `, context: ngx.timer`).
#[cold]
fn find_client(text: &[u8]) -> Option<usize> {
    const UDP: &[u8] = b", udp client: ";
    if text.starts_with(UDP) {
        return Some(UDP.len());
    }
    let is_lua = text.starts_with(b", context: ");
    let at = memchr::memmem::find(text, b", client: ").filter(|_| is_lua)?;
    behind_key(text, at, b", client: ")
}

/// Angie quotes client and server.
#[inline]
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        [b'"', cut @ ..] => cut,
        _ => value,
    }
}

/// Whether `text` begins like a tail: the message, its errno and its ` while …` are over here.
#[inline]
pub fn is_tail(text: &[u8]) -> bool {
    if !text.starts_with(b", ") {
        return false;
    }
    let key = &text[2..];
    match key.first() {
        Some(b'c') => key.starts_with(b"client: ") || key.starts_with(b"context: "),
        Some(b's') => key.starts_with(b"server: "),
        Some(b'r') => {
            key.starts_with(b"resolver: ")
                || key.starts_with(b"responder: ")
                || key.starts_with(b"request: \"")
        }
        Some(b'u') => key.starts_with(b"udp client: ") || key.starts_with(b"upstream: \""),
        Some(b'b') => key.starts_with(b"bytes from/to "),
        _ => false,
    }
}

/// Whether `text`, the end of a record, is what a cut left of the beginning of a tail.
pub fn is_cut_tail(text: &[u8]) -> bool {
    !text.is_empty() && b", client: ".starts_with(text)
}

/// Offset of the first place in `text` where a tail may begin; its length if there is none.
pub fn find_tail(text: &[u8]) -> usize {
    memchr_iter(b',', text)
        .find(|&comma| is_tail(&text[comma..]))
        .unwrap_or(text.len())
}

const _: () = assert!(REQUEST < REQUEST_LINE && LOGIN < SUBREQUEST && REQUEST_ID == KEYS.len() - 1);
