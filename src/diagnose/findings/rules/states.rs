//! What became of the gateway: workers that were killed, configurations that it refused, and blocks that it ignores.

use super::{Certainty, Draft, Facts, Symptom, Told, capital, n_events, name, record};
use crate::{
    config::lint::Advice,
    diagnose::Mark,
    event::{Moment, Timestamp},
    words::{grouped, plural},
};

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
    let known = said.as_deref().and_then(refusal);
    let said = said.map_or_else(String::new, |said| format!(" Its words: {}.", name(&said)));
    let means = known.map_or_else(String::new, |known| format!(" {}", known.means));
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
        claim: format!("{} {}: {why}{said}{means}{mended}", capital(&facts.during(first, last)), match n { 1 => "once".to_owned(), n => format!("{} times", grouped(n)) }),
        advice: known
            .map(|known| known.mend)
            .into_iter()
            .chain(["nginx -t says what is wrong; run it before every reload (nginx -t && nginx -s reload)."])
            .map(str::to_owned)
            .collect(),
        commands: ["nginx -t"]
            .into_iter()
            .chain(known.map(|known| known.command))
            .map(str::to_owned)
            .collect(),
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

/// A way in which nginx refuses a configuration.
struct Refusal {
    /// All of them stand in what nginx says.
    words: &'static [&'static str],
    means: &'static str,
    mend: &'static str,
    command: &'static str,
}

/// What is known of refusals; the first that fits counts.
const REFUSALS: &[Refusal] = &[
    Refusal {
        words: &["bind() to", "(98"],
        means: "Another process has that address: most often a second nginx, whose master was not the one that systemd knows of.",
        mend: "Find who listens there and stop it; then start nginx by its service alone.",
        command: "ss -lntp",
    },
    Refusal {
        words: &["still could not bind()"],
        means: "Another process has one of its addresses: most often a second nginx.",
        mend: "Find who listens there and stop it; then start nginx by its service alone.",
        command: "ss -lntp",
    },
    Refusal {
        words: &["bind() to", "(13"],
        means: "The kernel forbids that port: below 1024 it takes root or CAP_NET_BIND_SERVICE, and SELinux lets nginx listen only at ports of the type http_port_t.",
        mend: "Where SELinux denied it (name_bind in audit.log): semanage port -a -t http_port_t -p tcp PORT; else start nginx as root, or take a port from 1024 on.",
        command: "ausearch -m avc -c nginx -i && semanage port -l | grep http_port_t",
    },
    Refusal {
        words: &["bind() to", "(99"],
        means: "This host has no such address, or has none yet: a service that starts before the network is up meets that.",
        mend: "Listen at an address that is there, or order the unit After=network-online.target.",
        command: "ip -brief addr",
    },
    Refusal {
        words: &["unknown directive \"health_check\""],
        means: "Active health checks are of NGINX Plus: open source nginx has passive ones only (max_fails, fail_timeout).",
        mend: "Take `health_check` out: while it stands there no other change of the same edit is in force either.",
        command: "nginx -V",
    },
    Refusal {
        words: &["unknown directive \"upstream_status\""],
        means: "No nginx has such a directive, though it is often advised; NGINX Plus has `api`.",
        mend: "Take `upstream_status` out: while it stands there no other change of the same edit is in force either.",
        command: "nginx -V",
    },
    Refusal {
        words: &["unknown directive"],
        means: "It is misspelt, of a module that is not built in or not loaded (load_module), or of NGINX Plus.",
        mend: "Correct or take out that line: while it stands there no other change of the same edit is in force either.",
        command: "nginx -V",
    },
    Refusal {
        words: &["\"proxy_busy_buffers_size\" must be"],
        means: "The three sizes of buffers belong together, and a larger proxy_buffer_size alone breaks their rule.",
        mend: "Set proxy_buffer_size, proxy_buffers and proxy_busy_buffers_size in one edit: 16k, 8 16k and 32k fit.",
        command: "nginx -T 2>/dev/null | grep -n buffer",
    },
    Refusal {
        words: &["may not have port"],
        means: "A pass that names an upstream block takes no port: the ports stand in the block.",
        mend: "Take the port out of the pass.",
        command: "nginx -T 2>/dev/null | grep -nE '_pass|upstream'",
    },
    Refusal {
        words: &["no servers are inside upstream"],
        means: "The block is empty, as a template leaves it that found no backend.",
        mend: "Give the block at least one server: 127.0.0.1:1 down answers 502 instead of refusing the whole configuration.",
        command: "nginx -T 2>/dev/null | grep -nA3 upstream",
    },
    Refusal {
        words: &["duplicate upstream"],
        means: "Two files define the same block: most often a copy that a glob includes too (*.bak, sites-enabled).",
        mend: "Take one of the two out.",
        command: "grep -rn upstream /etc/nginx",
    },
    Refusal {
        words: &["cannot load certificate"],
        means: "A certificate is missing, not readable or no PEM.",
        mend: "Put the file where the line says, with its key; a renewal that failed half way leaves that.",
        command: "ls -lL the path that is named",
    },
];

