//! Finds the row of a message.
//!
//! Every pattern that begins with a literal hangs in a byte trie under it, so a message walks down as far as its bytes
//! lead and tries the patterns it passed, most literal text first. Searching for phrases anywhere would be as fast, but a
//! client could then write `connect() failed (111` into a URI and be believed. Patterns that begin with a variable
//! (`{host} could not be resolved`) are one anchored multi-pattern regex, asked only when the trie knows nothing.
//!
//! A pattern counts only if what follows it is what nginx may write there: the end, an errno, ` while …`, a tail, or
//! the ` in FILE:LINE` of configuration errors.

use super::{
    pattern::{Piece, expand, literal_len},
    taxonomy::{ROWS, Row},
};
use crate::{
    lines::near::find_text_near,
    parse::{Head, Side, action, tail},
};
use memchr::{memchr, memmem, memrchr_iter};
use regex_automata::{Anchored, Input, meta, util::syntax};
use std::sync::OnceLock;

/// What follows a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    /// The number of ` (N: text)`, as written; 0 if there is none.
    pub errno: u32,
    pub action: Option<&'static action::Action>,
    /// Offset of the tail.
    pub tail_at: usize,
}

/// A message whose shape is known; conditions of rows are not yet checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub rest: Rest,
    /// Offset behind the words of the pattern.
    pub pattern_end: usize,
    /// The address the message itself names: `connect() to ADDR failed`.
    pub peer: Option<Peer>,
}

/// Start and end of an address in a message.
pub(super) type Peer = (usize, usize);

/// The row of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub row: u16,
    pub shape: Shape,
    pub by: By,
}

/// How a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// This pattern fits, which begins with a literal.
    Anchored(u16),
    /// The message was cut before its words were complete.
    Cut,
    /// A pattern fits that begins with a variable.
    Floating,
}

impl Rest {
    #[inline]
    pub(super) fn side(&self, head: &Head) -> Side {
        self.action.map_or_else(
            || action::side_of_level(head.level),
            |action| action.side_at(head.level),
        )
    }
}

#[derive(Debug)]
struct Pattern {
    pieces: Vec<Piece>,
    /// The literal behind each variable; none behind a variable at the end.
    closings: Vec<Option<Box<[u8]>>>,
    /// Length of the literal it begins with.
    opening_len: usize,
    row: u16,
    /// Literal bytes first, then the weight of the row's conditions.
    rank: (usize, u32),
}

#[derive(Debug, Default)]
struct Node {
    /// Bytes after the one that leads here, all of which must follow.
    label: Vec<u8>,
    /// Patterns whose leading literal ends here, best first.
    patterns: Vec<u16>,
    /// First byte to node; 0 is none (the root is nobody's child).
    children: Vec<(u8, u16)>,
}

#[derive(Debug)]
pub(super) struct Matcher {
    patterns: Vec<Pattern>,
    nodes: Vec<Node>,
    /// Root's children by first byte.
    first: Box<[u16; 256]>,
    /// Made when it is first asked: a log may never need it.
    floating: OnceLock<meta::Regex>,
    /// Pattern of each regex in it, in its order.
    floating_patterns: Vec<u16>,
}

/// What a worker needs for itself to search with.
#[derive(Debug, Clone)]
pub(super) struct Scratch(Option<meta::Cache>);

