//! What a value looks like, whatever it is called.

use super::super::{class::Class, value::is_cache_status};

/// Facts about the values of one column, counted over lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) n: usize,
    /// `-`, or nothing.
    pub(super) n_missing: usize,
    /// More than one element.
    pub(super) n_lists: usize,
    /// Three digits, from 100 to 599: single ones.
    pub(super) n_statuses: usize,
    /// Seconds with three decimals: single ones.
    pub(super) n_seconds: usize,
    /// Digits only: single ones.
    pub(super) n_integers: usize,
    /// Lists of numbers and `-`, of one or more.
    pub(super) n_numbers: usize,
    /// Addresses without port.
    pub(super) n_addresses: usize,
    /// Lists of addresses with port and of sockets, of one or more.
    pub(super) n_peers: usize,
    /// The same, but that some may be the names of groups: what nginx writes where none of a group's peers is tried.
    pub(super) n_peers_or_groups: usize,
    /// `METHOD uri HTTP/x`
    pub(super) n_requests: usize,
    /// A method of HTTP alone.
    pub(super) n_methods: usize,
    /// What `$upstream_cache_status` says.
    pub(super) n_cache_words: usize,
    /// Begins with a slash.
    pub(super) n_paths: usize,
    /// Equal to the status of the line.
    pub(super) n_like_status: usize,
}

impl Facts {
    pub(super) fn add(&mut self, value: &[u8], status: Option<&[u8]>) {
        let is_missing = matches!(value, b"" | b"-");
        let is_numbers = Class::Numbers.end(value, 0) == Some(value.len());
        self.n += 1;
        self.n_missing += usize::from(is_missing);
        self.n_lists += usize::from(is_list(value));
        self.n_statuses += usize::from(is_status(value));
        self.n_seconds += usize::from(is_seconds(value));
        self.n_integers += usize::from(!value.is_empty() && value.iter().all(u8::is_ascii_digit));
        self.n_numbers += usize::from(is_numbers && !is_missing);
        self.n_addresses += usize::from(is_address(value));
        let are_peers = are_peers(value);
        self.n_peers += usize::from(are_peers);
        self.n_peers_or_groups += usize::from(are_peers || are_peers_or_groups(value));
        self.n_requests += usize::from(is_request(value));
        self.n_methods += usize::from(is_method(value));
        self.n_cache_words += usize::from(is_cache_status(value));
        self.n_paths += usize::from(value.starts_with(b"/"));
        self.n_like_status += usize::from(!is_missing && status == Some(value));
    }

    /// Values that are there.
    pub(super) fn n_present(&self) -> usize {
        self.n - self.n_missing
    }

    /// Whether all values that are there are counted in `n`, and some are.
    pub(super) fn are_all(&self, n: usize) -> bool {
        n > 0 && n == self.n_present()
    }

    /// Whether none contradicts: all that are there are counted in `n`, if any are.
    pub(super) fn may_be(&self, n: usize) -> bool {
        n == self.n_present()
    }
}

pub(super) fn is_list(value: &[u8]) -> bool {
    let has = |separator: &[u8]| {
        value
            .windows(separator.len())
            .any(|found| found == separator)
    };
    has(b", ") || has(b" : ")
}

pub(super) fn is_status(value: &[u8]) -> bool {
    matches!(value, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'])
}

/// `12.345`
pub(super) fn is_seconds(value: &[u8]) -> bool {
    match value {
        [whole @ .., b'.', a, b, c] => {
            !whole.is_empty() && whole.iter().chain([a, b, c]).all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// An IPv4 or IPv6 address without port.
pub(super) fn is_address(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    text.parse::<std::net::IpAddr>().is_ok()
}

/// Whether each element is `IP:port`, `[IP]:port` or the path of a socket, or missing, and one is not.
pub(super) fn are_peers(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let mut n_peers = 0;
    for element in text.split(" : ").flat_map(|group| group.split(", ")) {
        let is_peer =
            element.starts_with("unix:") || element.parse::<std::net::SocketAddr>().is_ok();
        n_peers += usize::from(is_peer);
        if !is_peer && !matches!(element, "" | "-") {
            return false;
        }
    }
    n_peers > 0
}

/// The same where names of groups, which have neither port nor path, stand for peers.
fn are_peers_or_groups(value: &[u8]) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let is_name = |element: &[u8]| {
        element.iter().all(is_of_name) && element.iter().any(u8::is_ascii_alphabetic)
    };
    let mut elements = value.split(|byte| *byte == b' ');
    let element = |element: &[u8]| {
        let element = element.strip_suffix(b",").unwrap_or(element);
        matches!(element, b"" | b"-" | b":") || are_peers(element) || is_name(element)
    };
    !matches!(value, b"" | b"-") && elements.all(element)
}

pub(super) fn is_request(value: &[u8]) -> bool {
    let mut words = value.split(|byte| *byte == b' ');
    let (first, last) = (words.next(), words.next_back());
    let is_protocol = |word: &[u8]| {
        word.strip_prefix(b"HTTP/")
            .is_some_and(|version| version.first().is_some_and(u8::is_ascii_digit))
    };
    words.next().is_some()
        && first.is_some_and(|word| {
            word.len() >= 3
                && word
                    .iter()
                    .all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
        })
        && last.is_some_and(is_protocol)
}

pub(super) fn is_method(word: &[u8]) -> bool {
    const METHODS: &[&[u8]] = &[
        b"GET",
        b"HEAD",
        b"POST",
        b"PUT",
        b"DELETE",
        b"OPTIONS",
        b"PATCH",
        b"CONNECT",
        b"TRACE",
        b"PROPFIND",
        b"PROPPATCH",
        b"MKCOL",
        b"COPY",
        b"MOVE",
        b"LOCK",
        b"UNLOCK",
    ];
    METHODS.contains(&word)
}
