//! Sources × chunks → classify → fold → merge. The only room that works on several threads.
//!
//! A plain file is mapped and its chunks are scanned in place. Everything else (compressed, an archive, a pipe) is a [`feed`]: one
//! thread at a time unpacks a block of it while others scan those before.

mod again;
mod crew;
mod feed;
mod tally;

use self::{
    crew::{Crew, Spring},
    feed::{Feed, Portion, Spares},
    tally::Tally,
};
use crate::{
    aggregate::{Aggregate, Ledger, SourceKey, bucket::Grain, limits},
    classify::{Classifier, loose},
    error::Error,
    filter::Filter,
    input::{
        self, Found, Kind, LineKind, MappedFile, Place,
        digest::sha256,
        unpack::{Limits, Problem, container},
    },
    parse::{
        HeadParser, record,
        wrapper::{self, Chain, Scratch},
    },
    progress::Progress,
    scan::{Block, Event, Scanner, Sink},
};
use std::{
    ops::Range,
    sync::{Arc, PoisonError},
    time::SystemTime,
};

/// How to scan. Neither threads nor chunk length ever changes an answer.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// At least 1.
    pub n_threads: usize,
    /// At least 1.
    pub chunk_len: usize,
    pub grain: Grain,
    pub filter: Filter,
    /// What all sources are taken for, whatever their content says; `None`: each is told by its content.
    pub kind: Option<Kind>,
    /// How far unpacking goes.
    pub limits: Limits,
    /// Compute SHA-256 of the stored bytes.
    pub digests: bool,
}

/// What is known of a source besides its lines.
#[derive(Debug)]
pub struct SourceState {
    pub key: SourceKey,
    /// The stored stream it is in.
    pub place: Place,
    /// What people call it: its path as given, and the names of the archives' members. Hostile bytes.
    pub name: Vec<u8>,
    pub named: bool,
    pub kind: Kind,
    /// What is wrapped around its lines.
    pub chain: Chain,
    /// How it was packed, from outside in: `tar > gzip`; empty for plain bytes.
    pub decode: String,
    /// Compressed members, frames or streams of each layer.
    pub units: Vec<(&'static str, u64)>,
    /// The machine that its path names, or its directory where sources lie in several.
    pub machine: Option<Arc<str>>,
    /// Bytes of the stored stream when it was opened; of a pipe, those read.
    pub size_bytes: u64,
    pub decoded_bytes: u64,
    /// Of the stored stream, if asked for.
    pub sha256: Option<String>,
    /// What could not be opened or read.
    pub problems: Vec<Error>,
    /// What unpacking met, damage and notes.
    pub troubles: Vec<Problem>,
    pub changed: Option<Change>,
    /// It was scanned in place; else in blocks of a stream.
    pub is_mapped: bool,
}

/// What happened to a file while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many bytes were appended; they were not read.
    Grew(u64),
    /// So many bytes were cut off.
    Shrank(u64),
    /// It has another content or is gone.
    Rewritten,
}

/// What one pass found.
#[derive(Debug)]
pub struct Scanned {
    /// What was read.
    pub found: Vec<Found>,
    pub aggregate: Aggregate,
    /// By source, like `sources`.
    pub ledgers: Vec<Ledger>,
    /// In the order of their keys.
    pub sources: Vec<SourceState>,
}

impl Scanned {
    /// Index of a source in `sources` and `ledgers`.
    pub fn index_of(&self, source: SourceKey) -> usize {
        let found = self
            .sources
            .binary_search_by_key(&source, |state| state.key);
        found.expect("every event is of a source that was read")
    }
}

