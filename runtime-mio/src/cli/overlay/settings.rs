//! What can be configured: each field is a flag of the command line and a key of the configuration file, with one
//! documentation and one default for both.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use egoist_core::overlay::wire::ADDRESSES_LIMIT;
use egoist_core::overlay::{NodeId, Ports, Rate};

use super::super::config::{Section, keys};
use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::super::host_port::{HostPort, address};

/// The port that bootstraps listen on unless told otherwise (BOOTSTRAP_PORT).
pub(crate) const BOOTSTRAP_PORT: u16 = 61_223;

/// The network of nodes that listen on loopback and name none.
const LOOPBACK_NETWORK: &str = "loopback";

/// Whether a socket bound to the one address leaves none for the other.
fn takes(one: SocketAddr, other: SocketAddr) -> bool {
    let all = match one.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() && other.is_ipv4(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    one.port() != 0 && one.port() == other.port() && (all || one.ip() == other.ip())
}

/// Every setting, as a node has it.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) wiring: Wiring,
    #[command(flatten)]
    pub(crate) periods: Periods,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
}

/// What the overlay has in the configuration file: its keys stand at the top, and in tables of their own.
pub(crate) fn sections() -> Vec<Section> {
    let periods = keys::<Periods>().into_iter().chain(keys::<Pace>()).collect();
    vec![
        Section::new(None, keys::<Place>()),
        Section::new("wiring", keys::<Wiring>()),
        Section::new("periods", periods),
        Section::new("bounds", keys::<Bounds>()),
    ]
}

/// Who a node is and where it is found: the top of the configuration file.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Node")]
pub(crate) struct Place {
    /// The overlay's name, 1 to 32 of a-z, 0-9 and '-'; nodes of another network are refused [default: 'loopback' on a
    /// loopback address, required on any other]
    #[arg(long, value_name = "NAME", value_parser = network)]
    pub(crate) network: Option<String>,

    /// Where to listen, TCP and UDP alike; port 0 takes a free one, [::] both IPv4 and IPv6; repeatable, the first names
    /// the state's folder
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) listen: Vec<SocketAddr>,

    /// Where others reach this node, if not where it listens; repeatable, all are tried; required with --listen 0.0.0.0
    /// or [::]
    #[arg(long, value_name = "IP:PORT", value_parser = reachable)]
    pub(crate) advertise: Vec<SocketAddr>,

    /// A bootstrap, or any node of the overlay; repeatable [default: 127.0.0.1:61223 on a loopback address]
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) bootstrap: Vec<HostPort>,

    /// The node's id, 32 hexadecimal digits [default: the one in its state, else drawn]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<NodeId>,
}

/// Whom to link to.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Wiring")]
pub(crate) struct Wiring {
    /// How many neighbours each node chooses
    #[arg(short, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) k: u32,

    /// How neighbours are chosen: best-response (those that make the node's own cost smallest), k-random or full-mesh
    #[arg(long, value_name = "POLICY", default_value = "best-response", hide_possible_values = true)]
    pub(crate) policy: Policy,

    /// What links carry: mutual (both ways) or directed (only away from who chose the link)
    #[arg(long, value_name = "MODE", default_value = "mutual", hide_possible_values = true)]
    pub(crate) links: Links,

    /// Rewire only for a gain in delay above this share of the present cost, 0 to below 1 (after the first 8 epochs)
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share)]
    pub(crate) eps: f64,

    /// Announce a link again when its cost has moved by more than this, and by more than 5 %
    #[arg(long, value_name = "DURATION", default_value = "1ms", value_parser = duration::parse, hide_short_help = true)]
    pub(crate) announce_floor: Duration,
}

/// How often, and how long until.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Periods")]
pub(crate) struct Periods {
    /// Between two rounds of probes to those who are no neighbours (PING_PERIOD)
    #[arg(long, value_name = "DURATION", default_value = "35s", value_parser = duration::parse_period)]
    pub(crate) ping_period: Duration,

