//! What is looked at all the way through: who ends, who loses sight of whom, and who rises from the dead.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::{Difference, Event, Lie, Neighbor, Plan, Scenario};
use crate::kernel::Time;
use crate::overlay::event;
use crate::overlay::names::NodeId;
use crate::overlay::oracle::Member;
use crate::sim::faults::{Action, Agenda};
use crate::sim::{World, scenario};

/// How often it is looked who has a way to whom.
const VIEWED: Duration = Duration::from_secs(1);
/// For so long honest nodes may have no way to each other, whatever a liar says: a suspected link is noticed within a
/// second, and a record that was taken for another is said again within a few.
const LOST: Duration = Duration::from_secs(10);

/// Who starts while others are there has a link after this.
const NEWCOMER: Duration = Duration::from_secs(5);
/// The first of all have to find each other.
const FOUNDING: Duration = Duration::from_secs(15);

/// A greeting has been refused after this.
const REFUSED: Duration = Duration::from_secs(2);

/// Looks on, and counts what lies were told.
#[derive(Default)]
pub struct Watch {
    told: BTreeMap<Lie, u64>,
    /// Since when one has no way to another to whom it had one; `None` for those who have.
    lost: BTreeMap<(usize, usize), Option<Time>>,
    longest: Duration,
    /// When the liar last posed as somebody in a way that is to be refused.
    posed: Option<(Time, NodeId)>,
    /// The links that it got so, by their honest ends.
    usurped: BTreeSet<(usize, NodeId)>,
    replaced: Option<(usize, NodeId)>,
    /// Since when those run who have no link yet.
    newcomers: BTreeMap<usize, Time>,
    /// When each id's node started last.
    started: BTreeMap<NodeId, Time>,
    /// The last id of each node.
    ids: BTreeMap<usize, NodeId>,
    /// Those who are told to leave at some time and of whom somebody has had a record.
    known: BTreeSet<NodeId>,
    /// Those of them of whom nobody has one any more.
    buried: BTreeSet<NodeId>,
    ended: Option<usize>,
    /// The liar is to end.
    recovered: bool,
}

impl scenario::Watch<Plan> for Watch {
    fn hear(&mut self, now: Time, node: usize, event: &Event) {
        match event {
            Event::Lied { lie, about } => {
                *self.told.entry(*lie).or_default() += 1;
                self.posed = lie.is_refused().then_some((now, *about)).or(self.posed);
            }
            Event::Honest(event::Event::LinkDown { peer, why }) => self.link_down(now, node, *peer, why.what),
            Event::Honest(event::Event::Started { id, .. }) => {
                self.ids.insert(node, *id);
                self.newcomers.insert(node, now);
                self.started.insert(*id, now);
            }
            Event::Honest(event::Event::LinkUp { peer, .. }) => self.link_up(now, node, *peer),
            Event::Honest(event::Event::Fatal { .. }) => self.ended = self.ended.or(Some(node)),
            Event::Honest(_) => {}
        }
    }

    fn pass(
        &mut self,
        scenario: &Scenario,
        world: &mut World<Neighbor>,
        agenda: &mut Agenda<Neighbor>,
        time: Duration,
    ) -> Result<(), Difference> {
        if self.recovered {
            world.kill(scenario.liar());
        }
        let end = world.now() + time;
        while world.now() < end {
            let step = VIEWED.min(end.since(world.now()));
            agenda.pass(world, step, |at, node, event| self.hear(at, node, &event));
            self.look(scenario, world)?;
        }
        Ok(())
    }

    fn recovered(&mut self, _: &Scenario, _: Time) {
        self.recovered = true;
    }

    fn afterwards(&mut self, scenario: &Scenario, world: &mut World<Neighbor>) -> Result<(), Difference> {
        scenario.deliver(world)
    }
}

impl Watch {
    /// How often a lie was told.
    pub fn told(&self, lie: Lie) -> u64 {
        self.told.get(&lie).copied().unwrap_or(0)
    }

    /// A node that has no link to the one as whom the liar poses has no reason to refuse the greeting: the link is the liar's.
    fn link_up(&mut self, now: Time, node: usize, peer: NodeId) {
        self.newcomers.remove(&node);
        if self.poses(now, peer) {
            self.usurped.insert((node, peer));
        } else {
            self.usurped.remove(&(node, peer));
        }
    }

