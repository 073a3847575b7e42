//! Deterministic makers of realistic and hostile error-log records for the property tests.

use std::ops::Range;

/// A `SplitMix64` generator: the same seed gives the same logs on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    /// Starts a sequence that depends on the seed alone.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Answers the next 64 bits of the sequence.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Answers a number below the bound, or 0 for the bound 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.bits() % bound).unwrap_or(0)
    }

    /// Answers true in about this many of a hundred calls.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Answers one of the choices, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Answers one byte.
    fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[0]
    }
}

/// What nginx appends to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// No connection number and no tail.
    Process,
    /// A connection number and no tail.
    Bare,
    /// The client and the listen address, before a request exists.
    Connection,
    /// The keys of a request without an upstream.
    Request,
    /// The keys of a request with an upstream.
    Upstream,
    /// The same, where the colon after a socket path is lost.
    Timeout,
    /// The same, where the upstream is the name of a group.
    Group,
    /// The keys and the byte counts of a stream session.
    Stream,
    /// The keys of a mail session.
    Mail,
}

/// Levels, tails and messages; `{peer}`, `{path}`, `{name}`, `{text}` and `{n}` are filled in.
const MESSAGES: [(&str, Tail, &str); 72] = [
    (
        "error",
        Tail::Upstream,
        "connect() failed (111: Connection refused) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() failed (61: Connection refused) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() failed (10061: No connection could be made because the target machine actively refused it) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "kevent() reported that connect() failed (61: Connection refused) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() to {peer} failed (111: Connection refused) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() to {peer} failed (11: Resource temporarily unavailable) while connecting to upstream",
    ),
    (
        "crit",
        Tail::Upstream,
        "connect() to {peer} failed (2: No such file or directory) while connecting to upstream",
    ),
    (
        "crit",
        Tail::Upstream,
        "connect() to {peer} failed (13: Permission denied) while connecting to upstream",
    ),
    (
        "crit",
        Tail::Upstream,
        "connect() to {peer} failed (99: Cannot assign requested address) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() to {peer} failed (101: Network is unreachable) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() failed (113: No route to host) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() failed (113: Host is unreachable) while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "connect() failed (110: Connection timed out) while connecting to upstream",
    ),
    (
        "alert",
        Tail::Upstream,
        "socket() failed (24: Too many open files) while connecting to upstream",
    ),
    (
        "crit",
        Tail::Upstream,
        "connect() to 0.0.0.1:80 failed (22: Invalid argument) while connecting to upstream",
    ),
    (
        "error",
        Tail::Timeout,
        "upstream timed out (110: Connection timed out) while connecting to upstream",
    ),
    (
        "error",
        Tail::Timeout,
        "upstream timed out (110: Operation timed out) while reading response header from upstream",
    ),
    (
        "error",
        Tail::Timeout,
        "upstream timed out (60: Operation timed out) while reading upstream",
    ),
    (
        "error",
        Tail::Timeout,
        "upstream timed out (10060: A connection attempt failed because the connected party did not properly respond after a period of time, or established connection failed because connected host has failed to respond) while connecting to upstream",
    ),
    (
        "error",
        Tail::Timeout,
        "upstream timed out (110: Connection timed out) while SSL handshaking to upstream",
    ),
    (
        "error",
        Tail::Timeout,
        "upstream timed out (110: Connection timed out) while sending request to upstream",
    ),
    (
        "info",
        Tail::Timeout,
        "upstream timed out (110: Connection timed out) while proxying upgraded connection",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream prematurely closed connection while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream prematurely closed connection while reading upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream prematurely closed FastCGI stdout while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "recv() failed (104: Connection reset by peer) while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "recv() failed (54: Connection reset by peer) while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "WSARecv() failed (10054: An existing connection was forcibly closed by the remote host) while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "readv() failed (104: Connection reset by peer) while reading upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "writev() failed (32: Broken pipe) while sending request to upstream",
    ),
    (
        "info",
        Tail::Upstream,
        "recv() failed (104: Connection reset by peer) while sending to client",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream sent too big header while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream sent invalid header: \"Bad\\x00...\" while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream sent no valid HTTP/1.0 header while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream sent unsupported FastCGI protocol version: 72 while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream sent too large http2 frame: 4740180 while reading response header from upstream",
    ),
    (
        "warn",
        Tail::Upstream,
        "an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/3/00/{n} while reading upstream",
    ),
    (
        "warn",
        Tail::Upstream,
        "upstream server temporarily disabled while connecting to upstream",
    ),
    (
        "error",
        Tail::Group,
        "no live upstreams while connecting to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "peer closed connection in SSL handshake (104: Connection reset by peer) while SSL handshaking to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "upstream SSL certificate verify error: (20:unable to get local issuer certificate) while SSL handshaking to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "FastCGI sent in stderr: \"PHP message: {text}\" while reading response header from upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "FastCGI sent in stderr: \"Primary script unknown\" while reading response header from upstream",
    ),
    (
        "info",
        Tail::Upstream,
        "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream",
    ),
    (
        "error",
        Tail::Upstream,
        "open() \"/usr/share/nginx/html/50x.html\" failed (2: No such file or directory)",
    ),
    (
        "error",
        Tail::Request,
        "{name} could not be resolved (3: Host not found)",
    ),
    (
        "error",
        Tail::Request,
        "{name} could not be resolved (110: Operation timed out)",
    ),
    (
        "error",
        Tail::Request,
        "no resolver defined to resolve {name}",
    ),
    (
        "error",
        Tail::Request,
        "open() \"{path}\" failed (2: No such file or directory)",
    ),
    (
        "error",
        Tail::Request,
        "directory index of \"{path}\" is forbidden",
    ),
    ("error", Tail::Request, "access forbidden by rule"),
    (
        "error",
        Tail::Request,
        "auth request unexpected status: {n} while sending to client",
    ),
    (
        "error",
        Tail::Request,
        "limiting requests, excess: 5.{n} by zone \"one\"",
    ),
    (
        "error",
        Tail::Request,
        "client intended to send too large body: {n} bytes",
    ),
    (
        "error",
        Tail::Request,
        "[lua] balancer.lua:{n}: balance(): {text}, context: balancer_by_lua*",
    ),
    (
        "info",
        Tail::Request,
        "client sent invalid method while reading client request line",
    ),
    (
        "warn",
        Tail::Request,
        "a client request body is buffered to a temporary file /var/cache/nginx/client_temp/{n}",
    ),
    (
        "info",
        Tail::Connection,
        "client timed out (110: Connection timed out) while waiting for request",
    ),
    (
        "crit",
        Tail::Connection,
        "SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking",
    ),
    (
        "info",
        Tail::Bare,
        "client 127.0.0.1 closed keepalive connection (104: Connection reset by peer)",
    ),
    (
        "info",
        Tail::Bare,
        "upstream disconnected, bytes from/to client:18/0, bytes from/to upstream:0/18",
    ),
    (
        "debug",
        Tail::Bare,
        "http header: \"X-Forwarded-For: {text}\"",
    ),
    (
        "crit",
        Tail::Process,
        "accept4() failed (24: Too many open files)",
    ),
    (
        "alert",
        Tail::Process,
        "worker process {n} exited on signal 9",
    ),
    (
        "alert",
        Tail::Process,
        "{n} worker_connections are not enough",
    ),
    (
        "emerg",
        Tail::Process,
        "host not found in upstream \"{name}\" in /etc/nginx/conf.d/default.conf:{n}",
    ),
    (
        "notice",
        Tail::Process,
        "signal 17 (SIGCHLD) received from {n}",
    ),
    (
        "error",
        Tail::Process,
        "recv() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:53",
    ),
    (
        "error",
        Tail::Stream,
        "connect() failed (111: Connection refused) while connecting to upstream",
    ),
    (
        "info",
        Tail::Stream,
        "connection timed out (110: Connection timed out) while proxying connection",
    ),
    (
        "error",
        Tail::Mail,
        "connect() failed (111: Connection refused) while connecting to upstream",
    ),
];

