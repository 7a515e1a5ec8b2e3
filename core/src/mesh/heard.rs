//! What peers say, and what it leads to.

use alloc::vec::Vec;

use super::interface::{Event, Refusal, Way};
use super::machine::Mesh;
use super::native::Word;
use super::peer::peer_mut;
use super::wire::{self, Frame, Kind as FrameKind, Message, Stamp, TextKind, Value};
use crate::kernel::{Class, ConnId};

/// What peers say.
impl Mesh {
    pub(super) fn heard_of_peer(&mut self, conn: ConnId, frame: &Frame) {
        if frame.kind() == FrameKind::Broadcast && !self.is_news(conn, frame) {
            return;
        }
        match Message::read(frame) {
            Ok(message) => {
                if frame.kind() == FrameKind::Broadcast {
                    self.pass_on(conn, frame);
                }
                self.heard_message(conn, frame, message);
            }
            // Who passes on what its neighbours cannot read loses its neighbours.
            Err(_) => self.counters.ignored += 1,
        }
    }

    fn heard_message(&mut self, conn: ConnId, frame: &Frame, message: Message) {
        match message {
            Message::Broadcast(values) | Message::Whisper(values) => self.told(conn, frame, values),
            Message::Handshake(handshake) => self.heard_handshake(conn, &handshake),
            Message::Peers(rows) => self.heard_peers(&rows),
            Message::PeersRequest(_) => self.answer(conn, Mesh::say_peers),
            Message::AddressRequest { request, wanted } => {
                self.answer(conn, |node, conn| node.say_address(conn, request, &wanted));
            }
            Message::AddressResponse { request, peer } => self.heard_address(&request, &peer),
            // py2p says so after it could not read something, and waits for the answer; nothing was compressed anyway.
            Message::Compression(_) => {
                self.answer(conn, |node, conn| node.say(conn, &Message::Compression([].into())));
            }
            Message::Native(values) => match Word::read(&values) {
                Some(word) => self.heard_native(conn, word),
                None => self.told_other(conn, frame),
            },
            // What py2p answers is another message than the one that was asked for.
            Message::Resend => self.counters.ignored += 1,
            _ => self.told_other(conn, frame),
        }
    }

    fn told(&mut self, conn: ConnId, frame: &Frame, values: Vec<Value>) {
        let Some(by) = peer_mut(&mut self.conns, conn).map(|peer| peer.id) else { return };
        let way = way(frame);
        self.counters.whispers += u64::from(way == Way::Whisper);
        let Stamp { sender, time: sent } = frame.stamp();
        self.out.event(Event::Message { sender: sender.octets().clone(), by, way, sent: *sent, values });
    }

    fn told_other(&mut self, conn: ConnId, frame: &Frame) {
        let Some(by) = peer_mut(&mut self.conns, conn).map(|peer| peer.id) else { return };
        self.out.event(Event::Other { conn, by, frame: frame.clone() });
    }

    /// Does what a peer asks for, as often as it may ask.
    fn answer(&mut self, conn: ConnId, how: impl FnOnce(&mut Self, ConnId)) {
        let now = self.deadlines.now();
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        if peer.answers.take(now) {
            how(self, conn);
        } else {
            self.counters.excess += 1;
        }
    }
}

/// What this node says.
impl Mesh {
    /// Says something to whoever is at the other end, in its turn.
    pub(super) fn say(&mut self, conn: ConnId, message: &Message) {
        let Some(open) = self.conns.get(conn) else { return };
        let kind = open.state.greeted.unwrap_or(TextKind::Bin);
        if let Ok(frame) = message.frame(wire::Way::Link, self.stamp(kind)) {
            self.send(conn, Class::Control, frame.whole().clone());
        }
    }

    /// Who says something, and when: a node that nobody has told the time says that it is 1970.
    pub(super) fn stamp(&self, kind: TextKind) -> Stamp {
        let time = self.clock.seconds(self.deadlines.now()).unwrap_or(0);
        let sender = self.name.of_kind(kind).unwrap_or_else(|_| unreachable!("its digits are UTF-8"));
        Stamp { sender, time }
    }

    pub(super) fn frame(&self, message: &Message, way: wire::Way) -> Result<Frame, Refusal> {
        message.frame(way, self.stamp(TextKind::Bin)).map_err(|_| Refusal::TooLong)
    }
}

const fn way(frame: &Frame) -> Way {
    if matches!(frame.kind(), FrameKind::Broadcast) { Way::Broadcast } else { Way::Whisper }
}
