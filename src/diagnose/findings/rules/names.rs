//! Names that are no addresses: at start, and at run time.

use super::{Certainty, Draft, Facts, Told, capital, n_events, name};
use crate::{
    config::lint::Advice,
    diagnose::findings::observed::Symptom,
    event::{Category, Severity},
    words::{grouped, plural},
};
use std::collections::BTreeSet;

const AT_START: [&str; 1] = ["x-host-not-found-config"];
const NO_RESOLVER: [&str; 5] = [
    "http-no-resolver-defined-to-resolve-2",
    "http-no-resolver-defined-to-resolve",
    "stream-no-resolver-defined-to-resolve",
    "stream-no-resolver-defined-to-resolve-2",
    "http-no-resolver-defined-to-resolve-names-at-run-time-in-upstream",
];
const NOT_FOUND: &str = "x-dns-nxdomain";

/// The kernel forbids to send to the name server; its category is that of all that is forbidden.
pub(in crate::diagnose::findings) const FORBIDDEN: &str = "x-dns-eperm";

/// The name, without its port, in `host not found in upstream "NAME:80" in FILE:LINE`.
fn name_in_quotes(sample: &[u8]) -> Option<&[u8]> {
    let start = sample.iter().position(|&b| b == b'"')? + 1;
    let rest = &sample[start..];
    let end = rest.iter().position(|&b| matches!(b, b'"' | b':'))?;
    Some(&rest[..end])
}

pub(super) fn missing_block(facts: &Facts<'_>, told: &mut Told) {
    at_start(facts, told, false);
}

pub(super) fn unknown_at_start(facts: &Facts<'_>, told: &mut Told) {
    at_start(facts, told, true);
}

fn at_start(facts: &Facts<'_>, told: &mut Told, has_dot: bool) {
    for symptom in facts.records(&AT_START) {
        let Some(host) = name_in_quotes(&symptom.sample) else {
            continue;
        };
        if host.contains(&b'.') != has_dot {
            continue;
        }
        let shown = name(host);
        let draft = facts.draft(&shown, &[symptom]);
        let when = facts.during(draft.first, draft.last);
        let force = "nginx did not start with it, or went on with the configuration it had.";
        told.push(match has_dot {
            false => Draft {
                certainty: Certainty::Likely,
                title: format!("there is no upstream block `{shown}`"),
                claim: format!("nginx looked for a host named `{shown}` {when}, because no upstream block has that name; it has no dot, so it is hardly a host. {force}"),
                advice: vec![format!("Write the block `upstream {shown}` in http, or correct the name in the pass; mind files that are not included. Then nginx -t.")],
                changes: vec![Advice {
                    directive: "upstream".to_owned(),
                    context: "http".to_owned(),
                    value: format!("{shown} {{ server ADDRESS; }}"),
                }],
                commands: vec!["nginx -t".to_owned(), format!("nginx -T 2>/dev/null | grep -nE 'upstream|{shown}'")],
                ..draft
            },
            true => Draft {
                certainty: Certainty::Certain,
                title: format!("the name {shown} had no address when nginx read its configuration"),
                claim: format!("`{shown}` could not be found {when}, when nginx read its configuration. {force}"),
                advice: vec!["Let the name be resolved at run time, so that a start does not hang on DNS: `server NAME resolve` with `zone` and `resolver` in the upstream block (since 1.27.3), or an address.".to_owned()],
                commands: vec![format!("getent ahosts {shown}"), "nginx -t".to_owned()],
                ..draft
            },
        });
    }
}

const RESOLVER: &str = "Name the resolver that knows your internal names; a public one such as 8.8.8.8 knows none of them.";

pub(super) fn no_resolver(facts: &Facts<'_>, told: &mut Told) {
    let symptoms: Vec<&Symptom> = facts.records(&NO_RESOLVER).collect();
    let draft = facts.draft("resolver", &symptoms);
    let n = n_events(&symptoms);
    let hosts = symptoms.iter().filter_map(|symptom| {
        let host = symptom
            .sample
            .strip_prefix(b"no resolver defined to resolve ")?;
        host.split(|&b| b == b' ').next()
    });
    let dotless = hosts.filter(|host| !host.contains(&b'.')).map(name).next();
    told.push(Draft {
        certainty: Certainty::Certain,
        title: "a name is to be resolved at run time, and there is no resolver".to_owned(),
        claim: format!(
            "{} {} failed {}: a variable in `proxy_pass` makes nginx resolve the name when a request comes, with `resolver` alone; /etc/resolv.conf and /etc/hosts are not read then. {}.",
            grouped(n),
            plural(n, "request"),
            facts.during(draft.first, draft.last),
            capital(&facts.toll(&draft))
        ),
        advice: match &dotless {
            Some(host) => vec![
                format!("{host} has no dot: if it is meant to be an upstream block, write `upstream {host}` in http (it is found at run time too, without a resolver), or correct its name in the variable."),
                RESOLVER.to_owned(),
            ],
            None => vec![RESOLVER.to_owned()],
        },
        changes: vec![Advice {
            directive: "resolver".to_owned(),
            context: "http".to_owned(),
            value: "ADDRESS valid=30s".to_owned(),
        }],
        commands: vec!["grep nameserver /etc/resolv.conf".to_owned(), "nginx -T 2>/dev/null | grep -nE 'resolver|_pass .*\\$'".to_owned()],
        ..draft
    });
}

