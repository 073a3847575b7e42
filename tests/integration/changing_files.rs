//! Files that change while they are read, and files that are none: rows A1 to A16 of our catalogue of faults, as far as one
//! source can meet them. Nothing here may end by a signal, wait for ever, or go unnoticed.

use crate::{
    fault_rows::log,
    generate::Rng,
    packed,
    support::{Rows, coroner, run, status, stderr, stdout},
    unpack_tar::{archive, file},
};
use coroner::{
    error::Error,
    input::{Change, Content, MappedFile, Mmap, Snapshot, Stored, digest::sha256, discover},
};
use std::{
    fs::{self, File, OpenOptions},
    hint::black_box,
    io::{self, Read, Write},
    os::unix::{fs::PermissionsExt, fs::symlink, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;

/// No page of this or any system is longer.
const PAGE_LEN_MAX: usize = 65_536;

/// A file of `len` times `x`, in a directory of its own.
fn file_of(len: usize) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    fs::write(&path, vec![b'x'; len]).expect("written");
    (directory, path)
}

fn open(path: &Path) -> Stored {
    Stored::open(path, Mmap::Auto).expect("opened")
}

fn map(stored: &Stored) -> &MappedFile {
    match &stored.content {
        Content::Mapped(map) => map,
        Content::Stream(_) => panic!("it is a stream"),
    }
}

fn read_stream(stored: &mut Stored) -> io::Result<Vec<u8>> {
    let Content::Stream(stream) = &mut stored.content else {
        panic!("it is a map");
    };
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

fn writer(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).expect("writable")
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).expect("there");
    file.write_all(bytes).expect("written");
}

/// Reads over and over until a zero turns up. The detour makes each look a new one.
fn read_until_lost(map: &MappedFile) {
    while !black_box(&map[..]).contains(&0) {}
}

#[test]
fn a1_of_a_thousand_truncations_under_a_parallel_read_none_kills() {
    let (directory, _) = file_of(0);
    let mut rng = Rng::new(7);
    let mut n_lost_early = 0;
    for round in 0..1_000 {
        let path = directory.path().join("round.log");
        let len = 2 * PAGE_LEN_MAX + rng.below(2 * PAGE_LEN_MAX);
        fs::write(&path, vec![b'x'; len]).expect("written");
        let stored = open(&path);
        let map = map(&stored);
        let cut = rng.below(len - PAGE_LEN_MAX);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| read_until_lost(map));
            }
            if round % 2 == 0 {
                thread::yield_now();
            }
            writer(&path).set_len(cut as u64).expect("shorter");
        });
        n_lost_early += usize::from(map.lost_from().is_some());
        // Now with all of it read: what was kept is as it was, the rest is zeros, and the offset is right to the page.
        let n_kept = black_box(&map[..])
            .iter()
            .filter(|&&byte| byte == b'x')
            .count();
        assert_eq!(n_kept, cut, "round {round}");
        assert!(map[cut..].iter().all(|&byte| byte == 0), "round {round}");
        let lost_from = map.lost_from().expect("noted");
        assert!(
            (cut..cut + PAGE_LEN_MAX).contains(&lost_from),
            "round {round}"
        );
        assert_eq!(stored.change(), Some(Change::Shrank((len - cut) as u64)));
        assert_eq!(stored.lost_in(0..len), Some(cut as u64..len as u64));
        assert_eq!(stored.lost_in(0..cut), None);
        assert_eq!(stored.sha256(), None);
    }
    assert!(n_lost_early > 100, "only {n_lost_early} raced");
}

#[test]
fn a1_a_loss_is_noted_at_its_own_map_alone() {
    let len = 4 * PAGE_LEN_MAX;
    let files: Vec<_> = (0..600).map(|_| file_of(len)).collect();
    // Maps alone, which need no open files.
    let maps: Vec<MappedFile> = files
        .iter()
        .map(|(_, path)| MappedFile::open(path).expect("mapped"))
        .collect();
    for (_, path) in files.iter().step_by(3) {
        writer(path).set_len(1).expect("shorter");
    }
    thread::scope(|scope| {
        for half in maps.chunks(300) {
            scope.spawn(move || {
                for map in half {
                    black_box(map.iter().filter(|&&byte| byte == 0).count());
                }
            });
        }
    });
    for (index, map) in maps.iter().enumerate() {
        let lost = map.lost_from();
        assert_eq!(lost.is_some(), index % 3 == 0, "file {index}: {lost:?}");
    }
}

