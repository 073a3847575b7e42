//! `--redact`, held to planted secrets: logs with something unique in every field that a client, or an application, writes; then every
//! command, every form, every table. None of it may be in any output, in any spelling; and all of it is there without `--redact`.

use crate::{
    readback,
    support::{Rows, run, run_with_input, status, stderr, stdout},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{collections::BTreeSet, fs, path::Path};

/// What must not get out. All are looked for in any case of letters.
const PLANTED: &[&str] = &[
    "203.0.113.77",
    "203.0.113.78",
    "203.0.113.79",
    "2001:db8:77:5ec::e7",
    "2001:db8:77:5ec::e8",
    "tokplantedquery",
    "tokplantedreferrer",
    "tokplantedbare",
    "plantedq9x7z3k5w1",
    "4a5f6e7d8c9b0a1f2e3d",
    "jane.planted",
    "janeplanted",
    "hunter2planted",
    "4111111111111111",
    "49915112345678",
    "plantedcookie",
    "amFuZTpwbGFudGVk",
    "plantedagent",
    "plantedbody",
    "plantedlua",
    "plantedstderr",
    "plantedtrace",
    "plantedforged",
    "plantedunknown",
    "plantedjunk",
    "plantedrequestid",
    "plantedmethod",
    "plantedcut",
    "plantedinvalid",
    "plantedrefused",
    "plantedfile",
    "plantedconfpass",
    "plantedconfquery",
    "plantedconfvalue",
    "plantedconfroute9x7z3k5w1",
    "plantedconfkey",
    "plantedconfregex",
    "plantedaudit",
    "plantedsyscall",
];

const UPSTREAM: &str = "10.0.0.5:8080";

/// The name of a server, which is an expression.
const SERVER: &str = "~^(www\\.)?plantedconfregex(.+)$";

/// A denial that the failures of [`UPSTREAM`] go with.
const AUDIT: &str = "type=AVC msg=audit(1795173790.358:1081): avc:  denied  { name_connect } for  pid=7 comm=\"nginx plantedaudit@host\" dest=8080 scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:http_cache_port_t:s0 tclass=tcp_socket permissive=0\n\
    type=SYSCALL msg=audit(1795173790.358:1081): arch=c000003e syscall=42 success=no exit=-13 exe=\"/home/plantedsyscall/nginx\"\n";

fn error_log() -> String {
    let head = |n: usize| format!("2026/11/20 11:23:{:02} [error] 7#7: *{n} ", n % 60);
    let tail = |client: &str, request: &str| {
        format!(
            ", client: {client}, server: shop.example, request: \"{request}\", upstream: \"http://{UPSTREAM}/items/4a5f6e7d8c9b0a1f2e3d?t=tokplantedquery\", host: \"shop.example\", referrer: \"https://jane:hunter2planted@other.example/u/jane.planted@mail.example?r=tokplantedreferrer\"\n"
        )
    };
    let refused = "connect() failed (111: Connection refused) while connecting to upstream";
    let get = "GET /reset/plantedq9x7z3k5w1?token=tokplantedquery&tokplantedbare HTTP/1.1";
    let mut text = String::new();
    for n in 0..40 {
        text.push_str(&head(n));
        text.push_str(refused);
        text.push_str(&tail("203.0.113.77", get));
    }
    let mut add = |message: &str, client: &str, request: &str| {
        let n = 40 + text.len() % 19;
        text.push_str(&head(n));
        text.push_str(message);
        text.push_str(&tail(client, request));
    };
    add(
        refused,
        "2001:db8:77:5ec::e7",
        "plantedmethod /users/jane.planted%40mail.example HTTP/1.1",
    );
    add(
        "user \"janeplanted\": password mismatch",
        "203.0.113.78",
        get,
    );
    add(
        "open() \"/srv/files/plantedfile-4111111111111111/x\" failed (2: No such file or directory)",
        "203.0.113.78",
        get,
    );
    add(
        "[lua] auth.lua:12: plantedlua hunter2planted for jane.planted@mail.example, call 49915112345678",
        "203.0.113.78",
        get,
    );
    add(
        "FastCGI sent in stderr: \"PHP message: plantedstderr \"4111111111111111\" of jane.planted@mail.example\n#0 plantedtrace\n  thrown\" while reading response header from upstream",
        "203.0.113.78",
        get,
    );
    add(
        "upstream sent invalid header: \"X-Token: plantedinvalid\\x0d...\" while reading response header from upstream",
        "203.0.113.78",
        get,
    );
    add(
        "an extension says plantedunknown about 2001:db8:77:5ec::e8 and 203.0.113.79",
        "203.0.113.78",
        get,
    );
    add(
        "client sent invalid header line: \"Cookie: sid=plantedcookie\" while reading client request headers",
        "203.0.113.78",
        get,
    );
    // A file name with a newline in it, and a record of the client's own behind that.
    add(
        &format!(
            "open() \"/srv/a\n{}{refused}, client: 203.0.113.79, server: s, request: \"GET /?x=plantedforged HTTP/1.1\", upstream: \"http://10.9.9.9:80/\", host: \"h\nb\" failed (2: No such file or directory)",
            head(1)
        ),
        "203.0.113.78",
        get,
    );
    // What findings quote in what they advise: names out of the configuration.
    text.push_str(&format!(
        "2026/11/20 11:23:09 [warn] 7#7: conflicting server name \"{SERVER}\" on 0.0.0.0:80, ignored\n"
    ));
    for n in 0..9 {
        text.push_str(&head(n));
        text.push_str(&format!(
            "connect() to {UPSTREAM} failed (13: Permission denied) while connecting to upstream"
        ));
        text.push_str(&tail("203.0.113.77", get));
    }
    // Cut at 2,048 bytes.
    let long = format!(
        "{}{refused}, client: 203.0.113.79, server: shop.example, request: \"GET /a?q=plantedcut{}",
        head(59),
        "plantedcut".repeat(300)
    );
    text.push_str(&long[..2047]);
    text.push_str("\nplantedjunk 203.0.113.79 wrote this line\n");
    text
}

fn access_log() -> String {
    let line = |client: &str, n: usize| {
        format!(
            "{client} - janeplanted [20/Nov/2026:11:23:{:02} +0000] \"GET /reset/plantedq9x7z3k5w1?token=tokplantedquery&tokplantedbare HTTP/1.1\" 502 157 \"https://other.example/u/jane.planted@mail.example?r=tokplantedreferrer\" \"plantedagent/1.0 (jane.planted@mail.example)\"\n",
            n % 60
        )
    };
    let clients = ["203.0.113.77", "2001:db8:77:5ec::e7", "203.0.113.79"];
    (0..60).map(|n| line(clients[n % 3], n)).collect()
}

fn json_log() -> String {
    let line = |n: usize| {
        format!(
            "{{\"time\":\"2026-11-20T11:23:{:02}+00:00\",\"remote_addr\":\"2001:db8:77:5ec::e8\",\"request\":\"GET /api/jane.planted@mail.example?token=tokplantedquery HTTP/1.1\",\"status\":\"504\",\"request_time\":\"60.001\",\"upstream_addr\":\"{UPSTREAM}\",\"upstream_status\":\"504\",\"upstream_response_time\":\"60.001\",\"http_x_forwarded_for\":\"203.0.113.78, 203.0.113.79\",\"http_cookie\":\"sid=plantedcookie\",\"http_authorization\":\"Basic amFuZTpwbGFudGVk\",\"request_body\":\"card=4111111111111111&plantedbody\",\"remote_user\":\"janeplanted\"}}\n",
            n % 60
        )
    };
    (0..60).map(line).collect()
}

/// The default of ingress-nginx.
fn ingress_log() -> String {
    let line = |n: usize| {
        format!(
            "203.0.113.78 - janeplanted [20/Nov/2026:11:23:{:02} +0000] \"POST /pay/4111111111111111?t=tokplantedquery HTTP/1.1\" 503 190 \"https://other.example/?r=tokplantedreferrer\" \"plantedagent/2\" 512 0.003 [default-shop-80] [] {UPSTREAM} 0 0.003 503 plantedrequestid{n}\n",
            n % 60
        )
    };
    (0..60).map(line).collect()
}

/// A log of requests in no format that is known.
fn refused_log() -> String {
    let line = |n: usize| match n % 3 {
        0 => format!(
            "[20/Nov/2026:11:23:10 +0000] plantedrefused {n} 203.0.113.79 \"GET /?t=tokplantedquery HTTP/1.1\" =>\n"
        ),
        1 => format!(
            "[20/Nov/2026:11:23:10 +0000] \"GET /?plantedrefused HTTP/1.1\" jane.planted {n}\n"
        ),
        _ => format!("{n} [20/Nov/2026:11:23:10 +0000] \"plantedrefused\"\n"),
    };
    (0..90).map(line).collect()
}

fn docker_log() -> String {
    let error = error_log();
    let lines = error.lines().take(50).map(|line| {
        let log = line.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "{{\"log\":\"{log}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T11:23:10.0Z\"}}\n"
        )
    });
    lines.collect()
}

