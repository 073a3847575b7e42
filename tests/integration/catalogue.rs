//! The classifier against its specification: every template of the message catalogue
//! (`tests/data/nginx-messages.tsv`), filled with plausible values, in each context it can stand in, comes out with its
//! category.

use crate::corpus::read;
use coroner::{
    classify::{Classifier, taxonomy::ROWS},
    event::{Category, Phase},
    parse::action::ACTIONS,
};
use std::collections::{BTreeMap, BTreeSet};

struct Message {
    id: String,
    template: String,
    level: String,
    context: String,
    has_upstream: bool,
    subsystem: String,
    category: String,
}

fn catalogue() -> Vec<Message> {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/nginx-messages.tsv"
    ))
    .expect("bundled");
    let message = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        Message {
            id: fields[0].into(),
            template: fields[1].into(),
            level: fields[2].into(),
            context: fields[4].into(),
            has_upstream: fields[5] != "no",
            subsystem: fields[6].into(),
            category: fields[9].into(),
        }
    };
    text.lines().skip(1).map(message).collect()
}

/// A plausible value of the variable `name`.
fn value(name: &str) -> &'static str {
    match name {
        "n" | "size" | "line" | "fd" | "nelts" | "backlog" | "limit" | "pos" | "last" | "start"
        | "soft" => "4096",
        "pid" | "sender_pid" | "signo" | "id" | "sid" | "stream_id" | "ident" | "qident" => "11",
        "signame" => "SIGHUP",
        "code" | "status" => "401",
        "rcode" => "3",
        "dns_strerror" => "Host not found",
        "x509_code" => "20",
        "x509_strerror" => "unable to get local issuer certificate",
        "openssl_error_queue" => "error:0A00010B:SSL routines::wrong version number",
        "errno" => "104",
        "strerror" => "Connection reset by peer",
        "int" => "50",
        "3digits" => "416",
        "hh" => "00",
        "addr" | "peer" | "local_addr" | "listen_addr" | "client_ip_port" | "addrtext" => {
            "10.0.0.7:8080"
        }
        "client" | "ip" | "client_ip" => "192.0.2.1",
        "path" => "/run/app.sock",
        "file" | "file2" | "file3" | "file4" | "name" => "/var/www/a b.html",
        "conf_file" => "/etc/nginx/conf.d/app.conf",
        "host" | "srv_host" | "server_name" | "ssl_name" => "api.example.com",
        "url" => "http://api.example.com:99999/",
        "url_error" => "invalid port",
        "uri" => "/index.html",
        "args" => "a=1",
        "version" => "1.22.1",
        "raw_stderr_bytes" => "PHP message: PHP Warning:  \"x\" undefined in /srv/a.php on line 3",
        "log_ctx" => " in limit_req zone \"one\"",
        "any message" => "some third-party text",
        "any upstream TLS message" => "peer closed connection in SSL handshake",
        "config_error_text" => "unknown directive \"foo\"",
        "process_name" => "worker process",
        "LF" => "",
        _ => "value",
    }
}

/// The texts a template stands for: one per alternative, optional parts once with and once without.
fn fill(template: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut rest = template;
    let mut literal_bracket = template.starts_with('[');
    while let Some(c) = rest.chars().next() {
        let (parts, len) = match c {
            '{' => {
                let end = rest.find('}').expect("closed");
                let inner = &rest[1..end];
                let parts: Vec<String> = if inner.contains('|') {
                    inner
                        .split('|')
                        .filter(|part| *part != "...")
                        .map(str::to_owned)
                        .collect()
                } else {
                    vec![value(inner).to_owned()]
                };
                (parts, end + 1)
            }
            '[' if !literal_bracket => {
                let mut depth = 0;
                let end = rest
                    .char_indices()
                    .find_map(|(at, c)| {
                        depth += i32::from(c == '[') - i32::from(c == ']');
                        (depth == 0).then_some(at)
                    })
                    .expect("closed");
                let mut parts = fill(&rest[1..end]);
                parts.push(String::new());
                (parts, end + 1)
            }
            _ => {
                literal_bracket = literal_bracket && c != ']';
                (vec![c.to_string()], c.len_utf8())
            }
        };
        rest = &rest[len..];
        texts = texts
            .iter()
            .flat_map(|text| parts.iter().map(move |part| format!("{text}{part}")))
            .collect();
    }
    texts
}

/// The ` while …` words a context column names; an empty one for `-`.
fn contexts(message: &Message) -> Vec<&'static str> {
    let column = message.context.split(" (then").next().unwrap_or_default();
    let mut found: Vec<&'static str> = ACTIONS
        .iter()
        .map(|action| action.words)
        .filter(|words| named(column, words))
        .collect();
    if column.starts_with('-') || column.contains("| -") || found.is_empty() {
        found.push("");
    }
    if column.starts_with("any") {
        found.extend([
            "reading response header from upstream",
            "reading upstream",
            "sending to client",
        ]);
    }
    found
}

