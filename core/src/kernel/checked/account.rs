//! What a driver owes to a machine, and what it may tell it.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;

use super::left::Left;
use super::watch::{Due, Watch};
use super::{Checked, Patience};
use crate::kernel::{ConnId, How, Input, Output, Ticket, Time, Wake};

/// A wake so close is one for what is due already: a machine that was drained never asks for the present.
const AT_ONCE: Duration = Duration::from_millis(1);

#[derive(Clone, Default, Debug)]
pub(super) struct Account {
    patience: Patience,
    watch: Watch,
    wake: Option<(Wake, Due)>,
    conns: BTreeMap<ConnId, Conn>,
    ended: Latest<ConnId>,
    tickets: BTreeMap<Ticket, Asked>,
    answered: Latest<Ticket>,
    /// Stores in the order in which they were asked for.
    stores: VecDeque<Ticket>,
    /// Since when nothing was flushed, while octets are in flight.
    flush: Option<(Time, Due)>,
    /// The machine has ended.
    done: bool,
}

/// An open connection.
#[derive(Clone, Debug)]
struct Conn {
    reading: bool,
    in_flight: usize,
    left: Left,
    /// When the machine closed it.
    closing: Option<(Time, Due)>,
}

/// A ticket that waits.
#[derive(Clone, Debug)]
struct Asked {
    what: &'static str,
    at: Time,
    due: Due,
}

const DIAL: &str = "a dial";
const STORE: &str = "a store";
const LOAD: &str = "a load";
const SCAN: &str = "a scan";

impl Account {
    pub(super) fn new(patience: Patience) -> Self {
        Account { patience, ..Account::default() }
    }

    /// The driver says what happened.
    pub(super) fn told(&mut self, now: Time, input: &Input<'_>) {
        assert!(!self.done, "the driver went on after the machine had ended, with {input:?}");
        self.watch.pass(now);
        match input {
            Input::Tick => self.wake = None,
            Input::Opened { conn, how, .. } => self.opened(*conn, *how),
            Input::Received { conn, bytes } => self.received(*conn, bytes),
            Input::Flushed { conn, n } => self.flushed(*conn, *n),
            Input::Closed { conn, .. } => self.closed(*conn),
            Input::DialFailed { ticket, .. } => self.answered(*ticket, DIAL),
            Input::Stored { ticket, .. } => self.stored(*ticket),
            Input::Loaded { ticket, .. } => self.answered(*ticket, LOAD),
            Input::Scanned { ticket, .. } => self.answered(*ticket, SCAN),
            Input::Datagram { .. } | Input::WallTime { .. } => {}
        }
        self.judge();
    }

    /// The driver tells the time with a command.
    pub(super) fn pass(&mut self, now: Time) {
        self.watch.pass(now);
        self.judge();
    }

    /// The driver has taken an output.
    pub(super) fn asked<E>(&mut self, output: &Output<E>) {
        let now = self.watch.now;
        match output {
            Output::Dial { ticket, deadline, .. } => {
                self.ask(*ticket, DIAL, *deadline.max(&now) + self.patience.dial);
            }
            Output::Store { ticket, .. } => {
                self.stores.push_back(*ticket);
                self.ask(*ticket, STORE, now + self.patience.answer);
            }
            Output::Load { ticket, .. } => self.ask(*ticket, LOAD, now + self.patience.answer),
            Output::Send { conn, frame, .. } => self.sent(*conn, frame.len()),
            Output::Reading { conn, on } => {
                if let Some(conn) = self.conns.get_mut(conn) {
                    conn.reading = *on;
                }
            }
            Output::Close { conn, .. } => self.closing(*conn),
            Output::Scan { ticket, .. } => self.ask(*ticket, SCAN, now + self.patience.answer),
            Output::Done => self.done = true,
            Output::Datagram { .. } | Output::Event(_) => {}
        }
    }

    /// The driver has taken every output. What is due stays due until a tick, whatever is asked for meanwhile.
    pub(super) fn drained(&mut self, wake: Option<Wake>) {
        let now = self.watch.now;
        let still_due = |at: Time| self.wake.is_some_and(|(due, _)| due.at <= now) && at <= now + AT_ONCE;
        if wake.is_none_or(|wake| !still_due(wake.at)) {
            self.wake = wake.map(|wake| (wake, Due::new(wake.at + self.patience.tick)));
        }
    }

