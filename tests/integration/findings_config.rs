//! Findings that need the configuration beside the logs: each rule fires, and nearly fires.

use crate::findings_held;
use serde_json::Value;
use std::fs;

/// Rules that need a configuration; each fires here.
pub(crate) const RULES: [&str; 15] = [
    "limit-of-upstream",
    "localhost-two-addresses",
    "peer-other-port",
    "config-harm",
    "peer-not-listed",
    "peer-marked-down",
    "backup-failed",
    "name-resolved-at-start",
    "max-fails-zero",
    "timeout-not-in-force",
    "tunnel-lifetime",
    "config-refused",
    "config-blind",
    "config-risk",
    "peer-never-asked",
];

/// The findings of one rule, as the report tells them.
pub(crate) fn found(rule: &str, config: &str, error_log: &str, access_log: &str) -> Vec<Value> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("nginx.conf"), config).expect("written");
    fs::write(directory.path().join("error.log"), error_log).expect("written");
    let mut logs = vec!["error.log"];
    if !access_log.is_empty() {
        fs::write(directory.path().join("access.log"), access_log).expect("written");
        logs.push("access.log");
    }
    let mut findings =
        findings_held::findings(directory.path(), &logs, &["--nginx-config", "nginx.conf"]);
    findings.retain(|finding| rule.is_empty() || findings_held::rule(finding) == rule);
    findings
}

/// `lines` of `http`.
pub(crate) fn http(lines: &str) -> String {
    format!("events {{}}\nhttp {{\n{lines}\n}}\n")
}

/// `n` error records about `upstream`, a second apart.
pub(crate) fn errors(n: usize, message: &str, upstream: &str) -> String {
    (0..n)
        .map(|n| {
            let (minute, second) = (n / 60, n % 60);
            format!(
                "2026/11/20 14:{minute:02}:{second:02} [error] 7#7: *{n} {message}, client: 192.0.2.9, server: shop, request: \"GET /a HTTP/1.1\", \
                 upstream: \"http://{upstream}/a\", host: \"shop\"\n"
            )
        })
        .collect()
}

pub(crate) fn refused(n: usize, upstream: &str) -> String {
    errors(
        n,
        "connect() failed (111: Connection refused) while connecting to upstream",
        upstream,
    )
}

/// `n` requests that `upstream` answered, or not.
pub(crate) fn requests(n: usize, status: u16, upstream: &str, ms: u64) -> String {
    let took = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    (0..n)
        .map(|n| {
            let (minute, second) = (n / 60, n % 60);
            let ms = took(ms + n as u64 % 3);
            format!(
                "192.0.2.9 - - [20/Nov/2026:14:{minute:02}:{second:02} +0000] \"GET /a HTTP/1.1\" {status} 9 \"-\" \"x\" rt={ms} ua=\"{upstream}\" \
                 us=\"{status}\" uct=\"0.000\" uht=\"{}\" urt=\"{ms}\"\n",
                if status < 500 { "0.001" } else { "-" }
            )
        })
        .collect()
}

/// The only finding of `rule`; its title holds `title`, its claim `claim`, its changes `change`.
pub(crate) fn check(
    rule: &str,
    (config, error_log, access_log): (&str, &str, &str),
    title: &str,
    claim: &str,
    change: &str,
) {
    let found = found(rule, config, error_log, access_log);
    assert_eq!(found.len(), 1, "{rule}: {found:#?}");
    let text = |field: &str| found[0][field].to_string();
    assert!(text("title").contains(title), "{rule}: {}", text("title"));
    assert!(text("claim").contains(claim), "{rule}: {}", text("claim"));
    assert!(
        text("directives").contains(change),
        "{rule}: {}",
        text("directives")
    );
    let evidence = found[0]["evidence"].as_array().expect("a list");
    let cites_config = evidence.iter().any(|piece| {
        piece["at"]
            .as_str()
            .is_some_and(|at| at.starts_with("nginx.conf:"))
    });
    assert!(cites_config, "{rule}: {evidence:#?}");
}

pub(crate) fn check_none(rule: &str, config: &str, error_log: &str, access_log: &str) {
    let found = found(rule, config, error_log, access_log);
    assert!(found.is_empty(), "{rule}: {found:#?}");
}