/// Every level but debug, at which nginx writes no tail.
const LEVELS: [&str; 7] = ["emerg", "alert", "crit", "error", "warn", "notice", "info"];

/// Upstream schemes whose value holds no URI.
const PLAIN_SCHEMES: [&str; 7] = [
    "fastcgi://",
    "uwsgi://",
    "suwsgi://",
    "scgi://",
    "grpc://",
    "grpcs://",
    "memcached://",
];

/// Peers as nginx prints them, without a scheme.
const PEERS: [&str; 20] = [
    "127.0.0.1:9990",
    "10.0.0.5:8080",
    "10.42.239.185:80",
    "0.0.0.1:80",
    "203.0.113.9:443",
    "[::1]:9000",
    "[2001:db8::1]:80",
    "[::ffff:10.0.0.5]:8080",
    "unix:/run/app.sock",
    "unix:/run/php/php8.2-fpm.sock",
    "unix:/var/run/cgi-php.socket-1",
    "unix:/var/lib/app/php.socket",
    "unix:/run/uwsgi/app/web/socket",
    "unix:///var/sockets/harri.sock",
    "unix:/srv/a.sock.d/b.sock",
    "unix:/srv/with blank/app.sock",
    "unix:/tmp/gunicorn",
    "localhost",
    "test.example:8080",
    "<docker network IP>:80",
];

