//! `egoist hello`: the sibling protocol of hello, ping and addr.

mod desk;
mod node;
mod peers;
mod status;

use clap::{ArgMatches, Parser, Subcommand};

use super::failure::Outcome;
use super::logging::Talk;
use super::session::Session;
use super::verb::Verb;

pub(crate) use desk::Desk;
use node::Node;
use peers::Peers;

/// The protocol in the requests that its nodes answer, and its table in the configuration file.
pub(crate) const NAME: &str = "hello";

/// Run or ask a node of the hello protocol: greetings, pings and the exchange of addresses
#[derive(Parser, Debug)]
#[command(
    name = NAME,
    after_help = "Examples:
  egoist hello node               the first, on port 5999
  egoist hello node               another, on port 5998, which greets the first
  egoist hello peers --node 127.0.0.1:5998

'egoist status', 'egoist monitor' and 'egoist leave' are for nodes of every protocol."
)]
pub(crate) struct Hello {
    #[command(subcommand)]
    verb: HelloVerb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum HelloVerb {
    /// Run a node, until SIGINT, SIGTERM, SIGHUP or 'egoist leave'
    Node(Node),
    /// List the peers of a running node
    Peers(Peers),
}

impl Verb for Hello {
    const TALK: Talk = Talk::News;

    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let below = matches.subcommand().map_or(matches, |(_, below)| below);
        match self.verb {
            HelloVerb::Node(node) => node.run(below, session),
            HelloVerb::Peers(peers) => peers.run(session),
        }
    }
}
