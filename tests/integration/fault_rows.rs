//! Faults of the catalogue that no other file has: bytes and lines (B), strange and changing files (A), nesting (E). Each test bears the name of its row.

use crate::{
    every_path::{config, digest},
    packed::gzip,
    support::{Rows, coroner, run, run_with_input, status, stderr, stdout},
};
use coroner::{classify::Classifier, engine, input};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

pub(crate) fn in_directory(test: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a directory");
    test(directory.path());
}

pub(crate) fn record(n: usize) -> String {
    format!(
        "2026/11/20 11:{:02}:{:02} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, \
         client: 192.0.2.{}, server: a, request: \"GET /{n} HTTP/1.1\", upstream: \"http://10.0.0.{}:80/{n}\", host: \"a\"\n",
        n / 60 % 60,
        n % 60,
        n % 250,
        n % 7
    )
}

pub(crate) fn log(n: usize) -> String {
    (0..n).map(record).collect()
}

/// The row of `sources` of a run over `log`.
fn account(directory: &Path, log: &str) -> Rows {
    let output = run(directory, &["export", "--table", "sources", log]);
    Rows::parse(&stdout(&output))
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
        assert!(stderr(&output).contains("grew by"), "{}", stderr(&output));
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
            // A directory that is listed while names change may show none of them: then it is the directory that is told.
            let is_told =
                stderr(&output).contains("a.log") || stderr(&output).contains("holds no files");
            assert!(
                n_events > 0 || is_told || status(&output) == 0,
                "{}",
                stderr(&output)
            );
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
        // Said once, whatever leads there.
        let told = stderr(&run(dir, &["export", "d", "./d"]));
        assert_eq!(told.matches("skipped `d/loop`").count(), 1, "{told}");
        // What it named may have been a log.
        symlink("nowhere", dir.join("d/broken")).expect("linked");
        let output = run(dir, &["export", "d"]);
        assert_eq!(status(&output), 1, "{}", stderr(&output));
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
