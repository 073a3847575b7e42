//! What a file was when it was opened, to tell afterwards whether it stayed so.
//!
//! Compared are length, times, identity, and the first and last [`EDGE_LEN`] bytes. A file that was cut and has grown again
//! shows others there, whatever its length. One that was written to and did not grow may have others between. If
//! its time was put back, nothing tells. What escapes: bytes rewritten in the middle by somebody who appends some more, or renames it.

use std::{
    fmt,
    fs::{File, Metadata},
    io,
    path::Path,
    time::SystemTime,
};

/// Bytes at either end of a file that are kept and compared.
pub const EDGE_LEN: usize = 4096;

/// A file at one moment. Takes up to twice [`EDGE_LEN`] of memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Device and number on it, which rewriting and renaming leave as they are. Zeros where there is no such thing.
    pub identity: (u64, u64),
    /// Length in bytes.
    pub len: u64,
    /// When its content was last changed, if the system knows.
    pub modified: Option<SystemTime>,
    /// When it or what the system notes about it was last changed: seconds and nanoseconds.
    changed: (i64, i64),
    /// Mode, owner, group and number of links.
    ownership: [u64; 4],
    /// The edges; `None`: they could not be read, and whoever reads the file meets the error.
    head: Option<Vec<u8>>,
    tail: Option<Vec<u8>>,
}

/// What happened to a file since its [`Snapshot`]. The first four are damage, see [`is_damage`](Change::is_damage); if
/// several things happened, the worst is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many bytes were appended; they were not read.
    Grew(u64),
    /// So many bytes were cut off at its end, and what is left begins as before.
    Shrank(u64),
    /// It has another content, or can no longer be examined: nothing that was read of it is certain.
    Rewritten,
    /// It was written to, or the time of that was set, but its length and its two ends are as before: what is between may be old in
    /// part and new in part.
    Written,
    /// Its path is gone; the file itself was read as it was.
    Gone,
    /// Its path names another file now; the file itself was read as it was.
    Rotated,
    /// What the system notes about it changed, its owner or its links, but not when it was last written to.
    Touched,
    /// The same, but neither owner nor links: its times were set, perhaps back to what they were before it was written to.
    Retimed,
}

impl Change {
    /// Whether something was not read or is not certain: bytes that came later, that are gone, or that are others now. The
    /// rest is worth a note and no more, because the file itself is what it was.
    pub const fn is_damage(self) -> bool {
        matches!(
            self,
            Change::Grew(_) | Change::Shrank(_) | Change::Rewritten | Change::Written
        )
    }

    /// Whether the bytes that the file had are still there.
    pub const fn keeps_old(self) -> bool {
        match self {
            Change::Grew(_) => true,
            Change::Retimed => false,
            _ => !self.is_damage(),
        }
    }
}

/// What the file did, to stand behind its name: "shrank by 7 bytes while it was read".
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        match *self {
            Change::Grew(n) => {
                let s = plural(n);
                write!(f, "grew by {n} byte{s} while it was read; not analysed")
            }
            Change::Shrank(n) => write!(f, "shrank by {n} byte{} while it was read", plural(n)),
            Change::Rewritten => f.write_str("was rewritten while it was read"),
            Change::Gone => {
                f.write_str("was removed or renamed while it was read, itself unchanged")
            }
            Change::Rotated => {
                f.write_str("was replaced by another file while it was read, itself unchanged")
            }
            Change::Written => f.write_str(
                "was written to while it was read, without growing; what was read may be old in part and new in part",
            ),
            Change::Touched => f.write_str("was touched while it was read, but not written to"),
            Change::Retimed => f.write_str(
                "had its times set while it was read, so that they do not tell whether it was written to",
            ),
        }
    }
}

impl Snapshot {
    /// Looks at a file that is open. On Windows, it is then at its beginning again.
    pub fn of(file: &File) -> io::Result<Snapshot> {
        let meta = file.metadata()?;
        let len = meta.len();
        Ok(Snapshot {
            identity: identity(&meta),
            len,
            modified: meta.modified().ok(),
            changed: changed(&meta),
            ownership: ownership(&meta),
            head: read_edge(file, 0, len).ok(),
            tail: read_edge(file, tail_start(len), len).ok(),
        })
    }

    /// What happened to `file`, opened from `path`, since this snapshot was taken of it.
    pub fn compare(&self, path: &Path, file: &File) -> Option<Change> {
        match self.compare_content(file) {
            Some(change) if change.is_damage() => Some(change),
            change => self.compare_name(path).or(change),
        }
    }

