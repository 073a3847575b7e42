//! Exact intervals and tests for counts: no normal curve stands in for small numbers here.
//!
//! | of | interval, 95 % | test of two, two-sided |
//! |---|---|---|
//! | failures per request | Clopper and Pearson 1934 | Fisher 1935 |
//! | failures per time | Garwood 1936 | conditional binomial: Przyborowski and Wilenski 1940 |
//!
//! Two-sided means, as in R's `fisher.test`, `binom.test` and `poisson.test`: all outcomes that are at most as likely as the one seen. What
//! several tests together may claim follows Holm 1979. The regularised incomplete beta and gamma functions are those of
//! `statrs`; they are inverted by bisection, because its own inverse does not end for some counts in a thousand million.

use statrs::function::{beta::beta_reg, gamma::gamma_lr};

/// What an error costs: claims are wrong in at most one of twenty cases. Also the width of the intervals.
pub const ALPHA: f64 = 0.05;

/// Bounds of the share that `n` of `of` show: each is wrong in at most [`ALPHA`] / 2 of all cases. `n` is at most `of`; of nothing,
/// everything is possible.
pub fn proportion_interval(n: u64, of: u64) -> (f64, f64) {
    if of > BETA_MAX {
        return wide_interval(n, of);
    }
    let (k, rest) = (n as f64, of.saturating_sub(n) as f64);
    let low = match n {
        0 => 0.0,
        _ => increasing(|x| beta_reg(k, rest + 1.0, x), ALPHA / 2.0, 1.0),
    };
    let high = match of.saturating_sub(n) {
        0 => 1.0,
        _ => increasing(|x| beta_reg(k + 1.0, rest, x), 1.0 - ALPHA / 2.0, 1.0),
    };
    (low, high)
}

/// Beyond this the continued fraction of `statrs` ends before it has converged.
const BETA_MAX: u64 = 10_000_000;

/// Bounds that take failures, or successes if they are fewer, for events that are rare: never too narrow, and of so many hardly wider.
fn wide_interval(n: u64, of: u64) -> (f64, f64) {
    let n_rare = n.min(of - n);
    let (low, high) = mean_interval(n_rare);
    let (low, high) = (low / of as f64, (high / of as f64).min(1.0));
    if n_rare == n {
        (low, high)
    } else {
        (1.0 - high, 1.0 - low)
    }
}

/// Bounds of the number of events to be expected where `n` were seen, likewise.
pub fn mean_interval(n: u64) -> (f64, f64) {
    let k = n as f64;
    let ceiling = k + 20.0 + 10.0 * (k + 1.0).sqrt();
    let low = match n {
        0 => 0.0,
        _ => increasing(|x| gamma_lr(k, x), ALPHA / 2.0, ceiling),
    };
    let high = increasing(|x| gamma_lr(k + 1.0, x), 1.0 - ALPHA / 2.0, ceiling);
    (low, high)
}

