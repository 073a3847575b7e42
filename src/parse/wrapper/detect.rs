//! Which layers a source has, by vote of its first lines.

use super::{
    Chain, LAYERS_MAX, Pool, Scratch, Wrapper,
    journal::block_len,
    prefix,
    shape::{self, is_indented, leads_to_payload},
    syslog,
};
use crate::{
    lines::without_return,
    parse::{
        companion,
        head::{HeadParser, is_head},
        record,
    },
};

/// Lines that vote.
pub const N_VOTERS: usize = 200;

/// A wrapper wins with this share of the voters, in percent.
const SHARE_PERCENT: usize = 60;

/// Tells the layers of the source that begins with `sample`, by its first 200 lines that say something; 64 KiB are enough.
/// A wrapper is there if it fits 60 % of them; of several the most telling one. Shapes that other texts have by chance
/// must stand before a [payload](super::is_payload) at least once, or before what `is_request` takes for a request in JSON, which
/// only its keys tell from a wrapper. Bare for a sample without lines.
///
/// Allocates: it is called once per source.
pub fn detect(sample: &[u8], is_request: impl Fn(&[u8]) -> bool) -> Chain {
    detect_around(sample, is_request, |_| false)
}

/// The same where formats of lines were given. What `is_given` says is in one of them has no layer, and proves one that it stands in.
pub fn detect_around(
    sample: &[u8],
    is_request: impl Fn(&[u8]) -> bool,
    is_given: impl Fn(&[u8]) -> bool,
) -> Chain {
    let sample = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample);
    let mut layers = Vec::new();
    let mut texts = match block_kind(sample) {
        Some(kind) => {
            layers.push(kind);
            peel_all(kind, &blocks(sample, kind))
        }
        None => voters(sample),
    };
    // One more than is taken off, so that it is told.
    while layers.len() <= LAYERS_MAX {
        if n_needed(texts.len()) <= texts.iter().filter(|text| is_given(text)).count() {
            break;
        }
        let is_expected = |text: &[u8]| is_request(text) || is_given(text);
        let Some((layer, inner)) = elect(&texts, &layers, is_expected) else {
            break;
        };
        layers.push(layer);
        texts = inner;
    }
    if let Some(first @ Wrapper::Syslog3164) = layers.first_mut()
        && is_journalctl(sample)
    {
        *first = Wrapper::JournalShort;
    }
    Chain::new(&layers)
}

/// So many of `n` voters decide.
fn n_needed(n: usize) -> usize {
    (n * SHARE_PERCENT).div_ceil(100).max(1)
}

/// The layer that most texts have, and the texts in it.
fn elect(
    texts: &[Vec<u8>],
    outer: &[Wrapper],
    is_expected: impl Fn(&[u8]) -> bool,
) -> Option<(Wrapper, Vec<Vec<u8>>)> {
    let wrapped: Vec<Vec<u8>> = texts
        .iter()
        .filter(|text| !shape::is_payload(text))
        .cloned()
        .collect();
    let n_needed = n_needed(texts.len());
    let candidates = Wrapper::ALL.iter().filter(|wrapper| !wrapper.is_block());
    for &wrapper in candidates {
        if wrapper == Wrapper::JournalShort {
            continue; // the same shape as another: `is_journalctl` tells
        }
        // Of layers that do not nest, a second one is text that looks like it. Collectors take the JSON of others for a line.
        let nests = wrapper.is_syslog() || wrapper == Wrapper::GenericJson;
        if outer.contains(&wrapper) && !nests {
            continue;
        }
        let inner = peel_all(wrapper, &wrapped);
        let is_proof = |text: &Vec<u8>| {
            let behind_time = || prefix::timestamp(text).map(|peeled| peeled.text);
            leads_to_payload(text) || is_expected(text) || behind_time().is_some_and(&is_expected)
        };
        // One alone may be what a client says.
        let are_timed = || {
            let is_timed = |text: &&Vec<u8>| record::holds_access_time(text);
            shape::takes_no_word(wrapper) && 2 * inner.iter().filter(is_timed).count() > inner.len()
        };
        let is_padded = || wrapper == Wrapper::ComposePrefix && prefix::is_padded(&wrapped);
        // nginx begins no line so.
        let begins_coloured = |text: &&Vec<u8>| text.starts_with(b"\x1b[");
        let are_coloured = || {
            let n_coloured = wrapped.iter().filter(begins_coloured).count();
            wrapper == Wrapper::Ansi && 2 * n_coloured >= n_needed
        };
        let is_proven =
            || inner.iter().any(is_proof) || is_padded() || are_timed() || are_coloured();
        let is_enough =
            inner.len() >= n_needed || (wrapper == Wrapper::Ansi && 2 * inner.len() >= n_needed);
        if is_enough && (!shape::is_weak(wrapper) || is_proven()) {
            // Programs that do not colour are behind the colours too.
            let bare = texts
                .iter()
                .filter(|text| wrapper == Wrapper::Ansi && !text.contains(&0x1b));
            let inner = inner.into_iter().chain(bare.cloned()).collect();
            return Some((wrapper, inner));
        }
    }
    None
}

