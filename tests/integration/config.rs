//! The nginx configuration as a model: from dumps, files and directories; and what the program says of it.

use crate::support::{root, run, run_with_input, status, stderr, stdout};
use coroner::config::{self, Config, DirectiveId, FileMap, ScopeKind};
use std::{fs, path::Path};

/// A configuration of files by their names below `/etc/nginx`; the first is the main one.
pub(crate) fn read_files(files: &[(&str, &str)]) -> Config {
    let mut map = FileMap::default();
    for (name, text) in files {
        map.insert(format!("/etc/nginx/{name}").as_bytes(), text.as_bytes());
    }
    config::read(format!("/etc/nginx/{}", files[0].0).as_bytes(), &mut map)
}

/// All directives with their scopes, as one text that two ways of reading can be compared by.
pub(crate) fn shown(config: &Config) -> String {
    let mut out = String::new();
    for (index, directive) in config.directives.iter().enumerate() {
        let depth = config.around(directive.scope).count() - 1;
        let position = directive.position;
        let words: Vec<String> = directive
            .words
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        let kind = directive.opens.map_or(String::new(), |scope| {
            format!(" {{{:?}}}", config.scope(scope).kind)
        });
        assert!(
            config
                .scope(directive.scope)
                .directives
                .contains(&DirectiveId(index as u32))
        );
        out.push_str(&format!(
            "{}{} @{}:{}{kind}\n",
            "  ".repeat(depth),
            words.join(" "),
            position.file,
            position.line
        ));
    }
    out
}

fn problems(config: &Config) -> Vec<String> {
    config
        .problems
        .iter()
        .map(|problem| config.describe(problem))
        .collect()
}

#[test]
fn includes_stand_where_they_are_used() {
    let config = read_files(&[
        (
            "nginx.conf",
            "events {}\nhttp {\n  include conf.d/*.conf;\n}\n",
        ),
        (
            "conf.d/b.conf",
            "server {\n  location /b { include proxy_params; }\n}\n",
        ),
        (
            "conf.d/a.conf",
            "upstream a { server 10.0.0.1; }\nserver { location / { include proxy_params; } }\n",
        ),
        ("conf.d/a.conf.bak", "server { listen 1; }\n"),
        ("proxy_params", "proxy_set_header Host $http_host;\n"),
    ]);
    assert_eq!(
        shown(&config),
        "events @0:1 {Events}\n\
         http @0:2 {Http}\n  \
           upstream a @1:1 {HttpUpstream}\n    \
             server 10.0.0.1 @1:1\n  \
           server @1:2 {HttpServer}\n    \
             location / @1:2 {Location}\n      \
               proxy_set_header Host $http_host @2:1\n  \
           server @3:1 {HttpServer}\n    \
             location /b @3:2 {Location}\n      \
               proxy_set_header Host $http_host @2:1\n"
    );
    assert!(problems(&config).is_empty());
    assert_eq!(
        config.cite(config.directives.last().expect("some").position),
        "/etc/nginx/proxy_params:1"
    );
}

#[test]
fn missing_and_circular_includes_are_said() {
    let config = read_files(&[
        (
            "nginx.conf",
            "include no.conf;\ninclude no.d/*.conf;\ninclude a.conf;\nhttp {}\n",
        ),
        ("a.conf", "user x;\ninclude a.conf;\ninclude nginx.conf;\n"),
    ]);
    assert_eq!(
        problems(&config),
        [
            "`/etc/nginx/no.conf` is not there in /etc/nginx/nginx.conf:1",
            "`/etc/nginx/a.conf` includes itself in /etc/nginx/a.conf:2",
            "`/etc/nginx/nginx.conf` includes itself in /etc/nginx/a.conf:3",
        ]
    );
    assert_eq!(shown(&config), "user x @1:1\nhttp @0:4 {Http}\n");
}

/// Thirty files that each include the next ten times would be a number with thirty digits.
#[test]
fn includes_that_multiply_are_cut() {
    let mut map = FileMap::default();
    map.insert(b"/n/0", b"events {}\ninclude 1;\n");
    for n in 1..30 {
        let text = format!("include {};\n", n + 1).repeat(10);
        map.insert(format!("/n/{n}").as_bytes(), text.as_bytes());
    }
    map.insert(b"/n/30", b"user x;\n");
    let config = config::read(b"/n/0", &mut map);
    assert!(config.directives.len() <= config::DIRECTIVES_MAX);
    let said = problems(&config);
    assert!(
        said.iter()
            .any(|what| what.contains("the rest is left out")),
        "{said:?}"
    );
}