    /// How long a probe waits for its answer (PING_TIMEOUT)
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration::parse_period)]
    pub(crate) ping_timeout: Duration,

    /// Between two decisions whom to link to: an epoch (REWIRING_PERIOD)
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse_period)]
    pub(crate) rewiring_period: Duration,

    /// Until a silent node counts as absent (REMOVE_PERIOD)
    #[arg(long, value_name = "DURATION", default_value = "50s", value_parser = duration::parse_period)]
    pub(crate) remove_period: Duration,

    /// How long the duplicate cache remembers an update (ERASE_HASH)
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse_period)]
    pub(crate) erase_hash: Duration,

    /// Before a bootstrap that did not answer is asked again; doubles with each failure (BOOT_DELAY)
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration::parse_period)]
    pub(crate) boot_delay: Duration,

    /// Between two heartbeats on a link
    #[arg(long, value_name = "DURATION", default_value = "250ms", value_parser = duration::parse_period)]
    pub(crate) heartbeat: Duration,

    /// Between two comparisons of databases on a link
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse_period)]
    pub(crate) exchange_period: Duration,

    /// Between two attempts to reach somebody absent
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse_period)]
    pub(crate) heal_period: Duration,

    /// How long the answer to a greeting may take, beside the delay
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse_period)]
    pub(crate) greeting_timeout: Duration,

    /// Between two announcements of an unchanged record, at least; a quarter of a second for each node if that is longer
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse_period)]
    pub(crate) refresh_period: Duration,

    /// From a decision until it is announced, for studying late news
    #[arg(long, visible_alias = "lag", value_name = "DURATION", default_value = "0s", value_parser = duration::parse)]
    pub(crate) announce_delay: Duration,
}

/// How much at most.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Bounds")]
pub(crate) struct Bounds {
    /// Updates in the duplicate cache; 0 for none (PKT_IDS_LIMIT)
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) pkt_ids_limit: u32,

    /// How many may choose this node: a number, 'none', or 'auto' (4k with mutual links, 8k with directed ones, none
    /// under full mesh)
    #[arg(long, value_name = "N", default_value = "auto")]
    pub(crate) in_degree_cap: InDegreeCap,

    /// Nodes without a link that are let in beyond the cap, each for one epoch
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=64))]
    pub(crate) guest_slots: u32,

    /// Watchers (bootstraps) that are let in
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub(crate) watcher_slots: u32,

    /// Connections that have not said yet what they are
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) max_strangers: u32,

    /// Nodes in the database
    #[arg(long, value_name = "N", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) max_records: u32,

    /// Octets of all records in the database together
    #[arg(long, value_name = "OCTETS", default_value_t = 67_108_864, value_parser = clap::value_parser!(u32).range(65_536..))]
    pub(crate) max_record_octets: u32,

    /// Octets of the records that one peer may introduce, with some for each record itself
    #[arg(long, value_name = "OCTETS", default_value_t = 15_728_640, value_parser = clap::value_parser!(u32).range(65_536..))]
    pub(crate) max_introduced_octets: u32,

    /// Addresses remembered over restarts
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(0..=16_384))]
    pub(crate) max_remembered: u32,

    /// Octets of a payload
    #[arg(long, value_name = "OCTETS", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) max_payload: u32,

    /// Packets of one peer, payloads aside: so many at once, and so many more each second
    #[arg(long, value_name = "N+N/S", default_value = "32768+2048", value_parser = rate)]
    pub(crate) peer_frames: Rate,

    /// Octets of one peer's packets, payloads aside
    #[arg(long, value_name = "N+N/S", default_value = "33554432+1048576", value_parser = rate)]
    pub(crate) peer_octets: Rate,

    /// Nodes that one peer is the first to tell of
    #[arg(long, value_name = "N+N/S", default_value = "16384+64", value_parser = rate)]
    pub(crate) peer_ids: Rate,

    /// Octets lent to one host's peers for answers, beyond three for each octet that they say
    #[arg(long, value_name = "N+N/S", default_value = "16777216+1024", value_parser = rate)]
    pub(crate) peer_answers: Rate,

    /// Milliseconds for which one peer may be slowed before its connection is closed
    #[arg(long, value_name = "N+N/S", default_value = "5000+500", value_parser = rate)]
    pub(crate) peer_patience: Rate,

    /// Datagrams of one host that belong to no link
    #[arg(long, value_name = "N+N/S", default_value = "4096+1024", value_parser = rate)]
    pub(crate) host_datagrams: Rate,

    /// Octets lent to newcomers of one host for answers, beyond three for each octet that they say
    #[arg(long, value_name = "N+N/S", default_value = "8388608+1024", value_parser = rate)]
    pub(crate) host_introductions: Rate,

    /// Probes sent to one host, to measure the way
    #[arg(long, value_name = "N+N/S", default_value = "256+16", value_parser = rate)]
    pub(crate) host_probes: Rate,
}

/// How much faster than configured a node lives.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Periods")]
pub(crate) struct Pace {
    /// Divide the ping, rewiring, remove (never below 5s), erase and refresh periods by this, 1 to 20, for experiments;
    /// never heartbeats, time-outs or bounds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) pace: u32,
}

/// How neighbours are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Policy {
    /// Those that make the node's own cost of reaching everybody smallest.
    BestResponse,
    /// K at random.
    KRandom,
    /// Everybody.
    FullMesh,
}

/// Whether links are used both ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Links {
    /// Both ways.
    Mutual,
    /// Away from who chose the link.
    Directed,
}

