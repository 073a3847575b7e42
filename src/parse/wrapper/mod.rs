//! Envelopes around a log line: what other programs wrote before it, or made of it.
//!
//! ```text
//! line    = { layer } payload          outermost first, at most 6 layers
//! layer   = colour | syslog | journald | docker json | CRI | kubectl, compose, stern prefix | time | …
//! payload = what the program wrote: an nginx record, an access line, anything else
//! ```
//!
//! [`detect`] tells the layers of a source by vote, [`strip`] takes them off one line and keeps what they say: host,
//! pod, stream, time. Only what stands at the start of a line, in a wrapper's own shape, is ever taken off, so text that a
//! client smuggled into a record cannot pass for an envelope. A line that does not fit is given back as it is; of a damaged
//! envelope the text that stands there is kept.
//!
//! The grammars stand at the head of each file with the program that writes them. Journal exports hold an entry in several
//! lines: [`block_len`] says how many bytes belong together, and [`strip`] reads them like a line.

mod ansi;
mod container;
mod detect;
mod generic;
mod glued;
mod journal;
mod pieces;
mod place;
mod prefix;
mod shape;
pub(super) mod stamp;
mod start;
mod syslog;
mod writers;

pub use ansi::without_colours;
pub use detect::{N_VOTERS, detect, detect_around};
pub use glued::{CUT_OBJECTS_MAX, glued};
pub use journal::block_len;
pub use pieces::{Joined, PIECE_GAP_MAX, PIECE_WRITERS_MAX, Pieces};
pub use place::{Place, place};
pub use shape::is_payload;
pub use stamp::{OuterTime, Yearless, learn_offset};
pub use start::{blocked, entry_is_inside};
pub use writers::Writers;

use super::{head::is_head, json};
use crate::event::{Level, Machine};
use memchr::memchr;
use std::{fmt, ops::Range};

/// Layers of one line: more are a loop or an attack.
pub const LAYERS_MAX: usize = 6;