/// What is known of the words that nginx refused with.
fn refusal(said: &[u8]) -> Option<&'static Refusal> {
    let said = String::from_utf8_lossy(said);
    let is_said = |words: &&str| said.contains(words);
    REFUSALS
        .iter()
        .find(|known| known.words.iter().all(is_said))
}

/// nginx ignores a server block, because one before it has its name and address (`ngx_http_server_names`).
pub(super) fn conflicting(facts: &Facts<'_>, told: &mut Told) {
    let symptoms: Vec<&Symptom> = facts.records(&[CONFLICTING]).collect();
    let draft = facts.draft("server", &symptoms);
    let Some(said) = symptoms
        .iter()
        .find_map(|symptom| conflict_of(&symptom.sample))
    else {
        return;
    };
    let (server, address) = said;
    let lints = facts
        .lints
        .iter()
        .filter(|lint| lint.id == "conflicting-server-name");
    let known: Vec<_> = lints
        .filter(|lint| lint.claim.contains(&format!("\"{server}\"")))
        .collect();
    let mut evidence = draft.evidence.clone();
    evidence.truncate(2);
    evidence.extend(known.iter().flat_map(|lint| {
        let blocks = lint
            .positions
            .iter()
            .zip(["the block that is ignored", "the block that is used"]);
        blocks.map(|(&position, what)| facts.config_exhibit(position, what))
    }));
    let place = match (known.first(), facts.material.config) {
        (Some(lint), Some(config)) => lint.positions.first().map_or_else(String::new, |&at| {
            format!(
                " The ignored one is that of {}.",
                name(config.cite(at).as_bytes())
            )
        }),
        _ => String::new(),
    };
    let n = n_events(&symptoms);
    let (server, address) = (name(server.as_bytes()), name(address.as_bytes()));
    told.push(Draft {
        certainty: Certainty::Certain,
        title: format!("a server block for \"{server}\" on {address} is ignored"),
        claim: format!(
            "nginx said so {} {} {}: another block before it has the same name and address, and gets all requests.{place} What was changed in the ignored block has no effect, and its upstreams get none.",
            grouped(n),
            plural(n, "time"),
            facts.during(draft.first, draft.last)
        ),
        advice: vec!["Take one of the two blocks out, or give it a name of its own; mind copies that a glob includes too (sites-enabled/*, *.bak).".to_owned()],
        changes: match known.first() {
            Some(lint) => lint.advice.clone(),
            None => vec![Advice {
                directive: "server_name".to_owned(),
                context: format!("server {server}"),
                value: "NAME".to_owned(),
            }],
        },
        commands: vec![
            "nginx -t 2>&1 | grep conflicting".to_owned(),
            format!("nginx -T 2>/dev/null | grep -nE '# configuration file|server_name.*{server}'"),
        ],
        evidence,
        n_requests: 0,
        n_masked: 0,
        ..draft
    });
}

pub(super) const CONFLICTING: &str = "x-conflicting-server-name";

/// Name and address in `conflicting server name "x" on 0.0.0.0:80, ignored`.
fn conflict_of(message: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(message).ok()?;
    let (_, rest) = text.split_once("server name \"")?;
    let (server, rest) = rest.split_once("\" on ")?;
    Some((server, rest.split(',').next()?))
}
