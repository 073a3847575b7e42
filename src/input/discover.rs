//! What the user named, as a list of sources in a fixed order.

use crate::{error::Error, glob::PathGlob};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};
use walkdir::{DirEntry, WalkDir};

/// Where the bytes of a source come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    File(PathBuf),
    /// A named pipe or a device: `<(zcat error.log.gz)`. Like stdin, it can be read once.
    Pipe(PathBuf),
    Stdin,
}

impl Place {
    /// The path as given; `-` for stdin.
    pub fn path(&self) -> &Path {
        match self {
            Place::File(path) | Place::Pipe(path) => path,
            Place::Stdin => Path::new("-"),
        }
    }

    /// Its bytes, from the first.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Place::File(path) | Place::Pipe(path) => Box::new(File::open(path)?),
            Place::Stdin => Box::new(io::stdin()),
        })
    }
}

/// One source: a file once, however often it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub place: Place,
    /// What people call it: its path as given, or `<stdin>`.
    pub name: PathBuf,
    /// Named by the user himself, not met in a directory or by a glob.
    pub named: bool,
    /// Other names of the same file: links to it.
    pub also: Vec<PathBuf>,
}

impl Found {
    /// It is a file, not a stream: a second pass finds what the first one did.
    pub fn can_be_read_again(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    fn new(place: Place, named: bool) -> Found {
        let name = match &place {
            Place::File(path) | Place::Pipe(path) => path.clone(),
            Place::Stdin => PathBuf::from("<stdin>"),
        };
        Found {
            place,
            name,
            named,
            also: Vec::new(),
        }
    }
}

/// Finds the files that `arguments` name: files, directories (all files below), globs, `-`. What cannot be found or listed
/// is an error of its own, and so is what is passed over (a mere [note](Error::is_note)); the rest is found all the same.
/// Sorted by path, so that the order of arguments and of directory entries changes nothing.
pub fn discover(arguments: &[PathBuf]) -> (Vec<Found>, Vec<Error>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for argument in arguments {
        let argument = &plain(argument);
        if argument.as_os_str() == "-" {
            found.push(Found::new(Place::Stdin, true));
        } else if argument.is_dir() {
            walk(argument, &mut found, &mut errors);
        } else if fs::metadata(argument).is_ok_and(|meta| !meta.is_file()) {
            found.push(Found::new(Place::Pipe(argument.clone()), true));
        } else if argument.exists() || !is_glob(argument) {
            found.push(Found::new(Place::File(argument.clone()), true));
        } else {
            expand(argument, &mut found, &mut errors);
        }
    }
    found.sort_by(|a, b| (&a.place, !a.named).cmp(&(&b.place, !b.named)));
    found.dedup_by(|a, b| a.place == b.place);
    drop_same_files(&mut found);
    let mut said = HashSet::new();
    errors.retain(|error| said.insert(error.to_string()));
    (found, errors)
}

/// `path` without `./` at its start, so that a file has one name.
fn plain(path: &Path) -> PathBuf {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.to_owned(),
        _ => path.to_owned(),
    }
}

/// All regular files below `directory`; links are followed to files, not to directories.
fn walk(directory: &Path, found: &mut Vec<Found>, errors: &mut Vec<Error>) {
    let before = (found.len(), n_grave(errors));
    for entry in WalkDir::new(directory).sort_by_file_name() {
        match entry {
            Ok(entry) => meet(&entry, found, errors),
            Err(error) => errors.push(not_listed(error, directory)),
        }
    }
    if (found.len(), n_grave(errors)) == before {
        errors.push(Error::Empty {
            path: directory.to_owned(),
            what: "holds no files",
        });
    }
}

fn n_grave(errors: &[Error]) -> usize {
    errors.iter().filter(|error| !error.is_note()).count()
}

fn not_listed(error: walkdir::Error, root: &Path) -> Error {
    let path = error.path().unwrap_or(root).to_owned();
    // Its own words name the path once more.
    let source = error.into_io_error();
    let source = source.unwrap_or_else(|| io::Error::other("it holds itself"));
    Error::List { path, source }
}

/// Takes what was met in a directory, if it is a file or a link to one. A directory is walked over and not taken; all else is told: a
/// pipe that nobody writes to would be waited for.
fn meet(entry: &DirEntry, found: &mut Vec<Found>, errors: &mut Vec<Error>) {
    if entry.file_type().is_dir() {
        return;
    }
    let path = plain(entry.path());
    let is_link = entry.path_is_symlink();
    let what = match fs::metadata(&path) {
        Ok(meta) if meta.is_file() => return found.push(Found::new(Place::File(path), false)),
        Ok(meta) if meta.is_dir() && leads_back(&path) => {
            "loop: a link to a directory that it is in"
        }
        Ok(meta) if meta.is_dir() => "link to a directory",
        Ok(meta) => special(&meta),
        Err(source) => {
            return errors.push(match is_link && source.kind() == io::ErrorKind::NotFound {
                true => Error::Broken { path },
                false => Error::Open { path, source },
            });
        }
    };
    errors.push(Error::Skipped { path, what });
}

/// Whether the link `path` leads to a directory above itself.
fn leads_back(path: &Path) -> bool {
    let (target, place) = (fs::canonicalize(path), path.parent().map(fs::canonicalize));
    matches!((target, place), (Ok(target), Some(Ok(place))) if place.starts_with(&target))
}

