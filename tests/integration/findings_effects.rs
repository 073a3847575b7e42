//! Findings that hold two things against each other: a weakness of the configuration and its effect, requests and attempts, one worker and
//! another, what was recorded and what nginx would have done with it under other values.

use crate::findings_config::{check, check_none, errors, found, http, refused, requests};

/// Rules that fire here.
pub(crate) const RULES: [&str; 6] = [
    "backup-served",
    "config-shown",
    "max-conns-reached",
    "workers-disagree",
    "retry-storm",
    "posts-not-repeated",
];

const CUT: &str =
    "upstream prematurely closed connection while reading response header from upstream";
const GROUP: &str = " upstream api { server 10.0.0.5:80; server 10.0.0.6:80; }\n server { server_name shop; location / { proxy_pass http://api; } }";

/// `n` requests, a second apart from second `at` on, with lists of attempts.
fn tried(
    n: usize,
    at: usize,
    status: u16,
    method: &str,
    upstreams: &str,
    statuses: &str,
) -> String {
    let times = statuses
        .split(", ")
        .map(|_| "0.001")
        .collect::<Vec<_>>()
        .join(", ");
    let headers = statuses
        .split(", ")
        .map(|status| if status < "500" { "0.001" } else { "-" })
        .collect::<Vec<_>>()
        .join(", ");
    (0..n)
        .map(|n| {
            let (minute, second) = ((at + n) / 60, (at + n) % 60);
            format!(
                "192.0.2.9 - - [20/Nov/2026:14:{minute:02}:{second:02} +0000] \"{method} /a HTTP/1.1\" {status} 9 \"-\" \"x\" rt=0.002 ua=\"{upstreams}\" \
                 us=\"{statuses}\" uct=\"{times}\" uht=\"{headers}\" urt=\"{times}\"\n"
            )
        })
        .collect()
}

/// The claim of the first finding of a rule.
fn claim(rule: &str, (config, error_log, access_log): (&str, &str, &str)) -> String {
    let found = found(rule, config, error_log, access_log);
    assert!(!found.is_empty(), "{rule}");
    found[0]["claim"].as_str().expect("a text").to_owned()
}

#[test]
fn a_nested_location_and_its_404() {
    let config = http(
        " server { server_name shop; location /a/ { proxy_pass http://10.0.0.5:80;\n  location /a/b/ { proxy_read_timeout 300s; } } }",
    );
    let unfound = |path: &str| requests(9, 404, "-", 0).replace("GET /a ", &format!("GET {path} "));
    let log = refused(1, "10.0.0.5:80");
    check(
        "config-shown",
        (&config, &log, &unfound("/a/b/c")),
        "serves files",
        "9 requests below /a/b/ were answered 404 without an upstream",
        "proxy_pass",
    );
    check_none("config-risk", &config, &log, &unfound("/a/b/c"));
    check_none("config-shown", &config, &log, &unfound("/a/c"));
    assert!(!found("config-risk", &config, &log, &unfound("/a/c")).is_empty());
}

#[test]
fn a_lost_host_and_what_the_backend_says_to_it() {
    let config = http(
        " proxy_set_header Host $host;\n server { server_name shop; location / { proxy_set_header X-A b;\n  proxy_pass http://10.0.0.5:80; } }",
    );
    let log = refused(1, "10.0.0.5:80");
    let unfit = requests(20, 404, "10.0.0.5:80", 3);
    check(
        "config-shown",
        (&config, &log, &unfit),
        "dropped the inherited Host",
        "20 of 20 answers of the upstreams there are 400, 404, 421 or 426",
        "Host $host",
    );
    let fine = format!("{unfit}{}", requests(60, 200, "10.0.0.5:80", 3));
    check_none("config-shown", &config, &log, &fine);
}

#[test]
fn an_error_page_that_hides_failures() {
    let config = http(
        " server { server_name shop; error_page 502 =200 /sorry.html;\n location / { proxy_pass http://10.0.0.5:80; } }",
    );
    let log = refused(9, "10.0.0.5:80");
    let hidden = tried(9, 0, 200, "GET", "10.0.0.5:80", "502");
    check(
        "config-shown",
        (&config, &log, &hidden),
        "changes the status",
        "9 requests there failed at the upstream and got another status, the first of them 200",
        "error_page",
    );
    let blind = found("config-blind", &config, &log, &hidden);
    let is_told =
        |finding: &serde_json::Value| finding["title"].to_string().contains("an error page");
    assert!(!blind.iter().any(is_told), "{blind:?}");
    check_none(
        "config-shown",
        &config,
        &log,
        &tried(9, 0, 502, "GET", "10.0.0.5:80", "502"),
    );
}

