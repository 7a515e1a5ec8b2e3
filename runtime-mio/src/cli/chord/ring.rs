//! `egoist chord ring`: a node's part in the ring.

use std::fmt;

use clap::Parser;
use egoist_core::mesh::chord::{Chord, Contact, RingView};
use egoist_core::mesh::wire::{NodeId, Role};
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::table::{Side, Table};
use super::super::units;
use super::NAME;

/// Flags of `chord ring`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord ring
  egoist chord ring --json | jq -r '.nodes[].id'      the ids as a whole

First the node itself: what it does, the part of all numbers that it is responsible for, what it keeps, and whether the nodes that \
have copies of its part have all of it. Then the nodes that it knows of the ring. Place: next (the node with the next greater id, up to \
which it is responsible), prev (that with the next smaller one), before (those before that; they keep copies, as prev does), finger (a short \
cut), py2p (a node of py2p that stores and is a peer). Above: how far their ids are above its own, going round, in the part of all \
numbers.")]
pub(crate) struct Ring {
    #[command(flatten)]
    target: Target,
}

impl Ring {
    /// Shows it.
    ///
    /// # Errors
    /// The node cannot be asked, or is none of this protocol.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        session.show(&self.target.connect()?.ask(&RingRequest {})?)
    }
}

/// Asks a node for its part in the ring.
#[derive(Serialize, Deserialize)]
pub(crate) struct RingRequest {}

impl Ask for RingRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "ring";
    type Answer = RingReport;
}

/// A node's part in the ring.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RingReport {
    /// What it calls itself.
    id: String,
    /// Whether it stores.
    role: Role,
    /// The part of all numbers that it is responsible for; none of one that stores nothing, and as long as it is not known.
    share: Option<f64>,
    /// Records that it keeps.
    records: usize,
    /// Their octets.
    octets: usize,
    /// Whether the nodes that keep copies of its part are known to have all of it.
    in_step: bool,
    /// Nodes that it knows of the ring.
    nodes: Vec<Node>,
}

/// A node of the ring.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Node {
    /// What it is to the other.
    place: Place,
    /// What it calls itself.
    id: String,
    /// Where it listens, as far as it matters.
    address: Option<String>,
    /// How far its id is above the other's, in the part of all numbers.
    above: f64,
}

/// What a node is to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Next,
    Prev,
    Before,
    Finger,
    Py2p,
}

impl Place {
    /// Its name, as it is in JSON.
    const fn name(self) -> &'static str {
        match self {
            Place::Next => "next",
            Place::Prev => "prev",
            Place::Before => "before",
            Place::Finger => "finger",
            Place::Py2p => "py2p",
        }
    }
}

impl RingReport {
    /// Of a node.
    pub(crate) fn new(node: &Chord) -> Self {
        RingReport::of(&node.mesh().id(), &node.ring())
    }

    fn of(own: &NodeId, view: &RingView) -> Self {
        let of = |place, contact: &Contact| Node::new(own, (place, contact.id), Some(contact));
        let next = view.ahead.iter().map(|contact| of(Place::Next, contact));
        let behind = view.behind.iter().zip(0..);
        let behind =
            behind.map(|(contact, at)| of(if at == 0 { Place::Prev } else { Place::Before }, contact));
        let fingers = view.fingers.iter().map(|contact| of(Place::Finger, contact));
        let py2p = view.py2p.iter().map(|id| Node::new(own, (Place::Py2p, *id), None));
        RingReport {
            id: own.to_string(),
            role: view.role,
            share: share(own, view),
            records: view.records,
            octets: view.octets,
            in_step: view.is_in_step,
            nodes: next.chain(behind).chain(fingers).chain(py2p).collect(),
        }
    }
}

impl Node {
    fn new(own: &NodeId, (place, id): (Place, NodeId), contact: Option<&Contact>) -> Self {
        let address = contact.map(|contact| contact.addr.to_string());
        Node { place, id: id.to_string(), address, above: above(own, &id) }
    }
}

/// The part that a node is responsible for, if it stores: up to the next greater id. One that knows of no other has all.
fn share(own: &NodeId, view: &RingView) -> Option<f64> {
    match (view.role, &view.ahead) {
        (Role::Leech, _) => None,
        (Role::Storing, Some(next)) => Some(above(own, &next.id)),
        (Role::Storing, None) => view.behind.is_empty().then_some(1.0),
    }
}

