//! One end of a channel: what waits to be said on it, and how much either end may say.

use bytes::{Bytes, BytesMut};

use crate::kernel::Arena;
use crate::overlay::wire::{ChannelName, ChannelOctets, Packet, WINDOW, channel_size, put_channel};

/// So many octets of a channel make a frame at most: what is more waits for the next turn.
const FRAME: usize = 8 << 10;
/// What a frame takes at most with what is around it.
pub const LARGEST: usize = channel_size(FRAME);
/// What was taken is told once it is so much, or there would be a line for each few octets.
const TELLING: usize = WINDOW / 4;

/// How far a channel is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Both ends say and hear.
    Open,
    /// This end says END once its queue is empty; whether the other has said it.
    Ending { heard: bool },
    /// This end has said END, and hears what the other said before it learned of that.
    Ended,
    /// Both have said END.
    Closed,
    /// Closed, and this end has offered to open it anew.
    Offered,
}

/// What a channel's frame was, beside its octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// So many octets of what the rider gave.
    Octets(usize),
    /// The other end had offered to open it, and so has this one now.
    Open,
    /// Nothing that concerns the rider.
    Other,
}

/// What a channel hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeardOn {
    /// Both ends have offered to open it.
    Open,
    /// The other end has ended it.
    Ended,
    /// Octets for the rider, or room for those of the rider.
    Going,
    /// What was said before the other end knew that this one has ended it.
    Late,
}

/// What the other end may not say on a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breach(pub &'static str);

/// What the rider of this node may not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misuse {
    /// The channel is not open.
    NotOpen,
    /// More than one window waits.
    Full,
    /// More than one window at once.
    TooLong,
    /// More was taken than had come.
    TooMuch,
}

const NOT_OPEN: Breach = Breach("it speaks on a channel that is not open");
const PAST_WINDOW: Breach = Breach("it says more on a channel than it may");
const PAST_SAID: Breach = Breach("it takes more of a channel than was said");

/// One end of a channel on a link.
#[derive(Clone, Debug)]
pub struct Channel {
    name: ChannelName,
    phase: Phase,
    /// Whether it is to be opened again once it is closed.
    wanted: bool,
    queue: BytesMut,
    /// What the other end lets in beyond what was said.
    window: usize,
    /// What this end lets in beyond what was heard.
    granted: usize,
    /// What the rider took and the other end was not told.
    taken: usize,
}

impl Channel {
    /// A channel that is open since its link is.
    pub fn new(name: ChannelName) -> Self {
        let (queue, window, granted) = (BytesMut::new(), WINDOW, WINDOW);
        Channel { name, phase: Phase::Open, wanted: false, queue, window, granted, taken: 0 }
    }

    /// Its name.
    pub const fn name(&self) -> ChannelName {
        self.name
    }

    /// Whether both ends say and hear.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Octets that the rider gave and that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

/// What the rider does.
impl Channel {
    /// Queues octets.
    pub fn give(&mut self, octets: &[u8]) -> Result<(), Misuse> {
        self.must_be_open()?;
        if octets.len() > WINDOW {
            return Err(Misuse::TooLong);
        }
        if !self.queue.is_empty() && self.queue.len() + octets.len() > WINDOW {
            return Err(Misuse::Full);
        }
        self.queue.extend_from_slice(octets);
        Ok(())
    }

    /// So many octets of what came have been taken: as many more may come.
    pub fn take(&mut self, octets: usize) -> Result<(), Misuse> {
        self.must_be_open()?;
        if octets > WINDOW - self.granted - self.taken {
            return Err(Misuse::TooMuch);
        }
        self.taken += octets;
        Ok(())
    }

    /// Ends it behind what waits.
    pub fn finish(&mut self) -> Result<(), Misuse> {
        self.must_be_open()?;
        self.phase = Phase::Ending { heard: false };
        Ok(())
    }

    /// Ends it; what waits is dropped.
    pub fn abort(&mut self) -> Result<(), Misuse> {
        self.finish()?;
        self.queue.clear();
        Ok(())
    }

    /// Opens it again as soon as both ends have ended it and the other wants to. What still waits from before is dropped.
    pub fn reopen(&mut self) {
        match self.phase {
            Phase::Open | Phase::Offered => {}
            Phase::Ending { .. } | Phase::Ended | Phase::Closed => {
                self.queue.clear();
                self.wanted = true;
            }
        }
    }

