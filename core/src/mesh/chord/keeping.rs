//! What a node does with what it is responsible for.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use super::asking::ReplyTo;
use super::interface::Failure;
use super::machine::{Chord, Due};
use super::pending::{For, Tally};
use super::place::Place;
use super::question::{Answer, Merging, Question, Setting};
use super::ring::{Admission, Position, Range};
use super::store::{Policy, Record, Taken, Version, merged};
use super::word::{MAX_RECORDS, Word};
use super::writing::Waiter;
use crate::kernel::Time;
use crate::mesh::wire::NodeId;

/// Octets of records in one answer to a walk.
const PAGE: usize = 128 << 10;

/// Nodes, of which there are as many as replicas.
type Nodes = SmallVec<[NodeId; 4]>;

/// A question about what is kept, until it is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Keeping {
    to: ReplyTo,
    at: Position,
    begun: Time,
    /// Nodes that have been asked and have not answered.
    asked: Nodes,
    stage: Stage,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    /// What is here may not be the latest: the others are asked for what they have.
    Reading { task: Task, latest: Option<Record> },
    /// The record goes to the others.
    Copying {
        record: Box<Record>,
        before: Option<Box<Record>>,
        policy: Policy,
        /// Who has it, this node included.
        kept: Nodes,
    },
}

/// What is to be done with what is kept at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Task {
    Get(Place),
    Set(Setting),
    Merge(Merging),
}

impl Task {
    const fn place(&self) -> &Place {
        match self {
            Task::Get(place) => place,
            Task::Set(setting) => &setting.place,
            Task::Merge(merging) => &merging.place,
        }
    }
}

/// All of them, by number.
#[derive(Debug, Default)]
pub(super) struct Keepings {
    all: BTreeMap<u64, Keeping>,
    /// How many each node has asked for.
    asked: Tally,
    last: u64,
}

impl Keepings {
    /// How many a node has asked for.
    pub(super) fn of(&self, node: &NodeId) -> usize {
        self.asked.of(node)
    }

    fn begin(&mut self, keeping: Keeping) -> u64 {
        self.last += 1;
        if let ReplyTo::Other { node, .. } = keeping.to {
            self.asked.add(node);
        }
        self.all.insert(self.last, keeping);
        self.last
    }

    /// Those by which a record of this version or a later one goes to others.
    fn copying(&self, at: &Place, since: Version) -> Vec<(u64, Version)> {
        let version = |keeping: &Keeping| match &keeping.stage {
            Stage::Copying { record, .. } if record.place == *at => Some(record.version),
            _ => None,
        };
        let all = self.all.iter().filter_map(|(number, keeping)| Some((*number, version(keeping)?)));
        all.filter(|(_, version)| *version >= since).collect()
    }

    fn end(&mut self, number: u64) -> Option<Keeping> {
        let keeping = self.all.remove(&number)?;
        if let ReplyTo::Other { node, .. } = keeping.to {
            self.asked.remove(&node);
        }
        Some(keeping)
    }
}

/// Questions for whoever is responsible, which is this node.
impl Chord {
    pub(super) fn answer_here(&mut self, to: ReplyTo, hops: u32, at: Position, question: Question) {
        self.counters.answered += 1;
        match question {
            Question::Find => self.reply(to, Answer::Found { node: self.contact(), hops }),
            Question::Admit => {
                let answer = self.admit(at);
                self.reply(to, answer);
            }
            Question::Walk { after, values } => {
                let page = match self.is_in_step() {
                    true => self.page(after, values),
                    false if self.lacks_room() => Answer::Failed(Failure::Full),
                    false => Answer::Lost,
                };
                self.reply(to, page);
            }
            Question::Get(place) => self.begin_task(to, at, Task::Get(place)),
            Question::Set(setting) => self.begin_task(to, at, Task::Set(setting)),
            Question::Merge(merging) => self.begin_task(to, at, Task::Merge(merging)),
            Question::Deliver(record) => self.deliver(to, at, record),
        }
    }

    fn admit(&self, at: Position) -> Answer {
        match self.circle.member.admit(at) {
            Admission::Here(_) => Answer::Behind(self.circle.as_told()),
            Admission::Taken => Answer::Taken,
            Admission::Ask(_) => Answer::Lost,
        }
    }

