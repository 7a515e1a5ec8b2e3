//! What an offered record is to the database, and what it changed.

use super::super::NodeId;
use super::super::wire::ListedRole;
use super::Entry;

/// How an update compares with the record of the same source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// There is no record of that source.
    Unknown,
    /// The update is newer.
    Newer,
    /// The database has this very update.
    Same,
    /// Equal key, another hash.
    Conflict,
    /// The update is older.
    Older,
    /// There is no record of that source any more, and the last one that was here was newer.
    Departed,
}

impl Standing {
    /// Whether something newer of the source is or was here.
    pub const fn is_behind(self) -> bool {
        matches!(self, Standing::Older | Standing::Departed)
    }
}

/// What became of an offered update.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Taken: to be passed on.
    Newer(Change),
    /// Known already.
    Same,
    /// Equal key, another body: two nodes use one id, or one has lost its state. The larger hash is kept: the offered
    /// one where `taken` says what it changed (to be passed on), else ours (to be answered with, like `Older`).
    Conflict {
        /// What the offered update changed, if it was taken.
        taken: Option<Change>,
    },
    /// Ours is newer: the sender may be answered with it.
    Older,
    /// Taking it would pass one of the [`Limits`](super::Limits); nothing changed.
    Full,
    /// Not acceptable; nothing changed.
    Refused(Refusal),
}

impl Verdict {
    /// What changed, where the update was taken and is to be passed on.
    pub const fn taken(&self) -> Option<Change> {
        match *self {
            Verdict::Newer(change) => Some(change),
            Verdict::Conflict { taken } => taken,
            Verdict::Same | Verdict::Older | Verdict::Full | Verdict::Refused(_) => None,
        }
    }

    /// Whether the database now holds the update or one that goes before it. Only then may its hash enter the duplicate
    /// cache: what did not fit or came too old may be taken when it comes again, by a shorter way or once there is room.
    pub const fn is_settled(&self) -> bool {
        !matches!(self, Verdict::Full | Verdict::Refused(_))
    }
}

/// Why an update was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Its source has no id.
    #[error("an update names its source without an id")]
    Anonymous,
    /// Its age has reached its life.
    #[error("an update is older than it may live")]
    Expired,
    /// The peer that tells of it has told of as much as one may.
    #[error("its teller has introduced as much as one may")]
    Introduced,
    /// Its node is remembered as gone, and this is no newer than its last record here, or that record itself whose life here
    /// is over, whatever age it claims.
    #[error("an update is no newer than the last of one who is gone")]
    Departed,
}

/// What a taken update changed. Without a record before it, it is compared with a record that lists nothing.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each asked for by somebody else")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// There was no record of the source.
    pub first_seen: bool,
    /// The record was marked absent; the mark is gone.
    pub returned: bool,
    /// The wiring: the set of links that the source chose (`o` or `b`) and is not about to give up (`bye`).
    pub wiring: bool,
    /// The listed links or their roles.
    pub links: bool,
    /// The cost of a link that was listed before.
    pub costs: bool,
    /// The body has the same octets: a refresh.
    pub body_equal: bool,
    /// The node has started again, or lives at other addresses.
    pub moved: bool,
}

impl Change {
    /// Whether routes may differ.
    pub const fn touches_routes(&self) -> bool {
        self.first_seen || self.returned || self.links || self.costs
    }

    pub(super) fn first(new: &Entry) -> Self {
        Change {
            first_seen: true,
            returned: false,
            wiring: new.chosen().next().is_some(),
            links: !new.links().is_empty(),
            costs: false,
            body_equal: false,
            moved: false,
        }
    }

    pub(super) fn between(old: &Entry, new: &Entry) -> Self {
        let body_equal = old.upt().body == new.upt().body;
        Change {
            first_seen: false,
            returned: old.is_absent(),
            wiring: !body_equal && !old.chosen().eq(new.chosen()),
            links: !body_equal && !roles(old).eq(roles(new)),
            costs: !body_equal && costs_differ(old, new),
            body_equal,
            moved: old.key().incarnation != new.key().incarnation || !old.addrs().eq(new.addrs()),
        }
    }
}

fn roles(entry: &Entry) -> impl Iterator<Item = (NodeId, ListedRole)> {
    entry.links().iter().map(|link| (link.id, link.role))
}

fn costs_differ(old: &Entry, new: &Entry) -> bool {
    new.links().iter().any(|link| old.link(link.id).is_some_and(|before| before.cost != link.cost))
}
