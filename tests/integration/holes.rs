//! Holes of files: what is never read counts as if it had been, and what stands behind is read.

use crate::{
    every_path,
    packed::{gzip, zstd},
    support::{Rows, run, status, stdout},
};
use coroner::{
    classify::Classifier,
    engine::{self, Scanned},
    input::{self, Kind, Mmap},
};
use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
};

const RECORD: &str = "2026/11/20 10:00:00 [error] 7#7: *42 connect() failed (111: Connection refused) while connecting to \
                      upstream, client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\"\n";

/// A record that goes on in the next line.
const OPEN: &str =
    "2026/11/20 10:00:01 [error] 7#7: *43 FastCGI sent in stderr: \"PHP message: one\n";

const MIB: usize = 1 << 20;

/// A part of a file: text, or so many bytes of nothing.
#[derive(Clone, Debug)]
enum Part {
    Text(Vec<u8>),
    Hole(usize),
}

/// Writes the parts; holes as such, or as zeros.
fn write(path: &Path, parts: &[Part], is_sparse: bool) -> Vec<u8> {
    let mut file = File::create(path).expect("made");
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => bytes.extend_from_slice(text),
            Part::Hole(n) => bytes.resize(bytes.len() + n, 0),
        }
    }
    let mut at = 0;
    for part in parts {
        match part {
            Part::Text(text) => file.write_all(text).expect("written"),
            Part::Hole(n) if is_sparse => {
                file.seek(SeekFrom::Current(*n as i64)).expect("sought");
            }
            Part::Hole(n) => file.write_all(&bytes[at..at + n]).expect("written"),
        }
        at += match part {
            Part::Text(text) => text.len(),
            Part::Hole(n) => *n,
        };
    }
    file.set_len(bytes.len() as u64).expect("sized");
    bytes
}

fn scan(path: &Path, n_threads: usize, chunk_len: usize, mmap: Mmap) -> Scanned {
    let (found, errors) = input::discover(&[path.to_owned()]);
    assert!(errors.is_empty());
    let mut config = every_path::config(n_threads, chunk_len);
    config.mmap = mmap;
    let scanned = engine::scan(&found, &Classifier::default(), &config, &Default::default());
    let (state, ledger) = (&scanned.sources[0], &scanned.ledgers[0]);
    assert_eq!(state.kind, Kind::NginxError);
    assert_eq!(ledger.n_bytes(), state.decoded_bytes);
    scanned
}

fn cases() -> Vec<Vec<Part>> {
    let text = |text: &str| Part::Text(text.as_bytes().to_vec());
    let hole = Part::Hole;
    let cut = &RECORD[..70];
    let records = RECORD.repeat(20);
    vec![
        vec![hole(3 * MIB), text(RECORD)],
        vec![text(&records), hole(3 * MIB), text(&records)],
        vec![
            text(&records),
            hole(3 * MIB + 4097),
            text("\n"),
            text(RECORD),
        ],
        vec![text(&records), text(cut), hole(3 * MIB), text(RECORD)],
        vec![text(&records), hole(3 * MIB)],
        vec![text(&records), text(cut), hole(3 * MIB)],
        vec![text(&records), text(OPEN), hole(3 * MIB), text(RECORD)],
        vec![
            text(&records),
            text(OPEN),
            text("two"),
            hole(3 * MIB),
            text("three\n"),
            text(RECORD),
        ],
        vec![
            hole(2 * MIB),
            text(RECORD),
            hole(5 * MIB),
            text(&records),
            hole(20 * MIB),
            text(cut),
        ],
        // As long as a line may be, and no longer.
        vec![text(RECORD), hole(MIB), text(RECORD)],
        vec![text(&records), hole(300_000), text(&records)],
        // No longer, but too long with what stands behind, or with what stands before.
        vec![text(&records), hole(MIB - 9), text(RECORD), text(RECORD)],
        vec![
            text(&records),
            text(cut),
            hole(MIB - 90),
            text(RECORD),
            text(&records.repeat(400)),
        ],
        vec![hole(MIB - 9), text(cut), hole(5000), text(RECORD)],
        vec![text(&"x".repeat(MIB - 9)), hole(5000), text(RECORD)],
        vec![
            text(&records),
            text(&"x".repeat(MIB - 4000)),
            hole(5000),
            text(&"y".repeat(2 * MIB)),
            hole(4097),
            text(RECORD),
            hole(900_000),
            text(cut),
            hole(900_000),
            text(RECORD),
        ],
        vec![
            text(&records),
            text(&"x".repeat(2 * MIB - 2000)),
            hole(4096),
            text(&"y".repeat(MIB)),
            hole(9000),
            text(RECORD),
        ],
        vec![
            text(&"x".repeat(700_000)),
            hole(5000),
            hole(3 * MIB),
            text(RECORD),
        ],
        // A line that is too long by itself.
        vec![
            text(&records),
            text(&"x".repeat(3 * MIB)),
            hole(3 * MIB),
            text(RECORD),
        ],
    ]
}

