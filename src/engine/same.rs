//! The same content twice: `error.log.1` and `error.log.1.gz`, a copy beside its original, an archive of what lies loose, a log
//! that `copytruncate` copied and did not cut.
//!
//! Every stream but the first of those that begin alike is compared with its elders byte for byte as it is read, and counts from
//! where it parts from the last of them. Elder are plain files, then compressed ones, each in their order, then the members of
//! archives. So every byte is counted once, however much of it two have in common, and nothing is believed but the bytes.
//!
//! How members begin is known only once their archives were unpacked: where there are several of these, they are unpacked once
//! more beforehand, on all threads. What one archive holds is compared as it comes, and unpacked once more only up to those that
//! begin alike.
//!
//! An elder is one that is counted itself: its content is read as a log, and of the same kind. Where a filter asks for machines,
//! those streams that it keeps by their path are elder to all others.
//!
//! Machines that start at the same second write the same first lines: what two have in common counts as the same only if one
//! of them goes no further, or it is long ([`SAME_LEN_MIN`]), and if it holds a client, whose connection number has no twin. Without
//! a client they must be the same to their end, and either of one machine or one rotated set, or tell of more than one second.

use super::{
    EngineConfig, SourceState,
    crew::Crew,
    job::behind_nuls,
    panic,
    source::{machine_of, push_members},
    told,
};
use crate::{
    aggregate::SourceKey,
    event::LocalTime,
    filter::Filter,
    input::{
        Content, Found, Kind, Mmap, Place, Stored, Unpacker,
        kind::SAMPLE_LEN,
        stream::BLOCK_LEN,
        unpack::{Item, Limits, container},
    },
    parse::{
        HeadParser,
        access::TimeReader,
        record,
        wrapper::{self, Scratch},
    },
    progress::Progress,
};
use foldhash::fast::FixedState;
use std::{
    collections::HashMap,
    hash::BuildHasher,
    io::{BufReader, Cursor, Read},
    path::Path,
    sync::Arc,
};

/// Common bytes of two streams that both go on that are no chance.
const SAME_LEN_MIN: usize = 64 << 10;

/// Bytes of a stream that are looked at beforehand.
const HEAD_LEN: usize = 64 << 10;

/// Streams by the hash of their first line.
pub(super) type ByLine = HashMap<u64, Vec<Elder>>;

/// The beginnings of all files and members, known before any is read.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Files by the hash of their first line, in their order, then members.
    by_line: ByLine,
    /// Of each file whether it is plain: however it is read, this decides which of two is the elder.
    are_plain: Vec<bool>,
    /// What is asked for.
    filter: Filter,
}

/// A file, or a member of an archive, that others may begin like.
#[derive(Clone, Debug)]
pub(super) struct Elder {
    stored: u32,
    /// Its number in an archive.
    member: Option<u32>,
    name: Vec<u8>,
    /// The machine its path names.
    machine: Option<Arc<str>>,
    prefixes: Prefixes,
}

/// Hashes of the first bytes, as many as [`PREFIX_LENS`] says, where there are so many: two that both go on there and differ are
/// not the same, and need not be read to see that. Many logs of containers begin with one line.
type Prefixes = [Option<u64>; PREFIX_LENS.len()];

/// The longest is one that is looked at beforehand, and not longer than what is [no chance](SAME_LEN_MIN).
const PREFIX_LENS: [usize; 4] = [512, 4 << 10, 16 << 10, HEAD_LEN];
const _: () = assert!(HEAD_LEN <= SAME_LEN_MIN);

fn prefixes(bytes: &[u8]) -> Prefixes {
    let hash = |bytes: &[u8]| FixedState::default().hash_one(bytes);
    PREFIX_LENS.map(|len| bytes.get(..len).map(hash))
}

