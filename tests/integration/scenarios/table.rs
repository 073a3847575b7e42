//! The table: one scenario a row. `row(location, what nginx is told, what is asked, what the client sees, why)`; `then` asks again.

use super::{
    fakes::Deed,
    world::{
        Ask, Odd,
        What::{self, Do, Get, Leave, LeaveSending, Post, PostDo},
        World, why,
    },
};

const NOTHING: (&str, &str) = ("", "");
const IN_MEMORY: &str = "client_body_buffer_size 16m;";
/// Large enough that no pair of socket buffers swallows it.
const FLOOD: What = Post(12 << 20);

fn proxy(to: &str) -> String {
    let colon = if to.starts_with("unix:") { ":" } else { "" };
    format!("proxy_pass http://{to}{colon};")
}

/// A proxy that waits so long for anything.
fn hasty(to: &str) -> String {
    let patience =
        "proxy_connect_timeout 800ms; proxy_send_timeout 800ms; proxy_read_timeout 800ms;";
    proxy(to) + patience
}

fn tls(to: &str, told: &str) -> String {
    format!("proxy_pass https://{to}; proxy_connect_timeout 800ms; {told}")
}

fn fastcgi(to: &str) -> String {
    format!("fastcgi_pass {to}; fastcgi_param REQUEST_METHOD $request_method;")
}

fn server(peers: &[&str]) -> String {
    peers
        .iter()
        .map(|peer| format!("server {peer}; "))
        .collect()
}

