//! `egoist hello node`: a node, from its flags to its end.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{Args, Parser};
use egoist_core::hello::{Command, Config, Hello};
use egoist_core::kernel::Time;
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Key};

use super::super::config::{ConfigFile, Section, keys};
use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::super::host_port::HostPort;
use super::super::names;
use super::super::protocol::Member;
use super::super::record::RecordArgs;
use super::super::serve::{Ground, draw_seed};
use super::super::session::Session;
use super::super::state::{STATE_BY_ADDRESS, StateArgs};
use super::NAME;
use super::desk::Desk;

/// Where the article's nodes listen, all on one host, and greet each other.
const PORTS: [u16; 3] = [5999, 5998, 5997];

/// Flags of `hello node`.
#[derive(Parser, Debug)]
#[command(
    mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)),
    after_help = "Examples:
  egoist hello node                                    one of three on this host, on the first port that is free
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
    /// Where to listen; port 0 takes a free one [default: the first of 127.0.0.1:5999, 127.0.0.1:5998 and 127.0.0.1:5997
    /// that is free]
    #[arg(short, long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,

    /// A node to greet; repeatable [default: 127.0.0.1:5999, 127.0.0.1:5998 and 127.0.0.1:5997 on a loopback address]
    #[arg(short, long, value_name = "HOST:PORT")]
    peer: Vec<HostPort>,

    /// Between two pings to a peer; two without a pong and it is given up
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse_period)]
    ping_period: Duration,
}

/// The protocol's table in the configuration file.
pub(crate) fn sections() -> Vec<Section> {
    vec![Section::new(NAME, keys::<Settings>())]
}

/// The article's addresses.
fn usual() -> [SocketAddr; 3] {
    PORTS.map(|port| (Ipv4Addr::LOCALHOST, port).into())
}

impl Node {
    /// Runs it until it has left.
    ///
    /// # Errors
    /// As [`Ground::take`] and [`Ground::live`]; the settings are none that a node can live by.
    pub(crate) fn run(self, session: &mut Session<'_>) -> Outcome {
        let ground = match self.settings.listen {
            Some(listen) => Ground::take(&[listen], None, &self.state)?,
            None => Ground::take_first(&usual(), &self.state)?,
        };
        let address = ground.addresses[0];
        let peers = self.settings.peers(address);
        let config = self.settings.plan(address, &peers)?;
        let beside = |host: &mut Host<MioNet>, key| names::follow(host, &peers, &Greeter(key));
        let setup = (config, draw_seed()?, Time::ZERO);
        ground.live((Desk::new(address), setup), &self.record, beside, session)
    }
}

impl Settings {
    /// Whom a node that listens there greets.
    fn peers(&self, address: SocketAddr) -> Vec<HostPort> {
        if self.peer.is_empty() && address.ip().is_loopback() {
            return usual().map(HostPort::from).into();
        }
        self.peer.clone()
    }

    /// The machine's configuration; peers given by name are for [`names::follow`].
    ///
    /// # Errors
    /// No node can live by it.
    fn plan(&self, address: SocketAddr, peers: &[HostPort]) -> Outcome<Config> {
        let config = Config {
            address: Some(address).filter(|address| !address.ip().is_unspecified()),
            bootstrap: peers.iter().filter_map(HostPort::address).collect(),
            ping_period: self.ping_period,
            ..Config::default()
        };
        match config.check() {
            Ok(()) => Ok(config),
            Err(error) => Err(Failure::usage(error.to_string()).at("hello node")),
        }
    }
}

/// Greets whoever listens where a name points.
#[derive(Clone)]
struct Greeter(Key<Member<Hello>>);

impl names::Seeker for Greeter {
    fn seeks(&self, host: &Host<MioNet>, _: Time) -> bool {
        host.machine(self.0).machine().peers().next().is_none()
    }

    fn found(&self, host: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>) {
        for addr in addresses {
            if let Err(refusal) = host.command(self.0, Command::Connect { addr }) {
                tracing::debug!(name, %addr, %refusal, "not dialled");
            }
        }
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
        let usual = ["127.0.0.1:5999", "127.0.0.1:5998", "127.0.0.1:5997"].map(|peer| peer.parse().unwrap());
        assert_eq!(settings(&[]).peers(here), usual);
        assert!(settings(&[]).peers(there).is_empty(), "nobody there is greeted unasked");
        let named = settings(&["--peer", "a.example:1", "--peer", "192.0.2.1:2"]);
        assert_eq!(named.peers(here).len(), 2);
        let config = named.plan(here, &named.peers(here)).unwrap();
        assert_eq!((config.address, config.bootstrap), (Some(here), vec!["192.0.2.1:2".parse().unwrap()]));
        let unspecified = "0.0.0.0:5999".parse().unwrap();
        assert_eq!(named.plan(unspecified, &[]).unwrap().address, None);
    }
}
