//! Scenarios of any protocol: nodes on a random network join, a few things go wrong, everything is made right again, and
//! a stated time later the protocol's oracle must hold.
//!
//! A [`Script`] is a value: it runs the same to the byte each time, is written as a short text that can be read back, and
//! one that fails is made smaller by [`Script::shrink`], which ends. What it is about is a [`Protocol`]: what a node is made
//! from, which orders a script may give it, what must hold and after which time. A protocol that is [`Drawn`] as well has
//! scripts for any numbers, which a seed, a fuzzer or proptest give.
//!
//! ```text
//! protocol hello
//! seed 7
//! joins 0s 200ms 3s
//! terrain plane
//! jitter 0s
//! loss 0
//! clocks 0s
//! want 32                     the protocol's own lines
//! do wait 5s                  a fault, or time that passes: see sim::faults
//! do kill 2
//! tell 1 connect 0            an order
//! depart 2 kill               who goes for good once everything is right again
//! ```

mod grammar;
mod shrink;
mod terrain;
#[cfg(test)]
mod tests;
mod text;

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::iter;
use core::str::FromStr;
use core::time::Duration;

pub use grammar::{Drawn, Ground, STEPS};
pub use shrink::Shrunk;
pub use terrain::Terrain;
pub use text::NotAScript;

use super::faults::{self, Action, Agenda};
use super::{Boot, Condition, Config, Jitter, Sites, Tally, World};
use crate::kernel::{Machine, Seed, Streams, Time};

/// News is on its way at any time: within so long after the stated time there is a moment without.
const QUIET: Duration = Duration::from_secs(5);
/// Those who start again have so long to begin before anybody goes for good.
pub const STARTING: Duration = Duration::from_secs(1);
/// How often it is asked whether everything is right by now.
const VIEWED: Duration = Duration::from_secs(1);
/// How often the oracle is asked once the stated time is over.
const ASKED: Duration = Duration::from_millis(100);

/// A protocol that scenarios can be about. Its value is what a script says of the protocol's own: settings of the nodes.
pub trait Protocol: Clone + PartialEq + fmt::Debug + Default + 'static {
    /// Its name in a script: one word.
    const NAME: &'static str;
    /// How many hosts there are beside the nodes that join: they are there from the start, their indices follow on those
    /// of the nodes, they have faults as well, and nobody asks the oracle about them.
    const ATTENDANTS: usize = 0;

    /// What a node runs.
    type Machine: Machine + 'static;
    /// What a script may have a node asked for. Its text is one line, and begins with no blank.
    type Order: Order;
    /// What is not as it should be.
    type Difference: fmt::Display + fmt::Debug;
    /// What looks on all the way through; `()` where nothing does.
    type Watch: Watch<Self>;

    /// What a node is made from.
    fn machine(script: &Script<Self>, boot: Boot) -> Self::Machine;

    /// Prepares a world before anything happens in it.
    fn begin(_: &mut World<Self::Machine>) {}

    /// Gives an order to a node, if it runs; while things go wrong a refusal is an answer as good as any.
    fn order(script: &Script<Self>, world: &mut World<Self::Machine>, node: usize, order: &Self::Order);

    /// Has a node that runs leave in good order.
    fn leave(world: &mut World<Self::Machine>, node: usize);

    /// How long after the recovery the oracle must hold.
    fn settling(script: &Script<Self>) -> Duration;

    /// The oracle: asked about those who are to be there, [`Script::members`].
    ///
    /// # Errors
    /// The first difference.
    fn judge(script: &Script<Self>, world: &World<Self::Machine>) -> Result<(), Self::Difference>;

    /// Who are the hubs that [`Action::Hubs`] kills, in that order: those with most connections, unless the protocol
    /// knows better.
    fn hubs(world: &World<Self::Machine>) -> Vec<usize> {
        world.most_connected()
    }

    /// Writes its own lines, each with its end.
    ///
    /// # Errors
    /// Those of the formatter.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Reads a line of its own by its first word and the rest; `None` if it is none.
    fn read(&mut self, word: &str, rest: &str) -> Option<()>;

    /// The last of the nodes that it names.
    fn last_node(&self) -> Option<usize> {
        None
    }

    /// Forgets what it says of nodes from this number on.
    fn truncate(&mut self, _nodes: usize) {}

    /// Simpler ones to try when a script that fails is made smaller.
    fn simpler(&self) -> Vec<Self> {
        Vec::new()
    }

    /// How far from simple it is; only what is lighter is taken for simpler.
    fn weight(&self) -> u64 {
        0
    }
}

/// An order that a script gives to a node: as text, one line that is read back.
pub trait Order: Clone + PartialEq + fmt::Debug + fmt::Display + FromStr {
    /// The last of the nodes that it names.
    fn last_node(&self) -> Option<usize> {
        None
    }
}

/// No orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoOrder {}

impl Order for NoOrder {}

