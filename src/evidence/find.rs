//! Takes single records out of a source, with all their physical lines and those around them.
//!
//! The scanner says where a record ends: it reads the lines from its first on, one more each time, as long as each goes on with the
//! record. Where machines or streams write into one source at a time, the lines of others stand between; they are passed over.

use super::{
    id::PlaceId,
    look::{Known, Look},
};
use crate::{
    aggregate::{Ledger, LineClass, limits::LINE_LEN_MAX},
    classify::Classifier,
    engine::SourceState,
    lines::{
        self, Line,
        nuls::{HOLE_LEN, find_nuls},
    },
    parse::{
        forged::{self, Lookout, apart::Apart},
        record::{self, RECORD_LEN_MAX},
        wrapper::{self, PIECE_GAP_MAX, Part, Scratch, Writer, strip},
    },
    redact::{Redactor, Shown},
    scan::{Block, Reading, Scanner},
};
use memchr::{memchr, memchr_iter, memmem, memrchr, memrchr_iter};
use std::{collections::VecDeque, ops::ControlFlow};

/// Lines before and after a record that are wanted, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    pub n_before: usize,
    pub n_after: usize,
}

/// One place to look at.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub place: PlaceId,
    /// Where it stands among those that were asked for.
    pub order: usize,
}

/// What stands at one place.
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// Of the place that was asked for.
    pub order: usize,
    /// What the source is called.
    pub source: Shown<'static>,
    /// Of its first line, from 1; `None` where NULs make it uncertain.
    pub line: Option<u64>,
    /// In the decoded stream.
    pub offset: u64,
    /// What was made of it; `None`: it is no record.
    pub known: Option<Known>,
    pub before: Vec<Shown<'static>>,
    /// Its physical lines with their ends, as they stand in the decoded stream; redacted, one line.
    pub record: Vec<Shown<'static>>,
    pub after: Vec<Shown<'static>>,
    /// Why it may not be what was meant.
    pub doubt: Option<String>,
}

/// Looks for places in the blocks of sources, in the order of their offsets.
#[derive(Debug)]
pub struct Finder<'c> {
    scanner: Scanner<'c>,
    redactor: Redactor,
    context: Context,
    /// Not found yet.
    wanted: Vec<Wanted>,
    pub found: Vec<Exhibit>,
    /// Records of level debug stand around some of them.
    pub is_debug: bool,
    at: Position,
}

/// How far a source has been read.
#[derive(Debug, Default)]
struct Position {
    source: Vec<u8>,
    /// Lines before the next block.
    n_lines: u64,
    /// NULs that are more than a line may have came before: they may count as lines, or not.
    has_hole: bool,
    /// The last lines of the blocks before.
    last_lines: VecDeque<Vec<u8>>,
    /// Exhibits that want more lines behind them.
    open: Vec<usize>,
}

