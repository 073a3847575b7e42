//! Little memory, few descriptors and threads: faults E of the catalogue, and those B and D that cost memory. Each test bears the
//! name of its row.
#![cfg(target_os = "linux")]

use crate::{
    fault_rows::{in_directory, log, record},
    packed::{PACKERS, gzip, zstd},
    support::{Rows, coroner, status, stderr, stdout},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The program with resources taken away as `prlimit` does, if that is there.
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
        let Some(output) = starved(dir, "--as=268435456", &arguments) else {
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
#[test]
fn e7_e8_with_less_memory_it_is_slower_or_says_so() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), log(2_000)).expect("written");
        // Another client: the same content would count once.
        let other = log(2_000).replace("client: ", "client: 2001:db8::");
        fs::write(dir.join("b.log.gz"), gzip(other.as_bytes())).expect("written");
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

/// Of an output that fits nowhere nothing is left, and the run ends: a report is written at once, when all is known.
#[test]
fn e6_files_that_may_not_grow() {
    in_directory(|dir| {
        fs::write(dir.join("a.log"), log(1_000)).expect("written");
        for arguments in [
            &["a.log", "-o", "report.html"][..],
            &["export", "a.log", "-o", "tables/", "--format", "csv"],
            &["compare", "a.log", "--after", "a.log", "-o", "fixed.html"],
        ] {
            let output = Command::new("timeout")
                .args(["-s", "KILL", "60", "prlimit", "--fsize=1024"])
                .arg(coroner().get_program())
                .args(arguments)
                .current_dir(dir)
                .stdin(Stdio::null())
                .output()
                .expect("coreutils are there");
            let what = format!("{arguments:?}: {}", stderr(&output));
            if what.contains("prlimit") {
                eprintln!("skipped: no prlimit");
                return;
            }
            assert_eq!(output.status.code(), Some(3), "{what}");
            assert!(what.contains("File too large"), "{what}");
            assert_eq!(fs::read_dir(dir).expect("listed").count(), 1, "{what}");
        }
    });
}

#[test]
fn e10_few_descriptors_are_enough() {
    in_directory(|dir| {
        for n in 0..300 {
            // Clients of their own: the same content would count once.
            let log = |n_records, kind| {
                log(n_records).replace("client: ", &format!("client: {kind}:{n}::"))
            };
            fs::write(dir.join(format!("{n}.log")), log(2, "a")).expect("written");
            fs::write(dir.join(format!("{n}.gz")), gzip(log(1, "b").as_bytes())).expect("written");
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
