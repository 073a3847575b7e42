//! The reader of JSON access lines against `serde_json`: as it is for lines that are JSON, and for all others behind a repair that is
//! written out here, byte by byte.

use crate::{
    generate::Rng,
    json_access::{Case, cases, learn},
};
use coroner::parse::access::{
    AccessLine, Field, Misfit,
    json::{DEPTH_MAX, JsonFormat, elements},
};
use serde_json::Value;

/// A line as JSON that any reader takes: each string holds its bytes as they stood (escapes and all) as characters up to
/// U+00FF, and so does each bare text; keys keep their meaning. `None`: what cannot be told apart.
fn repair(line: &[u8]) -> Option<String> {
    let (mut json, mut open, mut at) = (String::new(), Vec::new(), 0);
    while let Some(&byte) = line.get(at) {
        let last = json.chars().last();
        let is_in_array = open.last() == Some(&b'[');
        let is_value_next = last == Some(':') || (is_in_array && matches!(last, Some('[' | ',')));
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'"' => {
                let len = string_len(&line[at + 1..])?;
                let raw = &line[at + 1..at + 1 + len];
                let is_key = !is_in_array && last != Some(':');
                json.push_str(&if is_key { key(raw) } else { latin(raw) });
                at += len + 2;
            }
            b'{' | b'[' => {
                open.push(byte);
                if open.len() > DEPTH_MAX {
                    return None;
                }
                json.push(byte as char);
                at += 1;
            }
            b']' if is_in_array => {
                if last == Some(',') {
                    json.pop();
                }
                open.pop();
                json.push(']');
                at += 1;
            }
            _ if is_value_next => {
                let len = bare_len(&line[at..], is_in_array)?;
                let text = line[at..at + len].trim_ascii();
                json.push_str(&match text {
                    b"" | b"null" => "null".to_owned(),
                    text => latin(text),
                });
                at += len;
            }
            b'}' => {
                if last == Some(',') {
                    json.pop();
                }
                open.pop();
                json.push('}');
                at += 1;
            }
            b',' | b':' => {
                json.push(byte as char);
                at += 1;
            }
            _ => return None,
        }
    }
    Some(json)
}

/// Up to the first quote that no backslash escapes.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

/// Up to what ends a value without quotes.
fn bare_len(text: &[u8], is_in_array: bool) -> Option<usize> {
    for (at, &byte) in text.iter().enumerate() {
        let next = text[at + 1..].iter().find(|b| !b.is_ascii_whitespace());
        match (byte, is_in_array) {
            (b',' | b']', true) | (b'}', false) => return Some(at),
            (b',', false) if matches!(next, Some(b'"' | b'}')) => return Some(at),
            (b'"' | b'{' | b'}', _) | (b'[', true) => return None,
            _ => {}
        }
    }
    None
}

fn latin(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| *byte as char).collect();
    serde_json::to_string(&text).expect("a string")
}

/// A key with escapes that all readers know, and the same meaning.
fn key(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut json = String::from("\"");
    let mut rest = text.as_ref();
    while let Some(first) = rest.chars().next() {
        let escape = rest.get(..2).unwrap_or("");
        let unit = |at: usize| u32::from_str_radix(rest.get(at + 2..at + 6)?, 16).ok();
        let is_unit = |at: usize| {
            rest.get(at..at + 2) == Some("\\u")
                && rest
                    .get(at + 2..at + 6)
                    .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let len = if is_unit(0) {
            let is_low = is_unit(6) && unit(6).is_some_and(|low| (0xdc00..0xe000).contains(&low));
            match unit(0).expect("hex") {
                0xd800..=0xdbff if is_low => {
                    json.push_str(&rest[..12]);
                    12
                }
                0xd800..=0xdfff => {
                    json.push('\u{fffd}');
                    6
                }
                _ => {
                    json.push_str(&rest[..6]);
                    6
                }
            }
        } else if ["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"].contains(&escape) {
            json.push_str(escape);
            2
        } else {
            let one = serde_json::to_string(&first.to_string()).expect("a string");
            json.push_str(&one[1..one.len() - 1]);
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    json.push('"');
    json
}

/// A format, where its fields stand, and lines it was learned from.
struct Source {
    format: JsonFormat,
    paths: Vec<(Field, Vec<String>)>,
    lines: Vec<Vec<u8>>,
}

impl Source {
    fn learn(lines: Vec<Vec<u8>>) -> Option<Source> {
        let slices: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let format = learn(&slices, &[])?;
        let text = format.to_string();
        let inside = text.trim_start_matches("json(").trim_end_matches(')');
        let twins: Vec<Value> = lines.iter().filter_map(|line| twin(line)).collect();
        let path = |pair: &str| {
            let (field, key) = pair.split_once('=').expect("a pair");
            let mut paths = twins.iter().filter_map(|twin| resolve(twin, key));
            (
                Field::from_name(field).expect("a field"),
                paths.next().expect("it was seen"),
            )
        };
        let paths = inside.split(' ').map(path).collect();
        Some(Source {
            format,
            paths,
            lines,
        })
    }
}

/// What `serde_json` makes of the repaired line, if it is an object.
fn twin(line: &[u8]) -> Option<Value> {
    let value: Option<Value> = serde_json::from_str(&repair(line)?).ok();
    value.filter(Value::is_object)
}

/// The keys to a value, of keys joined by dots, which they may hold, too.
fn resolve(value: &Value, joined: &str) -> Option<Vec<String>> {
    let object = value.as_object()?;
    if object.contains_key(joined) {
        return Some(vec![joined.to_owned()]);
    }
    let mut dots = joined.match_indices('.');
    dots.find_map(|(dot, _)| {
        let (first, rest) = (&joined[..dot], &joined[dot + 1..]);
        let mut path = resolve(object.get(first)?, rest)?;
        path.insert(0, first.to_owned());
        Some(path)
    })
}

fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter()
        .try_fold(value, |value, key| value.as_object()?.get(key))
}

/// Bytes of a text made by [`latin`].
fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).expect("below U+0100"))
        .collect()
}

