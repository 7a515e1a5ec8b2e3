//! Scenarios of hello nodes: they greet each other on a random network, a few things go wrong, everything is made right
//! again, and a stated time later everybody knows whom it should.
//!
//! What scenarios of all protocols are is in [`sim::scenario`](crate::sim::scenario). The first nodes of a script are what
//! everybody dials at start.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::{Command, Config, Dialect, Event, Hello, NodeId};
use crate::kernel::Time;
use crate::sim::faults::{self, Action, Agenda};
use crate::sim::scenario::{self, Drawn, Ground, Script, Step, Watch};
use crate::sim::{Boot, World, address, node_at};

/// The article's minute is too long for scenarios.
const PING: Duration = Duration::from_secs(10);
/// The longest pause between two dials.
const RETRY: Duration = Duration::from_secs(20);
/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(5);
/// Nobody is forgotten within a scenario: who had been given up on both sides would meet by chance alone.
const GIVE_UP: u32 = 1_000;
/// A silent end is noticed within three periods of pings; then comes the longest pause and a fifth, a dial, and both
/// once more where one of two connections with a peer was the wrong one to keep.
const SETTLING: Duration = Duration::from_secs(90);
/// How often it is looked whether anything is wrong that never may be.
const VIEWED: Duration = Duration::from_millis(100);
/// The most peers that a script may have a node want.
const WANT: usize = 128;

/// Hello nodes, what happens to them, and how long they then have.
pub type Scenario = Script<Plan>;

/// How the nodes of a scenario are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// [`Config::want_peers`] of each node.
    pub want: usize,
    /// How many of the first nodes everybody dials at start.
    pub bootstraps: usize,
    /// What all of them speak.
    pub dialect: Dialect,
}

impl Default for Plan {
    /// As many peers as there are, by way of the first node, in the article's dialect.
    fn default() -> Self {
        Plan { want: 32, bootstraps: 1, dialect: Dialect::Article }
    }
}

const DIALECTS: [Dialect; 2] = [Dialect::Article, Dialect::Ncpoc];

const fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Article => "article",
        Dialect::Ncpoc => "ncpoc",
    }
}

/// Something that a node is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `connect NODE`: dial a node.
    Connect(usize),
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
            Order::Connect(node) => Some(*node),
            Order::Leave => None,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Connect(node) => write!(f, "connect {node}"),
            Order::Leave => f.write_str("leave"),
        }
    }
}

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(text: &str) -> Result<Self, NotAnOrder> {
        let connect = || text.strip_prefix("connect ")?.parse().ok().map(Order::Connect);
        let order = if text == "leave" { Some(Order::Leave) } else { connect() };
        order.ok_or_else(|| NotAnOrder(text.to_string()))
    }
}

/// What is not as it should be. Nodes are named by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    /// One should have another as a peer, and has not.
    #[error("node {node} has not met node {peer}")]
    Missing {
        /// The one.
        node: usize,
        /// The other.
        peer: usize,
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
    /// Two connections of a node are with one peer.
    #[error("node {node} is connected twice to {id}")]
    Twice {
        /// The node.
        node: usize,
        /// What the peer calls itself.
        id: NodeId,
    },
    /// A node found that a peer broke a rule: all run the same program.
    #[error("node {node} met somebody who broke a rule")]
    Misbehaved {
        /// The node.
        node: usize,
    },
}

impl scenario::Protocol for Plan {
    const NAME: &'static str = "hello";

    type Machine = Hello;
    type Order = Order;
    type Difference = Difference;
    type Watch = Never;

    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    fn machine(script: &Scenario, boot: Boot) -> Hello {
        let bootstraps = 0..script.plan.bootstraps.min(script.nodes());
        let usual = match script.plan.dialect {
            Dialect::Article => Config::article,
            Dialect::Ncpoc => Config::ncpoc,
        };
        let config = Config {
            address: Some(boot.address),
            bootstrap: bootstraps.map(address).collect(),
            want_peers: script.plan.want,
            ping_period: PING,
            their_ping_period: PING,
            retry_max: RETRY,
            dial_timeout: DIAL,
            give_up_after: GIVE_UP,
            start: boot.now,
            ..usual(boot.seed)
        };
        Hello::new(config).unwrap_or_else(|error| panic!("{error}"))
    }

    fn order(_: &Scenario, world: &mut World<Hello>, node: usize, order: &Order) {
        let _ = world.command(
            node,
            match *order {
                Order::Connect(to) => Command::Connect { addr: address(to) },
                Order::Leave => Command::Leave,
            },
        );
    }

