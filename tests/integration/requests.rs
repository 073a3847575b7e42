//! Access logs through the whole program: what a line tells reaches `traffic`, `requests` and `failures`, by every path.

use crate::{
    packed,
    real_nginx::{self, FORMATS},
    support::{Rows, run, run_with_input, status, stderr, stdout},
};
use std::{fs, path::Path};

/// A line of `combined` and fields about attempts.
fn line(second: u32, status: u16, attempts: [&str; 5]) -> String {
    let [addr, statuses, connect, header, response] = attempts;
    format!(
        "192.0.2.{client} - - [20/Nov/2026:11:29:{second:02} +0000] \"GET /item/{second} HTTP/1.1\" {status} 10 \"-\" \"-\" \
         rt=1.500 ua=\"{addr}\" us=\"{statuses}\" uct=\"{connect}\" uht=\"{header}\" urt=\"{response}\"\n",
        client = second % 7
    )
}

/// A short outage: a good answer, a refusal masked by a retry, one that hits the client, a timeout, a passed-through 500, an
/// abandoned one and one that met no upstream.
fn outage() -> String {
    let (a, b) = ("10.0.0.1:80", "10.0.0.2:80");
    let both = format!("{a}, {b}");
    [
        line(1, 200, [b, "200", "0.001", "0.002", "0.003"]),
        line(
            2,
            200,
            [&both, "502, 200", "-, 0.001", "-, 0.002", "0.000, 0.004"],
        ),
        line(3, 502, [a, "502", "-", "-", "0.000"]),
        line(4, 504, [b, "504", "0.001", "-", "60.001"]),
        line(5, 500, [b, "500", "0.000", "0.010", "0.010"]),
        line(6, 499, [b, "-", "0.001", "-", "3.000"]),
        line(7, 404, ["-", "-", "-", "-", "-"]),
    ]
    .concat()
}

fn export(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, &[&["export"], arguments].concat());
    assert_eq!(status(&output), 0, "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// Rows as text, without the place that evidence stands in.
fn rows(text: &str, columns: &[&str]) -> Vec<String> {
    let rows = Rows::parse(text);
    let row = |row| {
        columns
            .iter()
            .map(|column| rows.get(row, column))
            .collect::<Vec<_>>()
    };
    (0..rows.len()).map(|at| row(at).join(" ")).collect()
}

#[test]
fn an_outage_reaches_the_tables() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("access.log"), outage()).expect("written");
    let traffic = export(directory.path(), &["access.log", "--table", "traffic"]);
    let columns = [
        "upstream",
        "n_requests",
        "n_attempts",
        "n_failed_attempts",
        "n_masked",
        "n_2xx",
        "n_4xx",
        "n_5xx",
        "n_499",
        "n_502",
        "n_504",
        "bytes_sent",
        "response_ms_max",
        "connect_ms_p50",
        "header_ms_p50",
        "request_ms_p50",
    ];
    assert_eq!(
        rows(&traffic, &columns),
        [
            " 1 0 0 0 0 1 0 0 0 0 10    1496",
            "10.0.0.1:80 1 2 2 1 0 0 1 0 1 0 10 0   1496",
            "10.0.0.2:80 5 5 2 0 2 1 2 1 0 1 50 60001 1 2 1496",
        ]
    );
    let requests = export(directory.path(), &["access.log", "--table", "requests"]);
    let columns = [
        "time",
        "status",
        "n_attempts",
        "upstreams",
        "category",
        "line",
    ];
    assert_eq!(
        rows(&requests, &columns),
        [
            "2026-11-20T11:29:02Z 200 2 10.0.0.1:80, 10.0.0.2:80 other 2",
            "2026-11-20T11:29:03Z 502 1 10.0.0.1:80 other 3",
            "2026-11-20T11:29:04Z 504 1 10.0.0.2:80 timeout 4",
            "2026-11-20T11:29:05Z 500 1 10.0.0.2:80 upstream-5xx 5",
            "2026-11-20T11:29:06Z 499 1 10.0.0.2:80 client-abort 6",
        ]
    );
    let all = export(
        directory.path(),
        &["access.log", "--table", "requests", "--all-requests"],
    );
    assert_eq!(Rows::parse(&all).len(), 7);
    let failures = export(directory.path(), &["access.log"]);
    let columns = [
        "upstream", "category", "phase", "severity", "basis", "n_events",
    ];
    assert_eq!(
        rows(&failures, &columns),
        [
            "10.0.0.1:80 other connect failure access-log 2",
            "10.0.0.2:80 timeout header failure access-log 1",
            "10.0.0.2:80 upstream-5xx none failure access-log 1",
            "10.0.0.2:80 client-abort header client access-log 1",
        ]
    );
    let sources = export(directory.path(), &["access.log", "--table", "sources"]);
    let columns = [
        "kind",
        "n_lines",
        "n_records",
        "n_unparsed",
        "zone",
        "first_time",
        "last_time",
    ];
    assert_eq!(
        rows(&sources, &columns),
        ["nginx-access 7 7 0 UTC 2026-11-20T11:29:01Z 2026-11-20T11:29:07Z"]
    );
}

