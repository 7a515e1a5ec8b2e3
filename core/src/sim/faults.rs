//! What can go wrong in a world, as a small language: drawn from a seed, or by a property test, and played.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Condition, Restart, World};
use crate::kernel::{Machine, Rng, Time};

/// One thing that goes wrong, or right again. What does not apply (thawing what runs) does nothing, so that any
/// list of actions can be played, and any part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// [`World::kill`].
    Kill {
        /// Whom.
        node: usize,
    },
    /// [`World::halt`].
    Halt {
        /// Whom.
        node: usize,
    },
    /// [`World::restart`].
    Restart {
        /// Whom.
        node: usize,
        /// With or without what it stored.
        how: Restart,
    },
    /// [`World::cut`].
    Cut {
        /// One end.
        from: usize,
        /// The other.
        to: usize,
        /// Which ways.
        ways: Ways,
    },
    /// [`World::heal`], both ways.
    Heal {
        /// One end.
        a: usize,
        /// The other.
        b: usize,
    },
    /// [`World::set_loss`].
    Loss {
        /// Of a million.
        per_million: u32,
    },
    /// [`World::freeze`].
    Freeze {
        /// Whom.
        node: usize,
    },
    /// [`World::thaw`].
    Thaw {
        /// Whom.
        node: usize,
    },
    /// Time passes.
    Wait {
        /// How much.
        time: Duration,
    },
}

/// Which ways between two nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ways {
    /// From the first to the second only.
    One,
    /// Both.
    Both,
}

/// How bad drawn faults may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Severity {
    /// How many nodes there are to choose from: the first so many.
    pub nodes: usize,
    /// The longest wait.
    pub wait: Duration,
    /// The most datagrams lost, in a million.
    pub loss_per_million: u32,
}

/// Draws a list of actions; every other one is a wait, so that something happens between them.
///
/// # Panics
/// Without nodes.
pub fn draw(rng: &mut Rng, severity: Severity, actions: usize) -> Vec<Action> {
    (0..actions)
        .map(|i| if i % 2 == 0 { draw_fault(rng, severity) } else { draw_wait(rng, severity) })
        .collect()
}

fn draw_wait(rng: &mut Rng, severity: Severity) -> Action {
    Action::Wait { time: rng.between(Duration::ZERO, severity.wait) }
}

#[allow(clippy::cast_possible_truncation, reason = "at most the loss given")]
fn draw_fault(rng: &mut Rng, severity: Severity) -> Action {
    let (node, other) = (rng.index(severity.nodes), rng.index(severity.nodes));
    match rng.below(9) {
        0 => Action::Kill { node },
        1 => Action::Halt { node },
        2 => Action::Restart { node, how: Restart::Keeping },
        3 => Action::Restart { node, how: Restart::Forgetting },
        4 => {
            Action::Cut { from: node, to: other, ways: if rng.percent(50) { Ways::One } else { Ways::Both } }
        }
        5 => Action::Heal { a: node, b: other },
        6 => Action::Loss { per_million: rng.below(u64::from(severity.loss_per_million) + 1) as u32 },
        7 => Action::Freeze { node },
        _ => Action::Thaw { node },
    }
}

/// Lets the actions happen one after another.
///
/// # Panics
/// If an action names a node that the world does not have.
pub fn play<M: Machine>(
    world: &mut World<M>,
    actions: &[Action],
    mut sink: impl FnMut(Time, usize, M::Event),
) {
    for action in actions {
        match *action {
            Action::Kill { node } => world.kill(node),
            Action::Halt { node } => world.halt(node),
            Action::Restart { node, how } => world.restart(node, how),
            Action::Cut { from, to, ways } => {
                world.cut(from, to);
                if ways == Ways::Both {
                    world.cut(to, from);
                }
            }
            Action::Heal { a, b } => {
                world.heal(a, b);
                world.heal(b, a);
            }
            Action::Loss { per_million } => world.set_loss(per_million),
            Action::Freeze { node } => world.freeze(node),
            Action::Thaw { node } => world.thaw(node),
            Action::Wait { time } => world.run_until(world.now() + time, &mut sink),
        }
    }
    world.drain_events(sink);
}

/// Makes everything right again: cuts healed, no loss, everybody running, those that were down with what they stored.
/// Losses set for single ways stay.
pub fn recover<M: Machine>(world: &mut World<M>) {
    world.heal_all();
    world.set_loss(0);
    for node in 0..world.len() {
        match world.condition(node) {
            Condition::Down | Condition::Halted => world.restart(node, Restart::Keeping),
            Condition::Frozen => world.thaw(node),
            Condition::Running => {}
        }
    }
}
