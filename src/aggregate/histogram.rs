//! How durations spread: a log-linear histogram of milliseconds that merges exactly.
//!
//! Values below 128 have a bin each, each octave above has 64 bins of one width, up to the largest `u32`: 1,728 bins in all
//! (G. Tene's HdrHistogram with six bits). A quantile is the middle of its bin, at most 1/128 of the value away from the
//! truth. t-digest and KLL are smaller, but what they tell depends on the order of merges.
//!
//! ```text
//! bin(v) = v                           v < 128
//! bin(v) = 64 (e - 6) + v >> (e - 6)   2^e <= v < 2^(e + 1): its seven highest bits, behind the bins of lower e
//! ```
//!
//! Most cells of a table hold few values, so these are kept as a list of bins, two bytes each; past [`FEW_MAX`] counts take
//! over, from the lowest bin met to the highest. Which of the two depends on the number of values alone.

/// Values kept one by one.
const FEW_MAX: usize = 256;

/// Values with a bin of their own are those below.
const EXACT_END: u32 = 1 << 7;

/// Bins of an octave.
const PER_OCTAVE: u32 = EXACT_END / 2;

/// Bins in all: that of the largest value is the last.
const N_BINS: usize = 1_728;

/// Durations in milliseconds. Takes 56 bytes; with up to 256 values at most 512 more, then 4 for each bin between the lowest and
/// the highest, twice that while growing: 14 KB at the very most.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    n: u64,
    max: u32,
    bins: Bins,
}

#[derive(Clone, Debug)]
enum Bins {
    /// The bin of each value, in no order.
    Few(Vec<u16>),
    /// Values in `first` and the bins behind it, saturating.
    Many { first: u16, counts: Vec<u32> },
}

impl Default for Bins {
    fn default() -> Bins {
        Bins::Few(Vec::new())
    }
}

impl Histogram {
    #[inline]
    pub fn collect(&mut self, ms: u32) {
        self.n += 1;
        self.max = self.max.max(ms);
        let bin = bin(ms);
        match &mut self.bins {
            Bins::Few(bins) if bins.len() < FEW_MAX => bins.push(bin),
            Bins::Many { first, counts } => {
                match counts.get_mut(usize::from(bin.wrapping_sub(*first))) {
                    Some(count) => *count = count.saturating_add(1),
                    None => self.bins.add(bin, 1),
                }
            }
            Bins::Few(_) => self.bins.add(bin, 1),
        }
    }

    pub fn merge(&mut self, other: &Histogram) {
        self.n += other.n;
        self.max = self.max.max(other.max);
        match (&mut self.bins, &other.bins) {
            (Bins::Few(mine), Bins::Few(theirs)) if mine.len() + theirs.len() <= FEW_MAX => {
                mine.extend_from_slice(theirs);
            }
            (_, Bins::Few(theirs)) => theirs.iter().for_each(|&bin| self.bins.add(bin, 1)),
            (_, Bins::Many { first, counts }) => {
                for (bin, &count) in (*first..).zip(counts) {
                    if count > 0 {
                        self.bins.add(bin, count);
                    }
                }
            }
        }
    }

    /// Number of values.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The largest value, exactly; `None` without values.
    pub fn max(&self) -> Option<u32> {
        (self.n > 0).then_some(self.max)
    }

    /// For each of `permilles`, which ascend, the smallest value that at least so many of 1,000 values do not exceed (500: the
    /// median), at most 1 % off and exact below 128; `None` without values.
    pub fn quantiles<const N: usize>(&self, permilles: [u32; N]) -> [Option<u32>; N] {
        if self.n == 0 {
            return [None; N];
        }
        let rank = |permille: u32| {
            let wanted = (u128::from(self.n) * u128::from(permille.min(1_000))).div_ceil(1_000);
            wanted.max(1) as u64 - 1 // less than `n`
        };
        let bins = self.bins_of(permilles.map(rank));
        bins.map(|bin| bin.map(|bin| middle(bin).min(self.max)))
    }

    /// One of the [`quantiles`](Self::quantiles).
    pub fn quantile(&self, permille: u32) -> Option<u32> {
        let [value] = self.quantiles([permille]);
        value
    }

