//! The slow twin of the tokenizer: one byte at a time through the states of `ngx_conf_read_token`, up to the first error. What
//! one says of a text without errors, the other must say too.

use super::token::{Ending, Tokens};

/// Statements up to the end or the first error, and whether there was one.
fn twin(text: &[u8]) -> (Vec<Statement>, bool) {
    let mut statements = Vec::new();
    let mut at = 0;
    loop {
        match statement(text, &mut at) {
            Ok(Some(statement)) => statements.push(statement),
            Ok(None) => return (statements, false),
            Err(()) => return (statements, true),
        }
    }
}

type Statement = (Vec<Vec<u8>>, Ending);

fn statement(text: &[u8], at: &mut usize) -> Result<Option<Statement>, ()> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let (mut last_space, mut need_space, mut comment, mut escaped) = (true, false, false, false);
    let (mut variable, mut quote) = (false, None::<u8>);
    let mut start = *at;
    loop {
        let Some(&ch) = text.get(*at) else {
            return if words.is_empty() && last_space {
                Ok(None)
            } else {
                Err(())
            };
        };
        if *at - start >= 4096 {
            return Err(());
        }
        *at += 1;
        let is_blank = matches!(ch, b' ' | b'\t' | b'\r' | b'\n');
        if ch == b'\n' {
            comment = false;
        }
        if comment {
            continue;
        }
        if escaped {
            escaped = false;
            continue;
        }
        if need_space {
            need_space = false;
            last_space = true;
            match ch {
                b';' => return Ok(Some((words, Ending::Simple))),
                b'{' => return Ok(Some((words, Ending::Open))),
                b')' => {}
                _ if is_blank => continue,
                _ => return Err(()),
            }
        }
        if last_space {
            start = *at - 1;
            match ch {
                _ if is_blank => continue,
                b';' | b'{' if words.is_empty() => return Err(()),
                b';' => return Ok(Some((words, Ending::Simple))),
                b'{' => return Ok(Some((words, Ending::Open))),
                b'}' if !words.is_empty() => return Err(()),
                b'}' => return Ok(Some((words, Ending::Close))),
                b'#' => {
                    comment = true;
                    continue;
                }
                b'\\' => escaped = true,
                b'"' | b'\'' => {
                    start += 1;
                    quote = Some(ch);
                }
                b'$' => variable = true,
                _ => {}
            }
            last_space = false;
            continue;
        }
        if ch == b'{' && variable {
            continue;
        }
        variable = false;
        match ch {
            b'\\' => {
                escaped = true;
                continue;
            }
            b'$' => {
                variable = true;
                continue;
            }
            _ => {}
        }
        let found = match quote {
            Some(quote) => ch == quote,
            None => is_blank || ch == b';' || ch == b'{',
        };
        if !found {
            continue;
        }
        match quote.take() {
            Some(_) => need_space = true,
            None => last_space = true,
        }
        words.push(stored(&text[start..*at - 1]));
        if !need_space && ch == b';' {
            return Ok(Some((words, Ending::Simple)));
        }
        if !need_space && ch == b'{' {
            return Ok(Some((words, Ending::Open)));
        }
    }
}

fn stored(raw: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < raw.len() {
        let pair = (raw[at], raw.get(at + 1).copied());
        let told = match pair {
            (b'\\', Some(next @ (b'"' | b'\'' | b'\\'))) => Some(next),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b'n')) => Some(b'\n'),
            _ => None,
        };
        out.push(told.unwrap_or(raw[at]));
        at += if told.is_some() { 2 } else { 1 };
    }
    out
}

fn fast(text: &[u8]) -> (Vec<Statement>, bool) {
    let (mut tokens, mut words, mut statements) = (Tokens::new(text), Vec::new(), Vec::new());
    loop {
        let ending = tokens.statement(&mut words);
        if ending == Ending::EndOfFile {
            return (statements, !tokens.faults.is_empty());
        }
        // Where nginx stops at a fault, the statement it stands in is none.
        if tokens.faults.is_empty() {
            let words = words.iter().map(|word| word.text.clone());
            statements.push((words.collect(), ending));
        }
    }
}

#[track_caller]
fn check(text: &[u8]) {
    let (want, is_refused) = twin(text);
    let (got, has_faults) = fast(text);
    assert_eq!(has_faults, is_refused, "{}", text.escape_ascii());
    assert_eq!(got, want, "{}", text.escape_ascii());
}

/// A fixed sequence that looks random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn both_read_the_same_words_of_made_up_text() {
    const PARTS: &[&str] = &[
        "a", "bc", " ", " ", "\n", "\r\n", "\t", ";", ";", "{", "}", "\"", "'", "\\", "$", "${",
        "#", ")", "(", "\\n", "\\\"", "~",
    ];
    let mut random = Random(7);
    let n_whole = (0..200_000)
        .filter(|_| {
            let n = random.below(14);
            let text: String = (0..n).map(|_| PARTS[random.below(PARTS.len())]).collect();
            check(text.as_bytes());
            !twin(text.as_bytes()).1
        })
        .count();
    assert!(n_whole > 10_000, "only {n_whole} texts are without errors");
}

#[test]
fn both_know_the_same_limits() {
    for n in [4092, 4093, 4094, 4095, 4096, 4097] {
        let x = "x".repeat(n);
        for text in [
            format!("a {x};"),
            format!("a \"{x}\";"),
            format!("#{x}\na;"),
        ] {
            check(text.as_bytes());
        }
    }
}
