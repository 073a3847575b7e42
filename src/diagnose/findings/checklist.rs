//! The checklist of a person who looks into a 502, answered from the logs: seven rows, each with what it rests on.
//!
//! PASS needs evidence, not the absence of it: where no log and no configuration tells, the answer is UNKNOWN. What the live host alone
//! could tell is said as of the end of the logs.

use super::{
    Cite, EVIDENCE_MAX, Exhibit, Finding, Weight, denials,
    facts::{Facts, exhibit, name, record},
    in_force,
    observed::{Service, Symptom},
    rules::names,
};
use crate::{
    event::{Category, Moment, Severity, Timestamp},
    words::{grouped, plural},
};

/// The answer to one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Fail,
    /// Nothing here tells.
    Unknown,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Unknown => "UNKNOWN",
        }
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    /// Why, in a sentence without final period.
    pub because: String,
    pub evidence: Vec<Exhibit>,
}

impl Check {
    fn new(
        name: &'static str,
        verdict: Verdict,
        because: impl Into<String>,
        mut evidence: Vec<Exhibit>,
    ) -> Check {
        evidence.truncate(EVIDENCE_MAX);
        Check {
            name,
            verdict,
            because: because.into(),
            evidence,
        }
    }

    /// Adds what the configuration says, if there is one.
    fn with(mut self, what: &str, told: Option<String>) -> Check {
        if let Some(told) = told {
            self.because.push_str(&format!("; {what}: {told}"));
        }
        self
    }
}

/// All rows, in the order in which a person goes through them; `findings` are those of `facts`.
pub fn checklist(facts: &Facts<'_>, findings: &[Finding]) -> Vec<Check> {
    vec![
        running(facts),
        reachable(facts),
        timeouts(facts).with("in force", in_force::timeouts(facts)),
        headers(facts).with("what is sent", in_force::headers(facts)),
        selinux(facts),
        buffers(facts, findings).with("in force", in_force::buffers(facts)),
        configuration(facts, findings).with("the ways of requests", in_force::ways(facts)),
    ]
}

/// Failures of some categories.
fn failures<'a>(facts: &Facts<'a>, categories: &[Category]) -> Vec<&'a Symptom> {
    let is_it = |symptom: &&Symptom| {
        symptom.severity == Severity::Failure && categories.contains(&symptom.category)
    };
    facts.symptoms().filter(is_it).collect()
}

/// The last event of one upstream that failed so, with its symptom.
fn last_of<'a>(symptoms: &[&'a Symptom]) -> Option<(Timestamp, &'a Symptom)> {
    let lasts = symptoms
        .iter()
        .filter_map(|symptom| Some((symptom.last?, *symptom)));
    lasts.max_by_key(|(last, symptom)| (*last, symptom.n_events))
}

fn shown(upstream: Option<&[u8]>) -> String {
    upstream.map_or_else(|| "an upstream".to_owned(), name)
}

fn answered(service: &Service, what: &str) -> Option<Exhibit> {
    let last = service.ok.iter().max_by_key(|spell| spell.last)?;
    Some(record(last.evidence, what, b""))
}

/// Logs that go on this many seconds after the last refusal do not end with it.
const LATER_S: i64 = 600;

