//! Why each failed request failed: access logs and error logs read together, through the program.

#[cfg(target_os = "linux")]
use crate::real_nginx;
use crate::support::{Rows, root, run, status, stderr, stdout};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

/// 2026-11-20 12:00:00 +0000 and so many seconds, by a clock `offset_s` east of UTC; of one day.
fn clock(at: i64, offset_s: i64) -> String {
    let second = 43_200 + at + offset_s;
    assert!((0..86_400).contains(&second), "of one day");
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{hour:02}:{minute:02}:{:02}", second % 60)
}

#[derive(Default)]
struct Logs {
    error: String,
    access: String,
}

const KATHMANDU_S: i64 = 20_700;

impl Logs {
    fn record(&mut self, at: i64, told: &str, client: &str, uri: &str, upstream: &str) {
        let time = clock(at, KATHMANDU_S);
        let line = format!(
            "2026/11/20 {time} [error] 7#7: *{} {told}, client: {client}, server: shop.example, request: \"GET {uri} HTTP/1.1\", upstream: \"http://{upstream}{uri}\", host: \"Shop.example:8080\"",
            100 + at
        );
        writeln!(self.error, "{line}").expect("a String takes everything");
    }

    fn refused(&mut self, at: i64, client: &str, uri: &str, upstream: &str) {
        let told = "connect() failed (111: Connection refused) while connecting to upstream";
        self.record(at, told, client, uri, upstream);
    }

    /// `attempts` as the fields of the line: addresses, statuses, connect times, header times, response times.
    fn request(&mut self, at: i64, client: &str, uri: &str, told: &str, attempts: [&str; 5]) {
        let time = clock(at, 0);
        let [ua, us, uct, uht, urt] = attempts;
        writeln!(
            self.access,
            "{client} - - [20/Nov/2026:{time} +0000] \"GET {uri} HTTP/1.1\" {told} \"shop.example\" ua=\"{ua}\" us=\"{us}\" uct=\"{uct}\" uht=\"{uht}\" urt=\"{urt}\""
        )
        .expect("a String takes everything");
    }

    fn write(&self, directory: &Path) {
        fs::write(directory.join("error.log"), &self.error).expect("written");
        fs::write(directory.join("access.log"), &self.access).expect("written");
    }
}

const FORMAT: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent rt=$request_time "$host" ua="$upstream_addr" us="$upstream_status" uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#;

const REFUSED: [&str; 5] = ["10.0.0.1:80", "502", "-", "-", "0.000"];

/// Twenty requests refused, one more with everything else that can be: a retry, an answer passed on, an abort, an escape.
fn logs() -> Logs {
    let mut logs = Logs::default();
    for n in 0..20 {
        let (at, client) = (n * n * 7, format!("192.0.2.{n}"));
        logs.refused(at, &client, "/", "10.0.0.1:80");
        logs.request(at, &client, "/", "502 157 rt=0.001", REFUSED);
    }
    // A quote and a byte past ASCII: raw in the one log, escaped in the other.
    logs.refused(30, "192.0.2.9", "/a\"b?\u{e9}", "10.0.0.1:80");
    logs.request(
        30,
        "192.0.2.9",
        "/a\\x22b?\\xC3\\xA9",
        "502 157 rt=0.001",
        REFUSED,
    );
    // Masked: the second upstream answered.
    logs.refused(40, "192.0.2.9", "/b", "10.0.0.1:80");
    let both = [
        "10.0.0.1:80, 10.0.0.2:80",
        "502, 200",
        "-, 0.001",
        "-, 0.020",
        "0.000, 0.020",
    ];
    logs.request(40, "192.0.2.9", "/b", "200 5 rt=0.020", both);
    // A minute later, by the timer.
    let told = "upstream timed out (110: Connection timed out) while reading response header from upstream";
    logs.record(160, told, "192.0.2.9", "/c", "10.0.0.2:80");
    let timeout = ["10.0.0.2:80", "504", "0.001", "-", "60.001"];
    logs.request(160, "192.0.2.9", "/c", "504 157 rt=60.002", timeout);
    let own = ["10.0.0.2:80", "502", "0.001", "0.010", "0.010"];
    logs.request(170, "192.0.2.9", "/d", "502 157 rt=0.010", own);
    let left = ["10.0.0.2:80", "-", "0.001", "-", "5.000"];
    logs.request(180, "192.0.2.9", "/e", "499 0 rt=5.000", left);
    // Nobody's.
    logs.refused(190, "192.0.2.77", "/f", "10.0.0.1:80");
    logs.request(200, "192.0.2.78", "/g", "502 157 rt=0.001", REFUSED);
    logs
}

