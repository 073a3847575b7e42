//! Forged lines: attacks on a real nginx, mixed with true failures, and what must be told of its log.
//!
//! The table is [`attacks`]. The truth is known because this test asks nginx itself: every forged head carries the connection
//! [`MARK`], every other forged line begins with `~`, and true failures are those of one closed port. What a run leaves is kept in
//! `tests/data/forged-nginx.txt` for machines without nginx (`CORONER_BLESS=1` writes it anew).

use crate::{
    envelopes::{
        LINE_BY_LINE, SHORT, Wrapping, cri, docker, journal_export, lines, prefixed, two_pods,
    },
    every_path::{config, digest, placed, replay},
    packed::gzip,
    real_nginx::{Gateway, ONE_RUN, TempDir, fastcgi_answer, find_or_skip, worker_user},
    support::{Rows, root, run, run_with_input, stdout},
};
use coroner::{
    aggregate::LineClass,
    classify::Classifier,
    engine::{self, Scanned},
    event::{Basis, Severity},
    input,
};
use std::{
    fmt::Write as _,
    fs,
    io::{self, Read, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::PoisonError,
    time::Duration,
};

/// The connection of forged heads.
const MARK: &str = "*666666 ";

const HEAD: &str = "2026/11/20 10:00:00 [error] 1#1: *666666 ";
const TAIL: &str = ", client: 192.0.2.66, server: x, request: \"GET /f HTTP/1.1\", \
    upstream: \"http://192.0.2.66:80/f\", host: \"x\"";

/// A forged record of a failure.
fn failure() -> String {
    format!("{HEAD}connect() failed (111: Connection refused) while connecting to upstream{TAIL}")
}

/// One attack: what is asked, and the category of its own record.
struct Attack {
    name: String,
    request: Vec<u8>,
    own: &'static str,
    /// True failures it makes itself.
    n_failures: u64,
}

impl Attack {
    /// Not all go into the corpus: many differ little.
    fn is_kept(&self) -> bool {
        let is_apart = memchr::memmem::find(&self.request, b"Host: apart").is_some();
        let is_one_of_many = |n: usize| !n.is_multiple_of(3);
        let number = self
            .name
            .rsplit([' ', '('])
            .find_map(|word| word.parse().ok());
        !(self.name.starts_with("cut at a newline") && number.is_some_and(is_one_of_many))
            && (!is_apart || ["plain", "own head last", "many slashes"].contains(&&*self.name))
    }
}

/// A URI that nginx decodes to `path`.
fn encode(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'\n' | b'\r' | b' ' | b'"' | b'%' | b'?' | b'#' | 0x80.. => {
                write!(uri, "%{byte:02X}").expect("memory");
            }
            _ => uri.push(char::from(byte)),
        }
    }
    uri
}

fn request(line: &str, host: &str, more: &str) -> Vec<u8> {
    format!("{line}\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n").into_bytes()
}

