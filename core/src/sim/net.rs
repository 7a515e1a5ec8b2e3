//! The emulated network: who is where, how long a message takes, and whether it arrives.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use super::abode::Abodes;
use super::tally::{Kind, Tally};
use super::weather::Weather;
use crate::kernel::{Port, Rng, Seed, Streams};

/// How long a message takes from one node to another.
///
/// A closure from two indices to microseconds is one too.
pub trait Delays {
    /// Microseconds from `from` to `to`; the network makes at least one of it.
    fn one_way(&self, from: usize, to: usize) -> u64;
}

impl<F: Fn(usize, usize) -> u64> Delays for F {
    fn one_way(&self, from: usize, to: usize) -> u64 {
        self(from, to)
    }
}

/// What is added to each message's delay. Computed in integers: the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Jitter {
    /// Nothing.
    #[default]
    None,
    /// Anything from nothing to `max`, evenly.
    Uniform {
        /// The most.
        max: Duration,
    },
    /// Like a log-normal distribution: half are below `median`, few are far above.
    LogNormal {
        /// The middle.
        median: Duration,
        /// How many thousandths of a doubling one standard deviation is: with 1000 every sixth is above twice
        /// the median.
        spread: u32,
    },
}

impl Jitter {
    fn draw(self, rng: &mut Rng) -> u64 {
        match self {
            Jitter::None => 0,
            Jitter::Uniform { max } => rng.below(micros(max).saturating_add(1)),
            Jitter::LogNormal { median, spread } => {
                power_of_two(micros(median), normal(rng) * i64::from(spread) / 1_000)
            }
        }
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

/// A number in 65,536ths whose distribution is nearly the standard normal one: the sum of four even ones.
fn normal(rng: &mut Rng) -> i64 {
    /// 65,536 by the standard deviation of the sum, 65,536 / sqrt 3: the square root of three, in thousandths.
    const SCALE: i64 = 1_732;
    let bits = rng.u64();
    let sum: i64 = (0..4).map(|part| (bits >> (16 * part) & 0xffff).cast_signed()).sum();
    (sum - 2 * 65_535) * SCALE / 1_000
}

/// `scale` times two to the power of `exponent` 65,536ths, linear between whole powers.
fn power_of_two(scale: u64, exponent: i64) -> u64 {
    let (whole, part) = (exponent.div_euclid(65_536), exponent.rem_euclid(65_536));
    let stretched = u128::from(scale) * u128::from(65_536 + part.unsigned_abs());
    let shifted = if whole < 0 {
        stretched >> whole.unsigned_abs().min(100)
    } else {
        stretched << whole.unsigned_abs().min(40)
    };
    u64::try_from(shifted >> 16).unwrap_or(u64::MAX)
}

/// Diallers' own ports: the range that most systems use.
pub(super) const EPHEMERAL: core::ops::Range<u16> = 32_768..60_999;

/// The first port of every node: `Port(n)` is at this plus n, for TCP and UDP alike.
pub const BASE_PORT: u16 = 7_000;

/// Where the first node's address is counted from.
const BASE_IP: u32 = 0x0a00_0001;
const NODES: u32 = 1 << 24;
/// The first port of every node as a translator shows it.
const TRANSLATED_PORT: u16 = 17_000;
/// How many ports of a node a translator shows.
pub(super) const SHOWN: u16 = 1_000;
/// How often it can begin anew until ports come again.
pub(super) const TURNS: u16 = 15;

/// Where a node's `Port(0)` is: 10.0.0.1 for the first, and so on.
///
/// # Panics
/// If `node` is 2^24 or more.
pub fn address(node: usize) -> SocketAddr {
    address_of(node, Port(0))
}

/// Where one of a node's ports is.
///
/// # Panics
/// If `node` is 2^24 - 1 or more, or the port is above 58,535.
pub fn address_of(node: usize, port: Port) -> SocketAddr {
    let number = BASE_PORT.checked_add(port.0).expect("a port's number has 16 bits");
    SocketAddr::new(ip(node), number)
}

/// Which of a node's addresses one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum At {
    /// The one of its name, in 10.0.0.0/8.
    Home,
    /// One in 11.0.0.0/8, where a translator that has begun anew so often shows its datagrams.
    Translated(u16),
    /// The same, at a port of its own: where it is once it has moved.
    Elsewhere,
}

/// Whose address this is, and the port if it is one of those that a node can listen on.
pub fn node_at(addr: SocketAddr) -> Option<(usize, Option<Port>)> {
    let (node, _, port) = place(addr)?;
    Some((node, port))
}

/// Whose address this is, which of them, and the port if it is one of those that a node can listen on.
pub(super) fn place(addr: SocketAddr) -> Option<(usize, At, Option<Port>)> {
    let IpAddr::V4(ip) = addr.ip() else { return None };
    let (block, node) = {
        let number = u32::from(ip).checked_sub(BASE_IP)?;
        (number / NODES, number % NODES)
    };
    let (base, at) = match block {
        0 => (BASE_PORT, At::Home),
        1 if (TRANSLATED_PORT..EPHEMERAL.start).contains(&addr.port()) => {
            let turn = (addr.port() - TRANSLATED_PORT) / SHOWN;
            (TRANSLATED_PORT + turn * SHOWN, At::Translated(turn))
        }
        1 => (BASE_PORT, At::Elsewhere),
        _ => return None,
    };
    (node < NODES - 1).then(|| (node as usize, at, addr.port().checked_sub(base).map(Port)))
}

pub(super) fn ip(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(BASE_IP + number(node)))
}