    /// The bins of the values at these places in their order, from 0; the places ascend.
    fn bins_of<const N: usize>(&self, ranks: [u64; N]) -> [Option<u16>; N] {
        match &self.bins {
            Bins::Few(bins) => {
                let mut counts = [0_u32; N_BINS];
                for &bin in bins {
                    counts[usize::from(bin) % N_BINS] += 1; // a remainder never of use, and no check
                }
                let first = bins.iter().copied().min().unwrap_or(0);
                bins_at(ranks, first, &counts[usize::from(first) % N_BINS..])
            }
            Bins::Many { first, counts } => bins_at(ranks, *first, counts),
        }
    }

    /// Bins that hold values, ascending, and how many.
    fn counts(&self) -> Vec<(u16, u32)> {
        match &self.bins {
            Bins::Few(bins) => {
                let mut bins = bins.clone();
                bins.sort_unstable();
                let runs = bins.chunk_by(|a, b| a == b);
                runs.map(|run| (run[0], run.len() as u32)).collect()
            }
            Bins::Many { first, counts } => {
                let counts = (*first..).zip(counts.iter().copied());
                counts.filter(|(_, count)| *count > 0).collect()
            }
        }
    }
}

/// Whether they hold the same values, as far as bins and the maximum tell.
impl PartialEq for Histogram {
    fn eq(&self, other: &Histogram) -> bool {
        (self.n, self.max) == (other.n, other.max) && self.counts() == other.counts()
    }
}

impl Bins {
    /// Adds to a bin; more than a few become counts.
    #[cold]
    fn add(&mut self, bin: u16, n: u32) {
        if let Bins::Few(bins) = self {
            let few = std::mem::take(bins);
            let (first, last) = few.iter().fold((bin, bin), |(first, last), &bin| {
                (first.min(bin), last.max(bin))
            });
            let mut counts = vec![0; usize::from(last - first) + 1];
            for bin in few {
                counts[usize::from(bin - first)] += 1;
            }
            *self = Bins::Many { first, counts };
        }
        if let Bins::Many { first, counts } = self {
            if bin < *first {
                counts.splice(..0, std::iter::repeat_n(0, usize::from(*first - bin)));
                *first = bin;
            }
            let at = usize::from(bin - *first);
            if at >= counts.len() {
                counts.resize(at + 1, 0);
            }
            counts[at] = counts[at].saturating_add(n);
        }
    }
}

#[inline]
fn bin(ms: u32) -> u16 {
    // Below 128 the shift is 0, and the bin the value.
    let shift = (EXACT_END - 1).leading_zeros() - (ms | (EXACT_END - 1)).leading_zeros();
    (PER_OCTAVE * shift + (ms >> shift)) as u16
}

/// The bins of the values at `ranks`, which ascend, where so many are in `first` and in each of the bins behind it.
fn bins_at<const N: usize>(ranks: [u64; N], first: u16, counts: &[u32]) -> [Option<u16>; N] {
    let mut bins = (first..).zip(counts.iter().map(|&count| u64::from(count)));
    let mut here = bins.next();
    let mut n_before = 0;
    ranks.map(|rank| {
        while let Some((_, count)) = here
            && rank >= n_before + count
        {
            n_before += count;
            here = bins.next();
        }
        here.map(|(bin, _)| bin)
    })
}

