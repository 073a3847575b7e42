//! The gateway itself: what it ran out of, what killed it, and configurations it refused.

use super::{Certainty, Draft, Facts, Told, bounds, connect::capital, n_events, name};
use crate::{
    classify::errno,
    config::lint::Advice,
    diagnose::{
        Mark,
        findings::{
            facts::{exhibit, record},
            observed::Symptom,
        },
    },
    event::{Category, Moment, Timestamp},
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
    let draft = facts.draft("worker_connections", &symptoms);
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
            "{} {} {} that no connection was left in a worker.{has} A proxied request needs two. Requests that met this were answered 500 without an upstream; clients that could not even connect have no record at all. It hits all upstreams together, and they are not the cause, unless slow ones let connections pile up. {}.",
            grouped(n),
            plural(n, "record"),
            when(facts, n, "says", "say", &draft),
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
    let symptoms: Vec<&Symptom> = facts
        .symptoms()
        .filter(|symptom| {
            symptom.category == Category::ResourceExhausted && symptom.aspect == number
        })
        .collect();
    let draft = facts.draft(words.subject, &symptoms);
    let n = n_events(&symptoms);
    told.push(Draft {
        certainty: Certainty::Certain,
        title: words.title.to_owned(),
        claim: format!(
            "{} {} {}. {} {}.",
            grouped(n),
            plural(n, "record"),
            when(facts, n, "tells of it", "tell of it", &draft),
            words.why,
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

// --- Processes and configurations ----------------------------------------------------------------

fn all_marks<'a>(facts: &Facts<'a>, moment: Moment) -> Vec<&'a Mark> {
    let (from, to) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    facts.marks(moment, from, to).collect()
}

/// What a record says, if it is the first of its message.
fn quote(facts: &Facts<'_>, mark: &Mark) -> Vec<u8> {
    let symptoms = &facts.material.observed.symptoms;
    let symptom = symptoms
        .iter()
        .find(|symptom| symptom.evidence == mark.evidence);
    symptom.map_or_else(Vec::new, |symptom| symptom.sample.clone())
}

pub(super) fn crash(facts: &Facts<'_>, told: &mut Told) {
    let marks = all_marks(facts, Moment::WorkerCrash);
    let n: u64 = marks.iter().map(|mark| mark.n_events).sum();
    let (first, last) = (
        marks.iter().map(|mark| mark.first).min(),
        marks.iter().map(|mark| mark.last).max(),
    );
    let signal = marks.iter().find_map(|mark| signal_of(&quote(facts, mark)));
    let (title, why) = match signal {
        Some(9) => ("killed", "Signal 9 is most often the kernel's OOM killer."),
        Some(11) => (
            "crashed",
            "Signal 11 is an error in nginx or in a module of it.",
        ),
        Some(6) => (
            "aborted",
            "Signal 6: it stopped itself, most often in an allocator or a module.",
        ),
        _ => (
            "ended by a signal",
            "The number behind `signal` tells which.",
        ),
    };
    told.push(Draft {
        certainty: Certainty::Certain,
        title: format!("{} nginx {} {title}", grouped(n), if n == 1 { "worker was".to_owned() } else { "workers were".to_owned() }),
        claim: format!(
            "{} worker {} {}. {why} The requests in its hands have no record in the access log and none here: the damage is larger than the numbers show.",
            grouped(n),
            match n {
                1 => "process ended on a signal",
                _ => "processes ended on a signal",
            },
            facts.during(first, last)
        ),
        advice: match signal {
            Some(9) => vec!["Look into the kernel's log for an OOM kill at that second; give the host more memory or nginx smaller buffers and zones.".to_owned()],
            _ => vec!["Collect a core dump (worker_rlimit_core, working_directory), take third-party modules out one by one, and update nginx.".to_owned()],
        },
        commands: vec!["journalctl -k --since TIME | grep -iE 'oom|killed process|segfault'".to_owned()],
        evidence: marks
            .iter()
            .map(|mark| record(mark.evidence, "a worker ended on a signal", &quote(facts, mark)))
            .collect(),
        subject: "worker".to_owned(),
        n_events: n,
        first,
        last,
        ..Draft::default()
    });
}

/// The number in `worker process 4102 exited on signal 9`.
fn signal_of(message: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(message).ok()?;
    let (_, rest) = text.split_once("signal ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

pub(super) fn reload_refused(facts: &Facts<'_>, told: &mut Told) {
    refused(
        facts,
        told,
        Moment::ReloadFailed,
        "a reload was refused: the new configuration is not in force",
        "nginx was told to read its configuration again, and refused it: it goes on with the one it had, and what was changed since has no effect. A later restart would find no nginx.",
    );
}

pub(super) fn start_refused(facts: &Facts<'_>, told: &mut Told) {
    refused(
        facts,
        told,
        Moment::Emergency,
        "nginx refused to start, or to take a configuration",
        "nginx did not start with it, or a test of it failed.",
    );
}

fn refused(facts: &Facts<'_>, told: &mut Told, moment: Moment, title: &str, why: &str) {
    let marks = all_marks(facts, moment);
    let n: u64 = marks.iter().map(|mark| mark.n_events).sum();
    let first = marks.iter().map(|mark| mark.first).min();
    let last = marks.iter().map(|mark| mark.last).max();
    let said = marks
        .iter()
        .map(|mark| quote(facts, mark))
        .find(|quote| !quote.is_empty());
    let said = said.map_or_else(String::new, |said| format!(" Its words: {}.", name(&said)));
    // What the same configuration then holds.
    let later = facts
        .marks(
            Moment::Reload,
            last.unwrap_or(Timestamp(0)),
            Timestamp(i64::MAX),
        )
        .next();
    let mended = match later {
        Some(mark) => format!(
            " A later reload, at {}, was taken.",
            facts.clock(mark.first)
        ),
        None => " No later reload that was taken is in these logs.".to_owned(),
    };
    told.push(Draft {
        certainty: Certainty::Certain,
        title: title.to_owned(),
        claim: format!("{} {}: {why}{said}{mended}", capital(&facts.during(first, last)), match n { 1 => "once".to_owned(), n => format!("{} times", grouped(n)) }),
        advice: vec!["nginx -t says what is wrong; run it before every reload (nginx -t && nginx -s reload).".to_owned()],
        commands: vec!["nginx -t".to_owned()],
        evidence: marks
            .iter()
            .map(|mark| record(mark.evidence, moment.name(), &quote(facts, mark)))
            .collect(),
        subject: moment.name().to_owned(),
        n_events: n,
        first,
        last,
        ..Draft::default()
    });
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

fn limited(facts: &Facts<'_>, told: &mut Told, signatures: &[&str], directive: &str, what: &str) {
    let symptoms: Vec<&Symptom> = facts.records(signatures).collect();
    let n = n_events(&symptoms);
    let draft = facts.draft(directive, &symptoms);
    let dry = symptoms
        .iter()
        .any(|symptom| memchr::memmem::find(&symptom.sample, b"dry run").is_some());
    let by_status = &facts.material.scanned.aggregate.requests.by_status;
    let (n_503, n_429) = (by_status[503], by_status[429]);
    let status = match (dry, n_503, n_429) {
        (true, ..) => "It was a dry run: nothing was refused.",
        (_, 0, 1..) => "They were answered 429.",
        (_, 1.., _) => {
            "They were answered 503, the default, which looks like a broken gateway and is none."
        }
        _ => "They are answered 503 unless the status is set.",
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
        title: format!("{what}: {} refused", grouped(n)),
        claim: format!(
            "{} {} refused by {directive}{zone} {}. {status} The upstreams saw none of them.",
            grouped(n),
            match n {
                1 => "request was",
                _ => "requests were",
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
