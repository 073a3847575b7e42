//! The loop over the units of a compression (members, frames, streams), once for all five formats: a [`Codec`] knows one
//! unit, this knows what may stand between, and how to go on after damage.
//!
//! **After damage** the decoder has read beyond it: where a member was cut and another appended, as a crashed nginx leaves
//! them, the first bytes of the second were taken for text of the first. So the search for the next start goes back as far
//! as one block of the format can reach, but never to the damaged unit itself, and so it ends. Nor does it begin where
//! the decoder has only copied what is stored: there a container stands within this one, and was handed on ([`copies`](super::copies)).

use super::{
    Trouble, UnitRange,
    ahead::Ready,
    container::{self, Container},
    copies::{self, Copies},
    doubt::Doubt,
    feed::{Below, Edge, Feed, Step},
};
use memchr::memmem;

/// What a format calls things, and how far its mistakes reach.
pub(super) struct Format {
    /// `member`, `frame`, `stream`.
    pub(super) unit: &'static str,
    /// What every unit begins with.
    pub(super) magic: &'static [u8],
    /// Bytes that [`Codec::look`] and [`Codec::begin`] want to see.
    pub(super) head_len: usize,
    /// Bytes that [`Codec::confirm`] wants to see.
    pub(super) confirm_len: usize,
    /// Bytes that a decoder may read beyond damage before it notices: one block.
    pub(super) lookback: usize,
    /// Zeros between units must come in such numbers; 0 if the format has no padding.
    pub(super) padding: u64,
}

/// What stands at a place between units.
pub(super) enum Look {
    Unit,
    /// Nothing to decode, of this length in bytes.
    Skip(u64),
    /// A unit that cannot be decoded.
    Refused(Trouble),
    Other,
}

/// How decoding went on.
pub(super) struct Progress {
    pub(super) n_in: usize,
    pub(super) n_out: usize,
    pub(super) state: State,
}

pub(super) enum State {
    /// More input or more room for output is needed.
    More,
    /// The unit is finished and its checks hold.
    Done,
    Failed(Trouble),
    /// The unit is finished and complete, but a checksum does not match: nothing is missing.
    DoneWrong(Trouble),
}

/// A decoder of one unit at a time.
pub(super) trait Codec: Send {
    fn format(&self) -> &'static Format;
    /// Judges the first bytes of something; fewer than `head_len` stand before an edge.
    fn look(&self, head: &[u8]) -> Look;
    /// Looks harder at what may be a unit or may be chance.
    fn confirm(&self, head: &[u8]) -> bool;
    fn begin(&mut self, head: &[u8]) -> Result<(), Trouble>;
    /// Decodes. What it put into `output` is used even if it fails. `input` is empty only at the end.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Progress;
}

/// Whether a unit begins with `head`, and that is no chance. However much is at hand, the same bytes decide.
pub(super) fn begins(codec: &dyn Codec, head: &[u8]) -> bool {
    let head = &head[..head.len().min(codec.format().confirm_len)];
    matches!(codec.look(head), Look::Unit) && codec.confirm(head)
}

enum Place {
    Between,
    Inside,
    /// Within a unit that was decoded ahead.
    Ready(Ready),
    /// Within something that is not decoded; bytes left.
    Skipping(u64),
    /// The unit has failed; what was decoded has been handed on.
    Failed(Trouble),
    DoneWrong(Trouble),
    Ended,
}

/// See the module.
pub(super) struct Units {
    codec: Box<dyn Codec>,
    place: Place,
    unit_start: u64,
    unit_decoded: u64,
    n_stalls: u32,
    /// Where what stands before began, if it was skipped.
    skip_start: Option<u64>,
    doubt: Doubt,
    /// Text that was in doubt and is to be handed on, from `n_given` on, and what comes behind it.
    held: Vec<u8>,
    n_given: usize,
    behind_held: Option<Step>,
    /// `None`: nothing packed can stand in what is handed on.
    copies: Option<Copies>,
    /// Something packed was opened in what was handed on: it may be a copy of what is stored.
    pub(super) holds_packed: bool,
    /// Units begun.
    pub(super) n_units: u64,
    /// Something was passed that is not decoded.
    has_skipped: bool,
}

/// Calls without progress before a decoder is given up.
const STALLS_MAX: u32 = 4;

/// Bytes given to a decoder at once, cut at multiples of this. Decoders read ahead, and notice damage some bytes sooner or
/// later depending on how much they are given; so pipes and maps name the same place.
const PIECE_LEN: usize = 256 << 10;

/// Bytes searched at once for a start.
const SEARCH_LEN: usize = 64 << 10;

