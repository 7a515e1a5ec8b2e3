//! How nodes are tried by the [laws](crate::sim::laws).

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use super::message::{MAX_LINE, Message, NodeId, Row};
use super::{Command, Config, Hello};
use crate::kernel::{Backlog, How, Port, Rng, Seed, Time};
use crate::sim::laws::Lawful;

/// Specimens have one of so few ids, so that peers meet their own.
const SPECIMENS: u64 = 4;

fn addr(rng: &mut Rng) -> SocketAddr {
    let port = [0, 1, 5999, 6000, 6001, 6002, 6003][rng.index(7)];
    let ip = if rng.percent(90) { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    SocketAddr::new(ip.into(), port)
}

fn id(rng: &mut Rng) -> NodeId {
    if rng.percent(20) {
        return Hello::specimen(rng.below(SPECIMENS)).id().clone();
    }
    let names = ["0", "anna", "b5f6", "ffffffff"];
    NodeId::new(names[rng.index(names.len())]).expect("short and printable")
}

fn row(rng: &mut Rng) -> Row {
    Row { addr: addr(rng), id: rng.percent(70).then(|| id(rng)) }
}

fn message(rng: &mut Rng) -> Message {
    match rng.below(20) {
        0..2 => Message::Hello { id: id(rng) },
        2..7 => Message::Ping,
        7..12 => Message::Pong,
        12..15 => Message::GetAddr,
        15..19 => Message::Addr { peers: (0..rng.below(6)).map(|_| row(rng)).collect() },
        _ => Message::Unknown,
    }
}

/// What a peer has no business saying.
fn rubbish(rng: &mut Rng) -> Vec<u8> {
    let all: [&[u8]; 5] = [
        b"\n",
        b"{\"msgtype\":\"hello\"}\r\n",
        b"{\"msgtype\":\"addr\",\"peers\":7}\n",
        b"GET / HTTP/1.1\r\n",
        b"{",
    ];
    match rng.index(all.len() + 1) {
        n if n < all.len() => all[n].to_vec(),
        _ => alloc::vec![b'x'; MAX_LINE - 1 + rng.index(4)],
    }
}

const IN_FLIGHT: usize = 300;

impl Lawful for Hello {
    const IN_FLIGHT: usize = IN_FLIGHT;

    fn specimen(seed: u64) -> Self {
        let localhost = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let config = Config {
            address: Some(localhost(5999)),
            bootstrap: [localhost(6000), localhost(6001)].into(),
            give_up_after: 2,
            want_peers: 4,
            max_peers: 5,
            max_greeting: 2,
            max_dials: 3,
            max_known: 3,
            max_rows: 4,
            backlog: Backlog { in_flight: IN_FLIGHT, control: 400, bulk: 0 },
            ping_period: Duration::from_secs(20),
            ..Config::default()
        };
        Hello::new(config, Seed::from_u64(seed % SPECIMENS), Time::ZERO).expect("nothing in it is zero")
    }

    fn stream(_: How, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = Vec::new();
        if rng.percent(90) {
            bytes.extend_from_slice(&Message::Hello { id: id(rng) }.emit());
        }
        for _ in 0..rng.below(30) {
            bytes.extend_from_slice(&message(rng).emit());
        }
        if rng.percent(20) {
            bytes.extend_from_slice(&rubbish(rng));
            bytes.extend_from_slice(&message(rng).emit());
        }
        bytes
    }

    fn datagram(_: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        Some(message(rng).emit().to_vec())
    }

    fn command(rng: &mut Rng) -> Option<Command> {
        Some(if rng.percent(90) { Command::Connect { addr: addr(rng) } } else { Command::Leave })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_keeps_every_law() {
        crate::sim::laws::laws::<Hello>(1_000);
    }

    #[test]
    fn the_laws_scripts_are_a_right_driver() {
        crate::sim::laws::laws::<crate::kernel::Checked<Hello>>(300);
    }
}
