//! Access lines read by their format: real ones with labels (`tests/data/corpus-formats.tsv`), and the hazards of the formats
//! that people use, line by line.

use coroner::parse::access::{
    AccessLine, Escape, Field, FieldSet, LogFormat, Misfit,
    builtin::{BUILTINS, named},
};

/// A labelled line.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) format: LogFormat,
    pub(crate) line: Vec<u8>,
    /// `None`: the format does not tell.
    pub(crate) labels: Vec<(Field, Option<Vec<u8>>)>,
}

pub(crate) fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/corpus-formats.tsv"
    ))
    .expect("bundled");
    text.lines().skip(1).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<String> = line
        .split('\t')
        .map(|cell| cell.replace("\\t", "\t").replace("\\\\", "\\"))
        .collect();
    let escape = match cells[3].starts_with('{') {
        true => Escape::Json,
        false => Escape::Default,
    };
    let labelled = [
        Field::Time,
        Field::Request,
        Field::Status,
        Field::UpstreamAddr,
        Field::UpstreamStatus,
        Field::UpstreamResponseTime,
    ];
    let label = |cell: &String| (cell != "~").then(|| cell.as_bytes().to_vec());
    Row {
        id: format!("{} {}", cells[0], cells[1]),
        format: LogFormat::compile(&*cells[0], escape, cells[3].as_bytes()).expect("a format"),
        line: cells[4].as_bytes().to_vec(),
        labels: labelled
            .into_iter()
            .zip(cells[5..11].iter().map(label))
            .collect(),
    }
}

#[test]
fn labelled_lines_are_cut_as_labelled() {
    let rows = rows();
    assert!(rows.len() > 15);
    for row in rows {
        let mut out = AccessLine::default();
        let cut = row.format.cutter(FieldSet::ALL).cut(&row.line, &mut out);
        assert_eq!(
            cut,
            Ok(()),
            "{}: {:?}",
            row.id,
            row.format.mismatch(&row.line)
        );
        for (field, want) in &row.labels {
            assert_eq!(out.get(*field), want.as_deref(), "{} {field:?}", row.id);
        }
    }
}

/// Cuts `line` by `format` and compares every field that is told: `Status=200 Uri=/a …`, one a line.
fn check(format: &LogFormat, line: &str, want: &[(Field, &str)]) {
    let mut out = AccessLine::default();
    let cut = format.cutter(FieldSet::ALL).cut(line.as_bytes(), &mut out);
    let mismatch = || format.mismatch(line.as_bytes());
    assert_eq!(cut, Ok(()), "{line}\n{:?}", mismatch());
    for (field, value) in want {
        let found = out.get(*field).map(String::from_utf8_lossy);
        assert_eq!(found.as_deref(), Some(*value), "{field:?} of {line}");
    }
    for field in Field::ALL {
        let is_told = format.tells().has(field);
        assert_eq!(out.get(field).is_some(), is_told, "{field:?} of {line}");
    }
}

fn check_misfit(format: &LogFormat, line: &str, want: Misfit) {
    let mut out = AccessLine::default();
    let cut = format.cutter(FieldSet::ALL).cut(line.as_bytes(), &mut out);
    assert_eq!(cut, Err(want), "{line}\n{out:?}");
}

fn format(body: &str) -> LogFormat {
    LogFormat::compile("test", Escape::Default, body.as_bytes()).expect("a format")
}

/// The format of a name, of which there is one.
fn builtin(name: &str) -> LogFormat {
    named(name).into_iter().next().expect("known")
}

use Field::*;

/// The names of users may hold blanks, brackets and dashes; quotes they do not hold.
#[test]
fn users_may_be_called_anything() {
    for user in [
        "-",
        "",
        "a b",
        "x [y",
        "a - b [c] d",
        "[20/Nov/2026:11:29:47 +0000] ",
        "DOMAIN\\x5Cuser",
    ] {
        check(
            &builtin("combined"),
            &format!(
                "1.2.3.4 - {user} [20/Nov/2026:11:29:47 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\""
            ),
            &[
                (Client, "1.2.3.4"),
                (Time, "20/Nov/2026:11:29:47 +0000"),
                (Request, "GET / HTTP/1.1"),
                (Status, "502"),
                (BytesSent, "157"),
            ],
        );
    }
}

