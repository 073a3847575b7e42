//! Formats as people type or paste them: a body, or a whole `log_format` directive out of a configuration.
//!
//! Strings are read as `ngx_conf_read_token` (`core/ngx_conf_file.c`) reads them: in quotes or not, `\t`, `\r`, `\n`, `\"`, `\'`
//! and `\\` stand for one byte, any other backslash for itself.

use super::{
    field::Escape,
    format::{FormatError, LogFormat},
};

/// The name of a format that was given without one.
const UNNAMED: &str = "given";

impl LogFormat {
    /// Compiles what a person gave: `log_format NAME [escape=E] 'piece' …;`, only its quoted pieces, or a bare body.
    ///
    /// The first two are read like a configuration, comments and all. A text in double quotes is taken for a piece only where it
    /// cannot be a body (`"$request" $status` is one).
    pub fn typed(text: &[u8]) -> Result<LogFormat, FormatError> {
        let text = text.trim_ascii();
        let mut words = match text.strip_prefix(b"log_format") {
            Some(rest) if rest.first().is_some_and(u8::is_ascii_whitespace) => words(text)?,
            _ if is_pieces(text) => {
                let mut words = words(text)?;
                words.splice(0..0, [b"log_format".to_vec(), UNNAMED.into()]);
                words
            }
            _ => return LogFormat::compile(UNNAMED, Escape::Default, &unescaped(text)),
        };
        let name = String::from_utf8_lossy(words.get(1).map_or(b"", |name| name)).into_owned();
        let escape = match words.get(2).and_then(|word| word.strip_prefix(b"escape=")) {
            Some(word) => Some(escape(word)?),
            None => None,
        };
        let n_leading = if escape.is_some() { 3 } else { 2 };
        let body = words.split_off(words.len().min(n_leading)).concat();
        LogFormat::compile(name, escape.unwrap_or_default(), &body)
    }
}

/// What `escape=` says.
fn escape(word: &[u8]) -> Result<Escape, FormatError> {
    match word {
        b"default" => Ok(Escape::Default),
        b"json" => Ok(Escape::Json),
        b"none" => Ok(Escape::None),
        _ => Err(FormatError::Escape {
            word: word.escape_ascii().to_string(),
        }),
    }
}

/// Whether `text` is the quoted pieces of a directive rather than a body that happens to begin with a quote.
fn is_pieces(text: &[u8]) -> bool {
    let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
    match text {
        [b'\'', .., b'\''] => true,
        [b'"', inside @ .., b'"'] => {
            let n_quotes = inside.iter().filter(|byte| **byte == b'"').count();
            let n_escaped = inside.windows(2).filter(|pair| pair == b"\\\"").count();
            let n_variables = inside.iter().filter(|byte| **byte == b'$').count();
            n_quotes == n_escaped && n_variables > 1
        }
        _ => false,
    }
}

/// The words of a directive, up to its `;`.
fn words(text: &[u8]) -> Result<Vec<Vec<u8>>, FormatError> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b';' => break,
            b'#' => at += text[at..].iter().take_while(|byte| **byte != b'\n').count(),
            _ if byte.is_ascii_whitespace() => at += 1,
            b'"' | b'\'' => {
                let inside = &text[at + 1..];
                let len = word_len(inside, |found| found == byte);
                if len == inside.len() {
                    return Err(FormatError::Quote { at_byte: at });
                }
                words.push(unescaped(&inside[..len]));
                at += len + 2;
            }
            _ => {
                let is_end = |found: u8| found == b';' || found.is_ascii_whitespace();
                let len = word_len(&text[at..], is_end);
                words.push(unescaped(&text[at..at + len]));
                at += len;
            }
        }
    }
    Ok(words)
}

/// Bytes up to the first that ends a word and has no backslash before it.
fn word_len(text: &[u8], is_end: impl Fn(u8) -> bool) -> usize {
    let mut len = 0;
    while let Some(&byte) = text.get(len) {
        match byte {
            b'\\' if len + 1 < text.len() => len += 2,
            _ if is_end(byte) => return len,
            _ => len += 1,
        }
    }
    len
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let byte = match (first, after.first()) {
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b'n')) => Some(b'\n'),
            (b'\\', Some(&byte @ (b'"' | b'\'' | b'\\'))) => Some(byte),
            _ => None,
        };
        out.push(byte.unwrap_or(*first));
        rest = &rest[1 + usize::from(byte.is_some())..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, escape: Escape, body: &str) {
        let format = LogFormat::typed(text.as_bytes()).expect("a format");
        assert_eq!(
            format.body().escape_ascii().to_string(),
            body.as_bytes().escape_ascii().to_string()
        );
        assert_eq!((format.name(), format.escape()), (name, escape));
    }

    #[test]
    fn a_body_is_taken_as_it_is() {
        check(
            "$remote_addr \"$request\" $status",
            UNNAMED,
            Escape::Default,
            "$remote_addr \"$request\" $status",
        );
        check(
            "  \"$request\" \"$status\" ",
            UNNAMED,
            Escape::Default,
            "\"$request\" \"$status\"",
        );
        check("\"$request\"", UNNAMED, Escape::Default, "\"$request\"");
        check(
            "time:$time_local\\tstatus:$status",
            UNNAMED,
            Escape::Default,
            "time:$time_local\tstatus:$status",
        );
        check(
            "[$time_local] #$status;",
            UNNAMED,
            Escape::Default,
            "[$time_local] #$status;",
        );
    }

    #[test]
    fn a_directive_is_read_like_a_configuration() {
        check(
            "log_format main '$remote_addr \"$request\" '\n    # the rest\n    '$status';\naccess_log a;",
            "main",
            Escape::Default,
            "$remote_addr \"$request\" $status",
        );
        check(
            "log_format j escape=json \"{\\\"s\\\":\\\"$status\\\",\" '\"u\":\"$uri\"}';",
            "j",
            Escape::Json,
            "{\"s\":\"$status\",\"u\":\"$uri\"}",
        );
        check(
            "log_format t escape=none $msec\\t$status",
            "t",
            Escape::None,
            "$msec\t$status",
        );
        check(
            "log_format a 'x=$status;' ;",
            "a",
            Escape::Default,
            "x=$status;",
        );
        check(
            "'$remote_addr ' '$status'",
            UNNAMED,
            Escape::Default,
            "$remote_addr $status",
        );
        check(
            "'$remote_addr ' '$status';",
            UNNAMED,
            Escape::Default,
            "$remote_addr $status",
        );
        check(
            "\"$remote_addr \\\"$request\\\"\";",
            UNNAMED,
            Escape::Default,
            "$remote_addr \"$request\"",
        );
        check("'a\\x$status'", UNNAMED, Escape::Default, "a\\x$status");
    }

    #[test]
    fn what_is_no_format_says_why() {
        let error = |text: &str| {
            LogFormat::typed(text.as_bytes())
                .expect_err("none")
                .to_string()
        };
        assert_eq!(
            error("log_format main '$status"),
            "the quote at byte 16 is never closed"
        );
        assert_eq!(
            error("log_format main escape=xml '$status';"),
            "`escape=xml` is none of `default`, `json` and `none`"
        );
        assert_eq!(error("combined"), "it holds no variable such as `$status`");
        assert_eq!(
            error("log_format main;"),
            "it holds no variable such as `$status`"
        );
        assert_eq!(error(""), "it holds no variable such as `$status`");
    }
}
