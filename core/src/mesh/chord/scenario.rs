//! Scenarios of Chord nodes: they become a ring on a random network, and users set and delete keys while a few things go wrong;
//! everything is made right again, and a stated time later all are one ring that keeps what was acknowledged.
//!
//! What scenarios of all protocols are is in [`sim::scenario`](crate::sim::scenario). The first nodes of a script are what
//! everybody dials at start. Nodes keep everything in memory: whoever is started again has forgotten it.

mod ledger;
mod oracle;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use bytes::Bytes;

use super::store::Policy;
use super::{Chord, Command, Config, Place, Table};
use crate::mesh;
use crate::mesh::wire::Value;
use crate::sim::faults::{self, Action};
use crate::sim::scenario::{self, Drawn, Ground, Script, Step};
use crate::sim::{Boot, World, address};

pub use ledger::Ledger;
pub use oracle::Difference;

/// The longest pause between two dials.
const RETRY: Duration = Duration::from_secs(20);
/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(5);
/// Nobody is forgotten within a scenario: who had been given up on both sides would meet by chance alone.
const GIVE_UP: u32 = 1_000;
/// All are connected within the time that a mesh has, 300 s. Then rings have to notice each other, each node of the one that yields
/// within 10 s of a neighbour's; and what is kept where nobody compares it is sent on after three periods of comparison.
const SETTLING: Duration = Duration::from_secs(600);
/// How long what a user asks for may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The keys that users set.
const KEYS: u16 = 16;

/// Chord nodes, what happens to them, and how long they then have.
pub type Scenario = Script<Plan>;

/// How the nodes of a scenario are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How many of the first nodes everybody dials at start.
    pub bootstraps: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { bootstraps: 1 }
    }
}

/// Something that a node is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `put KEY VALUE`: give a key a value.
    Put(u16, u16),
    /// `delete KEY`: take its value away.
    Delete(u16),
    /// `get KEY`: ask for it.
    Get(u16),
    /// `unjoin`: store no more.
    Unjoin,
    /// `join`: store again.
    Join,
    /// `leave`: hand over what is kept, and go for good.
    Leave,
}

/// A text that is no order.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an order: {0:?}")]
pub struct NotAnOrder(String);

impl scenario::Order for Order {}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Put(key, value) => write!(f, "put {key} {value}"),
            Order::Delete(key) => write!(f, "delete {key}"),
            Order::Get(key) => write!(f, "get {key}"),
            Order::Unjoin => f.write_str("unjoin"),
            Order::Join => f.write_str("join"),
            Order::Leave => f.write_str("leave"),
        }
    }
}

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(text: &str) -> Result<Self, NotAnOrder> {
        let words: Vec<&str> = text.split(' ').collect();
        let number = |word: &str| word.parse().map_err(|_| NotAnOrder(text.to_string()));
        Ok(match words[..] {
            ["put", key, value] => Order::Put(number(key)?, number(value)?),
            ["delete", key] => Order::Delete(number(key)?),
            ["get", key] => Order::Get(number(key)?),
            ["unjoin"] => Order::Unjoin,
            ["join"] => Order::Join,
            ["leave"] => Order::Leave,
            _ => return Err(NotAnOrder(text.to_string())),
        })
    }
}

/// A key of users'.
fn key(number: u16) -> Bytes {
    format!("key {number}").into()
}

/// Where it is kept.
fn place(number: u16) -> Place {
    Place::of(Table::Sha384, &key(number))
}

impl scenario::Protocol for Plan {
    const NAME: &'static str = "chord";

