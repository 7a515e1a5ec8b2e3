//! The pulse: heartbeats on links, probes to everybody else, and what silence means.

use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::calling::Purpose;
use super::forwarding::DATAGRAM;
use super::streams::{Conn, Dial, Kind};
use super::{Overlay, Timer, UDP};
use crate::kernel::{Class, Fault, Why};
use crate::overlay::addresses::STAGGER;
use crate::overlay::database::Entry;
use crate::overlay::event::Event;
use crate::overlay::link::{Carrier, Flow, Heard, Mine};
use crate::overlay::names::{NodeId, Token};
use crate::overlay::probes::Answer;
use crate::overlay::wire::{self, Beat, Hears, Packet, Ping, Pong};

/// TCP probes under way at once.
const TCP_PROBES: usize = 8;

impl Overlay {
    pub(super) fn pulse(&mut self) {
        self.timers.after(Timer::Pulse, self.config.periods.heartbeat);
        let neighbours: Vec<NodeId> = self.links.keys().copied().collect();
        for id in neighbours {
            self.beat(id);
            self.watch_silence(id);
            self.probe_neighbor(id);
        }
        self.expire_probes();
        self.look_for_room();
        if self.is_running() {
            self.probe_due();
            self.probe_narrow();
        }
    }

    pub(super) fn beat(&mut self, id: NodeId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let conn = link.conn;
        let read = self.conns.get(&conn).and_then(Conn::read);
        let (beat, to) = (link.beats.beat(self.timers.now(), link.their_token, read), link.endpoint);
        let both = link.beats.takes_link(self.timers.now());
        if both {
            link.width.put_off(self.timers.now());
        }
        // Nothing long goes where nobody has answered yet: somebody else may live there.
        let padded =
            !both && link.beats.heard_at().is_some() && link.width.pads(self.timers.now(), beat.number);
        let twin = padded.then(|| wire::emit_padded_beat(&beat, DATAGRAM));
        for payload in [wire::emit_beat(&beat)].into_iter().chain(twin) {
            self.send_datagram(id, Class::Urgent, to, payload);
        }
        if both {
            self.send_packet(conn, Class::Urgent, &Packet::Hb(beat));
        }
    }

    /// Sends a datagram of a link.
    pub(super) fn send_datagram(&mut self, id: NodeId, class: Class, to: SocketAddr, payload: Bytes) {
        if let Some(link) = self.links.get_mut(&id) {
            link.datagrams.sent.count(payload.len());
        }
        self.out.datagram(UDP, to, payload, class);
    }

    /// A datagram with a link's token arrived.
    pub(super) fn count_datagram(&mut self, token: Token, octets: usize) {
        if let Some(link) = self.tokens.get(&token).and_then(|id| self.links.get_mut(id)) {
            link.datagrams.received.count(octets);
        }
    }

    /// A beat came, as a datagram from an address or on the link. Datagrams go from now on to where the last one came
    /// from: an address translator may have given the peer another than its name says.
    pub(super) fn heard_beat(&mut self, beat: &Beat, from: Option<SocketAddr>) {
        let Some(id) = self.tokens.get(&beat.token).copied() else {
            self.counters.stray_datagrams += 1;
            return;
        };
        let pace = if self.is_late() { Heard::Late } else { Heard::InTime };
        let Some(link) = self.links.get_mut(&id) else { return };
        let (was_live, asked) = (link.live(), link.beats.peer_hears() != Hears::Datagrams);
        if let Some(from) = from.filter(|_| link.beats.is_latest_datagram(beat)) {
            // Before the first beat the port is that of its name, behind a translator mostly another.
            let known = link.beats.heard_at().is_some();
            if from.ip() != link.endpoint.ip() || (known && from != link.endpoint) {
                link.beats.ask_link(self.timers.now());
            }
            link.endpoint = from;
        }
        let way = if from.is_some() { Carrier::Udp } else { Carrier::Tcp };
        let rtt = link.beats.hear(self.timers.now(), beat, pace, way);
        link.beats.recover();
        let (unmeasured, live) = (link.rtt.is_none(), link.live());
        let asks = !asked && link.beats.peer_hears() != Hears::Datagrams;
        if let Some(rtt) = rtt {
            link.measured(self.timers.now(), rtt);
            if unmeasured || self.cost_moved(id) {
                self.origin.touch();
            }
        }
        match (was_live, live) {
            (true, false) => self.suspect(id),
            (false, true) => self.recovered(id),
            _ if way == Carrier::Udp && pace == Heard::InTime => self.watch_passage(id, beat),
            _ => {}
        }
        if asks {
            self.beat(id);
        }
    }

    /// Whether the cost of a link has left what was announced of it.
    fn cost_moved(&self, id: NodeId) -> bool {
        let Some(link) = self.links.get(&id) else { return false };
        let (Some(cost), Some(announced)) = (link.cost(), link.announced) else { return false };
        self.told_cost(Some(announced), cost) != announced
    }

