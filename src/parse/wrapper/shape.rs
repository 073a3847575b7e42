//! Which wrapper a text begins with, by its shape alone, and what a payload looks like.

use super::{
    Peeled, Pool, Scratch, Wrapper, ansi, container, generic, journal, prefix, stamp, syslog,
};
use crate::parse::head::{is_head, parse_level};
use memchr::{memchr, memchr2};

/// Whether `text` begins with what nginx writes: a record of an error log, `nginx: [emerg] …`, or an access line
/// that begins with an address, maybe behind a virtual host. Unlike `record::is_access_line` it looks at the start only:
/// a wrapped line is none.
pub fn is_payload(text: &[u8]) -> bool {
    is_record(text) || is_access_start(text)
}

/// Whether `text` begins with a record of an error log.
pub(super) fn is_record(text: &[u8]) -> bool {
    is_head(text) || (text.starts_with(b"nginx: [") && parse_level(text, 7).is_some())
}

/// `ADDRESS - USER [dd/Mon/yyyy:`, or the same behind one word, or `ADDRESS - [ADDRESS] - USER [dd/Mon/yyyy:` of ingress-nginx.
fn is_access_start(text: &[u8]) -> bool {
    if !text
        .first()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b"_:-".contains(b))
    {
        return false;
    }
    let window = &text[..text.len().min(1024)];
    let mut words = window.splitn(6, |b| *b == b' ');
    let (Some(first), Some(second), Some(third), Some(fourth)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let is_date = |word: &[u8]| {
        word.len() >= 13
            && word[0] == b'['
            && word[1].is_ascii_digit()
            && word[3] == b'/'
            && word[7] == b'/'
            && word[12] == b':'
    };
    if second == b"-" && third.starts_with(b"[") && third.ends_with(b"]") && fourth == b"-" {
        let _user = words.next();
        // What is left is not split any more.
        return is_address(first) && words.next().is_some_and(is_date);
    }
    if second == b"-" {
        return is_address(first) && is_date(fourth);
    }
    // A stream of CloudWatch may have slashes, and what `docker logs --details` tells has a sign of equality: no virtual host has.
    let is_host = !is_stamp(first) && memchr2(b'/', b'=', first).is_none();
    third == b"-" && is_address(second) && is_host && words.next().is_some_and(is_date)
}

/// A time that a wrapper writes, which is no virtual host.
fn is_stamp(word: &[u8]) -> bool {
    [b'T', b'_']
        .into_iter()
        .any(|separator| stamp::iso(word, separator).is_some())
}

/// An address, a name or `unix:`, but no path with a line number.
fn is_address(word: &[u8]) -> bool {
    let is_inside = |b: &u8| b.is_ascii_alphanumeric() || b".:-_%,[]".contains(b);
    if word.is_empty() || !word.iter().all(is_inside) {
        return false;
    }
    // `access.log:192.0.2.1`: grep's, not nginx's.
    match memchr(b':', word) {
        Some(colon) => {
            let (name, rest) = (&word[..colon], &word[colon + 1..]);
            memchr(b'.', name).is_none() || rest.iter().all(u8::is_ascii_digit)
        }
        None => true,
    }
}

/// Whether a line goes on with what stands above it: at least eight blanks, as wide as the shortest header.
pub(super) fn is_indented(line: &[u8]) -> bool {
    line.starts_with(b"        ")
}