#[test]
fn blocks_of_data_hold_no_directives() {
    let config = read_files(&[
        (
            "nginx.conf",
            "http {\n  map $a $b { default 1; server 2; include m; }\n  types { text/html html; }\n}",
        ),
        ("m", "proxy_pass 3;\n"),
    ]);
    assert_eq!(config.scopes_of(ScopeKind::Data).count(), 2);
    let inside = config.scopes_of(ScopeKind::Data).next().expect("one");
    assert_eq!(config.scope(inside).directives.len(), 3);
}

#[test]
fn a_part_of_http_is_read_as_one() {
    let config = read_files(&[(
        "site.conf",
        "upstream a { server 10.0.0.1; }\nserver { listen 80; }\n",
    )]);
    assert_eq!(config.scopes_of(ScopeKind::HttpServer).count(), 1);
    assert_eq!(config.scopes_of(ScopeKind::HttpUpstream).count(), 1);
    assert_eq!(
        problems(&config),
        ["no `http` around its blocks: read as a part of one, what is outside is not known"]
    );
}

#[test]
fn odd_bytes_are_no_obstacle() {
    let config = read_files(&[(
        "nginx.conf",
        "\u{feff}user x;\r\nhttp {\r\n  server { server_name caf\u{e9}; }\r\n}\r\n",
    )]);
    assert_eq!(config.servers()[0].first_name(), "caf\u{e9}".as_bytes());
    assert_eq!(config.problems.len(), 1);
    let mut map = FileMap::default();
    map.insert(b"/n.conf", b"http { server { server_name a\xff\0b; } }");
    let config = config::read(b"/n.conf", &mut map);
    assert_eq!(config.servers()[0].first_name(), b"a\xff\0b");
}

