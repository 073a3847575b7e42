//! Temporary files that do not outlive the process: dropped ones go, and those there are when a signal ends it go too.
//!
//! The list of them belongs to the process, as signals do; hence a static.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tempfile::NamedTempFile;

/// Files that have no name of their own yet. Whoever holds the lock is the only one to make, name or remove one.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A temporary file: removed when dropped, and by [`remove_all`].
#[derive(Debug)]
pub struct Temporary {
    file: NamedTempFile,
    /// Behind `file`, so that it is dropped after it.
    listed: Listed,
}

impl Temporary {
    /// A private file among the system's temporary ones.
    pub fn spool() -> io::Result<Temporary> {
        Temporary::new(&tempfile::Builder::new(), &std::env::temp_dir())
    }

    /// As `builder` says, in `directory`.
    pub(super) fn new(
        builder: &tempfile::Builder<'_, '_>,
        directory: &Path,
    ) -> io::Result<Temporary> {
        // A signal between making and listing would leave the file behind: it waits for the lock.
        let mut unfinished = lock();
        let file = builder.tempfile_in(directory)?;
        unfinished.push(file.path().to_owned());
        let listed = Listed(file.path().to_owned());
        Ok(Temporary { file, listed })
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives the file its name; it is a temporary one no longer.
    pub(super) fn persist(self, path: &Path, overwrite: bool) -> io::Result<()> {
        let Temporary { file, listed } = self;
        // A signal comes before the name is given, and removes the file, or after it, and finds nothing to remove.
        let unfinished = lock();
        let named = if overwrite {
            file.persist(path)
        } else {
            file.persist_noclobber(path)
        };
        drop(unfinished);
        drop(listed);
        named.map(drop).map_err(io::Error::from)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Removes all temporary files there are. As long as the result is held no other is made and none gets its name: for a
/// process that is about to end.
pub fn remove_all() -> impl Sized {
    let unfinished = lock();
    for path in unfinished.iter() {
        let _ = fs::remove_file(path); // what is gone is gone
    }
    unfinished
}

/// A line of the list, for as long as it lives.
#[derive(Debug)]
struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        lock().retain(|path| *path != self.0);
    }
}

/// The list is whole at every moment, so a panic elsewhere does not matter.
fn lock() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_until_they_are_named_or_dropped() {
        let directory = tempfile::tempdir().expect("a directory");
        let is_listed = |path: &Path| lock().iter().any(|listed| listed == path);
        let make = || Temporary::new(&tempfile::Builder::new(), directory.path());
        let (named, dropped) = (make().expect("made"), make().expect("made"));
        let paths = [named.path().to_owned(), dropped.path().to_owned()];
        assert!(paths.iter().all(|path| is_listed(path) && path.exists()));
        let target = directory.path().join("report.md");
        named.persist(&target, false).expect("named");
        drop(dropped);
        assert!(!paths.iter().any(|path| is_listed(path) || path.exists()));
        // One that cannot get its name is removed.
        let refused = make().expect("made");
        let path = refused.path().to_owned();
        assert!(refused.persist(&target, false).is_err());
        assert!(!is_listed(&path) && !path.exists() && target.exists());
    }
}
