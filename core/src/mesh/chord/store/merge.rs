//! Putting one map into another.

use bytes::Bytes;

use crate::mesh::chord::{Failure, MAX_VALUE};
use crate::mesh::wire::{Map, Value};

/// The map `old`, or an empty one, with what `delta` says in it; all in MessagePack.
///
/// # Errors
/// One of them is no map, or the result is longer than [`MAX_VALUE`]: [`Failure::NotAMap`].
pub fn merged(old: Option<&Bytes>, delta: &Bytes) -> Result<Bytes, Failure> {
    let mut all = old.map_or(Ok(Map::default()), map)?;
    all.merge(map(delta)?);
    let octets = Value::Map(all).to_octets();
    if octets.len() > MAX_VALUE { Err(Failure::NotAMap) } else { Ok(octets.into()) }
}

fn map(octets: &Bytes) -> Result<Map, Failure> {
    match Value::read(octets.clone()) {
        Ok(Value::Map(map)) => Ok(map),
        _ => Err(Failure::NotAMap),
    }
}
