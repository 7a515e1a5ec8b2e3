//! Payloads: routed on demand, passed on, delivered, and their failures told.

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use bytes::Bytes;

use super::Overlay;
use crate::kernel::{Class, Time};
use crate::overlay::event::{Event, Refusal, Reply};
use crate::overlay::graph::{Graph, GraphBuilder};
use crate::overlay::link::Link;
use crate::overlay::names::NodeId;
use crate::overlay::routes::{ShortestPaths, Tree};
use crate::overlay::wire::{self, DataHead, Flow, Packet};

/// How many links a payload may take.
const TTL: u8 = 32;
/// A datagram of at most so many octets in all goes over UDP between neighbours.
const DATAGRAM: usize = 1_200;
/// Routes are computed at most this often.
const ROUTES_EVERY: Duration = Duration::from_millis(50);
/// ... and so often beside that where no path was left, or the path led over a link known to be dead.
const FORCED: u32 = 4;
/// Echoes whose answer is waited for.
const ECHOES: usize = 1_024;

/// A frame with a payload that went no further here, and what its sender is to hear.
type Loss = (Bytes, fn(u64) -> Flow);

/// Routes, and payloads under way.
#[derive(Debug, Default)]
pub(super) struct Forwarding {
    stale: bool,
    computed: Option<Time>,
    /// How often they were computed before they were due.
    forced: u32,
    generation: u64,
    builder: GraphBuilder,
    graph: Graph,
    paths: ShortestPaths,
    tree: Tree,
    last: u64,
    echoes: BTreeMap<u64, Time>,
    /// Frames with payloads that went no further here, and what their senders are to hear.
    losses: VecDeque<Loss>,
}

impl Forwarding {
    /// Routes may differ from now on.
    pub(super) fn graph_changed(&mut self) {
        self.stale = true;
    }

    /// A frame found no room.
    pub(super) fn lost(&mut self, frame: Bytes, why: fn(u64) -> Flow) {
        self.losses.push_back((frame, why));
    }

    /// Frames waited for a neighbour that is gone.
    pub(super) fn lost_all(&mut self, frames: impl Iterator<Item = Bytes>) {
        self.losses.extend(frames.map(|frame| (frame, Flow::Unreachable as fn(u64) -> Flow)));
    }
}

impl Overlay {
    pub(super) fn send_payload(&mut self, to: NodeId, payload: Bytes) -> Result<Reply, Refusal> {
        let number = self.send_flow(to, &payload, Flow::Data)?;
        Ok(Reply::Sent(number))
    }

    pub(super) fn send_echo(&mut self, to: NodeId, payload: Bytes) -> Result<Reply, Refusal> {
        let number = self.send_flow(to, &payload, Flow::Echo)?;
        if self.forwarding.echoes.len() == ECHOES {
            self.forwarding.echoes.pop_first();
        }
        self.forwarding.echoes.insert(number, self.now);
        Ok(Reply::Sent(number))
    }

    fn send_flow(&mut self, to: NodeId, payload: &Bytes, flow: fn(u64) -> Flow) -> Result<u64, Refusal> {
        let me = self.me().filter(|_| self.is_running()).ok_or(Refusal::NotRunning)?;
        if payload.len() > self.config.bounds.payload {
            return Err(Refusal::TooLong);
        }
        if to != me.id && self.database.get(to).is_none() {
            return Err(Refusal::Unknown);
        }
        let number = self.forwarding.last + 1;
        let head = self.head(flow(number), me.id, to, payload);
        if to == me.id {
            self.deliver(me.id, head, payload.clone());
        } else {
            let hop = self.next_hop(to).ok_or(Refusal::Unreachable)?;
            let frame = wire::emit_data(&head, payload);
            if !self.has_room(hop, frame.len()) {
                return Err(Refusal::Busy);
            }
            self.transmit(hop, frame);
        }
        self.forwarding.last = number;
        Ok(number)
    }

    fn head(&self, flow: Flow, source: NodeId, destination: NodeId, payload: &Bytes) -> DataHead {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        DataHead { flow, source, destination, ttl: TTL, len }
    }

    /// A payload came from a neighbour.
    pub(super) fn forward(&mut self, from: NodeId, head: DataHead, payload: Bytes) {
        let Some(me) = self.me() else { return };
        if head.destination == me.id {
            return self.deliver(me.id, head, payload);
        }
        if self.config.is_watcher() {
            return;
        }
        let Some(ttl) = head.ttl.checked_sub(1).filter(|ttl| *ttl > 0) else {
            return self.undeliverable(me.id, &head, Flow::Expired);
        };
        match self.next_hop(head.destination).filter(|hop| *hop != from || head.ttl == TTL) {
            Some(hop) => {
                self.counters.forwarded += 1;
                self.transmit(hop, wire::emit_data(&DataHead { ttl, ..head }, &payload));
            }
            None => self.undeliverable(me.id, &head, Flow::Unreachable),
        }
    }