    fn recovered(&mut self, id: NodeId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.width.doubt(self.timers.now());
        self.timers.cancel(Timer::Remove(id));
        self.emit(Event::Recovered { peer: id });
        self.origin.touch();
    }

    /// A neighbour's beats come: do full-size packets, and what the connection carries?
    fn watch_passage(&mut self, id: NodeId, beat: &Beat) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.width.told(self.timers.now(), beat) {
            self.narrow.found(self.timers.now(), id, link.endpoint);
            return self.abandon(id, "it does not carry full-size packets");
        }
        if !link.live() || beat.hears != Hears::Datagrams {
            return link.progress.put_off();
        }
        let sent = self.conns.get(&link.conn).map_or(0, |state| state.traffic.sent.octets);
        match link.progress.told(self.timers.now(), beat.read, sent) {
            Flow::Moves => {}
            Flow::Doubtful => link.width.doubt(self.timers.now()),
            Flow::Stalled => self.abandon(id, "its connection stands still"),
        }
    }

    /// Closes a link whose beats come though nothing else does. It is not chosen again at once.
    fn abandon(&mut self, id: NodeId, what: &'static str) {
        self.choosing.refused.insert(id);
        if let Some(conn) = self.links.get(&id).map(|link| link.conn) {
            self.lose(conn, Why { fault: Fault::Network, what });
        }
    }

    /// A timer is set only where the silence may become too long before the next pulse: in a healthy overlay none is.
    fn watch_silence(&mut self, id: NodeId) {
        let Some(link) = self.links.get(&id).filter(|link| link.live()) else { return };
        let deadline = link.beats.deadline(link.rtt.as_ref());
        if deadline <= self.timers.now() + self.config.periods.heartbeat {
            self.timers.set(Timer::Silence(id), deadline);
        }
    }

    pub(super) fn silence(&mut self, id: NodeId) {
        let now = self.timers.now();
        let Some(link) = self.links.get_mut(&id).filter(|l| l.live()) else { return };
        if link.beats.deadline(link.rtt.as_ref()) > now {
            return;
        }
        link.beats.miss(now);
        if !link.live() {
            self.suspect(id);
            self.beat(id);
        }
    }

    /// A neighbour is heard no more, or says that it hears nothing.
    fn suspect(&mut self, id: NodeId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.progress.put_off();
        let mine = link.mine;
        if link.announced.is_some() {
            self.origin.withdraw(id);
        }
        self.emit(Event::Suspected { peer: id });
        self.timers.after(Timer::Remove(id), self.config.periods.remove);
        self.origin.touch();
        // The link of one who is to go anyway may yet come back.
        if mine == Mine::Chosen {
            self.place_lost(id, mine);
        }
        self.left_behind(id);
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
            let absent = self.database.get(id).is_some_and(Entry::is_absent);
            if absent || self.links.contains_key(&id) || !self.probes.may_ask(self.timers.now(), id) {
                continue;
            }
            let Some(to) = self.addresses_of(id).first() else {
                self.forget_if_unknown(id);
                continue;
            };
            if self.policing.measures(self.timers.now(), to) {
                self.probe(id);
            }
        }
    }

    /// Probes a neighbour now and then, where its beats come from.
    fn probe_neighbor(&mut self, id: NodeId) {
        let now = self.timers.now();
        if !self.links.get(&id).is_some_and(|link| link.floor.is_due(now)) {
            return;
        }
        let token = self.token();
        let Some(link) = self.links.get_mut(&id) else { return };
        link.floor.asked(now, token);
        self.out.datagram(UDP, link.endpoint, wire::emit_ping(&Ping::new(token, id)), Class::Urgent);
    }

    /// Whether this is a neighbour's answer. One who gives it where it says that it lives does live there.
    fn neighbor_answered(&mut self, pong: &Pong, when: Heard) -> bool {
        let now = self.timers.now();
        let Some(link) = self.links.get_mut(&pong.id) else { return false };
        let Some(rtt) = link.floor.answered(now, pong.token) else { return false };
        if when == Heard::InTime {
            link.floor.took(now, rtt);
        }
        if link.endpoint == link.name.addr {
            let at = link.endpoint;
            self.probes.led(pong.id, at);
            self.remember_if_proven(pong.id);
        }
        true
    }

    /// Sends full-size probes where they got lost, or where the node has answered small ones since.
    fn probe_narrow(&mut self) {
        for (id, found_at) in self.narrow.due(self.timers.now()) {
            let to = self.probes.get(id).and_then(|peer| peer.at).unwrap_or(found_at);
            if !self.policing.measures(self.timers.now(), to) {
                continue;
            }
            let (token, class) = (self.token(), Class::Urgent);
            self.narrow.asked(id, token);
            let payload = wire::emit_padded_ping(&Ping::new(token, id), DATAGRAM);
            self.out.datagram(UDP, to, payload, class);
        }
    }

    /// Asks `id` for an answer, over UDP, or over TCP where datagrams got none. Who can be asked nowhere gives none.
    pub(super) fn probe(&mut self, id: NodeId) {
        if self.probes.is_waiting(id) {
            return;
        }
        if !self.probes.may_ask(self.timers.now(), id) {
            return self.unreached(id);
        }
        let addresses = self.addresses_of(id);
        self.probes.begin(self.timers.now(), id, addresses, self.config.periods.ping);
        match self.probes.next_address(id) {
            Some(to) => self.probe_at(id, to),
            None => self.unreached(id),
        }
    }

    fn probe_at(&mut self, id: NodeId, to: SocketAddr) {
        let token = self.token();
        self.probes.sent(self.timers.now(), id, token, to);
        let (payload, class) = (wire::emit_ping(&Ping::new(token, id)), Class::Urgent);
        self.out.datagram(UDP, to, payload, class);
        if self.probes.has_more(id) {
            self.timers.after(Timer::Probe(id), STAGGER);
        }
    }

    /// No answer of its own yet: the next of its addresses is asked as well. Where there was none to ask and the others
    /// have failed, the attempt is over.
    pub(super) fn probe_on(&mut self, id: NodeId) {
        self.probe_further(id);
        if self.probes.in_vain(id) {
            self.probe_failed(id);
        }
    }

    /// Asks at the next address whose host is not asked enough.
    fn probe_further(&mut self, id: NodeId) {
        while let Some(to) = self.probes.next_address(id) {
            if self.policing.measures(self.timers.now(), to) {
                return self.probe_at(id, to);
            }
        }
    }

    pub(super) fn pong(&mut self, pong: &Pong) {
        if self.narrow.answered(pong) || self.joining.newcomers.answered(pong) {
            return;
        }
        let when = if self.is_late() { Heard::Late } else { Heard::InTime };
        if self.neighbor_answered(pong, when) {
            return;
        }
        if let Some(address) = self.twins.answered(pong) {
            return self.challenge_answered(address, pong.id);
        }
        match self.probes.answered(self.timers.now(), pong, when) {
            Answer::Meant(id) => {
                self.timers.cancel(Timer::Probe(id));
                self.call_ended(id, Purpose::Probe);
                self.reached(id);
            }
            Answer::Another(id) => self.missed(id),
            Answer::Stray => self.counters.stray_datagrams += 1,
        }
    }

    /// Somebody else lives where `id` was asked: it is asked where it was not yet. Where another answered last, nothing is
    /// wrong with datagrams, and TCP leads to no other.
    fn missed(&mut self, id: NodeId) {
        self.probe_further(id);
        if self.probes.in_vain(id) {
            self.probe_over(id);
        }
    }

    fn expire_probes(&mut self) {
        for id in self.probes.expire(self.timers.now(), self.config.periods.ping_timeout) {
            self.probe_failed(id);
        }
    }

    /// UDP got no answer: the seed's own way is tried once, a short TCP connection with one line each way.
    fn probe_failed(&mut self, id: NodeId) {
        let failed = self.probes.get(id).map_or(0, |p| p.failed);
        let absent = self.database.get(id).is_some_and(Entry::is_absent);
        let may = self.probes.may_dial(id) && self.is_running() && self.tcp_probes() < TCP_PROBES;
        let tcp = failed == 1 && !absent && may;
        if tcp { self.call(id, Purpose::Probe) } else { self.probe_over(id) }
    }

    /// No more datagrams are sent to `id` for now. Where it is tried over TCP the next address is dialled.
    fn probe_over(&mut self, id: NodeId) {
        if self.is_called(id, Purpose::Probe) {
            self.call_next(id, Purpose::Probe);
        } else {
            self.unreached(id);
        }
    }

    /// The way to `id` is measured no more, and nobody waits for its answer.
    pub(super) fn measure_no_more(&mut self, id: NodeId) {
        self.probes.forget(id);
        self.narrow.forget(id);
        self.timers.cancel(Timer::Probe(id));
        self.call_ended(id, Purpose::Probe);
        self.forming.given_up(id);
        self.healing.given_up(id);
    }

    /// `id` is one less of those who are remembered or linked with: if nothing says any more where it lives, the way to it
    /// is measured no more. A narrow one stays so as long as there is room for it.
    pub(super) fn forget_if_unknown(&mut self, id: NodeId) {
        let known = self.links.contains_key(&id) || self.narrow.has(id);
        if !known && self.addresses_of(id).is_empty() {
            self.measure_no_more(id);
        }
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
            self.measure_no_more(id);
            self.forget_name(id);
            return;
        }
        let long = self
            .probes
            .get(id)
            .is_some_and(|p| self.timers.now().since(p.heard) >= self.config.periods.remove);
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
