//! Connections that failed with errno 13, beside what an audit log says was denied.
//!
//! A denial explains such failures if it was enforced, is of a process of nginx, names the same port or socket, and is of the same seconds
//! (2 s apart at most: both are written at once, and one clock has no fractions). Of another time, or without one, it makes the same
//! cause likely; one that was only written down (permissive, complain mode) explains none. That an audit log has none is little evidence:
//! `dontaudit` rules and rate limits keep denials out of it.

use super::{
    Certainty, Exhibit, Facts,
    facts::{n_events, name, record},
    observed::Symptom,
};
use crate::{
    aggregate::denials::Denied,
    config::Address,
    diagnose::Mark,
    event::{Lsm, Moment, Timestamp},
    words::{grouped, plural},
};

/// What audit logs tell of failed connections to one upstream.
enum Told<'a> {
    /// No audit log was read.
    Nothing,
    /// None of their denials is about it.
    None,
    /// Those of the same time; never empty.
    Proven(Vec<&'a Denied>),
    /// One that is about it, at another time or at none that is told.
    Elsewhen(&'a Denied),
    /// One that forbade nothing.
    Permissive(&'a Denied),
}

/// Seconds between a failure and its denial.
const APART_S: i64 = 2;

/// What is told of `symptoms`, which are of connections to `upstream` that the kernel forbade.
fn told<'a>(facts: &Facts<'a>, upstream: Option<&[u8]>, symptoms: &[&Symptom]) -> Told<'a> {
    let denials = &facts.material.scanned.aggregate.denials;
    if denials.n_records == 0 {
        return Told::Nothing;
    }
    let Some(address) = upstream.and_then(|upstream| Address::parse(upstream, None)) else {
        return Told::None;
    };
    let about: Vec<&Denied> = denials
        .of_connections
        .iter()
        .filter(|denied| is_of_gateway(denied) && is_to(denied, &address))
        .collect();
    let is_then = |time: Timestamp| {
        let mut spells = symptoms.iter().flat_map(|symptom| &symptom.spells);
        spells.any(|spell| spell.first.0 - APART_S <= time.0 && time.0 <= spell.last.0 + APART_S)
    };
    let enforced = about.iter().copied().filter(|denied| denied.is_enforced);
    let then: Vec<&Denied> = enforced
        .clone()
        .filter(|denied| denied.time.is_some_and(is_then))
        .collect();
    if !then.is_empty() {
        return Told::Proven(then);
    }
    match (enforced.clone().next(), about.first()) {
        (Some(denied), _) => Told::Elsewhen(denied),
        (None, Some(denied)) => Told::Permissive(denied),
        (None, None) => Told::None,
    }
}

/// Whether a process of nginx was denied. A name of 15 bytes at most is all that a record tells of it, and a pasted one may lack it.
fn is_of_gateway(denied: &Denied) -> bool {
    const NAMES: [&[u8]; 4] = [b"nginx", b"openresty", b"angie", b"tengine"];
    let is_named = |name: &[u8]| {
        NAMES
            .iter()
            .any(|known| memchr::memmem::find(name, known).is_some())
    };
    denied.comm.is_empty() || is_named(&denied.comm) || is_named(&denied.domain)
}

/// Whether it was to be reached at `address`. A record of a file may tell its last name alone.
fn is_to(denied: &Denied, address: &Address) -> bool {
    match address {
        Address::Unix(path) => {
            let last = path.rsplit(|&byte| byte == b'/').next();
            !denied.path.is_empty()
                && (denied.path[..] == path[..] || Some(&denied.path[..]) == last)
        }
        _ => denied.port.is_some() && denied.port == address.port(),
    }
}

/// What denied, in the words of its users.
fn who(lsm: Lsm) -> &'static str {
    match lsm {
        Lsm::SeLinux => "SELinux",
        Lsm::AppArmor => "AppArmor",
    }
}

/// What an audit log adds to a finding about errno 13.
pub(super) struct Said {
    /// A sentence with a blank before it; empty if it adds nothing.
    pub(super) claim: String,
    /// Who forbids, if that is proven.
    pub(super) who: Option<&'static str>,
    /// How sure it makes that a security module forbids; `None`: as sure as before.
    pub(super) certainty: Option<Certainty>,
    /// What to do about it, if that is told; narrowest first.
    pub(super) advice: Option<String>,
    pub(super) evidence: Option<Exhibit>,
    /// What took SELinux out of the way.
    pub(super) switch: Option<Exhibit>,
}

