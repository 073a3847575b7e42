//! The same content twice: `error.log.1` and `error.log.1.gz`, a copy beside its original, an archive of what lies loose, a log
//! that `copytruncate` copied and did not cut.
//!
//! Every stream but the first of those that begin alike is compared with its elders byte for byte as it is read, and counts from
//! where it parts from the last of them. Elder are plain files, then compressed ones, each in their order, then the members of
//! archives, then what comes from pipes, which cannot be read again. So every byte is counted once, however much of it two have in
//! common, and nothing is believed but the bytes.
//!
//! How members begin is known only once their archives were unpacked: where there are several of these, they are unpacked once
//! more beforehand, on all threads. What one archive holds is compared as it comes, and unpacked once more only up to those that
//! begin alike.
//!
//! What begins inside of another is found when all is counted ([`overlap`]), and so are elders that end inside of a record (copies of
//! a log that was being written); then all is counted again, and these are the younger.
//!
//! An elder is one that is counted itself: its content is read as a log, and of the same kind. Where a filter asks for machines,
//! those streams that it keeps by their path are elder to all others.
//!
//! Machines that start at the same second write the same first lines: what two have in common counts as the same only if one
//! of them goes no further, or it is long ([`SAME_LEN_MIN`]), and if it holds a client, whose connection number has no twin. Without
//! a client they must be the same to their end, and either of one machine or one rotated set, or tell of more than one second.

mod content;
mod head;
mod line_ends;
mod overlap;
mod twin;

pub(super) use self::{
    content::OpenArchives,
    head::last_line,
    overlap::{Found as FoundOverlaps, find as find_overlaps},
    twin::Twin,
};
pub use self::{
    overlap::{OVERLAP_BYTES_MAX, OVERLAP_PAIRS_MAX},
    twin::ELDERS_MAX,
};

use self::{
    content::{Opened, Source, Unpacked, are_same, first_bytes, open, unpacker},
    head::{Form, Head, Prefixes, first_line, first_time, last_time},
    overlap::Overlaps,
    twin::{OpenElder, give_back_all},
};
use super::{
    EngineConfig, SourceState,
    crew::Crew,
    job::behind_nuls,
    panic,
    source::{PathNames, push_members},
};
use crate::{
    aggregate::SourceKey,
    filter::Filter,
    input::{
        Found, Kind, Place,
        kind::SAMPLE_LEN,
        stream::BLOCK_LEN,
        unpack::{Item, Limits, Trouble},
    },
    parse::{
        record,
        wrapper::{self, N_VOTERS, Scratch},
    },
    progress::Progress,
};
use std::collections::{HashMap, HashSet};

/// Common bytes of two streams that both go on that are no chance.
pub const SAME_LEN_MIN: usize = 64 << 10;

/// Bytes of a stream that are looked at beforehand.
const HEAD_LEN: usize = 64 << 10;

/// Streams by the hash of their first line.
pub(super) type ByLine = HashMap<u64, Vec<Elder>>;

/// The beginnings of all files and members, known before any is read.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Files by the hash of their first line, in their order, then members.
    by_line: ByLine,
    /// Of each file: however it is read, this decides which of two is the elder.
    forms: Vec<Form>,
    /// Files of which the beginning is not known, though they may be read by now.
    unread: HashSet<u32>,
    /// Where they begin inside of others, as far as that is known.
    overlaps: Overlaps,
    /// Those that end inside of a record that others hold whole.
    cut: HashSet<SourceKey>,
    /// What is asked for.
    filter: Filter,
}

/// A file, or a member of an archive, that others may begin like.
#[derive(Clone, Debug)]
pub(super) struct Elder {
    stored: u32,
    /// Its number in an archive.
    member: Option<u32>,
    name: Vec<u8>,
    /// What its path names.
    machine: PathNames,
    prefixes: Prefixes,
}

