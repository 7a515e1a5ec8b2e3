//! The desk of a node: what it is asked, and what it does about what happens.

use std::net::SocketAddr;

use egoist_core::hello::{Command, Config, Dialect, Event, Hello};
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
    dialect: Dialect,
}

impl Desk {
    /// The desk of a node that listens there.
    pub(crate) const fn new(address: SocketAddr, dialect: Dialect) -> Self {
        Desk { address, dialect }
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

    fn connections(setup: &Config) -> Option<usize> {
        Some(setup.max_peers.saturating_add(setup.max_greeting).saturating_add(setup.max_dials))
    }

    fn who(&self, node: &Hello) -> Who {
        Who { id: Some(node.id().to_string()), address: self.address }
    }

    /// Nodes of ncpoc tell each other when a peer was last heard.
    fn wants_wall_time(&self) -> bool {
        self.dialect == Dialect::Ncpoc
    }

    fn status(&self, node: &Hello, _: Time) -> HelloStatus {
        HelloStatus::new(node)
    }

    fn request(
        &mut self,
        node: &mut Seat<'_, Hello>,
        (_, verb): (&str, &str),
        _: Value,
        responder: Responder,
    ) {
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
        if event == Event::Left { Life::Over } else { Life::On }
    }

    fn leave(&mut self, node: &mut Seat<'_, Hello>) -> Life {
        // It refuses nothing but to leave twice.
        let _ = node.command(Command::Leave);
        Life::On
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
            Event::Left => "left".to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn state(node: &Hello) -> Replayed {
        Replayed::new(node)
    }
}

/// Logs an event: what is said is the same for all of a kind, so that their number can be limited.
fn log(event: &Event) {
    match event {
        Event::PeerUp { id, remote, dialed: false, .. } => {
            tracing::info!(%remote, %id, "Connection from a peer");
        }
        Event::PeerUp { id, remote, dialed: true, .. } => {
            tracing::info!(%remote, %id, "Connection to a peer");
        }
        Event::PeerDown { id, why, .. } => tracing::info!(%id, %why, "Disconnected"),
        Event::SelfFound { addr } => tracing::info!(%addr, "Connected to myself"),
        Event::AddressLearned { addr, .. } => tracing::debug!(%addr, "address learned"),
        Event::DialFailed { addr, why } => tracing::debug!(%addr, %why, "dial failed"),
        Event::Misbehaved { remote, what, .. } => tracing::warn!(%remote, what, "a peer broke a rule"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::monitor::Told;
    use super::*;
    use egoist_core::hello::NodeId;
    use egoist_core::kernel::{ConnId, DialError, Fault, Why};
    use serde_json::json;

    #[test]
    fn events_have_names_that_stay_and_lines_for_people() {
        let (conn, id) = (ConnId(3), NodeId::new("a1").unwrap());
        let (remote, addr) = ("127.0.0.1:58790".parse().unwrap(), "127.0.0.1:5999".parse().unwrap());
        let why = Why { fault: Fault::Network, what: "answered no ping" };
        let fault = json!({"fault": "network", "what": "answered no ping"});
        for (event, name, fields, line) in [
            (
                Event::PeerUp { conn, id: id.clone(), remote, dialed: false },
                "peer_up",
                json!({"conn": 3, "id": "a1", "remote": "127.0.0.1:58790", "dialed": false}),
                "Connection from 127.0.0.1:58790: a1",
            ),
            (
                Event::PeerDown { conn, id: id.clone(), why },
                "peer_down",
                json!({"conn": 3, "id": "a1", "why": fault}),
                "a1 disconnected: the network's fault: answered no ping",
            ),
            (
                Event::AddressLearned { addr, id: None },
                "address_learned",
                json!({"addr": "127.0.0.1:5999", "id": null}),
                "Address learned: 127.0.0.1:5999",
            ),
            (
                Event::DialFailed { addr, why: DialError::TimedOut },
                "dial_failed",
                json!({"addr": "127.0.0.1:5999", "why": "timed_out"}),
                "No connection to 127.0.0.1:5999: no answer came in time",
            ),
            (
                Event::SelfFound { addr },
                "self_found",
                json!({"addr": "127.0.0.1:5999"}),
                "Connected to myself at 127.0.0.1:5999",
            ),
            (
                Event::Misbehaved { conn, remote, what: "said nonsense" },
                "misbehaved",
                json!({"conn": 3, "remote": "127.0.0.1:58790", "what": "said nonsense"}),
                "A peer broke a rule: 127.0.0.1:58790 said nonsense",
            ),
            (Event::Left, "left", json!({}), "left"),
        ] {
            let told = Told::new(NAME, Time::from_micros(1_500_000), Desk::line(&event), &event).unwrap();
            assert_eq!(told.to_string(), format!("     1.500 s  {line}"));
            let mut expected = json!({"at_s": 1.5, "protocol": "hello", "event": name, "text": line});
            expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(serde_json::to_value(told).unwrap(), expected);
        }
    }
}