    fn must_be_open(&self) -> Result<(), Misuse> {
        self.is_open().then_some(()).ok_or(Misuse::NotOpen)
    }
}

/// What this end says.
impl Channel {
    /// Whether there is something to say.
    pub fn has_news(&self) -> bool {
        match self.phase {
            Phase::Open => self.owes_credit() || self.can_speak(),
            Phase::Ending { .. } => self.queue.is_empty() || self.can_speak(),
            Phase::Closed => self.wanted,
            Phase::Ended | Phase::Offered => false,
        }
    }

    /// The next frame, if there is something to say.
    pub fn say(&mut self, arena: &mut Arena) -> Option<(Bytes, Said)> {
        match self.phase {
            Phase::Open if self.owes_credit() => {
                let octets = core::mem::take(&mut self.taken);
                self.granted += octets;
                Some((self.credit(octets), Said::Other))
            }
            Phase::Open | Phase::Ending { .. } if self.can_speak() => Some(self.speak(arena)),
            Phase::Ending { heard } if self.queue.is_empty() => {
                if heard {
                    self.close();
                } else {
                    self.phase = Phase::Ended;
                }
                Some((Packet::End(self.name).emit(), Said::Other))
            }
            Phase::Closed if self.wanted => Some((self.credit(WINDOW), self.offer())),
            _ => None,
        }
    }

    /// Whether what was taken is to be told: it is much, or the other end can say nothing more. Who waits for the rest of
    /// what it has begun to hear can so have a whole window of it.
    const fn owes_credit(&self) -> bool {
        self.taken >= TELLING || self.taken > 0 && self.granted == 0
    }

    fn can_speak(&self) -> bool {
        self.window > 0 && !self.queue.is_empty()
    }

    fn credit(&self, octets: usize) -> Bytes {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        Packet::Crd(ChannelOctets { channel: self.name, octets }).emit()
    }

    fn speak(&mut self, arena: &mut Arena) -> (Bytes, Said) {
        let len = self.queue.len().min(self.window).min(FRAME);
        let octets = self.queue.split_to(len);
        self.window -= len;
        let frame = arena.frame(channel_size(len), |out| put_channel(self.name, &octets, out));
        (frame, Said::Octets(len))
    }

    fn offer(&mut self) -> Said {
        self.wanted = false;
        self.granted = WINDOW;
        if self.window > 0 {
            self.phase = Phase::Open;
            return Said::Open;
        }
        self.phase = Phase::Offered;
        Said::Other
    }

    fn close(&mut self) {
        (self.window, self.granted, self.taken) = (0, 0, 0);
        self.phase = Phase::Closed;
    }
}

/// What this end hears.
impl Channel {
    /// CHN.
    pub fn heard_octets(&mut self, octets: usize) -> Result<HeardOn, Breach> {
        let heard = match self.phase {
            Phase::Open => HeardOn::Going,
            Phase::Ending { heard: false } | Phase::Ended => HeardOn::Late,
            Phase::Ending { heard: true } | Phase::Closed | Phase::Offered => return Err(NOT_OPEN),
        };
        self.granted = self.granted.checked_sub(octets).ok_or(PAST_WINDOW)?;
        Ok(heard)
    }

    /// CRD.
    pub fn heard_credit(&mut self, octets: usize) -> Result<HeardOn, Breach> {
        let said = WINDOW - self.window;
        match self.phase {
            Phase::Open | Phase::Ending { heard: false } | Phase::Ended if octets <= said => {
                self.window += octets;
                Ok(HeardOn::Going)
            }
            Phase::Closed | Phase::Offered if octets == said && octets == WINDOW => {
                self.window = WINDOW;
                if self.phase == Phase::Closed {
                    return Ok(HeardOn::Going);
                }
                self.phase = Phase::Open;
                Ok(HeardOn::Open)
            }
            Phase::Ending { heard: true } => Err(NOT_OPEN),
            _ => Err(PAST_SAID),
        }
    }

    /// END.
    pub fn heard_end(&mut self) -> Result<HeardOn, Breach> {
        match self.phase {
            Phase::Open => {
                self.queue.clear();
                self.phase = Phase::Ending { heard: true };
                Ok(HeardOn::Ended)
            }
            Phase::Ending { heard: false } => {
                self.queue.clear();
                self.phase = Phase::Ending { heard: true };
                Ok(HeardOn::Late)
            }
            Phase::Ended => {
                self.close();
                Ok(HeardOn::Late)
            }
            Phase::Ending { heard: true } | Phase::Closed | Phase::Offered => Err(NOT_OPEN),
        }
    }
}

#[cfg(test)]
mod tests;
