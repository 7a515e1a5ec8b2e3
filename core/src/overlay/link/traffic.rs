//! What has gone over a link.

/// Frames one way, and their octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Tally {
    /// Frames on the connection and datagrams.
    pub frames: u64,
    /// Octets in them, line ends and payloads included; what TCP, UDP and IP put around them is not.
    pub octets: u64,
}

impl Tally {
    /// One more of so many octets.
    pub fn count(&mut self, octets: usize) {
        self.frames += 1;
        self.octets += octets as u64;
    }
}

/// What has gone over a connection, or over a link by datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Traffic {
    /// Given to the driver.
    pub sent: Tally,
    /// Taken from it, whether it was of use or not.
    pub received: Tally,
    /// Payloads that had no room in the queue for it.
    pub shed: u64,
}

impl Traffic {
    /// Both together.
    pub fn with(self, other: Traffic) -> Traffic {
        let sum = |a: Tally, b: Tally| Tally { frames: a.frames + b.frames, octets: a.octets + b.octets };
        Traffic {
            sent: sum(self.sent, other.sent),
            received: sum(self.received, other.received),
            shed: self.shed + other.shed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let mut a = Traffic { shed: 1, ..Traffic::default() };
        a.sent.count(10);
        a.sent.count(5);
        let mut b = a;
        b.received.count(7);
        let both = a.with(b);
        assert_eq!(both.sent, Tally { frames: 4, octets: 30 });
        assert_eq!((both.received, both.shed), (Tally { frames: 1, octets: 7 }, 2));
    }
}
