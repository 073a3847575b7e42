//! A panic in the middle of a run: the rest of the run goes on, and every byte is accounted for.

use super::*;
use crate::{
    aggregate::{Width, bucket::Grain, ledger::Reason},
    classify::Classifier,
    engine::{EngineConfig, Scanned, Wanted, replay, scan},
    input::discover,
    progress::Progress,
    scan::{Event, Request, Sink},
};
use std::io::Write;

const GOOD: &str = "2026/03/01 10:00:00 [error] 7#7: *42 connect() failed (111: Connection refused) while connecting to \
                    upstream, client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.5:80/\"\n";

/// Enough good records for many chunks, with one in the middle whose message has `word` in it.
fn log(word: &[u8]) -> Vec<u8> {
    let mut log = GOOD.repeat(20_000).into_bytes();
    let bad = [
        b"2026/03/01 10:00:00 [error] 7#7: *42 ",
        word,
        b", client: 192.0.2.1, server: a\n",
    ];
    let middle = GOOD.len() * 10_000;
    log.splice(middle..middle, bad.concat());
    log
}

fn config(n_threads: usize) -> EngineConfig {
    EngineConfig {
        n_threads,
        chunk_len: 64 << 10,
        grain: Grain::Fixed(Width::Second),
        filter: Default::default(),
        kind: None,
        formats: std::sync::Arc::new(()),
        wanted: Wanted::ALL,
        limits: Default::default(),
        digests: true,
        mmap: Default::default(),
        clocks: None,
        smuggled: None,
    }
}

fn scanned(path: &Path, n_threads: usize) -> Scanned {
    let (found, _) = discover(&[path.to_owned()]);
    let scanned = scan(
        &found,
        &Classifier::default(),
        &config(n_threads),
        &Default::default(),
    );
    for (state, ledger) in scanned.sources.iter().zip(&scanned.ledgers) {
        assert_eq!(ledger.n_bytes(), state.decoded_bytes);
        let n_reasons: u64 = ledger.reasons.iter().sum();
        assert_eq!(
            n_reasons,
            ledger.n_of(crate::aggregate::LineClass::Unparsed)
        );
    }
    scanned
}

#[test]
fn e6_a_chunk_that_cannot_be_scanned_is_told_and_the_rest_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(WHILE_SCANNING);
    let plain = directory.path().join("error.log");
    std::fs::write(&plain, &log).expect("written");
    let packed = directory.path().join("packed");
    std::fs::write(&packed, ::zstd::bulk::compress(&log, 1).expect("memory")).expect("written");
    for (path, chunk_len) in [(plain, 70 << 10), (packed, 2 << 20)] {
        for n_threads in [1, 2, 4] {
            let scanned = scanned(&path, n_threads);
            let (state, ledger) = (&scanned.sources[0], &scanned.ledgers[0]);
            let [
                Error::Internal {
                    start, end, what, ..
                },
            ] = &state.problems[..]
            else {
                panic!("{:?}", state.problems);
            };
            let bad = (GOOD.len() * 10_000) as u64;
            let end = end.expect("it ends");
            assert!(
                *start <= bad && bad < end && end - start <= chunk_len,
                "{start} {end}"
            );
            assert_eq!(what.as_bytes(), WHILE_SCANNING);
            let n_lost = ledger.reasons[Reason::Internal as usize];
            assert!(n_lost > 0 && ledger.n_lines() == 20_001);
            // All but those of the chunk, of which some may be counted.
            assert!(ledger.n_events >= 20_000 - (end - start) / GOOD.len() as u64 - 1);
        }
    }
}

#[test]
fn e6_a_stream_that_cannot_be_drawn_from_ends_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in [
        ("a.log", GOOD.repeat(10).into_bytes()),
        ("b.log", log(WHILE_DRAWING)),
        ("c.log", GOOD.repeat(10).into_bytes()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        archive
            .append_data(&mut header, name, &text[..])
            .expect("memory");
    }
    let path = directory.path().join("logs.tar");
    let mut file = std::fs::File::create(&path).expect("made");
    file.write_all(&archive.into_inner().expect("memory"))
        .expect("written");
    let other = GOOD.replace("*42", "*43"); // else it would be the same content
    std::fs::write(directory.path().join("x.log"), other).expect("written");
    for n_threads in [1, 3] {
        let scanned = scanned(directory.path(), n_threads);
        assert_eq!(scanned.sources.len(), 3);
        assert_eq!(scanned.ledgers[0].n_events, 10);
        let (state, ledger) = (&scanned.sources[1], &scanned.ledgers[1]);
        let [
            Error::Internal {
                start, end: None, ..
            },
        ] = &state.problems[..]
        else {
            panic!("{:?}", state.problems);
        };
        assert_eq!(*start, state.decoded_bytes);
        assert!(ledger.n_events > 1000);
        assert!(state.sha256.is_some());
        assert_eq!(scanned.ledgers[2].n_events, 1);
    }
}

/// Counts events; panics at one.
struct Count {
    n: u64,
    bad_offset: u64,
}

impl Sink for Count {
    fn collect(&mut self, event: &Event<'_>) {
        assert_ne!(event.evidence.offset, self.bad_offset);
        self.n += 1;
    }

    fn request(&mut self, _: &Request<'_>) {}
}

#[test]
fn e6_a_second_reading_goes_on_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    std::fs::write(&path, GOOD.repeat(20_000)).expect("written");
    for n_threads in [1, 2] {
        let scanned = scanned(&path, n_threads);
        let bad = (GOOD.len() * 10_000) as u64;
        let (mut n_events, progress) = (0, Progress::default());
        let missed = replay(
            &scanned,
            &Classifier::default(),
            &config(n_threads),
            &progress,
            || Count {
                n: 0,
                bad_offset: bad,
            },
            |count| {
                n_events += count.n;
                Ok(())
            },
        );
        let missed = missed.expect("nothing is written");
        let counts = progress.counts();
        assert_eq!((counts.bytes_done, counts.files_done), (2 * bad, 1));
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert!(missed[0].to_string().starts_with("internal error"));
        let n_lost = (70 << 10) / GOOD.len() as u64;
        assert!(n_events < 20_000 && n_events > 20_000 - n_lost);
    }
}