/// All attacks, by name.
fn attacks() -> Vec<Attack> {
    let f = failure();
    let gone = " failed (2: No such file or directory), client: 192.0.2.66, server: x, \
        request: \"GET /s/a HTTP/1.1\", host: \"x\"";
    let full = gone.replace("2: No such file or directory", "24: Too many open files");
    let with_upstream = full.replace(
        "HTTP/1.1\"",
        "HTTP/1.1\", upstream: \"http://192.0.2.66:80/\"",
    );
    let alert = "2026/11/20 10:00:00 [alert] 1#1: *666666 worker process 7 exited on signal 9";
    let live = format!("{HEAD}no live upstreams while connecting to upstream{TAIL}");
    let stderr = format!(
        "{HEAD}FastCGI sent in stderr: \"x\" while reading response header from upstream{TAIL}"
    );
    let now = f.replace("2026/11/20", "2026/11/27");
    let open = format!("{HEAD}open() \"/www/x");
    let pad = |n: usize| "x".repeat(n);
    // Paths, with what the own record is.
    let mut paths: Vec<(String, String, &'static str)> = Vec::new();
    let mut path = |name: &str, path: String, own| paths.push((name.to_owned(), path, own));
    path("plain", format!("/s/a\n{f}\n"), "static-file");
    path("own head last", format!("/s/a\n{f}"), "static-file");
    path("two records", format!("/s/a\n{f}\n{live}\n"), "static-file");
    path("text behind", format!("/s/a\n{f}\nz"), "static-file");
    path(
        "no record at all",
        "/s/a\n~hello\nz".to_owned(),
        "static-file",
    );
    path(
        "record and junk",
        format!("/s/a\n~hello\n{f}\n~you\n"),
        "static-file",
    );
    path("blank lines", format!("/s/a\n\n{f}\n\n\n"), "static-file");
    path("CR LF", format!("/s/a\r\n{f}\r\n"), "static-file");
    path(
        "CR LF, own head last",
        format!("/s/a\r\n{f}\r\n{live}"),
        "static-file",
    );
    path("dots before", format!("/s/./x/../a\n{f}\n"), "static-file");
    path(
        "dots within",
        format!("/s/a\n{}\n", f.replace("/f", "/./q/../f")),
        "static-file",
    );
    path(
        "dots over a newline",
        format!("/s/a\n~gone/../b\n{f}\n"),
        "static-file",
    );
    path(
        "many slashes",
        format!("/s/a\n{}\n", f.replace("/f", "////f")),
        "static-file",
    );
    path(
        "percent signs",
        format!("/s/a%41\n{}\n", f.replace("/f", "/%2541")),
        "static-file",
    );
    path(
        "whole first line",
        format!("/s/a\"{gone}\n{f}\nz"),
        "static-file",
    );
    path(
        "whole first line, failing",
        format!("/s/a\"{full}\n{f}\nz"),
        "static-file",
    );
    path(
        "whole first line, head last",
        format!("/s/a\"{gone}\n{f}\n{f}"),
        "static-file",
    );
    path(
        "whole lines only",
        format!("/s/a\"{with_upstream}\n{f}"),
        "static-file",
    );
    path("one line", format!("/s/a\"{with_upstream}"), "static-file");
    path(
        "one line, no host",
        format!("/s/a\"{}", full.replace(", host: \"x\"", "")),
        "static-file",
    );
    path(
        "client in the first",
        format!("/s/a, client: 192.0.2.66, server: x\n{f}\n"),
        "static-file",
    );
    path(
        "upstream in the last",
        format!("/s/a\n{f}\nz\"{with_upstream}"),
        "static-file",
    );
    path("quotes", format!("/s/a\"b\"c\n{f}\n\"d"), "static-file");
    path("of today", format!("/s/a\n{now}\n"), "static-file");
    path("a crash", format!("/s/a\n{alert}\n"), "static-file");
    path("stderr", format!("/s/a\n{stderr}\n"), "static-file");
    path(
        "an open one within",
        format!("/s/a\n{f}\n{open}\n{f}\n"),
        "static-file",
    );
    path(
        "a file, not a directory",
        format!("/s/file/a\n{f}\n"),
        "static-file",
    );
    path("an alias", format!("/al/a\n{f}\n/b"), "static-file");
    path("an index", format!("/idx/a\n{f}\n/"), "static-file");
    path(
        "an index, head last",
        format!("/idx/a\n{f}/"),
        "static-file",
    );
    path("rewritten", format!("/rw/a\n{f}\n"), "static-file");
    path(
        "rewritten, in part",
        format!("/part/a\n{f}\nz/end"),
        "static-file",
    );
    path(
        "rewritten, in part, whole first line",
        format!("/part/a\"{gone}\n{f}\n{f}/end"),
        "static-file",
    );
    path(
        "rewritten, in part, head last",
        format!("/part/a\n{f}\n{f}/end"),
        "static-file",
    );
    path("a cycle", format!("/cyc/a\n{f}\nb"), "config");
    path("cut", format!("/s/a\n{f}\n+{}", pad(1_800)), "static-file");
    path(
        "cut, many",
        format!("/s/a\n{}", format!("{f}\n").repeat(9)),
        "static-file",
    );
    path(
        "cut, whole first line",
        format!("/s/a\"{gone}\n{f}\n+{}", pad(1_800)),
        "static-file",
    );
    path(
        "cut in a head",
        format!("/s/a\n~{}\n{}", pad(1_300), format!("{f}\n").repeat(5)),
        "static-file",
    );
    for n in [1_480, 1_520, 1_560, 1_600, 1_640] {
        let name = format!("cut behind {n}");
        path(&name, format!("/s/a\n{f}\n~{}\n", pad(n)), "static-file");
        let name = format!("cut behind {n}, whole first line");
        path(
            &name,
            format!("/s/a\"{gone}\n{f}\n~{}\n", pad(n - 110)),
            "static-file",
        );
    }
    // The newline comes to stand at the very end, before it or behind it.
    for n in 1_682..1_700 {
        path(
            &format!("cut at a newline, {n} "),
            format!("/cyc/a\n{f}\n~{}\nzz", pad(n)),
            "config",
        );
    }
    let mut attacks = Vec::new();
    for (name, path, own) in paths {
        let line = format!("GET {} HTTP/1.1", encode(&path));
        attacks.push(Attack {
            request: request(&line, "merged", ""),
            name: format!("{name} (slashes merged)"),
            own,
            n_failures: 0,
        });
        if own == "static-file" && !name.starts_with("cut") {
            attacks.push(Attack {
                request: request(&line, "apart", ""),
                name,
                own,
                n_failures: 0,
            });
        }
    }
    let mut attack = |name: &str, request, own, n_failures| {
        attacks.push(Attack {
            name: name.to_owned(),
            request,
            own,
            n_failures,
        });
    };
    let uri = encode(&format!("/s/a\n{f}\n"));
    let lower = format!("GET {} HTTP/1.1", uri.replace("%0A", "%0a"));
    attack(
        "lower case",
        request(&lower, "merged", ""),
        "static-file",
        0,
    );
    let all: String = format!("/s/a\n{f}\n")
        .bytes()
        .fold(String::from("/"), |uri, byte| uri + &format!("%{byte:02x}"));
    attack(
        "all encoded",
        request(&format!("GET {all} HTTP/1.1"), "merged", ""),
        "static-file",
        0,
    );
    let query = format!("GET {uri}?x=%0Ay HTTP/1.1");
    attack("a query", request(&query, "merged", ""), "static-file", 0);
    let absolute = format!("GET http://merged{uri} HTTP/1.1");
    attack(
        "absolute",
        request(&absolute, "merged", ""),
        "static-file",
        0,
    );
    let head = format!("HEAD {uri} HTTP/1.1");
    attack("HEAD", request(&head, "merged", ""), "static-file", 0);
    let old = format!("GET {uri} HTTP/1.0\r\n\r\n").into_bytes();
    attack("no host", old, "static-file", 0);
    let line = format!("GET {uri} HTTP/1.1");
    let referer = format!("Referer: x\", request: \"GET /%0A HTTP/1.1\"{TAIL}\r\n");
    attack(
        "a referrer, too",
        request(&line, "merged", &referer),
        "static-file",
        0,
    );
    // Not through newlines: the referrer must not make others disappear.
    let referer = "Referer: \", client: 192.0.2.66, server: x, request: \"GET /%22%0A HTTP/1.1\r\n";
    attack(
        "a referrer on a true failure",
        request("GET /up/r HTTP/1.1", "merged", referer),
        "refused",
        1,
    );
    attack(
        "a referrer on a missing file",
        request("GET /s/r HTTP/1.1", "merged", referer),
        "static-file",
        0,
    );
    // Captures go to the upstream decoded.
    for (name, path) in [
        ("upstream", format!("/cap/a\n{f}\n")),
        ("upstream, text behind", format!("/cap/a\n~hello\n{f}\nz")),
        (
            "upstream, whole first line",
            format!("/cap/a\", host: \"x\"\n{f}\n"),
        ),
        ("upstream, not decoded", format!("/up/a\n{f}\n")),
    ] {
        let line = format!("GET {} HTTP/1.1", encode(&path));
        attack(name, request(&line, "merged", ""), "refused", 1);
    }
    for name in STDERR.map(|(name, _)| name) {
        let line = format!("GET /fcgi?{name} HTTP/1.1");
        attack(name, request(&line, "merged", ""), "app-stderr", 0);
    }
    attacks
}

/// What the application writes to its stderr, by the query.
const STDERR: [(&str, &str); 4] = [
    (
        "trace",
        "PHP message: x\nStack trace:\n#0 {main}\n  thrown in /a.php",
    ),
    ("lines", "PHP message: x\nFORGED\nFORGED\n"),
    (
        "lines-in-trace",
        "PHP message: x\nStack trace:\nFORGED\n#0 {main}",
    ),
    (
        "last",
        "PHP message: x\nHEADconnect() failed (111: Connection refused) while connecting to upstream",
    ),
];

fn nginx_config(dir: &Path, port: u16, closed: &str, fastcgi: &str, level: &str) -> String {
    let user = worker_user(dir).map_or(String::new(), |user| format!("user {user};\n"));
    let dir = dir.display();
    let server = |name: &str, merges: &str| {
        format!(
            r"server {{ listen 127.0.0.1:{port}; server_name {name}; merge_slashes {merges}; root {dir}/www;
  location /up/ {{ proxy_pass http://{closed}; }}
  location ~ ^/cap/([\s\S]*) {{ proxy_pass http://{closed}/$1; }}
  location /rw/ {{ rewrite (?s)^/rw/(.*)$ /s/$1 last; }}
  location /part/ {{ rewrite (?s)^/part/(.*)/end$ /s/$1 last; }}
  location /cyc/ {{ rewrite (?s)^(.*)$ $1 last; }}
  location /al/ {{ alias {dir}/www/s/; }}
  location /try/ {{ try_files $uri $uri/ /s$uri; }}
  location /set/ {{ set $a $uri; if ($a = x) {{ return 403; }} return 302 /y$a; }}
  location /fcgi {{ fastcgi_pass {fastcgi}; fastcgi_param QUERY_STRING $query_string; }} }}
"
        )
    };
    let (merged, apart) = (server("merged", "on"), server("apart", "off"));
    format!(
        r"{user}daemon off; master_process on; worker_processes 1;
pid {dir}/nginx.pid; lock_file {dir}/nginx.lock; error_log {dir}/error.log {level};
events {{ worker_connections 512; }}
http {{
 client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
 uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
 access_log off; large_client_header_buffers 4 16k;
 {merged} {apart} }}
"
    )
}

/// Sends `request`, and waits for the end of the answer: by then its records are written.
fn ask(port: u16, request: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(8)))?;
    stream.write_all(request)?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

/// An application that writes to stderr what the query asks for.
fn serve_fastcgi() -> String {
    let door = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let address = door.local_addr().expect("a bound socket").to_string();
    std::thread::spawn(move || {
        for mut stream in door.incoming().flatten() {
            let mut asked = [0; 4096];
            let n = stream.read(&mut asked).unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..n]);
            let known = STDERR.iter().rev().find(|(name, _)| asked.contains(name));
            let text = known.map_or("", |(_, text)| text);
            let text = text.replace("FORGED", &failure()).replace("HEAD", HEAD);
            let answer = fastcgi_answer(&text, "Content-Type: text/plain\r\n\r\nok");
            stream.write_all(&answer).ok();
        }
    });
    address
}

