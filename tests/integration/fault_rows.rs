//! Faults of the catalogue that no other file has: bytes and lines (B), strange and changing files (A), memory and limits (E),
//! archives as attacks (D). Each test bears the name of its row.

use crate::{
    every_path::{config, digest},
    packed::{PACKERS, gzip, zstd},
    support::{Rows, coroner, run, run_with_input, status, stderr, stdout},
    unpack_tar::{archive, entry, file, header},
};
use coroner::{classify::Classifier, engine, input};
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tar::Header;

fn in_directory(test: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a directory");
    test(directory.path());
}

fn record(n: usize) -> String {
    format!(
        "2026/11/20 11:{:02}:{:02} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, \
         client: 192.0.2.{}, server: a, request: \"GET /{n} HTTP/1.1\", upstream: \"http://10.0.0.{}:80/{n}\", host: \"a\"\n",
        n / 60 % 60,
        n % 60,
        n % 250,
        n % 7
    )
}

fn log(n: usize) -> String {
    (0..n).map(record).collect()
}

/// The row of `sources` of a run over `log`.
fn account(directory: &Path, log: &str) -> Rows {
    let output = run(directory, &["export", "--table", "sources", log]);
    Rows::parse(&stdout(&output))
}

/// The program with resources taken away as `prlimit` does, if that is there.
#[cfg(target_os = "linux")]
fn starved(directory: &Path, limit: &str, arguments: &[&str]) -> Option<Output> {
    let program = coroner();
    let output = Command::new("prlimit")
        .arg(limit)
        .arg(program.get_program())
        .args(arguments)
        .current_dir(directory)
        .env_remove("CORONER_THREADS")
        .stdin(Stdio::null())
        .output();
    if output.is_err() {
        eprintln!("skipped: no prlimit");
    }
    output.ok()
}

/// Every line once, wherever chunks meet, also the last one that is longer than a chunk.
#[test]
fn b1_no_line_is_lost_or_doubled_at_an_edge() {
    let classifier = Classifier::default();
    in_directory(|dir| {
        for len in [63, 64, 65, 4_095, 4_096, 4_097] {
            let line = format!("{:x<1$}\n", record(1).trim_end(), len - 1);
            let last = record(2).trim_end().to_owned() + &"y".repeat(3 * len);
            let text = line.repeat(200) + &last;
            fs::write(dir.join("edge.log"), &text).expect("written");
            let (found, _) = input::discover(&[dir.join("edge.log")]);
            for chunk_len in [1, len - 1, len, len + 1, 2 * len, 65_536, text.len()] {
                let config = config(2, chunk_len);
                let scanned = engine::scan(&found, &classifier, &config, &Default::default());
                let ledger = &scanned.ledgers[0];
                assert_eq!(
                    (ledger.n_lines(), ledger.n_events),
                    (201, 201),
                    "{len} {chunk_len}"
                );
                assert_eq!(ledger.n_bytes(), text.len() as u64);
            }
        }
    });
}

#[test]
fn b2_a_last_line_without_newline_counts_once() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), log(3).trim_end()).expect("written");
        let rows = account(dir, "a.log");
        assert_eq!((rows.sum("n_lines"), rows.sum("n_events")), (3, 3));
    });
}

/// LF alone ends a line, and one CR before it goes with it.
#[test]
fn b3_only_lf_ends_a_line() {
    in_directory(|dir| {
        let one = record(1);
        let one = one.trim_end();
        for (end, n_lines) in [
            ("\r\n", 2),
            ("\r\r\n", 2),
            ("\r", 1),
            ("\u{b}", 1),
            ("\u{c}", 1),
            ("\u{2028}", 1),
            ("\u{85}", 1),
            ("\n\n", 3),
        ] {
            let text = format!("{one}{end}{one}");
            fs::write(dir.join("a.log"), &text).expect("written");
            let rows = account(dir, "a.log");
            assert_eq!(rows.sum("n_lines"), n_lines, "{}", end.escape_debug());
            // Two heads in one line are two events of a torn one.
            assert_eq!(rows.sum("n_events"), 2, "{}", end.escape_debug());
            assert_eq!(rows.sum("decoded_bytes"), text.len() as u64);
        }
    });
}

