//! Where a key is kept: its table, and its number there.

use alloc::string::String;
use core::fmt::{self, Debug, Display, Formatter};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::ring::Position;
use crate::mesh::wire::{Base58Error, decode, encode};

/// One of py2p's five tables: in each a key has another place, given by this hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384. Nodes of this project keep a user's key here alone while no node of py2p stores any.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Table {
    /// All of them, in py2p's order.
    pub const ALL: [Table; 5] = [Table::Sha1, Table::Sha224, Table::Sha256, Table::Sha384, Table::Sha512];

    /// As messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Sha1 => "sha1",
            Table::Sha224 => "sha224",
            Table::Sha256 => "sha256",
            Table::Sha384 => "sha384",
            Table::Sha512 => "sha512",
        }
    }

    /// Octets of a number that are zero in this table.
    const fn unused(self) -> usize {
        match self {
            Table::Sha512 => 0,
            Table::Sha1 | Table::Sha224 | Table::Sha256 | Table::Sha384 => Place::OCTETS - Position::OCTETS,
        }
    }

    /// The table of this name; `None` if there is none.
    pub fn named(name: &[u8]) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name().as_bytes() == name)
    }
}

/// A key's place: a table, and a number of up to 512 bits there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The table.
    pub table: Table,
    number: [u8; Place::OCTETS],
}

impl Place {
    /// Octets of the number.
    pub const OCTETS: usize = 64;

    /// Where a user's key is in a table: its hash, shifted left to 384 bits where it has fewer. SHA-512 has more, and all
    /// of them are said.
    ///
    /// ```
    /// use egoist_core::mesh::chord::{Place, Table};
    /// let place = Place::of(Table::Sha1, b"test");
    /// assert_eq!(place.text(), "7DBXKb5TYkrd5skvuyqPy83p2TG6zyudMemvR7cDum4H3QWsU9wPoSm4B9b3A6opST");
    /// ```
    pub fn of(table: Table, key: &[u8]) -> Place {
        match table {
            Table::Sha1 => Place::shifted(table, &Sha1::digest(key)),
            Table::Sha224 => Place::shifted(table, &Sha224::digest(key)),
            Table::Sha256 => Place::shifted(table, &Sha256::digest(key)),
            Table::Sha384 => Place::shifted(table, &Sha384::digest(key)),
            Table::Sha512 => Place { table, number: Sha512::digest(key).into() },
        }
    }

    fn shifted(table: Table, hash: &[u8]) -> Place {
        let mut number = [0; Place::OCTETS];
        let begin = Place::OCTETS - Position::OCTETS;
        number[begin..begin + hash.len()].copy_from_slice(hash);
        Place { table, number }
    }

    /// The place that a message's table and key name.
    ///
    /// # Errors
    /// The key is no number in base 58, or one that the table has not: of 2^384 and above, in SHA-512's of 2^512.
    pub fn read(table: Table, key: &[u8]) -> Result<Place, Base58Error> {
        let number: [u8; Place::OCTETS] = decode(key)?;
        let fits = number[..table.unused()].iter().all(|octet| *octet == 0);
        if fits { Ok(Place { table, number }) } else { Err(Base58Error::TooLarge) }
    }

    /// The number in base 58, as messages say it.
    pub fn text(&self) -> String {
        encode(&self.number)
    }

    /// The number's octets, big-endian.
    pub const fn number(&self) -> &[u8; Place::OCTETS] {
        &self.number
    }

    /// The place with this number.
    pub const fn at(table: Table, number: [u8; Place::OCTETS]) -> Place {
        Place { table, number }
    }

    /// In octets: which table, and the number.
    pub(super) fn octets(&self) -> Bytes {
        let number = &self.number[self.table.unused()..];
        [&[self.table as u8], number].concat().into()
    }

    /// The place that octets are.
    pub(super) fn from_octets(octets: &[u8]) -> Option<Place> {
        let (table, octets) = octets.split_first()?;
        let table = *Table::ALL.get(usize::from(*table))?;
        let mut number = [0; Place::OCTETS];
        let used = &mut number[table.unused()..];
        if octets.len() != used.len() {
            return None;
        }
        used.copy_from_slice(octets);
        Some(Place { table, number })
    }

    /// Where it is on the ring.
    pub fn position(&self) -> Position {
        Position::of(&self.number)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table.name(), self.text())
    }
}

impl Debug for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.table.name(), self.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_places_that_py2p_gives_them() {
        let golden: serde_json::Value = serde_json::from_str(include_str!("../golden.json")).unwrap();
        for (key, tables) in golden["keys"].as_object().unwrap() {
            for table in Table::ALL {
                let place = Place::of(table, key.as_bytes());
                assert_eq!(tables[table.name()][1], place.text(), "{table:?} of {key}");
                assert_eq!(Place::read(table, place.text().as_bytes()), Ok(place));
                assert_eq!(Place::from_octets(&place.octets()), Some(place));
            }
        }
    }
}