/// Map, stream, archive, envelope; any threads and chunks.
#[test]
fn every_path_gives_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let log = outage().repeat(40);
    fs::write(directory.join("access.log"), &log).expect("written");
    fs::write(
        directory.join("access.log.gz"),
        packed::gzip(log.as_bytes()),
    )
    .expect("written");
    let docker: String = log
        .lines()
        .map(|line| format!("{}\n", serde_json::json!({"log": format!("{line}\n"), "stream": "stdout", "time": "2026-11-20T11:29:00Z"})))
        .collect();
    fs::write(directory.join("docker.log"), docker).expect("written");
    for table in ["traffic", "failures"] {
        let without_place = |text: String| {
            let cut = |line: &str| {
                line.rsplit_once(",access.log")
                    .map_or(line, |(row, _)| row)
                    .to_owned()
            };
            text.lines().map(cut).collect::<Vec<_>>()
        };
        let want = without_place(export(directory, &["access.log", "--table", table]));
        for threads in ["1", "3"] {
            for chunk in ["1", "97", "64k"] {
                let options = [
                    "--table",
                    table,
                    "--threads",
                    threads,
                    "--chunk-size",
                    chunk,
                ];
                for log in ["access.log", "access.log.gz"] {
                    let got = without_place(export(directory, &[&[log], &options[..]].concat()));
                    assert_eq!(got, want, "{log} {options:?}");
                }
            }
        }
        let never = without_place(export(
            directory,
            &["access.log", "--table", table, "--mmap", "never"],
        ));
        assert_eq!(never, want);
        let piped = run_with_input(
            directory,
            &["export", "-", "--table", table],
            log.as_bytes(),
        );
        assert_eq!(status(&piped), 0);
        let cut = |line: &str| {
            line.rsplit_once(",<stdin>")
                .map_or(line, |(row, _)| row)
                .to_owned()
        };
        assert_eq!(stdout(&piped).lines().map(cut).collect::<Vec<_>>(), want);
        let docker = export(directory, &["docker.log", "--table", table]);
        let cut = |line: &str| {
            line.rsplit_once(",docker.log")
                .map_or(line, |(row, _)| row)
                .to_owned()
        };
        assert_eq!(docker.lines().map(cut).collect::<Vec<_>>(), want);
    }
}

/// Servers in two zones that write one file.
#[test]
fn offsets_of_one_file_land_in_one_bucket() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = "192.0.2.1 - - [20/Nov/2026:11:29:47 +0000] \"GET / HTTP/1.1\" 502 1 \"-\" \"-\"\n\
               192.0.2.1 - - [20/Nov/2026:16:59:48 +0530] \"GET / HTTP/1.1\" 502 1 \"-\" \"-\"\n";
    fs::write(directory.path().join("access.log"), log).expect("written");
    let traffic = export(directory.path(), &["access.log", "--table", "traffic"]);
    assert_eq!(
        rows(&traffic, &["bucket", "n_502"]),
        ["2026-11-20T11:29:00Z 2"]
    );
    let sources = export(directory.path(), &["access.log", "--table", "sources"]);
    assert_eq!(rows(&sources, &["zone"]), ["UTC, +05:30"]);
}

