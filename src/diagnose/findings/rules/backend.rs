//! The backend answered, and its answer is the trouble: its own errors, its own refusals, and its own slowness.

use super::{Certainty, Draft, Facts, Told, by_upstream, n_events, name, record, upstream_name};
use crate::{
    aggregate::{Requests, TrafficCount, requests::RouteCount},
    classify::aspect::FATAL,
    config::lint::Advice,
    diagnose::findings::{facts::exhibit, observed::Symptom},
    event::Category,
    words::{grouped, milliseconds, plural},
};
use std::collections::BTreeMap;

pub(super) fn errors(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms) in by_upstream(facts.failures(Category::Upstream5xx)) {
        let shown = upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let fatal = fatal(facts, upstream);
        let n_fatal = n_events(&fatal);
        let wrote = match n_fatal {
            0 => String::new(),
            n => format!(
                " In the same time it wrote {} fatal {} of its own: the evidence quotes the first.",
                grouped(n),
                plural(n, "error")
            ),
        };
        let route = route(facts).map_or_else(String::new, |(route, n)| {
            format!(" Most of all 5xx are for {route} ({}).", grouped(n))
        });
        let mut evidence = draft.evidence.clone();
        evidence.extend(fatal.iter().take(2).map(|symptom| exhibit(symptom)));
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("{shown} itself answered 5xx to {} {}", grouped(n), plural(n, "request")),
            claim: format!(
                "{} {} of {shown} {} an error of its own {}: nginx passed them on and made none of them.{wrote}{route} No setting of the gateway mends that.",
                grouped(n),
                plural(n, "answer"),
                if n == 1 { "was" } else { "were" },
                facts.during(draft.first, draft.last)
            ),
            advice: vec!["Look into the application's own log for these seconds: what it lost (its database, a disk, a service behind it) and which release came before.".to_owned()],
            evidence,
            ..draft
        });
    }
}

/// The route with most answers 5xx, and how many these are.
fn route(facts: &Facts<'_>) -> Option<(String, u64)> {
    if !facts.material.is_whole {
        return None; // routes are counted without their times
    }
    let routes = &facts.material.scanned.aggregate.requests.routes;
    let top = Requests::top(routes, 1, |count: &RouteCount| count.n_5xx);
    let row = top.into_iter().next().filter(|row| row.count.n_5xx > 0)?;
    Some((name(&row.name.unwrap_or_default()), row.count.n_5xx))
}

/// Texts of the application that tell of the end of a request.
fn fatal<'a>(facts: &Facts<'a>, upstream: Option<&[u8]>) -> Vec<&'a Symptom> {
    facts
        .symptoms()
        .filter(|symptom| symptom.category == Category::AppStderr && symptom.aspect == FATAL)
        .filter(|symptom| symptom.upstream.as_deref() == upstream)
        .collect()
}

/// Fatal errors where no access log tells what became of the requests.
pub(super) fn fatal_errors(facts: &Facts<'_>, told: &mut Told) {
    let fatal = facts
        .symptoms()
        .filter(|symptom| symptom.category == Category::AppStderr && symptom.aspect == FATAL);
    for (upstream, symptoms) in by_upstream(fatal) {
        let is_told = facts
            .failures(Category::Upstream5xx)
            .any(|symptom| symptom.upstream.as_deref() == upstream);
        if is_told {
            continue;
        }
        let shown = upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("the application behind {shown} wrote {} fatal {}", grouped(n), plural(n, "error")),
            claim: format!(
                "The application behind {shown} wrote {} fatal {} {}; its answers to these requests were most likely 500. What such a text says of refused connections or timeouts is about the application's own peers, not about nginx's.",
                grouped(n),
                plural(n, "error"),
                facts.during(draft.first, draft.last)
            ),
            advice: vec!["Mend what the text names; the evidence quotes the first.".to_owned()],
            n_requests: 0,
            n_masked: 0,
            ..draft
        });
    }
}

/// Fewer answers tell nothing of a pattern.
const ANSWERS_MIN: u64 = 20;

