//! The upstream was reached, and its answer was none: cut, of another protocol, or too big.

use super::{
    Certainty, Draft, Episode, Facts, Told, by_upstream, capital, episodes, n_events, name, record,
    upstream_name,
};
use crate::{
    classify::{aspect::NOT_REPEATED, errno},
    config::{BufferPlan, GroupId, Version, lint::Advice},
    diagnose::{
        Mark,
        findings::{facts::exhibit, observed::Symptom},
    },
    event::{Category, Moment, Phase, Severity, Timestamp},
    words::{grouped, plural},
};

// --- Connections that the upstream ended ---------------------------------------------------------

/// What is known of the connections that one upstream ended before its answer was whole.
struct Cut<'a> {
    upstream: Option<&'a [u8]>,
    symptoms: Vec<&'a Symptom>,
    n: u64,
    /// Of these, requests that nginx does not send twice.
    n_not_repeated: u64,
    episodes: Vec<Episode<'a>>,
}

impl Cut<'_> {
    /// All of them were cut while nginx was sending, and what it sent had a body.
    fn is_upload(&self) -> bool {
        let is_sending = |symptom: &&Symptom| symptom.phase == Phase::Send;
        self.symptoms.iter().all(is_sending) && 2 * self.n_not_repeated > self.n
    }
}

/// Fewer are no pattern.
const CUTS_MIN: u64 = 3;

fn cuts<'a>(facts: &Facts<'a>) -> Vec<Cut<'a>> {
    let is_cut = |symptom: &&Symptom| {
        matches!(symptom.category, Category::PrematureClose | Category::Reset)
            && symptom.severity == Severity::Failure
    };
    by_upstream(facts.symptoms().filter(is_cut))
        .into_iter()
        .map(|(upstream, symptoms)| Cut {
            upstream,
            n: n_events(&symptoms),
            n_not_repeated: symptoms
                .iter()
                .filter(|symptom| symptom.aspect == NOT_REPEATED)
                .map(|symptom| symptom.n_events)
                .sum(),
            episodes: episodes(facts, &symptoms),
            symptoms,
        })
        .collect()
}

/// Whether it is the race between a request and the end of the idle connection it is sent on: before any byte of the answer, on
/// connections that were kept, here and there, while the upstream serves all others.
fn is_race(facts: &Facts<'_>, cut: &Cut<'_>) -> Option<Certainty> {
    let is_early =
        |symptom: &&Symptom| matches!(symptom.phase, Phase::Header | Phase::Send | Phase::None);
    let n_early: u64 = cut
        .symptoms
        .iter()
        .filter(|s| is_early(s))
        .map(|s| s.n_events)
        .sum();
    if cut.n < CUTS_MIN || n_early * 10 < cut.n * 9 || cut.is_upload() || is_down_too(facts, cut) {
        return None;
    }
    // A crash cuts everything in one moment.
    let span_s = cut.episodes.iter().map(Episode::seconds).sum::<i64>();
    if span_s < 10 && cut.episodes.len() < 3 {
        return None;
    }
    let keeps = cut
        .upstream
        .and_then(|upstream| keeps_connections(facts, upstream));
    if keeps == Some(false) {
        return None;
    }
    match facts.service(cut.upstream) {
        Some(service) => {
            let is_fine = service.n_ok >= 3 * cut.n;
            let is_at_once = 2 * service.n_cut_at_once >= cut.n;
            (is_fine && is_at_once).then_some(Certainty::Likely)
        }
        None if keeps == Some(true) => Some(Certainty::Likely),
        None => (cut.n_not_repeated > 0).then_some(Certainty::Possible),
    }
}

/// Whether the same upstream could not be reached either.
fn is_down_too(facts: &Facts<'_>, cut: &Cut<'_>) -> bool {
    let is_down = |symptom: &&Symptom| {
        matches!(
            symptom.category,
            Category::Refused
                | Category::SocketMissing
                | Category::Unreachable
                | Category::ResourceExhausted
        ) && symptom.severity == Severity::Failure
            && symptom.upstream.as_deref() == cut.upstream
    };
    let n_down: u64 = facts
        .symptoms()
        .filter(is_down)
        .map(|symptom| symptom.n_events)
        .sum();
    n_down * 10 >= cut.n
}

