//! Rates and verdicts in words.

use super::lines::{RateLine, RateSide};
use crate::{
    diagnose::compare::{Pair, Unit, Why},
    words::{duration, grouped},
};

/// What a verdict rests on.
pub(super) fn why(pair: &Pair, why: Why) -> String {
    let failures = |n: u64| match n {
        1 => "1 failure".to_owned(),
        n => format!("{} failures", grouped(n)),
    };
    let before = format!(
        "{} in {}",
        failures(pair.before.n),
        amount(pair.unit, pair.before.of)
    );
    let after = format!(
        "{} in {}",
        grouped(pair.after.n),
        amount(pair.unit, pair.after.of)
    );
    match why {
        Why::Gone { expected } => format!(
            "{before} before, none in {} after, where the old rate lets expect {}",
            amount(pair.unit, pair.after.of),
            approximate(expected)
        ),
        Why::TooLittle {
            needed: Some(needed),
        } => format!(
            "none after, but {} are too little to tell: {before} before; it takes {} without one",
            amount(pair.unit, pair.after.of),
            amount(pair.unit, needed)
        ),
        Why::TooLittle { needed: None } => {
            format!("none after, but too little to tell: {before} before")
        }
        Why::Quiet { before_s, after_s } => format!(
            "none in {} after, but before, too, there was none for {}: it takes longer to tell",
            duration(after_s),
            duration(before_s)
        ),
        Why::Lower => format!("fewer, but not gone: {before} before, {after} after"),
        Why::Higher => format!("more: {before} before, {after} after"),
        Why::New => format!(
            "new: none in {} before, {after} after",
            amount(pair.unit, pair.before.of)
        ),
        Why::NewFew => format!(
            "none in {} before, {after} after, which chance may explain",
            amount(pair.unit, pair.before.of)
        ),
        Why::NoDifference => format!(
            "no difference that chance would not explain: {before} before, {after} after; half or twice as many would have shown"
        ),
        Why::Unclear => format!(
            "no difference that chance would not explain: {before} before, {after} after; but half or twice as many could look like this"
        ),
        Why::NeverSeen => "there was no failure to begin with, and there is none now".to_owned(),
        Why::NothingBefore => format!("nothing was read of before to set {after} against"),
        Why::NothingAfter => format!("nothing was read of after: {before} before"),
    }
}

/// `1,200 requests`, `2 h 5 m`
fn amount(unit: Unit, n: u64) -> String {
    let one = n == 1;
    match unit {
        Unit::Seconds => duration(i64::try_from(n).unwrap_or(i64::MAX)),
        Unit::Attempts => format!(
            "{} {}",
            grouped(n),
            if one { "attempt" } else { "attempts" }
        ),
        Unit::Requests => format!(
            "{} {}",
            grouped(n),
            if one { "request" } else { "requests" }
        ),
    }
}

/// `35`, `4.2`
fn approximate(x: f64) -> String {
    match x {
        _ if x >= 10.0 => grouped(x.round() as u64),
        _ => format!("{x:.1}"),
    }
}

impl RateLine {
    /// `2.1 % (1.1 to 3.8 %)`, `12 an hour (8 to 17)`; of none also where it ends at most.
    pub fn words(&self, side: &RateSide) -> String {
        let (Some(rate), Some(low), Some(high)) = (side.rate, side.low, side.high) else {
            return "-".to_owned();
        };
        if self.unit == "seconds" {
            let [rate, low, high] = [rate, low, high].map(|x| digits(x * 3_600.0));
            format!("{rate} an hour ({low} to {high})")
        } else {
            let [rate, low, high] = [rate, low, high].map(|x| digits(x * 100.0));
            format!("{rate} % ({low} to {high} %)")
        }
    }

    /// `p < 0.0001`, `p = 0.034`
    pub fn chance(&self) -> String {
        match self.p {
            p if p < 0.0001 => "p < 0.0001".to_owned(),
            p => format!("p = {}", digits(p)),
        }
    }
}

/// Two digits that count, three above 100.
fn digits(x: f64) -> String {
    let text = match x {
        0.0 => return "0".to_owned(),
        _ if x >= 99.5 => return grouped(x.round() as u64),
        _ if x >= 9.95 => format!("{x:.0}"),
        _ => {
            let n_decimals = (1.0 - x.log10().floor()).clamp(1.0, 9.0) as usize;
            format!("{x:.n_decimals$}")
        }
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn digits_that_count() {
        let said: Vec<String> = [
            0.0,
            0.000_123_4,
            0.05,
            0.349,
            3.456,
            9.99,
            12.3,
            99.7,
            1_234.5,
        ]
        .into_iter()
        .map(digits)
        .collect();
        assert_eq!(
            said,
            [
                "0", "0.00012", "0.05", "0.35", "3.5", "10", "12", "100", "1,235"
            ]
        );
    }
}