fn number(node: usize) -> u32 {
    u32::try_from(node).ok().filter(|n| *n < NODES - 1).expect("a world has fewer than 2^24 nodes")
}

/// Where a node is that has moved, with the number of a port.
pub fn elsewhere(node: usize, number_of_port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(BASE_IP + NODES + number(node))), number_of_port)
}

/// Where a translator that has begun anew so often shows the datagrams of one of a node's ports.
pub(super) fn translated(node: usize, port: Port, turn: u16) -> SocketAddr {
    elsewhere(node, TRANSLATED_PORT + turn * SHOWN + port.0)
}

/// What is wrong with the way from one node to another.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Trouble {
    cut: bool,
    /// Cut by what ends by itself.
    interrupted: bool,
    loss_per_million: Option<u32>,
    blocked: bool,
    narrow: Option<usize>,
}

impl Trouble {
    /// What keeps a datagram of so many octets from arriving.
    fn stops_datagram(self, octets: usize) -> Option<Kind> {
        match self {
            Trouble { cut: true, .. } | Trouble { interrupted: true, .. } => Some(Kind::Cut),
            Trouble { blocked: true, .. } => Some(Kind::Blocked),
            Trouble { narrow: Some(most), .. } if octets > most => Some(Kind::Narrow),
            Trouble { .. } => None,
        }
    }
}

/// Delays, losses, cuts, and who is not at home.
pub(super) struct Network {
    delays: Box<dyn Delays>,
    jitter: Jitter,
    loss_per_million: u32,
    trouble: BTreeMap<(usize, usize), Trouble>,
    pub(super) abodes: Abodes,
    /// Nothing until it is asked for.
    weather: Option<Box<Weather>>,
    seed: Seed,
    jitter_rng: Rng,
    loss_rng: Rng,
}

impl Network {
    pub(super) fn new(delays: Box<dyn Delays>, jitter: Jitter, loss_per_million: u32, seed: Seed) -> Self {
        let streams = Streams::new(seed);
        Network {
            delays,
            jitter,
            loss_per_million,
            trouble: BTreeMap::new(),
            abodes: Abodes::default(),
            weather: None,
            seed,
            jitter_rng: streams.named("jitter"),
            loss_rng: streams.named("loss"),
        }
    }

    /// How long a message takes now.
    pub(super) fn delay(&mut self, from: usize, to: usize) -> u64 {
        let jitter = if self.jitter == Jitter::None { 0 } else { self.jitter.draw(&mut self.jitter_rng) };
        self.delays.one_way(from, to).saturating_add(jitter).max(1)
    }