/// A line that fits no format is shown, but not all of a hole in it.
#[test]
fn a_refusal_shows_no_thousands_of_zeros() {
    let directory = tempfile::tempdir().expect("a directory");
    let request = |status: &str| {
        format!("192.0.2.1 - - [20/Nov/2026:11:23:46 +0000] \"GET / HTTP/1.1\" {status}")
    };
    let whole = request("502 157 \"-\" \"curl\"\n");
    let cut = request(&"\0".repeat(50_000));
    let log = [&whole, &whole, &cut, &whole].map(String::as_str).concat();
    fs::write(directory.path().join("access.log"), log).expect("written");
    let options = ["export", "--table", "sources", "access.log"];
    let sources = Rows::parse(&stdout(&run(directory.path(), &options)));
    let problems = sources.get(0, "problems");
    assert!(problems.contains("no known format fits"), "{problems}");
    assert!(problems.len() < 20_000, "{}", problems.len());
}

/// Whatever their number, what stands behind NULs is read.
#[test]
fn what_stands_behind_zeros_is_read_however_many_they_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    for n in [9, 5000, MIB - RECORD.len(), MIB - 1, MIB, MIB + 1, 3 * MIB] {
        for (before, n_events) in [("", 3), (&RECORD[..70], 4)] {
            let parts = [
                Part::Text([RECORD, before].concat().into_bytes()),
                Part::Hole(n),
                Part::Text(RECORD.repeat(2).into_bytes()),
            ];
            write(&path, &parts, false);
            for mmap in [Mmap::Auto, Mmap::Never] {
                let scanned = scan(&path, 1, 0, mmap);
                assert_eq!(
                    scanned.ledgers[0].n_events, n_events,
                    "{n} {before} {mmap:?}"
                );
            }
        }
    }
}

/// The rest of what is longer than a line may be is not looked at: its record is cut, and that is said. All bytes are accounted for.
#[test]
fn a_record_that_is_not_read_to_its_end_is_cut() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    let rest = "\", client: 192.0.2.1, server: a\n";
    for n in [MIB - 2000, MIB - OPEN.len(), MIB, 3 * MIB] {
        for newline in ["", "\n"] {
            let open = [OPEN.trim_end(), newline].concat();
            let text = [RECORD, &open, &"x".repeat(n), rest, RECORD].concat();
            fs::write(&path, &text).expect("written");
            let is_cut = n > MIB - 2000;
            for mmap in ["auto", "never"] {
                let options = ["export", "--mmap", mmap, "error.log", "--table"];
                let run = |table| run(directory.path(), &[&options[..], &[table]].concat());
                let sources = Rows::parse(&stdout(&run("sources")));
                assert_eq!(
                    (sources.sum("n_events"), sources.sum("n_cut")),
                    (3, is_cut.into())
                );
                let problems = sources.get(0, "problems");
                let said = "records longer than 1 MiB, whose rest is not looked at: 1";
                assert_eq!(problems, if is_cut { said } else { "" }, "{n} {mmap}");
                let events = Rows::parse(&stdout(&run("events")));
                let trust = if is_cut { "cut" } else { "confirmed" };
                assert_eq!(events.get(1, "trust"), trust, "{n} {mmap}");
            }
        }
    }
}

