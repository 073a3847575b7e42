//! Records that hold lines of somebody else's making: which lines are one record, and what of it nginx wrote.
//!
//! Messages about files print the path of the request decoded (`open() "/www/a…" failed`), a few tails hold a decoded path too
//! (`subrequest`, or an upstream made of captures), and FastCGI stderr and a broken PROXY header are copied as they come. Whoever
//! writes a newline there writes lines of the log. `ngx_log_error_core` writes a record with one write() of at most
//! `NGX_MAX_ERROR_STR` bytes, so its lines lie together, and four rules tell them:
//!
//! 1. The request in the tail is as the client sent it, its newlines encoded: the [path] made of it says what the lines are.
//! 2. A record that is exactly as long as nginx makes them at most was cut there, though lines in it look whole: where an errno
//!    had to fit, nginx leaves `... (2: …` at a fixed place (`ngx_log_errno`); else the first line or the last is visibly open.
//! 3. A quote that the first line opens is closed in a later line, before the tail.
//!
//! 4. A record of level debug has neither tail nor bounds, and prints the path in some thirty messages: what clients tried to
//!    [smuggle](Smuggled) in is gathered from all requests of the logs first, and tells each line that looks like a record.
//!
//! All but the first are asked only where a line in between looks like a record: others are told to continue it anyway.
//!
//! All of this is told from the bytes behind the first line, at most [`RECORD_LEN_MAX`] of them, so it does not depend on where a
//! chunk begins. A record that a rule does not vouch for is left alone: forged text must not be believed, but neither may it make
//! true records disappear.

pub mod apart;
pub mod path;
mod smuggled;

pub use smuggled::{Gathered, Smuggled, accepted_client};

use self::{
    path::{find_newline, holds_newline, holds_newlines, replace_invalid, write_path},
    smuggled::goes_on_as_own,
};
use super::{
    head::{HeadParser, TIME_LEN, is_head},
    record::{NGINX_RECORD_LEN, RECORD_LEN_MAX, TAIL, has_tail, is_access_line},
    tail,
};
use crate::{
    event::Level,
    lines::{Line, without_return},
};
use memchr::{memchr, memchr_iter, memmem, memrchr};

/// A record over several lines that are not all nginx's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Offset behind it.
    pub next: usize,
    /// Offset in the first line up to which it counts: what follows is the client's.
    pub opening: usize,
    /// Offset of the last line.
    pub last: usize,
    /// Offset in the last line from which on the text is nginx's again; its end, if nothing is.
    pub closing: usize,
    /// What is not nginx's is text of an application, that most often has no record in mind, or of a record of level debug: only
    /// lines that look like records are somebody's who had.
    pub is_copied: bool,
}

/// Knows how far the bytes of a block hold no encoded newline, so that they are searched once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lookout<'s> {
    smuggled: Option<&'s Smuggled>,
    from: usize,
    until: usize,
    found: Option<usize>,
}

