//! The desk of a node: what it is asked, and what it does about what happens.

use std::net::SocketAddr;

use egoist_core::gossip::{Command, Config, Event, Gossip};
use egoist_core::kernel::Time;
use egoist_mio::control::Responder;
use serde_json::Value;

use super::super::config::Section;
use super::super::control::ask::{Ask as _, answer, read, unknown_verb};
use super::super::protocol::{Life, Protocol, Seat, Who};
use super::super::verb::{Entry, entry};
use super::cache::{CacheReport, CacheRequest};
use super::peers::{self, PeersReport, PeersRequest};
use super::status::{GossipStatus, Replayed};
use super::{NAME, node};

/// What the machine does not know of its node.
pub(crate) struct Desk {
    /// Where it listens for peers.
    address: SocketAddr,
    /// Where it listens for modules.
    api: SocketAddr,
}

impl Desk {
    /// The desk of a node that listens there.
    pub(crate) const fn new(address: SocketAddr, api: SocketAddr) -> Self {
        Desk { address, api }
    }
}

impl Protocol for Desk {
    const NAME: &'static str = NAME;
    type Machine = Gossip;
    type Status = GossipStatus;
    type State = Replayed;

    fn sections() -> Vec<Section> {
        node::sections()
    }

    fn command() -> Option<Entry> {
        Some(entry::<super::Gossip>())
    }

    fn api(&self) -> Option<SocketAddr> {
        Some(self.api)
    }

    /// Peers, as many who are held off, and modules.
    fn connections(setup: &Config) -> Option<usize> {
        let peers = setup.max_peers.saturating_mul(2);
        Some(peers.saturating_add(setup.max_modules).saturating_add(setup.max_dials))
    }

    /// Nodes of gossip have no names.
    fn who(&self, _: &Gossip) -> Who {
        Who { id: None, address: self.address }
    }

    fn status(&self, node: &Gossip, _: Time) -> GossipStatus {
        GossipStatus::new(node, self.api)
    }

    fn request(
        &mut self,
        node: &mut Seat<'_, Gossip>,
        (_, verb): (&str, &str),
        with: Value,
        responder: Responder,
    ) {
        let now = node.host.now();
        match verb {
            PeersRequest::VERB => {
                answer::<PeersRequest>(responder, Ok(PeersReport::new(node.machine(), now)));
            }
            CacheRequest::VERB => {
                let asked = read::<CacheRequest>(with);
                let report = asked.map(|asked| CacheReport::new(node.machine(), &asked, now));
                answer::<CacheRequest>(responder, report);
            }
            _ => responder.refuse(unknown_verb(NAME, verb)),
        }
    }

    fn heard(&mut self, _: &mut Seat<'_, Gossip>, event: Event) -> Life {
        log(&event);
        if event == Event::Left { Life::Over } else { Life::On }
    }

    fn leave(&mut self, node: &mut Seat<'_, Gossip>) -> Life {
        // It refuses nothing but to leave twice.
        let _ = node.command(Command::Leave);
        Life::On
    }

