//! Calls that the system refuses, one after the other: results are whole or the run says what is missing, and nothing kills it.
//!
//! SQLite's method, with `strace -e inject`; skipped, and said to be, where there is no strace or it may not trace.
#![cfg(target_os = "linux")]

use crate::{
    packed::gzip,
    support::{Rows, coroner, status, stderr, stdout},
    unpack_tar::{archive, file},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

const RECORD: &str = "2026/11/20 11:23:46 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, \
    client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\"\n";

/// Logs of each kind; in each, ten records.
fn logs(directory: &Path) -> [&'static str; 4] {
    // Of one client each: the same content would count once.
    let text = |n: usize| {
        RECORD
            .repeat(10)
            .replace("192.0.2.1", &format!("192.0.2.{n}"))
    };
    let tar = archive(&[file("x.log", text(3).as_bytes())]);
    fs::write(directory.join("a.log"), text(1)).expect("written");
    fs::write(directory.join("b.log.gz"), gzip(text(2).as_bytes())).expect("written");
    fs::write(directory.join("c.tar"), tar).expect("written");
    fs::write(directory.join("d.log"), text(4)).expect("written");
    ["a.log", "b.log.gz", "c.tar", "d.log"]
}

/// Runs the program under strace with `options`; `None` where that cannot be.
fn traced(directory: &Path, options: &[&str], arguments: &[&str]) -> Option<Output> {
    let output = Command::new("strace")
        .args(["-f", "-qq"])
        .args(options)
        .arg(coroner().get_program())
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    // strace's own complaint, and its status for it.
    let is_refused = stderr(&output).contains("strace:") || stderr(&output).contains("ptrace");
    (!is_refused).then_some(output)
}

/// Whether there is a strace that works; `CORONER_REQUIRE_TOOLS` makes its absence a failure.
fn has_strace(directory: &Path) -> bool {
    let is_there = traced(directory, &["-o", "/dev/null"], &["--version"])
        .is_some_and(|output| output.status.success());
    if !is_there {
        let is_required = std::env::var_os("CORONER_REQUIRE_TOOLS").is_some();
        assert!(!is_required, "strace is missing or may not trace");
        eprintln!("skipped: no strace that may trace");
    }
    is_there
}

/// The run with call number `when` of `call` on the file `name` failing with `error`.
fn injected(directory: &Path, name: &str, fault: (&str, &str, usize), table: &str) -> Output {
    let (call, error, when) = fault;
    let path = directory.join(name).display().to_string();
    let inject = format!("inject={call}:error={error}:when={when}");
    let trace = format!("trace={call}");
    let options = ["-o", "/dev/null", "-P", &path, "-e", &trace, "-e", &inject];
    let root = directory.display().to_string();
    traced(
        directory,
        &options,
        &["export", "--table", table, "--threads", "2", &root],
    )
    .expect("it worked before")
}

/// Ten events from each source that is whole; what is not is named, and the run incomplete.
fn check(output: &Output, name: &str, what: &str) {
    let rows = Rows::parse(&stdout(output));
    let mut n_whole = 0;
    for n in 0..rows.len() {
        let is_whole = rows.get(n, "problems").is_empty();
        let is_hurt = rows.get(n, "source").contains(name);
        assert!(is_whole || is_hurt, "{what}: {}", rows.get(n, "problems"));
        let problems = rows.get(n, "problems");
        assert!(!problems.contains("internal error"), "{what}: {problems}");
        let classes = [
            "n_records",
            "n_continuation",
            "n_cut",
            "n_torn",
            "n_injected",
            "n_unparsed",
            "n_blank",
            "n_duplicate",
        ];
        let n_lines: u64 = classes
            .iter()
            .map(|class| rows.get(n, class).parse::<u64>().expect("a count"))
            .sum();
        assert_eq!(rows.get(n, "n_lines"), n_lines.to_string(), "{what}");
        if is_whole {
            n_whole += 1;
            assert_eq!(
                rows.get(n, "n_events"),
                "10",
                "{what}: {}",
                rows.get(n, "source")
            );
        }
    }
    let is_complete = n_whole == 4;
    assert_eq!(
        status(output),
        i32::from(!is_complete),
        "{what}: {}",
        stderr(output)
    );
    assert!(
        is_complete || stderr(output).contains(name),
        "{what}: {}",
        stderr(output)
    );
}

#[test]
fn a13_a14_every_refused_call_on_an_input_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    if !has_strace(directory) {
        return;
    }
    for name in logs(directory) {
        for (call, errors) in [
            ("openat", ["EACCES", "ENOENT"]),
            ("read", ["EIO", "ESTALE"]),
            ("mmap", ["ENOMEM", "ENODEV"]),
        ] {
            for (when, error) in (1..=3).zip(errors.into_iter().cycle()) {
                let output = injected(directory, name, (call, error, when), "sources");
                check(&output, name, &format!("{call} {when} of {name}: {error}"));
            }
        }
    }
}