/// Containers write both kinds into one stream.
#[test]
fn records_and_requests_of_one_stream_are_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let record = "2026/11/20 11:29:03 [error] 7#7: *3 connect() failed (111: Connection refused) while connecting to upstream, \
                  client: 192.0.2.3, server: a, request: \"GET /item/3 HTTP/1.1\", upstream: \"http://10.0.0.1:80/item/3\", host: \"a\"\n";
    for log in [[record, &outage()].concat(), [&outage(), record].concat()] {
        fs::write(directory.path().join("both.log"), log).expect("written");
        let failures = export(directory.path(), &["both.log", "--category", "refused"]);
        assert_eq!(
            rows(&failures, &["upstream", "basis", "n_events"]),
            ["10.0.0.1:80 error-log 1"]
        );
        let traffic = export(directory.path(), &["both.log", "--table", "traffic"]);
        assert_eq!(Rows::parse(&traffic).sum("n_requests"), 7);
    }
}

/// An application beside nginx in the same container may write JSON.
#[test]
fn json_of_others_hides_no_requests() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let record = "2026/11/20 11:29:03 [error] 7#7: *3 connect() failed (111: Connection refused) while connecting to upstream, \
                  client: 192.0.2.3, server: a, request: \"GET /item/3 HTTP/1.1\", upstream: \"http://10.0.0.1:80/item/3\", host: \"a\"";
    let request =
        "192.0.2.1 - - [20/Nov/2026:11:29:47 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"";
    for json in [
        r#"{"time":"2026-11-20T11:24:48+00:00","level":"info","msg":"done","status":200}"#,
        r#"{"ts":"2026-11-20T11:24:48Z","level":"info","msg":"hello"}"#,
    ] {
        for envelope in ["", "[pod/web-1/app] "] {
            let lines = [record, request, json, json, request];
            let log: String = lines.map(|line| format!("{envelope}{line}\n")).concat();
            fs::write(directory.join("mixed.log"), log.repeat(30)).expect("written");
            let output = run(directory, &["export", "mixed.log", "--table", "traffic"]);
            assert_eq!(status(&output), 1, "{}", stderr(&output));
            let traffic = Rows::parse(&stdout(&output));
            assert_eq!(traffic.sum("n_502"), 60, "{envelope}{json}");
            assert!(
                stderr(&output).contains("60 of 150 lines could not be parsed"),
                "{}",
                stderr(&output)
            );
        }
    }
}

/// What is no line of the format is counted with its reason, and the rest is right.
#[test]
fn broken_lines_are_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut log = outage().repeat(100);
    log.push_str(&line(8, 200, ["-", "-", "-", "-", "-"]).replace("20/Nov", "31/Nov"));
    log.push_str("192.0.2.1 - - [20/Nov/2026:11:29:4");
    fs::write(directory.path().join("access.log"), log).expect("written");
    let output = run(
        directory.path(),
        &["export", "access.log", "--table", "sources"],
    );
    assert_eq!(status(&output), 1);
    let text = stdout(&output);
    assert_eq!(
        rows(&text, &["n_lines", "n_records", "n_unparsed"]),
        ["702 700 2"]
    );
    let problems = rows(&text, &["problems"]).concat();
    assert!(
        problems.contains("a date that does not exist"),
        "{problems}"
    );
}

/// A format that does not fit is refused, with lines that show it.
#[test]
fn what_fits_no_format_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let log: String = (0..40)
        .map(|n| format!("[20/Nov/2026:11:29:{n:02} +0000] {n} what is this\n"))
        .collect();
    fs::write(directory.path().join("access.log"), log).expect("written");
    let output = run(
        directory.path(),
        &["export", "access.log", "--table", "traffic"],
    );
    assert_eq!(status(&output), 2);
    let said = stderr(&output);
    assert!(
        said.contains("what is this") && said.contains("format"),
        "{said}"
    );
    let output = run(
        directory.path(),
        &["export", "access.log", "--log-format", "nonsense"],
    );
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("combined"), "{}", stderr(&output));
}

