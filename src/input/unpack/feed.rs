//! The input of one layer: bytes of the layer below, with a look ahead, a look back, and the places where bytes are missing.
//!
//! Layers stand on each other like plates: [`Below`] is all that lies under one of them, down to the stored stream. Pulling
//! from a layer pulls from those below, in one thread and without copies where the stored stream is in memory already.

use super::{Ahead, Limits, Problem, Trouble, UnitRange, ahead::Ready, layer::Level};
use std::{
    collections::VecDeque,
    io::{BufRead, ErrorKind},
    sync::Arc,
};

/// What pulling yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Bytes are missing here.
    Seam,
    End,
}

/// The stored stream.
pub(super) struct Stored {
    input: Box<dyn BufRead + Send>,
    /// Bytes consumed.
    pub(super) offset: u64,
    failed: bool,
    /// Where units of it may be decoded already.
    pub(super) ahead: Option<Arc<Ahead>>,
}

impl Stored {
    pub(super) fn new(input: Box<dyn BufRead + Send>) -> Stored {
        Stored {
            input,
            offset: 0,
            failed: false,
            ahead: None,
        }
    }

    /// Bytes at hand; none at the end. A failure is reported once and is an end.
    pub(super) fn fill(&mut self, shared: &mut Shared) -> &[u8] {
        while !self.failed {
            match self.input.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    shared.say(Problem {
                        trouble: Trouble::Read(error.to_string()),
                        layer: "stored",
                        path: Vec::new(),
                        stored_offset: self.offset,
                        layer_offset: self.offset,
                        unit: None,
                        resumed: None,
                    });
                }
            }
        }
        if self.failed {
            return &[];
        }
        // It is filled, so this neither reads nor fails.
        self.input.fill_buf().unwrap_or_default()
    }

    fn consume(&mut self, n: usize) {
        self.input.consume(n);
        self.offset += n as u64;
    }
}

/// What all layers of one stream share.
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) problems: VecDeque<Problem>,
    /// Problems met, notes and damage.
    n_problems: [u64; 2],
    /// Names of the archive members that are open, from outside in.
    pub(super) names: Vec<Vec<u8>>,
    /// Bytes decoded by all layers.
    pub(super) decoded_bytes: u64,
    /// Places looked at after damage.
    pub(super) n_restarts: u64,
    /// A limit was met that ends everything.
    pub(super) exhausted: bool,
}

/// Bytes of a name that a problem keeps: the longest path of most systems.
const NAME_LEN_MAX: usize = 4096;

impl Shared {
    pub(super) fn new(limits: Limits) -> Shared {
        Shared {
            limits,
            problems: VecDeque::new(),
            n_problems: [0; 2],
            names: Vec::new(),
            decoded_bytes: 0,
            n_restarts: 0,
            exhausted: false,
        }
    }

    /// Puts a problem in line, or says once that there are too many.
    fn say(&mut self, mut problem: Problem) {
        let n = &mut self.n_problems[usize::from(problem.is_damage())];
        *n += 1;
        if *n > self.limits.problems_max + 1 {
            return;
        }
        if *n > self.limits.problems_max {
            problem.trouble = Trouble::Unsaid;
            (problem.unit, problem.resumed) = (None, None);
        }
        if let Trouble::NotFollowed { target, .. } = &mut problem.trouble {
            target.truncate(NAME_LEN_MAX);
        }
        self.problems.push_back(problem);
    }

    /// The outermost `n` names, cut where they are absurd.
    fn path(&self, n: usize) -> Vec<Vec<u8>> {
        let names = self.names.iter().take(n);
        names
            .map(|name| name[..name.len().min(NAME_LEN_MAX)].to_vec())
            .collect()
    }

    /// Bytes that may still be decoded.
    pub(super) fn decodable(&self) -> u64 {
        self.limits
            .decoded_bytes_max
            .saturating_sub(self.decoded_bytes)
    }
}

/// All that lies under a layer.
pub(super) struct Below<'a> {
    pub(super) stored: &'a mut Stored,
    pub(super) levels: &'a mut [Level],
    pub(super) shared: &'a mut Shared,
}