    fn deliver(&mut self, me: NodeId, head: DataHead, payload: Bytes) {
        match head.flow {
            Flow::Data(_) => {
                let payload = Bytes::copy_from_slice(&payload);
                self.emit(Event::Delivered { from: head.source, payload });
            }
            Flow::Echo(number) => {
                let back = self.head(Flow::Reply(number), me, head.source, &payload);
                self.route(&back, payload);
            }
            Flow::Reply(number) => {
                let Some(sent) = self.forwarding.echoes.remove(&number) else { return };
                let after = self.now.since(sent);
                let payload = Bytes::copy_from_slice(&payload);
                self.emit(Event::Echoed { number, from: head.source, after, payload });
            }
            Flow::Unreachable(number) => self.undelivered(number, head.source, "unreachable"),
            Flow::Expired(number) => self.undelivered(number, head.source, "expired"),
            Flow::Busy(number) => self.undelivered(number, head.source, "busy"),
        }
    }

    fn undelivered(&mut self, number: u64, from: NodeId, why: &'static str) {
        self.forwarding.echoes.remove(&number);
        self.emit(Event::Undelivered { number, from, why });
    }

    /// Tells the sender; there is no error about an error.
    fn undeliverable(&mut self, me: NodeId, head: &DataHead, flow: fn(u64) -> Flow) {
        if let Flow::Data(number) | Flow::Echo(number) = head.flow {
            let payload = Bytes::new();
            let error = self.head(flow(number), me, head.source, &payload);
            self.route(&error, payload);
        }
    }

    fn route(&mut self, head: &DataHead, payload: Bytes) {
        if self.me().is_some_and(|me| me.id == head.destination) {
            let me = head.destination;
            return self.deliver(me, *head, payload);
        }
        if let Some(hop) = self.next_hop(head.destination) {
            self.transmit(hop, wire::emit_data(head, &payload));
        }
    }

    fn transmit(&mut self, hop: NodeId, frame: Bytes) {
        let Some(link) = self.links.get(&hop) else { return };
        let (conn, udp) = (link.conn, link.beats.fresh_udp(self.now));
        match self.beat_address(hop).filter(|_| udp && frame.len() <= DATAGRAM) {
            Some(to) => self.send_datagram(hop, to, frame),
            None => self.send(conn, Class::Bulk, frame),
        }
    }

    /// Whether a frame of `len` octets to a neighbour finds room: it goes as a datagram, or the link's queue holds it.
    fn has_room(&self, hop: NodeId, len: usize) -> bool {
        let Some(link) = self.links.get(&hop) else { return false };
        let datagram = len <= DATAGRAM && link.beats.fresh_udp(self.now);
        datagram || self.conns.get(&link.conn).is_some_and(|c| c.outbox.has_room_for(len))
    }

    /// Tells the senders of payloads that were lost here, one error each.
    pub(super) fn tell_of_losses(&mut self) {
        while let Some((frame, why)) = self.forwarding.losses.pop_front() {
            self.counters.shed += 1;
            let Some(end) = frame.iter().position(|octet| *octet == b'\r') else { continue };
            if let (Ok(Packet::Dat(head)), Some(me)) = (wire::read(&frame.slice(..end)), self.me()) {
                self.undeliverable(me.id, &head, why);
            }
        }
    }

    /// The neighbour on the shortest path to `to`. Routes are computed when they are asked for and something changed, at
    /// most every 50 ms unless the path that they name is known to be broken.
    pub(super) fn next_hop(&mut self, to: NodeId) -> Option<NodeId> {
        let due = self.forwarding.computed.is_none_or(|at| self.now.since(at) >= ROUTES_EVERY);
        if due {
            self.forwarding.forced = 0;
        }
        if self.forwarding.generation != self.database.index().generation() || (self.forwarding.stale && due)
        {
            self.compute_routes();
        } else if self.forwarding.stale && self.forwarding.forced < FORCED && !self.path_stands(to) {
            self.forwarding.forced += 1;
            self.compute_routes();
        }
        self.known_hop(to)
    }

    /// The shortest paths as last computed, if nothing has changed since.
    pub(super) fn standing_tree(&self) -> Option<&Tree> {
        let f = &self.forwarding;
        let stands = !f.stale && f.generation == self.database.index().generation();
        stands.then_some(&f.tree)
    }

    fn known_hop(&self, to: NodeId) -> Option<NodeId> {
        let dense = self.database.index().of(to)?;
        let hop = self.forwarding.tree.first_hop(dense)?;
        let hop = *self.database.index().ids().get(hop as usize)?;
        self.links.get(&hop).filter(|link| link.live()).map(|_: &Link| hop)
    }

    /// Whether there is a path to `to`, and each of its links is still there by what is known now.
    fn path_stands(&self, to: NodeId) -> bool {
        let path = self.database.index().of(to).and_then(|dense| self.forwarding.tree.path(dense));
        let id = |dense: u32| self.database.at(dense).id();
        let stands = |pair: &[u32]| self.database.edge(self.config.links, id(pair[0]), id(pair[1])).is_some();
        path.is_some_and(|path| path.windows(2).all(stands)) && self.known_hop(to).is_some()
    }

    fn compute_routes(&mut self) {
        let f = &mut self.forwarding;
        f.builder.reset(self.database.len());
        self.database.effective_edges(self.config.links, |from, to, cost| f.builder.push(from, to, cost));
        f.builder.build_into(&mut f.graph);
        f.generation = self.database.index().generation();
        f.stale = false;
        f.computed = Some(self.now);
        if let Some(me) = self.life.me().and_then(|me| self.database.index().of(me.id)) {
            f.paths.tree(&f.graph, me, &mut f.tree);
        }
    }
}
