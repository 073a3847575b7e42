//! Sources × chunks → classify → fold → merge. The only user of threads.

use crate::{
    aggregate::{Aggregate, Evidence, Ledger, bucket::Grain, failures::Kind, limits},
    classify::{Classifier, loose, residue, taxonomy::ROWS},
    error::Error,
    event::{Basis, Category},
    filter::Filter,
    input::{self, Found, MappedFile, Place, stream::Blocks},
    parse::{HeadParser, record},
    scan::{Block, Event, Scanner, Sink},
};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
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
    pub kind: Option<input::Kind>,
}

/// What is known of a source besides its lines.
#[derive(Debug)]
pub struct SourceState {
    pub place: Place,
    pub named: bool,
    pub kind: input::Kind,
    /// Bytes of the source when it was opened; of a stream, those read.
    pub size_bytes: u64,
    /// What could not be opened or read, or changed meanwhile.
    pub problems: Vec<Error>,
    pub changed: Option<Change>,
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
    pub aggregate: Aggregate,
    /// By source, like `sources`.
    pub ledgers: Vec<Ledger>,
    pub sources: Vec<SourceState>,
}

/// Reads all of `found` once and counts.
pub fn scan(found: &[Found], classifier: &Classifier, config: &EngineConfig) -> Scanned {
    let mut crew = Crew::new(config.n_threads, || Tally {
        scanner: Scanner::new(classifier),
        ledgers: vec![Ledger::default(); found.len()],
        counts: Counts {
            aggregate: Aggregate::new(ROWS.len(), config.grain),
            filter: &config.filter,
            shape: Vec::new(),
        },
    });
    let mut sources = Vec::with_capacity(found.len());
    let mut contents = Vec::new();
    for (batch_index, batch) in found.chunks(SOURCES_OPEN_MAX).enumerate() {
        let first = batch_index * SOURCES_OPEN_MAX;
        contents.clear();
        let opened: Vec<Opened> = batch.iter().map(|found| open(found, config.kind)).collect();
        let mapped = opened
            .iter()
            .enumerate()
            .filter_map(|(index, opened)| Some((first + index, opened.bytes()?)));
        let blocks: Vec<Block<'_>> = mapped
            .map(|(source, bytes)| block(source, 0, bytes, 0))
            .collect();
        crew.work(&jobs(&blocks, config.chunk_len), |tally, job| {
            tally.scan(job)
        });
        for (index, opened) in opened.into_iter().enumerate() {
            let (state, content) = close(opened, first + index, &mut crew, config.chunk_len);
            sources.push(state);
            contents.push(content);
        }
    }
    // Giving back a mapping of a gigabyte takes as long as merging.
    let (aggregate, mut ledgers) = crew.merged_while(|| drop(contents));
    ledgers
        .iter_mut()
        .for_each(|ledger| ledger.line_starts.finish());
    Scanned {
        aggregate,
        ledgers,
        sources,
    }
}

