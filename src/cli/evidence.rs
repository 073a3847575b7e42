//! `coroner evidence`: from ids to places, from places to the lines that stand there.

use super::{
    args::{EvidenceArgs, InputArgs},
    commands::style,
    message::{Failure, Status, say, say_all},
    plan::Plan,
    read::{Named, Read, discover, read},
    spool,
    whole_lines::place,
};
use crate::{
    aggregate::Evidence,
    classify::{Classifier, classify_request},
    diagnose::{self, Finding, Incident, findings::Cite},
    engine::{self, SourceState, Wanted as Counted},
    error::Error,
    event::{Basis, Category, Severity, Timestamp},
    evidence::{
        Context, Exhibit, Finder, Id, PlaceId, Wanted,
        show::{self, Manner},
    },
    export::{self, Names, Output, Target},
    input::Found,
    progress::Progress,
    report::terminal::Style,
    scan::{Event, Request, Sink},
    text,
};
use std::{
    collections::BTreeSet,
    io::{self, BufRead, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Prints the lines behind an id, or behind each of those on stdin.
pub(super) fn evidence(args: &EvidenceArgs) -> Result<Status, Failure> {
    let is_terminal = io::stdout().is_terminal();
    if args.raw && is_terminal {
        return Err(Failure::Usage(
            "--raw: bytes of logs can take over a terminal; send them to a file or a pipe"
                .to_owned(),
        ));
    }
    let ids = ids(args)?;
    let named = discover(&args.input);
    let plan = Plan::from_args(&args.input, &named.found, None)?;
    let mut output = Output::open(&Target::Stdout, false, &[])?;
    let mut search = Search::new(args, plan, named);
    search.resolve(&ids)?;
    search.look();
    let manner = match args.raw {
        true => Manner::Raw,
        false if is_terminal => Manner::Harmless {
            is_coloured: style(args.input.color, &Target::Stdout) == Style::Colour,
        },
        false => Manner::Exact,
    };
    for (index, exhibit) in search.exhibits.iter().enumerate() {
        show::write(exhibit, manner, index == 0, &mut output)
            .map_err(|source| export::failed(Path::new("-"), source))?;
    }
    output.finish()?;
    Ok(search.status())
}

/// The ids that are asked for: at least one.
fn ids(args: &EvidenceArgs) -> Result<Vec<Id>, Failure> {
    if args.id != "-" {
        return Ok(vec![Id::parse(&args.id)]);
    }
    let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
    if args.input.logs.iter().any(is_stdin) {
        return Err(Failure::Usage(
            "stdin cannot hold both the ids and a log".to_owned(),
        ));
    }
    let mut ids = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|source| Error::Read {
            path: PathBuf::from("-"),
            offset_bytes: 0,
            source,
        })?;
        // As in a column of CSV.
        let id = line.trim().trim_matches('"');
        if !id.is_empty() && id != "evidence" {
            ids.push(Id::parse(id));
        }
    }
    match ids.is_empty() {
        true => Err(Failure::Usage("there are no ids on stdin".to_owned())),
        false => Ok(ids),
    }
}

/// What was seen of a stream.
struct Looked {
    /// Its number.
    stored: usize,
    states: Vec<SourceState>,
    missing: Vec<Wanted>,
    exhibits: Vec<Exhibit>,
    is_debug: bool,
}

/// What is looked for, where, and what was found.
struct Search<'a> {
    args: &'a EvidenceArgs,
    plan: Plan,
    found: Vec<Found>,
    errors: Vec<Error>,
    /// Streams kept as files, which go with this.
    spools: Vec<export::Temporary>,
    /// By stored stream.
    wanted: Vec<Vec<Wanted>>,
    n_wanted: usize,
    exhibits: Vec<Exhibit>,
    /// Ids that lead nowhere.
    n_unknown: usize,
    /// Something was damaged, changed or not where it should be.
    is_partial: bool,
}

