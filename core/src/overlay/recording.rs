//! What a recording holds of an overlay node beside its inputs: its configuration, its seed included, and its commands.

use bytes::Bytes;

use super::budget::{Budgets, Rate};
use super::config::{Bounds, Config, ConfigError, Periods, PolicyKind};
use super::database::{Limits, LinkMode};
use super::event::Command;
use super::machine::Overlay;
use super::names::NodeId;
use super::wire::{Network, Way};
use super::wiring::Caution;
use crate::kernel::Seed;
use crate::record::{Pen, Reader, Recordable};

impl Recordable for Overlay {
    const KIND: &'static str = "overlay node 3";
    type Setup = Config;
    type Unfit = ConfigError;

    fn build(setup: Config) -> Result<Self, ConfigError> {
        Overlay::new(setup)
    }

    fn write_setup(setup: &Config, pen: &mut Pen<'_>) {
        write_config(setup, pen);
    }

    fn read_setup(reader: &mut Reader<'_>) -> Option<Config> {
        read_config(reader)
    }

    fn write_command(command: &Command, pen: &mut Pen<'_>) {
        write_command(command, pen);
    }

    fn read_command(reader: &mut Reader<'_>) -> Option<Command> {
        read_command(reader)
    }
}

const POLICIES: [PolicyKind; 4] =
    [PolicyKind::BestResponse, PolicyKind::KRandom, PolicyKind::FullMesh, PolicyKind::Watch];
const WAYS: [Way; 2] = [Way::Link, Way::Datagram];
const LINKS: [LinkMode; 2] = [LinkMode::Mutual, LinkMode::Directed];
const CAUTIONS: [Caution; 2] = [Caution::Quiet, Caution::Off];

/// Writes which of `all` a value is.
fn write_one<T: PartialEq>(all: &[T], one: &T, pen: &mut Pen<'_>) {
    pen.size(all.iter().position(|other| other == one).unwrap_or(all.len()));
}

fn read_one<T: Copy>(all: &[T], reader: &mut Reader<'_>) -> Option<T> {
    all.get(reader.narrow::<usize>()?).copied()
}

/// Every field is named, so that one that is added is not forgotten here.
fn write_config(config: &Config, pen: &mut Pen<'_>) {
    let Config {
        seed,
        network,
        address,
        more_addresses,
        ports,
        id,
        k,
        policy,
        links,
        eps_ppm,
        guarding,
        bootstraps,
        periods,
        bounds,
        announce_floor,
    } = config;
    pen.plain(&seed.0);
    pen.octets(network.as_str().as_bytes());
    pen.address(*address);
    pen.list(more_addresses, |pen, address| pen.address(*address));
    pen.list(ports.bound(), |pen, address| pen.address(*address));
    pen.option(*id, |pen, id| pen.plain(&id.0.to_le_bytes()));
    pen.size(*k);
    write_one(&POLICIES, policy, pen);
    write_one(&LINKS, links, pen);
    pen.number((*eps_ppm).into());
    write_one(&CAUTIONS, guarding, pen);
    pen.list(bootstraps, |pen, address| pen.address(*address));
    write_periods(periods, pen);
    write_bounds(bounds, pen);
    pen.duration(*announce_floor);
}

fn read_config(reader: &mut Reader<'_>) -> Option<Config> {
    Some(Config {
        seed: Seed(reader.array()?),
        network: Network::new(reader.text()?).ok()?,
        address: reader.address()?,
        more_addresses: reader.list(Reader::address)?.into(),
        ports: reader.list(Reader::address)?.into_iter().collect(),
        id: reader.option(Reader::array)?.map(|id| NodeId(u128::from_le_bytes(id))),
        k: reader.narrow()?,
        policy: read_one(&POLICIES, reader)?,
        links: read_one(&LINKS, reader)?,
        eps_ppm: reader.narrow()?,
        guarding: read_one(&CAUTIONS, reader)?,
        bootstraps: reader.list(Reader::address)?,
        periods: read_periods(reader)?,
        bounds: read_bounds(reader)?,
        announce_floor: reader.duration()?,
    })
}

fn write_periods(periods: &Periods, pen: &mut Pen<'_>) {
    let Periods {
        ping,
        ping_timeout,
        rewiring,
        remove,
        erase_hash,
        boot_delay,
        heartbeat,
        exchange,
        heal,
        greeting,
        announce_delay,
        refresh,
        pace,
    } = *periods;
    let durations = [
        ping,
        ping_timeout,
        rewiring,
        remove,
        erase_hash,
        boot_delay,
        heartbeat,
        exchange,
        heal,
        greeting,
        announce_delay,
        refresh,
    ];
    for duration in durations {
        pen.duration(duration);
    }
    pen.number(pace.into());
}

