//! What must hold in each state of a ring.

use alloc::vec::Vec;
use core::fmt;

use super::Network;
use crate::mesh::chord::ring::{Space, Successors};

/// What holds in every state; the module's table says more of each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// Each list has an entry that lives.
    OneLiveSuccessor,
    /// There is a principal, a member that no list skips.
    SufficientPrincipals,
    /// What is a principal stays one until it ends.
    PrincipalsStay,
    /// No list names anybody twice, or its owner before its end.
    NoDuplicates,
    /// Entries follow each other within one round.
    OrderedSuccessorLists,
    /// Going from a member to its first live successor, on and on, one comes back.
    AtLeastOneRing,
    /// There is one such cycle alone.
    AtMostOneRing,
    /// It goes round once.
    OrderedRing,
    /// Each member's successors lead into it.
    ConnectedAppendages,
    /// All principals are in it.
    BaseNotSkipped,
    /// Nobody lost all its successors.
    NobodyLost,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl<P: Space, const R: usize> Network<P, R> {
    /// The first invariant that does not hold.
    ///
    /// # Errors
    /// That one.
    pub fn check(&self) -> Result<(), Invariant> {
        let hold = |holds: bool, invariant| if holds { Ok(()) } else { Err(invariant) };
        hold(!self.lost, Invariant::NobodyLost)?;
        for member in self.members.values() {
            hold(distinct(member.successors()), Invariant::NoDuplicates)?;
            hold(ordered(member.successors()), Invariant::OrderedSuccessorLists)?;
        }
        hold(self.lists().all(|list| self.has_live(&list, None)), Invariant::OneLiveSuccessor)?;
        let principals = self.principals();
        hold(!principals.is_empty(), Invariant::SufficientPrincipals)?;
        self.check_ring(&principals)
    }

    fn check_ring(&self, principals: &[P]) -> Result<(), Invariant> {
        let hold = |holds: bool, invariant| if holds { Ok(()) } else { Err(invariant) };
        let rings: Vec<Vec<P>> = self.nodes().map(|node| self.ring_from(node)).collect();
        let ring = &rings[0];
        hold(!ring.is_empty(), Invariant::AtLeastOneRing)?;
        let another = rings.iter().any(|other| !other.is_empty() && !other.iter().any(|node| ring.contains(node)));
        hold(!another, Invariant::AtMostOneRing)?;
        hold(rings.iter().all(|other| !other.is_empty()), Invariant::ConnectedAppendages)?;
        let skips = |(from, to): (P, P)| ring.iter().any(|node| node.between(from, to));
        let steps = ring.iter().map(|node| (*node, self.first_live(*node).unwrap_or(*node)));
        hold(!steps.into_iter().any(skips), Invariant::OrderedRing)?;
        hold(principals.iter().all(|node| ring.contains(node)), Invariant::BaseNotSkipped)
    }

    /// The members that no list skips, neither one that is held nor one on its way.
    pub fn principals(&self) -> Vec<P> {
        self.nodes().filter(|node| !self.said().any(|list| skips(list, *node))).collect()
    }

    /// Whether what the protocol takes for granted still holds when this node is gone: each list has a live entry, and at
    /// least `base` other principals are there.
    pub fn may_end(&self, node: P, base: usize) -> bool {
        let others = self.lists().filter(|list| list.owner() != node);
        let live = others.into_iter().all(|list| self.has_live(&list, Some(node)));
        live && self.members.len() > 1
            && self.principals().into_iter().filter(|principal| *principal != node).count() >= base
    }

    /// Whether an entry lives, `but` for one; the owner at the list's end counts.
    fn has_live(&self, list: &Successors<P, R>, but: Option<P>) -> bool {
        let lives = |node| Some(node) != but && self.members.contains_key(&node);
        list.laps() || list.nodes().any(lives)
    }

    /// The paper's `bestSucc`.
    fn first_live(&self, node: P) -> Option<P> {
        self.members.get(&node)?.successors().nodes().find(|next| self.members.contains_key(next))
    }

    /// The cycle that first live successors lead into from here; empty if somebody has none.
    fn ring_from(&self, node: P) -> Vec<P> {
        let mut at = node;
        for _ in 0..self.members.len() {
            let Some(next) = self.first_live(at) else { return Vec::new() };
            at = next;
        }
        let mut ring = Vec::new();
        while !ring.contains(&at) {
            ring.push(at);
            at = self.first_live(at).unwrap_or(at);
        }
        ring
    }
}

fn skips<P: Space, const R: usize>(list: &Successors<P, R>, node: P) -> bool {
    let from = core::iter::once(list.owner()).chain(list.nodes());
    from.zip(list.nodes()).any(|(from, to)| node.between(from, to))
}

fn distinct<P: Space, const R: usize>(list: &Successors<P, R>) -> bool {
    let nodes: Vec<P> = list.nodes().collect();
    (1..nodes.len()).all(|at| !nodes[..at].contains(&nodes[at]))
        && !nodes[..nodes.len() - 1].contains(&list.owner())
}

fn ordered<P: Space, const R: usize>(list: &Successors<P, R>) -> bool {
    let nodes: Vec<P> = core::iter::once(list.owner()).chain(list.nodes()).collect();
    nodes.windows(3).all(|three| three[1].between(three[0], three[2]))
        && list.others().zip(list.others().skip(1)).all(|(one, two)| one.between(list.owner(), two))
}
