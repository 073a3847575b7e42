//! What stands on the terminal while a run lasts, and what is left when somebody ends it.
#![cfg(unix)]

use crate::support::coroner;
use coroner::export::schema::TABLES;
use std::{
    fs,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

const RECORD: &str = "2026/11/20 11:23:46 [error] 16993#16993: *1 connect() failed (111: Connection refused) while connecting to upstream, \
    client: 192.0.2.1, server: a.example, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"a.example\"\n";

/// By name for `kill`, by number for the status.
const SIGNALS: [(&str, i32); 3] = [("HUP", 1), ("INT", 2), ("TERM", 15)];

/// How long a machine at work may be slow.
const PATIENCE: Duration = Duration::from_secs(30);

fn wait_until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < limit, "not in {limit:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("listed");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("there").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn has_part(directory: &Path) -> bool {
    names(directory).iter().any(|name| name.ends_with(".part"))
}

/// A run whose input does not end, in `directory`.
fn start(directory: &Path, arguments: &[&str]) -> Child {
    let mut child = coroner()
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdin = child.stdin.as_mut().expect("piped");
    stdin.write_all(RECORD.as_bytes()).expect("it reads");
    child
}

fn send(name: &str, child: &Child) {
    signal(name, &child.id().to_string());
}

fn signal(name: &str, pid: &str) {
    let command = format!("kill -{name} {pid}");
    let sent = Command::new("sh").args(["-c", &command]).status();
    assert!(sent.is_ok_and(|status| status.success()), "{command}");
}

/// Waits for the end of `child`, no longer than `limit`: its status, stdout and stderr.
fn end(child: &mut Child, limit: Duration) -> (ExitStatus, String, String) {
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if started.elapsed() > limit {
            let _ = child.kill();
            panic!("it did not end in {limit:?}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let (mut out, mut err) = (String::new(), String::new());
    let pipes = (child.stdout.as_mut(), child.stderr.as_mut());
    if let (Some(stdout), Some(stderr)) = pipes {
        stdout.read_to_string(&mut out).expect("UTF-8");
        stderr.read_to_string(&mut err).expect("UTF-8");
    }
    (status, out, err)
}

#[test]
fn a_signal_ends_the_run_and_leaves_nothing() {
    for (name, number) in SIGNALS {
        for arguments in [
            &["-", "-o", "report.md"][..],
            &["export", "-", "-o", "failures.csv"],
            &["export", "-", "-o", "./", "--format", "jsonl"],
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let mut child = start(directory.path(), arguments);
            wait_until("the part is there", PATIENCE, || has_part(directory.path()));
            send(name, &child);
            let (status, out, err) = end(&mut child, PATIENCE);
            assert_eq!(status.signal(), Some(number), "{arguments:?}: {status}");
            assert_eq!((out.as_str(), err.as_str()), ("", ""), "{arguments:?}");
            assert_eq!(names(directory.path()), [""; 0], "{name} {arguments:?}");
        }
    }
}

#[test]
fn a_directory_made_for_a_run_that_is_ended_goes_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let deep = directory.path().join("new/deep");
    let arguments = ["export", "-", "-o", "new/deep/"];
    let mut child = start(directory.path(), &arguments);
    wait_until("the parts are there", PATIENCE, || {
        deep.exists() && names(&deep).len() == TABLES.len()
    });
    send("TERM", &child);
    let (status, ..) = end(&mut child, PATIENCE);
    assert_eq!(status.signal(), Some(15));
    assert_eq!(names(directory.path()), [""; 0]);
}

/// Tables of one run get their names together: while one is still being written, those before it have their old content.
#[test]
fn a_set_of_tables_is_of_one_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("error.log"), RECORD.repeat(5_000)).expect("written");
    let tables = TABLES.iter().map(|table| format!("{}.csv", table.name));
    let (slow, others): (Vec<String>, Vec<String>) =
        tables.partition(|table| table == "events.csv");
    for table in &others {
        fs::write(path(table), "old").expect("written");
    }
    // Whoever writes more than a pipe holds waits for its reader.
    let made = Command::new("mkfifo").arg(path(&slow[0])).status();
    assert!(made.is_ok_and(|status| status.success()));
    let mut child = start(
        directory.path(),
        &["export", "error.log", "-o", "./", "--force"],
    );
    let mut reader = fs::File::open(path(&slow[0])).expect("a pipe");
    reader.read_exact(&mut [0]).expect("some of it");
    send("INT", &child);
    let (status, ..) = end(&mut child, PATIENCE);
    assert_eq!(status.signal(), Some(2));
    for table in &others {
        let content = fs::read_to_string(path(table)).expect("there");
        assert_eq!(content, "old", "{table}");
    }
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = ["export", "-", "-o", "failures.csv"];
    let mut killed = start(directory.path(), &arguments);
    let mut alive = start(directory.path(), &arguments);
    wait_until("both are there", PATIENCE, || {
        names(directory.path()).len() == 2
    });
    send("KILL", &killed);
    let (status, ..) = end(&mut killed, PATIENCE);
    assert_eq!(status.signal(), Some(9));
    let parts = names(directory.path());
    assert_eq!(parts.len(), 2);
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    for part in &parts {
        let file = fs::File::options()
            .write(true)
            .open(directory.path().join(part));
        file.and_then(|file| file.set_modified(long_ago))
            .expect("set");
    }
    fs::write(directory.path().join("error.log"), RECORD).expect("written");
    let next = crate::support::run(directory.path(), &["export", "error.log", "-o", "next.csv"]);
    assert!(next.status.success());
    // That of the one that lives is left, and becomes its output.
    let left = names(directory.path());
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().any(|name| parts.contains(name)));
    drop(alive.stdin.take());
    let (status, ..) = end(&mut alive, PATIENCE);
    assert!(status.success());
    assert_eq!(
        names(directory.path()),
        ["error.log", "failures.csv", "next.csv"]
    );
}

