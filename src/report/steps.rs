//! Steps of a scale for counts of which some are ten thousand times others.
//!
//! Their bounds are powers of a whole number: what happened once is seen beside what happened ten thousand times.

/// `n_steps` steps up to the largest count; the highest step always holds it, so that few steps are the highest ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    n_steps: u32,
    factor: u64,
    most: u64,
}

impl Steps {
    /// The finest that reach `most`.
    pub(super) fn up_to(most: u64, n_steps: u32) -> Steps {
        let reaches = |factor: &u64| factor.checked_pow(n_steps).is_none_or(|end| end > most);
        let factor = (2..).find(reaches).unwrap_or(u64::MAX);
        Steps {
            n_steps,
            factor,
            most,
        }
    }

    /// The largest count.
    pub(super) fn most(self) -> u64 {
        self.most
    }

    /// From 1 to the number of steps; 0 for a count of 0.
    pub(super) fn step(self, n: u64) -> usize {
        match n {
            0 => 0,
            n => (self.n_steps - self.power(self.most) + self.power(n)) as usize,
        }
    }

    /// The steps that are needed, with their first and last counts.
    pub(super) fn bounds(self) -> Vec<(usize, u64, u64)> {
        let bounds = |power: u32| {
            let first = self.factor.saturating_pow(power);
            let last = self.factor.saturating_pow(power + 1).saturating_sub(1);
            (self.step(first), first, last.min(self.most))
        };
        match self.most {
            0 => Vec::new(),
            most => (0..=self.power(most)).map(bounds).collect(),
        }
    }

    fn power(self, n: u64) -> u32 {
        n.max(1).ilog(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_round_and_the_highest_step_is_reached() {
        let bounds = |most| Steps::up_to(most, 5).bounds();
        assert_eq!(bounds(0), []);
        assert_eq!(bounds(1), [(5, 1, 1)]);
        assert_eq!(bounds(7), [(3, 1, 1), (4, 2, 3), (5, 4, 7)]);
        assert_eq!(
            bounds(1_000),
            [
                (1, 1, 3),
                (2, 4, 15),
                (3, 16, 63),
                (4, 64, 255),
                (5, 256, 1_000)
            ]
        );
        for most in [1, 2, 31, 32, 33, 99_999, u64::MAX] {
            for n_steps in [1, 4, 5] {
                let steps = Steps::up_to(most, n_steps);
                assert_eq!((steps.step(0), steps.step(most)), (0, n_steps as usize));
                let bounds = steps.bounds();
                assert!(bounds.len() <= n_steps as usize);
                for (step, first, last) in bounds {
                    assert_eq!(
                        (steps.step(first), steps.step(last)),
                        (step, step),
                        "{most}"
                    );
                }
            }
        }
    }
}
