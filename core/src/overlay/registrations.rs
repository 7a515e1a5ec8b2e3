//! Newcomers that were here lately, whom a bootstrap names to the next ones before their records come.
//!
//! Anybody can name any address as his own, so that nobody is told of one before it has answered for the id that came
//! with it.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use smallvec::SmallVec;

use super::names::{NodeId, Token};
use super::wire::{Contact, Pong};
use crate::kernel::Time;

/// Newcomers remembered, and for how long.
const REGISTRATIONS: usize = 1_024;
const REGISTERED: Duration = Duration::from_secs(60);
/// Newcomers remembered of one host: as many nodes as one machine starts for some reason, and of any more the last.
const PLACES: usize = 4;

/// One who was here.
#[derive(Clone, Debug)]
struct Newcomer {
    at: Time,
    /// Where it came from.
    host: IpAddr,
    contact: Contact,
    /// The probes sent to its addresses.
    asked: SmallVec<[(Token, SocketAddr); 1]>,
    /// Which of them answered.
    answered: Option<SocketAddr>,
}

impl Newcomer {
    fn id(&self) -> Option<NodeId> {
        self.contact.name.id
    }
}

/// The newcomers, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Registrations(VecDeque<Newcomer>);

impl Registrations {
    /// A newcomer was here, from `host`. Of those of its host the oldest gives way to it where there are too many, and of
    /// all one that has not answered before one that has.
    pub(super) fn enter(&mut self, now: Time, host: IpAddr, contact: Contact) {
        self.0.retain(|known| now.since(known.at) < REGISTERED);
        let again = |known: &Newcomer| known.host == host && known.id() == contact.name.id;
        let before = self.0.iter().position(again).and_then(|at| self.0.remove(at));
        let answered = before.and_then(|known| known.answered);
        let answered = answered.filter(|addr| contact.addrs().any(|named| named == *addr));
        self.make_room(host);
        self.0.push_back(Newcomer { at: now, host, contact, asked: SmallVec::new(), answered });
    }

    fn make_room(&mut self, host: IpAddr) {
        let of_host = |known: &Newcomer| known.host == host;
        if self.0.iter().filter(|known| of_host(known)).count() >= PLACES {
            self.0.iter().position(of_host).map(|at| self.0.remove(at));
        }
        if self.0.len() >= REGISTRATIONS {
            let silent = self.0.iter().position(|known| known.answered.is_none());
            self.0.remove(silent.unwrap_or(0));
        }
    }

    /// The one who was here last is asked for an answer at `to`.
    pub(super) fn asked(&mut self, token: Token, to: SocketAddr) {
        if let Some(last) = self.0.back_mut() {
            last.asked.push((token, to));
        }
    }

    /// Whether this is the answer of a newcomer. It counts if it is that of the id which was named.
    pub(super) fn answered(&mut self, pong: &Pong) -> bool {
        let asked = |known: &Newcomer| known.asked.iter().position(|(token, _)| *token == pong.token);
        let Some((at, newcomer)) = self.0.iter_mut().find_map(|known| Some((asked(known)?, known))) else {
            return false;
        };
        let (_, addr) = newcomer.asked.swap_remove(at);
        if newcomer.id() == Some(pong.id) {
            newcomer.answered = newcomer.answered.or(Some(addr));
        }
        true
    }

    /// A newcomer is gone again.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.0.retain(|known| known.id() != Some(id));
    }

    /// The newcomers of the last minute, each with where it has answered.
    pub(super) fn lately(&self, now: Time) -> impl Iterator<Item = (&Contact, Option<SocketAddr>)> + '_ {
        let lately = self.0.iter().filter(move |known| now.since(known.at) < REGISTERED);
        lately.map(|known| (&known.contact, known.answered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::names::NodeId;
    use crate::overlay::wire::NodeName;
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;

    fn host(n: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + n).into()
    }

    fn contact(id: u128) -> Contact {
        let addr = SocketAddr::new(host(1), u16::try_from(id % 60_000 + 1).unwrap());
        NodeName { addr, id: Some(NodeId(id)) }.into()
    }

    fn known(newcomers: &Registrations, now: Time) -> Vec<u128> {
        newcomers.lately(now).map(|(contact, _)| contact.name.id.unwrap().0).collect()
    }

    #[test]
    fn a_host_has_so_many_places_and_takes_no_others() {
        let mut newcomers = Registrations::default();
        newcomers.enter(Time::ZERO, host(1), contact(1));
        for id in 10..1_000 {
            newcomers.enter(Time::ZERO, host(2), contact(id));
        }
        assert_eq!(known(&newcomers, Time::ZERO), [1, 996, 997, 998, 999]);
        newcomers.enter(Time::ZERO, host(2), contact(997));
        assert_eq!(known(&newcomers, Time::ZERO), [1, 996, 998, 999, 997], "one takes one place");
        assert_eq!(known(&newcomers, Time::ZERO + REGISTERED), []);
        newcomers.forget(NodeId(1));
        assert_eq!(known(&newcomers, Time::ZERO), [996, 998, 999, 997]);
    }

    #[test]
    fn there_are_so_many_in_all_and_the_silent_go_first() {
        let mut newcomers = Registrations::default();
        for n in 0..u32::try_from(REGISTRATIONS).unwrap() {
            newcomers.enter(Time::ZERO, host(n), contact(n.into()));
            newcomers.asked(Token(n.into()), contact(n.into()).name.addr);
        }
        for n in [0, 2] {
            assert!(newcomers.answered(&Pong { token: Token(n), id: NodeId(n.into()) }));
        }
        newcomers.enter(Time::ZERO, host(5_000), contact(5_000));
        newcomers.enter(Time::ZERO, host(5_001), contact(5_001));
        let known = known(&newcomers, Time::ZERO);
        assert_eq!((known.len(), &known[..2]), (REGISTRATIONS, &[0, 2][..]));
    }

    #[test]
    fn an_answer_counts_for_the_id_and_the_address_that_were_named() {
        let mut newcomers = Registrations::default();
        let answered = |newcomers: &Registrations| newcomers.lately(Time::ZERO).last().unwrap().1;
        newcomers.enter(Time::ZERO, host(1), contact(1));
        newcomers.asked(Token(7), contact(1).name.addr);
        assert!(!newcomers.answered(&Pong { token: Token(8), id: NodeId(1) }), "nobody waits for it");
        assert!(newcomers.answered(&Pong { token: Token(7), id: NodeId(2) }));
        assert_eq!(answered(&newcomers), None, "another lives there");
        assert!(!newcomers.answered(&Pong { token: Token(7), id: NodeId(1) }), "a token is good once");
        newcomers.asked(Token(9), contact(1).name.addr);
        assert!(newcomers.answered(&Pong { token: Token(9), id: NodeId(1) }));
        assert_eq!(answered(&newcomers), Some(contact(1).name.addr));
        newcomers.enter(Time::ZERO, host(1), contact(1));
        assert_eq!(answered(&newcomers), Some(contact(1).name.addr), "it comes again");
        let moved = NodeName { id: Some(NodeId(1)), ..contact(2).name };
        newcomers.enter(Time::ZERO, host(1), moved.into());
        assert_eq!(answered(&newcomers), None, "it names another address now");
    }
}
