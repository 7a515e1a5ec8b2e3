//! Scenarios: an overlay on a random network, joins, a few faults, recovery; after a stated time the
//! [oracles](super::oracle) must hold.
//!
//! A scenario is a value: it runs the same to the byte each time, and is written as a short text that can be read back.
//! One grammar makes them of numbers, whichever: [`Scenario::drawn`] takes these from a seed, [`Scenario::decoded`] from
//! a fuzzer's octets, and with the feature `strategies` proptest draws and shrinks them.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

mod grammar;
mod ledger;
mod script;
mod stale;
mod standing;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
#[cfg(test)]
mod tests;
mod traffic;
mod watch;

pub use grammar::{ACTIONS, Choices};
pub use script::NotAScenario;
pub use stale::Stale;
pub use standing::Standing;

use super::config::{Bounds, Config, Periods, PolicyKind};
use super::database::LinkMode;
use super::event::Command;
use super::link::Theirs;
use super::machine::Overlay;
use super::names::NodeId;
use super::oracle::{self, Difference, Rules};
use super::wire::Network;
use crate::kernel::{Rng, Seed, Streams, Time};
use crate::sim::faults::{self, Action, Agenda};
use crate::sim::{self, Boot, Condition, Jitter, Matrix, Sites, Tally, World};
use watch::Watch;

/// Periods of rewiring from the recovery until the oracles must hold.
pub const SETTLING: u32 = 2;
/// As many where each node has one directed link: only a ring through everybody connects them, and it is found choice
/// by choice.
pub const RING: u32 = 6;
/// News is on its way at any time: within so long after the stated time there is a moment without.
const QUIET: Duration = Duration::from_secs(5);
/// Those who start again have so long to begin before anybody goes for good.
pub const STARTING: Duration = Duration::from_secs(1);
/// How often it is asked whether everything is right by now.
const VIEWED: Duration = Duration::from_secs(1);
/// How often the oracles are asked then.
const ASKED: Duration = Duration::from_millis(100);
/// A host gives up a connection whose other end does not answer after this, as a driver can ask of it (on Linux by
/// TCP_USER_TIMEOUT): beats go another way, so that nothing else tells a node that a link's connection is dead.
const PATIENCE: Duration = Duration::from_secs(20);
/// The shortest round trip of a terrain, in microseconds.
const NEAREST: u64 = 1_000;
/// The longest.
const FARTHEST: u64 = 300_000;
/// The shortest and the longest round trip on one network, in microseconds.
const LAN: [u64; 2] = [100, 600];

/// How delays relate to each other. Round trips are from 1 to 300 ms, but for those of one network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terrain {
    /// Points in a square, a delay in proportion to each distance.
    Plane,
    /// Drawn for each pair.
    Symmetric,
    /// Drawn for each direction.
    Asymmetric,
    /// Drawn for each pair, from 100 to 600 us: hosts of one network, or one host.
    Lan,
}

impl Terrain {
    /// Round trips among `nodes`.
    fn matrix(self, nodes: usize, rng: &mut Rng) -> Matrix {
        let points: Vec<(u64, u64)> = (0..nodes).map(|_| (rng.below(1_000), rng.below(1_000))).collect();
        let mut micros = vec![0; nodes * nodes];
        for i in 0..nodes {
            for j in 0..nodes {
                let [nearest, farthest] = if self == Terrain::Lan { LAN } else { [NEAREST, FARTHEST] };
                let drawn = nearest + rng.below(farthest - nearest + 1);
                let trip = match self {
                    Terrain::Plane => along(points[i], points[j]),
                    Terrain::Symmetric | Terrain::Lan if j < i => u64::from(micros[j * nodes + i]),
                    Terrain::Symmetric | Terrain::Asymmetric | Terrain::Lan => drawn,
                };
                micros[i * nodes + j] = u32::try_from(trip).unwrap_or(u32::MAX);
            }
        }
        Matrix::from_micros(nodes, micros)
    }
}

/// A round trip between two points of a square of 1,000 by 1,000.
fn along(a: (u64, u64), b: (u64, u64)) -> u64 {
    let square = a.0.abs_diff(b.0).pow(2) + a.1.abs_diff(b.1).pow(2);
    NEAREST + square.isqrt() * (FARTHEST - NEAREST) / 1_415
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

/// An overlay, what happens to it, and how long it then has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// From which everything else follows: delays, losses, what nodes draw.
    pub seed: u64,
    /// When each node joins; as many as there are nodes. The bootstrap, the node after the last, is there from the start.
    pub joins: Vec<Duration>,
    /// How many neighbours each node chooses.
    pub k: usize,
    /// How.
    pub policy: PolicyKind,
    /// Which way links are used.
    pub links: LinkMode,
    /// The delays.
    pub terrain: Terrain,
    /// The most that is added to each message's delay.
    pub jitter: Duration,
    /// Datagrams lost until the recovery, in a million.
    pub loss_per_million: u32,
    /// Whether each node has an id by its configuration, which it keeps when it loses its state.
    pub configured_ids: bool,
    /// How many hashes of updates a node remembers; with 0 none: that saves work and never decides.
    pub hashes: usize,
    /// Each process begins its clock at anything up to this; with zero all have the world's time.
    pub clocks: Duration,
    /// Addresses that nodes give before the one at which they are reached, in this order.
    pub stale: Vec<(usize, Stale)>,
    /// What goes wrong after the last join; nodes are counted with the bootstrap.
    pub faults: Vec<Action>,
    /// Who goes for good at the recovery, and how.
    pub departures: Vec<(usize, Departure)>,
    /// One more fault that stands once everything has held.
    pub stands: Option<Standing>,
}

