//! Which node a command is about: its id, or the beginning of one that is known.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use egoist_core::mesh::wire::NodeId;
use egoist_core::mesh::{self, Mesh};
use egoist_mio::control::{Refusal, codes};

use super::super::failure::Failure;
use super::super::units;

/// Fewer digits name nobody.
const FEWEST: usize = 4;
/// What has so many digits is an id as a whole: one of 2^50 has fewer.
const WHOLE: usize = 58;

/// A node as a user names it: the first digits of its id, or all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Whom(String);

impl Whom {
    /// The digits.
    pub(crate) fn digits(&self) -> String {
        self.0.clone()
    }

    /// What a user is told when a node refuses to do something with this one.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Failure {
        let failure = Failure::new(refusal.message.as_str()).at(&self.0);
        match refusal.code.as_ref() {
            codes::UNKNOWN_NODE => failure.try_this("'egoist mesh peers' lists the peers"),
            codes::UNREACHABLE => {
                failure.try_this("does it run, in this subnet? see its 'egoist mesh status'")
            }
            _ => failure,
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Whom {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match NodeId::read(text.as_bytes()) {
            Ok(_) if text.len() >= FEWEST => Ok(Whom(text.to_owned())),
            _ => Err(format!(
                "write at least {FEWEST} digits of a node's id, which are in base 58 (no 0, O, I and l)"
            )),
        }
    }
}

/// The peer that these digits name.
///
/// # Errors
/// None, or several.
pub(crate) fn peer(node: &Mesh, digits: &str) -> Result<NodeId, Refusal> {
    let found = only(node.peers().map(|peer| peer.id), digits)?;
    found.ok_or_else(|| Refusal::new(codes::UNKNOWN_NODE, mesh::Refusal::NoPeer.to_string()))
}

/// The node that these digits name: this one, a peer, one whose address is known, or if they are a whole id any.
///
/// # Errors
/// None, or several.
pub(crate) fn anybody(node: &Mesh, digits: &str) -> Result<NodeId, Refusal> {
    let known = node.known().filter_map(|known| known.id);
    let all = [node.id()].into_iter().chain(node.peers().map(|peer| peer.id)).chain(known);
    let whole = || NodeId::read(digits.as_bytes()).ok().filter(|_| digits.len() >= WHOLE);
    only(all, digits)?.or_else(whole).ok_or_else(|| {
        Refusal::new(
            codes::UNKNOWN_NODE,
            "no node that is known here has such an id: who is to be looked up has to be named by all of its digits",
        )
    })
}

/// The only one of these whose id begins so, or is that.
fn only(ids: impl Iterator<Item = NodeId>, digits: &str) -> Result<Option<NodeId>, Refusal> {
    let named: BTreeSet<NodeId> =
        ids.filter(|id| digits.len() >= FEWEST && id.to_string().starts_with(digits)).collect();
    let exact = named.iter().find(|id| id.to_string() == digits);
    match (exact, named.len()) {
        (Some(id), _) => Ok(Some(*id)),
        (None, 0..=1) => Ok(named.first().copied()),
        _ => Err(Refusal::new(codes::AMBIGUOUS, "several nodes are called so: give more digits")),
    }
}

/// The first digits of an id, by which it can be named.
pub(crate) fn short(id: NodeId) -> String {
    units::short_id(&id.to_string()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(last: u8) -> NodeId {
        let mut octets = [7; NodeId::LEN];
        octets[NodeId::LEN - 1] = last;
        NodeId(octets)
    }

    #[test]
    fn nodes_are_named_by_digits_in_base_58() {
        let whole = id(1).to_string();
        for good in ["abcd", "1234", &whole] {
            assert_eq!(good.parse(), Ok(Whom(good.to_owned())));
        }
        for bad in ["", "abc", "abc0", "abcl", "127.0.0.1:4", &"z".repeat(66), &"1".repeat(80)] {
            assert!(bad.parse::<Whom>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_only_one_that_begins_so_is_meant() {
        let (one, other) = (id(1), id(200));
        let (whole, common) = (one.to_string(), &one.to_string()[..8]);
        assert!(other.to_string().starts_with(common));
        let of = |ids: &[NodeId], digits: &str| only(ids.iter().copied(), digits);
        assert_eq!(of(&[one, one], common), Ok(Some(one)));
        assert_eq!(of(&[one, other], &whole), Ok(Some(one)));
        assert_eq!(of(&[one, other], common).unwrap_err().code, codes::AMBIGUOUS);
        assert_eq!((of(&[one], &whole[..3]), of(&[one], "zzzz")), (Ok(None), Ok(None)));
        // A whole id that is the beginning of another one's.
        let small = NodeId::read(&whole.as_bytes()[..8]).unwrap();
        assert_eq!(of(&[one, small], common), Ok(Some(small)));
    }
}
