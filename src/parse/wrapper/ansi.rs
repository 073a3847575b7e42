//! Terminal colours: `ESC [ digits and ; m`, and `ESC [ … K`, which erases a line (ECMA-48, `SGR` and `EL`).

use super::{Outer, Peeled, Pool};
use memchr::memchr_iter;

/// Bytes of a line in which its first colour must stand: a prefix is coloured, and so is a level.
const WINDOW_LEN: usize = 128;

/// The text without colours; `None` if none stands near its start.
pub(super) fn peel<'a>(text: &'a [u8], pool: &mut Pool<'a>) -> Option<Peeled<'a>> {
    let window = &text[..text.len().min(WINDOW_LEN)];
    memchr_iter(0x1b, window).find(|at| sequence_len(&text[*at..]) > 0)?;
    let out = pool.take()?;
    strip_into(text, out);
    Some(Peeled {
        is_decoded: true,
        ..Peeled::plain(out, Outer::default())
    })
}

/// The text without colours; `None` if none stands near its start.
pub fn without_colours(text: &[u8]) -> Option<Vec<u8>> {
    let mut buffers = [Vec::new()];
    peel(text, &mut Pool(&mut buffers))?;
    let [plain] = buffers;
    Some(plain)
}

/// Appends `text` without its colours to `out`.
fn strip_into(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for at in memchr_iter(0x1b, text) {
        let len = sequence_len(&text[at..]);
        if len > 0 {
            out.extend_from_slice(&text[from..at]);
            from = at + len;
        }
    }
    out.extend_from_slice(&text[from..]);
}

/// Length of the sequence that `text` begins with; 0 if it is none.
fn sequence_len(text: &[u8]) -> usize {
    if !text.starts_with(b"\x1b[") {
        return 0;
    }
    let n_parameters = text[2..]
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b';')
        .count();
    match text.get(2 + n_parameters) {
        Some(b'm' | b'K') => n_parameters + 3,
        _ => 0,
    }
}
