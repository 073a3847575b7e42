//! The tables that `coroner export` writes: where to, and their rows.

use super::{
    args::ExportArgs,
    message::Failure,
    progress,
    read::{Read, expected},
};
use crate::{
    classify::classify_request,
    diagnose::{self, Placed},
    engine,
    error::Error,
    event::{Basis, Timestamp, Trust},
    export::{self, Format, Names, NewDirectories, Output, Sheet, Table, Target, rows, schema},
    scan::{Event, Request, Sink},
    text,
};
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// What to write where: opened before anything is read.
pub(super) fn open_outputs(
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

/// Writes one table, which has no name yet; gives it back with what could not be read for it.
pub(super) fn write_table(
    read: &Read,
    args: &ExportArgs,
    table: &'static Table,
    format: Format,
    mut output: Output,
) -> Result<(Output, Vec<Error>), Failure> {
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
    let names = Names::new(&read.scanned, &read.plan.redactor);
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
        "findings" => {
            let mut sheet = sheet();
            let diagnosed = read.diagnosed();
            let findings = diagnose::findings::findings(&read.facts(&diagnosed));
            for (rank, finding) in (1..).zip(findings) {
                rows::finding(rank, &finding, &names, read.config.as_ref(), &mut sheet);
            }
            take(sheet)?;
        }
        "sources" => {
            let mut sheet = sheet();
            rows::sources(&read.scanned, &read.account, &names, &read.zone, &mut sheet);
            take(sheet)?;
        }
        "traffic" => {
            let groups: Vec<&[diagnose::Traffic]> =
                read.placed.traffic.chunks(ROWS_AT_A_TIME).collect();
            let make = |group: &&[diagnose::Traffic]| {
                let mut sheet = sheet();
                group
                    .iter()
                    .for_each(|row| rows::traffic(row, &names, &mut sheet));
                sheet
            };
            engine::in_order(read.plan.engine.n_threads, &groups, make, take)?;
        }
        _ => {
            let upstreams = diagnose::Names::of(&read.placed);
            let make = || Rows {
                read,
                names: &names,
                upstreams: &upstreams,
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
    Ok((output, missed))
}

/// Makes rows of `events` or `requests` of what a second reading finds.
struct Rows<'a> {
    read: &'a Read,
    names: &'a Names<'a>,
    /// Those that records may have lost.
    upstreams: &'a diagnose::Names,
    is_of_events: bool,
    all_requests: bool,
    sheet: Sheet,
}

impl Rows<'_> {
    /// The upstream that a record was cut before, as the access log tells.
    #[cold]
    fn lost_upstream(&self, event: &Event<'_>) -> Option<Arc<[u8]>> {
        let upstream = self.read.case().repaired(&event.evidence)?;
        self.upstreams.of_hash(upstream)
    }

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
            let lost = match (event.known.upstream, event.trust) {
                (None, Trust::Cut) => self.lost_upstream(event),
                _ => None,
            };
            let own = event.known.upstream.map(|name| (name, Basis::ErrorLog));
            let upstream = own.or(lost.as_deref().map(|name| (name, Basis::AccessLog)));
            rows::event(event, upstream, zone, self.names, &mut self.sheet);
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
