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
        Event::IdGivenUp { id } => {
            tracing::warn!(%id, "somebody has used up this node's id: it takes another one");
        }
        Event::IdUsedUp { id } => tracing::warn!(
            %id,
            "somebody has used up this node's id: others do not hear its records for an hour at most; \
             to be heard at once, configure another id and start it again"
        ),
        _ => {}
    }
}

/// An event in a line.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Started { id, incarnation } => format!("started as {id}, start {incarnation}"),
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
        Event::IdGivenUp { id } => format!("the id {id} is used up: this node takes another one"),
        Event::IdUsedUp { id } => format!("the id {id} is used up: others do not hear this node for now"),
        other => format!("{other:?}"),
    }
}

fn short(id: NodeId) -> String {
    units::short_id(&id.to_string()).to_owned()
}

fn list(ids: &[NodeId]) -> String {
    let all: Vec<_> = ids.iter().map(|id| short(*id)).collect();
    if all.is_empty() { "nobody".to_owned() } else { all.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::super::super::monitor::Told;
    use super::super::NAME;
    use super::*;
    use bytes::Bytes;
    use egoist_core::kernel::{Fault, Time, Why};
    use egoist_core::overlay::wire::{Reason, Way, Word};
    use egoist_core::overlay::{BootstrapError, Budget, FatalError, Loss, Measure};
    use serde_json::{Value, json};
    use std::time::Duration;

    /// Holds events to what programs and people are told of them.
    fn are_told_so<const N: usize>(events: [(Event, &str, Value, &str); N]) {
        for (event, name, fields, text) in events {
            let told = Told::new(NAME, Time::from_micros(1_500_000), line(&event), &event).unwrap();
            assert_eq!(told.to_string(), format!("     1.500 s  {text}"));
            let mut expected = json!({"at_s": 1.5, "protocol": "overlay", "event": name, "text": text});
            expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(serde_json::to_value(told).unwrap(), expected);
        }
    }

    const ID: NodeId = NodeId(0xab << 120);
    const DIGITS: &str = "ab000000000000000000000000000000";
    const WHY: Why = Why { fault: Fault::Peer, what: "said nonsense" };

    #[test]
    fn a_nodes_life_and_links_are_told() {
        let other = NodeId(0xcd << 120 | 1);
        let at = "192.0.2.7:1".parse().unwrap();
        let why = json!({"fault": "peer", "what": "said nonsense"});
        are_told_so([
            (
                Event::Started { id: ID, incarnation: 2 },
                "started",
                json!({"id": DIGITS, "incarnation": 2}),
                "started as ab000000000000000000000000000000, start 2",
            ),
            (
                Event::IdGivenUp { id: ID },
                "id_given_up",
                json!({"id": DIGITS}),
                "the id ab000000000000000000000000000000 is used up: this node takes another one",
            ),
            (
                Event::IdUsedUp { id: ID },
                "id_used_up",
                json!({"id": DIGITS}),
                "the id ab000000000000000000000000000000 is used up: others do not hear this node for now",
            ),
            (
                Event::Fatal { error: FatalError::StateDamaged },
                "fatal",
                json!({"error": "state_damaged"}),
                "cannot go on: the node's state is damaged: remove it to start as a new node",
            ),
            (
                Event::LinkUp { peer: ID, address: at },
                "link_up",
                json!({"peer": DIGITS, "address": "192.0.2.7:1"}),
                "link up: 192.0.2.7:1 ab000000",
            ),
            (
                Event::LinkDown { peer: ID, why: WHY },
                "link_down",
                json!({"peer": DIGITS, "why": why}),
                "link down: ab000000: the peer's fault: said nonsense",
            ),
            (
                Event::Suspected { peer: ID },
                "suspected",
                json!({"peer": DIGITS}),
                "suspected: ab000000, it is silent",
            ),
            (Event::Recovered { peer: ID }, "recovered", json!({"peer": DIGITS}), "recovered: ab000000"),
            (
                Event::Rewired { added: vec![ID, other], removed: vec![] },
                "rewired",
                json!({"added": [DIGITS, "cd000000000000000000000000000001"], "removed": []}),
                "rewired: chosen now ab000000 cd000000, no longer nobody",
            ),
            (Event::Seeking, "seeking", json!({}), "looking for others"),
            (Event::Left, "left", json!({}), "left"),
        ]);
    }

    #[test]
    fn payloads_are_told() {
        let payload = Bytes::from_static(b"hi\xff");
        are_told_so([
            (
                Event::Delivered { from: ID, payload: payload.clone() },
                "delivered",
                json!({"from": DIGITS, "payload": "6869ff"}),
                "payload from ab000000: 3 B",
            ),
            (
                Event::Echoed { number: 7, from: ID, after: Duration::from_micros(1_500), payload },
                "echoed",
                json!({"number": 7, "from": DIGITS, "after_ms": 1.5, "payload": "6869ff"}),
                "echo from ab000000 after 1.50 ms",
            ),
            (
                Event::Undelivered { number: 7, to: ID, why: Loss::Busy },
                "undelivered",
                json!({"number": 7, "to": DIGITS, "why": "busy"}),
                "payload to ab000000 lost: busy",
            ),
            (
                Event::Room { to: ID, way: Way::Datagram },
                "room",
                json!({"to": DIGITS, "way": "datagram"}),
                "there is room again towards ab000000",
            ),
        ]);
    }

    #[test]
    fn trouble_is_told() {
        let (at, text) = ("192.0.2.7:1".parse().unwrap(), "192.0.2.7:1");
        let why = json!({"fault": "peer", "what": "said nonsense"});
        are_told_so([
            (
                Event::Misbehaved { remote: at, why: WHY },
                "misbehaved",
                json!({"remote": text, "why": why}),
                "a peer broke a rule: 192.0.2.7:1: the peer's fault: said nonsense",
            ),
            (
                Event::OverBudget { peer: None, address: at, budget: Budget::Frames, done: Measure::Slowed },
                "over_budget",
                json!({"peer": null, "address": text, "budget": "frames", "done": "slowed"}),
                "a peer asks too much: 192.0.2.7:1: frames, it is slowed",
            ),
            (
                Event::BootstrapFailed { address: at, why: BootstrapError::Refused(Reason::Busy) },
                "bootstrap_failed",
                json!({"address": text, "why": {"refused": "busy"}}),
                "cannot join by 192.0.2.7:1: it was asked too much lately: wait, it is asked again; or name another bootstrap",
            ),
            (
                Event::Unreached { address: at },
                "unreached",
                json!({"address": text}),
                "nobody reaches this node at 192.0.2.7:1",
            ),
            (
                Event::Refused { address: at, word: Word::new("LNK").unwrap(), reason: Reason::Busy },
                "refused",
                json!({"address": text, "word": "LNK", "reason": "busy"}),
                "refused by 192.0.2.7:1: LNK: busy",
            ),
            (
                Event::Impostor { address: at },
                "impostor",
                json!({"address": text}),
                "another node lives under this node's id at 192.0.2.7:1",
            ),
        ]);
    }
}