/// What comes before any reading: the order of files, and their beginnings.
pub(super) fn prepare<S: Send>(
    found: &[Found],
    config: &EngineConfig,
    crew: &mut Crew<S>,
    progress: &Progress,
) -> (Vec<Found>, Beginnings) {
    let limits = &config.limits;
    let mut heads: Vec<(Found, Head)> = found
        .iter()
        .map(|found| (found.clone(), Head::of(found, limits)))
        .collect();
    heads.sort_by_cached_key(|(found, head)| {
        let (set, _) = rotation_set(&found.name.to_string_lossy());
        (
            found.place == Place::Stdin,
            set,
            head.time,
            found.name.clone(),
        )
    });
    let mut beginnings = Beginnings {
        by_line: HashMap::new(),
        forms: heads.iter().map(|(_, head)| head.form).collect(),
        unread: HashSet::new(),
        overlaps: Overlaps::default(),
        cut: HashSet::new(),
        filter: config.filter.clone(),
    };
    for ((found, head), stored) in heads.iter().zip(0..) {
        if head.is_unread {
            beginnings.unread.insert(stored);
        }
        if let Some(line) = head.line {
            let name = found.name.as_os_str().as_encoded_bytes();
            let elder = Elder::new(stored, None, name, head.prefixes);
            beginnings.by_line.entry(line).or_default().push(elder);
        }
    }
    let archives: Vec<(u32, &Found)> = heads
        .iter()
        .zip(0..)
        .filter(|((_, head), _)| head.form == Form::Archive)
        .map(|((found, _), stored)| (stored, found))
        .collect();
    beginnings.add_members(&archives, limits, crew, progress);
    let found = heads.into_iter().map(|(found, _)| found).collect();
    (found, beginnings)
}

impl Beginnings {
    /// Adds the members of archives, if there are several to compare.
    fn add_members<S: Send>(
        &mut self,
        archives: &[(u32, &Found)],
        limits: &Limits,
        crew: &mut Crew<S>,
        progress: &Progress,
    ) {
        let is_pipe = |form: &&Form| **form == Form::Pipe;
        if archives.len() + self.forms.iter().filter(is_pipe).count() < 2 {
            return;
        }
        let size = |found: &Found| found.place.path().metadata().map_or(0, |meta| meta.len());
        let sizes: u64 = archives.iter().map(|(_, found)| size(found)).sum();
        progress.expect(0, sizes);
        let members = crew.map(archives, |_, &(stored, found)| {
            // A panic comes again when the archive is read, and is told then.
            let members = panic::catch(|| members(stored, found, limits));
            progress.read(size(found));
            members.unwrap_or_default()
        });
        for ((stored, _), members) in archives.iter().zip(members) {
            for (line, elder) in members.elders {
                self.by_line.entry(line).or_default().push(elder);
            }
            if members.is_unread {
                self.unread.insert(*stored);
            }
        }
    }
}

/// The members of an archive with the hashes of their first lines.
#[derive(Default)]
struct Members {
    elders: Vec<(u64, Elder)>,
    /// The system refused to read all of it.
    is_unread: bool,
}

fn members(stored: u32, found: &Found, limits: &Limits) -> Members {
    let mut members = Members::default();
    let Place::File(path) = &found.place else {
        return members;
    };
    let Some(mut unpacker) = unpacker(path, limits) else {
        members.is_unread = true;
        return members;
    };
    let (mut room, mut head) = (vec![0; HEAD_LEN], vec![0; HEAD_LEN]);
    let (mut name, mut n_members) = (Vec::new(), 0);
    let (mut len, mut is_head) = (0, false);
    loop {
        let is_wanted = is_head && len < HEAD_LEN;
        let next = unpacker.next(if is_wanted {
            &mut head[len..]
        } else {
            &mut room
        });
        match next {
            Item::Member(member) => {
                name = found.name.as_os_str().as_encoded_bytes().to_vec();
                push_members(&mut name, &member.path);
                n_members += 1;
                (len, is_head) = (0, true);
            }
            Item::Bytes(n) if is_wanted => len += n,
            Item::Seam => is_head = false,
            Item::EndOfMember(_) => {
                let elder = Elder::new(
                    stored,
                    Some(n_members - 1),
                    &name,
                    Prefixes::of(&head[..len]),
                );
                let elder = first_line(&head[..len]).map(|line| (line, elder));
                members.elders.extend(elder);
            }
            Item::Problem(problem) => {
                members.is_unread |= matches!(problem.trouble, Trouble::Read(_));
            }
            Item::Bytes(_) => {}
            Item::End => return members,
        }
    }
}

