//! Sentences of this program, in which texts of logs and of configurations stand: paths, URLs, and directives in backticks.

use super::{uri, words};
use hmac::Hmac;
use sha2::Sha256;

/// Writes what of `text` may be shown. What stands between two backticks is a word, or a directive with its values.
pub(super) fn write_sentence(text: &str, key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    for (index, part) in text.as_bytes().split(|&byte| byte == b'`').enumerate() {
        if index > 0 {
            out.push(b'`');
        }
        let directive = (index % 2 == 1).then(|| part.split(|&byte| byte == b' ').next());
        let mut is_value = false;
        for (index, word) in part.split(|&byte| byte == b' ').enumerate() {
            if index > 0 {
                out.push(b' ');
                is_value = directive.is_some();
            }
            match directive.flatten().filter(|_| is_value) {
                Some(directive) => write_value(directive, word, key, out),
                None => write_word(word, key, out),
            }
        }
    }
}

/// Writes what of a quotation may be shown: routes, and names that look like those of hosts, sockets or blocks.
pub(super) fn write_quotation(text: &str, key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    for (index, word) in text.as_bytes().split(|&byte| byte == b' ').enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        let (word, end) = match word.strip_suffix(b",") {
            Some(word) => (word, &b","[..]),
            None => (word, &b""[..]),
        };
        let is_cut = word.ends_with("…".as_bytes());
        match word.strip_prefix(b"unix:") {
            _ if is_cut => out.push(b'*'),
            Some(path) => {
                out.extend_from_slice(b"unix:");
                write_path(path.strip_suffix(b":").unwrap_or(path), key, out);
            }
            None if is_path(word) => write_path(word, key, out),
            None if matches!(word, b"=" | b"~" | b"~*" | b"^~") => out.extend_from_slice(word),
            None => words::write_own(word, b"._:-[]@", out),
        }
        out.extend_from_slice(end);
    }
}

/// Writes what of the values of a `directive` may be shown.
pub(super) fn write_values(directive: &[u8], values: &[u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    for (index, word) in values.split(|&byte| byte == b' ').enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write_value(directive, word, key, out);
    }
}

fn is_path(word: &[u8]) -> bool {
    word.starts_with(b"/")
        || memchr::memmem::find(word, b"://").is_some_and(|at| word.len() > at + 3)
}

fn write_word(word: &[u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    let is_mark = |byte: &&u8| b"(\"".contains(byte);
    let n_marks = word.iter().take_while(is_mark).count();
    let (marks, word) = word.split_at(n_marks);
    let is_end = |byte: &&u8| b".,:;)\"".contains(byte);
    let n_end = word.iter().rev().take_while(is_end).count();
    let (path, end) = word.split_at(word.len() - n_end);
    out.extend_from_slice(marks);
    write_path(path, key, out);
    out.extend_from_slice(end);
}

/// Writes a path or a URL as a route, and anything else as it is.
fn write_path(word: &[u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    match is_path(word) {
        true => uri::write_uri(word, key, out),
        false => out.extend_from_slice(word),
    }
}

/// Directives whose values are names of the gateway's own.
const NAMING: [&[u8]; 5] = [b"server", b"server_name", b"upstream", b"zone", b"resolver"];

/// Writes a value of a `directive`.
fn write_value(directive: &[u8], word: &[u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    let is_end = |byte: &&u8| b";,".contains(byte);
    let n_end = word.iter().rev().take_while(is_end).count();
    let (value, end) = word.split_at(word.len() - n_end);
    // Longer ones may be somebody's.
    let is_number = value.len() <= 8
        && value.first().is_some_and(u8::is_ascii_digit)
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || b".kKmMgGsShHdDr/".contains(byte));
    let is_variable = value.strip_prefix(b"$").is_some_and(|name| {
        let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        name.iter().all(is_inside)
    });
    if let Some((parameter, value)) = parameter(value) {
        out.extend_from_slice(parameter);
        write_value(directive, value, key, out);
        return out.extend_from_slice(end);
    }
    let is_flag = value.strip_prefix(b"-").is_some_and(|rest| rest.len() == 1);
    if is_number || is_variable || is_flag || words::is_own(value) || is_keyword(value) {
        out.extend_from_slice(value);
    } else if value.starts_with(b"/") || memchr::memmem::find(value, b"://").is_some() {
        write_path(value, key, out);
    } else if NAMING.contains(&directive) {
        words::write_own(value, b"._:-[]*", out);
    } else {
        out.push(b'*');
    }
    out.extend_from_slice(end);
}

/// A parameter that nginx itself defines, with its `=`, and its value.
fn parameter(word: &[u8]) -> Option<(&[u8], &[u8])> {
    const PARAMETERS: [&[u8]; 14] = [
        b"weight",
        b"max_fails",
        b"fail_timeout",
        b"max_conns",
        b"zone",
        b"rate",
        b"burst",
        b"delay",
        b"valid",
        b"ipv6",
        b"ipv4",
        b"max_size",
        b"keys_zone",
        b"inactive",
    ];
    let at = memchr::memchr(b'=', word)?;
    PARAMETERS
        .contains(&&word[..at])
        .then(|| word.split_at(at + 1))
}

/// Values that nginx itself defines, and words that stand for those of the reader.
fn is_keyword(value: &[u8]) -> bool {
    const KEYWORDS: [&[u8]; 30] = [
        b"ADDRESS",
        b"NAME",
        b"SECOND_PEER",
        b"nodelay",
        b"resolve",
        b"local",
        b"on",
        b"off",
        b"any",
        b"all",
        b"none",
        b"down",
        b"backup",
        b"error",
        b"timeout",
        b"http_500",
        b"http_502",
        b"http_503",
        b"http_504",
        b"non_idempotent",
        b"invalid_header",
        b"Host",
        b"Connection",
        b"Upgrade",
        b"debug",
        b"info",
        b"notice",
        b"warn",
        b"crit",
        b"emerg",
    ];
    KEYWORDS.contains(&value)
}