    fn page(&self, after: Position, values: bool) -> Answer {
        let to = self.circle.member.me();
        let page = self.shelf.page(Range { after, to }, PAGE);
        let live = page.records.into_iter().filter(|record| self.is_live(record) && record.name.is_some());
        let bare = |record: &Record| {
            if values { record.clone() } else { Record { value: Some(UNTOLD), ..record.clone() } }
        };
        Answer::Page { records: live.take(MAX_RECORDS).map(bare).collect(), to: page.to }
    }

    /// Whether a record has a value that is not gone.
    fn is_live(&self, record: &Record) -> bool {
        record.is_live(self.unix_millis().unwrap_or(0))
    }

    fn begin_task(&mut self, to: ReplyTo, at: Position, task: Task) {
        if self.is_in_step() {
            let latest = self.shelf.get(task.place()).cloned();
            return self.perform(to, at, task, latest);
        }
        let keeping = Keeping {
            to,
            at,
            begun: self.deadlines.now(),
            asked: Nodes::new(),
            stage: Stage::Reading { task, latest: None },
        };
        let number = self.keepings.begin(keeping);
        self.read_others(number);
    }

    fn read_others(&mut self, number: u64) {
        let Some(Keeping { stage: Stage::Reading { task, .. }, .. }) = self.keepings.all.get(&number) else {
            return;
        };
        let place = *task.place();
        for node in self.others_that_keep() {
            if !self.give(number, node, 1, |n| Word::Read { n, place }) {
                return self.end_keeping(number, Answer::Lost);
            }
            self.was_asked(number, node);
        }
        self.read(number);
    }

    /// All who were asked have answered, or not yet.
    fn read(&mut self, number: u64) {
        let Some(keeping) = self.keepings.all.get(&number).filter(|keeping| keeping.asked.is_empty()) else {
            return;
        };
        let Keeping { to, at, stage, .. } = keeping.clone();
        if let Stage::Reading { task, latest } = stage {
            self.keepings.end(number);
            // What was here at first may be undone, and something later may have come.
            let here = self.shelf.get(task.place()).cloned();
            let latest = latest.into_iter().chain(here).max_by_key(|record| record.version);
            self.perform(to, at, task, latest);
        }
    }

    fn perform(&mut self, to: ReplyTo, at: Position, task: Task, latest: Option<Record>) {
        let live = latest.clone().filter(|record| self.is_live(record));
        match task {
            Task::Get(_) => {
                let gone = latest.map(|record| Record { value: None, expires: None, ..record });
                self.reply(to, Answer::Record(live.or(gone)));
            }
            Task::Set(setting) if setting.if_present && live.is_none() => {
                self.reply(to, Answer::Kept { copies: 0, version: None, before: None });
            }
            Task::Set(setting) => self.set_here(to, at, setting, latest),
            Task::Merge(merging) => self.merge(to, at, merging, live, latest),
        }
    }

    fn merge(
        &mut self,
        to: ReplyTo,
        at: Position,
        merging: Merging,
        live: Option<Record>,
        latest: Option<Record>,
    ) {
        let Merging { place, name, delta, policy } = merging;
        let expires = live.as_ref().and_then(|record| record.expires);
        match merged(live.and_then(|record| record.value).as_ref(), &delta) {
            Ok(value) => {
                let setting = Setting { place, name, value: Some(value), expires, policy, if_present: false };
                self.set_here(to, at, setting, latest);
            }
            Err(failure) => self.reply(to, Answer::Failed(failure)),
        }
    }

    fn set_here(&mut self, to: ReplyTo, at: Position, setting: Setting, latest: Option<Record>) {
        let Setting { place, name, value, expires, policy, .. } = setting;
        let Some(millis) = self.unix_millis() else { return self.reply(to, Answer::Lost) };
        let version = self.hybrid.next(millis, latest.as_ref().map(|record| record.version));
        let detached = |octets: Option<Bytes>| octets.map(|octets| Bytes::copy_from_slice(&octets));
        let (name, value) = (detached(name), detached(value));
        let expires = expires.filter(|_| value.is_some());
        let name = name.or_else(|| latest.as_ref().and_then(|record| record.name.clone()));
        let record = Record { place, name, version, value, expires };
        self.spread(to, at, record, latest, policy);
    }

    /// Keeps what another node has kept so far.
    fn deliver(&mut self, to: ReplyTo, at: Position, record: Record) {
        if self.is_too_far_ahead(&record.version) {
            return self.reply(to, Answer::Failed(Failure::Clocks));
        }
        // Also what is known here is given to the others: who brings it drops it then.
        let before = self.shelf.get(&record.place).cloned();
        let later = before.clone().filter(|before| before.version >= record.version).unwrap_or(record);
        let policy = if self.config.durable { Policy::Written } else { Policy::Memory };
        self.spread(to, at, later, before, policy);
    }

