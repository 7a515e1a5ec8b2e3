//! What users have begun and what has not ended.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::interface::{Command, Cursor, Event, Failure, MAX_KEY, MAX_VALUE, Outcome, Refusal, Reply};
use super::leaving::Life;
use super::machine::{Chord, Due};
use super::place::{Place, Table};
use super::question::{Answer, Asker, Merging, Question, Setting};
use super::ring::{Position, Range, Space as _};
use super::side::position;
use super::store::{Policy, Record};
use crate::mesh::wire::{NodeId, Value};

/// What a user waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wants {
    /// [`Outcome::Value`].
    Value,
    /// [`Outcome::Kept`].
    Kept,
    /// [`Outcome::Kept`], or that there was nothing.
    Gone,
    /// What there was.
    Popped,
    /// [`Outcome::Page`], with values or without.
    Page { after: Position, until: Position, values: bool },
    /// [`Outcome::Found`].
    Node,
}

/// What is under way for users, by number. Who begins bounds how many there are.
#[derive(Debug, Default)]
pub(super) struct Ops {
    all: BTreeMap<u64, Wants>,
    begun: u64,
}

impl Chord {
    /// Begins what takes a while.
    pub(super) fn begin(&mut self, command: Command) -> Result<Reply, Refusal> {
        if matches!(self.life, Life::Leaving | Life::Left) {
            return Err(Refusal::Leaving);
        }
        if self.ops.all.len() >= self.config.max_begun {
            return Err(Refusal::Busy);
        }
        if self.unix_millis().is_none() {
            return Err(Refusal::NoClock);
        }
        if self.has_py2p() {
            return self.begin_among_py2p(command);
        }
        self.begin_in_ring(command)
    }

    /// Begins it where nodes of this project have to do with it alone.
    pub(super) fn begin_in_ring(&mut self, command: Command) -> Result<Reply, Refusal> {
        match command {
            Command::Get { key, timeout } => {
                let place = place(&key)?;
                self.ask(Wants::Value, place.position(), Question::Get(place), timeout)
            }
            Command::Put { key, value, lives, policy, timeout } => {
                let value = encoded(&value)?;
                let expires =
                    lives.map(|lives| self.unix_millis().unwrap_or(0).saturating_add(millis(lives)));
                self.set(Wants::Kept, &key, Some(value), expires, policy, timeout)
            }
            Command::Delete { key, policy, timeout } => {
                self.set(Wants::Gone, &key, None, None, policy, timeout)
            }
            Command::Pop { key, policy, timeout } => {
                self.set(Wants::Popped, &key, None, None, policy, timeout)
            }
            Command::Merge { key, delta, policy, timeout } => {
                let place = place(&key)?;
                let delta = encoded(&Value::Map(delta))?;
                let name = Some(Bytes::copy_from_slice(&key));
                self.ask(
                    Wants::Kept,
                    place.position(),
                    Question::Merge(Merging { place, name, delta, policy }),
                    timeout,
                )
            }
            Command::Walk { from, values, timeout } => self.walk(from, values, timeout),
            Command::Find { number, timeout } => {
                self.ask(Wants::Node, position(&number), Question::Find, timeout)
            }
            Command::Mesh(_) | Command::Join | Command::Unjoin | Command::Leave => Ok(Reply::Done),
        }
    }

    fn set(
        &mut self,
        wants: Wants,
        key: &Bytes,
        value: Option<Bytes>,
        expires: Option<u64>,
        policy: Policy,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let place = place(key)?;
        let (name, if_present) = (Some(Bytes::copy_from_slice(key)), value.is_none());
        let setting = Setting { place, name, value, expires, policy, if_present };
        self.ask(wants, place.position(), Question::Set(setting), timeout)
    }

    fn walk(&mut self, from: Option<Cursor>, values: bool, timeout: Duration) -> Result<Reply, Refusal> {
        let own = self.mesh.id();
        let Cursor { after, until } = from.unwrap_or(Cursor { after: own, until: own });
        let (after, until) = (position(&after), position(&until));
        let wants = Wants::Page { after, until, values };
        self.ask(wants, after.ahead(0), Question::Walk { after, values }, timeout)
    }

