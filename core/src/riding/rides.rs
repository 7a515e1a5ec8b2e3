//! Rides: channels that are connections to the gossip node inside.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::machine::{Due, Riding};
use crate::gossip::PEERS;
use crate::gossip::wire::{Probe, write};
use crate::kernel::{CloseHow, Closed, ConnId, How, Input, Machine as _};
use crate::overlay::wire::ChannelName;
use crate::overlay::{self, ChannelNews, ChannelOrder, NodeId};

/// A channel that one end has ended is offered again after this.
pub const PAUSE: Duration = Duration::from_secs(5);

/// Names of rides begin here; no driver comes so far.
const FIRST: u64 = 1 << 63;

/// A channel that is open.
#[derive(Debug)]
struct Ride {
    peer: NodeId,
    /// What came and was not taken.
    heard: BytesMut,
    is_read: bool,
}

/// All that are open.
#[derive(Debug, Default)]
pub(super) struct Rides {
    last: u64,
    open: BTreeMap<ConnId, Ride>,
    with: BTreeMap<NodeId, ConnId>,
}

impl Rides {
    /// The name of that with a neighbour.
    pub(super) fn with(&self, peer: NodeId) -> Option<ConnId> {
        self.with.get(&peer).copied()
    }

    /// Whether a name is one of a ride, open or not.
    pub(super) const fn names(conn: ConnId) -> bool {
        conn.0 >= FIRST
    }

    fn begin(&mut self, peer: NodeId) -> ConnId {
        let conn = ConnId(FIRST + self.last);
        self.last += 1;
        self.open.insert(conn, Ride { peer, heard: BytesMut::new(), is_read: true });
        self.with.insert(peer, conn);
        conn
    }

    fn end(&mut self, conn: ConnId) -> Option<NodeId> {
        let ride = self.open.remove(&conn)?;
        self.with.remove(&ride.peer);
        Some(ride.peer)
    }
}

/// The channel's name.
pub(super) fn channel() -> ChannelName {
    ChannelName::new("gossip").unwrap_or_else(|_| unreachable!("it is a name"))
}

/// What a neighbour's gossip node would say to be known as one of this project; it says the same of its own later. By this
/// number gossip knows two connections with one node, and a neighbour has one.
fn introduction(peer: NodeId) -> BytesMut {
    let halves = (peer.0 >> 64) ^ (peer.0 & u128::from(u64::MAX));
    let nonce = u64::try_from(halves).unwrap_or_default();
    BytesMut::from(&write::native(Probe::Hello { nonce })[..])
}

/// What the overlay tells.
impl Riding {
    pub(super) fn channel_news(&mut self, peer: NodeId, news: ChannelNews) {
        match news {
            ChannelNews::Up { address } => self.ride_begins(peer, address),
            ChannelNews::Down { .. } => self.ride_ends(peer),
            ChannelNews::Heard(octets) => self.ride_heard(peer, &octets),
            ChannelNews::Sent(n) => {
                if let Some(conn) = self.rides.with(peer) {
                    self.tell_gossip(Input::Flushed { conn, n });
                }
            }
        }
    }

    fn ride_begins(&mut self, peer: NodeId, address: SocketAddr) {
        self.deadlines.cancel(Due::Offer(peer));
        if self.gossip.is_over {
            return self.order(peer, ChannelOrder::Abort);
        }
        let conn = self.rides.begin(peer);
        self.tell_gossip(Input::Opened { conn, how: How::Accepted(PEERS), remote: address });
        self.tell_gossip(Input::Received { conn, bytes: &mut introduction(peer) });
    }

    /// The other end has ended it, or the link is gone.
    fn ride_ends(&mut self, peer: NodeId) {
        if let Some(conn) = self.rides.with(peer) {
            self.rides.end(conn);
            self.tell_gossip(Input::Closed { conn, why: Closed::ByPeer });
            self.deadlines.after(Due::Offer(peer), PAUSE);
        }
    }

    fn ride_heard(&mut self, peer: NodeId, octets: &[u8]) {
        let Some(conn) = self.rides.with(peer) else { return };
        if let Some(ride) = self.rides.open.get_mut(&conn) {
            ride.heard.extend_from_slice(octets);
        }
        self.present(conn);
    }

    /// Hands over what a ride has heard, and gives credit for what is taken.
    fn present(&mut self, conn: ConnId) {
        let Some(ride) = self.rides.open.get_mut(&conn).filter(|ride| ride.is_read) else { return };
        let (peer, before) = (ride.peer, ride.heard.len());
        self.gossip.handle(self.deadlines.now(), Input::Received { conn, bytes: &mut ride.heard });
        let taken = before - ride.heard.len();
        if taken > 0 {
            self.order(peer, ChannelOrder::Take(taken));
        }
    }

    /// Closes all rides, since their links are no more.
    pub(super) fn end_rides(&mut self) {
        let peers: Vec<NodeId> = self.rides.with.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.ride_ends(peer));
        self.deadlines.clear();
    }
}

/// What gossip wants done.
impl Riding {
    pub(super) fn ride_sends(&mut self, conn: ConnId, frame: Bytes) {
        if let Some(peer) = self.rides.open.get(&conn).map(|ride| ride.peer) {
            self.order(peer, ChannelOrder::Say(frame));
        }
    }

    pub(super) fn ride_reads(&mut self, conn: ConnId, on: bool) {
        if let Some(ride) = self.rides.open.get_mut(&conn) {
            ride.is_read = on;
            self.present(conn);
        }
    }

    pub(super) fn ride_closes(&mut self, conn: ConnId, how: CloseHow) {
        let Some(peer) = self.rides.end(conn) else { return };
        let order = match how {
            CloseHow::Flush => ChannelOrder::Finish,
            CloseHow::Abort => ChannelOrder::Abort,
        };
        self.order(peer, order);
        self.tell_gossip(Input::Closed { conn, why: Closed::ByUs });
        self.deadlines.after(Due::Offer(peer), PAUSE);
    }

    /// Offers a channel again. The link may be gone, which is no matter.
    pub(super) fn offer(&mut self, peer: NodeId) {
        if !self.gossip.is_over {
            self.order(peer, ChannelOrder::Open);
        }
    }

    /// What is refused concerns a channel that has ended, which is told next.
    fn order(&mut self, peer: NodeId, order: ChannelOrder) {
        let command = overlay::Command::Channel { peer, channel: channel(), order };
        let _ = self.overlay.machine.command(self.deadlines.now(), command);
    }

    fn tell_gossip(&mut self, input: Input<'_>) {
        self.gossip.handle(self.deadlines.now(), input);
    }
}