    /// Keeps a record, and sees that the others do.
    fn spread(&mut self, to: ReplyTo, at: Position, record: Record, before: Option<Record>, policy: Policy) {
        if let Some(failure) = self.cannot_write() {
            return self.reply(to, Answer::Failed(failure));
        }
        if self.shelf.take(record.clone()) == Taken::Full {
            return self.reply(to, Answer::Failed(Failure::Full));
        }
        let begun = self.deadlines.now();
        let (kept, before) = (Nodes::new(), before.map(Box::new));
        let stage = Stage::Copying { record: Box::new(record.clone()), before, policy, kept };
        let number = self.keepings.begin(Keeping { to, at, begun, asked: Nodes::new(), stage });
        self.write(&record, policy, Waiter::Keeping(number));
        self.copy_on(number);
    }

    /// Gives the record to those that are to have it and have not been given it, and answers once all have it.
    fn copy_on(&mut self, number: u64) {
        let Some(keeping) = self.keepings.all.get(&number) else { return };
        let Stage::Copying { record, policy, kept, .. } = &keeping.stage else { return };
        if !self.stores() {
            return self.end_keeping(number, Answer::Lost);
        }
        let Some(all) = self.circle.member.replicas_of(keeping.at, self.config.replicas) else {
            return self.end_keeping(number, Answer::Lost);
        };
        let all: Nodes = all.iter().map(|at| NodeId(at.integer())).collect();
        if all.iter().all(|node| kept.contains(node)) {
            return self.copied(number, all.len());
        }
        let (record, policy, me) = ((**record).clone(), *policy, self.mesh.id());
        let missing: Nodes = all
            .into_iter()
            .filter(|node| *node != me && !kept.contains(node) && !keeping.asked.contains(node))
            .collect();
        for node in missing {
            let records = Vec::from([record.clone()]);
            if self.give(number, node, 5, |n| Word::Copy { n, policy, records }) {
                self.was_asked(number, node);
            } else {
                self.deadlines.set_earlier(Due::Recopy, self.deadlines.now() + self.config.recopy_period);
            }
        }
    }

    fn copied(&mut self, number: u64, copies: usize) {
        let Some(Keeping { to, stage: Stage::Copying { record, before, .. }, .. }) =
            self.keepings.end(number)
        else {
            return;
        };
        let before = before.map(|record| *record).filter(|record| self.is_live(record));
        self.reply(to, Answer::Kept { copies, version: Some(record.version), before });
    }

    fn end_keeping(&mut self, number: u64, answer: Answer) {
        if let Some(keeping) = self.keepings.end(number) {
            self.reply(keeping.to, answer);
        }
    }

    /// Says a word to a node about this, which may take so many times as long as any: whether it was said.
    fn give(&mut self, number: u64, node: NodeId, times: u32, word: impl FnOnce(u64) -> Word) -> bool {
        if !self.is_linked(&node) {
            return false;
        }
        let n = self.pending.begin(node, For::Keeping(number));
        let is_said = self.mesh_tell(&node, &word(n));
        if is_said {
            self.deadlines.after(Due::Answer(n), self.config.answer_timeout * times);
        } else {
            self.pending.end(n);
        }
        is_said
    }

    fn was_asked(&mut self, number: u64, node: NodeId) {
        if let Some(keeping) = self.keepings.all.get_mut(&number) {
            keeping.asked.push(node);
        }
    }

    /// The other nodes that are to have what is kept here.
    pub(super) fn others_that_keep(&self) -> Nodes {
        let others = self.circle.member.successors().others().take(self.config.replicas - 1);
        others.map(|at| NodeId(at.integer())).collect()
    }
}

/// What comes of it.
impl Chord {
    /// This node has written a record, or not.
    pub(super) fn written_here(&mut self, number: u64, result: Result<(), Failure>) {
        let me = self.mesh.id();
        self.has_copied(number, me, result);
    }

    pub(super) fn heard_copied(&mut self, by: &NodeId, n: u64, result: Result<(), Failure>) {
        match self.answered(by, n) {
            Some(For::Keeping(number)) => self.has_copied(number, *by, result),
            Some(For::Comparison) => self.pushed(by, result),
            _ => self.counters.ignored += 1,
        }
    }

