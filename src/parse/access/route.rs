//! The route of a URI: what is left when all that names one thing or one person is folded, so that requests can be counted.
//!
//! ```text
//! /api/v1/users/4711/orders/2026-11-20?sort=up   ->   /api/v1/users/*/orders/*
//! /static/app.3f2a9c.js                          ->   /static/app.*.js
//! ```
//!
//! Folded to `*` is a whole segment, but for its extension, that is a number, a date, a place or the address of a host (digits and
//! their separators, but for versions like `1.2.3`), an address of mail, random, or longer than 48 bytes; and within other
//! segments a UUID, six digits or more with `-`, `_` or `:` between them, and a word that is
//! * a number of four digits or more, or the digits behind letters if there are five or more of them (`INV00012345`);
//! * hexadecimal: six of one case with two digits and two letters at least, eight with a digit, or sixteen of any;
//! * random: eight letters and digits or more in which the kind (lower case, upper case, digit) changes four times and at least
//!   every fourth byte, not counting a capital before small letters. A segment with `-` or `_` is random if it is so without
//!   them, has all three kinds, a part of eight, and none that is a name.
//!
//! Other words stay: `v1`, `en-US`, `oauth2`, `jquery-3.6.0.min.js`. This is a rule of thumb: it counts, it does not redact.

/// Segments kept; a `…` stands for the rest.
pub const SEGMENTS_MAX: usize = 10;

/// Bytes of a route, a `…` at its end not counted.
pub const ROUTE_LEN_MAX: usize = 160;

/// A longer segment is a title or a token: one of many.
const SEGMENT_LEN_MAX: usize = 48;

/// Writes the route of `uri` to `route`, which is cleared first. Query, fragment and `;parameters` are dropped, scheme and host,
/// too, and percent escapes of what needs none undone. An empty URI has an empty route.
pub fn write_route(uri: &[u8], route: &mut Vec<u8>) {
    route.clear();
    let path = path_of(uri);
    if !path.starts_with(b"/") {
        // `*`, or the host of a CONNECT.
        write_segment(path, route);
        return;
    }
    let segments = path.split(|&byte| byte == b'/').map(without_parameters);
    let mut n_segments = 0;
    for segment in segments.filter(|segment| !segment.is_empty()) {
        let start = route.len();
        route.push(b'/');
        write_segment(segment, route);
        n_segments += 1;
        if n_segments > SEGMENTS_MAX || route.len() > ROUTE_LEN_MAX {
            route.truncate(start);
            route.extend_from_slice("/…".as_bytes());
            return;
        }
    }
    if path.ends_with(b"/") {
        route.push(b'/'); // `/a/` is not `/a`, but `/a//b` is `/a/b`
    }
}

fn without_parameters(segment: &[u8]) -> &[u8] {
    let end = memchr::memchr(b';', segment).unwrap_or(segment.len());
    &segment[..end]
}

/// Without scheme, host, query and fragment.
fn path_of(uri: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'?', b'#', uri).unwrap_or(uri.len());
    let uri = &uri[..end];
    let n_scheme = uri
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    match uri.get(n_scheme..) {
        Some([b':', b'/', b'/', rest @ ..]) if n_scheme > 0 => {
            let host_end = memchr::memchr(b'/', rest);
            host_end.map_or(b"/", |end| &rest[end..])
        }
        _ => uri,
    }
}

/// Appends a segment: as it is, with words folded, or as `*` and its extension.
fn write_segment(segment: &[u8], route: &mut Vec<u8>) {
    // Most segments are a plain word, too short for a hexadecimal one without digits.
    let is_plain = |all, byte: &u8| all & matches!(byte, b'a'..=b'z' | b'-' | b'_');
    if segment.len() < 16 && segment.iter().fold(true, is_plain) {
        route.extend_from_slice(segment);
        return;
    }
    let start = route.len();
    let is_short = decode(segment, route);
    let stem_end = start + stem_len(&route[start..]);
    if !is_short || is_id(&route[start..]) {
        route.truncate(start);
        route.push(b'*');
    } else if is_id(&route[start..stem_end]) {
        route.splice(start..stem_end, [b'*']);
    } else {
        fold_words(route, start);
    }
}

