//! Packed logs through the whole program: the answer is that of the plain file, or what is missing is said.

use crate::{
    every_path::{awkward_log, config, digest, replay},
    fault_rows::{in_directory, log},
    packed::{self, PACKERS, gzip, lz4, xz, zstd},
    support::{Rows, run, run_with_input, status, stderr, stdout},
    unpack_tar::{archive, file},
};
use coroner::{
    classify::Classifier,
    diagnose,
    engine::{self, Scanned},
    input,
};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A way to pack one log into one file.
type Form = (&'static str, fn(&[u8]) -> Vec<u8>);

fn tar(text: &[u8]) -> Vec<u8> {
    archive(&[file("logs/error.log", text)])
}

/// Every container of one log, by the words of `sources.decode`.
const FORMS: [Form; 8] = [
    ("bzip2", packed::bzip2),
    ("gzip", gzip),
    ("lz4", lz4),
    ("xz", xz),
    ("zstd", zstd),
    ("tar", tar),
    ("gzip > tar", |text| gzip(&tar(text))),
    ("zstd > tar > gzip", |text| {
        zstd(&archive(&[file("error.log.gz", &gzip(text))]))
    }),
];

struct Lab {
    directory: tempfile::TempDir,
    classifier: Classifier,
}

impl Lab {
    fn new() -> Lab {
        Lab {
            directory: tempfile::tempdir().expect("a directory"),
            classifier: Classifier::default(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    }

    /// Scans `bytes` as a file that the user names.
    fn scan(&self, bytes: &[u8], n_threads: usize, chunk_len: usize) -> Scanned {
        let (found, errors) = input::discover(&[self.write("error.log", bytes)]);
        assert!(errors.is_empty());
        let config = config(n_threads, chunk_len);
        let scanned = engine::scan(&found, &self.classifier, &config, &Default::default());
        for (state, ledger) in scanned.sources.iter().zip(&scanned.ledgers) {
            if state.kind == input::Kind::NginxError {
                assert_eq!(ledger.n_bytes(), state.decoded_bytes, "the ledger");
            }
        }
        scanned
    }

    /// Counts, ledger and events of a scan of `bytes`.
    fn answer(&self, bytes: &[u8], n_threads: usize, chunk_len: usize) -> (String, String) {
        let scanned = self.scan(bytes, n_threads, chunk_len);
        let events = replay(&scanned, n_threads, chunk_len, &self.classifier);
        (digest(&scanned), events)
    }
}

/// What is wrong with a scan, in the words of `sources.problems`; empty for exit status 0.
fn problems(scanned: &Scanned) -> Vec<String> {
    let account = diagnose::account(scanned);
    account
        .sources
        .iter()
        .flat_map(|source| source.problems.clone())
        .collect()
}

/// Threads and lengths of chunks.
const PATHS: [(usize, usize); 5] = [(1, 1 << 20), (4, 4096), (2, 1), (3, 7), (2, 1 << 20)];

/// As `sha256sum` has it: behind the last member, the end of an archive and damage, too, and of one that is not read.
#[test]
fn d15_the_digest_covers_the_whole_stored_file() {
    let lab = Lab::new();
    let text = log(300).into_bytes();
    let mut names = Vec::new();
    let mut keep = |name: String, bytes: &[u8]| {
        lab.write(&name, bytes);
        names.push(name);
    };
    for (form, pack) in FORMS {
        let stored = pack(&text);
        let form = form.replace(" > ", "-");
        let behind = |rest: &[u8]| [&stored[..], rest].concat();
        keep(format!("{form}.log"), &stored);
        keep(format!("{form}-twice.log"), &behind(&stored));
        keep(format!("{form}-padded.log"), &behind(&[0; 70_000]));
        keep(
            format!("{form}-and-more.log"),
            &behind(b"what follows is none"),
        );
        keep(format!("{form}-cut.log"), &stored[..stored.len() * 2 / 3]);
        let mut damaged = stored.clone();
        damaged[stored.len() / 2] ^= 0x55;
        keep(format!("{form}-damaged.log"), &damaged);
    }
    keep("plain.log".to_owned(), &text);
    keep("empty.log".to_owned(), b"");
    keep("note.txt".to_owned(), b"no log\n");
    keep(
        "bomb.7z".to_owned(),
        b"7z\xbc\xaf\x27\x1c and what it holds",
    );
    let sums = Command::new("sha256sum")
        .current_dir(lab.path())
        .args(&names)
        .output();
    let sums = stdout(&sums.expect("coreutils"));
    let wanted: HashMap<&str, &str> = sums
        .lines()
        .map(|line| {
            line.split_once("  ")
                .map(|(sum, name)| (name, sum))
                .expect("two words")
        })
        .collect();
    for mmap in ["auto", "never"] {
        let all = ["export", "-q", "--mmap", mmap, "--table", "sources"];
        let names = names.iter().map(String::as_str);
        let all: Vec<&str> = all.into_iter().chain(names).collect();
        let rows = Rows::parse(&stdout(&run(lab.path(), &all)));
        let mut met = HashSet::new();
        for row in 0..rows.len() {
            let source = rows.get(row, "source");
            let name = source.split('!').next().expect("one");
            assert_eq!(rows.get(row, "sha256"), wanted[name], "{source}");
            met.insert(name.to_owned());
        }
        assert_eq!(met.len(), wanted.len());
    }
    let packed = gzip(&text);
    let arguments = ["export", "-q", "--table", "sources", "-"];
    let piped = run_with_input(lab.path(), &arguments, &packed);
    assert_eq!(
        Rows::parse(&stdout(&piped)).get(0, "sha256"),
        wanted["gzip.log"]
    );
}

#[test]
fn every_container_gives_the_answer_of_the_plain_file() {
    let lab = Lab::new();
    // Several blocks of a stream, so that records meet their edges.
    for (seed, n_records, n_paths) in [(21, 40, PATHS.len()), (22, 4_500, 2)] {
        let log = awkward_log(seed, n_records);
        let want = lab.answer(&log, 1, 1 << 20);
        for (name, pack) in FORMS {
            let stored = pack(&log);
            for (n_threads, chunk_len) in PATHS.into_iter().take(n_paths) {
                let got = lab.answer(&stored, n_threads, chunk_len);
                assert!(
                    got == want,
                    "{name}, {n_threads} threads, chunks of {chunk_len}"
                );
            }
        }
    }
}

/// Members cut where a writer's buffer was full: within lines.
#[test]
fn d1_many_members_are_one_log() {
    let lab = Lab::new();
    let log = awkward_log(23, 300);
    let want = lab.answer(&log, 1, 1 << 20);
    for (name, pack) in PACKERS {
        for piece_len in [97, 1_000, 30_011] {
            let stored: Vec<u8> = log.chunks(piece_len).flat_map(pack).collect();
            assert!(
                lab.answer(&stored, 2, 1 << 20) == want,
                "{name} {piece_len}"
            );
            let scanned = lab.scan(&stored, 2, 4096);
            let n_members = log.len().div_ceil(piece_len) as u64;
            assert_eq!(scanned.sources[0].units, [(name, n_members)]);
        }
    }
}

/// `sources` without the columns that say how it was stored.
fn account_of(text: &str) -> Vec<String> {
    let rows = Rows::parse(text);
    let columns = [
        "kind",
        "wrapper",
        "zone",
        "decoded_bytes",
        "n_lines",
        "n_records",
        "n_events",
        "n_continuation",
        "n_cut",
        "n_torn",
        "n_injected",
        "n_unparsed",
        "n_blank",
        "first_time",
        "last_time",
        "problems",
    ];
    assert_eq!(rows.len(), 1, "{text}");
    columns
        .iter()
        .map(|column| rows.get(0, column).to_owned())
        .collect()
}

/// `text` with whatever names the source called the same.
fn unnamed(text: &str, names: &[&str]) -> String {
    let named = |text: String, name: &&str| text.replace(name, "<source>");
    names.iter().fold(text.to_owned(), named)
}

const NAMES: [&str; 7] = [
    "packed!logs/error.log",
    "packed!error.log.gz",
    "<stdin>!logs/error.log",
    "<stdin>!error.log.gz",
    "packed",
    "<stdin>",
    "plain",
];

#[test]
fn every_table_is_the_same_from_a_file_and_from_stdin() {
    let lab = Lab::new();
    let log = awkward_log(24, 200);
    lab.write("plain", &log);
    for table in ["failures", "events", "sources"] {
        let export = |name: &str| run(lab.path(), &["export", "--table", table, name]);
        let plain = export("plain");
        let want = unnamed(&stdout(&plain), &NAMES);
        for (name, pack) in FORMS {
            let stored = pack(&log);
            lab.write("packed", &stored);
            let piped = run_with_input(lab.path(), &["export", "--table", table, "-"], &stored);
            for (output, way) in [(export("packed"), "file"), (piped, "stdin")] {
                assert_eq!(status(&output), status(&plain), "{name} {way}");
                let got = unnamed(&stdout(&output), &NAMES);
                if table == "sources" {
                    assert_eq!(account_of(&got), account_of(&want), "{name} {way}");
                    assert_eq!(Rows::parse(&got).get(0, "decode"), name);
                } else {
                    assert!(got == want, "{name} {way} {table}");
                }
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_named_pipe_of_packed_bytes_is_read() {
    use std::process::Command;
    let lab = Lab::new();
    let log = awkward_log(25, 50);
    lab.write("plain", &log);
    let want = stdout(&run(lab.path(), &["export", "plain"]));
    let made = Command::new("mkfifo")
        .arg("packed")
        .current_dir(lab.path())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    for (name, pack) in FORMS {
        lab.write("stored", &pack(&log));
        let mut feeder = Command::new("sh")
            .args(["-c", "exec cat stored > packed"])
            .current_dir(lab.path())
            .spawn()
            .expect("it starts");
        let output = run(lab.path(), &["export", "packed"]);
        let _ = feeder.kill(); // by its id, should nobody have read
        feeder.wait().expect("it ends");
        let got = unnamed(&stdout(&output), &NAMES);
        assert_eq!(got, unnamed(&want, &NAMES), "{name}");
    }
}

#[test]
fn d8_names_do_not_decide() {
    let lab = Lab::new();
    let log = awkward_log(26, 60);
    let names = ["a.log", "a.gz", "a.zst", "a.bz2", "a.xz", "a.tar", "a.lz4"];
    let plain: Form = ("plain", |text| text.to_vec());
    let mut answers = Vec::new();
    for (form, pack) in FORMS.iter().chain([&plain]) {
        for name in names {
            lab.write(name, &pack(&log));
            let output = run(lab.path(), &["export", "--table", "sources", name]);
            let rows = stdout(&output);
            assert_eq!(Rows::parse(&rows).get(0, "decode"), *form, "{name}");
            answers.push(account_of(&rows));
            fs::remove_file(lab.path().join(name)).expect("removed");
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

/// A log of a few records, one over several lines: every one counts.
fn small_log() -> Vec<u8> {
    let mut log = Vec::new();
    for n in 0..4 {
        log.extend_from_slice(
            format!(
                "2026/11/20 11:23:4{n} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, \
                 client: 192.0.2.{n}, server: a, request: \"GET /{n} HTTP/1.1\", upstream: \"http://10.0.0.{n}:80/\"\n"
            )
            .as_bytes(),
        );
    }
    log.extend_from_slice(
        b"2026/11/20 11:24:00 [error] 7#7: *9 FastCGI sent in stderr: \"PHP message: x\n\
          #0 {main}\" while reading response header from upstream, client: 192.0.2.9, server: a\n",
    );
    log
}

/// No record is shorter.
const RECORD_LEN_MIN: usize = 40;

#[test]
fn d2_what_stands_before_a_cut_is_counted_and_the_cut_is_said() {
    let lab = Lab::new();
    let log = small_log();
    let mut wanted = HashMap::new();
    for (name, pack) in FORMS {
        let stored = pack(&log);
        // Behind its last entry an archive has padding and an end mark, of which half is enough.
        let whole_len = if name == "tar" {
            stored.len() - 512
        } else {
            stored.len()
        };
        // Nor need every byte of it be tried.
        let is_dull =
            |len: &usize| name == "tar" && len % if *len > 512 + log.len() { 64 } else { 5 } != 1;
        for len in (1..whole_len).filter(|len| !is_dull(len)) {
            let got = lab.scan(&stored[..len], 1, 1 << 20);
            let what = format!("{name} cut at {len}");
            assert!(!problems(&got).is_empty(), "{what}");
            let [state] = &got.sources[..] else {
                panic!("{what}: {:?}", got.sources);
            };
            if state.decode != name {
                continue; // too little to tell what it is
            }
            let n_decoded = usize::try_from(state.decoded_bytes).expect("few");
            if state.kind != input::Kind::NginxError && n_decoded < RECORD_LEN_MIN {
                continue; // and too little of a member to tell that it is a log
            }
            let want = wanted
                .entry(n_decoded)
                .or_insert_with(|| digest(&lab.scan(&log[..n_decoded], 1, 1 << 20)));
            assert_eq!(digest(&got), *want, "{what}");
        }
        let got = lab.scan(&stored, 1, 1 << 20);
        assert_eq!(problems(&got), [""; 0], "{name}");
    }
}

#[test]
fn d4_a_flipped_byte_is_never_silent() {
    let lab = Lab::new();
    let log = small_log();
    let want = digest(&lab.scan(&log, 1, 1 << 20));
    for (name, pack) in FORMS {
        let stored = pack(&log);
        for at in 0..stored.len() {
            if name == "tar" && at >= 512 && (at < 512 + log.len() || at % 128 != 0) {
                continue; // nothing guards the text itself, and zeros are alike
            }
            let mask = [0x01, 0xff, 0x20][at % 3];
            let mut stored = stored.clone();
            stored[at] ^= mask;
            let got = lab.scan(&stored, 1, 1 << 20);
            assert!(
                digest(&got) == want || !problems(&got).is_empty(),
                "{name} flipped {mask:#x} at {at}: {:?}\n{}",
                got.sources,
                digest(&got)
            );
        }
    }
}

#[test]
fn damage_is_named_where_people_look() {
    let lab = Lab::new();
    let log = small_log();
    for (name, pack) in FORMS {
        let mut stored = pack(&log);
        if name == "tar" {
            stored.truncate(700);
        } else {
            let middle = stored.len() / 2;
            stored[middle] ^= 0x55;
        }
        lab.write("hurt", &stored);
        let output = run(lab.path(), &["export", "--table", "sources", "hurt"]);
        let warning = "coroner: warning: hurt";
        assert!(stderr(&output).contains(warning), "{}", stderr(&output));
        let rows = Rows::parse(&stdout(&output));
        // Where the first block is the one that is damaged, nothing could be read.
        let wanted = if rows.sum("decoded_bytes") == 0 { 2 } else { 1 };
        assert_eq!(status(&output), wanted, "{name}: {}", stderr(&output));
        assert_ne!(rows.get(0, "problems"), "", "{name}");
        let report = run(lab.path(), &["hurt"]);
        assert_eq!(status(&report), wanted, "{name}");
        assert!(stdout(&report).contains("hurt"), "{}", stdout(&report));
    }
}

#[test]
fn d3_garbage_behind_it_is_said_and_costs_nothing() {
    let lab = Lab::new();
    let log = small_log();
    let want = lab.answer(&log, 1, 1 << 20);
    for (name, pack) in FORMS {
        let stored = [&pack(&log)[..], b"garbage that is no log"].concat();
        assert!(lab.answer(&stored, 2, 1 << 20) == want, "{name}");
        assert!(!problems(&lab.scan(&stored, 1, 1 << 20)).is_empty());
        // Zeros are what tapes and block devices leave.
        let stored = [&pack(&log)[..], &[0; 4096]].concat();
        assert!(lab.answer(&stored, 2, 1 << 20) == want, "{name}");
        assert_eq!(problems(&lab.scan(&stored, 1, 1 << 20)), [""; 0], "{name}");
    }
}

#[test]
fn d9_an_empty_stream_is_complete() {
    let lab = Lab::new();
    for (name, pack) in FORMS {
        lab.write("empty", &pack(b""));
        let output = run(lab.path(), &["empty"]);
        assert_eq!(status(&output), 0, "{name}: {}", stdout(&output));
        let output = run(lab.path(), &["export", "empty"]);
        assert_eq!((status(&output), stderr(&output).as_str()), (0, ""));
    }
}

/// What lies beside logs in an archive is listed, and no more.
#[test]
fn an_archive_has_a_row_for_each_file() {
    let lab = Lab::new();
    // Of another year: the same twice would count once.
    let other = String::from_utf8_lossy(&small_log()).replace("2026/", "2025/");
    let entries = [
        file("web1/error.log", &small_log()),
        file("web2/error.log.1.gz", &gzip(other.as_bytes())),
        file("web2/notes.md", b"# what we did\nrestarted it\n"),
        file("web2/empty.log", b""),
    ];
    lab.write("logs.tar.zst", &zstd(&archive(&entries)));
    let output = run(
        lab.path(),
        &["export", "--table", "sources", "logs.tar.zst"],
    );
    let rows = Rows::parse(&stdout(&output));
    let got: Vec<(&str, &str, &str)> = (0..rows.len())
        .map(|n| {
            (
                rows.get(n, "source"),
                rows.get(n, "kind"),
                rows.get(n, "n_events"),
            )
        })
        .collect();
    assert_eq!(
        got,
        [
            ("logs.tar.zst!web1/error.log", "nginx-error", "5"),
            ("logs.tar.zst!web2/error.log.1.gz", "nginx-error", "5"),
            ("logs.tar.zst!web2/notes.md", "no-log", "0"),
            ("logs.tar.zst!web2/empty.log", "empty", "0"),
        ]
    );
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert_eq!((rows.get(0, "host"), rows.get(1, "host")), ("web1", "web2"));
}

/// What is known and not read is named, with what reads it; a log that begins alike is one.
#[test]
fn d9_what_is_not_read_is_called_by_its_name() {
    in_directory(|dir| {
        let text = log(40);
        let options = liblzma::stream::LzmaOptions::new_preset(6).expect("known");
        let stream = liblzma::stream::Stream::new_lzma_encoder(&options).expect("an encoder");
        let mut lzma = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        std::io::Write::write_all(&mut lzma, text.as_bytes()).expect("memory");
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        let words = (0..2000u32).map(|n| format!("{} ", n.wrapping_mul(2_654_435_761)));
        std::io::Write::write_all(&mut zlib, words.collect::<String>().as_bytes()).expect("memory");
        for (bytes, kind, words) in [
            (
                lzma.finish().expect("memory"),
                "lzma",
                "lzma is not read; pipe it: xz -dc FILE",
            ),
            (
                b"LZIP\x01\x0c\0".to_vec(),
                "lzip",
                "lzip is not read; pipe it: lzip -dc FILE",
            ),
            (
                b"\x1f\x9d\x90".to_vec(),
                "compress",
                "compress is not read; pipe it: gzip -dc FILE",
            ),
            (
                zlib.finish().expect("memory"),
                "nginx-error",
                "it is zlib data, which is not read",
            ),
        ] {
            fs::write(dir.join("error.log"), bytes).expect("written");
            let output = run(dir, &["export", "--table", "sources", "error.log"]);
            let rows = Rows::parse(&stdout(&output));
            assert_eq!(rows.get(0, "kind"), kind);
            let problems = rows.get(0, "problems");
            assert!(problems.contains(words), "{problems}");
        }
        for start in ["LZIP\n", "x^2 and\n", "]\u{1}\n", "x\u{da}\n"] {
            fs::write(dir.join("error.log"), format!("{start}{text}")).expect("written");
            let output = run(dir, &["export", "--table", "sources", "error.log"]);
            let rows = Rows::parse(&stdout(&output));
            assert_eq!(rows.sum("n_events"), 40, "{start}");
        }
    });
}

/// Of a pipe that is not read to its end there is no digest.
#[test]
fn d9_what_is_not_read_of_a_pipe_is_not_digested() {
    in_directory(|dir| {
        let mut zip = b"PK\x03\x04".to_vec();
        for (len, is_whole) in [(100, true), (300_000, false)] {
            zip.resize(len, 7);
            let output = run_with_input(dir, &["export", "--table", "sources", "-"], &zip);
            let rows = Rows::parse(&stdout(&output));
            let digest = rows.get(0, "sha256");
            assert!(digest.is_empty() || digest == input::digest::sha256(&zip));
            assert!(!is_whole || !digest.is_empty());
        }
    });
}

/// Where the only source was refused, there is no result.
#[test]
fn d9_a_lone_source_that_is_refused_is_nothing_readable() {
    in_directory(|dir| {
        fs::write(dir.join("a.zip"), b"PK\x03\x04\x14\0\0\0").expect("written");
        let mut wide = ::zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        wide.window_log(28).expect("known");
        std::io::Write::write_all(&mut wide, log(9).as_bytes()).expect("memory");
        fs::write(dir.join("a.zst"), wide.finish().expect("memory")).expect("written");
        let mut large = liblzma::stream::LzmaOptions::new_preset(0).expect("known");
        large.dict_size(512 << 20);
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&large);
        let stream =
            liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32);
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream.expect("known"));
        std::io::Write::write_all(&mut encoder, log(9).as_bytes()).expect("memory");
        fs::write(dir.join("a.xz"), encoder.finish().expect("memory")).expect("written");
        fs::write(dir.join("error.log"), log(3)).expect("written");
        for name in ["a.zip", "a.zst", "a.xz"] {
            let output = run(dir, &["export", name]);
            assert_eq!(status(&output), 2, "{name}: {}", stderr(&output));
            let output = run(dir, &["export", name, "error.log"]);
            assert_eq!(status(&output), 1, "{name}: {}", stderr(&output));
        }
    });
}
