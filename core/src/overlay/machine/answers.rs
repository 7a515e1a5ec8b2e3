//! What a neighbour says on an open link, and what anybody may ask.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::streams::{no_fault, peer_fault};
use super::{Overlay, UDP};
use crate::kernel::{Class, CloseHow, ConnId, Output, Time};
use crate::overlay::database::Entry;
use crate::overlay::names::NodeId;
use crate::overlay::wire::{
    self, Contact, Datagram, LNK, LinkAttributes, Listed, NodeName, Packet, REGISTER, Reason, Record,
    Registration,
};

/// How many nodes a newcomer is told of, unless it asks for all.
const SAMPLE: usize = 128;

impl Overlay {
    pub(super) fn link_packet(&mut self, conn: ConnId, id: NodeId, packet: Packet) {
        match packet {
            Packet::Upt(upt) => self.update(conn, id, upt),
            Packet::Rmv(removal) => self.removal(conn, id, removal),
            Packet::Lnk(greeting) => self.greeted_again(conn, id, &greeting),
            Packet::Trd(teardown) => self.torn_down(conn, id, teardown.reason.as_ref()),
            Packet::Nack(nack) => self.link_refused(id, &nack),
            Packet::Sum(sum) => self.summed(id, &sum),
            Packet::Ask(ask) => self.asked(id, &ask),
            Packet::Hb(beat) => self.heard_beat(&beat, None),
            Packet::Ping(token) => self.answer_packet(conn, Class::Urgent, &Packet::Pong(token)),
            Packet::Pong(token) => self.pong(token),
            Packet::Reg(registration) => self.answer_registration(conn, &registration),
            Packet::Net(_) | Packet::Over(_) | Packet::Seg(_) | Packet::Dat(_) | Packet::Unknown(_) => {}
        }
    }

    fn link_refused(&mut self, id: NodeId, nack: &wire::Nack) {
        if nack.word.as_str() == LNK {
            self.learn_names(&nack.nodes);
            self.role_refused(id);
        }
    }

    /// REG from a stranger: who is there.
    pub(super) fn registered(&mut self, conn: ConnId, registration: &Registration) {
        let Some(remote) = self.conns.get(&conn).map(|c| c.remote) else { return };
        if !self.policing.introduces(self.now, remote) {
            return self.refuse(conn, REGISTER, Reason::Busy, Default::default());
        }
        if let Some(reason) = self.inadmissible(registration) {
            return self.refuse(conn, REGISTER, reason, Default::default());
        }
        self.learn_name(registration.node.clone());
        self.answer_registration(conn, registration);
        self.hang_up(conn, CloseHow::Flush, no_fault("answered"));
    }

    fn answer_registration(&mut self, conn: ConnId, registration: &Registration) {
        let mut names: Vec<Contact> = self.known_names(registration.node.name);
        self.random.sampling.shuffle(&mut names);
        if !registration.all {
            names.truncate(SAMPLE);
        }
        self.joining.remember_registration(self.now, registration.node.clone());
        self.answer_packet(conn, Class::Control, &Packet::Net(names));
        if registration.over {
            let records = self.records();
            self.answer_packet(conn, Class::Control, &Packet::Over(records));
        }
    }

    /// Everybody who is there, as far as this node knows, but for the one who asks. Its id at another address is among them:
    /// that may be another node.
    fn known_names(&self, asker: NodeName) -> Vec<Contact> {
        let me = self.me().filter(|_| !self.config.is_watcher()).map(|me| self.my_contact(me));
        let records =
            self.database.entries().filter(|e| e.is_present() && !e.links().is_empty()).map(Entry::contact);
        let mut names: Vec<Contact> = records.chain(me).chain(self.joining.registrations(self.now)).collect();
        names.retain(|contact| contact.name != asker);
        names.sort_by_key(|contact| contact.name.id);
        names.dedup_by_key(|contact| contact.name.id);
        names
    }

    fn records(&self) -> Vec<Record> {
        let there = self.database.entries().filter(|entry| !entry.has_left());
        there.map(|entry| record(entry, self.now)).collect()
    }

    pub(super) fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        if self.me().is_none() {
            return;
        }
        match wire::read_datagram(bytes) {
            Ok(Datagram::Hb(beat)) => {
                self.count_datagram(beat.token, bytes.len());
                self.heard_beat(&beat, Some(from));
            }
            Ok(Datagram::Ping(token)) => {
                if !self.policing.hears(self.now, from) {
                    self.counters.stray_datagrams += 1;
                    return;
                }
                self.reached.came();
                let payload = wire::emit_pong(token);
                self.out.push_back(Output::Datagram { port: UDP, to: from, payload, class: Class::Urgent });
            }
            Ok(Datagram::Pong(token)) => self.pong(token),
            Ok(Datagram::Dat(token, head, payload)) => {
                self.count_datagram(token, bytes.len());
                self.datagram_payload(token, head, payload);
            }
            Ok(Datagram::Unknown) => self.counters.unknown_words += 1,
            Err(_) => self.counters.stray_datagrams += 1,
        }
    }

    pub(super) fn bad_update(&mut self, conn: ConnId) {
        self.misbehaved(conn, peer_fault("an update that its hash does not fit, or malformed"));
    }
}

/// A record as OVER shows it.
fn record(entry: &Entry, now: Time) -> Record {
    let links = entry.links().iter().map(|link| Listed {
        id: link.id,
        cost: link.cost,
        role: link.role,
        attributes: LinkAttributes { bye: link.bye, ..LinkAttributes::default() },
    });
    Record { node: *entry.name(), key: entry.key(), age: entry.age(now), links: links.collect() }
}
