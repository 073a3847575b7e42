//! Access records made at random, as nginx would write them: values of every kind, in any format.

use coroner::parse::access::Escape;

/// Numbers at random, the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

/// What values of a variable are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Addresses,
    Custom,
    EpochTime,
    IsoTime,
    LocalTime,
    Number,
    Numbers,
    Ratio,
    Status,
    Text,
    Word,
}

/// The kind of the variable `name`, by lists of our own.
pub(crate) fn kind(name: &str) -> Kind {
    match name {
        "time_local" => Kind::LocalTime,
        "time_iso8601" => Kind::IsoTime,
        "msec" => Kind::EpochTime,
        "status" => Kind::Status,
        "gzip_ratio" => Kind::Ratio,
        "upstream_addr" => Kind::Addresses,
        "upstream_status" | "upstream_response_time" | "upstream_connect_time" => Kind::Numbers,
        "upstream_header_time" | "upstream_response_length" => Kind::Numbers,
        "upstream_bytes_received" | "upstream_bytes_sent" => Kind::Numbers,
        "bytes_sent" | "body_bytes_sent" | "request_time" | "session_time" => Kind::Number,
        "connection" | "connection_requests" | "pid" | "request_length" => Kind::Number,
        "remote_port" | "server_port" | "bytes_received" | "msec_no_microseconds" => Kind::Number,
        "remote_addr" | "realip_remote_addr" | "the_real_ip" | "proxy_protocol_addr" => Kind::Word,
        "request_method" | "host" | "server_name" | "upstream_cache_status" => Kind::Word,
        "proxy_upstream_name" | "proxy_alternative_upstream_name" | "proxy_host" => Kind::Word,
        "request_id" | "scheme" | "protocol" | "hostname" | "server_protocol" => Kind::Word,
        "ssl_protocol" | "ssl_cipher" | "http2" | "http3" | "https" | "server_addr" => Kind::Word,
        "request" | "request_uri" | "uri" | "args" | "query_string" | "remote_user" => Kind::Text,
        "req_id" | "filtered_request_uri" | "ssl_preread_server_name" => Kind::Text,
        "ssl_server_name" | "ssl_client_verify" => Kind::Text,
        _ => {
            let prefixes = ["http_", "sent_http_", "cookie_", "upstream_http_"];
            match prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                true => Kind::Text,
                false => Kind::Custom,
            }
        }
    }
}

/// A format taken apart: the text before the first variable; then each variable, and the text behind it.
pub(crate) fn pieces(body: &str) -> (String, Vec<(String, String)>) {
    let mut texts = body.split('$');
    let head = texts.next().unwrap_or_default().to_owned();
    let variable = |text: &str| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        (text[..end].to_owned(), text[end..].to_owned())
    };
    (head, texts.map(variable).collect())
}

/// Whose requests a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    /// Anyone's: values imitate formats, and no number is like another.
    Any,
    /// Browsers: what most lines look like.
    Usual,
}

/// A record of `body`: the line, and the value of each variable in it.
pub(crate) fn record(
    dice: &mut Dice,
    clients: Clients,
    body: &str,
    escape: Escape,
) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (head, variables) = pieces(body);
    let separators = separators(dice);
    let mut line = head.into_bytes();
    let mut values = Vec::new();
    for (name, literal) in variables {
        let value = match clients {
            Clients::Any => value(dice, &name, escape, &separators),
            Clients::Usual => usual_value(dice, &name, escape, &separators).into_bytes(),
        };
        line.extend_from_slice(&value);
        line.extend_from_slice(literal.as_bytes());
        values.push(value);
    }
    (line, values)
}

/// What stands between the attempts of one record.
fn separators(dice: &mut Dice) -> Vec<&'static str> {
    let n = [0, 0, 0, 1, 1, 2, 3][dice.roll(7)];
    let mut separators = Vec::new();
    for _ in 0..n {
        separators.push(dice.pick(&[", ", ", ", " : "]));
    }
    separators
}

