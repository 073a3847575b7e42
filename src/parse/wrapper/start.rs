//! Where a chunk of a wrapped source may begin: nothing before it can reach it.

use super::{
    Chain, Envelope, PIECE_GAP_MAX, Part, Pieces, Scratch, Stripped, Writers, block_len,
    continuation, glued, strip,
};
use crate::parse::{
    forged::{self, Smuggled, apart::Apart},
    head::{HeadParser, is_head},
    record::{self, RECORD_LEN_MAX},
};
use memchr::{memchr, memrchr};
use std::ops::Range;

/// Where no chunk of a source that is wrapped in `chain` may begin, around the line that starts at `at`; `None` if one may begin
/// there: no piece before it waits for more, and nothing behind it goes on with a record before it. Several machines and streams may
/// write in turn, so the first line of each behind `at` is looked at; and a record that holds forged ones may reach beyond. Looks
/// [`PIECE_GAP_MAX`] bytes back and ahead, which must be there unless the source begins or ends. Not for bare sources
/// (`record::blocked`) and not for blocks, which are read from the start.
pub fn blocked(
    chain: &Chain,
    bytes: &[u8],
    at: usize,
    smuggled: Option<&Smuggled>,
    scratch: &mut Scratch,
) -> Option<Range<usize>> {
    let here = at..at + 1;
    let mut writers = Writers::default();
    let before = match Before::of(chain, bytes, at, smuggled, scratch, &mut writers) {
        Ok(before) => before,
        Err(waits_from) => return Some(waits_from + 1..at + 1),
    };
    let to = bytes.len().min(at + PIECE_GAP_MAX as usize + 1);
    let mut is_seen = vec![false; writers.n()];
    let mut start = at;
    while start < to {
        let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |len| start + len);
        if glued(chain, &bytes[start..end]).is_some() {
            return Some(here); // two lines, of which the second is not looked at here
        }
        let line = strip(chain, &bytes[start..end], scratch);
        if start == at && before.has_header && line.is_below() {
            return Some(here);
        }
        let writer = writers.number(&line.outer);
        if line.part != Part::Indented && is_seen.get(writer) == Some(&false) {
            let ends = is_head(line.text) || record::is_access_line(line.text);
            if let Some(Some(record)) = before.records.get(writer)
                && record::continues(record.may_be_open, line.text, 1)
                && !ends
            {
                return Some(record.offset + 1..start + 1);
            }
            // One without envelope may have gone on with a text of another.
            is_seen[writer] = ends || !line.is_below();
        }
        start = end + 1;
    }
    let mut reaches = || Around::lines(chain, bytes, at, scratch).reaches(at, smuggled);
    (before.has_opening && reaches()).then_some(here)
}

/// Whether the entry at `at`, which begins like a record, may be of a record before it. `starts` are those of the entries before it,
/// in their order, and `bytes` those of a source whose entries span lines.
pub fn entry_is_inside(
    chain: &Chain,
    bytes: &[u8],
    starts: &[usize],
    at: usize,
    smuggled: Option<&Smuggled>,
    scratch: &mut Scratch,
) -> bool {
    let from = at.saturating_sub(PIECE_GAP_MAX as usize);
    let first = starts.partition_point(|start| *start < from);
    let first = starts.get(first).copied().unwrap_or(at);
    Around::entries(chain, bytes, first, at, scratch).reaches(at, smuggled)
}

/// What stands shortly before a line.
struct Before {
    /// Of each writer the record that a line may go on with, by its number.
    records: Vec<Option<Record>>,
    /// A line with an envelope: those below may go on with it.
    has_header: bool,
    /// A line that forged ones may stand behind.
    has_opening: bool,
}

/// A record that a later line of its writer may go on with.
#[derive(Clone, Copy)]
struct Record {
    offset: usize,
    /// It has no tail yet, as far as was seen.
    may_be_open: bool,
}

