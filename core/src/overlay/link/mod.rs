//! One link: who is at the other end, who chose it, and how it is.

mod beats;
mod channel;
mod channels;
mod floor;
mod progress;
mod traffic;
mod width;

pub use beats::{Beats, Carrier, Heard};
pub use channel::{Breach, Channel, HeardOn, LARGEST, Misuse, Said};
pub use channels::Channels;
pub use floor::Floor;
pub use progress::{Flow, Progress};
pub use traffic::{Tally, Traffic};
pub use width::Width;

use core::net::SocketAddr;
use core::time::Duration;

use super::names::{Cost, NodeId, Token};
use super::wire::{ListedRole, NodeName};
use crate::kernel::{ConnId, RoundTrip, Time};

/// Whether I chose the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Mine {
    /// No.
    No,
    /// Yes.
    Chosen,
    /// Yes, until its replacement stands.
    Leaving,
    /// Yes, beyond k, to bring two parts of the overlay together; until the next decision.
    Bridge,
}

/// Whether the other end chose me.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Theirs {
    /// No.
    No,
    /// Yes.
    Chosen,
    /// Yes, beyond the cap, since it had no link; its place is taken back then.
    Guest {
        /// When.
        until: Time,
    },
    /// No: it only watches the flood.
    Watching,
}

/// A link to a neighbour.
#[derive(Clone, Debug)]
pub struct Link {
    /// The neighbour.
    pub peer: NodeId,
    /// Its name as it greeted.
    pub name: NodeName,
    /// The connection.
    pub conn: ConnId,
    /// Since when.
    pub since: Time,
    /// Whether I chose it.
    pub mine: Mine,
    /// Whether it chose me.
    pub theirs: Theirs,
    /// What it puts into its beats.
    pub my_token: Token,
    /// What I put into mine.
    pub their_token: Token,
    /// Where it hears datagrams: where its last beat came from, and before the first the address of its connection with
    /// the port of its name.
    pub endpoint: SocketAddr,
    /// The heartbeats.
    pub beats: Beats,
    /// Whether full-size packets get through.
    pub width: Width,
    /// What the way takes at the least.
    pub floor: Floor,
    /// Whether the connection carries anything.
    pub progress: Progress,
    /// The round trip that the heartbeats measure.
    pub rtt: Option<RoundTrip>,
    /// The last round trip alone: the age of what arrives is half of it.
    pub echo: Duration,
    /// When I decided to choose it.
    pub decided: Time,
    /// My choice is announced from then on.
    pub announce_at: Time,
    /// The cost last announced.
    pub announced: Option<Cost>,
    /// What went over it by datagrams; what went over its connection is counted there.
    pub datagrams: Traffic,
    /// I watch through this link: it is listed by nobody.
    pub watching: bool,
    /// What rides on it.
    pub channels: Channels,
}

impl Link {
    /// How the link stands in my record, if it does.
    pub fn listed_role(&self, now: Time) -> Option<ListedRole> {
        if self.beats.suspected() || self.rtt.is_none() {
            return None;
        }
        let mine = self.mine != Mine::No && self.announce_at <= now;
        match (mine, self.chosen_by_peer()) {
            (true, true) => Some(ListedRole::Both),
            (true, false) => Some(ListedRole::Out),
            (false, true) => Some(ListedRole::In),
            (false, false) => None,
        }
    }

    /// Whether the other end chose me, guest or not.
    pub fn chosen_by_peer(&self) -> bool {
        matches!(self.theirs, Theirs::Chosen | Theirs::Guest { .. })
    }

    /// Whether neither side has a use for it.
    pub fn useless(&self) -> bool {
        self.mine == Mine::No && self.theirs == Theirs::No && !self.watching
    }

    /// Whether nothing but the flood goes over it: neither side chose it.
    pub fn idle(&self) -> bool {
        self.mine == Mine::No && !self.chosen_by_peer() && !self.watching
    }

    /// Whether one of its ends only watches the flood.
    pub fn only_watches(&self) -> bool {
        self.watching || self.theirs == Theirs::Watching
    }

    /// Whether beats come.
    pub fn live(&self) -> bool {
        !self.beats.suspected()
    }

    /// What it costs, once measured.
    pub fn cost(&self) -> Option<Cost> {
        self.rtt.as_ref().map(|rtt| Cost::from_duration(rtt.mean()))
    }

    /// One more measurement by a beat.
    pub fn measured(&mut self, now: Time, rtt: Duration) {
        let rtt = rtt.max(self.floor.least(now));
        RoundTrip::sample(&mut self.rtt, rtt);
        self.echo = rtt;
    }
}