#[test]
fn websockets_that_are_closed_after_a_minute() {
    let config = http(
        " server { server_name shop; location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;\n proxy_set_header Connection upgrade; proxy_pass http://10.0.0.5:80; } }",
    );
    let idle = errors(
        9,
        "upstream timed out (110: Connection timed out) while proxying upgraded connection",
        "10.0.0.5:80",
    );
    check(
        "config-shown",
        (&config, &idle, ""),
        "after a minute of silence",
        "9 upgraded connections there were closed so",
        "proxy_read_timeout 3600s",
    );
    check_none("config-shown", &config, &refused(3, "10.0.0.5:80"), "");
}

#[test]
fn a_server_that_nginx_ignores_is_told_once() {
    let config = http(
        " server { listen 80; server_name shop; location / { proxy_pass http://10.0.0.5:80; } }\n server { listen 80; server_name shop; location / { proxy_pass http://10.0.0.6:80; } }",
    );
    let log = format!(
        "2026/11/20 14:00:00 [warn] 7#7: conflicting server name \"shop\" on 0.0.0.0:80, ignored\n{}",
        refused(1, "10.0.0.5:80")
    );
    check(
        "server-name-conflict",
        (&config, &log, ""),
        "on 0.0.0.0:80 is ignored",
        "The ignored one is that of nginx.conf:4",
        "server_name",
    );
    let is_lint = |rule: &str, log: &str| {
        let all = found(rule, &config, log, "");
        all.iter()
            .any(|finding| finding["title"].to_string().contains("two servers"))
    };
    assert!(!is_lint("config-risk", &log));
    assert!(is_lint("config-risk", &refused(1, "10.0.0.5:80")));
}

#[test]
fn peers_that_are_busy_are_not_dead() {
    let config = http(
        " upstream api { server 10.0.0.5:80 max_conns=2; server 10.0.0.6:80 max_conns=3; }\n server { location / { proxy_pass http://api; } }",
    );
    let none = errors(9, "no live upstreams while connecting to upstream", "api");
    check(
        "max-conns-reached",
        (&config, &none, ""),
        "as many connections as max_conns allows",
        "10.0.0.5:80 takes 2, 10.0.0.6:80 takes 3",
        "server 10.0.0.5:80 max_conns=4",
    );
    check_none("no-peer-left", &config, &none, "");
    let failed = format!("{}{none}", refused(1, "10.0.0.5:80"));
    check_none("max-conns-reached", &config, &failed, "");
    let unbounded = config.replace(" max_conns=3", "");
    check_none("max-conns-reached", &unbounded, &none, "");
}

#[test]
fn a_backup_that_had_to_serve() {
    let config = http(
        " upstream api { server 10.0.0.5:80; server 10.0.0.6:80 backup; }\n server { location / { proxy_pass http://api; } }",
    );
    let log = refused(9, "10.0.0.5:80");
    let served = requests(30, 200, "10.0.0.5:80", 3) + &requests(10, 200, "10.0.0.6:80", 3);
    check(
        "backup-served",
        (&config, &log, &served),
        "the backup 10.0.0.6:80 served 10 attempts of api",
        "10 of 40 attempts at upstream api (25 %) went to its backup",
        "",
    );
    check_none(
        "backup-served",
        &config,
        &log,
        &requests(30, 200, "10.0.0.5:80", 3),
    );
}

#[test]
fn workers_that_count_failures_apart() {
    let none = errors(9, "no live upstreams while connecting to upstream", "api");
    let other = refused(9, "10.0.0.5:80").replace("7#7: *", "8#8: *10");
    let log = format!("{none}{other}");
    let served = requests(9, 502, "api", 0) + &requests(9, 502, "10.0.0.5:80", 0);
    check(
        "workers-disagree",
        (&http(GROUP), &log, &served),
        "workers disagree about the peers of api",
        "in which another worker asked one, 9 times",
        "zone api 64k",
    );
    let shared = http(GROUP).replace("api {", "api { zone api 64k;");
    check_none("workers-disagree", &shared, &log, &served);
    check_none(
        "workers-disagree",
        &http(GROUP),
        &log.replace("8#8", "7#7"),
        &served,
    );
}

