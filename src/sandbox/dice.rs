//! Repeatable random numbers: the same seed, person and purpose give the same numbers. So a person can be made again at
//! any time and none has to be kept.

/// A stream of numbers for one purpose (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream of person `index` for `purpose`; different purposes do not disturb each other.
    pub(super) fn of(seed: u64, index: u32, purpose: u64) -> Self {
        let mut dice = Self(seed ^ purpose.rotate_left(48));
        let mixed = dice.roll() ^ u64::from(index).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Self(mixed)
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` - 1; 0 for a limit of 0.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.roll() % u64::from(limit.max(1))).expect("smaller than a u32")
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// One of `choices`, which may not be empty.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        &choices[usize::try_from(at).expect("smaller than a length")]
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_person_and_purpose_give_the_same_numbers_and_others_do_not() {
        let rolls = |seed, index, purpose| {
            let mut dice = Dice::of(seed, index, purpose);
            [dice.roll(), dice.roll(), dice.roll()]
        };
        assert_eq!(rolls(1, 2, 3), rolls(1, 2, 3));
        assert_ne!(rolls(1, 2, 3), rolls(2, 2, 3));
        assert_ne!(rolls(1, 2, 3), rolls(1, 3, 3));
        assert_ne!(rolls(1, 2, 3), rolls(1, 2, 4));
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut dice = Dice::of(7, 7, 7);
        for _ in 0..1000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            assert_eq!(dice.below(1), 0);
            assert!([1, 2, 3].contains(dice.pick(&[1, 2, 3])));
        }
    }
}