fn running(facts: &Facts<'_>) -> Check {
    const NAME: &str = "upstream running";
    let down = failures(facts, &[Category::Refused, Category::SocketMissing]);
    // Of each upstream the last word decides.
    let is_still_down = |symptom: &&&Symptom| {
        let Some(last) = symptom.last else {
            return true;
        };
        let service = facts.service(symptom.upstream.as_deref());
        service.is_none_or(|service| service.first_ok_after(last).is_none())
    };
    let still: Vec<&Symptom> = down.iter().filter(is_still_down).copied().collect();
    if let Some((last, symptom)) = last_of(&still) {
        let (_, end) = facts.span();
        if facts.service(symptom.upstream.as_deref()).is_none() && end.0 - last.0 > LATER_S {
            let because = format!(
                "{} refused connections up to {}; whether it answered after that, only an access log tells",
                shown(symptom.upstream.as_deref()),
                facts.clock(last)
            );
            return Check::new(NAME, Verdict::Unknown, because, vec![exhibit(symptom)]);
        }
        let known = match facts.service(symptom.upstream.as_deref()) {
            Some(_) => "no answer of it follows",
            None => "no access log tells of an answer after that",
        };
        let because = format!(
            "{} refused connections, the last at {}, and {known}",
            shown(symptom.upstream.as_deref()),
            facts.clock(last)
        );
        return Check::new(NAME, Verdict::Fail, because, vec![exhibit(symptom)]);
    }
    let services = &facts.material.observed.services;
    let last = services
        .values()
        .filter_map(|service| service.ok.iter().map(|spell| spell.last).max())
        .max();
    match last {
        Some(last) => {
            let again = match down.is_empty() {
                true => "",
                false => "; those that were down answered again",
            };
            let because = format!(
                "answers up to {}, the end of the access logs{again}",
                facts.clock(last)
            );
            let evidence = services
                .values()
                .filter_map(|service| answered(service, "answered"))
                .collect();
            Check::new(NAME, Verdict::Pass, because, evidence)
        }
        None => Check::new(
            NAME,
            Verdict::Unknown,
            "only an access log tells that an upstream answered",
            vec![],
        ),
    }
}

fn reachable(facts: &Facts<'_>) -> Check {
    const NAME: &str = "upstream reachable";
    let mut unreached = failures(
        facts,
        &[Category::Unreachable, Category::Permission, Category::Dns],
    );
    let connects = facts.failures(Category::Timeout);
    unreached.extend(connects.filter(|symptom| symptom.phase == crate::event::Phase::Connect));
    if let Some((last, symptom)) = last_of(&unreached) {
        let n: u64 = unreached.iter().map(|symptom| symptom.n_events).sum();
        let because = format!(
            "{} {} found no way ({}), the last at {}",
            grouped(n),
            plural(n, "attempt"),
            symptom.category,
            facts.clock(last)
        );
        return Check::new(
            NAME,
            Verdict::Fail,
            because,
            unreached.iter().map(|s| exhibit(s)).collect(),
        );
    }
    let services = facts.material.observed.services.values();
    let n: u64 = services.clone().map(|service| service.n_attempts).sum();
    match n {
        0 => Check::new(
            NAME,
            Verdict::Unknown,
            "no log tells of attempts that found a way",
            vec![],
        ),
        n => Check::new(
            NAME,
            Verdict::Pass,
            format!(
                "none of {} {} failed for lack of a route, a name or a permission",
                grouped(n),
                plural(n, "attempt")
            ),
            services
                .filter_map(|service| answered(service, "answered"))
                .collect(),
        ),
    }
}

fn timeouts(facts: &Facts<'_>) -> Check {
    const NAME: &str = "proxy timeouts adequate";
    let timeouts = failures(facts, &[Category::Timeout]);
    let n: u64 = timeouts.iter().map(|symptom| symptom.n_events).sum();
    if n > 0 {
        let because = format!(
            "{} {} ran out of time; that is a 504, and the value is seldom the fault: see the finding",
            grouped(n),
            plural(n, "attempt")
        );
        return Check::new(
            NAME,
            Verdict::Fail,
            because,
            timeouts.iter().map(|s| exhibit(s)).collect(),
        );
    }
    let longest = facts
        .material
        .traffic
        .iter()
        .filter_map(|row| row.count.finish().response_ms_max)
        .max();
    match longest {
        Some(ms) => Check::new(
            NAME,
            Verdict::Pass,
            format!(
                "no timer ran out; the slowest answer took {}",
                crate::words::milliseconds(Some(ms))
            ),
            facts
                .material
                .observed
                .services
                .values()
                .filter_map(|service| answered(service, "answered"))
                .collect(),
        ),
        None => Check::new(
            NAME,
            Verdict::Unknown,
            "no access log tells how long answers take",
            vec![],
        ),
    }
}

/// Rows of the lint that are about headers toward upstreams.
const HEADER_LINTS: [&str; 2] = ["lost-host-header", "websocket-headers"];