#[test]
fn retries_that_multiply_the_load() {
    let config = http(
        " upstream api { server 10.0.0.5:80; server 10.0.0.6:80; }\n server { location / { proxy_next_upstream error timeout http_502;\n proxy_pass http://api; } }",
    );
    let log = refused(120, "10.0.0.5:80");
    let quiet = tried(120, 1_800, 200, "GET", "10.0.0.6:80", "200");
    let storm = tried(120, 0, 200, "GET", "10.0.0.5:80, 10.0.0.6:80", "502, 200");
    check(
        "retry-storm",
        (&config, &log, &format!("{storm}{quiet}")),
        "2.00 attempts a request",
        "120 requests made 240 attempts at upstreams, 2.00 for each; at other times it is 1.00",
        "proxy_next_upstream_tries 2",
    );
    let calm = tried(120, 0, 502, "GET", "10.0.0.5:80", "502");
    check_none("retry-storm", &config, &log, &format!("{calm}{quiet}"));
    // As many retries as ever are no storm.
    let always = tried(
        120,
        1_800,
        200,
        "GET",
        "10.0.0.5:80, 10.0.0.6:80",
        "502, 200",
    );
    check_none("retry-storm", &config, &log, &format!("{storm}{always}"));
}

#[test]
fn posts_that_are_not_sent_twice() {
    let posts = errors(6, CUT, "10.0.0.5:80").replace("GET", "POST");
    let gets = errors(20, CUT, "10.0.0.5:80").replace("14:00", "14:01");
    let log = format!("{posts}{gets}");
    let saved = tried(20, 60, 200, "GET", "10.0.0.5:80, 10.0.0.6:80", "502, 200");
    let lost = tried(6, 0, 502, "POST", "10.0.0.5:80", "502");
    check(
        "posts-not-repeated",
        (&http(GROUP), &log, &format!("{lost}{saved}")),
        "only POST requests to api fail",
        "6 attempts of POST, LOCK or PATCH failed",
        "",
    );
    let all = tried(20, 60, 502, "GET", "10.0.0.5:80", "502");
    check_none(
        "posts-not-repeated",
        &http(GROUP),
        &log,
        &format!("{lost}{all}"),
    );
    let repeated = http(GROUP).replace(
        "location / {",
        "location / { proxy_next_upstream error timeout non_idempotent;",
    );
    check_none(
        "posts-not-repeated",
        &repeated,
        &log,
        &format!("{lost}{saved}"),
    );
}

#[test]
fn a_refused_reload_comes_before_the_port_that_nobody_listened_at() {
    let config = http(
        " upstream api { server 10.0.0.5:3001; server 10.0.0.7:80; }\n server { location / { proxy_pass http://api; } }",
    );
    let reload = "2026/11/20 13:59:00 [notice] 7#7: signal 1 (SIGHUP) received from 1, reconfiguring\n\
        2026/11/20 13:59:00 [notice] 7#7: reconfiguring\n\
        2026/11/20 13:59:00 [emerg] 7#7: unknown directive \"upstream_status\" in /etc/nginx/nginx.conf:9\n";
    let log = refused(60, "10.0.0.5:3000");
    let served = requests(60, 502, "10.0.0.5:3000", 0)
        + &requests(60, 200, "10.0.0.5:3000", 2).replace("20/Nov/2026:14", "20/Nov/2026:13");
    let refused_reload = format!("{reload}{log}");
    let all = found("", &config, &refused_reload, &served);
    let first = all[0]["id"].as_str().expect("a text");
    assert!(first.starts_with("F-peer-other-port-"), "{first}");
    assert_eq!(all[0]["confidence"], "certain");
    check(
        "peer-other-port",
        (&config, &refused_reload, &served),
        "10.0.0.5:3000 fails, but upstream api lists 10.0.0.5:3001",
        "The reload at 13:59:00 was refused, so nginx went on with the configuration it had",
        "",
    );
    let all = found("", &config, &log, &served);
    let first = all[0]["id"].as_str().expect("a text");
    assert!(first.starts_with("F-upstream-down-"), "{first}");
}

#[test]
fn the_toll_is_the_last_sentence_of_what_the_configuration_adds() {
    let config = http(
        " server { server_name shop;\n  location / { proxy_pass http://10.0.0.5:80;\n   proxy_read_timeout 30s; } }",
    );
    let slow = errors(
        9,
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "10.0.0.5:80",
    );
    let said = claim("timeout-header", (&config, &slow, ""));
    assert!(
        said.contains("for that block alone. 9 records tell of it."),
        "{said}"
    );
    assert!(said.ends_with("9 records tell of it."), "{said}");
}