/// Names of upstream groups.
const GROUPS: [&str; 6] = [
    "backend",
    "upstream_balancer",
    "node_upstream",
    "php",
    "app-v2.example",
    "sdead",
];

/// First names of server blocks, as written in a configuration, and listen addresses.
const SERVERS: [&str; 11] = [
    "test.example",
    "example.com",
    "",
    "_",
    "localhost",
    "*.example.com",
    ".example.org",
    "~^(?<x>.+)\\.example$",
    "~^a{1,3}\\.example$",
    "пример.example",
    "127.0.0.1:8080",
];

/// Client addresses as nginx prints them.
const CLIENTS: [&str; 7] = [
    "127.0.0.1",
    "192.0.2.1",
    "10.255.0.2",
    "2001:db8::7",
    "::ffff:213.205.200.23",
    "unix:",
    "213.205.200.230",
];

/// Pieces of a path or a query that hold no blank.
const URI_PIECES: [&str; 34] = [
    "a",
    "index.php",
    "api/v1/users",
    "%20",
    "%22",
    "%0A",
    "?q=1",
    "&t=12:30",
    "&u=http://x/",
    "/",
    "//",
    "..",
    ":",
    ";jsessionid=1",
    "app.sock/",
    "php8.2-fpm.sock",
    "\"",
    "\"\"",
    "'",
    ",",
    "\\",
    "(CST)",
    "[x]",
    "\"b,upstream:\"x",
    "\",host:\"x",
    "HTTP/1.1\"",
    "п",
    "é",
    "日本",
    "😀",
    "\u{202e}",
    "$",
    "*",
    "#",
];

/// Tails somebody would like a reader to believe.
const SPOOFS: [&str; 16] = [
    "\", upstream: \"http://6.6.6.6/",
    "\", upstream: \"http://6.6.6.6/\", host: \"fake",
    "\", host: \"fake",
    "\", host: \"fake\"",
    "\", referrer: \"http://evil/",
    "\", request: \"GET /evil HTTP/1.1",
    "\", subrequest: \"/evil",
    "\", request_id: \"0123456789abcdef",
    "\", bytes from/to client:0/0",
    ", client: 6.6.6.6",
    ", server: evil.example",
    ", client: 6.6.6.6, server: evil, request: \"GET /evil HTTP/1.1\", upstream: \"http://6.6.6.6/\"",
    " HTTP/1.1\", upstream: \"http://6.6.6.6/",
    " HTTP/1.1\"",
    "2020/01/01 00:00:00 [error] 1#1: *1 fake, client: 6.6.6.6, server: evil",
    "\" while connecting to upstream, client: 6.6.6.6, server: evil",
];

/// Words of header values and of programs.
const WORDS: [&str; 18] = [
    "https://example.com/shop?date=2017-09-25",
    "http://localhost:8080/info.html",
    "https://пример.example/",
    "Uncaught Exception: boom in /srv/a.php:3",
    "no peer was returned",
    "x",
    " ",
    ", ",
    "\"",
    "\\",
    "\\x22",
    "\t",
    "\u{1}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{0}",
    "日本",
    "r\u{e9}sum\u{e9}",
];

