//! Files that appear whole or not at all, and never over something the user did not offer; devices and pipes are written to.

use super::temporary::{self, Naming, Temporary};
use crate::error::Error;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    File(PathBuf),
    Stdout,
}

/// An output that is being written. A file gets its name only in [`finish`](Output::finish).
#[derive(Debug)]
pub enum Output {
    File {
        temporary: BufWriter<Growing>,
        path: PathBuf,
        overwrite: bool,
    },
    /// A device or pipe: it is written to, never replaced.
    Device {
        writer: BufWriter<File>,
        path: PathBuf,
    },
    Stdout(BufWriter<io::Stdout>),
}

impl Output {
    /// Opens `target` before any input is read, so that a bad path fails in the first second: its directory must exist,
    /// the file must not (unless `overwrite`), and it must be none of `inputs`. Behind a symbolic link the file it leads to is
    /// overwritten, not the link.
    pub fn open(target: &Target, overwrite: bool, inputs: &[PathBuf]) -> Result<Output, Error> {
        let Target::File(path) = target else {
            return Ok(Output::Stdout(BufWriter::with_capacity(
                1 << 16,
                io::stdout(),
            )));
        };
        let refused = |reason| {
            Err(Error::Refused {
                path: path.clone(),
                reason,
            })
        };
        if inputs.iter().any(|input| is_same_file(input, path)) {
            return refused("it is one of the inputs");
        }
        if path.is_dir() {
            return refused("it is a directory");
        }
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            let file = File::options().write(true).open(path).map_err(failed)?;
            return Ok(Output::Device {
                writer: BufWriter::with_capacity(1 << 16, file),
                path: path.clone(),
            });
        }
        if !overwrite && fs::symlink_metadata(path).is_ok() {
            return refused("it exists; --force overwrites it");
        }
        if path.is_symlink() && !path.exists() {
            return refused("it is a link to nothing");
        }
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let mut builder = builder();
        builder.prefix(temporary::PREFIX).suffix(temporary::SUFFIX);
        temporary::sweep(directory(&path));
        let temporary = Temporary::new(&builder, directory(&path)).map_err(failed)?;
        Ok(Output::File {
            temporary: BufWriter::with_capacity(1 << 16, Growing::new(temporary)),
            path,
            overwrite,
        })
    }

    /// What error messages call it.
    pub fn path(&self) -> PathBuf {
        match self {
            Output::File { path, .. } | Output::Device { path, .. } => path.clone(),
            Output::Stdout(_) => PathBuf::from("-"),
        }
    }

    /// Brings the content to disk, so that [`finish`](Output::finish) only gives it its name.
    pub fn sync(&mut self) -> Result<(), Error> {
        let done = match self {
            Output::File { temporary, .. } => temporary
                .flush()
                .and_then(|()| temporary.get_ref().temporary.as_file().sync_all()),
            Output::Device { writer, .. } => writer.flush(),
            Output::Stdout(out) => out.flush(),
        };
        done.map_err(|source| super::failed(&self.path(), source))
    }

    /// Brings the file to disk under its name.
    pub fn finish(self) -> Result<(), Error> {
        Output::finish_all([self])
    }

    /// The same for all that one run writes: whatever ends it leaves the set of this one or of an earlier one.
    pub fn finish_all(outputs: impl IntoIterator<Item = Output>) -> Result<(), Error> {
        let mut outputs: Vec<Output> = outputs.into_iter().collect();
        // Here most fail, on a full disk; and dropping one that did waits for whoever names.
        outputs.iter_mut().try_for_each(Output::sync)?;
        let mut naming = Naming::begin();
        let mut outputs = outputs.into_iter();
        let done = outputs.try_for_each(|output| output.name(&mut naming));
        // Those left are removed, and that waits for it.
        drop(naming);
        done
    }

    fn name(self, naming: &mut Naming) -> Result<(), Error> {
        match self {
            Output::Stdout(mut out) => out
                .flush()
                .map_err(|source| super::failed(Path::new("-"), source)),
            Output::Device { mut writer, path } => writer
                .flush()
                .map_err(|source| super::failed(&path, source)),
            Output::File {
                temporary,
                path,
                overwrite,
            } => persist(temporary, &path, overwrite, naming)
                .map_err(|source| Error::Write { path, source }),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::File { temporary, .. } => temporary.write(bytes),
            Output::Device { writer, .. } => writer.write(bytes),
            Output::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::File { temporary, .. } => temporary.flush(),
            Output::Device { writer, .. } => writer.flush(),
            Output::Stdout(out) => out.flush(),
        }
    }
}

/// The name of what is on disk already, then its directory: a crash at any moment leaves the old state or the new one.
fn persist(
    temporary: BufWriter<Growing>,
    path: &Path,
    overwrite: bool,
    naming: &mut Naming,
) -> io::Result<()> {
    let Growing { temporary, .. } = temporary
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    temporary.persist(path, overwrite, naming)?;
    match File::open(directory(path)) {
        // Who may write into a directory need not be allowed to read it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        directory => directory?.sync_all(),
    }
}

/// A file of which the disk gets parts while others are made, so that at the end little is left to wait for.
#[derive(Debug)]
pub struct Growing {
    temporary: Temporary,
    len: u64,
    /// Bytes of it that the disk was told to write.
    n_sent: u64,
}

/// Bytes the disk is told of at once.
const SENT_LEN: u64 = 1 << 20;

impl Growing {
    fn new(temporary: Temporary) -> Growing {
        Growing {
            temporary,
            len: 0,
            n_sent: 0,
        }
    }
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.temporary.write(bytes)?;
        self.len += n as u64;
        if self.len - self.n_sent >= SENT_LEN {
            send(self.temporary.as_file(), self.n_sent, self.len);
            self.n_sent = self.len;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

/// Has the system begin to write a part of `file`: what it is told not to keep it writes at once (Linux `mm/fadvise.c`, `generic_fadvise`).
#[cfg(target_os = "linux")]
fn send(file: &File, from: u64, end: u64) {
    use rustix::fs::{Advice, fadvise};
    let len = std::num::NonZeroU64::new(end - from);
    let _ = fadvise(file, from, len, Advice::DontNeed); // failure of advice is of no consequence
}

#[cfg(not(target_os = "linux"))]
fn send(_: &File, _: u64, _: u64) {}

/// A builder of files that the umask governs: temporary files are private, but a report is to be handed around.
#[cfg(unix)]
fn builder() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder.permissions(fs::Permissions::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn builder() -> tempfile::Builder<'static, 'static> {
    tempfile::Builder::new()
}

fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Whether both paths are the same file now, through links of either kind.
#[cfg(unix)]
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
