//! No connection: refused, and the ways in which that happens.

use super::{
    Certainty, Draft, Episode, Facts, Service, Step, Symptom, Told, by_upstream, capital, episodes,
    n_events, name, record,
};
use crate::{
    config::{Address, lint::Advice},
    event::{Category, Moment, Timestamp},
    words::{duration, grouped, plural},
};

/// How an upstream that refuses connections does it.
enum Refusal<'a> {
    /// It answered before or after, or nothing tells that it never did.
    Down(Vec<Episode<'a>>),
    /// It never answered, from the first record to the last.
    Never(Vec<Episode<'a>>),
    /// For moments, and well before and after each.
    Moments(Vec<Episode<'a>>),
}

/// A stretch of refusals that is over sooner is what a restart makes.
const MOMENT_S: i64 = 120;

/// Refusals this close to an end of the logs reach it.
const NEAR_END_S: i64 = 120;

fn refusal<'a>(facts: &Facts<'a>, symptoms: &[&'a Symptom]) -> Option<Refusal<'a>> {
    let episodes = episodes(facts, symptoms);
    let (first, last) = (episodes.first()?.first, episodes.last()?.last);
    let service = facts.service(symptoms[0].upstream.as_deref());
    let n_ok = service.map_or(0, |service| service.n_ok);
    let is_well_around = |episode: &Episode<'_>| {
        episode.seconds() <= MOMENT_S && episode.ok_before.is_some() && episode.ok_after.is_some()
    };
    if episodes.iter().all(is_well_around) {
        return Some(Refusal::Moments(episodes));
    }
    let (begin, end) = facts.span();
    let reaches_both = first.0 - begin.0 <= NEAR_END_S && end.0 - last.0 <= NEAR_END_S;
    let n_failed = n_events(symptoms);
    let is_never = match service {
        Some(_) => n_ok == 0 && n_failed >= 3,
        // No access log tells; then a whole log without a pause is needed.
        None => reaches_both && n_failed >= 10 && episodes.len() == 1 && end.0 - begin.0 >= 600,
    };
    Some(match is_never {
        true => Refusal::Never(episodes),
        false => Refusal::Down(episodes),
    })
}

/// TCP upstreams that refused; unix sockets have rules of their own.
fn refused<'a>(facts: &Facts<'a>) -> Vec<(&'a [u8], Vec<&'a Symptom>)> {
    by_upstream(facts.failures(Category::Refused))
        .into_iter()
        .filter_map(|(upstream, symptoms)| Some((upstream?, symptoms)))
        .filter(|(upstream, _)| !upstream.starts_with(b"unix:"))
        .collect()
}

pub(super) fn down(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms) in refused(facts) {
        let Some(Refusal::Down(episodes)) = refusal(facts, &symptoms) else {
            continue;
        };
        told.push(down_draft(facts, upstream, &symptoms, &episodes));
    }
}

