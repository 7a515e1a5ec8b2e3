//! Payloads among the honest once the liar is gone.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use bytes::Bytes;

use super::{Command, Difference, Event, Neighbor, Scenario};
use crate::overlay::event;
use crate::overlay::names::NodeId;
use crate::overlay::wire::Way;
use crate::sim::World;

/// Time for payloads to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Ways change while payloads are on them: each is sent so often at the most.
const ATTEMPTS: usize = 3;
const PAYLOAD: &[u8] = b"once the liar is gone";

impl Scenario {
    /// Has each honest node send to each other, until all has arrived.
    ///
    /// # Errors
    /// A pair between which nothing arrives.
    pub(super) fn deliver(&self, world: &mut World<Neighbor>) -> Result<(), Difference> {
        let ids: BTreeMap<NodeId, usize> =
            self.honest(world).iter().filter_map(|(node, member)| Some((member.id()?, *node))).collect();
        let all = ids.values().flat_map(|from| ids.values().map(move |to| (*from, *to)));
        let mut missing: BTreeSet<(usize, usize)> = all.filter(|(from, to)| from != to).collect();
        for _ in 0..ATTEMPTS {
            for (id, to) in &ids {
                missing.iter().filter(|way| way.1 == *to).for_each(|way| send(world, way.0, *id));
            }
            world.run_until(world.now() + ARRIVAL, |_, to, event| {
                if let Event::Honest(event::Event::Delivered { from, payload }) = event
                    && payload == PAYLOAD
                    && let Some(from) = ids.get(&from)
                {
                    missing.remove(&(*from, to));
                }
            });
        }
        missing.first().map_or(Ok(()), |&(from, to)| Err(Difference::Undelivered { from, to }))
    }
}

fn send(world: &mut World<Neighbor>, from: usize, to: NodeId) {
    let payload = Bytes::from_static(PAYLOAD);
    let way = if to.0.is_multiple_of(2) { Way::Link } else { Way::Datagram };
    let _ = world.command(from, Command::Honest(event::Command::Send { to, payload, way }));
}
