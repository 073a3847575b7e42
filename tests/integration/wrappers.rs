//! Envelopes of lines: `tests/cases/wrappers.log` line by line and as whole sources, damaged and random ones, and the fast
//! readers against slow ones.

use crate::generate::Rng;
use coroner::parse::wrapper::{
    Chain, Fit, Outer, OuterTime, Part, Scratch, Stream, Stripped, Wrapper, block_len,
    continuation, detect, is_payload, strip, strip_by_shape,
};
use std::fmt::Write;

const RECORD: &str = "2026/11/20 11:24:48 [error] 7#7: *3 connect() failed (111: Connection refused) while \
    connecting to upstream, client: 192.0.2.7, server: _, request: \"GET /a?b=\\x22 HTTP/1.1\", upstream: \"http://10.0.0.1:80/a\"";

struct Case {
    chain: String,
    facts: String,
    line: Vec<u8>,
    text: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../cases/wrappers.log")
        .replace('␛', "\x1b")
        .replace('␞', "\x1e");
    let mut cases = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(expect) = line.strip_prefix("# chain=") else {
            continue;
        };
        let (expect, _from) = expect.split_once(" | from: ").expect("provenance");
        // The facts begin behind the last word of the chain.
        let layers_end = expect.rfind(" > ").map_or(0, |at| at + 3);
        let split = expect[layers_end..]
            .find(' ')
            .map_or(expect.len(), |at| layers_end + at);
        let line = lines.next().expect("a line");
        let text = lines
            .next()
            .and_then(|line| line.strip_prefix("=> "))
            .expect("its text");
        cases.push(Case {
            chain: expect[..split].to_owned(),
            facts: expect[split..].trim().to_owned(),
            line: line.into(),
            text: text.into(),
        });
    }
    assert!(cases.len() > 80);
    cases
}

fn facts(stripped: &Stripped<'_>) -> String {
    let Outer {
        host,
        tag,
        pid,
        unit,
        namespace,
        pod,
        container,
        stream,
        level,
        file,
        time,
    } = stripped.outer;
    let mut out = String::new();
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            write!(out, " {key}={value}").expect("memory");
        }
    };
    let text =
        |value: Option<&[u8]>| value.map(|value| String::from_utf8_lossy(value).into_owned());
    put("host", text(host).as_deref());
    put("tag", text(tag).as_deref());
    put("pid", pid.map(|pid| pid.to_string()).as_deref());
    put("unit", text(unit).as_deref());
    put("namespace", text(namespace).as_deref());
    put("pod", text(pod).as_deref());
    put("container", text(container).as_deref());
    put("level", level.map(|level| level.name()));
    put(
        "stream",
        stream.map(|stream| {
            if stream == Stream::Stdout {
                "stdout"
            } else {
                "stderr"
            }
        }),
    );
    put("file", text(file).as_deref());
    put("part", (stripped.part == Part::More).then_some("more"));
    let time = time.map(|time| match time {
        OuterTime::Instant { ns, zone_s } => {
            format!(
                "{}.{:09}{zone_s:+}",
                ns.div_euclid(1_000_000_000),
                ns.rem_euclid(1_000_000_000)
            )
        }
        OuterTime::Local { time, ns } => format!("{}.{ns:09}", time.0),
        OuterTime::Yearless(t) => format!("{:02}-{:02}+{}.{:09}", t.month, t.day, t.second, t.ns),
    });
    put("time", time.as_deref());
    out.trim().to_owned()
}