/// Compares what the line tells with the twin; whether it is JSON.
fn check(source: &Source, line: &[u8]) -> bool {
    let format = &source.format;
    let show = || format!("{format}: {}", line.escape_ascii());
    let mut out = AccessLine::default();
    let cut = format.cut(line, &mut out);
    let twin = twin(line);
    assert_eq!(cut == Err(Misfit::Json), twin.is_none(), "{}", show());
    let Some(twin) = twin else {
        assert!(
            serde_json::from_slice::<Value>(line).map_or(true, |value| !value.is_object())
                || is_deep(line),
            "{}",
            show()
        );
        return false;
    };
    let original = serde_json::from_slice::<Value>(line).ok();
    for (field, path) in &source.paths {
        let got = out.get(*field);
        if let Some(got) = got {
            assert!(
                line.as_ptr_range().contains(&got.as_ptr()) || got.is_empty(),
                "{}",
                show()
            );
        }
        let expected = match at(&twin, path) {
            Some(Value::String(text)) => Some(bytes(text)),
            Some(Value::Array(list)) if list.len() > 1 => {
                compare_lists(got.unwrap_or_default(), list, &show());
                continue;
            }
            Some(Value::Array(list)) => list.first().and_then(Value::as_str).map(bytes),
            _ => None,
        };
        assert_eq!(got, expected.as_deref(), "{} in {}", field.name(), show());
        if let (Some(original), Some(got)) = (&original, got) {
            compare_meaning(got, at(original, path), &show());
        }
    }
    true
}

fn is_deep(line: &[u8]) -> bool {
    line.iter().filter(|b| matches!(b, b'[' | b'{')).count() > DEPTH_MAX
}

fn compare_lists(got: &[u8], list: &[Value], show: &str) {
    let got: Vec<Option<&[u8]>> = elements(got).collect();
    assert_eq!(got.len(), list.len(), "{show}");
    for (got, expected) in got.iter().zip(list) {
        match expected {
            Value::String(text) => assert_eq!(got.map(<[u8]>::to_vec), Some(bytes(text)), "{show}"),
            Value::Null => assert_eq!(*got, None, "{show}"),
            _ => assert!(got.is_some(), "{show}"),
        }
    }
}

/// The same value as `serde_json` reads in the line as it is.
fn compare_meaning(got: &[u8], expected: Option<&Value>, show: &str) {
    let text = std::str::from_utf8(got).expect("JSON is UTF-8");
    match expected {
        Some(Value::String(expected)) => {
            let decoded: String = serde_json::from_str(&format!("\"{text}\"")).expect("a string");
            assert_eq!(&decoded, expected, "{show}");
        }
        Some(Value::Number(expected)) => {
            assert_eq!(text.parse::<f64>().ok(), expected.as_f64(), "{show}");
        }
        Some(Value::Bool(expected)) => assert_eq!(text, expected.to_string(), "{show}"),
        Some(Value::Array(list)) => compare_meaning(got, list.first(), show),
        _ => panic!("{show}"),
    }
}

fn sources() -> Vec<Source> {
    let lines = |case: Case| {
        case.lines
            .into_iter()
            .map(|(line, _)| line.into_bytes())
            .collect()
    };
    cases()
        .into_iter()
        .filter_map(|case| Source::learn(lines(case)))
        .collect()
}

#[test]
fn case_lines_agree_and_so_do_their_beginnings() {
    for source in sources() {
        for line in &source.lines {
            let is_whole = check(&source, line);
            for end in 0..line.len() {
                let cut = &line[..end];
                assert!(!check(&source, cut) || (is_whole && line[end..].trim_ascii().is_empty()));
            }
        }
    }
}

