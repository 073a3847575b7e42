//! The same content twice: `error.log.1` and `error.log.1.gz`, a copy beside its original, an archive of what lies loose, a log
//! that `copytruncate` copied and did not cut.
//!
//! Every stream but the first of those that begin alike is compared with an elder one byte for byte as it is read, and counts
//! from where they part. Elder are plain files, then compressed ones, each in their order; members of archives are the youngest and
//! are not compared with each other. So every byte is counted once, however much of it two have in common, and nothing is
//! believed but the bytes.
//!
//! Machines that start at the same second write the same first lines: what two have in common counts as the same only if one
//! of them goes no further, or it is long ([`SAME_LEN_MIN`]), and if it holds a client, whose connection number has no twin.

use crate::{
    event::LocalTime,
    input::{
        Content, Found, Mmap, Place, Stored, Unpacker,
        unpack::{Item, Limits, container},
    },
    parse::{
        HeadParser,
        access::TimeReader,
        record,
        wrapper::{self, Scratch},
    },
};
use foldhash::fast::FixedState;
use std::{
    collections::HashMap,
    hash::BuildHasher,
    io::{BufReader, Cursor, Read},
};

/// Common bytes of two streams that both go on that are no chance.
const SAME_LEN_MIN: usize = 64 << 10;

/// Bytes of a stream that are looked at beforehand.
const HEAD_LEN: usize = 64 << 10;

/// The beginnings of all files, known before any is read.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Files by the hash of their first line, in their order.
    by_line: HashMap<u64, Vec<Elder>>,
}

/// A file that others may begin like.
#[derive(Clone, Copy, Debug)]
struct Elder {
    stored: u32,
    is_plain: bool,
}

/// What comes before any reading: the order of files, and their beginnings.
pub(super) fn prepare(found: &[Found], limits: &Limits) -> (Vec<Found>, Beginnings) {
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
    let mut beginnings = Beginnings::default();
    for ((_, head), stored) in heads.iter().zip(0..) {
        let Some(line) = head.line else { continue };
        let is_plain = head.is_plain;
        let elders = beginnings.by_line.entry(line).or_default();
        elders.push(Elder { stored, is_plain });
    }
    let found = heads.into_iter().map(|(found, _)| found).collect();
    (found, beginnings)
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
    /// Of its first record.
    time: Option<LocalTime>,
}

impl Head {
    fn of(found: &Found, limits: &Limits) -> Head {
        let Place::File(path) = &found.place else {
            return Head::default();
        };
        let Some((mut reader, is_plain)) = open(path, limits) else {
            return Head::default();
        };
        let mut bytes = vec![0; HEAD_LEN];
        let len = fill(&mut reader, &mut bytes);
        bytes.truncate(len);
        Head {
            line: first_line(&bytes),
            is_plain,
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
    let chain = wrapper::detect(bytes, |_| false);
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

/// The decoded bytes of a file that is no archive, and whether it is plain.
fn open(path: &std::path::Path, limits: &Limits) -> Option<(Box<dyn Read + Send>, bool)> {
    let mut stored = Stored::open(path, Mmap::Never).ok()?;
    let empty = Content::Stream(Box::new(std::io::empty()));
    let Content::Stream(mut reader) = std::mem::replace(&mut stored.content, empty) else {
        return None;
    };
    let mut head = vec![0; 512];
    let len = fill(&mut reader, &mut head);
    head.truncate(len);
    let is_plain = container::recognise(&head).is_none();
    let whole = Cursor::new(head).chain(reader);
    if is_plain {
        return Some((Box::new(whole), true));
    }
    let mut unpacker = Unpacker::new(Box::new(BufReader::new(whole)), limits.clone());
    match unpacker.next(&mut [0; 1]) {
        Item::Member(member) if member.path.is_empty() => {
            Some((Box::new(Unpacked(unpacker)), false))
        }
        _ => None,
    }
}

/// The bytes of a compressed stream, up to its end or to damage.
struct Unpacked(Unpacker);

impl Read for Unpacked {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        Ok(match self.0.next(room) {
            Item::Bytes(n) => n,
            _ => 0,
        })
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

/// An elder stream that another is compared with.
pub(super) struct Twin {
    /// Number of the elder file.
    pub(super) elder: u32,
    reader: Box<dyn Read + Send>,
    room: Vec<u8>,
    ended: bool,
}

/// A stream that may have an elder.
pub(super) struct Stream<'a> {
    /// Number of its file.
    pub(super) stored: u32,
    pub(super) is_plain: bool,
    /// It is part of an archive.
    pub(super) is_member: bool,
    /// The machine its path names.
    pub(super) machine: Option<&'a str>,
    /// Only records that name a client tell one log from another: each line of an access log does.
    pub(super) needs_client: bool,
}

impl Stream<'_> {
    /// Whether a file is elder, and not of another machine.
    fn follows(&self, elder: &Elder, found: &[Found]) -> bool {
        let is_later =
            self.is_member || (!elder.is_plain, elder.stored) < (!self.is_plain, self.stored);
        let name = found[elder.stored as usize].name.to_string_lossy();
        let place = wrapper::place(&name);
        let machine = place.host.or(place.pod).or(place.container);
        elder.stored != self.stored
            && is_later
            && (machine.is_none() || self.machine.is_none() || machine == self.machine)
    }
}

impl Beginnings {
    /// The elder that a stream begins like; `sample` are its first bytes.
    pub(super) fn twin(
        &self,
        found: &[Found],
        stream: Stream<'_>,
        sample: &[u8],
        limits: &Limits,
    ) -> Option<Twin> {
        let elders = self.by_line.get(&first_line(sample)?)?;
        let is_elder = |elder: &&Elder| stream.follows(elder, found);
        elders.iter().filter(is_elder).find_map(|elder| {
            let Place::File(path) = &found[elder.stored as usize].place else {
                return None;
            };
            let (reader, _) = open(path, limits)?;
            let mut twin = Twin {
                elder: elder.stored,
                reader,
                room: Vec::new(),
                ended: false,
            };
            let common = twin.common(sample);
            let goes_no_further = common == sample.len() || twin.ended;
            let is_same = (goes_no_further || common >= SAME_LEN_MIN)
                && (!stream.needs_client || record::has_tail(&sample[..common]));
            // From the first byte again, for whoever compares all of it.
            twin.reader = open(path, limits)?.0;
            twin.ended = false;
            is_same.then_some(twin)
        })
    }
}

impl Twin {
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
