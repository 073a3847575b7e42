//! Texts out of their envelopes, until it is known how many of them are one record.
//!
//! A text is kept until the next of the same writer tells whether it goes on: a copy of some hundred bytes, since its lines do not
//! lie together and others may stand between them. One behind which forged lines may stand is kept until as much of its writer is
//! there as a record can have. All limits count from the text itself, so that it does not matter where a chunk begins.

use super::{Enveloped, Place};
use crate::{
    aggregate::{Ledger, LineClass},
    lines::Line,
    parse::{
        HeadParser,
        forged::{
            self, Group, Smuggled,
            apart::{Apart, is_enough},
        },
        head::is_head,
        record,
        wrapper::{Outer, OuterTime, PIECE_GAP_MAX, Writer, Writers},
    },
};
use memchr::memchr;
use std::{collections::VecDeque, sync::Arc};

/// Texts that may begin, of all writers together, before one no more goes on.
pub const TEXTS_MAX: u64 = 256;

/// Writers remembered; past it, those that write on are met again.
const WRITERS_MAX: usize = 256;

/// Texts in the order of their first lines.
#[derive(Debug, Default)]
pub(super) struct Texts {
    queue: VecDeque<Text>,
    /// Texts that were begun.
    n_begun: u64,
    /// Offset of the last line.
    offset: u64,
    /// Number of the text that it is of, if it is of one in the queue.
    last: Option<u64>,
    /// Bytes of the writer of the first text from there on, once they were counted.
    reach: Option<usize>,
    /// Buffers of texts that were read.
    spares: Vec<(Vec<u8>, Vec<Further>)>,
    heads: HeadParser,
    apart: Apart,
    /// What clients smuggled into the source, if that is known.
    pub(super) smuggled: Option<Arc<Smuggled>>,
}

/// A text of which the next lines may be part.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) place: Place,
    pub(super) facts: Facts,
    /// Who wrote the line above, if it has no envelope of its own: it may be of a record of that writer.
    above: Option<Arc<Writer>>,
    /// Lines behind the first that are part of it.
    further: Vec<Further>,
    has_return: bool,
    /// How many were begun before it.
    number: u64,
    /// It is a record, and no tail came yet.
    is_open: bool,
    /// Nothing can be part of it any more.
    is_whole: bool,
    /// Forged lines may stand behind it.
    can_begin: bool,
}

/// A line that goes on with a text.
#[derive(Clone, Copy, Debug)]
struct Further {
    /// Where it begins in the bytes of the text.
    start: usize,
    place: Place,
    has_return: bool,
}

/// What an envelope says, kept beyond its line.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) writer: Arc<Writer>,
    pub(super) enveloped: Enveloped,
}

impl Facts {
    pub(super) fn of(outer: &Outer<'_>, writers: &mut Writers) -> Facts {
        let writer = writers.writer(outer, WRITERS_MAX);
        Facts {
            writer: Arc::clone(writer),
            enveloped: Enveloped::of(outer),
        }
    }

    /// Nanoseconds since 1970.
    pub(super) fn instant_ns(&self) -> Option<i64> {
        match self.enveloped.written? {
            OuterTime::Instant { ns, .. } => Some(ns),
            _ => None,
        }
    }
}

