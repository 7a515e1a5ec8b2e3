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

/// One life of a node.
type Life = (usize, Time);

/// Who has a version or a later one, and how many of those have died since it was in as many places as it is to be.
struct Copies {
    /// In so many places it is: as many as were acknowledged, and all once it was in as many.
    count: usize,
    holders: BTreeSet<Life>,
    deaths: usize,
}

/// What is known of a key.
struct Kept {
    place: Place,
    /// The latest version that was acknowledged; `None` if nothing was, or it was lost by what nobody promises.
    acknowledged: Option<Version>,
    copies: Copies,
    /// Later ones that were seen somewhere: whoever was asked may be told of them when some have died that had them.
    coming: BTreeMap<Version, Copies>,
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

impl Copies {
    fn of(count: usize) -> Self {
        Copies { count, holders: BTreeSet::new(), deaths: 0 }
    }

    fn look(&mut self, place: &Place, version: Version, living: &[(usize, &Chord)]) {
        let life = |(node, chord): &(usize, &Chord)| (*node, chord.config().mesh.start);
        let lives: BTreeSet<Life> = living.iter().map(life).collect();
        self.deaths += self.holders.difference(&lives).count();
        let have: Vec<(usize, &Chord)> =
            living.iter().filter(|(_, chord)| chord.version_of(place) >= Some(version)).copied().collect();
        self.holders = have.iter().map(life).collect();
        // Where there are fewer in the ring of those who have it, all who are have one.
        let in_ring = have.iter().filter(|(_, chord)| chord.stores());
        let known = in_ring.map(|(_, chord)| 1 + chord.circle.member.successors().others().count());
        let all = replicas(living);
        if self.holders.len() >= all.min(known.max().unwrap_or(all)) {
            (self.count, self.deaths) = (self.holders.len().min(all), 0);
        }
    }
}

fn replicas(living: &[(usize, &Chord)]) -> usize {
    living.first().map_or(1, |(_, chord)| chord.config().replicas)
}

impl Kept {
    fn of(key: u16) -> Self {
        Kept { place: place(key), acknowledged: None, copies: Copies::of(1), coming: BTreeMap::new() }
    }

    fn look(
        &mut self,
        key: u16,
        living: &[(usize, &Chord)],
        told: &[(Version, usize)],
    ) -> Result<(), Difference> {
        let seen = living.iter().filter_map(|(_, chord)| chord.version_of(&self.place));
        for version in seen.filter(|version| self.acknowledged < Some(*version)) {
            self.coming.entry(version).or_insert_with(|| Copies::of(replicas(living)));
        }
        self.coming.iter_mut().for_each(|(version, copies)| copies.look(&self.place, *version, living));
        // A version is of this key if somebody had it here.
        let new = told.iter().filter(|(version, _)| self.coming.contains_key(version)).max();
        if let Some((version, count)) = new
            && let Some(copies) = self.coming.remove(version)
        {
            // By the time that the user is told the ring may be smaller than it was, and have fewer copies.
            let count = copies.count.min(*count);
            (self.acknowledged, self.copies) = (Some(*version), Copies { count, ..copies });
            self.coming.retain(|other, _| other > version);
        }
        let Some(acknowledged) = self.acknowledged else { return Ok(()) };
        self.copies.look(&self.place, acknowledged, living);
        if !self.copies.holders.is_empty() {
            return Ok(());
        }
        self.acknowledged = None;
        let Copies { count, deaths, .. } = self.copies;
        if deaths >= count { Ok(()) } else { Err(Difference::Lost { key, deaths }) }
    }
}
