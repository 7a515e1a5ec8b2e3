//! What a node is told when it is made.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::kernel::Seed;
use crate::mesh;

/// What a [`Chord`](super::Chord) node is made of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// That of the mesh below. Its subnet is `chord` by default.
    pub mesh: mesh::Config,
    /// Whether it stores from the beginning.
    pub stores: bool,
    /// Whether what it keeps is durable: by [`Output::Store`](crate::kernel::Output::Store), and read back at start.
    pub durable: bool,
    /// How many nodes keep each record; 3, and at most 4.
    pub replicas: usize,
    /// How often the next node in the ring is asked whether it still is; 1 s.
    pub stabilise_period: Duration,
    /// How long it may take to answer that; 2 s.
    pub answer_timeout: Duration,
    /// How often another node is asked for one's own place, so that two rings become one; 10 s.
    pub unify_period: Duration,
    /// How often what the nodes behind keep of this node's is compared with it; 60 s.
    pub compare_period: Duration,
    /// How long nil of py2p's tables has to last until a key has no value; 2 s.
    pub absent_after: Duration,
    /// How long it is known that a key was deleted; 7 days.
    pub tombstones_last: Duration,
    /// Records kept; 1,000,000.
    pub max_records: usize,
    /// Octets of records kept; 256 MiB.
    pub max_octets: usize,
    /// What users may have under way; 1,024.
    pub max_begun: usize,
    /// What one peer may have under way here; 1,024.
    pub max_passed_on: usize,
    /// Keys that nodes of py2p have said there are; 65,536.
    pub max_py2p_keys: usize,
}

impl Config {
    /// A node of the network that py2p calls `chord`, at [`Time::ZERO`](crate::kernel::Time::ZERO).
    pub fn new(seed: Seed, address: core::net::SocketAddr) -> Self {
        Config {
            mesh: mesh::Config { subnet: "chord".into(), ..mesh::Config::new(seed, address) },
            stores: true,
            durable: false,
            replicas: 3,
            stabilise_period: Duration::from_secs(1),
            answer_timeout: Duration::from_secs(2),
            unify_period: Duration::from_secs(10),
            compare_period: Duration::from_secs(60),
            absent_after: Duration::from_secs(2),
            tombstones_last: Duration::from_secs(7 * 86_400),
            max_records: 1_000_000,
            max_octets: 256 << 20,
            max_begun: 1_024,
            max_passed_on: 1_024,
            max_py2p_keys: 65_536,
        }
    }
}
