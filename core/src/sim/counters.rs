//! What happened in a world, in numbers.

use alloc::vec::Vec;
use core::ops::AddAssign;

/// What one node did, or all of them together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Things that happened to it: arrivals, wake-ups, ends of waits.
    pub events: u64,
    /// Datagrams it sent.
    pub datagrams_sent: u64,
    /// Octets in them.
    pub datagram_bytes: u64,
    /// Datagrams it sent that were lost on the way, met nobody, or found the receiver's buffer full.
    pub datagrams_lost: u64,
    /// Frames it wrote to connections.
    pub frames: u64,
    /// Octets in them.
    pub frame_bytes: u64,
    /// Connections it dialled.
    pub dials: u64,
    /// Wake-ups by reason, in the order in which the reasons first came.
    pub wakes: Vec<(&'static str, u64)>,
}

impl Counters {
    /// Wake-ups for whatever reason.
    pub fn wake_ups(&self) -> u64 {
        self.wakes.iter().map(|(_, n)| n).sum()
    }

    pub(super) fn woke(&mut self, why: &'static str, times: u64) {
        match self.wakes.iter_mut().find(|(known, _)| *known == why) {
            Some((_, n)) => *n += times,
            None => self.wakes.push((why, times)),
        }
    }
}

impl AddAssign<&Counters> for Counters {
    fn add_assign(&mut self, other: &Counters) {
        self.events += other.events;
        self.datagrams_sent += other.datagrams_sent;
        self.datagram_bytes += other.datagram_bytes;
        self.datagrams_lost += other.datagrams_lost;
        self.frames += other.frames;
        self.frame_bytes += other.frame_bytes;
        self.dials += other.dials;
        for (why, n) in &other.wakes {
            self.woke(why, *n);
        }
    }
}
