//! What a fuzzer tries: a node fed whatever octets say.

use core::net::SocketAddr;

use super::lawful::{line, message};
use super::{Command, Config, Dialect, Hello};
use crate::kernel::{Backlog, Seed, Streams};
use crate::sim::hand;

/// Drives a node of one of the dialects [by hand](hand::play).
///
/// # Panics
/// As that does.
pub fn node(octets: &[u8]) {
    let (first, script) = octets.split_first().unwrap_or((&0, &[]));
    let dialect = if first.is_multiple_of(2) { Dialect::Article } else { Dialect::Ncpoc };
    let mut rng = Streams::new(Seed::from_u64(0)).named("lines");
    let frame = |_| line(&message(&mut rng), dialect, &mut rng);
    hand::play::<Hello>(config(dialect, *first), 1, script, frame, command);
}

/// Small bounds, which are met soon.
fn config(dialect: Dialect, seed: u8) -> Config {
    let usual = match dialect {
        Dialect::Article => Config::article,
        Dialect::Ncpoc => Config::ncpoc,
    };
    Config {
        address: Some(localhost(5999)),
        bootstrap: [localhost(6000), localhost(6001)].into(),
        give_up_after: 2,
        max_peers: 4,
        max_greeting: 3,
        max_dials: 2,
        max_known: 5,
        max_rows: 4,
        backlog: Backlog { in_flight: 1_500, control: 3_000, bulk: 0 },
        ..usual(Seed::from_u64(seed.into()))
    }
}

fn localhost(port: u16) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), port)
}

fn command(with: u8) -> Command {
    match with {
        0..4 => Command::Leave,
        _ => Command::Connect { addr: localhost(6_000 + u16::from(with % 8)) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_to_a_node_it_keeps_the_contract_and_is_replayed() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("scripts");
        for _ in 0..500 {
            let script: Vec<u8> = (0..rng.index(400)).map(|_| rng.u64().to_le_bytes()[0]).collect();
            node(&script);
        }
    }
}
