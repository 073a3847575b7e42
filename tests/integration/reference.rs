//! A slow second reading of the nginx error-log grammar, written apart from the parser it checks.
//!
//! One record goes in, without its final LF or CRLF; raw newlines inside it are ordinary bytes.
//! The tail is read by position: every key has a list of the keys that may stand after it, a value
//! ends where one of those begins, and a key out of order is part of the value it stands in.

/// What the reference reads in one record. Every slice is a subslice of the record.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct ReferenceRecord<'a> {
    /// Civil time as seconds since 1970-01-01 00:00:00, without a zone.
    pub local_seconds: i64,
    /// The word between the square brackets.
    pub level: &'a [u8],
    /// The number before the `#`.
    pub pid: u64,
    /// The number after the `#`.
    pub tid: u64,
    /// The number after the `*`.
    pub connection: Option<u64>,
    /// Everything after the head, the tail included.
    pub text: &'a [u8],
    /// The client address.
    pub client: Option<&'a [u8]>,
    /// The server name, or the listen address.
    pub server: Option<&'a [u8]>,
    /// The request line between its quotes.
    pub request: Option<&'a [u8]>,
    /// The URI of the subrequest between its quotes.
    pub subrequest: Option<&'a [u8]>,
    /// The upstream value between its quotes.
    pub upstream: Option<&'a [u8]>,
    /// The Host header between its quotes.
    pub host: Option<&'a [u8]>,
    /// The Referer header between its quotes.
    pub referrer: Option<&'a [u8]>,
}

/// The levels nginx writes.
const LEVELS: [&[u8]; 8] = [
    b"emerg", b"alert", b"crit", b"error", b"warn", b"notice", b"info", b"debug",
];

/// A place in the fixed order of the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Client,
    Server,
    Protocol,
    Request,
    Subrequest,
    Upstream,
    Host,
    Referrer,
    /// A key after which nothing is read.
    Last,
}

/// The bytes that begin a key's value, and the key.
type Mark = (&'static [u8], Key);

const CLIENT: Mark = (b", client: ", Key::Client);
const UDP_CLIENT: Mark = (b", udp client: ", Key::Client);
const SERVER: Mark = (b", server: ", Key::Server);
const REQUEST: Mark = (b", request: \"", Key::Request);
const ANGIE_REQUEST: Mark = (b", request_line: \"", Key::Request);
const SUBREQUEST: Mark = (b", subrequest: \"", Key::Subrequest);
const UPSTREAM: Mark = (b", upstream: \"", Key::Upstream);
const HOST: Mark = (b", host: \"", Key::Host);
const REFERRER: Mark = (b", referrer: \"", Key::Referrer);
const REQUEST_ID: Mark = (b", request_id: \"", Key::Last);
/// The end of a stream tail.
const STREAM_BYTES: Mark = (b", bytes from/to", Key::Last);
/// The end of Angie's stream tail.
const ANGIE_BYTES: Mark = (b", bytes_from_client: ", Key::Last);
/// Angie's stream tail has this between the server and the upstream.
const ANGIE_PROTOCOL: Mark = (b", protocol: \"", Key::Protocol);
/// The mail tail: whatever follows is the user's own text and an unquoted upstream.
const MAIL_LOGIN: Mark = (b", login: \"", Key::Last);
/// The mail tail of a session without a login; stands after `UPSTREAM` in every list.
const MAIL_UPSTREAM: Mark = (b", upstream: ", Key::Last);

const TAIL_START: &[Mark] = &[CLIENT, UDP_CLIENT];
const AFTER_CLIENT: &[Mark] = &[
    SERVER,
    REQUEST,
    ANGIE_REQUEST,
    SUBREQUEST,
    UPSTREAM,
    HOST,
    REFERRER,
    REQUEST_ID,
];
const AFTER_SERVER: &[Mark] = &[
    REQUEST,
    ANGIE_REQUEST,
    SUBREQUEST,
    UPSTREAM,
    HOST,
    REFERRER,
    REQUEST_ID,
    STREAM_BYTES,
    ANGIE_BYTES,
    ANGIE_PROTOCOL,
    MAIL_LOGIN,
    MAIL_UPSTREAM,
];
const AFTER_PROTOCOL: &[Mark] = &[UPSTREAM, ANGIE_BYTES];
const AFTER_REQUEST: &[Mark] = &[SUBREQUEST, UPSTREAM, HOST, REFERRER, REQUEST_ID];
const AFTER_SUBREQUEST: &[Mark] = &[UPSTREAM, HOST, REFERRER, REQUEST_ID];
const AFTER_UPSTREAM: &[Mark] = &[HOST, REFERRER, REQUEST_ID, STREAM_BYTES, ANGIE_BYTES];
const AFTER_HOST: &[Mark] = &[REFERRER, REQUEST_ID];

/// A value, and the key that ended it with all that stands after that key.
type Read<'a> = (&'a [u8], Option<(Key, &'a [u8])>);

/// Reads one record, or answers `None` when it has no valid head.
pub(crate) fn reference_record(record: &[u8]) -> Option<ReferenceRecord<'_>> {
    let local_seconds = civil_seconds(record.get(..19)?)?;
    let rest = record.get(19..)?.strip_prefix(b" [")?;
    let level_end = find(rest, b"] ")?;
    let level = &rest[..level_end];
    if !LEVELS.contains(&level) {
        return None;
    }
    let (pid, rest) = number(&rest[level_end + 2..])?;
    let (tid, rest) = number(rest.strip_prefix(b"#")?)?;
    let (connection, text) = connection_and_text(rest.strip_prefix(b":")?)?;
    let mut read = ReferenceRecord {
        local_seconds,
        level,
        pid,
        tid,
        connection,
        text,
        ..Default::default()
    };
    // nginx calls no tail writer at the debug level; a key in such a line is somebody's header.
    if level != b"debug" {
        read_tail(&mut read);
    }
    Some(read)
}

/// Answers the peer of an upstream value without its scheme and URI.
pub(crate) fn reference_upstream_address(value: &[u8], request: Option<&[u8]>) -> Option<Vec<u8>> {
    let peer = without_scheme(value);
    if let Some(path) = peer.strip_prefix(b"unix:") {
        // Only the proxy module appends a URI.
        let path = unix_path(path, request.filter(|_| value.starts_with(b"http")));
        return if path.is_empty() {
            None
        } else {
            Some([b"unix:", path].concat())
        };
    }
    // A slash inside the brackets of an IPv6 address belongs to the address.
    let bracket = if peer.starts_with(b"[") {
        find(peer, b"]").unwrap_or(0)
    } else {
        0
    };
    let end = find(&peer[bracket..], b"/").map_or(peer.len(), |slash| bracket + slash);
    if end == 0 {
        None
    } else {
        Some(peer[..end].to_vec())
    }
}

/// Cuts the URI from what stands after `unix:`.
fn unix_path<'a>(path: &'a [u8], request: Option<&[u8]>) -> &'a [u8] {
    // The colon is lost in "upstream timed out", so the path and the URI run together.
    if let Some(uri) = request.and_then(request_uri)
        && uri.starts_with(b"/")
        && let Some(socket) = path.strip_suffix(uri)
        && !socket.is_empty()
    {
        return &socket[..find(socket, b":").unwrap_or(socket.len())];
    }
    if let Some(colon) = find(path, b":") {
        return &path[..colon];
    }
    for end in 0..path.len() {
        if path[end] == b'/'
            && (path[..end].ends_with(b".sock") || path[..end].ends_with(b".socket"))
        {
            return &path[..end];
        }
    }
    path
}

