//! Ctrl-C, TERM and HUP end the run at once, with nothing half-written: temporary files are removed, the line of progress is
//! cleared, and the process dies of the signal itself, so that a shell or a service manager sees why. A second one kills
//! without cleaning up.
//!
//! A handler may do almost nothing, and certainly not take a lock: so a thread waits for what handlers note, and works when
//! all others are busy or wait for input. It counts nothing, so no answer depends on it.

use super::progress;
use crate::export;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag,
    iterator::Signals,
    low_level::emulate_default_handler,
};
use std::{
    io,
    sync::{Arc, atomic::AtomicBool, mpsc},
    thread,
};

/// From here on signals clean up first. Where that cannot be had they end the process as they always do.
pub fn install() {
    // A write beyond the greatest size of a file fails then, as on a full disk, and does not kill.
    let _ = flag::register(SIGXFSZ, Arc::default());
    let (sender, installed) = mpsc::channel::<()>();
    // The thread first: with handlers and nobody to wait for them, Ctrl-C would do nothing.
    let thread = thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Ok(mut signals) = register() {
                drop(sender);
                if let Some(signal) = signals.forever().next() {
                    end_by(signal);
                }
            }
        });
    if thread.is_ok() {
        let _ = installed.recv(); // fails once the sender is gone, that is, now
    }
}

fn register() -> io::Result<Signals> {
    let heeded: Vec<i32> = [SIGHUP, SIGINT, SIGTERM]
        .into_iter()
        .filter(|&signal| !is_ignored(signal))
        .collect();
    let signals = Signals::new(&heeded)?;
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in heeded {
        // In this order: the first signal finds it false and sets it, the second finds it true.
        flag::register_conditional_default(signal, Arc::clone(&is_second))?;
        flag::register(signal, Arc::clone(&is_second))?;
    }
    Ok(signals)
}

/// `nohup`, and a shell for what it starts in the background, have signals ignored: then they are to stay so.
fn is_ignored(signal: i32) -> bool {
    // Asking the system directly takes unsafe code. Where there is no /proc a `nohup` is not heard.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

fn end_by(signal: i32) {
    // Files first, as they matter more. Both are held to the end.
    let _files = export::temporary::remove_all();
    let _line = progress::clear();
    if std::process::id() == 1 {
        // The first process of a container does not die of its own signals.
        #[expect(clippy::exit, reason = "as if the signal had ended it")]
        std::process::exit(128 + signal);
    }
    let _ = emulate_default_handler(signal); // does not come back
}