/// What comes before any reading: the order of files, and their beginnings.
pub(super) fn prepare<S: Send>(
    found: &[Found],
    config: &EngineConfig,
    crew: &mut Crew<S>,
    progress: &Progress,
) -> (Vec<Found>, Beginnings) {
    let limits = &config.limits;
    let mut heads: Vec<(Found, Head)> = found
        .iter()
        .map(|found| (found.clone(), Head::of(found, limits)))
        .collect();
    heads.sort_by_cached_key(|(found, head)| {
        let (set, _) = rotation_set(&found.name.to_string_lossy());
        (
            found.place == Place::Stdin,
            set,
            head.time,
            found.name.clone(),
        )
    });
    let mut beginnings = Beginnings {
        by_line: HashMap::new(),
        are_plain: heads.iter().map(|(_, head)| head.is_plain).collect(),
        filter: config.filter.clone(),
    };
    for ((found, head), stored) in heads.iter().zip(0..) {
        if let Some(line) = head.line {
            let name = found.name.as_os_str().as_encoded_bytes();
            let elder = Elder::new(stored, None, name, head.prefixes);
            beginnings.by_line.entry(line).or_default().push(elder);
        }
    }
    let archives: Vec<(u32, &Found)> = heads
        .iter()
        .zip(0..)
        .filter(|((_, head), _)| head.is_archive)
        .map(|((found, _), stored)| (stored, found))
        .collect();
    beginnings.add_members(&archives, limits, crew, progress);
    let found = heads.into_iter().map(|(found, _)| found).collect();
    (found, beginnings)
}

impl Beginnings {
    /// Adds the members of archives, if there are several to compare.
    fn add_members<S: Send>(
        &mut self,
        archives: &[(u32, &Found)],
        limits: &Limits,
        crew: &mut Crew<S>,
        progress: &Progress,
    ) {
        if archives.len() < 2 {
            return;
        }
        let size = |found: &Found| found.place.path().metadata().map_or(0, |meta| meta.len());
        let sizes: u64 = archives.iter().map(|(_, found)| size(found)).sum();
        progress.expect(0, sizes);
        let members = crew.map(archives, |_, &(stored, found)| {
            // A panic comes again when the archive is read, and is told then.
            let members = panic::catch(|| members(stored, found, limits));
            progress.read(size(found));
            members.unwrap_or_default()
        });
        for (line, elder) in members.into_iter().flatten() {
            self.by_line.entry(line).or_default().push(elder);
        }
    }
}

/// The members of an archive with the hashes of their first lines.
fn members(stored: u32, found: &Found, limits: &Limits) -> Vec<(u64, Elder)> {
    let mut members = Vec::new();
    let Place::File(path) = &found.place else {
        return members;
    };
    let Some(mut unpacker) = unpacker(path, limits) else {
        return members;
    };
    let (mut room, mut head) = (vec![0; HEAD_LEN], vec![0; HEAD_LEN]);
    let (mut name, mut n_members) = (Vec::new(), 0);
    let (mut len, mut is_head) = (0, false);
    loop {
        let is_wanted = is_head && len < HEAD_LEN;
        let next = unpacker.next(if is_wanted {
            &mut head[len..]
        } else {
            &mut room
        });
        match next {
            Item::Member(member) => {
                name = found.name.as_os_str().as_encoded_bytes().to_vec();
                push_members(&mut name, &member.path);
                n_members += 1;
                (len, is_head) = (0, true);
            }
            Item::Bytes(n) if is_wanted => len += n,
            Item::Seam => is_head = false,
            Item::EndOfMember(_) => {
                let elder = Elder::new(stored, Some(n_members - 1), &name, prefixes(&head[..len]));
                members.extend(first_line(&head[..len]).map(|line| (line, elder)));
            }
            Item::Bytes(_) | Item::Problem(_) => {}
            Item::End => return members,
        }
    }
}

/// The name of a file without what rotation put behind it, and the number or date that was: `error.log` and `2` of
/// `error.log.2.gz`, `error.log` and `20261120` of `error.log-20261120`.
pub fn rotation_set(name: &str) -> (String, Option<u64>) {
    let packed = [".gz", ".bz2", ".xz", ".zst", ".lz4"];
    let bare = packed
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    let digits = bare.len() - bare.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = bare.split_at(bare.len() - digits);
    match (stem.strip_suffix(['.', '-']), number.parse()) {
        (Some(stem), Ok(number)) if !stem.is_empty() => (stem.to_owned(), Some(number)),
        _ => (bare.to_owned(), None),
    }
}

