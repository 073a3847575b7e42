//! Logs that were read, with all that follows from them: what every command over logs begins with.

use super::{
    args::InputArgs,
    message::{Status, say, say_all},
    nginx_config,
    plan::Plan,
    progress,
};
use crate::{
    aggregate::{self, Failures, Moments, Signs, bucket::Grain, served::served},
    classify::Classifier,
    config::Config,
    diagnose::{
        self, Account, AskedFor, Case, Causes, Facts, FailTimeouts, Fine, Fingerprint, Gap,
        Incidents, Joined, KnownTimeouts, KnownZone, Mark, Material, Observed, Outage, Placed,
        Spans, ZoneBasis, fingerprints, join_at, placed::Counts,
    },
    engine::{self, Scanned},
    error::Error,
    event::Category,
    input::{self, Found, Place},
    progress::Progress,
    scan::{Event, Request},
    zone::Zone,
};
use std::{path::PathBuf, sync::Arc};

/// Logs that were read, with all that follows from them.
pub(super) struct Read {
    pub(super) classifier: Classifier,
    pub(super) plan: Plan,
    pub(super) scanned: Scanned,
    pub(super) account: Account,
    pub(super) zone: KnownZone,
    /// Failed attempts with the error records that tell why; none unless the plan asks for them.
    pub(super) joined: Joined,
    pub(super) placed: Placed,
    /// None unless the plan asks for them.
    pub(super) incidents: Incidents,
    pub(super) marks: Vec<Mark>,
    /// What findings rest on; nothing unless the plan asks for them.
    observed: Observed,
    /// Of the gateway, if there is one.
    pub(super) config: Option<Config>,
    /// Paths that named nothing.
    pub(super) errors: Vec<Error>,
}

/// What follows from what was read.
pub(super) struct Diagnosed {
    /// When each peer was out of its group, and when a group had none.
    pub(super) outages: Vec<Outage>,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) gaps: Vec<Gap>,
    /// `None` unless there are both kinds of log, and all of them are asked for.
    pub(super) causes: Option<Causes>,
}

/// What the user named, and what of it names nothing.
pub(super) struct Named {
    pub(super) found: Vec<Found>,
    pub(super) errors: Vec<Error>,
}

impl Named {
    /// Where an output must not go.
    pub(super) fn paths(&self, plan: &Plan) -> Vec<PathBuf> {
        let path = |found: &Found| match &found.place {
            // What a shell opened has a name here, too.
            Place::Stdin => PathBuf::from("/dev/stdin"),
            Place::File(path) | Place::Pipe(path) => path.clone(),
        };
        let paths = self.found.iter().map(path);
        let config = plan.config.iter().flat_map(nginx_config::paths);
        paths.chain(config).collect()
    }
}

pub(super) fn discover(args: &InputArgs) -> Named {
    let (found, errors) = input::discover(&args.logs);
    Named { found, errors }
}

