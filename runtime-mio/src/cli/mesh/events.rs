//! What a node of the mesh tells: in its log, in a line for people, and for programs.

use egoist_core::kernel::Time;
use egoist_core::mesh::Event;
use egoist_core::mesh::wire::ProtocolId;
use serde::Serialize;

use super::super::monitor::Told;
use super::super::units;
use super::NAME;
use super::listen::{self, Heard};
use super::whom::short;

/// Logs an event of a node in the network `ours`: what is said is the same for all of a kind, so that their number can be
/// limited.
pub(crate) fn log(event: &Event, ours: &ProtocolId) {
    match event {
        Event::PeerUp { id, remote, dialed: false, .. } => tracing::info!(%remote, %id, "a peer connected"),
        Event::PeerUp { id, remote, dialed: true, .. } => tracing::info!(%remote, %id, "connected to a peer"),
        Event::PeerDown { id, why } => tracing::info!(%id, %why, "a peer disconnected"),
        Event::OtherNetwork { remote, theirs } => tracing::warn!(
            %remote,
            theirs,
            ours = ours.as_str(),
            "a node of another network: its subnet, its encryption or its version is another one"
        ),
        Event::SelfFound { addr } => tracing::info!(%addr, "connected to this node itself"),
        Event::DialFailed { addr, why } => tracing::debug!(%addr, %why, "dial failed"),
        Event::Misbehaved { remote, what, .. } => tracing::warn!(%remote, what, "a peer broke a rule"),
        _ => {}
    }
}

/// An event in a line.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::PeerUp { id, remote, dialed: false, .. } => {
            format!("peer {} connected from {remote}", short(*id))
        }
        Event::PeerUp { id, remote, dialed: true, .. } => {
            format!("connected to peer {} at {remote}", short(*id))
        }
        Event::PeerIsNative { id } => format!("peer {} is native", short(*id)),
        Event::PeerDown { id, why } => format!("peer {} disconnected: {why}", short(*id)),
        Event::Message { sender, way, values, .. } => {
            let (sender, way) = (listen::name(sender), listen::name_of(*way));
            let count =
                if let [_] = values[..] { "1 value".to_owned() } else { format!("{} values", values.len()) };
            format!("{way} from {}: {count}", units::short_id(&sender))
        }
        Event::Other { by, frame, .. } => {
            let octets = units::octets(frame.whole().len() as u64);
            format!("peer {} said what is nothing to a mesh: {octets}", short(*by))
        }
        Event::Whispered { lookup } => format!("the node of message {lookup} was found, and it was sent"),
        Event::NotFound { lookup } => format!("the node of message {lookup} was not found"),
        Event::Room => "there is room for broadcasts again".to_owned(),
        Event::OtherNetwork { remote, theirs } => format!("{remote} is of another network: {theirs}"),
        Event::DialFailed { addr, why } => format!("no connection to {addr}: {why}"),
        Event::SelfFound { addr } => format!("connected to this node itself at {addr}"),
        Event::Misbehaved { remote, what, .. } => format!("a peer broke a rule: {remote} {what}"),
        Event::Left => "left".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What programs are told, where the event itself says it too long or otherwise than commands do.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Short {
    Message(Heard),
    Other { conn: u64, by: String, octets: usize },
}