/// Reads the sources of `scanned` again. The events of each chunk go through `collect` into a new `sheet`, on many threads,
/// and the sheets to `take`, in the order of sources and lines. Streams must have been made files before.
pub fn replay<T: Send>(
    scanned: &Scanned,
    classifier: &Classifier,
    config: &EngineConfig,
    sheet: impl Fn() -> T + Sync,
    collect: impl Fn(&mut T, &Event<'_>) + Sync,
    mut take: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut crew = Crew::new(config.n_threads, || Scanner::new(classifier));
    for (source, state) in scanned.sources.iter().enumerate() {
        let (Place::File(path), input::Kind::NginxError) = (&state.place, state.kind) else {
            continue;
        };
        let Ok(file) = MappedFile::open(path) else {
            continue;
        };
        let bytes = &file[..file
            .len()
            .min(usize::try_from(state.size_bytes).unwrap_or(usize::MAX))];
        let blocks = [block(source, 0, bytes, 0)];
        // The chunks of the first pass: lines are counted from their starts.
        let rows_of = |scanner: &mut Scanner<'_>, job: &Job<'_>| {
            let mut rows = Rows {
                sheet: sheet(),
                collect: &collect,
            };
            let mut ledger = Ledger::default();
            scanner.scan(job.block, job.range.clone(), &mut ledger, &mut rows);
            rows.sheet
        };
        crew.in_order(&jobs(&blocks, config.chunk_len), rows_of, &mut take)?;
    }
    Ok(())
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

/// Sources mapped at a time: the system bounds open files and mappings.
const SOURCES_OPEN_MAX: usize = 512;

/// Results per thread that wait to be taken in order.
const WAITING_PER_THREAD: usize = 4;

/// A source with its bytes at hand.
struct Opened {
    state: SourceState,
    content: Option<Content>,
    modified: Option<SystemTime>,
}

enum Content {
    File(MappedFile),
    Stream,
}

impl Opened {
    /// The bytes to scan, if they are there and of a kind that is scanned.
    fn bytes(&self) -> Option<&[u8]> {
        match (&self.content, self.state.kind) {
            (Some(Content::File(file)), input::Kind::NginxError) => Some(file),
            _ => None,
        }
    }
}

fn open(found: &Found, kind: Option<input::Kind>) -> Opened {
    let state = |kind, size_bytes, problems| SourceState {
        place: found.place.clone(),
        named: found.named,
        kind,
        size_bytes,
        problems,
        changed: None,
    };
    let Place::File(path) = &found.place else {
        return Opened {
            state: state(input::Kind::NginxError, 0, vec![]),
            content: Some(Content::Stream),
            modified: None,
        };
    };
    match MappedFile::open(path) {
        Ok(file) => {
            let kind = match kind {
                Some(kind) if !file.is_empty() => kind,
                _ => detect(&file, found.named),
            };
            let size_bytes = file.len() as u64;
            let modified = std::fs::metadata(path)
                .and_then(|meta| meta.modified())
                .ok();
            Opened {
                state: state(kind, size_bytes, vec![]),
                content: Some(Content::File(file)),
                modified,
            }
        }
        Err(error) => Opened {
            state: state(input::Kind::Unread("unreadable"), 0, vec![error]),
            content: None,
            modified: None,
        },
    }
}

/// The kind of a source by its first bytes.
fn detect(bytes: &[u8], named: bool) -> input::Kind {
    let mut heads = HeadParser::default();
    input::detect(bytes, named, |line| {
        let line = &line[..line.len().min(1024)];
        if record::is_access_line(line) {
            input::LineKind::Access
        } else if loose::find_wrapped(line, &mut heads).is_some() {
            input::LineKind::Error
        } else {
            input::LineKind::Other
        }
    })
}

/// Reads what is a stream, and looks whether a file changed meanwhile. The content is still to be given back.
fn close(
    opened: Opened,
    source: usize,
    crew: &mut Crew<Tally<'_>>,
    chunk_len: usize,
) -> (SourceState, Option<Content>) {
    let Opened {
        mut state,
        content,
        modified,
    } = opened;
    match &content {
        Some(Content::Stream) => match state.place.open() {
            Ok(reader) => read_stream(reader, source, &mut state, crew, chunk_len),
            Err(source) => {
                let path = state.place.path().to_owned();
                state.kind = input::Kind::Unread("unreadable");
                state.problems.push(Error::Open { path, source });
            }
        },
        Some(Content::File(_)) => {
            state.changed = change(state.place.path(), state.size_bytes, modified)
        }
        None => {}
    }
    (state, content)
}

fn read_stream(
    reader: impl std::io::Read,
    source: usize,
    state: &mut SourceState,
    crew: &mut Crew<Tally<'_>>,
    chunk_len: usize,
) {
    let mut blocks = Blocks::new(reader, limits::LINE_LEN_MAX, record::may_start);
    while let Some(next) = blocks.next_block() {
        match next {
            Ok(read) => {
                state.size_bytes += read.bytes.len() as u64 + read.n_omitted;
                let blocks = [block(source, read.offset, &read.bytes, read.n_omitted)];
                crew.work(&jobs(&blocks, chunk_len), |tally, job| tally.scan(job));
            }
            Err((offset_bytes, error)) => {
                state.problems.push(Error::Read {
                    path: state.place.path().to_owned(),
                    offset_bytes,
                    source: error,
                });
            }
        }
    }
    if state.size_bytes == 0 {
        state.kind = input::Kind::Empty;
    }
}

fn change(path: &std::path::Path, size_bytes: u64, modified: Option<SystemTime>) -> Option<Change> {
    let Ok(now) = std::fs::metadata(path) else {
        return Some(Change::Rewritten);
    };
    match now.len() {
        len if len > size_bytes => Some(Change::Grew(len - size_bytes)),
        len if len < size_bytes => Some(Change::Shrank(size_bytes - len)),
        _ if now.modified().ok() != modified => Some(Change::Rewritten),
        _ => None,
    }
}

fn block(source: usize, offset: u64, bytes: &[u8], n_omitted: u64) -> Block<'_> {
    Block {
        source: source as u32,
        offset,
        bytes,
        n_omitted,
    }
}

/// One chunk to scan.
struct Job<'a> {
    block: Block<'a>,
    range: Range<usize>,
}

