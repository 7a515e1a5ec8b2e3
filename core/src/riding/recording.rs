//! A riding node as it is recorded: both configurations, and the commands of either.

use super::config::{Config, ConfigError};
use super::machine::Riding;
use crate::record::Recordable;

impl Recordable for Riding {
    const KIND: &'static str = "riding node 1";
    type Setup = Config;
    type Unfit = ConfigError;

    fn build(setup: Config) -> Result<Self, ConfigError> {
        Riding::new(setup)
    }
}