/// How far an id is above another, going round, in the part of all numbers. Their first 64 bits tell it well enough.
#[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
fn above(own: &NodeId, other: &NodeId) -> f64 {
    let first = |id: &NodeId| id.0.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    first(other).wrapping_sub(first(own)) as f64 / 2_f64.powi(64)
}

impl fmt::Display for RingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RingReport { id, role, share, records, octets, in_step, nodes } = self;
        write!(f, "{}  {}", units::short_id(id), does(*role))?;
        share.map_or(Ok(()), |share| write!(f, ", responsible for {}", units::percent(share)))?;
        writeln!(f, ", {records} records ({}){}", units::octets(*octets as u64), step(*role, *in_step))?;
        if nodes.is_empty() { Ok(()) } else { write!(f, "\n{}", table(nodes)) }
    }
}

fn table(nodes: &[Node]) -> Table {
    let columns =
        [("PLACE", Side::Left), ("ID", Side::Left), ("LISTENS", Side::Left), ("ABOVE", Side::Right)];
    let mut table = Table::new(&columns);
    for Node { place, id, address, above } in nodes {
        table.row([
            place.name().to_owned(),
            units::short_id(id).to_owned(),
            address.clone().unwrap_or_else(units::dash),
            units::percent(*above),
        ]);
    }
    table
}

/// Whether those who keep copies of what a node is responsible for have all of it, behind what else is said.
pub(crate) const fn step(role: Role, is_in_step: bool) -> &'static str {
    match (role, is_in_step) {
        (Role::Leech, _) => "",
        (Role::Storing, true) => ", copies in step",
        (Role::Storing, false) => ", copies are being brought in step",
    }
}

/// What a node does, in a word.
pub(crate) const fn does(role: Role) -> &'static str {
    match role {
        Role::Storing => "stores",
        Role::Leech => "stores nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(first: u8) -> NodeId {
        let mut octets = [0; NodeId::LEN];
        octets[0] = first;
        NodeId(octets)
    }

    fn contact(first: u8) -> Contact {
        Contact { id: id(first), addr: format!("127.0.0.1:{first}").parse().unwrap() }
    }

    fn view() -> RingView {
        RingView {
            role: Role::Storing,
            behind: vec![contact(0x40), contact(0x20)],
            ahead: Some(contact(0xc0)),
            fingers: vec![contact(0x20)],
            py2p: vec![id(0xff)],
            is_in_step: true,
            records: 12,
            octets: 2048,
            py2p_keys: 0,
            is_read_only: false,
        }
    }

    #[test]
    fn a_ring_for_people_and_for_programs() {
        let report = RingReport::of(&id(0x80), &view());
        let short = |first| id(first).to_string()[..8].to_owned();
        let text = format!(
            "{}  stores, responsible for 25.0 %, 12 records (2.0 KiB), copies in step\n
PLACE   ID        LISTENS         ABOVE
next    {}  127.0.0.1:192  25.0 %
prev    {}  127.0.0.1:64   75.0 %
before  {}  127.0.0.1:32   62.5 %
finger  {}  127.0.0.1:32   62.5 %
py2p    {}  -              49.6 %
",
            short(0x80),
            short(0xc0),
            short(0x40),
            short(0x20),
            short(0x20),
            short(0xff)
        );
        assert_eq!(report.to_string(), text);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["nodes"][0]["place"], &json["share"], &json["role"]),
            (&"next".into(), &0.25.into(), &"storing".into())
        );
    }

    #[test]
    fn who_is_alone_has_all_and_a_leech_nothing() {
        let alone = RingView { behind: vec![], ahead: None, fingers: vec![], py2p: vec![], ..view() };
        let all = RingReport::of(&id(1), &alone);
        assert!(
            all.to_string().contains("responsible for 100.0 %") && all.to_string().lines().count() == 1,
            "{all}"
        );
        let leech = RingReport::of(&id(1), &RingView { role: Role::Leech, ..alone });
        assert!(leech.to_string().ends_with("stores nothing, 12 records (2.0 KiB)\n"), "{leech}");
        let unknown = RingReport::of(&id(1), &RingView { ahead: None, ..view() });
        assert!(!unknown.to_string().contains("responsible"), "{unknown}");
    }
}
