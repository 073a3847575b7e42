//! Every finding of a configuration by itself: at least one text that has it, and one that nearly has.

use crate::config::read_files;
use coroner::config::{
    Config, Version,
    lint::{Finding, LINTS, lint},
};
use std::collections::BTreeMap;

/// A text of `http`, with the finding it has, or nearly has, and a fragment of the claim.
struct Case {
    id: &'static str,
    /// A fragment of the claim; `None`: there must be no such finding.
    claim: Option<&'static str>,
    text: &'static str,
}

const fn has(id: &'static str, claim: &'static str, text: &'static str) -> Case {
    Case {
        id,
        claim: Some(claim),
        text,
    }
}

const fn lacks(id: &'static str, text: &'static str) -> Case {
    Case {
        id,
        claim: None,
        text,
    }
}

/// A text that begins with `main` stands outside of `http`.
#[rustfmt::skip]
const CASES: &[Case] = &[
    has("syntax", "unexpected \"}\"", "server { listen 80 }"),
    lacks("syntax", "server { listen 80; }"),
    has("invalid-value", "`proxy_read_timeout 5min`", "proxy_read_timeout 5min;"),
    has("invalid-value", "`proxy_read_timeout 1.5s`", "server { location / { proxy_read_timeout 1.5s; } }"),
    has("invalid-value", "`proxy_buffers 8`", "proxy_buffers 8;"),
    has("invalid-value", "`proxy_max_temp_file_size 1g`", "proxy_max_temp_file_size 1g;"),
    has("invalid-value", "`proxy_buffering yes`", "proxy_buffering yes;"),
    lacks("invalid-value", "proxy_read_timeout 5m; proxy_buffers 8 16k; client_max_body_size 1g; proxy_buffering ON; proxy_max_temp_file_size 0;"),
    lacks("invalid-value", "map $a $b { proxy_read_timeout 5min; }"),
    has("plus-only", "only NGINX Plus", "server { location / { proxy_pass http://10.0.0.1; health_check; } }"),
    has("plus-only", "no nginx has it", "server { location / { upstream_status; } }"),
    lacks("plus-only", "map $a $b { health_check 1; } server { location /health_check { return 200; } }"),
    has("group-cannot-load", "no servers are inside upstream", "upstream a { }"),
    has("group-cannot-load", "duplicate upstream", "upstream a { server 10.0.0.1; } upstream A { server 10.0.0.2; }"),
    has("group-cannot-load", "does not support parameter", "upstream a { ip_hash; server 10.0.0.1; server 10.0.0.2 backup; }"),
    lacks("group-cannot-load", "upstream a { least_conn; server 10.0.0.1; server 10.0.0.2 backup; } upstream b { server 10.0.0.1; } upstream upstream_balancer { balancer_by_lua_block { x() } }"),
    has("pass-cannot-load", "may not have port 3000", "upstream b { server 10.0.0.1; } server { location / { proxy_pass http://b:3000; } }"),
    has("pass-cannot-load", "cannot have URI part", "server { location ~ x { proxy_pass http://10.0.0.1/y; } }"),
    has("pass-cannot-load", "cannot have URI part", "server { location / { if ($x) { proxy_pass http://10.0.0.1/; } } }"),
    has("pass-cannot-load", "invalid URL prefix", "server { location / { proxy_pass 10.0.0.1:80; } }"),
    has("pass-cannot-load", "no port in upstream", "server { location / { fastcgi_pass 10.0.0.1; } }"),
    has("pass-cannot-load", "no proxy_ssl_trusted_certificate", "server { location / { proxy_pass https://a.example; proxy_ssl_verify on; } }"),
    lacks("pass-cannot-load", "upstream b { server 10.0.0.1; } server { location ~ x { proxy_pass http://b; } location / { proxy_pass http://10.0.0.1:81/y; } \
        location ~ y { proxy_pass http://10.0.0.1/$1; } location /f { fastcgi_pass b; } location /v { fastcgi_pass $php; } \
        location /s { fastcgi_pass unix:/x; proxy_ssl_verify on; } }"),
    has("buffers-cannot-load", "minus one buffer", "proxy_buffer_size 128k;"),
    has("buffers-cannot-load", "server s, location /", "server { server_name s; location / { fastcgi_buffer_size 64k; } }"),
    lacks("buffers-cannot-load", "proxy_buffer_size 14k; fastcgi_buffer_size 32k; fastcgi_buffers 8 16k;"),
    has("unknown-log-format", "\"nosuch\"", "access_log /a nosuch;"),
    lacks("unknown-log-format", "log_format Such x; access_log /a such; access_log /b combined; access_log off nosuch2;\nlog_format nosuch2 x;"),
    lacks("unknown-log-format", "access_log /a nosuch; include missing.conf;"),
    has("all-peers-down", "every server of upstream \"a\"", "upstream a { server 10.0.0.1 down; server 10.0.0.2 down; }"),
    lacks("all-peers-down", "upstream a { server 10.0.0.1 down; server 10.0.0.2 backup; }"),
    has("variable-without-resolver", "unless its variables", "server { location / { proxy_pass http://$http_x; } }"),
    has("variable-without-resolver", "set to the name `app.internal:80`", "server { location / { set $b app.internal:80; proxy_pass http://$b; } }"),
    has("variable-without-resolver", "`app.internal:80` is resolved", "server { location / { proxy_pass http://app.internal$request_uri; } }"),
    lacks("variable-without-resolver", "upstream g { server 10.0.0.1; } server { location / { set $b g; proxy_pass http://$b; } location /i { set $c 10.0.0.1:80; proxy_pass http://${c}; } \
        location /j { proxy_pass http://10.0.0.1$request_uri; } location /k { proxy_pass http://g/$1; } location /l { resolver 10.0.0.2; proxy_pass http://$http_x; } }"),
    has("single-peer-made-plural", "only 10.0.0.1 is in service", "upstream a { server 10.0.0.1; server 10.0.0.2 down; }"),
    lacks("single-peer-made-plural", "upstream a { server 10.0.0.1; server 10.0.0.3; server 10.0.0.2 down; } upstream b { server 10.0.0.1 max_fails=0; server 10.0.0.2 down; } upstream c { server 10.0.0.1; }"),
    has("localhost-two-addresses", "`localhost:3000`", "server { location / { proxy_pass http://localhost:3000; } }"),
    has("localhost-two-addresses", "`localhost`", "upstream a { server localhost; }"),
    lacks("localhost-two-addresses", "upstream a { server 127.0.0.1; server localhost.example; server localhost:1 down; }"),
    has("single-peer-parameters", "max_fails=3 fail_timeout=5s", "upstream a { server 10.0.0.1 max_fails=3 weight=2 fail_timeout=5s; }"),
    lacks("single-peer-parameters", "upstream a { server 10.0.0.1 max_fails=3; server 10.0.0.2; } upstream b { server app.internal max_fails=3; } upstream c { server 10.0.0.1 weight=2; }"),
    has("no-shared-zone", "upstream \"a\"", "main worker_processes auto; http { upstream a { server 10.0.0.1; server 10.0.0.2; } }"),
    lacks("no-shared-zone", "main worker_processes auto; http { upstream a { zone a 64k; server 10.0.0.1; server 10.0.0.2; } upstream b { server 10.0.0.1; } upstream c { server 10.0.0.1 max_fails=0; server 10.0.0.2 max_fails=0; } }"),
    lacks("no-shared-zone", "upstream a { server 10.0.0.1; server 10.0.0.2; }"),
    has("keepalive-ineffective", "no `proxy_http_version 1.1` and no `proxy_set_header Connection \"\"`", "upstream a { server 10.0.0.1; keepalive 8; } server { location / { proxy_pass http://a; } }"),
    has("keepalive-ineffective", "no `proxy_set_header Connection \"\"`", "upstream a { server 10.0.0.1; keepalive 8; } proxy_http_version 1.1; proxy_set_header Connection \"\"; server { location / { proxy_pass http://a; proxy_set_header Host x; } }"),
    has("keepalive-ineffective", "fastcgi_keep_conn", "upstream a { server 10.0.0.1:9000; keepalive 8; } server { location / { fastcgi_pass a; } }"),
    lacks("keepalive-ineffective", "upstream a { server 10.0.0.1; keepalive 8; } upstream b { server 10.0.0.1; } upstream c { server 10.0.0.1; keepalive 0; } proxy_http_version 1.1; proxy_set_header Connection \"\"; \
        server { location / { proxy_pass http://a; } location /b { proxy_http_version 1.0; proxy_pass http://b; } location /c { proxy_http_version 1.0; proxy_pass http://c; } \
        location /u { proxy_set_header Connection $connection_upgrade; proxy_pass http://a; } }"),
    has("keepalive-order", "before `least_conn`", "upstream a { keepalive 8; least_conn; server 10.0.0.1; }"),
    lacks("keepalive-order", "upstream a { least_conn; server 10.0.0.1; keepalive 8; }"),
    has("scheme-and-port", "without a port has port 80", "upstream a { server 10.0.0.1; } server { location / { proxy_pass https://a; } }"),
    has("scheme-and-port", "mostly speaks TLS", "server { location / { proxy_pass http://10.0.0.1:443; } }"),
    lacks("scheme-and-port", "upstream a { server 10.0.0.1:8444; } server { location / { proxy_pass https://a; } location /b { proxy_pass https://10.0.0.1; } location /c { proxy_pass http://10.0.0.1:8080; } }"),
    has("sni-off", "api.example", "server { location / { proxy_pass https://api.example; } }"),
    lacks("sni-off", "server { location / { proxy_pass https://api.example; proxy_ssl_server_name on; } location /b { proxy_pass https://10.0.0.1; } location /c { proxy_pass http://api.example; } }"),
    has("tls-name-of-group", "against the name \"a\"", "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca; upstream a { server 10.0.0.1:443; } server { location / { proxy_pass https://a; } }"),
    lacks("tls-name-of-group", "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca; upstream a { server 10.0.0.1:443; } upstream api.example { server 10.0.0.1:443; } \
        server { location / { proxy_pass https://a; proxy_ssl_name x; } location /b { proxy_pass https://b.example; } location /c { proxy_pass https://api.example; } location /d { proxy_ssl_verify off; proxy_pass https://a; } }"),
    has("nested-location-without-pass", "location /a/slow", "server { location /a { proxy_pass http://10.0.0.1; location /a/slow { proxy_read_timeout 300s; } } }"),
    lacks("nested-location-without-pass", "server { location /a { proxy_pass http://10.0.0.1; location /a/1 { proxy_pass http://10.0.0.1; } location /a/2 { return 404; } location /a/3 { root /x; } if ($x) { set $y 1; } } location /b { } }"),
    has("lost-host-header", "Host, X-Real-IP are not sent", "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; server { location / { proxy_set_header Upgrade $http_upgrade; proxy_pass http://10.0.0.1; } }"),
    lacks("lost-host-header", "proxy_set_header Host $host; server { location / { proxy_set_header host x; proxy_pass http://10.0.0.1; } location /b { proxy_pass http://10.0.0.1; } }"),
    has("websocket-headers", "no `proxy_set_header Connection \"upgrade\"`", "server { location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_pass http://10.0.0.1; } }"),
    has("websocket-headers", "no `proxy_http_version 1.1`", "server { location / { proxy_set_header Connection upgrade; proxy_set_header Upgrade $http_upgrade; proxy_pass http://10.0.0.1; } }"),
    lacks("websocket-headers", "server { location / { proxy_http_version 1.1; proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade; proxy_pass http://10.0.0.1; } location /b { proxy_set_header Upgrade \"\"; proxy_pass http://10.0.0.1; } }"),
    has("websocket-idle", "silent for 60 s", "server { location /ws { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://10.0.0.1; } }"),
    lacks("websocket-idle", "server { location /ws { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 1h; proxy_pass http://10.0.0.1; } \
        location / { proxy_set_header Upgrade \"\"; proxy_pass http://10.0.0.1; } location /n { proxy_pass http://10.0.0.1; } }"),
    has("connection-always-upgrade", "also with those that are no WebSocket", "upstream a { server 10.0.0.1; keepalive 8; } server { location / { proxy_http_version 1.1; proxy_set_header Connection upgrade; proxy_pass http://a; } }"),
    lacks("connection-always-upgrade", "upstream a { server 10.0.0.1; keepalive 8; } upstream b { server 10.0.0.1; keepalive 0; } server { location / { proxy_set_header Connection $connection_upgrade; proxy_pass http://a; } \
        location /b { proxy_set_header Connection upgrade; proxy_pass http://b; } }"),
    has("constant-scheme", "also of plain HTTP", "server { listen 80; location / { proxy_set_header X-Forwarded-Proto https; proxy_pass http://10.0.0.1; } }"),
    lacks("constant-scheme", "server { listen 443 ssl; location / { proxy_set_header X-Forwarded-Proto https; proxy_pass http://10.0.0.1; } } server { listen 81; location / { proxy_set_header X-Forwarded-Proto $scheme; proxy_pass http://10.0.0.1; } }"),
    has("buffering-off", "holds for all that is passed there", "proxy_buffering off; server { location / { proxy_pass http://10.0.0.1; } }"),
    lacks("buffering-off", "server { location / { proxy_buffering off; proxy_pass http://10.0.0.1; } location /b { proxy_pass http://10.0.0.1; } }"),
    has("buffers-large", "take 1152k of memory", "proxy_buffer_size 128k; proxy_buffers 4 256k; proxy_busy_buffers_size 256k; server { location / { proxy_pass http://10.0.0.1; } }"),
    lacks("buffers-large", "proxy_buffer_size 128k; proxy_buffers 4 128k; server { location / { proxy_pass http://10.0.0.1; } location /s { proxy_buffers 4 256k; proxy_busy_buffers_size 256k; root /x; } }"),
    has("retry-without-limit", "2 peers on http_502", "upstream a { server 10.0.0.1; server 10.0.0.2; } server { location / { proxy_pass http://a; proxy_next_upstream error http_502; } }"),
    lacks("retry-without-limit", "upstream a { server 10.0.0.1; server 10.0.0.2; } upstream b { server 10.0.0.1; } server { location / { proxy_pass http://a; } location /b { proxy_pass http://b; proxy_next_upstream http_502; } \
        location /c { proxy_pass http://a; proxy_next_upstream http_502; proxy_next_upstream_tries 2; } location /d { proxy_pass http://a; proxy_next_upstream error invalid_header; } }"),
    has("conflicting-server-name", "conflicting server name \"x\" on 0.0.0.0:80", "server { listen 80; server_name X; } server { listen *:80; server_name y x; }"),
    has("conflicting-server-name", "conflicting server name \"\" on 0.0.0.0:80", "server { } server { listen 80; }"),
    lacks("conflicting-server-name", "server { listen 80; server_name x; } server { listen 81; server_name x; } server { listen [::]:80; server_name x; } server { listen 80; server_name y y; }"),
    has("connections-exceed-files", "4096 worker_connections exceed the 1024 files", "main worker_rlimit_nofile 1024; events { worker_connections 4096; }"),
    lacks("connections-exceed-files", "main worker_rlimit_nofile 1024; events { }"),
    lacks("connections-exceed-files", "main events { worker_connections 4096; }"),
    has("limit-status", "answers 502", "limit_req_status 502;"),
    lacks("limit-status", "limit_req_status 429; limit_conn_status 503;"),
    has("error-log-debug", "level `debug`", "error_log /e debug;"),
    lacks("error-log-debug", "error_log /e info; error_log /debug;"),
    has("error-page-hides-status", "a 502 or 504 becomes 200", "error_page 404 502 504 =200 /x;"),
    has("error-page-hides-status", "the status of @x", "error_page 502 = @x;"),
    lacks("error-page-hides-status", "error_page 500 502 503 504 /50x.html; error_page 404 =200 /x; error_page 502 =502 /y;"),
    has("error-log-level", "takes level `crit`", "error_log /e crit;"),
    lacks("error-log-level", "error_log /e; error_log /f warn;"),
    has("error-log-off", "a file named `off`", "error_log off;"),
    lacks("error-log-off", "error_log /var/log/off; access_log off;"),
    has("access-log-off", "location /", "server { location / { access_log off; proxy_pass http://10.0.0.1; } }"),
    lacks("access-log-off", "access_log off; server { access_log /a; location / { proxy_pass http://10.0.0.1; } location /s { access_log off; root /x; } }"),
    has("access-log-condition", "`$loggable`", "access_log /a combined if=$loggable;"),
    lacks("access-log-condition", "access_log /a combined buffer=1k;"),
    has("format-without-upstream", "format `combined`", "access_log /a; server { location / { proxy_pass http://10.0.0.1; } location /b { proxy_pass http://10.0.0.1; } }"),
    has("format-without-upstream", "and 1 more has format `combined`", "server { location / { proxy_pass http://10.0.0.1; } location /b { proxy_pass http://10.0.0.1; } }"),
    lacks("format-without-upstream", "log_format u $upstream_addr; access_log /a; access_log /b u; server { location / { proxy_pass http://10.0.0.1; } }"),
    lacks("format-without-upstream", "access_log /a; server { location / { root /x; } }"),
];

