//! What a node of the overlay tells, in its log and in a line for people.

use egoist_core::overlay::{Event, NodeId};

use super::super::units;

/// Logs an event that somebody who looks after the node wants to know of.
pub(crate) fn log(event: &Event) {
    match event {
        Event::Started { id, incarnation } => tracing::info!(%id, incarnation, "started"),
        Event::LinkUp { peer, address } => tracing::info!(?peer, %address, "link up"),
        Event::LinkDown { peer, why } => tracing::info!(?peer, %why, "link down"),
        Event::Suspected { peer } => tracing::warn!(?peer, "suspected: it is silent"),
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
        Event::Fatal { .. }
        | Event::Delivered { .. }
        | Event::Echoed { .. }
        | Event::Undelivered { .. }
        | Event::Room { .. }
        | Event::Impostor { .. }
        | Event::Seeking
        | Event::Left => {}
    }
}

/// An event in a line.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Started { id, incarnation } => format!("started as {id}, for the {incarnation}. time"),
        Event::Fatal { error } => format!("cannot go on: {error}"),
        Event::LinkUp { peer, address } => format!("link up: {address} {}", short(*peer)),
        Event::LinkDown { peer, why } => format!("link down: {}: {why}", short(*peer)),
        Event::Suspected { peer } => format!("suspected: {}, it is silent", short(*peer)),
        Event::Recovered { peer } => format!("recovered: {}", short(*peer)),
        Event::Rewired { added, removed } => {
            format!("rewired: chosen now {}, no longer {}", list(added), list(removed))
        }
        Event::Delivered { from, payload } => format!("payload from {}: {} B", short(*from), payload.len()),
        Event::Echoed { from, after, .. } => {
            format!("echo from {} after {}", short(*from), units::millis(units::ms(*after)))
        }
        Event::Undelivered { to, why, .. } => format!("payload to {} lost: {why}", short(*to)),
        Event::Room { to, .. } => format!("there is room again towards {}", short(*to)),
        Event::Misbehaved { remote, why } => format!("a peer broke a rule: {remote}: {why}"),
        Event::OverBudget { address, budget, done, .. } => {
            let (budget, done) = (format!("{budget:?}").to_lowercase(), format!("{done:?}").to_lowercase());
            format!("a peer asks too much: {address}: {budget}, it is {done}")
        }
        Event::BootstrapFailed { address, why } => {
            format!("cannot join by {address}: {why}: {}", why.remedy())
        }
        Event::Unreached { address } => format!("nobody reaches this node at {address}"),
        Event::Refused { address, word, reason } => format!("refused by {address}: {word}: {reason}"),
        Event::Impostor { address } => format!("another node lives under this node's id at {address}"),
        Event::Seeking => "looking for others".to_owned(),
        Event::Left => "left".to_owned(),
    }
}

fn short(id: NodeId) -> String {
    units::short_id(&id.to_string()).to_owned()
}

fn list(ids: &[NodeId]) -> String {
    let all: Vec<_> = ids.iter().map(|id| short(*id)).collect();
    if all.is_empty() { "nobody".to_owned() } else { all.join(" ") }
}
