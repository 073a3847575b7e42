//! What the system grants this process: open files and address space.

/// Files that may be held open at a time: half of what the system grants this process, at least one. The rest is for
/// outputs, pipes and threads.
pub fn files_open_max() -> usize {
    #[cfg(unix)]
    return limit(libc::RLIMIT_NOFILE).map_or(1, |n| (n / 2).max(1));
    #[cfg(not(unix))]
    usize::MAX
}

/// Where address space is limited (`ulimit -v`), all threads allocate from one arena. Otherwise glibc sets 64 MiB aside for the
/// first thread that allocates and for each that waits for another (`new_heap` in its malloc/arena.c): a limit of 100 MiB
/// is used up by the thread that waits for signals, and the next allocation ends the run. To be called before there are threads.
pub fn spare_address_space() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if limit(libc::RLIMIT_AS) != Some(usize::MAX) {
        one_arena();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a call of the C library")]
fn one_arena() {
    // SAFETY: it takes two numbers; what it refuses changes nothing.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;
#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
type Resource = libc::c_int;

/// The limit that holds now; `usize::MAX` is none, `None` that it could not be asked for.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the C library")]
fn limit(resource: Resource) -> Option<usize> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: it writes to a struct of the right type.
    let is_known = unsafe { libc::getrlimit(resource, &mut limit) } == 0;
    is_known.then(|| usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_may_be_open() {
        assert!(files_open_max() > 0);
    }
}
