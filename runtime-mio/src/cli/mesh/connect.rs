//! `egoist mesh connect`: a dial now.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};

use clap::Parser;
use egoist_mio::control::codes;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::{Failure, Outcome};
use super::super::host_port::HostPort;
use super::super::names;
use super::super::session::Session;
use super::NAME;

/// Flags of `mesh connect`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist mesh connect 127.0.0.1:44570
  egoist mesh connect mesh.example.net:44565 --node 127.0.0.1:44565

The answer comes as the dial begins. 'egoist mesh peers' shows who is connected, and 'egoist monitor' what becomes of dials. \
The address is dialled again, from time to time, until five dials in a row have failed.")]
pub(crate) struct Connect {
    /// Where the other node listens
    #[arg(value_name = "HOST:PORT")]
    address: HostPort,
    #[command(flatten)]
    target: Target,
}

impl Connect {
    /// Makes the node dial; of a host with several addresses, the first that it can dial.
    ///
    /// # Errors
    /// The node cannot be asked, is none of this protocol or refuses; the name cannot be resolved.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let mut client = self.target.connect()?;
        let mut refused = None;
        for address in self.addresses()? {
            match client.try_ask(&ConnectRequest { address })? {
                Ok(report) => return session.show(&report),
                Err(refusal) => refused = Some(refusal),
            }
        }
        Err(match refused {
            None => Failure::new("the host's name stands for no address").at(&self.address),
            Some(refusal) => {
                let failure = Failure::new(refusal.message.as_str()).at(&self.address);
                let is_other = refusal.code == codes::UNKNOWN_PROTOCOL;
                if is_other { failure.try_this("ask a node of the mesh, with --node") } else { failure }
            }
        })
    }

    fn addresses(&self) -> Outcome<Vec<SocketAddr>> {
        let resolved = self.address.as_str().to_socket_addrs().map_err(|error| {
            Failure::io("cannot resolve the host's name", &self.address, &error).try_this(names::REMEDY)
        })?;
        Ok(resolved.collect())
    }
}

/// Asks a node to dial.
#[derive(Serialize, Deserialize)]
pub(crate) struct ConnectRequest {
    /// Where.
    pub(crate) address: SocketAddr,
}

impl Ask for ConnectRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "connect";
    type Answer = ConnectReport;
}

/// A dial that has begun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ConnectReport {
    /// Where to.
    pub(crate) dialling: SocketAddr,
}

impl fmt::Display for ConnectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is being dialled", self.dialling)
    }
}
