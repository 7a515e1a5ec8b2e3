//! How far nodes are from each other.

use alloc::vec;
use alloc::vec::Vec;

use crate::kernel::Rng;
use crate::sim::Matrix;

/// The shortest round trip of a terrain, in microseconds.
const NEAREST: u64 = 1_000;
/// The longest.
const FARTHEST: u64 = 300_000;
/// The shortest and the longest round trip on one network, in microseconds.
const LAN: [u64; 2] = [100, 600];

/// How delays relate to each other. Round trips are from 1 to 300 ms, but for those of one network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terrain {
    /// Points in a square, a delay in proportion to each distance.
    Plane,
    /// Drawn for each pair.
    Symmetric,
    /// Drawn for each direction.
    Asymmetric,
    /// Drawn for each pair, from 100 to 600 us: hosts of one network, or one host.
    Lan,
}

impl Terrain {
    /// All, the simplest first.
    pub const ALL: [Terrain; 4] = [Terrain::Plane, Terrain::Symmetric, Terrain::Asymmetric, Terrain::Lan];

    /// What it is called in a script.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Terrain::Plane => "plane",
            Terrain::Symmetric => "symmetric",
            Terrain::Asymmetric => "asymmetric",
            Terrain::Lan => "lan",
        }
    }

    /// Round trips among `nodes`.
    pub(super) fn matrix(self, nodes: usize, rng: &mut Rng) -> Matrix {
        let points: Vec<(u64, u64)> = (0..nodes).map(|_| (rng.below(1_000), rng.below(1_000))).collect();
        let mut micros = vec![0; nodes * nodes];
        for i in 0..nodes {
            for j in 0..nodes {
                let [nearest, farthest] = if self == Terrain::Lan { LAN } else { [NEAREST, FARTHEST] };
                let drawn = nearest + rng.below(farthest - nearest + 1);
                let trip = match self {
                    Terrain::Plane => along(points[i], points[j]),
                    Terrain::Symmetric | Terrain::Lan if j < i => u64::from(micros[j * nodes + i]),
                    Terrain::Symmetric | Terrain::Asymmetric | Terrain::Lan => drawn,
                };
                micros[i * nodes + j] = u32::try_from(trip).unwrap_or(u32::MAX);
            }
        }
        Matrix::from_micros(nodes, micros)
    }
}

/// A round trip between two points of a square of 1,000 by 1,000.
fn along(a: (u64, u64), b: (u64, u64)) -> u64 {
    let square = a.0.abs_diff(b.0).pow(2) + a.1.abs_diff(b.1).pow(2);
    NEAREST + square.isqrt() * (FARTHEST - NEAREST) / 1_415
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Seed, Streams};

    #[test]
    fn terrains_are_what_they_are_called() {
        let matrix = |terrain: Terrain| terrain.matrix(12, &mut Streams::new(Seed::from_u64(1)).named("t"));
        let pairs = || (0..12).flat_map(|i| (0..12).map(move |j| (i, j)));
        for terrain in [Terrain::Plane, Terrain::Symmetric, Terrain::Asymmetric] {
            let matrix = matrix(terrain);
            assert_eq!(matrix.is_symmetric(), terrain != Terrain::Asymmetric, "{terrain:?}");
            let trips = pairs().filter(|(i, j)| i != j).map(|(i, j)| u64::from(matrix.round_trip(i, j)));
            assert!(trips.clone().all(|trip| (NEAREST..=FARTHEST).contains(&trip)), "{terrain:?}");
            assert!(trips.clone().max() > Some(FARTHEST * 3 / 5), "{terrain:?}: far away");
            assert!(trips.min() < Some(FARTHEST / 5), "{terrain:?}: near");
        }
        let plane = matrix(Terrain::Plane);
        for (i, j) in pairs() {
            for via in 0..12 {
                let around = plane.round_trip(i, via) + plane.round_trip(via, j);
                assert!(plane.round_trip(i, j) <= around + 1, "{i} {via} {j}");
            }
        }
    }

    #[test]
    fn points_in_the_corners_are_as_far_as_can_be() {
        assert_eq!(along((3, 4), (3, 4)), NEAREST);
        assert_eq!(along((0, 0), (3, 4)), along((3, 4), (0, 0)));
        assert_eq!(along((0, 0), (0, 1_415)), FARTHEST);
        assert_eq!(along((100, 100), (400, 500)), NEAREST + 500 * (FARTHEST - NEAREST) / 1_415);
    }
}
