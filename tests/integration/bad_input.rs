//! Input as it should not be: a clear message or a counted class, never a panic, never a silent skip.

use crate::{
    fault_rows::log,
    packed,
    support::{Rows, coroner, run, run_with_input, status, stderr, stdout},
};
use std::{fs, path::Path, process::Stdio};

const RECORD: &str = "2026/11/20 11:23:46 [error] 16993#16993: *1 connect() failed (111: Connection refused) while connecting to upstream, \
    client: 192.0.2.1, server: a.example, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"a.example\"\n";

fn in_directory(test: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a directory");
    test(directory.path());
}

/// The one row of `sources` of a run over `log`.
fn account(directory: &Path, log: &str) -> Rows {
    Rows::parse(&stdout(&run(
        directory,
        &["export", "--table", "sources", log],
    )))
}

#[test]
fn a_missing_file_is_named_and_the_rest_is_read() {
    in_directory(|dir| {
        let output = run(dir, &["missing.log"]);
        assert_eq!(status(&output), 2);
        assert!(
            stdout(&output).contains("cannot open `missing.log`"),
            "{}",
            stdout(&output)
        );
        fs::write(dir.join("good.log"), RECORD).expect("written");
        let output = run(dir, &["missing.log", "good.log"]);
        assert_eq!(status(&output), 1);
        assert!(
            stdout(&output).contains("1 gateway failure"),
            "{}",
            stdout(&output)
        );
        let output = run(dir, &["export", "missing.log", "good.log"]);
        assert!(
            stderr(&output).contains("cannot open `missing.log`"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn no_argument_and_bad_arguments_are_usage() {
    in_directory(|dir| {
        for (arguments, message) in [
            (&[][..], "no logs given"),
            (&["x.log", "--bucket", "7m"], "--bucket `7m`"),
            (&["x.log", "--tz", "Mars/Olympus"], "no time zone"),
            (&["x.log", "--since", "yesterday"], "--since `yesterday`"),
            (&["x.log", "--category", "refusd"], "--category `refusd`"),
            (
                &["x.log", "--field", "state=code"],
                "there are time, client, request",
            ),
            (
                &["x.log", "--field", "status"],
                "--field `status`: give NAME=KEY",
            ),
            (&["x.log", "--chunk-size", "1T"], "--chunk-size `1T`"),
            (&["x.log", "-o", "report.pdf"], "report.pdf"),
            (&["export", "x.log", "--table", "nope"], "--table `nope`"),
            (&["export", "x.log", "-o", "x.xlsx"], "x.xlsx"),
            (&["x.log", "--no-such-flag"], "--no-such-flag"),
        ] {
            let output = run(dir, arguments);
            assert_eq!(status(&output), 2, "{arguments:?}: {}", stderr(&output));
            assert!(
                stderr(&output).contains(message),
                "{arguments:?}: {}",
                stderr(&output)
            );
        }
    });
}

#[test]
fn an_empty_file_is_complete_and_an_empty_directory_is_nothing() {
    in_directory(|dir| {
        fs::write(dir.join("empty.log"), "").expect("written");
        let output = run(dir, &["empty.log"]);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert!(stdout(&output).contains("no gateway failure"));
        fs::create_dir(dir.join("nothing")).expect("made");
        let output = run(dir, &["nothing"]);
        assert_eq!(status(&output), 2);
        let told = stdout(&output);
        assert!(
            told.starts_with("no answer: nothing could be read"),
            "{told}"
        );
        fs::write(dir.join("prose.log"), "no record\n").expect("written");
        let told = stdout(&run(dir, &["prose.log"]));
        assert!(
            told.starts_with("no answer: nothing could be read"),
            "{told}"
        );
        let told = stdout(&run(dir, &["empty.log", "missing.log"]));
        let part = "no gateway failure in what could be read\n";
        assert!(told.starts_with(part), "{told}");
        assert!(
            stderr(&output).contains("`nothing` holds no files"),
            "{}",
            stderr(&output)
        );
        let output = run(dir, &["*.nope"]);
        assert_eq!(status(&output), 2);
        assert!(stderr(&output).contains("matches no file"));
        let output = run_with_input(dir, &["-"], b"");
        assert_eq!(status(&output), 0);
    });
}

#[test]
fn a_directory_is_read_and_strangers_in_it_are_named() {
    in_directory(|dir| {
        fs::write(dir.join("error.log"), RECORD.repeat(3)).expect("written");
        fs::write(dir.join("notes.md"), "# what we did\nrestarted it\n").expect("written");
        fs::write(dir.join("error.log.2.gz"), b"\x1f\x8b\x08\0\0\0\0\0").expect("written");
        let output = run(dir, &["."]);
        assert_eq!(status(&output), 1);
        let text = stdout(&output);
        assert!(text.contains("3 gateway failures"), "{text}");
        assert!(
            text.contains("error.log.2.gz: gzip member at byte 0 ends early"),
            "{text}"
        );
        assert!(text.contains("notes.md"), "{text}");
    });
}

#[test]
fn junk_is_counted_line_by_line() {
    in_directory(|dir| {
        let mut junk: Vec<u8> = (0..100_000u32)
            .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
            .collect();
        junk.insert(0, b'x');
        fs::write(dir.join("junk.log"), &junk).expect("written");
        let output = run(dir, &["junk.log"]);
        assert_eq!(status(&output), 1);
        let rows = account(dir, "junk.log");
        assert_eq!(rows.sum("decoded_bytes"), junk.len() as u64);
        assert_eq!(rows.sum("n_events"), 0);
        assert!(
            rows.get(0, "problems").contains("could not be parsed"),
            "{}",
            rows.get(0, "problems")
        );
    });
}

/// What is packed behind text is not read, and may hold any number of records: that is said.
#[test]
fn packed_data_behind_text_is_told() {
    in_directory(|dir| {
        let mut log = RECORD.repeat(3_000).into_bytes();
        let numbered = |n: usize| RECORD.replace("*1 ", &format!("*{n} "));
        let more: String = (0..500).map(numbered).collect();
        log.extend(crate::packed::gzip(more.as_bytes()));
        fs::write(dir.join("error.log"), log).expect("written");
        let output = run(dir, &["export", "error.log", "--table", "sources"]);
        assert_eq!(status(&output), 1);
        let sources = Rows::parse(&stdout(&output));
        let problems = sources.get(0, "problems");
        assert!(problems.contains("binary data in the text"), "{problems}");
        assert_eq!(sources.get(0, "n_events"), "3000");
    });
}

/// nginx writes a record with its newline at once: of one without, nobody knows whether a value is whole.
#[test]
fn a_last_record_that_is_cut_is_said_to_be() {
    in_directory(|dir| {
        let last_trust = |len: usize| {
            fs::write(dir.join("error.log"), format!("{RECORD}{}", &RECORD[..len]))
                .expect("written");
            let events = run(dir, &["export", "error.log", "--table", "events"]);
            let events = Rows::parse(&stdout(&events));
            assert_eq!(events.len(), 2, "{len}");
            events.get(1, "trust").to_owned()
        };
        let head = RECORD.find("connect()").expect("there");
        let client = RECORD.find("192.0.2.1").expect("there");
        for len in [
            head - 1,
            head,
            head + 20,
            client - 1,
            client + 5,
            client + 20,
        ] {
            assert_eq!(last_trust(len), "cut", "{len}");
        }
        let whole = [RECORD.len() - 1, RECORD.find(", host").expect("there")];
        assert_eq!(whole.map(last_trust), ["confirmed"; 2]);
    });
}

/// What `tail -c` or `split` left begins in the middle of a line: that one is not parsed, and the others are read.
#[test]
fn an_access_log_that_begins_in_a_line_is_read() {
    in_directory(|dir| {
        let line = "192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl/8.5.0\"\n";
        for (n_lines, cut) in [(9, 30), (40, 35), (80, 1), (80, 70)] {
            let log = line.repeat(n_lines);
            fs::write(dir.join("access.log"), &log[cut..]).expect("written");
            let sources = account(dir, "access.log");
            assert_eq!(sources.get(0, "kind"), "nginx-access", "{cut}");
            let n_unparsed: usize = sources.get(0, "n_unparsed").parse().expect("a number");
            // Of an address without its first digit nobody can tell.
            assert_eq!(n_unparsed, usize::from(cut > 1), "{cut}");
            let output = run(dir, &["export", "--table", "requests", "access.log"]);
            let n_requests = Rows::parse(&stdout(&output)).len();
            assert_eq!(n_requests, n_lines - n_unparsed, "{cut}");
            assert_eq!(status(&output), 0, "{cut}");
        }
        // One odd line elsewhere is told by the lines that show why.
        let log = format!("{line}hello\n{line}");
        fs::write(dir.join("access.log"), log).expect("written");
        assert_eq!(account(dir, "access.log").get(0, "kind"), "nginx-access");
        let output = run(dir, &["access.log"]);
        assert!(
            stdout(&output).contains("no known format fits"),
            "{}",
            stdout(&output)
        );
    });
}

#[test]
fn a_giant_line_costs_neither_memory_nor_the_lines_around_it() {
    in_directory(|dir| {
        // Behind a hole may stand a record.
        for (byte, len, behind, n_events, n_unparsed) in [
            (b'a', 80 << 20, "", 2, 1),
            (0, 2 << 20, RECORD.trim_end(), 3, 0),
        ] {
            let mut log = RECORD.as_bytes().to_vec();
            log.extend(std::iter::repeat_n(byte, len));
            log.extend_from_slice(behind.as_bytes());
            log.push(b'\n');
            log.extend_from_slice(RECORD.as_bytes());
            fs::write(dir.join("giant.log"), &log).expect("written");
            let file = account(dir, "giant.log");
            let want = (n_events, n_unparsed);
            assert_eq!((file.sum("n_events"), file.sum("n_unparsed")), want);
            assert_eq!(file.sum("decoded_bytes"), log.len() as u64);
            let pipe = run_with_input(dir, &["export", "--table", "sources", "-"], &log);
            let pipe = Rows::parse(&stdout(&pipe));
            assert_eq!((pipe.sum("n_events"), pipe.sum("n_unparsed")), want);
            assert_eq!(pipe.sum("decoded_bytes"), log.len() as u64);
        }
    });
}

#[test]
fn holes_crlf_marks_and_missing_newlines() {
    in_directory(|dir| {
        let mut log = b"\xef\xbb\xbf".to_vec();
        log.extend_from_slice(RECORD.trim_end().as_bytes());
        log.extend_from_slice(b"\r\n\r\n");
        log.extend_from_slice(&[0; 4096]);
        log.extend_from_slice(RECORD.as_bytes());
        log.extend_from_slice(RECORD.trim_end().as_bytes());
        fs::write(dir.join("odd.log"), &log).expect("written");
        let rows = account(dir, "odd.log");
        assert_eq!(
            (
                rows.sum("n_events"),
                rows.sum("n_lines"),
                rows.sum("n_blank")
            ),
            (3, 4, 1)
        );
        assert_eq!(rows.sum("decoded_bytes"), log.len() as u64);
        assert!(
            rows.get(0, "problems").contains("4096 NUL bytes"),
            "{}",
            rows.get(0, "problems")
        );
    });
}

#[test]
fn invalid_utf8_stays_apart_and_becomes_valid() {
    in_directory(|dir| {
        let record = |byte: u8| {
            let mut line = RECORD.as_bytes().to_vec();
            let at = RECORD.find("10.0.0.1").expect("there");
            line[at] = byte;
            line
        };
        fs::write(dir.join("bytes.log"), [record(0xff), record(0xfe)].concat()).expect("written");
        let rows = Rows::parse(&stdout(&run(dir, &["export", "bytes.log"])));
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows.get(0, "upstream"), rows.get(1, "upstream")),
            ("\\xfe0.0.0.1:80", "\\xff0.0.0.1:80")
        );
    });
}

#[test]
fn dates_that_do_not_exist_are_counted() {
    in_directory(|dir| {
        let bad: String = [
            "2026/02/30",
            "1970/01/01",
            "9999/12/31",
            "2026/13/01",
            "0000/00/00",
        ]
        .iter()
        .map(|date| RECORD.replace("2026/11/20", date))
        .collect();
        fs::write(dir.join("dates.log"), bad + RECORD).expect("written");
        let output = run(dir, &["export", "--table", "sources", "dates.log"]);
        assert_eq!(status(&output), 1);
        let rows = Rows::parse(&stdout(&output));
        assert_eq!((rows.sum("n_events"), rows.sum("n_unparsed")), (1, 5));
        assert!(rows.get(0, "problems").contains("date that does not exist"));
    });
}

#[test]
fn outputs_are_whole_or_absent_and_never_overwrite_unasked() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), RECORD).expect("written");
        let export = |arguments: &[&str]| {
            let mut all = vec!["export", "a.log", "-o"];
            all.extend(arguments);
            run(dir, &all)
        };
        assert_eq!(status(&export(&["out.csv"])), 0);
        let first = fs::read(dir.join("out.csv")).expect("there");
        let output = export(&["out.csv"]);
        assert_eq!(status(&output), 3);
        assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
        assert_eq!(status(&export(&["out.csv", "--force"])), 0);
        assert_eq!(fs::read(dir.join("out.csv")).expect("there"), first);
        // Never onto an input, by whatever name.
        fs::hard_link(dir.join("a.log"), dir.join("b.csv")).expect("linked");
        let output = export(&["b.csv", "--force"]);
        assert_eq!(status(&output), 3);
        assert!(
            stderr(&output).contains("one of the inputs"),
            "{}",
            stderr(&output)
        );
        assert_eq!(
            fs::read_to_string(dir.join("a.log")).expect("there"),
            RECORD
        );
        // Nor onto what a shell opened as standard input.
        let log = fs::File::open(dir.join("a.log")).expect("there");
        let output = coroner()
            .current_dir(dir)
            .args(["export", "-", "-f", "csv", "-o", "a.log", "--force"])
            .stdin(log)
            .output()
            .expect("it starts");
        assert_eq!(status(&output), 3, "{}", stderr(&output));
        assert_eq!(
            fs::read_to_string(dir.join("a.log")).expect("there"),
            RECORD
        );
        let output = export(&["no/such/directory/x.csv"]);
        assert_eq!(status(&output), 3);
        let left: Vec<_> = fs::read_dir(dir)
            .expect("listed")
            .map(|entry| {
                entry
                    .expect("there")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .filter(|name| name.contains(".part"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

/// An output is there once it has its name, whoever may list its directory.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_may_be_written_and_not_read() {
    use std::os::unix::fs::PermissionsExt;
    in_directory(|dir| {
        let set = |path: &Path, mode: u32| {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set");
        };
        let drop_box = dir.join("box");
        fs::write(dir.join("a.log"), RECORD).expect("written");
        fs::create_dir(&drop_box).expect("made");
        set(dir, 0o755);
        set(&drop_box, 0o333);
        let output = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--clear-groups"])
            .arg(coroner().get_program())
            .args(["a.log", "-o", "box/report.html"])
            .current_dir(dir)
            .output()
            .expect("it starts");
        set(&drop_box, 0o755);
        if stderr(&output).contains("setpriv") || fs::read_dir("/root").is_err() {
            eprintln!("skipped: only root may become another");
            return;
        }
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert!(drop_box.join("report.html").exists());
    });
}

#[test]
fn all_tables_at_once_into_a_directory() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), RECORD).expect("written");
        assert_eq!(
            status(&run(
                dir,
                &["export", "a.log", "-o", "out/", "--format", "jsonl"]
            )),
            0
        );
        for table in ["failures", "events", "sources"] {
            let text = fs::read_to_string(dir.join(format!("out/{table}.jsonl"))).expect("written");
            let row: serde_json::Value =
                serde_json::from_str(text.lines().next().expect("a row")).expect("JSON");
            assert!(row.is_object());
        }
    });
}

