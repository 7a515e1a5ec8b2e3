//! Questions on their way to whoever is responsible, and their answers.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::interface::{Contact, Failure};
use super::machine::{Chord, Due};
use super::pending::For;
use super::question::{Answer, Asker, Question};
use super::ring::{Admission, Position, Route, Space as _};
use super::side::position;
use super::word::Word;
use crate::kernel::Time;
use crate::mesh::Kind;
use crate::mesh::wire::{Message, NodeId, Role};

/// A question is passed on so often at the most: far more than a ring has any use for.
const MAX_HOPS: u32 = 64;
/// The first pause before a question that did not get there is asked again; each further one is twice as long.
const RETRY: Duration = Duration::from_millis(20);
/// The longest such pause.
const MAX_RETRY: Duration = Duration::from_millis(640);
/// For how long somebody who stores is waited for.
const NOBODY_AFTER: Duration = Duration::from_secs(3);
/// A question is given up after so long: whoever asks has given it up before.
const STALE: Duration = Duration::from_secs(120);

/// A question of this node's own.
#[derive(Clone, Debug)]
struct Ask {
    asker: Asker,
    at: Position,
    question: Question,
    /// Whom to ask first; otherwise it goes where this node thinks.
    via: Option<NodeId>,
    begun: Time,
    tries: u32,
}

/// This node's own questions, by number.
#[derive(Debug, Default)]
pub(super) struct Asks {
    all: BTreeMap<u64, Ask>,
    last: u64,
}

/// Where a question goes next.
enum Step {
    /// This node is responsible.
    Here,
    /// To this node. It is responsible, if that is right as far as is known here.
    To(NodeId, bool),
    /// Nowhere at present.
    Nowhere,
}

/// Who is answered by whoever is responsible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReplyTo {
    /// This node's own question.
    Own(u64),
    /// Another node's, by the number that it gave.
    Other { node: NodeId, n: u64 },
}

/// This node's own questions.
impl Chord {
    /// Asks whoever is responsible for a position; [`told`](Self::told) says what came of it, perhaps never: who asks
    /// knows how long he waits.
    pub(super) fn ask_ring(&mut self, asker: Asker, at: Position, question: Question) {
        self.ask_by(asker, at, question, None);
    }

    /// The same, with a node that is asked first.
    pub(super) fn ask_via(&mut self, asker: Asker, at: Position, question: Question, via: NodeId) {
        self.ask_by(asker, at, question, Some(via));
    }

    fn ask_by(&mut self, asker: Asker, at: Position, question: Question, via: Option<NodeId>) {
        self.asks.last += 1;
        let ask = Ask { asker, at, question, via, begun: self.deadlines.now(), tries: 0 };
        self.asks.all.insert(self.asks.last, ask);
        self.attempt(self.asks.last);
    }

    /// Asks, or asks once more.
    pub(super) fn attempt(&mut self, number: u64) {
        let Some(ask) = self.asks.all.get(&number).cloned() else { return };
        let now = self.deadlines.now();
        if now.since(ask.begun) > STALE {
            return self.ask_ended(number, Answer::Failed(Failure::TimedOut));
        }
        let step = match ask.via {
            Some(via) if self.is_linked(&via) => Step::To(via, false),
            Some(_) => return self.ask_ended(number, Answer::Lost),
            // The node taken for the owner may have left the ring without this one having heard.
            None if ask.tries % 2 == 1 => self.step_around(ask.at, &ask.question),
            None => self.step(ask.at, &ask.question, false),
        };
        match step {
            Step::Here => self.answer_here(ReplyTo::Own(number), 0, ask.at, ask.question),
            Step::To(node, is_last) => {
                self.pass(node, For::Question(number), 1, is_last, ask.at, ask.question);
            }
            Step::Nowhere if self.nobody_stores() && now.since(ask.begun) >= NOBODY_AFTER => {
                self.ask_ended(number, Answer::Failed(Failure::NobodyStores));
            }
            Step::Nowhere => self.retry(number),
        }
    }

