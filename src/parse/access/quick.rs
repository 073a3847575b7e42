//! The quick way through a line in a window: look by look, each of many bytes at once. What is unusual in any way is left to
//! [`cut`](super::cut), which takes all lines, and says the same of these.

use super::{
    class::{Class, rest_of_numbers},
    cut::Shape,
    field::{AccessLine, Field},
    search::search,
    step::{Literal, Step, Stop, Way},
};
use crate::lines::{Cpu, Quotes, Window, Work, marks::BLOCK_LEN, with_best_cpu};

/// How lines of a format are cut.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    head: Literal,
    looks: Vec<Look>,
    /// Those that they are made of.
    steps: Vec<Step>,
}

/// What tells the end of one variable, and what follows it.
#[derive(Clone, Debug)]
struct Look {
    how: How,
    /// Bytes from the end of the value to what it is found by.
    back: usize,
    /// Where the value goes, see [`AccessLine::put`].
    slot: usize,
    literal: Literal,
    /// See [`Step::is_open_list`].
    is_open_list: bool,
}

#[derive(Clone, Debug)]
enum How {
    /// By the quote with this number, if all before it belong to the literals and no backslash stands before it.
    Quote(usize),
    /// By one of two bytes.
    Either(u8, u8),
    /// By the form of a [`Class::Number`].
    Number,
    /// By the form of [`Class::Numbers`].
    Numbers,
    /// By the form of a [`Class::Status`].
    Status,
    /// By the form of a [`Class::LocalTime`].
    LocalTime,
    /// By the step with this number itself.
    Other(usize),
    /// By trial, like all that follows: the steps from this one on.
    Search(usize),
}

impl Plan {
    /// That for all steps, behind `head`; `None` if a literal holds bytes that end lines.
    pub(super) fn new(head: &Literal, steps: &[Step]) -> Option<Plan> {
        let mut literals = [head]
            .into_iter()
            .chain(steps.iter().map(|step| &step.literal));
        if literals.any(Literal::has_line_end) {
            return None;
        }
        let mut n_quotes = head.n_quotes();
        let look = |(part, step): (usize, &Step)| {
            let look = Look::new(part, step, n_quotes);
            n_quotes += step.literal.n_quotes();
            look
        };
        Some(Plan {
            head: head.clone(),
            looks: steps.iter().enumerate().map(look).collect(),
            steps: steps.to_vec(),
        })
    }
}

impl Look {
    /// That for the step `part`, before whose literal so many quotes stand in others.
    fn new(part: usize, step: &Step, n_quotes: usize) -> Look {
        let (how, back) = match (step.way, step.class) {
            (Way::Search(_), _) => (How::Search(part), 0),
            (Way::Stop { stop, back }, _) => match stop {
                Stop::Quote => (How::Quote(n_quotes), back),
                Stop::Either(a, b) => (How::Either(a, b), back),
                _ => (How::Other(part), 0),
            },
            (Way::Form, Class::Number) => (How::Number, 0),
            (Way::Form, Class::Numbers) => (How::Numbers, 0),
            (Way::Form, Class::Status) => (How::Status, 0),
            (Way::Form, Class::LocalTime) => (How::LocalTime, 0),
            _ => (How::Other(part), 0),
        };
        let field = step.tells.filter(|_| step.is_wanted);
        Look {
            how,
            back,
            slot: field.map_or(Field::ALL.len(), |field| field as usize),
            literal: step.literal.clone(),
            is_open_list: step.is_open_list,
        }
    }
}

/// Cuts the first `len` bytes of `window`, a line that a line end follows; `false` if it is not done, whether the line fits or not.
#[inline(never)] // within the loop over lines it would have no registers left
pub(super) fn cut<'a>(
    plan: &Plan,
    window: Window<'a>,
    len: usize,
    quotes: &Quotes,
    out: &mut AccessLine<'a>,
) -> bool {
    with_best_cpu(Cut {
        plan,
        window,
        len,
        quotes,
        out,
    })
}

struct Cut<'p, 'a> {
    plan: &'p Plan,
    window: Window<'a>,
    len: usize,
    quotes: &'p Quotes,
    out: &'p mut AccessLine<'a>,
}

impl Work for Cut<'_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> bool {
        let Cut {
            plan,
            window,
            len,
            quotes,
            out,
        } = self;
        plan.head.is_in(window, 0) && cut_on(cpu, plan, (window, len), quotes, out)
    }
}

