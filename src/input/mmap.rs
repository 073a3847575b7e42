//! Files as memory: the only `unsafe` code of the crate.

use crate::error::Error;
use memmap2::{Advice, Mmap};
use std::{fs::File, io, ops::Deref, path::Path};

/// The bytes of one regular file, mapped; an empty one cannot be.
#[derive(Debug)]
pub enum MappedFile {
    Mapped(Mmap),
    Read(Vec<u8>),
}

impl MappedFile {
    /// Maps the file at `path` as long as it is now; what is appended later is not seen.
    pub fn open(path: &Path) -> Result<MappedFile, Error> {
        let failed = |source: io::Error| Error::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(failed(io::Error::new(
                io::ErrorKind::IsADirectory,
                "it is a directory",
            )));
        }
        if meta.len() == 0 {
            return Ok(MappedFile::Read(Vec::new()));
        }
        MappedFile::map(&file).map_err(|source| Error::Map {
            path: path.to_owned(),
            source,
        })
    }

    /// Maps a file that is open.
    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
    pub fn map(file: &File) -> io::Result<MappedFile> {
        // SAFETY: the promise is that nobody truncates or rewrites the file while it is mapped. The user makes it: logs under
        // study are copies, or files a live nginx only appends to, and appending does not touch the mapped length. Breaking
        // it costs a SIGBUS (truncation) or bytes that change under the scan, which reads them without relying on
        // their staying the same.
        let map = unsafe { Mmap::map(file)? };
        // Failure of advice is of no consequence.
        let _ = map.advise(Advice::Sequential);
        Ok(MappedFile::Mapped(map))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            MappedFile::Mapped(map) => map,
            MappedFile::Read(bytes) => bytes,
        }
    }
}
