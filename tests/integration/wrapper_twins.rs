//! Damaged envelopes, and the fast readers of wrapped lines against slow ones.

use crate::{
    generate::Rng,
    wrappers::{RECORD, cases, chain, show, source},
};
use coroner::parse::wrapper::{
    Chain, Fit, OuterTime, Part, Scratch, Stream, Wrapper, block_len, detect, strip, strip_by_shape,
};

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
