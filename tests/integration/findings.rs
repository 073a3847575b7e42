//! Each rule against logs that must make it fire, and against near misses; every row of the table fires somewhere here.

use crate::{
    findings_config, findings_effects,
    findings_held::{self, rule},
    support::{coroner, root, run, status, stderr, stdout},
};
use coroner::diagnose::findings::rules::RULES;
use std::{collections::BTreeSet, fs};

/// A log of one case.
#[derive(Default)]
struct Case {
    error: String,
    access: String,
    config: &'static str,
}

const FORMAT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent rt=$request_time ua=\"$upstream_addr\" us=\"$upstream_status\" uct=\"$upstream_connect_time\" uht=\"$upstream_header_time\" urt=\"$upstream_response_time\"";

fn clock(second: u32) -> String {
    let second = 10 * 3_600 + second;
    format!(
        "{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

impl Case {
    /// A record with neither connection nor tail.
    fn bare(mut self, at: u32, level: &str, message: &str) -> Case {
        self.error += &format!("2026/11/20 {} [{level}] 7#7: {message}\n", clock(at));
        self
    }

    /// `n` records from second `at` on, one every `step` seconds, of an http upstream.
    fn records(self, n: u32, at: u32, step: u32, message: &str, upstream: &str) -> Case {
        self.records_of("GET", n, at, step, message, &format!("http://{upstream}/p"))
    }

    fn records_of(
        mut self,
        method: &str,
        n: u32,
        at: u32,
        step: u32,
        message: &str,
        upstream: &str,
    ) -> Case {
        for i in 0..n {
            let upstream = match upstream {
                "" => String::new(),
                upstream => format!(", upstream: \"{upstream}\""),
            };
            self.error += &format!(
                "2026/11/20 {} [error] 7#7: *{} {message}, client: 192.0.2.{}, server: s, request: \"{method} /p HTTP/1.1\"{upstream}, host: \"h\"\n",
                clock(at + i * step),
                1_000 + at + i,
                1 + i % 200,
            );
        }
        self
    }

    /// `n` requests that `upstream` answered with `status` after `ms`.
    fn requests(
        mut self,
        n: u32,
        at: u32,
        step: u32,
        status: u32,
        upstream: &str,
        ms: u32,
    ) -> Case {
        for i in 0..n {
            let seconds = f64::from(ms) / 1e3;
            self.access += &format!(
                "192.0.2.{} - - [20/Nov/2026:{} +0000] \"GET /ok HTTP/1.1\" {status} 10 rt={seconds:.3} ua=\"{upstream}\" us=\"{status}\" uct=\"0.001\" uht=\"{seconds:.3}\" urt=\"{seconds:.3}\"\n",
                1 + i % 200,
                clock(at + i * step),
            );
        }
        self
    }

    /// `n` requests that failed at once with 502, on a connection that was there.
    fn cuts(mut self, n: u32, at: u32, step: u32, upstream: &str) -> Case {
        for i in 0..n {
            self.access += &format!(
                "192.0.2.{} - - [20/Nov/2026:{} +0000] \"POST /p HTTP/1.1\" 502 10 rt=0.002 ua=\"{upstream}\" us=\"502\" uct=\"0.000\" uht=\"-\" urt=\"0.002\"\n",
                1 + i % 200,
                clock(at + i * step),
            );
        }
        self
    }

    /// `n` requests that nginx answered itself with `status`, without an upstream.
    fn failed(mut self, n: u32, at: u32, step: u32, status: u32) -> Case {
        for i in 0..n {
            self.access += &format!(
                "192.0.2.{} - - [20/Nov/2026:{} +0000] \"GET /p HTTP/1.1\" {status} 10 rt=0.000 ua=\"-\" us=\"-\" uct=\"-\" uht=\"-\" urt=\"-\"\n",
                1 + i % 200,
                clock(at + i * step),
            );
        }
        self
    }

    /// `n` requests that were answered once the connection had taken `connect` seconds.
    fn connected(mut self, n: u32, at: u32, step: u32, upstream: &str, connect: &str) -> Case {
        for i in 0..n {
            self.access += &format!(
                "192.0.2.{} - - [20/Nov/2026:{} +0000] \"GET /ok HTTP/1.1\" 200 10 rt=3.100 ua=\"{upstream}\" us=\"200\" uct=\"{connect}\" uht=\"3.090\" urt=\"3.100\"\n",
                1 + i % 200,
                clock(at + i * step),
            );
        }
        self
    }

    /// `n` clients that left.
    fn left(mut self, n: u32, at: u32, step: u32, upstream: &str, seconds: f64) -> Case {
        for i in 0..n {
            self.access += &format!(
                "192.0.2.{} - - [20/Nov/2026:{} +0000] \"GET /p HTTP/1.1\" 499 0 rt={seconds:.3} ua=\"{upstream}\" us=\"-\" uct=\"0.001\" uht=\"-\" urt=\"{seconds:.3}\"\n",
                1 + i % 200,
                clock(at + i * step),
            );
        }
        self
    }

    fn config(self, config: &'static str) -> Case {
        Case { config, ..self }
    }

    /// The findings, by rank.
    fn findings(&self) -> Vec<serde_json::Value> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let mut logs = Vec::new();
        for (name, text) in [("error.log", &self.error), ("access.log", &self.access)] {
            if !text.is_empty() {
                fs::write(path.join(name), text).expect("written");
                logs.push(name);
            }
        }
        let mut flags = vec!["--log-format", FORMAT];
        if !self.config.is_empty() {
            fs::write(path.join("nginx.conf"), self.config).expect("written");
            flags.extend(["--nginx-config", "nginx.conf"]);
        }
        findings_held::findings(path, &logs, &flags)
    }
}

const REFUSED: &str = "connect() failed (111: Connection refused) while connecting to upstream";
const SLOW: &str =
    "upstream timed out (110: Connection timed out) while reading response header from upstream";
const CUT: &str =
    "upstream prematurely closed connection while reading response header from upstream";
const UP: &str = "10.0.0.1:80";

const GROUP: &str = "events {} http { upstream app { server 10.0.0.1:80; server 10.0.0.2:80; } server { location / { proxy_pass http://app; } } }";
const LIMITED: &str = "events {} http { limit_req_zone $binary_remote_addr zone=one:10m rate=1r/s; server { location / { limit_req zone=one burst=5; proxy_pass http://10.0.0.1:80; } } }";
const KEEPALIVE: &str = "events {} http { upstream app { server 10.0.0.1:80; keepalive 8; keepalive_timeout 30s; } server { location / { proxy_pass http://app; } } }";

fn unix(message: &str, errno: &str) -> String {
    format!("connect() to unix:/run/a.sock failed ({errno}) {message}")
}

fn timeout(doing: &str) -> String {
    format!("upstream timed out (110: Connection timed out) while {doing}")
}

/// Name, the rules that must fire (the first at rank 1), the rules that must not, and the logs.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    Case,
);