/// The second word of a request line.
fn request_uri(request: &[u8]) -> Option<&[u8]> {
    request
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .nth(1)
}

/// Strips `scheme://`, where the scheme is made of letters, digits and plus signs.
fn without_scheme(value: &[u8]) -> &[u8] {
    match find(value, b"://") {
        Some(end)
            if end > 0
                && value[..end]
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || *b == b'+') =>
        {
            &value[end + 3..]
        }
        _ => value,
    }
}

/// Reads the keys of the tail one after the other.
fn read_tail(read: &mut ReferenceRecord<'_>) {
    let (_message, mut next) = until_mark(read.text, TAIL_START);
    while let Some((key, rest)) = next {
        match key {
            Key::Client => {
                let (value, after) = until_mark(rest, AFTER_CLIENT);
                read.client = Some(without_quotes(value));
                next = after;
            }
            Key::Server => {
                let (value, after) = until_mark(rest, AFTER_SERVER);
                read.server = Some(without_quotes(value));
                next = after;
            }
            Key::Protocol => (_, next) = until_quote(rest, AFTER_PROTOCOL),
            Key::Request => {
                let (value, after) = request_value(rest);
                read.request = Some(value);
                next = after;
            }
            Key::Subrequest => {
                let (value, after) = until_quote(rest, AFTER_SUBREQUEST);
                read.subrequest = Some(value);
                next = after;
            }
            Key::Upstream => {
                let (value, after) = until_quote(rest, AFTER_UPSTREAM);
                read.upstream = Some(value);
                next = after;
            }
            Key::Host => {
                let (value, after) = until_quote(rest, AFTER_HOST);
                read.host = Some(value);
                next = after;
            }
            Key::Referrer => {
                read.referrer = Some(referrer_value(rest));
                next = None;
            }
            Key::Last => next = None,
        }
    }
}

/// An unquoted value: up to the first of the marks, or all the rest.
fn until_mark<'a>(rest: &'a [u8], marks: &[Mark]) -> Read<'a> {
    for end in 0..rest.len() {
        if let Some(next) = mark_at(&rest[end..], marks) {
            return (&rest[..end], Some(next));
        }
        if is_cut_mark(&rest[end..], marks) {
            return (&rest[..end], None);
        }
    }
    (rest, None)
}

/// Whether the rest is the beginning of a mark: the record was cut inside the key.
fn is_cut_mark(rest: &[u8], marks: &[Mark]) -> bool {
    !rest.is_empty() && marks.iter().any(|(bytes, _)| bytes.starts_with(rest))
}

/// A quoted value: up to the first quote before a mark or the end of the record, or all the rest.
fn until_quote<'a>(rest: &'a [u8], marks: &[Mark]) -> Read<'a> {
    quoted(rest, marks, |_| true).unwrap_or((rest, None))
}

/// The request line: up to the first closing quote after a protocol version, if there is one.
fn request_value(rest: &[u8]) -> Read<'_> {
    quoted(rest, AFTER_REQUEST, ends_with_version)
        .unwrap_or_else(|| until_quote(rest, AFTER_REQUEST))
}

/// A value up to the first quote that may close it and that stands after an accepted value.
fn quoted<'a>(rest: &'a [u8], marks: &[Mark], accepts: fn(&[u8]) -> bool) -> Option<Read<'a>> {
    for end in 0..rest.len() {
        if rest[end] != b'"' || !accepts(&rest[..end]) {
            continue;
        }
        let after = &rest[end + 1..];
        let next = mark_at(after, marks);
        if after.is_empty() || next.is_some() || is_cut_mark(after, marks) {
            return Some((&rest[..end], next));
        }
    }
    None
}