fn export(directory: &Path, table: &str, more: &[&str]) -> Rows {
    let arguments = [
        "export",
        "access.log",
        "error.log",
        "--log-format",
        FORMAT,
        "--table",
        table,
    ];
    let output = run(directory, &[&arguments[..], more].concat());
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    Rows::parse(&stdout(&output))
}

#[test]
fn requests_name_the_record_that_tells_why() {
    let directory = tempfile::tempdir().expect("a directory");
    logs().write(directory.path());
    let rows = export(directory.path(), "requests", &[]);
    let told: BTreeMap<String, String> = (20..rows.len())
        .map(|row| {
            let get = |column| rows.get(row, column).to_owned();
            let place = get("explained_by");
            let line = place.split(['@', ':']).nth(1).unwrap_or("-").to_owned();
            let said = format!("{} {line} {}", get("category"), get("confidence"));
            (get("uri"), said)
        })
        .collect();
    let want = [
        ("/a\"b?\u{e9}", "refused 21 strong"),
        ("/b", "refused 22 strong"),
        ("/c", "timeout 23 strong"),
        ("/d", "upstream-5xx - "),
        ("/e", "client-abort - "),
        ("/g", "other - "),
    ];
    let want = want.map(|(uri, said)| (uri.to_owned(), said.to_owned()));
    assert_eq!(told, BTreeMap::from(want));
    for row in 0..20 {
        let get = |column| rows.get(row, column).to_owned();
        assert_eq!(get("category"), "refused");
        assert_eq!(get("confidence"), "strong");
        assert!(get("explained_by").starts_with(&format!("error.log:{}@", row + 1)));
    }
}

#[test]
fn the_zone_of_the_error_log_is_found_and_told() {
    let directory = tempfile::tempdir().expect("a directory");
    logs().write(directory.path());
    let directory = directory.path();
    let sources = export(directory, "sources", &[]);
    // The mark keeps spreadsheets from calculating.
    assert_eq!(sources.get(1, "zone"), "'+05:45");
    let basis = sources.get(1, "zone_basis");
    assert!(
        basis.contains(" failed tries matched; the next best "),
        "{basis}"
    );
    let arguments = ["report", "access.log", "error.log", "--log-format", FORMAT];
    let report = stdout(&run(directory, &arguments)).replace("\n    ", " ");
    assert!(report.contains("zone     +05:45\n"), "{report}");
    assert!(
        report.contains("the records of 23 of 24 failed tries"),
        "{report}"
    );
    // An error log alone tells no zone.
    let report = stdout(&run(directory, &["report", "error.log"]));
    assert!(report.contains("zone     UTC, assumed\n"), "{report}");
    // So the first failure of both logs falls into the same minute.
    let failures = export(directory, "failures", &[]);
    let first = |basis: &str| {
        let is_it = |row: &usize| failures.get(*row, "basis") == basis;
        let first = (0..failures.len()).find(is_it).expect("failures of both");
        failures.get(first, "bucket").to_owned()
    };
    assert_eq!(first("error-log"), "2026-11-20T12:00:00Z");
    assert_eq!(first("error-log"), first("access-log"));
    // What is told by the user stands, whatever else the logs say.
    let sources = export(directory, "sources", &["--tz", "America/New_York"]);
    assert_eq!(sources.get(1, "zone"), "America/New_York");
    assert_eq!(sources.get(1, "zone_basis"), "given");
}

