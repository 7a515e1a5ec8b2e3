//! Delays to experiment with where no measured ones are.

use egoist_core::kernel::{Rng, Seed, Streams};
use egoist_core::sim::Matrix;

/// The shortest round trip, in microseconds.
const NEAREST: u64 = 2_000;
/// The longest that comes of distance alone.
const FARTHEST: u64 = 100_000;
const SIDE: u64 = 1_000;

/// Round trips among points of a square; every third pair is up to twice as far as it looks. They follow from the seed.
pub fn terrain(nodes: usize, seed: u64) -> Matrix {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("terrain");
    let points: Vec<(u64, u64)> = (0..nodes).map(|_| (rng.below(SIDE), rng.below(SIDE))).collect();
    let mut micros = vec![0; nodes * nodes];
    for i in 0..nodes {
        for j in 0..i {
            let trip = trip(points[i], points[j], &mut rng);
            (micros[i * nodes + j], micros[j * nodes + i]) = (trip, trip);
        }
    }
    Matrix::from_micros(nodes, micros)
}

fn trip(a: (u64, u64), b: (u64, u64), rng: &mut Rng) -> u32 {
    let distance = (a.0.abs_diff(b.0).pow(2) + a.1.abs_diff(b.1).pow(2)).isqrt();
    let straight = NEAREST + distance * (FARTHEST - NEAREST) * 1_000 / (SIDE * 1_414);
    let detour = if rng.percent(33) { rng.below(straight) } else { 0 };
    u32::try_from(straight + detour).expect("at most a fifth of a second")
}