/// Whether `column` names `words` as a whole phrase.
fn named(column: &str, words: &str) -> bool {
    column.match_indices(words).any(|(at, _)| {
        let before = column[..at].trim_end();
        let after = column[at + words.len()..].trim_start();
        (before.is_empty() || before.ends_with(['|', '/', '(']))
            && (after.is_empty() || after.starts_with(['|', '/', '(', ',']))
            && !after.starts_with("(client side, NOT")
    })
}

/// Level to write: the first the column names; `error` where it depends.
fn level(message: &Message) -> &'static str {
    const LEVELS: [&str; 8] = [
        "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
    ];
    let first = message
        .level
        .split([' ', '|', ','])
        .next()
        .unwrap_or_default();
    LEVELS
        .into_iter()
        .find(|level| *level == first)
        .unwrap_or("error")
}

/// Errnos and the category each leads to, for rows that name several; `(0, category)` for the others.
fn outcomes(message: &Message) -> Vec<(u32, &str)> {
    if !message.category.contains(' ') {
        // A temporary file that could not be made is a matter of permission when the errno says so (see its note).
        let errno = if message.id == "core-open-failed-4" {
            13
        } else {
            0
        };
        return vec![(errno, &message.category)];
    }
    if message.id == "openresty-action-proxy-ssl" {
        return vec![(0, "tls")];
    }
    vec![
        (111, "refused"),
        (110, "timeout"),
        (113, "unreachable"),
        (101, "unreachable"),
        (104, "reset"),
        (13, "permission"),
    ]
}

/// Rows whose category another row of the catalogue, with the same words in the same place, contradicts.
/// (The corpus labels and the design decide; see the note in `classify::taxonomy`.)
fn categories_of_twins(all: &[Message]) -> BTreeMap<String, BTreeSet<String>> {
    let mut twins: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in all {
        let parts = if message.id == "tengine-check-connect" {
            " | "
        } else {
            "\0"
        };
        for text in message.template.split(parts).flat_map(fill) {
            twins
                .entry(text)
                .or_default()
                .insert(message.category.clone());
        }
    }
    twins
}

/// Where a row says one category for both sides, or for all errnos, and the record tells which it is: what is right there.
const CORRECTED: &[(&str, &str, Category)] = &[
    // the design would have `client-error`, the corpus and the other TLS rows have `tls`; its severity is `client`.
    ("x-tls-client-handshake", "", Category::Tls),
    // A failed read or write toward a client is never a reset by an upstream.
    (
        "event-kevent-reported-about-an-closed-connection",
        "",
        Category::ClientAbort,
    ),
    (
        "event-kevent-reported-about-an-closed-connection",
        "sending to client",
        Category::ClientAbort,
    ),
    ("ssl-ssl-read-failed", "SSL handshaking", Category::Tls),
    ("ssl-ssl-read-failed", "waiting for request", Category::Tls),
    ("ssl-ssl-read-failed", "keepalive", Category::Tls),
    ("ssl-ssl-write-failed", "SSL handshaking", Category::Tls),
    ("ssl-ssl-write-failed", "waiting for request", Category::Tls),
    ("ssl-ssl-write-failed", "keepalive", Category::Tls),
    (
        "ssl-ssl-write-early-data-failed",
        "SSL handshaking",
        Category::Tls,
    ),
    (
        "ssl-ssl-write-early-data-failed",
        "waiting for request",
        Category::Tls,
    ),
    (
        "ssl-ssl-write-early-data-failed",
        "keepalive",
        Category::Tls,
    ),
    ("ssl-ssl-sendfile-failed", "SSL handshaking", Category::Tls),
    (
        "ssl-ssl-sendfile-failed",
        "waiting for request",
        Category::Tls,
    ),
    ("ssl-ssl-sendfile-failed", "keepalive", Category::Tls),
    // Files of auth_basic and of the cache: the same words at the same level as a served file's (`http-failed`), which is `static-file`.
    ("http-open-failed", "", Category::StaticFile),
    ("http-open-failed-2", "", Category::StaticFile),
    (
        "http-open-failed-2",
        "reading response header from upstream",
        Category::StaticFile,
    ),
    (
        "http-open-failed-2",
        "reading upstream",
        Category::StaticFile,
    ),
    (
        "http-open-failed-2",
        "sending to client",
        Category::StaticFile,
    ),
];