/// What a log holds, and what must be told of it.
#[derive(Debug, PartialEq, Eq)]
struct Truth {
    /// True failures, all of one upstream.
    n_failures: u64,
    /// Failures of others: none is true.
    n_believed: u64,
    /// Forged lines that look like records.
    n_forged: u64,
    /// Lines that are all somebody else's, or look like records.
    n_injected: u64,
    /// Records of other categories than failures, at least one of each.
    own: Vec<String>,
}

/// Counts what the test can know by its marks.
fn truth(log: &[u8], n_failures: u64, own: &[&str]) -> Truth {
    let lines: Vec<&[u8]> = log.split(|&byte| byte == b'\n').collect();
    let lines = &lines[..lines.len() - 1];
    let is_forged = |line: &&&[u8]| {
        is_head(line)
            && memchr::memmem::find(&line[..line.len().min(60)], MARK.as_bytes()).is_some()
    };
    let n_forged = lines.iter().filter(is_forged).count() as u64;
    // A line of the client's behind which his record goes on.
    let others = lines.windows(2).filter(|pair| {
        let is_his = pair[0].starts_with(b"~") || pair[0].is_empty() || pair[0] == b"\r";
        is_his && (!is_head(pair[1]) || is_forged(&&pair[1]))
    });
    Truth {
        n_failures,
        n_believed: 0,
        n_forged,
        n_injected: n_forged + others.count() as u64,
        own: own.iter().map(|&own| own.to_owned()).collect(),
    }
}

