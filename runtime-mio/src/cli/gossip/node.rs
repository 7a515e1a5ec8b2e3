//! `egoist gossip node`: a node, from its flags to its end.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Parser, ValueEnum};
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
use super::super::overlay;
use super::super::record::RecordArgs;
use super::super::riding::Rider;
use super::super::serve::{Ground, draw_seed};
use super::super::session::Session;
use super::super::state::{STATE_BY_ADDRESS, StateArgs};
use super::NAME;
use super::desk::Desk;

/// Flags of `gossip node`. Where it is found is said by the overlay's flags, whether it rides or not.
#[derive(Parser, Debug)]
#[command(
    mut_args(under_heading),
    mut_arg("listen", |arg| arg.default_value("127.0.0.1:6001").help(LISTEN)),
    mut_arg("advertise", |arg| arg.help(ADVERTISE)),
    mut_arg("bootstrap", |arg| arg.help(BOOTSTRAP)),
    mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)),
    after_help = "Examples:
  egoist gossip node                                   on port 6001, for modules on port 7001
  egoist gossip node --listen 127.0.0.1:6002 --api 127.0.0.1:7002 --bootstrap 127.0.0.1:6001
  egoist gossip node --mode compatible                 to its peers what a node of gossip-python is
  egoist gossip node --listen 0.0.0.0:6001 --advertise 192.0.2.7:6001 --bootstrap gossip.example.net:6001
  egoist gossip node --ride --network example -k 3     a node of an overlay too, whose links gossip takes
  egoist gossip node --config egoist.toml              its settings are in the table [gossip], see 'egoist config'

With --ride it is one node of two protocols. As a node of the overlay it takes all that 'egoist node' takes, answers what \
such a node is asked ('egoist neighbors', 'routes', 'ping' ...), and finds its place among the others, whether these ride or not. \
Its peers in gossip are the neighbours that ride: messages go over the overlay's links, no further connection is made, and \
those whose neighbours all do not ride hear of nothing. A configuration file has the overlay's settings where they are for \
'egoist node', --listen, --advertise and --bootstrap included, and all others in the table [gossip].

There is no authentication: whoever reaches the port for modules can announce and judge, and whoever reaches that for peers \
can tell of messages. Keep to loopback or a network you trust."
)]
pub(crate) struct Node {
    #[command(flatten)]
    file: ConfigFile,

    /// Ride on an overlay: be one of its nodes too, with those of its neighbours that ride for peers
    #[arg(long, help_heading = "Node")]
    ride: bool,

    #[command(flatten)]
    overlay: overlay::settings::Settings,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    record: RecordArgs,
}

const LISTEN: &str = "Where to listen for peers, of IPv4 alone; with --ride for the overlay, TCP and UDP alike, of IPv6 too, \
                      and repeatable; port 0 takes a free one";
const ADVERTISE: &str =
    "Where peers reach this node [default: where it listens]; with --ride repeatable, all are tried";
const BOOTSTRAP: &str = "A node to connect to, at its address for peers; with --ride a bootstrap or any node of the overlay \
                         [default then: 127.0.0.1:61223 on a loopback address]; repeatable";

/// The overlay's settings that say where a node is found, which every node has.
const SHARED: [&str; 3] = ["listen", "advertise", "bootstrap"];

/// The settings that mean nothing to a node that rides, why, and what to do instead.
const NOT_RIDDEN: [(&str, &str, &str); 2] = [
    ("mode", "with --ride all peers are nodes of this project", "leave it out"),
    ("degree", "with --ride the overlay chooses the links", "give -k N, or leave it out"),
];

/// The flags of the overlay apart from the node's own.
fn under_heading(arg: Arg) -> Arg {
    let heading = match (arg.get_id().as_str(), arg.get_help_heading()) {
        ("network" | "id", _) | (_, Some("Wiring")) => "Overlay, with --ride",
        (_, Some("Periods")) => "Periods of the overlay, with --ride",
        (_, Some("Bounds")) => "Bounds of the overlay, with --ride",
        _ => return arg,
    };
    arg.help_heading(heading)
}

