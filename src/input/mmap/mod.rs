//! Files as memory. This folder holds the only `unsafe` code of the crate.

mod granted;
#[cfg(unix)]
mod sigbus;

pub use granted::{files_open_max, spare_address_space};

use super::opening::open_quietly;
use crate::error::Error;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use memmap2::{Advice, Mmap, MmapOptions};
use std::{
    fmt,
    fs::File,
    io::{self, Read},
    ops::{Deref, Range},
    path::Path,
};

/// The bytes of one regular file as long as it was when it was opened; what is appended later is not seen. It may shrink or be
/// rewritten meanwhile: the bytes are then others, or zeros from [`lost_from`](MappedFile::lost_from) on, but reading
/// them is never fatal.
pub struct MappedFile {
    bytes: Bytes,
}

enum Bytes {
    #[cfg(unix)]
    Mapped {
        /// Before the map, as it must be dropped before it: the addresses may be another's right after.
        watch: sigbus::Watch,
        map: Mmap,
    },
    /// Where a mapped file cannot be cut (Windows refuses that), nobody need watch.
    #[cfg(not(unix))]
    Mapped {
        map: Mmap,
    },
    Read(Vec<u8>),
}

impl MappedFile {
    /// Maps the file at `path`, or reads it if it cannot be mapped.
    pub fn open(path: &Path) -> Result<MappedFile, Error> {
        let failed = |source: io::Error| Error::Open {
            path: path.to_owned(),
            source,
        };
        let file = open_quietly(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        MappedFile::map(&file).map_err(failed)
    }

    /// Maps a file that is open; one that cannot be mapped (no file system with maps, too many of them) is read into memory.
    pub fn map(file: &File) -> io::Result<MappedFile> {
        let len = file.metadata()?.len();
        MappedFile::map_len(file, len).or_else(|_| {
            let mut bytes = Vec::new();
            file.take(len).read_to_end(&mut bytes)?;
            Ok(MappedFile {
                bytes: Bytes::Read(bytes),
            })
        })
    }

    /// Maps the first `len` bytes of a file; fails where [`map`](MappedFile::map) would read.
    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
    pub(super) fn map_len(file: &File, len: u64) -> io::Result<MappedFile> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if len == 0 {
            return Ok(MappedFile {
                bytes: Bytes::Read(Vec::new()),
            });
        }
        // SAFETY: the promise is that nobody truncates or rewrites the file while it is mapped. The user makes it: logs under
        // study are copies, or files a live nginx only appends to, and appending does not touch the mapped length. Where it is
        // broken, pages behind the new end become zeros (`sigbus`), and bytes can change under the scan, which reads them
        // without relying on their staying the same; `Snapshot::compare` tells afterwards.
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        // Failure of advice is of no consequence.
        let _ = map.advise(Advice::Sequential);
        #[cfg(unix)]
        let bytes = {
            let watch = sigbus::watch(&map).ok_or_else(|| {
                io::Error::new(io::ErrorKind::ResourceBusy, "too many files are mapped")
            })?;
            Bytes::Mapped { watch, map }
        };
        #[cfg(not(unix))]
        let bytes = Bytes::Mapped { map };
        Ok(MappedFile { bytes })
    }

    /// Gives back the memory of a part that was read; whoever reads there again reads the file again. So little of a large file is held
    /// at a time, and little is left to give back at its end, when others would wait for that.
    #[cfg_attr(unix, expect(unsafe_code, reason = "advice of this kind is"))]
    pub fn release(&self, range: Range<usize>) {
        match (&self.bytes, range) {
            #[cfg(unix)]
            (Bytes::Mapped { map, .. }, Range { start, end }) => {
                let len = end.saturating_sub(start);
                // SAFETY: the map is shared and only read, so its pages hold nothing but the file's bytes, or zeros where those were
                // lost, and come back as such. That they may have become others is taken for granted (`map_len`).
                // Failure of advice is of no consequence.
                let _ =
                    unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, len) };
            }
            _ => {}
        }
    }

    /// The offset from which on bytes were lost while they were read: the file ended there, or could not be read any more.
    /// A multiple of the page length: of a file cut inside a page, the rest of that page is zeros too. All bytes from here on
    /// may be zeros, though some were read before. `None` as long as nobody touched a lost byte.
    pub fn lost_from(&self) -> Option<usize> {
        match &self.bytes {
            #[cfg(unix)]
            Bytes::Mapped { watch, .. } => watch.lost_from(),
            _ => None,
        }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped { map, .. } => map,
            Bytes::Read(bytes) => bytes,
        }
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedFile")
            .field("len", &self.len())
            .field("lost_from", &self.lost_from())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_mapped_as_long_as_it_was() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.log");
        std::fs::write(&path, "first\nsecond\n").expect("written");
        let file = MappedFile::open(&path).expect("mapped");
        assert_eq!(&file[..], b"first\nsecond\n");
        assert_eq!(file.lost_from(), None);
        file.release(2..7);
        assert_eq!(&file[..], b"first\nsecond\n");
        std::fs::write(&path, "").expect("emptied");
        assert!(MappedFile::open(&path).expect("empty").is_empty());
        assert!(matches!(
            MappedFile::open(directory.path()),
            Err(Error::Open { source, .. }) if source.kind() == io::ErrorKind::IsADirectory
        ));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_lost_is_zeros_and_noted() {
        let file = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut &file, &[b'x'; 300_000]).expect("written");
        let map = MappedFile::map(&file).expect("mapped");
        file.set_len(70_000).expect("shorter");
        assert_eq!((map[0], map.lost_from()), (b'x', None));
        assert_eq!(map[200_000], 0);
        let lost_from = map.lost_from().expect("lost");
        assert!((70_000..=200_000).contains(&lost_from), "{lost_from}");
        assert_eq!(map.iter().filter(|&&byte| byte == b'x').count(), 70_000);
        assert!(map.lost_from() <= Some(lost_from));
        map.release(0..map.len());
        assert_eq!(map.iter().filter(|&&byte| byte == b'x').count(), 70_000);
    }
}
