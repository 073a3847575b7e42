//! Ground truth from a real nginx: failures are provoked on loopback, nginx writes the log, coroner
//! must read it.
//!
//! The middle of this file is the table (`scenarios`): what nginx is told, what the upstream does,
//! what is asked, and which records must be found. Above it stands the test, below it the machinery
//! that drives the requests. Nothing but loopback is touched, every wait is bounded, and all files
//! live in one temporary directory.
#![cfg(target_os = "linux")]

use std::{
    env, fmt, fs,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What one run of nginx left behind, and what must be found in it. `dir` holds the `nginx.conf` as
/// well, and is removed with this value.
pub(crate) struct Provoked {
    pub(crate) dir: PathBuf,
    pub(crate) error_log: PathBuf,
    pub(crate) access_log: PathBuf,
    pub(crate) expect: Vec<ExpectedEvent>,
    _files: TempDir,
}

/// A record nginx must have written: how to find it, and what coroner must call it.
pub(crate) struct ExpectedEvent {
    pub(crate) by: By,
    pub(crate) category: &'static str,
    pub(crate) phase: &'static str,
    /// As tables write it: `127.0.0.1:80`, `[::1]:80`, `unix:/path`, a group's name; empty where
    /// the record has none.
    pub(crate) upstream: String,
}

/// How the row of a record is told from the others.
pub(crate) enum By {
    /// The target of the request.
    Uri(String),
    /// As `Uri`, but nginx cut the record inside the target: at most its beginning is known.
    CutUri(String),
    /// A fragment of the message, for records that carry no request.
    Message(&'static str),
    /// The target in a record that is none of nginx's.
    Forged(&'static str),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Uri(uri) => write!(f, "{uri:.60}"),
            By::CutUri(uri) => write!(f, "{uri:.40}… (cut)"),
            By::Message(fragment) => write!(f, "\"{fragment}\""),
            By::Forged(uri) => write!(f, "{uri} (forged)"),
        }
    }
}

// --- The test -----------------------------------------------------------------------------------

#[test]
fn every_record_of_a_real_nginx_is_named() {
    let Some(provoked) = provoke() else { return };
    assert!(provoked.access_log.is_file());
    let events = provoked.dir.join("events.csv");
    let output = run_bounded(
        Command::new(env!("CARGO_BIN_EXE_coroner"))
            .arg("export")
            .arg(&provoked.error_log)
            .args(["--table", "events", "--bucket", "1m", "-o"])
            .arg(&events),
        Duration::from_secs(15),
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "exit code of coroner; it said:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text =
        String::from_utf8(fs::read(&events).expect("events.csv is there")).expect("CSV is UTF-8");
    let rows = read_events(&text);
    let complaints = compare(&provoked.expect, &rows);
    if !complaints.is_empty() {
        let log = fs::read(&provoked.error_log).expect("error.log is there");
        panic!(
            "of {} expected records, what differs:\n{}\n--- error.log\n{}",
            provoked.expect.len(),
            complaints.join("\n"),
            String::from_utf8_lossy(&log)
        );
    }
    assert_offsets_lead_to_records(&provoked.error_log, &rows);
}

/// The columns of `events` this test looks at.
struct Row {
    category: String,
    phase: String,
    severity: String,
    upstream: String,
    uri: String,
    message: String,
    trust: String,
    offset: usize,
}

impl Row {
    fn is_found_by(&self, by: &By) -> bool {
        match by {
            By::Uri(uri) => self.uri == *uri && self.trust != "injected",
            By::Forged(uri) => self.uri == *uri && self.trust == "injected",
            By::CutUri(uri) => self.trust == "cut" && uri.starts_with(&self.uri),
            By::Message(fragment) => self.message.contains(fragment),
        }
    }

    fn is(&self, expected: &ExpectedEvent) -> bool {
        self.is_found_by(&expected.by)
            && self.category == expected.category
            && self.phase == expected.phase
            && self.upstream == expected.upstream
    }
}

/// A table: the expected records that have no row, each with the rows found in its place, and the
/// rows of severity `failure` that nobody expects.
fn compare(expect: &[ExpectedEvent], rows: &[Row]) -> Vec<String> {
    let mut complaints = Vec::new();
    let is_missing = |expected: &&ExpectedEvent| !rows.iter().any(|row| row.is(expected));
    for expected in expect.iter().filter(is_missing) {
        complaints.push(format!(
            "missing     {:<18} {:<8} {:<24} {}",
            expected.category, expected.phase, expected.upstream, expected.by
        ));
        for row in rows.iter().filter(|row| row.is_found_by(&expected.by)) {
            complaints.push(describe("  there is  ", row));
        }
    }
    let is_unexpected = |row: &&Row| !expect.iter().any(|expected| row.is(expected));
    let is_failure = |row: &&Row| row.severity == "failure" && row.trust != "injected";
    for row in rows.iter().filter(is_failure).filter(is_unexpected) {
        complaints.push(describe("unexpected  ", row));
    }
    complaints
}

fn describe(what: &str, row: &Row) -> String {
    format!(
        "{what}{:<18} {:<8} {:<24} {:.60}  {} {:.80}",
        row.category, row.phase, row.upstream, row.uri, row.trust, row.message
    )
}

/// No record is counted twice, and each offset is where a record begins.
fn assert_offsets_lead_to_records(error_log: &Path, rows: &[Row]) {
    let log = fs::read(error_log).expect("error.log is there");
    let genuine = rows.iter().filter(|row| row.trust != "injected");
    let mut offsets: Vec<usize> = genuine.map(|row| row.offset).collect();
    offsets.sort_unstable();
    for pair in offsets.windows(2) {
        assert_ne!(pair[0], pair[1], "two rows for one record");
    }
    for offset in offsets {
        let begins_line = offset == 0 || log[offset - 1] == b'\n';
        assert!(begins_line, "byte {offset} does not begin a line");
        let begins_record = log[offset..].starts_with(b"20");
        assert!(begins_record, "byte {offset} does not begin a record");
    }
}

fn read_events(text: &str) -> Vec<Row> {
    let mut records = parse_csv(text).into_iter();
    let header = records.next().expect("the CSV has a header");
    let column = |name: &str| {
        let found = header.iter().position(|cell| cell == name);
        found.unwrap_or_else(|| panic!("no column `{name}` in {header:?}"))
    };
    let [category, phase, severity] = ["category", "phase", "severity"].map(column);
    let [upstream, uri, message, trust, offset] =
        ["upstream", "uri", "message", "trust", "offset"].map(column);
    records
        .map(|cells| {
            assert_eq!(
                cells.len(),
                header.len(),
                "a row is as wide as the header: {cells:?}"
            );
            Row {
                category: cells[category].clone(),
                phase: cells[phase].clone(),
                severity: cells[severity].clone(),
                upstream: cells[upstream].clone(),
                uri: cells[uri].clone(),
                message: cells[message].clone(),
                trust: cells[trust].clone(),
                offset: cells[offset].parse().expect("an offset is a number"),
            }
        })
        .collect()
}

/// RFC 4180: `"` opens and closes a field, `""` inside is one quote, CR LF or LF ends a record.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ => field.push(c),
        }
    }
    assert!(!quoted, "the CSV ends inside a quoted field");
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

