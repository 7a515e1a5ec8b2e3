//! The overlay as a [`Machine`]: what comes in is handed to the part that it concerns, and what is due is done.

mod advertising;
mod answers;
mod beating;
mod calling;
mod channels;
mod choosing;
mod deciding;
mod exchange;
mod forming;
mod forwarding;
mod greeting;
mod healing;
mod intake;
mod joining;
mod leaving;
mod membership;
mod originating;
mod parting;
mod places;
mod policing;
mod query;
mod reached;
mod refusing;
mod replacements;
mod routing;
mod scope;
mod sending;
mod starting;
mod stranded;
mod strangers;
mod streams;
mod succession;
mod suits;
#[cfg(test)]
mod tests;
mod twins;

pub use query::{BootstrapView, NeighborView, NodeView, PathView, Phase, RouteView, StatusView};

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::config::{Config, ConfigError};
use super::database::Database;
use super::event::{Command, Event, Refusal, Reply};
use super::flood::{Duplicates, OlderReplies};
use super::link::Link;
use super::names::{NodeId, Token};
use super::narrow::Narrow;
use super::pace::Pace;
use super::probes::Probes;
use super::wire::ChannelNames;
use crate::kernel::{
    Awaits, ConnId, Deadline, Deadlines, Input, Machine, Output, Outputs, Part, Port, Rng, Slack, Streams,
    Ticket, Time, Wake,
};

use calling::{Calls, Purpose};
use choosing::Choosing;
use forming::Forming;
use forwarding::Forwarding;
use healing::Healing;
use joining::{Joining, distinct};
use membership::Membership;
use originating::Origin;
use policing::Policing;
use reached::Reached;
use routing::Routing;
use sending::{Order, Sending};
use starting::Life;
use strangers::Strangers;
use streams::{Conn, Dial};
use succession::Succession;
use twins::Twins;

/// A node woken later than it asked by 50 ms takes as much off everybody's silence; a second late, it listens for as long
/// again before it takes anybody's silence for absence.
const SLACK: Slack = Slack { busy: Duration::from_millis(50), asleep: Duration::from_secs(1) };

/// What there is to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    /// Beats and probes are due.
    Pulse,
    /// A neighbour may have fallen silent.
    Silence(NodeId),
    /// A peer was slowed for long enough.
    Resume(ConnId),
    /// A connection has taken too long to say what it is, or to answer.
    Overdue(ConnId),
    /// The next decision.
    Epoch,
    /// A decision waits for a quieter moment, or for measurements.
    Again,
    /// Nodes without a link are probed before the decision.
    Prepare,
    /// A lost choice is replaced.
    Repair,
    /// Somebody may be reached no more.
    Stranded,
    /// A suit has taken too long.
    Suit(NodeId),
    /// The link that a new one replaces can go.
    Settle(NodeId),
    /// A probe has no answer yet: the next address is asked.
    Probe(NodeId),
    /// A dial is not decided yet: the next address is dialled.
    Call(NodeId, Purpose),
    /// A suspected neighbour has been silent for too long.
    Remove(NodeId),
    /// A guest's time is over.
    Guest(NodeId),
    /// Ask a bootstrap.
    Join,
    /// Try to reach somebody absent.
    Heal,
    /// The bucket has room for a record, or a held-back decision may be told.
    Originate,
    /// The record is due again though nothing changed.
    Refresh,
    /// Compare databases.
    Exchange,
    /// A record's life is over.
    Expire,
    /// There may be room for payloads that were refused.
    Room,
    /// Leaving has taken long enough.
    Leave,
    /// A later identity can be made durable.
    Succeed,
}

impl Deadline for Timer {
    fn name(&self) -> &'static str {
        match self {
            Timer::Pulse => "pulse",
            Timer::Silence(_) => "silence",
            Timer::Resume(_) => "resume",
            Timer::Overdue(_) => "overdue",
            Timer::Epoch => "epoch",
            Timer::Again => "again",
            Timer::Prepare => "prepare",
            Timer::Repair => "repair",
            Timer::Stranded => "stranded",
            Timer::Suit(_) => "suit",
            Timer::Settle(_) => "settle",
            Timer::Probe(_) => "probe",
            Timer::Call(..) => "call",
            Timer::Remove(_) => "remove",
            Timer::Guest(_) => "guest",
            Timer::Join => "join",
            Timer::Heal => "heal",
            Timer::Originate => "originate",
            Timer::Refresh => "refresh",
            Timer::Exchange => "exchange",
            Timer::Expire => "expire",
            Timer::Room => "room",
            Timer::Leave => "leave",
            Timer::Succeed => "succeed",
        }
    }

    fn awaits(&self) -> Awaits {
        match self {
            Timer::Overdue(_) | Timer::Suit(_) | Timer::Remove(_) => Awaits::Others,
            _ => Awaits::Nobody,
        }
    }
}

