//! What a machine put out, as one number.

use core::fmt::{self, Debug, Write};

use bytes::BytesMut;
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

/// A running hash (XXH3, 64 bits) over outputs and replies: two machines that did the same have the same. It recognises
/// accidents, not malice.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    hash: u64,
    /// The words around what is hashed, kept so that nothing is allocated.
    words: BytesMut,
}

impl Digest {
    /// The hash of all that was added.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Adds an output, every octet of it. Events count as their `Debug` text.
    pub fn output<E: Debug>(&mut self, output: &Output<E>) {
        let mut words = core::mem::take(&mut self.words);
        words.clear();
        let payload = outline(output, &mut Pen::new(&mut words));
        match output {
            Output::Event(event) => _ = write!(Text(&mut words), "{event:?}"),
            Output::Store { ops, .. } => ops.iter().for_each(|op| {
                put(&mut words, op.key.as_bytes());
                put(&mut words, op.value.as_deref().unwrap_or(b"-"));
            }),
            _ => put(&mut words, payload),
        }
        self.add(&words);
        self.words = words;
    }

    /// Adds an answer to a command.
    pub fn answer(&mut self, answer: &impl Debug) {
        let mut words = core::mem::take(&mut self.words);
        words.clear();
        let _ = write!(Text(&mut words), "{answer:?}");
        self.add(&words);
        self.words = words;
    }

    fn add(&mut self, octets: &[u8]) {
        self.hash = xxh3_64_with_seed(octets, self.hash);
    }
}

/// Stands for a payload, whose length was written, among words: short ones as they are, long ones by their hash. A hash
/// with a seed would be the slower way to the same, because a seed makes XXH3 derive a secret for each long input.
fn put(words: &mut BytesMut, payload: &[u8]) {
    if payload.len() <= SHORT {
        words.extend_from_slice(payload);
    } else {
        words.extend_from_slice(&xxh3_64(payload).to_le_bytes());
    }
}

/// Octets that are hashed with the words around them.
const SHORT: usize = 64;

/// How long an output's payload is.
pub(super) fn length<E>(output: &Output<E>) -> u64 {
    let octets = match output {
        Output::Send { frame, .. } => frame.len(),
        Output::Datagram { payload, .. } => payload.len(),
        Output::Store { ops, .. } => {
            ops.iter().map(|op| op.key.len() + op.value.as_ref().map_or(0, bytes::Bytes::len)).sum()
        }
        _ => 0,
    };
    octets as u64
}

/// Writes all but the payload of an output, and answers that. Sizes are written too, so that no two outputs look alike.
fn outline<'a, E>(output: &'a Output<E>, pen: &mut Pen<'_>) -> &'a [u8] {
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
            return frame;
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
            return why.what.as_bytes();
        }
        Output::Datagram { port, to, payload } => {
            pen.octet(5);
            pen.number(port.0.into());
            pen.address(*to);
            pen.size(payload.len());
            return payload;
        }
        Output::Store { ticket, ops } => {
            pen.octet(6);
            pen.number(ticket.0);
            pen.list(ops, |pen, op| {
                pen.size(op.key.len());
                pen.option(op.value.as_ref(), |pen, value| pen.size(value.len()));
            });
        }
        Output::Load { ticket, key } => {
            pen.octet(7);
            pen.number(ticket.0);
            return key.as_bytes();
        }
        Output::Event(_) => pen.octet(8),
    }
    &[]
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
