//! Scenarios of overlays with one dishonest node among them: it joins like any other, greets, beats and passes on, lies
//! when the script has it lie, and is gone from the recovery on. What must hold is about the honest alone.
//!
//! The liar is an attendant, mostly a node of a full mesh, so that it is next to everybody who has room for it. Each lie is
//! told about a node, by an order to that node in the script:
//!
//! ```text
//! tell 2 suffer impersonation 0       the liar greets node 0 under the id of node 2
//! tell 1 leave                        node 1 leaves in good order; old records of it may be said again later
//! ```

mod delivery;
mod forgery;
mod grammar;
mod liar;
mod lie;
mod neighbor;
#[cfg(test)]
mod tests;
mod watch;
mod wires;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

pub use liar::Liar;
pub use lie::{Lie, NotAnOrder, Order};
pub use neighbor::{Command, Event, Neighbor, Victim};
pub use watch::Watch;

use super::config::{CHOICES_LIMIT, Config, Periods, PolicyKind};
use super::database::LinkMode;
use super::event;
use super::machine::Overlay;
use super::names::NodeId;
use super::oracle::{self, Member, Rules};
use super::scenario::{RING, SETTLING};
use super::wire::Network;
use crate::kernel::{Seed, Streams};
use crate::sim::scenario::{self, Script, Step};
use crate::sim::{self, Boot, World};

/// Longer than a record of so small an overlay lives: who has left is forgotten, and so is what was forged.
const FORGETTING: Duration = Duration::from_secs(220);

/// Honest nodes, a bootstrap and a liar.
pub type Scenario = Script<Plan>;

/// How the honest nodes of a scenario are set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How many neighbours each chooses.
    pub k: usize,
    /// Which way links are used.
    pub links: LinkMode,
    /// Whether each has an id by its configuration.
    pub configured_ids: bool,
    /// Whether the liar is next to everybody who has room for it; else it chooses as the others do.
    pub meshed: bool,
}

impl Default for Plan {
    /// k = 2 over mutual links, ids that are drawn, and a liar next to everybody.
    fn default() -> Self {
        Plan { k: 2, links: LinkMode::Mutual, configured_ids: false, meshed: true }
    }
}

/// What is not as it should be among the honest.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    /// What is true of every overlay at rest is not.
    #[error(transparent)]
    Overlay(#[from] oracle::Difference),
    /// A node that was neither told to leave nor killed has ended.
    #[error("node {node} has ended")]
    Ended {
        /// Which.
        node: usize,
    },
    /// Two that had a way to each other had none for too long, and nothing but a liar was in between.
    #[error("node {from} had no way to node {to} for {lasted:?}")]
    Lost {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
        /// For how long.
        lasted: Duration,
    },
    /// One who started while others were there had no link for too long.
    #[error("node {node} started and had no link for {lasted:?}")]
    Outside {
        /// Which.
        node: usize,
        /// For how long.
        lasted: Duration,
    },
    /// A link was given up for a greeting that was to be refused.
    #[error("node {node} gave up its link to {peer} for a greeting that it refused")]
    Replaced {
        /// Which.
        node: usize,
        /// The other end.
        peer: NodeId,
    },
    /// Nothing arrives where a route leads.
    #[error("nothing that node {from} sends arrives at node {to}, and it has a route")]
    Undelivered {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
    },
    /// Somebody who left in good order and whose record had expired is there again.
    #[error("node {node} has a record of {gone} again, who left")]
    Risen {
        /// Who has it.
        node: usize,
        /// Whose record.
        gone: NodeId,
    },
}

impl scenario::Protocol for Plan {
    const NAME: &'static str = "dishonest";
    /// The bootstrap and the liar, in this order.
    const ATTENDANTS: usize = 2;

    type Machine = Neighbor;
    type Order = Order;
    type Difference = Difference;
    type Watch = Watch;

    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    fn machine(script: &Scenario, boot: Boot) -> Neighbor {
        let config = script.config(boot.seed, boot.address);
        if boot.node == script.bootstrap() {
            return Neighbor::honest(built(Config { bootstraps: Vec::new(), ..config }.watching()));
        }
        if boot.node == script.liar() {
            let liar = Liar::new(Streams::new(boot.seed).named("lies"));
            let policy = if script.plan.meshed { PolicyKind::FullMesh } else { config.policy };
            return Neighbor::dishonest(built(Config { policy, ..config }), liar);
        }
        let id = script.plan.configured_ids.then(|| configured_id(boot.node));
        Neighbor::honest(built(Config { id, ..config }))
    }

    fn order(script: &Scenario, world: &mut World<Neighbor>, node: usize, order: &Order) {
        let (asked, command) = match *order {
            Order::Leave => (node, Some(Command::Honest(event::Command::Leave))),
            Order::Suffer { lie, to } => {
                (script.liar(), victim(world, node, to).map(|of| Command::Lie(lie, of)))
            }
        };
        if let Some(command) = command {
            let _ = world.command(asked, command);
        }
    }

