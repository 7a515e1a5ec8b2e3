//! What a riding node says of itself, running and replayed.

use std::fmt;

use egoist_core::riding::Riding;
use serde::{Deserialize, Serialize};

use super::super::gossip::status::{self as gossip, GossipStatus};
use super::super::overlay::replayed as overlay;
use super::super::overlay::status::OverlayStatus;

/// What a running node says: all that either part does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RidingStatus {
    /// Of the overlay.
    #[serde(flatten)]
    overlay: OverlayStatus,
    /// Of gossip.
    #[serde(flatten)]
    gossip: GossipStatus,
    /// Neighbours that do not ride.
    not_riding: usize,
}

impl RidingStatus {
    /// Of a node whose parts say this.
    pub(crate) fn new(node: &Riding, overlay: OverlayStatus, gossip: GossipStatus) -> Self {
        RidingStatus { overlay, gossip, not_riding: node.neighbors().filter(|n| !n.rides).count() }
    }
}

impl fmt::Display for RidingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.overlay.fmt(f)?;
        self.gossip.riding(self.not_riding, f)
    }
}

/// What a replayed node looks like in the end.
#[derive(Serialize)]
pub(crate) struct Replayed {
    overlay: overlay::Replayed,
    gossip: gossip::Replayed,
}

impl Replayed {
    pub(crate) fn new(node: &Riding) -> Self {
        Replayed {
            overlay: overlay::Replayed::new(node.overlay()),
            gossip: gossip::Replayed::new(node.gossip()),
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.overlay, self.gossip)
    }
}
