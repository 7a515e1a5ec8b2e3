//! Whom to ask for a key.

use smallvec::SmallVec;

use super::{Member, Range, Snapshot, Space};

/// A step of a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Route<P> {
    /// This node is responsible, to the knowledge of the one that says so.
    Owner(P),
    /// This node, which is nearer to the key and not past it, knows more.
    Ask(P),
}

/// What one who wants to join is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Admission<P: Space, const R: usize> {
    /// Its place is right behind the node that has this snapshot: [`Member::join`].
    Here(Snapshot<P, R>),
    /// This node, which is nearer before it, knows more.
    Ask(P),
    /// There is one at this place. If it is the one that joins, and was there before, its failure has not been noticed yet.
    Taken,
}

impl<P: Space, const R: usize> Member<P, R> {
    /// The next step towards a key's owner. Each [`Route::Ask`] is strictly nearer to the key, so that a lookup ends; whether
    /// this node or the one that looks asks the next is the caller's choice.
    pub fn route(&self, key: P) -> Route<P> {
        self.route_around(key, |_| false).unwrap_or(Route::Owner(self.me()))
    }

    /// The same past nodes that the caller knows to be dead. `None` if no live node is known ahead.
    pub fn route_around(&self, key: P, dead: impl Fn(P) -> bool) -> Option<Route<P>> {
        if self.range().contains(key) {
            return Some(Route::Owner(self.me()));
        }
        let next = self.successors.nodes().find(|node| !dead(*node))?;
        if (Range { after: self.me(), to: next }).contains(key) {
            return Some(Route::Owner(next));
        }
        self.closest_preceding(key, dead).map(Route::Ask)
    }

    /// Of all nodes known between here and a position, the one nearest to it that is not taken for dead.
    pub fn closest_preceding(&self, key: P, dead: impl Fn(P) -> bool) -> Option<P> {
        let known = self.successors.others().chain(self.fingers.nodes()).chain(self.predecessor());
        let before = known.filter(|node| node.between(self.me(), key) && !dead(*node));
        before.max_by_key(|node| self.me().distance(*node))
    }

    /// Where one who wants to join has its place, as far as is known here.
    pub fn admit(&self, joining: P) -> Admission<P, R> {
        if joining.between(self.me(), self.successors.first()) {
            return Admission::Here(self.snapshot());
        }
        if joining == self.me() || joining == self.successors.first() {
            return Admission::Taken;
        }
        self.closest_preceding(joining, |_| false).map_or(Admission::Taken, Admission::Ask)
    }

    /// The owner of a key and the nodes behind it that have replicas, `count` in all if so many are known. `None` if the
    /// owner is further ahead than is known here: ask [there](Member::route).
    pub fn replicas_of(&self, key: P, count: usize) -> Option<SmallVec<[P; 4]>> {
        let known: SmallVec<[P; 8]> = core::iter::once(self.me()).chain(self.successors.others()).collect();
        let owner = self.place(key)?;
        let rounds = if self.successors.laps() { 2 } else { 1 };
        let behind = known.iter().cycle().take(rounds * known.len()).skip(owner);
        Some(behind.take(count.min(known.len())).copied().collect())
    }

    /// Which of this node and its successors owns the key.
    fn place(&self, key: P) -> Option<usize> {
        if self.range().contains(key) {
            return Some(0);
        }
        let others =
            self.successors.others().position(|node| Range { after: self.me(), to: node }.contains(key));
        others.map(|place| place + 1).or_else(|| self.successors.laps().then_some(0))
    }
}