/// Where between 0 and `ceiling` the increasing `f` reaches `wanted`.
fn increasing(f: impl Fn(f64) -> f64, wanted: f64, ceiling: f64) -> f64 {
    let (mut low, mut high) = (0.0, ceiling);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if f(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// How likely shares at least as different as `a` of `of_a` and `b` of `of_b` are where nothing differs; counts are at most what they are of.
pub fn proportions_differ(a: u64, of_a: u64, b: u64, of_b: u64) -> f64 {
    let (n, of_a, of_b) = (a + b, u128::from(of_a), u128::from(of_b));
    let first = u128::from(n).saturating_sub(of_b) as u64;
    let last = u128::from(n).min(of_a) as u64;
    let mode = (u128::from(n) + 1) * (of_a + 1) / (of_a + of_b + 2);
    // P(k + 1) / P(k) of the hypergeometric distribution
    let ratio = |k: u64| {
        let (left, k) = (u128::from(n - k) as f64, u128::from(k));
        let others = (of_b + k + 1 - u128::from(n)) as f64;
        left * ((of_a - k) as f64) / ((k + 1) as f64 * others)
    };
    at_most_as_likely(a, first..=last, mode as u64, ratio)
}

/// How likely rates at least as different as `a` in `in_a` and `b` in `in_b` are where nothing differs. Without time nothing can be told: 1.
pub fn rates_differ(a: u64, in_a: u64, b: u64, in_b: u64) -> f64 {
    if in_a == 0 || in_b == 0 {
        return 1.0;
    }
    let n = a + b;
    let mode = (u128::from(n) + 1) * u128::from(in_a) / (u128::from(in_a) + u128::from(in_b));
    let odds = in_a as f64 / in_b as f64;
    let ratio = |k: u64| (n - k) as f64 / (k + 1) as f64 * odds;
    at_most_as_likely(a, 0..=n, mode as u64, ratio)
}

/// Outcomes less likely than the likeliest by this factor add nothing; one that was seen has probability 0.
const TINY: f64 = 1e-40;

/// Outcomes this much likelier than the one seen are taken for as likely, as R does: rounding must not tell twins apart.
const SLACK: f64 = 1.0 + 1e-7;

/// The share of the outcomes in `range` that are at most as likely as `seen`; `ratio` of `k` is how much likelier `k + 1` is.
fn at_most_as_likely(
    seen: u64,
    range: std::ops::RangeInclusive<u64>,
    mode: u64,
    ratio: impl Fn(u64) -> f64,
) -> f64 {
    let (first, last) = range.into_inner();
    let mode = mode.clamp(first, last);
    let mut seen_weight = if seen == mode { 1.0 } else { 0.0 };
    let mut weights = vec![1.0];
    let mut weight = 1.0;
    for k in mode..last {
        weight *= ratio(k);
        if weight < TINY {
            break;
        }
        if k + 1 == seen {
            seen_weight = weight;
        }
        weights.push(weight);
    }
    weight = 1.0;
    for k in (first..mode).rev() {
        weight /= ratio(k);
        if weight < TINY {
            break;
        }
        if k == seen {
            seen_weight = weight;
        }
        weights.push(weight);
    }
    weights.sort_unstable_by(f64::total_cmp); // small ones first: their sum must not be lost
    let all: f64 = weights.iter().sum();
    let few = weights
        .iter()
        .take_while(|weight| **weight <= seen_weight * SLACK);
    few.sum::<f64>() / all
}

/// Probabilities so adjusted that each may be compared with [`ALPHA`]: that any claim of them is wrong is no likelier than that.
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut adjusted = vec![1.0; probabilities.len()];
    let mut least: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        let n_left = (probabilities.len() - rank) as f64;
        least = least.max(probabilities[index] * n_left).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!(
            (got - want).abs() <= want.abs() * 1e-6 + 1e-12,
            "{got}, not {want}"
        );
    }

    #[track_caller]
    fn near_both(got: (f64, f64), want: (f64, f64)) {
        near(got.0, want.0);
        near(got.1, want.1);
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        // R, ?binom.test: Mendel's 682 giants of 925 plants.
        near_both(proportion_interval(682, 925), (0.7076683, 0.7654066));
        near_both(proportion_interval(10, 100), (0.04900469, 0.17622260));
        near_both(proportion_interval(5, 10), (0.1870860, 0.8129140));
        // In closed form.
        near_both(
            proportion_interval(0, 1_000),
            (0.0, 1.0 - 0.025_f64.powf(1e-3)),
        );
        near_both(proportion_interval(7, 7), (0.025_f64.powf(1.0 / 7.0), 1.0));
        assert_eq!(proportion_interval(0, 0), (0.0, 1.0));
        // R, ?poisson.test: 137 events in 24.19893.
        let (low, high) = mean_interval(137);
        near_both((low / 24.19893, high / 24.19893), (4.753125, 6.692709));
        near_both(mean_interval(0), (0.0, -(0.025_f64.ln())));
        near_both(mean_interval(10), (4.795389, 18.39036));
    }

    /// The bounds, put into the sums they are defined by.
    #[test]
    fn intervals_leave_what_they_should_outside() {
        let ln_factorial = |n: u64| (1..=n).map(|i| (i as f64).ln()).sum::<f64>();
        for (n, of) in [(1, 2), (3, 40), (39, 40), (12, 1_000)] {
            let up_to = |n: u64, x: f64| -> f64 {
                let of_k = |k: u64| {
                    let ways = ln_factorial(of) - ln_factorial(k) - ln_factorial(of - k);
                    (ways + k as f64 * x.ln() + (of - k) as f64 * (1.0 - x).ln()).exp()
                };
                (0..=n).map(of_k).sum()
            };
            let (low, high) = proportion_interval(n, of);
            near(1.0 - up_to(n - 1, low), 0.025);
            near(up_to(n, high), 0.025);
        }
        for n in [1, 4, 60] {
            let up_to = |n: u64, x: f64| -> f64 {
                (0..=n)
                    .map(|k| (k as f64 * x.ln() - x - ln_factorial(k)).exp())
                    .sum()
            };
            let (low, high) = mean_interval(n);
            near(1.0 - up_to(n - 1, low), 0.025);
            near(up_to(n, high), 0.025);
        }
    }

    #[test]
    fn large_counts_end_and_agree_with_the_normal_curve() {
        for (n, of) in [
            (3, 1_000_000_000),
            (100_000, 1_000_000),
            (50_000_000, 100_000_000),
        ] {
            let (low, high) = proportion_interval(n, of);
            let share = n as f64 / of as f64;
            assert!(low < share && share < high);
            if n > 1_000 {
                let is_wide = of > BETA_MAX;
                let rest = if is_wide { 1.0 } else { 1.0 - share };
                let error = 1.959964 * (share * rest / of as f64).sqrt();
                assert!((high - share - error).abs() < error / 100.0);
                assert!((share - low - error).abs() < error / 100.0);
            }
        }
        let (low, high) = mean_interval(100_000_000);
        assert!((1e8 - low - 19_600.0).abs() < 200.0 && (high - 1e8 - 19_600.0).abs() < 200.0);
        assert_eq!(
            proportions_differ(5_000_000, 10_000_000, 0, 10_000_000),
            0.0
        );
        near(rates_differ(500_000, 1, 500_000, 1), 1.0);
    }

    #[test]
    fn tests_are_those_of_the_tables() {
        // R, ?fisher.test: the lady tasting tea; Dickens' twins and their convictions.
        near(proportions_differ(3, 4, 1, 4), 0.485_714_285_7);
        assert!((proportions_differ(2, 17, 10, 13) - 0.000_536_7).abs() < 1e-6);
        // scipy, fisher_exact
        assert!((proportions_differ(8, 9, 2, 7) - 0.034_965).abs() < 1e-6);
        // R, ?poisson.test: 11 in 800 person-years, 21 in 3,011.
        assert!((rates_differ(11, 800, 6 + 8 + 7, 1_083 + 1_050 + 878) - 0.079_67).abs() < 1e-5);
        near(rates_differ(0, 10, 0, 10), 1.0);
        assert_eq!(rates_differ(5, 0, 5, 10), 1.0);
    }

    fn choose(n: u64, k: u64) -> u128 {
        (0..k).fold(1, |c, i| c * u128::from(n - i) / u128::from(i + 1))
    }

    /// Whole numbers are the slow twin.
    #[test]
    fn tests_agree_with_whole_numbers() {
        for (of_a, of_b) in [(1, 1), (5, 9), (12, 7), (20, 30)] {
            for a in 0..=of_a {
                for b in 0..=of_b {
                    let of = |k: u64| match k <= of_a && a + b - k <= of_b {
                        true => choose(of_a, k) * choose(of_b, a + b - k),
                        false => 0,
                    };
                    let few: u128 = (0..=a + b).map(of).filter(|w| *w <= of(a)).sum();
                    let want = few as f64 / choose(of_a + of_b, a + b) as f64;
                    near(proportions_differ(a, of_a, b, of_b), want);
                }
            }
        }
        for (in_a, in_b) in [(1, 1), (3, 2), (1, 7)] {
            for n in 0..=12 {
                for a in 0..=n {
                    let of = |k: u64| {
                        let (k, rest) = (k as u32, (n - k) as u32);
                        choose(n, k.into()) * u128::pow(in_a, k) * u128::pow(in_b, rest)
                    };
                    let few: u128 = (0..=n).map(of).filter(|w| *w <= of(a)).sum();
                    let all = u128::pow(in_a + in_b, n as u32);
                    let got = rates_differ(a, in_a as u64, n - a, in_b as u64);
                    near(got, few as f64 / all as f64);
                }
            }
        }
    }

    /// Holm 1979 by hand.
    #[test]
    fn several_tests_pay_for_each_other() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, want) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            near(*got, want);
        }
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }
}
