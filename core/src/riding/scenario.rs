//! Scenarios of riding nodes: an overlay forms, its nodes announce while a few things go wrong, everything is made right
//! again, and a stated time later all have what anybody has.
//!
//! What scenarios of all protocols are is in [`sim::scenario`]. The attendant is the overlay's
//! bootstrap. At each node the application wants to hear of [`TYPE`], and finds messages of an even number valid and the
//! others not; an [`Order`] is what a gossip node is asked for.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use super::{Command, Config, Event, Riding};
use crate::gossip::scenario::{Gossiper, TYPE, all_have_the_same, fault_or_order};
use crate::gossip::wire::SMALL;
use crate::gossip::{self, Gossip};
use crate::overlay::wire::Network;
use crate::overlay::{self, scenario::SETTLING};
use crate::sim::faults;
use crate::sim::scenario::{self, Drawn, Ground, Script, Step};
use crate::sim::{self, Boot, World};

pub use crate::gossip::scenario::{Application, Difference, Order};

/// The overlay has settled then; a channel that was ended is offered again, and all that was missed goes round.
const RIDING: Duration = Duration::from_secs(30);
/// The most choices that a script may have a node make.
const CHOICES: usize = 16;

/// Riding nodes, what happens to them, and how long they then have.
pub type Scenario = Script<Plan>;

/// How the nodes of a scenario are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How many neighbours each chooses.
    pub k: usize,
}

impl Default for Plan {
    /// Nodes as they usually are.
    fn default() -> Self {
        Plan { k: 3 }
    }
}

/// What the message of a number holds; every fourth is longer than what is sent unasked, and some fill a channel's window.
fn data(number: u16) -> Bytes {
    let len = match number % 16 {
        0 | 1 => gossip::wire::MAX_DATA,
        8 | 9 => SMALL + 1,
        _ => 2,
    };
    let mut data = Vec::from(number.to_be_bytes());
    data.resize(len, 0);
    data.into()
}

impl scenario::Protocol for Plan {
    const NAME: &'static str = "riding";
    const ATTENDANTS: usize = 1;

    type Machine = Riding;
    type Order = Order;
    type Difference = Difference;
    type Watch = Application;

    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    fn machine(script: &Scenario, boot: Boot) -> Riding {
        let network = Network::new("scenario").unwrap_or_else(|_| unreachable!("a valid name"));
        let overlay = overlay::Config {
            k: script.plan.k,
            bootstraps: vec![sim::address(script.nodes())],
            ..overlay::Config::new(boot.seed, network, boot.address)
        };
        let overlay = if boot.node == script.nodes() {
            overlay::Config { bootstraps: Vec::new(), ..overlay }.watching()
        } else {
            overlay
        };
        let gossip = gossip::Config { start: boot.now, ..gossip::Config::auto(boot.seed) };
        Riding::new(Config { overlay, gossip }).unwrap_or_else(|error| panic!("{error}"))
    }

    fn order(_: &Scenario, world: &mut World<Riding>, node: usize, order: &Order) {
        let command = match *order {
            Order::Announce(number) => {
                gossip::Command::Announce { ttl: 0, data_type: TYPE, data: data(number) }
            }
            Order::Leave => gossip::Command::Leave,
        };
        let _ = world.command(node, Command::Gossip(command));
    }

    fn leave(world: &mut World<Riding>, node: usize) {
        let _ = world.command(node, Command::Gossip(gossip::Command::Leave));
    }

    fn settling(_: &Scenario) -> Duration {
        overlay::Periods::default().rewiring * SETTLING + RIDING
    }

    fn judge(script: &Scenario, world: &World<Riding>) -> Result<(), Difference> {
        all_have_the_same(script, world)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "k {}", self.k)
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        self.k = rest.parse().ok().filter(|k| word == "k" && (1..=CHOICES).contains(k))?;
        Some(())
    }

    fn simpler(&self) -> Vec<Plan> {
        vec![Plan::default()]
    }

    fn weight(&self) -> u64 {
        u64::from(*self != Plan::default())
    }
}

impl Gossiper for Riding {
    fn gossip(&self) -> &Gossip {
        Riding::gossip(self)
    }

    fn asked(command: gossip::Command) -> Command {
        Command::Gossip(command)
    }

    fn told(event: &Event) -> Option<&gossip::Event> {
        if let Event::Gossip(event) = event { Some(event) } else { None }
    }

    fn tells_of_misbehaviour(event: &Event) -> bool {
        matches!(
            event,
            Event::Gossip(gossip::Event::Misbehaved { .. })
                | Event::Overlay(overlay::Event::Misbehaved { .. })
        )
    }
}

impl Drawn for Plan {
    const CHOICES: usize = 16;

    /// # Panics
    /// There are fewer numbers.
    fn chosen(choices: &[u16]) -> Scenario {
        let [nodes, high, low, spread, k, terrain, jitter, loss, clocks, departures @ ..] =
            *choices.first_chunk::<16>().expect("so many numbers make a scenario");
        let ground = Ground { nodes, seed: [high, low], spread, terrain, jitter, loss, clocks, departures };
        ground.script(Plan { k: 2 + usize::from(k % 3) })
    }

    /// Every third is an order, of those one of sixteen to leave.
    fn step(script: &Scenario, choices: faults::Choices) -> Step<Order> {
        fault_or_order(script, choices, |_| true)
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
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::{Seed, Streams};

    proptest! {
        #[test]
        fn any_octets_are_a_scenario_that_can_be_written_and_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
            let scenario = Scenario::decoded(&octets);
            prop_assert_eq!(scenario.to_string().parse(), Ok(scenario));
        }
    }

    #[test]
    fn all_have_what_one_announces_and_nobody_what_is_invalid() {
        let text = "joins 0s 0s 0s 0s 0s 0s\nk 2\ndo wait 20s\ntell 3 announce 8\ntell 4 announce 16\ntell 5 announce 7\ndo wait 1s\n";
        let script: Scenario = text.parse().unwrap_or_else(|e| panic!("{e}: {text}"));
        let held = script.run().unwrap_or_else(|e| panic!("{e}"));
        assert!(held.after < Duration::from_secs(10), "{:?}", held.after);
    }

    #[test]
    fn riding_nodes_meet_a_stated_time_after_recovery() {
        for seed in 0..4 {
            let mut rng = Streams::new(Seed::from_u64(seed)).named("riding scenario");
            let steps = rng.index(20);
            let scenario = Scenario::drawn(&mut rng, steps);
            assert!(scenario.run().is_ok(), "seed {seed}: {}\n{scenario}", scenario.run().unwrap_err());
        }
    }
}
