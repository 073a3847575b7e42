//! Prefixes that programs put before lines as they show them.
//!
//! ```text
//! [pod/NAME/CONTAINER] TEXT          kubectl logs --prefix (kubectl pkg/cmd/logs/logs.go)
//! POD CONTAINER TEXT                 stern (stern cmd/cmd.go); NAMESPACE first over several namespaces
//! NAME  | TEXT                       docker compose (cmd/formatter/logs.go), foreman; PM2: 0|NAME  | TEXT
//! TIME TEXT                          kubectl logs --timestamps, docker logs -t
//! TIME {LABELS} TEXT                 logcli (loki pkg/logcli/output)
//! TIME STREAM TEXT                   aws logs tail (aws-cli logs/tail.py)
//! 2026-11-20_11:24:48.12345 TEXT     svlogd -tt;  @400000005cd420612d10facc TEXT  svlogd -t, multilog, s6-log
//! PATH:[LINE:]TEXT                   grep -H, grep -n
//! ```

use super::{
    Outer, OuterTime, Peeled, shape,
    stamp::{self, Stamp},
};
use memchr::{memchr, memchr2, memmem};

pub(super) fn kubectl(text: &[u8]) -> Option<Peeled<'_>> {
    let rest = text.strip_prefix(b"[pod/")?;
    let end = memchr(b']', rest)?;
    let mut names = rest[..end].splitn(2, |b| *b == b'/');
    let (pod, container) = (names.next()?, names.next()?);
    let text = rest[end..].strip_prefix(b"] ")?;
    (is_name(pod) && is_name(container)).then(|| {
        let outer = Outer {
            pod: Some(pod),
            container: Some(container),
            ..Outer::default()
        };
        Peeled::plain(text, outer)
    })
}

/// `POD CONTAINER `, or `NAMESPACE POD CONTAINER `. Names of pods hold a hyphen, unless somebody made one by hand.
pub(super) fn stern(text: &[u8], has_namespace: bool) -> Option<Peeled<'_>> {
    let (namespace, rest) = if has_namespace {
        let (namespace, rest) = name_and_blank(text)?;
        (Some(namespace), rest)
    } else {
        (None, text)
    };
    let (pod, rest) = name_and_blank(rest)?;
    let (container, text) = name_and_blank(rest)?;
    memchr(b'-', pod)?;
    let outer = Outer {
        namespace,
        pod: Some(pod),
        container: Some(container),
        ..Outer::default()
    };
    Some(Peeled::plain(text, outer))
}

fn name_and_blank(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b' ', &text[..text.len().min(NAME_LEN_MAX + 1)])?;
    is_name(&text[..end]).then(|| (&text[..end], &text[end + 1..]))
}

/// Names of Kubernetes objects are DNS names (RFC 1123), so they are no longer.
const NAME_LEN_MAX: usize = 253;

fn is_name(text: &[u8]) -> bool {
    let is_inside =
        |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    text.len() <= NAME_LEN_MAX
        && text.iter().all(is_inside)
        && text.first().is_some_and(u8::is_ascii_alphanumeric)
        && text.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// `NAME  | `.
pub(super) fn compose(text: &[u8]) -> Option<Peeled<'_>> {
    let end = memchr(b' ', &text[..text.len().min(NAME_LEN_MAX + 1)])?;
    let name = &text[..end];
    let is_letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    let is_inside = |b: &u8| is_letter(b) || b.is_ascii_digit() || b"-_.|".contains(b);
    if !(name.iter().all(is_inside) && name.iter().any(is_letter)) {
        return None;
    }
    let n_blanks = text[end..].iter().take_while(|b| **b == b' ').count();
    let rest = text[end + n_blanks..].strip_prefix(b"|")?;
    let outer = Outer {
        container: Some(name),
        ..Outer::default()
    };
    Some(Peeled::plain(
        rest.strip_prefix(b" ").unwrap_or(rest),
        outer,
    ))
}

/// Whether `texts` have names of replicas (`nginx-1`) before bars that stand one below the other, as compose pads them: no format of
/// nginx looks like this by chance.
pub(super) fn is_padded(texts: &[Vec<u8>]) -> bool {
    let column = |text: &Vec<u8>| {
        let bar = memmem::find(text, b"  |")? + 2;
        let name = text[..bar].trim_ascii_end();
        let n_digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let before = name[..name.len() - n_digits].last();
        let is_counted = n_digits > 0 && matches!(before, Some(b'-' | b'_' | b'.'));
        (is_counted && compose(text).is_some()).then_some(bar)
    };
    let mut columns = texts.iter().map(column);
    let first = columns.next().flatten();
    texts.len() > 1 && first.is_some() && columns.all(|column| column == first)
}

/// `TIME `, alone.
#[inline]
pub(super) fn timestamp(text: &[u8]) -> Option<Peeled<'_>> {
    let stamp = stamp::iso(text, b'T').or_else(|| stamp::short(text))?;
    behind_stamp(text, stamp)
}

