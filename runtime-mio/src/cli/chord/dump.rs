//! `egoist chord dump`: what is stored in a part of the ring.

use clap::Parser;
use egoist_core::mesh::chord::Cursor;
use egoist_core::mesh::wire::NodeId;
use serde::Serialize;
use serde_json::Value as Json;

use super::super::control::Target;
use super::super::failure::Outcome;
use super::super::mesh::form;
use super::super::session::Session;
use super::super::units;
use super::find::number;
use super::key;
use super::walk::{Item, Walk};

/// Flags of `chord dump`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord dump                    all, as 'egoist chord items', with numbers
  egoist chord dump 2NDr 3
  egoist chord dump --json | jq -r .number

A key's number is its SHA-384, and where it is on the ring: it is printed by its first digits, in JSON as a whole. START and END are \
in base 58 as ids are; those of both are printed, and where START is the greater one those above it and below END. They are printed \
downwards.")]
pub(crate) struct Dump {
    /// The smallest number [default: the smallest there is]
    #[arg(value_name = "START", value_parser = number)]
    start: Option<NodeId>,
    /// The greatest number [default: the greatest there is]
    #[arg(value_name = "END", value_parser = number)]
    end: Option<NodeId>,
    #[command(flatten)]
    target: Target,
}

impl Dump {
    /// Prints it.
    ///
    /// # Errors
    /// As [`Walk::run`].
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let from = self.start.map(|start| range(start, self.end.unwrap_or(GREATEST)));
        Walk { from, values: true }.run(&self.target, |item| {
            print(item, session)?;
            Ok(true)
        })
    }
}

/// 2^384 - 1.
const GREATEST: NodeId = NodeId([0xff; NodeId::LEN]);

/// A walk over the numbers from `start` to `end`: it goes downwards, and begins below its cursor.
fn range(start: NodeId, end: NodeId) -> Cursor {
    Cursor { after: NodeId(incremented(end.0)), until: start }
}

/// The next greater number; behind the greatest zero.
fn incremented(mut number: [u8; NodeId::LEN]) -> [u8; NodeId::LEN] {
    for octet in number.iter_mut().rev() {
        *octet = octet.wrapping_add(1);
        if *octet != 0 {
            break;
        }
    }
    number
}

/// A key with its value and its number.
#[derive(Serialize)]
struct Dumped {
    number: String,
    #[serde(flatten)]
    item: Item,
}

fn print(item: Item, session: &mut Session<'_>) -> Outcome {
    // A node says no key that is none.
    let number = key::read(item.key.clone()).map(|key| key::number(&key).to_string()).unwrap_or_default();
    if session.json {
        return session.json_line(&Dumped { number, item });
    }
    session.text(&form::shown(&[Json::from(units::short_id(&number)), item.key, item.value]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_begins_above_what_it_is_to_tell_first() {
        let number = |last: [u8; 2]| {
            let mut octets = [0; NodeId::LEN];
            octets[NodeId::LEN - 2..].copy_from_slice(&last);
            NodeId(octets)
        };
        let walk = range(number([0, 7]), number([1, 0xff]));
        assert_eq!((walk.after, walk.until), (number([2, 0]), number([0, 7])));
        assert_eq!(range(number([0, 7]), GREATEST).after, number([0, 0]));
    }
}