fn connection_cases() -> Vec<Row> {
    let case = Case::default;
    let while_connecting = "while connecting to upstream";
    vec![
        ("down, and up again", &["upstream-down"], &["wrong-address", "refused-at-restart", "unexplained-failures"],
            case().records(60, 600, 5, REFUSED, UP).requests(60, 0, 5, 200, UP, 3).requests(60, 1_000, 5, 200, UP, 3)),
        ("down to the end, as far as an error log tells", &["upstream-down"], &["wrong-address"],
            case().bare(0, "notice", "start worker processes").records(30, 1_000, 5, REFUSED, UP)),
        ("datagrams of the stream module that nobody takes", &["upstream-down"], &["unexplained-failures"],
            (0..9).fold(case(), |case, n| case.bare(n, "error", "*315 recv() failed (111: Connection refused) while proxying and reading from upstream, udp client: 127.0.0.1, server: 127.0.0.1:8509, upstream: \"127.0.0.1:9990\", bytes from/to client:2/0, bytes from/to upstream:0/2"))),
        ("refused from the first record to the last, and another port answers", &["wrong-address"], &["upstream-down", "refused-at-restart"],
            case().records(100, 0, 20, REFUSED, "10.0.0.1:3001").requests(100, 0, 20, 200, "10.0.0.1:3000", 3).cuts(100, 0, 20, "10.0.0.1:3001")),
        ("failures that only an access log tells of", &["cause-not-logged"], &["unexplained-failures", "upstream-down"],
            case().cuts(3, 0, 20, UP).requests(30, 0, 5, 200, UP, 3)),
        ("one answer is enough for a right address", &["upstream-down"], &["wrong-address"],
            case().records(100, 0, 20, REFUSED, UP).cuts(100, 0, 20, UP).requests(1, 2_100, 1, 200, UP, 3)),
        ("ten seconds at a restart", &["refused-at-restart"], &["upstream-down", "wrong-address"],
            case().records(10, 600, 1, REFUSED, UP).requests(200, 0, 2, 200, UP, 3).requests(200, 700, 2, 200, UP, 3)),
        ("a socket that is not there", &["socket-missing"], &["socket-down", "socket-stale", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, &unix(while_connecting, "2: No such file or directory"), "fastcgi://unix:/run/a.sock:")),
        ("a socket file that was left", &["socket-stale"], &["socket-missing", "upstream-down"],
            case().records_of("GET", 9, 0, 9, &unix(while_connecting, "111: Connection refused"), "fastcgi://unix:/run/a.sock:")),
        ("a full backlog", &["backlog-full"], &["socket-down", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, &unix(while_connecting, "11: Resource temporarily unavailable"), "fastcgi://unix:/run/a.sock:")),
        ("busy, then gone", &["socket-down"], &["backlog-full", "socket-stale"],
            case().records_of("GET", 9, 0, 1, &unix(while_connecting, "11: Resource temporarily unavailable"), "fastcgi://unix:/run/a.sock:")
                .records_of("GET", 9, 20, 1, &unix(while_connecting, "111: Connection refused"), "fastcgi://unix:/run/a.sock:")),
        ("a socket of somebody else", &["socket-forbidden"], &["connect-forbidden"],
            case().records_of("GET", 9, 0, 9, &unix(while_connecting, "13: Permission denied"), "fastcgi://unix:/run/a.sock:")),
        ("a TCP connect that the kernel forbids", &["connect-forbidden"], &["socket-forbidden", "unexplained-failures"],
            case().records(9, 0, 9, "connect() to 10.0.0.1:80 failed (13: Permission denied) while connecting to upstream", UP)),
        ("no route", &["unreachable"], &["upstream-down"],
            case().records(9, 0, 9, "connect() failed (113: No route to host) while connecting to upstream", UP)),
    ]
}

