//! The logs themselves: what they lack, what is forged in them, and what is not understood.

use super::{
    Certainty, Cite, Draft, Exhibit, Facts, Symptom, Told, bounds, n_events, name, record,
};
use crate::{
    aggregate::LineClass,
    config::{LogTarget, Position, lint::Advice},
    diagnose::Gap,
    engine::rotation_set,
    words::{duration, grouped, plural},
};

/// The last source of the rotated set `set`; any log if no set is named.
fn source_of(facts: &Facts<'_>, set: Option<&str>) -> Option<usize> {
    let sources = facts.material.scanned.sources.iter().enumerate();
    sources
        .filter(|(_, state)| state.kind.is_log())
        .filter(|(_, state)| {
            set.is_none_or(|set| rotation_set(&String::from_utf8_lossy(&state.name)).0 == set)
        })
        .map(|(index, _)| index)
        .next_back()
}

fn source(index: usize, what: &str) -> Exhibit {
    Exhibit {
        cite: Cite::Source(index),
        what: what.to_owned(),
        quote: Vec::new(),
    }
}

pub(super) fn silence(facts: &Facts<'_>, told: &mut Told) {
    for gap in facts.material.gaps {
        let Gap::Silence { set, from, to } = gap else {
            continue;
        };
        let Some(index) = source_of(facts, set.as_deref()) else {
            continue;
        };
        let what = set
            .as_ref()
            .map_or_else(|| "the logs".to_owned(), |set| name(set.as_bytes()));
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("{what} say nothing for {}", duration(to.0 - from.0)),
            claim: format!(
                "From {} to {} there is no record of any kind, though the pace of {what} promised some. That there is no 502 then means nothing: nginx was down, or its records went elsewhere or were lost.",
                facts.clock(*from),
                facts.clock(*to)
            ),
            advice: vec!["Look for the missing part: another rotation, another host, a full disk; and whether nginx ran at all.".to_owned()],
            commands: vec!["journalctl -u nginx".to_owned(), "ls -l --time-style=full-iso /var/log/nginx/".to_owned()],
            evidence: vec![source(index, "says nothing in that time")],
            subject: format!("{what} {}", from.0),
            first: Some(*from),
            last: Some(*to),
            ..Draft::default()
        });
    }
}

pub(super) fn missing_files(facts: &Facts<'_>, told: &mut Told) {
    for gap in facts.material.gaps {
        let Gap::Missing { set, numbers } = gap else {
            continue;
        };
        let Some(index) = source_of(facts, Some(set)) else {
            continue;
        };
        let shown = name(set.as_bytes());
        let few: Vec<String> = numbers.iter().take(5).map(u64::to_string).collect();
        let more = if numbers.len() > 5 { ", …" } else { "" };
        let n = numbers.len() as u64;
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("{} {} of the rotated set {shown} {} missing", grouped(n), plural(n, "file"), if n == 1 { "is" } else { "are" }),
            claim: format!(
                "Of {shown} the files {}{more} are not here, though those around them are. What happened in their time is not in any number of this report.",
                few.join(", ")
            ),
            advice: vec!["Read them too, if they exist; if they do not, say so wherever you pass these numbers on.".to_owned()],
            commands: vec![format!("ls -l '{shown}'*")],
            evidence: vec![source(index, "of the same set")],
            subject: shown,
            ..Draft::default()
        });
    }
}

/// What nginx says where it cannot write to a syslog server (`ngx_syslog.c`, `ngx_http_log_module.c`).
const TO_SYSLOG: [&str; 8] = [
    "http-send-to-syslog-failed",
    "http-send-to-syslog-has-written-only-of",
    "core-socket-failed-2",
    "core-connect-failed",
    "x-syslog-send",
    "x-syslog-send-bare",
    "x-syslog-connect-stale",
    "x-syslog-connect-missing",
];