#[cfg(unix)]
#[test]
fn a_link_stays_and_what_it_leads_to_is_overwritten() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), RECORD).expect("written");
        fs::write(dir.join("real.csv"), "old").expect("written");
        std::os::unix::fs::symlink("real.csv", dir.join("link.csv")).expect("made");
        let export = |more: &[&str]| {
            run(
                dir,
                &[&["export", "a.log", "-o", "link.csv"], more].concat(),
            )
        };
        assert_eq!(status(&export(&[])), 3);
        assert_eq!(fs::read(dir.join("real.csv")).expect("there"), b"old");
        assert_eq!(status(&export(&["--force"])), 0);
        assert!(fs::symlink_metadata(dir.join("link.csv")).is_ok_and(|meta| meta.is_symlink()));
        let text = fs::read_to_string(dir.join("real.csv")).expect("there");
        assert!(text.contains("10.0.0.1:80"), "{text}");
        // It stays, too, if it leads to nothing.
        fs::remove_file(dir.join("real.csv")).expect("removed");
        assert_eq!(status(&export(&["--force"])), 3);
        assert!(fs::symlink_metadata(dir.join("link.csv")).is_ok_and(|meta| meta.is_symlink()));
    });
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_like_stdin() {
    use std::process::Command;
    in_directory(|dir| {
        fs::write(dir.join("a.log"), RECORD.repeat(3)).expect("written");
        let made = Command::new("mkfifo").arg("pipe").current_dir(dir).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        let through_pipe = |arguments: &[&str]| {
            let mut feeder = Command::new("sh")
                .args(["-c", "exec cat a.log > pipe"])
                .current_dir(dir)
                .spawn()
                .expect("it starts");
            let output = run(dir, arguments);
            let _ = feeder.kill(); // by its id, should nobody have read
            feeder.wait().expect("it ends");
            output
        };
        let report = stdout(&through_pipe(&["pipe"]));
        assert!(report.contains("3 gateway failures"), "{report}");
        for table in ["failures", "events", "sources"] {
            let read =
                |log| Rows::parse(&stdout(&through_pipe(&["export", "--table", table, log])));
            let rows = read("pipe");
            let column = if table == "events" {
                "line"
            } else {
                "n_events"
            };
            let want = if table == "events" { "1" } else { "3" };
            assert_eq!(rows.get(0, column), want, "{table}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_closed_pipe() {
    in_directory(|dir| {
        let log: String = (0..3_000)
            .map(|n| RECORD.replace("10.0.0.1:80", &format!("10.0.{}.{}:80", n / 250, n % 250)))
            .collect();
        fs::write(dir.join("a.log"), log).expect("written");
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let output = coroner()
            .current_dir(dir)
            .args(["export", "a.log"])
            .stdout(full)
            .output()
            .expect("it starts");
        assert_eq!(status(&output), 3);
        assert!(
            stderr(&output).contains("No space left"),
            "{}",
            stderr(&output)
        );
        // A device is written to, asked for by force or not; a link to it keeps what can be broken in here.
        for (device, arguments, want) in [
            ("/dev/full", &["--force"][..], (3, "No space left")),
            ("/dev/null", &["--force"], (0, "")),
            ("/dev/null", &[], (0, "")),
        ] {
            let link = dir.join("device.csv");
            std::os::unix::fs::symlink(device, &link).expect("made");
            let output = run(
                dir,
                &[&["export", "a.log", "-o", "device.csv"], arguments].concat(),
            );
            assert_eq!(status(&output), want.0, "{device} {arguments:?}");
            assert!(stderr(&output).contains(want.1), "{}", stderr(&output));
            assert_eq!(fs::read_link(&link).expect("a link"), Path::new(device));
            fs::remove_file(&link).expect("removed");
        }
        // A reader that goes away is no error.
        let mut child = coroner()
            .current_dir(dir)
            .args(["export", "a.log"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((status(&output), stderr(&output).as_str()), (0, ""));
    });
}

#[test]
fn no_control_byte_of_a_log_reaches_a_terminal() {
    in_directory(|dir| {
        let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}";
        let log = [
            RECORD.replace("10.0.0.1:80", &format!("10.0.0.1{evil}:80")),
            format!("2026/11/20 11:23:46 [error] 1#1: something {evil} unheard of\n"),
            RECORD.replace("a.example", evil),
        ]
        .concat();
        let name = format!("evil{}.log", "\u{1b}[31m");
        fs::write(dir.join(&name), &log).expect("written");
        for arguments in [
            &[&name[..]][..],
            &["--color", "always", &name],
            &["export", &name, "--table", "events"],
            &["explain", log.lines().next().expect("a line")],
        ] {
            let output = run(dir, arguments);
            for text in [stdout(&output), stderr(&output)] {
                let ours = text
                    .replace("\u{1b}[0m", "")
                    .replace("\u{1b}[1m", "")
                    .replace("\u{1b}[2m", "")
                    .replace("\u{1b}[31m", "")
                    .replace("\u{1b}[32m", "");
                let harmful = |c: char| c.is_control() && !"\n\t\r".contains(c);
                assert!(
                    !ours.chars().any(harmful),
                    "{arguments:?}: {}",
                    text.escape_debug()
                );
                if arguments[0] != "export" {
                    assert!(!ours.contains('\u{202e}'), "{arguments:?}");
                }
            }
        }
    });
}

#[test]
fn filters_zones_and_windows() {
    in_directory(|dir| {
        let log: String = (0..60)
            .map(|minute| {
                RECORD
                    .replace("11:23:46", &format!("11:{minute:02}:30"))
                    .replace(
                        "10.0.0.1",
                        if minute % 2 == 0 {
                            "10.0.0.1"
                        } else {
                            "10.0.0.2"
                        },
                    )
            })
            .collect();
        fs::write(dir.join("a.log"), log).expect("written");
        let n = |arguments: &[&str]| {
            let mut all = vec!["export", "a.log"];
            all.extend(arguments);
            let output = run(dir, &all);
            assert_eq!(status(&output), 0, "{}", stderr(&output));
            Rows::parse(&stdout(&output)).sum("n_events")
        };
        assert_eq!(n(&[]), 60);
        assert_eq!(n(&["--upstream", "10.0.0.2:*"]), 30);
        assert_eq!(n(&["--upstream", "192.*"]), 0);
        assert_eq!(n(&["--upstream", "10.0.0.{1,3}:*"]), 30);
        assert_eq!(n(&["--server", "a.*", "--category", "refused"]), 60);
        assert_eq!(n(&["--category", "timeout"]), 0);
        assert_eq!(n(&["--since", "2026-11-20 11:30"]), 30);
        assert_eq!(
            n(&[
                "--since",
                "2026-11-20T11:30:00Z",
                "--until",
                "2026-11-20T11:40:00Z"
            ]),
            10
        );
        assert_eq!(n(&["--since", "-10m"]), 11);
        assert_eq!(
            n(&["--tz", "+02:00", "--until", "2026-11-20T09:30:00Z"]),
            30
        );
        assert_eq!(n(&["--tz", "Asia/Kathmandu", "--bucket", "1h"]), 60);
        let rows = Rows::parse(&stdout(&run(
            dir,
            &[
                "export",
                "a.log",
                "--tz",
                "Asia/Kathmandu",
                "--bucket",
                "1h",
            ],
        )));
        assert_eq!(rows.get(0, "bucket"), "2026-11-20T05:00:00Z");
        let output = coroner()
            .current_dir(dir)
            .args(["export", "a.log"])
            .env("CORONER_CATEGORY", "dns")
            .output()
            .expect("it starts");
        assert_eq!(
            Rows::parse(&stdout(&output)).len(),
            0,
            "options come from the environment too"
        );
    });
}

/// A report into a file or a pipe: whoever started it sees what it could not read.
#[test]
fn damage_is_told_on_stderr_beside_a_report_that_goes_elsewhere() {
    in_directory(|dir| {
        let packed = packed::gzip(log(200).as_bytes());
        fs::write(dir.join("error.log.gz"), &packed[..packed.len() / 2]).expect("written");
        let told = "coroner: warning: error.log.gz: gzip member at byte 0 ends early at byte";
        for arguments in [
            &["error.log.gz"][..],
            &["export", "error.log.gz"],
            &["report", "error.log.gz", "-o", "r.html"],
        ] {
            let output = run(dir, arguments);
            assert_eq!(status(&output), 1, "{arguments:?}");
            assert!(stderr(&output).contains(told), "{}", stderr(&output));
        }
        let output = run(dir, &["-q", "error.log.gz"]);
        assert_eq!((status(&output), stderr(&output).as_str()), (1, ""));
    });
}

/// One record, and that without its newline, behind something else: met in a directory and in an archive.
#[test]
fn a_record_that_is_not_over_makes_a_log() {
    in_directory(|dir| {
        let text = format!("what somebody pasted\n{}", RECORD.trim_end());
        fs::write(dir.join("a.txt"), &text).expect("written");
        let rows = account(dir, ".");
        assert_eq!(
            (rows.get(0, "kind"), rows.sum("n_events")),
            ("nginx-error", 1)
        );
        let wrapped = format!(
            "2026-11-20T11:24:48.5Z stderr F x\n2026-11-20T11:24:48.5Z stderr F {}",
            RECORD.trim_end()
        );
        fs::write(dir.join("a.txt"), wrapped).expect("written");
        assert_eq!(account(dir, ".").sum("n_events"), 1);
    });
}
