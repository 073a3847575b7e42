//! Incidents of the samples against what their READMEs tell, and one answer on every path.

use crate::{
    packed,
    support::{Rows, root, run, run_with_input, status, stderr, stdout},
};
use std::{fs, path::Path};

/// The table `incidents` of the logs in `directory`.
fn incidents(directory: &Path, arguments: &[&str]) -> Rows {
    let all = [
        &["export", "--table", "incidents", "--tz", "UTC"],
        arguments,
    ]
    .concat();
    let output = run(directory, &all);
    assert!(status(&output) <= 1, "{}", stderr(&output));
    Rows::parse(&stdout(&output))
}

/// Clock times of start and end, first mover, failures, clients, failures per minute at the peak, ends not shown.
fn check(sample: &str, expected: &[&str]) {
    let rows = incidents(&root().join("samples").join(sample), &["error.log"]);
    let told: Vec<String> = (0..rows.len())
        .map(|row| {
            let field = |column| rows.get(row, column);
            let clock = |column| field(column)[11..19].to_owned();
            format!(
                "{} {} {} {} {} {} of {} at {}, {} clients; {}",
                clock("start"),
                clock("end"),
                field("first_upstream"),
                field("first_category"),
                field("first_phase"),
                field("peak_rate"),
                field("n_events"),
                clock("peak"),
                field("n_clients"),
                field("cut")
            )
        })
        .collect();
    assert_eq!(told, expected, "{sample}");
}

#[test]
fn of_the_samples() {
    // A steady rate from end to end: the logs show nothing else, so both ends are open.
    check(
        "keepalive-race",
        &[
            "14:11:08 14:13:29 127.0.0.1:8091 premature-close header 13 of 35 at 14:12:00, 11 clients; both",
        ],
    );
    // A deploy, the DNS, a certificate, the workers, a slow backend; not the hammering of /login, which is no failure.
    check(
        "mixed-bad-day",
        &[
            "09:02:04 09:08:59 10.0.3.11:8080 refused connect 25 of 84 at 09:04:00, 68 clients; ",
            "12:00:03 12:06:10  dns none 8 of 33 at 12:05:00, 28 clients; ",
            "13:00:00 13:39:58 10.0.4.20:8443 tls tls 4 of 42 at 13:07:00, 39 clients; ",
            "17:18:02 17:20:26  resource-exhausted none 12 of 25 at 17:19:00, 16 clients; ",
            "19:00:31 19:29:58 10.0.3.12:8080 timeout header 6 of 59 at 19:17:00, 52 clients; ",
        ],
    );
    check(
        "no-live-upstreams",
        &[
            "14:39:00 14:39:43 127.0.0.1:8097 timeout header 130 of 130 at 14:39:00, 20 clients; both",
        ],
    );
    // Busy, killed, refused, file gone: one incident, and the first of them is first.
    check(
        "php-fpm-down",
        &[
            "14:39:20 14:39:54 unix:/run/php/php8.2-fpm.sock resource-exhausted connect 159 of 159 at 14:39:00, 20 clients; end",
        ],
    );
    check(
        "refused-after-deploy",
        &[
            "14:08:16 14:08:48 127.0.0.1:8081 refused connect 111 of 111 at 14:08:00, 20 clients; both",
        ],
    );
    check(
        "slow-backend-504",
        &["14:40:05 14:41:14 127.0.0.1:8093 timeout header 67 of 83 at 14:40:00, 24 clients; end"],
    );
    check(
        "too-big-header",
        &["14:41:39 14:42:47 127.0.0.1:8095 buffer header 21 of 37 at 14:42:00, 4 clients; end"],
    );
}

