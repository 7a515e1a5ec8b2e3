//! The pulse: heartbeats on links, probes to everybody else, and what silence means.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::streams::{Dial, Kind};
use super::{Overlay, Timer, UDP};
use crate::kernel::{Class, Fault, Output, Why};
use crate::overlay::database::Entry;
use crate::overlay::event::Event;
use crate::overlay::link::{Carrier, Heard, Mine};
use crate::overlay::names::{NodeId, Token};
use crate::overlay::wire::{self, Beat, Packet};

/// TCP probes under way at once.
const TCP_PROBES: usize = 8;

impl Overlay {
    pub(super) fn pulse(&mut self) {
        self.timers.set(Timer::Pulse, self.now + self.config.periods.heartbeat);
        let neighbours: Vec<NodeId> = self.links.keys().copied().collect();
        for id in neighbours {
            self.beat(id);
            self.watch_silence(id);
        }
        self.expire_probes();
        if self.is_running() {
            self.probe_due();
        }
    }

    pub(super) fn beat(&mut self, id: NodeId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let beat = link.beats.beat(self.now, link.their_token);
        let conn = link.conn;
        match link.beats.carrier() {
            Carrier::Udp => {
                let Some(to) = self.beat_address(id) else { return };
                self.send_datagram(id, to, wire::emit_beat(&beat));
            }
            Carrier::Tcp => self.send_packet(conn, Class::Urgent, &Packet::Hb(beat)),
        }
    }

    /// Where a neighbour hears datagrams: the address of its connection with the port of its name.
    pub(super) fn beat_address(&self, id: NodeId) -> Option<SocketAddr> {
        let link = self.links.get(&id)?;
        let remote = self.conns.get(&link.conn)?.remote;
        Some(SocketAddr::new(remote.ip(), link.name.addr.port()))
    }

    /// Sends a datagram of a link.
    pub(super) fn send_datagram(&mut self, id: NodeId, to: SocketAddr, payload: Bytes) {
        if let Some(link) = self.links.get_mut(&id) {
            link.datagrams.sent.count(payload.len());
        }
        self.out.push_back(Output::Datagram { port: UDP, to, payload });
    }

    /// A datagram of a link arrived.
    pub(super) fn count_datagram(&mut self, id: Option<NodeId>, octets: usize) {
        if let Some(link) = id.and_then(|id| self.links.get_mut(&id)) {
            link.datagrams.received.count(octets);
        }
    }

    /// A beat on the link itself says that the peer hears no datagrams of ours: it is answered the same way.
    pub(super) fn heard_beat_on_link(&mut self, id: NodeId, beat: Beat) {
        if let Some(link) = self.links.get_mut(&id) {
            link.beats.answer_in_kind();
        }
        self.heard_beat(beat);
    }

    pub(super) fn heard_beat(&mut self, beat: Beat) {
        let Some(id) = self.tokens.get(&beat.token).copied() else {
            self.counters.stray_datagrams += 1;
            return;
        };
        let pace = if self.is_late() { Heard::Late } else { Heard::InTime };
        let Some(link) = self.links.get_mut(&id) else { return };
        let rtt = link.beats.hear(self.now, &beat, pace);
        let unmeasured = link.rtt.is_none();
        if let Some(rtt) = rtt {
            link.measured(rtt);
            if unmeasured || self.cost_moved(id) {
                self.origin.touch();
            }
        }
        self.recover(id);
    }

    /// Whether the cost of a link has left what was announced of it.
    fn cost_moved(&self, id: NodeId) -> bool {
        let Some(link) = self.links.get(&id) else { return false };
        let (Some(cost), Some(announced)) = (link.cost(), link.announced) else { return false };
        self.told_cost(Some(announced), cost) != announced
    }

    fn recover(&mut self, id: NodeId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.beats.recover() {
            self.timers.cancel(Timer::Remove(id));
            self.emit(Event::Recovered { peer: id });
            self.origin.touch();
        }
    }

    /// A timer is set only where the silence may become too long before the next pulse: in a healthy overlay none is.
    fn watch_silence(&mut self, id: NodeId) {
        let Some(link) = self.links.get(&id).filter(|link| link.live()) else { return };
        let deadline = link.beats.deadline(link.rtt.as_ref());
        if deadline <= self.now + self.config.periods.heartbeat {
            self.timers.set(Timer::Silence(id), deadline.max(self.now + Duration::from_micros(1)));
        }
    }

