//! Rings at rest, for lookups.

use alloc::vec::Vec;

use crate::mesh::chord::ring::{Member, Route, Snapshot, Space, Successors};

/// An ideal ring in which everybody knows all its fingers.
#[derive(Clone, Debug)]
pub struct Still<P: Space, const R: usize> {
    members: Vec<Member<P, R>>,
}

impl<P: Space, const R: usize> Still<P, R> {
    /// Of these nodes.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(mut nodes: Vec<P>) -> Self {
        nodes.sort_unstable();
        nodes.dedup();
        let members = (0..nodes.len()).map(|at| member(&nodes, at)).collect();
        Still { members }
    }

    /// The members, in order.
    pub fn members(&self) -> &[Member<P, R>] {
        &self.members
    }

    /// The owner of a key, by looking at all.
    pub fn owner(&self, key: P) -> P {
        let at = self.members.partition_point(|member| member.me() < key);
        self.members[at % self.members.len()].me()
    }

    /// Looks a key up, beginning at the member with this index: whom that finds, and how many others were spoken to, the owner
    /// included. The second is `None` if a step did not come nearer.
    pub fn look_up(&self, from: usize, key: P) -> (P, Option<usize>) {
        let (mut at, mut hops) = (&self.members[from], 0);
        loop {
            match at.route(key) {
                Route::Owner(owner) => return (owner, Some(hops + usize::from(owner != at.me()))),
                Route::Ask(next) if !next.between(at.me(), key) => return (next, None),
                Route::Ask(next) => {
                    let place = self.members.partition_point(|member| member.me() < next);
                    at = &self.members[place];
                }
            }
            hops += 1;
        }
    }
}

/// It joins behind the one before it, and looks all its fingers up.
fn member<P: Space, const R: usize>(nodes: &[P], at: usize) -> Member<P, R> {
    let (len, me) = (nodes.len(), nodes[at]);
    let mut member = Member::alone(me);
    if len == 1 {
        return member;
    }
    let before = nodes[(at + len - 1) % len];
    // As long as it was not there.
    let list: Vec<P> = (1..len).map(|by| nodes[(at + by) % len]).take(R).collect();
    let successors = Successors::checked(before, &list).expect("nodes in order");
    member.join(&Snapshot { predecessor: None, successors });
    for _ in 0..P::BITS {
        let Some(key) = member.next_finger() else { break };
        member.finger(key, nodes[nodes.partition_point(|node| *node < key) % len]);
    }
    member
}