/// Lines that are no record of nginx.
const JUNK: [&str; 12] = [
    "junk",
    "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
    "Nov 20 11:23:46 gw nginx: nginx: configuration file test failed",
    "<187>Nov 20 11:23:46 gw nginx: ",
    "error] 12483#0: *253 upstream prematurely closed connection",
    "2026/11/20 11:23:4",
    "2026/11/20 11:23:46",
    "2026/11/20 11:23:46 [error] ",
    "2026/11/20 11:23:46 [error] 1#1",
    "\tcoroutine 0:",
    ", client: 127.0.0.1, server: s, request: \"GET / HTTP/1.1\", upstream: \"http://6.6.6.6/\"",
    "127.0.0.1 - - [20/Nov/2026:11:23:46 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl/8\"",
];

/// Heads that look right and are not.
const BROKEN_HEADS: [&str; 10] = [
    "2026/02/30 00:00:00 [error] 1#1: *1 ",
    "2100/01/01 00:00:00 [error] 1#1: *1 ",
    "2000/12/31 23:59:59 [error] 1#1: *1 ",
    "2026/11/20 24:00:00 [error] 1#1: *1 ",
    "2026/11/20 11:23:60 [error] 1#1: *1 ",
    "2026/11/20 11:23:46 [fatal] 1#1: *1 ",
    "2026/11/20 11:23:46 [error] 1: *1 ",
    "2026/11/20 11:23:46 [error] #1: *1 ",
    "2026/11/20 11:23:46 [error] 1#1:",
    "2026/11/20 11:23:46 [error] 18446744073709551616#1: *1 ",
];

/// Makes one record on one line, without its line end.
pub(crate) fn record(rng: &mut Rng) -> Vec<u8> {
    let (level, tail, message) = rng.pick(&MESSAGES);
    // A build of OpenResty has twice the buffer.
    let limit = if rng.chance(8) { 4095 } else { 2047 };
    let scene = Scene::new(rng, tail);
    let mut record = head(rng, level, tail != Tail::Process);
    for (index, part) in message.split('{').enumerate() {
        match part.split_once('}') {
            Some((name, literal)) if index > 0 => {
                scene.fill(rng, name, &mut record);
                record.extend(literal.bytes());
            }
            _ => record.extend(part.bytes()),
        }
    }
    if record.len() > limit - 49 && message.ends_with("(2: No such file or directory)") {
        // A message that fills the buffer gives way to the error number.
        record.truncate(limit - 49);
        record.extend(b"... (2: No such file or directory)");
    }
    scene.write_tail(rng, tail, &mut record);
    record.truncate(limit);
    record
}

/// Makes one record that holds raw newlines, without its line end.
pub(crate) fn multi_line_record(rng: &mut Rng) -> Vec<u8> {
    let tail = rng.pick(&[
        Tail::Upstream,
        Tail::Upstream,
        Tail::Request,
        Tail::Connection,
    ]);
    let scene = Scene::new(rng, tail);
    let mut record = head(rng, "error", true);
    match tail {
        Tail::Upstream => {
            record.extend(b"FastCGI sent in stderr: \"PHP message: PHP Fatal error:  ");
            record.extend(hostile_text(rng));
            record.extend(b"\nStack trace:");
            for frame in 0..rng.below(6) {
                record.extend(format!("\n#{frame} ").bytes());
                record.extend(hostile_text(rng));
            }
            if rng.chance(20) {
                record.extend(b"\n\n");
            }
            if rng.chance(20) {
                record.push(b'\n');
                record.extend(self::record(rng));
            }
            record.extend(b"\n  thrown in /srv/a.php on line 3\"");
            record.extend(b" while reading response header from upstream");
        }
        Tail::Request if rng.chance(50) => {
            record.extend(b"open() \"/srv/www/a\n");
            if rng.chance(60) {
                record.extend(self::record(rng));
            } else {
                record.extend(hostile_text(rng));
            }
            record.extend(b"\" failed (2: No such file or directory)");
        }
        Tail::Request => {
            record.extend(b"[lua] access.lua:7: ");
            record.extend(hostile_text(rng));
            record.extend(b"\nstack traceback:\n\tcoroutine 0:\n\taccess.lua: in function <x>");
        }
        _ => {
            record.extend(b"broken header: \"GET / HTTP/1.1\r\nHost: ");
            record.extend(hostile_text(rng));
            record.extend(b"\r\n\r\n\" while reading PROXY protocol");
        }
    }
    scene.write_tail(rng, tail, &mut record);
    record.truncate(2047);
    without_final_newlines(record)
}

