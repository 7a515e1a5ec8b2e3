//! A smoothed round trip.

use core::time::Duration;

/// The smoothed round trip and its mean deviation, as TCP keeps them (RFC 6298): 1/8 and 1/4 of each new sample. A sample
/// counts for a minute at most.
///
/// ```
/// use core::time::Duration;
/// use egoist_core::kernel::RoundTrip;
/// let mut rtt = None;
/// for millis in [40, 48] {
///     RoundTrip::sample(&mut rtt, Duration::from_millis(millis));
/// }
/// let rtt = rtt.unwrap();
/// assert_eq!((rtt.mean(), rtt.deviation()), (Duration::from_millis(41), Duration::from_millis(17)));
/// assert_eq!(rtt.timeout(), Duration::from_millis(109));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoundTrip {
    /// Microseconds times 8, so that an eighth of a sample is not lost to rounding.
    mean8: u64,
    /// Microseconds times 4.
    deviation4: u64,
    /// Microseconds times 4, from the second sample on.
    measured4: Option<u64>,
}

/// No sample counts for more than a minute: a stopped clock must not stay in the average for hours.
const SAMPLE_MAX: Duration = Duration::from_secs(60);

impl RoundTrip {
    /// The first sample; the deviation starts at half of it.
    pub fn first(sample: Duration) -> Self {
        let micros = micros(sample);
        RoundTrip { mean8: micros * 8, deviation4: micros * 2, measured4: None }
    }

    /// One more sample.
    pub fn add(&mut self, sample: Duration) {
        let micros = micros(sample);
        let off = (self.mean8 / 8).abs_diff(micros);
        self.deviation4 = self.deviation4 - self.deviation4 / 4 + off;
        self.measured4 = Some(self.measured4.map_or(off * 4, |measured| measured - measured / 4 + off));
        self.mean8 = self.mean8 - self.mean8 / 8 + micros;
    }

    /// Adds a sample to what there is, or starts with it.
    pub fn sample(this: &mut Option<RoundTrip>, sample: Duration) {
        match this {
            Some(smoothed) => smoothed.add(sample),
            None => *this = Some(RoundTrip::first(sample)),
        }
    }

    /// The smoothed round trip.
    pub fn mean(&self) -> Duration {
        Duration::from_micros((self.mean8 + 4) / 8)
    }

    /// The mean deviation.
    pub fn deviation(&self) -> Duration {
        Duration::from_micros(self.deviation4 / 4)
    }

    /// After how long an answer is late: the mean and four deviations.
    pub fn timeout(&self) -> Duration {
        self.mean() + Duration::from_micros(self.deviation4)
    }

    /// The mean deviation without the allowance that it starts with; zero while nothing but one sample is known.
    pub fn measured_deviation(&self) -> Duration {
        Duration::from_micros(self.measured4.unwrap_or(0) / 4)
    }
}

fn micros(sample: Duration) -> u64 {
    u64::try_from(sample.min(SAMPLE_MAX).as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_constant_round_trip_is_met_exactly_from_any_start() {
        for exact in [1u64, 7, 999, 40_003, 2_984_000] {
            let sample = Duration::from_micros(exact);
            let mut s = RoundTrip::first(sample);
            for _ in 0..100 {
                s.add(sample);
                assert_eq!(s.mean(), sample, "a constant delay must never drift");
            }
            let mut off = RoundTrip::first(sample * 3);
            for _ in 0..200 {
                off.add(sample);
            }
            assert!(off.mean().abs_diff(sample) <= Duration::from_micros(1), "{:?} {sample:?}", off.mean());
            assert!(off.deviation() <= Duration::from_micros(2));
        }
    }

    #[test]
    fn the_deviation_starts_at_half_the_first_sample() {
        let first = RoundTrip::first(Duration::from_millis(40));
        assert_eq!((first.mean(), first.deviation()), (Duration::from_millis(40), Duration::from_millis(20)));
    }

    #[test]
    fn the_measured_deviation_starts_with_the_second_sample() {
        let mut s = RoundTrip::first(Duration::from_millis(40));
        assert_eq!(s.measured_deviation(), Duration::ZERO);
        s.add(Duration::from_millis(48));
        assert_eq!(s.measured_deviation(), Duration::from_millis(8));
        (0..100).for_each(|_| s.add(Duration::from_millis(40)));
        assert!(s.measured_deviation() <= Duration::from_micros(2));
    }

    #[test]
    fn a_sample_of_hours_is_cut() {
        let mut s = RoundTrip::first(Duration::from_secs(u64::MAX));
        s.add(Duration::MAX);
        assert_eq!(s.mean(), SAMPLE_MAX);
    }

    proptest! {
        /// The model: RFC 6298 in floating point.
        #[test]
        fn agrees_with_the_rfc(samples in prop::collection::vec(0u32..70_000_000, 1..60)) {
            let (mut rtt, mut model) = (None, None::<(f64, f64)>);
            for micros in samples {
                RoundTrip::sample(&mut rtt, Duration::from_micros(micros.into()));
                let sample = f64::from(micros.min(60_000_000));
                model = Some(model.map_or((sample, sample / 2.0), |(mean, deviation)| {
                    (mean + (sample - mean) / 8.0, deviation + ((sample - mean).abs() - deviation) / 4.0)
                }));
                let (rtt, (mean, deviation)) = (rtt.unwrap(), model.unwrap());
                let off = |is: Duration, should: f64| (is.as_secs_f64() * 1e6 - should).abs();
                prop_assert!(off(rtt.mean(), mean) < 9.0 && off(rtt.deviation(), deviation) < 9.0);
                prop_assert!(off(rtt.timeout(), mean + 4.0 * deviation) < 36.0);
            }
        }
    }
}
