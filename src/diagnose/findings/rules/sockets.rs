//! No connection for other reasons than a refused TCP port: unix sockets, and what the kernel or the network forbids.

use super::{
    Certainty, Draft, Facts, Told, by_upstream, capital, connect::sequence, episodes, n_events,
    name, record,
};
use crate::{
    classify::errno,
    config::Address,
    diagnose::findings::{
        denials::{self, Said},
        observed::Symptom,
    },
    event::Category,
    words::{grouped, plural},
};

/// What a unix socket says when nobody can be reached behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The file is not there.
    Missing,
    /// The file is there, and nobody listens.
    Stale,
    /// Somebody listens, and does not accept.
    Full,
    /// The kernel forbids it.
    Forbidden,
}

impl Fault {
    fn of(symptom: &Symptom) -> Option<Fault> {
        match (symptom.category, symptom.aspect) {
            (Category::SocketMissing, _) => Some(Fault::Missing),
            (Category::Refused, _) => Some(Fault::Stale),
            (Category::ResourceExhausted, errno::AGAIN) => Some(Fault::Full),
            (Category::Permission, _) => Some(Fault::Forbidden),
            _ => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Fault::Missing => "times the socket file was not there (2)",
            Fault::Stale => "times nobody listened behind the file (111)",
            Fault::Full => "times the backlog was full (11)",
            Fault::Forbidden => "times the kernel forbade it (13)",
        }
    }
}

/// Unix sockets with the symptoms of their faults.
fn sockets<'a>(facts: &Facts<'a>) -> Vec<(&'a [u8], Vec<&'a Symptom>, Vec<Fault>)> {
    let faulty = facts
        .symptoms()
        .filter(|symptom| {
            symptom
                .upstream
                .as_deref()
                .is_some_and(|name| name.starts_with(b"unix:"))
        })
        .filter(|symptom| Fault::of(symptom).is_some());
    by_upstream(faulty)
        .into_iter()
        .filter_map(|(upstream, symptoms)| {
            let mut faults: Vec<Fault> = Vec::new();
            for fault in symptoms.iter().filter_map(|symptom| Fault::of(symptom)) {
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
            Some((upstream?, symptoms, faults))
        })
        .collect()
}

/// Several faults in a row: one story.
pub(super) fn down(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms, faults) in sockets(facts) {
        if faults.len() < 2 {
            continue;
        }
        let shown = name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let all = episodes(facts, &symptoms);
        let Some(longest) = all.iter().max_by_key(|episode| episode.n_events) else {
            continue;
        };
        let what = |symptom: &Symptom| Fault::of(symptom).map_or("", Fault::words).to_owned();
        let end = match longest.ok_after {
            Some(ok) => format!(" It answered again from {} on.", facts.clock(ok.first)),
            None => String::new(),
        };
        let claim = format!(
            "Behind {shown} nobody answered: {}.{end} {}.",
            sequence(facts, &longest.steps, what),
            capital(&facts.toll(&draft))
        );
        let mut evidence = draft.evidence.clone();
        if let Some(ok) = longest.ok_after {
            evidence.push(record(ok.evidence, "answered again", b""));
        }
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("nobody answered behind {shown}: {}", story(&faults)),
            claim,
            advice: vec![
                "Find out in the application's own log why it stopped accepting, then why it ended: a full backlog first means that all of its workers were busy.".to_owned(),
                "Let its service manager start it again by itself and create the socket (systemd socket activation): then a restart makes clients wait and not fail.".to_owned(),
            ],
            commands: commands(upstream),
            evidence,
            ..draft
        });
    }
}

/// `its workers were busy, then it was gone`.
fn story(faults: &[Fault]) -> &'static str {
    match (
        faults.contains(&Fault::Full),
        faults.contains(&Fault::Missing),
    ) {
        (true, _) => "all workers busy, then the process was gone",
        (false, true) => "the process was gone, and its socket file too",
        (false, false) => "it could not be reached in several ways",
    }
}

pub(super) fn missing(facts: &Facts<'_>, told: &mut Told) {
    only(facts, told, Fault::Missing, |shown, _| {
        Words {
        audit: None,
        title: format!("the socket {shown} does not exist"),
        why: "The backend is not running, or it makes its socket elsewhere: another version in the path (php8.1-fpm.sock and php8.2-fpm.sock), or a private /tmp of its unit.".to_owned(),
        advice: vec![
            "Start the backend, or write the path that it listens at into `fastcgi_pass`, `proxy_pass` or `server`.".to_owned(),
            "A path below /tmp is not the same for two units with PrivateTmp=yes: use /run.".to_owned(),
        ],
    }
    });
}

pub(super) fn stale(facts: &Facts<'_>, told: &mut Told) {
    only(facts, told, Fault::Stale, |shown, _| {
        Words {
        audit: None,
        title: format!("the socket file {shown} is there, and nobody listens behind it"),
        why: "Its process was killed or is restarting: the file outlives it. That the file exists, which `ls` shows, says nothing.".to_owned(),
        advice: vec![
            "Find out why the process ended at the first of these records, and let its service manager start it again by itself.".to_owned(),
        ],
    }
    });
}

