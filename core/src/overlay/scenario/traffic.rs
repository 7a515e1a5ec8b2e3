//! Payloads among the nodes of a scenario: a few at any time, and in the end one on every way.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::Scenario;
use super::ledger::Ledger;
use crate::kernel::Time;
use crate::overlay::event::{Command, Event, Reply};
use crate::overlay::experiment::Member;
use crate::overlay::machine::Overlay;
use crate::overlay::names::NodeId;
use crate::overlay::oracle::Difference;
use crate::overlay::wire::Way;
use crate::sim::World;

/// Time for payloads to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
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
    pub(super) fn chatter(&self, world: &mut World<Member>, ledger: &mut Ledger) {
        let running = (0..self.nodes()).filter_map(|node| Some((node, world.machine(node)?.node()?.id()?)));
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
    pub(super) fn deliver(&self, world: &mut World<Member>) -> Result<(), Difference> {
        let mut missing = routed(&self.members(world));
        let ids: BTreeMap<NodeId, usize> =
            numbered(&self.members(world)).map(|(node, id)| (id, node)).collect();
        for _ in 0..ATTEMPTS {
            for &(from, to, id) in &missing {
                let payload = last(from, to);
                let way = WAYS[(from + to) / 2 % WAYS.len()];
                let _ = world.command(from, Command::Send { to: id, payload, way });
            }
            let until: Time = world.now() + ARRIVAL;
            world.run_until(until, |_, to, event| {
                if let Event::Delivered { from: id, payload } = event
                    && let Some(from) = ids.get(&id)
                    && payload == last(*from, to)
                {
                    missing.retain(|(f, t, _)| (*f, *t) != (*from, to));
                }
            });
            if missing.is_empty() {
                break;
            }
        }
        missing.first().map_or(Ok(()), |&(from, to, _)| Err(Difference::Undelivered { from, to }))
    }
}

/// The payload from one node to another.
fn last(from: usize, to: usize) -> Bytes {
    let mut payload = vec![LAST; LENGTHS[(from + to) % LENGTHS.len()]];
    payload[..16].copy_from_slice(&((from as u128) << 64 | to as u128).to_be_bytes());
    payload.into()
}

/// Members by number, with their ids.
fn numbered<'a>(members: &'a [(usize, &Overlay)]) -> impl Iterator<Item = (usize, NodeId)> + 'a {
    members.iter().filter_map(|(node, member)| Some((*node, member.id()?)))
}

/// From which member to which other, under which id, a route leads.
fn routed(members: &[(usize, &Overlay)]) -> BTreeSet<(usize, usize, NodeId)> {
    let mut pairs = BTreeSet::new();
    for (from, member) in members {
        let ways: BTreeSet<NodeId> =
            member.routes().iter().filter(|route| route.next_hop.is_some()).map(|route| route.id).collect();
        pairs.extend(numbered(members).filter(|(_, id)| ways.contains(id)).map(|(to, id)| (*from, to, id)));
    }
    pairs
}