fn waiting_cases() -> Vec<Row> {
    let case = Case::default;
    vec![
        (
            "nobody answers the SYN",
            &["timeout-connect"],
            &["timeout-header", "unexplained-failures"],
            case().records(9, 0, 9, &timeout("connecting to upstream"), UP),
        ),
        (
            "TLS to silence",
            &["timeout-tls"],
            &["timeout-connect", "tls-handshake"],
            case().records_of(
                "GET",
                9,
                0,
                9,
                &timeout("SSL handshaking to upstream"),
                "https://10.0.0.1:443/p",
            ),
        ),
        (
            "an upload that is not read",
            &["timeout-send"],
            &["timeout-header"],
            case().records_of(
                "POST",
                9,
                0,
                9,
                &timeout("sending request to upstream"),
                "http://10.0.0.1:80/p",
            ),
        ),
        (
            "a slow application",
            &["timeout-header", "clients-leave"],
            &["timeout-body", "slow-upstream"],
            case()
                .records(9, 100, 9, SLOW, UP)
                .left(6, 90, 9, UP, 10.001),
        ),
        (
            "a stalled body",
            &["timeout-body"],
            &["timeout-header"],
            case().records(9, 0, 9, &timeout("reading upstream"), UP),
        ),
        (
            "an idle WebSocket",
            &["timeout-tunnel"],
            &["timeout-header", "timeout-body"],
            case().records(9, 0, 9, &timeout("proxying upgraded connection"), UP),
        ),
        (
            "an idle session of the stream module",
            &["session-idle"],
            &["timeout-tunnel", "timeout-header"],
            (0..9).fold(case(), |case, n| {
                case.bare(
                    n,
                    "info",
                    "*5 connection timed out (110: Connection timed out) while proxying connection, client: 192.0.2.1, server: 0.0.0.0:5432, upstream: \"10.0.0.1:5432\", bytes from/to client:0/0, bytes from/to upstream:0/0",
                )
            }),
        ),
        (
            "four who left are people",
            &["timeout-header"],
            &["clients-leave"],
            case().records(9, 100, 9, SLOW, UP).left(4, 90, 9, UP, 0.3),
        ),
        (
            "slow, and no timer ran out",
            &["slow-upstream"],
            &["timeout-header"],
            case().requests(50, 0, 5, 200, UP, 9_000),
        ),
        (
            "tunnels last long",
            &[],
            &["slow-upstream"],
            case().requests(50, 0, 5, 101, UP, 9_000),
        ),
        (
            "who left took long, not the answers",
            &["clients-leave"],
            &["slow-upstream"],
            case()
                .requests(50, 0, 5, 200, UP, 90)
                .left(20, 0, 9, UP, 10.001),
        ),
        (
            "packets that were sent again",
            &["connections-resent"],
            &["timeout-connect"],
            case()
                .requests(200, 0, 5, 200, UP, 3)
                .connected(9, 0, 5, UP, "1.024")
                .connected(3, 0, 5, UP, "3.050"),
        ),
        (
            "slow in connecting, and not by whole tries",
            &[],
            &["connections-resent"],
            case()
                .requests(200, 0, 5, 200, UP, 3)
                .connected(12, 0, 5, UP, "0.740"),
        ),
        (
            "quick",
            &[],
            &["slow-upstream"],
            case().requests(50, 0, 5, 200, UP, 900),
        ),
    ]
}