fn value(dice: &mut Dice, name: &str, escape: Escape, separators: &[&str]) -> Vec<u8> {
    let absent = if escape == Escape::Default { "-" } else { "" };
    // Seconds have three decimals, always.
    let is_seconds =
        name == "request_time" || name.starts_with("upstream_") && name.ends_with("_time");
    let number = |dice: &mut Dice| match dice.roll(4) {
        _ if is_seconds => format!("{}.{:03}", dice.roll(70), dice.roll(1_000)),
        0 => dice.roll(10).to_string(),
        1 => dice.roll(1_000_000_000).to_string(),
        _ => format!("{}.{:03}", dice.roll(70), dice.roll(1_000)),
    };
    let text = match kind(name) {
        Kind::LocalTime => format!(
            "{:02}/Nov/2026:11:29:{:02} +0000",
            dice.roll(28) + 1,
            dice.roll(60)
        ),
        Kind::IsoTime => format!(
            "2026-11-{:02}T11:29:{:02}-03:30",
            dice.roll(28) + 1,
            dice.roll(60)
        ),
        Kind::EpochTime => format!("17951{:05}.{:03}", dice.roll(100_000), dice.roll(1_000)),
        Kind::Status => format!("{:03}", [200, 502, 504, 9, 499, 301][dice.roll(6)]),
        Kind::Ratio if dice.roll(2) == 0 => absent.to_owned(),
        Kind::Ratio => format!("{}.{:02}", dice.roll(30), dice.roll(100)),
        Kind::Number if dice.roll(8) == 0 => absent.to_owned(),
        Kind::Number => number(dice),
        Kind::Numbers | Kind::Addresses if dice.roll(6) == 0 && separators.is_empty() => {
            absent.to_owned()
        }
        Kind::Numbers => list(separators, |_| match dice.roll(5) {
            0 => "-".to_owned(),
            _ => number(dice),
        }),
        Kind::Addresses => list(separators, |_| {
            let peers = ["10.0.0.1:80", "[::1]:8080", "unix:/run/app.sock", "backend"];
            dice.pick(&peers).to_owned()
        }),
        Kind::Word if name == "server_protocol" => "HTTP/1.1".to_owned(),
        Kind::Word | Kind::Custom => {
            let words = [
                "10.0.0.7",
                "::1",
                "a.example",
                "GET",
                "x-1_2",
                "https",
                "200",
                "0.5",
                "-",
            ];
            dice.pick(&words).to_owned()
        }
        Kind::Text => return escaped(&free_text(dice, name, absent), escape),
    };
    text.into_bytes()
}

fn usual_value(dice: &mut Dice, name: &str, escape: Escape, separators: &[&str]) -> String {
    let absent = if escape == Escape::Default { "-" } else { "" };
    let seconds = |dice: &mut Dice| format!("{}.{:03}", dice.roll(70), dice.roll(1_000));
    let status = |dice: &mut Dice| {
        dice.pick(&["200", "200", "301", "404", "499", "502", "504"])
            .to_owned()
    };
    let is_seconds = name.ends_with("_time");
    let words: &[&str] = match name {
        "request" => &[
            "GET /a/b?c=1 HTTP/1.1",
            "POST /login HTTP/2.0",
            "GET / HTTP/1.1",
            "",
        ],
        "request_method" => &["GET", "POST"],
        "server_protocol" => &["HTTP/1.1", "HTTP/2.0"],
        "scheme" => &["http", "https"],
        "protocol" => &["TCP", "UDP"],
        "remote_user" => &["-", "-", "alice"],
        "upstream_cache_status" => &["-", "MISS", "HIT"],
        "http_user_agent" => &[
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/121.0",
            "curl/8.5.0",
        ],
        "http_referer" | "filtered_http_referer" => &["-", "https://shop.example/a?b=c"],
        "http_x_forwarded_for" => &["-", "198.51.100.7", "198.51.100.7, 203.0.113.9"],
        "host" | "http_host" | "server_name" => &["shop.example", "www.shop.example"],
        "hostname" | "node" | "node_name" | "server" => &["web1"],
        _ if name.ends_with("uri") => &["/", "/a/b", "/index.html"],
        _ if name.ends_with("_addr") || name == "the_real_ip" => &["192.0.2.1", "2001:db8::1"],
        _ if name.starts_with("http_") || name.starts_with("sent_http_") => &["-", "x y"],
        _ => &["-", "word-1"],
    };
    match kind(name) {
        Kind::LocalTime | Kind::IsoTime | Kind::EpochTime | Kind::Ratio => {
            String::from_utf8(value(dice, name, escape, separators)).expect("ASCII")
        }
        Kind::Status => status(dice),
        Kind::Number if is_seconds => seconds(dice),
        Kind::Number => dice.roll(100_000).to_string(),
        Kind::Numbers | Kind::Addresses if dice.roll(6) == 0 && separators.is_empty() => {
            absent.to_owned()
        }
        Kind::Numbers if name == "upstream_status" => list(separators, |_| status(dice)),
        Kind::Numbers if is_seconds => list(separators, |_| seconds(dice)),
        Kind::Numbers => list(separators, |_| dice.roll(100_000).to_string()),
        Kind::Addresses => list(separators, |_| format!("10.0.0.{}:8080", dice.roll(9))),
        Kind::Word | Kind::Custom | Kind::Text => dice
            .pick(words)
            .replace("-", if words[0] == "-" { absent } else { "-" }),
    }
}

