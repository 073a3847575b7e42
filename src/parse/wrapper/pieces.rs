//! Long lines that a runtime split, joined again.
//!
//! Pieces are joined per [`Writer`]: lines of others may stand between them. Only so far apart as
//! [`PIECE_GAP_MAX`]: the rule is local, so that a source can be read in chunks with the same result ([`super::blocked`]).

use super::{Envelope, Part, Stripped, Writer};

/// Bytes that may stand between the line of a piece and the line with the next one. A runtime writes them close together; what
/// never comes was never written.
pub const PIECE_GAP_MAX: u64 = 64 * 1024;

/// Writers whose pieces wait at once; past it, the one that began first waits no more. Of pieces of the usual 16 KiB, no more than
/// five stand so near together; each may keep as much memory as a line may have.
pub const PIECE_WRITERS_MAX: usize = 16;

/// A text, and where its first line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined<'a> {
    /// At most the length given to [`Pieces::new`]; what is longer is left out.
    pub text: &'a [u8],
    /// Offset of the line of its first piece, as given to [`Pieces::push`].
    pub offset: u64,
    /// Lines it was made of; more than 1 only if they were joined.
    pub n_lines: u32,
}

/// The pieces of one source for which the rest has not come yet; kept by a worker.
#[derive(Debug)]
pub struct Pieces {
    /// At most [`PIECE_WRITERS_MAX`]; those of no line are free.
    held: Vec<Held>,
    len_max: usize,
}

/// A text that goes on.
#[derive(Debug, Default)]
struct Held {
    writer: Writer,
    text: Vec<u8>,
    offset: u64,
    /// Offset behind its last line.
    end: u64,
    n_lines: u32,
}

impl Held {
    fn joined(&self) -> Joined<'_> {
        Joined {
            text: &self.text,
            offset: self.offset,
            n_lines: self.n_lines,
        }
    }
}

impl Pieces {
    /// Texts are cut at `len_max` bytes.
    pub fn new(len_max: usize) -> Pieces {
        Pieces {
            held: Vec::new(),
            len_max,
        }
    }

    /// Whether nothing is held: then a whole line needs no [`push`](Self::push).
    pub fn is_empty(&self) -> bool {
        self.held.iter().all(|held| held.n_lines == 0)
    }

    /// Whether a piece of the same writer as `line` is held.
    pub fn holds(&self, line: &Stripped<'_>) -> bool {
        self.position(line).is_some()
    }

    fn position(&self, line: &Stripped<'_>) -> Option<usize> {
        let is_held = |held: &Held| held.n_lines > 0;
        let is_own = |held: &Held| is_held(held) && held.writer.wrote(&line.outer);
        // The inner layers stand in the first piece only.
        let is_cut = line.envelope == Envelope::Outer;
        let is_next = |held: &Held| is_held(held) && held.writer.may_have_written(&line.outer);
        let own = self.held.iter().position(is_own);
        own.or_else(|| is_cut.then(|| self.held.iter().position(is_next))?)
    }

