//! `burst` and `rate` of limit_req: which was in force, what the clients asked for, and what a larger burst would have let through.

use super::{
    Draft, Facts,
    limits::{word, zone_in},
};
use crate::{
    aggregate::traces::TextHash,
    config::{Directive, value::parse_rate_per_minute},
    diagnose::replay::{self, Limit},
    event::Category,
    words::grouped,
};
use std::collections::BTreeMap;

/// That the excess which the records tell is not that of `burst`: refused is what comes above it, and by one at most.
pub(super) fn in_force(draft: &Draft, zone: &[u8], burst: u64) -> String {
    let quotes = draft.evidence.iter().map(|exhibit| &exhibit.quote);
    let of_zone = quotes.filter(|quote| zone_in(quote) == Some(zone));
    let excess = of_zone.filter_map(|quote| excess_in(quote)).next();
    match excess {
        Some((whole, shown)) if whole != burst => format!(
            "An excess of {shown} was refused, so that burst={whole} was in force then, not {burst}. "
        ),
        _ => String::new(),
    }
}

/// The excess in `limiting requests, excess: 5.967 by zone "one"`: whole requests, and as written.
fn excess_in(message: &[u8]) -> Option<(u64, &str)> {
    let text = std::str::from_utf8(message).ok()?;
    let (_, rest) = text.split_once("excess: ")?;
    let shown = rest.split(' ').next()?;
    let (whole, part) = shown.split_once('.')?;
    let whole: u64 = whole.parse().ok()?;
    // An excess of exactly six is one above five.
    let is_whole = part.bytes().all(|digit| digit == b'0');
    Some((
        if is_whole {
            whole.checked_sub(1)?
        } else {
            whole
        },
        shown,
    ))
}

/// Bursts that are tried, one after the other.
const BURSTS: [u64; 7] = [10, 20, 50, 100, 200, 500, 1_000];

/// What larger bursts would have let through of what was refused, and the one to try.
pub(super) fn replayed(
    facts: &Facts<'_>,
    definition: &Directive,
    burst: u64,
    draft: &Draft,
) -> Option<(String, u64)> {
    let is_of_clients = matches!(definition.arg(0), b"$binary_remote_addr" | b"$remote_addr");
    let per_minute = parse_rate_per_minute(&word(definition, "rate=")?)?;
    let limit = Limit { per_minute, burst };
    let mut refused: BTreeMap<TextHash, Vec<i64>> = BTreeMap::new();
    let errors = facts.material.scanned.errors.as_slice();
    let limited = errors
        .iter()
        .filter(|error| error.kind.category == Category::RateLimited);
    for error in limited.filter(|_| is_of_clients && per_minute > 0) {
        refused
            .entry(error.key.client)
            .or_default()
            .push(error.time.0);
    }
    refused
        .values_mut()
        .for_each(|seconds| seconds.sort_unstable());
    let n: u64 = refused.values().map(|seconds| seconds.len() as u64).sum();
    // Other limits, and delays, are in the same category: only where these are all is it known whose they are.
    if n == 0 || n != draft.n_events {
        return None;
    }
    let let_through = |burst: u64| -> u64 {
        let clients = refused.values();
        clients
            .map(|seconds| replay::let_through(seconds, limit, burst))
            .sum()
    };
    // What takes longer than a minute to drain is no burst.
    let largest = per_minute.max(BURSTS[1]);
    let larger: Vec<u64> = BURSTS
        .into_iter()
        .filter(|&tried| tried > burst && tried <= largest)
        .collect();
    let enough = larger
        .iter()
        .copied()
        .find(|&tried| let_through(tried) * 10 >= n * 9);
    let (top, of_top) = refused
        .values()
        .map(|seconds| (busiest(seconds), seconds.len() as u64))
        .max()?;
    let wanted_per_minute = per_minute.saturating_add(top * 60 / WINDOW_S as u64);
    let words = format!(
        "The client that was refused most in {WINDOW_S} s asked for about {} requests a minute then, where the limit passes {}, and has {} of the {} refusals. ",
        grouped(wanted_per_minute),
        grouped(per_minute),
        grouped(of_top),
        grouped(n)
    );
    Some(match enough {
        Some(tried) => (
            format!(
                "{words}Replayed over these records, burst={tried} would have let through {} of the {} (while a client is refused exactly the rate passes, so that the refusals tell enough; a 503 or 429 that only an access log has is not among them, since `return` makes these too). ",
                grouped(let_through(tried)),
                grouped(n)
            ),
            tried,
        ),
        None => {
            let tried = larger.last().copied().unwrap_or(burst);
            (
                format!(
                    "{words}Replayed over these records, even burst={tried} would have let through only {} of the {}: that is no burst, but a higher rate than the limit. ",
                    grouped(let_through(tried)),
                    grouped(n)
                ),
                burst.saturating_mul(2).max(20),
            )
        }
    })
}

/// Seconds in which the demand of a client is looked at.
const WINDOW_S: i64 = 10;

/// Most refusals within a window.
fn busiest(seconds: &[i64]) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (index, second) in seconds.iter().enumerate() {
        while second - seconds[first] >= WINDOW_S {
            first += 1;
        }
        most = most.max(index - first + 1);
    }
    most as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excess_tells_the_burst() {
        let excess = |text: &str| excess_in(text.as_bytes()).map(|(whole, _)| whole);
        assert_eq!(
            excess("limiting requests, excess: 5.967 by zone \"a\""),
            Some(5)
        );
        assert_eq!(
            excess("limiting requests, excess: 6.000 by zone \"a\""),
            Some(5)
        );
        assert_eq!(
            excess("limiting requests, excess: 0.997 by zone \"a\""),
            Some(0)
        );
        assert_eq!(
            excess("limiting requests, excess: 0.000 by zone \"a\""),
            None
        );
        assert_eq!(excess("limiting connections by zone \"a\""), None);
    }

    #[test]
    fn the_busiest_ten_seconds() {
        assert_eq!(busiest(&[]), 0);
        assert_eq!(busiest(&[0, 9, 10, 11, 30]), 3);
    }
}