impl fmt::Display for NoOrder {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl FromStr for NoOrder {
    type Err = ();

    fn from_str(_: &str) -> Result<Self, ()> {
        Err(())
    }
}

/// Looks on while a script runs.
pub trait Watch<P: Protocol>: Default {
    /// A node tells something.
    fn hear(&mut self, now: Time, node: usize, event: &<P::Machine as Machine>::Event);

    /// Lets time pass, and looks at what must hold at any time.
    ///
    /// # Errors
    /// What did not hold.
    fn pass(
        &mut self,
        _script: &Script<P>,
        world: &mut World<P::Machine>,
        agenda: &mut Agenda<P::Machine>,
        time: Duration,
    ) -> Result<(), P::Difference> {
        agenda.pass(world, time, |at, node, event| self.hear(at, node, &event));
        Ok(())
    }

    /// Everything is right again from now on, and who goes for good has gone.
    fn recovered(&mut self, _script: &Script<P>, _now: Time) {}

    /// The oracle was asked, and held or not.
    fn judged(&mut self, _script: &Script<P>, _now: Time, _holds: bool) {}

    /// What is to be looked at once the oracle has held at the stated time.
    ///
    /// # Errors
    /// What did not hold.
    fn afterwards(
        &mut self,
        _script: &Script<P>,
        _world: &mut World<P::Machine>,
    ) -> Result<(), P::Difference> {
        Ok(())
    }
}

impl<P: Protocol> Watch<P> for () {
    fn hear(&mut self, _: Time, _: usize, _: &<P::Machine as Machine>::Event) {}
}

/// One thing that a script has happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<O> {
    /// A fault, or time that passes. Nodes are counted with the attendants.
    Fault(Action),
    /// An order to a node.
    Order {
        /// Whom.
        node: usize,
        /// What.
        order: O,
    },
}

impl<O: Order> Step<O> {
    /// The last of the nodes that it names.
    pub fn last_node(&self) -> Option<usize> {
        match self {
            Step::Fault(action) => action.last_node(),
            Step::Order { node, order } => Some(order.last_node().map_or(*node, |other| other.max(*node))),
        }
    }
}

/// How a node goes for good, once everything else has recovered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
    /// Its process is killed.
    Kill,
    /// Its host falls silent.
    Halt,
    /// It leaves in good order.
    Leave,
}

/// Nodes of a protocol, and what happens to them.
#[derive(Clone, PartialEq, Debug)]
pub struct Script<P: Protocol> {
    /// From which everything else follows: delays, losses, what nodes draw.
    pub seed: u64,
    /// When each node joins; as many as there are nodes.
    pub joins: Vec<Duration>,
    /// The delays.
    pub terrain: Terrain,
    /// The most that is added to each message's delay.
    pub jitter: Duration,
    /// Datagrams lost until the recovery, in a million.
    pub loss_per_million: u32,
    /// Each process begins its clock at anything up to this; with zero all have the world's time.
    pub clocks: Duration,
    /// What is the protocol's own.
    pub plan: P,
    /// What happens after the last join.
    pub steps: Vec<Step<P::Order>>,
    /// Who goes for good at the recovery, and how.
    pub departures: Vec<(usize, Departure)>,
}

impl<P: Protocol> Script<P> {
    /// Nobody in particular on a plane, and nothing that goes wrong.
    pub fn calm() -> Self {
        Script {
            seed: 0,
            joins: Vec::new(),
            terrain: Terrain::Plane,
            jitter: Duration::ZERO,
            loss_per_million: 0,
            clocks: Duration::ZERO,
            plan: P::default(),
            steps: Vec::new(),
            departures: Vec::new(),
        }
    }

    /// How many nodes join; the attendants are not counted.
    pub fn nodes(&self) -> usize {
        self.joins.len()
    }

    /// The faults among the steps, waits included.
    pub fn faults(&self) -> impl Iterator<Item = &Action> {
        self.steps.iter().filter_map(|step| match step {
            Step::Fault(action) => Some(action),
            Step::Order { .. } => None,
        })
    }

    /// The world before anything has happened in it.
    pub fn world(&self) -> World<P::Machine> {
        let nodes = self.nodes();
        let seed = Seed::from_u64(self.seed);
        let matrix = self.terrain.matrix(nodes, &mut Streams::new(seed).named("terrain"));
        let rows: Vec<usize> = (0..nodes).chain(iter::repeat_n(0, P::ATTENDANTS)).collect();
        let sites = Sites::new(matrix, rows).unwrap_or_else(|_| unreachable!("rows of the matrix"));
        let jitter = match self.jitter {
            Duration::ZERO => Jitter::None,
            max => Jitter::Uniform { max },
        };
        let (loss_per_million, clocks) = (self.loss_per_million, self.clocks);
        let config = Config { jitter, loss_per_million, clocks, ..Config::default() };
        let mut world = World::new(config, sites, seed);
        let script = Rc::new(self.clone());
        for join in self.joins.iter().copied().chain(iter::repeat_n(Duration::ZERO, P::ATTENDANTS)) {
            let script = Rc::clone(&script);
            let node = world.add(move |boot| P::machine(&script, boot));
            world.start(node, Time::ZERO + join);
        }
        P::begin(&mut world);
        world
    }

