//! From what is configured to what the overlay's machine takes.

use std::net::SocketAddr;

use clap::ArgMatches;
use egoist_core::kernel::Seed;
use egoist_core::overlay::database::Limits;
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{self, Budgets, Config, LinkMode, PolicyKind};

use super::super::failure::{Failure, Outcome};
use super::super::host_port::HostPort;
use super::origin::unfit;
use super::settings::{Bounds, InDegreeCap, Links, Periods, Place, Policy, Settings, Wiring};

impl Settings {
    /// The configuration of a node that is bound to these, checked. What is wrong with it is said where `matches` have it from.
    ///
    /// # Errors
    /// As [`Place::plan`]; or no node can live by it.
    pub(crate) fn plan(&self, bound: &[SocketAddr], seed: Seed, matches: &ArgMatches) -> Outcome<Config> {
        let bootstraps = self.place.bootstraps();
        if bootstraps.is_empty() {
            tracing::warn!(
                "no bootstrap is named, so that others have to name this node: give --bootstrap HOST:PORT"
            );
        }
        let mut config = self.place.plan(bound, &bootstraps, seed)?;
        self.wiring.apply(&mut config);
        config.periods = self.periods.paced(self.pace.pace);
        config.bounds = self.bounds.limits();
        config.check().map_err(|error| unfit(&error, matches))?;
        Ok(config)
    }
}

impl Place {
    /// The machine's configuration for a node that is bound to these, with the defaults for all but its place. Of the
    /// bootstraps it has those given by address; names are for [`names::follow`](super::super::names::follow).
    ///
    /// # Errors
    /// The name or an address is missing.
    pub(crate) fn plan(&self, bound: &[SocketAddr], bootstraps: &[HostPort], seed: Seed) -> Outcome<Config> {
        let network =
            Network::new(self.network()?).map_err(|e| Failure::usage(e.to_string()).at("--network"))?;
        let advertised = self.advertised()?;
        let addresses = if advertised.is_empty() { bound } else { advertised };
        let (first, more) =
            addresses.split_first().ok_or_else(|| Failure::usage("a node listens somewhere"))?;
        let mut config = Config::new(seed, network, *first);
        config.more_addresses = more.into();
        config.ports = bound.iter().copied().collect();
        config.id = self.id;
        config.bootstraps = bootstraps.iter().filter_map(HostPort::address).collect();
        Ok(config)
    }
}

impl Wiring {
    /// Puts the choice of neighbours into `config`.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.k = self.k as usize;
        config.policy = match self.policy {
            Policy::BestResponse => PolicyKind::BestResponse,
            Policy::KRandom => PolicyKind::KRandom,
            Policy::FullMesh => PolicyKind::FullMesh,
        };
        config.links = match self.links {
            Links::Mutual => LinkMode::Mutual,
            Links::Directed => LinkMode::Directed,
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a million")]
        let millionths = (self.eps * 1e6).round() as u32;
        config.eps_ppm = millionths;
        config.announce_floor = self.announce_floor;
    }
}

impl Periods {
    /// The periods of a node that lives `pace` times as fast.
    pub(crate) fn paced(&self, pace: u32) -> overlay::Periods {
        overlay::Periods {
            ping: self.ping_period,
            ping_timeout: self.ping_timeout,
            rewiring: self.rewiring_period,
            remove: self.remove_period,
            erase_hash: self.erase_hash,
            boot_delay: self.boot_delay,
            heartbeat: self.heartbeat,
            exchange: self.exchange_period,
            heal: self.heal_period,
            greeting: self.greeting_timeout,
            announce_delay: self.announce_delay,
            refresh: self.refresh_period,
            pace: 1,
        }
        .paced(pace)
    }
}

/// Connections that a node's settings allow: with whom it chooses, who chooses it, its guests, watchers and strangers. Nobody
/// chooses one that watches.
pub(super) fn connections(config: &Config) -> Option<usize> {
    let overlay::Bounds { guests, watchers, strangers, .. } = config.bounds;
    let choosing = if config.policy == PolicyKind::Watch { Some(0) } else { config.in_degree_cap() };
    let choosing = choosing.filter(|cap| *cap < usize::MAX)?;
    Some([config.k, guests, watchers, strangers].into_iter().fold(choosing, usize::saturating_add))
}

impl Bounds {
    /// The machine's bounds.
    pub(crate) fn limits(&self) -> overlay::Bounds {
        overlay::Bounds {
            in_degree: match self.in_degree_cap {
                InDegreeCap::Auto => None,
                InDegreeCap::None => Some(usize::MAX),
                InDegreeCap::At(cap) => Some(cap as usize),
            },
            guests: self.guest_slots as usize,
            watchers: self.watcher_slots as usize,
            strangers: self.max_strangers as usize,
            database: Limits {
                records: self.max_records,
                octets: self.max_record_octets as usize,
                introduced: self.max_introduced_octets as usize,
            },
            remembered: self.max_remembered as usize,
            payload: self.max_payload as usize,
            budgets: Budgets {
                frames: self.peer_frames,
                octets: self.peer_octets,
                ids: self.peer_ids,
                answers: self.peer_answers,
                patience: self.peer_patience,
                datagrams: self.host_datagrams,
                introductions: self.host_introductions,
                probes: self.host_probes,
            },
            hashes: self.pkt_ids_limit as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command};

    fn defaults<A: Args>() -> A {
        let command = A::augment_args(Command::new("node").no_binary_name(true));
        A::from_arg_matches(&command.get_matches_from(Vec::<&str>::new())).unwrap()
    }

    #[test]
    fn the_defaults_are_the_machines() {
        assert_eq!(defaults::<Periods>().paced(1), overlay::Periods::default());
        assert_eq!(defaults::<Bounds>().limits(), overlay::Bounds::default());
        let bound = "127.0.0.1:4001".parse().unwrap();
        let mut config = defaults::<Place>().plan(&[bound], &[], Seed::from_u64(1)).unwrap();
        let mut machines = Config::new(Seed::from_u64(1), Network::new("loopback").unwrap(), bound);
        machines.ports = [bound].into_iter().collect();
        assert_eq!(config, machines);
        config.k = 0;
        config.announce_floor = std::time::Duration::ZERO;
        defaults::<Wiring>().apply(&mut config);
        assert_eq!(config, machines);
    }

    #[test]
    fn only_addresses_are_dialled_as_they_are_written() {
        let bootstraps = ["127.0.0.1:7", "nowhere.invalid:7", "[::1]:8"].map(|b| b.parse().unwrap());
        let bound = "127.0.0.1:4001".parse().unwrap();
        let config = defaults::<Place>().plan(&[bound], &bootstraps, Seed::from_u64(1)).unwrap();
        assert_eq!(config.bootstraps, ["127.0.0.1:7".parse().unwrap(), "[::1]:8".parse().unwrap()]);
    }
}
