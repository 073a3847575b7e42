//! What elder streams are read from: files and members of archives, unpacked once more.

use super::{
    HEAD_LEN,
    line_ends::{LineEnds, Rewritten},
    twin::ELDERS_MAX,
};
use crate::input::{
    Content, Mmap, Stored, Unpacker,
    unpack::{Item, Limits, Trouble, container},
};
use std::{
    io::{self, BufReader, Chain, Cursor, Read},
    path::Path,
};

/// What a path is found to be.
pub(super) enum Opened {
    /// A file that is no archive.
    File(Source),
    Archive,
    /// The system refused it.
    Unread,
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

pub(super) fn unpacker(path: &Path, limits: &Limits) -> Option<Unpacker> {
    let reader = BufReader::new(stored_bytes(path)?);
    let name = path.as_os_str().as_encoded_bytes();
    Some(Unpacker::new(Box::new(reader), limits.clone()).named(name))
}

pub(super) fn open(path: &Path, limits: &Limits) -> Option<Opened> {
    let Some(reader) = stored_bytes(path) else {
        return Some(Opened::Unread);
    };
    let mut reader = Watched::new(reader);
    let mut head = vec![0; container::HEAD_LEN];
    let len = fill(&mut reader, &mut head);
    if reader.has_failed {
        return Some(Opened::Unread);
    }
    head.truncate(len);
    let name = path.as_os_str().as_encoded_bytes();
    let is_plain = container::tell(name, &head).is_none();
    let whole = Cursor::new(head).chain(reader);
    if is_plain {
        return Some(Opened::File(Source::Plain(whole)));
    }
    let reader = Box::new(BufReader::new(whole));
    let mut unpacker = Unpacker::new(reader, limits.clone()).named(name);
    match unpacker.next(&mut [0; 1]) {
        Item::Member(member) if member.path.is_empty() => {
            let unpacked = Unpacked {
                n_members: 1,
                ..Unpacked::new(unpacker, 0)
            };
            Some(Opened::File(Source::Packed(Box::new(unpacked))))
        }
        Item::Member(_) => Some(Opened::Archive),
        _ => None,
    }
}

/// A reader that knows whether its end is none.
pub(super) struct Watched {
    reader: Box<dyn Read + Send>,
    has_failed: bool,
}

impl Watched {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Watched {
        let has_failed = false;
        Watched { reader, has_failed }
    }
}

impl Read for Watched {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(room);
        let is_failure = |error: &io::Error| error.kind() != io::ErrorKind::Interrupted;
        self.has_failed |= read.as_ref().is_err_and(is_failure);
        read
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
    /// The system refused more of it.
    has_failed: bool,
}

impl Unpacked {
    /// Of the file number `stored`, before its first member.
    pub(super) fn new(unpacker: Unpacker, stored: u32) -> Unpacked {
        Unpacked {
            unpacker,
            stored,
            n_members: 0,
            has_ended: false,
            is_damaged: false,
            has_failed: false,
        }
    }

    /// Goes on to the member number `member`; false if there is none.
    pub(super) fn advance(&mut self, member: u32) -> bool {
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
                Item::Problem(problem) => {
                    self.is_damaged |= problem.is_damage();
                    self.has_failed |= matches!(problem.trouble, Trouble::Read(_));
                }
                Item::Seam => (self.has_ended, self.is_damaged) = (true, true),
                Item::Member(_) | Item::EndOfMember(_) | Item::End => self.has_ended = true,
            }
        }
        Ok(0)
    }
}

/// The bytes of an elder stream.
pub(super) enum Source {
    Plain(Chain<Cursor<Vec<u8>>, Watched>),
    Packed(Box<Unpacked>),
    Member(Box<Unpacked>),
    Rewritten(Box<Rewritten>),
}

impl Source {
    /// With lines that end so.
    pub(super) fn with_line_ends(self, own: LineEnds, wanted: LineEnds) -> Source {
        if own == wanted {
            return self;
        }
        Source::Rewritten(Box::new(Rewritten::new(self, wanted)))
    }

    pub(super) fn skip(&mut self, n_bytes: u64) {
        // Whatever fails here ends it, and then nothing of it is the same as anything.
        let _ = io::copy(&mut self.take(n_bytes), &mut io::sink());
    }

    pub(super) fn is_damaged(&self) -> bool {
        match self {
            Source::Plain(plain) => plain.get_ref().1.has_failed,
            Source::Packed(unpacked) | Source::Member(unpacked) => unpacked.is_damaged,
            Source::Rewritten(rewritten) => rewritten.source.is_damaged(),
        }
    }

    /// The system refused to read all of it.
    pub(super) fn has_failed(&self) -> bool {
        match self {
            Source::Plain(plain) => plain.get_ref().1.has_failed,
            Source::Packed(unpacked) | Source::Member(unpacked) => unpacked.has_failed,
            Source::Rewritten(rewritten) => rewritten.source.has_failed(),
        }
    }
}

impl Read for Source {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Source::Plain(reader) => reader.read(room),
            Source::Packed(unpacked) | Source::Member(unpacked) => unpacked.read(room),
            Source::Rewritten(rewritten) => rewritten.read(room),
        }
    }
}

/// Archives whose members were compared with: the next is likely to be one of those that follow.
#[derive(Default)]
pub(in crate::engine) struct OpenArchives(Vec<Unpacked>);

impl OpenArchives {
    /// One that has not come to a member of the file number `stored` yet.
    pub(super) fn take(&mut self, stored: u32, member: u32) -> Option<Box<Unpacked>> {
        let is_before = |open: &Unpacked| open.stored == stored && open.n_members <= member;
        let index = self.0.iter().position(is_before)?;
        Some(Box::new(self.0.remove(index)))
    }

    pub(super) fn give_back(&mut self, source: Source) {
        match source {
            Source::Member(unpacked) => {
                self.0.retain(|open| open.stored != unpacked.stored);
                self.0.push(*unpacked);
                let n_many = self.0.len().saturating_sub(ELDERS_MAX);
                self.0.drain(..n_many);
            }
            Source::Rewritten(rewritten) => self.give_back(rewritten.source),
            Source::Plain(_) | Source::Packed(_) => {}
        }
    }
}

pub(super) fn are_same(mut a: Source, mut b: Source, is_unread: &mut bool) -> bool {
    let (mut room_a, mut room_b) = (vec![0; HEAD_LEN], vec![0; HEAD_LEN]);
    loop {
        let (len_a, len_b) = (fill(&mut a, &mut room_a), fill(&mut b, &mut room_b));
        *is_unread |= a.has_failed() || b.has_failed();
        if room_a[..len_a] != room_b[..len_b] {
            return false;
        }
        if len_a < HEAD_LEN {
            return !a.is_damaged() && !b.is_damaged();
        }
    }
}

/// The next `len` bytes, or as many as come.
pub(super) fn first_bytes(source: &mut Source, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let len = fill(source, &mut bytes);
    bytes.truncate(len);
    bytes
}

/// Reads until `room` is full or nothing comes.
pub(super) fn fill(reader: &mut impl Read, room: &mut [u8]) -> usize {
    let mut len = 0;
    while len < room.len() {
        match reader.read(&mut room[len..]) {
            Ok(n) if n > 0 => len += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => break,
        }
    }
    len
}