/// Names that were looked for at run time and not found, or whose server failed.
fn at_run_time<'a>(facts: &Facts<'a>) -> Vec<&'a Symptom> {
    let others: Vec<&str> = AT_START.iter().chain(&NO_RESOLVER).copied().collect();
    facts
        .symptoms()
        .filter(|symptom| {
            let is_dns = symptom.category == Category::Dns || symptom.signature == FORBIDDEN;
            is_dns && symptom.severity == Severity::Failure
        })
        .filter(|symptom| !others.contains(&symptom.signature))
        .collect()
}

pub(super) fn server(facts: &Facts<'_>, told: &mut Told) {
    let symptoms = at_run_time(facts);
    let n_not_found: u64 = symptoms
        .iter()
        .filter(|s| s.signature == NOT_FOUND)
        .map(|s| s.n_events)
        .sum();
    let n = n_events(&symptoms);
    if n == n_not_found {
        return; // the server answered, and knows no such name
    }
    let draft = facts.draft("server", &symptoms);
    let mut kinds = BTreeSet::new();
    for symptom in &symptoms {
        kinds.insert(match symptom.signature {
            NOT_FOUND => "`Host not found` (3)",
            "x-dns-servfail" => "`Server failure` (2)",
            "x-dns-refused" => "`Operation refused` (5)",
            "x-dns-timeout" => "no answer in time (110)",
            "x-dns-send-refused" | "x-dns-recv-refused" => "its port refusing (111)",
            FORBIDDEN => "a firewall of this host that forbids to ask (1)",
            _ => "other errors",
        });
    }
    let kinds: Vec<&str> = kinds.into_iter().collect();
    told.push(Draft {
        certainty: Certainty::Likely,
        title: format!("the DNS server failed: names could not be resolved {}", facts.during(draft.first, draft.last)),
        claim: format!(
            "{} {} to resolve names at run time failed {}: {}. Errors of several kinds, or silence, are the server's, not the name's. {}.",
            grouped(n),
            plural(n, "attempt"),
            facts.during(draft.first, draft.last),
            kinds.join(", "),
            capital(&facts.toll(&draft))
        ),
        advice: vec![
            match symptoms.iter().any(|symptom| symptom.signature == FORBIDDEN) {
                true => "Look at the rules for what leaves this host (iptables or nft, chain OUTPUT; a policy of the container network): they drop nginx's questions to port 53.".to_owned(),
                false => "Look at the name server itself first: whether it runs, and whether this host reaches it.".to_owned(),
            },
            "Mend the resolver, and name two in `resolver`; `valid=` keeps what was found for a while longer.".to_owned(),
            "The number in the parentheses is a DNS code, not an errno, and `refused` there has nothing to do with the upstream.".to_owned(),
        ],
        commands: vec![
            "dig @RESOLVER NAME +tries=1 +time=2 (RESOLVER: what `resolver` names in the configuration)".to_owned(),
        ],
        ..draft
    });
}

pub(super) fn not_found(facts: &Facts<'_>, told: &mut Told) {
    let symptoms = at_run_time(facts);
    if symptoms.is_empty()
        || symptoms
            .iter()
            .any(|symptom| symptom.signature != NOT_FOUND)
    {
        return;
    }
    let draft = facts.draft("names", &symptoms);
    let n = n_events(&symptoms);
    let first = symptoms.iter().find_map(|symptom| {
        let end = symptom.sample.iter().position(|&b| b == b' ')?;
        Some(name(&symptom.sample[..end]))
    });
    let shown = first.unwrap_or_else(|| "a name".to_owned());
    let dotless = match shown.contains('.') {
        true => "",
        false => {
            " It has no dot: either it is the name of an upstream block that is not there, or a short name, which nginx does not complete with the search domains of /etc/resolv.conf."
        }
    };
    told.push(Draft {
        certainty: Certainty::Certain,
        title: format!("DNS does not know {shown}"),
        claim: format!(
            "{} {} to resolve {shown}, and names like it, ended with `Host not found` {}. The server answers, so the name is wrong, was taken out, or has no address of the kind asked for; a public resolver knows no internal names.{dotless} {}.",
            grouped(n),
            plural(n, "attempt"),
            facts.during(draft.first, draft.last),
            capital(&facts.toll(&draft))
        ),
        commands: vec![format!("dig {shown} A && dig {shown} AAAA (at the server that `resolver` names)")],
        ..draft
    });
}