/// The first bytes of a file.
#[derive(Debug, Default)]
struct Head {
    /// Hash of its first line; `None` for archives, pipes, and what cannot be read.
    line: Option<u64>,
    prefixes: Prefixes,
    is_plain: bool,
    is_archive: bool,
    /// Of its first record.
    time: Option<LocalTime>,
}

impl Head {
    fn of(found: &Found, limits: &Limits) -> Head {
        let Place::File(path) = &found.place else {
            return Head::default();
        };
        let mut source = match open(path, limits) {
            Some(Opened::File(source)) => source,
            Some(Opened::Archive) => {
                return Head {
                    is_archive: true,
                    ..Head::default()
                };
            }
            None => return Head::default(),
        };
        let mut bytes = vec![0; HEAD_LEN];
        let len = fill(&mut source, &mut bytes);
        bytes.truncate(len);
        Head {
            line: first_line(&bytes),
            prefixes: prefixes(&bytes),
            is_plain: matches!(source, Source::Plain(_)),
            is_archive: false,
            time: first_time(&bytes),
        }
    }
}

fn first_line(bytes: &[u8]) -> Option<u64> {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    (end > 0).then(|| FixedState::default().hash_one(&bytes[..end.min(HEAD_LEN)]))
}

/// The time of the first record in `bytes`, whatever is wrapped around it: good enough to put files in order.
fn first_time(bytes: &[u8]) -> Option<LocalTime> {
    time_in(bytes, bytes.split(|&b| b == b'\n'))
}

fn last_time(bytes: &[u8]) -> Option<LocalTime> {
    time_in(bytes, bytes.rsplit(|&b| b == b'\n'))
}

/// The first time that any of `lines` tells, which are of `bytes`.
fn time_in<'a>(bytes: &[u8], mut lines: impl Iterator<Item = &'a [u8]>) -> Option<LocalTime> {
    let chain = told::chain_of(bytes);
    let (mut heads, mut scratch) = (HeadParser::default(), Scratch::default());
    lines.find_map(|line| {
        let text = wrapper::strip(&chain, line, &mut scratch).text;
        match heads.parse(text) {
            Ok(head) => head.time,
            Err(_) => access_time(text),
        }
    })
}

/// The first thing in an access line that looks like its time.
fn access_time(line: &[u8]) -> Option<LocalTime> {
    let mut times = TimeReader::default();
    let starts = memchr::memchr2_iter(b'[', b'"', line).map(|at| at + 1);
    let time = std::iter::once(0).chain(starts).find_map(|at| {
        let rest = &line[at..];
        let len = rest.iter().take_while(|b| !b"]\",".contains(b)).count();
        times.read(&rest[..len])
    })?;
    Some(LocalTime(time.instant.second.0))
}

/// What a path is found to be.
enum Opened {
    /// A file that is no archive.
    File(Source),
    Archive,
}

/// The stored bytes of a file.
fn stored_bytes(path: &Path) -> Option<Box<dyn Read + Send>> {
    let mut stored = Stored::open(path, Mmap::Never).ok()?;
    let empty = Content::Stream(Box::new(std::io::empty()));
    match std::mem::replace(&mut stored.content, empty) {
        Content::Stream(reader) => Some(reader),
        Content::Mapped(_) => None, // never asked for
    }
}

fn unpacker(path: &Path, limits: &Limits) -> Option<Unpacker> {
    let reader = BufReader::new(stored_bytes(path)?);
    Some(Unpacker::new(Box::new(reader), limits.clone()))
}

fn open(path: &Path, limits: &Limits) -> Option<Opened> {
    let mut reader = stored_bytes(path)?;
    let mut head = vec![0; 512];
    let len = fill(&mut reader, &mut head);
    head.truncate(len);
    let is_plain = container::recognise(&head).is_none();
    let whole = Cursor::new(head).chain(reader);
    if is_plain {
        return Some(Opened::File(Source::Plain(Box::new(whole))));
    }
    let mut unpacker = Unpacker::new(Box::new(BufReader::new(whole)), limits.clone());
    match unpacker.next(&mut [0; 1]) {
        Item::Member(member) if member.path.is_empty() => {
            let unpacked = Unpacked {
                unpacker,
                stored: 0,
                n_members: 1,
                has_ended: false,
                is_damaged: false,
            };
            Some(Opened::File(Source::Packed(Box::new(unpacked))))
        }
        Item::Member(_) => Some(Opened::Archive),
        _ => None,
    }
}

