//! `egoist bootstrap`: whom newcomers ask for the overlay.

use clap::{ArgMatches, Parser};

use super::super::config::ConfigFile;
use super::super::failure::Outcome;
use super::super::logging::Talk;
use super::super::record::RecordArgs;
use super::super::serve::{Ground, draw_seed};
use super::super::session::Session;
use super::super::state::{STATE_BY_ADDRESS, StateArgs};
use super::super::verb::Verb;
use super::join::join;
use super::origin::unfit;
use super::settings::{Bounds, Pace, Periods, Place};

/// Run a bootstrap, which tells newcomers who is in the overlay
#[derive(Parser, Debug)]
#[command(
    name = "bootstrap",
    mut_arg("listen", |arg| arg.default_value("127.0.0.1:61223")),
    mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)),
    mut_arg("bootstrap", |arg| arg.help("Another bootstrap, or any node of the overlay; repeatable")),
    after_help = "Examples:
  egoist bootstrap                                      for nodes on this machine
  egoist bootstrap --listen 0.0.0.0:61223 --advertise 192.0.2.1:61223 --network example

A bootstrap watches the overlay by two links and is no part of it: nobody routes over it, and the overlay lives on \
without it. Several may run; each node answers newcomers as well."
)]
pub(crate) struct Bootstrap {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    periods: Periods,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    record: RecordArgs,
}

impl Verb for Bootstrap {
    const TALK: Talk = Talk::News;

    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        self.place.check()?;
        self.pace.warn();
        let ground = Ground::take(&self.place.listen, None, &self.state)?;
        let mut config = self.place.plan(&ground.addresses, &self.place.bootstrap, draw_seed()?)?.watching();
        config.periods = self.periods.paced(self.pace.pace);
        config.bounds = self.bounds.limits();
        config.check().map_err(|error| unfit(&error, matches))?;
        join(ground, config, &self.record, &self.place.bootstrap, session)
    }
}
