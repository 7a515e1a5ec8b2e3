//! Who this node is: read from its state, or drawn; durable before anything is said.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use bytes::Bytes;

use super::{Overlay, Timer};
use crate::kernel::{Loaded, StoreError, StoreOp, Ticket, Until};
use crate::overlay::event::{Event, FatalError};
use crate::overlay::names::NodeId;
use crate::overlay::wire::{Contact, MoreAddresses, NodeName};

/// Under which the id and the incarnation are kept.
const IDENTITY: &[u8] = b"identity";
/// Under which the remembered peers are kept.
const PEERS: &[u8] = b"peers";

/// How far the node has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Life {
    /// Waits for its state, under these tickets.
    #[default]
    New,
    /// Waits for its identity.
    Loading(Ticket),
    /// Waits for its new incarnation to be durable.
    Storing(Ticket, Me),
    /// Waits for the remembered peers.
    Recalling(Ticket, Me),
    /// Runs.
    Running(Me),
    /// Has withdrawn, and passes on what still comes.
    Leaving(Me),
    /// Closes.
    Parting(Me),
    /// Ends with what happens now; who it was.
    Ending(Option<Me>),
    /// Does nothing any more; who it was.
    Over(Option<Me>),
}

/// Who the node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Me {
    pub(super) id: NodeId,
    pub(super) incarnation: u32,
}

impl Life {
    /// Who the node is, once that is durable.
    pub(super) fn me(self) -> Option<Me> {
        match self {
            Life::Running(me) | Life::Leaving(me) | Life::Parting(me) => Some(me),
            _ => None,
        }
    }

    /// Whether nothing follows any more.
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Life::Over(_))
    }

    /// Who the node is or was.
    pub(super) fn identity(self) -> Option<Me> {
        if let Life::Ending(me) | Life::Over(me) = self { me } else { self.me() }
    }
}

impl Overlay {
    pub(super) fn load(&mut self) {
        self.life = Life::Loading(self.out.load(IDENTITY));
    }

    pub(super) fn loaded(&mut self, ticket: Ticket, value: Loaded<'_>) {
        match self.life {
            Life::Loading(expected) if expected == ticket => self.identity_loaded(value),
            Life::Recalling(expected, me) if expected == ticket => {
                if let Loaded::Value(octets) = value {
                    self.recall_peers(octets);
                }
                self.begin(me);
            }
            _ => {}
        }
    }

    fn identity_loaded(&mut self, value: Loaded<'_>) {
        let kept = match value {
            Loaded::Absent => None,
            Loaded::Value(octets) => match parse_identity(octets) {
                Some(me) => Some(me),
                None => return self.fatal(FatalError::StateDamaged),
            },
            Loaded::Failed => return self.fatal(FatalError::StateUnreadable),
        };
        let drawn = NodeId(self.random.tokens.u128());
        let id = self.config.id.or(kept.map(|me| me.id)).unwrap_or(drawn);
        let me = self.next_life(id, kept.filter(|me| me.id == id), drawn);
        let ticket = self.store_identity(me);
        self.life = Life::Storing(ticket, me);
    }

    /// What follows after the life before. An id that has no incarnation left is given up for one that was drawn, unless it
    /// is configured.
    fn next_life(&mut self, id: NodeId, before: Option<Me>, drawn: NodeId) -> Me {
        match before.map_or(Some(1), |me| me.incarnation.checked_add(1)) {
            Some(incarnation) => Me { id, incarnation },
            None if self.config.id.is_some() => {
                self.emit(Event::IdUsedUp { id });
                Me { id, incarnation: u32::MAX }
            }
            None => {
                self.emit(Event::IdGivenUp { id });
                Me { id: drawn, incarnation: 1 }
            }
        }
    }

    pub(super) fn store_identity(&mut self, me: Me) -> Ticket {
        self.store(IDENTITY, write_identity(me).into())
    }

