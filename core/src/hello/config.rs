//! What a node is told when it is made.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::NodeId;
use super::{article, ncpoc};
use crate::kernel::{AddressBook, Backlog, BookLimits, Seed, Streams, Time, address, dialable};

/// Which program's lines a node reads and writes. Nodes of different dialects do not understand each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Dialect {
    /// That of the [article](super::article).
    Article,
    /// That of [ncpoc](super::ncpoc).
    Ncpoc,
}

impl Dialect {
    /// The ports that its program tries on its own host at start, beginning with the usual one.
    pub const fn ports(self) -> &'static [u16] {
        match self {
            Dialect::Article => &[5999, 5998, 5997],
            Dialect::Ncpoc => &[5005, 5006, 5007, 5008],
        }
    }

    /// The longest line that is heard, in octets without its terminator.
    pub const fn max_line(self) -> usize {
        match self {
            Dialect::Article => article::MAX_LINE,
            Dialect::Ncpoc => ncpoc::MAX_LINE,
        }
    }

    /// Whether each line is a write of its own, since readers take a write for a message.
    pub const fn solo(self) -> bool {
        matches!(self, Dialect::Ncpoc)
    }
}

/// What a [`Hello`](super::Hello) is made of: its dialect, where its random numbers come from, and every period and bound.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The language.
    pub dialect: Dialect,
    /// Where everything random comes from, the node's id first of all.
    pub seed: Seed,
    /// When the node starts on the driver's clock.
    pub start: Time,
    /// The wall clock at [`Time::ZERO`], since 1970; ncpoc nodes tell each other when a peer was last heard.
    pub wall_time: Duration,
    /// Where others reach this node; told to every peer, never dialled. `None` if nobody can.
    #[serde(with = "address::maybe")]
    pub address: Option<SocketAddr>,
    /// Dialled at start and retried for ever.
    #[serde(with = "address::list")]
    pub bootstrap: Vec<SocketAddr>,
    /// From one ping to the next; the article's 60 s, ncpoc's 1,200 s.
    pub ping_period: Duration,
    /// From one ping to the next of those that an ncpoc node has dialled, which alone ping; 1,200 s. One that has not pinged
    /// for one more than [`missed_pongs`](Config::missed_pongs) of them is dead.
    pub their_ping_period: Duration,
    /// A peer that owes a pong for so many ping periods is dead; 2.
    pub missed_pongs: u32,
    /// How long a connection may go without hello; 10 s, for a round trip on a bad path and a slow peer.
    pub hello_timeout: Duration,
    /// How long a dial may take; 10 s.
    pub dial_timeout: Duration,
    /// The pause after the first failure; each further one doubles it. 1 s.
    pub retry_min: Duration,
    /// The longest pause between two attempts; 5 min.
    pub retry_max: Duration,
    /// A learned address is forgotten after so many failures in a row; 5, a minute of trying.
    pub give_up_after: u32,
    /// Woken later than this, a node takes the silence for its own sleep; 1 s, above what a busy host oversleeps.
    pub oversleep: Duration,
    /// Addresses are dialled while fewer peers are up; 32.
    pub want_peers: usize,
    /// Peers at once; 128, each costs a connection and at most `backlog`.
    pub max_peers: usize,
    /// Accepted connections that have not said hello; 32.
    pub max_greeting: usize,
    /// Dials, and dialled connections without hello, at once; 8, so that a list of victims is no flood.
    pub max_dials: usize,
    /// Addresses remembered beside `bootstrap`; 1,024, about 100 KiB.
    pub max_known: usize,
    /// Rows heeded in one addr, and sent in the article's dialect; 100, at most [`article::MAX_ROWS`].
    pub max_rows: usize,
    /// What may wait for one peer; 64 KiB at the driver and 256 KiB here, as a ping can ask for little and getaddr for
    /// 12 KiB.
    pub backlog: Backlog,
}