fn read_periods(reader: &mut Reader<'_>) -> Option<Periods> {
    Some(Periods {
        ping: reader.duration()?,
        ping_timeout: reader.duration()?,
        rewiring: reader.duration()?,
        remove: reader.duration()?,
        erase_hash: reader.duration()?,
        boot_delay: reader.duration()?,
        heartbeat: reader.duration()?,
        exchange: reader.duration()?,
        heal: reader.duration()?,
        greeting: reader.duration()?,
        announce_delay: reader.duration()?,
        refresh: reader.duration()?,
        pace: reader.narrow()?,
    })
}

fn write_bounds(bounds: &Bounds, pen: &mut Pen<'_>) {
    let Bounds { in_degree, guests, watchers, database, hashes, strangers, remembered, payload, budgets } =
        *bounds;
    let Limits { records, octets, introduced } = database;
    pen.option(in_degree, Pen::size);
    pen.number(records.into());
    for size in [guests, watchers, octets, introduced, hashes, strangers, remembered, payload] {
        pen.size(size);
    }
    write_budgets(&budgets, pen);
}

fn read_bounds(reader: &mut Reader<'_>) -> Option<Bounds> {
    let in_degree = reader.option(Reader::narrow)?;
    let records = reader.narrow()?;
    let (guests, watchers) = (reader.narrow()?, reader.narrow()?);
    let database = Limits { records, octets: reader.narrow()?, introduced: reader.narrow()? };
    let (hashes, strangers) = (reader.narrow()?, reader.narrow()?);
    let (remembered, payload) = (reader.narrow()?, reader.narrow()?);
    let budgets = read_budgets(reader)?;
    Some(Bounds { in_degree, guests, watchers, database, hashes, strangers, remembered, payload, budgets })
}

fn write_budgets(budgets: &Budgets, pen: &mut Pen<'_>) {
    let Budgets { frames, octets, ids, answers, patience, datagrams, introductions, probes } = *budgets;
    for rate in [frames, octets, ids, answers, patience, datagrams, introductions, probes] {
        pen.number(rate.burst.into());
        pen.number(rate.per_second.into());
    }
}

fn read_budgets(reader: &mut Reader<'_>) -> Option<Budgets> {
    let mut rate = || Some(Rate { burst: reader.narrow()?, per_second: reader.narrow()? });
    Some(Budgets {
        frames: rate()?,
        octets: rate()?,
        ids: rate()?,
        answers: rate()?,
        patience: rate()?,
        datagrams: rate()?,
        introductions: rate()?,
        probes: rate()?,
    })
}

const SEND: u8 = 0;
const ECHO: u8 = 1;
const BOOTSTRAPS: u8 = 2;
const LEAVE: u8 = 3;
const ADVERTISE: u8 = 4;

fn write_command(command: &Command, pen: &mut Pen<'_>) {
    let mut to_with = |code, to: &NodeId, payload: &Bytes, way: &Way| {
        pen.octet(code);
        write_one(&WAYS, way, pen);
        pen.plain(&to.0.to_le_bytes());
        pen.octets(payload);
    };
    match command {
        Command::Send { to, payload, way } => to_with(SEND, to, payload, way),
        Command::Echo { to, payload, way } => to_with(ECHO, to, payload, way),
        Command::Bootstraps(addresses) => {
            pen.octet(BOOTSTRAPS);
            pen.list(addresses, |pen, address| pen.address(*address));
        }
        Command::Advertise(addresses) => {
            pen.octet(ADVERTISE);
            pen.list(addresses, |pen, address| pen.address(*address));
        }
        Command::Leave => pen.octet(LEAVE),
    }
}

