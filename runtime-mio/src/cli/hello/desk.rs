//! The desk of a node: what it is asked, and what it does about what happens.

use std::net::SocketAddr;

use egoist_core::hello::{Command, Event, Hello};
use egoist_core::kernel::Time;
use egoist_mio::control::Responder;
use serde_json::Value;

use super::super::config::Section;
use super::super::control::ask::{Ask as _, answer, unknown_verb};
use super::super::protocol::{Life, Protocol, Seat, Who};
use super::super::verb::{Entry, entry};
use super::NAME;
use super::node;
use super::peers::{PeersReport, PeersRequest};
use super::status::{HelloStatus, Replayed};

/// What the machine does not know of its node.
pub(crate) struct Desk {
    /// Where it listens.
    address: SocketAddr,
}

impl Desk {
    /// The desk of a node that listens there.
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Desk { address }
    }
}

impl Protocol for Desk {
    const NAME: &'static str = NAME;
    type Machine = Hello;
    type Status = HelloStatus;
    type State = Replayed;

    fn sections() -> Vec<Section> {
        node::sections()
    }

    fn command() -> Option<Entry> {
        Some(entry::<super::Hello>())
    }

    fn who(&self, node: &Hello) -> Who {
        Who { id: Some(node.id().to_string()), address: self.address }
    }

    fn status(&self, node: &Hello, _: Time) -> HelloStatus {
        HelloStatus::new(node)
    }

    fn request(&mut self, node: &mut Seat<'_, Hello>, verb: &str, _: Value, responder: Responder) {
        match verb {
            PeersRequest::VERB => {
                let now = node.host.now();
                answer::<PeersRequest>(responder, Ok(PeersReport::new(node.machine(), now)));
            }
            _ => responder.refuse(unknown_verb(NAME, verb)),
        }
    }

    fn heard(&mut self, _: &mut Seat<'_, Hello>, event: Event) -> Life {
        log(&event);
        Life::On
    }

    fn leave(&mut self, node: &mut Seat<'_, Hello>) -> Life {
        // It refuses nothing but to leave twice, and has left then as well.
        let _ = node.command(Command::Leave);
        Life::Over
    }

    /// As the article's nodes say it, where they do.
    fn line(event: &Event) -> String {
        match event {
            Event::PeerUp { id, remote, dialed: false, .. } => format!("Connection from {remote}: {id}"),
            Event::PeerUp { id, remote, dialed: true, .. } => format!("Connection to {remote}: {id}"),
            Event::PeerDown { id, why, .. } => format!("{id} disconnected: {why}"),
            Event::SelfFound { addr } => format!("Connected to myself at {addr}"),
            Event::AddressLearned { addr, id: Some(id) } => format!("Address learned: {addr}, of {id}"),
            Event::AddressLearned { addr, id: None } => format!("Address learned: {addr}"),
            Event::DialFailed { addr, why } => format!("No connection to {addr}: {why}"),
            Event::Misbehaved { remote, what, .. } => format!("A peer broke a rule: {remote} {what}"),
        }
    }

    fn state(node: &Hello) -> Replayed {
        Replayed::new(node)
    }
}

fn log(event: &Event) {
    let line = Desk::line(event);
    match event {
        Event::PeerUp { .. } | Event::PeerDown { .. } | Event::SelfFound { .. } => tracing::info!("{line}"),
        Event::AddressLearned { .. } | Event::DialFailed { .. } => tracing::debug!("{line}"),
        Event::Misbehaved { .. } => tracing::warn!("{line}"),
    }
}
