//! The desk of a node: what it is asked, and what it does about what happens.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use egoist_core::kernel::{NotDialled, Time};
use egoist_core::mesh::wire::{NodeId, ProtocolId};
use egoist_core::mesh::{self, Command, Config, Event, Mesh, Reply};
use egoist_mio::control::{Refusal, Responder, codes};
use serde_json::Value;

use super::super::config::Section;
use super::super::control::Listeners;
use super::super::control::ask::{Ask as _, answer, read, unknown_verb};
use super::super::monitor::Told;
use super::super::protocol::{Life, Protocol, Seat, Who};
use super::super::verb::{Entry, entry};
use super::connect::{ConnectReport, ConnectRequest};
use super::disconnect::{DisconnectReport, DisconnectRequest};
use super::listen::{Heard, ListenRequest};
use super::peers::{PeersReport, PeersRequest};
use super::send::{SendReport, SendRequest};
use super::status::{MeshStatus, Replayed};
use super::{NAME, events, form, node, whom};

/// A node of the mesh.
type Node<'a> = Seat<'a, Mesh>;

/// Who waits for what, and what the machine does not know of its node.
pub(crate) struct Desk {
    /// Where it listens.
    address: SocketAddr,
    subnet: String,
    protocol: ProtocolId,
    /// Whom those messages are for that wait until it is known where he listens, and who waits for that. The machine has a
    /// bound for them.
    looking: BTreeMap<u64, (NodeId, Responder)>,
    listeners: Listeners,
}

impl Desk {
    /// The desk of a node that listens there.
    pub(crate) fn new(address: SocketAddr, config: &Config) -> Self {
        Desk {
            address,
            subnet: config.subnet.clone(),
            protocol: ProtocolId::new(&config.subnet, "Plaintext"),
            looking: BTreeMap::new(),
            listeners: Listeners::default(),
        }
    }
}

impl Protocol for Desk {
    const NAME: &'static str = NAME;
    type Machine = Mesh;
    type Status = MeshStatus;
    type State = Replayed;

    fn sections() -> Vec<Section> {
        node::sections()
    }

    fn command() -> Option<Entry> {
        Some(entry::<super::Mesh>())
    }

    fn network(&self) -> Option<String> {
        Some(self.subnet.clone())
    }

    /// Messages say when they were said, and are heeded for a minute.
    fn wants_wall_time(&self) -> bool {
        true
    }

    /// Two with each peer, and with who has not said who it is.
    fn connections(setup: &Config) -> Option<usize> {
        let peers = setup.max_peers.saturating_mul(2);
        Some(peers.saturating_add(setup.max_greeting).saturating_add(setup.max_dials))
    }

    fn who(&self, node: &Mesh) -> Who {
        Who { id: Some(node.id().to_string()), address: self.address }
    }

    fn status(&self, node: &Mesh, _: Time) -> MeshStatus {
        MeshStatus::new(node)
    }

    fn request(&mut self, node: &mut Node<'_>, (_, verb): (&str, &str), with: Value, responder: Responder) {
        match verb {
            PeersRequest::VERB => {
                let now = node.host.now();
                answer::<PeersRequest>(responder, Ok(PeersReport::new(node.machine(), now)));
            }
            ConnectRequest::VERB => answer::<ConnectRequest>(responder, connect(node, with)),
            DisconnectRequest::VERB => answer::<DisconnectRequest>(responder, disconnect(node, with)),
            SendRequest::VERB => self.send(node, with, responder),
            ListenRequest::VERB => _ = self.listeners.join(responder),
            _ => responder.refuse(unknown_verb(NAME, verb)),
        }
    }

    fn heard(&mut self, _: &mut Node<'_>, event: Event) -> Life {
        events::log(&event, &self.protocol);
        match event {
            Event::Message { sender, by, way, sent, values } if !self.listeners.is_empty() => {
                self.listeners.tell(Heard::new(&sender, by, way, sent, &values));
            }
            Event::Whispered { lookup } => self.whispered(lookup),
            Event::NotFound { lookup } => self.not_found(lookup),
            Event::Left => return Life::Over,
            // What is left is for people.
            _ => {}
        }
        Life::On
    }

