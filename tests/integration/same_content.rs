//! The same content given twice is counted once, and said so; what merely begins alike is not.

use super::{
    envelopes,
    generate::{self, Rng},
    packed,
    support::{Rows, root, run, status, stdout},
};
use std::{fs, path::Path};

/// A log long enough that nothing in it is chance, in blocks of which several are cut.
fn log(seed: u64) -> Vec<u8> {
    generate::log(&mut Rng::new(seed), 9_000)
}

/// Events counted in the table `failures`.
fn n_events(dir: &Path, arguments: &[&str]) -> u64 {
    let output = run(dir, &[&["export", "-q"], arguments].concat());
    Rows::parse(&stdout(&output)).sum("n_events")
}

fn in_directory(test: impl FnOnce(&Path)) {
    test(tempfile::tempdir().expect("a directory").path());
}

/// A tar archive of one file.
fn tar(name: &str, text: &[u8]) -> Vec<u8> {
    tar_of(&[(name, text)])
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder
            .append_data(&mut header, name, *text)
            .expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// Yesterday's archive and today's hold some of the same logs, whole or further written.
#[test]
fn members_of_several_archives_count_once() {
    in_directory(|dir| {
        let (a, b, c, d) = (log(1), log(2), log(3), log(4));
        let b_longer = [&b[..], &d].concat();
        let n_rows = |logs: &str| {
            let output = run(dir, &["export", "-q", "--table", "events", logs]);
            Rows::parse(&stdout(&output)).len()
        };
        let alone = |text: &[u8]| {
            fs::write(dir.join("alone"), text).expect("written");
            let n = (n_events(dir, &["alone"]), n_rows("alone"));
            fs::remove_file(dir.join("alone")).expect("there");
            n
        };
        let counts = [alone(&a), alone(&b_longer), alone(&c)];
        let want: u64 = counts.iter().map(|counts| counts.0).sum();
        let old = tar_of(&[("a.log", &a), ("b.log", &b)]);
        let new = tar_of(&[("a.log.1", &a), ("b.log", &b_longer), ("c.log", &c)]);
        let newest = tar_of(&[("c.log", &c), ("a.log.2", &a), ("notes.txt", b"hello")]);
        fs::write(dir.join("1.tar.gz"), packed::gzip(&old)).expect("written");
        fs::write(dir.join("2.tar.zst"), packed::zstd(&new)).expect("written");
        fs::write(dir.join("3.tar"), &newest).expect("written");
        for threads in ["1", "2", "4"] {
            assert_eq!(n_events(dir, &["--threads", threads, "."]), want);
        }
        let n_lines = |text: &[u8]| text.split_inclusive(|&byte| byte == b'\n').count() as u64;
        let of = |name: &str| {
            let found = duplicates(dir)
                .into_iter()
                .find(|(source, _)| source == name);
            found.expect("there").1
        };
        assert_eq!((of("1.tar.gz!a.log"), of("1.tar.gz!b.log")), (0, 0));
        assert_eq!(of("2.tar.zst!a.log.1"), n_lines(&a));
        let n_common = of("2.tar.zst!b.log");
        assert!(
            n_common <= n_lines(&b) && n_common + 20 > n_lines(&b),
            "{n_common}"
        );
        assert_eq!((of("2.tar.zst!c.log"), of("3.tar!c.log")), (0, n_lines(&c)));
        assert_eq!(of("3.tar!a.log.2"), n_lines(&a));
        // Read again, too.
        assert_eq!(
            n_rows("."),
            counts.iter().map(|counts| counts.1).sum::<usize>()
        );
        // What also lies loose is counted there.
        fs::write(dir.join("a.log"), &a).expect("written");
        assert_eq!(
            (n_events(dir, &["."]), of("1.tar.gz!a.log")),
            (want, n_lines(&a))
        );
        // Of one archive alone, too.
        fs::write(dir.join("twice"), tar_of(&[("a.log", &c), ("b.log", &c)])).expect("written");
        assert_eq!(n_events(dir, &["twice"]), counts[2].0);
    });
}

/// Duplicate lines by source.
fn duplicates(dir: &Path) -> Vec<(String, u64)> {
    let output = run(
        dir,
        &[
            "export", "-q", "--table", "sources", "--format", "jsonl", ".",
        ],
    );
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let n = row["n_duplicate"].as_u64().expect("a number");
        (row["source"].as_str().expect("a name").to_owned(), n)
    };
    stdout(&output).lines().map(row).collect()
}

