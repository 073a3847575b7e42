//! What holds where in a configuration: inheritance, defaults by version, groups and their peers, passes, servers, locations.

use crate::config::read_files;
use coroner::config::{
    Balancing, Config, Effective, Family, Likeness, LocationKind, Origin, ScopeId, ScopeKind,
    Target, Version, location_of,
};

fn http(text: &str) -> Config {
    read_files(&[("nginx.conf", &format!("events {{}}\nhttp {{\n{text}\n}}\n"))])
}

/// The location with that pattern, or the server of that name, or the `http`.
fn scope(config: &Config, name: &str) -> ScopeId {
    let found = (0..config.scopes.len() as u32).map(ScopeId).find(|&id| {
        let opener = config.opener(id);
        match config.scope(id).kind {
            ScopeKind::Http => name == "http",
            ScopeKind::HttpServer => config
                .own(id, "server_name")
                .any(|names| names.arg(0) == name.as_bytes()),
            ScopeKind::Location => {
                opener.is_some_and(|location| location_of(location).1 == name.as_bytes())
            }
            ScopeKind::If => name == "if",
            ScopeKind::LimitExcept => name == "limit_except",
            _ => false,
        }
    });
    found.expect("there is such a scope")
}

/// What holds, as text; `-` for nothing.
#[track_caller]
fn holds(config: &Config, place: &str, directive: &str, want: &str) {
    let got = config.value_text(scope(config, place), directive);
    let got = got.map_or("-".to_owned(), |value| {
        String::from_utf8_lossy(&value).into_owned()
    });
    assert_eq!(got, want, "{directive} in {place}");
}

// --- Inheritance --------------------------------------------------------------------------------

const LEVELS: &str = "proxy_read_timeout 10s;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
access_log /a.log; access_log /b.log;
proxy_pass_header X;
server {
  server_name s;
  proxy_send_timeout 20s;
  location /one {
    proxy_pass http://10.0.0.1;
    proxy_read_timeout 300s;
    proxy_set_header Upgrade $http_upgrade;
    access_log off;
    location /one/two { proxy_read_timeout 1m; }
    if ($x) { proxy_connect_timeout 1s; }
    limit_except GET { deny all; }
  }
}";

#[test]
fn the_nearest_level_outwards_holds() {
    let config = http(LEVELS);
    holds(&config, "http", "proxy_read_timeout", "10s");
    holds(&config, "s", "proxy_read_timeout", "10s");
    holds(&config, "/one", "proxy_read_timeout", "300s");
    holds(&config, "/one/two", "proxy_read_timeout", "1m");
    holds(&config, "/one/two", "proxy_send_timeout", "20s");
    holds(&config, "if", "proxy_read_timeout", "300s");
    holds(&config, "if", "proxy_connect_timeout", "1s");
    holds(&config, "/one", "proxy_connect_timeout", "60s");
    let read = config
        .milliseconds(scope(&config, "/one"), "proxy_read_timeout")
        .expect("set");
    assert_eq!(read.value, 300_000);
    assert!(
        matches!(read.origin, Origin::Set(position) if config.cite(position) == "/etc/nginx/nginx.conf:13")
    );
}

#[test]
fn lists_replace_and_never_merge() {
    let config = http(LEVELS);
    holds(
        &config,
        "s",
        "proxy_set_header",
        "Host $host; X-Real-IP $remote_addr",
    );
    holds(&config, "/one", "proxy_set_header", "Upgrade $http_upgrade");
    holds(
        &config,
        "/one/two",
        "proxy_set_header",
        "Upgrade $http_upgrade",
    );
    holds(&config, "s", "access_log", "/a.log; /b.log");
    holds(&config, "/one", "access_log", "off");
    let header = |name: &str| {
        config
            .header(scope(&config, "/one"), "proxy_set_header", name)
            .map(|header| header.value)
    };
    assert_eq!(header("upgrade"), Some(&b"$http_upgrade"[..]));
    assert_eq!(header("host"), None);
}

