//! Sources × chunks → classify → fold → merge. The only room that works on several threads.
//!
//! A plain file is mapped and its chunks are scanned in place. Everything else (compressed, an archive, a pipe) is a [`feed`]: one
//! thread at a time unpacks a block of it while others scan those before, or decode what comes later of it.

mod again;
mod crew;
mod feed;
mod job;
mod panic;
mod same;
mod source;
mod tally;
mod told;
mod tracer;
mod walk;

pub use same::{ELDERS_MAX, OVERLAP_BYTES_MAX, OVERLAP_PAIRS_MAX, SAME_LEN_MIN, rotation_set};
pub use source::{FileState, SourceState};
pub use tally::Wanted;
pub use told::KnownFormats;
pub use walk::walk;

pub use crate::scan::Clocks;

use self::{
    crew::Crew,
    feed::{Feed, Portion, Spares},
    job::{Job, Part, behind_nuls, jobs},
    same::{Beginnings, ByLine, OpenArchives, Stream, Twin},
    source::name_directories,
    tally::{Lost, Tally},
    tracer::Shared,
};
use crate::{
    aggregate::{
        Aggregate, Ledger, SourceKey,
        bucket::Grain,
        limits,
        traces::{AttemptTrace, ErrorTrace, Traces},
    },
    classify::Classifier,
    error::Error,
    filter::Filter,
    input::{
        self, Content, Found, Kind, Mmap, Place, Stored,
        unpack::{Ahead, Limits, ahead::Budget, container},
    },
    parse::{
        forged::{Gathered, Smuggled},
        wrapper::Scratch,
    },
    progress::Progress,
    scan::{Block, Reading, Scanner, Sink},
};
use std::{
    ops::{ControlFlow, Range},
    sync::{Arc, Mutex, PoisonError},
};

/// How to scan. Neither threads nor chunk length ever changes an answer.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// At least 1.
    pub n_threads: usize,
    /// 0: as long as suits each file.
    pub chunk_len: usize,
    pub grain: Grain,
    pub filter: Filter,
    /// What all sources are taken for, whatever their content says; `None`: each is told by its content.
    pub kind: Option<Kind>,
    /// Formats that access lines may be in, besides those that are built in.
    pub formats: Arc<dyn KnownFormats>,
    /// What is counted of requests.
    pub wanted: Wanted,
    /// How far unpacking goes.
    pub limits: Limits,
    /// Compute SHA-256 of the stored bytes.
    pub digests: bool,
    /// Whether files may be mapped.
    pub mmap: Mmap,
    /// Where machines run in several zones.
    pub clocks: Option<Arc<Clocks>>,
    /// What clients tried to smuggle into records of level debug, if that is known.
    pub smuggled: Option<Arc<Smuggled>>,
}

/// What one pass found.
#[derive(Debug)]
pub struct Scanned {
    /// What was read: of a rotated set the oldest first.
    pub found: Vec<Found>,
    beginnings: Beginnings,
    pub aggregate: Aggregate,
    /// By source, like `sources`.
    pub ledgers: Vec<Ledger>,
    /// In the order of their keys.
    pub sources: Vec<SourceState>,
    /// Records by which requests may have failed, and such requests: none unless both are there.
    pub errors: Traces<ErrorTrace>,
    pub attempts: Traces<AttemptTrace>,
    /// Records and attempts looked at one by one for these, whether or not both are there.
    pub n_traced: u64,
    /// What clients tried to smuggle into records of level debug, if there are such: who reads again has to know it, too.
    pub smuggled: Option<Arc<Smuggled>>,
    /// There are records of level debug, and what clients smuggled into them is not known, or not all of it.
    pub is_debug_believed: bool,
}

impl Scanned {
    /// All but the order of the files is given up.
    fn into_order(self) -> (Vec<Found>, Beginnings) {
        (self.found, self.beginnings)
    }

    /// What could not be read then may be readable now.
    fn has_counted(&self, portion: &Portion) -> bool {
        let found = self
            .sources
            .binary_search_by_key(&portion.source, |state| state.key);
        found.is_ok_and(|index| {
            let state = &self.sources[index];
            state.is_scanned() && portion.block.offset < state.decoded_bytes
        })
    }

