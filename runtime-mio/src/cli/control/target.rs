//! Which node a command asks.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::super::state::{self, Live};
use super::Client;

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

    /// How long the node's answer may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
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

#[cfg(test)]
mod tests {
    use super::*;

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
