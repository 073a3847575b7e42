//! `$request`: the line the client sent, as far as it is one.
//!
//! ```text
//! METHOD URI [ HTTP/N.N ]                    `ngx_http_parse_request_line`; without the last part it is HTTP/0.9
//! ```
//!
//! What is no request line (nothing, part of one, the first bytes of TLS as `\x16\x03\x01…`) has no parts. Values are slices,
//! escapes and all: `$request` holds no line end, and a blank is never escaped.

/// The parts of a request line; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestLine<'a> {
    pub method: Option<&'a [u8]>,
    /// With its query; may hold blanks, which nginx took until 1.21.1 and logs even of a refused request.
    pub uri: Option<&'a [u8]>,
    /// `HTTP/1.1`
    pub protocol: Option<&'a [u8]>,
}

/// Splits `$request`. The protocol is what stands behind the last blank, if it is one; the URI all between it and the method.
#[inline]
pub fn parse_request_line(line: &[u8]) -> RequestLine<'_> {
    let is_method = |byte: &&u8| matches!(byte, b'A'..=b'Z' | b'-' | b'_');
    let n_method = line.iter().take_while(is_method).count();
    let begins = line.first().is_some_and(u8::is_ascii_uppercase); // a lone `-` is what nginx writes for nothing
    if !begins || !matches!(line.get(n_method), Some(b' ') | None) {
        return RequestLine::default();
    }
    let (method, rest) = line.split_at(n_method);
    let (uri, protocol) = split_protocol(trim(rest));
    RequestLine {
        method: Some(method),
        uri: (!uri.is_empty()).then_some(uri),
        protocol,
    }
}

#[inline]
fn split_protocol(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    let start = memchr::memrchr(b' ', rest).map_or(0, |blank| blank + 1);
    let (uri, protocol) = rest.split_at(start);
    match protocol {
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', ..] => (trim(uri), Some(protocol)),
        _ => (rest, None),
    }
}

/// Without blanks at either end: clients may send several.
#[inline]
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_whole_partial_and_none() {
        for (line, method, uri, protocol) in [
            ("GET / HTTP/1.1", "GET", "/", "HTTP/1.1"),
            ("GET /a?b=c%20d HTTP/2.0", "GET", "/a?b=c%20d", "HTTP/2.0"),
            (
                "CONNECT example.com:443 HTTP/1.1",
                "CONNECT",
                "example.com:443",
                "HTTP/1.1",
            ),
            ("OPTIONS * HTTP/1.0", "OPTIONS", "*", "HTTP/1.0"),
            ("GET http://h/x HTTP/1.1", "GET", "http://h/x", "HTTP/1.1"),
            ("M-SEARCH /a HTTP/1.1", "M-SEARCH", "/a", "HTTP/1.1"),
            ("PRI * HTTP/2.0", "PRI", "*", "HTTP/2.0"),
            ("GET /a b c HTTP/1.1", "GET", "/a b c", "HTTP/1.1"),
            ("GET /a HTTP/1.0 HTTP/1.1", "GET", "/a HTTP/1.0", "HTTP/1.1"),
            ("GET   /a   HTTP/1.1 ", "GET", "/a", "HTTP/1.1"),
            ("GET /a", "GET", "/a", ""),
            ("GET /a HTTP", "GET", "/a HTTP", ""),
            (
                "GET /a\\x22\\x5C HTTP/1.1",
                "GET",
                "/a\\x22\\x5C",
                "HTTP/1.1",
            ),
            ("GET HTTP/1.1", "GET", "", "HTTP/1.1"),
            ("GET", "GET", "", ""),
            ("GET ", "GET", "", ""),
            ("", "", "", ""),
            ("-", "", "", ""),
            (" ", "", "", ""),
            ("get / HTTP/1.1", "", "", ""),
            ("\\x16\\x03\\x01\\x02\\x00\\x01", "", "", ""),
            (
                "\\x03\\x00\\x00/*\\xE0\\x00\\x00 Cookie: mstshash=x",
                "",
                "",
                "",
            ),
            ("]&\\xDF\\xBDV HTTP/1.1", "", "", ""),
            ("GET\\x00 / HTTP/1.1", "", "", ""),
            ("SSH-2.0-Go", "", "", ""),
        ] {
            let part = |text: &'static str| (!text.is_empty()).then_some(text.as_bytes());
            let want = RequestLine {
                method: part(method),
                uri: part(uri),
                protocol: part(protocol),
            };
            assert_eq!(parse_request_line(line.as_bytes()), want, "{line}");
        }
    }

    #[test]
    fn parts_are_in_order_and_nothing_but_blanks_is_lost() {
        const BYTES: &[u8] = b"GH /1";
        let n = BYTES.len();
        for k in 0..n.pow(7) {
            let mut line = *b"GET_____";
            let mut rest = k;
            for byte in &mut line[1..] {
                *byte = BYTES[rest % n];
                rest /= n;
            }
            let parts = parse_request_line(&line);
            let kept: Vec<u8> = [parts.method, parts.uri, parts.protocol]
                .into_iter()
                .flatten()
                .flatten()
                .copied()
                .collect();
            let without_blanks =
                |text: &[u8]| -> Vec<u8> { text.iter().copied().filter(|b| *b != b' ').collect() };
            if parts.method.is_some() {
                assert_eq!(without_blanks(&kept), without_blanks(&line), "{line:?}");
            } else {
                assert_eq!(parts, RequestLine::default());
            }
        }
    }
}