fn jobs<'a>(blocks: &[Block<'a>], chunk_len: usize) -> Vec<Job<'a>> {
    blocks
        .iter()
        .flat_map(|&block| {
            let ranges = crate::lines::chunks(
                block.bytes,
                chunk_len,
                limits::CHUNKS_MAX,
                record::may_start,
            );
            ranges.into_iter().map(move |range| Job { block, range })
        })
        .collect()
}

/// What one worker counts.
struct Tally<'a> {
    scanner: Scanner<'a>,
    ledgers: Vec<Ledger>,
    counts: Counts<'a>,
}

struct Counts<'a> {
    aggregate: Aggregate,
    filter: &'a Filter,
    shape: Vec<u8>,
}

impl Tally<'_> {
    fn scan(&mut self, job: &Job<'_>) {
        let ledger = &mut self.ledgers[job.block.source as usize];
        self.scanner
            .scan(job.block, job.range.clone(), ledger, &mut self.counts);
    }
}

impl Sink for Counts<'_> {
    #[inline(always)] // the event is large: this way most of it is never written
    fn collect(&mut self, event: &Event<'_>) {
        if !self.filter.keeps(event) {
            return;
        }
        if event.is_doubtful {
            self.aggregate.n_doubtful += 1;
            return;
        }
        let known = &event.known;
        self.aggregate.n_by_signature[usize::from(known.signature.0)] += 1;
        let kind = Kind {
            category: known.category,
            phase: known.phase,
            severity: known.severity,
            basis: Basis::ErrorLog,
        };
        self.aggregate.failures.collect(
            event.time(),
            known.upstream,
            kind,
            known.tail.client,
            event.evidence,
        );
        if known.category == Category::Other {
            self.collect_shape(known.message, event.evidence);
        }
    }
}

impl Counts<'_> {
    #[cold]
    fn collect_shape(&mut self, message: &[u8], evidence: Evidence) {
        residue::write_shape(message, &mut self.shape);
        self.aggregate
            .shapes
            .collect(&self.shape, message, evidence);
    }
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

/// Threads, each with a state of its own that lasts from one piece of work to the next.
struct Crew<S> {
    pool: Option<Arc<ThreadPool>>,
    states: Vec<S>,
}

impl<S: Send> Crew<S> {
    /// As many threads as asked for, or as many fewer as the system grants; one needs no thread at all.
    fn new(n_threads: usize, make: impl Fn() -> S) -> Crew<S> {
        let mut n = n_threads.max(1);
        let mut pool = None;
        while n > 1 && pool.is_none() {
            pool = ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .ok()
                .map(Arc::new);
            n = if pool.is_some() { n } else { n / 2 };
        }
        Crew {
            pool,
            states: (0..n).map(|_| make()).collect(),
        }
    }

