//! The gateway itself: what it ran out of, and what its limits refused.

use super::{Certainty, Draft, Facts, Told, bounds, capital, n_events, name};
use crate::{
    classify::errno,
    config::lint::Advice,
    diagnose::findings::{facts::exhibit, observed::Symptom},
    event::{Category, Phase, Severity, Timestamp},
    words::{grouped, plural},
};

/// Messages of a gateway without connections; those that only reuse some are a warning of it.
const CONNECTIONS: [&str; 3] = [
    "core-worker-connections-are-not-enough",
    "core-worker-connections-are-not-enough-reusing-connections",
    "seen-worker-connections-are-not-enough",
];

pub(super) fn connections(facts: &Facts<'_>, told: &mut Told) {
    let symptoms: Vec<&Symptom> = facts.records(&CONNECTIONS).collect();
    let draft = of_requests(facts, "worker_connections", &symptoms);
    let n = n_events(&symptoms);
    let limit = symptoms
        .iter()
        .find_map(|symptom| leading_number(&symptom.sample));
    let has = limit.map_or_else(String::new, |limit| {
        format!(" Each worker may have {limit}, clients and upstreams together, and idle ones too.")
    });
    let better = limit.map_or(4_096, |limit| limit.saturating_mul(4).max(4_096));
    told.push(Draft {
        certainty: Certainty::Certain,
        title: "nginx ran out of worker_connections".to_owned(),
        claim: format!(
            "{} {} {} that no connection was left in a worker.{has} A proxied request needs two. Requests that met this were answered 500 without an upstream; clients that could not even connect have no record at all. It hits all upstreams together, and they are not the cause, unless slow ones let connections pile up.{} {}.",
            grouped(n),
            plural(n, "record"),
            when(facts, n, "says", "say", &draft),
            shut_out(&draft),
            capital(&facts.toll(&draft))
        ),
        advice: vec![
            "Raise worker_connections, and worker_rlimit_nofile to twice as many, or the next limit is that of open files.".to_owned(),
            "Look for what held the connections: a slow upstream, keepalive_timeout of many idle clients, or a flood from one address.".to_owned(),
        ],
        changes: vec![
            Advice {
                directive: "worker_connections".to_owned(),
                context: "events".to_owned(),
                value: better.to_string(),
            },
            Advice {
                directive: "worker_rlimit_nofile".to_owned(),
                context: "main".to_owned(),
                value: (2 * better).to_string(),
            },
        ],
        commands: vec!["nginx -T 2>/dev/null | grep -nE 'worker_(connections|processes|rlimit)'".to_owned(), "ss -s".to_owned()],
        ..draft
    });
}

/// A draft about `symptoms`, of which only those that name an upstream tell of a request: at accept there is none yet, but a client that
/// is shut out; and a connection that was reused failed nobody.
pub(super) fn of_requests(facts: &Facts<'_>, subject: &str, symptoms: &[&Symptom]) -> Draft {
    let is_of_request = |symptom: &&Symptom| {
        symptom.upstream.is_some() || !matches!(symptom.phase, Phase::Accept | Phase::None)
    };
    // A log or a cache that could not be written shuts nobody out.
    let is_of_client = |symptom: &&Symptom| {
        symptom.phase == Phase::Accept
            || symptom.signature.contains("accept")
            || CONNECTIONS.contains(&symptom.signature)
    };
    let failed = symptoms.iter().copied();
    let failed = failed.filter(|symptom| symptom.severity == Severity::Failure);
    let (asked, at_door): (Vec<&Symptom>, Vec<&Symptom>) = failed.partition(is_of_request);
    let hurt = facts.hurt(&asked);
    Draft {
        n_requests: hurt.n_requests,
        n_masked: hurt.n_masked,
        n_shut_out: n_events(&at_door.into_iter().filter(is_of_client).collect::<Vec<_>>()),
        ..facts.draft(subject, symptoms)
    }
}

/// That clients were turned away before they could ask for anything.
fn shut_out(draft: &Draft) -> String {
    match draft.n_shut_out {
        0 => String::new(),
        1 => " 1 of these records is of a client that was not let in: no log has its request."
            .to_owned(),
        n => format!(
            " {} of these records are of clients that were not let in: no log has their requests.",
            grouped(n)
        ),
    }
}

/// `say from … to …`
fn when(facts: &Facts<'_>, n: u64, one: &str, many: &str, draft: &Draft) -> String {
    let verb = if n == 1 { one } else { many };
    format!("{verb} {}", facts.during(draft.first, draft.last))
}

/// The number a message begins with.
fn leading_number(sample: &[u8]) -> Option<u64> {
    let end = sample.iter().position(|b| !b.is_ascii_digit())?;
    std::str::from_utf8(&sample[..end]).ok()?.parse().ok()
}

