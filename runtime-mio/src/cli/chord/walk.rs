//! Keys with their values, one part of the ring after the other.

use bytes::Bytes;
use egoist_core::mesh::chord::Cursor;
use egoist_core::mesh::wire::Value;
use egoist_mio::control::Responder;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::ask::{Ask, Ended};
use super::super::control::{Client, Target};
use super::super::failure::{Failure, Outcome};
use super::super::mesh::form;
use super::{NAME, key, op};

/// Octets of a key and a value in JSON, beside which there is room for what is around them.
const PIECE: usize = form::LONGEST / 2;

/// Asks a node for the keys of the next part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct WalkRequest {
    /// Where to go on; none to begin.
    #[serde(default)]
    pub(crate) from: Option<Cursor>,
    /// Whether values are wanted beside the keys.
    pub(crate) values: bool,
    /// How long it may take.
    pub(crate) timeout_ms: u64,
}

impl Ask for WalkRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "walk";
    type Answer = Piece;
}

/// A piece of what was asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Piece {
    /// Some of the keys.
    Items(Vec<Item>),
    /// Where the next part begins.
    Next(Cursor),
}

/// A key and its value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    /// The key.
    pub(crate) key: Json,
    /// Its value; null if it is not wanted.
    pub(crate) value: Json,
}

/// Answers with a part, in pieces that fit in lines, and where the next begins.
pub(crate) fn answer(responder: Responder, entries: &[(Bytes, Value)], next: Option<Cursor>) {
    let pieces = pieces(entries, PIECE).into_iter().map(Piece::Items).chain(next.map(Piece::Next));
    for piece in pieces {
        responder.event(piece);
    }
    responder.ok(Ended {});
}

/// Keys with their values in JSON, in pieces of so many octets, or of one key that has more.
fn pieces(entries: &[(Bytes, Value)], longest: usize) -> Vec<Vec<Item>> {
    let (mut pieces, mut octets) = (Vec::new(), longest);
    for (key, value) in entries {
        let item = Item { key: key::told(key), value: form::to_json(value) };
        let more = serde_json::to_string(&item).map_or(0, |json| json.len());
        octets += more;
        match pieces.last_mut() {
            Some(piece) if octets <= longest => Vec::push(piece, item),
            _ => {
                pieces.push(vec![item]);
                octets = more;
            }
        }
    }
    pieces
}

/// Where a walk goes, and what it asks for.
pub(crate) struct Walk {
    /// Where it begins; none for all of the ring.
    pub(crate) from: Option<Cursor>,
    /// Whether values are wanted beside the keys.
    pub(crate) values: bool,
}

impl Walk {
    /// Walks, and hands each key to `take` until it answers `false`.
    ///
    /// # Errors
    /// The node cannot be asked or is none of this protocol; nobody answers it in time; what `take` fails with.
    pub(crate) fn run(self, target: &Target, mut take: impl FnMut(Item) -> Outcome<bool>) -> Outcome {
        let (mut client, timeout_ms) = op::connect(target)?;
        let mut request = WalkRequest { from: self.from, values: self.values, timeout_ms };
        loop {
            let (items, next) = part(&mut client, &request)?;
            for item in items {
                if !take(item)? {
                    return Ok(());
                }
            }
            if next.is_some() && next == request.from {
                return Err(Failure::new("the walk does not get on")
                    .at("the ring")
                    .try_this("try again in a moment"));
            }
            match next {
                Some(_) => request.from = next,
                None => return Ok(()),
            }
        }
    }
}

fn part(client: &mut Client, request: &WalkRequest) -> Outcome<(Vec<Item>, Option<Cursor>)> {
    let (mut all, mut next) = (Vec::new(), None);
    let take = |piece| {
        match piece {
            Piece::Items(items) => all.extend(items),
            Piece::Next(cursor) => next = Some(cursor),
        }
        Ok(())
    };
    let ended = client.try_collect(request, take)?;
    ended.map_err(|refusal| op::failure(&refusal, "the ring"))?;
    Ok((all, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_all_of_it_and_none_is_long(lengths in prop::collection::vec(0..60_usize, 0..20)) {
            let entry = |length: &usize| (Bytes::from(vec![0xff; *length]), Value::from(*length as u64));
            let entries: Vec<_> = lengths.iter().map(entry).collect();
            let pieces = pieces(&entries, 100);
            for piece in &pieces {
                let octets: usize = piece.iter().map(|item| serde_json::to_string(item).unwrap().len()).sum();
                prop_assert!(piece.len() == 1 || (octets <= 100 && !piece.is_empty()), "{octets} {piece:?}");
            }
            let all: Vec<_> = pieces.concat().into_iter().map(|item| key::read(item.key).unwrap()).collect();
            let expected: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
            prop_assert_eq!(all, expected);
        }
    }
}
