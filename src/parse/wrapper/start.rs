//! Where a chunk of a wrapped source may begin: nothing before it can reach it.

use super::{
    Chain, PIECE_GAP_MAX, Part, Pieces, Scratch, Stripped, Writer, block_len, continuation, glued,
    strip,
};
use crate::parse::{
    forged::{self, Smuggled, apart::Apart},
    head::is_head,
    record::RECORD_LEN_MAX,
};
use memchr::{memchr, memrchr};

/// Whether a chunk of a source that is wrapped in `chain` may begin at the line that starts at `at`: no piece before it
/// waits for more, and nothing behind it goes on with a record before it. Several machines and streams may write in turn, so the
/// first line of each behind `at` is looked at; and a record that holds forged ones may reach beyond. Looks [`PIECE_GAP_MAX`] bytes back and ahead, which must be there unless the
/// source begins or ends. Not for bare sources (`record::may_start`) and not for blocks, which are read from the start.
pub fn may_start(
    chain: &Chain,
    bytes: &[u8],
    at: usize,
    smuggled: Option<&Smuggled>,
    scratch: &mut Scratch,
) -> bool {
    let Some(before) = Before::of(chain, bytes, at, smuggled, scratch) else {
        return false;
    };
    let to = bytes.len().min(at + PIECE_GAP_MAX as usize + 1);
    let mut seen: Vec<Writer> = Vec::new();
    let mut start = at;
    while start < to {
        let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |len| start + len);
        if glued(chain, &bytes[start..end]).is_some() {
            return false; // two lines, of which the second is not looked at here
        }
        let line = strip(chain, &bytes[start..end], scratch);
        if line.part == Part::Indented {
            if start == at && before.has_header {
                return false;
            }
        } else if !seen.iter().any(|writer| writer.wrote(&line.outer)) {
            if !is_head(line.text)
                && before
                    .writers
                    .iter()
                    .any(|writer| writer.wrote(&line.outer))
            {
                return false;
            }
            seen.push(Writer::of(&line.outer));
        }
        start = end + 1;
    }
    !before.has_opening || !Around::lines(chain, bytes, at, scratch).reaches(at, smuggled)
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
    /// Those of records.
    writers: Vec<Writer>,
    /// A line that others may be indented below.
    has_header: bool,
    /// A line that forged ones may stand behind.
    has_opening: bool,
}

impl Before {
    /// `None` if a piece waits for more, or may.
    fn of(
        chain: &Chain,
        bytes: &[u8],
        at: usize,
        smuggled: Option<&Smuggled>,
        scratch: &mut Scratch,
    ) -> Option<Before> {
        let from = at.saturating_sub(PIECE_GAP_MAX as usize + 1);
        let (mut writers, mut has_header) = (Vec::<Writer>::new(), false);
        let mut has_opening = false;
        let mut known = Vec::<Writer>::new(); // of which the last line was seen
        let mut end = at;
        while end > from {
            // `end` lies behind a newline, or is the end of the bytes.
            let text_end = end - usize::from(bytes[end - 1] == b'\n');
            let start = memrchr(b'\n', &bytes[..text_end]).map_or(0, |newline| newline + 1);
            if glued(chain, &bytes[start..text_end]).is_some() {
                return None;
            }
            let line = strip(chain, &bytes[start..text_end], scratch);
            if !known.iter().any(|writer| writer.wrote(&line.outer)) {
                if line.part == Part::More {
                    return None;
                }
                known.push(Writer::of(&line.outer));
            }
            has_header |= line.part != Part::Indented;
            if is_head(line.text) && !writers.iter().any(|writer| writer.wrote(&line.outer)) {
                writers.push(Writer::of(&line.outer));
            }
            has_opening |= is_head(line.text)
                && (line.part == Part::More || forged::can_begin(line.text, smuggled));
            end = start;
        }
        Some(Before {
            writers,
            has_header,
            has_opening,
        })
    }
}

/// The texts that each writer wrote around a place.
#[derive(Default)]
struct Around {
    writers: Vec<(Writer, Vec<Text>)>,
    /// Of the line that others may be indented below: its width, and who wrote it.
    header: Option<(usize, usize)>,
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
            if stripped.part == Part::Indented {
                let (width, writer) = around.header.unwrap_or_default();
                let text = continuation(line, width).unwrap_or(line);
                around.take(writer, at, text, false);
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
        let known = self.writers.iter();
        let writer = known
            .clone()
            .position(|(writer, _)| writer.wrote(&line.outer))
            .unwrap_or(known.len());
        if writer == self.writers.len() {
            self.writers.push((Writer::of(&line.outer), Vec::new()));
        }
        self.header = Some((line.offset.unwrap_or(0), writer));
        pieces.expire(at as u64, Some(line), |_| {}); // what lost its end is no record to be told here
        if let Some(joined) = pieces.push(line, at as u64, next as u64) {
            self.take(writer, joined.offset as usize, joined.text, line.has_return);
        }
    }

    fn take(&mut self, writer: usize, offset: usize, text: &[u8], has_return: bool) {
        if let Some((_, texts)) = self.writers.get_mut(writer) {
            texts.push(Text {
                offset,
                bytes: text.to_vec(),
                has_return,
            });
        }
    }

    /// Whether a record with forged lines that begins before `at` goes on there or behind.
    fn reaches(&self, at: usize, smuggled: Option<&Smuggled>) -> bool {
        let mut apart = Apart::default();
        self.writers.iter().any(|(_, texts)| {
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
