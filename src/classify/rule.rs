//! From a row to a category: where the row leaves it open, the errno, the side and the level decide.

use super::{errno, taxonomy::Rule};
use crate::{
    event::{Category, Level, Severity},
    parse::Side,
};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The circumstances a rule may ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    /// As Linux numbers it; 0: none.
    pub errno: u32,
    pub side: Side,
    pub level: Option<Level>,
    /// The address connected to, if the record names one.
    pub peer: &'a [u8],
    /// Message, errno and ` while …`.
    pub text: &'a [u8],
    /// Neither a connection nor ` while …`: the process itself speaks.
    pub bare: bool,
    /// nginx was asking an OCSP responder.
    pub is_ocsp: bool,
}

pub(super) fn category(rule: Rule, at: Circumstances<'_>) -> Category {
    let category = by_rule(rule, at);
    // The name of an OCSP responder is no upstream's.
    if at.is_ocsp && category == Category::Dns {
        Category::Tls
    } else {
        category
    }
}

fn by_rule(rule: Rule, at: Circumstances<'_>) -> Category {
    match rule {
        Rule::Is(category) => category,
        Rule::Connect => connect(at),
        Rule::Socket => socket(at),
        Rule::Datagram if at.errno == 0 && at.side == Side::Upstream => Category::Refused,
        Rule::Datagram => socket(at),
        Rule::SslIo => ssl_io(at),
        Rule::File => file(at),
        Rule::Lua => unknown(at),
        Rule::AuthStatus => auth_status(at),
    }
}

/// Whether the category follows from errno, side and level, whatever the text and the address say. `errno` is Linux's.
pub(super) fn is_settled(rule: Rule, errno: u32, side: Side) -> bool {
    match rule {
        Rule::Is(_) | Rule::Socket | Rule::Datagram | Rule::File => true,
        Rule::Connect => !matches!(errno, 2 | 99),
        Rule::SslIo => side == Side::Client,
        Rule::Lua | Rule::AuthStatus => false,
    }
}

/// Text of an application or a module that the taxonomy does not know: a few words of the system's own tell, in what
/// stands outside quotes; all else is `other`.
pub(super) fn unknown(at: Circumstances<'_>) -> Category {
    const TELLING: [(&str, Category); 7] = [
        ("could not be resolved", Category::Dns),
        ("DNS resolution failed", Category::Dns),
        ("resolver failed", Category::Dns),
        ("No space left on device", Category::ResourceExhausted),
        ("Too many open files", Category::ResourceExhausted),
        ("slab_alloc", Category::ResourceExhausted),
        ("not authenticated", Category::AccessDenied),
    ];
    /// Of the words, in their order: to make a searcher takes as long as to search.
    static FINDERS: LazyLock<[Finder<'static>; 7]> =
        LazyLock::new(|| TELLING.map(|(words, _)| Finder::new(words)));
    let unquoted = &at.text[..memchr::memchr(b'"', at.text).unwrap_or(at.text.len())];
    let telling = FINDERS
        .iter()
        .position(|words| words.find(unquoted).is_some());
    telling.map_or(Category::Other, |at| TELLING[at].1)
}

/// A redirect or a success where 2xx, 401 or 403 was expected is a mistake of set-up; an error denies access.
fn auth_status(at: Circumstances<'_>) -> Category {
    let status = at
        .text
        .rsplit(|&b| b == b':')
        .next()
        .unwrap_or_default()
        .trim_ascii_start();
    if matches!(status.first(), Some(b'2' | b'3')) {
        Category::Other
    } else {
        Category::AccessDenied
    }
}

/// A failed connect(), by what the kernel said.
fn connect(at: Circumstances<'_>) -> Category {
    let unix = at.peer.starts_with(b"unix:");
    match at.errno {
        111 => Category::Refused,
        110 => Category::Timeout,
        113 | 101 | 112 | 100 | 97 => Category::Unreachable,
        104 | 103 | 32 => Category::Reset,
        13 | 1 => Category::Permission,
        2 if unix => Category::SocketMissing,
        11 | 24 | 23 | 12 | 105 => Category::ResourceExhausted,
        99 if at.peer.starts_with(b"[") => Category::Unreachable,
        99 => Category::ResourceExhausted,
        22 => Category::Unreachable,
        _ => Category::Other,
    }
}

/// A failed read or write: toward a client it is the client's going away, toward an upstream the errno decides.
fn socket(at: Circumstances<'_>) -> Category {
    match (at.side, at.errno) {
        (Side::Client, _) => Category::ClientAbort,
        (_, 111) => Category::Refused,
        (_, 110) => Category::Timeout,
        (_, 113 | 101 | 112 | 100) => Category::Unreachable,
        (_, 13 | 1) => Category::Permission,
        (_, 24 | 23 | 12 | 105 | 28) => Category::ResourceExhausted,
        (Side::Own, _) => Category::Other,
        (Side::Upstream, _) => Category::Reset,
    }
}

/// A failed read or write through TLS.
fn ssl_io(at: Circumstances<'_>) -> Category {
    match at.side {
        Side::Client => Category::Tls,
        _ if memchr::memmem::find(at.text, b"unexpected eof while reading").is_some() => {
            Category::PrematureClose
        }
        _ => Category::Reset,
    }
}

/// A failed file operation: at start the configuration's, in a request the served file's, unless the system ran out.
fn file(at: Circumstances<'_>) -> Category {
    match (at.errno, at.level) {
        (24 | 23 | 28 | 122 | 12, _) => Category::ResourceExhausted,
        (13, Some(Level::Emerg | Level::Alert | Level::Crit)) => Category::Permission,
        (_, Some(Level::Emerg)) => Category::Config,
        (_, Some(Level::Error)) if at.bare => Category::Lifecycle,
        _ => Category::StaticFile,
    }
}

/// The Linux errno of a record: its number, or where that says nothing, its text.
pub(super) fn linux_errno(number: u32, text: &[u8]) -> u32 {
    if number != 0 {
        errno::to_linux(number)
    } else {
        errno::from_text(text)
    }
}

/// The severity of an event: its category's, but for those that the circumstances soften.
pub(super) fn severity(category: Category, side: Side, is_warning: bool) -> Severity {
    match category {
        Category::Buffer | Category::InvalidResponse | Category::ResourceExhausted
            if is_warning =>
        {
            Severity::Warning
        }
        Category::Tls if side == Side::Client => Severity::Client,
        _ => category.severity(),
    }
}