/// What stands in a configuration where findings quote it.
const CONFIG: &str = "worker_processes 1;\nevents { worker_connections plantedconfvalue; }\nhttp {\n\
    proxy_set_header X-Api-Key plantedconfkey; proxy_set_header Host $host;\n\
    server { server_name ~^(www\\.)?plantedconfregex(.+)$; listen 80; }\n\
    server { server_name ~^(www\\.)?plantedconfregex(.+)$; listen 80; }\n\
    upstream app { server 10.0.0.5:8080; }\n\
    server {\n listen 80; server_name shop.example;\n\
    location /reset/plantedconfroute9x7z3k5w1/ {\n\
    proxy_set_header Authorization \"Basic plantedconfvalue\"; proxy_set_header Upgrade $http_upgrade;\n\
    proxy_pass http://jane:plantedconfpass@app/x?tok=plantedconfquery; proxy_read_timeout plantedconfvalue; }\n }\n}\n";

const LOGS: [&str; 7] = [
    "error.log",
    "audit.log",
    "access.log",
    "json.log",
    "ingress.log",
    "refused.log",
    "docker-json.log",
];

fn plant(directory: &Path) {
    for (name, text) in [
        ("error.log", error_log()),
        ("audit.log", AUDIT.to_owned()),
        ("access.log", access_log()),
        ("json.log", json_log()),
        ("ingress.log", ingress_log()),
        ("refused.log", refused_log()),
        ("docker-json.log", docker_log()),
    ] {
        fs::write(directory.join(name), text).expect("written");
    }
    fs::write(directory.join("gateway.conf"), CONFIG).expect("written");
}

