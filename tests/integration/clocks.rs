//! Clocks of error logs that are changed twice a year, and what is read one by one to tell them.

use crate::{
    every_path::config,
    packed::gzip,
    support::{Rows, run, stdout},
};
use coroner::{classify::Classifier, engine, input};
use std::{fmt::Write, fs, path::Path};

/// Failures of both logs: by the clock of the one, and as the other writes it.
fn write_logs(directory: &Path, failures: &[(&str, &str)]) {
    let (mut error, mut access) = (String::new(), String::new());
    for (n, (by_clock, written)) in failures.iter().enumerate() {
        let request = format!("GET /{n} HTTP/1.1");
        writeln!(
            error,
            "{by_clock} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, \
             client: 192.0.2.{n}, server: s, request: \"{request}\", upstream: \"http://10.0.0.1:80/{n}\", host: \"s\""
        )
        .expect("memory");
        writeln!(
            access,
            "192.0.2.{n} - - [{written}] \"{request}\" 502 157 rt=0.001 ua=\"10.0.0.1:80\" us=\"502\" urt=\"0.001\""
        )
        .expect("memory");
    }
    fs::write(directory.join("error.log"), error).expect("written");
    fs::write(directory.join("access.log"), access).expect("written");
}

const FORMAT: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent rt=$request_time ua="$upstream_addr" us="$upstream_status" urt="$upstream_response_time""#;

fn report(directory: &Path, zone: &str) -> String {
    let arguments = [
        "report",
        "access.log",
        "error.log",
        "--log-format",
        FORMAT,
        "--tz",
        zone,
    ];
    stdout(&run(directory, &arguments)).replace("\n    ", " ")
}

fn events(directory: &Path, zone: &str) -> Vec<(String, String)> {
    let arguments = ["export", "error.log", "--table", "events", "--tz", zone];
    let rows = Rows::parse(&stdout(&run(directory, &arguments)));
    (0..rows.len())
        .map(|n| {
            (
                rows.get(n, "time").to_owned(),
                rows.get(n, "clock").to_owned(),
            )
        })
        .collect()
}

/// Half past two comes twice: both requests are explained, and the records are marked.
#[test]
fn the_hour_that_comes_twice_is_marked_and_tried_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    for (zone, failures, times) in [
        (
            "Europe/Berlin",
            [
                ("2026/10/25 01:59:59", "25/Oct/2026:01:59:59 +0200"),
                ("2026/10/25 02:30:00", "25/Oct/2026:02:30:00 +0200"),
                ("2026/10/25 02:30:00", "25/Oct/2026:02:30:00 +0100"),
                ("2026/10/25 03:00:00", "25/Oct/2026:03:00:00 +0100"),
            ],
            [
                "2026-10-24T23:59:59Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T02:00:00Z",
            ],
        ),
        (
            "America/New_York",
            [
                ("2026/11/01 00:59:59", "01/Nov/2026:00:59:59 -0400"),
                ("2026/11/01 01:30:00", "01/Nov/2026:01:30:00 -0400"),
                ("2026/11/01 01:30:00", "01/Nov/2026:01:30:00 -0500"),
                ("2026/11/01 02:00:00", "01/Nov/2026:02:00:00 -0500"),
            ],
            [
                "2026-11-01T04:59:59Z",
                "2026-11-01T05:30:00Z",
                "2026-11-01T07:00:00Z",
            ],
        ),
    ] {
        write_logs(directory.path(), &failures);
        let events = events(directory.path(), zone);
        let [before, within, behind] = times;
        let want = [
            (before, ""),
            (within, "twice"),
            (within, "twice"),
            (behind, ""),
        ];
        let want = want.map(|(time, clock)| (time.to_owned(), clock.to_owned()));
        assert_eq!(events, want, "{zone}");
        let report = report(directory.path(), zone);
        for said in [
            "502 × 4: 100 % refused at 10.0.0.1:80",
            "2 events with times in the hour that the clock of",
        ] {
            assert!(report.contains(said), "{zone}: {said}\n{report}");
        }
        assert!(!report.contains("skipped, so that"), "{report}");
    }
}

#[test]
fn times_that_never_were_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let failures = [
        ("2026/03/29 01:59:59", "29/Mar/2026:01:59:59 +0100"),
        ("2026/03/29 02:30:00", "29/Mar/2026:01:30:00 +0000"),
        ("2026/03/29 03:00:00", "29/Mar/2026:03:00:00 +0200"),
    ];
    write_logs(directory.path(), &failures);
    let clocks: Vec<String> = events(directory.path(), "Europe/Berlin")
        .into_iter()
        .map(|(_, clock)| clock)
        .collect();
    assert_eq!(clocks, ["", "skipped", ""]);
    let told = report(directory.path(), "Europe/Berlin");
    assert!(
        told.contains("1 event with times that the clock of Europe/Berlin skipped"),
        "{told}"
    );
    assert!(!report(directory.path(), "+01:00").contains("clock of"));
}

/// Failures are looked at one by one only where those of the other kind can be.
#[test]
fn what_cannot_be_joined_is_not_traced() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let at = ("2026/11/20 11:24:48", "20/Nov/2026:11:24:48 +0000");
    write_logs(directory.path(), &[at, at, at]);
    for name in ["error.log", "access.log"] {
        let bytes = fs::read(path(name)).expect("written");
        fs::write(path(&format!("{name}.gz")), gzip(&bytes)).expect("written");
    }
    let both = [path("error.log"), path("access.log")].map(|path| fs::read(path).expect("written"));
    fs::write(path("both.gz"), gzip(&both.concat())).expect("written");
    let classifier = Classifier::default();
    let n_traced = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(|name| path(name)).collect();
        let (found, errors) = input::discover(&paths);
        assert!(errors.is_empty());
        engine::scan(
            &found,
            &classifier,
            &config(2, 1 << 20),
            &Default::default(),
        )
        .n_traced
    };
    for alone in ["error.log", "error.log.gz", "access.log", "access.log.gz"] {
        assert_eq!(n_traced(&[alone]), 0, "{alone}");
    }
    assert!(n_traced(&["error.log", "access.log"]) > 3);
    assert!(n_traced(&["error.log.gz", "access.log.gz"]) > 3);
    assert!(n_traced(&["error.log.gz", "access.log"]) > 3);
    assert!(n_traced(&["both.gz"]) > 3);
}