/// Error and access log of one gateway tell the same failures twice; either alone tells them, too.
#[test]
fn of_both_logs_of_a_gateway() {
    let n_failures = |sample: &str, logs: &[&str]| {
        let rows = incidents(&root().join("samples").join(sample), logs);
        assert_eq!(rows.len(), 1, "{sample} {logs:?}");
        rows.sum("n_events")
    };
    let (both, error) = (["access.log", "error.log"], ["error.log"]);
    for (sample, n) in [
        ("keepalive-race", 35),
        ("no-live-upstreams", 130),
        ("refused-after-deploy", 111),
        ("slow-backend-504", 83),
        ("too-big-header", 37),
    ] {
        assert_eq!(n_failures(sample, &error), n, "{sample}");
        assert_eq!(n_failures(sample, &both), n, "{sample}");
    }
    // An access log does not show that a 200 was cut, and an error log not that PHP itself answered 500.
    assert_eq!(n_failures("slow-backend-504", &["access.log"]), 76);
    assert_eq!(n_failures("php-fpm-down", &both), 159 + 73);
    let rows = incidents(&root().join("samples/mixed-bad-day"), &both);
    assert_eq!(
        (rows.len(), rows.sum("n_events")),
        (5, 84 + 33 + 42 + 25 + 59)
    );
}

#[test]
fn what_else_happened_then_is_told() {
    let output = run(
        &root().join("samples/mixed-bad-day"),
        &["error.log", "--tz", "UTC"],
    );
    let report = stdout(&output);
    let words = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "state reload-failed at 08:57:12; reload at 09:00:00; 10.0.3.11:8080 out",
        "state worker-crash at 17:20:31",
        "10.0.3.12:8080 out 7 times, 19:02:00 to 19:24:10",
        "one opens when 10 failures add up beyond 15 an hour and 3 times the usual rate (here 0 an hour)",
    ] {
        assert!(words.contains(said), "`{said}` is not in\n{report}");
    }
}

#[test]
fn a_configuration_tells_how_long_a_peer_is_out() {
    let directory = root().join("samples/no-live-upstreams");
    let told = |arguments: &[&str]| {
        let file = tempfile::tempdir().expect("a directory");
        let path = file.path().join("report.json");
        let output = path.to_str().expect("a name");
        run(&directory, &[arguments, &["-o", output]].concat());
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).expect("written")).expect("JSON");
        let lines = report["health"].as_array().expect("a list").iter();
        let told = |line: &serde_json::Value| {
            format!(
                "{} {} {} {}",
                line["upstream"].as_str().unwrap_or_default(),
                line["last"].as_str().unwrap_or_default(),
                line["fail_timeout_seconds"],
                line["fail_timeout_assumed"]
            )
        };
        lines.map(told).collect::<Vec<_>>()
    };
    let config = ["--nginx-config", "nginx.conf"];
    let known = told(&[&["report", "error.log", "--tz", "UTC"], &config[..]].concat());
    assert_eq!(
        known,
        [
            "127.0.0.1:8097 2026-11-20T14:39:47Z 4 false",
            "catalogue 2026-11-20T14:39:33Z null false",
            "127.0.0.1:8098 2026-11-20T14:39:32Z 4 false",
        ]
    );
    let assumed = told(&["report", "error.log", "--tz", "UTC"]);
    assert_eq!(assumed[0], "127.0.0.1:8097 2026-11-20T14:39:53Z 10 true");
}

