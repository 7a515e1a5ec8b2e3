//! What can go wrong in a world, as a small language: drawn from a seed, by a property test or by a fuzzer, played, and
//! written down to be played again.
//!
//! One grammar stands behind all three: [`Action::chosen`] makes an action of a few numbers, whatever they are.
//! [`draw`] takes the numbers from a seed, the strategies from proptest, [`decode`] from octets.

mod grammar;
mod script;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

pub use grammar::{Choices, OCTETS, decode, draw};
pub use script::{NotAnAction, read_duration, write_duration};

use super::{Bursts, Condition, Kind, Restart, Slices, Sockets, World};
use crate::kernel::{Machine, Seed, Streams, Time};

/// One thing that goes wrong, or right again. What does not apply (thawing what runs) does nothing, so that any
/// list of actions can be played, and any part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Time passes.
    Wait {
        /// How much.
        time: Duration,
    },
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
        /// With what of what it stored.
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
    /// [`World::partition`], and [`World::resume`] after a time.
    Partition {
        /// Who is on one side.
        island: Island,
        /// For how long.
        time: Duration,
    },
    /// [`World::block_datagrams`], until it is healed.
    Block {
        /// One end.
        from: usize,
        /// The other.
        to: usize,
        /// Which ways.
        ways: Ways,
    },
    /// [`World::narrow`], until it is healed.
    Narrow {
        /// One end.
        from: usize,
        /// The other.
        to: usize,
        /// Which ways.
        ways: Ways,
        /// What is longer vanishes.
        octets: usize,
    },
    /// [`World::translate`]: said twice of a node, its translator begins anew.
    Translate {
        /// Whom.
        node: usize,
    },
    /// [`World::move_away`], and [`World::come_home`] after a time; of two at once the later counts.
    Move {
        /// Whom.
        node: usize,
        /// What becomes of its datagrams.
        sockets: Sockets,
        /// For how long.
        time: Duration,
    },
    /// [`World::interrupt`] and [`World::resume`], both ways between two nodes, again and again.
    Flap {
        /// One end.
        a: usize,
        /// The other.
        b: usize,
        /// For how long they are interrupted, and then not.
        every: Duration,
        /// How often.
        times: u8,
    },
    /// [`World::sever`].
    Sever {
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
    /// [`World::set_bursts`].
    Bursts {
        /// How they are.
        bursts: Bursts,
    },
    /// [`World::set_duplicates`].
    Duplicates {
        /// Of a million.
        per_million: u32,
    },
    /// [`World::set_reordering`].
    Reordering {
        /// Of a million.
        per_million: u32,
        /// How much later at the most.
        by: Duration,
    },
    /// [`World::set_reading_rate`], ended after a time; of two at once the later counts.
    Slow {
        /// Who.
        node: usize,
        /// Octets a second.
        octets: u64,
        /// For how long.
        time: Duration,
    },
    /// [`World::step_clock`].
    Step {
        /// Whose.
        node: usize,
        /// How far.
        by: Duration,
    },
    /// [`World::set_drift`].
    Drift {
        /// Whose.
        node: usize,
        /// Of a million.
        per_million: i32,
    },
    /// [`World::set_grain`].
    Coarse {
        /// Whose.
        node: usize,
        /// The multiples that it shows.
        grain: Duration,
    },
    /// [`World::set_oversleep`].
    Oversleep {
        /// Who.
        node: usize,
        /// How much at the most.
        most: Duration,
    },
    /// [`World::set_early_wake`].
    Early {
        /// Who.
        node: usize,
        /// How much at the most.
        most: Duration,
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
    /// [`World::starve`].
    Starve {
        /// Whom.
        node: usize,
        /// When it runs.
        slices: Slices,
    },
    /// Those whom most others have chosen are killed.
    Hubs {
        /// How many.
        count: usize,
    },
    /// Nodes go, by [`World::kill`], and come again, with what they stored, each by a trace of its own.
    Churn {
        /// From which the traces are drawn.
        seed: u16,
        /// How long a node is there, in the middle.
        on: Duration,
        /// How long it is away.
        off: Duration,
        /// For how long this goes on.
        time: Duration,
    },
}

impl Action {
    /// The last of the nodes that it names.
    pub fn last_node(&self) -> Option<usize> {
        match *self {
            Action::Kill { node }
            | Action::Halt { node }
            | Action::Restart { node, .. }
            | Action::Slow { node, .. }
            | Action::Step { node, .. }
            | Action::Drift { node, .. }
            | Action::Coarse { node, .. }
            | Action::Oversleep { node, .. }
            | Action::Early { node, .. }
            | Action::Freeze { node }
            | Action::Thaw { node }
            | Action::Translate { node }
            | Action::Move { node, .. }
            | Action::Starve { node, .. } => Some(node),
            Action::Cut { from: a, to: b, .. }
            | Action::Block { from: a, to: b, .. }
            | Action::Narrow { from: a, to: b, .. }
            | Action::Heal { a, b }
            | Action::Flap { a, b, .. }
            | Action::Sever { a, b } => Some(a.max(b)),
            _ => None,
        }
    }
}

/// Which ways between two nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ways {
    /// From the first to the second only.
    One,
    /// Both.
    Both,
}