impl Matcher {
    pub(super) fn new() -> Matcher {
        let mut patterns: Vec<Pattern> = ROWS
            .iter()
            .enumerate()
            .flat_map(|(row, Row { template, .. })| {
                expand(template)
                    .into_iter()
                    .map(move |pieces| (row, pieces))
            })
            .map(|(row, pieces)| Pattern::new(row, pieces))
            .collect();
        // Best first everywhere below; the sort is stable, so the table's order settles ties.
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.rank));
        let (anchored, floating): (Vec<usize>, Vec<usize>) = (0..patterns.len())
            .partition(|&index| matches!(patterns[index].pieces[0], Piece::Literal(_)));
        let nodes = build_trie(&patterns, &anchored);
        let mut first = Box::new([0u16; 256]);
        for &(byte, node) in &nodes[0].children {
            first[usize::from(byte)] = node;
        }
        Matcher {
            patterns,
            nodes,
            first,
            floating: OnceLock::new(),
            floating_patterns: floating.iter().map(|&index| index as u16).collect(),
        }
    }

    pub(super) fn scratch(&self) -> Scratch {
        Scratch(None)
    }

    /// The first row, by rank, whose pattern fits `text` and that `accepts` takes. `text` is message and tail.
    #[inline]
    pub(super) fn find<A>(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        mut accepts: A,
    ) -> Option<Found>
    where
        A: FnMut(u16, &Shape) -> bool,
    {
        let mut passed = [0u16; 16];
        let n_passed = self.walk(text, &mut passed);
        for &node in passed[..n_passed].iter().rev() {
            for &index in &self.nodes[usize::from(node)].patterns {
                let pattern = &self.patterns[usize::from(index)];
                if let Some(shape) = fit(pattern, text)
                    && accepts(pattern.row, &shape)
                {
                    return Some(Found {
                        row: pattern.row,
                        shape,
                        by: By::Anchored(index),
                    });
                }
            }
        }
        let cut = self.find_cut(text);
        let (row, shape, by) = match cut.or_else(|| self.find_cut_by_errno(text, &mut accepts)) {
            Some((row, shape)) => (row, shape, By::Cut),
            None => {
                let (row, shape) = self.find_floating(scratch, text, accepts)?;
                (row, shape, By::Floating)
            }
        };
        Some(Found { row, shape, by })
    }

    /// Whether the pattern has no variables.
    pub(super) fn is_literal(&self, pattern: u16) -> bool {
        self.patterns[usize::from(pattern)].closings.is_empty()
    }

    /// The literal that the pattern begins with.
    pub(super) fn opening(&self, pattern: u16) -> &[u8] {
        match self.patterns[usize::from(pattern)].pieces.first() {
            Some(Piece::Literal(text)) => text,
            _ => b"",
        }
    }

    /// The literal behind the only variable of the pattern, if it begins with a quote and the variable is no address.
    pub(super) fn closing_quote(&self, pattern: u16) -> Option<&[u8]> {
        match &self.patterns[usize::from(pattern)].pieces[..] {
            [
                Piece::Literal(_),
                Piece::Variable(_),
                Piece::Literal(literal),
            ] if literal.starts_with(b"\"") && !self.names_peer(pattern) => Some(literal),
            _ => None,
        }
    }

    /// The literal behind each variable of the pattern, an empty one behind a variable at its end.
    pub(super) fn closings(&self, pattern: u16) -> Vec<&[u8]> {
        let closings = &self.patterns[usize::from(pattern)].closings;
        let texts = closings.iter().map(|closing| match closing {
            Some(literal) => &literal[..],
            None => b"",
        });
        texts.collect()
    }

    /// Whether a variable of the pattern is an address that the message names.
    pub(super) fn names_peer(&self, pattern: u16) -> bool {
        let opening = self.opening(pattern);
        opening.starts_with(CONNECT_TO) || opening.ends_with(b"peer: ")
    }

    /// Whether words of other patterns begin with those that end at `node`.
    pub(super) fn has_children(&self, node: u16) -> bool {
        !self.nodes[usize::from(node)].children.is_empty()
    }

    /// Whether every pattern tried on `text` before `pattern`, which has no variables, has none either: what became of
    /// them then depends on nothing behind the message.
    pub(super) fn is_first_choice(&self, text: &[u8], pattern: u16) -> bool {
        let mut passed = [0u16; 16];
        let n_passed = self.walk(text, &mut passed);
        let tried = passed[..n_passed]
            .iter()
            .rev()
            .flat_map(|&node| &self.nodes[usize::from(node)].patterns);
        tried
            .take_while(|&&earlier| earlier != pattern)
            .all(|&earlier| self.is_literal(earlier))
    }

    /// The node of `pattern`, which has variables, if on `text` no other words were tried before it. What a variable is called
    /// has no say in where it ends.
    pub(super) fn only_choice_at(&self, text: &[u8], pattern: u16) -> Option<u16> {
        let mut passed = [0u16; 16];
        let n_passed = self.walk(text, &mut passed);
        let node = *passed[..n_passed].last()?;
        let patterns = &self.nodes[usize::from(node)].patterns;
        let closings = |pattern: u16| &self.patterns[usize::from(pattern)].closings;
        let same = |&earlier: &u16| closings(earlier) == closings(pattern);
        let is_only =
            patterns.contains(&pattern) && patterns.iter().take_while(|&&p| p != pattern).all(same);
        (is_only && !self.goes_on(node, &text[self.opening(pattern).len()..])).then_some(node)
    }

    /// Like [`only_choice_at`](Self::only_choice_at) where other patterns were tried before, if each of them goes on with a
    /// quote and a blank behind its first variable, and not like the pattern's own, which stands at `closing_at`: they fit no
    /// text in which that is the only such quote.
    pub(super) fn choice_by_quotes(
        &self,
        text: &[u8],
        pattern: u16,
        closing_at: usize,
    ) -> Option<u16> {
        let mut passed = [0u16; 16];
        let n_passed = self.walk(text, &mut passed);
        let node = *passed[..n_passed].last()?;
        let mut earlier = self.nodes[usize::from(node)].patterns.iter();
        let goes_on_so = |&&index: &&u16| {
            let closings = &self.patterns[usize::from(index)].closings;
            matches!(closings.first(), Some(Some(literal))
                if literal.starts_with(b"\" ") && !text[closing_at..].starts_with(literal))
        };
        let is_chosen =
            earlier.find(|index| **index == pattern || !goes_on_so(index)) == Some(&pattern);
        (is_chosen && !self.goes_on(node, &text[self.opening(pattern).len()..])).then_some(node)
    }

    /// Whether `text` begins like no pattern at all.
    pub(super) fn begins_none(&self, text: &[u8]) -> bool {
        self.walk(text, &mut [0u16; 16]) == 0
    }

    /// Whether a message that came to `node` and continues with `behind` comes to further patterns.
    #[inline]
    pub(super) fn goes_on(&self, node: u16, behind: &[u8]) -> bool {
        let children = &self.nodes[usize::from(node)].children;
        let Some((next, behind)) = behind.split_first() else {
            return false;
        };
        children
            .iter()
            .find(|(first, _)| first == next)
            .is_some_and(|&(_, child)| {
                let Node {
                    label, patterns, ..
                } = &self.nodes[usize::from(child)];
                let behind = behind.strip_prefix(&**label);
                behind.is_some_and(|behind| !patterns.is_empty() || self.goes_on(child, behind))
            })
    }

    /// Where the words of `pattern` end in `text`, known to begin with its first literal, and the address between
    /// them, if they are followed by `rest` at the very place that a search would choose.
    #[inline]
    pub(super) fn find_end(
        &self,
        pattern: u16,
        text: &[u8],
        rest: &[u8],
    ) -> Option<(usize, Option<Peer>)> {
        let pattern = &self.patterns[usize::from(pattern)];
        let read = |end: usize| {
            let is_known = text[end..].starts_with(rest);
            (is_known || parse_rest(text, end).is_some()).then_some((is_known, end))
        };
        let ((is_known, end), peer) = fit_variables(pattern, text, read)?;
        is_known.then_some((end, peer))
    }

    /// The best pattern of a message that was cut before its words were complete: at least [`CUT_LEN_MIN`] bytes of it
    /// stand there, and nothing else.
    #[cold]
    fn find_cut(&self, text: &[u8]) -> Option<(u16, Shape)> {
        let end = text.trim_ascii_end().len();
        if end < CUT_LEN_MIN || tail::find_tail(text) < text.len() {
            return None;
        }
        let message = &text[..end];
        let mut passed = [0u16; 16];
        let n_passed = self.walk(message, &mut passed);
        let begun = passed[..n_passed]
            .iter()
            .flat_map(|&node| &self.nodes[usize::from(node)].patterns)
            .copied()
            .filter(|&index| is_cut(&self.patterns[usize::from(index)], message));
        let hidden = self.end_of(message).and_then(|node| self.best_below(node));
        // Patterns stand in the order of their rank: the least index is the best.
        let best = begun.chain(hidden).min()?;
        let pattern = &self.patterns[usize::from(best)];
        Some((
            pattern.row,
            Shape {
                rest: Rest {
                    tail_at: text.len(),
                    ..Rest::default()
                },
                pattern_end: text.len(),
                peer: None,
            },
        ))
    }

    /// The best pattern of a message that nginx cut to make room for its errno: `open() "/a/long/path... (2: …`
    /// (`ngx_log_errno`).
    #[cold]
    fn find_cut_by_errno<A>(&self, text: &[u8], accepts: &mut A) -> Option<(u16, Shape)>
    where
        A: FnMut(u16, &Shape) -> bool,
    {
        let mark = memmem::rfind(&text[..tail::find_tail(text)], b"... (")?;
        let (message, end) = (&text[..mark], mark + 3);
        let rest = parse_rest(text, end)?;
        let shape = Shape {
            rest,
            pattern_end: end,
            peer: None,
        };
        let mut passed = [0u16; 16];
        let n_passed = self.walk(message, &mut passed);
        let begun = passed[..n_passed].iter().rev();
        begun
            .flat_map(|&node| &self.nodes[usize::from(node)].patterns)
            .map(|&index| &self.patterns[usize::from(index)])
            .filter(|pattern| is_begun(pattern, message))
            .map(|pattern| (pattern.row, shape))
            .find(|(row, shape)| rest.errno != 0 && accepts(*row, shape))
    }

    /// The node whose words `text` ends in, if it goes that far.
    fn end_of(&self, text: &[u8]) -> Option<u16> {
        let (first, mut rest) = text.split_first()?;
        let mut node = self.first[usize::from(*first)];
        while node != 0 {
            let Node {
                label, children, ..
            } = &self.nodes[usize::from(node)];
            if rest.len() <= label.len() {
                return label.starts_with(rest).then_some(node);
            }
            rest = rest.strip_prefix(&label[..])?;
            let (next, behind) = rest.split_first()?;
            node = children
                .iter()
                .find(|(first, _)| first == next)
                .map_or(0, |&(_, child)| child);
            rest = behind;
        }
        None
    }

    /// The best pattern at `node` or below it.
    fn best_below(&self, node: u16) -> Option<u16> {
        let Node {
            patterns, children, ..
        } = &self.nodes[usize::from(node)];
        let below = children
            .iter()
            .filter_map(|&(_, child)| self.best_below(child));
        patterns.iter().copied().chain(below).min()
    }

    /// Writes the nodes with patterns that `text` passes, shallow first, and counts them.
    #[inline]
    fn walk(&self, text: &[u8], passed: &mut [u16; 16]) -> usize {
        let mut n_passed = 0;
        let Some(&byte) = text.first() else {
            return 0;
        };
        let mut node = self.first[usize::from(byte)];
        let mut at = 1;
        while node != 0 {
            let Node {
                label,
                patterns,
                children,
            } = &self.nodes[usize::from(node)];
            if text.get(at) != label.first() && !label.is_empty() || !text[at..].starts_with(label)
            {
                break;
            }
            at += label.len();
            if !patterns.is_empty() && n_passed < passed.len() {
                passed[n_passed] = node;
                n_passed += 1;
            }
            let Some(byte) = text.get(at) else { break };
            node = children
                .iter()
                .find(|(first, _)| first == byte)
                .map_or(0, |&(_, child)| child);
            at += 1;
        }
        n_passed
    }

    fn floating_regex(&self) -> meta::Regex {
        let regexes: Vec<String> = self
            .floating_patterns
            .iter()
            .map(|&index| regex_of(&self.patterns[usize::from(index)].pieces))
            .collect();
        let syntax = syntax::Config::new()
            .unicode(false)
            .utf8(false)
            .dot_matches_new_line(true);
        meta::Regex::builder()
            .syntax(syntax)
            .configure(meta::Config::new().utf8_empty(false))
            .build_many(&regexes)
            .expect("patterns made from the table's templates are valid")
    }

    #[cold]
    fn find_floating<A>(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        mut accepts: A,
    ) -> Option<(u16, Shape)>
    where
        A: FnMut(u16, &Shape) -> bool,
    {
        let input = Input::new(&text[..message_end(text)]).anchored(Anchored::Yes);
        let regex = self.floating.get_or_init(|| self.floating_regex());
        let cache = scratch.0.get_or_insert_with(|| regex.create_cache());
        let found = regex.search_with(cache, &input)?;
        let pattern = &self.patterns[usize::from(self.floating_patterns[found.pattern()])];
        let shape = Shape {
            rest: parse_rest(text, found.end())?,
            pattern_end: found.end(),
            peer: None,
        };
        accepts(pattern.row, &shape).then_some((pattern.row, shape))
    }
}

