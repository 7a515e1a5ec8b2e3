//! Payloads that arrive: delivered, passed on, and what becomes of them told to their sources.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::Overlay;
use crate::kernel::{Class, ConnId};
use crate::overlay::event::{Event, Loss};
use crate::overlay::names::{NodeId, Token};
use crate::overlay::notices::Notices;
use crate::overlay::wire::{self, DataHead, Flow, Way};

/// How many links a payload may take.
pub(super) const TTL: u8 = wire::TTL_LIMIT;
/// A datagram of at most so many octets in all goes over UDP between neighbours.
pub(super) const DATAGRAM: usize = 1_200;
/// While so many octets wait before a link of what may not be shed, reports wait beside them: those who are sent more than
/// they read would lose the link by them, and nothing else would get there.
const AHEAD: usize = 16 << 10;
/// Reports that wait so for a link; more are left out. They are about more payloads than a queue holds.
const REPORTS: usize = 16_384;

/// What a queue knows of a payload beside its frame: whom to tell what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label {
    source: NodeId,
    destination: NodeId,
    number: u64,
}

impl Label {
    /// Of a payload whose loss its sender is told; there is no error about an error, and none about a reply.
    const fn of(head: &DataHead) -> Option<Self> {
        match head.flow {
            Flow::Data(number) | Flow::Marked(number) | Flow::Echo(number) => {
                Some(Label { source: head.source, destination: head.destination, number })
            }
            _ => None,
        }
    }
}

/// A payload and its head.
#[derive(Clone, Copy)]
pub(super) struct Parcel<'a> {
    pub(super) head: DataHead,
    pub(super) payload: &'a [u8],
    /// The whole frame as it came over a link, which differs from what goes on by the TTL alone.
    pub(super) text: Option<&'a [u8]>,
}

impl Parcel<'_> {
    fn size(&self) -> usize {
        self.text.map_or(wire::data_size(self.payload), <[u8]>::len)
    }

    fn write(&self, out: &mut BytesMut) {
        match self.text {
            Some(text) => {
                let begin = out.len();
                out.extend_from_slice(text);
                wire::set_ttl(&mut out[begin..], self.head.ttl);
            }
            None => wire::put_data(&self.head, self.payload, out),
        }
    }
}

/// What carries a payload to a neighbour.
pub(super) enum Carriage {
    /// A datagram, which is this.
    Datagram(Bytes, SocketAddr),
    /// The link.
    Link(ConnId),
}

/// Whom to tell what.
type Told = (Label, fn(u64) -> Flow);

/// What there is to tell the sources of payloads.
#[derive(Debug, Default)]
pub(super) struct Forwarding {
    reports: VecDeque<Told>,
    /// Reports that waited for a link that is gone: there may be another way.
    stranded: VecDeque<DataHead>,
    notices: Notices,
}

impl Forwarding {
    /// A payload found no room.
    pub(super) fn shed(&mut self, label: Option<Label>) {
        self.reports.extend(label.map(|label| -> Told { (label, Flow::Busy) }));
    }

    /// Payloads waited for a neighbour that is gone.
    pub(super) fn cut_off(&mut self, labels: impl Iterator<Item = Option<Label>>) {
        self.reports.extend(labels.flatten().map(|label| -> Told { (label, Flow::Unreachable) }));
    }

    /// Reports waited for a neighbour that is gone.
    pub(super) fn strand(&mut self, reports: &mut VecDeque<DataHead>) {
        self.stranded.append(reports);
    }
}

impl Overlay {
    /// A payload came from a neighbour.
    pub(super) fn forward(&mut self, from: NodeId, parcel: Parcel<'_>) {
        let Some(me) = self.me() else { return };
        let head = parcel.head;
        if head.destination == me.id {
            return self.deliver(me.id, &parcel);
        }
        if self.config.is_watcher() {
            return;
        }
        let Some(ttl) = head.ttl.checked_sub(1).filter(|ttl| *ttl > 0) else {
            return self.undeliverable(&head, Flow::Expired);
        };
        match self.next_hop(head.destination).filter(|hop| *hop != from || head.ttl == TTL) {
            Some(hop) => {
                self.counters.forwarded += 1;
                self.transmit(hop, &Parcel { head: DataHead { ttl, ..head }, ..parcel });
            }
            None => self.undeliverable(&head, Flow::Unreachable),
        }
    }

    /// A payload came as a datagram: it counts from whom the token was given to, wherever it was sent from.
    pub(super) fn datagram_payload(&mut self, token: Token, head: DataHead, payload: &[u8]) {
        match self.tokens.get(&token).copied() {
            Some(peer) => self.forward(peer, Parcel { head, payload, text: None }),
            None => self.counters.stray_datagrams += 1,
        }
    }

    pub(super) fn deliver(&mut self, me: NodeId, parcel: &Parcel<'_>) {
        let (head, payload) = (parcel.head, parcel.payload);
        match head.flow {
            Flow::Data(_) => self.delivered(head.source, payload),
            Flow::Marked(number) => {
                self.delivered(head.source, payload);
                self.report(me, head.source, Flow::Arrived(number));
            }
            Flow::Echo(number) => {
                let flow = Flow::Reply(number);
                self.route(&Parcel { head: reply(&head, flow, me), payload, text: None });
            }
            Flow::Reply(number) => self.echoed(number, head.source, payload),
            Flow::Arrived(number) => self.arrived(head.source, number),
            Flow::Unreachable(number) => self.undelivered(number, head.source, Loss::Unreachable),
            Flow::Expired(number) => self.undelivered(number, head.source, Loss::Expired),
            Flow::Busy(number) => self.undelivered(number, head.source, Loss::Busy),
            Flow::Crowded(_) => self.crowded(head.source),
        }
    }