fn is_head(line: &[u8]) -> bool {
    line.len() > 20 && line[..4].iter().all(u8::is_ascii_digit) && line[4] == b'/'
}

fn scan(path: &Path, n_threads: usize, chunk_len: usize, classifier: &Classifier) -> Scanned {
    let (found, errors) = input::discover(&[path.to_owned()]);
    assert!(errors.is_empty());
    let config = config(n_threads, chunk_len);
    engine::scan(&found, classifier, &config, &Default::default())
}

/// What coroner tells of a log.
fn told(scanned: &Scanned, classifier: &Classifier, upstream: &str, own: &[String]) -> Truth {
    let rows = placed(scanned).rows;
    let failures = rows
        .iter()
        .filter(|row| row.kind.severity == Severity::Failure && row.kind.basis == Basis::ErrorLog);
    let mut n_failures = 0;
    let mut n_believed = 0;
    for row in failures {
        match row.upstream.as_deref() == Some(upstream.as_bytes()) {
            true => n_failures += row.n_events,
            false => n_believed += row.n_events,
        }
    }
    let has = |own: &&String| rows.iter().any(|row| row.kind.category.name() == **own);
    let events = replay(scanned, 1, 1 << 20, classifier);
    let n_injected_events = events.matches(" Injected ").count() as u64;
    let ledger = &scanned.ledgers[0];
    assert_eq!(scanned.aggregate.forged.n_lines, n_injected_events);
    assert_eq!(ledger.n_events, events.lines().count() as u64);
    assert_eq!(scanned.aggregate.n_doubtful, 0);
    Truth {
        n_failures,
        n_believed,
        n_forged: n_injected_events,
        n_injected: ledger.n_of(LineClass::Injected),
        own: own.iter().filter(has).cloned().collect(),
    }
}

