//! What a neighbour says on an open link, and what anybody may ask.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::Overlay;
use super::streams::{no_fault, peer_fault};
use crate::kernel::{Class, CloseHow, ConnId, Port, Time};
use crate::overlay::database::Entry;
use crate::overlay::names::NodeId;
use crate::overlay::wire::{
    self, Contact, Datagram, LNK, LinkAttributes, Links, Listed, MESSAGE_LIMIT, NODES_LIMIT, NodeName, Nodes,
    Packet, Ping, Pong, REGISTER, Reason, Record, Records, Registration,
};

/// The most octets that a node with its id, the key and age of its record, or one of its links or further addresses take.
const NODE: usize = 81;
/// What of a packet is there for a list, the word aside. As many nodes as it holds are fewer than a list may have.
const ROOM: usize = MESSAGE_LIMIT - 16;
const _: () = assert!(ROOM / NODE < NODES_LIMIT);

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
            Packet::Ping(ping) => {
                if let Some(pong) = self.answer_to(&ping) {
                    self.answer_packet(conn, Class::Urgent, &Packet::Pong(pong));
                }
            }
            Packet::Pong(pong) => self.pong(&pong),
            Packet::Reg(registration) => self.answer_registration(conn, &registration),
            Packet::Crd(credit) => self.heard_credit(conn, id, credit),
            Packet::End(channel) => self.heard_end(conn, id, channel),
            Packet::Net(_)
            | Packet::Over(_)
            | Packet::Seg(_)
            | Packet::Dat(_)
            | Packet::Chn(_)
            | Packet::Unknown(_) => {}
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
        if !self.policing.introduces(self.timers.now(), remote) {
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
        self.joining.remember_registration(self.timers.now(), registration.node.clone());
        for part in parts(&names, octets_of_contact) {
            self.answer_packet(conn, Class::Control, &Packet::Net(Nodes::first(part.iter().cloned())));
        }
        if registration.over {
            let records = self.records();
            for part in parts(&records, octets_of_record) {
                self.answer_packet(conn, Class::Control, &Packet::Over(Records::first(part.iter().cloned())));
            }
        }
    }

    /// Everybody who is there, as far as this node knows, but for the one who asks. Its id at another address is among them:
    /// that may be another node.
    fn known_names(&self, asker: NodeName) -> Vec<Contact> {
        let me = self.me().filter(|_| !self.config.is_watcher()).map(|me| self.my_contact(me));
        let records =
            self.database.entries().filter(|e| e.is_present() && !e.links().is_empty()).map(Entry::contact);
        let mut names: Vec<Contact> =
            records.chain(me).chain(self.joining.registrations(self.timers.now())).collect();
        names.retain(|contact| contact.name != asker);
        names.sort_by_key(|contact| contact.name.id);
        names.dedup_by_key(|contact| contact.name.id);
        names
    }

    fn records(&self) -> Vec<Record> {
        let there = self.database.entries().filter(|entry| !entry.has_left());
        there.map(|entry| record(entry, self.timers.now())).collect()
    }

    /// PONG, whoever was meant: who answers is what the asker wants to know.
    pub(super) fn answer_to(&self, ping: &Ping) -> Option<Pong> {
        self.me().map(|me| Pong { token: ping.token, id: me.id })
    }

    pub(super) fn datagram(&mut self, port: Port, from: SocketAddr, bytes: &[u8]) {
        if self.me().is_none() {
            return;
        }
        match wire::read_datagram(bytes) {
            Ok(Datagram::Hb(beat)) => {
                self.count_datagram(beat.token, bytes.len());
                self.heard_beat(&beat, Some(from));
            }
            Ok(Datagram::Ping(ping)) => {
                if !self.policing.hears(self.timers.now(), from) {
                    self.counters.stray_datagrams += 1;
                    return;
                }
                self.reached.came();
                if let Some(pong) = self.answer_to(&ping) {
                    let (payload, class) = (wire::emit_pong(&pong), Class::Urgent);
                    self.out.datagram(port, from, payload, class);
                }
            }
            Ok(Datagram::Pong(pong)) => self.pong(&pong),
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

/// What a contact takes at most.
fn octets_of_contact(contact: &Contact) -> usize {
    NODE * (1 + contact.more.len())
}

/// What a record takes at most.
fn octets_of_record(record: &Record) -> usize {
    NODE * (2 + record.links.len())
}

/// A list cut wherever a packet would get longer than is sent; an empty one is one part.
fn parts<T>(list: &[T], octets: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut parts, mut from, mut room) = (Vec::new(), 0, ROOM);
    for (at, value) in list.iter().enumerate() {
        match room.checked_sub(octets(value)) {
            Some(left) => room = left,
            None => {
                parts.push(&list[from..at]);
                (from, room) = (at, ROOM - octets(value));
            }
        }
    }
    parts.push(&list[from..]);
    parts
}

/// A record as OVER shows it.
fn record(entry: &Entry, now: Time) -> Record {
    let links = entry.links().iter().map(|link| Listed {
        id: link.id,
        cost: link.cost,
        role: link.role,
        attributes: LinkAttributes { bye: link.bye, ..LinkAttributes::default() },
    });
    Record { node: *entry.name(), key: entry.key(), age: entry.age(now), links: Links::first(links) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::names::{Cost, Key};
    use crate::overlay::wire::{ADDRESSES_LIMIT, LINKS_LIMIT, ListedRole, frames};

    #[test]
    fn the_longest_lists_are_cut_where_they_can_be_sent() {
        let addr: SocketAddr = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap();
        let node = NodeName { addr, id: Some(NodeId(u128::MAX)) };
        let more = wire::MoreAddresses::first([addr; ADDRESSES_LIMIT]);
        let names = alloc::vec![Contact { name: node, more }; 5_000];
        let cut = parts(&names, octets_of_contact);
        assert_eq!(cut.iter().map(|part| part.len()).sum::<usize>(), 5_000);
        for part in cut {
            let packet = Packet::Net(Nodes::new(part.to_vec()).unwrap());
            assert!(frames(&packet, &mut 0).len() > 1, "{} nodes are sent", part.len());
        }

        let attributes = LinkAttributes { bye: true, ..LinkAttributes::default() };
        let listed = |n: usize| Listed {
            id: NodeId(n as u128),
            cost: Cost::MAX,
            role: ListedRole::Out,
            attributes: attributes.clone(),
        };
        let links = Links::first((0..LINKS_LIMIT).map(listed));
        let key = Key { incarnation: u32::MAX, sequence: u32::MAX };
        let records = alloc::vec![Record { node, key, age: u32::MAX, links }; 50];
        for part in parts(&records, octets_of_record) {
            let packet = Packet::Over(Records::new(part.to_vec()).unwrap());
            assert!(frames(&packet, &mut 0).len() > 1, "{} records are sent", part.len());
        }
        assert_eq!(parts(&names[..0], octets_of_contact), [&[][..]]);
        let short = alloc::vec![Contact::from(node); NODES_LIMIT + 1];
        assert!(parts(&short, octets_of_contact).iter().all(|part| part.len() <= NODES_LIMIT));
    }
}
