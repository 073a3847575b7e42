//! `coroner compare`: is it fixed? Two sets of logs, or one that is cut in two.

use super::{
    args::{CompareArgs, InputArgs},
    commands::{is_seen, style, width},
    message::{Failure, Status},
    plan::{Plan, parse_time},
    progress,
    read::{Named, Read, discover, expected, read},
    spool,
};
use crate::{
    aggregate::{Width, requests::RouteRequest},
    classify::classify_request,
    diagnose::{
        Mark,
        account::chain,
        compare::{self, Counted, Side, Tally, Verdict, Which, Window},
        placed::TimeBound,
    },
    engine::{self, Wanted},
    error::Error,
    event::{Basis, Moment, Severity, Timestamp},
    export::{self, Names, Output, Target, time::rfc3339},
    parse::access::{Field, value, write_route},
    report::{
        self,
        compare::{Cut, Told},
    },
    scan::{Event, Request, Sink},
    text,
};
use std::{io::Write, path::PathBuf, sync::Arc};

pub(super) fn compare(args: &CompareArgs) -> Result<Status, Failure> {
    check(args)?;
    let target = match &args.output {
        Some(path) if path.as_os_str() != "-" => Target::File(path.clone()),
        _ => Target::Stdout,
    };
    let form = Form::of(args)?;
    let (mut output, told) = match args.after.is_empty() {
        true => cut_in_two(args, &target)?,
        false => two_sets(args, &target)?,
    };
    let comparison = compare::compare(&told.sides[0], &told.sides[1]);
    let names: Vec<Names<'_>> = told
        .reads
        .iter()
        .map(|read| Names::new(&read.scanned, &read.plan.redactor))
        .collect();
    let whiches = [Which::Before, Which::After];
    let reads = told.reads.iter().zip(&names).zip(whiches);
    let accounts: Vec<_> = reads
        .map(|((read, names), which)| (which, &read.account, names))
        .collect();
    let missed: Vec<String> = told.missed.iter().map(chain).collect();
    let report = report::compare::build(&Told {
        comparison: &comparison,
        before: &told.sides[0],
        after: &told.sides[1],
        cut: told.cut.as_ref(),
        accounts: &accounts,
        missed: &missed,
        redactor: &told.reads[0].plan.redactor,
        n_top: args.top,
    });
    let style = style(args.input.color, &target);
    let written = match form {
        Form::Text => {
            let page = report::terminal::compare::render(&report, style, width(&target));
            output.write_all(page.as_bytes())
        }
        Form::Markdown => output.write_all(report::compare::markdown::render(&report).as_bytes()),
        Form::Html => output.write_all(report::html::compare::render(&report).as_bytes()),
        Form::Json => report::json::write(&report, &mut output),
    };
    written.map_err(|source| export::failed(&output.path(), source))?;
    output.finish()?;
    let is_shown = args.input.quiet || is_seen(&target);
    let read = told.reads.iter().map(|read| read.status(is_shown)).max();
    let read = read.unwrap_or(Status::Complete);
    let is_missed = if missed.is_empty() {
        Status::Complete
    } else {
        Status::Partial
    };
    Ok(match (read.max(is_missed), comparison.verdict) {
        (Status::Unusable, _) => Status::Unusable,
        // What is damaged stands in the report; whoever asks by the exit status must not miss this.
        (_, Verdict::Worse) => Status::Worse,
        (status, _) => status,
    })
}

