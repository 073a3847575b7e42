//! The attempts of a request: what the lists of `$upstream_addr`, `$upstream_status` and the upstream times tell together.
//!
//! ```text
//! list  = pass *( " : " pass )       an internal redirect begins a new pass        `ngx_http_upstream_addr_variable` and the
//! pass  = [ item *( ", " item ) ]    one item for each peer tried                  other handlers that walk `r->upstream_states`
//! array = item *( "," item )         the inside of a JSON array; texts in quotes
//! ```
//!
//! All lists of a line have one shape, so that the n-th items belong together. A pass that came to no peer leaves an empty last
//! group: no attempt. Where lists disagree (cut, rewritten, a comma in the path of a socket), those that do not fit what
//! `$upstream_status`, else the next of [`LISTS`], tells are left out and [`Attempts::unaligned`] says so; nothing is
//! shifted to fit.

use super::{
    field::{AccessLine, Field, FieldSet},
    value,
};
use crate::lines::near::{find_text_near, holds};

/// One try of a request at one upstream. `None` stands for what the gateway had nothing to write of, and for what the line
/// does not tell: the line's fields and [`Attempts::unaligned`] tell one from the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// As it stands in the line; `None` also if the gateway failed before it had a peer.
    pub addr: Option<&'a [u8]>,
    /// `addr` is the name of a group, since none of its peers could be chosen.
    pub is_group: bool,
    /// What the peer answered, or 502 or 504 if the gateway ended the attempt.
    pub status: Option<u16>,
    /// Milliseconds to the end of the answer, or of the attempt.
    pub response_ms: Option<u32>,
    /// Milliseconds to the connection, TLS included; 0 for one that was kept alive; `None` if it was not made.
    pub connect_ms: Option<u32>,
    /// Milliseconds to the end of the header; `None` if it did not come whole.
    pub header_ms: Option<u32>,
    /// Bytes of the body.
    pub body_bytes: Option<u64>,
    /// Bytes read from the peer, header included.
    pub received_bytes: Option<u64>,
    /// From 0; the next after each internal redirect.
    pub pass: u16,
}

/// The fields that are lists over attempts. The address comes last, because paths of sockets may hold separators.
pub const LISTS: [Field; 7] = [
    Field::UpstreamStatus,
    Field::UpstreamResponseTime,
    Field::UpstreamConnectTime,
    Field::UpstreamHeaderTime,
    Field::UpstreamResponseLength,
    Field::UpstreamBytesReceived,
    Field::UpstreamAddr,
];

/// Index of the address in [`LISTS`].
const ADDR: usize = LISTS.len() - 1;

/// The attempts of one line, in order.
#[derive(Clone, Debug)]
pub struct Attempts<'a>(State<'a>);

#[derive(Clone, Debug)]
enum State<'a> {
    /// At most one is left.
    One(Option<Attempt<'a>>),
    Many(Lists<'a>),
}

/// The attempts that `line` tells of.
pub fn attempts<'a>(line: &AccessLine<'a>) -> Attempts<'a> {
    Attempts(match only_attempt(line) {
        Some(attempt) => State::One(attempt),
        None => State::Many(Lists::new(line)),
    })
}

/// What [`attempts`] of `line` tells, if that is one attempt or none, and every list a single item as nginx writes it: most lines are
/// so, and are read without a search for separators.
#[inline(always)]
pub fn only_attempt<'a>(line: &AccessLine<'a>) -> Option<Option<Attempt<'a>>> {
    let attempt = one(line)?;
    Some(attempt.has_value().then_some(attempt))
}

impl Attempts<'_> {
    /// Fields that are told, but could not be aligned with the other lists: they are unknown in every attempt.
    #[inline]
    pub fn unaligned(&self) -> FieldSet {
        match &self.0 {
            State::One(_) => FieldSet::default(),
            State::Many(lists) => lists.unaligned,
        }
    }
}

impl<'a> Iterator for Attempts<'a> {
    type Item = Attempt<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attempt<'a>> {
        match &mut self.0 {
            State::One(attempt) => attempt.take(),
            State::Many(lists) => lists.find(|attempt| attempt.has_value()),
        }
    }
}

