//! `egoist gossip node`: a node, from its flags to its end.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use clap::{ArgAction, ArgMatches, Args, Parser, ValueEnum};
use egoist_core::gossip::{self, Command, Config, ConfigError, Gossip, Unheard};
use egoist_core::kernel::Seed;
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::config::{ConfigFile, Section, keys};
use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::super::host_port::HostPort;
use super::super::names::{self, Dialler};
use super::super::origin;
use super::super::record::RecordArgs;
use super::super::serve::{Ground, draw_seed};
use super::super::session::Session;
use super::super::state::{STATE_BY_ADDRESS, StateArgs};
use super::NAME;
use super::desk::Desk;

/// Flags of `gossip node`.
#[derive(Parser, Debug)]
#[command(
    mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)),
    after_help = "Examples:
  egoist gossip node                                   on port 6001, for modules on port 7001
  egoist gossip node --listen 127.0.0.1:6002 --api 127.0.0.1:7002 --bootstrap 127.0.0.1:6001
  egoist gossip node --mode compatible                 to its peers what a node of gossip-python is
  egoist gossip node --listen 0.0.0.0:6001 --advertise 192.0.2.7:6001 --bootstrap gossip.example.net:6001
  egoist gossip node --config egoist.toml              its settings are in the table [gossip], see 'egoist config'

There is no authentication: whoever reaches the port for modules can announce and judge, and whoever reaches that for peers \
can tell of messages. Keep to loopback or a network you trust."
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

/// What can be configured, as flags and as keys of the table `[gossip]`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Node")]
pub(crate) struct Settings {
    /// Where to listen for peers, of IPv4 alone; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:6001", value_parser = peer_address)]
    listen: SocketAddrV4,

    /// Where to listen for the modules of this host; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:7001")]
    api: SocketAddr,

    /// A node to connect to, at its address for peers; repeatable
    #[arg(short, long, value_name = "HOST:PORT", value_parser = peer_host)]
    bootstrap: Vec<HostPort>,

    /// Where peers reach this node [default: where it listens]
    #[arg(long, value_name = "IP:PORT", value_parser = peer_address)]
    advertise: Option<SocketAddrV4>,

    /// Whom to take peers for
    #[arg(long, value_name = "MODE", default_value = "auto")]
    mode: Mode,

    /// How many links with nodes of this project to keep; twice as many are accepted
    #[arg(long, value_name = "N", default_value_t = 4)]
    degree: u32,

    /// How many messages to keep, at most 60000 [default: 4096, in the mode compatible 30]
    #[arg(long, value_name = "N")]
    cache: Option<u32>,

    /// How long modules may take to judge a message, which is invalid then
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse_period)]
    verdict_timeout: Duration,

    /// Pass on messages of types that no module here wants to hear of, valid or not; such are kept here otherwise
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_possible_values = true)]
    relay_unheard: bool,

    /// Draw everything random from this number, for experiments: whoever knows it foresees it [default: from the
    /// operating system]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Whom to take peers for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Mode {
    /// Each for what it says it is: a node of this project, or one of gossip-python
    Auto,
    /// All for nodes of gossip-python, to which this one is the same
    Compatible,
}

/// The protocol's table in the configuration file.
pub(crate) fn sections() -> Vec<Section> {
    vec![Section::new(NAME, keys::<Settings>())]
}

const IPV4_ALONE: &str =
    "gossip's nodes tell each other of IPv4 addresses alone: write IP:PORT, as in 192.0.2.7:6001";

/// An address that nodes can tell each other of.
fn peer_address(text: &str) -> Result<SocketAddrV4, String> {
    text.parse().map_err(|_| IPV4_ALONE.to_owned())
}

/// A name, or such an address.
fn peer_host(text: &str) -> Result<HostPort, String> {
    let host: HostPort = text.parse()?;
    match host.address() {
        Some(SocketAddr::V6(_)) => Err(IPV4_ALONE.to_owned()),
        _ => Ok(host),
    }
}

impl Node {
    /// Runs it until it has left.
    ///
    /// # Errors
    /// As [`Ground::take_streams`] and [`Ground::live`]; the settings are none that a node can live by.
    pub(crate) fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let settings = &self.settings;
        settings.check(matches)?;
        let listen = [("--listen", settings.listen.into()), ("--api", settings.api)];
        let ground = Ground::take_streams(&listen, &self.state)?;
        let (address, api) = (ground.addresses[0], ground.addresses[1]);
        let seed = settings.seed.map_or_else(draw_seed, |number| Ok(Seed::from_u64(number)))?;
        let config = settings.plan(seed, address);
        config.check().map_err(|error| {
            let key = settings.key_of(&error);
            origin::unfit((NAME, key), (&error.fault(), error.remedy()), matches)
        })?;
        let beside = |host: &mut Host<MioNet>, key| {
            let is_alone = |node: &Gossip| node.peers().next().is_none();
            let dial = |addr: SocketAddr| addr.is_ipv4().then_some(Command::Connect { addr });
            names::follow(host, &settings.bootstrap, &Dialler { key, is_alone, dial });
        };
        ground.live((Desk::new(address, api), config), &self.record, beside, session)
    }
}