fn answer_cases() -> Vec<Row> {
    let case = Case::default;
    let fastcgi = "upstream sent unsupported FastCGI protocol version: 72 while reading response header from upstream";
    let header = "upstream sent too big header while reading response header from upstream";
    vec![
        ("a keepalive race", &["keepalive-race"], &["closed-early", "unexplained-failures"],
            case().records_of("POST", 12, 30, 40, CUT, "http://10.0.0.1:80/p").cuts(12, 30, 40, UP).requests(300, 0, 2, 200, UP, 3).config(KEEPALIVE)),
        ("no race without kept connections", &["closed-early"], &["keepalive-race"],
            case().records_of("POST", 12, 30, 40, CUT, "http://10.0.0.1:80/p").cuts(12, 30, 40, UP).requests(300, 0, 2, 200, UP, 3)
                .config("events {} http { upstream app { server 10.0.0.1:80; keepalive 0; } server { location / { proxy_pass http://app; } } }")),
        ("an upload that is not wanted", &["closed-early"], &["keepalive-race"],
            case().records_of("POST", 12, 30, 40, "writev() failed (32: Broken pipe) while sending request to upstream", "http://10.0.0.1:80/p").requests(300, 0, 2, 200, UP, 3).config(KEEPALIVE)),
        ("a key of the cache is no header", &["cache-key-too-big"], &["header-too-big", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, "proxy_buffer_size 4096 is not enough for cache key, it should be increased to at least 8192", "")),
        ("more data than was promised is no failure", &[], &["invalid-answer", "unexplained-failures"],
            case().records(9, 0, 9, "upstream sent more data than specified in \"Content-Length\" header while reading upstream", UP)),
        ("a script that is not there", &["script-not-found"], &["fatal-errors", "backend-objects"],
            case().records_of("GET", 30, 0, 5, "FastCGI sent in stderr: \"Primary script unknown\" while reading response header from upstream", "fastcgi://10.0.0.1:80").requests(30, 0, 5, 404, UP, 3)),
        ("as other versions of PHP say it", &["script-not-found"], &["fatal-errors"],
            case().records_of("GET", 9, 0, 5, "FastCGI sent in stderr: \"Unable to open primary script: /srv/a.php (No such file or directory)\" while reading response header from upstream", "fastcgi://10.0.0.1:80")),
        ("400 for everything", &["backend-objects"], &["backend-errors", "backend-denies"], case().requests(30, 0, 5, 400, UP, 3)),
        ("400 for some", &[], &["backend-objects"], case().requests(30, 0, 5, 400, UP, 3).requests(30, 0, 5, 200, UP, 3)),
        ("a crash is no race", &["upstream-down", "closed-early"], &["keepalive-race"],
            case().records_of("POST", 12, 30, 0, CUT, "http://10.0.0.1:80/p").records(100, 31, 5, REFUSED, UP).config(KEEPALIVE)),
        ("FastCGI to HTTP", &["wrong-protocol"], &["invalid-answer", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, fastcgi, "fastcgi://10.0.0.1:80")),
        ("TLS to plain text", &["wrong-protocol"], &["tls-handshake"],
            case().records_of("GET", 9, 0, 9, "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream", "https://10.0.0.1:80/")),
        ("a bad chunk", &["invalid-answer"], &["wrong-protocol"],
            case().records(9, 0, 9, "upstream sent invalid chunked response while reading response header from upstream", UP)),
        ("a big header", &["header-too-big"], &["temporary-files"], case().records(9, 0, 9, header, UP).config(GROUP)),
        ("a big body", &["temporary-files"], &["header-too-big"],
            case().records(9, 0, 9, "an upstream response is buffered to a temporary file /var/lib/nginx/proxy/1/00/0000000001 while reading upstream", UP)),
        ("the backend's own 500s", &["backend-errors"], &["fatal-errors", "unexplained-failures"],
            case().requests(30, 0, 5, 500, UP, 3).requests(30, 0, 5, 200, UP, 3)),
        ("fatal errors without an access log", &["fatal-errors"], &["backend-errors"],
            case().records_of("GET", 9, 0, 9, "FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Error\" while reading response header from upstream", "fastcgi://unix:/run/a.sock:")),
        ("warnings are not fatal", &[], &["fatal-errors"],
            case().records_of("GET", 9, 0, 9, "FastCGI sent in stderr: \"PHP message: PHP Warning:  Undefined variable\" while reading response header from upstream", "fastcgi://unix:/run/a.sock:")),
        ("401 for most", &["backend-denies"], &["backend-errors"], case().requests(30, 0, 5, 401, UP, 3)),
        ("401 for few", &[], &["backend-denies"], case().requests(29, 0, 5, 401, UP, 3).requests(90, 0, 5, 200, UP, 3)),
    ]
}