/// Whether nginx keeps idle connections to `upstream`; `None`: nothing tells.
fn keeps_connections(facts: &Facts<'_>, upstream: &[u8]) -> Option<bool> {
    let groups = facts.groups.as_ref()?;
    let ids = facts.group_ids(upstream);
    let known: Vec<_> = ids.iter().map(|&id| groups.keepalive(id)).collect();
    if known.iter().any(|keepalive| keepalive.n_connections > 0) {
        return Some(true);
    }
    (!known.is_empty() && known.iter().all(|keepalive| keepalive.is_certain)).then_some(false)
}

pub(super) fn race(facts: &Facts<'_>, told: &mut Told) {
    for cut in cuts(facts) {
        let Some(certainty) = is_race(facts, &cut) else {
            continue;
        };
        let shown = upstream_name(cut.upstream);
        let draft = facts.draft(&shown, &cut.symptoms);
        let served = facts.service(cut.upstream).map_or_else(String::new, |service| {
            format!(
                " It answered {} others of {} attempts, before, between and after, so it was never down.",
                grouped(service.n_ok),
                grouped(service.n_attempts)
            )
        });
        let at_once = match facts.service(cut.upstream) {
            Some(_) => ", most of them at once, on connections that were open already",
            None => "",
        };
        let repeated = match cut.n_not_repeated {
            0 => String::new(),
            n => format!(
                " {} of them were POST, LOCK or PATCH, which nginx does not send twice; the others were retried, and their clients saw nothing.",
                grouped(n)
            ),
        };
        let keepalive_s = cut
            .upstream
            .map_or_else(Vec::new, |upstream| keepalive_timeouts(facts, upstream));
        let kept = match keepalive_s.first() {
            Some((value, _)) => format!("nginx keeps idle connections to it for {value}"),
            None => "nginx keeps idle connections (60s unless keepalive_timeout of the upstream block says otherwise)".to_owned(),
        };
        let upgrade = upgraded(facts, draft.first);
        let since = upgrade.as_ref().map_or_else(String::new, |(mark, version)| {
            format!(
                " It began after the start of {version} at {}: from 1.29.7 on nginx keeps connections to every upstream block unless told otherwise, and the version before did not.",
                facts.clock(mark.first)
            )
        });
        let mut evidence = draft.evidence.clone();
        evidence.extend(upgrade.map(|(mark, version)| {
            record(
                mark.evidence,
                "the new version",
                crate::text::unmarked(&version).as_bytes(),
            )
        }));
        evidence.extend(keepalive_s.iter().map(|(_, position)| {
            facts.config_exhibit(*position, "how long nginx keeps idle connections")
        }));
        told.push(Draft {
            certainty,
            title: format!("{shown} closes idle connections just as nginx uses them: a keepalive race"),
            claim: format!(
                "{} {} to {shown} {} ended by it before any byte of an answer {}{at_once}: {kept}, and the backend closes them sooner. Whether nginx meets an orderly close or a reset is chance.{served}{repeated}{since} {}.",
                grouped(cut.n),
                plural(cut.n, "request"),
                if cut.n == 1 { "was" } else { "were" },
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            advice: vec![
                "Let the backend keep idle connections longer than nginx does: its idle or keep-alive timeout above keepalive_timeout of the upstream block; where that cannot be, set the latter below the backend's (4s is below the 5 s of Node, uvicorn and Apache; gunicorn has 2 s).".to_owned(),
                "More retries are no cure: a POST is not repeated once it was sent, and non_idempotent would repeat orders and payments.".to_owned(),
            ],
            changes: vec![Advice {
                directive: "keepalive_timeout".to_owned(),
                context: "upstream".to_owned(),
                value: "4s".to_owned(),
            }],
            commands: vec![
                "nginx -T 2>/dev/null | grep -nE 'keepalive|proxy_http_version|Connection'".to_owned(),
                "The backend's own setting: gunicorn --keep-alive, Node server.keepAliveTimeout, uvicorn --timeout-keep-alive, Tomcat keepAliveTimeout".to_owned(),
            ],
            evidence,
            ..draft
        });
    }
}

/// The start, before `first`, of the first version that keeps connections by itself, after one that did not.
fn upgraded<'a>(facts: &Facts<'a>, first: Option<Timestamp>) -> Option<(&'a Mark, String)> {
    let starts: Vec<(&Mark, Version)> = facts
        .marks(Moment::Start, Timestamp(i64::MIN), first?)
        .filter_map(|mark| Some((mark, Version::parse(mark.upstream.as_deref()?)?)))
        .collect();
    let keeps = |(_, version): &&(&Mark, Version)| *version >= Version::KEEPS_CONNECTIONS;
    let has_before = starts.iter().any(|start| !keeps(&start));
    let (mark, _) = starts.iter().find(keeps).filter(|_| has_before)?;
    Some((mark, name(mark.upstream.as_deref()?)))
}

