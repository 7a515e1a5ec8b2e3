//! Gaps between frames for a node that takes what it reads at once for whole frames.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a gossip-python takes to read a frame of at most so many octets. At these gaps it lost nothing.
const GAPS: [(usize, Duration); 3] =
    [(72, Duration::from_millis(2)), (1_400, Duration::from_millis(5)), (16_384, Duration::from_millis(60))];
/// The same for any longer one.
const LONGEST: Duration = Duration::from_millis(500);

/// When the next frame may follow.
#[derive(Default, Debug)]
pub(super) struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Waits until the next frame may follow.
    pub(super) fn wait(&self) {
        if let Some(next) = self.next {
            sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    /// A frame of so many octets was written.
    pub(super) fn sent(&mut self, octets: usize) {
        self.next = Some(Instant::now() + gap(octets));
    }
}

fn gap(octets: usize) -> Duration {
    GAPS.iter().find(|(most, _)| octets <= *most).map_or(LONGEST, |(_, gap)| *gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_frames_have_longer_gaps() {
        let gaps = [8, 72, 73, 1_400, 1_401, 16_384, 16_385, 65_535].map(|octets| gap(octets).as_millis());
        assert_eq!(gaps, [2, 2, 5, 5, 60, 60, 500, 500]);
    }
}