/// A format that was asked for is the one that is told of, whatever the lines look like otherwise.
#[test]
fn a_told_format_that_does_not_fit_is_refused_with_what_it_lacks() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let fits: String = (1..=60)
        .map(|n| format!("192.0.2.{n} 2026-11-20T11:29:00+00:00 502\n"))
        .collect();
    let body = "$remote_addr $time_iso8601 $status";
    for (lines, n_strange) in [(&fits, 0), (&fits, 3), (&String::new(), 3)] {
        let log = format!("{}{lines}", "what is this\n".repeat(n_strange));
        fs::write(directory.join("odd.log"), log).expect("written");
        let output = run(directory, &["report", "odd.log", "--log-format", body]);
        let said = stdout(&output);
        let is_refused = said.contains("at byte 5, format `given` has a time such as");
        assert_eq!(is_refused, n_strange > 0, "{said}");
        assert_eq!(status(&output), i32::from(n_strange > 0), "{said}");
        assert_eq!(said.contains("requests 60;"), n_strange == 0, "{said}");
    }
    // Beside error records it is not asked for.
    let record = "2026/11/20 11:29:47 [error] 7#7: *1 directory index of \"/srv/\" is forbidden, client: 192.0.2.1, server: a\n";
    fs::write(directory.join("error.log"), record).expect("written");
    let output = run(directory, &["report", "error.log", "--log-format", body]);
    assert_eq!(status(&output), 0, "{}", stdout(&output));
}

/// Formats that the user tells: a body, a name, a configuration, a key.
#[test]
fn told_formats_are_used() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let log: String = (0..20)
        .map(|n| format!("2026-11-20T11:29:{n:02}+00:00 7 502 9\n"))
        .collect();
    fs::write(directory.join("odd.log"), &log).expect("written");
    let body = "$time_iso8601 $request_time $status $body_bytes_sent";
    fs::write(
        directory.join("nginx.conf"),
        format!("events {{}}\nhttp {{ log_format odd '{body}'; access_log logs/odd.log odd; }}\n"),
    )
    .expect("written");
    for told in [["--log-format", body], ["--nginx-config", "nginx.conf"]] {
        let traffic = export(
            directory,
            &[&["odd.log", "--table", "traffic"], &told[..]].concat(),
        );
        let columns = ["n_requests", "n_502", "bytes_sent", "request_ms_max"];
        assert_eq!(rows(&traffic, &columns), ["20 20 180 7000"], "{told:?}");
    }
    // What tells no time, and ends with a blank: only the configuration says that it is an access log.
    let log = "192.0.2.1 10.0.0.1:80 502 \n".repeat(20);
    fs::write(directory.join("bare.log"), log).expect("written");
    fs::write(
        directory.join("bare.conf"),
        "events {}\nhttp { log_format bare '$remote_addr $upstream_addr $status '; access_log logs/bare.log bare; }\n",
    )
    .expect("written");
    let told = [
        "bare.log",
        "--table",
        "traffic",
        "--nginx-config",
        "bare.conf",
    ];
    assert_eq!(
        rows(&export(directory, &told), &["bucket", "upstream", "n_502"]),
        [" 10.0.0.1:80 20"]
    );
    let json: String = (0..20)
        .map(|n| format!("{{\"at\":\"2026-11-20T11:29:{n:02}Z\",\"ip\":\"192.0.2.1\",\"request\":\"GET / HTTP/1.1\",\"outcome\":502}}\n"))
        .collect();
    fs::write(directory.join("json.log"), &json).expect("written");
    let told = [
        "json.log",
        "--table",
        "traffic",
        "--field",
        "status=outcome",
        "--field",
        "time=at",
    ];
    assert_eq!(
        rows(&export(directory, &told), &["bucket", "n_502"]),
        ["2026-11-20T11:29:00Z 20"]
    );
    let output = run(directory, &["export", "json.log", "--field", "nothing=x"]);
    assert_eq!(status(&output), 2);
    assert!(
        stderr(&output).contains("upstream_addr"),
        "{}",
        stderr(&output)
    );
}

