//! A Chord node as it is recorded: its configuration, with its seed, and its commands.

use super::{Chord, Config};
use crate::mesh::ConfigError;
use crate::record::Recordable;

impl Recordable for Chord {
    const KIND: &'static str = "chord node 1";
    type Setup = Config;
    type Unfit = ConfigError;

    fn build(setup: Config) -> Result<Self, ConfigError> {
        Chord::new(setup)
    }
}