    /// The machine has left this in a connection's buffer.
    pub(super) fn left(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.left = Left::of(bytes);
        }
    }

    fn ask(&mut self, ticket: Ticket, what: &'static str, by: Time) {
        self.tickets.insert(ticket, Asked { what, at: self.watch.now, due: Due::new(by) });
    }

    fn answered(&mut self, ticket: Ticket, what: &str) {
        let Some(asked) = self.tickets.remove(&ticket) else {
            assert!(!self.answered.has(ticket), "the driver answered {ticket:?} twice");
            panic!("the driver answered {ticket:?}, which was never given as that of {what}");
        };
        let was = asked.what;
        assert!(was == what, "the driver answered {ticket:?}, {was}, as if it were {what}");
        self.answered.insert(ticket);
    }

    fn stored(&mut self, ticket: Ticket) {
        self.answered(ticket, STORE);
        let first = self.stores.pop_front();
        assert!(
            first == Some(ticket),
            "the driver answered the store of {ticket:?} before that of {first:?}"
        );
    }

    fn opened(&mut self, conn: ConnId, how: How) {
        let is_new = !self.conns.contains_key(&conn) && !self.ended.has(conn);
        assert!(is_new, "the driver gave the name {conn:?} to a second connection");
        let new = Conn { reading: true, in_flight: 0, left: Left::default(), closing: None };
        self.conns.insert(conn, new);
        if let How::Dialed(ticket) = how {
            self.answered(ticket, DIAL);
        }
    }

    fn received(&mut self, conn: ConnId, bytes: &[u8]) {
        let open = self.open(conn, "octets");
        if open.closing.is_some() {
            return;
        }
        assert!(open.reading, "the driver went on reading {conn:?} after the machine had turned that off");
        if let Some(left) = open.left.lost_in(bytes) {
            let n = bytes.len();
            panic!(
                "the driver lost octets of {conn:?}: {left} were left, and the {n} presented begin otherwise"
            );
        }
    }

    fn sent(&mut self, conn: ConnId, n: usize) {
        if let Some(conn) = self.conns.get_mut(&conn).filter(|conn| conn.closing.is_none()) {
            conn.in_flight += n;
            self.flush = self.flush.or_else(|| self.flush_is_due());
        }
    }

    fn flushed(&mut self, conn: ConnId, n: usize) {
        let in_flight = &mut self.open(conn, "a flush").in_flight;
        let was = *in_flight;
        assert!(n <= was, "the driver flushed {n} octets of {conn:?}, where {was} are in flight");
        *in_flight -= n;
        self.flush = self.flush_is_due();
    }

    fn closing(&mut self, conn: ConnId) {
        let (now, by) = (self.watch.now, self.watch.now + self.patience.closed);
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.closing.get_or_insert((now, Due::new(by)));
        }
        self.forget_flush_if_idle();
    }

    fn closed(&mut self, conn: ConnId) {
        if self.conns.remove(&conn).is_none() {
            assert!(!self.ended.has(conn), "the driver closed {conn:?} twice");
            panic!("the driver closed {conn:?}, which was never opened");
        }
        self.ended.insert(conn);
        self.forget_flush_if_idle();
    }

    /// An open connection of which the driver tells something.
    fn open(&mut self, conn: ConnId, what: &str) -> &mut Conn {
        let has_ended = self.ended.has(conn);
        let Some(open) = self.conns.get_mut(&conn) else {
            let why = if has_ended { "has ended" } else { "was never opened" };
            panic!("the driver told {what} of {conn:?}, which {why}");
        };
        open
    }

    /// Octets that the driver is to flush. What it does about a connection that was closed it does not tell.
    fn in_flight(&self) -> usize {
        self.conns.values().filter(|conn| conn.closing.is_none()).map(|conn| conn.in_flight).sum()
    }

    fn flush_is_due(&self) -> Option<(Time, Due)> {
        let now = self.watch.now;
        (self.in_flight() > 0).then(|| (now, Due::new(now + self.patience.flushed)))
    }

    fn forget_flush_if_idle(&mut self) {
        if self.in_flight() == 0 {
            self.flush = None;
        }
    }

    /// Looks for what is missing.
    ///
    /// # Panics
    /// Something is.
    fn judge(&mut self) {
        let (watch, now) = (self.watch, self.watch.now);
        if let Some((Wake { at, why }, due)) = &mut self.wake {
            assert!(
                !due.is_missed(&watch),
                "the driver gave no Tick: one was asked for at {at:?} ({why}), and it is {now:?}"
            );
        }
        for (ticket, Asked { what, at, due }) in &mut self.tickets {
            assert!(
                !due.is_missed(&watch),
                "the driver has not answered {ticket:?}, {what} of {at:?}, and it is {now:?}"
            );
        }
        for (conn, Conn { closing, .. }) in &mut self.conns {
            let Some((at, due)) = closing else { continue };
            assert!(
                !due.is_missed(&watch),
                "the driver has not told that {conn:?} is closed: the machine closed it at {at:?}, and it is {now:?}"
            );
        }
        let n = self.in_flight();
        if let Some((at, due)) = &mut self.flush {
            assert!(
                !due.is_missed(&watch),
                "the driver flushed nothing since {at:?}, while {n} octets are in flight, and it is {now:?}"
            );
        }
    }
}

/// The latest names, as many as a [`Checked`] remembers.
#[derive(Clone, Debug)]
struct Latest<K> {
    names: BTreeSet<K>,
    order: VecDeque<K>,
}

impl<K> Default for Latest<K> {
    fn default() -> Self {
        Latest { names: BTreeSet::new(), order: VecDeque::new() }
    }
}

impl<K: Ord + Copy> Latest<K> {
    fn has(&self, name: K) -> bool {
        self.names.contains(&name)
    }

    fn insert(&mut self, name: K) {
        if !self.names.insert(name) {
            return;
        }
        self.order.push_back(name);
        if self.order.len() > Checked::<()>::REMEMBERED {
            self.order.pop_front().inspect(|oldest| _ = self.names.remove(oldest));
        }
    }
}