    type Machine = Chord;
    type Order = Order;
    type Difference = Difference;
    type Watch = Ledger;

    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    fn machine(script: &Scenario, boot: Boot) -> Chord {
        let bootstraps = 0..script.plan.bootstraps.min(script.nodes());
        let config = Config::new(boot.seed, boot.address);
        let mesh = mesh::Config {
            bootstrap: bootstraps.map(address).collect(),
            retry_max: RETRY,
            dial_timeout: DIAL,
            give_up_after: GIVE_UP,
            start: boot.now,
            wall_time: Some(boot.wall_time),
            ..config.mesh
        };
        Chord::new(Config { mesh, ..config }).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The clock that a host steps or that runs wrong is its monotonic one; what a clock on the wall shows is told each minute.
    fn begin(world: &mut World<Chord>) {
        for node in 0..world.len() {
            world.set_wall_time(node, world.wall_time(node));
        }
    }

    fn order(_: &Scenario, world: &mut World<Chord>, node: usize, order: &Order) {
        let (policy, timeout) = (Policy::Memory, TIMEOUT);
        let command = match *order {
            Order::Put(number, value) => {
                let value = Value::from(u64::from(value));
                Command::Put { key: key(number), value, lives: None, policy, timeout }
            }
            Order::Delete(number) => Command::Delete { key: key(number), policy, timeout },
            Order::Get(number) => Command::Get { key: key(number), timeout },
            Order::Unjoin => Command::Unjoin,
            Order::Join => Command::Join,
            Order::Leave => Command::Leave,
        };
        let _ = world.command(node, command);
    }

    fn leave(world: &mut World<Chord>, node: usize) {
        let _ = world.command(node, Command::Leave);
    }

    fn settling(_: &Scenario) -> Duration {
        SETTLING
    }

    fn judge(script: &Scenario, world: &World<Chord>) -> Result<(), Difference> {
        oracle::judge(script, world)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bootstraps {}", self.bootstraps)
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        let number = rest.parse().ok().filter(|number| (1..=16).contains(number))?;
        (word == "bootstraps").then(|| self.bootstraps = number)
    }

    fn last_node(&self) -> Option<usize> {
        Some(self.bootstraps - 1)
    }

    fn truncate(&mut self, nodes: usize) {
        self.bootstraps = self.bootstraps.min(nodes);
    }

    fn simpler(&self) -> Vec<Plan> {
        Vec::from([Plan::default()])
    }

    fn weight(&self) -> u64 {
        u64::from(*self != Plan::default())
    }
}

impl Drawn for Plan {
    const CHOICES: usize = 16;

    /// # Panics
    /// There are fewer numbers.
    fn chosen(choices: &[u16]) -> Scenario {
        let [nodes, high, low, spread, bootstraps, terrain, jitter, loss, clocks, departures @ ..] =
            *choices.first_chunk::<16>().expect("so many numbers make a scenario");
        let ground = Ground { nodes, seed: [high, low], spread, terrain, jitter, loss, clocks, departures };
        let plan = Plan { bootstraps: 1 + usize::from(bootstraps) % 2 };
        let mut scenario = ground.script(plan);
        // Somebody has to be there where all meet.
        scenario.departures.retain(|(node, _)| *node >= plan.bootstraps);
        scenario
    }

    /// Every second is an order, mostly to set a key.
    fn step(script: &Scenario, choices: faults::Choices) -> Step<Order> {
        let [kind, node, number, what, other] = choices;
        if other % 2 == 0 {
            let choices = [kind, node, number, what, other / 2];
            return Step::Fault(Action::chosen(choices, script.severity()));
        }
        let node = usize::from(node) % script.nodes();
        let key = number % KEYS;
        let order = match what % 32 {
            31 if node >= script.plan.bootstraps => Order::Leave,
            29..31 if node >= script.plan.bootstraps => Order::Unjoin,
            27..29 => Order::Join,
            22..27 => Order::Delete(key),
            18..22 => Order::Get(key),
            _ => Order::Put(key, kind),
        };
        Step::Order { node, order }
    }
}

/// Runs the scenario that octets stand for: what a fuzzer calls.
///
/// # Panics
/// If something does not hold: with the script.
pub fn check(octets: &[u8]) {
    scenario::check::<Plan>(octets);
}
