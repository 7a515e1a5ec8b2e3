//! What a neighbour says on an open link, and what anybody may ask.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::exchange::ANSWER;
use super::scope::seniority;
use super::streams::{Kind, no_fault, peer_fault};
use super::{Overlay, Timer, UDP};
use crate::kernel::{Class, CloseHow, ConnId, Port, Time, host};
use crate::overlay::addresses::Addresses;
use crate::overlay::database::Entry;
use crate::overlay::names::{NodeId, Token};
use crate::overlay::wire::{
    self, Contact, Datagram, LNK, LinkAttributes, Links, Listed, MESSAGE_LIMIT, NODES_LIMIT, NodeName, Nodes,
    Packet, Ping, Pong, REGISTER, Range, Reason, Record, Records, Registration,
};
use crate::overlay::wiring::Seniority;

/// The most octets that a node with its id, the key and age of its record, or one of its links or further addresses take.
const NODE: usize = 81;
/// ... and a node with its id and an IPv4 address.
const NODE_V4: usize = 55;
/// Octets of the graph that are put into one OVER: the next is put together when this one is on its way.
const PART: usize = 64 << 10;
/// What of a packet is there for a list, the word aside. As many nodes as it holds are fewer than a list may have.
const ROOM: usize = MESSAGE_LIMIT - 16;
const _: () = assert!(ROOM / NODE < NODES_LIMIT);

/// What a list of names takes beside them.
const WORD: usize = "NACK@LNK@full@\r\n".len();

