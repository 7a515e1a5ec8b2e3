//! What a machine put out, as one number.

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
/// Long payloads are hashed as they are added, while a processor has them at hand: to keep them for another thread costs
/// the memory of buffers that are then not used again, which is slower. What is around them is hashed at once at the end.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    words: BytesMut,
    /// Of the long payloads.
    long: u64,
}

/// Payloads of more octets are hashed by themselves.
const SHORT: usize = 64;

impl Digest {
    /// The hash of all that was added since it was [cleared](Self::clear); `None` if nothing was.
    pub fn hash(&self) -> Option<u64> {
        (!self.words.is_empty()).then(|| xxh3_64(&self.words) ^ self.long)
    }

    /// Forgets what was added.
    pub fn clear(&mut self) {
        self.words.clear();
        self.long = 0;
    }

    /// Adds an output, every octet of it. Events count as their `Debug` text.
    pub fn output<E: Debug>(&mut self, output: &Output<E>) {
        match output {
            Output::Send { conn, frame, class, solo } => {
                let [size, conn] = [frame.len() as u64, conn.0].map(u64::to_le_bytes);
                let kind = [SEND, class_code(*class), u8::from(*solo)];
                self.words.reserve(kind.len() + size.len() + conn.len());
                self.words.extend_from_slice(&kind);
                self.words.extend_from_slice(&size);
                self.words.extend_from_slice(&conn);
                self.payload(frame);
            }
            Output::Event(event) => {
                self.words.extend_from_slice(&[EVENT]);
                self.text(event);
            }
            _ => {
                outline(output, &mut Pen::new(&mut self.words));
                self.payloads(output);
            }
        }
    }

    /// Adds an answer to a command.
    pub fn answer(&mut self, answer: &impl Debug) {
        self.text(answer);
    }

    fn payloads<E>(&mut self, output: &Output<E>) {
        match output {
            Output::Datagram { payload, .. } => self.payload(payload),
            Output::Store { ops, .. } => {
                ops.iter().filter_map(|op| op.value.as_ref()).for_each(|value| self.payload(value));
            }
            _ => {}
        }
    }

    /// Adds a payload whose length was written.
    fn payload(&mut self, payload: &[u8]) {
        if payload.len() <= SHORT {
            self.words.extend_from_slice(payload);
        } else {
            // A hash of the payload with a seed would derive a secret from it for each.
            self.long = xxh3_64_with_seed(&xxh3_64(payload).to_le_bytes(), self.long);
        }
    }

    /// Adds a text with an octet behind it that no text has.
    fn text(&mut self, value: &impl Debug) {
        let _ = write!(Text(&mut self.words), "{value:?}");
        self.words.extend_from_slice(&[0xff]);
    }
}

/// Kinds of outputs that are written without a pen.
const SEND: u8 = 2;
const EVENT: u8 = 8;

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

/// Writes all but the payload of an output that is not sent and no event. Sizes are written too, so that no two outputs look alike.
fn outline<E>(output: &Output<E>, pen: &mut Pen<'_>) {
    match output {
        Output::Dial { ticket, to, deadline } => {
            pen.octet(1);
            pen.number(ticket.0);
            pen.address(*to);
            pen.number(deadline.as_micros());
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
        Output::Datagram { port, to, payload, class } => {
            pen.octet(5);
            pen.octet(class_code(*class));
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
        Output::Send { .. } => pen.octet(SEND),
        Output::Event(_) => pen.octet(EVENT),
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