    /// Gives up texts whose next piece did not come before the line `next` at `offset`, and one if that needs its place, and shows
    /// them to `take`; `u64::MAX` and no line at the end of the source. To be called before [`push`](Self::push).
    pub fn expire(
        &mut self,
        offset: u64,
        next: Option<&Stripped<'_>>,
        mut take: impl FnMut(Joined<'_>),
    ) {
        let mut give_up = |held: &mut Held| {
            take(held.joined());
            held.n_lines = 0;
        };
        for held in &mut self.held {
            if held.n_lines > 0 && offset.saturating_sub(held.end) > PIECE_GAP_MAX {
                give_up(held);
            }
        }
        let begins = |line: &Stripped<'_>| line.part == Part::More && !self.holds(line);
        let n_waiting = self.held.iter().filter(|held| held.n_lines > 0).count();
        if n_waiting == PIECE_WRITERS_MAX
            && next.is_some_and(begins)
            && let Some(oldest) = self.held.iter_mut().min_by_key(|held| held.offset)
        {
            give_up(oldest);
        }
    }

    /// Takes a stripped line that lies at `offset..end` of its source. `None` if more must follow; else the text it ends.
    pub fn push<'a>(
        &'a mut self,
        line: &Stripped<'a>,
        offset: u64,
        end: u64,
    ) -> Option<Joined<'a>> {
        let at = match self.position(line) {
            Some(at) => at,
            None if line.part != Part::More => {
                return Some(Joined {
                    text: line.text,
                    offset,
                    n_lines: 1,
                });
            }
            None => self.begin(line, offset),
        };
        let held = &mut self.held[at];
        let n_free = self.len_max.saturating_sub(held.text.len());
        held.text
            .extend_from_slice(&line.text[..line.text.len().min(n_free)]);
        held.end = end;
        held.n_lines += 1;
        if line.part == Part::More {
            return None;
        }
        let joined = Joined {
            n_lines: std::mem::take(&mut held.n_lines),
            offset: held.offset,
            text: &held.text,
        };
        Some(joined)
    }

    /// Where the text of a writer is held from now on.
    fn begin(&mut self, line: &Stripped<'_>, offset: u64) -> usize {
        let free = self.held.iter().position(|held| held.n_lines == 0);
        let at = free.unwrap_or(self.held.len());
        if free.is_none() {
            self.held.push(Held::default());
        }
        let held = &mut self.held[at];
        held.writer = Writer::of(&line.outer);
        held.text.clear();
        held.offset = offset;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::wrapper::{Chain, Scratch, Wrapper, blocked, strip};

    /// The texts of a source of CRI lines, read in chunks of about `chunk_len` bytes.
    fn texts(source: &[u8], chunk_len: usize) -> Vec<(u64, u32, String)> {
        let chain = Chain::new(&[Wrapper::Cri]);
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        let mut pieces = Pieces::new(30);
        let mut take = |joined: Joined<'_>| {
            let text = String::from_utf8_lossy(joined.text).into_owned();
            out.push((joined.offset, joined.n_lines, text));
        };
        let (mut at, mut chunk_start) = (0, 0);
        for line in source.split_inclusive(|b| *b == b'\n') {
            if at >= chunk_start + chunk_len
                && blocked(&chain, source, at, None, &mut scratch).is_none()
            {
                chunk_start = at;
                pieces.expire(u64::MAX, None, &mut take);
            }
            let (offset, end) = (at as u64, (at + line.len()) as u64);
            let stripped = strip(&chain, line.trim_ascii_end(), &mut scratch);
            pieces.expire(offset, Some(&stripped), &mut take);
            if let Some(joined) = pieces.push(&stripped, offset, end) {
                take(joined);
            }
            at += line.len();
        }
        pieces.expire(u64::MAX, None, &mut take);
        out.sort();
        out
    }

    /// So many writers may wait, and of one more the first is given up: what comes of it stands alone.
    #[test]
    fn the_writers_that_wait_are_bounded() {
        let chain = Chain::new(&[Wrapper::KubectlPrefix, Wrapper::Cri]);
        let piece = |n: usize, tag: &str| {
            format!("[pod/web-{n}/nginx] 2026-11-20T11:24:48Z stderr {tag} {n}")
        };
        for (n_writers, n_joined) in [(PIECE_WRITERS_MAX, 16), (PIECE_WRITERS_MAX + 1, 16)] {
            let (mut pieces, mut scratch) = (Pieces::new(30), Scratch::default());
            let (mut given_up, mut joined) = (Vec::new(), 0);
            let order = (0..n_writers).map(|n| (n, "P"));
            let order = order.chain((0..n_writers).rev().map(|n| (n, "F")));
            for (at, (n, tag)) in order.enumerate() {
                let line = piece(n, tag);
                let at = at as u64;
                let line = strip(&chain, line.as_bytes(), &mut scratch);
                pieces.expire(at, Some(&line), |text| given_up.push(text.text.to_vec()));
                joined += usize::from(
                    pieces
                        .push(&line, at, at + 1)
                        .is_some_and(|j| j.n_lines == 2),
                );
            }
            assert_eq!((joined, given_up.len()), (n_joined, n_writers - 16));
            assert!(pieces.is_empty());
        }
    }

    #[test]
    fn streams_are_joined_apart_and_chunks_change_nothing() {
        let time = "2026-11-20T11:24:48Z";
        let record = "2026/11/20 11:24:48 [error] x";
        let far = format!("{time} stdout F {}\n", "z".repeat(70_000));
        let source = format!(
            "{time} stderr P {record}\n{time} stdout F a\n{time} stdout P b\n{time} stderr P 1\n{time} stderr F 2\n\
             {time} stdout F c\n{time} stderr P lost\n{far}{time} stderr F {record}\n{time} stderr P end\n"
        );
        let want = texts(source.as_bytes(), usize::MAX);
        let got: Vec<(u32, &str)> = want
            .iter()
            .map(|(_, n, text)| (*n, &text[..text.len().min(40)]))
            .collect();
        let joined = format!("{record}1"); // cut at 30 bytes
        let zs = "z".repeat(40);
        assert_eq!(
            got,
            [
                (3, joined.as_str()),
                (1, "a"),
                (2, "bc"),
                (1, "lost"),
                (1, &zs),
                (1, record),
                (1, "end")
            ]
        );
        for chunk_len in 1..400 {
            assert_eq!(texts(source.as_bytes(), chunk_len), want, "{chunk_len}");
        }
    }
}
