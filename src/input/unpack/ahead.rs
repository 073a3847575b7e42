//! Units of a stored stream decoded before their turn, by whoever has nothing else to do.
//!
//! Where the units of a stream say how long they are ([`walk`](super::walk)), its [`Reader`] reads some of them ahead and puts
//! them in line, and [`Ahead::help`], called from any thread, decodes the next in line. The [`Units`](super::units::Units) that
//! come to such a unit use what was decoded, if it is the whole unit without any fault; else they decode it themselves.
//!
//! So the way through a stream, one unit after the other, stays the only one: it finds the units, judges them, counts
//! them, says what is damaged and keeps the limits. What was decoded ahead only spares it work, and no answer depends on whether
//! anybody helped. Few bytes are kept ready, whatever the stream holds ([`Limits::ahead_bytes_max`]).

use super::{
    Limits,
    container::{self, Container},
    units::{Codec, Look, Progress, State},
    walk::{Ending, Extent, Walk, Walked},
};
use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Bytes of a stored stream that are read at once.
const READ_LEN: usize = 256 << 10;

/// Packed bytes of a batch: of small units so many are decoded at once that taking turns costs nothing.
const BATCH_LEN: usize = 128 << 10;

/// Decoded bytes of a unit that is read ahead.
const UNIT_DECODED_MAX: u64 = 16 << 20;

/// Packed bytes of such a unit: logs shrink to a tenth.
const UNIT_LEN_MAX: usize = 4 << 20;

/// Bytes its decoder may keep at hand, in every thread.
const WINDOW_MAX: u64 = 8 << 20;

/// How much larger than its packed bytes a unit may be that does not say.
const RATIO_GUESSED: u64 = 24;

/// Units that turn out larger than guessed, before no more are tried.
const OVERFLOWS_MAX: u32 = 2;

/// Bytes that are ready or being made so, of all streams together.
#[derive(Debug, Default)]
pub struct Budget {
    used: AtomicU64,
    max: u64,
}

impl Budget {
    /// At most `max` bytes, give or take a unit.
    pub fn new(max: u64) -> Budget {
        Budget {
            used: AtomicU64::new(0),
            max,
        }
    }
}

/// Bytes of a budget, given back when dropped.
#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    n_bytes: u64,
}

impl Share {
    fn of(budget: &Arc<Budget>, n_bytes: u64) -> Option<Share> {
        let before = budget.used.fetch_add(n_bytes, Relaxed);
        let share = Share {
            budget: Arc::clone(budget),
            n_bytes,
        };
        (before + n_bytes <= budget.max).then_some(share)
    }

    /// It turned out to be less.
    fn shrink_to(&mut self, n_bytes: u64) {
        let n_spared = self.n_bytes.saturating_sub(n_bytes);
        self.budget.used.fetch_sub(n_spared, Relaxed);
        self.n_bytes -= n_spared;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.n_bytes, Relaxed);
    }
}

/// What was read ahead of one stream, shared by who reads it and who helps.
pub struct Ahead {
    budget: Arc<Budget>,
    limits: Limits,
    /// Batches that wait at a time.
    n_batches_max: usize,
    line: Mutex<Line>,
    /// A batch was decoded.
    decoded: Condvar,
}

#[derive(Default)]
struct Line {
    batches: VecDeque<Batch>,
    codecs: Vec<Box<dyn Codec>>,
    /// Those that were used, and their shares of the budget.
    spares: Vec<(Room, Share)>,
    n_overflows: u32,
}

/// Some units that follow each other.
struct Batch {
    container: Container,
    /// Offset of `bytes[0]` in the stored stream.
    offset: u64,
    bytes: Arc<Vec<u8>>,
    units: Arc<[Range<usize>]>,
    state: BatchState,
    share: Share,
}

