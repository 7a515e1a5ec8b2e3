//! Who told of which record, and how much that is.

use alloc::collections::{BTreeMap, BTreeSet};

use super::super::NodeId;

/// What keeping a record costs beside its octets, so that many small ones are no way around the bound.
pub const RECORD_CHARGE: usize = 512;

/// When a record came to be told of for the first time: a count of first tellings.
pub(super) type Turn = u64;

/// Each peer's account.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    accounts: BTreeMap<NodeId, Account>,
    /// The same by what they are charged for: the largest is found in O(log n), however many peers told of something.
    ranks: BTreeSet<(usize, NodeId)>,
    turns: Turn,
}

#[derive(Clone, Debug, Default)]
struct Account {
    charged: usize,
    told: BTreeSet<(Turn, NodeId)>,
}

impl Ledger {
    /// The next turn.
    pub(super) fn turn(&mut self) -> Turn {
        self.turns += 1;
        self.turns
    }

    /// What `peer` is charged for.
    pub(super) fn charged(&self, peer: NodeId) -> usize {
        self.accounts.get(&peer).map_or(0, |account| account.charged)
    }

    /// `peer` told of the record of `id`.
    pub(super) fn enter(&mut self, peer: NodeId, turn: Turn, id: NodeId, charge: usize) {
        let account = self.accounts.entry(peer).or_default();
        self.ranks.remove(&(account.charged, peer));
        account.charged += charge;
        account.told.insert((turn, id));
        self.ranks.insert((account.charged, peer));
    }

    /// What `peer` told of the record of `id` is here no more.
    pub(super) fn strike(&mut self, peer: NodeId, turn: Turn, id: NodeId, charge: usize) {
        let Some(account) = self.accounts.get_mut(&peer) else { return };
        self.ranks.remove(&(account.charged, peer));
        account.charged -= charge;
        account.told.remove(&(turn, id));
        if account.told.is_empty() {
            self.accounts.remove(&peer);
        } else {
            self.ranks.insert((account.charged, peer));
        }
    }

    /// Whose record makes room for one that `teller` tells of: the one told of last by the peer with the largest account,
    /// unless that is the teller's own.
    pub(super) fn dispensable(&self, teller: Option<NodeId>, charge: usize) -> Option<NodeId> {
        let (charged, peer) = *self.ranks.last()?;
        let own = teller.map_or(0, |teller| self.charged(teller) + charge);
        let heavier = Some(peer) != teller && charged > own;
        self.accounts.get(&peer)?.told.last().map(|(_, id)| *id).filter(|_| heavier)
    }
}