#[test]
fn the_csv_reader_reads_rfc_4180() {
    let records = parse_csv("a,b\r\n\"1,\"\"x\"\"\r\n2\",\n,z");
    assert_eq!(records, [["a", "b"], ["1,\"x\"\r\n2", ""], ["", "z"]]);
}

// --- The table ----------------------------------------------------------------------------------

/// One thing that goes wrong: the requests for `uri`, in order, and the records they leave.
struct Scenario {
    uri: String,
    asks: Vec<Ask>,
    expect: Vec<ExpectedEvent>,
}

/// What the client does.
#[derive(Clone, Copy)]
enum Ask {
    Get,
    /// A GET with these header lines as well, each ending in CR LF.
    With(&'static str),
    /// A POST with a body of so many bytes.
    Post(usize),
    /// A GET whose answer is left unread for half a second.
    Slowly,
    /// A GET whose client goes away after 300 ms.
    GoAway,
    /// A request line with this method.
    Method(&'static str),
}

/// What a fake upstream does with each connection.
enum Manner {
    /// Takes the first bytes, answers, closes in order.
    Answer(Vec<u8>),
    /// Takes the first bytes, answers, then says nothing more.
    Hold(Vec<u8>),
    /// Takes no byte.
    Deaf,
    /// Answers and cuts the connection with a RST, because what was sent to it is still unread.
    Reset(Vec<u8>),
}

/// Category, phase, upstream.
type Words<'a> = (&'static str, &'static str, &'a str);

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nabc";
const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
const BAD_CHUNK: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n";
const PHP_TRACE: &str = "PHP message: PHP Fatal error:  Uncaught Exception in /srv/a.php:3\n\
    Stack trace:\n#0 {main}\n  thrown in /srv/a.php on line 3";
const IMPATIENT: &str = "proxy_connect_timeout 1s; proxy_send_timeout 1s; proxy_read_timeout 1s;";
const UPGRADE: &str = "proxy_set_header Connection upgrade; proxy_set_header Upgrade x;";
const IN_MEMORY: &str = "client_max_body_size 0; client_body_buffer_size 16m;";
/// Large enough that no pair of socket buffers swallows it.
const FLOOD_BYTES: usize = 12 << 20;
/// A whole record, as a client smuggles it into the name of a file (`faults.md`, appendix A1).
const FORGED: &str = "/static/a%0A2026/11/20%2010:00:00%20[error]%201%231:%20*1%20\
    connect()%20failed%20(111:%20Connection%20refused)%20while%20connecting%20to%20upstream,\
    %20client:%20192.0.2.1,%20server:%20x,%20request:%20%22GET%20/forged%20HTTP/1.1%22,\
    %20upstream:%20%22http://192.0.2.66:80/forged%22,%20host:%20%22x%22%0A";

/// Every scenario: `case(uri, what nginx is told, what is asked, the record it leaves)`. `again`
/// asks once more, `also` adds a record. All of them run at the same time.
#[rustfmt::skip] // A table: one scenario, one line.
fn scenarios(w: &mut World) {
    use Ask::{Get, GoAway, Method, Post, Slowly, With};
    use Manner::{Answer, Deaf, Hold, Reset};
    let answer = |text: &str| Answer(text.as_bytes().to_vec());
    let hold = |text: &str| Hold(text.as_bytes().to_vec());
    let reset = |text: &str| Reset(text.as_bytes().to_vec());
    let good = w.fake(answer(OK));
    let silent = w.fake(hold(""));

    // Connecting.
    let to = w.closed_port();
    w.case("/refused", proxy(&to), Get, ("refused", "connect", &to));
    if let Some(to) = w.closed_port_v6() {
        w.case("/refused-v6", proxy(&to), Get, ("refused", "connect", &to));
    }
    let to = w.stale_socket();
    w.case("/refused-unix", proxy(&to), Get, ("refused", "connect", &to));
    let to = w.missing_socket();
    w.case("/no-socket", proxy(&to), Get, ("socket-missing", "connect", &to));
    if let Some(to) = w.forbidden_socket() {
        w.case("/permission", proxy(&to), Get, ("permission", "connect", &to));
    }
    if let Some(to) = w.full_backlog() {
        w.case("/timeout-connect", hasty(&to), Get, ("timeout", "connect", &to));
    }

    // TLS toward the upstream.
    let to = w.fake(answer("HTTP/1.1 400 Bad Request\r\n\r\n"));
    w.case("/tls-plain-peer", tls(&to), Get, ("tls", "tls", &to));
    let to = w.fake(answer(""));
    w.case("/tls-closed", tls(&to), Get, ("tls", "tls", &to));
    w.case("/timeout-tls", tls(&silent), Get, ("timeout", "tls", &silent));

    // Sending the request. nginx meets a RST on the reading side first, so it says "header" there.
    let upload = Post(FLOOD_BYTES);
    let to = w.fake(Deaf);
    w.case("/timeout-send", hasty(&to) + IN_MEMORY, upload, ("timeout", "send", &to));
    let to = w.fake(reset(""));
    w.case("/reset-upload", proxy(&to) + IN_MEMORY, upload, ("reset", "header", &to));

    // Waiting for the header.
    w.case("/timeout-header", hasty(&silent), Get, ("timeout", "header", &silent));
    let to = w.fake(answer(""));
    w.case("/premature-header", proxy(&to), Get, ("premature-close", "header", &to));
    let to = w.fake(reset(""));
    w.case("/reset-header", proxy(&to), Get, ("reset", "header", &to));
    let cookie = format!("HTTP/1.1 200 OK\r\nSet-Cookie: {}\r\n\r\nok", "x".repeat(20_000));
    let to = w.fake(answer(&cookie));
    w.case("/big-header", proxy(&to), Get, ("buffer", "header", &to));
    let to = w.fake(answer("HTTP/1.1 200 OK\r\nBad\0Name: 1\r\n\r\nok"));
    w.case("/bad-header", proxy(&to), Get, ("invalid-response", "header", &to));
    let to = w.fake(answer("SSH-2.0-OpenSSH_9.2p1\r\n"));
    w.case("/ssh-banner", proxy(&to), Get, ("invalid-response", "header", &to));

    // Reading the body.
    let to = w.fake(hold(HALF));
    w.case("/timeout-body", hasty(&to), Get, ("timeout", "body", &to));
    let to = w.fake(answer(HALF));
    w.case("/premature-body", proxy(&to), Get, ("premature-close", "body", &to));
    let to = w.fake(reset(HALF));
    w.case("/reset-body", proxy(&to), Get, ("reset", "body", &to));
    let to = w.fake(answer(BAD_CHUNK));
    w.case("/bad-chunk", proxy(&to), Get, ("invalid-response", "body", &to));
    let flood = format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(FLOOD_BYTES));
    let to = w.fake(answer(&flood));
    w.case("/spilled", proxy(&to), Slowly, ("buffer", "body", &to));
    let to = w.fake(hold(SWITCH));
    let upgrade = With("Upgrade: x\r\n");
    w.case("/timeout-tunnel", hasty(&to) + UPGRADE, upgrade, ("timeout", "tunnel", &to));