struct Words {
    subject: &'static str,
    title: &'static str,
    why: &'static str,
    advice: &'static [&'static str],
    commands: &'static [&'static str],
}

/// One finding about everything the gateway lacked by one errno.
fn lacks(facts: &Facts<'_>, told: &mut Told, number: u8, words: &Words, changes: Vec<Advice>) {
    let is_it = |symptom: &&Symptom| {
        symptom.category == Category::ResourceExhausted
            && symptom.aspect == number
            && symptom.signature != BIND
    };
    let symptoms: Vec<&Symptom> = facts.symptoms().filter(is_it).collect();
    if symptoms.is_empty() {
        return;
    }
    let draft = of_requests(facts, words.subject, &symptoms);
    let n = n_events(&symptoms);
    told.push(Draft {
        certainty: Certainty::Certain,
        title: words.title.to_owned(),
        claim: format!(
            "{} {} {}. {}{} {}.",
            grouped(n),
            plural(n, "record"),
            when(facts, n, "tells of it", "tell of it", &draft),
            words.why,
            shut_out(&draft),
            capital(&facts.toll(&draft))
        ),
        advice: words.advice.iter().map(|&text| text.to_owned()).collect(),
        changes,
        commands: words.commands.iter().map(|&text| text.to_owned()).collect(),
        ..draft
    });
}

pub(super) fn files(facts: &Facts<'_>, told: &mut Told) {
    lacks(
        facts,
        told,
        errno::MANY_FILES,
        &Words {
            subject: "files",
            title: "nginx ran out of file descriptors",
            why: "Every connection and every open file takes one (24: Too many open files). At accept, clients wait and have no record; toward an upstream the answer is a 500 without one.",
            advice: &[
                "Raise the limit of the workers, and that of the service (LimitNOFILE= in its unit) if it is lower; twice worker_connections is enough.",
            ],
            commands: &[
                "grep 'open files' /proc/$(pgrep -f 'nginx: worker' | head -1)/limits",
                "systemctl show nginx -p LimitNOFILE",
            ],
        },
        vec![Advice {
            directive: "worker_rlimit_nofile".to_owned(),
            context: "main".to_owned(),
            value: "65535".to_owned(),
        }],
    );
}

pub(super) fn ports(facts: &Facts<'_>, told: &mut Told) {
    lacks(
        facts,
        told,
        errno::NO_PORT,
        &Words {
            subject: "ports",
            title: "the gateway ran out of local ports toward an upstream",
            why: "Each connection to one address and port takes a port of the gateway (99: Cannot assign requested address), and keeps it for a minute in TIME_WAIT. So thousands of short connections a second use them up.",
            advice: &[
                "Keep connections to the upstream open (`keepalive` in the upstream block, HTTP/1.1 and an empty Connection header before 1.29.7): then a few hundred ports do.",
                "More peers, or more addresses to bind to, multiply the ports; net.ipv4.ip_local_port_range widens them, and net.ipv4.tcp_tw_reuse=1 takes old ones again.",
            ],
            commands: &[
                "ss -tan state time-wait | wc -l",
                "sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse",
            ],
        },
        vec![Advice {
            directive: "keepalive".to_owned(),
            context: "upstream".to_owned(),
            value: "32".to_owned(),
        }],
    );
}

/// A bind() before a connect(): to the address that proxy_bind names (`ngx_event_connect.c: ngx_event_connect_peer`).
const BIND: &str = "event-bind-failed";

pub(super) fn bound(facts: &Facts<'_>, told: &mut Told) {
    let symptoms: Vec<&Symptom> = facts.records(&[BIND]).collect();
    let Some(first) = symptoms.first() else {
        return;
    };
    let address = first.sample.strip_prefix(b"bind(");
    let address = address.and_then(|rest| rest.split(|&b| b == b')').next());
    let shown = address.map_or_else(|| "the address of proxy_bind".to_owned(), name);
    let draft = of_requests(facts, "bind", &symptoms);
    let n = n_events(&symptoms);
    // Where a whole range is bound to, its ports end too.
    let why = match symptoms
        .iter()
        .all(|symptom| symptom.aspect == errno::NO_PORT)
    {
        true => {
            "This host has no such address (99: Cannot assign requested address): it moved away with a failover, was never set up here, or it is the client's own and `transparent` is missing. Where it is one of this host's, all of its ports are taken."
        }
        false => "The evidence quotes what the kernel said to it.",
    };
    told.push(Draft {
        certainty: Certainty::Certain,
        title: format!("nginx cannot connect from {shown}"),
        claim: format!(
            "{} {} {}: before it connects to an upstream nginx binds to {shown}, as `proxy_bind` says. {why} These requests were answered 500 and have no upstream in the access log. {}.",
            grouped(n),
            plural(n, "record"),
            when(facts, n, "tells of it", "tell of it", &draft),
            capital(&facts.toll(&draft))
        ),
        advice: vec![
            "Take `proxy_bind` out, or name an address of this host; with `$remote_addr` it needs `transparent`, and routes by which the answers come back.".to_owned(),
        ],
        commands: vec![
            "ip -brief addr".to_owned(),
            "nginx -T 2>/dev/null | grep -nE '_bind '".to_owned(),
        ],
        ..draft
    });
}

