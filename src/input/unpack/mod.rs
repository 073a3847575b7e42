//! Stored bytes to members and their decoded bytes: compressions and archives, one within another, pulled step by step in
//! bounded memory, in the caller's thread; units of some formats can be decoded [`ahead`] in others.
//!
//! | layer | read by | damage costs |
//! |---|---|---|
//! | gzip | flate2 with zlib-rs | the rest of the member |
//! | zstd | the C library, block by block | the rest of the frame |
//! | bzip2 | bzip2, in Rust | the rest of the stream |
//! | xz | liblzma, in C | the rest of the stream |
//! | lz4 | lz4_flex, block by block | the rest of the frame |
//! | utf-16 | encoding_rs | the characters that are missing |
//! | tar | the walk in [`tar`], the fields by the `tar` crate | one member, seldom more |
//!
//! What a stream is packed in is told by its content at every level ([`container`]). What is damaged, left out or refused
//! is a [`Problem`]; whatever could be decoded is handed on, and where bytes are missing in between stands a [`Item::Seam`].
//! Nothing is written to disk and no program is started.
//!
//! **zip is recognised and not read.** The zip crate's readers either seek, which a pipe and an inner member cannot, or
//! borrow their input for the time of a member, which cannot be pulled step by step without a thread; and a walk over local
//! headers of our own would show other members than the central directory names. `unzip -p` is a pipe away.

pub mod ahead;
pub mod container;
mod copies;
mod doubt;
mod feed;
mod layer;
mod limits;
mod problem;
mod units;
mod walk;

mod bzip2;
mod gzip;
mod lz4;
mod xz;
mod zstd;

mod tar;
mod utf16;

pub use ahead::Ahead;
pub use container::Container;
pub use limits::Limits;
pub use problem::{Problem, Trouble, UnitRange};

use self::{
    bzip2::Bzip2,
    feed::{Below, Edge, Feed, Shared, Step, Stored},
    gzip::Gzip,
    layer::{Level, Role},
    lz4::Lz4,
    tar::{Entry, Tar},
    units::{Codec, Units},
    utf16::Utf16,
    xz::Xz,
    zstd::Zstd,
};
use std::{io::BufRead, sync::Arc};

/// What comes next in a stored stream. A stream that is no archive yields one `Member`, then `Bytes`, `Seam`s and `Problem`s,
/// `EndOfMember`, perhaps more `Problem`s, and `End`. An archive yields such a run for each regular file, with
/// `Problem`s between them, or none if it holds no files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A member begins.
    Member(Member),
    /// So many bytes at the start of the buffer are the member's next; at least one.
    Bytes(usize),
    /// Decoded bytes are missing here: what follows does not continue what came before. There may be several in a row, or
    /// one at the start or at the end of a member.
    Seam,
    /// Something is wrong or noteworthy.
    Problem(Problem),
    /// The member is finished.
    EndOfMember(MemberEnd),
    /// Everything is finished; nothing else will come.
    End,
}

/// A run of decoded bytes with a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Names inside archives, from outside in, empty if there is no archive: `["b.tar", "c.log"]`. Written by whoever made
    /// the archive: any bytes, also `../`, control characters, or nothing.
    pub path: Vec<Vec<u8>>,
    /// How it was packed, from outside in: `zstd > tar > gzip`; empty for plain bytes.
    pub decode: String,
    /// Where the member begins in the stored stream: 0 if there is no archive, its first byte in an outermost one; else how far
    /// the stored stream had been read, some blocks late.
    pub stored_offset: u64,
}

/// What a member came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberEnd {
    /// Bytes handed on.
    pub decoded_bytes: u64,
    /// For each compression between the innermost archive and the member, from outside in: its name and how many members,
    /// frames or streams were begun.
    pub units: Vec<(&'static str, u64)>,
}

/// Turns one stored stream into the members in it and their decoded bytes. Memory is bounded whatever the stream holds: some
/// MiB for each layer, and what [`Limits`] allow a decoder.
pub struct Unpacker {
    stored: Stored,
    /// What the stored stream is called, if that is known.
    name: Vec<u8>,
    shared: Shared,
    levels: Vec<Level>,
    phase: Phase,
    /// What comes after the problems that wait.
    held: Option<Item>,
    n_members: u64,
    member_start: u64,
    member_bytes: u64,
}

/// Where in the sequence of items it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The top level begins: what is it?
    Probe,
    /// A member is known and will be handed on, or only named.
    Announce {
        is_read: bool,
    },
    Body,
    EndOfMember,
    /// The top level is an archive between members.
    Archive,
    Over,
}

impl Unpacker {
    /// Unpacks `input` from its first byte: a map as a `Cursor`, a buffered file or pipe. What `fill_buf` lends is decoded
    /// in place.
    pub fn new(input: Box<dyn BufRead + Send>, limits: Limits) -> Unpacker {
        Unpacker {
            stored: Stored::new(input),
            name: Vec::new(),
            shared: Shared::new(limits),
            levels: vec![Level {
                feed: Feed::new("stored", 0),
                role: Role::Plain,
                depth: 0,
            }],
            phase: Phase::Probe,
            held: None,
            n_members: 0,
            member_start: 0,
            member_bytes: 0,
        }
    }

