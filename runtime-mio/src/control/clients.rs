//! What the control clients hold in memory, all together, and who makes room.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::client::Client;

/// Clients at a time; for another one an idle one is dropped, and where none is idle it is turned away.
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
    /// Whether there is room for another one, once whoever of the idle has been silent longest was given up.
    pub(super) fn make_place(&self) -> bool {
        self.list
            .borrow_mut()
            .retain(|client| client.upgrade().is_some_and(|client| !client.borrow().is_gone()));
        if self.list.borrow().len() < CLIENTS {
            return true;
        }
        let idle = self.list.borrow().iter().filter_map(Weak::upgrade).find(is_idle);
        idle.is_some_and(|idle| {
            tracing::debug!("too many control clients: an idle one is dropped");
            idle.borrow_mut().give_up();
            true
        })
    }

    /// Takes a client in.
    pub(super) fn add(&self, client: &Rc<RefCell<Client>>) {
        self.list.borrow_mut().push(Rc::downgrade(client));
    }

    /// A client has said something: all others have been silent for longer.
    pub(super) fn heard(&self, client: &Rc<RefCell<Client>>) {
        let mut list = self.list.borrow_mut();
        if let Some(place) = list.iter().position(|known| std::ptr::eq(known.as_ptr(), Rc::as_ptr(client))) {
            list[place..].rotate_left(1);
        }
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

/// Whether a client waits for nothing: beside its place in the list only responders know of it.
fn is_idle(client: &Rc<RefCell<Client>>) -> bool {
    Rc::weak_count(client) == 1 && client.borrow().held() == 0
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