#[test]
fn a1_the_program_survives_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    let line = "2026/11/20 11:23:46 [error] 1#1: *1 no live upstreams while connecting to upstream, client: ::1, server: a\n";
    let log = line.repeat((4 << 20) / line.len());
    for round in 0..10 {
        fs::write(&path, &log).expect("written");
        let output = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(3 * round + 5));
                writer(&path).set_len(5_000).expect("shorter");
            });
            run(directory.path(), &["error.log"])
        });
        assert!(matches!(status(&output), 0 | 1), "{output:?}");
        // Lines behind the cut may have been read before it, and then they count.
        let told = stderr(&output) + &stdout(&output);
        assert!(!told.contains("they are not analysed"), "{told}");
    }
}

/// Bytes of one line of [`log_of`].
const LINE_LEN: usize = 90;

/// A log of so many records of `client`.
fn log_of(client: &str, n: usize) -> String {
    let line = format!(
        "2026/11/20 11:23:46 [error] 1#1: *1 no live upstreams, client: {client}, server: a"
    );
    format!("{line:<width$}\n", width = LINE_LEN - 1).repeat(n)
}

/// Whenever it is cut: what was read counts, what was not is named, and the digest is that of the file as it was, or none.
#[test]
fn a1_of_a_cut_file_what_is_told_is_true() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    let n_lines = 50_000;
    let log = log_of("::1", n_lines);
    let (whole, kept) = (sha256(log.as_bytes()), n_lines / 3);
    let run = |mmap: &str| {
        let options = ["export", "--table", "sources", "--threads", "2", "--mmap"];
        run(
            directory.path(),
            &[&options[..], &[mmap, "error.log"]].concat(),
        )
    };
    fs::write(&path, &log).expect("written");
    let start = Instant::now();
    run("auto");
    let took = start.elapsed();
    let (mut n_whole, mut n_cut) = (0, 0);
    for round in 0..24 {
        let mmap = if round % 2 == 0 { "auto" } else { "never" };
        fs::write(&path, &log).expect("written");
        let output = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(took * round / 24);
                writer(&path)
                    .set_len((kept * LINE_LEN) as u64)
                    .expect("shorter");
            });
            run(mmap)
        });
        let rows = Rows::parse(&stdout(&output));
        let problems = rows.get(0, "problems");
        if !problems.contains("shrank") {
            // Too early or too late to be noticed.
            continue;
        }
        let digest = rows.get(0, "sha256");
        assert!(digest.is_empty() || digest == whole, "{mmap}: {digest}");
        let n_events = rows.sum("n_events") as usize;
        match problems.split_once(" gone before they were read, from byte ") {
            None => {
                assert!(problems.contains("all of it had been read"), "{problems}");
                assert_eq!(n_events, n_lines, "{mmap}: {problems}");
                n_whole += 1;
            }
            Some((_, from)) => {
                let from = from.trim_end_matches(" on");
                let from: usize = from.parse().expect("an offset");
                assert!(n_events >= from / LINE_LEN, "{mmap}: {problems}");
                assert!(from >= kept * LINE_LEN, "{mmap}: {problems}");
                n_cut += 1;
            }
        }
    }
    eprintln!("{n_whole} cut after they were read, {n_cut} before");
}

/// What is exported of a file that becomes another between counting and exporting is not taken for what was counted.
#[test]
fn a2_a_file_that_changes_before_its_events_are_exported_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("error.log");
    let (old, new) = (log_of("10.0.0.1", 20_000), log_of("10.0.0.2", 20_000));
    let run = || {
        let options = ["export", "--table", "events", "--threads", "2", "error.log"];
        run(directory.path(), &options)
    };
    fs::write(&path, &old).expect("written");
    let start = Instant::now();
    run();
    let took = start.elapsed();
    let mut n_told = 0;
    for round in 0..20 {
        fs::write(&path, &old).expect("written");
        let output = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(took * round / 20);
                let at = path.with_extension("new");
                fs::write(&at, &new).expect("written");
                match round % 2 {
                    0 => fs::rename(&at, &path).expect("replaced"),
                    _ => writer(&path).write_all(new.as_bytes()).expect("written"),
                }
            });
            run()
        });
        let rows = stdout(&output);
        let is_mixed = rows.contains("10.0.0.1") && rows.contains("10.0.0.2");
        let is_told = stderr(&output).contains("was rewritten while")
            || stderr(&output).contains("was written to while")
            || stderr(&output).contains("not what it was when it was counted");
        assert!(is_told || !is_mixed, "{}", stderr(&output));
        n_told += usize::from(is_told);
    }
    eprintln!("{n_told} told");
}

