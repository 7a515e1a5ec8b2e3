//! The desk of a node: that of its mesh, and who waits for what of the store.

use std::collections::BTreeMap;
use std::time::Duration;

use egoist_core::kernel::Time;
use egoist_core::mesh::chord::{Chord, Command, Config, Event, Outcome, Reply};
use egoist_core::mesh::wire::{Role, Value as Packed};
use egoist_mio::control::{Refusal, Responder, codes};
use serde_json::Value;

use super::super::config::Section;
use super::super::control::ask::{Ask as _, answer, read, unknown_verb};
use super::super::mesh::{self, Desk as MeshDesk, form};
use super::super::monitor::Told;
use super::super::protocol::{Life, Protocol, Seat, Who};
use super::super::verb::{Entry, entry};
use super::delete::DeleteRequest;
use super::find::FindRequest;
use super::get::GetRequest;
use super::inside::Inside;
use super::join::{JoinRequest, RoleReport, UnjoinRequest};
use super::merge::MergeRequest;
use super::pop::PopRequest;
use super::ring::{RingReport, RingRequest};
use super::set::SetRequest;
use super::status::{ChordStatus, Replayed};
use super::walk::{self, WalkRequest};
use super::{NAME, events, key, node, op};

/// A node of Chord.
type Node<'a> = Seat<'a, Chord>;

/// Who waits for what, and what the machine does not know of its node.
pub(crate) struct Desk {
    mesh: MeshDesk,
    /// Who waits for what was begun, by its number. The machine has a bound for them.
    waiting: BTreeMap<u64, Responder>,
}

impl Desk {
    /// The desk of a node whose mesh has this.
    pub(crate) fn new(mesh: MeshDesk) -> Self {
        Desk { mesh, waiting: BTreeMap::new() }
    }
}

impl Protocol for Desk {
    const NAME: &'static str = NAME;
    const ANSWERS: &'static [&'static str] = &[NAME, mesh::NAME];
    type Machine = Chord;
    type Status = ChordStatus;
    type State = Replayed;

    fn sections() -> Vec<Section> {
        node::sections()
    }

    fn command() -> Option<Entry> {
        Some(entry::<super::Chord>())
    }

    fn network(&self) -> Option<String> {
        self.mesh.network()
    }

    fn wants_wall_time(&self) -> bool {
        self.mesh.wants_wall_time()
    }

    fn connections(setup: &Config) -> Option<usize> {
        MeshDesk::connections(&setup.mesh)
    }

    fn who(&self, node: &Chord) -> Who {
        self.mesh.who(node.mesh())
    }

    fn status(&self, node: &Chord, _: Time) -> ChordStatus {
        ChordStatus::new(node)
    }

    fn request(&mut self, node: &mut Node<'_>, asked: (&str, &str), with: Value, responder: Responder) {
        match asked {
            (mesh::NAME, _) => {
                let mut part = Seat { host: node.host, node: &Inside(node.node) };
                self.mesh.request(&mut part, asked, with, responder);
            }
            (_, RingRequest::VERB) => answer::<RingRequest>(responder, Ok(RingReport::new(node.machine()))),
            (_, JoinRequest::VERB) => answer::<JoinRequest>(responder, become_(node, Role::Storing)),
            (_, UnjoinRequest::VERB) => answer::<UnjoinRequest>(responder, become_(node, Role::Leech)),
            (_, verb) => self.begin(node, command(verb, with), responder),
        }
    }

    fn heard(&mut self, node: &mut Node<'_>, event: Event) -> Life {
        events::log(&event);
        match event {
            Event::Mesh(event) => {
                let mut part = Seat { host: node.host, node: &Inside(node.node) };
                return self.mesh.heard(&mut part, event);
            }
            Event::Ended { op, outcome } => self.ended(op, outcome),
            // What is left is for people.
            _ => {}
        }
        Life::On
    }

    fn leave(&mut self, node: &mut Node<'_>) -> Life {
        // It refuses nothing but to leave twice.
        let _ = node.command(Command::Leave);
        Life::On
    }

    fn end(&mut self) {
        self.mesh.end();
        while let Some((_, responder)) = self.waiting.pop_first() {
            responder.refuse(op::refused(egoist_core::mesh::chord::Refusal::Leaving));
        }
    }

    fn line(event: &Event) -> String {
        events::line(event)
    }

    fn told(at: Time, event: &Event) -> serde_json::Result<Told> {
        events::told(at, event)
    }

    fn state(node: &Chord) -> Replayed {
        Replayed::new(node)
    }
}

