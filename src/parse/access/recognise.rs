//! Which formats the lines of a source are in.

use super::{
    builtin,
    field::{AccessLine, Field, FieldSet},
    format::LogFormat,
    formats::{Formats, How, Reader},
};
use std::fmt;

/// Of so many lines one may fit no format.
const MISFITS_ONE_IN: usize = 100;

/// Formats of one source: servers that share a file.
const FORMATS_MAX: usize = 4;

/// Sample lines that a refusal shows.
const SAMPLES: usize = 3;

/// Why no formats are known for the lines of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The format that fits most lines, with how many those are.
    pub nearest: Option<(String, usize)>,
    pub n_lines: usize,
    /// The first lines that do not fit, and why; hostile bytes.
    pub samples: Vec<(Vec<u8>, String)>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nearest {
            Some((name, n)) => write!(
                f,
                "the format nearest to its lines, {name}, fits {n} of {}",
                self.n_lines
            )?,
            None => write!(f, "no known format fits any of {} lines", self.n_lines)?,
        }
        for (line, why) in &self.samples {
            let line = String::from_utf8_lossy(line);
            write!(f, "; {why} in `{}`", line.escape_debug())?;
        }
        f.write_str("; give --log-format or --nginx-config")
    }
}

/// The formats of `lines`, each of which is a line without its end: `given` ones if they fit, else those that are built in. They cut
/// `wanted` out.
pub fn recognise(
    lines: &[&[u8]],
    given: &[LogFormat],
    wanted: FieldSet,
) -> Result<Formats, Refusal> {
    let refusal = match cover(lines, given) {
        Ok(formats) => return Ok(readers(&formats, wanted)),
        Err(refusal) => refusal,
    };
    match cover(lines, &builtin::recognisable()) {
        Ok(formats) => Ok(readers(&formats, wanted)),
        Err(other) if given.is_empty() => Err(other),
        Err(_) => Err(refusal),
    }
}

fn readers(formats: &[LogFormat], wanted: FieldSet) -> Formats {
    let reader = |format: &LogFormat| Reader {
        name: format.name().to_owned(),
        escape: format.escape(),
        tells: format.tells(),
        how: How::Text(format.cutter(wanted)),
    };
    Formats::new(formats.iter().map(reader).collect())
}

/// The fewest of `candidates` that fit all but a hundredth of `lines`, the one that fits most first.
fn cover(lines: &[&[u8]], candidates: &[LogFormat]) -> Result<Vec<LogFormat>, Refusal> {
    let mut chosen: Vec<LogFormat> = Vec::new();
    let mut rest = lines.to_vec();
    while rest.len() * MISFITS_ONE_IN > lines.len() && chosen.len() < FORMATS_MAX {
        let fits = |format: &LogFormat| -> Vec<bool> {
            let cutter = format.cutter(FieldSet::ALL);
            let fit = |line: &&[u8]| is_request(&cutter, line);
            rest.iter().map(fit).collect()
        };
        let n_of = |fits: &[bool]| fits.iter().filter(|fit| **fit).count();
        let all = candidates.iter().map(|format| (format, fits(format)));
        // Of equals the first: candidates come by how much they ask of a line.
        let best = all.reduce(|best, next| {
            if n_of(&next.1) > n_of(&best.1) {
                next
            } else {
                best
            }
        });
        let Some((format, fits)) = best.filter(|(_, fits)| n_of(fits) > 0) else {
            break;
        };
        let mut fits = fits.into_iter();
        rest.retain(|_| !fits.next().unwrap_or(false));
        chosen.push(format.clone());
    }
    if !chosen.is_empty() && rest.len() * MISFITS_ONE_IN <= lines.len() {
        return Ok(chosen);
    }
    let nearest = chosen.first();
    let why = |line: &&[u8]| {
        let mismatch = nearest.and_then(|format| format.mismatch(line));
        mismatch.map_or_else(
            || "no format fits".to_owned(),
            |mismatch| format!("not {} at byte {}", mismatch.expected, mismatch.at_byte),
        )
    };
    let shown = |line: &&[u8]| line[..line.len().min(200)].to_vec();
    Err(Refusal {
        nearest: nearest.map(|format| (format.name().to_owned(), lines.len() - rest.len())),
        n_lines: lines.len(),
        samples: rest
            .iter()
            .take(SAMPLES)
            .map(|line| (shown(line), why(line)))
            .collect(),
    })
}

fn is_request(cutter: &super::Cutter, line: &[u8]) -> bool {
    let mut fields = AccessLine::default();
    cutter.cut(line, &mut fields).is_ok()
        && fields
            .value(Field::Status)
            .is_none_or(|status| super::value::status(status).is_some())
}