fn name_cases() -> Vec<Row> {
    let case = Case::default;
    let tls = "while SSL handshaking to upstream";
    let peer = "https://10.0.0.1:443/p";
    vec![
        ("an expired certificate", &["tls-verify"], &["tls-name", "tls-handshake", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, &format!("upstream SSL certificate verify error: (10:certificate has expired) {tls}"), peer)),
        ("another name", &["tls-name"], &["tls-verify"],
            case().records_of("GET", 9, 0, 9, &format!("upstream SSL certificate does not match \"app\" {tls}"), peer)),
        ("an unknown name", &["tls-unknown-name"], &["tls-handshake"],
            case().records_of("GET", 9, 0, 9, &format!("SSL_do_handshake() failed (SSL: error:0A000458:SSL routines::tlsv1 unrecognized name:SSL alert number 112) {tls}"), peer)),
        ("an alert", &["tls-handshake"], &["tls-unknown-name", "wrong-protocol"],
            case().records_of("GET", 9, 0, 9, &format!("SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::sslv3 alert handshake failure:SSL alert number 40) {tls}"), peer)),
        ("a certificate of the gateway's that is asked for", &["tls-handshake"], &["tls-unknown-name"],
            case().records_of("GET", 9, 0, 9, &format!("SSL_do_handshake() failed (SSL: error:0A00045C:SSL routines::tlsv13 alert certificate required:SSL alert number 116) {tls}"), peer)),
        ("a missing block", &["missing-upstream-block"], &["name-unknown-at-start", "dns-not-found"],
            case().bare(0, "emerg", "host not found in upstream \"my_backend\" in /etc/nginx/conf.d/a.conf:12")),
        ("a name that DNS did not know at start", &["name-unknown-at-start"], &["missing-upstream-block"],
            case().bare(0, "emerg", "host not found in upstream \"api.example.com:8080\" in /etc/nginx/conf.d/a.conf:12")),
        ("a firewall of the gateway's own before the DNS server", &["dns-server"], &["connect-forbidden", "unexplained-failures"],
            case().bare(0, "alert", "send() failed (1: Operation not permitted) while resolving, resolver: 10.0.0.2:53")
                .records_of("GET", 9, 0, 9, "api.example.com could not be resolved (110: Operation timed out)", "")),
        ("no resolver", &["no-resolver"], &["dns-server", "dns-not-found", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, "no resolver defined to resolve api.example.com", "")),
        ("a name that is not there", &["dns-not-found"], &["dns-server"],
            case().records_of("GET", 9, 0, 9, "api.example.com could not be resolved (3: Host not found)", "")),
        ("a server that fails", &["dns-server"], &["dns-not-found", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, "api.example.com could not be resolved (3: Host not found)", "")
                .records_of("GET", 9, 0, 9, "api.example.com could not be resolved (2: Server failure)", "")),
    ]
}

