//! What a node is told when it is made.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{SocketAddr, SocketAddrV4};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::slot::Slot;
use crate::kernel::{Backlog, Gap, Rate, Seed, Time, address, dialable};

/// The most peers that a node can have: one bit each of who has a message, beside this node and those that have gone.
pub(super) const MAX_PEERS: usize = Slot::COUNT - 2;
/// The most messages in the cache: each needs an id of its own, and there are 65,535.
const MAX_CACHE: usize = 60_000;

/// Whom a node takes its peers for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A peer that says that it is of this project is spoken to as such, every other as a gossip-python node.
    Auto,
    /// Every peer is a gossip-python node; nothing is said that it does not say itself.
    Compatible,
}

/// What becomes of a message for which no module has an ear.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unheard {
    /// It is kept for modules to come, and not passed on.
    Keep,
    /// It is passed on, valid or not.
    Relay,
}

/// What a [`Gossip`](super::Gossip) node is made of: where its random numbers come from, and every period and bound.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Whom it takes its peers for.
    pub mode: Mode,
    /// Where everything random comes from.
    pub seed: Seed,
    /// When the node starts on the driver's clock.
    pub start: Time,
    /// Where peers reach this node, told to each; `None` if nobody can.
    pub address: Option<SocketAddrV4>,
    /// Dialled at start and retried for ever.
    #[serde(with = "address::list")]
    pub bootstrap: Vec<SocketAddr>,
    /// How many links with nodes of this project are kept; 4. Twice as many are accepted.
    pub degree: usize,
    /// How many hops the news of a peer goes; 0 has no bound. 3.
    pub max_ttl: u8,
    /// Messages kept, those that wait for a verdict among them; 4,096, or 30 as the original's document has it.
    pub cache_size: usize,
    /// How many messages are known again after they have left the cache; 131,072, about 6 MiB.
    pub known_size: usize,
    /// How long they are known again; 300 s.
    pub known_for: Duration,
    /// How long modules may take for a verdict; 30 s. Then the message is invalid.
    pub verdict_timeout: Duration,
    /// What becomes of messages that no module here wants to hear.
    pub unheard: Unheard,
    /// How long a new peer may take to say that it is of this project; 500 ms. Until then it is spoken to as a
    /// gossip-python node.
    pub greeting: Duration,
    /// How long a link between nodes of this project may be silent before it is probed, and how long after; 10 s.
    pub ping_period: Duration,
    /// How often a node with enough links takes one more and gives up another, from half of that to one and a half; 30 s.
    pub explore_period: Duration,
    /// How long a peer may take for a message that it offered and that was asked for; 5 s. Then another is asked.
    pub fetch_timeout: Duration,
    /// A peer that has taken nothing for so long is not waited for; 1 s.
    pub stalled_after: Duration,
    /// How long a dial may take; 10 s.
    pub dial_timeout: Duration,
    /// The pause after the first failure; each further one doubles it. 1 s.
    pub retry_min: Duration,
    /// The longest pause between two dials; 5 min.
    pub retry_max: Duration,
    /// A learned address is forgotten after so many failures in a row; 5.
    pub give_up_after: u32,
    /// Woken later than this, a node takes the silence for its own sleep; 1 s.
    pub oversleep: Duration,
    /// Peers at once; 64, at most 126.
    pub max_peers: usize,
    /// Modules at once; 64.
    pub max_modules: usize,
    /// Types that one module may want to hear of; 1,024.
    pub max_types: usize,
    /// Dials at once; 8, so that a list of victims is no flood.
    pub max_dials: usize,
    /// Addresses remembered beside `bootstrap`; 1,024.
    pub max_known: usize,
    /// Addresses heeded in one answer of a peer, and told in one; 128.
    pub max_rows: usize,
    /// The pauses between frames to a gossip-python node.
    pub gap: Gap,
    /// How many messages of a peer may be found invalid, and how often; 100 and 10 a second. Above that it is not read from.
    pub invalid: Rate,
    /// How much news of peers one peer may bring; 64 and 10 a second. The rest is dropped.
    pub updates: Rate,
    /// What may wait for one peer or module; 64 KiB at the driver and 1 MiB here.
    pub backlog: Backlog,
}

impl Config {
    /// A node that takes each peer for what it is, at [`Time::ZERO`].
    pub fn auto(seed: Seed) -> Self {
        let rate = |burst, per_second| Rate { burst, per_second };
        Config {
            mode: Mode::Auto,
            seed,
            start: Time::ZERO,
            address: None,
            bootstrap: Vec::new(),
            degree: 4,
            max_ttl: 3,
            cache_size: 4_096,
            known_size: 131_072,
            known_for: Duration::from_secs(300),
            verdict_timeout: Duration::from_secs(30),
            unheard: Unheard::Keep,
            greeting: Duration::from_millis(500),
            ping_period: Duration::from_secs(10),
            explore_period: Duration::from_secs(30),
            fetch_timeout: Duration::from_secs(5),
            stalled_after: Duration::from_secs(1),
            dial_timeout: Duration::from_secs(10),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            give_up_after: 5,
            oversleep: Duration::from_secs(1),
            max_peers: 64,
            max_modules: 64,
            max_types: 1_024,
            max_dials: 8,
            max_known: 1_024,
            max_rows: 128,
            gap: Gap { least: Duration::from_millis(2), per_kib: Duration::from_micros(8_500) },
            invalid: rate(100, 10),
            updates: rate(64, 10),
            backlog: Backlog::default(),
        }
    }