/// The variable that tells a test that it runs alone.
const ALONE: &str = "CORONER_TEST_ALONE";

/// Runs the test `name` of this file in a process of its own.
fn run_alone(name: &str) -> Output {
    Command::new(std::env::current_exe().expect("a test binary"))
        .args(["--exact", &format!("changing_files::{name}"), "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("it starts")
}

#[test]
fn a1_a_signal_that_was_sent_still_kills() {
    if std::env::var_os(ALONE).is_none() {
        let output = run_alone("a1_a_signal_that_was_sent_still_kills");
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{output:?}");
        return;
    }
    let (_directory, path) = file_of(1);
    let map = MappedFile::open(&path).expect("mapped");
    assert_eq!(map[0], b'x', "the handler is in place");
    let own_id = std::process::id().to_string();
    let _ = Command::new("kill").args(["-BUS", &own_id]).status();
    thread::sleep(Duration::from_secs(5));
}

/// What is not watched over must not be mapped. Alone, as it would take all the room from other tests.
#[test]
fn a1_more_maps_than_are_watched_over_become_streams() {
    if std::env::var_os(ALONE).is_none() {
        let output = run_alone("a1_more_maps_than_are_watched_over_become_streams");
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let (_directory, path) = file_of(10_000);
    let mut maps: Vec<MappedFile> = (0..1_100)
        .map(|_| MappedFile::open(&path).expect("mapped or read"))
        .collect();
    let mut stored = open(&path);
    assert_eq!(read_stream(&mut stored).expect("read").len(), 10_000);
    // Room for two more; and those that were read stay as they are.
    maps.drain(..2);
    assert_eq!(map(&open(&path)).len(), 10_000);
    writer(&path).set_len(0).expect("shorter");
    let n_read = maps
        .iter()
        .filter(|map| black_box(&map[..]).first() == Some(&b'x'))
        .count();
    assert_eq!(n_read, 1_100 - 1_024);
}

#[test]
fn a1_without_a_map_a_cut_file_gives_what_was_there() {
    let (_directory, path) = file_of(100_000);
    let mut stored = Stored::open(&path, Mmap::Never).expect("opened");
    writer(&path).set_len(70_001).expect("shorter");
    assert_eq!(read_stream(&mut stored).expect("read"), vec![b'x'; 70_001]);
    assert_eq!(stored.change(), Some(Change::Shrank(29_999)));
    assert_eq!(stored.lost_in(0..100_000), None, "nothing false was read");
    assert_eq!(stored.sha256(), None);
}

#[test]
fn a2_a_cut_inside_the_last_page_raises_no_signal_and_is_noticed() {
    let len = 3 * PAGE_LEN_MAX;
    let (_directory, path) = file_of(len);
    let stored = open(&path);
    writer(&path).set_len((len - 300) as u64).expect("shorter");
    assert_eq!(black_box(&map(&stored)[..])[len - 1], 0);
    assert_eq!(map(&stored).lost_from(), None, "no signal");
    assert_eq!(stored.change(), Some(Change::Shrank(300)));
    let lost = (len - 300) as u64..len as u64;
    assert_eq!(stored.lost_in(len - 1000..len), Some(lost));
    assert_eq!(stored.sha256(), None);
}

#[test]
fn a2_cut_and_grown_again_is_rewritten_whatever_the_length() {
    for len in [10_000, 100, 20_000, 30_000] {
        let (_directory, path) = file_of(20_000);
        let stored = open(&path);
        fs::write(&path, vec![b'y'; len]).expect("written");
        assert_eq!(stored.change(), Some(Change::Rewritten), "{len} bytes");
        assert_eq!(stored.sha256(), None);
    }
}

#[test]
fn a2_rewritten_in_place_is_noticed_at_either_end() {
    for offset in [0, 19_999] {
        let (_directory, path) = file_of(20_000);
        let stored = open(&path);
        let modified = fs::metadata(&path).and_then(|meta| meta.modified());
        std::os::unix::fs::FileExt::write_all_at(&writer(&path), b"y", offset).expect("written");
        // Even with its time put back.
        let file = writer(&path);
        file.set_modified(modified.expect("known")).expect("set");
        assert_eq!(stored.change(), Some(Change::Rewritten), "at {offset}");
    }
}

#[test]
fn a2_what_was_rewritten_in_the_middle_is_told_by_its_time() {
    let (_directory, path) = file_of(20_000);
    let stored = open(&path);
    assert_eq!(stored.change(), None);
    // A clock may tick four milliseconds apart.
    thread::sleep(Duration::from_millis(20));
    std::os::unix::fs::FileExt::write_all_at(&writer(&path), b"y", 10_000).expect("written");
    assert_eq!(stored.change(), Some(Change::Written));
    assert!(Change::Written.is_damage());
}

/// With its time put back, too, it is not taken for what it was.
#[test]
fn a2_of_a_file_whose_times_were_set_there_is_no_digest() {
    for mmap in [Mmap::Auto, Mmap::Never] {
        let (_directory, path) = file_of(20_000);
        let stored = Stored::open(&path, mmap).expect("opened");
        let modified = fs::metadata(&path).and_then(|meta| meta.modified());
        thread::sleep(Duration::from_millis(20));
        let file = writer(&path);
        std::os::unix::fs::FileExt::write_all_at(&file, b"y", 10_000).expect("written");
        file.set_modified(modified.expect("known")).expect("set");
        assert_eq!(stored.change(), Some(Change::Retimed));
        assert_eq!(stored.sha256(), None);
    }
}

#[test]
fn a2_a_touched_file_is_worth_a_note() {
    let (directory, path) = file_of(20_000);
    let stored = open(&path);
    thread::sleep(Duration::from_millis(20));
    fs::hard_link(&path, directory.path().join("linked.log")).expect("linked");
    assert_eq!(stored.change(), Some(Change::Touched));
    assert!(!Change::Touched.is_damage());
}

#[test]
fn a3_what_comes_later_is_not_read_and_counted() {
    let (_directory, path) = file_of(10_000);
    let (mapped, mut streamed) = (
        open(&path),
        Stored::open(&path, Mmap::Never).expect("opened"),
    );
    append(&path, b"half a li");
    assert_eq!(map(&mapped).len(), 10_000);
    assert_eq!(read_stream(&mut streamed).expect("read").len(), 10_000);
    for stored in [&mapped, &streamed] {
        assert_eq!(stored.change(), Some(Change::Grew(9)));
        assert_eq!(stored.snapshot().map(|snapshot| snapshot.len), Some(10_000));
    }
    // An empty log that gets its first line is no other than these.
    let (_directory, path) = file_of(0);
    let stored = open(&path);
    append(&path, b"line\n");
    assert!(map(&stored).is_empty());
    assert_eq!(stored.change(), Some(Change::Grew(5)));
}

#[test]
fn a4_a_rotated_or_removed_file_was_read_whole() {
    let (directory, path) = file_of(10_000);
    let stored = open(&path);
    fs::rename(&path, directory.path().join("error.log.1")).expect("renamed");
    assert_eq!(stored.change(), Some(Change::Gone));
    fs::write(&path, "new\n").expect("written");
    assert_eq!(stored.change(), Some(Change::Rotated));
    assert_eq!(black_box(&map(&stored)[..]), vec![b'x'; 10_000]);
    assert!(!Change::Gone.is_damage() && !Change::Rotated.is_damage());
    // Whoever opens the path again learns that it is another file; and what nginx still wrote into the old one is missing.
    let snapshot = stored.snapshot().expect("a file");
    let reopened = File::open(&path).expect("opened");
    assert_eq!(snapshot.compare_content(&reopened), Some(Change::Rewritten));
    append(&directory.path().join("error.log.1"), b"late\n");
    assert_eq!(stored.change(), Some(Change::Grew(5)));
}

#[test]
fn a7_terabytes_of_hole_open_at_once() {
    let (_directory, path) = file_of(1);
    if writer(&path).set_len(1 << 40).is_err() {
        eprintln!("skipped: no sparse files of a terabyte here");
        return;
    }
    let stored = open(&path);
    assert_eq!(
        stored.snapshot().map(|snapshot| snapshot.len),
        Some(1 << 40)
    );
    assert_eq!(stored.change(), None);
}

#[cfg(target_os = "linux")]
#[test]
fn a8_files_of_proc_and_sys_are_streams() {
    let mut status = open(Path::new("/proc/self/status"));
    assert!(status.snapshot().is_none() && status.change().is_none());
    let text = read_stream(&mut status).expect("read");
    assert!(text.starts_with(b"Name:"), "{}", text.escape_ascii());
    let page = Path::new("/sys/kernel/mm/transparent_hugepage/enabled");
    if page.exists() {
        let text = read_stream(&mut open(page)).expect("read");
        assert!(text.len() < 4096, "its length says 4096 and is a lie");
    }
}

#[test]
fn a9_pipes_and_devices_are_streams_and_a_walk_passes_them_by() {
    let (directory, _) = file_of(10);
    let pipe = directory.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let (found, errors) = discover(&[directory.path().to_owned()]);
    assert_eq!(
        (found.len(), said(&errors, &directory)),
        (1, vec!["skipped `pipe`: FIFO".into()])
    );
    assert!(errors[0].is_note());
    let text = thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, "through a pipe\n").expect("written"));
        let mut stored = open(&pipe);
        assert!(stored.snapshot().is_none() && stored.change().is_none());
        read_stream(&mut stored).expect("read")
    });
    assert_eq!(text, b"through a pipe\n");
    let nothing = read_stream(&mut open(Path::new("/dev/null"))).expect("read");
    assert!(nothing.is_empty());
    let _listener =
        std::os::unix::net::UnixListener::bind(directory.path().join("socket")).expect("bound");
    assert!(matches!(
        Stored::open(&directory.path().join("socket"), Mmap::Auto),
        Err(Error::Open { .. })
    ));
}