#[test]
fn b4_utf16_is_not_silently_nothing() {
    in_directory(|dir| {
        let text = log(30);
        let (le, be): (Vec<_>, Vec<_>) = text
            .encode_utf16()
            .map(|unit| (unit.to_le_bytes(), unit.to_be_bytes()))
            .unzip();
        for (name, bytes) in [
            ("le", [&b"\xff\xfe"[..], &le.concat()].concat()),
            ("be", [&b"\xfe\xff"[..], &be.concat()].concat()),
        ] {
            fs::write(dir.join(name), bytes).expect("written");
            let output = run(dir, &["export", name]);
            let n_events = Rows::parse(&stdout(&output)).sum("n_events");
            assert!(n_events == 30 || status(&output) == 1, "{name}: {n_events}");
        }
        // The mark of UTF-8 costs nothing.
        fs::write(dir.join("utf8"), "\u{feff}".to_owned() + &text).expect("written");
        let output = run(dir, &["export", "utf8"]);
        assert_eq!(status(&output), 0);
        assert_eq!(Rows::parse(&stdout(&output)).sum("n_events"), 30);
    });
}

#[test]
fn b5_bytes_that_differ_stay_apart() {
    in_directory(|dir| {
        let line = |bytes: &[u8]| {
            let text = record(1);
            let (before, after) = text.split_once("10.0.0.1").expect("there");
            [before.as_bytes(), bytes, after.as_bytes()].concat()
        };
        // Overlong, a surrogate, cut short, never a byte: all U+FFFD to a careless reader.
        let odd: [&[u8]; 5] = [b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xff", b"\xfe"];
        fs::write(dir.join("a.log"), odd.map(line).concat()).expect("written");
        let rows = Rows::parse(&stdout(&run(dir, &["export", "a.log"])));
        assert_eq!(rows.len(), odd.len());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn b6_one_line_of_a_hundred_megabytes() {
    in_directory(|dir| {
        let mut text = record(1).into_bytes();
        text.extend(std::iter::repeat_n(b'a', 100 << 20));
        text.extend_from_slice(format!("\n{}", record(2)).as_bytes());
        fs::write(dir.join("a.log.zst"), zstd(&text)).expect("written");
        let arguments = [
            "export",
            "--table",
            "sources",
            "--threads",
            "2",
            "a.log.zst",
        ];
        let Some(output) = starved(dir, "--as=209715200", &arguments) else {
            return;
        };
        assert_eq!(status(&output), 1, "{}", stderr(&output));
        assert!(
            stderr(&output).contains("longer than 1 MiB"),
            "{}",
            stderr(&output)
        );
        let rows = Rows::parse(&stdout(&output));
        assert_eq!((rows.sum("n_events"), rows.sum("n_unparsed")), (2, 1));
        assert_eq!(rows.sum("decoded_bytes"), text.len() as u64);
    });
}

/// The program itself for a core dump: binary, with nginx's words in it.
#[test]
fn b7_what_is_no_log_is_said_to_be_none() {
    in_directory(|dir| {
        let program = fs::read(coroner().get_program()).expect("readable");
        fs::write(dir.join("core.log"), &program[..program.len().min(8 << 20)]).expect("written");
        fs::write(
            dir.join("picture.log"),
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".repeat(99),
        )
        .expect("written");
        for name in ["core.log", "picture.log"] {
            let output = run(dir, &["export", "--table", "sources", name]);
            assert_eq!(status(&output), 1, "{name}: {}", stderr(&output));
            assert!(
                stderr(&output).contains("could not be parsed"),
                "{}",
                stderr(&output)
            );
            let size = fs::metadata(dir.join(name)).expect("there").len();
            assert_eq!(Rows::parse(&stdout(&output)).sum("decoded_bytes"), size);
        }
    });
}

#[test]
fn b8_a_nul_anywhere_in_a_line() {
    let classifier = Classifier::default();
    in_directory(|dir| {
        let line = record(1);
        for at in 0..=line.len() {
            let text = format!("{}{}\0{}{}", record(0), &line[..at], &line[at..], record(2));
            fs::write(dir.join("a.log"), &text).expect("written");
            let (found, _) = input::discover(&[dir.join("a.log")]);
            let scanned = engine::scan(&found, &classifier, &config(1, 50), &Default::default());
            let ledger = &scanned.ledgers[0];
            assert_eq!(
                (ledger.n_lines(), ledger.n_bytes()),
                (3, text.len() as u64),
                "{at}"
            );
            assert!(ledger.n_events >= 2, "{at}");
            // Behind its head, it hides nothing.
            assert!(
                at < 30 && at > 0 || ledger.n_events == 3,
                "{at}: {}",
                digest(&scanned)
            );
        }
    });
}

/// nginx cuts a record at 2,048 bytes with its newline, wherever that is.
#[test]
fn b9_a_cut_record_names_no_wrong_upstream() {
    in_directory(|dir| {
        for uri_len in (600..2_300).step_by(7) {
            let uri = "/a".repeat(uri_len / 2);
            let mut line = record(1).replace("GET /1 ", &format!("GET {uri} "));
            let is_cut = line.len() > 2_048;
            line.truncate(2_047);
            fs::write(dir.join("a.log"), line.trim_end().to_owned() + "\n").expect("written");
            let classifier = Classifier::default();
            let (found, _) = input::discover(&[dir.join("a.log")]);
            let scanned = engine::scan(
                &found,
                &classifier,
                &config(1, 1 << 20),
                &Default::default(),
            );
            let text = digest(&scanned);
            let n_cut = scanned.ledgers[0].n_of(coroner::aggregate::LineClass::Cut);
            assert_eq!(n_cut, u64::from(is_cut), "{uri_len}");
            assert!(text.contains("Refused"), "{uri_len}: {text}");
            let is_named = text.contains(" 10.0.0.1:80 ");
            assert!(
                is_named || is_cut && text.contains(")  Kind"),
                "{uri_len}: {text}"
            );
        }
    });
}

#[test]
fn b10_of_two_records_in_a_line_none_is_lost() {
    let classifier = Classifier::default();
    in_directory(|dir| {
        let (first, second) = (record(1), record(2));
        for at in 1..first.len() {
            let text = format!("{}{}{second}", record(0), &first[..at]);
            fs::write(dir.join("a.log"), &text).expect("written");
            let (found, _) = input::discover(&[dir.join("a.log")]);
            let scanned = engine::scan(
                &found,
                &classifier,
                &config(1, 1 << 20),
                &Default::default(),
            );
            let ledger = &scanned.ledgers[0];
            assert_eq!(ledger.n_bytes(), text.len() as u64, "{at}");
            assert_eq!(ledger.n_lines(), 2, "{at}");
            // A second head inside an open quote could be a client's: it is shown, but not counted as failed.
            let n_doubtful = scanned.aggregate.n_doubtful;
            let is_second = digest(&scanned).contains("10.0.0.2:80");
            assert!(is_second || n_doubtful == 1, "{at}: {}", digest(&scanned));
            assert!(ledger.n_events >= if at < 40 { 2 } else { 3 }, "{at}");
        }
    });
}

#[test]
fn b11_lines_of_one_record_are_its_continuation() {
    in_directory(|dir| {
        let php = "2026/11/20 11:24:00 [error] 7#7: *9 FastCGI sent in stderr: \"PHP message: x\nStack trace:\n#0 {main}\n  thrown\" \
                   while reading response header from upstream, client: 192.0.2.9, server: a, upstream: \"fastcgi://10.0.0.9:9000\"\n";
        fs::write(dir.join("a.log"), record(1) + php + &record(2)).expect("written");
        let rows = account(dir, "a.log");
        let counts = ["n_lines", "n_records", "n_continuation", "n_events"].map(|c| rows.sum(c));
        assert_eq!(counts, [6, 3, 3, 3]);
        let events = run(dir, &["export", "--table", "events", "a.log"]);
        assert_eq!(
            Rows::parse(&stdout(&events)).get(1, "upstream"),
            "10.0.0.9:9000"
        );
    });
}

/// Only what was there at the start is read, and the rest is told.
#[test]
fn a3_a_file_that_grows_is_read_as_far_as_it_was() {
    use std::io::Write;
    in_directory(|dir| {
        let path = dir.join("a.log");
        let whole = log(1000).repeat(60);
        fs::write(&path, &whole).expect("written");
        let mut child = coroner()
            .current_dir(dir)
            .args(["export", "--table", "sources", "--threads", "1", "a.log"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("open");
        while child.try_wait().expect("a child").is_none() {
            file.write_all(record(1).as_bytes()).expect("written");
            std::thread::sleep(Duration::from_micros(200));
        }
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(status(&output), 1, "{}", stderr(&output));
        assert!(
            stderr(&output).contains("bytes were appended"),
            "{}",
            stderr(&output)
        );
        let rows = Rows::parse(&stdout(&output));
        assert_eq!(rows.sum("decoded_bytes"), rows.sum("size_bytes"));
        assert!(rows.sum("decoded_bytes") >= whole.len() as u64);
        assert!(rows.sum("n_events") >= 60_000);
    });
}

/// Logs that are rotated while a directory is read: nothing twice, nothing unsaid.
#[test]
fn a4_rotation_during_the_run_is_told() {
    in_directory(|dir| {
        for _ in 0..4 {
            fs::write(dir.join("a.log"), log(20_000)).expect("written");
            let mut child = coroner()
                .current_dir(dir)
                .args(["export", "."])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts");
            while child.try_wait().expect("a child").is_none() {
                fs::rename(dir.join("a.log"), dir.join("a.log.1")).expect("renamed");
                fs::write(dir.join("a.log"), "").expect("written");
                std::thread::sleep(Duration::from_millis(1));
                fs::rename(dir.join("a.log.1"), dir.join("a.log")).expect("renamed");
            }
            let output = child.wait_with_output().expect("it ends");
            let n_events = Rows::parse(&stdout(&output)).sum("n_events");
            assert!(n_events == 20_000 || n_events == 0, "{n_events}");
            assert!(matches!(status(&output), 0..=2), "{}", stderr(&output));
            assert!(n_events > 0 || stderr(&output).contains("a.log") || status(&output) == 0);
        }
    });
}

#[test]
fn a6_a_hole_is_skipped_and_said() {
    use std::io::{Seek, SeekFrom, Write};
    in_directory(|dir| {
        let mut hole = fs::File::create(dir.join("hole.log")).expect("made");
        hole.seek(SeekFrom::Start(200 << 20)).expect("sought");
        hole.write_all(format!("\n{}", log(9)).as_bytes())
            .expect("written");
        let output = run(dir, &["export", "--table", "sources", "hole.log"]);
        assert_eq!(status(&output), 1, "{}", stderr(&output));
        let rows = Rows::parse(&stdout(&output));
        assert_eq!(rows.sum("n_events"), 9);
        assert_ne!(rows.get(0, "problems"), "");
    });
}

/// A size of zero is no proof that there is nothing to read.
#[cfg(target_os = "linux")]
#[test]
fn a8_files_without_a_size_are_read() {
    in_directory(|dir| {
        let text = fs::read("/proc/cpuinfo").expect("readable");
        let output = run(dir, &["export", "--table", "sources", "/proc/cpuinfo"]);
        assert_eq!(status(&output), 1, "{}", stderr(&output));
        let rows = Rows::parse(&stdout(&output));
        assert_eq!(rows.sum("decoded_bytes") > 0, !text.is_empty());
        assert!(rows.sum("n_unparsed") > 0);
    });
}

#[cfg(unix)]
#[test]
fn a9_what_blocks_is_passed_by_in_a_directory() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), log(3)).expect("written");
        let made = Command::new("mkfifo").arg("pipe").current_dir(dir).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).expect("bound");
        let output = run(dir, &["export", "."]);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert_eq!(Rows::parse(&stdout(&output)).sum("n_events"), 3);
        // Named, a socket cannot be opened, and that is said.
        let output = run(dir, &["export", "a.log", "socket"]);
        assert_eq!(status(&output), 1);
        assert!(
            stderr(&output).contains("cannot open `socket`"),
            "{}",
            stderr(&output)
        );
    });
}