/// The name of a file without what rotation put behind it, and the number or date that was: `error.log` and `2` of
/// `error.log.2.gz`, `error.log` and `20261120` of `error.log-20261120` and of `error.log.2026-11-20`; with the hour it is `2026112014`.
pub fn rotation_set(name: &str) -> (String, Option<u64>) {
    let packed = [".gz", ".bz2", ".xz", ".zst", ".lz4"];
    let bare = packed
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    let start = |is_part: fn(char) -> bool| bare.trim_end_matches(is_part).len();
    // In parts, as `dateformat` has them: 2026-11-20, 20261120-14.
    let (stem, parts) = bare.split_at(start(|c| c.is_ascii_digit() || "-_".contains(c)));
    let number = parts.replace(['-', '_'], "");
    let own = stem.strip_suffix('.').unwrap_or(stem);
    let is_apart = own != stem || parts.starts_with(['-', '_']);
    if let Some(date) = number.parse().ok().filter(|&date| is_date(date))
        && is_apart
        && !own.is_empty()
    {
        return (own.to_owned(), Some(date));
    }
    let (stem, number) = bare.split_at(start(|c| c.is_ascii_digit()));
    match (stem.strip_suffix(['.', '-']), number.parse()) {
        (Some(stem), Ok(number)) if !stem.is_empty() => (stem.to_owned(), Some(number)),
        _ => (bare.to_owned(), None),
    }
}

/// Whether it is a day as 20261120, or an hour as 2026112014.
fn is_date(number: u64) -> bool {
    let (day, hour) = match number {
        0..=99_999_999 => (number, 0),
        _ => (number / 100, number % 100),
    };
    let (year, month, day) = (day / 10_000, day / 100 % 100, day % 100);
    (1990..=2200).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
}

/// A stream that may have an elder.
pub(super) struct Stream<'a> {
    pub(super) state: &'a SourceState,
    /// The members before it, if it is part of an archive.
    pub(super) siblings: Option<&'a ByLine>,
    /// Its first bytes.
    pub(super) sample: &'a [u8],
}

impl Stream<'_> {
    /// Only records that name a client tell one log from another: each line of an access log does.
    fn needs_client(&self) -> bool {
        self.state.kind == Kind::NginxError
    }

    /// Whether its lines name the host that wrote them: its path does not, then.
    fn names_host(&self) -> bool {
        let chain = &self.state.reading.chain;
        let mut scratch = Scratch::default();
        let mut lines = self.sample.split(|&b| b == b'\n').take(N_VOTERS);
        !chain.is_bare()
            && lines.any(|line| {
                wrapper::strip(chain, line, &mut scratch)
                    .outer
                    .host
                    .is_some()
            })
    }
}

impl Beginnings {
    /// Of those that begin inside of others, what these hold is theirs.
    pub(super) fn with(self, found: &FoundOverlaps) -> Beginnings {
        Beginnings {
            overlaps: found.overlaps.clone(),
            cut: found.cut.clone(),
            ..self
        }
    }

    /// Whether nobody could look how it begins.
    fn is_unread(&self, key: SourceKey) -> bool {
        self.unread.contains(&(key.stored() as u32))
    }

    fn form(&self, key: SourceKey) -> Form {
        self.forms.get(key.stored()).copied().unwrap_or_default()
    }

    /// Whether a filter keeps what lies at a machine.
    pub(super) fn keeps(&self, path: &PathNames) -> bool {
        self.filter.is_on_host(path.asked())
    }

    /// The smaller is the elder. What a filter keeps must not be left to what it drops, nor a whole record to a part of it.
    pub(super) fn rank(&self, key: SourceKey, path: &PathNames) -> impl Ord + use<> {
        let is_cut = self.cut.contains(&key);
        (!self.keeps(path), is_cut, self.form(key), key)
    }

    fn is_elder(&self, elder: &Elder, stream: &Stream<'_>) -> bool {
        let state = stream.state;
        (elder.may_be_of_machine(&state.machine) || stream.names_host())
            && self.rank(elder.key(), &elder.machine) < self.rank(state.key, &state.machine)
    }