/// The line's only attempt, if every list is a single item as nginx writes it.
#[inline(always)]
fn one<'a>(line: &AccessLine<'a>) -> Option<Attempt<'a>> {
    #[inline(always)]
    fn item<T>(text: Option<&[u8]>, read: fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
        match text {
            None | Some(b"" | b"-") => Some(None),
            Some(text) => read(text).map(Some),
        }
    }
    let addr = line.value(Field::UpstreamAddr);
    let mut is_group = false;
    if let Some(addr) = addr {
        let [has_blank, has_colon] = holds(addr, [b' ', b':']);
        if has_blank | (addr[0] == b'"') {
            return None;
        }
        is_group = if addr[0] == b'[' {
            is_group_in_brackets(addr)
        } else {
            !has_colon
        };
    }
    Some(Attempt {
        addr,
        is_group,
        status: item(line.get(Field::UpstreamStatus), value::status)?,
        response_ms: item(line.get(Field::UpstreamResponseTime), value::duration_ms)?,
        connect_ms: item(line.get(Field::UpstreamConnectTime), value::duration_ms)?,
        header_ms: item(line.get(Field::UpstreamHeaderTime), value::duration_ms)?,
        body_bytes: item(line.get(Field::UpstreamResponseLength), value::count)?,
        received_bytes: item(line.get(Field::UpstreamBytesReceived), value::count)?,
        pass: 0,
    })
}

impl<'a> Attempt<'a> {
    #[inline]
    fn has_value(&self) -> bool {
        let has_time = self.response_ms.or(self.connect_ms).or(self.header_ms);
        let has_bytes = self.body_bytes.or(self.received_bytes);
        self.addr.is_some() || self.status.is_some() || has_time.is_some() || has_bytes.is_some()
    }

    /// Sets what `LISTS[list]` tells.
    fn set(&mut self, list: usize, item: &'a [u8]) {
        match LISTS[list] {
            // Not padded to three digits here.
            Field::UpstreamStatus => {
                self.status = value::count(item).filter(|n| *n <= 999).map(|n| n as u16);
            }
            Field::UpstreamResponseTime => self.response_ms = value::duration_ms(item),
            Field::UpstreamConnectTime => self.connect_ms = value::duration_ms(item),
            Field::UpstreamHeaderTime => self.header_ms = value::duration_ms(item),
            Field::UpstreamResponseLength => self.body_bytes = value::count(item),
            Field::UpstreamBytesReceived => self.received_bytes = value::count(item),
            _ if !matches!(item, b"" | b"-" | b"null") => {
                (self.addr, self.is_group) = (Some(item), is_group(item));
            }
            _ => {}
        }
    }
}

/// Whether an address is the name of a group: peers always have a port (`ngx_sock_ntop`), names of groups never.
fn is_group(addr: &[u8]) -> bool {
    match addr {
        [b'[', ..] => is_group_in_brackets(addr),
        _ => !addr.contains(&b':'),
    }
}

#[inline(never)]
fn is_group_in_brackets(addr: &[u8]) -> bool {
    find_text_near(b"]:", addr).is_none()
}

/// Lists of one shape, read side by side.
#[derive(Clone, Debug, Default)]
struct Lists<'a> {
    lists: [List<'a>; LISTS.len()],
    unaligned: FieldSet,
    pass: u16,
}

impl<'a> Lists<'a> {
    #[inline(never)]
    fn new(line: &AccessLine<'a>) -> Lists<'a> {
        let mut lists = [const { List::new(None, Form::Numbers) }; LISTS.len()];
        let mut unaligned = FieldSet::default();
        let mut first = None;
        for (list, &field) in LISTS.iter().enumerate() {
            let Some(text) = line.get(field) else {
                continue;
            };
            let form = match text.first() {
                Some(b'"') => Form::Array,
                _ if list == ADDR => Form::Addresses,
                _ => Form::Numbers,
            };
            lists[list] = List::new(Some(text), form);
            if !matches!(text, b"" | b"-") && first.is_none() {
                first = Some((lists[list].clone(), lists[list].shape()));
            }
        }
        let Some((first, shape)) = first else {
            return Lists::default();
        };
        for (list, field) in lists.iter_mut().zip(LISTS) {
            if list.rest.is_some() && !list.fit(&first, shape) {
                *list = List::default();
                unaligned = unaligned.with(field);
            }
        }
        Lists {
            lists,
            unaligned,
            pass: 0,
        }
    }
}

impl<'a> Iterator for Lists<'a> {
    type Item = Attempt<'a>;