#[inline(always)]
fn cut_on<'a>(
    cpu: impl Cpu,
    plan: &Plan,
    (window, len): (Window<'a>, usize),
    quotes: &Quotes,
    out: &mut AccessLine<'a>,
) -> bool {
    let mut at = plan.head.len();
    let mut shape = Shape::default();
    for look in &plan.looks {
        let found = match &look.how {
            // Where values before it held quotes, it stands before `at`, and the value would end before it begins.
            How::Quote(number) => quotes
                .nth(*number)
                .filter(|&quote| window.byte(quote.wrapping_sub(1)) != b'\\'),
            How::Either(a, b) => find_either(cpu, window, (*a, *b), at, len),
            How::Number => number_end(cpu, window, at),
            How::Numbers => match number_end(cpu, window, at) {
                Some(end) if goes_on(window, end) => {
                    Some(rest_of_numbers(window.slice(0, len), at, end))
                }
                end => end,
            },
            How::Status => (cpu.non_digits(window.bytes(at)) & 0b111 == 0).then_some(at + 3),
            How::LocalTime => is_local_time(cpu, window, at).then_some(at + LOCAL_TIME.len()),
            How::Other(part) => plan.steps[*part].end(window.slice(0, len), at),
            How::Search(part) => {
                return search(&plan.steps, *part, window.slice(0, len), at, shape, out).is_ok();
            }
        };
        let Some(end) = found.and_then(|found| found.checked_sub(look.back)) else {
            return false;
        };
        // Where a line is passed by here, it is not at its end at last.
        if end < at || !look.literal.is_in(window, end) {
            return false;
        }
        let value = window.slice(at, end);
        if look.is_open_list && !shape.agrees(value) {
            return false;
        }
        out.put(look.slot, value);
        at = end + look.literal.len();
    }
    at == len
}

/// The first of two bytes from `from` on; none if the line, of `len` bytes, is over.
#[inline(always)]
fn find_either(
    cpu: impl Cpu,
    window: Window<'_>,
    (a, b): (u8, u8),
    from: usize,
    len: usize,
) -> Option<usize> {
    let mut at = from;
    while at < len {
        let block = window.block(at, 0);
        let found = cpu.equal(block, a) | cpu.equal(block, b);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += BLOCK_LEN;
    }
    None
}

/// Where the number, `-` or nothing that begins at `from` ends; `None` if it is uncommonly long.
#[inline(always)]
fn number_end(cpu: impl Cpu, window: Window<'_>, from: usize) -> Option<usize> {
    const LOOK_LEN: u32 = 32;
    let others = u64::from(cpu.non_digits(window.bytes(from))) | 1 << LOOK_LEN;
    let n_whole = others.trailing_zeros();
    let n_decimals = (others >> n_whole >> 1).trailing_zeros();
    let byte = window.byte(from + n_whole as usize);
    // No branch depends on which it is: of one variable, some values are numbers and some are none.
    let has_decimals = (byte == b'.') & (n_whole > 0) & (n_decimals > 0);
    let is_none = (byte == b'-') & (n_whole == 0);
    let more = if has_decimals {
        1 + n_decimals
    } else {
        u32::from(is_none)
    };
    let len = n_whole + more;
    (len < LOOK_LEN).then_some(from + len as usize)
}

/// Whether a list may go on behind an element that ends at `end`.
#[inline(always)]
fn goes_on(window: Window<'_>, end: usize) -> bool {
    let [byte, next] = *window.bytes(end);
    (byte == b',') | ((byte == b' ') & (next == b':'))
}

/// A `0` stands for any digit, an `a` for any letter, and the `+` for either sign.
const LOCAL_TIME: &[u8; 26] = b"00/aaa/0000:00:00:00 +0000";

/// Its bytes that stand in every time, those that are no digits, and all of them, bit by bit.
const SAME: u64 = bits(b"/: ");
const NO_DIGITS: u32 = !(bits(b"0") as u32) & ALL;
const ALL: u32 = (1 << LOCAL_TIME.len()) - 1;

/// A bit for each byte of [`LOCAL_TIME`] that is one of `bytes`.
const fn bits(bytes: &[u8]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < LOCAL_TIME.len() {
        let mut nth = 0;
        while nth < bytes.len() {
            if LOCAL_TIME[at] == bytes[nth] {
                bits |= 1 << at;
            }
            nth += 1;
        }
        at += 1;
    }
    bits
}

/// Like [`Class::LocalTime`].
#[inline(always)]
fn is_local_time(cpu: impl Cpu, window: Window<'_>, at: usize) -> bool {
    const BLOCK: [u8; BLOCK_LEN] = {
        let mut block = [0; BLOCK_LEN];
        let mut at = 0;
        while at < LOCAL_TIME.len() {
            block[at] = LOCAL_TIME[at];
            at += 1;
        }
        block
    };
    let [a, b, c] = *window.bytes(at + 3);
    let are_letters = a.is_ascii_alphabetic() & b.is_ascii_alphabetic() & c.is_ascii_alphabetic();
    let sign = window.byte(at + 21);
    (cpu.differs(window.block(at, 0), &BLOCK) & SAME == 0)
        & (cpu.non_digits(window.bytes(at)) & ALL == NO_DIGITS)
        & are_letters
        & matches!(sign, b'+' | b'-')
}
