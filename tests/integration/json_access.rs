//! JSON access logs of many tools (`tests/cases/json-access.log`), options over names, and hostile lines.

use crate::{
    fault_rows::in_directory,
    support::{Rows, run, status, stderr, stdout},
};
use coroner::parse::access::{
    AccessLine, Attempt, Field, FieldSet, Misfit, attempts,
    json::{DEPTH_MAX, JsonFormat, elements, field_named, foreign_gateway},
};

/// A source of the case file.
pub(crate) struct Case {
    pub(crate) name: String,
    /// What must be learned from it: `json(…) escape=…`, `refused`, `foreign: …`.
    pub(crate) expected: String,
    /// Lines and what each tells.
    pub(crate) lines: Vec<(String, Option<String>)>,
}

pub(crate) fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/json-access.log");
    let text = std::fs::read_to_string(path).expect("it is there");
    let blocks = text.split("\n\n").skip(1);
    blocks
        .filter(|block| !block.trim().is_empty())
        .map(|block| {
            let mut rows = block.trim_start_matches('\n').lines();
            let mut remark = || {
                rows.next()
                    .and_then(|row| row.strip_prefix("# "))
                    .expect("a remark")
            };
            let (name, expected) = (remark().to_owned(), remark().to_owned());
            let mut lines: Vec<(String, Option<String>)> = Vec::new();
            for row in rows {
                match row.strip_prefix("=> ") {
                    Some(told) => {
                        lines.last_mut().expect("a line before").1 = Some(told.to_owned())
                    }
                    None => lines.push((row.to_owned(), None)),
                }
            }
            Case {
                name,
                expected,
                lines,
            }
        })
        .collect()
}

pub(crate) fn learn(lines: &[&[u8]], given: &[(Field, String)]) -> Option<JsonFormat> {
    JsonFormat::learn(lines.iter().copied(), given)
}

/// What a line tells, as the case file spells it.
pub(crate) fn told(format: &JsonFormat, line: &[u8]) -> String {
    let mut out = AccessLine::default();
    match format.cut(line, &mut out) {
        Ok(()) => {
            let value = |field: Field| Some(format!("{}={}", field.name(), show(out.get(field)?)));
            let values: Vec<String> = Field::ALL.into_iter().filter_map(value).collect();
            values.join(" | ")
        }
        Err(Misfit::Json) => "json".to_owned(),
        Err(Misfit::Value(field)) => format!("value:{}", field.name()),
        Err(other) => format!("{other:?}"),
    }
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_case_is_read_as_it_says() {
    let cases = cases();
    assert!(cases.len() > 50, "{}", cases.len());
    for case in &cases {
        let lines: Vec<&[u8]> = case.lines.iter().map(|(line, _)| line.as_bytes()).collect();
        let foreign = foreign_gateway(lines.iter().copied());
        let learned = match learn(&lines, &[]) {
            Some(format) => format!(
                "{format} escape={}",
                format!("{:?}", format.escape()).to_lowercase()
            ),
            None => foreign.map_or("refused".to_owned(), |name| format!("foreign: {name}")),
        };
        assert_eq!(learned, case.expected, "{}", case.name);
        let Some(format) = learn(&lines, &[]) else {
            continue;
        };
        for (line, expected) in &case.lines {
            let expected = expected.as_ref().expect("every line has an expectation");
            assert_eq!(
                &told(&format, line.as_bytes()),
                expected,
                "{}: {line}",
                case.name
            );
        }
    }
}

const LINE: &[u8] = br#"{"time":"2026-11-20T11:29:47Z","code":"502","state":"504","a":{"b":"10.0.0.5:80"},"uri":"/a",
"a.b":"x","status":"200"}"#;

fn given(pairs: &[(Field, &str)]) -> Vec<(Field, String)> {
    pairs
        .iter()
        .map(|(field, key)| (*field, (*key).to_owned()))
        .collect()
}

