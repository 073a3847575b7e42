//! The HTML page as a parser sees it (html5ever, which browsers' engines agree with): valid, the same tree whatever the logs
//! hold, of a bounded size, and the same bytes from the same logs.

use crate::support::{root, run, status, stdout};
use coroner::report::{
    html,
    model::{
        Answer, CategoryCount, CategoryLine, CauseLine, Causes, CheckLine, ClientLine,
        Completeness, ConfigLine, EvidenceLine, FORMAT_VERSION, FindingLine, HeatRow, IncidentLine,
        IntervalLine, MarkLine, MemberLine, MessageLine, Onset, OutageLine, Pace, PileLine, Plot,
        Report, RequestsLine, RouteLine, ShapeLine, SourceLine, Span, StatusCount, StatusLine,
        TimeoutLine, TrafficLine, UpstreamLine, WhyLine, WorstBucket,
    },
};
use html5ever::{parse_document, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use std::{fmt::Write, fs};

/// What clients and upstreams write into logs, and what it must not do in a page.
const ATTACKS: [&str; 12] = [
    "</script><script>alert(1)</script>",
    "</style></svg></title></textarea></table></code></body><h1>x",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "<!-- --><![CDATA[ ]]><?php ?>",
    "&lt;b&gt;&#60;script&#62;&amp;quot;",
    "{{ 7 * 7 }} {% include \"x\" %} ${7}",
    "a\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}b",
    "nul\0 escape\x1b[31m bell\x07 return\r newline\n tab\t c1\u{9b}31m",
    "\u{fffe}\u{10ffff}\u{85}\u{2028}",
];

pub(crate) fn parsed(page: &str) -> RcDom {
    parse_document(RcDom::default(), Default::default()).one(page)
}

/// Elements with all their attributes, as nested lines; with what stands in scripts and styles, without any other text.
fn shape(page: &str) -> String {
    let mut shape = String::new();
    walk(
        &parsed(page).document,
        0,
        &mut |node, depth| match &node.data {
            NodeData::Element { name, attrs, .. } => {
                write!(shape, "{:depth$}{}", "", name.local).expect("memory");
                for attribute in attrs.borrow().iter() {
                    write!(shape, " {}={:?}", attribute.name.local, attribute.value)
                        .expect("memory");
                }
                shape.push('\n');
            }
            NodeData::Comment { contents } => {
                writeln!(shape, "comment {contents}").expect("memory")
            }
            NodeData::ProcessingInstruction { .. } => shape.push_str("instruction\n"),
            NodeData::Text { contents } if is_code(node) => {
                writeln!(shape, "code {}", contents.borrow()).expect("memory");
            }
            _ => {}
        },
    );
    shape
}

fn walk(node: &Handle, depth: usize, visit: &mut impl FnMut(&Handle, usize)) {
    visit(node, depth);
    for child in node.children.borrow().iter() {
        walk(child, depth + 1, visit);
    }
}

pub(crate) fn element(node: &Handle) -> Option<String> {
    match &node.data {
        NodeData::Element { name, .. } => Some(name.local.to_string()),
        _ => None,
    }
}

/// A text of a script or of a style.
fn is_code(text: &Handle) -> bool {
    let parent = text.parent.take();
    text.parent.set(parent.clone());
    let name = parent.and_then(|parent| element(&parent.upgrade()?));
    matches!(name.as_deref(), Some("script" | "style"))
}

/// The text of the page as a person reads it: blocks on lines of their own, cells apart; no charts, styles or scripts.
fn text(page: &str) -> String {
    fn say(node: &Handle, out: &mut String) {
        let name = element(node);
        match name.as_deref() {
            Some("style" | "script" | "svg" | "head") => return,
            Some("td" | "th") if !out.ends_with('\n') => out.push_str(" | "),
            Some("dd") => out.push_str(": "),
            Some("h1" | "h2" | "h3" | "h4" | "section") => out.push('\n'),
            _ => {}
        }
        if let NodeData::Text { contents } = &node.data {
            out.push_str(&contents.borrow().replace('\n', " "));
        }
        for child in node.children.borrow().iter() {
            say(child, out);
        }
        const BLOCKS: [&str; 15] = [
            "h1",
            "h2",
            "h3",
            "h4",
            "p",
            "li",
            "tr",
            "caption",
            "div",
            "figcaption",
            "summary",
            "footer",
            "header",
            "section",
            "dd",
        ];
        if name.is_some_and(|name| BLOCKS.contains(&name.as_str())) && !out.ends_with('\n') {
            out.push('\n');
        }
    }
    let mut out = String::new();
    say(&parsed(page).document, &mut out);
    let lines = out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut text = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn causes(evil: &str, n: usize) -> Causes {
    let cause = || CauseLine {
        category: "refused",
        upstream: evil.to_owned(),
        n: 7,
        percent: 77.8,
        n_exact: 1,
        n_strong: 2,
        n_weak: 3,
        n_by_access_log: 1,
    };
    let why = || WhyLine {
        why: "none fits",
        n: 2,
    };
    Causes {
        statuses: vec![StatusLine {
            status: 502,
            n_requests: 9,
            n_all: None,
            n_explained: 7,
            causes: (0..n).map(|_| cause()).collect(),
            unexplained: vec![why()],
        }],
        n_masked: 7,
        masked: (0..n).map(|_| cause()).collect(),
        n_left: 2,
        left: vec![why()],
        is_sample: false,
    }
}

/// A series of `n` cells in which the three come again and again.
fn cells<T: Copy>(three: [T; 3], n: usize) -> Vec<T> {
    three.into_iter().cycle().take(n).collect()
}

/// A report in which every text that may come from a log, a path or a message about them is `evil`, and lists are `n` long.
fn report(evil: &str, n: usize) -> Report {
    let time = |minute: usize| Some(format!("2026-11-20T14:{minute:02}:00Z"));
    let owned = || evil.to_owned();
    let shown = EvidenceLine {
        at: owned(),
        what: owned(),
        quote: owned(),
        lines: vec![owned(); 2],
    };
    let category = |category: &'static str, severity: &'static str| CategoryLine {
        category,
        severity,
        n_events: 7,
        n_clients: 3,
        first: time(1),
        last: time(9),
        evidence: owned(),
        series: cells([0, 3, 4], 240),
    };
    let count = CategoryCount {
        category: "refused",
        n_events: 7,
        series: cells([0, 3, 4], 240),
    };
    let route = RouteLine {
        route: owned(),
        n_requests: 9,
        n_failed: 7,
        request_ms_p50: Some(5),
        request_ms_p99: None,
        evidence: owned(),
    };
    let outage = OutageLine {
        upstream: owned(),
        told: "disabled",
        n_times: 2,
        seconds: 20,
        first: time(1),
        last: None,
        n_events: 2,
        fail_timeout_seconds: Some(10),
        fail_timeout_assumed: true,
        intervals: vec![
            IntervalLine {
                from: "2026-11-20T14:01:00Z".into(),
                until: time(9),
                n_events: 1,
                evidence: owned(),
            };
            2
        ],
    };
    let member = MemberLine {
        upstream: owned(),
        category: "refused",
        phase: "connect",
        onset: "2026-11-20T14:01:00Z".into(),
        last: "2026-11-20T14:09:00Z".into(),
        n_failures: 7,
        n_clients: 3,
        rose: true,
        evidence: owned(),
    };
    let incident = IncidentLine {
        id: "20261120-1401-0000".into(),
        start: "2026-11-20T14:01:00Z".into(),
        end: "2026-11-20T14:09:00Z".into(),
        start_s: 1_795_183_260,
        seconds: 480,
        begins_with_logs: true,
        lasts_to_end: true,
        n_failures: 7,
        n_requests: 6,
        n_uris: Some(2),
        n_hosts: None,
        n_clients: 3,
        peak: "2026-11-20T14:02:00Z".into(),
        peak_per_minute: 4,
        first: member.clone(),
        members: vec![member; n.min(8)],
        n_more_members: 1,
        n_upstreams: n,
        marks: vec![MarkLine {
            what: "reload",
            n_events: 1,
            first: "2026-11-20T14:00:00Z".into(),
            last: "2026-11-20T14:00:00Z".into(),
            evidence: owned(),
        }],
        health: vec![outage.clone(); n.min(8)],
        n_more_health: 1,
        evidence: owned(),
    };
    Report {
        format_version: FORMAT_VERSION,
        coroner_version: "0.0.0",
        zone: owned(),
        zone_assumed: true,
        span: Some(Span {
            first: "2026-11-20T14:00:00Z".into(),
            last: "2026-11-20T14:03:00Z".into(),
            seconds: 180,
        }),
        bucket: "1m",
        completeness: Completeness {
            n_sources: n,
            n_sources_read: n,
            n_sources_with_problems: n,
            size_bytes: 1,
            bytes_read: 1,
            n_lines: 1,
            n_lines_unparsed: 0,
            percent_understood: 99.5,
        },
        config: Some(ConfigLine {
            path: owned(),
            n_files: 1,
            n_groups: 1,
            n_log_formats: 1,
            n_problems: 1,
            version: Some(owned()),
        }),
        requests: Some(RequestsLine {
            n_requests: 9,
            n_5xx: 7,
            n_499: 0,
            percent_5xx: 77.78,
            statuses: vec![StatusCount {
                status: 502,
                n_requests: 7,
            }],
            n_masked: 1,
            request_ms_p50: Some(5),
            request_ms_p99: Some(60_000),
            series: cells([1, 4, 4], 240),
            series_5xx: cells([0, 3, 4], 240),
        }),
        traffic: (0..n)
            .map(|_| TrafficLine {
                upstream: owned(),
                n_requests: 9,
                n_attempts: 9,
                n_failed_attempts: 7,
                n_masked: 1,
                n_5xx: 7,
                response_ms_p50: Some(5),
                response_ms_p99: None,
                series: cells([0, 3, 4], 240),
                pace: Pace {
                    n: cells([1, 4, 4], 60),
                    n_failed: cells([0, 3, 4], 60),
                    ms_p50: cells([Some(5), None, Some(60_000)], 60),
                    ms_p90: cells([Some(7), None, Some(60_000)], 60),
                    ms_p99: cells([Some(9), None, Some(60_001)], 60),
                },
            })
            .collect(),
        n_more_traffic: 1,
        routes: vec![route.clone(); n],
        slowest: vec![route; n],
        clients: (0..n)
            .map(|_| ClientLine {
                client: owned(),
                n_failed: 7,
            })
            .collect(),
        basis: "error-log",
        n_events: 14,
        answer: Answer {
            n_failures: 14,
            n_clients: 40,
            n_upstreams: 2,
            first: time(1),
            last: time(9),
            seconds: 480,
            onset: ["refused", "timeout"]
                .map(|category| Onset {
                    category,
                    first: "2026-11-20T14:01:00Z".into(),
                })
                .into(),
        },
        causes: Some(causes(evil, n)),
        findings: vec![
            FindingLine {
                id: owned(),
                rank: 1,
                severity: "failure",
                confidence: "certain",
                category: "refused",
                title: owned(),
                claim: owned(),
                refuted_by: owned(),
                advice: vec![owned(); 2],
                directives: vec![owned(); 2],
                commands: vec![owned(); 2],
                incident: owned(),
                evidence: vec![shown.clone(); 2],
                n_requests: 7,
                n_masked: 1,
                n_events: 9,
                first: time(1),
                last: time(9),
                corrections: &["one"],
            };
            n
        ],
        n_more_findings: 1,
        checklist: vec![CheckLine {
            check: "upstream running",
            verdict: "FAIL",
            because: owned(),
            evidence: vec![shown; 2],
        }],
        severities: vec![],
        incidents: vec![incident; n],
        n_more_incidents: 1,
        incident_rule: "one opens when 10 failures add up".into(),
        health: vec![outage; n],
        n_more_health: 1,
        fingerprints: (0..n)
            .map(|_| PileLine {
                upstream: owned(),
                n_upstreams: 1,
                ending: "timed-out",
                phase: "header",
                timeout_ms: 60_000,
                longest_ms: 60_003,
                n_attempts: 7,
                n_all: 9,
                timeouts: vec![TimeoutLine {
                    directive: "proxy_read_timeout".into(),
                    ms: 60_000,
                    place: Some(owned()),
                    contexts: vec![owned()],
                }],
                why: owned(),
            })
            .collect(),
        n_more_fingerprints: 1,
        failures: vec![
            category("refused", "failure"),
            category("timeout", "failure"),
        ],
        upstreams: (0..n)
            .map(|_| UpstreamLine {
                upstream: owned(),
                n_failures: 7,
                n_clients: 3,
                categories: vec![count.clone()],
                first: time(1),
                last: time(9),
                evidence: owned(),
                series: cells([0, 3, 4], 240),
            })
            .collect(),
        n_more_upstreams: 1,
        heat_map: (0..n.min(13))
            .map(|row| HeatRow {
                upstream: owned(),
                n_upstreams: if row == 12 { 9 } else { 1 },
                n_failures: 161,
                n_without_time: 1,
                counts: cells([1, 3, 4], 60),
            })
            .collect(),
        worst: (0..n)
            .map(|_| WorstBucket {
                bucket: "2026-11-20T14:01:00Z".into(),
                n_failures: 7,
                category: "refused",
                upstream: owned(),
                n_of_these: 7,
                evidence: owned(),
            })
            .collect(),
        others: vec![category("health", "state"), category("other", "other")],
        messages: (0..n)
            .map(|_| MessageLine {
                signature: "x-refused-tcp",
                message: owned(),
                n_events: 7,
            })
            .collect(),
        unknown: (0..n)
            .map(|_| ShapeLine {
                shape: owned(),
                n_events: 7,
                sample: owned(),
                evidence: owned(),
            })
            .collect(),
        n_more_unknown: 1,
        notes: vec![owned(); n],
        plot: Plot {
            start: time(0),
            start_s: 1_795_185_600,
            cell_seconds: 60,
            n_cells: 240,
        },
        columns: Plot {
            start: time(0),
            start_s: 1_795_185_600,
            cell_seconds: 240,
            n_cells: 60,
        },
        sources: (0..n)
            .map(|_| SourceLine {
                source: owned(),
                kind: "nginx-error",
                decode: owned(),
                size_bytes: 1,
                sha256: Some("00".repeat(32)),
                n_lines: 1,
                n_records: 1,
                n_events: 1,
                n_continuation: 0,
                n_cut: 0,
                n_torn: 0,
                n_injected: 0,
                n_unparsed: 0,
                n_blank: 0,
                problems: vec![owned(), owned()],
            })
            .collect(),
    }
}

#[test]
fn no_text_of_a_log_changes_the_tree() {
    let benign = shape(&html::render(&report("10.0.0.5:8080", 2)));
    for attack in ATTACKS {
        let page = html::render(&report(attack, 2));
        assert_eq!(shape(&page), benign, "{attack:?}");
        let hidden = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        assert!(!page.contains(hidden), "{attack:?}");
    }
    // And what is shown is what was written.
    let page = html::render(&report(ATTACKS[0], 1));
    assert!(text(&page).contains(ATTACKS[0]));
    // A page of which this could not be said.
    let broken = page.replace("&#60;", "<").replace("&#62;", ">");
    assert_ne!(shape(&broken), shape(&page));
}

#[test]
fn long_words_and_long_lists_stay_small() {
    for word in ["&", "x", "\u{1f5a7}", "\u{202e}"] {
        let page = html::render(&report(&word.repeat(100_000), html::ROWS + 9));
        // Two megabytes are promised.
        let sections = page
            .split("<section ")
            .map(|part| (part.len(), &part[..part.len().min(15)]));
        assert!(
            page.len() < 1_700_000,
            "{word:?}: {} bytes, {:?}",
            page.len(),
            sections.collect::<Vec<_>>()
        );
    }
    let text = text(&html::render(&report("x", html::ROWS + 5)));
    assert!(text.contains("and 6 more"), "what is left out is told");
}

#[test]
fn pages_are_valid_and_ask_for_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut pages = vec![html::render(&report("x", 2))];
    for sample in fs::read_dir(root().join("samples")).expect("listed") {
        let sample = sample.expect("there").path();
        let out = directory.path().join("page.html");
        let to = ["report", "--force", "-o", out.to_str().expect("UTF-8")];
        for logs in [
            &["error.log"][..],
            &["access.log"],
            &["error.log", "access.log", "nginx.conf"],
        ] {
            let arguments = [&to[..], logs].concat();
            assert!(status(&run(&sample, &arguments)) <= 1);
            pages.push(fs::read_to_string(&out).expect("written"));
        }
    }
    let out = directory.path().join("compare.html");
    let logs = ["error.log", "access.log", "--cut-at", "2026-11-20 14:39:55"];
    let to = ["-o", out.to_str().expect("UTF-8")];
    let sample = root().join("samples/php-fpm-down");
    let output = run(&sample, &[&["compare"], &logs[..], &to].concat());
    assert_eq!(status(&output), 0);
    let comparison = fs::read_to_string(&out).expect("written");
    for part in [
        "Fixed",
        "159 in 325 requests",
        "/post/*",
        "How this is judged",
    ] {
        assert!(text(&comparison).contains(part), "{part}");
    }
    pages.push(comparison);
    for page in pages {
        let dom = parsed(&page);
        assert!(dom.errors.borrow().is_empty(), "{:?}", dom.errors.borrow());
        assert!(page.len() < 1 << 20, "{} bytes", page.len());
        let mut ids: Vec<String> = Vec::new();
        let mut referred: Vec<String> = Vec::new();
        walk(&dom.document, 0, &mut |node, _| {
            let NodeData::Element { name, attrs, .. } = &node.data else {
                return;
            };
            for attribute in attrs.borrow().iter() {
                let value = attribute.value.to_string();
                match &*attribute.name.local {
                    "id" => ids.push(value),
                    "href" => {
                        referred.push(value.strip_prefix('#').expect("within the page").to_owned())
                    }
                    "aria-labelledby" => referred.extend(value.split(' ').map(str::to_owned)),
                    "src" | "srcset" | "action" | "data" | "style" | "poster" | "ping" => {
                        panic!("{} has {}", name.local, attribute.name.local)
                    }
                    other => assert!(!other.starts_with("on"), "{} has {other}", name.local),
                }
            }
            let forbidden = ["link", "iframe", "object", "embed", "base", "form", "img"];
            assert!(!forbidden.contains(&&*name.local), "{}", name.local);
        });
        for id in &referred {
            assert!(ids.contains(id), "nothing is called {id}");
        }
        let n_ids = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), n_ids, "an id is given twice");
    }
}

