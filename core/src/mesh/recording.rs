//! A mesh node as it is recorded: its configuration, with its seed, and its commands.

use super::config::{Config, ConfigError};
use super::machine::Mesh;
use crate::record::Recordable;

impl Recordable for Mesh {
    const KIND: &'static str = "mesh node 1";
    type Setup = Config;
    type Unfit = ConfigError;

    fn build(setup: Config) -> Result<Self, ConfigError> {
        Mesh::new(setup)
    }
}