fn source(line: &[u8], n_lines: usize) -> Vec<u8> {
    [line, b"\n"].concat().repeat(n_lines)
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn chain(name: &str) -> Chain {
    let layers = name.split(" > ").filter_map(Wrapper::from_name);
    Chain::new(&layers.collect::<Vec<_>>())
}

/// Every case as a source of such lines, and by itself.
#[test]
fn every_shape_comes_off() {
    let mut wrong = Vec::new();
    for Case {
        chain: want,
        facts: want_facts,
        line,
        text,
    } in cases()
    {
        let mut scratch = Scratch::default();
        // A payload follows somewhere in every source: shapes that are common count only then.
        let told = if is_payload(&text) || want == "none" {
            detect(&source(&line, 10), |_| false)
        } else {
            chain(&want)
        };
        let stripped = strip(&told, &line, &mut scratch);
        let got = (told.to_string(), facts(&stripped), show(stripped.text));
        if got != (want.clone(), want_facts, show(&text)) {
            wrong.push(format!("{}\n  {got:?}", show(&line)));
        } else if stripped.fit != Fit::Fits {
            wrong.push(format!("does not fit: {}", show(&line)));
        }
        if let Some(offset) = stripped.offset {
            assert_eq!(&line[offset..offset + text.len()], text);
        }
        if is_payload(&text) {
            let by_shape = strip_by_shape(&line, &mut scratch);
            if by_shape.text != text {
                wrong.push(format!(
                    "by shape: {}\n  {}",
                    show(&line),
                    show(by_shape.text)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines that do not fit are given back whole, or by their own shape.
#[test]
fn a_line_of_another_program_is_not_hidden() {
    let cri = Chain::new(&[Wrapper::Cri]);
    let mut scratch = Scratch::default();
    for line in [RECORD, "hello", "", "2026-11-20T11:24:48Z", "{\"log\":"] {
        let got = strip(&cri, line.as_bytes(), &mut scratch);
        assert_eq!(
            (show(got.text), got.fit, got.offset),
            (line.to_owned(), Fit::Strange, Some(0))
        );
    }
    let line = format!("Nov 20 11:24:48 web1 nginx[7]: {RECORD}");
    let got = strip(&cri, line.as_bytes(), &mut scratch);
    assert_eq!(
        (show(got.text), got.fit, got.outer.host),
        (RECORD.to_owned(), Fit::Strange, Some(&b"web1"[..]))
    );
    // One layer of two.
    let both = Chain::new(&[Wrapper::KubectlPrefix, Wrapper::Timestamp]);
    let line = format!("[pod/web-1/nginx] {RECORD}");
    let got = strip(&both, line.as_bytes(), &mut scratch);
    assert_eq!(
        (show(got.text), got.fit, got.outer.pod),
        (RECORD.to_owned(), Fit::Strange, Some(&b"web-1"[..]))
    );
    // Not every program colours its lines.
    let got = strip(
        &Chain::new(&[Wrapper::Ansi]),
        RECORD.as_bytes(),
        &mut scratch,
    );
    assert_eq!((show(got.text), got.fit), (RECORD.to_owned(), Fit::Fits));
    // A mark of UTF-8 before the first line.
    let line = format!("\u{feff}2026-11-20T11:24:48.5Z stderr F {RECORD}");
    assert_eq!(
        strip(&cri, line.as_bytes(), &mut scratch).offset,
        Some(line.len() - RECORD.len())
    );
    // A bare source stays bare, whatever a client writes at the start of a line.
    let line = format!("2026-11-20T11:24:48Z stderr F {RECORD}");
    let got = strip(&Chain::default(), line.as_bytes(), &mut scratch);
    assert_eq!((show(got.text), got.fit), (line, Fit::Fits));
}

/// What stands inside a payload is never taken for an envelope.
#[test]
fn text_of_clients_changes_nothing() {
    for case in cases().iter().filter(|case| is_payload(&case.text)) {
        let hostile = format!(
            "2026/11/20 11:24:48 [error] 7#7: *9 x \"GET /{} HTTP/1.1\"",
            show(&case.line)
        );
        let line = format!("2026-11-20T11:24:48.5Z stderr F {hostile}");
        let mut scratch = Scratch::default();
        let got = strip(&Chain::new(&[Wrapper::Cri]), line.as_bytes(), &mut scratch);
        assert_eq!((show(got.text), got.fit), (hostile.clone(), Fit::Fits));
        assert_eq!(
            strip_by_shape(hostile.as_bytes(), &mut scratch).text,
            hostile.as_bytes()
        );
        assert!(
            detect(&source(hostile.as_bytes(), 20), |_| false).is_bare(),
            "{hostile}"
        );
    }
}

#[test]
fn sources_are_told_by_vote() {
    let record = RECORD.as_bytes();
    let cri = format!("2026-11-20T11:24:48.5Z stderr F {RECORD}");
    let mixed = |n_cri: usize, n_bare: usize| {
        [source(cri.as_bytes(), n_cri), source(record, n_bare)].concat()
    };
    assert_eq!(detect(&mixed(6, 4), |_| false).to_string(), "cri");
    assert_eq!(detect(&mixed(5, 5), |_| false).to_string(), "none");
    assert_eq!(detect(b"", |_| false).to_string(), "none");
    assert_eq!(detect(b"\n\n", |_| false).to_string(), "none");
    // The last line of a sample is cut; the mark of UTF-8 may stand before the first.
    let cut = [
        &b"\xef\xbb\xbf"[..],
        &source(cri.as_bytes(), 1),
        &cri.as_bytes()[..9],
    ]
    .concat();
    assert_eq!(detect(&cut, |_| false).to_string(), "cri");
    assert_eq!(detect(&cri.as_bytes()[..40], |_| true).to_string(), "none");
    // nginx among others: a common shape needs one proof.
    let noise = source(
        b"2026-11-20T11:24:48Z I1120 11:24:48.1 7 main.go:12] starting",
        50,
    );
    let proof = format!("2026-11-20T11:24:48.5Z {RECORD}\n");
    assert_eq!(detect(&noise, |_| false).to_string(), "none");
    assert_eq!(
        detect(&[&noise, proof.as_bytes()].concat(), |_| false).to_string(),
        "timestamp"
    );
    // `journalctl` is known by its remarks and its indent.
    let short = format!(
        "-- Boot fedcba9876543210fedcba9876543210 --\nNov 20 11:24:48 web1 nginx[7]: {RECORD}\n"
    );
    assert_eq!(
        detect(short.as_bytes(), |_| false).to_string(),
        "journald-short"
    );
    // Payloads of other programs, if the caller knows them.
    let other = source(b"web-1 app level=info", 9);
    assert_eq!(
        detect(&other, |text| text.starts_with(b"level=")).to_string(),
        "stern"
    );
}

#[test]
fn journalctl_indents_what_goes_on() {
    let first = "Nov 20 11:24:50 web1 myapp[77]: Traceback (most recent call last):";
    let mut scratch = Scratch::default();
    let short = Chain::new(&[Wrapper::JournalShort]);
    let width = strip(&short, first.as_bytes(), &mut scratch)
        .offset
        .expect("in the line");
    let indent = " ".repeat(width);
    let second = format!("{indent}  File \"x.py\", line 3");
    let got = strip(&short, second.as_bytes(), &mut scratch);
    assert_eq!((got.part, got.fit), (Part::Indented, Fit::Strange));
    assert_eq!(
        continuation(second.as_bytes(), width),
        Some(&b"  File \"x.py\", line 3"[..])
    );
    assert_eq!(continuation(b"        too little", width), None);
    assert_eq!(continuation(b"x", 0), None);
}

#[test]
fn rsyslog_escapes_are_undone() {
    let mut scratch = Scratch::default();
    let line = b"Nov 20 11:24:48 web1 nginx: a#012#011b #999 #141 #01";
    let got = strip(&Chain::new(&[Wrapper::Syslog3164]), line, &mut scratch);
    assert_eq!(
        (show(got.text), got.offset),
        ("a\n\tb #999 #141 #01".into(), None)
    );
    let line = b"2026-11-20T11:24:48Z stderr F a#012b";
    let got = strip(&Chain::new(&[Wrapper::Cri]), line, &mut scratch);
    assert_eq!(got.text, b"a#012b");
    // The journal escapes nothing; a thread may look like an escape.
    for line in [
        "2026-11-20T11:24:48+0000 web1 nginx[7]: a#012b",
        "Nov 20 11:24:48 web1 nginx: a 1776#177: b",
    ] {
        let got = strip_by_shape(line.as_bytes(), &mut scratch);
        assert_eq!(
            got.offset.map(|at| at + got.text.len()),
            Some(line.len()),
            "{line}"
        );
    }
}

/// Pieces of long lines, joined as a caller would.
#[test]
fn pieces_join() {
    let long = format!("{RECORD}{}", "y".repeat(40_000));
    let pieces: Vec<&[u8]> = long.as_bytes().chunks(16_384).collect();
    let cri = pieces.iter().enumerate().map(|(n, piece)| {
        let tag = if n + 1 == pieces.len() { "F" } else { "P" };
        [
            format!("2026-11-20T11:24:48.5Z stderr {tag} ").as_bytes(),
            piece,
        ]
        .concat()
    });
    let docker = pieces.iter().enumerate().map(|(n, piece)| {
        let end = if n + 1 == pieces.len() { "\n" } else { "" };
        let log = serde_json::to_string(&format!("{}{end}", show(piece))).expect("a string");
        format!("{{\"log\":{log},\"stream\":\"stderr\",\"time\":\"2026-11-20T11:24:48.5Z\"}}")
            .into_bytes()
    });
    for lines in [cri.collect::<Vec<_>>(), docker.collect()] {
        let sample = lines
            .iter()
            .flat_map(|line| source(line, 1))
            .collect::<Vec<u8>>();
        let chain = detect(&sample, |_| false);
        let (mut scratch, mut joined) = (Scratch::default(), Vec::new());
        for (n, line) in lines.iter().enumerate() {
            let stripped = strip(&chain, line, &mut scratch);
            joined.extend_from_slice(stripped.text);
            assert_eq!(stripped.part == Part::Whole, n + 1 == lines.len());
        }
        assert_eq!(show(&joined), long);
    }
}

/// Docker's lines, cut at every byte: what of the text stands there comes out.
#[test]
fn cut_json_yields_what_stands_there() {
    let log = serde_json::to_string(&format!("{RECORD} é😀\t<\n")).expect("a string");
    let docker =
        format!("{{\"log\":{log},\"stream\":\"stderr\",\"time\":\"2026-11-20T11:24:48.5Z\"}}");
    let journal = format!(
        "{{\"_HOSTNAME\":\"web1\",\"__REALTIME_TIMESTAMP\":\"1795173888123456\",\"MESSAGE\":{log},\"_PID\":\"7\"}}"
    );
    let generic = format!("{{\"host\":\"web1\",\"message\":{log},\"n\":[1,{{\"a\":\"]\"}}]}}");
    for (line, wrapper) in [
        (docker, Wrapper::DockerJson),
        (journal, Wrapper::JournalJson),
        (generic, Wrapper::GenericJson),
    ] {
        let chain = Chain::new(&[wrapper]);
        let start = line.find("2026/").expect("there");
        let end = start + log.len() - 2;
        let mut scratch = Scratch::default();
        let whole = strip(&chain, line.as_bytes(), &mut scratch)
            .text
            .trim_ascii_end()
            .to_vec();
        assert!(show(&whole).starts_with(RECORD));
        for cut in 0..line.len() {
            let got = strip(&chain, &line.as_bytes()[..cut], &mut scratch);
            if cut >= end {
                assert_eq!(
                    (show(got.text.trim_ascii_end()), got.fit),
                    (show(&whole), Fit::Damaged),
                    "{}",
                    &line[..cut]
                );
            } else if cut >= start {
                assert_eq!(got.fit, Fit::Damaged);
                assert!(
                    whole.starts_with(got.text) || got.text.len() < 4,
                    "{}",
                    show(got.text)
                );
            }
        }
    }
    // Something stands between the members.
    let broken = format!("{{\"_HOSTNAME\":\"web1\" ### \"MESSAGE\":{log}}}");
    let mut scratch = Scratch::default();
    let got = strip(
        &Chain::new(&[Wrapper::JournalJson]),
        broken.as_bytes(),
        &mut scratch,
    );
    assert!(show(got.text).starts_with(RECORD) && got.fit == Fit::Damaged);
}

/// The same by `serde_json`, for lines that it takes.
fn docker_by_serde(line: &[u8]) -> Option<(Vec<u8>, Part, Option<String>)> {
    #[derive(serde::Deserialize)]
    struct Line {
        log: String,
        stream: Option<String>,
        time: String,
    }
    let line: Line = serde_json::from_slice(line).ok()?;
    let (text, part) = match line.log.strip_suffix('\n') {
        Some(text) => (text.strip_suffix('\r').unwrap_or(text), Part::Whole),
        None => (line.log.as_str(), Part::More),
    };
    Some((
        text.as_bytes().to_vec(),
        part,
        line.stream.filter(|_| line.time.len() > 19),
    ))
}

#[test]
fn docker_agrees_with_serde_json() {
    let mut rng = Rng::new(7);
    let chain = Chain::new(&[Wrapper::DockerJson]);
    let (mut scratch, mut n_agreed) = (Scratch::default(), 0);
    let pieces = [
        "a",
        "\"",
        "\\",
        "\n",
        "\r\n",
        "\t",
        "é",
        "😀",
        "\u{1}",
        "\u{fffd}",
        "/",
        "<&>",
        RECORD,
        "{\"log\":\"",
        "}",
        "",
    ];
    for _ in 0..20_000 {
        let text: String = (0..rng.below(6))
            .map(|_| pieces[rng.below(pieces.len())])
            .collect();
        let log = serde_json::to_string(&text)
            .expect("a string")
            .replace('<', "\\u003c")
            .replace('😀', "\\ud83d\\ude00");
        let stream = ["stdout", "stderr"][rng.below(2)];
        let attrs = ["", "\"attrs\":{\"a\":\"}\"},"][rng.below(2)];
        let mut line = format!(
            "{{\"log\":{log},\"stream\":\"{stream}\",{attrs}\"time\":\"2026-11-20T11:24:48.5Z\"}}"
        )
        .into_bytes();
        if rng.below(2) == 0 {
            let at = rng.below(line.len());
            line[at] = rng.below(256) as u8;
        }
        let got = strip(&chain, &line, &mut scratch);
        if let Some((text, part, stream)) = docker_by_serde(&line)
            && got.fit == Fit::Fits
        {
            n_agreed += 1;
            let got_stream = got.outer.stream.map(|s| {
                if s == Stream::Stdout {
                    "stdout"
                } else {
                    "stderr"
                }
            });
            let is_known = stream
                .as_deref()
                .is_none_or(|stream| ["stdout", "stderr"].contains(&stream));
            assert_eq!(
                (show(got.text), got.part),
                (show(&text), part),
                "{}",
                show(&line)
            );
            assert!(
                !is_known || got_stream == stream.as_deref(),
                "{}",
                show(&line)
            );
        }
    }
    assert!(n_agreed > 10_000, "{n_agreed}");
}

/// A line of CRI, word by word.
fn cri_by_words(line: &str) -> Option<(String, Stream, Part, i128)> {
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    let [time, stream, tag, text] = words[..] else {
        return None;
    };
    let stream = match stream {
        "stdout" => Stream::Stdout,
        "stderr" => Stream::Stderr,
        _ => return None,
    };
    let part = match tag.split(':').next()? {
        "F" => Part::Whole,
        "P" => Part::More,
        _ => return None,
    };
    let format = "%Y-%m-%dT%H:%M:%S%.f%:z";
    let broken_down = jiff::fmt::strtime::parse(format, time.replace('Z', "+00:00")).ok()?;
    // It takes years before Christ, and of fewer digits, too.
    let civil = broken_down
        .to_datetime()
        .ok()?
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string();
    if time.starts_with('-') || !time.starts_with(&civil) {
        return None;
    }
    let ns = broken_down.to_timestamp().ok()?.as_nanosecond();
    Some((text.to_owned(), stream, part, ns))
}

#[test]
fn cri_agrees_with_words() {
    let mut rng = Rng::new(5);
    let chain = Chain::new(&[Wrapper::Cri]);
    let (mut scratch, mut n_agreed) = (Scratch::default(), 0);
    for _ in 0..20_000 {
        let zone = ["Z", "+00:00", "-03:30"][rng.below(3)];
        let digits = &".123456789"[..[0, 2, 10][rng.below(3)]];
        let stream = ["stdout", "stderr"][rng.below(2)];
        let tag = ["F", "P", "F:a", "P:b:c"][rng.below(4)];
        let mut line =
            format!("2026-11-20T11:24:48{digits}{zone} {stream} {tag} {RECORD}").into_bytes();
        let at = rng.below(60);
        line[at] = b" :FPZ019-+x"[rng.below(11)];
        let line = String::from_utf8(line).expect("ASCII");
        let Some((text, stream, part, ns)) = cri_by_words(&line) else {
            continue;
        };
        n_agreed += 1;
        let got = strip(&chain, line.as_bytes(), &mut scratch);
        assert_eq!(
            (show(got.text), got.outer.stream, got.part),
            (text, Some(stream), part),
            "{line}"
        );
        let got_ns = match got.outer.time {
            Some(OuterTime::Instant { ns, .. }) => i128::from(ns),
            _ if line.starts_with("20") => panic!("no time: {line}"),
            _ => ns, // not of our time
        };
        assert_eq!((got.fit, got_ns), (Fit::Fits, ns), "{line}");
    }
    assert!(n_agreed > 3_000, "{n_agreed}");
}

/// Journal entries with their members in any order, against `serde_json`.
#[test]
fn journal_agrees_with_serde_json() {
    let mut rng = Rng::new(3);
    let chain = Chain::new(&[Wrapper::JournalJson]);
    let (mut scratch, mut n_agreed) = (Scratch::default(), 0);
    let values = [
        "\"a\\\"b\"",
        "[1,[{\"a\":\"]\"}]]",
        "null",
        "-1.5e3",
        "{}",
        "\"\\u00e9\\\\\"",
        "true",
        "\"\"",
    ];
    for _ in 0..20_000 {
        let blank = || ["", " ", "\t"];
        let message = [
            "\"x\\ny\"",
            "[120,10,121]",
            "\"x\\u000ay\"",
            "[\"x\\ny\",\"z\"]",
        ][rng.below(4)];
        let mut members = vec![
            format!("\"MESSAGE\":{message}"),
            "\"__REALTIME_TIMESTAMP\":\"1\"".to_owned(),
        ];
        for n in 0..rng.below(5) {
            let value = values[rng.below(values.len())];
            let (before, behind) = (blank()[rng.below(3)], blank()[rng.below(3)]);
            members.insert(
                rng.below(members.len() + 1),
                format!("{before}\"K{n}\"{behind}:{before}{value}{behind}"),
            );
        }
        let mut line = format!("{{{}}}", members.join(",")).into_bytes();
        if rng.below(3) == 0 {
            let at = rng.below(line.len());
            line[at] = b"\"\\{}[],:x "[rng.below(10)];
        }
        let got = strip(&chain, &line, &mut scratch);
        let Ok(object) =
            serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&line)
        else {
            continue;
        };
        let want = match object.get("MESSAGE") {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Array(array)) => {
                match array.first().and_then(|first| first.as_str()) {
                    Some(text) => text.to_owned(),
                    None => show(
                        &array
                            .iter()
                            .filter_map(|n| n.as_u64()?.try_into().ok())
                            .collect::<Vec<u8>>(),
                    ),
                }
            }
            _ => continue,
        };
        if object.contains_key("__REALTIME_TIMESTAMP") {
            n_agreed += 1;
            assert_eq!(
                (show(got.text), got.fit),
                (want, Fit::Fits),
                "{}",
                show(&line)
            );
        }
    }
    assert!(n_agreed > 10_000, "{n_agreed}");
}

/// Published lines: bare ones stay as they are, wrapped ones come out.
#[test]
fn published_lines() {
    let text = include_str!("../data/corpus-lines.tsv");
    let (mut scratch, mut n_wrapped) = (Scratch::default(), 0);
    for row in text.lines().skip(1) {
        let fields: Vec<&str> = row.splitn(10, '\t').collect();
        let line = fields[9].replace("\\t", "\t").replace("\\\\", "\\");
        let got = strip_by_shape(line.as_bytes(), &mut scratch);
        match fields[2] {
            "none" => assert_eq!((show(got.text), got.fit), (line, Fit::Fits)),
            "syslog" | "journald" if !line.starts_with("daemon.err") => {
                n_wrapped += 1;
                assert!(
                    got.outer.host.is_some() && got.outer.time.is_some(),
                    "{line}"
                );
            }
            _ => {}
        }
    }
    assert!(n_wrapped >= 7, "{n_wrapped}");
}

/// Random damage to every case: no panic, and a text that stands in the line or the scratch.
#[test]
fn damage_of_any_kind_is_survived() {
    let mut rng = Rng::new(11);
    let (cases, mut scratch) = (cases(), Scratch::default());
    for round in 0..300 {
        for case in &cases {
            let mut line = case.line.clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(line.len() + 1);
                match rng.below(4) {
                    0 => line.truncate(at),
                    1 => line.insert(at, b"\"\\{}[]: \x1b#<>u0"[rng.below(14)]),
                    2 if at < line.len() => line[at] = rng.below(256) as u8,
                    _ if at < line.len() => drop(line.remove(at)),
                    _ => {}
                }
            }
            let chain = chain(&case.chain);
            let got = strip(&chain, &line, &mut scratch);
            if let Some(offset) = got.offset {
                assert_eq!(&line[offset..offset + got.text.len()], got.text);
            }
            strip_by_shape(&line, &mut scratch);
            for wrapper in Wrapper::ALL {
                strip(&Chain::new(&[*wrapper]), &line, &mut scratch);
                assert!(line.is_empty() || (1..=line.len()).contains(&block_len(*wrapper, &line)));
            }
            if round < 2 {
                detect(&source(&line, 5), |_| false);
            }
        }
    }
}

/// An entry of an export in the order of `journalctl`, its message with a newline if `is_binary`.
fn export_entry(n: usize, is_binary: bool) -> Vec<u8> {
    let mut entry =
        format!("__CURSOR=s=1;i={n}\n__REALTIME_TIMESTAMP=1795173888123456\n_HOSTNAME=web{n}\n")
            .into_bytes();
    let text = format!("{RECORD}\n\n__CURSOR=forged\nMESSAGE=forged");
    if is_binary {
        entry.extend_from_slice(b"MESSAGE\n");
        entry.extend_from_slice(&(text.len() as u64).to_le_bytes());
        entry.extend_from_slice(text.as_bytes());
        entry.push(b'\n');
    } else {
        entry.extend_from_slice(format!("MESSAGE={RECORD}\n").as_bytes());
    }
    entry.extend_from_slice(b"_PID=7\nPRIORITY=6\n\n");
    entry
}

/// The entries of a source: host and text of each.
fn read_blocks(bytes: &[u8]) -> (String, Vec<(String, String)>) {
    let chain = detect(bytes, |_| false);
    let wrapper = chain.block().expect("entries over several lines");
    let (mut rest, mut out, mut scratch) = (bytes, Vec::new(), Scratch::default());
    while !rest.is_empty() {
        let (entry, next) = rest.split_at(block_len(wrapper, rest));
        let got = strip(&chain, entry, &mut scratch);
        out.push((show(got.outer.host.unwrap_or_default()), show(got.text)));
        rest = next;
    }
    (chain.to_string(), out)
}

#[test]
fn exports_are_read_entry_by_entry() {
    let bytes: Vec<u8> = (0..6).flat_map(|n| export_entry(n, n % 2 == 1)).collect();
    let (chain, entries) = read_blocks(&bytes);
    assert_eq!((chain.as_str(), entries.len()), ("journald-export", 6));
    for (n, (host, text)) in entries.iter().enumerate() {
        assert_eq!(*host, format!("web{n}"));
        let tail = if n % 2 == 1 {
            "\n\n__CURSOR=forged\nMESSAGE=forged"
        } else {
            ""
        };
        assert_eq!(*text, format!("{RECORD}{tail}"));
    }
    // Cut anywhere, the entries before the cut are whole.
    for cut in 0..bytes.len() {
        let mut rest = &bytes[..cut];
        while !rest.is_empty() {
            rest = &rest[block_len(Wrapper::JournalExport, rest)..];
        }
    }
}

#[test]
fn pretty_and_verbose_are_read_entry_by_entry() {
    let log = serde_json::to_string(RECORD).expect("a string");
    let pretty = format!("{{\n\t\"__REALTIME_TIMESTAMP\" : \"1795173888123456\",\n\t\"_HOSTNAME\" : \"web1\",\n\t\"MESSAGE\" : {log}\n}}\n").repeat(3);
    let want = ("web1".to_owned(), RECORD.to_owned());
    assert_eq!(
        read_blocks(pretty.as_bytes()),
        ("journald-json-pretty".into(), vec![want.clone(); 3])
    );
    let verbose = format!(
        "Fri 2026-11-20 11:24:48.123456 UTC [s=1;i=2;b=3;m=4;t=5;x=6]\n    _HOSTNAME=web1\n    __REALTIME_TIMESTAMP=1795173888123456\n    \
         MESSAGE={RECORD}\n            _HOSTNAME=forged\n    _PID=7\n"
    );
    let want = ("web1".to_owned(), format!("{RECORD}\n_HOSTNAME=forged"));
    assert_eq!(
        read_blocks(verbose.repeat(3).as_bytes()),
        ("journald-verbose".into(), vec![want; 3])
    );
}

#[test]
fn names_are_unique_and_chains_are_short() {
    for wrapper in Wrapper::ALL {
        assert_eq!(Wrapper::from_name(wrapper.name()), Some(*wrapper));
    }
    assert_eq!(Chain::new(&[Wrapper::Cri; 9]).layers().count(), 6);
}
