//! A synthetic matrix of cities, computed from their coordinates, for where no measurements are at hand.
//!
//! A round trip is light in fibre over the great circle, stretched by what the path between the two cities makes of it,
//! plus the access at both ends. The stretch differs from pair to pair, as it does on the Internet, so that a way
//! over a third city is often shorter and an overlay has something to win.

use alloc::vec::Vec;

use super::Matrix;

/// A city.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct City {
    /// What it is called, in ASCII.
    pub name: &'static str,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

const fn city(name: &'static str, latitude: f64, longitude: f64) -> City {
    City { name, latitude, longitude }
}

/// The cities, in the order of the matrix's rows.
pub const CITIES: [City; 24] = [
    city("Amsterdam", 52.37, 4.90),
    city("Atlanta", 33.75, -84.39),
    city("Bogota", 4.71, -74.07),
    city("Cairo", 30.04, 31.24),
    city("Chicago", 41.88, -87.63),
    city("Frankfurt", 50.11, 8.68),
    city("Hong Kong", 22.32, 114.17),
    city("Johannesburg", -26.20, 28.05),
    city("Lagos", 6.52, 3.38),
    city("London", 51.51, -0.13),
    city("Los Angeles", 34.05, -118.24),
    city("Mexico City", 19.43, -99.13),
    city("Milan", 45.46, 9.19),
    city("Mumbai", 19.08, 72.88),
    city("Nairobi", -1.29, 36.82),
    city("New York", 40.71, -74.01),
    city("Santiago", -33.45, -70.67),
    city("Sao Paulo", -23.55, -46.63),
    city("Seattle", 47.61, -122.33),
    city("Seoul", 37.57, 126.98),
    city("Singapore", 1.35, 103.82),
    city("Stockholm", 59.33, 18.07),
    city("Sydney", -33.87, 151.21),
    city("Tokyo", 35.68, 139.69),
];

/// Light in fibre covers 200,000 km in a second: a kilometre there and back takes ten microseconds.
const ROUND_TRIP_US_PER_KM: u32 = 10;
/// Access lines and routers at both ends, there and back.
const ACCESS_US: u32 = 4_000;
/// By how much a path is longer than the great circle, in per cent: from well-connected pairs to detours.
const STRETCH_PERCENT: core::ops::RangeInclusive<u32> = 120..=250;
const EARTH_RADIUS_KM: f64 = 6_371.0;

/// The round-trip times between all [`CITIES`].
pub fn matrix() -> Matrix {
    let pairs = (0..CITIES.len()).flat_map(|a| (0..CITIES.len()).map(move |b| (a, b)));
    let micros: Vec<u32> =
        pairs.map(|(a, b)| if a == b { 0 } else { round_trip(a.min(b), a.max(b)) }).collect();
    Matrix::from_micros(CITIES.len(), micros)
}

fn round_trip(a: usize, b: usize) -> u32 {
    kilometres(&CITIES[a], &CITIES[b]) * ROUND_TRIP_US_PER_KM * stretch(a, b) / 100 + ACCESS_US
}

/// The great circle (haversine), in whole kilometres, so that the last digit of a sine changes nothing.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to half the equator")]
fn kilometres(a: &City, b: &City) -> u32 {
    let (north_a, north_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half = |d: f64| (d.to_radians() / 2.0).sin().powi(2);
    let h = half(b.latitude - a.latitude) + north_a.cos() * north_b.cos() * half(b.longitude - a.longitude);
    (2.0 * EARTH_RADIUS_KM * h.sqrt().asin()).round() as u32
}

/// A pair's stretch in per cent, spread evenly by a fixed mixing of the two indices (splitmix64's finaliser).
#[allow(clippy::cast_possible_truncation, reason = "a remainder below the range's width")]
fn stretch(a: usize, b: usize) -> u32 {
    let mut x = (a * CITIES.len() + b) as u64 + 0x9e37_79b9_7f4a_7c15;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    let width = u64::from(STRETCH_PERCENT.end() - STRETCH_PERCENT.start()) + 1;
    STRETCH_PERCENT.start() + (x % width) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_right() {
        let at = |name| CITIES.iter().find(|c| c.name == name).unwrap();
        let close = |a, b, km: u32| kilometres(at(a), at(b)).abs_diff(km) < 30;
        assert!(close("London", "New York", 5_570) && close("Tokyo", "Sydney", 7_820));
        assert!(close("Sao Paulo", "Johannesburg", 7_430) && close("Amsterdam", "Frankfurt", 365));
    }

    #[test]
    fn an_overlay_has_something_to_win() {
        let m = matrix();
        assert!(m.is_symmetric() && CITIES.windows(2).all(|w| w[0].name < w[1].name));
        let n = m.len();
        let detour = |i, j| {
            (0..n)
                .filter(|k| *k != i && *k != j)
                .any(|k| m.round_trip(i, k) + m.round_trip(k, j) < m.round_trip(i, j))
        };
        let won = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).filter(|&(i, j)| detour(i, j)).count();
        let pairs = n * (n - 1) / 2;
        assert!(won * 100 / pairs >= 20, "{won} of {pairs} pairs are shorter over a third city");
        // Pinned: figures taken on this matrix are compared from version to version.
        assert_eq!((m.round_trip(0, 1), m.largest()), (112_018, 409_573));
    }
}