    /// Index of a source in `sources` and `ledgers`.
    pub fn index_of(&self, source: SourceKey) -> usize {
        let found = self
            .sources
            .binary_search_by_key(&source, |state| state.key);
        found.expect("every event is of a source that was read")
    }
}

/// Reads all of `found` and counts; tells `progress` how far it is. Once; again where records of level debug are, and clients tried to
/// smuggle lines into them: what these are must be known before; and where one log begins inside of another.
pub fn scan(
    found: &[Found],
    classifier: &Classifier,
    config: &EngineConfig,
    progress: &Progress,
) -> Scanned {
    let mut scanned = scan_once(found, None, classifier, config, progress);
    let has_debug = scanned.aggregate.has_debug;
    let can_repeat = found.iter().all(Found::can_be_read_again);
    let mut overlaps = same::find_overlaps(&scanned, config);
    if !can_repeat {
        overlaps.give_up();
        scanned.is_debug_believed = has_debug;
    }
    overlaps.note(&mut scanned.sources);
    let smuggled = Some(found)
        .filter(|_| has_debug && can_repeat)
        .and_then(|found| smuggled(found, config));
    if smuggled.is_none() && overlaps.is_empty() {
        return scanned;
    }
    for state in &scanned.sources {
        progress.expect(1, state.size_bytes);
    }
    let is_debug_believed = smuggled.as_ref().is_some_and(|smuggled| !smuggled.is_whole);
    let config = EngineConfig {
        smuggled: smuggled.map(Arc::new).or(config.smuggled.clone()),
        ..config.clone()
    };
    let (found, beginnings) = scanned.into_order();
    let beginnings = beginnings.with(&overlaps);
    let mut scanned = scan_once(&found, Some(beginnings), classifier, &config, progress);
    overlaps.note(&mut scanned.sources);
    scanned.is_debug_believed = is_debug_believed;
    scanned
}

/// The lines that clients tried to smuggle into error logs, by all requests that any of `found` tells of.
pub fn smuggled(found: &[Found], config: &EngineConfig) -> Option<Smuggled> {
    let mut gathered = Gathered::default();
    for found in found {
        walk(found, config, |state, block| {
            gathered.collect(block.bytes, &state.reading.chain);
            ControlFlow::Continue(())
        });
    }
    gathered.finish()
}

/// `beginnings` are known if `found` is in its order already.
fn scan_once(
    found: &[Found],
    beginnings: Option<Beginnings>,
    classifier: &Classifier,
    config: &EngineConfig,
    progress: &Progress,
) -> Scanned {
    let traces = Shared::default();
    let mut crew = Crew::new(config.n_threads, || Tally::new(classifier, config, &traces));
    let (found, beginnings) = match beginnings {
        Some(beginnings) => (found.to_vec(), beginnings),
        None => same::prepare(found, config, &mut crew, progress),
    };
    let world = World {
        config,
        found: &found,
        beginnings: &beginnings,
        progress,
        n_helpers: n_helpers(&crew, config),
        budget: Arc::new(Budget::new(config.limits.ahead_bytes_max)),
    };
    let mut sources = Vec::with_capacity(found.len());
    let mut files = Vec::new();
    let n_open = SOURCES_OPEN_MAX.min(input::mmap::files_open_max());
    for (index, batch) in found.chunks(n_open).enumerate() {
        files.clear(); // unmapped before more are mapped
        let first = index * n_open;
        let opened = batch.iter().zip(first as u32..);
        let opened: Vec<Opened<'_>> = opened
            .map(|(found, stored)| open(found, stored, config))
            .collect();
        scan_batch(opened, &mut crew, &world, &mut sources, &mut files);
    }
    sources.sort_by_key(|state: &SourceState| state.key);
    name_directories(&mut sources);
    crew.each(Tally::settle);
    let Crew { pool, states } = crew;
    if let Some(pool) = pool {
        // Giving back a mapping of a gigabyte takes as long as merging, and nobody need wait for it.
        pool.spawn(move || drop(files));
    }
    let (mut aggregate, mut ledgers, lost) = tally::merged(states);
    aggregate.forged.settle();
    note_lost(&mut sources, lost);
    let mut ledger_of = |state: &SourceState| {
        let mut ledger = ledgers.remove(&state.key).unwrap_or_default();
        ledger.line_starts.finish();
        ledger
    };
    let (n_traced, errors, attempts) = tracer::aligned(traces);
    Scanned {
        found,
        beginnings,
        aggregate,
        ledgers: sources.iter().map(&mut ledger_of).collect(),
        sources,
        errors,
        attempts,
        n_traced,
        smuggled: config.smuggled.clone(),
        is_debug_believed: false,
    }
}

