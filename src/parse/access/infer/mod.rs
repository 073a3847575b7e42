//! The format of a source, told from some of its lines.
//!
//! Formats given by the user or the configuration come first, then those known by name, then what the lines themselves show. All
//! are proven the same way: a line fits or it does not. One file may hold lines of several formats, each of which takes its
//! share. What fits less than 99 lines of a hundred is refused, with three of the lines that do not fit.
//!
//! Nothing is guessed: a column that could be two things stays unknown, and a format that tells neither time nor outcome is none.
//!
//! Equal samples give equal answers. At most [`LINES_MAX`] lines are looked at.

mod label;
mod meaning;
mod shape;
mod template;

use self::{meaning::Words, shape::Facts, template::Template};
use super::{
    builtin::recognisable,
    field::{AccessLine, Field, FieldSet},
    format::{LogFormat, Mismatch},
};
use crate::parse::head::is_head;
use std::fmt;

/// Lines looked at: of more, each n-th.
pub const LINES_MAX: usize = 4_000;

/// Lines that templates are made of: the more, the rarer the kind of line that is met.
const TEMPLATES_MAX: usize = 24;

/// Lines whose values are weighed to find what a column means.
const WEIGHED_MAX: usize = 400;

/// Formats that one source can hold.
const FORMATS_MAX: usize = 6;

/// How a format was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The user or a configuration gave it.
    Given,
    /// It is one of [`BUILTINS`](super::builtin::BUILTINS).
    Known,
    /// The lines show it.
    Derived,
}

/// The formats of a source.
#[derive(Clone, Debug)]
pub struct Inference {
    /// In the order in which they are to be tried, with how each was found.
    pub formats: Vec<(LogFormat, Basis)>,
    /// Lines looked at: without empty ones, comments and records of an error log.
    pub n_lines: usize,
    /// Lines of those that fit one of the formats: at least 99 %.
    pub n_fitting: usize,
}

/// Why the format of a source is not known.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Lines looked at: without empty ones, comments and records of an error log.
    pub n_lines: usize,
    /// Lines of those that fit a format.
    pub n_fitting: usize,
    /// At most three of those that do not: the first, the middle one, the last.
    pub samples: Vec<Sample>,
}

/// A line that fits no format.
#[derive(Clone, Debug)]
pub struct Sample {
    pub line: Vec<u8>,
    /// The format that fits its longest beginning: its name, and where it ends to fit.
    pub nearest: Option<(String, Mismatch)>,
}

/// Bytes of a line that a refusal shows.
const SHOWN_LEN: usize = 2048;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no known format fits, and none can be told from the lines ({} of {} fit)",
            self.n_fitting, self.n_lines
        )?;
        for sample in &self.samples {
            let shown = &sample.line[..sample.line.len().min(SHOWN_LEN)];
            let is_whole = shown.len() == sample.line.len();
            let rest = if is_whole { "" } else { "…" };
            write!(f, "\n  {}{rest}", String::from_utf8_lossy(shown))?;
            if let Some((name, mismatch)) = &sample.nearest {
                write!(
                    f,
                    "\n    at byte {}, format `{name}` has {}",
                    mismatch.at_byte, mismatch.expected
                )?;
            }
        }
        Ok(())
    }
}

/// Tells the format of `lines`, which are whole and have no line ends. `given` formats are tried first.
pub fn infer(lines: &[&[u8]], given: &[LogFormat]) -> Result<Inference, Refusal> {
    infer_with(lines, given, &recognisable())
}