    fn retry(&mut self, number: u64) {
        let Some(ask) = self.asks.all.get_mut(&number) else { return };
        let pause = RETRY.saturating_mul(1 << ask.tries.min(16)).min(MAX_RETRY);
        ask.tries += 1;
        self.deadlines.after(Due::Retry(number), pause);
    }

    /// An answer, or that there is none.
    pub(super) fn ask_answered(&mut self, number: u64, answer: Answer) {
        let Some(ask) = self.asks.all.get(&number) else { return };
        if answer == Answer::Lost && ask.via.is_none() {
            return self.retry(number);
        }
        self.ask_ended(number, answer);
    }

    fn ask_ended(&mut self, number: u64, answer: Answer) {
        if let Some(ask) = self.asks.all.remove(&number) {
            self.deadlines.cancel(Due::Retry(number));
            self.told(ask.asker, answer);
        }
    }

    /// Who asked waits no more.
    pub(super) fn forget(&mut self, asker: Asker) {
        self.asks.all.retain(|_, ask| ask.asker != asker);
    }

    /// An answer is there.
    fn told(&mut self, asker: Asker, answer: Answer) {
        match asker {
            Asker::User(op) => self.user_told(op, answer),
            Asker::Py2p(number) => self.py2p_told(number, answer),
            Asker::Finger(at) => self.finger_found(at, &answer),
            Asker::Unifying => self.unify_told(answer),
            Asker::Stray(place) => self.stray_told(place, &answer),
        }
    }

    /// Whether neither this node nor a peer is one of a ring's, or about to be.
    fn nobody_stores(&self) -> bool {
        self.role == Role::Leech && self.sides.storing(Kind::Native).next().is_none()
    }
}

/// The next step.
impl Chord {
    /// `is_last`: the one before thinks that this node is responsible.
    fn step(&self, at: Position, question: &Question, is_last: bool) -> Step {
        if !self.stores() {
            return self.entrance(at);
        }
        let member = &self.circle.member;
        if *question == Question::Admit {
            return match member.admit(at) {
                Admission::Here(_) | Admission::Taken => Step::Here,
                Admission::Ask(_) => self.hop(self.before(at), false),
            };
        }
        match member.route(at) {
            Route::Owner(node) if node == member.me() => Step::Here,
            _ if is_last => self.hop(member.predecessor(), true),
            Route::Owner(node) => self.hop(Some(node), true),
            Route::Ask(_) => match self.straight(at) {
                Some(owner) => self.hop(Some(owner), true),
                None => self.hop(self.before(at), false),
            },
        }
    }

    /// The next step by way of the node before whoever is responsible, which knows best who that is.
    fn step_around(&self, at: Position, question: &Question) -> Step {
        match (self.step(at, question, false), self.hop(self.before(at), false)) {
            (Step::To(_, true), Step::To(before, _)) => Step::To(before, false),
            (step, _) => step,
        }
    }

    fn before(&self, at: Position) -> Option<Position> {
        self.circle.member.closest_preceding(at, |node| !self.is_open(node))
    }

    /// Whoever is responsible, if that is known here.
    fn straight(&self, at: Position) -> Option<Position> {
        let owner = self.circle.owner(at).filter(|node| self.is_open(*node))?;
        let side = self.sides.get(&NodeId(owner.integer()))?;
        (side.role == Role::Storing).then_some(owner)
    }

    fn hop(&self, node: Option<Position>, is_last: bool) -> Step {
        match node.filter(|node| self.is_open(*node)) {
            Some(node) => Step::To(NodeId(node.integer()), is_last),
            None => Step::Nowhere,
        }
    }

    fn is_open(&self, node: Position) -> bool {
        !self.circle.is_suspect(node) && self.is_linked(&NodeId(node.integer()))
    }

    /// Who is in no ring asks the nearest of those that are.
    fn entrance(&self, at: Position) -> Step {
        let storing = self.sides.storing(Kind::Native);
        match storing.min_by_key(|id| position(id).distance(at)) {
            Some(id) => Step::To(id, false),
            None => Step::Nowhere,
        }
    }

