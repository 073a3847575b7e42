//! What the user named, as a list of sources in a fixed order.

use crate::{error::Error, glob::PathGlob};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

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
/// is an error of its own, and the rest is found all the same. Sorted by path, so that the order of arguments and of
/// directory entries changes nothing.
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
    let before = found.len();
    for entry in WalkDir::new(directory).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.path().is_file() => {
                found.push(Found::new(Place::File(plain(entry.path())), false));
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(directory).to_owned();
                errors.push(Error::List {
                    path,
                    source: error.into(),
                });
            }
        }
    }
    if found.len() == before && errors.is_empty() {
        errors.push(Error::Empty {
            path: directory.to_owned(),
            what: "holds no files",
        });
    }
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
    let before = found.len();
    for entry in WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .flatten()
    {
        let path = entry.path().strip_prefix("./").unwrap_or(entry.path());
        if glob.matches(path) && path.is_file() {
            found.push(Found::new(Place::File(path.to_owned()), false));
        }
    }
    if found.len() == before {
        errors.push(Error::Empty {
            path: pattern.to_owned(),
            what: "matches no file",
        });
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
        assert_eq!(
            names(&["b.log", "a.log", "./a.log", "b.log"]),
            ["a.log", "b.log"]
        );
        let (found, errors) = discover(&[dir.path().join("*.nope"), dir.path().join("missing")]);
        assert_eq!((found.len(), errors.len()), (1, 1));
    }
}
