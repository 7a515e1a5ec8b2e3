//! What a riding node is made of.

use serde::{Deserialize, Serialize};

use crate::gossip::Mode;
use crate::kernel::{Backlog, Scope};
use crate::overlay::wire::WINDOW;
use crate::{gossip, overlay};

/// More links than an overlay node has: none is one too many, and none is looked for.
const DEGREE: usize = 1 << 16;

/// Both configurations. Of gossip's those fields count that are not about who is connected to whom: it has no address and no
/// bootstraps, knows nobody to dial, takes each neighbour for a node of this project, and draws from the overlay's seed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The overlay's.
    pub overlay: overlay::Config,
    /// Gossip's.
    pub gossip: gossip::Config,
}

/// A configuration that no node can live by.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// The overlay cannot.
    #[error(transparent)]
    Overlay(#[from] overlay::ConfigError),
    /// Gossip cannot.
    #[error(transparent)]
    Gossip(#[from] gossip::ConfigError),
}

/// How many ports are the overlay's: one, or those that its configuration names.
pub fn overlay_ports(config: &overlay::Config) -> u16 {
    u16::try_from(config.ports.bound().len().max(1)).unwrap_or(u16::MAX - 1)
}

impl Config {
    /// The scopes of both. Gossip has the port of modules alone, for nobody connects to it otherwise.
    pub(super) fn scopes(&self) -> [Scope; 2] {
        Scope::among([("overlay", overlay_ports(&self.overlay).min(u16::MAX - 1)), ("gossip", 1)])
    }

    /// Gossip's configuration as it counts.
    pub(super) fn ridden(&self, scope: Scope) -> gossip::Config {
        let backlog = self.gossip.backlog;
        gossip::Config {
            mode: Mode::Auto,
            seed: scope.seed(self.overlay.seed),
            address: None,
            bootstrap: Default::default(),
            degree: DEGREE,
            max_known: 0,
            backlog: Backlog { in_flight: backlog.in_flight.min(WINDOW), ..backlog },
            ..self.gossip.clone()
        }
    }
}
