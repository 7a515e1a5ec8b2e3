//! Ways that lose full-size packets: nobody is chosen over one before a full-size probe is answered.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::names::{NodeId, Token};
use super::wire::Pong;
use crate::kernel::Time;

/// A full-size probe is sent this often; the first so long after the way was found narrow.
const EVERY: Duration = Duration::from_secs(60);
/// Ways that are remembered; of more, the one that was found first is forgotten.
const WAYS: usize = 1_024;

#[derive(Clone, Copy, Debug)]
struct Way {
    found: Time,
    next: Time,
    /// Where datagrams went when they got lost.
    at: SocketAddr,
    /// What an answer to the last full-size probe has to repeat.
    asked: Option<Token>,
}

/// The nodes to whom full-size packets get lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrow {
    ways: BTreeMap<NodeId, Way>,
}

impl Narrow {
    /// Full-size packets to a node at this address get lost.
    pub(super) fn found(&mut self, now: Time, id: NodeId, at: SocketAddr) {
        self.ways.insert(id, Way { found: now, next: now + EVERY, at, asked: None });
        if self.ways.len() > WAYS {
            let first = self.ways.iter().min_by_key(|(_, way)| way.found).map(|(id, _)| *id);
            first.and_then(|id| self.ways.remove(&id));
        }
    }

    /// Whether full-size packets to a node got lost, and none came through since.
    pub(super) fn has(&self, id: NodeId) -> bool {
        self.ways.contains_key(&id)
    }

    /// Who is to be sent a full-size probe now, and where datagrams went.
    pub(super) fn due(&mut self, now: Time) -> Vec<(NodeId, SocketAddr)> {
        let due = self.ways.iter_mut().filter(|(_, way)| way.next <= now);
        due.map(|(id, way)| {
            way.next = now + EVERY;
            (*id, way.at)
        })
        .collect()
    }

    /// A full-size probe goes to a node.
    pub(super) fn asked(&mut self, id: NodeId, token: Token) {
        if let Some(way) = self.ways.get_mut(&id) {
            way.asked = Some(token);
        }
    }

    /// Whether this is a node's own answer to the last full-size probe: the way to it is wide again.
    pub(super) fn answered(&mut self, pong: &Pong) -> bool {
        let wide = self.ways.get(&pong.id).is_some_and(|way| way.asked == Some(pong.token));
        if wide {
            self.ways.remove(&pong.id);
        }
        wide
    }

    /// A node is gone, and what was known of the way to it.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.ways.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 1);

    #[test]
    fn only_its_own_answer_to_the_last_probe_makes_a_way_wide() {
        let (mut narrow, id) = (Narrow::default(), NodeId(7));
        let answered = |narrow: &mut Narrow, id, token| narrow.answered(&Pong { id, token: Token(token) });
        narrow.found(Time::ZERO, id, AT);
        assert_eq!(narrow.due(Time::from_millis(59_999)), []);
        for (minute, token) in [(1, 1), (2, 2)] {
            assert_eq!(narrow.due(Time::from_secs(60 * minute)), [(id, AT)]);
            assert_eq!(narrow.due(Time::from_secs(60 * minute + 59)), [], "once a minute");
            narrow.asked(id, Token(token));
        }
        for (who, token) in [(NodeId(8), 2), (id, 1), (id, 3)] {
            assert!(!answered(&mut narrow, who, token) && narrow.has(id));
        }
        assert!(answered(&mut narrow, id, 2) && !narrow.has(id));
        assert!(!answered(&mut narrow, id, 2), "it is wide already");
    }

    #[test]
    fn of_more_ways_than_are_remembered_the_first_is_forgotten() {
        let mut narrow = Narrow::default();
        for id in 0..=WAYS {
            let found = Time::from_secs(if id == 7 { 0 } else { 1 });
            narrow.found(found, NodeId(id as u128), AT);
        }
        assert!(narrow.ways.len() == WAYS && !narrow.has(NodeId(7)));
    }
}