#[cfg(unix)]
#[test]
fn a11_a12_links_lead_to_each_file_once() {
    use std::os::unix::fs::symlink;
    in_directory(|dir| {
        fs::create_dir(dir.join("d")).expect("made");
        fs::write(dir.join("d/a.log"), log(3)).expect("written");
        fs::hard_link(dir.join("d/a.log"), dir.join("d/b.log")).expect("linked");
        symlink("a.log", dir.join("d/c.log")).expect("linked");
        symlink(".", dir.join("d/loop")).expect("linked");
        symlink("/", dir.join("d/root")).expect("linked");
        symlink("nowhere", dir.join("d/broken")).expect("linked");
        for arguments in [
            &["d"][..],
            &["d/a.log", "./d/a.log", "d/b.log", "d/c.log"],
            &["d", "d/loop/a.log", "./d"],
        ] {
            let output = run(dir, &[&["export"], arguments].concat());
            assert_eq!(status(&output), 0, "{arguments:?}: {}", stderr(&output));
            assert_eq!(
                Rows::parse(&stdout(&output)).sum("n_events"),
                3,
                "{arguments:?}"
            );
        }
    });
}

#[cfg(unix)]
#[test]
fn a16_reading_changes_nothing() {
    use std::os::unix::fs::MetadataExt;
    in_directory(|dir| {
        fs::write(dir.join("a.log"), log(100)).expect("written");
        fs::write(dir.join("b.gz"), gzip(log(100).as_bytes())).expect("written");
        let look = || {
            ["a.log", "b.gz", "."].map(|name| {
                let meta = fs::metadata(dir.join(name)).expect("there");
                let times = (
                    meta.mtime(),
                    meta.mtime_nsec(),
                    meta.ctime(),
                    meta.ctime_nsec(),
                );
                (meta.len(), meta.mode(), times)
            })
        };
        let before = look();
        for table in ["failures", "events", "sources"] {
            assert_eq!(status(&run(dir, &["export", "--table", table, "."])), 0);
        }
        assert_eq!(look(), before);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn d7_bombs_fill_no_memory() {
    in_directory(|dir| {
        let zeros = vec![0; 4 << 20];
        for (name, pack) in PACKERS {
            fs::write(dir.join("bomb"), pack(&zeros).repeat(40)).expect("written");
            let arguments = ["export", "--table", "sources", "--threads", "2", "bomb"];
            let Some(output) = starved(dir, "--as=209715200", &arguments) else {
                return;
            };
            assert_eq!(status(&output), 1, "{name}: {}", stderr(&output));
            assert_eq!(
                Rows::parse(&stdout(&output)).sum("decoded_bytes"),
                160 << 20,
                "{name}"
            );
        }
    });
}

#[test]
fn d10_depth_is_limited_and_said() {
    in_directory(|dir| {
        let ten = (0..10).fold(log(2).into_bytes(), |inner, _| gzip(&inner));
        fs::write(dir.join("ten.gz"), ten).expect("written");
        let output = run(dir, &["export", "ten.gz"]);
        assert!(matches!(status(&output), 1 | 2), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("nested deeper than 3"),
            "{}",
            stderr(&output)
        );
    });
}

/// Names in archives are attackers' text, as those of files are.
#[test]
fn d11_names_in_archives_lead_nowhere_and_draw_nothing() {
    in_directory(|dir| {
        let evil = "../../x\u{1b}]0;owned\u{7}\u{1b}[2J\n=cmd|' /C calc'!A0.log";
        let entries = [
            file(evil, log(2).as_bytes()),
            file("/etc/cron.d/x", log(2).as_bytes()),
            file("hurt\u{9b}31m.gz", &gzip(log(9).as_bytes())[..90]),
        ];
        fs::create_dir(dir.join("inner")).expect("made");
        fs::write(dir.join("inner/evil.tar"), archive(&entries)).expect("written");
        for arguments in [
            &["inner/evil.tar"][..],
            &["--color", "always", "inner/evil.tar"],
            &["export", "inner/evil.tar"],
            &["export", "--table", "events", "inner/evil.tar"],
            &["export", "--table", "sources", "inner/evil.tar"],
            &["-v", "inner/evil.tar"],
        ] {
            let output = run(dir, arguments);
            assert_eq!(status(&output), 1, "{arguments:?}: {}", stderr(&output));
            for text in [stdout(&output), stderr(&output)] {
                let ours = ["0m", "1m", "2m", "31m", "32m"]
                    .iter()
                    .fold(text, |text, code| {
                        text.replace(&format!("\u{1b}[{code}"), "")
                    });
                let is_harmful = |c: char| c.is_control() && !"\n\t\r".contains(c);
                assert!(
                    !ours.chars().any(is_harmful),
                    "{arguments:?}: {}",
                    ours.escape_debug()
                );
            }
        }
        let names = |path: &Path| {
            let entries = fs::read_dir(path).expect("listed");
            entries
                .map(|entry| entry.expect("there").file_name())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(dir), ["inner"]);
        assert_eq!(names(&dir.join("inner")), ["evil.tar"]);
    });
}

#[test]
fn d12_an_exabyte_in_two_kilobytes() {
    in_directory(|dir| {
        let mut sparse = header(Header::new_gnu(), "s.log", b'S', 512);
        let gnu = sparse.as_gnu_mut().expect("it is");
        gnu.set_real_size(1 << 60);
        gnu.sparse[0].set_offset((1 << 60) - 512);
        gnu.sparse[0].set_length(512);
        let text = format!("{:\n<512}", log(2));
        let bomb = archive(&[
            entry(sparse, text.as_bytes()),
            file("b.log", log(3).as_bytes()),
        ]);
        fs::write(dir.join("bomb.tar"), bomb).expect("written");
        let started = Instant::now();
        let output = run(dir, &["export", "bomb.tar"]);
        assert!(started.elapsed() < Duration::from_secs(10));
        let n_events = Rows::parse(&stdout(&output)).sum("n_events");
        assert_eq!(n_events, 5, "{}", stderr(&output));
        let rows = account(dir, "bomb.tar");
        assert!(
            rows.get(0, "notes").contains("hole of"),
            "{}",
            rows.get(0, "notes")
        );
    });
}

#[cfg(target_os = "linux")]
#[test]
fn e1_many_distinct_names_fit_in_memory() {
    in_directory(|dir| {
        let line = |n: usize| {
            record(n)
                .replace("192.0.2.", &format!("10.{}.{}.", n / 62_500, n / 250 % 250))
                .replace("10.0.0.", &format!("up-{n}.example."))
        };
        let log: String = (0..60_000).map(line).collect();
        fs::write(dir.join("a.log"), log).expect("written");
        let arguments = ["export", "--threads", "2", "a.log"];
        let Some(output) = starved(dir, "--as=536870912", &arguments) else {
            return;
        };
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert_eq!(Rows::parse(&stdout(&output)).sum("n_events"), 60_000);
    });
}

/// Threads that the system does not grant are done without.
#[cfg(target_os = "linux")]
#[test]
fn e7_e8_with_less_memory_it_is_slower_or_says_so() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), log(2_000)).expect("written");
        fs::write(dir.join("b.log.gz"), gzip(log(2_000).as_bytes())).expect("written");
        let arguments = ["export", "--threads", "64", "a.log", "b.log.gz"];
        let mut n_whole = 0;
        for megabytes in [100, 140, 200, 300, 500, 1_000] {
            let limit = format!("--as={}", megabytes << 20);
            let Some(output) = starved(dir, &limit, &arguments) else {
                return;
            };
            assert!(
                output.status.code().is_some_and(|code| code <= 2),
                "{megabytes}: {output:?}"
            );
            if output.status.success() {
                n_whole += 1;
                assert_eq!(Rows::parse(&stdout(&output)).sum("n_events"), 4_000);
            }
        }
        assert!(n_whole >= 4, "{n_whole}");
    });
}