fn down_draft(
    facts: &Facts<'_>,
    upstream: &[u8],
    symptoms: &[&Symptom],
    episodes: &[Episode<'_>],
) -> Draft {
    let shown = name(upstream);
    let draft = facts.draft(&shown, symptoms);
    let longest = episodes
        .iter()
        .max_by_key(|episode| (episode.n_events, episode.seconds()));
    let longest = longest.expect("there is one");
    let last = episodes.last().expect("there is one");
    let (_, end) = facts.span();
    let is_back = last.ok_after.is_some();
    let lasts = !is_back && end.0 - last.last.0 <= NEAR_END_S;
    let left = left_by_reload(facts, upstream, last.last).filter(|_| !is_back);
    let title = match (lasts, episodes.len()) {
        _ if left.is_some() => {
            format!("nobody listened at {shown} any more, until nginx was told to ask elsewhere")
        }
        (true, _) => format!("{shown} is down, up to the end of the logs"),
        (false, 1) => format!(
            "{shown} was down for {}",
            duration(longest.seconds().max(1))
        ),
        (false, n) => format!("{shown} was down {n} times"),
    };
    let n = n_events(symptoms);
    let mut claim = format!(
        "{} {} to {shown} {} refused {}: the host answered, and nobody listened at that port.",
        grouped(n),
        plural(n, "connection"),
        if n == 1 { "was" } else { "were" },
        facts.during(draft.first, draft.last),
    );
    if episodes.len() > 1 {
        let times = facts.during(Some(longest.first), Some(longest.last));
        claim.push_str(&format!(" Most of them {times}."));
    }
    claim.push_str(&around(facts, episodes));
    claim.push_str(&left.unwrap_or_default());
    claim.push_str(&before(facts, episodes[0].first));
    claim.push_str(&format!(" {}.", capital(&facts.toll(&draft))));
    let mut evidence = draft.evidence.clone();
    if let Some(ok) = last.ok_after {
        evidence.push(record(ok.evidence, "answered again", b""));
    }
    // That nobody listened there is then no more than what the older configuration came to.
    let is_left_behind = super::peers::is_left_behind(facts, upstream, &draft);
    Draft {
        certainty: match (is_back || longest.ok_before.is_some()) && !is_left_behind {
            true => Certainty::Certain,
            false => Certainty::Likely,
        },
        title,
        claim,
        advice: vec![
            format!(
                "On the backend's host, find out why it ended at {}: its own log, and `journalctl` for Main process exited, Killed, or a deploy in that minute.",
                facts.clock(episodes[0].first)
            ),
            "Let it come back by itself (systemd: Restart=on-failure), and give the group a second peer, so that one that is down costs a retry and not a 502.".to_owned(),
        ],
        commands: commands(upstream, longest),
        evidence,
        ..draft
    }
}

/// Seconds from the last refusal to the reload that ended them.
const RELOAD_S: i64 = 60;

/// That a reload ended the refusals because nginx asks another port of that host since.
fn left_by_reload(facts: &Facts<'_>, upstream: &[u8], last: Timestamp) -> Option<String> {
    let until = Timestamp(last.0 + RELOAD_S);
    let reload = facts.marks(Moment::Reload, last, until).next()?;
    let others = other_ports(facts, upstream);
    let (other, _) = others.into_iter().find(|(_, service)| {
        service
            .first_ok_after(Timestamp(reload.first.0 - 1))
            .is_some()
    })?;
    Some(format!(
        " Since the reload at {} nginx asks {} instead, which answers: the backend had moved there, and nginx had not been told.",
        facts.clock(reload.first),
        name(other)
    ))
}

/// When it answered before and after.
fn around(facts: &Facts<'_>, episodes: &[Episode<'_>]) -> String {
    let (first, last) = (&episodes[0], &episodes[episodes.len() - 1]);
    let mut words = String::new();
    match (first.ok_before, last.ok_after) {
        (Some(before), Some(after)) => words.push_str(&format!(
            " It had answered until {}, and answered again from {} on.",
            facts.clock(before),
            facts.clock(after.first)
        )),
        (Some(before), None) => words.push_str(&format!(
            " It had answered until {}, and no answer is known after the last refusal.",
            facts.clock(before)
        )),
        (None, Some(after)) => words.push_str(&format!(
            " It is up since {}; no answer is known before.",
            facts.clock(after.first)
        )),
        (None, None) if facts.knows_answers() => {
            words.push_str(" No answer of it is known, before or after.");
        }
        (None, None) => {
            let (_, end) = facts.span();
            if end.0 - last.last.0 > NEAR_END_S {
                words.push_str(&format!(
                    " The logs go on for {} after the last refusal; whether it was up then, only an access log tells.",
                    duration(end.0 - last.last.0)
                ));
            }
        }
    }
    words
}

/// Seconds before a failure in which a change of state is worth a word.
const BEFORE_S: i64 = 600;

/// What happened to the gateway before.
fn before(facts: &Facts<'_>, first: Timestamp) -> String {
    let from = Timestamp(first.0 - BEFORE_S);
    let last = |moment| facts.marks(moment, from, first).last();
    let ago = |mark: &crate::diagnose::Mark| duration((first.0 - mark.first.0).max(0));
    if let Some(mark) = last(Moment::Reload) {
        return format!(" nginx was reloaded {} before.", ago(mark));
    }
    if let Some(mark) = last(Moment::Start) {
        return format!(" nginx was started {} before.", ago(mark));
    }
    String::new()
}

pub(super) fn wrong_address(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms) in refused(facts) {
        let Some(Refusal::Never(episodes)) = refusal(facts, &symptoms) else {
            continue;
        };
        let shown = name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let others = other_ports(facts, upstream);
        let mut claim = format!(
            "All {} {} to {shown} were refused, {}, and none was ever answered.",
            grouped(n),
            plural(n, "connection"),
            facts.during(draft.first, draft.last),
        );
        let mut evidence = draft.evidence.clone();
        let mut changes = Vec::new();
        if let Some((other, service)) = others.first() {
            claim.push_str(&format!(
                " At the same host {} answered {} times: the port is most likely wrong.",
                name(other),
                grouped(service.n_ok)
            ));
            if let Some(ok) = service.ok.first() {
                evidence.push(record(
                    ok.evidence,
                    "another port of that host answers",
                    b"",
                ));
            }
            changes.push(Advice {
                directive: "server".to_owned(),
                context: "upstream".to_owned(),
                value: name(other),
            });
        } else {
            claim.push_str(" So the address or the port is wrong, the backend listens elsewhere (127.0.0.1 instead of this address), or it was never started.");
        }
        evidence.extend(listed(facts, upstream));
        claim.push_str(&format!(" {}.", capital(&facts.toll(&draft))));
        told.push(Draft {
            certainty: match (facts.knows_answers(), others.is_empty()) {
                (true, _) | (_, false) => Certainty::Likely,
                _ => Certainty::Possible,
            },
            title: format!("nobody listens at {shown}, and never did in these logs"),
            claim,
            advice: vec![
                format!("Compare {shown} with the address and port that the backend listens at, and correct `server` or `proxy_pass`; then nginx -t and nginx -s reload."),
                "A larger timeout changes nothing: a refusal comes at once.".to_owned(),
            ],
            changes,
            commands: commands(upstream, &episodes[0]),
            evidence,
            ..draft
        });
    }
}