/// What was seen of a writer on the way back.
#[derive(Clone, Copy, Default)]
struct Trail {
    /// Bytes of its lines, which may be of one record with what stands before.
    len: usize,
    has_tail: bool,
    /// Nothing further back matters.
    is_told: bool,
}

impl Before {
    /// `Err` with the offset of a piece that waits for more, or may.
    fn of(
        chain: &Chain,
        bytes: &[u8],
        at: usize,
        smuggled: Option<&Smuggled>,
        scratch: &mut Scratch,
        writers: &mut Writers,
    ) -> Result<Before, usize> {
        let from = at.saturating_sub(PIECE_GAP_MAX as usize + 1);
        let mut trails = Vec::<Trail>::new();
        let mut before = Before {
            records: Vec::new(),
            has_header: false,
            has_opening: false,
        };
        let mut heads = HeadParser::default();
        let mut end = at;
        while end > from {
            // `end` lies behind a newline, or is the end of the bytes.
            let text_end = end - usize::from(bytes[end - 1] == b'\n');
            let start = memrchr(b'\n', &bytes[..text_end]).map_or(0, |newline| newline + 1);
            if glued(chain, &bytes[start..text_end]).is_some() {
                return Err(at - 1); // as far as is known
            }
            let line = strip(chain, &bytes[start..text_end], scratch);
            let writer = writers.number(&line.outer);
            if writer == trails.len() {
                if line.part == Part::More {
                    return Err(start);
                }
                trails.push(Trail::default());
                before.records.push(None);
            }
            before.has_header |= !line.is_below();
            let trail = &mut trails[writer];
            if !trail.is_told && line.part != Part::Indented {
                before.records[writer] = trail.record(&line, start, &mut heads);
            }
            before.has_opening |= is_head(line.text)
                && (line.part == Part::More || forged::can_begin(line.text, smuggled));
            end = start;
        }
        Ok(before)
    }
}

impl Trail {
    /// Takes the line of its writer that comes before those it knows: the record that a line behind them may go on with, if that is
    /// told by it.
    fn record(
        &mut self,
        line: &Stripped<'_>,
        offset: usize,
        heads: &mut HeadParser,
    ) -> Option<Record> {
        if is_head(line.text) {
            self.is_told = true;
            let head = heads.parse(line.text);
            let has_tail = self.has_tail || record::has_tail(line.text);
            return Some(Record {
                offset,
                may_be_open: !has_tail && head.is_ok_and(|head| head.connection.is_some()),
            });
        }
        // One without envelope may be of another writer's record.
        if !line.is_below() {
            self.len += line.text.len();
            self.has_tail |= record::has_tail(line.text);
        }
        self.is_told = record::is_access_line(line.text) || self.len > RECORD_LEN_MAX;
        None
    }
}

/// The texts that each writer wrote around a place.
#[derive(Default)]
struct Around {
    writers: Writers,
    /// Of each, by its number.
    texts: Vec<Vec<Text>>,
    /// The line with an envelope that came last.
    header: Option<Header>,
}

#[derive(Clone, Copy)]
struct Header {
    offset: usize,
    /// Length of its envelope.
    width: usize,
    /// Which one wrote it.
    writer: usize,
}

/// A text without its envelope.
struct Text {
    offset: usize,
    bytes: Vec<u8>,
    has_return: bool,
}

impl Around {
    fn lines(chain: &Chain, bytes: &[u8], at: usize, scratch: &mut Scratch) -> Around {
        let reach = PIECE_GAP_MAX as usize + 1;
        let from =
            memrchr(b'\n', &bytes[..at.saturating_sub(reach)]).map_or(0, |newline| newline + 1);
        let line_len = |at: usize| memchr(b'\n', &bytes[at..]).map_or(bytes.len() - at, |n| n + 1);
        Around::of(chain, bytes, (from, at + reach), line_len, scratch)
    }

