//! `egoist hello`: the sibling protocol of hello, ping and addr.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgMatches, Parser, Subcommand};
use egoist_core::hello::{Command, Config, Event, Hello as Machine, PeerInfo};
use egoist_core::kernel::Time;
use egoist_core::record::Recorder;
use egoist_mio::control::{Request, Responder};
use egoist_mio::flight::Flight;
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Key};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::control::{Target, codes};
use super::duration;
use super::failure::{Failure, Outcome};
use super::leave::{LeaveReport, leave};
use super::logging::Talk;
use super::names;
use super::record::RecordArgs;
use super::serve::{Ground, draw_seed};
use super::session::Session;
use super::settings::HostPort;
use super::state::{STATE_BY_ADDRESS, StateArgs};
use super::table::{Side, Table};
use super::units;
use super::verb::Verb;
use super::views;

/// A node as it runs: its last inputs are kept.
type Member = Recorder<Machine, Flight>;

/// Run or ask a node of the hello protocol: greetings, pings and the exchange of addresses
#[derive(Parser, Debug)]
#[command(
    name = "hello",
    after_help = "Examples:
  egoist hello node                                               the first, on port 5999
  egoist hello node --listen 127.0.0.1:5998 --peer 127.0.0.1:5999
  egoist hello peers --node 127.0.0.1:5998
  egoist hello leave --node 127.0.0.1:5998"
)]
pub(crate) struct Hello {
    #[command(subcommand)]
    verb: HelloVerb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum HelloVerb {
    /// Run a node, until SIGINT, SIGTERM, SIGHUP or 'egoist hello leave'
    Node(HelloNode),
    /// List the peers of a running node
    Peers(HelloPeers),
    /// Make a running node end
    Leave(HelloLeave),
}

/// Flags of `hello node`.
#[derive(Parser, Debug)]
#[command(mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)))]
pub(crate) struct HelloNode {
    /// Where to listen; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:5999")]
    listen: SocketAddr,
    /// A node to greet; repeatable
    #[arg(short, long, value_name = "HOST:PORT")]
    peer: Vec<HostPort>,
    /// Between two pings to a peer; two without a pong and it is given up
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse_period)]
    ping_period: Duration,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Flags of `hello peers`.
#[derive(Parser, Debug)]
pub(crate) struct HelloPeers {
    #[command(flatten)]
    target: Target,
}

/// Flags of `hello leave`.
#[derive(Parser, Debug)]
pub(crate) struct HelloLeave {
    #[command(flatten)]
    target: Target,
}

impl Verb for Hello {
    const TALK: Talk = Talk::News;

    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        match self.verb {
            HelloVerb::Node(node) => node.run(session),
            HelloVerb::Peers(HelloPeers { target }) => {
                let report: PeersReport = target.connect()?.ask("hello.peers", json!({}))?;
                session.show(&report)
            }
            HelloVerb::Leave(HelloLeave { target }) => leave(&target, "hello.leave", session),
        }
    }
}

impl HelloNode {
    fn run(self, session: &mut Session<'_>) -> Outcome {
        let ground = Ground::take(&[self.listen], None, &self.state)?;
        let address = ground.address();
        let machine = self.member(address, ground.flight(&self.record)?)?;
        let mut settled = ground.settle(machine, |_, event| heard(&event));
        let key = settled.key;
        let at_the_desk = move |host: &mut Host<MioNet>, request, responder| {
            answer(host, key, address, &request, responder);
        };
        settled.serve(at_the_desk, move |host| _ = depart(host, key))?;
        names::follow(settled.host(), &self.peer, &Greeter(key));
        settled.run("hello".to_owned(), session)
    }

    fn member(&self, address: SocketAddr, flight: Flight) -> Outcome<Member> {
        let config = Config {
            address: Some(address).filter(|address| !address.ip().is_unspecified()),
            bootstrap: self.peer.iter().filter_map(HostPort::address).collect(),
            ping_period: self.ping_period,
            ..Config::default()
        };
        Member::new((config, draw_seed()?, Time::ZERO), flight)
            .map_err(|e| Failure::usage(e.to_string()).at("hello node"))
    }
}