fn is_one(a: &Arc<Writer>, b: &Arc<Writer>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// What is to be read next.
pub(super) enum Ready {
    Text(Text),
    /// A record with forged lines: what it is, its bytes, where its lines stand, and the first text of it.
    Group(Group, Apart, Vec<(Line, Option<Place>)>, Text),
}

impl Texts {
    /// Takes the next text of the source: it goes on with an earlier one, begins a record, or is something else. `above` is who
    /// wrote the line before, if that may be of the same message.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        has_return: bool,
        (place, facts): (Place, Facts),
        above: Option<&Arc<Writer>>,
    ) {
        self.offset = place.evidence.offset;
        let begins = is_head(bytes);
        let len = bytes.len() + usize::from(has_return);
        self.count_ahead(len, &facts.writer, above);
        if !begins && above.is_some() && self.goes_on_with_last(bytes, has_return, place) {
            return;
        }
        let offset = self.offset;
        if let Some(open) = self.open_text(|text| is_one(&text.facts.writer, &facts.writer)) {
            if !begins && open.goes_on(bytes, offset) {
                open.push(bytes, has_return, place);
                self.last = Some(open.number);
                return;
            }
            open.is_whole = true;
        }
        let (mut copy, mut further) = self.spares.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        further.clear();
        let text = Text {
            bytes: copy,
            place,
            facts,
            above: above.cloned(),
            further,
            has_return,
            number: self.n_begun,
            is_open: begins && !record::has_tail(bytes) && self.has_connection(bytes),
            is_whole: !begins,
            can_begin: begins && forged::can_begin(bytes, self.smuggled.as_deref()),
        };
        self.last = Some(text.number);
        self.n_begun += 1;
        self.queue.push_back(text);
    }

    /// Adds a line to the text that the line above it is of, whoever wrote that; whether it goes on with it.
    fn goes_on_with_last(&mut self, line: &[u8], has_return: bool, place: Place) -> bool {
        let (last, offset) = (self.last, self.offset);
        let open = self.open_text(|text| last == Some(text.number));
        let open = open.filter(|open| open.goes_on(line, offset));
        open.map(|open| open.push(line, has_return, place))
            .is_some()
    }

    /// The last of the texts that may still go on and are sought.
    fn open_text(&mut self, is_sought: impl Fn(&Text) -> bool) -> Option<&mut Text> {
        let oldest = self.n_begun.saturating_sub(TEXTS_MAX);
        let lately = self.queue.iter_mut().rev();
        let mut lately = lately.take_while(|text| text.number >= oldest);
        lately.find(|text| !text.is_whole && is_sought(text))
    }

    /// Takes a text whose lines lie before the last line.
    pub(super) fn take_late(&mut self, bytes: &[u8], has_return: bool, from: (Place, Facts)) {
        let last = self.last;
        self.take(bytes, has_return, from, None);
        self.last = last;
    }

    /// The last line is of no text that was taken: nothing goes on with it.
    pub(super) fn forget_last(&mut self) {
        self.last = None;
    }

    /// Whether a record has a connection, so that a tail must come.
    fn has_connection(&mut self, text: &[u8]) -> bool {
        let head = self.heads.parse(text);
        head.is_ok_and(|head| head.connection.is_some())
    }

    /// Counts a line of `len` bytes that comes, of `writer` and below a line of another.
    fn count_ahead(&mut self, len: usize, writer: &Arc<Writer>, above: Option<&Arc<Writer>>) {
        if let (Some(reach), Some(first)) = (&mut self.reach, self.queue.front())
            && first.may_hold(writer, above)
        {
            *reach += len + 1;
        }
    }

    /// The first text of which all is known that can be part of it.
    pub(super) fn next(&mut self, ledger: &mut Ledger) -> Option<Ready> {
        let first = self.queue.front()?;
        let n_newer = self.n_begun - 1 - first.number;
        let is_far = self.offset.saturating_sub(first.place.evidence.offset) > PIECE_GAP_MAX;
        if !first.is_whole && !is_far && n_newer < TEXTS_MAX {
            return None;
        }
        if !first.can_begin {
            return self.pop(ledger);
        }
        if is_far || is_enough(self.reach()) {
            return self.pop(ledger);
        }
        None
    }

    /// The first text, at the end of a chunk, where nothing comes that can be part of it.
    pub(super) fn last(&mut self, ledger: &mut Ledger) -> Option<Ready> {
        self.pop(ledger)
    }

    /// A buffer that was read, to be used again.
    pub(super) fn give_back(&mut self, text: Text) {
        self.spares.push((text.bytes, text.further));
    }

    fn reach(&mut self) -> usize {
        *self.reach.get_or_insert_with(|| {
            let Some(first) = self.queue.front() else {
                return 0;
            };
            let texts = self.queue.iter();
            let same = texts.filter(|text| first.may_hold(&text.facts.writer, text.above.as_ref()));
            same.map(Text::len).sum()
        })
    }

    fn pop(&mut self, ledger: &mut Ledger) -> Option<Ready> {
        self.reach = None;
        if self.queue.front()?.can_begin
            && let Some(ready) = self.pop_group()
        {
            return Some(ready);
        }
        let text = self.queue.pop_front()?;
        for further in &text.further {
            further.place.count(LineClass::Continuation, ledger);
        }
        Some(Ready::Text(text))
    }

    /// The record with forged lines that begins with the first text, if it does.
    #[inline(never)]
    fn pop_group(&mut self) -> Option<Ready> {
        let names = self.put_together();
        let group = self.apart.find_group(self.smuggled.as_deref())?;
        let apart = std::mem::take(&mut self.apart);
        let mut n_used = vec![0; self.queue.len()];
        let mut lines = Vec::new();
        for (line, name) in apart.lines() {
            let (text, number) = names[name];
            let is_own = number == n_used[text];
            n_used[text] = number + 1;
            lines.push((line, is_own.then(|| self.queue[text].place_of(number))));
        }
        let mut first = None;
        for (text, n_used) in std::mem::take(&mut self.queue).into_iter().zip(n_used) {
            if n_used == 0 {
                self.queue.push_back(text);
                continue;
            }
            self.queue.extend(text.rest(n_used));
            first = first.or(Some(text));
        }
        Some(Ready::Group(group, apart, lines, first?))
    }

    /// Puts lines of the writer of the first text together, as many as may be of one record; for each, of which text it is, and
    /// the how manieth.
    fn put_together(&mut self) -> Vec<(usize, usize)> {
        let (mut names, apart) = (Vec::new(), &mut self.apart);
        apart.clear();
        let Some(first) = self.queue.front() else {
            return names;
        };
        let (line, has_return) = first.line(0);
        if memchr(b'\n', line).is_some() {
            // It came in one envelope: others are no part of it.
            for line in line.split(|&byte| byte == b'\n') {
                apart.push(line, false, names.len());
                names.push((0, 0));
            }
            if has_return {
                apart.end_with_return();
            }
            return names;
        }
        let start = first.place.evidence.offset;
        for (index, text) in self.queue.iter().enumerate() {
            if !first.may_hold(&text.facts.writer, text.above.as_ref()) {
                continue;
            }
            for number in 0..=text.further.len() {
                let is_near = text.place_of(number).evidence.offset - start <= PIECE_GAP_MAX;
                let (line, has_return) = text.line(number);
                if !is_near || apart.is_enough() || memchr(b'\n', line).is_some() {
                    return names;
                }
                apart.push(line, has_return, names.len());
                names.push((index, number));
            }
        }
        names
    }
}