pub(super) fn denies(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, service) in &facts.material.observed.services {
        let Some(evidence) = service.evidence_denied else {
            continue;
        };
        if service.n_denied < ANSWERS_MIN || service.n_denied * 4 < service.n_ok {
            continue;
        }
        let shown = name(upstream);
        // A quarter may be people who are yet to log in.
        let (certainty, how_many) = match service.n_denied * 2 >= service.n_ok {
            true => (Certainty::Likely, "most"),
            false => (Certainty::Possible, "many"),
        };
        told.push(Draft {
            certainty,
            title: format!("{shown} denies {how_many} requests (401, 403)"),
            claim: format!(
                "{} of {} answers of {shown} were 401 or 403, of its own: it was reached, and does not accept what nginx or the clients present. That is no 502.",
                grouped(service.n_denied),
                grouped(service.n_ok)
            ),
            advice: vec!["Check what nginx sends. What clients bring in Authorization it passes on by itself; an Authorization of its own (`proxy_set_header Authorization`) replaces that, and is lost in a location with a `proxy_set_header` list of its own.".to_owned()],
            commands: vec![
                format!("On the gateway: curl -sv -o /dev/null http://{shown}/ (with the header that nginx should send)"),
                "nginx -T 2>/dev/null | grep -niE 'set_header +authorization'".to_owned(),
            ],
            upstream: Some(std::sync::Arc::clone(upstream)),
            evidence: vec![record(evidence, "first of them", b"")],
            subject: shown,
            n_events: service.n_denied,
            n_requests: service.n_denied,
            ..Draft::default()
        });
    }
}

fn of<'a>(facts: &Facts<'a>, category: Category, upstream: &[u8]) -> Vec<&'a Symptom> {
    let symptoms = facts.symptoms();
    symptoms
        .filter(|symptom| symptom.category == category)
        .filter(|symptom| symptom.upstream.as_deref() == Some(upstream))
        .collect()
}

/// Fewer connections that took seconds are chance.
const RESENT_MIN: u64 = 5;

/// Connections that came about only when their first packet was sent again: loss, or an accept queue that is full.
pub(super) fn resent(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, service) in &facts.material.observed.services {
        let Some(evidence) = service.evidence_resent else {
            continue;
        };
        // One in two hundred is no single packet any more.
        if service.n_resent < RESENT_MIN || service.n_resent * 200 < service.n_attempts {
            continue;
        }
        let shown = name(upstream);
        told.push(Draft {
            upstream: Some(std::sync::Arc::clone(upstream)),
            certainty: Certainty::Likely,
            title: format!("{} connections to {shown} came about at a second try only", grouped(service.n_resent)),
            claim: format!(
                "{} of {} connections to {shown} took 1, 3, 7 or 15 seconds and a little: the times after which Linux sends the first packet (SYN) again. The packet or its answer was lost, or the accept queue of the backend was full and the kernel there dropped it. These requests came through, late; with more of that, they run into *_connect_timeout.",
                grouped(service.n_resent),
                grouped(service.n_attempts)
            ),
            advice: vec![
                "Look at the accept queue first (Recv-Q up to Send-Q: the application does not accept fast enough; a larger backlog lets bursts wait), then at what drops between: a full nf_conntrack table, a security group, a link.".to_owned(),
                "Kept connections need no SYN: `keepalive` in the upstream block, with HTTP/1.1 and an empty Connection header before 1.29.7.".to_owned(),
            ],
            commands: vec![
                "On the backend: ss -lnt (Recv-Q and Send-Q of its port) && nstat -az TcpExtListenOverflows TcpExtListenDrops".to_owned(),
                "On the gateway: nstat -az TcpRetransSegs TcpExtTCPSynRetrans && dmesg | grep -i conntrack".to_owned(),
            ],
            evidence: vec![record(evidence, "the first of them", b"")],
            subject: shown,
            n_events: service.n_resent,
            ..Draft::default()
        });
    }
}

/// An upstream that answers hardly anything but 400, 404, 421 or 426: it was reached, and not asked as it wants to be.
pub(super) fn objects(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, service) in &facts.material.observed.services {
        let Some(evidence) = service.evidence_unfit else {
            continue;
        };
        if service.n_unfit < ANSWERS_MIN || service.n_unfit * 10 < service.n_ok * 9 {
            continue;
        }
        let mut scripts = facts.records(&NO_SCRIPT);
        let is_script = scripts.any(|symptom| symptom.upstream.as_ref() == Some(upstream));
        if is_script || told.is_cited(&evidence) {
            continue; // a rule of its own tells why
        }
        let shown = name(upstream);
        told.push(Draft {
            upstream: Some(std::sync::Arc::clone(upstream)),
            certainty: Certainty::Possible,
            title: format!("{shown} answers hardly anything but 400, 404, 421 or 426"),
            claim: format!(
                "{} of {} answers of {shown} were one of these, of its own: it was reached, and is not asked as it wants to be. 400 for everything is most often plain HTTP at a TLS port (nginx says `The plain HTTP request was sent to HTTPS port` in the body) or a PROXY header that it does not expect; 421 and 404 a Host or a server name that it does not serve; 426 HTTP/1.0, or a WebSocket without its headers. No error record tells of it, and no status is a 502.",
                grouped(service.n_unfit),
                grouped(service.n_ok)
            ),
            advice: vec![
                "Ask it by hand as nginx does and read the body of the answer; then mend the scheme, the Host header, or the HTTP version of the pass.".to_owned(),
            ],
            changes: [
                ("proxy_pass", format!("https://{shown}")),
                ("proxy_set_header", "Host $host".to_owned()),
                ("proxy_http_version", "1.1".to_owned()),
            ]
            .into_iter()
            .map(|(directive, value)| Advice {
                directive: directive.to_owned(),
                context: "location".to_owned(),
                value,
            })
            .collect(),
            commands: vec![
                format!("On the gateway: curl -sv http://{shown}/ | head -c 300"),
                format!("On the gateway: openssl s_client -connect {shown} </dev/null"),
            ],
            evidence: vec![record(evidence, "first of them", b"")],
            subject: shown,
            n_events: service.n_unfit,
            n_requests: service.n_unfit,
            ..Draft::default()
        });
    }
}