/// Greets whoever listens where a name points.
#[derive(Clone)]
struct Greeter(Key<Member>);

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

fn answer(
    host: &mut Host<MioNet>,
    key: Key<Member>,
    address: SocketAddr,
    request: &Request,
    responder: Responder,
) {
    match request.action.as_str() {
        "hello.peers" => responder.ok(peers(host.machine(key).machine(), host.now())),
        "hello.leave" => {
            let id = depart(host, key);
            responder.ok(LeaveReport { id, address: address.to_string() });
        }
        other => {
            let message = format!("a node of the hello protocol does not know '{other}'");
            responder.error(codes::UNKNOWN_VERB, &message);
        }
    }
}

/// Says goodbye and ends the loop; answers the node's id.
fn depart(host: &mut Host<MioNet>, key: Key<Member>) -> String {
    // It refuses nothing but to leave twice, and ends then as well.
    let _ = host.command(key, Command::Leave);
    host.stop();
    host.machine(key).machine().id().to_string()
}

fn peers(node: &Machine, now: Time) -> PeersReport {
    let mut rows: Vec<PeerInfo> = node.peers().collect();
    rows.sort_unstable_by_key(|peer| peer.address.unwrap_or(peer.remote));
    PeersReport(rows.iter().map(|peer| row(peer, now)).collect())
}

fn row(peer: &PeerInfo, now: Time) -> PeerRow {
    PeerRow {
        nodeid: peer.id.to_string(),
        address: peer.address.unwrap_or(peer.remote).to_string(),
        dialled: peer.dialed,
        rtt_ms: peer.rtt.map(views::ms),
        up_s: now.since(peer.since).as_secs(),
    }
}

fn heard(event: &Event) {
    match event {
        Event::PeerUp { id, remote, dialed, .. } => tracing::info!(%id, %remote, dialed, "peer up"),
        Event::PeerDown { id, why, .. } => tracing::info!(%id, %why, "peer down"),
        Event::AddressLearned { addr, .. } => tracing::debug!(%addr, "address learned"),
        Event::DialFailed { addr, why } => tracing::debug!(%addr, ?why, "dial failed"),
        Event::SelfFound { addr } => tracing::debug!(%addr, "this node itself listens there"),
        Event::Misbehaved { remote, what, .. } => tracing::warn!(%remote, what, "a peer broke a rule"),
    }
}

/// A node's peers that have said hello, by address: the answer to `hello.peers`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PeersReport(Vec<PeerRow>);

/// A peer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct PeerRow {
    /// Its id, as it said it.
    nodeid: String,
    /// Where it listens, or its end of the connection while it has not said so.
    address: String,
    /// Whether this node dialled it.
    dialled: bool,
    /// The last round trip from ping to pong in milliseconds; none before the first.
    rtt_ms: Option<f64>,
    /// Seconds since it said hello.
    up_s: u64,
}

impl fmt::Display for PeersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let columns =
            [("ADDRESS", Left), ("NODEID", Left), ("DIALLED BY", Left), ("RTT", Right), ("FOR", Right)];
        let mut table = Table::new(&columns);
        for row in &self.0 {
            table.row([
                row.address.clone(),
                row.nodeid.clone(),
                if row.dialled { "me" } else { "them" }.to_owned(),
                units::millis_or_dash(row.rtt_ms),
                units::age(row.up_s),
            ]);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_for_people() {
        let address = "127.0.0.1:5998".to_owned();
        let pinged = PeerRow { nodeid: "a1".into(), address, dialled: true, rtt_ms: Some(2.5), up_s: 65 };
        let new = PeerRow { nodeid: "b2".into(), dialled: false, rtt_ms: None, up_s: 0, ..pinged.clone() };
        let text = "\
ADDRESS         NODEID  DIALLED BY      RTT       FOR
127.0.0.1:5998  a1      me          2.50 ms  1 m 05 s
127.0.0.1:5998  b2      them              -       0 s
";
        assert_eq!(PeersReport(vec![pinged, new]).to_string(), text);
    }
}