#[rustfmt::skip] // A table: one scenario, one line.
pub(super) fn scenarios(w: &mut World, odd: &Odd) {
    let told = w.told();
    let t = told.as_str();
    let good = w.fake(Deed::Answer(200));
    let silent = w.fake(Deed::Silent);
    let dead = w.closed();

    // Connecting.
    w.row("refused",        proxy(&dead),                        Get,          502, ("refused", &dead));
    if let Some(to) = w.closed_v6() {
        w.row("v6-refused", proxy(&to),                          Get,          502, ("refused", &to));
    }
    let to = w.stale_socket();
    w.row("unix-refused",   proxy(&to),                          Get,          502, ("refused", &to));
    let to = w.missing_socket();
    w.row("unix-missing",   proxy(&to),                          Get,          502, ("socket-missing", &to));
    if let Some(to) = w.forbidden_socket() {
        w.row("unix-denied", proxy(&to),                         Get,          502, ("permission", &to));
    }
    if let Some(to) = odd.full_unix() {
        w.row("unix-full",  proxy(&to),                          Get,          502, ("resource-exhausted", &to));
    }
    if let Some(to) = odd.full_tcp() {
        w.row("connect-timeout", hasty(to),                      Get,          504, ("timeout", to));
        w.row("connect-left", proxy(to),                         Leave(300),   499, ("client-abort", to));
    }
    // The broadcast address of loopback: Linux has no route for TCP.
    let to = "127.255.255.255:80";
    w.row("no-route",       proxy(to),                           Get,          502, ("unreachable", to));
    w.row("foreign-bind",   proxy(t) + "proxy_bind 192.0.2.1;",  Get,          500, ("resource-exhausted", ""));

    // TLS toward the upstream.
    if odd.has_tls {
        let (to, dir) = (odd.tls(), odd.dir.display());
        let verify = |name: &str| format!("proxy_ssl_verify on; proxy_ssl_trusted_certificate {dir}/{name}.pem; proxy_ssl_session_reuse off;");
        w.row("tls-good",   tls(&to, ""),                        Get,          200, NOTHING);
        w.row("tls-verify", tls(&to, &verify("other")),          Get,          502, ("tls", &to));
        w.row("tls-name",   tls(&to, &verify("trusted")),        Get,          502, ("tls", &to));
        w.row("tls-to-plain-http", proxy(&to),                   Get,          400, NOTHING);
    }
    let to = w.fake(Deed::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    w.row("tls-plain-peer", tls(&to, ""),                        Get,          502, ("tls", &to));
    let to = w.fake(Deed::Raw(b""));
    w.row("tls-closed",     tls(&to, ""),                        Get,          502, ("tls", &to));
    let to = w.fake(Deed::Deaf);
    w.row("tls-silent",     tls(&to, ""),                        Get,          504, ("timeout", &to));

    // Sending the request.
    w.row("send-timeout",   hasty(&to) + IN_MEMORY,              FLOOD,        504, ("timeout", &to));
    let to = w.fake(Deed::Reset);
    w.row("send-reset",     proxy(&to) + IN_MEMORY,              FLOOD,        502, ("reset", &to));

    // Waiting for the header.
    w.row("header-timeout", hasty(t),                            Do("silent"), 504, ("timeout", t));
    w.row("closed",         proxy(t),                            Do("close"),  502, ("premature-close", t));
    let to = w.fake(Deed::Reset);
    w.row("reset",          proxy(&to),                          Post(9_000),  502, ("reset", &to));
    w.row("big-header",     proxy(t),                            Do("big-header"), 502, ("buffer", t));
    w.row("bad-header",     proxy(t),                            Do("bad-header"), 502, ("invalid-response", t));
    let to = w.fake(Deed::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"));
    w.row("ssh",            proxy(&to),                          Get,          0,   ("invalid-response", &to));

    // The answer has begun: clients see what it says, and that it is cut.
    w.row("body-timeout",   hasty(t),                            Do("half-silent"), 200, NOTHING);
    w.row("body-cut",       proxy(t),                            Do("half"),   200, NOTHING);
    w.row("bad-chunk",      proxy(t),                            Do("bad-chunk"), 0, NOTHING);

    // The upstream itself answers so.
    w.row("own-502",        proxy(t),                            Do("502"),    502, ("upstream-5xx", t));
    w.row("own-503",        proxy(t),                            Do("503"),    503, ("upstream-5xx", t));
    w.row("own-504",        proxy(t),                            Do("504"),    504, ("upstream-5xx", t));
    w.row("own-500",        proxy(t),                            Do("500"),    500, ("upstream-5xx", t));
    w.row("own-404",        proxy(t),                            Do("404"),    404, NOTHING);
    let page = "proxy_intercept_errors on; error_page 503 /sorry.html;";
    w.row("intercepted",    proxy(t) + page,                     Do("503"),    503, ("upstream-5xx", t));

    // Groups.
    let lost = w.closed();
    w.group("half", &server(&[&format!("{lost} max_fails=0"), &format!("{t} backup max_fails=0")]));
    let lost_half = lost.clone();
    w.row("masked",         proxy("half"),                       Get,          200, ("refused", &lost));
    w.row("masked-then-cut", proxy("half"),                      Do("close"),  502, ("premature-close", t));
    w.row("masked-then-own", proxy("half"),                      Do("502"),    502, ("upstream-5xx", t));
    let (one, two) = (w.closed(), w.closed());
    w.group("dead", &server(&[&one, &format!("{two} backup")]));
    w.row("all-dead",       proxy("dead"),                       Get,          502, ("refused", &two));
    w.then(                                                      Get,          502, ("no-live-upstreams", "dead"));
    let (one, two) = (w.fake(Deed::Close), w.fake(Deed::Silent));
    w.group("close_silent", &server(&[&one, &format!("{two} backup")]));
    w.row("cut-then-timeout", hasty("close_silent"),             Get,          504, ("timeout", &two));
    let (one, two) = (w.fake(Deed::Silent), w.closed());
    w.group("silent_dead", &server(&[&one, &format!("{two} backup")]));
    w.row("timeout-then-refused", hasty("silent_dead"),          Get,          502, ("refused", &two));
    let (one, two) = (w.fake(Deed::Silent), w.fake(Deed::Silent));
    w.group("silent_silent", &server(&[&one, &format!("{two} backup")]));
    w.row("timeout-then-left", hasty("silent_silent"),           Leave(1_200), 499, ("client-abort", &two));
    let one = w.fake(Deed::Close);
    w.group("close_good", &server(&[&one, &format!("{good} backup")]));
    w.row("post-not-retried", proxy("close_good"),               Post(10),     502, ("premature-close", &one));
    let one = w.fake(Deed::Answer(503));
    w.group("busy_good", &server(&[&one, &format!("{good} backup")]));
    let next = "proxy_next_upstream error timeout http_503;";
    w.row("busy-retried",   proxy("busy_good") + next,           Get,          200, ("upstream-5xx", &one));
    let one = w.fake(Deed::Close);
    w.group("close_dead", &server(&[&format!("{one} max_fails=0"), &format!("{dead} down")]));
    w.row("one-left",       proxy("close_dead"),                 Get,          502, ("premature-close", &one));
    w.group("down", &server(&[&format!("{good} down")]));
    w.row("all-down",       proxy("down"),                       Get,          502, ("no-live-upstreams", "down"));
    w.group("narrow", &server(&[&format!("{silent} max_conns=1")]));
    w.crowd("narrow",       hasty("narrow"), 4, &[""],                              ("no-live-upstreams", "narrow"));

    // Connections kept alive.
    w.group("kept", &format!("server {t}; keepalive 8;"));
    let keep = proxy("kept") + "proxy_set_header Connection \"\"; proxy_next_upstream_tries 9;";
    w.location("kept", &keep);
    let (get, post) = (Do("once"), PostDo("once"));
    let talk = [(get, 200, NOTHING), (get, 200, ("premature-close", t)), (post, 502, ("premature-close", t)), (get, 200, NOTHING)];
    w.talk(false, talk.map(|(what, status, (category, upstream))| Ask::new("kept", what, status, why(category, upstream))).into());
    w.group("idle", &format!("server {t}; keepalive 8;"));
    let keep = proxy("idle") + "proxy_set_header Connection \"\";";
    w.row("kept-idle",      &keep,                               Do("idle"),   200, NOTHING);
    w.wait(300);
    w.then(                                                      Do("idle"),   200, NOTHING);

    // Names.
    let resolver = w.fakes.open_resolver();
    let known = |resolver: &str| format!("resolver {resolver} ipv6=off; resolver_timeout 500ms; set $peer a.invalid; {}", proxy("$peer"));
    w.row("dns-none",       known(&resolver),                    Get,          502, ("dns", ""));
    w.row("dns-down",       known(&dead),                        Get,          502, ("dns", ""));
    w.row("dns-no-resolver", "set $peer b.invalid; ".to_owned() + &proxy("$peer"), Get, 502, ("dns", ""));

    // The gateway itself.
    w.row("returned",       "return 502;",                       Get,          502, ("other", ""));
    w.row("maintenance",    "return 503;",                       Get,          503, ("other", ""));
    w.row("cycle",          "rewrite ^ /cycle last;",            Get,          500, ("config", ""));
    w.row("bad-port",       "set $peer 127.0.0.1:99999; ".to_owned() + &proxy("$peer"), Get, 500, ("config", ""));
    w.row("limited",        proxy(&good) + "limit_req zone=one;", Get,         200, NOTHING);
    w.then(                                                      Get,          503, ("rate-limited", ""));
    w.crowd("limited-conn", hasty(&silent) + "limit_conn conn 1;", 4, &[""],        ("rate-limited", ""));
    w.row("too-large",      proxy(&good) + "client_max_body_size 1k;", Post(2_000), 413, NOTHING);

    // Subrequests and redirects within.
    let (auth, page) = (w.closed(), w.closed());
    w.location("=/-auth",  &format!("internal; {}", proxy(&auth)));
    w.location("=/-auth-own", &format!("internal; {}", proxy(t)));
    w.row("auth-refused",   proxy(&good) + "auth_request /-auth;", Get,        500, ("refused", &auth));
    w.row("auth-own-500",   proxy(&good) + "auth_request /-auth-own;", Do("500"), 500, ("access-denied", ""));
    w.row("auth-401",       proxy(&good) + "auth_request /-auth-own;", Do("401"), 401, NOTHING);
    w.location("=/-hidden", &format!("internal; {}", proxy(&page)));
    w.row("accel-refused",  proxy(t),                            Do("accel"),  502, ("refused", &page));
    w.row("page-200",       proxy(&dead) + "error_page 502 =200 /sorry.html;", Get, 200, ("refused", &dead));
    w.row("page-502",       proxy(&dead) + "error_page 502 /sorry.html;", Get, 502, ("refused", &dead));
    w.row("page-missing",   proxy(&dead) + "error_page 502 /none.html;", Get,  404, ("refused", &dead));
    w.location("@good",     &proxy(&good));
    w.location("@told",     &proxy(t));
    w.location("@dead",     &proxy(&page));
    w.row("fallback-good",  proxy(&dead) + "error_page 502 = @good;", Get,     200, ("refused", &dead));
    w.row("fallback-dead",  proxy(&dead) + "error_page 502 = @dead;", Get,     502, ("refused", &page));
    w.row("fallback-own",   proxy(&dead) + "error_page 502 = @told;", Do("500"), 500, ("upstream-5xx", t));
    w.row("fallback-cut",   proxy("half") + "error_page 502 = @told; proxy_next_upstream off;", Do("close"), 502, ("premature-close", t));

    w.row("intercepted-fallback", proxy(t) + "proxy_intercept_errors on; error_page 502 = @good;", Do("502"), 200, ("upstream-5xx", t));
    w.row("page-twice",     proxy(&dead) + "recursive_error_pages on; error_page 502 = @dead;", Get, 502, ("refused", &page));
    let mirror = w.closed();
    w.location("=/-mirror", &format!("internal; {}", proxy(&mirror)));
    w.row("mirrored",       proxy(&good) + "mirror /-mirror;",   Get,          200, NOTHING);
    w.row("mirrored-cut",   proxy(t) + "mirror /-mirror;",       Do("close"),  502, ("premature-close", t));
    w.row("auth-timeout",   proxy(&good) + "auth_request /-auth-slow;", Get,   500, ("timeout", &silent));
    w.location("=/-auth-slow", &format!("internal; {}", hasty(&silent)));
    let one = w.fake(Deed::Close);
    w.group("cut_cut", &server(&[&format!("{one} max_fails=0"), &format!("{t} backup max_fails=0")]));
    let next = "proxy_next_upstream error timeout non_idempotent;";
    w.row("post-retried",   proxy("cut_cut") + next,             PostDo("200"), 200, ("premature-close", &one));
    w.row("post-retried-cut", proxy("cut_cut") + next,           PostDo("close"), 502, ("premature-close", t));
    w.row("tries-over",     proxy("half") + "proxy_next_upstream_tries 1;", Get, 502, ("refused", &lost_half));

    // The cache.
    let stale = "proxy_cache stale; proxy_cache_valid 200 1s; proxy_cache_use_stale error timeout; proxy_cache_key $uri;";
    w.row("stale",          proxy(t) + stale,                    Do("200"),    200, NOTHING);
    w.wait(2_200);
    w.then(                                                      Do("close"),  200, ("premature-close", t));

    // Other protocols than HTTP.
    let (lost, cut, mute) = (w.closed(), w.fake(Deed::Close), w.fake(Deed::Silent));
    w.row("fastcgi-refused", fastcgi(&lost),                     Get,          502, ("refused", &lost));
    w.row("fastcgi-cut",    fastcgi(&cut),                       Get,          502, ("premature-close", &cut));
    w.row("fastcgi-silent", fastcgi(&mute) + "fastcgi_read_timeout 800ms;", Get,          504, ("timeout", &mute));
    let http = w.fake(Deed::Raw(b"HTTP/1.1 200 OK\r\n\r\n"));
    w.row("fastcgi-to-http", fastcgi(&http),                     Get,          502, ("invalid-response", &http));
    w.row("uwsgi-refused",  format!("uwsgi_pass {lost};"),       Get,          502, ("refused", &lost));
    w.row("uwsgi-cut",      format!("uwsgi_pass {cut};"),        Get,          502, ("premature-close", &cut));
    w.row("scgi-refused",   format!("scgi_pass {lost};"),        Get,          502, ("refused", &lost));
    w.row("scgi-cut",       format!("scgi_pass {cut};"),         Get,          502, ("premature-close", &cut));
    w.row("grpc-refused",   format!("grpc_pass grpc://{lost};"), Get,          502, ("refused", &lost));
    w.row("grpc-cut",       format!("grpc_pass grpc://{cut};"),  Get,          502, ("premature-close", &cut));
    w.row("grpc-to-http",   format!("grpc_pass grpc://{http};"), Get,          502, ("invalid-response", &http));
    w.row("memcached",      format!("set $memcached_key a; memcached_pass {lost};"), Get, 502, ("refused", &lost));

    // Clients that leave.
    w.row("left-waiting",   proxy(&silent),                      Leave(300),   499, ("client-abort", &silent));
    w.row("left-sending",   proxy(&silent) + "proxy_request_buffering off;", LeaveSending, 0, NOTHING); // nginx: 400
    w.row("left-ignored",   hasty(&silent) + "proxy_ignore_client_abort on;", Leave(100), 499, ("timeout", &silent));

    // One connection, many requests: all with the same number.
    let talk = |name: &str| {
        let asks = [("refused", Get, 502, why("refused", &dead)), ("closed", Do("close"), 502, why("premature-close", t)),
            ("own-502", Do("502"), 502, why("upstream-5xx", t)), ("closed", Do("big-header"), 502, why("buffer", t)),
            ("masked", Get, 200, why("", "")), ("header-timeout", Do("silent"), 504, why("timeout", t)),
            ("closed", Do("close"), 502, why("premature-close", t)), ("closed", Do("200"), 200, why("", ""))];
        asks.map(|(place, what, status, why)| Ask::new(&format!("{place}?{name}"), what, status, why)).into_iter()
            .filter(|ask| !ask.uri.contains("masked")).collect::<Vec<Ask>>()
    };
    w.talk(false, talk("talk"));
    w.talk(true, talk("pipelined"));

    // Streams of one connection: the same number for all, and all at once.
    if odd.has_http2 {
        let asks = talk("streams").into_iter().chain([
            Ask::new("left-waiting?streams", Leave(400), 499, why("client-abort", &silent)),
            Ask::new("returned?streams", Get, 502, why("other", "")),
            Ask::new("all-down?streams", Get, 502, why("no-live-upstreams", "down")),
        ]);
        w.streams(asks.collect());
        let to = w.told();
        w.location("crowd-alike-streams", &(proxy(&to) + "proxy_next_upstream off;"));
        let deeds = ["close", "big-header", "502", "200"].iter().cycle().take(40);
        let alike = deeds.map(|deed| Ask { status: None, ..Ask::new("crowd-alike-streams", Do(deed), 0, why("", "")) });
        w.streams(alike.collect());
    }

    // Without a line in any access log: clients see it, and records tell of it.
    let off = "access_log off;";
    w.row("quiet-refused",  proxy(&dead) + off,                  Get,          502, ("refused", &dead));
    w.row("quiet-closed",   proxy(t) + off,                      Do("close"),  502, ("premature-close", t));
    w.row("quiet-timeout",  hasty(t) + off,                      Do("silent"), 504, ("timeout", t));

    // Long request lines: nginx cuts records at 2,048 bytes.
    w.location("long/", &proxy(t));
    w.location("lone/", &proxy(&lost));
    for len in (1_700..=2_300).step_by(10) {
        let name = format!("{:x<len$}", "lone/");
        w.ask(Ask::new(&name, Get, 502, why("refused", &lost)));
        let name = format!("{:x<len$}", "long/");
        w.ask(Ask::new(&name, Do("close"), 502, why("premature-close", t)));
    }

    // The same client and URI, many in a second.
    let quick = "proxy_next_upstream off;";
    let to = w.told();
    w.group("mixed", &server(&[&format!("{to} max_fails=0"), &format!("{dead} max_fails=0")]));
    let deeds = ["close", "502", "200", "silent", "503", "200"];
    let patience = "proxy_read_timeout 900ms;";
    w.crowd("crowd",        proxy("mixed") + quick + patience, 120, &deeds, ("refused", &dead));
    let (to, crowd) = (w.told(), ["close", "200", "502"]);
    w.crowd("crowd-one",    proxy(&to) + quick, 60, &crowd, NOTHING);
    // Records that access lines cannot tell apart.
    let (to, alike) = (w.told(), ["close", "big-header", "bad-header", "502", "200"]);
    w.crowd("crowd-alike",  proxy(&to) + quick, 60, &alike, NOTHING);
}

/// So few connections that some clients of the gateway leave none for their upstream.
pub(super) fn exhausted(w: &mut World) {
    let silent = w.fake(Deed::Silent);
    w.crowd(
        "crowd",
        hasty(&silent),
        12,
        &[""],
        ("resource-exhausted", ""),
    );
}
