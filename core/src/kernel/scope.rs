//! Two machines in one.

use alloc::collections::BTreeSet;
use alloc::format;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{How, Input, Output, Port, Scanned, Seed, StoreOp, Streams, Ticket};

/// The names of one machine among those that a machine around them holds.
///
/// What a machine inside says goes out through [`outgoing`](Self::outgoing), and what the driver tells goes in through
/// [`incoming`](Self::incoming): tickets, ports and keys of the store are mapped, so that those of two machines never
/// meet. Connections need no mapping, for a driver never gives a name twice; whoever holds two machines notes whose each is.
/// A machine around that has tickets, ports or keys of its own has a scope too.
///
/// What a machine may ask for bounds all machines in it together: [`Ticket::UNANSWERED`], [`StoreOp::UNANSWERED`] (law 27),
/// and [`StoreOp::KEY`] with the scope's name and a slash in front.
///
/// Three things are left to the machine around:
///
/// - It drains the machines inside after each input and command, into [`Outputs`](super::Outputs) of its own: polled one
///   behind the other, what they say would be in an order that depends on when it is drained (law 1).
/// - It tells them how late it was woken, as [`Part`](super::Part)s: none knows it alone (law 9).
/// - It tells nothing to one that has ended, and closes what that one had open.
///
/// ```
/// use egoist_core::kernel::{Input, Output, Scope, Ticket};
/// let [own, gossip] = Scope::among([("own", 1), ("gossip", 1)]);
/// let load = Output::<()>::Load { ticket: Ticket(7), key: "peers".into() };
/// let outside = gossip.outgoing(load);
/// assert_eq!(outside, Some(Output::Load { ticket: Ticket(15), key: "gossip/peers".into() }));
/// assert_eq!(gossip.ticket_inside(Ticket(15)), Some(Ticket(7)));
/// assert_eq!(gossip.ticket_inside(Ticket(14)), None); // the other's
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope {
    /// What keys of the store begin with, and a slash behind it.
    name: &'static str,
    /// Which of the machines it is, below `of`.
    index: u64,
    of: u64,
    /// Which of the ports around is the machine's first.
    first_port: u16,
    ports: u16,
}

impl Scope {
    /// The scopes of all machines in one, each by its name and with so many ports. The ports around are theirs in this
    /// order: the first machine has those from 0.
    ///
    /// # Panics
    /// Two names are the same, or one has a slash: keys would meet. There are more than 65,535 ports.
    pub fn among<const N: usize>(machines: [(&'static str, u16); N]) -> [Self; N] {
        let names: BTreeSet<&str> = machines.iter().map(|(name, _)| *name).collect();
        assert!(
            names.len() == N && names.iter().all(|name| !name.contains('/')),
            "names differ and have no slash"
        );
        let (mut index, mut next) = (0, 0_u16);
        machines.map(|(name, ports)| {
            let scope = Scope { name, index, of: N as u64, first_port: next, ports };
            index += 1;
            next = next.checked_add(ports).expect("there are no more than 65,535 ports");
            scope
        })
    }

    /// What the machine says, as it goes out. `None` where it has ended, which ends nothing else: the machine around says
    /// [`Output::Done`] when it ends itself.
    ///
    /// # Panics
    /// The machine names a port that it was not given.
    #[must_use = "what is dropped is not done"]
    pub fn outgoing<E>(&self, output: Output<E>) -> Option<Output<E>> {
        Some(match output {
            Output::Dial { ticket, to, deadline } => {
                Output::Dial { ticket: self.ticket(ticket), to, deadline }
            }
            Output::Datagram { port, to, payload, class } => {
                Output::Datagram { port: self.port(port), to, payload, class }
            }
            Output::Store { ticket, ops, until } => {
                let op = |op: StoreOp| StoreOp { key: self.key(&op.key), value: op.value };
                Output::Store { ticket: self.ticket(ticket), ops: ops.into_iter().map(op).collect(), until }
            }
            Output::Load { ticket, key } => Output::Load { ticket: self.ticket(ticket), key: self.key(&key) },
            Output::Scan { ticket, prefix, after } => {
                let after = after.map(|after| self.key(&after));
                Output::Scan { ticket: self.ticket(ticket), prefix: self.key(&prefix), after }
            }
            Output::Send { .. } | Output::Reading { .. } | Output::Close { .. } | Output::Event(_) => output,
            Output::Done => return None,
        })
    }

    /// What the driver tells, as it goes in; `None` for an answer to another machine's ticket. A connection that was
    /// accepted, a datagram and what a connection says are for the machine that the port or the connection belongs to.
    #[must_use]
    pub fn incoming<'a>(&self, input: Input<'a>) -> Option<Input<'a>> {
        Some(match input {
            Input::Opened { conn, how, remote } => Input::Opened { conn, how: self.how_inside(how)?, remote },
            Input::DialFailed { ticket, why } => {
                Input::DialFailed { ticket: self.ticket_inside(ticket)?, why }
            }
            Input::Datagram { port, from, bytes } => {
                Input::Datagram { port: self.port_inside(port)?, from, bytes }
            }
            Input::Stored { ticket, result } => Input::Stored { ticket: self.ticket_inside(ticket)?, result },
            Input::Loaded { ticket, value } => Input::Loaded { ticket: self.ticket_inside(ticket)?, value },
            Input::Scanned { ticket, page } => {
                Input::Scanned { ticket: self.ticket_inside(ticket)?, page: self.page_inside(page) }
            }
            Input::Tick
            | Input::Received { .. }
            | Input::Flushed { .. }
            | Input::Closed { .. }
            | Input::WallTime { .. } => input,
        })
    }

