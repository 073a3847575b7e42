//! A stored stream on its way to blocks: unpacked, its members told apart and each told by its content, cut where records begin.

use super::{
    FileState, SourceState, World, panic,
    same::{ByLine, OpenArchives, Twin, add_sibling, last_line},
    source::{PathNames, push_members},
};
use crate::{
    aggregate::{SourceKey, limits},
    engine::crew::{Errand, Spring},
    error::Error,
    input::{
        Change, Content, Found, Kind, Mmap, Place, Stored, Unpacker,
        digest::{Digest, Digesting},
        stream::{Blocks, Filled, StreamBlock, last_start},
        unpack::{Ahead, Item, Member, Problem, Trouble, ahead},
    },
    parse::{
        forged::Smuggled,
        head, record,
        wrapper::{self, Chain, PIECE_GAP_MAX, Scratch},
    },
    scan::{Block, Reading},
};
use std::{
    io::{BufRead, BufReader, Cursor, Read},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

/// One block of a source, to be scanned as a whole.
pub(super) struct Portion {
    pub(super) source: SourceKey,
    pub(super) reading: Reading,
    pub(super) path: PathNames,
    pub(super) block: StreamBlock,
    /// Another source holds it too.
    pub(super) is_same: bool,
    /// Its source is the only one there is.
    pub(super) is_alone: bool,
}

impl Portion {
    pub(super) fn block(&self) -> Block<'_> {
        Block {
            source: self.source,
            offset: self.block.offset,
            bytes: &self.block.bytes,
            n_omitted: self.block.n_omitted,
        }
    }
}

/// Buffers that were scanned, to be filled again.
pub(super) type Spares = Mutex<Vec<Vec<u8>>>;

/// Draws blocks from one stored stream.
pub(super) struct Feed<'a> {
    found: &'a Found,
    stored: u32,
    world: &'a World<'a>,
    spares: &'a Spares,
    /// What others can decode of it before its turn.
    ahead: Option<Arc<Ahead>>,
    stream: Option<Stream>,
    /// The members so far, in order.
    pub(super) sources: Vec<SourceState>,
    /// How the members so far begin, if it is an archive.
    siblings: ByLine,
    /// Archives whose members those were compared with.
    elders: OpenArchives,
}

/// The stream once it is open.
struct Stream {
    /// What tells afterwards whether the file changed.
    stored: Option<Stored>,
    unpacker: Unpacker,
    digest: Option<Digest>,
    member: Option<OpenMember>,
    /// Problems met before any member.
    early: Vec<Problem>,
    n_members: u32,
    /// Stored bytes of which the progress knows.
    n_told: u64,
}

