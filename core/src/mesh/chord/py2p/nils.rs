//! Where nil was said that may not have been answered for.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::kernel::Time;
use crate::mesh::chord::Place;
use crate::mesh::wire::NodeId;

/// Of more than so many, those are forgotten that may be.
const MANY: usize = 1_024;

/// Places at nodes of py2p where something was deleted a moment ago. What they say then may have been said before, so that
/// nil is not said once more: where nothing is it ends the connection.
#[derive(Debug, Default)]
pub(super) struct Nils {
    said: BTreeMap<(NodeId, Place), Time>,
}

impl Nils {
    /// Whether nil may be said; then it is, and for so long not again.
    pub(super) fn may_say(&mut self, peer: NodeId, place: Place, now: Time, pause: Duration) -> bool {
        if self.said.len() >= MANY {
            self.said.retain(|_, at| now.since(*at) < pause);
        }
        let is_over = self.said.get(&(peer, place)).is_none_or(|at| now.since(*at) >= pause);
        if is_over {
            self.said.insert((peer, place), now);
        }
        is_over
    }

    /// Something was stored there, or is known not to be there: what comes next is new.
    pub(super) fn forget(&mut self, peer: NodeId, place: Place) {
        self.said.remove(&(peer, place));
    }
}
