//! Scenarios of mesh nodes: they find each other on a random network and say something to all while a few things go wrong,
//! everything is made right again, and a stated time later all are connected, over others if need be.
//!
//! What scenarios of all protocols are is in [`sim::scenario`](crate::sim::scenario). The first nodes of a script are what
//! everybody dials at start.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use bytes::Bytes;

use super::wire::{NodeId, Value};
use super::{Command, Config, Event, Mesh, Way};
use crate::kernel::Time;
use crate::sim::faults::{self, Action, Agenda};
use crate::sim::scenario::{self, Drawn, Ground, Script, Step, Watch};
use crate::sim::{Boot, World, address};

/// The longest pause between two dials.
const RETRY: Duration = Duration::from_secs(20);
/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(5);
/// Nobody is forgotten within a scenario: who had been given up on both sides would meet by chance alone.
const GIVE_UP: u32 = 1_000;
/// A silent end is noticed within two periods of pings; then come the longest pause and a dial, for those who have too few
/// peers. Groups that have enough find each other when one of them explores: each does so within 45 s, and has then to
/// come upon somebody of the other group.
const SETTLING: Duration = Duration::from_secs(300);
/// How often it is looked whether anything is wrong that never may be.
const VIEWED: Duration = Duration::from_millis(100);
/// The most peers that a script may have a node want.
const WANT: usize = 128;

/// Mesh nodes, what happens to them, and how long they then have.
pub type Scenario = Script<Plan>;

/// How the nodes of a scenario are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// [`Config::want_peers`] of each node.
    pub want: usize,
    /// How many of the first nodes everybody dials at start.
    pub bootstraps: usize,
}

impl Default for Plan {
    /// As py2p has it, by way of the first node.
    fn default() -> Self {
        Plan { want: 4, bootstraps: 1 }
    }
}

/// Something that a node is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `broadcast NUMBER`: say a number to all.
    Broadcast(u16),
    /// `whisper NODE`: say something to a node, peer or not.
    Whisper(usize),
    /// `leave`: close every connection and open no other; nobody asks about it any more.
    Leave,
}

/// A text that is no order.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an order: {0:?}")]
pub struct NotAnOrder(String);

impl scenario::Order for Order {
    fn last_node(&self) -> Option<usize> {
        match self {
            Order::Whisper(node) => Some(*node),
            Order::Broadcast(_) | Order::Leave => None,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Broadcast(number) => write!(f, "broadcast {number}"),
            Order::Whisper(node) => write!(f, "whisper {node}"),
            Order::Leave => f.write_str("leave"),
        }
    }
}

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(text: &str) -> Result<Self, NotAnOrder> {
        let order = match text.split_once(' ') {
            None if text == "leave" => Some(Order::Leave),
            Some(("broadcast", number)) => number.parse().ok().map(Order::Broadcast),
            Some(("whisper", node)) => node.parse().ok().map(Order::Whisper),
            _ => None,
        };
        order.ok_or_else(|| NotAnOrder(text.to_string()))
    }
}

/// What is not as it should be. Nodes are named by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    /// There is no way over peers from one to another.
    #[error("there is no way from node {node} to node {other}")]
    Apart {
        /// The one.
        node: usize,
        /// The other.
        other: usize,
    },
    /// One has another as a peer, and not the other way around.
    #[error("node {node} is connected to node {peer}, which is not to it")]
    OneSided {
        /// The one.
        node: usize,
        /// The other.
        peer: usize,
    },
    /// A peer is nobody who is there.
    #[error("node {node} is connected to {id}, which is nobody's id")]
    Stranger {
        /// Who has it.
        node: usize,
        /// What it calls itself.
        id: NodeId,
    },
    /// A node is its own peer.
    #[error("node {node} is connected to itself")]
    Itself {
        /// The node.
        node: usize,
    },
    /// A node was told of one broadcast more than once.
    #[error("node {node} told of {number}, said by {sender}, twice")]
    Twice {
        /// Where.
        node: usize,
        /// What was said.
        number: u64,
        /// By whom.
        sender: String,
    },
    /// A node found that a peer broke a rule: all run the same program.
    #[error("node {node} met somebody who broke a rule")]
    Misbehaved {
        /// The node.
        node: usize,
    },
}

impl scenario::Protocol for Plan {
    const NAME: &'static str = "mesh";