    // After a timeout nginx writes a unix peer without the colon, so path and URI run together.
    let to = w.silent_socket();
    w.case("/timeout-unix", hasty(&to), Get, ("timeout", "header", &to));
    let hasty_fastcgi = fastcgi(&to) + "fastcgi_read_timeout 1s;";
    w.case("/timeout-fastcgi", hasty_fastcgi, Get, ("timeout", "header", &to));

    // Groups: one dead peer is passed over; two dead peers leave nobody for the next request.
    let dead = w.closed_port();
    w.group("half_dead", [&dead, &good]);
    w.case("/retried", proxy("half_dead"), Get, ("refused", "connect", &dead));
    w.also(("health", "connect", &dead));
    let (first, second) = (w.closed_port(), w.closed_port());
    w.group("all_dead", [&first, &second]);
    w.case("/dead", proxy("all_dead"), Get, ("refused", "connect", &first));
    w.also(("health", "connect", &first));
    w.also(("refused", "connect", &second));
    w.also(("health", "connect", &second));
    w.again(Get);
    w.also(("no-live-upstreams", "connect", "all_dead"));

    // Names.
    let server = w.closed_port();
    let down = format!("resolver {server} ipv6=off; resolver_timeout 1s; set $peer a.invalid;");
    w.case("/dns-down", down + &proxy("$peer"), Get, ("dns", "none", ""));
    w.also_as(By::Message("() failed"), ("dns", "resolve", ""));
    let none = "set $peer b.invalid;".to_owned();
    w.case("/dns-none", none + &proxy("$peer"), Get, ("dns", "none", ""));

