//! The loop for wrapped sources: each line without its envelope, long lines joined again, then as in a bare log.
//!
//! Which texts are one record, [`texts`](super::texts) tells. The envelope's own facts go two ways: the machine with each event, and
//! what its times say of the zone to the ledger.

use super::{
    Block, Enveloped, Event, Place, Request, Scanner, Sink, line_behind_hole, refuse,
    texts::{Facts, Ready, Texts},
};
use crate::{
    aggregate::{Evidence, Ledger, LineClass, ledger::Reason, limits::LINE_LEN_MAX},
    classify::loose,
    event::{LocalTime, Machine},
    parse::{
        access::{AccessLine, Instant},
        head::is_head,
        wrapper::{
            self, Chain, Envelope, Joined, PIECE_GAP_MAX, Part, Pieces, Scratch, Wrapper, Writers,
            continuation, learn_offset, strip, strip_by_shape,
        },
    },
};
use std::{ops::Range, sync::Arc};

/// What a worker needs for wrapped sources.
#[derive(Debug)]
pub(super) struct Unwrapper {
    scratch: Scratch,
    pieces: Pieces,
    /// First lines of the pieces that wait.
    waiting: Vec<(Place, Facts)>,
    texts: Texts,
    writers: Writers,
    header: Header,
}

/// The line with an envelope that came last: lines that have none may go on with it.
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
            texts: Texts::default(),
            writers: Writers::default(),
            header: Header::default(),
        }
    }
}

