//! Which node a module of this host talks to.

use std::fmt;

use clap::Args;
use egoist_mio::gossip::{Client, ClientError};

use super::super::failure::{Failure, Outcome};
use super::super::host_port::HostPort;

/// A node's port for modules: of this project or of any other that speaks VoidPhone's frames.
#[derive(Args, Clone, Debug)]
pub(crate) struct Api {
    /// The node's address for modules (api_address), never that for peers
    #[arg(short, long, value_name = "HOST:PORT", default_value = "127.0.0.1:7001")]
    api: HostPort,
}

impl Api {
    /// Connects to it. A node of gossip-python loses frames that come faster than it reads, so that they do not.
    ///
    /// # Errors
    /// Nobody answers there.
    pub(crate) fn connect(&self) -> Outcome<Client> {
        let client = Client::connect(self.api.as_str()).map_err(|error| self.failed(&error))?;
        Ok(client.paced())
    }

    /// What is told of an error, with what to do about it.
    pub(crate) fn failed(&self, error: &ClientError) -> Failure {
        let (what, remedy) = match error {
            ClientError::Unreachable { error, .. } => (
                format!("no node answers there ({error})"),
                "start one with 'egoist gossip node', or give the --api of one that runs",
            ),
            ClientError::Closed | ClientError::CutShort => return self.ended(),
            ClientError::Stuck => {
                ("the node reads nothing".to_owned(), "it is stopped or overloaded: try again later")
            }
            ClientError::Malformed(why) => (
                format!("what answers is no node's port for modules, or a broken node ({why})"),
                "check --api, the node's api_address",
            ),
            ClientError::Broken(error) => {
                (format!("the connection to the node broke ({error})"), "try again")
            }
            error => (error.to_string(), "try again"),
        };
        Failure::new(what).at(self).try_this(remedy)
    }

    /// What is told when the node ends the connection.
    pub(crate) fn ended(&self) -> Failure {
        Failure::new("the node has closed the connection").at(self).try_this(
            "it has stopped, has no room for another module, or is reached there by peers: see its log",
        )
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.api.fmt(f)
    }
}