/// PHP looked for a file that is not there.
const NO_SCRIPT: [&str; 2] = ["x-fastcgi-primary-script", "seen-fastcgi-script-not-opened"];

pub(super) fn no_script(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms) in by_upstream(facts.records(&NO_SCRIPT)) {
        let shown = upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("PHP behind {shown} does not find the scripts that nginx names"),
            claim: format!(
                "{} {} ended so {}, with a 404 `File not found.` of PHP: nginx hands it a path in SCRIPT_FILENAME, and there is no such file where PHP looks. Either the path is wrong (`root` is missing or another than PHP's, as between two containers), or somebody asks for scripts that never were.",
                grouped(n),
                plural(n, "request"),
                facts.during(draft.first, draft.last)
            ),
            advice: vec![
                "Let both see the same path, and let nginx answer for files that are not there before it asks PHP (try_files $uri =404 in the location of PHP).".to_owned(),
            ],
            commands: vec![
                "nginx -T 2>/dev/null | grep -nE 'SCRIPT_FILENAME|root |fastcgi_pass'".to_owned(),
                "On the backend: ls -l the path, as the user of the pool, inside its chroot or container".to_owned(),
            ],
            n_requests: 0,
            n_masked: 0,
            ..draft
        });
    }
}

/// A tenth of the answers took longer: slow for people, whatever it is for machines.
const SLOW_P90_MS: u32 = 5_000;

pub(super) fn slow(facts: &Facts<'_>, told: &mut Told) {
    let mut sums: BTreeMap<&[u8], TrafficCount> = BTreeMap::new();
    for row in facts.material.traffic {
        if let Some(upstream) = &row.upstream {
            sums.entry(upstream).or_default().merge(&row.count);
        }
    }
    for (upstream, sum) in sums {
        let row = sum.finish();
        let is_told = facts
            .failures(Category::Timeout)
            .any(|symptom| symptom.upstream.as_deref() == Some(upstream));
        // How long a tunnel lasted, or a client waited, or an attempt took to fail, is no answer's time.
        let n_left = n_events(&of(facts, Category::ClientAbort, upstream));
        let n_other = row.n_1xx + n_left + row.n_failed_attempts;
        let is_told = is_told || n_other * 10 >= row.n_attempts;
        let p90 = row.response_ms_p90.unwrap_or(0);
        let ok = facts
            .service(Some(upstream))
            .and_then(|service| service.ok.first());
        let (false, Some(ok)) = (
            is_told || p90 < SLOW_P90_MS || row.n_attempts < ANSWERS_MIN,
            ok,
        ) else {
            continue;
        };
        let shown = name(upstream);
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("{shown} is slow: a tenth of its answers take {} or more", milliseconds(Some(p90))),
            claim: format!(
                "Of {} answers of {shown} half took at most {}, a tenth {} or more, the slowest {}; connecting took at most {} for 99 of 100. None ran into a timeout yet; clients with less patience leave (499).",
                grouped(row.n_attempts),
                milliseconds(row.response_ms_p50),
                milliseconds(Some(p90)),
                milliseconds(row.response_ms_max),
                milliseconds(row.connect_ms_p99)
            ),
            advice: vec!["Find the slow routes (the report lists them) and what the application waits for in them.".to_owned()],
            commands: vec![format!("On the gateway: curl -so /dev/null -w '%{{time_starttransfer}} %{{time_total}}\\n' http://{shown}/PATH")],
            evidence: vec![record(ok.evidence, "its first answer", b"")],
            subject: shown,
            n_events: row.n_attempts,
            ..Draft::default()
        });
    }
}
