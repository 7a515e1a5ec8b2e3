//! What nodes of this project say to each other about the ring and what is kept there.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::interface::{Contact, Failure, MAX_KEY, MAX_VALUE};
use super::place::Place;
use super::question::{Answer, Merging, Question, Setting};
use super::repair::WANTED;
use super::ring::{Position, Range};
use super::store::{Ask, Policy, Record, Reply, Version, form};
use super::told::{LIST, Told};
use crate::kernel::{canonical, dialable};
use crate::mesh::wire::{NodeId, Value};

/// The most records in one word.
pub(super) const MAX_RECORDS: usize = 4_096;

/// What is said. Where there is an `n`, the answer names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// Who are your neighbours?
    Look { n: u64 },
    /// These.
    Seen { n: u64, told: Told },
    /// You are my first successor.
    Notify,
    /// I leave the ring; before me was this node.
    Goodbye { before: Option<Contact> },
    /// This node may be in another ring than you.
    Elsewhere { node: Contact },
    /// For whoever is responsible for a position.
    Request { n: u64, hops: u32, is_last: bool, at: Position, question: Question },
    /// What he says.
    Response { n: u64, answer: Answer },
    /// Keep these as they are, unless something later is known.
    Copy { n: u64, policy: Policy, records: Vec<Record> },
    /// They are kept, or not.
    Copied { n: u64, result: Result<(), Failure> },
    /// What do you keep at a place?
    Read { n: u64, place: Place },
    /// This.
    ReadBack { n: u64, record: Option<Record> },
    /// What do you keep of my range?
    Compare { n: u64, range: Range<Position>, ask: Ask },
    /// This.
    Compared { n: u64, reply: Reply },
    /// Give me these.
    Want { n: u64, places: Vec<Place> },
    /// Here are those that there are, or as many as fit.
    Wanted { n: u64, records: Vec<Record> },
    /// Who was looked for is in no ring.
    Unplaced { n: u64 },
}

/// Nil in MessagePack, which is no value.
const NIL: u8 = 0xc0;

/// Numbers of words, behind those of the mesh.
mod number {
    pub(super) const LOOK: u64 = 3;
    pub(super) const SEEN: u64 = 4;
    pub(super) const NOTIFY: u64 = 5;
    pub(super) const GOODBYE: u64 = 6;
    pub(super) const ELSEWHERE: u64 = 7;
    pub(super) const REQUEST: u64 = 8;
    pub(super) const RESPONSE: u64 = 9;
    pub(super) const COPY: u64 = 10;
    pub(super) const COPIED: u64 = 11;
    pub(super) const READ: u64 = 12;
    pub(super) const READ_BACK: u64 = 13;
    pub(super) const COMPARE: u64 = 14;
    pub(super) const COMPARED: u64 = 15;
    pub(super) const WANT: u64 = 16;
    pub(super) const WANTED: u64 = 17;
    pub(super) const UNPLACED: u64 = 18;
}

impl Word {
    /// As the fields of a message.
    pub(super) fn values(&self) -> Vec<Value> {
        let mut out = Fields::default();
        match self {
            Word::Look { n } => out.number(number::LOOK).number(*n),
            Word::Seen { n, told } => out.number(number::SEEN).number(*n).told(told),
            Word::Notify => out.number(number::NOTIFY),
            Word::Goodbye { before } => out.number(number::GOODBYE).contacts(before.as_slice()),
            Word::Elsewhere { node } => out.number(number::ELSEWHERE).contacts(&[*node]),
            Word::Request { n, hops, is_last, at, question } => {
                let out = out.number(number::REQUEST).number(*n).number((*hops).into());
                out.number((*is_last).into()).octets(&at.integer()).question(question)
            }
            Word::Response { n, answer } => out.number(number::RESPONSE).number(*n).answer(answer),
            Word::Copy { n, policy, records } => {
                out.number(number::COPY).number(*n).number(*policy as u64).records(records)
            }
            Word::Copied { n, result } => {
                out.number(number::COPIED).number(*n).number(result.err().map_or(0, |why| why as u64 + 1))
            }
            Word::Read { n, place } => out.number(number::READ).number(*n).place(place),
            Word::ReadBack { n, record } => {
                out.number(number::READ_BACK).number(*n).records(record.as_slice())
            }
            Word::Compare { n, range, ask } => {
                let out = out.number(number::COMPARE).number(*n).octets(&range.after.integer());
                out.octets(&range.to.integer()).push(ask.to_value())
            }
            Word::Compared { n, reply } => out.number(number::COMPARED).number(*n).push(reply.to_value()),
            Word::Want { n, places } => out.number(number::WANT).number(*n).places(places),
            Word::Wanted { n, records } => out.number(number::WANTED).number(*n).records(records),
            Word::Unplaced { n } => out.number(number::UNPLACED).number(*n),
        };
        out.0
    }

