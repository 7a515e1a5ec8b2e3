//! What users begin while a node of py2p is a peer.

use core::time::Duration;

use bytes::Bytes;

use super::view::{Aim, ViewId};
use crate::mesh::Kind;
use crate::mesh::chord::interface::{Command, Failure, Outcome, Refusal, Reply};
use crate::mesh::chord::machine::Chord;
use crate::mesh::chord::ops::{Wants, encoded, millis, place};
use crate::mesh::wire::Value;

/// So many octets may wait for a node of py2p, some 300 stores, until users are told to wait: what they ask would wait as
/// long.
const BUSY: usize = 64 << 10;

impl Chord {
    /// Begins what is about a key in tables and under its name, and anything else in the ring.
    pub(in crate::mesh::chord) fn begin_among_py2p(&mut self, command: Command) -> Result<Reply, Refusal> {
        if self.sides.storing(Kind::Compatible).any(|peer| self.waiting_for(&peer) > BUSY) {
            return Err(Refusal::Busy);
        }
        match command {
            Command::Get { key, timeout } => self.read_first(&key, Wants::Value, Aim::Get, timeout),
            Command::Put { key, value, lives, policy, timeout } => {
                let (key, value) = (checked(&key)?, encoded(&value)?);
                let expires =
                    lives.map(|lives| self.unix_millis().unwrap_or(0).saturating_add(millis(lives)));
                let begin = |node: &mut Chord, op| node.put_all(op, &key, &value, expires, policy);
                Ok(self.begin_if_stored(Wants::Kept, timeout, begin))
            }
            Command::Delete { key, policy, timeout } => {
                self.read_first(&key, Wants::Gone, Aim::Delete { policy, pops: false }, timeout)
            }
            Command::Pop { key, policy, timeout } => {
                self.read_first(&key, Wants::Popped, Aim::Delete { policy, pops: true }, timeout)
            }
            Command::Merge { key, delta, policy, timeout } => {
                encoded(&Value::Map(delta.clone()))?;
                self.read_first(&key, Wants::Kept, Aim::Merge { delta, policy }, timeout)
            }
            command => self.begin_in_ring(command),
        }
    }

    fn read_first(
        &mut self,
        key: &Bytes,
        wants: Wants,
        aim: Aim,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let key = checked(key)?;
        let begin = |node: &mut Chord, op| node.read_tables(ViewId::User(op), key, aim);
        Ok(self.begin_if_stored(wants, timeout, begin))
    }

    fn begin_if_stored(
        &mut self,
        wants: Wants,
        timeout: Duration,
        begin: impl FnOnce(&mut Self, u64),
    ) -> Reply {
        let op = self.begun(wants, timeout);
        if self.has_ring() || self.sides.storing(Kind::Compatible).next().is_some() {
            begin(self, op);
        } else {
            self.end(op, Outcome::Failed(Failure::NobodyStores));
        }
        Reply::Begun { op }
    }
}

fn checked(key: &Bytes) -> Result<Bytes, Refusal> {
    place(key).map(|_| Bytes::copy_from_slice(key))
}