#[test]
fn a_peer_with_another_port_than_the_group_lists() {
    let config = http(
        " upstream api { server 10.0.0.5:3000; }\n server { location / { proxy_pass http://api; } }",
    );
    let log = refused(6, "10.0.0.5:3001");
    check(
        "peer-other-port",
        (&config, &log, ""),
        "10.0.0.5:3001 fails, but upstream api lists 10.0.0.5:3000",
        "upstream api lists 10.0.0.5:3000 (nginx.conf:3)",
        "10.0.0.5:3001",
    );
    check_none("peer-other-port", &config, &refused(6, "10.0.0.5:3000"), "");
    // A variable may hold any address; a part that is missing may list it.
    for open in [
        "location /v { proxy_pass http://$b; }",
        "include missing.conf;",
    ] {
        let config = http(&format!(
            " upstream api {{ server 10.0.0.5:3000; }}\n server {{ {open} location / {{ proxy_pass http://api; }} }}"
        ));
        check_none("peer-other-port", &config, &log, "");
    }
}

#[test]
fn a_peer_that_nothing_lists() {
    let config = http(
        " upstream api { server 10.0.0.5:3000; }\n server { location / { proxy_pass http://api; } }",
    );
    check(
        "peer-not-listed",
        (&config, &refused(6, "10.0.9.9:80"), ""),
        "10.0.9.9:80",
        "another configuration",
        "",
    );
    // A name may be any address, with its port.
    let named = http(
        " upstream api { server api.internal:80; }\n server { location / { proxy_pass http://api; } }",
    );
    check_none("peer-not-listed", &named, &refused(6, "10.0.9.9:80"), "");
    check_none("peer-not-listed", &config, &refused(6, "10.0.0.5:3001"), "");
}

#[test]
fn peers_that_should_not_have_been_asked() {
    let config = http(
        " upstream api { server 10.0.0.5:80; server 10.0.0.6:80 down; server 10.0.0.7:80 backup; }\n server { location / { proxy_pass http://api; } }",
    );
    check(
        "peer-marked-down",
        (&config, &refused(6, "10.0.0.6:80"), ""),
        "10.0.0.6:80 was asked",
        "never asks a peer",
        "",
    );
    check(
        "backup-failed",
        (&config, &refused(6, "10.0.0.7:80"), ""),
        "the backup 10.0.0.7:80",
        "none of the other peers",
        "",
    );
    for rule in ["peer-marked-down", "backup-failed"] {
        check_none(rule, &config, &refused(6, "10.0.0.5:80"), "");
    }
}

#[test]
fn localhost_is_two_addresses() {
    let config = http(" server { location / { proxy_pass http://localhost:3000; } }");
    let served = requests(20, 200, "127.0.0.1:3000", 5);
    check(
        "localhost-two-addresses",
        (&config, &refused(9, "[::1]:3000"), &served),
        "[::1]:3000 refuses",
        "127.0.0.1:3000 answered 20 times",
        "proxy_pass http://127.0.0.1:3000",
    );
    check_none(
        "localhost-two-addresses",
        &config,
        &refused(9, "127.0.0.1:3000"),
        "",
    );
}

#[test]
fn a_name_that_was_resolved_at_the_start() {
    let config = http(
        " upstream api { server api.internal:80; }\n server { location / { proxy_pass http://api; } }",
    );
    check(
        "name-resolved-at-start",
        (&config, &refused(9, "10.0.0.7:80"), ""),
        "10.0.0.7:80 may be an old address of api.internal",
        "when it starts or reloads",
        "api.internal:80 resolve",
    );
    let again = http(
        " upstream api { zone a 64k; server api.internal:80 resolve; }\n server { location / { proxy_pass http://api; } }",
    );
    check_none(
        "name-resolved-at-start",
        &again,
        &refused(9, "10.0.0.7:80"),
        "",
    );
}

#[test]
fn a_peer_that_no_request_came_to() {
    let config = http(
        " upstream api { server 10.0.0.5:80; server 10.0.0.6:80; }\n server { location / { proxy_pass http://api; } }",
    );
    let log = refused(3, "10.0.0.5:80");
    let served = requests(150, 200, "10.0.0.5:80", 5);
    check(
        "peer-never-asked",
        (&config, &log, &served),
        "10.0.0.6:80 got none",
        "150 attempts",
        "",
    );
    let both = format!("{served}{}", requests(1, 200, "10.0.0.6:80", 5));
    check_none("peer-never-asked", &config, &log, &both);
}