/// What stands in those of `texts` that have the layer.
fn peel_all(wrapper: Wrapper, texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut scratch = Scratch::default();
    let mut inner = Vec::new();
    for text in texts {
        if let Some(peeled) = shape::peel(wrapper, text, &mut Pool(&mut scratch.buffers)) {
            inner.push(peeled.text.to_vec());
        }
    }
    inner
}

/// The lines that say something about the source: not its blank ones, nor those that go on with the one before, nor what
/// `journalctl`, `tail`, `grep` and stern print between lines. The last line is left out if it may be cut.
fn voters(sample: &[u8]) -> Vec<Vec<u8>> {
    let whole = match memchr::memrchr(b'\n', sample) {
        Some(end) => &sample[..end],
        None => sample,
    };
    let lines = whole.split(|b| *b == b'\n').map(without_return);
    let mut open = Open::default();
    lines
        .filter(|line| !line.trim_ascii().is_empty() && !is_remark(line) && !open.goes_on(line))
        .take(N_VOTERS)
        .map(<[u8]>::to_vec)
        .collect()
}

/// The record that the last line may be of, in whatever envelope.
#[derive(Default)]
struct Open {
    /// Bytes from its head to the end of the last line; 0 once it has its tail.
    len: usize,
    heads: HeadParser,
}

impl Open {
    /// Whether `line`, the next one, goes on with it.
    fn goes_on(&mut self, line: &[u8]) -> bool {
        let at = if is_head(line) {
            Some(0)
        } else {
            record::find_second_head(line)
        };
        let head = at.and_then(|at| self.heads.parse(&line[at..]).ok());
        if let (Some(at), Some(head)) = (at, head) {
            let is_open = head.connection.is_some() && !record::has_tail(line);
            self.len = if is_open { line.len() - at + 1 } else { 0 };
            return false;
        }
        let goes_on = self.len > 0 && record::continues(true, line, self.len);
        match goes_on && !record::has_tail(line) {
            true => self.len += line.len() + 1,
            false => self.len = 0,
        }
        goes_on
    }
}

fn is_remark(line: &[u8]) -> bool {
    is_indented(line) || line.starts_with(b"\t") || companion::is_remark(line)
}

/// Which kind of journal entries over several lines the sample begins with.
fn block_kind(sample: &[u8]) -> Option<Wrapper> {
    let lines: Vec<&[u8]> = sample
        .split(|b| *b == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .take(BLOCK_SOUGHT_MAX)
        .collect();
    for pair in lines.windows(2) {
        let (first, second) = (pair[0].trim_ascii_end(), pair[1]);
        let kind = begun_block(first, second);
        if kind.is_some() || leads_to_payload(first) {
            return kind;
        }
    }
    None
}

/// Lines among which the first entry must begin: one that was cut may stand before it, or the command that was typed.
const BLOCK_SOUGHT_MAX: usize = 64;

/// What an entry over several lines is of that begins with `first` and `second`.
fn begun_block(first: &[u8], second: &[u8]) -> Option<Wrapper> {
    if first.starts_with(b"__CURSOR=") {
        return Some(Wrapper::JournalExport);
    }
    // A value may be an array of bytes.
    if first == b"{"
        && second.trim_ascii_start().starts_with(b"\"")
        && second.windows(4).any(|w| w == b"\" : ")
    {
        return Some(Wrapper::JournalPretty);
    }
    let (_, rest) = syslog::full_time(first)?;
    (rest.starts_with(b"[s=") && second.starts_with(b"    ")).then_some(Wrapper::JournalVerbose)
}

fn blocks(sample: &[u8], kind: Wrapper) -> Vec<Vec<u8>> {
    let mut rest = sample;
    let mut blocks = Vec::new();
    while !rest.is_empty() && blocks.len() < N_VOTERS {
        let (block, next) = rest.split_at(block_len(kind, rest));
        blocks.push(block.to_vec());
        rest = next;
    }
    blocks
}

/// Whether `journalctl` printed the lines: it tells of boots, and indents what goes on.
fn is_journalctl(sample: &[u8]) -> bool {
    let marks = [
        &b"-- Boot "[..],
        b"-- Reboot --",
        b"-- Journal begins at ",
        b"-- Logs begin at ",
    ];
    sample
        .split(|b| *b == b'\n')
        .any(|line| is_indented(line) || marks.iter().any(|mark| line.starts_with(mark)))
}
