//! How far the scan is, as one line at the bottom of a terminal. Pipes, files and CI get nothing. Names of files are not shown:
//! the line must not depend on what somebody called a file.
//!
//! A thread of its own looks at the counters, so that nobody who works ever waits for a terminal.

use super::args::InputArgs;
use crate::{
    progress::{Counts, Progress},
    report::words::{bytes, duration},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// A run that takes less shows nothing.
const SHOWN_AFTER: Duration = Duration::from_millis(300);
const DRAWS_PER_SECOND: u8 = 10;

/// Drawing takes microseconds; what takes longer than this does not come back.
const CLEARED_WITHIN: Duration = Duration::from_millis(100);

/// The line that is on the terminal now. Whoever holds the lock is the only one to draw.
type Line = Mutex<Option<ProgressBar>>;

/// There is one terminal, and a signal must be able to clear it; hence a static.
static LINE: Line = Mutex::new(None);

/// Progress is being shown; when this is dropped the line is cleared.
#[must_use = "dropped, it shows nothing"]
pub struct Shown(Option<(Sender<()>, JoinHandle<()>)>);

/// Shows `progress` on stderr, if that is a terminal that can be drawn on and nobody asked for silence.
pub fn show(args: &InputArgs, progress: Arc<Progress>) -> Shown {
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    if args.quiet || args.no_progress || is_ci || target.is_hidden() {
        return Shown(None);
    }
    Shown::on(&LINE, target, progress)
}

/// Clears the line. As long as the result is held none is drawn: for a process that is about to end. A terminal that has
/// stopped, and keeps who draws, is not waited for.
pub fn clear() -> impl Sized {
    let started = Instant::now();
    while started.elapsed() < CLEARED_WITHIN {
        let line = match LINE.try_lock() {
            Ok(line) => line,
            Err(TryLockError::Poisoned(line)) => line.into_inner(),
            Err(TryLockError::WouldBlock) => {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
        };
        if let Some(bar) = &*line {
            bar.finish_and_clear();
        }
        return Some(line);
    }
    None
}

impl Shown {
    fn on(line: &'static Line, target: ProgressDrawTarget, progress: Arc<Progress>) -> Shown {
        let (sender, stop) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || draw_until(&stop, line, target, &progress));
        Shown(thread.ok().map(|thread| (sender, thread))) // without a thread, without progress
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            let _ = thread.join(); // it does not panic; if it did, nothing would depend on it
        }
    }
}

/// Draws until the other end of `stop` is gone, then clears.
fn draw_until(stop: &Receiver<()>, line: &Line, target: ProgressDrawTarget, progress: &Progress) {
    let started = Instant::now();
    // One bar estimates, another draws: each of its changes draws, and there is to be one of them at a time.
    let estimate = ProgressBar::hidden();
    let mut target = Some(target);
    let pause = Duration::from_secs(1) / u32::from(DRAWS_PER_SECOND);
    for n_draws in 0.. {
        if stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        let counts = progress.counts();
        estimate.set_position(counts.bytes_done);
        if started.elapsed() < SHOWN_AFTER {
            continue;
        }
        let mut line = lock(line);
        if let Some(target) = target.take() {
            *line = Some(ProgressBar::with_draw_target(None, target).with_style(style()));
        }
        if let Some(bar) = &*line {
            bar.set_message(text(&counts, estimate.per_sec(), n_draws));
        }
    }
    if let Some(bar) = lock(line).take() {
        bar.finish_and_clear();
    }
}

/// What is said, cut where the terminal ends; no colours, so none to leave out.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `36 % (1.2 GB of 3.4 GB), 612.0 MB/s, 3 of 12 files, 4 s left`; without a total, `| 1.2 GB, 612.0 MB/s`. What matters most
/// comes first.
fn text(counts: &Counts, bytes_per_second: f64, n_draws: usize) -> String {
    let done = bytes(counts.bytes_done);
    let rate = bytes(bytes_per_second as u64);
    let files = match counts.files_total {
        0 | 1 => String::new(),
        total => format!(", {} of {total} files", counts.files_done.min(total)),
    };
    let Some(total) = counts.bytes_total else {
        let spinner = ['|', '/', '-', '\\'][n_draws % 4];
        return format!("{spinner} {done}, {rate}/s{files}");
    };
    // A file may grow while it is read.
    let total = total.max(counts.bytes_done);
    let percent = (u128::from(counts.bytes_done) * 100)
        .checked_div(u128::from(total))
        .unwrap_or(0);
    let left = (total - counts.bytes_done) as f64 / bytes_per_second;
    let left = if bytes_per_second >= 1.0 && left < 1e9 {
        format!(", {} left", duration(left.ceil().max(1.0) as i64))
    } else {
        String::new()
    };
    format!(
        "{percent:2} % ({done} of {}), {rate}/s{files}{left}",
        bytes(total)
    )
}

