//! `egoist mesh node`: a node, from its flags to its end.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use clap::{ArgMatches, Args, Parser};
use egoist_core::kernel::Seed;
use egoist_core::mesh::{Command, Config, ConfigError, Mesh};
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::config::{ConfigFile, Section, keys};
use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::super::host_port::{self, HostPort};
use super::super::names::{self, Dialler};
use super::super::origin;
use super::super::record::RecordArgs;
use super::super::serve::{Ground, draw_seed};
use super::super::session::Session;
use super::super::state::{STATE_BY_ADDRESS, StateArgs};
use super::desk::Desk;
use super::{NAME, identity};

/// Flags of `mesh node`.
#[derive(Parser, Debug)]
#[command(
    mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)),
    after_help = "Examples:
  egoist mesh node                                       on port 44565, for nodes on this host
  egoist mesh node --listen 127.0.0.1:44570 --join 127.0.0.1:44565
  egoist mesh node --listen 0.0.0.0:44565 --advertise 192.0.2.7:44565 --subnet example --join mesh.example.net:44565
  egoist mesh node --config egoist.toml                  its settings are in the table [mesh], see 'egoist config'

It is one of a network with nodes of py2p 0.7 and js2p: --join any of them. Only plaintext is spoken: a node of py2p that was made with the protocol Protocol('mesh', 'SSL') is of another network. \
So is one of another subnet; the log says so, with the ids of both.

A node keeps its id in its state, so that it is the same to others after it was started again.

There is no authentication: whoever reaches the port can take part, and say what he likes in any name. Keep to loopback or a \
network you trust."
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

/// What can be configured, as flags and as keys of the table `[mesh]`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Node")]
pub(crate) struct Settings {
    /// Where to listen; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:44565", value_parser = host_port::address)]
    listen: SocketAddr,

    /// A node to connect to; repeatable
    #[arg(short, long, value_name = "HOST:PORT")]
    join: Vec<HostPort>,

    /// Where peers reach this node [default: where it listens]
    #[arg(long, value_name = "IP:PORT", value_parser = host_port::address)]
    advertise: Option<SocketAddr>,

    /// The name of the network, at most 64 octets: nodes of another are not spoken to
    #[arg(short, long, value_name = "NAME", default_value = "mesh")]
    subnet: String,

    /// With fewer peers than these it dials others
    #[arg(long, value_name = "N", default_value_t = 4)]
    want_peers: u32,

    /// How many peers it has at the most
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_peers: u32,

    /// How long a peer may be silent before it is asked whether it is there; once more as long, and it is given up
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse_period)]
    ping_period: Duration,

    /// For how long to look for the node that a message is for
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse_period)]
    lookup_timeout: Duration,

    /// Draw everything random from this number, for experiments: whoever knows it foresees it [default: from the
    /// operating system]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The protocol's table in the configuration file.
pub(crate) fn sections() -> Vec<Section> {
    vec![Section::new(NAME, keys::<Settings>())]
}

impl Node {
    /// Runs it until it has left.
    ///
    /// # Errors
    /// As [`Ground::live`], [`Settings::take`] and [`Settings::settle`].
    pub(crate) fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let Node { settings, state, record, .. } = &self;
        let ground = settings.take(NAME, state, matches)?;
        let address = ground.addresses[0];
        let plan = settings.plan(Config::new(settings.seed()?, address));
        let config = settings.settle((NAME, plan), &ground, matches)?;
        let beside = |host: &mut Host<MioNet>, key| {
            let is_alone = |node: &Mesh| node.peers().next().is_none();
            let dial = |addr| Some(Command::Connect { addr });
            names::follow(host, settings.join(), &Dialler { key, is_alone, dial });
        };
        ground.live((Desk::new(address, &config), config), record, beside, session)
    }
}

