//! How a file begins: what tells beforehand which others it may begin like, and where it stands in time.

use super::{
    HEAD_LEN, SAME_LEN_MIN,
    content::{Opened, Source, fill, open},
    line_ends::{LineEnds, Rewriter},
};
use crate::{
    engine::told,
    event::LocalTime,
    input::{Found, Place, unpack::Limits},
    parse::{
        HeadParser,
        access::TimeReader,
        wrapper::{self, Scratch},
    },
};
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// The first bytes of a file.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Hash of its first line; `None` for archives, pipes, and what cannot be read.
    pub(super) line: Option<u64>,
    pub(super) prefixes: Prefixes,
    pub(super) form: Form,
    /// Of its first record.
    pub(super) time: Option<LocalTime>,
    /// The system refused it: it may begin like any.
    pub(super) is_unread: bool,
}

/// What a file is, in the order in which they are elder to others; what cannot be read is none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Plain,
    #[default]
    Packed,
    Archive,
    /// It is read once, so others cannot be compared with it.
    Pipe,
}

impl Head {
    pub(super) fn of(found: &Found, limits: &Limits) -> Head {
        let Place::File(path) = &found.place else {
            return Head {
                form: Form::Pipe,
                ..Head::default()
            };
        };
        let mut source = match open(path, limits) {
            Some(Opened::File(source)) => source,
            Some(Opened::Archive) => {
                return Head {
                    form: Form::Archive,
                    ..Head::default()
                };
            }
            Some(Opened::Unread) => {
                return Head {
                    is_unread: true,
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
            prefixes: Prefixes::of(&bytes),
            form: match &source {
                Source::Plain(_) => Form::Plain,
                _ => Form::Packed,
            },
            time: first_time(&bytes),
            is_unread: source.has_failed(),
        }
    }
}

/// How a stream begins: two that both go on behind one of [`PREFIX_LENS`] and differ before it are not the same, and need not be
/// read to see that. Many logs of containers begin with one line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefixes {
    /// Of the first bytes, as if all lines ended in a mere feed, where there are so many.
    hashes: [Option<u64>; PREFIX_LENS.len()],
    pub(super) line_ends: LineEnds,
}

/// The longest is one that is looked at beforehand, and not longer than what is [no chance](SAME_LEN_MIN).
const PREFIX_LENS: [usize; 4] = [512, 4 << 10, 16 << 10, HEAD_LEN];
const _: () = assert!(HEAD_LEN <= SAME_LEN_MIN);

impl Prefixes {
    pub(super) fn of(bytes: &[u8]) -> Prefixes {
        let bytes = &bytes[..bytes.len().min(HEAD_LEN)];
        let line_ends = LineEnds::of(bytes);
        let mut rewritten = Vec::new();
        let bytes = match line_ends {
            LineEnds::Feed => bytes,
            LineEnds::ReturnAndFeed => {
                Rewriter::new(LineEnds::Feed).rewrite(bytes, &mut rewritten);
                &rewritten
            }
        };
        let hash = |bytes: &[u8]| FixedState::default().hash_one(bytes);
        Prefixes {
            hashes: PREFIX_LENS.map(|len| bytes.get(..len).map(hash)),
            line_ends,
        }
    }

    pub(super) fn may_be_of(&self, other: &Prefixes) -> bool {
        let mut both = self.hashes.iter().zip(&other.hashes);
        both.all(|(own, other)| own.is_none() || other.is_none() || own == other)
    }
}

/// Hash of the first line, if there is anything in it.
pub(super) fn first_line(bytes: &[u8]) -> Option<u64> {
    let line = first_line_of(bytes);
    (!line.is_empty()).then(|| line_hash(line))
}

/// Hash of the last line that is over.
pub(in crate::engine) fn last_line(bytes: &[u8]) -> Option<u64> {
    let end = memchr::memrchr(b'\n', bytes)?;
    let start = memchr::memrchr(b'\n', &bytes[..end]).map_or(0, |end| end + 1);
    Some(line_hash(&bytes[start..end]))
}

pub(super) fn line_hash(line: &[u8]) -> u64 {
    FixedState::default().hash_one(line)
}

/// As much as is looked at, without its end.
pub(super) fn first_line_of(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let line = &bytes[..end.min(HEAD_LEN)];
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The time of the first record in `bytes`, whatever is wrapped around it: good enough to put files in order.
pub(super) fn first_time(bytes: &[u8]) -> Option<LocalTime> {
    time_in(bytes, bytes.split(|&b| b == b'\n'))
}

pub(super) fn last_time(bytes: &[u8]) -> Option<LocalTime> {
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