    /// A node that is to its peers what a gossip-python node is, at [`Time::ZERO`].
    pub fn compatible(seed: Seed) -> Self {
        Config { mode: Mode::Compatible, cache_size: 30, ..Config::auto(seed) }
    }
}

/// A configuration that no node can run with; the first such field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} {}: {}", self.field(), self.fault(), self.remedy())]
#[non_exhaustive]
pub enum ConfigError {
    /// Nobody can dial this address.
    Address {
        /// Which field has it.
        field: &'static str,
        /// The address.
        value: SocketAddr,
    },
    /// A period below a millisecond would keep a processor busy.
    TooShort(&'static str),
    /// A bound of zero leaves nothing to run.
    Zero(&'static str),
    /// A bound above what can be counted.
    TooLarge {
        /// The field.
        field: &'static str,
        /// What it is.
        value: usize,
        /// What it may be.
        most: usize,
    },
    /// The pauses are in the wrong order.
    RetryOrder,
}

impl ConfigError {
    /// The field, as in `verdict_timeout`.
    pub const fn field(&self) -> &'static str {
        match self {
            ConfigError::Address { field, .. }
            | ConfigError::TooShort(field)
            | ConfigError::Zero(field)
            | ConfigError::TooLarge { field, .. } => field,
            ConfigError::RetryOrder => "retry_min",
        }
    }

    /// What is wrong with it, to be said after the field.
    pub fn fault(&self) -> String {
        match self {
            ConfigError::Address { value, .. } => format!("has {value}, where nobody can be dialled"),
            ConfigError::TooShort(_) => "is below one millisecond".into(),
            ConfigError::Zero(_) => "is zero".into(),
            ConfigError::TooLarge { value, most, .. } => format!("is {value}, and {most} is the most"),
            ConfigError::RetryOrder => "is greater than retry_max".into(),
        }
    }

    /// What to do about it, in a few words.
    pub const fn remedy(&self) -> &'static str {
        match self {
            ConfigError::Address { .. } => "name the IP address and the port of one host",
            ConfigError::TooShort(_) => "give a millisecond or more",
            ConfigError::Zero(_) => "give one or more",
            ConfigError::TooLarge { .. } => "give less",
            ConfigError::RetryOrder => "give at most retry_max",
        }
    }
}

impl Config {
    /// Whether a node can run with this.
    ///
    /// # Errors
    /// The first field found that it cannot run with.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_addresses()?;
        self.check_periods()?;
        self.check_bounds()
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        let own = self.address.iter().map(|addr| ("address", SocketAddr::V4(*addr)));
        let mut all = own.chain(self.bootstrap.iter().map(|addr| ("bootstrap", *addr)));
        match all.find(|(_, addr)| !dialable(*addr)) {
            Some((field, value)) => Err(ConfigError::Address { field, value }),
            None => Ok(()),
        }
    }

    fn check_periods(&self) -> Result<(), ConfigError> {
        let periods = [
            ("verdict_timeout", self.verdict_timeout),
            ("greeting", self.greeting),
            ("ping_period", self.ping_period),
            ("explore_period", self.explore_period),
            ("fetch_timeout", self.fetch_timeout),
            ("stalled_after", self.stalled_after),
            ("dial_timeout", self.dial_timeout),
            ("retry_min", self.retry_min),
            ("oversleep", self.oversleep),
        ];
        match periods.iter().find(|(_, period)| *period < Duration::from_millis(1)) {
            Some((name, _)) => Err(ConfigError::TooShort(name)),
            None if self.retry_min > self.retry_max => Err(ConfigError::RetryOrder),
            None => Ok(()),
        }
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("degree", self.degree, usize::MAX),
            ("cache_size", self.cache_size, MAX_CACHE),
            ("give_up_after", self.give_up_after as usize, usize::MAX),
            ("max_peers", self.max_peers, MAX_PEERS),
            ("max_modules", self.max_modules, usize::MAX),
            ("max_types", self.max_types, usize::MAX),
            ("max_dials", self.max_dials, usize::MAX),
            ("max_rows", self.max_rows, 10_921),
        ];
        for (field, value, most) in bounds {
            match value {
                0 => return Err(ConfigError::Zero(field)),
                _ if value > most => return Err(ConfigError::TooLarge { field, value, most }),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn what_no_node_can_run_with_is_said_with_a_remedy() {
        let config = || Config::auto(Seed::from_u64(1));
        let (nowhere, broadcast) = ("0.0.0.0:7".parse().ok(), "255.255.255.255:7".parse().unwrap());
        let tiny = Duration::from_micros(999);
        for (config, said) in [
            (
                Config { address: nowhere, ..config() },
                "address has 0.0.0.0:7, where nobody can be dialled: name the IP",
            ),
            (
                Config { bootstrap: [broadcast].into(), ..config() },
                "bootstrap has 255.255.255.255:7, where nobody",
            ),
            (
                Config { verdict_timeout: tiny, ..config() },
                "verdict_timeout is below one millisecond: give a millisecond",
            ),
            (Config { degree: 0, ..config() }, "degree is zero: give one or more"),
            (
                Config { cache_size: 60_001, ..config() },
                "cache_size is 60001, and 60000 is the most: give less",
            ),
            (
                Config { retry_min: Duration::from_secs(301), ..config() },
                "retry_min is greater than retry_max: give at most",
            ),
        ] {
            let error = config.check().unwrap_err();
            assert!(error.to_string().starts_with(said), "{error}");
            assert!(said.starts_with(error.field()), "{error}");
        }
        assert_eq!(config().check(), Ok(()));
    }
}