pub(super) fn memory(facts: &Facts<'_>, told: &mut Told) {
    lacks(
        facts,
        told,
        errno::NO_MEMORY,
        &Words {
            subject: "memory",
            title: "the gateway ran out of memory",
            why: "An allocation failed (12: Cannot allocate memory): the host, the cgroup of nginx, or a shared zone was full.",
            advice: &[
                "Find what took it: large *_buffers times connections, other processes, or the limit of the container.",
            ],
            commands: &[
                "journalctl -k | grep -iE 'out of memory|oom'",
                "cat /sys/fs/cgroup/system.slice/nginx.service/memory.max",
            ],
        },
        vec![],
    );
}

pub(super) fn disk(facts: &Facts<'_>, told: &mut Told) {
    lacks(
        facts,
        told,
        errno::NO_SPACE,
        &Words {
            subject: "disk",
            title: "a disk of the gateway was full",
            why: "nginx could not write temporary files, its cache or its logs (28: No space left on device): answers larger than the buffers are cut or become a 500, and what was to be logged meanwhile may be missing here.",
            advice: &[
                "Make room, and put *_temp_path, proxy_cache_path and the logs where they cannot fill the same disk; set max_size of caches.",
                "Records may be missing from this time: do not read silence as health.",
            ],
            commands: &[
                "df -h /var/log/nginx /var/lib/nginx /var/cache/nginx && df -i /var/lib/nginx",
            ],
        },
        vec![],
    );
}

// --- Limits that the gateway enforces ------------------------------------------------------------

const REQUESTS_LIMITED: [&str; 2] = [
    "http-limiting-requests-dry-run-excess-by-zone",
    "tengine-limit-req-forbid",
];
const CONNECTIONS_LIMITED: [&str; 3] = [
    "http-limiting-connections-dry-run-by-zone",
    "stream-limiting-connections-dry-run-by-zone",
    "old-limit-zone",
];

pub(super) fn requests_limited(facts: &Facts<'_>, told: &mut Told) {
    limited(
        facts,
        told,
        &REQUESTS_LIMITED,
        "limit_req",
        "requests came faster than limit_req allows",
    );
}

pub(super) fn connections_limited(facts: &Facts<'_>, told: &mut Told) {
    limited(
        facts,
        told,
        &CONNECTIONS_LIMITED,
        "limit_conn",
        "clients had more connections than limit_conn allows",
    );
}

/// Fewer refusals may be of anything.
const REFUSED_MIN: u64 = 10;

/// Requests that a limit of the configuration refused, as far as an access log tells: answered with its status, and without an upstream.
pub(super) fn limits_unlogged(facts: &Facts<'_>, told: &mut Told) {
    let is_logged = [&REQUESTS_LIMITED[..], &CONNECTIONS_LIMITED]
        .iter()
        .any(|signatures| facts.records(signatures).next().is_some());
    let Some(config) = facts
        .material
        .config
        .filter(|_| !is_logged && facts.material.is_whole)
    else {
        return;
    };
    for directive in ["limit_req", "limit_conn"] {
        let mut limits = config.directives.iter();
        let Some(limit) = limits.find(|known| known.is(directive)) else {
            continue;
        };
        let status = config
            .number(limit.scope, &format!("{directive}_status"))
            .map_or(503, |status| status.value);
        let refused = refused_by_status(facts, status);
        if refused.n < REFUSED_MIN {
            continue;
        }
        let mut evidence = Vec::new();
        evidence.extend(
            refused
                .first
                .map(|first| super::record(first, "the first of them", b"")),
        );
        evidence.push(facts.config_exhibit(limit.position, "the limit"));
        told.push(Draft {
            subject: directive.to_owned(),
            certainty: Certainty::Possible,
            title: format!("{} requests were answered {status} without an upstream: {directive}, most likely", grouped(refused.n)),
            claim: format!(
                "{} {} answered {status} and met no upstream {}, and the configuration has a {directive} that answers so. No record of a refusal was read: {directive}_log_level is below the level of the error log, or that log is not here. `return {status}` would look the same.",
                grouped(refused.n),
                if refused.n == 1 { "request was" } else { "requests were" },
                facts.during(refused.first_at, refused.last_at)
            ),
            advice: vec![
                "Read the error log of that time: `limiting requests, excess` names zone and client. If these are real users, allow bursts (burst=, nodelay) or a higher rate; if they are an attack, leave it.".to_owned(),
                "Answer 429, so that a limit is told from a fault.".to_owned(),
            ],
            changes: vec![Advice {
                directive: format!("{directive}_status"),
                context: "http".to_owned(),
                value: "429".to_owned(),
            }],
            commands: vec![format!("nginx -T 2>/dev/null | grep -nE '{directive}|return {status}'")],
            n_requests: refused.n,
            n_events: refused.n,
            first: refused.first_at,
            last: refused.last_at,
            evidence,
            ..Draft::default()
        });
        return; // both kinds at once are told of one
    }
}