/// What was mapped once may not be again, or not opened: events come from a second pass.
#[test]
fn a14_a_second_pass_that_cannot_read_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    if !has_strace(directory) {
        return;
    }
    for name in logs(directory) {
        for (call, error) in [("openat", "ENOENT"), ("mmap", "ENOMEM"), ("read", "EIO")] {
            for when in 1..=5 {
                let output = injected(directory, name, (call, error, when), "events");
                let n_events = Rows::parse(&stdout(&output)).len();
                let what = format!("{call} {when} of {name}: {}", stderr(&output));
                assert!(matches!(status(&output), 0 | 1), "{what}");
                assert!(
                    n_events == 40 || status(&output) == 1 && stderr(&output).contains(name),
                    "{n_events} events, {what}"
                );
            }
        }
    }
}

/// Copies are found by reading their elders once more, and members of archives may be there for the second pass only.
#[test]
fn a14_copies_that_cannot_be_compared_are_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    if !has_strace(directory) {
        return;
    }
    let log = |client: usize| -> String {
        let record = RECORD.replace("192.0.2.1", &format!("192.0.2.{client}"));
        (10..30)
            .map(|second| record.replacen("23:46", &format!("23:{second}"), 1))
            .collect()
    };
    let tar = archive(&[
        file("x.log", log(2).as_bytes()),
        file("y.log", log(3).as_bytes()),
    ]);
    let names = ["a.log", "b.log.gz", "c.tar", "d.tar"];
    fs::write(directory.join(names[0]), log(1)).expect("written");
    fs::write(directory.join(names[1]), gzip(log(1).as_bytes())).expect("written");
    fs::write(directory.join(names[2]), &tar).expect("written");
    fs::write(directory.join(names[3]), &tar).expect("written");
    for name in names {
        for (call, error) in [("openat", "EIO"), ("read", "EIO"), ("statx", "ESTALE")] {
            for when in 1..=6 {
                for table in ["events", "sources"] {
                    let output = injected(directory, name, (call, error, when), table);
                    let rows = Rows::parse(&stdout(&output));
                    let n_events = match table {
                        "events" => rows.len() as u64,
                        _ => rows.sum("n_events"),
                    };
                    let said = stderr(&output);
                    let what = format!("{call} {when} of {name}, {n_events} {table}: {said}");
                    assert!(!said.contains("internal error"), "{what}");
                    let is_said = status(&output) == 1 && !said.is_empty();
                    assert!(is_said || status(&output) == 0 && n_events == 60, "{what}");
                }
            }
        }
    }
}

#[test]
fn a15_interrupted_reads_change_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    if !has_strace(directory) {
        return;
    }
    for name in logs(directory) {
        for when in 1..=3 {
            let output = injected(directory, name, ("read", "EINTR", when), "sources");
            assert_eq!(status(&output), 0, "{}", stderr(&output));
            check(&output, "nothing", "EINTR");
        }
    }
}

/// Threads that cannot be started are done without, down to none.
#[test]
fn e7_without_threads_it_works_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    if !has_strace(directory) {
        return;
    }
    logs(directory);
    for when in ["1", "2", "3", "4", "1+", "2+", "3+"] {
        let options = [
            "-o",
            "/dev/null",
            "-e",
            "trace=clone,clone3",
            "-e",
            &format!("inject=clone,clone3:error=EAGAIN:when={when}"),
        ];
        let arguments = ["export", "--table", "sources", "--threads", "4", "."];
        let output = traced(directory, &options, &arguments).expect("it worked before");
        assert_eq!(status(&output), 0, "{when}: {}", stderr(&output));
        check(&output, "nothing", when);
    }
}

/// No program is started and no file is made or changed, whatever an archive holds.
#[test]
fn d16_nothing_is_started_and_nothing_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    if !has_strace(directory) {
        return;
    }
    logs(directory);
    let trace = directory.join("trace").display().to_string();
    let calls = "trace=execve,execveat,open,openat,creat,mkdir,mkdirat,rename,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat";
    for table in ["failures", "events", "sources"] {
        let output = traced(
            directory,
            &["-o", &trace, "-e", calls],
            &["export", "--table", table, "c.tar", "b.log.gz"],
        )
        .expect("it worked before");
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        let text = fs::read_to_string(&trace).expect("written");
        let n_started = text.lines().filter(|line| line.contains("execve")).count();
        assert_eq!(n_started, 1, "{text}");
        let is_change = |line: &&str| {
            ["O_WRONLY", "O_RDWR", "O_CREAT"]
                .iter()
                .any(|flag| line.contains(flag))
                || ["mkdir", "rename", "link", "creat("]
                    .iter()
                    .any(|call| line.contains(&format!(" {call}")))
        };
        let changes: Vec<&str> = text
            .lines()
            .filter(is_change)
            .filter(|line| !line.contains("/dev/"))
            .collect();
        assert_eq!(changes, [""; 0]);
    }
}