/// The same through the whole program: a log that a client wrote into, under a name that is markup.
#[test]
fn a_hostile_log_is_only_text() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut log = String::new();
    for (second, attack) in ATTACKS.iter().enumerate() {
        let attack = attack.replace(['\n', '\r'], " ");
        write!(
            log,
            "2026/11/20 11:00:{second:02} [error] 1#1: *1 connect() failed (111: Connection refused) while connecting to upstream, \
             client: 192.0.2.1, server: {attack}, request: \"GET /{attack} HTTP/1.1\", upstream: \"http://{attack}/\", host: \"{attack}\"\n\
             2026/11/20 11:00:{second:02} [error] 1#1: *1 {attack}\n"
        )
        .expect("memory");
    }
    let name = "<img src=x onerror=alert(1)>.log";
    fs::write(directory.path().join(name), log).expect("written");
    let mut log = String::new();
    for (second, attack) in ATTACKS.iter().enumerate() {
        let attack = attack.replace(['\n', '\r', '"', ' ', ','], "");
        writeln!(
            log,
            "192.0.2.1 - - [20/Nov/2026:11:00:{second:02} +0000] \"GET /{attack} HTTP/1.1\" 502 1 \"-\" \"-\" rt=0.1 ua=\"{attack}\" us=\"502\" uct=\"-\" uht=\"-\" urt=\"0.100\""
        )
        .expect("memory");
    }
    fs::write(directory.path().join("access.log"), log).expect("written");
    run(
        directory.path(),
        &[
            "report",
            name,
            "access.log",
            "--top",
            "50",
            "-o",
            "out.html",
        ],
    );
    let page = fs::read_to_string(directory.path().join("out.html")).expect("written");
    let dom = parsed(&page);
    assert!(dom.errors.borrow().is_empty(), "{:?}", dom.errors.borrow());
    let mut n_scripts = 0;
    walk(&dom.document, 0, &mut |node, _| {
        let name = element(node).unwrap_or_default();
        n_scripts += usize::from(name == "script");
        assert!(name != "img" && name != "b", "{name}");
        if let NodeData::Element { attrs, .. } = &node.data {
            for attribute in attrs.borrow().iter() {
                assert!(!attribute.value.contains("alert"), "{}", attribute.value);
            }
        }
    });
    assert_eq!(n_scripts, 1);
    for section in ["heat_map", "traffic"] {
        assert!(
            page.contains(&format!("<section id=\"{section}\"")),
            "{section}"
        );
    }
    assert!(
        text(&page).contains("onerror=alert(1)"),
        "it is shown, as text"
    );
}