impl Desk {
    fn begin(&mut self, node: &mut Node<'_>, command: Result<Command, Refusal>, responder: Responder) {
        let begun = command.and_then(|command| node.command(command).map_err(op::refused));
        match begun {
            Ok(Reply::Begun { op }) => _ = self.waiting.insert(op, responder),
            Ok(other) => responder.refuse(strange(other)),
            Err(refusal) => responder.refuse(refusal),
        }
    }

    fn ended(&mut self, op: u64, outcome: Outcome) {
        let Some(responder) = self.waiting.remove(&op) else { return };
        if let Outcome::Page { entries, next } = outcome {
            return walk::answer(responder, &entries, next);
        }
        match op::report(outcome) {
            Ok(report) => responder.ok(report),
            Err(refusal) => responder.refuse(refusal),
        }
    }
}

/// What a request makes the machine begin.
fn command(verb: &str, with: Value) -> Result<Command, Refusal> {
    match verb {
        GetRequest::VERB => {
            let GetRequest { key, timeout_ms } = read(with)?;
            Ok(Command::Get { key: octets(key)?, timeout: time(timeout_ms) })
        }
        SetRequest::VERB => set(read(with)?),
        DeleteRequest::VERB => {
            let DeleteRequest { key, policy, timeout_ms } = read(with)?;
            Ok(Command::Delete { key: octets(key)?, policy, timeout: time(timeout_ms) })
        }
        PopRequest::VERB => {
            let PopRequest { key, policy, timeout_ms } = read(with)?;
            Ok(Command::Pop { key: octets(key)?, policy, timeout: time(timeout_ms) })
        }
        MergeRequest::VERB => merge(read(with)?),
        WalkRequest::VERB => {
            let WalkRequest { from, values, timeout_ms } = read(with)?;
            Ok(Command::Walk { from, values, timeout: time(timeout_ms) })
        }
        FindRequest::VERB => {
            let FindRequest { number, timeout_ms } = read(with)?;
            Ok(Command::Find { number, timeout: time(timeout_ms) })
        }
        _ => Err(unknown_verb(NAME, verb)),
    }
}

fn set(SetRequest { key, value, ttl_ms, policy, timeout_ms }: SetRequest) -> Result<Command, Refusal> {
    let (key, value) = (octets(key)?, packed(value)?);
    Ok(Command::Put { key, value, lives: ttl_ms.map(time), policy, timeout: time(timeout_ms) })
}

fn merge(MergeRequest { key, delta, policy, timeout_ms }: MergeRequest) -> Result<Command, Refusal> {
    let Packed::Map(delta) = packed(delta)? else {
        return Err(Refusal::new(codes::BAD_REQUEST, "what is to be merged is no map"));
    };
    Ok(Command::Merge { key: octets(key)?, delta, policy, timeout: time(timeout_ms) })
}

fn octets(key: Value) -> Result<bytes::Bytes, Refusal> {
    key::read(key).map_err(|why| Refusal::new(codes::BAD_REQUEST, why))
}

fn packed(value: Value) -> Result<Packed, Refusal> {
    form::from_json(value).map_err(|why| Refusal::new(codes::BAD_REQUEST, why))
}

const fn time(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn become_(node: &mut Node<'_>, role: Role) -> Result<RoleReport, Refusal> {
    let command = if role == Role::Storing { Command::Join } else { Command::Unjoin };
    match node.command(command).map_err(op::refused)? {
        Reply::Done => Ok(RoleReport { becomes: role }),
        other => Err(strange(other)),
    }
}

fn strange(reply: Reply) -> Refusal {
    Refusal::new(codes::INTERNAL, format!("the node's machine answered {reply:?}"))
}
