//! What a node of the gossip protocol says of itself, running and replayed.

use std::fmt;
use std::net::SocketAddr;

use egoist_core::gossip::{Counters, Gossip, Kind, Mode, Standing};
use serde::{Deserialize, Serialize};

use super::node;

/// So many types that modules want to hear of are listed.
const LISTED: usize = 1_000;
/// So many are shown to people.
const SHOWN: usize = 8;

/// What a running node says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct GossipStatus {
    /// Whom it takes its peers for.
    mode: Mode,
    /// Where modules reach it.
    api: SocketAddr,
    /// Its peers.
    peers: Kinds,
    /// Addresses of peers that it knows.
    known: usize,
    /// Its modules.
    modules: usize,
    /// How many types they want to hear of.
    types: usize,
    /// The first [`LISTED`] of these.
    registrations: Vec<Registration>,
    /// What it keeps.
    cache: Fill,
    /// What it has met.
    counters: Counters,
}

/// How many peers there are of each kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Kinds {
    native: usize,
    compatible: usize,
    unknown: usize,
}

/// A type that somebody wants to hear of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Registration {
    #[serde(rename = "type")]
    data_type: u16,
    modules: usize,
}

/// How full the cache is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Fill {
    /// How many messages there can be.
    size: usize,
    /// How many there are.
    messages: usize,
    /// Those that wait for a verdict.
    waiting: usize,
    /// Those of types that nobody here wants to hear of.
    unheard: usize,
    /// Those that are passed on.
    valid: usize,
}

impl GossipStatus {
    pub(crate) fn new(node: &Gossip, api: SocketAddr) -> Self {
        let registrations = node.registrations().take(LISTED);
        GossipStatus {
            mode: node.config().mode,
            api,
            peers: Kinds::of(node),
            known: node.addresses().count(),
            modules: node.modules().count(),
            types: node.registrations().count(),
            registrations: registrations
                .map(|(data_type, modules)| Registration { data_type, modules })
                .collect(),
            cache: Fill::of(node),
            counters: node.counters(),
        }
    }
}

impl Kinds {
    fn of(node: &Gossip) -> Self {
        node.peers().fold(Kinds::default(), |mut kinds, peer| {
            match peer.kind {
                Kind::Native => kinds.native += 1,
                Kind::Compatible => kinds.compatible += 1,
                Kind::Unknown => kinds.unknown += 1,
            }
            kinds
        })
    }
}

impl Fill {
    fn of(node: &Gossip) -> Self {
        let empty = Fill { size: node.config().cache_size, ..Fill::default() };
        node.cache().fold(empty, |mut fill, entry| {
            fill.messages += 1;
            match entry.standing {
                Standing::Waiting => fill.waiting += 1,
                Standing::Unheard => fill.unheard += 1,
                Standing::Valid(_) => fill.valid += 1,
            }
            fill
        })
    }
}

impl fmt::Display for GossipStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mode      {}, for modules on {}", node::name_of(self.mode), self.api)?;
        let Kinds { native, compatible, unknown } = self.peers;
        let known = self.known;
        writeln!(
            f,
            "peers     {native} native, {compatible} compatible, {unknown} unknown; {known} addresses known"
        )?;
        write!(f, "modules   {}", self.modules)?;
        self.wanted(f)?;
        self.kept(f)?;
        self.counted(f)
    }
}

impl GossipStatus {
    /// What a node says that rides, with so many neighbours that do not.
    pub(crate) fn riding(&self, others: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kinds { native, compatible, unknown } = self.peers;
        let peers = native + compatible + unknown;
        writeln!(f, "peers     {peers} riding; neighbours that do not ride: {others}")?;
        write!(f, "modules   {} on {}", self.modules, self.api)?;
        self.wanted(f)?;
        self.kept(f)?;
        self.counted(f)
    }

    fn wanted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "; {} types wanted", self.types)?;
        for (at, Registration { data_type, modules }) in self.registrations.iter().take(SHOWN).enumerate() {
            write!(f, "{} {data_type} by {modules}", if at == 0 { ":" } else { "," })?;
        }
        writeln!(f, "{}", if self.types > SHOWN { ", ..." } else { "" })
    }

    fn kept(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fill { size, messages, waiting, unheard, valid } = self.cache;
        writeln!(
            f,
            "cache     {messages} of {size} messages: {waiting} waiting, {unheard} unheard, {valid} valid"
        )
    }

    fn counted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { announced, heard, duplicates, valid, invalid, late, .. } = self.counters;
        writeln!(f, "messages  {announced} announced here, {heard} heard of, {duplicates} known already")?;
        writeln!(
            f,
            "judged    {valid} valid, {invalid} invalid, {late} of these because nobody said so in time"
        )?;
        let Counters { no_room, missed, idle_verdicts, ignored, excess_updates, misbehaved, .. } =
            self.counters;
        writeln!(f, "lost      {no_room} without room, {missed} not taken in time")?;
        writeln!(
            f,
            "ignored   {idle_verdicts} verdicts on nothing, {ignored} frames out of place, {excess_updates} news too many"
        )?;
        writeln!(f, "closed    {misbehaved} connections that broke a rule")
    }
}

/// What a replayed node looks like in the end.
#[derive(Serialize)]
pub(crate) struct Replayed {
    peers: usize,
    modules: usize,
    messages: usize,
}

impl Replayed {
    pub(crate) fn new(node: &Gossip) -> Self {
        Replayed {
            peers: node.peers().count(),
            modules: node.modules().count(),
            messages: node.cache().count(),
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peers {}, modules {}, messages {}", self.peers, self.modules, self.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        let registration = |data_type| Registration { data_type, modules: 2 };
        let few = GossipStatus {
            mode: Mode::Auto,
            api: "127.0.0.1:7001".parse().unwrap(),
            peers: Kinds { native: 2, compatible: 1, unknown: 0 },
            known: 5,
            modules: 2,
            types: 2,
            registrations: vec![registration(540), registration(541)],
            cache: Fill { size: 4_096, messages: 6, waiting: 1, unheard: 2, valid: 3 },
            counters: Counters { announced: 1, heard: 2, duplicates: 3, ..Counters::default() },
        };
        let text = "\
mode      auto, for modules on 127.0.0.1:7001
peers     2 native, 1 compatible, 0 unknown; 5 addresses known
modules   2; 2 types wanted: 540 by 2, 541 by 2
cache     6 of 4096 messages: 1 waiting, 2 unheard, 3 valid
messages  1 announced here, 2 heard of, 3 known already
judged    0 valid, 0 invalid, 0 of these because nobody said so in time
lost      0 without room, 0 not taken in time
ignored   0 verdicts on nothing, 0 frames out of place, 0 news too many
closed    0 connections that broke a rule
";
        assert_eq!(few.to_string(), text);
        let many =
            GossipStatus { types: 9, registrations: (1..=9).map(registration).collect(), ..few.clone() };
        assert!(many.to_string().contains("9 types wanted: 1 by 2, 2 by 2, "), "{many}");
        assert!(many.to_string().contains(", 8 by 2, ...\n"), "{many}");
        let none = GossipStatus { types: 0, registrations: Vec::new(), ..few };
        assert!(none.to_string().contains("modules   2; 0 types wanted\n"), "{none}");
    }
}