    // Other protocols than HTTP.
    let page = "Content-Type: text/plain\r\n\r\nok";
    let to = w.fake(Answer(fastcgi_answer(PHP_TRACE, page)));
    w.case("/fastcgi-stderr", fastcgi(&to), Get, ("app-stderr", "header", &to));
    let to = w.fake(Answer(fastcgi_answer("Primary script unknown", page)));
    w.case("/fastcgi-script", fastcgi(&to), Get, ("app-stderr", "header", &to));
    let to = w.fake(Answer(fastcgi_answer("", "")));
    w.case("/fastcgi-empty", fastcgi(&to), Get, ("premature-close", "header", &to));
    w.case("/fastcgi-to-http", fastcgi(&good), Get, ("invalid-response", "header", &good));
    let grpc = format!("grpc_pass grpc://{good};");
    w.case("/grpc-to-http", grpc, Get, ("invalid-response", "header", &good));
    let to = w.closed_port();
    w.case("/uwsgi", format!("uwsgi_pass {to};"), Get, ("refused", "connect", &to));
    let to = w.closed_port();
    w.case("/scgi", format!("scgi_pass {to};"), Get, ("refused", "connect", &to));

    // The client's doing, and rules about clients: none of these is a failure of the gateway.
    w.case("/abort", proxy(&silent), GoAway, ("client-abort", "send", &silent));
    let limit = proxy(&good) + "limit_req zone=one;";
    w.case("/limited", limit, Get, ("rate-limited", "none", ""));
    w.again(Get);
    w.case("/denied", "deny all;", Get, ("access-denied", "none", ""));
    w.case("/listing/", "", Get, ("access-denied", "none", ""));
    let login = "auth_basic private; auth_basic_user_file users;";
    let bob = "Authorization: Basic Ym9iOng=\r\n";
    let wrong = "Authorization: Basic YWxpY2U6eA==\r\n";
    w.case("/login-stranger", login, With(bob), ("access-denied", "none", ""));
    w.case("/login-wrong", login, With(wrong), ("access-denied", "none", ""));
    w.case("/static/none", "", Get, ("static-file", "none", ""));
    let small = "client_max_body_size 1k;";
    w.case("/too-large", small, Post(2_000), ("client-error", "none", ""));
    let spill = proxy(&good) + "client_body_buffer_size 1k;";
    w.case("/big-upload", spill, Post(64_000), ("buffer", "none", ""));
    w.ask("/method", Method("get"));
    w.also_as(By::Message("client sent invalid method"), ("client-error", "client", ""));

    // Traps: a missing error page, whose record names the upstream; a forged record; two records
    // nginx cuts at 2,048 bytes, the first behind the upstream's address, the second before it.
    let to = w.closed_port();
    let page = proxy(&to) + "error_page 502 /static/50x.html;";
    w.case("/error-page", page, Get, ("refused", "connect", &to));
    w.ask(FORGED, Get);
    w.also(("static-file", "none", ""));
    w.also_as(By::Forged("/forged"), ("refused", "connect", "192.0.2.66:80"));
    let to = w.closed_port();
    w.location("/long/", &proxy(&to));
    w.ask(&long_uri(1_700), Get);
    w.also(("refused", "connect", &to));
    w.ask(&long_uri(1_900), Get);
    w.also_as(By::CutUri(long_uri(1_900)), ("refused", "connect", ""));
}

/// `to` is an address, a group, a variable, or a unix socket, which needs a colon behind it.
fn proxy(to: &str) -> String {
    let colon = if to.starts_with("unix:") { ":" } else { "" };
    format!("proxy_pass http://{to}{colon};")
}

/// A proxy that waits one second for anything.
fn hasty(to: &str) -> String {
    proxy(to) + IMPATIENT
}

fn tls(to: &str) -> String {
    format!("proxy_pass https://{to}; {IMPATIENT}")
}

fn fastcgi(to: &str) -> String {
    format!("fastcgi_pass {to}; fastcgi_param REQUEST_METHOD $request_method;")
}

/// A target of `len` bytes.
fn long_uri(len: usize) -> String {
    format!("{:x<len$}", "/long/")
}

/// FastCGI records: stderr (type 7) and stdout (6) if they hold anything, the end of stdout, and
/// the end of the request (3).
pub(crate) fn fastcgi_answer(stderr: &str, stdout: &str) -> Vec<u8> {
    let record = |kind: u8, content: &[u8]| {
        let [high, low] = u16::try_from(content.len())
            .expect("a short record")
            .to_be_bytes();
        [&[1, kind, 0, 1, high, low, 0, 0][..], content].concat()
    };
    let texts = [(7, stderr), (6, stdout)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty());
    let mut answer: Vec<u8> = texts
        .flat_map(|(kind, text)| record(kind, text.as_bytes()))
        .collect();
    answer.extend(record(6, b""));
    answer.extend(record(3, &[0; 8]));
    answer
}

// --- The machinery ------------------------------------------------------------------------------

/// Two runs at a time would compete for ports and for the seconds of each other's timers.
pub(crate) static ONE_RUN: Mutex<()> = Mutex::new(());

/// Runs nginx through every scenario. `None`: there is no nginx here, and stderr says so; with
/// `CORONER_REQUIRE_TOOLS=1` that is a panic.
pub(crate) fn provoke() -> Option<Provoked> {
    provoke_in(None)
}

/// The same, with a clock of `zone`, as `TZ` has it: `XXX-5:45` is +05:45.
pub(crate) fn provoke_in(zone: Option<&str>) -> Option<Provoked> {
    provoke_with(zone, scenarios)
}