/// The same files as a dump, in memory and on disk are the same configuration.
#[test]
fn all_feeders_read_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = [
        (
            "nginx.conf",
            "user x;\nevents {}\nhttp {\n include conf.d/*.conf; include /etc/nginx/mime.types;\n}\n",
        ),
        ("conf.d/b.conf", "server { listen 80; }\n"),
        ("conf.d/a.conf", "log_format x 'a' \"b\n\";"),
        ("mime.types", "types { a b; }\n"),
    ];
    let from_map = read_files(&files);
    let mut dump =
        String::from("nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n");
    for name in ["nginx.conf", "conf.d/a.conf", "conf.d/b.conf", "mime.types"] {
        let text = files
            .iter()
            .find(|(known, _)| *known == name)
            .expect("there")
            .1;
        dump.push_str(&format!(
            "# configuration file /etc/nginx/{name}:\n{text}\n"
        ));
        let path = dir.path().join("etc/nginx").join(name);
        fs::create_dir_all(path.parent().expect("has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    let from_dump = config::read_dump(dump.as_bytes()).expect("a dump");
    assert_eq!(shown(&from_dump), shown(&from_map));
    assert!(from_dump.problems.is_empty() && from_map.problems.is_empty());
    for path in ["etc/nginx/nginx.conf", "etc/nginx", ""] {
        let from_disk = coroner::cli::nginx_config::read(&dir.path().join(path));
        let from_disk = from_disk.expect("read");
        assert_eq!(shown(&from_disk), shown(&from_map), "{path}");
        assert!(problems(&from_disk).is_empty());
    }
}

#[test]
fn a_dump_put_together_by_hand_is_said() {
    let text = "# configuration file /n/nginx.conf:\nhttp {}\n\n# configuration file /n/x.conf:\nserver {}\n\n";
    let config = config::read_dump(text.as_bytes()).expect("a dump");
    assert_eq!(
        problems(&config),
        ["nothing includes `/n/x.conf`, so it is not used: was the dump put together by hand?"]
    );
    assert!(config::read_dump(b"http {}\n").is_none());
}

#[test]
fn formats_and_logs_are_found() {
    let config = read_files(&[(
        "nginx.conf",
        "error_log /var/log/nginx/error.log warn;\nhttp {\n\
         log_format Up escape=json '{\"a\":' '\"$status\"}';\n\
         log_format plain $status;\n\
         access_log /var/log/nginx/access.log up buffer=32k flush=5s gzip=4 if=$loggable;\n\
         server { server_name a b; access_log off; error_log off; location / { access_log logs/$host.log; } }\n\
         server { server_name c; error_log stderr debug_http; }\n\
         server { listen 81; access_log syslog:server=10.0.0.9,tag=x plain; access_log logs/z.log; }\n}\n",
    )]);
    let formats = config.log_formats();
    let named: Vec<(String, String)> = formats
        .iter()
        .map(|format| {
            (
                format.name.escape_ascii().to_string(),
                String::from_utf8_lossy(&format.body).into_owned(),
            )
        })
        .collect();
    assert_eq!(
        named[1],
        ("Up".to_owned(), "{\"a\":\"$status\"}".to_owned())
    );
    assert_eq!((named[0].0.as_str(), named.len()), ("combined", 3));
    assert!(
        named[0]
            .1
            .ends_with("\"$http_referer\" \"$http_user_agent\"")
    );
    let up = config
        .log_format(config::Realm::Http, b"UP")
        .expect("case does not matter");
    assert_eq!(
        (up.escape, up.position.map(|p| p.line)),
        (config::Escape::Json, Some(3))
    );

    let logs = config.access_logs();
    let first = &logs[0];
    assert_eq!(first.target.path(), Some(&b"/var/log/nginx/access.log"[..]));
    assert_eq!(
        (first.format, first.buffer_bytes, first.flush_ms),
        (&b"up"[..], Some(32_768), Some(5_000))
    );
    assert_eq!(
        (first.is_gzip, first.condition, &first.servers[..]),
        (true, Some(&b"$loggable"[..]), &[&b"c"[..]][..])
    );
    let told: Vec<(Option<&[u8]>, &[u8])> = logs[1..]
        .iter()
        .map(|log| (log.target.path(), log.servers[0]))
        .collect();
    assert_eq!(
        told,
        [
            (None, &b"a"[..]),
            (Some(&b"logs/$host.log"[..]), b"a"),
            (None, b""),
            (Some(&b"logs/z.log"[..]), b""),
        ]
    );
    let of_file = |path: &str| -> Vec<u32> {
        let found = config.access_logs_of_file(path.as_bytes());
        found
            .iter()
            .filter_map(|log| log.position)
            .map(|position| position.line)
            .collect()
    };
    assert_eq!(of_file("web1/var/log/nginx/access.log.3.gz"), [5]);
    assert_eq!(of_file("access.log"), [5]);
    assert_eq!(of_file("z.log-20261120"), [8]);
    assert_eq!(of_file("app.example.log.1"), [6]);
    assert!(of_file("other.txt").is_empty());

    let errors: Vec<(Option<&[u8]>, &[u8])> = config
        .error_logs()
        .iter()
        .map(|log| (log.target.path(), log.level))
        .collect();
    assert_eq!(
        errors,
        [
            (Some(&b"/var/log/nginx/error.log"[..]), &b"warn"[..]),
            (Some(b"off"), b"error"),
            (None, b"debug"),
        ]
    );
}

#[test]
fn nginx_logs_by_itself_where_nothing_is_written() {
    let config = read_files(&[(
        "nginx.conf",
        "http {\n server { server_name a; }\n server { server_name b; access_log off; }\n}\n",
    )]);
    let logs = config.access_logs();
    let own = logs.last().expect("one");
    assert_eq!(
        (own.position, own.format, &own.servers[..]),
        (None, &b"combined"[..], &[&b"a"[..]][..])
    );
    assert_eq!(config.access_logs_of_file(b"x/access.log.1").len(), 1);
}

// --- The program --------------------------------------------------------------------------------

fn sample() -> std::path::PathBuf {
    root().join("samples/no-live-upstreams")
}

#[test]
fn the_report_names_the_configuration_in_every_form() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = run(
        &sample(),
        &["report", "error.log", "--nginx-config", "nginx.conf"],
    );
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let line = "config   nginx.conf: 1 file, 1 upstream group, 1 log format\n";
    assert!(stdout(&output).contains(line), "{}", stdout(&output));
    for (name, want) in [
        (
            "r.md",
            "- config: `nginx.conf: 1 file, 1 upstream group, 1 log format`\n",
        ),
        ("r.json", "\"n_log_formats\": 1"),
    ] {
        let path = dir.path().join(name);
        let output = run(
            &sample(),
            &[
                "report",
                "error.log",
                "--nginx-config",
                "nginx.conf",
                "-o",
                &path.to_string_lossy(),
            ],
        );
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert!(
            fs::read_to_string(path).expect("written").contains(want),
            "{name}"
        );
    }
}

#[test]
fn a_configuration_among_the_logs_is_used() {
    let output = run(&sample(), &["error.log", "nginx.conf"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).contains("config   nginx.conf: 1 file"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("read     1 source,"),
        "{}",
        stdout(&output)
    );
    let rows = run(
        &sample(),
        &["export", "error.log", "nginx.conf", "--table", "sources"],
    );
    assert!(stdout(&rows).contains("nginx-config"), "{}", stdout(&rows));
}

/// Lines of a format that only a configuration beside them tells.
#[test]
fn a_configuration_among_the_logs_tells_formats() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = "10.0.0.5:80|502|0.001|GET /x HTTP/1.1|20/Nov/2026:10:00:00 +0000|192.0.2.7\n";
    fs::write(dir.path().join("odd.log"), line.repeat(20)).expect("written");
    let conf = "http {\n log_format odd '$upstream_addr|$status|$request_time|$request|$time_local|$remote_addr';\n access_log /var/log/nginx/odd.log odd;\n server {\n listen 80;\n }\n}\n";
    fs::write(dir.path().join("nginx.conf"), conf).expect("written");
    let output = run(dir.path(), &["export", ".", "--table", "sources"]);
    let rows = crate::support::Rows::parse(&stdout(&output));
    let formats: Vec<(&str, &str, &str)> = (0..rows.len())
        .map(|row| {
            (
                rows.get(row, "source"),
                rows.get(row, "format"),
                rows.get(row, "n_unparsed"),
            )
        })
        .collect();
    assert!(
        formats.contains(&("odd.log", "odd", "0")),
        "{formats:?} {}",
        stderr(&output)
    );
}

#[test]
fn several_configurations_among_the_logs_are_a_question() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["a", "b"] {
        fs::create_dir(dir.path().join(name)).expect("made");
        fs::copy(
            sample().join("nginx.conf"),
            dir.path().join(name).join("nginx.conf"),
        )
        .expect("copied");
        fs::copy(
            sample().join("error.log"),
            dir.path().join(name).join("error.log"),
        )
        .expect("copied");
    }
    fs::write(dir.path().join("b/more.conf"), "server {\n listen 80;\n}\n").expect("written");
    let output = run(dir.path(), &["a/error.log", "a", "b"]);
    assert!(
        stderr(&output).contains("--nginx-config names the one to use"),
        "{}",
        stderr(&output)
    );
    let text = "# configuration file /etc/nginx/nginx.conf:\nhttp {}\n\n";
    fs::write(dir.path().join("a/nginx-T.txt"), text).expect("written");
    let output = run(dir.path(), &["a/error.log", "a", "b"]);
    assert!(
        stdout(&output).contains("/etc/nginx/nginx.conf: 1 file"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_bad_configuration_stops_the_run_before_it_begins() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("notes.txt"), "nothing of nginx\n").expect("written");
    fs::create_dir(dir.path().join("empty")).expect("made");
    let log = sample().join("error.log");
    let log = log.to_string_lossy();
    for (path, want) in [
        ("missing.conf", "cannot open `missing.conf`"),
        ("notes.txt", "no directive of nginx in it"),
        ("empty", "holds no nginx.conf"),
    ] {
        for arguments in [
            vec!["report", &log, "--nginx-config", path],
            vec!["export", &log, "--nginx-config", path],
        ] {
            let output = run(dir.path(), &arguments);
            assert_eq!(status(&output), 2, "{path}");
            assert!(
                stderr(&output).contains(want),
                "{path}: {}",
                stderr(&output)
            );
            assert!(output.stdout.is_empty());
        }
    }
    let output = run(dir.path(), &["-", "--nginx-config", "-"]);
    assert_eq!(status(&output), 2);
}

#[test]
fn problems_of_a_configuration_are_warnings() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(
        dir.path().join("n.conf"),
        "include mime.types;\nhttp {\n gzip on\n",
    )
    .expect("written");
    let log = sample().join("error.log");
    let log = log.to_string_lossy();
    let output = run(dir.path(), &[&log, "--nginx-config", "n.conf"]);
    assert_eq!(status(&output), 0);
    let said = stderr(&output);
    assert!(
        said.contains("warning: nginx configuration: `mime.types` is not there in n.conf:1"),
        "{said}"
    );
    assert!(
        said.contains("unexpected end of file, expecting \"}\" in n.conf:4"),
        "{said}"
    );
    assert!(
        stdout(&output).contains(", 3 problems\n"),
        "{}",
        stdout(&output)
    );
    let output = run(dir.path(), &[&log, "--nginx-config", "n.conf", "-q"]);
    assert!(stderr(&output).is_empty());
}

#[test]
fn a_dump_comes_through_a_pipe_and_outputs_stay_off_it() {
    let dump = b"# configuration file /etc/nginx/nginx.conf:\nhttp {\n}\n\n";
    let output = run_with_input(&sample(), &["error.log", "--nginx-config", "-"], dump);
    assert!(
        stdout(&output).contains("config   /etc/nginx/nginx.conf: 1 file"),
        "{}",
        stderr(&output)
    );
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["error.log", "nginx.conf"] {
        fs::copy(sample().join(name), dir.path().join(name)).expect("copied");
    }
    fs::rename(dir.path().join("nginx.conf"), dir.path().join("nginx.md")).expect("renamed");
    let output = run(
        dir.path(),
        &[
            "error.log",
            "--nginx-config",
            "nginx.md",
            "-o",
            "nginx.md",
            "--force",
        ],
    );
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(is_untouched(&dir.path().join("nginx.md")));
}

fn is_untouched(path: &Path) -> bool {
    fs::read(path).expect("there") == fs::read(sample().join("nginx.conf")).expect("there")
}
