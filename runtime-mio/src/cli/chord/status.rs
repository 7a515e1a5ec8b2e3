//! What a node of Chord says of itself, running and replayed.

use std::fmt;

use egoist_core::mesh::chord::{Chord, Counters};
use egoist_core::mesh::wire::Role;
use serde::{Deserialize, Serialize};

use super::super::mesh::status::{MeshStatus, Replayed as MeshReplayed};
use super::super::units;
use super::ring::{does, step};

/// What a running node says: what one of a mesh does, and of the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ChordStatus {
    /// Of the mesh.
    #[serde(flatten)]
    mesh: MeshStatus,
    /// Of the store.
    store: StoreStatus,
}

/// What a running node says of the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct StoreStatus {
    /// Whether it stores.
    role: Role,
    /// Records that it keeps, deleted ones included.
    records: usize,
    /// Their octets.
    octets: usize,
    /// Keys that nodes of py2p said they have.
    py2p_keys: usize,
    /// Whether the nodes that keep copies of its part are known to have all of it.
    in_step: bool,
    /// Whether what it keeps cannot be written.
    read_only: bool,
    /// Whether it outlives the node.
    durable: bool,
    /// What it has met.
    counters: Counters,
}

impl ChordStatus {
    pub(crate) fn new(node: &Chord) -> Self {
        ChordStatus { mesh: MeshStatus::new(node.mesh()), store: StoreStatus::new(node) }
    }
}

impl StoreStatus {
    fn new(node: &Chord) -> Self {
        let ring = node.ring();
        StoreStatus {
            role: ring.role,
            records: ring.records,
            octets: ring.octets,
            py2p_keys: ring.py2p_keys,
            in_step: ring.is_in_step,
            read_only: ring.is_read_only,
            durable: node.config().durable,
            counters: node.counters(),
        }
    }
}

impl fmt::Display for ChordStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mesh.fmt(f)?;
        self.store.fmt(f)
    }
}

impl fmt::Display for StoreStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreStatus { role, records, octets, py2p_keys, in_step, read_only, durable, counters } = self;
        let place = match (read_only, durable) {
            (true, _) => "that cannot be written: nothing new is taken",
            (_, true) => "on its disk",
            (_, false) => "in memory",
        };
        let step = step(*role, *in_step);
        writeln!(
            f,
            "ring      {}, {records} records ({}) {place}{step}",
            does(*role),
            units::octets(*octets as u64)
        )?;
        let Counters { begun, answered, passed_on, excess, copied, .. } = counters;
        writeln!(
            f,
            "asked     {begun} begun here, {answered} answered, {passed_on} passed on, {excess} too many; {copied} records brought"
        )?;
        let Counters { py2p_stores, py2p_retrieves, .. } = counters;
        writeln!(
            f,
            "py2p      {py2p_stores} stores taken, {py2p_retrieves} questions answered, {py2p_keys} keys known of"
        )
    }
}

/// What a replayed node looks like in the end.
#[derive(Serialize)]
pub(crate) struct Replayed {
    #[serde(flatten)]
    mesh: MeshReplayed,
    role: Role,
    records: usize,
    begun: u64,
}

impl Replayed {
    pub(crate) fn new(node: &Chord) -> Self {
        let ring = node.ring();
        Replayed {
            mesh: MeshReplayed::new(node.mesh()),
            role: ring.role,
            records: ring.records,
            begun: node.counters().begun,
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replayed { mesh, role, records, begun } = self;
        write!(f, "{mesh}; {}, records {records}, begun {begun}", does(*role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_for_people() {
        let counters = Counters {
            begun: 1,
            answered: 2,
            passed_on: 3,
            excess: 4,
            copied: 5,
            py2p_stores: 6,
            py2p_retrieves: 7,
            ..Counters::default()
        };
        let status = StoreStatus {
            role: Role::Storing,
            records: 12,
            octets: 2048,
            py2p_keys: 8,
            in_step: true,
            read_only: false,
            durable: true,
            counters,
        };
        let text = "\
ring      stores, 12 records (2.0 KiB) on its disk, copies in step
asked     1 begun here, 2 answered, 3 passed on, 4 too many; 5 records brought
py2p      6 stores taken, 7 questions answered, 8 keys known of
";
        assert_eq!(status.to_string(), text);
        let other = StoreStatus { role: Role::Leech, in_step: false, durable: false, ..status.clone() };
        assert!(
            other.to_string().starts_with("ring      stores nothing, 12 records (2.0 KiB) in memory\n"),
            "{other}"
        );
        let full = StoreStatus { read_only: true, ..status };
        assert!(full.to_string().contains("cannot be written"), "{full}");
    }
}
