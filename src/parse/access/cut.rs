//! Lines cut by their format, in one pass and without allocation.
//!
//! Whether a line fits does not depend on what is wanted: all of it is looked at, only what is wanted is kept.

use super::{
    class::n_separators,
    field::{AccessLine, Field, FieldSet, Misfit},
    format::LogFormat,
    quick,
    search::{search, values},
    step::{Custom, Literal, Step, Way, steps},
};
use crate::lines::{Quotes, Window, near::find_near};

/// Reads the wanted fields of one format.
#[derive(Clone, Debug)]
pub struct Cutter {
    head: Literal,
    steps: Vec<Step>,
    /// The same for lines in a window.
    quick: Option<quick::Plan>,
    /// The same plan with variables of the configuration as free text; empty where it is the same.
    loose: Vec<Step>,
    /// Wanted, and not told by this format.
    absent: Vec<Field>,
}

/// Where and why a line departs from its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) misfit: Misfit,
    /// The variable that is wrong, or behind which the literal is; `None`: what stands before the first one.
    pub(super) part: Option<usize>,
    /// Offset in the line.
    pub(super) at: usize,
}

impl Cutter {
    pub(super) fn new(format: &LogFormat, wanted: FieldSet) -> Cutter {
        let plan = |custom| {
            let mut steps = steps(format, custom);
            for step in &mut steps {
                step.is_wanted = step.tells.is_some_and(|field| wanted.has(field));
            }
            steps
        };
        let (steps, loose) = (plan(Custom::Word), plan(Custom::Text));
        let ways = |steps: &[Step]| steps.iter().map(|step| step.way).collect::<Vec<_>>();
        let is_same = ways(&steps) == ways(&loose);
        let tells = format.tells();
        let is_absent = |field: &Field| wanted.has(*field) && !tells.has(*field);
        let head = Literal::new(&format.head);
        Cutter {
            quick: quick::Plan::new(&head, &steps),
            head,
            loose: if is_same { Vec::new() } else { loose },
            steps,
            absent: Field::ALL.into_iter().filter(is_absent).collect(),
        }
    }

    /// Sets in `out` what is wanted of `line`, which has no line end: a value, or `None` where the format does not tell. Fields
    /// not wanted stay as they were. Of a line that does not fit, nothing in `out` is to be used.
    #[inline]
    pub fn cut<'a>(&self, line: &'a [u8], out: &mut AccessLine<'a>) -> Result<(), Misfit> {
        for &field in &self.absent {
            out.set(field, None);
        }
        match cut_by(&self.head, &self.steps, line, out) {
            Ok(()) => Ok(()),
            Err(failure) => self.second_try(line, out, failure).map_err(|f| f.misfit),
        }
    }

    /// [`cut`](Self::cut) of the first `len` bytes of `window`, which end where a line does, and whose quotes are listed: quicker.
    /// `out` was empty before the first line, and these were all in this format.
    #[inline]
    pub fn cut_in<'a>(
        &self,
        window: Window<'a>,
        len: usize,
        quotes: &Quotes,
        out: &mut AccessLine<'a>,
    ) -> Result<(), Misfit> {
        let cut = |plan| quick::cut(plan, window, len, quotes, out);
        if self.quick.as_ref().is_some_and(cut) {
            return Ok(());
        }
        self.cut(window.slice(0, len), out)
    }

    /// What each variable of `line` says, told or not: slow. `None`: the line does not fit.
    pub(super) fn values<'a>(&self, line: &'a [u8]) -> Option<Vec<Option<&'a [u8]>>> {
        if !self.head.is_at(line, 0) {
            return None;
        }
        let found = values(&self.steps, line, self.head.len());
        found.or_else(|| values(&self.loose, line, self.head.len()).filter(|all| !all.is_empty()))
    }

    /// What is wrong with `line`.
    pub(super) fn failure(&self, line: &[u8]) -> Option<Failure> {
        let out = &mut AccessLine::default();
        let failure = cut_by(&self.head, &self.steps, line, out).err()?;
        self.second_try(line, out, failure).err()
    }

    #[cold]
    #[inline(never)]
    fn second_try<'a>(
        &self,
        line: &'a [u8],
        out: &mut AccessLine<'a>,
        failure: Failure,
    ) -> Result<(), Failure> {
        if self.loose.is_empty() || failure.misfit == Misfit::Ambiguous {
            return Err(failure);
        }
        cut_by(&self.head, &self.loose, line, out)
    }
}

/// The loop: literal by literal, as long as one look tells where a value ends.
#[inline(always)]
fn cut_by<'a>(
    head: &Literal,
    steps: &[Step],
    line: &'a [u8],
    out: &mut AccessLine<'a>,
) -> Result<(), Failure> {
    if !head.is_at(line, 0) {
        return Err(Failure {
            misfit: Misfit::Literal(0),
            part: None,
            at: 0,
        });
    }
    let mut at = head.len();
    let mut shape = Shape::default();
    for (part, step) in steps.iter().enumerate() {
        if matches!(step.way, Way::Search(_)) {
            return search(steps, part, line, at, shape, out);
        }
        let Some(end) = step.end(line, at) else {
            return Err(no_value(step, part, at));
        };
        if !step.literal.is_at(line, end) {
            return Err(no_literal(step, part, at, end));
        }
        if step.is_open_list && !shape.agrees(&line[at..end]) {
            return Err(ambiguous(part, at));
        }
        if step.is_wanted
            && let Some(field) = step.tells
        {
            out.set(field, Some(&line[at..end]));
        }
        at = end + step.literal.len();
    }
    if at < line.len() {
        return Err(Failure {
            misfit: Misfit::Rest,
            part: Some(steps.len() - 1),
            at,
        });
    }
    Ok(())
}

/// What the lists of one line have in common: all tell of the same attempts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    n_separators: Option<usize>,
}

impl Shape {
    /// Whether `list` has as many elements as those before it.
    #[inline]
    pub(super) fn agrees(&mut self, list: &[u8]) -> bool {
        let is_list = find_near(b' ', list).is_some();
        let n = if is_list { n_separators(list) } else { 0 };
        *self.n_separators.get_or_insert(n) == n
    }
}

#[cold]
pub(super) fn no_value(step: &Step, part: usize, at: usize) -> Failure {
    let has_form = step.class.has_form();
    let misfit = step.tells.filter(|_| has_form).map(Misfit::Value);
    Failure {
        misfit: misfit.unwrap_or(Misfit::Literal(literal_index(part))),
        part: Some(part),
        at,
    }
}

/// The value of `part` is `from..end`, and what must follow does not.
#[cold]
pub(super) fn no_literal(step: &Step, part: usize, from: usize, end: usize) -> Failure {
    // Where its end was reckoned from a byte further on, that is not where a person looks.
    let is_reckoned = matches!(step.way, Way::Stop { back, .. } if back > 0);
    let at = if is_reckoned { from } else { end };
    Failure {
        misfit: Misfit::Literal(literal_index(part)),
        part: Some(part),
        at,
    }
}

#[cold]
pub(super) fn ambiguous(part: usize, at: usize) -> Failure {
    Failure {
        misfit: Misfit::Ambiguous,
        part: Some(part),
        at,
    }
}

fn literal_index(part: usize) -> u16 {
    u16::try_from(part + 1).unwrap_or(u16::MAX)
}
