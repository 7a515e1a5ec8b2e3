//! Payloads of this node's own: taken or refused, and what comes back about them.

use alloc::collections::BTreeMap;
use core::time::Duration;

use bytes::Bytes;

use super::forwarding::{Carriage, Parcel, TTL};
use super::{Overlay, Timer};
use crate::kernel::{ConnId, Time};
use crate::overlay::event::{Event, Loss, Refusal, Reply};
use crate::overlay::names::NodeId;
use crate::overlay::waiting::{Target, Waiting};
use crate::overlay::window::{Mark, Windows};
use crate::overlay::wire::{self, DataHead, Flow, Way};

/// Echoes whose answer is waited for.
const ECHOES: usize = 1_024;

/// What is on its way, and who waits for room.
#[derive(Debug, Default)]
pub(super) struct Sending {
    last: u64,
    echoes: BTreeMap<u64, Time>,
    windows: Windows,
    waiting: Waiting,
}

/// What there is no room for a payload in.
#[derive(Clone, Copy)]
enum Want {
    /// A neighbour's queue.
    Queue(NodeId),
    /// Something else, before that time if no answer makes some.
    Time(Time),
}

/// A payload to be sent, or sent back.
pub(super) struct Order {
    pub(super) to: NodeId,
    pub(super) payload: Bytes,
    pub(super) way: Way,
}

impl Overlay {
    pub(super) fn send_payload(&mut self, order: &Order) -> Result<Reply, Refusal> {
        self.send_flow(order, Flow::Data).map(Reply::Sent)
    }

    pub(super) fn send_echo(&mut self, order: &Order) -> Result<Reply, Refusal> {
        if self.sending.echoes.len() == ECHOES {
            self.sending.echoes.pop_first();
        }
        // Noted before it is sent: one to this node itself is answered at once.
        let number = self.sending.last + 1;
        self.sending.echoes.insert(number, self.timers.now());
        let sent = self.send_flow(order, Flow::Echo);
        if sent.is_err() {
            self.sending.echoes.remove(&number);
        }
        sent.map(Reply::Sent)
    }

    fn send_flow(&mut self, order: &Order, flow: fn(u64) -> Flow) -> Result<u64, Refusal> {
        let me = self.me().filter(|_| self.is_running()).ok_or(Refusal::NotRunning)?;
        if order.payload.len() > self.config.bounds.payload {
            return Err(Refusal::TooLong);
        }
        let linked = self.links.contains_key(&order.to);
        if order.to != me.id && !linked && self.database.get(order.to).is_none() {
            return Err(Refusal::Unknown);
        }
        let number = self.sending.last + 1;
        let len = u32::try_from(order.payload.len()).unwrap_or(u32::MAX);
        let (way, destination) = (order.way, order.to);
        let head = DataHead { ttl: TTL, way, flow: flow(number), source: me.id, destination, len };
        let parcel = Parcel { head, payload: &order.payload, text: None };
        if order.to == me.id {
            self.deliver(me.id, &parcel);
        } else {
            let hop = self.next_hop(order.to).ok_or(self.no_way())?;
            let (target, size) = ((order.to, order.way), wire::data_size(&order.payload));
            self.pass_longer(target, size)?;
            self.dispatch(hop, parcel, number).map_err(|want| self.refuse_busy(target, size, want))?;
            self.next_in_line(target);
        }
        self.sending.last = number;
        Ok(number)
    }

    /// Why there is no way to somebody known.
    fn no_way(&self) -> Refusal {
        if self.config.is_watcher() { Refusal::Watching } else { Refusal::Unreachable }
    }

    /// Gives a payload to a neighbour, if that has room for it and so has the way behind it.
    ///
    /// # Errors
    /// There is none.
    fn dispatch(&mut self, hop: NodeId, mut parcel: Parcel<'_>, number: u64) -> Result<(), Want> {
        let (to, len) = (parcel.head.destination, wire::data_size(parcel.payload));
        if hop != to {
            self.sending.windows.admit(self.timers.now(), to, len).map_err(Want::Time)?;
            if self.sending.windows.next_mark(to, len) == Mark::Marked
                && let Flow::Data(number) = parcel.head.flow
            {
                parcel.head.flow = Flow::Marked(number);
            }
        }
        let carriage = self.carriage(hop, &parcel).ok_or(Want::Queue(hop))?;
        match &carriage {
            Carriage::Datagram(datagram, _) => {
                self.pace.send(self.timers.now(), datagram.len()).map_err(Want::Time)?;
            }
            Carriage::Link(conn) => self.has_room(*conn, len).then_some(()).ok_or(Want::Queue(hop))?,
        }
        if hop != to {
            self.sending.windows.send(self.timers.now(), to, number, len);
        }
        match carriage {
            Carriage::Link(conn) => self.send_parcel(conn, &parcel),
            Carriage::Datagram(datagram, endpoint) => self.send_payload_datagram(hop, endpoint, datagram),
        }
        Ok(())
    }

