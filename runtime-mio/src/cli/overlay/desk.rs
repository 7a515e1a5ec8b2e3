//! The desk of a node of the overlay: what it is asked, and what it does about what happens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use egoist_core::kernel::Time;
use egoist_core::overlay::{self, Command, Config, Event, Loss, NodeId, Overlay, Phase, Reply};
use egoist_mio::control::{Refusal, Responder, codes};
use serde_json::Value;

use super::super::config::Section;
use super::super::control::Listeners;
use super::super::control::ask::{Ask as _, answer, read, unknown_verb};
use super::super::protocol::{Life, Protocol, Seat, Who};
use super::super::units;
use super::NAME;
use super::echoes::{Awaited, Echoes};
use super::events;
use super::listen::{Delivered, ListenRequest};
use super::named::Named;
use super::neighbors::NeighborsRequest;
use super::path::{PathReport, PathRequest};
use super::payload::Payload;
use super::ping::{Echo, EchoRequest};
use super::plan;
use super::replayed::Replayed;
use super::routes::RoutesRequest;
use super::send::{SendReport, SendRequest};
use super::settings;
use super::status::OverlayStatus;
use super::views::{self, Facts};
use super::whereabouts::Whereabouts;

/// The longest that an echo is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A node of the overlay.
type Node<'a> = Seat<'a, Overlay>;

/// Who waits for what, and what the machine does not know of its node.
pub(crate) struct Desk {
    facts: Facts,
    /// Its id, once it has one.
    id: Option<NodeId>,
    echoes: Echoes,
    listeners: Listeners,
    whereabouts: Whereabouts,
    /// The bootstraps as they were given.
    named: Named,
    /// When it last asked a bootstrap, or would have if it knew one, in microseconds.
    sought: Arc<AtomicU64>,
    /// The last node that lived under this node's id.
    impostor: Option<SocketAddr>,
}

impl Desk {
    /// The desk of a node that is configured so. When it looks for others is written to `sought`.
    pub(crate) fn new(config: &Config, named: Named, sought: Arc<AtomicU64>) -> Self {
        Desk {
            facts: Facts::new(config),
            id: None,
            echoes: Echoes::default(),
            listeners: Listeners::default(),
            whereabouts: Whereabouts::new(config),
            named,
            sought,
            impostor: None,
        }
    }
}

impl Protocol for Desk {
    const NAME: &'static str = NAME;
    type Machine = Overlay;
    type Status = OverlayStatus;
    type State = Replayed;

    fn sections() -> Vec<Section> {
        settings::sections()
    }

    fn network(&self) -> Option<String> {
        Some(self.facts.network.clone())
    }

    fn connections(setup: &Config) -> Option<usize> {
        plan::connections(setup)
    }

    fn who(&self, _: &Overlay) -> Who {
        Who { id: self.id.map(|id| id.to_string()), address: self.facts.address }
    }

    fn status(&self, node: &Overlay, now: Time) -> OverlayStatus {
        let status = views::status(node, now, &self.facts);
        OverlayStatus {
            addresses_gone: self.whereabouts.missing(node).map(|address| address.to_string()).collect(),
            bootstraps: self.named.rows(status.bootstraps),
            ..status
        }
    }

    fn request(&mut self, node: &mut Node<'_>, (_, verb): (&str, &str), with: Value, responder: Responder) {
        match verb {
            NeighborsRequest::VERB => {
                let now = node.host.now();
                answer::<NeighborsRequest>(responder, Ok(views::neighbors(node.machine(), now)));
            }
            RoutesRequest::VERB => answer::<RoutesRequest>(responder, Ok(views::routes(node.machine()))),
            PathRequest::VERB => answer::<PathRequest>(responder, path(node.machine(), with)),
            EchoRequest::VERB => self.ping(node, with, responder),
            SendRequest::VERB => answer::<SendRequest>(responder, send(node, with)),
            ListenRequest::VERB => _ = self.listeners.join(responder),
            _ => responder.refuse(unknown_verb(NAME, verb)),
        }
    }

