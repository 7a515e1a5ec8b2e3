//! What users were told is kept, held against what is.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::oracle::Difference;
use super::{KEYS, Plan, Scenario, place};
use crate::kernel::Time;
use crate::mesh::chord::store::Version;
use crate::mesh::chord::{Chord, Event, Outcome, Place};
use crate::sim::World;
use crate::sim::faults::Agenda;
use crate::sim::scenario::Watch;

/// How often it is looked who keeps what.
const VIEWED: Duration = Duration::from_millis(100);

/// Who had what was acknowledged for a key, and how many of those have died since it was in as many places as it is to be.
struct Kept {
    place: Place,
    /// The latest version that was acknowledged; `None` if nothing was, or it was lost by what nobody promises.
    acknowledged: Option<Version>,
    /// In so many places it is: as many as were acknowledged, and all once it was in as many.
    copies: usize,
    holders: BTreeSet<(usize, Time)>,
    deaths: usize,
}

/// Versions that users were told of, and where they are.
#[derive(Default)]
pub struct Ledger {
    told: Vec<(Version, usize)>,
    keys: BTreeMap<u16, Kept>,
}

impl Watch<Plan> for Ledger {
    fn hear(&mut self, _: Time, _: usize, event: &Event) {
        if let Event::Ended { outcome: Outcome::Kept { version: Some(version), copies, .. }, .. } = event {
            self.told.push((*version, *copies));
        }
    }

    fn pass(
        &mut self,
        script: &Scenario,
        world: &mut World<Chord>,
        agenda: &mut Agenda<Chord>,
        time: Duration,
    ) -> Result<(), Difference> {
        let end = world.now() + time;
        while world.now() < end {
            let slice = VIEWED.min(end.since(world.now()));
            agenda.pass(world, slice, |at, node, event| self.hear(at, node, &event));
            self.look(script, world)?;
        }
        Ok(())
    }

    fn afterwards(&mut self, script: &Scenario, world: &mut World<Chord>) -> Result<(), Difference> {
        let members = script.members(world);
        for (key, kept) in &self.keys {
            let latest = members.iter().filter_map(|(_, chord)| chord.version_of(&kept.place)).max();
            if kept.acknowledged > latest {
                return Err(Difference::Older { key: *key });
            }
        }
        Ok(())
    }
}

impl Ledger {
    fn look(&mut self, script: &Scenario, world: &World<Chord>) -> Result<(), Difference> {
        let running = (0..script.nodes()).filter_map(|node| Some((node, world.machine(node)?)));
        // Who leaves while there is nobody takes along what he alone has.
        let living: Vec<(usize, &Chord)> = running.filter(|(_, chord)| !chord.mesh().has_left()).collect();
        if let Some((node, _)) = living.iter().find(|(_, chord)| chord.mesh().counters().misbehaved > 0) {
            return Err(Difference::Misbehaved { node: *node });
        }
        let told = core::mem::take(&mut self.told);
        (0..KEYS).try_for_each(|key| {
            let kept = self.keys.entry(key).or_insert_with(|| Kept::of(key));
            kept.look(key, &living, &told)
        })
    }
}

impl Kept {
    fn of(key: u16) -> Self {
        let holders = BTreeSet::new();
        Kept { place: place(key), acknowledged: None, copies: 0, holders, deaths: 0 }
    }

    fn look(
        &mut self,
        key: u16,
        living: &[(usize, &Chord)],
        told: &[(Version, usize)],
    ) -> Result<(), Difference> {
        let has = |chord: &Chord| chord.version_of(&self.place);
        // A version is of this key if somebody has it here.
        let new =
            told.iter().filter(|(version, _)| living.iter().any(|(_, chord)| has(chord) == Some(*version)));
        if let Some((version, copies)) = new.max().filter(|(version, _)| self.acknowledged < Some(*version)) {
            (self.acknowledged, self.copies, self.deaths) = (Some(*version), *copies, 0);
            self.holders.clear();
        }
        let Some(acknowledged) = self.acknowledged else { return Ok(()) };
        let lives: BTreeSet<(usize, Time)> =
            living.iter().map(|(node, chord)| (*node, chord.config().mesh.start)).collect();
        let holders = living.iter().filter(|(_, chord)| has(chord) >= Some(acknowledged));
        let holders: BTreeSet<(usize, Time)> =
            holders.map(|(node, chord)| (*node, chord.config().mesh.start)).collect();
        self.deaths += self.holders.iter().filter(|life| !lives.contains(life)).count();
        self.holders = holders;
        let all = living.first().map_or(1, |(_, chord)| chord.config().replicas);
        // Where there are fewer in the ring of those who have it, all who are have one.
        let in_ring = living.iter().filter(|(node, chord)| {
            chord.stores() && self.holders.contains(&(*node, chord.config().mesh.start))
        });
        let known = in_ring.map(|(_, chord)| 1 + chord.circle.member.successors().others().count());
        if self.holders.len() >= all.min(known.max().unwrap_or(all)) {
            (self.copies, self.deaths) = (self.holders.len().min(all), 0);
        }
        if !self.holders.is_empty() {
            return Ok(());
        }
        self.acknowledged = None;
        if self.deaths >= self.copies { Ok(()) } else { Err(Difference::Lost { key, deaths: self.deaths }) }
    }
}