    fn leave(&mut self, node: &mut Node<'_>) -> Life {
        // It refuses nothing but to leave twice.
        let _ = node.command(Command::Leave);
        Life::On
    }

    fn end(&mut self) {
        self.listeners.end();
        while let Some((_, (_, responder))) = self.looking.pop_first() {
            responder.refuse(refused(mesh::Refusal::HasLeft));
        }
    }

    fn line(event: &Event) -> String {
        events::line(event)
    }

    fn told(at: Time, event: &Event) -> serde_json::Result<Told> {
        events::told(at, event)
    }

    fn state(node: &Mesh) -> Replayed {
        Replayed::new(node)
    }
}

impl Desk {
    fn send(&mut self, node: &mut Node<'_>, with: Value, responder: Responder) {
        match say(node, with) {
            Ok(Sent::Now(report)) => answer::<SendRequest>(responder, Ok(report)),
            Ok(Sent::Looking { lookup, to }) => _ = self.looking.insert(lookup, (to, responder)),
            Err(refusal) => responder.refuse(refusal),
        }
    }

    fn whispered(&mut self, lookup: u64) {
        if let Some((to, responder)) = self.looking.remove(&lookup) {
            let report = SendReport::Whisper { to: to.to_string(), looked_up: true };
            answer::<SendRequest>(responder, Ok(report));
        }
    }

    fn not_found(&mut self, lookup: u64) {
        if let Some((_, responder)) = self.looking.remove(&lookup) {
            let message = "not found: no peer knows where it listens, or nobody answers there";
            responder.refuse(Refusal::new(codes::UNREACHABLE, message));
        }
    }
}

/// What became of a message.
enum Sent {
    /// It is on its way.
    Now(SendReport),
    /// It waits until it is known where the node listens.
    Looking { lookup: u64, to: NodeId },
}

fn say(node: &mut Node<'_>, with: Value) -> Result<Sent, Refusal> {
    let SendRequest { to, values } = read(with)?;
    let values = form::all_from_json(values).map_err(|why| Refusal::new(codes::BAD_REQUEST, why))?;
    let Some(digits) = to else {
        return match node.command(Command::Broadcast { values }).map_err(refused)? {
            Reply::Sent { peers } => Ok(Sent::Now(SendReport::Broadcast { peers })),
            other => Err(strange(other)),
        };
    };
    let to = whom::anybody(node.machine(), &digits)?;
    match node.command(Command::Whisper { to, values }).map_err(refused)? {
        Reply::Sent { .. } => Ok(Sent::Now(SendReport::Whisper { to: to.to_string(), looked_up: false })),
        Reply::Looking { lookup } => Ok(Sent::Looking { lookup, to }),
        other => Err(strange(other)),
    }
}

fn connect(node: &mut Node<'_>, with: Value) -> Result<ConnectReport, Refusal> {
    let ConnectRequest { address } = read(with)?;
    node.command(Command::Connect { addr: address }).map_err(refused)?;
    Ok(ConnectReport { dialling: address })
}

fn disconnect(node: &mut Node<'_>, with: Value) -> Result<DisconnectReport, Refusal> {
    let DisconnectRequest { id } = read(with)?;
    let id = whom::peer(node.machine(), &id)?;
    node.command(Command::Disconnect { id }).map_err(refused)?;
    Ok(DisconnectReport { id: id.to_string() })
}

fn strange(reply: Reply) -> Refusal {
    Refusal::new(codes::INTERNAL, format!("the node's machine answered {reply:?}"))
}

/// What a client is told that a node of the mesh refuses something.
pub(crate) fn refused(refusal: mesh::Refusal) -> Refusal {
    use NotDialled::NoRoom;
    use mesh::Refusal::{
        Busy, HasLeft, NoClock, NoPeer, NotDialled as Undialled, OwnId, SaidAlready, TooLong, TooManyLookups,
    };
    let code = match refusal {
        TooLong => codes::TOO_LONG,
        SaidAlready | Busy | TooManyLookups | Undialled(NoRoom) => codes::BUSY,
        NoClock | HasLeft => codes::NOT_RUNNING,
        NoPeer => codes::UNKNOWN_NODE,
        OwnId | Undialled(_) => codes::BAD_REQUEST,
        _ => codes::INTERNAL,
    };
    Refusal::new(code, refusal.to_string())
}