impl<'s> Lookout<'s> {
    /// `smuggled` is what clients smuggled into the source, if that is known.
    pub fn new(smuggled: Option<&'s Smuggled>) -> Lookout<'s> {
        Lookout {
            smuggled,
            ..Lookout::default()
        }
    }

    /// Whether an encoded newline stands in `bytes[from..to]`. To be asked with the same bytes, and rising offsets.
    #[inline]
    fn sees(&mut self, bytes: &[u8], from: usize, to: usize) -> bool {
        let is_known = self.from <= from && to <= self.until;
        if !is_known || self.found.is_some_and(|found| found < from) {
            self.look(bytes, from, to);
        }
        self.found.is_some_and(|found| found < to)
    }

    fn look(&mut self, bytes: &[u8], from: usize, to: usize) {
        let is_clean = self.from <= from && self.found.is_none();
        let start = if is_clean { from.max(self.until) } else { from };
        let until = bytes.len().min(to.max(start) + AHEAD_LEN);
        self.found = find_newline(&bytes[..until], start);
        (self.from, self.until) = (from, until);
    }
}

/// Bytes looked at beyond those asked for.
const AHEAD_LEN: usize = RECORD_LEN_MAX;

/// Whether [`find_group`] has to be asked of a record that has a whole tail of the usual form: cheap.
#[inline]
pub fn may_begin(bytes: &[u8], at: usize, lookout: &mut Lookout<'_>) -> bool {
    let ends_at = |len: usize| bytes.get(at + len - 1) == Some(&b'\n');
    ends_at(NGINX_RECORD_LEN)
        || ends_at(RECORD_LEN_MAX)
        || lookout.sees(bytes, at, bytes.len().min(at + RECORD_LEN_MAX))
}

/// Whether [`find_group`] may find something behind `line`, whatever follows; `smuggled` is what it is to know.
pub fn can_begin(line: &[u8], smuggled: Option<&Smuggled>) -> bool {
    let head = HeadParser::default().parse(line);
    head.is_ok_and(|head| {
        if smuggled.is_some() && head.level == Some(Level::Debug) {
            return true;
        }
        let text = &line[head.len..];
        let is_asked = head.connection.is_some() && head.level != Some(Level::Debug);
        is_asked && (own_quote(text).is_some() || is_free(text) || holds_newline(text))
    })
}

/// The record that begins at `at`, if it holds lines of somebody else's.
#[inline(never)]
pub fn find_group(bytes: &[u8], at: usize, lookout: &mut Lookout<'_>) -> Option<Group> {
    let first = Line::at(bytes, at, bytes.len().min(at + RECORD_LEN_MAX));
    if first.next - at >= RECORD_LEN_MAX || first.next == bytes.len() {
        return None;
    }
    // Most records are told by this.
    if !may_begin(bytes, at, lookout) && has_tail(&bytes[first.start..first.end]) {
        return None;
    }
    let head = HeadParser::default()
        .parse(&bytes[first.start..first.end])
        .ok()?;
    let is_debug = head.level == Some(Level::Debug);
    let smuggled = lookout.smuggled.filter(|_| is_debug);
    if smuggled.is_none() && (is_debug || head.connection.is_none()) {
        return None;
    }
    let text = &bytes[first.start + head.len..first.end];
    let record = First {
        bytes,
        line: first,
        text_at: first.start + head.len,
        is_open: !has_tail(text),
        quote: own_quote(text).map(|quote| first.start + head.len + quote),
        is_free: is_free(text),
    };
    if let Some(smuggled) = smuggled {
        return record.by_smuggled(smuggled);
    }
    let may_be_path = record.quote.is_some() || record.is_free;
    let sees = lookout.sees(bytes, at, bytes.len().min(at + RECORD_LEN_MAX));
    let by_path = || record.by_path(may_be_path);
    if let Some(group) = sees.then(by_path).flatten() {
        return Some(group);
    }
    if is_limit(first.next - at) {
        return None; // it was cut, and is all of the record
    }
    if let Some(group) = record.quote.and_then(|_| record.by_errno()) {
        return Some(group);
    }
    match record.by_quote() {
        Closed::Behind(group) => Some(group),
        Closed::Plainly => None,
        Closed::Never => record.quote.and_then(|_| record.by_length()),
    }
}

/// A path in the message of a record of one line, `text`, that looks as if message and tail ended within it: where that begins, and
/// where nginx's own text goes on.
pub fn find_imitated_tail(text: &[u8]) -> Option<(usize, usize)> {
    let quote = own_quote(text)?;
    let opening = quote + 1 + memchr(b'"', &text[quote + 1..])?;
    let mut path = Vec::new();
    memmem::find_iter(text, TAIL).skip(1).find_map(|client| {
        let closing = memrchr(b'"', &text[..client])?;
        let forged = text.get(opening..closing)?;
        let (_, uri) = requests(&text[client..]).next()?;
        find_path(uri, &mut path, |path| {
            path.ends_with(forged).then_some((opening, closing))
        })
    })
}

/// Whether the line at `at` belongs to a record that begins before it and is not all nginx's.
pub fn is_inside(bytes: &[u8], at: usize, smuggled: Option<&Smuggled>) -> bool {
    let mut lookout = Lookout::new(smuggled);
    let from = at.saturating_sub(RECORD_LEN_MAX);
    let reaches = |start: usize, lookout: &mut Lookout<'_>| {
        is_head(&bytes[start..at])
            && find_group(bytes, start, lookout).is_some_and(|group| group.next > at)
    };
    if from == 0 && reaches(0, &mut lookout) {
        return true;
    }
    memchr_iter(b'\n', &bytes[from..at.saturating_sub(1)])
        .any(|newline| reaches(from + newline + 1, &mut lookout))
}