/// Compares what is told of a log on every path with the truth.
fn check(
    dir: &Path,
    name: &str,
    log: &[u8],
    want: &Truth,
    upstream: &str,
    classifier: &Classifier,
) -> Vec<String> {
    let (plain, packed) = (dir.join("x.log"), dir.join("x.log.gz"));
    fs::write(&plain, log).expect("our own directory");
    fs::write(&packed, gzip(log)).expect("our own directory");
    let whole = scan(&plain, 1, 1 << 20, classifier);
    let mut complaints = Vec::new();
    let told = told(&whole, classifier, upstream, &want.own);
    if told != *want {
        let text = String::from_utf8_lossy(log);
        complaints.push(format!("{name}: {told:?}\n    instead of {want:?}\n{text}"));
    }
    let digest_of_whole = digest(&whole);
    for (path, n_threads, chunk_len) in [
        (&plain, 1, 1),
        (&plain, 3, 700),
        (&plain, 2, 4_096),
        (&packed, 2, 1),
    ] {
        if digest(&scan(path, n_threads, chunk_len, classifier)) != digest_of_whole {
            complaints.push(format!(
                "{name}: differs with {n_threads} threads and chunks of {chunk_len}, {path:?}"
            ));
        }
    }
    complaints
}

/// The directories that the configuration serves.
fn lay_out(dir: &Path) {
    for name in ["www/s", "www/idx"] {
        fs::create_dir_all(dir.join(name)).expect("our own directory");
    }
}

const FROZEN: &str = "tests/data/forged-nginx.txt";

#[test]
fn nothing_forged_through_a_real_nginx_is_believed() {
    let Some(nginx) = find_or_skip() else { return };
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let files = TempDir::create();
    let dir = &files.0;
    lay_out(dir);
    fs::write(dir.join("www/s/file"), "x").expect("our own directory");
    let (closed, fastcgi) = ("127.0.0.1:1", serve_fastcgi());
    let config = |port| nginx_config(dir, port, closed, &fastcgi, "info");
    let gateway = Gateway::start(&nginx, dir, config, None);
    let log_path = dir.join("error.log");
    let read = || fs::read(&log_path).expect("nginx made it");
    let fail = |port| ask(port, &request("GET /up/x HTTP/1.1", "merged", "")).expect("an answer");
    let classifier = Classifier::default();
    let (mut complaints, mut frozen) = (Vec::new(), Vec::new());
    let start = read().len();
    let mut all = Truth {
        n_failures: 0,
        n_believed: 0,
        n_forged: 0,
        n_injected: 0,
        own: vec![],
    };
    let attacks = attacks();
    assert!(attacks.len() >= 40);
    for attack in &attacks {
        let before = read().len();
        fail(gateway.port);
        ask(gateway.port, &attack.request).ok();
        fail(gateway.port);
        let log = read().split_off(before);
        let want = truth(&log, 2 + attack.n_failures, &[attack.own]);
        complaints.extend(check(dir, &attack.name, &log, &want, closed, &classifier));
        all.n_failures += want.n_failures;
        all.n_forged += want.n_forged;
        all.n_injected += want.n_injected;
        if attack.is_kept() {
            frozen.extend(freeze(attack, &want, &log));
        }
    }
    let log = read().split_off(start);
    complaints.extend(check(dir, "all", &log, &all, closed, &classifier));
    assert!(all.n_forged > 80);
    let n = complaints.len();
    complaints.truncate(12);
    assert!(
        complaints.is_empty(),
        "{n} of {}:\n{}",
        attacks.len(),
        complaints.join("\n")
    );
    bless(FROZEN, &frozen);
}

fn bless(path: &str, frozen: &[u8]) {
    if std::env::var_os("CORONER_BLESS").is_some() {
        fs::write(root().join(path), frozen).expect("our own tree");
    }
}

/// Attacks on a log of level debug, where some thirty messages of a request print its path.
fn debug_attacks() -> Vec<Attack> {
    let f = failure();
    let debug = f.replace("[error]", "[debug]");
    let mut paths: Vec<(String, &'static str)> = [
        format!("a\n{f}\nz"),
        // The first line looks whole, and so does each forged one.
        format!("a\"\n{f}"),
        format!("a\"\n{f}\n{debug}\n~hello\n{f}\nz"),
        format!("a?\"\r\n{f}\r\n"),
        format!("\n{f}\n\n{f}"),
        format!("a\n{}\nz", f.replace("/f", "/./q/..//f")),
        format!("a\n{}\nz", f.replace("/f", "/%41?%22#")),
        format!("a\n{}{}", format!("{f}\n").repeat(2), "x".repeat(1_500)),
        format!("a\n{}", format!("{f}\n").repeat(9)),
    ]
    .map(|path| (format!("/s/{path}"), "static-file"))
    .into();
    for (location, own) in [
        ("up", "refused"),
        ("cap", "refused"),
        ("rw", "static-file"),
        ("part", "static-file"),
        ("cyc", "config"),
        ("try", "static-file"),
        ("set", "other"),
        ("idx", "static-file"),
    ] {
        for path in [
            format!("a\"\n{f}\nz"),
            format!("a\n{f}"),
            format!("a\"\n{f}\n{f}/end"),
        ] {
            paths.push((format!("/{location}/{path}"), own));
        }
    }
    let attacks = paths.into_iter().zip(0..).map(|((path, own), n)| {
        let host = ["merged", "apart"][n % 2];
        let query = ["", "?z=%0Ay&\"q\""][n / 2 % 2];
        let line = format!("GET {}{query} HTTP/1.1", encode(&path));
        let location = path.split('/').nth(1).unwrap_or_default();
        Attack {
            name: format!("debug, {location} ({n})"),
            // A value that ends as if it were open, and one that looks like a request.
            request: request(
                &line,
                host,
                "X-A: \"\r\nReferer: \", request: \"GET /%0A\r\n",
            ),
            own,
            n_failures: u64::from(own == "refused"),
        }
    });
    attacks.collect()
}