    fn line(event: &Event) -> String {
        let listening = |listens: &Option<_>| match listens {
            Some(addr) => format!(", which listens at {addr},"),
            None => String::new(),
        };
        match event {
            Event::PeerUp { remote, dialed: false, .. } => format!("peer {remote} connected"),
            Event::PeerUp { remote, dialed: true, .. } => format!("connected to peer {remote}"),
            Event::PeerIs { remote, kind, listens, .. } => {
                format!("peer {remote}{} is {}", listening(listens), peers::name_of(*kind))
            }
            Event::PeerDown { remote, listens, why, .. } => {
                format!("peer {remote}{} disconnected: {why}", listening(listens))
            }
            Event::ModuleUp { remote, .. } => format!("module {remote} connected"),
            Event::ModuleDown { remote, why, .. } => format!("module {remote} disconnected: {why}"),
            Event::Judged { id, valid: true, .. } => format!("message {id} is valid"),
            Event::Judged { id, valid: false, in_time: true } => format!("message {id} is invalid"),
            Event::Judged { id, valid: false, in_time: false } => {
                format!("message {id} is taken for invalid: nobody judged it in time")
            }
            Event::DialFailed { addr, why } => format!("no connection to {addr}: {why}"),
            Event::SelfFound { addr } => format!("connected to myself at {addr}"),
            Event::Misbehaved { remote, what, .. } => format!("{remote} broke a rule: {what}"),
            Event::Left => "left".to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn state(node: &Gossip) -> Replayed {
        Replayed::new(node)
    }
}

/// Logs an event: what is said is the same for all of a kind, so that their number can be limited.
fn log(event: &Event) {
    match event {
        Event::PeerUp { remote, dialed: false, .. } => tracing::info!(%remote, "a peer connected"),
        Event::PeerUp { remote, dialed: true, .. } => tracing::info!(%remote, "connected to a peer"),
        Event::PeerIs { remote, kind, .. } => {
            tracing::debug!(%remote, kind = peers::name_of(*kind), "what a peer is");
        }
        Event::PeerDown { remote, why, .. } => tracing::info!(%remote, %why, "a peer disconnected"),
        Event::ModuleUp { remote, .. } => tracing::info!(%remote, "a module connected"),
        Event::ModuleDown { remote, why, .. } => tracing::info!(%remote, %why, "a module disconnected"),
        Event::Judged { id, in_time: false, .. } => {
            tracing::warn!(id, "nobody judged a message in time: it is taken for invalid");
        }
        Event::SelfFound { addr } => tracing::info!(%addr, "connected to myself"),
        Event::DialFailed { addr, why } => tracing::debug!(%addr, %why, "dial failed"),
        Event::Misbehaved { remote, what, .. } => tracing::warn!(%remote, what, "somebody broke a rule"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::monitor::Told;
    use super::*;
    use egoist_core::gossip::Kind;
    use egoist_core::kernel::{ConnId, DialError, Fault, Why};
    use serde_json::json;

    #[test]
    fn events_have_names_that_stay_and_lines_for_people() {
        let conn = ConnId(3);
        let (remote, addr) = ("127.0.0.1:58790".parse().unwrap(), "127.0.0.1:6001".parse().unwrap());
        let listens = "127.0.0.1:6002".parse().ok();
        let why = Why { fault: Fault::Network, what: "answered no ping" };
        let fault = json!({"fault": "network", "what": "answered no ping"});
        for (event, name, fields, line) in [
            (
                Event::PeerUp { conn, remote, dialed: false },
                "peer_up",
                json!({"conn": 3, "remote": "127.0.0.1:58790", "dialed": false}),
                "peer 127.0.0.1:58790 connected",
            ),
            (
                Event::PeerIs { conn, remote, kind: Kind::Native, listens },
                "peer_is",
                json!({"conn": 3, "remote": "127.0.0.1:58790", "kind": "native", "listens": "127.0.0.1:6002"}),
                "peer 127.0.0.1:58790, which listens at 127.0.0.1:6002, is native",
            ),
            (
                Event::PeerDown { conn, remote, listens: None, why },
                "peer_down",
                json!({"conn": 3, "remote": "127.0.0.1:58790", "listens": null, "why": fault.clone()}),
                "peer 127.0.0.1:58790 disconnected: the network's fault: answered no ping",
            ),
            (
                Event::ModuleUp { conn, remote },
                "module_up",
                json!({"conn": 3, "remote": "127.0.0.1:58790"}),
                "module 127.0.0.1:58790 connected",
            ),
            (
                Event::ModuleDown { conn, remote, why },
                "module_down",
                json!({"conn": 3, "remote": "127.0.0.1:58790", "why": fault}),
                "module 127.0.0.1:58790 disconnected: the network's fault: answered no ping",
            ),
            (
                Event::Judged { id: 7, valid: false, in_time: false },
                "judged",
                json!({"id": 7, "valid": false, "in_time": false}),
                "message 7 is taken for invalid: nobody judged it in time",
            ),
            (
                Event::DialFailed { addr, why: DialError::TimedOut },
                "dial_failed",
                json!({"addr": "127.0.0.1:6001", "why": "timed_out"}),
                "no connection to 127.0.0.1:6001: no answer came in time",
            ),
            (
                Event::Misbehaved { conn, remote, what: "said nonsense" },
                "misbehaved",
                json!({"conn": 3, "remote": "127.0.0.1:58790", "what": "said nonsense"}),
                "127.0.0.1:58790 broke a rule: said nonsense",
            ),
            (Event::Left, "left", json!({}), "left"),
        ] {
            let told = Told::new(NAME, Time::from_micros(1_500_000), Desk::line(&event), &event).unwrap();
            assert_eq!(told.to_string(), format!("     1.500 s  {line}"));
            let mut expected = json!({"at_s": 1.5, "protocol": "gossip", "event": name, "text": line});
            expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(serde_json::to_value(told).unwrap(), expected);
        }
    }
}