impl<'c> Finder<'c> {
    pub fn new(
        classifier: &'c Classifier,
        redactor: &Redactor,
        wanted: Vec<Wanted>,
        context: Context,
    ) -> Finder<'c> {
        Finder {
            scanner: Scanner::new(classifier),
            redactor: redactor.clone(),
            context,
            wanted,
            found: Vec::new(),
            is_debug: false,
            at: Position::default(),
        }
    }

    /// Looks at the next block of `state`; breaks if nothing is left to be found in any source.
    pub fn look(&mut self, state: &SourceState, block: Block<'_>) -> ControlFlow<()> {
        if self.at.source != state.name || block.offset == 0 {
            self.at = Position {
                source: state.name.clone(),
                ..Position::default()
            };
        }
        self.follow(state, block);
        let mine = |wanted: &Wanted| wanted.place.names(&state.name);
        let (mut mine, others) = std::mem::take(&mut self.wanted)
            .into_iter()
            .partition::<Vec<Wanted>, _>(mine);
        self.wanted = others;
        mine.sort_by_key(|wanted| (wanted.place.offset, wanted.place.line));
        let mut counted = (0, 0);
        for wanted in mine {
            match self.place_in(&wanted.place, block, &mut counted) {
                Some(at) => self.take(&wanted, at, counted.1, state, block),
                None => self.wanted.push(wanted),
            }
        }
        let is_enough = self.wanted.is_empty() && self.at.open.is_empty();
        if is_enough {
            return ControlFlow::Break(());
        }
        self.pass(block);
        ControlFlow::Continue(())
    }

    /// What was not found, and what was.
    pub fn finish(self) -> (Vec<Wanted>, Vec<Exhibit>) {
        (self.wanted, self.found)
    }

    /// Offset in `block` of a place, if it is in there. `counted` is an offset and the lines before it, and moves on.
    fn place_in(
        &self,
        place: &PlaceId,
        block: Block<'_>,
        counted: &mut (usize, u64),
    ) -> Option<usize> {
        let bytes = block.bytes;
        let at = match (place.offset, place.line) {
            (Some(offset), _) => usize::try_from(offset.checked_sub(block.offset)?).ok()?,
            (None, Some(line)) => {
                let n_before = usize::try_from(line.checked_sub(self.at.n_lines + 1)?).ok()?;
                match n_before.checked_sub(1) {
                    None => 0,
                    Some(n) => memchr_iter(b'\n', bytes).nth(n)? + 1,
                }
            }
            (None, None) => return None,
        };
        if at >= bytes.len() {
            return None;
        }
        // Places come in the order of their offsets, lines alone before them.
        if at < counted.0 {
            *counted = (0, 0);
        }
        counted.1 += memchr_iter(b'\n', &bytes[counted.0..at]).count() as u64;
        counted.0 = at;
        Some(at)
    }

    /// Takes what stands at `at`, which `n_before` lines of the block precede.
    fn take(
        &mut self,
        wanted: &Wanted,
        at: usize,
        n_before: u64,
        state: &SourceState,
        block: Block<'_>,
    ) {
        let bytes = block.bytes;
        let start = memrchr(b'\n', &bytes[..at]).map_or(0, |newline| newline + 1);
        let reading = &state.reading;
        let record = self.record(block, start, reading);
        let offset = block.offset + at as u64;
        let (known, is_event, anew) = self.classify(&record, block, start, offset, reading);
        let has_hole = self.at.has_hole || find_nuls(&bytes[..at], HOLE_LEN).is_some();
        let line = self.at.n_lines + n_before + 1;
        let is_start = is_event || at == start || bytes[start..at].iter().all(|&byte| byte == 0);
        let doubt = match wanted.place.line {
            _ if !is_start => Some(format!("no line begins at byte {offset}, and no record")),
            Some(asked) if asked != line && !has_hole => {
                Some(format!("byte {offset} is in line {line}, not {asked}"))
            }
            _ => None,
        };
        let end = record.last().map_or(start, |&(_, end)| end);
        let record = match anew {
            Some(anew) => vec![anew],
            None => {
                let lines = record
                    .iter()
                    .flat_map(|&(start, end)| split_lines(&bytes[start..end]));
                lines.map(|line| self.shown(line, block, reading)).collect()
            }
        };
        let before = self.lines_before(&bytes[..start]);
        let after = split_lines(&bytes[end..]).take(self.context.n_after);
        let exhibit = Exhibit {
            order: wanted.order,
            source: self.redactor.source(&state.name).into_owned(),
            line: (!has_hole).then_some(line).or(wanted.place.line),
            offset,
            known,
            before: before
                .iter()
                .map(|line| self.shown(line, block, reading))
                .collect(),
            record,
            after: after.map(|line| self.shown(line, block, reading)).collect(),
            doubt,
        };
        if exhibit.after.len() < self.context.n_after {
            self.at.open.push(self.found.len());
        }
        self.found.push(exhibit);
    }

    fn lines_before(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let n = self.context.n_before;
        let n_skipped = n - usize::from(n > 0 && !bytes.ends_with(b"\n"));
        let from = memrchr_iter(b'\n', bytes)
            .nth(n_skipped)
            .map_or(0, |newline| newline + 1);
        let here: Vec<&[u8]> = match n {
            0 => vec![],
            _ => split_lines(&bytes[from..]).collect(),
        };
        let n_earlier = n.saturating_sub(here.len());
        let skipped = self.at.last_lines.len().saturating_sub(n_earlier);
        let earlier = self.at.last_lines.iter().skip(skipped).cloned();
        earlier
            .chain(here.into_iter().map(<[u8]>::to_vec))
            .collect()
    }

    /// Gives the first lines of the next block to exhibits that end with the last.
    fn follow(&mut self, state: &SourceState, block: Block<'_>) {
        let n_after = self.context.n_after;
        for index in std::mem::take(&mut self.at.open) {
            let n = n_after - self.found[index].after.len();
            let more: Vec<Shown<'static>> = split_lines(block.bytes)
                .take(n)
                .map(|line| self.shown(line, block, &state.reading))
                .collect();
            self.found[index].after.extend(more);
            if self.found[index].after.len() < n_after {
                self.at.open.push(index);
            }
        }
    }

    /// One line as it may be shown.
    fn shown(&mut self, line: &[u8], block: Block<'_>, reading: &Reading) -> Shown<'static> {
        if self.redactor.is_open() {
            return self.redactor.line(line, || Shown::word("")).into_owned();
        }
        let mut look = Look::new(&self.redactor.clone());
        self.scan(line, 0, block, reading, &mut Ledger::default(), &mut look);
        look.first_anew.unwrap_or_else(|| self.hidden(line.len()))
    }

    /// What stands for bytes of which nothing may be shown.
    fn hidden(&self, n_bytes: usize) -> Shown<'static> {
        let text = format!("({n_bytes} bytes that are no record are not shown)");
        let text = self.redactor.said(&text);
        Shown::joined(&[text, Shown::word("\n")])
    }

    /// Goes on behind `block`.
    fn pass(&mut self, block: Block<'_>) {
        let bytes = block.bytes;
        let n_open = u64::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
        self.at.n_lines += memchr_iter(b'\n', bytes).count() as u64 + n_open;
        self.at.has_hole |= bytes.is_empty() || find_nuls(bytes, HOLE_LEN).is_some();
        let n = self.context.n_before;
        if n > 0 {
            let last = self.lines_before(bytes);
            self.at.last_lines = last.into();
        }
    }

    /// Start and end of each physical line of the record whose first begins at `start`.
    fn record(&mut self, block: Block<'_>, start: usize, reading: &Reading) -> Vec<(usize, usize)> {
        let bytes = block.bytes;
        let entry_end = |at: usize| entry_end(bytes, at, reading);
        let is_bare = reading.chain.is_bare();
        if let Some(group) = self.group(bytes, start, reading) {
            return group;
        }
        let reach = if is_bare {
            RECORD_LEN_MAX + LINE_LEN_MAX
        } else {
            PIECE_GAP_MAX as usize + LINE_LEN_MAX
        };
        let mut record = vec![(start, entry_end(start))];
        let (mut at, mut n_between) = (record[0].1, 0);
        while at < bytes.len() && at - start < reach && n_between <= LINES_BETWEEN_MAX {
            let next = (at, entry_end(at));
            at = next.1;
            record.push(next);
            if self.is_one(&record, block, reading) {
                n_between = 0;
                continue;
            }
            record.pop();
            n_between += 1;
            if is_bare || self.begins_another(next, record[0], block, reading) {
                break;
            }
        }
        record
    }

    /// The lines of the record that begins with the first, if some of them are somebody else's.
    fn group(&self, bytes: &[u8], start: usize, reading: &Reading) -> Option<Vec<(usize, usize)>> {
        let smuggled = reading.smuggled.as_deref();
        let chain = &reading.chain;
        if chain.is_bare() {
            let group = forged::find_group(bytes, start, &mut Lookout::new(smuggled))?;
            let lines = lines::lines(bytes, start..group.next);
            return Some(lines.map(|line| (line.start, line.next)).collect());
        }
        let (mut scratch, mut apart) = (Scratch::default(), Apart::default());
        let (mut entries, mut writer, mut at) = (Vec::new(), None::<Writer>, start);
        while at < bytes.len() && at - start <= PIECE_GAP_MAX as usize && !apart.is_enough() {
            let end = entry_end(bytes, at, reading);
            let line = Line::at(bytes, at, end);
            let stripped = match chain.block() {
                Some(_) => strip(chain, &bytes[at..end], &mut scratch),
                None => strip(chain, &bytes[at..line.end], &mut scratch),
            };
            let first = writer.get_or_insert_with(|| Writer::of(&stripped.outer));
            if stripped.part != Part::Whole || memchr(b'\n', stripped.text).is_some() {
                break; // what is in pieces, or one message, is told by itself
            }
            if first.wrote(&stripped.outer) {
                let has_return = stripped.has_return || line.next - line.end > 1;
                apart.push(stripped.text, has_return, entries.len());
                entries.push((at, end));
            }
            at = end;
        }
        apart.find_group(smuggled)?;
        let mut of_group: Vec<usize> = apart.lines().map(|(_, name)| name).collect();
        of_group.dedup();
        Some(of_group.into_iter().map(|name| entries[name]).collect())
    }

    /// Whether all entries but the first go on with it.
    fn is_one(&mut self, entries: &[(usize, usize)], block: Block<'_>, reading: &Reading) -> bool {
        let text = joined(entries, block.bytes);
        let mut ledger = Ledger::default();
        let mut nothing = Look::new(&Redactor::open());
        self.scan(&text, 0, block, reading, &mut ledger, &mut nothing);
        let n_further = ledger.n_of(LineClass::Continuation) + ledger.n_of(LineClass::Injected);
        n_further + 1 == n_lines(&text)
    }

    /// Whether an entry begins a record of the machine that wrote the `first`: then none of that goes on behind it.
    fn begins_another(
        &mut self,
        entry: (usize, usize),
        first: (usize, usize),
        block: Block<'_>,
        reading: &Reading,
    ) -> bool {
        let mut machine_of = |entry: (usize, usize)| {
            let mut look = Look::new(&Redactor::open());
            let text = &block.bytes[entry.0..entry.1];
            self.scan(text, 0, block, reading, &mut Ledger::default(), &mut look);
            look.is_event.then_some(look.machine)
        };
        let another = machine_of(entry);
        another.is_some() && another == machine_of(first)
    }

    /// What the record is, and whether it is at `offset` that one begins.
    fn classify(
        &mut self,
        record: &[(usize, usize)],
        block: Block<'_>,
        start: usize,
        offset: u64,
        reading: &Reading,
    ) -> (Option<Known>, bool, Option<Shown<'static>>) {
        let text = joined(record, block.bytes);
        let mut look = Look {
            offset: Some(offset),
            ..Look::new(&self.redactor)
        };
        let mut ledger = Ledger::default();
        self.scan(&text, start, block, reading, &mut ledger, &mut look);
        let held = self.in_place(block, start, offset, reading);
        let is_event = look.known.is_some() || held.is_some();
        let anew = look.anew.or(look.first_anew);
        let (held, held_anew) = held.unzip();
        let anew = held_anew.flatten().or(anew);
        let anew = match self.redactor.is_open() {
            true => None,
            false => Some(anew.unwrap_or_else(|| self.hidden(text.len()))),
        };
        (held.or(look.known).or(look.first), is_event, anew)
    }

    /// What stands at `offset`, in the line that begins at `start`, read with what stands around it: that a line is forged, or that
    /// forged ones are part of a record, cannot be told from it alone. And how it may be shown, if not all may.
    fn in_place(
        &mut self,
        block: Block<'_>,
        start: usize,
        offset: u64,
        reading: &Reading,
    ) -> Option<(Known, Option<Shown<'static>>)> {
        let (bytes, chain) = (block.bytes, &reading.chain);
        let (mut scratch, mut from) = (Scratch::default(), start);
        let smuggled = reading.smuggled.as_deref();
        let mut blocked = |at: usize| match chain.is_bare() {
            true => record::blocked(bytes, at, smuggled),
            false => wrapper::blocked(chain, bytes, at, smuggled, &mut scratch),
        };
        let reach = PIECE_GAP_MAX as usize;
        let to;
        if chain.block().is_some() {
            (from, to) = entries_around(bytes, start, reach, reading);
        } else {
            while from > 0 && start - from < reach && blocked(from).is_some() {
                from = memrchr(b'\n', &bytes[..from - 1]).map_or(0, |newline| newline + 1);
            }
            to = line_end(bytes, bytes.len().min(start + reach));
        }
        self.is_debug |= memmem::find(&bytes[from..to], b" [debug] ").is_some();
        let mut look = Look {
            offset: Some(offset),
            ..Look::new(&self.redactor)
        };
        let ledger = &mut Ledger::default();
        self.scan(&bytes[from..to], from, block, reading, ledger, &mut look);
        Some((look.known?, look.anew))
    }

    /// Reads `text`, which begins at `start` in `block`.
    fn scan(
        &mut self,
        text: &[u8],
        start: usize,
        block: Block<'_>,
        reading: &Reading,
        ledger: &mut Ledger,
        look: &mut Look,
    ) {
        let block = Block {
            offset: block.offset + start as u64,
            bytes: text,
            n_omitted: 0,
            ..block
        };
        self.scanner
            .scan(block, 0..text.len(), reading, ledger, look);
    }
}

/// Lines of others that may stand between two of a record.
const LINES_BETWEEN_MAX: usize = 64;

fn joined(entries: &[(usize, usize)], bytes: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = entries
        .iter()
        .map(|&(start, end)| &bytes[start..end])
        .collect();
    parts.concat()
}

fn n_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64 + u64::from(!text.ends_with(b"\n"))
}

/// Where the line at `at` ends, its newline included.
fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |len| at + len + 1)
}

/// Where the entry at `at` ends: a line, or several.
fn entry_end(bytes: &[u8], at: usize, reading: &Reading) -> usize {
    match reading.chain.block() {
        Some(kind) => at + wrapper::block_len(kind, &bytes[at..]).max(1),
        None => line_end(bytes, at),
    }
}

/// The entries around that at `start`, `reach` bytes before and behind it.
fn entries_around(bytes: &[u8], start: usize, reach: usize, reading: &Reading) -> (usize, usize) {
    let (mut from, mut at) = (None, 0);
    while at < bytes.len().min(start + reach) {
        from = from.or((at + reach >= start).then_some(at));
        at = entry_end(bytes, at, reading);
    }
    (from.unwrap_or(start).min(start), at)
}

/// Lines with their ends.
fn split_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n')
}