impl Settings {
    /// Binds where it listens, and takes the node's folder.
    ///
    /// # Errors
    /// As [`Ground::take_streams`]; others cannot be told where it listens.
    pub(crate) fn take(&self, protocol: &str, state: &StateArgs, matches: &ArgMatches) -> Outcome<Ground> {
        if self.listen.ip().is_unspecified() && self.advertise.is_none() {
            return Err(Failure::usage("others cannot dial an unspecified address")
                .at(origin::place(protocol, "listen", matches))
                .try_this("give --advertise IP:PORT, the address that others reach this node at"));
        }
        Ground::take_streams(&[("--listen", self.listen)], state)
    }

    /// Where everything random comes from.
    ///
    /// # Errors
    /// The operating system gives no random bits.
    pub(crate) fn seed(&self) -> Outcome<Seed> {
        self.seed.map_or_else(draw_seed, |number| Ok(Seed::from_u64(number)))
    }

    /// The nodes to connect to.
    pub(crate) fn join(&self) -> &[HostPort] {
        &self.join
    }

    /// `default` with what is told here; nodes given by name are for [`names::follow`].
    pub(crate) fn plan(&self, default: Config) -> Config {
        Config {
            address: self.advertise.unwrap_or(default.address),
            subnet: self.subnet.clone(),
            bootstrap: self.join.iter().filter_map(HostPort::address).collect(),
            want_peers: count(self.want_peers),
            max_peers: count(self.max_peers),
            ping_period: self.ping_period,
            lookup_timeout: self.lookup_timeout,
            ..default
        }
    }

    /// The plan of a node of this protocol, with the id that is kept there, and the time.
    ///
    /// # Errors
    /// It is none that a node can live by; the id cannot be kept.
    pub(crate) fn settle(
        &self,
        (protocol, plan): (&str, Config),
        ground: &Ground,
        matches: &ArgMatches,
    ) -> Outcome<Config> {
        plan.check().map_err(|error| self.unfit(protocol, &error, matches))?;
        let id = ground.folder().map(|folder| identity::kept(folder, plan.seed)).transpose()?;
        let wall_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
        Ok(Config { id, wall_time, ..plan })
    }

    /// What is told of a configuration that no node can live by.
    fn unfit(&self, protocol: &str, error: &ConfigError, matches: &ArgMatches) -> Failure {
        let key = match error.field() {
            "address" if self.advertise.is_some() => "advertise",
            "address" => "listen",
            "bootstrap" => "join",
            field => field,
        };
        origin::unfit((protocol, key), (&error.fault(), error.remedy()), matches)
    }
}

/// A number on the command line, as the core counts.
pub(crate) fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, FromArgMatches as _};

    fn plan(args: &[&str]) -> Config {
        let matches = Node::command().no_binary_name(true).try_get_matches_from(args).unwrap();
        let settings = Settings::from_arg_matches(&matches).unwrap();
        settings.plan(Config::new(Seed::from_u64(1), "127.0.0.1:5".parse().unwrap()))
    }

    #[test]
    fn who_is_told_nothing_is_as_the_core_says() {
        assert_eq!(plan(&[]), Config::new(Seed::from_u64(1), "127.0.0.1:5".parse().unwrap()));
    }

    #[test]
    fn what_is_told_holds() {
        let config = plan(&[
            "--advertise=192.0.2.7:1",
            "--join=192.0.2.8:2",
            "--join=a.example:3",
            "--subnet=s",
            "--want-peers=5",
            "--max-peers=6",
            "--ping-period=7s",
            "--lookup-timeout=8s",
        ]);
        let expected = Config {
            bootstrap: vec!["192.0.2.8:2".parse().unwrap()],
            subnet: "s".into(),
            want_peers: 5,
            max_peers: 6,
            ping_period: Duration::from_secs(7),
            lookup_timeout: Duration::from_secs(8),
            ..Config::new(Seed::from_u64(1), "192.0.2.7:1".parse().unwrap())
        };
        assert_eq!(config, expected);
    }
}
