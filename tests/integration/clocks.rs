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

/// The records of one machine, whose clock is `offset_s` east of UTC, each behind `before`; and what access lines tell of them.
fn machine(n: usize, offset_s: i64, before: &str) -> (Vec<String>, Vec<String>) {
    let day = |second: i64| {
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        format!("{hour:02}:{minute:02}:{:02}", second % 60)
    };
    // At odd distances, so that no other offset fits.
    let seconds = (0..12).map(|n: i64| 43_200 + n * n * 17);
    let both = seconds.map(|second| {
        let (client, request) = (format!("192.0.2.{n}"), format!("GET /{n} HTTP/1.1"));
        let (by_clock, utc) = (day(second + offset_s), day(second));
        let record = format!(
            "{before}2026/11/20 {by_clock} [error] 7#7: *{second} connect() failed (111: Connection refused) while connecting to upstream, \
             client: {client}, server: s, request: \"{request}\", upstream: \"http://10.0.0.1:80/{n}\", host: \"s\"\n"
        );
        let line = format!(
            "{client} - - [20/Nov/2026:{utc} +0000] \"{request}\" 502 157 rt=0.001 ua=\"10.0.0.1:80\" us=\"502\" urt=\"0.001\"\n"
        );
        (record, line)
    });
    both.unzip()
}

const NEW_YORK_S: i64 = -18_000;
const KATHMANDU_S: i64 = 20_700;

/// Sources with their zones, and what the report says, of logs in which 24 requests failed.
fn told(directory: &Path, logs: &[&str]) -> (Vec<(String, String)>, String) {
    let with = |head: &[&str]| {
        let arguments = [head, logs, &["--log-format", FORMAT]].concat();
        stdout(&run(directory, &arguments))
    };
    let report = with(&["report"]).replace("\n    ", " ");
    let sources = Rows::parse(&with(&["export", "--table", "sources"]));
    let zones = (0..sources.len())
        .map(|n| {
            (
                sources.get(n, "source").to_owned(),
                sources.get(n, "zone").to_owned(),
            )
        })
        .collect();
    let said = "502 × 24: 100 % refused at 10.0.0.1:80";
    assert!(report.contains(said), "{report}");
    let failures = Rows::parse(&with(&["export", "--table", "failures", "--bucket", "1d"]));
    let days = (0..failures.len()).filter(|n| failures.get(*n, "basis") == "error-log");
    let days: Vec<_> = days
        .map(|n| (failures.get(n, "n_events"), failures.get(n, "first_seen")))
        .collect();
    assert_eq!(days, [("24", "2026-11-20T12:00:00Z")]);
    let events = Rows::parse(&with(&["export", "--table", "events"]));
    let times: Vec<_> = (0..events.len()).map(|n| events.get(n, "time")).collect();
    assert_eq!(
        times
            .iter()
            .filter(|time| **time == "2026-11-20T12:00:00Z")
            .count(),
        2
    );
    (zones, report)
}

#[test]
fn each_machine_has_a_zone_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut access = Vec::new();
    for (host, n, offset_s) in [("web1", 1, NEW_YORK_S), ("web2", 2, KATHMANDU_S)] {
        let (records, lines) = machine(n, offset_s, "");
        let logs = directory.path().join(host).join("var/log/nginx");
        fs::create_dir_all(&logs).expect("made");
        fs::write(logs.join("error.log"), records.concat()).expect("written");
        access.extend(lines);
    }
    fs::write(directory.path().join("access.log"), access.concat()).expect("written");
    let (zones, report) = told(directory.path(), &["access.log", "web1", "web2"]);
    let want = [
        ("access.log", "UTC"),
        ("web1/var/log/nginx/error.log", "'-05:00"),
        ("web2/var/log/nginx/error.log", "'+05:45"),
    ];
    assert_eq!(
        zones,
        want.map(|(source, zone)| (source.to_owned(), zone.to_owned()))
    );
    for said in [
        "UTC, the clock of each machine by its own zone",
        "web1 -05:00 (12 failed tries stand where access logs expect them",
        "web2 +05:45 (12 failed tries",
    ] {
        assert!(report.contains(said), "{said}: {report}");
    }
}

