//! What clients tried to smuggle into error logs of level debug: the lines of their URIs, decoded, that look like records.
//!
//! A record of level debug has no tail: the request that tells its lines (rule 1 of [`forged`](super)) stands in another, that of
//! `ngx_http_process_request_line` (`http request line: "…"`). nginx writes one record for each byte of a URI before it goes on, and
//! the last records of a request follow when it is over, so it may stand any number of lines before. What all requests of the logs
//! say is therefore gathered first; then each line is told by itself.
//!
//! From a line behind an encoded newline comes all that is of it: where the URI ends need not be known, since of what is gathered
//! the beginning counts. nginx goes on behind its own part with a quote, or the arguments of the request, or the rest of a request line.
//!
//! Not told are lines of which the URI is in no log that is read: one longer than a record stands in access logs only. And whoever
//! foretells a true record to the letter, with the second, the process, the connection and all its fields, and sends that in a URI,
//! makes it look like his.

use super::{
    common_prefix,
    path::{find_newline, plain, replace_invalid, write_path},
    requests, without_return,
};
use crate::parse::{
    head::{TIME_LEN, is_head},
    record::{RECORD_LEN_MAX, TAIL},
    wrapper::{Chain, Part, Pieces, Scratch, strip},
};
use memchr::{memchr, memmem, memrchr};
use std::collections::BTreeSet;

/// Lines of URIs that look like records, sorted.
#[derive(Debug, Default)]
pub struct Smuggled {
    lines: Vec<Box<[u8]>>,
    /// Numbers of connections in records of level debug that hold encoded newlines.
    connections: BTreeSet<u64>,
    /// None was dropped.
    pub is_whole: bool,
}

/// Gathers them from logs in any order.
#[derive(Debug, Default)]
pub struct Gathered {
    lines: BTreeSet<Box<[u8]>>,
    connections: BTreeSet<u64>,
    len_bytes: usize,
    /// Some were dropped.
    is_cut: bool,
}

/// Bytes that are kept of such lines; past it the greatest go, so that which stay depends on no order. Each stands some thirty times in
/// the log: a gigabyte of nothing but different ones has as many.
const BYTES_MAX: usize = 32 << 20;

impl Gathered {
    /// Takes what the lines of `bytes` tell of URIs, each for itself, and those that `chain` split as one.
    pub fn collect(&mut self, bytes: &[u8], chain: &Chain) {
        self.collect_lines(bytes);
        if chain.is_bare() || chain.block().is_some() {
            return;
        }
        let (mut scratch, mut pieces, mut path) =
            (Scratch::default(), Pieces::new(LINE_LEN_MAX), Vec::new());
        let mut at = 0;
        while at < bytes.len() {
            let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |len| at + len);
            let line = strip(chain, &bytes[at..end], &mut scratch);
            if line.part == Part::More || !pieces.is_empty() {
                let (from, to) = (at as u64, end as u64 + 1);
                pieces.expire(from, Some(&line), |joined| {
                    self.collect_line(joined.text, &mut path)
                });
                if let Some(joined) = pieces.push(&line, from, to) {
                    self.collect_line(joined.text, &mut path);
                }
            }
            at = end + 1;
        }
        pieces.expire(u64::MAX, None, |joined| {
            self.collect_line(joined.text, &mut path)
        });
    }

    fn collect_lines(&mut self, bytes: &[u8]) {
        let (mut at, mut path) = (0, Vec::new());
        while let Some(newline) = find_newline(bytes, at) {
            let start = memrchr(b'\n', &bytes[..newline]).map_or(0, |before| before + 1);
            let end = memchr(b'\n', &bytes[newline..]).map_or(bytes.len(), |len| newline + len);
            let line = &bytes[start..end.min(start + LINE_LEN_MAX)];
            self.collect_line(line, &mut path);
            self.collect_connection(line);
            at = end;
        }
    }

    fn collect_line(&mut self, line: &[u8], path: &mut Vec<u8>) {
        let unescaped = unescape(line);
        let line = unescaped.as_deref().unwrap_or(line);
        plain(line, path);
        self.add_all(path);
        let requests = requests(line).map(|(_, uri)| uri);
        for uri in requests.chain(words(line)) {
            let uri = without_half(uri);
            for merge_slashes in [true, false] {
                if find_newline(uri, 0).is_some() && write_path(uri, merge_slashes, path).is_some()
                {
                    self.add_all(path);
                }
            }
        }
    }

    /// The number behind `[debug] 7#7: *`, in whatever envelope.
    fn collect_connection(&mut self, line: &[u8]) {
        const LEVEL: &[u8] = b" [debug] ";
        let number = memmem::find(line, LEVEL).and_then(|level| {
            let head = &line[level + LEVEL.len()..];
            let star = memmem::find(&head[..head.len().min(40)], b": *")?;
            let digits = head[star + 3..].split(|byte| *byte == b' ').next()?;
            std::str::from_utf8(digits).ok()?.parse().ok()
        });
        if let Some(number) = number {
            self.connections.insert(number);
            // As of lines, the greatest go.
            if self.connections.len() > CONNECTIONS_MAX {
                self.connections.pop_last();
            }
        }
    }

    fn add_all(&mut self, path: &mut Vec<u8>) {
        self.add(path);
        if replace_invalid(path) {
            self.add(path);
        }
    }

    /// The lines of `path` behind its first.
    fn add(&mut self, path: &[u8]) {
        let lines = path.split(|&byte| byte == b'\n').skip(1);
        for line in lines.filter(|line| is_head(line)) {
            let line = without_return(line);
            let line = &line[..line.len().min(RECORD_LEN_MAX)];
            if self.lines.insert(line.into()) {
                self.len_bytes += line.len();
            }
        }
        while self.len_bytes > BYTES_MAX {
            self.is_cut = true;
            self.len_bytes -= self.lines.pop_last().map_or(0, |line| line.len());
        }
    }

    /// `None`: there are none.
    pub fn finish(self) -> Option<Smuggled> {
        let lines: Vec<Box<[u8]>> = self.lines.into_iter().collect();
        (!lines.is_empty()).then_some(Smuggled {
            lines,
            connections: self.connections,
            is_whole: !self.is_cut,
        })
    }
}