    /// Those who run and are to stay.
    pub fn members<'a>(&self, world: &'a World<P::Machine>) -> Vec<(usize, &'a P::Machine)> {
        let gone = |node| self.departures.iter().any(|(departed, _)| *departed == node);
        let stay = (0..self.nodes()).filter(|node| !gone(*node));
        stay.filter_map(|node| Some((node, world.machine(node)?))).collect()
    }

    /// Asks the oracle about those who are to be there.
    ///
    /// # Errors
    /// The first difference.
    pub fn judge(&self, world: &World<P::Machine>) -> Result<(), P::Difference> {
        P::judge(self, world)
    }

    /// How long after the recovery the oracle must hold.
    pub fn settling(&self) -> Duration {
        P::settling(self)
    }

    /// Runs it to the stated time, looking on, and asks the oracle; then what is to be looked at afterwards.
    ///
    /// # Errors
    /// What did not hold, or was still wrong when the time was over.
    pub fn run(&self) -> Result<Held, P::Difference> {
        self.run_watched(&mut P::Watch::default())
    }

    /// The same, and what looked on can be asked afterwards.
    ///
    /// # Errors
    /// What did not hold, or was still wrong when the time was over.
    pub fn run_watched(&self, watch: &mut P::Watch) -> Result<Held, P::Difference> {
        let mut world = self.world();
        let mut agenda = Agenda::new(P::hubs);
        let joined = self.joins.iter().max().copied().unwrap_or_default();
        watch.pass(self, &mut world, &mut agenda, joined)?;
        for step in &self.steps {
            match step {
                Step::Fault(action) => {
                    if let Some(time) = agenda.act(&mut world, action) {
                        watch.pass(self, &mut world, &mut agenda, time)?;
                    }
                }
                Step::Order { node, order } => P::order(self, &mut world, *node, order),
            }
        }
        let after = self.recovered(&mut world, watch)?;
        watch.afterwards(self, &mut world)?;
        Ok(Held { after, tally: *world.tally() })
    }

    /// Makes everything right, has those go who go, and waits until the oracle holds; how long that took.
    fn recovered(
        &self,
        world: &mut World<P::Machine>,
        watch: &mut P::Watch,
    ) -> Result<Duration, P::Difference> {
        let mut nothing = Agenda::new(P::hubs);
        faults::recover(world);
        let recovered = world.now();
        watch.pass(self, world, &mut nothing, STARTING)?;
        self.depart(world);
        watch.recovered(self, world.now());
        let stated = world.now() + self.settling();
        let mut calm = Calm::default();
        while world.now() < stated {
            let holds = self.judge(world).is_ok();
            calm.seen(world.now(), holds);
            watch.judged(self, world.now(), holds);
            let time = VIEWED.min(stated.since(world.now()));
            watch.pass(self, world, &mut nothing, time)?;
        }
        let mut outcome = Ok(());
        let judge = |world: &World<P::Machine>| {
            outcome = self.judge(world);
            outcome.is_ok()
        };
        world.run_until_done(stated + QUIET, ASKED, judge, |at, node, event| watch.hear(at, node, &event));
        calm.seen(world.now(), outcome.is_ok());
        outcome?;
        Ok(calm.since.unwrap_or(world.now()).since(recovered))
    }

    /// Has those go who go for good.
    pub fn depart(&self, world: &mut World<P::Machine>) {
        for (node, how) in &self.departures {
            match how {
                Departure::Kill => world.kill(*node),
                Departure::Halt => world.halt(*node),
                Departure::Leave if world.condition(*node) == Condition::Running => P::leave(world, *node),
                Departure::Leave => {}
            }
        }
    }
}

/// What has held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// How long after everything was right again the oracle held, and went on to hold, moments aside in which news was
    /// on its way.
    pub after: Duration,
    /// Which faults took effect, and how often.
    pub tally: Tally,
}

/// Since when the oracle holds.
#[derive(Default)]
struct Calm {
    since: Option<Time>,
    last: Time,
}

impl Calm {
    fn seen(&mut self, now: Time, holds: bool) {
        if holds {
            self.since.get_or_insert(now);
            self.last = now;
        } else if now.since(self.last) > QUIET {
            self.since = None;
        }
    }
}

/// Runs the script of a protocol that octets stand for: what a fuzzer calls.
///
/// # Panics
/// If something does not hold: with the script.
pub fn check<P: Drawn>(octets: &[u8]) {
    let script = Script::<P>::decoded(octets);
    if let Err(difference) = script.run() {
        panic!("{difference}\n{script}");
    }
}