/// Requests with one status that met no upstream.
#[derive(Default)]
struct Refused {
    n: u64,
    first: Option<crate::aggregate::Evidence>,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
}

fn refused_by_status(facts: &Facts<'_>, status: u64) -> Refused {
    let mut refused = Refused::default();
    let attempts = facts.material.scanned.attempts.as_slice().iter();
    for attempt in attempts {
        if attempt.n_attempts == 0 && u64::from(attempt.status) == status {
            refused.n += 1;
            refused.first = refused.first.into_iter().chain([attempt.evidence]).min();
            refused.first_at = refused.first_at.into_iter().chain([attempt.end]).min();
            refused.last_at = refused.last_at.max(Some(attempt.end));
        }
    }
    if refused.n == 0 {
        // What is no failure is not traced; it is counted all the same.
        let by_status = &facts.material.scanned.aggregate.requests.by_status;
        let all = usize::try_from(status)
            .ok()
            .and_then(|status| by_status.get(status));
        let mut of_none = crate::aggregate::TrafficCount::default();
        let without = facts.material.traffic.iter();
        for row in without.filter(|row| row.upstream.is_none()) {
            of_none.merge(&row.count);
        }
        let row = of_none.finish();
        let of_class = if status < 500 { row.n_4xx } else { row.n_5xx };
        refused.n = all.copied().unwrap_or(0).min(of_class);
        (refused.first_at, refused.last_at) = (Some(facts.span().0), Some(facts.span().1));
    }
    refused
}

fn limited(facts: &Facts<'_>, told: &mut Told, signatures: &[&str], directive: &str, what: &str) {
    let symptoms: Vec<&Symptom> = facts.records(signatures).collect();
    if symptoms.is_empty() {
        return;
    }
    let n = n_events(&symptoms);
    let draft = facts.draft(directive, &symptoms);
    let dry = symptoms
        .iter()
        .any(|symptom| memchr::memmem::find(&symptom.sample, b"dry run").is_some());
    let by_status = &facts.material.scanned.aggregate.requests.by_status;
    let (n_503, n_429) = (by_status[503], by_status[429]);
    let status = match (dry, n_503, n_429) {
        (true, ..) => "It was a dry run: all of them went on to the upstreams.",
        (_, 0, 1..) => "They were answered 429. The upstreams saw none of them.",
        (_, 1.., _) => {
            "They were answered 503, the default, which looks like a broken gateway and is none. The upstreams saw none of them."
        }
        _ => "They are answered 503 unless the status is set. The upstreams saw none of them.",
    };
    let zone = symptoms.iter().find_map(|symptom| {
        let at = memchr::memmem::find(&symptom.sample, b"zone \"")? + 6;
        let rest = &symptom.sample[at..];
        Some(name(&rest[..rest.iter().position(|&b| b == b'"')?]))
    });
    let zone = zone.map_or_else(String::new, |zone| format!(" (zone {zone})"));
    let (first, last) = bounds(&symptoms);
    told.push(Draft {
        certainty: Certainty::Certain,
        title: match dry {
            true => format!("{what}, in a dry run: {} would have been refused", grouped(n)),
            false => format!("{what}: {} refused", grouped(n)),
        },
        claim: format!(
            "{} {} refused by {directive}{zone} {}. {status}",
            grouped(n),
            match (dry, n) {
                (true, 1) => "request would have been",
                (true, _) => "requests would have been",
                (false, 1) => "request was",
                (false, _) => "requests were",
            },
            facts.during(first, last)
        ),
        advice: vec![
            "If these are real users, allow bursts (burst=, nodelay) or a higher rate, as their own rate shows; if they are an attack, leave it.".to_owned(),
            "Answer 429, so that a limit is told from a fault.".to_owned(),
        ],
        changes: vec![Advice {
            directive: format!("{directive}_status"),
            context: "http".to_owned(),
            value: "429".to_owned(),
        }],
        commands: vec![format!("nginx -T 2>/dev/null | grep -nE '{directive}'")],
        evidence: symptoms.iter().map(|symptom| exhibit(symptom)).collect(),
        n_requests: if dry { 0 } else { draft.n_requests },
        n_masked: 0,
        ..draft
    });
}
