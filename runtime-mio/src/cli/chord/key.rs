//! A user's key: on the command line, in JSON, and for people.

use std::fmt;

use bytes::Bytes;
use clap::Args;
use egoist_core::mesh::chord::{Place, Table};
use egoist_core::mesh::wire::{NodeId, Value};
use serde_json::{Value as Json, json};

use super::super::failure::{Failure, Outcome};
use super::super::hex;
use super::super::mesh::form;

/// A key on the command line.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyArg {
    /// The key, at most 1,024 octets
    #[arg(value_name = "KEY")]
    key: String,

    /// KEY is hexadecimal digits, for one that is no text
    #[arg(long)]
    hex: bool,
}

impl KeyArg {
    /// The key's octets.
    ///
    /// # Errors
    /// It is to be digits and is none.
    pub(crate) fn octets(&self) -> Outcome<Bytes> {
        if !self.hex {
            return Ok(Bytes::copy_from_slice(self.key.as_bytes()));
        }
        let octets = hex::octets(&self.key).ok_or_else(|| {
            Failure::usage("the key is no octets")
                .at(self)
                .try_this("write pairs of hexadecimal digits, as in 00ff, or leave out --hex")
        })?;
        Ok(octets.into())
    }

    /// The key in JSON.
    ///
    /// # Errors
    /// It is to be digits and is none.
    pub(crate) fn json(&self) -> Outcome<Json> {
        self.octets().map(|octets| told(&octets))
    }
}

impl fmt::Display for KeyArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

/// A key in JSON: a text, or octets if it is none.
pub(crate) fn told(octets: &[u8]) -> Json {
    str::from_utf8(octets).map_or_else(|_| json!({ "bin": hex::digits(octets) }), Json::from)
}

/// The octets of the key that JSON says.
///
/// # Errors
/// It says none; what it would have to say.
pub(crate) fn read(key: Json) -> Result<Bytes, String> {
    match form::from_json(key)? {
        Value::Str(text) => Ok(Bytes::copy_from_slice(text.as_str().as_bytes())),
        Value::Bin(octets) => Ok(octets),
        _ => Err("a key is a text, or octets as in {\"bin\": \"00ff\"}".to_owned()),
    }
}

/// A key in JSON, for people.
pub(crate) fn shown(key: &Json) -> String {
    form::shown(std::slice::from_ref(key))
}

/// Where a key is on the ring.
pub(crate) fn number(key: &[u8]) -> NodeId {
    let place = Place::of(Table::Sha384, key);
    let number = place.number().last_chunk().expect("it is longer");
    NodeId(*number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_a_text_or_digits() {
        let octets = |key: &str, hex| KeyArg { key: key.to_owned(), hex }.octets();
        assert_eq!(octets("00ff", false).unwrap(), &b"00ff"[..]);
        assert_eq!(octets("00ff", true).unwrap(), &b"\x00\xff"[..]);
        let said = octets("0", true).unwrap_err().to_string();
        assert!(said.contains("pairs of hexadecimal digits"), "{said}");
    }

    proptest! {
        #[test]
        fn keys_come_back(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(read(told(&octets)).unwrap(), octets);
        }

        #[test]
        fn texts_stay_texts(text in ".*") {
            prop_assert_eq!(told(text.as_bytes()), Json::from(text));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in [json!(7), json!(null), json!(["a"]), json!({"bin": "0"})] {
            assert!(read(key.clone()).is_err(), "{key}");
        }
    }

    /// As py2p says where it is.
    #[test]
    fn a_number_is_the_place_among_ids() {
        let place = Place::of(Table::Sha384, b"test");
        assert_eq!(number(b"test").to_string(), place.text());
    }
}