    /// From which all that is random in the machine follows, where `around` is the seed of the machine around it. It is
    /// drawn from that one's stream `scope NAME`.
    #[must_use]
    pub fn seed(&self, around: Seed) -> Seed {
        let mut rng = Streams::new(around).named(&format!("scope {}", self.name));
        let mut seed = [0; 32];
        seed.chunks_exact_mut(8).for_each(|octets| octets.copy_from_slice(&rng.u64().to_le_bytes()));
        Seed(seed)
    }

    /// The ticket as it is known outside.
    ///
    /// # Panics
    /// In debug builds, if tickets of so many machines do not fit into 64 bits, which a counter never comes to.
    pub const fn ticket(&self, inside: Ticket) -> Ticket {
        Ticket(inside.0 * self.of + self.index)
    }

    /// The ticket as the machine knows it, if it is the machine's.
    pub fn ticket_inside(&self, outside: Ticket) -> Option<Ticket> {
        (outside.0 % self.of == self.index).then(|| Ticket(outside.0 / self.of))
    }

    const fn port(&self, inside: Port) -> Port {
        assert!(inside.0 < self.ports, "a machine has the ports that it was given");
        Port(inside.0 + self.first_port)
    }

    fn port_inside(&self, outside: Port) -> Option<Port> {
        outside.0.checked_sub(self.first_port).filter(|port| *port < self.ports).map(Port)
    }

    fn how_inside(&self, how: How) -> Option<How> {
        Some(match how {
            How::Dialed(ticket) => How::Dialed(self.ticket_inside(ticket)?),
            How::Accepted(port) => How::Accepted(self.port_inside(port)?),
        })
    }

    fn key(&self, inside: &[u8]) -> Bytes {
        let mut key = BytesMut::with_capacity(self.prefix_len() + inside.len());
        key.put_slice(self.name.as_bytes());
        key.put_u8(b'/');
        key.put_slice(inside);
        key.freeze()
    }

    const fn prefix_len(&self) -> usize {
        self.name.len() + 1
    }

