//! A real nginx as the judge: what it dumps is what its files are, and what it refuses is what we say it refuses.

use crate::{config::shown, real_nginx::find_or_skip};
use coroner::{
    cli::nginx_config,
    config::{self, Family, ScopeKind, lint::lint, value},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A place for configurations that nginx can test without being root, and without touching anything else.
struct Bench {
    nginx: PathBuf,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Bench> {
        let nginx = find_or_skip()?;
        let dir = tempfile::tempdir().expect("a directory");
        Some(Bench { nginx, dir })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What stands before and after `http` so that nothing outside the directory is written.
    fn whole(&self, http: &str) -> String {
        let dir = self.path().display();
        let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {dir}/{name};"));
        format!(
            "pid {dir}/pid;\nerror_log {dir}/error.log;\nevents {{ }}\nhttp {{\naccess_log {dir}/access.log;\n{}\n{http}\n}}\n",
            temp.join(" ")
        )
    }

    fn run(&self, flag: &str, main: &Path) -> Output {
        Command::new(&self.nginx)
            .arg(flag)
            .arg("-e")
            .arg(self.path().join("error.log"))
            .arg("-c")
            .arg(main)
            .output()
            .expect("nginx starts")
    }

    /// What nginx says of a configuration with this in its `http`; `None`: it takes it.
    fn refusal(&self, http: &str) -> Option<String> {
        let main = self.path().join("nginx.conf");
        fs::write(&main, self.whole(http)).expect("written");
        let output = self.run("-t", &main);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some(said)
    }
}

#[test]
fn a_dump_is_what_the_files_are() {
    let Some(bench) = Bench::new() else { return };
    let dir = bench.path();
    fs::create_dir(dir.join("conf.d")).expect("made");
    let absolute = dir.join("proxy_params").display().to_string();
    let files = [
        ("conf.d/a.conf", "upstream a { server 127.0.0.1:1; } # end\r\nserver {\r\n  listen 127.0.0.1:18071;\r\n  location / { proxy_pass http://a; include proxy_params; }\r\n}".to_owned()),
        ("conf.d/b.conf", format!("log_format x escape=json '{{\"a\":'\n  '\"$status\", # no comment\n}}' \"\\t\\\"\";\nserver {{ server_name \"b\" c\\;d ${{host}}e; listen 127.0.0.1:18072; location ~ \"^/x{{2}}#\" {{ proxy_pass http://127.0.0.1:2; include {absolute}; }} }}\n")),
        ("conf.d/c.conf.bak", "broken {".to_owned()),
        ("conf.d/empty.conf", String::new()),
        ("proxy_params", "\n\n# configuration file of headers:\nproxy_set_header Host $http_host;\n\n".to_owned()),
    ];
    for (name, text) in &files {
        fs::write(dir.join(name), text).expect("written");
    }
    let main = dir.join("nginx.conf");
    let http = "map $http_upgrade $up { default \"\"; websocket upgrade; }\ninclude conf.d/*.conf;\ninclude no.d/*.conf;\ntypes { text/html html; }";
    fs::write(&main, bench.whole(http)).expect("written");
    let output = bench.run("-T", &main);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    let from_disk = nginx_config::read(&main).expect("read");
    assert!(from_disk.problems.is_empty(), "{:?}", from_disk.problems);
    assert!(shown(&from_disk).contains("c\\\\;d"));
    let stderr = &output.stderr[..];
    for mixed in [
        output.stdout.clone(),
        [stderr, &output.stdout].concat(),
        [&output.stdout, stderr].concat(),
    ] {
        let from_dump = config::read_dump(&mixed).expect("a dump");
        assert_eq!(shown(&from_dump), shown(&from_disk));
        assert!(from_dump.problems.is_empty(), "{:?}", from_dump.problems);
        assert_eq!(from_dump.files, from_disk.files);
    }
}

/// What nginx says, word for word in our claims.
#[test]
fn what_nginx_refuses_is_found() {
    let Some(bench) = Bench::new() else { return };
    let server = |inside: &str| format!("server {{ listen 127.0.0.1:18073; {inside} }}");
    for (http, said) in [
        (
            "proxy_read_timeout 5min;".to_owned(),
            "\"proxy_read_timeout\" directive invalid value",
        ),
        (
            "upstream a { }".to_owned(),
            "no servers are inside upstream",
        ),
        (
            "upstream a { server 127.0.0.1; } upstream a { server 127.0.0.1; }".to_owned(),
            "duplicate upstream \"a\"",
        ),
        (
            "upstream a { ip_hash; server 127.0.0.1; server 127.0.0.2 backup; }".to_owned(),
            "balancing method does not support parameter \"backup\"",
        ),
        (
            format!(
                "upstream b {{ server 127.0.0.1; }} {}",
                server("location / { proxy_pass http://b:3000; }")
            ),
            "upstream \"b\" may not have port 3000",
        ),
        (
            server("location ~ x { proxy_pass http://127.0.0.1/y; }"),
            "\"proxy_pass\" cannot have URI part",
        ),
        (
            server("location / { proxy_pass 127.0.0.1:80; }"),
            "invalid URL prefix",
        ),
        (
            server("location / { fastcgi_pass 127.0.0.1; }"),
            "no port in upstream",
        ),
        (
            server("location / { proxy_pass https://127.0.0.1; proxy_ssl_verify on; }"),
            "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
        ),
        (server("access_log /dev/null nosuch;"), "unknown log format"),
        (server("location / { health_check; }"), "unknown directive"),
        (server("a }"), "unexpected \"}\""),
        (server("} ;"), "unexpected \";\""),
        (server("server_name \"a\"b;"), "unexpected \"b\""),
        (
            "server { listen 127.0.0.1:18073;".to_owned(),
            "unexpected end of file, expecting \"}\"",
        ),
    ] {
        let nginx_says = bench
            .refusal(&http)
            .unwrap_or_else(|| panic!("nginx takes {http}"));
        assert!(nginx_says.contains(said), "{http}: {nginx_says}");
        let config = nginx_config::read(&bench.path().join("nginx.conf")).expect("read");
        let claims: Vec<String> = lint(&config)
            .into_iter()
            .map(|finding| finding.claim)
            .collect();
        assert!(
            claims.iter().any(|claim| claim.contains(said)),
            "{http}: {claims:?}"
        );
    }
}

#[test]
fn buffers_that_nginx_refuses_are_refused() {
    let Some(bench) = Bench::new() else { return };
    for size in ["4k", "14k", "15k", "64k"] {
        for buffers in ["8 4k", "4 32k", "2 16k"] {
            for busy in ["", "8k", "32k"] {
                let busy = if busy.is_empty() {
                    String::new()
                } else {
                    format!("proxy_busy_buffers_size {busy};")
                };
                let http = format!(
                    "proxy_buffer_size {size}; proxy_buffers {buffers}; {busy} server {{ listen 127.0.0.1:18074; }}"
                );
                let refusal = bench.refusal(&http);
                let config = nginx_config::read(&bench.path().join("nginx.conf")).expect("read");
                let server = config.scopes_of(ScopeKind::HttpServer).next().expect("one");
                let plan = config.buffer_plan(server, Family::Proxy).expect("sizes");
                match (plan.refusal(), refusal) {
                    (None, None) => {}
                    // Below the merge of buffers stands one more rule, of the file's own.
                    (None, Some(said)) if said.contains("temp_file_write_size") => {}
                    (Some(why), Some(said)) => assert!(said.contains(&why), "{http}: {why} {said}"),
                    (why, said) => panic!("{http}: we say {why:?}, nginx {said:?}"),
                }
            }
        }
    }
}

#[test]
fn times_and_sizes_that_nginx_refuses_are_refused() {
    let Some(bench) = Bench::new() else { return };
    for text in [
        "60", "60s", "500ms", "1h30m", "1m 30s", "1.5s", "5min", "1s1m", "1y", "1M", "1w", "1 1",
        "1s 1", "s", "1m1m", "10ms5",
    ] {
        let taken = bench
            .refusal(&format!("proxy_read_timeout \"{text}\";"))
            .is_none();
        assert_eq!(
            value::parse_milliseconds(text.as_bytes()).is_some(),
            taken,
            "{text}"
        );
    }
    for text in ["1y", "1M", "500ms", "10", "1d 2h", "1y1d", "1d1y"] {
        let taken = bench
            .refusal(&format!(
                "upstream a {{ server 127.0.0.1 \"fail_timeout={text}\"; }}"
            ))
            .is_none();
        assert_eq!(
            value::parse_seconds(text.as_bytes()).is_some(),
            taken,
            "{text}"
        );
    }
    for text in ["8k", "8K", "1m", "1g", "8kb", "k", "8.5k", "8192"] {
        let taken = bench
            .refusal(&format!("client_header_buffer_size {text};"))
            .is_none();
        assert_eq!(
            value::parse_size(text.as_bytes()).is_some(),
            taken,
            "{text}"
        );
        let taken = bench
            .refusal(&format!("client_max_body_size {text};"))
            .is_none();
        assert_eq!(
            value::parse_offset(text.as_bytes()).is_some(),
            taken,
            "{text}"
        );
    }
}