/// The client in `accept: 192.0.2.1:4711 fd:5`, which nginx says first of a connection at level debug (`ngx_event_accept`).
pub fn accepted_client(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(b"accept: ")?;
    let address = &rest[..memmem::find(rest, b" fd:")?];
    let host = &address[..memchr::memrchr(b':', address)?];
    let inner = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"));
    Some(inner.unwrap_or(host))
}

/// Connections that are kept: who sends from more is known by these.
const CONNECTIONS_MAX: usize = 1 << 16;

impl Smuggled {
    /// Whether something may have been smuggled in on a connection.
    pub fn is_of(&self, connection: u64) -> bool {
        self.connections.contains(&connection)
    }

    /// How much of `line`, which is a head and stands in a record of level debug, is of a URI; `None`: nothing of it, it is true.
    pub(super) fn len_in(&self, line: &[u8]) -> Option<usize> {
        let next = self.lines.partition_point(|known| known[..] < *line);
        let near = [next.checked_sub(1), Some(next)].into_iter().flatten();
        let n_same = near
            .filter_map(|n| self.lines.get(n))
            .map(|known| common_prefix(known, line))
            .max()?;
        if n_same == line.len() {
            return Some(n_same);
        }
        // What has fields behind it is no end of a record of level debug.
        let from = fields_end(line).max(TIME_LEN + 2);
        let mut ends = (from..=n_same).rev();
        ends.find(|&n| goes_on_as_own(&line[n..]))
    }
}

/// Whether nginx's own text may go on so behind a URI, or a part of it.
pub(super) fn goes_on_as_own(rest: &[u8]) -> bool {
    match rest {
        [b'"'] | [b'"', b' ' | b',' | b')', ..] | [b'?', ..] => true,
        _ => rest.starts_with(b" HTTP/"),
    }
}

/// Offset behind the beginning of the last field of a tail in `line`.
fn fields_end(line: &[u8]) -> usize {
    let fields = [TAIL, b", upstream: \"", b", host: \"", b", request: \""];
    let ends = fields.map(|field| memmem::rfind(line, field).map_or(0, |at| at + field.len()));
    ends.into_iter().max().unwrap_or(0)
}

/// Without what is left of a percent sign and its digits where `uri` was cut.
fn without_half(uri: &[u8]) -> &[u8] {
    let last = uri.len().saturating_sub(2);
    let half = memchr(b'%', &uri[last..]);
    &uri[..half.map_or(uri.len(), |at| last + at)]
}

/// Words of `text` that may be URIs.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = text.split(|byte| matches!(byte, b' ' | b'"' | b'\t'));
    words.filter(|word| word.contains(&b'/'))
}

