//! Beginning and ending to store, and the end of the node.

use alloc::vec::Vec;
use core::time::Duration;

use super::interface::{Event, Failure, Refusal, Reply};
use super::machine::{Chord, Due};
use crate::kernel::Machine as _;
use crate::mesh;
use crate::mesh::Kind;
use crate::mesh::wire::{Message, Role};

/// For how long what is kept is handed over to others before a node ends to store, or leaves.
const HAND_OVER: Duration = Duration::from_secs(10);

/// What a node is about to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    /// Nothing in particular.
    On,
    /// It hands over what it keeps, and stores no more.
    Unjoining,
    /// It does so, and then leaves.
    Leaving,
    /// It has left.
    Left,
}

impl Chord {
    /// Begins to store.
    pub(super) fn join_ring(&mut self) -> Result<Reply, Refusal> {
        match self.life {
            Life::On if self.role == Role::Storing => {}
            Life::On | Life::Unjoining => {
                self.life = Life::On;
                self.deadlines.cancel(Due::HandedOver);
                self.takes_role(Role::Storing);
                self.unify();
            }
            Life::Leaving | Life::Left => return Err(Refusal::Leaving),
        }
        Ok(Reply::Done)
    }

    /// Ends to store.
    pub(super) fn unjoin(&mut self) -> Result<Reply, Refusal> {
        match self.life {
            Life::On if self.role == Role::Storing => self.hand_over(Life::Unjoining),
            Life::On | Life::Unjoining => {}
            Life::Leaving | Life::Left => return Err(Refusal::Leaving),
        }
        Ok(Reply::Done)
    }

    /// Leaves: a node whose memory is all that it has hands it over before.
    pub(super) fn leave(&mut self) -> Result<Reply, Refusal> {
        match self.life {
            Life::Leaving | Life::Left => return Err(Refusal::Leaving),
            Life::On if self.role == Role::Storing && !self.config.durable => self.hand_over(Life::Leaving),
            Life::Unjoining => self.life = Life::Leaving,
            Life::On => self.depart(),
        }
        Ok(Reply::Done)
    }

    fn hand_over(&mut self, life: Life) {
        self.life = life;
        self.takes_role(Role::Leech);
        self.leave_ring();
        self.strays.homeless();
        self.deadlines.after(Due::HandedOver, HAND_OVER);
        self.look_for_strays();
        self.look_for_end();
    }

    fn takes_role(&mut self, role: Role) {
        self.role = role;
        for conn in self.mesh.peers().map(|peer| peer.conn).collect::<Vec<_>>() {
            self.mesh.say(conn, &Message::Meta(role));
        }
        self.sweep_soon();
        if role == Role::Storing {
            self.out.event(Event::RoleChanged { role });
        }
    }

    /// Whether what is kept has gone to others, or there is nobody to whom it can go.
    pub(super) fn look_for_end(&mut self) {
        let has_others = self.sides.storing(Kind::Native).next().is_some();
        if self.shelf.is_empty() || !has_others {
            self.handed_over();
        }
    }

    /// What is still here stays here, and nobody finds it.
    pub(super) fn handed_over(&mut self) {
        self.deadlines.cancel(Due::HandedOver);
        match self.life {
            Life::Unjoining => {
                self.life = Life::On;
                self.out.event(Event::RoleChanged { role: Role::Leech });
            }
            Life::Leaving => self.depart(),
            Life::On | Life::Left => {}
        }
    }

    fn depart(&mut self) {
        self.life = Life::Left;
        self.end_all(Failure::Leaving);
        if self.circle.is_placed {
            self.leave_ring();
        }
        // It refuses nothing but to leave twice.
        let _ = self.mesh.command(self.deadlines.now(), mesh::Command::Leave);
    }
}
