//! The files of an nginx configuration, on a disk that may not be the gateway's own.
//!
//! A configuration under post-mortem is mostly a copy: `/etc/nginx/conf.d/*.conf` inside it means a directory beside it, not one of the
//! machine that reads it. So an absolute path is looked for in the copy, and on this machine only where the configuration
//! is the machine's own. Nothing is known of the language here; whoever reads it asks for paths.

use super::{
    kind::is_nginx_config,
    opening::open_quietly,
    stored::{Content, Mmap, Stored},
};
use crate::{error::Error, glob::matches_component};
use std::{
    ffi::OsString,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Bytes of one file of a configuration, or of a dump.
pub const CONF_LEN_MAX: u64 = 64 << 20;

/// Files that one glob finds.
pub const GLOB_FILES_MAX: usize = 10_000;

/// Where the systems of this world keep the configuration of nginx.
const HOMES: [&str; 8] = [
    "etc/nginx",
    "usr/local/etc/nginx",
    "usr/local/nginx/conf",
    "usr/local/openresty/nginx/conf",
    "opt/nginx/conf",
    "opt/bitnami/nginx/conf",
    "opt/homebrew/etc/nginx",
    "etc/opt/rh/rh-nginx/nginx",
];

/// A configuration on disk.
#[derive(Clone, Debug)]
pub struct ConfTree {
    main: PathBuf,
    /// What the main file holds.
    bytes: Vec<u8>,
    /// Where an absolute path may lie: in this order.
    roots: Vec<Root>,
}

#[derive(Clone, Debug)]
enum Root {
    /// What is below the first, as itself.
    Same(PathBuf),
    /// Everything, below this directory.
    Below(PathBuf),
    /// What is below the first, below the second instead.
    Moved(PathBuf, PathBuf),
}

impl ConfTree {
    /// Opens the main file that `path` names: a file, `-` for stdin, or a directory that has one, as nginx or a copy of a machine keeps it.
    pub fn open(path: &Path) -> Result<ConfTree, Error> {
        let main = if path.is_dir() {
            main_of(path)?
        } else {
            path.to_owned()
        };
        let bytes = if main.as_os_str() == "-" {
            bounded(io::stdin()).map_err(|source| unread(&main, source))?
        } else {
            content(&main)?
        };
        let roots = roots(&main);
        Ok(ConfTree { main, bytes, roots })
    }

    /// The path of the main file.
    pub fn main(&self) -> &Path {
        &self.main
    }

    /// The bytes of the main file.
    pub fn main_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file that the configuration calls `path`, with where it was found; `None` if there is none. Only regular files are read.
    pub fn file(&self, path: &[u8]) -> Result<Option<(PathBuf, Vec<u8>)>, Error> {
        let path = to_path(path);
        if path == self.main {
            return Ok(Some((path, self.bytes.clone())));
        }
        let found = self.places(&path).into_iter().find(|place| place.exists());
        let Some(found) = found else {
            return Ok(None);
        };
        if !found.is_file() {
            let source = io::Error::other("it is no regular file");
            return Err(Error::Open {
                path: found,
                source,
            });
        }
        let bytes = content(&found)?;
        Ok(Some((found, bytes)))
    }

    /// The files that match `pattern`, sorted by name, at the first place that has any.
    pub fn glob(&self, pattern: &[u8]) -> Vec<PathBuf> {
        let places = self.places(&to_path(pattern)).into_iter();
        let mut found = places.map(|place| expand(&place));
        found.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Where `path` may lie.
    fn places(&self, path: &Path) -> Vec<PathBuf> {
        if !path.has_root() {
            return vec![path.to_owned()];
        }
        let roots = self.roots.iter();
        let place = |root: &Root| match root {
            Root::Same(home) => path.starts_with(home).then(|| path.to_owned()),
            Root::Below(root) => Some(root.join(path.strip_prefix("/").ok()?)),
            Root::Moved(home, to) => Some(to.join(path.strip_prefix(home).ok()?)),
        };
        roots.filter_map(place).collect()
    }
}

/// Whether the file at `path` begins like an nginx configuration. Of a log mostly its first byte is read.
pub fn is_nginx_config_file(path: &Path) -> bool {
    let Ok(file) = open_quietly(path) else {
        return false;
    };
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return false;
    }
    let mut reader = file.take(BEGINNING_LEN);
    let mut sample = vec![0];
    let is_text = reader.read_exact(&mut sample).is_ok()
        && (sample[0].is_ascii_alphabetic()
            || sample[0].is_ascii_whitespace()
            || matches!(sample[0], b'#' | 0xef));
    is_text && reader.read_to_end(&mut sample).is_ok() && is_nginx_config(&sample)
}

/// Bytes of a file that are looked at to know a configuration.
const BEGINNING_LEN: u64 = 64 << 10;

/// The main file in or below `directory`.
fn main_of(directory: &Path) -> Result<PathBuf, Error> {
    let homes = HOMES.iter().map(|home| directory.join(home));
    let beside = ["", "conf", "nginx"]
        .iter()
        .map(|name| directory.join(name));
    let mut candidates = beside.chain(homes).map(|home| home.join("nginx.conf"));
    candidates.find(|main| main.is_file()).ok_or(Error::Empty {
        path: directory.to_owned(),
        what: "holds no nginx.conf, neither itself nor where nginx keeps it",
    })
}

fn roots(main: &Path) -> Vec<Root> {
    let home = main.parent().unwrap_or(Path::new(""));
    let here = if home.as_os_str().is_empty() {
        Path::new(".")
    } else {
        home
    };
    let whole = std::path::absolute(here).unwrap_or_default();
    let mut roots = vec![];
    let is_own = HOMES
        .iter()
        .any(|known| whole == Path::new("/").join(known));
    if whole.has_root() {
        roots.push(Root::Same(whole)); // an empty path would be the beginning of all
    }
    if is_own {
        roots.push(Root::Below(PathBuf::from("/")));
        return roots;
    }
    // From inside out: `web1/etc/nginx` lies in a copy of a machine whose root is `web1`.
    let outer = home
        .ancestors()
        .skip(1)
        .filter(|outer| outer.parent().is_some() || !outer.has_root());
    roots.extend(outer.map(|outer| Root::Below(outer.to_owned())));
    let moved = HOMES
        .iter()
        .map(|known| Root::Moved(Path::new("/").join(known), home.to_owned()));
    roots.extend(moved);
    roots
}

/// The regular files that match, sorted by name.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str().as_encoded_bytes();
        if !name.iter().any(|b| b"*?[".contains(b)) {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        }
        let mut next = Vec::new();
        for directory in &found {
            let listed = if directory.as_os_str().is_empty() {
                Path::new(".")
            } else {
                directory
            };
            let names = fs::read_dir(listed)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.file_name());
            let mut names: Vec<OsString> = names
                .filter(|found| matches_component(name, found.as_encoded_bytes()))
                .collect();
            names.sort();
            next.extend(names.into_iter().map(|name| directory.join(name)));
            next.truncate(GLOB_FILES_MAX);
        }
        found = next;
    }
    found.retain(|path| path.exists());
    found
}

