//! Windows of one log that overlap: what two hold counts once, wherever it stands in them, and machines that write alike stay apart.

use super::{
    packed,
    support::{Rows, root, run, run_with_input, stdout},
};
use std::{fs, ops::Range, path::Path};

fn in_directory(test: impl FnOnce(&Path)) {
    test(tempfile::tempdir().expect("a directory").path());
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(root().join("samples/refused-after-deploy").join(name)).expect("a sample")
}

/// Some lines of a text.
fn lines(text: &[u8], range: Range<usize>) -> Vec<u8> {
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    lines[range.start..range.end.min(lines.len())].concat()
}

/// Rows of a table.
fn n_rows(dir: &Path, table: &str, arguments: &[&str]) -> usize {
    let all = [&["export", "-q", "--table", table], arguments].concat();
    Rows::parse(&stdout(&run(dir, &all))).len()
}

/// What is counted without looking at single records.
fn n_counted(dir: &Path, arguments: &[&str]) -> u64 {
    let all = [&["export", "-q", "--table", "sources"], arguments].concat();
    Rows::parse(&stdout(&run(dir, &all))).sum("n_records")
}

fn note(dir: &Path, source: &str) -> String {
    let rows = Rows::parse(&stdout(&run(
        dir,
        &["export", "-q", "--table", "sources", "."],
    )));
    let row = (0..rows.len()).find(|&row| rows.get(row, "source") == source);
    rows.get(row.expect("there"), "notes").to_owned()
}

const LOGS: [(&str, &str); 2] = [("error.log", "events"), ("access.log", "requests")];

/// Lines of the windows.
const WINDOWS: [&[Range<usize>]; 5] = [
    &[0..80, 50..127],
    &[0..60, 40..100, 80..127],
    &[0..70, 30..100, 50..127],
    &[0..127, 30..90],
    &[0..100, 0..60, 40..127, 40..70],
];

/// Whatever lies where, and however it is packed and read.
#[test]
fn windows_of_one_log_count_once() {
    for (log, table) in LOGS {
        let text = lines(&sample(log), 0..127);
        for windows in WINDOWS {
            let n = windows.len();
            // Which window has which name, and which of them are packed.
            for (first, packing) in [(0, 0), (1, 0), (0, 1), (1, 6)] {
                in_directory(|dir| {
                    fs::write(dir.join("whole"), &text).expect("written");
                    let of = |arguments: &[&str]| {
                        (n_rows(dir, table, arguments), n_counted(dir, arguments))
                    };
                    let want = of(&["whole"]);
                    assert!(want.0 > 0 && want.1 > 100, "{want:?}");
                    fs::remove_file(dir.join("whole")).expect("there");
                    for (index, window) in windows.iter().enumerate() {
                        let (window, number) = (lines(&text, window.clone()), (first + index) % n);
                        let is_packed = packing >> index & 1 == 1;
                        let (suffix, bytes) = if is_packed {
                            (".gz", packed::gzip(&window))
                        } else {
                            ("", window)
                        };
                        fs::write(dir.join(format!("{log}.{number}{suffix}")), bytes)
                            .expect("written");
                    }
                    let case = format!("{log} {windows:?} {first} {packing}");
                    assert_eq!(of(&["."]), want, "{case}");
                    if first == 0 {
                        let arguments = ["--mmap", "never", "--threads", "2", "."];
                        assert_eq!(of(&arguments), want, "{case}");
                        let arguments = ["--chunk-size", "1000", "--threads", "1", "."];
                        assert_eq!(of(&arguments), want, "{case}");
                    }
                });
            }
        }
    }
}

