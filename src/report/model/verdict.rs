//! How it went, as the first words of a report say it.

use super::{Completeness, Report};
use crate::words::{grouped, plural};
use std::fmt;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So many failures of the gateway or of upstreams.
    Failures(u64),
    /// None, and all that was named could be read.
    Quiet,
    /// None in what could be read.
    QuietInPart,
    /// Nothing could be read.
    Unknown,
}

impl Verdict {
    pub fn is_good(self) -> bool {
        matches!(self, Verdict::Quiet | Verdict::QuietInPart)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Failures(n) => {
                write!(f, "{} gateway {}", grouped(*n), plural(*n, "failure"))
            }
            Verdict::Quiet => f.write_str("no gateway failure"),
            Verdict::QuietInPart => f.write_str("no gateway failure in what could be read"),
            Verdict::Unknown => f.write_str("no answer: nothing could be read"),
        }
    }
}

impl Report {
    /// How it went.
    pub fn verdict(&self) -> Verdict {
        let Completeness {
            n_sources_read,
            n_sources_with_problems,
            n_lines_unparsed,
            ..
        } = self.completeness;
        let is_mute = self.n_events == 0 && self.requests.is_none();
        match self.answer.n_failures {
            0 if n_sources_read == 0 || is_mute && n_lines_unparsed > 0 => Verdict::Unknown,
            0 if n_sources_with_problems > 0 => Verdict::QuietInPart,
            0 => Verdict::Quiet,
            n => Verdict::Failures(n),
        }
    }
}
