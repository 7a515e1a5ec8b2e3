//! What a configuration can say: the range of each field. A machine is built of what lies within them, and of nothing
//! else.

use alloc::format;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use super::{Bounds, Config, Periods, PolicyKind};
use crate::kernel::Rate;
use crate::overlay::budget::Budgets;
use crate::overlay::database::{Limits, MAX_RECORDS};
use crate::overlay::names::Cost;
use crate::overlay::wire::{ADDRESSES_LIMIT, LINKS_LIMIT, PAYLOAD_LIMIT};

/// The most neighbours that a node chooses: with eight times as many who chose it, and guests, they fit a record.
pub const CHOICES_LIMIT: usize = 64;
/// The most bootstraps that a node knows: it asks one after the other.
pub const BOOTSTRAPS_LIMIT: usize = 256;

const MILLIS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The shortest period: a node that does something more often is busy with itself.
const SHORTEST: Duration = Duration::from_millis(10);
/// A neighbour has missed three beats before it is suspected; it is not taken for absent before that.
const BEATS: u32 = 4;

/// A configuration that no node can live by; the first such field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} {}: {}", self.field(), self.fault(), self.remedy())]
#[non_exhaustive]
pub enum ConfigError {
    /// A number beyond its range.
    Number {
        /// Which, as in `bounds.payload`.
        field: &'static str,
        /// What it is.
        value: u64,
        /// The least that it can be.
        least: u64,
        /// The most.
        most: u64,
        /// What a default configuration has.
        usual: u64,
    },
    /// A time beyond its range.
    Time {
        /// Which, as in `periods.heartbeat`.
        field: &'static str,
        /// What it is.
        value: Duration,
        /// The least that it can be.
        least: Duration,
        /// The most.
        most: Duration,
        /// What a default configuration has.
        usual: Duration,
    },
    /// An address that nobody can dial.
    Address {
        /// Which, as in `bootstraps`.
        field: &'static str,
        /// The address.
        value: SocketAddr,
        /// What is wrong with it.
        fault: AddressFault,
    },
    /// More entries than a list can have.
    TooMany {
        /// Which, as in `more_addresses`.
        field: &'static str,
        /// How many there are.
        count: usize,
        /// How many there can be.
        most: usize,
    },
}

impl ConfigError {
    /// The field, as in `periods.heartbeat`.
    pub const fn field(&self) -> &'static str {
        match self {
            ConfigError::Number { field, .. }
            | ConfigError::Time { field, .. }
            | ConfigError::Address { field, .. }
            | ConfigError::TooMany { field, .. } => field,
        }
    }

    /// What it is and what it can be, to be said after the field.
    pub fn fault(&self) -> String {
        match self {
            ConfigError::Number { value, least, most, .. } if least == most => {
                format!("is {value}, and can only be {least}")
            }
            ConfigError::Number { value, least, most, .. } => {
                format!("is {value}, and can be {least} to {most}")
            }
            ConfigError::Time { value, least, most, .. } => {
                format!("is {value:?}, and can be {least:?} to {most:?}")
            }
            ConfigError::Address { value, fault, .. } => format!("has {value}, and {fault}"),
            ConfigError::TooMany { count, most, .. } => format!("has {count} entries, and can have {most}"),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            ConfigError::Number { usual, .. } => format!("{usual} is usual"),
            ConfigError::Time { usual, .. } => format!("{usual:?} is usual"),
            ConfigError::Address { .. } => "give an IP address and a port that others can dial".into(),
            ConfigError::TooMany { .. } => "leave out those of least use".into(),
        }
    }
}

/// Why nobody can dial an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum AddressFault {
    /// `0.0.0.0` or `::`.
    #[error("an unspecified address is no place")]
    Unspecified,
    /// A group.
    #[error("a multicast address is no single host's")]
    Multicast,
    /// `255.255.255.255`.
    #[error("a broadcast address is no single host's")]
    Broadcast,
    /// Port 0.
    #[error("nobody listens on port 0")]
    NoPort,
}

impl AddressFault {
    /// What is wrong with `address`, if anything. An IPv4 address is the same when it is written as one of IPv6.
    pub fn of(address: SocketAddr) -> Option<Self> {
        match address.ip().to_canonical() {
            ip if ip.is_unspecified() => Some(AddressFault::Unspecified),
            ip if ip.is_multicast() => Some(AddressFault::Multicast),
            IpAddr::V4(Ipv4Addr::BROADCAST) => Some(AddressFault::Broadcast),
            _ => (address.port() == 0).then_some(AddressFault::NoPort),
        }
    }
}

type Checked = Result<(), ConfigError>;

fn number(field: &'static str, value: usize, least: usize, most: usize, usual: usize) -> Checked {
    let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let (value, usual) = (wide(value), wide(usual));
    Err(ConfigError::Number { field, value, least: wide(least), most: wide(most), usual })
}