/// A key that is given counts more than names, and than values.
#[test]
fn given_keys_win() {
    let by_name = learn(&[LINE], &[]).expect("an access log");
    assert_eq!(by_name.to_string(), "json(time=time uri=uri status=status)");
    let check = |pairs: &[(Field, &str)], expected: &str| {
        let format = learn(&[LINE], &given(pairs)).expect("an access log");
        assert_eq!(told(&format, LINE), expected);
    };
    check(
        &[(Field::Status, "state")],
        "time=2026-11-20T11:29:47Z | uri=/a | status=504",
    );
    // Of two, the later.
    check(
        &[(Field::Status, "state"), (Field::Status, "code")],
        "time=2026-11-20T11:29:47Z | uri=/a | status=502",
    );
    // A path, or a key that holds a dot: which stands first.
    check(
        &[(Field::UpstreamAddr, "a.b")],
        "time=2026-11-20T11:29:47Z | uri=/a | status=200 | upstream_addr=10.0.0.5:80",
    );
    // What is given away is not free for another.
    check(
        &[(Field::UpstreamStatus, "status")],
        "time=2026-11-20T11:29:47Z | uri=/a | status=502 | upstream_status=200",
    );
    // Values that nobody would take for a group's name.
    check(
        &[(Field::Group, "time")],
        "uri=/a | status=200 | group=2026-11-20T11:29:47Z",
    );
}

/// A given key that the sample lacks is found later; one that another key stands in for is not.
#[test]
fn given_keys_may_come_later() {
    let pairs = [(Field::UpstreamAddr, "up.addr"), (Field::Status, "later")];
    let format = learn(&[LINE], &given(&pairs)).expect("an access log");
    assert!(format.tells().has(Field::UpstreamAddr));
    let check = |line: &[u8], expected: &str| assert_eq!(told(&format, line), expected);
    check(LINE, "time=2026-11-20T11:29:47Z | uri=/a | status=200");
    check(
        br#"{"time":"2026-11-20T11:29:47Z","up":{"addr":"[::1]:80"},"status":200,"later":404}"#,
        "time=2026-11-20T11:29:47Z | status=200 | upstream_addr=[::1]:80",
    );
    check(
        br#"{"up.addr":"unix:/a","time":"2026-11-20T11:29:47Z","status":200}"#,
        "time=2026-11-20T11:29:47Z | status=200 | upstream_addr=unix:/a",
    );
}

/// Pipelines drop keys without a value: upstreams come later than the sample. nginx itself writes every key in every line.
#[test]
fn keys_that_are_left_out_come_later() {
    let lines: [&[u8]; 2] = [
        br#"{"nginx":{"time":1795174187,"status":200,"uri":"/a.css","referer":"/"}}"#,
        br#"{"nginx":{"time":1795174187,"status":200,"uri":"/b.css"}}"#,
    ];
    let later = br#"{"nginx":{"time":1795174188,"status":502,"uri":"/","upstream_addr":"10.0.0.5:80","cache":"MISS"}}"#;
    let format = learn(&lines, &[]).expect("an access log");
    assert!(!format.tells().has(Field::UpstreamAddr));
    assert_eq!(
        told(&format, later),
        "time=1795174188 | uri=/ | status=502 | upstream_addr=10.0.0.5:80"
    );
    let format = learn(&lines[..1], &[]).expect("an access log");
    assert_eq!(told(&format, later), "time=1795174188 | uri=/ | status=502");
    // Who is given another key has that one only.
    let format = learn(&lines, &given(&[(Field::UpstreamAddr, "peer")])).expect("an access log");
    assert_eq!(told(&format, later), "time=1795174188 | uri=/ | status=502");
}

#[test]
fn variables_and_names_are_fields() {
    let check = |name: &str, field: Option<Field>| assert_eq!(field_named(name), field, "{name}");
    check("status", Some(Field::Status));
    check("$remote_addr", Some(Field::Client));
    check("msec", Some(Field::Time));
    check("upstream_addr", Some(Field::UpstreamAddr));
    check("proxy_host", Some(Field::Group));
    check("body_bytes_sent", Some(Field::BytesSent));
    check("http_user_agent", None);
    check("duration", None);
    check("", None);
    for field in Field::ALL {
        check(field.name(), Some(field));
    }
}

