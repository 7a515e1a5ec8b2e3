//! Random numbers from named streams of one seed.

use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};

use super::KeyedState;

/// 256 bits from which everything random in a node follows. They are never printed: who knows them knows what the node
/// will draw.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A seed for tests and simulations. A node on a real network takes 256 bits from the operating system.
    pub fn from_u64(n: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&n.to_le_bytes());
        Seed(seed)
    }

    /// The seed of the `n`-th part of what this seed stands for (a node of a world).
    pub fn child(self, n: u64) -> Seed {
        let mut rng = Streams::new(self).named("child");
        rng.0.set_stream(n);
        let mut seed = [0; 32];
        rng.0.fill_bytes(&mut seed);
        Seed(seed)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// Hands out one independent stream for each name, so that one more draw in one place shifts no other.
#[derive(Clone, Copy, Debug)]
pub struct Streams(Seed);

impl Streams {
    /// The streams of a seed.
    pub const fn new(seed: Seed) -> Self {
        Streams(seed)
    }

    /// The stream called `name`, from its beginning.
    pub fn named(&self, name: &str) -> Rng {
        let mut rng = ChaCha8Rng::from_seed(self.0.0);
        let mut hasher = siphasher::sip::SipHasher13::new();
        hasher.write(name.as_bytes());
        rng.set_stream(hasher.finish());
        Rng(rng)
    }

    /// A hasher for maps keyed by what peers choose.
    pub fn keyed(&self, name: &str) -> KeyedState {
        let mut rng = self.named(name);
        KeyedState::new(rng.u64(), rng.u64())
    }
}

/// One stream of random numbers. The ways of drawing are written out here, so that a library's change of mind changes
/// no trace.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 128 random bits.
    pub fn u128(&mut self) -> u128 {
        u128::from(self.u64()) << 64 | u128::from(self.u64())
    }

    /// A number below `n`, every one equally likely (Lemire 2019, with rejection).
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below zero");
        loop {
            let wide = u128::from(self.u64()) * u128::from(n);
            #[allow(clippy::cast_possible_truncation, reason = "the two halves of the product")]
            let (high, low) = ((wide >> 64) as u64, wide as u64);
            if low >= n || low >= n.wrapping_neg() % n {
                return high;
            }
        }
    }

    /// An index into something of `len` elements.
    ///
    /// # Panics
    /// If `len` is zero.
    #[allow(clippy::cast_possible_truncation, reason = "below a usize")]
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True `percent` times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True with the probability of `per_million` in a million.
    pub fn per_million(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// A duration from `low` to `high`, both included, in whole microseconds.
    #[allow(clippy::cast_possible_truncation, reason = "a timer's microseconds fit in 64 bits")]
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_micros() as u64;
        low + Duration::from_micros(self.below(span.saturating_add(1).max(1)))
    }

    /// `d` give or take `percent` of it.
    pub fn jittered(&mut self, d: Duration, percent: u32) -> Duration {
        let off = d * percent.min(100) / 100;
        self.between(d.saturating_sub(off), d + off)
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.index(i + 1));
        }
    }
}

impl BuildHasher for KeyedState {
    type Hasher = siphasher::sip::SipHasher13;
    fn build_hasher(&self) -> Self::Hasher {
        let (a, b) = self.keys();
        siphasher::sip::SipHasher13::new_with_keys(a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Below three quarters of all that can be drawn, multiples of three would come twice as often without rejection.
    #[test]
    fn a_number_below_a_great_bound_favours_nobody() {
        let mut rng = Streams::new(Seed::from_u64(7)).named("below");
        let bound = 3 << 62;
        let drawn: [u64; 6_000] = core::array::from_fn(|_| rng.below(bound));
        assert!(drawn.iter().all(|n| *n < bound));
        let threefold = drawn.iter().filter(|n| **n % 3 == 0).count();
        assert!((1_850..2_150).contains(&threefold), "{threefold}");
    }

    #[test]
    fn both_halves_of_a_wide_number_are_drawn() {
        let draw = || Streams::new(Seed::from_u64(7)).named("wide");
        let (mut wide, mut narrow) = (draw(), draw());
        assert_eq!(wide.u128(), u128::from(narrow.u64()) << 64 | u128::from(narrow.u64()));
    }

    #[test]
    fn streams_are_fixed_and_apart() {
        let s = Streams::new(Seed::from_u64(7));
        assert_eq!(s.named("wiring").u64(), s.named("wiring").u64());
        assert_ne!(s.named("wiring").u64(), s.named("probe").u64());
        assert_ne!(Seed::from_u64(7).child(1), Seed::from_u64(7).child(2));
        // Pinned: a recorded trace means the same on every machine and after every update of a library.
        assert_eq!(s.named("wiring").u64(), 15_126_139_759_737_170_259);
    }

    #[test]
    fn below_is_even() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("t");
        let mut seen = [0u32; 6];
        for _ in 0..60_000 {
            seen[rng.index(6)] += 1;
        }
        assert!(seen.iter().all(|n| (9_600..10_400).contains(n)), "{seen:?}");
    }

    #[test]
    fn between_reaches_both_ends() {
        let mut rng = Streams::new(Seed::from_u64(2)).named("t");
        let (low, high) = (Duration::from_micros(3), Duration::from_micros(5));
        let mut hit = [false; 3];
        for _ in 0..100 {
            let d = rng.between(low, high);
            hit[usize::try_from(d.as_micros()).unwrap() - 3] = true;
        }
        assert_eq!(hit, [true; 3]);
        assert_eq!(rng.between(high, low), high);
    }
}
