//! Names of networks and nodes as people write them.

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use super::WireError;
use super::lexis::{contact, network, node, whole};
use super::value::{Contact, MoreAddresses, Network, NodeName};

/// A text is not a network's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a network's name is 1 to 32 of a-z, 0-9 and -")]
pub struct NetworkError;

impl Network {
    /// A network's name.
    ///
    /// # Errors
    /// It is empty, longer than 32 octets, or has something other than `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, NetworkError> {
        whole(network, name.as_bytes()).map_err(|_| NetworkError)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.addr.is_ipv6() {
            write!(f, "[{}]:{}", self.addr.ip(), self.addr.port())?;
        } else {
            write!(f, "{}", self.addr)?;
        }
        match self.id {
            Some(id) => write!(f, "~{id}"),
            None => Ok(()),
        }
    }
}

impl From<NodeName> for Contact {
    fn from(name: NodeName) -> Contact {
        Contact { name, more: MoreAddresses::default() }
    }
}

impl Contact {
    /// Where it listens: the address in its name, then the others.
    pub fn addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        core::iter::once(self.name.addr).chain(self.more.iter().copied())
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        self.more.iter().try_for_each(|addr| write!(f, ",{}", NodeName { addr: *addr, id: None }))
    }
}

impl FromStr for Contact {
    type Err = WireError;
    fn from_str(s: &str) -> Result<Self, WireError> {
        whole(contact, s.as_bytes())
    }
}

impl FromStr for NodeName {
    type Err = WireError;
    fn from_str(s: &str) -> Result<Self, WireError> {
        whole(node, s.as_bytes())
    }
}