impl Scenario {
    /// Nobody in particular, and nothing that goes wrong: best responses with k = 2 over mutual links, on a plane.
    pub fn calm() -> Scenario {
        Scenario {
            seed: 0,
            joins: Vec::new(),
            k: 2,
            policy: PolicyKind::BestResponse,
            links: LinkMode::Mutual,
            terrain: Terrain::Plane,
            jitter: Duration::ZERO,
            loss_per_million: 0,
            configured_ids: false,
            hashes: Bounds::default().hashes,
            clocks: Duration::ZERO,
            stale: Vec::new(),
            faults: Vec::new(),
            departures: Vec::new(),
            stands: None,
        }
    }

    /// How many overlay nodes there are, the bootstrap aside.
    pub fn nodes(&self) -> usize {
        self.joins.len()
    }

    /// What the oracles hold the members to.
    pub fn rules(&self) -> Rules {
        let config = self.config(Seed::from_u64(0), sim::address(0));
        let k = (self.policy != PolicyKind::FullMesh).then_some(self.k);
        Rules {
            links: self.links,
            k,
            in_degree: config.in_degree_cap(),
            guests: config.bounds.guests,
            connects: self.policy != PolicyKind::KRandom,
        }
    }

    /// How long after the recovery the oracles must hold.
    pub fn settling(&self) -> Duration {
        let ring = self.k == 1 && self.links == LinkMode::Directed;
        Periods::default().rewiring * if ring { RING } else { SETTLING }
    }

    /// Runs it to the stated time, with payloads under way, and asks the oracles; then payloads must arrive everywhere.
    ///
    /// # Errors
    /// What was still wrong when the time was over.
    pub fn run(&self) -> Result<Held, Difference> {
        let mut world = self.world();
        let (mut watch, mut agenda) = (Watch::default(), Agenda::new(most_chosen));
        watch.give_no_account();
        watch.pass(self, &mut world, &mut agenda, self.joins.iter().max().copied().unwrap_or_default())?;
        for action in &self.faults {
            if let Some(time) = agenda.act(&mut world, action) {
                watch.pass(self, &mut world, &mut agenda, time)?;
            }
        }
        let after = self.recovered(&mut world, &mut watch)?;
        self.stand(&mut world, &mut watch)?;
        Ok(Held { after, tally: *world.tally() })
    }

    /// Makes everything right, has those go who go, and waits until the oracles hold; how long that took. From then on
    /// payloads arrive.
    fn recovered(&self, world: &mut World<Overlay>, watch: &mut Watch) -> Result<Duration, Difference> {
        let mut nothing = Agenda::new(most_chosen);
        faults::recover(world);
        let recovered = world.now();
        watch.pass(self, world, &mut nothing, STARTING)?;
        self.depart(world);
        // Where neighbours are drawn, nobody may have a way back to tell a source.
        let accounts = self.rules().connects;
        if accounts {
            watch.give_account_from(world.now());
        }
        let stated = world.now() + self.settling();
        let mut calm = Calm::default();
        while world.now() < stated {
            let whole = self.judge(world).is_ok();
            calm.seen(world.now(), whole);
            if accounts && !whole {
                watch.give_account_from(world.now());
            }
            let time = VIEWED.min(stated.since(world.now()));
            watch.pass(self, world, &mut nothing, time)?;
        }
        let mut outcome = Ok(());
        let judge = |world: &World<Overlay>| {
            outcome = self.judge(world);
            outcome.is_ok()
        };
        world.run_until_done(stated + QUIET, ASKED, judge, |at, node, event| watch.hear(at, node, &event));
        calm.seen(world.now(), outcome.is_ok());
        outcome?;
        let after = calm.since.unwrap_or(world.now()).since(recovered);
        self.deliver(world, watch)?;
        Ok(after)
    }

