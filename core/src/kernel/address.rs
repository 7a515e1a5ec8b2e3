//! Addresses as serde has them here: with flow and scope, which serde's own octets leave out.
//!
//! A link-local address without its scope leads nowhere, so that a recording of one could not be replayed. Fields name
//! these modules: `#[serde(with = "egoist_core::kernel::address::one")]`. Formats for people have text, as serde's own.

use core::net::{SocketAddr, SocketAddrV6};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Every bit of an address.
#[derive(Serialize, Deserialize)]
enum Octets {
    V4([u8; 4], u16),
    V6([u8; 16], u16, u32, u32),
}

struct At(SocketAddr);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        let octets = match self.0 {
            SocketAddr::V4(v4) => Octets::V4(v4.ip().octets(), v4.port()),
            SocketAddr::V6(v6) => Octets::V6(v6.ip().octets(), v6.port(), v6.flowinfo(), v6.scope_id()),
        };
        octets.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return SocketAddr::deserialize(deserializer).map(At);
        }
        Ok(At(match Octets::deserialize(deserializer)? {
            Octets::V4(ip, port) => (ip, port).into(),
            Octets::V6(ip, port, flow, scope) => SocketAddrV6::new(ip.into(), port, flow, scope).into(),
        }))
    }
}

/// For a field of one address.
pub mod one {
    use super::{At, Deserialize, Deserializer, Serialize, Serializer, SocketAddr};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(address: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
        At(*address).serialize(serializer)
    }

    /// Reads it.
    ///
    /// # Errors
    /// There is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
        At::deserialize(deserializer).map(|At(address)| address)
    }
}

/// For a field of an address that may be missing.
pub mod maybe {
    use super::{At, Deserialize, Deserializer, Serialize, Serializer, SocketAddr};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(address: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
        address.map(At).serialize(serializer)
    }

    /// Reads it.
    ///
    /// # Errors
    /// There is neither one nor none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
        Ok(Option::<At>::deserialize(deserializer)?.map(|At(address)| address))
    }
}

/// For a field of any number of addresses.
pub mod list {
    use alloc::vec::Vec;

    use super::{At, Deserialize, Deserializer, Serializer, SocketAddr};

    /// Writes them.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<'a, T, S: Serializer>(all: &'a T, serializer: S) -> Result<S::Ok, S::Error>
    where
        &'a T: IntoIterator<Item = &'a SocketAddr>,
    {
        serializer.collect_seq(all.into_iter().copied().map(At))
    }

    /// Reads them.
    ///
    /// # Errors
    /// There is no list of addresses.
    pub fn deserialize<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromIterator<SocketAddr>,
    {
        Ok(Vec::<At>::deserialize(deserializer)?.into_iter().map(|At(address)| address).collect())
    }
}
