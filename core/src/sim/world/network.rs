//! What is wrong with the network.

use alloc::vec::Vec;
use core::time::Duration;

use super::super::slab::Key;
use super::super::tally::Kind;
use super::super::tcp::{EndState, Segment, Side};
use super::super::weather::Bursts;
use super::{Condition, Event, World};
use crate::kernel::Machine;

/// Faults of the network.
impl<M: Machine> World<M> {
    /// Cuts the way from one node to another, in this direction only.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.net.set_cut(from, to, true);
    }

    /// Ends the cut of a way; what connections held goes now.
    pub fn heal(&mut self, from: usize, to: usize) {
        self.net.set_cut(from, to, false);
        self.release_held(from, to);
    }

    /// Ends all cuts.
    pub fn heal_all(&mut self) {
        for (from, to) in self.net.cuts().collect::<Vec<_>>() {
            self.heal(from, to);
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

    /// Cuts all ways between the nodes of a set and the others, both ways.
    pub fn partition(&mut self, island: impl Fn(usize) -> bool) {
        let runs = |node: &usize| self.nodes[*node].condition == Condition::Running;
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|node| island(*node));
        if inside.iter().any(runs) && outside.iter().any(runs) {
            self.tally.count(Kind::Partition);
        }
        for (a, b) in inside.iter().flat_map(|a| outside.iter().map(move |b| (*a, *b))) {
            self.cut(a, b);
            self.cut(b, a);
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
        for key in self.conns.keys() {
            let Some(c) = self.conns.get_mut(key) else { continue };
            let ends = (c.node(Side::Dialler), c.node(Side::Acceptor));
            c.severed |= ends == (a, b) || ends == (b, a);
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
            Segment::Data(_) if !core::mem::replace(&mut c.end_mut(from).unanswered, true) => {
                self.at(self.now + patience, Event::GiveUp { conn: key, side: from });
            }
            _ => {}
        }
    }

    /// A host has waited long enough for an answer.
    pub(super) fn gave_up(&mut self, key: Key, side: Side) {
        if self.conns.get(key).is_some_and(|c| c.end(side).state == EndState::Open) {
            self.ended(key, side, crate::kernel::Closed::Broken);
        }
    }
}