/// One nginx, ten formats: what they tell is the same.
#[test]
fn formats_of_a_real_nginx_agree() {
    let Some(provoked) = real_nginx::provoke() else {
        return;
    };
    let config = provoked.dir.join("nginx.conf");
    let config = config.to_str().expect("a plain path");
    let tables = |name: &str| {
        let log = format!("access-{name}.log");
        let read = |table: &str| {
            let output = run(
                &provoked.dir,
                &["export", &log, "--table", table, "--nginx-config", config],
            );
            assert_eq!(status(&output), 0, "{name}: {}", stderr(&output));
            stdout(&output)
        };
        let traffic = read("traffic");
        let requests = read("requests");
        let columns = [
            "time",
            "status",
            "method",
            "uri",
            "host",
            "client",
            "request_ms",
            "n_attempts",
            "upstreams",
            "upstream_statuses",
            "response_ms",
            "category",
            "line",
        ];
        (traffic, rows(&requests, &columns))
    };
    let (traffic, requests) = tables(FORMATS[0].0);
    assert!(
        Rows::parse(&traffic).sum("n_failed_attempts") > 10,
        "{traffic}"
    );
    assert!(requests.len() > 10);
    for (name, _) in &FORMATS[1..] {
        let (other_traffic, other_requests) = tables(name);
        for (mine, theirs) in requests.iter().zip(&other_requests) {
            assert_eq!(mine, theirs, "{name}");
        }
        assert_eq!(requests.len(), other_requests.len(), "{name}");
        assert_eq!(traffic, other_traffic, "{name}");
    }
}

/// A container that has just started has said more than it has served: its scripts and its controller write no lines of the log.
#[test]
fn what_runs_beside_nginx_is_no_other_format() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let greetings = "/docker-entrypoint.sh: /docker-entrypoint.d/ is not empty, will attempt to perform configuration\n\
        /docker-entrypoint.sh: Launching /docker-entrypoint.d/10-listen-on-ipv6-by-default.sh\n\
        10-listen-on-ipv6-by-default.sh: info: Enabled listen on IPv6 in /etc/nginx/conf.d/default.conf\n\
        /docker-entrypoint.sh: Sourcing /docker-entrypoint.d/15-local-resolvers.envsh\n\
        /docker-entrypoint.sh: Configuration complete; ready for start up\n\
        -------------------------------------------------------------------------------\n\
        NGINX Ingress controller\n  Release:       v1.9.4\n  nginx version: nginx/1.21.6\n\
        E1120 11:29:40.705161       7 queue.go:130] \"requeuing\" err=\"services \\\"x\\\" not found\"\n\
        ==> /var/log/nginx/access.log <==\n--\n";
    let request =
        "192.0.2.1 - - [20/Nov/2026:11:29:47 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"\n";
    fs::write(
        directory.join("docker.log"),
        greetings.to_owned() + &request.repeat(9),
    )
    .expect("written");
    let output = run(directory, &["export", "docker.log", "--table", "traffic"]);
    assert_eq!(status(&output), 1, "{}", stderr(&output));
    assert_eq!(rows(&stdout(&output), &["n_502"]), ["9"]);
    assert!(
        stderr(&output).contains("12 of 21 lines could not be parsed"),
        "{}",
        stderr(&output)
    );
}

