//! Records made up for tests, and what the tests of this folder share.

mod ages;
mod convergence;
mod exchange;
mod graph;
mod keeping;
mod telling;

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;

use super::super::wire::{
    Attributes, Body, BodyText, Hash, LinkAttributes, Links, Listed, ListedRole, NodeName, Range, Update, Upt,
};
use super::super::{Cost, Key, NodeId};
use super::*;
use crate::kernel::Time;

/// A record as a test states it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Draft {
    id: u128,
    key: Key,
    age: u32,
    life: Option<u32>,
    links: Vec<(u128, u64, ListedRole, bool)>,
}

const fn key(incarnation: u32, sequence: u32) -> Key {
    Key { incarnation, sequence }
}

fn draft(id: u128, sequence: u32) -> Draft {
    Draft { id, key: key(1, sequence), age: 0, life: None, links: Vec::new() }
}

impl Draft {
    fn chooses(mut self, ids: &[u128]) -> Self {
        self.links.extend(ids.iter().map(|id| (*id, 1_000, ListedRole::Out, false)));
        self
    }

    fn links(mut self, links: &[(u128, u64, ListedRole, bool)]) -> Self {
        self.links.extend_from_slice(links);
        self
    }

    fn aged(self, age: u32) -> Self {
        Draft { age, ..self }
    }

    fn living(self, life: u32) -> Self {
        Draft { life: Some(life), ..self }
    }

    fn upt(&self) -> Upt {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 61_224));
        let source = NodeName { addr, id: Some(NodeId(self.id)) };
        Upt::originate(self.key, source, self.age, &self.body())
    }

    fn body_octets(&self) -> usize {
        self.upt().body.len()
    }

    fn body(&self) -> Body {
        let listed = |&(id, cost, role, bye): &(u128, u64, ListedRole, bool)| Listed {
            id: NodeId(id),
            cost: Cost::from_micros(cost),
            role,
            attributes: LinkAttributes { bye, ..LinkAttributes::default() },
        };
        let attributes = Attributes { life: self.life, ..Attributes::default() };
        let links = self.links.iter().map(listed);
        Body::of(Update { attributes, links: Links::first(links) })
    }

    fn offer(&self, now: Time, to: &mut Database) -> Verdict {
        to.offer(now, self.upt(), &self.body())
    }
}

/// Numbers at the edges of a counter.
fn counters() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(2), Just(u32::MAX - 1), Just(u32::MAX)]
}

fn roles() -> impl Strategy<Value = ListedRole> {
    prop_oneof![Just(ListedRole::Out), Just(ListedRole::In), Just(ListedRole::Both)]
}

/// Records of up to `nodes` nodes which list up to `degree` of them, of themselves and of nodes nobody knows.
fn drafts(nodes: u128, degree: usize) -> impl Strategy<Value = Draft> {
    let links = prop::collection::vec((0..nodes + 2, 1u64..4, roles(), any::<bool>()), 0..=degree);
    (0..nodes, counters(), counters(), links).prop_map(|(id, incarnation, sequence, links)| Draft {
        id,
        key: key(incarnation, sequence),
        age: 0,
        life: None,
        links,
    })
}

/// What a database holds, ages aside.
fn contents(database: &Database) -> Vec<(NodeId, Key, Hash, BodyText)> {
    database.entries().map(|e| (e.id(), e.key(), e.hash(), e.upt().body.clone())).collect()
}

/// What must hold of a database whatever was done to it.
fn check(database: &Database) {
    let ids: Vec<NodeId> = database.entries().map(Entry::id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "ascending and each once");
    assert_eq!(ids, database.index().ids());
    for (place, entry) in (0..).zip(database.entries()) {
        assert_eq!(database.index().of(entry.id()), Some(place));
        assert_eq!(database.at(place).id(), entry.id());
        assert!(entry.links().is_sorted_by(|a, b| a.id < b.id));
        assert!(entry.link(entry.id()).is_none());
    }
    assert_eq!(database.next_expiry(), database.entries().map(Entry::expires).min());
    assert_eq!(database.octets(), database.entries().map(|e| e.upt().body.len()).sum::<usize>());
    assert_eq!(database.sum(None).digest, database.sum(Some(Range::ALL)).digest);
}