#[test]
fn every_template_comes_out_with_its_category() {
    let classifier = Classifier::default();
    let mut searcher = classifier.searcher();
    let all = catalogue();
    assert_eq!(all.len(), 799);
    let twins = categories_of_twins(&all);
    let mut wrong = Vec::new();
    let (mut n_lines, mut n_twins) = (0, 0);
    for message in &all {
        // The one row that lists three messages.
        let template = message.template.rsplit(" | ").next().unwrap_or_default();
        for text in fill(if message.id == "tengine-check-connect" {
            template
        } else {
            &message.template
        }) {
            for context in contexts(message) {
                for (errno, category) in outcomes(message) {
                    let line = line(message, &text, context, errno);
                    n_lines += 1;
                    let got =
                        read(&classifier, &mut searcher, line.as_bytes()).map(|(_, known)| known);
                    let got_category = got.map_or("nothing", |known| known.category.name());
                    let twin =
                        twins[&text].contains(got_category) && message.category != got_category;
                    let corrected = CORRECTED.iter().any(|(id, words, category)| {
                        *id == message.id && *words == context && category.name() == got_category
                    });
                    n_twins += usize::from(twin);
                    if got_category != category && !corrected && !twin {
                        let id = got.map_or("-", |known| ROWS[usize::from(known.signature.0)].id);
                        wrong.push(format!(
                            "{}: {got_category} ({id}) for {category}\n    {line}",
                            message.id
                        ));
                        continue;
                    }
                    let phase = ACTIONS
                        .iter()
                        .find(|action| action.words == context)
                        .map_or(Phase::None, |a| a.phase);
                    if let Some(known) = got
                        && !message.template.contains(" while ")
                        && known.phase != phase
                    {
                        wrong.push(format!(
                            "{}: phase {} for {phase}\n    {line}",
                            message.id, known.phase
                        ));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {n_lines}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        n_lines > 1200 && n_twins <= 24,
        "{n_lines} lines, {n_twins} of them as a twin says"
    );
}

/// A whole record as nginx would write it.
fn line(message: &Message, text: &str, context: &str, errno: u32) -> String {
    let level = level(message);
    let process_level = context.is_empty() && !message.has_upstream && message.subsystem != "http"
        || matches!(level, "emerg")
        || message.context.starts_with("- (process")
        || [
            "resolving",
            "logging to syslog",
            "requesting certificate status",
        ]
        .contains(&context);
    let connection = if process_level { "" } else { "*42 " };
    let errno = if errno == 0 {
        String::new()
    } else {
        format!(" ({errno}: text)")
    };
    let doing = if context.is_empty() || text.contains(" while ") {
        String::new()
    } else {
        format!(" while {context}")
    };
    let upstream = if message.has_upstream {
        ", upstream: \"http://10.0.0.7:8080/x\""
    } else {
        ""
    };
    let tail = match message.subsystem.as_str() {
        _ if process_level || text.contains(", resolver: ") || text.contains("context: ") => String::new(),
        "stream" => ", client: 192.0.2.1, server: 0.0.0.0:5432, upstream: \"10.0.0.7:5432\", bytes from/to client:0/0, bytes from/to upstream:0/0".to_owned(),
        _ => format!(", client: 192.0.2.1, server: example.com, request: \"GET /x HTTP/1.1\"{upstream}, host: \"example.com\""),
    };
    format!("2026/11/20 11:23:46 [{level}] 16993#16993: {connection}{text}{errno}{doing}{tail}")
}

/// Near misses: a message with a letter more at its end, or one less at its start, is another message, and is never named
/// like the one it resembles.
#[test]
fn near_misses_are_not_named() {
    let classifier = Classifier::default();
    let mut searcher = classifier.searcher();
    let mut wrong = Vec::new();
    let mut n_lines = 0;
    for message in catalogue()
        .iter()
        .filter(|message| message.id != "openresty-timer-context")
    {
        for text in fill(&message.template)
            .iter()
            .filter(|text| !text.contains(" while ") && !text.contains(", resolver: "))
        {
            let ends_open = message
                .template
                .trim_end()
                .ends_with(['}', ']', '"', ')', '.', '!']);
            let longer = (!ends_open).then(|| format!("{}x", text.trim_end()));
            let starts_open = message.template.starts_with(['{', '[', '"']);
            let shorter = (!starts_open).then(|| text[1..].to_owned());
            for near in longer.into_iter().chain(shorter) {
                let line = line(message, &near, "", 0);
                n_lines += 1;
                let Some((_, known)) = read(&classifier, &mut searcher, line.as_bytes()) else {
                    continue;
                };
                let row = &ROWS[usize::from(known.signature.0)];
                if row.template == message.template && known.category != Category::Other {
                    wrong.push(format!("{}: {}\n    {line}", message.id, row.id));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {n_lines}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(n_lines > 800, "{n_lines}");
}
