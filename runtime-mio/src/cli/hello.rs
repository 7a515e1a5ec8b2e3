//! `egoist hello`: the sibling protocol of hello, ping and addr.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde::{Deserialize, Serialize};

use super::control::Target;
use super::duration;
use super::settings::HostPort;
use super::state::StateArgs;
use super::table::{Side, Table};
use super::units;

/// Run or ask a node of the hello protocol: greetings, pings and the exchange of addresses
#[derive(Parser, Debug)]
#[command(
    name = "hello",
    after_help = "Examples:
  egoist hello node                                               the first, on port 5999
  egoist hello node --listen 127.0.0.1:5998 --peer 127.0.0.1:5999
  egoist hello peers --node 127.0.0.1:5998"
)]
pub(crate) struct Hello {
    #[command(subcommand)]
    pub(crate) verb: HelloVerb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum HelloVerb {
    /// Run a node, until SIGINT, SIGTERM or 'egoist leave'
    Node(HelloNode),
    /// List the peers of a running node
    Peers(HelloPeers),
}

/// Flags of `hello node`.
#[derive(Parser, Debug)]
pub(crate) struct HelloNode {
    /// Where to listen; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:5999")]
    pub(crate) listen: SocketAddr,
    /// A node to greet; repeatable
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) peer: Vec<HostPort>,
    /// Between two pings to a peer; two without a pong and it is given up
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse_period)]
    pub(crate) ping_period: Duration,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// Flags of `hello peers`.
#[derive(Parser, Debug)]
pub(crate) struct HelloPeers {
    #[command(flatten)]
    pub(crate) target: Target,
}

/// A node's peers, by address: the answer to `hello.peers`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PeersReport(pub(crate) Vec<PeerRow>);

/// A peer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct PeerRow {
    /// Its id, as it said it; none before its hello.
    pub(crate) nodeid: Option<String>,
    /// Where it listens, or its end of the connection while it has not said so.
    pub(crate) address: String,
    /// Whether this node dialled it.
    pub(crate) dialled: bool,
    /// Milliseconds since its last pong; none before the first.
    pub(crate) pong_ms_ago: Option<f64>,
}

impl fmt::Display for PeersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let mut table =
            Table::new(&[("ADDRESS", Left), ("NODEID", Left), ("DIALLED BY", Left), ("PONG", Right)]);
        for row in &self.0 {
            table.row([
                row.address.clone(),
                row.nodeid.clone().unwrap_or_else(units::dash),
                if row.dialled { "me" } else { "them" }.to_owned(),
                row.pong_ms_ago.map_or_else(units::dash, |ms| format!("{} ago", units::millis(ms))),
            ]);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_for_people() {
        let address = "127.0.0.1:5998".to_owned();
        let greeted = PeerRow {
            nodeid: Some("a1".into()),
            address: address.clone(),
            dialled: true,
            pong_ms_ago: Some(2500.0),
        };
        let new = PeerRow { nodeid: None, address, dialled: false, pong_ms_ago: None };
        let text = "\
ADDRESS         NODEID  DIALLED BY        PONG
127.0.0.1:5998  a1      me          2.50 s ago
127.0.0.1:5998  -       them                 -
";
        assert_eq!(PeersReport(vec![greeted, new]).to_string(), text);
    }
}