/// At how many of its addresses a newcomer is asked at once whether it is there: what that takes is less than three times
/// what it said, and what more it names costs nobody anything.
const ASKED: usize = 2;
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
            Packet::Reg(registration) => {
                self.answer_registration(conn, &registration);
                self.tell_graph(conn);
            }
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
        if let Some(reason) = self.inadmissible(registration) {
            return self.refuse(conn, REGISTER, reason, Default::default());
        }
        self.answer_registration(conn, registration);
        match self.conns.get_mut(&conn).filter(|state| state.graph.is_some()) {
            Some(state) => {
                state.kind = Kind::Told;
                self.tell_graph(conn);
            }
            None => self.hang_up(conn, CloseHow::Flush, no_fault("answered")),
        }
    }

    /// Names as many as there is room for, members first; who wants all or the graph has it whole or not at all. Where there
    /// is no room for one nothing is looked for: that costs more than asking does.
    fn answer_registration(&mut self, conn: ConnId, registration: &Registration) {
        let room = self.room_to_answer(conn);
        let whole = registration.all || registration.over;
        let least = if whole { self.database_as_sent() } else { (WORD + NODE) as u64 };
        if (room as u64) < least {
            return self.nack(conn, REGISTER, Reason::Busy, Default::default());
        }
        let names =
            self.known_names(registration.node.name, if registration.all { usize::MAX } else { SAMPLE });
        self.newcomer(conn, &registration.node);
        for part in parts(fitting(&names, room), octets_of_contact) {
            self.answer_packet(conn, Class::Control, &Packet::Net(Nodes::first(part.iter().cloned())));
        }
        if registration.over
            && let Some(state) = self.conns.get_mut(&conn)
        {
            state.graph.get_or_insert(NodeId(0));
        }
    }

    /// One without a record registers: others are told of it once it has answered where it says that it is.
    fn newcomer(&mut self, conn: ConnId, contact: &Contact) {
        let Some(id) = contact.name.id.filter(|id| !self.is_member(*id)) else { return };
        let Some(remote) = self.conns.get(&conn).map(|state| state.remote) else { return };
        let now = self.timers.now();
        self.joining.newcomers.enter(now, host(remote.ip()), contact.clone());
        self.learn_name(contact.clone());
        let addresses: Addresses = contact.addrs().collect();
        for to in addresses.iter().take(ASKED) {
            if self.policing.measures(now, to) {
                let (token, class) = (self.token(), Class::Urgent);
                self.joining.newcomers.asked(token, to);
                self.out.datagram(UDP, to, wire::emit_ping(&Ping::new(token, id)), class);
            }
        }
    }

    fn is_member(&self, id: NodeId) -> bool {
        self.database.get(id).is_some_and(is_member)
    }

    /// Those who are there, as far as this node knows, but for the one who asks, and `most` of them: members, and after them
    /// newcomers that have answered. Its id at another address is among them: that may be another node.
    fn known_names(&mut self, asker: NodeName, most: usize) -> Vec<Contact> {
        let members = self.members(most);
        let mut newcomers = self.newcomers();
        self.random.sampling.shuffle(&mut newcomers);
        let me = self.me().map(|me| self.my_contact(me));
        let own = |id: &NodeId| me.clone().filter(|me| me.name.id == Some(*id));
        let contact = |id| own(&id).or_else(|| self.database.get(id).map(Entry::contact));
        let others = newcomers.into_iter().filter(|new| !new.name.id.is_some_and(|id| self.is_member(id)));
        let names = members.into_iter().filter_map(contact).chain(others);
        names.filter(|contact| contact.name != asker).take(most).collect()
    }

    /// The members in random order, this node among them unless it watches. Where not all are told of, half of those who are
    /// stand first and have been there the longest: thousands of made-up nodes do not hide them.
    fn members(&mut self, told: usize) -> Vec<NodeId> {
        let me = self.me().filter(|_| !self.config.is_watcher()).map(|me| (None, me.id));
        let own = me.map(|(_, id)| id);
        let there = self.database.entries().filter(|e| is_member(e) && Some(e.id()) != own);
        let aged = there.map(|entry| (Some(seniority(entry)), entry.id()));
        let mut members: Vec<(Option<Seniority>, NodeId)> = aged.chain(me).collect();
        self.random.sampling.shuffle(&mut members);
        if members.len() > told {
            let mut ages: Vec<Option<Seniority>> = members.iter().map(|(age, _)| *age).collect();
            let (_, &mut bound, _) = ages.select_nth_unstable(told / 2);
            members.sort_by_key(|(age, _)| *age >= bound);
        }
        members.into_iter().map(|(_, id)| id).collect()
    }

    /// The newcomers of the last minute that have answered, each where it did: what else it named may be anybody's.
    fn newcomers(&self) -> Vec<Contact> {
        let lately = self.joining.newcomers.lately(self.timers.now());
        let there = lately.filter_map(|(contact, answered)| {
            let led = contact.name.id.and_then(|id| self.probes.get(id)).and_then(|peer| peer.at);
            let led = led.filter(|at| contact.addrs().any(|addr| addr == *at));
            let addr = answered.or(led)?;
            Some(NodeName { addr, ..contact.name }.into())
        });
        there.collect()
    }

    /// Goes on telling the graph to one who asked for it, as fast as it reads.
    pub(super) fn tell_graph(&mut self, conn: ConnId) {
        while let Some(state) = self.conns.get(&conn).filter(|c| c.outbox.waiting() < ANSWER)
            && let Some(from) = state.graph
        {
            let (records, next) = self.records(from);
            self.answer_packet(conn, Class::Control, &Packet::Over(Records::first(records)));
            let goes_on = self.room_to_answer(conn) > 0;
            if next.is_some() && !goes_on {
                self.nack(conn, REGISTER, Reason::Busy, Default::default());
            }
            self.graph_told_up_to(conn, next.filter(|_| goes_on));
        }
    }

    /// A part of the graph is told, and the next begins there. A stranger has some more time to read.
    fn graph_told_up_to(&mut self, conn: ConnId, next: Option<NodeId>) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        state.graph = next;
        match (state.kind, next) {
            (Kind::Told, Some(_)) => self.timers.after(Timer::Overdue(conn), self.config.periods.greeting),
            (Kind::Told, None) => self.hang_up(conn, CloseHow::Flush, no_fault("answered")),
            _ => {}
        }
    }

    /// What OVER shows of the records from an id on, and where the next part begins.
    fn records(&self, from: NodeId) -> (Vec<Record>, Option<NodeId>) {
        let (mut records, mut room) = (Vec::new(), PART);
        let entries = self.database.within(Range::new(from, Range::ALL.last()));
        for entry in entries.filter(|entry| !entry.has_left()) {
            let record = record(entry, self.timers.now());
            let octets = octets_of_record(&record);
            if octets > room && !records.is_empty() {
                return (records, Some(entry.id()));
            }
            room = room.saturating_sub(octets);
            records.push(record);
        }
        (records, None)
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
                self.earn_by_beat(beat.token, bytes.len());
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
            Ok(Datagram::Pong(pong)) => {
                self.probes.came_as_datagram(&pong);
                self.pong(&pong);
            }
            Ok(Datagram::Dat(token, head, payload)) => {
                self.count_datagram(token, bytes.len());
                self.datagram_payload(token, head, payload);
            }
            Ok(Datagram::Unknown) => self.counters.unknown_words += 1,
            Err(_) => self.counters.stray_datagrams += 1,
        }
    }

    fn earn_by_beat(&mut self, token: Token, octets: usize) {
        let link = self.tokens.get(&token).and_then(|id| self.links.get(id));
        if let Some(conn) = link.map(|link| link.conn) {
            self.earn(conn, octets);
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

/// Whether a record is that of one who is there and has links.
fn is_member(entry: &Entry) -> bool {
    entry.is_present() && !entry.links().is_empty()
}

/// As many of these as a packet of `room` octets holds.
pub(super) fn fitting(contacts: &[Contact], room: usize) -> &[Contact] {
    let mut room = room.saturating_sub(WORD);
    let octets = |addr: SocketAddr| if addr.is_ipv4() { NODE_V4 } else { NODE };
    let fits = |contact: &&Contact| {
        let left = room.checked_sub(contact.addrs().map(octets).sum());
        room = left.unwrap_or(0);
        left.is_some()
    };
    &contacts[..contacts.iter().take_while(fits).count()]
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