#[test]
fn reports_begin_with_why_requests_failed() {
    let directory = tempfile::tempdir().expect("a directory");
    logs().write(directory.path());
    let directory = directory.path();
    let report = |more: &[&str]| {
        let arguments = ["report", "access.log", "error.log", "--log-format", FORMAT];
        run(directory, &[&arguments[..], more].concat())
    };
    let text = stdout(&report(&[])).replace("\n    ", " ");
    for said in [
        "502 × 23: 91.3 % refused at 10.0.0.1:80, 4.3 % upstream-5xx at 10.0.0.2:80, 4.3 % unexplained",
        "1 unexplained: no record fits",
        "504 × 1: 100 % timeout at 10.0.0.2:80",
        "499 × 1: 100 % client-abort at 10.0.0.2:80",
        "1 failed try of which clients saw nothing: 1 refused at 10.0.0.1:80",
        "1 record without a failed request",
        "explained: 24 of 25, 22 by error records, 2 by the access log alone",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    for form in ["x.md", "x.json", "x.html"] {
        let output = report(&["-o", form]);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
    }
    let json = fs::read(directory.join("x.json")).expect("written");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let causes = &json["causes"];
    assert_eq!(causes["statuses"][0]["status"], 502);
    assert_eq!(causes["statuses"][0]["n_requests"], 23);
    assert_eq!(causes["statuses"][0]["n_explained"], 22);
    assert_eq!(causes["statuses"][0]["causes"][0]["n_strong"], 21);
    assert_eq!(causes["statuses"][0]["causes"][1]["n_by_access_log"], 1);
    assert_eq!(
        (&causes["n_masked"], &causes["n_left"]),
        (&1.into(), &1.into())
    );
    let markdown = fs::read_to_string(directory.join("x.md")).expect("written");
    let row = "| 502 | 21 | 91.3 | refused | `10.0.0.1:80` | 0 | 21 | 0 | 0 |";
    assert!(markdown.contains(row), "{markdown}");
    let page = fs::read_to_string(directory.join("x.html")).expect("written");
    assert!(
        page.contains("Why requests failed"),
        "the page lacks the causes"
    );
}

/// Of a filter, causes are of the requests that the table `requests` keeps.
#[test]
fn causes_are_of_what_is_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    logs().write(directory.path());
    let directory = directory.path();
    let report = |filter: [&str; 2]| {
        let arguments = ["report", "access.log", "error.log", "--log-format", FORMAT];
        stdout(&run(directory, &[&arguments[..], &filter].concat())).replace("\n    ", " ")
    };
    let n_rows = |filter: [&str; 2], status: &str| {
        let rows = export(directory, "requests", &filter);
        let is_of = |row: &usize| rows.get(*row, "status") == status;
        (0..rows.len()).filter(is_of).count()
    };
    let refused = report(["--category", "refused"]);
    assert!(
        refused.contains("502 × 21: 100 % refused at 10.0.0.1:80"),
        "{refused}"
    );
    assert!(!refused.contains("504 ×"), "{refused}");
    assert_eq!(n_rows(["--category", "refused"], "502"), 21);
    let second = report(["--upstream", "10.0.0.2:80"]);
    for said in [
        "502 × 1: 100 % upstream-5xx at 10.0.0.2:80",
        "504 × 1: 100 % timeout at 10.0.0.2:80",
        "1 failed try of which clients saw nothing",
    ] {
        assert!(second.contains(said), "{said}\n{second}");
    }
    assert_eq!(n_rows(["--upstream", "10.0.0.2:80"], "502"), 1);
    let none = report(["--server", "other.example"]);
    assert!(!none.contains("502 ×"), "{none}");
}