    fn next(&mut self) -> Option<Attempt<'a>> {
        let mut attempt = Attempt {
            pass: self.pass,
            ..Attempt::default()
        };
        let mut end = None;
        for (at, list) in self.lists.iter_mut().enumerate() {
            if let Some((item, ends)) = list.next() {
                attempt.set(at, item);
                end = Some(ends);
            }
        }
        if end? == End::Pass {
            self.pass = self.pass.saturating_add(1);
        }
        Some(attempt)
    }
}

/// One list, item by item.
#[derive(Clone, Debug, Default)]
struct List<'a> {
    /// `None` behind the last item.
    rest: Option<&'a [u8]>,
    form: Form,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    /// No number holds a comma, so that the blank behind it may be missing, as inside a JSON array.
    #[default]
    Numbers,
    Addresses,
    /// The inside of a JSON array of texts.
    Array,
    /// Addresses, with separators in the paths of sockets: behind a path one counts only if an address follows.
    Paths,
}

/// How many items a list has, and behind which of the first 64 a pass ends, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    n_items: usize,
    passes: u64,
}

/// What stands behind an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Item,
    Pass,
    List,
}

impl<'a> List<'a> {
    const fn new(text: Option<&'a [u8]>, form: Form) -> List<'a> {
        List { rest: text, form }
    }

    fn shape(&self) -> Shape {
        let mut shape = Shape {
            n_items: 0,
            passes: 0,
        };
        for (_, end) in self.clone() {
            if end == End::Pass && shape.n_items < 64 {
                shape.passes |= 1 << shape.n_items;
            }
            shape.n_items += 1;
        }
        shape
    }

    /// Reads the list so that it has as many items as `other`, whose shape is `shape`, with the passes ending at the same ones;
    /// whether there is a way.
    fn fit(&mut self, other: &List<'a>, shape: Shape) -> bool {
        if self.form == Form::Addresses && self.shape() != shape {
            self.form = Form::Paths;
        }
        let ends = |list: &List<'a>| list.clone().map(|(_, end)| end);
        self.shape() == shape && (shape.n_items <= 64 || ends(self).eq(ends(other)))
    }
}

impl<'a> Iterator for List<'a> {
    type Item = (&'a [u8], End);

    fn next(&mut self) -> Option<(&'a [u8], End)> {
        let text = self.rest?;
        let (item, end, rest) = match self.form {
            Form::Numbers => number_item(text),
            Form::Array => array_item(text),
            Form::Addresses => address_item(text, false),
            Form::Paths => address_item(text, text.starts_with(b"unix:")),
        };
        self.rest = (end != End::List).then(|| &text[rest..]);
        Some((item, end))
    }
}

/// The first number of a list, what it ends, and where the next begins.
fn number_item(text: &[u8]) -> (&[u8], End, usize) {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b',' => {
                let blank = usize::from(text.get(at + 1) == Some(&b' '));
                return (text[..at].trim_ascii(), End::Item, at + 1 + blank);
            }
            b':' => {
                let blank = usize::from(text.get(at + 1) == Some(&b' '));
                return (text[..at].trim_ascii(), End::Pass, at + 1 + blank);
            }
            _ => {}
        }
    }
    (text.trim_ascii(), End::List, text.len())
}

/// The first address of a list, likewise; if it is a path, a separator counts only before an address.
fn address_item(text: &[u8], is_path: bool) -> (&[u8], End, usize) {
    for blank in memchr::memchr_iter(b' ', text) {
        let is_pass = matches!(text[blank..], [b' ', b':', b' ', ..] | [b' ', b':']);
        let is_item = blank > 0 && text[blank - 1] == b',';
        let (end, item_end, rest) = match () {
            _ if is_pass => (End::Pass, blank, (blank + 3).min(text.len())),
            _ if is_item => (End::Item, blank - 1, blank + 1),
            _ => continue,
        };
        if !is_path || begins_address(&text[rest..]) {
            return (&text[..item_end], end, rest);
        }
    }
    (text, End::List, text.len())
}

/// Whether `text` is nothing, or begins like an address and not like the rest of a path.
fn begins_address(text: &[u8]) -> bool {
    text.starts_with(b"unix:") || matches!(text, [] | [b'[' | b'0'..=b'9', ..])
}