/// How many may choose a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InDegreeCap {
    /// By k and the kind of links.
    Auto,
    /// As many as like to.
    None,
    /// So many.
    At(u32),
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Policy::BestResponse => "best-response",
            Policy::KRandom => "k-random",
            Policy::FullMesh => "full-mesh",
        })
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Links::Mutual => "mutual",
            Links::Directed => "directed",
        })
    }
}

impl FromStr for InDegreeCap {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            _ => text.parse().map(Self::At).map_err(|_| "write a number, 'auto' or 'none'".to_owned()),
        }
    }
}

/// A network's name.
fn network(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("a network's name is 1 to 32 of a-z, 0-9 and '-'".to_owned())
    }
}

/// An address that others can dial.
fn reachable(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_unspecified() {
        Err("nobody can dial an unspecified address".to_owned())
    } else {
        Ok(address)
    }
}

/// A burst, and what comes back each second.
fn rate(text: &str) -> Result<Rate, String> {
    let parts =
        text.split_once('+').and_then(|(burst, more)| Some((burst.parse().ok()?, more.parse().ok()?)));
    match parts {
        Some((burst, per_second)) if per_second > 0 => Ok(Rate { burst, per_second }),
        _ => Err("write BURST+EACH_SECOND, as in 4096+1024, with at least 1 each second".to_owned()),
    }
}

/// A share of something, from 0 to below 1.
fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| (0.0..1.0).contains(n));
    number.ok_or_else(|| "write a number from 0 to below 1, as in 0.01".to_owned())
}

impl Pace {
    /// Says what a pace above 1 means.
    pub(crate) fn warn(self) {
        if self.pace > 1 {
            tracing::warn!(
                pace = self.pace,
                "periods are divided for an experiment: more traffic, less patience"
            );
        }
    }
}

impl Place {
    /// Whether everything is there that must be.
    ///
    /// # Errors
    /// As [`Place::network`] and [`Place::advertised`]; or an address is listened to twice.
    pub(crate) fn check(&self) -> Outcome {
        self.network()?;
        self.advertised()?;
        let twice = self.listen.iter().enumerate().find_map(|(place, at)| {
            let mut others = self.listen.iter().enumerate().filter(|(other, _)| *other != place);
            others.find(|(_, other)| takes(**other, *at)).map(|(_, other)| (at, other))
        });
        twice.map_or(Ok(()), |(at, other)| {
            Err(Failure::usage(format!("--listen {other} takes what is sent there too"))
                .at(format!("--listen {at}"))
                .try_this("leave this one out"))
        })
    }

    /// Whether nobody beyond this host can reach the node.
    fn is_local(&self) -> bool {
        self.listen.iter().all(|at| at.ip().is_loopback())
    }

    /// The flags that say where the node listens.
    pub(crate) fn listen_flags(&self) -> String {
        let flags: Vec<_> = self.listen.iter().map(|at| format!("--listen {at}")).collect();
        flags.join(" ")
    }

    /// The overlay's name.
    ///
    /// # Errors
    /// None is given and the node would listen beyond loopback, where strangers can reach it.
    pub(crate) fn network(&self) -> Outcome<&str> {
        match &self.network {
            Some(name) => Ok(name),
            None if self.is_local() => Ok(LOOPBACK_NETWORK),
            None => {
                Err(Failure::usage("an overlay beyond loopback needs a name, so that strangers do not mix")
                    .at(self.listen_flags())
                    .try_this("give --network NAME, the same on all its nodes"))
            }
        }
    }

    /// Where others reach the node; empty for where it listens.
    ///
    /// # Errors
    /// None is given and the node would listen on an unspecified address; or what is sent to one of them arrives at no
    /// socket of the node's.
    pub(crate) fn advertised(&self) -> Outcome<&[SocketAddr]> {
        if self.advertise.is_empty() && self.listen.iter().any(|at| at.ip().is_unspecified()) {
            return Err(Failure::usage("others cannot dial an unspecified address")
                .at(self.listen_flags())
                .try_this("give --advertise IP:PORT, the address that others reach this node at"));
        }
        if self.advertise.len() > 1 + ADDRESSES_LIMIT {
            let most = format!("a node has at most {} addresses", 1 + ADDRESSES_LIMIT);
            return Err(Failure::usage(most).at("--advertise"));
        }
        let ports: Ports = self.listen.iter().copied().collect();
        match self.advertise.iter().find(|at| !ports.serve(**at)) {
            None => Ok(&self.advertise),
            Some(at) => Err(Failure::usage(format!("nothing that is sent there arrives with {}", self.listen_flags()))
                .at(format!("--advertise {at}"))
                .try_this("listen on an address of that family and side too: --listen is repeatable, and [::] takes both")),
        }
    }

