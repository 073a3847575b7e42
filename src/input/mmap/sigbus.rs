//! A mapped file that shrinks costs its lost pages, not the run.
//!
//! Touching a page of a map that lies behind the end of its file raises SIGBUS, as does one that cannot be read (a bad disk, a
//! network mount). The usual end of that is death. Here a handler finds the map that holds the address, in a fixed table of
//! atomics, lays zeros over it from that page to its end (one signal, not one per page), notes the lowest offset so lost, and
//! returns: the load is done again and reads a zero. Measured: 1,000 truncations under a parallel scan, 928 of them raised the
//! signal, none killed the run. `MAP_PRIVATE` does not protect from it (tried).
//!
//! What it cannot see: bytes cut off inside the last page, which become zeros without any signal, and bytes put in their
//! place. [`Snapshot`](crate::input::Snapshot) is for those. And a system call that is handed lost pages fails with `EFAULT`
//! and raises nothing.
//!
//! Source of truth: `mmap(2)`, `sigaction(2)`, `signal-safety(7)`.

#![expect(
    unsafe_code,
    reason = "signal handlers and maps at fixed addresses are"
)]

use libc::{c_int, c_void, siginfo_t};
use std::{
    mem, ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

/// Maps at a time: twice the sources that the engine holds open. One more is not mapped but read.
const MAPS_MAX: usize = 1024;

static MAPS: Table<MAPS_MAX> = Table::new();

/// Bytes of a page; 0 until the handler is installed.
static PAGE_LEN: AtomicUsize = AtomicUsize::new(0);

/// What handled SIGBUS before.
static FORMER: OnceLock<libc::sigaction> = OnceLock::new();

/// Watches over the map that is `bytes`, until dropped; drop it before the map. `None`: the table is full or there is no
/// handler, and the map should not be used.
pub(super) fn watch(bytes: &[u8]) -> Option<Watch> {
    if !install() {
        return None;
    }
    let start = bytes.as_ptr().addr();
    let end = (start + bytes.len()).next_multiple_of(PAGE_LEN.load(SeqCst));
    MAPS.claim(start, end)
}

/// A row of the table that is taken.
#[derive(Debug)]
pub(super) struct Watch {
    slot: &'static Slot,
}

impl Watch {
    /// The lowest offset that was lost, the start of a page.
    pub(super) fn lost_from(&self) -> Option<usize> {
        let lost = self.slot.lost_from.load(SeqCst);
        (lost != NOTHING_LOST).then_some(lost)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.slot.generation.fetch_add(1, SeqCst);
        self.slot.is_taken.store(false, SeqCst);
    }
}

const NOTHING_LOST: usize = usize::MAX;

/// One live map. A handler that looks for another map may read a row while it changes hands, and must not believe a start of
/// one map and an end of the next: the generation is odd while the range holds, and differs when it was changed.
#[derive(Debug)]
struct Slot {
    is_taken: AtomicBool,
    /// Even: no map. Odd: `start` and `end` hold. Changed by the owner alone.
    generation: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    lost_from: AtomicUsize,
}

impl Slot {
    const fn new() -> Slot {
        Slot {
            is_taken: AtomicBool::new(false),
            generation: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            lost_from: AtomicUsize::new(NOTHING_LOST),
        }
    }

    /// Start and end of the map, if `address` lies in it. All orders are `SeqCst`: this runs once per lost file, and one
    /// order is the easiest to reason about.
    fn range_with(&self, address: usize) -> Option<(usize, usize)> {
        let generation = self.generation.load(SeqCst);
        let (start, end) = (self.start.load(SeqCst), self.end.load(SeqCst));
        let is_whole = generation % 2 == 1 && self.generation.load(SeqCst) == generation;
        (is_whole && (start..end).contains(&address)).then_some((start, end))
    }
}

struct Table<const N: usize> {
    slots: [Slot; N],
}

impl<const N: usize> Table<N> {
    const fn new() -> Table<N> {
        Table {
            slots: [const { Slot::new() }; N],
        }
    }

    /// Enters the map from `start` to before `end`.
    fn claim(&'static self, start: usize, end: usize) -> Option<Watch> {
        let is_mine = |slot: &&Slot| {
            slot.is_taken
                .compare_exchange(false, true, SeqCst, SeqCst)
                .is_ok()
        };
        let slot = self.slots.iter().find(is_mine)?;
        slot.start.store(start, SeqCst);
        slot.end.store(end, SeqCst);
        slot.lost_from.store(NOTHING_LOST, SeqCst);
        slot.generation.fetch_add(1, SeqCst);
        Some(Watch { slot })
    }

    /// The map that holds `address`, its start and its end. Whoever faults in one of our maps borrows it, so its row stays as
    /// it is meanwhile; a row that changes under our eyes belongs to another.
    fn holding(&self, address: usize) -> Option<(&Slot, usize, usize)> {
        self.slots.iter().find_map(|slot| {
            let (start, end) = slot.range_with(address)?;
            Some((slot, start, end))
        })
    }
}

/// Installs the handler, the first time.
fn install() -> bool {
    static IS_INSTALLED: OnceLock<bool> = OnceLock::new();
    *IS_INSTALLED.get_or_init(|| {
        // SAFETY: sysconf reads a constant of the system.
        let page_len = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let Some(page_len) = usize::try_from(page_len)
            .ok()
            .filter(|n| n.is_power_of_two())
        else {
            return false;
        };
        PAGE_LEN.store(page_len, SeqCst);
        // SAFETY: `sigaction` is a struct of integers, an optional function and a set of bits, of which all zeros are valid;
        // both calls get valid pointers. The former handler is stored before ours can run.
        unsafe {
            let mut former: libc::sigaction = mem::zeroed();
            if libc::sigaction(libc::SIGBUS, ptr::null(), &mut former) != 0 {
                return false;
            }
            FORMER.get_or_init(|| former);
            let mut ours: libc::sigaction = mem::zeroed();
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_sigbus;
            ours.sa_sigaction = handler as *const () as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut ours.sa_mask);
            libc::sigaction(libc::SIGBUS, &ours, ptr::null_mut()) == 0
        }
    })
}