#[test]
fn a_peer_that_is_never_taken_out() {
    let of = |parameter: &str| {
        http(&format!(
            " upstream api {{ server 10.0.0.5:80 {parameter}; server 10.0.0.6:80; }}\n server {{ location / {{ proxy_pass http://api; }} }}"
        ))
    };
    let log = refused(12, "10.0.0.5:80");
    check(
        "max-fails-zero",
        (&of("max_fails=0"), &log, ""),
        "max_fails=0",
        "failed 12 times",
        "max_fails=3",
    );
    check_none("max-fails-zero", &of("max_fails=1"), &log, "");
}

#[test]
fn what_a_timeout_finding_says_is_that_of_the_location() {
    let config = http(
        " server { server_name shop;\n  location / { proxy_pass http://10.0.0.5:80;\n   proxy_read_timeout 30s; } }",
    );
    let slow = errors(
        9,
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "10.0.0.5:80",
    );
    let served = requests(9, 504, "10.0.0.5:80", 30_000);
    check(
        "timeout-header",
        (&config, &slow, &served),
        "10.0.0.5:80",
        "proxy_read_timeout 30s (set in nginx.conf:5) holds in server shop, location /",
        "proxy_read_timeout 60s (server shop, location /)",
    );
    check_none("timeout-not-in-force", &config, &slow, &served);
    let other = requests(9, 504, "10.0.0.5:80", 45_000);
    check(
        "timeout-not-in-force",
        (&config, &slow, &other),
        "a timeout of 45s was in force",
        "proxy_read_timeout 30s",
        "",
    );
}

#[test]
fn limits_of_upstreams_and_tunnels() {
    let config = http(
        " server { location / { proxy_pass http://10.0.0.5:80;\n   proxy_read_timeout 90s; } }",
    );
    let cut = errors(
        9,
        "upstream prematurely closed connection while reading response header from upstream",
        "10.0.0.5:80",
    );
    let at_30 = requests(9, 502, "10.0.0.5:80", 30_000);
    let findings = found("limit-of-upstream", &config, &cut, &at_30);
    assert_eq!(findings.len(), 1);
    let claim = findings[0]["claim"].to_string();
    assert!(
        claim.contains("nginx would have waited up to 90s (proxy_read_timeout)"),
        "{claim}"
    );
    check_none(
        "limit-of-upstream",
        &config,
        &cut,
        &requests(9, 502, "10.0.0.5:80", 0),
    );
    let log = refused(1, "10.0.0.5:80");
    let tunnels = requests(9, 101, "10.0.0.5:80", 90_000);
    check(
        "tunnel-lifetime",
        (&config, &log, &tunnels),
        "end after 90s",
        "9 connections that were upgraded",
        "proxy_read_timeout 3600s",
    );
    check_none(
        "tunnel-lifetime",
        &config,
        &log,
        &requests(9, 101, "10.0.0.5:80", 1_234),
    );
}

#[test]
fn a_group_without_peers_names_its_servers_and_what_to_write() {
    let config = "worker_processes 4;\n".to_owned()
        + &http(
            " upstream api { server 10.0.0.5:80; server 10.0.0.6:80; }\n server { location / { proxy_pass http://api; } }",
        );
    let log = format!(
        "{}{}{}",
        refused(4, "10.0.0.5:80"),
        refused(4, "10.0.0.6:80"),
        errors(9, "no live upstreams while connecting to upstream", "api")
    );
    check(
        "no-peer-left",
        (&config, &log, ""),
        "api",
        "max_fails=1 (the default) fail_timeout=10s",
        "server 10.0.0.5:80 max_fails=3",
    );
    check(
        "no-peer-left",
        (&config, &log, ""),
        "api",
        "each worker counts failures alone",
        "zone api 64k",
    );
    let trap = http(
        " upstream api { server 10.0.0.5:80; server 10.0.0.6:80 down; }\n server { location / { proxy_pass http://api; } }",
    );
    check(
        "no-peer-left",
        (&trap, &log, ""),
        "api",
        "only 10.0.0.5:80 takes requests",
        "server 10.0.0.5:80 max_fails=0",
    );
}

/// The same address in another group, whose errors take nobody out, is no cause.
#[test]
fn a_group_that_is_down_says_so() {
    let config = http(
        " upstream api { server 10.0.0.5:80 down; }\n upstream web { server 10.0.0.5:80; server 10.0.0.6:80; }\n server { location / { proxy_pass http://web; } location /api { proxy_pass http://api; } }",
    );
    let log = refused(2, "10.0.0.5:80")
        + &errors(9, "no live upstreams while connecting to upstream", "api");
    let served = requests(5, 503, "10.0.0.5:80", 3);
    check(
        "no-peer-left",
        (&config, &log, &served),
        "all servers of api are marked `down`",
        "Every server of upstream api is marked `down`",
        "server 10.0.0.5:80 without `down`",
    );
}

