//! What a running node answers on its control socket.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use egoist_core::overlay::{
    Command, Config, Event, FatalError, Loss, NodeId, Overlay, Phase, Refusal, Reply,
};
use egoist_mio::control::{Request, Responder, tell_all};
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Key, Later};
use serde::Deserialize;
use serde_json::{Value, json};

use super::control::codes;
use super::disk::Disk;
use super::leave::LeaveReport;
use super::listen::Delivered;
use super::named::Named;
use super::payload::{Payload, WayArg};
use super::ping::Echo;
use super::send::SendReport;
use super::serve::Member;
use super::status::StatusReport;
use super::views::{self, Facts};
use super::whereabouts::Whereabouts;

/// The longest that an echo is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Echoes that are waited for: as many as the node itself remembers.
const ECHOES: usize = 1024;

/// Who waits for what.
pub(crate) struct Desk {
    key: Option<Key<Member>>,
    facts: Facts,
    echoes: BTreeMap<u64, Awaited>,
    listeners: Vec<Responder>,
    leaving: Vec<Responder>,
    whereabouts: Whereabouts,
    /// The disk under its state.
    pub(crate) disk: Disk,
    /// The bootstraps as they were given.
    named: Named,
    /// The last node that lived under this node's id.
    impostor: Option<SocketAddr>,
    /// Why the node cannot go on.
    pub(crate) fatal: Option<FatalError>,
}

/// An echo that somebody waits for.
struct Awaited {
    /// Where it went to.
    address: String,
    responder: Responder,
    deadline: Later,
}