impl Pattern {
    fn new(row: usize, pieces: Vec<Piece>) -> Pattern {
        let closing = |index: usize| match pieces.get(index + 1) {
            Some(Piece::Literal(literal)) => Some(literal.as_slice().into()),
            _ => None,
        };
        let closings = (1..pieces.len()).step_by(2).map(closing).collect();
        let opening_len = match pieces.first() {
            Some(Piece::Literal(text)) => text.len(),
            _ => 0,
        };
        Pattern {
            rank: (literal_len(&pieces), weight(&ROWS[row])),
            pieces,
            closings,
            opening_len,
            row: row as u16,
        }
    }
}

/// Bytes of a message that must stand before a cut for it to be recognized.
const CUT_LEN_MIN: usize = 16;

/// Whether `text` is a proper beginning of what `pattern` describes, with at least [`CUT_LEN_MIN`] literal bytes.
fn is_cut(pattern: &Pattern, text: &[u8]) -> bool {
    let Some(Piece::Literal(head)) = pattern.pieces.first() else {
        return false;
    };
    if head.len() < CUT_LEN_MIN || !text.starts_with(head) {
        return false;
    }
    is_begun(pattern, text)
        || matches!(pattern.pieces.last(), Some(Piece::Literal(last)) if last == b"\"")
}