    type Machine = Mesh;
    type Order = Order;
    type Difference = Difference;
    type Watch = Listener;

    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    fn machine(script: &Scenario, boot: Boot) -> Mesh {
        let bootstraps = 0..script.plan.bootstraps.min(script.nodes());
        let config = Config {
            bootstrap: bootstraps.map(address).collect(),
            want_peers: script.plan.want,
            retry_max: RETRY,
            dial_timeout: DIAL,
            give_up_after: GIVE_UP,
            start: boot.now,
            wall_time: Some(boot.wall_time),
            ..Config::new(boot.seed, boot.address)
        };
        Mesh::new(config).unwrap_or_else(|error| panic!("{error}"))
    }

    fn order(_: &Scenario, world: &mut World<Mesh>, node: usize, order: &Order) {
        let says = |number: u64| Vec::from([Value::from(number)]);
        let command = match *order {
            Order::Broadcast(number) => Command::Broadcast { values: says(number.into()) },
            Order::Whisper(to) => {
                let Some(to) = world.machine(to).map(Mesh::id) else { return };
                Command::Whisper { to, values: says(0) }
            }
            Order::Leave => Command::Leave,
        };
        let _ = world.command(node, command);
    }

    fn leave(world: &mut World<Mesh>, node: usize) {
        let _ = world.command(node, Command::Leave);
    }

    fn settling(_: &Scenario) -> Duration {
        SETTLING
    }

    fn judge(script: &Scenario, world: &World<Mesh>) -> Result<(), Difference> {
        let members: BTreeMap<usize, &Mesh> =
            script.members(world).into_iter().filter(|(_, member)| !member.has_left()).collect();
        let links = links(&members)?;
        let meet_somewhere = members.range(..script.plan.bootstraps).next().is_some();
        let Some((&first, _)) = members.first_key_value().filter(|_| meet_somewhere) else { return Ok(()) };
        let reached = reached(first, &links);
        match members.keys().find(|node| !reached.contains(node)) {
            Some(&other) => Err(Difference::Apart { node: first, other }),
            None => Ok(()),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "want {}", self.want)?;
        writeln!(f, "bootstraps {}", self.bootstraps)
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        let number = rest.parse().ok().filter(|number| (1..=WANT).contains(number))?;
        match word {
            "want" => self.want = number,
            "bootstraps" => self.bootstraps = number,
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
        Vec::from([Plan { want: usual.want, ..*self }, Plan { bootstraps: usual.bootstraps, ..*self }])
    }

    fn weight(&self) -> u64 {
        let usual = Plan::default();
        [self.want != usual.want, self.bootstraps != usual.bootstraps].into_iter().map(u64::from).sum()
    }
}

/// Who is connected with whom, if all of them agree on it.
fn links(members: &BTreeMap<usize, &Mesh>) -> Result<BTreeSet<(usize, usize)>, Difference> {
    let numbers: BTreeMap<NodeId, usize> =
        members.iter().map(|(node, member)| (member.id(), *node)).collect();
    let mut links = BTreeSet::new();
    for (&node, member) in members {
        for peer in member.peers() {
            let Some(&other) = numbers.get(&peer.id) else {
                return Err(Difference::Stranger { node, id: peer.id });
            };
            links.insert((node, other));
        }
    }
    match links.iter().find(|(node, peer)| !links.contains(&(*peer, *node))) {
        Some(&(node, peer)) => Err(Difference::OneSided { node, peer }),
        None => Ok(links),
    }
}

/// Whom one reaches, itself among them.
fn reached(from: usize, links: &BTreeSet<(usize, usize)>) -> BTreeSet<usize> {
    let (mut reached, mut next) = (BTreeSet::from([from]), Vec::from([from]));
    while let Some(node) = next.pop() {
        let peers = links.range((node, 0)..(node + 1, 0)).map(|(_, peer)| *peer);
        next.extend(peers.filter(|peer| reached.insert(*peer)));
    }
    reached
}

/// What a node has told of since it began.
#[derive(Default)]
struct Told {
    since: Time,
    /// Broadcasts: who said each, when, and what.
    broadcasts: BTreeSet<(Bytes, u64, u64)>,
}

/// Listens to what nodes tell, and looks for what may be at no time.
#[derive(Default)]
pub struct Listener {
    told: BTreeMap<usize, Told>,
    twice: Option<Difference>,
}

impl Watch<Plan> for Listener {
    fn hear(&mut self, _: Time, node: usize, event: &Event) {
        let Event::Message { sender, way: Way::Broadcast, sent, values, .. } = event else { return };
        let number = values.first().and_then(Value::as_u64).unwrap_or(0);
        let told = self.told.entry(node).or_default();
        if !told.broadcasts.insert((sender.clone(), *sent, number)) {
            let sender = sender.escape_ascii().to_string();
            self.twice = Some(Difference::Twice { node, number, sender });
        }
    }

