//! Payloads: routed on demand, passed on, delivered, and their failures told.

use alloc::collections::BTreeMap;
use core::time::Duration;

use bytes::Bytes;

use super::{Overlay, UDP};
use crate::kernel::{Class, Output, Time};
use crate::overlay::event::{Event, Refusal, Reply};
use crate::overlay::graph::{Graph, GraphBuilder};
use crate::overlay::link::Link;
use crate::overlay::names::NodeId;
use crate::overlay::routes::{ShortestPaths, Tree};
use crate::overlay::wire::{self, DataHead, Flow};

/// How many links a payload may take.
const TTL: u8 = 32;
/// A datagram of at most so many octets in all goes over UDP between neighbours.
const DATAGRAM: usize = 1_200;
/// Routes are computed at most this often.
const ROUTES_EVERY: Duration = Duration::from_millis(50);
/// Bulk octets that may wait on a link before senders are told to wait.
const BUSY: usize = 1 << 20;
/// Echoes whose answer is waited for.
const ECHOES: usize = 1_024;

/// Routes, and payloads under way.
#[derive(Debug, Default)]
pub(super) struct Forwarding {
    stale: bool,
    computed: Option<Time>,
    generation: u64,
    builder: GraphBuilder,
    graph: Graph,
    paths: ShortestPaths,
    tree: Tree,
    last: u64,
    echoes: BTreeMap<u64, Time>,
}

impl Forwarding {
    /// Routes may differ from now on.
    pub(super) fn graph_changed(&mut self) {
        self.stale = true;
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
            if self.links.get(&hop).is_some_and(|l| self.backlog(l.conn) + payload.len() > BUSY) {
                return Err(Refusal::Busy);
            }
            self.transmit(hop, &head, payload);
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
                self.transmit(hop, &DataHead { ttl, ..head }, &payload);
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
            self.transmit(hop, head, &payload);
        }
    }

    fn transmit(&mut self, hop: NodeId, head: &DataHead, payload: &Bytes) {
        let Some(link) = self.links.get(&hop) else { return };
        let (conn, udp) = (link.conn, link.beats.fresh_udp(self.now));
        let frame = wire::emit_data(head, payload);
        match self.beat_address(hop).filter(|_| udp && frame.len() <= DATAGRAM) {
            Some(to) => self.out.push_back(Output::Datagram { port: UDP, to, payload: frame }),
            None => self.send(conn, Class::Bulk, frame),
        }
    }

    /// The neighbour on the shortest path to `to`. Routes are computed when they are asked for and something changed, at
    /// most every 50 ms unless the neighbour they name is gone.
    pub(super) fn next_hop(&mut self, to: NodeId) -> Option<NodeId> {
        let due = self.forwarding.computed.is_none_or(|at| self.now.since(at) >= ROUTES_EVERY);
        if self.forwarding.generation != self.database.index().generation() || (self.forwarding.stale && due)
        {
            self.compute_routes();
        }
        self.known_hop(to).or_else(|| {
            if !self.forwarding.stale {
                return None;
            }
            self.compute_routes();
            self.known_hop(to)
        })
    }

    fn known_hop(&self, to: NodeId) -> Option<NodeId> {
        let dense = self.database.index().of(to)?;
        let hop = self.forwarding.tree.first_hop(dense)?;
        let hop = *self.database.index().ids().get(hop as usize)?;
        self.links.get(&hop).filter(|link| link.live()).map(|_: &Link| hop)
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