/// What `errors` say, with paths below `directory`.
fn said(errors: &[Error], directory: &TempDir) -> Vec<String> {
    let above = format!("{}/", directory.path().display());
    let said = errors.iter().map(ToString::to_string);
    said.map(|text| text.replace(&above, "")).collect()
}

/// What `Stored::open` says of `path`, which it cannot open.
fn refusal(path: &Path) -> io::Error {
    match Stored::open(path, Mmap::Auto) {
        Err(Error::Open {
            path: named,
            source,
        }) => {
            assert_eq!(named, path);
            source
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a10_directories_and_unreadable_files_are_refused_by_name() {
    let (directory, path) = file_of(10);
    assert_eq!(
        refusal(directory.path()).kind(),
        io::ErrorKind::IsADirectory
    );
    fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).expect("set");
    if File::open(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    assert_eq!(refusal(&path).kind(), io::ErrorKind::PermissionDenied);
}

/// Directories that nobody may list are told where a glob leads into them, and only there.
#[test]
fn a10_closed_directories_are_told_by_globs() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    for (name, mode) in [("d/closed", 0o000), ("d/open", 0o755)] {
        fs::create_dir_all(at(name)).expect("made");
        fs::write(at(name).join("a.log"), log(2)).expect("written");
        fs::set_permissions(at(name), PermissionsExt::from_mode(mode)).expect("set");
    }
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).expect("set");
    let program = coroner();
    let told = |glob: &str| {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--clear-groups"])
            .arg(program.get_program())
            .args(["export", glob])
            .current_dir(directory.path())
            .output()
            .expect("it starts");
        (status(&output), stderr(&output))
    };
    let denied = "cannot list directory `d/closed`: Permission denied";
    for (glob, is_denied, n_found) in [
        ("d/**/*.log", true, 1),
        ("d/*/*.log", true, 1),
        ("d/closed/*.log", true, 0),
        ("d/op*/*.log", false, 1),
        ("d/**/b.log", true, 0),
    ] {
        let (status, stderr) = told(glob);
        if stderr.contains("setpriv") || fs::read_dir("/root").is_err() {
            eprintln!("skipped: only root may become another");
            break;
        }
        assert_eq!(stderr.contains(denied), is_denied, "{glob}: {stderr}");
        assert!(!stderr.contains("matches no file"), "{glob}: {stderr}");
        let wanted = if n_found == 0 {
            2
        } else if is_denied {
            1
        } else {
            status
        };
        assert_eq!(status, wanted, "{glob}: {stderr}");
    }
    fs::set_permissions(at("d/closed"), PermissionsExt::from_mode(0o755)).expect("set");
}

#[test]
fn a11_links_that_lead_nowhere_or_in_circles_end() {
    let (directory, path) = file_of(10);
    let link = |name: &str, to: &str| {
        let link = directory.path().join(name);
        symlink(to, &link).expect("linked");
        link
    };
    let (dangling, circle) = (link("dangling", "nothing"), link("circle", "circle"));
    assert_eq!(refusal(&dangling).kind(), io::ErrorKind::NotFound);
    assert_eq!(refusal(&circle).raw_os_error(), Some(libc::ELOOP));
    link("itself", ".");
    link("above", "..");
    let good = link("good", "error.log");
    assert_eq!(map(&open(&good)).len(), 10);
    let (found, errors) = discover(&[directory.path().to_owned()]);
    assert_eq!(found.len(), 1, "{found:?}");
    let back = "loop: a link to a directory that it is in";
    assert_eq!(
        said(&errors, &directory),
        [
            &format!("skipped `above`: {back}")[..],
            "cannot open `circle`",
            "cannot open `dangling`: a link to nothing",
            &format!("skipped `itself`: {back}"),
        ]
    );
    let n_notes = errors.iter().filter(|error| error.is_note()).count();
    assert_eq!(n_notes, 2);
    // A glob meets what it matches.
    let (found, errors) = discover(&[directory.path().join("d*g")]);
    assert_eq!((found.len(), errors.len()), (0, 1), "{errors:?}");
    // A link that is led elsewhere meanwhile is a rotation.
    let stored = open(&good);
    fs::remove_file(&good).expect("removed");
    fs::copy(&path, directory.path().join("other.log")).expect("copied");
    link("good", "other.log");
    assert_eq!(stored.change(), Some(Change::Rotated));
}

/// `/proc/self/mem` cannot be read at its beginning: nothing is mapped there.
#[cfg(target_os = "linux")]
#[test]
fn a13_a_read_error_comes_once() {
    let mut stored = open(Path::new("/proc/self/mem"));
    let error = read_stream(&mut stored).expect_err("no such address");
    assert_eq!(error.raw_os_error(), Some(libc::EIO));
    assert_eq!(read_stream(&mut stored).expect("the end"), b"");
}

#[test]
fn a14_a_vanished_file_is_named() {
    let (_directory, path) = file_of(10);
    fs::remove_file(&path).expect("removed");
    assert_eq!(refusal(&path).kind(), io::ErrorKind::NotFound);
}

#[test]
fn a16_reading_leaves_no_trace() {
    let (_directory, path) = file_of(100_000);
    // Read long before it was written: any reading would be noted as a newer time of access.
    let times = fs::FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
    writer(&path).set_times(times).expect("set");
    let before = fs::metadata(&path).expect("there");
    for mmap in [Mmap::Auto, Mmap::Never] {
        let mut stored = Stored::open(&path, mmap).expect("opened");
        match &mut stored.content {
            Content::Mapped(map) => assert!(!black_box(&map[..]).contains(&0)),
            Content::Stream(_) => {
                assert_eq!(read_stream(&mut stored).expect("read").len(), 100_000)
            }
        }
        assert_eq!(stored.change(), None);
    }
    let after = fs::metadata(&path).expect("there");
    assert_eq!(before.len(), after.len());
    assert_eq!(before.modified().ok(), after.modified().ok());
    if cfg!(target_os = "linux") {
        assert_eq!(before.accessed().ok(), after.accessed().ok());
    }
    let file = File::open(&path).expect("opened");
    let snapshot = Snapshot::of(&file).expect("looked at");
    assert_eq!(snapshot.compare(&path, &file), None);
}

/// Nor where logs are compared with each other and read twice.
#[cfg(target_os = "linux")]
#[test]
fn a16_no_command_leaves_a_trace() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let lines: Vec<String> = (0..900)
        .map(|n| {
            log_of("10.0.0.1", 1).replace(
                "11:23:46 [error] 1#1: *1",
                &format!("11:{:02}:{:02} [error] 1#1: *{n}", n / 60, n % 60),
            )
        })
        .collect();
    fs::write(at("error.log.1"), lines[..600].concat()).expect("written");
    fs::write(at("error.log"), lines[300..].concat()).expect("written");
    let packed = packed::gzip(lines[..300].concat().as_bytes());
    fs::write(at("error.log.2.gz"), packed).expect("written");
    fs::write(at("other.tar"), archive(&[file("a.log", b"x\n")])).expect("written");
    let names = ["error.log", "error.log.1", "error.log.2.gz", "other.tar"];
    for name in names {
        let times = fs::FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
        writer(&at(name)).set_times(times).expect("set");
    }
    for options in [
        &["report", "."][..],
        &["export", "--table", "events", "."],
        &["compare", ".", "--cut-at", "2026-11-20T11:05:00Z"],
    ] {
        run(directory.path(), options);
        for name in names {
            let accessed = fs::metadata(at(name)).and_then(|meta| meta.accessed());
            let is_kept = accessed.is_ok_and(|time| time == SystemTime::UNIX_EPOCH);
            assert!(is_kept, "{name} after {options:?}");
        }
    }
}
