//! The commands: each resolves its arguments, opens its outputs, scans, and writes.

use super::{
    args::{Args, Command, ExplainArgs, ExportArgs, Generate, ReportArgs},
    evidence,
    message::{Failure, Status, say},
    plan::Plan,
    read::{discover, read},
    spool,
    tables::{open_outputs, write_table},
    whole_lines::whole_lines,
};
use crate::{
    aggregate::Width,
    diagnose::findings,
    engine::Wanted,
    error::Error,
    explain,
    export::{self, Format, Names, NewDirectories, Output, Table, Target, schema},
    input::mmap,
    report, text,
};
use clap::CommandFactory;
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

/// Runs what was asked for; all messages are said.
pub fn run(args: Args) -> Status {
    mmap::spare_address_space();
    #[cfg(unix)]
    super::interrupt::install();
    survive(|| {
        let result = match (args.generate, args.command) {
            (Some(what), _) => generate(what),
            (None, Some(Command::Export(args))) => export(&args),
            (None, Some(Command::Compare(args))) => super::compare::compare(&args),
            (None, Some(Command::Explain(args))) => explain(&args),
            (None, Some(Command::Evidence(args))) => evidence::evidence(&args),
            (None, Some(Command::Report(args))) => report(&args),
            (None, None) => report(&args.report),
        };
        result.unwrap_or_else(|failure| failure.report())
    })
}

/// A mistake of this program behind the scan, where it costs more than a few bytes, leaves no half of an output and says what it is.
fn survive(command: impl FnOnce() -> Status) -> Status {
    std::panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let what = "a mistake of coroner (see above), not of the logs: no output was completed; please report it";
        say("internal error", what);
        Status::NotWritten
    })
}

fn report(args: &ReportArgs) -> Result<Status, Failure> {
    let target = match &args.output {
        Some(path) if path.as_os_str() != "-" => Target::File(path.clone()),
        _ => Target::Stdout,
    };
    let form = report_form(&args.output)?;
    let mut named = discover(&args.input);
    let is_handed_around = !matches!(form, Form::Text);
    let mut plan = Plan::from_args(&args.input, &named.found, None)?;
    plan.incidents = true;
    plan.joins = true;
    plan.findings = true;
    // What is handed around says which files it is about.
    plan.engine.digests = is_handed_around;
    let mut output = Output::open(&target, args.input.force, &named.paths(&plan))?;
    // What is handed around without its logs quotes their lines: those are read once more.
    let _spools = match is_handed_around {
        true => spool::spool_streams(&mut named.found, &args.input)?,
        false => vec![],
    };
    let mut read = read(plan, named, &args.input);
    let diagnosed = read.diagnosed();
    let facts = read.facts(&diagnosed);
    let findings = findings::findings(&facts);
    let checks = findings::checklist(&facts, &findings);
    let (lines, missed) = match is_handed_around {
        true => whole_lines(&read, &findings, args.top),
        false => (BTreeMap::new(), Vec::new()),
    };
    let model = report::model::build(&report::Findings {
        scanned: &read.scanned,
        account: &read.account,
        placed: &read.placed,
        incidents: &read.incidents,
        marks: &read.marks,
        outages: &diagnosed.outages,
        fingerprints: &diagnosed.fingerprints,
        names: &Names::new(&read.scanned, &read.plan.redactor),
        zone: &read.zone,
        config: read.config.as_ref(),
        causes: diagnosed.causes.as_ref(),
        findings: &findings,
        checks: &checks,
        lines: &lines,
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
    read.errors.extend(missed);
    Ok(read.status(args.input.quiet || is_seen(&target)))
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

/// Whether somebody reads it on a terminal as it is written.
pub(super) fn is_seen(target: &Target) -> bool {
    *target == Target::Stdout && io::stdout().is_terminal()
}

/// Whether to colour: as told, else as NO_COLOR, CLICOLOR_FORCE and the terminal say.
pub(super) fn style(color: super::args::Color, target: &Target) -> report::terminal::Style {
    use super::args::Color;
    let is_set =
        |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let colours = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if is_set("NO_COLOR") => false,
        Color::Auto if is_set("CLICOLOR_FORCE") => true,
        Color::Auto if std::env::var_os("TERM").is_some_and(|term| term == "dumb") => false,
        Color::Auto => is_seen(target),
    };
    if colours {
        report::terminal::Style::Colour
    } else {
        report::terminal::Style::Plain
    }
}

/// Columns to fill: those of the terminal between 60 and 200, else 80.
pub(super) fn width(target: &Target) -> usize {
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
        true if has(&schema::FINDINGS) => Wanted::ALL,
        true => counts_of(&outputs, Wanted::COUNTS),
        false if has(&schema::FINDINGS) => Wanted::ALL,
        false => counts_of(&outputs, Wanted::FILTERED_COUNTS),
    };
    plan.engine.digests = has(&schema::SOURCES);
    plan.findings = has(&schema::FINDINGS);
    plan.incidents = has(&schema::INCIDENTS) || plan.findings;
    plan.joins = is_replayed || plan.incidents;
    let mut read = read(plan, named, &args.input);
    let mut written = Vec::with_capacity(outputs.len());
    for (table, format, output) in outputs {
        let (mut output, missed) = write_table(&read, args, table, format, output)?;
        output.sync()?;
        written.push(output);
        read.errors.extend(missed);
    }
    Output::finish_all(written)?;
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
    let redactor = super::plan::redactor(args.redact, args.redact_key.as_deref())?;
    let mut status = Status::Complete;
    for line in &lines {
        match explain::explain(line, &redactor) {
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
                        match redactor.is_open() {
                            true => text::truncated(&text::for_terminal(line), 120),
                            false => "…".to_owned(),
                        }
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

    #[test]
    fn a_panic_elsewhere_leaves_nothing_and_exit_status_3() {
        let directory = tempfile::tempdir().expect("a directory");
        let output = directory.path().join("x.csv");
        let status = survive(|| {
            let target = Target::File(output.clone());
            let written = Output::open(&target, false, &[]).map(|mut output| {
                output.write_all(b"half").expect("written");
                panic!("while writing")
            });
            written.map_or(Status::Unusable, |()| Status::Complete)
        });
        assert_eq!(status, Status::NotWritten);
        let entries = std::fs::read_dir(directory.path()).expect("listed");
        assert_eq!(entries.count(), 0);
    }
}
