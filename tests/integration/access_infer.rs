//! Formats told from lines: of the labelled corpus, of every known format, and of what nobody can tell.

use crate::{
    access_cases::{Row, rows},
    access_records::{Clients, Dice, record},
};
use coroner::parse::access::{
    AccessLine, Escape, Field, FieldSet, Inference, LogFormat,
    builtin::{BUILTINS, Recognised},
    infer::{Basis, infer, infer_with},
};
use std::collections::BTreeMap;

/// Labels that no inference can know: numbers without label in an order of someone's own.
const UNTOLD: &[(&str, &[Field])] = &[(
    "goaccess637",
    &[Field::UpstreamAddr, Field::UpstreamResponseTime],
)];

fn groups() -> BTreeMap<String, Vec<Row>> {
    let mut groups = BTreeMap::<_, Vec<Row>>::new();
    for row in rows() {
        let id = row.id.split(' ').next().expect("an id").to_owned();
        groups.entry(id).or_default().push(row);
    }
    groups
}

/// Reads `line` with the first of the formats that it fits.
fn read<'a>(inference: &Inference, line: &'a [u8]) -> Option<(FieldSet, AccessLine<'a>)> {
    let mut out = AccessLine::default();
    let formats = inference.formats.iter();
    let mut formats =
        formats.filter(|(format, _)| format.cutter(FieldSet::ALL).cut(line, &mut out).is_ok());
    let format = formats.next().map(|(format, _)| format.tells());
    format.map(|tells| (tells, out))
}

/// JSON has a reader of its own, where its format is not known.
fn is_json(row: &Row) -> bool {
    row.line.first() == Some(&b'{')
}

