//! What rules may ask.

use super::{
    Certainty, Cite, Draft, Exhibit,
    observed::{Observed, Service, Symptom},
};
use crate::{
    aggregate::{Ending, Evidence},
    config::{Config, GroupId, Groups, Position, lint},
    diagnose::{Account, Causes, Fingerprint, Gap, Incident, Incidents, Mark, Outage, Traffic},
    engine::Scanned,
    event::{Basis, Category, Moment, Phase, Severity, Timestamp},
    text,
    words::grouped,
};
use std::collections::BTreeMap;

/// What facts are made of.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    pub observed: &'a Observed,
    pub incidents: &'a Incidents,
    pub outages: &'a [Outage],
    pub marks: &'a [Mark],
    pub gaps: &'a [Gap],
    /// Timeouts that durations pile up at.
    pub fingerprints: &'a [Fingerprint],
    /// What access logs tell of times, in any buckets.
    pub traffic: &'a [Traffic],
    pub causes: Option<&'a Causes>,
    pub config: Option<&'a Config>,
    pub scanned: &'a Scanned,
    pub account: &'a Account,
    /// The whole time of the logs is asked for, and all of their events.
    pub is_whole: bool,
}

/// What is known, as questions.
#[derive(Debug)]
pub struct Facts<'a> {
    pub material: Material<'a>,
    /// Of the configuration, if there is one.
    pub groups: Option<Groups<'a>>,
    /// What is wrong with the configuration by itself.
    pub lints: Vec<lint::Finding>,
    /// Error records tell of failures: then access lines count only for what error records cannot tell.
    has_failed_records: bool,
    has_aborts_of_requests: bool,
    is_long: bool,
    /// Requests and masked tries by category and upstream, where the join tells.
    hurt: Option<BTreeMap<(Category, &'a [u8]), Hurt>>,
}

/// A value that holds where requests are passed to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub directive: String,
    /// As written, or the default ([`value_text`]).
    pub value: String,
    /// `None`: it is the default.
    pub position: Option<Position>,
}

/// Whom something hurt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hurt {
    pub n_requests: u64,
    /// Failed tries of which clients saw nothing.
    pub n_masked: u64,
}

impl<'a> Facts<'a> {
    pub fn new(material: Material<'a>) -> Facts<'a> {
        let symptoms = &material.observed.symptoms;
        let has = |basis: Basis, is_it: &dyn Fn(&Symptom) -> bool| {
            let mut symptoms = symptoms.iter();
            symptoms.any(|symptom| symptom.basis == basis && is_it(symptom))
        };
        let span = material.observed.span;
        Facts {
            groups: material.config.map(Config::groups),
            lints: material.config.map(lint::lint).unwrap_or_default(),
            has_failed_records: has(Basis::ErrorLog, &|s| s.severity == Severity::Failure),
            has_aborts_of_requests: has(Basis::AccessLog, &|s| s.category == Category::ClientAbort),
            is_long: span.is_some_and(|(first, last)| {
                first.0.div_euclid(86_400) != last.0.div_euclid(86_400)
            }),
            hurt: material.causes.map(hurt),
            material,
        }
    }

    /// All symptoms, each failure by one kind of log: by error records where these tell of failures, and of access lines then what only
    /// they tell: what an upstream itself answered, and who left.
    pub fn symptoms(&self) -> impl Iterator<Item = &'a Symptom> {
        let is_told = |symptom: &&Symptom| match (symptom.basis, symptom.category) {
            (Basis::ErrorLog, Category::ClientAbort) => {
                !self.has_aborts_of_requests || symptom.upstream.is_none()
            }
            (Basis::ErrorLog, _) => true,
            (_, Category::Upstream5xx | Category::ClientAbort) => true,
            _ => !self.has_failed_records,
        };
        self.material.observed.symptoms.iter().filter(is_told)
    }

