//! The channels of a link, which take turns with payloads and with each other.

use bytes::Bytes;
use smallvec::SmallVec;

use super::channel::{Channel, Said};
use crate::kernel::Arena;
use crate::overlay::wire::{ChannelName, ChannelNames};

/// The channels that both ends of a link ride.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    all: SmallVec<[Channel; 1]>,
    /// The next one that may speak.
    next: usize,
    /// A payload went last.
    turn: bool,
}

impl Channels {
    /// Those that are in both lists, open.
    pub fn both(mine: &ChannelNames, theirs: &ChannelNames) -> Self {
        let both = mine.iter().filter(|name| theirs.contains(name));
        Channels { all: both.map(|name| Channel::new(*name)).collect(), next: 0, turn: false }
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.all.iter()
    }

    /// One of them.
    pub fn get(&self, name: ChannelName) -> Option<&Channel> {
        self.all.iter().find(|channel| channel.name() == name)
    }

    /// One of them.
    pub fn get_mut(&mut self, name: ChannelName) -> Option<&mut Channel> {
        self.all.iter_mut().find(|channel| channel.name() == name)
    }

    /// Whether one of them has something to say.
    pub fn have_news(&self) -> bool {
        self.all.iter().any(Channel::has_news)
    }

    /// Whether one of them goes before the next payload.
    pub const fn go_next(&self) -> bool {
        self.turn
    }

    /// A payload went: the next turn is theirs.
    pub const fn wait_no_more(&mut self) {
        self.turn = true;
    }

    /// The next frame of a channel.
    pub fn say(&mut self, arena: &mut Arena) -> Option<(ChannelName, Bytes, Said)> {
        let count = self.all.len();
        let at = (0..count).map(|n| (self.next + n) % count).find(|at| self.all[*at].has_news())?;
        (self.next, self.turn) = ((at + 1) % count, false);
        let channel = &mut self.all[at];
        let (frame, said) = channel.say(arena)?;
        Some((channel.name(), frame, said))
    }
}
