//! Two machines in one.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{How, Input, Output, Port, Scanned, Seed, StoreOp, Streams, Ticket};

/// The names of one machine among those that a machine around them holds.
///
/// What a machine inside says goes out through [`outgoing`](Self::outgoing), and what the driver tells goes in through
/// [`incoming`](Self::incoming): tickets, ports and keys of the store are mapped, so that those of two machines never
/// meet. Connections need no mapping, for a driver never gives a name twice; whoever holds two machines notes whose each is.
///
/// ```
/// use egoist_core::kernel::{Input, Output, Scope, Ticket};
/// let scope = Scope { name: "gossip", index: 1, of: 2, first_port: 1, ports: 1 };
/// let load = Output::<()>::Load { ticket: Ticket(7), key: "peers".into() };
/// let outside = scope.outgoing(load);
/// assert_eq!(outside, Output::Load { ticket: Ticket(15), key: "gossip/peers".into() });
/// assert_eq!(scope.ticket_inside(Ticket(15)), Some(Ticket(7)));
/// assert_eq!(scope.ticket_inside(Ticket(14)), None); // the other machine's
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope {
    /// What keys of the store begin with, and a slash behind it, so that no name with one is another's beginning.
    pub name: &'static str,
    /// Which of the machines it is, from 0.
    pub index: u16,
    /// How many machines there are.
    pub of: u16,
    /// Which of the ports around is the machine's first.
    pub first_port: u16,
    /// How many it has.
    pub ports: u16,
}

impl Scope {
    /// What the machine says, as it goes out.
    #[must_use]
    pub fn outgoing<E>(&self, output: Output<E>) -> Output<E> {
        match output {
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
            Output::Send { .. }
            | Output::Reading { .. }
            | Output::Close { .. }
            | Output::Event(_)
            | Output::Done => output,
        }
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

    /// From which all that is random in the machine follows, where `around` is the seed of the machine around it.
    #[must_use]
    pub fn seed(&self, around: Seed) -> Seed {
        let mut rng = Streams::new(around).named(self.name);
        let mut seed = [0; 32];
        seed.chunks_exact_mut(8).for_each(|octets| octets.copy_from_slice(&rng.u64().to_le_bytes()));
        Seed(seed)
    }

    /// The ticket as it is known outside.
    ///
    /// # Panics
    /// In debug builds, if tickets of so many machines do not fit into 64 bits, which a counter never comes to.
    pub const fn ticket(&self, inside: Ticket) -> Ticket {
        Ticket(inside.0 * self.of as u64 + self.index as u64)
    }

    /// The ticket as the machine knows it, if it is the machine's.
    pub fn ticket_inside(&self, outside: Ticket) -> Option<Ticket> {
        let of = u64::from(self.of);
        (outside.0 % of == u64::from(self.index)).then(|| Ticket(outside.0 / of))
    }

    const fn port(&self, inside: Port) -> Port {
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

    const A: Scope = Scope { name: "a", index: 0, of: 2, first_port: 0, ports: 2 };
    const B: Scope = Scope { name: "b", index: 1, of: 2, first_port: 2, ports: 1 };

    fn whose(input: impl Fn() -> Input<'static>) -> [bool; 2] {
        [A, B].map(|scope| scope.incoming(input()).is_some())
    }

    #[test]
    fn an_answer_reaches_who_asked_and_nobody_else() {
        let asked =
            B.outgoing::<()>(Output::Store { ticket: Ticket(4), ops: Vec::new(), until: Until::Written });
        let Output::Store { ticket, .. } = asked else { panic!("{asked:?}") };
        let result = Err(StoreError::Full);
        assert_eq!(whose(|| Input::Stored { ticket, result }), [false, true]);
        let inside = B.incoming(Input::Stored { ticket, result });
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
        assert!(matches!(B.outgoing(sent), Output::Datagram { port: Port(2), .. }));
    }

    #[test]
    fn keys_are_found_under_the_names_that_the_machine_gave_them() {
        let scan = Output::Scan::<()> { ticket: Ticket(1), prefix: "k".into(), after: Some("k1".into()) };
        assert_eq!(
            A.outgoing(scan),
            Output::Scan { ticket: Ticket(2), prefix: "a/k".into(), after: Some("a/k1".into()) }
        );
        let page = Page::of([(&b"a/k2"[..], &b"v"[..]), (b"a/", b"")]);
        let inside = A.incoming(Input::Scanned { ticket: Ticket(2), page: page.scanned() });
        let Some(Input::Scanned { ticket: Ticket(1), page: Scanned::Page { entries, more: false } }) = inside
        else {
            panic!("{inside:?}")
        };
        assert_eq!(entries.collect::<Vec<_>>(), [(&b"k2"[..], &b"v"[..]), (b"", b"")]);
    }

    #[test]
    fn seeds_differ_by_name_and_by_what_is_around() {
        let seeds = [A.seed(Seed::from_u64(1)), B.seed(Seed::from_u64(1)), A.seed(Seed::from_u64(2))];
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[0] == A.seed(Seed::from_u64(1)));
    }
}