/// The bytes of the member of a stored stream that is open, up to its end or to damage.
pub(super) struct Unpacked {
    unpacker: Unpacker,
    /// Number of the file.
    stored: u32,
    /// Members so far, that one included.
    n_members: u32,
    has_ended: bool,
    /// It ended where something of it is missing.
    is_damaged: bool,
}

impl Unpacked {
    /// Goes on to the member number `member`; false if there is none.
    fn advance(&mut self, member: u32) -> bool {
        (self.has_ended, self.is_damaged) = (false, false);
        let mut room = vec![0; HEAD_LEN];
        while self.n_members <= member {
            match self.unpacker.next(&mut room) {
                Item::Member(_) => self.n_members += 1,
                Item::End => return false,
                _ => {}
            }
        }
        true
    }
}

impl Read for Unpacked {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        while !room.is_empty() && !self.has_ended {
            match self.unpacker.next(room) {
                Item::Bytes(n) => return Ok(n),
                // What is missing behind damage is not known.
                Item::Problem(problem) => self.is_damaged |= problem.is_damage(),
                Item::Seam => (self.has_ended, self.is_damaged) = (true, true),
                Item::Member(_) | Item::EndOfMember(_) | Item::End => self.has_ended = true,
            }
        }
        Ok(0)
    }
}

/// The bytes of an elder stream.
enum Source {
    Plain(Box<dyn Read + Send>),
    Packed(Box<Unpacked>),
    Member(Box<Unpacked>),
}

impl Source {
    fn is_damaged(&self) -> bool {
        match self {
            Source::Plain(_) => false,
            Source::Packed(unpacked) | Source::Member(unpacked) => unpacked.is_damaged,
        }
    }
}

impl Read for Source {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Source::Plain(reader) => reader.read(room),
            Source::Packed(unpacked) | Source::Member(unpacked) => unpacked.read(room),
        }
    }
}

/// Archives whose members were compared with: the next is likely to be one of those that follow.
#[derive(Default)]
pub(super) struct OpenArchives(Vec<Unpacked>);

impl OpenArchives {
    /// One that has not come to a member of the file number `stored` yet.
    fn take(&mut self, stored: u32, member: u32) -> Option<Box<Unpacked>> {
        let is_before = |open: &Unpacked| open.stored == stored && open.n_members <= member;
        let index = self.0.iter().position(is_before)?;
        Some(Box::new(self.0.remove(index)))
    }

    fn give_back(&mut self, source: Source) {
        if let Source::Member(unpacked) = source {
            self.0.retain(|open| open.stored != unpacked.stored);
            self.0.push(*unpacked);
            let n_many = self.0.len().saturating_sub(ELDERS_MAX);
            self.0.drain(..n_many);
        }
    }
}

fn are_same(mut a: Source, mut b: Source) -> bool {
    let (mut room_a, mut room_b) = (vec![0; HEAD_LEN], vec![0; HEAD_LEN]);
    loop {
        let (len_a, len_b) = (fill(&mut a, &mut room_a), fill(&mut b, &mut room_b));
        if room_a[..len_a] != room_b[..len_b] {
            return false;
        }
        if len_a < HEAD_LEN {
            return !a.is_damaged() && !b.is_damaged();
        }
    }
}

/// Reads until `room` is full or nothing comes.
fn fill(reader: &mut impl Read, room: &mut [u8]) -> usize {
    let mut len = 0;
    while len < room.len() {
        match reader.read(&mut room[len..]) {
            Ok(0) | Err(_) => break,
            Ok(n) => len += n,
        }
    }
    len
}

/// The elder streams that another is compared with: of those that it has all its first bytes in common with so far, any may be
/// the one that goes on as it does. At least one.
pub(super) struct Twin {
    /// The elder that had most in common in what was compared last.
    pub(super) elder: SourceKey,
    /// The stream goes on behind what is common, and so does that elder, or it is damaged there.
    pub(super) is_apart: bool,
    elders: Vec<OpenElder>,
    room: Vec<u8>,
}