/// Copies under names that tell nothing, in archives, and of lines that were cut where the copy begins.
#[test]
fn what_proves_itself_counts_once_under_any_name() {
    for (log, table) in LOGS {
        let text = lines(&sample(log), 0..127);
        let (a, b) = (lines(&text, 0..80), lines(&text, 50..127));
        let cut = &b[20..];
        // Where the first line is no record, no format of access lines can be told.
        let is_told = table == "events";
        for b in [Some(&b[..]), Some(cut).filter(|_| is_told)]
            .into_iter()
            .flatten()
        {
            in_directory(|dir| {
                let of =
                    |arguments: &[&str]| (n_rows(dir, table, arguments), n_counted(dir, arguments));
                fs::write(dir.join("whole"), &text).expect("written");
                let want = of(&["whole"]);
                fs::remove_file(dir.join("whole")).expect("there");
                for names in [["monday", "tuesday"], ["tuesday", "monday"]] {
                    fs::write(dir.join(names[0]), &a).expect("written");
                    fs::write(dir.join(names[1]), b).expect("written");
                    assert_eq!(of(&["."]), want, "{log} {names:?}");
                    let said = note(dir, names[1]);
                    let n = "30 of its 77 lines are the same as those of";
                    assert!(said.starts_with(n), "{said}");
                }
                // Packed.
                let (a, b) = (packed::gzip(&a), packed::gzip(b));
                for files in [["monday.gz", "tuesday"], ["monday.gz", "tuesday.gz"]] {
                    fs::remove_file(dir.join("monday")).ok();
                    fs::remove_file(dir.join("tuesday")).ok();
                    fs::write(dir.join(files[0]), &a).expect("written");
                    let is_packed = files[1].ends_with(".gz");
                    let b = if is_packed {
                        &b
                    } else {
                        &lines(&text, 50..127)
                    };
                    fs::write(dir.join(files[1]), b).expect("written");
                    assert_eq!(of(&["."]), want, "{log} {files:?}");
                }
            });
        }
    }
}

/// Two machines that write the same lines in the same seconds, and one log that holds a line twice.
#[test]
fn what_proves_nothing_counts_twice() {
    let check = |second: usize| {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!(
            "10.0.0.1 - - [20/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET /health HTTP/1.1\" 200 2 \"-\" \"probe\"\n"
        )
    };
    let checks = |seconds: Range<usize>| seconds.map(check).collect::<String>();
    let counted = |files: &[(&str, &str)]| {
        let mut n = 0;
        in_directory(|dir| {
            for (name, text) in files {
                let path = dir.join(name);
                fs::create_dir_all(path.parent().expect("a directory")).expect("made");
                fs::write(path, text).expect("written");
            }
            n = n_counted(dir, &["."]);
        });
        n
    };
    let (a, b) = (checks(0..3000), checks(1000..4000));
    assert_eq!(counted(&[("web1.log", &a), ("web2.log", &b)]), 6000);
    assert_eq!(
        counted(&[("one/access.log", &a), ("two/access.log", &b)]),
        6000
    );
    // Of one rotated set, no log goes back in time.
    assert_eq!(counted(&[("access.log.1", &a), ("access.log", &b)]), 4000);
    // Two servers on one machine.
    let two = [
        ("web1/var/log/nginx/a.log", &a[..]),
        ("web1/var/log/nginx/b.log", &b[..]),
    ];
    assert_eq!(counted(&two), 6000);
    // Requests of one second, on both sides of a rotation.
    let (a, b) = (
        check(7).repeat(30),
        format!("{}{}", check(7).repeat(20), check(8)),
    );
    assert_eq!(
        counted(&[
            ("access.log.1", &format!("{}{a}", check(6))),
            ("access.log", &b)
        ]),
        52
    );
    // Machines that their paths tell apart.
    let access = String::from_utf8(sample("access.log")).expect("text");
    let text = access.into_bytes();
    let (a, b) = (lines(&text, 0..400), lines(&text, 200..599));
    let (a, b) = (
        String::from_utf8(a).expect("text"),
        String::from_utf8(b).expect("text"),
    );
    let apart = [
        ("web1/var/log/nginx/access.log", &a[..]),
        ("web2/var/log/nginx/access.log", &b[..]),
    ];
    assert_eq!(counted(&apart), 799);
    assert_eq!(
        counted(&[
            ("web1/var/log/nginx/access.log", &a),
            ("web1/var/log/nginx/x.log", &b)
        ]),
        599
    );
}