impl Text {
    /// Whether its record may hold lines of `writer` that stand below one of `above`.
    fn may_hold(&self, writer: &Arc<Writer>, above: Option<&Arc<Writer>>) -> bool {
        let own = &self.facts.writer;
        is_one(writer, own) || above.is_some_and(|above| is_one(above, own))
    }

    /// Whether a line at `offset` that begins no record goes on with it.
    fn goes_on(&self, line: &[u8], offset: u64) -> bool {
        let is_near = offset - self.place.evidence.offset <= PIECE_GAP_MAX;
        is_near && record::continues(self.is_open, line, self.bytes.len() + 1)
    }

    /// Adds a line that goes on with it.
    fn push(&mut self, line: &[u8], has_return: bool, place: Place) {
        self.is_open &= !record::has_tail(line);
        self.bytes.push(b'\n');
        self.further.push(Further {
            start: self.bytes.len(),
            place,
            has_return,
        });
        self.bytes.extend_from_slice(line);
    }

    /// With newlines.
    fn len(&self) -> usize {
        let further = self.further.iter();
        let n_returns = further.filter(|further| further.has_return).count();
        self.bytes.len() + 1 + n_returns + usize::from(self.has_return)
    }

    /// Its line of such a number, from 0, and whether a carriage return stood behind it.
    fn line(&self, number: usize) -> (&[u8], bool) {
        let end = self
            .further
            .get(number)
            .map_or(self.bytes.len(), |next| next.start - 1);
        match number.checked_sub(1).map(|number| self.further[number]) {
            None => (&self.bytes[..end], self.has_return),
            Some(own) => (&self.bytes[own.start..end], own.has_return),
        }
    }

    fn place_of(&self, number: usize) -> Place {
        match number.checked_sub(1) {
            None => self.place,
            Some(number) => self.further[number].place,
        }
    }

    /// What is left behind its first `n` lines: no records.
    fn rest(&self, n: usize) -> impl Iterator<Item = Text> {
        (n..=self.further.len()).map(|number| {
            let (line, has_return) = self.line(number);
            Text {
                bytes: line.to_vec(),
                place: self.place_of(number),
                facts: self.facts.clone(),
                above: self.above.clone(),
                further: Vec::new(),
                has_return,
                number: self.number,
                is_open: false,
                is_whole: true,
                can_begin: false,
            }
        })
    }
}
