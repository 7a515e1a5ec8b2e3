//! Connections that have not said yet what they are.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::IpAddr;

use crate::kernel::ConnId;

/// Strangers in the order in which they came, counted by host: with each one above the bound another has to be found that
/// goes, and a flood of them is no time to count.
#[derive(Clone, Debug, Default)]
pub(super) struct Strangers {
    queue: VecDeque<(ConnId, IpAddr)>,
    crowds: BTreeMap<IpAddr, usize>,
}

impl Strangers {
    pub(super) fn push(&mut self, conn: ConnId, host: IpAddr) {
        self.queue.push_back((conn, host));
        *self.crowds.entry(host).or_default() += 1;
    }

    /// It has said what it is, or is gone.
    pub(super) fn remove(&mut self, conn: ConnId) {
        let at = self.queue.iter().position(|(stranger, _)| *stranger == conn);
        let Some((_, host)) = at.and_then(|at| self.queue.remove(at)) else { return };
        if let Some(crowd) = self.crowds.get_mut(&host) {
            *crowd -= 1;
            if *crowd == 0 {
                self.crowds.remove(&host);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn conns(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.queue.iter().map(|(conn, _)| *conn)
    }

    /// The oldest stranger of the host that most strangers come from: one host that opens connections and says nothing
    /// takes the place of no other's.
    pub(super) fn crowding(&self) -> Option<ConnId> {
        let most = self.crowds.values().max()?;
        self.queue.iter().find(|(_, host)| self.crowds.get(host) == Some(most)).map(|(conn, _)| *conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_oldest_of_the_largest_crowd_is_found(steps in prop::collection::vec((any::<bool>(), 0u8..4, 0u64..40), 0..80)) {
            let (mut strangers, mut model) = (Strangers::default(), Vec::new());
            for (number, (comes, host, goes)) in (0u64..).zip(steps) {
                if comes {
                    strangers.push(ConnId(number), IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)));
                    model.push((ConnId(number), host));
                } else {
                    strangers.remove(ConnId(goes));
                    model.retain(|(conn, _)| *conn != ConnId(goes));
                }
                let crowd = |host: u8| model.iter().filter(|(_, other)| *other == host).count();
                let oldest = model.iter().rev().max_by_key(|(_, host)| crowd(*host));
                prop_assert_eq!(strangers.crowding(), oldest.map(|(conn, _)| *conn));
                prop_assert_eq!(strangers.len(), model.len());
            }
        }
    }
}