/// A panic while the line was drawn leaves at worst a line.
fn lock(line: &Line) -> MutexGuard<'_, Option<ProgressBar>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::io;

    /// A terminal that keeps what it was made to show. (indicatif's own, as a feature of it for tests only, would have the
    /// README's second command build everything again.)
    #[derive(Clone, Debug, Default)]
    struct Screen {
        width: u16,
        shown: Arc<Mutex<(String, Vec<String>)>>,
    }

    impl Screen {
        fn of_width(width: u16) -> Screen {
            Screen {
                width,
                ..Screen::default()
            }
        }

        fn target(&self) -> ProgressDrawTarget {
            ProgressDrawTarget::term_like_with_hz(Box::new(self.clone()), DRAWS_PER_SECOND)
        }

        /// The line as it is, and those that were cleared.
        fn shown(&self) -> (String, Vec<String>) {
            self.shown.lock().expect("no panic").clone()
        }

        /// Waits for something to be shown.
        fn first_line(&self) -> String {
            let started = Instant::now();
            loop {
                let (line, _) = self.shown();
                if !line.is_empty() {
                    return line.trim_end().to_owned();
                }
                assert!(started.elapsed() < Duration::from_secs(20), "nothing shown");
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            self.width
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            assert_eq!(n, 0, "there is one line");
            Ok(())
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.move_cursor_up(n)
        }

        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.move_cursor_up(n)
        }

        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            self.move_cursor_up(n)
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            panic!("a line that stays: {text}")
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.shown.lock().expect("no panic").0.push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            let (line, cleared) = &mut *self.shown.lock().expect("no panic");
            cleared.push(std::mem::take(line));
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn some_progress() -> Arc<Progress> {
        let progress = Progress::default();
        progress.expect(12, 3_400_000_000);
        progress.read(1_224_000_000);
        (0..3).for_each(|_| progress.file_done());
        Arc::new(progress)
    }

    #[test]
    fn the_line_appears_late_and_goes_without_a_trace() {
        static LINE: Line = Mutex::new(None);
        let screen = Screen::of_width(100);
        let started = Instant::now();
        let shown = Shown::on(&LINE, screen.target(), some_progress());
        let line = screen.first_line();
        assert!(started.elapsed() >= SHOWN_AFTER);
        assert!(line.starts_with("36 % (1.2 GB of 3.4 GB), "), "{line}");
        assert!(line.contains("/s, 3 of 12 files"), "{line}");
        thread::sleep(Duration::from_millis(300));
        drop(shown);
        let (line, cleared) = screen.shown();
        assert_eq!(line, "");
        let n_draws = cleared.iter().filter(|line| !line.is_empty()).count();
        assert!(
            n_draws as u128 <= started.elapsed().as_millis() / 100,
            "{cleared:#?}"
        );
    }

    #[test]
    fn a_short_run_shows_nothing() {
        static LINE: Line = Mutex::new(None);
        let screen = Screen::of_width(100);
        let started = Instant::now();
        drop(Shown::on(&LINE, screen.target(), some_progress()));
        assert!(started.elapsed() >= SHOWN_AFTER || screen.shown() == (String::new(), vec![]));
    }

    #[test]
    fn narrow_terminals_get_the_beginning() {
        for (width, want) in [(1, "3"), (2, "36"), (4, "36 %"), (12, "36 % (1.2 GB")] {
            let line: &'static Line = Box::leak(Box::default());
            let screen = Screen::of_width(width);
            let shown = Shown::on(line, screen.target(), some_progress());
            assert_eq!(screen.first_line(), want);
            drop(shown);
            assert_eq!(screen.shown().0, "");
        }
    }

    #[test]
    fn lines_of_all_sorts() {
        let counts = |bytes_total, bytes_done, files_total| Counts {
            bytes_total,
            bytes_done,
            files_total,
            files_done: 1,
        };
        for (counts, rate, want) in [
            (
                counts(Some(2_000), 500, 1),
                100.0,
                "25 % (500 B of 2.0 kB), 100 B/s, 15 s left",
            ),
            (
                counts(Some(2_000), 1_999, 2),
                1e9,
                "99 % (2.0 kB of 2.0 kB), 1.0 GB/s, 1 of 2 files, 1 s left",
            ),
            // It grew, or nothing is there.
            (counts(Some(5), 10, 1), 0.0, "100 % (10 B of 10 B), 0 B/s"),
            (counts(Some(0), 0, 0), 0.0, " 0 % (0 B of 0 B), 0 B/s"),
            (
                counts(Some(u64::MAX), 0, 1),
                f64::NAN,
                " 0 % (0 B of 18446744.1 TB), 0 B/s",
            ),
            (counts(None, 1_500, 1), 1e6, "| 1.5 kB, 1.0 MB/s"),
            (
                counts(None, 7, 3),
                f64::INFINITY,
                "| 7 B, 18446744.1 TB/s, 1 of 3 files",
            ),
        ] {
            assert_eq!(text(&counts, rate, 0), want);
        }
    }
}