const FROZEN_DEBUG: &str = "tests/data/forged-debug-nginx.txt";

#[test]
fn nothing_forged_at_level_debug_is_believed() {
    let Some(nginx) = find_or_skip() else { return };
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let files = TempDir::create();
    let dir = &files.0;
    lay_out(dir);
    let closed = "127.0.0.1:1";
    let config = |port| nginx_config(dir, port, closed, closed, "debug");
    let gateway = Gateway::start(&nginx, dir, config, None);
    let log_path = dir.join("error.log");
    let read = || fs::read(&log_path).expect("nginx made it");
    let start = read().len();
    let fail = |port| ask(port, &request("GET /up/x HTTP/1.1", "merged", "")).expect("an answer");
    fail(gateway.port);
    if memchr::memmem::find(&read(), b"[debug]").is_none() {
        eprintln!("SKIPPED level debug: this nginx was built without it");
        return;
    }
    let classifier = Classifier::default();
    let (mut complaints, mut frozen) = (Vec::new(), Vec::new());
    let (mut n_failures, mut n_forged, mut n_injected) = (1, 0, 0);
    for (n, attack) in debug_attacks().iter().enumerate() {
        let before = read().len();
        fail(gateway.port);
        ask(gateway.port, &attack.request).ok();
        fail(gateway.port);
        let log = without_bytes(&read().split_off(before));
        let want = truth_at_debug(&log, 2 + attack.n_failures, attack.own);
        complaints.extend(check(dir, &attack.name, &log, &want, closed, &classifier));
        n_failures += want.n_failures;
        n_forged += want.n_forged;
        n_injected += want.n_injected;
        if [1, 9].contains(&n) {
            frozen.extend(freeze(attack, &want, &log));
        }
    }
    // All of it: requests stand far from the records that print their paths.
    let log = read().split_off(start);
    let path = dir.join("all.log");
    fs::write(&path, &log).expect("our own directory");
    for chunk_len in [1 << 20, 5_000] {
        let scanned = scan(&path, 2, chunk_len, &classifier);
        let told = told(&scanned, &classifier, closed, &[]);
        let want = Truth {
            n_failures,
            n_forged,
            n_injected,
            ..truth_at_debug(b"", 0, "other")
        };
        let want = Truth {
            own: vec![],
            ..want
        };
        if told != want {
            complaints.push(format!(
                "all in chunks of {chunk_len}: {told:?}\n    instead of {want:?}"
            ));
        }
    }
    assert!(n_forged > 500);
    let n = complaints.len();
    complaints.truncate(3);
    assert!(complaints.is_empty(), "{n}:\n{}", complaints.join("\n"));
    bless(FROZEN_DEBUG, &frozen);
}

/// Records of level debug have no client: that of their connection is named.
#[test]
fn who_forged_at_level_debug_is_named() {
    let files = TempDir::create();
    let is_debug = |kept: &Kept| kept.name.starts_with("debug");
    for Kept { name, want, log } in kept().into_iter().filter(is_debug) {
        fs::write(files.0.join("error.log"), &log).expect("our own directory");
        let report = stdout(&run(&files.0, &["report", "error.log"]));
        let said = report.split_whitespace().collect::<Vec<_>>().join(" ");
        let senders = format!("sent by 127.0.0.1 ({});", want.n_forged);
        assert!(said.contains(&senders), "{name}: {senders}: {said}");
    }
}

/// What cannot be read twice cannot be looked through first: that is said.
#[test]
fn a_pipe_of_level_debug_is_said_to_be_believed() {
    let files = TempDir::create();
    let log = "2026/11/20 10:00:00 [debug] 7#7: *1 http request line: \"GET / HTTP/1.1\"\n";
    fs::write(files.0.join("error.log"), log).expect("our own directory");
    let said = "records of level debug are believed as they stand";
    let squeezed = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let piped = squeezed(stdout(&run_with_input(
        &files.0,
        &["report", "-"],
        log.as_bytes(),
    )));
    assert!(piped.contains(said), "{piped}");
    let file = squeezed(stdout(&run(&files.0, &["report", "error.log"])));
    assert!(!file.contains(said), "{file}");
}

