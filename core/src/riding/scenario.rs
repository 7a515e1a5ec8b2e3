//! Scenarios of riding nodes: an overlay forms, its nodes announce while a few things go wrong, everything is made right
//! again, and a stated time later all have what anybody has.
//!
//! What scenarios of all protocols are is in [`sim::scenario`]. The attendant is the overlay's
//! bootstrap. At each node the application wants to hear of [`TYPE`], and finds messages of an even number valid and the
//! others not; an [`Order`] is what a gossip node is asked for.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use super::{Command, Config, Event, Riding};
use crate::gossip::scenario::TYPE;
use crate::gossip::wire::SMALL;
use crate::gossip::{self, Standing};
use crate::kernel::Time;
use crate::overlay::wire::Network;
use crate::overlay::{self, scenario::SETTLING};
use crate::sim::faults::{self, Action, Agenda};
use crate::sim::scenario::{self, Drawn, Ground, Script, Step, Watch};
use crate::sim::{self, Boot, World, node_at};

pub use crate::gossip::scenario::{Difference, Order};

/// How soon the application answers.
const VERDICT: Duration = Duration::from_millis(10);
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

/// The number of a message.
fn number(data: &Bytes) -> u16 {
    data.first_chunk().map_or(0, |octets| u16::from_be_bytes(*octets))
}

const fn is_valid(number: u16) -> bool {
    number.is_multiple_of(2)
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
        let members = script.members(world);
        let here = members.iter().filter(|(_, member)| !member.gossip().has_left());
        let held: BTreeMap<usize, BTreeSet<u16>> =
            here.map(|(node, member)| (*node, spread(member))).collect();
        for (&at, messages) in &held {
            for (&node, others) in &held {
                if let Some(&message) = messages.difference(others).next() {
                    return Err(Difference::Missing { node, message, at });
                }
            }
        }
        Ok(())
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

/// The valid messages that a node has and would pass on.
fn spread(node: &Riding) -> BTreeSet<u16> {
    let valid = node.gossip().cache().filter(|entry| matches!(entry.standing, Standing::Valid(_)));
    valid.map(|entry| number(&entry.announce.data)).filter(|number| is_valid(*number)).collect()
}

/// What the nodes' applications do: they want to hear, and judge. And what they look for.
#[derive(Default)]
pub struct Application {
    /// Messages to be judged.
    waiting: Vec<(usize, u16, u16)>,
    /// What each node has told of since it started.
    told: BTreeSet<(usize, u16)>,
    /// Who ever rode with whom.
    links: BTreeSet<(usize, usize)>,
    wrong: Option<Difference>,
}

impl Watch<Plan> for Application {
    fn hear(&mut self, _: Time, node: usize, event: &Event) {
        match event {
            Event::Gossip(gossip::Event::PeerUp { remote, .. }) => {
                if let Some((other, _)) = node_at(*remote) {
                    self.links.extend([(node, other), (other, node)]);
                }
            }
            Event::Gossip(gossip::Event::Message { id, data, waits, .. }) => {
                self.told_of(node, *id, number(data), *waits);
            }
            Event::Gossip(gossip::Event::Misbehaved { .. })
            | Event::Overlay(overlay::Event::Misbehaved { .. }) => {
                self.wrong = Some(Difference::Misbehaved { node });
            }
            _ => {}
        }
    }

    fn pass(
        &mut self,
        script: &Scenario,
        world: &mut World<Riding>,
        agenda: &mut Agenda<Riding>,
        time: Duration,
    ) -> Result<(), Difference> {
        let end = world.now() + time;
        while world.now() < end {
            agenda.pass(world, VERDICT.min(end.since(world.now())), |at, node, event| {
                self.hear(at, node, &event);
            });
            (0..script.nodes()).for_each(|node| self.begin(world, node));
            self.judge(world);
            self.stray(script)?;
            self.wrong.take().map_or(Ok(()), Err)?;
        }
        Ok(())
    }
}

impl Application {
    fn told_of(&mut self, node: usize, id: u16, message: u16, waits: bool) {
        if !self.told.insert((node, message)) && is_valid(message) {
            self.wrong = Some(Difference::Twice { node, message });
        }
        if waits {
            self.waiting.push((node, id, message));
        }
    }

    /// A node that has started is told what its application wants to hear of.
    fn begin(&mut self, world: &mut World<Riding>, node: usize) {
        let is_new = world
            .machine(node)
            .is_some_and(|node| !node.gossip().has_left() && node.gossip().registrations().count() == 0);
        let subscribe = Command::Gossip(gossip::Command::Subscribe { data_type: TYPE });
        if is_new && world.command(node, subscribe).is_some() {
            self.told.retain(|(at, _)| *at != node);
            self.waiting.retain(|(at, _, _)| *at != node);
        }
    }

    /// Gives the verdicts that are due, at the nodes that run.
    fn judge(&mut self, world: &mut World<Riding>) {
        self.waiting.retain(|(node, id, message)| {
            let verdict = gossip::Command::Validate { id: *id, valid: is_valid(*message) };
            world.command(*node, Command::Gossip(verdict)).is_none()
        });
    }

    /// An invalid message comes to those who ride, or rode, with its announcer.
    fn stray(&self, script: &Scenario) -> Result<(), Difference> {
        let invalid = self.told.iter().filter(|(_, message)| !is_valid(*message));
        for &(node, message) in invalid {
            let mut announcers = script.steps.iter().filter_map(|step| match step {
                Step::Order { node, order: Order::Announce(number) } if *number == message => Some(*node),
                _ => None,
            });
            if !announcers.any(|from| from == node || self.links.contains(&(from, node))) {
                return Err(Difference::Strayed { node, message });
            }
        }
        Ok(())
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
        let [kind, node, message, what, other] = choices;
        if other % 3 != 0 {
            let choices = [kind, node, message, what, other / 3];
            return Step::Fault(Action::chosen(choices, script.severity()));
        }
        let node = usize::from(node) % script.nodes();
        Step::Order { node, order: if what % 16 == 15 { Order::Leave } else { Order::Announce(message) } }
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