    /// How long a datagram of so many octets takes now, if it arrives.
    pub(super) fn datagram_delay(
        &mut self,
        from: usize,
        to: usize,
        octets: usize,
        tally: &mut Tally,
    ) -> Option<u64> {
        let mut loss = self.loss_per_million;
        if !self.trouble.is_empty() {
            let trouble = self.trouble.get(&(from, to)).copied().unwrap_or_default();
            if let Some(kind) = trouble.stops_datagram(octets) {
                tally.count(kind);
                return None;
            }
            loss = trouble.loss_per_million.unwrap_or(loss);
        }
        if loss > 0 && self.loss_rng.per_million(loss) {
            tally.count(Kind::Loss);
            return None;
        }
        let mut late = 0;
        if let Some(weather) = &mut self.weather {
            if weather.swallows(from, to) {
                tally.count(Kind::Burst);
                return None;
            }
            late = weather.lateness(tally);
        }
        Some(self.delay(from, to).saturating_add(late))
    }

    /// How long the copy of a datagram takes that arrives, if there is one.
    pub(super) fn copy_delay(&mut self, from: usize, to: usize, tally: &mut Tally) -> Option<u64> {
        let weather = self.weather.as_mut()?;
        if !weather.copies() {
            return None;
        }
        tally.count(Kind::Duplicate);
        let late = weather.lateness(tally);
        Some(self.delay(from, to).saturating_add(late))
    }

    /// What befalls datagrams, to be changed.
    pub(super) fn weather(&mut self) -> &mut Weather {
        let seed = self.seed;
        self.weather.get_or_insert_with(|| Box::new(Weather::new(seed)))
    }

    /// Nothing unusual befalls datagrams any more.
    pub(super) fn clear_weather(&mut self) {
        if let Some(weather) = &mut self.weather {
            weather.clear();
        }
    }

    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        !self.trouble.is_empty() && self.trouble.get(&(from, to)).is_some_and(|t| t.cut || t.interrupted)
    }

    pub(super) fn set_cut(&mut self, from: usize, to: usize, cut: bool) {
        self.change(from, to, |t| t.cut = cut);
    }

    pub(super) fn set_interrupted(&mut self, from: usize, to: usize, interrupted: bool) {
        self.change(from, to, |t| t.interrupted = interrupted);
    }

    /// Datagrams alone vanish on a way, or no more.
    pub(super) fn set_blocked(&mut self, from: usize, to: usize, blocked: bool) {
        self.change(from, to, |t| t.blocked = blocked);
    }

    /// What is longer than so many octets vanishes on a way, or nothing for that reason.
    pub(super) fn set_narrow(&mut self, from: usize, to: usize, octets: Option<usize>) {
        self.change(from, to, |t| t.narrow = octets);
    }

    /// The longest that passes on a way.
    pub(super) fn widest(&self, from: usize, to: usize) -> usize {
        let narrow = if self.trouble.is_empty() { None } else { self.trouble.get(&(from, to)) };
        narrow.and_then(|t| t.narrow).unwrap_or(usize::MAX)
    }

    pub(super) fn set_loss(&mut self, per_million: u32) {
        self.loss_per_million = per_million;
    }

    pub(super) fn set_link_loss(&mut self, from: usize, to: usize, per_million: Option<u32>) {
        self.change(from, to, |t| t.loss_per_million = per_million);
    }

    /// The ways on which something vanishes: those that are cut, blocked or narrow.
    pub(super) fn holes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.trouble.iter().filter(|(_, t)| t.stops_datagram(usize::MAX).is_some()).map(|(way, _)| *way)
    }

    fn change(&mut self, from: usize, to: usize, change: impl FnOnce(&mut Trouble)) {
        let trouble = self.trouble.entry((from, to)).or_default();
        change(trouble);
        if *trouble == Trouble::default() {
            self.trouble.remove(&(from, to));
        }
    }
}