/// Elders that a stream is compared with at a time: each is read once more for it. Of more, those in the middle of the order are
/// passed over, since of copies of one growing log the longest is the first or the last.
const ELDERS_MAX: usize = 8;

struct OpenElder {
    key: SourceKey,
    /// Its first bytes, which were read to find it, and the rest.
    reader: std::io::Chain<Cursor<Vec<u8>>, Source>,
    /// It is over, and was read without damage.
    has_ended: bool,
}

/// A stream that may have an elder.
pub(super) struct Stream<'a> {
    pub(super) state: &'a SourceState,
    /// The members before it, if it is part of an archive.
    pub(super) siblings: Option<&'a ByLine>,
    /// Its first bytes.
    pub(super) sample: &'a [u8],
}

impl Stream<'_> {
    /// Only records that name a client tell one log from another: each line of an access log does.
    fn needs_client(&self) -> bool {
        self.state.kind == Kind::NginxError
    }

    /// Whether nothing says that another is of another machine.
    fn may_be_of_machine_of(&self, elder: &Elder) -> bool {
        let (machine, other) = (&self.state.machine, &elder.machine);
        machine.is_none() || other.is_none() || machine == other
    }
}

impl Beginnings {
    /// Whether a filter keeps what lies at a machine.
    pub(super) fn keeps(&self, machine: Option<&str>) -> bool {
        self.filter.is_on_host(machine.map(str::as_bytes))
    }

    /// The smaller is the elder. What a filter keeps must not be left to what it drops.
    fn rank(&self, is_member: bool, key: SourceKey, machine: Option<&str>) -> impl Ord + use<> {
        let is_plain = self.are_plain.get(key.stored()) == Some(&true);
        (!self.keeps(machine), is_member, !is_plain, key)
    }

    fn is_elder(&self, elder: &Elder, stream: &Stream<'_>) -> bool {
        let (key, is_member) = (elder.key(), elder.member.is_some());
        let state = stream.state;
        stream.may_be_of_machine_of(elder)
            && self.rank(is_member, key, elder.machine.as_deref())
                < self.rank(
                    stream.siblings.is_some(),
                    state.key,
                    state.machine.as_deref(),
                )
    }

    /// The elders that a stream is the same as so far; `archives` that are open are used if they can be. In `begins_like` comes one
    /// that has lines in common with it, and how many, but too few to be sure.
    pub(super) fn twin<'e>(
        &'e self,
        found: &[Found],
        stream: &Stream<'e>,
        config: &EngineConfig,
        archives: &mut OpenArchives,
        begins_like: &mut Option<(SourceKey, u64)>,
    ) -> Option<Twin> {
        if self.are_plain.is_empty() {
            return None; // nothing is counted
        }
        let sample = stream.sample;
        let line = first_line(sample)?;
        let of = |by_line: &'e ByLine| by_line.get(&line).into_iter().flatten();
        // Those of the same archive are known as they come, whether or not it was unpacked beforehand.
        let is_other = |elder: &&Elder| elder.stored as usize != stream.state.key.stored();
        let elders = of(&self.by_line).filter(is_other);
        let elders = elders.chain(stream.siblings.into_iter().flat_map(of));
        let prefixes = prefixes(sample);
        let is_elder =
            |elder: &&Elder| elder.may_begin_like(&prefixes) && self.is_elder(elder, stream);
        let (mut alike, mut common_max) = (Vec::new(), 0);
        for elder in elders.filter(is_elder) {
            let Some(mut source) = elder.open(found, &config.limits, archives) else {
                continue;
            };
            let mut bytes = vec![0; sample.len().max(SAMPLE_LEN)];
            let len = fill(&mut source, &mut bytes);
            bytes.truncate(len);
            let common = common_len(sample, &bytes);
            let goes_no_further = common == bytes.len() || common == sample.len();
            let is_known = !stream.needs_client() || record::has_tail(&sample[..common]);
            let is_copied =
                || common == sample.len() && elder.is_copied(stream, found, &bytes, config);
            let counts =
                (is_known || is_copied()) && elder.counts_like(stream.state, found, &bytes, config);
            let is_same = counts && (goes_no_further || common >= SAME_LEN_MIN);
            if counts && !is_same {
                let n_lines = memchr::memchr_iter(b'\n', &sample[..common]).count() as u64;
                let alike = begins_like.filter(|&(_, n_most)| n_most >= n_lines);
                *begins_like = alike.or((n_lines > 1).then_some((elder.key(), n_lines)));
            }
            if !is_same || common < common_max {
                archives.give_back(source);
                continue;
            }
            if common > common_max {
                common_max = common;
                give_back_all(alike.drain(..), archives);
            }
            if alike.len() == ELDERS_MAX {
                give_back_all(alike.drain(ELDERS_MAX / 2..=ELDERS_MAX / 2), archives);
            }
            alike.push(OpenElder {
                key: elder.key(),
                reader: Cursor::new(bytes).chain(source),
                has_ended: false,
            });
            // Of others no more can be the same, or no less is: one is enough.
            if common == sample.len() && common < BLOCK_LEN {
                break;
            }
        }
        if common_max < sample.len() {
            give_back_all(alike.drain(1.min(alike.len())..), archives);
        }
        Some(Twin {
            elder: alike.first()?.key,
            is_apart: false,
            elders: alike,
            room: Vec::new(),
        })
    }
}

