//! Runs of NULs: the holes that `copytruncate` leaves before a writer that does not append, and that a crash leaves in a file whose
//! length was on disk before its content.
//!
//! A short one belongs to the line it stands in. One longer than a line may be begins a line of its own, wherever it stands, so that
//! what comes behind it is read though nothing else parts it from what came before. In a line that is longer than that without it, one
//! of more than [`HOLE_LEN`] does: else what comes behind would not be looked at.

use std::ops::Range;

/// See the module: a page of memory, of which holes are made.
pub const HOLE_LEN: usize = 4096;

/// How many NULs `bytes` begin with.
pub fn leading_nuls(bytes: &[u8]) -> usize {
    let (pieces, _) = bytes.as_chunks::<64>();
    let is_nul = |piece: &&[u8; 64]| piece.iter().fold(0, |all, byte| all | byte) == 0;
    let n = pieces.iter().take_while(is_nul).count() * 64;
    n + bytes[n..].iter().take_while(|&&byte| byte == 0).count()
}

/// How many NULs `bytes` end with.
pub fn trailing_nuls(bytes: &[u8]) -> usize {
    let (_, pieces) = bytes.as_rchunks::<64>();
    let is_nul = |piece: &&[u8; 64]| piece.iter().fold(0, |all, byte| all | byte) == 0;
    let n = pieces.iter().rev().take_while(is_nul).count() * 64;
    let rest = &bytes[..bytes.len() - n];
    n + rest.iter().rev().take_while(|&&byte| byte == 0).count()
}

/// The first run of more than `len` NULs. Looks at few bytes where there are none.
pub fn find_nuls(bytes: &[u8], len: usize) -> Option<Range<usize>> {
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == 0 {
            let start = at - trailing_nuls(&bytes[..at]);
            let end = at + leading_nuls(&bytes[at..]);
            if end - start > len {
                return Some(start..end);
            }
            at = end;
        }
        // Any such run holds a byte at one of these.
        at += len.max(1);
    }
    None
}

/// The runs of more than `len` NULs that `holes` are part of, which are known to be NULs, ascending and apart, and need not be
/// looked at.
pub fn runs_around(bytes: &[u8], holes: &[Range<usize>], len: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut holes = holes.iter().peekable();
    while let Some(hole) = holes.next() {
        let from = runs.last().map_or(0, |run| run.end);
        let start = hole.start - trailing_nuls(&bytes[from..hole.start]);
        let mut end = hole.end + leading_nuls(&bytes[hole.end..next_start(&mut holes, bytes)]);
        while let Some(next) = holes.next_if(|next| next.start == end) {
            end = next.end + leading_nuls(&bytes[next.end..next_start(&mut holes, bytes)]);
        }
        if end - start > len {
            runs.push(start..end);
        }
    }
    runs
}

/// Where the next hole begins, or the bytes end.
fn next_start<'h>(
    holes: &mut std::iter::Peekable<impl Iterator<Item = &'h Range<usize>>>,
    bytes: &[u8],
) -> usize {
    holes.peek().map_or(bytes.len(), |next| next.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All runs of more than `len` NULs, the slow way.
    fn runs(bytes: &[u8], len: usize) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let n = bytes[at..].iter().take_while(|&&byte| byte == 0).count();
            if n > len {
                runs.push(at..at + n);
            }
            at += n.max(1);
        }
        runs
    }

    #[test]
    fn runs_are_found_like_the_slow_way() {
        let mut state = 1u32;
        let mut random = |bound: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % bound
        };
        for _ in 0..2000 {
            let mut bytes = Vec::new();
            for _ in 0..random(6) {
                let n = random(200) as usize;
                bytes.extend(std::iter::repeat_n(random(2) as u8, n));
            }
            let first = |byte: u8| bytes.iter().take_while(|&&b| b == byte).count();
            assert_eq!(leading_nuls(&bytes), first(0));
            let last = bytes.iter().rev().take_while(|&&b| b == 0).count();
            assert_eq!(trailing_nuls(&bytes), last);
            let len = random(150) as usize;
            let want = runs(&bytes, len);
            assert_eq!(find_nuls(&bytes, len), want.first().cloned());
            // Parts of some runs are known.
            let mut holes: Vec<Range<usize>> = Vec::new();
            for run in runs(&bytes, 3) {
                let middle = run.start + run.len() / 2;
                match random(4) {
                    0 => holes.push(run),
                    1 => holes.push(middle..run.end),
                    2 => holes.extend([run.start..middle, middle + 1..run.end]),
                    _ => {}
                }
            }
            let is_known = |run: &Range<usize>| holes.iter().any(|hole| run.contains(&hole.start));
            let want: Vec<_> = want.into_iter().filter(is_known).collect();
            assert_eq!(
                runs_around(&bytes, &holes, len),
                want,
                "{bytes:?} {holes:?}"
            );
        }
    }
}