/// `keepalive_timeout` of the upstream blocks that `upstream` is in, where it is written.
fn keepalive_timeouts(
    facts: &Facts<'_>,
    upstream: &[u8],
) -> Vec<(String, crate::config::Position)> {
    let Some(groups) = &facts.groups else {
        return Vec::new();
    };
    let scopes = facts
        .group_ids(upstream)
        .into_iter()
        .filter_map(|id| groups.group(id).scope);
    scopes
        .flat_map(|scope| groups.config().own(scope, "keepalive_timeout"))
        .map(|directive| (name(directive.arg(0)), directive.position))
        .collect()
}

pub(super) fn cut(facts: &Facts<'_>, told: &mut Told) {
    for cut in cuts(facts) {
        if is_race(facts, &cut).is_some() {
            continue;
        }
        let shown = upstream_name(cut.upstream);
        let draft = facts.draft(&shown, &cut.symptoms);
        let n_body: u64 = cut
            .symptoms
            .iter()
            .filter(|symptom| matches!(symptom.phase, Phase::Body | Phase::Client))
            .map(|symptom| symptom.n_events)
            .sum();
        let never = facts
            .service(cut.upstream)
            .is_some_and(|service| service.n_ok == 0);
        let span_s = cut.episodes.iter().map(Episode::seconds).max().unwrap_or(0);
        let is_upload = cut.is_upload();
        let (certainty, why) = match (is_down_too(facts, &cut), never) {
            (true, _) => (
                Certainty::Likely,
                " It could not be reached either in this time: its process ended with these requests in its hands.",
            ),
            (_, true) => (
                Certainty::Likely,
                " It never answered anything: the port may speak another protocol (TLS, FastCGI, HTTP/2 only, or it waits for a PROXY header).",
            ),
            _ if is_upload => (
                Certainty::Likely,
                " It closed while nginx was still sending: it does not want the body. Most often a limit of its own on the size of uploads, or an answer it gave early (401, 413) without reading on, which nginx then cannot pass on.",
            ),
            _ if span_s <= 5 && cut.n >= CUTS_MIN => (
                Certainty::Likely,
                " They all fall into one moment: a worker or the process was killed, or crashed, with these requests in its hands.",
            ),
            _ => (
                Certainty::Possible,
                " Its worker crashed or was killed, its own limit on time or on requests was reached, or a balancer between cut the connection.",
            ),
        };
        let mend = match (never, is_upload) {
            (true, _) => Mend {
                advice: "Find out what the port speaks, and write the pass and the scheme for it: https:// for TLS, fastcgi_pass, uwsgi_pass, grpc_pass; proxy_protocol on in a stream block where it waits for a PROXY header.",
                change: Some(("proxy_pass", "location", "https://ADDRESS")),
                command: "On the gateway: printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 HOST PORT | head -c 64 | xxd (48 54 54 50 is HTTP, 15 03 a TLS alert)",
            },
            (_, true) => Mend {
                advice: "Compare the sizes of these uploads with the limits of the backend (a framework's maximum body, php's post_max_size, a limit in its own proxy), and let nginx refuse larger ones itself, with a 413 that says so.",
                change: Some(("client_max_body_size", "location", "10m")),
                command: "awk '$7 ~ \"/PATH\" && $9 == 502' access.log (log $request_length to see their sizes)",
            },
            _ => Mend {
                advice: "Look into the backend's own log at these seconds: a crash, an OOM kill, a worker timeout (gunicorn, php-fpm request_terminate_timeout), a restart.",
                change: None,
                command: "On the backend: journalctl --since TIME | grep -iE 'killed|oom|segfault|timeout|terminat|exited'",
            },
        };
        let body = match n_body {
            0 => String::new(),
            n => format!(
                " {} of them in the middle of an answer, so their clients got a status of success and a body that is cut.",
                grouped(n)
            ),
        };
        told.push(Draft {
            certainty,
            title: format!("{shown} ended {} {} without a whole answer", grouped(cut.n), plural(cut.n, "connection")),
            claim: format!(
                "{} {} to {shown} {} cut by it {}.{why}{body} {}.",
                grouped(cut.n),
                plural(cut.n, "request"),
                if cut.n == 1 { "was" } else { "were" },
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            advice: vec![mend.advice.to_owned()],
            changes: mend.changes(),
            commands: vec![
                mend.command.to_owned(),
                "$upstream_response_time of these attempts: a few ms is the race, one constant value is a limit, anything else is a crash".to_owned(),
            ],
            ..draft
        });
    }
}

/// What to do about connections that were cut.
struct Mend {
    advice: &'static str,
    /// Directive, context and value; `None`: the rule's.
    change: Option<(&'static str, &'static str, &'static str)>,
    command: &'static str,
}

impl Mend {
    fn changes(&self) -> Vec<Advice> {
        let change = self.change.map(|(directive, context, value)| Advice {
            directive: directive.to_owned(),
            context: context.to_owned(),
            value: value.to_owned(),
        });
        change.into_iter().collect()
    }
}

// --- Another protocol ----------------------------------------------------------------------------

/// Messages by which an upstream shows that it speaks another protocol: what that is, what to do, and the directive to write with what
/// stands before the address.
const PROTOCOLS: &[(&str, &str, &str, [&str; 2])] = &[
    (
        "x-tls-wrong-version",
        "nginx speaks TLS to a port that answers in plain text",
        "Write http:// in `proxy_pass`, or the port of the backend that speaks TLS.",
        ["proxy_pass", "http://"],
    ),
    (
        "http-upstream-sent-no-valid-http-1-0-header",
        "it answers something that is no HTTP: TLS bytes behind http://, or a port of another service (SSH, SMTP, a database)",
        "Write https:// in `proxy_pass` if it is TLS; else correct the port.",
        ["proxy_pass", "https://"],
    ),
    (
        "http-upstream-sent-unsupported-fastcgi-protocol-version",
        "nginx speaks FastCGI to a port that answers something else, most often HTTP (its first byte, 72, is the H of HTTP)",
        "Write `proxy_pass http://` instead of `fastcgi_pass`, or the address of the FastCGI server.",
        ["proxy_pass", "http://"],
    ),
    (
        "http-upstream-sent-too-large-http2-frame",
        "nginx speaks gRPC (HTTP/2) to a port that answers in HTTP/1 (4740180 are the letters HTT)",
        "Write `proxy_pass http://` instead of `grpc_pass`, or let the backend speak HTTP/2 in clear.",
        ["proxy_pass", "http://"],
    ),
    (
        "http-upstream-sent-unexpected-http2-frame",
        "it does not speak the HTTP/2 that gRPC needs",
        "Check that the port is the gRPC one.",
        ["grpc_pass", "grpc://"],
    ),
];

pub(super) fn protocol(facts: &Facts<'_>, told: &mut Told) {
    for &(signature, what, mend, [directive, scheme]) in PROTOCOLS {
        let signatures = [signature];
        let records = facts
            .records(&signatures)
            .filter(|symptom| symptom.severity == Severity::Failure);
        for (upstream, symptoms) in by_upstream(records) {
            let shown = upstream_name(upstream);
            let draft = facts.draft(&format!("{signature} {shown}"), &symptoms);
            let n = n_events(&symptoms);
            let n_ok = facts.service(upstream).map_or(0, |service| service.n_ok);
            told.push(Draft {
                certainty: match n_ok {
                    0 => Certainty::Certain,
                    _ => Certainty::Likely,
                },
                title: format!("wrong protocol at {shown}"),
                claim: format!(
                    "{} {} at {shown} {}: {what}. It fails for every client and under any load. {}.",
                    grouped(n),
                    plural(n, "attempt"),
                    facts.during(draft.first, draft.last),
                    capital(&facts.toll(&draft))
                ),
                advice: vec![mend.to_owned()],
                changes: vec![Advice {
                    directive: directive.to_owned(),
                    context: "location".to_owned(),
                    value: match upstream {
                        Some(upstream) => format!("{scheme}{}", name(upstream)),
                        None => format!("{scheme}ADDRESS"),
                    },
                }],
                commands: upstream.map_or_else(Vec::new, |upstream| {
                    let shown = name(upstream);
                    vec![
                        format!("On the gateway: curl -sv --max-time 5 -o /dev/null http://{shown}/"),
                        format!("On the gateway: openssl s_client -connect {shown} </dev/null"),
                    ]
                }),
                ..draft
            });
        }
    }
}

/// Bad answers that are no other protocol.
pub(super) fn invalid(facts: &Facts<'_>, told: &mut Told) {
    let is_other = |symptom: &&Symptom| {
        !PROTOCOLS
            .iter()
            .any(|(signature, ..)| *signature == symptom.signature)
    };
    for (upstream, symptoms) in
        by_upstream(facts.failures(Category::InvalidResponse).filter(is_other))
    {
        let shown = upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("{shown} sends answers that are not valid"),
            claim: format!(
                "{} {} of {shown} could not be understood {}: the evidence quotes what nginx objected to. It follows the backend's code and version, not its load. {}.",
                grouped(n),
                plural(n, "answer"),
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            ),
            ..draft
        });
    }
}

