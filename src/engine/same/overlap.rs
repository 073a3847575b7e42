//! Overlaps that begin later in one than in the other: what was taken out of one log twice (`tail`, `--since`, a copy before a
//! rotation and one after it), so that the end of the one is the beginning of the next.
//!
//! They are looked for when all is counted, among logs that tell of the same time, and where the first line of the one must stand
//! in the other by its time. That is quick in a plain file. What is packed must be unpacked once more for it: in one rotated set,
//! whose logs tell of the same time only if they overlap, whatever it takes; else as far as [`OVERLAP_BYTES_MAX`] goes. Where
//! anything is found, all is counted again. What comes from a pipe is only said to tell of the same time.
//!
//! Two machines may write the same lines in the same seconds, and one log may hold a line twice in one second. So what two have in
//! common must be the end of one of them, or long, and tell of more than one second: a log that goes on with another does not go
//! back in time. Where the names do not say that both are of one rotated set, it must name a client with its connection, or hold
//! lines that differ in more than digits ([`SHAPES_MIN`]), which health checks do not.

use super::{
    Elder, HEAD_LEN, common_len,
    content::{OpenArchives, Source, Watched, fill, first_bytes},
    head::{Form, Prefixes, first_line_of, first_time, last_time, line_hash},
    is_of_one_set,
};
use crate::{
    aggregate::{Ledger, SourceKey},
    engine::{EngineConfig, Scanned, SourceState},
    event::LocalTime,
    input::{Kind, opening::open_quietly, stream::BLOCK_LEN, unpack::Problem},
    parse::record,
};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{Cursor, Read, Seek, SeekFrom},
};

/// Elders that hold the beginning of another, and at which offset, by that other.
pub(super) type Overlaps = HashMap<SourceKey, Vec<(Elder, u64)>>;

/// What was found.
#[derive(Default)]
pub(in crate::engine) struct Found {
    pub(super) overlaps: Overlaps,
    /// Streams that end inside of a record that others hold whole.
    pub(super) cut: HashSet<SourceKey>,
    /// Streams that begin with so many lines of an elder, and then differ.
    alike: Vec<(SourceKey, (SourceKey, u64))>,
    /// Streams that may count twice, and why nobody looked.
    left: HashMap<SourceKey, &'static str>,
}

/// Pairs of logs that may overlap, by their times, and are looked at: each takes about a millisecond.
pub const OVERLAP_PAIRS_MAX: usize = 1024;

/// Bytes that are unpacked once more to look for overlaps between logs that are not of one rotated set: half a second.
pub const OVERLAP_BYTES_MAX: u64 = 256 << 20;

/// Lines that differ in more than digits.
const SHAPES_MIN: usize = 8;

/// Seconds that lines stand out of their order.
const DISORDER_S: i64 = 2;

/// Seconds that logs share where they only meet.
const EDGE_S: i64 = 60;

/// Places in one log where another may begin, by its first line, that are tried.
const PLACES_MAX: usize = 4096;

impl Found {
    /// Adds the elders that others complete: these hold all of them.
    fn add_cut(&mut self, scanned: &Scanned) {
        let keeps = |state: &SourceState| scanned.beginnings.keeps(&state.machine);
        for whole in &scanned.sources {
            let Some(elder) = whole.completes else {
                continue;
            };
            let mut sources = scanned.sources.iter();
            let cut = sources.find(|state| state.key == elder);
            if cut.is_some_and(|cut| keeps(whole) || !keeps(cut)) {
                self.cut.insert(elder);
                let elders = self.overlaps.entry(elder).or_default();
                elders.push((elder_of(whole, scanned), 0));
            }
        }
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.overlaps.is_empty()
    }

    /// Says what counts twice, or may.
    pub(in crate::engine) fn note(&self, sources: &mut [SourceState]) {
        for state in sources {
            let alike = self.alike.iter().find(|(key, _)| *key == state.key);
            if let Some((_, alike)) = alike.filter(|_| state.same_as.is_none()) {
                state.begins_like = state.begins_like.or(Some(*alike));
            }
            let left = self.left.get(&state.key).copied();
            state.uncompared = state.uncompared.or(left);
        }
    }