#[test]
fn threads_chunks_and_order_change_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    logs().write(directory.path());
    let table = |order: [&str; 2], more: &[&str]| {
        let arguments = [
            "export",
            order[0],
            order[1],
            "--log-format",
            FORMAT,
            "--table",
            "requests",
        ];
        stdout(&run(directory.path(), &[&arguments[..], more].concat()))
    };
    let want = table(["access.log", "error.log"], &["--threads", "1"]);
    for more in [
        &["--threads", "3", "--chunk-size", "400"][..],
        &["--chunk-size", "1"],
    ] {
        assert_eq!(table(["access.log", "error.log"], more), want);
    }
    assert_eq!(table(["error.log", "access.log"], &[]), want);
}

/// What samples have: five are of a real nginx, so nearly all that failed has its record.
#[test]
fn failures_of_the_samples_are_explained() {
    for sample in fs::read_dir(root().join("samples")).expect("listed") {
        let sample = sample.expect("there").path();
        let arguments = ["export", "access.log", "error.log", "--table", "requests"];
        let output = run(&sample, &arguments);
        let rows = Rows::parse(&stdout(&output));
        let is_own = |row: &usize| {
            matches!(rows.get(*row, "status"), "502" | "504")
                && rows.get(*row, "category") != "upstream-5xx"
        };
        let own: Vec<usize> = (0..rows.len()).filter(is_own).collect();
        let is_explained = |row: &&usize| !rows.get(**row, "explained_by").is_empty();
        let n = own.iter().filter(is_explained).count();
        assert!(
            n * 100 >= own.len() * 99,
            "{}: {n} of {}",
            sample.display(),
            own.len()
        );
    }
}

/// Every 502 and 504 that a real nginx made is explained, by the category and upstream that were provoked.
#[cfg(target_os = "linux")]
#[test]
fn what_a_real_nginx_failed_is_explained() {
    let Some(provoked) = real_nginx::provoke_in(Some("XXX-5:45")) else {
        return;
    };
    let directory = provoked.dir.as_path();
    let export = |table| {
        let arguments = [
            "export",
            "access-labelled.log",
            "error.log",
            "--table",
            table,
        ];
        let output = run(directory, &arguments);
        Rows::parse(&stdout(&output))
    };
    let (requests, events) = (export("requests"), export("events"));
    let place = |row| {
        let (source, line) = (events.get(row, "source"), events.get(row, "line"));
        format!("{source}:{line}@{}", events.get(row, "offset"))
    };
    let by_place: BTreeMap<String, usize> =
        (0..events.len()).map(|row| (place(row), row)).collect();
    let mut wrong = Vec::new();
    for row in 0..requests.len() {
        let get = |column| requests.get(row, column);
        let (uri, confidence) = (get("uri"), get("confidence"));
        let is_of_gateway = matches!(get("status"), "502" | "504" | "499");
        let Some(&record) = by_place.get(get("explained_by")) else {
            if is_of_gateway {
                wrong.push(format!("{} {uri:.60}: unexplained", get("status")));
            }
            continue;
        };
        let told = (get("category"), events.get(record, "upstream"));
        let is_expected = provoked.expect.iter().any(|expected| match &expected.by {
            real_nginx::By::Uri(expected_uri) => {
                expected_uri == uri && told == (expected.category, expected.upstream.as_str())
            }
            // Its record lost the upstream, so it is only likely.
            real_nginx::By::CutUri(expected_uri) => {
                expected_uri == uri && told.0 == expected.category && confidence == "weak"
            }
            real_nginx::By::Message(_) | real_nginx::By::Forged(_) => false,
        });
        if !is_expected {
            wrong.push(format!(
                "{} {uri:.60}: {told:?} {confidence}",
                get("status")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sources = export("sources");
    let zones: Vec<&str> = (0..sources.len())
        .map(|row| sources.get(row, "zone"))
        .collect();
    assert_eq!(zones, ["'+05:45", "'+05:45"]);
}