    fn delivered(&mut self, from: NodeId, payload: &[u8]) {
        self.emit(Event::Delivered { from, payload: Bytes::copy_from_slice(payload) });
    }

    /// Tells the sender what its payload cannot do.
    fn undeliverable(&mut self, head: &DataHead, flow: fn(u64) -> Flow) {
        if let Some(label) = Label::of(head) {
            self.report(label.destination, label.source, flow(label.number));
        }
    }

    /// Tells `to` what became of a payload for `about`.
    fn report(&mut self, about: NodeId, to: NodeId, flow: Flow) {
        let head = DataHead { ttl: TTL, way: Way::Link, flow, source: about, destination: to, len: 0 };
        self.route(&Parcel { head, payload: &[], text: None });
    }

    fn route(&mut self, parcel: &Parcel<'_>) {
        let to = parcel.head.destination;
        if self.me().is_some_and(|me| me.id == to) {
            self.deliver(to, parcel);
        } else if let Some(hop) = self.next_hop(to) {
            self.transmit(hop, parcel);
        }
    }

    /// What carries a payload to a neighbour: a datagram where its sender wants one, its length allows it and the
    /// neighbour hears them; else the link.
    pub(super) fn carriage(&self, hop: NodeId, parcel: &Parcel<'_>) -> Option<Carriage> {
        let link = self.links.get(&hop)?;
        if parcel.head.way == Way::Datagram
            && parcel.payload.len() < DATAGRAM
            && link.beats.fresh_udp(self.timers.now())
        {
            let datagram = wire::emit_datagram(link.their_token, &parcel.head, parcel.payload);
            if datagram.len() <= DATAGRAM {
                return Some(Carriage::Datagram(datagram, link.endpoint));
            }
        }
        Some(Carriage::Link(link.conn))
    }

    fn transmit(&mut self, hop: NodeId, parcel: &Parcel<'_>) {
        match self.carriage(hop, parcel) {
            Some(Carriage::Datagram(payload, to)) => match self.pace.send(self.timers.now(), payload.len()) {
                Ok(()) => self.send_payload_datagram(hop, to, payload),
                Err(_) => self.shed_datagram(hop, &parcel.head),
            },
            Some(Carriage::Link(conn)) if parcel.head.flow.is_report() => self.send_report(conn, parcel.head),
            Some(Carriage::Link(conn)) => self.send_parcel(conn, parcel),
            None => {}
        }
    }

    /// A payload leaves as a datagram to a neighbour.
    pub(super) fn send_payload_datagram(&mut self, hop: NodeId, to: SocketAddr, payload: Bytes) {
        if let Some(link) = self.links.get_mut(&hop) {
            link.width.used(payload.len());
        }
        self.send_datagram(hop, Class::Bulk, to, payload);
    }

    /// The socket takes no more datagrams with payloads for now.
    fn shed_datagram(&mut self, hop: NodeId, head: &DataHead) {
        self.counters.shed += 1;
        if let Some(link) = self.links.get_mut(&hop) {
            link.datagrams.shed += 1;
        }
        self.forwarding.shed(Label::of(head));
    }

    fn send_report(&mut self, conn: ConnId, head: DataHead) {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.reports.len() < REPORTS) else { return };
        state.reports.push_back(head);
        self.send_reports(conn);
    }

    /// Queues the reports that there is room for, in turn with what else may not be shed.
    pub(super) fn send_reports(&mut self, conn: ConnId) {
        while let Some(state) = self.conns.get_mut(&conn).filter(|c| c.outbox.pressing() < AHEAD)
            && let Some(head) = state.reports.pop_front()
        {
            let frame = state.arena.frame(wire::data_size(&[]), |out| wire::put_data(&head, &[], out));
            self.send(conn, Class::Control, frame);
        }
    }

    /// Queues a payload for a neighbour. If that fills more than half of the queue, its source is told.
    pub(super) fn send_parcel(&mut self, conn: ConnId, parcel: &Parcel<'_>) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let frame = state.arena.frame(parcel.size(), |out| parcel.write(out));
        let label = Label::of(&parcel.head);
        self.send_labelled(conn, Class::Bulk, frame, label);
        let crowded = self.conns.get(&conn).is_some_and(|state| state.outbox.is_crowded());
        if let Some(Label { source, destination, number }) = label.filter(|_| crowded)
            && self.forwarding.notices.admit(self.timers.now(), source, destination)
        {
            self.report(destination, source, Flow::Crowded(number));
        }
    }

    /// Tells the sources of payloads that were lost here, one error each.
    pub(super) fn tell_of_losses(&mut self) {
        while let Some((label, flow)) = self.forwarding.reports.pop_front() {
            self.report(label.destination, label.source, flow(label.number));
        }
        while let Some(head) = self.forwarding.stranded.pop_front() {
            self.route(&Parcel { head, payload: &[], text: None });
        }
    }
}

/// The head of what goes back to who sent `head`.
const fn reply(head: &DataHead, flow: Flow, me: NodeId) -> DataHead {
    DataHead { ttl: TTL, way: head.way, flow, source: me, destination: head.source, len: head.len }
}
