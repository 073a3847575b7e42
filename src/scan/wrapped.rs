//! The loop for wrapped sources: each line without its envelope, long lines joined again, then as in a bare log.
//!
//! A record is kept until the next text of the same writer tells whether it goes on: a copy of some hundred bytes, since its
//! lines do not lie together and others may stand between them. The envelope's own facts go two ways: the machine with each event, and what its times say of the zone to the ledger.

use super::{Block, Event, Place, Request, Scanner, Sink, line_behind_hole};
use crate::{
    aggregate::{Evidence, Ledger, LineClass, limits::LINE_LEN_MAX},
    event::LocalTime,
    parse::{
        access::{AccessLine, Instant},
        head::is_head,
        record,
        wrapper::{
            self, Chain, Joined, Outer, OuterTime, PIECE_GAP_MAX, Part, Pieces, Scratch, Stream,
            continuation, learn_offset, strip,
        },
    },
};
use std::{collections::VecDeque, ops::Range, sync::Arc};

/// What a worker needs for wrapped sources.
#[derive(Debug)]
pub(super) struct Unwrapper {
    scratch: Scratch,
    pieces: Pieces,
    /// First lines of the pieces that wait.
    waiting: Vec<(Place, Facts)>,
    /// Texts in the order of their first lines; the first is not whole yet, or there is none.
    texts: VecDeque<Text>,
    /// Buffers of texts that were read.
    spares: Vec<Vec<u8>>,
    machine: Option<Arc<[u8]>>,
    header: Header,
}

/// The line with an envelope that came last: indented lines go on with it.
#[derive(Debug, Default)]
struct Header {
    offset: u64,
    /// Length of its envelope.
    width: usize,
    facts: Facts,
}

impl Default for Unwrapper {
    fn default() -> Unwrapper {
        Unwrapper {
            scratch: Scratch::default(),
            pieces: Pieces::new(LINE_LEN_MAX),
            waiting: Vec::new(),
            texts: VecDeque::new(),
            spares: Vec::new(),
            machine: None,
            header: Header::default(),
        }
    }
}

/// Texts kept while one of them may go on. So many machines or streams may write into one source at a time before a record
/// over several lines is torn apart.
const TEXTS_MAX: usize = 16;

/// A text of which the next lines may be part.
#[derive(Debug)]
struct Text {
    bytes: Vec<u8>,
    place: Place,
    facts: Facts,
    /// It is a record, and no tail came yet.
    is_open: bool,
    /// Nothing can be part of it any more.
    is_whole: bool,
}

/// What an envelope says, kept beyond its line.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// Host, pod or container: whatever tells machines apart.
    machine: Option<Arc<[u8]>>,
    stream: Option<Stream>,
    /// Nanoseconds since 1970.
    instant_ns: Option<i64>,
}

impl Facts {
    /// `lately` is the machine of the line before.
    fn of(outer: &Outer<'_>, lately: &mut Option<Arc<[u8]>>) -> Facts {
        let machine = outer.machine();
        if machine != lately.as_deref() {
            *lately = machine.map(Arc::from);
        }
        let instant_ns = match outer.time {
            Some(OuterTime::Instant { ns, .. }) => Some(ns),
            _ => None,
        };
        Facts {
            machine: lately.clone(),
            stream: outer.stream,
            instant_ns,
        }
    }

    /// Whether both lines are of one writer, so that one may go on with the other.
    fn are_of_one_writer(&self, other: &Facts) -> bool {
        self.stream == other.stream && self.machine == other.machine
    }
}

