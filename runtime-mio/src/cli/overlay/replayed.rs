//! What a replayed node of the overlay looks like in the end.

use std::fmt;

use egoist_core::overlay::Overlay;
use serde::Serialize;

/// A node in short.
#[derive(Serialize)]
pub(crate) struct Replayed {
    id: Option<String>,
    phase: String,
    neighbors: usize,
    nodes: usize,
}

impl Replayed {
    pub(crate) fn new(node: &Overlay) -> Self {
        let status = node.status();
        Replayed {
            id: status.id.map(|id| id.to_string()),
            phase: format!("{:?}", status.phase).to_lowercase(),
            neighbors: node.neighbors().len(),
            nodes: node.nodes().iter().filter(|node| Some(node.id) != status.id).count(),
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replayed { id, phase, neighbors, nodes } = self;
        let id = id.as_deref().unwrap_or("no id yet");
        write!(f, "{id}, {phase}, neighbours {neighbors}, other nodes known {nodes}")
    }
}
