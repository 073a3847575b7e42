//! Requests that nginx failed by itself, by what its configuration says: before an upstream was asked, or in place of asking one.

use super::{Certainty, Draft, Facts, Symptom, Told, capital, n_events, name};
use crate::{
    config::lint::Advice,
    event::Basis,
    words::{grouped, plural},
};
use std::collections::BTreeMap;

/// A pass whose value is no address at run time (`ngx_http_proxy_module.c: ngx_http_proxy_eval`, `ngx_http_upstream_resolve_handler`).
const NO_ADDRESS: [&str; 6] = [
    "http-invalid-url-prefix-in",
    "http-no-port-in-upstream",
    "http-in-upstream",
    "http-in-upstream-2",
    "stream-no-port-in-upstream",
    "stream-in-upstream",
];

/// Redirects in a circle (`ngx_http_core_module.c: ngx_http_internal_redirect`, `ngx_http_named_location`).
const CIRCLE: [&str; 3] = [
    "http-rewrite-or-internal-redirection-cycle-while-processing",
    "http-rewrite-or-internal-redirection-cycle-while-internally-redirecting-to",
    "http-rewrite-or-internal-redirection-cycle-while-redirect-to-named-location",
];

pub(super) const CACHE_KEY: &str = "http-buffer-size-is-not-enough-for-cache-key-it-should-be";

/// A shared zone without room (`ngx_slab.c: ngx_slab_alloc_pages`, and who calls it).
const ZONE_FULL: [&str; 3] = [
    "x-slab-no-memory",
    "http-could-not-allocate-node",
    "http-could-not-allocate-node-expiring-least-recently-used-session",
];

/// The PROXY header that a `listen` expects (`ngx_proxy_protocol.c: ngx_proxy_protocol_read`).
const PROXY_HEADER: [&str; 1] = ["core-broken-header"];

/// Whether these requests of an access log, which met no upstream, are those that error records tell of here.
pub(super) fn is_told(facts: &Facts<'_>, symptom: &Symptom) -> bool {
    let all = [&NO_ADDRESS[..], &CIRCLE, &[CACHE_KEY], &ZONE_FULL].concat();
    let records = facts.records(&all).map(|symptom| symptom.n_events);
    symptom.basis == Basis::AccessLog
        && symptom.upstream.is_none()
        && records.sum::<u64>() >= symptom.n_events
}

pub(super) fn no_address(facts: &Facts<'_>, told: &mut Told) {
    let Some((draft, quoted)) = drafted(facts, "address", &NO_ADDRESS) else {
        return;
    };
    let value = quoted.map_or_else(String::new, |value| format!(", here `{value}`"));
    told.push(Draft {
        certainty: Certainty::Certain,
        title: "the value of a pass is no address".to_owned(),
        claim: format!(
            "{} {} failed {} with 500 before any upstream was asked: a variable in `proxy_pass` or its like gives what nginx cannot take for a URL{value}. {}.",
            grouped(draft.n_events),
            plural(draft.n_events, "request"),
            facts.during(draft.first, draft.last),
            capital(&facts.toll(&draft))
        ),
        advice: vec![
            "Look where the variable is set (`set`, `map`, a header): it has to hold http:// or https:// where nothing stands before it in the pass, a host, and a port below 65536.".to_owned(),
        ],
        commands: vec!["nginx -T 2>/dev/null | grep -nE '_pass .*\\$|^ *set |map '".to_owned()],
        ..draft
    });
}

pub(super) fn circle(facts: &Facts<'_>, told: &mut Told) {
    let Some((draft, quoted)) = drafted(facts, "circle", &CIRCLE) else {
        return;
    };
    let at = quoted.map_or_else(String::new, |uri| format!(" (the first at {uri})"));
    told.push(Draft {
        certainty: Certainty::Certain,
        title: "requests go in a circle of redirects inside nginx".to_owned(),
        claim: format!(
            "{} {} {} sent from one location to another ten times and then answered 500 {}{at}. `try_files`, `error_page` or `rewrite` leads back to where it began, most often because the file at its end does not exist. No upstream has to do with it. {}.",
            grouped(draft.n_events),
            plural(draft.n_events, "request"),
            if draft.n_events == 1 { "was" } else { "were" },
            facts.during(draft.first, draft.last),
            capital(&facts.toll(&draft))
        ),
        advice: vec![
            "Let the last word of `try_files` be a status (=404) or a named location that passes to the backend, and see that the file it names exists below `root`.".to_owned(),
        ],
        commands: vec!["nginx -T 2>/dev/null | grep -nE 'try_files|error_page|rewrite|root '".to_owned()],
        ..draft
    });
}