impl Ways {
    /// Does something to each of these ways between two nodes.
    fn each(self, from: usize, to: usize, mut what: impl FnMut(usize, usize)) {
        what(from, to);
        if self == Ways::Both {
            what(to, from);
        }
    }
}

/// A set of nodes among the first 64: bit i is node i.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Island(pub u64);

impl Island {
    /// Whether a node is in it.
    pub fn has(self, node: usize) -> bool {
        u32::try_from(node).is_ok_and(|bit| self.0.checked_shr(bit).is_some_and(|rest| rest & 1 == 1))
    }
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

/// Lets the actions happen one after another; hubs are those with most connections.
///
/// # Panics
/// If an action names a node that the world does not have.
pub fn play<M: Machine>(
    world: &mut World<M>,
    actions: &[Action],
    mut sink: impl FnMut(Time, usize, M::Event),
) {
    let mut agenda = Agenda::new(World::most_connected);
    for action in actions {
        if let Some(time) = agenda.act(world, action) {
            agenda.pass(world, time, &mut sink);
        }
    }
    world.drain_events(sink);
}

/// Makes everything right again: ways healed, everybody at home, nothing unusual for datagrams, clocks and drivers as they should be,
/// everybody running, those that were down with what they stored. Losses set for single ways stay, and what the network
/// has forgotten.
pub fn recover<M: Machine>(world: &mut World<M>) {
    world.heal_all();
    world.clear_weather();
    for node in 0..world.len() {
        world.calm(node);
        world.come_home(node);
        world.translate_no_more(node);
        match world.condition(node) {
            Condition::Down | Condition::Halted => world.restart(node, Restart::Keeping),
            Condition::Frozen => world.thaw(node),
            Condition::Running => {}
        }
    }
}

/// Plays actions, and keeps what those lead to later.
pub struct Agenda<M: Machine> {
    due: BTreeMap<(Time, u64), Later>,
    number: u64,
    hubs: fn(&World<M>) -> Vec<usize>,
}

/// What an action leads to later.
enum Later {
    Interrupt(Flap),
    Resume(Flap),
    Unite { island: Island },
    Read { node: usize },
    ComeHome { node: usize },
    Off { node: usize },
    On { node: usize },
}

/// What is left of ways that come and go.
#[derive(Clone, Copy)]
struct Flap {
    ends: [usize; 2],
    every: Duration,
    times: u8,
}

impl Later {
    /// Whether ways between two nodes are to stay interrupted until this happens.
    fn parts(&self, a: usize, b: usize) -> bool {
        match self {
            Later::Resume(flap) => flap.ends == [a, b] || flap.ends == [b, a],
            Later::Unite { island } => island.has(a) != island.has(b),
            _ => false,
        }
    }
}

impl<M: Machine> Agenda<M> {
    /// With nothing on it. `hubs` says who is most chosen, in that order.
    pub fn new(hubs: fn(&World<M>) -> Vec<usize>) -> Self {
        Agenda { due: BTreeMap::new(), number: 0, hubs }
    }

    /// Lets time pass, and what is due happen.
    pub fn pass(
        &mut self,
        world: &mut World<M>,
        time: Duration,
        mut sink: impl FnMut(Time, usize, M::Event),
    ) {
        let end = world.now() + time;
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= end
        {
            let ((at, _), later) = entry.remove_entry();
            world.run_until(at, &mut sink);
            self.happen(world, &later);
        }
        world.run_until(end, sink);
    }

    /// Does one action; how long to wait, if that is the action.
    ///
    /// # Panics
    /// If it names a node that the world does not have.
    pub fn act(&mut self, world: &mut World<M>, action: &Action) -> Option<Duration> {
        match *action {
            Action::Wait { time } => return Some(time),
            Action::Kill { node } => world.kill(node),
            Action::Halt { node } => world.halt(node),
            Action::Restart { node, how } => world.restart(node, how),
            Action::Sever { a, b } => world.sever(a, b),
            Action::Translate { node } => world.translate(node),
            Action::Loss { per_million } => world.set_loss(per_million),
            Action::Bursts { bursts } => world.set_bursts(Some(bursts)),
            Action::Duplicates { per_million } => world.set_duplicates(per_million),
            Action::Reordering { per_million, by } => world.set_reordering(per_million, by),
            Action::Step { node, by } => world.step_clock(node, by),
            Action::Drift { node, per_million } => world.set_drift(node, per_million),
            Action::Coarse { node, grain } => world.set_grain(node, grain),
            Action::Oversleep { node, most } => world.set_oversleep(node, most),
            Action::Early { node, most } => world.set_early_wake(node, most),
            Action::Freeze { node } => world.freeze(node),
            Action::Thaw { node } => world.thaw(node),
            Action::Starve { node, slices } => world.starve(node, Some(slices)),
            _ => self.act_for_a_while(world, action),
        }
        None
    }