/// Adds a member of an archive that those behind it may follow.
pub(super) fn add_sibling(siblings: &mut ByLine, state: &SourceState, sample: &[u8]) {
    if let Some(line) = first_line(sample).filter(|_| state.is_scanned()) {
        let (stored, member) = (state.key.stored() as u32, state.key.member());
        let elder = Elder::new(stored, Some(member), &state.name, prefixes(sample));
        siblings.entry(line).or_default().push(elder);
    }
}

fn give_back_all(elders: impl Iterator<Item = OpenElder>, archives: &mut OpenArchives) {
    for elder in elders {
        archives.give_back(elder.reader.into_inner().1);
    }
}

/// How many bytes two begin with that are the same.
fn common_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl Elder {
    fn new(stored: u32, member: Option<u32>, name: &[u8], prefixes: Prefixes) -> Elder {
        Elder {
            stored,
            member,
            name: name.to_vec(),
            machine: machine_of(name),
            prefixes,
        }
    }

    fn key(&self) -> SourceKey {
        SourceKey::new(self.stored, self.member.unwrap_or(0))
    }

    fn may_begin_like(&self, prefixes: &Prefixes) -> bool {
        let both = self.prefixes.iter().zip(prefixes);
        both.into_iter()
            .all(|(own, other)| own.is_none() || other.is_none() || own == other)
    }

    /// Whether it is read as `state` is, by its first `bytes`: what was met in a directory may be passed over as no log, though of
    /// the same content as one that was named.
    fn counts_like(
        &self,
        state: &SourceState,
        found: &[Found],
        bytes: &[u8],
        config: &EngineConfig,
    ) -> bool {
        let found = &found[self.stored as usize];
        let mut own = SourceState::new(self.key(), found, Kind::Empty);
        own.name.clone_from(&self.name);
        own.named &= self.member.is_none();
        own.recognise(behind_nuls(bytes, &[]), config);
        own.counts_like(state)
    }

    /// Whether the stream is the same from end to end, as far as the sample the same as `bytes`, and no machine that starts at the same
    /// second writes just that.
    fn is_copied(
        &self,
        stream: &Stream<'_>,
        found: &[Found],
        bytes: &[u8],
        config: &EngineConfig,
    ) -> bool {
        let (state, sample) = (stream.state, stream.sample);
        let set = |name: &[u8]| rotation_set(&String::from_utf8_lossy(name)).0;
        let is_of_one = self.machine.is_some() && self.machine == state.machine
            || set(&self.name) == set(&state.name);
        if !is_of_one && first_time(sample) == last_time(sample) {
            return false;
        }
        if sample.len() < SAMPLE_LEN {
            return bytes.len() == sample.len(); // no more is there
        }
        let (stored, member) = (state.key.stored() as u32, state.key.member());
        let member = stream.siblings.map(|_| member);
        let own = Elder::new(stored, member, &state.name, Prefixes::default());
        let open = |elder: &Elder| elder.open(found, &config.limits, &mut OpenArchives::default());
        match (open(self), open(&own)) {
            (Some(a), Some(b)) => are_same(a, b),
            _ => false,
        }
    }

    fn open(
        &self,
        found: &[Found],
        limits: &Limits,
        archives: &mut OpenArchives,
    ) -> Option<Source> {
        let Place::File(path) = &found[self.stored as usize].place else {
            return None;
        };
        let Some(member) = self.member else {
            return match open(path, limits)? {
                Opened::File(source) => Some(source),
                Opened::Archive => None,
            };
        };
        let mut unpacked = match archives.take(self.stored, member) {
            Some(open) => open,
            None => Box::new(Unpacked {
                unpacker: unpacker(path, limits)?,
                stored: self.stored,
                n_members: 0,
                has_ended: false,
                is_damaged: false,
            }),
        };
        unpacked.advance(member).then(|| Source::Member(unpacked))
    }
}

