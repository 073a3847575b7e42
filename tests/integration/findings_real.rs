//! What a real nginx writes, and what is found in it: busy peers, a syslog server that is not there, a block that is ignored, and weaknesses
//! of the configuration with their effect.

use crate::{
    real_nginx::{Gateway, ONE_RUN, TempDir, find_or_skip},
    support::{run, status, stderr},
};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    path::Path,
    sync::PoisonError,
    thread,
    time::Duration,
};

/// The status that a request is answered with; 0 if there is none.
fn ask(port: u16, uri: &str) -> u16 {
    let answer = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {uri} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
        )?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let text = answer().unwrap_or_default();
    let status = text.split(' ').nth(1).unwrap_or_default();
    status.parse().unwrap_or(0)
}

/// A port at which nobody listens.
fn closed(is_udp: bool) -> u16 {
    let port = match is_udp {
        true => UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()),
        false => TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()),
    };
    port.expect("a free loopback port").port()
}

fn config(dir: &Path, port: u16, silent: u16, dead: u16, syslog: u16) -> String {
    let dir = dir.display();
    format!(
        "worker_processes 1;
daemon off;
pid {dir}/pid;
error_log {dir}/error.log info;
events {{ worker_connections 64; }}
http {{
    log_format up '$remote_addr - - [$time_local] \"$request\" $status $body_bytes_sent rt=$request_time ua=\"$upstream_addr\" us=\"$upstream_status\" uct=\"$upstream_connect_time\" uht=\"$upstream_header_time\" urt=\"$upstream_response_time\"';
    access_log {dir}/access.log up;
    access_log syslog:server=127.0.0.1:{syslog} up;
    client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    limit_req_zone $binary_remote_addr zone=few:1m rate=60r/m;
    upstream busy {{ server 127.0.0.1:{silent} max_conns=1; }}
    server {{
        listen 127.0.0.1:{port};
        server_name shop;
        location /busy {{ proxy_pass http://busy; proxy_read_timeout 3s; }}
        location /few {{ limit_req zone=few burst=2 nodelay; proxy_pass http://127.0.0.1:{dead}; }}
        location /app/ {{
            error_page 502 =200 /sorry;
            proxy_pass http://127.0.0.1:{dead};
            location /app/static/ {{ proxy_read_timeout 9s; }}
        }}
        location = /sorry {{ return 200 sorry; }}
    }}
    server {{ listen 127.0.0.1:{port}; server_name shop; location / {{ return 204; }} }}
}}
"
    )
}

#[test]
fn effects_that_a_real_nginx_shows() {
    let Some(nginx) = find_or_skip() else { return };
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let files = TempDir::create();
    let dir = files.0.as_path();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let silent_port = silent.local_addr().expect("bound").port();
    let (dead, syslog) = (closed(false), closed(true));
    let text = |port| config(dir, port, silent_port, dead, syslog);
    let mut gateway = Gateway::start(&nginx, dir, text, Some("UTC0"));
    let port = gateway.port;
    // At its start nginx says it on stderr alone, before it has opened its logs.
    gateway.reload();
    let first = thread::spawn(move || ask(port, "/busy"));
    thread::sleep(Duration::from_millis(500));
    let busy: Vec<u16> = (0..3).map(|_| ask(port, "/busy")).collect();
    let few: Vec<u16> = (0..20).map(|_| ask(port, "/few")).collect();
    let hidden: Vec<u16> = (0..6).map(|_| ask(port, "/app/x")).collect();
    let unfound: Vec<u16> = (0..6).map(|_| ask(port, "/app/static/x")).collect();
    assert_eq!(first.join().ok(), Some(504));
    gateway.stop();
    assert_eq!(busy, [502; 3]);
    assert_eq!(hidden, [200; 6]);
    assert_eq!(unfound, [404; 6]);
    let n_refused = few.iter().filter(|status| **status == 503).count();
    assert!(n_refused > 10, "{few:?}");

    let arguments = [
        "report",
        "error.log",
        "access.log",
        "--nginx-config",
        "nginx.conf",
        "--top",
        "100",
        "-o",
        "r.json",
        "-q",
    ];
    let output = run(dir, &arguments);
    assert!(status(&output) <= 1, "{}", stderr(&output));
    let report = fs::read_to_string(dir.join("r.json")).expect("written");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let claims = |rule: &str| -> String {
        let prefix = format!("F-{rule}-");
        let of_rule = findings.iter().filter(|finding| {
            let id = finding["id"].as_str().unwrap_or_default();
            id.starts_with(&prefix)
        });
        let claims: Vec<&str> = of_rule
            .filter_map(|finding| finding["claim"].as_str())
            .collect();
        claims.join("\n")
    };
    for (rule, wanted) in [
        ("max-conns-reached", "takes 1"),
        (
            "syslog-fails",
            "the line in the access log is lost there, and no request failed by it",
        ),
        ("server-name-conflict", "gets all requests"),
        (
            "config-shown",
            "6 requests below /app/static/ were answered 404 without an upstream",
        ),
        (
            "config-shown",
            "6 requests there failed at the upstream and got another status, the first of them 200",
        ),
        ("rate-limited", "Replayed over these records, burst=20"),
    ] {
        let claims = claims(rule);
        assert!(claims.contains(wanted), "{rule}: {claims}");
    }
    for rule in ["no-peer-left", "ports-used-up", "unexplained-failures"] {
        assert_eq!(claims(rule), "", "{rule}");
    }
}