/// Reads all of `found` once and counts; tells `progress` how far it is.
pub fn scan(
    found: &[Found],
    classifier: &Classifier,
    config: &EngineConfig,
    progress: &Progress,
) -> Scanned {
    let mut crew = Crew::new(config.n_threads, || Tally::new(classifier, config));
    let mut sources = Vec::with_capacity(found.len());
    let mut files = Vec::new();
    for (index, batch) in found.chunks(SOURCES_OPEN_MAX).enumerate() {
        files.clear(); // unmapped before more are mapped
        let first = index * SOURCES_OPEN_MAX;
        let opened = batch.iter().zip(first as u32..);
        let opened: Vec<Opened<'_>> = opened
            .map(|(found, stored)| open(found, stored, config))
            .collect();
        scan_batch(
            opened,
            &mut crew,
            config,
            progress,
            &mut sources,
            &mut files,
        );
    }
    sources.sort_by_key(|state: &SourceState| state.key);
    name_directories(&mut sources);
    // Giving back a mapping of a gigabyte takes as long as merging.
    let Crew { pool, states } = crew;
    let merged = || tally::merged(states);
    let (aggregate, mut ledgers) = match pool {
        Some(pool) => pool.join(merged, || drop(files)).0,
        None => merged(),
    };
    let mut ledger_of = |state: &SourceState| {
        let mut ledger = ledgers.remove(&state.key).unwrap_or_default();
        ledger.line_starts.finish();
        ledger
    };
    Scanned {
        found: found.to_vec(),
        aggregate,
        ledgers: sources.iter().map(&mut ledger_of).collect(),
        sources,
    }
}

/// Sources open at a time: the system bounds open files and mappings.
const SOURCES_OPEN_MAX: usize = 512;

/// A stored stream at hand.
enum Opened<'a> {
    /// A plain file, or one that cannot be opened.
    File(SourceState, MappedFile, Option<SystemTime>),
    /// To be unpacked or read piece by piece.
    Stream(&'a Found, u32),
    Failed(SourceState),
}

fn open<'a>(found: &'a Found, stored: u32, config: &EngineConfig) -> Opened<'a> {
    let Place::File(path) = &found.place else {
        return Opened::Stream(found, stored);
    };
    let mut state = SourceState::new(SourceKey::new(stored, 0), found, Kind::Empty);
    let modified = || {
        std::fs::metadata(path)
            .and_then(|meta| meta.modified())
            .ok()
    };
    match MappedFile::open(path) {
        // What has no size may have bytes all the same, as files in /proc have.
        Ok(file) if file.is_empty() || container::recognise(&file).is_some() => {
            Opened::Stream(found, stored)
        }
        Ok(file) => {
            (state.kind, state.chain) = kind_of(&file, found.named, config.kind);
            if state.chain.block().is_some() {
                return Opened::Stream(found, stored); // entries are found from the first only
            }
            state.size_bytes = file.len() as u64;
            state.decoded_bytes = state.size_bytes;
            state.is_mapped = true;
            state.name_machine();
            Opened::File(state, file, modified())
        }
        // Where address space is scarce, or the file system cannot map, it can still be read.
        Err(Error::Map { .. }) => Opened::Stream(found, stored),
        Err(error) => {
            state.kind = Kind::Unread("unreadable");
            state.problems.push(error);
            Opened::Failed(state)
        }
    }
}

/// What a source that begins with `sample` holds, and what is wrapped around its lines.
fn kind_of(sample: &[u8], named: bool, kind: Option<Kind>) -> (Kind, Chain) {
    let sample = &sample[..sample.len().min(input::kind::SAMPLE_LEN)];
    let chain = wrapper::detect(sample, |_| false);
    if let Some(kind) = kind.filter(|_| !sample.is_empty()) {
        return (kind, chain);
    }
    if chain.block().is_some() {
        return (Kind::NginxError, chain);
    }
    let (mut heads, mut scratch) = (HeadParser::default(), Scratch::default());
    let told = input::detect(sample, named, |line| {
        let text = wrapper::strip(&chain, line, &mut scratch).text;
        let text = &text[..text.len().min(1024)];
        if record::is_access_line(text) {
            LineKind::Access
        } else if loose::find_wrapped(text, &mut heads).is_some() {
            LineKind::Error
        } else {
            LineKind::Other
        }
    });
    (told, chain)
}