#[test]
fn records_without_a_request_hurt_none() {
    let config = http(" server { location / { proxy_pass http://10.0.0.5; } }");
    let line = |n: usize, rest: &str| {
        format!(
            "2026/11/20 14:00:{n:02} [alert] 7#7: *{n} 768 worker_connections are not enough{rest}\n"
        )
    };
    let at_accept: String = (0..9).map(|n| line(n, "")).collect();
    let said = claim("worker-connections", (&config, &at_accept, ""));
    assert!(
        said.contains("None of the records names a request."),
        "{said}"
    );
    let connecting = " while connecting to upstream, client: 192.0.2.9, server: shop, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.5:80/\", host: \"shop\"";
    let both: String = (0..9)
        .map(|n| line(n, if n < 4 { connecting } else { "" }))
        .collect();
    let said = claim("worker-connections", (&config, &both, ""));
    assert!(said.contains("4 records tell of it."), "{said}");
}

#[test]
fn connections_under_way_are_told_beside_worker_connections() {
    let config = format!(
        "worker_processes 2;\nevents {{ worker_connections 64; }}\n{}",
        "http { server { location / { proxy_pass http://10.0.0.5; } } }\n"
    );
    let log = "2026/11/20 14:00:30 [alert] 7#7: *1 64 worker_connections are not enough while connecting to upstream, client: 192.0.2.9, server: shop, request: \"GET /b HTTP/1.1\", upstream: \"http://10.0.0.5:80/\", host: \"shop\"\n";
    // 60 requests of 30 s end in one minute.
    let slow = requests(60, 200, "10.0.0.5:80", 30_000);
    let said = claim("worker-connections", (&config, log, &slow));
    assert!(
        said.contains("31 attempts were at upstreams under way on average, two connections each; its 2 workers have 128 together"),
        "{said}"
    );
}

#[test]
fn a_limit_is_replayed_over_its_refusals() {
    let config = http(
        " limit_req_zone $binary_remote_addr zone=login:1m rate=60r/m;\n server { server_name shop; location / { limit_req zone=login burst=5; proxy_pass http://10.0.0.5; } }",
    );
    let message = "limiting requests, excess: 5.967 by zone \"login\"";
    let limited = errors(18, message, "10.0.0.5:80");
    let answers = requests(18, 503, "-", 0);
    let said = claim("rate-limited", (&config, &limited, &answers));
    assert!(
        said.contains("asked for about 120 requests a minute then, where the limit passes 60"),
        "{said}"
    );
    assert!(
        said.contains("burst=50 would have let through 18 of the 18"),
        "{said}"
    );
    assert!(!said.contains("was in force"), "{said}");
    // What a minute cannot drain is no burst.
    let many = errors(90, message, "10.0.0.5:80").replace("14:01", "14:00");
    let answers_to_many = requests(90, 503, "-", 0).replace("14:01", "14:00");
    let said = claim("rate-limited", (&config, &many, &answers_to_many));
    assert!(
        said.contains("even burst=50 would have let through only 45 of the 90"),
        "{said}"
    );
    // Where nothing joins, there is nothing to replay.
    assert!(!claim("rate-limited", (&config, &limited, "")).contains("Replayed"));
    let other = limited.replace("5.967", "20.100");
    let said = claim("rate-limited", (&config, &other, &answers));
    assert!(said.contains("burst=20 was in force then, not 5"), "{said}");
}

#[test]
fn max_fails_is_replayed_over_the_failures() {
    let log = format!(
        "{}{}{}",
        refused(1, "10.0.0.5:80"),
        refused(1, "10.0.0.6:80"),
        errors(9, "no live upstreams while connecting to upstream", "api")
    );
    let served = requests(1, 502, "10.0.0.5:80", 0) + &requests(9, 502, "api", 0);
    let said = claim("no-peer-left", (&http(GROUP), &log, &served));
    assert!(
        said.contains(
            "these values leave no peer for 10 s in all; with max_fails=3 it would have been 0 s, and more"
        ),
        "{said}"
    );
    let many = format!(
        "{}{}{}",
        refused(60, "10.0.0.5:80"),
        refused(60, "10.0.0.6:80"),
        errors(60, "no live upstreams while connecting to upstream", "api")
    );
    let said = claim("no-peer-left", (&http(GROUP), &many, &served));
    assert!(said.contains("no setting mends it"), "{said}");
}