/// Damages a record with a few random edits and inserts no LF.
pub(crate) fn mutate(rng: &mut Rng, record: &[u8]) -> Vec<u8> {
    let mut bytes = record.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(7) {
            0 => {
                let bit = 1 << rng.below(8);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = never_newline(*byte, *byte ^ bit);
                }
            }
            1 => {
                let random = rng.byte();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = never_newline(*byte, random);
                }
            }
            2 => {
                let range = range_from(rng, at, bytes.len());
                bytes.drain(range);
            }
            3 => {
                let range = range_from(rng, at, bytes.len());
                let copy = without_newlines(&bytes[range.clone()]);
                bytes.splice(range.end..range.end, copy);
            }
            4 => {
                // Moves a part somewhere else, so that keys change their order.
                let range = range_from(rng, at, bytes.len());
                let part: Vec<u8> = bytes.drain(range).collect();
                let to = rng.below(bytes.len() + 1);
                bytes.splice(to..to, without_newlines(&part));
            }
            5 => {
                let spoof = rng.pick(&SPOOFS);
                bytes.splice(at..at, spoof.bytes());
            }
            _ => bytes.truncate(at),
        }
    }
    // A CR at the very end would be read as part of the line end.
    while bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    bytes
}

/// Makes a log of so many records, with blank lines, junk and CRLF line ends at times.
pub(crate) fn log(rng: &mut Rng, records: usize) -> Vec<u8> {
    let windows = rng.chance(12);
    let mut log = Vec::new();
    for index in 0..records {
        if rng.chance(2) {
            end_line(rng, windows, &mut log);
        }
        if rng.chance(3) {
            log.extend(rng.pick(&JUNK).bytes());
            end_line(rng, windows, &mut log);
        }
        let line = match rng.below(100) {
            0..8 => multi_line_record(rng),
            8..13 => {
                let line = record(rng);
                mutate(rng, &line)
            }
            _ => record(rng),
        };
        log.extend(line);
        if index + 1 < records || rng.chance(85) {
            end_line(rng, windows, &mut log);
        }
    }
    log
}

/// The parts of one request that its message and its tail share.
#[derive(Debug)]
struct Scene {
    peer: String,
    uri: Vec<u8>,
    request: Vec<u8>,
}

impl Scene {
    fn new(rng: &mut Rng, tail: Tail) -> Self {
        let names: &[&str] = if tail == Tail::Group { &GROUPS } else { &PEERS };
        let uri = uri(rng);
        let request = request(rng, &uri);
        Self {
            peer: rng.pick(names).to_owned(),
            uri,
            request,
        }
    }

    /// Writes what stands for a name in braces.
    fn fill(&self, rng: &mut Rng, name: &str, record: &mut Vec<u8>) {
        match name {
            "peer" => record.extend(self.peer.bytes()),
            "path" => {
                // The path is decoded, so it may hold blanks where the request has none.
                record.extend(b"/srv/www");
                record.extend(&self.uri);
                if rng.chance(10) {
                    record.extend(rng.pick(&SPOOFS).bytes());
                }
            }
            "name" => record.extend(rng.pick(&GROUPS).bytes()),
            "n" => record.extend(rng.below(100_000).to_string().bytes()),
            _ => record.extend(hostile_text(rng)),
        }
    }