/// The first line of what may be a group.
struct First<'a> {
    bytes: &'a [u8],
    line: Line,
    /// Offset of the message.
    text_at: usize,
    /// No tail begins in it.
    is_open: bool,
    /// Offset of the first quote of the message, before any tail.
    quote: Option<usize>,
    /// Its message is an application's.
    is_free: bool,
}

impl First<'_> {
    fn text(&self) -> &[u8] {
        &self.bytes[self.text_at..self.line.end]
    }

    /// Lines behind the first that can be of the same record.
    fn lines(&self) -> impl Iterator<Item = Line> {
        let (bytes, limit) = (self.bytes, self.line.start + RECORD_LEN_MAX);
        let mut at = self.line.next;
        std::iter::from_fn(move || {
            (at < bytes.len() && at < limit).then(|| {
                let line = Line::at(bytes, at, bytes.len());
                at = line.next;
                line
            })
        })
        .take_while(move |line| line.next <= limit)
    }

    /// The first line up to where a quoted path begins to be more than a path.
    fn opening(&self) -> usize {
        match self.quote {
            Some(quote) => {
                let path = &self.bytes[quote + 1..self.line.end];
                quote + 1 + memchr(b'"', path).unwrap_or(path.len())
            }
            None => self.text_at + memmem::find(self.text(), TAIL).unwrap_or(self.text().len()),
        }
    }

    /// Rule 4.
    fn by_smuggled(&self, smuggled: &Smuggled) -> Option<Group> {
        let mut found: Option<Group> = None;
        for line in self.lines() {
            let text = &self.bytes[line.start..line.end];
            let closing = match is_head(text) {
                true => smuggled.len_in(text),
                // The rest of what was smuggled, or what nginx wrote behind it.
                false => (!is_access_line(text)).then_some(0),
            };
            let Some(closing) = closing else { break };
            if is_head(text) || found.is_some() {
                found = Some(Group {
                    next: line.next,
                    opening: self.opening(),
                    last: line.start,
                    closing: line.start + closing,
                    // Headers that nginx sends stand among them.
                    is_copied: true,
                });
            }
        }
        found
    }

    /// Rule 1.
    fn by_path(&self, may_be_path: bool) -> Option<Group> {
        if !self.is_open
            && let Some(group) = self.by_own_path()
        {
            return Some(group);
        }
        if !may_be_path {
            return None;
        }
        let mut lines = vec![self.line];
        for line in self.lines() {
            lines.push(line);
            let text = &self.bytes[line.start..line.end];
            // Each newline behind the first line must be told.
            if holds_newlines(text, lines.len() - 1)
                && let Some(closing) = self.closing_by_path(&lines)
            {
                return Some(Group {
                    next: line.next,
                    opening: self.opening(),
                    last: line.start,
                    closing,
                    is_copied: false,
                });
            }
        }
        None
    }

    /// The path stands in the message, and the request that tells it behind it in the last of `lines`: where nginx's own text goes
    /// on there.
    fn closing_by_path(&self, lines: &[Line]) -> Option<usize> {
        let (last, inner) = lines.split_last()?;
        let text = &self.bytes[last.start..last.end];
        let mut path = Vec::new();
        uris(text).find_map(|(at, uri)| {
            find_path(uri, &mut path, |path| {
                let n = self.fit(inner, text, path)?;
                let is_told = n <= at && is_first_request(&text[n..at]);
                is_told.then_some(last.start + n)
            })
        })
    }

    /// Length of the path in the text of the last line, if `inner`, the lines before it, are the path, or a part of it that a
    /// rewriting left.
    fn fit(&self, inner: &[Line], last: &[u8], path: &[u8]) -> Option<usize> {
        let pieces: Vec<&[u8]> = path.split(|&byte| byte == b'\n').collect();
        let n_left_out = pieces.len().checked_sub(inner.len() + 1)?;
        if n_left_out > 0 && !self.has_open_quote() {
            return None;
        }
        pieces
            .windows(inner.len() + 1)
            .find_map(|pieces| self.fit_pieces(inner, last, pieces))
    }

    fn fit_pieces(&self, inner: &[Line], last: &[u8], pieces: &[&[u8]]) -> Option<usize> {
        let (end, pieces) = pieces.split_last()?;
        let (start, middle) = pieces.split_first()?;
        let are_same = |(line, piece): (&Line, &&[u8])| self.is_line(line, piece);
        if !inner[1..].iter().zip(middle).all(are_same) {
            return None;
        }
        let n_before = common_suffix(self.text(), without_return(start));
        if n_before == 0 && middle.is_empty() {
            return None;
        }
        let n = common_prefix(last, end);
        // A head can only be the client's if all of it is, or all up to where nginx goes on.
        let is_whole = match is_head(last) {
            _ if n == end.len() => true,
            true => goes_on_as_own(&last[n..]),
            false => n > 0 && self.has_open_quote(),
        };
        (is_whole && (!is_head(last) || n > TIME_LEN + 1)).then_some(n)
    }

    fn is_line(&self, line: &Line, piece: &[u8]) -> bool {
        without_return(&self.bytes[line.start..line.end]) == without_return(piece)
    }

    /// A quote that the message opens is not closed in the first line.
    fn has_open_quote(&self) -> bool {
        self.is_open && memchr_iter(b'"', self.text()).count() % 2 == 1
    }

    /// The request stands in the first line, and its path, decoded, in a later field of the tail.
    fn by_own_path(&self) -> Option<Group> {
        let text = self.text();
        let mut path = Vec::new();
        uris(text).find_map(|(at, uri)| {
            let behind = &text[at + uri.len()..];
            find_path(uri, &mut path, |path| self.fit_tail(behind, path))
        })
    }

    /// `behind` is what follows the request in the first line.
    fn fit_tail(&self, behind: &[u8], path: &[u8]) -> Option<Group> {
        let pieces: Vec<&[u8]> = path.split(|&byte| byte == b'\n').collect();
        (0..pieces.len() - 1).find_map(|from| {
            if common_suffix(behind, without_return(pieces[from])) == 0 {
                return None;
            }
            let mut pieces = pieces[from + 1..].iter().peekable();
            self.lines().find_map(|line| {
                let piece = pieces.next()?;
                if pieces.peek().is_some() && self.is_line(&line, piece) {
                    return None; // the next line tells
                }
                let text = &self.bytes[line.start..line.end];
                let n = common_prefix(text, piece);
                let is_end = n == piece.len() && text.get(n) == Some(&b'"');
                let is_cut = n == text.len() && is_limit(line.next - self.line.start);
                // Once, then it is over: what does not fit is no part of it.
                Some((is_end || is_cut).then_some(Group {
                    next: line.next,
                    opening: self.line.end,
                    last: line.start,
                    closing: line.start + n,
                    is_copied: false,
                }))
            })?
        })
    }

    /// Rule 2, where an errno had to fit.
    fn by_errno(&self) -> Option<Group> {
        let lens = [NGINX_RECORD_LEN, RECORD_LEN_MAX];
        lens.into_iter().find_map(|len| {
            let (last, text) = self.last_of(len)?;
            let mark = text.len().checked_sub(ERRNO_LEN - 1)?;
            is_errno_end(&text[mark..]).then(|| self.cut(len, last, mark))
        })
    }

    /// Rule 2, where no errno had to fit. A last line that looks like a whole record may be one.
    fn by_length(&self) -> Option<Group> {
        let lens = [NGINX_RECORD_LEN, RECORD_LEN_MAX];
        lens.into_iter().find_map(|len| {
            let (last, text) = self.last_of(len)?;
            // Of a log that was copied to lines of Windows, a whole record ends so too.
            let text = without_return(text);
            let client = memmem::rfind(text, TAIL);
            let is_cut = client.is_some_and(|at| tail::parse_tail(&text[at..]).open)
                && (!is_head(text) || !text.ends_with(b"\""));
            if !self.is_open && !is_cut {
                return None;
            }
            let quote = client.and_then(|at| memrchr(b'"', &text[..at]));
            Some(self.cut(len, last, quote.unwrap_or(text.len())))
        })
    }

    /// The last line of a record of `len` bytes, and its text, if lines end and begin so and some look like records.
    fn last_of(&self, len: usize) -> Option<(usize, &[u8])> {
        let (bytes, start) = (self.bytes, self.line.start);
        let end = start + len - 1;
        if self.line.next > end || bytes.get(end) != Some(&b'\n') {
            return None;
        }
        let rest = &bytes[end + 1..];
        if !rest.is_empty() && !is_head(rest) {
            return None;
        }
        // Where records may be half as long, one of that length can have been cut at the same place.
        let half = start + NGINX_RECORD_LEN;
        if len > NGINX_RECORD_LEN && bytes[half - 1] == b'\n' && is_head(&bytes[half..]) {
            return None;
        }
        let is_in = |line: &Line| line.start <= end;
        let has_heads = |line: Line| is_head(&bytes[line.start..]);
        if !self.lines().take_while(is_in).any(has_heads) {
            return None;
        }
        let last = start + memrchr(b'\n', &bytes[start..end])? + 1;
        Some((last, &bytes[last..end]))
    }

    fn cut(&self, len: usize, last: usize, closing: usize) -> Group {
        Group {
            next: self.line.start + len,
            opening: self.opening(),
            last,
            closing: last + closing,
            is_copied: false,
        }
    }

    /// Rule 3: the line that closes what this one opens.
    fn by_quote(&self) -> Closed {
        let Some(quote) = self.quote.filter(|_| self.is_open) else {
            return Closed::Never;
        };
        let start = &self.bytes[self.text_at..=quote];
        let is_copied = begins_copy(start);
        if !is_copied && !self.has_open_quote() {
            return Closed::Never;
        }
        let mut has_heads = false;
        for line in self.lines() {
            if is_limit(line.start - self.line.start) {
                break;
            }
            let text = &self.bytes[line.start..line.end];
            let is_head = is_head(text);
            has_heads |= is_head;
            let Some(quote) = closing_quote(text, is_head, is_copied) else {
                // If this one is open too, what closes later may be its own.
                if is_head && !has_tail(text) && begins_copy(text) {
                    break;
                }
                continue;
            };
            if !has_heads {
                return Closed::Plainly;
            }
            return Closed::Behind(Group {
                next: line.next,
                // What was copied may have quotes of its own.
                opening: if is_copied {
                    self.line.end
                } else {
                    self.opening()
                },
                last: line.start,
                closing: line.start + quote,
                is_copied,
            });
        }
        Closed::Never
    }
}