    /// What was found stays counted twice, since not all can be read again.
    pub(in crate::engine) fn give_up(&mut self) {
        let why = "it begins inside another, and what came from a pipe cannot be counted again";
        self.overlaps.retain(|key, _| !self.cut.contains(key)); // those that complete them say it
        let keys = self.overlaps.drain().map(|(key, _)| (key, why));
        self.left.extend(keys);
    }
}

/// A log and the time it tells of.
struct Log<'a> {
    state: &'a SourceState,
    elder: Elder,
    form: Form,
    /// Bytes to unpack until all of it was read, in an archive until that is over.
    n_unpacked: u64,
    first: i64,
    last: i64,
}

impl Log<'_> {
    fn of<'a>(
        state: &'a SourceState,
        ledger: &Ledger,
        scanned: &Scanned,
        n_unpacked: &[u64],
    ) -> Option<Log<'a>> {
        let local = |time: Option<LocalTime>| time.map(|time| time.0);
        let (first, last) = match state.kind {
            Kind::NginxError => (local(ledger.first_time), local(ledger.last_time)),
            Kind::NginxAccess => (
                ledger.first_request.map(|time| time.0),
                ledger.last_request.map(|time| time.0),
            ),
            _ => return None,
        };
        Some(Log {
            state,
            elder: elder_of(state, scanned),
            form: scanned.beginnings.form(state.key),
            n_unpacked: n_unpacked[state.key.stored()],
            first: first?,
            last: last?,
        })
    }
}

fn elder_of(state: &SourceState, scanned: &Scanned) -> Elder {
    let is_member = scanned.beginnings.form(state.key) == Form::Archive;
    let (stored, member) = (state.key.stored() as u32, state.key.member());
    let member = is_member.then_some(member);
    Elder::new(stored, member, &state.name, Prefixes::default())
}

/// Looks for the beginnings of all logs in others.
pub(in crate::engine) fn find(scanned: &Scanned, config: &EngineConfig) -> Found {
    let mut found = Found::default();
    found.add_cut(scanned);
    let mut n_unpacked = vec![0; scanned.found.len()];
    for state in &scanned.sources {
        n_unpacked[state.key.stored()] += state.decoded_bytes;
    }
    let logs: Vec<Log<'_>> = scanned
        .sources
        .iter()
        .zip(&scanned.ledgers)
        .filter_map(|(state, ledger)| Log::of(state, ledger, scanned, &n_unpacked))
        .collect();
    let (mut n_pairs, mut n_bytes) = (0, 0);
    for younger in &logs {
        let mut head = None;
        if younger.form == Form::Pipe {
            let is_pipe = |elder: &Log<'_>| elder.form == Form::Pipe;
            let mut elders = logs
                .iter()
                .filter(|elder| !is_pipe(elder) || elder.state.key < younger.state.key)
                .filter(|elder| elder.is_at_time_of(younger));
            if elders.any(|elder| may_share(elder, younger, scanned)) {
                let why = "it came from a pipe and cannot be read again";
                found.left.insert(younger.state.key, why);
            }
            continue;
        }
        for elder in logs
            .iter()
            .filter(|elder| may_hold(elder, younger, scanned))
        {
            let n_needed = elder.n_to_unpack(younger);
            if n_bytes + n_needed > OVERLAP_BYTES_MAX {
                let why = "logs of the same time are packed, and too long to be unpacked once more for it";
                found.left.insert(younger.state.key, why);
                continue;
            }
            n_pairs += 1;
            if n_pairs > OVERLAP_PAIRS_MAX {
                let why = "too many logs tell of the same time";
                found.left.insert(younger.state.key, why);
                break;
            }
            n_bytes += n_needed;
            let head = head.get_or_insert_with(|| younger.head(scanned, config));
            if head.is_empty() {
                let why = "it could not be read once more";
                found.left.insert(younger.state.key, why);
                break;
            }
            if elder.ends_before(younger, scanned, config) {
                continue;
            }
            let Some((offset, common, is_end)) = elder.place_of(head, scanned, config) else {
                continue;
            };
            let common = &head[..common];
            if !is_proof(common, elder, younger) {
                continue;
            }
            if is_end {
                let elders = found.overlaps.entry(younger.state.key).or_default();
                elders.push((elder.elder.clone(), offset));
            } else {
                let n_lines = memchr::memchr_iter(b'\n', common).count() as u64;
                found
                    .alike
                    .push((younger.state.key, (elder.state.key, n_lines)));
            }
        }
    }
    found
}