/// The random streams, one for each purpose.
#[derive(Clone, Debug)]
struct Random {
    tokens: Rng,
    wiring: Rng,
    timing: Rng,
    sampling: Rng,
}

/// What happened so often that it is worth a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Counters {
    /// Lines and datagrams with a word that this version does not know.
    pub unknown_words: u64,
    /// Datagrams that were malformed, or whose token nobody waits for.
    pub stray_datagrams: u64,
    /// Connections closed for what their peer said.
    pub misbehaved: u64,
    /// Updates known already by their hash.
    pub duplicates: u64,
    /// Updates taken into the database.
    pub taken: u64,
    /// Own records originated.
    pub originated: u64,
    /// Payloads passed on for others.
    pub forwarded: u64,
    /// Computations of the routes.
    pub routed: u64,
    /// Payloads dropped since a link took no more.
    pub shed: u64,
    /// Decisions made.
    pub decisions: u64,
    /// Decisions that changed whom this node chooses.
    pub rewirings: u64,
    /// Choices changed by them.
    pub rewired_links: u64,
    /// Decisions put off by the quiet guard.
    pub waited: u64,
}

/// An overlay node.
///
/// ```text
/// bytes -> wire -> intake (flood) -> database -> routes, wiring -> links -> outputs
/// ```
#[derive(Debug)]
pub struct Overlay {
    config: Config,
    rides: ChannelNames,
    life: Life,
    out: Outputs<Event>,
    timers: Deadlines<Timer>,
    random: Random,
    counters: Counters,
    conns: BTreeMap<ConnId, Conn>,
    strangers: Strangers,
    dials: BTreeMap<Ticket, Dial>,
    calls: Calls,
    links: BTreeMap<NodeId, Link>,
    tokens: BTreeMap<Token, NodeId>,
    database: Database,
    duplicates: Duplicates,
    older: OlderReplies,
    origin: Origin,
    succession: Succession,
    probes: Probes,
    narrow: Narrow,
    choosing: Choosing,
    joining: Joining,
    twins: Twins,
    forming: Forming,
    healing: Healing,
    routing: Routing,
    sending: Sending,
    forwarding: Forwarding,
    pace: Pace,
    policing: Policing,
    membership: Membership,
    reached: Reached,
    /// When its own addresses changed last.
    advertised: Option<Time>,
}

