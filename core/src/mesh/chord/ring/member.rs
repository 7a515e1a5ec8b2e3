//! One node's part in keeping the ring.

use smallvec::{SmallVec, smallvec};

use super::fingers::Fingers;
use super::{Range, Snapshot, Space, Successors};

/// What a [`Member`] wants done, in order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action<P> {
    /// Ask this node for its [`Snapshot`], and say [`Member::answered`] or [`Member::failed`].
    Ask(P),
    /// Tell this node [`Member::notified`].
    Notify(P),
    /// The range of keys has changed. What is in the first alone belongs to the new predecessor; what is in the second
    /// alone is here by its replicas.
    Range(Range<P>, Range<P>),
    /// Leaving: give this node what is stored of this range.
    HandOver(P, Range<P>),
    /// Leaving: tell this node [`Member::departed`], with the predecessor that is left behind, if one is known.
    Goodbye(P, Option<P>),
    /// All successors died before the list could be repaired: more at once than the ring bears. Join again by anybody who is
    /// there, in case no finger leads back.
    Lost,
}

/// What a [`Member`] wants done, in order.
pub type Actions<P> = SmallVec<[Action<P>; 3]>;

/// The node behind which one is responsible.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Predecessor<P> {
    /// The node itself where none is known.
    node: P,
    /// Known to be dead: whoever notifies takes its place.
    dead: bool,
}

/// Whose answer repairs the list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Stabilising<P> {
    Idle,
    /// That of the first successor.
    Successor,
    /// That of the first successor's predecessor, which is nearer.
    Predecessor(P),
}

/// A node's part in the ring: events are methods, and what they return is to be done. [The module](super) says how it is
/// driven and what holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Member<P: Space, const R: usize> {
    pub(super) successors: Successors<P, R>,
    predecessor: Predecessor<P>,
    stabilising: Stabilising<P>,
    /// Is the predecessor if that turns out to be dead.
    candidate: Option<P>,
    pub(super) fingers: Fingers<P>,
}

impl<P: Space, const R: usize> Member<P, R> {
    /// A ring of one.
    pub fn alone(me: P) -> Self {
        Member {
            successors: Successors::alone(me),
            predecessor: Predecessor { node: me, dead: false },
            stabilising: Stabilising::Idle,
            candidate: None,
            fingers: Fingers::none(),
        }
    }

    /// Where this node is.
    pub fn me(&self) -> P {
        self.successors.owner()
    }

    /// The nodes that come next.
    pub fn successors(&self) -> &Successors<P, R> {
        &self.successors
    }

    /// The node before, unless none is known to be there.
    pub fn predecessor(&self) -> Option<P> {
        let Predecessor { node, dead } = self.predecessor;
        (!dead && node != self.me()).then_some(node)
    }

