//! Which node a command asks, and which node it asks about.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::super::settings::HostPort;
use super::super::state::{self, Live};
use super::{Client, Refusal, codes};

/// Which running node to ask; needed only where several run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which node to ask")]
pub(crate) struct Target {
    /// The node that listens there, of those with their state in the usual folder [default: the only one that runs]
    #[arg(long, value_name = "IP:PORT", conflicts_with_all = ["state", "control"])]
    node: Option<SocketAddr>,

    /// The node whose --state is this folder
    #[arg(long, value_name = "DIR", conflicts_with = "control")]
    state: Option<PathBuf>,

    /// The node whose --control is this socket
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,

    /// How long the node's answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse_period)]
    timeout: Duration,
}

impl Target {
    /// Connects to the node.
    ///
    /// # Errors
    /// None runs there, or several run and none is named.
    pub(crate) fn connect(&self) -> Outcome<Client> {
        Client::connect(&self.socket()?, self.timeout)
    }

    /// Connects to the node for requests that take up to `longest` to be done.
    ///
    /// # Errors
    /// As [`Target::connect`].
    pub(crate) fn connect_for(&self, longest: Duration) -> Outcome<Client> {
        Client::connect(&self.socket()?, self.timeout.saturating_add(longest))
    }

    fn socket(&self) -> Outcome<PathBuf> {
        match (&self.control, &self.state, self.node) {
            (Some(control), ..) => Ok(control.clone()),
            (_, Some(folder), _) => running_in(folder),
            (_, _, Some(listen)) => at_address(&state::base()?, listen),
            _ => only_one(&state::base()?),
        }
    }
}

fn running_in(folder: &Path) -> Outcome<PathBuf> {
    let live = state::live_in(folder).map_err(|error| hidden(folder, &error))?;
    live.map(|live| live.control).ok_or_else(|| nobody_in(folder))
}

fn nobody_in(folder: &Path) -> Failure {
    Failure::new("no node runs there").at(folder.display())
}

fn hidden(place: &Path, error: &io::Error) -> Failure {
    Failure::io("cannot look for the node", place.display(), error)
        .try_this("it belongs to another user: ask as that user, or as root")
}

/// The node that listens there, in the folder that is called so or in any other.
fn at_address(base: &Path, listen: SocketAddr) -> Outcome<PathBuf> {
    let own = base.join(state::folder_name(listen));
    if let Some(live) = state::live_in(&own).map_err(|error| hidden(&own, &error))? {
        return Ok(live.control);
    }
    let live = state::live(base).unwrap_or_default();
    let there = live.iter().find(|live| live.listen == listen.to_string());
    there.map(|live| live.control.clone()).ok_or_else(|| nobody_in(&own).try_this(others(&live)))
}

fn others(live: &[Live]) -> String {
    if live.is_empty() { "none runs at all; start one with 'egoist node'".to_owned() } else { choices(live) }
}

fn only_one(base: &Path) -> Outcome<PathBuf> {
    match state::live(base).map_err(|error| hidden(base, &error))?.as_slice() {
        [] => Err(Failure::new("no node runs")
            .at(base.display())
            .try_this("start one with 'egoist node', or say where it is with --state or --control")),
        [one] => Ok(one.control.clone()),
        several => Err(Failure::new(format!("{} nodes run, which one is meant", several.len()))
            .at(base.display())
            .try_this(choices(several))),
    }
}

/// The live nodes as flags.
fn choices(live: &[Live]) -> String {
    let flags: Vec<_> = live.iter().map(|l| format!("--node {} (process {})", l.listen, l.pid)).collect();
    format!("give {}", flags.join(" or "))
}

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

    /// Asks about this node: the request's `to`. A host with several addresses is asked for by each until one is known.
    ///
    /// # Errors
    /// As [`Client::try_ask`], and when the name cannot be resolved.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        client: &mut Client,
        verb: &str,
        mut with: Map<String, Value>,
    ) -> Outcome<Result<T, Refusal>> {
        let mut refusal = None;
        for name in self.names()? {
            with.insert("to".to_owned(), Value::from(name));
            match client.try_ask(verb, &with)? {
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
    match refusal.code.as_str() {
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

    #[test]
    fn which_node_is_asked_back() {
        let dir = tempfile::tempdir().unwrap();
        let none = only_one(dir.path()).unwrap_err().to_string();
        assert!(none.contains("no node runs") && none.contains("'egoist node'"), "{none}");
        let live = ["127.0.0.1:1", "[::1]:2"].map(|listen| Live {
            listen: listen.into(),
            pid: 7,
            control: PathBuf::new(),
        });
        assert_eq!(choices(&live), "give --node 127.0.0.1:1 (process 7) or --node [::1]:2 (process 7)");
    }
}
