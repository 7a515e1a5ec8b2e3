//! What a node is told when it is made.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::wire::NodeId;
use crate::kernel::{AddressBook, Backlog, BookLimits, Gap, Rate, Seed, Streams, Time, address, dialable};

/// The longest name of a subnet, in octets.
pub const MAX_SUBNET: usize = 64;

/// What a [`Mesh`](super::Mesh) node is made of: where its random numbers come from, and every period and bound.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Where everything random comes from.
    pub seed: Seed,
    /// When the node starts on the driver's clock.
    pub start: Time,
    /// What a clock on the wall shows then, since the beginning of 1970; `None` if that is still to be told by
    /// [`Input::WallTime`](crate::kernel::Input::WallTime).
    pub wall_time: Option<Duration>,
    /// What the node calls itself; drawn from `seed` if it is `None`.
    pub id: Option<NodeId>,
    /// The name of the network, of which its protocol id is made: `mesh`, or what all its nodes have agreed on. Whoever has
    /// another is not spoken to.
    pub subnet: String,
    /// Where peers reach this node, told to each.
    #[serde(with = "address::one")]
    pub address: SocketAddr,
    /// Dialled at start and retried for ever.
    #[serde(with = "address::list")]
    pub bootstrap: Vec<SocketAddr>,
    /// A node with fewer peers dials others; 4, as py2p's `max_outgoing`.
    pub want_peers: usize,
    /// Peers at once; 64.
    pub max_peers: usize,
    /// Accepted connections at once that have not said who they are; 32.
    pub max_greeting: usize,
    /// How long the other end is waited for, to greet it with the kind of text that it greets with: js2p says `str`, py2p
    /// `bin`; 200 ms. An end that is silent for so long is greeted as a py2p node.
    pub mirror: Duration,
    /// How long a connection may take to say who is there; 10 s.
    pub handshake_timeout: Duration,
    /// After so long without a word a peer is asked whether it is still there, and after as long again it is given up; 30 s.
    pub ping_period: Duration,
    /// How often a node with enough peers takes one more and gives up another, from half of that to one and a half; 30 s.
    pub explore_period: Duration,
    /// How long it may take until somebody says where a node listens for whom a message waits; 10 s.
    pub lookup_timeout: Duration,
    /// Messages that wait until it is known where a node listens; 64.
    pub max_lookups: usize,
    /// Broadcasts that are known again when they come by another way, for as long as they are heeded; 262,144, about
    /// 20 MiB. Of more than come within two minutes some would come twice.
    pub seen: usize,
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
    /// Dials at once; 8, so that a list of victims is no flood.
    pub max_dials: usize,
    /// Addresses remembered beside `bootstrap`; 1,024.
    pub max_known: usize,
    /// Rows heeded in one list of peers, and told in one; 128.
    pub max_rows: usize,
    /// The pauses between frames to a py2p node, which takes four octets that are left of a read for a frame.
    pub gap: Gap,
    /// How often one peer is told who the others are, and where one of them listens; 8 and 1 a second.
    pub answers: Rate,
    /// What may wait for one peer; 64 KiB at the driver and 1 MiB here.
    pub backlog: Backlog,
}

impl Config {
    /// A node of the network that py2p calls `mesh`, at [`Time::ZERO`].
    pub fn new(seed: Seed, address: SocketAddr) -> Self {
        Config {
            seed,
            start: Time::ZERO,
            wall_time: None,
            id: None,
            subnet: "mesh".into(),
            address,
            bootstrap: Vec::new(),
            want_peers: 4,
            max_peers: 64,
            max_greeting: 32,
            mirror: Duration::from_millis(200),
            handshake_timeout: Duration::from_secs(10),
            ping_period: Duration::from_secs(30),
            explore_period: Duration::from_secs(30),
            lookup_timeout: Duration::from_secs(10),
            max_lookups: 64,
            seen: 262_144,
            dial_timeout: Duration::from_secs(10),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            give_up_after: 5,
            oversleep: Duration::from_secs(1),
            max_dials: 8,
            max_known: 1_024,
            max_rows: 128,
            gap: Gap { least: Duration::from_millis(4), per_kib: Duration::from_millis(1) },
            answers: Rate { burst: 8, per_second: 1 },
            backlog: Backlog::default(),
        }
    }