    /// Goes by the name of the stored stream where its beginning is damaged.
    #[must_use]
    pub fn named(mut self, name: &[u8]) -> Unpacker {
        self.name = name.to_vec();
        self
    }

    /// Uses what `ahead` decodes of the same stream, which `input` reads through its [`ahead::Reader`].
    #[must_use]
    pub fn with_ahead(mut self, ahead: Arc<Ahead>) -> Unpacker {
        self.stored.ahead = Some(ahead);
        self
    }

    /// Bytes of the stored stream consumed so far.
    pub fn stored_offset(&self) -> u64 {
        self.stored.offset
    }

    /// Nothing of the stored stream is left; waits for its writer.
    pub fn is_at_end(&mut self) -> bool {
        self.stored.fill(&mut self.shared).is_empty()
    }

    /// Bytes that all layers have decoded so far: those of an archive and those of compressed members in it.
    pub fn decoded_bytes(&self) -> u64 {
        self.shared.decoded_bytes
    }

    /// Fills part of `buffer` or says what comes next. A large `buffer` is best: decoders write into it directly. Panics if
    /// it is empty.
    pub fn next(&mut self, buffer: &mut [u8]) -> Item {
        assert!(!buffer.is_empty(), "there must be room for bytes");
        loop {
            // A member is announced before the problems that its first bytes had.
            if !matches!(self.phase, Phase::Probe | Phase::Announce { .. }) {
                if let Some(problem) = self.shared.problems.pop_front() {
                    return Item::Problem(problem);
                }
                if let Some(item) = self.held.take() {
                    return item;
                }
            }
            match self.phase {
                Phase::Probe => self.probe(),
                Phase::Announce { is_read } => {
                    self.phase = if is_read {
                        Phase::Body
                    } else {
                        Phase::EndOfMember
                    };
                    return Item::Member(self.member());
                }
                Phase::Body => {
                    match below(&mut self.levels, &mut self.stored, &mut self.shared).pull(buffer) {
                        Step::Bytes(n) => {
                            self.member_bytes += n as u64;
                            return Item::Bytes(n);
                        }
                        Step::Seam => self.held = Some(Item::Seam),
                        Step::End => self.phase = Phase::EndOfMember,
                    }
                }
                Phase::EndOfMember => return self.end_member(),
                Phase::Archive => self.next_entry(),
                Phase::Over => return Item::End,
            }
        }
    }

    /// Finds out what the top level is.
    fn probe(&mut self) {
        let Some((top, levels)) = self.levels.split_last_mut() else {
            self.phase = Phase::Over;
            return;
        };
        let names = &self.shared.names;
        let name = names.last().unwrap_or(&self.name);
        let own = levels.iter().rev();
        let own = own.take_while(|level| !matches!(level.role, Role::Tar(_)));
        let n_layers = own.filter(|l| matches!(l.role, Role::Units(_))).count();
        let promise = container::promised(name).nth(n_layers);
        let mut below = below(levels, &mut self.stored, &mut self.shared);
        let mut is_torn = false;
        while top.feed.chunk(&mut below).is_empty() && top.feed.edge() == Edge::Seam {
            top.feed.pass_seam();
            is_torn = true;
        }
        let head = top.feed.peek(&mut below, container::HEAD_LEN);
        let is_adrift = is_torn && container::recognise(head).is_none();
        let Some(container) = container::tell_by(promise, head, is_torn) else {
            self.phase = Phase::Announce { is_read: true };
            // What an archive lies in may hold more.
            let above_archive = self.levels.iter_mut().rev();
            let above_archive = above_archive.take_while(|l| !matches!(l.role, Role::Tar(_)));
            for level in above_archive {
                if let Role::Units(units) = &mut level.role {
                    units.hold_text();
                }
            }
            return;
        };
        // A compressed archive is one file.
        let parent = below.levels.last();
        let is_archive_in_compression = container == Container::Tar
            && matches!(parent, Some(level) if matches!(level.role, Role::Units(_)));
        let text = Utf16::new(container);
        let is_one_file = is_archive_in_compression || text.is_some();
        top.depth = parent.map_or(0, |parent| parent.depth) + usize::from(!is_one_file);
        top.feed.layer = container.name();
        let limit = below.shared.limits.depth_max;
        if top.depth > limit {
            let offset = top.feed.offset;
            top.feed
                .report(&mut below, Trouble::Depth { limit }, offset, None, None);
            self.phase = Phase::Announce { is_read: false };
            return;
        }
        match text {
            Some(text) => {
                top.role = Role::Text(Box::new(text));
                let depth = top.depth;
                self.push(depth);
            }
            None => self.open(container, is_adrift),
        }
    }