    /// Failures of one category.
    pub fn failures(&self, category: Category) -> impl Iterator<Item = &'a Symptom> {
        self.symptoms().filter(move |symptom| {
            symptom.category == category && symptom.severity == Severity::Failure
        })
    }

    /// Records of the messages named, whatever they count as.
    pub fn records<'s>(
        &self,
        signatures: &'s [&'s str],
    ) -> impl Iterator<Item = &'a Symptom> + use<'a, 's> {
        let symptoms = self.material.observed.symptoms.iter();
        symptoms.filter(move |symptom| signatures.contains(&symptom.signature))
    }

    /// What an upstream answered, if access logs tell of it.
    pub fn service(&self, upstream: Option<&[u8]>) -> Option<&'a Service> {
        self.material.observed.services.get(upstream?)
    }

    /// There are access logs that tell upstreams.
    pub fn knows_answers(&self) -> bool {
        !self.material.observed.services.is_empty()
    }

    /// First and last event of all logs; the epoch if none has a time.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let none = (Timestamp(0), Timestamp(0));
        self.material.observed.span.unwrap_or(none)
    }

    /// Whom `symptoms` hurt: by the join of both kinds of log, in proportion where only a part of what failed at an upstream in a
    /// category is meant; without a join, by the events themselves.
    pub fn hurt(&self, symptoms: &[&Symptom]) -> Hurt {
        let mut parts: BTreeMap<(Category, &[u8]), u64> = BTreeMap::new();
        let mut hurt = Hurt::default();
        for symptom in symptoms {
            if symptom.phase == Phase::Body {
                // Its status was sent before, so no status tells of it.
                hurt.n_requests += symptom.n_events;
                continue;
            }
            let key = (
                symptom.category,
                symptom.upstream.as_deref().unwrap_or_default(),
            );
            *parts.entry(key).or_default() += symptom.n_events;
        }
        for ((category, upstream), n) in parts {
            let known = self
                .hurt
                .as_ref()
                .and_then(|hurt| hurt.get(&(category, upstream)));
            let Some(known) = known else {
                hurt.n_requests += n;
                continue;
            };
            let all = self.symptoms().filter(|symptom| {
                symptom.category == category
                    && symptom.severity == Severity::Failure
                    && symptom.phase != Phase::Body
                    && symptom.upstream.as_deref().unwrap_or_default() == upstream
            });
            let n_all = all.map(|symptom| symptom.n_events).sum::<u64>().max(n);
            let share =
                |of: u64| (u128::from(of) * u128::from(n) / u128::from(n_all.max(1))) as u64;
            hurt.n_requests += share(known.n_requests);
            hurt.n_masked += share(known.n_masked);
        }
        hurt
    }

    /// The incident that failures of `upstream` in `category` between two times are of.
    pub fn incident(
        &self,
        category: Category,
        upstream: Option<&[u8]>,
        (first, last): (Timestamp, Timestamp),
    ) -> Option<&'a Incident> {
        let incidents = self.material.incidents.list.iter();
        incidents
            .filter(|incident| incident.start <= last && incident.end >= first)
            .filter(|incident| {
                let mut members = incident.members.iter();
                members.any(|member| {
                    member.category == category && member.upstream.as_deref() == upstream
                })
            })
            .max_by_key(|incident| incident.n_events)
    }

    /// Changes of state of one kind from `from` to `to`, both included.
    pub fn marks(
        &self,
        moment: Moment,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = &'a Mark> {
        let marks = self.material.marks.iter();
        marks.filter(move |mark| mark.moment == moment && mark.last >= from && mark.first <= to)
    }

    /// What the configuration sets, or leaves at its default, for what it passes to `upstream`, a peer or a group: the directives that end
    /// in `suffix`, each value once, in the order of the passes.
    pub fn settings(&self, upstream: &[u8], suffix: &str) -> Vec<Setting> {
        let Some(groups) = &self.groups else {
            return Vec::new();
        };
        let mut settings: Vec<Setting> = Vec::new();
        for pass in self
            .group_ids(upstream)
            .into_iter()
            .flat_map(|id| groups.passes_to(id))
        {
            let config = groups.config();
            let directive = pass.family.directive(suffix);
            let Some(value) = config.value_text(pass.scope, &directive) else {
                continue;
            };
            let setting = Setting {
                position: config
                    .set(pass.scope, &directive)
                    .last()
                    .map(|set| set.position),
                value: value_text(&value),
                directive,
            };
            if !settings.contains(&setting) {
                settings.push(setting);
            }
        }
        settings
    }

    /// The groups that `upstream` is a peer or the name of.
    pub fn group_ids(&self, upstream: &[u8]) -> Vec<GroupId> {
        let Some(groups) = &self.groups else {
            return Vec::new();
        };
        let mut ids: Vec<GroupId> = groups
            .of_peer(upstream)
            .iter()
            .map(|(id, ..)| *id)
            .collect();
        ids.extend(groups.named(upstream));
        ids.sort();
        ids.dedup();
        ids
    }

    /// Piles of durations at `upstream`, of attempts that ended so.
    pub fn piles(
        &self,
        upstream: Option<&[u8]>,
        ending: Ending,
    ) -> impl Iterator<Item = &'a Fingerprint> {
        let piles = self.material.fingerprints.iter();
        piles.filter(move |pile| pile.ending == ending && pile.upstream.as_deref() == upstream)
    }

    /// A draft about `symptoms`: with whom they hurt, when, in which incident, and the first of each as evidence.
    pub fn draft(&self, subject: &str, symptoms: &[&Symptom]) -> Draft {
        let hurt = self.hurt(symptoms);
        let mut symptoms: Vec<&Symptom> = symptoms.to_vec();
        symptoms.sort_by_key(|symptom| (std::cmp::Reverse(symptom.n_events), symptom.evidence));
        let first = symptoms.iter().filter_map(|symptom| symptom.first).min();
        let last = symptoms.iter().filter_map(|symptom| symptom.last).max();
        let incident = symptoms.iter().find_map(|symptom| {
            let times = (symptom.first?, symptom.last?);
            self.incident(symptom.category, symptom.upstream.as_deref(), times)
        });
        Draft {
            subject: subject.to_owned(),
            upstream: symptoms
                .first()
                .and_then(|first| first.upstream.clone())
                .filter(|one| {
                    symptoms
                        .iter()
                        .all(|symptom| symptom.upstream.as_ref() == Some(one))
                }),
            certainty: Certainty::Likely,
            incident: incident.map(|incident| incident.id.clone()),
            evidence: exhibits(&symptoms),
            explains: symptoms.iter().map(|symptom| symptom.evidence).collect(),
            n_requests: hurt.n_requests,
            n_masked: hurt.n_masked,
            n_events: symptoms.iter().map(|symptom| symptom.n_events).sum(),
            first,
            last,
            ..Draft::default()
        }
    }

    /// A time as a report's reader needs it: the clock in UTC, with the date where the logs span several.
    pub fn clock(&self, time: Timestamp) -> String {
        let format = match self.is_long {
            true => "%Y-%m-%d %H:%M:%S",
            false => "%H:%M:%S",
        };
        chrono::DateTime::from_timestamp(time.0, 0)
            .map_or_else(String::new, |time| time.format(format).to_string())
    }

    /// `from 14:08:16 to 14:08:46`, or `at 14:08:16`.
    pub fn during(&self, first: Option<Timestamp>, last: Option<Timestamp>) -> String {
        match (first, last) {
            (Some(first), Some(last)) if first == last => format!("at {}", self.clock(first)),
            (Some(first), Some(last)) => {
                format!("from {} to {}", self.clock(first), self.clock(last))
            }
            _ => "at a time the records do not tell".to_owned(),
        }
    }

    /// `, 71 requests failed by it` and the like: whom a draft says it hurt.
    pub fn toll(&self, draft: &Draft) -> String {
        let n = grouped(draft.n_requests);
        let masked = match draft.n_masked {
            0 => String::new(),
            1 => {
                ", and 1 failed try was hidden from its client by a retry, a cache or an error page"
                    .to_owned()
            }
            n => format!(
                ", and {} failed tries were hidden from clients by a retry, a cache or an error page",
                grouped(n)
            ),
        };
        match (self.hurt.is_some(), draft.n_requests) {
            (true, 0) if draft.n_masked == 0 => {
                "no request is known to have failed by it".to_owned()
            }
            (false, 0) => "none of the records names a request".to_owned(),
            (true, 1) => format!("1 request failed by it{masked}"),
            (true, _) => format!("{n} requests failed by it{masked}"),
            (false, 1) => "1 record tells of it".to_owned(),
            (false, _) => format!("{n} records tell of it"),
        }
    }

    /// A line of the configuration as evidence.
    pub fn config_exhibit(&self, position: Position, what: &str) -> Exhibit {
        Exhibit {
            cite: Cite::Config(position),
            what: what.to_owned(),
            quote: Vec::new(),
        }
    }
}