#[test]
fn what_was_to_be_overwritten_stays_as_it_was() {
    for (name, number) in SIGNALS {
        let directory = tempfile::tempdir().expect("a directory");
        let old = directory.path().join("failures.csv");
        fs::write(&old, "old").expect("written");
        let arguments = ["export", "-", "-o", "failures.csv", "--force"];
        let mut child = start(directory.path(), &arguments);
        wait_until("the part is there", PATIENCE, || has_part(directory.path()));
        send(name, &child);
        assert_eq!(end(&mut child, PATIENCE).0.signal(), Some(number));
        assert_eq!(names(directory.path()), ["failures.csv"]);
        assert_eq!(fs::read_to_string(&old).expect("there"), "old");
    }
}

#[test]
fn what_was_kept_of_a_stream_goes_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let spools = directory.path().join("tmp");
    fs::create_dir(&spools).expect("made");
    let mut child = coroner()
        .current_dir(directory.path())
        .args(["export", "-", "--table", "events", "-o", "events.csv"])
        .env("TMPDIR", &spools)
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_until("the spool is there", PATIENCE, || {
        !names(&spools).is_empty() && has_part(directory.path())
    });
    send("INT", &child);
    assert_eq!(end(&mut child, PATIENCE).0.signal(), Some(2));
    assert_eq!(names(directory.path()), ["tmp"]);
    assert_eq!(names(&spools), [""; 0]);
}