/// Whether `text`, which begins like `pattern`, ends before all of its words have come.
fn is_begun(pattern: &Pattern, text: &[u8]) -> bool {
    // A literal that is missing is one the cut took; if all are there, something else is wrong with the message. A lone
    // quote at the end of a template may be the application's own, so it proves nothing.
    let mut at = pattern.opening_len;
    for closing in pattern.closings.iter().flatten() {
        match find_text_near(closing, &text[at..]) {
            Some(found) => at += found + closing.len(),
            None => return true,
        }
    }
    false
}

/// How much the conditions of a row say: ` while …` tells more than a number, a number more than a level.
fn weight(row: &Row) -> u32 {
    8 * u32::from(!row.doing.is_empty())
        + 4 * u32::from(row.side.is_some())
        + 4 * u32::from(row.errno != 0)
        + 2 * u32::from(row.level.is_some())
        + u32::from(row.bare)
}

fn regex_of(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => regex_automata_escape(&String::from_utf8_lossy(text)),
        Piece::Variable("n" | "line" | "pid" | "signo" | "code" | "rcode" | "size") => {
            r"[0-9]+".to_owned()
        }
        Piece::Variable("host" | "srv_host") => r"\S+".to_owned(),
        Piece::Variable("conf_file") => r"[^\x00-\x1f]+".to_owned(),
        Piece::Variable(_) => r".+?".to_owned(),
    };
    let body: String = pieces.iter().map(piece).collect();
    // A variable at the end of a template takes all of the message, a literal the first place it stands at.
    let end = if matches!(pieces.last(), Some(Piece::Variable(_))) {
        "$"
    } else {
        ""
    };
    format!("^{body}{end}")
}