    /// Does each piece once. Every thread has a share of neighbours, so that what threads count has little in common and
    /// merges quickly; one that is done with its own helps with the others'.
    fn work<J: Sync>(&mut self, jobs: &[J], each: impl Fn(&mut S, &J) + Sync) {
        let shares: Vec<Share<'_, J>> = jobs
            .chunks(jobs.len().div_ceil(self.states.len()).max(1))
            .map(Share::new)
            .collect();
        let run = |first: usize, state: &mut S| {
            for share in shares.iter().cycle().skip(first).take(shares.len()) {
                while let Some(job) = share.next() {
                    each(state, job);
                }
            }
        };
        match &self.pool {
            Some(pool) if jobs.len() > 1 => pool.scope(|scope| {
                for (first, state) in self.states.iter_mut().enumerate() {
                    let run = &run;
                    scope.spawn(move |_| run(first, state));
                }
            }),
            _ => run(0, &mut self.states[0]),
        }
    }

    /// Like [`map`](Self::map), with results given to `take`, few at a time; the next are made meanwhile.
    fn in_order<J: Sync, T: Send>(
        &mut self,
        jobs: &[J],
        each: impl Fn(&mut S, &J) -> T + Send + Sync,
        mut take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut windows = jobs.chunks(self.states.len() * WAITING_PER_THREAD);
        let Some(pool) = self.pool.clone().filter(|_| windows.len() > 1) else {
            return windows.try_for_each(|window| {
                let results = self.map(window, &each);
                results.into_iter().try_for_each(&mut take)
            });
        };
        pool.in_place_scope(|scope| {
            let (made, results) = mpsc::sync_channel(1);
            scope.spawn(move |_| {
                let sent = windows.try_for_each(|window| made.send(self.map(window, &each)));
                drop(sent); // an error says that nobody takes any more
            });
            results.into_iter().flatten().try_for_each(&mut take)
        })
    }

    /// Like [`work`](Self::work), with results in the order of `jobs`.
    fn map<J: Sync, T: Send>(
        &mut self,
        jobs: &[J],
        each: impl Fn(&mut S, &J) -> T + Sync,
    ) -> Vec<T> {
        let results = std::sync::Mutex::new(Vec::with_capacity(jobs.len()));
        let numbered: Vec<(usize, &J)> = jobs.iter().enumerate().collect();
        self.work(&numbered, |state, &(index, job)| {
            let result = each(state, job);
            results
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push((index, result));
        });
        let mut results = results
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        results.sort_unstable_by_key(|&(index, _)| index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

/// Pieces of work from which any thread may take the next.
struct Share<'j, J> {
    jobs: &'j [J],
    n_taken: AtomicUsize,
}

impl<'j, J> Share<'j, J> {
    fn new(jobs: &'j [J]) -> Share<'j, J> {
        Share {
            jobs,
            n_taken: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> Option<&'j J> {
        self.jobs.get(self.n_taken.fetch_add(1, Ordering::Relaxed))
    }
}

impl Crew<Tally<'_>> {
    /// All that was counted, as one; `other` is done meanwhile.
    fn merged_while(self, other: impl FnOnce() + Send) -> (Aggregate, Vec<Ledger>) {
        let Crew { pool, states } = self;
        let merged = || merged(states);
        match pool {
            Some(pool) => pool.join(merged, other).0,
            None => {
                other();
                merged()
            }
        }
    }
}

fn merged(tallies: Vec<Tally<'_>>) -> (Aggregate, Vec<Ledger>) {
    let mut tallies = tallies.into_iter();
    let first = tallies.next().expect("a crew has at least one state");
    tallies.fold(
        (first.counts.aggregate, first.ledgers),
        |(mut aggregate, mut ledgers), tally| {
            aggregate.merge(tally.counts.aggregate);
            for (mine, theirs) in ledgers.iter_mut().zip(tally.ledgers) {
                mine.merge(theirs);
            }
            (aggregate, ledgers)
        },
    )
}