/// At whatever moment it comes: the output is whole or absent, and nothing else is there.
#[test]
fn a_signal_at_any_moment_leaves_a_whole_file_or_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let log: String = (0..20_000)
        .map(|n| RECORD.replace("10.0.0.1", &format!("10.0.{}.{}", n / 250, n % 250)))
        .collect();
    fs::write(directory.path().join("a.log"), log).expect("written");
    let run = |delay: Option<Duration>| {
        let mut child = coroner()
            .current_dir(directory.path())
            .args(["export", "a.log", "--table", "events", "-o", "out.csv"])
            .spawn()
            .expect("it starts");
        if let Some(delay) = delay {
            thread::sleep(delay);
            send("TERM", &child);
        }
        end(&mut child, PATIENCE).0
    };
    let out = directory.path().join("out.csv");
    let started = Instant::now();
    assert!(run(None).success());
    let duration = started.elapsed();
    let whole = fs::read(&out).expect("written");
    for moment in 0..40 {
        fs::remove_file(&out).ok();
        let status = run(Some(duration * moment / 32));
        assert!(
            status.signal() == Some(15) || status.success(),
            "{moment}: {status}"
        );
        if out.exists() {
            assert!(fs::read(&out).expect("readable") == whole, "{moment}");
        } else {
            assert!(!status.success(), "{moment}");
        }
        assert!(!has_part(directory.path()), "{moment}");
    }
}