/// How the quote is closed that a first line opens.
enum Closed {
    /// In no line that is known.
    Never,
    /// Nothing that looks like a record stands before.
    Plainly,
    Behind(Group),
}

/// What stands before text that nginx copies as it is.
const COPIED: [&[u8]; 2] = [b"FastCGI sent in stderr: \"", b"broken header: \""];

/// Whether such text begins in a record.
fn begins_copy(text: &[u8]) -> bool {
    let mut openings = COPIED.iter();
    openings.any(|opening| memmem::find(text, opening).is_some())
}

/// Offset in a line of the quote that closes what an earlier line opened, if a tail follows. A line that looks like a record has to
/// have one quote too many, or one tail.
fn closing_quote(text: &[u8], is_head: bool, is_copied: bool) -> Option<usize> {
    let mut tails = memmem::find_iter(text, TAIL);
    let message = &text[..tails.next()?];
    if !is_head || memchr_iter(b'"', message).count() % 2 == 1 {
        return memrchr(b'"', message);
    }
    let between = &text[message.len()..tails.next()?];
    let quote = if is_copied {
        memmem::find(between, b"\" while ")
    } else {
        memrchr(b'"', between)
    };
    Some(message.len() + quote?)
}

/// Whether a message is an application's, that may print a path without quotes.
fn is_free(text: &[u8]) -> bool {
    text.starts_with(b"[lua]")
}

