//! A riding node, from its flags to its end.

use clap::ArgMatches;
use egoist_core::riding::Config;
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::failure::Outcome;
use super::super::gossip;
use super::super::gossip::node::{key_of, unfit};
use super::super::overlay::join::Joining;
use super::super::overlay::settings::Settings;
use super::super::record::RecordArgs;
use super::super::serve::Ground;
use super::super::session::Session;
use super::super::state::StateArgs;
use super::desk::Desk;
use super::inside::Inside;

/// What a riding node is made of.
pub(crate) struct Rider<'a> {
    /// The overlay's settings.
    pub(crate) overlay: &'a Settings,
    /// Gossip's.
    pub(crate) gossip: &'a gossip::node::Settings,
    /// Where its state is.
    pub(crate) state: &'a StateArgs,
    /// What of its run is kept.
    pub(crate) record: &'a RecordArgs,
}

impl Rider<'_> {
    /// Runs it until it has left.
    ///
    /// # Errors
    /// As [`Ground::take_and_streams`] and [`Ground::live`]; the settings are none that a node can live by.
    pub(crate) fn run(&self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let Rider { overlay, gossip, state, record } = *self;
        let place = &overlay.place;
        place.check()?;
        gossip.check_api(&place.listen, matches)?;
        overlay.pace.warn();
        let ground = Ground::take_and_streams(&place.listen, ("--api", gossip.api), state)?;
        let (addresses, last) = ground.addresses.split_at(place.listen.len());
        let seed = gossip.seed()?;
        let config =
            Config { overlay: overlay.plan(addresses, seed, matches)?, gossip: gossip.plan_riding(seed) };
        config.gossip.check().map_err(|error| unfit(&error, key_of(&error), matches))?;
        let bootstraps = place.bootstraps();
        let joining = Joining::new(&bootstraps);
        let desk = Desk::new(joining.desk(&config.overlay), gossip::Desk::new(addresses[0], last[0]));
        let beside = |host: &mut Host<MioNet>, key| joining.follow(host, Inside(key));
        ground.live((desk, config), record, beside, session)
    }
}