fn regex_automata_escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            (!c.is_alphanumeric() && c != ' ' && c != '_')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect()
}

/// Whether `pattern`, which begins with a literal known to fit, fits the start of `text`, and what follows.
#[inline]
fn fit(pattern: &Pattern, text: &[u8]) -> Option<Shape> {
    let Piece::Literal(head) = &pattern.pieces[0] else {
        return None;
    };
    let pattern_end = head.len();
    if pattern.closings.is_empty() {
        return Some(Shape {
            rest: parse_rest(text, pattern_end)?,
            pattern_end,
            peer: None,
        });
    }
    let read = |end: usize| Some((parse_rest(text, end)?, end));
    let ((rest, pattern_end), peer) = fit_variables(pattern, text, read)?;
    Some(Shape {
        rest,
        pattern_end,
        peer,
    })
}

/// Walks over the variables of `pattern`, whose first literal `text` is known to begin with. The last literal stands at the
/// first place behind which `read` makes something of `text`.
#[inline]
fn fit_variables<T>(
    pattern: &Pattern,
    text: &[u8],
    read: impl Fn(usize) -> Option<T>,
) -> Option<(T, Option<Peer>)> {
    let mut at = pattern.opening_len;
    let mut peer = None;
    let named = |end: usize| {
        let start = peer_at(text, pattern.opening_len)?;
        (start < end && !text[..end].ends_with(b"...")).then_some((start, end))
    };
    let (last, before) = pattern.closings.split_last()?;
    for closing in before.iter().flatten() {
        let found = at + find_text_near(closing, &text[at..])?;
        peer = peer.or_else(|| named(found));
        at = found + closing.len();
    }
    let Some(closing) = last else {
        // A variable at the end: all of the message.
        let end = at + message_end(&text[at..]);
        return Some((read(end)?, peer.or_else(|| named(end))));
    };
    loop {
        let found = at + find_text_near(closing, &text[at..])?;
        if let Some(known) = read(found + closing.len()) {
            return Some((known, peer.or_else(|| named(found))));
        }
        at = found + 1;
    }
}

