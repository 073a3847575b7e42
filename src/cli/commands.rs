//! The commands: each resolves its arguments, opens its outputs, scans, and writes.

use super::{
    args::{Args, Command, ExplainArgs, ExportArgs, Generate, InputArgs, ReportArgs},
    message::{Failure, Status, say},
    nginx_config,
    plan::Plan,
    progress, spool,
};
use crate::{
    aggregate::{self, Failures, Moments, Width, bucket::Grain},
    classify::{Classifier, classify_request},
    config::Config,
    diagnose::{
        self, Account, Case, Causes, FailTimeouts, Fine, Incidents, Joined, KnownZone, Mark,
        Placed, Spans, join, placed::Counts,
    },
    engine::{self, Scanned, Wanted},
    error::Error,
    event::{Category, Timestamp},
    explain,
    export::{self, Format, Names, NewDirectories, Output, Sheet, Table, Target, rows, schema},
    input::{self, Found, Place},
    progress::Progress,
    report,
    scan::{Event, Request, Sink},
    text,
};
use clap::CommandFactory;
use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Runs what was asked for; all messages are said.
pub fn run(args: Args) -> Status {
    #[cfg(unix)]
    super::interrupt::install();
    let result = match (args.generate, args.command) {
        (Some(what), _) => generate(what),
        (None, Some(Command::Export(args))) => export(&args),
        (None, Some(Command::Explain(args))) => explain(&args),
        (None, Some(Command::Report(args))) => report(&args),
        (None, None) => report(&args.report),
    };
    result.unwrap_or_else(|failure| failure.report())
}

/// Logs that were read, with all that follows from them.
struct Read {
    classifier: Classifier,
    plan: Plan,
    scanned: Scanned,
    account: Account,
    zone: KnownZone,
    /// Failed attempts with the error records that tell why.
    joined: Joined,
    placed: Placed,
    /// None unless the plan asks for them.
    incidents: Incidents,
    marks: Vec<Mark>,
    /// Of the gateway, if there is one.
    config: Option<Config>,
    /// Paths that named nothing.
    errors: Vec<Error>,
}

/// What the user named, and what of it names nothing.
struct Named {
    found: Vec<Found>,
    errors: Vec<Error>,
}

impl Named {
    /// Where an output must not go.
    fn paths(&self, plan: &Plan) -> Vec<PathBuf> {
        let paths = self.found.iter().map(|found| found.name.clone());
        let config = plan.config.iter().flat_map(nginx_config::paths);
        paths.chain(config).collect()
    }
}

fn discover(args: &InputArgs) -> Named {
    let (found, errors) = input::discover(&args.logs);
    Named { found, errors }
}

