//! Maps as MessagePack has them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Int, MAX_TEXT, Value};

/// Keys that a map cannot have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadKey {
    /// One is there twice: py2p closes the connection on which that comes.
    #[error("a map has a key twice")]
    Twice,
    /// One is an array, a map or an extension.
    #[error("a map has a key that is no number and no text")]
    Kind,
    /// One is a text of more than [`MAX_TEXT`] octets.
    #[error("a map has a key of {0} octets, and {MAX_TEXT} are allowed")]
    TooLong(usize),
}

/// Pairs of a key and a value, in the order in which they came. Keys are numbers, texts, truth values or nil, and each is
/// there once. As in Python `1`, `1.0` and `true` are one key; `str` and `bin` are two.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Map(Vec<(Value, Value)>);

impl Map {
    /// A map of these pairs.
    ///
    /// # Errors
    /// A key cannot be one, or is there twice.
    pub fn new(pairs: Vec<(Value, Value)>) -> Result<Self, BadKey> {
        let mut seen = BTreeSet::new();
        for (key, _) in &pairs {
            if !seen.insert(canonical(key)?) {
                return Err(BadKey::Twice);
            }
        }
        Ok(Map(pairs))
    }

    /// The pairs.
    pub fn pairs(&self) -> &[(Value, Value)] {
        &self.0
    }

    /// Takes over what another says: its values in the place of those under equal keys, and the rest behind.
    ///
    /// # Panics
    /// Never: all keys were checked.
    pub fn merge(&mut self, delta: Map) {
        let places: BTreeMap<_, _> = self.0.iter().map(|(key, _)| key_of(key)).zip(0..).collect();
        for (key, value) in delta.0 {
            match places.get(&key_of(&key)) {
                Some(place) => self.0[*place].1 = value,
                None => self.0.push((key, value)),
            }
        }
    }
}

fn key_of(key: &Value) -> Vec<u8> {
    canonical(key).expect("keys were checked when the map was built")
}

/// Octets that are the same for keys that are one to Python.
fn canonical(key: &Value) -> Result<Vec<u8>, BadKey> {
    let same = match key {
        Value::Bool(is) => Value::Int(u64::from(*is).into()),
        Value::Float(float) => whole(float.get()).map_or_else(|| key.clone(), Value::Int),
        Value::Str(text) => return within(text.octets().len()).map(|()| key.to_octets()),
        Value::Bin(octets) => return within(octets.len()).map(|()| key.to_octets()),
        Value::Nil | Value::Int(_) => key.clone(),
        Value::Array(_) | Value::Map(_) | Value::Ext(_) => return Err(BadKey::Kind),
    };
    Ok(same.to_octets())
}

fn within(octets: usize) -> Result<(), BadKey> {
    if octets <= MAX_TEXT { Ok(()) } else { Err(BadKey::TooLong(octets)) }
}

/// The whole number that a number with a fraction is.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is found by the way back")]
#[expect(clippy::cast_precision_loss, reason = "likewise")]
fn whole(number: f64) -> Option<Int> {
    let whole = number as i128;
    (whole as f64 == number).then(|| Int::new(whole)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn map<const N: usize>(keys: [Value; N]) -> Result<Map, BadKey> {
        Map::new(keys.into_iter().map(|key| (key, Value::Nil)).collect())
    }

    #[test]
    fn keys_that_are_one_in_python_are_one() {
        for same in [1.0.into(), Value::Bool(true), Value::Float(1.0f32.into()), 1i64.into()] {
            assert_eq!(map([Value::from(1u64), same]), Err(BadKey::Twice));
        }
        let others =
            [1.5.into(), Value::from("1"), Value::Bin("1".into()), Value::Nil, 1e300.into(), (-1i64).into()];
        for other in others {
            assert!(map([Value::from(1u64), other.clone()]).is_ok(), "{other:?}");
        }
    }

    #[test]
    fn keys_are_short_and_no_lists() {
        assert!(map([Value::Bin(vec![0; MAX_TEXT].into())]).is_ok());
        assert_eq!(map([Value::Bin(vec![0; MAX_TEXT + 1].into())]), Err(BadKey::TooLong(MAX_TEXT + 1)));
        for list in [Value::Array(vec![]), Value::Map(Map::default())] {
            assert_eq!(map([list]), Err(BadKey::Kind));
        }
    }

    #[test]
    fn a_delta_takes_the_place_of_equal_keys() {
        let pair = |key: &str, value: i64| (Value::from(key), Value::from(value));
        let mut all = Map::new(vec![pair("a", 1), pair("b", 2)]).unwrap();
        all.merge(Map::new(vec![pair("c", 3), pair("a", 4)]).unwrap());
        assert_eq!(all.pairs(), [pair("a", 4), pair("b", 2), pair("c", 3)]);
    }
}
