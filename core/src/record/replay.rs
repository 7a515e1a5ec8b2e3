//! Repeating a recorded run.

use alloc::collections::BTreeMap;

use bytes::BytesMut;

use super::Recordable;
use super::digest::{Digest, length};
use super::entry::{Entry, Given, Polled};
use super::octets::read;
use super::recording::{Damage, Entries, Recording};
use crate::kernel::{ConnId, Input, Output, Time};

/// A recording cannot be replayed at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Another machine was recorded.
    #[error("something else was recorded")]
    Kind,
    /// What the machine was built from cannot be read, or none can be built from it now.
    #[error("what the machine was built from means nothing here")]
    Setup,
    /// The recording begins after the machine.
    #[error("the recording begins with input {first}, and a replay needs all from the first")]
    Beginning {
        /// The first entry that is there.
        first: u64,
    },
}

/// Where the outputs differ from those recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The input after which they begin to differ; `None` for those of the construction.
    pub number: Option<u64>,
    /// When that was given.
    pub at: Time,
    /// Its kind in a word.
    pub kind: &'static str,
    /// How many outputs were recorded after it.
    pub recorded: u64,
    /// How many there were now, as far as they were counted: at most one more.
    pub replayed: u64,
}

/// Why a replay ends before the recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Stop {
    /// The machine does something else now.
    #[error("the outputs differ")]
    Differs(Difference),
    /// The recording is damaged from here.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A command's octets mean none.
    #[error("input {number} is a command that cannot be read")]
    Command {
        /// The entry.
        number: u64,
    },
}

/// One entry that was replayed, its outputs included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step<'a> {
    /// Its number.
    pub number: u64,
    /// When it was given.
    pub at: Time,
    /// What was given.
    pub given: Given<'a>,
    /// How many outputs followed before the next.
    pub outputs: u64,
    /// Whether the recording could confirm them: it does not, after its last entry, where it has no end.
    pub confirmed: bool,
}

/// A machine that is given what a recorded one was given.
#[derive(Debug)]
pub struct Replay<'a, M: Recordable> {
    machine: M,
    entries: Entries<'a>,
    /// The entry to come: it says what came out before it.
    next: Option<Result<Entry<'a>, Damage>>,
    digest: Digest,
    /// Bytes that the machine left, by connection.
    buffers: BTreeMap<ConnId, BytesMut>,
    begun: bool,
}

impl<'a, M: Recordable> Replay<'a, M> {
    /// Builds the machine that was recorded.
    ///
    /// # Errors
    /// Another one was, or the recording's beginning is missing.
    pub fn new(recording: Recording<'a>) -> Result<Self, Refused> {
        let head = recording.head();
        if head.kind != M::KIND {
            return Err(Refused::Kind);
        }
        if recording.first() != 0 {
            return Err(Refused::Beginning { first: recording.first() });
        }
        let setup = read(head.setup).ok_or(Refused::Setup)?;
        let mut entries = recording.entries();
        let next = entries.next();
        let machine = M::build(setup).map_err(|_| Refused::Setup)?;
        let (digest, buffers) = (Digest::default(), BTreeMap::new());
        Ok(Replay { machine, entries, next, digest, buffers, begun: false })
    }

    /// The machine as it is now, for questions.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The entry that comes next.
    pub fn upcoming(&self) -> Option<Entry<'a>> {
        self.next.and_then(Result::ok)
    }

    /// Tells the outputs of the construction, compares them, and says how many there are; at the first call only.
    ///
    /// # Errors
    /// They differ.
    pub fn start(&mut self, mut tell: impl FnMut(&Output<M::Event>)) -> Result<u64, Stop> {
        if core::mem::replace(&mut self.begun, true) {
            return Ok(0);
        }
        let before = self.next.and_then(Result::ok).map(|entry| entry.before);
        self.compare(None, before, &mut tell)
    }

    /// Gives the next entry, tells the outputs that follow, and compares them. It [starts](Self::start) where that was not
    /// done. `None` at the end.
    ///
    /// # Errors
    /// The outputs differ, or the recording is damaged; what is before is good. Nothing more can be replayed then.
    pub fn step(&mut self, mut tell: impl FnMut(&Output<M::Event>)) -> Result<Option<Step<'a>>, Stop> {
        self.start(&mut tell)?;
        let Some(entry) = self.next.transpose()? else { return Ok(None) };
        self.give(entry)?;
        self.next = self.entries.next();
        let before = self.next.and_then(Result::ok).map(|entry| entry.before);
        let outputs = self.compare(Some(entry), before, &mut tell)?;
        let Entry { number, at, given, .. } = entry;
        let confirmed = before.is_some() || given == Given::End;
        Ok(Some(Step { number, at, given, outputs, confirmed }))
    }

    fn give(&mut self, entry: Entry<'a>) -> Result<(), Stop> {
        self.digest.clear();
        match entry.given {
            Given::Received { conn, new } => {
                let mut bytes = self.buffers.remove(&conn).unwrap_or_default();
                bytes.extend_from_slice(new);
                self.machine.handle(entry.at, Input::Received { conn, bytes: &mut bytes });
                if !bytes.is_empty() {
                    self.buffers.insert(conn, bytes);
                }
            }
            Given::Command(octets) => {
                let command = read(octets).ok_or(Stop::Command { number: entry.number })?;
                let answer = self.machine.command(entry.at, command);
                self.digest.add(&answer);
            }
            given => {
                if let Given::Closed { conn, .. } = given {
                    self.buffers.remove(&conn);
                }
                if let Some(input) = given.input() {
                    self.machine.handle(entry.at, input);
                }
            }
        }
        Ok(())
    }

    /// Polls as often as was polled after `entry`, and compares; where that is not known, polls until there is no more.
    fn compare(
        &mut self,
        entry: Option<Entry<'a>>,
        before: Option<Polled>,
        tell: &mut impl FnMut(&Output<M::Event>),
    ) -> Result<u64, Stop> {
        let (wanted, exactly) = before.map_or((u64::MAX, false), |polled| (polled.outputs, polled.drained));
        if entry.is_some_and(|entry| entry.given == Given::End) {
            return Ok(0);
        }
        let (mut replayed, mut octets) = (0, 0);
        while replayed < wanted {
            let Some(output) = self.machine.poll() else { break };
            self.digest.add(&output);
            tell(&output);
            replayed += 1;
            octets += length(&output);
        }
        let Some(Polled { outputs: recorded, octets: length, hash, .. }) = before else {
            return Ok(replayed);
        };
        if exactly
            && replayed == wanted
            && let Some(more) = self.machine.poll()
        {
            tell(&more);
            replayed += 1;
        }
        if replayed == recorded
            && octets == length
            && hash.is_none_or(|hash| Some(hash) == self.digest.hash())
        {
            return Ok(replayed);
        }
        let (number, at, kind) = entry.map_or((None, Time::ZERO, "construction"), |entry| {
            (Some(entry.number), entry.at, entry.given.kind())
        });
        Err(Stop::Differs(Difference { number, at, kind, recorded, replayed }))
    }
}
