//! Clocks on walls, which may be wrong and may step.

use core::time::Duration;

use super::{Condition, Event, World, short};
use crate::kernel::{Input, Machine, Time};

/// What a clock shows that was never set at the world's time 0: it is a morning in September 2020.
const NEVER_SET: Duration = Duration::from_secs(1_600_000_000);
/// How often a machine is told.
const EACH: Duration = Duration::from_secs(60);

/// A clock that a machine is told of.
#[derive(Clone, Copy)]
pub(super) struct Wall {
    /// When it was set, and what to.
    set: (Time, Duration),
    /// Earlier ones in the queue count for nothing.
    number: u32,
}

impl<M: Machine> World<M> {
    /// Sets a node's clock on the wall, which goes on from there whatever becomes of the node. From now on a machine that
    /// runs is told of it, at once and each minute; what it shows at a start is in [`Boot`](super::Boot).
    pub fn set_wall_time(&mut self, node: usize, unix: Duration) {
        let number = self.nodes[node].wall.map_or(0, |wall| wall.number.wrapping_add(1));
        self.nodes[node].wall = Some(Wall { set: (self.now, unix), number });
        self.at(self.now, Event::Wall { node: short(node), number });
    }

    /// What a node's clock on the wall shows.
    pub fn wall_time(&self, node: usize) -> Duration {
        let (at, unix) = self.nodes[node].wall.map_or((Time::ZERO, NEVER_SET), |wall| wall.set);
        unix + self.now.since(at)
    }

    /// Time to tell a machine.
    pub(super) fn wall(&mut self, node: usize, number: u32) {
        if self.nodes[node].wall.is_none_or(|wall| wall.number != number) {
            return;
        }
        self.at(self.now + EACH, Event::Wall { node: short(node), number });
        if self.nodes[node].condition == Condition::Running {
            let unix = self.wall_time(node);
            self.feed(node, Input::WallTime { unix });
        }
    }
}
