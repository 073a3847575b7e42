//! The same content twice: `error.log.1` and `error.log.1.gz`, a copy beside its original, an archive of what lies loose, a log
//! that `copytruncate` copied and did not cut.
//!
//! Every stream but the first of those that begin alike is compared with an elder one byte for byte as it is read, and counts
//! from where they part. Elder are plain files, then compressed ones, each in their order, then the members of archives, those of
//! one archive not being compared with each other. So every byte is counted once, however much of it two have in common, and
//! nothing is believed but the bytes. How members begin is known only once their archives were unpacked: where there are several
//! of these, they are unpacked once more beforehand, on all threads.
//!
//! An elder is one that is counted itself: its content is read as a log, and of the same kind. Where a filter asks for machines,
//! those streams that it keeps by their path are elder to all others.
//!
//! Machines that start at the same second write the same first lines: what two have in common counts as the same only if one
//! of them goes no further, or it is long ([`SAME_LEN_MIN`]), and if it holds a client, whose connection number has no twin.

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
    glob::Globs,
    input::{
        Content, Found, Kind, Mmap, Place, Stored, Unpacker,
        kind::SAMPLE_LEN,
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

/// The beginnings of all files and members, known before any is read.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Files by the hash of their first line, in their order, then members.
    by_line: HashMap<u64, Vec<Elder>>,
    /// Of each file whether it is plain: however it is read, this decides which of two is the elder.
    are_plain: Vec<bool>,
    /// The machines asked for.
    hosts: Globs,
}