    fn leave(world: &mut World<Hello>, node: usize) {
        let _ = world.command(node, Command::Leave);
    }

    fn settling(_: &Scenario) -> Duration {
        SETTLING
    }

    fn judge(script: &Scenario, world: &World<Hello>) -> Result<(), Difference> {
        let members: BTreeMap<usize, &Hello> =
            script.members(world).into_iter().filter(|(_, member)| !member.has_left()).collect();
        let numbers: BTreeMap<&NodeId, usize> =
            members.iter().map(|(node, member)| (member.id(), *node)).collect();
        for (&node, member) in &members {
            never_wrong(script.plan.dialect, node, member)?;
            for peer in member.peers() {
                let Some(&other) = numbers.get(&peer.id) else {
                    return Err(Difference::Stranger { node, id: peer.id.clone() });
                };
                if !has(members[&other], member.id()) {
                    return Err(Difference::OneSided { node, peer: other });
                }
            }
            let whom = script.wanted(node, &members);
            if let Some(&peer) = whom.iter().find(|peer| !has(member, members[*peer].id())) {
                return Err(Difference::Missing { node, peer });
            }
        }
        Ok(())
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "want {}", self.want)?;
        writeln!(f, "bootstraps {}", self.bootstraps)?;
        writeln!(f, "dialect {}", name(self.dialect))
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        match word {
            "want" => self.want = rest.parse().ok().filter(|want| (1..=WANT).contains(want))?,
            "bootstraps" => self.bootstraps = rest.parse().ok().filter(|n| (1..=WANT).contains(n))?,
            "dialect" => self.dialect = DIALECTS.into_iter().find(|dialect| name(*dialect) == rest)?,
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
            Plan { want: usual.want, ..*self },
            Plan { bootstraps: usual.bootstraps, ..*self },
            Plan { dialect: usual.dialect, ..*self },
        ])
    }

    fn weight(&self) -> u64 {
        let usual = Plan::default();
        let others =
            [self.want != usual.want, self.bootstraps != usual.bootstraps, self.dialect != usual.dialect];
        others.into_iter().map(u64::from).sum()
    }
}

impl Scenario {
    /// Whom a node must have as a peer: nobody in particular if it has as many as it wants; else everybody whose address it
    /// knows, and in the article's dialect everybody there is where all of them meet at a bootstrap. Nodes of ncpoc tell no
    /// others' addresses but those that they dialled.
    fn wanted(&self, node: usize, members: &BTreeMap<usize, &Hello>) -> Vec<usize> {
        let member = members[&node];
        if member.peers().count() >= self.plan.want {
            return Vec::new();
        }
        let all_meet = self.plan.dialect == Dialect::Article
            && self.plan.want >= self.nodes()
            && members.range(..self.plan.bootstraps).next().is_some();
        let known = |other: &usize| {
            member.known().any(|known| node_at(known.addr).is_some_and(|(at, _)| at == *other))
        };
        members.keys().copied().filter(|other| *other != node && (all_meet || known(other))).collect()
    }
}

fn has(node: &Hello, id: &NodeId) -> bool {
    node.peers().any(|peer| peer.id == *id)
}

/// What a node may not be at any time, whatever goes wrong.
fn never_wrong(dialect: Dialect, node: usize, member: &Hello) -> Result<(), Difference> {
    let mut ids: Vec<NodeId> = member.peers().map(|peer| peer.id.clone()).collect();
    ids.sort();
    if ids.contains(member.id()) {
        return Err(Difference::Itself { node });
    }
    let twice = ids.windows(2).find(|two| two[0] == two[1]);
    // Nodes of ncpoc keep both.
    if let Some(two) = twice.filter(|_| dialect == Dialect::Article) {
        return Err(Difference::Twice { node, id: two[0].clone() });
    }
    if member.counters().misbehaved > 0 { Err(Difference::Misbehaved { node }) } else { Ok(()) }
}

/// Looks for what may be at no time.
#[derive(Default)]
pub struct Never;

impl Watch<Plan> for Never {
    fn hear(&mut self, _: Time, _: usize, _: &Event) {}

    fn pass(
        &mut self,
        script: &Scenario,
        world: &mut World<Hello>,
        agenda: &mut Agenda<Hello>,
        time: Duration,
    ) -> Result<(), Difference> {
        let end = world.now() + time;
        while world.now() < end {
            agenda.pass(world, VIEWED.min(end.since(world.now())), |_, _, _| ());
            for node in 0..script.nodes() {
                world
                    .machine(node)
                    .map_or(Ok(()), |member| never_wrong(script.plan.dialect, node, member))?;
            }
        }
        Ok(())
    }
}