    fn act_for_a_while(&mut self, world: &mut World<M>, action: &Action) {
        let now = world.now();
        match *action {
            Action::Cut { from, to, ways } => ways.each(from, to, |a, b| world.cut(a, b)),
            Action::Block { from, to, ways } => ways.each(from, to, |a, b| world.block_datagrams(a, b)),
            Action::Narrow { from, to, ways, octets } => {
                ways.each(from, to, |a, b| world.narrow(a, b, octets));
            }
            Action::Move { node, sockets, time } => {
                world.move_away(node, sockets);
                self.due.retain(|_, later| !matches!(later, Later::ComeHome { node: of } if *of == node));
                self.later(now + time, Later::ComeHome { node });
            }
            Action::Heal { a, b } => heal(world, a, b),
            Action::Partition { island, time } => {
                world.partition(|node| island.has(node));
                self.later(now + time, Later::Unite { island });
            }
            Action::Flap { a, b, every, times } => {
                if times > 0 {
                    self.later(now, Later::Interrupt(Flap { ends: [a, b], every, times }));
                }
            }
            Action::Slow { node, octets, time } => {
                world.set_reading_rate(node, Some(octets));
                self.due.retain(|_, later| !matches!(later, Later::Read { node: of } if *of == node));
                self.later(now + time, Later::Read { node });
            }
            Action::Hubs { count } => {
                for node in (self.hubs)(world).into_iter().take(count) {
                    kill_for(world, node, Kind::Hub);
                }
            }
            Action::Churn { seed, on, off, time } => self.churn(world, seed, (on, off), time),
            _ => unreachable!("done at once"),
        }
    }

    /// Draws for each node when it is there: anything up to twice the middle each time.
    fn churn(&mut self, world: &World<M>, seed: u16, (on, off): (Duration, Duration), time: Duration) {
        let mut rng = Streams::new(Seed::from_u64(u64::from(seed))).named("churn");
        let (now, end) = (world.now(), world.now() + time);
        for node in 0..world.len() {
            let mut at = now;
            loop {
                at = at + rng.between(SHORTEST, on.max(SHORTEST) * 2);
                if at >= end {
                    break;
                }
                self.later(at, Later::Off { node });
                at = (at + rng.between(SHORTEST, off.max(SHORTEST) * 2)).min(end);
                self.later(at, Later::On { node });
            }
        }
    }

    fn later(&mut self, at: Time, what: Later) {
        self.number += 1;
        self.due.insert((at, self.number), what);
    }

    fn happen(&mut self, world: &mut World<M>, later: &Later) {
        match *later {
            Later::Interrupt(flap) => self.interrupt(world, flap),
            Later::Resume(flap) => {
                self.resume(world, flap.ends);
                if flap.times > 0 {
                    self.later(world.now() + flap.every, Later::Interrupt(flap));
                }
            }
            Later::Unite { island } => {
                let (inside, outside): (Vec<usize>, Vec<usize>) =
                    (0..world.len()).partition(|node| island.has(*node));
                for (a, b) in inside.iter().flat_map(|a| outside.iter().map(move |b| (*a, *b))) {
                    self.resume(world, [a, b]);
                }
            }
            Later::Read { node } => world.set_reading_rate(node, None),
            Later::ComeHome { node } => world.come_home(node),
            Later::Off { node } => kill_for(world, node, Kind::Churn),
            Later::On { node } if world.condition(node) == Condition::Down => {
                world.note(Kind::Churn);
                world.restart(node, Restart::Keeping);
            }
            Later::On { .. } => {}
        }
    }

    fn interrupt(&mut self, world: &mut World<M>, flap: Flap) {
        let [a, b] = flap.ends;
        let runs = |node| world.condition(node) == Condition::Running;
        if a != b && runs(a) && runs(b) {
            world.note(Kind::Flap);
        }
        world.interrupt(a, b);
        world.interrupt(b, a);
        self.later(world.now() + flap.every, Later::Resume(Flap { times: flap.times - 1, ..flap }));
    }

    /// Both ways carry again, unless something else on the agenda goes on to part their ends.
    fn resume(&self, world: &mut World<M>, [a, b]: [usize; 2]) {
        if !self.due.values().any(|later| later.parts(a, b)) {
            world.resume(a, b);
            world.resume(b, a);
        }
    }
}

/// Nobody comes or goes faster by a trace.
const SHORTEST: Duration = Duration::from_millis(100);

fn kill_for<M: Machine>(world: &mut World<M>, node: usize, kind: Kind) {
    if world.machine(node).is_some() {
        world.note(kind);
        world.kill(node);
    }
}

fn heal<M: Machine>(world: &mut World<M>, a: usize, b: usize) {
    world.heal(a, b);
    world.heal(b, a);
}