fn content(path: &Path) -> Result<Vec<u8>, Error> {
    let stored = Stored::open(path, Mmap::Never)?;
    match stored.content {
        Content::Stream(reader) => bounded(reader),
        Content::Mapped(file) => Ok(file.to_vec()), // never asked for
    }
    .map_err(|source| unread(path, source))
}

fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(CONF_LEN_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CONF_LEN_MAX {
        let limit = CONF_LEN_MAX >> 20;
        return Err(io::Error::other(format!(
            "it is longer than {limit} MiB, and so no configuration"
        )));
    }
    Ok(bytes)
}

fn unread(path: &Path, source: io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        offset_bytes: 0,
        source,
    }
}

#[cfg(unix)]
fn to_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("has one")).expect("made");
            fs::write(path, file).expect("written");
        }
        dir
    }

    #[track_caller]
    fn check(files: &[&str], open: &str, glob: &str, want: &[&str]) {
        let dir = tree(files);
        let conf = ConfTree::open(&dir.path().join(open)).expect("opened");
        let found = conf.glob(glob.as_bytes());
        let found: Vec<&Path> = found
            .iter()
            .map(|path| path.strip_prefix(dir.path()).expect("inside"))
            .collect();
        assert_eq!(found, want.iter().map(Path::new).collect::<Vec<_>>());
    }

    #[test]
    fn absolute_paths_are_looked_for_in_the_copy() {
        let image = [
            "web1/etc/nginx/nginx.conf",
            "web1/etc/nginx/conf.d/b.conf",
            "web1/etc/nginx/conf.d/a.conf",
            "web1/usr/share/x.conf",
        ];
        let inside = [
            "web1/etc/nginx/conf.d/a.conf",
            "web1/etc/nginx/conf.d/b.conf",
        ];
        check(&image, "web1", "/etc/nginx/conf.d/*.conf", &inside);
        check(
            &image,
            "web1/etc/nginx",
            "/etc/nginx/conf.d/*.conf",
            &inside,
        );
        check(
            &image,
            "web1/etc/nginx/nginx.conf",
            "/usr/share/*.conf",
            &["web1/usr/share/x.conf"],
        );
        let flat = ["nginx.conf", "conf.d/a.conf", "conf.d/.hidden.conf"];
        check(
            &flat,
            "nginx.conf",
            "/etc/nginx/conf.d/*.conf",
            &["conf.d/a.conf"],
        );
        check(
            &flat,
            "",
            "/usr/local/nginx/conf/conf.d/*",
            &["conf.d/a.conf"],
        );
        check(&flat, "", "/etc/nginx/no.d/*", &[]);
    }

    #[test]
    fn nothing_of_this_machine_gets_into_a_copy() {
        let dir = tree(&["nginx.conf"]);
        let conf = ConfTree::open(&dir.path().join("nginx.conf")).expect("opened");
        assert!(conf.glob(b"/etc/*").is_empty());
        assert!(conf.file(b"/etc/passwd").expect("no error").is_none());
        let inside = dir.path().join("nginx.conf");
        let found = conf
            .file(inside.as_os_str().as_encoded_bytes())
            .expect("no error");
        assert_eq!(found.map(|(path, _)| path), Some(inside));
    }

    #[test]
    fn what_is_no_file_is_an_error() {
        let dir = tree(&["nginx.conf", "d/x"]);
        assert!(ConfTree::open(&dir.path().join("d")).is_err());
        assert!(ConfTree::open(&dir.path().join("missing")).is_err());
        let conf = ConfTree::open(dir.path()).expect("opened");
        let inside = dir.path().join("d");
        assert!(conf.file(inside.as_os_str().as_encoded_bytes()).is_err());
    }
}