/// Row 8: unquoted lists, the count of which no variable tells.
#[test]
fn unquoted_lists_end_where_the_next_begins() {
    let of_today = |format: &LogFormat| format.body().starts_with(b"$remote_addr");
    let format = named("upstreaminfo").into_iter().find(of_today);
    let format = format.expect("known");
    let head = "1.2.3.4 - - [20/Nov/2026:11:29:47 +0000] \"GET / HTTP/1.1\" 504 160 \"-\" \"curl\" 300 15.001 [default-api-80] [] ";
    for (lists, id) in [
        (["10.0.0.1:80", "0", "5.000", "504"], "2f0d"),
        (
            [
                "10.0.0.1:80, 10.0.0.2:80, 10.0.0.3:80",
                "0, 0, 0",
                "5.000, 5.000, 5.000",
                "504, 504, 504",
            ],
            "2f0d",
        ),
        (
            [
                "[::1]:80 : unix:/run/app.sock",
                "0 : 5",
                "5.000 : 0.001",
                "504 : 200",
            ],
            "2f0d",
        ),
        (
            [
                "10.0.0.1:80, 10.0.0.2:80 : ",
                "0, 0 : ",
                "5.000, 5.000 : ",
                "504, 504 : ",
            ],
            "2f0d",
        ),
        (["", "0", "0.000", "-"], "2f0d"),
        (["-", "-", "-", "-"], ""),
        (
            ["10.0.0.1:80", "0", "5.000", "504"],
            "an id with blanks, 1.2.3.4:80 5",
        ),
    ] {
        let line = format!("{head}{} {id}", lists.join(" "));
        let want = [
            (UpstreamAddr, lists[0]),
            (UpstreamResponseLength, lists[1]),
            (UpstreamResponseTime, lists[2]),
            (UpstreamStatus, lists[3]),
            (RequestId, id),
            (Group, "default-api-80"),
            (RequestTime, "15.001"),
        ];
        check(&format, &line, &want);
    }
    // An id of the client's that goes on like a list gives itself away: the lists are of one length.
    check_misfit(
        &format,
        &format!("{head}10.0.0.1:80 0 5.000 504 : 200 x"),
        Misfit::Ambiguous,
    );
}

/// Row 20: no blank before `rt=`.
#[test]
fn a_missing_blank_is_no_matter() {
    let line = "1.2.3.4 - - [20/Nov/2026:11:29:47 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"rt=1\"rt=0.005 uct=\"0.001\" uht=\"0.004\" urt=\"0.005\"";
    let want = [
        (RequestTime, "0.005"),
        (UpstreamConnectTime, "0.001"),
        (UpstreamHeaderTime, "0.004"),
        (UpstreamResponseTime, "0.005"),
    ];
    check(&builtin("upstream_time"), line, &want);
}

/// Row 24: one record, two lines.
#[test]
fn a_record_of_two_lines_says_so() {
    let format = builtin("cp_bytes_server");
    assert_eq!(format.n_lines(), 2);
    check(
        &format,
        "1795174187 300 .\n1795174187 512 .",
        &[(BytesSent, "512")],
    );
    check_misfit(&format, "1795174187 300 .", Misfit::Literal(2));
}

/// Row 29: quotes are separators, not pairs.
#[test]
fn quotes_may_separate() {
    let line = "1437609879.311\"/bad path\"404\"0.083\"0.083, 0.001\"177.72.242.17, 10.0.0.1";
    let want = [
        (Time, "1437609879.311"),
        (Uri, "/bad path"),
        (Status, "404"),
        (RequestTime, "0.083"),
        (UpstreamResponseTime, "0.083, 0.001"),
    ];
    check(&builtin("healthd"), line, &want);
}

/// Rows 26 and 42: a list before a colon, a request that no quotes hold.
#[test]
fn requests_without_quotes_end_before_the_status() {
    let format = builtin("upstreamlog");
    for request in [
        "GET / HTTP/1.1",
        "GET /a b?c: d HTTP/1.1",
        "",
        "GET / 200   upstream_response_time 1 msec 1.000 request_time 1 HTTP/1.1",
    ] {
        let line = format!(
            "[20/Nov/2026:11:29:47 +0000] 1.1.1.1, 2.2.2.2 5f3a 10.0.0.9 - - - shop.example www.shop.example to: 10.0.0.1:80, 10.0.0.2:80: {request} 502   \
             upstream_response_time 0.001, 0.002 msec 1795174187.538 request_time 0.003"
        );
        let want = [
            (Time, "1795174187.538"),
            (Client, "10.0.0.9"),
            (RequestId, "5f3a"),
            (Server, "shop.example"),
            (Host, "www.shop.example"),
            (UpstreamAddr, "10.0.0.1:80, 10.0.0.2:80"),
            (Request, request),
            (Status, "502"),
            (UpstreamResponseTime, "0.001, 0.002"),
            (RequestTime, "0.003"),
        ];
        check(&format, &line, &want);
    }
}