#[test]
fn a5_a_copy_a_packed_copy_and_an_archive_count_once() {
    in_directory(|dir| {
        let log = log(5);
        let n_lines = log.iter().filter(|&&b| b == b'\n').count() as u64;
        fs::write(dir.join("error.log.1"), &log).expect("written");
        let want = n_events(dir, &["error.log.1"]);
        fs::write(dir.join("error.log.1.gz"), packed::gzip(&log)).expect("written");
        fs::write(dir.join("copy.log"), &log).expect("written");
        let archive = tar("var/log/nginx/error.log.1", &log);
        fs::write(dir.join("all.tar"), archive).expect("written");
        fs::hard_link(dir.join("copy.log"), dir.join("link.log")).expect("linked");
        for threads in ["1", "2", "5"] {
            for chunk in ["1000", "1M"] {
                let arguments = ["--threads", threads, "--chunk-size", chunk, "."];
                assert_eq!(n_events(dir, &arguments), want, "{arguments:?}");
            }
        }
        let twice: Vec<u64> = duplicates(dir).into_iter().map(|(_, n)| n).collect();
        assert_eq!(
            twice.iter().filter(|&&n| n == n_lines).count(),
            3,
            "{twice:?}"
        );
        let text = stdout(&run(dir, &["."]));
        assert!(text.contains("counted there"), "{text}");
        assert!(text.contains("link.log is the same file"), "{text}");
    });
}

#[test]
fn a5_a_log_that_was_copied_and_not_cut_counts_what_is_new() {
    in_directory(|dir| {
        let (old, new) = (log(6), generate::log(&mut Rng::new(7), 500));
        let whole = [&old[..], &new].concat();
        fs::write(dir.join("whole"), &whole).expect("written");
        let want = n_events(dir, &["whole"]);
        for packed in [false, true] {
            let grown = if packed {
                packed::gzip(&whole)
            } else {
                whole.clone()
            };
            fs::write(dir.join("error.log"), grown).expect("written");
            fs::write(dir.join("error.log.1"), &old).expect("written");
            assert_eq!(
                n_events(dir, &["error.log", "error.log.1"]),
                want,
                "{packed}"
            );
            let events = |arguments: &[&str]| {
                let all = [&["export", "-q", "--table", "events"], arguments].concat();
                stdout(&run(dir, &all)).lines().count()
            };
            assert_eq!(events(&["error.log", "error.log.1"]), events(&["whole"]));
        }
    });
}

#[test]
fn what_merely_begins_alike_counts_twice() {
    in_directory(|dir| {
        let start = "2026/11/20 11:23:46 [notice] 1#1: start worker process 7\n";
        let record = |n: u32| {
            format!(
                "2026/11/20 11:23:46 [error] 7#7: *{n} no live upstreams while connecting to upstream, client: 10.0.0.{n}, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://g/\", host: \"a\"\n"
            )
        };
        fs::write(dir.join("web1.log"), format!("{start}{}", record(1))).expect("written");
        fs::write(dir.join("web2.log"), format!("{start}{}", record(2))).expect("written");
        assert_eq!(n_events(dir, &["."]), 4);
        // Only what starts are made of: two machines may well write just that.
        fs::write(dir.join("web1.log"), start).expect("written");
        fs::write(dir.join("web2.log"), start).expect("written");
        assert_eq!(n_events(dir, &["."]), 2);
        // The same text on machines that their paths tell apart.
        for host in ["web1", "web2"] {
            let place = dir.join(host).join("var/log/nginx");
            fs::create_dir_all(&place).expect("made");
            fs::write(place.join("error.log"), record(3)).expect("written");
        }
        assert_eq!(n_events(dir, &["web1", "web2"]), 2);
        let output = run(dir, &["web1", "web2", "--host", "web2"]);
        assert_eq!(status(&output), 0);
        assert!(
            stdout(&output).contains("1 gateway failure"),
            "{}",
            stdout(&output)
        );
    });
}