enum BatchState {
    Waiting,
    /// Somebody decodes it.
    Running,
    Decoded(Arc<Decoded>),
    /// Whoever reads the stream decodes it himself.
    Left,
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Decoded {
    room: Room,
    /// For each unit, its bytes in the room; `None`: decode it yourself.
    ranges: Vec<Option<Range<usize>>>,
}

/// Room that is made once and used again.
#[derive(Debug, Default)]
struct Room {
    bytes: Vec<u8>,
    len: usize,
}

/// A unit that was decoded ahead.
pub(super) struct Ready {
    decoded: Arc<Decoded>,
    range: Range<usize>,
    /// Its packed bytes.
    pub(super) n_in: u64,
}

impl Ready {
    /// Decoded bytes that are left.
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    /// Fills the start of `out`; how much of it.
    pub(super) fn take(&mut self, out: &mut [u8]) -> usize {
        let n = out.len().min(self.range.len());
        let bytes = &self.decoded.room.bytes[self.range.start..self.range.start + n];
        out[..n].copy_from_slice(bytes);
        self.range.start += n;
        n
    }
}

impl Ahead {
    /// For `n_threads` that may help.
    pub fn new(n_threads: usize, limits: &Limits, budget: &Arc<Budget>) -> Arc<Ahead> {
        Arc::new(Ahead {
            budget: Arc::clone(budget),
            limits: limits.clone(),
            n_batches_max: n_threads + 2,
            line: Mutex::default(),
            decoded: Condvar::new(),
        })
    }

    /// Decodes the next batch that waits; false if none does.
    pub fn help(&self) -> bool {
        let mut line = self.lock();
        let waits = |batch: &&mut Batch| matches!(batch.state, BatchState::Waiting);
        let Some(batch) = line.batches.iter_mut().find(waits) else {
            return false;
        };
        batch.state = BatchState::Running;
        let (container, offset) = (batch.container, batch.offset);
        let (bytes, units) = (Arc::clone(&batch.bytes), Arc::clone(&batch.units));
        let mut decoded = Decoded {
            room: line.spares.pop().map(|(room, _)| room).unwrap_or_default(),
            ranges: Vec::with_capacity(units.len()),
        };
        let codec = line.codecs.pop();
        drop(line);
        let work = || {
            let mut codec = codec.or_else(|| super::codec(container, &self.limits))?;
            let mut n_overflows = 0;
            for unit in units.iter() {
                let start = decoded.room.len;
                let outcome = decode(codec.as_mut(), &bytes[unit.clone()], &mut decoded.room);
                n_overflows += u32::from(matches!(outcome, Outcome::Overflow));
                let is_whole = matches!(outcome, Outcome::Whole);
                let range = is_whole.then_some(start..decoded.room.len);
                decoded.ranges.push(range);
            }
            Some((codec, decoded, n_overflows))
        };
        // Whoever comes here for it meets the same, in its turn.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let mut line = self.lock();
        let mut state = BatchState::Left;
        if let Ok(Some((codec, decoded, n_overflows))) = done {
            line.n_overflows += n_overflows;
            line.codecs.push(codec);
            state = BatchState::Decoded(Arc::new(decoded));
        }
        // It is gone if its turn came and went.
        if let Some(batch) = line.batches.iter_mut().find(|b| b.offset == offset) {
            if let BatchState::Decoded(decoded) = &state {
                let n_bytes = batch.bytes.len() + decoded.room.bytes.len();
                batch.share.shrink_to(n_bytes as u64);
            }
            batch.state = state;
        }
        drop(line);
        self.decoded.notify_all();
        true
    }

