//! What is said on stderr, and the exit status.

use crate::{diagnose::account::chain, error::Error, text};
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// All sources were read and accounted for.
    Complete,
    /// Results are valid, but something was damaged, unreadable, cut or changed while read.
    Partial,
    /// Usage, or nothing readable.
    Unusable,
    /// An output could not be written.
    NotWritten,
    /// A comparison came out worse, whatever was damaged.
    Worse,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// Why a run could not go on.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that cannot be; the text says what.
    Usage(String),
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl Failure {
    /// Says it, and gives the status that goes with it.
    pub fn report(&self) -> Status {
        match self {
            Failure::Error(Error::ClosedPipe) => Status::Complete,
            Failure::Usage(message) => {
                say("error", message);
                Status::Unusable
            }
            Failure::Error(error) => {
                say("error", &chain(error));
                match error {
                    Error::Write { .. } | Error::Refused { .. } | Error::Format { .. } => {
                        Status::NotWritten
                    }
                    _ => Status::Unusable,
                }
            }
        }
    }
}

/// Says each of `errors`, notes among them; whether all are notes.
pub fn say_all(errors: &[Error]) -> bool {
    for error in errors {
        let kind = if error.is_note() { "note" } else { "error" };
        say(kind, &chain(error));
    }
    errors.iter().all(Error::is_note)
}

/// Writes `coroner: kind: message` to stderr, harmless for a terminal; further lines stand below it, indented. A closed stderr is no
/// reason to stop.
pub fn say(kind: &str, message: &str) {
    let message = text::for_lines(message.as_bytes()).replace('\n', "\n  ");
    let _ = writeln!(io::stderr().lock(), "coroner: {kind}: {message}");
}