/// The first event of `symptom` as evidence.
pub fn exhibit(symptom: &Symptom) -> Exhibit {
    first_of(symptom, symptom.n_events)
}

fn first_of(symptom: &Symptom, n_events: u64) -> Exhibit {
    let what = match n_events {
        1 => symptom.category.name().to_owned(),
        n => format!("first of {} {}", grouped(n), symptom.category.name()),
    };
    record(symptom.evidence, &what, &symptom.sample)
}

/// The first events of `symptoms` as evidence, in their order; what differs in its aspect alone is one.
fn exhibits(symptoms: &[&Symptom]) -> Vec<Exhibit> {
    let is_same = |a: &Symptom, b: &Symptom| {
        (a.category, a.phase, a.signature, a.basis, &a.upstream)
            == (b.category, b.phase, b.signature, b.basis, &b.upstream)
            && !matches!(a.category, Category::ResourceExhausted)
    };
    let mut kinds: Vec<(&Symptom, u64)> = Vec::new();
    for symptom in symptoms {
        match kinds.iter_mut().find(|(known, _)| is_same(known, symptom)) {
            Some((known, n)) => {
                *n += symptom.n_events;
                if symptom.evidence.is_before(&known.evidence) {
                    *known = symptom;
                }
            }
            None => kinds.push((symptom, symptom.n_events)),
        }
    }
    kinds
        .into_iter()
        .map(|(symptom, n)| first_of(symptom, n))
        .collect()
}