    /// Those who run and are to stay.
    fn members<'a>(&self, world: &'a World<Overlay>) -> Vec<(usize, &'a Overlay)> {
        let gone = |node| self.departures.iter().any(|(departed, _)| *departed == node);
        let stay = (0..self.nodes()).filter(|node| !gone(*node));
        stay.filter_map(|node| Some((node, world.machine(node)?))).collect()
    }

    /// Asks the oracles about those who are to be there.
    ///
    /// # Errors
    /// The first difference.
    pub fn judge(&self, world: &World<Overlay>) -> Result<(), Difference> {
        oracle::all(&self.members(world), &self.rules())
    }

    /// The world before anything has happened in it.
    ///
    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    pub fn world(&self) -> World<Overlay> {
        let nodes = self.nodes();
        let seed = Seed::from_u64(self.seed);
        let mut rng = Streams::new(seed).named("terrain");
        let matrix = self.terrain.matrix(nodes, &mut rng);
        let rows: Vec<usize> = (0..nodes).chain([0]).collect();
        let sites = Sites::new(matrix, rows).unwrap_or_else(|_| unreachable!("rows of the matrix"));
        let jitter = match self.jitter {
            Duration::ZERO => Jitter::None,
            max => Jitter::Uniform { max },
        };
        let (loss_per_million, clocks) = (self.loss_per_million, self.clocks);
        let config =
            sim::Config { jitter, loss_per_million, clocks, patience: PATIENCE, ..Default::default() };
        let mut world = World::new(config, sites, seed);
        for join in &self.joins {
            let scenario = self.clone();
            let node = world.add(move |boot: Boot| {
                let mut addresses = scenario.addresses(boot.node).into_iter();
                let first = addresses.next().unwrap_or(boot.address);
                let config =
                    Config { more_addresses: addresses.collect(), ..scenario.config(boot.seed, first) };
                let id = scenario.configured_ids.then(|| configured_id(boot.node));
                built(Config { id, ..config })
            });
            world.start(node, Time::ZERO + *join);
        }
        let scenario = self.clone();
        let bootstrap = world.add(move |boot: Boot| {
            let config = scenario.config(boot.seed, boot.address);
            built(Config { bootstraps: Vec::new(), ..config }.watching())
        });
        world.start(bootstrap, Time::ZERO);
        world
    }

    fn config(&self, seed: Seed, address: SocketAddr) -> Config {
        let network = Network::new("scenario").unwrap_or_else(|_| unreachable!("a valid name"));
        let bounds = Bounds { hashes: self.hashes, ..Bounds::default() };
        Config {
            bounds,
            k: self.k,
            policy: self.policy,
            links: self.links,
            bootstraps: vec![sim::address(self.nodes())],
            ..Config::new(seed, network, address)
        }
    }

    /// Has those go who go for good.
    pub fn depart(&self, world: &mut World<Overlay>) {
        for (node, how) in &self.departures {
            match how {
                Departure::Kill => world.kill(*node),
                Departure::Halt => world.halt(*node),
                Departure::Leave if world.condition(*node) == Condition::Running => {
                    let _ = world.command(*node, Command::Leave);
                }
                Departure::Leave => {}
            }
        }
    }
}

/// # Panics
/// A number of the scenario is beyond its range.
fn built(config: Config) -> Overlay {
    Overlay::new(config).unwrap_or_else(|error| panic!("{error}"))
}

/// What has held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// How long after everything was right again the oracles held, and went on to hold, moments aside in which news was
    /// on its way.
    pub after: Duration,
    /// Which faults took effect, and how often.
    pub tally: Tally,
}

/// Since when the oracles hold.
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

/// Frames that everybody has sent so far.
fn frames(world: &World<Overlay>) -> u64 {
    (0..world.len()).map(|node| world.counters(node).frames).sum()
}

/// A node's id where the configuration has one. Their order is not that of the addresses.
fn configured_id(node: usize) -> NodeId {
    /// An odd number: no two nodes have the same.
    const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    NodeId((node as u128 + 1).wrapping_mul(SPREAD))
}

/// The nodes that run, the bootstrap aside, by how many others chose them, most first.
fn most_chosen(world: &World<Overlay>) -> Vec<usize> {
    let nodes = world.len().saturating_sub(1);
    let running = (0..nodes).filter_map(|node| Some((node, world.machine(node)?)));
    let mut chosen: Vec<(usize, usize)> = running
        .map(|(node, overlay)| {
            let choosers = overlay.neighbors().into_iter().filter(|n| n.theirs == Theirs::Chosen);
            (node, choosers.count())
        })
        .collect();
    chosen.sort_by_key(|(_, choosers)| core::cmp::Reverse(*choosers));
    chosen.into_iter().map(|(node, _)| node).collect()
}

/// Runs the scenario that octets stand for: what a fuzzer calls.
///
/// # Panics
/// If an oracle does not hold: with the script.
pub fn check(octets: &[u8]) {
    let scenario = Scenario::decoded(octets);
    if let Err(difference) = scenario.run() {
        panic!("{difference}\n{scenario}");
    }
}
