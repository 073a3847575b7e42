//! Exhibits as text: a line that says where and what, then the lines of the record.

use super::{find::Exhibit, id::PlaceId, look::Known};
use crate::{event::Phase, redact::Shown};
use std::io::{self, Write};

/// How the lines of logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// For people: no byte that could do harm, colours or none.
    Harmless { is_coloured: bool },
    /// As they stand in the decoded stream, below a line that says where.
    Exact,
    /// Nothing but their bytes.
    Raw,
}

/// Writes `exhibit`; `is_first`: no other came before.
pub fn write(
    exhibit: &Exhibit,
    manner: Manner,
    is_first: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let has_context = !exhibit.before.is_empty() || !exhibit.after.is_empty();
    if manner != Manner::Raw {
        if !is_first {
            writeln!(out)?;
        }
        let (bold, end) = match manner {
            Manner::Harmless { is_coloured: true } => ("\x1b[1m", "\x1b[0m"),
            _ => ("", ""),
        };
        writeln!(out, "{bold}{}{end}  {}", place(exhibit), what(exhibit))?;
    }
    let record = exhibit.record.iter().map(|line| (line, "> "));
    let before = exhibit.before.iter().map(|line| (line, "  "));
    let after = exhibit.after.iter().map(|line| (line, "  "));
    for (line, mark) in before.chain(record).chain(after) {
        match manner {
            Manner::Raw => out.write_all(line.bytes())?,
            Manner::Exact => {
                out.write_all(if has_context { mark.as_bytes() } else { b"" })?;
                out.write_all(line.bytes())?;
            }
            Manner::Harmless { .. } => {
                let text = line.without_end().for_terminal();
                let mark = if has_context { mark } else { "" };
                writeln!(out, "{mark}{text}")?;
                continue;
            }
        }
        if !line.bytes().ends_with(b"\n") {
            writeln!(out)?; // the last line of a source may lack its end
        }
    }
    Ok(())
}

/// A place that was asked for, as it is written.
pub fn id(place: &PlaceId) -> String {
    let line = place
        .line
        .map_or_else(String::new, |line| format!(":{line}"));
    let offset = place
        .offset
        .map_or_else(String::new, |offset| format!("@{offset}"));
    format!("{}{line}{offset}", place.source)
}

/// `error.log:2043@318765`
fn place(exhibit: &Exhibit) -> String {
    let source = exhibit.source.for_terminal();
    match exhibit.line {
        Some(line) => format!("{source}:{line}@{}", exhibit.offset),
        None => format!("{source}@{}", exhibit.offset),
    }
}

/// `refused, phase connect, at 10.0.0.3:8080, confirmed (http-connect)`
fn what(exhibit: &Exhibit) -> String {
    let Some(known) = &exhibit.known else {
        return "no record: it belongs to the one before, or could not be parsed".to_owned();
    };
    let Known {
        category,
        phase,
        upstream,
        signature,
        trust,
        status,
    } = known;
    let mut parts: Vec<String> = Vec::new();
    parts.extend(status.map(|status| format!("request answered {status:03}")));
    parts.extend(category.map(|category| category.name().to_owned()));
    let phase = phase.filter(|phase| *phase != Phase::None);
    parts.extend(phase.map(|phase| format!("phase {}", phase.name())));
    let upstream = upstream.as_ref().map(Shown::for_terminal);
    parts.extend(upstream.map(|upstream| format!("at {upstream}")));
    parts.extend(trust.map(|trust| trust.name().to_owned()));
    let signature = signature.map_or_else(String::new, |id| format!(" ({id})"));
    format!("{}{signature}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;

    fn written(manner: Manner) -> String {
        let line = |line: &[u8]| {
            let shown = Redactor::open();
            shown.line(line, || Shown::word("")).into_owned()
        };
        let exhibit = Exhibit {
            order: 0,
            source: line(b"a\x1b.log"),
            line: Some(2),
            offset: 7,
            known: None,
            before: vec![line(b"before\n")],
            record: vec![line(b"x\x1b[31m\xe2\x80\xae\r\n")],
            after: vec![],
            doubt: None,
        };
        let mut out = Vec::new();
        write(&exhibit, manner, true, &mut out).expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_terminal_gets_no_byte_that_could_do_harm() {
        let is_coloured = false;
        let text = written(Manner::Harmless { is_coloured });
        assert!(text.starts_with("a\\x1b.log:2@7  no record: "), "{text}");
        assert!(
            text.ends_with("\n  before\n> x\\x1b[31m\\u{202e}\n"),
            "{text}"
        );
        assert!(!text.contains('\x1b'));
        // A pipe gets what stands there, and with --raw nothing else.
        let text = written(Manner::Exact);
        assert!(
            text.ends_with("\n  before\n> x\x1b[31m\u{202e}\r\n"),
            "{text}"
        );
        assert_eq!(written(Manner::Raw), "before\nx\x1b[31m\u{202e}\r\n");
    }
}