/// How many threads may decode ahead of others: none where there is no room for what they would keep ready, and as much again
/// for all else. Of two threads one decodes and one scans, which takes them about as long: then what is kept ready only leaves
/// the cache (zstd frames of 10 MB on two cores: 0.68 s instead of 0.64).
fn n_helpers<S>(crew: &Crew<S>, config: &EngineConfig) -> usize {
    let n_bytes = usize::try_from(config.limits.ahead_bytes_max).unwrap_or(usize::MAX);
    let n_threads = crew.states.len();
    let has_space = || {
        let all = n_bytes.saturating_mul(2);
        crew::has_space(all.saturating_add(n_threads.saturating_mul(crew::ROOM_PER_THREAD)))
    };
    if n_threads > 2 && n_bytes > 0 && has_space() {
        n_threads - 1
    } else {
        0
    }
}

/// Says of each source what was lost of it by mistakes of this program.
fn note_lost(sources: &mut [SourceState], mut lost: Vec<Lost>) {
    lost.sort_by_key(|lost| (lost.source, lost.range.start));
    for lost in lost {
        let index = sources.binary_search_by_key(&lost.source, |state| state.key);
        if let Ok(index) = index {
            let state = &mut sources[index];
            let (start, end) = (lost.range.start, Some(lost.range.end));
            let error = panic::error(state.place.path(), start, end, lost.what);
            state.problems.push(error);
        }
    }
}

/// What every stream is read with.
struct World<'a> {
    config: &'a EngineConfig,
    found: &'a [Found],
    beginnings: &'a Beginnings,
    progress: &'a Progress,
    /// Threads that may have nothing to do while one draws from a stream.
    n_helpers: usize,
    /// What they may decode before its turn.
    budget: Arc<Budget>,
}

impl World<'_> {
    /// For one stream, if anybody can help.
    fn ahead(&self) -> Option<Arc<Ahead>> {
        let limits = &self.config.limits;
        (self.n_helpers > 0).then(|| Ahead::new(self.n_helpers, limits, &self.budget))
    }

    /// The elder stream that one begins like; `siblings` are the members before it, if it is part of an archive. Its name does not
    /// tell that: a path may hold a `!` as well.
    fn twin(
        &self,
        state: &mut SourceState,
        siblings: Option<&ByLine>,
        sample: &[u8],
        archives: &mut OpenArchives,
    ) -> Option<Twin> {
        if !state.is_scanned() {
            return None;
        }
        let stream = Stream {
            state,
            siblings,
            sample,
        };
        let compared = self
            .beginnings
            .compare(self.found, &stream, self.config, archives);
        let twin = compared.twin;
        state.begins_like = compared.begins_like.filter(|_| twin.is_none());
        if compared.is_unread {
            let path = state.place.path().to_owned();
            state.problems.push(Error::Compare { path });
        }
        twin
    }
}

/// Sources open at a time: the system bounds open files and mappings.
const SOURCES_OPEN_MAX: usize = 512;

/// A stored stream at hand.
enum Opened<'a> {
    /// A plain file.
    File(SourceState, Stored),
    /// To be unpacked or read piece by piece.
    Stream(&'a Found, u32),
    Failed(SourceState),
}

/// The bytes of a source that is mapped.
fn mapped(stored: &Stored) -> &[u8] {
    match &stored.content {
        Content::Mapped(file) => file,
        Content::Stream(_) => &[],
    }
}