    fn heard(&mut self, node: &mut Node<'_>, event: Event) -> Life {
        events::log(&event);
        match event {
            Event::Started { id, .. } => self.id = Some(id),
            Event::Fatal { error } => return Life::Lost(error.to_string()),
            Event::Left => return Life::Over,
            Event::Delivered { from, payload } => self.delivered(node, from, &payload),
            Event::Echoed { number, from, after, .. } => self.echoed(node, number, from, after),
            Event::Undelivered { number, why, .. } => self.undelivered(node, number, why),
            Event::Seeking => {
                self.sought.store(node.host.now().as_micros(), Ordering::Relaxed);
                self.look_at_own_address(node);
            }
            // A neighbour's silence may be this host's own fault.
            Event::LinkDown { .. } | Event::Suspected { .. } => self.look_at_own_address(node),
            Event::Impostor { address } => self.impostor(address),
            // What is left is for people.
            _ => {}
        }
        Life::On
    }

    fn leave(&mut self, node: &mut Node<'_>) -> Life {
        // One who has not started, and so cannot leave, just ends.
        if node.command(Command::Leave).is_err() && self.id.is_none() { Life::Over } else { Life::On }
    }

    fn end(&mut self) {
        self.listeners.end();
    }

    fn line(event: &Event) -> String {
        events::line(event)
    }

    fn state(node: &Overlay) -> Replayed {
        Replayed::new(node)
    }
}

/// What it is asked.
impl Desk {
    fn ping(&mut self, node: &mut Node<'_>, with: Value, responder: Responder) {
        if !self.echoes.have_room(node.host) {
            return responder.refuse(Refusal::new(codes::BUSY, "too many echoes are waited for"));
        }
        match self.echo(node, with) {
            Err(refusal) => responder.refuse(refusal),
            Ok((number, address, wait)) => {
                self.echoes.wait(node.host, number, (address, responder), wait);
            }
        }
    }

    /// Sends an echo: its number, whom it goes to, and how long it may take.
    fn echo(&self, node: &mut Node<'_>, with: Value) -> Result<(u64, String, Duration), Refusal> {
        let with: EchoRequest = read(with)?;
        let to = whom(node.machine(), &with.to)?;
        let address = views::address(node.machine(), to);
        let octets = with.size as usize;
        if octets > self.facts.payload {
            return Err(refused(&overlay::Refusal::TooLong));
        }
        let payload = Bytes::from(vec![0; octets]);
        let sent = node.command(Command::Echo { to, payload, way: with.way.into() });
        match sent.map_err(|refusal| refused(&refusal))? {
            Reply::Sent(number) => {
                Ok((number, address, Duration::from_millis(with.wait_ms).min(LONGEST_WAIT)))
            }
            Reply::Leaving | Reply::Noted => Err(refused(&overlay::Refusal::NotRunning)),
        }
    }
}

/// What it does about what happens.
impl Desk {
    /// Each node that lives under this node's id is told of once.
    fn impostor(&mut self, address: SocketAddr) {
        if self.impostor.replace(address) != Some(address) {
            tracing::error!(
                %address,
                "another node lives under this node's id: give each node an id, a seed and a state folder of its own"
            );
        }
    }

    /// A node that is reached at another address by now names that.
    fn look_at_own_address(&mut self, node: &mut Node<'_>) {
        let Some(addresses) = self.whereabouts.look(node.machine()) else { return };
        if node.command(Command::Advertise(addresses.clone())).is_ok() {
            tracing::warn!(?addresses, "the node is reached here from now on, and tells others");
            self.whereabouts.named(&addresses);
            self.facts.address = addresses[0];
        }
    }

    fn delivered(&mut self, node: &Node<'_>, from: NodeId, payload: &Bytes) {
        let address = Some(views::address(node.machine(), from));
        let payload = Payload::new(payload.to_vec());
        self.listeners.tell(Delivered { id: from.to_string(), address, payload });
    }