/// Two collectors have the log of one machine: its lines name it, and the paths do not.
#[test]
fn what_two_collectors_have_of_one_host_counts_once() {
    in_directory(|dir| {
        let log = envelopes::text_log(8, 300);
        let of = |host: &str| {
            let header = format!("2026-11-20T11:24:48+00:00 {host} nginx: ");
            envelopes::prefixed(&envelopes::rsyslog_escaped(&log), |_| header.clone())
        };
        let written = |collector: &str, text: &[u8]| {
            let place = dir.join(collector).join("var/log/nginx");
            fs::create_dir_all(&place).expect("made");
            fs::write(place.join("error.log"), text).expect("written");
        };
        written("log1", &of("web1"));
        let n = n_events(dir, &["log1"]);
        assert!(n > 100, "{n}");
        written("log2", &of("web1"));
        for arguments in [&["log1", "log2"][..], &["log2", "log1", "--host", "web1"]] {
            assert_eq!(n_events(dir, arguments), n, "{arguments:?}");
        }
        written("log2", &of("web2"));
        assert_eq!(n_events(dir, &["log1", "log2"]), 2 * n);
        assert_eq!(n_events(dir, &["log1", "log2", "--host", "web2"]), n);
    });
}

/// What a filter keeps is not left to what it drops, where directories stand for machines, too.
#[test]
fn each_of_two_directories_can_be_asked_for() {
    in_directory(|dir| {
        let log = log(8);
        let packed = packed::gzip(&log);
        let half = memchr::memrchr(b'\n', &log[..log.len() / 2]).expect("lines") + 1;
        fs::write(dir.join("alone"), &log).expect("written");
        let n = n_events(dir, &["alone"]);
        for (name, first, second) in [
            ("plain", &log[..], &log[..]),
            ("grown", &log[..half], &log),
            ("packed", &packed, &packed),
        ] {
            for (host, text) in [("web1", first), ("web2", second)] {
                let place = dir.join(name).join(host);
                fs::create_dir_all(&place).expect("made");
                fs::write(place.join("error.log"), text).expect("written");
            }
            assert_eq!(n_events(dir, &[name, "--host", "web2"]), n, "{name}");
            assert_eq!(n_events(dir, &[name, "--host", "web*"]), n, "{name}");
            assert_eq!(n_events(dir, &[name]), n, "{name}");
        }
    });
}

/// Every way of reading a file agrees on which of two is counted.
#[test]
fn copies_that_are_read_as_streams_count_once() {
    in_directory(|dir| {
        let log = generate::log(&mut Rng::new(8), 900);
        let docker = |line: &str| {
            let line = serde_json::Value::from(format!("{line}\n"));
            format!(
                "{{\"log\":{line},\"stream\":\"stderr\",\"time\":\"2026-11-20T11:23:46.1Z\"}}\n"
            )
        };
        let wrapped: String = String::from_utf8_lossy(&log).lines().map(docker).collect();
        for text in [&log[..], wrapped.as_bytes()] {
            fs::write(dir.join("a.log"), text).expect("written");
            let want = n_events(dir, &["a.log"]);
            assert!(want > 0);
            fs::write(dir.join("b.log"), text).expect("written");
            for threads in ["1", "2"] {
                let arguments = ["--mmap", "never", "--threads", threads, "."];
                assert_eq!(n_events(dir, &arguments), want);
            }
            // One of them begins like the other, and ends before.
            let end = text.iter().take(text.len() / 2).rposition(|&b| b == b'\n');
            fs::write(dir.join("b.log"), &text[..=end.expect("lines")]).expect("written");
            for files in [["a.log", "b.log"], ["b.log", "a.log"]] {
                let arguments = [&["--mmap", "never"], &files[..]].concat();
                assert_eq!(n_events(dir, &arguments), want);
            }
        }
    });
}

/// A log of a sample, short enough to be read often: 127 records of failures.
fn sample() -> Vec<u8> {
    fs::read(root().join("samples/refused-after-deploy/error.log")).expect("a sample")
}

/// Rows of the table `events`.
fn n_records(dir: &Path, arguments: &[&str]) -> usize {
    let output = run(
        dir,
        &[&["export", "-q", "--table", "events"], arguments].concat(),
    );
    Rows::parse(&stdout(&output)).len()
}