    /// Compares the beginning of a stream with those of its elders; `archives` that are open are used if they can be.
    pub(super) fn compare<'e>(
        &'e self,
        found: &[Found],
        stream: &Stream<'e>,
        config: &EngineConfig,
        archives: &mut OpenArchives,
    ) -> Compared {
        let mut compared = Compared {
            is_unread: self.is_unread(stream.state.key),
            ..Compared::default()
        };
        let sample = stream.sample;
        let line = first_line(sample).filter(|_| !self.forms.is_empty()); // else nothing is counted
        let Some(line) = line else {
            return compared;
        };
        let is_unread = &mut compared.is_unread;
        let of = |by_line: &'e ByLine| by_line.get(&line).into_iter().flatten();
        // Those of the same archive are known as they come, whether or not it was unpacked beforehand.
        let is_other = |elder: &&Elder| elder.stored as usize != stream.state.key.stored();
        let elders = of(&self.by_line).filter(is_other);
        let elders = elders.chain(stream.siblings.into_iter().flat_map(of));
        let prefixes = Prefixes::of(sample);
        let is_elder =
            |elder: &&Elder| elder.prefixes.may_be_of(&prefixes) && self.is_elder(elder, stream);
        let mut alike = Alike::default();
        for elder in elders.filter(is_elder) {
            let Some(source) = elder.open(found, &config.limits, archives) else {
                *is_unread |= elder.is_in_file(found);
                continue;
            };
            let mut source = source.with_line_ends(elder.prefixes.line_ends, prefixes.line_ends);
            let bytes = first_bytes(&mut source, sample.len().max(SAMPLE_LEN));
            *is_unread |= source.has_failed();
            let common = common_len(sample, &bytes);
            let goes_no_further = common == bytes.len() || common == sample.len();
            let is_known = !stream.needs_client() || record::has_tail(&sample[..common]);
            let mut is_copied = || elder.is_copied(stream, found, &bytes, config, is_unread);
            let counts = (is_known || common == sample.len() && is_copied())
                && elder.counts_like(stream.state, found, &bytes, config);
            let is_same = counts && (goes_no_further || common >= SAME_LEN_MIN);
            if counts && !is_same {
                let n_lines = memchr::memchr_iter(b'\n', &sample[..common]).count() as u64;
                let alike = compared.begins_like;
                let alike = alike.filter(|&(_, n_most)| n_most >= n_lines);
                compared.begins_like = alike.or((n_lines > 1).then_some((elder.key(), n_lines)));
            }
            if !is_same {
                archives.give_back(source);
                continue;
            }
            alike.add(OpenElder::new(elder.key(), bytes, source), common, archives);
            // Of others no more can be the same, or no less is: one is enough.
            if common == sample.len() && common < BLOCK_LEN {
                break;
            }
        }
        let overlaps = self.overlaps.get(&stream.state.key).into_iter().flatten();
        for (elder, offset) in overlaps {
            if *offset == 0 && !self.is_elder(elder, stream) {
                continue;
            }
            let Some(mut source) = elder.open(found, &config.limits, archives) else {
                *is_unread = true;
                continue;
            };
            source.skip(*offset);
            let bytes = first_bytes(&mut source, sample.len());
            *is_unread |= source.has_failed();
            let common = common_len(sample, &bytes);
            alike.add(OpenElder::new(elder.key(), bytes, source), common, archives);
        }
        if alike.common_max < sample.len() {
            give_back_all(alike.elders.drain(1.min(alike.elders.len())..), archives);
        }
        compared.twin = Twin::of(alike.elders);
        compared
    }
}

/// What was found of the beginning of a stream.
#[derive(Default)]
pub(super) struct Compared {
    /// The elders that it is the same as so far.
    pub(super) twin: Option<Twin>,
    /// One that has lines in common with it, and how many, but too few to be sure.
    pub(super) begins_like: Option<(SourceKey, u64)>,
    /// Something could not be read for it.
    pub(super) is_unread: bool,
}

/// Elders that have most in common with the sample of a stream, and as much all of them.
#[derive(Default)]
struct Alike {
    elders: Vec<OpenElder>,
    common_max: usize,
}

impl Alike {
    fn add(&mut self, elder: OpenElder, common: usize, archives: &mut OpenArchives) {
        if common < self.common_max {
            return elder.give_back(archives);
        }
        if common > self.common_max {
            self.common_max = common;
            give_back_all(self.elders.drain(..), archives);
        }
        if self.elders.len() == ELDERS_MAX {
            give_back_all(self.elders.drain(ELDERS_MAX / 2..=ELDERS_MAX / 2), archives);
        }
        self.elders.push(elder);
    }
}

/// Adds a member of an archive that those behind it may follow.
pub(super) fn add_sibling(siblings: &mut ByLine, state: &SourceState, sample: &[u8]) {
    if let Some(line) = first_line(sample).filter(|_| state.is_scanned()) {
        let (stored, member) = (state.key.stored() as u32, state.key.member());
        let elder = Elder::new(stored, Some(member), &state.name, Prefixes::of(sample));
        siblings.entry(line).or_default().push(elder);
    }
}

/// Whether their paths say that both are of one machine, or parts of one log.
fn is_of_one(elder: &Elder, state: &SourceState) -> bool {
    let machine = elder.machine.name();
    machine.is_some() && machine == state.machine.name() || is_of_one_set(elder, state)
}

/// Whether their names differ at most in what rotation puts behind them.
fn is_of_one_set(elder: &Elder, state: &SourceState) -> bool {
    let set = |name: &[u8]| rotation_set(&String::from_utf8_lossy(name)).0;
    set(&elder.name) == set(&state.name)
}

