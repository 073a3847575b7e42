//! Retries: the load that they make, and the requests that get none.

use super::{Certainty, Draft, Facts, Symptom, Told, by_upstream, n_events, name, record};
use crate::{
    classify::aspect::NOT_REPEATED,
    config::{Family, lint::Advice},
    diagnose::{
        Incident,
        findings::{facts::exhibit, observed::Load},
    },
    event::{Category, Phase, Severity, Timestamp},
    words::{grouped, plural},
};

/// Fewer retries are no storm.
const RETRIES_MIN: u64 = 20;

/// A storm has one attempt in so many that is a retry, and
const SHARE: u64 = 6;

/// so many times the retries per request of the time without incidents.
const TIMES_USUAL: u64 = 2;

/// Seconds of a minute of load that begins before an incident and reaches into it.
const BUCKET_S: i64 = 60;

/// In an incident every failed attempt is one more request for the peers that are left (`proxy_next_upstream`).
pub(super) fn storm(facts: &Facts<'_>, told: &mut Told) {
    let load = &facts.material.observed.load;
    let incidents = &facts.material.incidents.list;
    let is_within = |load: &&Load, incident: &Incident| {
        load.start.0 + BUCKET_S > incident.start.0 && load.start <= incident.end
    };
    let quiet = sum(load
        .iter()
        .filter(|load| !incidents.iter().any(|incident| is_within(load, incident))));
    for incident in incidents {
        let during = sum(load.iter().filter(|load| is_within(load, incident)));
        let (n, retries) = (during.n_requests(), during.n_retries);
        let is_many = retries >= RETRIES_MIN && retries * SHARE >= during.n_attempts;
        // Retries per request, without dividing.
        let (here, usual) = (
            u128::from(retries) * u128::from(quiet.n_requests()),
            u128::from(quiet.n_retries) * u128::from(n),
        );
        let is_more = quiet.n_requests() == 0 || here >= u128::from(TIMES_USUAL) * usual;
        if n == 0 || !is_many || !is_more {
            continue;
        }
        let usual = match quiet.n_requests() {
            0 => "there is no other time in these logs to compare it with".to_owned(),
            _ => format!("at other times it is {}", per_request(&quiet)),
        };
        // Traces tell a request that was retried; without them an answer of that time must do.
        let first = facts
            .material
            .scanned
            .attempts
            .as_slice()
            .iter()
            .find(|attempt| {
                attempt.n_attempts > 1
                    && attempt.end >= incident.start
                    && attempt.end <= incident.end
            });
        let evidence = first
            .map(|attempt| record(attempt.evidence, "a request with several attempts", b""))
            .or_else(|| Some(record(during.evidence?, "answered in that time", b"")));
        let mut evidence: Vec<_> = evidence.into_iter().collect();
        let mut changes = Vec::new();
        let unlimited = facts
            .lints
            .iter()
            .filter(|lint| lint.id == "retry-without-limit");
        for lint in unlimited.take(2) {
            evidence.extend(
                lint.positions
                    .iter()
                    .take(1)
                    .map(|&position| facts.config_exhibit(position, lint.title)),
            );
            changes.extend(lint.advice.clone());
        }
        if changes.is_empty() {
            changes = ["proxy_next_upstream_tries", "proxy_next_upstream_timeout"]
                .into_iter()
                .zip(["2", "15s"])
                .map(|(directive, value)| Advice {
                    directive: directive.to_owned(),
                    context: "location".to_owned(),
                    value: value.to_owned(),
                })
                .collect();
        }
        let failing: Vec<_> = facts
            .symptoms()
            .filter(|symptom| {
                incident.members.iter().any(|member| {
                    member.category == symptom.category && member.upstream == symptom.upstream
                })
            })
            .collect();
        told.push(Draft {
            subject: incident.id.clone(),
            certainty: Certainty::Certain,
            title: format!(
                "retries multiplied the load: {} attempts a request",
                per_request(&during)
            ),
            claim: format!(
                "{}, {} {} made {} attempts at upstreams, {} for each; {usual}. A retry hides a failure from its client and is one more request for the peers that are left, just when they are fewest; a client may wait once for each.",
                super::capital(&facts.during(Some(incident.start), Some(incident.end))),
                grouped(n),
                plural(n, "request"),
                grouped(during.n_attempts),
                per_request(&during)
            ),
            advice: vec![
                "Bound the tries and the time they may take together, and let only what another peer can mend be retried: `error timeout`, which is the default, and no http_5xx of an application that fails everywhere alike.".to_owned(),
            ],
            changes,
            commands: vec!["nginx -T 2>/dev/null | grep -nE 'next_upstream'".to_owned()],
            incident: Some(incident.id.clone()),
            evidence,
            n_masked: retries,
            n_events: n_events(&failing).max(retries),
            first: Some(incident.start),
            last: Some(incident.end),
            ..Draft::default()
        });
    }
}