/// The Referer may hold any key, so only the end of the record can end it.
fn referrer_value(rest: &[u8]) -> &[u8] {
    let request_id: &[u8] = b"\", request_id: \"";
    let last = (0..rest.len())
        .rev()
        .find(|at| rest[*at..].starts_with(request_id));
    if let Some(at) = last {
        let id = &rest[at + request_id.len()..];
        let id = id.strip_suffix(b"\"").unwrap_or(id);
        if !id.contains(&b'"') {
            return &rest[..at];
        }
    }
    match rest.iter().rposition(|byte| *byte == b'"') {
        Some(end) => &rest[..end],
        None => rest,
    }
}

/// The key whose mark the rest begins with, and what stands after the mark.
fn mark_at<'a>(rest: &'a [u8], marks: &[Mark]) -> Option<(Key, &'a [u8])> {
    for (bytes, key) in marks {
        if let Some(after) = rest.strip_prefix(*bytes) {
            return Some((*key, after));
        }
    }
    None
}

/// Whether a request line ends with ` HTTP/1.1` or ` HTTP/2`.
fn ends_with_version(line: &[u8]) -> bool {
    let Some((last, before)) = line.split_last() else {
        return false;
    };
    if !last.is_ascii_digit() {
        return false;
    }
    if before.ends_with(b" HTTP/") {
        return true;
    }
    let Some(major) = before.strip_suffix(b".") else {
        return false;
    };
    let Some((digit, name)) = major.split_last() else {
        return false;
    };
    digit.is_ascii_digit() && name.ends_with(b" HTTP/")
}

/// Strips the quotes Angie writes around the client and the server; the limit may cut the second.
fn without_quotes(value: &[u8]) -> &[u8] {
    match value.strip_prefix(b"\"") {
        Some(inner) => inner.strip_suffix(b"\"").unwrap_or(inner),
        None => value,
    }
}

/// Reads what stands after the colon of `PID#TID:`.
fn connection_and_text(rest: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let blank = rest.strip_prefix(b" ");
    match connection(blank.unwrap_or(rest)) {
        Some((connection, text)) => Some((Some(connection), text)),
        None => blank.map(|text| (None, text)),
    }
}

/// Reads `*N ` and answers the number and what follows.
fn connection(rest: &[u8]) -> Option<(u64, &[u8])> {
    let (connection, rest) = number(rest.strip_prefix(b"*")?)?;
    Some((connection, rest.strip_prefix(b" ")?))
}

/// Reads decimal digits and answers their value and what follows.
fn number(rest: &[u8]) -> Option<(u64, &[u8])> {
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    Some((decimal(&rest[..end])?, &rest[end..]))
}

/// The value of a run of digits that is neither empty nor larger than 64 bits.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(*digit - b'0'))?;
    }
    Some(value)
}