fn headers(facts: &Facts<'_>) -> Check {
    const NAME: &str = "proxy headers";
    let Some(groups) = &facts.groups else {
        return Check::new(
            NAME,
            Verdict::Unknown,
            "no configuration was given (--nginx-config)",
            vec![],
        );
    };
    let wrong: Vec<_> = facts
        .lints
        .iter()
        .filter(|lint| HEADER_LINTS.contains(&lint.id))
        .collect();
    if let Some(first) = wrong.first() {
        let evidence = wrong
            .iter()
            .flat_map(|lint| &lint.positions)
            .map(|&position| facts.config_exhibit(position, first.title))
            .collect();
        return Check::new(NAME, Verdict::Fail, first.claim.clone(), evidence);
    }
    let proxied: Vec<_> = groups
        .passes
        .iter()
        .filter(|pass| pass.family == crate::config::Family::Proxy)
        .collect();
    let without = proxied.iter().find(|pass| {
        groups
            .config()
            .header(pass.scope, "proxy_set_header", "Host")
            .is_none()
    });
    match (proxied.is_empty(), without) {
        (true, _) => Check::new(
            NAME,
            Verdict::Unknown,
            "nothing is passed by proxy_pass",
            vec![],
        ),
        (_, Some(pass)) => Check::new(
            NAME,
            Verdict::Fail,
            "a pass sends $proxy_host as Host, the name of the upstream block: set `proxy_set_header Host $host` where the backend looks at it; it makes 404, 400 or redirects, seldom a 502",
            vec![facts.config_exhibit(pass.directive.position, "without a Host of its own")],
        ),
        (_, None) => Check::new(
            NAME,
            Verdict::Pass,
            match proxied.len() as u64 {
                1 => "the one pass sets Host".to_owned(),
                n => format!("all {} passes set Host", grouped(n)),
            },
            proxied
                .iter()
                .map(|pass| facts.config_exhibit(pass.directive.position, "sets Host"))
                .collect(),
        ),
    }
}

fn selinux(facts: &Facts<'_>) -> Check {
    const NAME: &str = "SELinux, AppArmor";
    let mut denied = failures(facts, &[Category::Permission]);
    denied.retain(|symptom| symptom.signature != names::FORBIDDEN);
    if let Some((last, symptom)) = last_of(&denied) {
        let said = denials::said(facts, symptom.upstream.as_deref(), &[symptom]);
        let who = match said.who {
            Some(who) => format!("the audit log says that {who} forbade it"),
            None => "audit.log names who forbade it".to_owned(),
        };
        let because = format!(
            "connect() to {} failed with errno 13, the last at {}; {who}",
            shown(symptom.upstream.as_deref()),
            facts.clock(last)
        );
        let exhibits = denied.iter().map(|s| exhibit(s));
        return Check::new(
            NAME,
            Verdict::Fail,
            because,
            said.evidence.into_iter().chain(exhibits).collect(),
        );
    }
    let services = facts.material.observed.services.values();
    let answers: Vec<Exhibit> = services
        .filter_map(|service| answered(service, "connected"))
        .collect();
    match answers.is_empty() {
        true => Check::new(
            NAME,
            Verdict::Unknown,
            "no connection that succeeded is known, and none that was forbidden",
            vec![],
        ),
        false => Check::new(
            NAME,
            Verdict::Pass,
            "nginx connected, and no connection failed with errno 13",
            answers,
        ),
    }
}

fn of_rules<'f>(findings: &'f [Finding], rules: &[&str]) -> Vec<&'f Finding> {
    findings
        .iter()
        .filter(|finding| rules.contains(&finding.rule.id))
        .collect()
}

fn buffers(facts: &Facts<'_>, findings: &[Finding]) -> Check {
    const NAME: &str = "buffer size";
    if let Some(finding) = of_rules(findings, &["header-too-big"]).first() {
        return Check::new(
            NAME,
            Verdict::Fail,
            format!(
                "{}; only headers matter here, bodies of any size do not",
                finding.title
            ),
            finding.evidence.clone(),
        );
    }
    let refused: Vec<_> = facts
        .lints
        .iter()
        .filter(|lint| lint.id == "buffers-cannot-load")
        .collect();
    if let Some(lint) = refused.first() {
        let evidence = lint
            .positions
            .iter()
            .map(|&position| facts.config_exhibit(position, lint.title))
            .collect();
        return Check::new(NAME, Verdict::Fail, lint.claim.clone(), evidence);
    }
    match log(facts) {
        Some(source) => Check::new(
            NAME,
            Verdict::Pass,
            "no `upstream sent too big header` in the error log",
            vec![source],
        ),
        None => Check::new(NAME, Verdict::Unknown, "only an error log tells", vec![]),
    }
}