pub(super) fn full(facts: &Facts<'_>, told: &mut Told) {
    only(facts, told, Fault::Full, |shown, symptoms| {
        let n = n_events(symptoms);
        Words {
        audit: None,
        title: format!("the backlog of {shown} was full {} {}", grouped(n), plural(n, "time")),
        why: "The process lives and does not accept: all of its workers are busy, so new connections have no place left. More requests come than it can serve, or each takes too long.".to_owned(),
        advice: vec![
            "php-fpm: look for `server reached pm.max_children` in its log; raise pm.max_children as far as memory allows, and find what makes requests slow (slowlog, request_slowlog_timeout).".to_owned(),
            "A longer backlog (listen.backlog, net.core.somaxconn) lets bursts wait instead of fail; it does not make the application faster.".to_owned(),
        ],
    }
    });
}

pub(super) fn forbidden(facts: &Facts<'_>, told: &mut Told) {
    only(facts, told, Fault::Forbidden, |shown, symptoms| {
        let said = denials::said(facts, symptoms[0].upstream.as_deref(), symptoms);
        let (title, why) = match said.who {
            Some(who) => (
                format!("{who} forbids nginx to connect to {shown}"),
                "Owner and mode of the file are not what keeps nginx's workers out.",
            ),
            None => (
                format!("nginx may not connect to {shown}"),
                "Its owner or mode, or those of a directory above it, keep nginx's workers out; with an AVC denial in audit.log at the same second it is SELinux or AppArmor instead.",
            ),
        };
        let of_modes = [
            "Give the group of nginx's `user` access where the socket is made: listen.owner, listen.group and listen.mode = 0660 of php-fpm, or the unit of the application. What chmod changes is lost at the next restart.".to_owned(),
            "Not chmod 666: then every process on the host may speak to the application.".to_owned(),
        ];
        let advice = said.advice.clone().into_iter();
        let advice: Vec<String> = match said.who {
            Some(_) => advice.chain([NOT_ALL.to_owned()]).collect(),
            None => advice.chain(of_modes).collect(),
        };
        Words {
            title,
            why: why.to_owned(),
            advice,
            audit: Some(said),
        }
    });
}

struct Words {
    title: String,
    why: String,
    advice: Vec<String>,
    /// What audit logs add.
    audit: Option<Said>,
}

/// What is often advised, and allows more than is asked for.
const NOT_ALL: &str = "Not setenforce 0, and not audit2allow over every line that holds nginx: both allow more than this needs. httpd_can_network_connect_db opens database ports only.";

/// A finding per socket that has this fault and no other.
fn only(
    facts: &Facts<'_>,
    told: &mut Told,
    fault: Fault,
    words: impl Fn(&str, &[&Symptom]) -> Words,
) {
    for (upstream, symptoms, faults) in sockets(facts) {
        if faults != [fault] {
            continue;
        }
        let shown = name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let words = words(&shown, &symptoms);
        let (audit, exhibits) = match words.audit {
            Some(said) => (said.claim, [said.evidence, said.switch]),
            None => (String::new(), [None, None]),
        };
        let ok = episodes(facts, &symptoms)
            .last()
            .and_then(|episode| episode.ok_after);
        let end = ok.map_or_else(String::new, |ok| {
            format!(" It answered again from {} on.", facts.clock(ok.first))
        });
        let claim = format!(
            "{} {} to {shown} failed {}. {}{audit}{end} {}.",
            grouped(n),
            plural(n, "connection"),
            facts.during(draft.first, draft.last),
            words.why,
            capital(&facts.toll(&draft))
        );
        told.push(Draft {
            certainty: Certainty::Certain,
            title: words.title,
            claim,
            advice: words.advice,
            commands: commands(upstream),
            evidence: draft
                .evidence
                .iter()
                .cloned()
                .chain(exhibits.into_iter().flatten())
                .collect(),
            ..draft
        });
    }
}

fn commands(upstream: &[u8]) -> Vec<String> {
    let path = upstream.strip_prefix(b"unix:").unwrap_or(upstream);
    let shown = name(path.strip_suffix(b":").unwrap_or(path));
    vec![
        format!("ss -lxp | grep -F '{shown}' (who listens, and in Recv-Q how many wait)"),
        format!("namei -l '{shown}' (owner and mode of the file and of each directory above)"),
    ]
}

/// Ports, by the boolean of the reference policy that opens them and hardly more: `apache.te`, `corenetwork.te.in`.
const BOOLEANS: &[(&str, &str, &[u16])] = &[
    (
        "httpd_can_network_relay",
        "web and proxy ports, memcached and ephemeral ones",
        &[80, 81, 443, 488, 8008, 8009, 8443, 9000, 8080, 8118, 8123],
    ),
    (
        "httpd_can_network_connect_db",
        "ports of databases",
        &[
            1433, 1434, 1521, 2483, 2484, 3050, 3306, 5432, 9898, 27017, 27018, 27019,
        ],
    ),
    (
        "httpd_can_network_redis",
        "ports of Redis",
        &[6379, 16379, 26379],
    ),
    ("httpd_can_network_memcache", "that of memcached", &[11211]),
];