/// Log lines go to a syslog server that does not take them.
pub(super) fn to_syslog(facts: &Facts<'_>, told: &mut Told) {
    let mut symptoms: Vec<&Symptom> = facts.records(&TO_SYSLOG).collect();
    // Those that name a socket's error tell most.
    symptoms.sort_by_key(|symptom| (!symptom.signature.starts_with("x-"), symptom.evidence));
    let of_requests = facts.records(&TO_SYSLOG[..2]);
    let n_lost: u64 = of_requests.map(|symptom| symptom.n_events).sum();
    let (first, last) = bounds(&symptoms);
    let config = facts.material.config;
    let targets: Vec<(String, Position)> = config.map_or_else(Vec::new, |config| {
        let access = config.access_logs().into_iter();
        let access = access.filter_map(|log| Some((log.target, log.position?)));
        let error = config.error_logs().into_iter();
        let all = access.chain(error.map(|log| (log.target, log.position)));
        all.filter_map(|(target, position)| match target {
            LogTarget::Syslog(words) => Some((name(words), position)),
            _ => None,
        })
        .collect()
    });
    let told_so = symptoms.iter().take(3);
    let mut evidence: Vec<Exhibit> = told_so
        .map(|symptom| record(symptom.evidence, "not sent to syslog", &symptom.sample))
        .collect();
    if !evidence.is_empty() {
        let written = targets.iter().take(3);
        evidence
            .extend(written.map(|(_, at)| facts.config_exhibit(*at, "a log that goes to syslog")));
    }
    let named: Vec<&str> = targets.iter().map(|(words, _)| &words[..]).collect();
    let where_to = match named.is_empty() {
        true => "a syslog server".to_owned(),
        false => format!("a syslog server ({})", named.join(", ")),
    };
    let lost = match n_lost {
        0 => "What was to be logged there is lost".to_owned(),
        n => format!(
            "Of {} {} the line in the access log is lost there",
            grouped(n),
            plural(n, "request")
        ),
    };
    let n = n_events(&symptoms);
    told.push(Draft {
        certainty: Certainty::Certain,
        title: format!("a syslog target does not take what nginx logs: {} {} of it", grouped(n), match n { 1 => "record tells", _ => "records tell" }),
        claim: format!(
            "{}, nginx could not send log lines to {where_to}: the evidence quotes the error. {lost}, and no request failed by it: `Connection refused` there is not an upstream's. Where that target is the only log, silence in it means nothing.",
            super::capital(&facts.during(first, last))
        ),
        advice: vec![
            "Start the receiver, or correct the address; over UDP a refusal shows only when the next line is sent, so half of the losses are not even told.".to_owned(),
            "Keep a file beside it, at least of errors: a second `error_log` or `access_log` line at the same level.".to_owned(),
        ],
        changes: vec![Advice {
            directive: "error_log".to_owned(),
            context: "main".to_owned(),
            value: "/var/log/nginx/error.log warn".to_owned(),
        }],
        commands: vec![
            "On the gateway: ss -lnup 'sport = :514' (a receiver on this host), ls -l /dev/log".to_owned(),
            "nginx -T 2>/dev/null | grep -n 'syslog:'".to_owned(),
        ],
        evidence,
        subject: "syslog".to_owned(),
        n_events: n,
        first,
        last,
        ..Draft::default()
    });
}

pub(super) fn forged(facts: &Facts<'_>, told: &mut Told) {
    let scanned = facts.material.scanned;
    let (n_doubtful, forged) = (scanned.aggregate.n_doubtful, &scanned.aggregate.forged);
    let n = forged.n_lines + n_doubtful;
    if n == 0 {
        return;
    }
    // A record within another's text is torn, or forged; which, its line alone does not tell.
    let (certainty, verb) = match (forged.n_lines, n) {
        (0, _) => (Certainty::Likely, "may be"),
        (_, 1) => (Certainty::Certain, "is"),
        _ => (Certainty::Certain, "are"),
    };
    let more = match n_doubtful {
        0 => String::new(),
        _ if forged.n_lines == 0 => String::new(),
        n => format!(" Of {} it is not sure.", grouped(n)),
    };
    let ledgers = scanned.ledgers.iter().enumerate();
    let torn = ledgers
        .filter(|_| n_doubtful > 0)
        .map(|(index, ledger)| (index, ledger.n_of(LineClass::Torn)))
        .filter(|(_, n)| *n > 0)
        .map(|(index, n)| source(index, &format!("holds {} such lines", grouped(n))));
    let places = forged.places.iter().take(PLACES_CITED);
    told.push(Draft {
        certainty,
        title: format!("{} {} in the error log {verb} forged by clients", grouped(n), plural(n, "record")),
        claim: format!(
            "{} {} like records and stand where the text of a client or an application does: anyone can write whole lines into an error log with %0A in a URL. None of them is in any number here.{more}",
            grouped(n),
            match n {
                1 => "text looks",
                _ => "texts look",
            }
        ),
        advice: vec!["Find who sent them (the notes name clients; so does the record that holds them). Do not feed error logs to tools that believe every line.".to_owned()],
        commands: vec!["grep -nE '%0[aA]' access.log".to_owned()],
        evidence: places
            .map(|place| record(*place, "is forged", b""))
            .chain(torn)
            .collect(),
        subject: "forged".to_owned(),
        n_events: n,
        ..Draft::default()
    });
}

/// Places of forged lines that are cited.
const PLACES_CITED: usize = 3;

pub(super) fn unknown(facts: &Facts<'_>, told: &mut Told) {
    if !facts.material.is_whole {
        return; // shapes are counted without their times
    }
    let shapes = facts.material.scanned.aggregate.shapes.finish();
    let n: u64 = shapes.iter().map(|(_, shape)| shape.n_events).sum();
    let Some((_, top)) = shapes.first() else {
        return;
    };
    told.push(Draft {
        certainty: Certainty::Certain,
        title: format!("{} {} are of no kind that coroner knows", grouped(n), plural(n, "message")).replace("1 message are", "1 message is"),
        claim: format!(
            "{} {} counted as `other`, in {} {}. Whether these are failures, it does not tell; the most frequent is quoted.",
            grouped(n),
            match n {
                1 => "message is",
                _ => "messages are",
            },
            grouped(shapes.len() as u64),
            plural(shapes.len() as u64, "shape")
        ),
        advice: vec!["Read their shapes in the report, and judge for yourself.".to_owned()],
        commands: vec!["coroner export --table events LOG".to_owned()],
        evidence: shapes
            .iter()
            .take(3)
            .map(|(_, shape)| {
                let what = format!("first of {}", grouped(shape.n_events));
                record(shape.evidence, &what, &shape.sample)
            })
            .collect(),
        subject: "other".to_owned(),
        n_events: top.n_events.max(n),
        ..Draft::default()
    });
}
