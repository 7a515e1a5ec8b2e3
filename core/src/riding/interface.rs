//! What a riding node is asked, and what it tells.

use serde::{Deserialize, Serialize};

use crate::kernel::ConnId;
use crate::overlay::NodeId;
use crate::{gossip, overlay};

/// What a user can ask of a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Of the overlay; its channels are not the user's.
    Overlay(overlay::Command),
    /// Of gossip.
    Gossip(gossip::Command),
}

/// What a node answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Reply {
    /// As the overlay.
    Overlay(overlay::Reply),
    /// As gossip.
    Gossip(gossip::Reply),
}

/// Why a node did not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
pub enum Refusal {
    /// The overlay did not.
    #[error(transparent)]
    Overlay(overlay::Refusal),
    /// Gossip did not.
    #[error(transparent)]
    Gossip(gossip::Refusal),
}

/// What a node tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Of the overlay.
    Overlay(overlay::Event),
    /// Of gossip.
    Gossip(gossip::Event),
}

/// A neighbour of the overlay, as gossip sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbor {
    /// Who.
    pub id: NodeId,
    /// Whether it rides: one that does not is no peer.
    pub rides: bool,
    /// By which gossip names it, while its channel is open.
    pub conn: Option<ConnId>,
}
