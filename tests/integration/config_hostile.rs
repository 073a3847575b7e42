//! Configurations that nobody wrote on purpose: whatever the bytes, reading ends, and what was read hangs together.

use crate::support::root;
use coroner::config::{self, Config, FileMap, ScopeId, lint::lint};
use std::fs;

/// A fixed sequence that looks random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Everything that can be asked, asked.
fn exercise(config: &Config) {
    for (index, scope) in config.scopes.iter().enumerate() {
        let id = ScopeId(index as u32);
        assert!(scope.parent.is_none_or(|parent| parent < id));
        assert!(
            scope
                .children
                .iter()
                .all(|&child| config.scope(child).parent == Some(id))
        );
        assert!(
            scope
                .directives
                .iter()
                .all(|&directive| config.directive(directive).scope == id)
        );
        config.name_of(id);
        config.effective(id, "proxy_read_timeout");
        config.location_for(id, b"/a/b.php");
    }
    for directive in &config.directives {
        let position = directive.position;
        assert!(config.files[position.file as usize].n_lines >= position.line);
    }
    let groups = config.groups();
    for id in groups.ids() {
        groups.values(id, "*_next_upstream");
        groups.keepalive(id);
        groups.balancing(id);
    }
    groups.of_peer(b"10.0.0.1:80");
    config.access_logs_of_file(b"access.log.1.gz");
    config.log_formats();
    config.servers_named(b"_");
    lint(config);
}

/// The configurations of the samples, and one with a little of everything.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        b"http { map $a $b { \"x{\" 'y;'; } access_by_lua_block { if a then b = [[ } ]] end -- }\n } server { listen 80; server_name a \"b c\"; \
          location ~* \"x{2}\" { if ($a) { proxy_pass http://u/$1; } } location = /x { fastcgi_pass unix:/a:b; } } \
          upstream u { server [::1]:80 backup; server a.b:1 resolve; ip_hash; keepalive 3; } log_format x escape=json \"a\\\"\" 'b'; \
          access_log /x/$host.log x buffer=1k if=$x; error_page 502 = @x; include inc; }"
            .to_vec(),
        b"# configuration file /n/nginx.conf:\nhttp { include conf.d/*; }\n\n# configuration file /n/conf.d/a:\nserver { }\n\nnginx: test is successful\n".to_vec(),
    ];
    for sample in fs::read_dir(root().join("samples")).expect("listed") {
        let path = sample.expect("there").path().join("nginx.conf");
        seeds.extend(fs::read(path).ok());
    }
    seeds
}

#[test]
fn mutated_bytes_are_read_to_their_end() {
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b";",
        b"\"",
        b"'",
        b"\\",
        b"$",
        b"${",
        b"#",
        b"\n",
        b"include inc;",
        b"x_by_lua_block {",
        b"[[",
        b"\xff\0",
        b"http {",
        b"server {",
    ];
    let mut random = Random(3);
    let seeds = seeds();
    for round in 0..3_000 {
        let mut text = seeds[round % seeds.len()].clone();
        for _ in 0..1 + random.below(6) {
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 => text.truncate(at),
                1 => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
                2 if at < text.len() => text[at] = random.below(256) as u8,
                _ => {
                    let end = (at + random.below(20)).min(text.len());
                    text.drain(at..end);
                }
            }
        }
        if let Some(config) = config::read_dump(&text) {
            exercise(&config);
        }
        let mut files = FileMap::default();
        files.insert(b"/n/nginx.conf", &text);
        files.insert(b"/n/inc", &text[text.len() / 2..]);
        exercise(&config::read(b"/n/nginx.conf", &mut files));
    }
}

#[test]
fn great_and_deep_texts_take_no_great_time() {
    for text in [
        "{".repeat(500_000),
        "}".repeat(500_000),
        "a {".repeat(300_000),
        "\"".repeat(500_001),
        "'\n\"\n".repeat(100_000),
        "a_by_lua_block { [".repeat(20_000),
        "a_by_lua_block { ".to_owned() + &"[=".repeat(200_000),
        "a ".repeat(500_000),
        "# configuration file /a:\n".repeat(50_000),
        format!("http {{ {} }}", "upstream a { server b; } ".repeat(3_000)),
        format!(
            "http {{ {} }}",
            "server { location / { proxy_pass http://b; } } ".repeat(3_000)
        ),
    ] {
        let mut files = FileMap::default();
        files.insert(b"/n/nginx.conf", text.as_bytes());
        exercise(&config::read(b"/n/nginx.conf", &mut files));
        if let Some(config) = config::read_dump(text.as_bytes()) {
            exercise(&config);
        }
    }
}
