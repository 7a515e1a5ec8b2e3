//! What holds while a fault stands: an overlay at rest, one more fault that does not end, and what is promised then.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::traffic::Pair;
use super::watch::Watch;
use super::{ASKED, Scenario, most_chosen};
use crate::overlay::Overlay;
use crate::overlay::link::Carrier;
use crate::overlay::oracle::Difference;
use crate::sim::faults::{Action, Agenda, NotAnAction, Ways};
use crate::sim::scenario::Watch as _;
use crate::sim::{Sockets, World};

/// Datagrams are blocked: everybody reaches everybody again after this.
const UNBLOCKED: Duration = Duration::from_secs(4);
/// A way does not carry full-size packets: they go around after this.
const AROUND: Duration = Duration::from_secs(10);
/// An address is gone: after this nobody lists a way there that nothing comes through.
const UNLISTED: Duration = Duration::from_secs(2);
/// For so long what holds then is looked at.
const WATCHED: Duration = Duration::from_secs(20);
/// ... which is looked at for so long: links that are suspected, and the periods of decisions, end within it.
const MOVED: Duration = Duration::from_secs(100);
/// How long one who moves stays away: longer than anybody looks.
const AWAY: Duration = Duration::from_secs(200);
/// Among two there is no way around.
const LEAST: usize = 3;
/// The longest packet that passes a narrow way.
const NARROW: usize = 600;
/// Payloads that fit into a datagram, and that do not.
const LENGTHS: [usize; 2] = [1_000, 1_500];

/// One more fault, which stands once everything else holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Datagrams to a node vanish, and with both ways those from it too.
    Blocked {
        /// The node.
        node: usize,
        /// Which ways.
        ways: Ways,
    },
    /// A translator stands before a node.
    Translated {
        /// The node.
        node: usize,
    },
    /// What is longer than 600 octets vanishes between two nodes.
    Narrow {
        /// One.
        from: usize,
        /// The other.
        to: usize,
        /// Which ways.
        ways: Ways,
    },
    /// A node's address is gone.
    Moved {
        /// The node.
        node: usize,
        /// What becomes of its datagrams.
        sockets: Sockets,
    },
}

impl Standing {
    /// The last of the nodes that it names.
    pub fn last_node(&self) -> usize {
        match *self {
            Standing::Blocked { node, .. } | Standing::Translated { node } | Standing::Moved { node, .. } => {
                node
            }
            Standing::Narrow { from, to, .. } => from.max(to),
        }
    }

    fn actions(self, nodes: usize) -> Vec<Action> {
        match self {
            Standing::Blocked { node, ways } => {
                let others = (0..=nodes).filter(|other| *other != node);
                others.map(|from| Action::Block { from, to: node, ways }).collect()
            }
            Standing::Translated { node } => alloc::vec![Action::Translate { node }],
            Standing::Narrow { from, to, ways } => {
                alloc::vec![Action::Narrow { from, to, ways, octets: NARROW }]
            }
            Standing::Moved { node, sockets } => alloc::vec![Action::Move { node, sockets, time: AWAY }],
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Blocked { node, ways } => write!(f, "blocked {node} {ways}"),
            Standing::Translated { node } => write!(f, "translated {node}"),
            Standing::Narrow { from, to, ways } => write!(f, "narrow {from} {to} {ways}"),
            Standing::Moved { node, sockets } => write!(f, "moved {node} {sockets}"),
        }
    }
}

impl FromStr for Standing {
    type Err = NotAnAction;

    fn from_str(text: &str) -> Result<Self, NotAnAction> {
        let number = |word: &str| word.parse().map_err(|_| NotAnAction(text.to_string()));
        let words: Vec<&str> = text.split(' ').collect();
        Ok(match *words {
            ["blocked", node, ways] => Standing::Blocked { node: number(node)?, ways: ways.parse()? },
            ["translated", node] => Standing::Translated { node: number(node)? },
            ["narrow", from, to, ways] => {
                Standing::Narrow { from: number(from)?, to: number(to)?, ways: ways.parse()? }
            }
            ["moved", node, sockets] => Standing::Moved { node: number(node)?, sockets: sockets.parse()? },
            _ => return Err(NotAnAction(text.to_string())),
        })
    }
}

impl Scenario {
    /// Lets the fault stand, and looks at what is promised meanwhile.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn stand(&self, world: &mut World<Overlay>, watch: &mut Watch) -> Result<(), Difference> {
        let promised = self.promises() && self.members(world).len() >= LEAST;
        let Some(standing) = self.plan.stands.filter(|_| promised) else { return Ok(()) };
        let unlisted = if self.all_beat_by_datagrams(world) { UNLISTED } else { UNBLOCKED };
        watch.give_no_account();
        let mut agenda = Agenda::new(most_chosen);
        for action in standing.actions(self.nodes()) {
            agenda.act(world, &action);
        }
        match standing {
            Standing::Blocked { .. } | Standing::Translated { .. } => {
                self.stays_whole(world, watch, &mut agenda, UNBLOCKED, |_| true)
            }
            Standing::Narrow { .. } => self.stays_whole(world, watch, &mut agenda, AROUND, |_| true),
            Standing::Moved { node, .. } => {
                self.answers_for(world, watch, node, [MOVED, unlisted])?;
                self.stays_whole(world, watch, &mut agenda, AROUND, |other| other != node)
            }
        }
        .map_err(|difference| Difference::Standing { difference: Box::new(difference) })
    }

    /// Whether silence is noticed within a second everywhere: beats over a link are borne with for longer.
    fn all_beat_by_datagrams(&self, world: &World<Overlay>) -> bool {
        let members = self.members(world);
        let mut links = members.iter().flat_map(|(_, member)| member.neighbors());
        links.all(|link| link.carrier == Carrier::Udp)
    }

    /// A ring through everybody, choice by choice, takes its time, and neighbours at random promise nothing.
    fn promises(&self) -> bool {
        self.rules().connects && self.settling() == Scenario::calm().settling()
    }

    /// After `time`, and as long as it is watched, everybody of some has a way to everybody of them, and payloads of any
    /// length arrive.
    fn stays_whole(
        &self,
        world: &mut World<Overlay>,
        watch: &mut Watch,
        agenda: &mut Agenda<Overlay>,
        time: Duration,
        who: impl Fn(usize) -> bool,
    ) -> Result<(), Difference> {
        let whole = |world: &World<Overlay>| -> Result<BTreeSet<Pair>, Difference> {
            let ways: BTreeSet<Pair> = self.ways(world).filter(|w| who(w.from) && who(w.to)).collect();
            match ways.iter().find(|way| !way.listed) {
                Some(way) => Err(Difference::Unreachable { from: way.from, to: way.to }),
                None => Ok(ways),
            }
        };
        watch.pass(self, world, agenda, time)?;
        let end = world.now() + WATCHED;
        for length in LENGTHS {
            let ways = whole(world)?;
            self.arrive(world, watch, ways, length)?;
        }
        while world.now() < end {
            watch.pass(self, world, agenda, ASKED)?;
            whole(world)?;
        }
        let ways = whole(world)?;
        self.arrive(world, watch, ways, LENGTHS[0])
    }
}
