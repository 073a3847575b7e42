//! A `log_format` as pieces: literal text and variables, with what each variable tells and what its values look like.
//!
//! The grammar is that of `ngx_http_log_compile_format` (`ngx_http_log_module.c`): `$name`, `${name}`, anything else is literal.
//! Which byte of a line belongs to which variable is not decided here but in [`step`](super::step).

use super::{
    class::Class,
    cut::{Cutter, Failure},
    field::{Escape, Field, FieldSet, Misfit},
    variable,
};
use std::fmt;

/// Variables of one format: nginx itself knows about 200, and each costs memory on the stack.
pub const VARIABLES_MAX: usize = 128;

/// A compiled `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    name: String,
    escape: Escape,
    body: Vec<u8>,
    /// The text before the first variable.
    pub(super) head: Vec<u8>,
    pub(super) parts: Vec<Part>,
}

/// A variable and the text behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Without `$`; of several that touch and tell nothing, all.
    pub(super) variable: String,
    pub(super) tells: Option<Field>,
    pub(super) class: Class,
    /// See [`Known::is_custom`](variable::Known).
    pub(super) is_custom: bool,
    pub(super) literal: Vec<u8>,
}

/// Why a text is no format. Offsets are in bytes, from the start of the text given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// `escape=` names none of `default`, `json` and `none`.
    Escape { word: String },
    /// A quote is never closed.
    Quote { at_byte: usize },
    /// More than [`VARIABLES_MAX`] variables.
    TooLong { n_variables: usize },
    /// `$` or `${` without a name, or `${name` without `}`.
    Variable { at_byte: usize },
    /// Nothing varies.
    NoVariable,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::Escape { word } => {
                write!(f, "`escape={word}` is none of `default`, `json` and `none`")
            }
            FormatError::Quote { at_byte } => {
                write!(f, "the quote at byte {at_byte} is never closed")
            }
            FormatError::TooLong { n_variables } => write!(
                f,
                "{n_variables} variables, and at most {VARIABLES_MAX} can be read"
            ),
            FormatError::Variable { at_byte } => write!(
                f,
                "no variable at byte {at_byte}: `$name` or `${{name}}` of letters, digits and `_`"
            ),
            FormatError::NoVariable => f.write_str("it holds no variable such as `$status`"),
        }
    }
}

impl std::error::Error for FormatError {}

impl LogFormat {
    /// Compiles `body`: the strings of a `log_format` directive, joined, without their quotes and with `\t`, `\"` … replaced.
    pub fn compile(
        name: impl Into<String>,
        escape: Escape,
        body: &[u8],
    ) -> Result<LogFormat, FormatError> {
        let (head, parts) = split(body)?;
        match parts.len() {
            0 => return Err(FormatError::NoVariable),
            n_variables if n_variables > VARIABLES_MAX => {
                return Err(FormatError::TooLong { n_variables });
            }
            _ => {}
        }
        Ok(LogFormat {
            name: name.into(),
            escape,
            body: body.to_vec(),
            head,
            parts: merged(best_only(parts)),
        })
    }