    /// The unit at `offset` of the stored stream, whose turn it is, if it was decoded; `None`: decode it yourself. Waits for
    /// it, or helps with others, if somebody is about it.
    pub(super) fn ready(&self, offset: u64) -> Option<Ready> {
        let mut line = self.lock();
        while let Some(batch) = line.batches.front()
            && batch.offset + batch.bytes.len() as u64 <= offset
        {
            line.retire();
        }
        loop {
            let batch = line.batches.front_mut()?;
            let at = usize::try_from(offset.checked_sub(batch.offset)?).ok()?;
            let index = batch.units.binary_search_by_key(&at, |unit| unit.start);
            let index = index.ok()?;
            match &batch.state {
                BatchState::Left => return None,
                BatchState::Waiting => {
                    batch.state = BatchState::Left;
                    return None;
                }
                BatchState::Decoded(decoded) => {
                    return Some(Ready {
                        decoded: Arc::clone(decoded),
                        range: decoded.ranges.get(index)?.clone()?,
                        n_in: batch.units[index].len() as u64,
                    });
                }
                BatchState::Running => {}
            }
            drop(line);
            let has_helped = self.help();
            line = self.lock();
            let is_running = |line: &Line| {
                let front = line.batches.front();
                front.is_some_and(|batch| matches!(batch.state, BatchState::Running))
            };
            if !has_helped && is_running(&line) {
                let waited = self.decoded.wait_while(line, |line| is_running(line));
                line = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Puts a batch in line, if there is room for what it may become.
    fn offer(
        &self,
        container: Container,
        offset: u64,
        bytes: &Arc<Vec<u8>>,
        units: Extents,
    ) -> bool {
        let n_bytes = bytes.len() as u64 + units.decoded_len;
        let share = Share::of(&self.budget, n_bytes).or_else(|| {
            self.lock().spares.clear(); // they have shares, too
            Share::of(&self.budget, n_bytes)
        });
        let Some(share) = share else {
            return false;
        };
        self.lock().batches.push_back(Batch {
            container,
            offset,
            bytes: Arc::clone(bytes),
            units: units.ranges.into(),
            state: BatchState::Waiting,
            share,
        });
        true
    }

    /// Whether more should be read ahead.
    fn has_room(&self) -> bool {
        let mut line = self.lock();
        if self.budget.used.load(Relaxed) >= self.budget.max {
            line.spares.clear();
        }
        line.batches.len() < self.n_batches_max && self.budget.used.load(Relaxed) < self.budget.max
    }

    fn has_given_up(&self) -> bool {
        self.lock().n_overflows > OVERFLOWS_MAX
    }

    /// Between two changes the line is whole, so a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Takes the first batch out; its room is used again.
    fn retire(&mut self) {
        let Some(batch) = self.batches.pop_front() else {
            return;
        };
        if let BatchState::Decoded(decoded) = batch.state
            && let Ok(Decoded { mut room, .. }) = Arc::try_unwrap(decoded)
        {
            room.len = 0;
            self.spares.push((room, batch.share));
        }
    }
}

/// What decoding a unit came to.
enum Outcome {
    Whole,
    /// Damaged, or not what it said it was.
    Faulty,
    /// Larger than a unit may be that is read ahead.
    Overflow,
}

/// Bytes a room grows by.
const ROOM_LEN: usize = 256 << 10;

/// Decodes one whole unit into `room`, or leaves that as it was.
fn decode(codec: &mut dyn Codec, unit: &[u8], room: &mut Room) -> Outcome {
    let (start, mut at) = (room.len, 0);
    let head = &unit[..unit.len().min(codec.format().head_len)];
    if !matches!(codec.look(head), Look::Unit) || codec.begin(head).is_err() {
        return Outcome::Faulty;
    }
    loop {
        let n_needed = room.len + ROOM_LEN;
        if room.bytes.len() < n_needed {
            // Not by doubling: a room is large, and there are several.
            let n_more = (n_needed - room.bytes.len()).max(room.bytes.len() / 4);
            room.bytes.reserve_exact(n_more);
            room.bytes.resize(n_needed, 0);
        }
        let Progress { n_in, n_out, state } =
            codec.decode(&unit[at..], &mut room.bytes[room.len..]);
        (at, room.len) = (at + n_in, room.len + n_out);
        let outcome = match state {
            State::Done if at == unit.len() => return Outcome::Whole,
            State::More if (room.len - start) as u64 > UNIT_DECODED_MAX => Outcome::Overflow,
            State::More if n_in + n_out > 0 => continue,
            _ => Outcome::Faulty,
        };
        room.len = start;
        return outcome;
    }
}

/// A stored stream that is read ahead of who reads it, if its units say where they end; and if not, as it comes.
pub struct Reader<R> {
    inner: R,
    ahead: Arc<Ahead>,
    /// What was read and not yet taken, from `at` on in the first.
    pieces: VecDeque<Arc<Vec<u8>>>,
    at: usize,
    walk: Walking,
    /// The last piece can be decoded ahead. Else it is taken before more is read: it may be one of many.
    is_last_offered: bool,
    /// Offset of what comes next from `inner`.
    offset: u64,
    /// How `inner` ended.
    end: Option<io::Result<()>>,
}

/// Where the walk over a stream is.
enum Walking {
    /// Nothing was read.
    Before,
    Along(Box<Stretch>),
    /// It is lost, or there never was any.
    Over,
}

/// Bytes from the start of a batch on.
struct Stretch {
    container: Container,
    walk: Walk,
    bytes: Vec<u8>,
    /// How many of them the walk has seen.
    n_walked: usize,
    /// Where what is being walked over begins; `None`: before these bytes.
    start: Option<usize>,
    units: Extents,
}

/// Units in the bytes of a batch.
#[derive(Default)]
struct Extents {
    ranges: Vec<Range<usize>>,
    /// What they may come to.
    decoded_len: u64,
}

impl<R: Read> Reader<R> {
    pub fn new(inner: R, ahead: &Arc<Ahead>) -> Reader<R> {
        Reader {
            inner,
            ahead: Arc::clone(ahead),
            pieces: VecDeque::new(),
            at: 0,
            walk: Walking::Before,
            is_last_offered: false,
            offset: 0,
            end: None,
        }
    }

    /// Reads the next piece: a batch, or what comes.
    fn read_piece(&mut self) {
        match std::mem::replace(&mut self.walk, Walking::Over) {
            Walking::Before => {
                let mut bytes = Vec::new();
                self.read_more(&mut bytes);
                let container = container::recognise(&bytes);
                let walk = container.and_then(|it| Some((it, Walk::over(it)?)));
                let Some((container, walk)) = walk else {
                    return self.push(bytes);
                };
                self.walk = Walking::Along(Box::new(Stretch {
                    container,
                    walk,
                    bytes,
                    n_walked: 0,
                    start: Some(0),
                    units: Extents::default(),
                }));
            }
            Walking::Along(stretch) => self.gather(stretch),
            Walking::Over => {
                let mut bytes = Vec::new();
                self.read_more(&mut bytes);
                self.push(bytes);
            }
        }
    }

    /// Reads on until a batch is full.
    fn gather(&mut self, mut stretch: Box<Stretch>) {
        loop {
            if stretch.n_walked == stretch.bytes.len() {
                if self.end.is_some() {
                    return self.push_batch(*stretch);
                }
                self.read_more(&mut stretch.bytes);
                continue;
            }
            match stretch.step() {
                Walked::Lost => {
                    return self.push_batch(*stretch); // the walk is over
                }
                Walked::End(..) if stretch.n_walked >= BATCH_LEN => break,
                // A unit too long, of which a part is already out.
                Walked::More if stretch.start.is_none() => break,
                Walked::More if stretch.bytes.len() >= UNIT_LEN_MAX => break,
                Walked::End(..) | Walked::More => {}
            }
        }
        if self.ahead.has_given_up() {
            return self.push_batch(*stretch);
        }
        // What was walked over is a piece; the rest begins the next.
        let rest = stretch.bytes.split_off(stretch.n_walked);
        let is_whole = stretch.start == Some(stretch.n_walked);
        let Stretch {
            container, walk, ..
        } = *stretch;
        let (bytes, units) = (stretch.bytes, stretch.units);
        self.push_units(container, bytes, rest.len(), units);
        self.walk = Walking::Along(Box::new(Stretch {
            container,
            walk,
            bytes: rest,
            n_walked: 0,
            start: is_whole.then_some(0),
            units: Extents::default(),
        }));
    }

    /// The last batch.
    fn push_batch(&mut self, stretch: Stretch) {
        self.push_units(stretch.container, stretch.bytes, 0, stretch.units);
    }

    fn push_units(
        &mut self,
        container: Container,
        bytes: Vec<u8>,
        n_behind: usize,
        units: Extents,
    ) {
        let offset = self.offset - (n_behind + bytes.len()) as u64;
        let bytes = Arc::new(bytes);
        let has_units = !units.ranges.is_empty();
        self.is_last_offered = has_units && self.ahead.offer(container, offset, &bytes, units);
        if !bytes.is_empty() {
            self.pieces.push_back(bytes);
        }
    }

    fn push(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.pieces.push_back(Arc::new(bytes));
        }
    }

    /// Reads once, behind `bytes`, or notes the end.
    fn read_more(&mut self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        bytes.resize(len + READ_LEN, 0);
        let result = self.inner.read(&mut bytes[len..]);
        let n = *result.as_ref().unwrap_or(&0);
        bytes.truncate(len + n);
        self.offset += n as u64;
        match result {
            Ok(0) => self.end = Some(Ok(())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.end = Some(Err(error)),
        }
    }
}

impl Stretch {
    /// Walks on, to the next end or through all bytes.
    fn step(&mut self) -> Walked {
        let walked = self.walk.step(&self.bytes[self.n_walked..]);
        match walked {
            Walked::More => self.n_walked = self.bytes.len(),
            Walked::End(n, ending) => {
                self.n_walked += n;
                if let (Some(start), Ending::Unit(extent)) = (self.start, ending) {
                    self.units.add(start..self.n_walked, extent);
                }
                self.start = Some(self.n_walked);
            }
            Walked::Lost => {}
        }
        walked
    }
}

impl Extents {
    /// Adds one, unless it is too large.
    fn add(&mut self, range: Range<usize>, extent: Extent) {
        let guessed = range.len() as u64 * RATIO_GUESSED;
        let decoded_len = extent.decoded_len.unwrap_or(guessed);
        if decoded_len <= UNIT_DECODED_MAX && extent.window <= WINDOW_MAX {
            self.ranges.push(range);
            self.decoded_len += decoded_len;
        }
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let n = bytes.len().min(room.len());
        room[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        loop {
            let is_short = match self.walk {
                // Some is read ahead as soon as what comes next is asked for.
                Walking::Along(_) => {
                    self.pieces.is_empty() || self.is_last_offered && self.ahead.has_room()
                }
                Walking::Before | Walking::Over => self.pieces.is_empty(),
            };
            if !is_short || self.end.is_some() && !matches!(self.walk, Walking::Along(_)) {
                break;
            }
            self.read_piece();
        }
        if self.pieces.is_empty()
            && let Some(Err(_)) = &self.end
            && let Some(Err(error)) = self.end.replace(Ok(()))
        {
            return Err(error);
        }
        Ok(self.pieces.front().map_or(&[], |piece| &piece[self.at..]))
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
        if let Some(piece) = self.pieces.front()
            && self.at >= piece.len()
        {
            self.at = 0;
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decoded_is_at_hand_in_its_turn() {
        let texts: Vec<Vec<u8>> = (0..4).map(|n| vec![b'a' + n; 5]).collect();
        let frame = |text: &Vec<u8>| ::zstd::bulk::compress(text, 1).expect("memory");
        let frames: Vec<Vec<u8>> = texts.iter().map(frame).collect();
        let stored = frames.concat();
        let limits = Limits::default();
        let budget = Arc::new(Budget::new(1 << 20));
        let ahead = Ahead::new(1, &limits, &budget);
        let mut reader = Reader::new(&stored[..], &ahead);
        assert!(!ahead.help());
        assert_eq!(reader.fill_buf().expect("memory"), stored);
        assert!(ahead.help() && !ahead.help());
        let mut offset = 0;
        for (text, frame) in texts.iter().zip(&frames) {
            assert!(ahead.ready(offset + 1).is_none());
            let mut ready = ahead.ready(offset).expect("decoded");
            let mut out = [0; 9];
            assert_eq!((ready.len(), ready.n_in), (5, frame.len() as u64));
            assert_eq!(ready.take(&mut out[..2]) + ready.take(&mut out[2..]), 5);
            assert_eq!(out[..5], text[..]);
            offset += ready.n_in;
        }
        assert!(ahead.ready(offset).is_none());
        drop((reader, ahead));
        assert_eq!(budget.used.load(Relaxed), 0);
    }

    #[test]
    fn whoever_comes_first_decodes() {
        let frame = ::zstd::bulk::compress(b"text", 1).expect("memory");
        let budget = Arc::new(Budget::new(1 << 20));
        let ahead = Ahead::new(1, &Limits::default(), &budget);
        let mut reader = Reader::new(&frame[..], &ahead);
        assert_eq!(reader.fill_buf().expect("memory"), frame);
        assert!(ahead.ready(0).is_none() && !ahead.help());
    }
}