    fn ask(
        &mut self,
        wants: Wants,
        at: Position,
        question: Question,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let op = self.begun(wants, timeout);
        self.ask_ring(Asker::User(op), at, question);
        Ok(Reply::Begun { op })
    }

    /// The number of something that takes so long at most.
    pub(super) fn begun(&mut self, wants: Wants, timeout: Duration) -> u64 {
        self.counters.begun += 1;
        self.ops.begun += 1;
        self.ops.all.insert(self.ops.begun, wants);
        self.deadlines.after(Due::User(self.ops.begun), timeout);
        self.ops.begun
    }

    /// The time of what a user began is over.
    pub(super) fn user_timed_out(&mut self, op: u64) {
        let seen = self.user_waited(op);
        self.forget(Asker::User(op));
        self.end(op, seen.unwrap_or(Outcome::Failed(Failure::TimedOut)));
    }

    pub(super) fn user_told(&mut self, op: u64, answer: Answer) {
        let Some(wants) = self.ops.all.get(&op) else { return };
        let outcome = outcome(*wants, answer);
        self.end(op, outcome);
    }

    /// Nothing that was begun will come to its end.
    pub(super) fn end_all(&mut self, failure: Failure) {
        for op in self.ops.all.keys().copied().collect::<Vec<_>>() {
            self.forget(Asker::User(op));
            self.end(op, Outcome::Failed(failure));
        }
    }

    pub(super) fn end(&mut self, op: u64, outcome: Outcome) {
        if self.ops.all.remove(&op).is_some() {
            self.deadlines.cancel(Due::User(op));
            self.out.event(Event::Ended { op, outcome });
        }
    }
}

/// What an answer is to who wants it.
fn outcome(wants: Wants, answer: Answer) -> Outcome {
    match (wants, answer) {
        (_, Answer::Failed(failure)) => Outcome::Failed(failure),
        (Wants::Value, Answer::Record(record)) => record.map_or(Outcome::Absent, found),
        (Wants::Kept, Answer::Kept { copies, version, .. })
        | (Wants::Gone, Answer::Kept { copies, version, before: Some(Record { value: Some(_), .. }) }) => {
            Outcome::Kept { copies, unconfirmed: 0, version }
        }
        (Wants::Gone, Answer::Kept { .. }) => Outcome::Absent,
        (Wants::Popped, Answer::Kept { before, .. }) => before.map_or(Outcome::Absent, found),
        (Wants::Node, Answer::Found { node, hops }) => Outcome::Found { node, hops },
        (Wants::Page { after, until, values }, Answer::Page { records, to }) => {
            page(records, Range { after, to }, until, values)
        }
        _ => Outcome::Failed(Failure::TimedOut),
    }
}

fn found(record: Record) -> Outcome {
    let value = record.value.and_then(|value| Value::read(value).ok());
    value.map_or(Outcome::Absent, |value| Outcome::Value {
        value,
        is_certain: true,
        version: Some(record.version),
    })
}

/// What is kept in a range. The walk ends in it if `until` is there: nodes may have come and gone since it began.
fn page(records: Vec<Record>, range: Range<Position>, until: Position, values: bool) -> Outcome {
    let is_last = range.contains(until);
    let part = if is_last { Range { to: until, ..range } } else { range };
    let entries = records.into_iter().filter_map(|record| {
        let value = Value::read(record.value.filter(|_| part.contains(record.place.position()))?).ok()?;
        Some((record.name?, if values { value } else { Value::Nil }))
    });
    let cursor = Cursor { after: NodeId(range.to.integer()), until: NodeId(until.integer()) };
    Outcome::Page { entries: entries.collect(), next: (!is_last).then_some(cursor) }
}

pub(super) fn place(key: &Bytes) -> Result<Place, Refusal> {
    if key.len() > MAX_KEY { Err(Refusal::KeyTooLong) } else { Ok(Place::of(Table::Sha384, key)) }
}

pub(super) fn encoded(value: &Value) -> Result<Bytes, Refusal> {
    if *value == Value::Nil {
        return Err(Refusal::Nil);
    }
    let octets = value.to_octets();
    if octets.len() > MAX_VALUE { Err(Refusal::ValueTooLong) } else { Ok(octets.into()) }
}

pub(super) fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX / 2)
}
