//! How nodes are tried by the [laws](crate::sim::laws).

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::message::{Message, NodeId, Row};
use super::ncpoc::{Kind, Node};
use super::{Command, Config, Dialect, Hello, article, ncpoc};
use crate::kernel::{Backlog, How, Port, Rng, Seed};
use crate::sim::laws::Lawful;

/// Specimens have one of so few ids, so that peers meet their own. Every other one speaks ncpoc.
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

pub(super) fn message(rng: &mut Rng) -> Message {
    match rng.below(20) {
        0..2 => Message::Hello { id: id(rng) },
        2..7 => Message::Ping,
        7..12 => Message::Pong,
        12..15 => Message::GetAddr,
        15..19 => Message::Addr { peers: (0..rng.below(6)).map(|_| row(rng)).collect() },
        _ => Message::Unknown,
    }
}

/// What a message is in a dialect.
pub(super) fn line(message: &Message, dialect: Dialect, rng: &mut Rng) -> Bytes {
    let (sender, nonce) = (id(rng), alloc::format!("{:064x}", rng.u64()));
    match (dialect, message) {
        (Dialect::Article, message) => article::write(message),
        (_, Message::Hello { id }) => ncpoc::write_hello(id, &nonce),
        (_, Message::Ping) => ncpoc::write_ping(&sender, &nonce),
        (_, Message::Pong) => ncpoc::write_pong(&sender, &nonce),
        (_, Message::Addr { peers }) => {
            let kind = if rng.percent(50) { Kind::Speaker } else { Kind::Listener };
            let heard = Duration::from_micros(rng.u64());
            let id = |row: &Row| row.id.clone().unwrap_or_else(|| sender.clone());
            let node = |row: &Row| Node { id: id(row), addr: row.addr, kind, heard };
            ncpoc::write_addr(&sender, &nonce, peers.iter().map(node))
        }
        (_, Message::GetAddr) => Bytes::from_static(b"{\"msgtype\": \"getaddr\"}\n"),
        (_, Message::Unknown) => Bytes::from_static(b"{\"msgtype\": \"unknown\"}\n"),
    }
}

/// What a peer has no business saying.
fn rubbish(rng: &mut Rng) -> Vec<u8> {
    let all: [&[u8]; 6] = [
        b"\n",
        b"{\"msgtype\":\"hello\"}\r\n",
        b"{\"msgtype\":\"addr\",\"peers\":7}\n",
        b"{\"msgtype\": \"ping\", \"data\": {\"nodeid\": \"a\"}, \"sign\": \"\"}\n",
        b"GET / HTTP/1.1\r\n",
        b"{",
    ];
    match rng.index(all.len() + 1) {
        n if n < all.len() => all[n].to_vec(),
        _ => alloc::vec![b'x'; article::MAX_LINE - 1 + rng.index(4)],
    }
}

const IN_FLIGHT: usize = 300;

impl Lawful for Hello {
    const IN_FLIGHT: usize = IN_FLIGHT;

    fn specimen(seed: u64) -> Self {
        let localhost = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let dialect = if seed.is_multiple_of(2) { Config::article } else { Config::ncpoc };
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
            their_ping_period: Duration::from_secs(20),
            ..dialect(Seed::from_u64(seed % SPECIMENS))
        };
        Hello::new(config).expect("nothing in it is zero")
    }

    fn stream(_: How, rng: &mut Rng) -> Vec<u8> {
        let dialect = if rng.percent(50) { Dialect::Article } else { Dialect::Ncpoc };
        let mut bytes = Vec::new();
        if rng.percent(90) {
            let hello = Message::Hello { id: id(rng) };
            bytes.extend_from_slice(&line(&hello, dialect, rng));
        }
        for _ in 0..rng.below(30) {
            bytes.extend_from_slice(&line(&message(rng), dialect, rng));
        }
        if rng.percent(20) {
            bytes.extend_from_slice(&rubbish(rng));
            bytes.extend_from_slice(&line(&message(rng), dialect, rng));
        }
        bytes
    }

    fn datagram(_: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        Some(article::write(&message(rng)).to_vec())
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
        crate::sim::laws::laws::<Hello>(2_000);
    }

    #[test]
    fn the_laws_scripts_are_a_right_driver() {
        crate::sim::laws::laws::<crate::kernel::Checked<Hello>>(300);
    }
}