/// What there is to do with an open source, if it is mapped.
fn jobs_of<'a>(opened: &'a Opened<'_>, config: &EngineConfig) -> Vec<(&'a Stored, Job<'a>)> {
    let Opened::File(state, stored) = opened else {
        return vec![];
    };
    let Content::Mapped(file) = &stored.content else {
        return vec![];
    };
    let holes = stored.holes(limits::LINE_LEN_MAX);
    let jobs = jobs(state, file, state.same_len, &holes, config);
    jobs.into_iter().map(|job| (stored, job)).collect()
}

fn open<'a>(found: &'a Found, stored: u32, config: &EngineConfig) -> Opened<'a> {
    let Place::File(path) = &found.place else {
        return Opened::Stream(found, stored);
    };
    let mut state = SourceState::new(SourceKey::new(stored, 0), found, Kind::Empty);
    match Stored::open(path, config.mmap) {
        Ok(file) if matches!(file.content, Content::Stream(_)) => Opened::Stream(found, stored),
        Ok(file) if container::tell(&state.name, mapped(&file)).is_some() => {
            Opened::Stream(found, stored)
        }
        Ok(file) => {
            let bytes = mapped(&file);
            let sample = behind_nuls(bytes, &file.holes(limits::LINE_LEN_MAX));
            state.recognise(sample, config);
            if state.reading.chain.block().is_some() {
                return Opened::Stream(found, stored); // entries are found from the first only
            }
            state.size_bytes = bytes.len() as u64;
            state.decoded_bytes = state.size_bytes;
            state.is_mapped = true;
            state.file = FileState::of(&file);
            state.name_machine();
            Opened::File(state, file)
        }
        Err(error) => {
            state.kind = Kind::Unread("unreadable");
            state.problems.push(error);
            Opened::Failed(state)
        }
    }
}