    /// As the configuration or the caller calls it; not unique.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn escape(&self) -> Escape {
        self.escape
    }

    /// The text it was compiled from.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What its lines tell.
    pub fn tells(&self) -> FieldSet {
        self.parts.iter().filter_map(|part| part.tells).collect()
    }

    /// Lines of one record: more than one where the format holds line feeds. Who reads by line cannot read such a format.
    pub fn n_lines(&self) -> usize {
        1 + memchr::memchr_iter(b'\n', &self.body).count()
    }

    /// A reader of `wanted` fields out of its lines.
    pub fn cutter(&self, wanted: FieldSet) -> Cutter {
        Cutter::new(self, wanted)
    }

    /// Where `line` departs from the format, for people: the offset in bytes, and what is expected there. `None`: it fits.
    pub fn mismatch(&self, line: &[u8]) -> Option<Mismatch> {
        let failure = self.cutter(FieldSet::default()).failure(line)?;
        Some(self.described(failure))
    }

    /// Whether the text before the variable that tells `field` ends with a label: `ua="`, `client: `.
    pub(super) fn is_labelled(&self, field: Field) -> bool {
        let at = self.parts.iter().position(|part| part.tells == Some(field));
        let before = match at {
            None => return false,
            Some(0) => &self.head,
            Some(at) => &self.parts[at - 1].literal,
        };
        let before = before
            .strip_suffix(b"\"")
            .unwrap_or(before)
            .trim_ascii_end();
        matches!(before.last(), Some(b'=' | b':'))
    }

    fn described(&self, failure: Failure) -> Mismatch {
        let Failure { misfit, part, at } = failure;
        let literal = |text: &[u8]| {
            format!(
                "`{}`",
                text.escape_ascii().to_string().replace("\\\"", "\"")
            )
        };
        let part = part.map(|part| &self.parts[part]);
        let expected = match (misfit, part) {
            (Misfit::Rest, _) => "the end of the line".to_owned(),
            (Misfit::Ambiguous, _) => "a line that can be read in one way only".to_owned(),
            (_, None) => literal(&self.head),
            (Misfit::Value(_), Some(part)) => {
                format!("{} for `${}`", part.class.in_words(), part.variable)
            }
            (_, Some(part)) if part.literal.is_empty() => {
                format!("the end of the line behind `${}`", part.variable)
            }
            (_, Some(part)) => format!("{} behind `${}`", literal(&part.literal), part.variable),
        };
        Mismatch {
            at_byte: at,
            expected,
        }
    }
}

/// Where a line departs from a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Offset in the line.
    pub at_byte: usize,
    /// What the format has there, in words.
    pub expected: String,
}

/// A variable as found, with how well it tells its field.
type Found = (Part, usize);

/// `body` as the text before its first variable, and its variables.
fn split(body: &[u8]) -> Result<(Vec<u8>, Vec<Found>), FormatError> {
    let mut head = Vec::new();
    let mut parts: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < body.len() {
        if body[at] != b'$' {
            let literal = parts
                .last_mut()
                .map_or(&mut head, |(part, _)| &mut part.literal);
            literal.push(body[at]);
            at += 1;
            continue;
        }
        let is_braced = body.get(at + 1) == Some(&b'{');
        let from = at + 1 + usize::from(is_braced);
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let end = from + body[from..].iter().take_while(is_name).count();
        if end == from || is_braced && body.get(end) != Some(&b'}') {
            return Err(FormatError::Variable { at_byte: at });
        }
        let variable = String::from_utf8_lossy(&body[from..end]).into_owned();
        let known = variable::known(&variable);
        let part = Part {
            tells: known.tells.map(|(field, _)| field),
            class: known.class,
            is_custom: known.is_custom,
            variable,
            literal: Vec::new(),
        };
        parts.push((part, known.tells.map_or(0, |(_, rank)| rank)));
        at = end + usize::from(is_braced);
    }
    Ok((head, parts))
}

/// The same, where only the best of those that tell the same field tells it.
fn best_only(mut parts: Vec<Found>) -> Vec<Part> {
    for field in Field::ALL {
        let telling = |(_, (part, _)): &(usize, &Found)| part.tells == Some(field);
        let best = parts.iter().enumerate().filter(telling);
        let best = best.min_by_key(|(_, (_, rank))| *rank).map(|(at, _)| at);
        for (at, (part, _)) in parts.iter_mut().enumerate() {
            if part.tells == Some(field) && Some(at) != best {
                part.tells = None;
            }
        }
    }
    parts.into_iter().map(|(part, _)| part).collect()
}

/// The same, where texts and words that touch and tell nothing are one: nobody asks where one ends.
fn merged(parts: Vec<Part>) -> Vec<Part> {
    let is_mute = |part: &Part| part.tells.is_none() && !part.class.has_form();
    let mut merged: Vec<Part> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(last) if last.literal.is_empty() && is_mute(last) && is_mute(&part) => {
                last.variable.push('$');
                last.variable.push_str(&part.variable);
                let may_hold_blanks = |part: &Part| part.class == Class::Text && !part.is_custom;
                last.is_custom = !may_hold_blanks(last) && !may_hold_blanks(&part);
                last.class = Class::Text;
                last.literal = part.literal;
            }
            _ => merged.push(part),
        }
    }
    merged
}