impl Overlay {
    /// A node that is about to load its state.
    ///
    /// # Errors
    /// The configuration is none that a node can live by.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Overlay::riding(config, ChannelNames::default())
    }

    /// The same for a node that offers channels on its links: with each neighbour that rides one too,
    /// [`Command::Channel`] and [`Event::Channel`] carry what is said on it.
    ///
    /// # Errors
    /// The configuration is none that a node can live by.
    pub fn riding(mut config: Config, rides: ChannelNames) -> Result<Self, ConfigError> {
        config.check()?;
        config.bootstraps = distinct(config.bootstraps);
        let streams = Streams::new(config.seed);
        let mut node = Overlay {
            rides,
            life: Life::default(),
            out: Outputs::new(),
            timers: Deadlines::new(SLACK, Time::ZERO),
            random: Random {
                tokens: streams.named("tokens"),
                wiring: streams.named("wiring"),
                timing: streams.named("timing"),
                sampling: streams.named("sampling"),
            },
            counters: Counters::default(),
            conns: BTreeMap::new(),
            strangers: Strangers::default(),
            dials: BTreeMap::new(),
            calls: Calls::default(),
            links: BTreeMap::new(),
            tokens: BTreeMap::new(),
            database: Database::new(config.bounds.database),
            duplicates: Duplicates::with_bounds(
                config.bounds.hashes,
                config.periods.erase_hash,
                streams.keyed("hashes"),
            ),
            older: OlderReplies::new(streams.keyed("older")),
            origin: Origin::default(),
            succession: Succession::default(),
            probes: Probes::default(),
            narrow: Narrow::default(),
            choosing: Choosing::new(&config),
            joining: Joining::default(),
            twins: Twins::default(),
            forming: Forming::default(),
            healing: Healing::default(),
            routing: Routing::default(),
            sending: Sending::default(),
            forwarding: Forwarding::default(),
            pace: Pace::new(),
            membership: Membership::default(),
            reached: Reached::default(),
            advertised: None,
            policing: Policing::new(&config.bounds.budgets, streams.keyed("hosts")),
            config,
        };
        node.load();
        Ok(node)
    }

    /// Time has passed, and everything that arrived meanwhile was handed over before: timers run at this input alone, or
    /// what they do would depend on how the bytes before it were split.
    fn tick(&mut self) {
        self.forgive_lateness();
        self.fire();
    }

    /// Whether the machine should have been woken before now: what arrives lay in buffers, and its delay measures nothing.
    fn is_late(&self) -> bool {
        self.timers.lateness() > SLACK.busy
    }

    /// A machine that was woken late has slept: nobody else is to blame for the silence.
    fn forgive_lateness(&mut self) {
        let late = self.timers.forgive();
        if late.is_zero() {
            return;
        }
        let now = self.timers.now();
        for link in self.links.values_mut() {
            link.beats.forgive(now, late);
        }
        for conn in self.conns.values_mut() {
            conn.forgive(now, late);
        }
        self.probes.forgive(now, late);
        self.reached.forgive(now, late);
        self.database.put_off(late);
    }

    fn input(&mut self, input: Input<'_>) {
        match input {
            Input::Tick => self.tick(),
            Input::Opened { conn, how, remote } => self.opened(conn, how, remote),
            Input::Received { conn, bytes } => self.received(conn, bytes),
            Input::Flushed { conn, n } => self.flushed(conn, n),
            Input::Closed { conn, why } => self.closed(conn, why),
            Input::DialFailed { ticket, why } => self.dial_failed(ticket, why),
            Input::Datagram { port, from, bytes } => self.datagram(port, from, bytes),
            Input::Stored { ticket, result } => self.stored(ticket, result),
            Input::Loaded { ticket, value } => self.loaded(ticket, value),
            Input::Scanned { .. } | Input::WallTime { .. } => {}
        }
    }

    fn fire(&mut self) {
        for timer in self.timers.fire() {
            match timer {
                Timer::Pulse => self.pulse(),
                Timer::Silence(id) => self.silence(id),
                Timer::Resume(conn) => self.resume(conn),
                Timer::Overdue(conn) => self.overdue(conn),
                Timer::Epoch => self.epoch(),
                Timer::Again => self.decide_when_quiet(),
                Timer::Prepare => self.prepare(),
                Timer::Repair => self.repair(),
                Timer::Stranded => self.reach_stranded(),
                Timer::Suit(id) => self.suit_overdue(id),
                Timer::Settle(id) => self.settled(id),
                Timer::Probe(id) => self.probe_on(id),
                Timer::Call(id, purpose) => self.call_next(id, purpose),
                Timer::Remove(id) => self.remove_silent(id),
                Timer::Guest(id) => self.guest_over(id),
                Timer::Join => self.join(),
                Timer::Heal => self.heal(),
                Timer::Originate => self.origin.touch(),
                Timer::Refresh => self.refresh(),
                Timer::Exchange => self.exchange_all(),
                Timer::Expire => self.expire_records(),
                Timer::Room => self.look_for_room(),
                Timer::Leave => self.leave_on(),
                Timer::Succeed => self.succeed(),
            }
        }
    }

    /// What follows from anything that happened.
    fn conclude(&mut self) {
        self.tell_of_choices();
        self.tell_of_losses();
        self.originate_if_due();
        self.end_if_due();
    }

    fn emit(&mut self, event: Event) {
        self.out.event(event);
    }

    fn token(&mut self) -> Token {
        Token(self.random.tokens.u64())
    }
}

/// What datagrams are queued for that leave from the port that serves where they go.
const UDP: Port = Port(u16::MAX);

impl Machine for Overlay {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        debug_assert!(now >= self.timers.now(), "time went back");
        self.timers.advance(now, &mut []);
        if !self.life.is_over() {
            self.input(input);
            self.conclude();
        }
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.timers.advance(now, &mut []);
        let reply = match command {
            Command::Send { to, payload, way } => self.send_payload(&Order { to, payload, way }),
            Command::Echo { to, payload, way } => self.send_echo(&Order { to, payload, way }),
            Command::Bootstraps(addresses) => self.bootstraps_moved(addresses),
            Command::Advertise(addresses) => self.advertise(&addresses),
            Command::Leave => self.leave(),
            Command::Channel { peer, channel, order } => self.channel_ordered(peer, channel, order),
        };
        self.conclude();
        reply
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        let mut output = self.out.poll();
        if let Some(Output::Datagram { port, to, .. }) = &mut output
            && *port == UDP
        {
            *port = self.config.ports.to(*to);
        }
        output
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.timers.wake(&self.out, [])
    }
}

/// A node inside another machine is told how late that was woken.
impl Part for Overlay {
    fn due(&self) -> Option<Time> {
        self.timers.due()
    }

    fn woken(&mut self, now: Time, late: Duration) {
        self.timers.woken(now, late);
    }
}
