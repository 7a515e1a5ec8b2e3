//! `egoist hello node`: a node, from its flags to its end.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use clap::{ArgMatches, Args, Parser, ValueEnum};
use egoist_core::hello::{self, Command, Config, ConfigError, Hello};
use egoist_core::kernel::Seed;
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::config::{ConfigFile, Section, keys};
use super::super::duration;
use super::super::failure::Outcome;
use super::super::host_port::HostPort;
use super::super::names::{self, Dialler};
use super::super::origin;
use super::super::record::RecordArgs;
use super::super::serve::{Ground, draw_seed};
use super::super::session::Session;
use super::super::state::{STATE_BY_ADDRESS, StateArgs};
use super::NAME;
use super::desk::Desk;

/// Flags of `hello node`.
#[derive(Parser, Debug)]
#[command(
    mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)),
    after_help = "Examples:
  egoist hello node                                    one of three on this host, on the first port that is free
  egoist hello node --dialect ncpoc                    the same among nodes of ncpoc
  egoist hello node --listen 192.0.2.7:5999 --peer hello.example.net:5999
  egoist hello node --config egoist.toml               its settings are in the table [hello], see 'egoist config'

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

/// What can be configured, as flags and as keys of the table `[hello]`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Node")]
pub(crate) struct Settings {
    /// Whose language to speak; the nodes of one do not understand those of the other
    #[arg(long, value_name = "NAME", default_value = "article")]
    dialect: Dialect,

    /// Where to listen; port 0 takes a free one [default: the first that is free on 127.0.0.1 of the ports 5999, 5998 and
    /// 5997, with ncpoc 5005 to 5008]
    #[arg(short, long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,

    /// A node to greet; repeatable [default: those on these ports of 127.0.0.1, for one that listens on a loopback address]
    #[arg(short, long, value_name = "HOST:PORT")]
    peer: Vec<HostPort>,

    /// Between two pings to a peer; two without a pong and it is given up [default: 1m, with ncpoc 20m]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_period)]
    ping_period: Option<Duration>,
}

/// A language.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Dialect {
    /// That of the article: plain lines of JSON
    Article,
    /// That of the program ncpoc: lines with a checksum, and pings from those alone who were dialled
    Ncpoc,
}

impl Dialect {
    /// A node that speaks it.
    fn config(self, seed: Seed) -> Config {
        match self {
            Dialect::Article => Config::article(seed),
            Dialect::Ncpoc => Config::ncpoc(seed),
        }
    }

    /// Where those that are told nothing listen, all on one host, and greet each other.
    fn usual(self) -> Vec<SocketAddr> {
        let dialect = match self {
            Dialect::Article => hello::Dialect::Article,
            Dialect::Ncpoc => hello::Dialect::Ncpoc,
        };
        dialect.ports().iter().map(|port| (Ipv4Addr::LOCALHOST, *port).into()).collect()
    }
}

/// The protocol's table in the configuration file.
pub(crate) fn sections() -> Vec<Section> {
    vec![Section::new(NAME, keys::<Settings>())]
}

impl Node {
    /// Runs it until it has left.
    ///
    /// # Errors
    /// As [`Ground::take`] and [`Ground::live`]; the settings are none that a node can live by.
    pub(crate) fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let ground = match self.settings.listen {
            Some(listen) => Ground::take(&[listen], None, &self.state)?,
            None => Ground::take_first(&self.settings.dialect.usual(), &self.state)?,
        };
        let address = ground.addresses[0];
        let peers = self.settings.peers(address);
        let wall_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let config = Config { wall_time, ..self.settings.plan(draw_seed()?, address, &peers) };
        config.check().map_err(|error| {
            origin::unfit((NAME, key_of(&error)), (&error.fault(), error.remedy()), matches)
        })?;
        let beside = |host: &mut Host<MioNet>, key| {
            let is_alone = |node: &Hello| node.peers().next().is_none();
            let dial = |addr| Some(Command::Connect { addr });
            names::follow(host, &peers, &Dialler { key, is_alone, dial });
        };
        ground.live((Desk::new(address, config.dialect), config), &self.record, beside, session)
    }
}

impl Settings {
    /// Whom a node that listens there greets.
    fn peers(&self, address: SocketAddr) -> Vec<HostPort> {
        if self.peer.is_empty() && address.ip().is_loopback() {
            return self.dialect.usual().into_iter().map(HostPort::from).collect();
        }
        self.peer.clone()
    }

    /// The machine's configuration; peers given by name are for [`names::follow`].
    fn plan(&self, seed: Seed, address: SocketAddr, peers: &[HostPort]) -> Config {
        let usual = self.dialect.config(seed);
        Config {
            address: Some(address).filter(|address| !address.ip().is_unspecified()),
            bootstrap: peers.iter().filter_map(HostPort::address).collect(),
            ping_period: self.ping_period.unwrap_or(usual.ping_period),
            ..usual
        }
    }
}

/// The key that a field comes from.
fn key_of(error: &ConfigError) -> &'static str {
    match error.field() {
        "address" => "listen",
        "bootstrap" => "peer",
        field => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, FromArgMatches as _};

    #[test]
    fn who_is_told_nothing_is_one_of_three() {
        let settings = |args: &[&str]| {
            let matches = Node::command().no_binary_name(true).try_get_matches_from(args).unwrap();
            Settings::from_arg_matches(&matches).unwrap()
        };
        let (here, there) = ("127.0.0.1:5998".parse().unwrap(), "192.0.2.7:5999".parse().unwrap());
        let usual = |ports: &[u16]| -> Vec<HostPort> {
            ports.iter().map(|port| format!("127.0.0.1:{port}").parse().unwrap()).collect()
        };
        assert_eq!(settings(&[]).peers(here), usual(&[5999, 5998, 5997]));
        let ncpoc = settings(&["--dialect", "ncpoc"]);
        assert_eq!(ncpoc.peers(here), usual(&[5005, 5006, 5007, 5008]));
        assert!(settings(&[]).peers(there).is_empty(), "nobody there is greeted unasked");
        let named = settings(&["--peer", "a.example:1", "--peer", "192.0.2.1:2"]);
        assert_eq!(named.peers(here).len(), 2);
        let seed = Seed::from_u64(1);
        let config = named.plan(seed, here, &named.peers(here));
        assert_eq!((config.address, config.bootstrap), (Some(here), vec!["192.0.2.1:2".parse().unwrap()]));
        let unspecified = "0.0.0.0:5999".parse().unwrap();
        assert_eq!(named.plan(seed, unspecified, &[]).address, None);
        let periods = [named, ncpoc].map(|settings| settings.plan(seed, here, &[]).ping_period.as_secs());
        assert_eq!(periods, [60, 1_200]);
    }
}
