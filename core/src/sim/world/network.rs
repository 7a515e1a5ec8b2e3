//! What is wrong with the network.

use alloc::vec::Vec;
use core::time::Duration;

use super::super::abode::Sockets;
use super::super::slab::Key;
use super::super::tally::Kind;
use super::super::tcp::{End, EndState, Segment, Side};
use super::super::weather::Bursts;
use super::{Condition, Event, World};
use crate::kernel::{Machine, Time};

/// Faults of the network.
impl<M: Machine> World<M> {
    /// Cuts the way from one node to another, in this direction only.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.net.set_cut(from, to, true);
    }

    /// Datagrams alone vanish on the way from one node to another, in this direction only; connections do not notice.
    pub fn block_datagrams(&mut self, from: usize, to: usize) {
        self.net.set_blocked(from, to, true);
    }

    /// What is longer than so many octets vanishes on the way from one node to another, in this direction only, as where a
    /// tunnel has a smaller packet size and nobody says so. Datagrams are lost; a connection sends what is too long again
    /// and again, and what it has to send after that waits behind it, until the way is healed or the host gives up after
    /// [`Config::patience`]. Segments are not joined: each frame is one.
    ///
    /// [`Config::patience`]: super::Config::patience
    pub fn narrow(&mut self, from: usize, to: usize, octets: usize) {
        self.net.set_narrow(from, to, Some(octets));
    }

    /// Cuts the way from one node to another, in this direction only, until it is resumed or healed.
    pub fn interrupt(&mut self, from: usize, to: usize) {
        self.net.set_interrupted(from, to, true);
    }

    /// Ends what [`interrupt`](World::interrupt) began, and nothing else that stands on a way; what connections held goes now,
    /// as far as it passes.
    pub fn resume(&mut self, from: usize, to: usize) {
        self.net.set_interrupted(from, to, false);
        self.release_held(from, to);
    }

    /// Ends the cut of a way, and whatever else swallows packets there; what connections held goes now.
    pub fn heal(&mut self, from: usize, to: usize) {
        self.net.set_cut(from, to, false);
        self.net.set_interrupted(from, to, false);
        self.net.set_blocked(from, to, false);
        self.net.set_narrow(from, to, None);
        self.release_held(from, to);
    }

    /// Heals all ways.
    pub fn heal_all(&mut self) {
        for (from, to) in self.net.holes().collect::<Vec<_>>() {
            self.heal(from, to);
        }
    }

    /// From now on a translator stands before a node: its datagrams and the connections that it dials come from an address
    /// that is not its name's, its datagrams from a port that is not its own; it shows the first 1,000. Answers that go there
    /// reach it, and so does what is sent to its name. One that stands there already begins anew: it shows datagrams at
    /// ports other than before, and what the node had dialled is mute, as after [`sever`](World::sever).
    pub fn translate(&mut self, node: usize) {
        let anew = self.net.abodes.is_translated(node);
        self.net.abodes.translate(node);
        if anew {
            self.forget_connections(|[dialler, _]| dialler == node);
        }
    }

    /// From now on no translator stands before a node.
    pub fn translate_no_more(&mut self, node: usize) {
        self.net.abodes.translate_no_more(node);
    }

    /// A node's address changes under it, as when a laptop comes into another network: the one of its name is nobody's, and
    /// its connections are mute, as after [`sever`](World::sever). What it dials it dials from the new one.
    pub fn move_away(&mut self, node: usize, sockets: Sockets) {
        self.net.abodes.set_moved(node, Some(sockets));
        self.forget_connections(|ends| ends.contains(&node));
    }

    /// A node that had moved has the address of its name again; what it has dialled from elsewhere is mute.
    pub fn come_home(&mut self, node: usize) {
        if self.net.abodes.is_moved(node) {
            self.net.abodes.set_moved(node, None);
            self.forget_connections(|ends| ends.contains(&node));
        }
    }

    /// Whether the way from one node to another is cut.
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.net.is_cut(from, to)
    }

    /// From now on so many datagrams in a million are lost.
    pub fn set_loss(&mut self, per_million: u32) {
        self.net.set_loss(per_million);
    }

    /// From now on so many datagrams in a million are lost on the way from one node to another; `None` for as many as
    /// everywhere.
    pub fn set_link_loss(&mut self, from: usize, to: usize, per_million: Option<u32>) {
        self.net.set_link_loss(from, to, per_million);
    }

    /// [Interrupts](World::interrupt) all ways between the nodes of a set and the others, both ways.
    pub fn partition(&mut self, island: impl Fn(usize) -> bool) {
        let runs = |node: &usize| self.nodes[*node].condition == Condition::Running;
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|node| island(*node));
        if inside.iter().any(runs) && outside.iter().any(runs) {
            self.tally.count(Kind::Partition);
        }
        for (a, b) in inside.iter().flat_map(|a| outside.iter().map(move |b| (*a, *b))) {
            self.interrupt(a, b);
            self.interrupt(b, a);
        }
    }

    /// From now on datagrams are lost in bursts as well, or no more.
    pub fn set_bursts(&mut self, bursts: Option<Bursts>) {
        self.net.weather().set_bursts(bursts);
    }

    /// From now on so many datagrams in a million come twice.
    pub fn set_duplicates(&mut self, per_million: u32) {
        self.net.weather().copies_per_million = per_million;
    }

    /// From now on so many datagrams in a million take longer, by anything up to `by`, so that later ones overtake them.
    pub fn set_reordering(&mut self, per_million: u32, by: Duration) {
        let weather = self.net.weather();
        (weather.late_per_million, weather.late_by) = (per_million, by);
    }

    /// Datagrams are neither lost at random any more, nor copied or held back. Losses set for single ways stay.
    pub fn clear_weather(&mut self) {
        self.net.set_loss(0);
        self.net.clear_weather();
    }

    /// The network forgets all connections between two nodes, as a middlebox that starts anew: what either end sends
    /// over them vanishes, and no end is told. A host that has sent in vain gives up after [`Config::patience`]; one
    /// that says nothing believes in the connection for ever. Connections made later are not touched.
    ///
    /// [`Config::patience`]: super::Config::patience
    pub fn sever(&mut self, a: usize, b: usize) {
        self.forget_connections(|ends| ends == [a, b] || ends == [b, a]);
    }

    fn forget_connections(&mut self, which: impl Fn([usize; 2]) -> bool) {
        for key in self.conns.keys() {
            let Some(c) = self.conns.get_mut(key) else { continue };
            c.severed |= which(Side::BOTH.map(|side| c.node(side)));
        }
    }

    /// A segment does not get through: its host gives up in the end.
    pub(super) fn stall(&mut self, key: Key, side: Side) {
        let (now, patience) = (self.now, self.config.patience);
        let Some(c) = self.conns.get_mut(key) else { return };
        let end = c.end_mut(side);
        if end.stalled.is_none() {
            end.stalled = Some(now);
            self.at(now + patience, Event::GiveUp { conn: key, side });
        }
    }

    /// Something was sent over a connection that the network has forgotten.
    pub(super) fn swallow(&mut self, key: Key, from: Side, segment: &Segment) {
        self.tally.count(Kind::HalfOpen);
        let patience = self.config.patience;
        let Some(c) = self.conns.get_mut(key) else { return };
        match segment {
            // Nobody will tell the acceptor's process.
            Segment::Ack | Segment::SynAck => {
                c.end_mut(Side::Acceptor).leave();
                self.forget(key);
            }
            Segment::Data(_) if c.end(from).unanswered.is_none() => {
                c.end_mut(from).unanswered = Some(self.now);
                self.at(self.now + patience, Event::GiveUp { conn: key, side: from });
            }
            _ => {}
        }
    }

    /// A host has waited long enough for an answer.
    pub(super) fn gave_up(&mut self, key: Key, side: Side) {
        let (now, patience) = (self.now, self.config.patience);
        let in_vain = self.conns.get(key).is_some_and(|c| {
            let End { state, stalled, unanswered, .. } = c.end(side);
            let long_ago = |since: &Option<Time>| since.is_some_and(|since| since + patience <= now);
            *state == EndState::Open && (long_ago(stalled) || long_ago(unanswered))
        });
        if in_vain {
            self.ended(key, side, crate::kernel::Closed::Broken);
        }
    }
}