/// Pieces of a line that never ends, and an entry that claims to be larger than the world.
#[cfg(target_os = "linux")]
#[test]
fn e8_what_belongs_together_without_end_fills_no_memory() {
    in_directory(|dir| {
        let piece = format!("2026-11-20T11:24:48.5Z stderr P {}\n", "x".repeat(960));
        let pieces = log(3)
            .lines()
            .map(|line| format!("2026-11-20T11:24:48.5Z stderr F {line}\n"))
            .collect::<String>()
            + &piece.repeat(100_000);
        let mut entry =
            b"__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1795173888000000\nMESSAGE\n".to_vec();
        entry.extend_from_slice(&(1u64 << 60).to_le_bytes());
        entry.extend_from_slice(log(300_000).as_bytes());
        for (name, text) in [("pieces", pieces.as_bytes()), ("entry", &entry)] {
            fs::write(dir.join("a.gz"), zstd(text)).expect("written");
            let arguments = ["export", "--table", "sources", "--threads", "2", "a.gz"];
            let Some(output) = starved(dir, "--as=268435456", &arguments) else {
                return;
            };
            assert!(
                matches!(status(&output), 0 | 1),
                "{name}: {}",
                stderr(&output)
            );
            let rows = Rows::parse(&stdout(&output));
            assert_eq!(rows.sum("decoded_bytes"), text.len() as u64, "{name}");
            assert!(
                !rows.get(0, "problems").contains("internal error"),
                "{name}"
            );
        }
    });
}