// --- Too big -------------------------------------------------------------------------------------

/// A header is at least as large as the buffer it did not fit; twice that and a little is the first value to try.
const HEADER_BYTES: u64 = 16 * 1024;

pub(super) fn header(facts: &Facts<'_>, told: &mut Told) {
    let is_header = |symptom: &&Symptom| symptom.signature != super::inside::CACHE_KEY;
    for (upstream, symptoms) in by_upstream(facts.failures(Category::Buffer).filter(is_header)) {
        let shown = upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let plans = upstream.map_or_else(Vec::new, |upstream| plans(facts, upstream));
        let held = match plans.first() {
            Some(plan) => format!(
                "{}_buffer_size, which is {} here,",
                plan.family.prefix(),
                kilobytes(plan.buffer_size.value)
            ),
            None => "the buffer for it (proxy_buffer_size and its kin, one page of memory, 4k or 8k, by default)".to_owned(),
        };
        let n_clients = facts
            .material
            .incidents
            .list
            .iter()
            .flat_map(|incident| &incident.members);
        let n_clients = n_clients
            .filter(|member| {
                member.category == Category::Buffer && member.upstream.as_deref() == upstream
            })
            .map(|member| member.n_clients)
            .max();
        let who = n_clients.map_or_else(String::new, |n| {
            format!(" It hit {} {}:", grouped(n), plural(n, "client"))
        });
        let mut evidence = draft.evidence.clone();
        for position in plans.iter().flat_map(BufferPlan::positions) {
            evidence.push(facts.config_exhibit(position, "the buffer"));
        }
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("the headers that {shown} sends do not fit the buffer"),
            claim: format!(
                "{} {} of {shown} had a header larger than {held} {}: nginx dropped the whole answer, and the backend is well.{who} those whose cookies or tokens are large fail each time, others never. {}.",
                grouped(n),
                plural(n, "answer"),
                facts.during(draft.first, draft.last),
                capital(&facts.toll(&draft))
            )
            .replace(". those", ". Those"),
            advice: vec![
                "Make room for the header: values below, in the location that passes there, or make the cookies smaller. A user's whole group list does not belong into one.".to_owned(),
                "The size of bodies has nothing to do with it: large bodies go to temporary files and never make a 502, and 128k of buffer per connection only costs memory.".to_owned(),
            ],
            changes: changes(plans.first()),
            commands: vec![
                "On the gateway: curl -so /dev/null -D - http://BACKEND/PATH -H 'Cookie: ...' | wc -c (the size of the header, as one of the clients who fail)".to_owned(),
                "nginx -T 2>/dev/null | grep -nE '_buffer(s|_size)|busy_buffers'".to_owned(),
            ],
            evidence,
            ..draft
        });
    }
}