/// What audit logs say of `symptoms`, for a finding about them.
pub(super) fn said(facts: &Facts<'_>, upstream: Option<&[u8]>, symptoms: &[&Symptom]) -> Said {
    let nothing = Said {
        claim: String::new(),
        who: None,
        certainty: None,
        advice: None,
        evidence: None,
        switch: None,
    };
    let ended = ended_by(facts, symptoms);
    let mut said = match told(facts, upstream, symptoms) {
        Told::Nothing => nothing,
        Told::None => Said {
            claim: " The audit log that was read has no denial of it, which proves little: `dontaudit` rules and rate limits keep denials out.".to_owned(),
            certainty: Some(Certainty::Possible),
            ..nothing
        },
        Told::Permissive(denied) => Said {
            claim: format!(
                " What the audit log has of it forbade nothing: {} only wrote it down (permissive, or complain mode). So it is something else, or the mode was another then.",
                who(denied.lsm)
            ),
            certainty: Some(Certainty::Possible),
            evidence: Some(record(denied.evidence, "written down, and not denied", b"")),
            ..nothing
        },
        Told::Elsewhen(denied) => Said {
            claim: format!(
                " The audit log has a denial of it, {}: {}.",
                match denied.time {
                    Some(time) => format!("of another time ({})", facts.clock(time)),
                    None => "at a time that it does not tell".to_owned(),
                },
                what(denied)
            ),
            certainty: Some(Certainty::Likely),
            advice: Some(remedy(denied)),
            evidence: Some(record(denied.evidence, "a denial of another time", b"")),
            ..nothing
        },
        Told::Proven(denials) => Said {
            claim: format!(
                " The audit log says who forbade it: {} {} of the same seconds, the first that {}.",
                grouped(denials.len() as u64),
                plural(denials.len() as u64, "denial"),
                what(denials[0])
            ),
            who: Some(who(denials[0].lsm)),
            certainty: Some(Certainty::Certain),
            advice: Some(remedy(denials[0])),
            evidence: Some(record(denials[0].evidence, "the denial", b"")),
            ..nothing
        },
    };
    if let Some(mark) = ended {
        let service = facts.service(upstream);
        let is_answered =
            service.is_some_and(|service| service.first_ok_after(mark.first).is_some());
        said.claim.push_str(&switch_words(facts, mark, is_answered));
        let certainty = match is_answered {
            true => Certainty::Certain,
            false => Certainty::Likely,
        };
        said.certainty = Some(
            said.certainty
                .map_or(certainty, |known| known.min(certainty)),
        );
        said.who = Some(who(Lsm::SeLinux));
        said.switch = Some(record(mark.evidence, mark.moment.name(), b""));
    }
    said
}

/// Seconds within which failures end with what ended them.
const ENDED_S: i64 = 10;

/// Fewer failures may end by themselves.
const ENDED_MIN: u64 = 3;

/// What took SELinux out of the way as `symptoms` were over, the last of it. Spells are of minutes, so an end within one is not seen.
fn ended_by<'a>(facts: &Facts<'a>, symptoms: &[&Symptom]) -> Option<&'a Mark> {
    if n_events(symptoms) < ENDED_MIN {
        return None;
    }
    let spells = || symptoms.iter().flat_map(|symptom| &symptom.spells);
    let is_end = |mark: &&Mark| {
        let before = spells()
            .any(|spell| spell.last <= mark.first && mark.first.0 - spell.last.0 <= ENDED_S);
        let after = spells().any(|spell| {
            spell.last.0 > mark.first.0 + 1 && spell.first.0 <= mark.first.0 + ENDED_S
        });
        before && !after
    };
    let mut marks = facts
        .material
        .marks
        .iter()
        .filter(|mark| match mark.moment {
            Moment::Permissive => true,
            Moment::BooleanSet => mark
                .upstream
                .as_deref()
                .is_some_and(|name| name.starts_with(b"httpd_") && name.ends_with(b"=1")),
            _ => false,
        });
    marks.rfind(is_end)
}

/// That the failures end there; where answers follow, the same requests come through since.
fn switch_words(facts: &Facts<'_>, mark: &Mark, is_answered: bool) -> String {
    let at = facts.clock(mark.first);
    let proves = match is_answered {
        true => "proves it",
        false => "speaks for it",
    };
    if mark.moment == Moment::BooleanSet {
        let boolean = name(mark.upstream.as_deref().unwrap_or_default());
        return format!(" They end as {boolean} was set at {at}, which {proves}.");
    }
    let last = facts.marks(Moment::Enforcing, mark.first, Timestamp(i64::MAX));
    let back = match last.last() {
        Some(mark) => format!("it was set back at {}", facts.clock(mark.first)),
        None => "nothing in this audit log sets it back: the host may stand open since".to_owned(),
    };
    format!(
        " They end as SELinux was set to permissive at {at} (setenforce 0), which {proves} and mends nothing; {back}."
    )
}

