//! An overlay node as it is recorded: its configuration, with its seed, and its commands.

use super::config::{Config, ConfigError};
use super::machine::Overlay;
use crate::record::Recordable;

impl Recordable for Overlay {
    const KIND: &'static str = "overlay node 5";
    type Setup = Config;
    type Unfit = ConfigError;

    fn build(setup: Config) -> Result<Self, ConfigError> {
        Overlay::new(setup)
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;
    use core::time::Duration;

    use bytes::{Bytes, BytesMut};
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;
    use crate::kernel::{Rate, Seed};
    use crate::overlay::budget::Budgets;
    use crate::overlay::config::{Bounds, Periods, PolicyKind};
    use crate::overlay::database::{Limits, LinkMode};
    use crate::overlay::event::{ChannelOrder, Command};
    use crate::overlay::names::NodeId;
    use crate::overlay::wire::{ChannelName, Network, Reason, Way, Word};
    use crate::overlay::wiring::Caution;
    use crate::record::Digest;
    use crate::record::octets::tests::any_address;
    use crate::record::octets::{read, write};

    fn written(value: &impl Serialize) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut out, value).unwrap();
        out
    }

    fn some_addresses() -> impl Strategy<Value = Vec<SocketAddr>> {
        prop::collection::vec(any_address(), 0..4)
    }

    fn any_periods() -> impl Strategy<Value = Periods> {
        let durations = any::<[(u64, u32); 12]>();
        (durations, any::<u32>()).prop_map(|(durations, pace)| {
            let all = durations.map(|(secs, nanos)| Duration::new(secs, nanos % 1_000_000_000));
            let [ping, ping_timeout, rewiring, remove, erase_hash, boot_delay, ..] = all;
            let [.., heartbeat, exchange, heal, greeting, announce_delay, refresh] = all;
            Periods {
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
            }
        })
    }

    fn any_bounds() -> impl Strategy<Value = Bounds> {
        let sizes = any::<(Option<usize>, u32, [usize; 8])>();
        (sizes, any::<[(u32, u32); 8]>()).prop_map(|((in_degree, records, sizes), rates)| {
            let [guests, watchers, octets, introduced, hashes, strangers, remembered, payload] = sizes;
            let [frames, charged, ids, answers, patience, datagrams, introductions, probes] =
                rates.map(|(burst, per_second)| Rate { burst, per_second });
            Bounds {
                in_degree,
                guests,
                watchers,
                database: Limits { records, octets, introduced },
                hashes,
                strangers,
                remembered,
                payload,
                budgets: Budgets {
                    frames,
                    octets: charged,
                    ids,
                    answers,
                    patience,
                    datagrams,
                    introductions,
                    probes,
                },
            }
        })
    }

    /// Any configuration at all, most of them such that no node is built from them.
    fn any_config() -> impl Strategy<Value = Config> {
        use prop::sample::select;
        let choices = (
            select(
                &[PolicyKind::BestResponse, PolicyKind::KRandom, PolicyKind::FullMesh, PolicyKind::Watch][..],
            ),
            select(&[LinkMode::Mutual, LinkMode::Directed][..]),
            select(&[Caution::Quiet, Caution::Off][..]),
        );
        let who = (any::<[u8; 32]>(), "[a-z0-9-]{1,32}", any::<Option<u128>>(), any::<(usize, u32)>());
        let addresses = (any_address(), some_addresses(), some_addresses(), some_addresses());
        let rest = (any_periods(), any_bounds(), any::<(u64, u32)>());
        (who, addresses, choices, rest).prop_map(|(who, addresses, choices, rest)| {
            let ((seed, network, id, (k, eps_ppm)), (address, more, ports, bootstraps)) = (who, addresses);
            let ((policy, links, guarding), (periods, bounds, (secs, nanos))) = (choices, rest);
            Config {
                seed: Seed(seed),
                network: Network::new(&network).unwrap(),
                address,
                more_addresses: more.into(),
                ports: ports.into_iter().collect(),
                id: id.map(NodeId),
                k,
                policy,
                links,
                eps_ppm,
                guarding,
                bootstraps,
                periods,
                bounds,
                announce_floor: Duration::new(secs, nanos % 1_000_000_000),
            }
        })
    }

    fn any_order() -> impl Strategy<Value = ChannelOrder> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|octets| ChannelOrder::Say(octets.into())),
            any::<usize>().prop_map(ChannelOrder::Take),
            Just(ChannelOrder::Finish),
            Just(ChannelOrder::Abort),
            Just(ChannelOrder::Open),
        ]
    }

    fn any_command() -> impl Strategy<Value = Command> {
        let way = prop::sample::select(&[Way::Link, Way::Datagram][..]);
        let payload = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
        let sent = (any::<u128>().prop_map(NodeId), payload, way);
        prop_oneof![
            sent.clone().prop_map(|(to, payload, way)| Command::Send { to, payload, way }),
            sent.prop_map(|(to, payload, way)| Command::Echo { to, payload, way }),
            some_addresses().prop_map(Command::Bootstraps),
            some_addresses().prop_map(Command::Advertise),
            Just(Command::Leave),
            (any::<u128>(), "[a-z0-9-]{1,16}", any_order()).prop_map(|(peer, channel, order)| {
                let channel = ChannelName::new(&channel).unwrap();
                Command::Channel { peer: NodeId(peer), channel, order }
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_configuration_is_read_as_it_was_written_and_no_cut_of_it(config in any_config()) {
            let octets = written(&config);
            for cut in 0..octets.len() {
                prop_assert_eq!(read::<Config>(&octets[..cut]), None);
            }
            prop_assert_eq!(read(&octets), Some(config));
        }

        #[test]
        fn a_command_is_read_as_it_was_written_and_no_cut_of_it(command in any_command()) {
            let octets = written(&command);
            for cut in 0..octets.len() {
                prop_assert_eq!(read::<Command>(&octets[..cut]), None);
            }
            prop_assert_eq!(read(&octets), Some(command));
        }

        #[test]
        fn nothing_panics_the_readers(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Config>(&octets);
            let _ = read::<Command>(&octets);
        }

        /// What one octet more or less makes of a configuration is none, or has a name that may be one.
        #[test]
        fn an_altered_configuration_is_valid_or_none(config in any_config(), place: prop::sample::Index, with in 1_u8..) {
            let mut octets = written(&config);
            let at = place.index(octets.len());
            octets[at] ^= with;
            if let Some(Config { network, .. }) = read::<Config>(&octets) {
                prop_assert_eq!(Network::new(network.as_str()), Ok(network));
            }
        }

        #[test]
        fn a_name_is_read_if_it_may_be_one(text in "[a-zA-Z0-9-]{0,70}|[ -~é]{0,40}") {
            let octets = written(&text);
            prop_assert_eq!(read::<Network>(&octets), Network::new(&text).ok());
            prop_assert_eq!(read::<Word>(&octets), Word::new(&text).ok());
            prop_assert_eq!(read::<Reason>(&octets), Reason::new(&text).ok());
        }
    }

    /// Fields that are added, taken away or put elsewhere make older recordings unreadable; names do not count.
    #[test]
    fn what_a_recording_holds_has_the_order_that_its_kind_says() {
        let address = "192.0.2.7:61300".parse().unwrap();
        let plain = Config::new(Seed::from_u64(7), Network::new("n-1").unwrap(), address);
        // No two fields of a kind that stand beside each other have the same value.
        let config = Config {
            more_addresses: [address].into(),
            ports: [address; 2].into_iter().collect(),
            bootstraps: vec![address; 3],
            periods: Periods {
                exchange: Duration::from_secs(61),
                greeting: Duration::from_secs(6),
                ..plain.periods
            },
            bounds: Bounds { remembered: 127, ..plain.bounds },
            ..plain
        };
        let (to, payload) = (NodeId(77), Bytes::from_static(b"\0x"));
        let mut digest = Digest::default();
        digest.add(&config);
        for command in [
            Command::Send { to, payload: payload.clone(), way: Way::Link },
            Command::Echo { to, payload, way: Way::Datagram },
            Command::Bootstraps(vec![address]),
            Command::Advertise(vec![address]),
            Command::Leave,
        ] {
            digest.add(&command);
        }
        assert_eq!(
            (Overlay::KIND, digest.hash()),
            ("overlay node 5", Some(9_873_547_637_438_454_896)),
            "raise the number in the kind, then put the hash of now here"
        );
    }

    /// What is new stands behind what recordings have already.
    #[test]
    fn a_channels_orders_stand_behind_the_other_commands() {
        let channel = ChannelName::new("x").unwrap();
        for (order, number) in [
            (ChannelOrder::Say(Bytes::from_static(b"y")), &[0, 1, b'y'][..]),
            (ChannelOrder::Take(7), &[1, 7]),
            (ChannelOrder::Finish, &[2]),
            (ChannelOrder::Abort, &[3]),
            (ChannelOrder::Open, &[4]),
        ] {
            let octets = written(&Command::Channel { peer: NodeId(9), channel, order });
            assert_eq!(octets[..], [&[5, 9, 1, b'x'][..], number].concat());
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
                Output::Store { ticket, .. } => machine.handle(now, Input::Stored { ticket, result: Ok(()) }),
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