fn narrow(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn time(field: &'static str, value: Duration, least: Duration, most: Duration, usual: Duration) -> Checked {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Time { field, value, least, most, usual })
}

fn dialable(field: &'static str, value: SocketAddr) -> Checked {
    AddressFault::of(value).map_or(Ok(()), |fault| Err(ConfigError::Address { field, value, fault }))
}

fn list(field: &'static str, addresses: &[SocketAddr], most: usize) -> Checked {
    if addresses.len() > most {
        return Err(ConfigError::TooMany { field, count: addresses.len(), most });
    }
    addresses.iter().try_for_each(|address| dialable(field, *address))
}

impl Config {
    /// Whether a node can live by it.
    ///
    /// # Errors
    /// The first field beyond its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        dialable("address", self.address)?;
        list("more_addresses", &self.more_addresses, ADDRESSES_LIMIT)?;
        list("bootstraps", &self.bootstraps, BOOTSTRAPS_LIMIT)?;
        self.check_k()?;
        number("eps_ppm", narrow(self.eps_ppm), 0, 1_000_000, 10_000)?;
        let floor = Duration::from_micros(Cost::MAX.micros().into());
        time("announce_floor", self.announce_floor, Duration::ZERO, floor, MILLIS)?;
        self.periods.check()?;
        self.bounds.check()
    }

    fn check_k(&self) -> Checked {
        match self.policy {
            PolicyKind::Watch => number("k", self.k, 0, 0, 0),
            PolicyKind::BestResponse | PolicyKind::KRandom | PolicyKind::FullMesh => {
                number("k", self.k, 1, CHOICES_LIMIT, 3)
            }
        }
    }
}

impl Periods {
    fn check(&self) -> Checked {
        let usual = Periods::default();
        for (field, value, usual) in [
            ("periods.ping", self.ping, usual.ping),
            ("periods.rewiring", self.rewiring, usual.rewiring),
            ("periods.erase_hash", self.erase_hash, usual.erase_hash),
            ("periods.exchange", self.exchange, usual.exchange),
            ("periods.heal", self.heal, usual.heal),
            ("periods.refresh", self.refresh, usual.refresh),
        ] {
            time(field, value, SHORTEST, DAY, usual)?;
        }
        for (field, value, usual) in [
            ("periods.ping_timeout", self.ping_timeout, usual.ping_timeout),
            ("periods.boot_delay", self.boot_delay, usual.boot_delay),
            ("periods.greeting", self.greeting, usual.greeting),
        ] {
            time(field, value, SHORTEST, 5 * MINUTE, usual)?;
        }
        time("periods.heartbeat", self.heartbeat, SHORTEST, 10 * SECOND, usual.heartbeat)?;
        time("periods.remove", self.remove, BEATS * self.heartbeat, DAY, usual.remove)?;
        time("periods.announce_delay", self.announce_delay, Duration::ZERO, DAY, usual.announce_delay)?;
        number("periods.pace", narrow(self.pace), 1, 1_000, 1)
    }
}

impl Bounds {
    fn check(&self) -> Checked {
        let usual = Bounds::default();
        number("bounds.guests", self.guests, 0, 64, usual.guests)?;
        number("bounds.watchers", self.watchers, 0, LINKS_LIMIT, usual.watchers)?;
        self.database.check()?;
        number("bounds.hashes", self.hashes, 0, 1_000_000, usual.hashes)?;
        number("bounds.strangers", self.strangers, 1, 65_536, usual.strangers)?;
        number("bounds.remembered", self.remembered, 0, 16_384, usual.remembered)?;
        number("bounds.payload", self.payload, 1, PAYLOAD_LIMIT, usual.payload)?;
        self.budgets.check()
    }
}

impl Limits {
    fn check(&self) -> Checked {
        /// One record of average length, and as much as any machine has.
        const OCTETS: (usize, usize) = (16_384, u32::MAX as usize);
        let usual = Limits::default();
        let most = narrow(MAX_RECORDS);
        number("bounds.database.records", narrow(self.records), 2, most, narrow(usual.records))?;
        number("bounds.database.octets", self.octets, OCTETS.0, OCTETS.1, usual.octets)?;
        number("bounds.database.introduced", self.introduced, OCTETS.0, OCTETS.1, usual.introduced)
    }
}

impl Budgets {
    fn check(&self) -> Checked {
        let usual = Budgets::default();
        for (field, rate, usual) in [
            ("bounds.budgets.frames", self.frames, usual.frames),
            ("bounds.budgets.octets", self.octets, usual.octets),
            ("bounds.budgets.ids", self.ids, usual.ids),
            ("bounds.budgets.answers", self.answers, usual.answers),
            ("bounds.budgets.patience", self.patience, usual.patience),
            ("bounds.budgets.datagrams", self.datagrams, usual.datagrams),
            ("bounds.budgets.introductions", self.introductions, usual.introductions),
            ("bounds.budgets.probes", self.probes, usual.probes),
        ] {
            rate.check(field, usual)?;
        }
        Ok(())
    }
}

impl Rate {
    /// A bucket that never holds a token, or is never filled again, ends what it is for.
    fn check(self, field: &'static str, usual: Rate) -> Checked {
        let most = narrow(u32::MAX);
        number(field, narrow(self.burst), 1, most, narrow(usual.burst))?;
        number(field, narrow(self.per_second), 1, most, narrow(usual.per_second))
    }
}
