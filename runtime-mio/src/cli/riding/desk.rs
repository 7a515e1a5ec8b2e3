//! The desk of a riding node: those of its parts, each for what is its own.

use std::net::SocketAddr;

use egoist_core::kernel::Time;
use egoist_core::overlay;
use egoist_core::riding::{Command, Config, Event, Riding};
use egoist_mio::control::Responder;
use serde_json::Value;

use super::super::config::Section;
use super::super::control::ask::{Ask as _, answer, unknown_verb};
use super::super::gossip::peers::{PeersReport, PeersRequest};
use super::super::gossip::{self, Desk as GossipDesk};
use super::super::monitor::Told;
use super::super::overlay::{self as overlays, Desk as OverlayDesk};
use super::super::protocol::{Life, Protocol, Seat, Who};
use super::NAME;
use super::inside::Inside;
use super::status::{Replayed, RidingStatus};

/// What the machine does not know of its node.
pub(crate) struct Desk {
    overlay: OverlayDesk,
    gossip: GossipDesk,
    left: Left,
}

/// Which parts have left.
#[derive(Default)]
struct Left {
    overlay: bool,
    gossip: bool,
}

impl Desk {
    /// The desk of a node whose parts have these.
    pub(crate) fn new(overlay: OverlayDesk, gossip: GossipDesk) -> Self {
        Desk { overlay, gossip, left: Left::default() }
    }
}

impl Protocol for Desk {
    const NAME: &'static str = NAME;
    const ANSWERS: &'static [&'static str] = &[NAME, overlays::NAME, gossip::NAME];
    type Machine = Riding;
    type Status = RidingStatus;
    type State = Replayed;

    /// Its settings are those of its parts.
    fn sections() -> Vec<Section> {
        Vec::new()
    }

    fn network(&self) -> Option<String> {
        self.overlay.network()
    }

    fn api(&self) -> Option<SocketAddr> {
        self.gossip.api()
    }

    /// The overlay's, and gossip's modules.
    fn connections(setup: &Config) -> Option<usize> {
        let overlay = OverlayDesk::connections(&setup.overlay)?;
        Some(overlay.saturating_add(setup.gossip.max_modules))
    }

    fn who(&self, node: &Riding) -> Who {
        self.overlay.who(node.overlay())
    }

    fn status(&self, node: &Riding, now: Time) -> RidingStatus {
        let (overlay, gossip) =
            (self.overlay.status(node.overlay(), now), self.gossip.status(node.gossip(), now));
        RidingStatus::new(node, overlay, gossip)
    }

    fn request(
        &mut self,
        node: &mut Seat<'_, Riding>,
        asked: (&str, &str),
        with: Value,
        responder: Responder,
    ) {
        match asked {
            (gossip::NAME, PeersRequest::VERB) => {
                let report = PeersReport::riding(node.machine(), node.host.now());
                answer::<PeersRequest>(responder, Ok(report));
            }
            (gossip::NAME, _) => {
                let mut part = Seat { host: node.host, node: &Inside(node.node) };
                self.gossip.request(&mut part, asked, with, responder);
            }
            (overlays::NAME, _) => {
                let mut part = Seat { host: node.host, node: &Inside(node.node) };
                self.overlay.request(&mut part, asked, with, responder);
            }
            (_, verb) => responder.refuse(unknown_verb(NAME, verb)),
        }
    }

    fn heard(&mut self, node: &mut Seat<'_, Riding>, event: Event) -> Life {
        let (life, left) = match event {
            Event::Overlay(event) => {
                let mut part = Seat { host: node.host, node: &Inside(node.node) };
                (self.overlay.heard(&mut part, event), &mut self.left.overlay)
            }
            Event::Gossip(event) => {
                let mut part = Seat { host: node.host, node: &Inside(node.node) };
                (self.gossip.heard(&mut part, event), &mut self.left.gossip)
            }
        };
        let Life::Over = life else { return life };
        *left = true;
        if self.left.overlay && self.left.gossip { Life::Over } else { Life::On }
    }

    fn leave(&mut self, node: &mut Seat<'_, Riding>) -> Life {
        // Who has not started, and so cannot leave, just ends.
        let refused = node.command(Command::Overlay(overlay::Command::Leave)).is_err();
        if refused && self.who(node.machine()).id.is_none() { Life::Over } else { Life::On }
    }

    fn end(&mut self) {
        self.overlay.end();
        self.gossip.end();
    }

    fn line(event: &Event) -> String {
        match event {
            Event::Overlay(event) => OverlayDesk::line(event),
            Event::Gossip(event) => GossipDesk::line(event),
        }
    }

    /// As of a node of the part's protocol.
    fn told(at: Time, event: &Event) -> serde_json::Result<Told> {
        match event {
            Event::Overlay(event) => OverlayDesk::told(at, event),
            Event::Gossip(event) => GossipDesk::told(at, event),
        }
    }

    fn state(node: &Riding) -> Replayed {
        Replayed::new(node)
    }
}
