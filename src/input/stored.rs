//! One path, open: as a map where that is possible and wanted, else as a stream, and with what is needed to tell afterwards
//! whether it stayed as it was.

use super::{
    digest::{Digest, sha256},
    mmap::MappedFile,
    opening::{open_patiently, open_quietly},
    snapshot::{Change, Snapshot, read_edge},
};
use crate::error::Error;
use std::{
    fmt,
    fs::{self, File, Metadata},
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Whether files may be mapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mmap {
    /// Regular files are mapped, if they can be.
    #[default]
    Auto,
    /// Everything is read: of a file that is cut meanwhile, what is read is then exactly what was there.
    Never,
}

/// Bytes taken from files of `/proc` and `/sys`, whose lengths mean nothing: `/proc/kcore` goes on for terabytes.
pub const PSEUDO_LEN_MAX: u64 = 1 << 30;

/// A source that is open.
#[derive(Debug)]
pub struct Stored {
    pub content: Content,
    path: PathBuf,
    /// The file and what it was; `None`: a pipe, a device or a pseudo file, which have no state to compare.
    origin: Option<(Arc<File>, Snapshot)>,
}

/// How the bytes of a source come.
pub enum Content {
    /// At once, to be read in place, by many threads. An empty file, too.
    Mapped(MappedFile),
    /// In order, once. Never more bytes than the file had when it was opened. Interrupted calls are made again. An error
    /// comes once, and then the end: offset and path make it an [`Error::Read`].
    Stream(Box<dyn Read + Send + Sync>),
}

impl Stored {
    /// Opens `path`. A regular file is mapped, unless `mmap` forbids it, it cannot be (no such thing on its file system, too
    /// many maps, too little room), it belongs to `/proc` or `/sys`, or it claims to be empty and is not. Those, pipes and
    /// devices are streams; a pipe waits for its writer here. Links are followed.
    pub fn open(path: &Path, mmap: Mmap) -> Result<Stored, Error> {
        Stored::open_any(path, mmap).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })
    }

    fn open_any(path: &Path, mmap: Mmap) -> io::Result<Stored> {
        let meta = fs::metadata(path)?;
        if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !meta.is_file() {
            let stream = Steady::new(open_patiently(path)?, u64::MAX, Past::End);
            return Ok(Stored::without_origin(path, stream));
        }
        let file = Arc::new(open_quietly(path)?);
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it was replaced while it was opened"));
        }
        if is_pseudo(&meta) || (meta.len() == 0 && is_endless(&file)?) {
            let stream = Steady::new(file, PSEUDO_LEN_MAX, Past::Fail);
            return Ok(Stored::without_origin(path, stream));
        }
        let snapshot = Snapshot::of(&file)?;
        let mapped = match mmap {
            Mmap::Auto => MappedFile::map_len(&file, snapshot.len).ok(),
            Mmap::Never => None,
        };
        let content = match mapped {
            Some(map) => Content::Mapped(map),
            None => {
                let stream = Steady::new(Arc::clone(&file), snapshot.len, Past::End);
                Content::Stream(Box::new(stream))
            }
        };
        Ok(Stored {
            content,
            path: path.to_owned(),
            origin: Some((file, snapshot)),
        })
    }

    fn without_origin(path: &Path, stream: impl Read + Send + Sync + 'static) -> Stored {
        Stored {
            content: Content::Stream(Box::new(stream)),
            path: path.to_owned(),
            origin: None,
        }
    }

    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file was when it was opened; `None` for what has no state to compare.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.origin.as_ref().map(|(_, snapshot)| snapshot)
    }

    /// The holes of a mapped file that are longer than `len_bytes`, ascending, if its system tells: bytes that were never
    /// written, and read as zeros.
    pub fn holes(&self, len_bytes: usize) -> Vec<Range<usize>> {
        match (&self.content, &self.origin) {
            (Content::Mapped(map), Some((file, _))) => holes(file, map.len(), len_bytes),
            _ => vec![],
        }
    }

    /// What happened to the file since it was opened; ask when all is read.
    pub fn change(&self) -> Option<Change> {
        let (file, snapshot) = self.origin.as_ref()?;
        snapshot.compare(&self.path, file)
    }

    /// SHA-256 of what the file was when it was opened, in hex; `None` if that is not there any more.
    pub fn sha256(&self) -> Option<String> {
        let (file, snapshot) = self.origin.as_ref()?;
        let digest = match &self.content {
            Content::Mapped(map) => Some(sha256(map)).filter(|_| map.lost_from().is_none()),
            Content::Stream(_) => sha256_of(file, snapshot.len),
        };
        digest.filter(|_| self.change().is_none_or(Change::keeps_old))
    }

    /// Gives back the memory of a part of a map, see [`MappedFile::release`].
    pub fn release(&self, range: Range<usize>) {
        if let Content::Mapped(map) = &self.content {
            map.release(range);
        }
    }

    /// What of `range`, which was just read of a map, may have been zeros then, because the file ended before. All of it that is gone by
    /// now: it may have been cut while it was read. A page that cannot be read is gone, too.
    pub fn lost_in(&self, range: Range<usize>) -> Option<Range<u64>> {
        let (Content::Mapped(map), Some((file, _))) = (&self.content, &self.origin) else {
            return None;
        };
        // Inside the last page nothing is lost with a signal.
        let by_length = file.metadata().map_or(0, |meta| meta.len());
        let by_signal = map.lost_from().map_or(u64::MAX, |offset| offset as u64);
        let start = by_length.min(by_signal).max(range.start as u64);
        let end = range.end as u64;
        (start < end).then_some(start..end)
    }
}