#[test]
fn handlers_go_into_if_and_not_into_locations() {
    let config = http(LEVELS);
    let is_set = |place| !config.set(scope(&config, place), "proxy_pass").is_empty();
    assert!(is_set("/one") && is_set("if") && is_set("limit_except"));
    assert!(!is_set("/one/two") && !is_set("s"));
    let groups = config.groups();
    assert!(groups.pass_in(scope(&config, "if")).is_some());
    assert!(groups.pass_in(scope(&config, "/one/two")).is_none());
}

#[test]
fn defaults_depend_on_the_version() {
    let mut config = http("upstream g { server 10.0.0.1; }\nserver { server_name s; }");
    let told = |config: &Config| match config.effective(scope(config, "s"), "proxy_http_version") {
        Some(Effective::Default(default)) => (default.text, default.since, default.is_certain),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&config), ("1.0", None, false));
    assert_eq!(
        config
            .groups()
            .keepalive(config.groups().ids().next().expect("one"))
            .n_connections,
        0
    );
    config.version = Some(Version(1, 22, 1));
    assert_eq!(told(&config), ("1.0", None, true));
    config.version = Some(Version(1, 30, 0));
    assert_eq!(told(&config), ("1.1", Some(Version(1, 29, 7)), true));
    let keepalive = config
        .groups()
        .keepalive(config.groups().ids().next().expect("one"));
    assert_eq!(
        (
            keepalive.n_connections,
            keepalive.position,
            keepalive.is_certain
        ),
        (32, None, true)
    );
    assert!(config.effective(scope(&config, "s"), "nosuch").is_none());
    assert!(config.effective(scope(&config, "s"), "resolver").is_none());
}

#[test]
fn stream_and_core_have_directives_of_the_same_name() {
    let config = read_files(&[(
        "nginx.conf",
        "worker_processes auto;\nevents { worker_connections 768; }\nstream {\n upstream db { server 10.0.0.1:5432; }\n server { listen 1; proxy_pass db; proxy_timeout 1h; }\n}\nhttp {}",
    )]);
    let server = config.servers()[0].scope;
    assert_eq!(
        config
            .bytes(server, "proxy_buffer_size")
            .map(|size| size.value),
        Some(16_384)
    );
    let groups = config.groups();
    let timeouts = config.timeouts(server, groups.passes[0].family);
    assert_eq!(timeouts.read.map(|read| read.value), Some(3_600_000));
    assert_eq!(
        groups.passes[0].target,
        Target::Group(groups.ids().next().expect("one"))
    );
    let events = config.scopes_of(ScopeKind::Events).next().expect("one");
    assert_eq!(
        config.number(events, "worker_connections").map(|n| n.value),
        Some(768)
    );
    assert_eq!(
        config
            .words(config.main(), "worker_processes")
            .map(|words| words.value),
        Some(vec![&b"auto"[..]])
    );
    assert_eq!(
        config.flag(config.main(), "daemon").map(|flag| flag.value),
        Some(true)
    );
    assert_eq!(config.number(config.main(), "worker_rlimit_nofile"), None);
}

// --- Groups -------------------------------------------------------------------------------------