    fn has_copied(&mut self, number: u64, node: NodeId, result: Result<(), Failure>) {
        let Some(keeping) = self.keepings.all.get_mut(&number) else { return };
        keeping.asked.retain(|asked| *asked != node);
        let Stage::Copying { kept, .. } = &mut keeping.stage else { return };
        match result {
            Ok(()) => {
                kept.push(node);
                self.copy_on(number);
            }
            // It is none of the ring's any more, which will show.
            Err(Failure::Leaving) => self.copy_lost(number, &node),
            Err(Failure::Clocks) => self.undo(number),
            Err(failure) => self.end_keeping(number, Answer::Failed(failure)),
        }
    }

    /// A node takes no version of a time that has not come for it, nor a later one: what was here before is here again.
    fn undo(&mut self, number: u64) {
        let Some(Keeping { stage: Stage::Copying { record, before, .. }, .. }) =
            self.keepings.all.get(&number)
        else {
            return;
        };
        let (place, before) = (record.place, before.as_deref().cloned());
        let undone = self.keepings.copying(&place, record.version);
        let here = self.shelf.get(&place).map(|record| record.version);
        if undone.iter().any(|(_, version)| Some(*version) == here) {
            self.put_back(&place, before);
        }
        for (number, _) in undone {
            self.end_keeping(number, Answer::Failed(Failure::Clocks));
        }
    }

    fn put_back(&mut self, place: &Place, before: Option<Record>) {
        let Some(before) = before else { return self.forget_record(place) };
        self.shelf.remove(place);
        self.shelf.take(before.clone());
        // How safe it was before is not known any more.
        self.write(&before, Policy::Synced, Waiter::Nobody);
    }

    pub(super) fn heard_read_back(&mut self, by: &NodeId, n: u64, record: Option<Record>) {
        let Some(For::Keeping(number)) = self.answered(by, n) else { return };
        let record = record.filter(|record| !self.is_too_far_ahead(&record.version));
        let Some(keeping) = self.keepings.all.get_mut(&number) else { return };
        keeping.asked.retain(|asked| asked != by);
        if let Stage::Reading { latest, task } = &mut keeping.stage
            && let Some(record) = record.filter(|record| record.place == *task.place())
            && latest.as_ref().is_none_or(|latest| latest.version < record.version)
        {
            *latest = Some(record);
        }
        self.read(number);
    }

    /// A node will not answer.
    pub(super) fn copy_lost(&mut self, number: u64, node: &NodeId) {
        let Some(keeping) = self.keepings.all.get_mut(&number) else { return };
        keeping.asked.retain(|asked| asked != node);
        match keeping.stage {
            // What it has is not known.
            Stage::Reading { .. } => self.end_keeping(number, Answer::Lost),
            // It may be dead, or come back.
            Stage::Copying { .. } => {
                self.deadlines.set_earlier(Due::Recopy, self.deadlines.now() + self.config.recopy_period);
            }
        }
    }

    /// Others may be to have what is on its way.
    pub(super) fn recopy(&mut self) {
        let now = self.deadlines.now();
        for number in self.keepings.all.keys().copied().collect::<Vec<_>>() {
            let begun = self.keepings.all.get(&number).map(|keeping| keeping.begun);
            if begun.is_some_and(|begun| now.since(begun) > self.config.keeping_timeout) {
                self.end_keeping(number, Answer::Failed(Failure::TimedOut));
            } else {
                self.copy_on(number);
            }
        }
    }
}

/// What other nodes keep here.
impl Chord {
    pub(super) fn heard_read(&mut self, by: &NodeId, n: u64, place: &Place) {
        let record = self.shelf.get(place).cloned();
        self.mesh_tell(by, &Word::ReadBack { n, record });
    }

    pub(super) fn heard_copy(&mut self, by: &NodeId, n: u64, policy: Policy, records: Vec<Record>) {
        if self.stores() {
            let _ = self.take_copies(records, policy, Waiter::Copies { node: *by, n });
        } else {
            self.mesh_tell(by, &Word::Copied { n, result: Err(Failure::Leaving) });
        }
    }

    pub(super) fn is_too_far_ahead(&mut self, version: &Version) -> bool {
        let millis = self.unix_millis().unwrap_or(0);
        self.hybrid.heard(*version, millis).is_err()
    }
}

/// True in MessagePack, in place of a value that is not told.
const UNTOLD: Bytes = Bytes::from_static(&[0xc3]);