/// The same with a table of `known` formats.
pub fn infer_with(
    lines: &[&[u8]],
    given: &[LogFormat],
    known: &[LogFormat],
) -> Result<Inference, Refusal> {
    let mut cover = Cover::new(lines);
    for format in given.iter().filter(|format| format.n_lines() == 1) {
        cover.take(format, Basis::Given);
    }
    while cover.is_open() {
        let some = thinned(&cover.left, WEIGHED_MAX);
        let fits = |format: &LogFormat| match n_fitting(format, &some) {
            0 => 0,
            n if is_believable(format, &some) => n,
            _ => 0,
        };
        // Of equals the first: `max_by_key` gives the last.
        let best = known.iter().rev().max_by_key(|format| fits(format));
        if !best.is_some_and(|format| fits(format) > 0 && cover.take(format, Basis::Known)) {
            break;
        }
    }
    while cover.is_open() {
        let derived = derived(&cover.left);
        if !derived.is_some_and(|format| cover.take(&format, Basis::Derived)) {
            break;
        }
    }
    cover.finish(given, known)
}

/// Lines, and the formats that account for them.
struct Cover<'a> {
    n_lines: usize,
    left: Vec<&'a [u8]>,
    formats: Vec<(LogFormat, Basis)>,
}

impl<'a> Cover<'a> {
    fn new(lines: &[&'a [u8]]) -> Cover<'a> {
        let is_access = |line: &&&[u8]| {
            let is_comment = line.first() == Some(&b'#');
            !line.trim_ascii().is_empty() && !is_comment && !is_head(line)
        };
        let lines: Vec<&[u8]> = lines.iter().filter(is_access).copied().collect();
        let left = thinned(&lines, LINES_MAX);
        Cover {
            n_lines: left.len(),
            left,
            formats: Vec::new(),
        }
    }

    /// Whether more than one line of a hundred fits no format yet, and another format may be added.
    fn is_open(&self) -> bool {
        self.left.len() * 100 > self.n_lines && self.formats.len() < FORMATS_MAX
    }

    /// Adds `format`, if it accounts for a line of a hundred that no other does.
    fn take(&mut self, format: &LogFormat, basis: Basis) -> bool {
        let n_before = self.left.len();
        let cutter = format.cutter(FieldSet::default());
        let mut out = AccessLine::default();
        let n_fitting = n_fitting(format, &self.left);
        if n_fitting == 0 || n_fitting * 100 < self.n_lines {
            return false;
        }
        self.left.retain(|line| cutter.cut(line, &mut out).is_err());
        self.formats.push((format.clone(), basis));
        self.left.len() < n_before
    }

    fn finish(self, given: &[LogFormat], known: &[LogFormat]) -> Result<Inference, Refusal> {
        let n_fitting = self.n_lines - self.left.len();
        if self.n_lines > 0 && self.left.len() * 100 <= self.n_lines {
            return Ok(Inference {
                formats: self.formats,
                n_lines: self.n_lines,
                n_fitting,
            });
        }
        let last = self.left.len().saturating_sub(1);
        let mut shown = vec![0, last / 2, last];
        shown.dedup();
        let found = self.formats.iter().map(|(format, _)| format);
        // Who gave a format wants to know what is wrong with it, not which other one gets further.
        let formats: Vec<&LogFormat> = match given {
            [] => found.chain(known).collect(),
            given => given.iter().collect(),
        };
        let sample = |at: usize| {
            let line = self.left.get(at)?.to_vec();
            let nearest = nearest(&line, &formats);
            Some(Sample { line, nearest })
        };
        Err(Refusal {
            n_lines: self.n_lines,
            n_fitting,
            samples: shown.into_iter().filter_map(sample).collect(),
        })
    }
}

/// At most `n_max` of `lines`, evenly spread.
fn thinned<'a>(lines: &[&'a [u8]], n_max: usize) -> Vec<&'a [u8]> {
    let step = lines.len().div_ceil(n_max).max(1);
    lines.iter().step_by(step).copied().collect()
}

fn n_fitting(format: &LogFormat, lines: &[&[u8]]) -> usize {
    let cutter = format.cutter(FieldSet::default());
    let fits = |line: &&&[u8]| cutter.cut(line, &mut AccessLine::default()).is_ok();
    lines.iter().filter(fits).count()
}

