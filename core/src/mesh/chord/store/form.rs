//! Fields as words and the log have them.

use bytes::Bytes;

use super::Version;
use crate::mesh::chord::ring::Position;
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::{NodeId, Value};

/// A big-endian integer, without the zeros at its front.
pub(in crate::mesh::chord) fn integer(octets: &[u8]) -> Value {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    Value::Bin(Bytes::copy_from_slice(&octets[zeros..]))
}

pub(in crate::mesh::chord) fn table(table: Table) -> Value {
    Value::from(table as u64)
}

pub(in crate::mesh::chord) fn position(position: Position) -> Value {
    integer(&position.integer())
}

pub(in crate::mesh::chord) fn version(version: &Version) -> [Value; 3] {
    [version.millis.into(), u64::from(version.count).into(), integer(&version.node.0)]
}

/// Reads one field after the other; `None` where one is missing or something else. What follows the last is for later
/// versions.
pub(in crate::mesh::chord) struct Fields<'a>(core::slice::Iter<'a, Value>);

impl<'a> Fields<'a> {
    pub(in crate::mesh::chord) fn of(value: &'a Value) -> Option<Self> {
        list(value).map(|fields| Fields(fields.iter()))
    }

    pub(in crate::mesh::chord) fn number(&mut self) -> Option<u64> {
        self.0.next()?.as_u64()
    }

    pub(in crate::mesh::chord) fn octets(&mut self) -> Option<&'a Bytes> {
        self.octets_or_nil()?
    }

    pub(in crate::mesh::chord) fn octets_or_nil(&mut self) -> Option<Option<&'a Bytes>> {
        match self.0.next()? {
            Value::Nil => Some(None),
            Value::Bin(octets) => Some(Some(octets)),
            _ => None,
        }
    }

    pub(in crate::mesh::chord) fn number_or_nil(&mut self) -> Option<Option<u64>> {
        match self.0.next()? {
            Value::Nil => Some(None),
            number => number.as_u64().map(Some),
        }
    }

    pub(in crate::mesh::chord) fn list(&mut self) -> Option<&'a [Value]> {
        list(self.0.next()?)
    }

    pub(in crate::mesh::chord) fn table(&mut self) -> Option<Table> {
        Table::ALL.get(usize::try_from(self.number()?).ok()?).copied()
    }

    pub(in crate::mesh::chord) fn position(&mut self) -> Option<Position> {
        padded::<{ Position::OCTETS }>(self.octets()?).map(|octets| Position::of(&octets))
    }

    pub(in crate::mesh::chord) fn version(&mut self) -> Option<Version> {
        let millis = self.number().filter(|millis| *millis <= Version::LAST_MILLIS)?;
        let count = self.number()?.try_into().ok()?;
        Some(Version { millis, count, node: NodeId(padded(self.octets()?)?) })
    }

    pub(in crate::mesh::chord) fn place(&mut self) -> Option<Place> {
        Some(Place::at(self.table()?, padded(self.octets()?)?))
    }
}

pub(in crate::mesh::chord) fn list(value: &Value) -> Option<&[Value]> {
    if let Value::Array(values) = value { Some(values) } else { None }
}

/// An integer with its zeros again; `None` if it is too long.
pub(in crate::mesh::chord) fn padded<const N: usize>(octets: &[u8]) -> Option<[u8; N]> {
    let mut all = [0; N];
    all[N.checked_sub(octets.len())?..].copy_from_slice(octets);
    Some(all)
}
