//! Logs as other programs wrap them, through the whole engine: the failures are those of the bare log.

use crate::{
    envelopes::{
        LINE_BY_LINE, SHORT, cri, docker, in_turn, journal_export, journal_json, journal_parts,
        json, messages, nanos, prefixed, text_log, two_pods,
    },
    every_path::{Events, awkward_log, config, digest, placed, replay},
    support::{Rows, run, status, stderr, stdout},
};
use coroner::{
    aggregate::{
        Ledger, LineClass,
        ledger::{Reason, n_lines},
    },
    classify::Classifier,
    engine::{self, Scanned},
    event::{Basis, Trust},
    input,
    parse::{head::is_head, wrapper::CUT_OBJECTS_MAX},
};
use std::{fmt::Write, fs, path::Path};

struct Lab {
    directory: tempfile::TempDir,
    classifier: Classifier,
}

impl Lab {
    fn new() -> Lab {
        Lab {
            directory: tempfile::tempdir().expect("a directory"),
            classifier: Classifier::default(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn scan_all(&self, sources: &[&[u8]], n_threads: usize, chunk_len: usize) -> Scanned {
        let paths: Vec<_> = (0..sources.len())
            .map(|n| self.path().join(format!("{n}.log")))
            .collect();
        for (path, bytes) in paths.iter().zip(sources) {
            fs::write(path, bytes).expect("written");
        }
        let (found, errors) = input::discover(&paths);
        assert!(errors.is_empty());
        let config = config(n_threads, chunk_len);
        let scanned = engine::scan(&found, &self.classifier, &config, &Default::default());
        for (state, ledger) in scanned.sources.iter().zip(&scanned.ledgers) {
            assert_eq!(ledger.n_bytes(), state.decoded_bytes, "the ledger");
        }
        scanned
    }

    fn scan(&self, source: &[u8]) -> Scanned {
        self.scan_all(&[source], 1, 1 << 20)
    }
}

/// Counts of failures, without where they stand.
fn failures(scanned: &Scanned) -> String {
    let placed = placed(scanned);
    let mut text = String::new();
    // Formats of access lines are told by a sample, and pieces make it shorter.
    let is_of_record = |row: &&coroner::diagnose::Failure| row.kind.basis == Basis::ErrorLog;
    for row in placed.rows.iter().filter(is_of_record) {
        let upstream = row.upstream.as_deref().unwrap_or_default().escape_ascii();
        writeln!(
            text,
            "{:?} {upstream} {:?} {} {} {:?} {:?}",
            row.bucket,
            row.kind,
            row.n_events,
            row.clients.finish(),
            row.first_seen,
            row.last_seen
        )
        .expect("memory");
    }
    text
}

/// The first line where two texts differ.
fn difference(got: &str, want: &str) -> String {
    let pairs = got.lines().zip(want.lines());
    let first = pairs.clone().find(|(got, want)| got != want);
    let (n_got, n_want) = (got.lines().count(), want.lines().count());
    format!("{n_got} lines for {n_want}: {first:#?}")
}

#[test]
fn every_envelope_gives_the_failures_of_the_bare_log() {
    let lab = Lab::new();
    for seed in 40..46 {
        let log = text_log(seed, 150);
        let bare = lab.scan(&log);
        let want = failures(&bare);
        assert!(want.lines().count() > 80);
        for (chain, wrap) in LINE_BY_LINE {
            let scanned = lab.scan(&wrap(&log));
            let what = format!("{chain}, seed {seed}");
            assert_eq!(
                scanned.sources[0].reading.chain.to_string(),
                chain,
                "{what}"
            );
            let got = failures(&scanned);
            assert!(got == want, "{what}: {}", difference(&got, &want));
            // Line by line they are of the same classes.
            let (got, want) = (&scanned.ledgers[0], &bare.ledgers[0]);
            let classes = |ledger: &Ledger| {
                let mut lines = ledger.lines;
                // A header within a header without a text is junk, or nothing at all.
                lines[LineClass::Unparsed as usize] += lines[LineClass::Blank as usize];
                lines[LineClass::Blank as usize] = 0;
                lines
            };
            assert_eq!(classes(got), classes(want), "{what}");
            assert_eq!(got.n_events, want.n_events, "{what}");
        }
    }
}

/// Whatever newlines rsyslog had to escape, and however whole the lines look: a message holds one record.
#[test]
fn a_message_of_syslog_holds_one_record() {
    let lab = Lab::new();
    let tail = "client: 192.0.2.1, server: a, request: \"GET /a HTTP/1.1\"";
    let missing = format!(
        "2026/11/20 11:24:48 [error] 7#7: *1 open() \"/a\" failed (2: No such file or directory), {tail}"
    );
    let refused = format!(
        "2026/11/20 11:24:48 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, {tail}, \
         upstream: \"http://10.0.0.1:80/\""
    );
    let message = |text: &str| format!("Nov 20 11:24:48 web1 nginx: {text}\n");
    let log = message(&missing) + &message(&refused) + &message(&format!("{missing}#012{refused}"));
    let scanned = lab.scan(log.as_bytes());
    assert_eq!(
        scanned.sources[0].reading.chain.to_string(),
        "syslog-rfc3164"
    );
    let failures = failures(&scanned);
    let (n, upstream) = (failures.lines().count(), failures.matches("10.0.0.1:80"));
    assert_eq!((n, upstream.count()), (2, 1), "{failures}");
    assert!(failures.contains("Refused, phase: Connect, severity: Failure, basis: ErrorLog } 1 "));
    assert_eq!(scanned.aggregate.n_doubtful, 1);
}

#[test]
fn texts_in_pieces_give_the_failures_of_the_bare_log() {
    let lab = Lab::new();
    for seed in 50..53 {
        let log = text_log(seed, 60);
        let want = failures(&lab.scan(&log));
        for len_max in [29, 100, 1_000, 16_384] {
            for (name, source) in [
                ("docker-json", docker(&log, len_max)),
                ("cri", cri(&log, len_max)),
            ] {
                let scanned = lab.scan(&source);
                let what = format!("{name}, pieces of {len_max}, seed {seed}");
                assert_eq!(scanned.sources[0].reading.chain.to_string(), name, "{what}");
                let got = failures(&scanned);
                let format = scanned.sources[0]
                    .reading
                    .formats
                    .as_ref()
                    .map(|f| f.name());
                assert!(
                    got == want,
                    "{what} {format:?}: {}",
                    difference(&got, &want)
                );
            }
        }
    }
}

/// What stands further in than the runtime's layer, stands in the first part only.
#[test]
fn only_the_first_part_has_the_inner_layers() {
    let lab = Lab::new();
    let record = |n: usize| {
        let path = "x".repeat(n * 150);
        format!(
            "2026/11/20 11:24:{n:02} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, client: \
             192.0.2.{n}, server: a, request: \"GET /{path} HTTP/1.1\", upstream: \"http://10.0.0.{n}:80/\", host: \"a\"\n"
        )
    };
    let log: String = (0..12).map(record).collect();
    let inner = prefixed(log.as_bytes(), |n| {
        format!("2026-11-20T11:24:48+00:00 web{} nginx: ", n % 2)
    });
    let source = String::from_utf8(cri(&inner, 1_000)).expect("text");
    let source = source.replace(
        "stdout F ",
        "stdout F 2026-11-20T11:24:48+00:00 web1 nginx: ",
    );
    let scanned = lab.scan(source.as_bytes());
    assert_eq!(
        scanned.sources[0].reading.chain.to_string(),
        "cri > syslog-iso"
    );
    assert_eq!(failures(&scanned), failures(&lab.scan(log.as_bytes())));
    for chunk_len in (1..source.len()).step_by(41) {
        let got = lab.scan_all(&[source.as_bytes()], 1, chunk_len);
        assert_eq!(digest(&got), digest(&scanned), "{chunk_len}");
    }
}

/// Several writers' parts come in turn, each one's joined with its own.
#[test]
fn parts_of_two_writers_stay_apart() {
    let lab = Lab::new();
    for seed in 53..56 {
        let (a, b) = (text_log(seed, 60), text_log(seed + 100, 60));
        let want = failures(&lab.scan_all(&[&a, &b], 1, 1 << 20));
        for len_max in [100, 16_384] {
            let parts = |log, name: &str| journal_parts(log, name, len_max);
            let scanned = lab.scan(&in_turn(&parts(&a, "nginx"), &parts(&b, "edge")));
            let what = format!("pieces of {len_max}, seed {seed}");
            let got = failures(&scanned);
            assert!(got == want, "{what}: {}", difference(&got, &want));
        }
    }
}

/// Over several blocks of a stream, for entries are found from the first only.
#[test]
fn entries_give_the_failures_of_the_bare_log() {
    let lab = Lab::new();
    for (seed, n_records) in [(54, 60), (55, 60), (56, 7_000)] {
        let log = text_log(seed, n_records);
        let want = failures(&lab.scan(&log));
        let source = journal_export(&log);
        assert!(n_records < 1_000 || source.len() > 2 << 20);
        let scanned = lab.scan(&source);
        assert_eq!(
            scanned.sources[0].reading.chain.to_string(),
            "journald-export"
        );
        let got = failures(&scanned);
        assert!(got == want, "seed {seed}: {}", difference(&got, &want));
    }
}

/// `journalctl` shows one text of several lines under one header, and where the machine started.
#[test]
fn indented_lines_go_on_with_their_record() {
    let lab = Lab::new();
    let record = |n: usize| {
        format!(
            "2026/11/20 11:24:{n:02} [error] 7#7: *{n} FastCGI sent in stderr: \"PHP message: a\nStack trace:\n#0 {{main}}\" while \
             reading response header from upstream, client: 192.0.2.{n}, server: a, upstream: \"fastcgi://10.0.0.{n}:9000\"\n"
        )
    };
    let log: String = (0..20).map(record).collect();
    let mut short = "-- Boot fedcba9876543210fedcba9876543210 --\n".to_owned();
    for line in log.lines() {
        let begins = is_head(line.as_bytes());
        let before = if begins {
            SHORT.to_owned()
        } else {
            " ".repeat(SHORT.len())
        };
        writeln!(short, "{before}{line}").expect("memory");
    }
    let scanned = lab.scan(short.as_bytes());
    assert_eq!(
        scanned.sources[0].reading.chain.to_string(),
        "journald-short"
    );
    assert_eq!(failures(&scanned), failures(&lab.scan(log.as_bytes())));
    assert_eq!(scanned.ledgers[0].n_events, 20);
}

const SYSLOG: [(&str, &str); 6] = [
    ("syslog-rfc3164", "Nov 20 11:24:48 HOST nginx: "),
    ("syslog-iso", "2026-11-20T11:24:48+00:00 HOST nginx: "),
    (
        "syslog-rfc5424",
        "<187>1 2026-11-20T11:24:48+00:00 HOST nginx - - - ",
    ),
    (
        "cri > syslog-rfc3164",
        "2026-11-20T11:24:48.1Z stderr F Nov 20 11:24:48 HOST nginx: ",
    ),
    ("kubectl-prefix", "[pod/HOST/nginx] "),
    ("compose-prefix", "HOST-1  | "),
];

/// syslog-ng writes the newlines of a message as they are: only its first line has an envelope.
#[test]
fn lines_without_envelope_go_on_with_their_record() {
    let lab = Lab::new();
    let record = |n: usize| {
        format!(
            "2026/11/20 11:24:{n:02} [error] 7#7: *{n} FastCGI sent in stderr: \"PHP message: a\nStack trace:\n#0 {{main}}\n  thrown in              /a\" while reading response header from upstream, client: 192.0.2.{n}, server: a, upstream: \"fastcgi://10.0.0.{n}:9000\"\n"
        )
    };
    let log: String = (0..20).map(record).collect();
    for (chain, envelope) in SYSLOG {
        let host = |n: usize| envelope.replace("HOST", ["web1", "web2"][n / 4 % 2]);
        let source = messages(log.as_bytes(), host);
        let scanned = lab.scan(&source);
        let reading = &scanned.sources[0].reading;
        assert_eq!(reading.chain.to_string(), chain);
        assert_eq!(
            failures(&scanned),
            failures(&lab.scan(log.as_bytes())),
            "{chain}"
        );
        let ledger = &scanned.ledgers[0];
        assert_eq!(ledger.n_events, 20, "{chain}");
        assert_eq!(ledger.n_of(LineClass::Continuation), 60, "{chain}");
        let machines: Vec<_> = ledger.machines.values().copied().collect();
        assert_eq!(machines, [10, 10], "{chain}");
    }
}

/// What somebody wrote behind a newline in a path is his where the line has no envelope, too.
#[test]
fn forged_records_without_envelope_are_not_believed() {
    let lab = Lab::new();
    let forged = "2026/11/20 11:24:48 [error] 7#7: *9 connect() failed (111: Connection refused) while connecting to upstream, client:                   192.0.2.9, server: b, request: \"GET / HTTP/1.1\", upstream: \"http://10.9.9.9:80/\"";
    let encoded = forged.replace(' ', "%20").replace('"', "%22");
    let open = format!(
        "2026/11/20 11:24:48 [error] 7#7: *8 open() \"/www/x\n{forged}\ny\" failed (2: No such file or directory), client: 192.0.2.8,          server: a, request: \"GET /x%0a{encoded}%0ay HTTP/1.1\", host: \"a\"\n"
    );
    let refused = forged.replace("9.9.9:80", "0.0.1:80");
    let log = format!("{open}{}", format!("{refused}\n").repeat(3)).repeat(3);
    let want = lab.scan(log.as_bytes());
    for (chain, envelope) in SYSLOG {
        let mut source = String::new();
        for (n, line) in log.lines().enumerate() {
            if ![1, 2].contains(&(n % 6)) {
                source += &envelope.replace("HOST", "web1");
            } else if chain.starts_with("cri") {
                source += "2026-11-20T11:24:48.1Z stderr F ";
            }
            source += line;
            source.push('\n');
        }
        let scanned = lab.scan(source.as_bytes());
        assert_eq!(scanned.sources[0].reading.chain.to_string(), chain);
        assert_eq!(failures(&scanned), failures(&want), "{chain}");
        for chunk_len in (1..source.len() / 2).step_by(7) {
            let got = lab.scan_all(&[source.as_bytes()], 1, chunk_len);
            assert_eq!(digest(&got), digest(&scanned), "{chain}, {chunk_len}");
        }
    }
}

/// Lines of records of several lines come in any order but that of their pod.
#[test]
fn records_of_many_pods_are_whole() {
    let lab = Lab::new();
    let mut dice = crate::generate::Rng::new(18);
    for n_pods in [6, 16, 40] {
        let mut bare = String::new();
        let mut pods: Vec<std::collections::VecDeque<String>> = Vec::new();
        for pod in 0..n_pods {
            let record = |n: usize| {
                format!(
                    "2026/11/20 11:24:{:02} [error] 7#7: *{n} FastCGI sent in stderr: \"PHP message: a\nStack trace:\n#0 {{main}}\n  thrown\" \
                     while reading response header from upstream, client: 192.0.2.{pod}, server: a, upstream: \"fastcgi://10.0.0.{pod}:9000\"\n",
                    n % 60
                )
            };
            let log: String = (0..20).map(|n| record(pod * 20 + n)).collect();
            pods.push(
                log.lines()
                    .map(|line| format!("[pod/web-{pod}/nginx] {line}\n"))
                    .collect(),
            );
            bare += &log;
        }
        let mut source = String::new();
        while pods.iter().any(|pod| !pod.is_empty()) {
            let pod = dice.below(n_pods);
            source += &pods[pod].pop_front().unwrap_or_default();
        }
        let scanned = lab.scan(source.as_bytes());
        let (got, want) = (failures(&scanned), failures(&lab.scan(bare.as_bytes())));
        assert!(got == want, "{n_pods} pods: {}", difference(&got, &want));
        assert_eq!(scanned.ledgers[0].n_of(LineClass::Unparsed), 0, "{n_pods}");
    }
}

#[test]
fn two_pods_line_by_line_stay_apart() {
    let lab = Lab::new();
    for seed in 60..64 {
        let (a, b) = (text_log(seed, 80), text_log(seed + 100, 80));
        let want = failures(&lab.scan_all(&[&a, &b], 1, 1 << 20));
        let scanned = lab.scan(&two_pods(&a, &b));
        let got = failures(&scanned);
        assert!(got == want, "seed {seed}: {}", difference(&got, &want));
        let machines: Vec<_> = scanned.ledgers[0].machines.keys().collect();
        assert_eq!(
            machines,
            [&b"web-1"[..], b"web-2"]
                .map(Box::from)
                .iter()
                .collect::<Vec<_>>()
        );
    }
}

/// Every third line of docker's or of the journal's, without its newline.
fn without_newlines(source: &[u8]) -> Vec<u8> {
    let lines = source.split_inclusive(|b| *b == b'\n').enumerate();
    lines
        .flat_map(|(n, line)| match n % 3 {
            1 => line.trim_ascii_end(),
            _ => line,
        })
        .copied()
        .collect()
}

/// A line of objects that each were cut before the next is no accident: few are taken apart, so that it takes no longer than others.
#[test]
fn objects_that_were_cut_are_few() {
    let record = r#"{"log":"2026/11/20 11:24:48 [alert] 1#1: a\n","stream":"stderr"}"#;
    let log = format!("{record}\n").repeat(20) + &r#"{"log":"#.repeat(100_000) + "\n";
    let ledger = &Lab::new().scan(log.as_bytes()).ledgers[0];
    assert_eq!(
        (ledger.n_lines(), ledger.n_of(LineClass::Unparsed)),
        (21, 1)
    );
    let n_taken_apart = ledger.reasons[Reason::NoRecord as usize];
    assert_eq!(n_taken_apart, CUT_OBJECTS_MAX as u64 + 1);
}

/// The stream of CloudWatch is no virtual host, nor are the details of `docker logs`.
#[test]
fn requests_behind_a_stream_have_no_host() {
    let record = "2026/11/20 11:24:48 [error] 7#7: *1 no live upstreams while connecting to upstream, client: 192.0.2.1";
    let access =
        "192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"";
    for stream in ["ecs/nginx/7f3a", "tag=edge,stage=live"] {
        let before = format!("2026-11-20T11:24:48.123000+00:00 {stream}");
        let log = format!("{before} {record}\n{before} {access}\n").repeat(20);
        let scanned = Lab::new().scan(log.as_bytes());
        let (reading, ledger) = (&scanned.sources[0].reading, &scanned.ledgers[0]);
        assert_eq!(reading.chain.to_string(), "aws-logs-tail", "{stream}");
        assert_eq!((ledger.n_events, ledger.n_requests), (20, 20), "{stream}");
    }
}

/// A collector takes for a line what another made of one: its JSON, its prefix, its colours.
#[test]
fn what_is_wrapped_once_more_is_read() {
    const TIME: &str = "2026-11-20T11:24:48.5Z";
    type Wrap = fn(&str) -> String;
    let wraps: [(&str, Wrap); 8] = [
        ("logcli -o jsonl", |text| {
            format!(
                "{{\"labels\":{{\"pod\":\"web-1\"}},\"line\":{},\"timestamp\":\"{TIME}\"}}",
                json(text)
            )
        }),
        ("fluentd", |text| {
            format!(
                "{{\"container_name\":\"/nginx\",\"source\":\"stderr\",\"log\":{}}}",
                json(text)
            )
        }),
        ("logcli", |text| format!("{TIME} {{app=\"nginx\"}}  {text}")),
        ("compose", |text| format!("nginx-1  | {text}")),
        ("compose -t", |text| format!("nginx-1  | {TIME} {text}")),
        ("compose in colours", |text| {
            format!("\x1b[36mnginx-1  |\x1b[0m {text}")
        }),
        ("kubectl", |text| format!("[pod/web-1/nginx] {TIME} {text}")),
        ("stern", |text| format!("web-1 nginx {TIME} {text}")),
    ];
    let lab = Lab::new();
    let log = text_log(80, 60);
    let text = String::from_utf8(log.clone()).expect("text");
    let want = failures(&lab.scan(&log));
    // What stands before lines is not taken off twice.
    let are_alike = |a: &str, b: &str| {
        let is_timed = |name| ["compose -t", "kubectl", "stern"].contains(&name);
        a.split(' ').next() == b.split(' ').next() || (is_timed(a) && is_timed(b))
    };
    for (outer, wrap) in &wraps {
        for (inner, wrap_first) in wraps.iter().filter(|(inner, _)| !are_alike(inner, outer)) {
            let wrapped: String = text
                .lines()
                .map(|line| wrap(&wrap_first(line)) + "\n")
                .collect();
            let got = failures(&lab.scan(wrapped.as_bytes()));
            assert!(
                got == want,
                "{inner} in {outer}: {}",
                difference(&got, &want)
            );
        }
    }
}

/// A newline that was lost loses no record.
#[test]
fn objects_without_a_newline_between_are_all_read() {
    let lab = Lab::new();
    for seed in 68..71 {
        let log = text_log(seed, 80);
        let bare = lab.scan(&log);
        for source in [
            docker(&log, usize::MAX),
            docker(&log, 100),
            journal_json(&log),
        ] {
            let source = without_newlines(&source);
            let scanned = lab.scan(&source);
            let ledger = &scanned.ledgers[0];
            assert_eq!(ledger.n_lines(), n_lines(&source), "seed {seed}");
            assert_eq!(ledger.n_events, bare.ledgers[0].n_events, "seed {seed}");
            let (got, want) = (failures(&scanned), failures(&bare));
            assert!(got == want, "seed {seed}: {}", difference(&got, &want));
        }
    }
    // Requests; and what is left out behind a record is told.
    let time = "\"__REALTIME_TIMESTAMP\":\"1795173888123456\"";
    let access = "192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \\\"GET / HTTP/1.1\\\" 502 157";
    let request = format!("{{{time},\"MESSAGE\":\"{access}\"}}");
    let log = format!("{request}{request}\n").repeat(9) + &format!("{{{time},\"MESSAGE\":null}}");
    let ledger = &lab.scan(log.trim_ascii_end().as_bytes()).ledgers[0];
    assert_eq!((ledger.n_lines(), ledger.n_requests), (10, 18));
    let ledger = &lab.scan(log.replace("\n{", "{").as_bytes()).ledgers[0];
    assert_eq!((ledger.n_lines(), ledger.n_requests), (1, 18));
    assert_eq!(ledger.reasons[Reason::LeftOut as usize], 1);
    // A write that was cut, and the next one behind it; an object in an object is none.
    let record = "2026/11/20 11:24:48 [error] 7#7: *1 no live upstreams while connecting to upstream, client: 192.0.2.1";
    let line = format!(
        "{{\"log\":\"{record}\\n\",\"attrs\":{{\"log\":\"x\"}},\"stream\":\"stderr\",\"time\":\"2026-11-20T11:24:48Z\"}}\n"
    );
    let log = line.repeat(9) + &line[..record.len() - 9] + &line;
    assert_eq!(lab.scan(log.as_bytes()).ledgers[0].n_events, 11);
}

/// Where most lines are bare, the others come out of their envelopes all the same.
#[test]
fn few_lines_in_envelopes_are_read() {
    let lab = Lab::new();
    let record = |n: usize| {
        format!(
            "2026/11/20 11:24:{:02} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, \
             client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"shop\"\n",
            n % 60
        )
    };
    let log = |n: usize| (0..n).map(record).collect::<String>();
    let want = failures(&lab.scan((log(100) + &log(12)).as_bytes()));
    for (chain, wrap) in LINE_BY_LINE {
        let mixed = [log(100).as_bytes(), &wrap(log(12).as_bytes())].concat();
        let scanned = lab.scan(&mixed);
        let ledger = &scanned.ledgers[0];
        assert_eq!(failures(&scanned), want, "{chain}");
        assert_eq!(ledger.n_of(LineClass::Record), 112, "{chain}");
        let has_host = !["docker-json", "svlogd"].contains(&chain);
        assert_eq!(ledger.machines.len(), usize::from(has_host), "{chain}");
        if chain.starts_with("kubectl") {
            let args = [
                "export", "0.log", "-t", "events", "--host", "web-1", "-o", "-",
            ];
            let rows = stdout(&run(lab.path(), &args));
            assert_eq!(rows.lines().count(), 13, "{rows}");
        }
    }
}

/// A message that `journalctl` did not print, and one longer than is looked at, may have been anything.
#[test]
fn what_is_not_there_is_told() {
    let lab = Lab::new();
    let log = text_log(72, 60);
    let long = "x".repeat(2 << 20);
    let json = journal_json(&log);
    let null = b"{\"_PID\":\"7\",\"__REALTIME_TIMESTAMP\":\"1795173888123456\",\"MESSAGE\":null}\n";
    let (left_out, overlong) = (Reason::LeftOut, Reason::Overlong);
    let mut sources = vec![(left_out, [&json[..], null].concat())];
    let blob = [&log[..], b"[16B blob data]\n"].concat();
    sources.push((left_out, prefixed(&blob, |_| SHORT.to_owned())));
    for wrap in [
        |log: &[u8]| docker(log, usize::MAX),
        journal_json,
        |log: &[u8]| cri(log, usize::MAX),
    ] {
        sources.push((overlong, wrap(&[&log[..], long.as_bytes(), b"\n"].concat())));
    }
    let syslog = [&log[..], long.as_bytes(), b"\n"].concat();
    sources.push((overlong, prefixed(&syslog, |_| SHORT.to_owned())));
    for (reason, source) in sources {
        let scanned = lab.scan(&source);
        assert_eq!(scanned.ledgers[0].reasons[reason as usize], 1, "{reason:?}");
        let output = run(lab.path(), &["report", "0.log"]);
        let text = stdout(&output) + &stderr(&output);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(reason.text()), "{text}");
    }
}

/// Few lines of a source may have colours, in an envelope or in none.
#[test]
fn colours_come_off_one_line_of_ten() {
    let lab = Lab::new();
    let rest = "7#7: *3 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, \
        server: _, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\"\n";
    let plain = format!("2026/11/20 11:24:48 [error] {rest}");
    for coloured in [
        "\x1b[2m2026/11/20 11:24:48\x1b[0m \x1b[31m[error]\x1b[0m ",
        "\x1b[31m2026/11/20 11:24:48 [error] ",
        "2026/11/20 11:24:48 [\x1b[31merror\x1b[0m] ",
    ] {
        let log = plain.repeat(9) + coloured + rest;
        let want = failures(&lab.scan(plain.repeat(10).as_bytes()));
        let bare = lab.scan(log.as_bytes());
        assert_eq!(failures(&bare), want, "{coloured:?}");
        for (chain, wrap) in LINE_BY_LINE {
            let scanned = lab.scan(&wrap(log.as_bytes()));
            let what = format!("{chain}, {coloured:?}");
            let is_escaped = chain.starts_with("syslog") && coloured.starts_with('2');
            if !is_escaped {
                assert_eq!(failures(&scanned), want, "{what}");
            }
        }
    }
}

/// Containers of one pod, and pods of one name in two namespaces, write their own records.
#[test]
fn writers_that_share_a_name_stay_apart() {
    let lab = Lab::new();
    let names = [
        (
            "kubectl-prefix",
            ["[pod/web-0/nginx] ", "[pod/web-0/edge] "],
        ),
        ("stern-namespaced", ["ns0 web-0 nginx ", "ns1 web-0 nginx "]),
    ];
    for (chain, [one, other]) in names {
        for seed in 64..68 {
            let (a, b) = (text_log(seed, 80), text_log(seed + 100, 80));
            let want = failures(&lab.scan_all(&[&a, &b], 1, 1 << 20));
            let behind = |log, name: &str| prefixed(log, |_| name.to_owned());
            let scanned = lab.scan(&in_turn(&behind(&a, one), &behind(&b, other)));
            assert_eq!(scanned.sources[0].reading.chain.to_string(), chain);
            let got = failures(&scanned);
            assert!(got == want, "{chain}, {seed}: {}", difference(&got, &want));
        }
    }
}

/// Awkward sources of every kind, small.
fn sources(n_records: usize) -> Vec<(&'static str, Vec<u8>)> {
    let log = text_log(70, n_records);
    let mut sources: Vec<_> = LINE_BY_LINE
        .iter()
        .map(|(name, wrap)| (*name, wrap(&log)))
        .collect();
    sources.extend([
        ("docker in pieces", docker(&log, 100)),
        (
            "docker without newlines",
            without_newlines(&docker(&log, 100)),
        ),
        ("cri in pieces", cri(&log, 90)),
        ("journald-export", journal_export(&log)),
        (
            "two writers in pieces",
            in_turn(
                &journal_parts(&log, "nginx", 90),
                &journal_parts(&log, "edge", 70),
            ),
        ),
        (
            "messages of syslog-ng",
            messages(&log, |n| {
                format!("Nov 20 11:24:48 web{} nginx: ", n / 3 % 2)
            }),
        ),
        (
            "messages of syslog-ng in a container",
            prefixed(
                &messages(&log, |n| {
                    format!("Nov 20 11:24:48 web{} nginx: ", n / 3 % 2)
                }),
                |n| format!("2026-11-20T11:24:48.{}Z stderr F ", nanos(n)),
            ),
        ),
        ("two pods", two_pods(&log, &text_log(71, n_records))),
        (
            "any bytes",
            prefixed(&awkward_log(72, n_records), |_| "nginx-1  | ".to_owned()),
        ),
    ]);
    sources
}

#[test]
fn every_chunk_length_gives_the_same_answer() {
    let lab = Lab::new();
    for (name, source) in sources(7) {
        let scanned = lab.scan(&source);
        let want = digest(&scanned);
        let events = replay(&scanned, 1, 1 << 20, &lab.classifier);
        let (found, _) = input::discover(&[lab.path().join("0.log")]);
        // Past the length of a few lines, one is like the next.
        for chunk_len in (1..=source.len()).filter(|n| *n < 300 || n % 19 == 0) {
            let config = config(1, chunk_len);
            let got = engine::scan(&found, &lab.classifier, &config, &Default::default());
            let text = digest(&got);
            assert!(
                text == want,
                "{name}, chunks of {chunk_len}: {}",
                difference(&text, &want)
            );
            if chunk_len % 97 == 1 {
                let got = replay(&got, 1, chunk_len, &lab.classifier);
                assert!(
                    got == events,
                    "{name}, chunks of {chunk_len}: {}",
                    difference(&got, &events)
                );
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_answer() {
    let lab = Lab::new();
    for (name, source) in sources(400) {
        let scanned = lab.scan(&source);
        let want = digest(&scanned);
        let events = replay(&scanned, 1, 1 << 20, &lab.classifier);
        for (n_threads, chunk_len) in [(2, 1), (3, 777), (4, 4_096), (2, 65_537)] {
            let got = lab.scan_all(&[&source], n_threads, chunk_len);
            let text = digest(&got);
            assert!(
                text == want,
                "{name}, {n_threads} threads, chunks of {chunk_len}: {}",
                difference(&text, &want)
            );
            let got = replay(&got, n_threads, chunk_len, &lab.classifier);
            assert!(
                got == events,
                "{name}, {n_threads} threads, chunks of {chunk_len}: {}",
                difference(&got, &events)
            );
        }
    }
}

/// Packed, it comes in blocks whose cuts depend on nothing but the bytes.
#[test]
fn a_packed_source_gives_the_same_answer() {
    let lab = Lab::new();
    for (name, source) in sources(2_500) {
        let want = lab.scan(&source);
        let got = lab.scan_all(&[&crate::packed::gzip(&source)], 3, 1);
        let (got, want) = (digest(&got), digest(&want));
        assert!(got == want, "{name}: {}", difference(&got, &want));
    }
}

/// Offset and line number lead to the first physical line of a record.
#[test]
fn evidence_points_at_the_first_line() {
    let lab = Lab::new();
    for (name, source) in sources(120) {
        let scanned = lab.scan_all(&[&source], 2, 3_000);
        let mut places = Vec::new();
        let collect = |event: &coroner::scan::Event<'_>| {
            let starts = &scanned.ledgers[0].line_starts;
            let line = starts.line_number(&event.evidence);
            (event.evidence.offset, line, event.trust)
        };
        let make = || Events {
            collect,
            rows: Vec::new(),
        };
        let take = |events: Events<_, (u64, u64, Trust)>| {
            places.push(events.rows);
            Ok(())
        };
        let config = config(2, 3_000);
        let progress = Default::default();
        engine::replay(&scanned, &lab.classifier, &config, &progress, make, take).expect("memory");
        let places = places.concat();
        assert_eq!(places.len() as u64, scanned.ledgers[0].n_events, "{name}");
        // Forged lines come with the record that holds them.
        let own = places
            .iter()
            .filter(|(.., trust)| *trust != Trust::Injected);
        // Of parts that come in turn, the record that is whole first comes first.
        assert!(
            ["two writers in pieces", "docker without newlines"].contains(&name)
                || own.is_sorted_by_key(|(offset, ..)| *offset),
            "{name}: in the order of the file"
        );
        for (offset, line, trust) in places {
            let offset = usize::try_from(offset).expect("few");
            let before = &source[..offset];
            let n_lines = before.iter().filter(|b| **b == b'\n').count() as u64;
            assert_eq!(line, n_lines + 1, "{name} at {offset}");
            let is_start = offset == 0 || source[offset - 1] == b'\n';
            assert!(is_start, "{name} at {offset} ({trust:?})");
        }
    }
}

fn hosts(rows: &Rows) -> Vec<String> {
    (0..rows.len())
        .map(|n| rows.get(n, "host").to_owned())
        .collect()
}

#[test]
fn machines_are_told_and_asked_for() {
    let lab = Lab::new();
    let record = |n: usize| {
        format!(
            "2026/11/20 11:24:{n:02} [error] 7#7: *{n} no live upstreams while connecting to upstream, client: 192.0.2.1, server: a\n"
        )
    };
    let log = |n: usize| (0..n).map(record).collect::<String>();
    fs::write(
        lab.path().join("pods.log"),
        two_pods(log(30).as_bytes(), log(12).as_bytes()),
    )
    .expect("written");
    let before = |_| SHORT.to_owned();
    fs::write(
        lab.path().join("syslog"),
        prefixed(log(5).as_bytes(), before),
    )
    .expect("written");
    fs::write(lab.path().join("bare.log"), log(2)).expect("written");
    let export = |more: &[&str]| {
        let logs = ["export", "pods.log", "syslog", "bare.log"];
        let output = run(lab.path(), &[&logs, more].concat());
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        Rows::parse(&stdout(&output))
    };
    let sources = export(&["--table", "sources"]);
    assert_eq!(hosts(&sources), ["", "web-1, web-2", "web1"]);
    for (host, n_events) in [
        ("web-1", 30),
        ("web-2", 12),
        ("web-*", 42),
        ("web1", 5),
        ("web*", 47),
        ("db*", 0),
    ] {
        assert_eq!(
            export(&["--host", host]).sum("n_events"),
            n_events,
            "{host}"
        );
        let events = export(&["--host", host, "--table", "events"]);
        assert_eq!(events.len() as u64, n_events, "{host}");
    }
}

/// Host, pod and container: each finds the line, whatever else names it, and the narrower ones do not show.
#[test]
fn a_machine_is_found_by_any_of_its_names() {
    let text = "2026/11/20 11:24:48 [error] 7#7: *3 no live upstreams while connecting to upstream, client: 192.0.2.1, server: a";
    let json = |members: &str| format!("{{\"message\":{text:?},{members}}}\n");
    let pods = "node1/var/log/pods/shop_web-7c9d_5f0e/nginx/0.log";
    let stern = "\"nodeName\":\"node1\",\"namespace\":\"shop\",\"podName\":\"web-7c9d\",\"containerName\":\"nginx\"";
    let grafana =
        json("\"labels\":{\"host\":\"node1\",\"pod\":\"web-7c9d\",\"container\":\"nginx\"}");
    let journal = format!(
        "{{\"_HOSTNAME\":\"node1\",\"CONTAINER_NAME\":\"nginx\",\"__REALTIME_TIMESTAMP\":\"1795173888123456\",\"MESSAGE\":{text:?}}}\n"
    );
    let access = "192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157 node1\n";
    let own =
        "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent $hostname";
    let (pod, container) = (Some("web-7c9d"), Some("nginx"));
    for (path, log, pod, container) in [
        ("stern.log", json(stern), pod, container),
        (
            "loki.log",
            grafana.replace("message", "line"),
            pod,
            container,
        ),
        (
            "logcli.log",
            format!(
                "2026-11-20T11:24:48Z {{container=\"nginx\", host=\"node1\", pod=\"web-7c9d\"}} {text}\n"
            ),
            pod,
            container,
        ),
        ("journal.log", journal, None, container),
        (
            "syslog",
            format!("Nov 20 11:24:48 node1 kubectl: [pod/web-7c9d/nginx] {text}\n"),
            pod,
            container,
        ),
        (pods, format!("{text}\n"), pod, container),
        (
            pods,
            format!("2026-11-20T11:24:48Z stderr F {text}\n"),
            pod,
            container,
        ),
        (
            "node1/var/log/kubectl.log",
            format!("[pod/web-7c9d/nginx] {text}\n"),
            pod,
            container,
        ),
        // A line among bare ones.
        (
            "mixed.log",
            format!("{text}\n").repeat(9).replace("2026", "2025")
                + &format!("Nov 20 11:24:48 node1 kubectl: [pod/web-7c9d/nginx] {text}\n"),
            pod,
            container,
        ),
        (
            "access.log",
            format!("[pod/web-7c9d/nginx] {access}").repeat(9),
            pod,
            container,
        ),
    ] {
        let lab = Lab::new();
        let full = lab.path().join(path);
        fs::create_dir_all(full.parent().expect("one")).expect("made");
        fs::write(&full, &log).expect("written");
        fs::write(
            lab.path().join("other.log"),
            format!("Nov 20 11:24:48 web9 nginx: {text}\n"),
        )
        .expect("written");
        for table in ["failures", "events", "requests"] {
            let rows = |host: &str| {
                let args = [
                    "export",
                    "--table",
                    table,
                    "--since",
                    "2026-01-01",
                    "--log-format",
                    own,
                    "--host",
                    host,
                    ".",
                ];
                let output = run(lab.path(), &args);
                assert_eq!(status(&output), 0, "{}", stderr(&output));
                Rows::parse(&stdout(&output))
            };
            let of_node = rows("node1");
            let is_access = path == "access.log";
            let is_there = match table {
                "failures" => true,
                table => is_access == (table == "requests"),
            };
            assert_eq!(of_node.len() > 0, is_there, "{path} {table} {log}");
            for name in [pod, container, Some("n?d*")].into_iter().flatten() {
                assert_eq!(rows(name).len(), of_node.len(), "{path} {table} {name}");
            }
            assert_eq!(rows("shop").len(), 0, "{path} {table}");
            if table != "failures" && is_there {
                let is_told_by_envelope = is_access || path == "node1/var/log/kubectl.log";
                let want = if is_told_by_envelope {
                    "web-7c9d"
                } else {
                    "node1"
                };
                assert_eq!(of_node.get(0, "machine"), want, "{path}");
            }
        }
    }
}

/// A writer that dies in the middle of a line.
#[test]
fn a_cut_envelope_loses_no_record_silently() {
    let lab = Lab::new();
    let record = |n: usize| {
        format!(
            "2026/11/20 11:24:{n:02} [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, \
             client: 192.0.2.1, server: a, request: \"GET /<a>?\\x22 HTTP/1.1\", upstream: \"http://10.0.0.1:80/\"\n"
        )
    };
    let log: String = (0..4).map(record).collect();
    for (name, wrap) in LINE_BY_LINE {
        let source = wrap(log.as_bytes());
        let last = source.len()
            - 1
            - source[..source.len() - 1]
                .iter()
                .rev()
                .position(|b| *b == b'\n')
                .expect("lines");
        for len in (last..source.len()).filter(|len| len % 2 == 0 || source.len() - len < 40) {
            let scanned = lab.scan(&source[..len]);
            let what = format!("{name} cut at {len}: {}", source[last..len].escape_ascii());
            assert_eq!(scanned.sources[0].reading.chain.to_string(), name, "{what}");
            let ledger = &scanned.ledgers[0];
            assert_eq!(ledger.n_lines(), 3 + u64::from(len > last), "{what}");
            assert!(ledger.n_events >= 3, "{what}");
            // Once the message is there, so is the event.
            let shown = source[last..len].windows(7).any(|at| at == b"refused");
            if shown {
                assert_eq!(ledger.n_events, 4, "{what}");
            }
        }
    }
}

/// The blank of an indented line is not that which rsyslog puts before a message, and the empty line behind an entry for a browser
/// is none of the message.
#[test]
fn lines_of_a_message_are_as_they_were_written() {
    let lines = [
        "2026/11/20 11:24:48 [error] 7#7: *1 FastCGI sent in stderr: \"PHP message: no",
        "  thrown in a.php\" while reading response header from upstream, client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"fastcgi://10.0.0.1:80\", host: \"a\"",
    ];
    let wrappings: [fn(String) -> String; 3] = [
        |text| format!("{{\"@timestamp\":\"2026-11-20T11:24:48.5Z\",\"message\":{text}}}\n"),
        |text| {
            let text = text.replacen('"', "\" ", 1);
            format!(
                "{{\"@timestamp\":\"2026-11-20T11:24:48Z\",\"tag\":\"nginx:\",\"message\":{text}}}\n"
            )
        },
        |text| {
            format!(
                "data: {{\"MESSAGE\":{text},\"__REALTIME_TIMESTAMP\":\"1795173888123456\"}}\n\n"
            )
        },
    ];
    let directory = tempfile::tempdir().expect("a directory");
    for wrap in wrappings {
        let log: String = lines.map(|line| wrap(json(line))).concat();
        fs::write(directory.path().join("log"), &log).expect("written");
        let all = ["export", "-q", "--table", "events", "log"];
        let rows = Rows::parse(&stdout(&run(directory.path(), &all)));
        assert_eq!(rows.len(), 1, "{log}");
        let want = "FastCGI sent in stderr: \"PHP message: no\n  thrown in a.php\" while reading response header from upstream";
        assert_eq!(rows.get(0, "message"), want, "{log}");
    }
}

/// What envelopes say of time and stream stands beside each record, as precise as they say it.
#[test]
fn the_time_and_the_stream_of_an_envelope_are_kept() {
    let record = "2026/11/20 11:24:48 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"a\"";
    let in_json = record.replace('"', "\\\"");
    let cases = [
        (
            format!("2026-11-20T12:24:48.123456789+01:00 stderr F {record}"),
            "2026-11-20T11:24:48.123456789Z",
            "stderr",
        ),
        (
            format!(
                "{{\"log\":\"{in_json}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T11:24:48.5Z\"}}"
            ),
            "2026-11-20T11:24:48.500Z",
            "stdout",
        ),
        (
            format!("<187>1 2026-11-20T11:24:48.123456+00:00 web1 nginx - - - {record}"),
            "2026-11-20T11:24:48.123456Z",
            "",
        ),
        (
            format!("Nov 20 11:24:48.000123 web1 nginx[7]: {record}"),
            "2026-11-20T11:24:48.000123",
            "",
        ),
        (
            format!("Nov 20 11:24:48 web1 nginx: {record}"),
            "2026-11-20T11:24:48",
            "",
        ),
        (
            format!("2026-11-20_11:24:48.12345 {record}"),
            "2026-11-20T11:24:48.123450Z",
            "",
        ),
        (record.to_owned(), "", ""),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    for (line, written, stream) in cases {
        fs::write(directory.path().join("log"), format!("{line}\n").repeat(3)).expect("written");
        for n_threads in ["1", "3"] {
            let all = [
                "export",
                "-q",
                "--table",
                "events",
                "--chunk-size",
                "300",
                "--threads",
                n_threads,
                "log",
            ];
            let rows = Rows::parse(&stdout(&run(directory.path(), &all)));
            assert_eq!(rows.len(), 3, "{line}");
            let told = (rows.get(2, "written"), rows.get(2, "stream"));
            assert_eq!(told, (written, stream), "{line}");
        }
    }
    let access =
        "192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"";
    let line = format!("2026-11-20T11:24:48.25Z stdout F {access}\n");
    fs::write(directory.path().join("log"), line.repeat(3)).expect("written");
    let all = ["export", "-q", "--table", "requests", "log"];
    let rows = Rows::parse(&stdout(&run(directory.path(), &all)));
    let told = (rows.get(0, "written"), rows.get(0, "stream"));
    assert_eq!(told, ("2026-11-20T11:24:48.250Z", "stdout"));
}
