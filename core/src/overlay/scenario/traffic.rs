//! Payloads among the nodes of a scenario: a few at any time, and in the end one on every way.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::Scenario;
use super::ledger::Ledger;
use super::watch::Watch;
use crate::kernel::Time;
use crate::overlay::event::{Command, Event, Reply};
use crate::overlay::machine::Overlay;
use crate::overlay::names::NodeId;
use crate::overlay::oracle::Difference;
use crate::overlay::wire::Way;
use crate::sim::World;
use crate::sim::scenario::Watch as _;

/// Time for payloads to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// How often they are sent on ways to and from one who has moved.
const AGAIN: Duration = Duration::from_millis(250);
/// How often it is looked whether all have arrived.
const SEEN: Duration = Duration::from_millis(50);
/// Ways change while payloads are on them: each is sent so often at the most.
const ATTEMPTS: usize = 3;
/// Octets of a payload that fits into a datagram, and of one that does not.
const LENGTHS: [usize; 2] = [16, 1_500];
/// ... which is asked for in turn.
const WAYS: [Way; 2] = [Way::Datagram, Way::Link];
/// What payloads are filled with while things go wrong, and in the end.
const EARLY: u8 = 1;
const LAST: u8 = 2;

impl Scenario {
    /// Each overlay node that runs sends to one that runs, another one each second.
    pub(super) fn chatter(&self, world: &mut World<Overlay>, ledger: &mut Ledger) {
        let running = (0..self.nodes()).filter_map(|node| Some((node, world.machine(node)?.id()?)));
        let running: Vec<(usize, NodeId)> = running.collect();
        let second = usize::try_from(world.now().as_micros() / 1_000_000).unwrap_or(0);
        for (place, (node, _)) in running.iter().enumerate() {
            let (other, to) = running[(place + second) % running.len()];
            let (octets, way) = (LENGTHS[second % LENGTHS.len()], WAYS[second / 2 % WAYS.len()]);
            let payload = match way {
                Way::Link => ledger.payload(octets),
                Way::Datagram => Bytes::from(vec![EARLY; octets]),
            };
            // Refusals are answers as good as any while things go wrong.
            if let Some(Ok(Reply::Sent(number))) = world.command(*node, Command::Send { to, payload, way })
                && way == Way::Link
            {
                ledger.sent(world.now(), *node, other, number);
            }
        }
    }

    /// Has each member send to each other that it has a route to, until all has arrived.
    ///
    /// # Errors
    /// A pair of members between which nothing arrives.
    pub(super) fn deliver(&self, world: &mut World<Overlay>, watch: &mut Watch) -> Result<(), Difference> {
        let listed: BTreeSet<Pair> = self.ways(world).filter(|way| way.listed).collect();
        for (rest, length) in LENGTHS.into_iter().enumerate() {
            let some = listed.iter().filter(|way| (way.from + way.to) % LENGTHS.len() == rest).copied();
            self.arrive(world, watch, some.collect(), length)?;
        }
        Ok(())
    }

    /// Has a payload of so many octets go each of these ways, until all have arrived.
    ///
    /// # Errors
    /// A pair of members between which nothing arrives.
    pub(super) fn arrive(
        &self,
        world: &mut World<Overlay>,
        watch: &mut Watch,
        mut missing: BTreeSet<Pair>,
        length: usize,
    ) -> Result<(), Difference> {
        for _ in 0..ATTEMPTS {
            let until = world.now() + ARRIVAL;
            self.send(world, &missing, length);
            while !missing.is_empty() && world.now() < until {
                let step = until.min(world.now() + SEEN);
                self.collect(world, watch, step, &mut missing, length);
            }
        }
        missing.first().map_or(Ok(()), |way| Err(Difference::Undelivered { from: way.from, to: way.to }))
    }

    /// For so long, nobody lists a way to `node`, or `node` one to anybody, on which nothing arrives for `patience`.
    ///
    /// # Errors
    /// A way that is listed whatever gets lost on it.
    pub(super) fn answers_for(
        &self,
        world: &mut World<Overlay>,
        watch: &mut Watch,
        node: usize,
        [time, patience]: [Duration; 2],
    ) -> Result<(), Difference> {
        let end = world.now() + time;
        let mut mute: BTreeMap<Pair, Time> = BTreeMap::new();
        while world.now() < end {
            let now = world.now();
            let second = usize::try_from(now.as_micros() / 1_000_000).unwrap_or(0);
            let length = LENGTHS[second % LENGTHS.len()];
            let listed = self.ways(world).filter(|way| way.listed && [way.from, way.to].contains(&node));
            mute = listed.map(|way| (way, mute.get(&way).copied().unwrap_or(now))).collect();
            if let Some((way, _)) = mute.iter().find(|(_, since)| now.since(**since) >= patience) {
                return Err(Difference::Undelivered { from: way.from, to: way.to });
            }
            let mut missing = mute.keys().copied().collect();
            self.send(world, &missing, length);
            self.collect(world, watch, now + AGAIN, &mut missing, length);
            mute.retain(|way, _| missing.contains(way));
            watch.look(self, world)?;
        }
        Ok(())
    }

    /// Has a payload of so many octets go each of these ways.
    fn send(&self, world: &mut World<Overlay>, ways: &BTreeSet<Pair>, length: usize) {
        for way in ways {
            let payload = last(way.from, way.to, length);
            let sent = Command::Send { to: way.id, payload, way: WAYS[(way.from + way.to) / 2 % WAYS.len()] };
            let _ = world.command(way.from, sent);
        }
    }

    /// Lets time pass, and strikes out the ways on which a payload of so many octets arrives.
    fn collect(
        &self,
        world: &mut World<Overlay>,
        watch: &mut Watch,
        until: Time,
        missing: &mut BTreeSet<Pair>,
        length: usize,
    ) {
        let members = self.members(world);
        let ids: BTreeMap<NodeId, usize> =
            members.iter().filter_map(|(node, member)| Some((member.id()?, *node))).collect();
        world.run_until(until, |at, to, event| {
            watch.hear(at, to, &event);
            if let Event::Delivered { from: id, payload } = event
                && let Some(from) = ids.get(&id)
                && payload == last(*from, to, length)
            {
                missing.retain(|way| (way.from, way.to) != (*from, to));
            }
        });
    }

    /// From each member to each other, and whether a route leads there.
    pub(super) fn ways(&self, world: &World<Overlay>) -> impl Iterator<Item = Pair> + use<> {
        let members = self.members(world);
        let ids: Vec<(usize, NodeId)> =
            members.iter().filter_map(|(node, member)| Some((*node, member.id()?))).collect();
        let mut ways = Vec::new();
        for (from, member) in &members {
            let routes = member.routes();
            let routed: BTreeSet<NodeId> =
                routes.iter().filter(|route| route.next_hop.is_some()).map(|route| route.id).collect();
            let others = ids.iter().filter(|(to, _)| to != from);
            ways.extend(others.map(|&(to, id)| Pair { from: *from, to, id, listed: routed.contains(&id) }));
        }
        ways.into_iter()
    }
}

/// A way from one member to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Of the second.
    pub(super) id: NodeId,
    /// Whether the first has a route.
    pub(super) listed: bool,
}

/// The payload from one node to another.
fn last(from: usize, to: usize, length: usize) -> Bytes {
    let mut payload = vec![LAST; length];
    payload[..16].copy_from_slice(&((from as u128) << 64 | to as u128).to_be_bytes());
    payload.into()
}