impl<'a> Search<'a> {
    fn new(args: &'a EvidenceArgs, plan: Plan, named: Named) -> Search<'a> {
        let Named { found, errors } = named;
        Search {
            args,
            plan,
            wanted: vec![Vec::new(); found.len()],
            found,
            errors,
            spools: Vec::new(),
            n_wanted: 0,
            exhibits: Vec::new(),
            n_unknown: 0,
            is_partial: false,
        }
    }

    /// Finds out which places the ids name.
    fn resolve(&mut self, ids: &[Id]) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        for id in ids {
            match id {
                Id::Place(place) => self.want(place.clone()),
                Id::Named(name) => {
                    names.insert(name.as_str());
                }
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        self.spools = spool::spool_streams(&mut self.found, &self.args.input)?;
        let read = self.read();
        let diagnosed = read.diagnosed();
        let findings = diagnose::findings::findings(&read.facts(&diagnosed));
        for name in names {
            match places_of(name, &read, &findings, self.args) {
                Some(places) => places.into_iter().for_each(|place| self.want(place)),
                None => self.unknown(name, &read, &findings),
            }
        }
        Ok(())
    }

    /// Reads all logs, as a report does.
    fn read(&self) -> Read {
        let mut plan = self.plan.clone();
        plan.incidents = true;
        plan.joins = true;
        plan.findings = true;
        plan.engine.wanted = Counted::ALL;
        let named = Named {
            found: self.found.clone(),
            errors: vec![],
        };
        let args = InputArgs {
            quiet: true,
            ..self.args.input.clone()
        };
        read(plan, named, &args)
    }

    /// Notes where a place is to be looked for.
    fn want(&mut self, place: PlaceId) {
        let place = match place.source.strip_prefix('-') {
            // stdin by the name it is given on the command line.
            Some("") => PlaceId {
                source: "<stdin>".to_owned(),
                ..place
            },
            _ => place,
        };
        let name = |found: &Found| found.name.as_os_str().as_encoded_bytes().to_vec();
        let also = |found: &Found| {
            let names = found.also.iter();
            names
                .map(|name| name.as_os_str().as_encoded_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        let exact = |found: &&Found| place.is_in(&name(found));
        let linked = |found: &Found| also(found).iter().any(|name| place.is_in(name));
        let order = self.n_wanted;
        self.n_wanted += 1;
        let mut wanted: Vec<(usize, PlaceId)> = Vec::new();
        for (index, found) in self.found.iter().enumerate() {
            if exact(&found) {
                wanted.push((index, place.clone()));
            } else if linked(found) {
                let source = text::for_table(&name(found)).into_owned();
                wanted.push((
                    index,
                    PlaceId {
                        source,
                        ..place.clone()
                    },
                ));
            }
        }
        if wanted.is_empty() {
            let moved = self.found.iter().enumerate();
            wanted = moved
                .filter_map(|(index, found)| Some((index, place.moved_to(&name(found))?)))
                .collect();
        }
        match &wanted[..] {
            [(index, place)] => {
                let place = place.clone();
                self.wanted[*index].push(Wanted { place, order });
            }
            [] => self.elsewhere(&place, "it is not among the logs given"),
            _ => self.elsewhere(&place, "several of the logs given may be meant: give one"),
        }
    }

    fn elsewhere(&mut self, place: &PlaceId, why: &str) {
        let names: Vec<String> = self
            .found
            .iter()
            .take(NEAR_MAX)
            .map(|found| text::path_for_terminal(&found.name))
            .collect();
        let more = if self.found.len() > NEAR_MAX {
            ", …"
        } else {
            ""
        };
        say(
            "error",
            &format!("`{}`: {why} ({}{more})", place.source, names.join(", ")),
        );
        self.n_unknown += 1;
    }

    fn unknown(&mut self, name: &str, read: &Read, findings: &[Finding]) {
        let mut near: Vec<&str> = ids_of(read, findings).collect();
        // The more of its beginning an id shares, the nearer it is.
        let n_same = |id: &str| {
            id.bytes()
                .zip(name.bytes())
                .take_while(|(a, b)| a == b)
                .count()
        };
        near.sort_by_key(|id| std::cmp::Reverse(n_same(id)));
        let known = match &near[..] {
            [] => "these logs hold no incident and no finding".to_owned(),
            ids => format!(
                "these logs know {}{}",
                ids[..ids.len().min(NEAR_MAX)].join(", "),
                if ids.len() > NEAR_MAX { ", …" } else { "" }
            ),
        };
        say(
            "error",
            &format!(
                "`{name}` is neither a place (source:line@offset) nor the id of an incident or a finding; {known}"
            ),
        );
        self.n_unknown += 1;
    }

    /// Goes through the streams in which something is wanted; again, if that is among records of level debug and clients tried to
    /// smuggle lines into them.
    fn look(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        let mut looked = self.look_for(&wanted);
        if looked.iter().any(|looked| looked.is_debug)
            && self.found.iter().all(Found::can_be_read_again)
            && let Some(smuggled) = engine::smuggled(&self.found, &self.plan.engine)
        {
            self.plan.engine.smuggled = Some(Arc::new(smuggled));
            looked = self.look_for(&wanted);
        }
        for looked in looked {
            self.take(looked);
        }
        self.exhibits.sort_by_key(|exhibit| exhibit.order);
        for exhibit in &self.exhibits {
            if let Some(doubt) = &exhibit.doubt {
                let name = exhibit.source.for_terminal();
                say(
                    "warning",
                    &format!("{name}: {doubt}: it changed since, or is another"),
                );
                self.is_partial = true;
            }
        }
    }

    /// What is to be seen at the places that are `wanted` of each stream.
    fn look_for(&self, wanted: &[Vec<Wanted>]) -> Vec<Looked> {
        let classifier = Classifier::default();
        let context = self.args.context();
        let all = self.found.iter().zip(wanted).enumerate();
        let some = all.filter(|(_, (_, wanted))| !wanted.is_empty());
        some.map(|(stored, (found, wanted))| {
            let redactor = &self.plan.redactor;
            let mut finder = Finder::new(&classifier, redactor, wanted.clone(), context);
            let states = engine::walk(found, &self.plan.engine, |state, block| {
                finder.look(state, block)
            });
            let is_debug = finder.is_debug;
            let (missing, exhibits) = finder.finish();
            Looked {
                stored,
                states,
                missing,
                exhibits,
                is_debug,
            }
        })
        .collect()
    }

    /// Takes what was seen of a stream, and says what was not.
    fn take(&mut self, looked: Looked) {
        let Looked {
            stored,
            states,
            missing,
            exhibits,
            ..
        } = looked;
        let redactor = &self.plan.redactor;
        for problem in states.iter().flat_map(diagnose::account::damage) {
            let name = text::path_for_terminal(&self.found[stored].name);
            let problem = redactor.said(&problem).for_page();
            say("warning", &format!("{name}: {problem}"));
            self.is_partial = true;
        }
        for wanted in missing {
            let place = &wanted.place;
            let state = states.iter().find(|state| place.names(&state.name));
            let why = match state {
                None => "the archive holds no such log".to_owned(),
                Some(state) if !state.is_scanned() => {
                    format!("it is not read: {}", state.kind.name())
                }
                Some(state) => {
                    self.is_partial = true;
                    format!(
                        "it ends before, at byte {}: it changed since, or is another",
                        state.decoded_bytes
                    )
                }
            };
            say("error", &format!("{}: {why}", show::id(place)));
            self.n_unknown += 1;
        }
        self.exhibits.extend(exhibits);
    }

    fn status(&self) -> Status {
        let is_all_found = say_all(&self.errors);
        match () {
            () if self.exhibits.is_empty() && self.n_unknown > 0 && !self.is_partial => {
                Status::Unusable
            }
            () if self.is_partial || self.n_unknown > 0 || !is_all_found => Status::Partial,
            () => Status::Complete,
        }
    }
}

/// Names told where one is not known.
const NEAR_MAX: usize = 5;

/// All ids but those of places.
fn ids_of<'a>(read: &'a Read, findings: &'a [Finding]) -> impl Iterator<Item = &'a str> {
    let incidents = read.incidents.list.iter().map(|incident| &incident.id[..]);
    incidents.chain(findings.iter().map(|finding| &finding.id[..]))
}

/// The places that an id stands for. A kind of id is a line here, and one in [`ids_of`].
fn places_of(
    id: &str,
    read: &Read,
    findings: &[Finding],
    args: &EvidenceArgs,
) -> Option<Vec<PlaceId>> {
    if let Some(finding) = findings.iter().find(|known| known.id == id) {
        return Some(places_of_finding(finding, read));
    }
    let incident = read.incidents.list.iter().find(|known| known.id == id)?;
    Some(places_of_incident(incident, read, args))
}

/// The records that `finding` rests on; what else it cites is said.
fn places_of_finding(finding: &Finding, read: &Read) -> Vec<PlaceId> {
    let names = Names::new(&read.scanned, &read.plan.redactor);
    let mut places = Vec::new();
    for exhibit in &finding.evidence {
        match &exhibit.cite {
            Cite::Record(at) => places.push(place(at, &names)),
            other => say(
                "info",
                &format!(
                    "{} rests on {}, too",
                    finding.id,
                    names.cite(other, read.config.as_ref())
                ),
            ),
        }
    }
    places
}

/// The first failing records of `incident`, by time; says what is left out.
fn places_of_incident(incident: &Incident, read: &Read, args: &EvidenceArgs) -> Vec<PlaceId> {
    let is_record = |row: &diagnose::Failure| {
        row.kind.basis == Basis::ErrorLog && row.kind.severity == Severity::Failure
    };
    let has_records = read.placed.rows.iter().any(is_record);
    let make = || Failing {
        incident,
        read,
        has_records,
        n_max: args.top,
        n_all: 0,
        first: BTreeSet::new(),
    };
    let mut all = make();
    let missed = engine::replay(
        &read.scanned,
        &read.classifier,
        &read.plan.engine,
        &Progress::default(),
        make,
        |some| {
            all.merge(some);
            Ok(())
        },
    );
    for error in missed.into_iter().flatten() {
        say("error", &diagnose::account::chain(&error));
    }
    let n_shown = all.first.len() as u64;
    if n_shown < all.n_all {
        say(
            "info",
            &format!(
                "the first {n_shown} of {} failing records of {}; --top shows more",
                all.n_all, incident.id
            ),
        );
    }
    let names = Names::new(&read.scanned, &read.plan.redactor);
    all.first.iter().map(|(_, at)| place(at, &names)).collect()
}

/// The first failing records of an incident, of those that one chunk or several hold.
struct Failing<'a> {
    incident: &'a Incident,
    read: &'a Read,
    /// Error logs tell of failures: then of requests only those count that the upstreams themselves failed.
    has_records: bool,
    n_max: usize,
    n_all: u64,
    first: BTreeSet<(Timestamp, Evidence)>,
}

impl Failing<'_> {
    fn take(&mut self, time: Timestamp, at: Evidence) {
        self.n_all += 1;
        self.first.insert((time, at));
        if self.first.len() > self.n_max {
            self.first.pop_last();
        }
    }

    fn merge(&mut self, other: Failing<'_>) {
        self.n_all += other.n_all;
        self.first.extend(other.first);
        while self.first.len() > self.n_max {
            self.first.pop_last();
        }
    }

    /// Whether failures of `upstream` in `category` at `time` are the incident's.
    fn is_of(&self, upstream: Option<&[u8]>, category: Category, time: Timestamp) -> bool {
        let is_then = self.incident.start <= time && time <= self.incident.end;
        let mut members = self.incident.members.iter();
        is_then
            && members
                .any(|member| member.category == category && member.upstream.as_deref() == upstream)
    }
}

impl Sink for Failing<'_> {
    fn collect(&mut self, event: &Event<'_>) {
        let known = &event.known;
        if known.severity != Severity::Failure || event.is_doubtful || !self.read.keeps(event) {
            return;
        }
        let Some(time) = event.time() else {
            return;
        };
        let time = self.read.zone.zone.instant(time).0;
        if self.is_of(known.upstream, known.category, time) {
            self.take(time, event.evidence);
        }
    }

    fn request(&mut self, request: &Request<'_>) {
        let Some(end) = request.end else {
            return;
        };
        let mut failures: Vec<(Option<&[u8]>, Category)> = Vec::new();
        let mut last = None;
        let outcome = classify_request(request.line, request.escape, |attempt, verdict| {
            last = attempt.addr;
            let failed = verdict.filter(|verdict| verdict.severity == Severity::Failure);
            failures.extend(failed.map(|verdict| (attempt.addr, verdict.category)));
        });
        let failed = outcome
            .verdict
            .filter(|verdict| verdict.severity == Severity::Failure);
        failures.extend(failed.map(|verdict| (last, verdict.category)));
        let is_mine = |&(upstream, category): &(Option<&[u8]>, Category)| {
            (!self.has_records || category == Category::Upstream5xx)
                && self.is_of(upstream, category, end.second)
                && self.read.keeps_request(request, Some(category))
        };
        if failures.iter().any(is_mine) {
            self.take(end.second, request.evidence);
        }
    }
}

impl EvidenceArgs {
    fn context(&self) -> Context {
        Context {
            n_before: self.before.unwrap_or(self.context),
            n_after: self.after.unwrap_or(self.context),
        }
    }
}