macro_rules! wrappers {
    ($($(#[$meta:meta])* $variant:ident = $text:literal,)+) => {
        /// One layer of envelope. The more telling its shape, the earlier it stands: of two that fit, the first is meant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Wrapper { $($(#[$meta])* $variant,)+ }

        impl Wrapper {
            /// Every wrapper, in declaration order.
            pub const ALL: &'static [Wrapper] = &[$(Wrapper::$variant,)+];

            /// Its stable name, as tables spell it.
            pub const fn name(self) -> &'static str {
                match self { $(Wrapper::$variant => $text,)+ }
            }
        }
    };
}

wrappers! {
    /// Terminal colours, as `stern`, `docker compose` and `aws` write them.
    Ansi = "ansi",
    /// Docker's `json-file` driver: `{"log":"…\n","stream":"stderr","time":"…"}`.
    DockerJson = "docker-json",
    /// containerd and CRI-O: `TIME stderr F text`.
    Cri = "cri",
    /// `journalctl -o json`, `json-seq` and `json-sse`.
    JournalJson = "journald-json",
    /// `journalctl -o export`; a block.
    JournalExport = "journald-export",
    /// `journalctl -o json-pretty`; a block.
    JournalPretty = "journald-json-pretty",
    /// `journalctl -o verbose`; a block.
    JournalVerbose = "journald-verbose",
    /// `<187>1 2026-11-20T11:24:48+00:00 web1 nginx - - - text`.
    Syslog5424 = "syslog-rfc5424",
    /// `journalctl -o short-full` and `with-unit`: `Fri 2026-11-20 11:24:48 UTC web1 nginx[1]: text`.
    JournalFull = "journald-short-full",
    /// `journalctl -o short-unix`: `1795173888.123456 web1 nginx[1]: text`.
    JournalUnix = "journald-short-unix",
    /// `journalctl -o short-monotonic` and `short-delta`: `[    1.000000] web1 nginx[1]: text`; no wall clock.
    JournalMonotonic = "journald-short-monotonic",
    /// `journalctl -o short-iso` before systemd 255: an offset without colon.
    JournalIso = "journald-short-iso",
    /// `[<187>]Nov 20 11:24:48 web1 nginx[1]: text`, with or without host.
    Syslog3164 = "syslog-rfc3164",
    /// `journalctl`, told from [`Syslog3164`](Wrapper::Syslog3164) by its `-- Boot …` lines and its indented lines.
    JournalShort = "journald-short",
    /// rsyslog's and syslog-ng's ISO dates: `2026-11-20T11:24:48+00:00 web1 nginx: text`.
    SyslogIso = "syslog-iso",
    /// `kubectl logs --prefix`: `[pod/NAME/CONTAINER] text`.
    KubectlPrefix = "kubectl-prefix",
    /// runit's `svlogd -tt`: `2026-11-20_11:24:48.12345 text`.
    Svlogd = "svlogd",
    /// multilog, s6-log, `svlogd -t`: `@400000005cd420612d10facc text`.
    Tai64n = "tai64n",
    /// JSON lines of other collectors with the text in `message`, `log`, `msg`, …
    GenericJson = "json",
    /// `logcli`: `TIME {labels} text`.
    Logcli = "logcli",
    /// `docker compose logs`, foreman, PM2: `nginx-1  | text`.
    ComposePrefix = "compose-prefix",
    /// `stern` over several namespaces: `NAMESPACE POD CONTAINER text`.
    SternNamespaced = "stern-namespaced",
    /// `stern`: `POD CONTAINER text`.
    Stern = "stern",
    /// `grep -H`, `grep -n`: `error.log:12:text`, only before a payload.
    GrepPrefix = "grep-prefix",
    /// `aws logs tail`: `TIME STREAM text`, only before a payload.
    AwsTail = "aws-logs-tail",
    /// `kubectl logs --timestamps`, `docker logs -t`: `2026-11-20T11:24:48.123456789Z text`.
    Timestamp = "timestamp",
}

impl Wrapper {
    /// The wrapper whose [`name`](Self::name) is `name`.
    pub fn from_name(name: &str) -> Option<Wrapper> {
        Self::ALL.iter().copied().find(|w| w.name() == name)
    }

    /// Whether an entry spans lines, so that a source must be read by [`block_len`] rather than by line.
    pub fn is_block(self) -> bool {
        matches!(
            self,
            Wrapper::JournalExport | Wrapper::JournalPretty | Wrapper::JournalVerbose
        )
    }

    /// Whether a syslog daemon or journald writes it: such headers nest, and continue texts on indented lines.
    fn is_syslog(self) -> bool {
        matches!(
            self,
            Wrapper::Syslog5424
                | Wrapper::JournalFull
                | Wrapper::JournalUnix
                | Wrapper::JournalMonotonic
                | Wrapper::JournalIso
                | Wrapper::JournalShort
                | Wrapper::Syslog3164
                | Wrapper::SyslogIso
        )
    }
}

impl fmt::Display for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The layers of a source, outermost first; the default is a bare log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain {
    layers: [Option<Wrapper>; LAYERS_MAX],
    goes_on: bool,
}

impl Chain {
    /// The chain of `layers`, outermost first; those past [`LAYERS_MAX`] are left out.
    pub fn new(layers: &[Wrapper]) -> Chain {
        let mut chain = Chain::default();
        for (slot, layer) in chain.layers.iter_mut().zip(layers) {
            *slot = Some(*layer);
        }
        chain.goes_on = layers.len() > LAYERS_MAX;
        chain
    }

    /// Whether there are layers that were left out.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Whether nothing is wrapped around the lines.
    pub fn is_bare(&self) -> bool {
        self.layers[0].is_none()
    }

    /// The wrapper whose entries span lines, if the source is of that kind: it is always the outermost.
    pub fn block(&self) -> Option<Wrapper> {
        self.layers[0].filter(|layer| layer.is_block())
    }

    /// Whether each text is a message as a log daemon took it.
    pub fn holds_messages(&self) -> bool {
        let is_journal = |layer| layer == Wrapper::JournalJson || layer == Wrapper::JournalExport;
        self.layers()
            .any(|layer| layer.is_syslog() || is_journal(layer) || layer.is_block())
    }

    /// Its layers, outermost first.
    pub fn layers(&self) -> impl Iterator<Item = Wrapper> + '_ {
        self.layers.iter().map_while(|layer| *layer)
    }
}

impl fmt::Display for Chain {
    /// `kubectl-prefix > timestamp`; `none` for a bare log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_bare() {
            return f.write_str("none");
        }
        for (n, layer) in self.layers().enumerate() {
            f.write_str(if n == 0 { "" } else { " > " })?;
            f.write_str(layer.name())?;
        }
        Ok(())
    }
}

/// Where a program wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Access logs, in nginx images.
    Stdout,
    /// Error logs, in nginx images.
    Stderr,
}

impl Stream {
    /// As runtimes spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }

    fn parse(text: &[u8]) -> Option<Stream> {
        match text {
            b"stdout" => Some(Stream::Stdout),
            b"stderr" => Some(Stream::Stderr),
            _ => None,
        }
    }
}