/// Runs nginx through requests that it gives up after a second: eight while it waits for the header, eight while it connects if this
/// kernel lets a queue fill up.
pub(crate) fn provoke_timeouts() -> Option<Provoked> {
    provoke_with(None, |w| {
        let (silent, full) = (w.fake(Manner::Hold(Vec::new())), w.full_backlog());
        let all = |w: &mut World, prefix: &str, to: &str| {
            w.location(prefix, &hasty(to));
            (0..8).for_each(|n| w.ask(&format!("{prefix}{n}"), Ask::Get));
        };
        all(w, "/silent/", &silent);
        if let Some(full) = full {
            all(w, "/full/", &full);
        }
    })
}

fn provoke_with(zone: Option<&str>, scenarios: impl FnOnce(&mut World)) -> Option<Provoked> {
    let nginx = find_or_skip()?;
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let files = TempDir::create();
    let mut world = World::create(&files.0);
    scenarios(&mut world);
    let mut gateway = Gateway::start(&nginx, &world.dir, |port| world.config(port), zone);
    thread::scope(|scope| {
        for scenario in &world.scenarios {
            scope.spawn(|| {
                for ask in &scenario.asks {
                    // What the client sees does not matter here, so its errors do not either.
                    drive(gateway.port, &scenario.uri, *ask).ok();
                }
            });
        }
    });
    let scenarios = world.scenarios.drain(..);
    let mut expect: Vec<ExpectedEvent> = scenarios.flat_map(|scenario| scenario.expect).collect();
    let mut master_says = |fragment, category| {
        expect.push(event(By::Message(fragment), (category, "none", "")));
    };
    gateway.reload();
    master_says("reconfiguring", "lifecycle");
    if gateway.kill_worker() {
        master_says("exited on signal 9", "worker-crash");
    }
    gateway.stop();
    master_says("shutting down", "lifecycle");

    let dir = files.0.clone();
    Some(Provoked {
        error_log: dir.join("error.log"),
        access_log: dir.join("access.log"),
        dir,
        expect,
        _files: files,
    })
}

/// Formats that nginx writes beside each other: all tell the same of a request, none in the same way.
pub(crate) const FORMATS: [(&str, &str); 10] = [
    (
        "labelled",
        r#"'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$host" rt=$request_time '
  'ua="$upstream_addr" us="$upstream_status" uct="$upstream_connect_time" uht="$upstream_header_time" '
  'urt="$upstream_response_time"'"#,
    ),
    (
        "ltsv",
        r#"'time:$time_iso8601\tclient:$remote_addr\treq:$request\tstatus:$status\tsize:$body_bytes_sent\thost:$host\t'
  'reqtime:$request_time\tupstream_addr:$upstream_addr\tupstream_status:$upstream_status\t'
  'uct:$upstream_connect_time\tuht:$upstream_header_time\turt:$upstream_response_time'"#,
    ),
    (
        "json",
        r#"escape=json '{"msec":"$msec","remote_addr":"$remote_addr","request":"$request","status":$status,'
  '"body_bytes_sent":$body_bytes_sent,"host":"$host","request_time":$request_time,"upstream_addr":"$upstream_addr",'
  '"upstream_status":"$upstream_status","upstream_connect_time":"$upstream_connect_time",'
  '"upstream_header_time":"$upstream_header_time","upstream_response_time":"$upstream_response_time"}'"#,
    ),
    (
        "not_quite_json",
        r#"'{"time":"$time_local","remote_addr":"$remote_addr","request":"$request","status":"$status",'
  '"body_bytes_sent":"$body_bytes_sent","host":"$host","request_time":"$request_time",'
  '"upstream_addr":"$upstream_addr","upstream_status":"$upstream_status",'
  '"upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time",'
  '"upstream_response_time":"$upstream_response_time"}'"#,
    ),
    (
        "bars",
        r#"'$time_iso8601|$remote_addr|"$request"|$status|$body_bytes_sent|$host|$request_time|"$upstream_addr"|'
  '$upstream_status|$upstream_connect_time|$upstream_header_time|$upstream_response_time'"#,
    ),
    (
        "unquoted",
        r#"'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$host" $request_time '
  '$upstream_addr $upstream_connect_time $upstream_header_time $upstream_response_time $upstream_status $request_id'"#,
    ),
    (
        "raw",
        r#"escape=none '[$time_local] $remote_addr "$request" $status $body_bytes_sent "$host" rt=$request_time '
  'ua="$upstream_addr" us="$upstream_status" uct="$upstream_connect_time" uht="$upstream_header_time" '
  'urt="$upstream_response_time"'"#,
    ),
    (
        "brackets",
        r#"'[$msec] [$remote_addr] [$request] [$status] [$body_bytes_sent] [$host] [$request_time] [$upstream_addr] '
  '[$upstream_status] [$upstream_connect_time] [$upstream_header_time] [$upstream_response_time]'"#,
    ),
    (
        "sentence",
        r#"'$remote_addr asked "$request" of $host and got $status with $body_bytes_sent bytes in $request_time s; '
  'upstream: address $upstream_addr status $upstream_status connect $upstream_connect_time header '
  '$upstream_header_time response $upstream_response_time at $time_iso8601'"#,
    ),
    (
        "touching",
        r#"'$msec"$request"$status"$remote_addr"$host"$body_bytes_sent"$request_time"$upstream_addr"$upstream_status"'
  '$upstream_connect_time"$upstream_header_time"$upstream_response_time'"#,
    ),
];

/// To the real stderr: what `eprintln!` writes is hidden in a test that passes.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// The nginx of this machine. Without one, it says that a test is skipped, or panics with `CORONER_REQUIRE_TOOLS=1`.
pub(crate) fn find_or_skip() -> Option<PathBuf> {
    let found = find_nginx();
    if found.is_none() {
        let required = env::var_os("CORONER_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!required, "CORONER_REQUIRE_TOOLS=1, but there is no nginx");
        note("SKIPPED real nginx: not installed (CI installs it)");
    }
    found
}

fn find_nginx() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    places
        .map(|place| place.join("nginx"))
        .find(|file| file.is_file())
}