/// Envelopes with instants of their own tell the zone of the machine whose they are, not that of all.
#[test]
fn the_envelopes_of_each_machine_tell_its_zone() {
    let directory = tempfile::tempdir().expect("a directory");
    let record = |n: usize, hour: u32| {
        format!(
            "2026/11/20 {hour:02}:00:{n:02} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, \
             client: 192.0.2.1, server: s, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"s\""
        )
    };
    let machines = [("web1", 12), ("web2", 10)]; // by the clock of +02:00, and by UTC
    // As containers write them, in a directory of each machine; and as one syslog daemon got them of both.
    let (mut of_both, mut n_all) = (String::new(), 0);
    for (machine, hour) in machines {
        let lines: String = (0..20)
            .map(|n| format!("2026-11-20T10:00:{n:02}.5Z stderr F {}\n", record(n, hour)))
            .collect();
        fs::create_dir(directory.path().join(machine)).expect("made");
        fs::write(directory.path().join(machine).join("0.log"), lines).expect("written");
        for n in 0..20 {
            let record = record(n, hour);
            writeln!(
                of_both,
                "2026-11-20T10:00:{n:02}.5+00:00 {machine} nginx: {record}"
            )
            .expect("memory");
        }
    }
    fs::write(directory.path().join("both.log"), of_both).expect("written");
    for logs in [&["web1", "web2"][..], &["both.log"]] {
        let export = |table: &str| {
            let arguments = [&["export", "--table", table], logs].concat();
            Rows::parse(&stdout(&run(directory.path(), &arguments)))
        };
        let events = export("events");
        for n in 0..events.len() {
            assert!(
                events.get(n, "time").starts_with("2026-11-20T10:00:"),
                "{logs:?}"
            );
        }
        n_all += events.len();
        for (machine, _) in machines {
            let is_own = |n: &usize| events.get(*n, "machine") == machine;
            assert_eq!((0..events.len()).filter(is_own).count(), 20, "{logs:?}");
        }
        let sources = export("sources");
        let told: Vec<_> = (0..sources.len())
            .map(|n| (sources.get(n, "zone"), sources.get(n, "zone_basis")))
            .collect();
        let by_envelopes = "told by the envelopes of 20 records";
        match logs {
            ["both.log"] => assert_eq!(told, [("'+02:00, UTC", by_envelopes)]),
            _ => assert_eq!(told, [("'+02:00", by_envelopes), ("UTC", by_envelopes)]),
        }
        let arguments = [&["report"], logs].concat();
        let report = stdout(&run(directory.path(), &arguments)).replace("\n    ", " ");
        let said = "web1 +02:00 (the envelopes of 20 records tell); web2 UTC (the envelopes of 20 records tell)";
        assert!(report.contains(said), "{report}");
    }
    assert_eq!(n_all, 80);
}

/// In the second of them, too, though another machine's clock is not changed.
#[test]
fn the_hour_that_comes_twice_is_tried_twice_by_the_clock_of_each_machine() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let mut access = Vec::new();
    for (host, n, offset_s) in [("web1", 1, 7_200), ("web2", 2, KATHMANDU_S)] {
        let (mut records, mut lines) = machine(n, offset_s, "");
        for text in records.iter_mut().chain(&mut lines) {
            *text = text
                .replace("2026/11/20", "2026/10/24")
                .replace("20/Nov/", "24/Oct/");
        }
        if host == "web1" {
            // Twelve more by winter time, two of them as the clock shows half past two again.
            let (after, more) = machine(n, 3_600, "");
            let winter = |text: String| {
                let text = text.replace("2026/11/20", "2026/10/25");
                text.replace("20/Nov/", "25/Oct/")
            };
            records.extend(after.into_iter().map(winter));
            lines.extend(more.into_iter().map(winter));
            for (n, hour, request) in [(1, "00", "first"), (2, "01", "second")] {
                let record = "2026/10/25 02:30:00 [error] 7#7: *N connect() failed (111: Connection refused) while connecting to \
                    upstream, client: 192.0.2.9, server: s, request: \"GET /R HTTP/1.1\", upstream: \"http://10.0.0.1:80/R\", host: \"s\"\n";
                let line = "192.0.2.9 - - [25/Oct/2026:H:30:00 +0000] \"GET /R HTTP/1.1\" 502 157 rt=0.001 \
                    ua=\"10.0.0.1:80\" us=\"502\" urt=\"0.001\"\n";
                let told = |text: &str| {
                    let text = text
                        .replace("*N", &format!("*{n}"))
                        .replace("/R", &format!("/{request}"));
                    text.replace(":H:", &format!(":{hour}:"))
                };
                records.push(told(record));
                lines.push(told(line));
            }
        }
        let logs = path(host).join("var/log/nginx");
        fs::create_dir_all(&logs).expect("made");
        fs::write(logs.join("error.log"), records.concat()).expect("written");
        access.extend(lines);
    }
    fs::write(path("access.log"), access.concat()).expect("written");
    let arguments = ["access.log", "web1", "web2", "--log-format", FORMAT];
    let report = stdout(&run(directory.path(), &arguments)).replace("\n    ", " ");
    for said in [
        "the clock of each machine by its own zone",
        "502 × 38: 100 % refused at 10.0.0.1:80",
    ] {
        assert!(report.contains(said), "{said}: {report}");
    }
}

#[test]
fn each_machine_of_one_source_has_a_zone_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, lines) = machine(1, NEW_YORK_S, "[pod/web-1/nginx] ");
    let (two, more) = machine(2, KATHMANDU_S, "[pod/web-2/nginx] ");
    let turns = one.into_iter().zip(two).map(|(one, two)| one + &two);
    fs::write(directory.path().join("pods.log"), turns.collect::<String>()).expect("written");
    fs::write(
        directory.path().join("access.log"),
        [lines, more].concat().concat(),
    )
    .expect("written");
    let (zones, report) = told(directory.path(), &["access.log", "pods.log"]);
    assert_eq!(zones[1].1, "'+05:45, -05:00");
    assert!(report.contains("web-1 -05:00 (12 failed tries"), "{report}");
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