/// The evidence of a finding unfolds to the whole record, all lines of it, wherever it is stored; the terminal shows its beginning.
#[test]
fn evidence_is_the_whole_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let trace: String = (0..9)
        .map(|n| format!("\n#{n} /srv/app/<b>{n}</b>.php"))
        .collect();
    let long = "q".repeat(700);
    let record = format!(
        "2026/11/20 11:00:00 [error] 1#1: *1 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Error{trace}\" while reading response header from upstream, \
         client: 192.0.2.1, server: shop, request: \"GET /?x={long}& HTTP/1.1\", upstream: \"fastcgi://unix:/run/php.sock:\", host: \"shop\"\n"
    );
    let log = record.repeat(30);
    fs::write(path.join("error.log"), &log).expect("written");
    fs::write(
        path.join("error.log.gz"),
        crate::packed::gzip(log.as_bytes()),
    )
    .expect("written");
    let is_whole = |page: &str, form: &str| {
        for line in record.lines() {
            assert!(page.contains(line.trim_end()), "{form}: {line}\n{page}");
        }
    };
    let lines = |page: &str| {
        let mut all = String::new();
        walk(&parsed(page).document, 0, &mut |node, _| {
            if let NodeData::Text { contents } = &node.data {
                all.push_str(&contents.borrow());
            }
        });
        all
    };
    for source in ["error.log", "error.log.gz", "-"] {
        let report = ["report", source, "--force", "-o", "out.html"];
        let output = match source {
            "-" => crate::support::run_with_input(path, &report, log.as_bytes()),
            _ => run(path, &report),
        };
        assert_eq!(status(&output), 0);
        let page = fs::read_to_string(path.join("out.html")).expect("written");
        is_whole(&lines(&page), source);
        assert!(!page.contains("<b>"));
    }
    run(path, &["report", "error.log", "-o", "out.md"]);
    is_whole(
        &fs::read_to_string(path.join("out.md")).expect("written"),
        "md",
    );
    assert!(!stdout(&run(path, &["error.log"])).contains(&long));
}

