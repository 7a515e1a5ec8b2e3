use super::*;
use crate::mesh::chord::ring::{Position, Range};
use crate::mesh::wire::{NodeId, Value};
use bytes::Bytes;
#[derive(Debug)]
pub struct HybridClock {
    last: Version,
}
#[derive(Debug)]
pub struct TooFarAhead;
impl HybridClock {
    pub fn new(node: NodeId) -> Self {
        HybridClock { last: Version { millis: 0, count: 0, node } }
    }
    pub fn next(&mut self, millis: u64, floor: Option<Version>) -> Version {
        let node = self.last.node;
        let least = floor.map_or(self.last, |floor| floor.max(self.last));
        let v = if least.millis >= millis {
            Version { millis: least.millis, count: least.count + 1, node }
        } else {
            Version { millis, count: 0, node }
        };
        self.last = v;
        v
    }
    pub fn heard(&mut self, v: Version, millis: u64) -> Result<(), TooFarAhead> {
        if v.millis > millis + 60_000 {
            return Err(TooFarAhead);
        }
        if v > self.last {
            self.last = Version { node: self.last.node, ..v };
        }
        Ok(())
    }
}
impl Record {
    pub fn is_live(&self, unix: u64) -> bool {
        self.value.is_some() && self.expires.is_none_or(|e| e > unix)
    }
    pub fn detach(self) -> Self {
        Record {
            name: self.name.map(|n| Bytes::copy_from_slice(&n)),
            value: self.value.map(|n| Bytes::copy_from_slice(&n)),
            ..self
        }
    }
    pub fn to_value(&self) -> Value {
        let o = |b: &Option<Bytes>| b.clone().map_or(Value::Nil, Value::Bin);
        Value::Array(vec![
            Value::Bin(self.place.octets()),
            o(&self.name),
            Value::from(self.version.millis),
            Value::from(u64::from(self.version.count)),
            Value::Bin(Bytes::copy_from_slice(&self.version.node.0)),
            o(&self.value),
            self.expires.map_or(Value::Nil, Value::from),
        ])
    }
    pub fn from_value(v: &Value) -> Result<Record, ()> {
        let Value::Array(f) = v else { return Err(()) };
        let [Value::Bin(place), name, millis, count, Value::Bin(node), value, expires] = &f[..] else {
            return Err(());
        };
        let o = |v: &Value| if let Value::Bin(b) = v { Some(b.clone()) } else { None };
        Ok(Record {
            place: Place::from_octets(place).ok_or(())?,
            name: o(name),
            version: Version {
                millis: millis.as_u64().ok_or(())?,
                count: count.as_u64().ok_or(())? as u32,
                node: NodeId(node[..].try_into().map_err(|_| ())?),
            },
            value: o(value),
            expires: expires.as_u64(),
        })
    }
}
use crate::mesh::chord::Place;
impl Shelf {
    pub fn page(&self, range: Range<Position>, _max: usize) -> (alloc::vec::Vec<Record>, Position) {
        (self.within(range).cloned().collect(), range.to)
    }
}
pub fn merged(old: Option<&Bytes>, delta: &Bytes) -> Result<Bytes, ()> {
    let Ok(Value::Map(d)) = Value::read(delta.clone()) else { return Err(()) };
    let mut map = match old {
        None => crate::mesh::wire::Map::default(),
        Some(o) => match Value::read(o.clone()) {
            Ok(Value::Map(m)) => m,
            _ => return Err(()),
        },
    };
    map.merge(d);
    Ok(Value::Map(map).to_octets().into())
}
