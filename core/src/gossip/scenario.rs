//! Scenarios of gossip nodes: they find each other on a random network and announce while a few things go wrong, everything
//! is made right again, and a stated time later all have what anybody has.
//!
//! What scenarios of all protocols are is in [`sim::scenario`](crate::sim::scenario). The first nodes of a script are what
//! everybody dials at start. At each node the application wants to hear of [`TYPE`], and finds messages of an even number
//! valid and the others not.

mod application;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;
use core::time::Duration;

use bytes::Bytes;

use super::wire::SMALL;
pub use application::{Application, Gossiper};
pub(crate) use application::{all_have_the_same, fault_or_order};

use super::{Command, Config, Gossip};
use crate::sim::faults;
use crate::sim::scenario::{self, Drawn, Ground, Script, Step};
use crate::sim::{Boot, World, address};

/// What all messages are.
pub const TYPE: u16 = 7;
/// The longest pause between two dials.
const RETRY: Duration = Duration::from_secs(20);
/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(5);
/// Nobody is forgotten within a scenario: who had been given up on both sides would meet by chance alone.
const GIVE_UP: u32 = 1_000;
/// A silent end is noticed within two periods of pings; then come the longest pause and a dial, for those who have too few
/// links. Groups that have enough find each other when one of them explores: each does so within 45 s, and has then to
/// come upon somebody of the other group.
const SETTLING: Duration = Duration::from_secs(300);
/// The most links that a script may have a node keep.
const DEGREE: usize = 16;

/// The most bootstraps or compatible nodes that a script may have.
const NODES: usize = 128;

/// Gossip nodes, what happens to them, and how long they then have.
pub type Scenario = Script<Plan>;

/// How the nodes of a scenario are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// [`Config::degree`] of each node.
    pub degree: usize,
    /// How many of the first nodes everybody dials at start.
    pub bootstraps: usize,
    /// How many of the last nodes are compatible ones.
    pub compatible: usize,
}

impl Default for Plan {
    /// Nodes of this project as they usually are, by way of the first.
    fn default() -> Self {
        Plan { degree: 4, bootstraps: 1, compatible: 0 }
    }
}

/// Something that a node is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `announce NUMBER`: announce the message of this number; every fourth is longer than what is sent unasked.
    Announce(u16),
    /// `leave`: close every connection and open no other; nobody asks about it any more.
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
            Order::Announce(number) => write!(f, "announce {number}"),
            Order::Leave => f.write_str("leave"),
        }
    }
}

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(text: &str) -> Result<Self, NotAnOrder> {
        let announce = || text.strip_prefix("announce ")?.parse().ok().map(Order::Announce);
        let order = if text == "leave" { Some(Order::Leave) } else { announce() };
        order.ok_or_else(|| NotAnOrder(text.to_string()))
    }
}

/// What is not as it should be. Nodes and messages are named by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    /// One has a valid message and another has not.
    #[error("node {node} has not message {message}, which node {at} has")]
    Missing {
        /// Who has it not.
        node: usize,
        /// What.
        message: u16,
        /// Who has it.
        at: usize,
    },
    /// The application was told of a valid message more than once.
    #[error("node {node} told of message {message} twice")]
    Twice {
        /// Where.
        node: usize,
        /// Of what.
        message: u16,
    },
    /// An invalid message was passed on.
    #[error("message {message} is invalid and came to node {node}, which has no link with who announced it")]
    Strayed {
        /// Where it came to.
        node: usize,
        /// What.
        message: u16,
    },
    /// A node found that a peer broke a rule: all run the same program.
    #[error("node {node} met somebody who broke a rule")]
    Misbehaved {
        /// The node.
        node: usize,
    },
}

/// What the message of a number holds.
fn data(number: u16) -> Bytes {
    let len = if number % 8 < 2 { SMALL + 1 } else { 2 };
    let mut data = Vec::from(number.to_be_bytes());
    data.resize(len, 0);
    data.into()
}

impl scenario::Protocol for Plan {
    const NAME: &'static str = "gossip";

    type Machine = Gossip;
    type Order = Order;
    type Difference = Difference;
    type Watch = Application;

    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    fn machine(script: &Scenario, boot: Boot) -> Gossip {
        let bootstraps = 0..script.plan.bootstraps.min(script.nodes());
        let is_compatible = boot.node + script.plan.compatible >= script.nodes();
        let usual = if is_compatible { Config::compatible } else { Config::auto };
        let config = Config {
            address: match boot.address {
                SocketAddr::V4(address) => Some(address),
                SocketAddr::V6(_) => None,
            },
            bootstrap: bootstraps.map(address).collect(),
            degree: script.plan.degree,
            cache_size: 4_096,
            retry_max: RETRY,
            dial_timeout: DIAL,
            give_up_after: GIVE_UP,
            start: boot.now,
            ..usual(boot.seed)
        };
        Gossip::new(config).unwrap_or_else(|error| panic!("{error}"))
    }