    /// What fields say; `None` if that is for a later version, or for none.
    pub(super) fn read(fields: &[Value]) -> Option<Word> {
        let mut from = Reader(fields);
        let word = match from.number()? {
            number::LOOK => Word::Look { n: from.number()? },
            number::SEEN => Word::Seen { n: from.number()?, told: from.told()? },
            number::NOTIFY => Word::Notify,
            number::GOODBYE => Word::Goodbye { before: from.contacts(1)?.pop() },
            number::ELSEWHERE => Word::Elsewhere { node: from.contacts(1)?.pop()? },
            number::REQUEST => Word::Request {
                n: from.number()?,
                hops: from.number()?.try_into().ok()?,
                is_last: from.number()? != 0,
                at: from.position()?,
                question: from.question()?,
            },
            number::RESPONSE => Word::Response { n: from.number()?, answer: from.answer()? },
            number::COPY => {
                Word::Copy { n: from.number()?, policy: from.policy()?, records: from.records(MAX_RECORDS)? }
            }
            number::COPIED => Word::Copied { n: from.number()?, result: from.result()? },
            number::READ => Word::Read { n: from.number()?, place: from.place()? },
            number::READ_BACK => Word::ReadBack { n: from.number()?, record: from.records(1)?.pop() },
            number::COMPARE => {
                let n = from.number()?;
                let range = Range { after: from.position()?, to: from.position()? };
                Word::Compare { n, range, ask: Ask::read(from.next()?).ok()? }
            }
            number::COMPARED => Word::Compared { n: from.number()?, reply: Reply::read(from.next()?).ok()? },
            number::WANT => Word::Want { n: from.number()?, places: from.places()? },
            number::WANTED => Word::Wanted { n: from.number()?, records: from.records(MAX_RECORDS)? },
            number::UNPLACED => Word::Unplaced { n: from.number()? },
            _ => return None,
        };
        Some(word)
    }
}

/// Writes fields, one after the other.
#[derive(Default)]
struct Fields(Vec<Value>);

impl Fields {
    fn push(&mut self, value: Value) -> &mut Self {
        self.0.push(value);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.push(number.into())
    }

    fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.push(Value::Bin(Bytes::copy_from_slice(octets)))
    }

    fn optional(&mut self, octets: Option<&Bytes>) -> &mut Self {
        self.push(octets.map_or(Value::Nil, |octets| Value::Bin(octets.clone())))
    }

    fn place(&mut self, place: &Place) -> &mut Self {
        self.push(Value::Bin(place.octets()))
    }

    fn places(&mut self, places: &[Place]) -> &mut Self {
        self.push(Value::Array(places.iter().map(|place| Value::Bin(place.octets())).collect()))
    }

    fn contacts(&mut self, contacts: &[Contact]) -> &mut Self {
        self.push(Value::Array(contacts.iter().map(Value::from).collect()))
    }

    fn records(&mut self, records: &[Record]) -> &mut Self {
        self.push(Value::Array(records.iter().map(Record::to_value).collect()))
    }

    fn version(&mut self, version: Option<&Version>) -> &mut Self {
        let fields = version.map(|version| form::version(version).into()).unwrap_or_default();
        self.push(Value::Array(fields))
    }

    fn told(&mut self, told: &Told) -> &mut Self {
        self.contacts(&[told.of]).contacts(told.predecessor.as_slice()).contacts(&told.list)
    }

    fn question(&mut self, question: &Question) -> &mut Self {
        match question {
            Question::Find => self.number(0),
            Question::Admit => self.number(1),
            Question::Get(place) => self.number(2).place(place),
            Question::Set(Setting { place, name, value, expires, policy, if_present }) => {
                self.number(3).place(place).optional(name.as_ref()).optional(value.as_ref());
                let expires = expires.map_or(Value::Nil, Value::from);
                self.push(expires).number(*policy as u64).number((*if_present).into())
            }
            Question::Merge(Merging { place, name, delta, policy }) => {
                self.number(4).place(place).optional(name.as_ref()).octets(delta).number(*policy as u64)
            }
            Question::Deliver(record) => self.number(5).records(core::slice::from_ref(record)),
            Question::Walk { after, values } => {
                self.number(6).octets(&after.integer()).number((*values).into())
            }
        }
    }

    fn answer(&mut self, answer: &Answer) -> &mut Self {
        match answer {
            Answer::Found { node, hops } => self.number(0).contacts(&[*node]).number((*hops).into()),
            Answer::Behind(told) => self.number(1).told(told),
            Answer::Taken => self.number(2),
            Answer::Record(record) => self.number(3).records(record.as_slice()),
            Answer::Kept { copies, version, before } => {
                self.number(4).number(*copies as u64).version(version.as_ref()).records(before.as_slice())
            }
            Answer::Page { records, to } => self.number(5).records(records).octets(&to.integer()),
            Answer::Failed(failure) => self.number(6).number(*failure as u64 + 1),
            Answer::Lost => self.number(7),
            Answer::Unplaced => self.number(8),
        }
    }
}

