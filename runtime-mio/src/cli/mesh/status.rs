//! What a node of the mesh says of itself, running and replayed.

use std::collections::BTreeMap;
use std::fmt;

use egoist_core::mesh::{Counters, Kind, Mesh};
use serde::{Deserialize, Serialize};

/// What a running node says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct MeshStatus {
    /// The name of its network.
    subnet: String,
    /// What its network is called among nodes.
    protocol_id: String,
    /// Its peers.
    peers: Kinds,
    /// Addresses that it knows.
    known: usize,
    /// What it has met.
    counters: Counters,
}

/// How many peers there are of each kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Kinds {
    native: usize,
    compatible: usize,
}

impl MeshStatus {
    pub(crate) fn new(node: &Mesh) -> Self {
        MeshStatus {
            subnet: node.config().subnet.clone(),
            protocol_id: node.protocol().as_str().to_owned(),
            peers: Kinds::of(node),
            known: node.known().count(),
            counters: node.counters(),
        }
    }
}

impl Kinds {
    /// A peer may have two connections, of which one has not said yet what it is.
    fn of(node: &Mesh) -> Self {
        let mut peers = BTreeMap::new();
        for peer in node.peers() {
            *peers.entry(peer.id).or_insert(false) |= peer.kind == Kind::Native;
        }
        let native = peers.values().filter(|is_native| **is_native).count();
        Kinds { native, compatible: peers.len() - native }
    }
}

impl fmt::Display for MeshStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MeshStatus { subnet, protocol_id, peers: Kinds { native, compatible }, known, counters } = self;
        writeln!(f, "subnet    {}, protocol id {protocol_id}", subnet.replace(char::is_control, "?"))?;
        writeln!(f, "peers     {native} native, {compatible} compatible; {known} addresses known")?;
        let Counters { said, heard, duplicates, whispers, .. } = counters;
        writeln!(
            f,
            "messages  {said} broadcast here, {heard} heard of, {duplicates} known already, {whispers} whispered to it"
        )?;
        let Counters { old, ahead, ignored, early, excess, .. } = counters;
        writeln!(
            f,
            "ignored   {old} too old, {ahead} from the future, {ignored} that mean nothing, {early} before a handshake, \
             {excess} questions too many"
        )?;
        let Counters { other_networks, misbehaved, .. } = counters;
        writeln!(f, "closed    {other_networks} from other networks, {misbehaved} that broke a rule")
    }
}

/// What a replayed node looks like in the end.
#[derive(Serialize)]
pub(crate) struct Replayed {
    id: String,
    peers: usize,
    known: usize,
    said: u64,
    heard: u64,
}

impl Replayed {
    pub(crate) fn new(node: &Mesh) -> Self {
        let Kinds { native, compatible } = Kinds::of(node);
        Replayed {
            id: node.id().to_string(),
            peers: native + compatible,
            known: node.known().count(),
            said: node.counters().said,
            heard: node.counters().heard,
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replayed { id, peers, known, said, heard } = self;
        write!(f, "{id}, peers {peers}, addresses known {known}, broadcasts said {said}, heard {heard}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        let status = MeshStatus {
            subnet: "mesh".into(),
            protocol_id: "EpAm".into(),
            peers: Kinds { native: 2, compatible: 1 },
            known: 5,
            counters: Counters { said: 1, heard: 2, duplicates: 3, misbehaved: 4, ..Counters::default() },
        };
        let text = "\
subnet    mesh, protocol id EpAm
peers     2 native, 1 compatible; 5 addresses known
messages  1 broadcast here, 2 heard of, 3 known already, 0 whispered to it
ignored   0 too old, 0 from the future, 0 that mean nothing, 0 before a handshake, 0 questions too many
closed    0 from other networks, 4 that broke a rule
";
        assert_eq!(status.to_string(), text);
    }
}