    fn pass(
        &mut self,
        script: &Scenario,
        world: &mut World<Mesh>,
        agenda: &mut Agenda<Mesh>,
        time: Duration,
    ) -> Result<(), Difference> {
        let end = world.now() + time;
        while world.now() < end {
            let slice = VIEWED.min(end.since(world.now()));
            agenda.pass(world, slice, |at, node, event| self.hear(at, node, &event));
            self.twice.take().map_or(Ok(()), Err)?;
            for node in 0..script.nodes() {
                let Some(member) = world.machine(node) else { continue };
                self.begin(node, member);
                never_wrong(node, member)?;
            }
        }
        Ok(())
    }
}

impl Listener {
    /// A node that has begun anew knows nothing of what it told.
    fn begin(&mut self, node: usize, member: &Mesh) {
        let since = member.config().start;
        let told = self.told.entry(node).or_default();
        if told.since != since {
            *told = Told { since, ..Told::default() };
        }
    }
}

/// What a node may not be at any time, whatever goes wrong.
fn never_wrong(node: usize, member: &Mesh) -> Result<(), Difference> {
    if member.peers().any(|peer| peer.id == member.id()) {
        return Err(Difference::Itself { node });
    }
    if member.counters().misbehaved > 0 { Err(Difference::Misbehaved { node }) } else { Ok(()) }
}

impl Drawn for Plan {
    const CHOICES: usize = 17;

    /// # Panics
    /// There are fewer numbers.
    fn chosen(choices: &[u16]) -> Scenario {
        let [nodes, high, low, spread, want, bootstraps, terrain, jitter, loss, clocks, departures @ ..] =
            *choices.first_chunk::<17>().expect("so many numbers make a scenario");
        let ground = Ground { nodes, seed: [high, low], spread, terrain, jitter, loss, clocks, departures };
        let plan = Plan { want: 2 + usize::from(want) % 4, bootstraps: 1 + usize::from(bootstraps) % 2 };
        let mut scenario = ground.script(plan);
        // Somebody has to be there where all meet.
        scenario.departures.retain(|(node, _)| *node >= plan.bootstraps);
        scenario
    }

    /// Every third is an order, of those one of sixteen to leave and a quarter to say something to one node.
    fn step(script: &Scenario, choices: faults::Choices) -> Step<Order> {
        let [kind, node, number, what, other] = choices;
        if other % 3 != 0 {
            let choices = [kind, node, number, what, other / 3];
            return Step::Fault(Action::chosen(choices, script.severity()));
        }
        let node = usize::from(node) % script.nodes();
        let order = match what % 16 {
            15 if node >= script.plan.bootstraps => Order::Leave,
            0..4 => Order::Whisper(usize::from(number) % script.nodes()),
            _ => Order::Broadcast(number),
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

#[cfg(test)]
mod tests {
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

    fn read(text: &str) -> Scenario {
        text.parse().unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    #[test]
    fn nodes_that_start_at_once_are_connected_soon() {
        let held = read("joins 0s 0s 0s 0s 0s 0s\n").run().unwrap();
        assert!(held.after < Duration::from_secs(5), "{held:?}");
    }

    /// Broadcasts among nodes on random networks that have been connected for a while: each comes to all others once.
    #[test]
    fn a_broadcast_comes_once_to_everybody_who_is_connected() {
        for seed in 0..40 {
            let mut rng = Streams::new(Seed::from_u64(seed)).named("mesh");
            let mut script = Scenario::drawn(&mut rng, 0);
            script.departures.clear();
            let mut world = script.world();
            world.run_until(Time::from_secs(120), |_, _, _| ());
            let mut told = BTreeMap::<(usize, u64), usize>::new();
            for node in 0..script.nodes() {
                let values = Vec::from([Value::from(node as u64)]);
                let said = world.command(node, Command::Broadcast { values });
                assert!(matches!(said, Some(Ok(_))), "seed {seed}: {said:?}");
            }
            world.run_until(Time::from_secs(130), |_, node, event| {
                if let Event::Message { values, .. } = event {
                    *told.entry((node, values[0].as_u64().unwrap())).or_default() += 1;
                }
            });
            let nodes = script.nodes();
            assert_eq!(told.len(), nodes * (nodes - 1), "seed {seed}: {script}");
            assert!(told.values().all(|times| *times == 1), "seed {seed}: {script}");
        }
    }
}