    const fn page_inside<'a>(&self, page: Scanned<'a>) -> Scanned<'a> {
        match page {
            Scanned::Page { entries, more } => {
                Scanned::Page { entries: entries.without_prefix(self.prefix_len()), more }
            }
            Scanned::Failed => page,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{ConnId, Page, StoreError, Until};
    use alloc::vec::Vec;

    fn both() -> [Scope; 2] {
        Scope::among([("a", 2), ("b", 1)])
    }

    fn whose(input: impl Fn() -> Input<'static>) -> [bool; 2] {
        both().map(|scope| scope.incoming(input()).is_some())
    }

    #[test]
    fn names_and_ports_that_would_meet_are_refused() {
        for names in [["a", "a"], ["a", "a/b"], ["/", "a"]] {
            let made = std::panic::catch_unwind(|| Scope::among(names.map(|name| (name, 1))));
            assert!(made.is_err(), "{names:?}");
        }
        let most = Scope::among([("a", u16::MAX), ("b", 0)]);
        assert_eq!(most.map(|scope| scope.first_port), [0, u16::MAX]);
        assert!(std::panic::catch_unwind(|| Scope::among([("a", u16::MAX), ("b", 1)])).is_err());
        let elsewhere = Output::Datagram::<()> {
            port: Port(2),
            to: "127.0.0.1:1".parse().unwrap(),
            payload: Bytes::new(),
            class: crate::kernel::Class::Bulk,
        };
        assert!(std::panic::catch_unwind(|| both()[0].outgoing(elsewhere)).is_err(), "it is the other's");
    }

    #[test]
    fn one_ends_alone_and_the_last_of_any_number_has_its_tickets() {
        let all = Scope::among([("a", 0), ("b", 0), ("c", 0)]);
        for (n, scope) in all.into_iter().enumerate() {
            assert_eq!(scope.outgoing::<()>(Output::Done), None);
            let outside = scope.ticket(Ticket(5));
            let inside = all.map(|scope| scope.ticket_inside(outside));
            assert_eq!(inside[n], Some(Ticket(5)));
            assert_eq!(inside.iter().flatten().count(), 1);
        }
    }

    #[test]
    fn an_answer_reaches_who_asked_and_nobody_else() {
        let [_, b] = both();
        let asked =
            b.outgoing::<()>(Output::Store { ticket: Ticket(4), ops: Vec::new(), until: Until::Written });
        let Some(Output::Store { ticket, .. }) = asked else { panic!("{asked:?}") };
        let result = Err(StoreError::Full);
        assert_eq!(whose(|| Input::Stored { ticket, result }), [false, true]);
        let inside = b.incoming(Input::Stored { ticket, result });
        assert!(matches!(inside, Some(Input::Stored { ticket: Ticket(4), .. })));
    }

    #[test]
    fn ports_are_those_of_one_machine() {
        let remote = "127.0.0.1:1".parse().unwrap();
        let opened = |port| move || Input::Opened { conn: ConnId(0), how: How::Accepted(Port(port)), remote };
        let heard = |port| move || Input::Datagram { port: Port(port), from: remote, bytes: b"" };
        for (port, owner) in [(0, [true, false]), (1, [true, false]), (2, [false, true]), (3, [false, false])]
        {
            assert_eq!(whose(opened(port)), owner, "port {port}");
            assert_eq!(whose(heard(port)), owner, "port {port}");
        }
        let sent = Output::Datagram::<()> {
            port: Port(0),
            to: remote,
            payload: Bytes::new(),
            class: crate::kernel::Class::Bulk,
        };
        assert!(matches!(both()[1].outgoing(sent), Some(Output::Datagram { port: Port(2), .. })));
    }

    #[test]
    fn keys_are_found_under_the_names_that_the_machine_gave_them() {
        let scan = Output::Scan::<()> { ticket: Ticket(1), prefix: "k".into(), after: Some("k1".into()) };
        let [a, _] = both();
        let outside = Output::Scan { ticket: Ticket(2), prefix: "a/k".into(), after: Some("a/k1".into()) };
        assert_eq!(a.outgoing(scan), Some(outside));
        let page = Page::of([(&b"a/k2"[..], &b"v"[..]), (b"a/", b"")]);
        let inside = a.incoming(Input::Scanned { ticket: Ticket(2), page: page.scanned() });
        let Some(Input::Scanned { ticket: Ticket(1), page: Scanned::Page { entries, more: false } }) = inside
        else {
            panic!("{inside:?}")
        };
        assert_eq!(entries.collect::<Vec<_>>(), [(&b"k2"[..], &b"v"[..]), (b"", b"")]);
    }

    #[test]
    fn seeds_differ_by_name_and_by_what_is_around() {
        let [a, b] = both();
        let around = Seed::from_u64(1);
        let seeds = [a.seed(around), b.seed(around), a.seed(Seed::from_u64(2))];
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[0] == a.seed(around));
        // The machine around may have a stream of that name.
        assert_ne!(seeds[0].0[..8], Streams::new(around).named("a").u64().to_le_bytes());
    }
}