fn list(separators: &[&str], mut element: impl FnMut(usize) -> String) -> String {
    let mut list = element(0);
    for (at, separator) in separators.iter().enumerate() {
        list.push_str(separator);
        // A pass that never reached a peer leaves its group empty, but only at the end.
        let is_last = at + 1 == separators.len();
        if !(is_last && *separator == " : ") {
            list.push_str(&element(at + 1));
        }
    }
    list
}

/// What clients send: mostly harmless.
fn free_text(dice: &mut Dice, name: &str, absent: &str) -> Vec<u8> {
    if dice.roll(5) == 0 {
        return absent.as_bytes().to_vec();
    }
    let mut text = if name == "request" {
        b"GET /".to_vec()
    } else {
        Vec::new()
    };
    if name.ends_with("uri") {
        text.push(b'/');
    }
    let pieces: &[&[u8]] = &[
        b"a",
        b"b/c",
        b"?d=e",
        b" ",
        b" - ",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b"|",
        b" | ",
        b",",
        b", ",
        b" : ",
        b": ",
        b"200",
        b" 502 ",
        b"0.001",
        b"=",
        b" rt=",
        b"\t",
        b"\x01",
        b"\xff",
        b"\xc3\xa9",
        b"10.0.0.1:80",
        b"[20/Nov/2026:11:29:47 +0000]",
        b"\" 200 5 \"",
        b"Mozilla/5.0 (X11)",
    ];
    for _ in 0..dice.roll(6) {
        text.extend_from_slice(dice.pick(pieces));
    }
    // `ngx_http_parse_header_line` drops blanks before a value.
    text.trim_ascii_start().to_vec()
}

/// As `ngx_http_log_escape` writes it.
fn escaped(text: &[u8], escape: Escape) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in text {
        match (escape, byte) {
            (Escape::None, _) => out.push(byte),
            (Escape::Default, 0..0x20 | b'"' | b'\\' | 0x7f..) => {
                out.extend_from_slice(format!("\\x{byte:02X}").as_bytes());
            }
            (Escape::Json, b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            (Escape::Json, b'\t') => out.extend_from_slice(b"\\t"),
            (Escape::Json, 0..0x20) => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out
}

/// A format of three to twelve variables at random, with the texts that people put between them.
pub(crate) fn format(dice: &mut Dice) -> String {
    let variables = [
        "time_local",
        "time_iso8601",
        "msec",
        "status",
        "gzip_ratio",
        "upstream_addr",
        "upstream_status",
        "upstream_response_time",
        "upstream_connect_time",
        "bytes_sent",
        "request_time",
        "connection",
        "remote_addr",
        "host",
        "server_name",
        "request_method",
        "request_id",
        "request",
        "request_uri",
        "remote_user",
        "http_referer",
        "http_user_agent",
        "http_x_forwarded_for",
        "upstream_cache_status",
        "pool",
        "remote_port",
    ];
    let literals = [
        " ", " ", " ", "\" \"", " \"", "\" ", " [", "] ", "|", " | ", "\t", " rt=", " ua=\"", ", ",
        ",", ": ", ":", " - ", "\"", ";", " -> ", ",\"s\":", "\tx:", "",
    ];
    let mut body = dice
        .pick(&["", "", "[", "\"", "{\"a\":\"", "x "])
        .to_owned();
    for _ in 0..3 + dice.roll(10) {
        body.push('$');
        body.push_str(dice.pick(&variables));
        body.push_str(dice.pick(&literals));
    }
    body
}