#[test]
fn the_same_logs_make_the_same_bytes() {
    let sample = root().join("samples/mixed-bad-day");
    let directory = tempfile::tempdir().expect("a directory");
    let page = |threads: &str, chunk: &str| {
        let out = directory.path().join("out.html");
        let out = out.to_str().expect("UTF-8");
        let arguments = [
            "report",
            "error.log",
            "access.log",
            "--force",
            "--threads",
            threads,
            "--chunk-size",
            chunk,
            "-o",
            out,
        ];
        run(&sample, &arguments);
        fs::read(out).expect("written")
    };
    let first = page("1", "1M");
    assert_eq!(page("1", "1M"), first);
    assert_eq!(page("3", "4K"), first);
}

/// What a person reads, without the charts. `CORONER_BLESS=1` writes it anew.
#[test]
fn the_page_of_a_sample_is_as_blessed() {
    let sample = root().join("samples/php-fpm-down");
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out.html");
    let arguments = ["report", "error.log", "-o", out.to_str().expect("UTF-8")];
    let output = run(&sample, &arguments);
    assert_eq!((status(&output), stdout(&output)), (0, String::new()));
    let got = text(&fs::read_to_string(&out).expect("written"));
    let path = sample.join("expected/page.txt");
    if std::env::var_os("CORONER_BLESS").is_some() {
        fs::write(&path, &got).expect("written");
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, want, "CORONER_BLESS=1 accepts the new page");
}