impl Settings {
    /// Whether the addresses can be listened on, and told to others.
    fn check(&self, matches: &ArgMatches) -> Outcome {
        let at = |key| origin::place(NAME, key, matches);
        if self.listen.ip().is_unspecified() && self.advertise.is_none() {
            return Err(Failure::usage("others cannot dial an unspecified address")
                .at(at("listen"))
                .try_this("give --advertise IP:PORT, the address that others reach this node at"));
        }
        if self.listen.port() > 0 && self.api == self.listen.into() {
            return Err(Failure::usage("modules and peers cannot share an address")
                .at(at("api"))
                .try_this("give another --api IP:PORT"));
        }
        Ok(())
    }

    /// The machine's configuration; bootstraps given by name are for [`names::follow`].
    fn plan(&self, seed: Seed, bound: SocketAddr) -> Config {
        let usual = match self.mode {
            Mode::Auto => Config::auto(seed),
            Mode::Compatible => Config::compatible(seed),
        };
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Config {
            address: self.advertise.or(match bound {
                SocketAddr::V4(bound) => Some(bound),
                SocketAddr::V6(_) => None,
            }),
            bootstrap: self.bootstrap.iter().filter_map(HostPort::address).collect(),
            degree: count(self.degree),
            cache_size: self.cache.map_or(usual.cache_size, count),
            verdict_timeout: self.verdict_timeout,
            unheard: if self.relay_unheard { Unheard::Relay } else { Unheard::Keep },
            ..usual
        }
    }

    /// The key that a field comes from.
    fn key_of(&self, error: &ConfigError) -> &'static str {
        match error.field() {
            "address" if self.advertise.is_some() => "advertise",
            "address" => "listen",
            "cache_size" => "cache",
            field => field,
        }
    }
}

/// A mode's name, as its flag has it.
pub(crate) const fn name_of(mode: gossip::Mode) -> &'static str {
    match mode {
        gossip::Mode::Auto => "auto",
        gossip::Mode::Compatible => "compatible",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, FromArgMatches as _};

    fn settings(args: &[&str]) -> Result<Settings, String> {
        let matches = Node::command().no_binary_name(true).try_get_matches_from(args);
        matches
            .and_then(|matches| Settings::from_arg_matches(&matches))
            .map_err(|error| error.render().to_string())
    }

    fn plan(args: &[&str]) -> Config {
        settings(args).unwrap().plan(Seed::from_u64(1), "127.0.0.1:6003".parse().unwrap())
    }

    #[test]
    fn who_is_told_nothing_is_as_the_core_says() {
        let address = "127.0.0.1:6003".parse().ok();
        let seed = Seed::from_u64(1);
        assert_eq!(plan(&[]), Config { address, ..Config::auto(seed) });
        assert_eq!(plan(&["--mode", "compatible"]), Config { address, ..Config::compatible(seed) });
    }

    #[test]
    fn what_is_told_holds() {
        let config = plan(&[
            "--advertise=192.0.2.7:1",
            "--bootstrap=192.0.2.8:2",
            "--bootstrap=a.example:3",
            "--degree=5",
            "--cache=6",
            "--verdict-timeout=7s",
            "--relay-unheard",
        ]);
        assert_eq!(config.address, "192.0.2.7:1".parse().ok());
        assert_eq!(config.bootstrap, ["192.0.2.8:2".parse().unwrap()]);
        assert_eq!((config.degree, config.cache_size), (5, 6));
        assert_eq!((config.verdict_timeout, config.unheard), (Duration::from_secs(7), Unheard::Relay));
    }

    #[test]
    fn peers_have_addresses_of_ipv4() {
        for flag in ["--listen=[::1]:1", "--advertise=[::1]:1", "--bootstrap=[::1]:1", "--listen=localhost:1"]
        {
            let said = settings(&[flag]).unwrap_err();
            assert!(said.contains("IPv4 addresses alone"), "{flag}: {said}");
        }
        assert!(settings(&["--api=[::1]:1", "--bootstrap=localhost:1"]).is_ok());
    }
}
