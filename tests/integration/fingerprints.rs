//! Durations that pile up, from access logs to the report.

use crate::{
    real_nginx,
    support::{run, status, stderr, stdout},
};
use serde_json::Value;
use std::{fs, path::Path};

/// A request in a format that tells all times; `ms` are those of its only attempt.
fn line(second: usize, status: &str, upstream: &str, connect: &str, ms: u64) -> String {
    let (minute, second) = (second / 60 % 60, second % 60);
    let took = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let upstream_status = if status == "499" { "-" } else { status };
    format!(
        "192.0.2.9 - - [20/Nov/2026:14:{minute:02}:{second:02} +0000] \"GET /a HTTP/1.1\" {status} 9 \"-\" \"x\" \
         rt={took} ua=\"{upstream}\" us=\"{upstream_status}\" uct=\"{connect}\" uht=\"-\" urt=\"{took}\"\n"
    )
}

/// `n` of them, each a little later than the timer.
fn piled(n: usize, status: &str, upstream: &str, connect: &str, ms: u64) -> String {
    (0..n)
        .map(|n| line(n, status, upstream, connect, ms + n as u64 % 4))
        .collect()
}

/// Durations of no pattern, from a tenth of a second to some eighteen.
fn spread(n: usize, status: &str, upstream: &str) -> String {
    (0..n)
        .map(|n| {
            line(
                n,
                status,
                upstream,
                "0.001",
                100 + n as u64 * 7_919 % 18_000,
            )
        })
        .collect()
}

/// The section of the report on `log`, with `config`; all lines of an item as one.
fn section(log: &str, config: Option<&str>) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("access.log"), log).expect("written");
    let mut arguments = vec!["access.log"];
    if let Some(config) = config {
        fs::write(directory.path().join("nginx.conf"), config).expect("written");
        arguments.extend(["--nginx-config", "nginx.conf"]);
    }
    let output = run(directory.path(), &arguments);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    let Some((_, section)) = text.split_once("\nDurations that pile up\n") else {
        return Vec::new();
    };
    let lines = section.lines().take_while(|line| !line.is_empty());
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match (line.strip_prefix("    "), items.last_mut()) {
            (Some(rest), Some(item)) => *item = format!("{item} {rest}"),
            _ => items.push(line.trim().to_owned()),
        }
    }
    items
}

#[test]
fn the_default_of_a_timeout_is_named() {
    let log = piled(312, "504", "10.0.0.5:8080", "0.001", 60_000)
        + &spread(6, "502", "10.0.0.5:8080")
        + &spread(30, "200", "10.0.0.6:8080");
    assert_eq!(
        section(&log, None),
        [
            "312 of 318 failed attempts at 10.0.0.5:8080 took 60.00 s: proxy_read_timeout (or that of fastcgi, uwsgi, scgi, grpc), \
             60s by default"
        ]
    );
    // No connection: the other directive.
    let log = piled(9, "504", "10.0.0.5:8080", "-", 60_000);
    assert_eq!(
        section(&log, None),
        [
            "all 9 failed attempts at 10.0.0.5:8080 took 60.00 s: proxy_connect_timeout (or that of fastcgi, uwsgi, scgi, grpc), 60s \
             by default"
        ]
    );
}

#[test]
fn what_a_configuration_sets_is_named_with_its_place() {
    let config = "events {}\nhttp {\n proxy_read_timeout 30s;\n server {\n  server_name shop;\n  location / { proxy_pass http://10.0.0.5:8080; }\n  \
                  location /slow/ {\n   proxy_read_timeout 90s;\n   proxy_pass http://10.0.0.6:8080;\n  }\n }\n}\n";
    let log = piled(20, "504", "10.0.0.5:8080", "0.001", 30_000)
        + &piled(7, "504", "10.0.0.6:8080", "0.001", 90_000);
    assert_eq!(
        section(&log, Some(config)),
        [
            "all 20 failed attempts at 10.0.0.5:8080 took 30.00 s: proxy_read_timeout 30s (nginx.conf:3, for server shop, location /)",
            "all 7 failed attempts at 10.0.0.6:8080 took 90.00 s: proxy_read_timeout 90s (nginx.conf:8, for server shop, location /slow/)",
        ]
    );
    // Another value was in force than the file says.
    let log = piled(20, "504", "10.0.0.5:8080", "0.001", 60_000);
    assert_eq!(
        section(&log, Some(config)),
        [
            "all 20 failed attempts at 10.0.0.5:8080 took 60.00 s: a timeout of the gateway, but none as long in the configuration that was \
             read: another was in force"
        ]
    );
}

#[test]
fn limits_of_others_are_told_from_those_of_the_gateway() {
    let log = piled(40, "499", "10.0.0.5:8080", "0.001", 30_000)
        + &spread(10, "499", "10.0.0.5:8080")
        + &piled(12, "502", "10.0.0.7:8000", "0.000", 60_000);
    assert_eq!(
        section(&log, None),
        [
            "40 of 50 requests given up by clients (499) took 30.00 s: the patience of the clients, or of a balancer in front of the gateway",
            "all 12 failed attempts at 10.0.0.7:8000 took 60.00 s: no timeout of nginx, which would answer 504: the upstream, the kernel or a \
             box between cut it off",
        ]
    );
}

#[test]
fn without_a_pile_there_is_no_section() {
    for log in [
        spread(300, "504", "10.0.0.5:8080"),
        piled(4, "504", "10.0.0.5:8080", "0.001", 60_000),
        piled(50, "200", "10.0.0.5:8080", "0.001", 60_000),
        piled(50, "502", "10.0.0.5:8080", "-", 0),
    ] {
        assert_eq!(section(&log, None), [] as [&str; 0]);
    }
}

#[test]
fn a_real_nginx_gives_up_after_the_timeout_it_was_given() {
    for is_last in [false, false, true] {
        let Some(provoked) = real_nginx::provoke_timeouts() else {
            return;
        };
        // A machine that is busy beyond measure may let every timer come late.
        let text = report(&provoked.dir);
        let report: Value = serde_json::from_str(&text).expect("JSON");
        let found = pile(&report, "header");
        if found.is_null() && !is_last {
            continue;
        }
        assert_eq!(found["timeout_ms"], 1_000, "{text}");
        assert_eq!(found["ending"], "timed-out");
        assert_eq!(found["timeouts"][0]["directive"], "proxy_read_timeout");
        let contexts = &found["timeouts"][0]["contexts"];
        assert_eq!(contexts[0], "server shop.example, location /silent/");
        let found = pile(&report, "connect");
        if !found.is_null() {
            assert_eq!(found["timeouts"][0]["directive"], "proxy_connect_timeout");
        }
        // The error log tells the version, which nginx writes at its start.
        assert!(report["config"]["version"].is_string(), "{text}");
        return;
    }
}

fn report(directory: &Path) -> String {
    let arguments = [
        "--nginx-config",
        "nginx.conf",
        "-o",
        "r.json",
        "access.log",
        "error.log",
    ];
    let output = run(
        directory,
        &["report", "--force"]
            .into_iter()
            .chain(arguments)
            .collect::<Vec<_>>(),
    );
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    fs::read_to_string(directory.join("r.json")).expect("written")
}

fn pile<'a>(report: &'a Value, phase: &str) -> &'a Value {
    let piles = report["fingerprints"].as_array().expect("a list");
    let found = piles.iter().find(|pile| pile["phase"] == phase);
    found.unwrap_or(&Value::Null)
}