/// In records of this level only lines that look like records are told to be somebody else's.
fn truth_at_debug(log: &[u8], n_failures: u64, own: &str) -> Truth {
    let is_forged = |line: &&[u8]| {
        is_head(line)
            && memchr::memmem::find(&line[..line.len().min(60)], MARK.as_bytes()).is_some()
    };
    let n_forged = lines(log).iter().filter(|line| is_forged(line)).count() as u64;
    let is_of_other = |record: &Vec<&[u8]>| {
        memchr::memmem::find(record[0], b" [debug] ").is_none_or(|at| at >= 30)
    };
    let n_inner: usize = records(log)
        .into_iter()
        .filter(is_of_other)
        .map(|record| {
            let inner = record.iter().skip(1).rev().skip(1);
            inner.filter(|line| !is_head(line)).count()
        })
        .sum();
    Truth {
        n_failures,
        n_believed: 0,
        n_forged,
        n_injected: n_forged + n_inner as u64,
        own: vec![own.to_owned()],
    }
}

/// A log of level debug without the records that nginx writes for each byte of a request, and of its memory.
fn without_bytes(log: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let is_of_bytes = |line: &[u8]| {
        let start = &line[..line.len().min(70)];
        let has = |text: &str| memchr::memmem::find(start, text.as_bytes()).is_some();
        line == b"'"
            || [" in:'", " posix_memalign", " malloc", " free", " epoll"]
                .into_iter()
                .any(has)
    };
    for line in lines(log).into_iter().filter(|line| !is_of_bytes(line)) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}

/// A log with its truth, as the frozen corpus has it: a line of numbers, then so many bytes.
fn freeze(attack: &Attack, want: &Truth, log: &[u8]) -> Vec<u8> {
    let Truth {
        n_failures,
        n_forged,
        n_injected,
        ..
    } = want;
    let (own, name) = (attack.own, &attack.name);
    let header = format!(
        "= {n_failures} {n_forged} {n_injected} {own} {} {name}\n",
        log.len()
    );
    [header.as_bytes(), log].concat()
}

/// One log of the frozen corpus.
struct Kept {
    name: String,
    want: Truth,
    log: Vec<u8>,
}

fn kept() -> Vec<Kept> {
    let read = |path| fs::read(root().join(path)).expect("bundled");
    let bytes = [read(FROZEN), read(FROZEN_DEBUG)].concat();
    let (mut rest, mut kept) = (&bytes[..], Vec::new());
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let header = std::str::from_utf8(&rest[..end]).expect("words and numbers");
        let mut words = header.splitn(7, ' ').skip(1);
        let mut word = || words.next().expect("a word");
        let number = |word: &str| word.parse::<u64>().expect("a number");
        let (n_failures, n_forged, n_injected) = (number(word()), number(word()), number(word()));
        let own = vec![word().to_owned()];
        let len = number(word()) as usize;
        let name = word().to_owned();
        let want = Truth {
            n_failures,
            n_believed: 0,
            n_forged,
            n_injected,
            own,
        };
        let log = rest[end + 1..end + 1 + len].to_vec();
        kept.push(Kept { name, want, log });
        rest = &rest[end + 1 + len..];
    }
    assert!(kept.len() >= 40);
    kept
}

#[test]
fn nothing_forged_in_kept_logs_is_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let classifier = Classifier::default();
    let mut complaints = Vec::new();
    for Kept { name, want, log } in kept() {
        complaints.extend(check(
            dir.path(),
            &name,
            &log,
            &want,
            "127.0.0.1:1",
            &classifier,
        ));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What a line is, looked at by its place: the same as in the table.
#[test]
fn evidence_of_forged_lines_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    for Kept { name, log, .. } in kept().into_iter().step_by(9) {
        let wrapped = [docker(&log, usize::MAX), journal_export(&log)];
        for (log, is_bare) in [(log, true)]
            .into_iter()
            .chain(wrapped.map(|log| (log, false)))
        {
            fs::write(dir.path().join("x.log"), &log).expect("our own directory");
            let events = run(dir.path(), &["export", "x.log", "--table", "events"]);
            let events = Rows::parse(&stdout(&events));
            for n in 0..events.len() {
                let get = |column| events.get(n, column);
                let place = format!("x.log:{}@{}", get("line"), get("offset"));
                let shown = run(dir.path(), &["evidence", &place, "x.log"]).stdout;
                let end = memchr::memchr(b'\n', &shown).expect("a heading");
                let heading = String::from_utf8_lossy(&shown[..end]);
                let (category, trust) = (get("category"), format!(", {} (", get("trust")));
                let is_same = heading.contains(category) && heading.contains(&trust);
                assert!(is_same, "{name}: {heading}: {category}{trust}");
                if is_bare && get("trust") != "injected" {
                    let offset = get("offset").parse().expect("a number");
                    let len = record_len(&log[offset..]);
                    let record = &log[offset..offset + len];
                    assert_eq!(shown[end + 1..], *record, "{name}: {place}");
                }
            }
        }
    }
}

