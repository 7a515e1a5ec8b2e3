//! Asking and answering as fields of words.

use alloc::vec::Vec;

use super::{Ask, CompareError, Part, Reply, Verdict};
use crate::mesh::chord::Place;
use crate::mesh::chord::ring::{Range, Space};
use crate::mesh::chord::store::form::{self, Fields, list};
use crate::mesh::chord::store::{Digest, Version};
use crate::mesh::wire::Value;

const SAME: u64 = 0;
const DIFFERS: u64 = 1;
const LISTED: u64 = 2;

impl Ask {
    /// As a field of a word.
    pub fn to_value(&self) -> Value {
        Value::Array(self.0.iter().map(part).collect())
    }

    /// What a field of a word says.
    ///
    /// # Errors
    /// No node of this project asks that.
    pub fn read(value: &Value) -> Result<Ask, CompareError> {
        let parts = list(value).filter(|parts| (1..=Ask::PARTS).contains(&parts.len()));
        let parts: Option<Vec<Part>> = parts.and_then(|parts| parts.iter().map(read_part).collect());
        let parts = parts.ok_or(CompareError::Form)?;
        if follow_each_other(&parts) { Ok(Ask(parts)) } else { Err(CompareError::Order) }
    }
}

impl Reply {
    /// As a field of a word.
    pub fn to_value(&self) -> Value {
        Value::Array(self.0.iter().map(verdict).collect())
    }

    /// What a field of a word says.
    ///
    /// # Errors
    /// No node of this project answers that.
    pub fn read(value: &Value) -> Result<Reply, CompareError> {
        let verdicts = list(value).filter(|verdicts| verdicts.len() <= Ask::PARTS);
        let mut room = Reply::LISTED;
        let verdicts: Option<Vec<Verdict>> = verdicts
            .and_then(|verdicts| verdicts.iter().map(|verdict| read_verdict(verdict, &mut room)).collect());
        verdicts.map(Reply).ok_or(CompareError::Form)
    }
}

fn part(part: &Part) -> Value {
    let Part { range, digest } = part;
    Value::Array(Vec::from([
        form::position(range.after),
        form::position(range.to),
        form::integer(&digest.sum.to_be_bytes()),
        digest.count.into(),
    ]))
}

fn read_part(value: &Value) -> Option<Part> {
    let mut fields = Fields::of(value)?;
    let range = Range { after: fields.position()?, to: fields.position()? };
    let sum = u128::from_be_bytes(form::padded(fields.octets()?)?);
    Some(Part { range, digest: Digest { sum, count: fields.number()? } })
}

fn follow_each_other(parts: &[Part]) -> bool {
    let Some(origin) = parts.first().map(|part| part.range.after) else { return false };
    let mut parts = parts.iter().map(|part| part.range).peekable();
    while let Some(part) = parts.next() {
        // Coming round to the beginning ends it.
        let ends = part.to == origin;
        let goes_ahead = ends || origin.distance(part.after) < origin.distance(part.to);
        let meets = parts.peek().is_some_and(|next| {
            ends || next.after == origin || origin.distance(next.after) < origin.distance(part.to)
        });
        if !goes_ahead || meets {
            return false;
        }
    }
    true
}

fn verdict(verdict: &Verdict) -> Value {
    Value::Array(match verdict {
        Verdict::Same => Vec::from([SAME.into()]),
        Verdict::Differs => Vec::from([DIFFERS.into()]),
        Verdict::Listed { records, to } => {
            let records = Value::Array(records.iter().map(record).collect());
            Vec::from([LISTED.into(), form::position(*to), records])
        }
    })
}

fn read_verdict(value: &Value, room: &mut usize) -> Option<Verdict> {
    let mut fields = Fields::of(value)?;
    match fields.number()? {
        SAME => Some(Verdict::Same),
        DIFFERS => Some(Verdict::Differs),
        LISTED => {
            let (to, records) = (fields.position()?, fields.list()?);
            *room = room.checked_sub(records.len())?;
            Some(Verdict::Listed { records: records.iter().map(read_record).collect::<Option<_>>()?, to })
        }
        _ => None,
    }
}

fn record((place, version): &(Place, Version)) -> Value {
    let [millis, count, node] = form::version(version);
    let number: Value = form::integer(place.number());
    Value::Array(Vec::from([form::table(place.table), number, millis, count, node]))
}

fn read_record(value: &Value) -> Option<(Place, Version)> {
    let mut fields = Fields::of(value)?;
    Some((fields.place()?, fields.version()?))
}