#[test]
fn nothing_but_the_log_decides() {
    let directory = root().join("samples/mixed-bad-day");
    let whole = run(&directory, &["export", "error.log", "--table", "incidents"]);
    let want = stdout(&whole);
    assert_eq!(want.lines().count(), 6);
    for extra in [
        &["--threads", "1"][..],
        &["--threads", "7", "--chunk-size", "1"],
        &["--chunk-size", "4k"],
        &["--bucket", "1s"],
        &["--bucket", "1h"],
        &["--bucket", "1d"],
        &["--mmap", "never"],
        &["--since", "2026-03-14T00:00:00Z"],
    ] {
        let arguments = [&["export", "error.log", "--table", "incidents"], extra].concat();
        assert_eq!(stdout(&run(&directory, &arguments)), want, "{extra:?}");
    }
    // In two files, the younger one first, and one of them packed: but for where the evidence is.
    let log = fs::read(directory.join("error.log")).expect("there");
    let cut = memchr::memmem::find(&log, b"2026/03/14 12:0").expect("noon");
    let parts = tempfile::tempdir().expect("a directory");
    fs::write(parts.path().join("error.log"), &log[cut..]).expect("written");
    fs::write(
        parts.path().join("error.log.1.gz"),
        packed::gzip(&log[..cut]),
    )
    .expect("written");
    let bare = |text: &str| {
        let is_evidence = |cell: &&str| cell.contains('@');
        let line = |line: &str| {
            let cells = line.split(',').filter(|cell| !is_evidence(cell));
            cells.collect::<Vec<_>>().join(",")
        };
        text.lines().map(line).collect::<Vec<_>>()
    };
    let of_parts = run(
        parts.path(),
        &[
            "export",
            "error.log",
            "error.log.1.gz",
            "--table",
            "incidents",
        ],
    );
    assert_eq!(bare(&stdout(&of_parts)), bare(&want));
    let piped = run_with_input(&directory, &["export", "-", "--table", "incidents"], &log);
    assert_eq!(bare(&stdout(&piped)), bare(&want));
}

#[test]
fn a_quiet_log_has_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let line = |hour: usize| {
        format!(
            "2026/11/20 {hour:02}:00:00 [error] 1#1: *{hour} connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"a\"\n"
        )
    };
    let log: String = (0..24).map(line).collect();
    fs::write(directory.path().join("error.log"), log).expect("written");
    assert_eq!(incidents(directory.path(), &["error.log"]).len(), 0);
    let report = stdout(&run(directory.path(), &["error.log"]));
    assert!(!report.contains("Incidents"), "{report}");
}

/// Whom incidents hurt: with the access log, requests that their clients saw fail, however many records tell of one; each is counted by
/// a script's rule here: lines of the access log with a status of 5xx. Without it, records.
#[test]
fn requests_hurt_are_counted_once() {
    let table = |sample: &str, logs: &[&str]| {
        let directory = root().join("samples").join(sample);
        let output = run(
            &directory,
            &[&["export"], logs, &["--table", "incidents"]].concat(),
        );
        let text = stdout(&output);
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let names = rows.headers().expect("a header").clone();
        let at = |name: &str| {
            names
                .iter()
                .position(|other| other == name)
                .expect("a column")
        };
        let columns = ["n_events", "n_requests", "n_uris"].map(at);
        let row = |row: csv::StringRecord| columns.map(|column| row[column].parse::<u64>().ok());
        let rows: Vec<_> = rows
            .records()
            .map(|record| row(record.expect("RFC 4180")))
            .collect();
        assert_eq!(rows.len(), 1, "{sample}");
        rows[0]
    };
    for sample in [
        "refused-after-deploy",
        "no-live-upstreams",
        "keepalive-race",
        "dns-gone",
        "tls-name-mismatch",
    ] {
        let path = root().join("samples").join(sample).join("access.log");
        let log = std::fs::read_to_string(path).expect("there");
        let is_bad = |line: &&str| {
            let behind = line.split('"').nth(2).unwrap_or_default();
            behind.trim_start().starts_with('5')
        };
        let asked = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let bad: Vec<&str> = log.lines().filter(is_bad).collect();
        let uris: std::collections::BTreeSet<_> = bad.iter().map(|line| asked(line)).collect();
        let (n_bad, n_uris) = (Some(bad.len() as u64), Some(uris.len() as u64));
        let [_, n_requests, n_told] = table(sample, &["error.log", "access.log"]);
        assert_eq!((n_requests, n_told), (n_bad, n_uris), "{sample}");
        let [_, n_requests, n_told] = table(sample, &["access.log"]);
        assert_eq!((n_requests, n_told), (n_bad, None), "{sample}");
        let [n_events, n_requests, _] = table(sample, &["error.log"]);
        assert_eq!(n_requests, n_events, "{sample}");
    }
}