#[cfg(unix)]
fn special(meta: &fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = meta.file_type();
    match () {
        () if kind.is_fifo() => "FIFO",
        () if kind.is_socket() => "socket",
        () => "device",
    }
}

#[cfg(not(unix))]
fn special(_: &fs::Metadata) -> &'static str {
    "no regular file"
}

fn is_glob(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '[', '{'])
}

/// Files that match a glob the shell did not expand; `**` crosses directories.
fn expand(pattern: &Path, found: &mut Vec<Found>, errors: &mut Vec<Error>) {
    let text = pattern.to_string_lossy();
    let glob = match PathGlob::new(&text) {
        Ok(glob) => glob,
        Err(reason) => {
            return errors.push(Error::Glob {
                pattern: text.into_owned(),
                reason,
            });
        }
    };
    // The directory part without wildcards is where to look.
    let root: PathBuf = pattern
        .components()
        .take_while(|part| !is_glob(Path::new(part)))
        .collect();
    let root = if root.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        root
    };
    let before = (found.len(), n_grave(errors));
    let ways = Ways::to(pattern);
    let entries = WalkDir::new(&root).sort_by_file_name().into_iter();
    let entries = entries.filter_entry(|entry| {
        entry.depth() == 0 || !entry.file_type().is_dir() || ways.lead_into(&plain(entry.path()))
    });
    for entry in entries {
        match entry {
            Ok(entry) if glob.matches(&plain(entry.path())) => meet(&entry, found, errors),
            Ok(_) => {}
            Err(error) if error.depth() == 0 && is_missing(&error) => {}
            Err(error) => errors.push(not_listed(error, &root)),
        }
    }
    if (found.len(), n_grave(errors)) == before {
        errors.push(Error::Empty {
            path: pattern.to_owned(),
            what: "matches no file",
        });
    }
}

fn is_missing(error: &walkdir::Error) -> bool {
    error.io_error().map(io::Error::kind) == Some(io::ErrorKind::NotFound)
}

/// Where what a glob matches may lie: directories that match its own, one for each part of it. Others are not entered, and nothing is
/// said of those that could not be.
struct Ways {
    /// The first parts of the glob, up to one, two and more of them.
    starts: Vec<Option<PathGlob>>,
    /// Behind the last of them stands `**`.
    is_open: bool,
}

impl Ways {
    fn to(pattern: &Path) -> Ways {
        let mut start = PathBuf::new();
        let mut starts = Vec::new();
        let mut parts = pattern.components().peekable();
        while let Some(part) = parts.next() {
            if part.as_os_str() == "**" {
                let is_open = true;
                return Ways { starts, is_open };
            }
            start.push(part);
            if parts.peek().is_some() {
                starts.push(PathGlob::new(&start.to_string_lossy()).ok());
            }
        }
        let is_open = false;
        Ways { starts, is_open }
    }

    fn lead_into(&self, directory: &Path) -> bool {
        let mut start = PathBuf::new();
        let mut parts = directory.components();
        for glob in &self.starts {
            let Some(part) = parts.next() else {
                return true;
            };
            start.push(part);
            // A glob whose braces go over several parts has no parts that are globs.
            if glob.as_ref().is_some_and(|glob| !glob.matches(&start)) {
                return false;
            }
        }
        self.is_open || parts.next().is_none()
    }
}

/// Keeps each file once: `./a`, `a`, links to it and hard links are one source.
#[cfg(unix)]
fn drop_same_files(found: &mut Vec<Found>) {
    use std::os::unix::fs::MetadataExt;
    let mut first_of = std::collections::HashMap::new();
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    for source in found.drain(..) {
        if let Ok(meta) = fs::metadata(source.place.path())
            && meta.is_file()
        {
            let first = *first_of
                .entry((meta.dev(), meta.ino()))
                .or_insert(kept.len());
            if first < kept.len() {
                kept[first].also.push(source.name);
                continue;
            }
        }
        kept.push(source);
    }
    *found = kept;
}

#[cfg(not(unix))]
fn drop_same_files(_: &mut Vec<Found>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_files_directories_and_globs_once() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["a.log", "b.log", "sub/c.log", "d.txt"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("made");
            std::fs::write(path, name).expect("written");
        }
        std::fs::hard_link(dir.path().join("a.log"), dir.path().join("z.log")).expect("linked");
        let names = |arguments: &[&str]| -> Vec<String> {
            let paths: Vec<PathBuf> = arguments.iter().map(|a| dir.path().join(a)).collect();
            let (found, errors) = discover(&paths);
            assert!(errors.is_empty(), "{errors:?}");
            let name = |f: &Found| {
                f.place
                    .path()
                    .strip_prefix(dir.path())
                    .expect("below")
                    .display()
                    .to_string()
            };
            found.iter().map(name).collect()
        };
        assert_eq!(names(&[""]), ["a.log", "b.log", "d.txt", "sub/c.log"]);
        assert_eq!(names(&["*.log"]), ["a.log", "b.log"]);
        assert_eq!(names(&["**/*.log"]), ["a.log", "b.log", "sub/c.log"]);
        assert_eq!(names(&["s*/*.log"]), ["sub/c.log"]);
        assert_eq!(names(&["{sub/c,a}.log"]), ["a.log", "sub/c.log"]);
        assert_eq!(
            names(&["b.log", "a.log", "./a.log", "b.log"]),
            ["a.log", "b.log"]
        );
        let (found, errors) = discover(&[dir.path().join("*.nope"), dir.path().join("missing")]);
        assert_eq!((found.len(), errors.len()), (1, 1));
    }
}
