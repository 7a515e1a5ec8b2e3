//! What a ring is to be, worked out from all nodes at once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{KEYS, Scenario, place};
use crate::mesh::chord::ring::{Position, Space as _};
use crate::mesh::chord::store::Version;
use crate::mesh::chord::told::LIST;
use crate::mesh::chord::{Chord, Place};
use crate::mesh::wire::Role;
use crate::sim::World;

/// What is not as it should be. Nodes are named by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    /// A node knows others behind it than there are.
    #[error("node {node} has not those behind it that come next in the ring of all")]
    Successors {
        /// The node.
        node: usize,
    },
    /// A node knows another before it than there is.
    #[error("node {node} has not the one before it that comes before it in the ring of all")]
    Predecessor {
        /// The node.
        node: usize,
    },
    /// What a node is responsible for is not known to be the same with those who have copies.
    #[error("node {node} is not in step with those who are to have its copies")]
    NotInStep {
        /// The node.
        node: usize,
    },
    /// A node that is to have what is kept at a place has not the latest.
    #[error("node {node} has not the latest of key {key}, which somebody has")]
    Copy {
        /// The node.
        node: usize,
        /// The key.
        key: u16,
    },
    /// What was acknowledged is nowhere, though too few died to take it with them.
    #[error("key {key} was acknowledged and is lost, after {deaths} of those who had it died")]
    Lost {
        /// The key.
        key: u16,
        /// How many.
        deaths: usize,
    },
    /// What was acknowledged is not what is kept in the end, nor is anything later.
    #[error("key {key} was acknowledged, and what is kept in the end is older")]
    Older {
        /// The key.
        key: u16,
    },
    /// A node found that a peer broke a rule: all run the same program.
    #[error("node {node} met somebody who broke a rule")]
    Misbehaved {
        /// The node.
        node: usize,
    },
}

impl Chord {
    /// Which version it keeps of a key.
    pub(super) fn version_of(&self, place: &Place) -> Option<Version> {
        self.shelf.get(place).map(|record| record.version)
    }

    fn at(&self) -> Position {
        self.circle.member.me()
    }
}

/// Whether all who store are one ring, and keep the same where they are to.
pub(super) fn judge(script: &Scenario, world: &World<Chord>) -> Result<(), Difference> {
    let members: BTreeMap<usize, &Chord> = script.members(world).into_iter().collect();
    let meets = members.range(..script.plan.bootstraps).any(|(_, chord)| !chord.mesh().has_left());
    if !meets {
        return Ok(());
    }
    let mut ring: Vec<(usize, &Chord)> = members.into_iter().filter(|(_, chord)| stores(chord)).collect();
    ring.sort_by_key(|(_, chord)| chord.at());
    for place in 0..ring.len() {
        is_in_its_place(&ring, place)?;
    }
    (0..KEYS).try_for_each(|key| is_kept(&ring, script, key))
}

fn stores(chord: &Chord) -> bool {
    chord.role == Role::Storing && !chord.mesh().has_left()
}

fn is_in_its_place(ring: &[(usize, &Chord)], place: usize) -> Result<(), Difference> {
    let (node, chord) = ring[place];
    let others = ring.len() - 1;
    let next = |step: usize| ring[(place + step) % ring.len()].1.at();
    let member = &chord.circle.member;
    let known: Vec<Position> = member.successors().others().collect();
    if known != (1..=others.min(LIST)).map(next).collect::<Vec<_>>() {
        return Err(Difference::Successors { node });
    }
    if member.predecessor() != (others > 0).then(|| next(others)) {
        return Err(Difference::Predecessor { node });
    }
    if chord.is_in_step() { Ok(()) } else { Err(Difference::NotInStep { node }) }
}

/// Whoever is to keep a key has what is the latest anywhere.
fn is_kept(ring: &[(usize, &Chord)], _: &Scenario, key: u16) -> Result<(), Difference> {
    let place = place(key);
    let latest = ring.iter().filter_map(|(_, chord)| chord.version_of(&place)).max();
    let Some(latest) = latest else { return Ok(()) };
    for (node, chord) in keepers(ring, &place) {
        if chord.version_of(&place) != Some(latest) {
            return Err(Difference::Copy { node, key });
        }
    }
    Ok(())
}

/// The nodes that are to keep what is at a place: the first at or behind it, and those that follow.
fn keepers<'a>(ring: &[(usize, &'a Chord)], place: &Place) -> Vec<(usize, &'a Chord)> {
    let mut all = ring.to_vec();
    all.sort_by_key(|(_, chord)| place.position().distance(chord.at()));
    all.truncate(all.first().map_or(0, |(_, chord)| chord.config().replicas));
    all
}