#[test]
fn limits_that_the_configuration_sets() {
    let config = http(
        " limit_req_zone $binary_remote_addr zone=login:1m rate=6r/m;\n server { server_name shop; location /login { limit_req zone=login burst=5; proxy_pass http://10.0.0.5; } }",
    );
    let line = |second: usize, message: &str| {
        format!(
            "2026/11/20 14:00:{second:02} [error] 7#7: *3 {message}, client: 192.0.2.9, server: shop, request: \"GET /login HTTP/1.1\", host: \"shop\"\n"
        )
    };
    let limited: String = (0..9)
        .map(|n| line(n, "limiting requests, excess: 5.967 by zone \"login\""))
        .collect();
    check(
        "rate-limited",
        (&config, &limited, ""),
        "",
        "Zone login (rate=6r/m burst=5) holds in server shop, location /login and answers 503",
        "limit_req zone=login burst=20 nodelay (server shop, location /login)",
    );
    let config = format!(
        "worker_rlimit_nofile 1024;\nevents {{ worker_connections 768; }}\n{}",
        "http { server { location / { proxy_pass http://10.0.0.5; } } }\n"
    );
    let full: String = (0..9)
        .map(|n| format!("2026/11/20 14:00:{n:02} [alert] 7#7: *3 768 worker_connections are not enough while connecting to upstream, client: 192.0.2.9, server: shop, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.5:80/\", host: \"shop\"\n"))
        .collect();
    check(
        "worker-connections",
        (&config, &full, ""),
        "",
        "worker_connections 768 (set in nginx.conf:2)",
        "worker_rlimit_nofile 8192",
    );
}

#[test]
fn a_weakness_is_a_finding_and_a_graver_one_where_the_log_shows_its_harm() {
    let config = http(" server { location / { set $b app.internal; proxy_pass http://$b; } }");
    let quiet = refused(3, "10.0.0.5:80");
    check(
        "config-risk",
        (&config, &quiet, ""),
        "no resolver",
        "app.internal",
        "resolver",
    );
    check_none("config-harm", &config, &quiet, "");
    let line = |n: usize| {
        format!(
            "2026/11/20 14:00:{n:02} [error] 7#7: *{n} no resolver defined to resolve app.internal, client: 192.0.2.9, server: , request: \"GET / HTTP/1.1\", host: \"shop\"\n"
        )
    };
    let harmed: String = (0..9).map(line).collect();
    check(
        "config-harm",
        (&config, &harmed, ""),
        "no resolver",
        "The logs show what comes of it",
        "resolver",
    );
    check_none("config-risk", &config, &harmed, "");
    let refusable =
        http(" proxy_buffer_size 128k;\n server { location / { proxy_pass http://10.0.0.5; } }");
    check(
        "config-refused",
        (&refusable, &quiet, ""),
        "buffers that nginx refuses",
        "busy_buffers_size",
        "proxy_buffers",
    );
    let blind = "error_log /var/log/nginx/error.log crit;\n".to_owned()
        + &http(" server { location / { proxy_pass http://10.0.0.5; } }");
    assert!(!found("config-blind", &blind, &quiet, "").is_empty());
}

/// The configurations of the samples are sound: nothing of them is said to have failed requests, or to be refused.
#[test]
fn the_samples_configurations_harm_nobody() {
    let samples = crate::support::root().join("samples");
    for sample in fs::read_dir(samples).expect("there") {
        let path = sample.expect("an entry").path();
        // There the configuration is younger than most of the log.
        let is_younger = path.ends_with("failed-reload");
        let (Ok(config), Ok(errors)) = (
            fs::read_to_string(path.join("nginx.conf")),
            fs::read_to_string(path.join("error.log")),
        ) else {
            continue;
        };
        let requests = fs::read_to_string(path.join("access.log")).unwrap_or_default();
        for rule in [
            "config-refused",
            "peer-other-port",
            "peer-not-listed",
            "timeout-not-in-force",
        ] {
            match is_younger && rule == "peer-other-port" {
                true => assert_eq!(found(rule, &config, &errors, &requests).len(), 1),
                false => check_none(rule, &config, &errors, &requests),
            }
        }
    }
}
