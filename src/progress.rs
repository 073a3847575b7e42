//! How far a run is: plain counters that whoever reads adds to and whoever shows looks at. No I/O, no clock, no threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Counters of one run, shared by all threads. Bytes are those stored: of a packed file, the packed ones.
#[derive(Debug, Default)]
pub struct Progress {
    bytes_total: AtomicU64,
    bytes_done: AtomicU64,
    files_total: AtomicU64,
    files_done: AtomicU64,
    has_stream: AtomicBool,
}

/// What the counters said at one moment; each is right, but not all at the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// `None`: something without a length is read too.
    pub bytes_total: Option<u64>,
    pub bytes_done: u64,
    pub files_total: u64,
    pub files_done: u64,
}

impl Progress {
    /// So many more files are to be read, with so many stored bytes together.
    pub fn expect(&self, files: u64, bytes: u64) {
        self.files_total.fetch_add(files, Relaxed);
        self.bytes_total.fetch_add(bytes, Relaxed);
    }

    /// One more source is to be read, and nobody knows how long it is: from now on the total is unknown.
    pub fn expect_stream(&self) {
        self.files_total.fetch_add(1, Relaxed);
        self.has_stream.store(true, Relaxed);
    }

    /// So many more stored bytes were read.
    pub fn read(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Relaxed);
    }

    /// One more source is done with.
    pub fn file_done(&self) {
        self.files_done.fetch_add(1, Relaxed);
    }

    pub fn counts(&self) -> Counts {
        let bytes_total = self.bytes_total.load(Relaxed);
        Counts {
            bytes_total: (!self.has_stream.load(Relaxed)).then_some(bytes_total),
            bytes_done: self.bytes_done.load(Relaxed),
            files_total: self.files_total.load(Relaxed),
            files_done: self.files_done.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_makes_the_total_unknown() {
        let progress = Progress::default();
        progress.expect(2, 300);
        progress.read(120);
        progress.file_done();
        let counts = progress.counts();
        assert_eq!((counts.bytes_total, counts.bytes_done), (Some(300), 120));
        assert_eq!((counts.files_total, counts.files_done), (2, 1));
        progress.expect_stream();
        let counts = progress.counts();
        assert_eq!((counts.bytes_total, counts.files_total), (None, 3));
    }
}