    fn link_down(&mut self, now: Time, node: usize, peer: NodeId, why: &str) {
        // Who has started again meanwhile, or shortly before, greets from a later start itself.
        let greets = self.started.get(&peer).is_some_and(|started| now.since(*started) < REFUSED * 2);
        let honest = self.poses(now, peer) && !greets && !self.usurped.contains(&(node, peer));
        if honest && why == "a newer connection took its place" {
            self.replaced = self.replaced.or(Some((node, peer)));
        }
    }

    /// Whether the liar posed as this node a moment ago.
    fn poses(&self, now: Time, id: NodeId) -> bool {
        self.posed.is_some_and(|(at, posed)| posed == id && now.since(at) < REFUSED)
    }

    /// For how long an honest node had no way to another to whom it had one, at the most.
    pub const fn longest_loss(&self) -> Duration {
        self.longest
    }

    fn look(&mut self, scenario: &Scenario, world: &World<Neighbor>) -> Result<(), Difference> {
        if let Some(node) = self.ended.filter(|node| *node < scenario.nodes()) {
            return Err(Difference::Ended { node });
        }
        let calm = |fault: &Action| matches!(fault, Action::Wait { .. } | Action::Restart { .. });
        if !scenario.faults().all(calm) {
            return Ok(());
        }
        if let Some((node, peer)) = self.replaced {
            return Err(Difference::Replaced { node, peer });
        }
        let honest = scenario.honest(world);
        self.bury(scenario, &honest)?;
        self.let_in(world.now(), &honest)?;
        let parted = self.told.keys().any(|lie| lie.parts(&scenario.plan));
        if parted { Ok(()) } else { self.look_for_ways(world.now(), &honest) }
    }

    fn let_in(&mut self, now: Time, honest: &[Member<'_>]) -> Result<(), Difference> {
        let late = self.newcomers.iter().find(|(node, since)| {
            let waited = now.since(**since) > NEWCOMER && **since > Time::ZERO + FOUNDING;
            waited && honest.iter().any(|(honest, _)| honest == *node)
        });
        let late = late.map(|(node, since)| Difference::Outside { node: *node, lasted: now.since(*since) });
        late.map_or(Ok(()), Err)
    }

    /// Whoever had a way to another loses it for a while at the most.
    fn look_for_ways(&mut self, now: Time, honest: &[Member<'_>]) -> Result<(), Difference> {
        for &(from, member) in honest {
            let routes = member.routes();
            let reached: BTreeSet<NodeId> =
                routes.iter().filter(|route| route.next_hop.is_some()).map(|route| route.id).collect();
            for &(to, other) in honest.iter().filter(|(to, _)| *to != from) {
                let reaches = other.id().is_some_and(|id| reached.contains(&id));
                self.seen(now, from, to, reaches)?;
            }
        }
        Ok(())
    }

    fn seen(&mut self, now: Time, from: usize, to: usize, reaches: bool) -> Result<(), Difference> {
        if reaches {
            self.lost.insert((from, to), None);
            return Ok(());
        }
        let Some(lost) = self.lost.get_mut(&(from, to)) else { return Ok(()) };
        let lasted = now.since(*lost.get_or_insert(now));
        self.longest = self.longest.max(lasted);
        if lasted > LOST { Err(Difference::Lost { from, to, lasted }) } else { Ok(()) }
    }

    /// Who was known, has left and is known to nobody stays gone. Its last word, that it left, may come back: it counts nowhere.
    fn bury(&mut self, scenario: &Scenario, honest: &[Member<'_>]) -> Result<(), Difference> {
        let left = (0..scenario.nodes()).filter(|node| scenario.leaves(*node));
        for gone in left.filter_map(|node| self.ids.get(&node).copied()) {
            let mut known =
                honest.iter().filter_map(|(node, member)| Some((*node, member.database().get(gone)?)));
            if self.buried.contains(&gone) {
                if let Some((node, _)) = known.find(|(_, entry)| !entry.has_left()) {
                    return Err(Difference::Risen { node, gone });
                }
            } else if known.next().is_some() {
                self.known.insert(gone);
            } else if self.known.contains(&gone) {
                self.buried.insert(gone);
            }
        }
        Ok(())
    }
}