impl Units {
    pub(super) fn new(codec: Box<dyn Codec>, feed: &mut Feed) -> Units {
        let format = codec.format();
        feed.remember(format.lookback);
        Units {
            codec,
            copies: Some(Copies::of(format.magic)),
            doubt: Doubt::of(format.magic),
            held: Vec::new(),
            n_given: 0,
            behind_held: None,
            holds_packed: false,
            place: Place::Between,
            unit_start: 0,
            unit_decoded: 0,
            n_stalls: 0,
            skip_start: None,
            n_units: 0,
            has_skipped: false,
        }
    }

    /// What is handed on is a log and holds no container: nothing of it need be noted, which takes a search of all of it.
    pub(super) fn hold_text(&mut self) {
        self.copies = None;
    }

    pub(super) fn pull(&mut self, feed: &mut Feed, below: &mut Below<'_>, out: &mut [u8]) -> Step {
        loop {
            if let Some(step) = self.give(out) {
                return step;
            }
            let step = match std::mem::replace(&mut self.place, Place::Ended) {
                Place::Between => self.between(feed, below),
                Place::Inside => self.inside(feed, below, out),
                Place::Ready(ready) => self.ready(feed, below, ready, out),
                Place::Skipping(n) => self.skipping(feed, below, n),
                Place::Failed(trouble) => self.failed(feed, below, trouble),
                Place::DoneWrong(trouble) => self.done_wrong(feed, below, trouble),
                Place::Ended => Some(Step::End),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// The next of what was held, and what comes behind it.
    fn give(&mut self, out: &mut [u8]) -> Option<Step> {
        let held = &self.held[self.n_given..];
        if held.is_empty() {
            return self.behind_held.take();
        }
        let n = out.len().min(held.len());
        out[..n].copy_from_slice(&held[..n]);
        self.n_given += n;
        Some(Step::Bytes(n))
    }

    /// What was in doubt is the unit's.
    fn dispel_doubt(&mut self) {
        (self.held, self.n_given) = (self.doubt.dispel(), 0);
    }

    /// Before a unit, or behind the last.
    fn between(&mut self, feed: &mut Feed, below: &mut Below<'_>) -> Option<Step> {
        let format = self.codec.format();
        let head = feed.peek(below, format.head_len);
        if head.is_empty() {
            if feed.edge() == Edge::End {
                return Some(Step::End);
            }
            feed.pass_seam();
            return Some(self.restart(feed, below));
        }
        let look = self.codec.look(head);
        if !matches!(look, Look::Other) {
            self.skip_start = None;
        }
        match look {
            Look::Unit => {
                if let Some(ready) = below.ready(feed.offset) {
                    self.n_units += 1;
                    self.place = Place::Ready(ready);
                    return None;
                }
                let head = feed.peek(below, format.head_len);
                let begun = self.codec.begin(head);
                self.unit_start = feed.offset;
                self.unit_decoded = 0;
                self.n_stalls = 0;
                self.copies.iter_mut().for_each(Copies::clear);
                self.doubt.begin(self.unit_start);
                match begun {
                    Ok(()) => {
                        self.n_units += 1;
                        self.place = Place::Inside;
                    }
                    Err(trouble) => self.place = Place::Failed(trouble),
                }
            }
            Look::Skip(n) => {
                self.unit_start = feed.offset;
                self.has_skipped = true;
                self.place = Place::Skipping(n);
            }
            Look::Refused(trouble) => {
                (self.unit_start, self.unit_decoded) = (feed.offset, 0);
                self.place = Place::Failed(trouble);
            }
            Look::Other => {
                // Skippable frames are of two formats, and the first of them, if it is long, does not tell which.
                let other = container::recognise(head);
                let is_shared = |it: &Container| matches!(it, Container::Lz4 | Container::Zstd);
                let other =
                    other.filter(|it| self.n_units == 0 && self.has_skipped && is_shared(it));
                let Some((container, codec)) =
                    other.and_then(|it| Some((it, super::codec(it, &below.shared.limits)?)))
                else {
                    return self.stray(feed, below);
                };
                *self = Units::new(codec, feed);
                feed.layer = container.name();
            }
        }
        None
    }

    /// At something that is no unit: zeros, or garbage.
    fn stray(&mut self, feed: &mut Feed, below: &mut Below<'_>) -> Option<Step> {
        let mut start = feed.offset;
        loop {
            let chunk = feed.chunk(below);
            let (len, n) = (chunk.len(), chunk.iter().take_while(|&&b| b == 0).count());
            feed.consume(below, n);
            if n < len || len == 0 {
                break;
            }
        }
        let n_zeros = feed.offset - start;
        let format = self.codec.format();
        let head = feed.peek(below, format.head_len);
        let at_end = head.is_empty();
        if at_end || !matches!(self.codec.look(head), Look::Other) {
            let is_allowed = format.padding > 0 && n_zeros.is_multiple_of(format.padding);
            let trouble = match start {
                // In place of a unit.
                0 => Some(Trouble::Garbage { n_bytes: n_zeros }),
                _ if is_allowed => None,
                // `xz -t` refuses it: bytes are missing, or there are too many.
                _ if format.padding > 0 => Some(Trouble::Corrupt(format!(
                    "a padding of {n_zeros} zeros, which is no multiple of {}",
                    format.padding
                ))),
                _ => Some(Trouble::Padding { n_bytes: n_zeros }),
            };
            if let Some(trouble) = trouble.filter(|_| n_zeros > 0) {
                feed.report(below, trouble, start, None, None);
            }
            self.place = Place::Between;
            return None;
        }
        // What was skipped may have lied about its length.
        if let Some(skip_start) = self.skip_start.take() {
            let end = feed.offset;
            self.go_back(feed, below, skip_start);
            start -= end - feed.offset;
        }
        let step = self.restart(feed, below);
        let n_bytes = feed.offset - start;
        feed.report(below, Trouble::Garbage { n_bytes }, start, None, None);
        Some(step)
    }

    fn inside(&mut self, feed: &mut Feed, below: &mut Below<'_>, out: &mut [u8]) -> Option<Step> {
        let left = below.shared.decodable();
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        let mut spare = [0];
        // At the limit one byte more is tried, since a stream may well end there.
        let out = if len == 0 {
            &mut spare[..]
        } else {
            &mut out[..len]
        };
        let wanted = PIECE_LEN - (feed.offset % PIECE_LEN as u64) as usize;
        let wanted = self.doubt.reach(&*self.codec, feed, below, wanted);
        let is_doubtful = self.doubt.is_raised(feed.offset);
        let chunk = feed.peek(below, wanted);
        let n_chunk = chunk.len().min(wanted);
        let chunk = &chunk[..n_chunk];
        let Progress { n_in, n_out, state } = self.codec.decode(chunk, out);
        feed.consume(below, n_in);
        if len == 0 && n_out > 0 {
            self.exhausted(feed, below);
            return None;
        }
        if is_doubtful {
            self.doubt.keep(&out[..n_out]);
        }
        if let Some(copies) = &mut self.copies {
            copies.take(&out[..n_out]);
        }
        self.unit_decoded += n_out as u64;
        below.shared.decoded_bytes += n_out as u64;
        self.n_stalls = if n_in + n_out > 0 {
            0
        } else {
            self.n_stalls + 1
        };
        self.place = match state {
            State::Done => Place::Between,
            State::DoneWrong(trouble) => Place::DoneWrong(trouble),
            State::Failed(trouble) => Place::Failed(trouble),
            State::More if n_out == 0 && n_chunk == 0 => Place::Failed(match feed.edge() {
                Edge::End => Trouble::Truncated { n_missing: None },
                Edge::Seam => Trouble::Interrupted,
            }),
            State::More if self.n_stalls >= STALLS_MAX => {
                Place::Failed(Trouble::Corrupt("the decoder makes no progress".into()))
            }
            State::More => Place::Inside,
        };
        let is_whole = matches!(self.place, Place::Between | Place::DoneWrong(_));
        let lookback = self.codec.format().lookback;
        if is_whole || self.doubt.is_over(feed.offset, lookback) {
            self.dispel_doubt();
        }
        (n_out > 0 && !is_doubtful).then_some(Step::Bytes(n_out))
    }

    /// Hands on what was decoded ahead, and then passes the unit.
    fn ready(
        &mut self,
        feed: &mut Feed,
        below: &mut Below<'_>,
        mut ready: Ready,
        out: &mut [u8],
    ) -> Option<Step> {
        let n_out = ready.take(out);
        below.shared.decoded_bytes += n_out as u64;
        if ready.len() > 0 {
            self.place = Place::Ready(ready);
        } else {
            feed.skip(below, ready.n_in);
            self.place = Place::Between;
        }
        (n_out > 0).then_some(Step::Bytes(n_out))
    }

    fn skipping(&mut self, feed: &mut Feed, below: &mut Below<'_>, n: u64) -> Option<Step> {
        let missing = n - feed.skip(below, n);
        if missing == 0 || feed.edge() != Edge::End {
            (self.place, self.skip_start) = (Place::Between, Some(self.unit_start));
            return None;
        }
        let end = feed.offset;
        self.go_back(feed, below, self.unit_start);
        let step = self.restart(feed, below);
        let trouble = Trouble::Truncated {
            n_missing: Some(missing),
        };
        let unit = UnitRange {
            name: "skippable frame",
            start: self.unit_start,
            decoded_bytes: 0,
        };
        let resumed = matches!(step, Step::Seam).then_some(feed.offset);
        feed.report(below, trouble, end, Some(unit), resumed);
        Some(step)
    }

    /// Goes back to behind the first byte of what began at `start`, or as far as possible.
    fn go_back(&self, feed: &mut Feed, below: &mut Below<'_>, start: u64) {
        let read = feed.offset - start;
        let back = (self.codec.format().lookback as u64).min(read.saturating_sub(1));
        feed.rewind(back);
        below.shared.n_restarts += back >> 16;
    }

    /// Says what was wrong with the unit, and finds the next.
    fn failed(&mut self, feed: &mut Feed, below: &mut Below<'_>, trouble: Trouble) -> Option<Step> {
        let detected = feed.offset;
        self.go_back(feed, below, self.unit_start);
        if detected == self.unit_start {
            feed.skip(below, 1);
        }
        self.copies.iter_mut().for_each(Copies::end);
        let found = self.find(feed, below, detected);
        let resumed = found.then_some(feed.offset);
        self.unit_decoded -= resumed.map_or(0, |found| self.doubt.confirm(found));
        feed.report(below, trouble, detected, Some(self.unit()), resumed);
        self.behind_held = Some(self.after_search(feed, below, found));
        self.dispel_doubt();
        None
    }

    /// Says that the checksum of a complete unit is wrong. If nothing follows, or a unit, then the end of this one was
    /// where it should be, and nothing is missing.
    fn done_wrong(
        &mut self,
        feed: &mut Feed,
        below: &mut Below<'_>,
        trouble: Trouble,
    ) -> Option<Step> {
        let head = feed.peek(below, self.codec.format().head_len);
        let is_end = head.is_empty() || !matches!(self.codec.look(head), Look::Other);
        if !is_end {
            return self.failed(feed, below, trouble);
        }
        let detected = feed.offset;
        feed.report(below, trouble, detected, Some(self.unit()), None);
        self.place = Place::Between;
        None
    }

    fn unit(&self) -> UnitRange {
        UnitRange {
            name: self.codec.format().unit,
            start: self.unit_start,
            decoded_bytes: self.unit_decoded,
        }
    }

    /// Nothing more is decoded.
    fn exhausted(&mut self, feed: &mut Feed, below: &mut Below<'_>) {
        below.shared.exhausted = true;
        let trouble = Trouble::Limit {
            name: "decoded_bytes_max",
            limit: below.shared.limits.decoded_bytes_max,
            needed: None,
        };
        feed.report(below, trouble, feed.offset, Some(self.unit()), None);
        self.dispel_doubt();
    }

    /// Goes on at the next unit, if there is one.
    fn restart(&mut self, feed: &mut Feed, below: &mut Below<'_>) -> Step {
        let handed_on = feed.offset;
        let found = self.find(feed, below, handed_on);
        self.after_search(feed, below, found)
    }

    fn after_search(&mut self, feed: &mut Feed, below: &mut Below<'_>, found: bool) -> Step {
        if found || (feed.chunk(below).is_empty() && feed.edge() == Edge::Seam) {
            self.place = Place::Between;
            return Step::Seam;
        }
        Step::End
    }

    /// Consumes what lies before the next unit; false at an edge. What stands before `detected` may have been handed on.
    fn find(&mut self, feed: &mut Feed, below: &mut Below<'_>, detected: u64) -> bool {
        let format = self.codec.format();
        let finder = memmem::Finder::new(format.magic);
        loop {
            let chunk = feed.peek(below, SEARCH_LEN);
            let len = chunk.len();
            let Some(at) = finder.find(chunk) else {
                let is_last = len < SEARCH_LEN;
                let keep = if is_last { 0 } else { format.magic.len() - 1 };
                feed.consume(below, len - keep);
                if is_last {
                    return false;
                }
                continue;
            };
            feed.consume(below, at);
            let shared = &mut *below.shared;
            shared.n_restarts += 1;
            if shared.n_restarts > shared.limits.restarts_max {
                let trouble = Trouble::Limit {
                    name: "restarts_max",
                    limit: shared.limits.restarts_max,
                    needed: None,
                };
                feed.report(below, trouble, feed.offset, None, None);
                below.shared.exhausted = true;
                return false;
            }
            let may_be_copied = self.holds_packed && feed.offset < detected;
            let head = feed.peek(below, format.confirm_len.max(copies::SIDE_LEN));
            if begins(&*self.codec, head) {
                let after = head[..head.len().min(copies::SIDE_LEN)].to_vec();
                let before = feed.last(copies::SIDE_LEN);
                let is_copy = |copies: &Copies| copies.has(&before, &after);
                if !may_be_copied || !self.copies.as_ref().is_some_and(is_copy) {
                    return true;
                }
            }
            feed.consume(below, 1);
        }
    }
}