const GROUPS: &str = "upstream App {
  zone app 64k;
  least_conn;
  server 10.0.0.5:3001 weight=5 max_fails=3 fail_timeout=30s max_conns=100 slow_start=1m;
  server [fe80::5]:3001 backup;
  server unix:/run/app.sock down;
  server app.internal resolve;
  keepalive 16;
}
upstream plain { server 10.0.0.9; }
server {
  server_name s;
  location /a { proxy_pass http://app; proxy_read_timeout 5s; }
  location /a2 { proxy_pass http://APP/x; }
  location /b { proxy_pass https://10.0.0.7; }
  location /c { fastcgi_pass unix:/run/php.sock; fastcgi_read_timeout 5s; }
  location /d { proxy_pass http://127.0.0.1:3000$request_uri; }
  location /e { proxy_pass http://$backend; }
  location /f { proxy_pass http://unix:/run/app2.sock:/uri; }
  location /g { grpc_pass grpcs://g.internal; }
  location /h { proxy_pass https://10.0.0.7/other; }
  location /i { uwsgi_pass suwsgi://10.0.0.8:3031; }
}";

#[test]
fn peers_have_parameters_and_defaults() {
    let config = http(GROUPS);
    let groups = config.groups();
    let app = &groups.groups[0];
    let peer = &app.peers[0];
    assert_eq!(
        (
            peer.weight,
            peer.max_fails,
            peer.fail_timeout_s,
            peer.max_conns,
            peer.slow_start_s
        ),
        (5, 3, 30, 100, 60)
    );
    let flags: Vec<(bool, bool, bool)> = app
        .peers
        .iter()
        .map(|peer| (peer.is_backup, peer.is_down, peer.is_resolved))
        .collect();
    assert_eq!(
        flags,
        [
            (false, false, false),
            (true, false, false),
            (false, true, false),
            (false, false, true)
        ]
    );
    let addresses: Vec<String> = app
        .peers
        .iter()
        .map(|peer| peer.address.as_ref().expect("one").to_string())
        .collect();
    assert_eq!(
        addresses,
        [
            "10.0.0.5:3001",
            "[fe80::5]:3001",
            "unix:/run/app.sock",
            "app.internal:80"
        ]
    );
    let id = groups.named(b"app")[0];
    assert!(matches!(groups.balancing(id), Balancing::Method(method) if method.is("least_conn")));
    assert_eq!(groups.zone(id).map(|zone| zone.arg(1)), Some(&b"64k"[..]));
    assert_eq!(groups.keepalive(id).n_connections, 16);
    let plain = &groups.groups[1].peers[0];
    assert_eq!(
        (
            plain.weight,
            plain.max_fails,
            plain.fail_timeout_s,
            plain.has_port
        ),
        (1, 1, 10, false)
    );
    assert!(groups.groups[1].is_single() && !app.is_single());
}

#[test]
fn every_address_in_a_pass_is_a_group() {
    let config = http(GROUPS);
    let groups = config.groups();
    let names: Vec<String> = groups
        .groups
        .iter()
        .map(|group| String::from_utf8_lossy(&group.name).into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "App",
            "plain",
            "10.0.0.7:443",
            "unix:/run/php.sock",
            "127.0.0.1:3000",
            "unix:/run/app2.sock",
            "g.internal:443",
            "10.0.0.8:3031"
        ]
    );
    let told: Vec<(Family, &str, bool, Option<&[u8]>)> = groups
        .passes
        .iter()
        .map(|pass| {
            (
                pass.family,
                pass.scheme,
                matches!(pass.target, Target::Group(_)),
                pass.uri,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Family::Proxy, "http", true, None),
            (Family::Proxy, "http", true, Some(&b"/x"[..])),
            (Family::Proxy, "https", true, None),
            (Family::Fastcgi, "fastcgi", true, None),
            (Family::Proxy, "http", true, None),
            (Family::Proxy, "http", false, None),
            (Family::Proxy, "http", true, Some(&b"/uri"[..])),
            (Family::Grpc, "grpcs", true, None),
            (Family::Proxy, "https", true, Some(&b"/other"[..])),
            (Family::Uwsgi, "suwsgi", true, None),
        ]
    );
    assert_eq!(groups.passes[5].target, Target::Variable);
    assert!(groups.passes[4].is_at_run_time && !groups.passes[3].is_at_run_time);
}

#[test]
fn peers_of_a_log_are_found_in_their_groups() {
    let config = http(GROUPS);
    let groups = config.groups();
    let of = |address: &str| -> Vec<(String, usize, Likeness)> {
        let found = groups.of_peer(address.as_bytes()).into_iter();
        found
            .map(|(id, peer, likeness)| {
                (
                    String::from_utf8_lossy(&groups.group(id).name).into_owned(),
                    peer,
                    likeness,
                )
            })
            .collect()
    };
    let same = |name: &str, peer| vec![(name.to_owned(), peer, Likeness::Same)];
    assert_eq!(of("10.0.0.5:3001"), same("App", 0));
    assert_eq!(of("[fe80:0:0:0:0:0:0:5]:3001"), same("App", 1));
    assert_eq!(of("unix:/run/app.sock"), same("App", 2));
    assert_eq!(of("10.0.0.9:80"), same("plain", 0));
    assert_eq!(of("10.0.0.7:443"), same("10.0.0.7:443", 0));
    assert_eq!(of("unix:/run/app2.sock:"), same("unix:/run/app2.sock", 0));
    assert!(of("10.0.0.5:3002").is_empty());
    assert_eq!(
        of("192.0.2.1:80"),
        [("App".to_owned(), 3, Likeness::ByName)]
    );
    assert!(of("nonsense:").is_empty());
}

#[test]
fn values_differ_between_the_passes_of_a_group() {
    let config = http(GROUPS);
    let groups = config.groups();
    let app = groups.named(b"app")[0];
    let places: Vec<String> = groups
        .passes_to(app)
        .map(|pass| config.name_of(pass.scope))
        .collect();
    assert_eq!(places, ["server s, location /a", "server s, location /a2"]);
    let values: Vec<(String, usize)> = groups
        .values(app, "*_read_timeout")
        .into_iter()
        .map(|(value, scopes)| (String::from_utf8_lossy(&value).into_owned(), scopes.len()))
        .collect();
    assert_eq!(values, [("5s".to_owned(), 1), ("60s".to_owned(), 1)]);
    let php = groups.named(b"unix:/run/php.sock")[0];
    assert_eq!(groups.values(php, "*_read_timeout")[0].0, b"5s");
    assert_eq!(groups.named(b"10.0.0.7").len(), 1);
}

// --- Servers and locations ----------------------------------------------------------------------

#[test]
fn servers_are_found_by_their_first_name_as_written() {
    let config = http(
        "server { listen 80; server_name _ a; }\nserver { listen [::]:443 ssl; server_name B.example a; }\nserver { }\nserver { server_name _; listen *:81 default_server; }",
    );
    let lines = |name: &str| -> Vec<u32> {
        config
            .servers_named(name.as_bytes())
            .iter()
            .map(|server| server.position.line)
            .collect()
    };
    assert_eq!(lines("_"), [3, 6]);
    assert!(lines("a").is_empty());
    assert_eq!(lines("B.example"), [4]);
    assert_eq!(lines(""), [5]);
    let listens: Vec<String> = config
        .servers()
        .iter()
        .flat_map(|server| server.listens.clone())
        .map(|listen| {
            format!(
                "{}{}",
                String::from_utf8_lossy(&listen.address),
                if listen.is_default() { " default" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        listens,
        ["0.0.0.0:80", "[::]:443", "0.0.0.0:80", "0.0.0.0:81 default"]
    );
}

#[test]
fn hosts_are_served_by_the_best_name() {
    let config = http(
        "server { listen 80; server_name www.example.com; }
server { listen 80; server_name *.example.com; }
server { listen 80; server_name .sub.example.com; }
server { listen 80; server_name www.*; }
server { listen 81; server_name WWW.example.com; }
server { listen 80; server_name ~^(.+)$; }",
    );
    let lines = |host: &str| -> Vec<u32> {
        let servers = config.servers_for_host(host.as_bytes());
        servers
            .iter()
            .map(|server| server.position.line - 2)
            .collect()
    };
    assert_eq!(lines("www.Example.com"), [1, 5]);
    assert_eq!(lines("a.example.com"), [2]);
    assert_eq!(lines("sub.example.com"), [3]);
    assert_eq!(lines("a.sub.example.com"), [3]);
    assert_eq!(lines("www.org"), [4]);
    assert!(lines("example.com").is_empty() && lines("xexample.com").is_empty());
}

#[test]
fn locations_are_chosen_by_their_rules() {
    let config = http(
        "server { server_name s;
  location = /exact { }
  location / { location ~ inner { } location /deep { } }
  location /images/ { }
  location ^~ /static/ { location ~ nested { } }
  location ~ \\.php$ { }
  location ~*\\.jpg$ { }
  location @named { }
}",
    );
    let server = scope(&config, "s");
    let met = |path: &str| {
        let met = config.location_for(server, path.as_bytes());
        let name = |id: ScopeId| {
            config.opener(id).map_or("server".to_owned(), |opener| {
                String::from_utf8_lossy(&opener.args().join(&b' ')).into_owned()
            })
        };
        let unless: Vec<String> = met.unless_matched.iter().map(|&id| name(id)).collect();
        (name(met.scope), unless.join(", "))
    };
    let told = |place: &str, unless: &str| (place.to_owned(), unless.to_owned());
    assert_eq!(met("/exact"), told("= /exact", ""));
    assert_eq!(
        met("/exact/more"),
        told("/", "~ inner, ~ \\.php$, ~*\\.jpg$")
    );
    assert_eq!(
        met("/deep/x"),
        told("/deep", "~ inner, ~ \\.php$, ~*\\.jpg$")
    );
    assert_eq!(met("/images/a"), told("/images/", "~ \\.php$, ~*\\.jpg$"));
    assert_eq!(met("/static/a"), told("^~ /static/", "~ nested"));
    assert!(config.location_for(server, b"/exact").is_certain());
    let named = config.opener(scope(&config, "@named")).expect("a location");
    assert_eq!(location_of(named).0, LocationKind::Named);
}

// --- Buffers ------------------------------------------------------------------------------------

/// The table of what `nginx -t` says, found with nginx 1.22.1.
#[test]
fn buffers_add_up_or_do_not() {
    for (text, is_taken) in [
        ("", true),
        ("proxy_buffer_size 128k;", false),
        ("proxy_buffer_size 64k;", false),
        ("proxy_buffer_size 14k;", true),
        ("proxy_buffer_size 15k;", false),
        (
            "proxy_buffer_size 128k; proxy_buffers 4 256k; proxy_busy_buffers_size 256k;",
            true,
        ),
        (
            "proxy_buffer_size 32k; proxy_buffers 4 32k; proxy_busy_buffers_size 128k;",
            false,
        ),
        ("proxy_buffers 1 64k;", false),
        ("proxy_busy_buffers_size 2k;", false),
    ] {
        let config = http(&format!("{text}\nserver {{ server_name s; }}"));
        let plan = config
            .buffer_plan(scope(&config, "s"), Family::Proxy)
            .expect("sizes");
        assert_eq!(
            plan.refusal().is_none(),
            is_taken,
            "{text}: {:?}",
            plan.refusal()
        );
        // What is advised instead is taken.
        let [size, buffers, busy] = plan.advice(20_000);
        let config = http(&format!(
            "proxy_buffer_size {size}; proxy_buffers {buffers}; proxy_busy_buffers_size {busy};\nserver {{ server_name s; }}"
        ));
        let plan = config
            .buffer_plan(scope(&config, "s"), Family::Proxy)
            .expect("sizes");
        assert_eq!(plan.refusal(), None, "{size} {buffers} {busy}");
    }
    let config = http("fastcgi_buffer_size 32k; fastcgi_buffers 8 16k;\nserver { server_name s; }");
    let plan = config
        .buffer_plan(scope(&config, "s"), Family::Fastcgi)
        .expect("sizes");
    assert_eq!(plan.refusal(), None);
    assert!(
        config
            .buffer_plan(scope(&config, "s"), Family::Grpc)
            .is_none()
    );
}