/// Where the address begins that `text` names, if it names one; `at` is the first place for it.
#[inline]
fn peer_at(text: &[u8], at: usize) -> Option<usize> {
    if text.starts_with(CONNECT_TO) {
        return Some(CONNECT_TO.len());
    }
    text[..at].ends_with(b"peer: ").then_some(at)
}

/// The one message whose variable is the address nginx connected to (`ngx_event_connect_peer`).
const CONNECT_TO: &[u8] = b"connect() to ";

/// Reads errno, ` while …` and the start of the tail behind a message that ends at `at`; `None` if nginx would not go on
/// like this.
#[inline]
pub(super) fn parse_rest(text: &[u8], mut at: usize) -> Option<Rest> {
    let mut rest = Rest::default();
    if text[at..].starts_with(b" (")
        && let Some((errno, end)) = parse_errno(text, at)
    {
        rest.errno = errno;
        at = end;
    }
    if let Some(words) = text[at..].strip_prefix(b" while ") {
        let (action, len) = match action::parse_action(words) {
            Some((action, len)) => (Some(action), len),
            None => (None, tail::find_tail(words)),
        };
        rest.action = action;
        rest.tail_at = at + 7 + len;
        if !text[rest.tail_at..].starts_with(b", ") {
            rest.tail_at += tail::find_tail(&text[rest.tail_at..]);
        }
        return Some(rest);
    }
    rest.tail_at = at;
    may_follow(&text[at..]).then_some(rest)
}

/// Whether a message without ` while …` may be followed by this.
#[inline]
fn may_follow(rest: &[u8]) -> bool {
    rest.is_empty()
        || tail::is_tail(rest)
        || tail::is_cut_tail(rest)
        || is_place(rest)
        || rest == b","
        || rest == b" "
        || b" while ".starts_with(rest)
        || rest.iter().all(|&b| b == b'.')
        || matches!(rest[0], b'\r' | b'\n')
}

/// ` in FILE:LINE` or ` in command line`, which ends a configuration error (`ngx_conf_log_error`).
#[inline]
fn is_place(rest: &[u8]) -> bool {
    rest.starts_with(b" in ")
        && !rest.contains(&b'"')
        && (rest.last().is_some_and(u8::is_ascii_digit) || rest == b" in command line")
}

/// ` (N: text)` at `at`: the number and the offset behind the parenthesis that closes it. The text may hold parentheses.
#[inline]
fn parse_errno(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let digits = text.get(at + 2..)?;
    let n_digits = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=5).contains(&n_digits) || digits.get(n_digits) != Some(&b':') {
        return None;
    }
    let number = digits[..n_digits]
        .iter()
        .fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    let mut from = at + 2 + n_digits;
    while let Some(close) = memchr(b')', &text[from..]) {
        from += close + 1;
        let rest = &text[from..];
        if rest.starts_with(b" while") || may_follow(rest) {
            return Some((number, from));
        }
    }
    // Cut inside the text.
    Some((number, text.len()))
}