/// Where a node that does not ride is found, as keys of the table `[gossip]`.
#[derive(Args, Clone, PartialEq, Debug)]
struct Place {
    /// Where to listen for peers, of IPv4 alone; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:6001", value_parser = peer_address)]
    listen: SocketAddrV4,

    /// A node to connect to, at its address for peers; repeatable
    #[arg(short, long, value_name = "HOST:PORT", value_parser = peer_host)]
    bootstrap: Vec<HostPort>,

    /// Where peers reach this node [default: where it listens]
    #[arg(long, value_name = "IP:PORT", value_parser = peer_address)]
    advertise: Option<SocketAddrV4>,
}

/// What else can be configured, as flags and as keys of the table `[gossip]`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Node")]
pub(crate) struct Settings {
    /// Where to listen for the modules of this host; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:7001")]
    pub(crate) api: SocketAddr,

    /// Whom to take peers for, unless it rides
    #[arg(long, value_name = "MODE", default_value = "auto")]
    mode: Mode,

    /// How many links with nodes of this project to keep, unless it rides; twice as many are accepted
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
    vec![Section::new(NAME, keys::<Place>().into_iter().chain(keys::<Settings>()).collect())]
}

const IPV4_ALONE: &str = "gossip's nodes tell each other of IPv4 addresses alone";
const AS_IPV4: &str = "write IP:PORT, as in 192.0.2.7:6001";

/// An address that nodes can tell each other of.
fn peer_address(text: &str) -> Result<SocketAddrV4, String> {
    text.parse().map_err(|_| format!("{IPV4_ALONE}: {AS_IPV4}"))
}

/// A name, or such an address.
fn peer_host(text: &str) -> Result<HostPort, String> {
    let host: HostPort = text.parse()?;
    match host.address() {
        Some(SocketAddr::V6(_)) => Err(format!("{IPV4_ALONE}: {AS_IPV4}")),
        _ => Ok(host),
    }
}

impl Node {
    /// Runs it until it has left.
    ///
    /// # Errors
    /// As [`Ground::live`] and what binds its addresses; the settings are none that a node can live by, or are of the other
    /// kind of node.
    pub(crate) fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let Node { ride, overlay, settings, state, record, .. } = &self;
        if *ride {
            check_ridden(matches)?;
            return Rider { overlay, gossip: settings, state, record }.run(matches, session);
        }
        check_alone(matches)?;
        let place = Place::of(&overlay.place)?;
        settings.check(&place, matches)?;
        let ground =
            Ground::take_streams(&[("--listen", place.listen.into()), ("--api", settings.api)], state)?;
        let (address, api) = (ground.addresses[0], ground.addresses[1]);
        let config = settings.plan(settings.seed()?, &place, address);
        config.check().map_err(|error| unfit(&error, place.key_of(&error), matches))?;
        let beside = |host: &mut Host<MioNet>, key| {
            let is_alone = |node: &Gossip| node.peers().next().is_none();
            let dial = |addr: SocketAddr| addr.is_ipv4().then_some(Command::Connect { addr });
            names::follow(host, &place.bootstrap, &Dialler { key, is_alone, dial });
        };
        ground.live((Desk::new(address, api), config), record, beside, session)
    }
}

/// Whether a flag was given, which what a file says is not.
fn is_given(key: &str, matches: &ArgMatches) -> bool {
    matches.value_source(key) == Some(ValueSource::CommandLine)
}

/// Whether no flag was given that means nothing to a node that rides. A file may be for other nodes too.
fn check_ridden(matches: &ArgMatches) -> Outcome {
    let given = NOT_RIDDEN.iter().find(|(key, ..)| is_given(key, matches));
    given.map_or(Ok(()), |(key, why, remedy)| {
        Err(Failure::usage(*why).at(origin::place(NAME, key, matches)).try_this(*remedy))
    })
}