/// Scans and places; shows how far it is, and says how it went if verbose.
fn read(mut plan: Plan, named: Named, args: &InputArgs) -> Read {
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
    let joined = join(
        scanned.errors.as_slice(),
        scanned.attempts.as_slice(),
        &zone.zone,
        &Spans::of(&scanned.ledgers),
    );
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
fn expected(found: &[Found]) -> Progress {
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
    fn causes(&self) -> Option<Causes> {
        let case = Case {
            errors: self.scanned.errors.as_slice(),
            attempts: self.scanned.attempts.as_slice(),
            joined: &self.joined,
            zone: &self.zone.zone,
        };
        let is_whole = self.plan.engine.filter.is_open() && !case.errors.is_empty();
        (is_whole && !case.attempts.is_empty()).then(|| Causes::of(&case, &self.placed))
    }

    fn keeps_request(&self, request: &Request<'_>, category: Option<Category>) -> bool {
        let filter = &self.plan.engine.filter;
        let index = || self.scanned.index_of(request.evidence.source);
        let machine = || self.scanned.sources[index()].machine.as_deref();
        filter.is_open() || filter.keeps_request(request, category, machine().map(str::as_bytes))
    }

    fn keeps(&self, event: &Event<'_>) -> bool {
        let filter = &self.plan.engine.filter;
        let machine = || {
            let index = self.scanned.index_of(event.evidence.source);
            self.scanned.sources[index].machine.as_deref()
        };
        filter.is_open() || filter.keeps(event, machine().map(str::as_bytes))
    }

    /// Says what went wrong, unless the report itself `is_shown` and says it, and how complete the results are.
    fn status(&self, is_shown: bool) -> Status {
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

fn report(args: &ReportArgs) -> Result<Status, Failure> {
    let target = match &args.output {
        Some(path) if path.as_os_str() != "-" => Target::File(path.clone()),
        _ => Target::Stdout,
    };
    let form = report_form(&args.output)?;
    let named = discover(&args.input);
    let mut plan = Plan::from_args(&args.input, &named.found, None)?;
    plan.incidents = true;
    // A page to hand around says which files it is about.
    plan.engine.digests = matches!(form, Form::Html);
    let mut output = Output::open(&target, args.input.force, &named.paths(&plan))?;
    let read = read(plan, named, &args.input);
    let fail_timeouts = read.config.as_ref().map(FailTimeouts::of);
    let outages = diagnose::outages(&read.marks, &fail_timeouts.unwrap_or_default());
    let causes = read.causes();
    let model = report::model::build(&report::Findings {
        scanned: &read.scanned,
        account: &read.account,
        placed: &read.placed,
        incidents: &read.incidents,
        marks: &read.marks,
        outages: &outages,
        names: &Names::new(&read.scanned),
        zone: &read.zone,
        config: read.config.as_ref(),
        causes: causes.as_ref(),
        n_top: args.top,
    });
    let style = style(args.input.color, &target);
    let written = match form {
        Form::Text => {
            output.write_all(report::terminal::render(&model, style, width(&target)).as_bytes())
        }
        Form::Html => output.write_all(report::html::render(&model).as_bytes()),
        Form::Markdown => output.write_all(report::markdown::render(&model).as_bytes()),
        Form::Json => report::json::write(&model, &mut output),
    };
    written.map_err(|source| export::failed(&output.path(), source))?;
    output.finish()?;
    Ok(read.status(args.input.quiet || target == Target::Stdout))
}

#[derive(Clone, Copy)]
enum Form {
    Text,
    Html,
    Markdown,
    Json,
}

fn report_form(output: &Option<PathBuf>) -> Result<Form, Failure> {
    let Some(path) = output.as_deref().filter(|path| path.as_os_str() != "-") else {
        return Ok(Form::Text);
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt") => Ok(Form::Text),
        Some("html") => Ok(Form::Html),
        Some("md") => Ok(Form::Markdown),
        Some("json") => Ok(Form::Json),
        _ => Err(Failure::Usage(format!(
            "-o {}: a report is a .html, .md, .json or .txt file",
            text::path_for_terminal(path)
        ))),
    }
}

/// Whether to colour: as told, else as NO_COLOR, CLICOLOR_FORCE and the terminal say.
fn style(color: super::args::Color, target: &Target) -> report::terminal::Style {
    use super::args::Color;
    let is_set =
        |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let colours = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if is_set("NO_COLOR") => false,
        Color::Auto if is_set("CLICOLOR_FORCE") => true,
        Color::Auto => *target == Target::Stdout && io::stdout().is_terminal(),
    };
    if colours {
        report::terminal::Style::Colour
    } else {
        report::terminal::Style::Plain
    }
}

/// Columns to fill: those of the terminal between 60 and 200, else 80.
fn width(target: &Target) -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    match columns {
        Some(columns) if *target == Target::Stdout => usize::clamp(columns, 60, 200),
        _ => 80,
    }
}

fn export(args: &ExportArgs) -> Result<Status, Failure> {
    let mut named = discover(&args.input);
    let mut plan = Plan::from_args(&args.input, &named.found, Some(Width::Minute))?;
    // Dropped behind the outputs in it, whatever happens to them.
    let mut made = NewDirectories::default();
    let outputs = open_outputs(args, &named.paths(&plan), &mut made)?;
    let has = |wanted: &Table| {
        outputs
            .iter()
            .any(|(table, ..)| std::ptr::eq(*table, wanted))
    };
    // Events and requests are read in a second pass, once all that decides about them is known; a stream must be kept for it.
    let is_replayed = has(&schema::EVENTS) || has(&schema::REQUESTS);
    let _spools = if is_replayed {
        spool::spool_streams(&mut named.found, &args.input)?
    } else {
        vec![]
    };
    plan.engine.wanted = match plan.engine.filter.is_open() {
        _ if is_replayed => Wanted {
            routes: false,
            ..Wanted::ALL
        },
        true => counts_of(&outputs, Wanted::COUNTS),
        false => counts_of(&outputs, Wanted::FILTERED_COUNTS),
    };
    plan.engine.digests = has(&schema::SOURCES);
    plan.incidents = has(&schema::INCIDENTS);
    let mut read = read(plan, named, &args.input);
    for (table, format, output) in outputs {
        let missed = write_table(&read, args, table, format, output)?;
        read.errors.extend(missed);
    }
    let status = read.status(args.input.quiet);
    // The process ends here: to give back hundreds of thousands of rows one by one would only take time.
    std::mem::forget(read);
    Ok(status)
}

/// What is to be counted for tables that take no second pass: the zone of error logs is of no use to `traffic`.
fn counts_of(outputs: &[(&'static Table, Format, Output)], counts: Wanted) -> Wanted {
    let is_traffic = |table: &Table| std::ptr::eq(table, &schema::TRAFFIC);
    match outputs.iter().all(|(table, ..)| is_traffic(table)) {
        true => counts,
        false => counts.traced(),
    }
}

/// What to write where: opened before anything is read.
fn open_outputs(
    args: &ExportArgs,
    inputs: &[PathBuf],
    made: &mut NewDirectories,
) -> Result<Vec<(&'static Table, Format, Output)>, Failure> {
    let asked = args.format.as_deref().map(|name| {
        Format::from_name(name).ok_or_else(|| {
            Failure::Usage(format!("--format `{name}`: csv, parquet, jsonl or arrow"))
        })
    });
    let asked = asked.transpose()?;
    let directory = args
        .output
        .as_deref()
        .filter(|path| path.to_string_lossy().ends_with('/') || path.is_dir());
    if let Some(directory) = directory {
        let format = asked.unwrap_or(Format::Csv);
        *made = NewDirectories::make(directory).map_err(|source| Error::Write {
            path: directory.to_owned(),
            source,
        })?;
        let open = |table: &'static Table| {
            let path = directory.join(format!("{}.{}", table.name, format.name()));
            Ok((
                table,
                format,
                Output::open(&Target::File(path), args.input.force, inputs)?,
            ))
        };
        return schema::TABLES.into_iter().map(open).collect();
    }
    let table = Table::from_name(&args.table).ok_or_else(|| {
        let names: Vec<&str> = schema::TABLES.iter().map(|table| table.name).collect();
        Failure::Usage(format!(
            "--table `{}`: one of {}",
            args.table,
            names.join(", ")
        ))
    })?;
    let (target, format) = match args
        .output
        .as_deref()
        .filter(|path| path.as_os_str() != "-")
    {
        None => (Target::Stdout, asked.unwrap_or(Format::Csv)),
        Some(path) => {
            let format = asked.or_else(|| Format::of_path(path)).ok_or_else(|| {
                let path = text::path_for_terminal(path);
                Failure::Usage(format!(
                    "-o {path}: name a .csv, .parquet, .jsonl or .arrow file, or give --format"
                ))
            })?;
            (Target::File(path.to_owned()), format)
        }
    };
    Ok(vec![(
        table,
        format,
        Output::open(&target, args.input.force, inputs)?,
    )])
}

/// Rows made and written at a time: few enough to stay in the cache, enough to be written without being copied once more.
const ROWS_AT_A_TIME: usize = 1024;

/// Writes one table; gives back what could not be read for it.
fn write_table(
    read: &Read,
    args: &ExportArgs,
    table: &'static Table,
    format: Format,
    mut output: Output,
) -> Result<Vec<Error>, Failure> {
    let path = output.path();
    let failed = |source| export::failed(&path, source);
    let mut writer = export::writer(table, format, Box::new(&mut output), &path)?;
    // Sheets go round: memory that was just used is near, and new memory has to be cleared first.
    let spares = Mutex::new(Vec::new());
    let spares = || spares.lock().unwrap_or_else(PoisonError::into_inner);
    let sheet = || {
        let spare = spares().pop();
        spare.unwrap_or_else(|| Sheet::new(table, format))
    };
    let mut take = |mut sheet: Sheet| {
        writer.write(&mut sheet).map_err(failed)?;
        spares().push(sheet);
        Ok(())
    };
    let names = Names::new(&read.scanned);
    let zone = &read.zone.zone;
    let mut missed = Vec::new();
    match table.name {
        "failures" => {
            let groups: Vec<&[diagnose::Failure]> =
                read.placed.rows.chunks(ROWS_AT_A_TIME).collect();
            let make = |group: &&[diagnose::Failure]| {
                let mut sheet = sheet();
                group
                    .iter()
                    .for_each(|row| rows::failure(row, &names, &mut sheet));
                sheet
            };
            engine::in_order(read.plan.engine.n_threads, &groups, make, take)?;
        }
        "incidents" => {
            let mut sheet = sheet();
            for incident in &read.incidents.list {
                rows::incident(incident, &names, &mut sheet);
            }
            take(sheet)?;
        }
        "sources" => {
            let mut sheet = sheet();
            rows::sources(&read.scanned, &read.account, &names, zone, &mut sheet);
            take(sheet)?;
        }
        "traffic" => {
            let groups: Vec<&[diagnose::Traffic]> =
                read.placed.traffic.chunks(ROWS_AT_A_TIME).collect();
            let make = |group: &&[diagnose::Traffic]| {
                let mut sheet = sheet();
                group.iter().for_each(|row| rows::traffic(row, &mut sheet));
                sheet
            };
            engine::in_order(read.plan.engine.n_threads, &groups, make, take)?;
        }
        _ => {
            let make = || Rows {
                read,
                names: &names,
                is_of_events: table.name == "events",
                all_requests: args.all_requests,
                sheet: sheet(),
            };
            let progress = Arc::new(expected(&read.scanned.found));
            // Rows on the same terminal would stand in its line.
            let is_seen = path.as_os_str() != "-" || !io::stdout().is_terminal();
            let _shown = is_seen.then(|| progress::show(&args.input, Arc::clone(&progress)));
            missed = engine::replay(
                &read.scanned,
                &read.classifier,
                &read.plan.engine,
                &progress,
                make,
                |rows| take(rows.sheet),
            )?;
        }
    }
    writer.finish().map_err(failed)?;
    output.finish()?;
    Ok(missed)
}

/// Makes rows of `events` or `requests` of what a second reading finds.
struct Rows<'a> {
    read: &'a Read,
    names: &'a Names<'a>,
    is_of_events: bool,
    all_requests: bool,
    sheet: Sheet,
}

impl Rows<'_> {
    /// Whether a time was asked for.
    fn is_asked_for(&self, time: Option<Timestamp>) -> bool {
        let Placed { since, until, .. } = self.read.placed;
        diagnose::placed::is_between(time, since, until)
    }
}