fn gateway_cases() -> Vec<Row> {
    let case = Case::default;
    let none = "no live upstreams while connecting to upstream";
    let out = "upstream server temporarily disabled while connecting to upstream";
    vec![
        ("no peer left", &["no-peer-left", "upstream-down"], &["taken-out", "unexplained-failures"],
            case().records(40, 0, 10, REFUSED, UP).records(40, 0, 10, REFUSED, "10.0.0.2:80").records(90, 10, 4, none, "app").config(GROUP)),
        ("no peer, and none failed", &["no-peer-left"], &["upstream-down"], case().records(9, 0, 9, none, "app")),
        ("taken out for what nginx does not write", &["taken-out"], &["no-peer-left"], case().records(9, 0, 30, out, UP)),
        ("taken out for what it does", &["timeout-header"], &["taken-out"], case().records(9, 0, 30, out, UP).records(9, 0, 30, SLOW, UP)),
        ("worker_connections", &["worker-connections"], &["open-files", "unexplained-failures"],
            case().records(9, 0, 9, "512 worker_connections are not enough while connecting to upstream", UP)),
        ("who is not let in counts as one who failed", &["open-files", "timeout-header"], &["unexplained-failures"],
            (0..40).fold(case(), |case, n| case.bare(n, "crit", "accept4() failed (24: Too many open files)")).records(9, 0, 9, SLOW, UP)),
        ("connections that were reused", &["worker-connections"], &["unexplained-failures"],
            case().bare(0, "warn", "512 worker_connections are not enough, reusing connections")),
        ("files", &["open-files"], &["worker-connections", "unexplained-failures"],
            case().records(9, 0, 9, "socket() failed (24: Too many open files) while connecting to upstream", UP)),
        ("ports", &["ports-used-up"], &["unreachable", "unexplained-failures"],
            case().records(9, 0, 9, "connect() to 10.0.0.1:80 failed (99: Cannot assign requested address) while connecting to upstream", UP)),
        ("an address to bind to that is not there", &["proxy-bind"], &["ports-used-up", "unexplained-failures"],
            case().records(9, 0, 9, "bind(10.9.9.9) failed (99: Cannot assign requested address) while connecting to upstream", UP)),
        ("a zone without room", &["zone-full"], &["out-of-memory", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, "could not allocate node in limit_req zone \"one\"", "")),
        ("more connections than files, as nginx says at its start", &["connections-exceed-files"], &["worker-connections", "open-files", "unexplained-failures"],
            case().bare(0, "warn", "4096 worker_connections exceed open file resource limit: 1024")),
        ("a pass without an address", &["pass-no-address"], &["cause-not-logged", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, "invalid URL prefix in \"localhost:80\"", "").failed(9, 0, 9, 500)),
        ("a port that is none", &["pass-no-address"], &["cause-not-logged"],
            case().records_of("GET", 9, 0, 9, "invalid port in upstream \"127.0.0.1:99999\"", "")),
        ("a circle of redirects", &["redirect-circle"], &["cause-not-logged", "unexplained-failures"],
            case().records_of("GET", 9, 0, 9, "rewrite or internal redirection cycle while processing \"/x/x/x\"", "").failed(9, 0, 9, 500)),
        ("500 of nginx's own that nobody logged", &["cause-not-logged"], &["pass-no-address", "redirect-circle"], case().failed(9, 0, 9, 500)),
        ("a balancer without the PROXY header", &["proxy-header-missing"], &["wrong-protocol"],
            (0..12).fold(case(), |case, n| case.bare(n, "error", "*5 broken header: \"GET / HTTP/1.1\" while reading PROXY protocol, client: 192.0.2.1, server: 0.0.0.0:80"))),
        ("a scanner at that port", &[], &["proxy-header-missing", "wrong-protocol"],
            (0..3).fold(case(), |case, n| case.bare(n, "error", "*5 broken header: \"GET / HTTP/1.1\" while reading PROXY protocol, client: 192.0.2.1, server: 0.0.0.0:80"))),
        ("no endpoint in Kubernetes", &["no-endpoint"], &["no-peer-left", "unreachable", "unexplained-failures"],
            case().records(9, 0, 9, "connect() to 0.0.0.1:80 failed (22: Invalid argument) while connecting to upstream", "0.0.0.1:80")
                .records_of("GET", 9, 0, 9, "[lua] balancer.lua:348: balance(): no peer was returned, balancer: round_robin while connecting to upstream", "")),
        ("a peer that fails its checks", &["checked-down"], &["taken-out"],
            case().bare(0, "error", "check time out with peer: 10.0.0.1:80 ").bare(1, "error", "disable check peer: 10.0.0.1:80 ")),
        ("memory", &["out-of-memory"], &["disk-full"], case().records(3, 0, 9, "malloc(4096) failed (12: Cannot allocate memory) while connecting to upstream", UP)),
        ("a full disk", &["disk-full"], &["out-of-memory", "unexplained-failures"],
            case().records(9, 0, 9, "pwrite() \"/var/lib/nginx/proxy/1/00/0000000001\" failed (28: No space left on device) while reading upstream", UP)),
        ("a crash", &["worker-crash"], &[], case().bare(5, "alert", "worker process 4102 exited on signal 11")),
        ("an orderly end", &[], &["worker-crash"], case().bare(5, "notice", "worker process 4102 exited with code 0")),
        ("a refused reload", &["reload-refused"], &["start-refused"],
            case().bare(5, "notice", "signal 1 (SIGHUP) received from 1, reconfiguring").bare(5, "notice", "reconfiguring")
                .bare(5, "emerg", "unknown directive \"upstream_status\" in /etc/nginx/nginx.conf:9")),
        ("a refused start", &["start-refused"], &["reload-refused"], case().bare(5, "emerg", "unknown directive \"upstream_status\" in /etc/nginx/nginx.conf:9")),
        ("a block that is ignored", &["server-name-conflict"], &["start-refused"],
            case().bare(5, "warn", "conflicting server name \"shop.example\" on 0.0.0.0:80, ignored")),
        ("a syslog server that is not there", &["syslog-fails"], &["ports-used-up", "upstream-down", "unexplained-failures"],
            case().bare(5, "error", "send() failed (111: Connection refused)")
                .records(9, 5, 1, "send() to syslog failed while logging request", UP)),
        ("a socket of syslog that is not there", &["syslog-fails"], &["socket-missing", "unexplained-failures"],
            case().bare(5, "alert", "connect() failed (2: No such file or directory)")),
        ("as newer versions say it", &["syslog-fails"], &["upstream-down", "unexplained-failures"],
            case().bare(5, "error", "send() failed (111: Connection refused) while logging to syslog, server: 10.0.0.9:514")),
        ("a DNS server that is not there is no log server", &["dns-server"], &["syslog-fails"],
            case().bare(5, "error", "send() failed (111: Connection refused) while resolving, resolver: 10.0.0.9:53")),
        ("limit_req", &["rate-limited"], &["connections-limited"],
            case().records_of("GET", 9, 0, 9, "limiting requests, excess: 20.5 by zone \"one\"", "")),
        ("limit_conn", &["connections-limited"], &["rate-limited"],
            case().records_of("GET", 9, 0, 9, "limiting connections by zone \"addr\"", "")),
        ("delays are no refusals", &[], &["rate-limited"],
            case().records_of("GET", 9, 0, 9, "delaying request, excess: 0.9, by zone \"one\"", "")),
        ("limit_req that only the access log tells", &["limit-not-logged"], &["rate-limited", "cause-not-logged"],
            case().failed(60, 0, 1, 503).config(LIMITED)),
        ("503 of something else", &[], &["limit-not-logged"], case().failed(60, 0, 1, 503)),
        ("what nobody knows", &["unknown-messages"], &["unexplained-failures"],
            case().records_of("GET", 9, 0, 9, "the frobnicator is out of cheese", "")),
        ("a failure without a rule of its own", &["unexplained-failures"], &["upstream-down"],
            case()
                .records(9, 0, 9, "thread pool \"x\" not found while connecting to upstream", UP)),
    ]
}