/// Length of the record that `log` begins with, with all that is forged in it.
fn record_len(log: &[u8]) -> usize {
    let first = records(log).remove(0);
    first.iter().map(|line| line.len() + 1).sum()
}

/// The access lines of another stream, between all lines.
fn between_access_lines(log: &[u8]) -> Vec<u8> {
    let access =
        "192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 200 157 \"-\" \"curl\"";
    let mut out = Vec::new();
    for line in lines(log) {
        out.extend_from_slice(&prefixed(line, |_| "nginx-1  | ".to_owned()));
        out.extend_from_slice(format!("nginx-1  | {access}\n").as_bytes());
    }
    out
}

/// In any envelope that keeps the lines of a writer in order.
#[test]
fn nothing_forged_is_believed_in_envelopes() {
    let dir = tempfile::tempdir().expect("a directory");
    let classifier = Classifier::default();
    let mut complaints = Vec::new();
    let more: [Wrapping; 4] = [
        ("docker-json in pieces", |log| docker(log, 100)),
        ("cri among access lines", |log| cri(log, 16_384)),
        ("compose-prefix among access lines", between_access_lines),
        ("journald-export", journal_export),
    ];
    for Kept { name, want, log } in kept() {
        let mut tries: Vec<(String, Vec<u8>)> = LINE_BY_LINE
            .iter()
            .chain(&more)
            .map(|(wrapper, wrap)| (format!("{name}, {wrapper}"), wrap(&log)))
            .collect();
        // Another machine in between.
        let pods = two_pods(&log, &benign(lines(&log).len()));
        tries.push((format!("{name}, two pods"), pods));
        for (name, wrapped) in tries {
            complaints.extend(check(
                dir.path(),
                &name,
                &wrapped,
                &want,
                "127.0.0.1:1",
                &classifier,
            ));
        }
    }
    let n = complaints.len();
    complaints.truncate(6);
    assert!(complaints.is_empty(), "{n}:\n{}", complaints.join("\n"));
}

/// The records of a log as nginx wrote them: a head that is not forged begins one.
fn records(log: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut records: Vec<Vec<&[u8]>> = Vec::new();
    for line in lines(log) {
        let is_forged = memchr::memmem::find(&line[..line.len().min(60)], MARK.as_bytes());
        match records.last_mut() {
            Some(record) if !is_head(line) || is_forged.is_some() => record.push(line),
            _ => records.push(vec![line]),
        }
    }
    records
}

/// As `journalctl` shows texts of several lines.
fn indented(log: &[u8]) -> Vec<u8> {
    let mut out = b"-- Boot fedcba9876543210fedcba9876543210 --\n".to_vec();
    for record in records(log) {
        for (n, line) in record.into_iter().enumerate() {
            let before = if n == 0 {
                SHORT
            } else {
                &" ".repeat(SHORT.len())
            };
            out.extend_from_slice(&[before.as_bytes(), line, b"\n"].concat());
        }
    }
    out
}

/// As rsyslog writes them.
fn escaped(log: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records(log) {
        let text = record.join(&b"#012"[..]);
        let text = String::from_utf8_lossy(&text).replace('\r', "#015");
        out.extend_from_slice(format!("Nov 20 11:24:48 web1 nginx: {text}\n").as_bytes());
    }
    out
}

/// `journalctl -o export` of records that came by syslog.
fn entries(log: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records(log) {
        let text = record.join(&b"\n"[..]);
        out.extend_from_slice(
            b"__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1795173888000000\n_HOSTNAME=web1\nMESSAGE\n",
        );
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(&text);
        out.extend_from_slice(b"\nPRIORITY=6\n\n");
    }
    out
}

/// Where the envelope keeps a record together.
#[test]
fn nothing_forged_is_believed_in_envelopes_of_records() {
    let dir = tempfile::tempdir().expect("a directory");
    let classifier = Classifier::default();
    let mut complaints = Vec::new();
    let forms: [Wrapping; 3] = [
        ("indented", indented),
        ("escaped", escaped),
        ("entries", entries),
    ];
    for Kept { name, want, log } in kept() {
        for (form, wrap) in forms {
            let want = Truth {
                own: want.own.clone(),
                // Lines within one are none of the source.
                n_injected: if form == "indented" {
                    want.n_injected
                } else {
                    0
                },
                ..want
            };
            let name = format!("{name}, {form}");
            let (log, upstream) = (wrap(&log), "127.0.0.1:1");
            complaints.extend(check(dir.path(), &name, &log, &want, upstream, &classifier));
        }
    }
    let n = complaints.len();
    complaints.truncate(6);
    assert!(complaints.is_empty(), "{n}:\n{}", complaints.join("\n"));
}

/// Records of no failure.
fn benign(n: usize) -> Vec<u8> {
    let record = "2026/11/20 11:24:48 [notice] 7#7: signal process started\n";
    record.repeat(n).into_bytes()
}