/// The member that is being read.
struct OpenMember {
    state: SourceState,
    blocks: Blocks,
    scratch: Scratch,
    /// It is no member of an archive.
    is_alone: bool,
    /// An elder stream that all so far was equal to.
    twin: Option<Twin>,
    /// Archives with elder streams.
    elders: OpenArchives,
    /// What follows the last block of those.
    held: Option<StreamBlock>,
    /// Bytes handed on, or passed over where they are not scanned.
    n_drawn: u64,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        found: &'a Found,
        stored: u32,
        world: &'a World<'a>,
        spares: &'a Spares,
    ) -> Feed<'a> {
        Feed {
            found,
            stored,
            world,
            spares,
            ahead: world.ahead(),
            stream: None,
            sources: Vec::new(),
            siblings: ByLine::default(),
            elders: OpenArchives::default(),
        }
    }

    /// Opens the stream; waits for the writer of a named pipe.
    fn open(&mut self) -> bool {
        let (reader, stored) = match open(&self.found.place) {
            Ok(opened) => opened,
            Err(error) => {
                let mut state = self.state(0, Kind::Unread("unreadable"));
                state.problems.push(error);
                self.sources.push(state);
                return false;
            }
        };
        let reader: Box<dyn BufRead + Send> = match &self.ahead {
            Some(ahead) => Box::new(ahead::Reader::new(reader, ahead)),
            None => Box::new(BufReader::with_capacity(READ_LEN, reader)),
        };
        let (reader, digest) = Digesting::new(reader);
        let limits = self.world.config.limits.clone();
        let (unpacker, digest) = if self.world.config.digests {
            (Unpacker::new(Box::new(reader), limits), Some(digest))
        } else {
            (Unpacker::new(reader.into_inner(), limits), None)
        };
        let mut unpacker = unpacker.named(self.found.name.as_os_str().as_encoded_bytes());
        if let Some(ahead) = &self.ahead {
            unpacker = unpacker.with_ahead(Arc::clone(ahead));
        }
        self.stream = Some(Stream {
            stored,
            unpacker,
            digest,
            member: None,
            early: Vec::new(),
            n_members: 0,
            n_told: 0,
        });
        true
    }

    fn state(&self, member: u32, kind: Kind) -> SourceState {
        let key = SourceKey::new(self.stored, member);
        SourceState::new(key, self.found, kind)
    }

    /// The source that the portion drawn last is of.
    pub(super) fn open_source(&self) -> Option<&SourceState> {
        let member = self.stream.as_ref()?.member.as_ref()?;
        Some(&member.state)
    }

    /// Nothing more is wanted of the source that is open: it joins the others as it is.
    pub(super) fn close_source(&mut self) {
        let member = self.stream.as_mut().and_then(|stream| stream.member.take());
        self.sources.extend(member.map(|member| member.state));
    }

    /// The next block of the member that is open, or the first of the next.
    fn next_portion(&mut self) -> Option<Portion> {
        loop {
            let stream = self.stream.as_mut()?;
            let Some(member) = &mut stream.member else {
                self.next_member()?;
                continue;
            };
            let spare = self
                .spares
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            match member.next_block(&mut stream.unpacker, spare.unwrap_or_default()) {
                Some(block) if member.state.is_scanned() => {
                    #[cfg(test)]
                    panic::trip(panic::WHILE_DRAWING, &block.bytes);
                    let (block, is_same) = member.part(block);
                    let last_line = last_line(&block.bytes);
                    member.state.last_line = last_line.or(member.state.last_line);
                    member.n_drawn = block.offset + block.bytes.len() as u64 + block.n_omitted;
                    return Some(Portion {
                        source: member.state.key,
                        reading: member.state.reading.clone(),
                        path: member.state.machine.clone(),
                        block,
                        is_same,
                        is_alone: member.is_alone && self.world.found.len() == 1,
                    });
                }
                Some(_) => {}
                None => {
                    if let Some(member) = stream.member.take() {
                        self.elders = member.elders;
                        if let Some(twin) = member.twin {
                            twin.give_back(&mut self.elders);
                        }
                        self.sources.push(member.state);
                    }
                }
            }
        }
    }

    /// Opens the next member; `None` at the end of the stream.
    fn next_member(&mut self) -> Option<()> {
        let mut room = [0; 512];
        loop {
            let stream = self.stream.as_mut()?;
            match stream.unpacker.next(&mut room) {
                Item::Member(member) => {
                    let mut state = self.state(self.stream.as_ref()?.n_members, Kind::Empty);
                    // What an archive holds was met, not named.
                    state.named &= member.path.is_empty();
                    let stream = self.stream.as_mut()?;
                    stream.n_members += 1;
                    let is_alone = member.path.is_empty();
                    state.enter(member);
                    state.troubles.append(&mut stream.early);
                    let elders = std::mem::take(&mut self.elders);
                    let unpacker = &mut stream.unpacker;
                    let siblings = (!is_alone).then_some(&mut self.siblings);
                    let member = OpenMember::new(state, siblings, unpacker, self.world, elders);
                    stream.member = Some(member);
                    return Some(());
                }
                // What is said between two members belongs to the first.
                Item::Problem(problem) => match self.sources.last_mut() {
                    Some(last) => last.troubles.push(problem),
                    None => stream.early.push(problem),
                },
                Item::Bytes(_) | Item::Seam | Item::EndOfMember(_) => {}
                Item::End => {
                    self.close();
                    return None;
                }
            }
        }
    }

    /// Notes what is known only at the end of the stream.
    fn close(&mut self) {
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        self.ahead = None; // what it keeps at hand is for others
        if self.sources.is_empty() {
            // Nothing in it could be read, or it is an archive without files.
            let mut state = self.state(0, Kind::Unread("unreadable"));
            state.troubles = stream.early;
            if state.troubles.is_empty() {
                state.kind = Kind::Empty;
            }
            self.sources.push(state);
        }
        let n_read = stream.unpacker.stored_offset();
        self.world.progress.read(n_read - stream.n_told);
        self.world.progress.file_done();
        let stored = stream.stored.as_ref();
        // Pipes and files in /proc have no size.
        let size_bytes = stored
            .and_then(Stored::snapshot)
            .map_or(n_read, |snapshot| snapshot.len);
        let file = stored.and_then(FileState::of);
        let changed = stored.and_then(Stored::change);
        let is_cut = matches!(changed, Some(Change::Shrank(_)));
        // What was read to its end before it was cut is what it was.
        let is_old = is_cut || changed.is_none_or(Change::keeps_old);
        // A digest of less than the file would be none of it: then that is read by itself, as it was when it was opened. Of a pipe the
        // rest is not known.
        let sha256 = stream.digest.and_then(|digest| match stored {
            Some(stored) if digest.len() != size_bytes => stored.sha256(),
            _ if file.is_none() && !stream.unpacker.is_at_end() => None,
            _ => Some(digest.finish()).filter(|_| is_old),
        });
        let lost = Some(n_read..size_bytes).filter(|lost| is_cut && !lost.is_empty());
        for state in &mut self.sources {
            state.file = file;
            state.changed = changed;
            state.lost.extend(lost.clone());
            state.size_bytes = size_bytes;
            state.sha256.clone_from(&sha256);
        }
    }
}