/// A file, or a member of an archive, that others may begin like.
#[derive(Clone, Debug)]
struct Elder {
    stored: u32,
    /// Its number in an archive.
    member: Option<u32>,
    name: Vec<u8>,
    /// The machine its path names.
    machine: Option<Arc<str>>,
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
        hosts: config.filter.hosts.clone(),
    };
    for ((found, head), stored) in heads.iter().zip(0..) {
        if let Some(line) = head.line {
            let elder = Elder::new(stored, None, found.name.as_os_str().as_encoded_bytes());
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
                let elder = Elder::new(stored, Some(n_members - 1), &name);
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
        let (mut reader, is_plain) = match open(path, limits) {
            Some(Opened::File(reader, is_plain)) => (reader, is_plain),
            Some(Opened::Archive) => {
                return Head {
                    is_archive: true,
                    ..Head::default()
                };
            }
            None => return Head::default(),
        };
        let mut bytes = vec![0; HEAD_LEN];
        let len = fill(&mut reader, &mut bytes);
        bytes.truncate(len);
        Head {
            line: first_line(&bytes),
            is_plain,
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
    let chain = told::chain_of(bytes);
    let (mut heads, mut scratch) = (HeadParser::default(), Scratch::default());
    bytes.split(|&b| b == b'\n').find_map(|line| {
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
    /// The decoded bytes of a file that is no archive, and whether it is plain.
    File(Box<dyn Read + Send>, bool),
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
        return Some(Opened::File(Box::new(whole), true));
    }
    let mut unpacker = Unpacker::new(Box::new(BufReader::new(whole)), limits.clone());
    match unpacker.next(&mut [0; 1]) {
        Item::Member(member) if member.path.is_empty() => {
            let unpacked = Unpacked {
                unpacker,
                stored: 0,
                n_members: 1,
                has_ended: false,
            };
            Some(Opened::File(Box::new(unpacked), false))
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
}

impl Unpacked {
    /// Goes on to the member number `member`; false if there is none.
    fn advance(&mut self, member: u32) -> bool {
        self.has_ended = false;
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
        if room.is_empty() || self.has_ended {
            return Ok(0);
        }
        Ok(match self.unpacker.next(room) {
            Item::Bytes(n) => n,
            _ => {
                self.has_ended = true;
                0
            }
        })
    }
}

/// The bytes of an elder stream.
enum Source {
    File(Box<dyn Read + Send>),
    Member(Box<Unpacked>),
}

impl Read for Source {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Source::File(reader) => reader.read(room),
            Source::Member(unpacked) => unpacked.read(room),
        }
    }
}

/// An archive whose members were compared with: the next is likely to be one of those that follow.
pub(super) type OpenArchive = Option<Box<Unpacked>>;

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

/// An elder stream that another is compared with.
pub(super) struct Twin {
    /// Number of the elder file.
    pub(super) elder: u32,
    /// Its first bytes, which were read to find it, and the rest.
    reader: std::io::Chain<Cursor<Vec<u8>>, Source>,
    room: Vec<u8>,
    ended: bool,
}

/// A stream that may have an elder.
pub(super) struct Stream<'a> {
    pub(super) state: &'a SourceState,
    /// It is part of an archive.
    pub(super) is_member: bool,
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
        self.hosts.matches(machine.unwrap_or_default().as_bytes())
    }

    /// The smaller is the elder. What a filter keeps must not be left to what it drops.
    fn rank(&self, is_member: bool, key: SourceKey, machine: Option<&str>) -> impl Ord + use<> {
        let is_plain = self.are_plain.get(key.stored()) == Some(&true);
        (!self.keeps(machine), is_member, !is_plain, key)
    }

    fn is_elder(&self, elder: &Elder, stream: &Stream<'_>) -> bool {
        let (key, is_member) = (elder.key(), elder.member.is_some());
        let state = stream.state;
        key.stored() != state.key.stored()
            && stream.may_be_of_machine_of(elder)
            && self.rank(is_member, key, elder.machine.as_deref())
                < self.rank(stream.is_member, state.key, state.machine.as_deref())
    }

    /// The elder that a stream begins like. An `archive` that is open is used if it can be.
    pub(super) fn twin(
        &self,
        found: &[Found],
        stream: &Stream<'_>,
        config: &EngineConfig,
        archive: &mut OpenArchive,
    ) -> Option<Twin> {
        let sample = stream.sample;
        let elders = self.by_line.get(&first_line(sample)?)?;
        let is_elder = |elder: &&Elder| self.is_elder(elder, stream);
        elders.iter().filter(is_elder).find_map(|elder| {
            let mut source = elder.open(found, &config.limits, archive)?;
            let mut bytes = vec![0; sample.len().max(SAMPLE_LEN)];
            let len = fill(&mut source, &mut bytes);
            bytes.truncate(len);
            let common = sample.iter().zip(&bytes).take_while(|(a, b)| a == b);
            let common = common.count();
            let goes_no_further = common == bytes.len() || common == sample.len();
            let is_same = (goes_no_further || common >= SAME_LEN_MIN)
                && (!stream.needs_client() || record::has_tail(&sample[..common]))
                && elder.counts_like(stream.state, found, &bytes, config);
            let twin = Twin {
                elder: elder.stored,
                reader: Cursor::new(bytes).chain(source),
                room: Vec::new(),
                ended: false,
            };
            if is_same {
                return Some(twin);
            }
            twin.give_back(archive);
            None
        })
    }
}

impl Elder {
    fn new(stored: u32, member: Option<u32>, name: &[u8]) -> Elder {
        Elder {
            stored,
            member,
            name: name.to_vec(),
            machine: machine_of(name),
        }
    }

    fn key(&self) -> SourceKey {
        SourceKey::new(self.stored, self.member.unwrap_or(0))
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

    fn open(&self, found: &[Found], limits: &Limits, archive: &mut OpenArchive) -> Option<Source> {
        let Place::File(path) = &found[self.stored as usize].place else {
            return None;
        };
        let Some(member) = self.member else {
            return match open(path, limits)? {
                Opened::File(reader, _) => Some(Source::File(reader)),
                Opened::Archive => None,
            };
        };
        let at_hand = archive
            .take()
            .filter(|open| open.stored == self.stored && open.n_members <= member);
        let mut unpacked = match at_hand {
            Some(open) => open,
            None => Box::new(Unpacked {
                unpacker: unpacker(path, limits)?,
                stored: self.stored,
                n_members: 0,
                has_ended: false,
            }),
        };
        unpacked.advance(member).then(|| Source::Member(unpacked))
    }
}

impl Twin {
    /// Leaves the archive that it read from open.
    pub(super) fn give_back(self, archive: &mut OpenArchive) {
        if let (_, Source::Member(unpacked)) = self.reader.into_inner() {
            *archive = Some(unpacked);
        }
    }

    /// How many of `bytes` the elder goes on with.
    pub(super) fn common(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let wanted = (bytes.len() - at).min(HEAD_LEN);
            self.room.resize(wanted, 0);
            let len = fill(&mut self.reader, &mut self.room);
            let part = &bytes[at..at + len];
            if let Some(apart) = part.iter().zip(&self.room).position(|(a, b)| a != b) {
                return at + apart;
            }
            at += len;
            if len < wanted {
                self.ended = true;
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
