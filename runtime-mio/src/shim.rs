//! Emulated delays between the machines and their sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use egoist_core::kernel::Time;

use crate::datagram::Outgoing;
use crate::erase::MachineId;
use crate::net::Token;

/// Datagrams held at a time; what comes on top is lost, as datagrams may be.
const HELD: usize = 1 << 16;

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// A machine of the same driver: the address is one of its listeners or datagram sockets, or that of a connection
    /// it dialled. A listener on an unspecified address is not recognised.
    Machine(MachineId),
    /// Somebody else.
    Address(SocketAddr),
}

/// Says how long what a machine sends is held before it is written. What is held counts as not flushed, and comes out
/// first in, first out for each connection or destination. A dial begins after twice the delay, about a round trip.
///
/// A driver with a shim keeps time to the microsecond where the system can, at the price of another system call a turn.
pub trait Shim {
    /// The delay from a machine to a peer.
    fn delay(&mut self, from: MachineId, to: Peer) -> Duration;
}

impl<F: FnMut(MachineId, Peer) -> Duration> Shim for F {
    fn delay(&mut self, from: MachineId, to: Peer) -> Duration {
        self(from, to)
    }
}

/// Datagrams on their way, by the time at which they go out.
#[derive(Default)]
pub(crate) struct HeldDatagrams {
    queue: BTreeMap<(Time, u64), (Token, Outgoing)>,
    last: BTreeMap<(Token, SocketAddr), Time>,
    count: u64,
}

impl HeldDatagrams {
    pub(crate) fn push(&mut self, now: Time, at: Time, token: Token, datagram: Outgoing) {
        if self.queue.len() >= HELD {
            return;
        }
        if self.last.len() >= HELD {
            self.last.retain(|_, last| *last > now);
        }
        let last = self.last.entry((token, datagram.to)).or_insert(at);
        *last = at.max(*last);
        self.queue.insert((*last, self.count), (token, datagram));
        self.count += 1;
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn pop(&mut self, now: Time) -> Option<(Token, Outgoing)> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use egoist_core::kernel::Class;

    #[test]
    fn a_destination_is_first_in_first_out_whatever_the_delays() {
        let (mut held, token) = (HeldDatagrams::default(), Token(1));
        let (a, b) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let at = Time::from_millis;
        for (due, to, what) in [(30, a, "a1"), (10, a, "a2"), (20, b, "b1")] {
            let datagram = Outgoing { to, payload: Bytes::from(what), class: Class::Urgent };
            held.push(Time::ZERO, at(due), token, datagram);
        }
        assert_eq!(held.next(), Some(at(20)));
        assert!(held.pop(at(19)).is_none());
        let out: Vec<Bytes> =
            std::iter::from_fn(|| held.pop(at(30))).map(|(_, datagram)| datagram.payload).collect();
        assert_eq!(out, ["b1", "a1", "a2"]);
    }
}
