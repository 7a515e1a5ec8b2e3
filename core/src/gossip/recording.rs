//! A gossip node as it is recorded: its configuration, with its seed, and its commands.

use super::config::{Config, ConfigError};
use super::machine::Gossip;
use crate::record::Recordable;

impl Recordable for Gossip {
    const KIND: &'static str = "gossip node 1";
    type Setup = Config;
    type Unfit = ConfigError;

    fn build(setup: Config) -> Result<Self, ConfigError> {
        Gossip::new(setup)
    }
}
