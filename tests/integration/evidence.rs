//! `coroner evidence`: every place that a table names leads to the line that stands there, however the logs are packed.

use crate::support::{Rows, root, run, run_with_input, status, stderr, stdout};
use flate2::{Compression, write::GzEncoder};
use std::{fs, io::Write, path::Path};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, *bytes)
            .expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// The places of all rows of a table.
fn places(directory: &Path, table: &str, logs: &[&str]) -> Vec<String> {
    let arguments = [&["export", "-q", "--table", table], logs].concat();
    let rows = Rows::parse(&stdout(&run(directory, &arguments)));
    let place = |row: usize| match table {
        "failures" | "incidents" => rows.get(row, "evidence").to_owned(),
        _ => {
            let get = |column| rows.get(row, column);
            format!("{}:{}@{}", get("source"), get("line"), get("offset"))
        }
    };
    (0..rows.len()).map(place).collect()
}

/// What `coroner evidence` prints for `places`, and its exit status.
fn shown(directory: &Path, places: &[String], arguments: &[&str]) -> (String, i32) {
    let arguments = [&["evidence", "-"], arguments].concat();
    let output = run_with_input(directory, &arguments, places.join("\n").as_bytes());
    (stdout(&output), status(&output))
}

/// Every place leads to what stands there in `text`, which is what the one source decodes to.
fn check(directory: &Path, log: &str, text: &[u8]) {
    for table in ["failures", "events", "requests", "incidents"] {
        let places = places(directory, table, &[log]);
        let (shown, code) = shown(directory, &places, &[log]);
        assert_eq!(code, i32::from(places.is_empty()) * 2, "{log} {table}");
        let exhibits: Vec<&str> = shown.split("\n\n").collect();
        for (place, exhibit) in places.iter().zip(&exhibits) {
            let (header, record) = exhibit.split_once('\n').expect("a header");
            assert!(header.starts_with(&format!("{place}  ")), "{header}");
            let offset: usize = place.rsplit('@').next().expect("one").parse().expect("one");
            let line = text[offset..].split(|&byte| byte == b'\n').next();
            let line = String::from_utf8_lossy(line.expect("one"));
            assert!(record.contains(&*line), "{place}: {record}");
        }
    }
}

#[test]
fn every_place_of_every_table_leads_to_its_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    for sample in ["mixed-bad-day", "php-fpm-down", "keepalive-race"] {
        for log in ["error.log", "access.log"] {
            let text = fs::read(root().join("samples").join(sample).join(log)).expect("there");
            fs::write(here.join("plain.log"), &text).expect("written");
            check(here, "plain.log", &text);
            fs::write(here.join("packed.log.gz"), gzip(&text)).expect("written");
            check(here, "packed.log.gz", &text);
            let packed = gzip(&tar(&[("x/other.txt", b"no log\n"), ("x/a.log", &text)]));
            fs::write(here.join("packed.tgz"), packed).expect("written");
            check(here, "packed.tgz", &text);
        }
    }
}

const HEAD: &str = "2026/11/20 11:23:46 [error] 1#1: *7 ";
const TAIL: &str = ", client: 192.0.2.1, server: s, request: \"GET / HTTP/1.1\", upstream: \"fastcgi://unix:/run/php.sock:\", host: \"h\"";

#[test]
fn a_record_is_shown_with_all_its_lines_and_those_around() {
    let directory = tempfile::tempdir().expect("a directory");
    let stderr_record = format!(
        "{HEAD}FastCGI sent in stderr: \"PHP message: a\n#0 {{main}}\n  thrown\" while reading response header from upstream{TAIL}\n"
    );
    let refused = format!(
        "{HEAD}connect() failed (111: Connection refused) while connecting to upstream{TAIL}\n"
    );
    let text = format!("{refused}{stderr_record}{refused}no record\x1b[31m\n");
    fs::write(directory.path().join("e.log"), &text).expect("written");
    let show = |arguments: &[&str]| stdout(&run(directory.path(), arguments));
    let at = refused.len();
    let id = format!("e.log:2@{at}");
    assert_eq!(show(&["evidence", &id, "e.log", "--raw"]), stderr_record);
    let got = show(&["evidence", &id, "e.log", "-C", "1"]);
    let (header, lines) = got.split_once('\n').expect("a header");
    let what = format!("{id}  app-stderr, phase header, at unix:/run/php.sock, confirmed (");
    assert!(header.starts_with(&what), "{header}");
    let marked: Vec<&str> = lines.lines().map(|line| &line[..2]).collect();
    assert_eq!(marked, ["  ", "> ", "> ", "> ", "  "]);
    // By the line alone, by the offset alone; a line that is no record is shown as such.
    assert_eq!(
        show(&["evidence", "e.log:2", "e.log", "--raw"]),
        stderr_record
    );
    assert_eq!(
        show(&["evidence", &format!("e.log@{at}"), "e.log", "--raw"]),
        stderr_record
    );
    assert!(show(&["evidence", "e.log:6", "e.log"]).contains("no record: "));
}