    fn order(_: &Scenario, world: &mut World<Gossip>, node: usize, order: &Order) {
        let command = match *order {
            Order::Announce(number) => Command::Announce { ttl: 0, data_type: TYPE, data: data(number) },
            Order::Leave => Command::Leave,
        };
        let _ = world.command(node, command);
    }

    fn leave(world: &mut World<Gossip>, node: usize) {
        let _ = world.command(node, Command::Leave);
    }

    fn settling(_: &Scenario) -> Duration {
        SETTLING
    }

    fn judge(script: &Scenario, world: &World<Gossip>) -> Result<(), Difference> {
        all_have_the_same(script, world)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "degree {}", self.degree)?;
        writeln!(f, "bootstraps {}", self.bootstraps)?;
        writeln!(f, "compatible {}", self.compatible)
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        let number = rest.parse().ok()?;
        match word {
            "degree" if (1..=DEGREE).contains(&number) => self.degree = number,
            "bootstraps" if (1..=NODES).contains(&number) => self.bootstraps = number,
            "compatible" if number <= NODES => self.compatible = number,
            _ => return None,
        }
        Some(())
    }

    fn last_node(&self) -> Option<usize> {
        Some(self.bootstraps - 1)
    }

    fn truncate(&mut self, nodes: usize) {
        self.bootstraps = self.bootstraps.min(nodes);
    }

    fn simpler(&self) -> Vec<Plan> {
        let usual = Plan::default();
        Vec::from([
            Plan { degree: usual.degree, ..*self },
            Plan { bootstraps: usual.bootstraps, ..*self },
            Plan { compatible: usual.compatible, ..*self },
        ])
    }

    fn weight(&self) -> u64 {
        let usual = Plan::default();
        let others = [
            self.degree != usual.degree,
            self.bootstraps != usual.bootstraps,
            self.compatible != usual.compatible,
        ];
        others.into_iter().map(u64::from).sum()
    }
}

impl Drawn for Plan {
    const CHOICES: usize = 17;

    /// # Panics
    /// There are fewer numbers.
    fn chosen(choices: &[u16]) -> Scenario {
        let [nodes, high, low, spread, degree, others, terrain, jitter, loss, clocks, departures @ ..] =
            *choices.first_chunk::<17>().expect("so many numbers make a scenario");
        let ground = Ground { nodes, seed: [high, low], spread, terrain, jitter, loss, clocks, departures };
        let plan = Plan {
            degree: 2 + usize::from(degree % 3),
            bootstraps: 1 + usize::from(others) % 2,
            // A third have some compatible nodes.
            compatible: if others % 3 == 2 { 1 + usize::from(others / 3) % 3 } else { 0 },
        };
        let mut scenario = ground.script(plan);
        // Somebody has to be there where all meet.
        scenario.departures.retain(|(node, _)| *node >= plan.bootstraps);
        scenario
    }

    /// Every third is an order, of those one of sixteen to leave.
    fn step(script: &Scenario, choices: faults::Choices) -> Step<Order> {
        fault_or_order(script, choices, |node| node >= script.plan.bootstraps)
    }
}

/// Runs the scenario that octets stand for: what a fuzzer calls.
///
/// # Panics
/// If something does not hold: with the script.
pub fn check(octets: &[u8]) {
    scenario::check::<Plan>(octets);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_octets_are_a_scenario_that_can_be_written_and_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
            let scenario = Scenario::decoded(&octets);
            prop_assert_eq!(scenario.to_string().parse(), Ok(scenario));
        }
    }

    fn read(text: &str) -> Scenario {
        text.parse().unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    #[test]
    fn all_have_what_one_announces_and_nobody_what_is_invalid() {
        let script = read(
            "joins 0s 0s 0s 0s 0s 0s\ndegree 2\ndo wait 5s\ntell 3 announce 8\ntell 4 announce 6\ntell 5 announce 7\ndo wait 1s\n",
        );
        let held = script.run().unwrap();
        assert!(held.after < Duration::from_secs(5), "{held:?}");
    }
}
