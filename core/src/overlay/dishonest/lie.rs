//! The lies, by name, and how a script has them told.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::Plan;
use crate::sim::scenario;

/// What a dishonest neighbour does. Each is told about a node, the victim, and a few to one other alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lie {
    /// A record under the victim's id, one sequence above its own, that lists no link.
    NewerRecord,
    /// The same with another body and the very key of the victim's own.
    SameKey,
    /// The same with the last sequence but one of the victim's incarnation: its next record is its last.
    LastSequence,
    /// The same with the next incarnation.
    NextIncarnation,
    /// The same with the greatest key that there is.
    GreatestKey,
    /// The same as if the victim had left in good order.
    Farewell,
    /// Claims that the victim is gone, one for each reporter that the liar knows of.
    Accusation,
    /// Every record that the liar remembers, as if it were new.
    Replays,
    /// Records of nodes that have left, from before they did.
    Revival,
    /// From now on the records that the liar passes on are about to expire.
    OldAges,
    /// From now on the records that the liar passes on were never older than they are now.
    YoungAges,
    /// The liar is next to everybody.
    CheapLinks,
    /// The liar is as far from everybody as can be.
    DearLinks,
    /// Greetings under the victim's id, from a later start than its own, and silence after them.
    Impersonation,
    /// The same, and the liar goes on to beat as the victim: nobody else can tell the two apart.
    Usurpation,
    /// A greeting under the victim's id, from an earlier start: to be refused.
    StaleImpersonation,
    /// A greeting under the victim's id, from a later start and in a role that nobody has who comes first: to be refused.
    UnfitImpersonation,
    /// From now on the liar's beats say that they were held for longer than they were: it seems near.
    Beats,
    /// From now on the liar answers probes as the victim.
    Pongs,
    /// Nodes that nobody is, which list each other.
    MadeUpNodes,
    /// The same at the victim's address, and listed by the liar.
    MadeUpNeighbors,
    /// Registrations of nodes that nobody is, each on a connection of its own.
    Registrations,
    /// Summaries of an empty database, over and over.
    EmptySums,
}

impl Lie {
    /// All.
    pub const ALL: [Lie; 23] = [
        Lie::NewerRecord,
        Lie::SameKey,
        Lie::LastSequence,
        Lie::NextIncarnation,
        Lie::GreatestKey,
        Lie::Farewell,
        Lie::Accusation,
        Lie::Replays,
        Lie::Revival,
        Lie::OldAges,
        Lie::YoungAges,
        Lie::CheapLinks,
        Lie::DearLinks,
        Lie::Impersonation,
        Lie::Usurpation,
        Lie::StaleImpersonation,
        Lie::UnfitImpersonation,
        Lie::Beats,
        Lie::Pongs,
        Lie::MadeUpNodes,
        Lie::MadeUpNeighbors,
        Lie::Registrations,
        Lie::EmptySums,
    ];

    /// Its name in a script.
    pub const fn name(self) -> &'static str {
        match self {
            Lie::NewerRecord => "newer-record",
            Lie::SameKey => "same-key",
            Lie::LastSequence => "last-sequence",
            Lie::NextIncarnation => "next-incarnation",
            Lie::GreatestKey => "greatest-key",
            Lie::Farewell => "farewell",
            Lie::Accusation => "accusation",
            Lie::Replays => "replays",
            Lie::Revival => "revival",
            Lie::OldAges => "old-ages",
            Lie::YoungAges => "young-ages",
            Lie::CheapLinks => "cheap-links",
            Lie::DearLinks => "dear-links",
            Lie::Impersonation => "impersonation",
            Lie::Usurpation => "usurpation",
            Lie::StaleImpersonation => "stale-impersonation",
            Lie::UnfitImpersonation => "unfit-impersonation",
            Lie::Beats => "beats",
            Lie::Pongs => "pongs",
            Lie::MadeUpNodes => "made-up-nodes",
            Lie::MadeUpNeighbors => "made-up-neighbors",
            Lie::Registrations => "registrations",
            Lie::EmptySums => "empty-sums",
        }
    }

    /// Whether it is a greeting that everybody has to refuse.
    pub const fn is_refused(self) -> bool {
        matches!(self, Lie::StaleImpersonation | Lie::UnfitImpersonation)
    }

    /// Whether it keeps honest nodes apart. Without proofs of identity nobody can say which of two who have an id is right;
    /// and who has an id by its configuration takes no other when its keys are used up, and is heard again only when the
    /// forged record has expired.
    pub const fn parts(self, plan: &Plan) -> bool {
        matches!(self, Lie::Usurpation) || (plan.configured_ids && matches!(self, Lie::GreatestKey))
    }

    /// The lie of a name.
    pub fn named(name: &str) -> Option<Lie> {
        Lie::ALL.into_iter().find(|lie| lie.name() == name)
    }
}

/// What a script has happen to a node, its faults aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `suffer LIE TO`: the liar tells this lie about the node, to another one where it is told to one alone.
    Suffer {
        /// Which.
        lie: Lie,
        /// To whom.
        to: usize,
    },
    /// `leave`: the node leaves in good order, and is no member any more.
    Leave,
}

/// A text that is no order.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an order: {0:?}")]
pub struct NotAnOrder(pub String);

impl scenario::Order for Order {
    fn last_node(&self) -> Option<usize> {
        match *self {
            Order::Suffer { to, .. } => Some(to),
            Order::Leave => None,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Suffer { lie, to } => write!(f, "suffer {} {to}", lie.name()),
            Order::Leave => f.write_str("leave"),
        }
    }
}

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(text: &str) -> Result<Self, NotAnOrder> {
        let words: Vec<&str> = text.split(' ').collect();
        let suffer = |lie, to: &str| Some(Order::Suffer { lie: Lie::named(lie)?, to: to.parse().ok()? });
        let order = match *words {
            ["leave"] => Some(Order::Leave),
            ["suffer", lie, to] => suffer(lie, to),
            _ => None,
        };
        order.ok_or_else(|| NotAnOrder(text.to_string()))
    }
}
