//! `egoist chord`: the sibling protocol of py2p's Chord, a store of keys and values that is spread over the nodes of a mesh.

mod delete;
mod desk;
mod dump;
mod events;
mod find;
mod get;
mod inside;
mod items;
mod join;
mod key;
mod merge;
mod node;
mod op;
mod pop;
mod popitem;
mod ring;
mod safety;
mod set;
mod status;
mod update;
mod value;
mod walk;

use clap::{ArgMatches, Parser, Subcommand};

use super::failure::Outcome;
use super::leave::Leave;
use super::logging::Talk;
use super::mesh::connect::Connect;
use super::mesh::disconnect::Disconnect;
use super::mesh::peers::Peers;
use super::session::Session;
use super::status::Status;
use super::verb::Verb;

use delete::Delete;
pub(crate) use desk::Desk;
use dump::Dump;
use find::Find;
use get::Get;
use items::{Items, Keys, Values};
use join::{Join, Unjoin};
use merge::Merge;
use node::Node;
use pop::Pop;
use popitem::PopItem;
use ring::Ring;
use set::Set;
use update::Update;

/// The protocol in the requests that its nodes answer, and its table in the configuration file.
pub(crate) const NAME: &str = "chord";

/// Run or ask a node of py2p's Chord: a store of keys and values that is spread over its nodes
#[derive(Parser, Debug)]
#[command(
    name = NAME,
    after_help = "Examples:
  egoist chord node                                    the first, on port 44565
  egoist chord node --listen 127.0.0.1:44570 --join 127.0.0.1:44565
  egoist chord set --node 127.0.0.1:44565 greeting hello
  egoist chord get --node 127.0.0.1:44570 greeting     any node answers
  egoist chord ring --node 127.0.0.1:44570             its part in the ring

The nodes that store form a ring, in which each is responsible for the keys between it and the next; the nodes beside it keep \
copies. What one stores, any other finds: also a node that stores nothing itself, a leech. A key is a text, a value is whatever \
MessagePack has. Nodes of py2p 0.7 take part where they speak plaintext: py2p's SSL is not spoken here. Those of another subnet \
are not spoken to.

A node of Chord is one of a mesh too: 'egoist mesh send' and 'egoist mesh listen' are for it as well. 'egoist monitor' is for nodes of every protocol, \
as 'status' and 'leave' are, which are here too."
)]
pub(crate) struct Chord {
    #[command(subcommand)]
    verb: ChordVerb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum ChordVerb {
    /// Run a node, until SIGINT, SIGTERM, SIGHUP or 'egoist leave'
    Node(Node),
    /// Print the value of a key
    Get(Get),
    /// Give a key a value
    Set(Set),
    /// Take a key's value away
    Delete(Delete),
    /// Take a key's value away, and print it
    Pop(Pop),
    /// Take the value of any key away, and print both
    #[command(name = "popitem")]
    PopItem(PopItem),
    /// Give many keys their values
    Update(Update),
    /// Merge into a key's value, which is a map
    Merge(Merge),
    /// Print all keys
    Keys(Keys),
    /// Print all values
    Values(Values),
    /// Print all keys with their values
    Items(Items),
    /// Print the keys of a part of the ring, with their numbers and values
    Dump(Dump),
    /// Show which node is responsible for a key
    Find(Find),
    /// Show a running node's part in the ring
    Ring(Ring),
    /// Make a running node store
    Join(Join),
    /// Make a running node hand over what it stores, and store no more
    Unjoin(Unjoin),
    /// List the peers of a running node
    Peers(Peers),
    /// Make a running node dial another
    #[command(after_help = "Examples:
  egoist chord connect 127.0.0.1:44570
  egoist chord connect chord.example.net:44565 --node 127.0.0.1:44565

The answer comes as the dial begins. 'egoist chord peers' shows who is connected, and 'egoist monitor' what becomes of dials. \
The address is dialled again, from time to time, until five dials in a row have failed.")]
    Connect(Connect),
    /// Make a running node close its connections with a peer
    #[command(after_help = "Example:
  egoist chord disconnect 2NDr

Its address is not dialled for a while, five minutes as a rule. It may dial this node before.")]
    Disconnect(Disconnect),
    /// Show what a running node is doing
    Status(Status),
    /// Ask a running node to leave, and wait until it has
    Leave(Leave),
}

impl Verb for Chord {
    const TALK: Talk = Talk::News;

    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let below = matches.subcommand().map_or(matches, |(_, below)| below);
        match self.verb {
            ChordVerb::Node(node) => node.run(below, session),
            ChordVerb::Get(get) => get.run(session),
            ChordVerb::Set(set) => set.run(session),
            ChordVerb::Delete(delete) => delete.run(session),
            ChordVerb::Pop(pop) => pop.run(session),
            ChordVerb::PopItem(pop) => pop.run(session),
            ChordVerb::Update(update) => update.run(session),
            ChordVerb::Merge(merge) => merge.run(session),
            ChordVerb::Keys(keys) => keys.run(session),
            ChordVerb::Values(values) => values.run(session),
            ChordVerb::Items(items) => items.run(session),
            ChordVerb::Dump(dump) => dump.run(session),
            ChordVerb::Find(find) => find.run(session),
            ChordVerb::Ring(ring) => ring.run(session),
            ChordVerb::Join(join) => join.run(session),
            ChordVerb::Unjoin(unjoin) => unjoin.run(session),
            ChordVerb::Peers(peers) => peers.run(session),
            ChordVerb::Connect(connect) => connect.run(session),
            ChordVerb::Disconnect(disconnect) => disconnect.run(session),
            ChordVerb::Status(status) => status.run(below, session),
            ChordVerb::Leave(leave) => leave.run(below, session),
        }
    }
}