/// Writes files, and the directories they lie in.
fn write(dir: &Path, files: &[(&str, &[u8])]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }
}

/// What is part of an archive is told by where it comes from and not by its name.
#[test]
fn a_path_that_looks_like_a_member_is_a_file() {
    let log = sample();
    for name in ["error!1.log", "web!1/error.log"] {
        in_directory(|dir| {
            write(dir, &[(name, &log)]);
            assert_eq!(n_records(dir, &["."]), 127, "{name}");
            write(dir, &[("z.log", &log), ("z.log.gz", &packed::gzip(&log))]);
            assert_eq!(n_records(dir, &["."]), 127, "{name}");
        });
    }
}

/// What is passed over as no log counts nothing, so nothing is left to it.
#[test]
fn a_copy_that_is_not_read_is_no_elder() {
    let prose = "Notes of that night, in no order.\n"
        .repeat(60)
        .into_bytes();
    let records: Vec<u8> = sample()
        .split_inclusive(|&b| b == b'\n')
        .take(10)
        .flatten()
        .copied()
        .collect();
    let text = [&prose[..], &records].concat();
    in_directory(|dir| {
        write(
            dir,
            &[
                ("d/notes.txt", &text),
                ("given.log.gz", &packed::gzip(&text)),
            ],
        );
        write(dir, &[("given.log", &text)]);
        let want = n_records(dir, &["given.log"]);
        assert!(want > 0);
        for files in [
            ["given.log.gz", "d"],
            ["d", "given.log.gz"],
            ["d", "given.log"],
        ] {
            for mmap in ["auto", "never"] {
                let arguments = [&["--mmap", mmap], &files[..]].concat();
                assert_eq!(n_records(dir, &arguments), want, "{arguments:?}");
            }
        }
    });
}

/// With `--host`, nothing is left to a copy of which the filter drops all.
#[test]
fn the_copy_that_a_filter_keeps_counts() {
    let log = sample();
    for place in [
        "d/web1/var/log/nginx/error.log",
        "d/web1/var/log/nginx/error.log.gz",
        "w.tar",
    ] {
        in_directory(|dir| {
            let packed = match place {
                "w.tar" => tar("web1/var/log/nginx/error.log", &log),
                _ if place.ends_with("gz") => packed::gzip(&log),
                _ => log.clone(),
            };
            write(dir, &[("d/a-copy.log", &log), (place, &packed)]);
            assert_eq!(n_records(dir, &["."]), 127, "{place}");
            for mmap in ["auto", "never"] {
                let arguments = ["--mmap", mmap, "--host", "web1", "."];
                assert_eq!(n_records(dir, &arguments), 127, "{place}");
            }
            assert_eq!(n_records(dir, &["--host", "web2", "."]), 0, "{place}");
        });
    }
    // A narrower name than that of the machine.
    in_directory(|dir| {
        let pod = "d/node1/var/log/pods/shop_web-7c9d_5f0e/nginx/0.log";
        write(dir, &[("d/a-copy.log", &log), (pod, &log)]);
        for name in ["web-7c9d", "nginx", "node1"] {
            assert_eq!(n_records(dir, &["--host", name, "."]), 127, "{name}");
        }
    });
}

/// The first `n` lines.
fn head(text: &[u8], n: usize) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n').take(n);
    lines.flatten().copied().collect()
}

