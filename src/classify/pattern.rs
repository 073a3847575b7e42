//! The template language of the taxonomy, compiled.
//!
//! A template expands into flat patterns: literal and variable pieces in turn. `{a|b}` makes one pattern per alternative,
//! `[x]` one with and one without; a `[` at the very start is literal.

/// One piece of a flat pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(Vec<u8>),
    /// Any text, at least to the next literal.
    Variable(&'static str),
}

/// The flat patterns of `template`, without empty ones.
pub(super) fn expand(template: &'static str) -> Vec<Vec<Piece>> {
    let mut patterns = vec![Vec::new()];
    let (mut rest, mut literal_bracket) = (template, template.starts_with('['));
    while !rest.is_empty() {
        if let Some(inner) = enclosed(rest, '{', '}') {
            rest = &rest[inner.len() + 2..];
            patterns = product(patterns, alternatives(inner));
        } else if let Some(inner) = enclosed(rest, '[', ']').filter(|_| !literal_bracket) {
            rest = &rest[inner.len() + 2..];
            let mut with = expand(inner);
            with.push(Vec::new());
            patterns = product(patterns, with);
        } else {
            literal_bracket = false;
            let len = 1 + rest[1..].find(['{', '[']).unwrap_or(rest.len() - 1);
            let literal = Piece::Literal(rest.as_bytes()[..len].to_vec());
            patterns = product(patterns, vec![vec![literal]]);
            rest = &rest[len..];
        }
    }
    patterns
        .into_iter()
        .map(joined)
        .filter(|pieces| !pieces.is_empty())
        .collect()
}

/// What stands between `open` at the start of `text` and its `close`.
fn enclosed(text: &'static str, open: char, close: char) -> Option<&'static str> {
    let inner = text.strip_prefix(open)?;
    let mut depth = 1;
    let end = inner.char_indices().find_map(|(at, c)| {
        depth += i32::from(c == open) - i32::from(c == close);
        (depth == 0).then_some(at)
    })?;
    Some(&inner[..end])
}

/// `a|b` as one pattern each; a plain name as a variable. `N`, `PEER`, `LOCAL` inside an alternative are variables.
fn alternatives(inner: &'static str) -> Vec<Vec<Piece>> {
    if !inner.contains('|') {
        return vec![vec![Piece::Variable(inner)]];
    }
    let words = |text: &'static str| {
        let mut pieces = Vec::new();
        for (index, word) in text.split(' ').enumerate() {
            if index > 0 {
                pieces.push(Piece::Literal(b" ".to_vec()));
            }
            pieces.push(match word {
                "N" | "PEER" | "LOCAL" | "NAME" => Piece::Variable(word),
                _ => Piece::Literal(word.as_bytes().to_vec()),
            });
        }
        pieces
    };
    inner
        .split('|')
        .filter(|text| *text != "...")
        .map(words)
        .collect()
}

fn product(mut heads: Vec<Vec<Piece>>, tails: Vec<Vec<Piece>>) -> Vec<Vec<Piece>> {
    if let [tail] = &tails[..] {
        heads
            .iter_mut()
            .for_each(|head| head.extend_from_slice(tail));
        return heads;
    }
    heads
        .iter()
        .flat_map(|head| tails.iter().map(|tail| [&head[..], &tail[..]].concat()))
        .collect()
}

/// Neighbouring literals as one, neighbouring variables as one, empty literals dropped.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    if let [Piece::Literal(text)] = &pieces[..]
        && !text.is_empty()
    {
        return pieces;
    }
    for piece in pieces {
        match (out.last_mut(), piece) {
            (_, Piece::Literal(text)) if text.is_empty() => {}
            (Some(Piece::Literal(last)), Piece::Literal(text)) => last.extend(text),
            (Some(Piece::Variable(_)), Piece::Variable(_)) => {}
            (_, piece) => out.push(piece),
        }
    }
    out
}

/// Bytes of literal text: how specific a pattern is.
pub(super) fn literal_len(pieces: &[Piece]) -> usize {
    pieces
        .iter()
        .map(|piece| {
            if let Piece::Literal(text) = piece {
                text.len()
            } else {
                0
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(template: &'static str) -> Vec<String> {
        let piece = |piece: &Piece| match piece {
            Piece::Literal(text) => String::from_utf8_lossy(text).into_owned(),
            Piece::Variable(name) => format!("<{name}>"),
        };
        expand(template)
            .iter()
            .map(|pieces| pieces.iter().map(piece).collect())
            .collect()
    }

    #[test]
    fn expands() {
        assert_eq!(
            show("connect() to {addr} failed"),
            ["connect() to <addr> failed"]
        );
        assert_eq!(
            show("all servers are down[!]"),
            ["all servers are down!", "all servers are down"]
        );
        assert_eq!(
            show("{open()|stat()|...} \"{p}\" failed"),
            ["open() \"<p>\" failed", "stat() \"<p>\" failed"]
        );
        assert_eq!(
            show("[lua] {f}: [{g}(): ]{t}"),
            ["[lua] <f>: <g>(): <t>", "[lua] <f>: <t>"]
        );
        assert_eq!(
            show("{a b|c} {pid} died{| (core)}"),
            [
                "a b <pid> died",
                "a b <pid> died (core)",
                "c <pid> died",
                "c <pid> died (core)"
            ]
        );
        assert_eq!(show("mmap(A|B, {size})"), ["mmap(A|B, <size>)"]);
    }
}