/// Why a request is refused: a code and a sentence.
type Refused = (&'static str, String);

/// What `overlay.path`, `overlay.ping` and `overlay.send` are about.
#[derive(Deserialize)]
struct With {
    to: String,
    #[serde(default)]
    size: usize,
    #[serde(default)]
    wait_ms: u64,
    payload: Option<Payload>,
    #[serde(default)]
    way: WayArg,
}

impl Desk {
    pub(crate) fn new(config: &Config, named: Named, started: Instant) -> Self {
        let facts = Facts::new(config, started);
        let (listeners, leaving) = (Vec::new(), Vec::new());
        let whereabouts = Whereabouts::new(config);
        let (echoes, disk) = (BTreeMap::new(), Disk::default());
        Desk {
            key: None,
            facts,
            echoes,
            listeners,
            leaving,
            whereabouts,
            disk,
            named,
            impostor: None,
            fatal: None,
        }
    }

    /// What the node tells comes from the machine behind `key`.
    pub(crate) fn attend(&mut self, key: Key<Member>) {
        self.key = Some(key);
    }

    /// Answers a request about the machine behind `key`, now or when what it waits for happens.
    pub(crate) fn request(
        desk: &Rc<RefCell<Self>>,
        key: Key<Member>,
        host: &mut Host<MioNet>,
        request: Request,
        responder: Responder,
    ) {
        let node = host.machine(key).machine();
        match request.action.as_str() {
            "overlay.status" => responder.ok(desk.borrow().status(host, key)),
            "overlay.neighbors" => responder.ok(views::neighbors(node, host.now())),
            "overlay.routes" => responder.ok(views::routes(node)),
            "overlay.listen" => desk.borrow_mut().listen(responder),
            "overlay.leave" => desk.borrow_mut().leave(key, host, responder),
            "overlay.path" => answer(responder, Self::path(node, request.with)),
            "overlay.ping" => Self::ping(desk, key, host, request.with, responder),
            "overlay.send" => answer(responder, Self::send(key, host, request.with)),
            other => {
                responder.error(codes::UNKNOWN_VERB, &format!("an overlay node does not know '{other}'"));
            }
        }
    }

    fn status(&self, host: &Host<MioNet>, key: Key<Member>) -> StatusReport {
        let node = host.machine(key).machine();
        let report = views::status(node, host.now(), &self.facts);
        StatusReport {
            addresses_gone: self.whereabouts.missing(node).map(|address| address.to_string()).collect(),
            bootstraps: self.named.rows(report.bootstraps),
            state_error: host.state_error(key).map(ToString::to_string),
            disk_full: self.disk.is_full(),
            ..report
        }
    }

    fn path(node: &Overlay, with: Value) -> Result<Value, Refused> {
        let to = whom(node, &with_of(with)?.to)?;
        let path = views::path(node, to).ok_or_else(|| refused(no_way(node)))?;
        serde_json::to_value(path).map_err(|e| (codes::INTERNAL, e.to_string()))
    }

    fn send(key: Key<Member>, host: &mut Host<MioNet>, with: Value) -> Result<Value, Refused> {
        let with = with_of(with)?;
        let octets = with.payload.as_ref().and_then(Payload::octets);
        let octets =
            octets.ok_or_else(|| (codes::BAD_REQUEST, "there is no payload, as text or hex".to_owned()))?;
        let to = whom(host.machine(key).machine(), &with.to)?;
        let count = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        let node = host.machine(key).machine();
        let (address, hop) = (views::address(node, to), views::next_hop(node, to));
        // Forwarding may know a path for a moment longer than it leads there; who asks is told what holds now.
        if hop.is_none() && node.id() != Some(to) {
            return Err(refused(no_way(node)));
        }
        host.command(key, Command::Send { to, payload: Bytes::from(octets), way: with.way.into() })
            .map_err(refused)?;
        // What goes to the node itself goes no further.
        let next_hop = hop.unwrap_or_else(|| address.clone());
        let report = SendReport { id: to.to_string(), address, next_hop, octets: count };
        serde_json::to_value(report).map_err(|e| (codes::INTERNAL, e.to_string()))
    }

    fn ping(
        desk: &Rc<RefCell<Self>>,
        key: Key<Member>,
        host: &mut Host<MioNet>,
        with: Value,
        responder: Responder,
    ) {
        let longest = desk.borrow().facts.payload;
        if !desk.borrow_mut().has_room(host) {
            return responder.error(codes::BUSY, "too many echoes are waited for");
        }
        match Self::echo(key, host, with, longest) {
            Err((code, message)) => responder.error(code, &message),
            Ok((number, address, wait)) => {
                let waiting = Rc::clone(desk);
                let deadline = host.after(wait, move |host| waiting.borrow_mut().late(host, number));
                desk.borrow_mut().echoes.insert(number, Awaited { address, responder, deadline });
            }
        }
    }

    /// Whether another echo may be waited for; those that nobody waits for any more are forgotten.
    fn has_room(&mut self, host: &mut Host<MioNet>) -> bool {
        if self.echoes.len() >= ECHOES {
            let gone = self.echoes.iter().filter(|(_, echo)| !echo.responder.is_open());
            let gone: Vec<u64> = gone.map(|(number, _)| *number).collect();
            gone.into_iter().for_each(|number| _ = self.settle(host, number));
        }
        self.echoes.len() < ECHOES
    }

    /// Waits no longer for an echo, whatever became of it.
    fn settle(&mut self, host: &mut Host<MioNet>, number: u64) -> Option<Awaited> {
        let echo = self.echoes.remove(&number)?;
        host.cancel(echo.deadline);
        Some(echo)
    }

    fn late(&mut self, host: &mut Host<MioNet>, number: u64) {
        if let Some(echo) = self.settle(host, number) {
            echo.responder.error(codes::TIMEOUT, "no answer in time");
        }
    }

    /// Sends an echo: its number, whom it goes to, and how long it may take.
    fn echo(
        key: Key<Member>,
        host: &mut Host<MioNet>,
        with: Value,
        longest: usize,
    ) -> Result<(u64, String, Duration), Refused> {
        let with = with_of(with)?;
        let to = whom(host.machine(key).machine(), &with.to)?;
        let address = views::address(host.machine(key).machine(), to);
        if with.size > longest {
            return Err(refused(Refusal::TooLong));
        }
        let (payload, way) = (Bytes::from(vec![0; with.size]), with.way.into());
        match host.command(key, Command::Echo { to, payload, way }).map_err(refused)? {
            Reply::Sent(number) => {
                Ok((number, address, Duration::from_millis(with.wait_ms).min(LONGEST_WAIT)))
            }
            Reply::Leaving | Reply::Noted => Err(refused(Refusal::NotRunning)),
        }
    }

    fn listen(&mut self, responder: Responder) {
        self.listeners.retain(Responder::is_open);
        if self.listeners.iter().any(|other| other.shares_client_with(&responder)) {
            return responder.error(codes::BUSY, "this client listens already");
        }
        self.listeners.push(responder);
    }

    fn leave(&mut self, key: Key<Member>, host: &mut Host<MioNet>, responder: Responder) {
        self.leaving.push(responder);
        let refused = host.command(key, Command::Leave).is_err();
        if refused && self.facts.id.is_none() {
            self.end(host);
        }
    }

    /// What the node tells.
    pub(crate) fn event(&mut self, host: &mut Host<MioNet>, event: Event) {
        match event {
            Event::Started { id, incarnation } => {
                self.facts.id = Some(id);
                tracing::info!(%id, incarnation, "started");
            }
            Event::Fatal { error } => {
                self.fatal = Some(error);
                host.stop();
            }
            Event::Delivered { from, payload } => self.delivered(host, from, &payload),
            Event::Echoed { number, from, after, .. } => self.echoed(host, number, from, after),
            Event::Undelivered { number, why, .. } => self.undelivered(host, number, why),
            // Who was refused asks again.
            Event::Room { .. } => {}
            Event::Seeking => self.look_at_own_address(host),
            Event::Left => self.end(host),
            Event::LinkUp { peer, address } => tracing::info!(?peer, %address, "link up"),
            Event::LinkDown { peer, why } => {
                tracing::info!(?peer, %why, "link down");
                self.look_at_own_address(host);
            }
            Event::Suspected { peer } => {
                tracing::warn!(?peer, "suspected: it is silent");
                self.look_at_own_address(host);
            }
            Event::Recovered { peer } => tracing::info!(?peer, "recovered"),
            Event::Rewired { added, removed } => tracing::info!(?added, ?removed, "rewired"),
            Event::Misbehaved { remote, why } => tracing::warn!(%remote, %why, "a peer broke a rule"),
            Event::OverBudget { peer, address, budget, done } => {
                tracing::warn!(?peer, %address, ?budget, ?done, "a peer asks too much");
            }
            Event::BootstrapFailed { address, why } => {
                tracing::warn!(bootstrap = %address, "cannot join: {why}: {}", why.remedy());
            }
            Event::Unreached { address } => tracing::warn!(
                %address,
                "nobody reaches this node at its address: check --advertise, and the firewalls on the way"
            ),
            Event::Refused { address, word, reason } => {
                tracing::debug!(%address, %word, %reason, "a peer refuses");
            }
            Event::Impostor { address } => self.impostor(address),
        }
    }

    /// Each node that lives under this node's id is told of once.
    fn impostor(&mut self, address: SocketAddr) {
        if self.impostor.replace(address) != Some(address) {
            tracing::error!(
                %address,
                "another node lives under this node's id: give each node an id, a seed and a state folder of its own"
            );
        }
    }

    /// A neighbour's silence may be this host's own fault. A node that is reached at another address by now names that.
    fn look_at_own_address(&mut self, host: &mut Host<MioNet>) {
        let Some(key) = self.key else { return };
        let Some(addresses) = self.whereabouts.look(host.machine(key).machine()) else { return };
        if host.command(key, Command::Advertise(addresses.clone())).is_ok() {
            tracing::warn!(?addresses, "the node is reached here from now on, and tells others");
            self.whereabouts.named(&addresses);
            self.facts.address = addresses[0];
        }
    }

    fn delivered(&mut self, host: &Host<MioNet>, from: NodeId, payload: &Bytes) {
        let address = self.key.map(|key| views::address(host.machine(key).machine(), from));
        let arrived = Delivered { id: from.to_string(), address, payload: Payload::new(payload.to_vec()) };
        tell_all(&mut self.listeners, &arrived);
    }

    fn echoed(&mut self, host: &mut Host<MioNet>, number: u64, from: NodeId, after: Duration) {
        if let Some(Awaited { address, responder, .. }) = self.settle(host, number) {
            responder.ok(Echo { id: from.to_string(), address, rtt_ms: views::ms(after) });
        }
    }

    fn undelivered(&mut self, host: &mut Host<MioNet>, number: u64, why: Loss) {
        if let Some(echo) = self.settle(host, number) {
            echo.responder.error(code_of(why), &format!("on its way: {why}"));
        }
    }

    fn end(&mut self, host: &mut Host<MioNet>) {
        let id = self.facts.id.map(|id| id.to_string()).unwrap_or_default();
        for responder in self.leaving.drain(..) {
            responder.ok(LeaveReport { id: id.clone(), address: self.facts.address.to_string() });
        }
        for listener in self.listeners.drain(..) {
            listener.ok(json!({}));
        }
        host.stop();
    }
}

fn answer(responder: Responder, result: Result<Value, Refused>) {
    match result {
        Ok(value) => responder.ok(value),
        Err((code, message)) => responder.error(code, &message),
    }
}

fn with_of(with: Value) -> Result<With, Refused> {
    serde_json::from_value(with).map_err(|e| (codes::BAD_REQUEST, e.to_string()))
}

fn refused(refusal: Refusal) -> Refused {
    let code = match refusal {
        Refusal::Unknown => codes::UNKNOWN_NODE,
        Refusal::Unreachable => codes::UNREACHABLE,
        Refusal::TooLong => codes::TOO_LONG,
        Refusal::Busy => codes::BUSY,
        Refusal::Watching => codes::WATCHING,
        Refusal::Nowhere | Refusal::Undialable(_) | Refusal::TooMany => codes::BAD_REQUEST,
        Refusal::NotRunning => codes::NOT_RUNNING,
    };
    (code, refusal.to_string())
}

/// Why no way leads to somebody known.
fn no_way(node: &Overlay) -> Refusal {
    if node.phase() == Phase::Watching { Refusal::Watching } else { Refusal::Unreachable }
}

/// The node that an address or the beginning of an id names.
fn whom(node: &Overlay, to: &str) -> Result<NodeId, Refused> {
    let refused = || refused(Refusal::Unknown);
    match to.parse::<SocketAddr>() {
        Ok(address) => views::at(node, address).ok_or_else(|| {
            match node.bootstraps().iter().any(|b| b.address == address) {
                true => (
                    codes::WATCHING,
                    "a bootstrap is there, which watches the overlay through other nodes".to_owned(),
                ),
                false => refused(),
            }
        }),
        Err(_) if to.len() < 4 => Err(refused()),
        Err(_) => match views::beginning_with(node, to).as_slice() {
            [] => Err(refused()),
            [one] => Ok(*one),
            _ => Err((codes::AMBIGUOUS, "several nodes are called so: give more digits".to_owned())),
        },
    }
}
/// What programs are told of a payload that was lost.
const fn code_of(loss: Loss) -> &'static str {
    match loss {
        Loss::Unreachable => codes::UNREACHABLE,
        Loss::Expired => codes::EXPIRED,
        Loss::Busy => codes::BUSY,
    }
}