/// Reads fields, one after the other; what more there is was said by a later version.
struct Reader<'a>(&'a [Value]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn number(&mut self) -> Option<u64> {
        self.next()?.as_u64()
    }

    fn list(&mut self, most: usize) -> Option<&'a [Value]> {
        match self.next()? {
            Value::Array(all) if all.len() <= most => Some(all),
            _ => None,
        }
    }

    fn octets(&mut self, most: usize) -> Option<Bytes> {
        match self.next()? {
            Value::Bin(octets) if octets.len() <= most => Some(octets.clone()),
            _ => None,
        }
    }

    /// Nil, or octets.
    fn optional(&mut self, most: usize) -> Option<Option<Bytes>> {
        if let Some(Value::Nil) = self.0.first() {
            self.next();
            return Some(None);
        }
        self.octets(most).map(Some)
    }

    fn position(&mut self) -> Option<Position> {
        let octets = self.octets(Position::OCTETS)?;
        (octets.len() == Position::OCTETS).then(|| Position::of(&octets))
    }

    fn place(&mut self) -> Option<Place> {
        Place::from_octets(&self.octets(Place::OCTETS + 1)?)
    }

    fn places(&mut self) -> Option<Vec<Place>> {
        let place = |value: &Value| match value {
            Value::Bin(octets) => Place::from_octets(octets),
            _ => None,
        };
        self.list(WANTED)?.iter().map(place).collect()
    }

    fn policy(&mut self) -> Option<Policy> {
        let all = [Policy::Memory, Policy::Written, Policy::Synced];
        all.get(usize::try_from(self.number()?).ok()?).copied()
    }

    fn contacts(&mut self, most: usize) -> Option<Vec<Contact>> {
        self.list(most)?.iter().map(contact).collect()
    }

    fn records(&mut self, most: usize) -> Option<Vec<Record>> {
        self.list(most)?.iter().map(Record::read).collect::<Result<_, _>>().ok()
    }

    fn told(&mut self) -> Option<Told> {
        let of = self.contacts(1)?.pop()?;
        Some(Told { of, predecessor: self.contacts(1)?.pop(), list: self.contacts(LIST)? })
    }

    fn version(&mut self) -> Option<Option<Version>> {
        let fields = self.next()?;
        if *fields == Value::Array(Vec::new()) {
            return Some(None);
        }
        form::Fields::of(fields)?.version().map(Some)
    }

    fn result(&mut self) -> Option<Result<(), Failure>> {
        Some(match self.number()? {
            0 => Ok(()),
            code => Err(failure(code)),
        })
    }

    fn question(&mut self) -> Option<Question> {
        Some(match self.number()? {
            0 => Question::Find,
            1 => Question::Admit,
            2 => Question::Get(self.place()?),
            3 => Question::Set(self.setting()?),
            4 => {
                let (place, name) = self.named_place()?;
                Question::Merge(Merging {
                    place,
                    name,
                    delta: self.octets(MAX_VALUE)?,
                    policy: self.policy()?,
                })
            }
            5 => Question::Deliver(self.records(1)?.pop()?),
            6 => Question::Walk { after: self.position()?, values: self.number()? != 0 },
            _ => return None,
        })
    }

    fn setting(&mut self) -> Option<Setting> {
        let (place, name) = self.named_place()?;
        let value = self.optional(MAX_VALUE)?;
        if value.as_ref().is_some_and(|value| value.is_empty() || value[..] == [NIL]) {
            return None;
        }
        let (expires, policy) = (self.expires()?, self.policy()?);
        Some(Setting { place, name, value, expires, policy, if_present: self.number()? != 0 })
    }

    /// A place, and the key of which it is, if that is said.
    fn named_place(&mut self) -> Option<(Place, Option<Bytes>)> {
        let (place, name) = (self.place()?, self.optional(MAX_KEY)?);
        let is_right = name.as_ref().is_none_or(|name| Place::of(place.table, name) == place);
        is_right.then_some((place, name))
    }

    fn expires(&mut self) -> Option<Option<u64>> {
        match self.next()? {
            Value::Nil => Some(None),
            value => value.as_u64().map(Some),
        }
    }

    fn answer(&mut self) -> Option<Answer> {
        Some(match self.number()? {
            0 => Answer::Found { node: self.contacts(1)?.pop()?, hops: self.number()?.try_into().ok()? },
            1 => Answer::Behind(self.told()?),
            2 => Answer::Taken,
            3 => Answer::Record(self.records(1)?.pop()),
            4 => Answer::Kept {
                copies: self.number()?.try_into().ok()?,
                version: self.version()?,
                before: self.records(1)?.pop(),
            },
            5 => Answer::Page { records: self.records(MAX_RECORDS)?, to: self.position()? },
            6 => Answer::Failed(failure(self.number()?)),
            7 => Answer::Lost,
            8 => Answer::Unplaced,
            _ => return None,
        })
    }
}

/// One that this version does not know is one that may pass.
fn failure(code: u64) -> Failure {
    let known = [
        Failure::TimedOut,
        Failure::NobodyStores,
        Failure::Full,
        Failure::ReadOnly,
        Failure::NotAMap,
        Failure::Leaving,
        Failure::Busy,
        Failure::Clocks,
    ];
    known.into_iter().find(|failure| *failure as u64 + 1 == code).unwrap_or(Failure::TimedOut)
}

impl From<&Contact> for Value {
    fn from(contact: &Contact) -> Self {
        let ip = contact.addr.ip().to_string();
        let id = Value::Bin(Bytes::copy_from_slice(&contact.id.0));
        Value::Array([id, ip.as_str().into(), u64::from(contact.addr.port()).into()].into())
    }
}

fn contact(value: &Value) -> Option<Contact> {
    let Value::Array(fields) = value else { return None };
    let [Value::Bin(id), Value::Str(ip), port] = &fields[..] else { return None };
    let id = NodeId(id[..].try_into().ok()?);
    let addr = SocketAddr::new(ip.as_str().parse().ok()?, port.as_u64()?.try_into().ok()?);
    Some(Contact { id, addr: canonical(addr) }).filter(|contact| dialable(contact.addr))
}
