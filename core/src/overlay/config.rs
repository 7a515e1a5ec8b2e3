//! What an overlay node is told before it starts.

mod check;

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use smallvec::SmallVec;

use super::budget::Budgets;
use super::database::{Limits, LinkMode};
use super::flood::{REFRESH_PERIOD, Refresh};
use super::names::NodeId;
use super::ports::Ports;
use super::wire::Network;
use super::wiring::Caution;
use crate::kernel::Seed;

pub use check::{AddressFault, BOOTSTRAPS_LIMIT, CHOICES_LIMIT, ConfigError};

/// How a node chooses its neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PolicyKind {
    /// Those that make its own cost of reaching everybody smallest.
    #[default]
    BestResponse,
    /// k at random.
    KRandom,
    /// Everybody.
    FullMesh,
    /// Nobody: the node only watches the flood, as a [bootstrap](Config::bootstrap) does.
    Watch,
}

/// How often, and how long. The seed's constants are named where a field has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Periods {
    /// Every other node is measured once in this time (PING_PERIOD).
    pub ping: Duration,
    /// A probe without an answer has failed after this (PING_TIMEOUT).
    pub ping_timeout: Duration,
    /// The time between a node's decisions (REWIRING_PERIOD).
    pub rewiring: Duration,
    /// A silent node is taken for absent, and a suspected link is closed, after this (REMOVE_PERIOD).
    pub remove: Duration,
    /// Hashes of updates are remembered for this long (ERASE_HASH).
    pub erase_hash: Duration,
    /// A bootstrap that did not answer is asked again after this, doubling up to a minute (BOOT_DELAY).
    pub boot_delay: Duration,
    /// Between two heartbeats on a link.
    pub heartbeat: Duration,
    /// Between two comparisons of databases on a link.
    pub exchange: Duration,
    /// Between two attempts to reach somebody absent.
    pub heal: Duration,
    /// How long an answer to a greeting may take, beside the delay.
    pub greeting: Duration,
    /// How long a decision is held back before it is announced; for experiments with stale views.
    pub announce_delay: Duration,
    /// An unchanged record is told again after this, and after n / 4 s in an overlay of n if that is longer.
    pub refresh: Duration,
    /// By how much those refreshes are brought forward: they are due after that time over this.
    pub pace: u32,
}

impl Default for Periods {
    fn default() -> Self {
        Periods {
            ping: Duration::from_secs(35),
            ping_timeout: Duration::from_secs(3),
            rewiring: Duration::from_secs(60),
            remove: Duration::from_secs(50),
            erase_hash: Duration::from_secs(300),
            boot_delay: Duration::from_millis(500),
            heartbeat: Duration::from_millis(250),
            exchange: Duration::from_secs(60),
            heal: Duration::from_secs(5),
            greeting: Duration::from_secs(5),
            announce_delay: Duration::ZERO,
            refresh: REFRESH_PERIOD,
            pace: 1,
        }
    }
}

impl Periods {
    /// The periods of an overlay that lives `pace` times as fast. Heartbeats and time-outs stay as they are, and nothing
    /// is removed within five seconds.
    pub fn paced(self, pace: u32) -> Self {
        let pace = pace.max(1);
        Periods {
            ping: self.ping / pace,
            rewiring: self.rewiring / pace,
            remove: (self.remove / pace).max(Duration::from_secs(5)),
            erase_hash: self.erase_hash / pace,
            pace,
            ..self
        }
    }
}

/// How much, each bound with its reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bounds {
    /// How many may choose this node; `None` for 4k mutual, 8k directed, no bound under full mesh. It keeps hubs from
    /// carrying everybody's traffic.
    pub in_degree: Option<usize>,
    /// Guests beyond the cap, so that a newcomer with no link always finds a door.
    pub guests: usize,
    /// Watchers (bootstraps and tools).
    pub watchers: usize,
    /// Records kept, and their octets.
    pub database: Limits,
    /// Hashes remembered (PKT_IDS_LIMIT).
    pub hashes: usize,
    /// Connections that have not yet said what they are.
    pub strangers: usize,
    /// Addresses remembered across restarts.
    pub remembered: usize,
    /// The most octets a payload may have.
    pub payload: usize,
    /// How much one peer may ask of this node.
    pub budgets: Budgets,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            in_degree: None,
            guests: 2,
            watchers: 8,
            database: Limits::default(),
            hashes: 5_000,
            strangers: 128,
            remembered: 128,
            payload: 65_536,
            budgets: Budgets::default(),
        }
    }
}

