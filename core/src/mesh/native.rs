//! What nodes of this project say to each other, which those of py2p ignore.

use alloc::vec::Vec;

use super::wire::Value;

/// Of these words this version knows the meaning; a number for each, behind which more may follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// I am a node of this project. Said once, after the handshake.
    Hello = 0,
    /// Are you there?
    Ping = 1,
    /// I am.
    Pong = 2,
}

impl Word {
    const ALL: [Word; 3] = [Word::Hello, Word::Ping, Word::Pong];

    pub(super) fn values(self) -> Vec<Value> {
        Vec::from([Value::from(self as u64)])
    }

    /// What values say; `None` if that is for a later version.
    pub(super) fn read(values: &[Value]) -> Option<Word> {
        let number = values.first()?.as_u64()?;
        Word::ALL.into_iter().find(|word| *word as u64 == number)
    }
}
