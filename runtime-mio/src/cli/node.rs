//! `egoist node`: a node of the overlay.

use clap::Parser;

use super::config::{ConfigFile, Settings};
use super::state::StateArgs;

/// Run a node of the overlay, until SIGINT, SIGTERM or 'egoist leave'
#[derive(Parser, Debug)]
#[command(
    name = "node",
    after_help = "Examples:
  egoist node                                           one of several on this machine, with 'egoist bootstrap'
  egoist node --listen 0.0.0.0:61300 --advertise 192.0.2.7:61300 \\
              --network example --bootstrap boot.example.net:61223 -k 3
  egoist node --config egoist.toml                      flags go before the file, see 'egoist config'

There is no authentication: whoever reaches the port can take part. Keep to loopback or a network you trust."
)]
pub(crate) struct Node {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
