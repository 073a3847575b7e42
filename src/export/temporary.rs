//! Temporary files that do not outlive the process: dropped ones go, and those there are when a signal ends it go too, and with
//! them the directories made for them. What is left by a process that was killed goes when the next writes there ([`sweep`]): each
//! file is locked as long as its writer lives.
//!
//! The list of them belongs to the process, as signals do; hence a static.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::NamedTempFile;

/// Files that have no name of their own yet, and directories made for them. Whoever holds the lock is the only one to make, name or remove one.
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
        let _ = file.as_file().try_lock(); // where there are no locks, nobody takes it for left behind
        unfinished.push(file.path().to_owned());
        let listed = Listed(Some(file.path().to_owned()));
        Ok(Temporary { file, listed })
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives the file its name; it is a temporary one no longer.
    pub(super) fn persist(
        self,
        path: &Path,
        overwrite: bool,
        naming: &mut Naming,
    ) -> io::Result<()> {
        let Temporary { file, mut listed } = self;
        let named = if overwrite {
            file.persist(path)
        } else {
            file.persist_noclobber(path)
        };
        let named = named.map(drop).map_err(io::Error::from);
        if let Some(listed) = listed.0.take() {
            naming.0.retain(|path| *path != listed);
        }
        named
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

/// As long as it lives no signal ends the process: it comes before any file has its name, and removes them all, or when all have.
pub struct Naming(MutexGuard<'static, Vec<PathBuf>>);

impl Naming {
    /// Waits for who makes or removes a file, and never while this thread holds another.
    pub fn begin() -> Naming {
        Naming(lock())
    }
}

/// Removes all temporary files there are. As long as the result is held no other is made and none gets its name: for a
/// process that is about to end.
pub fn remove_all() -> impl Sized {
    let unfinished = lock();
    for path in unfinished.iter() {
        let _ = fs::remove_file(path); // what is gone is gone
    }
    // Those below first: they were listed behind those above.
    for path in unfinished.iter().rev() {
        let _ = fs::remove_dir(path); // fails for files, and for what is not empty
    }
    unfinished
}

/// What names of files begin and end with that have no name of their own yet, beside the one they are to get.
pub(super) const PREFIX: &str = ".coroner-";
pub(super) const SUFFIX: &str = ".part";

/// Removes from `directory` what a process left behind that was killed: files with such a name that nobody has locked. One that
/// was made this minute is left alone, since its maker may be about to lock it.
pub(super) fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_part = name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes());
        // Of a link this is the kind of the link itself.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_part && is_file && is_left_behind(&entry.path()) {
            let _ = fs::remove_file(entry.path()); // somebody else may have been quicker
        }
    }
}

fn is_left_behind(path: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(path) else {
        return false;
    };
    let age = |file: &File| {
        file.metadata()?
            .modified()?
            .elapsed()
            .map_err(io::Error::other)
    };
    age(&file).is_ok_and(|age| age >= MAKING) && file.try_lock().is_ok()
}

/// Making a file and locking it takes microseconds.
const MAKING: Duration = Duration::from_secs(60);

/// Directories made for outputs: removed when dropped, and by [`remove_all`], if nothing is in them then.
#[derive(Debug, Default)]
pub struct NewDirectories(Vec<Listed>);

impl NewDirectories {
    /// Makes `directory` and those above it, as far as they are not there.
    pub fn make(directory: &Path) -> io::Result<NewDirectories> {
        let mut made = NewDirectories::default();
        let missing: Vec<&Path> = directory
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
            .collect();
        for path in missing.into_iter().rev() {
            let mut unfinished = lock();
            match fs::create_dir(path) {
                Ok(()) => {
                    unfinished.push(path.to_owned());
                    drop(unfinished);
                    made.0.push(Listed(Some(path.to_owned())));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    drop(unfinished); // those made before are dropped, and want the lock
                    return Err(error);
                }
            }
        }
        // Whether it is one after all.
        fs::create_dir_all(directory)?;
        Ok(made)
    }
}

impl Drop for NewDirectories {
    fn drop(&mut self) {
        for path in self.0.iter().rev().filter_map(|made| made.0.as_ref()) {
            let _ = fs::remove_dir(path); // fails where something is in it
        }
    }
}

/// A line of the list, for as long as it lives, unless it was taken off before.
#[derive(Debug)]
struct Listed(Option<PathBuf>);

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(own) = &self.0 {
            lock().retain(|path| path != own);
        }
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
        named
            .persist(&target, false, &mut Naming::begin())
            .expect("named");
        drop(dropped);
        assert!(!paths.iter().any(|path| is_listed(path) || path.exists()));
        // One that cannot get its name is removed.
        let refused = make().expect("made");
        let path = refused.path().to_owned();
        let refused = refused.persist(&target, false, &mut Naming::begin());
        assert!(refused.is_err());
        assert!(!is_listed(&path) && !path.exists() && target.exists());
    }

    #[test]
    fn what_the_dead_left_is_swept_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let long_ago = std::time::SystemTime::now() - 2 * MAKING;
        let make = |name: &str, is_old: bool| {
            let path = directory.path().join(name);
            let file = File::create(&path).expect("made");
            if is_old {
                file.set_modified(long_ago).expect("set");
            }
            (path, file)
        };
        let (dead, _) = make(".coroner-a.part", true);
        let (alive, held) = make(".coroner-b.part", true);
        held.lock().expect("locked");
        let kept = [".coroner-c.part", "x.part", ".coroner-d"];
        let kept = kept.map(|name| make(name, name != ".coroner-c.part").0);
        #[cfg(unix)]
        std::os::unix::fs::symlink(&alive, directory.path().join(".coroner-e.part"))
            .expect("linked");
        sweep(directory.path());
        assert!(!dead.exists() && alive.exists() && kept.iter().all(|path| path.exists()));
        #[cfg(unix)]
        assert!(directory.path().join(".coroner-e.part").exists());
        drop(held);
        sweep(directory.path());
        assert!(!alive.exists());
        // Ours are locked.
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        let ours = Temporary::new(&builder, directory.path()).expect("made");
        ours.as_file().set_modified(long_ago).expect("set");
        sweep(directory.path());
        assert!(ours.path().exists());
        sweep(&directory.path().join("missing"));
    }

    #[test]
    fn directories_without_content_go() {
        let directory = tempfile::tempdir().expect("a directory");
        let deep = directory.path().join("a/b/c");
        drop(NewDirectories::make(&deep).expect("made"));
        assert!(!directory.path().join("a").exists());
        let made = NewDirectories::make(&deep).expect("made");
        assert!(deep.exists());
        fs::write(directory.path().join("a/report"), "").expect("written");
        drop(made);
        assert!(
            directory.path().join("a/report").exists() && !directory.path().join("a/b").exists()
        );
        // What was there before stays.
        fs::create_dir(deep.parent().expect("one")).expect("made");
        drop(NewDirectories::make(deep.parent().expect("one")).expect("there"));
        assert!(deep.parent().expect("one").exists());
        assert!(NewDirectories::make(&directory.path().join("a/report/x")).is_err());
    }
}
