//! Arguments to an exit status; everything else is in the library.

use clap::Parser;
use coroner::cli::{self, Args, Status};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Args::try_parse() {
        Ok(args) => cli::run(args).into(),
        Err(error) => {
            // Help and version are results, everything else is a mistake of usage.
            let status = if error.use_stderr() {
                Status::Unusable
            } else {
                Status::Complete
            };
            let _ = error.print();
            status.into()
        }
    }
}
