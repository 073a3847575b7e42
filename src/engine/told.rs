//! What a source is, told by its first bytes: its kind, what is wrapped around its lines, and the formats of its access lines.

use super::{EngineConfig, SourceState};
use crate::{
    aggregate::limits,
    classify::loose,
    input::{self, Kind, LineKind, unpack::container},
    parse::{
        HeadParser,
        access::{Formats, Known, recognise, tells_request},
        companion, denial,
        head::is_head,
        record,
        wrapper::{self, Chain, Pieces, Scratch},
    },
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What is known of formats before any line is read.
pub trait KnownFormats: fmt::Debug + Send + Sync {
    /// What is known of a source of this name.
    fn of_source(&self, name: &[u8]) -> Known;
}

/// Nothing is known but what is built in.
impl KnownFormats for () {
    fn of_source(&self, _: &[u8]) -> Known {
        Known::default()
    }
}

impl SourceState {
    /// Tells it by `sample`, some of its first bytes; whether these show what it is.
    pub(super) fn recognise(&mut self, sample: &[u8], config: &EngineConfig) -> bool {
        self.refusal = None;
        let sample = &sample[..sample.len().min(input::kind::SAMPLE_LEN)];
        let known = config.formats.of_source(&self.name);
        let given = &known.formats[..known.n_given];
        let is_given = |text: &[u8]| given.iter().any(|format| format.mismatch(text).is_none());
        let chain = wrapper::detect_around(sample, tells_request, is_given);
        let lines = Lines::of(sample, &chain);
        self.reading.chain = chain;
        self.reading.clocks.clone_from(&config.clocks);
        self.reading.smuggled.clone_from(&config.smuggled);
        let clocks = config.clocks.as_ref();
        self.reading.clock = clocks.map(|clocks| Arc::clone(clocks.of_source(&self.name)));
        self.kind = match config.kind {
            Some(kind) if !sample.is_empty() => kind,
            _ if chain.block().is_some() => Kind::NginxError,
            _ => input::detect(sample, self.named, lines.kinds()),
        };
        if matches!(self.kind, Kind::NginxError | Kind::NoLog) && lines.n_of(LineKind::Error) == 0 {
            self.refusal = self.broken_promise(sample);
        }
        if self.kind == Kind::Audit {
            // A denial is found in its line whatever stands before it.
            self.reading.chain = Chain::default();
            self.reading.is_audit = true;
            return true;
        }
        if let Kind::Empty | Kind::NginxConfig | Kind::Unread(_) = self.kind {
            return self.kind != Kind::Empty;
        }
        let has_records = lines.n_of(LineKind::Error) > 0;
        let asked_for = lines.requests(self.kind);
        if asked_for.is_empty() {
            return has_records && self.kind.is_log();
        }
        let is_meant = (self.named && known.n_given > 0 || known.is_access_log) && !has_records;
        let is_certain = self.kind == Kind::NginxAccess || is_meant;
        let all = |lines: &[&[u8]]| recognise(lines, &known, config.wanted.fields);
        // The first line may be the rest of one: of what `tail -c` or `split` left.
        let recognise = |lines: &[&[u8]]| match (all(lines), lines) {
            (Err(refusal), [_, rest @ ..]) if !rest.is_empty() => all(rest).map_err(|_| refusal),
            (found, _) => found,
        };
        let found = recognise(&asked_for)
            .or_else(|refusal| lines.by_program(self.kind, recognise).ok_or(refusal))
            .or_else(|refusal| {
                let apart = || apart(&asked_for, recognise);
                has_records.then(apart).flatten().ok_or(refusal)
            });
        match found {
            // What tells neither when nor how it ended is no request, unless an access log is asked for.
            Ok(formats) if !is_certain && !formats.tells_requests() => {}
            Ok(formats) => {
                self.reading.formats = Some(Arc::new(formats));
                self.kind = match config.kind {
                    None if !has_records => Kind::NginxAccess,
                    _ => self.kind,
                };
                self.reading.is_access = self.kind == Kind::NginxAccess;
            }
            Err(refusal) if is_certain => self.refusal = Some(refusal),
            Err(_) => {}
        }
        self.reading.formats.is_some() || has_records && self.kind.is_log()
    }
}

impl SourceState {
    /// Why what is no log may have been one: its name says how it is packed, and it does not begin like that; or it was met under
    /// the name of a log, and is no text.
    fn broken_promise(&self, sample: &[u8]) -> Option<String> {
        let name = self.name.rsplit(|b| b"/!".contains(b)).next()?;
        let is_named_as_log = LOG_NAMES
            .iter()
            .any(|part| memchr::memmem::find(name, part).is_some());
        if container::is_zlib(sample) && (self.named || is_named_as_log) {
            return Some("it is zlib data, which is not read; decompress it first".to_owned());
        }
        if let Some(container) = container::promised(name).next() {
            let packed = container.name();
            // Before the archive that it lies in are layers of that.
            let mut own = self
                .decode
                .rsplit(" > ")
                .take_while(|layer| *layer != "tar");
            let is_kept = own.any(|layer| layer == packed);
            return (!is_kept).then(|| {
                format!("its name says {packed}, and it does not begin as that: its beginning is damaged, or it is something else")
            });
        }
        let is_binary = self.kind == Kind::NoLog && sample.contains(&0);
        (is_binary && is_named_as_log).then(|| {
            "its name is that of a log, and it is binary data of no known format".to_owned()
        })
    }
}

/// What reads the text among `lines`, or else the JSON: beside nginx an application may write into the same container.
fn apart(
    lines: &[&[u8]],
    recognise: impl Fn(&[&[u8]]) -> Result<Formats, String>,
) -> Option<Formats> {
    let is_json = |line: &&[u8]| line.starts_with(b"{");
    let (json, text): (Vec<&[u8]>, Vec<&[u8]>) = lines.iter().copied().partition(is_json);
    let found = |lines: &Vec<&[u8]>| recognise(lines).ok().filter(Formats::tells_requests);
    if json.is_empty() || text.is_empty() {
        return None;
    }
    [text, json].iter().find_map(found)
}

/// Parts of names that gateways give to their logs. `wtmp` and `lastlog`, which lie beside them and are binary, have none.
const LOG_NAMES: [&[u8]; 4] = [b".log", b"access", b"error", b"nginx"];

/// What is wrapped around the lines of a source that begins with `sample`, whatever formats were given.
pub(super) fn chain_of(sample: &[u8]) -> Chain {
    wrapper::detect(sample, tells_request)
}

/// The lines of a sample, out of their envelopes.
struct Lines {
    lines: Vec<SampleLine>,
}

struct SampleLine {
    kind: LineKind,
    /// What the envelope calls the program that wrote it; nothing if it says nothing.
    program: Vec<u8>,
    /// Nothing of error records.
    text: Vec<u8>,
}

/// Parts of names that programs and containers have that are a gateway.
const GATEWAYS: [&[u8]; 7] = [
    b"nginx",
    b"ingress",
    b"openresty",
    b"angie",
    b"tengine",
    b"gateway",
    b"proxy",
];

impl Lines {
    fn of(sample: &[u8], chain: &Chain) -> Lines {
        let (mut heads, mut scratch) = (HeadParser::default(), Scratch::default());
        // A line that is not over fits no format, but may be a record; where there is no other, it is better than nothing.
        let mut begins_record = |rest: &[u8]| {
            chain.block().is_none() && is_head(wrapper::strip(chain, rest, &mut scratch).text)
        };
        let whole = match memchr::memrchr(b'\n', sample) {
            Some(end) if !begins_record(&sample[end + 1..]) => &sample[..end],
            _ => sample,
        };
        let mut lines = Vec::new();
        let mut take = |text: &[u8], program: &[u8]| {
            if !text.trim_ascii().is_empty() {
                let kind = kind_of_line(text, &mut heads);
                let kept: &[u8] = if kind == LineKind::Error { b"" } else { text };
                lines.push(SampleLine {
                    kind,
                    program: program.to_vec(),
                    text: kept.to_vec(),
                });
            }
        };
        let mut pieces = Pieces::new(limits::LINE_LEN_MAX);
        let mut at = 0;
        while at < whole.len() {
            let len = match chain.block() {
                Some(kind) => wrapper::block_len(kind, &whole[at..]).max(1),
                None => memchr::memchr(b'\n', &whole[at..]).map_or(whole.len() - at, |len| len + 1),
            };
            let line = without_line_end(&whole[at..at + len]);
            let stripped = wrapper::strip(chain, line, &mut scratch);
            pieces.expire(at as u64, Some(&stripped), |joined| take(joined.text, b""));
            let program = stripped.outer.program();
            if let Some(joined) = pieces.push(&stripped, at as u64, (at + len) as u64) {
                take(joined.text, program.unwrap_or_default());
            }
            at += len;
        }
        Lines { lines }
    }

    fn kinds(&self) -> impl Iterator<Item = LineKind> {
        self.lines.iter().map(|line| line.kind)
    }

    fn n_of(&self, kind: LineKind) -> usize {
        self.kinds().filter(|known| *known == kind).count()
    }

    /// The lines that may be requests in a source of this kind.
    fn requests(&self, kind: Kind) -> Vec<&[u8]> {
        let lines = self.may_be_requests(kind);
        lines.map(|line| line.text.as_slice()).collect()
    }

    fn may_be_requests(&self, kind: Kind) -> impl Iterator<Item = &SampleLine> {
        let is_access = kind == Kind::NginxAccess;
        let has_records = self.n_of(LineKind::Error) > 0;
        let may_be = move |line: &&SampleLine| match line.kind {
            LineKind::Error => false,
            LineKind::Access => true,
            LineKind::Audit => false,
            // Beside error records stand greetings of start scripts, traces and more that is no request.
            LineKind::Other if companion::is_companion(&line.text) => false,
            LineKind::Other => is_access || !has_records || line.text.starts_with(b"{"),
        };
        self.lines.iter().filter(may_be)
    }

    /// The formats of those programs whose lines are requests, where the lines of several are mixed; of gateways alone, if any is one by
    /// its name: backends log requests, too.
    fn by_program(
        &self,
        kind: Kind,
        recognise: impl Fn(&[&[u8]]) -> Result<Formats, String>,
    ) -> Option<Formats> {
        let mut programs: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
        for line in self.may_be_requests(kind) {
            programs.entry(&line.program).or_default().push(&line.text);
        }
        if programs.len() < 2 {
            return None;
        }
        let mut found = Vec::new();
        for (program, lines) in programs {
            let formats = recognise(&lines).ok().filter(Formats::tells_requests);
            found.extend(formats.map(|formats| (is_gateway(program), formats)));
        }
        let has_gateway = found.iter().any(|(is_gateway, _)| *is_gateway);
        found.retain(|(is_gateway, _)| *is_gateway || !has_gateway);
        let formats = found.into_iter().map(|(_, formats)| formats);
        formats.reduce(Formats::with)
    }
}

fn is_gateway(program: &[u8]) -> bool {
    let mut gateways = GATEWAYS.iter();
    gateways.any(|name| memchr::memmem::find(program, name).is_some())
}

/// Blanks at its end may be part of a format.
fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn kind_of_line(text: &[u8], heads: &mut HeadParser) -> LineKind {
    let start = &text[..text.len().min(1024)];
    if is_head(start) {
        LineKind::Error
    } else if record::is_access_line(start) {
        LineKind::Access
    } else if loose::find_wrapped(start, heads).is_some() {
        LineKind::Error
    } else if denial::is_audit_line(start) {
        LineKind::Audit
    } else {
        LineKind::Other
    }
}
