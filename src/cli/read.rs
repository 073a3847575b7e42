//! Logs that were read, with all that follows from them: what every command over logs begins with.

use super::{
    args::InputArgs,
    message::{Status, say},
    nginx_config,
    plan::Plan,
    progress,
};
use crate::{
    aggregate::{self, Failures, Moments, bucket::Grain},
    classify::Classifier,
    config::Config,
    diagnose::{
        self, Account, Case, Causes, Fine, Incidents, Joined, KnownZone, Mark, Placed, Spans, join,
        placed::Counts,
    },
    engine::{self, Scanned},
    error::Error,
    event::Category,
    input::{self, Found, Place},
    progress::Progress,
    scan::{Event, Request},
    text,
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
    /// Of the gateway, if there is one.
    pub(super) config: Option<Config>,
    /// Paths that named nothing.
    pub(super) errors: Vec<Error>,
}

/// What the user named, and what of it names nothing.
pub(super) struct Named {
    pub(super) found: Vec<Found>,
    pub(super) errors: Vec<Error>,
}

impl Named {
    /// Where an output must not go.
    pub(super) fn paths(&self, plan: &Plan) -> Vec<PathBuf> {
        let paths = self.found.iter().map(|found| found.name.clone());
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
            let path = text::for_terminal(&state.name);
            say(
                "info",
                &format!("{path}: {}, {} bytes", state.kind.name(), state.size_bytes),
            );
        }
    }
    let config = plan.config.take();
    match &config {
        _ if args.quiet => {}
        Some(config) => nginx_config::tell_problems(config),
        None => nginx_config::tell_packed(&scanned),
    }
    let counts = counts(&mut scanned, plan.engine.grain);
    let zone = KnownZone::of(
        plan.zone.as_ref(),
        &scanned.ledgers,
        scanned.errors.as_slice(),
        scanned.attempts.as_slice(),
    );
    let joined = if plan.joins {
        let (errors, attempts) = (scanned.errors.as_slice(), scanned.attempts.as_slice());
        join(errors, attempts, &zone.zone, &Spans::of(&scanned.ledgers))
    } else {
        Joined::default()
    };
    let fine = Fine::of(counts, &plan.placement, &zone.zone);
    let incidents = if plan.incidents {
        diagnose::incidents(&fine)
    } else {
        Incidents::default()
    };
    let placed = fine.in_buckets(plan.placement.bucket);
    let moments: Moments = std::mem::take(&mut scanned.aggregate.moments);
    let marks = diagnose::marks(moments, &zone.zone, placed.since, placed.until);
    Read {
        classifier,
        plan,
        scanned,
        account,
        zone,
        joined,
        placed,
        incidents,
        marks,
        config,
        errors,
    }
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
    /// Why requests failed, where there are both kinds of log; a filter may keep one side of a failure and not the other.
    pub(super) fn causes(&self) -> Option<Causes> {
        let case = self.case();
        let is_whole = self.plan.engine.filter.is_open() && !case.errors.is_empty();
        (is_whole && !case.attempts.is_empty()).then(|| Causes::of(&case, &self.placed))
    }

    /// Records and attempts, and how they belong together.
    pub(super) fn case(&self) -> Case<'_> {
        Case {
            errors: self.scanned.errors.as_slice(),
            attempts: self.scanned.attempts.as_slice(),
            joined: &self.joined,
            zone: &self.zone.zone,
        }
    }

    pub(super) fn keeps_request(&self, request: &Request<'_>, category: Option<Category>) -> bool {
        let filter = &self.plan.engine.filter;
        let index = || self.scanned.index_of(request.evidence.source);
        let machine = || self.scanned.sources[index()].machine.as_deref();
        filter.is_open() || filter.keeps_request(request, category, machine().map(str::as_bytes))
    }

    pub(super) fn keeps(&self, event: &Event<'_>) -> bool {
        let filter = &self.plan.engine.filter;
        let machine = || {
            let index = self.scanned.index_of(event.evidence.source);
            self.scanned.sources[index].machine.as_deref()
        };
        filter.is_open() || filter.keeps(event, machine().map(str::as_bytes))
    }

    /// Says what went wrong, unless the report itself `is_shown` and says it, and how complete the results are.
    pub(super) fn status(&self, is_shown: bool) -> Status {
        for error in &self.errors {
            say("error", &diagnose::account::chain(error));
        }
        for (state, account) in self.scanned.sources.iter().zip(&self.account.sources) {
            for problem in account.problems.iter().filter(|_| !is_shown) {
                say(
                    "warning",
                    &format!("{}: {problem}", text::for_terminal(&state.name)),
                );
            }
        }
        if self.account.is_empty() {
            say("error", "nothing could be read");
            return Status::Unusable;
        }
        let is_complete = self.account.is_complete() && self.errors.is_empty();
        if is_complete {
            Status::Complete
        } else {
            Status::Partial
        }
    }
}
