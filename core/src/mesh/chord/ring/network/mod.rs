//! A whole ring as a value, for checks: its members and what they have said to each other.

mod invariants;
mod schedule;
mod still;
mod walk;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Action, Actions, Admission, Member, Snapshot, Space, Successors};

pub use invariants::Invariant;
pub use schedule::{Outcome, numbered, schedule};
pub use still::Still;
pub use walk::{Counts, Plan, Violation, walk};

/// How long a query takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Queries {
    /// A node asks, is answered and takes the answer in one step, as in the paper.
    Atomic,
    /// Each is a step of its own, and anything may happen between.
    Messages,
}

/// Something said that has not arrived.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message<P: Space, const R: usize> {
    /// A query: by whom, of whom.
    Ask(P, P),
    /// What is answered, to whom.
    Answer(Snapshot<P, R>, P),
    /// The snapshot of the node behind which one has its place, and who that is.
    Place(Snapshot<P, R>, P),
    /// By whom, to whom.
    Notify(P, P),
    /// By whom, to whom, and who was before.
    Goodbye(P, P, Option<P>),
}

/// What can happen next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<P: Space, const R: usize> {
    /// A node that wants to join (the first) has found the one behind which it has its place, and asks it.
    Join(P, P),
    /// A node repairs its list.
    Stabilise(P),
    /// A message arrives.
    Deliver(Message<P, R>),
    /// A node fails without a word.
    Fail(P),
    /// A node leaves.
    Leave(P),
    /// A node (the first) hears without having asked that another is dead; if that one lives, it is nonsense.
    Hear(P, P),
}

/// Members, and messages on their way. These arrive in any order; what was said by one that has failed meanwhile arrives too,
/// and who asks one that has failed is told so.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Network<P: Space, const R: usize> {
    members: BTreeMap<P, Member<P, R>>,
    flight: BTreeSet<Message<P, R>>,
    queries: Queries,
    lost: bool,
    untold: bool,
}

impl<P: Space, const R: usize> Network<P, R> {
    /// A ring of one.
    pub fn new(first: P, queries: Queries) -> Self {
        let members = [(first, Member::alone(first))].into();
        Network { members, flight: BTreeSet::new(), queries, lost: false, untold: false }
    }

    /// A ring of one that others joined, and that has come to rest.
    ///
    /// # Panics
    /// If it does not come to rest, or there is none to begin with.
    pub fn grown(nodes: &[P], queries: Queries) -> Self {
        let mut network = Self::new(nodes[0], queries);
        for pair in nodes.windows(2) {
            network.take(Step::Join(pair[1], pair[0]));
            network.settle().expect("a ring without failures comes to rest");
        }
        network
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = P> + Clone + '_ {
        self.members.keys().copied()
    }

    /// One of them.
    pub fn member(&self, node: P) -> Option<&Member<P, R>> {
        self.members.get(&node)
    }

    /// What is on its way.
    pub fn flight(&self) -> impl ExactSizeIterator<Item = &Message<P, R>> {
        self.flight.iter()
    }

    /// Whether this node, which is not there, would be given a place by that one, and is not given one already.
    pub fn may_join(&self, joining: P, before: P) -> bool {
        let given = |message: &Message<P, R>| matches!(message, Message::Place(_, node) if *node == joining);
        let admission = self.members.get(&before).map(|before| before.admit(joining));
        matches!(admission, Some(Admission::Here(_)))
            && !self.members.contains_key(&joining)
            && !self.flight.iter().any(given)
    }

    /// Whether a node waits for an answer about its list.
    pub fn is_stabilising(&self, node: P) -> bool {
        self.members.get(&node).is_some_and(Member::is_stabilising)
    }

    /// Does a step. What cannot be done changes nothing.
    pub fn take(&mut self, step: Step<P, R>) {
        match step {
            Step::Join(joining, before) => self.join(joining, before),
            Step::Stabilise(node) => self.act(node, Member::stabilise),
            Step::Deliver(message) => self.deliver(message),
            Step::Fail(node) => self.remove(node),
            Step::Hear(node, dead) => self.act(node, |member| member.failed(dead)),
            Step::Leave(node) => {
                if let Some(member) = self.members.get(&node).cloned() {
                    self.remove(node);
                    self.post(node, &member.leave());
                }
            }
        }
    }

    fn join(&mut self, joining: P, before: P) {
        if !self.may_join(joining, before) {
            return;
        }
        // Of an earlier node at this place all know by the end of its connections, and have heard its last words.
        let last = |message: &&Message<P, R>| match message {
            Message::Ask(_, node) | Message::Goodbye(node, ..) => *node == joining,
            _ => false,
        };
        for message in self.flight.iter().filter(last).cloned().collect::<Vec<_>>() {
            self.deliver(message);
        }
        if let Some(Admission::Here(snapshot)) = self.members.get(&before).map(|before| before.admit(joining))
        {
            let place = Message::Place(snapshot, joining);
            match self.queries {
                Queries::Atomic => self.deliver(place),
                Queries::Messages => {
                    self.flight.insert(place);
                }
            }
        }
    }

