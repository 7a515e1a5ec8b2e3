//! Channels: what other protocols say to neighbours over links.

use alloc::vec::Vec;

use bytes::Bytes;

use super::Overlay;
use super::streams::{Kind, no_fault, peer_fault};
use crate::kernel::{Class, ConnId, Why};
use crate::overlay::event::{ChannelNews, ChannelOrder, Event, Refusal, Reply};
use crate::overlay::link::{Breach, Channel, HeardOn, LARGEST, Misuse, Said};
use crate::overlay::names::NodeId;
use crate::overlay::wire::{ChannelName, ChannelOctets};

const ENDED: Why = no_fault("the neighbour ended the channel");
const NOT_RIDDEN: Breach = Breach("it speaks on a channel that is not ridden");

impl From<Misuse> for Refusal {
    fn from(misuse: Misuse) -> Self {
        match misuse {
            Misuse::NotOpen => Refusal::NoChannel,
            Misuse::Full => Refusal::Busy,
            Misuse::TooLong => Refusal::TooLong,
            Misuse::TooMuch => Refusal::TooMuch,
        }
    }
}

impl Overlay {
    /// The neighbours, each with whether it rides this channel: those that do have it open, or may again.
    pub fn riders(&self, channel: ChannelName) -> impl Iterator<Item = (NodeId, bool)> {
        self.links.iter().map(move |(id, link)| (*id, link.channels.get(channel).is_some()))
    }

    /// A rider's order.
    pub(super) fn channel_ordered(
        &mut self,
        peer: NodeId,
        name: ChannelName,
        order: ChannelOrder,
    ) -> Result<Reply, Refusal> {
        let link = self.links.get_mut(&peer).ok_or(Refusal::NoChannel)?;
        let channel = link.channels.get_mut(name).ok_or(Refusal::NoChannel)?;
        match order {
            ChannelOrder::Say(octets) => channel.give(&octets)?,
            ChannelOrder::Take(octets) => channel.take(octets)?,
            ChannelOrder::Finish => channel.finish()?,
            ChannelOrder::Abort => channel.abort()?,
            ChannelOrder::Open => channel.reopen(),
        }
        let conn = link.conn;
        self.pump(conn);
        Ok(Reply::Noted)
    }

    /// A new link's channels are open.
    pub(super) fn channels_up(&mut self, peer: NodeId) {
        let Some(link) = self.links.get(&peer) else { return };
        let address = link.name.addr;
        let names: Vec<ChannelName> = link.channels.iter().map(Channel::name).collect();
        for channel in names {
            self.emit(Event::Channel { peer, channel, news: ChannelNews::Up { address } });
        }
    }

    /// A link's channels are no more.
    pub(super) fn channels_down(&mut self, peer: NodeId, why: Why) {
        let Some(link) = self.links.get(&peer) else { return };
        let open = link.channels.iter().filter(|channel| channel.is_open());
        for channel in open.map(Channel::name).collect::<Vec<_>>() {
            self.emit(Event::Channel { peer, channel, news: ChannelNews::Down { why } });
        }
    }

    /// The next frame of a link's channels, if the driver may have it now.
    pub(super) fn next_of_channels(&mut self, conn: ConnId) -> Option<(Class, Bytes)> {
        let state = self.conns.get_mut(&conn).filter(|state| state.outbox.admits(LARGEST))?;
        let Kind::Link(peer) = state.kind else { return None };
        let link = self.links.get_mut(&peer)?;
        let (channel, frame, said) = link.channels.say(&mut state.arena)?;
        state.outbox.passed(frame.len());
        let address = link.name.addr;
        match said {
            Said::Octets(octets) => {
                self.emit(Event::Channel { peer, channel, news: ChannelNews::Sent(octets) });
            }
            Said::Open => self.emit(Event::Channel { peer, channel, news: ChannelNews::Up { address } }),
            Said::Other => {}
        }
        Some((Class::Bulk, frame))
    }
}

/// What a neighbour says on a channel. What comes behind the end of its link is for nobody.
impl Overlay {
    /// CHN.
    pub(super) fn heard_on_channel(&mut self, conn: ConnId, channel: ChannelName, octets: &[u8]) {
        let Some(Kind::Link(peer)) = self.conns.get(&conn).map(|state| state.kind) else { return };
        let heard = self.heard_channel(conn, peer, channel, |channel| channel.heard_octets(octets.len()));
        if heard == Some(HeardOn::Going) {
            self.emit(Event::Channel {
                peer,
                channel,
                news: ChannelNews::Heard(Bytes::copy_from_slice(octets)),
            });
        }
        if heard.is_some() {
            self.pump(conn);
        }
    }

    /// CRD.
    pub(super) fn heard_credit(&mut self, conn: ConnId, peer: NodeId, credit: ChannelOctets) {
        let ChannelOctets { channel, octets } = credit;
        let heard = self.heard_channel(conn, peer, channel, |channel| channel.heard_credit(octets as usize));
        if heard == Some(HeardOn::Open)
            && let Some(address) = self.links.get(&peer).map(|link| link.name.addr)
        {
            self.emit(Event::Channel { peer, channel, news: ChannelNews::Up { address } });
        }
        if heard.is_some() {
            self.pump(conn);
        }
    }

    /// END.
    pub(super) fn heard_end(&mut self, conn: ConnId, peer: NodeId, channel: ChannelName) {
        let heard = self.heard_channel(conn, peer, channel, Channel::heard_end);
        if heard == Some(HeardOn::Ended) {
            self.emit(Event::Channel { peer, channel, news: ChannelNews::Down { why: ENDED } });
        }
        if heard.is_some() {
            self.pump(conn);
        }
    }

    /// What a channel made of what it heard; who breaks its rules loses its connection.
    fn heard_channel(
        &mut self,
        conn: ConnId,
        peer: NodeId,
        channel: ChannelName,
        hear: impl FnOnce(&mut Channel) -> Result<HeardOn, Breach>,
    ) -> Option<HeardOn> {
        let link = self.links.get_mut(&peer)?;
        match link.channels.get_mut(channel).ok_or(NOT_RIDDEN).and_then(hear) {
            Ok(heard) => Some(heard),
            Err(Breach(what)) => {
                self.misbehaved(conn, peer_fault(what));
                None
            }
        }
    }
}