/// Upstreams of the same host with another port that answered, most often first.
fn other_ports<'a>(facts: &Facts<'a>, upstream: &[u8]) -> Vec<(&'a [u8], &'a Service)> {
    let host = |upstream: &[u8]| match Address::parse(upstream, None) {
        Some(Address::Ip { ip, .. }) => Some(ip.to_string().into_bytes()),
        Some(Address::Name { host, .. }) => Some(host),
        _ => None,
    };
    let Some(wanted) = host(upstream) else {
        return Vec::new();
    };
    let services = facts.material.observed.services.iter();
    let mut others: Vec<(&[u8], &Service)> = services
        .map(|(name, service)| (&name[..], service))
        .filter(|(name, service)| service.n_ok > 0 && *name != upstream)
        .filter(|(name, _)| host(name).as_ref() == Some(&wanted))
        .collect();
    others.sort_by_key(|(name, service)| (std::cmp::Reverse(service.n_ok), *name));
    others
}

/// Where the configuration lists `upstream`.
pub(super) fn listed(facts: &Facts<'_>, upstream: &[u8]) -> Option<super::Exhibit> {
    let groups = facts.groups.as_ref()?;
    let (group, peer, _) = *groups.of_peer(upstream).first()?;
    let position = groups.group(group).peers.get(peer)?.position;
    Some(facts.config_exhibit(position, "listed here"))
}

pub(super) fn restart(facts: &Facts<'_>, told: &mut Told) {
    for (upstream, symptoms) in refused(facts) {
        let Some(Refusal::Moments(episodes)) = refusal(facts, &symptoms) else {
            continue;
        };
        let shown = name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let moments: Vec<String> = episodes
            .iter()
            .take(4)
            .map(|episode| facts.during(Some(episode.first), Some(episode.last)))
            .collect();
        let more = match episodes.len().saturating_sub(4) {
            0 => String::new(),
            n => format!(" and {n} more times"),
        };
        let longest = episodes
            .iter()
            .max_by_key(|episode| episode.seconds())
            .expect("one");
        let claim = format!(
            "{shown} refused {} {} {}{more}, and answered before and after: it was stopped and came back, as at a deploy or a restart.{} {}.",
            grouped(n),
            plural(n, "connection"),
            moments.join(", "),
            around(facts, &episodes),
            capital(&facts.toll(&draft))
        );
        let mut evidence = draft.evidence.clone();
        if let Some(ok) = longest.ok_after {
            evidence.push(record(ok.evidence, "answered again", b""));
        }
        told.push(Draft {
            certainty: Certainty::Likely,
            title: match episodes.len() {
                1 => format!("{shown} was away for {}, as at a restart", duration(longest.seconds().max(1))),
                n => format!("{shown} was away {n} times for moments, as at restarts"),
            },
            claim,
            advice: vec![
                "Restart without a gap: reload the backend gracefully, use systemd socket activation, or take its peers out one after the other and wait until each answers before the next is stopped.".to_owned(),
                "A second peer in the group makes such a moment a retry: refused counts as `error` for proxy_next_upstream, whatever the method.".to_owned(),
            ],
            commands: commands(upstream, longest),
            evidence,
            ..draft
        });
    }
}

/// How to look at the upstream itself.
fn commands(upstream: &[u8], episode: &Episode<'_>) -> Vec<String> {
    let port = Address::parse(upstream, None).and_then(|address| address.port());
    let shown = name(upstream);
    let since = |time: Timestamp, off: i64| {
        chrono::DateTime::from_timestamp(time.0 + off, 0).map_or_else(String::new, |time| {
            time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
        })
    };
    let mut commands = Vec::new();
    if let Some(port) = port {
        commands.push(format!("On the backend: ss -lntp 'sport = :{port}'"));
    }
    commands.push(format!(
        "On the backend: journalctl --since '{}' --until '{}'",
        since(episode.first, -60),
        since(episode.last, 60)
    ));
    commands.push(format!(
        "On the gateway: curl -sv --max-time 5 -o /dev/null http://{shown}/"
    ));
    commands
}

/// What was said, step by step: `25 resource-exhausted from … to …, then 64 refused …`.
pub(super) fn sequence(
    facts: &Facts<'_>,
    steps: &[Step<'_>],
    what: impl Fn(&Symptom) -> String,
) -> String {
    let told: Vec<String> = steps
        .iter()
        .map(|step| {
            format!(
                "{} {} {}",
                grouped(step.n_events),
                what(step.symptom),
                facts.during(Some(step.first), Some(step.last))
            )
        })
        .collect();
    told.join(", then ")
}