/// How many bytes two begin with that are the same.
fn common_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl Elder {
    fn new(stored: u32, member: Option<u32>, name: &[u8], prefixes: Prefixes) -> Elder {
        Elder {
            stored,
            member,
            name: name.to_vec(),
            machine: PathNames::of(name),
            prefixes,
        }
    }

    fn key(&self) -> SourceKey {
        SourceKey::new(self.stored, self.member.unwrap_or(0))
    }

    /// Whether nothing says that it is not of the machine that `path` names.
    fn may_be_of_machine(&self, path: &PathNames) -> bool {
        let (machine, own) = (path.name(), self.machine.name());
        machine.is_none() || own.is_none() || machine == own
    }

    /// Whether it is read as `state` is, by its first `bytes`: what was met in a directory may be passed over as no log, though of
    /// the same content as one that was named.
    fn counts_like(
        &self,
        state: &SourceState,
        found: &[Found],
        bytes: &[u8],
        config: &EngineConfig,
    ) -> bool {
        let found = &found[self.stored as usize];
        let mut own = SourceState::new(self.key(), found, Kind::Empty);
        own.name.clone_from(&self.name);
        own.named &= self.member.is_none();
        own.recognise(behind_nuls(bytes, &[]), config);
        own.counts_like(state)
    }

    /// Whether the stream is the same from end to end, as far as the sample the same as `bytes`, and no machine that starts at the same
    /// second writes just that.
    fn is_copied(
        &self,
        stream: &Stream<'_>,
        found: &[Found],
        bytes: &[u8],
        config: &EngineConfig,
        is_unread: &mut bool,
    ) -> bool {
        let (state, sample) = (stream.state, stream.sample);
        if !is_of_one(self, state) && first_time(sample) == last_time(sample) {
            return false;
        }
        if sample.len() < SAMPLE_LEN {
            return bytes.len() == sample.len(); // no more is there
        }
        let (stored, member) = (state.key.stored() as u32, state.key.member());
        let member = stream.siblings.map(|_| member);
        let own = Elder::new(stored, member, &state.name, Prefixes::default());
        let open = |elder: &Elder| elder.open(found, &config.limits, &mut OpenArchives::default());
        match (open(self), open(&own)) {
            (Some(a), Some(b)) => {
                let (from, to) = (self.prefixes.line_ends, Prefixes::of(sample).line_ends);
                are_same(a.with_line_ends(from, to), b, is_unread)
            }
            _ => {
                *is_unread |= self.is_in_file(found) && own.is_in_file(found);
                false
            }
        }
    }

    /// And so it can be read once more.
    fn is_in_file(&self, found: &[Found]) -> bool {
        matches!(found[self.stored as usize].place, Place::File(_))
    }

    fn open(
        &self,
        found: &[Found],
        limits: &Limits,
        archives: &mut OpenArchives,
    ) -> Option<Source> {
        let Place::File(path) = &found[self.stored as usize].place else {
            return None;
        };
        let Some(member) = self.member else {
            return match open(path, limits)? {
                Opened::File(source) => Some(source),
                Opened::Archive | Opened::Unread => None,
            };
        };
        let mut unpacked = match archives.take(self.stored, member) {
            Some(open) => open,
            None => Box::new(Unpacked::new(unpacker(path, limits)?, self.stored)),
        };
        unpacked.advance(member).then(|| Source::Member(unpacked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names() {
        let set = |name| rotation_set(name);
        assert_eq!(set("a/error.log"), ("a/error.log".to_owned(), None));
        assert_eq!(set("error.log.2.gz"), ("error.log".to_owned(), Some(2)));
        let dated = ("error.log".to_owned(), Some(20_261_120));
        for name in [
            "error.log-20261120.xz",
            "error.log.2026-11-20",
            "error.log_2026_11_20.gz",
        ] {
            assert_eq!(set(name), dated, "{name}");
        }
        let hour = ("error.log".to_owned(), Some(2_026_112_014));
        for name in ["error.log-2026112014", "error.log-20261120-14.gz"] {
            assert_eq!(set(name), hour, "{name}");
        }
        assert_eq!(
            set("web-3-20261120"),
            ("web-3".to_owned(), Some(20_261_120))
        );
        assert_eq!(set("app-8080"), ("app".to_owned(), Some(8080)));
        assert_eq!(set("20261120"), ("20261120".to_owned(), None));
        assert_eq!(set("web1"), ("web1".to_owned(), None));
        assert_eq!(set("7"), ("7".to_owned(), None));
    }
}