    fn leave(world: &mut World<Neighbor>, node: usize) {
        let _ = world.command(node, Command::Honest(event::Command::Leave));
    }

    fn settling(script: &Scenario) -> Duration {
        let ring = script.plan.k == 1 && script.plan.links == LinkMode::Directed;
        let forged = script.tells(Lie::GreatestKey) && script.plan.configured_ids;
        let expiring = if forged { FORGETTING } else { Duration::ZERO };
        expiring + Periods::default().rewiring * if ring { RING } else { SETTLING }
    }

    fn judge(script: &Scenario, world: &World<Neighbor>) -> Result<(), Difference> {
        Ok(oracle::all(&script.honest(world), &script.rules())?)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "k {}", self.k)?;
        writeln!(f, "links {}", if self.links == LinkMode::Mutual { "mutual" } else { "directed" })?;
        writeln!(f, "ids {}", if self.configured_ids { "configured" } else { "drawn" })?;
        writeln!(f, "liar {}", if self.meshed { "meshed" } else { "choosing" })
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        match (word, rest) {
            ("k", _) => self.k = rest.parse().ok().filter(|k| (1..=CHOICES_LIMIT).contains(k))?,
            ("links", "mutual") => self.links = LinkMode::Mutual,
            ("links", "directed") => self.links = LinkMode::Directed,
            ("ids", "configured") => self.configured_ids = true,
            ("ids", "drawn") => self.configured_ids = false,
            ("liar", "meshed") => self.meshed = true,
            ("liar", "choosing") => self.meshed = false,
            _ => return None,
        }
        Some(())
    }

    fn simpler(&self) -> Vec<Plan> {
        let usual = Plan::default();
        vec![
            Plan { links: usual.links, ..self.clone() },
            Plan { configured_ids: usual.configured_ids, ..self.clone() },
            Plan { meshed: usual.meshed, ..self.clone() },
        ]
    }

    fn weight(&self) -> u64 {
        let usual = Plan::default();
        let unusual = [
            self.links != usual.links,
            self.configured_ids != usual.configured_ids,
            self.meshed != usual.meshed,
        ];
        unusual.into_iter().map(u64::from).sum()
    }
}

impl Scenario {
    /// The bootstrap's number.
    pub fn bootstrap(&self) -> usize {
        self.nodes()
    }

    /// The liar's number.
    pub fn liar(&self) -> usize {
        self.nodes() + 1
    }

    /// The honest nodes that run and are to stay.
    pub fn honest<'a>(&self, world: &'a World<Neighbor>) -> Vec<Member<'a>> {
        let stay = self.members(world).into_iter().filter(|(node, _)| !self.leaves(*node));
        stay.map(|(node, neighbor)| (node, neighbor.overlay())).collect()
    }

    /// Whether a node is told to leave.
    fn leaves(&self, node: usize) -> bool {
        self.steps.contains(&Step::Order { node, order: Order::Leave })
    }

    /// Whether it has the liar tell this.
    fn tells(&self, lie: Lie) -> bool {
        let tells = |step: &Step<Order>| matches!(step, Step::Order { order: Order::Suffer { lie: told, .. }, .. } if *told == lie);
        self.steps.iter().any(tells)
    }

    /// What the oracles hold the honest to.
    fn rules(&self) -> Rules {
        let config = self.config(Seed::from_u64(0), sim::address(0));
        Rules {
            links: self.plan.links,
            k: Some(self.plan.k),
            in_degree: config.in_degree_cap(),
            guests: config.bounds.guests,
            connects: true,
        }
    }

    fn config(&self, seed: Seed, address: SocketAddr) -> Config {
        Config {
            k: self.plan.k,
            links: self.plan.links,
            bootstraps: vec![sim::address(self.bootstrap())],
            ..Config::new(seed, network(), address)
        }
    }
}

fn network() -> Network {
    Network::new("dishonest").unwrap_or_else(|_| unreachable!("a valid name"))
}

/// # Panics
/// A number of the scenario is beyond its range.
fn built(config: Config) -> Overlay {
    Overlay::new(config).unwrap_or_else(|error| panic!("{error}"))
}

/// A node's id where the configuration has one.
fn configured_id(node: usize) -> NodeId {
    /// An odd number: no two nodes have the same.
    const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    NodeId((node as u128 + 1).wrapping_mul(SPREAD))
}

/// A node as a lie has it; `None` while it has no id.
fn victim(world: &World<Neighbor>, node: usize, to: usize) -> Option<Victim> {
    let id = world.machine(node)?.overlay().id()?;
    Some(Victim { id, at: sim::address(node), to: sim::address(to) })
}