/// The first item of the inside of an array, likewise, without its quotes.
fn array_item(text: &[u8]) -> (&[u8], End, usize) {
    let start = text.iter().take_while(|byte| **byte == b' ').count();
    let quote = usize::from(text.get(start) == Some(&b'"'));
    let mut end = start + quote;
    while let Some(&byte) = text.get(end) {
        match byte {
            b'"' if quote == 1 => break,
            b',' if quote == 0 => break,
            b'\\' if quote == 1 => end += 2,
            _ => end += 1,
        }
    }
    let end = end.min(text.len());
    let item = text[start + quote..end].trim_ascii_end();
    match memchr::memchr(b',', &text[end..]) {
        Some(comma) => (item, End::Item, end + comma + 1),
        None => (item, End::List, text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of `name=value` parts; a value ends before the next ` | `.
    fn line(text: &str) -> AccessLine<'_> {
        let mut line = AccessLine::default();
        for part in text.split(" | ").filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').expect("a name and a value");
            let field = match name {
                "ua" => Field::UpstreamAddr,
                "us" => Field::UpstreamStatus,
                "urt" => Field::UpstreamResponseTime,
                "uct" => Field::UpstreamConnectTime,
                "uht" => Field::UpstreamHeaderTime,
                "url" => Field::UpstreamResponseLength,
                "ubr" => Field::UpstreamBytesReceived,
                _ => panic!("{name}"),
            };
            line.set(field, Some(value.as_bytes()));
        }
        line
    }

    /// `addr* status response connect header body received @pass`, `*` behind the name of a group, one attempt after the other;
    /// then the fields left out.
    fn told(text: &str) -> String {
        let line = line(text);
        let attempts = attempts(&line);
        let text = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        let ms = |value: Option<u32>| text(value.map(u64::from));
        let mut out: Vec<String> = attempts
            .clone()
            .map(|a| {
                let addr = String::from_utf8_lossy(a.addr.unwrap_or(b"-")).into_owned();
                let numbers = [
                    text(a.status.map(u64::from)),
                    ms(a.response_ms),
                    ms(a.connect_ms),
                    ms(a.header_ms),
                    text(a.body_bytes),
                    text(a.received_bytes),
                ];
                let star = if a.is_group { "*" } else { "" };
                format!("{addr}{star} {} @{}", numbers.join(" "), a.pass)
            })
            .collect();
        let left_out = LISTS
            .into_iter()
            .filter(|field| attempts.unaligned().has(*field));
        out.extend(left_out.map(|field| format!("without {field:?}")));
        out.join(", then ")
    }

    #[test]
    fn one_attempt_or_none() {
        for (text, want) in [
            ("", ""),
            ("ua=- | us=- | urt=-", ""),
            ("ua= | us= | urt=", ""),
            ("ua=", ""),
            (
                "ua=127.0.0.1:9990 | us=502 | urt=0.000 | uct=- | uht=- | url=0 | ubr=0",
                "127.0.0.1:9990 502 0 - - 0 0 @0",
            ),
            (
                "ua=backend | us=502 | urt=0.000",
                "backend* 502 0 - - - - @0",
            ),
            (
                "ua=[2001:db8::1]:443 | us=200 | urt=60.001",
                "[2001:db8::1]:443 200 60001 - - - - @0",
            ),
            (
                "ua=unix:/run/a.sock | us=200",
                "unix:/run/a.sock 200 - - - - - @0",
            ),
            (
                "ua=unix:/run/a b.sock | us=200",
                "unix:/run/a b.sock 200 - - - - - @0",
            ),
            (
                "ua=10.0.0.1:80 | us=- | urt=8.000 | uct=0.000 | uht=-",
                "10.0.0.1:80 - 8000 0 - - - @0",
            ),
            ("ua= | us=- | urt=0.000 | uct=- | uht=-", "- - 0 - - - - @0"), // no local socket
            ("us=200", "- 200 - - - - - @0"),
            ("urt=0.120", "- - 120 - - - - @0"),
            ("us=9", "- 9 - - - - - @0"),
            (
                "ua=10.0.0.1:80 | us=200 | urt=1454401763.592",
                "10.0.0.1:80 200 - - - - - @0",
            ),
        ] {
            assert_eq!(told(text), want, "{text}");
        }
    }

    /// As nginx 1.22.1 wrote them.
    #[test]
    fn observed_lists() {
        for (text, want) in [
            (
                "ua=127.0.0.1:9990, 127.0.0.1:9001 | us=502, 200 | urt=0.000, 0.005 | uct=-, 0.000 | uht=-, 0.005 | url=0, 3 | ubr=0, 60",
                "127.0.0.1:9990 502 0 - - 0 0 @0, then 127.0.0.1:9001 200 5 0 5 3 60 @0",
            ),
            (
                "ua=127.0.0.1:9991, 127.0.0.1:9990 : 127.0.0.1:9001 | us=502, 502 : 200 | uct=-, - : 0.000",
                "127.0.0.1:9991 502 - - - - - @0, then 127.0.0.1:9990 502 - - - - - @0, then 127.0.0.1:9001 200 - 0 - - - @1",
            ),
            (
                "ua=127.0.0.1:9018 : 127.0.0.1:9990 | us=200 : 502 | urt=0.001 : 0.000 | uct=0.001 : -",
                "127.0.0.1:9018 200 1 1 - - - @0, then 127.0.0.1:9990 502 0 - - - - @1",
            ),
            (
                "ua=127.0.0.1:9990 :  | us=502 :  | urt=0.000 :  | uct=- :  | url=0 : ",
                "127.0.0.1:9990 502 0 - - 0 - @0",
            ),
            (
                "ua=unix:/tmp/slow.sock, unix:/tmp/nope.sock | us=504, 502 | uct=0.000, -",
                "unix:/tmp/slow.sock 504 - 0 - - - @0, then unix:/tmp/nope.sock 502 - - - - - @0",
            ),
        ] {
            assert_eq!(told(text), want, "{text}");
        }
    }

    #[test]
    fn lists_in_other_clothes() {
        for (text, want) in [
            (
                "ua=10.0.0.1:80, up | us=502, 502",
                "10.0.0.1:80 502 - - - - - @0, then up* 502 - - - - - @0",
            ),
            ("ua=a:1 : | us=502 :", "a:1 502 - - - - - @0"), // the last blank was trimmed
            ("ua= : b:1 | us=- : 200", "b:1 200 - - - - - @1"),
            // The insides of JSON arrays.
            (
                "ua=\"a:1\",\"b:2\" | us=502,200",
                "a:1 502 - - - - - @0, then b:2 200 - - - - - @0",
            ),
            (
                "ua=\"a:1\", \"unix:/x\\\"y, z\" | urt=\"0.001\" , null",
                "a:1 - 1 - - - - @0, then unix:/x\\\"y, z - - - - - - @0",
            ),
            ("ua=\"a:1\" | us=\"502\"", "a:1 502 - - - - - @0"),
            ("us=502,200", "- 502 - - - - - @0, then - 200 - - - - - @0"),
            // Separators in paths of sockets, where the other lists leave one reading.
            (
                "ua=unix:/a, b : c | us=502",
                "unix:/a, b : c 502 - - - - - @0",
            ),
            (
                "ua=unix:/a, b, 10.0.0.1:80 | us=502, 200",
                "unix:/a, b 502 - - - - - @0, then 10.0.0.1:80 200 - - - - - @0",
            ),
            (
                "ua=[::1]:80, unix:/a : b | us=502, 200",
                "[::1]:80 502 - - - - - @0, then unix:/a : b 200 - - - - - @0",
            ),
            // Times of old versions.
            (
                "ua=a:1, b:2 | us=502, 200 | urt=1454401763.592, 0.012",
                "a:1 502 - - - - - @0, then b:2 200 12 - - - - @0",
            ),
        ] {
            assert_eq!(told(text), want, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said() {
        for (text, want) in [
            (
                "ua=a:1, b:2 | us=502, 200 | urt=0.001",
                "a:1 502 - - - - - @0, then b:2 200 - - - - - @0, then without UpstreamResponseTime",
            ),
            (
                "ua=a:1, b:2 | us=502, 200 | uct=-",
                "a:1 502 - - - - - @0, then b:2 200 - - - - - @0, then without UpstreamConnectTime",
            ),
            (
                "ua=a:1, b:2 | us=502 : 200",
                "- 502 - - - - - @0, then - 200 - - - - - @1, then without UpstreamAddr",
            ),
            (
                "ua=a:1, b:2 | us=502",
                "- 502 - - - - - @0, then without UpstreamAddr",
            ),
            (
                "ua=unix:/a, unix:/b | us=502",
                "- 502 - - - - - @0, then without UpstreamAddr",
            ),
            (
                "ua=10.0.0.1:80, up | us=502",
                "- 502 - - - - - @0, then without UpstreamAddr",
            ),
            (
                "ua=unix:/a, b, group | us=502, 502",
                "- 502 - - - - - @0, then - 502 - - - - - @0, then without UpstreamAddr",
            ),
        ] {
            assert_eq!(told(text), want, "{text}");
        }
    }

    /// A state of `r->upstream_states`; `None`: nginx has no value.
    struct Peer {
        peer: Option<&'static str>,
        numbers: [Option<u32>; 6],
    }

    /// A variable as the handlers of `ngx_http_upstream.c` write it, `LISTS[list]`; a state without a peer ends a pass.
    fn print(states: &[Peer], list: usize) -> String {
        let (mut out, mut i) = (String::new(), 0);
        while i < states.len() {
            match (list, states[i].numbers.get(list)) {
                (ADDR, _) => out += states[i].peer.unwrap_or(""),
                (1..=3, Some(Some(ms))) => out += &format!("{}.{:03}", ms / 1000, ms % 1000),
                (_, Some(Some(number))) => out += &number.to_string(),
                _ => out += "-",
            }
            i += 1;
            if i < states.len() {
                let has_peer = states[i].peer.is_some();
                out += if has_peer { ", " } else { " : " };
                i += usize::from(!has_peer);
            }
        }
        out
    }

    #[test]
    fn what_nginx_wrote_is_read_back() {
        const PEERS: [&str; 5] = [
            "10.0.0.1:80",
            "[::1]:443",
            "unix:/run/a.sock",
            "group",
            "127.0.0.1:9",
        ];
        let mut state = 1_u64;
        let mut next = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for _ in 0..20_000 {
            let states: Vec<Peer> = (0..1 + next(5))
                .map(|_| Peer {
                    peer: (next(4) > 0).then(|| PEERS[next(5) as usize]),
                    numbers: [599, 99_999, 9_999, 9_999, 99_999, 99_999]
                        .map(|n| (next(3) > 0).then(|| next(n) as u32)),
                })
                .collect();
            let texts: Vec<String> = (0..LISTS.len()).map(|list| print(&states, list)).collect();
            let is_told: Vec<bool> = LISTS.iter().map(|_| next(3) > 0).collect();
            let mut line = AccessLine::default();
            for list in (0..LISTS.len()).filter(|list| is_told[*list]) {
                line.set(LISTS[list], Some(texts[list].as_bytes()));
            }
            let (mut want, mut i, mut pass) = (Vec::new(), 0, 0);
            while i < states.len() {
                let number = |list: usize| states[i].numbers[list].filter(|_| is_told[list]);
                let addr = states[i].peer.filter(|_| is_told[ADDR]);
                let attempt = Attempt {
                    addr: addr.map(str::as_bytes),
                    is_group: addr == Some("group"),
                    status: number(0).map(|status| status as u16),
                    response_ms: number(1),
                    connect_ms: number(2),
                    header_ms: number(3),
                    body_bytes: number(4).map(u64::from),
                    received_bytes: number(5).map(u64::from),
                    pass,
                };
                want.extend(attempt.has_value().then_some(attempt));
                i += 1;
                let ends = states.get(i).is_some_and(|state| state.peer.is_none());
                (i, pass) = (i + usize::from(ends), pass + u16::from(ends));
            }
            let got: Vec<Attempt<'_>> = attempts(&line).collect();
            assert_eq!(got, want, "{texts:?} {is_told:?}");
        }
    }

    #[test]
    fn no_text_panics_or_makes_addresses_up() {
        const PARTS: [&str; 12] = [
            ", ", " : ", ",", " ", ":", "\"", "\\", "-", "unix:", "502", "a:1", "[",
        ];
        for n in 0..PARTS.len().pow(4) {
            let part = |k: u32| PARTS[n / PARTS.len().pow(k) % PARTS.len()];
            let (a, b) = (
                [part(0), part(1), part(2)].concat(),
                [part(3), part(1)].concat(),
            );
            let mut line = AccessLine::default();
            line.set(Field::UpstreamAddr, Some(a.as_bytes()));
            line.set(Field::UpstreamStatus, Some(b.as_bytes()));
            for attempt in attempts(&line) {
                let is_part = |addr: &[u8]| memchr::memmem::find(a.as_bytes(), addr).is_some();
                assert!(attempt.addr.is_none_or(is_part), "{a} {b}");
            }
        }
    }
}
