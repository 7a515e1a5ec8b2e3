//! A machine in the loop, and its end.

use std::net::SocketAddr;

use egoist_core::kernel::{CloseHow, Fault, Input, Machine, Output, Time, Wake, Why};

use crate::erase::{Erased, Key, MachineId, Sink, Slot};
use crate::host::{Alarm, Host, Socket};
use crate::net::{Net, Token};
use crate::store::StoreHandle;

const REMOVED: Why = Why { fault: Fault::Own, what: "its machine was removed" };

/// A machine, where it tells events, and what belongs to it.
pub(crate) struct Station<N: Net> {
    pub(crate) machine: Box<dyn Erased>,
    pub(crate) sink: Option<Box<dyn Sink<N>>>,
    pub(crate) listeners: Vec<SocketAddr>,
    pub(crate) datagrams: Vec<(SocketAddr, Token)>,
    pub(crate) store: StoreHandle,
    pub(crate) undrained: bool,
    /// Whether it is told what the clock on the wall shows.
    pub(crate) wall_time: bool,
    /// It has ended, or was removed: it is told nothing more.
    pub(crate) done: bool,
}

impl<N: Net> Station<N> {
    /// Tells the machine, unless it has ended.
    pub(crate) fn hear(&mut self, now: Time, input: Input<'_>) {
        if !self.done {
            self.machine.handle(now, input);
        }
    }
}

impl<N: Net> Host<N> {
    /// Whether the machine has [ended](Output::Done). Its sockets are given up then, once what it said last is written; it
    /// can still be asked.
    ///
    /// # Panics
    /// If the key is another driver's.
    pub fn has_ended<M>(&self, key: Key<M>) -> bool {
        self.stations[key.at(self.id()).0].done
    }

    /// Takes a machine out of the loop: its sockets are given up, and what is still open is broken off. What it had closed
    /// is still written, and what it had asked to be stored is. The number that it had is not given again.
    ///
    /// # Panics
    /// If the key is another driver's, or that of a machine that was removed before.
    pub fn remove<M: Machine + 'static>(&mut self, key: Key<M>) -> M {
        let id = key.at(self.id());
        self.drain(id);
        self.retire(id);
        let station = &mut self.stations[id.0];
        station.sink = None;
        let machine = std::mem::replace(&mut station.machine, Box::new(Slot::new(Removed)));
        let slot = machine.into_any().downcast::<Slot<M>>();
        slot.expect("a key is that of a machine that was not removed before").machine
    }

    /// Tells a machine nothing more and gives up its sockets, but for what it has closed and is still written. Datagrams that
    /// wait leave as far as the system takes them.
    pub(crate) fn retire(&mut self, id: MachineId) {
        self.stations[id.0].done = true;
        self.timers.cancel(Alarm::Tick(id));
        self.own_addresses.retain(|_, owner| *owner != id);
        let tokens: Vec<Token> = self.sockets.tokens().map(|(token, _)| token).collect();
        for token in tokens {
            match self.sockets.get(token) {
                Some(Socket::Listener(socket)) if socket.machine() == id => _ = self.sockets.remove(token),
                Some(Socket::Datagrams(socket)) if socket.machine() == id => {
                    self.flush_datagrams(token);
                    self.sockets.remove(token);
                }
                Some(Socket::Dial(dial)) if dial.machine() == id => _ = self.take_dial(token),
                Some(Socket::Connection(conn)) if conn.is_left_open_by(id) => {
                    self.close(token, CloseHow::Abort, REMOVED);
                }
                _ => {}
            }
        }
    }

    /// Whether every machine has ended, and all that they said last is written.
    pub(crate) fn all_have_ended(&self) -> bool {
        let ended = !self.stations.is_empty() && self.stations.iter().all(|station| station.done);
        ended && !self.sockets.tokens().any(|(_, socket)| matches!(socket, Socket::Connection(_)))
    }
}

/// Stands where a machine was.
struct Removed;

impl Machine for Removed {
    type Command = ();
    type Reply = ();
    type Refusal = ();
    type Event = ();

    fn handle(&mut self, _: Time, _: Input<'_>) {}

    fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
        Err(())
    }

    fn poll(&mut self) -> Option<Output<()>> {
        None
    }

    fn poll_timeout(&self) -> Option<Wake> {
        None
    }
}