/// What comes from a pipe is compared with files as it comes; where that is not enough, it is said.
#[test]
fn what_a_pipe_may_hold_twice_is_said() {
    let text = sample("error.log");
    let (start, end) = (lines(&text, 0..80), lines(&text, 50..127));
    let tar = |members: &[(&str, &[u8])]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, text) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder
                .append_data(&mut header, name, *text)
                .expect("memory");
        }
        builder.into_inner().expect("memory")
    };
    let said =
        "what others hold of it too may count twice: it came from a pipe and cannot be read again";
    // What lies in files, what comes, the records, and whether anything may count twice.
    let of_one = tar(&[("a.log", &text)]);
    let of_two = tar(&[("a.log", &text), ("b.log", &text)]);
    let apart = tar(&[
        ("error.log.1", &lines(&text, 0..60)),
        ("error.log", &lines(&text, 60..127)),
    ]);
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let cases: [(Files<'_>, &[u8], u64, bool); 8] = [
        (&[("a.log", &text)], &text, 127, false),
        (&[("x.tar", &of_one)], &text, 127, false),
        (&[("x.tar", &of_one)], &of_one, 127, false),
        (&[("a.log", &text)], &of_two, 127, false),
        (&[("a.log", &start)], &end, 157, true),
        (&[], &of_two, 254, true),
        (&[], &apart, 127, false),
        (&[("access.log", &sample("access.log"))], &text, 726, false),
    ];
    for (index, (files, input, want, is_said)) in cases.into_iter().enumerate() {
        in_directory(|dir| {
            for (name, text) in files {
                fs::write(dir.join(name), text).expect("written");
            }
            let arguments = ["export", "-q", "--table", "sources", ".", "-"];
            let rows = Rows::parse(&stdout(&run_with_input(dir, &arguments, input)));
            assert_eq!(rows.sum("n_records"), want, "{index}");
            let n_said = (0..rows.len()).filter(|&row| rows.get(row, "notes").contains(said));
            assert_eq!(n_said.count(), usize::from(is_said), "{index}");
        });
    }
}

/// Beside a pipe nothing can be counted again: windows that overlap count twice, and that is said.
#[test]
fn windows_beside_a_pipe_are_said_to_count_twice() {
    let text = sample("error.log");
    in_directory(|dir| {
        fs::write(dir.join("a.log"), lines(&text, 0..80)).expect("written");
        fs::write(dir.join("b.log"), lines(&text, 50..127)).expect("written");
        let arguments = ["export", "-q", "--table", "sources", ".", "-"];
        let output = run_with_input(dir, &arguments, &sample("access.log"));
        let rows = Rows::parse(&stdout(&output));
        assert_eq!(rows.sum("n_records"), 157 + 599);
        let notes = (0..rows.len()).map(|row| rows.get(row, "notes"));
        let said: Vec<&str> = notes.filter(|note| !note.is_empty()).collect();
        assert_eq!(
            said,
            [
                "what others hold of it too may count twice: it begins inside another, and what came from a pipe cannot be counted again"
            ]
        );
    });
}

/// Of very many packed logs, not all are unpacked once more to be compared, and those that are left are named.
#[test]
fn what_is_too_much_to_unpack_again_is_said() {
    in_directory(|dir| {
        let text = String::from_utf8(sample("error.log")).expect("text");
        // Some three megabytes: a pair of two costs all of them.
        let logs = (1..=100).map(|n| (n, text.replace('*', &format!("*{n}"))));
        let mut builder = tar::Builder::new(Vec::new());
        for (n, log) in logs {
            let mut header = tar::Header::new_gnu();
            header.set_size(log.len() as u64);
            let name = format!("service-{n}x.log");
            builder
                .append_data(&mut header, name, log.as_bytes())
                .expect("memory");
        }
        let archive = builder.into_inner().expect("memory");
        fs::write(dir.join("all.tgz"), packed::gzip(&archive)).expect("written");
        let rows = Rows::parse(&stdout(&run(
            dir,
            &["export", "-q", "--table", "sources", "."],
        )));
        assert_eq!((rows.len(), rows.sum("n_duplicate")), (100, 0));
        let told = |row| {
            rows.get(row, "notes")
                .contains("too long to be unpacked once more")
        };
        let n_told = (0..rows.len()).filter(|&row| told(row)).count();
        assert_eq!(n_told, 100);
    });
}

/// Packed logs of one rotation, of which a line stands a second out of its order where they meet.
#[test]
fn what_only_meets_counts_as_it_is() {
    for (log, table) in LOGS {
        let text = lines(&sample(log), 0..127);
        let part = |range: Range<usize>| lines(&text, range);
        for edge in 20..110 {
            let elder = [part(0..edge), part(edge + 3..edge + 4)].concat();
            let younger = [part(edge..edge + 3), part(edge + 4..127)].concat();
            in_directory(|dir| {
                for (number, part) in [(2, elder), (1, younger)] {
                    let name = format!("{log}.{number}.gz");
                    fs::write(dir.join(name), packed::gzip(&part)).expect("written");
                }
                assert_eq!(n_counted(dir, &["."]), 127, "{table} {edge}");
            });
        }
    }
}