/// A record as evidence.
pub fn record(evidence: Evidence, what: &str, quote: &[u8]) -> Exhibit {
    Exhibit {
        cite: Cite::Record(evidence),
        what: what.to_owned(),
        quote: quote.to_vec(),
    }
}

/// Characters of a name that a sentence may hold.
const NAME_LEN_MAX: usize = 80;

/// A name out of a log or a configuration, harmless, not too long for a sentence, and marked as a quotation.
pub fn name(bytes: &[u8]) -> String {
    text::quoted(&text::truncated(&text::for_terminal(bytes), NAME_LEN_MAX))
}

/// A value of a directive, harmless and not too long. It is no quotation: with its directive it stands in backticks, where what may
/// leave of it is known.
pub fn value_text(bytes: &[u8]) -> String {
    text::truncated(&text::for_terminal(bytes), NAME_LEN_MAX).replace('`', "'")
}

/// The name of an upstream, or that there is none.
pub fn upstream_name(upstream: Option<&[u8]>) -> String {
    upstream.map_or_else(
        || "an upstream that the records do not name".to_owned(),
        name,
    )
}

/// Symptoms by upstream.
pub fn by_upstream<'a>(
    symptoms: impl Iterator<Item = &'a Symptom>,
) -> BTreeMap<Option<&'a [u8]>, Vec<&'a Symptom>> {
    let mut groups: BTreeMap<Option<&[u8]>, Vec<&Symptom>> = BTreeMap::new();
    for symptom in symptoms {
        groups
            .entry(symptom.upstream.as_deref())
            .or_default()
            .push(symptom);
    }
    groups
}

pub fn n_events(symptoms: &[&Symptom]) -> u64 {
    symptoms.iter().map(|symptom| symptom.n_events).sum()
}

/// From the first of them to the last.
pub fn bounds(symptoms: &[&Symptom]) -> (Option<Timestamp>, Option<Timestamp>) {
    let first = symptoms.iter().filter_map(|symptom| symptom.first).min();
    let last = symptoms.iter().filter_map(|symptom| symptom.last).max();
    (first, last)
}

fn hurt(causes: &Causes) -> BTreeMap<(Category, &[u8]), Hurt> {
    let mut sums: BTreeMap<(Category, &[u8]), Hurt> = BTreeMap::new();
    for cause in causes.statuses.iter().flat_map(|status| &status.causes) {
        let key = (
            cause.category,
            cause.upstream.as_deref().unwrap_or_default(),
        );
        sums.entry(key).or_default().n_requests += cause.n;
    }
    for cause in &causes.masked {
        let key = (
            cause.category,
            cause.upstream.as_deref().unwrap_or_default(),
        );
        sums.entry(key).or_default().n_masked += cause.n;
    }
    sums
}