impl Sink for Rows<'_> {
    fn collect(&mut self, event: &Event<'_>) {
        let zone = &self.read.zone.zone;
        let time = || event.time().map(|time| zone.instant(time).0);
        if self.is_of_events && self.read.keeps(event) && self.is_asked_for(time()) {
            rows::event(event, zone, self.names, &mut self.sheet);
        }
    }

    fn request(&mut self, request: &Request<'_>) {
        if self.is_of_events || !self.is_asked_for(request.end.map(|end| end.second)) {
            return;
        }
        let mut failed = None;
        let outcome = classify_request(request.line, request.escape, |_, verdict| {
            failed = failed.or(verdict);
        });
        let Read {
            joined, scanned, ..
        } = self.read;
        let record = joined
            .of_request(&request.evidence, scanned.attempts.as_slice())
            .map(|(error, confidence)| (&scanned.errors.as_slice()[error], confidence));
        let category = match record {
            Some((error, _)) => Some(error.kind.category),
            None => outcome.verdict.or(failed).map(|verdict| verdict.category),
        };
        if (self.all_requests || outcome.is_row()) && self.read.keeps_request(request, category) {
            let record = record.map(|(error, confidence)| (&error.evidence, confidence));
            rows::request(request, category, record, self.names, &mut self.sheet);
        }
    }
}