    /// Like [`compare`](Snapshot::compare), whatever the path names now. Of a file opened anew: whether it is still the same.
    pub fn compare_content(&self, file: &File) -> Option<Change> {
        let Ok(meta) = file.metadata() else {
            return Some(Change::Rewritten);
        };
        let same = |kept: &Option<Vec<u8>>, start, end| {
            kept.as_ref().is_none_or(|kept| {
                read_edge(file, start, end).is_ok_and(|edge| kept.starts_with(&edge))
            })
        };
        if identity(&meta) != self.identity {
            return Some(Change::Rewritten);
        }
        if meta.len() < self.len {
            return Some(if same(&self.head, 0, meta.len()) {
                Change::Shrank(self.len - meta.len())
            } else {
                Change::Rewritten
            });
        }
        let tail_start = tail_start(self.len);
        if !same(&self.head, 0, self.len) || !same(&self.tail, tail_start, self.len) {
            return Some(Change::Rewritten);
        }
        if meta.len() > self.len {
            return Some(Change::Grew(meta.len() - self.len));
        }
        if meta.modified().ok() != self.modified {
            return Some(Change::Written);
        }
        (changed(&meta) != self.changed).then(|| match ownership(&meta) == self.ownership {
            true => Change::Retimed,
            false => Change::Touched,
        })
    }

    /// What the path names now; nothing if that cannot be told.
    fn compare_name(&self, path: &Path) -> Option<Change> {
        match std::fs::metadata(path) {
            Ok(meta) => (identity(&meta) != self.identity).then_some(Change::Rotated),
            Err(error) => (error.kind() == io::ErrorKind::NotFound).then_some(Change::Gone),
        }
    }
}

/// Without the edges: they are the user's.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("identity", &self.identity)
            .field("len", &self.len)
            .field("modified", &self.modified)
            .finish_non_exhaustive()
    }
}

fn tail_start(len: u64) -> u64 {
    len.saturating_sub(EDGE_LEN as u64)
}

/// The bytes from `start`, at most [`EDGE_LEN`] and none at or behind `end`; fewer if the file ends before. Interrupted calls are
/// made again.
pub(super) fn read_edge(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut edge = vec![0; EDGE_LEN.min(usize::try_from(end - start).unwrap_or(EDGE_LEN))];
    let mut n = 0;
    while n < edge.len() {
        match read_at(file, &mut edge[n..], start + n as u64) {
            Ok(0) => break,
            Ok(n_read) => n += n_read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    edge.truncate(n);
    Ok(edge)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Reads from an offset, and goes back to the beginning, from where the file is to be read.
#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    let n = file.read(buffer)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(n)
}

#[cfg(unix)]
fn identity(meta: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(unix)]
fn changed(meta: &Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (meta.ctime(), meta.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> (i64, i64) {
    (0, 0)
}

#[cfg(unix)]
fn ownership(meta: &Metadata) -> [u64; 4] {
    use std::os::unix::fs::MetadataExt;
    let [mode, owner, group] = [meta.mode(), meta.uid(), meta.gid()].map(u64::from);
    [mode, owner, group, meta.nlink()]
}

#[cfg(not(unix))]
fn ownership(_: &Metadata) -> [u64; 4] {
    [0; 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_as_sentences() {
        for (change, is_damage, text) in [
            (
                Change::Grew(1),
                true,
                "grew by 1 byte while it was read; not analysed",
            ),
            (
                Change::Shrank(7),
                true,
                "shrank by 7 bytes while it was read",
            ),
            (Change::Rewritten, true, "was rewritten while it was read"),
            (
                Change::Gone,
                false,
                "was removed or renamed while it was read, itself unchanged",
            ),
        ] {
            assert_eq!(
                (change.is_damage(), change.to_string().as_str()),
                (is_damage, text)
            );
        }
        assert!(!Change::Rotated.is_damage() && !Change::Touched.is_damage());
    }

    #[test]
    fn an_empty_file_that_grows_is_no_rewritten_one() {
        let file = tempfile::tempfile().expect("a file");
        let snapshot = Snapshot::of(&file).expect("looked at");
        assert_eq!((snapshot.len, snapshot.compare_content(&file)), (0, None));
        std::io::Write::write_all(&mut &file, b"x").expect("written");
        assert_eq!(snapshot.compare_content(&file), Some(Change::Grew(1)));
    }
}