/// Row 44: the separator may stand in values. What that leaves open is not guessed.
#[test]
fn pipes_in_values_are_told_apart_or_refused() {
    let format = builtin("custom");
    let want = [
        (Request, "GET / HTTP/1.1"),
        (Status, "200"),
        (RequestTime, "0.003"),
    ];
    let head = "20/Nov/2026:11:29:47 +0000 | 1.2.3.4 | GET / HTTP/1.1 | 200 | 5";
    check(
        &format,
        &format!("{head} | - | a | b | c | 1 | 0.003"),
        &want,
    );
    let forged = "20/Nov/2026:11:29:47 +0000 | 1.2.3.4 | GET / HTTP/1.1 | 200 | 5 | x | 502 | 7 | - | a | 0.003";
    check_misfit(&format, forged, Misfit::Ambiguous);
    let many = format!("{head} | - {} | 0.003", "| ".repeat(5_000));
    check_misfit(&format, &many, Misfit::Ambiguous);
}

/// Row 28, with a variable of the configuration between lists: a word, unless only a text fits.
#[test]
fn variables_of_the_configuration_are_words_if_that_fits() {
    let format = format("$pool $upstream_addr $upstream_status");
    check(
        &format,
        "blue a:80, b:80 502, 200",
        &[(UpstreamAddr, "a:80, b:80"), (UpstreamStatus, "502, 200")],
    );
    check(
        &format,
        "deep blue a:80 200",
        &[(UpstreamAddr, "a:80"), (UpstreamStatus, "200")],
    );
}

/// nginx refuses blanks in URIs since 1.21.1, so the first one ends it, unless what follows tells something that a client could forge.
#[test]
fn a_uri_before_mere_text_is_a_word() {
    let open = format("[$time_local] $status $upstream_addr $request_uri $http_user_agent");
    let line = "[20/Nov/2026:11:29:47 +0000] 502 10.0.0.1:80 /a?b=c Mozilla/5.0 (X11; Linux)";
    check(
        &open,
        line,
        &[
            (Status, "502"),
            (UpstreamAddr, "10.0.0.1:80"),
            (Uri, "/a?b=c"),
        ],
    );
    let told = format("$request_uri $status $http_user_agent");
    check_misfit(&told, "/a 200 502 curl/8", Misfit::Ambiguous);
}

/// A header that holds a list of addresses stands beside the address of the client: what ends with a comma is none.
#[test]
fn a_client_is_no_part_of_a_list() {
    let format = format("$remote_user $remote_addr $http_x_forwarded_for $status");
    check(
        &format,
        "- 192.0.2.1 10.1.2.3, 192.0.2.9 502",
        &[(Client, "192.0.2.1"), (Status, "502")],
    );
}

/// A port behind an address, an address with colons.
#[test]
fn ports_stand_behind_the_last_colon() {
    let format = format("$remote_addr:$remote_port $status $server_name:$server_port");
    check(
        &format,
        "::1:8080 200 a.example:443",
        &[(Client, "::1"), (Status, "200"), (Server, "a.example")],
    );
}

#[test]
fn a_host_that_touches_the_uri_ends_at_its_slash() {
    let format = format("$status \"$scheme://$host$request_uri\" $msec");
    let line = "200 \"https://a.example:8443/b//c d?e=/\" 1795174187.538";
    check(
        &format,
        line,
        &[
            (Scheme, "https"),
            (Host, "a.example:8443"),
            (Uri, "/b//c d?e=/"),
        ],
    );
}

/// nginx writes three decimals of seconds: where the next variable touches them, this tells where they end.
#[test]
fn seconds_that_touch_the_next_variable_end_behind_three_decimals() {
    let all = format("$time_iso8601$status$request_method$uri|$request_time$upstream_addr");
    check(
        &all,
        "2026-11-20T10:00:00+05:30502GET/a/0|0.00110.0.0.1:8080, 10.0.0.2:8080",
        &[
            (Time, "2026-11-20T10:00:00+05:30"),
            (Status, "502"),
            (RequestTime, "0.001"),
            (UpstreamAddr, "10.0.0.1:8080, 10.0.0.2:8080"),
        ],
    );
    let times = format("$upstream_connect_time$upstream_header_time$request_time$status");
    check(
        &times,
        "-, 0.001-, 0.0020.003200",
        &[
            (UpstreamConnectTime, "-, 0.001"),
            (UpstreamHeaderTime, "-, 0.002"),
            (RequestTime, "0.003"),
            (Status, "200"),
        ],
    );
    let apart = format("$request_time $status");
    check(&apart, "0.1 200", &[(RequestTime, "0.1"), (Status, "200")]);
}

