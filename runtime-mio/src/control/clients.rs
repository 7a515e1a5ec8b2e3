//! What the control clients hold in memory, all together, and who makes room.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::client::Client;

/// Clients at a time; another one is turned away.
pub(super) const CLIENTS: usize = 64;
/// Octets that all of them have said without an end, and that they have not read. Whoever holds most makes room for more.
pub(super) const HELD: usize = 16 << 20;

/// All clients.
#[derive(Default)]
pub(super) struct Clients {
    list: RefCell<Vec<Weak<RefCell<Client>>>>,
    held: Rc<Cell<usize>>,
}

/// What one client holds, as a part of what all do.
pub(super) struct Share {
    all: Rc<Cell<usize>>,
    mine: usize,
}

impl Clients {
    /// Whether there is room for another one.
    pub(super) fn has_room(&self) -> bool {
        let mut list = self.list.borrow_mut();
        list.retain(|client| client.strong_count() > 0);
        list.len() < CLIENTS
    }

    /// Takes a client in.
    pub(super) fn add(&self, client: &Rc<RefCell<Client>>) {
        self.list.borrow_mut().push(Rc::downgrade(client));
    }

    /// A new client's share.
    pub(super) fn share(&self) -> Share {
        Share { all: Rc::clone(&self.held), mine: 0 }
    }

    /// Gives up whoever holds most, until all have room for `more` octets or hold none. No client may be borrowed.
    pub(super) fn make_room(&self, more: usize) {
        while self.held.get() > 0 && self.held.get().saturating_add(more) > HELD {
            let clients: Vec<_> = self.list.borrow().iter().filter_map(Weak::upgrade).collect();
            let Some(largest) = clients.iter().max_by_key(|client| client.borrow().held()) else { return };
            tracing::warn!(
                octets = largest.borrow().held(),
                "control clients hold too much: the one with most is dropped"
            );
            largest.borrow_mut().give_up();
        }
    }
}

impl Share {
    /// So many octets it is now.
    pub(super) fn set(&mut self, octets: usize) {
        self.all.set(self.all.get() - self.mine + octets);
        self.mine = octets;
    }

    pub(super) fn get(&self) -> usize {
        self.mine
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
