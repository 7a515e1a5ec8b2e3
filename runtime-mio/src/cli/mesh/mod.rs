//! `egoist mesh`: the sibling protocol of py2p's mesh, a flood over a few connections and messages for one node.

pub(crate) mod connect;
pub(crate) mod desk;
pub(crate) mod disconnect;
mod events;
pub(crate) mod form;
mod identity;
mod listen;
pub(crate) mod node;
pub(crate) mod peers;
pub(crate) mod said;
mod send;
pub(crate) mod status;
pub(crate) mod whom;

use clap::{ArgMatches, Parser, Subcommand};

use super::failure::Outcome;
use super::leave::Leave;
use super::logging::Talk;
use super::session::Session;
use super::status::Status;
use super::verb::Verb;

use connect::Connect;
pub(crate) use desk::Desk;
use disconnect::Disconnect;
use listen::Listen;
use node::Node;
use peers::Peers;
use send::Send;

/// The protocol in the requests that its nodes answer, and its table in the configuration file.
pub(crate) const NAME: &str = "mesh";

/// Run or ask a node of py2p's mesh: what one says all others hear, or one of them alone
#[derive(Parser, Debug)]
#[command(
    name = NAME,
    after_help = "Examples:
  egoist mesh node                                 the first, on port 44565
  egoist mesh node --listen 127.0.0.1:44570 --join 127.0.0.1:44565
  egoist mesh listen --node 127.0.0.1:44570        print what comes
  egoist mesh send --node 127.0.0.1:44565 'hello, all'
  egoist mesh peers --node 127.0.0.1:44565         who is connected, and the ids that --to takes

Each node keeps a few connections with others, which it learns of from each other. A broadcast goes from node to node until \
all have it, each once; a whisper goes to one node, which is looked up if it is no peer. What is said is a list of values: \
texts, octets, numbers, lists and maps. Nodes of py2p 0.7 and js2p 0.7 are peers like others, where they speak plaintext: \
py2p's SSL is not spoken here. Those of another subnet are not spoken to.

'egoist monitor' is for nodes of every protocol, as 'status' and 'leave' are, which are here too."
)]
pub(crate) struct Mesh {
    #[command(subcommand)]
    verb: MeshVerb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum MeshVerb {
    /// Run a node, until SIGINT, SIGTERM, SIGHUP or 'egoist leave'
    Node(Node),
    /// Make a running node dial another
    Connect(Connect),
    /// Make a running node close its connections with a peer
    Disconnect(Disconnect),
    /// Say something to all nodes, or to one
    Send(Send),
    /// Print what is said to a running node, until interrupted
    Listen(Listen),
    /// List the peers of a running node
    Peers(Peers),
    /// Show what a running node is doing
    Status(Status),
    /// Ask a running node to leave, and wait until it has
    Leave(Leave),
}

impl Verb for Mesh {
    const TALK: Talk = Talk::News;

    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let below = matches.subcommand().map_or(matches, |(_, below)| below);
        match self.verb {
            MeshVerb::Node(node) => node.run(below, session),
            MeshVerb::Connect(connect) => connect.run(session),
            MeshVerb::Disconnect(disconnect) => disconnect.run(session),
            MeshVerb::Send(send) => send.run(below, session),
            MeshVerb::Listen(listen) => listen.run(session),
            MeshVerb::Peers(peers) => peers.run(session),
            MeshVerb::Status(status) => status.run(below, session),
            MeshVerb::Leave(leave) => leave.run(below, session),
        }
    }
}