/// What was written under a name, bytes of files and both streams of the program.
type Outputs = Vec<(String, Vec<u8>)>;

/// All that the program can write about the logs.
fn outputs(directory: &Path, flags: &[&str]) -> Outputs {
    let mut outputs = Outputs::new();
    let mut go = |name: &str, arguments: &[&str], input: Option<&[u8]>| {
        let arguments = [arguments, flags].concat();
        let output = match input {
            Some(input) => run_with_input(directory, &arguments, input),
            None => run(directory, &arguments),
        };
        let is_worse = name.starts_with("compare") && status(&output) == 4;
        assert!(
            status(&output) <= 1 || is_worse,
            "{name}: {}",
            stderr(&output)
        );
        outputs.push((format!("{name}: stdout"), output.stdout.clone()));
        outputs.push((format!("{name}: stderr"), output.stderr.clone()));
        output
    };
    let logs = &LOGS[..];
    let config = &["--nginx-config", "gateway.conf"][..];
    go(
        "report",
        &[&["report", "-v", "--top", "100"], config, logs].concat(),
        None,
    );
    for form in ["txt", "html", "md", "json"] {
        let file = format!("out.{form}");
        go(
            form,
            &[
                &["report", "--force", "--top", "100", "-o", &file],
                config,
                logs,
            ]
            .concat(),
            None,
        );
    }
    let formats: &[&str] = match cfg!(feature = "polars") {
        true => &["csv", "jsonl", "parquet", "arrow"],
        false => &["csv", "jsonl"],
    };
    for format in formats {
        let to = format!("{format}/");
        go(
            format,
            &[
                &[
                    "export",
                    "-v",
                    "--force",
                    "--all-requests",
                    "-o",
                    &to,
                    "--format",
                    format,
                ],
                config,
                logs,
            ]
            .concat(),
            None,
        );
    }
    // Places are the same with and without --redact.
    let mut ids = String::new();
    for table in ["events", "requests"] {
        let rows = run(
            directory,
            &[&["export", "-q", "--all-requests", "--table", table], logs].concat(),
        );
        let rows = Rows::parse(&stdout(&rows));
        for row in 0..rows.len() {
            let get = |column| rows.get(row, column);
            ids.push_str(&format!(
                "{}:{}@{}\n",
                get("source"),
                get("line"),
                get("offset")
            ));
        }
    }
    ids.push_str("error.log:1\nerror.log:60\naudit.log:1\naudit.log:2\n");
    let n_lines = error_log().lines().count();
    ids.push_str(&format!("error.log:{n_lines}\n"));
    go(
        "evidence",
        &[&["evidence", "-", "-C", "2"], logs].concat(),
        Some(ids.as_bytes()),
    );
    go(
        "evidence --raw",
        &[&["evidence", "-", "--raw"], logs].concat(),
        Some(ids.as_bytes()),
    );
    let incidents = run(
        directory,
        &[&["export", "-q", "--table", "incidents"], logs].concat(),
    );
    let incidents = Rows::parse(&stdout(&incidents));
    for row in 0..incidents.len() {
        let id = incidents.get(row, "id");
        go(
            "evidence of an incident",
            &[&["evidence", id], logs].concat(),
            None,
        );
    }
    for line in error_log().lines().filter(|line| line.starts_with("2026")) {
        go("explain", &["explain", line], None);
    }
    for file in ["-", "compare.md", "compare.html", "compare.json"] {
        let name = format!("compare to {file}");
        let before = ["compare", "-v", "--force", "-o", file, "error.log"];
        let after = ["--after", "docker-json.log", "access.log", "refused.log"];
        go(&name, &[&before[..], &after].concat(), None);
    }
    let files = [
        "out.txt",
        "out.html",
        "out.md",
        "out.json",
        "compare.md",
        "compare.html",
        "compare.json",
    ]
    .map(|name| directory.join(name));
    let tables = formats
        .iter()
        .flat_map(|format| fs::read_dir(directory.join(format)).expect("written"));
    let tables = tables.map(|entry| entry.expect("an entry").path());
    for path in files.into_iter().chain(tables) {
        let bytes = fs::read(&path).expect("written");
        let name = path.display().to_string();
        // Columns are compressed: what stands in them, another reader tells.
        if name.ends_with(".parquet") || name.ends_with(".arrow") {
            let text = readback::text_of(&path);
            outputs.extend(text.map(|text| (format!("{name}, read back"), text.into_bytes())));
        }
        outputs.push((name, bytes));
    }
    outputs
}