/// What the envelope of one line says: slices of the line or of the scratch. Where layers disagree the inner one, nearer to
/// the writer, is right; of times, see [`OuterTime`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outer<'a> {
    pub host: Option<&'a [u8]>,
    /// syslog's tag, journald's identifier, a log stream: the program, mostly `nginx`.
    pub tag: Option<&'a [u8]>,
    /// The process, as syslog and journald name it.
    pub pid: Option<u64>,
    /// The systemd unit.
    pub unit: Option<&'a [u8]>,
    pub namespace: Option<&'a [u8]>,
    pub pod: Option<&'a [u8]>,
    pub container: Option<&'a [u8]>,
    pub stream: Option<Stream>,
    /// The level the wrapper claims. journald says info for all that a program prints: the record's own is better.
    pub level: Option<Level>,
    /// The file a collector read the line from, or that `grep` found it in.
    pub file: Option<&'a [u8]>,
    pub time: Option<OuterTime>,
}

impl<'a> Outer<'a> {
    pub fn machine(&self) -> Machine<'a> {
        Machine {
            host: self.host,
            pod: self.pod,
            container: self.container,
        }
    }

    /// What tells programs apart that write to one log: container, tag, unit or pod.
    pub fn program(&self) -> Option<&'a [u8]> {
        self.container.or(self.tag).or(self.unit).or(self.pod)
    }

    /// What names a writer: lines that differ in one of them are of two.
    fn names(&self) -> [Option<&'a [u8]>; N_NAMES] {
        [
            self.host,
            self.pod,
            self.container,
            self.namespace,
            self.file,
            self.tag,
            self.unit,
        ]
    }

    /// Takes over what the layer further in says.
    fn overlay(&mut self, inner: &Outer<'a>) {
        self.host = inner.host.or(self.host);
        self.tag = inner.tag.or(self.tag);
        self.pid = inner.pid.or(self.pid);
        self.unit = inner.unit.or(self.unit);
        self.namespace = inner.namespace.or(self.namespace);
        self.pod = inner.pod.or(self.pod);
        self.container = inner.container.or(self.container);
        self.stream = inner.stream.or(self.stream);
        self.level = inner.level.or(self.level);
        self.file = inner.file.or(self.file);
        self.time = match (self.time, inner.time) {
            (Some(outer), Some(inner)) if inner.rank() >= outer.rank() => Some(inner),
            (outer, inner) => outer.or(inner),
        };
    }
}

/// Who wrote a line, as far as its envelope says: lines of one can be parts of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    pub stream: Option<Stream>,
    /// Each of [`Outer::names`]: containers of one pod and pods of one name in two namespaces are several.
    names: [Option<Box<[u8]>>; N_NAMES],
}

const N_NAMES: usize = 7;

/// Those that only runtimes and collectors tell.
const RUNTIME_NAMES: Range<usize> = 1..5;

impl Writer {
    pub fn of(outer: &Outer<'_>) -> Writer {
        Writer {
            stream: outer.stream,
            names: outer.names().map(|name| name.map(Box::from)),
        }
    }

    /// [`Outer::machine`].
    pub fn machine(&self) -> Machine<'_> {
        let [host, pod, container, ..] = self.names.each_ref().map(Option::as_deref);
        Machine {
            host,
            pod,
            container,
        }
    }

    /// Whether it wrote a line with such an envelope.
    pub fn wrote(&self, outer: &Outer<'_>) -> bool {
        let mut names = self.names.iter().zip(outer.names());
        self.stream == outer.stream && names.all(|(own, name)| own.as_deref() == name)
    }

    /// Whether it may have written a line of which [`outer`](Envelope::Outer) is all the envelope: the layers that are not there name
    /// host, program and unit anew.
    pub fn may_have_written(&self, outer: &Outer<'_>) -> bool {
        let is_kept = |name: Option<&[u8]>, own: Option<&[u8]>| name.is_none() || name == own;
        let names = outer.names();
        let mut runtime = names[RUNTIME_NAMES].iter().zip(&self.names[RUNTIME_NAMES]);
        runtime.all(|(name, own)| is_kept(*name, own.as_deref()))
            && (outer.stream.is_none() || outer.stream == self.stream)
    }
}

/// Whether a line is all of what the program wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    #[default]
    Whole,
    /// The next line of the same source and writer goes on where this one ends, without a byte between: see [`Pieces`]. If none
    /// comes, the writer was cut off: then this is all there is.
    More,
    /// Nothing of it: the envelope says that there was a text, and does not hold it.
    LeftOut,
    /// A line of blanks and text below a syslog or journald header: it may go on with the record before it, see
    /// [`continuation`].
    Indented,
}

