//! What a node is told when it is made.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::kernel::Seed;
use crate::mesh;
use crate::mesh::ConfigError;

/// The most nodes that keep a record.
const MAX_REPLICAS: usize = 4;
const SHORTEST: Duration = Duration::from_millis(1);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// What a [`Chord`](super::Chord) node is made of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// That of the mesh below. Its subnet is `chord` by default, and `retry_max` 30 s: a ring that was cut in two is one
    /// again soon after its nodes have found each other.
    pub mesh: mesh::Config,
    /// Whether it stores from the beginning.
    pub stores: bool,
    /// Whether what it keeps is durable: by [`Output::Store`](crate::kernel::Output::Store), and read back at start.
    pub durable: bool,
    /// How many nodes keep each record; 3, and at most 4.
    pub replicas: usize,
    /// How often the next node in the ring is asked whether it still is; 1 s.
    pub stabilise_period: Duration,
    /// How long it may take to answer that; 2 s. What changes something may take five times as long.
    pub answer_timeout: Duration,
    /// How long it may take until a node that is dialled shows that it lives; 5 s.
    pub reach_timeout: Duration,
    /// How long a node that starts waits for a ring to join before it is one of its own, unless it knows nobody; 3 s. Of
    /// nodes that start together the one with the smallest id waits a third of that.
    pub settle: Duration,
    /// How often copies are tried again that could not be given; 50 ms.
    pub recopy_period: Duration,
    /// How long copies may take; 30 s.
    pub keeping_timeout: Duration,
    /// How often another node is asked for one's own place, so that two rings become one; 10 s, and a tenth of that for a
    /// node that is alone.
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
            mesh: mesh::Config {
                subnet: "chord".into(),
                retry_max: Duration::from_secs(30),
                ..mesh::Config::new(seed, address)
            },
            stores: true,
            durable: false,
            replicas: 3,
            stabilise_period: Duration::from_secs(1),
            answer_timeout: Duration::from_secs(2),
            reach_timeout: Duration::from_secs(5),
            settle: Duration::from_secs(3),
            recopy_period: Duration::from_millis(50),
            keeping_timeout: Duration::from_secs(30),
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

impl Config {
    /// Whether a node can run with this.
    ///
    /// # Errors
    /// The first field found that it cannot run with.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.mesh.check()?;
        self.check_periods()?;
        self.check_bounds()
    }

    fn check_periods(&self) -> Result<(), ConfigError> {
        let periods = [
            ("stabilise_period", self.stabilise_period),
            ("answer_timeout", self.answer_timeout),
            ("reach_timeout", self.reach_timeout),
            ("settle", self.settle),
            ("recopy_period", self.recopy_period),
            ("keeping_timeout", self.keeping_timeout),
            ("unify_period", self.unify_period),
            ("compare_period", self.compare_period),
            ("absent_after", self.absent_after),
            ("tombstones_last", self.tombstones_last),
        ];
        for (name, period) in periods {
            if period < SHORTEST {
                return Err(ConfigError::TooShort(name));
            }
            if period > YEAR {
                return Err(ConfigError::TooLong(name));
            }
        }
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("replicas", self.replicas),
            ("max_records", self.max_records),
            ("max_octets", self.max_octets),
            ("max_begun", self.max_begun),
            ("max_passed_on", self.max_passed_on),
        ];
        match bounds.iter().find(|(_, bound)| *bound == 0) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None if self.replicas > MAX_REPLICAS => {
                Err(ConfigError::TooMany { field: "replicas", most: MAX_REPLICAS })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_node_can_run_with_is_refused() {
        let config = || Config::new(Seed::from_u64(1), ([127, 0, 0, 1], 7).into());
        assert_eq!(config().check(), Ok(()));
        for (config, error) in [
            (Config { replicas: 0, ..config() }, ConfigError::Zero("replicas")),
            (Config { replicas: 5, ..config() }, ConfigError::TooMany { field: "replicas", most: 4 }),
            (Config { compare_period: Duration::ZERO, ..config() }, ConfigError::TooShort("compare_period")),
            (Config { compare_period: Duration::MAX, ..config() }, ConfigError::TooLong("compare_period")),
            (
                Config { mesh: mesh::Config { seen: 0, ..config().mesh }, ..config() },
                ConfigError::Zero("seen"),
            ),
        ] {
            assert_eq!(config.check(), Err(error));
        }
    }
}