/// What compose and syslog collect is of many programs; those that are a gateway by their name, or the only ones with requests, are read.
#[test]
fn requests_stand_between_lines_of_other_programs() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let request = |n: u32| {
        format!(
            "192.0.2.1 shop.example - [20/Nov/2026:11:29:{n:02} +0000] \"GET /{n} HTTP/1.1\" 502 157 \"-\" \"curl\" 0.001"
        )
    };
    let json = |n: u32| {
        format!(
            "{{\"time\":\"2026-11-20T11:29:{n:02}+00:00\",\"request\":\"GET / HTTP/1.1\",\"status\":502}}"
        )
    };
    let app = |n: u32| format!("{{\"level\":\"info\",\"msg\":\"done\",\"took\":{n}}}");
    let noise = |_: u32| "Traceback (most recent call last):".to_owned();
    type Text<'a> = &'a dyn Fn(u32) -> String;
    let cases: [(&str, &str, Text<'_>, &str, Text<'_>); 4] = [
        (
            "compose.log",
            "nginx-1  | ",
            &request,
            "app-1    | ",
            &noise,
        ),
        ("both.log", "nginx-1  | ", &json, "app-1    | ", &app),
        (
            "syslog",
            "Nov 20 11:29:40 gw1 nginx: ",
            &request,
            "Nov 20 11:29:40 gw1 CRON[9]: ",
            &noise,
        ),
        (
            "messages",
            "Nov 20 11:29:40 gw1 web: ",
            &json,
            "Nov 20 11:29:40 gw1 kernel: ",
            &noise,
        ),
    ];
    for (name, gateway, own, other, others) in cases {
        let lines: String = (0..40)
            .map(|n| {
                format!(
                    "{gateway}{}\n{other}{}\n{other}{}\n",
                    own(n),
                    others(n),
                    others(n)
                )
            })
            .collect();
        fs::write(directory.join(name), lines).expect("written");
        let output = run(
            directory,
            &[
                "export", name, "--table", "traffic", "--bucket", "1h", "-o", "out.csv", "--force",
            ],
        );
        let told = stderr(&output);
        assert_eq!(status(&output), 1, "{name}: {told}");
        assert!(
            told.contains("80 of 120 lines could not be parsed"),
            "{name}: {told}"
        );
        let traffic = fs::read_to_string(directory.join("out.csv")).expect("written");
        let header: Vec<&str> = traffic
            .lines()
            .next()
            .expect("a header")
            .split(',')
            .collect();
        let row: Vec<&str> = traffic.lines().nth(1).expect("a row").split(',').collect();
        let of = |column: &str| row[header.iter().position(|name| *name == column).expect("it")];
        assert_eq!((of("n_requests"), of("n_502")), ("40", "40"), "{name}");
    }
}

/// Line with a number, or what stands before it.
type Line = fn(usize) -> String;

/// Formats that were given, and JSON, are found behind a time and behind colours that only they prove.
#[test]
fn what_stands_around_lines_of_given_formats_is_taken_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let piped = "$remote_addr|$time_iso8601|$request|$status|$upstream_addr|$upstream_status|$upstream_response_time";
    let piped: (&[&str], Line) = (&["--log-format", piped], |n| {
        format!(
            "192.0.2.{n}|2026-11-20T10:00:{n:02}+00:00|GET /{n} HTTP/1.1|502|10.0.0.1:80|502|0.100"
        )
    });
    let json: (&[&str], Line) = (&[], |n| {
        format!(
            r#"{{"time_iso8601":"2026-11-20T10:00:{n:02}+00:00","remote_addr":"192.0.2.{n}","request":"GET /{n} HTTP/1.1","status":"502","upstream_addr":"10.0.0.1:80"}}"#
        )
    });
    let wrappers: [(&str, Line); 5] = [
        ("", |_| String::new()),
        ("timestamp", |n| {
            format!("2026-11-20T10:00:{n:02}.123456789Z ")
        }),
        ("kubectl-prefix > timestamp", |n| {
            format!("[pod/web-7c9d/nginx] 2026-11-20T10:00:{n:02}.123456789Z ")
        }),
        ("compose-prefix > timestamp", |n| {
            format!("nginx-1  | 2026-11-20T10:00:{n:02}.123456789Z ")
        }),
        ("ansi > compose-prefix", |_| {
            "\x1b[36mnginx-1  | \x1b[0m".to_owned()
        }),
    ];
    for (arguments, line) in [piped, json] {
        for (wrapper, before) in wrappers {
            let lines = (10..50).map(|n| format!("{}{}\n", before(n), line(n)));
            let log = lines.collect::<String>();
            fs::write(directory.path().join("access.log"), log).expect("written");
            let export = |table: &str| {
                let head = ["export", "access.log", "--table", table];
                let arguments = [&head, arguments].concat();
                Rows::parse(&stdout(&run(directory.path(), &arguments)))
            };
            assert_eq!(export("sources").get(0, "wrapper"), wrapper);
            let requests = export("requests");
            let clients: Vec<_> = (0..requests.len())
                .map(|n| requests.get(n, "client").to_owned())
                .collect();
            let want: Vec<_> = (10..50).map(|n| format!("192.0.2.{n}")).collect();
            assert_eq!(clients, want, "{wrapper} {arguments:?}");
        }
    }
}
