//! `egoist node`: a node of the overlay.

use clap::parser::ValueSource;
use clap::{ArgMatches, Parser};

use super::super::config::ConfigFile;
use super::super::failure::Outcome;
use super::super::logging::Talk;
use super::super::record::RecordArgs;
use super::super::serve::{Ground, draw_seed};
use super::super::session::Session;
use super::super::state::StateArgs;
use super::super::verb::Verb;
use super::join::join;
use super::settings::Settings;

/// Run a node of the overlay, until SIGINT, SIGTERM, SIGHUP or 'egoist leave'
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

    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let Settings { place, pace, .. } = &self.settings;
        place.check()?;
        pace.warn();
        // Whoever is not told where to listen is the same node at every start, wherever that is.
        let anywhere = matches.value_source("listen") == Some(ValueSource::DefaultValue);
        let free = place.listen.first().is_some_and(|first| first.port() == 0);
        let name = (anywhere && free).then_some("node");
        let ground = Ground::take(&place.listen, name, &self.state)?;
        let config = self.settings.plan(&ground.addresses, draw_seed()?, matches)?;
        join(ground, config, &self.record, &place.bootstraps(), session)
    }
}