/// As `nohup` and shells leave it: who has signals ignored means it.
#[cfg(target_os = "linux")]
#[test]
fn an_ignored_signal_stays_ignored() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = coroner().get_program().to_owned();
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP INT; exec \"$0\" - -o report.md"])
        .arg(program)
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_until("the part is there", PATIENCE, || has_part(directory.path()));
    send("HUP", &child);
    send("INT", &child);
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().expect("a child").is_none(), "it ended");
    assert!(has_part(directory.path()));
    send("TERM", &child);
    assert_eq!(end(&mut child, PATIENCE).0.signal(), Some(15));
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn pipes_get_no_progress() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [&["-"][..], &["export", "-", "--table", "events"]] {
        let mut child = start(directory.path(), arguments);
        thread::sleep(Duration::from_millis(700));
        drop(child.stdin.take());
        let (status, out, err) = end(&mut child, PATIENCE);
        assert!(status.success() && out.contains("10.0.0.1:80"), "{out}");
        assert_eq!(err, "", "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
mod terminal {
    use super::*;

    /// Runs a shell command on a terminal of its own; what is typed comes from the child's stdin, what is shown goes to its
    /// stdout. `None` if there is no `script`.
    fn on_terminal(directory: &Path, command: &str, settings: &[(&str, &str)]) -> Option<Child> {
        let has_script = Command::new("script").arg("--version").output();
        if !has_script.is_ok_and(|output| output.status.success()) {
            let required = std::env::var("CORONER_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
            assert!(!required, "`script` of util-linux is missing");
            eprintln!("SKIPPED terminals: `script` of util-linux is missing (Debian: bsdutils)");
            return None;
        }
        let program = coroner().get_program().to_owned();
        let mut script = Command::new("script");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CORONER_") {
                script.env_remove(name);
            }
        }
        let child = script
            .args(["-qec", command, "/dev/null"])
            .current_dir(directory)
            .env("PROGRAM", program)
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env_remove("CI")
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Some(child.expect("it starts"))
    }

    /// What is left on one line to which `bytes` were written.
    fn left(bytes: &str) -> String {
        let last = bytes.rsplit("\r\u{1b}[2K").next().unwrap_or_default();
        last.trim_matches(['\r', '\n']).to_owned()
    }

    const SLOW: &str = "{ cat a.log; sleep 1; } | $PROGRAM export - --table events -o events.csv";
    const SHORT: &str = "cat a.log | $PROGRAM export - --table events -o events.csv";

    fn shown(command: &str, settings: &[(&str, &str)]) -> Option<String> {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("a.log"), RECORD.repeat(400)).expect("written");
        let mut child = on_terminal(directory.path(), command, settings)?;
        let _keys = child.stdin.take(); // dropped, it would be typed that input ends
        let (status, out, _) = end(&mut child, PATIENCE);
        assert!(status.success(), "{status}: {out}");
        assert_eq!(names(directory.path()), ["a.log", "events.csv"]);
        Some(out)
    }

    #[test]
    fn progress_appears_and_goes_without_a_trace() {
        let Some(out) = shown(SLOW, &[]) else {
            return;
        };
        assert!(out.contains(" kB, ") && out.contains("/s"), "{out:?}");
        assert_eq!(left(&out), "", "{out:?}");
        // NO_COLOR is set: nothing but clearing.
        let escapes = out.matches('\u{1b}').count();
        assert_eq!(escapes, out.matches("\r\u{1b}[2K").count(), "{out:?}");
        let n_draws = out.matches("/s").count();
        assert!((1..30).contains(&n_draws), "{n_draws}");
        // A terminal of a few columns, and one that does not know its own size.
        for columns in [1, 7, 0] {
            let command = format!("stty cols {columns} rows 1; {SLOW}");
            let out = shown(&command, &[]).expect("there is `script`");
            assert!(out.contains('\u{1b}'), "{out:?}");
            assert_eq!(left(&out), "", "{out:?}");
        }
    }

    #[test]
    fn short_runs_quiet_ones_and_bad_terminals_show_none() {
        for (command, setting) in [
            (SLOW, ("CORONER_QUIET", "true")),
            (SLOW, ("CORONER_NO_PROGRESS", "true")),
            (SLOW, ("CI", "true")),
            (SLOW, ("TERM", "dumb")),
            (SHORT, ("CI", "")),
        ] {
            let Some(out) = shown(command, &[setting]) else {
                return;
            };
            assert_eq!(out, "", "{setting:?}");
        }
    }

    #[test]
    fn colours_are_for_terminals_that_have_them() {
        for (settings, is_coloured) in [
            (&[("NO_COLOR", "")][..], true),
            (&[("NO_COLOR", ""), ("TERM", "dumb")], false),
            (&[("NO_COLOR", "1")], false),
        ] {
            let command = "$PROGRAM a.log; cp a.log events.csv";
            let Some(out) = shown(command, settings) else {
                return;
            };
            assert_eq!(out.contains('\u{1b}'), is_coloured, "{settings:?}");
        }
    }

    /// Nobody reads what is shown, and so much is shown that drawing does not come back.
    #[test]
    fn a_stopped_terminal_keeps_nobody() {
        let directory = tempfile::tempdir().expect("a directory");
        let command = "stty cols 60000 rows 9; echo $$ > pid; exec $PROGRAM - -o report.md";
        let Some(mut child) = on_terminal(directory.path(), command, &[]) else {
            return;
        };
        wait_until("the part is there", PATIENCE, || has_part(directory.path()));
        thread::sleep(Duration::from_millis(1500));
        let pid = fs::read_to_string(directory.path().join("pid")).expect("written");
        signal("TERM", pid.trim());
        let process = Path::new("/proc").join(pid.trim());
        wait_until("it has ended", PATIENCE, || {
            let status = fs::read_to_string(process.join("status"));
            !status.is_ok_and(|status| !status.contains("State:\tZ"))
        });
        assert_eq!(names(directory.path()), ["pid"]);
        let mut stdout = child.stdout.take().expect("piped");
        let reader = thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        let (status, ..) = end(&mut child, PATIENCE);
        assert_eq!(status.code(), Some(128 + 15));
        let n_bytes = reader.join().expect("no panic").expect("readable");
        assert!(n_bytes > 60_000, "{n_bytes}");
    }

    #[test]
    fn ctrl_c_clears_the_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let command = "$PROGRAM - -o report.md; echo ended $?";
        let Some(mut child) = on_terminal(directory.path(), command, &[]) else {
            return;
        };
        wait_until("the part is there", PATIENCE, || has_part(directory.path()));
        thread::sleep(Duration::from_millis(600));
        let keys = child.stdin.as_mut().expect("piped");
        keys.write_all(b"\x03").expect("typed");
        wait_until("the part is gone", PATIENCE, || !has_part(directory.path()));
        let (_, out, _) = end(&mut child, PATIENCE);
        assert!(out.contains("0 B, 0 B/s"), "{out:?}");
        assert_eq!(names(directory.path()), [""; 0], "{out:?}");
        // The shell dies of it too, unless it goes on and says what it saw.
        assert!(["", "ended 130"].contains(&left(&out).as_str()), "{out:?}");
    }
}