    fn write_tail(&self, rng: &mut Rng, tail: Tail, record: &mut Vec<u8>) {
        let client = rng.pick(&CLIENTS);
        let server = rng.pick(&SERVERS);
        match tail {
            Tail::Process | Tail::Bare => {}
            Tail::Connection => {
                write(record, &[", client: ", client, ", server: 0.0.0.0:443"]);
            }
            Tail::Stream => self.write_stream(rng, client, record),
            Tail::Mail => {
                let starttls = if rng.chance(20) {
                    " using starttls"
                } else {
                    ""
                };
                write(
                    record,
                    &[", client: ", client, starttls, ", server: 0.0.0.0:143"],
                );
                if rng.chance(60) {
                    write(
                        record,
                        &[", login: \"", rng.pick(&["joe", "a@b", "x\"y", ""]), "\""],
                    );
                }
                if rng.chance(80) {
                    write(record, &[", upstream: ", rng.pick(&PEERS)]);
                }
            }
            Tail::Request => self.write_http(rng, client, server, None, record),
            Tail::Upstream | Tail::Timeout | Tail::Group => {
                let upstream = self.upstream(rng, tail == Tail::Timeout);
                self.write_http(rng, client, server, Some(&upstream), record);
            }
        }
    }

    fn write_stream(&self, rng: &mut Rng, client: &str, record: &mut Vec<u8>) {
        if rng.chance(10) {
            write(
                record,
                &[", client: \"", client, "\", server: \"0.0.0.0:53\""],
            );
            write(
                record,
                &[", protocol: \"tcp\", upstream: \"", &self.peer, "\""],
            );
            write(record, &[", bytes_from_client: 2, bytes_to_client: 0"]);
            write(record, &[", bytes_from_upstream: 0, bytes_to_upstream: 2"]);
            return;
        }
        let udp = if rng.chance(25) { "udp " } else { "" };
        write(
            record,
            &[", ", udp, "client: ", client, ", server: 0.0.0.0:53"],
        );
        if rng.chance(85) {
            write(record, &[", upstream: \"", &self.peer, "\""]);
        }
        write(
            record,
            &[", bytes from/to client:2/0, bytes from/to upstream:0/2"],
        );
    }

    fn write_http(
        &self,
        rng: &mut Rng,
        client: &str,
        server: &str,
        upstream: Option<&[u8]>,
        record: &mut Vec<u8>,
    ) {
        // Angie quotes every value and calls the request differently.
        let (quote, request) = if rng.chance(8) {
            ("\"", ", request_line: \"")
        } else {
            ("", ", request: \"")
        };
        write(record, &[", client: ", quote, client, quote]);
        write(record, &[", server: ", quote, server, quote]);
        write_quoted(record, request, &self.request);
        if rng.chance(8) {
            let subrequest = if rng.chance(50) {
                b"/auth".to_vec()
            } else {
                uri(rng)
            };
            write_quoted(record, ", subrequest: \"", &subrequest);
        }
        if let Some(upstream) = upstream {
            write_quoted(record, ", upstream: \"", upstream);
        }
        if rng.chance(88) {
            write_quoted(record, ", host: \"", &host(rng));
        }
        if rng.chance(40) {
            write_quoted(record, ", referrer: \"", &hostile_text(rng));
        }
        if rng.chance(4) {
            write_quoted(
                record,
                ", request_id: \"",
                b"0123456789abcdef0123456789abcdef",
            );
        }
    }

    /// The upstream value: a scheme, the peer, and for HTTP the URI.
    fn upstream(&self, rng: &mut Rng, colon_lost: bool) -> Vec<u8> {
        let http = rng.chance(60);
        let scheme = if http {
            rng.pick(&["http://", "https://"])
        } else {
            rng.pick(&PLAIN_SCHEMES)
        };
        let mut value = Vec::from(scheme);
        value.extend(self.peer.bytes());
        if self.peer.starts_with("unix:") && !colon_lost {
            value.push(b':');
        }
        if http && rng.chance(85) {
            value.extend(&self.uri);
        } else if http {
            value.extend(b"/rewritten");
        }
        value
    }
}

