//! What a node of this dialect says, and when.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::super::interface::PeerInfo;
use super::super::message::{Malformed, Message, NodeId};
use super::super::talk::{self, Again, Pings};
use super::wire::{self, Kind, Node};
use crate::kernel::{ConnId, Rng, Streams, Time};

/// A node's side of every conversation.
#[derive(Debug)]
pub(in super::super) struct Talk {
    id: NodeId,
    nonces: Rng,
    /// A time of the driver's clock, and the wall clock's time then.
    clock: (Time, Duration),
}

impl Talk {
    /// `unix` is the wall clock's time at [`Time::ZERO`].
    pub(in super::super) fn new(streams: &Streams, unix: Duration) -> Self {
        let id = id(&mut streams.named("hello id"));
        Talk { id, nonces: streams.named("hello nonces"), clock: (Time::ZERO, unix) }
    }

    fn nonce(&mut self) -> String {
        format!("{:032x}{:032x}", self.nonces.u128(), self.nonces.u128())
    }

    /// The wall clock's time at a time that may be before the clock was last said.
    fn unix(&self, at: Time) -> Duration {
        let (then, unix) = self.clock;
        unix.saturating_add(at.since(then)).saturating_sub(then.since(at))
    }

    fn node(&self, peer: &PeerInfo) -> Node {
        let kind = if peer.dialed { Kind::Speaker } else { Kind::Listener };
        Node { id: peer.id.clone(), addr: peer.remote, kind, heard: self.unix(peer.heard) }
    }
}

/// 10 hex digits.
fn id(rng: &mut Rng) -> NodeId {
    NodeId::new(&format!("{:010x}", rng.u64() >> 24)).expect("10 digits")
}

impl talk::Talk for Talk {
    fn id(&self) -> &NodeId {
        &self.id
    }

    fn read(&self, line: &[u8]) -> Result<Message, Malformed> {
        wire::read(line)
    }

    fn hello(&mut self) -> Bytes {
        let nonce = self.nonce();
        wire::write_hello(&self.id, &nonce)
    }

    fn ping(&mut self) -> Bytes {
        let nonce = self.nonce();
        wire::write_ping(&self.id, &nonce)
    }

    fn pong(&mut self) -> Bytes {
        let nonce = self.nonce();
        wire::write_pong(&self.id, &nonce)
    }

    fn pings(&self, dialed: bool) -> Pings {
        if dialed { Pings::Never } else { Pings::Later }
    }

    /// Who accepted tells whom it is connected with: the newcomer first, whose row is always sent, then those who can be
    /// dialled.
    fn introduction(&mut self, conn: ConnId, dialed: bool, peers: &[&PeerInfo]) -> Vec<Bytes> {
        if dialed {
            return Vec::new();
        }
        let mut peers = peers.to_vec();
        peers.sort_by_key(|peer| (peer.conn != conn, !peer.dialed));
        let nonce = self.nonce();
        let nodes = peers.into_iter().map(|peer| self.node(peer));
        Vec::from([wire::write_addr(&self.id, &nonce, nodes)])
    }

    /// Nobody answers getaddr here.
    fn whom_i_know(&mut self, _: ConnId, _: &[&PeerInfo]) -> Option<Bytes> {
        None
    }

    fn again(&self, _: &PeerInfo, _: bool) -> Again {
        Again::Both
    }

    fn clock(&mut self, now: Time, unix: Duration) {
        self.clock = (now, unix);
    }
}