impl Below<'_> {
    /// The unit at `offset` of the stored stream, if this is that, and it was decoded ahead, and may be decoded at all.
    pub(super) fn ready(&self, offset: u64) -> Option<Ready> {
        let ahead = self
            .stored
            .ahead
            .as_ref()
            .filter(|_| self.levels.is_empty())?;
        let ready = ahead.ready(offset)?;
        (ready.len() as u64 <= self.shared.decodable()).then_some(ready)
    }

    pub(super) fn pull(&mut self, out: &mut [u8]) -> Step {
        let Some((top, levels)) = self.levels.split_last_mut() else {
            let bytes = self.stored.fill(self.shared);
            let n = bytes.len().min(out.len());
            out[..n].copy_from_slice(&bytes[..n]);
            self.stored.consume(n);
            return if n == 0 { Step::End } else { Step::Bytes(n) };
        };
        top.pull(
            &mut Below {
                stored: self.stored,
                levels,
                shared: self.shared,
            },
            out,
        )
    }
}

/// How a run of bytes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Seam,
    End,
}

/// See the module.
pub(super) struct Feed {
    /// Name of the layer that reads here.
    pub(super) layer: &'static str,
    /// How many of [`Shared::names`] lead to this layer.
    pub(super) n_names: usize,
    /// What is reported concerns the archive member that is open, by the next name.
    pub(super) is_member: bool,
    /// Bytes pulled but not consumed are `buffer[start..end]`; empty if the stored stream lends its own.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes consumed, seams not counted.
    pub(super) offset: u64,
    /// What follows the buffer, once known.
    edge: Option<Edge>,
    /// The last bytes consumed, up to `history_max` of them: a ring, so that each is moved once.
    history: VecDeque<u8>,
    history_max: usize,
}

/// Bytes pulled at once from a layer: within the second-level cache.
const PULL_LEN: usize = 128 << 10;

impl Feed {
    pub(super) fn new(layer: &'static str, n_names: usize) -> Feed {
        Feed {
            layer,
            n_names,
            is_member: false,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            edge: None,
            history: VecDeque::new(),
            history_max: 0,
        }
    }

    /// Keeps the last `n` bytes for [`rewind`](Feed::rewind).
    pub(super) fn remember(&mut self, n: usize) {
        self.history_max = n;
    }