/// SHA-256 of the first `len` bytes of a file, in hex; `None` if it has fewer or they cannot be read.
fn sha256_of(file: &File, len: u64) -> Option<String> {
    let digest = Digest::default();
    let mut at = 0;
    while at < len {
        let bytes = read_edge(file, at, len)
            .ok()
            .filter(|bytes| !bytes.is_empty())?;
        digest.update(&bytes);
        at += bytes.len() as u64;
    }
    Some(digest.finish())
}

/// Holes of more than `longer_than` bytes in the first `len` bytes of a file.
#[cfg(unix)]
fn holes(file: &File, len: usize, longer_than: usize) -> Vec<Range<usize>> {
    use rustix::fs::{SeekFrom, seek};
    use std::os::unix::fs::MetadataExt;
    // A file with fewer blocks than bytes has holes, or is compressed.
    let is_sparse = |meta: Metadata| meta.blocks().saturating_mul(512) < len as u64;
    if len <= longer_than || !file.metadata().is_ok_and(is_sparse) {
        return vec![];
    }
    let mut holes = Vec::new();
    let mut at = 0;
    while at < len as u64 {
        // Where the system knows no holes it says that data goes on to the end.
        let Ok(start) = seek(file, SeekFrom::Hole(at)) else {
            break;
        };
        // Behind the last data this fails: the hole goes on to the end.
        let end = seek(file, SeekFrom::Data(start)).unwrap_or(len as u64);
        let (start, end) = (start.min(len as u64) as usize, end.min(len as u64) as usize);
        if end.saturating_sub(start) > longer_than {
            holes.push(start..end);
        }
        if end as u64 <= at || holes.len() >= HOLES_MAX {
            break;
        }
        at = end as u64;
    }
    holes
}

#[cfg(not(unix))]
fn holes(_: &File, _: usize, _: usize) -> Vec<Range<usize>> {
    vec![]
}

/// Holes that are told; the rest is read.
const HOLES_MAX: usize = 65_536;

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Mapped(map) => map.fmt(f),
            Content::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Whether a file is one of `/proc` or `/sys`, made up as it is read. They are told by their device, so a mount of the same
/// kind elsewhere is not; its files claim to be empty or cannot be mapped, as a rule.
#[cfg(unix)]
fn is_pseudo(meta: &Metadata) -> bool {
    use std::{os::unix::fs::MetadataExt, sync::OnceLock};
    static DEVICES: OnceLock<Vec<u64>> = OnceLock::new();
    let device_of = |path: &str| fs::metadata(path).map(|meta| meta.dev()).ok();
    let devices = DEVICES.get_or_init(|| {
        let top = device_of("/");
        let mounted = ["/proc", "/sys"].into_iter().filter_map(device_of);
        mounted.filter(|&device| Some(device) != top).collect()
    });
    devices.contains(&meta.dev())
}

