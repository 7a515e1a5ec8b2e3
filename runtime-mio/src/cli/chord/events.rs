//! What a node of Chord tells: in its log, in a line for people, and for programs.

use egoist_core::kernel::Time;
use egoist_core::mesh::chord::store::Loaded;
use egoist_core::mesh::chord::{Event, Outcome};
use egoist_core::mesh::wire::Role;
use serde::Serialize;

use super::super::mesh::Desk as MeshDesk;
use super::super::mesh::whom::short;
use super::super::monitor::Told;
use super::super::protocol::Protocol as _;
use super::NAME;

/// Logs what is not of the mesh: what is said is the same for all of a kind, so that their number can be limited.
pub(crate) fn log(event: &Event) {
    match event {
        Event::RoleChanged { role: Role::Storing } => tracing::info!("stores from now on"),
        Event::RoleChanged { role: Role::Leech } => tracing::info!("stores nothing from now on"),
        Event::Joined { next } => tracing::info!(%next, "has a place in a ring with others"),
        Event::Alone => tracing::info!("alone in its ring"),
        Event::ReadOnly { is_full: true } => tracing::warn!("the disk is full: nothing new is taken"),
        Event::ReadOnly { is_full: false } => {
            tracing::warn!("the disk cannot be written: nothing new is taken");
        }
        Event::Writable => tracing::info!("the disk can be written again"),
        Event::Loaded(Loaded { is_failed: true, .. }) => tracing::error!("what was kept cannot be read"),
        Event::Loaded(Loaded { records, damaged: 0, left_out: 0, .. }) => {
            tracing::info!(records, "what was kept is read");
        }
        Event::Loaded(Loaded { records, damaged, left_out, .. }) => {
            tracing::warn!(records, damaged, left_out, "what was kept is read, and some of it is of no use");
        }
        _ => {}
    }
}

/// An event in a line.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Mesh(event) => MeshDesk::line(event),
        Event::Ended { op, outcome } => format!("operation {op} ended: {}", words(outcome)),
        Event::RoleChanged { role: Role::Storing } => "stores from now on".to_owned(),
        Event::RoleChanged { role: Role::Leech } => "stores nothing from now on".to_owned(),
        Event::Joined { next } => format!("has a place in a ring with others, the next is {}", short(*next)),
        Event::Alone => "alone in its ring".to_owned(),
        Event::ReadOnly { is_full: true } => "the disk is full: nothing new is taken".to_owned(),
        Event::ReadOnly { is_full: false } => "the disk cannot be written: nothing new is taken".to_owned(),
        Event::Writable => "the disk can be written again".to_owned(),
        Event::Loaded(Loaded { is_failed: true, .. }) => "what was kept cannot be read".to_owned(),
        Event::Loaded(Loaded { records, damaged, left_out, .. }) => {
            format!("what was kept is read: {records} records, {damaged} damaged, {left_out} left out")
        }
        other => format!("{other:?}"),
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value { is_certain: true, .. } => "a value".to_owned(),
        Outcome::Value { is_certain: false, .. } => "a value that is not certain".to_owned(),
        Outcome::Absent => "not found".to_owned(),
        Outcome::Kept { copies, .. } => format!("copies {copies}"),
        Outcome::Page { entries, .. } => format!("keys {}", entries.len()),
        Outcome::Found { node, hops } => format!("node {} after {hops}", short(node.id)),
        Outcome::Failed(why) => why.to_string(),
    }
}

/// What programs are told, where the event itself says what users store.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Short {
    Ended { op: u64, outcome: &'static str },
}

const fn name_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Value { .. } => "value",
        Outcome::Absent => "absent",
        Outcome::Kept { .. } => "kept",
        Outcome::Page { .. } => "page",
        Outcome::Found { .. } => "found",
        Outcome::Failed(_) => "failed",
    }
}