#[test]
fn a_hole_counts_as_the_zeros_it_reads_as() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    for case in cases() {
        let bytes = write(&path, &case, false);
        let want = scan(&path, 1, 64 << 20, Mmap::Auto);
        let (want, n_events) = (every_path::digest(&want), want.ledgers[0].n_events);
        let n_records = bytes
            .windows(20)
            .filter(|w| w.starts_with(b"2026/11/20 10:00:0"))
            .count();
        let shorter = case
            .iter()
            .filter(|p| matches!(p, Part::Hole(n) if *n <= MIB))
            .count();
        assert!(
            n_events as usize == n_records || shorter > 0,
            "{n_events} of {n_records}"
        );
        let check = |what: &str, mmap| {
            for (n_threads, chunk_len) in [(1, 64 << 20), (2, 1 << 10), (3, 1 << 20)] {
                let got = every_path::digest(&scan(&path, n_threads, chunk_len, mmap));
                assert_eq!(got, want, "{what}");
            }
        };
        check("zeros", Mmap::Auto);
        check("zeros, read", Mmap::Never);
        write(&path, &case, true);
        check("sparse", Mmap::Auto);
        check("sparse, read", Mmap::Never);
        for pack in [gzip, zstd] {
            fs::write(&path, pack(&bytes)).expect("written");
            check("packed", Mmap::Auto);
        }
    }
}

/// Line numbers and offsets are those of the file, also when read again.
#[test]
fn a_hundred_gigabytes_of_hole() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    const LEN: usize = 100_000_000_000;
    let mut file = File::create(&path).expect("made");
    file.write_all(RECORD.as_bytes()).expect("written");
    if file.seek(SeekFrom::Start(LEN as u64)).is_err()
        || file.write_all(RECORD.as_bytes()).is_err()
        || file.set_len(2 * LEN as u64).is_err()
    {
        eprintln!("skipped: no sparse files of this length here");
        return;
    }
    let output = run(
        directory.path(),
        &["export", "--table", "events", "error.log"],
    );
    assert_eq!(status(&output), 1);
    let rows = Rows::parse(&stdout(&output));
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows.get(1, "line"), rows.get(1, "offset")),
        ("2", LEN.to_string().as_str())
    );
    // Met in a directory, where it must look like a log, and begins with its hole.
    let mut file = File::create(&path).expect("made");
    file.seek(SeekFrom::Start(LEN as u64)).expect("sought");
    file.write_all(RECORD.as_bytes()).expect("written");
    let output = run(directory.path(), &["."]);
    assert!(
        stdout(&output).contains("1 gateway failure"),
        "{}",
        stdout(&output)
    );
}

/// Wrapped lines around holes.
#[test]
fn holes_between_wrapped_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("syslog");
    let line = format!("Nov 20 10:00:00 web1 nginx: {RECORD}");
    let text = |text: &str| Part::Text(text.as_bytes().to_vec());
    for case in [
        vec![Part::Hole(2 * MIB), text(&line.repeat(3))],
        vec![
            text(&line.repeat(30)),
            Part::Hole(5 * MIB),
            text(&line.repeat(30)),
        ],
        vec![text(&line), Part::Hole(5 * MIB)],
    ] {
        let bytes = write(&path, &case, false);
        let want = scan(&path, 1, 64 << 20, Mmap::Auto);
        assert_eq!(
            want.ledgers[0].n_events as usize,
            bytes
                .windows(12)
                .filter(|w| w.starts_with(b"web1 nginx: "))
                .count()
        );
        let want = every_path::digest(&want);
        for mmap in [Mmap::Auto, Mmap::Never] {
            write(&path, &case, true);
            assert_eq!(every_path::digest(&scan(&path, 2, 1 << 10, mmap)), want);
        }
    }
}