/// Scans and places; shows how far it is, and says how it went if verbose.
pub(super) fn read(mut plan: Plan, named: Named, args: &InputArgs) -> Read {
    let started = std::time::Instant::now();
    let Named { found, errors } = named;
    let classifier = Classifier::default();
    let progress = Arc::new(expected(&found));
    let shown_progress = progress::show(args, Arc::clone(&progress));
    let mut scanned = engine::scan(&found, &classifier, &plan.engine, &progress);
    drop(shown_progress);
    let known_zone = |scanned: &Scanned, given: Option<&Zone>| {
        let (errors, attempts) = (scanned.errors.as_slice(), scanned.attempts.as_slice());
        KnownZone::of(given, &scanned.ledgers, errors, attempts)
    };
    let mut zone = known_zone(&scanned, plan.zone.as_ref()).with_machines(&scanned);
    if !zone.machines.is_empty() && found.iter().all(Found::can_be_read_again) {
        plan.engine.clocks = Some(Arc::new(zone.clocks(&scanned)));
        let progress = Arc::new(expected(&found));
        let shown_progress = progress::show(args, Arc::clone(&progress));
        scanned = engine::scan(&found, &classifier, &plan.engine, &progress);
        drop(shown_progress);
        let utc = Zone::utc();
        zone = KnownZone {
            matches: known_zone(&scanned, Some(&utc)).matches,
            basis: ZoneBasis::Matched,
            apart_from: Some(zone.zone),
            zone: utc,
            machines: zone.machines,
        };
    }
    let account = diagnose::account(&scanned);
    if args.verbose {
        let n_bytes: u64 = scanned.sources.iter().map(|state| state.size_bytes).sum();
        let (n_threads, seconds) = (plan.engine.n_threads, started.elapsed().as_secs_f64());
        say(
            "info",
            &format!(
                "{n_bytes} bytes in {} sources scanned by {n_threads} threads in {seconds:.3} s",
                scanned.sources.len()
            ),
        );
        for state in &scanned.sources {
            let path = plan.redactor.source(&state.name).for_terminal();
            say(
                "info",
                &format!("{path}: {}, {} bytes", state.kind.name(), state.size_bytes),
            );
        }
    }
    let mut config = plan.config.take();
    match &config {
        _ if args.quiet => {}
        Some(config) => nginx_config::tell_problems(config),
        None => nginx_config::tell_packed(&scanned),
    }
    let counts = counts(&mut scanned, plan.engine.grain);
    let joined = if plan.joins {
        let (errors, attempts) = (scanned.errors.as_slice(), scanned.attempts.as_slice());
        let spans = Spans::of(&scanned.ledgers);
        join_at(
            errors,
            attempts,
            zone.instants_of(&scanned),
            &zone.zone,
            &spans,
        )
    } else {
        Joined::default()
    };
    let fine = Fine::of(counts, &plan.placement, &zone.zone);
    let incidents = if plan.incidents {
        diagnose::incidents(&fine)
    } else {
        Incidents::default()
    };
    let observed = observed(&mut scanned, &plan, &fine, &zone);
    let placed = fine.in_buckets(plan.placement.bucket);
    let moments: Moments = std::mem::take(&mut scanned.aggregate.moments);
    if let Some(config) = &mut config {
        config.version = config.version.or_else(|| diagnose::version(&moments));
    }
    let denials = &scanned.aggregate.denials;
    let marks = diagnose::marks(moments, denials, &zone.zone, placed.since, placed.until);
    let mut read = Read {
        classifier,
        plan,
        scanned,
        account,
        zone,
        joined,
        placed,
        incidents,
        marks,
        observed,
        config,
        errors,
    };
    read.tell_hurt();
    read
}

/// Takes what findings rest on out of `scanned`.
fn observed(scanned: &mut Scanned, plan: &Plan, fine: &Fine, zone: &KnownZone) -> Observed {
    if !plan.findings {
        return Observed::default();
    }
    let grain = plan.engine.grain;
    let aggregate = &mut scanned.aggregate;
    let signs = std::mem::replace(&mut aggregate.signs, Signs::new(grain));
    let answers = std::mem::replace(&mut aggregate.requests.served, served(grain));
    Observed::of(signs, answers, fine, &zone.zone)
}

/// Takes what is to be placed out of `scanned`.
fn counts(scanned: &mut Scanned, grain: Grain) -> Counts {
    let requests = &mut scanned.aggregate.requests;
    let none = || Failures::new(grain);
    Counts {
        of_requests: std::mem::replace(&mut requests.failures, none()),
        traffic: std::mem::replace(&mut requests.traffic, aggregate::Table::new(grain)),
        of_records: std::mem::replace(&mut scanned.aggregate.failures, none()),
        last_request: scanned
            .ledgers
            .iter()
            .filter_map(|ledger| ledger.last_request)
            .max(),
    }
}

/// What there is to read, before anything is opened.
pub(super) fn expected(found: &[Found]) -> Progress {
    let progress = Progress::default();
    for found in found {
        match &found.place {
            Place::File(path) => progress.expect(1, path.metadata().map_or(0, |meta| meta.len())),
            Place::Pipe(_) | Place::Stdin => progress.expect_stream(),
        }
    }
    progress
}

impl Read {
    /// Why the requests failed that are asked for, where there are both kinds of log.
    fn causes(&self) -> Option<Causes> {
        let filter = &self.plan.engine.filter;
        let keeps_upstream = |upstream: &[u8]| filter.keeps_upstream(Some(upstream));
        let keeps_category = |category| filter.keeps_verdict(category);
        let case = Case {
            asked_for: (!filter.is_open()).then_some(AskedFor {
                upstream: &keeps_upstream,
                category: &keeps_category,
            }),
            ..self.case()
        };
        let has_both = !case.errors.is_empty() && !case.attempts.is_empty();
        has_both.then(|| Causes::of(&case, &self.placed))
    }