    pub(super) fn book(&self, streams: &Streams) -> AddressBook<NodeId> {
        let limits = BookLimits {
            retry_min: self.retry_min,
            retry_max: self.retry_max,
            give_up_after: self.give_up_after,
            max_dials: self.max_dials,
            max_learned: self.max_known,
        };
        let bootstraps = self.bootstrap.iter().copied();
        AddressBook::new(limits, Some(self.address), bootstraps, streams.named("retry"), self.start)
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
    /// A subnet has no name, or too long a one.
    Subnet,
    /// A period below a millisecond would keep a processor busy.
    TooShort(&'static str),
    /// A bound of zero leaves nothing to run.
    Zero(&'static str),
    /// The pauses are in the wrong order.
    RetryOrder,
    /// More than there can be.
    TooMany {
        /// Which field has it.
        field: &'static str,
        /// How many there can be.
        most: usize,
    },
    /// A period above a year is as good as none.
    TooLong(&'static str),
}

impl ConfigError {
    /// The field, as in `ping_period`.
    pub const fn field(&self) -> &'static str {
        match self {
            ConfigError::Address { field, .. } | ConfigError::TooShort(field) | ConfigError::Zero(field) => {
                field
            }
            ConfigError::TooLong(field) | ConfigError::TooMany { field, .. } => field,
            ConfigError::Subnet => "subnet",
            ConfigError::RetryOrder => "retry_min",
        }
    }

    /// What is wrong with it, to be said after the field.
    pub fn fault(&self) -> String {
        match self {
            ConfigError::Address { value, .. } => format!("has {value}, where nobody can be dialled"),
            ConfigError::Subnet => format!("has no octet, or more than {MAX_SUBNET}"),
            ConfigError::TooShort(_) => "is below one millisecond".into(),
            ConfigError::Zero(_) => "is zero".into(),
            ConfigError::RetryOrder => "is greater than retry_max".into(),
            ConfigError::TooMany { most, .. } => format!("is more than {most}"),
            ConfigError::TooLong(_) => "is above a year".into(),
        }
    }

    /// What to do about it, in a few words.
    pub const fn remedy(&self) -> &'static str {
        match self {
            ConfigError::Address { .. } => "name the IP address and the port of one host",
            ConfigError::Subnet => "give the network a short name",
            ConfigError::TooShort(_) => "give a millisecond or more",
            ConfigError::Zero(_) => "give one or more",
            ConfigError::RetryOrder => "give at most retry_max",
            ConfigError::TooMany { .. } => "give no more than that",
            ConfigError::TooLong(_) => "give a year or less",
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
        if self.subnet.is_empty() || self.subnet.len() > MAX_SUBNET {
            return Err(ConfigError::Subnet);
        }
        self.check_periods()?;
        self.check_bounds()
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        let own = core::iter::once(("address", self.address));
        let mut all = own.chain(self.bootstrap.iter().map(|addr| ("bootstrap", *addr)));
        match all.find(|(_, addr)| !dialable(*addr)) {
            Some((field, value)) => Err(ConfigError::Address { field, value }),
            None => Ok(()),
        }
    }

    fn check_periods(&self) -> Result<(), ConfigError> {
        let periods = [
            ("mirror", self.mirror),
            ("handshake_timeout", self.handshake_timeout),
            ("ping_period", self.ping_period),
            ("explore_period", self.explore_period),
            ("lookup_timeout", self.lookup_timeout),
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
            ("want_peers", self.want_peers),
            ("max_peers", self.max_peers),
            ("max_greeting", self.max_greeting),
            ("seen", self.seen),
            ("give_up_after", self.give_up_after as usize),
            ("max_dials", self.max_dials),
            ("max_rows", self.max_rows),
        ];
        match bounds.iter().find(|(_, bound)| *bound == 0) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn what_no_node_can_run_with_is_said_with_a_remedy() {
        let config = || Config::new(Seed::from_u64(1), ([127, 0, 0, 1], 7).into());
        let (nowhere, broadcast) = ("0.0.0.0:7".parse().unwrap(), "255.255.255.255:7".parse().unwrap());
        let tiny = Duration::from_micros(999);
        for (config, said) in [
            (
                Config { address: nowhere, ..config() },
                "address has 0.0.0.0:7, where nobody can be dialled: name",
            ),
            (Config { bootstrap: [broadcast].into(), ..config() }, "bootstrap has 255.255.255.255:7, where"),
            (Config { subnet: "x".repeat(65), ..config() }, "subnet has no octet, or more than 64: give the"),
            (Config { mirror: tiny, ..config() }, "mirror is below one millisecond: give a millisecond"),
            (Config { seen: 0, ..config() }, "seen is zero: give one or more"),
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
