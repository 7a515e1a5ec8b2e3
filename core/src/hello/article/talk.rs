//! What a node of this dialect says, and when.

use alloc::format;
use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::super::interface::PeerInfo;
use super::super::message::{Malformed, Message, NodeId, Row};
use super::super::talk::{self, Again, Pings};
use super::wire;
use crate::kernel::{ConnId, Rng, Streams};

/// A node's side of every conversation.
#[derive(Debug)]
pub(in super::super) struct Talk {
    id: NodeId,
    address: Option<SocketAddr>,
    max_rows: usize,
}

impl Talk {
    pub(in super::super) fn new(streams: &Streams, address: Option<SocketAddr>, max_rows: usize) -> Self {
        Talk { id: uuid4(&mut streams.named("hello id")), address, max_rows }
    }
}

/// A fresh uuid4 (RFC 9562).
fn uuid4(rng: &mut Rng) -> NodeId {
    let bits = rng.u128() & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    NodeId::new(&parts.join("-")).expect("36 digits and dashes")
}

impl talk::Talk for Talk {
    fn id(&self) -> &NodeId {
        &self.id
    }

    fn read(&self, line: &[u8]) -> Result<Message, Malformed> {
        wire::read(line)
    }

    fn hello(&mut self) -> Bytes {
        wire::write(&Message::Hello { id: self.id.clone() })
    }

    fn ping(&mut self) -> Bytes {
        wire::write(&Message::Ping)
    }

    fn pong(&mut self) -> Bytes {
        wire::write(&Message::Pong)
    }

    fn pings(&self, _: bool) -> Pings {
        Pings::AtOnce
    }

    /// Where this node listens, and getaddr.
    fn introduction(&mut self, _: ConnId, _: bool, _: &[&PeerInfo]) -> Vec<Bytes> {
        let mine = self.address.map(|addr| Row { addr, id: Some(self.id.clone()) });
        let mine = mine.map(|row| wire::write(&Message::Addr { peers: [row].into() }));
        mine.into_iter().chain([wire::write(&Message::GetAddr)]).collect()
    }

    /// Every other peer that owes no pong for long and listens somewhere.
    fn whom_i_know(&mut self, asker: ConnId, peers: &[&PeerInfo]) -> Option<Bytes> {
        let others = peers.iter().filter(|peer| peer.conn != asker && !peer.late);
        let peers = others
            .filter_map(|peer| Some(Row { addr: peer.address?, id: Some(peer.id.clone()) }))
            .take(self.max_rows)
            .collect();
        Some(wire::write(&Message::Addr { peers }))
    }

    /// Both ends come to the same.
    fn again(&self, old: &PeerInfo, new_is_dialed: bool) -> Again {
        let crossed = old.dialed != new_is_dialed;
        if old.late || crossed && new_is_dialed == (self.id < old.id) { Again::New } else { Again::Old }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Seed;

    #[test]
    fn ids_are_uuid4() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("t");
        for _ in 0..100 {
            let id = uuid4(&mut rng);
            let text = id.as_str();
            assert_eq!(text.len(), 36);
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
            assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        }
    }
}
