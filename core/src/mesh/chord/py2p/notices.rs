//! Which keys there are, as py2p tells it.

use core::time::Duration;

use bytes::Bytes;

use crate::kernel::Outbox;
use crate::mesh::chord::interface::MAX_KEY;
use crate::mesh::chord::machine::{Chord, Due};
use crate::mesh::peer::liveliest;
use crate::mesh::wire::{Message, NodeId, Notice, Text, TextKind};

/// A new neighbour is told of so many keys at once ...
const PORTION: usize = 16;
/// ... and of more after that time, if it has taken those.
const PORTIONS: Duration = Duration::from_millis(100);

impl Chord {
    /// Somebody says that a key has a value, or none any more.
    pub(in crate::mesh::chord) fn heard_notice(&mut self, by: NodeId, key: &Text, notice: Notice) {
        let now = self.deadlines.now();
        let is_in_time = self.py2p.neighbours.get_mut(&by).is_none_or(|peer| peer.rate.take(now));
        if !is_in_time || key.octets().len() > MAX_KEY {
            self.counters.excess += 1;
            return;
        }
        match notice {
            Notice::Added if !self.py2p.keys.add(key.octets(), Some(by)) => self.counters.excess += 1,
            Notice::Added => self.mend_later(key.octets(), false),
            Notice::Deleted => {
                self.py2p.keys.remove(key.octets());
                self.mend_later(key.octets(), true);
            }
        }
    }

    /// Tells all that a key has a value, if that is new.
    pub(super) fn announce(&mut self, key: &Bytes) {
        if !self.py2p.keys.contains(key) && self.py2p.keys.add(key, None) {
            self.tell_of(key, Notice::Added);
        }
    }

    /// Tells all that a key has no value any more.
    pub(super) fn retract(&mut self, key: &Bytes) {
        self.py2p.keys.remove(key);
        self.tell_of(key, Notice::Deleted);
    }

    fn tell_of(&mut self, key: &Bytes, notice: Notice) {
        if let Ok(key) = Text::new(TextKind::Bin, key.clone()) {
            self.mesh.say_to_all(&Message::Notify { key, notice });
        }
    }

    /// A neighbour is to be told of all keys.
    pub(super) fn list_keys(&mut self, id: NodeId) {
        if let Some(neighbour) = self.py2p.neighbours.get_mut(&id) {
            neighbour.told = None;
            self.deadlines.after(Due::Keys(id), PORTIONS);
        }
    }

    /// Tells a neighbour of a few more, unless it has not taken those before.
    pub(in crate::mesh::chord) fn list_more_keys(&mut self, id: NodeId) {
        let Some(conn) = liveliest(&self.mesh.conns, &id) else { return };
        let is_taken = self.mesh.conns.outbox(conn).is_none_or(Outbox::is_empty);
        for _ in 0..if is_taken { PORTION } else { 0 } {
            let Some(neighbour) = self.py2p.neighbours.get_mut(&id) else { return };
            let Some(key) = self.py2p.keys.behind(neighbour.told.as_ref()).cloned() else { return };
            neighbour.told = Some(key.clone());
            if let Ok(key) = Text::new(TextKind::Bin, key) {
                self.say_py2p(&id, &Message::Notify { key, notice: Notice::Added });
            }
        }
        self.deadlines.after(Due::Keys(id), PORTIONS);
    }
}