impl Scanner<'_> {
    /// Like [`scan`](Scanner::scan), for a source wrapped in `chain`; `range` begins where `wrapper::may_start` says a chunk
    /// can, or, if its entries span lines, with an entry.
    pub(super) fn scan_wrapped(
        &mut self,
        block: Block<'_>,
        range: Range<usize>,
        chain: &Chain,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let bytes = &block.bytes[..range.end];
        let mut unwrapper = std::mem::take(&mut self.unwrapper);
        let (mut at, mut n_lines) = (range.start, 0u32);
        while at < bytes.len() {
            let (end, next) = match chain.block() {
                Some(kind) => {
                    let next = at + wrapper::block_len(kind, &bytes[at..]).max(1);
                    (next, next)
                }
                None => {
                    let (n_hole, line) = line_behind_hole(bytes, at);
                    ledger.n_hole_bytes += n_hole as u64;
                    at = line.start;
                    (line.end, line.next)
                }
            };
            let omitted = if next == block.bytes.len() {
                block.n_omitted
            } else {
                0
            };
            let evidence = Evidence {
                source: block.source,
                offset: block.offset + at as u64,
                line_in_chunk: n_lines,
            };
            let n_more = match chain.block() {
                Some(_) => memchr::memchr_iter(b'\n', &bytes[at..next - 1]).count() as u32,
                None => 0,
            };
            let place = Place {
                evidence,
                len_bytes: (next - at) as u64 + omitted,
                is_exact: false,
            };
            ledger.collect_lines(LineClass::Continuation, u64::from(n_more), 0);
            n_lines += 1 + n_more;
            let line = &bytes[at..end.min(at + LINE_LEN_MAX)];
            self.unwrap_line(&mut unwrapper, line, place, chain, ledger, sink);
            at = next;
        }
        self.end_wrapped(&mut unwrapper, ledger, sink);
        self.unwrapper = unwrapper;
        ledger
            .line_starts
            .collect(block.offset + range.start as u64, u64::from(n_lines));
    }

    /// Takes one line, or one entry, and reads what is whole with it.
    fn unwrap_line(
        &mut self,
        unwrapper: &mut Unwrapper,
        line: &[u8],
        place: Place,
        chain: &Chain,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let Unwrapper {
            scratch,
            pieces,
            waiting,
            texts,
            spares,
            machine,
            header,
        } = unwrapper;
        let stripped = strip(chain, line, scratch);
        if stripped.part == Part::Indented {
            if place.evidence.offset.saturating_sub(header.offset) > PIECE_GAP_MAX {
                *header = Header::default();
            }
            let text = continuation(line, header.width).unwrap_or(line);
            let from = (place, header.facts.clone());
            self.take_text(texts, spares, text, from, ledger);
            return self.read_whole(texts, spares, ledger, sink);
        }
        let facts = Facts::of(&stripped.outer, machine);
        header.offset = place.evidence.offset;
        header.width = stripped.offset.unwrap_or(0);
        header.facts.clone_from(&facts);
        if stripped.part == Part::Whole && pieces.is_empty() {
            self.take_text(texts, spares, stripped.text, (place, facts), ledger);
            return self.read_whole(texts, spares, ledger, sink);
        }
        let (offset, end) = (
            place.evidence.offset,
            place.evidence.offset + place.len_bytes,
        );
        let mut joined_texts = Vec::new();
        pieces.expire(offset, |joined| {
            joined_texts.push(joined_text(joined, waiting))
        });
        let is_first = !pieces.holds(&stripped);
        match pieces.push(&stripped, offset, end) {
            Some(joined) if is_first => joined_texts.push((joined.text.to_vec(), (place, facts))),
            Some(joined) => {
                ledger.collect_line(LineClass::Continuation, place.len_bytes);
                joined_texts.push(joined_text(joined, waiting));
            }
            None if is_first => waiting.push((place, facts)),
            None => ledger.collect_line(LineClass::Continuation, place.len_bytes),
        }
        for (text, from) in joined_texts {
            self.take_text(texts, spares, &text, from, ledger);
        }
        self.read_whole(texts, spares, ledger, sink);
    }

    /// Takes the next text of the source: it goes on with an earlier one, begins a record, or is something else.
    fn take_text(
        &mut self,
        texts: &mut VecDeque<Text>,
        spares: &mut Vec<Vec<u8>>,
        bytes: &[u8],
        (place, facts): (Place, Facts),
        ledger: &mut Ledger,
    ) {
        let begins = is_head(bytes);
        let same_writer = |text: &&mut Text| !text.is_whole && text.facts.are_of_one_writer(&facts);
        if let Some(open) = texts.iter_mut().rev().find(same_writer) {
            let is_near = place.evidence.offset - open.place.evidence.offset <= PIECE_GAP_MAX;
            let behind = open.bytes.len() + 1;
            if is_near && !begins && record::continues(open.is_open, bytes, behind) {
                open.is_open &= !record::has_tail(bytes);
                open.bytes.push(b'\n');
                open.bytes.extend_from_slice(bytes);
                return ledger.collect_line(LineClass::Continuation, place.len_bytes);
            }
            open.is_whole = true;
        }
        let mut copy = spares.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        texts.push_back(Text {
            bytes: copy,
            place,
            facts,
            is_open: begins && !record::has_tail(bytes) && self.has_connection(bytes),
            is_whole: !begins,
        });
    }

    /// Whether a record has a connection, so that a tail must come.
    fn has_connection(&mut self, text: &[u8]) -> bool {
        self.heads
            .parse(text)
            .is_ok_and(|head| head.connection.is_some())
    }

    /// Reads the texts that are whole, in the order of their first lines.
    fn read_whole(
        &mut self,
        texts: &mut VecDeque<Text>,
        spares: &mut Vec<Vec<u8>>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        while texts.front().is_some_and(|text| text.is_whole) || texts.len() > TEXTS_MAX {
            let Some(text) = texts.pop_front() else {
                return;
            };
            self.read_text(&text.bytes, text.place, &text.facts, ledger, sink);
            spares.push(text.bytes);
        }
    }

    /// Reads a whole text: its events carry what the envelope says.
    fn read_text(
        &mut self,
        text: &[u8],
        place: Place,
        facts: &Facts,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let mut time = None;
        let mut with_facts = WithFacts {
            sink,
            machine: facts.machine.as_deref(),
            time: &mut time,
        };
        if is_head(text) {
            self.read_record(text, place, ledger, &mut with_facts);
        } else if !self.is_request(text, place, facts, ledger, &mut with_facts) {
            self.read_other(text, place, ledger, &mut with_facts);
        }
        if let Some(machine) = &facts.machine {
            ledger.collect_machine(machine);
        }
        if let (Some(outer_ns), Some(inner)) = (facts.instant_ns, time)
            && let Some(offset_s) = learn_offset(outer_ns, inner)
        {
            ledger.collect_zone_offset(offset_s);
        }
    }

    /// Reads a text that is a line of a request in a format of the source; whether it is.
    fn is_request(
        &mut self,
        text: &[u8],
        place: Place,
        facts: &Facts,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) -> bool {
        let Some(formats) = self.formats.clone() else {
            return false;
        };
        let end = facts.instant_ns.map(Instant::from_ns);
        let mut fields = AccessLine::default();
        self.read_request(text, &mut fields, place, &formats, end, ledger, sink)
            .is_ok()
    }

    /// Reads what waits for more at the end of a chunk, where nothing can be waiting that comes.
    fn end_wrapped(
        &mut self,
        unwrapper: &mut Unwrapper,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let Unwrapper {
            pieces,
            waiting,
            texts,
            spares,
            ..
        } = unwrapper;
        let mut joined_texts = Vec::new();
        pieces.expire(u64::MAX, |joined| {
            joined_texts.push(joined_text(joined, waiting))
        });
        for (text, from) in joined_texts {
            self.take_text(texts, spares, &text, from, ledger);
        }
        texts.iter_mut().for_each(|text| text.is_whole = true);
        self.read_whole(texts, spares, ledger, sink);
        unwrapper.header = Header::default();
    }
}

/// A joined text with where its first line is, which waits no more.
fn joined_text(joined: Joined<'_>, waiting: &mut Vec<(Place, Facts)>) -> (Vec<u8>, (Place, Facts)) {
    let first = waiting
        .iter()
        .position(|(place, _)| place.evidence.offset == joined.offset)
        .expect("the first line of every text that is held waits");
    (joined.text.to_vec(), waiting.swap_remove(first))
}

/// Adds to events what their envelope says, and notes their time.
struct WithFacts<'a, S> {
    sink: &'a mut S,
    machine: Option<&'a [u8]>,
    time: &'a mut Option<LocalTime>,
}

impl<S: Sink> Sink for WithFacts<'_, S> {
    fn collect(&mut self, event: &Event<'_>) {
        *self.time = self.time.or(event.time());
        let machine = event.machine.or(self.machine);
        self.sink.collect(&Event { machine, ..*event });
    }

    fn request(&mut self, request: &Request<'_>) {
        let machine = request.machine.or(self.machine);
        self.sink.request(&Request {
            machine,
            ..*request
        });
    }
}
