//! What goes to everybody.

use alloc::vec::Vec;
use core::time::Duration;

use super::flood::Verdict;
use super::interface::{Event, Refusal, Reply};
use super::machine::Mesh;
use super::peer::{Due, ids, links, peer_mut, peers};
use super::wire::{self, Frame, Message, NodeId, Value};
use crate::kernel::{Class, ConnId, Outbox};

/// A peer that has taken nothing for so long is not waited for.
const STALLED: Duration = Duration::from_secs(1);

impl Mesh {
    pub(super) fn broadcast(&mut self, values: Vec<Value>) -> Result<Reply, Refusal> {
        let (now, seconds) = (self.deadlines.now(), self.clock.seconds(self.deadlines.now()));
        let sent = seconds.ok_or(Refusal::NoClock)?;
        if self.holds_up(Outbox::is_crowded) {
            self.owes_room = true;
            self.deadlines.after(Due::Room, STALLED);
            return Err(Refusal::Busy);
        }
        let frame = self.frame(&Message::Broadcast(values), wire::Way::Flood)?;
        if self.flood.take(now, seconds, sent, frame.id()) != Verdict::News {
            return Err(Refusal::SaidAlready);
        }
        self.counters.said += 1;
        let all = links(&self.conns);
        for conn in all {
            self.send(conn, Class::Bulk, frame.whole().clone());
        }
        Ok(Reply::Sent { peers: ids(&self.conns).count() })
    }

    /// Tells everybody what is not a user's. What was said within this second is not said again.
    #[cfg(feature = "chord")]
    pub(super) fn say_to_all(&mut self, message: &Message) {
        let (now, Some(seconds)) = (self.deadlines.now(), self.clock.seconds(self.deadlines.now())) else {
            return;
        };
        let Ok(frame) = self.frame(message, wire::Way::Flood) else { return };
        if self.flood.take(now, Some(seconds), seconds, frame.id()) != Verdict::News {
            return;
        }
        for conn in links(&self.conns) {
            self.send(conn, Class::Bulk, frame.whole().clone());
        }
    }

    pub(super) fn is_news(&mut self, conn: ConnId, frame: &Frame) -> bool {
        let now = self.deadlines.now();
        let verdict = self.flood.take(now, self.clock.seconds(now), frame.stamp().time, frame.id());
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return false };
        let (own, all) = match verdict {
            Verdict::News => (&mut peer.first, &mut self.counters.heard),
            Verdict::Known => (&mut peer.again, &mut self.counters.duplicates),
            Verdict::Old => (&mut peer.again, &mut self.counters.old),
            Verdict::Ahead => (&mut peer.again, &mut self.counters.ahead),
        };
        *own += 1;
        *all += 1;
        verdict == Verdict::News
    }

    /// Sends a broadcast, octet by octet as it came, to all but where it came from and where it began.
    pub(super) fn pass_on(&mut self, from: ConnId, frame: &Frame) {
        let Some(by) = peer_mut(&mut self.conns, from).map(|peer| peer.id) else { return };
        let began = NodeId::read(frame.stamp().sender.octets()).ok();
        let others = peers(&self.conns).filter(|(_, peer)| peer.id != by && Some(peer.id) != began);
        for conn in others.map(|(conn, _)| conn).collect::<Vec<_>>() {
            self.send(conn, Class::Bulk, frame.whole().clone());
        }
    }

    /// Whether a peer that takes what it is sent has so much waiting.
    fn holds_up(&self, is_much: impl Fn(&Outbox) -> bool) -> bool {
        let now = self.deadlines.now();
        let mut takers = peers(&self.conns).filter(|(_, peer)| now.since(peer.moved) < STALLED);
        takers.any(|(conn, _)| self.conns.outbox(conn).is_some_and(&is_much))
    }

    /// Tells who was told that there is no room when there is.
    pub(super) fn look_for_room(&mut self) {
        if !self.owes_room {
            return;
        }
        if self.holds_up(|outbox| !outbox.is_roomy()) {
            return self.deadlines.set_earlier(Due::Room, self.deadlines.now() + STALLED);
        }
        self.owes_room = false;
        self.deadlines.cancel(Due::Room);
        self.out.event(Event::Room);
    }
}