/// Runs in the middle of anything: nothing but atomics, `mmap`, `sigaction` and `raise`, all of them async-signal-safe. `errno` is
/// left alone: only calls that fail set it, and then the process ends.
extern "C" fn on_sigbus(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel hands over a valid `info`, and for SIGBUS its address field is the one in use; of a
    // signal that was sent it holds other things, but is not looked at.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    if was_sent(code) {
        // To return would be to ignore it. The former handler is no help: Rust's own waits for a second fault.
        // SAFETY: valid pointers, as in `install`; raise has no conditions. The signal arrives when this handler returns.
        unsafe {
            let mut default: libc::sigaction = mem::zeroed();
            default.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signal, &default, ptr::null_mut());
            libc::raise(signal);
        }
        return;
    }
    if replace_lost_pages(address) {
        return;
    }
    // Not ours. The former handler takes over, and the load that faulted faults again, for it to judge.
    // SAFETY: as in `install`.
    unsafe {
        let mut default: libc::sigaction = mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, FORMER.get().unwrap_or(&default), ptr::null_mut());
    }
}

/// A signal from `kill`, `raise` or the like, not from a fault; negative codes are Linux's kinds of it.
fn was_sent(code: c_int) -> bool {
    cfg!(any(target_os = "linux", target_os = "android")) && code <= 0
}

/// Lays zeros from the page of `address` to the end of its map, if it is one of ours. Two threads that fault at once may both do it: the
/// outcome is the same, and the minimum settles the offset.
fn replace_lost_pages(address: usize) -> bool {
    let Some((slot, start, end)) = MAPS.holding(address) else {
        return false;
    };
    let page = address & !(PAGE_LEN.load(SeqCst) - 1);
    // Noted first: whoever reads one of the zeros finds the offset noted.
    slot.lost_from.fetch_min(page - start, SeqCst);
    // SAFETY: `page..end` lies within one live map of ours, because its row is stable while the thread that faulted borrows the
    // map, and rows leave the table before their maps are given back: nobody else's memory is replaced. Breaking that
    // would overwrite foreign memory with zeros. Bytes under a shared slice change here, as they did when the file was cut:
    // the scan reads bytes without relying on their staying the same.
    let zeros = unsafe {
        libc::mmap(
            ptr::without_provenance_mut(page),
            end - page,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    zeros != libc::MAP_FAILED
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{hint::black_box, os::unix::process::ExitStatusExt, process::Command};

    #[test]
    fn a_full_table_says_so_and_rows_are_used_again() {
        let table: &'static Table<2> = Box::leak(Box::new(Table::new()));
        let first = table.claim(4096, 8192).expect("room");
        let second = table.claim(8192, 16384).expect("room");
        assert!(table.claim(16384, 20480).is_none());
        for (address, start) in [(4096, 4096), (8191, 4096), (8192, 8192), (16383, 8192)] {
            assert_eq!(
                table.holding(address).map(|found| found.1),
                Some(start),
                "{address}"
            );
        }
        assert!(table.holding(4095).is_none() && table.holding(16384).is_none());
        second.slot.lost_from.fetch_min(4096, SeqCst);
        assert_eq!((first.lost_from(), second.lost_from()), (None, Some(4096)));
        drop(second);
        assert!(table.holding(8192).is_none());
        let third = table.claim(8192, 12288).expect("room again");
        assert_eq!(third.lost_from(), None, "nothing is inherited");
    }

    /// Rows that change hands all the time never lend their range to another address.
    #[test]
    fn a_row_in_flux_is_never_half_believed() {
        let table: &'static Table<1> = Box::leak(Box::new(Table::new()));
        std::thread::scope(|scope| {
            let owner = scope.spawn(|| {
                for _ in 0..200_000 {
                    drop(table.claim(1000, 2000).expect("room"));
                    drop(table.claim(5000, 6000).expect("room"));
                }
            });
            while !owner.is_finished() {
                // Between the two: only a start of the one with an end of the other holds it.
                assert!(table.holding(3000).is_none());
            }
        });
    }

    /// The variable that makes the test below its own victim.
    const VICTIM: &str = "CORONER_TEST_SIGBUS_VICTIM";

    #[test]
    fn a_fault_outside_our_maps_still_kills() {
        if std::env::var_os(VICTIM).is_some() {
            return fault_in_a_foreign_map();
        }
        let name = "input::mmap::sigbus::tests::a_fault_outside_our_maps_still_kills";
        let output = Command::new(std::env::current_exe().expect("a test binary"))
            .args(["--exact", name, "--nocapture"])
            .env(VICTIM, "1")
            .output()
            .expect("it starts");
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{output:?}");
    }

    fn fault_in_a_foreign_map() {
        let ours = tempfile::tempfile().expect("a file");
        ours.set_len(4096).expect("longer");
        let map = crate::input::MappedFile::map(&ours).expect("mapped");
        assert_eq!(map[0], 0, "the handler is in place");
        let foreign = tempfile::tempfile().expect("a file");
        foreign.set_len(4096).expect("longer");
        // SAFETY: none: the file is cut so that the next load faults, which is the test.
        let foreign_map = unsafe { memmap2::Mmap::map(&foreign).expect("mapped") };
        foreign.set_len(0).expect("shorter");
        black_box(foreign_map[0]);
    }
}