/// Scans what is open, and looks afterwards whether files changed meanwhile.
fn scan_batch(
    opened: Vec<Opened<'_>>,
    crew: &mut Crew<Tally<'_>>,
    config: &EngineConfig,
    progress: &Progress,
    sources: &mut Vec<SourceState>,
    files: &mut Vec<MappedFile>,
) {
    let jobs: Vec<Job<'_>> = opened
        .iter()
        .flat_map(|opened| match opened {
            Opened::File(state, file, _) => jobs(state, file, config),
            Opened::Stream(..) | Opened::Failed(_) => vec![],
        })
        .collect();
    crew.work(&jobs, |tally, job| {
        tally.scan(
            job.block,
            job.range.clone(),
            &job.chain,
            job.machine.as_deref(),
        );
        progress.read(job.range.len() as u64);
    });
    drop(jobs);
    let spares = Spares::default();
    let mut feeds = Vec::new();
    for opened in opened {
        match opened {
            Opened::File(mut state, file, modified) => {
                state.changed = change(&state, modified);
                state.sha256 = config.digests.then(|| sha256(&file));
                sources.push(state);
                files.push(file);
                progress.file_done();
            }
            Opened::Stream(found, stored) => {
                feeds.push(Feed::new(found, stored, config, &spares, progress))
            }
            Opened::Failed(state) => {
                sources.push(state);
                progress.file_done();
            }
        }
    }
    let feeds = crew.drain(feeds, |tally, portion| {
        scan_portion(tally, portion, &spares)
    });
    sources.extend(feeds.into_iter().flat_map(|feed| feed.sources));
}

fn scan_portion(tally: &mut Tally<'_>, portion: Portion, spares: &Spares) {
    let block = portion.block();
    let (chain, machine) = (&portion.chain, portion.machine.as_deref());
    tally.scan(block, 0..block.bytes.len(), chain, machine);
    let mut spares = spares.lock().unwrap_or_else(PoisonError::into_inner);
    spares.push(portion.block.bytes);
}

/// One chunk to scan.
struct Job<'a> {
    block: Block<'a>,
    range: Range<usize>,
    chain: Chain,
    machine: Option<Arc<str>>,
}

/// The chunks of a mapped file.
fn jobs<'a>(state: &SourceState, bytes: &'a [u8], config: &EngineConfig) -> Vec<Job<'a>> {
    if state.kind != Kind::NginxError {
        return vec![];
    }
    let block = Block {
        source: state.key,
        offset: 0,
        bytes,
        n_omitted: 0,
    };
    let scratch = std::cell::RefCell::new(Scratch::default());
    let may_start = |bytes: &[u8], at: usize| {
        feed::may_start(&state.chain, bytes, at, &mut scratch.borrow_mut())
    };
    let ranges = crate::lines::chunks(bytes, config.chunk_len, limits::CHUNKS_MAX, may_start);
    let job = |range| Job {
        block,
        range,
        chain: state.chain,
        machine: state.machine.clone(),
    };
    ranges.into_iter().map(job).collect()
}

fn change(state: &SourceState, modified: Option<SystemTime>) -> Option<Change> {
    let Ok(now) = std::fs::metadata(state.place.path()) else {
        return Some(Change::Rewritten);
    };
    match now.len() {
        len if len > state.size_bytes => Some(Change::Grew(len - state.size_bytes)),
        len if len < state.size_bytes => Some(Change::Shrank(state.size_bytes - len)),
        _ if now.modified().ok() != modified => Some(Change::Rewritten),
        _ => None,
    }
}

impl SourceState {
    fn new(key: SourceKey, found: &Found, kind: Kind) -> SourceState {
        SourceState {
            key,
            place: found.place.clone(),
            name: found.name.as_os_str().as_encoded_bytes().to_vec(),
            named: found.named,
            kind,
            chain: Chain::default(),
            decode: String::new(),
            units: Vec::new(),
            machine: None,
            size_bytes: 0,
            decoded_bytes: 0,
            sha256: None,
            problems: Vec::new(),
            troubles: Vec::new(),
            changed: None,
            is_mapped: false,
        }
    }

    /// Takes the machine from the name, if it lies where machines keep their logs.
    fn name_machine(&mut self) {
        let name = String::from_utf8_lossy(&self.name).replace('!', "/");
        let place = wrapper::place(&name);
        self.machine = place.host.or(place.pod).or(place.container).map(Arc::from);
    }
}

