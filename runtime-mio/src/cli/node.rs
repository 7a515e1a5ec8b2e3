//! `egoist node`: a node of the overlay.

use clap::{ArgMatches, Parser};
use egoist_core::overlay::Overlay;

use super::config::{ConfigFile, Settings};
use super::failure::Outcome;
use super::logging::Talk;
use super::record::RecordArgs;
use super::serve::{Ground, draw_seed};
use super::session::Session;
use super::state::StateArgs;
use super::verb::Verb;

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
    file: ConfigFile,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    record: RecordArgs,
}

impl Verb for Node {
    const TALK: Talk = Talk::News;

    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let Settings { place, wiring, periods, pace, bounds } = &self.settings;
        place.check()?;
        pace.warn();
        let ground = Ground::take(&place.listen, &self.state)?;
        let bootstraps = place.bootstraps();
        let mut config = place.plan(&ground.addresses, &bootstraps, draw_seed()?)?;
        wiring.apply(&mut config);
        config.periods = periods.paced(pace.pace);
        config.bounds = bounds.limits();
        ground.join::<Overlay>(config, &self.record, &bootstraps, session)
    }
}