/// The boolean that opens the port of `upstream`, and as little else as there is.
fn narrowest(upstream: Option<&[u8]>) -> String {
    let port = upstream
        .and_then(|name| Address::parse(name, None))
        .and_then(|address| address.port());
    let known = port.and_then(|port| {
        let mut rows = BOOLEANS.iter();
        rows.find(|(.., ports)| ports.contains(&port))
    });
    match (port, known) {
        (Some(port), Some((boolean, opens, _))) => format!(
            "Look for the denial of the same second; with it: setsebool -P {boolean} 1, the narrowest that opens port {port} ({opens}); httpd_can_network_connect opens all."
        ),
        (Some(port), None) => format!(
            "Look for the denial of the same second; with it, narrowest first: semanage port -a -t http_port_t -p tcp {port} and setsebool -P httpd_can_network_relay 1 (-m instead of -a where the port has a type already); or setsebool -P httpd_can_network_connect 1, which opens all ports."
        ),
        (None, _) => "Look for the denial of the same second; with it, by the type of the port: httpd_can_network_relay, or last httpd_can_network_connect, which opens all ports.".to_owned(),
    }
}

/// errno 13 of a TCP connect.
pub(super) fn denied(facts: &Facts<'_>, told: &mut Told) {
    let tcp = facts.failures(Category::Permission).filter(|symptom| {
        symptom.signature != super::names::FORBIDDEN
            && !symptom
                .upstream
                .as_deref()
                .is_some_and(|name| name.starts_with(b"unix:"))
    });
    for (upstream, symptoms) in by_upstream(tcp) {
        let shown = super::upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let said = denials::said(facts, upstream, &symptoms);
        told.push(Draft {
            certainty: said.certainty.unwrap_or(Certainty::Likely),
            title: match said.who {
                Some(who) => format!("{who} forbids nginx to connect to {shown}"),
                None => format!("the kernel forbids nginx to connect to {shown}: SELinux, most likely"),
            },
            claim: format!(
                "{} {} to {shown} failed with (13: Permission denied) {}. No file mode makes a TCP connection fail so: SELinux does (the boolean httpd_can_network_connect, or the type of the port), sometimes AppArmor, an eBPF filter or a `prohibit` route.{} {}.",
                grouped(n),
                plural(n, "connection"),
                facts.during(draft.first, draft.last),
                said.claim,
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                said.advice.unwrap_or_else(|| narrowest(upstream)),
                NOT_ALL.to_owned(),
            ],
            evidence: draft.evidence.iter().cloned().chain(said.evidence).chain(said.switch).collect(),
            commands: vec![
                "ausearch -m avc -c nginx -i (a line `name_connect` at the time of these records)".to_owned(),
                "getsebool httpd_can_network_connect; semanage port -l | grep http_port_t".replace("; ", " && "),
                "journalctl -k | grep -i apparmor=.DENIED".to_owned(),
            ],
            ..draft
        });
    }
}

pub(super) fn unreachable(facts: &Facts<'_>, told: &mut Told) {
    let is_way = |symptom: &&Symptom| symptom.aspect != errno::INVALID; // 0.0.0.1 of ingress-nginx: rules::groups tells it
    for (upstream, symptoms) in by_upstream(facts.failures(Category::Unreachable).filter(is_way)) {
        let shown = super::upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let is_v6 = upstream.is_some_and(|name| name.starts_with(b"["));
        let has = |number: u8| symptoms.iter().any(|symptom| symptom.aspect == number);
        let why = match (has(errno::NETWORK_UNREACHABLE), is_v6) {
            (_, true) => {
                "It is an IPv6 address and this gateway has no route for it: the name has an AAAA record that helps nobody here."
            }
            (true, _) => "The gateway has no route to that network.",
            _ => {
                "No host answers at that address in its network (it is off, or the address moved), or a firewall rejects with icmp-host-prohibited, as firewalld does by default."
            }
        };
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("no way to {shown}"),
            claim: format!(
                "{} {} to {shown} failed for lack of a way {}. {why} {}.",
                grouped(n),
                plural(n, "connection"),
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            advice: match is_v6 {
                true => vec!["Write `resolver ... ipv6=off`, or the IPv4 address instead of the name.".to_owned()],
                false => vec!["Check that the host is up and that address and route are right; then its firewall.".to_owned()],
            },
            commands: upstream.map_or_else(Vec::new, |upstream| {
                let host = name(host_of(upstream));
                vec![
                    format!("On the gateway: ip route get {host}"),
                    format!("On the gateway: ping -c 3 {host} && ip neigh show {host}"),
                ]
            }),
            ..draft
        });
    }
}

/// The address without its port and brackets.
fn host_of(upstream: &[u8]) -> &[u8] {
    let end = upstream
        .iter()
        .rposition(|&b| b == b':')
        .unwrap_or(upstream.len());
    let host = &upstream[..end];
    host.strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"))
        .unwrap_or(host)
}