/// The first source with error records, as a whole.
fn log(facts: &Facts<'_>) -> Option<Exhibit> {
    let ledgers = facts.material.scanned.ledgers.iter();
    let index = ledgers
        .take_while(|ledger| ledger.first_time.is_none())
        .count();
    (index < facts.material.scanned.ledgers.len()).then(|| Exhibit {
        cite: Cite::Source(index),
        what: "the error log".to_owned(),
        quote: Vec::new(),
    })
}

fn configuration(facts: &Facts<'_>, findings: &[Finding]) -> Check {
    const NAME: &str = "upstream configuration";
    let wrong = of_rules(
        findings,
        &[
            "wrong-address",
            "missing-upstream-block",
            "name-unknown-at-start",
            "wrong-protocol",
            "no-resolver",
        ],
    );
    if let Some(finding) = wrong
        .iter()
        .find(|finding| finding.rule.weight != Weight::Note)
    {
        return Check::new(
            NAME,
            Verdict::Fail,
            finding.title.clone(),
            finding.evidence.clone(),
        );
    }
    let refused = facts
        .material
        .marks
        .iter()
        .filter(|mark| mark.moment == Moment::ReloadFailed);
    if let Some(mark) = refused.max_by_key(|mark| mark.last)
        && facts
            .marks(Moment::Reload, mark.last, Timestamp(i64::MAX))
            .next()
            .is_none()
    {
        let because = format!(
            "the reload at {} was refused, and none was taken since: the configuration in force is an older one",
            facts.clock(mark.first)
        );
        let evidence = vec![record(mark.evidence, "refused", b"")];
        return Check::new(NAME, Verdict::Fail, because, evidence);
    }
    let Some(groups) = &facts.groups else {
        return Check::new(
            NAME,
            Verdict::Unknown,
            "no configuration was given (--nginx-config)",
            vec![],
        );
    };
    let seen = facts
        .material
        .observed
        .services
        .keys()
        .map(|name| &name[..]);
    let failed = facts
        .symptoms()
        .filter(|symptom| symptom.severity == Severity::Failure);
    let failed: Vec<&Symptom> = failed
        .filter(|symptom| symptom.upstream.is_some())
        .collect();
    let of_logs: std::collections::BTreeSet<&[u8]> = seen
        .chain(
            failed
                .iter()
                .filter_map(|symptom| symptom.upstream.as_deref()),
        )
        .collect();
    let is_known = |upstream: &[u8]| {
        !groups.of_peer(upstream).is_empty() || !groups.named(upstream).is_empty()
    };
    let has_names = groups.passes.iter().any(|pass| pass.is_at_run_time);
    let unknown = of_logs.iter().find(|upstream| !is_known(upstream));
    match unknown {
        _ if of_logs.is_empty() => {
            Check::new(NAME, Verdict::Unknown, "no log names an upstream", vec![])
        }
        Some(_) if has_names => Check::new(
            NAME,
            Verdict::Unknown,
            "some addresses of the logs are in no upstream block, and some passes name theirs at run time",
            vec![],
        ),
        Some(upstream) => {
            let because = format!(
                "{} of the logs is in no upstream block and no pass of this configuration",
                name(upstream)
            );
            let evidence = failed
                .iter()
                .filter(|symptom| symptom.upstream.as_deref() == Some(*upstream))
                .map(|symptom| exhibit(symptom));
            let service = facts
                .service(Some(upstream))
                .and_then(|service| answered(service, "answered"));
            Check::new(
                NAME,
                Verdict::Fail,
                because,
                evidence.chain(service).collect(),
            )
        }
        None => {
            let positions = groups
                .groups
                .iter()
                .map(|group| facts.config_exhibit(group.position, "the group"));
            let n = of_logs.len() as u64;
            Check::new(
                NAME,
                Verdict::Pass,
                match n {
                    1 => "the one upstream of the logs is in this configuration".to_owned(),
                    n => format!(
                        "all {} upstreams of the logs are in this configuration",
                        grouped(n)
                    ),
                },
                positions.collect(),
            )
        }
    }
}
