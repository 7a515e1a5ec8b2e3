//! Connections that their machines have closed: they write what is queued and wait for the peer's end, and their machines
//! count them no more. The loop does.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use egoist_core::kernel::{self, Closed};

use crate::host::Host;
use crate::net::{Net, Token};

/// Connections that are being closed at once. Each may hold 64 KiB that wait to be written.
const MOST: usize = 1_024;
/// ... and the part of the sockets that they may take: as whoever is refused decides how long that goes on, the others are
/// for those whom the machines still want.
const PART: usize = 4;

/// Connections that are being closed, by host, in the order in which they were closed.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    places: BTreeMap<Token, (IpAddr, u64)>,
    hosts: BTreeMap<IpAddr, BTreeMap<u64, Token>>,
    /// The number of the next one.
    next: u64,
}

impl Closing {
    pub(crate) fn push(&mut self, token: Token, address: IpAddr) {
        let (host, number) = (kernel::host(address), self.next);
        self.next += 1;
        self.places.insert(token, (host, number));
        self.hosts.entry(host).or_default().insert(number, token);
    }

    /// A connection has ended, if it was among them.
    pub(crate) fn remove(&mut self, token: Token) {
        let Some((host, number)) = self.places.remove(&token) else { return };
        let Some(crowd) = self.hosts.get_mut(&host) else { return };
        crowd.remove(&number);
        if crowd.is_empty() {
            self.hosts.remove(&host);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The oldest of the host that has most, and of several such hosts the oldest of all: it has had most of its time, and
    /// one host that lets its connections hang takes the time of no other's.
    fn crowding(&self) -> Option<Token> {
        let oldest = self.hosts.values().filter_map(|crowd| Some((crowd.len(), crowd.first_key_value()?)));
        let most = oldest.max_by_key(|(crowd, (number, _))| (*crowd, Reverse(*number)));
        most.map(|(_, (_, token))| *token)
    }
}

impl<N: Net> Host<N> {
    /// Counts a connection that its machine has closed; of more than are allowed one is given up.
    pub(crate) fn count_closing(&mut self, token: Token, host: IpAddr) {
        self.closing.push(token, host);
        if self.closing.len() > MOST.min(self.limits.sockets / PART).max(1) {
            self.give_up_closing();
        }
    }

    /// Whether there is room for so many more sockets, once connections that are being closed were given up for them.
    pub(crate) fn make_room(&mut self, more: usize) -> bool {
        while self.sockets.len() + more > self.limits.sockets {
            if !self.give_up_closing() {
                return false;
            }
        }
        true
    }

    /// Gives up a connection that is being closed, once what it has to say was written as far as the socket takes it at
    /// once; false if there is none.
    fn give_up_closing(&mut self) -> bool {
        let Some(token) = self.closing.crowding() else { return false };
        tracing::debug!(
            conn = token.0,
            closing = self.closing.len(),
            "too many connections are being closed"
        );
        self.flush_connection(token);
        self.finish(token, Closed::ByUs);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    proptest! {
        #[test]
        fn the_oldest_of_the_largest_crowd_is_found(
            steps in prop::collection::vec((any::<bool>(), 0u8..4, 0u64..40), 0..80),
        ) {
            let (mut closing, mut model) = (Closing::default(), Vec::new());
            for (number, (comes, host, goes)) in (0u64..).zip(steps) {
                if comes {
                    closing.push(Token(number), IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)));
                    model.push((Token(number), host));
                } else {
                    closing.remove(Token(goes));
                    model.retain(|(token, _)| *token != Token(goes));
                }
                let crowd = |host: u8| model.iter().filter(|(_, other)| *other == host).count();
                let oldest = model.iter().rev().max_by_key(|(_, host)| crowd(*host));
                prop_assert_eq!(closing.crowding(), oldest.map(|(token, _)| *token));
                prop_assert_eq!(closing.len(), model.len());
            }
        }
    }
}