/// Where sources lie in several directories that have names of their own, these stand for machines: `web1/error.log`.
fn name_directories(sources: &mut [SourceState]) {
    let directory = |state: &SourceState| {
        let name = String::from_utf8_lossy(&state.name).replace('!', "/");
        wrapper::place(&name).directory.map(Arc::from)
    };
    let mut directories: Vec<Option<Arc<str>>> = sources.iter().map(directory).collect();
    let first = directories.iter().flatten().next().cloned();
    if directories
        .iter()
        .flatten()
        .all(|directory| Some(directory) == first.as_ref())
    {
        return;
    }
    for (state, directory) in sources.iter_mut().zip(&mut directories) {
        state.machine = state.machine.take().or(directory.take());
    }
}

/// Reads the sources of `scanned` again. The events of each chunk go through `collect` into a new `sheet`, on many threads,
/// and the sheets to `take`, in the order of sources and lines. Streams must have been made files before. Gives back what could
/// not be read again as it was.
pub fn replay<T: Send>(
    scanned: &Scanned,
    classifier: &Classifier,
    config: &EngineConfig,
    sheet: impl Fn() -> T + Sync,
    collect: impl Fn(&mut T, &Event<'_>) + Sync,
    mut take: impl FnMut(T) -> Result<(), Error>,
) -> Result<Vec<Error>, Error> {
    let mut crew = Crew::new(config.n_threads, || Scanner::new(classifier));
    let rows_of =
        |scanner: &mut Scanner<'_>, block: Block<'_>, range: Range<usize>, chain: &Chain| {
            let mut rows = Rows {
                sheet: sheet(),
                collect: &collect,
            };
            let mut ledger = Ledger::default();
            tally::scan(scanner, block, range, chain, &mut ledger, &mut rows);
            rows.sheet
        };
    let config = &EngineConfig {
        digests: false,
        ..config.clone()
    };
    let (spares, progress) = (Spares::default(), Progress::default());
    let mut missed = Vec::new();
    for (found, stored) in scanned.found.iter().zip(0..) {
        let first = again::of_stored(scanned, stored).first();
        let was_mapped = first.is_some_and(|state| state.is_mapped);
        let again = match open(found, stored, config) {
            Opened::Failed(state) => vec![state],
            // Lines are counted from the starts of the chunks, or blocks, of the first pass: others would not do.
            Opened::File(state, file, _) if was_mapped => {
                let len = first.map_or(0, |state| state.size_bytes);
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                let jobs = jobs(&state, &file[..file.len().min(len)], config);
                let rows = |scanner: &mut Scanner<'_>, job: &Job<'_>| {
                    rows_of(scanner, job.block, job.range.clone(), &job.chain)
                };
                crew.in_order(&jobs, rows, &mut take)?;
                vec![state]
            }
            Opened::Stream(..) if !was_mapped => {
                let mut feed = Feed::new(found, stored, config, &spares, &progress);
                let mut portions: Vec<Portion> = Vec::new();
                loop {
                    portions.clear();
                    portions.extend(std::iter::from_fn(|| feed.draw()).take(crew.states.len()));
                    if portions.is_empty() {
                        break;
                    }
                    let rows = |scanner: &mut Scanner<'_>, portion: &Portion| {
                        let block = portion.block();
                        rows_of(scanner, block, 0..block.bytes.len(), &portion.chain)
                    };
                    crew.in_order(&portions, rows, &mut take)?;
                }
                feed.sources
            }
            Opened::File(..) | Opened::Stream(..) => vec![],
        };
        missed.extend(again::missed(scanned, stored, again));
    }
    Ok(missed)
}

/// Makes something of each of `items` on many threads, and gives it to `take` in their order.
pub fn in_order<I: Sync, T: Send>(
    n_threads: usize,
    items: &[I],
    make: impl Fn(&I) -> T + Sync,
    take: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    Crew::new(n_threads, || ()).in_order(items, |(), item| make(item), take)
}

/// Gives the events of one chunk to `collect`.
struct Rows<'c, T, C> {
    sheet: T,
    collect: &'c C,
}

impl<T, C: Fn(&mut T, &Event<'_>)> Sink for Rows<'_, T, C> {
    fn collect(&mut self, event: &Event<'_>) {
        (self.collect)(&mut self.sheet, event);
    }
}