/// `SELinux denied name_connect on port 8081 (transproxy_port_t) to nginx, process 5642 in httpd_t`
fn what(denied: &Denied) -> String {
    let mut words = format!("{} denied {}", who(denied.lsm), name(&denied.permission));
    if let Some(port) = denied.port {
        words.push_str(&format!(" on port {port}"));
    } else if !denied.path.is_empty() {
        words.push_str(&format!(" on {}", name(&denied.path)));
    }
    if !denied.target.is_empty() {
        words.push_str(&format!(" ({})", name(&denied.target)));
    }
    match &denied.comm[..] {
        b"" => words.push_str(" to a process"),
        comm => words.push_str(&format!(" to {}", name(comm))),
    }
    if let Some(pid) = denied.pid {
        words.push_str(&format!(", process {pid}"));
    }
    match (denied.lsm, &denied.domain[..]) {
        (_, b"") => {}
        (Lsm::SeLinux, domain) => words.push_str(&format!(" in domain {}", name(domain))),
        (Lsm::AppArmor, profile) => words.push_str(&format!(" under profile {}", name(profile))),
    }
    words
}

/// The boolean that opens ports of a type to `httpd_t` and hardly more (`apache.te` of the reference policy), and what it opens.
const BOOLEANS: &[(&str, &str, &[&str])] = &[
    (
        "httpd_can_network_relay",
        "web, proxy and cache ports and ephemeral ones",
        &[
            "http_port_t",
            "http_cache_port_t",
            "squid_port_t",
            "ftp_port_t",
            "gopher_port_t",
            "memcache_port_t",
            "ephemeral_port_t",
        ],
    ),
    (
        "httpd_can_network_connect_db",
        "ports of databases",
        &[
            "gds_db_port_t",
            "mssql_port_t",
            "mongod_port_t",
            "oracle_port_t",
            "mysqld_port_t",
            "postgresql_port_t",
        ],
    ),
    (
        "httpd_can_network_redis",
        "ports of Redis",
        &["redis_port_t"],
    ),
];

/// What allows it, and as little else as there is.
fn remedy(denied: &Denied) -> String {
    let domain = name(&denied.domain);
    match (denied.lsm, denied.port) {
        (Lsm::AppArmor, _) if !denied.path.is_empty() => format!(
            "Add the rule `{} rw,` to profile {domain}, then apparmor_parser -r its file; aa-complain is for trying, aa-disable no remedy.",
            name(&denied.path)
        ),
        (Lsm::AppArmor, _) => format!(
            "Add the rule `network inet stream,` to profile {domain}, then apparmor_parser -r its file; aa-complain is for trying, aa-disable no remedy."
        ),
        (Lsm::SeLinux, _) if !denied.domain.is_empty() && &denied.domain[..] != b"httpd_t" => {
            format!(
                "The process runs in {domain}, where the booleans of httpd do nothing: allow these denials alone, in a module made of them (audit2allow over these records, not over all that name nginx)."
            )
        }
        (Lsm::SeLinux, Some(port)) => port_remedy(&denied.target, port),
        (Lsm::SeLinux, None) if &denied.permission[..] == b"connectto" => format!(
            "No boolean helps: the backend runs in {}, which nginx may not speak to. Run it in a confined domain (a unit with its own policy), or allow this pair alone in a local module.",
            name(&denied.target)
        ),
        (Lsm::SeLinux, None) => "Give the socket a label that nginx may write to: below /run/php-fpm and its like, or semanage fcontext -a -t httpd_var_run_t PATH && restorecon -v PATH. SELinux may deny `connectto` next; that is another denial.".to_owned(),
    }
}

fn port_remedy(target: &[u8], port: u16) -> String {
    let mut rows = BOOLEANS.iter();
    let known = rows.find(|(.., types)| types.iter().any(|known| known.as_bytes() == target));
    match known {
        Some((boolean, opens, _)) => format!(
            "setsebool -P {boolean} 1: the narrowest that opens {} ({opens}); httpd_can_network_connect opens all ports.",
            name(target)
        ),
        None => format!(
            "Narrowest first: semanage port -m -t http_port_t -p tcp {port} (-a where the port has no type yet) and setsebool -P httpd_can_network_relay 1; or setsebool -P httpd_can_network_connect 1, which opens all ports."
        ),
    }
}