impl Config {
    /// The article's node, at [`Time::ZERO`].
    pub fn article(seed: Seed) -> Self {
        Config {
            dialect: Dialect::Article,
            seed,
            start: Time::ZERO,
            wall_time: Duration::ZERO,
            address: None,
            bootstrap: Vec::new(),
            ping_period: Duration::from_secs(60),
            their_ping_period: Duration::from_secs(1_200),
            missed_pongs: 2,
            hello_timeout: Duration::from_secs(10),
            dial_timeout: Duration::from_secs(10),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            give_up_after: 5,
            oversleep: Duration::from_secs(1),
            want_peers: 32,
            max_peers: 128,
            max_greeting: 32,
            max_dials: 8,
            max_known: 1024,
            max_rows: 100,
            backlog: Backlog { control: 256 << 10, bulk: 0, ..Backlog::default() },
        }
    }

    /// An ncpoc node, at [`Time::ZERO`] and in 1970.
    pub fn ncpoc(seed: Seed) -> Self {
        Config { dialect: Dialect::Ncpoc, ping_period: Duration::from_secs(1_200), ..Config::article(seed) }
    }

    /// The addresses that a node begins with.
    pub(super) fn book(&self) -> AddressBook<NodeId> {
        let limits = BookLimits {
            retry_min: self.retry_min,
            retry_max: self.retry_max,
            give_up_after: self.give_up_after,
            max_dials: self.max_dials,
            max_learned: self.max_known,
        };
        let retry = Streams::new(self.seed).named("hello retry");
        AddressBook::new(limits, self.address, self.bootstrap.iter().copied(), retry, self.start)
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
    /// The pauses are in the wrong order.
    RetryOrder,
    /// More rows than fit in a line.
    Rows(usize),
}

impl ConfigError {
    /// The field, as in `ping_period`.
    pub const fn field(&self) -> &'static str {
        match self {
            ConfigError::Address { field, .. } | ConfigError::TooShort(field) | ConfigError::Zero(field) => {
                field
            }
            ConfigError::RetryOrder => "retry_min",
            ConfigError::Rows(_) => "max_rows",
        }
    }

    /// What is wrong with it, to be said after the field.
    pub fn fault(&self) -> String {
        match self {
            ConfigError::Address { value, .. } => format!("has {value}, where nobody can be dialled"),
            ConfigError::TooShort(_) => "is below one millisecond".into(),
            ConfigError::Zero(_) => "is zero".into(),
            ConfigError::RetryOrder => "is greater than retry_max".into(),
            ConfigError::Rows(rows) => format!("is {rows}, and a line holds {}", article::MAX_ROWS),
        }
    }

    /// What to do about it, in a few words.
    pub const fn remedy(&self) -> &'static str {
        match self {
            ConfigError::Address { .. } => "name the IP address and the port of one host",
            ConfigError::TooShort(_) => "give a millisecond or more",
            ConfigError::Zero(_) => "give one or more",
            ConfigError::RetryOrder => "give at most retry_max",
            ConfigError::Rows(_) => "give as many as a line holds",
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
        let own = self.address.iter().map(|addr| ("address", *addr));
        let mut all = own.chain(self.bootstrap.iter().map(|addr| ("bootstrap", *addr)));
        match all.find(|(_, addr)| !dialable(*addr)) {
            Some((field, value)) => Err(ConfigError::Address { field, value }),
            None => Ok(()),
        }
    }

    fn check_periods(&self) -> Result<(), ConfigError> {
        let periods = [
            ("ping_period", self.ping_period),
            ("their_ping_period", self.their_ping_period),
            ("hello_timeout", self.hello_timeout),
            ("dial_timeout", self.dial_timeout),
            ("retry_min", self.retry_min),
            ("oversleep", self.oversleep),
        ];
        match periods.iter().find(|(_, d)| *d < Duration::from_millis(1)) {
            Some((name, _)) => Err(ConfigError::TooShort(name)),
            None if self.retry_min > self.retry_max => Err(ConfigError::RetryOrder),
            None => Ok(()),
        }
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("missed_pongs", self.missed_pongs as usize),
            ("give_up_after", self.give_up_after as usize),
            ("max_peers", self.max_peers),
            ("max_greeting", self.max_greeting),
            ("max_dials", self.max_dials),
            ("max_rows", self.max_rows),
        ];
        match bounds.iter().find(|(_, n)| *n == 0) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None if self.max_rows > article::MAX_ROWS => Err(ConfigError::Rows(self.max_rows)),
            None => Ok(()),
        }
    }
}