    /// Makes the top level a `container`; one that `is_adrift` begins somewhere within.
    fn open(&mut self, container: Container, is_adrift: bool) {
        if let Container::Unread(what) = container {
            return self.refuse(what);
        }
        let Some(codec) = codec(container, &self.shared.limits) else {
            if let Some(top) = self.levels.last_mut() {
                top.role = Role::Tar(Box::new(Tar::new(is_adrift)));
                top.feed.is_member = true;
            }
            self.phase = Phase::Archive;
            return;
        };
        for level in &mut self.levels {
            if let Role::Units(around) = &mut level.role {
                around.holds_packed = true;
            }
        }
        if let Some(top) = self.levels.last_mut() {
            top.role = Role::Units(Box::new(Units::new(codec, &mut top.feed)));
            let depth = top.depth;
            self.push(depth);
        }
    }

    fn refuse(&mut self, what: &'static str) {
        if let Some((top, levels)) = self.levels.split_last_mut() {
            let mut below = below(levels, &mut self.stored, &mut self.shared);
            let advice = match what {
                "zip" => "pipe it: unzip -p FILE | coroner -",
                "7z" => "pipe it: 7z x -so FILE | coroner -",
                "compress" => "pipe it: gzip -dc FILE | coroner -",
                "lz4-legacy" => "pipe it: lz4 -dc FILE | coroner -",
                "lzip" => "pipe it: lzip -dc FILE | coroner -",
                "lzma" => "pipe it: xz -dc FILE | coroner -",
                "rar" => "pipe it: unrar p -inul FILE | coroner -",
                _ => "decompress it first",
            };
            let trouble = Trouble::Unsupported { what, advice };
            top.feed
                .report(&mut below, trouble, top.feed.offset, None, None);
        }
        self.phase = Phase::Announce { is_read: false };
    }

    /// Puts a level on top whose kind is to be found out.
    fn push(&mut self, depth: usize) {
        self.levels.push(Level {
            feed: Feed::new("stored", self.shared.names.len()),
            role: Role::Plain,
            depth,
        });
        self.phase = Phase::Probe;
    }

    fn member(&mut self) -> Member {
        self.member_bytes = 0;
        let layers = self.levels.iter();
        let names: Vec<&str> = layers
            .filter(|level| !matches!(level.role, Role::Plain))
            .map(|level| level.feed.layer)
            .collect();
        Member {
            path: self.shared.names.clone(),
            decode: names.join(" > "),
            stored_offset: self.member_start,
        }
    }

    fn end_member(&mut self) -> Item {
        let mut units = Vec::new();
        for level in &self.levels {
            match &level.role {
                Role::Plain | Role::Text(_) => {}
                Role::Tar(_) => units.clear(),
                Role::Units(layer) => units.push((level.feed.layer, layer.n_units)),
            }
        }
        self.close();
        Item::EndOfMember(MemberEnd {
            decoded_bytes: self.member_bytes,
            units,
        })
    }

    /// Takes off the levels above the innermost archive.
    fn close(&mut self) {
        while self
            .levels
            .pop_if(|level| !matches!(level.role, Role::Tar(_)))
            .is_some()
        {}
        match self.levels.last() {
            Some(archive) if !self.shared.exhausted => {
                self.shared.names.truncate(archive.feed.n_names);
                self.phase = Phase::Archive;
            }
            _ => self.phase = Phase::Over,
        }
    }

    /// Opens the next member of the archive on top, or leaves the archive.
    fn next_entry(&mut self) {
        let Some((top, levels)) = self.levels.split_last_mut() else {
            self.phase = Phase::Over;
            return;
        };
        let mut below = below(levels, &mut self.stored, &mut self.shared);
        let Role::Tar(archive) = &mut top.role else {
            return self.close();
        };
        let limit = below.shared.limits.members_max;
        match archive.next_entry(&mut top.feed, &mut below) {
            _ if below.shared.exhausted => self.phase = Phase::Over,
            Entry::File(_) if self.n_members >= limit => {
                let trouble = Trouble::Limit {
                    name: "members_max",
                    limit,
                    needed: None,
                };
                top.feed
                    .report(&mut below, trouble, top.feed.offset, None, None);
                self.phase = Phase::Over;
            }
            Entry::File(name) => {
                self.n_members += 1;
                self.shared.names.push(name);
                self.member_start = if levels.is_empty() {
                    top.feed.offset
                } else {
                    self.stored.offset
                };
                let depth = top.depth;
                self.push(depth);
            }
            Entry::End => {
                self.levels.pop();
                self.close();
            }
        }
    }
}

/// A decoder of `container`, if that is a compression.
fn codec(container: Container, limits: &Limits) -> Option<Box<dyn Codec>> {
    Some(match container {
        Container::Bzip2 => Box::new(Bzip2::new()),
        Container::Gzip => Box::new(Gzip::new(limits)),
        Container::Lz4 => Box::new(Lz4::new()),
        Container::Xz => Box::new(Xz::new(limits)),
        Container::Zstd => Box::new(Zstd::new(limits)),
        Container::Tar | Container::Unread(_) | Container::Utf16Be | Container::Utf16Le => {
            return None;
        }
    })
}

/// All of `levels` as something to pull from.
fn below<'a>(levels: &'a mut [Level], stored: &'a mut Stored, shared: &'a mut Shared) -> Below<'a> {
    Below {
        stored,
        levels,
        shared,
    }
}
