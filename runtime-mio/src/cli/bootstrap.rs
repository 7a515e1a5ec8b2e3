//! `egoist bootstrap`: whom newcomers ask for the overlay.

use clap::Parser;

use super::config::ConfigFile;
use super::settings::{Bounds, Pace, Periods, Place};
use super::state::StateArgs;

/// Run a bootstrap, which tells newcomers who is in the overlay
#[derive(Parser, Debug)]
#[command(
    name = "bootstrap",
    mut_arg("listen", |arg| arg.default_value("127.0.0.1:61223")),
    mut_arg("bootstrap", |arg| arg.help("Another bootstrap, or any node of the overlay; repeatable")),
    after_help = "Examples:
  egoist bootstrap                                      for nodes on this machine
  egoist bootstrap --listen 0.0.0.0:61223 --advertise 192.0.2.1:61223 --network example

A bootstrap watches the overlay by two links and is no part of it: nobody routes over it, and the overlay lives on \
without it. Several may run; each node answers newcomers as well."
)]
pub(crate) struct Bootstrap {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) periods: Periods,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
