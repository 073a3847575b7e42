//! One answer on every path: all chunk lengths, any number of threads, a map or a pipe, any order of files.

use crate::{
    generate::{self, Rng},
    support::{Rows, root, run, run_with_input, status, stdout},
};
use coroner::{
    aggregate::{Ledger, Width, bucket::Grain},
    classify::Classifier,
    diagnose::{Placed, Placement, place, placed::Counts},
    engine::{self, EngineConfig, Scanned, Wanted},
    input,
    scan::{Event, Request, Sink},
    zone::Zone,
};
use std::{fmt::Write, path::Path, sync::Arc};

/// What a scan counts, by second, as if all clocks showed UTC.
pub(crate) fn placed(scanned: &Scanned) -> Placed {
    let requests = &scanned.aggregate.requests;
    let counts = Counts {
        of_records: scanned.aggregate.failures.clone(),
        of_requests: requests.failures.clone(),
        traffic: requests.traffic.clone(),
        last_request: None,
    };
    let placement = Placement {
        since: None,
        until: None,
        bucket: Some(Width::Second),
    };
    place(counts, &placement, &Zone::utc())
}

/// Gives events to a function of its own.
pub(crate) struct Events<C, T> {
    pub(crate) collect: C,
    pub(crate) rows: Vec<T>,
}

impl<C: Fn(&Event<'_>) -> T, T> Sink for Events<C, T> {
    fn collect(&mut self, event: &Event<'_>) {
        self.rows.push((self.collect)(event));
    }

    fn request(&mut self, _: &Request<'_>) {}
}

/// Everything a scan counts, as text.
pub(crate) fn digest(scanned: &Scanned) -> String {
    let mut text = String::new();
    let placed = placed(scanned);
    for row in &placed.rows {
        let line = scanned.ledgers[scanned.index_of(row.evidence.source)]
            .line_starts
            .line_number(&row.evidence);
        let upstream = row
            .upstream
            .as_deref()
            .unwrap_or_default()
            .escape_ascii()
            .to_string();
        let (offset, clients) = (row.evidence.offset, row.clients.finish());
        writeln!(
            text,
            "{:?} {upstream} {:?} {} {clients} {offset} {line} {:?} {:?}",
            row.bucket, row.kind, row.n_events, row.first_seen, row.last_seen
        )
        .expect("memory");
    }
    for (shape, known) in scanned.aggregate.shapes.finish() {
        writeln!(
            text,
            "{} {} {}",
            shape.escape_ascii(),
            known.n_events,
            known.evidence.offset
        )
        .expect("memory");
    }
    for ledger in &scanned.ledgers {
        let Ledger {
            lines,
            bytes,
            n_hole_bytes,
            reasons,
            first_unparsed,
            n_events,
            first_time,
            last_time,
            ..
        } = ledger;
        writeln!(text, "{lines:?} {bytes:?} {n_hole_bytes} {reasons:?} {first_unparsed:?} {n_events} {first_time:?} {last_time:?}")
            .expect("memory");
    }
    writeln!(
        text,
        "{:?}",
        scanned
            .aggregate
            .n_by_signature
            .iter()
            .filter(|n| **n > 0)
            .collect::<Vec<_>>()
    )
    .expect("memory");
    text
}

pub(crate) fn config(n_threads: usize, chunk_len: usize) -> EngineConfig {
    EngineConfig {
        n_threads,
        chunk_len,
        grain: Grain::Fixed(Width::Second),
        filter: Default::default(),
        kind: None,
        formats: Arc::new(()),
        wanted: Wanted::ALL,
        limits: Default::default(),
        digests: false,
        mmap: Default::default(),
        clocks: None,
        smuggled: None,
    }
}

fn scan(path: &Path, n_threads: usize, chunk_len: usize, classifier: &Classifier) -> Scanned {
    let (found, errors) = input::discover(&[path.to_owned()]);
    assert!(errors.is_empty());
    engine::scan(
        &found,
        classifier,
        &config(n_threads, chunk_len),
        &Default::default(),
    )
}

/// All events of a replay, as text.
pub(crate) fn replay(
    scanned: &Scanned,
    n_threads: usize,
    chunk_len: usize,
    classifier: &Classifier,
) -> String {
    let mut text = String::new();
    let collect = |event: &Event<'_>| {
        let ledger = &scanned.ledgers[scanned.index_of(event.evidence.source)];
        let known = &event.known;
        let message = known.message.escape_ascii().to_string();
        let line = ledger.line_starts.line_number(&event.evidence);
        format!(
            "{} {line} {:?} {} {} {message}",
            event.evidence.offset, event.trust, known.category, known.phase
        )
    };
    let make = || Events {
        collect,
        rows: Vec::new(),
    };
    engine::replay(
        scanned,
        classifier,
        &config(n_threads, chunk_len),
        &Default::default(),
        make,
        |events| {
            let rows = events.rows;
            rows.iter()
                .for_each(|row| writeln!(text, "{row}").expect("memory"));
            Ok(())
        },
    )
    .expect("memory");
    text
}