pub(super) fn cache_key(facts: &Facts<'_>, told: &mut Told) {
    let Some((draft, _)) = drafted(facts, "cache key", &[CACHE_KEY]) else {
        return;
    };
    let quote = draft.evidence.first().map(|exhibit| &exhibit.quote[..]);
    let needed = quote.and_then(needed_of);
    let (directive, bytes) = needed.unwrap_or(("proxy_buffer_size".to_owned(), 8 << 10));
    // What nginx asks for holds for the request it met; a longer key comes.
    let kilobytes = (bytes + 1).next_power_of_two().max(8 << 10) >> 10;
    let family = directive.trim_end_matches("_buffer_size").to_owned();
    let values = [
        ("buffer_size", format!("{kilobytes}k")),
        ("buffers", format!("8 {kilobytes}k")),
        ("busy_buffers_size", format!("{}k", 2 * kilobytes)),
    ];
    told.push(Draft {
        certainty: Certainty::Certain,
        title: "cache keys do not fit the buffer".to_owned(),
        claim: format!(
            "{} {} failed {} with 500 before any upstream was asked: {directive} also holds the key of the cache, which a long URL or a header in `proxy_cache_key` makes larger than that. nginx asks for {} bytes at least. {}.",
            grouped(draft.n_events),
            plural(draft.n_events, "request"),
            facts.during(draft.first, draft.last),
            grouped(bytes),
            capital(&facts.toll(&draft))
        ),
        advice: vec![
            "Make the buffers larger as below, all three at once, since nginx refuses the first alone; or the key shorter: without arguments that the answer does not depend on.".to_owned(),
        ],
        changes: values
            .into_iter()
            .map(|(suffix, value)| Advice {
                directive: format!("{family}_{suffix}"),
                context: "location".to_owned(),
                value,
            })
            .collect(),
        commands: vec!["nginx -T 2>/dev/null | grep -nE 'cache_key|_buffer(s|_size)'".to_owned()],
        ..draft
    });
}

/// Directive and bytes in `proxy_buffer_size 4096 is not enough for cache key, it should be increased to at least 8192`.
fn needed_of(message: &[u8]) -> Option<(String, u64)> {
    let text = std::str::from_utf8(message).ok()?;
    let directive = text.split(' ').next()?;
    let bytes = text.rsplit(' ').next()?.parse().ok()?;
    let is_known = directive.ends_with("_buffer_size") && directive.len() < 24;
    is_known.then(|| (directive.to_owned(), bytes))
}

/// A finding per zone.
pub(super) fn zone_full(facts: &Facts<'_>, told: &mut Told) {
    let mut zones: BTreeMap<Option<&[u8]>, Vec<&Symptom>> = BTreeMap::new();
    for symptom in facts.records(&ZONE_FULL) {
        zones
            .entry(quoted_in(&symptom.sample))
            .or_default()
            .push(symptom);
    }
    for (zone, symptoms) in zones {
        let shown = zone.map_or_else(|| "NAME".to_owned(), name);
        let draft = facts.draft(&shown, &symptoms);
        let (directive, parameter, who) = kind_of(&symptoms[0].sample);
        let n = n_events(&symptoms);
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("the shared zone {shown} is full"),
            claim: format!(
                "{} {} {} {}. The zone has a fixed size, whatever memory the host has, and {who}. {}.",
                grouped(n),
                plural(n, "record"),
                if n == 1 { "tells of it" } else { "tell of it" },
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                "Make the zone larger: 1m holds about 8,000 keys of a cache, and 8,000 to 16,000 addresses of a limit. A change of size needs a reload, and of some zones a restart.".to_owned(),
            ],
            changes: vec![Advice {
                directive: directive.to_owned(),
                context: match directive {
                    "zone" => "upstream".to_owned(),
                    _ => "http".to_owned(),
                },
                value: format!("{parameter}{shown}{}32m", if parameter.is_empty() { " " } else { ":" }),
            }],
            commands: vec!["nginx -T 2>/dev/null | grep -nE '_zone|keys_zone|zone '".to_owned()],
            ..draft
        });
    }
}

/// The directive that gives the zone of a message its size, how it names it, and what comes of it.
fn kind_of(message: &[u8]) -> (&'static str, &'static str, &'static str) {
    let says = |words: &[u8]| memchr::memmem::find(message, words).is_some();
    if says(b"limit_req") {
        let refused = "a request whose key finds no room is refused as if it were over the limit";
        return ("limit_req_zone", "zone=", refused);
    }
    if says(b"limit_conn") {
        let refused =
            "a connection whose key finds no room is refused as if it were over the limit";
        return ("limit_conn_zone", "zone=", refused);
    }
    if says(b"cache keys") {
        let dropped = "nginx drops the keys that were used least, and a request whose key finds no room all the same fails with 500";
        return ("proxy_cache_path", "keys_zone=", dropped);
    }
    ("zone", "", "what asked for room did without it or failed")
}