fn read(text: &str) -> Config {
    let whole = match text.strip_prefix("main ") {
        Some(main) => main.to_owned(),
        None => format!("events {{}}\nhttp {{\n{text}\n}}\n"),
    };
    read_files(&[("nginx.conf", &whole)])
}

fn findings(config: &Config, id: &str) -> Vec<Finding> {
    lint(config)
        .into_iter()
        .filter(|finding| finding.id == id)
        .collect()
}

#[test]
fn every_case_is_found_or_not() {
    let mut wrong = Vec::new();
    for case in CASES {
        let found = findings(&read(case.text), case.id);
        let is_right = match case.claim {
            Some(claim) => found.iter().any(|finding| finding.claim.contains(claim)),
            None => found.is_empty(),
        };
        if !is_right {
            let claims: Vec<&str> = found.iter().map(|finding| &finding.claim[..]).collect();
            wrong.push(format!(
                "{} in {}\n  wants {:?}, has {claims:?}",
                case.id, case.text, case.claim
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_has_a_case_and_a_near_miss() {
    let mut cases: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in CASES {
        let counts = cases.entry(case.id).or_default();
        if case.claim.is_some() {
            counts.0 += 1
        } else {
            counts.1 += 1
        }
    }
    for row in LINTS {
        let (n_has, n_lacks) = cases.remove(row.id).unwrap_or_default();
        assert!(
            n_has > 0 && n_lacks > 0,
            "{}: {n_has} cases, {n_lacks} near misses",
            row.id
        );
    }
    assert!(cases.is_empty(), "{cases:?}");
}

/// A finding says where, and what to write instead, unless what is wrong is the text itself.
#[test]
fn every_finding_cites_and_advises() {
    for case in CASES.iter().filter(|case| case.claim.is_some()) {
        let config = read(case.text);
        for finding in findings(&config, case.id) {
            assert!(
                !finding.positions.is_empty() || case.id == "format-without-upstream",
                "{}",
                finding.claim
            );
            assert!(
                !finding.advice.is_empty() || case.id == "syntax",
                "{}",
                finding.claim
            );
            for position in finding.positions {
                assert!(config.cite(position).starts_with("/etc/nginx/nginx.conf:"));
            }
        }
    }
}

#[test]
fn the_version_decides_about_keepalive() {
    let text = "upstream a { keepalive 8; least_conn; server 10.0.0.1; } server { location / { proxy_pass http://a; } }";
    for (version, n) in [
        (None, 1),
        (Some(Version(1, 22, 1)), 1),
        (Some(Version(1, 29, 7)), 0),
    ] {
        let config = Config {
            version,
            ..read(text)
        };
        assert_eq!(
            findings(&config, "keepalive-ineffective").len(),
            n,
            "{version:?}"
        );
        assert_eq!(findings(&config, "keepalive-order").len(), n, "{version:?}");
    }
}

#[test]
fn a_sound_configuration_has_no_finding() {
    let config = read(
        "log_format u '$remote_addr [$time_local] \"$request\" $status $upstream_addr $upstream_status';
         access_log /var/log/nginx/access.log u;
         upstream app { zone app 64k; server 10.0.0.1:8080; server 10.0.0.2:8080; }
         server { listen 80; server_name app.example; location / { proxy_pass http://app; proxy_set_header Host $host; } }",
    );
    assert_eq!(lint(&config), []);
}

#[test]
fn repetition_is_bounded() {
    let text: String = (0..300)
        .map(|n| format!("upstream a{n} {{ server localhost; }}\n"))
        .collect();
    let config = read(&text);
    assert_eq!(
        findings(&config, "localhost-two-addresses").len(),
        coroner::config::lint::FINDINGS_MAX
    );
}
