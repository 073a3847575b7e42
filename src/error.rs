//! The one error of the rooms that touch the world: `input`, `export` and the engine that calls them.

use std::{fmt, io, path::PathBuf};

/// What could not be done, to what, and why. The cause stays in [`source`](std::error::Error::source).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A path that names nothing that can be opened.
    Open { path: PathBuf, source: io::Error },
    /// Reading stopped at this offset.
    Read {
        path: PathBuf,
        offset_bytes: u64,
        source: io::Error,
    },
    /// It could not be compared with others, since it or one of them could not be read once more.
    Compare { path: PathBuf },
    /// A mistake of this program: it panicked on these bytes of the decoded stream, and went on behind them. `None`: up to
    /// the end.
    Internal {
        path: PathBuf,
        start: u64,
        end: Option<u64>,
        what: String,
    },
    /// A directory could not be listed.
    List { path: PathBuf, source: io::Error },
    /// A link in a directory that leads to nothing: what it named may have been a log.
    Broken { path: PathBuf },
    /// Something in a directory that is no file and is not read: a pipe, a link to a directory. Worth a note.
    Skipped { path: PathBuf, what: &'static str },
    /// A glob that is none.
    Glob { pattern: String, reason: String },
    /// A glob, or a directory, without any file.
    Empty { path: PathBuf, what: &'static str },
    /// An output that may not be written: it exists, or it is an input.
    Refused { path: PathBuf, reason: &'static str },
    /// Writing an output failed; nothing of it was left behind.
    Write { path: PathBuf, source: io::Error },
    /// A format that this build cannot write.
    Format { path: PathBuf, reason: String },
    /// The standard output was closed by its reader.
    ClosedPipe,
}

impl Error {
    /// Nothing that was asked for is missing.
    pub const fn is_note(&self) -> bool {
        matches!(self, Error::Skipped { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Open { path, .. } => write!(f, "cannot open `{}`", path.display()),
            Error::Read {
                path, offset_bytes, ..
            } => {
                write!(f, "cannot read `{}` at byte {offset_bytes}", path.display())
            }
            Error::Compare { path } => write!(
                f,
                "cannot compare `{}` with others, of which one cannot be read once more: lines may count twice",
                path.display()
            ),
            Error::Internal {
                path,
                start,
                end,
                what,
            } => {
                write!(f, "internal error while reading bytes {start}..")?;
                end.map_or(Ok(()), |end| write!(f, "{end}"))?;
                let path = path.display();
                write!(f, " of `{path}`, please report it: {what}")
            }
            Error::List { path, .. } => write!(f, "cannot list directory `{}`", path.display()),
            Error::Broken { path } => {
                write!(f, "cannot open `{}`: a link to nothing", path.display())
            }
            Error::Skipped { path, what } => write!(f, "skipped `{}`: {what}", path.display()),
            Error::Glob { pattern, reason } => write!(f, "`{pattern}` is no valid glob: {reason}"),
            Error::Empty { path, what } => write!(f, "`{}` {what}", path.display()),
            Error::Refused { path, reason } => {
                write!(f, "will not write `{}`: {reason}", path.display())
            }
            Error::Write { path, .. } => write!(f, "cannot write `{}`", path.display()),
            Error::Format { path, reason } => {
                write!(f, "cannot write `{}`: {reason}", path.display())
            }
            Error::ClosedPipe => write!(f, "the output was closed by its reader"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Open { source, .. }
            | Error::Read { source, .. }
            | Error::List { source, .. }
            | Error::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}