/// An event as those who monitor the node are told of it.
///
/// # Errors
/// It has no JSON form.
pub(crate) fn told(at: Time, event: &Event) -> serde_json::Result<Told> {
    let short = match event {
        Event::Message { sender, by, way, sent, values } => {
            Short::Message(Heard::new(sender, *by, *way, *sent, values))
        }
        Event::Other { conn, by, frame } => {
            Short::Other { conn: conn.0, by: by.to_string(), octets: frame.whole().len() }
        }
        event => return Told::new(NAME, at, line(event), event),
    };
    Told::new(NAME, at, line(event), &short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Bytes, BytesMut};
    use egoist_core::kernel::{ConnId, DialError, Fault, Why};
    use egoist_core::mesh::Way;
    use egoist_core::mesh::wire::{self, Accepts, Message, NodeId, Role, Stamp, Text, Value, next_body};
    use serde_json::{Value as Json, json};

    const ID: NodeId = NodeId([9; NodeId::LEN]);

    fn are_told_so<const N: usize>(events: [(Event, &str, Json, &str); N]) {
        for (event, name, fields, text) in events {
            let told = told(Time::from_micros(1_500_000), &event).unwrap();
            let text = text.replace("ID", &ID.to_string()[..8]);
            assert_eq!(told.to_string(), format!("     1.500 s  {text}"));
            let mut expected = json!({"at_s": 1.5, "protocol": "mesh", "event": name, "text": text});
            expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(serde_json::to_value(told).unwrap(), expected);
        }
    }

    #[test]
    fn peers_come_and_go() {
        let (conn, id) = (ConnId(3), ID.to_string());
        let (remote, addr) = ("127.0.0.1:5".parse().unwrap(), "127.0.0.1:6".parse().unwrap());
        let why = Why { fault: Fault::Network, what: "did not answer" };
        are_told_so([
            (
                Event::PeerUp { id: ID, conn, remote, dialed: false },
                "peer_up",
                json!({"id": id, "conn": 3, "remote": "127.0.0.1:5", "dialed": false}),
                "peer ID connected from 127.0.0.1:5",
            ),
            (
                Event::PeerUp { id: ID, conn, remote, dialed: true },
                "peer_up",
                json!({"id": id, "conn": 3, "remote": "127.0.0.1:5", "dialed": true}),
                "connected to peer ID at 127.0.0.1:5",
            ),
            (Event::PeerIsNative { id: ID }, "peer_is_native", json!({"id": id}), "peer ID is native"),
            (
                Event::PeerDown { id: ID, why },
                "peer_down",
                json!({"id": id, "why": {"fault": "network", "what": "did not answer"}}),
                "peer ID disconnected: the network's fault: did not answer",
            ),
            (
                Event::OtherNetwork { remote, theirs: "EkE9".into() },
                "other_network",
                json!({"remote": "127.0.0.1:5", "theirs": "EkE9"}),
                "127.0.0.1:5 is of another network: EkE9",
            ),
            (
                Event::DialFailed { addr, why: DialError::TimedOut },
                "dial_failed",
                json!({"addr": "127.0.0.1:6", "why": "timed_out"}),
                "no connection to 127.0.0.1:6: no answer came in time",
            ),
            (
                Event::SelfFound { addr },
                "self_found",
                json!({"addr": "127.0.0.1:6"}),
                "connected to this node itself at 127.0.0.1:6",
            ),
            (
                Event::Misbehaved { conn, remote, what: "sent what is no frame" },
                "misbehaved",
                json!({"conn": 3, "remote": "127.0.0.1:5", "what": "sent what is no frame"}),
                "a peer broke a rule: 127.0.0.1:5 sent what is no frame",
            ),
            (Event::Left, "left", json!({}), "left"),
        ]);
    }

    #[test]
    fn messages_are_told_as_listeners_are() {
        let sender = Bytes::from(ID.to_string());
        let values = vec![Value::from("hello"), Value::Bin(Bytes::from_static(b"\xff"))];
        let stamp = Stamp { sender: Text::bin(&sender).unwrap(), time: 7 };
        let meta = Message::Meta(Role::Leech).frame(wire::Way::Link, stamp).unwrap();
        let octets = meta.whole().len();
        let frame = next_body(&mut BytesMut::from(&meta.whole()[..])).unwrap().unwrap();
        let frame = frame.open(Accepts::Plain).unwrap();
        are_told_so([
            (
                Event::Message { sender, by: ID, way: Way::Broadcast, sent: 7, values },
                "message",
                json!({
                    "sender": ID.to_string(), "by": ID.to_string(), "way": "broadcast", "sent": 7,
                    "values": ["hello", {"bin": "ff"}]
                }),
                "broadcast from ID: 2 values",
            ),
            (
                Event::Other { conn: ConnId(3), by: ID, frame },
                "other",
                json!({"conn": 3, "by": ID.to_string(), "octets": octets}),
                &format!("peer ID said what is nothing to a mesh: {octets} B"),
            ),
            (
                Event::Whispered { lookup: 4 },
                "whispered",
                json!({"lookup": 4}),
                "the node of message 4 was found, and it was sent",
            ),
            (
                Event::NotFound { lookup: 4 },
                "not_found",
                json!({"lookup": 4}),
                "the node of message 4 was not found",
            ),
            (Event::Room, "room", json!({}), "there is room for broadcasts again"),
        ]);
    }
}