fn event(by: By, (category, phase, upstream): Words) -> ExpectedEvent {
    ExpectedEvent {
        by,
        category,
        phase,
        upstream: upstream.to_owned(),
    }
}

/// Polls `done` until it is true or `limit` has passed; says which.
pub(crate) fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn run_bounded(command: &mut Command, limit: Duration) -> Output {
    let piped = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().expect("coroner starts");
    let has_exited = || matches!(child.try_wait(), Ok(Some(_)));
    if !wait_until(limit, has_exited) {
        child.kill().ok();
    }
    child.wait_with_output().expect("a child can be waited for")
}

/// A directory of our own that workers of another user may enter; removed when dropped.
pub(crate) struct TempDir(pub(crate) PathBuf);

impl TempDir {
    pub(crate) fn create() -> TempDir {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("coroner-nginx-{}-{number}", std::process::id()));
        fs::create_dir(&dir).expect("a fresh temporary directory");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("our own directory");
        TempDir(dir)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // The directory of the forbidden socket cannot be listed as it is.
        fs::set_permissions(self.0.join("closed"), fs::Permissions::from_mode(0o700)).ok();
        fs::remove_dir_all(&self.0).ok();
    }
}

/// The fakes that run, and the configuration and scenarios collected so far.
struct World {
    dir: PathBuf,
    /// Whose name workers run under; `None` where nginx is not started by root.
    worker_user: Option<String>,
    groups: String,
    locations: String,
    scenarios: Vec<Scenario>,
    next_port: u16,
    stop: Arc<AtomicBool>,
    fakes: Vec<(String, JoinHandle<()>)>,
    /// A listener and the connections that fill its queue.
    full: Option<(TcpListener, Vec<TcpStream>)>,
}

impl World {
    fn create(dir: &Path) -> World {
        fs::create_dir_all(dir.join("www/listing")).expect("our own directory");
        fs::create_dir_all(dir.join("www/static")).expect("our own directory");
        fs::write(dir.join("users"), "alice:{PLAIN}secret\n").expect("our own directory");
        World {
            dir: dir.to_owned(),
            worker_user: worker_user(dir),
            groups: String::new(),
            locations: String::new(),
            scenarios: Vec::new(),
            next_port: 1,
            stop: Arc::default(),
            fakes: Vec::new(),
            full: None,
        }
    }

    /// A location, the scenario that asks for it, and the record it leaves.
    fn case(&mut self, uri: &str, told: impl AsRef<str>, ask: Ask, expect: Words) {
        self.location(uri, told.as_ref());
        self.ask(uri, ask);
        self.also(expect);
    }

    fn location(&mut self, prefix: &str, told: &str) {
        self.locations += &format!("  location {prefix} {{ {told} }}\n");
    }

    fn group<const N: usize>(&mut self, name: &str, peers: [&str; N]) {
        let servers = peers.map(|peer| format!("server {peer};")).join(" ");
        self.groups += &format!(" upstream {name} {{ {servers} }}\n");
    }

    fn ask(&mut self, uri: &str, ask: Ask) {
        self.scenarios.push(Scenario {
            uri: uri.to_owned(),
            asks: vec![ask],
            expect: Vec::new(),
        });
    }

    fn last(&mut self) -> &mut Scenario {
        self.scenarios.last_mut().expect("a scenario was begun")
    }

    fn again(&mut self, ask: Ask) {
        self.last().asks.push(ask);
    }

    fn also(&mut self, expect: Words) {
        let uri = self.last().uri.clone();
        self.also_as(By::Uri(uri), expect);
    }

    /// A record that does not carry its whole request.
    fn also_as(&mut self, by: By, expect: Words) {
        self.last().expect.push(event(by, expect));
    }

    /// A fake upstream on a port of its own, in a thread that ends with the world.
    fn fake(&mut self, manner: Manner) -> String {
        let door = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = door.local_addr().expect("a bound socket").to_string();
        let stop = Arc::clone(&self.stop);
        let serve = move || {
            let is_open = |_: &TcpStream| !stop.load(Ordering::Relaxed);
            for stream in door.incoming().flatten().take_while(is_open) {
                // A peer that went away first is no concern of the fake's.
                serve(stream, &manner, &stop).ok();
            }
        };
        self.fakes.push((address.clone(), thread::spawn(serve)));
        address
    }

    /// An address nobody listens at. Ports below 1024 are handed out to nobody, so it stays so.
    fn closed_port(&mut self) -> String {
        let closed = self.next_closed("127.0.0.1");
        closed.expect("a closed port below 100")
    }

    fn closed_port_v6(&mut self) -> Option<String> {
        TcpListener::bind("[::1]:0").ok()?;
        self.next_closed("[::1]")
    }