/// `text` in small letters, as it stands and with each kind of escape undone.
fn spellings(text: &[u8]) -> Vec<String> {
    let plain = String::from_utf8_lossy(text).to_lowercase();
    let undone = |mark: &str| {
        let mut parts = plain.split(mark);
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let byte = part
                .get(..2)
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            match byte {
                Some(byte) => {
                    text.push(byte as char);
                    text.push_str(&part[2..]);
                }
                None => {
                    text.push_str(mark);
                    text.push_str(part);
                }
            }
        }
        text.to_lowercase()
    };
    vec![
        undone("%"),
        undone("\\x"),
        undone("\\u00"),
        undone("&#x"),
        plain,
    ]
}

fn found_in<'a>(outputs: &Outputs) -> BTreeSet<(&'a str, String)> {
    let mut found = BTreeSet::new();
    for (name, bytes) in outputs {
        let spellings = spellings(bytes);
        for needle in PLANTED {
            let base64 = STANDARD.encode(needle).trim_end_matches('=').to_lowercase();
            let needles = [needle.to_lowercase(), base64];
            let is_there = |text: &String| needles.iter().any(|needle| text.contains(needle));
            if spellings.iter().any(is_there) {
                found.insert((*needle, name.clone()));
            }
        }
    }
    found
}

