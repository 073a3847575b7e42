//! Envelopes of lines: `tests/cases/wrappers.log` line by line and as whole sources, votes, pieces, entries of the journal.

use crate::support::{Rows, run, status, stdout};
use coroner::{
    lines,
    parse::wrapper::{
        Chain, Fit, LAYERS_MAX, Outer, OuterTime, Part, Scratch, Stream, Stripped, Wrapper,
        block_len, blocked, continuation, detect, glued, is_payload, strip, strip_by_shape,
    },
};
use std::{cell::Cell, fmt::Write};

pub(crate) const RECORD: &str = "2026/11/20 11:24:48 [error] 7#7: *3 connect() failed (111: Connection refused) while \
    connecting to upstream, client: 192.0.2.7, server: _, request: \"GET /a?b=\\x22 HTTP/1.1\", upstream: \"http://10.0.0.1:80/a\"";

pub(crate) struct Case {
    pub(crate) chain: String,
    pub(crate) facts: String,
    pub(crate) line: Vec<u8>,
    pub(crate) text: Vec<u8>,
}

pub(crate) fn cases() -> Vec<Case> {
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

pub(crate) fn source(line: &[u8], n_lines: usize) -> Vec<u8> {
    [line, b"\n"].concat().repeat(n_lines)
}

pub(crate) fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn chain(name: &str) -> Chain {
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
    // Requests in other formats: behind what leaves the line whole, before which bars stand one below the other, or in JSON.
    let request = "192.0.2.1 shop.example - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502";
    let table = "192.0.2.1\t20/Nov/2026:11:24:48 +0000\t502";
    let json =
        "{\"time\":\"2026-11-20T11:24:48+00:00\",\"request\":\"GET / HTTP/1.1\",\"status\":502}";
    let is_json = |text: &[u8]| text.starts_with(b"{\"time");
    for (prefix, texts, want) in [
        (
            "2026-11-20T11:24:48.5Z ",
            &[request, table, json][..],
            "timestamp",
        ),
        (
            "nginx-1  | ",
            &[request, table, json, "192.0.2.1 502"],
            "compose-prefix",
        ),
        ("gateway | ", &[request, table, json], "compose-prefix"),
        ("access.log:", &[request, table, json], "grep-prefix"),
        ("access.log:17:", &[json], "grep-prefix"),
        ("web-1 nginx ", &[json], "stern"),
    ] {
        for text in texts {
            let sample = source(format!("{prefix}{text}").as_bytes(), 9);
            assert_eq!(detect(&sample, is_json).to_string(), want, "{prefix}{text}");
        }
    }
    // A time before a client is no virtual host.
    let client =
        "192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"";
    for (before, want) in [
        ("2026-11-20_11:24:48.12345 ", "svlogd"),
        ("2026-11-20T11:24:48.12345Z ", "timestamp"),
        ("@400000005cd420612d10facc ", "tai64n"),
        ("shop.example:443 ", "none"),
    ] {
        let sample = source(format!("{before}{client}").as_bytes(), 9);
        assert_eq!(detect(&sample, is_json).to_string(), want, "{before}");
    }
    // What a client says is no proof.
    let own = source(
        b"2026-11-20T11:24:48+00:00 192.0.2.1 \"GET / HTTP/1.1\" 200 curl",
        9,
    );
    let forged = source(
        b"2026-11-20T11:24:48+00:00 192.0.2.1 \"GET / HTTP/1.1\" 200 20/Nov/2026:11:24:48",
        4,
    );
    assert!(detect(&[own, forged].concat(), is_json).is_bare());
    // A host before a client is no pod, and a table of hosts is no compose.
    for text in [
        format!("web-1.example {request}"),
        format!("web-1 | {table}").replace("20/Nov", "20"),
        "web-1 | 192.0.2.1 | 502".to_owned(),
    ] {
        assert!(
            detect(&source(text.as_bytes(), 9), is_json).is_bare(),
            "{text}"
        );
    }
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

/// A member of an entry over several lines may come first that is an array of bytes, one on each line.
#[test]
fn bytes_are_read_in_pretty_entries() {
    let record = format!("{RECORD}é");
    let bytes: Vec<_> = record.bytes().map(|b| format!("\t\t{b}")).collect();
    let pretty = format!(
        "{{\n\t\"MESSAGE\" : [\n{}\n\t],\n\t\"_HOSTNAME\" : \"web1\",\n\t\"__REALTIME_TIMESTAMP\" : \"1795173888123456\"\n}}\n",
        bytes.join(",\n")
    );
    assert_eq!(
        read_blocks(pretty.repeat(2).as_bytes()),
        (
            "journald-json-pretty".into(),
            vec![("web1".to_owned(), record); 2]
        )
    );
}

/// What stands before the first whole entry hides none: the command, or what `tail` left of an entry.
#[test]
fn entries_are_found_behind_what_is_none() {
    let export = String::from_utf8(export_entry(1, false)).expect("text");
    let pretty = format!(
        "{{\n\t\"__REALTIME_TIMESTAMP\" : \"1795173888123456\",\n\t\"_HOSTNAME\" : \"web1\",\n\t\"MESSAGE\" : {}\n}}\n",
        serde_json::to_string(RECORD).expect("a string")
    );
    let verbose = format!(
        "Fri 2026-11-20 11:24:48.123456 UTC [s=1;i=2;b=3;m=4;t=5;x=6]\n    _HOSTNAME=web1\n    MESSAGE={RECORD}\n    _PID=7\n"
    );
    let want = ("web1".to_owned(), RECORD.to_owned());
    for (name, entry) in [
        ("journald-export", export),
        ("journald-json-pretty", pretty),
        ("journald-verbose", verbose),
    ] {
        let cuts = entry.match_indices('\n').map(|(end, _)| &entry[end + 1..]);
        for before in cuts.chain(["$ journalctl -u nginx\n", "\n"]) {
            let (chain, entries) = read_blocks(format!("{before}{entry}{entry}").as_bytes());
            assert_eq!(chain, name, "{before}");
            assert!(
                entries.ends_with(&[want.clone(), want.clone()]),
                "{entries:?}"
            );
        }
    }
}

#[test]
fn names_are_unique_and_chains_are_short() {
    for wrapper in Wrapper::ALL {
        assert_eq!(Wrapper::from_name(wrapper.name()), Some(*wrapper));
    }
    assert_eq!(Chain::new(&[Wrapper::Cri; 9]).layers().count(), 6);
}

/// The records that are read of a source that is not whole.
fn messages_of(bytes: &[u8]) -> Vec<String> {
    let (_, entries) = read_blocks(bytes);
    let texts = entries.into_iter().map(|(_, text)| text);
    texts.filter(|text| text.starts_with("2026/")).collect()
}

/// An entry that was cut, or lost its end or its beginning, takes no neighbour with it.
#[test]
fn a_broken_entry_swallows_no_neighbour() {
    let text = |n: usize| format!("{RECORD} {n}");
    let export = |n: usize| {
        format!(
            "__CURSOR=s=1;i={n}\n__REALTIME_TIMESTAMP=1795173888123456\nMESSAGE={}\n_HOSTNAME=web1\n\n",
            text(n)
        )
    };
    let pretty = |n: usize| {
        let log = serde_json::to_string(&text(n)).expect("a string");
        format!(
            "{{\n\t\"__REALTIME_TIMESTAMP\" : \"1795173888123456\",\n\t\"MESSAGE\" : {log},\n\t\"_HOSTNAME\" : \"web1\"\n}}\n"
        )
    };
    let verbose = |n: usize| {
        format!(
            "Fri 2026-11-20 11:24:48.123456 UTC [s=1;i={n}]\n    _HOSTNAME=web1\n    MESSAGE={}\n    _PID=7\n",
            text(n)
        )
    };
    let without = |entry: String, part: &str| entry.replacen(part, "", 1);
    let all: Vec<String> = (0..4).map(text).collect();
    let sources = [
        (0..4).map(export).collect::<Vec<_>>(),
        (0..4).map(pretty).collect(),
        (0..4).map(verbose).collect(),
    ];
    for entries in &sources {
        assert_eq!(messages_of(entries.concat().as_bytes()), all);
        let returns = entries.concat().replace('\n', "\r\n");
        assert_eq!(messages_of(returns.as_bytes()), all, "{returns}");
        // Cut anywhere, the others are whole.
        for cut in 0..entries[1].len() {
            let mut entries = entries.clone();
            entries[1].truncate(cut);
            let got = messages_of(entries.concat().as_bytes());
            let is_there = |n: usize| got.contains(&all[n]);
            assert!(is_there(0) && is_there(3), "cut at {cut}: {got:?}");
            // What one line holds of both is the first's.
            let is_between = entries[1].ends_with('\n') || cut == 0;
            assert!(is_there(2) || !is_between, "cut at {cut}: {got:?}");
        }
    }
    for (n, lost) in [
        (0, "\n\n"),
        (0, "__CURSOR=s=1;i=1\n"),
        (1, "}\n"),
        (2, "[s=1;i=1]"),
    ] {
        let mut entries = sources[n].clone();
        entries[1] = match lost {
            "\n\n" => entries[1].replace("\n\n", "\n"),
            "[s=1;i=1]" => entries[1].split_once('\n').expect("lines").1.to_owned(),
            _ => without(entries[1].clone(), lost),
        };
        assert_eq!(messages_of(entries.concat().as_bytes()), all, "{lost:?}");
    }
}

#[test]
fn more_layers_than_are_taken_off_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    for (n_layers, is_told) in [(LAYERS_MAX, false), (LAYERS_MAX + 1, true)] {
        let line = "2026-11-20T11:24:48.5+00:00 web1 nginx: ".repeat(n_layers) + RECORD + "\n";
        let path = directory.path().join("error.log");
        std::fs::write(path, line.repeat(20)).expect("written");
        let arguments = ["export", "error.log", "--table", "sources"];
        let output = run(directory.path(), &arguments);
        let sources = Rows::parse(&stdout(&output));
        let problems = sources.get(0, "problems");
        assert_eq!(
            problems.contains("its lines lie in more than 6 envelopes"),
            is_told,
            "{n_layers}: {problems}"
        );
        assert_eq!(status(&output), i32::from(is_told));
    }
}

#[test]
fn objects_on_one_line_are_told_apart() {
    let chain = Chain::new(&[Wrapper::DockerJson]);
    let whole = r#"{"log":"a","stream":"stderr"}"#;
    let twice = whole.repeat(2);
    assert_eq!(glued(&chain, whole.as_bytes()), None);
    assert_eq!(glued(&chain, twice.as_bytes()), Some((whole.len(), true)));
    let cut = format!("{{\"log\":\"a{whole}");
    assert_eq!(glued(&chain, cut.as_bytes()), Some((9, false)));
}

/// Whatever forty pods write between their records, a chunk can begin soon behind where one is asked for, and few places are tried.
#[test]
fn chunks_begin_between_the_lines_of_many_pods() {
    let tail = "client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\"";
    let whole = format!(
        "2026/11/20 11:24:48 [error] 7#7: *8 connect() failed (111: Connection refused) while connecting to upstream, {tail}"
    );
    let open = "2026/11/20 11:24:48 [info] 7#7: *8 client 192.0.2.1 closed keepalive connection";
    let greeting = "/docker-entrypoint.sh: Configuration complete";
    let json = r#"{"time":"2026-11-20T11:24:48+00:00","status":502,"request_time":0.001}"#;
    let source = |texts: &[&str], between: usize| {
        let mut source = String::new();
        for n in 0..20_000 {
            let pod = n * 7919 % 40;
            let text = match n % between {
                0 => texts[1],
                _ => texts[0],
            };
            source += &format!("[pod/web-{pod}/nginx] {text}\n");
        }
        source
    };
    let chain = Chain::new(&[Wrapper::KubectlPrefix]);
    for (texts, between, n_tried_max) in [
        ([&whole, greeting], 3, 1),
        ([&whole, json], 3, 1),
        ([open, greeting], 1_000, 40),
        ([open, json], 1_000, 40),
    ] {
        let source = source(&texts, between);
        let (n_tried, chunk_len) = (Cell::new(0), 100_000);
        let chunks = lines::chunks(source.as_bytes(), chunk_len, usize::MAX, |bytes, at| {
            n_tried.set(n_tried.get() + 1);
            blocked(&chain, bytes, at, None, &mut Scratch::default())
        });
        let n_wanted = source.len() / chunk_len;
        assert!(
            chunks.len() > n_wanted * 9 / 10,
            "{texts:?}: {}",
            chunks.len()
        );
        assert!(
            n_tried.get() <= n_wanted * n_tried_max + 1,
            "{texts:?}: {} places for {} chunks",
            n_tried.get(),
            chunks.len()
        );
    }
}