#[test]
fn pieces_that_others_stand_between_are_one_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let line = |pod: &str, text: &str| format!("{pod} | {text}\n");
    let mut text = String::new();
    for n in 0..20 {
        text.push_str(&line("web-1", &format!("{HEAD}connect() failed (111: Connection refused) while connecting to upstream{TAIL}{n}")));
    }
    let first = line(
        "web-1",
        &format!("{HEAD}FastCGI sent in stderr: \"PHP message: a"),
    );
    let between = line(
        "web-2",
        &format!(
            "{HEAD}connect() failed (111: Connection refused) while connecting to upstream{TAIL}"
        ),
    );
    let last = line(
        "web-1",
        &format!("end\" while reading response header from upstream{TAIL}"),
    );
    let at = text.len();
    text.push_str(&first);
    text.push_str(&between);
    text.push_str(&last);
    text.push_str(&between);
    fs::write(directory.path().join("pods.log"), &text).expect("written");
    let id = format!("pods.log@{at}");
    let got = stdout(&run(
        directory.path(),
        &["evidence", &id, "pods.log", "--raw"],
    ));
    assert_eq!(got, format!("{first}{last}"));
}

#[test]
fn lines_around_are_found_across_the_blocks_of_a_stream() {
    let directory = tempfile::tempdir().expect("a directory");
    let line = |n: usize| {
        format!(
            "{HEAD}connect() failed (111: Connection refused) while connecting to upstream, {n}{TAIL}\n"
        )
    };
    let text: String = (0..12_000).map(line).collect();
    fs::write(directory.path().join("e.log"), &text).expect("written");
    fs::write(directory.path().join("e.log.gz"), gzip(text.as_bytes())).expect("written");
    let n_lines = text.lines().count();
    assert!(text.len() > 2 << 20);
    for number in (1..n_lines)
        .step_by(977)
        .chain([1, 2, n_lines - 1, n_lines])
    {
        let show = |log: &str| {
            let id = format!("{log}:{number}");
            stdout(&run(
                directory.path(),
                &["evidence", &id, log, "-C", "3", "--raw"],
            ))
        };
        let (from, to) = (number.saturating_sub(4), (number + 3).min(n_lines));
        let want: String = (from..to).map(line).collect();
        assert_eq!(show("e.log"), want, "line {number}");
        assert_eq!(show("e.log.gz"), want, "line {number}");
    }
    // At the very seams of blocks, too.
    let numbers: Vec<String> = (3_000..5_000).map(|n| format!("e.log.gz:{n}")).collect();
    let (got, code) = shown(
        directory.path(),
        &numbers,
        &["e.log.gz", "-B", "2", "--raw"],
    );
    let want: String = (3_000..5_000).flat_map(|n| n - 3..n).map(line).collect();
    assert!(code == 0 && got == want);
}

#[test]
fn an_incident_shows_its_own_records_and_says_what_is_left_out() {
    let sample = root().join("samples/refused-after-deploy");
    let incidents = [
        "export",
        "-q",
        "--table",
        "incidents",
        "error.log",
        "access.log",
    ];
    let rows = Rows::parse(&stdout(&run(&sample, &incidents)));
    let (id, n_events) = (rows.get(0, "id"), rows.get(0, "n_events"));
    let show = |top: &str| {
        run(
            &sample,
            &["evidence", id, "error.log", "access.log", "--top", top],
        )
    };
    let some = show("3");
    assert_eq!(status(&some), 0);
    assert!(stderr(&some).contains(&format!(
        "the first 3 of {n_events} failing records of {id}"
    )));
    assert_eq!(stdout(&some).split("\n\n").count(), 3);
    let all = show("100000");
    assert_eq!(stderr(&all), "");
    assert_eq!(stdout(&all).split("\n\n").count().to_string(), n_events);
}

#[test]
fn a_finding_shows_the_records_it_rests_on() {
    let sample = root().join("samples/refused-after-deploy");
    let findings = [
        "export",
        "-q",
        "--table",
        "findings",
        "error.log",
        "access.log",
    ];
    let rows = Rows::parse(&stdout(&run(&sample, &findings)));
    assert!(rows.len() > 0);
    for row in 0..rows.len() {
        let id = rows.get(row, "id");
        let output = run(&sample, &["evidence", id, "error.log", "access.log"]);
        let shown = stdout(&output);
        let places = rows.get(row, "evidence").split(", ");
        let places: Vec<&str> = places.filter(|place| place.contains('@')).collect();
        assert_eq!(status(&output), 0, "{id}");
        for place in places {
            assert!(
                shown.contains(&format!("{place}  ")),
                "{id}: {place}: {shown}"
            );
        }
    }
}

#[test]
fn what_leads_nowhere_is_said() {
    let sample = root().join("samples/refused-after-deploy");
    for (id, want, says) in [
        ("20990101-0000-ffff", 2, "these logs know 20261120-"),
        (
            "elsewhere.log:1@0",
            2,
            "it is not among the logs given (error.log)",
        ),
        (
            "error.log:3@0",
            1,
            "byte 0 is in line 1, not 3: it changed since",
        ),
        ("error.log:1@5", 1, "no line begins at byte 5"),
        ("error.log:1@99999999", 1, "it ends before, at byte "),
        ("error.log:99999999", 1, "it ends before, at byte "),
    ] {
        let output = run(&sample, &["evidence", id, "error.log"]);
        let said = stderr(&output);
        assert!(said.contains(says), "{id}: {said}");
        assert_eq!(status(&output), want, "{id}: {said}");
    }
    // From another directory the same file is found by the end of its path.
    let output = run(
        &root(),
        &[
            "evidence",
            "error.log:1@0",
            "samples/refused-after-deploy/error.log",
        ],
    );
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    let text = fs::read_to_string(sample.join("error.log")).expect("there");
    let output = run_with_input(
        &root(),
        &["evidence", "--raw", "<stdin>:1@0", "-"],
        text.as_bytes(),
    );
    assert_eq!(
        stdout(&output).trim_end(),
        text.lines().next().expect("one")
    );
}