    fn has_room(&self, conn: ConnId, len: usize) -> bool {
        self.conns.get(&conn).is_some_and(|state| state.outbox.has_room_for(len))
    }

    /// Lets a longer payload that was refused before go first.
    fn pass_longer(&mut self, target: Target, len: usize) -> Result<(), Refusal> {
        let passed = self.sending.waiting.pass(self.timers.now(), target, len);
        if let Err(Some(until)) = passed {
            self.look_at(until);
        }
        passed.map_err(|_| Refusal::Busy)
    }

    /// Notes who is to be told when there is room.
    fn refuse_busy(&mut self, target: Target, len: usize, want: Want) -> Refusal {
        let hop = self.wait_for(want);
        if let Some((to, way)) = self.sending.waiting.refuse(target, len, hop) {
            self.emit(Event::Room { to, way });
        }
        Refusal::Busy
    }

    /// A payload was taken: those who waited behind it come next.
    fn next_in_line(&mut self, target: Target) {
        if self.sending.waiting.taken(target) {
            self.sending.waiting.refuse(target, 0, None);
            self.look_at(self.timers.now());
        }
    }

    /// The neighbour whose queue is waited for, or none but for a time.
    fn wait_for(&mut self, want: Want) -> Option<NodeId> {
        match want {
            Want::Queue(hop) => Some(hop),
            Want::Time(at) => {
                self.look_at(at);
                None
            }
        }
    }

    fn look_at(&mut self, at: Time) {
        self.timers.set_earlier(Timer::Room, at);
    }

    /// Tells those of `targets` for whom there is room, or no way at all, to try again.
    fn tell_room(&mut self, targets: impl IntoIterator<Item = Target>) {
        for target in targets {
            let Some(len) = self.sending.waiting.wanted(self.timers.now(), target) else { continue };
            match self.look_for(target, len) {
                Ok(()) => {
                    let until = self.sending.waiting.told(self.timers.now(), target);
                    self.look_at(until);
                    self.emit(Event::Room { to: target.0, way: target.1 });
                }
                Err(want) => {
                    let hop = self.wait_for(want);
                    self.sending.waiting.wait(target, hop);
                }
            }
        }
    }

    /// Looks for room for `len` octets.
    ///
    /// # Errors
    /// There is none.
    fn look_for(&mut self, (to, way): Target, len: usize) -> Result<(), Want> {
        let Some(hop) = self.next_hop(to) else { return Ok(()) };
        if hop != to {
            self.sending.windows.is_roomy(self.timers.now(), to, len).map_err(Want::Time)?;
        }
        let Some(link) = self.links.get(&hop) else { return Ok(()) };
        if way == Way::Datagram && link.beats.fresh_udp(self.timers.now()) {
            let soon = Want::Time(self.timers.now() + Duration::from_millis(1));
            return self.pace.is_roomy(self.timers.now()).then_some(()).ok_or(soon);
        }
        let queue = self.conns.get(&link.conn).map(|state| &state.outbox);
        let roomy = queue.is_some_and(|queue| queue.is_roomy() && queue.has_room_for(len));
        roomy.then_some(()).ok_or(Want::Queue(hop))
    }

    /// Everybody who waits is looked at: routes may have changed, or time has passed.
    pub(super) fn look_for_room(&mut self) {
        self.tell_room(self.sending.waiting.all());
    }

    /// A neighbour's queue got shorter.
    pub(super) fn room_at(&mut self, hop: NodeId) {
        let conn = self.links.get(&hop).and_then(|link| self.conns.get(&link.conn));
        if conn.is_some_and(|state| state.outbox.is_roomy()) {
            self.tell_room(self.sending.waiting.at(hop));
        }
    }

    /// Something is known of what was on its way to `to`.
    fn room_towards(&mut self, to: NodeId) {
        self.tell_room([(to, Way::Link), (to, Way::Datagram)]);
    }

    /// A marked payload arrived.
    pub(super) fn arrived(&mut self, from: NodeId, number: u64) {
        self.sending.windows.arrived(self.timers.now(), from, number);
        self.room_towards(from);
    }

    /// A queue on the way to `to` is crowded.
    pub(super) fn crowded(&mut self, to: NodeId) {
        self.sending.windows.crowded(to);
    }

    /// An echo came back.
    pub(super) fn echoed(&mut self, number: u64, from: NodeId, payload: &[u8]) {
        self.arrived(from, number);
        let Some(sent) = self.sending.echoes.remove(&number) else { return };
        let after = self.timers.now().since(sent);
        self.emit(Event::Echoed { number, from, after, payload: Bytes::copy_from_slice(payload) });
    }

    /// A payload for `to` was lost.
    pub(super) fn undelivered(&mut self, number: u64, to: NodeId, why: Loss) {
        self.sending.windows.lost(self.timers.now(), to, number);
        self.room_towards(to);
        self.sending.echoes.remove(&number);
        self.emit(Event::Undelivered { number, to, why });
    }
}