#[test]
fn nothing_planted_is_in_any_output() {
    let directory = tempfile::tempdir().expect("a directory");
    plant(directory.path());
    // So that the test can fail.
    let open = found_in(&outputs(directory.path(), &[]));
    let seen: BTreeSet<&str> = open.iter().map(|(needle, _)| *needle).collect();
    let unseen: Vec<_> = PLANTED
        .iter()
        .filter(|needle| !seen.contains(**needle))
        .collect();
    assert!(unseen.is_empty(), "planted, and never shown: {unseen:?}");
    let hidden = outputs(directory.path(), &["--redact"]);
    let n_read_back = |format: &str| {
        let end = format!(".{format}, read back");
        hidden
            .iter()
            .filter(|(name, _)| name.ends_with(&end))
            .count()
    };
    for format in ["parquet", "arrow"]
        .into_iter()
        .filter(|format| n_read_back(format) > 0)
    {
        let is_of = |(_, name): &(&str, String)| name.ends_with(&format!(".{format}, read back"));
        assert!(
            open.iter().any(is_of),
            "nothing planted is seen in {format} even without --redact"
        );
    }
    let found = found_in(&hidden);
    assert!(found.is_empty(), "{found:#?}");
    let all: Vec<u8> = hidden.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let all = String::from_utf8_lossy(&all);
    for kept in [
        UPSTREAM,
        "shop.example",
        "client-",
        "/reset/*?token=*",
        "Connection refused",
        "error.log:1@0",
    ] {
        assert!(all.contains(kept), "{kept} is of use and gone");
    }
}

/// The table as CSV.
fn table(directory: &Path, name: &str, flags: &[&str]) -> String {
    let arguments = [&["export", "-q", "--table", name][..], &LOGS, flags].concat();
    stdout(&run(directory, &arguments))
}

#[test]
fn counts_stay_and_a_key_makes_pseudonyms_that_last() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    plant(here);
    for name in ["failures", "traffic", "incidents"] {
        assert_eq!(
            table(here, name, &["--redact"]),
            table(here, name, &[]),
            "{name}"
        );
    }
    fs::write(here.join("a.key"), "0123456789abcdef0123456789abcdef\n").expect("written");
    fs::write(here.join("b.key"), "another key of more than sixteen bytes").expect("written");
    fs::write(here.join("short.key"), "short\n").expect("written");
    let with = |key: &str| table(here, "events", &["--redact-key", key]);
    assert_eq!(with("a.key"), with("a.key"));
    assert_ne!(with("a.key"), with("b.key"));
    let fresh = || table(here, "events", &["--redact"]);
    assert_ne!(fresh(), fresh());
    let clients = |text: &str| {
        let rows = Rows::parse(text);
        let clients = (0..rows.len()).map(|row| rows.get(row, "client").to_owned());
        clients.collect::<BTreeSet<String>>()
    };
    let open = clients(&table(here, "events", &[]));
    assert_eq!(clients(&with("a.key")).len(), open.len());
    // The same client has the same pseudonym in every command.
    let report = run(
        here,
        &[&["--redact-key", "a.key", "--top", "100"][..], &LOGS].concat(),
    );
    let report = stdout(&report);
    let requests = clients(&table(here, "requests", &["--redact-key", "a.key"]));
    assert!(
        requests.iter().all(|client| report.contains(client)),
        "{requests:?}\n{report}"
    );
    let refused = run(here, &["error.log", "--redact-key", "short.key"]);
    assert_eq!(status(&refused), 2);
    assert!(stderr(&refused).contains("a key has 16 bytes at least"));
    assert_eq!(
        status(&run(here, &["error.log", "--redact-key", "no.key"])),
        2
    );
}