fn all() -> Vec<Row> {
    [
        connection_cases(),
        waiting_cases(),
        answer_cases(),
        name_cases(),
        gateway_cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn rules_fire_on_their_causes_and_not_on_near_misses() {
    for (name, fires, not, case) in all() {
        let findings = case.findings();
        let rules: Vec<&str> = findings.iter().map(rule).collect();
        for want in fires {
            assert!(rules.contains(want), "{name}: {want} is not in {rules:?}");
        }
        assert!(
            fires.is_empty() || rules[0] == fires[0],
            "{name}: first of {rules:?}"
        );
        for unwanted in not {
            assert!(
                !rules.contains(unwanted),
                "{name}: {unwanted} is in {rules:?}"
            );
        }
    }
}

/// Rules that need more than a log of a screen; these have tests of their own.
fn of_files() -> Vec<(&'static str, BTreeSet<&'static str>)> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let line = |at: u32| {
        format!(
            "2026/11/20 {} [error] 7#7: *1 {REFUSED}, client: 192.0.2.1, server: s, request: \"GET / HTTP/1.1\", upstream: \"http://{UP}/\", host: \"h\"\n",
            clock(at)
        )
    };
    let busy = |from: u32| (0..600).map(|n| line(from + n * 4)).collect::<String>();
    fs::write(path.join("error.log.3"), busy(0)).expect("written");
    fs::write(path.join("error.log.1"), busy(4 * 3_600)).expect("written");
    // A record within a value that is quoted: a client may have written it.
    let forged = format!(
        "{}2026/11/20 10:00:02 [error] 7#7: *2 open() \"/srv/x{}",
        line(1),
        line(2)
    );
    fs::write(path.join("forged.log"), forged).expect("written");
    let rules_of = |files: &[&str]| {
        let findings = findings_held::findings(path, files, &[]);
        findings.iter().map(rule).collect()
    };
    vec![
        (
            "a hole in a rotated set",
            rules_of(&["error.log.3", "error.log.1"]),
        ),
        ("forged lines", rules_of(&["forged.log"])),
    ]
}

/// Whether a test in `source` asks for a finding of `rule`, and so fails without one.
fn is_asked_for(rule: &str, source: &str) -> bool {
    let calls = ["check(", "found(", "claim("];
    let mut calls = calls.iter().flat_map(|call| source.split(call).skip(1));
    calls.any(|arguments| arguments.trim_start().starts_with(&format!("\"{rule}\"")))
}

#[test]
fn every_rule_fires_in_some_case() {
    let mut fired: BTreeSet<&str> = BTreeSet::new();
    for (rules, source) in [
        (
            &findings_config::RULES[..],
            include_str!("findings_config.rs"),
        ),
        (
            &findings_effects::RULES[..],
            include_str!("findings_effects.rs"),
        ),
    ] {
        for rule in rules {
            assert!(is_asked_for(rule, source), "{rule} has no test");
            fired.insert(rule);
        }
    }
    for (_, _, _, case) in all() {
        fired.extend(case.findings().iter().map(rule));
    }
    for (_, rules) in of_files() {
        fired.extend(rules);
    }
    let rules = RULES.iter().map(|rule| rule.id);
    let never: Vec<&str> = rules.filter(|id| !fired.contains(id)).collect();
    assert!(never.is_empty(), "never: {never:?}");
}

#[test]
fn findings_do_not_depend_on_threads_or_chunks() {
    let sample = root().join("samples/mixed-bad-day");
    let export = |more: &[&str]| {
        let mut command = coroner();
        command.current_dir(&sample).args([
            "export",
            "error.log",
            "access.log",
            "--nginx-config",
            "nginx.conf",
            "--table",
            "findings",
            "-q",
        ]);
        stdout(&command.args(more).output().expect("it starts"))
    };
    let whole = export(&[]);
    assert!(whole.lines().count() > 10);
    for more in [
        &["--threads", "1"][..],
        &["--threads", "4", "--chunk-size", "1000"],
        &["--bucket", "1h"],
    ] {
        assert_eq!(export(more), whole, "{more:?}");
    }
}

#[test]
fn the_first_finding_of_each_sample_is_what_its_readme_says() {
    for entry in fs::read_dir(root().join("samples")).expect("listed") {
        let sample = entry.expect("there").path();
        let Ok(readme) = fs::read_to_string(sample.join("README.md")) else {
            continue;
        };
        let line = readme
            .lines()
            .find_map(|line| line.strip_prefix("- First finding: "));
        let line = line.unwrap_or_else(|| panic!("{}: no first finding", sample.display()));
        // With all that is there: a rotated set, an audit log.
        let files = fs::read_dir(&sample).expect("listed");
        let names = files.map(|file| file.expect("there").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        let mut logs: Vec<String> = names.filter(|name| name.contains(".log")).collect();
        logs.sort();
        let mut arguments = vec!["export", "--nginx-config", "nginx.conf"];
        arguments.extend(["--table", "findings", "--format", "jsonl", "-q"]);
        arguments.extend(logs.iter().map(String::as_str));
        let output = run(&sample, &arguments);
        let text = stdout(&output);
        let first: serde_json::Value =
            serde_json::from_str(text.lines().next().expect("a finding")).expect("JSON");
        let title = first["title"].as_str().expect("a text");
        assert_eq!(
            line,
            format!("`{}`, {title}.", rule(&first)),
            "{}",
            sample.display()
        );
    }
}

/// Text out of a log stays text, in every form.
#[test]
fn hostile_names_are_harmless() {
    let directory = tempfile::tempdir().expect("a directory");
    let evil = "<script>alert(1)</script>`|\u{1b}[31m\u{202e}";
    let case = Case::default().records(9, 0, 9, REFUSED, evil);
    fs::write(directory.path().join("error.log"), &case.error).expect("written");
    for file in ["r.html", "r.md", "r.json", "r.txt"] {
        let output = run(
            directory.path(),
            &["report", "error.log", "-o", file, "--force"],
        );
        assert!(status(&output) <= 1, "{}", stderr(&output));
        let text = fs::read_to_string(directory.path().join(file)).expect("written");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{file}"
        );
        if file == "r.html" {
            assert!(!text.contains("<script>alert"));
        }
    }
}