/// Whether one may hold lines of the other.
fn may_share(elder: &Log<'_>, younger: &Log<'_>, scanned: &Scanned) -> bool {
    let keeps = |log: &Log<'_>| scanned.beginnings.keeps(&log.state.machine);
    elder.state.key != younger.state.key
        && elder.state.counts_like(younger.state)
        && elder.elder.may_be_of_machine(&younger.elder.machine)
        && (keeps(elder) || !keeps(younger))
}

/// Whether one may hold the beginning of the other, and can be read again.
fn may_hold(elder: &Log<'_>, younger: &Log<'_>, scanned: &Scanned) -> bool {
    elder.form != Form::Pipe
        && elder.last > younger.first
        && younger.last >= elder.first
        && may_share(elder, younger, scanned)
}

/// Whether no two logs begin and end with so much of the same.
fn is_proof(common: &[u8], elder: &Log<'_>, younger: &Log<'_>) -> bool {
    let names_connection = younger.state.kind == Kind::NginxError && record::has_tail(common);
    first_time(common) < last_time(common)
        && (names_connection || is_of_one_set(&elder.elder, younger.state) || has_shapes(common))
}

/// Whether [`SHAPES_MIN`] lines differ in more than digits.
fn has_shapes(text: &[u8]) -> bool {
    let mut shapes = HashSet::new();
    text.split(|&b| b == b'\n').any(|line| {
        let shape = line.iter().filter(|b| !b.is_ascii_digit()).copied();
        shapes.insert(shape.collect::<Vec<u8>>());
        shapes.len() >= SHAPES_MIN
    })
}

