//! What a machine put out, as one number.

use alloc::vec::Vec;
use core::fmt::{self, Debug, Write};

use bytes::{Bytes, BytesMut};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::octets::Pen;
use crate::kernel::{Class, CloseHow, Output};

/// What a recording says of the outputs after each input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outputs {
    /// How many there are, how long their payloads are, and the hash of every octet: see [`Digest`].
    Hashed,
    /// How many there are, and how long their payloads are together.
    Counted,
}

/// A hash (XXH3, 64 bits) over outputs and replies: two machines that did the same have the same. It recognises
/// accidents, not malice.
///
/// What is added is written down at once; long payloads are kept, and hashed with the rest when somebody asks. So a
/// recorder's thread leaves the hashing to the one that keeps the recording.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    pub(super) words: BytesMut,
    pub(super) long: Vec<Bytes>,
}

/// Payloads of more octets are kept; others are copied.
const SHORT: usize = 64;

impl Digest {
    /// The hash of all that was added since it was [cleared](Self::clear); `None` if nothing was.
    pub fn hash(&self) -> Option<u64> {
        (!self.words.is_empty()).then(|| hash(&self.words, &self.long))
    }

    /// Forgets what was added.
    pub fn clear(&mut self) {
        self.words.clear();
        self.long.clear();
    }

    /// Adds an output, every octet of it. Events count as their `Debug` text.
    pub fn output<E: Debug>(&mut self, output: &Output<E>) {
        outline(output, &mut Pen::new(&mut self.words));
        match output {
            Output::Send { frame: payload, .. } | Output::Datagram { payload, .. } => self.payload(payload),
            Output::Event(event) => self.text(event),
            Output::Store { ops, .. } => {
                ops.iter().filter_map(|op| op.value.as_ref()).for_each(|value| self.payload(value));
            }
            _ => {}
        }
    }

    /// Adds an answer to a command.
    pub fn answer(&mut self, answer: &impl Debug) {
        self.text(answer);
    }

    /// Adds a payload whose length was written.
    fn payload(&mut self, payload: &Bytes) {
        if payload.len() <= SHORT {
            self.words.extend_from_slice(payload);
        } else {
            self.long.push(payload.clone());
        }
    }

    /// Adds a text with an octet behind it that no text has.
    fn text(&mut self, value: &impl Debug) {
        let _ = write!(Text(&mut self.words), "{value:?}");
        self.words.extend_from_slice(&[0xff]);
    }
}

/// The hash of what a [`Digest`] wrote down and of the payloads that it kept.
pub(super) fn hash<'a>(words: &[u8], long: impl IntoIterator<Item = &'a Bytes>) -> u64 {
    long.into_iter()
        .fold(xxh3_64(words), |hash, payload| xxh3_64_with_seed(&xxh3_64(payload).to_le_bytes(), hash))
}

/// How long an output's payload is.
pub(super) fn length<E>(output: &Output<E>) -> u64 {
    let octets = match output {
        Output::Send { frame, .. } => frame.len(),
        Output::Datagram { payload, .. } => payload.len(),
        Output::Store { ops, .. } => {
            ops.iter().map(|op| op.key.len() + op.value.as_ref().map_or(0, Bytes::len)).sum()
        }
        _ => 0,
    };
    octets as u64
}

/// Writes all but the payload of an output. Sizes are written too, so that no two outputs look alike.
fn outline<E>(output: &Output<E>, pen: &mut Pen<'_>) {
    match output {
        Output::Dial { ticket, to, deadline } => {
            pen.octet(1);
            pen.number(ticket.0);
            pen.address(*to);
            pen.number(deadline.as_micros());
        }
        Output::Send { conn, frame, class, solo } => {
            pen.octet(2);
            pen.number(conn.0);
            pen.octet(class_code(*class));
            pen.yes(*solo);
            pen.size(frame.len());
        }
        Output::Reading { conn, on } => {
            pen.octet(3);
            pen.number(conn.0);
            pen.yes(*on);
        }
        Output::Close { conn, how, why } => {
            pen.octet(4);
            pen.number(conn.0);
            pen.yes(*how == CloseHow::Flush);
            pen.octet(why.fault as u8);
            pen.octets(why.what.as_bytes());
        }
        Output::Datagram { port, to, payload } => {
            pen.octet(5);
            pen.number(port.0.into());
            pen.address(*to);
            pen.size(payload.len());
        }
        Output::Store { ticket, ops } => {
            pen.octet(6);
            pen.number(ticket.0);
            pen.list(ops, |pen, op| {
                pen.octets(op.key.as_bytes());
                pen.option(op.value.as_ref(), |pen, value| pen.size(value.len()));
            });
        }
        Output::Load { ticket, key } => {
            pen.octet(7);
            pen.number(ticket.0);
            pen.octets(key.as_bytes());
        }
        Output::Event(_) => pen.octet(8),
    }
}

const fn class_code(class: Class) -> u8 {
    match class {
        Class::Urgent => 0,
        Class::Control => 1,
        Class::Bulk => 2,
    }
}

/// Octets that text is written to.
struct Text<'a>(&'a mut BytesMut);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