/// Scans what is open, and looks afterwards whether files changed meanwhile.
fn scan_batch(
    mut opened: Vec<Opened<'_>>,
    crew: &mut Crew<Tally<'_>>,
    world: &World<'_>,
    sources: &mut Vec<SourceState>,
    files: &mut Vec<Stored>,
) {
    for index in 0..opened.len() {
        let (before, rest) = opened.split_at_mut(index);
        note_same(&mut rest[0], before, world);
    }
    let jobs: Vec<(&Stored, Job<'_>)> = opened
        .iter()
        .flat_map(|opened| jobs_of(opened, world.config))
        .collect();
    let is_traced = is_traced(&opened, world);
    let lost = Mutex::new(Vec::new());
    crew.work(&jobs, |tally, (stored, job)| {
        match job.part {
            Part::Hole { is_last } => {
                let Block { source, offset, .. } = job.block;
                tally.hole(source, offset, job.range.len() as u64, is_last);
            }
            Part::New => tally.scan(
                job.block,
                job.range.clone(),
                &job.reading,
                job.path.asked(),
                is_traced,
            ),
            Part::Same => tally.skip(job.block),
        }
        let is_hole = matches!(job.part, Part::Hole { .. });
        if let Some(range) = stored.lost_in(job.range_in_file()).filter(|_| !is_hole) {
            let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.push((job.block.source, range));
        }
        // A digest reads all of it once more.
        if !world.config.digests {
            stored.release(job.range_in_file());
        }
        world.progress.read(job.range.len() as u64);
    });
    drop(jobs);
    let mut lost = lost.into_inner().unwrap_or_else(PoisonError::into_inner);
    lost.sort_by_key(|(source, range): &(SourceKey, Range<u64>)| (*source, range.start));
    let is_traced = world.config.wanted.traces;
    let spares = Spares::default();
    let mut feeds = Vec::new();
    for opened in opened {
        match opened {
            Opened::File(mut state, file) => {
                let own = lost.iter().filter(|(source, _)| *source == state.key);
                state.lost = own.map(|(_, range)| range.clone()).collect();
                state.sha256 = world.config.digests.then(|| file.sha256()).flatten();
                state.changed = file.change();
                sources.push(state);
                files.push(file);
                world.progress.file_done();
            }
            Opened::Stream(found, stored) => feeds.push(Feed::new(found, stored, world, &spares)),
            Opened::Failed(state) => {
                sources.push(state);
                world.progress.file_done();
            }
        }
    }
    let feeds = crew.drain(feeds, |tally, portion| {
        let is_traced = is_traced && is_joinable(&portion);
        scan_portion(tally, portion, is_traced, &spares)
    });
    sources.extend(feeds.into_iter().flat_map(|feed| feed.sources));
}

/// Whether failures of mapped files are wanted one by one, which costs something: where there can be both error records and requests.
fn is_traced(opened: &[Opened<'_>], world: &World<'_>) -> bool {
    let (mut has_records, mut has_requests) = (false, false);
    for opened in opened {
        match opened {
            Opened::File(state, _) => {
                let is_of_nginx = !state.reading.is_access && !state.reading.is_audit;
                has_records |= state.is_scanned() && is_of_nginx;
                has_requests |= state.reading.formats.is_some();
            }
            Opened::Stream(..) => (has_records, has_requests) = (true, true),
            Opened::Failed(_) => {}
        }
    }
    let are_all = opened.len() == world.found.len();
    world.config.wanted.traces && (has_records && has_requests || !are_all)
}

/// Whether failures of a stream are wanted one by one, if they are at all: not where it is all there is, and of one kind.
fn is_joinable(portion: &Portion) -> bool {
    let Reading {
        formats, is_access, ..
    } = &portion.reading;
    !portion.is_alone || !is_access && formats.is_some()
}

fn scan_portion(tally: &mut Tally<'_>, portion: Portion, is_traced: bool, spares: &Spares) {
    let block = portion.block();
    let (reading, path) = (&portion.reading, portion.path.asked());
    let n_hole = portion.block.n_hole;
    if n_hole > 0 {
        let is_last = block.bytes.is_empty();
        tally.hole(block.source, block.offset - n_hole, n_hole, is_last);
    }
    if portion.is_same {
        tally.skip(block);
    } else {
        tally.scan(block, 0..block.bytes.len(), reading, path, is_traced);
    }
    let mut spares = spares.lock().unwrap_or_else(PoisonError::into_inner);
    spares.push(portion.block.bytes);
}

/// Notes how many bytes of a mapped file an elder one holds too, or one of those opened `before` it.
fn note_same(opened: &mut Opened<'_>, before: &[Opened<'_>], world: &World<'_>) {
    let Opened::File(state, file) = opened else {
        return;
    };
    let bytes = mapped(file);
    let (mut is_apart, mut completes) = (false, None);
    let common = same_file(state, before, world).or_else(|| {
        let sample = &bytes[..bytes.len().min(input::stream::BLOCK_LEN)];
        let mut twin = world.twin(state, None, sample, &mut OpenArchives::default())?;
        let common = twin.common_of_all(bytes);
        is_apart = twin.is_apart;
        completes = Some(twin.elder).filter(|_| !is_apart);
        Some((twin.elder, common))
    });
    if let Some((elder, common)) = common {
        let common = common.min(bytes.len());
        let reading = &state.reading;
        state.same_len = feed::cut_at(reading, bytes, common, &mut Scratch::default());
        state.is_apart = is_apart;
        state.completes = completes.filter(|_| state.same_len < common);
        state.same_as = (state.same_len > 0).then_some(elder);
    }
}

/// One that is the same file and not only of the same content, as it was under another name when that was opened: rotation in the
/// meantime. Its number and length.
fn same_file(
    state: &SourceState,
    before: &[Opened<'_>],
    world: &World<'_>,
) -> Option<(SourceKey, usize)> {
    let file = state.file.filter(|_| state.is_scanned())?;
    let rank = |state: &SourceState| world.beginnings.rank(state.key, &state.machine);
    before.iter().find_map(|opened| match opened {
        Opened::File(elder, stored)
            if elder.file.is_some_and(|elder| elder.is(&file))
                && elder.counts_like(state)
                && rank(elder) < rank(state) =>
        {
            Some((elder.key, mapped(stored).len()))
        }
        _ => None,
    })
}

/// Reads the sources of `scanned` again. The events and requests of each chunk go to a sink that `make` makes, on many threads,
/// and the sinks to `take`, in the order of sources and lines; `progress` is told how far it is. Streams must have been made files
/// before. Gives back what could not be read again as it was.
pub fn replay<'c, S: Sink + Send>(
    scanned: &Scanned,
    classifier: &'c Classifier,
    config: &EngineConfig,
    progress: &Progress,
    make: impl Fn() -> S + Sync,
    mut take: impl FnMut(S) -> Result<(), Error>,
) -> Result<Vec<Error>, Error> {
    let mut crew = Crew::new(config.n_threads, || Scanner::new(classifier));
    let lost = Mutex::new(Vec::new());
    let rows_of =
        |scanner: &mut Scanner<'c>, block: Block<'_>, range: Range<usize>, reading: &Reading| {
            let (start, end) = (
                block.offset + range.start as u64,
                block.offset + range.end as u64,
            );
            let done = panic::catch(|| {
                let mut sink = make();
                scanner.scan(block, range, reading, &mut Ledger::default(), &mut sink);
                sink
            });
            done.unwrap_or_else(|what| {
                *scanner = Scanner::new(classifier);
                let path = scanned.found[block.source.stored()].place.path();
                let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.push(panic::error(path, start, Some(end), what));
                make()
            })
        };
    let config = &EngineConfig {
        digests: false,
        smuggled: scanned.smuggled.clone(),
        ..config.clone()
    };
    let spares = Spares::default();
    let world = World {
        config,
        found: &scanned.found,
        beginnings: &scanned.beginnings,
        progress,
        n_helpers: 0,
        budget: Arc::default(),
    };
    let mut missed = Vec::new();
    for (found, stored) in scanned.found.iter().zip(0..) {
        let first = again::of_stored(scanned, stored).first();
        let was_mapped = first.is_some_and(|state| state.is_mapped);
        let again = match open(found, stored, config) {
            Opened::Failed(state) => vec![state],
            // Lines are counted from the starts of the chunks, or blocks, of the first pass: others would not do.
            Opened::File(mut state, file) if was_mapped => {
                let len = first.map_or(0, |state| state.size_bytes);
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                let bytes = mapped(&file);
                let bytes = &bytes[..bytes.len().min(len)];
                let mut holes = file.holes(limits::LINE_LEN_MAX);
                holes.retain(|hole| hole.end <= len);
                let same_len = first.map_or(0, |state| state.same_len).min(bytes.len());
                let jobs = jobs(&state, bytes, same_len, &holes, config);
                let rows = |scanner: &mut Scanner<'c>, job: &Job<'_>| {
                    let is_new = job.part == Part::New;
                    let range = if is_new { job.range.clone() } else { 0..0 };
                    let rows = rows_of(scanner, job.block, range, &job.reading);
                    progress.read(job.range.len() as u64);
                    rows
                };
                crew.in_order(&jobs, rows, &mut take)?;
                state.changed = file.change();
                progress.file_done();
                vec![state]
            }
            Opened::Stream(..) if !was_mapped => {
                let mut feed = Feed::new(found, stored, &world, &spares);
                let mut portions: Vec<Portion> = Vec::new();
                loop {
                    portions.clear();
                    let drawn = std::iter::from_fn(|| crew::draw(&mut feed))
                        .filter(|portion| scanned.has_counted(portion));
                    portions.extend(drawn.take(crew.states.len()));
                    if portions.is_empty() {
                        break;
                    }
                    let rows = |scanner: &mut Scanner<'c>, portion: &Portion| {
                        let block = portion.block();
                        let len = if portion.is_same {
                            0
                        } else {
                            block.bytes.len()
                        };
                        rows_of(scanner, block, 0..len, &portion.reading)
                    };
                    crew.in_order(&portions, rows, &mut take)?;
                }
                feed.sources
            }
            Opened::File(..) | Opened::Stream(..) => vec![],
        };
        missed.extend(again::missed(scanned, stored, again));
    }
    missed.extend(lost.into_inner().unwrap_or_else(PoisonError::into_inner));
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
