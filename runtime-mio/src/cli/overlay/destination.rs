//! Which node of the overlay a command is about.

use std::fmt;
use std::net::ToSocketAddrs as _;
use std::str::FromStr;

use egoist_mio::control::{Refusal, codes};

use super::super::control::{Ask, Client};
use super::super::failure::{Failure, Outcome};
use super::super::host_port::HostPort;

/// A node of the overlay as a user names it: host:port, or the first digits of its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Destination {
    /// Where it listens.
    Address(HostPort),
    /// The beginning of its id, at least four digits, in lower case.
    Id(String),
}

impl FromStr for Destination {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) if digits && (4..=32).contains(&text.len()) => Ok(Self::Id(text.to_ascii_lowercase())),
            Err(_) => Err("write HOST:PORT, or at least four digits of a node's id".to_owned()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Id(id) => f.write_str(id),
        }
    }
}

impl Destination {
    /// What it may be called in a request: IP addresses, for a node knows no names, or the id.
    ///
    /// # Errors
    /// The name cannot be resolved.
    fn names(&self) -> Outcome<Vec<String>> {
        let Self::Address(address) = self else { return Ok(vec![self.to_string()]) };
        let resolved = address.as_str().to_socket_addrs().map_err(|e| {
            Failure::io("cannot resolve the host's name", address, &e)
                .try_this("give an IP address, or a node's id")
        })?;
        Ok(resolved.map(|a| a.to_string()).collect())
    }

    /// Asks about this node, with what `naming` makes of a name for it. A host with several addresses is asked for by
    /// each until one is known.
    ///
    /// # Errors
    /// As [`Client::try_ask`], and when the name cannot be resolved.
    pub(crate) fn ask<A: Ask>(
        &self,
        client: &mut Client,
        naming: impl Fn(String) -> A,
    ) -> Outcome<Result<A::Answer, Refusal>> {
        let mut refusal = None;
        for name in self.names()? {
            match client.try_ask(&naming(name))? {
                Err(unknown) if unknown.code == codes::UNKNOWN_NODE => refusal = Some(unknown),
                answer => return Ok(answer),
            }
        }
        refusal.map(Err).ok_or_else(|| Failure::new("the host's name stands for no address").at(self))
    }
}

/// What a user is told when a node refuses to do something with another.
pub(crate) fn refused(refusal: &Refusal, to: &Destination) -> Failure {
    let failure = Failure::new(refusal.message.as_str()).at(to);
    match refusal.code.as_ref() {
        codes::UNKNOWN_NODE => failure.try_this("'egoist routes' lists all nodes"),
        codes::WATCHING => failure.try_this("ask a node of the overlay, with --node, about another node"),
        codes::UNREACHABLE => failure.try_this("see 'egoist routes' and 'egoist neighbors'"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_addresses_or_ids() {
        assert_eq!("CAFE".parse(), Ok(Destination::Id("cafe".into())));
        assert!(matches!("cafe:9".parse(), Ok(Destination::Address(_))));
        assert!(matches!("[::1]:9".parse(), Ok(Destination::Address(_))));
        for bad in ["", "caf", "wxyz", "127.0.0.1", &"a".repeat(33)] {
            assert!(bad.parse::<Destination>().is_err(), "{bad}");
        }
    }
}