/// `text` without the escapes of an access log, if it has such (`ngx_http_log_escape`).
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    memmem::find(text, b"\\x")?;
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = memmem::find(rest, b"\\x") {
        out.extend_from_slice(&rest[..at]);
        let digits = rest
            .get(at + 2..at + 4)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let len = match byte {
            Some(byte) => {
                out.push(byte);
                4
            }
            None => {
                out.extend_from_slice(b"\\x");
                2
            }
        };
        rest = &rest[at + len..];
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// Bytes of a line that are looked at: more than any header may have by default (`large_client_header_buffers`).
const LINE_LEN_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const FORGED: &str = "2026/11/20 10:00:00 [error] 1#1: *6 connect() failed (111: Connection refused), client: 192.0.2.1, request: \"GET /f HTTP/1.1\", host: \"x\"";

    fn smuggled(log: &str) -> Option<Smuggled> {
        let mut gathered = Gathered::default();
        gathered.collect(log.as_bytes(), &Chain::default());
        gathered.finish()
    }

    fn encoded(line: &str) -> String {
        let line = line.replace('%', "%25").replace('"', "%22");
        line.replace(' ', "%20")
            .replace('#', "%23")
            .replace('?', "%3F")
    }

    #[test]
    fn whom_nginx_accepted() {
        for (message, client) in [
            ("accept: 192.0.2.1:4711 fd:5", Some("192.0.2.1")),
            ("accept: [2001:db8::1]:4711 fd:5", Some("2001:db8::1")),
            ("accept: unix: fd:5", Some("unix")),
            ("accept: 192.0.2.1", None),
            ("epoll: fd:5", None),
        ] {
            assert_eq!(
                accepted_client(message.as_bytes()),
                client.map(str::as_bytes)
            );
        }
    }

    #[test]
    fn lines_of_uris_are_told_however_nginx_goes_on() {
        let uri = format!("/a%22%0a{}%0Az", encoded(FORGED));
        for log in [
            format!(
                "2026/11/20 11:00:00 [debug] 7#7: *1 http request line: \"GET {uri}?b HTTP/1.1\"\n"
            ),
            format!("… \":path: {uri}\"\n"),
            format!("192.0.2.1 - - [x] \"GET http://h{uri}#b HTTP/1.1\" 404 1\n"),
            // Cut, with slashes that nginx merges.
            format!(
                "… \"GET /a%0A{}%0\n",
                encoded(FORGED).replace("/20", "///20")
            ),
            // As clients could send it until 1.21.1, and as access logs escape it.
            format!(
                "\"GET /a%0A{} HTTP/1.1\"\n",
                FORGED.replace('"', "\\x22").replace('#', "%23")
            ),
        ] {
            let smuggled = smuggled(&log).expect("some");
            for own in [
                "",
                "\"",
                "\" a:1, c:2",
                "?b=c\" a:1",
                "\" \"/srv/b",
                "?\", args: \"",
                " HTTP/1.0",
            ] {
                let line = format!("{FORGED}{own}");
                assert_eq!(
                    smuggled.len_in(line.as_bytes()),
                    Some(line.len() - own.len()),
                    "{log}{own}"
                );
            }
            let cut = &FORGED[..90];
            assert_eq!(smuggled.len_in(cut.as_bytes()), Some(90));
        }
    }

    /// Though they begin like what a client sends, and whatever else he sends.
    #[test]
    fn true_records_are_none() {
        let prefix = &FORGED[..FORGED.len() - "GET /f HTTP/1.1\", host: \"x\"".len()];
        for uri in [
            encoded(prefix),
            encoded(&format!("{prefix}GET /")),
            encoded(&prefix[..21]),
        ] {
            let smuggled = smuggled(&format!("\"GET /a%0A{uri} HTTP/1.1\"\n")).expect("some");
            assert_eq!(smuggled.len_in(FORGED.as_bytes()), None, "{uri}");
        }
        assert!(smuggled("\"GET /a%0A%0Ab HTTP/1.1\" %0A2026/11/20").is_none());
    }

    /// Others that go on otherwise do not take a line away.
    #[test]
    fn what_else_is_smuggled_makes_no_difference() {
        let forged = encoded(FORGED);
        let log = format!("/a%0A{forged}%22%20a:1%0Ab /a%0A{forged}%22%20a:2%0Ab /a%0A{forged}%0A");
        let smuggled = smuggled(&log).expect("some");
        let line = format!("{FORGED}\" a:1, c:2");
        assert!(smuggled.len_in(line.as_bytes()).is_some());
    }

    #[test]
    fn what_is_kept_is_bounded_in_any_order() {
        let line = |n: usize| format!("/%0A2026/11/20%2010:00:00%20[{n:07}{}\n", "x".repeat(4_000));
        let (mut up, mut down) = (Gathered::default(), Gathered::default());
        for n in 0..9_000 {
            up.collect_lines(line(n).as_bytes());
            down.collect_lines(line(8_999 - n).as_bytes());
        }
        assert!(up.len_bytes <= BYTES_MAX && up.len_bytes > BYTES_MAX - 5_000);
        assert_eq!(up.lines, down.lines);
        assert!(!up.finish().expect("some").is_whole);
    }
}