/// Of several that a log begins like, the one that goes on longest counts.
#[test]
fn copies_of_a_growing_log_count_once() {
    let access =
        fs::read(root().join("samples/refused-after-deploy/access.log")).expect("a sample");
    let error = sample();
    for (log, rows) in [(&error, "events"), (&access, "requests")] {
        let (a, b) = (head(log, 40), head(log, 80));
        let n = |dir: &Path, arguments: &[&str]| {
            let all = [&["export", "-q", "--table", rows], arguments].concat();
            Rows::parse(&stdout(&run(dir, &all))).len()
        };
        let want = |dir: &Path| {
            write(dir, &[("whole", log)]);
            let want = n(dir, &["whole"]);
            fs::remove_file(dir.join("whole")).expect("there");
            want
        };
        // Whatever the order of their names.
        for [first, second, third] in [[&a, &b, log], [log, &b, &a], [&b, log, &a]] {
            in_directory(|dir| {
                let want = want(dir);
                let files: [(&str, &[u8]); 3] = [
                    ("error.log-20261119", first),
                    ("error.log-20261120", second),
                    ("error.log-20261121", third),
                ];
                write(dir, &files);
                assert_eq!(
                    (n(dir, &["."]), n(dir, &["--mmap", "never", "."])),
                    (want, want)
                );
                for (name, text) in files {
                    write(dir, &[(&format!("{name}.gz"), &packed::gzip(text))]);
                    fs::remove_file(dir.join(name)).expect("there");
                }
                assert_eq!(n(dir, &["."]), want);
            });
            in_directory(|dir| {
                let want = want(dir);
                for (name, text) in [("1.tar", first), ("2.tar", second), ("3.tar", third)] {
                    write(dir, &[(name, &tar("error.log", text))]);
                }
                assert_eq!(n(dir, &["."]), want);
            });
        }
    }
}

/// What `sources` notes of one.
fn note(dir: &Path, source: &str, arguments: &[&str]) -> String {
    let sources = ["export", "-q", "--table", "sources"];
    let rows = Rows::parse(&stdout(&run(dir, &[&sources, arguments].concat())));
    let row = (0..rows.len()).find(|&row| rows.get(row, "source") == source);
    rows.get(row.expect("there"), "notes").to_owned()
}

/// Members of one archive are compared with those before them.
#[test]
fn members_of_one_archive_count_once() {
    let log = sample();
    let (packed, start) = (packed::gzip(&log), head(&log, 60));
    let members: [&[(&str, &[u8])]; 4] = [
        &[("x/error.log.1", &log), ("x/error.log.1.gz", &packed)],
        &[("x/error.log.1", &log), ("x/error.log.1", &log)],
        &[
            ("a", &start),
            ("notes", b"hello"),
            ("b", &packed),
            ("c", &start),
            ("d", &log),
        ],
        &[("d/web1/var/log/nginx/a", &log), ("b", &log)],
    ];
    for members in members {
        in_directory(|dir| {
            write(dir, &[("all.tar.gz", &packed::gzip(&tar_of(members)))]);
            for threads in ["1", "2", "5"] {
                let arguments = ["--threads", threads, "all.tar.gz"];
                assert_eq!(n_records(dir, &arguments), 127, "{threads}");
            }
            // Beside another archive, and where the same lies loose.
            write(dir, &[("more.tar", &tar_of(members))]);
            assert_eq!(n_records(dir, &["."]), 127);
            write(dir, &[("error.log", &log)]);
            assert_eq!(n_records(dir, &["."]), 127);
        });
    }
    in_directory(|dir| {
        write(dir, &[("all.tar", &tar_of(members[0]))]);
        let note = note(dir, "all.tar!x/error.log.1.gz", &["all.tar"]);
        assert_eq!(
            note,
            "127 of its 127 lines are the same as those of all.tar!x/error.log.1 and counted there"
        );
        // Machines that their paths tell apart, as loose files.
        let two: [(&str, &[u8]); 2] = [
            ("web1/var/log/nginx/error.log", &log),
            ("web2/var/log/nginx/error.log", &log),
        ];
        write(dir, &[("two.tar", &tar_of(&two))]);
        assert_eq!(n_records(dir, &["two.tar"]), 254);
        assert_eq!(n_records(dir, &["--host", "web2", "two.tar"]), 127);
    });
}