/// Bytes that `ngx_log_errno` leaves for an errno and what follows it.
const ERRNO_LEN: usize = 50;

/// Whether `text`, the end of a record, is what `ngx_log_errno` writes where a message leaves no room for an errno: no field with a
/// quote has room behind it.
fn is_errno_end(text: &[u8]) -> bool {
    let number = text.strip_prefix(b"... (");
    number.is_some_and(|number| number.first().is_some_and(u8::is_ascii_digit))
        && memchr(b'"', text).is_none()
}

/// Whether a record of `len` bytes with its newline is as long as records get.
fn is_limit(len: usize) -> bool {
    len == NGINX_RECORD_LEN || len == RECORD_LEN_MAX
}

/// What stands before a quoted name that the configuration gives.
pub const OWN_QUOTED: &[u8] = b" zone ";

/// Offset of the first quote in `text`, if no tail begins before it, and not a name of the configuration's.
fn own_quote(text: &[u8]) -> Option<usize> {
    let quote = memchr(b'"', text)?;
    let is_own = text[..quote].ends_with(OWN_QUOTED) || has_tail(&text[..quote]);
    (!is_own).then_some(quote)
}

/// What `text` may have as the URI of a request that holds an encoded newline, with its offset.
fn uris(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    requests(text).filter(|(_, uri)| holds_newline(uri))
}