/// Length of what stands before an extension: a dot and up to five letters and digits, a letter first.
fn stem_len(segment: &[u8]) -> usize {
    let dot = memchr::memrchr(b'.', segment).unwrap_or(segment.len());
    match &segment[dot..] {
        [b'.', first, rest @ ..]
            if first.is_ascii_alphabetic()
                && rest.len() < 5
                && rest.iter().all(u8::is_ascii_alphanumeric) =>
        {
            dot
        }
        _ => segment.len(),
    }
}

/// Appends `segment` without needless percent escapes, the others in upper case; whether it is no longer than a segment may be.
fn decode(segment: &[u8], out: &mut Vec<u8>) -> bool {
    let end = out.len() + SEGMENT_LEN_MAX;
    let mut rest = segment;
    while let [first, tail @ ..] = rest {
        if out.len() >= end {
            return false;
        }
        match (first, escaped(rest)) {
            (b'%', Some(byte)) => {
                if byte.is_ascii_alphanumeric() || b"-._~@:,+=!{}".contains(&byte) {
                    out.push(byte);
                } else {
                    out.extend([
                        b'%',
                        rest[1].to_ascii_uppercase(),
                        rest[2].to_ascii_uppercase(),
                    ]);
                }
                rest = &rest[3..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out.len() <= end
}

/// The byte whose `%HH` `text` begins with.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: &u8| (*byte as char).to_digit(16);
    Some((digit(high)? << 4 | digit(low)?) as u8)
}

/// Whether the whole segment names one thing.
fn is_id(segment: &[u8]) -> bool {
    is_numeric(segment) || is_mail(segment) || is_random_with_separators(segment)
}

/// Digits and what stands between them in dates, times, ranges, places and addresses, but no version.
fn is_numeric(segment: &[u8]) -> bool {
    let is_inside = |byte: &u8| byte.is_ascii_digit() || b"-_.:,+~TZ".contains(byte);
    let has_digit = segment.iter().any(u8::is_ascii_digit);
    let begins = !matches!(segment.first(), Some(b'T' | b'Z' | b'.'));
    has_digit && begins && segment.iter().all(is_inside) && !is_version(segment)
}

/// `1.2` or `1.2.3`, of at most three digits each.
fn is_version(segment: &[u8]) -> bool {
    let parts = || segment.split(|&byte| byte == b'.');
    let is_part = |part: &[u8]| matches!(part.len(), 1..=3) && part.iter().all(u8::is_ascii_digit);
    (2..=3).contains(&parts().take(4).count()) && parts().all(is_part)
}

/// `name@host.tld`; not `@scope`, `package@1.2.3` or `image@2x.png`.
fn is_mail(segment: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b'@', segment) else {
        return false;
    };
    let host = &segment[at + 1..];
    let top = memchr::memrchr(b'.', host).map(|dot| &host[dot + 1..]);
    let is_scale = matches!(host, [b'1'..=b'9', b'x', b'.', ..]);
    let is_top = |top: &[u8]| top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
    at > 0 && !is_scale && top.is_some_and(is_top)
}

/// What changes from byte to byte in a word.
#[derive(Default)]
struct Kinds {
    len: usize,
    n_digits: usize,
    n_lower: usize,
    n_upper: usize,
    n_changes: usize,
    last: u8,
}

impl Kinds {
    fn push(&mut self, byte: u8) {
        let kind = match byte {
            b'0'..=b'9' => 1,
            b'A'..=b'Z' => 2,
            _ => 3,
        };
        self.n_digits += usize::from(kind == 1);
        self.n_upper += usize::from(kind == 2);
        self.n_lower += usize::from(kind == 3);
        let changes = self.last != 0 && kind != self.last && (self.last, kind) != (2, 3);
        self.n_changes += usize::from(changes);
        self.len += 1;
        self.last = kind;
    }

    fn is_random(&self) -> bool {
        self.len >= 8 && self.n_digits > 0 && self.n_changes >= 4 && self.n_changes * 4 >= self.len
    }
}

/// base64url and the like: `V1StGXR8_Z5jdHi6B-myT`, but not `index-BX3kd92a`.
fn is_random_with_separators(segment: &[u8]) -> bool {
    let mut kinds = Kinds::default();
    let mut longest = 0;
    for part in segment.split(|byte| b"-_=".contains(byte)) {
        let small = part.get(1..).unwrap_or_default();
        let is_name = part.len() >= 4
            && part[0].is_ascii_alphabetic()
            && small.iter().all(u8::is_ascii_lowercase);
        if is_name || !part.iter().all(u8::is_ascii_alphanumeric) {
            return false;
        }
        part.iter().for_each(|&byte| kinds.push(byte));
        longest = longest.max(part.len());
    }
    kinds.is_random() && kinds.n_lower > 0 && kinds.n_upper > 0 && longest >= 8
}

/// Folds the words of the segment at `start`; words are runs of letters and digits, and shrink, so that this is done in place.
fn fold_words(route: &mut Vec<u8>, start: usize) {
    let (mut read, mut write) = (start, start);
    while read < route.len() {
        let rest = &route[read..];
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric();
        let len = rest.iter().take_while(is_word).count();
        let (kept, folded) = match uuid_len(rest).or_else(|| numbers_len(rest)) {
            Some(len) => (0, len),
            None if len > 0 => (kept_len(&rest[..len]), len),
            None if escaped(rest).is_some() => (3, 3),
            None => (1, 1),
        };
        route.copy_within(read..read + kept, write);
        write += kept;
        read += folded;
        if kept < folded {
            route[write] = b'*';
            write += 1;
        }
    }
    route.truncate(write);
}

/// Length of the UUID that `text`, at the start of a word, begins with: 8-4-4-4-12 hexadecimal digits.
fn uuid_len(text: &[u8]) -> Option<usize> {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let is_uuid = text.get(..36)?.iter().enumerate().all(fits);
    let ends = !text.get(36).is_some_and(u8::is_ascii_alphanumeric);
    (is_uuid && ends).then_some(36)
}

/// Length of the numbers with separators that `text` begins with, if they have six digits or more: `2026-11-20`.
fn numbers_len(text: &[u8]) -> Option<usize> {
    let is_inside = |byte: &&u8| byte.is_ascii_digit() || b"-_:".contains(byte);
    let run = &text[..text.iter().take_while(is_inside).count()];
    let len = run.iter().rposition(u8::is_ascii_digit)? + 1;
    let n_digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    let ends = len < run.len() || !text.get(len).is_some_and(u8::is_ascii_alphanumeric);
    (text[0].is_ascii_digit() && ends && n_digits >= 6).then_some(len)
}

/// Bytes of a word that stay, before a `*` for the rest; all of most words.
fn kept_len(word: &[u8]) -> usize {
    let mut kinds = Kinds::default();
    word.iter().for_each(|&byte| kinds.push(byte));
    let n_letters = word.len() - kinds.n_digits;
    let prefix = word
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    if kinds.is_random() || is_hex(word, &kinds) || (n_letters == 0 && word.len() >= 4) {
        0
    } else if prefix == n_letters && kinds.n_digits >= 5 {
        prefix
    } else {
        word.len()
    }
}

fn is_hex(word: &[u8], kinds: &Kinds) -> bool {
    if !word.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let n_letters = word.len() - kinds.n_digits;
    let is_one_case = kinds.n_lower == 0 || kinds.n_upper == 0;
    match word.len() {
        0..6 => false,
        6..8 => is_one_case && kinds.n_digits >= 2 && n_letters >= 2,
        8..16 => kinds.n_digits > 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(uri: &str) -> String {
        let mut route = b"of the last line".to_vec();
        write_route(uri.as_bytes(), &mut route);
        String::from_utf8_lossy(&route).into_owned()
    }

    #[test]
    fn uris_fold_to_routes() {
        for (uri, want) in [
            // Numbers, dates, places.
            ("/users/42", "/users/*"),
            (
                "/api/v1/users/4711/orders/99?sort=up",
                "/api/v1/users/*/orders/*",
            ),
            ("/2026/11/20/why-it-broke", "/*/*/*/why-it-broke"),
            ("/reports/2026-11-20.pdf", "/reports/*.pdf"),
            ("/reports/sales-2026-11-20.pdf", "/reports/sales-*.pdf"),
            ("/logs/2026_11_20_page2.txt", "/logs/*_page2.txt"),
            ("/article/42.html", "/article/*.html"),
            ("/reports/2026-11-20", "/reports/*"),
            ("/slots/2026-11-20T11:29:47Z/", "/slots/*/"),
            ("/tiles/14/8185/5447.png", "/tiles/*/*/*.png"),
            ("/near/51.507351,-0.127758", "/near/*"),
            ("/hosts/10.0.12.7/ping", "/hosts/*/ping"),
            ("/orders/order-123456/items", "/orders/order-*/items"),
            ("/invoices/INV00012345", "/invoices/INV*"),
            ("/title/tt0111161/", "/title/tt*/"),
            ("/-/12345", "/-/*"),
            // UUIDs, hexadecimal, random.
            (
                "/v1/jobs/3f0e1c1e-8c1a-4b7e-9d0a-5f6b7c8d9e0f",
                "/v1/jobs/*",
            ),
            (
                "/v1/jobs/%7B3F0E1C1E-8C1A-4B7E-9D0A-5F6B7C8D9E0F%7D/log",
                "/v1/jobs/{*}/log",
            ),
            (
                "/f/scan-3f0e1c1e-8c1a-4b7e-9d0a-5f6b7c8d9e0f.pdf",
                "/f/scan-*.pdf",
            ),
            ("/o/507f1f77bcf86cd799439011", "/o/*"),
            ("/commit/3f2a9c1", "/commit/*"),
            (
                "/t/x100/a2/a8/6806ed71570139f1656554d94bbb.jpeg",
                "/t/x100/a2/a8/*.jpeg",
            ),
            (
                "/cache/da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "/cache/*",
            ),
            ("/watch/dQw4w9WgXcQ", "/watch/*"),
            ("/s/V1StGXR8_Z5jdHi6B-myT", "/s/*"),
            ("/ulid/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/ulid/*"),
            ("/dp/B08N5WRWNW/ref=sr_1_3", "/dp/*/ref=sr_1_3"),
            (
                "/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
                "/reset/*",
            ),
            ("/x/k3j9x2m4q8", "/x/*"),
            // Mail.
            ("/users/jane.doe@example.com/avatar", "/users/*/avatar"),
            ("/users/jane.doe%40example.com", "/users/*"),
            // Hashes of files.
            ("/static/app.3f2a9c.js", "/static/app.*.js"),
            ("/static/js/2.1f3b4c5d.chunk.js", "/static/js/2.*.chunk.js"),
            ("/assets/index-BX3kd92a.js", "/assets/index-*.js"),
            (
                "/_next/static/chunks/pages/_app-0f36d1a0f2a3c6c2.js",
                "/_next/static/chunks/pages/_app-*.js",
            ),
            // Words, versions, locales, names of files.
            ("/", "/"),
            ("/index.html", "/index.html"),
            ("/favicon.ico", "/favicon.ico"),
            ("/robots.txt", "/robots.txt"),
            ("/v1", "/v1"),
            ("/api/v2.1/status", "/api/v2.1/status"),
            (
                "/apis/apps/v1beta1/namespaces",
                "/apis/apps/v1beta1/namespaces",
            ),
            ("/en-US/docs/Web/HTTP", "/en-US/docs/Web/HTTP"),
            ("/zh-Hans/es-419/de_AT", "/zh-Hans/es-419/de_AT"),
            ("/oauth2/callback", "/oauth2/callback"),
            ("/getUserProfileById", "/getUserProfileById"),
            (
                "/ajax/libs/jquery/3.6.0/jquery-3.6.0.min.js",
                "/ajax/libs/jquery/3.6.0/jquery-3.6.0.min.js",
            ),
            (
                "/fonts/fontawesome-webfont.woff2",
                "/fonts/fontawesome-webfont.woff2",
            ),
            ("/favicon-32x32.png", "/favicon-32x32.png"),
            ("/img/1920x1080/hero@2x.jpg", "/img/1920x1080/hero@2x.jpg"),
            ("/npm/react@18.2.0/umd", "/npm/react@18.2.0/umd"),
            ("/@scope/package", "/@scope/package"),
            (
                "/wp-content/themes/twentytwentyone/style.css",
                "/wp-content/themes/twentytwentyone/style.css",
            ),
            (
                "/blog/how-to-fix-502-bad-gateway",
                "/blog/how-to-fix-502-bad-gateway",
            ),
            ("/iPhone-15-Pro-Max-256GB-5G", "/iPhone-15-Pro-Max-256GB-5G"),
            (
                "/facade/decade/deadbeef/feed",
                "/facade/decade/deadbeef/feed",
            ),
            (
                "/base64encode/sha256sum/utf8",
                "/base64encode/sha256sum/utf8",
            ),
            (
                "/.well-known/acme-challenge/",
                "/.well-known/acme-challenge/",
            ),
            ("/.env", "/.env"),
            ("/cgi-bin/.%2e/%2e%2e/bin/sh", "/cgi-bin/../../bin/sh"),
            // Spellings.
            ("//a///b//", "/a/b/"),
            ("/a/%62%2Fc/d%20e", "/a/b%2Fc/d%20e"),
            ("/a%2fb/%zz/100%", "/a%2Fb/%zz/100%"),
            ("/foo%2012", "/foo%2012"),
            ("/cart;jsessionid=1E6FEC0D14D044541DD84D2D013D29ED", "/cart"),
            ("/a#b", "/a"),
            ("/a?b/c?d", "/a"),
            ("http://shop.example/a/17?x", "/a/*"),
            ("http://shop.example", "/"),
            ("http://shop.example?x", "/"),
            ("*", "*"),
            ("example.com:443", "example.com:443"),
            ("", ""),
            ("?x", ""),
        ] {
            assert_eq!(route(uri), want, "{uri}");
        }
    }

    #[test]
    fn routes_are_short() {
        assert_eq!(route(&"/a".repeat(10)), "/a".repeat(10));
        assert_eq!(route(&"/a".repeat(11)), format!("{}/…", "/a".repeat(10)));
        let long = "w".repeat(SEGMENT_LEN_MAX);
        assert_eq!(route(&format!("/{long}")), format!("/{long}"));
        assert_eq!(route(&format!("/{long}w/c")), "/*/c");
        let four = format!("/{long}").repeat(4);
        assert_eq!(route(&four), format!("{}/…", format!("/{long}").repeat(3)));
        let mut out = Vec::new();
        for unit in ["/a", "%41", "%00", "\\x22", "/", ";", "é", "/%"] {
            write_route(format!("/{}", unit.repeat(100_000)).as_bytes(), &mut out);
            assert!(out.len() <= ROUTE_LEN_MAX + 4, "{unit}: {}", out.len());
            assert!(out.capacity() <= 1024, "{unit}: {}", out.capacity());
        }
    }

    #[test]
    fn a_route_is_its_own_route() {
        const PARTS: [&str; 14] = [
            "/", "a", "17", "2026", "-", ".", "%41", "%2f", "3f2a9c", "X", "@b.cd", "dQw4", ";p=1",
            "*",
        ];
        for n in 0..PARTS.len().pow(4) {
            let uri: String = (0..4)
                .map(|k| PARTS[n / PARTS.len().pow(k) % PARTS.len()])
                .collect();
            let uri = format!("/{uri}");
            let once = route(&uri);
            assert_eq!(route(&once), once, "{uri}");
        }
    }
}