/// Where no client tells one log from another, the whole content does, if it tells of more than one start.
#[test]
fn copies_without_a_client_count_once() {
    let crash = |n: usize| {
        let (minute, second) = (n / 60 % 60, n % 60);
        format!(
            "2026/11/20 11:{minute:02}:{second:02} [alert] 1#1: worker process {n} exited on signal 11\n"
        )
    };
    // Of the longer, more than is looked at beforehand.
    for n in [5, 20_000] {
        let log: String = (0..n).map(crash).collect();
        let other = format!("{log}{}", crash(n));
        in_directory(|dir| {
            write(dir, &[("error.log", log.as_bytes())]);
            let want = n_events(dir, &["."]);
            assert_eq!(want, n as u64);
            write(
                dir,
                &[
                    ("copy.log", log.as_bytes()),
                    ("c.gz", &packed::gzip(log.as_bytes())),
                ],
            );
            for mmap in ["auto", "never"] {
                assert_eq!(n_events(dir, &["--mmap", mmap, "."]), want, "{mmap}");
            }
            // One that goes on may be another's.
            write(dir, &[("other.log", other.as_bytes())]);
            assert_eq!(n_events(dir, &["."]), 2 * want + 1);
        });
    }
    in_directory(|dir| {
        // What a start is made of is the same only in one rotated set.
        let start = crash(1);
        write(
            dir,
            &[
                ("error.log", start.as_bytes()),
                ("error.log.1", start.as_bytes()),
            ],
        );
        assert_eq!(n_events(dir, &["."]), 1);
        write(dir, &[("other.log", start.as_bytes())]);
        assert_eq!(n_events(dir, &["."]), 2);
    });
}

/// What follows damage is not compared, and that is said.
#[test]
fn what_follows_damage_counts_twice_and_is_said() {
    in_directory(|dir| {
        let log = sample();
        // A member of gzip that ends before its time, and another behind it.
        let start = head(&log, 80);
        let first = packed::gzip(&start);
        let mut damaged = first[..first.len() - 200].to_vec();
        damaged.extend(packed::gzip(&log[start.len()..]));
        write(
            dir,
            &[("a.log.gz", &damaged), ("b.log.gz", &packed::gzip(&log))],
        );
        let files = ["a.log.gz", "b.log.gz"];
        assert!(n_records(dir, &files) > 127);
        let said = note(dir, "b.log.gz", &files);
        assert!(said.contains("twice"), "{said}");
        // Of a plain copy nobody knows that it is damaged.
        let mut damaged = log.clone();
        damaged[start.len()..start.len() + 20].fill(b'x');
        write(dir, &[("c.log", &damaged), ("d.log", &log)]);
        let said = note(dir, "d.log", &["c.log", "d.log"]);
        let want =
            "its first 80 lines are the same as those of c.log and counted twice: then they differ";
        assert_eq!(said, want);
    });
}

/// Copies that were made on Windows: whichever of two is read first, and however much of it there is.
#[test]
fn copies_with_other_line_ends_count_once() {
    let with_returns = |text: &[u8]| -> Vec<u8> {
        let lines = text.split_inclusive(|&byte| byte == b'\n');
        let with_return = |line: &[u8]| match line.strip_suffix(b"\n") {
            Some(line) => [line, b"\r\n"].concat(),
            None => line.to_vec(),
        };
        lines.flat_map(with_return).collect()
    };
    let access =
        fs::read(root().join("samples/refused-after-deploy/access.log")).expect("a sample");
    // More than is looked at beforehand, in several blocks.
    let record = |n: usize| {
        let (minute, second) = (n / 3600 % 60, n / 60 % 60);
        format!(
            "2026/11/20 11:{minute:02}:{second:02} [error] 7#7: *{n} no live upstreams while connecting to upstream, client: 10.0.0.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://g/\", host: \"a\"\n"
        )
    };
    let long = (0..9_000).map(record).collect::<String>().into_bytes();
    for text in [sample(), access, long] {
        let n_lines = text.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let start = text.len() / 2;
        let start = start + line_len(&text[start..]);
        // A copy, one of a log that grew, and one that was cut in its last line.
        for len in [text.len(), start, start - 7] {
            let copies = [text[..len].to_vec(), with_returns(&text[..len])];
            let wholes = [with_returns(&text), text.clone()];
            for (copy, whole) in copies.into_iter().zip(wholes) {
                for (a, b) in [(&copy, &whole), (&whole, &copy)] {
                    in_directory(|dir| {
                        write(dir, &[("a.log", a), ("b.log", b)]);
                        let counted = || {
                            let all = ["export", "-q", "--table", "sources", "."];
                            let rows = Rows::parse(&stdout(&run(dir, &all)));
                            rows.sum("n_lines") - rows.sum("n_duplicate")
                        };
                        assert_eq!(counted(), n_lines);
                        write(
                            dir,
                            &[("c.log.gz", &packed::gzip(b)), ("t.tar", &tar("x", a))],
                        );
                        assert_eq!(counted(), n_lines);
                    });
                }
            }
        }
    }
}