fn sum<'l>(load: impl Iterator<Item = &'l Load>) -> Load {
    let none = Load {
        start: Timestamp(0),
        n_attempts: 0,
        n_retries: 0,
        busy_ms: 0,
        evidence: None,
    };
    load.fold(none, |sum, load| Load {
        n_attempts: sum.n_attempts + load.n_attempts,
        n_retries: sum.n_retries + load.n_retries,
        busy_ms: sum.busy_ms + load.busy_ms,
        evidence: sum.evidence.into_iter().chain(load.evidence).min(),
        ..sum
    })
}

/// `2.31`
fn per_request(load: &Load) -> String {
    let hundredths = 100 * load.n_attempts / load.n_requests().max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Fewer are no pattern.
const NOT_REPEATED_MIN: u64 = 3;

/// Only POST and its like fail, because nginx tries another peer for all others: `ngx_http_upstream_next`.
pub(super) fn not_repeated(facts: &Facts<'_>, told: &mut Told) {
    let Some(groups) = &facts.groups else {
        return;
    };
    let is_sent = |symptom: &&Symptom| {
        matches!(
            symptom.category,
            Category::PrematureClose | Category::Reset | Category::Timeout
        ) && matches!(symptom.phase, Phase::Header | Phase::Send)
            && symptom.severity == Severity::Failure
            && !symptom.signature.is_empty()
    };
    let by_name = by_upstream(facts.symptoms().filter(is_sent));
    for id in groups.ids() {
        let group = groups.group(id);
        let asks_others = groups.passes_to(id).any(|pass| {
            let conditions = groups
                .config()
                .set(pass.scope, &pass.family.directive("next_upstream"));
            let mut words = conditions.iter().flat_map(|directive| directive.args());
            pass.family != Family::Stream
                && !words.any(|word| word == b"off" || word == b"non_idempotent")
        });
        if group.n_up() < 2 || !asks_others {
            continue;
        }
        let of_group: Vec<&Symptom> = by_name
            .iter()
            .filter(|(upstream, _)| {
                upstream.is_some_and(|upstream| {
                    groups
                        .of_peer(upstream)
                        .iter()
                        .any(|(known, ..)| *known == id)
                })
            })
            .flat_map(|(_, symptoms)| symptoms.iter().copied())
            .collect();
        let hurt = facts.hurt(&of_group);
        let (posts, others): (Vec<&Symptom>, Vec<&Symptom>) = of_group
            .into_iter()
            .partition(|symptom| symptom.aspect == NOT_REPEATED);
        let (n, n_others) = (n_events(&posts), n_events(&others));
        let draft = facts.draft(&name(&group.name), &posts);
        // Others failed as well, and their clients saw nothing of it.
        let were_saved = n_others > 0 && hurt.n_masked * 10 >= n_others * 9;
        if n < NOT_REPEATED_MIN || !were_saved {
            continue;
        }
        let shown = name(&group.name);
        let mut evidence = draft.evidence.clone();
        evidence.extend(others.iter().take(2).map(|symptom| exhibit(symptom)));
        evidence.push(facts.config_exhibit(group.position, "the group has several peers"));
        told.push(Draft {
            certainty: Certainty::Likely,
            title: format!("only POST requests to {shown} fail: nginx does not send them twice"),
            claim: format!(
                "{} {} of POST, LOCK or PATCH failed at peers of upstream {shown} {} and {} of other methods did, too: those were sent to the next peer, and their clients saw nothing. A POST that has been sent may have been carried out, so nginx does not repeat it. The fault is the same for both.",
                grouped(n),
                plural(n, "attempt"),
                facts.during(draft.first, draft.last),
                grouped(n_others)
            ),
            advice: vec![
                "Mend what ends these attempts; the findings about the peers say what that is.".to_owned(),
                "Only where every POST to that location may be carried out twice without harm does proxy_next_upstream error timeout non_idempotent help; for orders and payments it makes two of one.".to_owned(),
            ],
            commands: vec!["nginx -T 2>/dev/null | grep -nE 'next_upstream'".to_owned()],
            evidence,
            n_requests: 0,
            n_masked: 0,
            ..draft
        });
    }
}