/// How well a line fits the chain it was stripped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Every layer was there.
    #[default]
    Fits,
    /// Layers are missing, or others were found: the line is of another program, or no log line at all.
    Strange,
    /// An envelope is broken; the text is what stands in it.
    Damaged,
}

/// How much of an envelope a line has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// All layers of the source, or those of another program.
    #[default]
    Own,
    /// The inner layers are not there: syslog-ng writes the newlines of a message as they are, and a runtime may have wrapped each
    /// line again.
    Outer,
    /// None: it may be of the message that the line before it is of.
    None,
}

/// One line without its envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripped<'a> {
    /// What the program wrote. A journal entry, or escapes that syslog made of newlines, may put `\n` inside: it is one
    /// text all the same, and must not be split again.
    pub text: &'a [u8],
    /// Where `text` begins in the line; `None` if it had to be decoded and stands in the scratch.
    pub offset: Option<usize>,
    pub outer: Outer<'a>,
    pub part: Part,
    pub fit: Fit,
    pub envelope: Envelope,
    /// The envelope holds a carriage return behind `text`.
    pub has_return: bool,
}

impl Stripped<'_> {
    /// Whether it may go on with the line above, whoever wrote that.
    pub fn is_below(&self) -> bool {
        self.part == Part::Indented || self.envelope != Envelope::Own
    }

    /// Whether it may be of one message with the line above, which `writer` wrote, though its envelope does not say so.
    pub fn may_go_on_with(&self, writer: &Writer) -> bool {
        match self.envelope {
            Envelope::Own => false,
            Envelope::Outer => writer.may_have_written(&self.outer),
            Envelope::None => true,
        }
    }
}

/// Buffers for decoded texts, kept by a worker from line to line.
#[derive(Debug, Default)]
pub struct Scratch {
    buffers: [Vec<u8>; N_BUFFERS],
}

/// One per layer that decodes, and some for facts with escapes in them; past them, facts stay as they are written.
const N_BUFFERS: usize = 16;

/// The buffers that are still unused for this line.
struct Pool<'a>(&'a mut [Vec<u8>]);

impl<'a> Pool<'a> {
    /// An empty buffer.
    fn take(&mut self) -> Option<&'a mut Vec<u8>> {
        let (buffer, rest) = std::mem::take(&mut self.0).split_first_mut()?;
        self.0 = rest;
        buffer.clear();
        Some(buffer)
    }

    /// The JSON string `raw` without escapes: as it stands if it has none, else in a buffer.
    fn text(&mut self, raw: &'a [u8]) -> &'a [u8] {
        if memchr(b'\\', raw).is_none() {
            return raw;
        }
        match self.take() {
            Some(buffer) => {
                json::unescape(raw, buffer);
                buffer
            }
            None => raw,
        }
    }
}

/// What one layer held.
#[derive(Clone, Copy)]
struct Peeled<'a> {
    text: &'a [u8],
    outer: Outer<'a>,
    part: Part,
    is_damaged: bool,
    /// `text` stands in a buffer.
    is_decoded: bool,
    /// A carriage return stood behind `text`.
    has_return: bool,
}

impl<'a> Peeled<'a> {
    /// A text that stands in the line, behind a sound envelope.
    #[inline]
    fn plain(text: &'a [u8], outer: Outer<'a>) -> Peeled<'a> {
        Peeled {
            text,
            outer,
            part: Part::Whole,
            is_damaged: false,
            is_decoded: false,
            has_return: false,
        }
    }
}

/// Takes the envelope of `chain` off `line`, which has no terminator (or is an entry of [`block_len`] bytes). Never fails:
/// without any envelope the text is the line. A bare chain takes nothing off.
///
/// Layers that are not there are passed over. If none is, the line is stripped by its own shape. Syslog headers that
/// another syslog put inside its own are taken off too. `line` is read from its start only: nothing behind a payload's first
/// byte is ever looked at.
#[inline]
pub fn strip<'a>(chain: &Chain, line: &'a [u8], scratch: &'a mut Scratch) -> Stripped<'a> {
    let mut state = State::new(line);
    if chain.is_bare() {
        return state.finish(line);
    }
    let mut pool = Pool(&mut scratch.buffers);
    // It stands before the first line of a file only, but costs nothing to look for.
    state.text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let mut last = Wrapper::Ansi;
    let mut n_layers = 0;
    for layer in chain.layers() {
        match shape::peel(layer, state.text, &mut pool) {
            Some(peeled) => {
                state.enter(peeled);
                last = layer;
                n_layers += 1;
                state.envelope = Envelope::Own;
            }
            None if layer == Wrapper::Ansi => {} // not every program colours
            None => {
                state.fit = state.fit.max(Fit::Strange);
                state.envelope = Envelope::Outer;
            }
        }
    }
    if n_layers == 0 && state.fit == Fit::Strange {
        return strip_unfit(chain, line, &mut pool);
    }
    // Colours come off any line, however few of the source have them.
    if !is_head(state.text)
        && let Some(peeled) = ansi::peel(state.text, &mut pool)
    {
        state.enter(peeled);
    }
    if last.is_syslog() && !shape::is_payload(state.text) {
        if journal::is_blob(state.text) {
            state.part = Part::LeftOut;
        } else {
            state.enter_nested(&mut pool, LAYERS_MAX - n_layers);
        }
    }
    state.finish(line)
}