impl Drawn for Plan {
    const CHOICES: usize = 17;

    /// # Panics
    /// There are fewer numbers.
    fn chosen(choices: &[u16]) -> Scenario {
        let [nodes, high, low, spread, want, bootstraps, terrain, jitter, loss, clocks, departures @ ..] =
            *choices.first_chunk::<17>().expect("so many numbers make a scenario");
        let ground = Ground { nodes, seed: [high, low], spread, terrain, jitter, loss, clocks, departures };
        // A third want fewer peers than there are nodes.
        let few = (want % 3 == 2).then_some(1 + usize::from(want / 3) % 4);
        let plan = Plan {
            want: few.unwrap_or(Plan::default().want),
            bootstraps: 1 + usize::from(bootstraps) % 2,
            dialect: DIALECTS[usize::from(bootstraps / 2) % 2],
        };
        let mut scenario = ground.script(plan);
        // Somebody has to be there where all meet.
        scenario.departures.retain(|(node, _)| *node >= plan.bootstraps);
        scenario
    }

    /// One of sixteen is an order, of those one of eight to leave.
    fn step(script: &Scenario, choices: faults::Choices) -> Step<Order> {
        let [kind, node, other, what, ..] = choices;
        if kind % 16 != 15 {
            return Step::Fault(Action::chosen(choices, script.severity()));
        }
        let [node, other] = [node, other].map(|choice| usize::from(choice) % script.nodes());
        let stays = node < script.plan.bootstraps || what % 8 != 7;
        Step::Order { node, order: if stays { Order::Connect(other) } else { Order::Leave } }
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
    use crate::sim::Kind;

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
    fn nodes_that_start_at_once_have_all_met_within_a_minute() {
        let held = read("joins 0s 0s 0s 0s 0s\n").run().unwrap();
        assert!(held.after < Duration::from_secs(60), "{held:?}");
    }

    #[test]
    fn those_who_have_not_met_are_judged_so() {
        let script = read("joins 0s 0s 0s\n");
        let mut world = script.world();
        world.run_until(Time::from_millis(1), |_, _, _| ());
        assert_eq!(script.judge(&world), Err(Difference::Missing { node: 0, peer: 1 }));
        world.run_until(Time::from_secs(60), |_, _, _| ());
        assert_eq!(script.judge(&world), Ok(()));
        world.halt(2);
        let id = world.machine(0).and_then(|node| node.peers().map(|peer| peer.id.clone()).max()).unwrap();
        assert!(matches!(script.judge(&world), Err(Difference::Stranger { node: 0, .. })), "{id}");
        assert_eq!(world.command(1, Command::Leave).map(|left| left.is_ok()), Some(true));
        world.run_until(Time::from_secs(120), |_, _, _| ());
        assert_eq!(script.judge(&world), Ok(()), "nobody asks about those who are gone");
    }

    #[test]
    fn nodes_of_ncpoc_meet_those_that_they_dial() {
        let held = read("joins 0s 0s 0s 0s\nbootstraps 2\ndialect ncpoc\n").run().unwrap();
        assert!(held.after < Duration::from_secs(60), "{held:?}");
    }

    #[test]
    fn who_has_as_many_peers_as_it_wants_needs_no_others() {
        let script = read("joins 0s 0s 0s 0s 0s 0s\nwant 1\n");
        let mut world = script.world();
        world.run_until(Time::from_secs(60), |_, _, _| ());
        assert_eq!(script.judge(&world), Ok(()));
        assert_eq!(world.machine(3).map(|node| node.peers().count()), Some(1));
    }

    #[test]
    fn orders_are_followed() {
        let held = read(
            "joins 0s 0s 0s\ndo wait 5s\ntell 2 leave\ndo wait 1s\ndo kill 1\ndo wait 1s\ntell 0 connect 1\n",
        );
        assert_eq!(held.run().unwrap().tally.of(Kind::Kill), 1);
        for text in
            ["dialect klingon", "tell 0 greet 1", "tell 0 connect", "want 0", "want 129", "bootstraps 0"]
        {
            assert!(alloc::format!("joins 0s 0s\n{text}\n").parse::<Scenario>().is_err(), "{text}");
        }
        assert!("joins 0s\nbootstraps 2\n".parse::<Scenario>().is_err(), "there is no such node");
    }
}