/// An overlay node's configuration. Each field has a range; [`check`](Config::check) tells whether it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// Where everything random comes from.
    pub seed: Seed,
    /// The overlay's name.
    pub network: Network,
    /// The address that others dial; never unspecified.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
    pub address: SocketAddr,
    /// Further addresses, told to others in the record.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::list"))]
    pub more_addresses: SmallVec<[SocketAddr; 1]>,
    /// What its datagram ports are bound to; none for one that serves every address.
    pub ports: Ports,
    /// The node's id; `None` takes the one kept in its state, or draws one.
    pub id: Option<NodeId>,
    /// How many neighbours to choose, up to [`CHOICES_LIMIT`]; 0 for a node that watches.
    pub k: usize,
    /// How to choose them.
    pub policy: PolicyKind,
    /// Which way links are used; the same in the whole overlay.
    pub links: LinkMode,
    /// A rewiring must gain more than this part, in millionths, once the first eight decisions are made.
    pub eps_ppm: u32,
    /// Whether decisions wait while the view is stale.
    pub guarding: Caution,
    /// Where to ask who is there; at most [`BOOTSTRAPS_LIMIT`].
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::list"))]
    pub bootstraps: Vec<SocketAddr>,
    /// How often.
    pub periods: Periods,
    /// How much.
    pub bounds: Bounds,
    /// A link is announced again when its cost has moved by more than 5 % and by more than this. Nor does a gain count
    /// below it, for each destination that is to be reached another way.
    pub announce_floor: Duration,
}

impl Config {
    /// The defaults for a node reached at `address`.
    pub fn new(seed: Seed, network: Network, address: SocketAddr) -> Self {
        Config {
            seed,
            network,
            address,
            more_addresses: SmallVec::new(),
            ports: Ports::default(),
            id: None,
            k: 3,
            policy: PolicyKind::default(),
            links: LinkMode::default(),
            eps_ppm: 10_000,
            guarding: Caution::default(),
            bootstraps: Vec::new(),
            periods: Periods::default(),
            bounds: Bounds::default(),
            announce_floor: Duration::from_millis(1),
        }
    }

    /// The defaults for a bootstrap reached at `address`: see [`watching`](Config::watching).
    pub fn bootstrap(seed: Seed, network: Network, address: SocketAddr) -> Self {
        Config::new(seed, network, address).watching()
    }

    /// The same for a node that watches, as a bootstrap does: it hears the flood through two links, keeps the database
    /// that everybody keeps and answers newcomers, chooses nobody, is chosen by nobody and is in nobody's record. Any
    /// live node answers newcomers as well, so that an overlay outlives its bootstraps.
    #[must_use]
    pub fn watching(self) -> Self {
        Config { policy: PolicyKind::Watch, k: 0, ..self }
    }

    /// How many may choose this node; `None` for any number.
    pub fn in_degree_cap(&self) -> Option<usize> {
        match (self.bounds.in_degree, self.policy, self.links) {
            (Some(cap), ..) => Some(cap),
            (None, PolicyKind::FullMesh | PolicyKind::Watch, _) => None,
            (None, _, LinkMode::Mutual) => Some(4 * self.k),
            (None, _, LinkMode::Directed) => Some(8 * self.k),
        }
    }

    /// How often an unchanged record is told again.
    pub(super) fn refresh(&self) -> Refresh {
        Refresh::at_least(self.periods.refresh, self.periods.pace)
    }

    /// Whether the node only watches.
    pub(super) fn is_watcher(&self) -> bool {
        self.policy == PolicyKind::Watch
    }
}

#[cfg(test)]
mod tests;
