//! What is looked at all the way through a scenario, whatever goes wrong meanwhile.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::ledger::Ledger;
use super::{Plan, Scenario, frames};
use crate::kernel::Time;
use crate::overlay::Overlay;
use crate::overlay::event::Event;
use crate::overlay::link::Mine;
use crate::overlay::names::NodeId;
use crate::overlay::oracle::{self, Difference};
use crate::sim::faults::Agenda;
use crate::sim::{World, scenario};

/// How often what nodes make of what they know is looked at.
const VIEWED: Duration = Duration::from_secs(1);
/// How often everybody's choices are counted.
const CHOICES: Duration = Duration::from_millis(100);
/// How often what is sent is counted.
const COUNTED: Duration = Duration::from_millis(1);
/// So many frames in a second for each pair of nodes are no news any more: everybody tells everybody a few times in it
/// at the most.
const STORM: u64 = 300;

/// Lets the time of a scenario pass, and looks on.
pub struct Watch {
    /// Whom each node has chosen, by its own events alone.
    told: BTreeMap<usize, BTreeSet<NodeId>>,
    ledger: Ledger,
}

impl Default for Watch {
    /// Things go wrong: what becomes of payloads is not looked at.
    fn default() -> Self {
        let mut watch = Watch { told: BTreeMap::new(), ledger: Ledger::default() };
        watch.give_no_account();
        watch
    }
}

impl scenario::Watch<Plan> for Watch {
    fn hear(&mut self, now: Time, node: usize, event: &Event) {
        self.ledger.hear(now, node, event);
        let told = self.told.entry(node).or_default();
        match event {
            Event::Started { .. } => told.clear(),
            Event::Rewired { added, removed } => {
                removed.iter().for_each(|id| _ = told.remove(id));
                told.extend(added.iter().copied());
            }
            _ => {}
        }
    }

    /// What everybody makes of what it knows is right at any time, and nobody chooses more than it may.
    fn pass(
        &mut self,
        scenario: &Scenario,
        world: &mut World<Overlay>,
        agenda: &mut Agenda<Overlay>,
        time: Duration,
    ) -> Result<(), Difference> {
        let end = world.now() + time;
        while world.now() < end {
            let view = end.min(world.now() + VIEWED);
            let before = frames(world);
            while world.now() < view {
                let look = view.min(world.now() + CHOICES);
                while world.now() < look {
                    let step = COUNTED.min(look.since(world.now()));
                    agenda.pass(world, step, |at, node, event| self.hear(at, node, &event));
                    scenario.check_storm(frames(world) - before)?;
                }
                self.check_choices(scenario, world)?;
            }
            // Who sends computes its routes first.
            self.ledger.settle(world.now())?;
            scenario.chatter(world, &mut self.ledger);
            oracle::views(&scenario.members(world), scenario.plan.links)?;
        }
        Ok(())
    }

    fn recovered(&mut self, scenario: &Scenario, now: Time) {
        // Where neighbours are drawn, nobody may have a way back to tell a source.
        if scenario.rules().connects {
            self.give_account_from(now);
        }
    }

    /// Account is given of what is sent once the overlay has come to rest.
    fn judged(&mut self, scenario: &Scenario, now: Time, holds: bool) {
        if !holds && scenario.rules().connects {
            self.give_account_from(now);
        }
    }

    fn afterwards(&mut self, scenario: &Scenario, world: &mut World<Overlay>) -> Result<(), Difference> {
        scenario.deliver(world, self)?;
        scenario.stand(world, self)
    }
}

impl Watch {
    /// What everybody makes of what it knows is right now, and nobody chooses more than it may.
    pub(super) fn look(&self, scenario: &Scenario, world: &World<Overlay>) -> Result<(), Difference> {
        self.check_choices(scenario, world)?;
        oracle::views(&scenario.members(world), scenario.plan.links)
    }

    /// Things go wrong from now on: what becomes of payloads is not looked at.
    pub(super) fn give_no_account(&mut self) {
        self.ledger.disturbed(Time::MAX);
    }

    /// The overlay has not come to rest before `now`: account is given of payloads that are sent later.
    fn give_account_from(&mut self, now: Time) {
        self.ledger.resume(now);
    }

    fn check_choices(&self, scenario: &Scenario, world: &World<Overlay>) -> Result<(), Difference> {
        let members = scenario.members(world);
        oracle::choices(&members, &scenario.rules())?;
        for (node, member) in members.into_iter().filter(|(_, member)| member.id().is_some()) {
            let chosen = member.neighbors().into_iter().filter(|n| n.mine == Mine::Chosen).map(|n| n.id);
            let told = self.told.get(&node).cloned().unwrap_or_default();
            if !told.iter().copied().eq(chosen) {
                return Err(Difference::Untold { node });
            }
        }
        Ok(())
    }
}

impl Scenario {
    /// News that goes around for ever multiplies: it is stopped before it fills the memory.
    pub(super) fn check_storm(&self, frames: u64) -> Result<(), Difference> {
        let nodes = self.nodes() as u64 + 1;
        if frames > nodes * nodes * STORM { Err(Difference::Storm { frames }) } else { Ok(()) }
    }
}
