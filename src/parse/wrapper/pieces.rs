//! Long lines that a runtime split, joined again.
//!
//! Pieces are joined per stream: the other stream's lines may stand between them. Only so far apart as
//! [`PIECE_GAP_MAX`]: the rule is local, so that a source can be read in chunks with the same result ([`super::may_start`]).

use super::{Part, Stream, Stripped};

/// Bytes that may stand between the line of a piece and the line with the next one. A runtime writes them close together; what
/// never comes was never written.
pub const PIECE_GAP_MAX: u64 = 64 * 1024;

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
    /// By stream: none, standard output, standard error.
    held: [Held; 3],
    len_max: usize,
}

/// A text that goes on.
#[derive(Debug, Default)]
struct Held {
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
            held: Default::default(),
            len_max,
        }
    }

    /// Whether nothing is held: then a whole line needs no [`push`](Self::push).
    pub fn is_empty(&self) -> bool {
        self.held.iter().all(|held| held.n_lines == 0)
    }

    /// Whether a piece of the same stream as `line` is held.
    pub fn holds(&self, line: &Stripped<'_>) -> bool {
        self.held[slot(line)].n_lines > 0
    }

    /// Gives up a text whose next piece did not come before a line at `offset`, and shows it to `take`, if there is one; `u64::MAX`
    /// at the end of the source. To be called before [`push`](Self::push).
    pub fn expire(&mut self, offset: u64, mut take: impl FnMut(Joined<'_>)) {
        for held in &mut self.held {
            if held.n_lines > 0 && offset.saturating_sub(held.end) > PIECE_GAP_MAX {
                take(held.joined());
                held.n_lines = 0;
            }
        }
    }

    /// Takes a stripped line that lies at `offset..end` of its source. `None` if more must follow; else the text it ends.
    pub fn push<'a>(
        &'a mut self,
        line: &Stripped<'a>,
        offset: u64,
        end: u64,
    ) -> Option<Joined<'a>> {
        let held = &mut self.held[slot(line)];
        if held.n_lines == 0 {
            if line.part != Part::More {
                return Some(Joined {
                    text: line.text,
                    offset,
                    n_lines: 1,
                });
            }
            held.text.clear();
            held.offset = offset;
        }
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
}

pub(super) fn slot(line: &Stripped<'_>) -> usize {
    match line.outer.stream {
        None => 0,
        Some(Stream::Stdout) => 1,
        Some(Stream::Stderr) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::wrapper::{Chain, Scratch, Wrapper, may_start, strip};

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
            if at >= chunk_start + chunk_len && may_start(&chain, source, at, None, &mut scratch) {
                chunk_start = at;
                pieces.expire(u64::MAX, &mut take);
            }
            let (offset, end) = (at as u64, (at + line.len()) as u64);
            pieces.expire(offset, &mut take);
            let stripped = strip(&chain, line.trim_ascii_end(), &mut scratch);
            if let Some(joined) = pieces.push(&stripped, offset, end) {
                take(joined);
            }
            at += line.len();
        }
        pieces.expire(u64::MAX, &mut take);
        out.sort();
        out
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