/// Takes the layer `wrapper` off `text`; `None` if it is not there.
#[inline]
pub(super) fn peel<'a>(
    wrapper: Wrapper,
    text: &'a [u8],
    pool: &mut Pool<'a>,
) -> Option<Peeled<'a>> {
    match wrapper {
        Wrapper::Cri => container::cri(text),
        Wrapper::DockerJson => container::docker_json(text, pool),
        Wrapper::Syslog3164 => syslog::rfc3164(text, Some(pool)),
        Wrapper::JournalShort => syslog::rfc3164(text, None),
        Wrapper::SyslogIso => syslog::iso(text, true, pool),
        Wrapper::JournalIso => syslog::iso(text, false, pool),
        Wrapper::Syslog5424 => syslog::rfc5424(text, pool),
        Wrapper::Timestamp => prefix::timestamp(text),
        Wrapper::JournalFull => syslog::journal_full(text),
        Wrapper::JournalUnix => syslog::journal_unix(text),
        Wrapper::JournalMonotonic => syslog::journal_monotonic(text),
        Wrapper::JournalJson | Wrapper::JournalPretty => journal::json(text, pool),
        Wrapper::JournalExport => journal::export(text),
        Wrapper::JournalVerbose => journal::verbose(text, pool),
        Wrapper::Ansi => ansi::peel(text, pool),
        Wrapper::KubectlPrefix => prefix::kubectl(text),
        Wrapper::Svlogd => prefix::svlogd(text),
        Wrapper::Tai64n => prefix::tai64n(text),
        Wrapper::GenericJson => generic::peel(text, pool),
        Wrapper::Logcli => prefix::logcli(text),
        Wrapper::ComposePrefix => prefix::compose(text),
        Wrapper::SternNamespaced => prefix::stern(text, true),
        Wrapper::Stern => prefix::stern(text, false),
        Wrapper::GrepPrefix => prefix::grep(text),
        Wrapper::AwsTail => prefix::aws_tail(text),
    }
}

/// Whether a text can have this shape by chance, so that it counts only if a payload follows.
pub(super) fn is_weak(wrapper: Wrapper) -> bool {
    matches!(
        wrapper,
        Wrapper::Ansi
            | Wrapper::GenericJson
            | Wrapper::Logcli
            | Wrapper::ComposePrefix
            | Wrapper::SternNamespaced
            | Wrapper::Stern
            | Wrapper::GrepPrefix
            | Wrapper::AwsTail
            | Wrapper::Timestamp
    )
}

/// Whether a wrapper of this kind takes nothing off a line of a format that it is no wrapper of, but a time.
pub(super) fn takes_no_word(wrapper: Wrapper) -> bool {
    matches!(
        wrapper,
        Wrapper::GenericJson
            | Wrapper::Logcli
            | Wrapper::ComposePrefix
            | Wrapper::GrepPrefix
            | Wrapper::Timestamp
    )
}

/// The wrapper that `text` begins with, taken off.
#[cold]
pub(super) fn by_shape<'a>(text: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    if is_payload(text) {
        return None;
    }
    let wrappers = Wrapper::ALL.iter().filter(|wrapper| !wrapper.is_block());
    for &wrapper in wrappers {
        let Some(peeled) = peel(wrapper, text, pool) else {
            continue;
        };
        if !is_weak(wrapper) || leads_to_payload(peeled.text) {
            return Some(peeled);
        }
    }
    None
}

/// Whether `text` is a payload, or begins with something that is surely a wrapper, or with weak ones and then a payload.
pub(super) fn leads_to_payload(text: &[u8]) -> bool {
    text.starts_with(b"{\"log\":\"") || leads_through(text, WEAK_LAYERS_MAX)
}

/// Weak layers behind a weak one: a collector's JSON around the bar and the time of `docker compose logs -t`, in colours.
const WEAK_LAYERS_MAX: usize = 3;

fn leads_through(text: &[u8], n_layers_max: usize) -> bool {
    let mut scratch = Scratch::default();
    let mut leads = |wrapper: Wrapper| {
        let peeled = peel(wrapper, text, &mut Pool(&mut scratch.buffers));
        peeled.is_some_and(|peeled| {
            !is_weak(wrapper) || (n_layers_max > 0 && leads_through(peeled.text, n_layers_max - 1))
        })
    };
    // What else is weak takes words off a line of any format.
    let takes_too_much = |wrapper: Wrapper| {
        matches!(
            wrapper,
            Wrapper::SternNamespaced | Wrapper::GrepPrefix | Wrapper::AwsTail
        )
    };
    is_payload(text)
        || Wrapper::ALL
            .iter()
            .any(|&wrapper| !wrapper.is_block() && !takes_too_much(wrapper) && leads(wrapper))
}