#[test]
fn a_race_that_began_with_a_version() {
    let config = http(
        " upstream app { server 10.0.0.5:80; }\n server { location / { proxy_pass http://app; } }",
    );
    let start =
        |clock: &str, version: &str| format!("2026/11/20 {clock} [notice] 1#1: nginx/{version}\n");
    let cuts = errors(60, CUT, "10.0.0.5:80").replace("GET", "POST");
    let log = |versions: [&str; 2]| {
        format!(
            "{}{}{cuts}",
            start("13:00:00", versions[0]),
            start("13:59:00", versions[1])
        )
    };
    let cut: String = requests(60, 502, "10.0.0.5:80", 0).replace("GET", "POST");
    let served = cut + &requests(600, 200, "10.0.0.5:80", 3);
    let said = claim(
        "keepalive-race",
        (&config, &log(["1.28.0", "1.30.0"]), &served),
    );
    assert!(
        said.contains("It began after the start of nginx/1.30.0 at 13:59:00"),
        "{said}"
    );
    let said = claim(
        "keepalive-race",
        (&config, &log(["1.30.0", "1.30.0"]), &served),
    );
    assert!(!said.contains("It began after the start"), "{said}");
}

#[test]
fn what_is_told_of_an_upstream_follows_its_port_its_path_and_its_age() {
    let denied = |port: u16| {
        let upstream = format!("10.0.0.5:{port}");
        let message = format!(
            "connect() to {upstream} failed (13: Permission denied) while connecting to upstream"
        );
        let found = found(
            "connect-forbidden",
            &http(GROUP),
            &errors(9, &message, &upstream),
            "",
        );
        found[0]["advice"].to_string()
    };
    assert!(denied(5432).contains("setsebool -P httpd_can_network_connect_db 1"));
    assert!(denied(8080).contains("setsebool -P httpd_can_network_relay 1"));
    assert!(denied(3000).contains("semanage port -a -t http_port_t -p tcp 3000"));
    let at_30 = requests(9, 502, "10.0.0.5:80", 30_000);
    let cut = errors(9, CUT, "10.0.0.5:80");
    let said = claim("limit-of-upstream", (&http(GROUP), &cut, &at_30));
    assert!(said.contains("known for 30 s: gunicorn"), "{said}");
    let config = "user www-data;\n".to_owned()
        + &http(" server { location / { fastcgi_pass unix:/run/a.sock; } }");
    let missing = errors(
        9,
        "connect() to unix:/run/a.sock failed (2: No such file or directory) while connecting to upstream",
        "x",
    )
    .replace("http://x/a", "fastcgi://unix:/run/a.sock:");
    let said = claim("socket-missing", (&config, &missing, ""));
    assert!(
        said.contains("written in nginx.conf:4, and nginx's workers run as user www-data"),
        "{said}"
    );
    let config = http(
        " resolver 8.8.8.8;\n server { location / { set $b app.internal; proxy_pass http://$b; } }",
    );
    let unknown = errors(
        9,
        "app.internal could not be resolved (3: Host not found)",
        "x",
    )
    .replace(", upstream: \"http://x/a\"", "");
    let said = claim("dns-not-found", (&config, &unknown, ""));
    assert!(said.contains("8.8.8.8 is a public server"), "{said}");
    let config = http(
        " server { location / { proxy_ssl_verify on; proxy_ssl_trusted_certificate /etc/ca.pem; proxy_pass https://10.0.0.5:443; } }",
    );
    let verify = errors(
        9,
        "upstream SSL certificate verify error: (22:certificate chain too long) while SSL handshaking to upstream",
        "10.0.0.5:443",
    );
    let said = claim("tls-verify", (&config, &verify, ""));
    assert!(
        said.contains(
            "trusts who stands in /etc/ca.pem, with proxy_ssl_verify_depth 1 (its default)"
        ),
        "{said}"
    );
}

#[test]
fn clients_who_left_are_told_once() {
    let left = |upstream: &str, n: usize| {
        requests(n, 499, upstream, 10_000)
            .replace("us=\"499\"", "us=\"-\"")
            .replace("uht=\"0.001\"", "uht=\"-\"")
    };
    let served = left("10.0.0.5:80", 9) + &left("10.0.0.6:80", 12);
    let all = found(
        "clients-leave",
        &http(GROUP),
        &refused(1, "10.0.0.5:80"),
        &served,
    );
    let told: Vec<&str> = all
        .iter()
        .filter_map(|finding| finding["claim"].as_str())
        .filter(|claim| claim.contains("Over all upstreams"))
        .collect();
    assert_eq!(all.len(), 2);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("nginx would have waited 60 s: so the order of the timeouts is inverted"),
        "{told:?}"
    );
}