/// Who wants less gets less, and lines without the rest are lines all the same.
#[test]
fn only_what_is_wanted() {
    let line = br#"{"time":"2026-11-20T11:29:47Z","up":{"addr":"a:1"},"request":{"uri":"/a"},"status":200}"#;
    let format =
        learn(&[line], &given(&[(Field::UpstreamAddr, "up.addr")])).expect("an access log");
    let wanted = FieldSet::NONE
        .with(Field::UpstreamAddr)
        .with(Field::CacheStatus);
    let only = format.only(wanted);
    assert_eq!(only.tells(), FieldSet::NONE.with(Field::UpstreamAddr));
    assert_eq!(only.to_string(), "json(upstream_addr=up.addr)");
    assert_eq!(told(&only, line), "upstream_addr=a:1");
    assert_eq!(
        told(&only, br#"{"up":{"addr":"b:1"}}"#),
        "upstream_addr=b:1"
    );
    assert_eq!(told(&only, br#"{"up":{"addr":"b:1"}"#), "json");
}

/// A line says nothing of the one before it.
#[test]
fn nothing_is_left_over() {
    let format = learn(&[LINE], &[]).expect("an access log");
    let mut out = AccessLine::default();
    out.set(Field::Pid, Some(b"7"));
    format.cut(LINE, &mut out).expect("it fits");
    assert_eq!(out.get(Field::Pid), None);
    let short = br#"{"status":200,"time":"1795174187"}"#;
    format.cut(short, &mut out).expect("it fits");
    assert_eq!(out.get(Field::Uri), None);
}

#[test]
fn lists_are_told_apart() {
    let check = |inside: &str, expected: &[Option<&str>]| {
        let got: Vec<Option<String>> = elements(inside.as_bytes())
            .map(|part| part.map(show))
            .collect();
        let got: Vec<Option<&str>> = got.iter().map(|part| part.as_deref()).collect();
        assert_eq!(got, expected, "{inside}");
    };
    check(
        r#""10.0.0.5:80","unix:/a,b""#,
        &[Some("10.0.0.5:80"), Some("unix:/a,b")],
    );
    check("0.1, 0.2 ,null", &[Some("0.1"), Some("0.2"), None]);
    check(
        r#" "a\"b" , [1,[2]] , {"x":"]"} "#,
        &[Some(r#"a\"b"#), Some("[1,[2]]"), Some(r#"{"x":"]"}"#)],
    );
    check("", &[]);
    check("-", &[Some("-")]);
    check(",", &[None]);
    check(r#""a"#, &[Some("a")]);
    check(r#"[1"#, &[Some("[1")]);
}

/// What is repaired, and what is not.
#[test]
fn damage_is_told_from_sloppiness() {
    let format = learn(&[LINE], &[]).expect("an access log");
    let head = r#"{"time":"2026-11-20T11:29:47Z","status":200"#;
    let check = |rest: &str, is_json: bool| {
        let line = format!("{head}{rest}");
        assert_eq!(told(&format, line.as_bytes()) != "json", is_json, "{rest}");
    };
    for rest in [
        "}",
        " } ",
        ",}",
        r#","x":-}"#,
        r#","x":}"#,
        r#","x":,"y":1}"#,
        r#","x":0.1, 0.2 : -,"y":1}"#,
        r#","x":0.1, -}"#,
        r#","x":[],"y":[1,]}"#,
        r#","x":[-, 0.1 : 0.2]}"#,
        r#","x":10.0.0.1:80, [::1]:80}"#,
        r#","x":"\x22\q"}"#,
        r#","x":{"y":[{"z":1}]}}"#,
        "}\r",
        r#","":""}"#,
    ] {
        check(rest, true);
    }
    for rest in [
        "",
        ",",
        "}}",
        "} x",
        r#","x"#,
        r#","x":"#,
        r#","x":"y"#,
        r#","x":"\"}"#,
        r#" "x":1}"#,
        r#","x" 1}"#,
        r#","x":1 "y":2}"#,
        r#","x":{"y":1]}"#,
        r#","x":[1}"#,
        r#","x":{}"#,
        r#","x":[1,2"#,
        r#","x":"y",,"z":1}"#,
        r#","x":"y",z:1}"#,
        r#","x":"y"z}"#,
        r#","x":tr{ue}"#,
    ] {
        check(rest, false);
    }
}

/// Depth, length and number of members are no way to a crash or to a slow run.
#[test]
fn hostile_lines_are_survived() {
    let format = learn(&[LINE], &[]).expect("an access log");
    let head = r#"{"time":"2026-11-20T11:29:47Z","uri":"/a","status":200,"x":"#;
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!("{head}{open}{close}}}")
    };
    assert_ne!(told(&format, nested(DEPTH_MAX).as_bytes()), "json");
    assert_eq!(told(&format, nested(DEPTH_MAX + 1).as_bytes()), "json");
    assert_eq!(
        told(&format, format!("{head}{}", "[".repeat(1 << 20)).as_bytes()),
        "json"
    );
    assert_eq!(
        told(
            &format,
            format!("{head}{}", r#"{"a":"#.repeat(1 << 17)).as_bytes()
        ),
        "json"
    );
    let expected = "time=2026-11-20T11:29:47Z | uri=/a | status=200";
    for filling in [
        format!("\"{}\"", "a".repeat(1 << 20)),
        format!("\"{}\"", "\\\"".repeat(1 << 19)),
        "1,".repeat(1 << 19),
        ", ".repeat(1 << 19),
        format!("[{}]", "1,".repeat(1 << 19)),
        format!("[{}]", "{},".repeat(1 << 18)),
        format!("1{}", r#","p\u0061":1"#.repeat(1 << 16)),
        format!("1{}", r#","path":1"#.repeat(1 << 16)),
    ] {
        let line = format!("{head}{filling}}}");
        assert_eq!(told(&format, line.as_bytes()), expected);
        // Such a line may also be the first.
        assert!(learn(&[line.as_bytes()], &[]).is_some());
    }
    let many: String = (0..50_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let line = format!("{{{many}\"status\":502,\"uri\":\"/\",\"time\":1795174187}}");
    assert_eq!(
        told(&format, line.as_bytes()),
        "time=1795174187 | uri=/ | status=502"
    );
    // What is needed stands behind more keys than are looked at.
    assert!(learn(&[line.as_bytes()], &[]).is_none());
}

/// Times of every form, and statuses, are known from what is none.
#[test]
fn lines_need_a_status_and_a_time() {
    let format = learn(&[LINE], &[]).expect("an access log");
    let check = |time: &str, status: &str, expected: Option<&str>| {
        let line = format!("{{\"time\":{time},\"status\":{status}}}");
        let told = told(&format, line.as_bytes());
        let misfit = told.strip_prefix("value:");
        assert_eq!(misfit, expected, "{line}");
    };
    for time in [
        "\"2026-11-20T11:29:47.123456Z\"",
        "\"2026-11-20 11:29:47+01:00\"",
        "\"20/Nov/2026:11:29:47 +0000\"",
        "1795174187",
        "\"1795174187.538\"",
        "1795174187538",
        "[1795174187538]",
    ] {
        check(time, "200", None);
    }
    for time in [
        "\"[20/Nov/2026:11:29:47 +0000]\"",
        "\"\"",
        "null",
        "\"-\"",
        "17",
        "\"11:29:47\"",
        "{}",
        "1795174187.",
        "\"yesterday\"",
        "[1,2]",
    ] {
        check(time, "200", Some("time"));
    }
    for status in [
        "\"\"",
        "null",
        "-",
        "2000",
        "\"2xx\"",
        "[502,200]",
        "{\"status\":200}",
        "20.5",
        "",
    ] {
        check("1795174187", status, Some("status"));
    }
    for status in ["\"000\"", "9", "499", "[502]"] {
        check("1795174187", status, None);
    }
}

/// A time that no offset goes with tells no instant; another key may.
#[test]
fn a_time_needs_an_offset() {
    let check = |line: &str, expected: Option<&str>| {
        let format = learn(&[line.as_bytes()], &[]);
        assert_eq!(format.map(|format| format.to_string()).as_deref(), expected);
    };
    check(
        r#"{"time":"2026-11-20T11:29:47","@timestamp":"2026-11-20T10:29:47.5Z","status":200,"uri":"/"}"#,
        Some("json(time=@timestamp uri=uri status=status)"),
    );
    check(
        r#"{"time":"2026-11-20 11:29:47","status":200,"uri":"/","method":"GET"}"#,
        Some("json(method=method uri=uri status=status)"),
    );
    check(
        r#"{"time":"2026-13-20T11:29:47Z","status":200,"uri":"/"}"#,
        None,
    );
}

/// Lists in arrays, quoted and not, are attempts as nginx's own lists are.
#[test]
fn attempts_are_read_from_arrays() {
    let check = |addr: &str, status: &str, time: &str| {
        let line = format!(
            "{{\"time\":1795174187,\"status\":200,\"upstream_addr\":{addr},\"upstream_status\":{status},\"upstream_response_time\":{time}}}"
        );
        let format = learn(&[line.as_bytes()], &[]).expect("an access log");
        let mut out = AccessLine::default();
        format.cut(line.as_bytes(), &mut out).expect("it fits");
        let attempt =
            |attempt: Attempt<'_>| (attempt.addr.map(show), attempt.status, attempt.response_ms);
        let got: Vec<_> = attempts(&out).map(attempt).collect();
        let expected = [
            ("10.0.0.5:80", Some(502), Some(100)),
            ("[::1]:80", Some(200), Some(2)),
        ];
        let expected = expected.map(|(addr, status, ms)| (Some(addr.to_owned()), status, ms));
        assert_eq!(got, expected, "{line}");
    };
    check(
        "\"10.0.0.5:80, [::1]:80\"",
        "\"502, 200\"",
        "\"0.100, 0.002\"",
    );
    check("\"10.0.0.5:80, [::1]:80\"", "502, 200", "0.100, 0.002");
    check(
        "[\"10.0.0.5:80\",\"[::1]:80\"]",
        "[\"502\",\"200\"]",
        "[\"0.100\", \"0.002\"]",
    );
    check(
        "[\"10.0.0.5:80\", \"[::1]:80\"]",
        "[502,200]",
        "[0.1,0.002]",
    );
    check(
        "[\"10.0.0.5:80, [::1]:80\"]",
        "[502, 200]",
        "[ 0.100 , 0.002 ]",
    );
}

/// Through the program: keys that only the user knows, in lines wrapped by docker, come to counts by upstream.
#[test]
fn the_program_reads_them() {
    let line = |second: usize, status: u16| {
        format!(
            "{{\"t\":\"2026-11-20T11:29:{second:02}Z\",\"code\":{status},\"req\":\"GET / HTTP/1.1\",\"peer\":{{\"addr\":\"10.0.0.5:80\"}},\
             \"upstream_status\":\"{status}\",\"uct\":\"-\",\"uht\":\"-\",\"urt\":\"0.000\"}}"
        )
    };
    let lines: Vec<String> = (0..40)
        .map(|n| line(n, if n % 4 == 0 { 502 } else { 200 }))
        .collect();
    let wrap = |line: &String| {
        let text = serde_json::to_string(&format!("{line}\n")).expect("a string");
        format!("{{\"log\":{text},\"stream\":\"stdout\",\"time\":\"2026-11-20T11:30:00.1Z\"}}")
    };
    let wrapped: Vec<String> = lines.iter().map(wrap).collect();
    for text in [lines.join("\n"), wrapped.join("\n")] {
        in_directory(|dir| {
            std::fs::write(dir.join("access.log"), format!("{text}\n")).expect("written");
            let fields = ["--field", "time=t", "--field", "upstream_addr=peer.addr"];
            let export = |table: &str| {
                let mut arguments = vec!["export", "access.log", "--table", table];
                arguments.extend(fields);
                let output = run(dir, &arguments);
                assert_eq!(status(&output), 0, "{}", stderr(&output));
                Rows::parse(&stdout(&output))
            };
            let failures = export("failures");
            assert_eq!(failures.sum("n_events"), 10);
            assert_eq!(failures.get(0, "upstream"), "10.0.0.5:80");
            let format = export("sources").get(0, "format").to_owned();
            assert!(
                format.contains("json(time=t request=req status=code"),
                "{format}"
            );
        });
    }
}