/// A log with everything awkward in it: records over several lines, junk, blanks, CRLF, NULs, two heads in a line, no final
/// newline.
pub(crate) fn awkward_log(seed: u64, n: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut log = generate::log(&mut rng, n);
    log.extend_from_slice(b"\x00\x00\x00\x002026/11/20 11:23:46 [error] 1#1: *1 no live upstreams while connecting to upstream, client: ::1, server: a\n");
    log.extend_from_slice(b"2026/11/20 11:23:46 [error] 1#1: *1 connect() fai2026/11/20 11:23:47 [alert] 1#1: worker process 7 exited on signal 9\n");
    log.extend_from_slice(b"10.0.0.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"\n2026/02/30 00:00:00 [error] 1#1: x\n");
    log.extend_from_slice(b"2026/11/20 11:23:48 [error] 1#1: *9 recv() failed (104: Connection reset by peer) while reading upstream, client: ::1");
    log
}

#[test]
fn every_chunk_length_gives_the_same_answer() {
    let classifier = Classifier::default();
    let directory = tempfile::tempdir().expect("a directory");
    for seed in 0..3 {
        let log = awkward_log(seed, 14);
        let path = directory.path().join(format!("{seed}.log"));
        std::fs::write(&path, &log).expect("written");
        let whole = scan(&path, 1, log.len(), &classifier);
        let (want, want_events) = (digest(&whole), replay(&whole, 1, log.len(), &classifier));
        assert_eq!(whole.ledgers[0].n_bytes(), log.len() as u64);
        for chunk_len in 1..=log.len() {
            let scanned = scan(&path, 1, chunk_len, &classifier);
            assert_eq!(digest(&scanned), want, "seed {seed}, chunks of {chunk_len}");
            if chunk_len % 61 == 1 {
                assert_eq!(
                    replay(&scanned, 1, chunk_len, &classifier),
                    want_events,
                    "seed {seed}, chunks of {chunk_len}"
                );
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_answer() {
    let classifier = Classifier::default();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.log");
    std::fs::write(&path, awkward_log(3, 1_500)).expect("written");
    let whole = scan(&path, 1, 1 << 20, &classifier);
    let (want, want_events) = (digest(&whole), replay(&whole, 1, 1 << 20, &classifier));
    for n_threads in 1..=16 {
        for chunk_len in [1, 777, 4_096, 65_537] {
            let scanned = scan(&path, n_threads, chunk_len, &classifier);
            assert_eq!(
                digest(&scanned),
                want,
                "{n_threads} threads, chunks of {chunk_len}"
            );
            if chunk_len == 777 {
                assert_eq!(
                    replay(&scanned, n_threads, chunk_len, &classifier),
                    want_events,
                    "{n_threads} threads"
                );
            }
        }
    }
}

/// What the program exports, whichever way the bytes come to it.
#[test]
fn a_pipe_and_a_file_give_the_same_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = awkward_log(5, 400);
    std::fs::write(directory.path().join("x.log"), &log).expect("written");
    for table in ["failures", "events", "sources"] {
        let file = run(directory.path(), &["export", "x.log", "--table", table]);
        let pipe = run_with_input(directory.path(), &["export", "-", "--table", table], &log);
        assert_eq!(status(&file), 1, "torn and unreadable lines are said");
        assert_eq!(status(&pipe), 1);
        let (file, pipe) = (stdout(&file).replace("x.log", "<stdin>"), stdout(&pipe));
        if table == "sources" {
            // A pipe is no file: it has no inode and was not changed at any time.
            let (file, pipe) = (Rows::parse(&file), Rows::parse(&pipe));
            let custody = ["identity", "modified"];
            assert_eq!(file.without(&custody), pipe.without(&custody));
        } else {
            assert_eq!(file, pipe, "{table}");
        }
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, seed) in [("a.log", 1), ("b.log", 2), ("c.log", 3)] {
        std::fs::write(directory.path().join(name), awkward_log(seed, 60)).expect("written");
    }
    let export = |arguments: &[&str]| {
        let mut all = vec!["export", "--table", "failures"];
        all.extend(arguments);
        stdout(&run(directory.path(), &all))
    };
    let want = export(&["a.log", "b.log", "c.log"]);
    assert!(want.lines().count() > 50);
    assert_eq!(export(&["c.log", "a.log", "b.log"]), want);
    assert_eq!(
        export(&[
            "--threads",
            "7",
            "--chunk-size",
            "100",
            "b.log",
            "c.log",
            "a.log"
        ]),
        want
    );
    assert_eq!(export(&["*.log"]), want);
    // Named twice, it counts once.
    assert_eq!(export(&["a.log", "./a.log", "b.log", "c.log"]), want);
}

/// `sum(n_events)` of failures, rows of events and the account of sources agree.
#[test]
fn all_tables_carry_the_same_numbers() {
    let directory = tempfile::tempdir().expect("a directory");
    let sample = root().join("samples/mixed-bad-day/error.log");
    let export = |table: &str| {
        let output = run(
            directory.path(),
            &["export", sample.to_str().expect("UTF-8"), "--table", table],
        );
        crate::support::Rows::parse(&stdout(&output))
    };
    let (failures, events, sources) = (export("failures"), export("events"), export("sources"));
    assert_eq!(failures.sum("n_events"), events.len() as u64);
    assert_eq!(sources.sum("n_events"), events.len() as u64);
    let classes = [
        "n_records",
        "n_continuation",
        "n_cut",
        "n_torn",
        "n_injected",
        "n_unparsed",
        "n_blank",
    ];
    assert_eq!(
        sources.sum("n_lines"),
        classes.iter().map(|class| sources.sum(class)).sum::<u64>()
    );
    assert_eq!(
        sources.sum("size_bytes"),
        std::fs::metadata(sample).expect("there").len()
    );
    assert_eq!(sources.sum("decoded_bytes"), sources.sum("size_bytes"));
}