    fn store(&mut self, key: &'static [u8], octets: Bytes) -> Ticket {
        let ops = vec![StoreOp { key: Bytes::from_static(key), value: Some(octets) }];
        self.out.store(ops, Until::Synced)
    }

    pub(super) fn stored(&mut self, ticket: Ticket, result: Result<(), StoreError>) {
        match self.life {
            Life::Storing(expected, me) if expected == ticket => {
                if let Err(why) = result {
                    return self.fatal(FatalError::StateUnwritable(why));
                }
                self.life = Life::Recalling(self.out.load(PEERS), me);
            }
            _ if self.succession.awaits(ticket) => self.successor_stored(result),
            _ => self.peers_stored(ticket, result),
        }
    }

    /// Keeps the remembered peers for the next start. A failure costs only memory of others, so nobody waits for it.
    pub(super) fn store_peers(&mut self, octets: Bytes) -> Ticket {
        self.store(PEERS, octets)
    }

    /// The next record is this incarnation's first.
    pub(super) fn runs_as(&mut self, me: Me) {
        self.life = Life::Running(me);
        self.origin.start(me.incarnation);
    }

    pub(super) fn begin(&mut self, me: Me) {
        self.runs_as(me);
        self.emit(Event::Started { id: me.id, incarnation: me.incarnation });
        let beat = self.config.periods.heartbeat;
        let phase = self.random.timing.between(core::time::Duration::from_micros(1), beat);
        self.timers.after(Timer::Pulse, phase);
        self.start_healing();
        self.start_exchanging();
        self.start_forming();
        self.join();
        self.hear_strangers();
    }

    /// The node cannot go on.
    pub(super) fn fatal(&mut self, error: FatalError) {
        self.end(Event::Fatal { error });
    }

    pub(super) fn me(&self) -> Option<Me> {
        self.life.me()
    }

    /// Whether the record may be told: not before its incarnation is durable, and not after the end.
    pub(super) fn may_originate(&self) -> bool {
        matches!(self.life, Life::Running(_) | Life::Leaving(_)) && !self.succession.is_behind()
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.life, Life::Running(_))
    }

    /// This node's name on the wire, and where else it is reached.
    pub(super) fn my_contact(&self, me: Me) -> Contact {
        Contact { name: self.my_name(me), more: self.more_addresses() }
    }

    /// Where this node listens beside the address in its name; the configuration was looked at for their number.
    pub(super) fn more_addresses(&self) -> MoreAddresses {
        MoreAddresses::first(self.config.more_addresses.iter().copied())
    }

    /// This node's name on the wire.
    pub(super) fn my_name(&self, me: Me) -> NodeName {
        NodeName { addr: self.config.address, id: Some(me.id) }
    }
}

/// `egoist 1`, the id and the incarnation, a line each.
fn write_identity(me: Me) -> String {
    format!("egoist 1\nid {}\nincarnation {}\n", me.id, me.incarnation)
}

fn parse_identity(octets: &[u8]) -> Option<Me> {
    let text = core::str::from_utf8(octets).ok()?;
    let mut lines = text.strip_suffix('\n')?.split('\n');
    lines.next().filter(|line| *line == "egoist 1")?;
    let id = lines.next()?.strip_prefix("id ")?.parse().ok()?;
    let incarnation = lines.next()?.strip_prefix("incarnation ")?.parse().ok().filter(|n| *n > 0)?;
    lines.next().is_none().then_some(Me { id, incarnation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_whole_or_not_at_all() {
        let me = Me { id: NodeId(7), incarnation: u32::MAX };
        let text = write_identity(me);
        assert_eq!(parse_identity(text.as_bytes()), Some(me));
        for cut in 0..text.len() {
            assert_eq!(parse_identity(&text.as_bytes()[..cut]), None, "cut at {cut}");
        }
        assert_eq!(parse_identity(text.replace("egoist 1", "egoist 2").as_bytes()), None);
    }
}