    fn next_closed(&mut self, host: &str) -> Option<String> {
        while self.next_port < 100 {
            let address = format!("{host}:{}", self.next_port);
            self.next_port += 1;
            let limit = Duration::from_millis(200);
            let answer = TcpStream::connect_timeout(&address.parse().ok()?, limit);
            if answer.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                return Some(address);
            }
        }
        None
    }

    /// A listener whose queue is full: further SYNs are dropped. `None` if that cannot be made
    /// within three seconds.
    fn full_backlog(&mut self) -> Option<String> {
        let door = TcpListener::bind("127.0.0.1:0").ok()?;
        let address = door.local_addr().ok()?;
        let end = Instant::now() + Duration::from_secs(3);
        let mut waiting = Vec::new();
        while waiting.len() < 600 && Instant::now() < end {
            match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                Ok(stream) => waiting.push(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    self.full = Some((door, waiting));
                    return Some(address.to_string());
                }
                Err(_) => break,
            }
        }
        note("SKIPPED one real-nginx scenario: the queue of a listener could not be filled");
        None
    }

    fn socket(&self, name: &str) -> (PathBuf, String) {
        let path = self.dir.join(name);
        let address = format!("unix:{}", path.display());
        (path, address)
    }

    fn missing_socket(&self) -> String {
        self.socket("none.sock").1
    }

    /// A socket file whose listener is gone.
    fn stale_socket(&self) -> String {
        let (path, address) = self.socket("stale.sock");
        drop(open_socket(&path));
        address
    }

    /// A socket in a directory closed to everybody. `None` where no mode stops the workers.
    fn forbidden_socket(&self) -> Option<String> {
        let closed = self.dir.join("closed");
        fs::create_dir(&closed).ok()?;
        let (path, address) = self.socket("closed/app.sock");
        drop(open_socket(&path));
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).ok()?;
        let stopped = match &self.worker_user {
            Some(user) => !user.starts_with("root"),
            None => UnixStream::connect(&path)
                .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied),
        };
        if !stopped {
            note("SKIPPED one real-nginx scenario: the workers may open every socket");
        }
        stopped.then_some(address)
    }

    /// A unix socket whose listener takes what comes and never answers.
    fn silent_socket(&mut self) -> String {
        let (path, address) = self.socket("silent.sock");
        let door = open_socket(&path);
        let stop = Arc::clone(&self.stop);
        // Two scenarios ask here at once, and silence is the answer to both.
        let serve = move || {
            let is_open = |_: &UnixStream| !stop.load(Ordering::Relaxed);
            let held: Vec<_> = door.incoming().flatten().take_while(is_open).collect();
            drop(held);
        };
        self.fakes.push((address.clone(), thread::spawn(serve)));
        address
    }

    fn config(&self, port: u16) -> String {
        let dir = self.dir.display();
        let user = self.worker_user.as_ref();
        let user = user.map_or(String::new(), |user| format!("user {user};\n"));
        let (groups, locations) = (&self.groups, &self.locations);
        let more_logs: String = FORMATS
            .iter()
            .map(|(name, format)| {
                format!(
                    " log_format {name} {format};\n access_log {dir}/access-{name}.log {name};\n"
                )
            })
            .collect();
        format!(
            r#"{user}daemon off; master_process on; worker_processes 1;
pid {dir}/nginx.pid; lock_file {dir}/nginx.lock; error_log {dir}/error.log info;
events {{ worker_connections 512; }}
http {{
 client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
 uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
 log_format upstream '$remote_addr - $remote_user [$time_local] "$request" $status '
  '$body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time ua="$upstream_addr" '
  'us="$upstream_status" uct="$upstream_connect_time" uht="$upstream_header_time" '
  'urt="$upstream_response_time"';
 access_log {dir}/access.log upstream; default_type text/plain;
{more_logs} limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
 large_client_header_buffers 4 16k; merge_slashes off;
 proxy_http_version 1.1; proxy_set_header Connection close;
 proxy_buffer_size 4k; proxy_buffers 8 4k; proxy_busy_buffers_size 8k;
 proxy_connect_timeout 5s; proxy_send_timeout 5s; proxy_read_timeout 5s;
{groups} server {{ listen 127.0.0.1:{port}; server_name shop.example; root {dir}/www;
{locations} }}
}}
"#
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for (address, thread) in self.fakes.drain(..) {
            let woken = match address.strip_prefix("unix:") {
                Some(path) => UnixStream::connect(path).is_ok(),
                None => TcpStream::connect(&address).is_ok(),
            };
            if woken {
                thread.join().ok();
            }
        }
    }
}

/// User and group for the workers of a master that root starts: `nobody`, or root where `nobody`
/// cannot reach `dir`.
pub(crate) fn worker_user(dir: &Path) -> Option<String> {
    if fs::metadata(dir).expect("our own directory").uid() != 0 {
        return None;
    }
    let mode = |place: &Path| fs::metadata(place).map_or(0, |metadata| metadata.mode());
    let enterable = |place: &Path| mode(place) & 0o001 != 0;
    let gid = field_of("/etc/passwd", 0, "nobody", 3);
    match gid.and_then(|gid| field_of("/etc/group", 2, &gid, 0)) {
        Some(group) if dir.ancestors().all(enterable) => Some(format!("nobody {group}")),
        _ => Some("root root".to_owned()),
    }
}

/// Field `wanted` of the first line of a colon-separated file whose field `key` is `value`.
fn field_of(file: &str, key: usize, value: &str, wanted: usize) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.get(key) == Some(&value))?;
    fields.get(wanted).map(|field| (*field).to_owned())
}

fn open_socket(path: &Path) -> UnixListener {
    let door = UnixListener::bind(path).expect("a short enough temporary path");
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("our own socket");
    door
}