/// What `text` may have as the URI of a request, with its offset.
fn requests(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let keys = memmem::find_iter(text, b", request: \"").map(|key| key + 12);
    let angie = memmem::find_iter(text, b", request_line: \"").map(|key| key + 17);
    keys.chain(angie).flat_map(|line| {
        let at = memchr(b' ', &text[line..]).map_or(text.len(), |blank| line + blank + 1);
        let ends = [
            memchr(b' ', &text[at..]),
            // Until 1.21.1 a URI could hold blanks.
            memmem::find(&text[at..], b" HTTP/"),
        ];
        let mut uris = ends.map(|end| &text[at..end.map_or(text.len(), |end| at + end)]);
        if uris[0] == uris[1] {
            uris[1] = b"";
        }
        let is_one = |uri: &&[u8]| !uri.is_empty();
        uris.into_iter().filter(is_one).map(move |uri| (at, uri))
    })
}

/// What `told` tells of the first path that `uri` can have been made to, of which it tells something; `path` is room for it.
fn find_path<T>(
    uri: &[u8],
    path: &mut Vec<u8>,
    mut told: impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    for merge_slashes in [true, false] {
        if write_path(uri, merge_slashes, path).is_none() {
            continue;
        }
        let mut found = told(path);
        if found.is_none() && replace_invalid(path) {
            found = told(path);
        }
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Whether a tail begins in `text`, which ends at the URI of a request, and that request is the first: in a header behind it, a client
/// may say that his request was another.
fn is_first_request(text: &[u8]) -> bool {
    has_tail(text) && memmem::find_iter(text, b", request").count() == 1
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let pairs = a.iter().rev().zip(b.iter().rev());
    pairs.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSING: &str = "2026/11/20 11:23:46 [error] 7#7: *1 open() \"/srv/www/a\" failed (2: No such file or directory), client: 192.0.2.1, server: s, request: \"GET /a HTTP/1.1\", host: \"h\"";
    const REFUSED: &str = "2026/11/20 11:23:46 [error] 7#7: *2 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.2, server: s, request: \"GET /";

    /// A record of a failure, `len` bytes long with its newline.
    fn refused(len: usize) -> String {
        let end = " HTTP/1.1\", upstream: \"http://10.0.0.5:80/\", host: \"h\"\n";
        let uri = len - REFUSED.len() - end.len();
        format!("{REFUSED}{}{end}", "x".repeat(uri))
    }

    /// A record that was cut so long.
    fn cut(len: usize) -> String {
        format!("{REFUSED}{}\n", "x".repeat(len - 1 - REFUSED.len()))
    }

    fn group(log: &str) -> Option<Group> {
        find_group(log.as_bytes(), 0, &mut Lookout::default())
    }

    /// True records may be as long together as one that was cut.
    #[test]
    fn neighbours_are_not_one_record() {
        let first = format!("{MISSING}\n");
        let rest = NGINX_RECORD_LEN - first.len();
        let whole = [&*first, &refused(rest - 400), &refused(400)].concat();
        assert_eq!(whole.len(), NGINX_RECORD_LEN);
        let start = "2026/11/20 11:23:46 [error] 7#7: *3 open() \"/srv/www/";
        let end = "... (2: No such file or directory), client: 192.0.\n";
        assert_eq!(end.len(), ERRNO_LEN + 1);
        let path = "y".repeat(NGINX_RECORD_LEN - start.len() - end.len());
        let by_errno = format!("{start}{path}{end}");
        for behind in [refused(300), cut(NGINX_RECORD_LEN), by_errno] {
            let log = format!("{whole}{behind}{MISSING}\n");
            assert_eq!(group(&log), None, "{behind}");
        }
    }

    /// Nor are those of a log that was copied to lines of Windows.
    #[test]
    fn neighbours_with_returns_are_not_one_record() {
        for limit in [NGINX_RECORD_LEN, RECORD_LEN_MAX] {
            let first = format!("{MISSING}\n");
            let rest = limit - 3 - first.len();
            let whole = [&*first, &refused(rest - 400), &refused(400), &first].concat();
            let log = whole.replace('\n', "\r\n");
            assert_eq!(log.as_bytes()[limit - 1], b'\n');
            assert_eq!(group(&log), None, "{limit}");
        }
    }

    /// What a client says of the request in a header is no request.
    #[test]
    fn a_referrer_takes_nothing_away() {
        let referrer = "\", client: 192.0.2.3, server: s, request: \"GET /%22%0A2026/11/20%2011:23:46%20[ HTTP/1.1";
        for first in [refused(400), format!("{MISSING}\n")] {
            let log = format!("{first}{MISSING}, referrer: \"{referrer}\"\n{MISSING}\n");
            assert_eq!(group(&log), None);
        }
    }

    #[test]
    fn debug_records_are_left_alone() {
        let inner = refused(400);
        let log = format!("2026/11/20 11:23:46 [debug] 7#7: *1 http uri: \"/a\n{inner}\"\n");
        assert_eq!(group(&log), None);
    }
}