#[test]
fn e9_nesting_overflows_no_stack() {
    in_directory(|dir| {
        let deep = |open: &str| format!("{}\n", open.repeat(300_000));
        let log = record(1)
            + &deep("[")
            + &deep("{\"log\":")
            + &deep("{\"message\":\"")
            + &deep("{\"a\":[")
            + &record(2);
        let docker = |line: &str| {
            format!(
                "{{\"log\":\"{}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T11:24:48.5Z\"}}\n",
                line.replace('"', "\\\"")
            )
        };
        let wrapped: String = log.lines().map(docker).collect();
        for text in [&log, &wrapped] {
            fs::write(dir.join("a.log"), text).expect("written");
            let output = run(dir, &["export", "--table", "sources", "a.log"]);
            assert!(matches!(status(&output), 0 | 1), "{}", stderr(&output));
            assert_eq!(Rows::parse(&stdout(&output)).sum("n_events"), 2);
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn e10_few_descriptors_are_enough() {
    in_directory(|dir| {
        for n in 0..300 {
            fs::write(dir.join(format!("{n}.log")), log(2)).expect("written");
            fs::write(dir.join(format!("{n}.gz")), gzip(log(1).as_bytes())).expect("written");
        }
        for table in ["failures", "events"] {
            let arguments = ["export", "--table", table, "--threads", "4", "."];
            let Some(output) = starved(dir, "--nofile=16", &arguments) else {
                return;
            };
            assert_eq!(status(&output), 0, "{}", stderr(&output));
            let rows = Rows::parse(&stdout(&output));
            let n_events = if table == "events" {
                rows.len() as u64
            } else {
                rows.sum("n_events")
            };
            assert_eq!(n_events, 900);
        }
    });
}

/// However the bytes of a pipe come.
#[test]
fn a15_short_reads_change_nothing() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), log(50)).expect("written");
        let want = stdout(&run(dir, &["export", "a.log"])).replace("a.log", "<stdin>");
        for stored in [log(50).into_bytes(), gzip(log(50).as_bytes())] {
            let whole = run_with_input(dir, &["export", "-"], &stored);
            assert_eq!(stdout(&whole), want);
            let mut child = coroner()
                .current_dir(dir)
                .args(["export", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("it starts");
            let mut pipe = child.stdin.take().expect("piped");
            for piece in stored.chunks(7) {
                use std::io::Write;
                pipe.write_all(piece).expect("it reads");
            }
            drop(pipe);
            let output = child.wait_with_output().expect("it ends");
            assert_eq!(stdout(&output), want);
        }
    });
}