/// The buffers that hold where requests pass to `upstream`.
fn plans(facts: &Facts<'_>, upstream: &[u8]) -> Vec<BufferPlan> {
    let Some(groups) = &facts.groups else {
        return Vec::new();
    };
    let ids: Vec<GroupId> = facts.group_ids(upstream);
    let passes = ids.into_iter().flat_map(|id| groups.passes_to(id));
    passes
        .filter_map(|pass| groups.config().buffer_plan(pass.scope, pass.family))
        .collect()
}

fn changes(plan: Option<&BufferPlan>) -> Vec<Advice> {
    let (prefix, values) = match plan {
        Some(plan) => (
            plan.family.prefix(),
            plan.advice(HEADER_BYTES.max(2 * plan.buffer_size.value)),
        ),
        None => ("proxy", ["16k", "8 16k", "32k"].map(str::to_owned)),
    };
    ["buffer_size", "buffers", "busy_buffers_size"]
        .into_iter()
        .zip(values)
        .map(|(suffix, value)| Advice {
            directive: format!("{prefix}_{suffix}"),
            context: "location".to_owned(),
            value,
        })
        .collect()
}

fn kilobytes(bytes: u64) -> String {
    match bytes % 1024 {
        0 => format!("{}k", bytes / 1024),
        _ => bytes.to_string(),
    }
}