    /// The distinct fingers that are known, nearest first.
    pub fn fingers(&self) -> impl Iterator<Item = P> + '_ {
        self.fingers.nodes()
    }

    /// The keys that this node is responsible for. While its predecessor is dead and no other has told of itself, it is what
    /// it was.
    pub fn range(&self) -> Range<P> {
        Range { after: self.predecessor.node, to: self.me() }
    }

    /// The answer to who [asks](Action::Ask).
    pub fn snapshot(&self) -> Snapshot<P, R> {
        let Predecessor { node, dead } = self.predecessor;
        Snapshot { predecessor: (!dead).then_some(node), successors: self.successors.clone() }
    }

    /// Takes a place in the ring of another, by the snapshot of the node [before](super::Admission::Here) it. Nothing happens
    /// if this node's place is not between that node and its first successor.
    pub fn join(&mut self, before: &Snapshot<P, R>) -> Actions<P> {
        if !self.me().between(before.of(), before.successors.first()) {
            return Actions::new();
        }
        self.successors = Successors::placed(self.me(), &before.successors);
        self.stabilising = Stabilising::Idle;
        self.candidate = None;
        self.preceded(before.of())
    }

    /// Time to repair the list. While an answer is missing the same is asked again.
    pub fn stabilise(&mut self) -> Actions<P> {
        if let Stabilising::Predecessor(nearer) = self.stabilising {
            return smallvec![Action::Ask(nearer)];
        }
        if !self.successors.is_alone() {
            self.stabilising = Stabilising::Successor;
            return smallvec![Action::Ask(self.successors.first())];
        }
        // Who knows nobody ahead is its own successor, whose predecessor may be nearer.
        self.nearer(self.predecessor()).unwrap_or_default()
    }

    /// Whether an answer about the list is missing.
    pub fn is_stabilising(&self) -> bool {
        self.stabilising != Stabilising::Idle
    }

    /// A node that was [asked](Action::Ask) has answered. Nothing happens upon an answer that nobody waits for.
    pub fn answered(&mut self, answer: &Snapshot<P, R>) -> Actions<P> {
        let from = answer.of();
        if from == self.predecessor.node {
            self.candidate = None;
        }
        match self.stabilising {
            Stabilising::Successor if from == self.successors.first() => self.successor_answered(answer),
            Stabilising::Predecessor(nearer) if from == nearer => self.nearer_answered(answer),
            _ => Actions::new(),
        }
    }

    /// `StabilizeFromSuccessor` of a live one.
    fn successor_answered(&mut self, answer: &Snapshot<P, R>) -> Actions<P> {
        self.successors = Successors::following(self.me(), &answer.successors);
        self.nearer(answer.predecessor).unwrap_or_else(|| self.stabilised())
    }

    /// `StabilizeFromPredecessor` of a live one.
    fn nearer_answered(&mut self, answer: &Snapshot<P, R>) -> Actions<P> {
        self.successors = Successors::following(self.me(), &answer.successors);
        self.stabilised()
    }

    /// Asks the first successor's predecessor, if that is between.
    fn nearer(&mut self, node: Option<P>) -> Option<Actions<P>> {
        let nearer = node.filter(|node| node.between(self.me(), self.successors.first()))?;
        self.stabilising = Stabilising::Predecessor(nearer);
        Some(smallvec![Action::Ask(nearer)])
    }

    fn stabilised(&mut self) -> Actions<P> {
        self.stabilising = Stabilising::Idle;
        let first = (!self.successors.is_alone()).then(|| Action::Notify(self.successors.first()));
        first.into_iter().collect()
    }

    /// A node says that this one is its first successor: `Rectify`.
    pub fn notified(&mut self, by: P) -> Actions<P> {
        let Predecessor { node, dead } = self.predecessor;
        if by == self.me() {
            return Actions::new();
        }
        if dead || by.between(node, self.me()) {
            return self.preceded(by);
        }
        if by == node {
            return Actions::new();
        }
        let nearest = self.candidate.filter(|candidate| candidate.between(by, self.me()));
        self.candidate = Some(nearest.unwrap_or(by));
        smallvec![Action::Ask(node)]
    }

    /// Another predecessor.
    fn preceded(&mut self, by: P) -> Actions<P> {
        let was = self.range();
        self.predecessor = Predecessor { node: by, dead: false };
        self.candidate = None;
        let changed = self.range() != was;
        changed.then(|| Action::Range(was, self.range())).into_iter().collect()
    }

    /// A node is dead for certain: it is nobody's neighbour any more. One that was taken for dead and is not comes back as one
    /// that joins, or when it next stabilises.
    pub fn failed(&mut self, node: P) -> Actions<P> {
        let mut actions = Actions::new();
        if node == self.me() {
            return actions;
        }
        self.fingers.remove(node);
        self.candidate = self.candidate.filter(|candidate| *candidate != node);
        if self.predecessor.node == node {
            actions.extend(self.predecessor_failed());
        }
        actions.extend(self.successor_failed(node));
        if self.successors.is_alone() && self.predecessor.dead {
            actions.extend(self.preceded(self.me()));
        }
        actions
    }

    fn predecessor_failed(&mut self) -> Actions<P> {
        self.predecessor.dead = true;
        let next = self.candidate.take();
        next.map(|next| self.preceded(next)).unwrap_or_default()
    }

    /// `StabilizeFromSuccessor` of a dead one, and `StabilizeFromPredecessor` of a dead one. The paper fills the list up with
    /// a position that is nobody's; here it is shorter until the next answer.
    fn successor_failed(&mut self, node: P) -> Actions<P> {
        let was_first = self.successors.first() == node;
        let mut actions = Actions::new();
        if !self.successors.remove(node) {
            self.reconnect();
            actions.push(Action::Lost);
        }
        let done = match self.stabilising {
            Stabilising::Predecessor(nearer) => nearer == node,
            Stabilising::Successor | Stabilising::Idle => was_first,
        };
        if done {
            actions.extend(self.stabilised());
        }
        actions
    }

    /// The nearest that is known of, after the whole list died.
    fn reconnect(&mut self) {
        let known = self.fingers.nodes().chain(self.predecessor());
        let nearest = known.min_by_key(|node| self.me().distance(*node)).unwrap_or(self.me());
        self.successors = Successors::only(self.me(), nearest);
    }

    /// A node has left in good order, and says who was before it.
    pub fn departed(&mut self, node: P, before: Option<P>) -> Actions<P> {
        let preceded = self.predecessor.node == node;
        let mut actions = self.failed(node);
        if let Some(before) = before.filter(|before| preceded && *before != node) {
            actions.extend(self.notified(before));
        }
        actions
    }

    /// Leaves: what it has goes to its successor, and both neighbours are told.
    pub fn leave(self) -> Actions<P> {
        let (next, before) = (self.successors.first(), self.predecessor());
        let mut actions = Actions::new();
        if next != self.me() {
            actions.push(Action::HandOver(next, self.range()));
            actions.push(Action::Goodbye(next, before));
        }
        actions.extend(before.filter(|before| *before != next).map(|before| Action::Goodbye(before, None)));
        actions
    }

    /// A position whose owner is to be looked up and told [`Member::finger`]: the fingers one after the other, for ever.
    /// `None` if there is nothing to look for at this time.
    pub fn next_finger(&mut self) -> Option<P> {
        self.fingers.due(self.me(), self.successors.first())
    }

    /// The owner of a position from [`Member::next_finger`]. Any other position is ignored.
    pub fn finger(&mut self, key: P, node: P) {
        self.fingers.found(self.me(), key, node);
    }
}
