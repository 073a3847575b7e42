//! The one way in which tests get findings, and what each of these has to hold, whatever its rule.

use crate::support::{run, status, stderr, stdout};
use coroner::{
    config::{
        Realm,
        directives::{self, Shape},
        value,
    },
    diagnose::findings::rules::RULES,
    event::Category,
    explain::knowledge::topic,
};
use serde_json::Value;
use std::{fs, path::Path};

/// Rules of causes that no directive of nginx mends by itself, each with what does.
const NOTHING_TO_SET: &[(&str, &str)] = &[
    ("connect-forbidden", "the rules of SELinux or AppArmor"),
    ("invalid-answer", "the application"),
    ("tls-verify", "a new certificate, where the old one expired"),
    ("backend-errors", "the application"),
    ("limit-of-upstream", "the limit that is not nginx's"),
    ("peer-other-port", "a reload, where one was refused"),
    ("peer-not-listed", "a reload"),
    ("peer-marked-down", "a reload"),
    ("backup-served", "the other peers"),
    ("backup-failed", "the other peers"),
    ("timeout-not-in-force", "a reload"),
    ("posts-not-repeated", "what ends these attempts"),
    ("clients-leave", "the slow routes"),
    ("fatal-errors", "the application"),
    ("slow-upstream", "the application"),
    ("no-endpoint", "the pods"),
    ("checked-down", "the peer, or what the check asks for"),
    ("reload-refused", "what nginx -t says"),
    ("start-refused", "what nginx -t says"),
    ("temporary-files", "nothing: it is no failure"),
    ("config-refused", "the text that nginx does not understand"),
    ("config-harm", "the text that nginx does not understand"),
    ("peer-never-asked", "a look at the peer"),
    ("missing-files", "the files"),
    ("silence", "the logs of that time"),
    ("forged-lines", "who sends them"),
    ("unknown-messages", "reading them"),
    ("unexplained-failures", "reading them"),
];

/// The findings about `logs` in `directory`, by rank, as a report tells them; each is held to what it owes.
pub(crate) fn findings(directory: &Path, logs: &[&str], flags: &[&str]) -> Vec<Value> {
    let arguments = [
        &[
            "report",
            "--force",
            "--tz",
            "UTC",
            "--top",
            "1000",
            "-o",
            "held.json",
        ][..],
        flags,
        logs,
    ];
    let output = run(directory, &arguments.concat());
    assert!(
        status(&output) <= 1,
        "{}{}",
        stderr(&output),
        stdout(&output)
    );
    let text = fs::read_to_string(directory.join("held.json")).expect("written");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let findings = report["findings"].as_array().expect("a list").clone();
    findings.iter().for_each(hold);
    findings
}

/// The rule of a finding.
pub(crate) fn rule(finding: &Value) -> &'static str {
    let id = finding["id"].as_str().expect("a text");
    let known = RULES.iter().map(|rule| rule.id);
    let fits = |rule: &&str| {
        id.strip_prefix("F-")
            .and_then(|rest| rest.strip_prefix(*rule))
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(|digits| {
                digits.len() >= 4 && digits.chars().all(|c| c.is_ascii_hexdigit())
            })
    };
    known
        .filter(fits)
        .max_by_key(|rule| rule.len())
        .unwrap_or_else(|| panic!("{id} is of no rule"))
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// Evidence, what would refute it, advice with a directive of nginx where one helps, and a command; in clean sentences.
fn hold(finding: &Value) {
    let rule = rule(finding);
    assert!(
        finding["evidence"]
            .as_array()
            .is_some_and(|list| !list.is_empty()),
        "{rule} has no evidence"
    );
    for field in ["title", "claim", "refuted_by", "advice", "commands"] {
        let texts = texts(&finding[field]);
        assert!(!texts.is_empty(), "{rule} has no {field}");
        for text in texts {
            let is_clean = !text.is_empty() && !text.contains("  ") && !text.contains(" . ");
            assert!(is_clean || field == "commands", "{rule}: {text}");
        }
    }
    let claim = texts(&finding["claim"])[0];
    assert!(
        claim.ends_with('.') && !claim.contains(".."),
        "{rule}: {claim}"
    );
    let directives = texts(&finding["directives"]);
    let needs_none = NOTHING_TO_SET.iter().any(|(known, _)| *known == rule);
    assert!(
        needs_none || !directives.is_empty(),
        "{rule} names no directive: {claim}"
    );
    for written in directives {
        hold_directive(written).unwrap_or_else(|why| panic!("{rule}: `{written}`: {why}"));
    }
}