    /// Counts whom the incidents hurt.
    fn tell_hurt(&mut self) {
        let mut incidents = std::mem::take(&mut self.incidents);
        if self.plan.joins {
            diagnose::tell_hurt(&mut incidents, &self.case(), &self.placed);
        }
        self.incidents = incidents;
    }

    /// Records and attempts, and how they belong together; all of them are asked for.
    pub(super) fn case(&self) -> Case<'_> {
        Case {
            errors: self.scanned.errors.as_slice(),
            attempts: self.scanned.attempts.as_slice(),
            joined: &self.joined,
            zone: &self.zone.zone,
            is_sample: self.scanned.errors.is_sample() || self.scanned.attempts.is_sample(),
            asked_for: None,
        }
    }

    /// What follows from the counts and is used more than once.
    pub(super) fn diagnosed(&self) -> Diagnosed {
        let fail_timeouts = self.config.as_ref().map(FailTimeouts::of);
        let Placed { since, until, .. } = self.placed;
        Diagnosed {
            outages: diagnose::outages(&self.marks, &fail_timeouts.unwrap_or_default()),
            fingerprints: self.fingerprints(),
            gaps: diagnose::gaps(&self.scanned, &self.zone.zone, since, until),
            causes: self.causes(),
        }
    }

    /// All that findings rest on; nothing is in it unless the plan asks for findings.
    pub(super) fn facts<'a>(&'a self, diagnosed: &'a Diagnosed) -> Facts<'a> {
        let Placed { since, until, .. } = self.placed;
        Facts::new(Material {
            observed: &self.observed,
            incidents: &self.incidents,
            outages: &diagnosed.outages,
            marks: &self.marks,
            gaps: &diagnosed.gaps,
            fingerprints: &diagnosed.fingerprints,
            traffic: &self.placed.traffic,
            causes: diagnosed.causes.as_ref(),
            config: self.config.as_ref(),
            scanned: &self.scanned,
            account: &self.account,
            is_whole: since.is_none() && until.is_none() && self.plan.engine.filter.is_open(),
        })
    }

    /// Durations at which failed attempts pile up; of a part of the time they are not known, being counted without their times.
    fn fingerprints(&self) -> Vec<Fingerprint> {
        if self.placed.since.is_some() || self.placed.until.is_some() {
            return Vec::new();
        }
        let series = self.scanned.aggregate.requests.durations.finish();
        fingerprints(&series, &KnownTimeouts::of(self.config.as_ref()))
    }

    pub(super) fn keeps_request(&self, request: &Request<'_>, category: Option<Category>) -> bool {
        let filter = &self.plan.engine.filter;
        let index = || self.scanned.index_of(request.evidence.source);
        let path = || self.scanned.sources[index()].machine.asked();
        filter.is_open() || filter.keeps_request(request, category, path())
    }

    pub(super) fn keeps(&self, event: &Event<'_>) -> bool {
        let filter = &self.plan.engine.filter;
        let path = || {
            let index = self.scanned.index_of(event.evidence.source);
            self.scanned.sources[index].machine.asked()
        };
        filter.is_open() || filter.keeps(event, path())
    }

    /// Says what went wrong, unless that `is_shown` in a report on the same terminal, and how complete the results are.
    pub(super) fn status(&self, is_shown: bool) -> Status {
        let is_all_found = say_all(&self.errors);
        for (state, account) in self.scanned.sources.iter().zip(&self.account.sources) {
            for problem in account.problems.iter().filter(|_| !is_shown) {
                let redactor = &self.plan.redactor;
                let name = redactor.source(&state.name).for_terminal();
                let problem = redactor.said(problem).for_page();
                say("warning", &format!("{name}: {problem}"));
            }
        }
        if self.account.is_empty() {
            say("error", "nothing could be read");
            return Status::Unusable;
        }
        let is_complete = self.account.is_complete() && is_all_found;
        if is_complete {
            Status::Complete
        } else {
            Status::Partial
        }
    }
}
