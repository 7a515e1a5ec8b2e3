//! Nodes of any configuration that [`Overlay::new`] takes, tried by the laws.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::specimen;
use crate::kernel::{How, Input, Machine, Output, Port, Rate, Rng, Seed, Streams, Time, Wake};
use crate::overlay::config::{Config, PolicyKind};
use crate::overlay::database::LinkMode;
use crate::overlay::event::{Command, Event, Refusal, Reply};
use crate::overlay::machine::Overlay;
use crate::overlay::wiring::Caution;
use crate::sim::laws::Lawful;

/// A node whose configuration has some fields, or all, at one end of what can be written there.
struct Configured(Overlay);

fn time(rng: &mut Rng, of: &mut Duration) {
    let times = [
        Duration::ZERO,
        Duration::from_micros(1),
        Duration::from_millis(9),
        Duration::from_millis(10),
        Duration::from_millis(250),
        Duration::from_secs(10),
        Duration::from_secs(61),
        Duration::from_secs(24 * 3_600),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ];
    *of = times[rng.index(times.len())];
}

fn size(rng: &mut Rng, of: &mut usize) {
    let sizes = [0, 1, 2, 64, 65, 1_024, 16_384, 65_536, 1_000_000, usize::MAX];
    *of = sizes[rng.index(sizes.len())];
}

fn number(rng: &mut Rng, of: &mut u32) {
    let numbers = [0, 1, 2, 20, 1_000, 16_384, 16_385, 1_000_000, u32::MAX];
    *of = numbers[rng.index(numbers.len())];
}

fn rate(rng: &mut Rng, of: &mut Rate) {
    number(rng, &mut of.burst);
    number(rng, &mut of.per_second);
}

fn address(rng: &mut Rng) -> SocketAddr {
    let ips = ["127.0.0.1", "0.0.0.0", "::", "::1", "224.0.0.1", "ff02::1", "255.255.255.255", "192.0.2.1"];
    let ip = ips[rng.index(ips.len())].parse().unwrap_or_else(|_| unreachable!("an address"));
    SocketAddr::new(ip, [0, 1, 7_003, 65_535][rng.index(4)])
}

fn addresses(rng: &mut Rng) -> Vec<SocketAddr> {
    let count = [0, 1, 8, 9, 300][rng.index(5)];
    (0..count).map(|_| address(rng)).collect()
}

/// Changes one field.
fn change(rng: &mut Rng, config: &mut Config) {
    let (periods, bounds) = (&mut config.periods, &mut config.bounds);
    match rng.below(43) {
        0 => config.address = address(rng),
        1 => config.more_addresses = addresses(rng).into(),
        2 => config.bootstraps = addresses(rng),
        3 => config.id = None,
        4..6 => size(rng, &mut config.k),
        6..8 => {
            let kinds =
                [PolicyKind::BestResponse, PolicyKind::KRandom, PolicyKind::FullMesh, PolicyKind::Watch];
            config.policy = kinds[rng.index(4)];
        }
        8 => config.links = LinkMode::Directed,
        9 => number(rng, &mut config.eps_ppm),
        10 => config.guarding = Caution::Off,
        11 => time(rng, &mut config.announce_floor),
        12 => time(rng, &mut periods.ping),
        13 => time(rng, &mut periods.ping_timeout),
        14 => time(rng, &mut periods.rewiring),
        15 => time(rng, &mut periods.remove),
        16 => time(rng, &mut periods.erase_hash),
        17 => time(rng, &mut periods.boot_delay),
        18 => time(rng, &mut periods.heartbeat),
        19 => time(rng, &mut periods.exchange),
        20 => time(rng, &mut periods.heal),
        21 => time(rng, &mut periods.greeting),
        22 => time(rng, &mut periods.announce_delay),
        23 => time(rng, &mut periods.refresh),
        24 => number(rng, &mut periods.pace),
        25 => size(rng, bounds.in_degree.get_or_insert_default()),
        26 => size(rng, &mut bounds.guests),
        27 => size(rng, &mut bounds.watchers),
        28 => number(rng, &mut bounds.database.records),
        29 => size(rng, &mut bounds.database.octets),
        30 => size(rng, &mut bounds.database.introduced),
        31 => size(rng, &mut bounds.hashes),
        32 => size(rng, &mut bounds.strangers),
        33 => size(rng, &mut bounds.remembered),
        34 => size(rng, &mut bounds.payload),
        35 => rate(rng, &mut bounds.budgets.frames),
        36 => rate(rng, &mut bounds.budgets.octets),
        37 => rate(rng, &mut bounds.budgets.ids),
        38 => rate(rng, &mut bounds.budgets.answers),
        39 => rate(rng, &mut bounds.budgets.patience),
        40 => rate(rng, &mut bounds.budgets.datagrams),
        41 => rate(rng, &mut bounds.budgets.introductions),
        _ => rate(rng, &mut bounds.budgets.probes),
    }
}

fn any_config(rng: &mut Rng) -> Config {
    let mut config = specimen(rng.u64());
    config.seed = Seed::from_u64(rng.u64());
    for _ in 0..[1, 1, 3, 12][rng.index(4)] {
        change(rng, &mut config);
    }
    config
}

impl Lawful for Configured {
    /// A hundred pulses a second, if that is what is configured.
    const WAKES_PER_SECOND: u32 = 1_000;

    fn specimen(seed: u64) -> Self {
        let mut rng = Streams::new(Seed::from_u64(seed)).named("configurations");
        loop {
            if let Ok(node) = Overlay::new(any_config(&mut rng)) {
                return Configured(node);
            }
        }
    }

    fn stream(_: How, rng: &mut Rng) -> Vec<u8> {
        super::stream(rng)
    }

    fn datagram(_: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        Some(super::datagram(rng))
    }

    fn command(rng: &mut Rng) -> Option<Command> {
        Some(super::command(rng))
    }
}

impl Machine for Configured {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.0.handle(now, input);
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.0.command(now, command)
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.0.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.0.poll_timeout()
    }
}

#[test]
fn every_configuration_is_refused_or_lived_by() {
    crate::sim::laws::laws::<Configured>(500);
}

#[test]
fn a_good_part_of_configurations_is_taken() {
    let mut rng = Streams::new(Seed::from_u64(1)).named("configurations");
    let taken = (0..1_000).filter(|_| any_config(&mut rng).check().is_ok()).count();
    assert!((200..800).contains(&taken), "{taken}");
}