pub(super) fn spill(facts: &Facts<'_>, told: &mut Told) {
    let records = facts.records(&["http-buffered-to-temporary-file"]);
    for (upstream, symptoms) in by_upstream(records) {
        let shown = match upstream {
            Some(upstream) => format!("answers of {}", name(upstream)),
            None => "request bodies".to_owned(),
        };
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        // Then a rule of its own tells what came of them.
        let is_full = facts.symptoms().any(|symptom| {
            symptom.category == Category::ResourceExhausted
                && symptom.severity == Severity::Failure
                && symptom.aspect == errno::NO_SPACE
        });
        let (ending, hurts) = match is_full {
            false => (
                "slower, and no failure",
                "That costs disk reads and writes and hurts nobody, as long as the disk is quick and has room.",
            ),
            true => (
                "and the disk was full",
                "By itself that hurts nobody; here the disk had no room for them any more, and what did not fit was cut: the finding about the disk tells.",
            ),
        };
        told.push(Draft {
            certainty: Certainty::Certain,
            title: format!("{shown} go to temporary files: {ending}"),
            claim: format!(
                "{} {} {} written to disk because {} larger than the buffers in memory {}. {hurts}",
                grouped(n),
                plural(n, if upstream.is_some() { "answer" } else { "request body" }).replace("bodys", "bodies"),
                if n == 1 { "was" } else { "were" },
                if n == 1 { "it is" } else { "they are" },
                facts.during(draft.first, draft.last)
            ),
            advice: vec![
                "Leave it, or give the location of large downloads more or larger proxy_buffers; proxy_max_temp_file_size 0 lets the backend wait for slow clients instead.".to_owned(),
            ],
            commands: vec![
                "df -h /var/lib/nginx /var/cache/nginx".to_owned(),
                "nginx -T 2>/dev/null | grep -nE '_temp_path|max_temp_file_size|_buffers '".to_owned(),
            ],
            n_requests: 0,
            n_masked: 0,
            evidence: symptoms.iter().map(|symptom| exhibit(symptom)).collect(),
            ..draft
        });
    }
}