    fn entries(
        chain: &Chain,
        bytes: &[u8],
        from: usize,
        at: usize,
        scratch: &mut Scratch,
    ) -> Around {
        let to = at + PIECE_GAP_MAX as usize;
        let entry_len = |at: usize| match chain.block() {
            Some(kind) => block_len(kind, &bytes[at..]).max(1),
            None => bytes.len() - at,
        };
        Around::of(chain, bytes, (from, to), entry_len, scratch)
    }

    fn of(
        chain: &Chain,
        bytes: &[u8],
        (from, to): (usize, usize),
        len_at: impl Fn(usize) -> usize,
        scratch: &mut Scratch,
    ) -> Around {
        let mut around = Around::default();
        let mut pieces = Pieces::new(RECORD_LEN_MAX);
        let mut at = from;
        while at < bytes.len().min(to) {
            let next = at + len_at(at);
            let line = &bytes[at..next];
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let stripped = strip(chain, line, scratch);
            let is_near = |header: &Header| at - header.offset <= PIECE_GAP_MAX as usize;
            around.header = around.header.filter(is_near);
            if stripped.part == Part::Indented {
                if let Some(header) = around.header {
                    let text = continuation(line, header.width).unwrap_or(line);
                    around.take(header.writer, at, text, false);
                }
            } else {
                around.take_stripped(&stripped, (at, next), &mut pieces);
            }
            at = next;
        }
        around
    }

    fn take_stripped(
        &mut self,
        line: &Stripped<'_>,
        (at, next): (usize, usize),
        pieces: &mut Pieces,
    ) {
        let above = self.header.map(|header| header.writer);
        let above = above.filter(|writer| line.may_go_on_with(self.writers.get(*writer)));
        let writer = self.writers.number(&line.outer);
        if writer == self.texts.len() {
            self.texts.push(Vec::new());
        }
        if line.envelope == Envelope::Own {
            self.header = Some(Header {
                offset: at,
                width: line.offset.unwrap_or(0),
                writer,
            });
        }
        pieces.expire(at as u64, Some(line), |_| {}); // what lost its end is no record to be told here
        if let Some(joined) = pieces.push(line, at as u64, next as u64) {
            let offset = joined.offset as usize;
            self.take(writer, offset, joined.text, line.has_return);
            if let Some(above) = above.filter(|above| *above != writer) {
                self.take(above, offset, joined.text, line.has_return);
            }
        }
    }

    fn take(&mut self, writer: usize, offset: usize, text: &[u8], has_return: bool) {
        self.texts[writer].push(Text {
            offset,
            bytes: text.to_vec(),
            has_return,
        });
    }

    /// Whether a record with forged lines that begins before `at` goes on there or behind.
    fn reaches(&self, at: usize, smuggled: Option<&Smuggled>) -> bool {
        let mut apart = Apart::default();
        self.texts.iter().any(|texts| {
            let n_before = texts.partition_point(|text| text.offset < at);
            let mut len = 0;
            let near = texts[..n_before].iter().rev().take_while(|text| {
                len += text.bytes.len();
                len < RECORD_LEN_MAX
            });
            let candidates = near.enumerate().map(|(n, _)| n_before - 1 - n);
            candidates.into_iter().any(|first| {
                forged::can_begin(&texts[first].bytes, smuggled)
                    && reach(&texts[first..], smuggled, &mut apart).is_some_and(|last| last >= at)
            })
        })
    }
}

/// Offset of the last text of the record with forged lines that begins with the first.
fn reach(texts: &[Text], smuggled: Option<&Smuggled>, apart: &mut Apart) -> Option<usize> {
    apart.clear();
    let start = texts.first()?.offset;
    for (name, text) in texts.iter().enumerate() {
        let is_near = text.offset - start <= PIECE_GAP_MAX as usize;
        if !is_near || apart.is_enough() || memchr(b'\n', &text.bytes).is_some() {
            break;
        }
        apart.push(&text.bytes, text.has_return, name);
    }
    apart.find_group(smuggled)?;
    let (_, last) = apart.lines().last()?;
    Some(texts[last].offset)
}