impl Spring for Feed<'_> {
    type Portion = Portion;

    fn draw(&mut self) -> Option<Portion> {
        let is_new = self.stream.is_none() && self.sources.is_empty();
        if is_new && !self.open() {
            self.world.progress.file_done();
            return None;
        }
        let portion = self.next_portion();
        if let Some(stream) = &mut self.stream {
            let n_read = stream.unpacker.stored_offset();
            self.world.progress.read(n_read - stream.n_told);
            stream.n_told = n_read;
        }
        portion
    }

    /// The rest of the stream is lost: of the open member, what was not handed on.
    fn break_off(&mut self, what: String) {
        let member = self.stream.as_mut().and_then(|stream| stream.member.take());
        let mut start = 0;
        if let Some(OpenMember {
            mut state, n_drawn, ..
        }) = member
        {
            start = n_drawn;
            state.decoded_bytes = n_drawn;
            self.sources.push(state);
        }
        if self.sources.is_empty() {
            self.sources.push(self.state(0, Kind::Unread("unreadable")));
        }
        let error = panic::error(self.found.place.path(), start, None, what);
        if let Some(last) = self.sources.last_mut() {
            last.problems.push(error);
        }
        match self.stream {
            Some(_) => self.close(),
            None => self.world.progress.file_done(),
        }
    }

    fn n_bytes(portion: &Portion) -> usize {
        portion.block.bytes.capacity()
    }

    fn errand(&self) -> Option<Arc<dyn Errand>> {
        let ahead = Arc::clone(self.ahead.as_ref()?);
        Some(ahead)
    }
}

impl Errand for Ahead {
    fn run(&self) -> bool {
        self.help()
    }
}