/// `NAME VALUE (CONTEXT)` or `take out NAME (CONTEXT)`: nginx knows the directive, takes such a value, and allows it in such a block.
fn hold_directive(written: &str) -> Result<(), String> {
    let (told, context) = written
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("))
        .ok_or("it names no context")?;
    let (name, value) = match told.strip_prefix("take out ") {
        Some(name) => (name, None),
        None => told
            .split_once(' ')
            .map(|(name, value)| (name, Some(value)))
            .ok_or("it has no value")?,
    };
    let block = block_of(context).ok_or_else(|| format!("{context} is no block"))?;
    let realm = match block {
        "main" => Realm::Core,
        "events" => Realm::Events,
        "upstream" => Realm::Upstream,
        "stream" => Realm::Stream,
        _ => Realm::Http,
    };
    if block == "http" && ["upstream", "map"].contains(&name) {
        return Ok(()); // blocks
    }
    let row = directives::row(realm, name.as_bytes())
        .ok_or_else(|| format!("nginx does not know it in {block}"))?;
    let is_taken = value.is_none_or(|value| takes(row.shape, value.as_bytes()));
    if !is_taken {
        return Err(format!("it takes {:?}", row.shape));
    }
    // Where topics list its blocks, as nginx.org does, it is one of these.
    let listed: Vec<&str> = Category::ALL
        .iter()
        .flat_map(|&category| topic(category).directives)
        .filter(|known| known.name == name)
        .flat_map(|known| known.context.split([',', ' ']))
        .collect();
    match realm == Realm::Http && !listed.is_empty() && !listed.contains(&block) {
        true => Err(format!("it may stand in {listed:?}")),
        false => Ok(()),
    }
}

/// The innermost block that a context names.
fn block_of(context: &str) -> Option<&'static str> {
    const BLOCKS: [&str; 7] = [
        "main", "events", "stream", "http", "upstream", "server", "location",
    ];
    // `server shop, location /upstream`: names stand behind their blocks.
    let mut innermost = None;
    for part in context.split(", ") {
        let part = part.trim_start_matches("the ").trim_start_matches("a ");
        let first = part.split(' ').next();
        innermost = BLOCKS
            .into_iter()
            .find(|block| first == Some(block))
            .or(innermost);
    }
    innermost
}

fn takes(shape: Shape, value: &[u8]) -> bool {
    match shape {
        Shape::Flag => value::parse_flag(value).is_some(),
        Shape::Milliseconds => value::parse_milliseconds(value).is_some(),
        Shape::Seconds => value::parse_seconds(value).is_some(),
        Shape::Size => value::parse_size(value).is_some(),
        Shape::Offset => value::parse_offset(value).is_some(),
        Shape::Number => value::parse_number(value).is_some(),
        Shape::Buffers => {
            let words: Vec<&[u8]> = value.split(|&byte| byte == b' ').collect();
            matches!(&words[..], [number, size]
                if value::parse_number(number).is_some() && value::parse_size(size).is_some())
        }
        Shape::Words => !value.is_empty(),
    }
}

#[test]
fn the_test_itself_refuses_what_nginx_would() {
    for right in [
        "proxy_read_timeout 30s (location)",
        "proxy_buffers 8 16k (server shop, location /upstream)",
        "server 10.0.0.5:80 max_fails=3 (upstream app)",
        "worker_connections 4096 (events)",
        "take out limit_req_status (http)",
        "worker_rlimit_nofile 8192 (the main scope)",
    ] {
        assert_eq!(hold_directive(right), Ok(()), "{right}");
    }
    for wrong in [
        "proxy_read_timeout 30s",
        "proxy_read_timeout (location)",
        "proxy_read_timeout soon (location)",
        "proxy_read_timeouts 30s (location)",
        "worker_connections 4096 (http)",
        "max_fails 3 (upstream app)",
        "proxy_buffers 16k (location)",
        "keepalive 32 (nowhere)",
    ] {
        assert!(hold_directive(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn rules_without_a_directive_are_rules() {
    for (known, _) in NOTHING_TO_SET {
        assert!(RULES.iter().any(|rule| rule.id == *known), "{known}");
    }
}