/// `escape=json`: `\"` does not end a value. `escape=none`: nothing does but the rest of the format.
#[test]
fn escapes_decide_where_texts_end() {
    let body = "{\"r\":\"$request\",\"s\":$status,\"t\":$upstream_response_time,\"u\":\"$http_user_agent\"}";
    let json = LogFormat::compile("j", Escape::Json, body.as_bytes()).expect("a format");
    let none = LogFormat::compile("n", Escape::None, body.as_bytes()).expect("a format");
    let escaped = r#"{"r":"GET /\"\\","s":400,"t":,"u":"\\\""}"#;
    let want = [
        (Request, r#"GET /\"\\"#),
        (Status, "400"),
        (UpstreamResponseTime, ""),
    ];
    check(&json, escaped, &want);
    let line = r#"{"r":"GET /","s":200,"t":x","s":400,"t":0.1, 0.2,"u":"a"b"}"#;
    let want = [
        (Request, r#"GET /","s":200,"t":x"#),
        (Status, "400"),
        (UpstreamResponseTime, "0.1, 0.2"),
    ];
    check(&none, line, &want);
    check_misfit(&json, line, Misfit::Literal(3));
    let forged = r#"{"r":"GET /","s":200,"t":1,"u":"","s":400,"t":0.1,"u":"a"}"#;
    check_misfit(&none, forged, Misfit::Ambiguous);
}

/// Several variables tell the same: the best is taken.
#[test]
fn the_best_variable_tells() {
    let format = format(
        "$time_local $body_bytes_sent $uri $http_host $msec $time_iso8601 $bytes_sent $request_uri $host",
    );
    let line = "20/Nov/2026:11:29:47 +0000 1 /index.php www.example 1795174187.538 2026-11-20T11:29:47+00:00 2 / a.example";
    check(
        &format,
        line,
        &[
            (Time, "1795174187.538"),
            (BytesSent, "2"),
            (Uri, "/"),
            (Host, "a.example"),
        ],
    );
    let format = builtin("gitlab_access");
    let line = "1.2.3.4 - - [20/Nov/2026:11:29:47 +0000] \"GET /a b?c=[FILTERED] HTTP/1.1\" 200 1 \"\" \"curl\" 2.10";
    check(
        &format,
        line,
        &[(Method, "GET"), (Uri, "/a b?c=[FILTERED]"), (Status, "200")],
    );
}

#[test]
fn misfits_say_where_and_what() {
    let format = builtin("combined");
    let whole =
        "1.2.3.4 - - [20/Nov/2026:11:29:47 +0000] \"GET / HTTP/1.1\" 200 157 \"-\" \"curl\"";
    assert_eq!(format.mismatch(whole.as_bytes()), None);
    for (line, at_byte, expected) in [
        (
            whole.replace("200", "2x0"),
            58,
            "a status of three digits for `$status`",
        ),
        (
            whole.replace("200 157", "200157"),
            61,
            "` ` behind `$status`",
        ),
        (
            whole.replace("+0000", "UTC"),
            10,
            "` [` behind `$remote_user`",
        ),
        (format!("{whole} 0.001"), whole.len(), "the end of the line"),
        (whole[..70].to_owned(), 68, "`\" \"` behind `$http_referer`"),
        (String::new(), 0, "` - ` behind `$remote_addr`"),
    ] {
        let found = format.mismatch(line.as_bytes()).expect("a misfit");
        assert_eq!(
            (found.at_byte, &*found.expected),
            (at_byte, expected),
            "{line}"
        );
    }
}

/// What is not wanted is not kept, and changes nothing.
#[test]
fn only_what_is_wanted_is_kept() {
    for row in rows() {
        let mut all = AccessLine::default();
        assert_eq!(
            row.format.cutter(FieldSet::ALL).cut(&row.line, &mut all),
            Ok(())
        );
        for field in Field::ALL {
            let stale = Some(&b"stale"[..]);
            let mut out = AccessLine::default();
            Field::ALL
                .into_iter()
                .for_each(|field| out.set(field, stale));
            let wanted = FieldSet::default().with(field);
            assert_eq!(row.format.cutter(wanted).cut(&row.line, &mut out), Ok(()));
            for other in Field::ALL {
                let want = if other == field {
                    all.get(field)
                } else {
                    stale
                };
                assert_eq!(out.get(other), want, "{} {other:?}", row.id);
            }
        }
    }
}

#[test]
fn names_of_known_formats_find_them() {
    for row in BUILTINS {
        let bodies: Vec<_> = named(row.name)
            .iter()
            .map(|format| format.body().to_vec())
            .collect();
        assert!(
            bodies.contains(&row.body.as_bytes().to_vec()),
            "{}",
            row.name
        );
    }
}