/// The value in the middle of a bin.
fn middle(bin: u16) -> u32 {
    let bin = u32::from(bin);
    let shift = (bin / PER_OCTAVE).saturating_sub(1);
    let low = (bin - PER_OCTAVE * shift) << shift;
    low + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u32]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&ms| histogram.collect(ms));
        histogram
    }

    /// Values like those of logs and worse: few or many, near together, over all octaves, in order, of two kinds.
    fn samples() -> Vec<Vec<u32>> {
        let mut state = 1_u64;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let mut samples = Vec::new();
        for n in [0, 1, 2, 3, 10, 255, 256, 257, 258, 1_000, 20_000] {
            samples.push((0..n).map(|_| next() % 4).collect());
            samples.push((0..n).map(|_| next() >> (next() % 32)).collect());
            samples.push((0..n).map(|k| k * 214_748).collect());
            samples.push((0..n).map(|k| (n - k) * 37).collect());
            samples.push(
                (0..n)
                    .map(|k| {
                        if k % 10 == 0 {
                            60_000 + next() % 3
                        } else {
                            next() % 90
                        }
                    })
                    .collect(),
            );
            samples.push((0..n).map(|k| u32::MAX - k % 2).collect());
        }
        samples
    }

    #[test]
    fn bins_are_in_order_without_gaps_and_narrow() {
        let mut last = bin(0);
        let edges = (0..32).flat_map(|e| (0..256).map(move |k| (1_u64 << e) + (k << e) / 256));
        let mut values: Vec<u32> = (0..70_000)
            .chain(edges.map(|v| v.min(u64::from(u32::MAX)) as u32))
            .collect();
        values.push(u32::MAX);
        values.sort_unstable();
        for ms in values {
            let bin = bin(ms);
            assert!(bin == last || bin == last + 1, "{ms}");
            let error = middle(bin).abs_diff(ms);
            assert!(
                u64::from(error) * 128 <= u64::from(ms),
                "{ms}: {}",
                middle(bin)
            );
            assert!(ms >= 128 || error == 0, "{ms}");
            last = bin;
        }
        assert_eq!(usize::from(last) + 1, N_BINS);
    }

    /// Sorting is the slow twin.
    #[test]
    fn quantiles_are_within_one_percent() {
        for values in samples() {
            let (histogram, mut sorted) = (of(&values), values);
            sorted.sort_unstable();
            assert_eq!(histogram.n(), sorted.len() as u64);
            assert_eq!(histogram.max(), sorted.last().copied());
            for permille in [0, 1, 500, 900, 990, 999, 1_000, 2_000] {
                let rank = (sorted.len() * permille.min(1_000)).div_ceil(1_000).max(1);
                let want = sorted.get(rank - 1).copied();
                let got = histogram.quantile(permille as u32);
                let is_near = match (got, want) {
                    (Some(got), Some(want)) => {
                        u64::from(got.abs_diff(want)) * 100 <= u64::from(want)
                    }
                    (got, want) => got == want,
                };
                assert!(
                    is_near,
                    "{permille} of {}: {got:?}, not {want:?}",
                    sorted.len()
                );
            }
        }
    }

    #[test]
    fn quantiles_asked_together_are_those_asked_alone() {
        for values in samples() {
            let histogram = of(&values);
            let permilles = [0, 10, 500, 500, 990, 1_000];
            let alone = permilles.map(|permille| histogram.quantile(permille));
            assert_eq!(histogram.quantiles(permilles), alone);
        }
    }

    #[test]
    fn merging_is_exact_however_it_is_cut() {
        for values in samples() {
            let whole = of(&values);
            for cut in [
                0,
                1,
                values.len() / 3,
                values.len() / 2,
                values.len().saturating_sub(1),
            ] {
                let (a, b) = values.split_at(cut.min(values.len()));
                for (a, b) in [(a, b), (b, a)] {
                    let mut merged = of(a);
                    merged.merge(&of(b));
                    assert_eq!(merged, whole, "{} cut at {cut}", values.len());
                    for permille in [500, 900, 990] {
                        assert_eq!(merged.quantile(permille), whole.quantile(permille));
                    }
                    merged.merge(&Histogram::default());
                    assert_eq!(merged, whole);
                }
            }
            let mut thirds = Histogram::default();
            values
                .chunks(values.len() / 3 + 1)
                .rev()
                .for_each(|part| thirds.merge(&of(part)));
            assert_eq!(thirds, whole);
        }
    }

    #[test]
    fn memory_is_as_said() {
        assert!(size_of::<Histogram>() <= 56);
        for values in samples() {
            let n_bytes = match of(&values).bins {
                Bins::Few(bins) => {
                    assert!(values.len() <= FEW_MAX);
                    2 * bins.capacity()
                }
                Bins::Many { counts, .. } => 4 * counts.capacity(),
            };
            assert!(
                n_bytes <= if values.len() <= FEW_MAX { 512 } else { 13_824 },
                "{n_bytes}"
            );
        }
    }
}