/// Reads the 19 bytes `YYYY/MM/DD HH:MM:SS` as seconds since 1970, without a zone.
fn civil_seconds(time: &[u8]) -> Option<i64> {
    let &[
        _,
        _,
        _,
        _,
        b'/',
        _,
        _,
        b'/',
        _,
        _,
        b' ',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
    ] = time
    else {
        return None;
    };
    let field = |from: usize, to: usize| -> Option<i64> {
        i64::try_from(decimal(time.get(from..to)?)?).ok()
    };
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    if !(2001..=2099).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=days_in_month(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let mut days = day - 1;
    for earlier in 1970..year {
        days += if is_leap(earlier) { 366 } else { 365 };
    }
    for earlier in 1..month {
        days += days_in_month(year, earlier);
    }
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The number of days of a month, counted from 1.
fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whether a year has a 29th of February.
fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Where a needle first stands.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    (0..haystack.len()).find(|at| haystack[*at..].starts_with(needle))
}

#[cfg(test)]
mod tests {
    use super::{ReferenceRecord, reference_record, reference_upstream_address};

    const HEAD: &str = "2026/11/20 11:23:46 [error] 16993#16993: *1 ";

    /// Reads a record that has a valid head.
    fn read(record: &[u8]) -> ReferenceRecord<'_> {
        reference_record(record).expect("a valid head")
    }

    /// Reads a message under a usual head and hands the result over.
    fn with<T>(message: &str, check: impl FnOnce(&ReferenceRecord<'_>) -> T) -> T {
        let record = format!("{HEAD}{message}");
        check(&read(record.as_bytes()))
    }

    /// The value as text, for short assertions.
    fn text(value: Option<&[u8]>) -> Option<&str> {
        value.map(|bytes| std::str::from_utf8(bytes).expect("a test value in UTF-8"))
    }

    /// The address of an upstream value as text.
    fn address(value: &str, request: Option<&str>) -> Option<String> {
        reference_upstream_address(value.as_bytes(), request.map(str::as_bytes))
            .map(|bytes| String::from_utf8(bytes).expect("a test address in UTF-8"))
    }

    #[test]
    fn every_part_of_a_refused_connection_is_read() {
        let record = b"2026/11/20 11:23:46 [error] 16993#16993: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: test.example, request: \"GET /refused?q=1 HTTP/1.1\", upstream: \"http://127.0.0.1:9990/refused?q=1\", host: \"127.0.0.1:8080\", referrer: \"http://a.example/\"";
        let expected = ReferenceRecord {
            local_seconds: 1_795_173_826,
            level: b"error",
            pid: 16993,
            tid: 16993,
            connection: Some(1),
            text: &record[44..],
            client: Some(b"127.0.0.1"),
            server: Some(b"test.example"),
            request: Some(b"GET /refused?q=1 HTTP/1.1"),
            subrequest: None,
            upstream: Some(b"http://127.0.0.1:9990/refused?q=1"),
            host: Some(b"127.0.0.1:8080"),
            referrer: Some(b"http://a.example/"),
        };
        assert_eq!(reference_record(record), Some(expected));
    }

    #[test]
    fn a_process_line_has_no_connection_and_no_tail() {
        let record =
            b"2026/11/20 11:25:03 [alert] 16991#0: worker process 19987 exited on signal 9";
        let expected = ReferenceRecord {
            local_seconds: 1_795_173_903,
            level: b"alert",
            pid: 16991,
            text: b"worker process 19987 exited on signal 9",
            ..Default::default()
        };
        assert_eq!(reference_record(record), Some(expected));
    }

    #[test]
    fn a_resolver_tail_is_part_of_the_text() {
        let record = b"2026/11/20 11:24:16 [error] 16993#16993: send() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:5399";
        let read = read(record);
        assert_eq!(
            (read.connection, read.client, read.server),
            (None, None, None)
        );
        assert!(read.text.ends_with(b", resolver: 127.0.0.1:5399"));
    }

    #[test]
    fn a_head_without_the_blank_before_the_star_is_accepted() {
        let record = b"2021/12/24 01:23:45 [info] 1776#1776:*71220252 client timed out, client: 1.2.3.4, server: example.com";
        let read = read(record);
        assert_eq!((read.connection, read.tid), (Some(71_220_252), 1776));
        assert_eq!(text(read.server), Some("example.com"));
        assert_eq!(
            reference_record(b"2021/12/24 01:23:45 [info] 1776#1776:client"),
            None
        );
    }

    #[test]
    fn only_a_star_a_number_and_a_blank_make_a_connection() {
        for (rest, connection, message) in [
            ("*5 x", Some(5), "x"),
            ("*5 ", Some(5), ""),
            ("*5", None, "*5"),
            ("*x y", None, "*x y"),
            ("* y", None, "* y"),
            ("", None, ""),
            (" *5 x", None, " *5 x"),
            ("*18446744073709551616 x", None, "*18446744073709551616 x"),
        ] {
            let record = format!("2026/11/20 11:23:46 [notice] 1#1: {rest}");
            let read = read(record.as_bytes());
            assert_eq!(
                (read.connection, read.text),
                (connection, message.as_bytes()),
                "{rest}"
            );
        }
    }

    #[test]
    fn impossible_times_are_not_heads() {
        for time in [
            "2026/02/30 00:00:00",
            "2026/02/29 00:00:00",
            "2100/01/01 00:00:00",
            "2000/12/31 23:59:59",
            "2026/13/01 00:00:00",
            "2026/00/01 00:00:00",
            "2026/01/00 00:00:00",
            "2026/04/31 00:00:00",
            "2026/01/01 24:00:00",
            "2026/01/01 00:60:00",
            "2026/01/01 00:00:60",
            "2026-01-01 00:00:00",
            "2026/01/01T00:00:00",
            "2026/1/01  00:00:00",
            "+026/01/01 00:00:00",
        ] {
            let record = format!("{time} [error] 1#1: x");
            assert_eq!(reference_record(record.as_bytes()), None, "{time}");
        }
    }

    #[test]
    fn the_first_and_the_last_second_are_counted_right() {
        for (time, seconds) in [
            ("2001/01/01 00:00:00", 978_307_200),
            ("2024/02/29 12:00:00", 1_709_208_000),
            ("2038/01/19 03:14:08", 2_147_483_648),
            ("2099/12/31 23:59:59", 4_102_444_799),
        ] {
            let record = format!("{time} [error] 1#1: x");
            assert_eq!(read(record.as_bytes()).local_seconds, seconds, "{time}");
        }
    }

    #[test]
    fn broken_heads_are_refused() {
        for record in [
            "",
            "2026/11/20 11:23:46",
            "2026/11/20 11:23:46 [error]",
            "2026/11/20 11:23:46 [error] 1#1",
            "2026/11/20 11:23:46 [error] 1#1:",
            "2026/11/20 11:23:46 [error] 1: x",
            "2026/11/20 11:23:46 [error] #1: x",
            "2026/11/20 11:23:46 [error] 1#: x",
            "2026/11/20 11:23:46 [error] -1#1: x",
            "2026/11/20 11:23:46 [error] 18446744073709551616#1: x",
            "2026/11/20 11:23:46 [error]  1#1: x",
            "2026/11/20 11:23:46 [ERROR] 1#1: x",
            "2026/11/20 11:23:46 [fatal] 1#1: x",
            "2026/11/20 11:23:46 [] 1#1: x",
            " 2026/11/20 11:23:46 [error] 1#1: x",
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
        ] {
            assert_eq!(reference_record(record.as_bytes()), None, "{record}");
        }
    }

    #[test]
    fn all_levels_are_known_and_debug_lines_have_no_tail() {
        for level in [
            "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
        ] {
            let record = format!("2026/11/20 11:23:46 [{level}] 1#1: *1 x, client: ::1, server: _");
            let read = read(record.as_bytes());
            assert_eq!(read.level, level.as_bytes());
            assert_eq!(read.client.is_some(), level != "debug", "{level}");
        }
    }

    #[test]
    fn an_empty_server_and_a_group_name_are_read() {
        let message = "no live upstreams while connecting to upstream, client: 192.168.33.1, server: , request: \"GET / HTTP/1.1\", upstream: \"http://two/\", host: \"a\"";
        with(message, |read| {
            assert_eq!(text(read.server), Some(""));
            assert_eq!(text(read.upstream), Some("http://two/"));
        });
        assert_eq!(address("http://two/", None).as_deref(), Some("two"));
        assert_eq!(address("fastcgi://php", None).as_deref(), Some("php"));
    }

    #[test]
    fn a_subrequest_stands_between_request_and_upstream() {
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: test.example, request: \"GET /mirr?q=1 HTTP/1.1\", subrequest: \"/mirrsub\", upstream: \"http://127.0.0.1:9990/mirrsub?q=1\", host: \"127.0.0.1:8080\"";
        with(message, |read| {
            assert_eq!(text(read.request), Some("GET /mirr?q=1 HTTP/1.1"));
            assert_eq!(text(read.subrequest), Some("/mirrsub"));
            assert_eq!(
                text(read.upstream),
                Some("http://127.0.0.1:9990/mirrsub?q=1")
            );
        });
    }

    #[test]
    fn quotes_in_the_request_do_not_end_it() {
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: test.example, request: \"GET /refused/a\"b,upstream:\"x HTTP/1.1\", upstream: \"http://127.0.0.1:9990/refused/a\"b,upstream:\"x\", host: \"a\", referrer: \"x\u{1}\u{1b}y\"";
        with(message, |read| {
            assert_eq!(
                text(read.request),
                Some("GET /refused/a\"b,upstream:\"x HTTP/1.1")
            );
            assert_eq!(
                text(read.upstream),
                Some("http://127.0.0.1:9990/refused/a\"b,upstream:\"x")
            );
            assert_eq!(text(read.host), Some("a"));
            assert_eq!(text(read.referrer), Some("x\u{1}\u{1b}y"));
        });
        let upstream = "http://127.0.0.1:9990/refused/a\"b,upstream:\"x";
        assert_eq!(address(upstream, None).as_deref(), Some("127.0.0.1:9990"));
    }

    #[test]
    fn a_forged_upstream_in_the_request_does_not_count() {
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: t, request: \"GET /a\", upstream: \"http://6.6.6.6/ HTTP/1.1\", upstream: \"http://127.0.0.1:9990/a\", upstream: \"http://6.6.6.6/\", host: \"h\"";
        with(message, |read| {
            assert_eq!(
                text(read.request),
                Some("GET /a\", upstream: \"http://6.6.6.6/ HTTP/1.1")
            );
            assert_eq!(
                text(read.upstream),
                Some("http://127.0.0.1:9990/a\", upstream: \"http://6.6.6.6/")
            );
            assert_eq!(text(read.host), Some("h"));
        });
    }

    #[test]
    fn a_forged_version_before_a_forged_key_wins() {
        // The known price of the rule; it takes a blank in the URI, refused since nginx 1.21.1.
        let message = "x, client: ::1, server: s, request: \"GET /a HTTP/1.1\", upstream: \"http://6.6.6.6/ HTTP/1.1\", upstream: \"http://127.0.0.1:9990/a\", host: \"h\"";
        with(message, |read| {
            assert_eq!(text(read.request), Some("GET /a HTTP/1.1"));
            let forged = "http://6.6.6.6/ HTTP/1.1\", upstream: \"http://127.0.0.1:9990/a";
            assert_eq!(text(read.upstream), Some(forged));
        });
    }

    #[test]
    fn a_client_in_a_message_wins_over_the_real_one() {
        // The known price of the rule: a decoded path or a program's text stands before the tail.
        let message = "open() \"/www/a, client: 6.6.6.6, server: evil\" failed (2: No such file or directory), client: 127.0.0.1, server: s, request: \"GET /a,%20client:%206.6.6.6,%20server:%20evil HTTP/1.1\"";
        with(message, |read| {
            assert_eq!(text(read.client), Some("6.6.6.6"));
            let server =
                "evil\" failed (2: No such file or directory), client: 127.0.0.1, server: s";
            assert_eq!(text(read.server), Some(server));
        });
    }

    #[test]
    fn a_forged_upstream_in_the_referrer_does_not_count() {
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: test.example, request: \"GET /refused HTTP/1.1\", upstream: \"http://127.0.0.1:9990/refused\", host: \"h.example\", referrer: \"http://evil/\", upstream: \"http://6.6.6.6/\", host: \"fake\"";
        with(message, |read| {
            assert_eq!(text(read.upstream), Some("http://127.0.0.1:9990/refused"));
            assert_eq!(text(read.host), Some("h.example"));
            assert_eq!(
                text(read.referrer),
                Some("http://evil/\", upstream: \"http://6.6.6.6/\", host: \"fake")
            );
        });
    }

    #[test]
    fn a_line_without_an_upstream_takes_none_from_the_referrer() {
        let message = "access forbidden by rule, client: 10.0.0.9, server: s, request: \"GET / HTTP/2.0\", host: \"h\", referrer: \"x\", upstream: \"http://6.6.6.6/\"";
        with(message, |read| {
            assert_eq!(read.upstream, None);
            assert_eq!(
                text(read.referrer),
                Some("x\", upstream: \"http://6.6.6.6/")
            );
        });
    }

    #[test]
    fn quotes_in_the_host_do_not_end_it() {
        let message = "x, client: 10.0.0.9, server: s, request: \"GET / HTTP/1.1\", host: \"a\"b\", upstream: \"http://6.6.6.6/\", referrer: \"r\"";
        with(message, |read| {
            assert_eq!(text(read.host), Some("a\"b\", upstream: \"http://6.6.6.6/"));
            assert_eq!(text(read.referrer), Some("r"));
            assert_eq!(read.upstream, None);
        });
    }

    #[test]
    fn old_and_invalid_request_lines_end_at_the_first_possible_quote() {
        with(
            "x, client: ::1, server: s, request: \"GET /x\", host: \"h\"",
            |read| {
                assert_eq!(text(read.request), Some("GET /x"));
                assert_eq!(text(read.host), Some("h"));
            },
        );
        with("x, client: ::1, server: s, request: \"GET /\"x\"", |read| {
            assert_eq!(text(read.request), Some("GET /\"x"));
        });
        with("x, client: ::1, server: s, request: \"\"", |read| {
            assert_eq!(text(read.request), Some(""));
        });
        with(
            "x, client: ::1, server: s, request: \"GET / HTTP/3\"",
            |read| {
                assert_eq!(text(read.request), Some("GET / HTTP/3"));
            },
        );
    }

    #[test]
    fn what_looks_like_a_version_is_not_always_one() {
        // None of these quotes stands after a version, so the first quote before a key counts.
        for line in [
            "GET /HTTP/1.1",
            "GET / HTTP/1.x",
            "GET / HTTP/",
            "GET / HTTP/11.1",
            "1",
            ".1",
        ] {
            let message = format!(
                "x, client: ::1, server: s, request: \"{line}\", host: \"a\", referrer: \" HTTP/1\""
            );
            // The referrer closes the record after a version: the first rule takes that quote.
            with(&message, |read| {
                let expected = format!("{line}\", host: \"a\", referrer: \" HTTP/1");
                assert_eq!(text(read.request), Some(expected.as_str()));
            });
            let message = message.replace(" HTTP/1\"", "\"");
            with(&message, |read| assert_eq!(text(read.request), Some(line)));
        }
    }

    #[test]
    fn a_cut_request_is_all_the_rest() {
        let uri = "A".repeat(1900);
        let message = format!(
            "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: test.example, request: \"GET /refused/{uri}"
        );
        with(&message, |read| {
            assert_eq!(read.request.map(<[u8]>::len), Some(13 + 1900));
            assert_eq!(read.upstream, None);
        });
        // The limit fell inside the next key, as observed.
        with(
            "x, client: ::1, server: s, request: \"GET /A HTTP/1.1\", up",
            |read| {
                assert_eq!(text(read.request), Some("GET /A HTTP/1.1"));
            },
        );
    }

    #[test]
    fn a_cut_value_is_all_the_rest_wherever_the_cut_falls() {
        with(
            "open() \"/www/BBB... (2: No such file or directory), client: 127.0",
            |read| {
                assert_eq!((text(read.client), read.server), (Some("127.0"), None));
            },
        );
        with("x, client: ::1, ser", |read| {
            assert_eq!((text(read.client), read.server), (Some("::1"), None));
        });
        with("x, client: ", |read| {
            assert_eq!(text(read.client), Some(""))
        });
        with("x, client: ::1, server: exam", |read| {
            assert_eq!(text(read.server), Some("exam"))
        });
        let start = "x, client: ::1, server: s, request: \"GET / HTTP/1.1\"";
        with(&format!("{start}, subrequest: \"/a"), |read| {
            assert_eq!(text(read.subrequest), Some("/a"));
        });
        with(
            &format!("{start}, upstream: \"http://127.0.0.1:9990/AAAA"),
            |read| {
                assert_eq!(text(read.upstream), Some("http://127.0.0.1:9990/AAAA"));
            },
        );
        with(&format!("{start}, host: \"h\", referr"), |read| {
            assert_eq!(text(read.host), Some("h"));
        });
        with(
            &format!("{start}, host: \"h\", referrer: \"http://a/"),
            |read| {
                assert_eq!(text(read.referrer), Some("http://a/"));
            },
        );
        with(&format!("{start}, host: \"h\", referrer: \""), |read| {
            assert_eq!(text(read.referrer), Some(""));
        });
    }

    #[test]
    fn a_php_error_over_four_lines_is_one_record() {
        let message = "FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Exception: boom in /a.php:3\nStack trace:\n#0 {main}\n  thrown in /a.php on line 3\" while reading response header from upstream, client: 127.0.0.1, server: test.example, request: \"GET /f9101?q=1 HTTP/1.1\", upstream: \"fastcgi://127.0.0.1:9101\", host: \"127.0.0.1:8080\"";
        with(message, |read| {
            assert_eq!(read.text, message.as_bytes());
            assert_eq!(text(read.client), Some("127.0.0.1"));
            assert_eq!(text(read.upstream), Some("fastcgi://127.0.0.1:9101"));
        });
    }

    #[test]
    fn a_forged_head_inside_a_record_is_text() {
        let message = "open() \"/www/static/a\n2020/01/01 00:00:00 [error] 1#1: *1 fake\" failed (2: No such file or directory), client: 127.0.0.1, server: test.example, request: \"GET /static/a%0A2020/01/01%2000:00:00%20[error]%201%231:%20*1%20fake HTTP/1.1\", host: \"a\"";
        with(message, |read| {
            assert_eq!((read.pid, read.connection), (16993, Some(1)));
            assert_eq!(text(read.client), Some("127.0.0.1"));
            assert_eq!((read.upstream, text(read.host)), (None, Some("a")));
        });
    }

    #[test]
    fn stream_tails_end_at_the_byte_counts() {
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: 127.0.0.1:8501, upstream: \"127.0.0.1:9990\", bytes from/to client:0/0, bytes from/to upstream:0/0";
        with(message, |read| {
            assert_eq!(text(read.server), Some("127.0.0.1:8501"));
            assert_eq!(text(read.upstream), Some("127.0.0.1:9990"));
            assert_eq!((read.request, read.host), (None, None));
        });
        let message = "nohost7.example could not be resolved (3: Host not found), client: 127.0.0.1, server: 127.0.0.1:8510, bytes from/to client:0/0, bytes from/to upstream:0/0";
        with(message, |read| {
            assert_eq!(text(read.server), Some("127.0.0.1:8510"));
            assert_eq!(read.upstream, None);
        });
        let message = "recv() failed (111: Connection refused) while proxying and reading from upstream, udp client: 127.0.0.1, server: 127.0.0.1:8509, upstream: \"127.0.0.1:9990\", bytes from/to client:2/0, bytes from/to upstream:0/2";
        with(message, |read| {
            assert_eq!(text(read.client), Some("127.0.0.1"));
            assert_eq!(text(read.upstream), Some("127.0.0.1:9990"));
        });
        let message =
            "upstream disconnected, bytes from/to client:18/0, bytes from/to upstream:0/18";
        with(message, |read| {
            assert_eq!((read.client, read.server), (None, None))
        });
    }

    #[test]
    fn a_mail_tail_yields_no_upstream() {
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: 10.1.1.1 using starttls, server: 0.0.0.0:143, login: \"joe\", upstream: \"http://6.6.6.6/\", upstream: 10.0.0.1:143";
        with(message, |read| {
            assert_eq!(text(read.client), Some("10.1.1.1 using starttls"));
            assert_eq!(text(read.server), Some("0.0.0.0:143"));
            assert_eq!(read.upstream, None);
        });
        with(
            "x, client: 10.1.1.1, server: 0.0.0.0:25, upstream: 10.0.0.1:25",
            |read| {
                assert_eq!(
                    (text(read.server), read.upstream),
                    (Some("0.0.0.0:25"), None)
                );
            },
        );
    }

    #[test]
    fn windows_and_bsd_lines_differ_in_numbers_only() {
        let record = b"2024/10/08 13:32:56 [error] 4916#5664: *88 connect() failed (10061: No connection could be made because the target machine actively refused it) while connecting to upstream, client: 127.0.0.1, server: localhost, request: \"GET /api/user/me HTTP/1.1\", upstream: \"http://127.0.0.1:8082/user/me\", host: \"localhost:8080\", referrer: \"http://localhost:8080/info.html\"";
        let windows = read(record);
        assert_eq!((windows.pid, windows.tid), (4916, 5664));
        assert_eq!(
            text(windows.referrer),
            Some("http://localhost:8080/info.html")
        );
        let record = b"2012/07/11 22:52:18 [error] 23021#100456: *29 kevent() reported that connect() failed (61: Connection refused) while connecting to upstream, client: 127.0.0.1, server: dev.foo.co.uk, request: \"GET /foo HTTP/1.1\", upstream: \"fastcgi://127.0.0.1:9000\", host: \"dev.foo.co.uk\"";
        let bsd = read(record);
        assert_eq!(
            (bsd.pid, bsd.tid, bsd.connection),
            (23021, 100_456, Some(29))
        );
        assert_eq!(text(bsd.upstream), Some("fastcgi://127.0.0.1:9000"));
    }

    #[test]
    fn angie_tails_are_quoted_and_renamed() {
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: \"127.0.0.1\", server: \"a, b\", request_line: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.5:8080/\", host: \"h\", referrer: \"r\"";
        with(message, |read| {
            assert_eq!(
                (text(read.client), text(read.server)),
                (Some("127.0.0.1"), Some("a, b"))
            );
            assert_eq!(text(read.request), Some("GET / HTTP/1.1"));
            assert_eq!(text(read.upstream), Some("http://10.0.0.5:8080/"));
        });
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: \"::1\", server: \"[::]:53\", protocol: \"udp\", upstream: \"[::1]:5353\", bytes_from_client: 2, bytes_to_client: 0, bytes_from_upstream: 0, bytes_to_upstream: 2";
        with(message, |read| {
            assert_eq!(
                (text(read.client), text(read.server)),
                (Some("::1"), Some("[::]:53"))
            );
            assert_eq!(text(read.upstream), Some("[::1]:5353"));
        });
        with("x, client: \"::1\", server: \"exa", |read| {
            assert_eq!(text(read.server), Some("exa"));
        });
        with("x, client: \"", |read| {
            assert_eq!(text(read.client), Some(""))
        });
    }

    #[test]
    fn a_request_id_may_stand_last() {
        let start = "x, client: ::1, server: s, request: \"GET / HTTP/1.1\"";
        with(&format!("{start}, request_id: \"0f\""), |read| {
            assert_eq!(text(read.request), Some("GET / HTTP/1.1"));
        });
        with(
            &format!("{start}, host: \"h\", request_id: \"0f\""),
            |read| {
                assert_eq!(text(read.host), Some("h"));
            },
        );
        with(
            &format!("{start}, host: \"h\", referrer: \"r\"q\", request_id: \"0f\""),
            |read| {
                assert_eq!(text(read.referrer), Some("r\"q"));
            },
        );
        with(
            &format!("{start}, host: \"h\", referrer: \"r\", request_id: \"0"),
            |read| {
                assert_eq!(text(read.referrer), Some("r"));
            },
        );
        with(
            &format!("{start}, host: \"h\", referrer: \"r\", request_id: \"0\", host: \"x\""),
            |read| {
                assert_eq!(
                    text(read.referrer),
                    Some("r\", request_id: \"0\", host: \"x")
                );
            },
        );
    }

    #[test]
    fn keys_out_of_order_never_count() {
        with(
            "x, server: a, client: ::1, host: \"h\", upstream: \"http://6.6.6.6/\"",
            |read| {
                assert_eq!((text(read.client), read.server), (Some("::1"), None));
                assert_eq!(text(read.host), Some("h\", upstream: \"http://6.6.6.6/"));
                assert_eq!(read.upstream, None);
            },
        );
        with(
            "x, client: ::1, request: \"GET / HTTP/1.1\", server: s",
            |read| {
                assert_eq!((text(read.client), read.server), (Some("::1"), None));
                assert_eq!(text(read.request), Some("GET / HTTP/1.1\", server: s"));
            },
        );
    }

    #[test]
    fn a_lua_context_stands_before_the_client() {
        let record = b"2021/08/16 02:42:02 [error] 23#0: *763 recv() failed (113: Host is unreachable), context: ngx.timer, client: 127.0.0.1, server: 127.0.0.1:8444";
        let read = read(record);
        assert_eq!(text(read.client), Some("127.0.0.1"));
        assert_eq!(text(read.server), Some("127.0.0.1:8444"));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_kept() {
        let mut record = Vec::from(HEAD);
        record.extend(
            b"x, client: ::1, server: s, request: \"GET /\xff\xfe HTTP/1.1\", host: \"\x80\"",
        );
        let read = read(&record);
        assert_eq!(read.request, Some(b"GET /\xff\xfe HTTP/1.1".as_slice()));
        assert_eq!(read.host, Some(b"\x80".as_slice()));
    }

    #[test]
    fn addresses_of_tcp_peers_are_cut_at_the_uri() {
        for (value, expected) in [
            ("http://10.0.0.5:8080/a?b=c", Some("10.0.0.5:8080")),
            ("http://10.0.0.5:8080", Some("10.0.0.5:8080")),
            ("http://[2001:db8::1]:80/v6", Some("[2001:db8::1]:80")),
            ("memcached://[::1]:11211", Some("[::1]:11211")),
            ("http://[::1%a/b]:80/v6", Some("[::1%a/b]:80")),
            ("http://[::1/v6", Some("[::1")),
            ("suwsgi://backend", Some("backend")),
            ("h2+tls://backend/", Some("backend")),
            ("10.193.124.19:8480", Some("10.193.124.19:8480")),
            ("[::1]:5353", Some("[::1]:5353")),
            ("sdead", Some("sdead")),
            ("a b://c/d", Some("a b:")),
            ("http://", None),
            ("http:///x", None),
            ("://x", Some(":")),
            ("/x", None),
            ("", None),
        ] {
            assert_eq!(address(value, None).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn addresses_of_unix_peers_with_a_colon_end_there() {
        for (value, expected) in [
            (
                "http://unix:/tmp/nope.sock:/unixup?q=1",
                "unix:/tmp/nope.sock",
            ),
            (
                "fastcgi://unix:/run/php/php8.2-fpm.sock:",
                "unix:/run/php/php8.2-fpm.sock",
            ),
            (
                "uwsgi://unix:///var/sockets/harri.sock:",
                "unix:///var/sockets/harri.sock",
            ),
            (
                "uwsgi://unix:/run/uwsgi/app/web/socket:",
                "unix:/run/uwsgi/app/web/socket",
            ),
            ("http://unix:/a.sock/b:/c", "unix:/a.sock/b"),
            // The known price of the rule: the colon was lost, and the query brings another one.
            (
                "http://unix:/tmp/slow.sock/abc?t=12:30",
                "unix:/tmp/slow.sock/abc?t=12",
            ),
        ] {
            let request = Some("GET /unixup?q=1 HTTP/1.1");
            assert_eq!(
                address(value, request).as_deref(),
                Some(expected),
                "{value}"
            );
        }
    }

    #[test]
    fn addresses_of_unix_peers_without_a_colon_lose_the_uri() {
        for (value, request, expected) in [
            (
                "http://unix:/tmp/app/abc?q=1",
                Some("GET /abc?q=1 HTTP/1.1"),
                Some("unix:/tmp/app"),
            ),
            (
                "http://unix:/tmp/app/abc?q=1",
                Some("GET  /abc?q=1"),
                Some("unix:/tmp/app"),
            ),
            (
                "http://unix:/tmp/s.sock/new",
                Some("GET /old HTTP/1.1"),
                Some("unix:/tmp/s.sock"),
            ),
            (
                "http://unix:/tmp/s.socket/new",
                None,
                Some("unix:/tmp/s.socket"),
            ),
            ("http://unix:/a.sock/b.sock/c", None, Some("unix:/a.sock")),
            (
                "http://unix:/tmp/app/new",
                Some("GET /old HTTP/1.1"),
                Some("unix:/tmp/app/new"),
            ),
            (
                "fastcgi://unix:/run/php.sock",
                Some("GET / HTTP/1.1"),
                Some("unix:/run/php.sock"),
            ),
            (
                "fastcgi://unix:/run/php.sock-1",
                None,
                Some("unix:/run/php.sock-1"),
            ),
            ("unix:/tmp/nope.sock", None, Some("unix:/tmp/nope.sock")),
            (
                "fastcgi://unix:/run/php.sock",
                Some("GET"),
                Some("unix:/run/php.sock"),
            ),
            // A client who knows the path asks for its end: without a proxied URI there is none to strip.
            (
                "fastcgi://unix:/run/php.sock",
                Some("GET /php.sock HTTP/1.1"),
                Some("unix:/run/php.sock"),
            ),
            (
                "fastcgi://unix:/php.sock",
                Some("GET /php.sock HTTP/1.1"),
                Some("unix:/php.sock"),
            ),
            ("http://unix:", None, None),
            ("http://unix::/x", None, None),
        ] {
            assert_eq!(
                address(value, request).as_deref(),
                expected,
                "{value} {request:?}"
            );
        }
    }
}