impl Twin {
    /// Leaves the archives that it read from open.
    pub(super) fn give_back(self, archives: &mut OpenArchives) {
        give_back_all(self.elders.into_iter(), archives);
    }

    /// How many of `bytes`, the next of the stream, any elder goes on with; whoever does not go on with all of them is none any
    /// more.
    pub(super) fn common(&mut self, bytes: &[u8], archives: &mut OpenArchives) -> usize {
        let (mut best, mut goes_on) = (Best::default(), Vec::new());
        for mut elder in self.elders.drain(..) {
            if best.note(&mut elder, bytes, &mut self.room) == bytes.len() {
                goes_on.push(elder);
            } else {
                archives.give_back(elder.reader.into_inner().1);
            }
        }
        self.elders = goes_on;
        self.follow(&best, bytes)
    }

    /// The same of `bytes` that are all there is: the first elder that holds all of them will do.
    pub(super) fn common_of_all(&mut self, bytes: &[u8]) -> usize {
        let mut best = Best::default();
        for mut elder in self.elders.drain(..) {
            if best.note(&mut elder, bytes, &mut self.room) == bytes.len() {
                break;
            }
        }
        self.follow(&best, bytes)
    }

    fn follow(&mut self, best: &Best, bytes: &[u8]) -> usize {
        self.elder = best.key.unwrap_or(self.elder);
        self.is_apart = best.len < bytes.len() && !best.has_ended;
        best.len
    }
}

/// The first of those elders that have most in common with a part of a stream.
#[derive(Default)]
struct Best {
    key: Option<SourceKey>,
    len: usize,
    has_ended: bool,
}

impl Best {
    /// How much of `bytes` the elder goes on with.
    fn note(&mut self, elder: &mut OpenElder, bytes: &[u8], room: &mut Vec<u8>) -> usize {
        let len = elder.common(bytes, room);
        if self.key.is_none() || len > self.len {
            *self = Best {
                key: Some(elder.key),
                len,
                has_ended: elder.has_ended,
            };
        }
        len
    }
}

impl OpenElder {
    fn common(&mut self, bytes: &[u8], room: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let wanted = (bytes.len() - at).min(HEAD_LEN);
            room.resize(wanted, 0);
            let len = fill(&mut self.reader, room);
            let part = &bytes[at..at + len];
            if let Some(apart) = part.iter().zip(&*room).position(|(a, b)| a != b) {
                return at + apart;
            }
            at += len;
            if len < wanted {
                self.has_ended = !self.reader.get_ref().1.is_damaged();
                return at;
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names() {
        let set = |name| rotation_set(name);
        assert_eq!(set("a/error.log"), ("a/error.log".to_owned(), None));
        assert_eq!(set("error.log.2.gz"), ("error.log".to_owned(), Some(2)));
        let dated = ("error.log".to_owned(), Some(20_261_120));
        assert_eq!(set("error.log-20261120.xz"), dated);
        assert_eq!(set("web1"), ("web1".to_owned(), None));
        assert_eq!(set("7"), ("7".to_owned(), None));
    }
}