/// `2026-11-20_11:24:48.12345 `, which is UTC.
pub(super) fn svlogd(text: &[u8]) -> Option<Peeled<'_>> {
    let mut stamp = stamp::iso(text, b'_')?;
    if let Some(OuterTime::Local { time, ns }) = stamp.time {
        stamp.time = Some(OuterTime::Instant {
            ns: time.0 * 1_000_000_000 + i64::from(ns),
            zone_s: 0,
        });
    }
    behind_stamp(text, stamp)
}

/// `@400000005cd420612d10facc `.
pub(super) fn tai64n(text: &[u8]) -> Option<Peeled<'_>> {
    behind_stamp(text, stamp::tai64n(text)?)
}

/// The text behind a time and a blank; what follows a time at the end of the line is an empty text.
fn behind_stamp(text: &[u8], stamp: Stamp) -> Option<Peeled<'_>> {
    let rest = match &text[stamp.len..] {
        [b' ', rest @ ..] => rest,
        end @ [] => end,
        _ => return None,
    };
    let outer = Outer {
        time: stamp.time,
        ..Outer::default()
    };
    Some(Peeled::plain(rest, outer))
}

/// `TIME STREAM `; a stream of CloudWatch has no colon and no asterisk, and hardly ever a blank.
pub(super) fn aws_tail(text: &[u8]) -> Option<Peeled<'_>> {
    let stamped = timestamp(text)?;
    let end = memchr(b' ', stamped.text)?;
    let tag = &stamped.text[..end];
    let is_name = !tag.is_empty() && memchr2(b':', b'*', tag).is_none();
    let is_stream = is_name && !shape::is_payload(stamped.text);
    let outer = Outer {
        tag: Some(tag),
        ..stamped.outer
    };
    is_stream.then(|| Peeled::plain(&stamped.text[end + 1..], outer))
}

/// `TIME {app="nginx", pod="web-1"}   `. A brace inside a value is quoted, so the first one outside quotes ends the labels.
pub(super) fn logcli(text: &[u8]) -> Option<Peeled<'_>> {
    let stamped = timestamp(text)?;
    let rest = stamped.text.strip_prefix(b"{")?;
    let mut is_quoted = false;
    let end = rest.iter().position(|b| {
        is_quoted ^= *b == b'"';
        *b == b'}' && !is_quoted
    })?;
    let labels = &rest[..end];
    let text = rest[end + 1..].strip_prefix(b" ")?.trim_ascii_start();
    // Labels are `name="value"`: a JSON line behind a time is not meant.
    if !labels.is_empty() && memmem::find(labels, b"=\"").is_none() {
        return None;
    }
    let outer = Outer {
        host: label(labels, b"host").or_else(|| label(labels, b"node_name")),
        namespace: label(labels, b"namespace"),
        pod: label(labels, b"pod"),
        container: label(labels, b"container"),
        ..stamped.outer
    };
    Some(Peeled::plain(text, outer))
}

/// The value of `name="value"` among labels.
fn label<'a>(labels: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let is_start = |at: usize| at == 0 || matches!(labels[at - 1], b' ' | b',');
    let mut places = memmem::find_iter(labels, name).filter(|at| is_start(*at));
    places.find_map(|at| {
        let value = labels[at + name.len()..].strip_prefix(b"=\"")?;
        Some(&value[..memchr(b'"', value)?])
    })
}

/// `PATH:LINE:` or `PATH:`, only before a payload. A path has a dot or a slash, so an IPv6 address is none.
pub(super) fn grep(text: &[u8]) -> Option<Peeled<'_>> {
    let window = &text[..text.len().min(NAME_LEN_MAX * 4)];
    let colon = memchr(b':', window)?;
    let path = &text[..colon];
    let is_path = path.iter().any(|b| matches!(b, b'.' | b'/'))
        && !path
            .iter()
            .any(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'{' | b'['));
    let rest = &text[colon + 1..];
    let n_digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let numbered = rest[n_digits..].strip_prefix(b":").filter(|_| n_digits > 0);
    let is_text = |text: &&[u8]| shape::is_payload(text) && !is_port(path, text);
    let found = [numbered, Some(rest)].into_iter().flatten().find(is_text);
    // A number before JSON is one of a line; before other texts it may be the first of an IPv6 address.
    let behind_log = || match numbered {
        Some(text) if text.starts_with(b"{") => text,
        _ => rest,
    };
    let text = found.or_else(|| is_log_name(path).then(behind_log))?;
    let outer = Outer {
        file: Some(path),
        ..Outer::default()
    };
    is_path.then(|| Peeled::plain(text, outer))
}

/// Whether a path is that of a log: `access.log`, `/var/log/nginx/error.log-20261120.gz`.
fn is_log_name(path: &[u8]) -> bool {
    let end = memmem::rfind(path, b".log").map(|at| at + 4);
    end.is_some_and(|end| matches!(path.get(end), None | Some(b'.' | b'-')))
}

/// Whether `path:` and the number that `text` begins with are a virtual host and its port: `shop.example:443 192.0.2.1 - …`.
fn is_port(path: &[u8], text: &[u8]) -> bool {
    let n_digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    n_digits > 0 && text.get(n_digits) == Some(&b' ') && memchr(b'/', path).is_none()
}