    pub(super) fn silence(&mut self, id: NodeId) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id).filter(|l| l.live()) else { return };
        if link.beats.deadline(link.rtt.as_ref()) > now {
            return;
        }
        if !link.beats.ever_heard() && link.beats.carrier() == Carrier::Udp {
            link.beats.fall_back(now);
            return self.beat(id);
        }
        link.beats.suspect();
        let chosen = link.mine == Mine::Chosen;
        if link.announced.is_some() {
            self.origin.withdraw(id);
        }
        self.emit(Event::Suspected { peer: id });
        self.timers.set(Timer::Remove(id), now + self.config.periods.remove);
        self.origin.touch();
        if chosen {
            self.choice_lost(id);
        }
    }

    /// A suspected neighbour was silent for the whole REMOVE_PERIOD.
    pub(super) fn remove_silent(&mut self, id: NodeId) {
        if let Some(conn) = self.links.get(&id).map(|l| l.conn) {
            self.lose(conn, Why { fault: Fault::Network, what: "silent for too long" });
        }
    }

    fn probe_due(&mut self) {
        let periods = self.config.periods;
        for id in self.probes.due(periods.heartbeat, periods.ping) {
            if self.links.contains_key(&id) || self.database.get(id).is_some_and(Entry::is_absent) {
                continue;
            }
            let Some(to) = self.address_of(id) else { continue };
            if self.policing.measures(self.now, to) {
                self.probe(id);
            }
        }
    }

    /// Asks `id` for an answer, over UDP, or over TCP where datagrams got none.
    pub(super) fn probe(&mut self, id: NodeId) {
        if self.probes.is_waiting(id) {
            return;
        }
        let Some(to) = self.address_of(id) else { return };
        let token = self.token();
        self.probes.sent(self.now, id, token);
        self.out.push_back(Output::Datagram { port: UDP, to, payload: wire::emit_ping(token) });
    }

    /// The address to dial or probe `id` at, as far as anything names one.
    pub(super) fn address_of(&self, id: NodeId) -> Option<SocketAddr> {
        self.name_of(id).map(|name| name.addr)
    }

    pub(super) fn pong(&mut self, token: Token) {
        let when = if self.is_late() { Heard::Late } else { Heard::InTime };
        match self.probes.answered(self.now, token, when) {
            Some((id, _)) => self.reached(id),
            None => self.counters.stray_datagrams += 1,
        }
    }

    fn expire_probes(&mut self) {
        for id in self.probes.expire(self.now, self.config.periods.ping_timeout) {
            self.probe_failed(id);
        }
    }

    /// UDP got no answer: the seed's own way is tried once, a short TCP connection with one line each way.
    fn probe_failed(&mut self, id: NodeId) {
        let failed = self.probes.get(id).map_or(0, |p| p.failed);
        let absent = self.database.get(id).is_some_and(Entry::is_absent);
        let tcp = failed == 1 && !absent && self.is_running() && self.tcp_probes() < TCP_PROBES;
        if let Some(to) = self.address_of(id).filter(|_| tcp) {
            self.dial(Dial::Probe { id }, to);
            return;
        }
        self.unreached(id);
    }

    fn tcp_probes(&self) -> usize {
        let dialing = self.dials.values().filter(|d| matches!(d, Dial::Probe { .. })).count();
        dialing + self.conns.values().filter(|c| c.kind == Kind::Probe).count()
    }

    /// `id` answered a probe.
    fn reached(&mut self, id: NodeId) {
        self.clear_absent(id);
        self.suit_reached(id);
        self.sounded(id);
        self.healed(id);
    }

    /// `id` answered neither way.
    pub(super) fn unreached(&mut self, id: NodeId) {
        self.suit_unreached(id);
        self.sounded_in_vain(id);
        self.healing.given_up(id);
        if self.database.get(id).is_none() && !self.links.contains_key(&id) {
            // Nothing but hearsay stands behind it: the next one who names it brings it back.
            self.probes.forget(id);
            self.forget_name(id);
            return;
        }
        let long = self.probes.get(id).is_some_and(|p| self.now.since(p.heard) >= self.config.periods.remove);
        if long && !self.links.contains_key(&id) && !self.has_edge(id) {
            self.gone(id);
        }
    }

    /// Whether an edge leads to or from `id`.
    pub(super) fn has_edge(&self, id: NodeId) -> bool {
        let mode = self.config.links;
        let Some(entry) = self.database.get(id) else { return false };
        entry.links().iter().any(|link| {
            self.database.edge(mode, id, link.id).or_else(|| self.database.edge(mode, link.id, id)).is_some()
        })
    }
}