/// What stands in the first quotes.
fn quoted_in(message: &[u8]) -> Option<&[u8]> {
    let start = memchr::memchr(b'"', message)? + 1;
    let len = memchr::memchr(b'"', &message[start..])?;
    Some(&message[start..start + len])
}

/// Fewer are what scanners send.
const BROKEN_MIN: u64 = 10;

/// Clients without the PROXY header that a `listen` expects: nginx hangs up, and no access log has them.
pub(super) fn proxy_header(facts: &Facts<'_>, told: &mut Told) {
    let Some((draft, _)) = drafted(facts, "proxy header", &PROXY_HEADER) else {
        return;
    };
    if draft.n_events < BROKEN_MIN {
        return;
    }
    told.push(Draft {
        certainty: Certainty::Likely,
        title: format!("{} connections came without the PROXY header that nginx expects", grouped(draft.n_events)),
        claim: format!(
            "A `listen` with `proxy_protocol` expects a PROXY header from the balancer in front, and {} {} {} with something else {}; the evidence quotes the first. nginx hung up on each: to clients the gateway is dead, and no access log has their requests. Where the balancer was changed or never sends it, that is all of them; a few are scanners that found the port.",
            grouped(draft.n_events),
            plural(draft.n_events, "connection"),
            if draft.n_events == 1 { "began" } else { "each began" },
            facts.during(draft.first, draft.last)
        ),
        advice: vec![
            "Let the balancer send it (HAProxy: send-proxy; AWS: proxy protocol v2 of the target group), or take `proxy_protocol` out of that `listen`; both ends in one change.".to_owned(),
        ],
        commands: vec!["nginx -T 2>/dev/null | grep -nE 'listen.*proxy_protocol'".to_owned()],
        n_requests: 0,
        n_masked: 0,
        n_shut_out: draft.n_events,
        ..draft
    });
}

/// More connections than files, which nginx says at its start; not by itself a failure.
pub(super) fn more_than_files(facts: &Facts<'_>, told: &mut Told) {
    let signatures = ["event-worker-connections-exceed-open-file-resource-limit"];
    let Some((draft, _)) = drafted(facts, "files", &signatures) else {
        return;
    };
    let quote = draft.evidence.first().map(|exhibit| &exhibit.quote[..]);
    let numbers = quote.map(numbers_in).unwrap_or_default();
    let (connections, files) = match numbers[..] {
        [connections, files, ..] => (connections, files),
        _ => return,
    };
    told.push(Draft {
        certainty: Certainty::Certain,
        title: "workers may have more connections than files".to_owned(),
        claim: format!(
            "nginx said {}: {} worker_connections, and {} open files. Each connection takes a file, and a proxied request two connections: the files end first, and then nginx neither accepts nor connects (24: Too many open files).",
            facts.during(draft.first, draft.last),
            grouped(connections),
            grouped(files)
        ),
        advice: vec!["Raise the files of the workers to twice worker_connections, and that of the service (LimitNOFILE= in its unit) if it is lower.".to_owned()],
        changes: vec![Advice {
            directive: "worker_rlimit_nofile".to_owned(),
            context: "main".to_owned(),
            value: connections.saturating_mul(2).to_string(),
        }],
        commands: vec!["grep 'open files' /proc/$(pgrep -f 'nginx: worker' | head -1)/limits".to_owned()],
        n_requests: 0,
        n_masked: 0,
        ..draft
    });
}

fn numbers_in(message: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(message);
    let words = text.split(' ');
    words.filter_map(|word| word.parse().ok()).collect()
}

/// A draft about the records of `signatures`, and what the first of them quotes; `None` if there are none.
fn drafted(
    facts: &Facts<'_>,
    subject: &str,
    signatures: &[&str],
) -> Option<(Draft, Option<String>)> {
    let symptoms: Vec<&Symptom> = facts.records(signatures).collect();
    let first = symptoms.iter().max_by_key(|symptom| symptom.n_events)?;
    let quoted = quoted_in(&first.sample).map(name);
    Some((facts.draft(subject, &symptoms), quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_asks_for_is_read() {
        let message = b"proxy_buffer_size 4096 is not enough for cache key, it should be increased to at least 8192";
        assert_eq!(
            needed_of(message),
            Some(("proxy_buffer_size".to_owned(), 8192))
        );
        assert_eq!(needed_of(b"proxy_buffer_size 4096 is not enough for"), None);
        assert_eq!(
            numbers_in(b"4096 worker_connections exceed open file resource limit: 1024"),
            [4096, 1024]
        );
    }
}