/// Makes the part of a record before its message.
fn head(rng: &mut Rng, level: &str, connection: bool) -> Vec<u8> {
    if rng.chance(2) {
        return Vec::from(rng.pick(&BROKEN_HEADS));
    }
    let level = if level != "debug" && rng.chance(6) {
        rng.pick(&LEVELS)
    } else {
        level
    };
    let time = if rng.chance(90) {
        let (minute, second) = (rng.below(60), rng.below(60));
        format!("2026/11/20 11:{minute:02}:{second:02}")
    } else {
        let times = [
            "2024/02/29 23:59:59",
            "2001/01/01 00:00:00",
            "2099/12/31 23:59:59",
        ];
        rng.pick(&times).to_owned()
    };
    let pid = 1 + rng.below(65_535);
    // Linux with and without threads, FreeBSD, macOS, Windows.
    let tid = match rng.below(10) {
        0..6 => u64::try_from(pid).unwrap_or(0),
        6 => 0,
        7 => 100_456,
        8 => rng.bits(),
        _ => 5664,
    };
    let connection = match rng.below(100) {
        _ if !connection => " ".to_owned(),
        0..2 => format!("*{} ", rng.below(1000)),
        2..4 => format!(" *{} ", rng.bits()),
        _ => format!(" *{} ", rng.below(100_000)),
    };
    format!("{time} [{level}] {pid}#{tid}:{connection}").into_bytes()
}

/// Makes a URI without blanks, at times long enough to reach the limit of the record.
fn uri(rng: &mut Rng) -> Vec<u8> {
    let mut uri = vec![b'/'];
    if rng.chance(30) {
        return uri;
    }
    for _ in 0..rng.below(5) {
        if rng.chance(4) {
            uri.push(0x80 | rng.byte());
        } else {
            uri.extend(rng.pick(&URI_PIECES).bytes());
        }
    }
    if rng.chance(12) {
        let filler = rng.pick(b"AB%,\"\xd0");
        uri.extend(std::iter::repeat_n(filler, 300 + rng.below(2000)));
    }
    uri
}

/// Makes a request line, valid or not.
fn request(rng: &mut Rng, uri: &[u8]) -> Vec<u8> {
    if rng.chance(2) {
        return hostile_text(rng);
    }
    let methods = [
        "GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "PROPFIND",
    ];
    let mut request = Vec::from(rng.pick(&methods));
    request.push(b' ');
    if rng.chance(2) {
        request.push(b' ');
    }
    request.extend(uri);
    if rng.chance(5) {
        request.extend(rng.pick(&SPOOFS).bytes());
    }
    let versions = [
        " HTTP/1.1",
        " HTTP/1.1",
        " HTTP/1.1",
        " HTTP/1.1",
        " HTTP/1.0",
        " HTTP/2.0",
        " HTTP/2.0",
        " HTTP/3.0",
        " HTTP/3",
        "  HTTP/1.1",
        " HTTP/1.",
        "",
    ];
    request.extend(rng.pick(&versions).bytes());
    request
}

/// Makes a Host header.
fn host(rng: &mut Rng) -> Vec<u8> {
    let hosts = [
        "127.0.0.1:8080",
        "example.com",
        "[::1]:80",
        "a",
        "h.example",
        "xn--e1afmkfd",
    ];
    let mut host = Vec::from(rng.pick(&hosts));
    if rng.chance(6) {
        host.extend(
            rng.pick(&["\"", "a\"b", ",", "п", "\\", "\", referrer: \"x"])
                .bytes(),
        );
    }
    if rng.chance(4) {
        host.extend(rng.pick(&SPOOFS).bytes());
    }
    host
}

/// Makes text of a client or a program that holds neither CR nor LF.
fn hostile_text(rng: &mut Rng) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..rng.below(4) {
        match rng.below(20) {
            0..14 => text.extend(rng.pick(&WORDS).bytes()),
            14..18 => text.extend(rng.pick(&SPOOFS).bytes()),
            _ => text.push(0x80 | rng.byte()),
        }
    }
    text
}

fn write(record: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        record.extend(part.bytes());
    }
}

fn write_quoted(record: &mut Vec<u8>, key: &str, value: &[u8]) {
    record.extend(key.bytes());
    record.extend(value);
    record.push(b'"');
}

fn end_line(rng: &mut Rng, windows: bool, log: &mut Vec<u8>) {
    if windows || rng.chance(1) {
        log.push(b'\r');
    }
    log.push(b'\n');
}

fn range_from(rng: &mut Rng, at: usize, len: usize) -> Range<usize> {
    let most = if rng.chance(80) { 12 } else { 200 };
    let end = (at + 1 + rng.below(most)).min(len);
    at.min(end)..end
}

