//! A node of ours in py2p's Chord.

use std::time::Duration;

use egoist_core::mesh::Mesh;
use egoist_core::mesh::chord::store::Policy;
use egoist_core::mesh::chord::{Chord, Command, Config, Event, Outcome, Reply};
use egoist_core::mesh::wire::{Map, Value};

use crate::own_mesh::{Node, Own};

/// As long as py2p's own operations take at most.
pub const TIMEOUT: Duration = Duration::from_secs(10);

impl Node for Chord {
    fn mesh(&self) -> &Mesh {
        self.mesh()
    }

    fn leaves() -> Command {
        Command::Leave
    }
}

/// What users do.
impl Own<Chord> {
    /// Starts a node.
    pub fn chord(config: Config) -> Self {
        Own::run(config.mesh.clone(), move |mesh| Chord::new(Config { mesh, ..config }).unwrap())
    }

    /// How something that takes a while ended.
    pub fn outcome(&self, command: Command) -> Outcome {
        let what = format!("{command:?} ends");
        let reply = self.command(command);
        let Ok(Reply::Begun { op: begun }) = reply else { panic!("{what}: {reply:?}") };
        self.hear(&what, |event| match event {
            Event::Ended { op, outcome } if *op == begun => Some(outcome.clone()),
            _ => None,
        })
    }

    /// What a key has.
    pub fn get(&self, key: &str) -> Outcome {
        self.outcome(Command::Get { key: octets(key), timeout: TIMEOUT })
    }

    /// Gives a key a value.
    pub fn put(&self, key: &str, value: Value) -> Outcome {
        let policy = Policy::Memory;
        self.outcome(Command::Put { key: octets(key), value, lives: None, policy, timeout: TIMEOUT })
    }

    /// Deletes a key.
    pub fn delete(&self, key: &str) -> Outcome {
        self.outcome(Command::Delete { key: octets(key), policy: Policy::Memory, timeout: TIMEOUT })
    }

    /// Deletes a key and says what it had.
    pub fn pop(&self, key: &str) -> Outcome {
        self.outcome(Command::Pop { key: octets(key), policy: Policy::Memory, timeout: TIMEOUT })
    }

    /// Whether this node, alone in its ring, keeps something under a key's name.
    pub fn has_name(&self, key: &str) -> bool {
        let page = self.outcome(Command::Walk { from: None, values: false, timeout: TIMEOUT });
        matches!(page, Outcome::Page { entries, .. } if entries.iter().any(|(name, _)| name == key))
    }

    /// Merges into what a key has.
    pub fn merge(&self, key: &str, delta: Map) -> Outcome {
        let policy = Policy::Memory;
        self.outcome(Command::Merge { key: octets(key), delta, policy, timeout: TIMEOUT })
    }
}

fn octets(key: &str) -> bytes::Bytes {
    key.as_bytes().to_vec().into()
}