impl Scanner<'_> {
    /// Like [`scan`](Scanner::scan), for a source wrapped in `chain`; `range` begins where `wrapper::blocked` says a chunk
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
        unwrapper.texts.smuggled.clone_from(&self.smuggled);
        let (mut at, mut n_lines) = (range.start, 0u32);
        let is_message = chain.holds_messages();
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
                is_message,
                is_further: false,
            };
            ledger.collect_lines(LineClass::Continuation, u64::from(n_more), 0);
            n_lines += 1 + n_more;
            let line = &bytes[at..end.min(at + LINE_LEN_MAX)];
            let has_return = bytes[end..next].starts_with(b"\r");
            let (line, place) = self.unwrap_glued(&mut unwrapper, line, place, chain, ledger, sink);
            let line = (line, has_return);
            self.unwrap_line(&mut unwrapper, line, place, chain, ledger, sink);
            at = next;
        }
        self.end_wrapped(&mut unwrapper, ledger, sink);
        self.unwrapper = unwrapper;
        ledger
            .line_starts
            .collect(block.offset + range.start as u64, u64::from(n_lines));
    }

    /// Takes the objects of a line that lost the newlines between them, all but the last, which is given back. As of a torn line,
    /// the place of each is that of the line, which counts as what its first object is.
    fn unwrap_glued<'b>(
        &mut self,
        unwrapper: &mut Unwrapper,
        mut line: &'b [u8],
        mut place: Place,
        chain: &Chain,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) -> (&'b [u8], Place) {
        let mut n_cut = 0;
        while n_cut < wrapper::CUT_OBJECTS_MAX
            && let Some((len, is_whole)) = wrapper::glued(chain, line)
        {
            n_cut += usize::from(!is_whole);
            let (first, rest) = line.split_at(len);
            let own = Place {
                len_bytes: len as u64,
                ..place
            };
            self.unwrap_line(unwrapper, (first, false), own, chain, ledger, sink);
            place.len_bytes -= own.len_bytes;
            place.is_further = true;
            line = rest;
        }
        (line, place)
    }

    /// Takes one line, and whether a carriage return ends it, or one entry, and reads what is whole with it.
    fn unwrap_line(
        &mut self,
        unwrapper: &mut Unwrapper,
        (line, has_return): (&[u8], bool),
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
            writers,
            header,
        } = unwrapper;
        let stripped = strip(chain, line, scratch);
        // `journalctl -o json-sse` ends each entry with it.
        if line.is_empty() && chain.layers().next() == Some(Wrapper::JournalJson) {
            return place.count(LineClass::Blank, ledger);
        }
        if place.evidence.offset.saturating_sub(header.offset) > PIECE_GAP_MAX {
            *header = Header::default();
        }
        if stripped.part == Part::Indented {
            let text = continuation(line, header.width).unwrap_or(line);
            texts.take(text, has_return, (place, header.facts.clone()), None);
            return self.read_whole(texts, ledger, sink);
        }
        if stripped.part == Part::LeftOut && !pieces.holds(&stripped) {
            texts.forget_last();
            return refuse(Reason::LeftOut, place, ledger);
        }
        let facts = Facts::of(&stripped.outer, writers);
        let has_return = has_return || stripped.has_return;
        let above = &header.facts.writer;
        let above = stripped.may_go_on_with(above).then(|| Arc::clone(above));
        if stripped.envelope == Envelope::Own {
            header.offset = place.evidence.offset;
            header.width = stripped.offset.unwrap_or(0);
            header.facts.clone_from(&facts);
        }
        if stripped.part == Part::Whole && pieces.is_empty() {
            texts.take(stripped.text, has_return, (place, facts), above.as_ref());
            return self.read_whole(texts, ledger, sink);
        }
        let (offset, end) = (
            place.evidence.offset,
            place.evidence.offset + place.len_bytes,
        );
        let mut joined_texts = Vec::new();
        pieces.expire(offset, Some(&stripped), |joined| {
            joined_texts.push(joined_text(joined, waiting))
        });
        let is_first = !pieces.holds(&stripped);
        let whole = match pieces.push(&stripped, offset, end) {
            Some(joined) if is_first => Some((joined.text.to_vec(), (place, facts), above)),
            Some(joined) => {
                place.count(LineClass::Continuation, ledger);
                let (text, from) = joined_text(joined, waiting);
                Some((text, from, None))
            }
            None => {
                match is_first {
                    true => waiting.push((place, facts)),
                    false => place.count(LineClass::Continuation, ledger),
                }
                None
            }
        };
        for (text, from) in joined_texts {
            texts.take_late(&text, has_return, from);
        }
        match whole {
            Some((text, from, above)) => texts.take(&text, has_return, from, above.as_ref()),
            None => texts.forget_last(),
        }
        self.read_whole(texts, ledger, sink);
    }

    /// Reads a line of a bare source that holds a record in an envelope of its own; whether it does. Where most lines are bare, no
    /// vote tells of it.
    pub(super) fn read_enveloped(
        &mut self,
        line: &[u8],
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) -> bool {
        // Of what holds no record, most lines, no shape is tried.
        if loose::find_wrapped(line, &mut self.heads).is_none() {
            return false;
        }
        let mut scratch = Scratch::default();
        let stripped = strip_by_shape(line, &mut scratch);
        if !is_head(stripped.text) {
            return false;
        }
        let machine = stripped.outer.machine();
        let mut with_facts = WithFacts {
            sink,
            machine,
            enveloped: &Enveloped::of(&stripped.outer),
            time: &mut None,
        };
        let place = Place {
            is_exact: false,
            ..place
        };
        self.read_record(stripped.text, place, ledger, &mut with_facts);
        if let Some(name) = machine.name() {
            ledger.collect_machine(name);
        }
        true
    }

    /// Reads the texts that are whole, in the order of their first lines.
    fn read_whole(&mut self, texts: &mut Texts, ledger: &mut Ledger, sink: &mut impl Sink) {
        while let Some(ready) = texts.next(ledger) {
            self.read_ready(ready, texts, ledger, sink);
        }
    }

    /// Reads a whole text: its events carry what the envelope says.
    fn read_ready(
        &mut self,
        ready: Ready,
        texts: &mut Texts,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let (Ready::Text(first) | Ready::Group(.., first)) = &ready;
        let facts = first.facts.clone();
        let machine = facts.writer.machine();
        let name = machine.name();
        if let Some(clocks) = &self.clocks {
            let named = name.and_then(|name| clocks.by_machine.get(name));
            self.heads.set_clock(named.or(self.clock.as_ref()));
        }
        let mut time = None;
        let mut with_facts = WithFacts {
            sink,
            machine,
            enveloped: &facts.enveloped,
            time: &mut time,
        };
        match ready {
            Ready::Group(group, apart, lines, first) => {
                let further = lines.into_iter().skip(1);
                let text = (apart.bytes(), 0);
                self.read_group(&group, text, first.place, further, ledger, &mut with_facts);
                texts.give_back(first);
            }
            Ready::Text(text) => {
                let (bytes, place) = (&text.bytes[..], text.place);
                if is_head(bytes) {
                    self.read_record(bytes, place, ledger, &mut with_facts);
                } else if !self.is_request(bytes, place, &facts, ledger, &mut with_facts) {
                    self.read_other(bytes, place, ledger, &mut with_facts);
                }
                texts.give_back(text);
            }
        }
        if let Some(name) = name {
            ledger.collect_machine(name);
        }
        if let (Some(outer_ns), Some(inner)) = (facts.instant_ns(), time)
            && let Some(offset_s) = learn_offset(outer_ns, inner)
        {
            ledger.collect_zone_offset(name, offset_s);
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
        let end = facts.instant_ns().map(Instant::from_ns);
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
            ..
        } = unwrapper;
        let mut joined_texts = Vec::new();
        pieces.expire(u64::MAX, None, |joined| {
            joined_texts.push(joined_text(joined, waiting))
        });
        for (text, from) in joined_texts {
            texts.take_late(&text, false, from);
        }
        texts.forget_last();
        while let Some(ready) = texts.last(ledger) {
            self.read_ready(ready, texts, ledger, sink);
        }
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
    machine: Machine<'a>,
    enveloped: &'a Enveloped,
    time: &'a mut Option<LocalTime>,
}

impl<S: Sink> Sink for WithFacts<'_, S> {
    fn collect(&mut self, event: &Event<'_>) {
        // The time of what somebody may have forged is his, too.
        let time = event.time().filter(|_| !event.is_doubtful);
        *self.time = self.time.or(time);
        let machine = event.machine.or(self.machine);
        self.sink.collect(&Event {
            machine,
            enveloped: Some(self.enveloped),
            ..*event
        });
    }

    fn request(&mut self, request: &Request<'_>) {
        let machine = request.machine.or(self.machine);
        self.sink.request(&Request {
            machine,
            enveloped: Some(self.enveloped),
            ..*request
        });
    }
}