/// Whether no flag was given that is for nodes that ride.
fn check_alone(matches: &ArgMatches) -> Outcome {
    let sections = overlay::settings::sections();
    let mut keys = sections.iter().flat_map(|section| &section.keys).map(|arg| arg.get_id().as_str());
    let given = keys.find(|key| !SHARED.contains(key) && is_given(key, matches));
    given.map_or(Ok(()), |key| {
        Err(Failure::usage("this is about an overlay, of which the node is none without --ride")
            .at(origin::place(overlay::NAME, key, matches))
            .try_this("add --ride, or leave it out"))
    })
}

/// What is told of a configuration that no node can live by, because of this key.
pub(crate) fn unfit(error: &ConfigError, key: &str, matches: &ArgMatches) -> Failure {
    origin::unfit((NAME, key), (&error.fault(), error.remedy()), matches)
}

/// The key that a field comes from, where it is no address.
pub(crate) fn key_of(error: &ConfigError) -> &'static str {
    match error.field() {
        "cache_size" => "cache",
        field => field,
    }
}

impl Place {
    /// Of what an overlay's node can have, what one of gossip alone can.
    ///
    /// # Errors
    /// There are several addresses, or one of IPv6.
    fn of(place: &overlay::settings::Place) -> Outcome<Self> {
        let ipv4 = |flag: &str, address: &SocketAddr| match address {
            SocketAddr::V4(address) => Ok(*address),
            SocketAddr::V6(_) => Err(Failure::usage(IPV4_ALONE)
                .at(format!("{flag} {address}"))
                .try_this(format!("{AS_IPV4}; or add --ride, since an overlay has both"))),
        };
        let bootstraps = || place.bootstrap.iter().filter_map(HostPort::address);
        bootstraps().try_for_each(|address| ipv4("--bootstrap", &address).map(drop))?;
        let one = |flag: &str, addresses: &[SocketAddr]| match addresses {
            [] => Ok(None),
            [address] => ipv4(flag, address).map(Some),
            [_, second, ..] => Err(Failure::usage("a node of gossip has one such address without --ride")
                .at(format!("{flag} {second}"))
                .try_this("add --ride, or leave it out")),
        };
        let listen = one("--listen", &place.listen)?;
        Ok(Place {
            listen: listen.ok_or_else(|| Failure::usage("a node listens somewhere").at("--listen"))?,
            advertise: one("--advertise", &place.advertise)?,
            bootstrap: place.bootstrap.clone(),
        })
    }

    /// The key that a field comes from.
    fn key_of(&self, error: &ConfigError) -> &'static str {
        match key_of(error) {
            "address" if self.advertise.is_some() => "advertise",
            "address" => "listen",
            key => key,
        }
    }
}

impl Settings {
    /// Whether the addresses can be listened on, and told to others.
    fn check(&self, place: &Place, matches: &ArgMatches) -> Outcome {
        if place.listen.ip().is_unspecified() && place.advertise.is_none() {
            return Err(Failure::usage("others cannot dial an unspecified address")
                .at(origin::place(NAME, "listen", matches))
                .try_this("give --advertise IP:PORT, the address that others reach this node at"));
        }
        self.check_api(&[place.listen.into()], matches)
    }

    /// Whether modules come in elsewhere than all others.
    ///
    /// # Errors
    /// They do not.
    pub(crate) fn check_api(&self, listen: &[SocketAddr], matches: &ArgMatches) -> Outcome {
        if self.api.port() == 0 || !listen.contains(&self.api) {
            return Ok(());
        }
        Err(Failure::usage("modules and peers cannot share an address")
            .at(origin::place(NAME, "api", matches))
            .try_this("give another --api IP:PORT"))
    }

