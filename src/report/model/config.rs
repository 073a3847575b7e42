//! The configuration that was read.

use crate::{
    config::{Config, ScopeKind},
    redact::Redactor,
    words::{grouped, plural},
};
use serde::Serialize;

/// What an nginx configuration holds.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigLine {
    /// Its main file.
    pub path: String,
    pub n_files: usize,
    /// Its `upstream` blocks.
    pub n_groups: usize,
    /// Those it defines.
    pub n_log_formats: usize,
    /// What nginx would refuse in it, and what of it is missing.
    pub n_problems: usize,
    /// Of the nginx that read it, as an error log or the dump tells.
    pub version: Option<String>,
}

pub(super) fn config(config: &Config, redactor: &Redactor) -> ConfigLine {
    let groups = [ScopeKind::HttpUpstream, ScopeKind::StreamUpstream];
    let path = config.files.first().map(|file| &file.path[..]);
    ConfigLine {
        path: redactor.source(path.unwrap_or_default()).for_terminal(),
        n_files: config.files.len(),
        n_groups: groups
            .iter()
            .map(|&kind| config.scopes_of(kind).count())
            .sum(),
        n_log_formats: config
            .log_formats()
            .iter()
            .filter(|format| format.position.is_some())
            .count(),
        n_problems: config.problems.len(),
        version: config.version.map(|version| version.to_string()),
    }
}

impl ConfigLine {
    /// `nginx.conf: 3 files, 2 upstream groups, 1 log format`
    pub fn text(&self) -> String {
        let count =
            |n: usize, what: &str| format!("{} {}", grouped(n as u64), plural(n as u64, what));
        let mut text = format!(
            "{}: {}, {}, {}",
            self.path,
            count(self.n_files, "file"),
            count(self.n_groups, "upstream group"),
            count(self.n_log_formats, "log format"),
        );
        if self.n_problems > 0 {
            text.push_str(&format!(", {}", count(self.n_problems, "problem")));
        }
        if let Some(version) = &self.version {
            text.push_str(&format!(", nginx {version}"));
        }
        text
    }
}