/// An event as those who monitor the node are told of it; of the mesh as of a node of that.
///
/// # Errors
/// It has no JSON form.
pub(crate) fn told(at: Time, event: &Event) -> serde_json::Result<Told> {
    match event {
        Event::Mesh(event) => MeshDesk::told(at, event),
        Event::Ended { op, outcome } => {
            Told::new(NAME, at, line(event), &Short::Ended { op: *op, outcome: name_of(outcome) })
        }
        event => Told::new(NAME, at, line(event), event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egoist_core::mesh;
    use egoist_core::mesh::chord::{Contact, Failure};
    use egoist_core::mesh::wire::{NodeId, Value};
    use serde_json::{Value as Json, json};

    const ID: NodeId = NodeId([9; NodeId::LEN]);

    #[test]
    fn what_happens_is_told_and_no_value() {
        let ended = |outcome| Event::Ended { op: 3, outcome };
        let value = Outcome::Value { value: Value::from("secret"), is_certain: true, version: None };
        let node = Contact { id: ID, addr: "127.0.0.1:5".parse().unwrap() };
        for (event, name, fields, text) in [
            (ended(value), "ended", json!({"op": 3, "outcome": "value"}), "operation 3 ended: a value"),
            (
                ended(Outcome::Absent),
                "ended",
                json!({"op": 3, "outcome": "absent"}),
                "operation 3 ended: not found",
            ),
            (
                ended(Outcome::Kept { copies: 3, unconfirmed: 0, version: None }),
                "ended",
                json!({"op": 3, "outcome": "kept"}),
                "operation 3 ended: copies 3",
            ),
            (
                ended(Outcome::Page { entries: vec![], next: None }),
                "ended",
                json!({"op": 3, "outcome": "page"}),
                "operation 3 ended: keys 0",
            ),
            (
                ended(Outcome::Found { node, hops: 2 }),
                "ended",
                json!({"op": 3, "outcome": "found"}),
                "operation 3 ended: node ID after 2",
            ),
            (
                ended(Outcome::Failed(Failure::TimedOut)),
                "ended",
                json!({"op": 3, "outcome": "failed"}),
                "operation 3 ended: no answer came in time",
            ),
            (
                Event::RoleChanged { role: Role::Storing },
                "role_changed",
                json!({"role": "storing"}),
                "stores from now on",
            ),
            (
                Event::Joined { next: ID },
                "joined",
                json!({"next": ID.to_string()}),
                "has a place in a ring with others, the next is ID",
            ),
            (Event::Alone, "alone", json!({}), "alone in its ring"),
            (
                Event::ReadOnly { is_full: true },
                "read_only",
                json!({"is_full": true}),
                "the disk is full: nothing new is taken",
            ),
            (Event::Writable, "writable", json!({}), "the disk can be written again"),
            (
                Event::Loaded(Loaded { records: 7, ..Loaded::default() }),
                "loaded",
                json!({"records": 7, "damaged": 0, "left_out": 0, "is_failed": false}),
                "what was kept is read: 7 records, 0 damaged, 0 left out",
            ),
            (
                Event::Loaded(Loaded { is_failed: true, ..Loaded::default() }),
                "loaded",
                json!({"records": 0, "damaged": 0, "left_out": 0, "is_failed": true}),
                "what was kept cannot be read",
            ),
        ] {
            is_told(&event, "chord", (name, fields), text);
        }
        is_told(
            &Event::Mesh(mesh::Event::Room),
            "mesh",
            ("room", json!({})),
            "there is room for broadcasts again",
        );
    }

    fn is_told(event: &Event, protocol: &str, (name, fields): (&str, Json), text: &str) {
        let told = serde_json::to_value(told(Time::from_micros(1_500_000), event).unwrap()).unwrap();
        let text = text.replace("ID", &ID.to_string()[..8]);
        let mut expected = json!({"at_s": 1.5, "protocol": protocol, "event": name, "text": text});
        expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(told, expected);
    }
}
