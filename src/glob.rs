//! Globs as users type them, matched against text of a log or against paths: the only door to globset.

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use std::path::Path;

/// A set of globs; empty, it matches everything.
#[derive(Clone, Debug, Default)]
pub struct Globs {
    set: Option<GlobSet>,
}

impl Globs {
    /// Compiles `patterns`; `*` matches any text, slashes too.
    pub fn new(patterns: &[String]) -> Result<Globs, String> {
        if patterns.is_empty() {
            return Ok(Globs::default());
        }
        let mut builder = GlobSetBuilder::new();
        for pattern in patterns {
            let glob = GlobBuilder::new(pattern)
                .build()
                .map_err(|error| format!("`{pattern}`: {}", error.kind()))?;
            builder.add(glob);
        }
        builder
            .build()
            .map(|set| Globs { set: Some(set) })
            .map_err(|error| error.to_string())
    }

    pub fn is_empty(&self) -> bool {
        self.set.is_none()
    }

    /// Whether any glob matches `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.set
            .as_ref()
            .is_none_or(|set| set.is_match(&*String::from_utf8_lossy(text)))
    }
}

/// A glob of paths: `*` stays within a directory, `**` crosses them.
#[derive(Clone, Debug)]
pub struct PathGlob(GlobMatcher);

impl PathGlob {
    pub fn new(pattern: &str) -> Result<PathGlob, String> {
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| error.kind().to_string())?;
        Ok(PathGlob(glob.compile_matcher()))
    }

    pub fn matches(&self, path: &Path) -> bool {
        self.0.is_match(path)
    }
}