#[test]
fn damaged_lines_agree() {
    let mut rng = Rng::new(41);
    const BYTES: &[u8] = b"\"\\{}[]:,, -0n\x00\x7f\xff\tu";
    let (mut n_json, mut n_damaged) = (0, 0);
    for source in sources() {
        for _ in 0..600 {
            let mut line = source.lines[rng.below(source.lines.len())].clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(line.len());
                let byte = if rng.chance(80) {
                    rng.pick(BYTES)
                } else {
                    rng.below(256) as u8
                };
                match rng.below(4) {
                    0 => line[at] = byte,
                    1 => line.insert(at, byte),
                    2 => drop(line.remove(at)),
                    _ => {
                        let end = line.len().min(at + rng.below(40));
                        let piece = line[at..end].to_vec();
                        let to = rng.below(line.len());
                        line.splice(to..to, piece);
                    }
                }
            }
            if check(&source, &line) {
                n_json += 1;
            } else {
                n_damaged += 1;
            }
        }
    }
    assert!(n_json > 2_000 && n_damaged > 2_000, "{n_json} {n_damaged}");
}

/// Lines with any keys, values and blanks, sloppy or not.
struct Maker(Rng);

impl Maker {
    const KEYS: [&'static str; 16] = [
        "status",
        "time",
        "uri",
        "upstream",
        "addr",
        "upstream.addr",
        "x",
        "st\\u0061tus",
        "u\\/ri",
        "\\ud83d\\ude00",
        "\\ud800",
        "\\x41",
        "",
        "a\\\"b",
        "é",
        "time2",
    ];
    const TEXTS: [&'static str; 14] = [
        "200",
        "2026-11-20T11:29:47Z",
        "/a",
        "10.0.0.5:80, 10.0.0.6:80",
        "-",
        "",
        "a\\\"b",
        "\\\\",
        "\\u00e9",
        "\\x22",
        "{\"",
        "}",
        "[,",
        "é\\n",
    ];
    const BARE: [&'static str; 12] = [
        "200",
        "0.001",
        "-",
        "",
        "null",
        "true",
        "0.1, 0.2",
        "-, 0.1 : -",
        "1e3",
        "-7",
        "[1]",
        "a b",
    ];

    fn blank(&mut self) -> &'static str {
        self.0.pick(&["", "", "", "", " ", "\t "])
    }

    fn value(&mut self, depth: usize) -> String {
        match self.0.below(if depth > 3 { 2 } else { 4 }) {
            0 => format!("\"{}\"", self.0.pick(&Self::TEXTS).replace("{\"", "{")),
            1 => self.0.pick(&Self::BARE).to_owned(),
            2 => self.object(depth + 1),
            _ => {
                let n = self.0.below(4);
                let parts: Vec<String> = (0..n).map(|_| self.value(depth + 1)).collect();
                format!(
                    "[{}{}{}]",
                    self.blank(),
                    parts.join(&format!("{},{}", self.blank(), self.blank())),
                    self.blank()
                )
            }
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let n = self.0.below(7);
        let member = |maker: &mut Maker| {
            let key = maker.0.pick(&Self::KEYS);
            let value = maker.value(depth);
            let blanks: Vec<&str> = (0..4).map(|_| maker.blank()).collect();
            format!(
                "{}\"{key}\"{}:{}{value}{}",
                blanks[0], blanks[1], blanks[2], blanks[3]
            )
        };
        let members: Vec<String> = (0..n).map(|_| member(self)).collect();
        let comma = if n > 0 && self.0.chance(10) { "," } else { "" };
        format!("{{{}{comma}{}}}", members.join(","), self.blank())
    }
}

#[test]
fn made_lines_agree() {
    let sample: [&[u8]; 2] = [
        br#"{"status":200,"time":"2026-11-20T11:29:47Z","uri":"/a","upstream":{"addr":"10.0.0.5:80"},"x":1}"#,
        br#"{"time": "2026-11-20T11:29:47Z", "x": 1, "status": 200, "uri": "/a"}"#,
    ];
    let mut maker = Maker(Rng::new(42));
    let mut n_json = 0;
    for lines in [&sample[..1], &sample[1..]] {
        let lines = lines.iter().map(|line| line.to_vec()).collect();
        let source = Source::learn(lines).expect("an access log");
        for _ in 0..20_000 {
            n_json += usize::from(check(&source, maker.object(0).as_bytes()));
        }
    }
    assert!(n_json > 10_000, "{n_json}");
}

/// Learning takes any lines, and what it learns reads any.
#[test]
fn anything_can_be_learned_from() {
    let mut maker = Maker(Rng::new(43));
    let mut n_learned = 0;
    for _ in 0..3_000 {
        let lines: Vec<String> = (0..4).map(|_| maker.object(0)).collect();
        let slices: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        let fields = [Field::Status, Field::Uri, Field::UpstreamAddr];
        let given = fields.map(|field| (field, maker.0.pick(&Maker::KEYS).to_owned()));
        for given in [&given[..], &[]] {
            let Some(format) = learn(&slices, given) else {
                continue;
            };
            n_learned += 1;
            for line in &slices {
                let mut out = AccessLine::default();
                let _ = format.cut(line, &mut out);
            }
        }
    }
    assert!(n_learned > 50, "{n_learned}");
}