fn explain(args: &ExplainArgs) -> Result<Status, Failure> {
    let mut output = Output::open(&Target::Stdout, false, &[])?;
    let style = style(args.color, &Target::Stdout);
    let text = args.text.join(" ");
    let lines: Vec<Vec<u8>> = if text == "-" {
        io::read_to_string(io::stdin())
            .map_err(|source| Error::Read {
                path: PathBuf::from("-"),
                offset_bytes: 0,
                source,
            })?
            .lines()
            .map(|line| line.as_bytes().to_vec())
            .collect()
    } else {
        vec![text.into_bytes()]
    };
    let mut status = Status::Complete;
    for line in &lines {
        match explain::explain(line) {
            Some(explanation) => {
                let page = explain::render(
                    &explanation,
                    style == report::terminal::Style::Colour,
                    width(&Target::Stdout),
                );
                output
                    .write_all(page.as_bytes())
                    .map_err(|source| export::failed(Path::new("-"), source))?;
            }
            None => {
                say(
                    "error",
                    &format!(
                        "`{}` is no category or signature, and no message of nginx is recognized in it",
                        text::truncated(&text::for_terminal(line), 120)
                    ),
                );
                status = Status::Unusable;
            }
        }
    }
    output.finish()?;
    Ok(status)
}

fn generate(what: Generate) -> Result<Status, Failure> {
    let mut command = Args::command();
    let mut page = Vec::new();
    match what.shell() {
        Some(shell) => clap_complete::generate(shell, &mut command, "coroner", &mut page),
        None => clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|source| Error::Write {
                path: PathBuf::from("-"),
                source,
            })?,
    }
    let mut output = Output::open(&Target::Stdout, false, &[])?;
    output
        .write_all(&page)
        .map_err(|source| export::failed(Path::new("-"), source))?;
    output.finish()?;
    Ok(Status::Complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn a_panic_on_some_bytes_costs_those_and_exit_status_1() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("error.log");
        let line = "2026/03/01 10:00:00 [error] 7#7: *42 panic while scanning, client: 192.0.2.1\n";
        std::fs::write(&path, line).expect("written");
        let output = directory.path().join("x.csv");
        for table in ["failures", "events"] {
            let arguments = ["coroner", "export", "-q", "--force", "--table", table, "-o"];
            let arguments = arguments.map(PathBuf::from).into_iter();
            let arguments = arguments.chain([output.clone(), path.clone()]);
            let args = Args::try_parse_from(arguments).expect("understood");
            assert_eq!(super::super::run(args), Status::Partial);
            assert!(output.exists());
        }
    }
}
