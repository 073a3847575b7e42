//! What is known of a source besides its lines.

use crate::{
    aggregate::SourceKey,
    error::Error,
    event::{Machine, Timestamp},
    input::{Change, Found, Kind, Place, Stored, unpack::Problem},
    parse::wrapper,
    scan::Reading,
};
use std::{ops::Range, sync::Arc, time::SystemTime};

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
    /// How its lines are read.
    pub reading: Reading,
    /// Why its access lines are not, or why it may have been a log and is none.
    pub refusal: Option<String>,
    /// How it was packed, from outside in: `tar > gzip`; empty for plain bytes.
    pub decode: String,
    /// Compressed members, frames or streams of each layer.
    pub units: Vec<(&'static str, u64)>,
    /// What its path names, or its directory where sources lie in several.
    pub machine: PathNames,
    /// What the file was when it was opened: device and inode, and when it was last changed. Of a pipe nothing.
    pub file: Option<FileState>,
    /// Bytes of the stored stream when it was opened; of a pipe, those read.
    pub size_bytes: u64,
    pub decoded_bytes: u64,
    /// Of the stored stream, if asked for.
    pub sha256: Option<String>,
    /// What could not be opened or read.
    pub problems: Vec<Error>,
    /// What unpacking met, damage and notes.
    pub troubles: Vec<Problem>,
    /// What happened to the file while it was read.
    pub changed: Option<Change>,
    /// Stored bytes that were gone when they were to be read, ascending. Of a file that was scanned in place, whole chunks or what was
    /// gone of them: some of it may have been read just before.
    pub lost: Vec<Range<u64>>,
    /// The source that holds its first bytes too, where they are counted.
    pub same_as: Option<SourceKey>,
    /// One that has its first lines too, and how many, where these are too few to be the same content: they count in both.
    pub begins_like: Option<(SourceKey, u64)>,
    /// Both go on behind those of [`same_as`](Self::same_as), or the other is damaged there: then nothing is compared any more.
    pub is_apart: bool,
    /// An elder that ends inside of a record, with which this one goes on.
    pub completes: Option<SourceKey>,
    /// How many bytes those are, if it was scanned in place.
    pub same_len: usize,
    /// Why it may hold what others hold too, and count it again, as nobody looked.
    pub uncompared: Option<&'static str>,
    /// Hash of its last line that is over, if it was read in blocks of a stream.
    pub last_line: Option<u64>,
    /// It was scanned in place; else in blocks of a stream.
    pub is_mapped: bool,
}

/// What tells one file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    pub device: u64,
    pub inode: u64,
    /// Second of its last change, UTC.
    pub modified: Option<Timestamp>,
}

impl FileState {
    /// Whether both are one file, whatever happened to it between.
    pub(super) fn is(&self, other: &FileState) -> bool {
        let is_known = (self.device, self.inode) != (0, 0);
        is_known && (self.device, self.inode) == (other.device, other.inode)
    }

    pub(super) fn of(stored: &Stored) -> Option<FileState> {
        let snapshot = stored.snapshot()?;
        let (device, inode) = snapshot.identity;
        let since_1970 = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok();
        let modified = snapshot.modified.and_then(since_1970);
        Some(FileState {
            device,
            inode,
            modified: modified.map(|since| Timestamp(since.as_secs() as i64)),
        })
    }
}

impl SourceState {
    pub(super) fn new(key: SourceKey, found: &Found, kind: Kind) -> SourceState {
        SourceState {
            key,
            place: found.place.clone(),
            name: found.name.as_os_str().as_encoded_bytes().to_vec(),
            named: found.named,
            kind,
            reading: Reading::default(),
            refusal: None,
            decode: String::new(),
            units: Vec::new(),
            machine: PathNames::default(),
            file: None,
            size_bytes: 0,
            decoded_bytes: 0,
            sha256: None,
            problems: Vec::new(),
            troubles: Vec::new(),
            changed: None,
            lost: Vec::new(),
            same_as: None,
            begins_like: None,
            is_apart: false,
            completes: None,
            last_line: None,
            uncompared: None,
            same_len: 0,
            is_mapped: false,
        }
    }

    /// Its lines are read: it is a log, in a format that is known.
    pub fn is_scanned(&self) -> bool {
        match self.kind {
            Kind::Audit | Kind::NginxError => true,
            Kind::NginxAccess => self.reading.formats.is_some(),
            Kind::Empty | Kind::NginxConfig | Kind::NoLog | Kind::Unread(_) => false,
        }
    }

    /// Whether all is counted of it that would be of `other` if both had the same content.
    pub(super) fn counts_like(&self, other: &SourceState) -> bool {
        let has_formats = self.reading.formats.is_some() || other.reading.formats.is_none();
        self.is_scanned() && self.kind == other.kind && has_formats
    }

    /// Takes the machine from the name, if it lies where machines keep their logs.
    pub(super) fn name_machine(&mut self) {
        self.machine = PathNames::of(&self.name);
    }
}

/// What the path of a source names.
#[derive(Clone, Debug, Default)]
pub struct PathNames {
    host: Option<Arc<str>>,
    pod: Option<Arc<str>>,
    container: Option<Arc<str>>,
    /// The directory, which may stand for a machine ([`name_directories`]).
    directory: Option<Arc<str>>,
}

impl PathNames {
    pub(super) fn of(name: &[u8]) -> PathNames {
        let name = String::from_utf8_lossy(name).replace('!', "/");
        let place = wrapper::place(&name);
        PathNames {
            host: place.host.map(Arc::from),
            pod: place.pod.map(Arc::from),
            container: place.container.map(Arc::from),
            directory: place.directory.map(Arc::from),
        }
    }

    /// [`Machine::name`].
    pub fn name(&self) -> Option<&str> {
        let name = self.host.as_ref().or(self.pod.as_ref());
        name.or(self.container.as_ref()).map(Arc::as_ref)
    }

    /// What may be asked for by name: the directory, too, though whether it stands for a machine is known once all are counted.
    pub fn asked(&self) -> Machine<'_> {
        let host = self.host.as_ref().or(self.directory.as_ref());
        let [host, pod, container] = [host, self.pod.as_ref(), self.container.as_ref()]
            .map(|name| name.map(|name| name.as_bytes()));
        Machine {
            host,
            pod,
            container,
        }
    }
}

/// Adds the names of members of archives, from outside in.
pub(super) fn push_members(name: &mut Vec<u8>, path: &[Vec<u8>]) {
    for part in path {
        name.push(b'!');
        name.extend_from_slice(part);
    }
}

/// Where sources lie in several directories that have names of their own, these stand for machines: `web1/error.log`.
pub(super) fn name_directories(sources: &mut [SourceState]) {
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
        let host = &mut state.machine.host;
        *host = host.take().or(directory.take());
    }
}