    /// Gives a question to the next node.
    fn pass(&mut self, to: NodeId, what: For, hops: u32, is_last: bool, at: Position, question: Question) {
        let n = self.pending.begin(to, what);
        let times = if question.changes() { 5 } else { 1 };
        self.deadlines.after(Due::Answer(n), self.config.answer_timeout * times);
        if !self.mesh_tell(&to, &Word::Request { n, hops, is_last, at, question }) {
            self.unanswered(n);
        }
    }
}

/// What other nodes ask and answer.
impl Chord {
    pub(super) fn heard_request(
        &mut self,
        by: &NodeId,
        n: u64,
        hops: u32,
        is_last: bool,
        at: Position,
        question: Question,
    ) {
        let asker = ReplyTo::Other { node: *by, n };
        let under_way = self.pending.given(by) + self.keepings.of(by);
        if under_way >= self.config.max_passed_on || hops > MAX_HOPS {
            self.counters.excess += 1;
            return self.reply(asker, Answer::Lost);
        }
        match self.step(at, &question, is_last) {
            Step::Here => self.answer_here(asker, hops, at, question),
            // Who asked knows better whom to ask than one who is in no ring.
            Step::To(node, is_last) if self.stores() && node != *by => {
                self.counters.passed_on += 1;
                self.pass(node, For::Other { node: *by, n }, hops + 1, is_last, at, question);
            }
            // Of those on the way to a place one that is in no ring says nothing of the first.
            _ if question == Question::Admit && hops == 1 && !self.stores() => {
                self.reply(asker, Answer::Unplaced);
            }
            Step::To(..) | Step::Nowhere => self.reply(asker, Answer::Lost),
        }
    }

    pub(super) fn heard_response(&mut self, by: &NodeId, n: u64, answer: Answer) {
        match self.answered(by, n) {
            Some(For::Question(number)) => self.ask_answered(number, answer),
            Some(For::Other { node, n }) => self.reply(ReplyTo::Other { node, n }, answer),
            _ => self.counters.ignored += 1,
        }
    }

    /// Tells whoever asked.
    pub(super) fn reply(&mut self, to: ReplyTo, answer: Answer) {
        match to {
            ReplyTo::Own(number) => self.ask_answered(number, answer),
            // If it is no peer any more, it has given up waiting.
            ReplyTo::Other { node, n } => _ = self.mesh_tell(&node, &Word::Response { n, answer }),
        }
    }

    /// Takes a number whose answer has come from a node.
    pub(super) fn answered(&mut self, by: &NodeId, n: u64) -> Option<For> {
        let what = self.pending.answered(by, n)?;
        self.deadlines.cancel(Due::Answer(n));
        Some(what)
    }

    /// No answer has come in time.
    pub(super) fn timed_out(&mut self, n: u64) {
        if let Some(with) = self.pending.holder(n) {
            self.suspect(&with);
        }
        self.unanswered(n);
    }

    /// No answer has come, and none will.
    pub(super) fn unanswered(&mut self, n: u64) {
        let Some(with) = self.pending.holder(n) else { return };
        self.deadlines.cancel(Due::Answer(n));
        match self.pending.end(n) {
            Some(For::Ring(at)) => self.has_failed(at),
            Some(For::Question(number)) => self.ask_answered(number, Answer::Lost),
            Some(For::Other { node, n }) => self.reply(ReplyTo::Other { node, n }, Answer::Lost),
            Some(For::Keeping(number)) => self.copy_lost(number, &with),
            Some(For::Comparison) => self.comparison_lost(&with),
            None => {}
        }
    }

    /// A node is no peer any more: it will answer nothing.
    pub(super) fn answers_nothing(&mut self, node: &NodeId) {
        for n in self.pending.with(node) {
            match self.pending.what(n) {
                // Whether it lives shows when it is dialled.
                Some(For::Ring(_)) => _ = self.answered(node, n),
                _ => self.unanswered(n),
            }
        }
    }

    /// Says a word to a peer: whether it was said.
    pub(super) fn mesh_tell(&mut self, id: &NodeId, word: &Word) -> bool {
        self.mesh.tell(id, &Message::Native(word.values()))
    }

    /// This node, as others are told of it.
    pub(super) fn contact(&self) -> Contact {
        Contact { id: self.mesh.id(), addr: self.config.mesh.address }
    }
}