fn never_newline(before: u8, after: u8) -> u8 {
    if after == b'\n' { before } else { after }
}

fn without_newlines(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .filter(|byte| *byte != b'\n')
        .collect()
}

fn without_final_newlines(mut record: Vec<u8>) -> Vec<u8> {
    while matches!(record.last(), Some(b'\n' | b'\r')) {
        record.pop();
    }
    record
}

#[cfg(test)]
mod tests {
    use super::{MESSAGES, Rng, Tail, log, multi_line_record, mutate, record};

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.bits(), 6_457_827_717_110_365_317);
        assert_eq!(rng.bits(), 3_203_168_211_198_807_973);
        assert_eq!(rng.bits(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn the_same_seed_makes_the_same_log() {
        assert_eq!(log(&mut Rng::new(7), 200), log(&mut Rng::new(7), 200));
        assert_ne!(log(&mut Rng::new(7), 200), log(&mut Rng::new(8), 200));
    }

    #[test]
    fn records_hold_no_line_end_and_respect_the_limits() {
        let mut rng = Rng::new(1);
        let mut cut = 0;
        for _ in 0..20_000 {
            let record = record(&mut rng);
            assert!(!record.contains(&b'\n') && !record.contains(&b'\r'));
            assert!(record.len() <= 4095);
            cut += usize::from(record.len() == 2047);
        }
        assert!((200..4000).contains(&cut), "{cut} of 20000 records are cut");
    }

    #[test]
    fn records_of_all_kinds_occur() {
        let mut rng = Rng::new(2);
        let records: Vec<Vec<u8>> = (0..20_000).map(|_| record(&mut rng)).collect();
        for part in [
            "[emerg]",
            "[alert]",
            "[crit]",
            "[error]",
            "[warn]",
            "[notice]",
            "[info]",
            "[debug]",
            "\"http://[::1]:9000/",
            "\"fastcgi://unix:/run/app.sock:\"",
            "\"memcached://",
            "\"fastcgi://unix:/run/app.sock\"",
            "upstream: \"http://backend/",
            "udp client: ",
            "login: \"",
            "client: \"",
            "request_line: \"",
            "request_id: \"",
            "protocol: \"",
            "subrequest: \"/auth\"",
            "#0: *",
            ":*",
            "... (2: No such file or directory)",
        ] {
            let found = records.iter().any(|record| {
                record
                    .windows(part.len())
                    .any(|window| window == part.as_bytes())
            });
            assert!(found, "no record holds {part}");
        }
        assert!(
            records
                .iter()
                .any(|record| std::str::from_utf8(record).is_err())
        );
        assert!(
            MESSAGES
                .iter()
                .filter(|message| message.1 == Tail::Upstream)
                .count()
                > 25
        );
    }

    #[test]
    fn multi_line_records_hold_newlines_inside_only() {
        let mut rng = Rng::new(3);
        for _ in 0..2_000 {
            let record = multi_line_record(&mut rng);
            assert!(record.contains(&b'\n') && record.len() <= 2047);
            assert!(!record.ends_with(b"\n") && !record.ends_with(b"\r"));
        }
    }

    #[test]
    fn mutations_insert_no_newline() {
        let mut rng = Rng::new(4);
        let mut changed = 0;
        for _ in 0..20_000 {
            let before = if rng.chance(80) {
                record(&mut rng)
            } else {
                multi_line_record(&mut rng)
            };
            let after = mutate(&mut rng, &before);
            let newlines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
            assert!(newlines(&after) <= newlines(&before));
            assert!(!after.ends_with(b"\r"));
            changed += usize::from(after != before);
        }
        assert!(
            changed > 19_000,
            "only {changed} of 20000 mutations changed a record"
        );
        for _ in 0..200 {
            mutate(&mut rng, b"");
        }
    }

    #[test]
    fn logs_hold_as_many_lines_as_asked_and_a_few_more() {
        let log = log(&mut Rng::new(5), 1_000);
        let lines = log.split(|byte| *byte == b'\n').count();
        assert!((1_000..2_000).contains(&lines), "{lines} lines");
        assert!(super::log(&mut Rng::new(6), 0).is_empty());
    }
}
