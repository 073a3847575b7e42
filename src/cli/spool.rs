//! Streams kept as files, for commands that read them twice.

use super::{args::InputArgs, message::Failure, progress};
use crate::{
    error::Error,
    export::Temporary,
    input::{Found, Place},
    progress::Progress,
};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// Copies what can be read only once to files that are removed at the end, and puts those in its place.
pub(super) fn spool_streams(
    found: &mut [Found],
    args: &InputArgs,
) -> Result<Vec<Temporary>, Failure> {
    let failed = |source| Error::Write {
        path: std::env::temp_dir(),
        source,
    };
    let progress = Arc::new(Progress::default());
    let _shown = progress::show(args, Arc::clone(&progress));
    let mut spools = Vec::new();
    for found in found {
        if let Place::File(_) = found.place {
            continue;
        }
        progress.expect_stream();
        // One that cannot be opened is left to the scan, which says so.
        let Ok(mut stream) = found.place.open() else {
            continue;
        };
        let mut spool = Temporary::spool().map_err(failed)?;
        let mut counted = Counted(&mut spool, &progress);
        io::copy(&mut stream, &mut counted).map_err(failed)?;
        progress.file_done();
        found.place = Place::File(spool.path().to_owned());
        spools.push(spool);
    }
    Ok(spools)
}

/// Tells `Progress` how much is written.
struct Counted<'a>(&'a mut Temporary, &'a Progress);

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = self.0.write(bytes)?;
        self.1.read(n_bytes as u64);
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