/// Copies of a log that was being written, which end inside of a record: it counts once, as the whole log has it.
#[test]
fn a_record_that_a_copy_has_in_part_counts_once() {
    let place = root().join("samples/refused-after-deploy");
    let access = fs::read(place.join("access.log")).expect("a sample");
    let head = "2026/11/20 11:59:59 [error] 7#7: *9";
    let tail = "client: 10.0.0.9, server: a, request: \"GET /z HTTP/1.1\", upstream: \"http://10.9.9.9:80/z\", host: \"a\"\n";
    let of_two_lines = format!(
        "{head} FastCGI sent in stderr: \"PHP message: one\ntwo\" while reading response header from upstream, {tail}"
    );
    let mut error = sample();
    let after_first = error.len() + of_two_lines.find('\n').expect("two") + 1;
    error.extend(of_two_lines.bytes());
    error.extend(format!("{head} no live upstreams while connecting to upstream, {tail}").bytes());
    let len = error.len();
    let cuts = vec![len - 1, len - 70, len - 190, after_first];
    let events = ["time", "category", "upstream", "message", "trust"];
    cut_copies_count_once("events", &events, &error, &cuts);
    let requests = ["time", "status", "uri", "upstreams", "response_ms"];
    let cuts = [access.len() - 1, access.len() - 70];
    cut_copies_count_once("requests", &requests, &access, &cuts);
}

fn cut_copies_count_once(table: &str, columns: &[&str], whole: &[u8], cuts: &[usize]) {
    let rows_of = |dir: &Path, arguments: &[&str]| {
        let mut all = [&["export", "-q", "--table", table], arguments].concat();
        all.extend(Some("--all-requests").filter(|_| table == "requests"));
        let rows = Rows::parse(&stdout(&run(dir, &all)));
        let row = |row| {
            let values = columns.iter().map(|column| rows.get(row, column));
            values.collect::<Vec<_>>().join(" ")
        };
        let mut rows: Vec<String> = (0..rows.len()).map(row).collect();
        rows.sort();
        rows
    };
    let mut want = Vec::new();
    in_directory(|dir| {
        write(dir, &[("whole", whole)]);
        want = rows_of(dir, &["."]);
    });
    assert!(want.len() > 100);
    let packed_whole = packed::gzip(whole);
    for &cut in cuts {
        let (part, packed_part) = (&whole[..cut], packed::gzip(&whole[..cut]));
        let parts = [("", part), (".gz", &packed_part)];
        let wholes = [("", whole), (".gz", &packed_whole)];
        for (part, whole) in parts
            .into_iter()
            .flat_map(|part| wholes.map(|whole| (part, whole)))
        {
            for names in [["a", "b"], ["b", "a"]] {
                let name = |at: usize, suffix: &str| format!("{}.log{suffix}", names[at]);
                let (a, b) = (name(0, part.0), name(1, whole.0));
                in_directory(|dir| {
                    write(dir, &[(&a, part.1), (&b, whole.1)]);
                    for arguments in [
                        &["."][..],
                        &["--mmap", "never", "--threads", "3", "."],
                        &["--chunk-size", "500", "."],
                    ] {
                        let case = format!("{table} cut at {cut}: {a} of {b}, {arguments:?}");
                        assert_eq!(rows_of(dir, arguments), want, "{case}");
                    }
                });
            }
        }
        in_directory(|dir| {
            let members = [("m/a.log", part), ("m/b.log", whole)];
            write(dir, &[("one.tar", &tar_of(&members))]);
            assert_eq!(rows_of(dir, &["."]), want, "{table} in an archive");
            write(dir, &[("two.tar.gz", &packed::gzip(&tar("c.log", part)))]);
            assert_eq!(rows_of(dir, &["."]), want, "{table} in two archives");
        });
    }
}

/// How long the first line is, its end included.
fn line_len(text: &[u8]) -> usize {
    text.iter()
        .position(|&byte| byte == b'\n')
        .map_or(text.len(), |end| end + 1)
}