fn read_command(reader: &mut Reader<'_>) -> Option<Command> {
    let to_with = |reader: &mut Reader<'_>| {
        let way = read_one(&WAYS, reader)?;
        let to = NodeId(u128::from_le_bytes(reader.array()?));
        Some((to, Bytes::copy_from_slice(reader.octets()?), way))
    };
    Some(match reader.octet()? {
        SEND => to_with(reader).map(|(to, payload, way)| Command::Send { to, payload, way })?,
        ECHO => to_with(reader).map(|(to, payload, way)| Command::Echo { to, payload, way })?,
        BOOTSTRAPS => Command::Bootstraps(reader.list(Reader::address)?),
        ADVERTISE => Command::Advertise(reader.list(Reader::address)?),
        LEAVE => Command::Leave,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use core::time::Duration;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Pen<'_>)) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut Pen::new(&mut out));
        out
    }

    #[test]
    fn a_configuration_is_read_as_it_was_written() {
        let address = "192.0.2.7:61300".parse().unwrap();
        let plain = Config::new(Seed::from_u64(7), Network::new("n-1").unwrap(), address);
        let millis = Duration::from_millis;
        let rate = |burst| Rate { burst, per_second: burst + 1 };
        let odd = Config {
            more_addresses: ["[2001:db8::1]:5".parse().unwrap(), address].into_iter().collect(),
            ports: [address].into_iter().collect(),
            id: Some(NodeId(u128::MAX - 5)),
            k: 9,
            policy: PolicyKind::Watch,
            links: LinkMode::Directed,
            eps_ppm: 999_999,
            guarding: Caution::Off,
            bootstraps: vec![address],
            periods: Periods {
                ping: millis(1),
                ping_timeout: millis(2),
                rewiring: millis(3),
                remove: millis(4),
                erase_hash: millis(5),
                boot_delay: millis(6),
                heartbeat: millis(7),
                exchange: millis(8),
                heal: millis(9),
                greeting: millis(10),
                announce_delay: millis(11),
                refresh: millis(14),
                pace: 12,
            },
            bounds: Bounds {
                in_degree: Some(usize::MAX),
                guests: 1,
                watchers: 2,
                database: Limits { records: 3, octets: 4, introduced: 23 },
                hashes: 5,
                strangers: 6,
                remembered: 7,
                payload: 8,
                budgets: Budgets {
                    frames: rate(9),
                    octets: rate(11),
                    ids: rate(13),
                    answers: rate(15),
                    patience: rate(17),
                    datagrams: rate(19),
                    introductions: rate(21),
                    probes: rate(25),
                },
            },
            announce_floor: millis(13),
            ..plain.clone()
        };
        for config in [plain, odd] {
            let octets = written(|pen| write_config(&config, pen));
            let mut reader = Reader::new(&octets);
            assert_eq!((read_config(&mut reader), reader.is_empty()), (Some(config), true));
            for cut in 0..octets.len() {
                assert_eq!(read_config(&mut Reader::new(&octets[..cut])), None);
            }
        }
    }

    #[test]
    fn commands_are_read_as_they_were_written() {
        let (to, payload) = (NodeId(77), Bytes::from_static(b"\0x"));
        let bootstraps = vec!["[::1]:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()];
        for command in [
            Command::Send { to, payload: payload.clone(), way: Way::Link },
            Command::Echo { to, payload, way: Way::Datagram },
            Command::Bootstraps(bootstraps.clone()),
            Command::Advertise(bootstraps),
            Command::Leave,
        ] {
            let octets = written(|pen| write_command(&command, pen));
            assert_eq!(read_command(&mut Reader::new(&octets)), Some(command));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_the_readers(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_config(&mut Reader::new(&octets));
            let _ = read_command(&mut Reader::new(&octets));
        }
    }

    #[test]
    fn a_bootstrap_is_replayed_without_a_difference() {
        use crate::kernel::{Input, Loaded, Machine as _, Output, Time};
        use crate::record::{Piece, Recorder, Recording, Replay};
        use alloc::rc::Rc;
        use core::cell::RefCell;

        let tape = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&tape);
        let address = "192.0.2.7:61300".parse().unwrap();
        let config = Config::bootstrap(Seed::from_u64(7), Network::new("n-1").unwrap(), address);
        let mut machine =
            Recorder::<Overlay, _>::new(config, move |piece: Piece| piece.seal(&mut kept.borrow_mut()))
                .unwrap();
        let now = Time::from_secs(1);
        while let Some(output) = machine.poll() {
            match output {
                Output::Load { ticket, .. } => {
                    machine.handle(now, Input::Loaded { ticket, value: Loaded::Absent });
                }
                Output::Store { ticket, .. } => machine.handle(now, Input::Stored { ticket, ok: true }),
                _ => {}
            }
        }
        let _ = machine.command(now, Command::Bootstraps(vec![address]));
        drop(machine);
        let tape = tape.take();
        let mut replay = Replay::<Overlay>::new(Recording::read(&tape).unwrap()).unwrap();
        let mut inputs = 0;
        while replay.step(|_| ()).unwrap().is_some() {
            inputs += 1;
        }
        assert!(inputs >= 3, "{inputs}");
    }
}
