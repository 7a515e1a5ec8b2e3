//! `egoist gossip`: the sibling protocol of messages that modules announce, hear of and judge.

mod announce;
mod api;
mod cache;
mod desk;
pub(crate) mod node;
pub(crate) mod peers;
mod question;
pub(crate) mod status;
mod subscribe;

use clap::{ArgMatches, Parser, Subcommand};

use super::failure::Outcome;
use super::leave::Leave;
use super::logging::Talk;
use super::session::Session;
use super::status::Status;
use super::verb::Verb;

use announce::Announce;
use cache::Cache;
pub(crate) use desk::Desk;
use node::Node;
use peers::Peers;
use subscribe::Subscribe;

/// The protocol in the requests that its nodes answer, and its table in the configuration file.
pub(crate) const NAME: &str = "gossip";

/// Run or ask a node of the gossip protocol, and be a module of one: messages that spread from node to node once somebody
/// has found them valid
#[derive(Parser, Debug)]
#[command(
    name = NAME,
    after_help = "Examples:
  egoist gossip node                          the first, on port 6001, for modules on port 7001
  egoist gossip node --listen 127.0.0.1:6002 --api 127.0.0.1:7002 --bootstrap 127.0.0.1:6001
  egoist gossip node --ride                   over the links of an overlay, see 'egoist gossip node --help'
  egoist gossip subscribe --type 540 --api 127.0.0.1:7002
  egoist gossip announce --type 540 'something new'
  egoist gossip peers --node 127.0.0.1:6002

'egoist monitor' is for nodes of every protocol, as 'status' and 'leave' are, which are here too."
)]
pub(crate) struct Gossip {
    #[command(subcommand)]
    verb: GossipVerb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum GossipVerb {
    /// Run a node, until SIGINT, SIGTERM, SIGHUP or 'egoist leave'
    Node(Node),
    /// Announce a message, as a module of any node that speaks VoidPhone's gossip
    Announce(Announce),
    /// Print the messages of a type and say which are valid, until interrupted, as a module of any node that speaks
    /// VoidPhone's gossip
    Subscribe(Subscribe),
    /// List the peers of a running node
    Peers(Peers),
    /// List the messages that a running node keeps
    Cache(Cache),
    /// Show what a running node is doing
    Status(Status),
    /// Ask a running node to leave, and wait until it has
    Leave(Leave),
}

impl Verb for Gossip {
    const TALK: Talk = Talk::News;

    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let below = matches.subcommand().map_or(matches, |(_, below)| below);
        match self.verb {
            GossipVerb::Node(node) => node.run(below, session),
            GossipVerb::Announce(announce) => announce.run(session),
            GossipVerb::Subscribe(subscribe) => subscribe.run(session),
            GossipVerb::Peers(peers) => peers.run(session),
            GossipVerb::Cache(cache) => cache.run(session),
            GossipVerb::Status(status) => status.run(below, session),
            GossipVerb::Leave(leave) => leave.run(below, session),
        }
    }
}