/// The format that gets furthest in `line`; of equals the first.
fn nearest(line: &[u8], formats: &[&LogFormat]) -> Option<(String, Mismatch)> {
    let mismatches = formats.iter().rev().filter_map(|format| {
        let mismatch = format.mismatch(line)?;
        Some((format.name().to_owned(), mismatch))
    });
    mismatches.max_by_key(|(_, mismatch)| mismatch.at_byte)
}

/// Whether what a known format tells looks like it, where other formats write lines that fit.
fn is_believable(format: &LogFormat, lines: &[&[u8]]) -> bool {
    let cutter = format.cutter(FieldSet::ALL);
    let mut facts = [Facts::default(); Field::ALL.len()];
    let mut out = AccessLine::default();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if cutter.cut(line, &mut out).is_ok() {
            for field in Field::ALL {
                if let Some(value) = out.get(field) {
                    facts[field as usize].add(value, None);
                }
            }
        }
    }
    let of = |field: Field| &facts[field as usize];
    let (peers, time, status) = (
        of(Field::UpstreamAddr),
        of(Field::RequestTime),
        of(Field::Status),
    );
    // A last quoted address may be the client's; a long format is no accident.
    let are_upstreams = format.is_labelled(Field::UpstreamAddr)
        || peers.n == 0
        || peers.n_addresses == 0 && (peers.n_peers > 0 || format.parts.len() >= 12);
    let is_time = time.n_seconds * 100 >= time.n * 99 || format.is_labelled(Field::RequestTime);
    are_upstreams && is_time && status.n_statuses * 100 >= status.n * 90
}

/// The format that `lines` show, if one tells enough: the one that fits the most of them.
fn derived(lines: &[&[u8]]) -> Option<LogFormat> {
    let mut best: Option<(usize, LogFormat)> = None;
    let step = lines.len().div_ceil(TEMPLATES_MAX).max(1);
    for line in lines.iter().step_by(step) {
        if best
            .as_ref()
            .is_some_and(|(_, best)| n_fitting(best, &[line]) > 0)
        {
            continue; // it would hardly show another one
        }
        let Some((n, format)) = derived_from(line, lines) else {
            continue;
        };
        if best.as_ref().is_none_or(|(n_best, _)| n > *n_best) {
            best = Some((n, format));
        }
    }
    best.map(|(_, format)| format)
}

/// The format that `line` shows, and how many of `lines` fit it.
fn derived_from(line: &[u8], lines: &[&[u8]]) -> Option<(usize, LogFormat)> {
    let template = template::template(line)?;
    let strict = derived_by(&template, Words::Words, lines);
    if strict.as_ref().is_some_and(|(n, _)| *n == lines.len()) {
        return strict;
    }
    let loose = derived_by(&template, Words::Texts, lines);
    // Of equals the strict one: `max_by_key` gives the last.
    [loose, strict]
        .into_iter()
        .flatten()
        .max_by_key(|(n, _)| *n)
}

fn derived_by(template: &Template, words: Words, lines: &[&[u8]]) -> Option<(usize, LogFormat)> {
    let unnamed = vec![None; template.columns.len()];
    let loose = meaning::named(template, &unnamed, words).ok()?;
    let n_loose = n_fitting(&loose, lines);
    let cutter = loose.cutter(FieldSet::default());
    let weighed = thinned(lines, WEIGHED_MAX);
    let values: Vec<_> = weighed
        .iter()
        .filter_map(|line| cutter.values(line))
        .collect();
    if values
        .iter()
        .any(|values| values.len() != template.columns.len())
    {
        return None; // values that touch were taken together
    }
    let fields = meaning::fields(template, &values);
    let format = meaning::named(template, &fields, words).ok()?;
    let n = n_fitting(&format, lines);
    let tells = format.tells();
    let has_outcome = [Field::Status, Field::UpstreamStatus, Field::UpstreamAddr];
    let is_enough = tells.has(Field::Time) && has_outcome.iter().any(|field| tells.has(*field));
    (is_enough && n > 0 && n * 100 >= n_loose * 99).then_some((n, format))
}