#[cfg(not(unix))]
fn is_pseudo(_: &Metadata) -> bool {
    false
}

/// Whether a file that claims to be empty yields a byte, or an error for its reader, and still claims it then: its length means
/// nothing.
fn is_endless(file: &File) -> io::Result<bool> {
    let yields = read_edge(file, 0, 1).map_or(true, |byte| !byte.is_empty());
    Ok(yields && file.metadata()?.len() == 0)
}

/// What to do when a [`Steady`] reader has given all it may.
#[derive(Clone, Copy)]
enum Past {
    /// The rest came later and is not wanted.
    End,
    /// A limit of ours, and a visible one.
    Fail,
}

/// A reader that fails at most once and then is at its end.
struct Steady<R> {
    inner: R,
    n_left: u64,
    past: Past,
    has_failed: bool,
}

impl<R: Read> Steady<R> {
    fn new(inner: R, n_left: u64, past: Past) -> Steady<R> {
        Steady {
            inner,
            n_left,
            past,
            has_failed: false,
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.n_left == 0 {
            let goes_on = match self.past {
                Past::End => false,
                Past::Fail => self.read_inner(&mut [0])? > 0,
            };
            return if goes_on { Err(too_long()) } else { Ok(0) };
        }
        let n_left = usize::try_from(self.n_left).unwrap_or(usize::MAX);
        let n_wanted = buffer.len().min(n_left);
        let n = self.read_inner(&mut buffer[..n_wanted])?;
        self.n_left -= n as u64;
        Ok(n)
    }

    fn read_inner(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cold]
fn too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("a file without length goes on past {PSEUDO_LEN_MAX} bytes"),
    )
}

impl<R: Read> Read for Steady<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_failed || buffer.is_empty() {
            return Ok(0);
        }
        let result = self.read_some(buffer);
        self.has_failed = result.is_err();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever has its name by now, and whatever was added.
    #[test]
    fn the_digest_is_that_of_what_was_opened() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("error.log");
        let open = || {
            fs::write(&path, "abc").expect("written");
            Stored::open(&path, Mmap::Never).expect("open")
        };
        let stored = open();
        let digest = stored.sha256();
        assert!(digest.is_some());
        fs::write(&path, "abcd").expect("written");
        assert_eq!(stored.sha256(), digest, "grown");
        let stored = open();
        fs::write(directory.path().join("other"), "x").expect("written");
        fs::rename(directory.path().join("other"), &path).expect("renamed");
        assert_eq!(stored.sha256(), digest, "replaced");
        let stored = open();
        fs::write(&path, "ab").expect("written");
        assert_eq!(stored.sha256(), None, "shrunk");
    }

    /// Yields a byte at a time, is interrupted before each, and fails for good after `n` bytes.
    struct Bad {
        n: usize,
        is_interrupted: bool,
    }

    impl Read for Bad {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if self.n == 0 {
                return Err(io::Error::other("input/output error"));
            }
            self.n -= 1;
            buffer[0] = b'x';
            Ok(1)
        }
    }

    fn bad(n: usize) -> Bad {
        Bad {
            n,
            is_interrupted: false,
        }
    }

    #[test]
    fn an_error_comes_once_and_interruptions_never() {
        let mut stream = Steady::new(bad(5), u64::MAX, Past::End);
        let mut bytes = Vec::new();
        assert!(stream.read_to_end(&mut bytes).is_err());
        assert_eq!(bytes, b"xxxxx");
        assert!(matches!(stream.read(&mut [0; 8]), Ok(0)));
    }

    #[test]
    fn no_more_is_read_than_there_was() {
        let mut bytes = Vec::new();
        let mut stream = Steady::new(bad(5), 3, Past::End);
        assert_eq!(stream.read_to_end(&mut bytes).expect("no error"), 3);
        let mut stream = Steady::new(bad(5), 3, Past::Fail);
        let error = stream.read_to_end(&mut bytes).expect_err("a limit");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(bytes.len(), 6);
        // At the limit to the byte, there is nothing to complain about.
        let mut stream = Steady::new(&b"xyz"[..], 3, Past::Fail);
        assert_eq!(stream.read_to_end(&mut bytes).expect("no error"), 3);
    }
}