/// One connection of a fake.
fn serve(mut stream: TcpStream, manner: &Manner, stop: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    match manner {
        Manner::Answer(answer) => {
            take_first(&mut stream)?;
            stream.write_all(answer)?;
            stream.shutdown(Shutdown::Write)?;
            io::copy(&mut stream, &mut io::sink())?;
        }
        Manner::Hold(answer) => {
            take_first(&mut stream)?;
            stream.write_all(answer)?;
            io::copy(&mut stream, &mut io::sink())?;
        }
        Manner::Deaf => {
            wait_until(Duration::from_secs(5), || stop.load(Ordering::Relaxed));
        }
        Manner::Reset(answer) => {
            stream.peek(&mut [0])?;
            stream.write_all(answer)?;
            // nginx must have read the answer, or filled the queue, before the RST overtakes it.
            thread::sleep(Duration::from_millis(300));
        }
    }
    Ok(())
}

/// Waits for the peer and takes what it sends at once: the rest is read after the answer.
fn take_first(stream: &mut TcpStream) -> io::Result<usize> {
    stream.read(&mut [0; 4096])
}

/// One request and its whole answer.
fn drive(port: u16, uri: &str, ask: Ask) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(8)))?;
    stream.set_write_timeout(Some(Duration::from_secs(8)))?;
    let (method, lines, body_len) = match ask {
        Ask::Get | Ask::Slowly | Ask::GoAway => ("GET", "", 0),
        Ask::With(lines) => ("GET", lines, 0),
        Ask::Post(len) => ("POST", "", len),
        Ask::Method(method) => (method, "", 0),
    };
    let head = format!(
        "{method} {uri} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\
         Content-Length: {body_len}\r\n{lines}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&vec![b'x'; body_len])?;
    match ask {
        Ask::GoAway => {
            thread::sleep(Duration::from_millis(300));
            return Ok(());
        }
        Ask::Slowly => thread::sleep(Duration::from_millis(500)),
        _ => {}
    }
    io::copy(&mut stream.take(64 << 20), &mut io::sink())?;
    Ok(())
}

/// A running nginx master.
pub(crate) struct Gateway {
    master: Child,
    pub(crate) port: u16,
    error_log: PathBuf,
}

impl Gateway {
    /// Starts nginx in `dir`, with what `config` makes of a free port; `zone` is its `TZ`. Its error log is `error.log`, of level
    /// `notice` at least.
    pub(crate) fn start(
        nginx: &Path,
        dir: &Path,
        config: impl Fn(u16) -> String,
        zone: Option<&str>,
    ) -> Gateway {
        // Somebody may take the port between our look and nginx's bind, so there are three tries.
        for _ in 0..3 {
            let port = {
                let door = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
                door.local_addr().expect("a bound socket").port()
            };
            let (file, stderr) = (dir.join("nginx.conf"), dir.join("stderr"));
            let error_log = dir.join("error.log");
            fs::remove_file(&error_log).ok();
            fs::write(&file, config(port)).expect("our own directory");
            let master = Command::new(nginx)
                .envs(zone.map(|zone| ("TZ", zone)))
                .arg("-p")
                .arg(dir)
                .arg("-c")
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(fs::File::create(&stderr).expect("our own directory"))
                .spawn()
                .expect("nginx starts");
            let mut gateway = Gateway {
                master,
                port,
                error_log,
            };
            wait_until(Duration::from_secs(10), || {
                gateway.has_exited() || gateway.is_up()
            });
            if gateway.is_up() {
                return gateway;
            }
            note(&fs::read_to_string(&stderr).unwrap_or_default());
        }
        panic!("nginx does not start; its stderr stands above");
    }

    /// Up once the one worker is there and the port answers.
    fn is_up(&self) -> bool {
        self.count_in_log("start worker process ") > 0
            && TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    fn has_exited(&mut self) -> bool {
        self.master.try_wait().expect("our own child").is_some()
    }

    fn count_in_log(&self, text: &str) -> usize {
        let log = fs::read(&self.error_log).unwrap_or_default();
        String::from_utf8_lossy(&log).matches(text).count()
    }

    /// Pids of the children of the master, from the kernel.
    pub(crate) fn workers(&self) -> Vec<u32> {
        let pid = self.master.id();
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }

    pub(crate) fn reload(&self) {
        let started = self.count_in_log("start worker process ");
        signal(self.master.id(), "HUP");
        let renewed =
            || self.count_in_log("start worker process ") > started && self.workers().len() <= 1;
        wait_until(Duration::from_secs(5), renewed);
    }

    /// Kills the worker and waits for the master to notice. `false` if this kernel does not tell
    /// who the worker is.
    fn kill_worker(&self) -> bool {
        let [worker] = self.workers()[..] else {
            note("SKIPPED one real-nginx scenario: the worker's pid is not known");
            return false;
        };
        signal(worker, "KILL");
        let noticed = || self.count_in_log("exited on signal 9") > 0;
        wait_until(Duration::from_secs(5), noticed)
    }

    /// Asks nginx to finish, then insists. Never more than ten seconds.
    pub(crate) fn stop(&mut self) {
        for name in ["QUIT", "TERM"] {
            if self.has_exited() {
                return;
            }
            signal(self.master.id(), name);
            wait_until(Duration::from_secs(4), || self.has_exited());
        }
        let orphans = self.workers();
        self.master.kill().ok();
        self.master.wait().ok();
        for worker in orphans {
            signal(worker, "KILL");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The shell's own `kill`: slim containers have no other.
pub(crate) fn signal(pid: u32, name: &str) {
    let mut kill = Command::new("sh");
    let status = kill
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .status();
    assert!(status.is_ok(), "a shell is needed to send signals");
}