    /// From what everything random follows.
    ///
    /// # Errors
    /// The operating system gives no random bits.
    pub(crate) fn seed(&self) -> Outcome<Seed> {
        self.seed.map_or_else(draw_seed, |number| Ok(Seed::from_u64(number)))
    }

    /// The machine's configuration; bootstraps given by name are for [`names::follow`].
    fn plan(&self, seed: Seed, place: &Place, bound: SocketAddr) -> Config {
        let usual = match self.mode {
            Mode::Auto => Config::auto(seed),
            Mode::Compatible => Config::compatible(seed),
        };
        Config {
            address: place.advertise.or(match bound {
                SocketAddr::V4(bound) => Some(bound),
                SocketAddr::V6(_) => None,
            }),
            bootstrap: place.bootstrap.iter().filter_map(HostPort::address).collect(),
            degree: count(self.degree),
            ..self.of_messages(usual)
        }
    }

    /// The configuration of a node that rides.
    pub(crate) fn plan_riding(&self, seed: Seed) -> Config {
        self.of_messages(Config::auto(seed))
    }

    /// `usual` with what is said about messages.
    fn of_messages(&self, usual: Config) -> Config {
        Config {
            cache_size: self.cache.map_or(usual.cache_size, count),
            verdict_timeout: self.verdict_timeout,
            unheard: if self.relay_unheard { Unheard::Relay } else { Unheard::Keep },
            ..usual
        }
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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

    fn node(args: &[&str]) -> Node {
        let matches = Node::command().no_binary_name(true).try_get_matches_from(args).unwrap();
        Node::from_arg_matches(&matches).unwrap()
    }

    fn plan(args: &[&str]) -> Config {
        let node = node(args);
        let place = Place::of(&node.overlay.place).unwrap();
        node.settings.plan(Seed::from_u64(1), &place, "127.0.0.1:6003".parse().unwrap())
    }

    /// The flags and the keys are the same.
    #[test]
    fn where_a_node_is_found_by_flags_is_where_it_is_by_its_table() {
        let keys = |args: &[&str]| {
            let command = Place::augment_args(clap::Command::new("keys").no_binary_name(true));
            Place::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
        };
        let all =
            ["-l", "127.0.0.1:5", "--advertise", "192.0.2.7:1", "-b", "a.example:3", "-b", "192.0.2.8:2"];
        for args in [&[][..], &all] {
            assert_eq!(Place::of(&node(args).overlay.place).unwrap(), keys(args));
        }
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
        for flag in ["--listen=[::1]:1", "--advertise=[::1]:1", "--bootstrap=[::1]:1"] {
            let said = Place::of(&node(&[flag]).overlay.place).unwrap_err().to_string();
            assert!(said.contains("IPv4 addresses alone"), "{flag}: {said}");
            assert_eq!((peer_address("[::1]:1").is_err(), peer_host("[::1]:1").is_err()), (true, true));
        }
        for twice in ["--listen=127.0.0.1:1", "--advertise=192.0.2.7:1"] {
            let said = Place::of(&node(&[twice, twice]).overlay.place).unwrap_err().to_string();
            assert!(said.contains("add --ride, or leave it out"), "{twice}: {said}");
        }
        assert!(Place::of(&node(&["--api=[::1]:1", "--bootstrap=localhost:1"]).overlay.place).is_ok());
    }

    /// A file for all nodes may say what is not for those that ride.
    #[test]
    fn who_rides_keeps_messages_as_it_is_told() {
        let settings =
            node(&["--ride", "--mode=compatible", "--degree=0", "--cache=6", "--relay-unheard"]).settings;
        let seed = Seed::from_u64(1);
        let expected = Config { cache_size: 6, unheard: Unheard::Relay, ..Config::auto(seed) };
        assert_eq!(settings.plan_riding(seed), expected);
        assert_eq!(expected.check(), Ok(()));
    }
}
