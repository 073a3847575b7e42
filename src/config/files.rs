//! Where the reader gets its files from: a map of them, of which an `nginx -T` dump is one, or a place of the caller's.

use crate::glob::matches_like_glob3;
use std::{collections::BTreeMap, sync::Arc};

/// A file that was found.
#[derive(Clone, Debug)]
pub struct File {
    /// What people call it; positions cite it.
    pub name: Vec<u8>,
    pub bytes: Arc<[u8]>,
}

/// Files by the paths that configurations name.
pub trait Files {
    /// The file at `path`, absolute or relative to where the main file was named from; `None` if there is none. The text of an error says
    /// why it cannot be read.
    fn file(&mut self, path: &[u8]) -> Result<Option<File>, String>;

    /// The paths that `pattern` matches as `glob(3)` does it, sorted by bytes.
    fn glob(&mut self, pattern: &[u8]) -> Vec<Vec<u8>>;
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct FileMap {
    files: BTreeMap<Vec<u8>, Arc<[u8]>>,
}

impl FileMap {
    /// Adds a file; a path that is there already keeps its first content.
    pub fn insert(&mut self, path: &[u8], bytes: &[u8]) {
        self.files
            .entry(plain(path))
            .or_insert_with(|| bytes.into());
    }

    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.files.keys().map(Vec::as_slice)
    }
}

impl Files for FileMap {
    fn file(&mut self, path: &[u8]) -> Result<Option<File>, String> {
        let name = plain(path);
        Ok(self.files.get(&name).map(|bytes| File {
            bytes: Arc::clone(bytes),
            name,
        }))
    }

    fn glob(&mut self, pattern: &[u8]) -> Vec<Vec<u8>> {
        let pattern = plain(pattern);
        let is_match = |path: &&Vec<u8>| matches_like_glob3(&pattern, path);
        self.files.keys().filter(is_match).cloned().collect()
    }
}

/// `path` without `//`, `/./` and `x/..`; nginx hands paths to the system as they are written.
pub(super) fn plain(path: &[u8]) -> Vec<u8> {
    let is_absolute = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if is_absolute => {}
            _ => parts.push(part),
        }
    }
    let mut plain = parts.join(&b'/');
    if is_absolute {
        plain.insert(0, b'/');
    }
    plain
}

/// Whether nginx takes `path` as it is, on Unix or on Windows (`ngx_conf_full_name`).
pub(super) fn is_absolute(path: &[u8]) -> bool {
    path.starts_with(b"/") || path.len() > 2 && path[0].is_ascii_alphabetic() && path[1] == b':'
}

/// What stands before the last `/` of `path`, that included.
pub(super) fn directory(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| matches!(b, b'/' | b'\\'));
    &path[..end.map_or(0, |end| end + 1)]
}

/// What stands behind the last `/` of `path`.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    &path[directory(path).len()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_plain() {
        for (path, want) in [
            ("/etc/nginx//a/./b", "/etc/nginx/a/b"),
            ("/etc/nginx/../x", "/etc/x"),
            ("/../x", "/x"),
            ("../x/..", ".."),
            ("./a", "a"),
            ("/", "/"),
        ] {
            assert_eq!(plain(path.as_bytes()), want.as_bytes(), "{path}");
        }
        assert_eq!(directory(b"/etc/nginx/nginx.conf"), b"/etc/nginx/");
        assert_eq!(base_name(b"nginx.conf"), b"nginx.conf");
        assert!(is_absolute(b"C:\\nginx\\x") && !is_absolute(b"conf.d/x"));
    }
}