#[test]
fn labelled_lines_tell_their_format() {
    let mut wrong = Vec::new();
    for (id, rows) in groups().into_iter().filter(|(_, rows)| !is_json(&rows[0])) {
        let lines: Vec<&[u8]> = rows.iter().map(|row| &row.line[..]).collect();
        let inference = match infer(&lines, &[]) {
            Ok(inference) => inference,
            Err(refusal) => {
                wrong.push(format!("{id}: {refusal}"));
                continue;
            }
        };
        let is_untold = |field: &Field| {
            let mut untold = UNTOLD.iter();
            untold.any(|(untold, fields)| *untold == id && fields.contains(field))
        };
        for row in &rows {
            let (_, line) = read(&inference, &row.line).expect("it fits");
            for (field, label) in &row.labels {
                let found = line.get(*field);
                if label.is_some() && found != label.as_deref() && !is_untold(field) {
                    let found = found.map(String::from_utf8_lossy);
                    wrong.push(format!("{} {field:?}: {found:?}", row.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without the table of known formats, less is told, but nothing else.
#[test]
fn labelled_lines_tell_nothing_wrong() {
    let mut n_derived = 0;
    for (id, rows) in groups() {
        let lines: Vec<&[u8]> = rows.iter().map(|row| &row.line[..]).collect();
        match infer_with(&lines, &[], &[]) {
            Ok(inference) => {
                n_derived += 1;
                assert!(
                    inference
                        .formats
                        .iter()
                        .all(|(_, basis)| *basis == Basis::Derived)
                );
                for row in &rows {
                    let (tells, line) = read(&inference, &row.line).expect("it fits");
                    for (field, label) in &row.labels {
                        if tells.has(*field) {
                            assert_eq!(line.get(*field), label.as_deref(), "{} {field:?}", row.id);
                        }
                    }
                    for field in [Field::Time, Field::Status] {
                        assert!(tells.has(field), "{id}: {field:?}");
                    }
                }
            }
            Err(refusal) => assert!(is_json(&rows[0]) || id == "aws-healthd", "{id}: {refusal}"),
        }
    }
    assert!(n_derived > 5);
}

/// Lines of a format, at random.
fn lines_of(body: &str, escape: Escape, dice: &mut Dice, n: usize) -> Vec<Vec<u8>> {
    (0..n)
        .map(|_| record(dice, Clients::Usual, body, escape).0)
        .collect()
}

/// Compares what `inference` reads with what the format itself does. The number of values compared.
fn check_same(format: &LogFormat, inference: &Inference, lines: &[&[u8]]) -> usize {
    let cutter = format.cutter(FieldSet::ALL);
    let mut n_same = 0;
    for line in lines {
        let mut want = AccessLine::default();
        let (Ok(()), Some((tells, found))) = (cutter.cut(line, &mut want), read(inference, line))
        else {
            continue;
        };
        for field in Field::ALL.into_iter().filter(|field| tells.has(*field)) {
            let is_same = found.get(field) == want.get(field);
            let formats: Vec<_> = inference
                .formats
                .iter()
                .map(|(format, _)| format.body().escape_ascii().to_string())
                .collect();
            // `$request` may be told where the format has its parts.
            let is_other = want.get(field).is_none() && field == Field::Request;
            assert!(
                is_same || is_other,
                "{field:?} of {}: {:?}\n{}\n{formats:#?}",
                format.body().escape_ascii(),
                found
                    .get(field)
                    .map(|value| value.escape_ascii().to_string()),
                line.escape_ascii()
            );
            n_same += usize::from(is_same);
        }
    }
    n_same
}

/// Lines of every known format, with and without the table: what is told is right.
#[test]
fn lines_of_known_formats_tell_nothing_wrong() {
    let dice = &mut Dice(0x1de5);
    let mut n_derived = 0;
    for row in BUILTINS {
        for n in [1, 3, 40] {
            let lines = lines_of(row.body, row.escape, dice, n);
            let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
            if row.recognised == Recognised::ByLines && n == 40 {
                match infer(&lines, &[]) {
                    Ok(inference) => {
                        assert!(
                            check_same(&row.format(), &inference, &lines) > 0,
                            "{}",
                            row.name
                        )
                    }
                    Err(refusal) => panic!("{}: {refusal}", row.name),
                }
            }
            if let Ok(inference) = infer_with(&lines, &[], &[]) {
                n_derived += 1;
                check_same(&row.format(), &inference, &lines);
            }
        }
    }
    assert!(n_derived > 70);
}

/// Formats as people make them up: a usual head, then what they care for, with labels or without.
fn made_up(dice: &mut Dice) -> String {
    let heads = [
        "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent",
        "$host $remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent",
        "$remote_addr [$time_local] \"$request\" $status $request_length $body_bytes_sent",
        "[$time_local] $remote_addr $host \"$request\" $status $bytes_sent",
        "$time_iso8601 $remote_addr \"$request\" $status $bytes_sent",
        "$msec status=$status $request_method $scheme $host \"$request_uri\"",
        "time=$time_iso8601 client=$remote_addr method=$request_method uri=\"$request_uri\" status=$status",
        "[$time_local] status: $status \"$request\" $bytes_sent",
    ];
    let extras = [
        " \"$http_referer\"",
        " \"$http_user_agent\"",
        " \"$http_x_forwarded_for\"",
        " $request_time",
        " \"$upstream_addr\"",
        " $upstream_addr",
        " \"$upstream_status\"",
        " $upstream_status",
        " \"$host\"",
        " rt=$request_time",
        " urt=\"$upstream_response_time\"",
        " uct=\"$upstream_connect_time\"",
        " ua=\"$upstream_addr\"",
        " us=\"$upstream_status\"",
        " upstream: $upstream_addr",
        " cs=$upstream_cache_status",
        " $connection",
        " $gzip_ratio",
        " $request_id",
        " $server_port",
        " $pipe",
    ];
    let mut body = dice.pick(&heads).to_owned();
    for _ in 0..dice.roll(9) {
        let extra = dice.pick(&extras);
        let name = extra.rsplit('$').next().expect("a variable");
        // Told twice, it would be told by the first.
        if !body.contains(name.trim_end_matches('"')) {
            body.push_str(extra);
        }
    }
    if body.contains("$request_time") && dice.roll(3) == 0 {
        body.push_str(" $upstream_response_time");
    }
    body
}

#[test]
fn formats_made_up_tell_nothing_wrong() {
    let dice = &mut Dice(0x0dd);
    let mut n_told = 0;
    for _ in 0..600 {
        let body = made_up(dice);
        let format = LogFormat::compile("made up", Escape::Default, body.as_bytes());
        let format = format.expect("a format");
        for n in [1, 2, 40] {
            let lines = lines_of(&body, Escape::Default, dice, n);
            let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
            match infer(&lines, &[]) {
                Ok(inference) => n_told += check_same(&format, &inference, &lines),
                // A line or two may show nothing: an empty request, an upstream that was not tried.
                Err(refusal) => assert!(n < 40, "{body}\n{refusal}"),
            }
        }
    }
    assert!(n_told > 100_000);
}

fn bodies(lines: &[&str], given: &[LogFormat]) -> Vec<(String, Basis)> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    let inference = infer(&lines, given).expect("told");
    let formats = inference.formats.iter();
    formats
        .map(|(format, basis)| (String::from_utf8_lossy(format.body()).into_owned(), *basis))
        .collect()
}

const COMBINED: &str =
    r#"192.0.2.1 - - [20/Nov/2026:11:29:47 +0000] "GET / HTTP/1.1" 502 157 "-" "curl""#;

/// One file, two formats, as after a change of the configuration; and what is no access line beside them.
#[test]
fn a_source_may_hold_several_formats() {
    let timed = format!("{COMBINED} 0.001");
    let lines = [
        "# a comment",
        "",
        COMBINED,
        &timed,
        "2026/11/20 11:29:47 [error] 7#7: *1 connect() failed (111: Connection refused)",
        &timed,
    ];
    let found = bodies(&lines, &[]);
    assert!(found[0].0.ends_with("$request_time"), "{found:?}");
    assert!(found[1].0.ends_with("\"$http_user_agent\""), "{found:?}");
    assert_eq!(found.len(), 2);
}

/// What the user says comes first, for the lines that it fits.
#[test]
fn given_formats_come_first() {
    let body = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$a\" \"$b\"";
    let given = LogFormat::typed(body.as_bytes()).expect("a format");
    assert_eq!(
        bodies(&[COMBINED], std::slice::from_ref(&given)),
        [(body.to_owned(), Basis::Given)]
    );
    let found = bodies(
        &["192.0.2.1 [20/Nov/2026:11:29:47 +0000] TCP 200 1 2 0.500"],
        &[given],
    );
    assert_eq!(found[0].1, Basis::Known);
}

/// Of two times without label, neither is told; nor which of two counts is the answer's length.
#[test]
fn what_could_be_two_things_stays_unknown() {
    let line =
        r#"192.0.2.1 [20/Nov/2026:11:29:47 +0000] "GET / HTTP/1.1" 200 363 7013 0.138 0.136"#;
    let lines = [line.as_bytes()];
    let inference = infer(&lines, &[]).expect("told");
    let tells = inference.formats[0].0.tells();
    let want = [Field::Client, Field::Time, Field::Request, Field::Status];
    assert_eq!(tells, want.into_iter().collect());
}

#[test]
fn what_is_no_access_log_is_refused_with_lines() {
    let lines: Vec<String> = (0..9)
        .map(|n| format!("[20/Nov/2026:11:29:47 +0000] started worker {n}"))
        .collect();
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    let refusal = infer(&lines, &[]).expect_err("no format");
    assert_eq!(
        (refusal.n_lines, refusal.n_fitting, refusal.samples.len()),
        (9, 0, 3)
    );
    let (name, mismatch) = refusal.samples[0].nearest.as_ref().expect("a time");
    assert_eq!(
        (mismatch.at_byte, name.as_str()),
        (37, "proxy"),
        "{mismatch:?}"
    );
    let text = refusal.to_string();
    assert!(
        text.starts_with(
            "no known format fits, and none can be told from the lines (0 of 9 fit)\n  [20/Nov"
        ),
        "{text}"
    );
    assert!(
        text.contains("\n    at byte 37, format `proxy` has ` ` behind `$upstream_status`"),
        "{text}"
    );
    assert!(
        infer(&[], &[])
            .expect_err("nothing to tell it from")
            .samples
            .is_empty()
    );
}

/// Formats of public repositories, and fields that their lines tell by themselves.
const SEEN: &[(&str, &[Field])] = &[
    (
        "$remote_addr - - [$time_local] \"$request\" status $status upstream $upstream_response_time request $request_time [for $host via $upstream_addr]",
        &[Field::Status, Field::Request],
    ),
    (
        "$remote_addr - $host [$time_local] \"$request\" $status $body_bytes_sent $upstream_addr $upstream_status",
        &[Field::Status, Field::UpstreamAddr, Field::UpstreamStatus],
    ),
    (
        "[$time_iso8601] $remote_addr $remote_user - $server_name \"$http_referer\" \"$http_user_agent\" \"$request\" - $status $body_bytes_sent $request_time - $upstream_addr $upstream_status $upstream_response_time",
        &[Field::Status, Field::UpstreamAddr, Field::UpstreamStatus],
    ),
    (
        "$remote_addr - $remote_user [$time_local] \"$request\" $http_host $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $upstream_addr $upstream_status $upstream_cache_status $upstream_response_time > $request_time",
        &[Field::Status, Field::UpstreamAddr, Field::UpstreamStatus],
    ),
    (
        "[$time_local] $remote_addr $remote_user $http_host $uri $request_method $status $body_bytes_sent \"$http_referer\" $request_time $upstream_addr $upstream_status  $upstream_connect_time \"$http_user_agent\" ",
        &[
            Field::Status,
            Field::Method,
            Field::UpstreamAddr,
            Field::UpstreamStatus,
        ],
    ),
];

/// Where no peer of a group is tried, its name stands for the peer, in an outage often: that is no reason to know no upstreams.
#[test]
fn formats_of_others_tell_what_they_can() {
    let attempts = [
        ("10.0.0.1:8080", "200", "0.004"),
        ("10.0.0.1:8080, 10.0.0.2:8080", "502, 200", "0.001, 0.003"),
        ("app", "502", "0.000"),
        ("-", "-", "-"),
        ("10.0.0.2:8080", "404", "0.002"),
    ];
    for (body, fields) in SEEN {
        let lines: Vec<Vec<u8>> = (0..40)
            .map(|n| {
                let (addr, statuses, times) = attempts[n % attempts.len()];
                let status = statuses.rsplit(' ').next().unwrap_or("-");
                let values = [
                    ("$upstream_addr", addr.to_owned()),
                    ("$upstream_status", statuses.to_owned()),
                    ("$upstream_response_time", times.to_owned()),
                    ("$upstream_connect_time", times.to_owned()),
                    ("$upstream_cache_status", "MISS".to_owned()),
                    ("$time_local", format!("20/Nov/2026:11:29:{n:02} +0000")),
                    ("$time_iso8601", format!("2026-11-20T11:29:{n:02}+00:00")),
                    ("$request_method", "GET".to_owned()),
                    ("$request_time", format!("0.{n:03}")),
                    ("$request", format!("GET /a/{n} HTTP/1.1")),
                    ("$remote_addr", "192.0.2.1".to_owned()),
                    ("$remote_user", "-".to_owned()),
                    ("$http_user_agent", "Mozilla/5.0 (X11; Linux)".to_owned()),
                    ("$http_referer", "-".to_owned()),
                    ("$http_host", "shop.example".to_owned()),
                    ("$server_name", "shop.example".to_owned()),
                    ("$host", "shop.example".to_owned()),
                    ("$uri", format!("/a/{n}")),
                    ("$body_bytes_sent", (n * 37).to_string()),
                    ("$status", status.replace('-', "304")),
                ];
                let line = values.iter().fold(body.to_string(), |line, (name, value)| {
                    line.replace(name, value)
                });
                line.into_bytes()
            })
            .collect();
        let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
        let format = LogFormat::compile("seen", Escape::Default, body.as_bytes()).expect("one");
        let inference = infer(&lines, &[]).unwrap_or_else(|refusal| panic!("{body}: {refusal}"));
        assert!(check_same(&format, &inference, &lines) > 0, "{body}");
        let (tells, _) = read(&inference, lines[0]).expect("it fits");
        for field in *fields {
            assert!(tells.has(*field), "{field:?} of {body}");
        }
    }
}