/// What cannot be, before anything is read.
fn check(args: &CompareArgs) -> Result<(), Failure> {
    let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
    let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
    if args.input.logs.iter().any(is_stdin) && args.after.iter().any(is_stdin) {
        return usage("stdin cannot be both before and after");
    }
    if !args.after.is_empty() && args.input.nginx_config.as_ref().is_some_and(is_stdin) {
        return usage("--nginx-config is read for each side: name a file");
    }
    if args.input.bucket.is_some() {
        return usage("--bucket: a comparison has no buckets");
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Form {
    Text,
    Html,
    Markdown,
    Json,
}

impl Form {
    fn of(args: &CompareArgs) -> Result<Form, Failure> {
        let Some(path) = args
            .output
            .as_deref()
            .filter(|path| path.as_os_str() != "-")
        else {
            return Ok(Form::Text);
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("txt") => Ok(Form::Text),
            Some("html") => Ok(Form::Html),
            Some("md") => Ok(Form::Markdown),
            Some("json") => Ok(Form::Json),
            _ => Err(Failure::Usage(format!(
                "-o {}: a comparison is a .html, .md, .json or .txt file",
                text::path_for_terminal(path)
            ))),
        }
    }
}

/// Both sides, and what they were made of: one run or two.
struct Compared {
    reads: Vec<Read>,
    sides: [Side; 2],
    cut: Option<Cut>,
    /// What the second reading could not read.
    missed: Vec<Error>,
}

fn two_sets(args: &CompareArgs, target: &Target) -> Result<(Output, Compared), Failure> {
    let input = InputArgs {
        logs: args.after.clone(),
        ..args.input.clone()
    };
    let inputs = [&args.input, &input];
    let mut spools = Vec::new();
    let mut prepared = Vec::new();
    let mut paths = Vec::new();
    for input in inputs {
        let mut named = discover(input);
        spools.extend(spool::spool_streams(&mut named.found, input)?);
        let plan = plan(input, &named, Width::Minute)?;
        paths.extend(named.paths(&plan));
        prepared.push((plan, named, input));
    }
    let output = Output::open(target, args.input.force, &paths)?;
    let (mut reads, mut sides, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for (plan, named, input) in prepared {
        let read = read(plan, named, input);
        let window = asked_for(&read);
        let (mut tallies, lost) = tallies(&read, &[window], input)?;
        missed.extend(lost);
        sides.push(side(&read, window, tallies.remove(0)));
        reads.push(read);
    }
    let after = sides.pop().unwrap_or_default();
    let before = sides.pop().unwrap_or_default();
    let compared = Compared {
        reads,
        sides: [before, after],
        cut: None,
        missed,
    };
    Ok((output, compared))
}

fn cut_in_two(args: &CompareArgs, target: &Target) -> Result<(Output, Compared), Failure> {
    let input = &args.input;
    let bound = args.cut_at.as_deref().map(|text| {
        parse_time(text).map_err(|why| Failure::Usage(format!("--cut-at `{text}`: {why}")))
    });
    let bound = bound.transpose()?;
    let mut named = discover(input);
    let _spools = spool::spool_streams(&mut named.found, input)?;
    let plan = plan(input, &named, Width::Second)?;
    let output = Output::open(target, input.force, &named.paths(&plan))?;
    let read = read(plan, named, input);
    let coarse_seconds = read.placed.width.seconds();
    let zone = &read.zone.zone;
    let newest = compare::span_of(&read.scanned, zone);
    let newest = newest.map_or(Timestamp(0), |span| span.last);
    let as_told = "as --cut-at says".to_owned();
    let cut = match bound {
        Some(TimeBound::BeforeNewest(seconds)) => Cut {
            // A comparison has no buckets to begin with: from the second, not from the minute.
            at: Timestamp(newest.0 - seconds),
            why: as_told,
            coarse_seconds,
        },
        Some(bound) => Cut {
            at: bound.resolve(newest, zone),
            why: as_told,
            coarse_seconds,
        },
        None if read.account.is_empty() => {
            read.status(false);
            return Err(Failure::Usage("there is nothing to cut in two".to_owned()));
        }
        None => found_cut(&read, coarse_seconds)?,
    };
    let asked = asked_for(&read);
    let at = Some(cut.at);
    let windows = [
        Window {
            since: asked.since,
            until: at.min(asked.until.or(at)),
        },
        Window {
            since: at.max(asked.since),
            until: asked.until,
        },
    ];
    let (mut tallies, missed) = tallies(&read, &windows, input)?;
    let after = side(&read, windows[1], tallies.remove(1));
    let before = side(&read, windows[0], tallies.remove(0));
    let compared = Compared {
        reads: vec![read],
        sides: [before, after],
        cut: Some(cut),
        missed,
    };
    Ok((output, compared))
}

fn plan(input: &InputArgs, named: &Named, width: Width) -> Result<Plan, Failure> {
    let mut plan = Plan::from_args(input, &named.found, Some(width))?;
    plan.engine.wanted = Wanted {
        routes: false,
        ..Wanted::ALL
    };
    Ok(plan)
}

fn asked_for(read: &Read) -> Window {
    Window {
        since: read.placed.since,
        until: read.placed.until,
    }
}

fn side(read: &Read, window: Window, tally: Tally) -> Side {
    let counted = Counted {
        scanned: &read.scanned,
        account: &read.account,
        zone: &read.zone,
        failures: &read.placed.rows,
        traffic: &read.placed.traffic,
    };
    Side::of(&counted, window, tally)
}

/// The last reload or start that took effect, if failures went before it since the one before.
fn found_cut(read: &Read, coarse_seconds: i64) -> Result<Cut, Failure> {
    let is_start = |mark: &&Mark| matches!(mark.moment, Moment::Reload | Moment::Start);
    let found: Vec<&Mark> = read.marks.iter().filter(is_start).collect();
    let Some(last) = found.last() else {
        return Err(Failure::Usage(
            "no reload and no start is found in these logs: --cut-at says when the fix was made, or --after names the logs after it"
                .to_owned(),
        ));
    };
    let n_between = |since: Option<Timestamp>, until: Timestamp| -> u64 {
        let is_failure = |row: &&crate::diagnose::Failure| {
            row.kind.severity == Severity::Failure && row.kind.basis == Basis::ErrorLog
        };
        let window = Window {
            since,
            until: Some(until),
        };
        let rows = read.placed.rows.iter().filter(is_failure);
        rows.filter(|row| window.holds(row.bucket))
            .map(|row| row.n_events)
            .sum()
    };
    let previous = found.len().checked_sub(2).map(|index| found[index].first);
    if previous.is_some() && n_between(previous, last.first) == 0 {
        let mut since = None;
        let mut list = String::new();
        for mark in &found {
            let n = n_between(since, mark.first);
            list.push_str(&format!(
                "; {} at {} after {n} failures",
                mark.moment,
                rfc3339(mark.first.0)
            ));
            since = Some(mark.first);
        }
        return Err(Failure::Usage(format!(
            "which of these was the fix is not clear, since nothing failed between the last two{list}: --cut-at TIME says it"
        )));
    }
    let names = Names::new(&read.scanned, &read.plan.redactor);
    let evidence = names.evidence(&last.evidence);
    let evidence = names.redactor().source(evidence.as_bytes()).for_terminal();
    let others = match found.len() - 1 {
        0 => format!("the only {}", last.moment),
        n => format!("the last of {} reloads and starts", n + 1),
    };
    Ok(Cut {
        // What failed in the second of a reload failed most likely before the new workers had begun.
        at: Timestamp(last.first.0 + 1),
        why: format!(
            "a second after {others} in the logs ({evidence}); --cut-at says another time"
        ),
        coarse_seconds,
    })
}

/// Reads all again, and counts what the first reading counts without times: for each of `windows`.
fn tallies(
    read: &Read,
    windows: &[Window],
    input: &InputArgs,
) -> Result<(Vec<Tally>, Vec<Error>), Failure> {
    let mut all = vec![Tally::default(); windows.len()];
    let progress = Arc::new(expected(&read.scanned.found));
    let _shown = progress::show(input, Arc::clone(&progress));
    let make = || Counter {
        read,
        windows,
        tallies: vec![Tally::default(); windows.len()],
        route: Vec::new(),
    };
    let missed = engine::replay(
        &read.scanned,
        &read.classifier,
        &read.plan.engine,
        &progress,
        make,
        |counter| {
            let pairs = all.iter_mut().zip(counter.tallies);
            pairs.for_each(|(all, tally)| all.merge(tally));
            Ok(())
        },
    )?;
    Ok((all, missed))
}

struct Counter<'a> {
    read: &'a Read,
    windows: &'a [Window],
    /// By window.
    tallies: Vec<Tally>,
    /// That of the request at hand.
    route: Vec<u8>,
}

impl Counter<'_> {
    fn tally(&mut self, time: Option<Timestamp>) -> Option<&mut Tally> {
        let index = self.windows.iter().position(|window| window.holds(time))?;
        self.tallies.get_mut(index)
    }
}

impl Sink for Counter<'_> {
    fn collect(&mut self, event: &Event<'_>) {
        if event.is_doubtful || !self.read.keeps(event) {
            return;
        }
        let zone = &self.read.zone.zone;
        let time = event.time().map(|time| zone.instant(time).0);
        let known = &event.known;
        let (severity, signature, level) = (known.severity, known.signature, event.head.level);
        let Some(tally) = self.tally(time) else {
            return;
        };
        if let Some(level) = level {
            tally.n_by_level[level as usize] += 1;
        }
        if matches!(severity, Severity::Failure | Severity::Warning) {
            let seen = tally.n_by_signature.entry(signature.0);
            seen.or_insert((severity, 0)).1 += 1;
        }
    }

    fn request(&mut self, request: &Request<'_>) {
        if !self.read.plan.engine.filter.is_open() {
            let mut failed = None;
            let outcome = classify_request(request.line, request.escape, |_, verdict| {
                failed = failed.or(verdict);
            });
            let category = outcome.verdict.or(failed).map(|verdict| verdict.category);
            if !self.read.keeps_request(request, category) {
                return;
            }
        }
        let (status, time) = (request.status, request.end.map(|end| end.second));
        let Some(index) = self.windows.iter().position(|window| window.holds(time)) else {
            return;
        };
        let tally = &mut self.tallies[index];
        if let Some(status) = status {
            *tally.n_by_status.entry(status).or_default() += 1;
        }
        if let (_, Some(uri)) = request.method_and_uri() {
            self.route.clear();
            write_route(uri, &mut self.route);
            let request_ms = request.line.value(Field::RequestTime);
            let request_ms = request_ms.and_then(value::duration_ms);
            tally.routes.collect(None, Some(&self.route), 0, |cell, _| {
                let counted = RouteRequest {
                    status: status.unwrap_or(0),
                    has_upstream: false, // not looked at here
                    request_ms,
                };
                cell.collect(counted, request.evidence);
                None
            });
        }
    }
}