impl OpenMember {
    /// Begins with the bytes that tell its kind and its envelope.
    fn new(
        mut state: SourceState,
        siblings: Option<&mut ByLine>,
        unpacker: &mut Unpacker,
        world: &World<'_>,
        mut elders: OpenArchives,
    ) -> OpenMember {
        let mut blocks = Blocks::new(limits::LINE_LEN_MAX);
        let pieces = blocks.peek(|room| fill(unpacker, &mut state, room));
        let sample = pieces[0];
        // The first piece may be little, and wrong: it ends where damage was noticed.
        let is_told = pieces
            .iter()
            .any(|piece| state.recognise(piece, world.config));
        if !is_told && pieces.len() > 1 {
            state.recognise(sample, world.config);
        }
        if let (Kind::Empty, Some(what)) = (state.kind, state.troubles.last().and_then(refused)) {
            state.kind = Kind::Unread(what);
        }
        let twin = world.twin(&mut state, siblings.as_deref(), sample, &mut elders);
        let is_alone = siblings.is_none();
        if let Some(siblings) = siblings {
            add_sibling(siblings, &state, sample);
        }
        OpenMember {
            state,
            blocks,
            scratch: Scratch::default(),
            is_alone,
            twin,
            elders,
            held: None,
            n_drawn: 0,
        }
    }

    fn next_block(&mut self, unpacker: &mut Unpacker, spare: Vec<u8>) -> Option<StreamBlock> {
        let OpenMember {
            state,
            blocks,
            scratch,
            held,
            ..
        } = self;
        if let Some(block) = held.take() {
            return Some(block);
        }
        let (chain, smuggled) = (state.reading.chain, state.reading.smuggled.clone());
        let smuggled = smuggled.as_deref();
        let find_cut = |bytes: &[u8]| match chain.block() {
            Some(_) => last_entry_end(&chain, bytes, smuggled, scratch),
            None if chain.is_bare() => {
                let n_known = bytes.len().saturating_sub(record::START_KNOWN_LEN);
                last_start(&bytes[..n_known], |_, at| {
                    record::blocked(bytes, at, smuggled)
                })
            }
            None => {
                // What comes behind the cut must be at hand to see that it goes on with nothing before.
                let n_known = bytes.len().saturating_sub(PIECE_GAP_MAX as usize + 1);
                last_start(&bytes[..n_known], |_, at| {
                    wrapper::blocked(&chain, bytes, at, smuggled, scratch)
                })
            }
        };
        blocks.next_block(|room| fill(unpacker, state, room), find_cut, spare)
    }
}

/// How much of `bytes`, of which `common` are the same as another's, is to be left to that one: all, or up to the last place
/// before where a record begins.
pub(super) fn cut_at(
    reading: &Reading,
    bytes: &[u8],
    common: usize,
    scratch: &mut Scratch,
) -> usize {
    if common == bytes.len() {
        return common;
    }
    let smuggled = reading.smuggled.as_deref();
    match reading.chain.block() {
        Some(_) => last_entry_end(&reading.chain, &bytes[..common], smuggled, scratch).unwrap_or(0),
        // A line that starts where they part may begin a record as well.
        None => last_start(&bytes[..bytes.len().min(common + 1)], |_, at| {
            blocked(reading, bytes, at, scratch)
        })
        .unwrap_or(0),
    }
}

/// The bytes of a place, from the first, read and not mapped: whatever happens to a file meanwhile, it costs no signal.
fn open(place: &Place) -> Result<(Box<dyn Read + Send>, Option<Stored>), Error> {
    let path = match place {
        Place::Stdin => return Ok((Box::new(std::io::stdin()), None)),
        Place::File(path) | Place::Pipe(path) => path,
    };
    let mut stored = Stored::open(path, Mmap::Never)?;
    let empty = Content::Stream(Box::new(std::io::empty()));
    match std::mem::replace(&mut stored.content, empty) {
        Content::Stream(reader) => Ok((reader, Some(stored))),
        Content::Mapped(file) => Ok((Box::new(Cursor::new(file.to_vec())), Some(stored))), // never asked for
    }
}

