//! What must hold in each state of a ring.

use alloc::vec;
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
    /// Going from member to first live successor, on and on, one comes into a cycle.
    AtLeastOneRing,
    /// Wherever one begins, one comes into the same cycle: there is no other, and all appendages lead into it.
    AtMostOneRing,
    /// It goes round once.
    OrderedRing,
    /// All principals are in it.
    BaseNotSkipped,
    /// Nobody lost all its successors.
    NobodyLost,
    /// What members tell of their ranges is what these are.
    RangesTold,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl<P: Space, const R: usize> Network<P, R> {
    /// Whether all hold.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), Invariant> {
        hold(!self.lost, Invariant::NobodyLost)?;
        hold(!self.untold, Invariant::RangesTold)?;
        for member in self.members.values() {
            hold(distinct(member.successors()), Invariant::NoDuplicates)?;
            hold(ordered(member.successors()), Invariant::OrderedSuccessorLists)?;
        }
        hold(self.lists().all(|list| self.has_live(&list, None)), Invariant::OneLiveSuccessor)?;
        self.check_ring()
    }

    fn check_ring(&self) -> Result<(), Invariant> {
        let nodes: Vec<P> = self.nodes().collect();
        let first_live = |node: &P| self.first_live(*node).and_then(|next| nodes.binary_search(&next).ok());
        let Some(next) = nodes.iter().map(first_live).collect::<Option<Vec<usize>>>() else {
            return Err(Invariant::AtLeastOneRing);
        };
        // After as many steps as there are members one is in a cycle, wherever one began.
        let ends = (0..nodes.len()).map(|from| (0..nodes.len()).fold(from, |at, _| next[at]));
        let ring = cycle(&next, ends.clone().next().unwrap_or(0));
        hold(ends.into_iter().all(|end| ring[end]), Invariant::AtMostOneRing)?;
        let rung = || (0..nodes.len()).filter(|at| ring[*at]);
        let skips = |from: usize| rung().any(|at| nodes[at].between(nodes[from], nodes[next[from]]));
        hold(!rung().any(skips), Invariant::OrderedRing)?;
        let principals = self.principals();
        hold(!principals.is_empty(), Invariant::SufficientPrincipals)?;
        let inside = |node: &P| nodes.binary_search(node).is_ok_and(|at| ring[at]);
        hold(principals.iter().all(inside), Invariant::BaseNotSkipped)
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
}

fn hold(holds: bool, invariant: Invariant) -> Result<(), Invariant> {
    if holds { Ok(()) } else { Err(invariant) }
}

/// Who is in the cycle that leads through one.
fn cycle(next: &[usize], through: usize) -> Vec<bool> {
    let (mut inside, mut at) = (vec![false; next.len()], through);
    while !inside[at] {
        inside[at] = true;
        at = next[at];
    }
    inside
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::chord::ring::network::{Message, Queries};
    use crate::mesh::chord::ring::{Member, Snapshot};

    fn network(lists: &[(u8, &[u8])]) -> Network<u8, 3> {
        let mut network = Network::new(lists[0].0, Queries::Messages);
        for (node, list) in lists {
            let mut member = Member::alone(*node);
            member.successors = Successors::unchecked(*node, list);
            network.members.insert(*node, member);
        }
        network
    }

    #[test]
    fn each_invariant_is_missed_where_it_does_not_hold() {
        let found = |lists: &[(u8, &[u8])]| network(lists).check();
        assert_eq!(found(&[(0, &[10, 20, 0]), (10, &[20, 0, 10]), (20, &[0, 10, 20])]), Ok(()));
        let broken = Err;
        assert_eq!(found(&[(0, &[10, 10]), (10, &[0, 10])]), broken(Invariant::NoDuplicates));
        assert_eq!(found(&[(0, &[10, 0, 20]), (10, &[0, 10])]), broken(Invariant::NoDuplicates));
        assert_eq!(
            found(&[(0, &[20, 10]), (10, &[20]), (20, &[0])]),
            broken(Invariant::OrderedSuccessorLists)
        );
        assert_eq!(found(&[(0, &[5, 10]), (20, &[0])]), broken(Invariant::OneLiveSuccessor));
        let two = [(0, &[10, 0][..]), (10, &[0, 10]), (20, &[30, 20]), (30, &[20, 30])];
        assert_eq!(found(&two), broken(Invariant::AtMostOneRing));
        let twice_around = [(0, &[20][..]), (20, &[10]), (10, &[30]), (30, &[0])];
        assert_eq!(found(&twice_around), broken(Invariant::OrderedRing));
        let all_skipped = [(0, &[10, 0][..]), (10, &[20, 10]), (20, &[0, 20])];
        assert_eq!(found(&all_skipped), broken(Invariant::SufficientPrincipals));
    }

    #[test]
    fn a_list_on_its_way_skips_as_one_that_is_held() {
        let mut network = network(&[(0, &[10, 0]), (10, &[0, 10])]);
        assert_eq!(network.principals(), [0, 10]);
        let stale = network.members[&0].snapshot();
        network.flight.insert(Message::Place(Snapshot { successors: Successors::alone(0), ..stale }, 5));
        assert_eq!(network.principals(), [0]);
        assert!(network.may_end(10, 1) && !network.may_end(0, 1));
    }
}