    fn echoed(&self, node: &mut Node<'_>, number: u64, from: NodeId, after: Duration) {
        if let Some(Awaited { address, responder, .. }) = self.echoes.settle(node.host, number) {
            let echo = Echo { id: from.to_string(), address, rtt_ms: units::ms(after) };
            answer::<EchoRequest>(responder, Ok(echo));
        }
    }

    fn undelivered(&self, node: &mut Node<'_>, number: u64, why: Loss) {
        if let Some(echo) = self.echoes.settle(node.host, number) {
            echo.responder.refuse(Refusal::new(code_of(why), format!("on its way: {why}")));
        }
    }
}

fn path(node: &Overlay, with: Value) -> Result<PathReport, Refusal> {
    let to = whom(node, &read::<PathRequest>(with)?.to)?;
    views::path(node, to).ok_or_else(|| refused(&no_way(node)))
}

fn send(node: &mut Node<'_>, with: Value) -> Result<SendReport, Refusal> {
    let SendRequest { to, payload, way } = read(with)?;
    let octets = payload.octets();
    let octets =
        octets.ok_or_else(|| Refusal::new(codes::BAD_REQUEST, "the payload's digits are no octets"))?;
    let to = whom(node.machine(), &to)?;
    let count = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    let (address, hop) = (views::address(node.machine(), to), views::next_hop(node.machine(), to));
    // Forwarding may know a path for a moment longer than it leads there; who asks is told what holds now.
    if hop.is_none() && node.machine().id() != Some(to) {
        return Err(refused(&no_way(node.machine())));
    }
    let sent = node.command(Command::Send { to, payload: Bytes::from(octets), way: way.into() });
    sent.map_err(|refusal| refused(&refusal))?;
    // What goes to the node itself goes no further.
    let next_hop = hop.unwrap_or_else(|| address.clone());
    Ok(SendReport { id: to.to_string(), address, next_hop, octets: count })
}

fn refused(refusal: &overlay::Refusal) -> Refusal {
    use overlay::Refusal::{
        Busy, NotRunning, Nowhere, TooLong, TooMany, Undialable, Unknown, Unreachable, Watching,
    };
    let code = match refusal {
        Unknown => codes::UNKNOWN_NODE,
        Unreachable => codes::UNREACHABLE,
        TooLong => codes::TOO_LONG,
        Busy => codes::BUSY,
        Watching => codes::WATCHING,
        Nowhere | Undialable(_) | TooMany => codes::BAD_REQUEST,
        NotRunning => codes::NOT_RUNNING,
        _ => codes::INTERNAL,
    };
    Refusal::new(code, refusal.to_string())
}

/// What programs are told of a payload that was lost.
const fn code_of(loss: Loss) -> &'static str {
    match loss {
        Loss::Unreachable => codes::UNREACHABLE,
        Loss::Expired => codes::EXPIRED,
        Loss::Busy => codes::BUSY,
    }
}

/// Why no way leads to somebody known.
fn no_way(node: &Overlay) -> overlay::Refusal {
    if node.phase() == Phase::Watching { overlay::Refusal::Watching } else { overlay::Refusal::Unreachable }
}

/// The node that an address or the beginning of an id names.
fn whom(node: &Overlay, to: &str) -> Result<NodeId, Refusal> {
    let unknown = || refused(&overlay::Refusal::Unknown);
    match to.parse::<SocketAddr>() {
        Ok(address) => views::at(node, address).ok_or_else(|| {
            match node.bootstraps().iter().any(|b| b.address == address) {
                true => Refusal::new(
                    codes::WATCHING,
                    "a bootstrap is there, which watches the overlay through other nodes",
                ),
                false => unknown(),
            }
        }),
        Err(_) if to.len() < 4 => Err(unknown()),
        Err(_) => match views::beginning_with(node, to).as_slice() {
            [] => Err(unknown()),
            [one] => Ok(*one),
            _ => Err(Refusal::new(codes::AMBIGUOUS, "several nodes are called so: give more digits")),
        },
    }
}