/// Where the message of `text` ends when its own words do not tell: before errno, ` while …` and tail.
pub(super) fn message_end(text: &[u8]) -> usize {
    let end = tail::find_tail(text);
    // Blanks are looked at one by one: there are few in an action, and a searcher for so short a text costs more to make.
    let is_action = |at: &usize| {
        text[*at..end]
            .strip_prefix(b" while ")
            .is_some_and(|words| {
                action::parse_action(words).is_some_and(|(_, len)| len == words.len())
            })
    };
    memrchr_iter(b' ', &text[..end])
        .find(is_action)
        .unwrap_or(end)
}

/// A radix trie of the leading literals; node 0 is the root.
fn build_trie(patterns: &[Pattern], anchored: &[usize]) -> Vec<Node> {
    let mut nodes = vec![Node::default()];
    for &index in anchored {
        let Piece::Literal(text) = &patterns[index].pieces[0] else {
            continue;
        };
        let node = insert(&mut nodes, text);
        nodes[node].patterns.push(index as u16);
    }
    nodes
}

/// The node that `text` leads to, made where missing.
fn insert(nodes: &mut Vec<Node>, text: &[u8]) -> usize {
    let (mut node, mut rest) = (0, text);
    while let Some((&byte, after)) = rest.split_first() {
        let Some(&(_, child)) = nodes[node]
            .children
            .iter()
            .find(|(first, _)| *first == byte)
        else {
            nodes.push(Node {
                label: after.to_vec(),
                ..Node::default()
            });
            let child = nodes.len() - 1;
            nodes[node].children.push((byte, child as u16));
            return child;
        };
        let child = usize::from(child);
        let common = nodes[child]
            .label
            .iter()
            .zip(after)
            .take_while(|(a, b)| a == b)
            .count();
        if common < nodes[child].label.len() {
            split(nodes, child, common);
        }
        node = child;
        rest = &after[common..];
    }
    node
}

/// Cuts the label of `node` at `at`; what it was moves to a new child.
fn split(nodes: &mut Vec<Node>, node: usize, at: usize) {
    let tail = nodes[node].label.split_off(at);
    let lower = Node {
        label: tail[1..].to_vec(),
        patterns: std::mem::take(&mut nodes[node].patterns),
        children: std::mem::take(&mut nodes[node].children),
    };
    nodes.push(lower);
    let lower = (nodes.len() - 1) as u16;
    nodes[node].children.push((tail[0], lower));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> &'static str {
        let matcher = Matcher::new();
        let mut scratch = matcher.scratch();
        matcher
            .find(&mut scratch, text.as_bytes(), |_, _| true)
            .map_or("none", |found| ROWS[usize::from(found.row)].id)
    }

    #[test]
    fn the_most_literal_pattern_wins() {
        assert_eq!(
            id("no live upstreams while connecting to upstream, client: ::1"),
            "http-no-live-upstreams"
        );
        assert_eq!(id("no live upstreamsies"), "none");
        assert_eq!(
            id("api.example could not be resolved (3: Host not found)"),
            "x-dns-nxdomain"
        );
        assert_eq!(
            id("\"/a\" is not found (2: No such file or directory)"),
            "http-is-not-found"
        );
        assert_eq!(
            id("512 worker_connections are not enough, reusing connections"),
            "core-worker-connections-are-not-enough-reusing-connections"
        );
    }

    #[test]
    fn an_errno_text_may_hold_parentheses() {
        let text = b"upstream timed out (10060: FormatMessage() error:(15105)) while connecting to upstream, client: x";
        let rest = parse_rest(text, 18).expect("as nginx writes it");
        assert_eq!(
            (rest.errno, rest.action.map(|a| a.words)),
            (10060, Some("connecting to upstream"))
        );
        assert!(text[rest.tail_at..].starts_with(b", client: "));
    }
}