    /// Whom a node asks for the overlay.
    pub(crate) fn bootstraps(&self) -> Vec<HostPort> {
        if self.bootstrap.is_empty() && self.is_local() {
            return vec![SocketAddr::from((Ipv4Addr::LOCALHOST, BOOTSTRAP_PORT)).into()];
        }
        self.bootstrap.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    #[test]
    fn loopback_needs_less_said() {
        let place = |args: &[&str]| {
            let command = Place::augment_args(clap::Command::new("node").no_binary_name(true));
            Place::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
        };
        let here = place(&[]);
        assert_eq!(here.network().unwrap(), "loopback");
        assert_eq!(here.bootstraps(), ["127.0.0.1:61223".parse().unwrap()]);
        assert!(here.advertised().unwrap().is_empty());
        let there = place(&["--listen", "[::]:61300"]);
        assert!(there.network().unwrap_err().to_string().contains("--network NAME"));
        assert!(there.advertised().unwrap_err().to_string().contains("--advertise IP:PORT"));
        assert!(there.bootstraps().is_empty());
        let both = place(&["--listen", "127.0.0.1:1", "--listen", "192.0.2.7:1"]);
        assert!(both.network().is_err() && both.bootstraps().is_empty(), "strangers can reach it");
    }

    #[test]
    fn addresses_that_lead_to_no_socket_are_refused_with_a_way_out() {
        let refused = |args: &[&str]| {
            let command = Place::augment_args(clap::Command::new("node").no_binary_name(true));
            let place = Place::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap();
            place.check().err().map(|failure| failure.to_string())
        };
        let with = |listen: &[&str], advertise: &str| {
            let flags = listen.iter().flat_map(|at| ["--listen", at]);
            let args: Vec<&str> = flags.chain(["--network", "n", "--advertise", advertise]).collect();
            refused(&args)
        };
        for (listen, advertise) in [
            (&["0.0.0.0:1"][..], "[2001:db8::7]:1"),
            (&["[2001:db8::7]:1"], "192.0.2.7:1"),
            (&["127.0.0.1:1"], "192.0.2.7:1"),
        ] {
            let why = with(listen, advertise).unwrap();
            assert!(why.contains(advertise) && why.contains("--listen is repeatable"), "{why}");
        }
        assert_eq!(with(&["[::]:1"], "192.0.2.7:1"), None);
        assert_eq!(with(&["0.0.0.0:1", "[2001:db8::7]:1"], "[2001:db8::7]:1"), None);
        for (listen, which) in [
            (["0.0.0.0:1", "[::]:1"], 0),
            (["[::]:1", "127.0.0.1:1"], 1),
            (["[::]:1", "[2001:db8::7]:1"], 1),
            (["0.0.0.0:1", "127.0.0.1:1"], 1),
            (["127.0.0.1:1", "127.0.0.1:1"], 0),
        ] {
            let why = with(&listen, "127.0.0.1:1").unwrap();
            let (said, other) =
                (format!(": --listen {}: leave this one out", listen[which]), listen[1 - which]);
            assert!(
                why.contains(&said) && why.contains(&format!("--listen {other} takes")),
                "{listen:?}: {why}"
            );
        }
        for listen in [["127.0.0.1:0", "127.0.0.1:0"], ["0.0.0.0:1", "127.0.0.1:2"]] {
            assert_eq!(with(&listen, "127.0.0.1:1"), None, "{listen:?}");
        }
        for zoned in ["[fe80::1%eth0]:1", "[fe80::1%2]:1", "[fe80::1]:1"] {
            let why = address(zoned).unwrap_err();
            assert!(why.contains("link-local") && why.contains("give a global one"), "{why}");
            assert!(reachable(zoned).is_err());
        }
        assert!("[fe80::1%eth0]:1".parse::<HostPort>().unwrap_err().contains("link-local"));
    }

    #[test]
    fn numbers_and_names_have_bounds() {
        assert_eq!(share("0.999"), Ok(0.999));
        assert!(["1", "-0.1", "NaN", "inf", "1%", ""].iter().all(|s| share(s).is_err()));
        assert!(network(&"a".repeat(32)).is_ok());
        assert!(["", "A", "a b", "ä", &"a".repeat(33)].iter().all(|s| network(s).is_err()));
        assert_eq!(rate("7+1"), Ok(Rate { burst: 7, per_second: 1 }));
        assert!(["7", "7+0", "+1", "-1+1", "7+1/s", "4294967296+1"].iter().all(|s| rate(s).is_err()));
        assert_eq!("12".parse(), Ok(InDegreeCap::At(12)));
        assert!("-1".parse::<InDegreeCap>().is_err());
        assert!(
            reachable("0.0.0.0:4").is_err()
                && reachable("[::]:4").is_err()
                && reachable("10.0.0.1:4").is_ok()
        );
    }
}