/// Takes off what looks like an envelope without being told of one: for odd lines in a source that is bare. Shapes that are weak by
/// themselves count only before a payload. `fit` is `Strange` if anything was taken off.
pub fn strip_by_shape<'a>(line: &'a [u8], scratch: &'a mut Scratch) -> Stripped<'a> {
    let mut state = State::new(line);
    state.enter_by_shape(&mut Pool(&mut scratch.buffers));
    state.finish(line)
}

/// The text of a line that goes on with a multi-line syslog or journald text: it is indented by at least the `width` in
/// bytes of the header before the first line ([`Stripped::offset`] there). `None` if it is not.
///
/// `journalctl` indents to the width of the header (systemd `shared/logs-show.c`, `print_multiline`).
pub fn continuation(line: &[u8], width: usize) -> Option<&[u8]> {
    let indent = line.get(..width)?;
    (width > 0 && indent.iter().all(|b| *b == b' ')).then(|| &line[width..])
}

/// A line in which no layer of the chain was found.
#[cold]
fn strip_unfit<'a>(chain: &Chain, line: &'a [u8], pool: &mut Pool<'a>) -> Stripped<'a> {
    let mut state = State::new(line);
    if chain.layers().any(Wrapper::is_syslog) && shape::is_indented(line) {
        state.part = Part::Indented;
    } else {
        state.envelope = Envelope::None;
        state.enter_by_shape(pool);
    }
    state.fit = state.fit.max(Fit::Strange);
    state.finish(line)
}

/// A line on its way through its layers.
struct State<'a> {
    text: &'a [u8],
    outer: Outer<'a>,
    part: Part,
    fit: Fit,
    envelope: Envelope,
    is_decoded: bool,
    has_return: bool,
}

impl<'a> State<'a> {
    fn new(line: &'a [u8]) -> State<'a> {
        State {
            text: line,
            outer: Outer::default(),
            part: Part::Whole,
            fit: Fit::Fits,
            envelope: Envelope::Own,
            is_decoded: false,
            has_return: false,
        }
    }

    #[inline]
    fn enter(&mut self, peeled: Peeled<'a>) {
        self.text = peeled.text;
        self.outer.overlay(&peeled.outer);
        self.is_decoded |= peeled.is_decoded;
        self.has_return |= peeled.has_return;
        if peeled.part != Part::Whole {
            self.part = peeled.part;
        }
        if peeled.is_damaged {
            self.fit = Fit::Damaged; // worse than strange
        }
    }

    /// Syslog headers inside a syslog header.
    #[cold]
    fn enter_nested(&mut self, pool: &mut Pool<'a>, n_max: usize) {
        for _ in 0..n_max {
            let mut headers = Wrapper::ALL.iter().filter(|layer| layer.is_syslog());
            let Some(peeled) = headers.find_map(|layer| shape::peel(*layer, self.text, pool))
            else {
                return;
            };
            self.enter(peeled);
        }
    }

    fn enter_by_shape(&mut self, pool: &mut Pool<'a>) {
        for _ in 0..LAYERS_MAX {
            let Some(peeled) = shape::by_shape(self.text, pool) else {
                return;
            };
            self.enter(peeled);
            self.fit = self.fit.max(Fit::Strange);
            self.envelope = Envelope::Own;
        }
    }

    fn finish(self, line: &'a [u8]) -> Stripped<'a> {
        let offset = (!self.is_decoded)
            .then(|| self.text.as_ptr().addr().checked_sub(line.as_ptr().addr()))
            .flatten();
        Stripped {
            text: self.text,
            offset,
            outer: self.outer,
            part: self.part,
            fit: self.fit,
            envelope: self.envelope,
            has_return: self.has_return,
        }
    }
}