impl Log<'_> {
    /// Not only where the one ends and the other begins.
    fn is_at_time_of(&self, other: &Log<'_>) -> bool {
        let is_same = (self.first, self.last) == (other.first, other.last);
        is_same || self.last > other.first && other.last > self.first
    }

    /// Bytes to be unpacked to look here for another that is not of one rotated set with it.
    fn n_to_unpack(&self, other: &Log<'_>) -> u64 {
        if is_of_one_set(&self.elder, other.state) {
            return 0;
        }
        let of = |log: &Log<'_>, is_unpacked| if is_unpacked { log.n_unpacked } else { 0 };
        of(self, self.form != Form::Plain) + of(other, other.form == Form::Archive)
    }

    /// Whether it is packed, and its last line is not at the beginning of another that goes on behind it: so they meet where a log is
    /// rotated, and its lines are a little out of order. To see that, it need not be unpacked once more.
    fn ends_before(&self, other: &Log<'_>, scanned: &Scanned, config: &EngineConfig) -> bool {
        let Some(last) = self.state.last_line.filter(|_| self.form != Form::Plain) else {
            return false;
        };
        let is_whole = !self.state.troubles.iter().any(Problem::is_damage);
        if !is_whole || self.last - other.first > EDGE_S || other.last <= self.last {
            return false;
        }
        let archives = &mut OpenArchives::default();
        let Some(mut source) = other.elder.open(&scanned.found, &config.limits, archives) else {
            return false;
        };
        let (mut room, mut len) = (vec![0; 4 * HEAD_LEN], 0);
        loop {
            len += fill(&mut source, &mut room[len..]);
            let is_end = len < room.len();
            let end = memchr::memrchr(b'\n', &room[..len]).map_or(len, |end| end + 1);
            let text = &room[..end];
            if text
                .split(|&b| b == b'\n')
                .any(|line| line_hash(line) == last)
            {
                return false;
            }
            let is_past = last_time(text).is_some_and(|time| time.0 > self.last + DISORDER_S);
            if is_past || is_end {
                return !source.has_failed() && !source.is_damaged();
            }
            room.copy_within(end..len, 0);
            len -= end;
        }
    }

    /// Its first bytes.
    fn head(&self, scanned: &Scanned, config: &EngineConfig) -> Vec<u8> {
        let archives = &mut OpenArchives::default();
        let source = self.elder.open(&scanned.found, &config.limits, archives);
        source.map_or_else(Vec::new, |mut source| first_bytes(&mut source, HEAD_LEN))
    }

    /// Where `head`, the first bytes of another, stands, how much of it, and whether one of both ends there, or all of `head` is there.
    fn place_of(
        &self,
        head: &[u8],
        scanned: &Scanned,
        config: &EngineConfig,
    ) -> Option<(u64, usize, bool)> {
        let time = first_time(head)?;
        if self.form == Form::Plain {
            let path = scanned.found[self.state.key.stored()].place.path();
            let mut file = open_quietly(path).ok()?;
            let start = start_near(&mut file, time)?;
            file.seek(SeekFrom::Start(start)).ok()?;
            let file = Cursor::new(Vec::new()).chain(Watched::new(Box::new(file)));
            return place_in(Source::Plain(file), start, head, time);
        }
        let archives = &mut OpenArchives::default();
        let source = self.elder.open(&scanned.found, &config.limits, archives)?;
        place_in(source, 0, head, time)
    }
}

/// An offset before which a file tells of earlier times.
fn start_near(file: &mut File, time: LocalTime) -> Option<u64> {
    let (mut start, mut end) = (0, file.metadata().ok()?.len());
    let mut room = vec![0; HEAD_LEN];
    while end - start > BLOCK_LEN as u64 {
        let middle = start + (end - start) / 2;
        file.seek(SeekFrom::Start(middle)).ok()?;
        let len = fill(file, &mut room);
        let line = memchr::memchr(b'\n', &room[..len]).map_or(len, |end| end + 1);
        match first_time(&room[line..len]) {
            Some(here) if here.0 < time.0 - DISORDER_S => start = middle,
            _ => end = middle,
        }
    }
    Some(start)
}

fn place_in(
    mut source: Source,
    start: u64,
    head: &[u8],
    time: LocalTime,
) -> Option<(u64, usize, bool)> {
    let finder = memchr::memmem::Finder::new(first_line_of(head));
    let mut room = vec![0; BLOCK_LEN + HEAD_LEN];
    let (mut offset, mut len, mut n_places) = (start, 0, 0);
    let mut best: Option<(u64, usize, bool)> = None;
    loop {
        len += fill(&mut source, &mut room[len..]);
        let is_end = len < room.len();
        let text = &room[..len];
        let n_known = if is_end { len } else { BLOCK_LEN };
        for at in finder.find_iter(text).take_while(|&at| at < n_known) {
            n_places += 1;
            // What begins alike is compared from the first byte on anyhow.
            if offset + at as u64 == 0 {
                continue;
            }
            let common = common_len(head, &text[at..]);
            let has_ended = || is_end && at + common == len && !source.is_damaged();
            if common == head.len() || has_ended() {
                return Some((offset + at as u64, common, true));
            }
            if best.is_none_or(|(_, most, _)| most < common) {
                best = Some((offset + at as u64, common, false));
            }
        }
        let is_past = last_time(text).is_some_and(|last| last.0 > time.0 + DISORDER_S);
        if is_end || is_past || n_places > PLACES_MAX {
            return best;
        }
        room.copy_within(n_known..len, 0);
        offset += n_known as u64;
        len -= n_known;
    }
}