    /// At least `n` bytes without consuming them, or all before an edge. May be more.
    pub(super) fn peek<'a>(&'a mut self, below: &'a mut Below<'_>, n: usize) -> &'a [u8] {
        let is_lent = self.start == self.end && self.edge.is_none() && below.levels.is_empty();
        if is_lent && below.stored.fill(below.shared).len() >= n {
            return below.stored.fill(below.shared);
        }
        while self.end - self.start < n && self.edge.is_none() {
            self.pull_more(below, n);
        }
        &self.buffer[self.start..self.end]
    }

    /// Some bytes without consuming them; none only at an [`edge`](Feed::edge).
    pub(super) fn chunk<'a>(&'a mut self, below: &'a mut Below<'_>) -> &'a [u8] {
        if self.start == self.end && self.edge.is_none() && below.levels.is_empty() {
            let bytes = below.stored.fill(below.shared);
            if bytes.is_empty() {
                self.edge = Some(Edge::End);
            }
            return bytes;
        }
        if self.start == self.end && self.edge.is_none() {
            self.pull_more(below, 1);
        }
        &self.buffer[self.start..self.end]
    }

    /// What an empty chunk stands before.
    pub(super) fn edge(&self) -> Edge {
        self.edge.unwrap_or(Edge::End)
    }

    /// Goes on behind the seam that an empty chunk stands before.
    pub(super) fn pass_seam(&mut self) {
        debug_assert_eq!(self.edge, Some(Edge::Seam));
        self.edge = None;
        self.history.clear();
    }

    /// Pulls once, so that the buffer may come to hold `n` bytes.
    fn pull_more(&mut self, below: &mut Below<'_>, n: usize) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // From the stored stream only what is asked for: it lends the rest.
        let wanted = if below.levels.is_empty() {
            n
        } else {
            n.max(PULL_LEN)
        };
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        match below.pull(&mut self.buffer[self.end..wanted]) {
            Step::Bytes(n) => self.end += n,
            Step::Seam => self.edge = Some(Edge::Seam),
            Step::End => self.edge = Some(Edge::End),
        }
    }

    /// Consumes the next `n` bytes, of those that were seen.
    pub(super) fn consume(&mut self, below: &mut Below<'_>, n: usize) {
        self.offset += n as u64;
        let kept = n.min(self.history_max);
        if self.start == self.end {
            if n == 0 {
                return;
            }
            if kept > 0 {
                self.history
                    .extend(&below.stored.fill(below.shared)[n - kept..n]);
            }
            below.stored.consume(n);
        } else {
            let end = self.start + n;
            self.history.extend(&self.buffer[end - kept..end]);
            self.start = end;
        }
        let n_old = self.history.len().saturating_sub(self.history_max);
        self.history.drain(..n_old);
    }

    /// Goes back by `n` bytes, or as far as they were kept.
    pub(super) fn rewind(&mut self, n: u64) {
        let n = usize::try_from(n)
            .unwrap_or(usize::MAX)
            .min(self.history.len());
        let mut buffer = Vec::from(self.history.split_off(self.history.len() - n));
        buffer.extend_from_slice(&self.buffer[self.start..self.end]);
        self.end = buffer.len();
        (self.buffer, self.start) = (buffer, 0);
        self.offset -= n as u64;
    }

    /// The last `n` bytes consumed, or as many as were kept.
    pub(super) fn last(&self, n: usize) -> Vec<u8> {
        let n_older = self.history.len().saturating_sub(n);
        self.history.range(n_older..).copied().collect()
    }

    /// Consumes up to `n` bytes; how many there were before an edge.
    pub(super) fn skip(&mut self, below: &mut Below<'_>, n: u64) -> u64 {
        let mut left = n;
        while left > 0 {
            let at_hand = self.chunk(below).len();
            if at_hand == 0 {
                break;
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(at_hand);
            self.consume(below, step);
            left -= step as u64;
        }
        n - left
    }

    /// Bytes as they are. A seam is passed when told.
    pub(super) fn read(&mut self, below: &mut Below<'_>, out: &mut [u8]) -> Step {
        if self.start == self.end {
            let step = match self.edge {
                None => below.pull(out),
                Some(Edge::Seam) => Step::Seam,
                Some(Edge::End) => Step::End,
            };
            match step {
                Step::Bytes(n) => self.offset += n as u64,
                Step::Seam => self.edge = None,
                Step::End => self.edge = Some(Edge::End),
            }
            return step;
        }
        let n = out.len().min(self.end - self.start);
        out[..n].copy_from_slice(&self.buffer[self.start..self.start + n]);
        self.start += n;
        self.offset += n as u64;
        Step::Bytes(n)
    }

    /// Says what is wrong at `layer_offset`.
    pub(super) fn report(
        &self,
        below: &mut Below<'_>,
        trouble: Trouble,
        layer_offset: u64,
        unit: Option<UnitRange>,
        resumed: Option<u64>,
    ) {
        let stored_offset = if below.levels.is_empty() {
            layer_offset
        } else {
            below.stored.offset
        };
        below.shared.say(Problem {
            trouble,
            layer: self.layer,
            path: below
                .shared
                .path(self.n_names + usize::from(self.is_member)),
            stored_offset,
            layer_offset,
            unit,
            resumed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    #[test]
    fn it_looks_ahead_and_goes_back() {
        let text: Vec<u8> = (0..=255).collect();
        for capacity in [1, 7, 1000] {
            let input = BufReader::with_capacity(capacity, Cursor::new(text.clone()));
            let mut below = Below {
                stored: &mut Stored::new(Box::new(input)),
                levels: &mut [],
                shared: &mut Shared::new(Limits::default()),
            };
            let mut feed = Feed::new("test", 0);
            feed.remember(30);
            assert_eq!(feed.peek(&mut below, 20)[..20], text[..20]);
            assert_eq!(feed.skip(&mut below, 100), 100);
            feed.rewind(25);
            assert_eq!(feed.offset, 75);
            assert_eq!(feed.peek(&mut below, 50)[..50], text[75..125]);
            assert_eq!(feed.skip(&mut below, 1000), 256 - 75);
            assert!(feed.chunk(&mut below).is_empty());
            assert_eq!((feed.edge(), feed.offset), (Edge::End, 256));
            feed.rewind(1);
            assert_eq!(feed.chunk(&mut below), [255]);
        }
    }
}
