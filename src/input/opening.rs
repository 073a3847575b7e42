//! Opening without side effects: no waiting for a pipe's writer, no terminal taken, no time of access left behind.

use std::{fs::File, io, path::Path};

/// Opens what should be a regular file. Should it have become a pipe since somebody looked, this does not wait for it. Where
/// the system allows it, reading leaves the time of last access as it was.
#[cfg(unix)]
pub fn open_quietly(path: &Path) -> io::Result<File> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const NO_ATIME: libc::c_int = libc::O_NOATIME;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const NO_ATIME: libc::c_int = 0;
    const QUIET: libc::c_int = libc::O_NOCTTY | libc::O_NONBLOCK;
    open_with(path, QUIET | NO_ATIME).or_else(|error| match error.kind() {
        // O_NOATIME is for the owner alone.
        io::ErrorKind::PermissionDenied => open_with(path, QUIET),
        // Somebody holds a lease, and gives it back if waited for.
        io::ErrorKind::WouldBlock => open_with(path, libc::O_NOCTTY),
        _ => Err(error),
    })
}

/// Opens a pipe or a device, and waits for a writer if it must.
#[cfg(unix)]
pub(super) fn open_patiently(path: &Path) -> io::Result<File> {
    open_with(path, libc::O_NOCTTY)
}

#[cfg(unix)]
fn open_with(path: &Path, flags: libc::c_int) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
}

/// Opens what should be a regular file.
#[cfg(not(unix))]
pub fn open_quietly(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens a pipe or a device.
#[cfg(not(unix))]
pub(super) fn open_patiently(path: &Path) -> io::Result<File> {
    File::open(path)
}
