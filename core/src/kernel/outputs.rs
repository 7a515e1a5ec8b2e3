//! What a machine wants done and the driver has not taken yet.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::{Class, Output, Port, StoreOp, Ticket, Time, Until};

/// The queue behind [`Machine::poll`](super::Machine::poll), and the counter of its tickets: no ticket is given twice.
///
/// What names a connection is pushed by [`Conns`](super::Conns), which knows what is open.
///
/// ```
/// use egoist_core::kernel::{Output, Outputs, Ticket, Time};
/// let mut out = Outputs::new();
/// let ticket = out.dial("192.0.2.1:7000".parse().unwrap(), Time::from_secs(5));
/// out.event("dialling");
/// assert!(matches!(out.poll(), Some(Output::Dial { ticket: t, .. }) if t == ticket));
/// assert_eq!(out.poll(), Some(Output::Event("dialling")));
/// assert!(out.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Outputs<E> {
    queue: VecDeque<Output<E>>,
    last: u64,
    is_done: bool,
}

impl<E> Default for Outputs<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Outputs<E> {
    /// Nothing queued; the first ticket is 1.
    pub const fn new() -> Self {
        Outputs { queue: VecDeque::new(), last: 0, is_done: false }
    }

    /// The oldest output: what [`Machine::poll`](super::Machine::poll) answers.
    pub fn poll(&mut self) -> Option<Output<E>> {
        self.queue.pop_front()
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many are queued.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Queues an output that was made elsewhere, such as one of a machine inside this one.
    pub fn push(&mut self, output: Output<E>) {
        if !self.is_done {
            self.queue.push_back(output);
        }
    }

    /// A ticket that was never given before.
    pub fn ticket(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    /// Tells the user.
    pub fn event(&mut self, event: E) {
        self.push(Output::Event(event));
    }

    /// Dials, until `deadline` at most. [`Conns::dial`](super::Conns::dial) also keeps what the dial is for.
    pub fn dial(&mut self, to: SocketAddr, deadline: Time) -> Ticket {
        let ticket = self.ticket();
        self.push(Output::Dial { ticket, to, deadline });
        ticket
    }

    /// Sends a datagram.
    pub fn datagram(&mut self, port: Port, to: SocketAddr, payload: Bytes, class: Class) {
        self.push(Output::Datagram { port, to, payload, class });
    }

    /// Makes changes, all or none.
    pub fn store(&mut self, ops: Vec<StoreOp>, until: Until) -> Ticket {
        let ticket = self.ticket();
        self.push(Output::Store { ticket, ops, until });
        ticket
    }

    /// Reads back a key.
    pub fn load(&mut self, key: impl Into<Bytes>) -> Ticket {
        let ticket = self.ticket();
        self.push(Output::Load { ticket, key: key.into() });
        ticket
    }

    /// Reads back the keys that begin with `prefix`, behind `after`.
    pub fn scan(&mut self, prefix: impl Into<Bytes>, after: Option<Bytes>) -> Ticket {
        let ticket = self.ticket();
        self.push(Output::Scan { ticket, prefix: prefix.into(), after });
        ticket
    }

    /// The machine has ended: what is pushed from now on is dropped.
    pub fn done(&mut self) {
        self.push(Output::Done);
        self.is_done = true;
    }

    /// Whether the machine has said that it ended.
    pub const fn is_done(&self) -> bool {
        self.is_done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_follows_the_end() {
        let mut out = Outputs::new();
        out.event(1);
        assert!(!out.is_done());
        out.done();
        out.event(2);
        out.done();
        assert!(out.is_done());
        let all: Vec<_> = core::iter::from_fn(|| out.poll()).collect();
        assert_eq!(all, [Output::Event(1), Output::Done]);
    }

    proptest! {
        #[test]
        fn outputs_leave_in_order_and_no_ticket_twice(ops in prop::collection::vec(0u8..8, 0..60)) {
            let (mut out, mut model, mut next) = (Outputs::new(), Vec::new(), 1);
            let to: SocketAddr = "192.0.2.1:1".parse().unwrap();
            for op in ops {
                let ticket = Ticket(next);
                next += u64::from(matches!(op, 1..=3 | 5));
                match op {
                    0 => { out.event(op); model.push(Output::Event(op)) }
                    1 => {
                        prop_assert_eq!(out.dial(to, Time::ZERO), ticket);
                        model.push(Output::Dial { ticket, to, deadline: Time::ZERO });
                    }
                    2 => {
                        let until = Until::Synced;
                        prop_assert_eq!(out.store(Vec::new(), until), ticket);
                        model.push(Output::Store { ticket, ops: Vec::new(), until });
                    }
                    3 => {
                        prop_assert_eq!(out.load("key"), ticket);
                        model.push(Output::Load { ticket, key: "key".into() });
                    }
                    4 => {
                        let (port, payload, class) = (Port(3), Bytes::from_static(b"x"), Class::Bulk);
                        out.datagram(port, to, payload.clone(), class);
                        model.push(Output::Datagram { port, to, payload, class });
                    }
                    5 => {
                        prop_assert_eq!(out.scan("k", Some("key".into())), ticket);
                        model.push(Output::Scan { ticket, prefix: "k".into(), after: Some("key".into()) });
                    }
                    _ => {
                        let first = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(out.poll(), first);
                    }
                }
                prop_assert_eq!((out.len(), out.is_empty()), (model.len(), model.is_empty()));
            }
            prop_assert_eq!(core::iter::from_fn(|| out.poll()).collect::<Vec<_>>(), model);
        }
    }
}