impl OpenMember {
    /// The first part of a block: what the elder stream holds too, or else all of it; the rest is held.
    fn part(&mut self, mut block: StreamBlock) -> (StreamBlock, bool) {
        let Some(twin) = &mut self.twin else {
            return (block, false);
        };
        let common = match (block.n_hole, block.n_omitted) {
            (0, 0) => twin.common(&block.bytes, &mut self.elders),
            // What was left out cannot be compared.
            _ => {
                twin.is_apart = true;
                0
            }
        };
        let elder = twin.elder;
        self.state.is_apart = twin.is_apart;
        if common < block.bytes.len()
            && let Some(twin) = self.twin.take()
        {
            twin.give_back(&mut self.elders);
        }
        let len = cut_at(&self.state.reading, &block.bytes, common, &mut self.scratch);
        self.state.completes = (len < common && !self.state.is_apart).then_some(elder);
        if len == 0 {
            return (block, false);
        }
        self.state.same_as = Some(elder);
        let rest = block.bytes.split_off(len);
        self.held = (!rest.is_empty()).then(|| StreamBlock {
            offset: block.offset + len as u64,
            bytes: rest,
            n_hole: 0,
            n_omitted: block.n_omitted,
        });
        block.n_omitted = 0;
        (block, true)
    }
}

/// The container that is not read, if that is the problem.
fn refused(problem: &Problem) -> Option<&'static str> {
    match problem.trouble {
        Trouble::Unsupported { what, .. } => Some(what).filter(|what| *what == problem.layer),
        _ => None,
    }
}

/// Takes the next bytes of the open member.
fn fill(unpacker: &mut Unpacker, state: &mut SourceState, room: &mut [u8]) -> Filled {
    loop {
        match unpacker.next(room) {
            Item::Bytes(n) => {
                state.decoded_bytes += n as u64;
                return Filled::Bytes(n);
            }
            Item::Seam => return Filled::Seam,
            Item::Problem(problem) => state.troubles.push(problem),
            Item::EndOfMember(end) => {
                state.units = end.units;
                return Filled::End;
            }
            Item::Member(_) | Item::End => return Filled::End,
        }
    }
}

/// Where around the line that starts at `at` no chunk may begin, in a source that is read so; `None` if one may begin there.
pub(super) fn blocked(
    reading: &Reading,
    bytes: &[u8],
    at: usize,
    scratch: &mut Scratch,
) -> Option<Range<usize>> {
    let smuggled = reading.smuggled.as_deref();
    if reading.chain.is_bare() {
        record::blocked(bytes, at, smuggled)
    } else {
        wrapper::blocked(&reading.chain, bytes, at, smuggled, scratch)
    }
}

/// Where the last whole entry of `bytes` ends that no record goes on behind; if there is none, the last of all. The entry at the
/// end may go on in bytes that are not there yet.
fn last_entry_end(
    chain: &Chain,
    bytes: &[u8],
    smuggled: Option<&Smuggled>,
    scratch: &mut Scratch,
) -> Option<usize> {
    let kind = chain.block()?;
    let (mut ends, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        at += wrapper::block_len(kind, &bytes[at..]).max(1);
        ends.push(at);
    }
    ends.pop();
    let mut begins = |at: usize| {
        let entry = &bytes[at..at + wrapper::block_len(kind, &bytes[at..])];
        head::is_head(wrapper::strip(chain, entry, scratch).text)
            && !wrapper::entry_is_inside(chain, bytes, &ends, at, smuggled, scratch)
    };
    let tried = ends.iter().rev().take(ENTRIES_TRIED);
    tried
        .copied()
        .find(|&at| begins(at))
        .or(ends.last().copied())
}

/// Entries tried, from the end, for one that begins a record: a journal has those of other programs too.
const ENTRIES_TRIED: usize = 256;

impl SourceState {
    /// Takes over what the archive says of a member.
    fn enter(&mut self, member: Member) {
        let Member { path, decode, .. } = member;
        push_members(&mut self.name, &path);
        self.decode = decode;
        self.name_machine();
    }
}

/// Bytes of a stored stream that are read at once.
const READ_LEN: usize = 256 << 10;