    fn deliver(&mut self, message: Message<P, R>) {
        self.flight.remove(&message);
        match message {
            Message::Ask(from, to) => match (self.queries, self.members.get(&to).map(Member::snapshot)) {
                (Queries::Messages, Some(answer)) if self.members.contains_key(&from) => {
                    self.flight.insert(Message::Answer(answer, from));
                }
                _ => self.query(from, to),
            },
            Message::Answer(answer, to) => self.tell(to, |member| member.answered(&answer)),
            Message::Place(before, node) => {
                self.members.insert(node, Member::alone(node));
                self.tell(node, |member| member.join(&before));
            }
            Message::Notify(from, to) => self.act(to, |member| member.notified(from)),
            Message::Goodbye(from, to, before) => self.act(to, |member| member.departed(from, before)),
        }
    }

    /// A query from its beginning to its end.
    fn query(&mut self, from: P, to: P) {
        let answer = self.members.get(&to).map(Member::snapshot);
        self.tell(from, |member| match &answer {
            Some(answer) => member.answered(answer),
            None => member.failed(to),
        });
    }

    /// An event of which the queries are asked at once, if that is how they are asked.
    fn act(&mut self, node: P, event: impl FnOnce(&mut Member<P, R>) -> Actions<P>) {
        let actions = self.happen(node, event);
        if self.queries == Queries::Messages {
            return self.post(node, &actions);
        }
        for action in actions {
            if let Action::Ask(to) = action {
                self.query(node, to);
            } else {
                self.post(node, &[action]);
            }
        }
    }

    fn tell(&mut self, node: P, event: impl FnOnce(&mut Member<P, R>) -> Actions<P>) {
        let actions = self.happen(node, event);
        self.post(node, &actions);
    }

    /// What is said of the range leads from what it was to what it is.
    fn happen(&mut self, node: P, event: impl FnOnce(&mut Member<P, R>) -> Actions<P>) -> Actions<P> {
        let Some(member) = self.members.get_mut(&node) else { return Actions::new() };
        let mut range = member.range();
        let actions = event(member);
        for action in &actions {
            if let Action::Range(was, now) = action {
                self.untold |= *was != range || was == now;
                range = *now;
            }
        }
        self.untold |= range != member.range();
        actions
    }

    fn post(&mut self, from: P, actions: &[Action<P>]) {
        for action in actions {
            self.flight.extend(match *action {
                Action::Ask(to) => Some(Message::Ask(from, to)),
                Action::Notify(to) => Some(Message::Notify(from, to)),
                Action::Goodbye(to, before) => Some(Message::Goodbye(from, to, before)),
                Action::Range(..) | Action::HandOver(..) | Action::Lost => None,
            });
            self.lost |= *action == Action::Lost;
        }
    }

    fn remove(&mut self, node: P) {
        self.members.remove(&node);
        self.flight.retain(|message| match message {
            Message::Ask(from, _) => *from != node,
            Message::Answer(_, to) | Message::Notify(_, to) | Message::Goodbye(_, to, _) => *to != node,
            Message::Place(..) => true,
        });
    }

    /// Everything arrives, and everybody repairs its list, until that changes nothing. Says how many rounds that took, or
    /// nothing if more than six for each node and six did not suffice.
    pub fn settle(&mut self) -> Option<usize> {
        let enough = 6 * self.members.len() + 6;
        (0..enough).find(|_| {
            self.arrive();
            let before = self.members.clone();
            for node in self.nodes().collect::<Vec<_>>() {
                self.take(Step::Stabilise(node));
                self.arrive();
            }
            before == self.members
        })
    }

    fn arrive(&mut self) {
        while let Some(message) = self.flight.first().cloned() {
            self.deliver(message);
        }
    }

    /// Whether it is what a ring at rest should be: each list holds the members that come next, as many as there is room for
    /// or all of them, and each predecessor is the member before.
    pub fn is_ideal(&self) -> bool {
        let nodes: Vec<P> = self.nodes().collect();
        self.members.values().enumerate().all(|(place, member)| {
            let ahead = |by: usize| nodes[(place + by) % nodes.len()];
            let list = (1..=nodes.len().min(R)).map(ahead);
            let before = ahead(nodes.len() - 1);
            member.successors().nodes().eq(list)
                && member.predecessor() == (before != member.me()).then_some(before)
                && member.range().after == before
        })
    }

    /// The lists that members have, and those that they will have if they take what is on its way.
    fn lists(&self) -> impl Iterator<Item = Successors<P, R>> + '_ {
        let coming = self.flight.iter().filter_map(|message| match message {
            Message::Answer(answer, to) => Some(Successors::following(*to, &answer.successors)),
            Message::Place(before, node) => Some(Successors::placed(*node, &before.successors)),
            _ => None,
        });
        self.members.values().map(|member| member.successors().clone()).chain(coming)
    }

    /// The lists that members have, and those that are on their way.
    fn said(&self) -> impl Iterator<Item = &Successors<P, R>> {
        let coming = self.flight.iter().filter_map(|message| match message {
            Message::Answer(told, _) | Message::Place(told, _) => Some(&told.successors),
            _ => None,
        });
        self.members.values().map(Member::successors).chain(coming)
    }
}
