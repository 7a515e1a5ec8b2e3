//! Payloads of this node's own: taken or refused, and what comes back about them.

use alloc::collections::BTreeMap;
use core::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use super::forwarding::{Carriage, Parcel, TTL};
use super::{Overlay, Timer};
use crate::kernel::{ConnId, Time};
use crate::overlay::event::{Event, Refusal, Reply};
use crate::overlay::names::NodeId;
use crate::overlay::window::{Mark, Windows};
use crate::overlay::wire::{self, DataHead, Flow, Way};

/// Echoes whose answer is waited for.
const ECHOES: usize = 1_024;
/// Destinations that are told when there is room again; the first of more is told at once, and may be refused again.
const REFUSED: usize = 1_024;

/// What is on its way, and who waits for room.
#[derive(Debug, Default)]
pub(super) struct Sending {
    last: u64,
    echoes: BTreeMap<u64, Time>,
    windows: Windows,
    /// What was refused as busy, and over which neighbour it would have gone.
    refused: BTreeMap<(NodeId, Way), NodeId>,
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
        self.sending.echoes.insert(number, self.now);
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
            self.dispatch(hop, parcel, number).map_err(|until| self.refuse_busy(order, hop, until))?;
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
    /// There is none; when to ask again, where no answer may come that makes some.
    fn dispatch(&mut self, hop: NodeId, mut parcel: Parcel<'_>, number: u64) -> Result<(), Option<Time>> {
        let (to, len) = (parcel.head.destination, wire::data_size(parcel.payload));
        if hop != to {
            self.sending.windows.admit(self.now, to, len).map_err(Some)?;
        }
        let carriage = self.carriage(hop, &parcel).ok_or(None)?;
        match &carriage {
            Carriage::Datagram(datagram, _) => self.pace.send(self.now, datagram.len()).map_err(Some)?,
            Carriage::Link(conn) => self.has_room(*conn, len).then_some(()).ok_or(None)?,
        }
        if hop != to
            && self.sending.windows.send(self.now, to, number, len) == Mark::Marked
            && let Flow::Data(number) = parcel.head.flow
        {
            parcel.head.flow = Flow::Marked(number);
        }
        match carriage {
            Carriage::Link(conn) => self.send_parcel(conn, &parcel),
            Carriage::Datagram(mut payload, endpoint) => {
                if let Some(Carriage::Datagram(marked, _)) = self.carriage(hop, &parcel) {
                    payload = marked;
                }
                self.send_payload_datagram(hop, endpoint, payload);
            }
        }
        Ok(())
    }

    fn has_room(&self, conn: ConnId, len: usize) -> bool {
        self.conns.get(&conn).is_some_and(|state| state.outbox.has_room_for(len))
    }

    /// Notes who is to be told when there is room.
    fn refuse_busy(&mut self, order: &Order, hop: NodeId, until: Option<Time>) -> Refusal {
        if let Some(at) = until {
            self.timers.set_earlier(Timer::Room, at.max(self.now + Duration::from_micros(1)));
        }
        let refused = &mut self.sending.refused;
        refused.insert((order.to, order.way), hop);
        if refused.len() > REFUSED
            && let Some(((to, way), _)) = refused.pop_first()
        {
            self.emit(Event::Room { to, way });
        }
        Refusal::Busy
    }

    /// Tells those of whom `which` says so, and for whom there is room or no way at all, to try again.
    fn tell_room(&mut self, which: impl Fn(NodeId, NodeId) -> bool) {
        let waiting: SmallVec<[(NodeId, Way); 4]> = self
            .sending
            .refused
            .iter()
            .filter(|((to, _), hop)| which(*to, **hop))
            .map(|(key, _)| *key)
            .collect();
        for (to, way) in waiting {
            if self.is_roomy(to, way) {
                self.sending.refused.remove(&(to, way));
                self.emit(Event::Room { to, way });
            }
        }
    }

    fn is_roomy(&mut self, to: NodeId, way: Way) -> bool {
        let Some(hop) = self.next_hop(to) else { return true };
        let behind = if hop == to { Ok(()) } else { self.sending.windows.is_roomy(self.now, to) };
        if let Err(at) = behind {
            self.timers.set_earlier(Timer::Room, at.max(self.now + Duration::from_micros(1)));
            return false;
        }
        let Some(link) = self.links.get(&hop) else { return true };
        if way == Way::Datagram && link.beats.fresh_udp(self.now) {
            let roomy = self.pace.is_roomy(self.now);
            if !roomy {
                self.timers.set_earlier(Timer::Room, self.now + Duration::from_millis(1));
            }
            return roomy;
        }
        self.conns.get(&link.conn).is_some_and(|state| state.outbox.is_roomy())
    }

    /// Everybody who waits is looked at: routes may have changed, or time has passed.
    pub(super) fn look_for_room(&mut self) {
        if !self.sending.refused.is_empty() {
            self.tell_room(|_, _| true);
        }
    }

    /// A neighbour's queue got shorter.
    pub(super) fn room_at(&mut self, hop: NodeId) {
        if !self.sending.refused.is_empty() {
            self.tell_room(|_, over| over == hop);
        }
    }

    /// Something is known of what was on its way to `to`.
    fn room_towards(&mut self, to: NodeId) {
        if !self.sending.refused.is_empty() {
            self.tell_room(|other, _| other == to);
        }
    }

    /// A marked payload arrived.
    pub(super) fn arrived(&mut self, from: NodeId, number: u64) {
        self.sending.windows.arrived(self.now, from, number);
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
        let after = self.now.since(sent);
        self.emit(Event::Echoed { number, from, after, payload: Bytes::copy_from_slice(payload) });
    }

    /// A payload for `to` was lost.
    pub(super) fn undelivered(&mut self, number: u64, to: NodeId, why: &'static str) {
        self.sending.windows.lost(self.now, to, number);
        self.room_towards(to);
        self.sending.echoes.remove(&number);
        self.emit(Event::Undelivered { number, to, why });
    }
}
